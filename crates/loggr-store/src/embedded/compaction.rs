//! Merging the small files of a day into large ones.
//!
//! Rows are cut into row groups by time, and each is sorted by application and source, which
//! compresses best. Not here: data files that no manifest names (`orphans`). Memory holds one row group at a time, whatever the size of the files.
//! Invariant: a merge changes no answer; the files it read stay until the manifest with the new
//! one is durable.

use std::sync::Arc;

use arrow_array::{RecordBatch, TimestampMicrosecondArray};

use super::conform::conform;
use super::data_writer::{DataWriter, ROW_GROUP_ROWS, ROW_GROUP_TEXT_BYTES};
use super::datafile::DataFile;
use super::lock;
use super::manifest::{FileEntry, Manifest};
use super::rows::{TextColumn, column};
use super::schema::{Census, core};
use super::selection::Selection;
use super::shapes;
use super::shared::Shared;
use crate::hash::{FastMap, FastSet};
use crate::{ErrorKind, StoreError};

/// Rows of a file that is large enough.
pub const FULL_FILE_ROWS: u32 = 400_000;
/// Rows that a merge aims at.
pub const MERGED_FILE_ROWS: u32 = 500_000;
/// Bytes of text beyond which a file counts as large, whatever its rows.
pub const FULL_FILE_TEXT_BYTES: u64 = 1 << 30;
/// Rows below which a file is tiny.
const TINY_FILE_ROWS: u32 = 16_384;
/// Tiny files of one day that are merged before they make a full one.
const TINY_FILES: usize = 16;
/// Files of one day, tiny ones aside, that are merged before they make a full one.
const SMALL_FILES: usize = 40;
/// Files read by one merge.
const MAX_FILES_OF_MERGE: usize = 64;
/// In a day that is over, a file is merged with smaller ones that have this share of its rows together.
const SHARE_IN_OLD_DAY: u64 = 4;

/// Merges the small files of a store.
pub struct Compactor {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Compactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compactor").field("dir", &self.shared.dir).finish()
    }
}

impl Compactor {
    pub(crate) fn new(shared: Arc<Shared>) -> Compactor {
        Compactor { shared }
    }

