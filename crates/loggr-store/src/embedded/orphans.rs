//! The data files on the disk, and those of them that the manifest does not name.
//!
//! A crash leaves such files: one whose manifest was never written, or one that a merge or a purge had
//! taken out already. A manifest that followed every change is believed, and they are removed. One that
//! was made anew, or that forgot files which were not there, has not seen everything: a day that was
//! away then may come back. Not here: taking them up again (`verify`). Invariant: such a manifest lets
//! nothing be removed but what it knows to stand elsewhere, or never to have been acknowledged.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use parquet::file::metadata::ParquetMetaDataReader;

use super::data_writer::{SELF_KEY, SelfDescription};
use super::fault;
use super::manifest::Manifest;
use crate::hash::FastSet;
use crate::{ErrorKind, StoreError};

/// All data files in the partitions of a directory.
///
/// # Errors
/// Also where one day cannot be listed: whoever takes the others for everything loses that one.
pub(crate) fn data_files(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    for day in days(dir)? {
        found.extend(files_of(&day)?);
    }
    Ok(found)
}

/// Is there a data file? A directory that is not there has none.
pub(crate) fn has_data_files(dir: &Path) -> Result<bool, StoreError> {
    match days(dir) {
        Err(e) if e.is_missing_file() => Ok(false),
        _ => data_files(dir).map(|files| !files.is_empty()),
    }
}

fn days(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let is_day = |name: &str| name.starts_with("day=");
    list(dir, is_day).map_err(|e| StoreError::disk("list", dir, e))
}

fn files_of(day: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let is_data = |name: &str| {
        let number = name.strip_suffix(".parquet");
        number.is_some_and(|n| n.len() >= 12 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    match list(day, is_data) {
        // No directory: somebody's file of such a name.
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Ok(Vec::new()),
        listed => listed.map_err(|e| {
            let hint = "the events there would be missing from the store: repair the disk, or move that directory \
                 out of the store to go on without them";
            StoreError::disk("list", day, e).hinted(hint)
        }),
    }
}

fn list(dir: &Path, wanted: impl Fn(&str) -> bool) -> std::io::Result<Vec<PathBuf>> {
    fault::check_read(dir, 0..0)?;
    let entries = std::fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    let named = entries.iter().filter(|entry| entry.file_name().to_str().is_some_and(&wanted));
    Ok(named.map(std::fs::DirEntry::path).collect())
}

/// Data files that a manifest does not name.
#[derive(Default)]
pub(crate) struct Orphans {
    /// Nobody needs them.
    pub(crate) superfluous: Vec<PathBuf>,
    /// They may hold rows that stand nowhere else.
    pub(crate) strangers: Vec<PathBuf>,
}

impl Orphans {
    /// Finds them. Of a day that the disk cannot list nothing is known; the others are all right.
    pub(crate) fn find(dir: &Path, manifest: &Manifest) -> Result<Orphans, StoreError> {
        let named: FastSet<PathBuf> = manifest.files.iter().map(|f| dir.join(f.relative())).collect();
        let mut orphans = Orphans::default();
        for day in days(dir)? {
            let files = match files_of(&day) {
                Ok(files) => files,
                Err(e) if e.kind() == ErrorKind::Corrupt => continue,
                Err(e) => return Err(e),
            };
            let (here, unnamed): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| named.contains(path));
            if manifest.saw_everything() {
                orphans.superfluous.extend(unnamed);
            } else if !unnamed.is_empty() {
                orphans.judge(manifest, &here, unnamed);
            }
        }
        Ok(orphans)
    }

    /// Those of one day. `here`: those that the manifest names.
    fn judge(&mut self, manifest: &Manifest, here: &[PathBuf], unnamed: Vec<PathBuf>) {
        let named: FastSet<u64> = manifest.files.iter().map(|f| f.number).collect();
        let replaced: FastSet<u64> =
            here.iter().filter_map(|path| describe(path)).flat_map(|found| found.replaces).collect();
        for path in unnamed {
            // Of a number that this manifest has not given yet: what a crash left.
            let is_new = number_of(&path).is_some_and(|number| number >= manifest.next_file);
            let stands_elsewhere = |found: SelfDescription| {
                let is_input = replaced.contains(&found.entry.number);
                // A merge that never came into a manifest.
                let is_copy = !found.replaces.is_empty() && found.replaces.iter().all(|n| named.contains(n));
                is_input || is_copy
            };
            match is_new || describe(&path).is_some_and(stands_elsewhere) {
                true => self.superfluous.push(path),
                false => self.strangers.push(path),
            }
        }
    }
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Removes the data files that nobody needs; gives those that the manifest does not name and that stay.
/// Files of other names are not touched.
pub(crate) fn clear(dir: &Path, manifest: &Manifest) -> Result<Vec<PathBuf>, StoreError> {
    let orphans = Orphans::find(dir, manifest)?;
    for path in orphans.superfluous {
        // What cannot be removed is in nobody's way; the next start tries again.
        std::fs::remove_file(&path).ok();
        if let Some(day) = path.parent() {
            // Fails where it is not empty, as it should.
            std::fs::remove_dir(day).ok();
        }
    }
    Ok(orphans.strangers)
}

/// What a data file says of itself in its footer. Nothing else of it is read.
pub(crate) fn describe(path: &Path) -> Option<SelfDescription> {
    let file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).ok()?;
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|p| p.key == SELF_KEY)?.value.as_ref()?;
    let mut found: SelfDescription = serde_json::from_str(text).ok()?;
    let tail = found.entry.index_offset.checked_add(found.entry.index_bytes)?;
    let mut footer = vec![0; usize::try_from(length.checked_sub(tail)?).ok()?];
    file.read_exact_at(&mut footer, tail).ok()?;
    // The two numbers that it could not know when it was written.
    found.entry.file_bytes = length;
    found.entry.tail_checksum = crc32c::crc32c(&footer);
    Some(found)
}
