//! A delivery: a batch and the ack that settles it, which cannot be separated.
//!
//! Invariant: an [`Ack`] settles exactly once, and settles as nack unless a [`Receipt`] for its own
//! batch was shown. Every transformation keeps the sum of the [`Tally`] equal to the number of
//! records that the source gave out.

mod tally;
mod ties;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::{Batch, BatchBuilder};
use crate::record::Record;
use crate::trial::{Together, Trial};

pub use tally::Tally;
pub(crate) use ties::Ties;

/// How a delivery ended, as its source sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Another place has taken the responsibility for the events.
    Ack(Tally),
    /// No other place has taken them: the source must deliver them again.
    Nack,
}

/// Settles one delivery. Dropping it is a nack; settling never blocks.
#[must_use = "an Ack that is dropped nacks the events it covers"]
pub struct Ack(Option<Box<dyn FnOnce(Outcome) + Send + Sync>>);

impl Ack {
    /// An ack that reports its outcome to `settle`, which must not block.
    pub fn new(settle: impl FnOnce(Outcome) + Send + Sync + 'static) -> Ack {
        Ack(Some(Box::new(settle)))
    }

    /// For sources that cannot deliver again (UDP, plain TCP): `on_loss` counts.
    pub fn unreliable(on_loss: impl FnOnce() + Send + Sync + 'static) -> Ack {
        Ack::new(move |outcome| {
            if outcome == Outcome::Nack {
                on_loss();
            }
        })
    }

    fn settle(mut self, outcome: Outcome) {
        if let Some(settle) = self.0.take() {
            settle(outcome);
        }
    }

    /// Joins several acks into one; each gets its share of the tally, in order.
    fn join(parts: Vec<(u64, Ack)>) -> Ack {
        Ack::new(move |outcome| {
            let mut left = match outcome {
                Outcome::Ack(tally) => tally,
                Outcome::Nack => Tally::default(),
            };
            for (count, ack) in parts {
                match outcome {
                    Outcome::Ack(_) => ack.settle(Outcome::Ack(left.take(count))),
                    Outcome::Nack => ack.settle(Outcome::Nack),
                }
            }
        })
    }

    /// Settles with the outcome of another, and with no events.
    fn settle_like(self, outcome: Outcome) {
        self.settle(match outcome {
            Outcome::Ack(_) => Outcome::Ack(Tally::default()),
            Outcome::Nack => Outcome::Nack,
        });
    }

    /// Makes `n` acks of one, which is settled when all of them are; one nack makes it a nack.
    fn share(self, n: usize, combine: Combine) -> impl Iterator<Item = Ack> {
        let joint = Arc::new(Joint { root: Mutex::new(Some((self, Shares::default()))), combine, n });
        (0..n).map(move |i| {
            let joint = joint.clone();
            Ack::new(move |outcome| joint.settle(i, outcome))
        })
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(settle) = self.0.take() {
            settle(Outcome::Nack);
        }
    }
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ack")
    }
}

#[derive(Clone, Copy)]
enum Combine {
    /// The parts hold different events: their tallies add up.
    Sum,
    /// The parts hold the same events: the tally of the first part counts.
    First,
}

#[derive(Default)]
struct Shares {
    settled: usize,
    nacked: bool,
    tally: Tally,
}

struct Joint {
    root: Mutex<Option<(Ack, Shares)>>,
    combine: Combine,
    n: usize,
}

impl Joint {
    fn settle(&self, part: usize, outcome: Outcome) {
        let mut guard = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, shares)) = guard.as_mut() else { return };
        match (outcome, self.combine) {
            (Outcome::Nack, _) => shares.nacked = true,
            (Outcome::Ack(tally), Combine::Sum) => shares.tally.add(tally),
            (Outcome::Ack(tally), Combine::First) if part == 0 => shares.tally = tally,
            (Outcome::Ack(_), Combine::First) => {}
        }
        shares.settled += 1;
        if shares.settled < self.n {
            return;
        }
        let taken = guard.take();
        drop(guard);
        if let Some((root, shares)) = taken {
            root.settle(if shares.nacked { Outcome::Nack } else { Outcome::Ack(shares.tally) });
        }
    }
}

