//! What a listener counts. Plain atomics, read by status and metrics.

mod files;

use std::sync::Arc;

use super::clients::{Clients, Senders};
use crate::process::meter::{Counter, Flag};
use crate::process::progress::{Progress, Words};
use crate::process::told::Told;
use crate::seal::Sealing;
pub use files::FileStats;

const WORDS: Words = Words {
    kind: "listener",
    stuck: "the queue takes nothing; senders have to wait",
    again: "the queue takes events again",
    rescued: "these events are not accepted",
};

/// Counters of one listener since the process started.
#[derive(Debug)]
pub struct ListenerStats {
    /// Its name, and what the bus holds durably of what it received.
    pub progress: Arc<Progress>,
    /// Protocol's word in the configuration.
    pub protocol: &'static str,
    /// Lines read from senders.
    pub received: Counter,
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
    /// Connections refused in the handshake of TLS, or in the head of a proxy.
    pub handshakes_refused: Counter,
    /// Connections ended by a breach of the protocol.
    pub protocol_errors: Counter,
    /// Frames and datagrams without a character, which are no events.
    pub empty: Counter,
    /// Connections wait for a place at the moment.
    pub crowded: Flag,
    /// What was said of peers whose address is not allowed.
    pub told_refused: Told,
    /// What was said of peers that are refused in the handshake, by address and reason.
    pub told_handshake: Told,
    /// What was said of peers that break the protocol.
    pub told_breach: Told,
    /// What is done with the seals of its events.
    pub sealing: Option<Arc<Sealing>>,
    /// Numbers of the files that it reads, if it does.
    pub files: Option<Arc<FileStats>>,
    /// Who is connected.
    pub clients: Clients,
    /// Who has sent something lately.
    pub senders: Senders,
}

impl ListenerStats {
    /// All zero.
    pub fn new(name: &str, protocol: &'static str) -> ListenerStats {
        ListenerStats {
            progress: Arc::new(Progress::new(name, &WORDS)),
            protocol,
            received: Counter::default(),
            bytes: Counter::default(),
            truncated: Counter::default(),
            incomplete: Counter::default(),
            lost: Counter::default(),
            kernel_drops: Counter::default(),
            connections: Counter::default(),
            connections_total: Counter::default(),
            refused: Counter::default(),
            handshakes_refused: Counter::default(),
            protocol_errors: Counter::default(),
            empty: Counter::default(),
            crowded: Flag::default(),
            told_refused: Told::default(),
            told_handshake: Told::default(),
            told_breach: Told::default(),
            sealing: None,
            files: None,
            clients: Clients::default(),
            senders: Senders::default(),
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.progress.name
    }
}
