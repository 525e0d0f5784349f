//! What the writer of a store shares with those who merge, prune and look for damage: the manifest
//! that counts, and the one way to change it.
//!
//! Not here: what is written (`writer`, `compaction`) or dropped (`upkeep`). Invariants: the manifest
//! in memory is the one on disk, or known to be suspect; a change shows whole or not at all; files are
//! removed only after the manifest without them is durable.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::datafile::OpenFiles;
use super::lock;
use super::manifest::{FileEntry, Identity, MANIFEST, Manifest, WriteError};
use super::schema::FieldOrder;
use super::writer_lock::WriterLock;
use crate::retention::Clock;
use crate::{ErrorKind, StoreError};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Days into which nothing was written for so long are dropped by [`Writer::prune`](super::Writer::prune).
    pub retention: Option<Duration>,
    /// Merge small files on a thread of the store's own. Without it the caller runs
    /// [`Writer::compactor`](super::Writer::compactor) where it likes.
    pub background_compaction: bool,
    /// zstd's level for merged files, 1 to 22.
    pub compression: i32,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions { retention: None, background_compaction: true, compression: 3 }
    }
}

/// What the writer and its helpers share.
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) options: WriterOptions,
    pub(crate) files: OpenFiles,
    pub(crate) order: Mutex<FieldOrder>,
    pub(crate) next_file: AtomicU64,
    pub(crate) state: Mutex<State>,
    /// Held by whoever merges: one at a time.
    pub(crate) merging: Mutex<()>,
    /// Numbers of the files that were found damaged, and what is wrong with them.
    pub(crate) damaged: Mutex<BTreeMap<u64, String>>,
    /// Data files that were there at the start and that the manifest does not name.
    pub(crate) strangers: Vec<PathBuf>,
    /// How far the search for damage has come.
    pub(crate) scrub: Mutex<Scrub>,
    pub(crate) work: Mutex<Work>,
    pub(crate) wake: Condvar,
}

pub(crate) struct State {
    pub(crate) manifest: Arc<Manifest>,
    /// What is known of the wall clock; the manifest may know less.
    pub(crate) clock: Clock,
    /// The monotonic clock at the last look, as the caller has it and as it is here.
    pub(crate) looked: Option<(Duration, Instant)>,
    pub(crate) identity: Identity,
    pub(crate) lock: WriterLock,
    /// Whether the manifest on disk would survive a crash is not known.
    pub(crate) suspect: bool,
}

/// How far the search for damage has come.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    /// The number of the next file.
    pub(crate) next: u64,
    /// When the last round was over.
    pub(crate) rested: Option<Instant>,
}

