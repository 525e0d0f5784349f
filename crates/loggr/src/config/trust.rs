//! Whom a listener believes. Not who may send: that is the listener's.

use std::net::IpAddr;

use loggr_net::Network;

/// Whose loggr tags, fields and uids are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody's.
    Nobody,
    /// Everybody's who may send.
    Everybody,
    /// Those of peers in one of these networks.
    Networks(Vec<Network>),
}

impl Trust {
    /// Is this peer believed? `None` is a peer without an address (a unix socket).
    pub fn covers(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Trust::Nobody, _) | (Trust::Networks(_), None) => false,
            (Trust::Everybody, _) => true,
            (Trust::Networks(networks), Some(ip)) => networks.iter().any(|n| n.contains(ip)),
        }
    }
}
