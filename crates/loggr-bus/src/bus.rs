//! One bus, whatever carries it: the rest of loggr does not care which.
//!
//! Not an abstraction for strangers: the kinds are known, and a `match` names them all.

use loggr_flow::{Batch, Delivery, Receipt, Sink, Source, SourceError, Stop, StoreError};

use crate::embedded::{self, ExchangeStats};
use crate::error::OpenError;
use crate::topology::ConsumerOptions;

/// The bus of this process. Dropping it closes it.
#[derive(Debug)]
pub enum Bus {
    /// An append-only log on local disk.
    Embedded(embedded::Bus),
}

/// Publishes to one exchange under one routing key. Clone it for concurrent use.
#[derive(Clone, Debug)]
pub enum Publisher {
    /// To the local log.
    Embedded(embedded::Publisher),
}

/// Takes deliveries from one queue. Several may share a queue; then order is kept only
/// within a delivery.
///
/// Stopping: once its [`Stop`] says drain, `next` gives what is left and then `None`;
/// once it says abort, `None` at once.
#[derive(Debug)]
pub enum Consumer {
    /// From the local log.
    Embedded(embedded::Consumer),
}

impl Bus {
    /// A publisher to `exchange` under `routing_key`.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such exchange or the key is too long.
    pub fn publisher(&self, exchange: &str, routing_key: &str) -> Result<Publisher, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.publisher(exchange, routing_key).map(Publisher::Embedded),
        }
    }

    /// A consumer of `queue`, which must be configured.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such queue.
    pub fn consumer(&self, queue: &str, options: ConsumerOptions, stop: Stop) -> Result<Consumer, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.consumer(queue, options, stop).map(Consumer::Embedded),
        }
    }

    /// Events of the queue's head without taking them: at most `max_events`, more only
    /// if the first batch has more. `None` if nothing waits.
    ///
    /// # Errors
    /// [`OpenError`] if there is no such queue or it cannot be read.
    pub async fn peek(&self, queue: &str, max_events: usize) -> Result<Option<Batch>, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.peek(queue, max_events),
        }
    }

    /// Drops everything that waits in the queue and is not in flight; gives the number
    /// of events, which count as dropped.
    ///
    /// # Errors
    /// [`OpenError`] if there is no such queue or it cannot be written.
    pub async fn purge(&self, queue: &str) -> Result<u64, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.purge(queue),
        }
    }

    /// Makes durable what was acknowledged so far, so that it does not come again. Closing
    /// does it too; this is for a stop that may not wait for the bus's last owner.
    pub fn flush(&self) {
        match self {
            Bus::Embedded(bus) => bus.flush(),
        }
    }

    /// How every exchange and queue stands.
    pub fn stats(&self) -> Vec<ExchangeStats> {
        match self {
            Bus::Embedded(bus) => bus.stats(),
        }
    }
}

impl From<embedded::Bus> for Bus {
    fn from(bus: embedded::Bus) -> Bus {
        Bus::Embedded(bus)
    }
}

impl Sink for Publisher {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        match self {
            Publisher::Embedded(publisher) => publisher.store(batch).await,
        }
    }
}

impl Source for Consumer {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        match self {
            Consumer::Embedded(consumer) => consumer.next().await,
        }
    }
}
