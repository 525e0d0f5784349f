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

impl Sink for Destination {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        match self {
            Destination::Files(sink) => sink.store(batch).await,
            Destination::Search(sink) => sink.store(batch).await,
            Destination::Postgres(sink) => sink.store(batch).await,
        }
    }
}
