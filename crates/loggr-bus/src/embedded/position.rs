//! A place in the log of an exchange.

/// A place in the log, with the numbers of events and bytes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Position {
    pub segment: u64,
    pub offset: u64,
    /// The sequence number that the next frame has.
    pub seq: u64,
    /// Events before it, since the exchange exists.
    pub events: u64,
    /// Bytes before it, since the exchange exists.
    pub bytes: u64,
}

/// A segment and an offset in it.
pub(super) type Place = (u64, u64);

impl Position {
    pub fn place(&self) -> Place {
        (self.segment, self.offset)
    }
}
