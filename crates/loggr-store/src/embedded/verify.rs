//! Checking every byte of a store, and putting aside what is damaged.
//!
//! Invariant: `repair` deletes nothing that holds rows: a damaged file moves to `damaged/`, and
//! the row groups of it that can still be read are written again. A file that is not there stays in
//! the manifest, unless somebody says that it will not come back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data_writer::{DataWriter, SelfDescription};
use super::datafile::DataFile;
use super::index::RowGroupIndex;
use super::manifest::{FileEntry, MANIFEST, Manifest, WriteError};
use super::orphans::{Orphans, data_files, describe};
use super::reader::{Reader, View};
use super::schema::Census;
use super::selection::Selection;
use super::writer_lock::WriterLock;
use crate::hash::FastSet;
use crate::{ErrorKind, StoreError, partition};

/// Name of the directory for what was damaged.
pub const DAMAGED: &str = "damaged";

/// A data file with wrong bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The day whose events it holds, `YYYY-MM-DD`.
    pub date: String,
    /// How many events it holds.
    pub events: u64,
    /// What is wrong, part by part.
    pub what: Vec<String>,
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Data files looked at.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// The damaged files.
    pub damaged: Vec<Damage>,
}

/// What `repair` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// The manifest was made anew from the data files.
    pub manifest_rebuilt: bool,
    /// Damaged files, where they lie now, and how many of their events were saved and lost.
    pub set_aside: Vec<SetAside>,
    /// Events of files that were away when the manifest was made anew, and that are in it again.
    pub taken_up: u64,
    /// Files that the manifest names and that are not there, by day.
    pub missing: Vec<Missing>,
    /// The manifest no longer names those.
    pub forgotten: bool,
}

/// Files of one day that are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The directory that should have them.
    pub directory: PathBuf,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// How many files.
    pub files: u64,
    /// How many events they hold.
    pub events: u64,
    /// What the system says when it is asked for the first of them.
    pub why: String,
}

impl Missing {
    fn add(all: &mut BTreeMap<i64, Missing>, dir: &Path, entry: &FileEntry, why: &std::io::Error) {
        let day = all.entry(entry.day).or_insert_with(|| Missing {
            directory: dir.join(partition::directory(entry.day)),
            date: partition::date(entry.day),
            files: 0,
            events: 0,
            why: why.to_string(),
        });
        day.files += 1;
        day.events += u64::from(entry.rows);
    }
}

/// A damaged file that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it lies now.
    pub path: PathBuf,
    /// Events written again from it.
    pub saved: u64,
    /// Events that could not be read. `None`: how many it held is not known.
    pub lost: Option<u64>,
}

impl Reader {
    /// Reads every byte of every data file and compares all checksums.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        self.ask(|view| verify_files(self.directory(), view))
    }
}

fn verify_files(dir: &Path, view: &View) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    for entry in &view.manifest.files {
        // Opened anew: what was believed before must be read again.
        let wrong = match DataFile::open(dir, entry) {
            Ok(file) => file.verify(),
            Err(e) if e.kind() == ErrorKind::Corrupt || (view.report_missing && e.is_missing_file()) => {
                vec![e]
            }
            Err(e) => return Err(e),
        };
        verified.files += 1;
        verified.bytes += entry.file_bytes;
        if !wrong.is_empty() {
            verified.damaged.push(Damage {
                path: dir.join(entry.relative()),
                date: partition::date(entry.day),
                events: u64::from(entry.rows),
                what: wrong.iter().map(ToString::to_string).collect(),
            });
        }
    }
    Ok(verified)
}

/// Makes a store whole again: rebuilds a lost manifest from the data files, puts damaged files aside,
/// and writes again what can be read of them. Files that are not there stay in the manifest: they may
/// come back. No writer may run.
///
/// # Errors
/// [`ErrorKind::Locked`] where a writer runs, [`ErrorKind::Corrupt`] where a manifest must be made anew
/// and a day cannot be listed.
pub fn repair(dir: &Path) -> Result<Repaired, StoreError> {
    repair_store(dir, false)
}

/// The same, and takes the files that are not there out of the manifest. Should one of them come back,
/// the next repair takes it up.
///
/// # Errors
/// Those of [`repair`].
pub fn repair_and_forget(dir: &Path) -> Result<Repaired, StoreError> {
    repair_store(dir, true)
}

