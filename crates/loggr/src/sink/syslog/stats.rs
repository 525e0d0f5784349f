//! What a shipper to syslog servers counts, and how each target is doing. Read by status and metrics.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use loggr_net::Address;

use crate::config::ship::{Carrier, SyslogShip};
use crate::process::meter::{Counter, Flag};

/// The counters of one shipper.
#[derive(Debug)]
pub struct ForwardStats {
    /// No target answers, because the protocol has no answers.
    pub unanswered: bool,
    /// Events that a target has refused.
    pub refused: Counter,
    /// Events that were handed over to a target that answers nothing.
    pub unacknowledged: Counter,
    /// Events that were sent once more, because their connection had broken.
    pub resent: Counter,
    /// Events that were cut to the length of a datagram.
    pub cut: Counter,
    /// Connections that were made again.
    pub reconnects: Counter,
    /// The targets, in the order of the configuration.
    pub targets: Vec<TargetStats>,
    /// The target that got the last batch, by its index.
    current: AtomicUsize,
}

/// How a target is doing.
#[derive(Debug)]
pub struct TargetStats {
    /// Host and port.
    pub address: String,
    /// Events that it has taken.
    pub sent: Counter,
    /// There was a connection before.
    pub known: Flag,
    /// Who it is by its certificate.
    peer: Mutex<Option<String>>,
    /// Why it takes nothing.
    trouble: Mutex<Option<String>>,
}

impl ForwardStats {
    /// All zero.
    pub fn new(ship: &SyslogShip) -> ForwardStats {
        ForwardStats {
            unanswered: ship.carrier != Carrier::Relp,
            refused: Counter::default(),
            unacknowledged: Counter::default(),
            resent: Counter::default(),
            cut: Counter::default(),
            reconnects: Counter::default(),
            targets: ship.targets.iter().map(TargetStats::new).collect(),
            current: AtomicUsize::new(usize::MAX),
        }
    }

    /// This target got a batch.
    pub fn uses(&self, target: usize) {
        self.current.store(target, Ordering::Relaxed);
    }

    /// The target that got the last batch.
    pub fn current(&self) -> Option<&TargetStats> {
        self.targets.get(self.current.load(Ordering::Relaxed))
    }
}

impl TargetStats {
    fn new(address: &Address) -> TargetStats {
        TargetStats {
            address: address.to_string(),
            sent: Counter::default(),
            known: Flag::default(),
            peer: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// Who it is by its certificate.
    pub fn peer(&self) -> Option<String> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// There is a connection to it.
    pub fn set_peer(&self, peer: Option<String>) {
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = peer;
    }

    /// Why it takes nothing.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes why it takes nothing, or that it does.
    pub fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}