    /// Waits for work until the store is dropped.
    pub(crate) fn run(&self) {
        loop {
            {
                let mut work = lock(&self.shared.work);
                while !work.pending && !work.stop {
                    work = self.shared.wake.wait(work).unwrap_or_else(std::sync::PoisonError::into_inner);
                }
                if work.stop {
                    return;
                }
                work.pending = false;
            }
            loop {
                match self.step_or_panic() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(e) => {
                        // The next append wakes this thread again.
                        lock(&self.shared.work).failed = Some(e);
                        break;
                    }
                }
                if lock(&self.shared.work).stop {
                    return;
                }
            }
        }
    }

    /// A panic is a failure like others: the thread goes on, and somebody hears of it.
    fn step_or_panic(&self) -> Result<bool, StoreError> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.step())).unwrap_or_else(|_| {
            Err(StoreError::new(ErrorKind::Transient, "BUG: merging files panicked; see the standard error"))
        })
    }

    /// Does one merge, if one is due; true where it did.
    ///
    /// # Errors
    /// The files are as they were. A damaged file is left alone from then on.
    pub fn step(&self) -> Result<bool, StoreError> {
        self.merge_one(false)
    }

    /// Does one merge wherever a day has two files that are not full; true where it did.
    pub fn step_forced(&self) -> Result<bool, StoreError> {
        self.merge_one(true)
    }

    fn merge_one(&self, forced: bool) -> Result<bool, StoreError> {
        let _turn = lock(&self.shared.merging);
        let manifest = self.shared.current()?;
        let skip: FastSet<u64> = lock(&self.shared.damaged).keys().copied().collect();
        let Some(chosen) = choose(&manifest, &skip, forced) else { return Ok(false) };
        match self.merge(&chosen) {
            Ok(entry) => match self.shared.commit(vec![entry], &chosen) {
                // Pruned or repaired meanwhile: the merge was for nothing, no harm done.
                Err(e) if e.kind() == ErrorKind::Permanent => Ok(true),
                done => done.map(|()| true),
            },
            Err(e) => {
                if e.kind() == ErrorKind::Corrupt || e.is_missing_file() {
                    self.find_damaged(&chosen);
                }
                Err(e)
            }
        }
    }

    /// Notes which of the files cannot be read, so that the next merge goes around them.
    fn find_damaged(&self, chosen: &[FileEntry]) {
        for entry in chosen {
            let wrong = match self.shared.files.get(entry) {
                Ok(file) => file.verify().into_iter().next(),
                Err(e) => Some(e),
            };
            if let Some(e) = wrong.filter(|e| e.kind() == ErrorKind::Corrupt || e.is_missing_file()) {
                self.shared.note(entry.number, &e);
            }
        }
    }

    fn merge(&self, chosen: &[FileEntry]) -> Result<FileEntry, StoreError> {
        let day = chosen.first().map_or(0, |f| f.day);
        let mut sources = Vec::new();
        let mut census = Census::default();
        for entry in chosen {
            let file = self.shared.files.get(entry)?;
            for group in 0..entry.groups as usize {
                let index = file.index(group)?;
                if let Some(more) = index.census() {
                    census.merge(&more);
                }
                let bytes_per_row = (index.text_bytes / u64::from(index.rows.max(1))) as usize;
                sources.push(Input { file: Arc::clone(&file), group, rows: index.rows, bytes_per_row });
            }
        }
        let columns = {
            let order = lock(&self.shared.order);
            census.choose_columns(|name| order.rank(name))
        };
        let mut order = row_order(&sources)?;
        let number = self.shared.next_file();
        let mut writer = DataWriter::create(
            &self.shared.dir,
            day,
            number,
            columns.clone(),
            self.shared.options.compression,
        )?;
        let mut rest = &mut order[..];
        while !rest.is_empty() {
            if lock(&self.shared.work).stop {
                return Err(StoreError::new(ErrorKind::Transient, "the store was closed during a merge"));
            }
            let (group, later) = rest.split_at_mut(group_length(rest, &sources));
            let parts = read_parts(group, &sources, &columns)?;
            writer.write_group(&merge_parts(&parts)?, &census)?;
            rest = later;
        }
        let numbers: Vec<u64> = chosen.iter().map(|f| f.number).collect();
        writer.finish(1, &numbers)
    }
}

/// One row group that a merge reads.
struct Input {
    file: Arc<DataFile>,
    group: usize,
    rows: u32,
    bytes_per_row: usize,
}

/// A row: its time, the number of its input, its number there.
type Row = (i64, u32, u32);

/// All rows by time.
fn row_order(sources: &[Input]) -> Result<Vec<Row>, StoreError> {
    let mut order: Vec<Row> = Vec::with_capacity(sources.iter().map(|s| s.rows as usize).sum());
    for (number, source) in sources.iter().enumerate() {
        let batch = source.file.read(source.group, &[core::TIME], &Selection::all(source.rows))?;
        let times = column::<TimestampMicrosecondArray>(&**batch.column(0))?.values();
        order.extend(times.iter().zip(0..).map(|(time, row)| (*time, number as u32, row)));
    }
    order.sort_unstable();
    Ok(order)
}

/// How many rows, from the first on, make the next row group.
fn group_length(rows: &[Row], sources: &[Input]) -> usize {
    let mut bytes = 0;
    for (i, (_, source, _)) in rows.iter().enumerate().take(ROW_GROUP_ROWS) {
        bytes += sources.get(*source as usize).map_or(0, |s| s.bytes_per_row);
        if bytes > ROW_GROUP_TEXT_BYTES {
            return i + 1;
        }
    }
    rows.len().min(ROW_GROUP_ROWS)
}

