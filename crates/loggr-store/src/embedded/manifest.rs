//! The manifest: which data files belong to the store. What it does not name does not exist.
//!
//! It is written anew for every change, synced, renamed over the old one, and the directory
//! synced: a crash leaves the old one or the new one. Little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `LGRM` |
//! | 4 | version, 2; 1, which ends behind the files and knows no times of writing, is read |
//! | 8 | generation: grows by one with every change |
//! | 8 | number of the next file |
//! | 4 | number of files, at most 1,048,576 |
//! | 140 each | file number (8), day (8), rows (4), row groups (4), lowest and highest timegenerated (8, 8), lowest and highest uid (16, 16), bytes of text (8), bytes of the file (8), offset and length of its index (8, 8), checksum of the index (4), checksum of what follows it (4), level (4), time of writing (8), reserved (16) |
//! | 8 | the time that retention believes, 0: nobody has looked at a clock |
//! | 8, 8, 8 | a step of the clock that is not believed yet: from, to, for how long it has held |
//! | 4 | flags: 1, there is such a step; 2, it came while a process ran |
//! | 8, 8 | events that retention has dropped, events that were purged |
//! | 8 | XXH3 of everything before |

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use loggr_disk::{NotPublished, Step, publish_with, read_open_at_most};

use super::fault::{self, Op};
use super::index::bytes::{Cursor, put_i64, put_u32, put_u64};
use crate::retention::{self, Clock};
use crate::{StoreError, partition};

/// Name of the manifest in the store's directory.
pub const MANIFEST: &str = "MANIFEST";
/// Files that it names at most.
const MAX_FILES: usize = 1 << 20;
/// Bytes of one file in it.
const FILE_BYTES: usize = 140;
/// Its bytes at most; what stands beside the files has fewer than 256.
const MAX_BYTES: u64 = (MAX_FILES * FILE_BYTES + 256) as u64;
const TEMPORARY: &str = "MANIFEST.new";
/// What to do about a manifest that is damaged or lost.
pub(crate) const REPAIR: &str = "`loggr repair` makes it anew from the data files";
/// The generation of a manifest that has not seen everything is this or more: far above what one can
/// have that followed every change, so that readers see the change too.
const UNSURE_GENERATION: u64 = 1 << 40;
/// How far the numbers of files jump when a manifest is made anew: files of the old one that were not
/// there then had lower ones.
const NUMBERS_OF_A_LIFE: u64 = 1 << 32;
const MAGIC: &[u8; 4] = b"LGRM";
const VERSION: u32 = 2;
const STEP: u32 = 1;
const STEP_WAS_SEEN: u32 = 2;

/// One data file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) number: u64,
    pub(crate) day: i64,
    pub(crate) rows: u32,
    pub(crate) groups: u32,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) min_uid: [u8; 16],
    pub(crate) max_uid: [u8; 16],
    pub(crate) text_bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) index_offset: u64,
    pub(crate) index_bytes: u64,
    pub(crate) index_checksum: u32,
    pub(crate) tail_checksum: u32,
    /// 0: as it was appended; 1: merged once or more.
    pub(crate) level: u32,
    /// When its newest rows were written, by the clock that retention believes (microseconds since
    /// 1970). 0: it is not known. No part of what the file says of itself.
    #[serde(skip)]
    pub(crate) written: i64,
}

impl FileEntry {
    /// Of a file that has no rows yet.
    pub(crate) fn empty(number: u64, day: i64) -> FileEntry {
        FileEntry {
            number,
            day,
            rows: 0,
            groups: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            min_uid: [u8::MAX; 16],
            max_uid: [0; 16],
            text_bytes: 0,
            file_bytes: 0,
            index_offset: 0,
            index_bytes: 0,
            index_checksum: 0,
            tail_checksum: 0,
            level: 0,
            written: 0,
        }
    }

    /// Do both speak of the same bytes?
    pub(crate) fn is_same_file(&self, other: &FileEntry) -> bool {
        let written = other.written;
        *self == *other || FileEntry { written, ..self.clone() } == *other
    }

    /// Path inside the store's directory.
    pub(crate) fn relative(&self) -> PathBuf {
        Path::new(&partition::directory(self.day)).join(file_name(self.number))
    }
}

/// The name of a data file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:012}.parquet")
}

