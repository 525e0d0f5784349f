//! What a listener counts. Plain atomics, read by status and metrics.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::clients::{Clients, Senders};
use super::told::Told;

/// A counter that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds 1 and gives what it was.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes `n` away again; for gauges.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A state that many tasks see and one log line announces.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// True for the one who raised it.
    pub fn raise(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// True for the one who cleared it.
    pub fn clear(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Is it raised?
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

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
