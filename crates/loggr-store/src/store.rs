//! The one writer of a store: opens it, appends events durably, and prunes.
//!
//! Not here: reading (`Reader`) and merging small files (`compaction`). Invariants: what
//! `append` returned is on disk, in files and in the manifest, exactly once for each uid; of an
//! `append` that failed nothing is visible, and the same batch may be given again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use loggr_event::Event;

use crate::compaction::Compactor;
use crate::datafile::{OpenFiles, lock};
use crate::hash::FastMap;
use crate::manifest::{FileEntry, Identity, MANIFEST, Manifest, WriteError, sync_directory};
use crate::orphans;
use crate::retention::Clock;
use crate::schema::{Census, FieldOrder};
use crate::upkeep::Scrub;
use crate::writer::DataWriter;
use crate::{ErrorKind, StoreError, dedupe, partition, rows};

/// Name of the file that the writer holds locked.
pub const LOCK: &str = "LOCK";
/// Rows of a full row group.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// Bytes of text beyond which a row group is cut short: it is built in memory.
pub const ROW_GROUP_TEXT_BYTES: usize = 48 << 20;
/// zstd's level for files as they are appended.
const APPEND_COMPRESSION: i32 = 1;
/// Files whose columns are looked at when a store is opened, to go on in the same field order.
const FILES_TO_LEARN_FROM: usize = 8;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Days into which nothing was written for so long are dropped by [`Store::prune`].
    pub retention: Option<Duration>,
    /// Merge small files on a thread of the store's own. Without it the caller runs
    /// [`Store::compactor`] where it likes.
    pub background_compaction: bool,
    /// zstd's level for merged files, 1 to 22.
    pub compression: i32,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions { retention: None, background_compaction: true, compression: 3 }
    }
}

/// What an `append` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Appended {
    /// Events that are new in the store.
    pub stored: usize,
    /// Events that it held already, or that stood twice in the batch.
    pub duplicates: usize,
}

/// The one writer of a store.
#[derive(Debug)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What the writer and its compactor share.
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) options: StoreOptions,
    pub(crate) files: OpenFiles,
    pub(crate) order: Mutex<FieldOrder>,
    next_file: AtomicU64,
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
    lock: WriterLock,
    /// Whether the manifest on disk would survive a crash is not known.
    pub(crate) suspect: bool,
}

