//! The cursor: how far a queue has been read, on disk, in two slots that are written in turn.
//!
//! Knows nothing of leases. A write that a crash cuts short spoils one slot; the
//! newest one that is whole wins. Writing is one `pwrite` and survives `kill -9`;
//! the flush comes later, and always before a segment is given back.
//!
//! Two slots of 4096 bytes, the second at 4096:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `LGRq` |
//! | 4 | 4 | CRC-32C of bytes 8 to the end |
//! | 8 | 4 | length of the slot in use |
//! | 12 | 4 | attempts: how often the event at the head was given out |
//! | 16 | 8 | generation; the greater one wins |
//! | 24 | 40 | head: segment, offset, sequence number, events before, bytes before |
//! | 64 | 40 | events stored, rescued, dropped, damaged, delivered again |
//! | 104 | 8 | sequence number at which the queue was bound |
//! | 112 | 2 | number of binding keys |
//! | 114 | | per key: first sequence number for which it is **not** valid (8), length (2), text |
//! | … | 74 | only where a purge waits for what was in flight: 1 (2 bytes), the position up to which everything is dropped (40), and events stored, rescued, dropped and damaged as they are then (32) |

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::binding::Binding;

use super::fault::{Faults, Op};
use super::frame::{u32_at, u64_at};
use super::position::Position;

/// Size of a slot in bytes.
const SLOT_BYTES: u64 = 4096;
/// A binding key can be changed this often while events wait that came under the old one.
pub(super) const MAX_BINDINGS: usize = 8;

const MAGIC: [u8; 4] = *b"LGRq";
const FIXED_BYTES: usize = 114;
/// The number that stands before the part that a purge adds to a cursor.
const PURGED: u16 = 1;
const PURGED_BYTES: usize = 74;

/// What became of the events before the head of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub stored: u64,
    pub rescued: u64,
    pub dropped: u64,
    pub damaged: u64,
    pub redelivered: u64,
}

impl Counts {
    /// The number of events that are settled.
    pub fn settled(&self) -> u64 {
        self.stored + self.rescued + self.dropped + self.damaged
    }
}

/// The binding keys that a queue has had, in order; the last one is valid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bindings(Vec<(u64, Binding)>);

impl Bindings {
    pub fn new(binding: Binding) -> Bindings {
        Bindings(vec![(u64::MAX, binding)])
    }

    /// The one that is valid now.
    pub fn current(&self) -> &str {
        self.0.last().map_or("", |(_, b)| b.as_str())
    }

    /// The queue gets no more events.
    pub fn is_retired(&self) -> bool {
        self.0.last().is_some_and(|(_, binding)| binding.is_nothing())
    }

    /// True if the frame with this number was meant for the queue: by the key that
    /// was valid when it was published, as in AMQP.
    pub fn matches(&self, seq: u64, key: &str) -> bool {
        self.0.iter().find(|(until, _)| seq < *until).is_some_and(|(_, b)| b.matches(key))
    }

    /// From `seq` on, `binding` is valid. False if it was changed too often.
    pub fn change(&mut self, seq: u64, head: u64, binding: Binding) -> bool {
        self.0.retain(|(until, _)| *until > head);
        if let Some((until, _)) = self.0.last_mut() {
            *until = seq;
        }
        self.0.retain(|(until, _)| *until > head);
        self.0.push((u64::MAX, binding));
        self.0.len() <= MAX_BINDINGS
    }
}

/// The state that a queue will have once the events that were in flight at a purge are settled or
/// given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purged {
    pub to: Position,
    pub counts: Counts,
}

/// All that a queue must know after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub head: Position,
    /// Set after a purge: nothing before this position is given out any more.
    pub purged: Option<Purged>,
    pub counts: Counts,
    pub attempts: u32,
    pub bound_at: u64,
    pub bindings: Bindings,
}

impl Cursor {
    /// The cursor of a queue that was bound at `head`.
    pub fn fresh(head: Position, binding: &str) -> Cursor {
        let binding =
            Binding::parse(binding).unwrap_or_else(|_| Binding::parse("#").expect("BUG: `#` is a key"));
        let (counts, bindings) = (Counts::default(), Bindings::new(binding));
        Cursor { head, purged: None, counts, attempts: 0, bound_at: head.seq, bindings }
    }

