//! What a shipper counts. Read by status and metrics.

use std::sync::Arc;

use super::syslog::ForwardStats;
use crate::config::Ship;
use crate::process::progress::{Progress, Words};

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
    /// What one counts that hands events on to other servers.
    pub forward: Option<Arc<ForwardStats>>,
}

impl ShipStats {
    /// All zero.
    pub fn new(ship: &Ship) -> ShipStats {
        ShipStats {
            kind: ship.kind.keyword(),
            queue: ship.queue.clone(),
            progress: Arc::new(Progress::new(&ship.name, &WORDS)),
            forward: None,
        }
    }

    /// The same of one that hands events on to other servers.
    pub fn forwarding(ship: &Ship, forward: Arc<ForwardStats>) -> ShipStats {
        ShipStats { forward: Some(forward), ..ShipStats::new(ship) }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.progress.name
    }
}
