//! What this process has counted about the broker's exchanges and queues.
//!
//! The broker counts messages, not events, and forgets them: these numbers are of this
//! process and begin with it.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, or a gauge.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Of an exchange.
#[derive(Debug, Default)]
pub(super) struct ExchangeCounters {
    /// Events that the broker has confirmed.
    pub published: Count,
}

/// Of a queue.
#[derive(Debug, Default)]
pub(super) struct QueueCounters {
    /// Events given out and not settled.
    pub in_hand: Count,
    pub stored: Count,
    pub rescued: Count,
    pub dropped: Count,
    pub redelivered: Count,
    /// Messages that are ready at the broker, as it last said.
    pub ready_messages: Count,
    /// Consumers of all processes, as it last said.
    pub consumers: Count,
}
