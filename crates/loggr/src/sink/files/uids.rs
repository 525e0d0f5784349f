//! The uids of the last batches, as runs of consecutive numbers: is this event there already?
//!
//! Not an index of all events ever written: the queue redelivers only what was not
//! yet settled, so a few generations suffice. A nil uid identifies nothing and is
//! never found.

use std::collections::VecDeque;

use loggr_event::Uid;
use loggr_flow::Batch;

/// How many batches are remembered. Two would do (the cursor of one batch is written
/// before the next is handed out); more, because after a crash the parts may come regrouped.
pub(super) const GENERATIONS: usize = 4;

/// `extent` of events that were durable before their batch came again.
pub(super) const DURABLE_BEFORE: u32 = u32::MAX;

/// Events with consecutive uids whose lines lie in one extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub first: u128,
    pub count: u32,
    /// Index into the intent's extents, or [`DURABLE_BEFORE`].
    pub extent: u32,
}

pub(super) fn number(uid: Uid) -> u128 {
    u128::from_be_bytes(*uid.as_bytes())
}

/// Adds a uid to the runs of a batch.
pub(super) fn push(runs: &mut Vec<Run>, uid: u128, extent: u32) {
    if uid == 0 {
        return;
    }
    if let Some(last) = runs.last_mut()
        && last.extent == extent
        && last.count < u32::MAX
        && last.first.checked_add(u128::from(last.count)) == Some(uid)
    {
        last.count += 1;
        return;
    }
    runs.push(Run { first: uid, count: 1, extent });
}

/// The uids of one batch.
#[derive(Debug, Default)]
struct RunSet {
    /// First and last of each run, sorted, without the extents.
    runs: Vec<(u128, u128)>,
    low: u128,
    high: u128,
}

impl RunSet {
    fn new(runs: impl IntoIterator<Item = Run>) -> RunSet {
        let ends = |r: Run| (r.first, r.first.saturating_add(u128::from(r.count.max(1)) - 1));
        let mut sorted: Vec<(u128, u128)> = runs.into_iter().map(ends).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        let low = merged.first().map_or(u128::MAX, |r| r.0);
        let high = merged.last().map_or(0, |r| r.1);
        RunSet { runs: merged, low, high }
    }

    fn contains(&self, uid: u128) -> bool {
        if uid < self.low || uid > self.high {
            return false;
        }
        let after = self.runs.partition_point(|r| r.0 <= uid);
        after.checked_sub(1).and_then(|i| self.runs.get(i)).is_some_and(|r| uid <= r.1)
    }
}

/// The uids of the last [`GENERATIONS`] batches.
#[derive(Debug, Default)]
pub(super) struct Recent {
    sets: VecDeque<RunSet>,
    high: u128,
}

impl Recent {
    /// Remembers a batch and forgets the oldest.
    pub fn remember(&mut self, runs: impl IntoIterator<Item = Run>) {
        self.sets.push_back(RunSet::new(runs));
        if self.sets.len() > GENERATIONS {
            self.sets.pop_front();
        }
        self.high = self.sets.iter().map(|s| s.high).max().unwrap_or(0);
    }

    /// Was it in one of the remembered batches? New events mostly have higher uids
    /// than all of them, which is one comparison.
    pub fn contains(&self, uid: u128) -> bool {
        uid <= self.high && uid != 0 && self.sets.iter().rev().any(|s| s.contains(uid))
    }
}

/// Does a uid stand twice in the batch?
pub(super) fn has_twins(batch: &Batch) -> bool {
    let mut high = 0;
    let rising = batch.records().map(|r| number(r.uid)).all(|uid| {
        let rises = uid > high || uid == 0;
        high = high.max(uid);
        rises
    });
    if rising {
        return false;
    }
    let mut all: Vec<u128> = batch.records().map(|r| number(r.uid)).filter(|uid| *uid != 0).collect();
    all.sort_unstable();
    all.windows(2).any(|w| w[0] == w[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn consecutive_uids_of_one_extent_make_one_run() {
        let mut runs = Vec::new();
        for (uid, extent) in [(5, 0), (6, 0), (7, 1), (8, 1), (0, 1), (9, 1), (11, 1)] {
            push(&mut runs, uid, extent);
        }
        let got: Vec<_> = runs.iter().map(|r| (r.first, r.count, r.extent)).collect();
        assert_eq!(got, [(5, 2, 0), (7, 3, 1), (11, 1, 1)]);
    }

    #[test]
    fn a_nil_uid_identifies_nothing() {
        let mut recent = Recent::default();
        recent.remember([Run { first: 0, count: 3, extent: 0 }]);
        assert!(!recent.contains(0));
    }

    #[test]
    fn only_the_last_generations_are_remembered() {
        let mut recent = Recent::default();
        for first in 1..=6 {
            recent.remember([Run { first: first * 10, count: 1, extent: 0 }]);
        }
        let known: Vec<u128> = (1..=6).map(|n| n * 10).filter(|uid| recent.contains(*uid)).collect();
        assert_eq!(known, [30, 40, 50, 60]);
    }

    proptest! {
        #[test]
        fn contains_what_was_pushed_and_nothing_else(uids in proptest::collection::vec(1u128..200, 0..80)) {
            let mut runs = Vec::new();
            uids.iter().for_each(|uid| push(&mut runs, *uid, 0));
            let mut recent = Recent::default();
            recent.remember(runs);
            let model: BTreeSet<u128> = uids.into_iter().collect();
            for uid in 0..202 {
                prop_assert_eq!(recent.contains(uid), model.contains(&uid));
            }
        }
    }
}
