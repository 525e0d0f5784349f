//! Ties: deliveries that are settled only after a later one is.
//!
//! When a packer has made one event of events of two deliveries, a redelivery gives the same event
//! only if both come again. So the source must not learn that the earlier one is stored while the
//! later one may come again. This file knows nothing about events. A chain of ties is settled in a
//! loop, however long it is.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Ack, Outcome};

thread_local! {
    /// The ties that are to be settled on this thread; `None` while nothing is.
    static QUEUE: RefCell<Option<Vec<(Ack, Outcome)>>> = const { RefCell::new(None) };
}

/// The acks that wait for one delivery.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ties(Arc<Mutex<Vec<Ack>>>);

impl Ties {
    pub fn add(&self, ack: Ack) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
    }

    /// Settles the acks that wait for the delivery.
    pub fn settle(&self, outcome: Outcome) {
        let ties = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if ties.is_empty() {
            return;
        }
        // Settling one may settle others, which are queued instead of nested.
        let is_settling = QUEUE.with_borrow_mut(|queue| {
            let is_settling = queue.is_some();
            queue.get_or_insert_default().extend(ties.into_iter().map(|tie| (tie, outcome)));
            is_settling
        });
        if is_settling {
            return;
        }
        let _done = Settled;
        while let Some((tie, outcome)) = QUEUE.with_borrow_mut(|queue| queue.as_mut().and_then(Vec::pop)) {
            tie.settle_like(outcome);
        }
    }
}

/// Ends the settling on this thread when it is dropped.
struct Settled;

impl Drop for Settled {
    fn drop(&mut self) {
        QUEUE.set(None);
    }
}
