//! What a listener counts. Plain atomics, read by status and metrics.

use std::sync::Mutex;

use super::clients::{Clients, Senders};
use crate::process::meter::{Counter, Flag};
use crate::process::told::Told;

/// Counters of one listener since the process started.
#[derive(Debug, Default)]
pub struct ListenerStats {
    /// Name in the configuration.
    pub name: String,
    /// Protocol's word in the configuration.
    pub protocol: &'static str,
    /// Lines read from senders.
    pub received: Counter,
    /// Lines that the bus holds durably.
    pub accepted: Counter,
    /// Bytes of those lines as read.
    pub bytes: Counter,
    /// Lines cut to the limit.
    pub truncated: Counter,
    /// Lines whose stream ended in their middle.
    pub incomplete: Counter,
    /// Lines read, not accepted, and never to come again: the sender's protocol has
    /// no way to be told (UDP, plain TCP, unix sockets).
    pub lost: Counter,
    /// Datagrams that the kernel dropped before we saw them.
    pub kernel_drops: Counter,
    /// Connections open now.
    pub connections: Counter,
    /// Connections ever accepted.
    pub connections_total: Counter,
    /// Connections and datagrams refused by a network rule, and connections closed for others that wait.
    pub refused: Counter,
    /// Connections ended by a breach of the protocol.
    pub protocol_errors: Counter,
    /// Frames and datagrams without a character, which are no events.
    pub empty: Counter,
    /// The queue takes nothing at the moment.
    pub stalled: Flag,
    /// Connections wait for a place at the moment.
    pub crowded: Flag,
    /// What was said of peers whose address is not allowed.
    pub told_refused: Told,
    /// What was said of peers that break the protocol.
    pub told_breach: Told,
    /// Why it receives nothing any more, if it has ended before its time.
    pub ended: Mutex<Option<String>>,
    /// Who is connected.
    pub clients: Clients,
    /// Who has sent something lately.
    pub senders: Senders,
}

impl ListenerStats {
    /// All zero.
    pub fn new(name: &str, protocol: &'static str) -> ListenerStats {
        ListenerStats { name: name.to_owned(), protocol, ..ListenerStats::default() }
    }
}