/// What the background thread waits for.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) pending: bool,
    pub(crate) stop: bool,
    /// The last failure of a merge; taken by `Writer::compaction_error`.
    pub(crate) failed: Option<StoreError>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Shared {
    /// The manifest as it stands on disk.
    pub(crate) fn current(&self) -> Result<Arc<Manifest>, StoreError> {
        let mut state = lock(&self.state);
        self.check(&mut state)?;
        Ok(Arc::clone(&state.manifest))
    }

    /// Makes sure that the manifest on disk is the one in memory, and durable.
    pub(crate) fn check(&self, state: &mut State) -> Result<(), StoreError> {
        let path = self.dir.join(MANIFEST);
        let identity = match Identity::of_path(&path) {
            Ok(identity) => identity,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let what = format!("the store in `{}` is gone: it has no manifest", self.dir.display());
                return Err(StoreError::with(ErrorKind::Transient, what, e));
            }
            Err(e) => return Err(StoreError::io("look at", &path, e)),
        };
        if identity == state.identity && !state.suspect {
            return Ok(());
        }
        // The directory was away (a mount, a restore), or a sync failed: what it holds now counts.
        if identity != state.identity {
            match WriterLock::take(&self.dir) {
                Ok(lock) => state.lock = lock,
                // The lock that we hold ourselves, on the same file, is as good.
                Err(e) if e.kind() == ErrorKind::Locked && state.lock.is_of(&self.dir) => {}
                Err(e) => return Err(e),
            }
        }
        let Some((manifest, _)) = Manifest::read(&self.dir)? else {
            return Err(StoreError::new(ErrorKind::Transient, format!("`{}` is gone", path.display())));
        };
        let manifest = Manifest { generation: manifest.generation + 1, ..manifest };
        state.identity = manifest.write(&self.dir).map_err(WriteError::into_error)?;
        state.suspect = false;
        self.next_file.fetch_max(manifest.next_file, Ordering::Relaxed);
        self.files.retain(&manifest);
        (state.clock, state.looked) = (manifest.clock.clone(), None);
        state.manifest = Arc::new(manifest);
        Ok(())
    }

    /// Notes that a file is damaged or lost. One that a merge took away meanwhile is in no manifest,
    /// and is not shown.
    pub(crate) fn note(&self, file: u64, e: &StoreError) {
        lock(&self.damaged).entry(file).or_insert_with(|| e.to_string());
    }

    pub(crate) fn next_file(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes `add` part of the store and takes `remove` out of it, at once.
    ///
    /// On failure the files of `add` are removed. Where it returns [`ErrorKind::Permanent`]
    /// somebody else has removed a file of `remove` meanwhile.
    pub(crate) fn commit(&self, add: Vec<FileEntry>, remove: &[FileEntry]) -> Result<(), StoreError> {
        self.commit_with(add, remove, |_| {})
    }

    /// The same, with a change to the manifest's own numbers.
    pub(crate) fn commit_with(
        &self,
        mut add: Vec<FileEntry>,
        remove: &[FileEntry],
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), StoreError> {
        let mut state = lock(&self.state);
        if let Err(e) = self.check(&mut state) {
            self.remove_files(&add);
            return Err(e);
        }
        let numbers: Vec<u64> = remove.iter().map(|f| f.number).collect();
        let mut files = state.manifest.files.clone();
        let before = files.len();
        files.retain(|f| !numbers.contains(&f.number));
        if before - files.len() != numbers.len() {
            self.remove_files(&add);
            return Err(StoreError::new(
                ErrorKind::Permanent,
                "the files to merge do not belong to the store any more",
            ));
        }
        // What was merged is as old as it was; what is new is written now.
        let passed = state.looked.map_or(Duration::ZERO, |(_, here)| here.elapsed());
        let now = state.clock.believed_after(passed);
        let merged = state.manifest.files.iter().filter(|f| numbers.contains(&f.number));
        let written = merged.map(|f| f.written).max().unwrap_or(now);
        add.iter_mut().for_each(|f| f.written = written);
        files.extend(add.iter().cloned());
        let mut manifest = Manifest {
            generation: state.manifest.generation + 1,
            next_file: self.next_file.load(Ordering::Relaxed),
            files,
            clock: state.clock.clone(),
            ..(*state.manifest).clone()
        };
        change(&mut manifest);
        match manifest.write(&self.dir) {
            Ok(identity) => {
                state.identity = identity;
                self.files.retain(&manifest);
                state.manifest = Arc::new(manifest);
                drop(state);
                self.remove_files(remove);
                Ok(())
            }
            Err(WriteError::Unchanged(e)) => {
                self.remove_files(&add);
                Err(e)
            }
            Err(WriteError::Unsure(e)) => {
                // The new one is visible. Put the old content back, as a newer manifest.
                let old = Manifest { generation: manifest.generation + 1, ..(*state.manifest).clone() };
                match old.write(&self.dir) {
                    Ok(identity) => {
                        state.identity = identity;
                        state.manifest = Arc::new(old);
                        drop(state);
                        self.remove_files(&add);
                    }
                    // Either may survive a crash, so the files of both stay; the next call takes
                    // what it finds, and the uids keep out what is there already.
                    Err(_) => state.suspect = true,
                }
                Err(e)
            }
        }
    }

    /// Removes files that no manifest names. What fails is collected at the next start.
    pub(crate) fn remove_files(&self, entries: &[FileEntry]) {
        for entry in entries {
            std::fs::remove_file(self.dir.join(entry.relative())).ok();
        }
    }
}
