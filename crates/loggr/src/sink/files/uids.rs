//! The uids of what was written lately, as runs of consecutive numbers: is this event there already?
//!
//! Not an index of all events ever written. The embedded queue redelivers only what was not
//! yet settled; but a machine that dies after its publisher was told, or a broker, may bring an
//! event again minutes later, among newer ones. So the memory is long and its runs merge: what
//! several machines bring in pieces becomes whole again. A nil uid identifies nothing and is
//! never found. Uids are numbers here in which what one process gives is consecutive
//! ([`Uid::in_row`]).

use std::collections::BTreeMap;

use loggr_event::Uid;
use loggr_flow::Batch;

/// Runs that are remembered, about 64 bytes each in memory and 24 in the journal: all events of the
/// last 262,144 milliseconds in which any came. The lowest, which are the oldest, go first.
pub(super) const MAX_REMEMBERED_RUNS: usize = 1 << 18;

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

/// Nil is 0; what one process gives within one millisecond is consecutive.
pub(super) fn number(uid: Uid) -> u128 {
    uid.in_row()
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

/// The uids of the last events, at most [`MAX_REMEMBERED_RUNS`] runs.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// First to last; no two touch.
    runs: BTreeMap<u128, u128>,
    high: u128,
}

impl Recent {
    /// Remembers events; forgets the oldest where there are too many runs.
    pub fn remember(&mut self, runs: impl IntoIterator<Item = Run>) {
        for run in runs {
            self.insert(run.first, run.first.saturating_add(u128::from(run.count.max(1)) - 1));
        }
        while self.runs.len() > MAX_REMEMBERED_RUNS {
            self.runs.pop_first();
        }
    }

    /// Adds a run and joins it with those that it meets.
    fn insert(&mut self, mut first: u128, mut last: u128) {
        self.high = self.high.max(last);
        let reach = last.saturating_add(1);
        while let Some((&low, &high)) = self.runs.range(..=reach).next_back()
            && high.saturating_add(1) >= first
        {
            self.runs.remove(&low);
            first = first.min(low);
            last = last.max(high);
        }
        self.runs.insert(first, last);
    }

    /// Forgets events that are not there after all.
    pub fn forget(&mut self, run: &Run) {
        let (first, last) = (run.first, run.first.saturating_add(u128::from(run.count.max(1)) - 1));
        while let Some((&low, &high)) = self.runs.range(..=last).next_back()
            && high >= first
        {
            self.runs.remove(&low);
            if low < first {
                self.runs.insert(low, first - 1);
            }
            if high > last {
                self.runs.insert(last + 1, high);
            }
        }
    }

    /// Is it one of the remembered? New events mostly have higher uids than all of them, which
    /// is one comparison.
    pub fn contains(&self, uid: u128) -> bool {
        uid <= self.high
            && uid != 0
            && self.runs.range(..=uid).next_back().is_some_and(|(_, last)| uid <= *last)
    }

    /// How many runs are remembered.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// All of them for the journal, as events that are durable.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let most = u128::from(u32::MAX);
        self.runs.iter().flat_map(move |(&first, &last)| {
            let pieces = (last - first) / most;
            (0..=pieces).map(move |piece| {
                let first = first + piece * most;
                let count = (last - first + 1).min(most) as u32;
                Run { first, count, extent: DURABLE_BEFORE }
            })
        })
    }
}

/// Does a uid stand twice in the batch?
pub(super) fn has_twins(batch: &Batch) -> bool {
    are_twins(batch.records().map(|record| number(record.uid)))
}

/// Whoever gave the uids gave them in rows, so that there are few of these to compare.
fn are_twins(uids: impl Iterator<Item = u128>) -> bool {
    let mut rows = Vec::new();
    uids.for_each(|uid| push(&mut rows, uid, 0));
    rows.sort_unstable_by_key(|row| row.first);
    rows.windows(2).any(|w| w[1].first - w[0].first < u128::from(w[0].count))
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
    fn the_lowest_are_forgotten_first() {
        let mut recent = Recent::default();
        let far = 2 * MAX_REMEMBERED_RUNS as u128;
        recent.remember((1..=far).step_by(2).map(|first| Run { first, count: 1, extent: 0 }));
        recent.remember([far + 1, far + 3].map(|first| Run { first, count: 1, extent: 0 }));
        assert_eq!(recent.len(), MAX_REMEMBERED_RUNS);
        let known: Vec<u128> =
            [1, 3, 5, 7, far + 3].into_iter().filter(|uid| recent.contains(*uid)).collect();
        assert_eq!(known, [5, 7, far + 3]);
    }

    #[test]
    fn what_comes_in_pieces_is_one_run() {
        let mut recent = Recent::default();
        for (first, count) in [(10, 5), (20, 5), (15, 5), (1, 2), (24, 3)] {
            recent.remember([Run { first, count, extent: 0 }]);
        }
        let got: Vec<_> = recent.runs().map(|r| (r.first, r.count)).collect();
        assert_eq!(got, [(1, 2), (10, 17)]);
    }

    #[test]
    fn what_is_forgotten_may_be_a_part_of_runs() {
        let mut recent = Recent::default();
        recent.remember([(10, 10), (30, 10)].map(|(first, count)| Run { first, count, extent: 0 }));
        for (first, count) in [(15, 20), (12, 1), (1, 5), (50, 3)] {
            recent.forget(&Run { first, count, extent: 0 });
        }
        let got: Vec<_> = recent.runs().map(|r| (r.first, r.count)).collect();
        assert_eq!(got, [(10, 2), (13, 2), (35, 5)]);
    }

    proptest! {
        #[test]
        fn twins_are_found(uids in proptest::collection::vec(0u128..60, 0..30), row in 0u128..50) {
            let uids: Vec<u128> = uids.into_iter().chain(row..row + 4).filter(|uid| *uid != 0).collect();
            let different: BTreeSet<u128> = uids.iter().copied().collect();
            prop_assert_eq!(are_twins(uids.iter().copied()), different.len() < uids.len());
        }

        #[test]
        fn contains_what_was_pushed_and_nothing_else(uids in proptest::collection::vec(1u128..200, 0..80)) {
            let mut recent = Recent::default();
            for piece in uids.chunks(7) {
                let mut runs = Vec::new();
                piece.iter().for_each(|uid| push(&mut runs, *uid, 0));
                recent.remember(runs);
            }
            let mut again = Recent::default();
            again.remember(recent.runs());
            prop_assert_eq!(&again.runs, &recent.runs);
            let model: BTreeSet<u128> = uids.into_iter().collect();
            for uid in 0..202 {
                prop_assert_eq!(recent.contains(uid), model.contains(&uid));
            }
        }
    }
}
