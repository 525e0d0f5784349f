//! Sinks: where events leave the queue for good.

pub mod files;
pub mod postgres;
pub mod search;

use loggr_flow::{Batch, Receipt, Sink, StoreError};

/// Any of them. Clones share the destination: a shipper stores through one, the
/// rescue is replayed through another.
#[derive(Clone, Debug)]
pub enum Destination {
    /// Lines in files.
    Files(files::FilesSink),
    /// Rows of the search store.
    Search(search::SearchSink),
    /// Rows of a PostgreSQL database.
    Postgres(postgres::PostgresSink),
}

/// Why a store has not taken a batch: its events are to blame, or it can be mended and tried again. An
/// operator can mend a damaged store, one that another process holds, a wrong password, a missing table.
fn refused(error: loggr_store::StoreError) -> StoreError {
    match error.blames_events() {
        true => StoreError::permanent(error),
        false => StoreError::transient(error),
    }
}

impl Sink for Destination {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        match self {
            Destination::Files(sink) => sink.store(batch).await,
            Destination::Search(sink) => sink.store(batch).await,
            Destination::Postgres(sink) => sink.store(batch).await,
        }
    }
}