/// The rows out of every input that has some of them, with the columns of the merged file.
fn read_parts(
    rows: &mut [Row],
    sources: &[Input],
    columns: &super::schema::FieldColumns,
) -> Result<Vec<RecordBatch>, StoreError> {
    rows.sort_unstable_by_key(|(_, source, row)| (*source, *row));
    let mut parts = Vec::new();
    for run in rows.chunk_by(|a, b| a.1 == b.1) {
        let Some(source) = run.first().and_then(|r| sources.get(r.1 as usize)) else { continue };
        let wanted = Selection::from_rows(run.iter().map(|r| r.2));
        let batch = source.file.read_all(source.group, &wanted)?;
        let shapes = source.file.shapes(source.group, &wanted)?;
        let batch = conform(batch, &source.file.head()?.columns, columns)?;
        parts.push(shapes::attached(&batch, columns, shapes)?);
    }
    Ok(parts)
}

/// The rows of all parts as one batch, sorted by application, source and time.
fn merge_parts(parts: &[RecordBatch]) -> Result<RecordBatch, StoreError> {
    let mut keys: Vec<(u64, i64, u32, u32)> = Vec::new();
    let ranks = |position: usize| -> Result<FastMap<String, u32>, StoreError> {
        let mut texts: Vec<&str> = Vec::new();
        for part in parts {
            match TextColumn::new(&**part.column(position))? {
                TextColumn::Dictionary(_, values) => texts.extend(values.iter().flatten()),
                TextColumn::Plain(values) => texts.extend(values.iter().flatten()),
            }
        }
        texts.sort_unstable();
        texts.dedup();
        Ok(texts.into_iter().zip(0..).map(|(t, rank)| (t.to_owned(), rank)).collect())
    };
    let (apps, hosts) = (ranks(core::APP_NAME)?, ranks(core::SOURCE)?);
    for (number, part) in parts.iter().enumerate() {
        let app_ranks = row_ranks(part, core::APP_NAME, &apps)?;
        let host_ranks = row_ranks(part, core::SOURCE, &hosts)?;
        let times = column::<TimestampMicrosecondArray>(&**part.column(core::TIME))?.values();
        keys.extend(times.iter().zip(app_ranks).zip(host_ranks).zip(0..).map(
            |(((time, app), host), row)| (u64::from(app) << 32 | u64::from(host), *time, number as u32, row),
        ));
    }
    keys.sort_unstable();
    let places: Vec<(usize, usize)> = keys.iter().map(|k| (k.2 as usize, k.3 as usize)).collect();
    let parts: Vec<&RecordBatch> = parts.iter().collect();
    arrow_select::interleave::interleave_record_batch(&parts, &places)
        .map_err(|e| StoreError::with(ErrorKind::Permanent, "cannot put rows together", e))
}

/// The rank of the text of each row of a column.
fn row_ranks(
    part: &RecordBatch,
    position: usize,
    ranks: &FastMap<String, u32>,
) -> Result<Vec<u32>, StoreError> {
    let rank = |text: &str| ranks.get(text).copied().unwrap_or_default();
    Ok(match TextColumn::new(&**part.column(position))? {
        TextColumn::Dictionary(keys, values) => {
            let by_key: Vec<u32> = values.iter().map(|v| rank(v.unwrap_or_default())).collect();
            (0..part.num_rows())
                .map(|row| keys.key(row).and_then(|k| by_key.get(k)).copied().unwrap_or_default())
                .collect()
        }
        texts => (0..part.num_rows()).map(|row| rank(texts.get(row).unwrap_or_default())).collect(),
    })
}

fn is_full(file: &FileEntry) -> bool {
    file.rows >= FULL_FILE_ROWS || file.text_bytes >= FULL_FILE_TEXT_BYTES
}