fn repair_store(dir: &Path, forget: bool) -> Result<Repaired, StoreError> {
    let _lock = WriterLock::take(dir)?;
    let mut repaired = Repaired::default();
    // Files that do not even say what they are.
    let mut nameless = Vec::new();
    let mut manifest = match Manifest::read(dir) {
        Ok(Some((manifest, _))) => manifest,
        Ok(None) => {
            repaired.manifest_rebuilt = true;
            rebuild(dir, &mut nameless)?
        }
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            let manifest = rebuild(dir, &mut nameless)?;
            let aside = set_aside(dir, &dir.join(MANIFEST))?;
            repaired.manifest_rebuilt = true;
            repaired.set_aside.push(SetAside { path: aside, saved: 0, lost: Some(0) });
            manifest
        }
        Err(e) => return Err(e),
    };
    if !repaired.manifest_rebuilt {
        let returned = returned(dir, &manifest, &mut nameless)?;
        repaired.taken_up = returned.iter().map(|file| u64::from(file.rows)).sum();
        manifest.files.extend(returned);
    }
    let mut kept = Manifest { generation: manifest.generation + 1, ..manifest.clone() };
    kept.files.clear();
    let (mut bad, mut missing) = (Vec::new(), BTreeMap::new());
    for entry in &manifest.files {
        match DataFile::open(dir, entry) {
            Ok(file) if file.verify().is_empty() => kept.files.push(entry.clone()),
            Ok(file) => {
                let saved = salvage(dir, &Arc::new(file), kept.next_file)?;
                kept.next_file += 1;
                let rows = saved.as_ref().map_or(0, |s| s.rows);
                kept.files.extend(saved);
                bad.push((entry, rows));
            }
            Err(e) if e.kind() == ErrorKind::Corrupt || e.is_missing_file() => {
                match std::fs::symlink_metadata(dir.join(entry.relative())) {
                    Ok(_) => bad.push((entry, 0)),
                    Err(why) => {
                        Missing::add(&mut missing, dir, entry, &why);
                        kept.files.extend((!forget).then(|| entry.clone()));
                    }
                }
            }
            Err(e) => return Err(e),
        }
    }
    repaired.missing = missing.into_values().collect();
    repaired.forgotten = forget && !repaired.missing.is_empty();
    if repaired.forgotten {
        kept.be_unsure();
    }
    // The manifest first: a crash then leaves the damaged files as orphans beside it, and an orphan
    // must not be collected before it was put aside. So: copies first, manifest, then the names.
    for (entry, saved) in &bad {
        repaired.set_aside.push(SetAside {
            path: link_aside(dir, &dir.join(entry.relative()))?,
            saved: u64::from(*saved),
            lost: Some(u64::from(entry.rows - (*saved).min(entry.rows))),
        });
    }
    for path in &nameless {
        repaired.set_aside.push(SetAside { path: link_aside(dir, path)?, saved: 0, lost: None });
    }
    kept.write(dir).map_err(WriteError::into_error)?;
    let bad = bad.iter().map(|(entry, _)| dir.join(entry.relative()));
    for path in bad.chain(nameless) {
        std::fs::remove_file(path).ok();
    }
    Ok(repaired)
}

fn damaged_directory(dir: &Path) -> Result<PathBuf, StoreError> {
    let to = dir.join(DAMAGED);
    loggr_disk::make_directory(&to).map_err(|e| StoreError::io("create", &to, e))?;
    Ok(to)
}

/// A name under `damaged/` that nothing has yet.
fn free_name(to: &Path, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (0..)
        .map(|n| to.join(if n == 0 { name.clone() } else { format!("{name}.{n}") }))
        .find(|p| !p.exists())
        .unwrap_or_else(|| to.join(name.clone()))
}

fn set_aside(dir: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let to = damaged_directory(dir)?;
    let aside = free_name(&to, path);
    loggr_disk::rename_unsynced(path, &aside).map_err(|e| StoreError::io("move", path, e))?;
    loggr_disk::sync_directory(&to).map_err(|e| StoreError::io("sync", &to, e))?;
    Ok(aside)
}

fn link_aside(dir: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let to = damaged_directory(dir)?;
    let aside = free_name(&to, path);
    std::fs::hard_link(path, &aside).map_err(|e| StoreError::io("move", path, e))?;
    loggr_disk::sync_directory(&to).map_err(|e| StoreError::io("sync", &to, e))?;
    Ok(aside)
}

