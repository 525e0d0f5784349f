//! What a listener counts. Plain atomics, read by status and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
    /// Connections refused by a limit or a network rule.
    pub refused: Counter,
    /// Connections ended by a breach of the protocol.
    pub protocol_errors: Counter,
    /// The queue takes nothing at the moment.
    pub stalled: Flag,
    /// Why it receives nothing any more, if it has ended before its time.
    pub ended: Mutex<Option<String>>,
    /// Who is connected.
    pub clients: Clients,
}

/// Who is connected to a listener, and since when. Bounded by its `max_connections`.
#[derive(Debug, Default)]
pub struct Clients(Mutex<BTreeMap<u64, Client>>);

/// Somebody who is connected.
#[derive(Clone, Debug)]
pub struct Client {
    /// Address and port; empty on a unix socket.
    pub peer: String,
    /// When it came.
    pub since: Instant,
}

impl Clients {
    /// Somebody came; the number is unique on the listener.
    pub fn enter(&self, number: u64, peer: &str) {
        self.lock().insert(number, Client { peer: peer.to_owned(), since: Instant::now() });
    }

    /// They went.
    pub fn leave(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// The `most` who came last, the last one first.
    pub fn latest(&self, most: usize) -> Vec<Client> {
        self.lock().values().rev().take(most).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ListenerStats {
    /// All zero.
    pub fn new(name: &str, protocol: &'static str) -> ListenerStats {
        ListenerStats { name: name.to_owned(), protocol, ..ListenerStats::default() }
    }
}
