//! One batch into files: render, intend, append, sync; and the way back when a step fails.
//!
//! Blocking; runs on the sink's own thread. Does not sign: its `Ok` is what the
//! receipt is signed for.
//!
//! Invariants:
//! - A batch is appended whole or, as far as the disk lets us, not at all: what a failed
//!   batch left is cut off before anything else is written.
//! - No byte is appended before a durable intent says where and how many.
//! - After a restart a region that is whole holds its events, and they are skipped when
//!   they come again; a region that the crash tore is cut back to its beginning. Both are
//!   decided by length, identity and checksum of the region (`promises`), so other options
//!   (another format) do not confuse it.
//! - After an error with which a file system may lose what it had called synced, what was signed
//!   last is looked at again: what is not there is told and written again from memory, before
//!   anything else. A file that was deleted meanwhile looks as if it were lost, and is written
//!   again too.

mod debris;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use loggr_event::DumpFormat;
use loggr_flow::{Batch, StoreError};

use super::again;
use super::error::{OpenError, Refusal, WriteError};
use super::fault::Op;
use super::identity::Likeness;
use super::journal::{Extent, Found, GENERATIONS, Intent, Journal};
use super::line;
use super::member::compress;
use super::path::Paths;
use super::promises::{self, Fate, Promise, checksum};
use super::targets::{Modes, Targets};
use super::uids::{self, DURABLE_BEFORE, Recent, Run};
use crate::config::ship::Compress;
use debris::{Debris, Torn};

/// Batches that are signed are kept in memory up to so many bytes, the newest in any case. More would
/// cost every event: what is received next would lie in memory that no cache knows.
const MAX_SIGNED_BYTES: usize = 1 << 20;
/// Files with missing lines that are told one by one.
const MAX_FILES_TOLD: usize = 20;

/// A batch that was signed for.
#[derive(Debug)]
struct Signed {
    intent: Intent,
    /// What it was, for as long as it is kept.
    batch: Option<Batch>,
}

impl Signed {
    fn promise(&self) -> Promise<'_> {
        Promise { intent: &self.intent, done: true, cut: self.batch.is_some(), renew: true }
    }
}

/// Why a batch was not appended.
enum Failure {
    Trouble(WriteError),
    /// These files alone cannot be written.
    Refused(Vec<(u32, WriteError)>),
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Failure {
        Failure::Trouble(error)
    }
}

pub(super) struct Worker {
    format: DumpFormat,
    compress: Compress,
    paths: Paths,
    pub(super) targets: Targets,
    journal: Journal,
    recent: Recent,
    /// Intents of an earlier life, oldest first, until they were looked at.
    found: Vec<Found>,
    debris: Vec<Debris>,
    /// The last batches, oldest first, at most [`GENERATIONS`].
    signed: VecDeque<Signed>,
    /// Signed batches of which the file system lost lines.
    again: VecDeque<Batch>,
    /// Where the signed batches are while there is trouble, and whether they are.
    saved: PathBuf,
    is_saved: bool,
    /// What is left of regions that were stored and are torn: cut off when their events come
    /// again, and not before, since nobody knows whether they will.
    torn: Vec<Torn>,
    /// There was trouble that makes what was signed before doubtful, and it was not looked at since.
    suspect: bool,
    /// The last intent was not kept, and the journal does not say so yet.
    unmarked: bool,
    batches: u64,
    /// The files of the batch at hand, in order of appearance.
    touched: Vec<u32>,
    runs: Vec<Run>,
}

impl Worker {
    pub fn open(
        base: PathBuf,
        paths: Paths,
        format: DumpFormat,
        compress: Compress,
        modes: Modes,
        state: PathBuf,
    ) -> Result<Worker, OpenError> {
        let (journal, found, recent) = Journal::open(&state)?;
        let saved = again::place(&state);
        let again = again::load(&saved).into_iter().collect();
        Ok(Worker {
            format,
            compress,
            paths,
            targets: Targets::new(base, modes),
            journal,
            recent,
            found,
            debris: Vec::new(),
            signed: VecDeque::new(),
            again,
            saved,
            is_saved: false,
            torn: Vec::new(),
            suspect: false,
            unmarked: false,
            batches: 0,
            touched: Vec::new(),
            runs: Vec::new(),
        })
    }

