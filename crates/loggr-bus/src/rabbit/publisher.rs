//! The sink that publishes to an exchange of the broker.
//!
//! Large batches are encoded on the caller's thread. Invariant: the receipt is signed when
//! the broker has confirmed every message of the batch, and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use loggr_flow::{Batch, Receipt, Sink, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::encoding::{Codec, Encoder};

use super::error::{BrokerError, BrokerErrorKind};
use super::link::Link;
use super::message::{self, Encoding};
use super::stats::ExchangeCounters;
use super::writer::{MAX_WAITING_PUBLISHES, Order, Outcome, What, Writer};

/// A batch of at least this many events, or bytes, gets messages of its own; smaller ones may share
/// a message.
const OWN_MESSAGE_EVENTS: usize = 100;
const OWN_MESSAGE_BYTES: usize = 64 << 10;

/// Publishes to one exchange under one routing key. Clone it for concurrent use: small
/// batches of clones share messages.
#[derive(Clone, Debug)]
pub struct Publisher {
    exchange: Arc<str>,
    key: Arc<str>,
    encoding: Encoding,
    encoder: Encoder,
    orders: mpsc::Sender<Order>,
    counters: Arc<ExchangeCounters>,
}

impl Publisher {
    pub(super) fn start(
        link: Link,
        exchange: &str,
        key: &str,
        encoding: Encoding,
        patience: Duration,
        counters: Arc<ExchangeCounters>,
    ) -> Publisher {
        let (orders, inbox) = mpsc::channel(MAX_WAITING_PUBLISHES);
        let (exchange, key) = (Arc::<str>::from(exchange), Arc::<str>::from(key));
        let encoder = Encoder::new(Codec::Lz4);
        let writer = Writer {
            link,
            exchange: exchange.clone(),
            key: key.clone(),
            encoding,
            encoder: encoder.clone(),
            orders: inbox,
            patience,
        };
        tokio::spawn(writer.run());
        Publisher { exchange, key, encoding, encoder, orders, counters }
    }

    /// Name of the exchange.
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The routing key.
    pub fn routing_key(&self) -> &str {
        &self.key
    }

    fn order(&mut self, batch: &Batch) -> Result<What, StoreError> {
        if batch.len() < OWN_MESSAGE_EVENTS && batch.byte_len() < OWN_MESSAGE_BYTES {
            return Ok(What::Gather(batch.clone()));
        }
        let messages = message::encode(batch, self.encoding, &mut self.encoder);
        messages.map(What::Messages).map_err(StoreError::permanent)
    }

    async fn publish(&self, what: What) -> Outcome {
        let gone = || Arc::new(BrokerError::trouble("the connection to the broker is being closed"));
        let (done, answer) = oneshot::channel();
        self.orders.send(Order { what, done }).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Sink for Publisher {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let what = self.order(batch)?;
        match self.publish(what).await {
            Ok(()) => {
                self.counters.published.add(batch.len() as u64);
                // DURABLE: a majority of the queue's brokers has each message on disk.
                Ok(Receipt::sign(batch))
            }
            Err(error) if error.kind() == BrokerErrorKind::TooLarge => {
                Err(StoreError::permanent(error.advised()))
            }
            Err(error) => Err(StoreError::transient(error.advised())),
        }
    }
}
