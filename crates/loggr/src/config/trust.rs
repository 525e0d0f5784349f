//! The peers from which a listener takes over tags, fields and uids. Who may send at all is said by
//! `allow` and `deny` of the listener.

use std::net::IpAddr;

use loggr_net::Network;

/// The peers that are loggr hosts: the tags, fields and uids of their events are taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// No peer.
    Nobody,
    /// Every peer that may send.
    Everybody,
    /// The peers in one of these networks.
    Networks(Vec<Network>),
}

impl Trust {
    /// Is no peer trusted?
    pub fn is_nobody(&self) -> bool {
        match self {
            Trust::Nobody => true,
            Trust::Everybody => false,
            Trust::Networks(networks) => networks.is_empty(),
        }
    }

    /// Whether the events of this peer are trusted. `None` is a peer without an address (a unix
    /// socket).
    pub fn covers(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Trust::Nobody, _) | (Trust::Networks(_), None) => false,
            (Trust::Everybody, _) => true,
            (Trust::Networks(networks), Some(ip)) => networks.iter().any(|n| n.contains(ip)),
        }
    }
}
