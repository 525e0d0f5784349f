//! A queue: what is handed out and not yet settled, and where the next event lies.
//!
//! Not a copy of any event: those lie in the log, once for all queues. Invariant: the
//! head moves only over entries that are settled, in the order of the log; and what
//! it moved over is on disk before another delivery is handed out.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use loggr_flow::{Chunk, Tally};
use tokio::sync::Notify;

use crate::encoding::Decoder;

use super::cursor::{Bindings, Counts, Cursor, CursorFile, Purged};
use super::frame::Frame;
use super::log::{Position, ReadError, Span};
use super::trouble::Trouble;

/// When the process ended this often while somebody worked on the head, it is
/// given out alone: if it brings the process down, it does so without company.
pub(super) const ISOLATE_ATTEMPTS: u32 = 2;

/// A queue of one exchange, shared by its consumers.
#[derive(Debug)]
pub(super) struct Queue {
    pub name: String,
    pub path: PathBuf,
    /// False if the configuration does not name it any more: it is kept all the same.
    pub configured: bool,
    pub bindings: Bindings,
    /// Events meant for it, since it was bound. Moves under the lock of the log.
    pub published: AtomicU64,
    /// Bytes of the frames meant for it, since the exchange was opened, and those that
    /// waited then.
    pub published_bytes: AtomicU64,
    /// Something changed: new frames, or a settlement.
    pub changed: Notify,
    /// The janitor was told that the cursor is to be flushed.
    pub flush_asked: AtomicBool,
    /// Consumers that are open.
    pub consumers: AtomicUsize,
    /// Why it cannot be read at the moment.
    pub reading: Trouble,
    /// Why its cursor cannot be written at the moment.
    pub keeping: Trouble,
    /// Serialises fresh reads; taken before `state`, never after it.
    pub reader: Mutex<Reader>,
    pub state: Mutex<State>,
}

/// Where the next fresh read begins.
#[derive(Debug)]
pub(super) struct Reader {
    pub at: Position,
    pub decoder: Decoder,
}

/// What is known of the entries between the head and the reader.
#[derive(Debug)]
pub(super) struct State {
    file: CursorFile,
    bound_at: u64,
    bindings: Bindings,
    head: Position,
    /// Nothing before it is given out again: a purge has dropped it, or will when it comes back.
    purged_to: Option<Position>,
    counts: Counts,
    /// How often the process ended, or will have ended if it does so now, while somebody
    /// worked on the entry at the head.
    attempts: u32,
    /// In the order of the log, first the oldest that is not settled.
    entries: VecDeque<Entry>,
    next_entry: u64,
    /// The cursor on disk is older than this.
    dirty: bool,
    /// Bytes of the frames whose entries are settled, since it was opened.
    settled_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    start: Position,
    end: Position,
    events: u64,
    bytes: u64,
    damaged: u64,
    /// This one included.
    attempts: u32,
    /// Somebody works on it; otherwise it is only kept.
    tried: bool,
    fate: EntryFate,
}

impl Entry {
    /// Attempts that the end of the process at this moment leaves behind.
    fn spent(&self) -> u32 {
        let waits = self.fate == EntryFate::Leased && !self.tried;
        self.attempts.saturating_sub(u32::from(waits))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryFate {
    Leased,
    Nacked,
    Done(Tally),
}

/// A lease of the entry `id`: its place in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub id: u64,
    pub start: Position,
    pub end: Position,
    pub attempts: u32,
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

/// What a queue shows of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot {
    pub counts: Counts,
    pub head: Position,
    pub leased: u64,
    pub attempts: u32,
    pub settled_bytes: u64,
}

/// What a purge has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Events that are dropped.
    pub events: u64,
    /// Events that are in somebody's hands: stored by him, or dropped when he gives them back.
    pub in_hand: u64,
}

