//! How far the files of a journal have been read, on disk.
//!
//! A place is written only behind the receipt of what was read up to there, so that it may be behind and is
//! never ahead; what is read again then has the uids that it had. Kept as text, with a checksum in front: places
//! that are damaged are told, and nothing is read until somebody has decided.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::layout::Id;

/// The file's first word.
const MAGIC: &str = "loggr-journal-places-1";
/// Bytes of the file at most: a line for each file of the journal.
const MAX_BYTES: u64 = 1 << 20;

/// How far one file has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The series of its numbers.
    pub(super) series: Id,
    /// Entries that were read.
    pub(super) read: u64,
    /// Number of the last one.
    pub(super) seqnum: u64,
    /// What the file was called.
    pub(super) name: String,
}

/// Of each file.
pub(super) type Places = BTreeMap<Id, Place>;

/// Where they are kept.
#[derive(Clone, Debug)]
pub(super) struct Kept(PathBuf);

/// Why they cannot be read.
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
    pub(super) fn read(&self) -> Result<Option<Places>, Unreadable> {
        let bytes = match loggr_disk::read_at_most(&self.0, MAX_BYTES) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Unreadable::Damaged),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Unreadable::Io(error)),
        };
        let text = String::from_utf8(bytes).ok();
        text.and_then(|text| parse(&text)).ok_or(Unreadable::Damaged).map(Some)
    }

    /// Puts them in the place of those before, durably.
    pub(super) fn write(&self, places: &Places) -> Result<(), loggr_disk::NotPublished> {
        loggr_disk::replace(&self.0, dump(places).as_bytes())
    }
}

fn dump(places: &Places) -> String {
    let lines = places.iter().map(|(file, place)| {
        let Place { series, read, seqnum, name } = place;
        format!("{file} {series} {read} {seqnum} {}\n", name.replace(['\n', '\r'], "?"))
    });
    let lines: String = lines.collect();
    format!("{MAGIC} {:08x}\n{lines}", crc32c::crc32c(lines.as_bytes()))
}

fn parse(text: &str) -> Option<Places> {
    let (head, lines) = text.split_once('\n')?;
    let sum = u32::from_str_radix(head.strip_prefix(MAGIC)?.strip_prefix(' ')?, 16).ok()?;
    if crc32c::crc32c(lines.as_bytes()) != sum {
        return None;
    }
    let place = |line: &str| {
        let mut words = line.splitn(5, ' ');
        let (file, series) = (Id::parse(words.next()?)?, Id::parse(words.next()?)?);
        let (read, seqnum) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((file, Place { series, read, seqnum, name: words.next()?.to_owned() }))
    };
    lines.lines().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        let place = |n: u8| Place {
            series: Id([9; 16]),
            read: n.into(),
            seqnum: 70,
            name: format!("system {n}.journal"),
        };
        [(Id([1; 16]), place(3)), (Id([2; 16]), place(0))].into()
    }

    #[test]
    fn places_come_back() {
        let there = tempfile::tempdir().unwrap();
        let kept = Kept::at(there.path().join("places"));
        assert!(kept.read().unwrap().is_none());
        for places in [Places::new(), places()] {
            kept.write(&places).unwrap();
            assert_eq!(kept.read().unwrap(), Some(places));
        }
    }

    #[test]
    fn damaged_places_are_told() {
        let there = tempfile::tempdir().unwrap();
        let kept = Kept::at(there.path().join("places"));
        let good = dump(&places());
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
}
