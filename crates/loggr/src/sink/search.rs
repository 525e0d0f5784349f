//! The `search` sink: events into the embedded search store.
//!
//! The receipt is signed after the store has synced files and manifest. Knows
//! nothing of queries.

use std::sync::{Arc, Mutex, PoisonError};

use loggr_event::Event;
use loggr_flow::{Batch, Receipt, Sink, StoreError};
use loggr_store::Store;

/// Stores batches; an event that is there already is recognised by its uid.
#[derive(Clone)]
pub struct SearchSink {
    store: Arc<Mutex<Store>>,
}

impl std::fmt::Debug for SearchSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SearchSink")
    }
}

impl SearchSink {
    /// A sink for an open store, which others may share for upkeep.
    pub fn new(store: Arc<Mutex<Store>>) -> SearchSink {
        SearchSink { store }
    }

    /// Drops the days that ended before a moment, all of them without one. The dates dropped.
    pub async fn purge(&self, before: Option<i64>) -> Result<Vec<String>, loggr_store::StoreError> {
        let store = self.store.clone();
        let dropped = tokio::task::spawn_blocking(move || {
            store.lock().unwrap_or_else(PoisonError::into_inner).purge(before)
        });
        // A panic there is a bug that the panic hook has reported; here it must not be taken for success.
        dropped.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }
}

impl Sink for SearchSink {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let (store, held) = (self.store.clone(), batch.clone());
        // Parsing, building columns and syncing are no work for the reactor.
        let appended = tokio::task::spawn_blocking(move || {
            let events: Vec<Event<'_>> = held.records().map(|r| r.event()).collect();
            store.lock().unwrap_or_else(PoisonError::into_inner).append(&events)
        });
        match appended.await {
            // DURABLE: `append` returns after files, directory and manifest are synced.
            Ok(Ok(_)) => Ok(Receipt::sign(batch)),
            Ok(Err(error)) if error.is_transient() => Err(StoreError::transient(error)),
            Ok(Err(error)) => Err(StoreError::permanent(error)),
            Err(panicked) => Err(StoreError::permanent(panicked)),
        }
    }
}