/// Writes the row groups of a damaged file that can be read as a new file; `None` where there are none.
fn salvage(dir: &Path, file: &Arc<DataFile>, number: u64) -> Result<Option<FileEntry>, StoreError> {
    let checked = file.head().is_ok();
    let unchecked;
    let file = if checked {
        file
    } else {
        // Only the index is damaged: the rows are read without it, as any Parquet reader would.
        match file.without_index() {
            Ok(opened) => {
                unchecked = Arc::new(opened);
                &unchecked
            }
            Err(_) => return Ok(None),
        }
    };
    let columns = file.head()?.columns.clone();
    let mut writer = DataWriter::create(dir, file.entry.day, number, columns, 3)?;
    let mut groups = 0;
    for group in 0..file.groups() {
        let rows = match file.rows_of(group) {
            Some(rows) => rows,
            None => continue,
        };
        let Ok(batch) = file.read_all(group, &Selection::all(rows)) else { continue };
        let census = file
            .index(group)
            .ok()
            .and_then(|index: RowGroupIndex<'_>| index.census())
            .map_or_else(|| decoded_census(&batch, file), Ok)?;
        writer.write_group(&batch, &census)?;
        groups += 1;
    }
    if groups == 0 { Ok(None) } else { writer.finish(1, &[file.entry.number]).map(Some) }
}

/// What the custom fields of a batch look like, from its events.
fn decoded_census(batch: &arrow_array::RecordBatch, file: &DataFile) -> Result<Census, StoreError> {
    let events = super::rows::Decoder::new().decode(batch, &file.head()?.columns)?;
    Ok(Census::of(events.iter()))
}

/// A manifest of the data files that there are, from what each says of itself. `nameless`: the files of
/// which nothing can be known, and those that a crash left beside their copy.
fn rebuild(dir: &Path, nameless: &mut Vec<PathBuf>) -> Result<Manifest, StoreError> {
    let described = describe_all(dir, data_files(dir)?, nameless);
    let highest = described.iter().map(|found| found.entry.number).max();
    Ok(Manifest::anew(newest(dir, described, nameless), highest))
}

/// The files that a manifest made anew does not name, and that hold rows which stand nowhere else.
fn returned(
    dir: &Path,
    manifest: &Manifest,
    nameless: &mut Vec<PathBuf>,
) -> Result<Vec<FileEntry>, StoreError> {
    let strangers = Orphans::find(dir, manifest)?.strangers;
    let mut described = describe_all(dir, strangers, nameless);
    // Two files of one number cannot be told apart: the one that came later stays where it is.
    described.retain(|found| manifest.files.iter().all(|file| file.number != found.entry.number));
    Ok(newest(dir, described, nameless))
}

fn describe_all(dir: &Path, files: Vec<PathBuf>, nameless: &mut Vec<PathBuf>) -> Vec<SelfDescription> {
    let mut described = Vec::with_capacity(files.len());
    for path in files {
        match describe(&path) {
            Some(found) if dir.join(found.entry.relative()) == path => described.push(found),
            _ => nameless.push(path),
        }
    }
    described
}

/// Without the files whose rows another one took over, unless that one is damaged: then it is left out,
/// and is `torn`.
fn newest(dir: &Path, described: Vec<SelfDescription>, torn: &mut Vec<PathBuf>) -> Vec<FileEntry> {
    let numbers: FastSet<u64> = described.iter().map(|found| found.entry.number).collect();
    let (kept, damaged): (Vec<_>, Vec<_>) = described.into_iter().partition(|found| {
        // Only where a crash left both is there a choice.
        !found.replaces.iter().any(|number| numbers.contains(number))
            || DataFile::open(dir, &found.entry).is_ok_and(|file| file.verify().is_empty())
    });
    torn.extend(damaged.iter().map(|found| dir.join(found.entry.relative())));
    let replaced: FastSet<u64> = kept.iter().flat_map(|found| found.replaces.iter().copied()).collect();
    let mut files: Vec<FileEntry> =
        kept.into_iter().map(|found| found.entry).filter(|e| !replaced.contains(&e.number)).collect();
    files.sort_by_key(|f| f.number);
    files
}