    fn encode(&self, generation: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.attempts.to_le_bytes());
        let c = &self.counts;
        put(out, &[generation]);
        put(out, &numbers_of(&self.head));
        put(out, &[c.stored, c.rescued, c.dropped, c.damaged, c.redelivered, self.bound_at]);
        out.extend_from_slice(&(self.bindings.0.len() as u16).to_le_bytes());
        for (until, binding) in &self.bindings.0 {
            out.extend_from_slice(&until.to_le_bytes());
            out.extend_from_slice(&(binding.as_str().len() as u16).to_le_bytes());
            out.extend_from_slice(binding.as_str().as_bytes());
        }
        if let Some(Purged { to, counts: c }) = &self.purged {
            out.extend_from_slice(&PURGED.to_le_bytes());
            put(out, &numbers_of(to));
            put(out, &[c.stored, c.rescued, c.dropped, c.damaged]);
        }
        let len = out.len() as u32;
        out[8..12].copy_from_slice(&len.to_le_bytes());
        let crc = crc32c::crc32c(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    fn decode(slot: &[u8]) -> Option<(u64, Cursor)> {
        let slot = slot.get(..u32_at(slot, 8) as usize)?;
        if slot.len() < FIXED_BYTES || slot[..4] != MAGIC || crc32c::crc32c(&slot[8..]) != u32_at(slot, 4) {
            return None;
        }
        let n = |at| u64_at(slot, at);
        let head = position(slot, 24);
        let counts =
            Counts { stored: n(64), rescued: n(72), dropped: n(80), damaged: n(88), redelivered: n(96) };
        let mut bindings = Vec::new();
        let mut rest = slot.get(FIXED_BYTES..)?;
        for _ in 0..u16::from_le_bytes([slot[112], slot[113]]) {
            let (fixed, after) = rest.split_at_checked(10)?;
            let (text, after) =
                after.split_at_checked(usize::from(u16::from_le_bytes([fixed[8], fixed[9]])))?;
            bindings.push((u64_at(fixed, 0), Binding::parse(std::str::from_utf8(text).ok()?).ok()?));
            rest = after;
        }
        let bindings = Bindings(bindings);
        let purged = rest.len() == PURGED_BYTES && rest.starts_with(&PURGED.to_le_bytes());
        let purged = purged.then(|| {
            let n = |at| u64_at(rest, at);
            let redelivered = counts.redelivered;
            let counts =
                Counts { stored: n(42), rescued: n(50), dropped: n(58), damaged: n(66), redelivered };
            Purged { to: position(rest, 2), counts }
        });
        Some((n(16), Cursor { head, purged, counts, attempts: u32_at(slot, 12), bound_at: n(104), bindings }))
    }

    /// The cursor after a restart: nothing is in flight any more, and events that were in flight at
    /// a purge are dropped too.
    fn after_restart(self) -> Cursor {
        match self.purged {
            Some(Purged { to, counts }) => Cursor { head: to, purged: None, counts, attempts: 0, ..self },
            None => self,
        }
    }
}

fn put(out: &mut Vec<u8>, numbers: &[u64]) {
    for n in numbers {
        out.extend_from_slice(&n.to_le_bytes());
    }
}

fn numbers_of(at: &Position) -> [u64; 5] {
    [at.segment, at.offset, at.seq, at.events, at.bytes]
}

fn position(bytes: &[u8], at: usize) -> Position {
    let n = |i: usize| u64_at(bytes, at + 8 * i);
    Position { segment: n(0), offset: n(1), seq: n(2), events: n(3), bytes: n(4) }
}

/// The file of a cursor, its content, and why a slot could not be read.
pub(super) struct Opened {
    pub file: CursorFile,
    pub cursor: Option<Cursor>,
    pub error: Option<io::Error>,
}

/// The file that holds a cursor.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
    file: Arc<File>,
    generation: u64,
    scratch: Vec<u8>,
    faults: Faults,
}

