//! Writing a data file: plain Parquet, with the index between the rows and the footer.
//!
//! | bytes | what |
//! |---|---|
//! | … | `PAR1` and the row groups: blocks of 64 KiB, each with a checksum in the index |
//! | … | the index: one checksum in the manifest |
//! | … | Parquet's page locations and footer: one checksum in the manifest |
//!
//! The index, in front of the row groups' own indexes (see `index`):
//!
//! | bytes | what |
//! |---|---|
//! | 4, 4 | `LGRX`, version 2 |
//! | 4 | version of the rule of shapes |
//! | 4, 4 each | number of blocks before the index, CRC-32C of each |
//! | 4, … | number of custom fields with columns; of each: name with its length, kind (1), many distinct values (1) |
//! | 4, 8 each | number of row groups; where the index of each begins and, one more, ends |
//!
//! Not here: which rows belong together. Invariant: a file that `finish` returned is durable,
//! its name included, but belongs to nobody until a manifest names it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use loggr_disk::sync_directory;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;

use super::checksum::ChecksumWriter;
use super::fault::{self, Op};
use super::index;
use super::index::bytes::{put_text, put_u32, put_u64};
use super::manifest::{FileEntry, file_name};
use super::rows::Uids;
use super::schema::{Census, FieldColumns};
use super::shapes;
use crate::{ErrorKind, StoreError, partition};

/// Rows of a full row group.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// Bytes of text beyond which a row group is cut short: it is built in memory.
pub const ROW_GROUP_TEXT_BYTES: usize = 48 << 20;
pub(crate) const INDEX_MAGIC: &[u8; 4] = b"LGRX";
pub(crate) const INDEX_VERSION: u32 = 2;
/// The version of files without shapes, which are still read.
pub(crate) const INDEX_WITHOUT_SHAPES: u32 = 1;
/// Key of the footer under which the file describes itself, for a lost manifest.
pub(crate) const SELF_KEY: &str = "loggr.file";

/// What the footer says of the file itself.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct SelfDescription {
    pub(crate) entry: FileEntry,
    /// Numbers of the files whose rows this one took over.
    pub(crate) replaces: Vec<u64>,
}

/// A data file that is being written. Dropped before `finish`, it is removed.
pub(crate) struct DataWriter {
    path: PathBuf,
    directory: PathBuf,
    columns: FieldColumns,
    writer: Option<ArrowWriter<ChecksumWriter>>,
    groups: Vec<Vec<u8>>,
    entry: FileEntry,
    finished: bool,
}

impl DataWriter {
    /// Creates file `number` of a day. The store's directory must exist, that of the day need not.
    pub(crate) fn create(
        dir: &Path,
        day: i64,
        number: u64,
        columns: FieldColumns,
        compression: i32,
    ) -> Result<DataWriter, StoreError> {
        let directory = dir.join(partition::directory(day));
        match std::fs::create_dir(&directory) {
            Ok(()) => sync_directory(dir).map_err(|e| StoreError::io("sync", dir, e))?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(StoreError::io("create", &directory, e)),
        }
        let path = directory.join(file_name(number));
        fault::check(Op::DataCreate).map_err(|e| StoreError::io("create", &path, e))?;
        let file = File::create(&path).map_err(|e| StoreError::io("create", &path, e))?;
        let failed = |e| write_error(&path, e);
        let properties = columns.properties(compression).map_err(failed)?;
        let writer = ArrowWriter::try_new(ChecksumWriter::new(file), columns.stored(), Some(properties));
        let entry = FileEntry::empty(number, day);
        Ok(DataWriter {
            writer: Some(writer.map_err(failed)?),
            path,
            directory,
            columns,
            groups: Vec::new(),
            entry,
            finished: false,
        })
    }

