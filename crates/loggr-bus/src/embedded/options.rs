//! The options of the embedded bus: sizes, compression, patience with the disk.

use std::time::Duration;

use crate::encoding::Codec;
use crate::error::OpenError;

use super::fault::Faults;

/// Smallest segment.
pub const MIN_SEGMENT_BYTES: u64 = 16 << 10;
/// Largest segment.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;
/// An exchange may hold at least this many segments.
pub const MIN_SEGMENTS: u64 = 2;

/// How the embedded bus keeps its exchanges.
#[derive(Clone, Debug)]
pub struct BusOptions {
    /// Size of a segment in bytes; a larger batch gets a segment of its own.
    pub segment_size: u64,
    /// Size limit of **each** exchange in bytes, in whole segments. It is not for all together:
    /// otherwise a full first exchange would keep its own consumers from publishing to the next
    /// one, for ever.
    pub max_size: u64,
    /// How records are compressed.
    pub codec: Codec,
    /// How long a block that cannot be read is tried again before its events count as damaged.
    pub patience: Duration,
    /// Faults to inject, for tests.
    #[doc(hidden)]
    pub faults: Faults,
}

impl Default for BusOptions {
    fn default() -> BusOptions {
        BusOptions {
            segment_size: 64 << 20,
            max_size: 20 << 30,
            codec: Codec::None,
            patience: Duration::from_secs(60),
            faults: Faults::default(),
        }
    }
}

impl BusOptions {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let size = self.segment_size;
        if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&size) {
            let text = format!(
                "segment size of {size} bytes is not between {MIN_SEGMENT_BYTES} and {MAX_SEGMENT_BYTES}"
            );
            return Err(OpenError::config(text));
        }
        if self.max_size / size < MIN_SEGMENTS {
            let text = format!(
                "size limit of {} bytes holds less than {MIN_SEGMENTS} segments of {size}",
                self.max_size
            );
            return Err(OpenError::config(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let check =
            |segment_size, max_size| BusOptions { segment_size, max_size, ..BusOptions::default() }.check();
        assert!(check(64 << 20, 20 << 30).is_ok());
        assert!(check(1, 20 << 30).is_err());
        assert!(check(64 << 20, 64 << 20).is_err());
    }
}
