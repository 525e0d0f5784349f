//! A listener: what it has received, who is connected, and what is wrong with it.

use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, flag, metric, said};
use crate::component::server::Bound;
use crate::source::{ListenerStats, NO_PLACE};

/// Clients of one listener that are shown, the latest.
const MAX_CLIENTS: usize = 100;

/// A listener since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// Lines read, not accepted, and never to come again.
    pub lost: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Lines cut to the limit.
    pub truncated: u64,
    /// Lines whose stream ended in their middle.
    pub incomplete: u64,
    /// Datagrams that the kernel dropped.
    pub kernel_drops: u64,
    /// Connections open now.
    pub connections: u64,
    /// Connections ever accepted.
    pub connections_total: u64,
    /// Connections and datagrams refused.
    pub refused: u64,
    /// Connections ended by a breach of the protocol.
    pub protocol_errors: u64,
    /// Frames without a character.
    pub empty: u64,
    /// The queue takes nothing.
    pub stalled: bool,
    /// Why it receives nothing any more.
    pub ended: Option<String>,
    /// What else is wrong.
    pub trouble: Option<String>,
    /// Who has sent something lately.
    pub senders: Vec<Sender>,
    /// Who is connected, the latest.
    pub clients: Vec<Client>,
}

/// Whoever sends to a listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sender {
    /// Its address.
    pub name: String,
    /// When something came from there last, in seconds since 1970.
    pub last_seen: f64,
}

/// Somebody who is connected.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Client {
    /// Address and port.
    pub peer: String,
    /// For how long.
    pub seconds: u64,
}

impl Listener {
    /// As it is now.
    pub fn of(bound: &Bound) -> Listener {
        let Bound { stats, addresses } = bound;
        // Without `..`: the compiler asks where a new number is told.
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
            protocol_errors,
            empty,
            crowded,
            told_refused: _,
            told_breach: _,
            clients,
            senders,
        } = &**stats;
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
            protocol_errors: protocol_errors.get(),
            empty: empty.get(),
            stalled: progress.failing.is_raised(),
            ended: progress.ended(),
            trouble: crowded.is_raised().then(|| NO_PLACE.to_owned()),
            senders: senders.last_seen().into_iter().map(sender).collect(),
            clients: clients
                .latest(MAX_CLIENTS)
                .iter()
                .map(|c| Client { peer: c.peer.clone(), seconds: c.since.elapsed().as_secs() })
                .collect(),
        }
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Listener>] = &[
    metric("received_events_total", |l| count(l.received), "Lines read from senders."),
    metric("received_bytes_total", |l| count(l.bytes), "Bytes of those lines, envelopes included."),
    metric("accepted_events_total", |l| count(l.accepted), "Lines that the queue holds durably."),
    metric(
        "lost_events_total",
        |l| count(l.lost),
        "Lines that were read and lost, because their protocol cannot ask the sender to send them again.",
    ),
    metric("kernel_drops_total", |l| count(l.kernel_drops), "Datagrams that the kernel dropped."),
    metric("truncated_events_total", |l| count(l.truncated), "Lines cut to the limit."),
    metric("incomplete_events_total", |l| count(l.incomplete), "Lines whose stream ended in their middle."),
    metric("empty_total", |l| count(l.empty), "Frames and datagrams without a character: no events."),
    metric("connections", |l| count(l.connections), "Connections open now."),
    metric("connections_total", |l| count(l.connections_total), "Connections ever accepted."),
    metric(
        "refused_total",
        |l| count(l.refused),
        "Connections or datagrams refused by a rule, and silent connections closed for others that wait.",
    ),
    metric(
        "protocol_errors_total",
        |l| count(l.protocol_errors),
        "Connections ended by a breach of the protocol.",
    ),
    metric("stalled", |l| flag(l.stalled), "1 while the queue takes nothing."),
    metric("crowded", |l| said(&l.trouble), "1 while it has no place for another connection."),
    metric("ended", |l| said(&l.ended), "1 when it receives nothing any more until the next start."),
];

/// Metrics of whoever sends to a listener, the latest thousand; their labels are the listener and the
/// sender's address.
pub const SENDERS: &[Metric<Sender>] = &[metric(
    "last_seen_timestamp_seconds",
    |s| Some(s.last_seen),
    "When something came from there last, in seconds since 1970.",
)];
