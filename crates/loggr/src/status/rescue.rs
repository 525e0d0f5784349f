//! Corrects the numbers of queues by what became of their rescued events.
//!
//! A queue counts the events that it ever gave to the rescue; the rescue counts those that left it,
//! and how. The status shows where the events are now: in the rescue, stored after a replay, or
//! dropped because they were discarded. Invariant: the sum of a queue's numbers stays what it was.

use std::collections::BTreeMap;

use loggr_bus::QueueStats;
use loggr_bus::rescue::{RescueStore, Standing};

use crate::component::machine::RESCUE_PREFIX;
use crate::config::Config;

/// Size limit of the rescue; when it is full, shippers wait.
pub const MAX_RESCUE_BYTES: usize = 4 << 30;

/// The numbers of the rescue, and the queues of its sinks.
#[derive(Default)]
pub struct Standings {
    all: BTreeMap<String, Standing>,
    /// The names of sinks in the rescue, with their queues.
    queues: Vec<(String, String)>,
    trouble: Option<String>,
}

impl Standings {
    /// Asks the rescue; if it cannot answer, the queues keep their own numbers.
    pub fn read(rescue: &RescueStore, config: &Config) -> Standings {
        let ships = config.ships.iter().map(|ship| (ship.name.clone(), ship.queue.clone()));
        let machines = config.machines.iter();
        let machines = machines.map(|m| (format!("{RESCUE_PREFIX}{}", m.name), m.queue.clone()));
        let queues = ships.chain(machines).collect();
        match rescue.standing() {
            Ok(all) => Standings { all, queues, trouble: None },
            Err(error) => Standings { all: BTreeMap::new(), queues, trouble: Some(error.to_string()) },
        }
    }

    /// Events that are in the rescue now, by sink.
    pub fn here(&self) -> BTreeMap<String, u64> {
        let here = self.all.iter().filter(|(_, standing)| standing.here > 0);
        here.map(|(sink, standing)| (sink.clone(), standing.here)).collect()
    }

    /// Why it cannot be used.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Corrects a queue's numbers by where its rescued events are now.
    pub fn settle(&self, queue: &mut QueueStats) {
        if self.trouble.is_some() {
            return;
        }
        let own = self.queues.iter().filter(|(_, of)| *of == queue.name).map(|(sink, _)| sink.clone());
        let spool = format!("{SPOOL_PREFIX}{}", queue.name);
        let mut standing = Standing::default();
        for sink in own.chain([spool]) {
            let Some(of) = self.all.get(&sink) else { continue };
            standing.here += of.here;
            standing.replayed += of.replayed;
            standing.discarded += of.discarded;
        }
        if queue.ready_messages.is_some() {
            // For a queue on a broker the numbers are those of this process alone, and need not add
            // up.
            queue.rescued_events = standing.here;
            return;
        }
        let mut gone = queue.rescued_events.saturating_sub(standing.here);
        queue.rescued_events -= gone;
        let mut take = |count: u64| {
            let taken = count.min(gone);
            gone -= taken;
            taken
        };
        queue.stored_events += take(standing.replayed);
        queue.dropped_events += take(standing.discarded);
        // Events that are neither there nor counted as gone were in a rescue that is lost.
        queue.damaged_events += take(u64::MAX);
    }
}

/// The prefix of a spool's queue in the rescue.
const SPOOL_PREFIX: &str = "spool.";

/// The sinks in the rescue that belong to a queue.
pub fn sinks(config: &Config, queue: &str) -> Vec<String> {
    let ships = config.ships.iter().filter(|ship| ship.queue == queue).map(|ship| ship.name.clone());
    let machines = config.machines.iter().filter(|m| m.queue == queue);
    let mut sinks: Vec<String> =
        ships.chain(machines.map(|m| format!("{RESCUE_PREFIX}{}", m.name))).collect();
    if sinks.is_empty() {
        sinks.push(format!("{SPOOL_PREFIX}{queue}"));
    }
    sinks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 10 events that a queue gave to the rescue: stored, rescued, dropped, damaged.
    #[track_caller]
    fn check(here: u64, replayed: u64, discarded: u64, expect: [u64; 4]) {
        let standing = Standing { here, replayed, discarded, lost: 0 };
        let standings = Standings {
            all: BTreeMap::from([("db".to_owned(), standing)]),
            queues: vec![("db".to_owned(), "q".to_owned())],
            trouble: None,
        };
        let mut queue = QueueStats { name: "q".to_owned(), rescued_events: 10, ..QueueStats::default() };
        standings.settle(&mut queue);
        let got = [queue.stored_events, queue.rescued_events, queue.dropped_events, queue.damaged_events];
        assert_eq!(got, expect);
        assert_eq!(got.iter().sum::<u64>(), 10);
    }

    #[test]
    fn rescued_is_what_is_in_the_rescue_now() {
        check(10, 0, 0, [0, 10, 0, 0]);
        check(0, 10, 0, [10, 0, 0, 0]);
        check(3, 5, 2, [5, 3, 2, 0]);
        // The rescue has it, and the queue does not know yet.
        check(11, 0, 0, [0, 10, 0, 0]);
        check(8, 5, 5, [2, 8, 0, 0]);
        // Moved aside.
        check(1, 0, 0, [0, 1, 0, 9]);
    }
}
