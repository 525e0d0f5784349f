//! How far the kernel's messages have been read, on disk.
//!
//! A place is written only behind the receipt of what was read up to there, so that it may be behind and is
//! never ahead. It says how the stamps of the records count, too: what is read again then has the times
//! and the uid that it had. Kept as text, with a checksum; one that is damaged is told, and nothing is read until
//! somebody has decided.

use std::fmt;
use std::path::{Path, PathBuf};

use loggr_event::Timestamp;

/// The file's first word.
const MAGIC: &str = "loggr-kernel-place-1";
/// Bytes of the file at most.
const MAX_BYTES: u64 = 4096;
/// Where the kernel says which boot this is.
const BOOT_FILE: &str = "/proc/sys/kernel/random/boot_id";

/// Which boot of this host: records are numbered anew in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boot(pub(super) [u8; 16]);

impl Boot {
    /// This one.
    pub(super) fn now() -> std::io::Result<Boot> {
        let text = std::fs::read_to_string(BOOT_FILE)?;
        Boot::parse(text.trim()).ok_or_else(|| std::io::Error::other("it is no number of a boot"))
    }

    fn parse(text: &str) -> Option<Boot> {
        loggr_event::Uid::parse(text).map(|id| Boot(*id.as_bytes()))
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How far the records of a boot have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) boot: Boot,
    /// Number of the next record.
    pub(super) next: u64,
    /// How the times of records from there on count.
    pub(super) base: Base,
}

/// How stamps become times, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// The time of the stamp 0.
    pub(super) zero: i64,
    /// When the host has started, as the clocks said when this was found.
    pub(super) start: i64,
}

impl Place {
    /// The time of a stamp.
    pub(super) fn time_of(&self, stamp: u64) -> Timestamp {
        let stamp = i64::try_from(stamp).unwrap_or(i64::MAX);
        Timestamp::from_unix_micros(self.base.zero.saturating_add(stamp))
    }
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept(PathBuf);

/// Why it cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    Io(std::io::Error),
    Damaged,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Io(error) => error.fmt(f),
            Unreadable::Damaged => f.write_str("it is damaged"),
        }
    }
}

impl Kept {
    pub(super) fn at(path: PathBuf) -> Kept {
        Kept(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What was written last; nothing has been where there is no file.
    pub(super) fn read(&self) -> Result<Option<Place>, Unreadable> {
        let bytes = match loggr_disk::read_at_most(&self.0, MAX_BYTES) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Unreadable::Damaged),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Unreadable::Io(error)),
        };
        let text = String::from_utf8(bytes).ok();
        text.and_then(|text| parse(&text)).ok_or(Unreadable::Damaged).map(Some)
    }

    /// Puts it in the place of the one before, durably.
    pub(super) fn write(&self, place: &Place) -> Result<(), loggr_disk::NotPublished> {
        loggr_disk::replace(&self.0, dump(place).as_bytes())
    }
}

fn dump(place: &Place) -> String {
    let Place { boot, next, base: Base { zero, start } } = place;
    let line = format!("{boot} {next} {zero} {start}\n");
    format!("{MAGIC} {:08x}\n{line}", crc32c::crc32c(line.as_bytes()))
}

fn parse(text: &str) -> Option<Place> {
    let (head, line) = text.split_once('\n')?;
    let sum = u32::from_str_radix(head.strip_prefix(MAGIC)?.strip_prefix(' ')?, 16).ok()?;
    if crc32c::crc32c(line.as_bytes()) != sum {
        return None;
    }
    let mut words = line.trim_end().split(' ');
    let boot = Boot::parse(words.next()?)?;
    let next = words.next()?.parse().ok()?;
    let (zero, start) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Place { boot, next, base: Base { zero, start } })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { boot: Boot([0xa5; 16]), next: 7, base: Base { zero: -1, start: 5 } };

    #[test]
    fn a_place_comes_back() {
        let there = tempfile::tempdir().unwrap();
        let kept = Kept::at(there.path().join("place"));
        assert!(kept.read().unwrap().is_none());
        let most = Base { zero: i64::MAX, start: i64::MIN };
        for place in [PLACE, Place { next: u64::MAX, base: most, ..PLACE }] {
            kept.write(&place).unwrap();
            assert_eq!(kept.read().unwrap(), Some(place));
        }
    }

    #[test]
    fn a_damaged_place_is_told() {
        let there = tempfile::tempdir().unwrap();
        let kept = Kept::at(there.path().join("place"));
        let good = dump(&PLACE);
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1;
            std::fs::write(kept.path(), &bytes).unwrap();
            assert!(kept.read().is_err(), "byte {at}");
        }
        for cut in [0, 10, good.len() - 1] {
            std::fs::write(kept.path(), &good.as_bytes()[..cut]).unwrap();
            assert!(kept.read().is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn this_boot_has_a_number() {
        assert_eq!(Boot::now().unwrap(), Boot::now().unwrap());
        assert_eq!(Boot::parse("no"), None);
    }
}
