//! One segment: a file of fixed size that frames are written into, front to back.
//!
//! Knows nothing of queues. A segment has a number that is never used twice in its
//! exchange and a random salt; both are part of every frame's checksum, so a
//! recycled file needs no new zeros. Its blocks are written before it is used, so
//! that a flush on the way of an acknowledgement writes data and no metadata.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `LGRSEG` and version, 1 as two bytes |
//! | 8 | 4 | CRC-32C of bytes 12–31 |
//! | 12 | 4 | 0 |
//! | 16 | 8 | number |
//! | 24 | 8 | salt |
//! | 4096 | | frames |

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::disk::{self, Faults, Op};
use super::frame::{self, u32_at, u64_at};

/// Where the frames begin.
pub(super) const SEGMENT_HEADER_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = *b"LGRSEG\x01\0";
const HEADER_USED: usize = 32;

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub id: u64,
    /// What its frames' checksums begin with.
    pub seed: u32,
    pub file: File,
    pub path: PathBuf,
    /// Bytes of the file.
    pub capacity: u64,
    /// A write or a flush failed: nothing more is written here.
    poisoned: AtomicBool,
}

impl Segment {
    /// A new file. `zeroed`: its blocks are written now, not on the way of an
    /// acknowledgement.
    pub fn create(dir: &Path, id: u64, capacity: u64, zeroed: bool, faults: &Faults) -> io::Result<Segment> {
        faults.check(Op::Create)?;
        let making = dir.join(format!("{id:016x}.new"));
        let made = (|| {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&making)?;
            if zeroed {
                disk::zero(&file, 0, capacity)?;
            } else {
                file.set_len(capacity)?;
            }
            Segment::name(dir, &making, file, id, capacity)
        })();
        if made.is_err() {
            // What is half made only takes space; the next open removes it as well.
            drop(std::fs::remove_file(&making));
        }
        made
    }

    /// Makes a segment of a file that another one does not need any more.
    pub fn recycle(dir: &Path, old: &Path, id: u64, faults: &Faults) -> io::Result<Segment> {
        faults.check(Op::Create)?;
        let file = OpenOptions::new().read(true).write(true).open(old)?;
        let capacity = file.metadata()?.len();
        Segment::name(dir, old, file, id, capacity)
    }

    fn name(dir: &Path, from: &Path, file: File, id: u64, capacity: u64) -> io::Result<Segment> {
        let salt = getrandom::u64().map_err(|e| io::Error::other(e.to_string()))?;
        let mut header = [0u8; HEADER_USED];
        header[0..8].copy_from_slice(&MAGIC);
        header[16..24].copy_from_slice(&id.to_le_bytes());
        header[24..32].copy_from_slice(&salt.to_le_bytes());
        let crc = crc32c::crc32c(&header[12..]);
        header[8..12].copy_from_slice(&crc.to_le_bytes());
        disk::write(&file, &mut [IoSlice::new(&header)], 0)?;
        // DURABLE: size and blocks now, so that later flushes need no metadata.
        file.sync_all()?;
        let path = dir.join(file_name(id));
        std::fs::rename(from, &path)?;
        // DURABLE: a segment without a name is a lost segment.
        disk::sync_dir(dir)?;
        let seed = frame::seed(id, salt);
        Ok(Segment { id, seed, file, path, capacity, poisoned: AtomicBool::new(false) })
    }

    /// Opens the segment at `path`; `None` if its header is not that of segment `id`.
    pub fn open(path: &Path, id: u64, writable: bool) -> io::Result<Option<Segment>> {
        let file = OpenOptions::new().read(true).write(writable).open(path)?;
        let capacity = file.metadata()?.len();
        let header = disk::read(&file, 0, HEADER_USED)?;
        let good = header.get(0..8) == Some(&MAGIC[..])
            && header.get(12..).map(crc32c::crc32c) == Some(u32_at(&header, 8))
            && u64_at(&header, 16) == id;
        if !good {
            return Ok(None);
        }
        let seed = frame::seed(id, u64_at(&header, 24));
        Ok(Some(Segment {
            id,
            seed,
            file,
            path: path.to_owned(),
            capacity,
            poisoned: AtomicBool::new(false),
        }))
    }

    pub fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }
}

/// The name of segment `id`; sorts as the numbers do.
pub(super) fn file_name(id: u64) -> String {
    format!("{id:016x}.seg")
}

/// What a file in an exchange's directory is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    Segment(u64),
    Free,
    Unfinished,
    Cursor(String),
    SetAside,
    Other,
}

impl Entry {
    pub fn of(name: &str) -> Entry {
        let Some((stem, extension)) = name.rsplit_once('.') else { return Entry::Other };
        match extension {
            "seg" if stem.len() == 16 => u64::from_str_radix(stem, 16).map_or(Entry::Other, Entry::Segment),
            "free" => Entry::Free,
            "new" => Entry::Unfinished,
            "queue" => Entry::Cursor(stem.to_owned()),
            "damaged" => Entry::SetAside,
            _ => Entry::Other,
        }
    }

    /// Everything in a directory, in order of name.
    pub fn list(dir: &Path) -> io::Result<Vec<(Entry, PathBuf)>> {
        let mut all = Vec::new();
        for item in std::fs::read_dir(dir)? {
            let item = item?;
            if let Some(name) = item.file_name().to_str() {
                all.push((Entry::of(name), item.path()));
            }
        }
        all.sort();
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Entry) {
        assert_eq!(Entry::of(name), expect, "{name}");
    }

    #[test]
    fn names() {
        check(&file_name(27), Entry::Segment(27));
        check(&file_name(u64::MAX), Entry::Segment(u64::MAX));
        check("1.seg", Entry::Other);
        check("main.queue", Entry::Cursor("main".to_owned()));
        check("0.free", Entry::Free);
        check("0000000000000001.new", Entry::Unfinished);
        check("x", Entry::Other);
    }

    #[test]
    fn a_recycled_segment_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let first = Segment::create(dir.path(), 1, 65_536, true, &Faults::default()).unwrap();
        let second = Segment::recycle(dir.path(), &first.path, 2, &Faults::default()).unwrap();
        assert_ne!(first.seed, second.seed);
        assert!(!first.path.exists());
        let again = Segment::open(&second.path, 2, true).unwrap().unwrap();
        assert_eq!((again.seed, again.capacity), (second.seed, 65_536));
        assert!(Segment::open(&second.path, 3, true).unwrap().is_none());
    }
}
