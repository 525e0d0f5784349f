//! TLS with rustls and aws-lc-rs: files in PEM form, our identity, and the authorities that we
//! trust.
//!
//! | file | what |
//! | --- | --- |
//! | `pem.rs` | a file in PEM form, read once and bounded |
//! | `identity.rs` | certificate and key that we show |
//! | `client.rs` | the settings of one who connects: [`Trust`] and an [`Identity`] make a `ClientConfig` |
//! | `connector.rs` | the same of one who connects again and again: [`ClientFiles`] make a [`Connector`], which reads them again |
//! | `server.rs` | the settings of one who listens: [`ServerFiles`] make a [`Server`], which reads them again |
//! | `clients.rs` | which clients a server lets in |
//! | `peers.rs` | which peers are meant, by name, address or fingerprint |
//! | `certificate.rs` | what a certificate says |
//! | `reason.rs` | why a handshake failed, in words |
//!
//! Handshakes and streams belong to the code that connects or listens.

mod certificate;
mod client;
mod clients;
mod connector;
mod identity;
mod names;
mod peers;
mod pem;
mod reason;
mod server;

pub use certificate::Certificate;
pub use client::{Trust, client, server_name};
pub use clients::{Clients, Refusal};
pub use connector::{ClientFiles, Connector};
pub use identity::Identity;
pub use peers::PeerPattern;
pub use pem::{MAX_PEM_BYTES, Pem};
pub use reason::Reason;
pub use rustls::ClientConfig;
pub use server::{Server, ServerFiles};

#[cfg(test)]
mod tests;
