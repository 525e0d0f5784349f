//! The one writer of a store: opens it, appends events durably, and prunes.
//!
//! Not here: reading (`Reader`) and merging small files (`compaction`). Invariants: what
//! `append` returned is on disk, in files and in the manifest, exactly once for each uid; of an
//! `append` that failed nothing is visible, and the same batch may be given again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex};

use loggr_event::Event;

use super::compaction::Compactor;
use super::data_writer::{DataWriter, ROW_GROUP_ROWS, ROW_GROUP_TEXT_BYTES};
use super::datafile::OpenFiles;
use super::encode::encode;
use super::manifest::{FileEntry, Manifest, WriteError};
use super::schema::{Census, FieldOrder};
use super::shared::{Shared, State, Work, WriterOptions};
use super::writer_lock::WriterLock;
use super::{dedupe, lock, orphans};
use crate::hash::FastMap;
use crate::{Appended, ErrorKind, StoreError, partition};

/// zstd's level for files as they are appended.
const APPEND_COMPRESSION: i32 = 1;
/// Files whose columns are looked at when a store is opened, to go on in the same field order.
const FILES_TO_LEARN_FROM: usize = 8;

/// The one writer of a store.
#[derive(Debug)]
pub struct Writer {
    pub(crate) shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    /// Opens the store of a directory, or makes a new one in an empty or missing directory.
    ///
    /// Takes the writer's lock, checks the manifest, and removes data files that it does not name:
    /// what a crash left between a file and its manifest. Files that it may not know, as it was made
    /// anew, stay and are told as damage.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] where another process writes it, [`ErrorKind::Corrupt`] where the
    /// manifest is damaged, or missing beside data files or a day that cannot be listed
    /// ([`repair`](super::repair)).
    pub fn open(dir: &Path, options: WriterOptions) -> Result<Writer, StoreError> {
        loggr_disk::make_directory(dir).map_err(|e| StoreError::io("create", dir, e))?;
        let lock_file = WriterLock::take(dir)?;
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
        let mut store = Writer { shared, thread: None };
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

impl Drop for Writer {
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
            let batch = encode(group, &columns).map_err(|e| {
                StoreError::with(ErrorKind::Permanent, "cannot make columns of the events".to_owned(), e)
            })?;
            writer.write_group(&batch, &census)?;
            rest = later;
        }
        writer.finish(0, &[])
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
            if let Some(slot) = rank_of.get_mut(id as usize) {
                *slot = rank;
            }
        }
        numbers.into_iter().map(|id| rank_of.get(id as usize).copied().unwrap_or_default()).collect()
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

#[cfg(test)]
mod tests {
    use loggr_event::{Timestamp, Uid};

    use super::*;

    #[test]
    fn an_event_is_known_that_is_merged_while_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let options = WriterOptions { background_compaction: false, ..WriterOptions::default() };
        let mut store = Writer::open(dir.path(), options).unwrap();
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
}
