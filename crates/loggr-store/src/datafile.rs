//! Reading a data file: mapped, and believed only after its checksums were seen to fit.
//!
//! The narrow door to the columns is [`DataFile::read`]. Invariant: no byte of a file reaches a
//! decoder before the checksum over it was compared.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow_array::{RecordBatch, new_null_array};
use bytes::Bytes;
use memmap2::Mmap;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection, RowSelector,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::{ChunkReader, Length};

use crate::checksum::CHECKSUM_BLOCK_BYTES;
use crate::error::DamagedBlock;
use crate::hash::{FastMap, FastSet};
use crate::index::RowGroupIndex;
use crate::index::bytes::Cursor;
use crate::manifest::{FileEntry, Manifest};
use crate::pages::GroupPages;
use crate::schema::{FieldColumn, FieldColumns, FieldKind};
use crate::selection::Selection;
use crate::writer::{INDEX_MAGIC, INDEX_VERSION};
use crate::{ErrorKind, StoreError};

/// The data files that were opened, by number.
pub(crate) struct OpenFiles {
    dir: PathBuf,
    files: Mutex<FastMap<u64, Arc<DataFile>>>,
}

impl OpenFiles {
    pub(crate) fn new(dir: &Path) -> OpenFiles {
        OpenFiles { dir: dir.to_owned(), files: Mutex::new(FastMap::default()) }
    }

    pub(crate) fn get(&self, entry: &FileEntry) -> Result<Arc<DataFile>, StoreError> {
        let mut files = lock(&self.files);
        if let Some(file) = files.get(&entry.number)
            && file.entry == *entry
        {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(DataFile::open(&self.dir, entry)?);
        files.insert(entry.number, Arc::clone(&file));
        Ok(file)
    }

    /// Closes what a manifest does not name any more.
    pub(crate) fn retain(&self, manifest: &Manifest) {
        let named: FastSet<u64> = manifest.files.iter().map(|f| f.number).collect();
        lock(&self.files).retain(|number, _| named.contains(number));
    }
}

/// Takes a lock whose holder may have panicked: what it guards is whole at every moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One data file, opened.
pub(crate) struct DataFile {
    pub(crate) entry: FileEntry,
    pub(crate) path: PathBuf,
    bytes: Bytes,
    head: OnceLock<Option<Arc<Head>>>,
    metadata: OnceLock<ArrowReaderMetadata>,
}

/// What the index says about the whole file.
pub(crate) struct Head {
    blocks: Vec<u32>,
    verified: Vec<AtomicU64>,
    rows_end: usize,
    pub(crate) columns: FieldColumns,
    groups: Vec<(usize, usize)>,
}

impl DataFile {
    /// Maps the file; looks at nothing but its length.
    pub(crate) fn open(dir: &Path, entry: &FileEntry) -> Result<DataFile, StoreError> {
        let path = dir.join(entry.relative());
        let file = File::open(&path).map_err(|e| StoreError::io("open", &path, e))?;
        let length = file.metadata().map_err(|e| StoreError::io("look at", &path, e))?.len();
        if length != entry.file_bytes {
            let what = format!("it has {length} bytes instead of {}", entry.file_bytes);
            return Err(StoreError::corrupt(&path, what));
        }
        // SAFETY: a data file is never written again once it has its name in a manifest, and
        // is removed, not truncated; the mapping outlives the name.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| StoreError::io("map", &path, e))?;
        Ok(DataFile {
            entry: entry.clone(),
            path,
            bytes: Bytes::from_owner(map),
            head: OnceLock::new(),
            metadata: OnceLock::new(),
        })
    }

    fn slice(&self, offset: u64, length: u64) -> &[u8] {
        let end = offset.saturating_add(length);
        self.bytes.get(offset as usize..end as usize).unwrap_or_default()
    }

    fn index_bytes(&self) -> &[u8] {
        self.slice(self.entry.index_offset, self.entry.index_bytes)
    }

