//! Reads records from the ring and makes batches of them. Neither settling nor files here, and what time it is
//! the caller says.
//!
//! A record has its number from the kernel: numbers that are missing are records that were overwritten unread. Its
//! stamp counts from the start of the host, by a clock that is not the wall's: that one may have been set since,
//! and the host may have slept. So a record that comes while the ring is watched is held against the wall clock,
//! and where it differs, times count anew from this record on. Nothing is read with the new base until it is kept:
//! what is read again must get the times that it had.

use std::io;
use std::sync::Arc;

use loggr_event::{Origin, Timestamp};
use loggr_flow::{Batch, BatchBuilder};

use super::device::{Found, Ring};
use super::place::Place;
use super::record::Record;

/// Records of one batch at most.
const BATCH_RECORDS: usize = 1024;
/// Bytes of one batch, about.
const BATCH_BYTES: usize = 1 << 20;
/// So much may the stamps differ from the wall clock, in microseconds.
const MAX_DRIFT_MICROS: i64 = 1_000_000;

/// What reads.
pub(super) struct Reader<R> {
    ring: R,
    place: Place,
    /// The number of the next record is known: one that is higher leaves a gap.
    knows_next: bool,
    origin: Arc<Origin>,
    max_message: usize,
    /// When the ring was found empty, if nothing was read since.
    watched: Option<Timestamp>,
    /// A record that waits for another base of times.
    held: Option<(Record, i64)>,
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
        Reader { ring, place, knows_next, origin, max_message, watched: None, held: None, stamp: 0 }
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
        (self.place, self.held, self.watched) = (place, None, None);
        self.ring.rewind()
    }

    /// The base with which it wants to go on.
    pub(super) fn wanted_base(&self) -> Option<i64> {
        self.held.as_ref().map(|(_, base)| *base)
    }

    /// Times count anew: the base that it wants is kept, and what was read before it is with the bus.
    pub(super) fn set_base(&mut self, base: i64) {
        self.place.base = base;
    }

    /// The next batch, if there is something to read.
    pub(super) fn take(&mut self, now: impl Fn() -> Timestamp) -> Taken {
        let (mut builder, mut taken) = (BatchBuilder::default(), Taken::default());
        if let Some((record, base)) = self.held.take() {
            if base != self.place.base {
                self.held = Some((record, base));
                return taken;
            }
            self.add(&record, &mut builder, &mut taken);
        }
        while builder.len() < BATCH_RECORDS && builder.byte_len() < BATCH_BYTES {
            let record = match self.ring.next() {
                Ok(Found::Record(bytes)) => Record::parse(bytes)
                    .unwrap_or_else(|| Record::foreign(bytes, self.place.next, self.stamp)),
                Ok(Found::Overwritten) => continue,
                Ok(Found::Nothing) => {
                    self.watched = Some(now());
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
            if let Some(base) = self.watched.take().and_then(|empty| self.better_base(&record, empty, now()))
            {
                self.held = Some((record, base));
                break;
            }
            self.add(&record, &mut builder, &mut taken);
        }
        taken.batch = builder.finish();
        taken
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

    /// A record was written between `empty` and `now`: the base with which that is so, if it is another one.
    fn better_base(&self, record: &Record, empty: Timestamp, now: Timestamp) -> Option<i64> {
        let at = self.place.time_of(record.stamp).unix_micros();
        let (earliest, latest) = (empty.unix_micros(), now.unix_micros());
        let fits = (earliest.saturating_sub(MAX_DRIFT_MICROS)..=latest.saturating_add(MAX_DRIFT_MICROS))
            .contains(&at);
        (!fits).then(|| latest.saturating_sub(i64::try_from(record.stamp).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests;
