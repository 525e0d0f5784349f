//! TLS with rustls and aws-lc-rs: files in PEM form, our identity, and the authorities that we
//! trust.
//!
//! | file | what |
//! | --- | --- |
//! | `pem.rs` | a file in PEM form, read once and bounded |
//! | `identity.rs` | certificate and key that we show |
//! | `client.rs` | the settings of one who connects: [`Trust`] and an [`Identity`] make a `ClientConfig` |
//! | `server.rs` | the settings of one who listens: an [`Identity`] makes a [`Server`] |
//!
//! Handshakes and streams belong to the code that connects or listens. Parts that do not exist yet,
//! and where they go: the authorities of clients in `server.rs`; which peers may send, by the names
//! in their certificates or by fingerprint, in `peers.rs`; reading changed files again, beside
//! [`Pem`], which is the only place that reads them.

mod client;
mod identity;
mod pem;
mod server;

pub use client::{Trust, client, server_name};
pub use identity::Identity;
pub use pem::{MAX_PEM_BYTES, Pem};
pub use rustls::ClientConfig;
pub use server::Server;

#[cfg(test)]
mod tests;
