//! The formats that are read strictly, and their words. Not how they are read.

use std::fmt;

/// A format that [`Event::parse`](crate::Event::parse) reads strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 5424.
    Rfc5424,
    /// RFC 3164 in its plain form.
    Rfc3164,
    /// A JSON object.
    Json,
    /// A MessagePack map.
    Msgpack,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [Format::Rfc5424, Format::Rfc3164, Format::Json, Format::Msgpack];

    /// The word of the command line and the configuration.
    pub fn keyword(self) -> &'static str {
        match self {
            Format::Rfc5424 => "rfc5424",
            Format::Rfc3164 => "rfc3164",
            Format::Json => "json",
            Format::Msgpack => "msgpack",
        }
    }

    /// The format of a word, in any case.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.keyword().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Rfc5424 => "RFC 5424",
            Format::Rfc3164 => "RFC 3164",
            Format::Json => "a JSON event",
            Format::Msgpack => "a MessagePack event",
        })
    }
}
