//! The filter language, grok and the engines that filters call.
//!
//! This crate knows no bus and nothing asynchronous, and reads no file while it works on an event.
//! What an engine needs from outside (tables, patterns, a resolver) is loaded or handed in when a
//! program is compiled.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod engines;
mod field;
pub mod grok;
pub mod lang;
mod nearest;

pub use field::{CORE_FIELDS, CoreField, CoreFieldRow};