    /// Writes one row group, its rows in the order of the batch. Shapes that it has not got are made.
    pub(crate) fn write_group(&mut self, batch: &RecordBatch, looks: &Census) -> Result<(), StoreError> {
        let batch = &shapes::attached(batch, &self.columns, None)?;
        let mut group = Vec::new();
        index::write(&mut group, batch, &self.columns, looks)?;
        for uid in Uids::of(batch)?.iter() {
            self.entry.min_uid = self.entry.min_uid.min(*uid.as_bytes());
            self.entry.max_uid = self.entry.max_uid.max(*uid.as_bytes());
        }
        if let Some(head) = index::RowGroupIndex::new(&group) {
            self.entry.min_time = self.entry.min_time.min(head.min_time);
            self.entry.max_time = self.entry.max_time.max(head.max_time);
            self.entry.text_bytes += head.text_bytes;
        }
        self.entry.rows += batch.num_rows() as u32;
        self.entry.groups += 1;
        self.groups.push(group);
        let Some(writer) = &mut self.writer else { return Ok(()) };
        fault::check(Op::DataWrite).map_err(|e| StoreError::io("write", &self.path, e))?;
        let written = writer.write(batch).and_then(|()| writer.flush());
        written.map_err(|e| write_error(&self.path, e))
    }

    /// Writes index and footer and makes the file durable.
    pub(crate) fn finish(mut self, level: u32, replaces: &[u64]) -> Result<FileEntry, StoreError> {
        let path = self.path.clone();
        let io = |what: &'static str| {
            let path = path.clone();
            move |e| StoreError::io(what, &path, e)
        };
        let Some(mut writer) = self.writer.take() else {
            return Err(StoreError::new(ErrorKind::Permanent, "BUG: a data file was finished twice"));
        };
        writer.sync().map_err(io("write"))?;
        let (blocks, _) = writer.inner_mut().end_region();
        let index = self.encode_index(&blocks);
        self.entry.index_offset = writer.inner().written();
        self.entry.index_bytes = index.len() as u64;
        self.entry.level = level;
        writer.write_all(&index).and_then(|()| writer.sync()).map_err(io("write"))?;
        self.entry.index_checksum = writer.inner_mut().end_region().1;
        let description = SelfDescription { entry: self.entry.clone(), replaces: replaces.to_vec() };
        let description = serde_json::to_string(&description).expect("BUG: numbers always have a JSON form");
        writer.append_key_value_metadata(KeyValue::new(SELF_KEY.to_owned(), description));
        let mut output = writer.into_inner().map_err(|e| write_error(&self.path, e))?;
        self.entry.tail_checksum = output.end_region().1;
        self.entry.file_bytes = output.written();
        fault::check(Op::DataSync).and_then(|()| loggr_disk::sync(output.file())).map_err(io("sync"))?; // DURABLE
        fault::check(Op::DirectorySync)
            .and_then(|()| sync_directory(&self.directory)) // DURABLE
            .map_err(|e| StoreError::io("sync", &self.directory, e))?;
        self.finished = true;
        Ok(self.entry.clone())
    }

    fn encode_index(&self, blocks: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(INDEX_MAGIC);
        put_u32(&mut out, INDEX_VERSION);
        put_u32(&mut out, crate::shape::VERSION);
        put_u32(&mut out, blocks.len() as u32);
        blocks.iter().for_each(|crc| put_u32(&mut out, *crc));
        put_u32(&mut out, self.columns.columns.len() as u32);
        for column in &self.columns.columns {
            put_text(&mut out, column.name.as_bytes());
            out.push(column.kind as u8);
            out.push(u8::from(column.many));
        }
        put_u32(&mut out, self.groups.len() as u32);
        let mut at = (out.len() + (self.groups.len() + 1) * 8) as u64;
        for group in &self.groups {
            put_u64(&mut out, at);
            at += group.len() as u64;
        }
        put_u64(&mut out, at);
        self.groups.iter().for_each(|group| out.extend_from_slice(group));
        out
    }
}

impl Drop for DataWriter {
    fn drop(&mut self) {
        if !self.finished {
            // No manifest names the file; if it cannot be removed now, the next start removes it.
            std::fs::remove_file(&self.path).ok();
        }
    }
}

/// A failed write: the disk's word where there is one.
fn write_error(path: &Path, e: parquet::errors::ParquetError) -> StoreError {
    StoreError::with(ErrorKind::Transient, format!("cannot write `{}`", path.display()), Arc::new(e))
}