impl Queue {
    pub fn new(name: &str, path: PathBuf, configured: bool, file: CursorFile, cursor: &Cursor) -> Queue {
        let state = State {
            file,
            bound_at: cursor.bound_at,
            bindings: cursor.bindings.clone(),
            head: cursor.head,
            purged_to: None,
            counts: cursor.counts,
            attempts: cursor.attempts,
            entries: VecDeque::new(),
            next_entry: 0,
            dirty: false,
            settled_bytes: 0,
        };
        Queue {
            name: name.to_owned(),
            path,
            configured,
            bindings: cursor.bindings.clone(),
            published: AtomicU64::new(cursor.counts.settled()),
            published_bytes: AtomicU64::new(0),
            changed: Notify::new(),
            flush_asked: AtomicBool::new(false),
            consumers: AtomicUsize::new(0),
            reading: Trouble::default(),
            keeping: Trouble::default(),
            reader: Mutex::new(Reader { at: cursor.head, decoder: Decoder::default() }),
            state: Mutex::new(state),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the cursor if it is old, and flushes it. Gives the position that is durable
    /// now: nothing before it is needed any more.
    pub fn flush(&self) -> io::Result<Position> {
        self.flush_asked.store(false, Ordering::SeqCst);
        let flushed = self.try_flush();
        match &flushed {
            Ok(_) => self.kept(),
            Err(error) => self.not_kept(error),
        }
        flushed
    }

    fn try_flush(&self) -> io::Result<Position> {
        let (needed, file) = {
            let mut state = self.state();
            state.write()?;
            (state.needed(), state.file.file())
        };
        if super::disk::sync(&file).is_err() {
            // What a failed flush has lost a second one does not bring back.
            let mut state = self.state();
            let cursor = state.cursor();
            state.file.replace(&cursor)?;
            return Ok(state.needed());
        }
        Ok(needed)
    }

    /// The cursor was written.
    pub fn kept(&self) {
        if self.keeping.clear() {
            tracing::info!(queue = %self.name, "the cursor is written again");
        }
    }

    /// The cursor was not written.
    pub fn not_kept(&self, error: &io::Error) {
        let path = self.path.display();
        if self.keeping.raise(format!("cannot write `{path}`: {error}")) {
            tracing::error!(queue = %self.name, "cannot write the cursor `{path}`, no space is given back: {error}");
        }
    }

    /// Takes the frames at the beginning of `bytes` that are meant for the queue, and
    /// moves `at` behind the last one it looked at. Ends before `until`.
    pub fn gather(
        &self,
        span: &Span,
        bytes: &bytes::Bytes,
        at: &mut Position,
        until: Option<u64>,
        limits: (usize, usize),
        decoder: &mut Decoder,
    ) -> Result<Gathered, ReadError> {
        let (max_bytes, max_events) = limits;
        let mut out = Gathered::default();
        let mut offset = 0usize;
        while until.is_none_or(|seq| at.seq < seq) && at.offset < span.end {
            let Some(frame) =
                Frame::read(bytes, offset, span.segment.seed).filter(|f| f.header.seq >= at.seq)
            else {
                // Cut off by the end of what was read, unless it is the first one.
                out.broken = offset == 0;
                break;
            };
            let len = frame.header.frame_len();
            let wanted = !frame.header.gap && self.bindings.matches(frame.header.seq, frame.key());
            if wanted {
                let more = out.bytes + len > max_bytes as u64
                    || out.events + u64::from(frame.header.events) > max_events as u64;
                if more && !out.chunks.is_empty() {
                    break;
                }
                let body = offset + super::frame::FRAME_HEADER_BYTES as usize;
                let chunk = bytes.slice(body + usize::from(frame.header.key_len)..body + frame.body.len());
                match decoder.decode(&chunk) {
                    Ok(chunk) => out.chunks.push(chunk),
                    Err(_) if !out.chunks.is_empty() => break,
                    Err(source) => return Err(ReadError::Unreadable { seq: frame.header.seq, source }),
                }
                out.events += u64::from(frame.header.events);
                out.bytes += len;
            }
            // Events that the numbers say were there, and are not.
            out.damaged += frame.header.events_before.saturating_sub(at.events);
            if frame.header.gap {
                out.damaged += u64::from(frame.header.events);
            }
            *at = at.after(&frame.header);
            offset += len as usize;
        }
        Ok(out)
    }
}

impl State {
    /// Where everything before is settled.
    pub fn head(&self) -> Position {
        self.head
    }

    /// Where the oldest event lies that may be read again.
    pub fn needed(&self) -> Position {
        self.purged_to.unwrap_or(self.head)
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut counts = self.counts;
        let (mut leased, mut settled_bytes) = (0, self.settled_bytes);
        for entry in &self.entries {
            match entry.fate {
                EntryFate::Leased => leased += entry.events,
                EntryFate::Nacked => {}
                EntryFate::Done(tally) => {
                    count(&mut counts, entry, tally);
                    settled_bytes += entry.bytes;
                }
            }
        }
        Snapshot { counts, head: self.head, leased, attempts: self.attempts, settled_bytes }
    }

    /// True if the next fresh lease should be one frame alone.
    pub fn isolate(&self) -> bool {
        self.entries.is_empty() && self.attempts >= ISOLATE_ATTEMPTS
    }

    /// The oldest entry that was given back is leased again. `tried`: to be worked on at once.
    pub fn lease_again(&mut self, tried: bool) -> Option<Lease> {
        let entry = self.entries.iter_mut().find(|e| e.fate == EntryFate::Nacked)?;
        entry.fate = EntryFate::Leased;
        entry.attempts += 1;
        entry.tried = tried;
        self.counts.redelivered += entry.events;
        let lease = Lease { id: entry.id, start: entry.start, end: entry.end, attempts: entry.attempts };
        self.dirty |= self.entries.front().is_some_and(|e| e.id == lease.id);
        self.count_attempts();
        Some(lease)
    }

    /// What was read from `start` to `end` is leased, `tried` to be worked on at once; if there
    /// is nothing in it, it is passed over.
    pub fn lease_fresh(
        &mut self,
        start: Position,
        end: Position,
        gathered: &Gathered,
        tried: bool,
    ) -> Option<Lease> {
        let first = self.entries.is_empty();
        let id = self.next_entry;
        self.next_entry += 1;
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
        let attempts = 1 + if first { self.attempts } else { 0 };
        let fate = EntryFate::Leased;
        self.entries.push_back(Entry { id, start, end, events, bytes, damaged, attempts, tried, fate });
        self.dirty |= first && tried;
        self.count_attempts();
        Some(Lease { id, start, end, attempts })
    }

    /// Everything from `start` to `end`, and everything given back, is dropped by
    /// order of the operator; what is in somebody's hands will be, should he give it back.
    /// `published` events and bytes were ever meant for the queue.
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
        let fate = EntryFate::Done(Tally { dropped: events, ..Tally::default() });
        let id = self.next_entry;
        self.next_entry += 1;
        self.entries.push_back(Entry {
            id,
            start,
            end,
            events,
            bytes,
            damaged: 0,
            attempts: 0,
            tried: false,
            fate,
        });
        self.purged_to = Some(end);
        self.dirty = true;
        self.advance();
        Dropped { events: dropped + events, in_hand: self.snapshot().leased }
    }

    /// Somebody works on the entry, or only keeps it. Written down at once if it is at the head.
    pub fn tries(&mut self, id: u64, tried: bool) -> io::Result<()> {
        let Some(entry) = self.find(id).and_then(|index| self.entries.get_mut(index)) else { return Ok(()) };
        if entry.fate != EntryFate::Leased || entry.tried == tried {
            return Ok(());
        }
        entry.tried = tried;
        let before = self.attempts;
        self.count_attempts();
        self.dirty |= self.attempts != before;
        self.write()
    }

    /// The entry is settled.
    pub fn acked(&mut self, id: u64, tally: Tally) {
        let Some(index) = self.find(id) else { return };
        let Some(entry) = self.entries.get_mut(index) else { return };
        // By the law of deliveries the tally is the number of events; the queue's books
        // balance even if somebody breaks it.
        let rescued = tally.rescued.min(entry.events);
        let dropped = tally.dropped.min(entry.events - rescued);
        entry.fate = EntryFate::Done(Tally { stored: entry.events - rescued - dropped, rescued, dropped });
        self.settled(index);
    }

    /// The entry at `index` is settled now.
    fn settled(&mut self, index: usize) {
        // What is settled behind the head is written down with a purge alone.
        self.dirty |= self.purged_to.is_some();
        self.merge(index + 1);
        self.merge(index);
        self.advance();
    }

    /// The entry comes back. `counted`: the try counts as one of its attempts, if it was one.
    pub fn nacked(&mut self, id: u64, counted: bool) {
        let Some(index) = self.find(id) else { return };
        let purged = self.purged_to;
        let Some(entry) = self.entries.get_mut(index) else { return };
        if purged.is_some_and(|to| entry.end.seq <= to.seq) {
            entry.fate = EntryFate::Done(Tally { dropped: entry.events, ..Tally::default() });
            return self.settled(index);
        }
        if !counted || !entry.tried {
            entry.attempts = entry.attempts.saturating_sub(1);
        }
        entry.fate = EntryFate::Nacked;
        self.count_attempts();
        self.dirty = true;
    }

    /// Writes the cursor if it is old.
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

    /// Where the queue stands once what was in flight at the purge is given back.
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

    /// Makes the entry at `index` one with its neighbour before it, if both are
    /// settled: one that is never settled must not let the list grow without end.
    fn merge(&mut self, index: usize) {
        let Some(before) = index.checked_sub(1) else { return };
        let fate = |i: usize| self.entries.get(i).map(|e| e.fate);
        let (Some(EntryFate::Done(a)), Some(EntryFate::Done(b))) = (fate(before), fate(index)) else {
            return;
        };
        // What a purge has dropped is told by itself.
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

    /// Moves the head over what is settled.
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
            self.attempts = entry.spent();
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
