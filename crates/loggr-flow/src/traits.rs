//! The parts of a pipeline, source, stage, sink and rescue, and their errors.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::batch::Batch;
use crate::delivery::{Delivery, Receipt};

/// Gives deliveries, one at a time.
pub trait Source: Send {
    /// The next delivery; `Ok(None)` when there will be none any more.
    ///
    /// Must be cancel-safe: a future that is dropped takes no delivery with it.
    fn next(&mut self) -> impl Future<Output = Result<Option<Delivery>, SourceError>> + Send;

    /// True when nothing will come until a delivery is settled: a stage that holds deliveries to
    /// gather more must pass them on.
    fn is_full(&self) -> bool {
        false
    }
}

/// Makes batches durable.
pub trait Sink: Send {
    /// Stores the whole batch or none of it, and may be called again with the same
    /// batch: an event that is already there is not stored twice where the sink can
    /// tell. The receipt is signed only when a crash cannot take the batch away.
    fn store(&mut self, batch: &Batch) -> impl Future<Output = Result<Receipt, StoreError>> + Send;
}

/// The durable place for events that a sink will never take.
pub trait Rescue: Send {
    /// Stores the batch with its reason; signs with [`Receipt::sign_rescue`].
    fn rescue(
        &mut self,
        batch: &Batch,
        reason: &Reason,
    ) -> impl Future<Output = Result<Receipt, StoreError>> + Send;
}

/// A synchronous step between source and sink that may hold deliveries for a time.
pub trait Stage: Send {
    /// Takes a delivery.
    fn feed(&mut self, delivery: Delivery, now: Instant);
    /// Gives what is ready at `now`.
    fn ready(&mut self, now: Instant) -> Option<Delivery>;
    /// When to ask again if nothing is fed before; finite while anything is held.
    fn wake_at(&self) -> Option<Instant>;
    /// Makes everything held ready: the source has ended, or its window is full.
    fn flush(&mut self);
}

/// Why a batch went to the rescue.
#[derive(Clone, Debug)]
pub struct Reason {
    /// The sink's words.
    pub text: String,
    /// How many times the events had been delivered.
    pub attempts: u32,
}

/// A source that cannot go on.
#[derive(Debug)]
pub struct SourceError {
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SourceError {
    /// `what` names the object and the trouble.
    pub fn new(what: impl Into<String>) -> SourceError {
        SourceError { what: what.into(), source: None }
    }

    /// The same with its cause.
    pub fn with_source(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> SourceError {
        SourceError { what: what.into(), source: Some(source.into()) }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|e| &**e as _)
    }
}

/// Why a sink did not store. Three kinds, because there are three reactions.
#[derive(Debug)]
pub enum StoreError {
    /// It may work later: try the same batch again.
    Transient(Cause),
    /// It will never work with this batch: isolate the culprit, rescue it.
    Permanent(Cause),
    /// It will never work with these events, and the sink knows them: rescue them at once, and
    /// store the others.
    Refused {
        /// For each record of the batch in order: is it refused? At least one is.
        events: Vec<bool>,
        /// What is wrong with them.
        cause: Cause,
    },
}

/// What failed, on which object.
pub type Cause = Box<dyn Error + Send + Sync>;

impl StoreError {
    /// It may work later.
    pub fn transient(cause: impl Into<Cause>) -> StoreError {
        StoreError::Transient(cause.into())
    }

    /// It will never work.
    pub fn permanent(cause: impl Into<Cause>) -> StoreError {
        StoreError::Permanent(cause.into())
    }

    /// It will never work with those events of the batch.
    pub fn refused(events: Vec<bool>, cause: impl Into<Cause>) -> StoreError {
        StoreError::Refused { events, cause: cause.into() }
    }

    /// What happened, with its causes, on one line.
    pub fn chain(&self) -> String {
        let (StoreError::Transient(cause) | StoreError::Permanent(cause) | StoreError::Refused { cause, .. }) =
            self;
        let mut text = cause.to_string();
        let mut next = cause.source();
        while let Some(cause) = next {
            let cause_text = cause.to_string();
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

impl Error for StoreError {}

/// A source whose deliveries are made by another task: reading goes on while the
/// pump waits for its sink.
#[derive(Debug)]
pub struct ChannelSource(mpsc::Receiver<Delivery>);

/// A source and the sender that feeds it; at most `n` deliveries wait between them.
pub fn channel_source(n: usize) -> (mpsc::Sender<Delivery>, ChannelSource) {
    let (tx, rx) = mpsc::channel(n.max(1));
    (tx, ChannelSource(rx))
}

impl Source for ChannelSource {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        Ok(self.0.recv().await)
    }
}
