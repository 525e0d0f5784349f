//! What a shipper to other servers counts, and how each target is doing. Read by status and metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};

use loggr_event::Timestamp;

use crate::config::ship::{Balance, Carrier, ElasticShip, SyslogShip};
use crate::process::clock::now;
use crate::process::meter::{Counter, Flag};

/// The counters of one shipper.
#[derive(Debug)]
pub struct ForwardStats {
    /// No target answers, because the protocol has no answers.
    pub unanswered: bool,
    /// Connections are encrypted.
    pub is_encrypted: bool,
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
    /// Several targets get events at the same time.
    in_turn: bool,
    /// The target that got the last batch, by its index.
    current: Mutex<Option<usize>>,
}

/// How a target is doing.
#[derive(Debug)]
pub struct TargetStats {
    /// Host and port, or URL.
    pub address: String,
    /// Events that it has taken.
    pub sent: Counter,
    /// Events that it has refused.
    pub refused: Counter,
    /// Bytes of the frames that went to it.
    pub sent_bytes: Counter,
    /// The same as they would be if nothing was compressed.
    pub plain_bytes: Counter,
    /// There was a connection before.
    pub known: Flag,
    standing: Mutex<Standing>,
}

/// Where a target stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What it does.
    pub state: TargetState,
    /// Since when.
    pub since: Timestamp,
    /// Who it is by its certificate; `None` without TLS, and while there is no connection.
    pub peer: Option<Peer>,
    /// Why it takes nothing.
    pub trouble: Option<String>,
    /// What was agreed on about compression; `None` where it is not asked for, and before the first
    /// connection.
    pub compression: Option<Compression>,
}

/// What a target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// Nothing was sent to it yet.
    Unused,
    /// It gets events.
    InUse,
    /// It could get events; another one does.
    Waiting,
    /// It takes none.
    Failing,
}

impl TargetState {
    /// The word for it.
    pub fn keyword(self) -> &'static str {
        match self {
            TargetState::Unused => "unused",
            TargetState::InUse => "in use",
            TargetState::Waiting => "waiting",
            TargetState::Failing => "failing",
        }
    }
}

/// A target by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name, and the version of TLS.
    pub shown: String,
    /// When its certificate ends, in seconds since 1970.
    pub ends: Option<i64>,
}

/// What was agreed on about compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Batches are compressed.
    Zstd,
    /// The target does not offer it.
    NotOffered,
    /// The target has offered it, and cannot read what it gets.
    Refused,
}

impl Compression {
    /// A few words for it.
    pub fn words(self) -> &'static str {
        match self {
            Compression::Zstd => "zstd",
            Compression::NotOffered => "not offered by the target",
            Compression::Refused => "refused by the target",
        }
    }
}

impl ForwardStats {
    /// All zero.
    pub fn new(ship: &SyslogShip) -> ForwardStats {
        ForwardStats {
            unanswered: ship.carrier != Carrier::Relp,
            is_encrypted: ship.tls.is_some(),
            in_turn: ship.balance == Balance::RoundRobin,
            ..ForwardStats::to(ship.targets.iter().map(ToString::to_string))
        }
    }

    /// The same of one to search servers. Nobody is asked what was agreed on about TLS: the pool of connections
    /// keeps that to itself.
    pub fn of_servers(ship: &ElasticShip) -> ForwardStats {
        ForwardStats::to(ship.urls.iter().map(ToString::to_string))
    }

    fn to(targets: impl Iterator<Item = String>) -> ForwardStats {
        ForwardStats {
            unanswered: false,
            is_encrypted: false,
            refused: Counter::default(),
            unacknowledged: Counter::default(),
            resent: Counter::default(),
            cut: Counter::default(),
            reconnects: Counter::default(),
            targets: targets.map(TargetStats::new).collect(),
            in_turn: false,
            current: Mutex::default(),
        }
    }

    /// This target got a batch.
    pub fn uses(&self, target: usize) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let before = current.replace(target);
        if let Some(before) = before.filter(|before| *before != target && !self.in_turn)
            && let Some(before) = self.targets.get(before)
        {
            before.standing().leave(TargetState::InUse, TargetState::Waiting);
        }
        if let Some(of) = self.targets.get(target) {
            of.standing().be(TargetState::InUse);
        }
    }

    /// The target that got the last batch.
    pub fn current(&self) -> Option<&TargetStats> {
        let current = *self.current.lock().unwrap_or_else(PoisonError::into_inner);
        self.targets.get(current?)
    }
}

impl TargetStats {
    fn new(address: String) -> TargetStats {
        TargetStats {
            address,
            sent: Counter::default(),
            refused: Counter::default(),
            sent_bytes: Counter::default(),
            plain_bytes: Counter::default(),
            known: Flag::default(),
            standing: Mutex::new(Standing {
                state: TargetState::Unused,
                since: now(),
                peer: None,
                trouble: None,
                compression: None,
            }),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it stands now.
    pub fn now(&self) -> Standing {
        self.standing().clone()
    }

    /// There is a connection to it.
    pub fn connected(&self, peer: Option<Peer>) {
        self.standing().peer = peer;
    }

    /// What was agreed on about compression.
    pub fn set_compression(&self, compression: Option<Compression>) {
        self.standing().compression = compression;
    }

    /// Why it takes nothing.
    pub fn trouble(&self) -> Option<String> {
        self.standing().trouble.clone()
    }

    /// Notes why it takes nothing.
    pub fn fails(&self, trouble: String) {
        let mut standing = self.standing();
        standing.be(TargetState::Failing);
        (standing.peer, standing.trouble) = (None, Some(trouble));
    }

    /// It takes events again.
    pub fn recovers(&self) {
        let mut standing = self.standing();
        standing.trouble = None;
        standing.leave(TargetState::Failing, TargetState::Waiting);
    }
}

impl Standing {
    fn be(&mut self, state: TargetState) {
        if self.state != state {
            (self.state, self.since) = (state, now());
        }
    }

    fn leave(&mut self, from: TargetState, to: TargetState) {
        if self.state == from {
            self.be(to);
        }
    }
}
