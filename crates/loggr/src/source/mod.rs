//! Sources that face the senders: one file per protocol, the list of what is spoken on connections, requests, files
//! that are uploaded, over HTTP or into a directory, and what this host writes: files, journal, kernel.
//!
//! Each turns received bytes into deliveries and hands them to a pump whose sink is
//! the bus. None of them knows what becomes of an event.

mod accept;
mod clients;
mod connection;
pub mod content;
mod datagram;
pub mod harvest;
mod http;
mod intake;
pub mod journal;
pub mod kernel;
mod local;
mod packed;
mod proxy;
mod relp;
mod stats;
mod stream;
pub mod tail;
mod tls;
pub mod upload;

use std::sync::Arc;

use loggr_wire::framing::Mode;

pub use accept::{Accepting, Listening, NO_PLACE, accept};
pub use clients::Client;
pub use datagram::{DatagramKind, Datagrams, receive};
pub use http::Http;
pub use intake::Intake;
pub use stats::{FileStats, ListenerStats};
pub use tls::Tls;

/// What is spoken on a listener's connections.
#[derive(Clone, Debug)]
pub enum Spoken {
    /// RELP: every line is acknowledged.
    Relp,
    /// Framed syslog (RFC 6587).
    Lines(Mode),
    /// HTTP: every request is answered.
    Http(Arc<Http>),
}

impl Spoken {
    /// One connection, to its end.
    async fn session(&self, connection: connection::Connection<'_>) {
        match self {
            Spoken::Relp => relp::session(connection).await,
            Spoken::Lines(mode) => stream::session(connection, *mode).await,
            Spoken::Http(http) => http::session(connection, http).await,
        }
    }
}
