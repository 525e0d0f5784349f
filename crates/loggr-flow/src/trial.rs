//! Trials: a source is told whether a delivery is being worked on or only kept.
//!
//! The source counts attempts. A batch on which the process crashes again and again has to be
//! found, but a batch whose destination is merely away must not be taken for one: only the end of a
//! process that was working on a batch counts as an attempt.

use std::sync::Arc;

/// Called by the holder of a delivery. Neither call may block for long.
pub trait Trial: Send + Sync + std::fmt::Debug {
    /// Work begins; it may have begun already.
    fn begin(&self);
    /// The delivery is only kept until the next try.
    fn rest(&self);
}

/// The trials of deliveries that were joined to one.
#[derive(Debug)]
pub(crate) struct Together(Vec<Arc<dyn Trial>>);

impl Together {
    /// One trial that tells all of them; `None` for an empty list.
    pub fn of(mut trials: Vec<Arc<dyn Trial>>) -> Option<Arc<dyn Trial>> {
        if trials.len() < 2 {
            return trials.pop();
        }
        Some(Arc::new(Together(trials)))
    }
}

impl Trial for Together {
    fn begin(&self) {
        self.0.iter().for_each(|trial| trial.begin());
    }

    fn rest(&self) {
        self.0.iter().for_each(|trial| trial.rest());
    }
}