    /// Stores the batch durably. An event that is there already is not written again.
    pub fn store(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let stored = self.store_after_trouble(batch);
        if matches!(stored, Err(StoreError::Transient(_))) {
            self.targets.drop_all_handles();
            if self.suspect {
                self.save_the_signed();
            }
        }
        stored
    }

    /// At the start: what the last life left is looked at and mended, without waiting for events.
    pub fn look_back(&mut self) {
        let looked = self.clean_up().map_err(|error| self.trouble(error)).and_then(|()| self.write_again());
        if let Err(error) = looked {
            tracing::debug!(%error, "cannot check yet what was written last");
        }
    }

    /// Notes what an error says of the batches before.
    fn trouble(&mut self, error: WriteError) -> StoreError {
        self.suspect |= error.casts_doubt();
        StoreError::transient(error)
    }

    /// Once for each trouble: this process may end before it is over.
    fn save_the_signed(&mut self) {
        let batches = self.again.iter().chain(self.signed.iter().filter_map(|s| s.batch.as_ref()));
        if self.is_saved || batches.clone().next().is_none() {
            return;
        }
        match again::save(&self.saved, batches) {
            Ok(()) => self.is_saved = true,
            Err(error) => tracing::debug!(%error, "cannot keep a copy of the last batches on disk"),
        }
    }

    fn store_after_trouble(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.clean_up().map_err(|error| self.trouble(error))?;
        self.write_again()?;
        self.store_one(batch)?;
        if self.suspect {
            // Once more, since the file system may have been put right in between.
            self.look_at_the_signed().map_err(|error| self.trouble(error))?;
            self.write_again()?;
            self.suspect = false;
        }
        if std::mem::take(&mut self.is_saved) {
            again::remove(&self.saved);
        }
        Ok(())
    }

    fn store_one(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.targets.tidy() {
            self.paths.forget();
        }
        self.batches += 1;
        self.touched.clear();
        self.runs.clear();
        // Nothing was touched on disk yet: a line that breaks the renderer can be isolated.
        let rendered = catch_unwind(AssertUnwindSafe(|| self.render(batch)));
        let stored = match rendered {
            Ok(()) if self.touched.is_empty() => Ok(()),
            Ok(()) => self.append(batch),
            Err(_) => return Err(StoreError::permanent("BUG: rendering the event panicked")),
        };
        let touched = std::mem::take(&mut self.touched);
        self.targets.empty(&touched);
        self.touched = touched;
        stored.map_err(|failure| match failure {
            Failure::Trouble(error) => self.trouble(error),
            Failure::Refused(files) => self.refuse(batch, files),
        })
    }

    /// Names the events whose files cannot be written; nothing of the batch was written.
    fn refuse(&mut self, batch: &Batch, files: Vec<(u32, WriteError)>) -> StoreError {
        let refused: HashSet<u32> = files.iter().map(|(index, _)| *index).collect();
        let mut events = Vec::with_capacity(batch.len());
        for record in batch.records() {
            let event = record.event();
            let known = self.recent.contains(uids::number(event.uid));
            let targets = &mut self.targets;
            let index = self.paths.file(&event, |path| targets.index(path));
            events.push(!known && refused.contains(&index));
        }
        let mut errors = files.into_iter().map(|(_, error)| error);
        match errors.next() {
            Some(first) => StoreError::refused(events, Refusal { first, others: errors.count() }),
            None => StoreError::transient("BUG: no file was refused"),
        }
    }

    /// Is it the trouble of one path, which others need not wait for? Where all events go to one
    /// file there are no others, and the queue is the place to wait.
    fn is_of_one_path(&mut self, error: &WriteError) -> bool {
        self.paths.vary() && self.targets.is_of_one_path(error)
    }

