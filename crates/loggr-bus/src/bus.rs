//! The bus, embedded or RabbitMQ, behind one set of methods.
//!
//! The kinds are a closed list, and each `match` names them all.

use loggr_flow::{Batch, Delivery, Receipt, Sink, Source, SourceError, Stop, StoreError};

use crate::embedded::{self, Dropped, ExchangeStats};
use crate::error::OpenError;
use crate::rabbit::{self, Encoding};
use crate::spool::Outlet;
use crate::topology::ConsumerOptions;

/// The bus of this process. Dropping it closes it.
#[derive(Debug)]
pub enum Bus {
    /// An append-only log on local disk.
    Embedded(embedded::Bus),
    /// A RabbitMQ cluster.
    Rabbit(rabbit::Bus),
}

/// Publishes to one exchange under one routing key. Clone it for concurrent use.
#[derive(Clone, Debug)]
pub enum Publisher {
    /// To the local log.
    Embedded(embedded::Publisher),
    /// To the broker.
    Rabbit(rabbit::Publisher),
    /// To the broker, or to the spool while the broker takes nothing.
    Outlet(Outlet),
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
    /// From the broker.
    Rabbit(rabbit::Consumer),
}

/// What a purge has dropped. A broker counts messages, which hold many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purged {
    /// Events of the local log.
    Events(Dropped),
    /// Messages on the broker; events that this process has in hand are not dropped.
    Messages {
        /// Messages that are dropped.
        messages: u64,
        /// Events that are in this process's hands.
        in_hand: u64,
    },
}

impl Bus {
    /// A publisher to `exchange` under `routing_key`.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such exchange or the key is too long.
    pub fn publisher(&self, exchange: &str, routing_key: &str) -> Result<Publisher, OpenError> {
        self.publisher_as(exchange, routing_key, Encoding::Batch)
    }

    /// Like [`Bus::publisher`], and chooses how events are written into messages, if the bus has
    /// messages.
    ///
    /// # Errors
    /// As [`Bus::publisher`].
    pub fn publisher_as(
        &self,
        exchange: &str,
        routing_key: &str,
        encoding: Encoding,
    ) -> Result<Publisher, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.publisher(exchange, routing_key).map(Publisher::Embedded),
            Bus::Rabbit(bus) => bus.publisher(exchange, routing_key, encoding).map(Publisher::Rabbit),
        }
    }

    /// A consumer of `queue`, which must be configured.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such queue.
    pub fn consumer(&self, queue: &str, options: ConsumerOptions, stop: Stop) -> Result<Consumer, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.consumer(queue, options, stop).map(Consumer::Embedded),
            Bus::Rabbit(bus) => bus.consumer(queue, options, stop).map(Consumer::Rabbit),
        }
    }

    /// Events of the queue's head without taking them: at most `max_events`, more only
    /// if the first batch has more. `None` if nothing waits.
    ///
    /// # Errors
    /// [`OpenError`] if there is no such queue or it cannot be read; always with a broker,
    /// which would count a look as a delivery.
    pub async fn peek(&self, queue: &str, max_events: usize) -> Result<Option<Batch>, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.peek(queue, max_events),
            Bus::Rabbit(_) => Err(OpenError::config("RabbitMQ shows no message without taking it")
                .hinted("the management page of the broker shows messages, and counts it as a delivery")),
        }
    }

    /// Drops everything that waits in the queue, which counts as dropped; see [`Purged`] for
    /// what is in flight.
    ///
    /// # Errors
    /// [`OpenError`] if there is no such queue or it cannot be written.
    pub async fn purge(&self, queue: &str) -> Result<Purged, OpenError> {
        match self {
            Bus::Embedded(bus) => bus.purge(queue).map(Purged::Events),
            Bus::Rabbit(bus) => {
                let messages = bus.purge(queue).await?;
                let queues = bus.stats().into_iter().flat_map(|e| e.queues);
                let in_hand = queues.filter(|q| q.name == queue).map(|q| q.leased_events).sum();
                Ok(Purged::Messages { messages, in_hand })
            }
        }
    }

    /// Makes durable what was acknowledged so far, so that it does not come again. Closing
    /// does it too; this is for a stop that may not wait for the bus's last owner.
    pub fn flush(&self) {
        match self {
            Bus::Embedded(bus) => bus.flush(),
            // RabbitMQ's consumers tell the broker at once.
            Bus::Rabbit(_) => {}
        }
    }

    /// The numbers of every exchange and queue.
    pub fn stats(&self) -> Vec<ExchangeStats> {
        match self {
            Bus::Embedded(bus) => bus.stats(),
            Bus::Rabbit(bus) => bus.stats(),
        }
    }
}

impl From<embedded::Bus> for Bus {
    fn from(bus: embedded::Bus) -> Bus {
        Bus::Embedded(bus)
    }
}

impl From<rabbit::Bus> for Bus {
    fn from(bus: rabbit::Bus) -> Bus {
        Bus::Rabbit(bus)
    }
}

impl Sink for Publisher {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        match self {
            Publisher::Embedded(publisher) => publisher.store(batch).await,
            Publisher::Rabbit(publisher) => publisher.store(batch).await,
            Publisher::Outlet(outlet) => outlet.store(batch).await,
        }
    }
}

impl Source for Consumer {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        match self {
            Consumer::Embedded(consumer) => consumer.next().await,
            Consumer::Rabbit(consumer) => consumer.next().await,
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Consumer::Embedded(consumer) => consumer.is_full(),
            Consumer::Rabbit(consumer) => consumer.is_full(),
        }
    }
}
