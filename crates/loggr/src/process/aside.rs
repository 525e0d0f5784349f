//! A source whose deliveries are worked on by a thread for blocking work before they are given out: between
//! what brings events and the pump.
//!
//! The pump waits for the work, or stores what came before. Order is kept. Cancelling `next` loses nothing:
//! what is being worked on stays here.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use loggr_flow::{Delivery, MAX_ATTEMPTS, Source, SourceError};
use tokio::task::JoinHandle;

/// What is made of a delivery: others in its place, in order; none if all of it is settled.
pub type Work = dyn Fn(Delivery) -> Vec<Delivery> + Send + Sync;

/// A source, and the work on its deliveries, if there is any.
pub struct Aside<S> {
    source: S,
    work: Option<Arc<Work>>,
    at_work: Option<JoinHandle<Vec<Delivery>>>,
    ready: VecDeque<Delivery>,
}

impl<S: fmt::Debug> fmt::Debug for Aside<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").field("source", &self.source).finish_non_exhaustive()
    }
}

impl<S: Source> Aside<S> {
    /// With nothing to be done, it is the source itself.
    pub fn new(source: S, work: Option<Arc<Work>>) -> Aside<S> {
        Aside { source, work, at_work: None, ready: VecDeque::new() }
    }
}

impl<S: Source> Source for Aside<S> {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        let Some(work) = &self.work else { return self.source.next().await };
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(Some(delivery));
            }
            if let Some(at_work) = &mut self.at_work {
                let done = at_work.await;
                self.at_work = None;
                match done {
                    Ok(parts) => self.ready.extend(parts),
                    // The delivery was dropped, and so is given out again.
                    Err(error) => {
                        tracing::error!(%error, "looking at events failed because of a bug of loggr");
                    }
                }
                continue;
            }
            let Some(delivery) = self.source.next().await? else { return Ok(None) };
            // One on which the process crashed again and again goes to the rescue as it is.
            if delivery.attempts() > MAX_ATTEMPTS || delivery.unfit_reason().is_some() {
                return Ok(Some(delivery));
            }
            let work = work.clone();
            self.at_work = Some(tokio::task::spawn_blocking(move || {
                delivery.begin();
                let trial = delivery.trial();
                let parts = work(delivery);
                if let Some(trial) = trial {
                    trial.rest();
                }
                parts
            }));
        }
    }

    fn is_full(&self) -> bool {
        self.ready.is_empty() && self.at_work.is_none() && self.source.is_full()
    }
}
