//! Reads a data file; its content is used only after its checksums were found right.
//!
//! The narrow door to the columns is [`DataFile::read`]; how bytes come from the disk is `blocks`'s.
//! Invariant: no byte of a file reaches a decoder before the checksum over it was compared.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection, RowSelector,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;

use super::blocks::{Blocks, Descriptors, OpenFile, RowBytes, Tail};
use super::data_writer::{INDEX_MAGIC, INDEX_VERSION, INDEX_WITHOUT_SHAPES};
use super::index::RowGroupIndex;
use super::index::bytes::Cursor;
use super::lock;
use super::manifest::{FileEntry, Manifest};
use super::pages::GroupPages;
use super::schema::{FieldColumn, FieldColumns};
use super::selection::Selection;
use crate::error::DamagedBlock;
use crate::hash::{FastMap, FastSet};
use crate::looks::FieldKind;
use crate::{ErrorKind, StoreError};

/// Bytes of the indexes of files that are kept in memory for the next question, those in use aside.
const MAX_INDEX_BYTES_KEPT: u64 = 128 << 20;

/// The data files that were looked at, by number.
pub(crate) struct OpenFiles {
    dir: PathBuf,
    kept: Mutex<Kept>,
    descriptors: Arc<Descriptors>,
}

#[derive(Default)]
struct Kept {
    /// With the number of its last use.
    files: FastMap<u64, (Arc<DataFile>, u64)>,
    index_bytes: u64,
    uses: u64,
}

impl Kept {
    fn forget(&mut self, number: u64) {
        if let Some((file, _)) = self.files.remove(&number) {
            self.index_bytes -= file.entry.index_bytes;
        }
    }
}

impl OpenFiles {
    pub(crate) fn new(dir: &Path) -> OpenFiles {
        OpenFiles { dir: dir.to_owned(), kept: Mutex::default(), descriptors: Arc::default() }
    }

    pub(crate) fn get(&self, entry: &FileEntry) -> Result<Arc<DataFile>, StoreError> {
        let mut kept = lock(&self.kept);
        kept.uses += 1;
        let uses = kept.uses;
        if let Some((file, used)) = kept.files.get_mut(&entry.number) {
            if file.entry.is_same_file(entry) {
                *used = uses;
                return Ok(Arc::clone(file));
            }
            // The directory is another one, such as a copy that was put back.
            kept.forget(entry.number);
            self.descriptors.retain(|number| number != entry.number);
        }
        let file = Arc::new(DataFile::new(&self.dir, entry, Arc::clone(&self.descriptors))?);
        kept.index_bytes += entry.index_bytes;
        kept.files.insert(entry.number, (Arc::clone(&file), uses));
        while kept.index_bytes > MAX_INDEX_BYTES_KEPT && kept.files.len() > 1 {
            let oldest = kept.files.iter().min_by_key(|(_, (_, used))| *used).map(|(number, _)| *number);
            oldest.into_iter().for_each(|number| kept.forget(number));
        }
        Ok(file)
    }

    /// Closes what a manifest does not name any more.
    pub(crate) fn retain(&self, manifest: &Manifest) {
        let named: FastSet<u64> = manifest.files.iter().map(|f| f.number).collect();
        let mut kept = lock(&self.kept);
        let gone: Vec<u64> = kept.files.keys().filter(|n| !named.contains(n)).copied().collect();
        gone.into_iter().for_each(|number| kept.forget(number));
        self.descriptors.retain(|number| named.contains(&number));
    }
}

/// One data file.
pub(crate) struct DataFile {
    pub(crate) entry: FileEntry,
    pub(crate) path: Arc<Path>,
    descriptors: Arc<Descriptors>,
    index: OnceLock<Index>,
    metadata: OnceLock<ArrowReaderMetadata>,
}

/// The index of a file, in memory.
struct Index {
    bytes: Vec<u8>,
    head: Head,
}

/// What the index says about the whole file.
pub(crate) struct Head {
    blocks: Arc<Blocks>,
    pub(crate) columns: FieldColumns,
    /// The rows have shapes by the rule of this program.
    pub(crate) has_shapes: bool,
    groups: Vec<(usize, usize)>,
}

impl DataFile {
    /// Opens the file by itself; looks at nothing but its length.
    pub(crate) fn open(dir: &Path, entry: &FileEntry) -> Result<DataFile, StoreError> {
        DataFile::new(dir, entry, Arc::default())
    }

    fn new(dir: &Path, entry: &FileEntry, descriptors: Arc<Descriptors>) -> Result<DataFile, StoreError> {
        let path: Arc<Path> = dir.join(entry.relative()).into();
        descriptors.get(&path, entry)?;
        let (index, metadata) = (OnceLock::new(), OnceLock::new());
        Ok(DataFile { entry: entry.clone(), path, descriptors, index, metadata })
    }

    fn file(&self) -> Result<OpenFile, StoreError> {
        self.descriptors.get(&self.path, &self.entry)
    }

