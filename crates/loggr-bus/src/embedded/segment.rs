//! One segment: a file of fixed size into which frames are written from front to back.
//!
//! It knows nothing about queues. A segment has a number that is never used twice in its exchange
//! and a random salt; both are part of every frame's checksum, so a recycled file needs no new
//! zeros. Its blocks are written before it is used, so that a flush on the way of an
//! acknowledgement writes data and no metadata.
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
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fault::{Faults, Op};
use super::frame::{self, Frame, FrameHeader, u32_at, u64_at};

/// Where the frames begin.
pub(super) const SEGMENT_HEADER_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = *b"LGRSEG\x01\0";
const HEADER_USED: usize = 32;
/// The unit in which a disk fails to read.
const BLOCK_BYTES: u64 = 4096;

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub id: u64,
    /// The seed of its frames' checksums, once it is known.
    seed: OnceLock<u32>,
    pub file: File,
    pub path: PathBuf,
    /// Bytes of the file.
    pub capacity: u64,
    /// A write or a flush failed: nothing more is written here.
    poisoned: AtomicBool,
    faults: Faults,
}

/// What was found in the file of a segment.
pub(super) enum Found {
    Segment(Segment),
    /// Its header is not that of a segment with this number.
    Foreign,
    /// Its header cannot be read, and so the seed of its checksums is unknown. Until the header can
    /// be read, or the first frame shows the seed, no frame can be recognised. Nothing more is
    /// written to it.
    Blind(Segment, io::Error),
}

/// What the place of the first frame shows about a segment without a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// The seed of its checksums is known now.
    Seen,
    /// No frame has been written since the file became this segment.
    Unused,
    Unknown,
}

