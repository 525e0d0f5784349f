//! The event: one log record, how it is read from any bytes and written in any format.
//!
//! This crate is pure: bytes and times come in as arguments, values go out.
//! It knows no files, no sockets, no clock and nothing asynchronous, and
//! therefore cannot block and can only fail in the ways its types say.
//!
//! There are two ways ("doors") in: [`Event::parse`] is strict and names the offset of what it
//! refuses; [`Event::receive`] never fails, whatever the bytes. The way out is [`Event::dump`].
#![deny(missing_docs)]

mod annotation;
mod assume;
mod calendar;
mod civil;
mod complete;
mod container;
mod counted;
mod date_like;
mod date_time;
mod door;
mod dump;
mod ecs;
mod elastic;
mod error;
mod escape;
mod event;
mod fixed;
mod flat;
mod foreign;
mod format;
mod heads;
mod json;
mod json_template;
mod json_text;
mod mnemonic;
mod moment;
mod msgpack;
mod object;
mod origin;
mod own;
mod pri;
mod priority;
mod receive;
mod rfc3164;
mod rfc5424;
mod rsyslog;
mod sd;
mod seal;
mod stamp;
mod tag;
mod template;
mod timestamp;
mod uid;
mod value;
mod zone;
mod zone_word;

pub use calendar::{MONTHS, WEEKDAYS};
pub use civil::{Civil, zone_offset};
pub use container::Cri;
pub use counted::counted;
pub use dump::DumpFormat;
pub use elastic::{DocumentNames, INDEX_PREFIX};
pub use error::ParseError;
pub use event::{Defect, Defects, Event, Field, SdElement, SdParam, TrustedField};
pub use flat::FlatJson;
pub use format::Format;
pub use object::{MAX_FIELDS, MAX_TAGS};
pub use origin::{Assumed, InputFormat, Origin, Transport};
pub use own::OWN_SD_ID;
pub use priority::{Facility, Severity};
pub use rfc3164::MAX_HOST_BYTES;
pub use sd::{MAX_SD_NAME_BYTES, MAX_SD_PARAMS};
pub use seal::{SEAL_VERSION, SealKeys, Verdict};
pub use tag::MAX_TAG_BYTES;
pub use template::{Template, TemplateError};
pub use timestamp::{DateParts, MAX_RFC3339_BYTES, Timestamp};
pub use uid::{MAX_FILE_LINES, Uid, UidBlock, UidGenerator};
pub use value::{MAX_DEPTH, MAX_VALUES};
pub use zone::is_timezone;