/// What the background thread waits for.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) pending: bool,
    pub(crate) stop: bool,
    /// The last failure of a merge; taken by `Store::compaction_error`.
    pub(crate) failed: Option<StoreError>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store of a directory, or makes a new one in an empty or missing directory.
    ///
    /// Takes the writer's lock, checks the manifest, and removes data files that it does not name:
    /// what a crash left between a file and its manifest. Files that it may not know, as it was made
    /// anew, stay and are told as damage.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] where another process writes it, [`ErrorKind::Corrupt`] where the
    /// manifest is damaged, or missing beside data files or a day that cannot be listed
    /// ([`crate::repair`]).
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Store, StoreError> {
        std::fs::create_dir_all(dir).map_err(|e| StoreError::io("create", dir, e))?;
        let lock_file = take_lock(dir)?;
        let manifest = match Manifest::read(dir)? {
            Some((manifest, _)) => manifest,
            None if orphans::has_data_files(dir)? => return Err(Manifest::lost(dir)),
            None => Manifest::default(),
        };
        // Written anew: a store that cannot be written must say so now.
        let manifest = Manifest { generation: manifest.generation + 1, ..manifest };
        let identity = manifest.write(dir).map_err(WriteError::into_error)?;
        let strangers = orphans::clear(dir, &manifest)?;
        let files = OpenFiles::new(dir);
        let mut order = FieldOrder::default();
        for entry in manifest.files.iter().rev().take(FILES_TO_LEARN_FROM) {
            if let Ok(file) = files.get(entry)
                && let Ok(head) = file.head()
            {
                order.learn(head.columns.columns.iter().map(|c| c.name.as_str()));
            }
        }
        let background = options.background_compaction;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            options,
            files,
            order: Mutex::new(order),
            next_file: AtomicU64::new(manifest.next_file),
            state: Mutex::new(State {
                clock: manifest.clock.clone(),
                looked: None,
                manifest: Arc::new(manifest),
                identity,
                lock: lock_file,
                suspect: false,
            }),
            merging: Mutex::new(()),
            damaged: Mutex::default(),
            strangers,
            scrub: Mutex::default(),
            work: Mutex::new(Work { pending: true, ..Work::default() }),
            wake: Condvar::new(),
        });
        let mut store = Store { shared, thread: None };
        if background {
            let compactor = store.compactor();
            let thread =
                std::thread::Builder::new().name("loggr-compact".into()).spawn(move || compactor.run());
            store.thread = Some(thread.map_err(|e| StoreError::io("start the thread that merges", dir, e))?);
        }
        Ok(store)
    }

    /// Stores the events that are new, in one commit. Durable when it returns.
    ///
    /// # Errors
    /// Nothing of the batch is visible then; the same batch may be given again.
    pub fn append(&mut self, events: &[Event<'_>]) -> Result<Appended, StoreError> {
        let new = self.shared.new_events(events, self.shared.current()?)?;
        let appended = Appended { stored: new.len(), duplicates: events.len() - new.len() };
        if new.is_empty() {
            return Ok(appended);
        }
        let mut days: BTreeMap<i64, Vec<&Event<'_>>> = BTreeMap::new();
        for event in new {
            days.entry(partition::day_of(event.timegenerated.unix_micros())).or_default().push(event);
        }
        let mut entries = Vec::with_capacity(days.len());
        for (day, events) in days {
            match self.shared.write_day(day, events) {
                Ok(entry) => entries.push(entry),
                Err(e) => {
                    self.shared.remove_files(&entries);
                    return Err(e);
                }
            }
        }
        self.shared.commit(entries, &[])?;
        let mut work = lock(&self.shared.work);
        work.pending = true;
        self.shared.wake.notify_one();
        Ok(appended)
    }

    /// Merges small files, step by step, on any thread. Several may exist; they take turns.
    pub fn compactor(&self) -> Compactor {
        Compactor::new(Arc::clone(&self.shared))
    }

    /// The error of the last merge in the background, once.
    pub fn compaction_error(&self) -> Option<StoreError> {
        lock(&self.shared.work).failed.take()
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.shared.dir
    }

    /// Number of data files, for metrics.
    pub fn files(&self) -> usize {
        lock(&self.shared.state).manifest.files.len()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        {
            let mut work = lock(&self.shared.work);
            work.stop = true;
            self.shared.wake.notify_all();
        }
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook; nothing depends on that thread.
            thread.join().ok();
        }
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
            match take_lock(&self.dir) {
                Ok(lock) => state.lock = lock,
                // The lock that we hold ourselves, on the same file, is as good.
                Err(e) if e.kind() == ErrorKind::Locked && self.holds_lock(state) => {}
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

    fn holds_lock(&self, state: &State) -> bool {
        use std::os::unix::fs::MetadataExt;
        let held = state.lock.0.metadata().map(|m| (m.dev(), m.ino()));
        let named = std::fs::metadata(self.dir.join(LOCK)).map(|m| (m.dev(), m.ino()));
        matches!((held, named), (Ok(a), Ok(b)) if a == b)
    }

    /// The events that the store does not hold. `manifest` says where to look; a merge may
    /// meanwhile have moved to another file what a file of its held.
    fn new_events<'e, 'a>(
        &self,
        events: &'e [Event<'a>],
        mut manifest: Arc<Manifest>,
    ) -> Result<Vec<&'e Event<'a>>, StoreError> {
        loop {
            let new = dedupe::new_events(events, &manifest, &self.files, |file, e| self.note(file, e))?;
            let current = self.current()?;
            if Arc::ptr_eq(&current, &manifest) {
                return Ok(new);
            }
            manifest = current;
        }
    }

    pub(crate) fn next_file(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes the events of one day as one file.
    fn write_day(&self, day: i64, mut events: Vec<&Event<'_>>) -> Result<FileEntry, StoreError> {
        let census = Census::of(events.iter().copied());
        let columns = {
            let mut order = lock(&self.order);
            let mut last: Vec<&str> = Vec::new();
            let unknown = !order.knows(&census);
            for event in events.iter().filter(|_| unknown) {
                if !event.fields.iter().map(|f| &*f.name).eq(last.iter().copied()) {
                    last = event.fields.iter().map(|f| &*f.name).collect();
                    order.learn(last.iter().copied());
                }
            }
            census.choose_columns(|name| order.rank(name))
        };
        if events.len() > ROW_GROUP_ROWS {
            events.sort_by_key(|e| e.timegenerated.unix_micros());
        }
        let mut writer =
            DataWriter::create(&self.dir, day, self.next_file(), columns.clone(), APPEND_COMPRESSION)?;
        let mut rest = &mut events[..];
        while !rest.is_empty() {
            let (group, later) = rest.split_at_mut(group_length(rest));
            sort(group);
            let batch = rows::encode(group, &columns).map_err(|e| {
                StoreError::with(ErrorKind::Permanent, "cannot make columns of the events".to_owned(), e)
            })?;
            writer.write_group(&batch, &census)?;
            rest = later;
        }
        writer.finish(0, &[])
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
                "the files to merge are no part of the store any more",
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

/// How many events, from the first on, make one row group.
fn group_length(events: &[&Event<'_>]) -> usize {
    let mut bytes = 0;
    for (i, event) in events.iter().enumerate().take(ROW_GROUP_ROWS) {
        bytes += event.message.len() + event.raw.as_ref().map_or(0, |r| r.len());
        if bytes > ROW_GROUP_TEXT_BYTES {
            return i + 1;
        }
    }
    events.len().min(ROW_GROUP_ROWS)
}

/// The order of the rows of a row group: by application, source, time, uid.
fn sort(events: &mut [&Event<'_>]) {
    /// Of each text a number in the order of the texts.
    fn ranks<'e>(texts: impl Iterator<Item = &'e str>) -> Vec<u32> {
        let mut ids: FastMap<&str, u32> = FastMap::default();
        let numbers: Vec<u32> = texts
            .map(|text| {
                let next = ids.len() as u32;
                *ids.entry(text).or_insert(next)
            })
            .collect();
        let mut distinct: Vec<(&str, u32)> = ids.into_iter().collect();
        distinct.sort_unstable();
        let mut rank_of = vec![0; distinct.len()];
        for (rank, (_, id)) in (0..).zip(distinct) {
            rank_of[id as usize] = rank;
        }
        numbers.into_iter().map(|id| rank_of[id as usize]).collect()
    }
    let apps = ranks(events.iter().map(|e| &*e.app_name));
    let sources = ranks(events.iter().map(|e| &*e.source));
    let mut keyed: Vec<_> = events
        .iter()
        .zip(apps.into_iter().zip(sources))
        .map(|(e, (app, source))| {
            (u64::from(app) << 32 | u64::from(source), e.timegenerated.unix_micros(), *e.uid.as_bytes(), *e)
        })
        .collect();
    keyed.sort_unstable_by_key(|(place, time, uid, _)| (*place, *time, *uid));
    for (slot, (.., event)) in events.iter_mut().zip(keyed) {
        *slot = event;
    }
}

/// The right to write a store. Given back by name when it is dropped: a child process that is
/// being started may hold a copy of the file for a moment longer.
#[derive(Debug)]
pub(crate) struct WriterLock(File);

impl Drop for WriterLock {
    fn drop(&mut self) {
        // It ends with the file at the latest.
        rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock).unwrap_or_default();
    }
}

pub(crate) fn take_lock(dir: &Path) -> Result<WriterLock, StoreError> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| StoreError::io("open", &path, e))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            let lock = WriterLock(file);
            sync_directory(dir).map_err(|e| StoreError::io("sync", dir, e))?;
            Ok(lock)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let what = format!("the store in `{}` is written by another process", dir.display());
            Err(StoreError::new(ErrorKind::Locked, what)
                .hinted("one process writes a store: `loggr status` shows what runs"))
        }
        Err(e) => Err(StoreError::io("lock", &path, e.into())),
    }
}

impl WriteError {
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            WriteError::Unchanged(e) | WriteError::Unsure(e) => e,
        }
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::{Timestamp, Uid};

    use super::*;

    #[test]
    fn an_event_is_known_that_is_merged_while_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { background_compaction: false, ..StoreOptions::default() };
        let mut store = Store::open(dir.path(), options).unwrap();
        let event = |n: u8| Event {
            uid: Uid::from_bytes([n; 16]),
            timegenerated: Timestamp::from_unix_micros(n.into()),
            ..Event::default()
        };
        let events = [event(1), event(2), event(3)];
        store.append(&events[..1]).unwrap();
        store.append(&events[1..2]).unwrap();
        let before = store.shared.current().unwrap();
        assert!(store.compactor().step_forced().unwrap());
        assert_eq!(store.shared.new_events(&events, before).unwrap(), [&events[2]]);
    }

    #[test]
    fn a_store_can_be_opened_again_while_a_child_still_has_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        // As a process has them between its making and its program.
        let _copy = lock(&store.shared.state).lock.0.try_clone().unwrap();
        drop(store);
        Store::open(dir.path(), StoreOptions::default()).unwrap();
    }
}
