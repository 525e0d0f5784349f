//! TLS with rustls and aws-lc-rs: files in PEM form, who we are, whom we believe.
//!
//! | file | what |
//! | --- | --- |
//! | `pem.rs` | a file in PEM form, read once and bounded |
//! | `identity.rs` | certificate and key that we show |
//! | `client.rs` | the settings of one who connects: [`Trust`] and an [`Identity`] make a `ClientConfig` |
//!
//! Not here: handshakes and streams, which belong to who connects or listens. What is not there yet
//! and where it goes: the settings of one who listens (an [`Identity`], the authorities of clients)
//! in `server.rs`; which peer may speak, by the names in its certificate or by its fingerprint, in
//! `peers.rs`; reading files again that have changed, beside [`Pem`], which is the one place that
//! reads them.

mod client;
mod identity;
mod pem;

pub use client::{Trust, client, server_name};
pub use identity::Identity;
pub use pem::{MAX_PEM_BYTES, Pem};
pub use rustls::ClientConfig;

#[cfg(test)]
mod tests;
