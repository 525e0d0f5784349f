//! The `elastic` sink: events as documents in Elasticsearch, OpenSearch, or a server that speaks their bulk
//! interface (`_bulk`).
//!
//! | file | what |
//! | --- | --- |
//! | `documents.rs` | the documents of a batch, and what became of each |
//! | `index.rs` | the index that gets a document |
//! | `answer.rs` | what a server says to a request, and what follows from it |
//! | `servers.rs` | which server is asked, and how the documents are divided among requests |
//! | `login.rs` | what is shown to servers |
//!
//! Every document is created under the uid of its event. A server that has it already says so, and that is as good
//! as created: whatever is sent again, each event is there once. The receipt is signed when a server has answered
//! 200, 201 or 409 for every document; nothing else counts.
//!
//! What is no fault of a document waits, and with it the queue: a server that is away, has too much to do, asks
//! for a login or knows no such index. A document that a server refuses for what stands in it goes to the rescue,
//! with the server's reason. A batch comes again after an error, whole or in parts; the documents that have their
//! verdict are remembered until the batch is done, so that only the others are sent again.

mod answer;
mod documents;
mod index;
mod login;
mod servers;

use std::sync::Arc;

use loggr_event::{DocumentNames, Template};
use loggr_flow::{Batch, Receipt, Sink, Stop, StoreError};

use self::documents::{Settled, Work};
use self::servers::Servers;
use crate::config::ship::ElasticShip;
use crate::sink::syslog::ForwardStats;
use crate::sink::tls::Tls;

pub use login::Authorization;

/// Stores batches. Clones share the connections; what each remembers of its batch is its own.
pub struct ElasticSink {
    servers: Arc<Servers>,
    shape: Arc<Shape>,
    stats: Arc<ForwardStats>,
    settled: Settled,
}

/// How documents look.
#[derive(Debug)]
struct Shape {
    index: Template,
    names: DocumentNames,
}

impl Clone for ElasticSink {
    fn clone(&self) -> ElasticSink {
        let (servers, shape, stats) = (self.servers.clone(), self.shape.clone(), self.stats.clone());
        ElasticSink { servers, shape, stats, settled: Settled::default() }
    }
}

impl std::fmt::Debug for ElasticSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ElasticSink")
    }
}

impl ElasticSink {
    /// A sink for servers that may be away at the moment. `name` is the shipper's.
    pub fn new(
        name: &str,
        ship: &ElasticShip,
        tls: Option<Tls>,
        login: Option<Authorization>,
        stats: Arc<ForwardStats>,
    ) -> ElasticSink {
        let shape = Shape { index: ship.index.clone(), names: ship.names };
        let servers = Servers::new(name, ship.clone(), tls, login, stats.clone());
        ElasticSink { servers: Arc::new(servers), shape: Arc::new(shape), stats, settled: Settled::default() }
    }

    /// Looks now and then whether a server that has failed is back, also while there is nothing to send. Until
    /// `stop` drains.
    pub async fn watch(self, stop: Stop) {
        self.servers.watch(stop).await;
    }
}

impl Sink for ElasticSink {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let (held, shape, settled) = (batch.clone(), self.shape.clone(), std::mem::take(&mut self.settled));
        // Parsing and writing documents is no work for the reactor.
        let made = tokio::task::spawn_blocking(move || {
            let work = Work::new(&held, &shape.index, shape.names, &settled);
            (work, settled)
        });
        let (mut work, settled) = made.await.map_err(StoreError::permanent)?;
        self.settled = settled;
        let sent = self.servers.send(&mut work).await;
        self.stats.refused.add(work.refused());
        self.stats.resent.add(work.resent());
        if let Err(trouble) = sent {
            work.remember(&mut self.settled);
            return Err(StoreError::transient(trouble));
        }
        if let Some((why, events)) = work.refusal() {
            work.remember(&mut self.settled);
            return Err(StoreError::refused(events, why));
        }
        self.settled.clear();
        // DURABLE: a server has answered to every document that it is created, or was there before.
        Ok(Receipt::sign(batch))
    }
}

#[cfg(test)]
mod tests;
