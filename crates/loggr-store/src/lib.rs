//! The search store: the query language and the embedded columnar store.
//!
//! Synchronous: the program calls it on its blocking pool. It knows nothing of
//! syslog, of the bus or of HTTP.
#![deny(missing_docs)]

pub mod conformance;
pub mod query;
pub mod tokens;