impl Segment {
    /// A new file. `zeroed`: its blocks are written now, so that no acknowledgement has to wait for
    /// that.
    pub fn create(dir: &Path, id: u64, capacity: u64, zeroed: bool, faults: &Faults) -> io::Result<Segment> {
        faults.check(Op::Create)?;
        let making = dir.join(format!("{id:016x}.new"));
        let made = (|| {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&making)?;
            if zeroed {
                loggr_disk::zero(&file, 0, capacity)?;
            } else {
                file.set_len(capacity)?;
            }
            Segment::name(dir, &making, file, id, capacity, faults)
        })();
        if made.is_err() {
            // A half made file only takes space; otherwise the next open removes it.
            drop(std::fs::remove_file(&making));
        }
        made
    }

    /// Makes a segment of a file of another segment that is not needed any more.
    pub fn recycle(dir: &Path, old: &Path, id: u64, faults: &Faults) -> io::Result<Segment> {
        faults.check(Op::Create)?;
        let file = OpenOptions::new().read(true).write(true).open(old)?;
        let capacity = file.metadata()?.len();
        Segment::name(dir, old, file, id, capacity, faults)
    }

    fn name(
        dir: &Path,
        from: &Path,
        file: File,
        id: u64,
        capacity: u64,
        faults: &Faults,
    ) -> io::Result<Segment> {
        let salt = getrandom::u64().map_err(|e| io::Error::other(e.to_string()))?;
        let mut header = [0u8; HEADER_USED];
        header[0..8].copy_from_slice(&MAGIC);
        header[16..24].copy_from_slice(&id.to_le_bytes());
        header[24..32].copy_from_slice(&salt.to_le_bytes());
        let crc = crc32c::crc32c(&header[12..]);
        header[8..12].copy_from_slice(&crc.to_le_bytes());
        loggr_disk::write_at(&file, &mut [IoSlice::new(&header)], 0)?;
        let path = dir.join(file_name(id));
        // DURABLE: size and blocks now, so that later flushes need no metadata; and a segment
        // without a name is a lost segment.
        loggr_disk::publish(&file, from, &path)?;
        let segment = Segment::of(path, id, file, capacity, faults);
        segment.seed.get_or_init(|| frame::seed(id, salt));
        Ok(segment)
    }

    fn of(path: PathBuf, id: u64, file: File, capacity: u64, faults: &Faults) -> Segment {
        let (seed, poisoned, faults) = (OnceLock::new(), AtomicBool::new(false), faults.clone());
        Segment { id, seed, file, path, capacity, poisoned, faults }
    }

    /// Opens the segment at `path`.
    pub fn open(path: &Path, id: u64, writable: bool, faults: &Faults) -> io::Result<Found> {
        let file = OpenOptions::new().read(true).write(writable).open(path)?;
        let capacity = file.metadata()?.len();
        let segment = Segment::of(path.to_owned(), id, file, capacity, faults);
        Ok(match segment.see() {
            Ok(()) => Found::Segment(segment),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Found::Foreign,
            Err(error) => {
                segment.poison();
                Found::Blind(segment, error)
            }
        })
    }

    /// Reads the header, unless it is known.
    ///
    /// # Errors
    /// The error of the disk, or one of kind `InvalidData` if it is not the header of this segment.
    pub fn see(&self) -> io::Result<()> {
        if !self.is_blind() {
            return Ok(());
        }
        let header = self.read(0, HEADER_USED)?;
        let good = header.get(0..8) == Some(&MAGIC[..])
            && header.get(12..).map(crc32c::crc32c) == Some(u32_at(&header, 8))
            && u64_at(&header, 16) == self.id;
        if !good {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not the header of this segment"));
        }
        self.seed.get_or_init(|| frame::seed(self.id, u64_at(&header, 24)));
        Ok(())
    }

    /// Takes the seed from the first frame if the header cannot be read. A frame with a number
    /// below `oldest` was left over from the earlier use of the file.
    pub fn guess(&self, oldest: u64) -> Guess {
        let read = |len| self.read(SEGMENT_HEADER_BYTES, len).ok();
        let guess = || {
            let head = read(frame::FRAME_HEADER_BYTES as usize)?;
            if head.iter().all(|byte| *byte == 0) {
                return Some(Guess::Unused);
            }
            let (header, seed) = FrameHeader::guess(&head)?;
            let whole = !header.gap && header.frame_len() <= self.capacity;
            let bytes = read(whole.then_some(header.frame_len() as usize)?)?;
            Frame::read(&bytes, 0, seed)?;
            if header.seq < oldest {
                return Some(Guess::Unused);
            }
            self.seed.get_or_init(|| seed);
            Some(Guess::Seen)
        };
        guess().unwrap_or(Guess::Unknown)
    }

    /// Whether the seed of its frames' checksums is unknown.
    pub fn is_blind(&self) -> bool {
        self.seed.get().is_none()
    }

    /// The seed of its frames' checksums; for a blind segment a value that fits no frame.
    pub fn seed(&self) -> u32 {
        self.seed.get().copied().unwrap_or_default()
    }

    /// Reads up to `len` bytes at `offset`; fewer only at the end of the file.
    pub fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.faults.check_read(&self.path, offset..offset.saturating_add(len as u64))?;
        loggr_disk::read_at(&self.file, offset, len)
    }

    /// Reads everything into `out`, with zeros in the place of bytes that cannot be read.
    pub fn read_whole(&self, out: &mut Vec<u8>) -> Holes {
        let len = usize::try_from(self.capacity).unwrap_or(usize::MAX);
        let read = self.faults.check_read(&self.path, 0..self.capacity);
        if read.and_then(|()| loggr_disk::read_at_into(&self.file, 0, len, out)).is_ok() {
            return Holes::default();
        }
        let holes;
        (*out, holes) = self.read_around(0, len);
        holes
    }

    /// Like `read`, with zeros in the place of bytes that cannot be read, and with the places of
    /// these.
    pub fn read_around(&self, offset: u64, len: usize) -> (Vec<u8>, Holes) {
        let len = len.min(usize::try_from(self.capacity.saturating_sub(offset)).unwrap_or(usize::MAX));
        if let Ok(bytes) = self.read(offset, len) {
            return (bytes, Holes::default());
        }
        let (mut bytes, mut holes) = (vec![0; len], Holes::default());
        let (mut at, end) = (offset, offset + len as u64);
        while at < end {
            // Reads end at the next block, so that a bad block spoils no other.
            let next = ((at / BLOCK_BYTES + 1) * BLOCK_BYTES).min(end);
            match self.read(at, (next - at) as usize) {
                Ok(block) => {
                    let from = (at - offset) as usize;
                    if let Some(into) = bytes.get_mut(from..from + block.len()) {
                        into.copy_from_slice(&block);
                    }
                }
                Err(error) => holes.add(at..next, error),
            }
            at = next;
        }
        (bytes, holes)
    }

    /// Gives the file a name under which it is never used again.
    pub fn set_aside(&self) -> io::Result<PathBuf> {
        let aside = self.path.with_extension("seg.damaged");
        match loggr_disk::rename_unsynced(&self.path, &aside) {
            // Another queue has set it aside already.
            Err(_) if aside.exists() => {}
            renamed => renamed?,
        }
        loggr_disk::sync_parent(&aside)?;
        Ok(aside)
    }

    pub fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }
}

/// Bytes of a file that cannot be read now.
#[derive(Debug, Default)]
pub(super) struct Holes {
    ranges: Vec<Range<u64>>,
    error: Option<io::Error>,
}

impl Holes {
    fn add(&mut self, hole: Range<u64>, error: io::Error) {
        match self.ranges.last_mut() {
            Some(last) if last.end == hole.start => last.end = hole.end,
            _ => self.ranges.push(hole),
        }
        self.error = Some(error);
    }

    /// The error, if any of these bytes cannot be read.
    pub fn within(&self, bytes: Range<u64>) -> Option<&io::Error> {
        let hit = self.ranges.iter().any(|hole| hole.start < bytes.end && bytes.start < hole.end);
        self.error.as_ref().filter(|_| hit)
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
        assert_ne!(first.seed(), second.seed());
        assert!(!first.path.exists());
        let open = |id| Segment::open(&second.path, id, true, &Faults::default()).unwrap();
        let Found::Segment(again) = open(2) else { panic!("it is one") };
        assert_eq!((again.seed(), again.capacity), (second.seed(), 65_536));
        assert!(matches!(open(3), Found::Foreign));
    }
}
