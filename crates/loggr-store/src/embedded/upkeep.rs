//! What a store does beside taking and finding events: retention, the search for damage, its numbers.
//!
//! Not here: which days are past it and which clock is believed (`retention`), nor merging
//! (`compaction`). Invariant: what is dropped is counted in the manifest that drops it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::datafile::DataFile;
use super::lock;
use super::manifest::{FileEntry, Manifest, WriteError};
use super::orphans::has_data_files;
use super::shared::{Scrub, Shared};
use super::writer::Writer;
use crate::retention::{self, Clock, Look, Moment, Step};
use crate::{Dropped, Pruned, StoreError, Summary, partition};

/// Bytes that one step of the search for damage reads, about.
const SCRUB_BYTES: u64 = 64 << 20;
/// After a whole round the search for damage rests for so long.
const SCRUB_REST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a stranger is damage.
const NOT_NAMED: &str = "is not in the manifest, which was made anew while the file was not there: its events are not found \
     until `loggr repair` adds the file";

/// Looks after a store beside its writer, and never waits for it.
#[derive(Clone, Debug)]
pub struct Watch {
    shared: Arc<Shared>,
}

impl Writer {
    /// Looks at the clock, and drops the days that are past the retention if there is one and the clock
    /// is believed. To be called at the start and every minute or so from then on; `accept`: somebody
    /// says that the clock is right.
    pub fn prune(&mut self, now: Moment, accept: bool) -> Result<Pruned, StoreError> {
        let (clock, believed) = self.shared.look(now, accept)?;
        let Some(retention) = self.shared.options.retention.filter(|_| clock.held().is_none()) else {
            return Ok(Pruned { dropped: Dropped::default(), clock });
        };
        let manifest = self.shared.current()?;
        let mut days: BTreeMap<i64, i64> = BTreeMap::new();
        for file in &manifest.files {
            let written = days.entry(file.day).or_default();
            *written = file.written.max(*written);
        }
        let days: Vec<(i64, i64)> = days.into_iter().collect();
        let gone = retention::past(&days, believed, retention);
        let dropped = self.drop_days(&manifest, &gone, |manifest, events| manifest.dropped += events)?;
        Ok(Pruned { dropped, clock })
    }

    /// Drops the partitions that ended before a moment (microseconds since 1970), all of them
    /// without one.
    pub fn purge(&mut self, before: Option<i64>) -> Result<Dropped, StoreError> {
        let oldest_kept = before.map_or(i64::MAX, partition::day_of);
        let manifest = self.shared.current()?;
        let mut days: Vec<i64> = manifest.files.iter().map(|f| f.day).filter(|d| *d < oldest_kept).collect();
        days.sort_unstable();
        days.dedup();
        self.drop_days(&manifest, &days, |manifest, events| manifest.purged += events)
    }

    /// Drops whole days, and counts what was in them.
    fn drop_days(
        &self,
        manifest: &Manifest,
        days: &[i64],
        count: impl FnOnce(&mut Manifest, u64),
    ) -> Result<Dropped, StoreError> {
        let gone: Vec<FileEntry> =
            manifest.files.iter().filter(|f| days.binary_search(&f.day).is_ok()).cloned().collect();
        if gone.is_empty() {
            return Ok(Dropped::default());
        }
        let events = gone.iter().map(|f| u64::from(f.rows)).sum();
        self.shared.commit_with(Vec::new(), &gone, |manifest| count(manifest, events))?;
        for day in days {
            // An empty directory left behind is harmless: the next start removes it.
            std::fs::remove_dir(self.shared.dir.join(partition::directory(*day))).ok();
        }
        Ok(Dropped { days: days.iter().copied().map(partition::date).collect(), busy: Vec::new(), events })
    }

    /// Who looks after the store beside its writer.
    pub fn watch(&self) -> Watch {
        Watch { shared: Arc::clone(&self.shared) }
    }
}

impl Shared {
    /// Looks at the clock, and keeps what it saw where that is news. What it came to, and the time
    /// that is believed.
    fn look(&self, now: Moment, accept: bool) -> Result<(Look, i64), StoreError> {
        let mut state = lock(&self.state);
        self.check(&mut state)?;
        let mut manifest = Manifest::clone(&state.manifest);
        let mut clock = state.clock.clone();
        let mut news = false;
        if clock.believed == 0 {
            // The first look ever, perhaps of an older store: it was right when it was last written.
            let newest = manifest.files.iter().map(|f| f.max_time).max();
            clock = Clock::new(newest.unwrap_or(now.wall).max(1), None);
            news = true;
        }
        for file in manifest.files.iter_mut().filter(|f| f.written == 0) {
            file.written = file.max_time.max(1);
            news = true;
        }
        if state.looked.is_none() {
            // What was written after the last look of the process before was no later than its end.
            let newest = manifest.files.iter().map(|f| f.written).max();
            clock.believed = clock.believed.max(newest.unwrap_or(0));
        }
        let ran = state.looked.map(|(then, _)| now.monotonic.saturating_sub(then));
        let (look, shift) = clock.look(now.wall, ran, accept);
        if let Some(shift) = shift {
            manifest.files.iter_mut().for_each(|f| f.written = shift.apply(f.written));
        }
        if news || shift.is_some() || clock.is_news(&manifest.clock) {
            manifest.clock = clock.clone();
            manifest.generation += 1;
            match manifest.write(&self.dir) {
                Ok(identity) => state.identity = identity,
                Err(WriteError::Unchanged(e)) => return Err(e),
                Err(WriteError::Unsure(e)) => {
                    state.suspect = true;
                    return Err(e);
                }
            }
            state.manifest = Arc::new(manifest);
        }
        let believed = clock.believed;
        (state.clock, state.looked) = (clock, Some((now.monotonic, Instant::now())));
        Ok((look, believed))
    }
}