/// The kind of durable place that a receipt is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The place where the events were meant to go.
    Stored,
    /// The rescue.
    Rescued,
}

/// Proof that one batch is durable. Sign it only when that is true: segment synced, files and
/// directory synced, commit or confirm seen.
#[must_use = "a receipt that is not shown acknowledges nothing"]
#[derive(Debug)]
pub struct Receipt {
    batch: u64,
    fate: Fate,
}

impl Receipt {
    /// For a sink, after the batch became durable.
    pub fn sign(batch: &Batch) -> Receipt {
        Receipt { batch: batch.id(), fate: Fate::Stored }
    }

    /// For the rescue, after the batch became durable there.
    pub fn sign_rescue(batch: &Batch) -> Receipt {
        Receipt { batch: batch.id(), fate: Fate::Rescued }
    }

    /// The kind of place that holds the batch.
    pub fn fate(&self) -> Fate {
        self.fate
    }
}

/// A batch, with the responsibility for its events.
#[must_use = "a Delivery that is dropped is nacked"]
#[derive(Debug)]
pub struct Delivery {
    batch: Batch,
    ack: Ack,
    attempts: u32,
    since: Instant,
    dropped: u64,
    /// How many events of the source each record stands for; `None` if each stands for one.
    weights: Option<Vec<u32>>,
    /// Why it must go to the rescue as it is.
    unfit: Option<Arc<str>>,
    /// Told when work on the delivery begins and when it rests.
    trial: Option<Arc<dyn Trial>>,
}

/// How many events of the source each record of a delivery stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights<'d>(Option<&'d [u32]>);

impl Weights<'_> {
    /// How many events the record at index `at` stands for.
    pub fn of(&self, at: usize) -> u32 {
        self.0.map_or(1, |all| all.get(at).copied().unwrap_or(0))
    }
}

fn sum(weights: &[u32]) -> u64 {
    weights.iter().map(|weight| u64::from(*weight)).sum()
}

impl Delivery {
    /// A delivery of `batch` that is settled through `ack`.
    pub fn new(batch: Batch, ack: Ack) -> Delivery {
        Delivery {
            batch,
            ack,
            attempts: 1,
            since: Instant::now(),
            dropped: 0,
            weights: None,
            unfit: None,
            trial: None,
        }
    }

    /// Marks the delivery as one that must not be stored at its destination: its source cannot read
    /// it, and its bytes go to the rescue as they are.
    pub fn unfit(mut self, why: impl Into<Arc<str>>) -> Delivery {
        self.unfit = Some(why.into());
        self
    }

    /// Why it must go to the rescue as it is.
    pub fn unfit_reason(&self) -> Option<&str> {
        self.unfit.as_deref()
    }

    /// Sets the number of times that the source has given the delivery out, from 1.
    pub fn with_attempts(mut self, attempts: u32) -> Delivery {
        self.attempts = attempts;
        self
    }

    /// Sets the trial that is told when work on the delivery begins and when it rests.
    pub fn with_trial(mut self, trial: Arc<dyn Trial>) -> Delivery {
        self.trial = Some(trial);
        self
    }

    /// Notes that work on the delivery begins that might crash the process; if it does, that counts
    /// as an attempt.
    pub fn begin(&self) {
        if let Some(trial) = &self.trial {
            trial.begin();
        }
    }

    /// Notes that the delivery is only kept: if the process ends now, no attempt is counted.
    pub fn rest(&self) {
        if let Some(trial) = &self.trial {
            trial.rest();
        }
    }

    /// Its trial, for a caller that hands the delivery on while it works on its events.
    pub fn trial(&self) -> Option<Arc<dyn Trial>> {
        self.trial.clone()
    }

    /// True if its source wants to know when it is worked on.
    pub(crate) fn is_watched(&self) -> bool {
        self.trial.is_some()
    }

