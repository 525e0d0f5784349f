//! The entries of a queue between its head and its reader: deliveries that are handed out, given
//! back, or settled behind one that is not.
//!
//! An entry is a place in the log, not a copy of events. Invariant: the head moves only over
//! entries that are settled, in the order of the log.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use loggr_flow::{Chunk, Tally};

use super::cursor::{Bindings, Counts, Cursor, CursorFile, Purged};
use super::position::Position;
use super::read_error::ReadError;

/// When the process has ended this often while the head was worked on, the head is given out alone:
/// if it makes the process crash, no other events are involved.
pub(super) const ISOLATE_ATTEMPTS: u32 = 2;

/// The state of a queue: the entries between its head and its reader.
#[derive(Debug)]
pub(super) struct State {
    file: CursorFile,
    bound_at: u64,
    bindings: Bindings,
    head: Position,
    /// Nothing before this position is given out again: a purge has dropped it, or drops it when it
    /// is given back.
    purged_to: Option<Position>,
    counts: Counts,
    /// How often the process has ended while the entry at the head was worked on; if it is worked
    /// on now, this time is counted in advance.
    attempts: u32,
    /// In the order of the log; the first is the oldest that is not settled.
    entries: VecDeque<Entry>,
    /// How many entries are being worked on.
    working: usize,
    /// The head, if it was given out alone: nothing else is given out until it is settled.
    alone: Option<u64>,
    /// The cursor on disk is older than this.
    dirty: bool,
    /// Bytes of the frames whose entries are settled, since it was opened.
    settled_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    /// The number of its first frame.
    id: u64,
    start: Position,
    end: Position,
    events: u64,
    bytes: u64,
    damaged: u64,
    /// Attempts, this one included.
    attempts: u32,
    /// It is being worked on; otherwise a consumer only keeps it.
    tried: bool,
    fate: EntryFate,
}

impl Entry {
    fn is_worked_on(&self) -> bool {
        self.fate == EntryFate::Leased && self.tried
    }

    /// The attempts that would remain on disk if the process ended now. If any entry is being
    /// worked on, also one behind the head, an attempt of the head is counted: it would be unknown
    /// later which entry made the process end, and it is the head that is given out alone then.
    fn spent(&self, working: bool) -> u32 {
        let waits = self.fate == EntryFate::Leased && !working;
        self.attempts.saturating_sub(u32::from(waits))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryFate {
    Leased,
    Nacked,
    Done(Tally),
}

/// Frames that were read and are meant for the queue.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub chunks: Vec<Chunk>,
    pub events: u64,
    pub bytes: u64,
    pub damaged: u64,
    /// The frame at the beginning of the span cannot be read.
    pub broken: bool,
}

/// A lease of the entry `id`: its place in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub id: u64,
    pub start: Position,
    pub end: Position,
    pub attempts: u32,
}

impl Lease {
    /// The error of a lease whose frames are not where they were.
    pub fn gone(&self) -> ReadError {
        let (from, to) = (self.start.seq, self.end.seq);
        let what = format!("batches from {from} to {to} are not in their segment any more");
        ReadError::Gone(io::Error::other(what))
    }
}

/// The numbers of a queue at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot {
    pub counts: Counts,
    pub leased: u64,
    /// Events settled, in flight and given back, and those lost among them.
    pub events: u64,
    /// Bytes of the frames they are in.
    pub bytes: u64,
    pub attempts: u32,
    pub settled_bytes: u64,
}

/// What a purge has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Events that are dropped.
    pub events: u64,
    /// Events that consumers have in hand: they will be stored, or dropped when they are given
    /// back.
    pub in_hand: u64,
}

impl State {
    pub fn new(file: CursorFile, cursor: &Cursor) -> State {
        State {
            file,
            bound_at: cursor.bound_at,
            bindings: cursor.bindings.clone(),
            head: cursor.head,
            purged_to: None,
            counts: cursor.counts,
            attempts: cursor.attempts,
            entries: VecDeque::new(),
            working: 0,
            alone: None,
            dirty: false,
            settled_bytes: 0,
        }
    }

