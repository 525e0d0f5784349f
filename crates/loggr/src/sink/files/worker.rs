//! One batch into files: render, intend, append, sync; and the way back when a step fails.
//!
//! Blocking; runs on the sink's own thread. Does not sign: its `Ok` is what the
//! receipt is signed for.
//!
//! Invariants:
//! - A batch is appended whole or, as far as the disk lets us, not at all: what a failed
//!   batch left is cut off before anything else is written.
//! - No byte is appended before an intent says where and how many.
//! - After a restart a region that is whole holds its events, and they are skipped when
//!   they come again; a region that the crash tore is cut back to its beginning, for
//!   nobody was told that it was stored. Both are decided by length, inode and checksum
//!   of the region, so other options (another format) do not confuse it.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use loggr_event::DumpFormat;
use loggr_flow::{Batch, StoreError};

use super::error::{OpenError, WriteError};
use super::fault::Op;
use super::journal::{Extent, Found, Intent, Journal};
use super::line;
use super::member::{Compress, compress};
use super::path::Paths;
use super::targets::{Modes, Targets};
use super::uids::{self, DURABLE_BEFORE, Recent, Run};

/// What a failed batch left in a file and could not be cut off yet.
#[derive(Debug)]
struct Debris {
    path: String,
    dev: u64,
    ino: u64,
    offset: u64,
    end: u64,
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
        Ok(Worker {
            format,
            compress,
            paths,
            targets: Targets::new(base, modes),
            journal,
            recent,
            found,
            debris: Vec::new(),
            unmarked: false,
            batches: 0,
            touched: Vec::new(),
            runs: Vec::new(),
        })
    }

    /// Stores the batch durably. An event that is there already is not written again.
    pub fn store(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.clean_up().map_err(StoreError::transient)?;
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
            Ok(()) => self.append().map_err(StoreError::transient),
            Err(_) => Err(StoreError::permanent("BUG: rendering the event panicked")),
        };
        let touched = std::mem::take(&mut self.touched);
        self.targets.empty(&touched);
        self.touched = touched;
        stored
    }

    /// Fills the buffers of the files.
    fn render(&mut self, batch: &Batch) {
        let mut seen = HashSet::new();
        let twins = uids::has_twins(batch);
        for record in batch.records() {
            let uid = uids::number(record.uid);
            if self.recent.contains(uid) {
                // Carried along, so that the newest intents alone know the newest batches.
                uids::push(&mut self.runs, uid, DURABLE_BEFORE);
                continue;
            }
            if twins && uid != 0 && !seen.insert(uid) {
                continue;
            }
            let event = record.event();
            let targets = &mut self.targets;
            let index = self.paths.file(&event, |path| targets.index(path));
            let target = targets.get(index);
            if target.batch != self.batches {
                target.batch = self.batches;
                target.extent = self.touched.len() as u32;
                target.buffer.clear();
                self.touched.push(index);
            }
            line::append(&event, &self.format, &mut target.buffer);
            uids::push(&mut self.runs, uid, target.extent);
        }
    }

    /// Appends the buffers; all or nothing.
    fn append(&mut self) -> Result<(), WriteError> {
        let intent = self.intend()?;
        let mut written = vec![0; intent.extents.len()];
        if let Err(error) = self.write(&intent, &mut written) {
            self.unmarked = true;
            self.roll_back(&intent, &written);
            return Err(error);
        }
        // Should the mark fail: the bytes are durable, and a restart finds them whole.
        let marked = self.targets.faults.before(Op::Done).and_then(|_| self.journal.done());
        if let Err(error) = marked {
            tracing::debug!(journal = %self.journal.path().display(), %error, "cannot mark an intent as done");
        }
        self.recent.remember(intent.runs.iter().copied());
        self.runs = intent.runs;
        Ok(())
    }

    /// Looks where each file ends and writes the intent down.
    fn intend(&mut self) -> Result<Intent, WriteError> {
        let mut extents = Vec::with_capacity(self.touched.len());
        for &index in &self.touched {
            self.targets.open(index)?;
            let (offset, at_line) = self.targets.end(index)?;
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
                dev: handle.dev,
                ino: handle.ino,
                offset,
                len: target.buffer.len() as u64,
                crc: checksum(&target.buffer),
            });
        }
        let intent = Intent { extents, runs: std::mem::take(&mut self.runs) };
        // A torn member hides all that follows it; half a line hides nothing.
        let sync = self.compress != Compress::None;
        let begun = self
            .targets
            .faults
            .before(Op::Intent)
            .and_then(|_| self.journal.begin(&intent, sync, &self.recent));
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
            Some(h) if (h.dev, h.ino, end) == (extent.dev, extent.ino, extent.offset) => Ok(()),
            _ => Err(WriteError::because("write", &target.absolute, "it was replaced meanwhile")),
        }
    }

    /// Cuts off what a failed batch left; what cannot be cut now is debris.
    fn roll_back(&mut self, intent: &Intent, written: &[u64]) {
        for ((extent, written), index) in intent.extents.iter().zip(written).zip(self.touched.clone()) {
            let (offset, end) = (extent.offset, extent.offset + written);
            if *written > 0 && self.targets.cut(index, offset, end).is_err() {
                let (path, dev, ino) = (extent.path.clone(), extent.dev, extent.ino);
                self.debris.push(Debris { path, dev, ino, offset, end });
            }
            // A handle that failed to sync knows less than the disk; none is trusted.
            self.targets.drop_handle(index);
        }
        if let Err(error) = self.remove_debris() {
            tracing::debug!(%error, "cannot roll back yet");
        }
    }

    /// Before each batch: what an earlier life or a failed batch left behind.
    fn clean_up(&mut self) -> Result<(), WriteError> {
        if self.debris.is_empty() && !self.unmarked && self.found.is_empty() {
            return Ok(());
        }
        self.remove_debris()?;
        self.recover()
    }

    fn remove_debris(&mut self) -> Result<(), WriteError> {
        while let Some(left) = self.debris.last() {
            if let Some((file, absolute)) = self.targets.find(&left.path, left.dev, left.ino)? {
                let failed = |e| WriteError::new("cut off an unfinished batch from", &absolute, e);
                self.targets.faults.cut(&file, left.offset, left.end).map_err(failed)?;
            }
            self.debris.pop();
        }
        if self.unmarked {
            self.journal
                .undone()
                .map_err(|e| WriteError::new("write the journal", self.journal.path(), e))?;
            self.unmarked = false;
        }
        Ok(())
    }

    /// Finds out which events of the journal's intents are in the files. Ends with all
    /// of them durable and all torn regions cut off, or changes nothing for good.
    fn recover(&mut self) -> Result<(), WriteError> {
        // Files that a newer intent speaks of: an older one must not cut them.
        let mut newer = HashSet::new();
        let mut sets = Vec::with_capacity(self.found.len());
        for found in self.found.clone().into_iter().rev() {
            let mut present = Vec::with_capacity(found.intent.extents.len());
            for extent in &found.intent.extents {
                let cut = !newer.contains(&(extent.dev, extent.ino));
                present.push(found.done || self.settle(extent, cut)?);
            }
            newer.extend(found.intent.extents.iter().map(|e| (e.dev, e.ino)));
            let there = |r: &Run| {
                r.extent == DURABLE_BEFORE || present.get(r.extent as usize).copied().unwrap_or(false)
            };
            sets.push(found.intent.runs.into_iter().filter(there).collect::<Vec<_>>());
        }
        self.targets.sync_directories()?;
        self.found.clear();
        for runs in sets.into_iter().rev() {
            self.recent.remember(runs);
        }
        Ok(())
    }

    /// True if the region is whole, and durable now; cuts a torn one off.
    fn settle(&mut self, extent: &Extent, cut: bool) -> Result<bool, WriteError> {
        let Some((file, absolute)) = self.targets.find(&extent.path, extent.dev, extent.ino)? else {
            return Ok(false);
        };
        let len = file.metadata().map_err(|e| WriteError::new("look at", &absolute, e))?.len();
        let end = extent.offset.saturating_add(extent.len);
        if len < end {
            if cut && len > extent.offset {
                tracing::info!(file = %absolute.display(), from = len, to = extent.offset, "cutting off a batch that a crash interrupted");
                self.targets
                    .faults
                    .cut(&file, extent.offset, end)
                    .map_err(|e| WriteError::new("cut off an unfinished batch from", &absolute, e))?;
            }
            return Ok(false);
        }
        let bytes = match read_region(&file, extent) {
            Ok(bytes) => bytes,
            Err(error) => {
                // A bad sector stays bad: better the events twice than no event any more.
                tracing::warn!(file = %absolute.display(), %error, "cannot read back what was written before the restart");
                return Ok(false);
            }
        };
        if checksum(&bytes) != extent.crc {
            return Ok(false);
        }
        // A sync that failed before the crash may have left these pages marked clean
        // without their being on the disk: written again, they are dirty again.
        file.write_all_at(&bytes, extent.offset).map_err(|e| WriteError::new("write", &absolute, e))?;
        // DURABLE: its events will be skipped and signed for.
        self.targets
            .faults
            .sync_many(&[&file], File::sync_data)
            .map_err(|(_, e)| e)
            .map_err(|e| WriteError::new("sync", &absolute, e))?;
        self.targets.name_is_new(&absolute);
        Ok(true)
    }
}

fn read_region(file: &File, extent: &Extent) -> io::Result<Vec<u8>> {
    let len = usize::try_from(extent.len).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, extent.offset)?;
    Ok(bytes)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