    /// The part of the index that speaks of the whole file; checked at the first call.
    pub(crate) fn head(&self) -> Result<&Arc<Head>, StoreError> {
        let head = self.head.get_or_init(|| {
            let bytes = self.index_bytes();
            if crc32c::crc32c(bytes) != self.entry.index_checksum {
                return None;
            }
            Head::read(bytes, self.entry.index_offset as usize).map(Arc::new)
        });
        head.as_ref().ok_or_else(|| {
            let what =
                format!("the checksum of its index at offset {} does not fit", self.entry.index_offset);
            StoreError::corrupt(&self.path, what)
        })
    }

    /// The index of one row group.
    pub(crate) fn index(&self, group: usize) -> Result<RowGroupIndex<'_>, StoreError> {
        let (start, end) = self.head()?.groups.get(group).copied().unwrap_or_default();
        let index = self.index_bytes().get(start..end).and_then(RowGroupIndex::new);
        index.ok_or_else(|| StoreError::corrupt(&self.path, format!("row group {group} has no index")))
    }

    fn tail_offset(&self) -> u64 {
        self.entry.index_offset + self.entry.index_bytes
    }

    fn metadata(&self) -> Result<&ArrowReaderMetadata, StoreError> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        let metadata = self.load_metadata(self.verified()?)?;
        Ok(self.metadata.get_or_init(|| metadata))
    }

    fn load_metadata(&self, bytes: VerifiedBytes) -> Result<ArrowReaderMetadata, StoreError> {
        let tail = self.slice(self.tail_offset(), self.entry.file_bytes.saturating_sub(self.tail_offset()));
        if crc32c::crc32c(tail) != self.entry.tail_checksum {
            let what = format!("the checksum of its footer at offset {} does not fit", self.tail_offset());
            return Err(StoreError::corrupt(&self.path, what));
        }
        let options = ArrowReaderOptions::new()
            .with_offset_index_policy(PageIndexPolicy::Required)
            .with_column_index_policy(PageIndexPolicy::Skip);
        ArrowReaderMetadata::load(&bytes, options)
            .map_err(|e| StoreError::parquet("read the footer of", &self.path, e))
    }

    fn verified(&self) -> Result<VerifiedBytes, StoreError> {
        Ok(VerifiedBytes { bytes: self.bytes.clone(), head: Arc::clone(self.head()?) })
    }

    /// Some columns (ascending positions in the file's schema) of some rows of one row group, as
    /// one batch in this order.
    pub(crate) fn read(
        &self,
        group: usize,
        columns: &[usize],
        rows: &Selection,
    ) -> Result<RecordBatch, StoreError> {
        let metadata = self.metadata()?;
        let total =
            self.rows_of(group).ok_or_else(|| StoreError::corrupt(&self.path, "a row group is missing"))?;
        let failed = |e| StoreError::parquet("read", &self.path, e);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
        let fields = Some(metadata.schema().fields());
        let levels =
            parquet_to_arrow_field_levels(metadata.parquet_schema(), mask, fields).map_err(failed)?;
        let mut selection = None;
        if rows.ranges() != [(0, total)] {
            let mut selectors = Vec::with_capacity(rows.ranges().len() * 2);
            let mut at = 0;
            for (start, end) in rows.ranges() {
                if *start > at {
                    selectors.push(RowSelector::skip((start - at) as usize));
                }
                selectors.push(RowSelector::select((end - start) as usize));
                at = *end;
            }
            selection = Some(RowSelection::from(selectors));
        }
        let pages = GroupPages {
            reader: Arc::new(self.verified()?),
            metadata: Arc::clone(metadata.metadata()),
            group,
        };
        let wanted = rows.len().max(1);
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &pages, wanted, selection)
            .map_err(failed)?;
        let schema = arrow_array::RecordBatchReader::schema(&reader);
        let mut batches = Vec::with_capacity(1);
        for batch in reader {
            batches.push(batch.map_err(|e| self.arrow_error(e))?);
        }
        let batch = match batches.pop() {
            Some(only) if batches.is_empty() => only,
            Some(last) => {
                batches.push(last);
                arrow_select::concat::concat_batches(&schema, &batches).map_err(|e| self.arrow_error(e))?
            }
            None => RecordBatch::new_empty(schema),
        };
        if batch.num_rows() != rows.len() {
            let what = format!("row group {group} gave {} rows instead of {}", batch.num_rows(), rows.len());
            return Err(StoreError::corrupt(&self.path, what));
        }
        Ok(batch)
    }

    /// All columns of some rows.
    pub(crate) fn read_all(&self, group: usize, rows: &Selection) -> Result<RecordBatch, StoreError> {
        self.read_without(group, rows, None)
    }

    /// All columns but one. Those that hold nothing but nulls are not read.
    pub(crate) fn read_without(
        &self,
        group: usize,
        rows: &Selection,
        left_out: Option<usize>,
    ) -> Result<RecordBatch, StoreError> {
        let schema = self.head()?.columns.arrow();
        let index = self.index(group).ok();
        let wanted: Vec<usize> = (0..schema.fields().len()).filter(|c| Some(*c) != left_out).collect();
        let has_values = |c: &usize| index.as_ref().is_none_or(|index| index.has_values(*c));
        let read: Vec<usize> = wanted.iter().copied().filter(has_values).collect();
        let batch = self.read(group, &read, rows)?;
        let mut found = read.iter().zip(batch.columns()).peekable();
        let arrays = wanted
            .iter()
            .map(|c| match found.next_if(|(position, _)| *position == c) {
                Some((_, array)) => Arc::clone(array),
                None => new_null_array(schema.field(*c).data_type(), rows.len()),
            })
            .collect();
        let schema = schema.project(&wanted).map_err(|e| self.arrow_error(e))?;
        RecordBatch::try_new(Arc::new(schema), arrays).map_err(|e| self.arrow_error(e))
    }

    /// The Arrow reader wraps the errors of what it reads from.
    fn arrow_error(&self, e: arrow_schema::ArrowError) -> StoreError {
        let mut inner: Option<&(dyn std::error::Error + 'static)> = Some(&e);
        while let Some(error) = inner {
            if let Some(block) = error.downcast_ref::<DamagedBlock>() {
                return StoreError::corrupt(&self.path, block);
            }
            if let Some(ParquetError::External(boxed)) = error.downcast_ref::<ParquetError>()
                && let Some(block) = boxed.downcast_ref::<DamagedBlock>()
            {
                return StoreError::corrupt(&self.path, block);
            }
            inner = error.source();
        }
        StoreError::with(ErrorKind::Corrupt, format!("cannot read `{}`", self.path.display()), e)
    }

    /// Compares every checksum; the errors of the parts that are damaged.
    pub(crate) fn verify(&self) -> Vec<StoreError> {
        let mut found = Vec::new();
        match self.verified() {
            Ok(bytes) => {
                for i in 0..bytes.head.blocks.len() {
                    if let Err(block) = bytes.check_block(i) {
                        found.push(StoreError::corrupt(&self.path, block));
                    }
                }
            }
            Err(e) => found.push(e),
        }
        if let Err(e) = self.metadata() {
            found.push(e);
        }
        found
    }

    /// Number of row groups: of the index, or of the footer for a file read without it.
    pub(crate) fn groups(&self) -> usize {
        self.entry.groups as usize
    }

    /// Rows of a row group, from the footer.
    pub(crate) fn rows_of(&self, group: usize) -> Option<u32> {
        let metadata = self.metadata().ok()?.metadata();
        u32::try_from(metadata.row_groups().get(group)?.num_rows()).ok()
    }

    /// The same file without its index, whose checksum does not fit: its rows are then read unchecked.
    pub(crate) fn without_index(&self) -> Result<DataFile, StoreError> {
        let metadata = self.load_metadata(VerifiedBytes {
            bytes: self.bytes.clone(),
            head: Arc::new(Head::empty(FieldColumns::default(), self.entry.index_offset as usize)),
        })?;
        let columns = FieldColumns::of_schema(metadata.schema())
            .ok_or_else(|| StoreError::corrupt(&self.path, "its columns are not those of a data file"))?;
        let opened = DataFile {
            entry: self.entry.clone(),
            path: self.path.clone(),
            bytes: self.bytes.clone(),
            head: OnceLock::new(),
            metadata: OnceLock::new(),
        };
        opened.head.get_or_init(|| Some(Arc::new(Head::empty(columns, self.entry.index_offset as usize))));
        Ok(opened)
    }
}

