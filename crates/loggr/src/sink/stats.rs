//! What a shipper counts. Read by status and metrics.

use std::sync::Arc;

use super::syslog::ForwardStats;
use crate::config::Ship;
use crate::process::meter::Counter;
use crate::process::progress::{Progress, Words};
use crate::seal::Sealing;

const WORDS: Words = Words {
    kind: "ship",
    stuck: "the shipper cannot write; its events wait in the queue",
    again: "the shipper can write again",
    rescued: "the destination refuses these events for good",
};

/// A shipper and how it is doing.
#[derive(Debug)]
pub struct ShipStats {
    /// Kind's word in the configuration.
    pub kind: &'static str,
    /// The queue it takes from.
    pub queue: String,
    /// Its name, and what it has shipped.
    pub progress: Arc<Progress>,
    /// Events that its `if` does not choose.
    pub dropped: Arc<Counter>,
    /// What one counts that hands events on to other servers.
    pub forward: Option<Arc<ForwardStats>>,
    /// What is done with the seals of its events.
    pub sealing: Option<Arc<Sealing>>,
}

impl ShipStats {
    /// All zero.
    pub fn new(ship: &Ship, sealing: Option<Arc<Sealing>>) -> ShipStats {
        ShipStats {
            kind: ship.kind.keyword(),
            queue: ship.queue.clone(),
            progress: Arc::new(Progress::new(&ship.name, &WORDS)),
            dropped: Arc::default(),
            forward: None,
            sealing,
        }
    }

    /// The same of one that hands events on to other servers.
    pub fn forwarding(self, forward: Arc<ForwardStats>) -> ShipStats {
        ShipStats { forward: Some(forward), ..self }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.progress.name
    }
}
