//! Reads records from the ring and makes batches of them. Neither settling nor files here, and what time it is
//! the caller says.
//!
//! A record has its number from the kernel: numbers that are missing are records that were overwritten unread. Its
//! stamp counts from the start of the host, by a clock that is not the wall's: that one is set, the host sleeps, and
//! the two drift apart. Where the wall's clock has moved against the one that only counts, or records that come
//! while the ring is watched show that stamps are off, times count anew from there on. Nothing is read with the new
//! base until it is kept: what is read again must get the times that it had.

use std::io;
use std::sync::Arc;

use loggr_event::Origin;
use loggr_flow::{Batch, BatchBuilder};

use super::device::{Found, Ring};
use super::place::{Base, Place};
use super::record::Record;

/// Records of one batch at most.
const BATCH_RECORDS: usize = 1024;
/// Bytes of one batch, about.
const BATCH_BYTES: usize = 1 << 20;
/// So much may times be off before they count anew, in microseconds.
const MAX_OFF_MICROS: i64 = 1_000_000;
/// So many records in a row that seem too old show that stamps are off. Fewer may have come late: the kernel hands
/// out a line without an end only when the next one begins.
const TOO_OLD: u32 = 3;

/// What the clocks say, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clocks {
    /// Since 1970, by the wall's.
    pub(super) wall: i64,
    /// When by it the host has started: the wall's without the one that only counts.
    pub(super) start: i64,
}

/// What reads.
pub(super) struct Reader<R> {
    ring: R,
    place: Place,
    /// The number of the next record is known: one that is higher leaves a gap.
    knows_next: bool,
    origin: Arc<Origin>,
    max_message: usize,
    /// When the ring was found empty, if nothing was read since.
    watched: Option<i64>,
    /// Records in a row that seemed too old, and by how much the one that was least so.
    too_old: (u32, i64),
    /// How times are to count before more is read.
    wanted: Option<Base>,
    /// A record that waits for that.
    held: Option<Record>,
    /// The stamp of the last record.
    stamp: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) batch: Option<Batch>,
    /// Messages that were cut.
    pub(super) truncated: u64,
    /// Records that were overwritten before they were read.
    pub(super) lost: u64,
    /// Why reading has ended here, if it was an error.
    pub(super) error: Option<io::Error>,
}

impl<R: Ring> Reader<R> {
    /// Reads from a place; without `knows_next` from the oldest record, whatever its number.
    pub(super) fn new(
        ring: R,
        place: Place,
        knows_next: bool,
        origin: Arc<Origin>,
        max_message: usize,
    ) -> Reader<R> {
        Reader {
            ring,
            place,
            knows_next,
            origin,
            max_message,
            watched: None,
            too_old: (0, i64::MAX),
            wanted: None,
            held: None,
            stamp: 0,
        }
    }

    /// How far it has read.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Leaves out what is there.
    pub(super) fn skip_all(&mut self) -> io::Result<()> {
        loop {
            match self.ring.next()? {
                Found::Nothing => return Ok(()),
                Found::Overwritten => {}
                Found::Record(bytes) => {
                    let number = Record::parse(bytes).map_or(self.place.next, |record| record.number);
                    (self.place.next, self.knows_next) = (number.saturating_add(1), true);
                }
            }
        }
    }

    /// Goes back to an earlier place.
    pub(super) fn go_back(&mut self, place: Place) -> io::Result<()> {
        (self.place, self.wanted, self.held, self.watched) = (place, None, None, None);
        self.ring.rewind()
    }

    /// How times are to count from here on.
    pub(super) fn wanted(&self) -> Option<Base> {
        self.wanted
    }

    /// Times count anew: this is kept, and what was read before is with the bus.
    pub(super) fn set_base(&mut self, base: Base) {
        (self.place.base, self.wanted, self.too_old) = (base, None, (0, i64::MAX));
    }

    /// The next batch, if there is something to read.
    pub(super) fn take(&mut self, clocks: impl Fn() -> Clocks) -> Taken {
        let (mut builder, mut taken) = (BatchBuilder::default(), Taken::default());
        let start = clocks().start;
        let moved = start.saturating_sub(self.place.base.start);
        if self.wanted.is_none() && moved.saturating_abs() > MAX_OFF_MICROS {
            self.wants(moved, start);
        }
        if self.wanted.is_some() {
            return taken;
        }
        if let Some(record) = self.held.take() {
            self.add(&record, &mut builder, &mut taken);
        }
        while builder.len() < BATCH_RECORDS && builder.byte_len() < BATCH_BYTES {
            let record = match self.ring.next() {
                Ok(Found::Record(bytes)) => Record::parse(bytes)
                    .unwrap_or_else(|| Record::foreign(bytes, self.place.next, self.stamp)),
                Ok(Found::Overwritten) => continue,
                Ok(Found::Nothing) => {
                    self.watched = Some(clocks().wall);
                    break;
                }
                Err(error) => {
                    taken.error = Some(error);
                    break;
                }
            };
            if self.knows_next && record.number < self.place.next {
                // It was read before.
                continue;
            }
            if let Some(empty) = self.watched.take()
                && let Some(off) = self.off(&record, empty, clocks().wall)
            {
                self.wants(off, self.place.base.start);
                self.held = Some(record);
                break;
            }
            self.add(&record, &mut builder, &mut taken);
        }
        taken.batch = builder.finish();
        taken
    }

    /// Times are to count so much later.
    fn wants(&mut self, later: i64, start: i64) {
        self.wanted = Some(Base { zero: self.place.base.zero.saturating_add(later), start });
        self.watched = None;
    }

    fn add(&mut self, record: &Record, builder: &mut BatchBuilder, taken: &mut Taken) {
        if self.knows_next {
            taken.lost += record.number.saturating_sub(self.place.next);
        }
        let event = record.event(&self.place, &self.origin, self.max_message);
        taken.truncated += u64::from(event.original_len.is_some());
        builder.push_made(&self.origin, &event);
        (self.place.next, self.knows_next) = (record.number.saturating_add(1), true);
        self.stamp = record.stamp;
    }

    /// By how much times are off, as a record shows that came between `empty` and `now`.
    fn off(&mut self, record: &Record, empty: i64, now: i64) -> Option<i64> {
        let at = self.place.time_of(record.stamp).unix_micros();
        let later = now.saturating_sub(at);
        if later < -MAX_OFF_MICROS {
            return Some(later);
        }
        if at >= empty.saturating_sub(MAX_OFF_MICROS) {
            self.too_old = (0, i64::MAX);
            return None;
        }
        let (records, least) = self.too_old;
        self.too_old = (records + 1, least.min(later));
        (self.too_old.0 >= TOO_OLD).then_some(self.too_old.1)
    }
}

#[cfg(test)]
mod tests;
