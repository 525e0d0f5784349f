//! A machine: what came to it and where that went, its packers, and the rules of its filter.

use loggr_filter::lang::RuleCount;
use serde::{Deserialize, Serialize};

use super::live::text;
use super::metric::{Metric, count, flag, metric, said};
use crate::component::machine::{MachineStats, Packing, Running};

/// A machine since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Its name in the configuration.
    pub name: String,
    /// The queue that it takes from.
    pub queue: String,
    /// The exchange that it publishes to.
    pub destination: String,
    /// The file of its filter.
    pub filter: Option<String>,
    /// Why a changed filter is not in use.
    pub filter_error: Option<String>,
    /// Events that came.
    pub received: u64,
    /// Events that became part of another.
    pub merged: u64,
    /// Events that the next queue holds.
    pub stored: u64,
    /// Events that the next exchange refused for ever.
    pub rescued: u64,
    /// Events dropped by a rule.
    pub dropped: u64,
    /// Its packers, in their order.
    pub packers: Vec<Packer>,
    /// Events on which the filter failed by our fault.
    pub panics: u64,
    /// Tries to publish that failed.
    pub failures: u64,
    /// The next exchange takes nothing.
    pub failing: bool,
    /// Why it takes nothing any more.
    pub ended: Option<String>,
    /// What the rules of its filter did.
    pub rules: Vec<Rule>,
}

/// A packer of a machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Packer {
    /// Its name in the configuration.
    pub name: String,
    /// Events that it holds.
    pub held: u64,
    /// Events that were made of several.
    pub packed: u64,
    /// Events that became part of another.
    pub merged: u64,
    /// Groups given on because of their age.
    pub by_age: u64,
    /// Groups given on because of a limit.
    pub by_limit: u64,
    /// Groups given on because the window was full.
    pub by_flush: u64,
    /// Events at which it failed by our fault.
    pub panics: u64,
}

/// A rule of a machine's filter.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// The line of the filter.
    pub line: u64,
    /// Its text.
    pub rule: String,
    /// Events that came to it.
    pub reached: u64,
    /// Events with which it did something.
    pub did: u64,
    /// Events with which it failed.
    pub failed: u64,
    /// Events whose time was taken.
    pub timed: u64,
    /// The time of those.
    pub nanos: u64,
    /// The time of one of them.
    pub mean_nanos: Option<u64>,
}

impl Machine {
    /// As it is now.
    pub fn of(running: &Running) -> Machine {
        let machine = &running.machine;
        let MachineStats { received, dropped, panics, filter_error, progress } = &running.stats;
        let (program, counters) = running.in_use();
        let rule = |(number, of): (usize, &RuleCount)| {
            let (line, text) = program.rule(number);
            let RuleCount { reached, did, failed, timed, nanos } = *of;
            Rule {
                line: line as u64,
                rule: text.to_string(),
                reached,
                did,
                failed,
                timed,
                nanos,
                mean_nanos: of.mean_nanos(),
            }
        };
        Machine {
            name: machine.name.clone(),
            queue: machine.queue.clone(),
            destination: machine.destination.clone(),
            filter: machine.filter.is_some().then(|| program.file().to_owned()),
            filter_error: text(filter_error),
            received: received.get(),
            merged: running.packers.iter().map(Packing::merged).sum(),
            stored: progress.stored.get(),
            rescued: progress.rescued.get(),
            dropped: dropped.get(),
            packers: running.packers.iter().map(Packer::of).collect(),
            panics: panics.get(),
            failures: progress.failures.get(),
            failing: progress.failing.is_raised(),
            ended: progress.ended(),
            rules: counters.rules.iter().enumerate().map(rule).collect(),
        }
    }
}

impl Packer {
    fn of(packing: &Packing) -> Packer {
        Packer {
            name: packing.name.clone(),
            held: packing.held(),
            packed: packing.packed(),
            merged: packing.merged(),
            by_age: packing.aged(),
            by_limit: packing.limited(),
            by_flush: packing.flushed(),
            panics: packing.panics(),
        }
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Machine>] = &[
    metric("received_events_total", |m| count(m.received), "Events that came since the start."),
    metric("stored_events_total", |m| count(m.stored), "Events that the next queue holds."),
    metric("rescued_events_total", |m| count(m.rescued), "Events that the next exchange refused for ever."),
    metric("dropped_events_total", |m| count(m.dropped), "Events dropped by a rule."),
    metric("panics_total", |m| count(m.panics), "Events on which the filter failed by our fault."),
    metric("failures_total", |m| count(m.failures), "Tries to publish that failed."),
    metric("failing", |m| flag(m.failing), "1 while the next exchange takes nothing."),
    metric(
        "filter_wrong",
        |m| said(&m.filter_error),
        "1 while the filter's file is wrong and an older one is in use.",
    ),
    metric("ended", |m| said(&m.ended), "1 when it takes nothing any more until the next start."),
];

/// Metrics of a machine's packers; their labels are the machine and the packer.
pub const PACKERS: &[Metric<Packer>] = &[
    metric("held_events", |p| count(p.held), "Events that wait for what belongs to them."),
    metric("packed_events_total", |p| count(p.packed), "Events that were made of several."),
    metric(
        "merged_events_total",
        |p| count(p.merged),
        "Events that are gone because they became part of another; a machine's received = merged + stored + rescued \
         + dropped.",
    ),
    metric("aged_total", |p| count(p.by_age), "Events given on because of their age."),
    metric("limited_total", |p| count(p.by_limit), "Events given on because of a limit."),
    metric("flushed_total", |p| count(p.by_flush), "Events given on because the window was full."),
    metric(
        "panics_total",
        |p| count(p.panics),
        "Events at which it failed by our fault; they went on alone.",
    ),
];

/// Metrics of a filter's rules; their labels are the machine, the rule's number and its line.
pub const RULES: &[Metric<Rule>] = &[
    metric("reached_total", |r| count(r.reached), "Events that came to the rule."),
    metric(
        "did_total",
        |r| count(r.did),
        "Events with which it did something; of a condition: for which it holds.",
    ),
    metric("failed_total", |r| count(r.failed), "Events with which it failed."),
    metric("timed_total", |r| count(r.timed), "Events for which the rule's time was taken."),
    metric("timed_seconds_total", |r| Some(r.nanos as f64 / 1e9), "The time that those took, in seconds."),
];
