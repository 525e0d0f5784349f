//! Cases for `server.rs`.