impl Head {
    /// Of a file whose index cannot be read: no block has a checksum.
    fn empty(columns: FieldColumns, rows_end: usize) -> Head {
        Head { blocks: Vec::new(), verified: Vec::new(), rows_end, columns, groups: Vec::new() }
    }

    fn read(bytes: &[u8], rows_end: usize) -> Option<Head> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array()? != *INDEX_MAGIC || cursor.u32()? != INDEX_VERSION {
            return None;
        }
        let count = cursor.u32()?;
        let blocks: Vec<u32> = (0..count).map(|_| cursor.u32()).collect::<Option<_>>()?;
        let count = cursor.u32()?;
        let columns = (0..count)
            .map(|_| {
                Some(FieldColumn {
                    name: cursor.text()?.to_owned(),
                    kind: FieldKind::from_code(cursor.u8()?)?,
                    many: cursor.u8()? != 0,
                })
            })
            .collect::<Option<_>>()?;
        let count = cursor.u32()? as usize;
        let ends: Vec<usize> =
            (0..=count).map(|_| cursor.u64().map(|o| o as usize)).collect::<Option<_>>()?;
        let groups = ends.windows(2).map(|w| (w[0], w[1])).collect();
        let verified = (0..blocks.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Some(Head { blocks, verified, rows_end, columns: FieldColumns { columns }, groups })
    }
}

