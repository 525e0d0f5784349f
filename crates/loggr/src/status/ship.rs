//! The status of a shipper: what it has stored, and its trouble.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, flag, metric, millis, said};
use crate::sink::ShipStats;

/// A shipper since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Milliseconds from taking an event out of the queue until it is stored, over the last minutes: half of
    /// the batches took no longer.
    pub ack_p50_ms: Option<f64>,
    /// The same for 99 of 100.
    pub ack_p99_ms: Option<f64>,
    /// The destination takes nothing.
    pub failing: bool,
    /// The last error of the destination.
    pub last_error: Option<String>,
    /// Why it has ended.
    pub ended: Option<String>,
}

impl Ship {
    /// The status of a shipper now.
    pub fn of(stats: &ShipStats) -> Ship {
        let ShipStats { kind, queue, progress } = stats;
        let latency = progress.latency.quantiles();
        Ship {
            name: progress.name.clone(),
            kind: (*kind).to_owned(),
            queue: queue.clone(),
            stored: progress.stored.get(),
            rescued: progress.rescued.get(),
            failures: progress.failures.get(),
            ack_p50_ms: millis(latency.map(|of| of.half)),
            ack_p99_ms: millis(latency.map(|of| of.most)),
            failing: progress.failing.is_raised(),
            last_error: progress.last_error(),
            ended: progress.ended(),
        }
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Ship>] = &[
    metric(
        "stored_events_total",
        |s| count(s.stored),
        "Events that the shipper has stored durably since the start of the process.",
    ),
    metric(
        "rescued_events_total",
        |s| count(s.rescued),
        "Events that the shipper has put into the rescue since the start of the process, because the \
         destination refused them for good.",
    ),
    metric(
        "failures_total",
        |s| count(s.failures),
        "Attempts to store a batch that failed; loggr repeats them.",
    ),
    metric(
        "ack_p50_seconds",
        |s| Some(s.ack_p50_ms? / 1e3),
        "Time from taking events out of the queue until they are stored, over the last one to two minutes: \
         half of the batches took no longer. Missing if there were none.",
    ),
    metric("ack_p99_seconds", |s| Some(s.ack_p99_ms? / 1e3), "The same for 99 of 100 batches."),
    metric(
        "failing",
        |s| flag(s.failing),
        "1 while the shipper cannot store events at its destination; they wait in the queue.",
    ),
    metric(
        "ended",
        |s| said(&s.ended),
        "1 when the shipper has ended because of an error; its events wait in the queue until loggr is \
         started again.",
    ),
];
