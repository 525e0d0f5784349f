//! The filter language, grok and the engines that filters call.
//!
//! Not here: buses, async, files while an event is worked on. What an engine needs from outside
//! (tables, patterns, a resolver) is loaded or handed in when a program is compiled.
#![deny(missing_docs)]

pub mod engines;
mod field;
pub mod grok;
pub mod lang;
mod nearest;

pub use field::{CORE_FIELDS, CoreField, CoreFieldRow};