    /// Fills the buffers of the files.
    fn render(&mut self, batch: &Batch) {
        let mut seen = HashSet::new();
        let twins = uids::has_twins(batch);
        for record in batch.records() {
            // One that another loggr has sent has the identity that it had there.
            let event = record.event();
            let uid = uids::number(event.uid);
            if self.recent.contains(uid) {
                // Carried along, so that the newest intents alone know the newest batches.
                uids::push(&mut self.runs, uid, DURABLE_BEFORE);
                continue;
            }
            if (twins || record.origin.trusted) && uid != 0 && !seen.insert(uid) {
                continue;
            }
            let targets = &mut self.targets;
            let index = self.paths.file(&event, |path| targets.index(path));
            let target = targets.get(index);
            if target.batch != self.batches {
                target.batch = self.batches;
                target.extent = self.touched.len() as u32;
                target.buffer.clear();
                self.touched.push(index);
            }
            line::append(&record, &event, &self.format, &mut target.buffer);
            uids::push(&mut self.runs, uid, target.extent);
        }
    }

    /// Appends the buffers; all or nothing.
    fn append(&mut self, batch: &Batch) -> Result<(), Failure> {
        let intent = self.intend()?;
        let mut written = vec![0; intent.extents.len()];
        if let Err(error) = self.write(&intent, &mut written) {
            self.unmarked = true;
            self.roll_back(&intent, &written);
            let culprit = self.touched.iter().copied().find(|i| error.is_of(&self.targets.get(*i).absolute));
            return Err(match culprit {
                Some(index) if self.is_of_one_path(&error) => Failure::Refused(vec![(index, error)]),
                _ => Failure::Trouble(error),
            });
        }
        // Should the mark fail: the bytes are durable, and a restart finds them whole.
        let marked = self.targets.faults.check(Op::Done).and_then(|()| self.journal.done());
        if let Err(error) = marked {
            tracing::debug!(journal = %self.journal.path().display(), %error, "cannot note in the journal that a batch is written");
        }
        self.recent.remember(intent.runs.iter().copied());
        self.keep(intent, batch);
        Ok(())
    }

    /// Keeps a signed batch for a while: the file system may lose what it has called synced.
    fn keep(&mut self, intent: Intent, batch: &Batch) {
        self.signed.push_back(Signed { intent, batch: Some(batch.clone()) });
        if self.signed.len() > GENERATIONS {
            self.runs = self.signed.pop_front().map(|s| s.intent.runs).unwrap_or_default();
        }
        let mut bytes = 0;
        for (age, signed) in self.signed.iter_mut().rev().enumerate() {
            bytes += signed.batch.as_ref().map_or(0, Batch::byte_len);
            if age > 0 && bytes > MAX_SIGNED_BYTES {
                signed.batch = None;
            }
        }
    }