/// The numbers of a store that nobody need have open; what is damaged in it is not looked for.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] where the manifest is damaged.
pub fn summary(dir: &Path) -> Result<Summary, StoreError> {
    let manifest = match Manifest::read(dir)? {
        Some((manifest, _)) => manifest,
        None if has_data_files(dir)? => return Err(Manifest::lost(dir)),
        None => Manifest::default(),
    };
    Ok(summarise(dir, &manifest, manifest.clock.step, &BTreeMap::new()))
}

fn summarise(
    dir: &Path,
    manifest: &Manifest,
    step: Option<Step>,
    damaged: &BTreeMap<u64, String>,
) -> Summary {
    let mut sum = Summary { dropped: manifest.dropped, purged: manifest.purged, step, ..Summary::default() };
    let mut days: Vec<i64> = Vec::with_capacity(manifest.files.len());
    for file in &manifest.files {
        sum.events += u64::from(file.rows);
        sum.bytes += file.file_bytes;
        sum.files += 1;
        let (first, last) = sum.times.unwrap_or((i64::MAX, i64::MIN));
        sum.times = Some((first.min(file.min_time), last.max(file.max_time)));
        days.push(file.day);
        if let Some(what) = damaged.get(&file.number) {
            sum.damaged.push((dir.join(file.relative()), what.clone()));
        }
    }
    days.sort_unstable();
    days.dedup();
    sum.days = days.len() as u64;
    sum
}

impl Watch {
    /// The error of the last merge in the background, once.
    pub fn compaction_error(&self) -> Option<StoreError> {
        lock(&self.shared.work).failed.take()
    }

    /// The numbers, as the manifest has them.
    pub fn summary(&self) -> Summary {
        let (manifest, step) = {
            let state = lock(&self.shared.state);
            (Arc::clone(&state.manifest), state.clock.step)
        };
        let damaged = lock(&self.shared.damaged).clone();
        let mut sum = summarise(&self.shared.dir, &manifest, step, &damaged);
        let told = |path: &PathBuf| (path.clone(), format!("`{}` {NOT_NAMED}", path.display()));
        sum.damaged.extend(self.shared.strangers.iter().map(told));
        sum
    }

    /// Looks for damage: that all files are there, and of some of them every byte; the next call goes
    /// on behind. What is damaged is in [`Watch::summary`], what is whole again is not.
    ///
    /// # Errors
    /// Something that may work later.
    pub fn scrub(&self) -> Result<(), StoreError> {
        let manifest = Arc::clone(&lock(&self.shared.state).manifest);
        let mut scrub = lock(&self.shared.scrub);
        if scrub.rested.is_some_and(|since| since.elapsed() >= SCRUB_REST) {
            *scrub = Scrub::default();
        }
        let mut files: Vec<&FileEntry> = manifest.files.iter().collect();
        files.sort_unstable_by_key(|f| f.number);
        for file in &files {
            let there = std::fs::metadata(self.shared.dir.join(file.relative()));
            if there.map_or(true, |there| there.len() != file.file_bytes) {
                self.judge(file)?;
            }
        }
        let mut bytes = 0;
        let (next, resting) = (scrub.next, scrub.rested.is_some());
        for file in files.into_iter().filter(|f| f.number >= next && !resting) {
            if bytes >= SCRUB_BYTES {
                return Ok(());
            }
            self.judge(file)?;
            bytes += file.file_bytes;
            scrub.next = file.number + 1;
        }
        scrub.rested.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Reads a whole file, and notes what is wrong with it.
    fn judge(&self, file: &FileEntry) -> Result<(), StoreError> {
        // Opened anew: what was believed before must be read again.
        let wrong = match DataFile::open(&self.shared.dir, file) {
            Ok(opened) => opened.verify(),
            Err(e) => vec![e],
        };
        let Some(first) = wrong.into_iter().next() else {
            lock(&self.shared.damaged).remove(&file.number);
            return Ok(());
        };
        if first.kind() != crate::ErrorKind::Corrupt && !first.is_missing_file() {
            return Err(first);
        }
        self.shared.note(file.number, &first);
        Ok(())
    }
}
