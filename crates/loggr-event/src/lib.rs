//! The event: one log record, how it is read from any bytes and written in any format.
//!
//! This crate is pure: bytes and times come in as arguments, values go out.
//! It knows no files, no sockets, no clock and nothing asynchronous, and
//! therefore cannot block and can only fail in the ways its types say.
//!
//! The two doors in: [`Event::parse`] is strict and names the offset of what it
//! refuses; [`Event::receive`] never fails, whatever the bytes.
#![deny(missing_docs)]

mod event;
mod origin;
mod priority;
mod timestamp;
mod uid;

pub use event::{Defect, Defects, Event, Field, SdElement, SdParam, TrustedField};
pub use origin::{InputFormat, Origin, Transport};
pub use priority::{Facility, Severity};
pub use timestamp::Timestamp;
pub use uid::{Uid, UidGenerator};
