//! The status of a machine: its events, its packers, and the rules of its filter.

use loggr_filter::lang::RuleCount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::live::text;
use super::metric::{Metric, count, flag, metric, said};
use crate::component::machine::{MachineStats, Packing, Running};

/// A machine since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
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
    /// What is wrong with a changed filter that is not in use.
    pub filter_error: Option<String>,
    /// Events that it has taken from its queue.
    pub received: u64,
    /// Events that became part of another one.
    pub merged: u64,
    /// Events that the next queue holds.
    pub stored: u64,
    /// Events that went to the rescue.
    pub rescued: u64,
    /// Events dropped by a rule.
    pub dropped: u64,
    /// Its packers, in their order.
    pub packers: Vec<Packer>,
    /// Events at which the filter panicked.
    pub panics: u64,
    /// Tries to publish that failed.
    pub failures: u64,
    /// The destination exchange takes nothing at the moment.
    pub failing: bool,
    /// Why it has ended.
    pub ended: Option<String>,
    /// What the rules of its filter did.
    pub rules: Vec<Rule>,
}

/// A packer of a machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Groups passed on because of their age.
    pub by_age: u64,
    /// Groups passed on because of a limit.
    pub by_limit: u64,
    /// Groups passed on because the window was full, or the process stopped.
    pub by_flush: u64,
    /// Events at which it panicked.
    pub panics: u64,
}

/// A rule of a machine's filter.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rule {
    /// The line of the filter.
    pub line: u64,
    /// Its text.
    pub rule: String,
    /// Events that reached the rule.
    pub reached: u64,
    /// Events on which the rule acted.
    pub did: u64,
    /// Events for which the rule failed.
    pub failed: u64,
    /// Events for which the time was measured.
    pub timed: u64,
    /// The time of the measured events, in nanoseconds.
    pub nanos: u64,
    /// The mean time of one of them.
    pub mean_nanos: Option<u64>,
}

impl Machine {
    /// The status of a machine now.
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
    metric(
        "received_events_total",
        |m| count(m.received),
        "Events that the machine has taken from its queue since the start of the process.",
    ),
    metric(
        "stored_events_total",
        |m| count(m.stored),
        "Events that the machine has published and that the next queue has stored durably.",
    ),
    metric(
        "rescued_events_total",
        |m| count(m.rescued),
        "Events that went to the rescue because the exchange refused them for good.",
    ),
    metric("dropped_events_total", |m| count(m.dropped), "Events that a rule of the filter dropped."),
    metric(
        "panics_total",
        |m| count(m.panics),
        "Events at which the filter panicked because of a fault in loggr.",
    ),
    metric(
        "failures_total",
        |m| count(m.failures),
        "Attempts to publish a batch that failed; loggr repeats them.",
    ),
    metric(
        "failing",
        |m| flag(m.failing),
        "1 while the machine cannot publish because the destination exchange takes no events.",
    ),
    metric(
        "filter_wrong",
        |m| said(&m.filter_error),
        "1 while the filter's file has a mistake and the machine uses the version that it read before.",
    ),
    metric(
        "ended",
        |m| said(&m.ended),
        "1 when the machine has ended because of an error; its events wait in the queue until loggr is \
         started again.",
    ),
];

/// Metrics of a machine's packers. Their labels are the names of the machine and of the packer.
pub const PACKERS: &[Metric<Packer>] = &[
    metric(
        "held_events",
        |p| count(p.held),
        "Events that the packer holds now because more that belongs to them may come.",
    ),
    metric("packed_events_total", |p| count(p.packed), "Events that the packer has made of several."),
    metric(
        "merged_events_total",
        |p| count(p.merged),
        "Events that no longer stand alone because they became part of another. For each machine received = \
         merged + stored + rescued + dropped, once nothing is held.",
    ),
    metric(
        "aged_total",
        |p| count(p.by_age),
        "Groups of events that the packer passed on because they had reached `max_age`.",
    ),
    metric(
        "limited_total",
        |p| count(p.by_limit),
        "Groups of events that the packer passed on because they had reached `max_lines`, `max_size` or the \
         limit of the whole packer.",
    ),
    metric(
        "flushed_total",
        |p| count(p.by_flush),
        "Groups of events that the packer passed on early because the queue could hand out no more before \
         that, or because the process stopped.",
    ),
    metric(
        "panics_total",
        |p| count(p.panics),
        "Events at which the packer panicked because of a fault in loggr; they were passed on unpacked.",
    ),
];

/// Metrics of a filter's rules. Their labels are the machine's name, the rule's number and its line
/// in the filter.
pub const RULES: &[Metric<Rule>] = &[
    metric("reached_total", |r| count(r.reached), "Events that reached the rule."),
    metric(
        "did_total",
        |r| count(r.did),
        "Events on which the rule acted; if the rule is a condition, the events for which it was true.",
    ),
    metric(
        "failed_total",
        |r| count(r.failed),
        "Events for which the rule failed, such as a conversion of a text that is no number.",
    ),
    metric(
        "timed_total",
        |r| count(r.timed),
        "Events for which loggr measured the time of the rule; this is a sample of all that reached it.",
    ),
    metric(
        "timed_seconds_total",
        |r| Some(r.nanos as f64 / 1e9),
        "Time that the rule took for the measured events, in seconds.",
    ),
];
