//! Faults of the disk that tests inject into the log.

/// Where a fault can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Op {
    /// Writing frames.
    Write,
    /// Flushing frames.
    Sync,
    /// Making a segment.
    Create,
    /// Writing a cursor.
    Cursor,
}

/// Makes disk operations fail on request, for tests.
#[doc(hidden)]
pub type Faults = loggr_disk::Faults<Op>;