/// The files of the store at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    pub(crate) next_file: u64,
    pub(crate) files: Vec<FileEntry>,
    /// What retention knows of the clock.
    pub(crate) clock: Clock,
    /// Events that retention has dropped.
    pub(crate) dropped: u64,
    /// Events that somebody purged.
    pub(crate) purged: u64,
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.files.len() * FILE_BYTES);
        out.extend_from_slice(MAGIC);
        put_u32(&mut out, VERSION);
        put_u64(&mut out, self.generation);
        put_u64(&mut out, self.next_file);
        put_u32(&mut out, self.files.len() as u32);
        for f in &self.files {
            put_u64(&mut out, f.number);
            put_i64(&mut out, f.day);
            put_u32(&mut out, f.rows);
            put_u32(&mut out, f.groups);
            put_i64(&mut out, f.min_time);
            put_i64(&mut out, f.max_time);
            out.extend_from_slice(&f.min_uid);
            out.extend_from_slice(&f.max_uid);
            for value in [f.text_bytes, f.file_bytes, f.index_offset, f.index_bytes] {
                put_u64(&mut out, value);
            }
            for value in [f.index_checksum, f.tail_checksum, f.level] {
                put_u32(&mut out, value);
            }
            put_i64(&mut out, f.written);
            out.extend_from_slice(&[0; 16]);
        }
        put_i64(&mut out, self.clock.believed);
        let step = self.clock.step.unwrap_or(retention::Step { from: 0, to: 0, held: 0, seen: false });
        for value in [step.from, step.to, step.held] {
            put_i64(&mut out, value);
        }
        let flags =
            if self.clock.step.is_some() { STEP } else { 0 } | if step.seen { STEP_WAS_SEEN } else { 0 };
        put_u32(&mut out, flags);
        put_u64(&mut out, self.dropped);
        put_u64(&mut out, self.purged);
        let sum = xxhash_rust::xxh3::xxh3_64(&out);
        put_u64(&mut out, sum);
        out
    }

    /// `None` where the bytes are not those that `encode` made.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Manifest> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
        if u64::from_le_bytes(sum.try_into().ok()?) != xxhash_rust::xxh3::xxh3_64(body) {
            return None;
        }
        let mut cursor = Cursor::new(body);
        let is_ours = cursor.array()? == *MAGIC;
        let version = cursor.u32()?;
        if !is_ours || !(1..=VERSION).contains(&version) {
            return None;
        }
        let (generation, next_file) = (cursor.u64()?, cursor.u64()?);
        let count = cursor.u32()?;
        let files = (0..count)
            .map(|_| {
                let mut entry = FileEntry {
                    number: cursor.u64()?,
                    day: cursor.i64()?,
                    rows: cursor.u32()?,
                    groups: cursor.u32()?,
                    min_time: cursor.i64()?,
                    max_time: cursor.i64()?,
                    min_uid: cursor.array()?,
                    max_uid: cursor.array()?,
                    text_bytes: cursor.u64()?,
                    file_bytes: cursor.u64()?,
                    index_offset: cursor.u64()?,
                    index_bytes: cursor.u64()?,
                    index_checksum: cursor.u32()?,
                    tail_checksum: cursor.u32()?,
                    level: cursor.u32()?,
                    written: 0,
                };
                let written = cursor.i64()?;
                if version > 1 {
                    entry.written = written;
                }
                cursor.take(16)?;
                Some(entry)
            })
            .collect::<Option<_>>()?;
        let mut manifest = Manifest { generation, next_file, files, ..Manifest::default() };
        if version > 1 {
            let believed = cursor.i64()?;
            let (from, to, held, flags) = (cursor.i64()?, cursor.i64()?, cursor.i64()?, cursor.u32()?);
            let step = retention::Step { from, to, held, seen: flags & STEP_WAS_SEEN != 0 };
            manifest.clock = Clock::new(believed, (flags & STEP != 0).then_some(step));
            (manifest.dropped, manifest.purged) = (cursor.u64()?, cursor.u64()?);
        }
        cursor.is_empty().then_some(manifest)
    }

    /// One made anew of the files that are there.
    pub(crate) fn anew(files: Vec<FileEntry>, highest: Option<u64>) -> Manifest {
        let next_file = highest.map_or(0, |number| number + NUMBERS_OF_A_LIFE);
        Manifest { generation: UNSURE_GENERATION, next_file, files, ..Manifest::default() }
    }

    /// From now on files that it does not name may be of the store all the same.
    pub(crate) fn be_unsure(&mut self) {
        self.generation = self.generation.max(UNSURE_GENERATION);
    }

    /// It followed every change: a file that it does not name is none of the store.
    pub(crate) fn saw_everything(&self) -> bool {
        self.generation < UNSURE_GENERATION
    }

    /// That there is none, beside data files.
    pub(crate) fn lost(dir: &Path) -> StoreError {
        StoreError::corrupt(&dir.join(MANIFEST), "it is missing, but there are data files").hinted(REPAIR)
    }

    /// Reads the manifest of a directory; `None` where there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<(Manifest, Identity)>, StoreError> {
        let path = dir.join(MANIFEST);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::disk("open", &path, e)),
        };
        let identity = Identity::of(&file).map_err(|e| StoreError::io("look at", &path, e))?;
        let read = fault::check_read(&path, 0..u64::MAX).and_then(|()| read_open_at_most(&file, MAX_BYTES));
        let bytes = read.map_err(|e| StoreError::disk("read", &path, e).hinted(REPAIR))?;
        let Some(bytes) = bytes else {
            let what = format!("it has more than {MAX_BYTES} bytes");
            return Err(StoreError::corrupt(&path, what).hinted(REPAIR));
        };
        match Manifest::decode(&bytes) {
            Some(manifest) => Ok(Some((manifest, identity))),
            None => {
                Err(StoreError::corrupt(&path, "its checksum or its version does not fit").hinted(REPAIR))
            }
        }
    }

    /// Puts the manifest in the place of the old one. `Ok` means that it is durable.
    ///
    /// A failure before the rename leaves the old one untouched. A failure after it leaves
    /// the question open which of the two a crash would show; [`WriteError::Unsure`] says so.
    pub(crate) fn write(&self, dir: &Path) -> Result<Identity, WriteError> {
        let (temporary, path) = (dir.join(TEMPORARY), dir.join(MANIFEST));
        let before = |what: &str, e| WriteError::Unchanged(StoreError::io(what, &temporary, e));
        if self.files.len() > MAX_FILES {
            let e = std::io::Error::other(format!("{} files are more than {MAX_FILES}", self.files.len()));
            return Err(before("write", e));
        }
        // A new inode each time: a sync that failed on an old one is never repeated on it.
        match std::fs::remove_file(&temporary) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(before("replace", e)),
            _ => {}
        }
        let mut file = File::create_new(&temporary).map_err(|e| before("create", e))?;
        file.write_all(&self.encode()).map_err(|e| before("write", e))?;
        let identity = Identity::of(&file).map_err(|e| before("look at", e))?;
        let mut doing = "";
        let published = publish_with(&file, &temporary, &path, |step| match step {
            Step::Sync => {
                doing = "sync";
                fault::check(Op::ManifestSync)
            }
            Step::Rename => {
                doing = "rename";
                Ok(())
            }
            Step::SyncDirectory => fault::check(Op::ManifestDirectorySync),
        }); // DURABLE: content before name, then the name
        published.map_err(|e| match e {
            NotPublished::Before(e) => before(doing, e),
            NotPublished::Unsure(e) => WriteError::Unsure(StoreError::io("sync", dir, e)),
        })?;
        Ok(identity)
    }
}

