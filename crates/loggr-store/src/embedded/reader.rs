//! Reading a store, in any process, while one writes: follows the manifest.
//!
//! Not here: the questions themselves (`search`, `histogram`, `top`). Invariants: every question
//! sees one manifest, whole; a file that a merge took away meanwhile makes the question start
//! again on the newer manifest; a damaged file is named in the answer and the rest is searched.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::datafile::{DataFile, OpenFiles};
use super::exec::lanes::{Lanes, Usage};
use super::exec::{self, Target, overlaps};
use super::lock;
use super::manifest::{FileEntry, Identity, MANIFEST, Manifest};
use super::orphans::has_data_files;
use crate::query::Span;
use crate::{ErrorKind, Limits, Partition, StoreError, partition};

/// How often a question starts again because files were merged under it.
const MAX_RESTARTS: usize = 8;

/// Reads a store.
pub struct Reader {
    dir: PathBuf,
    files: OpenFiles,
    current: Mutex<Current>,
}

struct Current {
    manifest: Arc<Manifest>,
    identity: Option<Identity>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens the store of a directory. A directory without a manifest is an empty store until it has one.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where the manifest is damaged, or missing beside data files.
    pub fn open(dir: &Path) -> Result<Reader, StoreError> {
        let reader = Reader {
            dir: dir.to_owned(),
            files: OpenFiles::new(dir),
            current: Mutex::new(Current { manifest: Arc::new(Manifest::default()), identity: None }),
        };
        reader.refresh()?;
        Ok(reader)
    }

    /// Takes up the newest manifest; true where it is another than before. Every question does it by
    /// itself.
    pub fn refresh(&self) -> Result<bool, StoreError> {
        let path = self.dir.join(MANIFEST);
        let now = match Identity::of_path(&path) {
            Ok(identity) => Some(identity),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(StoreError::io("look at", &path, e)),
        };
        let mut current = lock(&self.current);
        if now == current.identity {
            // An empty store, or one that has lost its manifest?
            return match now.is_none() && has_data_files(&self.dir)? {
                true => Err(Manifest::lost(&self.dir)),
                false => Ok(false),
            };
        }
        let Some((manifest, identity)) = Manifest::read(&self.dir)? else {
            if current.identity.is_some() {
                let what = format!("the store in `{}` is gone: it has no manifest", self.dir.display());
                return Err(StoreError::new(ErrorKind::Transient, what));
            }
            return Ok(false);
        };
        self.files.retain(&manifest);
        *current = Current { manifest: Arc::new(manifest), identity: Some(identity) };
        Ok(true)
    }

    /// The generation of the manifest in use; grows with every change of the store.
    pub fn generation(&self) -> u64 {
        lock(&self.current).manifest.generation
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    /// The manifest in use.
    pub(crate) fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&lock(&self.current).manifest)
    }

    pub(crate) fn file(&self, entry: &FileEntry) -> Result<Arc<DataFile>, StoreError> {
        self.files.get(entry)
    }

    /// Asks a question on the newest manifest, and again where a file vanished under it. A file that is
    /// missing although the manifest still names it is lost: it is reported like a damaged one.
    pub(crate) fn ask<T>(&self, question: impl Fn(&View) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut report_missing = false;
        for _ in 0..MAX_RESTARTS {
            self.refresh()?;
            let (manifest, usage) = (self.manifest(), Usage::new(Lanes::of_process()));
            match question(&View { manifest, report_missing, usage }) {
                Err(e) if e.is_missing_file() => report_missing = !self.refresh()?,
                answer => return answer,
            }
        }
        let what = format!("the files of `{}` change faster than they can be read", self.dir.display());
        Err(StoreError::new(ErrorKind::Transient, what))
    }

    /// Does `work` on every row group that overlaps the span, in no order. What is damaged is left
    /// out and reported.
    pub(crate) fn each_group<T: Send>(
        &self,
        view: &View,
        span: Span,
        limits: &Limits,
        work: impl Fn(&Target) -> Result<T, StoreError> + Sync,
    ) -> Result<(Vec<T>, Trouble), StoreError> {
        let entries: Vec<&FileEntry> =
            view.manifest.files.iter().filter(|f| overlaps(span, f.min_time, f.max_time)).collect();
        let mut trouble = Trouble::new(view);
        let mut targets = Vec::new();
        let usage = &view.usage;
        for found in exec::parallel(entries.len(), |i| {
            let Some(entry) = entries.get(i) else { return Ok(None) };
            usage.run(limits, || self.file(entry).and_then(|file| Target::of(&file, span)))
        }) {
            match found {
                Ok(Some(more)) => targets.extend(more),
                Ok(None) => trouble.partial = true,
                Err(e) => trouble.note(e)?,
            }
        }
        let answers = exec::parallel(targets.len(), |i| {
            let Some(target) = targets.get(i) else { return Ok(None) };
            usage.run(limits, || {
                usage.looked_at(target.rows);
                work(target)
            })
        });
        let mut out = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer {
                Ok(Some(answer)) => out.push(answer),
                Ok(None) => trouble.partial = true,
                Err(e) => trouble.note(e)?,
            }
        }
        Ok((out, trouble))
    }

    /// The days of the store, oldest first.
    pub fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        self.refresh()?;
        let mut days: std::collections::BTreeMap<i64, Partition> = std::collections::BTreeMap::new();
        let manifest = self.manifest();
        for file in &manifest.files {
            let day = days.entry(file.day).or_insert_with(|| Partition {
                date: partition::date(file.day),
                events: 0,
                bytes: 0,
                files: 0,
                times: (i64::MAX, i64::MIN),
            });
            day.events += u64::from(file.rows);
            day.bytes += file.file_bytes;
            day.files += 1;
            day.times = (day.times.0.min(file.min_time), day.times.1.max(file.max_time));
        }
        Ok(days.into_values().collect())
    }
}

/// What one question sees.
pub(crate) struct View {
    pub(crate) manifest: Arc<Manifest>,
    /// A missing file is lost, not merged away.
    pub(crate) report_missing: bool,
    /// What it has used.
    pub(crate) usage: Usage,
}

impl View {
    /// Damage, which a question survives; anything else ends it.
    pub(crate) fn survives(&self, e: &StoreError) -> bool {
        e.kind() == ErrorKind::Corrupt || (self.report_missing && e.is_missing_file())
    }
}

/// What went wrong without ending a question.
pub(crate) struct Trouble {
    pub(crate) partial: bool,
    pub(crate) warnings: Vec<String>,
    report_missing: bool,
}

impl Trouble {
    pub(crate) fn new(view: &View) -> Trouble {
        Trouble { partial: false, warnings: Vec::new(), report_missing: view.report_missing }
    }

    /// Damage is noted and survived; anything else ends the question.
    pub(crate) fn note(&mut self, e: StoreError) -> Result<(), StoreError> {
        if e.kind() != ErrorKind::Corrupt && !(self.report_missing && e.is_missing_file()) {
            return Err(e);
        }
        self.partial = true;
        let text = e.to_string();
        if !self.warnings.contains(&text) && self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(text);
        }
        Ok(())
    }
}

/// Warnings of one answer.
const MAX_WARNINGS: usize = 20;