/// The files of the next merge.
fn choose(manifest: &Manifest, skip: &FastSet<u64>, forced: bool) -> Option<Vec<FileEntry>> {
    let newest = manifest.files.iter().map(|f| f.day).max()?;
    let mut days: FastMap<i64, Vec<&FileEntry>> = FastMap::default();
    for file in manifest.files.iter().filter(|f| !is_full(f) && !skip.contains(&f.number)) {
        days.entry(file.day).or_default().push(file);
    }
    let mut days: Vec<(i64, Vec<&FileEntry>)> =
        days.into_iter().filter(|(_, files)| files.len() > 1).collect();
    days.sort_unstable_by_key(|(day, _)| *day);
    days.into_iter().find_map(|(day, files)| choose_of_day(files, forced, day < newest))
}

fn choose_of_day(mut files: Vec<&FileEntry>, forced: bool, is_over: bool) -> Option<Vec<FileEntry>> {
    let rows = |files: &[&FileEntry]| files.iter().map(|f| u64::from(f.rows)).sum::<u64>();
    files.sort_by_key(|f| (f.min_time, f.number));
    // Enough for a full file: the oldest first.
    if rows(&files) >= u64::from(MERGED_FILE_ROWS) {
        let (mut sum, mut bytes, mut count) = (0, 0, 0);
        while let Some(file) = files.get(count).filter(|_| count < MAX_FILES_OF_MERGE) {
            sum += u64::from(file.rows);
            bytes += file.text_bytes;
            count += 1;
            if sum >= u64::from(MERGED_FILE_ROWS) || bytes >= FULL_FILE_TEXT_BYTES {
                break;
            }
        }
        return take(&files, count);
    }
    files.sort_by_key(|f| (f.rows, f.min_time, f.number));
    if forced {
        return take(&files, files.len());
    }
    let tiny = files.partition_point(|f| f.rows < TINY_FILE_ROWS);
    if tiny >= TINY_FILES {
        return take(&files, tiny);
    }
    if files.len() - tiny >= SMALL_FILES {
        return take(&files, files.len());
    }
    if is_over {
        let mut smaller = 0;
        let mut count = 0;
        for file in &files {
            if count > 0 && u64::from(file.rows) > smaller * SHARE_IN_OLD_DAY {
                break;
            }
            smaller += u64::from(file.rows);
            count += 1;
        }
        if count > 1 {
            return take(&files, count);
        }
    }
    None
}

fn take(files: &[&FileEntry], count: usize) -> Option<Vec<FileEntry>> {
    let chosen: Vec<FileEntry> =
        files.iter().take(count.min(MAX_FILES_OF_MERGE)).map(|f| (*f).clone()).collect();
    (chosen.len() > 1).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u64, day: i64, rows: u32) -> FileEntry {
        let times = number as i64;
        FileEntry { rows, groups: 1, min_time: times, max_time: times, ..FileEntry::empty(number, day) }
    }

    #[track_caller]
    fn check(files: &[(i64, u32)], forced: bool, expect: usize) {
        let files = files.iter().zip(1..).map(|((day, rows), number)| file(number, *day, *rows)).collect();
        let manifest = Manifest { generation: 1, next_file: 99, files, ..Manifest::default() };
        assert_eq!(choose(&manifest, &FastSet::default(), forced).map_or(0, |c| c.len()), expect);
    }

    #[test]
    fn which_files_are_merged() {
        check(&[], false, 0);
        check(&[(1, 20_000); 24], false, 0);
        check(&[(1, 20_000); 25], false, 25);
        check(&[(1, 20_000); 30], false, 25);
        check(&[(1, 100); 15], false, 0);
        check(&[(1, 100); 16], false, 16);
        check(&[(1, 100); 200], false, 64);
        check(&[(1, 500_000), (1, 20_000)], false, 0);
        check(&[(1, 500_000), (1, 20_000)], true, 0);
        check(&[(1, 20_000), (1, 20_000)], true, 2);
        // A day that is over is tidied, but a large file is not written again for a small one.
        check(&[(1, 20_000), (1, 20_000), (2, 5)], false, 2);
        check(&[(1, 300_000), (1, 20_000), (2, 5)], false, 0);
        check(&[(1, 100_000), (1, 30_000), (1, 10_000), (2, 5)], false, 3);
    }
}
