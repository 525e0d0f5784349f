//! The manifest: which data files belong to the store. What it does not name does not exist.
//!
//! It is written anew for every change, synced, renamed over the old one, and the directory
//! synced: a crash leaves the old one or the new one. Little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `LGRM` |
//! | 4 | version, 1 |
//! | 8 | generation: grows by one with every change |
//! | 8 | number of the next file |
//! | 4 | number of files |
//! | 140 each | file number (8), day (8), rows (4), row groups (4), lowest and highest timegenerated (8, 8), lowest and highest uid (16, 16), bytes of text (8), bytes of the file (8), offset and length of its index (8, 8), checksum of the index (4), checksum of what follows it (4), level (4), reserved (24) |
//! | 8 | XXH3 of everything before |

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::index::bytes::{Cursor, put_i64, put_u32, put_u64};
use crate::{StoreError, partition};

/// Name of the manifest in the store's directory.
pub const MANIFEST: &str = "MANIFEST";
const TEMPORARY: &str = "MANIFEST.new";
const MAGIC: &[u8; 4] = b"LGRM";
const VERSION: u32 = 1;

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
}

impl FileEntry {
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
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.files.len() * 140);
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
            out.extend_from_slice(&[0; 24]);
        }
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
        if cursor.array()? != *MAGIC || cursor.u32()? != VERSION {
            return None;
        }
        let (generation, next_file) = (cursor.u64()?, cursor.u64()?);
        let count = cursor.u32()?;
        let files = (0..count)
            .map(|_| {
                let entry = FileEntry {
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
                };
                cursor.take(24)?;
                Some(entry)
            })
            .collect::<Option<_>>()?;
        cursor.is_empty().then_some(Manifest { generation, next_file, files })
    }

    /// Reads the manifest of a directory; `None` where there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<(Manifest, Identity)>, StoreError> {
        let path = dir.join(MANIFEST);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("open", &path, e)),
        };
        let mut bytes = Vec::new();
        let identity = Identity::of(&file).map_err(|e| StoreError::io("look at", &path, e))?;
        file.read_to_end(&mut bytes).map_err(|e| StoreError::io("read", &path, e))?;
        match Manifest::decode(&bytes) {
            Some(manifest) => Ok(Some((manifest, identity))),
            None => Err(StoreError::corrupt(&path, "its checksum or its version does not fit")),
        }
    }

    /// Puts the manifest in the place of the old one. `Ok` means that it is durable.
    ///
    /// A failure before the rename leaves the old one untouched. A failure after it leaves
    /// the question open which of the two a crash would show; [`WriteError::Unsure`] says so.
    pub(crate) fn write(&self, dir: &Path) -> Result<Identity, WriteError> {
        let (temporary, path) = (dir.join(TEMPORARY), dir.join(MANIFEST));
        let before = |what: &str, e| WriteError::Unchanged(StoreError::io(what, &temporary, e));
        // A new inode each time: a sync that failed on an old one is never repeated on it.
        match std::fs::remove_file(&temporary) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(before("replace", e)),
            _ => {}
        }
        let mut file = File::create_new(&temporary).map_err(|e| before("create", e))?;
        file.write_all(&self.encode()).map_err(|e| before("write", e))?;
        crate::fault::check("manifest-sync").map_err(|e| before("sync", e))?;
        file.sync_data().map_err(|e| before("sync", e))?; // DURABLE: content before name
        let identity = Identity::of(&file).map_err(|e| before("look at", e))?;
        std::fs::rename(&temporary, &path).map_err(|e| before("rename", e))?;
        crate::fault::check("manifest-directory-sync")
            .and_then(|()| sync_directory(dir)) // DURABLE: the name
            .map_err(|e| WriteError::Unsure(StoreError::io("sync", dir, e)))?;
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

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: u64) -> Manifest {
        let files = (0..files)
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
            })
            .collect();
        Manifest { generation: 3, next_file: 99, files }
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), None);
        for files in [0, 1, 250] {
            assert!(manifest(files).write(dir.path()).is_ok());
            assert_eq!(Manifest::read(dir.path()).unwrap().unwrap().0, manifest(files));
        }
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
