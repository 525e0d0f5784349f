//! The source that takes deliveries from a queue.
//!
//! Deliveries are slices of one read; nothing is copied. Invariant: before `next` gives a delivery,
//! everything that was acknowledged is written in the queue's cursor, so that no crash of this
//! process brings it back.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loggr_flow::{Ack, Backoff, Batch, Delivery, Outcome, Phase, Source, SourceError, Stop, Trial};

use crate::topology::ConsumerOptions;

use super::entries::{Gathered, Lease};
use super::queue::Queue;
use super::read_error::ReadError;
use super::reading::Taken;
use super::shared::Shared;

/// Takes deliveries from one queue. Several consumers of a queue share its events;
/// then order is kept only within a delivery.
///
/// Stopping: once its [`Stop`] says drain, `next` gives what is left and then `None`;
/// once it says abort, `None` at once.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    options: ConsumerOptions,
    stop: Stop,
    in_flight: Arc<AtomicUsize>,
}

/// The result of a try to take a delivery.
enum Tried {
    Delivery(Delivery),
    /// There is nothing to take until something changes.
    Nothing,
    /// There is something that cannot be read now; try again later.
    Later,
}

impl Consumer {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        options: ConsumerOptions,
        stop: Stop,
    ) -> Consumer {
        queue.consumers.fetch_add(1, Ordering::SeqCst);
        Consumer { shared, queue, options, stop, in_flight: Arc::default() }
    }

    /// Name of the queue.
    pub fn queue(&self) -> &str {
        &self.queue.name
    }

    /// Takes a delivery if there is one now and the window has room. It has no `await`, so that a
    /// dropped future cannot lose the delivery.
    fn try_next(&self) -> Result<Tried, ReadError> {
        if self.is_full() {
            return self.settle_up().map(|()| Tried::Nothing);
        }
        let limits = (self.options.max_batch_bytes, self.options.max_batch_events);
        let (lease, gathered) = match self.shared.take(&self.queue, limits, !self.options.kept)? {
            Taken::Lease(lease, gathered) => (lease, gathered),
            Taken::Nothing => return self.settle_up().map(|()| Tried::Nothing),
            Taken::Later => return self.settle_up().map(|()| Tried::Later),
        };
        if let Err(error) = self.settle_up() {
            // The delivery was not worked on, so no attempt is counted.
            self.queue.state().nacked(lease.id, false);
            self.queue.changed.notify_waiters();
            return Err(error);
        }
        Ok(self.delivery(lease, gathered).map_or(Tried::Nothing, Tried::Delivery))
    }

    /// Writes the cursor if anything was settled since.
    fn settle_up(&self) -> Result<(), ReadError> {
        let mut state = self.queue.state();
        if !state.is_dirty() || self.shared.is_closed() {
            return Ok(());
        }
        // DURABLE: no acknowledged event comes back after `kill -9`; sinks that write
        // to files rely on it being so before the next delivery.
        let written = state.write();
        drop(state);
        written.map_err(ReadError::Cursor)?;
        self.queue.kept();
        self.shared.ask_flush(&self.queue);
        Ok(())
    }

    fn delivery(&self, lease: Lease, gathered: Gathered) -> Option<Delivery> {
        let batch = Batch::new(gathered.chunks)?;
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let (shared, queue) = (self.shared.clone(), self.queue.clone());
        let (in_flight, stop) = (self.in_flight.clone(), self.stop.clone());
        let ack = Ack::new(move |outcome| {
            match outcome {
                Outcome::Ack(tally) => queue.state().acked(lease.id, tally),
                // A delivery that is given back because the program stops counts no attempt.
                Outcome::Nack => {
                    queue.state().nacked(lease.id, stop.phase() < Phase::Abort);
                }
            }
            in_flight.fetch_sub(1, Ordering::SeqCst);
            shared.ask_flush(&queue);
            queue.changed.notify_waiters();
        });
        let watched = Watched { queue: self.queue.clone(), id: lease.id };
        Some(Delivery::new(batch, ack).with_attempts(lease.attempts).with_trial(Arc::new(watched)))
    }
}

/// Notes in the cursor whether an entry is being worked on.
#[derive(Debug)]
struct Watched {
    queue: Arc<Queue>,
    id: u64,
}

impl Watched {
    fn tell(&self, tried: bool) {
        let told = self.queue.state().tries(self.id, tried);
        if let Err(error) = told {
            self.queue.not_kept(&error);
        }
    }
}

impl Trial for Watched {
    fn begin(&self) {
        self.tell(true);
    }

    fn rest(&self) {
        self.tell(false);
    }
}

impl Source for Consumer {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        let queue = self.queue.clone();
        let mut stop = self.stop.clone();
        let mut backoff = Backoff::default();
        loop {
            let mut changed = pin!(queue.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let phase = stop.phase();
            if phase == Phase::Abort || self.shared.is_closed() {
                return Ok(None);
            }
            let again = match self.try_next() {
                Ok(Tried::Delivery(delivery)) => return Ok(Some(delivery)),
                Ok(Tried::Nothing) if phase == Phase::Drain && !self.is_full() => return Ok(None),
                Ok(Tried::Nothing) => None,
                Ok(Tried::Later) => Some(backoff.wait()),
                Err(ReadError::Cursor(error)) => {
                    queue.not_kept(&error);
                    tokio::select! {
                        () = tokio::time::sleep(backoff.wait()) => {}
                        () = stop.abort() => {}
                    }
                    continue;
                }
                Err(error) => {
                    let what = format!("queue `{}` cannot be read further", queue.name);
                    return Err(SourceError::with_source(what, error));
                }
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(again.unwrap_or_default()), if again.is_some() => {}
                () = async {
                    if phase == Phase::Run { stop.drain().await } else { stop.abort().await }
                } => {}
            }
        }
    }

    fn is_full(&self) -> bool {
        self.in_flight.load(Ordering::SeqCst) >= self.options.window.max(1)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.queue.consumers.fetch_sub(1, Ordering::SeqCst);
        if let Err(ReadError::Cursor(error)) = self.settle_up() {
            self.queue.not_kept(&error);
        }
    }
}
