//! A shipper: what it has stored, and why it does not.

use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, flag, metric, said};
use crate::sink::ShipStats;

/// A shipper since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ship {
    /// Its name in the configuration.
    pub name: String,
    /// Its kind's word.
    pub kind: String,
    /// The queue that it takes from.
    pub queue: String,
    /// Events stored.
    pub stored: u64,
    /// Events that went to the rescue.
    pub rescued: u64,
    /// Tries that failed.
    pub failures: u64,
    /// The destination takes nothing.
    pub failing: bool,
    /// What it last said when it refused.
    pub last_error: Option<String>,
    /// Why it takes nothing any more.
    pub ended: Option<String>,
}

impl Ship {
    /// As it is now.
    pub fn of(stats: &ShipStats) -> Ship {
        let ShipStats { kind, queue, progress } = stats;
        Ship {
            name: progress.name.clone(),
            kind: (*kind).to_owned(),
            queue: queue.clone(),
            stored: progress.stored.get(),
            rescued: progress.rescued.get(),
            failures: progress.failures.get(),
            failing: progress.failing.is_raised(),
            last_error: progress.last_error(),
            ended: progress.ended(),
        }
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Ship>] = &[
    metric("stored_events_total", |s| count(s.stored), "Events stored since the start."),
    metric("rescued_events_total", |s| count(s.rescued), "Events rescued since the start."),
    metric("failures_total", |s| count(s.failures), "Tries that failed."),
    metric("failing", |s| flag(s.failing), "1 while the shipper cannot write."),
    metric("ended", |s| said(&s.ended), "1 when it takes nothing any more until the next start."),
];