    /// The head: everything before this position is settled.
    pub fn head(&self) -> Position {
        self.head
    }

    /// The position of the oldest event that may be read again.
    pub fn needed(&self) -> Position {
        self.purged_to.unwrap_or(self.head)
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut counts = self.counts;
        let (mut leased, mut events, mut bytes, mut settled_bytes) = (0, 0, 0, self.settled_bytes);
        for entry in &self.entries {
            bytes += entry.bytes;
            match entry.fate {
                EntryFate::Leased => leased += entry.events,
                EntryFate::Nacked => {}
                EntryFate::Done(tally) => {
                    count(&mut counts, entry, tally);
                    settled_bytes += entry.bytes;
                    continue;
                }
            }
            events += entry.events + entry.damaged;
        }
        let (events, bytes) = (events + counts.settled(), bytes + self.settled_bytes);
        Snapshot { counts, leased, events, bytes, attempts: self.attempts, settled_bytes }
    }

    /// True while the head is out alone.
    pub fn is_alone(&self) -> bool {
        self.alone.is_some() && self.alone == self.entries.front().map(|entry| entry.id)
    }

    /// Changes the entry at `index`.
    fn change(&mut self, index: usize, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(index) else { return };
        self.working -= usize::from(entry.is_worked_on());
        change(entry);
        self.working += usize::from(entry.is_worked_on());
    }

    /// True if the next fresh lease should be one frame alone.
    pub fn isolate(&self) -> bool {
        self.entries.is_empty() && self.attempts >= ISOLATE_ATTEMPTS
    }

    /// Leases the oldest entry again that was given back and for which `rests` is false. `tried`:
    /// it is worked on at once.
    pub fn lease_again(&mut self, tried: bool, rests: impl Fn(&Position) -> bool) -> Option<Lease> {
        let waits = |entry: &Entry| entry.fate == EntryFate::Nacked && !rests(&entry.start);
        let index = self.entries.iter().position(waits)?;
        self.change(index, |entry| {
            entry.fate = EntryFate::Leased;
            entry.attempts += 1;
            entry.tried = tried;
        });
        let entry = self.entries.get(index)?;
        let lease = Lease { id: entry.id, start: entry.start, end: entry.end, attempts: entry.attempts };
        self.dirty |= self.entries.front().is_some_and(|e| e.id == lease.id);
        self.count_attempts();
        Some(lease)
    }

    /// Notes that an entry which is leased again was read up to `at`. The part behind goes back to
    /// wait as an entry of its own; events that were there before and cannot be found now count as
    /// damaged. `None` if nothing of the entry is left.
    pub fn leased_again(&mut self, lease: &Lease, at: Position, gathered: &Gathered) -> Option<Lease> {
        let index = self.find(lease.id)?;
        let entry = self.entries.get_mut(index)?;
        let left = entry.events.saturating_sub(gathered.events);
        entry.events = gathered.events;
        let mut rest = None;
        if at.seq < entry.end.seq {
            rest = Some(Entry {
                id: at.seq,
                start: at,
                end: entry.end,
                events: left,
                bytes: entry.bytes.saturating_sub(gathered.bytes),
                damaged: 0,
                attempts: lease.attempts.saturating_sub(1),
                tried: false,
                fate: EntryFate::Nacked,
            });
            entry.end = at;
            entry.bytes = gathered.bytes;
        } else {
            entry.damaged += left;
        }
        let end = entry.end;
        if let Some(rest) = rest {
            self.entries.insert(index + 1, rest);
        }
        self.counts.redelivered += gathered.events;
        if gathered.chunks.is_empty() {
            self.change(index, |entry| entry.fate = EntryFate::Done(Tally::default()));
            self.settled(index);
            return None;
        }
        Some(Lease { end, ..*lease })
    }

