//! The status of a listener: what it has received, its clients, and its troubles.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, flag, metric, millis, said};
use crate::component::server::Bound;
use crate::source::{self, FileStats, ListenerStats, NO_PLACE};

/// Clients of one listener that are shown, at most; the latest ones.
const MAX_CLIENTS: usize = 100;

/// A listener since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Listener {
    /// Its name in the configuration.
    pub name: String,
    /// Its protocol's word.
    pub protocol: String,
    /// All its addresses.
    pub address: String,
    /// Each of them.
    pub addresses: Vec<String>,
    /// Lines read.
    pub received: u64,
    /// Lines that the queue holds.
    pub accepted: u64,
    /// Lines that were read, not stored, and cannot come again.
    pub lost: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Lines cut to the limit.
    pub truncated: u64,
    /// Lines that were cut off by the end of their stream.
    pub incomplete: u64,
    /// Datagrams that the kernel dropped.
    pub kernel_drops: u64,
    /// Connections open now.
    pub connections: u64,
    /// Connections ever accepted.
    pub connections_total: u64,
    /// Connections and datagrams refused.
    pub refused: u64,
    /// Connections refused in the handshake of TLS, or in the head of a proxy.
    pub handshakes_refused: u64,
    /// Connections that were closed because the peer broke the rules of the protocol.
    pub protocol_errors: u64,
    /// Frames without a character.
    pub empty: u64,
    /// Milliseconds from reading an event until it is on disk, over the last minutes: half of the batches
    /// took no longer.
    pub ack_p50_ms: Option<f64>,
    /// The same for 99 of 100.
    pub ack_p99_ms: Option<f64>,
    /// The bus stores nothing at the moment.
    pub stalled: bool,
    /// Why it has ended.
    pub ended: Option<String>,
    /// Another trouble.
    pub trouble: Option<String>,
    /// Peers that have sent something lately.
    pub senders: Vec<Sender>,
    /// The latest connected clients.
    pub clients: Vec<Client>,
    /// Its files, if it reads some.
    pub files: Option<Files>,
}

/// The files of a listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Files {
    /// Files that are read.
    pub watched: u64,
    /// Files that are open.
    pub open: u64,
    /// Bytes that were seen in them and are not durable yet.
    pub bytes_behind: u64,
    /// How long the oldest line has waited that was not read, in seconds.
    pub oldest_seconds: f64,
    /// Files that were truncated while they were read; lines may be missing that came just before.
    pub truncated: u64,
    /// Files that are gone, though bytes had been seen in them that were not read.
    pub gaps: u64,
    /// Those bytes.
    pub gap_bytes: u64,
    /// What is wrong with single files, each with its name.
    pub troubles: Vec<String>,
}

impl Files {
    fn of(stats: &FileStats) -> Files {
        Files {
            watched: stats.watched.get(),
            open: stats.open.get(),
            bytes_behind: stats.behind.get(),
            oldest_seconds: stats.oldest_ms.get() as f64 / 1e3,
            truncated: stats.truncated.get(),
            gaps: stats.gaps.get(),
            gap_bytes: stats.gap_bytes.get(),
            troubles: stats.troubles(),
        }
    }
}

/// A peer that sends to a listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sender {
    /// Its address.
    pub name: String,
    /// When something came from there last, in seconds since 1970.
    pub last_seen: f64,
}

/// A connected client.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Client {
    /// Address and port.
    pub peer: String,
    /// How long it has been connected.
    pub seconds: u64,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The verified name in its certificate.
    pub tls_name: Option<String>,
    /// Events that came over it.
    pub events: u64,
    /// When something came over it last, in seconds since 1970.
    pub last_seen: Option<f64>,
}

