//! Addresses and networks; with features: sockets to listen on, name servers, TLS, asking over HTTP.
//!
//! The crate knows neither events nor syslog, reads and writes on no socket but those of its own
//! questions (`names`, `http`), and depends on no other crate of loggr. Without a feature it has [`Address`], [`Endpoint`] and [`Network`], which
//! parse and compare and never do I/O: the filters use only this part.
//!
//! Invariant, everywhere: an IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is the IPv4
//! address, whether it comes from a rule, a peer or an event.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod address;
#[cfg(feature = "bind")]
pub mod bind;
mod error;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "names")]
pub mod names;
mod network;
#[cfg(feature = "tls")]
pub mod tls;

pub use address::{Address, Endpoint};
pub use error::NetError;
pub use network::Network;