    /// Leases what was read from `start` to `end`; with `tried` it is worked on at once. If it
    /// holds no event for the queue it is skipped.
    pub fn lease_fresh(
        &mut self,
        start: Position,
        end: Position,
        gathered: &Gathered,
        tried: bool,
    ) -> Option<Lease> {
        let first = self.entries.is_empty();
        let id = start.seq;
        let (events, bytes, damaged) = (gathered.events, gathered.bytes, gathered.damaged);
        if gathered.chunks.is_empty() {
            let fate = EntryFate::Done(Tally::default());
            self.entries.push_back(Entry {
                id,
                start,
                end,
                events: 0,
                bytes: 0,
                damaged,
                attempts: 0,
                tried: false,
                fate,
            });
            self.merge(self.entries.len() - 1);
            self.advance();
            return None;
        }
        if first {
            self.alone = self.isolate().then_some(id);
        }
        let attempts = 1 + if first { self.attempts } else { 0 };
        let fate = EntryFate::Leased;
        self.entries.push_back(Entry { id, start, end, events, bytes, damaged, attempts, tried, fate });
        self.working += usize::from(tried);
        self.dirty |= first && tried;
        self.count_attempts();
        Some(Lease { id, start, end, attempts })
    }

    /// Drops everything from `start` to `end`, and everything that was given back, by order of the
    /// operator; events that consumers have in hand are dropped if they are given back. `published`
    /// is how many events and bytes were ever meant for the queue.
    pub fn purge(&mut self, start: Position, end: Position, published: u64, published_bytes: u64) -> Dropped {
        let (mut events, mut bytes, mut dropped) = (published, published_bytes, 0);
        events = events.saturating_sub(self.counts.settled());
        bytes = bytes.saturating_sub(self.settled_bytes);
        for entry in &mut self.entries {
            events = events.saturating_sub(entry.events + entry.damaged);
            bytes = bytes.saturating_sub(entry.bytes);
            if entry.fate == EntryFate::Nacked {
                entry.fate = EntryFate::Done(Tally { dropped: entry.events, ..Tally::default() });
                dropped += entry.events;
            }
        }
        if start.seq < end.seq {
            self.entries.push_back(Entry {
                id: start.seq,
                start,
                end,
                events,
                bytes,
                damaged: 0,
                attempts: 0,
                tried: false,
                fate: EntryFate::Done(Tally { dropped: events, ..Tally::default() }),
            });
        } else {
            // The numbers did not add up.
            self.counts.dropped += events;
            self.settled_bytes += bytes;
        }
        self.purged_to = Some(end);
        self.dirty = true;
        self.advance();
        Dropped { events: dropped + events, in_hand: self.snapshot().leased }
    }

    /// Notes whether the entry is being worked on or only kept. At the head that is written to disk
    /// at once.
    pub fn tries(&mut self, id: u64, tried: bool) -> io::Result<()> {
        let Some(index) = self.find(id) else { return Ok(()) };
        self.change(index, |entry| entry.tried = tried);
        let before = self.attempts;
        self.count_attempts();
        self.dirty |= self.attempts != before;
        self.write()
    }

    /// Settles the entry.
    pub fn acked(&mut self, id: u64, tally: Tally) {
        let Some(index) = self.find(id) else { return };
        self.change(index, |entry| {
            // The tally should be the number of events; the queue's numbers add up even if it is
            // not.
            let rescued = tally.rescued.min(entry.events);
            let dropped = tally.dropped.min(entry.events - rescued);
            entry.fate =
                EntryFate::Done(Tally { stored: entry.events - rescued - dropped, rescued, dropped });
        });
        self.settled(index);
    }

    /// Settles the entry at `index`.
    fn settled(&mut self, index: usize) {
        // Entries settled behind the head are written to disk only after a purge.
        self.dirty |= self.purged_to.is_some();
        self.merge(index + 1);
        self.merge(index);
        self.advance();
    }

