//! The bytes of data files: read with `pread` into buffers that are used again, and compared with
//! their checksums before their first use.
//!
//! Never a mapping: a block that the disk cannot give, or a file that became shorter, is an error
//! that names the file here, where a mapping would end the whole process with SIGBUS. Not here:
//! what the bytes mean (`datafile`). Invariants: no byte of the rows is given out before the
//! checksum of its block was found right; only some of a store's files are open at the same time.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::checksum::CHECKSUM_BLOCK_BYTES;
use super::manifest::FileEntry;
use super::{fault, lock};
use crate::StoreError;
use crate::error::DamagedBlock;
use crate::hash::FastMap;

/// Data files of a store that are open at the same time, those in use aside.
const MAX_DESCRIPTORS: usize = 128;
/// Buffers that a thread keeps for its next reads.
const SPARE_BUFFERS: usize = 4;
/// A larger buffer is given back to the system after its use.
const MAX_SPARE_BYTES: usize = 1 << 20;

const BLOCK: u64 = CHECKSUM_BLOCK_BYTES as u64;

/// A data file that is open.
#[derive(Clone)]
pub(crate) struct OpenFile {
    file: Arc<File>,
    path: Arc<Path>,
}

impl OpenFile {
    /// Opens the file of an entry; looks at nothing but its length.
    fn open(path: &Arc<Path>, entry: &FileEntry) -> Result<OpenFile, StoreError> {
        let opened = fault::check_read(path, 0..0).and_then(|()| File::open(path));
        let file = opened.map_err(|e| StoreError::disk("open", path, e))?;
        let length = file.metadata().map_err(|e| StoreError::disk("look at", path, e))?.len();
        if length != entry.file_bytes {
            let what = format!("it has {length} bytes instead of {}", entry.file_bytes);
            return Err(StoreError::corrupt(path, what));
        }
        Ok(OpenFile { file: Arc::new(file), path: Arc::clone(path) })
    }

    /// Fills `out` with what stands at `offset`.
    fn fill(&self, out: &mut [u8], offset: u64) -> Result<(), DamagedBlock> {
        let length = out.len() as u64;
        BYTES_READ.set(BYTES_READ.get() + length);
        let read = fault::check_read(&self.path, offset..offset.saturating_add(length))
            .and_then(|()| self.file.read_exact_at(out, offset));
        read.map_err(|e| DamagedBlock { offset, length, unreadable: Some(Arc::new(e)) })
    }

    /// A part of the file that is kept, such as its index. Checked by the caller.
    pub(crate) fn part(&self, offset: u64, length: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.fill(&mut bytes, offset).map_err(|block| block.into_error(&self.path))?;
        Ok(bytes)
    }
}

/// The files that are open, at most so many: those used longest ago are closed.
#[derive(Default)]
pub(crate) struct Descriptors(Mutex<Opened>);

#[derive(Default)]
struct Opened {
    files: FastMap<u64, (OpenFile, u64)>,
    uses: u64,
}

impl Descriptors {
    /// The file of an entry, opened where it is not.
    pub(crate) fn get(&self, path: &Arc<Path>, entry: &FileEntry) -> Result<OpenFile, StoreError> {
        let mut opened = lock(&self.0);
        opened.uses += 1;
        let uses = opened.uses;
        if let Some((file, used)) = opened.files.get_mut(&entry.number) {
            *used = uses;
            return Ok(file.clone());
        }
        let file = OpenFile::open(path, entry)?;
        if opened.files.len() >= MAX_DESCRIPTORS
            && let Some(oldest) = opened.files.iter().min_by_key(|(_, (_, used))| *used).map(|(n, _)| *n)
        {
            opened.files.remove(&oldest);
        }
        opened.files.insert(entry.number, (file.clone(), uses));
        Ok(file)
    }

    /// Closes the files whose number is not wanted any more.
    pub(crate) fn retain(&self, wanted: impl Fn(u64) -> bool) {
        lock(&self.0).files.retain(|number, _| wanted(*number));
    }
}

