//! Trials: a source hears whether somebody works on what it gave out, or only keeps it.
//!
//! Not a count of attempts; sources count. A batch that brings the process down again and
//! again has to be found, and one whose destination is merely away must not be taken for it:
//! only the end of a process that was at work says something about the batch.

use std::sync::Arc;

/// Is told by whoever has a delivery. Neither call may block for long.
pub trait Trial: Send + Sync + std::fmt::Debug {
    /// Work begins; it may have begun already.
    fn begin(&self);
    /// Nobody works on it now: it is kept until the next try.
    fn rest(&self);
}

/// The trials of deliveries that were joined to one.
#[derive(Debug)]
pub(crate) struct Together(Vec<Arc<dyn Trial>>);

impl Together {
    /// One for all of them; none for none.
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
