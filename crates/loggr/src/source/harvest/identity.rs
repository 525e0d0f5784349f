//! What a file is: its content, and what it is called. Made of it: the uids of its events.
//!
//! Two uploads of one identity are the same file, whatever inode they have. Nothing is read here.

use std::fmt;

use loggr_event::{Timestamp, UidBlock};
use sha2::{Digest, Sha256};

/// A hash of an unpacked content.
pub type Hash = [u8; 32];

/// The identity of a file in one harvest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(Hash);

impl Identity {
    /// Of a file of this name, which is empty where names do not matter, and content.
    pub fn of(name: &str, content: &Hash, length: u64) -> Identity {
        let mut hash = Sha256::new();
        hash.update(b"loggr harvested file 1");
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update(length.to_le_bytes());
        hash.update(content);
        Identity(hash.finalize().into())
    }

    /// From the bytes that [`Identity::bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Option<Identity> {
        bytes.try_into().ok().map(Identity)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What the uids of its lines are made of, if it was first taken at this time by this harvest. A file
    /// that is taken again on purpose, later, has other uids.
    pub fn seed(&self, harvest: &str, first: Timestamp) -> u64 {
        let mut hash = Sha256::new();
        hash.update(b"loggr uids of a harvested file 1");
        hash.update(first.unix_micros().to_le_bytes());
        hash.update(self.0);
        hash.update(harvest);
        let hash: Hash = hash.finalize().into();
        hash.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The uids of the lines of a file.
pub fn uids(seed: u64) -> UidBlock {
    UidBlock::of_file(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_another_file() {
        let of = |name: &str, content: u8, length| Identity::of(name, &[content; 32], length);
        assert_eq!(of("a", 1, 5), of("a", 1, 5));
        for other in [of("b", 1, 5), of("a", 2, 5), of("a", 1, 6), of("", 1, 5)] {
            assert_ne!(of("a", 1, 5), other);
        }
        assert_eq!(Identity::from_bytes(of("a", 1, 5).bytes()), Some(of("a", 1, 5)));
        assert_eq!(Identity::from_bytes(b"short"), None);
    }

    #[test]
    fn the_same_file_taken_again_later_has_other_uids() {
        let (file, at) = (Identity::of("a", &[1; 32], 5), Timestamp::from_unix_micros);
        assert_eq!(file.seed("h", at(1)), file.seed("h", at(1)));
        assert_ne!(file.seed("h", at(1)), file.seed("h", at(2)));
        assert_ne!(file.seed("h", at(1)), file.seed("i", at(1)));
    }
}
