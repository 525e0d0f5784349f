//! The bus: publishers are sinks, consumers are sources.
//!
//! Exchanges, queues and binding keys work as in AMQP. The unit is a batch, never an event: this
//! crate does not know what is in an event. Two halves: an append-only log on local disk, and
//! RabbitMQ. The durable rescue and the spool are here as well.
//!
//! Invariant: a publisher signs a receipt only after the flush, or the broker's confirm,
//! that made the batch durable.
#![deny(missing_docs, unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod binding;
mod bus;
pub mod embedded;
pub mod encoding;
mod error;
pub mod rabbit;
pub mod rescue;
pub mod spool;
mod topology;

pub use bus::{Bus, Consumer, Publisher, Purged};
pub use embedded::{BusOptions, ExchangeStats, ExchangeView, OpenReport, QueueStats, inspect};
pub use encoding::Codec;
pub use error::{OpenError, OpenErrorKind};
pub use topology::{ConsumerOptions, ExchangeSpec, QueueSpec, Topology};
