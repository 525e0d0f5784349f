//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use loggr_event::Timestamp;

/// The time now. A source calls it once for all lines of one read.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
