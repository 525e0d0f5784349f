//! What the rules of a filter did: with one event (for traces), and with all events (for metrics).

use std::time::Duration;

use loggr_event::Event;

use crate::engines::{Outcome, Pass};

/// What one rule did with an event.
#[derive(Debug)]
pub struct Step<'s> {
    /// Number of the rule.
    pub rule: usize,
    /// What it did; `Did` of a condition means that it holds.
    pub outcome: Outcome,
    /// The event before.
    pub before: &'s Event<'s>,
    /// The event after.
    pub after: &'s Event<'s>,
}

/// What one rule did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// Events that reached the rule.
    pub reached: u64,
    /// Events on which the rule acted; for a condition, those for which it was true.
    pub did: u64,
    /// Events for which the rule failed.
    pub failed: u64,
    /// Events for which the time of the rule was measured.
    pub timed: u64,
    /// The time that the rule took for these, in nanoseconds.
    pub nanos: u64,
}

/// What all rules of a filter did. Each worker has one, and the caller adds them up.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Events so far.
    pub events: u64,
    /// By number of the rule.
    pub rules: Vec<RuleCount>,
    /// The batch that is worked on; it is not added up.
    pub pass: Pass,
}

impl Counters {
    /// Counts what a rule did. `failed`: a call in the rule's condition failed, although the
    /// condition may be true.
    pub(super) fn count(&mut self, rule: usize, outcome: Outcome, failed: bool, took: Option<Duration>) {
        let Some(count) = self.rules.get_mut(rule) else { return };
        count.reached += 1;
        match outcome {
            Outcome::Did => count.did += 1,
            Outcome::Nothing | Outcome::Failed(_) => {}
        }
        count.failed += u64::from(failed || matches!(outcome, Outcome::Failed(_)));
        if let Some(took) = took {
            count.timed += 1;
            count.nanos += u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        }
    }

    /// Adds the counters of another worker.
    pub fn add(&mut self, other: &Counters) {
        self.events += other.events;
        self.rules.resize(self.rules.len().max(other.rules.len()), RuleCount::default());
        for (mine, theirs) in self.rules.iter_mut().zip(&other.rules) {
            mine.reached += theirs.reached;
            mine.did += theirs.did;
            mine.failed += theirs.failed;
            mine.timed += theirs.timed;
            mine.nanos += theirs.nanos;
        }
    }
}

impl RuleCount {
    /// Mean time in nanoseconds; `None` before the first was taken.
    pub fn mean_nanos(&self) -> Option<u64> {
        self.nanos.checked_div(self.timed)
    }
}