    /// Gives the entry back. `counted`: if it was worked on, that counts as one of its attempts.
    /// True if it waits to be given out again, false if a purge has dropped it meanwhile.
    pub fn nacked(&mut self, id: u64, counted: bool) -> bool {
        let Some(index) = self.find(id) else { return false };
        let Some(end) = self.entries.get(index).map(|entry| entry.end.seq) else { return false };
        if self.purged_to.is_some_and(|to| end <= to.seq) {
            self.change(index, |entry| {
                entry.fate = EntryFate::Done(Tally { dropped: entry.events, ..Tally::default() });
            });
            self.settled(index);
            return false;
        }
        self.change(index, |entry| {
            if !counted || !entry.tried {
                entry.attempts = entry.attempts.saturating_sub(1);
            }
            entry.fate = EntryFate::Nacked;
        });
        self.count_attempts();
        self.dirty = true;
        true
    }

    /// Writes the cursor if the one on disk is out of date.
    pub fn write(&mut self) -> io::Result<()> {
        if !self.dirty {
            return Ok(());
        }
        let cursor = self.cursor();
        // DURABLE: against `kill -9` from here on; against power loss after the flush.
        self.file.write(&cursor)?;
        self.dirty = false;
        Ok(())
    }

    /// Writes the cursor to another file in the place of this one.
    pub fn replace(&mut self) -> io::Result<()> {
        let cursor = self.cursor();
        self.file.replace(&cursor)
    }

    pub fn file(&self) -> Arc<File> {
        self.file.file()
    }

    fn cursor(&self) -> Cursor {
        Cursor {
            head: self.head,
            purged: self.purged(),
            counts: self.counts,
            attempts: self.attempts,
            bound_at: self.bound_at,
            bindings: self.bindings.clone(),
        }
    }

    /// The state that the queue will have once what was in flight at the purge is given back.
    fn purged(&self) -> Option<Purged> {
        let to = self.purged_to?;
        let mut counts = self.counts;
        for entry in self.entries.iter().take_while(|e| e.end.seq <= to.seq) {
            let dropped = Tally { dropped: entry.events, ..Tally::default() };
            count(&mut counts, entry, if let EntryFate::Done(tally) = entry.fate { tally } else { dropped });
        }
        Some(Purged { to, counts })
    }

    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |e| e.id).ok()
    }

    /// Joins the entry at `index` with the one before it, if both are settled, so that an entry
    /// that is never settled does not let the list grow without end.
    fn merge(&mut self, index: usize) {
        let Some(before) = index.checked_sub(1) else { return };
        let fate = |i: usize| self.entries.get(i).map(|e| e.fate);
        let (Some(EntryFate::Done(a)), Some(EntryFate::Done(b))) = (fate(before), fate(index)) else {
            return;
        };
        // Entries that a purge has dropped are kept apart.
        let end = |i: usize| self.entries.get(i).map_or(0, |e| e.end.seq);
        if self.purged_to.is_some_and(|to| end(before) <= to.seq && to.seq < end(index)) {
            return;
        }
        let Some(entry) = self.entries.remove(index) else { return };
        if let Some(into) = self.entries.get_mut(before) {
            let (stored, rescued, dropped) =
                (a.stored + b.stored, a.rescued + b.rescued, a.dropped + b.dropped);
            into.fate = EntryFate::Done(Tally { stored, rescued, dropped });
            into.end = entry.end;
            into.events += entry.events;
            into.bytes += entry.bytes;
            into.damaged += entry.damaged;
        }
    }

    /// Moves the head over settled entries.
    fn advance(&mut self) {
        while let Some(entry) = self.entries.front()
            && let EntryFate::Done(tally) = entry.fate
        {
            self.head = entry.end;
            count(&mut self.counts, entry, tally);
            self.settled_bytes += entry.bytes;
            self.attempts = 0;
            self.dirty = true;
            self.entries.pop_front();
        }
        self.purged_to = self.purged_to.filter(|to| self.head.seq < to.seq);
        self.count_attempts();
    }

    fn count_attempts(&mut self) {
        if let Some(entry) = self.entries.front() {
            self.attempts = entry.spent(self.working > 0);
        }
    }
}

/// Adds what became of an entry's events.
fn count(counts: &mut Counts, entry: &Entry, tally: Tally) {
    counts.stored += tally.stored;
    counts.rescued += tally.rescued;
    counts.dropped += tally.dropped;
    counts.damaged += entry.damaged;
}
