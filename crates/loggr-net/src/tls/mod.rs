//! TLS with rustls and aws-lc-rs: files in PEM form, our identity, and the authorities that we
//! trust.
//!
//! | file | what |
//! | --- | --- |
//! | `pem.rs` | a file in PEM form, read once and bounded |
//! | `identity.rs` | certificate and key that we show |
//! | `client.rs` | the settings of one who connects: [`Trust`] and an [`Identity`] make a `ClientConfig` |
//! | `server.rs` | the settings of one who listens: [`ServerFiles`] make a [`Server`], which reads them again |
//! | `clients.rs` | which clients a server lets in |
//! | `peers.rs` | which peers are meant, by name, address or fingerprint |
//! | `certificate.rs` | what a certificate says |
//! | `alert.rs` | what the other side says is wrong, and what is wrong with a certificate |
//! | `reason.rs` | why a handshake failed, in words for who listens |
//!
//! Handshakes and streams belong to the code that connects or listens.

mod alert;
mod certificate;
mod client;
mod clients;
mod identity;
mod names;
mod peers;
mod pem;
mod reason;
mod server;

pub use alert::{About, Alert, is_alert, wrong_with};
pub use certificate::Certificate;
pub use client::{Trust, client, server_name};
pub use clients::{Clients, Refusal};
pub use identity::Identity;
pub use peers::PeerPattern;
pub use pem::{MAX_PEM_BYTES, Pem};
pub use reason::Reason;
pub use rustls::ClientConfig;
pub use server::{Server, ServerFiles};

#[cfg(test)]
mod tests;
