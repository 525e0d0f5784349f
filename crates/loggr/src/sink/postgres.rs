//! The `postgres` sink: events into a PostgreSQL database.
//!
//! The receipt is signed after the server has said COMMIT. Knows nothing of queries, nor of
//! statements: those are the store's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use loggr_event::Timestamp;
use loggr_flow::{Batch, Receipt, Sink, StoreError};
use loggr_store::postgres::Database;
use loggr_store::{Step, Summary};

use super::refused;

/// Stores batches; an event that is there already is recognised by its uid. Clones share the
/// connections, of which there are several: each may store a batch at the same time.
#[derive(Clone, Debug)]
pub struct PostgresSink {
    database: Database,
    now: fn() -> Timestamp,
    /// The tables are there.
    prepared: Arc<AtomicBool>,
    /// The numbers when they were last asked for.
    seen: Arc<Mutex<Option<Summary>>>,
}

impl PostgresSink {
    /// A sink for a database that may be away at the moment.
    pub fn new(database: Database, now: fn() -> Timestamp) -> PostgresSink {
        PostgresSink { database, now, prepared: Arc::default(), seen: Arc::default() }
    }

    /// Makes the tables and partitions that are missing, and says what it did. A database that
    /// hangs is one that is away: it fails after a while.
    pub async fn prepare(&self, ship: &str) -> Result<(), loggr_store::StoreError> {
        let prepared = self.database.prepare((self.now)().unix_micros()).await?;
        self.prepared.store(true, Ordering::Relaxed);
        let server = self.database.shown();
        if prepared.created {
            tracing::info!(ship, server, "created the tables");
        }
        if let Some(version) = prepared.migrated_from {
            tracing::info!(ship, server, version, "brought the tables up to date");
        }
        for column in &prepared.columns {
            tracing::info!(ship, column, "added a column");
        }
        Ok(())
    }

    /// Keeps the numbers for whoever looks.
    pub fn see(&self, summary: Summary) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
    }

    /// Keeps what retention makes of the clock.
    pub fn see_step(&self, step: Option<Step>) {
        if let Some(seen) = &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            seen.step = step;
        }
    }

    /// The numbers when they were last asked for.
    pub fn summary(&self) -> Option<Summary> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl Sink for PostgresSink {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        if !self.prepared.load(Ordering::Relaxed) {
            // It was away when the shipper started. Whatever is wrong with it is no fault of the batch.
            let prepared = self.database.prepare((self.now)().unix_micros()).await;
            prepared.map_err(StoreError::transient)?;
            self.prepared.store(true, Ordering::Relaxed);
        }
        let held = batch.clone();
        let stored = self.database.store(move |push| held.records().for_each(|r| push(&r.event()))).await;
        match stored {
            // DURABLE: `store` returns after the server has said COMMIT.
            Ok(_) => Ok(Receipt::sign(batch)),
            Err(error) => Err(refused(error)),
        }
    }
}
