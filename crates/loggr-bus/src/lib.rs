//! The bus: publishers are sinks, consumers are sources.
//!
//! Exchanges, queues and binding keys as in AMQP. The unit is a batch, never an
//! event: this crate does not know what an event means. Here lives the embedded
//! half, an append-only log on local disk, and the durable rescue.
//!
//! Invariant: a publisher signs a receipt only after the flush that made the batch
//! durable, and a consumer's progress is written before its next delivery is given
//! out.
#![deny(missing_docs)]

pub mod binding;
mod bus;
pub mod embedded;
pub mod encoding;
mod error;
pub mod rescue;
mod topology;

pub use bus::{Bus, Consumer, Publisher};
pub use embedded::{ExchangeStats, ExchangeView, OpenReport, QueueStats, inspect};
pub use encoding::Codec;
pub use error::{OpenError, OpenErrorKind};
pub use topology::{BusOptions, ConsumerOptions, ExchangeSpec, QueueSpec, Topology};
