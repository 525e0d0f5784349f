//! What a reader of syslog lines is given beside the line, and what it returns beside the event.

use crate::moment::Clock;

/// What a reader needs beside the line: where it came from, and the clock that completes its stamp.
#[derive(Clone, Copy)]
pub(crate) struct Door<'c> {
    pub clock: Clock<'c>,
    pub trusted: bool,
    pub unix: bool,
}

/// What a reader finds out about a line beside the event.
pub(crate) struct Reading {
    /// Where MSG begins.
    pub message_at: usize,
    /// The fields do not hold everything that the line had.
    pub lossy: bool,
    /// No blank in front of the message comes from a relay's template, because a trusted loggr
    /// wrote the line (its element has been taken out of the event) or because the message stands
    /// behind a tag.
    pub exact: bool,
}