    /// Looks where each file ends and writes the intent down.
    fn intend(&mut self) -> Result<Intent, Failure> {
        let mut extents = Vec::with_capacity(self.touched.len());
        let mut refused = Vec::new();
        for at in 0..self.touched.len() {
            let Some(&index) = self.touched.get(at) else { break };
            let opened = self.targets.open(index).and_then(|()| self.cut_torn(index));
            let (offset, at_line) = match opened.and_then(|()| self.targets.end(index)) {
                Ok(end) => end,
                Err(error) if self.is_of_one_path(&error) => {
                    refused.push((index, error));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if !refused.is_empty() {
                continue;
            }
            let target = self.targets.get(index);
            let failed = |e| WriteError::new("compress", &target.absolute, e);
            if self.compress != Compress::None {
                target.buffer =
                    compress(self.compress, std::mem::take(&mut target.buffer)).map_err(failed)?;
            } else if !at_line && line::ends_in_newline(&self.format) {
                // A power cut or somebody else left half a line: it stays, on a line of its own.
                target.buffer.insert(0, b'\n');
            }
            let handle = target.handle.as_ref().expect("BUG: it was opened above");
            extents.push(Extent {
                path: target.path.clone(),
                file: handle.id,
                offset,
                len: target.buffer.len() as u64,
                crc: checksum(&target.buffer),
            });
        }
        if !refused.is_empty() {
            return Err(Failure::Refused(refused));
        }
        let intent = Intent { extents, runs: std::mem::take(&mut self.runs) };
        let begun =
            self.targets.faults.check(Op::Intent).and_then(|()| self.journal.begin(&intent, &self.recent));
        begun.map_err(|e| WriteError::new("write the journal", self.journal.path(), e))?;
        Ok(intent)
    }

    fn write(&mut self, intent: &Intent, written: &mut [u64]) -> Result<(), WriteError> {
        let group = self.targets.max_open().max(1);
        let mut work = intent.extents.iter().zip(written).zip(self.touched.clone());
        loop {
            let mut open = Vec::with_capacity(group.min(self.touched.len()));
            for ((extent, written), index) in work.by_ref().take(group) {
                if self.touched.len() > group {
                    self.reopen(index, extent)?;
                }
                let buffer = std::mem::take(&mut self.targets.get(index).buffer);
                let appended = self.targets.append(index, &buffer, written);
                self.targets.get(index).buffer = buffer;
                appended?;
                open.push((index, extent.offset + extent.len));
            }
            if open.is_empty() {
                break;
            }
            self.targets.sync(&open)?;
        }
        self.targets.sync_directories()
    }

    /// With more files than handles, the one for this extent was closed in between.
    fn reopen(&mut self, index: u32, extent: &Extent) -> Result<(), WriteError> {
        self.targets.open(index)?;
        let (end, _) = self.targets.end(index)?;
        let target = self.targets.get(index);
        match &target.handle {
            Some(h) if (h.id.dev, h.id.ino, end) == (extent.file.dev, extent.file.ino, extent.offset) => {
                Ok(())
            }
            _ => Err(WriteError::because("write", &target.absolute, "it was replaced meanwhile")),
        }
    }

    /// Before each batch: what an earlier life or a failed batch left behind.
    fn clean_up(&mut self) -> Result<(), WriteError> {
        if self.debris.is_empty() && !self.unmarked && self.found.is_empty() && !self.suspect {
            return Ok(());
        }
        self.remove_debris()?;
        self.recover()?;
        self.look_at_the_signed()
    }

    /// Finds out which events of the journal's intents are in the files. Ends with all
    /// of them durable and all torn regions cut off, or changes nothing for good.
    fn recover(&mut self) -> Result<(), WriteError> {
        if self.found.is_empty() {
            return Ok(());
        }
        // A torn member hides all that follows it, and cannot be read itself.
        let compressed = self.compress != Compress::None;
        let looked_at: Vec<Promise<'_>> = self
            .found
            .iter()
            .map(|f| Promise { intent: &f.intent, done: f.done, cut: !f.done || compressed, renew: !f.done })
            .collect();
        let present = promises::examine(&mut self.targets, &looked_at)?;
        let missing = self.recent.take_note(&looked_at, &present);
        tell(
            &missing,
            "lines that were stored are not there any more: the file was shortened or taken away, or its \
              file system lost them; those that the queue still holds are written again",
        );
        for (found, fates) in std::mem::take(&mut self.found).into_iter().zip(present) {
            for (extent, fate) in found.intent.extents.iter().zip(&fates) {
                if let Fate::Torn(end) = *fate {
                    let (path, file, offset) = (extent.path.clone(), extent.file, extent.offset);
                    match self.torn.iter_mut().find(|torn| torn.file.compare(&file) != Likeness::Other) {
                        Some(torn) => torn.offset = torn.offset.min(offset),
                        None => self.torn.push(Torn { path, file, offset, end }),
                    }
                }
            }
            if fates.iter().all(|fate| *fate == Fate::There) {
                self.signed.push_back(Signed { intent: found.intent, batch: None });
            }
        }
        Ok(())
    }

    /// After trouble: what was signed for is looked at, and what is missing will be written again.
    fn look_at_the_signed(&mut self) -> Result<(), WriteError> {
        if !self.suspect || self.signed.is_empty() {
            return Ok(());
        }
        let looked_at: Vec<Promise<'_>> = self.signed.iter().map(|s| s.promise()).collect();
        let present = promises::examine(&mut self.targets, &looked_at)?;
        let mut missing = self.recent.take_note(&looked_at, &present);
        let mut lost = Missing::new();
        let mut kept = VecDeque::with_capacity(self.signed.len());
        for (signed, fates) in std::mem::take(&mut self.signed).into_iter().zip(present) {
            if fates.iter().all(|fate| *fate == Fate::There) {
                kept.push_back(signed);
            } else if let Some(batch) = signed.batch {
                self.again.push_back(batch);
            } else {
                let gone = signed.intent.extents.iter().zip(fates).filter(|(_, fate)| *fate != Fate::There);
                lost.extend(gone.filter_map(|(e, _)| missing.remove_entry(&e.path)));
            }
        }
        self.signed = kept;
        tell(
            &missing,
            "the file system lost lines that it had called synced, or somebody shortened or took away the file; they are \
              written again",
        );
        tell(
            &lost,
            "the file system lost lines that it had called synced, or somebody shortened or took away the file; they are \
              not in memory any more",
        );
        Ok(())
    }

    /// Writes what is missing of signed batches, before anything else.
    fn write_again(&mut self) -> Result<(), StoreError> {
        while let Some(batch) = self.again.front().cloned() {
            // Their receipts are given: what stands in the way of one holds up all.
            self.store_one(&batch).map_err(|error| StoreError::transient(error.chain()))?;
            self.again.pop_front();
            self.is_saved = self.is_saved || self.again.is_empty();
        }
        Ok(())
    }
}

/// Events that are missing, by the file that they were in.
type Missing = BTreeMap<String, u64>;

fn tell(missing: &Missing, what: &str) {
    for (file, events) in missing.iter().take(MAX_FILES_TOLD) {
        tracing::error!(file, events, "{what}");
    }
    if missing.len() > MAX_FILES_TOLD {
        let events: u64 = missing.values().skip(MAX_FILES_TOLD).sum();
        tracing::error!(
            files = missing.len() - MAX_FILES_TOLD,
            events,
            "lines were lost from more files in the same way"
        );
    }
}

impl Recent {
    /// Remembers the events of the promises that are there, forgets those that are not, and
    /// gives of these how many were in which file, if somebody was told that they are stored.
    fn take_note(&mut self, promises: &[Promise<'_>], present: &[Vec<Fate>]) -> Missing {
        let pairs = || promises.iter().zip(present);
        let is_there = |fates: &[Fate], run: &Run| fates.get(run.extent as usize) == Some(&Fate::There);
        let runs = |what: fn(bool, bool) -> bool| {
            pairs().flat_map(move |(promise, there)| {
                let is = move |r: &&Run| what(r.extent == DURABLE_BEFORE, is_there(there, r));
                promise.intent.runs.iter().filter(is)
            })
        };
        self.remember(runs(|before, there| before || there).copied());
        runs(|before, there| !before && !there).for_each(|run| self.forget(run));
        // What came again stands in a newer place.
        self.remember(runs(|_, there| there).copied());
        let mut missing = Missing::new();
        for (promise, there) in pairs().filter(|(promise, _)| promise.done) {
            for run in
                promise.intent.runs.iter().filter(|r| r.extent != DURABLE_BEFORE && !is_there(there, r))
            {
                let uids = (0..run.count).filter_map(|n| run.first.checked_add(u128::from(n)));
                let gone = uids.filter(|uid| !self.contains(*uid)).count() as u64;
                if let Some(extent) = promise.intent.extents.get(run.extent as usize).filter(|_| gone > 0) {
                    *missing.entry(extent.path.clone()).or_default() += gone;
                }
            }
        }
        missing
    }
}