    /// The index; read and checked at the first call.
    fn whole_index(&self) -> Result<&Index, StoreError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let FileEntry { index_offset: offset, index_bytes: length, .. } = self.entry;
        let damaged = || {
            StoreError::corrupt(
                &self.path,
                format!("the checksum of its index at offset {offset} does not fit"),
            )
        };
        if offset.checked_add(length).is_none_or(|end| end > self.entry.file_bytes) {
            return Err(damaged());
        }
        let bytes = self.file()?.part(offset, length)?;
        if crc32c::crc32c(&bytes) != self.entry.index_checksum {
            return Err(damaged());
        }
        let head = Head::read(&bytes, offset).ok_or_else(damaged)?;
        Ok(self.index.get_or_init(|| Index { bytes, head }))
    }

    /// The part of the index that speaks of the whole file.
    pub(crate) fn head(&self) -> Result<&Head, StoreError> {
        Ok(&self.whole_index()?.head)
    }

    /// The index of one row group.
    pub(crate) fn index(&self, group: usize) -> Result<RowGroupIndex<'_>, StoreError> {
        let index = self.whole_index()?;
        let (start, end) = index.head.groups.get(group).copied().unwrap_or_default();
        let index = index.bytes.get(start..end).and_then(RowGroupIndex::new);
        index.ok_or_else(|| StoreError::corrupt(&self.path, format!("row group {group} has no index")))
    }

    fn metadata(&self) -> Result<&ArrowReaderMetadata, StoreError> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        let metadata = self.load_metadata()?;
        Ok(self.metadata.get_or_init(|| metadata))
    }

    fn load_metadata(&self) -> Result<ArrowReaderMetadata, StoreError> {
        let offset = self.entry.index_offset.saturating_add(self.entry.index_bytes);
        let tail = self.file()?.part(offset, self.entry.file_bytes.saturating_sub(offset))?;
        if crc32c::crc32c(&tail) != self.entry.tail_checksum {
            let what = format!("the checksum of its footer at offset {offset} does not fit");
            return Err(StoreError::corrupt(&self.path, what));
        }
        let options = ArrowReaderOptions::new()
            .with_offset_index_policy(PageIndexPolicy::Required)
            .with_column_index_policy(PageIndexPolicy::Skip);
        ArrowReaderMetadata::load(&Tail { bytes: Bytes::from(tail), offset }, options)
            .map_err(|e| StoreError::parquet("read the footer of", &self.path, e))
    }

    fn rows(&self) -> Result<RowBytes, StoreError> {
        Ok(RowBytes {
            blocks: Arc::clone(&self.head()?.blocks),
            file: self.file()?,
            length: self.entry.file_bytes,
        })
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
        let pages =
            GroupPages { reader: Arc::new(self.rows()?), metadata: Arc::clone(metadata.metadata()), group };
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

    /// The shapes of some rows; `None` where the file has none.
    pub(crate) fn shapes(&self, group: usize, rows: &Selection) -> Result<Option<ArrayRef>, StoreError> {
        let head = self.head()?;
        if !head.has_shapes {
            return Ok(None);
        }
        let batch = self.read(group, &[head.columns.shape_position()], rows)?;
        Ok(Some(Arc::clone(batch.column(0))))
    }

    /// All columns of some rows, those of events.
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
                return block.clone().into_error(&self.path);
            }
            if let Some(ParquetError::External(boxed)) = error.downcast_ref::<ParquetError>()
                && let Some(block) = boxed.downcast_ref::<DamagedBlock>()
            {
                return block.clone().into_error(&self.path);
            }
            inner = error.source();
        }
        StoreError::with(ErrorKind::Corrupt, format!("cannot read `{}`", self.path.display()), e)
    }

    /// Reads all of it and compares every checksum; the errors of the parts that are damaged.
    pub(crate) fn verify(&self) -> Vec<StoreError> {
        let mut found = Vec::new();
        match self.rows() {
            Ok(rows) => found.extend(rows.verify().into_iter().map(|block| block.into_error(&self.path))),
            Err(e) => found.push(e),
        }
        if let Err(e) = self.load_metadata() {
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
        let metadata = self.load_metadata()?;
        let columns = FieldColumns::of_schema(metadata.schema())
            .ok_or_else(|| StoreError::corrupt(&self.path, "its columns are not those of a data file"))?;
        let opened = DataFile {
            entry: self.entry.clone(),
            path: Arc::clone(&self.path),
            descriptors: Arc::clone(&self.descriptors),
            index: OnceLock::new(),
            metadata: OnceLock::new(),
        };
        // No block has a checksum.
        let blocks = Arc::new(Blocks::new(Vec::new(), self.entry.index_offset));
        let head = Head { blocks, columns, has_shapes: false, groups: Vec::new() };
        opened.index.get_or_init(|| Index { bytes: Vec::new(), head });
        Ok(opened)
    }
}

impl Head {
    fn read(bytes: &[u8], rows_end: u64) -> Option<Head> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array()? != *INDEX_MAGIC {
            return None;
        }
        let has_shapes = match cursor.u32()? {
            INDEX_VERSION => cursor.u32()? == crate::shape::VERSION,
            INDEX_WITHOUT_SHAPES => false,
            _ => return None,
        };
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
        let groups = ends.iter().copied().zip(ends.iter().copied().skip(1)).collect();
        let blocks = Arc::new(Blocks::new(blocks, rows_end));
        Some(Head { blocks, columns: FieldColumns { columns }, has_shapes, groups })
    }
}
