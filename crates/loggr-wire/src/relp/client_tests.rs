//! Cases for `client.rs`.
