//! Addresses and networks; with features: sockets to listen on, name servers, TLS.
//!
//! Not here: events, syslog, and what anybody says on a socket. The crate depends on nothing of
//! ours. Without a feature it is [`Address`], [`Endpoint`] and [`Network`], which read and compare
//! and never do I/O: the filters take this part alone.
//!
//! Invariant, everywhere: an IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is the IPv4
//! address, whoever wrote it: a rule, a peer, or an event.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod address;
#[cfg(feature = "bind")]
pub mod bind;
mod error;
#[cfg(feature = "names")]
pub mod names;
mod network;
#[cfg(feature = "tls")]
pub mod tls;

pub use address::{Address, Endpoint};
pub use error::NetError;
pub use network::Network;
