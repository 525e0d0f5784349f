//! Rounds: stretches of several files become one batch, and what is settled moves the positions.
//!
//! Not files and names. Invariants: the stretches of a batch are written down, synced, before the batch is
//! handed over; a position moves only when its batch is acknowledged, and the batches before it.

use std::collections::VecDeque;
use std::sync::Arc;

use loggr_event::{Origin, Timestamp, UidBlock};
use loggr_flow::{Batch, BatchBuilder, Outcome, Payload, Record};

use super::lines::Line;
use super::positions::Id;
use crate::source::intake::Intake;

/// A batch that is on its way, and where it ends in each file.
#[derive(Debug)]
struct Round {
    number: u64,
    ends: Vec<(Id, u64)>,
    bytes: u64,
    /// Whether it is durable, once that is known.
    is_durable: Option<bool>,
}

/// Batches on their way, in the order in which they were read.
#[derive(Debug, Default)]
pub struct Rounds {
    flying: VecDeque<Round>,
    next: u64,
    /// Bytes of files that are on their way.
    pub bytes: u64,
    /// One was not taken: nothing more is read until all are settled.
    pub is_broken: bool,
    /// What is settled now is behind one that was not taken.
    is_behind: bool,
}

impl Rounds {
    /// Is nothing on its way?
    pub fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// One more begins; its number.
    pub fn begin(&mut self, ends: Vec<(Id, u64)>, bytes: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.flying.push_back(Round { number, ends, bytes, is_durable: None });
        number
    }

    /// A round was settled; gives what is durable by that.
    pub fn settle(&mut self, number: u64, outcome: &Outcome) -> Vec<(Id, u64)> {
        let is_durable = matches!(outcome, Outcome::Ack(_));
        self.is_broken |= !is_durable;
        if let Some(round) = self.flying.iter_mut().find(|round| round.number == number) {
            round.is_durable = Some(is_durable);
        }
        let mut durable = Vec::new();
        while let Some(round) = self.flying.pop_front_if(|round| round.is_durable.is_some()) {
            self.bytes -= round.bytes;
            self.is_behind |= round.is_durable != Some(true);
            // What is durable behind something that is not does not count.
            if !self.is_behind {
                durable.extend(round.ends);
            }
        }
        durable
    }
}

/// The lines of a round.
#[derive(Debug, Default)]
pub struct Lines {
    builder: BatchBuilder,
    truncated: u64,
    incomplete: u64,
    empty: u64,
}

impl Lines {
    /// One more line: number `at` of its stretch, which begins at `start`. False where it is none, and has no
    /// uid.
    pub fn push(&mut self, line: &Line<'_>, place: &Place<'_>, at: usize) -> bool {
        if line.bytes.iter().all(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            self.empty += 1;
            return false;
        }
        self.truncated += u64::from(line.original_len.is_some());
        self.builder.push_record(&Record {
            uid: place.uids.at(at, place.now),
            timegenerated: place.now,
            origin: place.origin,
            payload: Payload::Line(&line.bytes),
            original_len: line.original_len,
            incomplete: false,
            offset: Some(place.start + line.at as u64),
        });
        true
    }

    /// Bytes of the batch so far.
    pub fn byte_len(&self) -> usize {
        self.builder.byte_len()
    }

    /// The batch; `None` where there was no line. What there is counts as received.
    pub fn end(&mut self, intake: &Intake) -> Option<Batch> {
        let stats = &intake.stats;
        stats.truncated.add(std::mem::take(&mut self.truncated));
        stats.incomplete.add(std::mem::take(&mut self.incomplete));
        stats.empty.add(std::mem::take(&mut self.empty));
        let capacity = self.builder.byte_len();
        let batch = self.builder.finish()?;
        self.builder = BatchBuilder::with_capacity(capacity);
        stats.received.add(batch.len() as u64);
        stats.bytes.add(batch.byte_len() as u64);
        Some(batch)
    }
}

/// What the lines of a stretch have in common.
pub struct Place<'p> {
    /// Where they come from.
    pub origin: &'p Arc<Origin>,
    /// When the stretch was read first.
    pub now: Timestamp,
    /// Their uids.
    pub uids: UidBlock,
    /// Where it begins in the file.
    pub start: u64,
}

#[cfg(test)]
mod tests {
    use loggr_flow::Tally;

    use super::*;

    const ACK: Outcome = Outcome::Ack(Tally { stored: 1, rescued: 0, dropped: 0 });

    #[test]
    fn positions_move_in_the_order_of_reading() {
        let mut rounds = Rounds::default();
        let numbers: Vec<u64> = (1..=3).map(|n| rounds.begin(vec![(7, n * 10)], 10)).collect();
        assert_eq!(rounds.settle(numbers[1], &ACK), []);
        assert_eq!(rounds.settle(numbers[0], &ACK), [(7, 10), (7, 20)]);
        assert_eq!((rounds.bytes, rounds.is_empty()), (10, false));
        assert_eq!(rounds.settle(numbers[2], &ACK), [(7, 30)]);
        assert!(rounds.is_empty() && !rounds.is_broken);
    }

    #[test]
    fn what_is_behind_a_gap_does_not_count() {
        let mut rounds = Rounds::default();
        let numbers: Vec<u64> = (1..=3).map(|n| rounds.begin(vec![(7, n * 10)], 10)).collect();
        assert_eq!(rounds.settle(numbers[1], &Outcome::Nack), []);
        assert_eq!(rounds.settle(numbers[2], &ACK), []);
        assert_eq!(rounds.settle(numbers[0], &ACK), [(7, 10)]);
        assert!(rounds.is_empty() && rounds.is_broken);
    }
}