/// The bytes of a file as the Parquet library gets them: each block is checked before its first use.
struct VerifiedBytes {
    bytes: Bytes,
    head: Arc<Head>,
}

impl VerifiedBytes {
    fn check_block(&self, number: usize) -> Result<(), DamagedBlock> {
        let Some(expect) = self.head.blocks.get(number) else { return Ok(()) };
        let (word, bit) = (number / 64, 1u64 << (number % 64));
        let Some(seen) = self.head.verified.get(word) else { return Ok(()) };
        if seen.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = number * CHECKSUM_BLOCK_BYTES;
        // The last block ends where the index begins.
        let end = (start + CHECKSUM_BLOCK_BYTES).min(self.head.rows_end);
        let block = self.bytes.get(start..end).unwrap_or_default();
        if crc32c::crc32c(block) != *expect {
            return Err(DamagedBlock { offset: start as u64, length: block.len() as u64 });
        }
        seen.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }

    fn check(&self, start: usize, length: usize) -> Result<(), ParquetError> {
        if length == 0 || start >= self.head.rows_end {
            // Index and footer have checksums of their own, compared before.
            return Ok(());
        }
        for block in start / CHECKSUM_BLOCK_BYTES..=(start + length - 1) / CHECKSUM_BLOCK_BYTES {
            self.check_block(block).map_err(|e| ParquetError::External(Box::new(e)))?;
        }
        Ok(())
    }
}

impl Length for VerifiedBytes {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl ChunkReader for VerifiedBytes {
    type T = VerifiedRead;

    fn get_read(&self, start: u64) -> Result<VerifiedRead, ParquetError> {
        let bytes = VerifiedBytes { bytes: self.bytes.clone(), head: Arc::clone(&self.head) };
        Ok(VerifiedRead { bytes, at: start as usize })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let start = start as usize;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at offset {start} lie outside of the file"
            )));
        };
        self.check(start, length)?;
        Ok(self.bytes.slice(start..end))
    }
}

/// A reader over the same bytes, for the headers of pages.
struct VerifiedRead {
    bytes: VerifiedBytes,
    at: usize,
}

impl Read for VerifiedRead {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let rest = self.bytes.bytes.get(self.at..).unwrap_or_default();
        let length = rest.len().min(out.len());
        self.bytes.check(self.at, length).map_err(std::io::Error::other)?;
        if let (Some(to), Some(from)) = (out.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.at += length;
        Ok(length)
    }
}
