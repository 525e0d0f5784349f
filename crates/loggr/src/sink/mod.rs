//! Sinks: where events leave the queue for good.

pub mod elastic;
pub mod files;
pub mod postgres;
pub mod search;
mod stats;
pub mod syslog;
pub mod tls;

use std::time::Duration;

use loggr_flow::{Batch, Receipt, Sink, StoreError};
use loggr_store::{Dropped, Moment, Pruned, Summary};

pub use stats::ShipStats;

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
    /// Documents in search servers.
    Elastic(elastic::ElasticSink),
    /// Lines to other syslog servers.
    Syslog(syslog::SyslogSink),
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
            Destination::Elastic(sink) => sink.store(batch).await,
            Destination::Syslog(sink) => sink.store(batch).await,
        }
    }
}

/// What can be done with a store beside storing; `None`: the destination is none.
impl Destination {
    /// Nothing more will be stored: says farewell where somebody listens.
    pub async fn close(&self) {
        match self {
            Destination::Files(_)
            | Destination::Search(_)
            | Destination::Postgres(_)
            | Destination::Elastic(_) => {}
            Destination::Syslog(sink) => sink.close().await,
        }
    }

    /// The process stops, and the destination takes only what is in hand: the rest is to stay in the queue.
    pub fn has_enough(&self) -> bool {
        match self {
            Destination::Files(_)
            | Destination::Search(_)
            | Destination::Postgres(_)
            | Destination::Elastic(_) => false,
            Destination::Syslog(sink) => sink.has_enough(),
        }
    }

    /// The store in numbers; or why they are not known, where it was tried.
    pub fn summary(&self) -> Option<Result<Summary, Option<String>>> {
        match self {
            Destination::Files(_) | Destination::Elastic(_) | Destination::Syslog(_) => None,
            Destination::Search(sink) => Some(sink.summary()),
            Destination::Postgres(sink) => Some(sink.summary().ok_or(None)),
        }
    }

    /// Drops the days that ended before a moment, all of them without one.
    pub async fn purge(&self, before: Option<i64>) -> Option<Result<Dropped, loggr_store::StoreError>> {
        match self {
            Destination::Files(_) | Destination::Elastic(_) | Destination::Syslog(_) => None,
            Destination::Search(sink) => Some(sink.purge(before).await),
            Destination::Postgres(sink) => Some(sink.database().purge(before).await),
        }
    }

    /// Drops what is past the retention. The embedded store knows its own.
    pub async fn prune(
        &self,
        now: Moment,
        retention: Option<Duration>,
        accept: bool,
    ) -> Option<Result<Pruned, loggr_store::StoreError>> {
        match self {
            Destination::Files(_) | Destination::Elastic(_) | Destination::Syslog(_) => None,
            Destination::Search(sink) => Some(sink.prune(now, accept).await),
            Destination::Postgres(sink) => Some(sink.database().prune(now, retention, accept).await),
        }
    }
}
