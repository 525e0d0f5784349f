//! The error of the strict reader `Event::parse`: the format, the offset of the byte that is wrong,
//! and what should have stood there.

use std::fmt;

use crate::Format;

/// Why [`Event::parse`](crate::Event::parse) refused a line.
///
/// The error has no kinds, because callers treat all refusals alike: a caller that wants an event
/// of any line uses [`Event::receive`](crate::Event::receive).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    format: Format,
    offset: usize,
    expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(format: Format, offset: usize, expected: &'static str) -> ParseError {
        ParseError { format, offset, expected }
    }

    /// The format that was asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Offset in bytes from the start of the line.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What should have stood at the offset.
    pub fn expected(&self) -> &'static str {
        self.expected
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {} at byte {}: expected {}", self.format, self.offset, self.expected)
    }
}

impl std::error::Error for ParseError {}
