//! The status of a shipper: what it has stored, and its trouble; of one that hands events on, its targets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, flag, metric, millis, said};
use crate::sink::ShipStats;
use crate::sink::syslog::{ForwardStats, TargetStats};

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
    /// What one tells that hands events on to other servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
}

/// A shipper that hands events on, since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Forward {
    /// Events that a target has refused.
    pub refused: u64,
    /// Events that were handed over to a target that answers nothing (TCP, UDP).
    pub unacknowledged: u64,
    /// Events that were sent once more, because their connection had broken.
    pub resent: u64,
    /// Events that were cut to the length of a datagram.
    pub cut: u64,
    /// Connections that were made again.
    pub reconnects: u64,
    /// The target that got the last events.
    pub current: Option<String>,
    /// All targets.
    pub targets: Vec<Target>,
}

/// A server to which events are handed on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// Events that it has taken.
    pub sent: u64,
    /// With TLS, the name that its certificate is for, while it takes events.
    pub tls: Option<String>,
    /// Why it takes nothing.
    pub trouble: Option<String>,
}

impl Forward {
    fn of(stats: &ForwardStats) -> Forward {
        let target = |of: &TargetStats| Target {
            address: of.address.clone(),
            sent: of.sent.get(),
            // Of a target that refuses us the handshake may have gone well.
            tls: of.peer().filter(|_| of.trouble().is_none()),
            trouble: of.trouble(),
        };
        Forward {
            refused: stats.refused.get(),
            unacknowledged: stats.unacknowledged.get(),
            resent: stats.resent.get(),
            cut: stats.cut.get(),
            reconnects: stats.reconnects.get(),
            current: stats.current().map(|of| of.address.clone()),
            targets: stats.targets.iter().map(target).collect(),
        }
    }
}

impl Ship {
    /// The status of a shipper now.
    pub fn of(stats: &ShipStats) -> Ship {
        let ShipStats { kind, queue, progress, forward, sealing: _ } = stats;
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
            forward: forward.as_deref().map(Forward::of),
        }
    }

    /// The targets of one that hands events on.
    pub fn targets(&self) -> &[Target] {
        self.forward.as_ref().map_or(&[], |forward| &forward.targets)
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
    metric(
        "refused_events_total",
        |s| count(s.forward.as_ref()?.refused),
        "Events that another syslog server has refused since the start of the process; they are in the rescue. \
         Only shippers of kind `syslog` have this and the following metrics.",
    ),
    metric(
        "unacknowledged_events_total",
        |s| count(s.forward.as_ref()?.unacknowledged),
        "Events that were handed over over TCP or UDP since the start of the process: nobody has said that \
         they were stored.",
    ),
    metric(
        "resent_events_total",
        |s| count(s.forward.as_ref()?.resent),
        "Events that were sent once more since the start of the process, because their connection had broken; \
         they may stand twice at the other end.",
    ),
    metric(
        "cut_events_total",
        |s| count(s.forward.as_ref()?.cut),
        "Events that were cut to the length of a datagram since the start of the process.",
    ),
    metric(
        "reconnects_total",
        |s| count(s.forward.as_ref()?.reconnects),
        "Connections to targets that were made again since the start of the process.",
    ),
];

/// The metrics of each target of a shipper that hands events on.
pub const TARGETS: &[Metric<Target>] = &[
    metric(
        "sent_events_total",
        |t| count(t.sent),
        "Events that this target has taken since the start of the process.",
    ),
    metric("failing", |t| said(&t.trouble), "1 while this target takes no events."),
];
