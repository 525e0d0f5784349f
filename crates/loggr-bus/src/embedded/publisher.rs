//! The sink that publishes to an exchange.
//!
//! Batches are encoded and checksummed on the caller's thread, so that the writer thread only
//! writes. Invariant: the receipt is signed after the flush, and nowhere else.

use std::sync::Arc;

use loggr_flow::{Batch, Receipt, Sink, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::encoding::{Encoder, TooLarge};

use super::shared::Shared;
use super::writer::{NewFrame, Order, Publish};

/// Publishes to one exchange under one routing key. Clone it for concurrent use:
/// publishers share commits.
#[derive(Clone, Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    key: Arc<str>,
    encoder: Encoder,
}

impl Publisher {
    pub(super) fn new(shared: Arc<Shared>, orders: mpsc::Sender<Order>, key: &str) -> Publisher {
        let encoder = Encoder::new(shared.options.codec);
        Publisher { shared, orders, key: key.into(), encoder }
    }

    /// Name of the exchange.
    pub fn exchange(&self) -> &str {
        &self.shared.name
    }

    /// The routing key.
    pub fn routing_key(&self) -> &str {
        &self.key
    }

    fn frames(&mut self, batch: &Batch) -> Result<Vec<NewFrame>, TooLarge> {
        let frame = |chunk| {
            let encoded = self.encoder.encode(chunk)?;
            let crc = crc32c::crc32c(self.key.as_bytes());
            let crc = crc32c::crc32c_append(crc, &encoded.head);
            let body_crc = crc32c::crc32c_append(crc, &encoded.records);
            Ok(NewFrame { key: self.key.clone(), encoded, events: chunk.len() as u32, body_crc })
        };
        batch.chunks().iter().map(frame).collect()
    }
}

impl Sink for Publisher {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let frames = self.frames(batch).map_err(StoreError::permanent)?;
        let limit = self.shared.options.max_size - self.shared.options.segment_size;
        if let Some(large) = frames.iter().map(NewFrame::segment_len).find(|len| *len > limit) {
            let what = format!("a batch of {large} bytes is too large for exchange `{}`", self.shared.name);
            return Err(StoreError::permanent(what));
        }
        let closed = || StoreError::transient(format!("exchange `{}` is closed", self.shared.name));
        let (done, answer) = oneshot::channel();
        self.orders.send(Order::Publish(Publish { frames, done })).await.map_err(|_| closed())?;
        match answer.await {
            // DURABLE: the writer has flushed every frame of the batch.
            Ok(Ok(())) => Ok(Receipt::sign(batch)),
            Ok(Err(error)) => Err(StoreError::transient(error)),
            Err(_) => Err(closed()),
        }
    }
}