impl Listener {
    /// The status of a listener now.
    pub fn of(bound: &Bound) -> Listener {
        let Bound { stats, addresses } = bound;
        // There is no `..`, so that the compiler points here when a number is added.
        let ListenerStats {
            progress,
            protocol,
            received,
            bytes,
            truncated,
            incomplete,
            lost,
            kernel_drops,
            connections,
            connections_total,
            refused,
            handshakes_refused,
            protocol_errors,
            empty,
            crowded,
            told_refused: _,
            told_handshake: _,
            told_breach: _,
            sealing: _,
            files,
            clients,
            senders,
        } = &**stats;
        let latency = progress.latency.quantiles();
        let client = |c: &Arc<source::Client>| Client {
            peer: c.peer.clone(),
            seconds: c.since.elapsed().as_secs(),
            tls: c.is_encrypted,
            tls_name: c.tls_name.clone(),
            events: c.events(),
            last_seen: c.last_seen(),
        };
        let sender = |(address, last): (String, f64)| Sender { name: address, last_seen: last };
        Listener {
            name: progress.name.clone(),
            protocol: (*protocol).to_owned(),
            address: addresses.join(", "),
            addresses: addresses.clone(),
            received: received.get(),
            accepted: progress.stored.get(),
            lost: lost.get(),
            bytes: bytes.get(),
            truncated: truncated.get(),
            incomplete: incomplete.get(),
            kernel_drops: kernel_drops.get(),
            connections: connections.get(),
            connections_total: connections_total.get(),
            refused: refused.get(),
            handshakes_refused: handshakes_refused.get(),
            protocol_errors: protocol_errors.get(),
            empty: empty.get(),
            ack_p50_ms: millis(latency.map(|of| of.half)),
            ack_p99_ms: millis(latency.map(|of| of.most)),
            stalled: progress.failing.is_raised(),
            ended: progress.ended(),
            trouble: crowded.is_raised().then(|| NO_PLACE.to_owned()),
            senders: senders.last_seen().into_iter().map(sender).collect(),
            clients: clients.latest(MAX_CLIENTS).iter().map(client).collect(),
            files: files.as_deref().map(Files::of),
        }
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Listener>] = &[
    metric(
        "received_events_total",
        |l| count(l.received),
        "Lines that the listener has read from its senders.",
    ),
    metric(
        "received_bytes_total",
        |l| count(l.bytes),
        "Bytes of the lines that the listener has read, with what frames them in the protocol.",
    ),
    metric(
        "accepted_events_total",
        |l| count(l.accepted),
        "Lines of the listener that the bus has stored durably; over RELP the sender is told so.",
    ),
    metric(
        "lost_events_total",
        |l| count(l.lost),
        "Lines that were read but not stored and are lost: over UDP, plain TCP and unix sockets loggr cannot \
         ask the sender to send them again.",
    ),
    metric(
        "kernel_drops_total",
        |l| count(l.kernel_drops),
        "Datagrams that the kernel dropped because the receive buffer of the socket was full; loggr never \
         saw them.",
    ),
    metric(
        "truncated_events_total",
        |l| count(l.truncated),
        "Lines that were longer than `max_message_size` and were cut to it.",
    ),
    metric(
        "incomplete_events_total",
        |l| count(l.incomplete),
        "Lines of which only the beginning came, because the connection ended in the middle.",
    ),
    metric("empty_total", |l| count(l.empty), "Empty frames and datagrams; they make no event."),
    metric("connections", |l| count(l.connections), "Connections that are open now."),
    metric(
        "connections_total",
        |l| count(l.connections_total),
        "Connections that the listener has accepted since the start of the process.",
    ),
    metric(
        "refused_total",
        |l| count(l.refused),
        "Connections and datagrams that `allow` or `deny` refused, and silent connections that were closed \
         to make room for new ones.",
    ),
    metric(
        "handshakes_refused_total",
        |l| count(l.handshakes_refused),
        "Connections that were refused before their first event: in the handshake of TLS, because of the \
         sender's certificate for example, or because a proxy sent no head of the PROXY protocol. The security \
         log says why.",
    ),
    metric(
        "protocol_errors_total",
        |l| count(l.protocol_errors),
        "Connections on which the sender broke the rules of the protocol, or spoke another one. loggr closed them, but \
         for those on which RELP came to a listener for plain syslog.",
    ),
    metric(
        "ack_p50_seconds",
        |l| Some(l.ack_p50_ms? / 1e3),
        "Time from reading events until they are on disk, over the last one to two minutes: half of the batches \
         took no longer. Over RELP the sender is answered then. Missing if nothing came.",
    ),
    metric("ack_p99_seconds", |l| Some(l.ack_p99_ms? / 1e3), "The same for 99 of 100 batches."),
    metric(
        "stalled",
        |l| flag(l.stalled),
        "1 while the listener has stopped reading because the bus cannot store events (its disk is full, or \
         the broker is away).",
    ),
    metric(
        "crowded",
        |l| said(&l.trouble),
        "1 while new connections wait because `max_connections`, or what the system allows, is reached.",
    ),
    metric(
        "files",
        |l| count(l.files.as_ref()?.watched),
        "Files that the listener reads. This and the next ones only of listeners that read files.",
    ),
    metric("open_files", |l| count(l.files.as_ref()?.open), "Files of these that are open."),
    metric(
        "files_behind_bytes",
        |l| count(l.files.as_ref()?.bytes_behind),
        "Bytes that were seen in the files and are not stored durably yet.",
    ),
    metric(
        "files_oldest_seconds",
        |l| Some(l.files.as_ref()?.oldest_seconds),
        "How long the oldest line has waited that was not read yet. A last line without line feed waits, too.",
    ),
    metric(
        "files_truncated_total",
        |l| count(l.files.as_ref()?.truncated),
        "Files that were truncated while they were read, as `copytruncate` does it; lines that came just before may \
         be missing.",
    ),
    metric(
        "files_gaps_total",
        |l| count(l.files.as_ref()?.gaps),
        "Files that are gone, though bytes had been seen in them that were not read.",
    ),
    metric("files_gap_bytes_total", |l| count(l.files.as_ref()?.gap_bytes), "Those bytes."),
    metric(
        "files_troubles",
        |l| count(l.files.as_ref()?.troubles.len() as u64),
        "Files with which something is wrong: they cannot be read, or are no logs.",
    ),
    metric(
        "ended",
        |l| said(&l.ended),
        "1 when the listener has ended because of an error; it receives nothing until loggr is started \
         again.",
    ),
];

/// Metrics of the latest thousand senders of each listener. Their labels are the listener's name
/// and the sender's address.
pub const SENDERS: &[Metric<Sender>] = &[metric(
    "last_seen_timestamp_seconds",
    |s| Some(s.last_seen),
    "When the listener last received something from this sender, in seconds since 1970.",
)];
