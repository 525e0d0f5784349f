//! A scan: which files there are now, which of them have grown, and which have gone.
//!
//! Not which of the known files a new one is (`admit`), and not where a known file has gone that is not found
//! (`search`).

use std::collections::{BTreeSet, HashSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::file::{Tailed, written};
use super::memory::{COPY_TIME, Heirs, nanos_now};
use super::positions::Id;
use super::walk::Walk;
use super::work::Tail;

/// Files of one listener, at most.
const MAX_FILES: usize = 100_000;
/// The time between two scans; more where a scan takes long.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// A scan may take one part in so many of the time.
const SCAN_SHARE: u32 = 20;
/// A file that has been quiet for so long is closed.
const QUIET: Duration = Duration::from_secs(300);
/// The times of files are those of the kernel's last tick, of which the slowest kernels have 100 in a second.
const CLOCK_TICK_NANOS: u64 = 10_000_000;

impl Tail {
    /// Looks which files there are.
    pub(super) fn scan(&mut self, now: Instant) {
        let begun = nanos_now();
        let mut walk = Walk::new(&self.wanted.exclude, MAX_FILES);
        let empty: BTreeSet<usize> =
            self.wanted.paths.iter().enumerate().filter(|(_, p)| !walk.find(p)).map(|(at, _)| at).collect();
        let Walk { files, errors, is_full, .. } = walk;
        self.tell_walk(empty, &errors, is_full);
        let mut present = HashSet::new();
        let mut new = Vec::new();
        for (path, meta) in files {
            match self.by_inode.get(&(meta.dev(), meta.ino())).copied() {
                Some(id) => {
                    present.insert(id);
                    self.still_there(id, path, &meta, now);
                }
                None => new.push((path, meta)),
            }
        }
        let gone: Vec<Id> = self
            .files
            .values_mut()
            .filter_map(|file| {
                let is_gone = !present.contains(&file.id) && file.missing.is_none();
                is_gone.then(|| {
                    file.missing = Some(now);
                    file.id
                })
            })
            .collect();
        for id in gone {
            self.wake(id, now);
            self.look_for_heirs(id, now);
        }
        self.scanning.has_missed = false;
        let new: Vec<_> =
            new.into_iter().filter_map(|(path, meta)| self.admit_known(path, &meta, now)).collect();
        if !self.scanning.is_later {
            self.all_others_are_lost(now);
        }
        self.search(now);
        self.scanning.copies.retain(|path, _| new.iter().any(|(known, ..)| known == path));
        for (path, content, size) in new {
            let place = (content.inode.dev, content.inode.ino);
            if !self.by_inode.contains_key(&place) {
                self.admit(path, content, size, now);
            }
            // A file of this name may have come and gone since the last scan.
            if let Some(id) = self.by_inode.get(&place).copied() {
                self.look_for_unseen(id, now);
            }
        }
        if !self.scanning.is_later {
            let present: Vec<Id> = self.files.keys().copied().collect();
            present.into_iter().for_each(|id| self.look_for_unseen(id, now));
        }
        self.inherit(now);
        self.finish(now);
        // What is looked for has to be looked for after a crash, too.
        let is_looking = self.scanning.heirs.values().any(|heirs| heirs.made_since.is_some());
        if !is_looking && !self.scanning.has_missed {
            self.positions.looked = begun;
        }
        if !std::mem::replace(&mut self.scanning.is_later, true) {
            // From now on it has run.
            self.commit();
        }
        let took = now.elapsed();
        self.next_scan = Instant::now() + SCAN_EVERY.max(took * SCAN_SHARE);
    }

    fn tell_walk(&mut self, empty: BTreeSet<usize>, errors: &[(PathBuf, io::Error)], is_full: bool) {
        let listener = self.intake.stats.name();
        for at in empty.difference(&self.scanning.empty) {
            if let Some(pattern) = self.wanted.paths.get(*at) {
                tracing::info!(listener, %pattern, "no file matches this pattern yet; waiting for one");
            }
        }
        self.scanning.empty = empty;
        for (path, error) in errors {
            self.failed(path, error);
        }
        if is_full {
            let what = format!("the patterns name more than {MAX_FILES} files; the others are not read");
            let first = self.wanted.paths.first().map(ToString::to_string).unwrap_or_default();
            self.trouble(Path::new(&first), &what);
        }
        let failed: HashSet<&Path> = errors.iter().map(|(path, _)| path.as_path()).collect();
        if let Some(stats) = self.stats() {
            // A directory that can be looked into again has no trouble any more, nor has what is gone.
            stats.keep(|of| failed.contains(of) || (of.exists() && !of.is_dir()) || is_full);
        }
    }

    /// What the system does not let us do with a file.
    pub(super) fn failed(&self, path: &Path, error: &io::Error) {
        let what = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                let user = crate::process::privileges::user();
                let advice = crate::process::confine::reading_advice(path);
                let what = if path.is_dir() { "look into it" } else { "read it" };
                let hint = advice.map_or(String::new(), |advice| format!(" ({advice})"));
                format!("the user `{user}` may not {what}{hint}")
            }
            _ => format!("it cannot be read: {error}"),
        };
        self.trouble(path, &what);
    }

    /// A file has one of the names that are looked for.
    fn still_there(&mut self, id: Id, path: PathBuf, meta: &Metadata, now: Instant) {
        let Some(file) = self.files.get_mut(&id) else { return };
        if meta.size() < file.size && self.binary.remove(&id).is_some() {
            if let Some(stats) = self.stats() {
                stats.fine(&path);
            }
            return self.wake(id, now);
        }
        if file.missing.take().is_some() {
            (file.is_over, file.grown) = (false, now);
        }
        file.name = path;
        let is_quiet = now.duration_since(file.grown) >= QUIET;
        let has_changed = meta.size() != file.size || written(meta) != file.known.written;
        let waits =
            self.wanted.partial_line_after.is_some_and(|after| now.duration_since(file.grown) >= after);
        // The last line without line feed; nothing comes behind it.
        let flush = waits && !file.is_over && meta.size() > file.read_to();
        file.is_over = waits;
        if has_changed || flush {
            self.wake(id, now);
        } else if is_quiet && file.is_settled() && file.due.is_none() {
            file.content = None;
        }
    }

    /// Files that had the name of this one, and that nobody has seen, are looked for.
    fn look_for_unseen(&mut self, id: Id, now: Instant) {
        let made_since = Some(self.positions.looked.saturating_sub(CLOCK_TICK_NANOS));
        let heirs = Heirs { until: now + COPY_TIME, made_since };
        self.scanning.heirs.entry(id).or_insert(heirs);
    }

    pub(super) fn look_for_heirs(&mut self, id: Id, now: Instant) {
        let until = now + COPY_TIME.max(self.wanted.grace);
        self.scanning.heirs.insert(id, Heirs { until, made_since: None });
    }

    /// At the start, whatever was being read and was not found under its name.
    fn all_others_are_lost(&mut self, now: Instant) {
        let lost: Vec<Id> =
            self.known.iter().filter(|(_, known)| !known.is_done).map(|(id, _)| *id).collect();
        for id in lost {
            let Some(known) = self.known.remove(&id) else { continue };
            let path = known.path.to_path();
            let origin = self.origin(&path);
            let mut file = Tailed::new(id, known, origin, path, now);
            (file.is_lost, file.missing, file.due) = (true, Some(now), None);
            self.files.insert(id, file);
            self.look_for_heirs(id, now);
        }
    }
}
