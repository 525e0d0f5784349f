//! A moment in microseconds with the offset it was written in; no clock, no zone rules.

/// Microseconds since 1970 (UTC) and the offset from UTC that the sender wrote.
///
/// Two timestamps of one moment written in different offsets are equal in
/// [`Timestamp::unix_micros`] but not by `==`; ordering is by moment first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp {
    micros: i64,
    offset_minutes: i16,
}

impl Timestamp {
    /// A moment written in UTC.
    pub const fn from_unix_micros(micros: i64) -> Timestamp {
        Timestamp { micros, offset_minutes: 0 }
    }

    /// A moment and the offset, in minutes east of UTC, in which it is written.
    pub const fn with_offset(micros: i64, offset_minutes: i16) -> Timestamp {
        Timestamp { micros, offset_minutes }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_micros(self) -> i64 {
        self.micros
    }

    /// Minutes east of UTC.
    pub const fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }
}
