//! The status of a shipper: what it has stored, and its trouble; of one that hands events on, its targets.

use loggr_event::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, flag, metric, millis, said};
use super::stamp;
use crate::process::certificates::{days_until, seconds_now};
use crate::sink::ShipStats;
use crate::sink::syslog::{ForwardStats, Standing, TargetStats};

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
    /// Events that its `if` does not choose.
    pub dropped: u64,
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
    /// `in use`; `waiting`, while another one gets the events; `failing`; `unused`, before the first event.
    pub state: String,
    /// Since when, in RFC 3339.
    pub since: Option<String>,
    /// Events that it has taken.
    pub sent: u64,
    /// Events that it has refused.
    pub refused: u64,
    /// Events that it has taken without an answer (TCP, UDP).
    pub unacknowledged: u64,
    /// With TLS, the name that its certificate is for, and the version; or that there is no connection.
    pub tls: Option<String>,
    /// Until when its certificate is valid, in RFC 3339, while there is a connection.
    pub certificate_ends: Option<String>,
    /// Days until then; negative behind it.
    pub certificate_days_left: Option<i64>,
    /// Where compression is asked for, what the target says to it: `zstd`, or that it does not offer it.
    pub compression: Option<String>,
    /// Bytes that were sent over RELP.
    pub sent_bytes: u64,
    /// The same as they would be without compression.
    pub plain_bytes: u64,
    /// Why it takes nothing.
    pub trouble: Option<String>,
}

impl Target {
    fn of(stats: &ForwardStats, of: &TargetStats) -> Target {
        let Standing { state, since, peer, trouble, compression } = of.now();
        let unconnected = stats.is_encrypted.then(|| "no connection".to_owned());
        let ends = peer.as_ref().and_then(|peer| peer.ends);
        Target {
            address: of.address.clone(),
            state: state.keyword().to_owned(),
            since: Some(stamp(since)),
            sent: of.sent.get(),
            refused: of.refused.get(),
            unacknowledged: if stats.unanswered { of.sent.get() } else { 0 },
            tls: peer.map(|peer| peer.shown).or(unconnected),
            certificate_ends: ends
                .map(|ends| stamp(Timestamp::from_unix_micros(ends.saturating_mul(1_000_000)))),
            certificate_days_left: ends.map(|ends| days_until(ends, seconds_now())),
            compression: compression.map(|agreed| agreed.words().to_owned()),
            sent_bytes: of.sent_bytes.get(),
            plain_bytes: of.plain_bytes.get(),
            trouble,
        }
    }
}

impl Forward {
    fn of(stats: &ForwardStats) -> Forward {
        Forward {
            refused: stats.refused.get(),
            unacknowledged: stats.unacknowledged.get(),
            resent: stats.resent.get(),
            cut: stats.cut.get(),
            reconnects: stats.reconnects.get(),
            current: stats.current().map(|of| of.address.clone()),
            targets: stats.targets.iter().map(|of| Target::of(stats, of)).collect(),
        }
    }
}

impl Ship {
    /// The status of a shipper now.
    pub fn of(stats: &ShipStats) -> Ship {
        let ShipStats { kind, queue, progress, dropped, forward, sealing: _ } = stats;
        let latency = progress.latency.quantiles();
        Ship {
            name: progress.name.clone(),
            kind: (*kind).to_owned(),
            queue: queue.clone(),
            stored: progress.stored.get(),
            rescued: progress.rescued.get(),
            dropped: dropped.get(),
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
        "dropped_events_total",
        |s| count(s.dropped),
        "Events of its queue that the shipper's `if` did not choose since the start of the process.",
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
        "Events that another server has refused since the start of the process; they are in the rescue. Only \
         shippers of the kinds `syslog` and `elastic` have this and the following metrics.",
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
        "Events that were sent once more since the start of the process, because their connection had broken or \
         the server had too much to do; of kind `syslog`, they may stand twice at the other end.",
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
    metric(
        "refused_events_total",
        |t| count(t.refused),
        "Events that this target has refused since the start of the process; they are in the rescue.",
    ),
    metric(
        "sent_bytes_total",
        |t| count(t.sent_bytes),
        "Bytes of events that were sent to this target over RELP, or to a search server, since the start of the \
         process, compressed where they were.",
    ),
    metric(
        "plain_bytes_total",
        |t| count(t.plain_bytes),
        "The same as they would be if nothing was compressed.",
    ),
    metric(
        "certificate_days_left",
        |t| Some(t.certificate_days_left? as f64),
        "Days until the certificate ends that this target shows; missing without TLS, and while there is no \
         connection.",
    ),
    metric("failing", |t| said(&t.trouble), "1 while this target takes no events."),
];