impl CursorFile {
    /// Makes the file, with its first cursor flushed.
    pub fn create(path: &Path, cursor: &Cursor, faults: Faults) -> io::Result<CursorFile> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        loggr_disk::zero(&file, 0, 2 * SLOT_BYTES)?;
        let path = path.to_owned();
        let mut this = CursorFile { path, file: Arc::new(file), generation: 0, scratch: Vec::new(), faults };
        this.write_slot(cursor)?;
        // DURABLE: a queue that was declared gets every event from here on.
        loggr_disk::sync_new(&this.file, &this.path)?;
        Ok(this)
    }

    /// Opens the file. It has no cursor if both slots are spoilt; then the error of the disk is
    /// given, if there was one.
    pub fn open(path: &Path, writable: bool, faults: Faults) -> io::Result<Opened> {
        let file = OpenOptions::new().read(true).write(writable).open(path)?;
        let (mut newest, mut error) = (None::<(u64, Cursor)>, None);
        for at in [0, SLOT_BYTES] {
            let slot = faults
                .check_read(path, at..at + SLOT_BYTES)
                .and_then(|()| loggr_disk::read_at(&file, at, SLOT_BYTES as usize));
            match slot {
                Ok(slot) => {
                    newest = [newest, Cursor::decode(&slot)].into_iter().flatten().max_by_key(|(n, _)| *n)
                }
                Err(e) => error = Some(e),
            }
        }
        let generation = newest.as_ref().map_or(0, |(generation, _)| *generation);
        let path = path.to_owned();
        let file = CursorFile { path, file: Arc::new(file), generation, scratch: Vec::new(), faults };
        Ok(Opened { file, cursor: newest.map(|(_, cursor)| cursor.after_restart()), error })
    }

    /// Writes into the slot that does not hold the newest cursor, or into a new file if the disk
    /// has a bad block there.
    pub fn write(&mut self, cursor: &Cursor) -> io::Result<()> {
        match self.write_slot(cursor) {
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                self.replace(cursor).map_err(|_| error)
            }
            written => written,
        }
    }

    /// Writes a new file, in other blocks of the disk, and gives it the name of this one.
    pub fn replace(&mut self, cursor: &Cursor) -> io::Result<()> {
        let making = self.path.with_extension("queue.new");
        let made = CursorFile::create(&making, cursor, self.faults.clone())?;
        // DURABLE: the old file may never be readable again.
        loggr_disk::rename(&making, &self.path)?;
        *self = CursorFile { path: std::mem::take(&mut self.path), ..made };
        Ok(())
    }

    fn write_slot(&mut self, cursor: &Cursor) -> io::Result<()> {
        self.faults.check(Op::Cursor)?;
        let next = self.generation + 1;
        cursor.encode(next, &mut self.scratch);
        let slot = (next % 2) * SLOT_BYTES;
        loggr_disk::write_at(&self.file, &mut [IoSlice::new(&self.scratch)], slot)?;
        self.generation = next;
        Ok(())
    }

    /// The file, for a flush that nothing waits for.
    pub fn file(&self) -> Arc<File> {
        self.file.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(seq: u64) -> Cursor {
        let head = Position { segment: 1, offset: 4096, seq, events: 8, bytes: 9 };
        let counts = Counts { stored: 1, rescued: 2, dropped: 3, damaged: 4, redelivered: 5 };
        let mut bindings = Bindings::new(Binding::parse("a.*").unwrap());
        assert!(bindings.change(7, 3, Binding::parse("#").unwrap()));
        Cursor { head, purged: None, counts, attempts: 6, bound_at: 2, bindings }
    }

    #[test]
    fn after_a_restart_a_queue_stands_behind_what_was_purged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("q.queue");
        let to = Position { segment: 3, offset: 4096, seq: 20, events: 80, bytes: 900 };
        let counts = Counts { stored: 4, rescued: 2, dropped: 70, damaged: 4, redelivered: 5 };
        let waits = Cursor { purged: Some(Purged { to, counts }), ..cursor(10) };
        CursorFile::create(&path, &waits, Faults::default()).unwrap();
        let read = CursorFile::open(&path, true, Faults::default()).unwrap();
        assert_eq!(read.cursor, Some(Cursor { head: to, counts, attempts: 0, ..cursor(10) }));
    }

    #[test]
    fn the_newest_whole_slot_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("q.queue");
        let mut file = CursorFile::create(&path, &cursor(10), Faults::default()).unwrap();
        file.write(&cursor(11)).unwrap();
        file.write(&cursor(12)).unwrap();
        let read = || CursorFile::open(&path, true, Faults::default()).unwrap();
        assert_eq!(read().cursor, Some(cursor(12)));
        // Generation 3 is in the second slot: a torn write there brings the one before back.
        loggr_disk::write_at(&file.file(), &mut [IoSlice::new(b"torn")], SLOT_BYTES + 30).unwrap();
        assert_eq!(read().cursor, Some(cursor(11)));
        let mut again = read();
        again.file.write(&cursor(13)).unwrap();
        assert_eq!(read().cursor, Some(cursor(13)));
        loggr_disk::zero(&file.file(), 0, 2 * SLOT_BYTES).unwrap();
        assert_eq!(read().cursor, None);
    }

    #[test]
    fn a_frame_is_matched_by_the_key_of_its_time() {
        let bindings = cursor(0).bindings;
        assert!(bindings.matches(6, "a.b") && !bindings.matches(6, "b") && bindings.matches(7, "b"));
        assert_eq!(bindings.current(), "#");
        let mut bindings = Bindings::new(Binding::parse("x").unwrap());
        for i in 1..MAX_BINDINGS as u64 {
            assert!(bindings.change(i * 10, 0, Binding::parse("y").unwrap()));
        }
        assert!(!bindings.clone().change(1000, 0, Binding::parse("z").unwrap()));
        assert!(bindings.change(1000, 1000, Binding::parse("z").unwrap()));
        assert_eq!(bindings, Bindings::new(Binding::parse("z").unwrap()));
    }
}
