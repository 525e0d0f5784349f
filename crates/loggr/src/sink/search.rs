//! The `search` sink: events into the embedded search store.
//!
//! The receipt is signed after the store has synced files and manifest. A store that cannot be opened,
//! because its manifest is damaged or another process holds it, is opened when that is mended: until
//! then events wait. Knows nothing of queries.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loggr_event::Event;
use loggr_flow::{Batch, Receipt, Sink, StoreError};
use loggr_store::embedded::{Watch, Writer, WriterOptions};
use loggr_store::{Dropped, ErrorKind, Moment, Pruned, Summary};

use super::refused;

/// Stores batches; an event that is there already is recognised by its uid. Clones share the store.
#[derive(Clone)]
pub struct SearchSink {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    options: WriterOptions,
    /// `None`: not open yet, or not any more.
    store: Mutex<Option<Writer>>,
    /// What can be seen of it while it stores; or why it is not open.
    seen: Mutex<Result<Watch, Option<String>>>,
}

impl std::fmt::Debug for SearchSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SearchSink")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Works with the store, opened where it is not. One that turns out to be damaged is closed, so that
    /// it can be repaired meanwhile.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, loggr_store::StoreError>,
    ) -> Result<T, loggr_store::StoreError> {
        let mut held = lock(&self.store);
        let result = match &mut *held {
            Some(store) => work(store),
            None => Writer::open(&self.directory, self.options.clone()).and_then(|store| {
                *lock(&self.seen) = Ok(store.watch());
                work(held.insert(store))
            }),
        };
        if let Err(error) = &result
            && (held.is_none() || error.kind() == ErrorKind::Corrupt)
        {
            *lock(&self.seen) = Err(Some(error.to_string()));
            *held = None;
        }
        result
    }
}

impl SearchSink {
    /// A sink for the store of a directory; opens nothing yet.
    pub fn new(directory: &Path, options: WriterOptions) -> SearchSink {
        let (store, seen) = (Mutex::default(), Mutex::new(Err(None)));
        SearchSink { shared: Arc::new(Shared { directory: directory.to_owned(), options, store, seen }) }
    }

    /// Drops the days that ended before a moment, all of them without one.
    pub async fn purge(&self, before: Option<i64>) -> Result<Dropped, loggr_store::StoreError> {
        self.on_its_thread(move |store| store.purge(before)).await
    }

    /// Opens the store where it is not open, lets it look at the clock, and drops what is past its
    /// retention.
    pub async fn prune(&self, now: Moment, accept: bool) -> Result<Pruned, loggr_store::StoreError> {
        self.on_its_thread(move |store| store.prune(now, accept)).await
    }

    async fn on_its_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, loggr_store::StoreError> + Send + 'static,
    ) -> Result<T, loggr_store::StoreError> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || shared.with(work));
        // A panic there is a bug that the panic hook has reported; here it must not be taken for success.
        done.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    /// Looks for damage in the background of everything else; what a merge could not do.
    pub async fn look_for_damage(&self) -> Result<(), loggr_store::StoreError> {
        let Ok(watch) = self.watch() else { return Ok(()) };
        let looked = tokio::task::spawn_blocking(move || watch.scrub()).await;
        looked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    /// The error of the last merge in the background, once.
    pub fn compaction_error(&self) -> Option<loggr_store::StoreError> {
        self.watch().ok().and_then(|watch| watch.compaction_error())
    }

    /// The store in numbers; or why it is not open, where it was tried.
    pub fn summary(&self) -> Result<Summary, Option<String>> {
        self.watch().map(|watch| watch.summary())
    }

    /// Does not wait for the store while it stores.
    fn watch(&self) -> Result<Watch, Option<String>> {
        lock(&self.shared.seen).clone()
    }
}

impl Sink for SearchSink {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let (shared, held) = (self.shared.clone(), batch.clone());
        // Parsing, building columns and syncing are no work for the reactor.
        let appended = tokio::task::spawn_blocking(move || {
            let mut events: Vec<Event<'_>> = Vec::with_capacity(held.len());
            events.extend(held.records().map(|r| r.event()));
            shared.with(|store| store.append(&events))
        });
        match appended.await {
            // DURABLE: `append` returns after files, directory and manifest are synced.
            Ok(Ok(_)) => Ok(Receipt::sign(batch)),
            Ok(Err(error)) => Err(refused(error)),
            Err(panicked) => Err(StoreError::permanent(panicked)),
        }
    }
}
