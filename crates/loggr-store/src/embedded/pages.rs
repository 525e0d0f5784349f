//! The pages of one row group, decompressed by a context that each thread keeps.
//!
//! The Parquet library makes a compressor and a decompressor for every column it reads; where a
//! query fetches one row out of each of many row groups, making them is a third of all work. So
//! it is told that the columns are not compressed, and what it hands over is decompressed here.
//! Not here: which rows and columns (`datafile`). Invariant: only zstd or nothing at all.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// One row group of a file, as the Arrow reader takes it.
pub(crate) struct GroupPages<R> {
    pub(crate) reader: Arc<R>,
    pub(crate) metadata: Arc<ParquetMetaData>,
    pub(crate) group: usize,
}

impl<R> GroupPages<R> {
    fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.group)
    }
}

impl<R: ChunkReader + 'static> RowGroups for GroupPages<R> {
    fn num_rows(&self) -> usize {
        self.row_group().num_rows() as usize
    }

    fn column_chunks(&self, i: usize) -> Result<Box<dyn PageIterator>> {
        let (group, column) = (self.row_group(), self.row_group().column(i));
        let compressed = match column.compression() {
            Compression::ZSTD(_) => true,
            Compression::UNCOMPRESSED => false,
            other => return Err(ParquetError::NYI(format!("compression {other}"))),
        };
        let column = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let locations =
            self.metadata.page_index().and_then(|index| index.page_locations(self.group, i)).cloned();
        let pages =
            SerializedPageReader::new(self.reader.clone(), &column, group.num_rows() as usize, locations)?;
        Ok(Box::new(Chunk(Some(Pages { pages, compressed }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.row_group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The only chunk of a column in a row group.
struct Chunk<R: ChunkReader>(Option<Pages<R>>);

impl<R: ChunkReader + 'static> Iterator for Chunk<R> {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl<R: ChunkReader + 'static> PageIterator for Chunk<R> {}

/// The pages of a chunk.
struct Pages<R: ChunkReader> {
    pages: SerializedPageReader<R>,
    compressed: bool,
}

impl<R: ChunkReader> Pages<R> {
    fn plain(&self, page: Option<Page>) -> Result<Option<Page>> {
        match page {
            Some(page) if self.compressed => plain(page).map(Some),
            page => Ok(page),
        }
    }
}

impl<R: ChunkReader> Iterator for Pages<R> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: ChunkReader> PageReader for Pages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        self.plain(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let page = self.pages.take_deferred_dictionary()?;
        self.plain(page)
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// The page with its values decompressed.
fn plain(mut page: Page) -> Result<Page> {
    match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = decompress(buf, 0)?,
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
            if *is_compressed {
                // The levels stand in front, never compressed.
                *buf = decompress(buf, (*def_levels_byte_len + *rep_levels_byte_len) as usize)?;
            }
        }
    }
    Ok(page)
}

/// All of it, the first `plain` bytes taken as they are. The frame says how long the rest becomes.
fn decompress(bytes: &Bytes, plain: usize) -> Result<Bytes> {
    let short = || ParquetError::EOF("a page is shorter than its header says".to_owned());
    let (head, frame) = bytes.split_at_checked(plain).ok_or_else(short)?;
    if frame.is_empty() {
        return Ok(bytes.clone());
    }
    let length = get_frame_content_size(frame)
        .ok()
        .flatten()
        .ok_or_else(|| ParquetError::General("a page is no zstd frame of known length".to_owned()))?;
    let mut out = Vec::with_capacity(plain + length as usize);
    out.extend_from_slice(head);
    DECOMPRESSOR.with_borrow_mut(|kept| -> Result<()> {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new()?),
        };
        let mut at = std::io::Cursor::new(&mut out);
        at.set_position(plain as u64);
        decompressor.decompress_to_buffer(frame, &mut at)?;
        Ok(())
    })?;
    if out.len() != plain + length as usize {
        return Err(short());
    }
    Ok(Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], plain: usize, expect: std::result::Result<&[u8], &str>) {
        let found = decompress(&Bytes::copy_from_slice(bytes), plain).map_err(|e| e.to_string());
        assert_eq!(found.as_deref(), expect.map_err(str::to_owned).as_deref());
    }

    #[test]
    fn frames_become_what_they_were() {
        let frame = zstd::bulk::compress(b"values", 3).unwrap();
        check(&frame, 0, Ok(b"values"));
        check(&[b"lv", &frame[..]].concat(), 2, Ok(b"lvvalues"));
        check(&zstd::bulk::compress(b"", 3).unwrap(), 0, Ok(b""));
        check(b"", 0, Ok(b""));
        check(b"lv", 2, Ok(b"lv"));
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        check(b"lv", 3, Err("EOF: a page is shorter than its header says"));
        check(b"values", 0, Err("Parquet error: a page is no zstd frame of known length"));
        let frame = zstd::bulk::compress(&[7; 1000], 3).unwrap();
        let found = decompress(&Bytes::copy_from_slice(&frame[..frame.len() - 2]), 0);
        assert!(found.is_err());
    }
}