/// Why a manifest was not written.
pub(crate) enum WriteError {
    /// The old one stands.
    Unchanged(StoreError),
    /// The new one stands, but a crash may bring the old one back.
    Unsure(StoreError),
}

impl WriteError {
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            WriteError::Unchanged(e) | WriteError::Unsure(e) => e,
        }
    }
}

/// Which file a name stood for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl Identity {
    fn of(file: &File) -> std::io::Result<Identity> {
        Ok(Identity::from(&file.metadata()?))
    }

    /// Of the file that has the name now.
    pub(crate) fn of_path(path: &Path) -> std::io::Result<Identity> {
        Ok(Identity::from(&std::fs::metadata(path)?))
    }
}

impl From<&std::fs::Metadata> for Identity {
    fn from(data: &std::fs::Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity {
            device: data.dev(),
            inode: data.ino(),
            modified: (data.mtime(), data.mtime_nsec()),
            bytes: data.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: u64) -> Manifest {
        let entries = (0..files)
            .map(|i| FileEntry {
                number: i,
                day: 20_000 + i as i64,
                rows: 5,
                groups: 1,
                min_time: -7,
                max_time: i64::MAX,
                min_uid: [1; 16],
                max_uid: [255; 16],
                text_bytes: 9,
                file_bytes: 10,
                index_offset: 11,
                index_bytes: 12,
                index_checksum: 13,
                tail_checksum: 14,
                level: 1,
                written: 15,
            })
            .collect();
        let step = (files > 1).then_some(retention::Step { from: 16, to: -17, held: 18, seen: files > 2 });
        let clock = Clock::new(19, step);
        Manifest { generation: 3, next_file: 99, files: entries, clock, dropped: 20, purged: 21 }
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), None);
        for files in [0, 1, 2, 250] {
            assert!(manifest(files).write(dir.path()).is_ok());
            assert_eq!(Manifest::read(dir.path()).unwrap().unwrap().0, manifest(files));
        }
    }

    #[test]
    fn what_is_longer_than_a_manifest_can_be_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        File::create(dir.path().join(MANIFEST)).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    }

    #[test]
    fn a_manifest_of_version_1_is_read() {
        let entries = manifest(2).files;
        let mut old = b"LGRM\x01\0\0\0".to_vec();
        let new = manifest(2).encode();
        // The head and the entries, whose reserved bytes were 0.
        old.extend_from_slice(&new[8..28 + 2 * 140]);
        for i in 0..2 {
            old[28 + i * 140 + 116..28 + i * 140 + 140].fill(0);
        }
        let sum = xxhash_rust::xxh3::xxh3_64(&old);
        put_u64(&mut old, sum);
        let read = Manifest::decode(&old).unwrap();
        let files = entries.into_iter().map(|e| FileEntry { written: 0, ..e }).collect();
        assert_eq!(read, Manifest { generation: 3, next_file: 99, files, ..Manifest::default() });
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let bytes = manifest(2).encode();
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 1 << (i % 8);
            assert_eq!(Manifest::decode(&bad), None, "byte {i}");
            assert_eq!(Manifest::decode(&bytes[..i]), None, "cut at {i}");
        }
    }
}