    /// The events.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// How many times the source has given this out, this time included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How many events of the source it stands for: as many as it has records, or more where a
    /// packer made one of several.
    pub fn events(&self) -> u64 {
        self.weights.as_deref().map_or(self.batch.len() as u64, sum)
    }

    /// Settles the delivery as stored. A receipt for another batch is a bug, and a nack.
    pub fn ack(self, receipt: Receipt) {
        debug_assert_eq!(receipt.batch, self.batch.id(), "receipt is for another batch");
        if receipt.batch != self.batch.id() {
            return;
        }
        let mut tally = Tally { dropped: self.dropped, ..Tally::default() };
        match receipt.fate {
            Fate::Stored => tally.stored = self.events(),
            Fate::Rescued => tally.rescued = self.events(),
        }
        self.ack.settle(Outcome::Ack(tally));
    }

    /// How long it has been there: since its source made it, or the first that it was joined from.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Gives it back to the source.
    pub fn nack(self) {
        drop(self);
    }

    /// Keeps the records for which `keep` is true; the others count as dropped by a rule. If
    /// nothing is left the delivery is settled.
    pub fn retain(self, mut keep: impl FnMut(&Record<'_>) -> bool) -> Option<Delivery> {
        let events = self.events();
        let Delivery { batch, ack, attempts, since, dropped, weights, unfit, trial } = self;
        let mut kept = BatchBuilder::default();
        let mut kept_weights = weights.is_some().then(Vec::new);
        let weight = Weights(weights.as_deref());
        for (at, record) in batch.records().enumerate().filter(|(_, r)| keep(r)) {
            kept.push_record(&record);
            if let Some(weights) = &mut kept_weights {
                weights.push(weight.of(at));
            }
        }
        let left = kept_weights.as_deref().map_or(kept.len() as u64, sum);
        let dropped = dropped + (events - left);
        match kept.finish() {
            Some(batch) => {
                Some(Delivery { batch, ack, attempts, since, dropped, weights: kept_weights, unfit, trial })
            }
            None => {
                ack.settle(Outcome::Ack(Tally { dropped, ..Tally::default() }));
                None
            }
        }
    }

    /// Keeps the records that `keep` marks, and replaces them by those of `batch` (for a filter);
    /// the others count as dropped by a rule. If nothing is left the delivery is settled. A batch
    /// of another length than the records kept is a bug and a nack.
    pub fn sift(self, keep: &[bool], batch: Option<Batch>) -> Option<Delivery> {
        let complete = keep.len() == self.batch.len()
            && batch.as_ref().map_or(0, Batch::len) == keep.iter().filter(|keep| **keep).count();
        debug_assert!(complete, "a filter has lost or made up events");
        if !complete {
            return None;
        }
        let events = self.events();
        let Delivery { ack, attempts, since, dropped, weights, unfit, trial, .. } = self;
        let weights = weights.map(|all| {
            let kept = all.into_iter().zip(keep).filter(|(_, keep)| **keep);
            kept.map(|(weight, _)| weight).collect::<Vec<_>>()
        });
        let left = weights.as_deref().map_or(batch.as_ref().map_or(0, Batch::len) as u64, sum);
        let dropped = dropped + (events - left);
        match batch {
            Some(batch) => Some(Delivery { batch, ack, attempts, since, dropped, weights, unfit, trial }),
            None => {
                ack.settle(Outcome::Ack(Tally { dropped, ..Tally::default() }));
                None
            }
        }
    }

    /// Calls `done`, which must not block, when the delivery is settled, whatever the outcome.
    pub fn when_settled(mut self, done: impl FnOnce() + Send + Sync + 'static) -> Delivery {
        let ack = std::mem::replace(&mut self.ack, Ack(None));
        self.ack = Ack::new(move |outcome| {
            ack.settle(outcome);
            done();
        });
        self
    }

    /// Gives the delivery with a handle by which other deliveries can be tied to it.
    pub(crate) fn with_ties(mut self) -> (Delivery, Ties) {
        let ties = Ties::default();
        let (own, ack) = (ties.clone(), std::mem::replace(&mut self.ack, Ack(None)));
        self.ack = Ack::new(move |outcome| {
            ack.settle(outcome);
            own.settle(outcome);
        });
        (self, ties)
    }

    /// Ties this delivery to another: its source learns its outcome only when the delivery with
    /// these ties is settled too, and a nack of that one is a nack of this one.
    pub(crate) fn tie_to(&mut self, ties: &Ties) {
        let ack = std::mem::replace(&mut self.ack, Ack(None));
        let mut acks = ack.share(2, Combine::Sum);
        if let (Some(own), Some(tie)) = (acks.next(), acks.next()) {
            self.ack = own;
            ties.add(tie);
        }
    }

    /// Two deliveries of half the records each, or the delivery itself if it has one.
    #[expect(clippy::result_large_err, reason = "no error: the delivery goes back as it came")]
    pub fn halve(self) -> Result<(Delivery, Delivery), Delivery> {
        let Some((a, b)) = self.batch.halve() else { return Err(self) };
        Ok(self.cut(a, b))
    }

    /// Two deliveries, of the first `n` records and of the rest; the delivery itself if one of
    /// them had none.
    #[expect(clippy::result_large_err, reason = "no error: the delivery goes back as it came")]
    pub fn split(self, n: usize) -> Result<(Delivery, Delivery), Delivery> {
        let Some((a, b)) = self.batch.split(n) else { return Err(self) };
        Ok(self.cut(a, b))
    }

    fn cut(self, a: Batch, b: Batch) -> (Delivery, Delivery) {
        let Delivery { ack, attempts, since, dropped, mut weights, unfit, trial, .. } = self;
        let second_weights = weights.as_mut().map(|all| all.split_off(a.len().min(all.len())));
        let mut acks = ack.share(2, Combine::Sum);
        let (Some(first), Some(second)) = (acks.next(), acks.next()) else {
            unreachable!("BUG: two were asked for")
        };
        let other = trial.clone();
        (
            Delivery { batch: a, ack: first, attempts, since, dropped, weights, unfit: unfit.clone(), trial },
            Delivery {
                batch: b,
                ack: second,
                attempts,
                since,
                dropped: 0,
                weights: second_weights,
                unfit,
                trial: other,
            },
        )
    }

    /// One delivery per key, in the order of the keys; order within a key is kept.
    pub fn partition<K: Ord>(self, mut key: impl FnMut(&Record<'_>) -> K) -> Vec<(K, Delivery)> {
        let Delivery { batch, ack, attempts, since, dropped, weights, unfit, trial } = self;
        let mut by = BTreeMap::<K, (BatchBuilder, Vec<u32>)>::new();
        let weight = Weights(weights.as_deref());
        for (at, record) in batch.records().enumerate() {
            let (records, weights) = by.entry(key(&record)).or_default();
            records.push_record(&record);
            weights.push(weight.of(at));
        }
        let parts: Vec<(K, Batch, Vec<u32>)> = by
            .into_iter()
            .filter_map(|(k, (mut records, weights))| Some((k, records.finish()?, weights)))
            .collect();
        let weighted = weights.is_some();
        let acks = ack.share(parts.len(), Combine::Sum);
        let mut dropped = Some(dropped);
        parts
            .into_iter()
            .zip(acks)
            .map(|((k, batch, weights), ack)| {
                let (dropped, weights) = (dropped.take().unwrap_or(0), weighted.then_some(weights));
                (
                    k,
                    Delivery {
                        batch,
                        ack,
                        attempts,
                        since,
                        dropped,
                        weights,
                        unfit: unfit.clone(),
                        trial: trial.clone(),
                    },
                )
            })
            .collect()
    }

    /// `n` deliveries of the same events; the source learns the outcome when all are settled.
    pub fn fan_out(self, n: NonZeroUsize) -> Vec<Delivery> {
        let Delivery { batch, ack, attempts, since, dropped, weights, unfit, trial } = self;
        ack.share(n.get(), Combine::First)
            .filter_map(|ack| {
                let batch = Batch::new(batch.chunks().to_vec())?;
                Some(Delivery {
                    batch,
                    ack,
                    attempts,
                    since,
                    dropped,
                    weights: weights.clone(),
                    unfit: unfit.clone(),
                    trial: trial.clone(),
                })
            })
            .collect()
    }

    /// Several deliveries as one; copies nothing. `None` for none.
    pub fn join(parts: Vec<Delivery>) -> Option<Delivery> {
        let mut parts = parts;
        if parts.len() < 2 {
            return parts.pop();
        }
        let (mut batches, mut acks) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
        let (mut attempts, mut since, mut dropped, mut unfit) = (1, Instant::now(), 0, None);
        let trial = Together::of(parts.iter().filter_map(|part| part.trial.clone()).collect());
        let mut weights = parts.iter().any(|part| part.weights.is_some()).then(Vec::new);
        for part in parts {
            attempts = attempts.max(part.attempts);
            since = since.min(part.since);
            unfit = unfit.or_else(|| part.unfit.clone());
            dropped += part.dropped;
            acks.push((part.events() + part.dropped, part.ack));
            if let Some(weights) = &mut weights {
                let weight = Weights(part.weights.as_deref());
                weights.extend((0..part.batch.len()).map(|at| weight.of(at)));
            }
            batches.push(part.batch);
        }
        Some(Delivery {
            batch: Batch::join(batches)?,
            ack: Ack::join(acks),
            attempts,
            since,
            dropped,
            weights,
            unfit,
            trial,
        })
    }

    /// Replaces the events by those that `pack` makes of them; the source learns the outcome of its
    /// own events when the new ones are settled. If `pack` makes nothing, all events count as
    /// dropped by a rule. If it makes as many as there were, each stands for the one in its place;
    /// otherwise only the sum of the tally is exact.
    pub fn pack(self, pack: impl FnOnce(&Batch) -> Option<Batch>) -> Option<Delivery> {
        let original = self.events();
        let Some(batch) = pack(&self.batch) else { return self.retain(|_| false) };
        let same = batch.len() == self.batch.len();
        let Delivery { ack, attempts, since, dropped, weights, unfit, trial, .. } = self;
        if same {
            return Some(Delivery { batch, ack, attempts, since, dropped, weights, unfit, trial });
        }
        let ack = Ack::new(move |outcome| {
            ack.settle(match outcome {
                Outcome::Ack(tally) => {
                    let mut tally = tally.scaled_to(original);
                    tally.dropped += dropped;
                    Outcome::Ack(tally)
                }
                Outcome::Nack => Outcome::Nack,
            });
        });
        Some(Delivery { batch, ack, attempts, since, dropped: 0, weights: None, unfit, trial })
    }

    /// Replaces the events by others that were made of them (for a packer); `merge` says how many
    /// events of the source each stands for. If an event of the source is in none of them, that is
    /// a bug, and a nack.
    pub(crate) fn merge(
        self,
        merge: impl FnOnce(&Batch, &Weights<'_>) -> (Option<Batch>, Vec<u32>),
    ) -> Option<Delivery> {
        let events = self.events();
        let (made, weights) = merge(&self.batch, &Weights(self.weights.as_deref()));
        let complete = |batch: &Batch| batch.len() == weights.len() && sum(&weights) == events;
        debug_assert!(made.as_ref().is_some_and(complete), "a packer has lost or made up events");
        let batch = made.filter(complete)?;
        let Delivery { ack, attempts, since, dropped, unfit, trial, .. } = self;
        let weights = weights.iter().any(|weight| *weight != 1).then_some(weights);
        Some(Delivery { batch, ack, attempts, since, dropped, weights, unfit, trial })
    }
}

#[cfg(test)]
mod tests;
