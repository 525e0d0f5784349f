//! The numbers that this process has counted about the broker's exchanges and queues.
//!
//! The broker counts messages, not events, and forgets them; these numbers begin with the process.

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

/// The counters of an exchange.
#[derive(Debug, Default)]
pub(super) struct ExchangeCounters {
    /// Events that the broker has confirmed.
    pub published: Count,
}

/// The counters of a queue.
#[derive(Debug, Default)]
pub(super) struct QueueCounters {
    /// Events given out and not settled.
    pub in_hand: Count,
    pub stored: Count,
    pub rescued: Count,
    pub dropped: Count,
    pub redelivered: Count,
    /// Messages that are ready at the broker, by its last answer.
    pub ready_messages: Count,
    /// Consumers of all processes, by the broker's last answer.
    pub consumers: Count,
}