/// The checksums of the blocks in front of the index, and which of them were seen to fit.
pub(crate) struct Blocks {
    checksums: Vec<u32>,
    verified: Vec<AtomicU64>,
    /// Where the last block ends and the index begins.
    end: u64,
}

impl Blocks {
    pub(crate) fn new(checksums: Vec<u32>, end: u64) -> Blocks {
        let verified = (0..checksums.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Blocks { checksums, verified, end }
    }

    fn is_verified(&self, number: u64) -> bool {
        let seen = usize::try_from(number / 64).ok().and_then(|word| self.verified.get(word));
        // A file without checksums, whose index is lost, is read as it is.
        seen.is_none_or(|seen| seen.load(Ordering::Relaxed) >> (number % 64) & 1 == 1)
    }

    /// Compares a block with its checksum.
    fn check(&self, number: u64, block: &[u8]) -> Result<(), DamagedBlock> {
        let Some(expect) = usize::try_from(number).ok().and_then(|n| self.checksums.get(n)) else {
            return Ok(());
        };
        if crc32c::crc32c(block) != *expect {
            let (offset, length) = (number * BLOCK, block.len() as u64);
            return Err(DamagedBlock { offset, length, unreadable: None });
        }
        if let Some(seen) = self.verified.get((number / 64) as usize) {
            seen.fetch_or(1 << (number % 64), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The rows of an open file, as the Parquet library gets them.
pub(crate) struct RowBytes {
    pub(crate) file: OpenFile,
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) length: u64,
}

impl RowBytes {
    /// What stands at a place; whole blocks are read where one of them was not seen to fit yet.
    fn get(&self, start: u64, length: u64) -> Result<Bytes, DamagedBlock> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let end = start + length;
        let (first, last) = (start / BLOCK, (end - 1) / BLOCK);
        if (first..=last).all(|block| self.blocks.is_verified(block)) {
            return self.read(start, end);
        }
        let from = first * BLOCK;
        // The last block ends where the index begins.
        let bytes = self.read(from, (last * BLOCK + BLOCK).min(self.blocks.end).max(end))?;
        for (number, block) in (first..=last).zip(bytes.chunks(CHECKSUM_BLOCK_BYTES)) {
            self.blocks.check(number, block)?;
        }
        Ok(bytes.slice((start - from) as usize..(end - from) as usize))
    }

    fn read(&self, start: u64, end: u64) -> Result<Bytes, DamagedBlock> {
        let mut buffer = Buffer::of((end - start) as usize);
        self.file.fill(buffer.as_mut(), start)?;
        Ok(Bytes::from_owner(buffer))
    }

    /// Reads every block anew, whatever was seen before; the damaged ones.
    pub(crate) fn verify(&self) -> Vec<DamagedBlock> {
        let mut found = Vec::new();
        for number in 0..self.blocks.checksums.len() as u64 {
            let start = number * BLOCK;
            let block = self.read(start, (start + BLOCK).min(self.blocks.end).max(start));
            found.extend(block.and_then(|block| self.blocks.check(number, &block)).err());
        }
        found
    }
}

impl Length for RowBytes {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for RowBytes {
    type T = RowRead;

    fn get_read(&self, start: u64) -> Result<RowRead, ParquetError> {
        let of = RowBytes { file: self.file.clone(), blocks: Arc::clone(&self.blocks), length: self.length };
        Ok(RowRead { of, at: start, block: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.blocks.end) {
            let what = format!("{length} bytes at offset {start} lie outside of the rows");
            return Err(ParquetError::EOF(what));
        }
        self.get(start, length as u64).map_err(|block| ParquetError::External(Box::new(block)))
    }
}

/// The same bytes one after the other, for the headers of pages of which no location is known.
pub(crate) struct RowRead {
    of: RowBytes,
    at: u64,
    block: Bytes,
}

impl Read for RowRead {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.block.is_empty() {
            let end = (self.at / BLOCK * BLOCK + BLOCK).min(self.of.blocks.end);
            let length = end.saturating_sub(self.at);
            self.block = self.of.get(self.at, length).map_err(std::io::Error::other)?;
            self.at += length;
        }
        let taken = self.block.split_to(self.block.len().min(out.len()));
        if let Some(to) = out.get_mut(..taken.len()) {
            to.copy_from_slice(&taken);
        }
        Ok(taken.len())
    }
}

/// Bytes in memory at the place where they stand in the file: the footer.
pub(crate) struct Tail {
    pub(crate) bytes: Bytes,
    pub(crate) offset: u64,
}

impl Length for Tail {
    fn len(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl ChunkReader for Tail {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let length = self.len().saturating_sub(start) as usize;
        Ok(bytes::Buf::reader(self.get_bytes(start, length)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let from = start.checked_sub(self.offset).and_then(|from| usize::try_from(from).ok());
        let range = from.and_then(|from| Some(from..from.checked_add(length)?));
        match range.filter(|range| range.end <= self.bytes.len()) {
            Some(range) => Ok(self.bytes.slice(range)),
            None => {
                let what = format!("{length} bytes at offset {start} lie outside of the footer");
                Err(ParquetError::EOF(what))
            }
        }
    }
}

thread_local! {
    static BYTES_READ: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that this thread has read from data files, ever: indexes and rows, as they lie on disk.
pub(crate) fn bytes_read_by_thread() -> u64 {
    BYTES_READ.get()
}

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer that goes back to its thread after its use, so that a page costs no new memory.
struct Buffer {
    /// All of it was written once: what is longer than `used` is not filled with zeros again.
    bytes: Vec<u8>,
    used: usize,
}

impl Buffer {
    fn of(used: usize) -> Buffer {
        let mut bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if bytes.len() < used {
            bytes.resize(used, 0);
        }
        Buffer { bytes, used }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.used).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() > MAX_SPARE_BYTES {
            return;
        }
        let kept = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < SPARE_BUFFERS
            {
                spare.push(bytes);
            }
        });
        // The thread ends: its buffers go with it.
        kept.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dir: &Path, number: u64, bytes: &[u8]) -> (Arc<Path>, FileEntry) {
        let entry = FileEntry { number, file_bytes: bytes.len() as u64, ..FileEntry::empty(number, 0) };
        let path: Arc<Path> = dir.join(number.to_string()).into();
        std::fs::write(&path, bytes).unwrap();
        (path, entry)
    }

    #[test]
    fn few_files_are_open_at_the_same_time() {
        let dir = tempfile::tempdir().unwrap();
        let open = Descriptors::default();
        for number in 0..MAX_DESCRIPTORS as u64 + 5 {
            let (path, entry) = written(dir.path(), number, b"rows");
            open.get(&path, &entry).unwrap();
        }
        assert_eq!(lock(&open.0).files.len(), MAX_DESCRIPTORS);
        open.retain(|number| number == 7);
        assert_eq!(lock(&open.0).files.keys().collect::<Vec<_>>(), [&7]);
    }

    #[test]
    fn a_file_that_shrinks_under_a_reader_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..CHECKSUM_BLOCK_BYTES * 2 + 9).map(|i| i as u8).collect();
        let (path, entry) = written(dir.path(), 1, &bytes);
        let sums = bytes.chunks(CHECKSUM_BLOCK_BYTES).map(crc32c::crc32c).collect();
        let rows = RowBytes {
            file: OpenFile::open(&path, &entry).unwrap(),
            blocks: Arc::new(Blocks::new(sums, bytes.len() as u64)),
            length: bytes.len() as u64,
        };
        assert_eq!(rows.get_bytes(5, 70_000).unwrap(), bytes[5..70_005]);
        let mut all = Vec::new();
        rows.get_read(3).unwrap().read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes[3..]);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        let error = rows.get_bytes(5, 70_000).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
        assert_eq!(rows.get_bytes(5, 50).unwrap(), bytes[5..55]);
        assert_eq!(rows.verify().len(), 3);
    }
}
