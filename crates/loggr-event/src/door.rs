//! What a reader of syslog lines is told, and what it has to tell beside the event.

use crate::moment::Clock;

/// Where the line is read from, and what it is completed with.
#[derive(Clone, Copy)]
pub(crate) struct Door<'c> {
    pub clock: Clock<'c>,
    pub trusted: bool,
    pub unix: bool,
}

/// What is to be known about a line that was read.
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
