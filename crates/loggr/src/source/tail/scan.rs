//! A scan: which files there are now, which of them are known, and which are done.
//!
//! Not where a known file has gone that is not found (`search`). A file is one that was read before if its
//! inode and its text say so; one of another inode if its text says so, and either its name is that of a
//! rotated file or so much of its text is the same that it can be no other. What cannot be decided yet is left
//! for the next scan.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::content::Content;
use super::file::{Tailed, written};
use super::identity::{FINGERPRINT_BYTES, GUARD_BYTES, Inode, Mark, is_rotation};
use super::positions::{Id, Known};
use super::walk::Walk;
use super::work::Tail;
use crate::config::Start;
use crate::process::clock;
use crate::process::descriptors::MAX_WATCHED_FILES;

/// Files of one listener, at most.
const MAX_FILES: usize = 100_000;
/// The time between two scans; more where a scan takes long.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// A scan may take one part in so many of the time.
const SCAN_SHARE: u32 = 20;
/// How long a copy of a file may stand beside it before it counts as a file of its own.
const COPY_TIME: Duration = Duration::from_secs(10);
/// A file that has been quiet for so long is closed.
const QUIET: Duration = Duration::from_secs(300);
/// What is known of a file is forgotten when it was not seen for so long.
const FORGET_SECONDS: u64 = 30 * 86_400;

/// The files that are looked for as the successors of one, or as its predecessors that nobody has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heirs {
    /// Until then.
    pub until: Instant,
    /// They were made since, in nanoseconds since 1970; without it: written since the file was.
    pub made_since: Option<u64>,
}

/// What one scan tells the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// Copies of files that are still there: since when they are of this size.
    copies: BTreeMap<PathBuf, (Instant, u64)>,
    /// Patterns to which nothing belongs, which was said.
    empty: BTreeSet<usize>,
    /// Files whose successors are looked for, until then.
    pub(super) heirs: BTreeMap<Id, Heirs>,
    /// When lost files are searched next.
    pub(super) searched: Option<Instant>,
    is_later: bool,
}

/// Whether a text is a copy of a known one.
pub(super) enum Copy {
    /// It holds all that was read.
    Whole,
    /// It ends here, before the place up to which was read.
    Short(u64),
    /// It is another text.
    None,
}

/// What a known file and an open one have to do with each other.
enum Fit {
    Same,
    /// It is the same file with another text.
    Changed,
    Other,
}

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
            if self.positions.looked > 0
                && let Some(id) = self.by_inode.get(&place)
            {
                let heirs = Heirs { until: now + SCAN_EVERY, made_since: Some(self.positions.looked) };
                self.scanning.heirs.entry(*id).or_insert(heirs);
            }
        }
        self.inherit(now);
        self.finish(now);
        self.positions.looked = begun;
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

    /// A file that was read before, by its inode. Gives others back, open.
    fn admit_known(
        &mut self,
        path: PathBuf,
        meta: &Metadata,
        now: Instant,
    ) -> Option<(PathBuf, Content, u64)> {
        if self.files.values().filter(|file| file.content.is_some()).count() >= MAX_WATCHED_FILES {
            self.close_quiet();
        }
        let content = match Content::open(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.failed(&path, &error);
                return None;
            }
        };
        if self.damaged.contains(&content.inode.ino) {
            let listener = self.intake.stats.name();
            let what = format!(
                "how far it was read is written down in a damaged line, so that it is not read; to have it read from \
                 its beginning, give a copy of it this name, or stop loggr and remove `{listener}.positions`"
            );
            self.trouble(&path, &what);
            return None;
        }
        let mut content = self.admit_inode(&path, content, now)?;
        let size =
            if content.is_packed() { meta.size() } else { content.metadata().map_or(0, |meta| meta.size()) };
        // A pipe of another program may still fill it.
        if content.is_packed() && content.read_before(1).is_err() {
            return None;
        }
        Some((path, content, size))
    }

    /// The known file of this inode, if there is one; else the open file again.
    pub(super) fn admit_inode(&mut self, path: &Path, mut content: Content, now: Instant) -> Option<Content> {
        let inode = content.inode;
        let known = self.known.iter().filter(|(_, known)| known.inode.may_be(&inode)).map(|(id, _)| *id);
        let lost = self.files.values().filter(|file| file.is_lost && file.known.inode.may_be(&inode));
        let mut candidates: Vec<Id> = known.chain(lost.map(|file| file.id)).collect();
        candidates.sort_by_key(|id| self.about(*id).is_none_or(|known| known.inode.dev != inode.dev));
        for id in candidates {
            let Some(known) = self.about(id) else { continue };
            match fit(known, &mut content) {
                Ok(Fit::Same) => {
                    self.take_up(id, content, path, now);
                    return None;
                }
                Ok(Fit::Changed) => self.lose(id, now),
                Ok(Fit::Other) => {}
                Err(error) => {
                    self.failed(path, &error);
                    return None;
                }
            }
        }
        Some(content)
    }

    fn about(&self, id: Id) -> Option<&Known> {
        self.known.get(&id).or_else(|| self.files.get(&id).map(|file| &file.known))
    }

    /// How far it was read.
    fn place(&self, id: Id) -> Option<(u64, Mark)> {
        let own = self.files.get(&id).map(Tailed::place);
        own.or_else(|| self.known.get(&id).map(|known| (known.position, known.guard)))
    }

    /// Is it a copy of a known file whose text is not where it was? It begins like that.
    pub(super) fn copy_of(&self, id: Id, content: &mut Content) -> Copy {
        let Some((place, guard)) = self.place(id) else { return Copy::None };
        if is_text_of(place, guard, content) {
            return Copy::Whole;
        }
        let Some(known) = self.about(id) else { return Copy::None };
        if known.ends.is_empty() {
            return Copy::None;
        }
        let end = match content.is_packed() {
            true => text_len(content),
            false => content.metadata().map_or(0, |meta| meta.size()),
        };
        let last = known.ends.iter().rev().find(|(at, _)| *at <= end && *at < place);
        match last {
            Some((at, guard)) if end < place && is_text_of(*at, *guard, content) => Copy::Short(end),
            _ => Copy::None,
        }
    }

    /// A known file is this copy now, and was read to its end.
    pub(super) fn take_up_short(&mut self, id: Id, content: Content, path: &Path, end: u64, now: Instant) {
        if let Some(known) = self.known.remove(&id) {
            let origin = self.origin(&known.path.to_path());
            self.files.insert(id, Tailed::new(id, known, origin, path.to_owned(), now));
        }
        let place = (content.inode.dev, content.inode.ino);
        let Some(file) = self.files.get_mut(&id) else { return };
        if let Err(error) = file.adopt_short(content, path, end, now) {
            return self.failed(path, &error);
        }
        file.missing = Some(now);
        self.by_inode.insert(place, id);
        self.dirty.insert(id);
        self.wake(id, now);
    }

    /// Reads a known file on, which is this one now.
    pub(super) fn take_up(&mut self, id: Id, content: Content, path: &Path, now: Instant) {
        if let Some(known) = self.known.remove(&id) {
            let origin = self.origin(&known.path.to_path());
            self.files.insert(id, Tailed::new(id, known, origin, path.to_owned(), now));
        }
        let Some(file) = self.files.get_mut(&id) else { return };
        let place = (content.inode.dev, content.inode.ino);
        if let Err(error) = file.adopt(content, path, now) {
            return self.failed(path, &error);
        }
        (file.missing, file.grown) = (None, now);
        self.by_inode.insert(place, id);
        self.dirty.insert(id);
        self.wake(id, now);
        if let Some(stats) = self.stats() {
            stats.fine(path);
        }
    }

    /// The text of a known file is not where it was any more.
    fn lose(&mut self, id: Id, now: Instant) {
        self.scanning.searched = None;
        if let Some(known) = self.known.remove(&id) {
            let path = known.path.to_path();
            let origin = self.origin(&path);
            self.files.insert(id, Tailed::new(id, known, origin, path, now));
        }
        let Some(file) = self.files.get_mut(&id) else { return };
        (file.is_lost, file.missing, file.due) = (true, Some(now), None);
        // Whatever has the number now is another text.
        file.known.inode.ino = 0;
        self.dirty.insert(id);
        self.look_for_heirs(id, now);
    }

    fn look_for_heirs(&mut self, id: Id, now: Instant) {
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

    /// A file whose inode nobody knows: a copy of one that is known, or a new one.
    fn admit(&mut self, path: PathBuf, mut content: Content, size: u64, now: Instant) {
        let mut head = Vec::new();
        if let Err(error) = content.read(0, FINGERPRINT_BYTES, &mut head) {
            // A compressed file that is being written is not whole yet.
            if error.kind() != io::ErrorKind::UnexpectedEof {
                self.failed(&path, &error);
            }
            return;
        }
        let begins = |known: &Known| known.fingerprint.len > 0 && known.fingerprint.begins(&head);
        let is_rotated = |known: &Known| rotates(&known.path.to_path(), &path);
        let likely = |known: &Known| {
            is_rotated(known) || known.position >= (known.fingerprint.len + GUARD_BYTES) as u64
        };
        // Where it is still read under its own name, only a name tells a copy from another file.
        let mut own = self.files.values();
        let original = own.find(|file| !file.is_lost && file.begins_like(&head) && is_rotated(&file.known));
        if let Some(id) = original.map(|file| file.id) {
            return self.copied(id, path, content, size, now);
        }
        let lost =
            self.files.values().filter(|file| file.is_lost && file.begins_like(&head) && likely(&file.known));
        let lost: Vec<Id> = lost.map(|file| file.id).collect();
        let known = self.known.iter().filter(|(_, known)| begins(known) && likely(known)).map(|(id, _)| *id);
        for id in lost.into_iter().chain(known.collect::<Vec<_>>()) {
            match self.copy_of(id, &mut content) {
                Copy::Whole => return self.take_up(id, content, &path, now),
                Copy::Short(end) => return self.take_up_short(id, content, &path, end, now),
                Copy::None => {}
            }
        }
        self.begin(&path, &path, content, now);
    }

    /// A copy of a file that is still read. If it was made to truncate the file, its rest belongs to that.
    fn copied(&mut self, id: Id, path: PathBuf, mut content: Content, size: u64, now: Instant) {
        let seen = self.scanning.copies.entry(path.clone()).or_insert((now, size));
        if seen.1 != size {
            *seen = (now, size);
        }
        let Some(file) = self.files.get_mut(&id) else { return };
        // What is removed and read to its end leaves it its place.
        if file.missing.is_some() || now.duration_since(seen.0) < COPY_TIME {
            return;
        }
        let end = match content.is_packed() {
            false => size,
            true => text_len(&mut content),
        };
        let own = file.content.as_mut().and_then(|own| own.read_before(end).ok());
        let is_copy = content.read_before(end).ok() == own && own.is_some();
        if !is_copy {
            self.begin(&path, &path, content, now);
            return;
        }
        let Some(new) = self.begin(&path, &path, content, now) else { return };
        if let Some(copy) = self.files.get_mut(&new)
            && let Err(error) = copy.begin_at(end)
        {
            self.failed(&path, &error);
        }
    }

    /// A file that was never read. `named`: what its events call it.
    pub(super) fn begin(&mut self, path: &Path, named: &Path, content: Content, now: Instant) -> Option<Id> {
        let id = self.positions.new_id();
        let is_first = !self.positions.has_run && !self.scanning.is_later;
        let place = (content.inode.dev, content.inode.ino);
        let known = Known {
            written: content.metadata().map_or(0, |meta| written(&meta)),
            ..new_file(named, content.inode)
        };
        let origin = self.origin(named);
        let mut file = Tailed::new(id, known, origin, path.to_owned(), now);
        let mut ready = file.adopt(content, path, now);
        if is_first && self.wanted.start == Start::End {
            ready = ready.and_then(|()| file.begin_at_end());
        }
        if let Err(error) = ready {
            self.failed(path, &error);
            return None;
        }
        self.files.insert(id, file);
        self.by_inode.insert(place, id);
        self.dirty.insert(id);
        self.wake(id, now);
        if let Some(stats) = self.stats() {
            stats.fine(path);
        }
        Some(id)
    }

    /// Is the file open? If it was closed, is it still the one that it was?
    pub(super) fn is_open(&mut self, id: Id, now: Instant) -> bool {
        let Some(file) = self.files.get_mut(&id) else { return false };
        if file.content.is_some() || file.is_lost || self.binary.contains_key(&id) {
            return file.content.is_some() && !self.binary.contains_key(&id);
        }
        let (name, known) = (file.name.clone(), &file.known);
        let opened = Content::open(&name).and_then(|mut content| Ok((fit(known, &mut content)?, content)));
        match opened {
            Ok((Fit::Same, content)) => {
                let adopted = file.adopt(content, &name, now);
                adopted.is_ok()
            }
            Ok((Fit::Changed, _)) => {
                self.changed(id, now);
                false
            }
            // It has another name by now; the next scan looks for it.
            Ok((Fit::Other, _)) | Err(_) => {
                self.by_inode.retain(|_, of| *of != id);
                file.due = None;
                (file.is_lost, file.missing) = (true, Some(now));
                self.look_for_heirs(id, now);
                self.scanning.searched = None;
                self.next_scan = now;
                false
            }
        }
    }

    /// The text of a file that is read was taken from under it: it was truncated. What is there now is new.
    pub(super) fn changed(&mut self, id: Id, now: Instant) {
        let Some(file) = self.files.get_mut(&id) else { return };
        let (name, named) = (file.name.clone(), file.known.path.to_path());
        let (content, read, size) = (file.content.take(), file.read_to(), file.size);
        if let Some(stats) = self.stats() {
            stats.truncated.add(1);
        }
        let (listener, shown) = (self.intake.stats.name(), named.display());
        tracing::warn!(
            listener,
            file = %shown,
            read,
            seen = size,
            "the file was truncated or written anew; what came into it after it was read last is missing if no copy \
             of it is found"
        );
        self.by_inode.retain(|_, of| *of != id);
        self.lose(id, now);
        let content = content.map_or_else(|| Content::open(&name), Ok);
        match content {
            Ok(content) => {
                self.begin(&name, &named, content, now);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.failed(&name, &error),
        }
        self.next_scan = now;
    }

    /// What is no text is not read, until another file has its name.
    pub(super) fn is_binary(&mut self, id: Id, name: &Path, what: &str) {
        self.binary.insert(id, name.to_owned());
        self.trouble(name, &format!("it is no log, and is not read: {what}"));
    }

    /// Files that were renamed or removed are done when they were read and nothing has come for a while.
    fn finish(&mut self, now: Instant) {
        let grace = self.wanted.grace;
        let mut done = Vec::new();
        for (id, file) in &mut self.files {
            let Some(missing) = file.missing else { continue };
            let is_binary = self.binary.contains_key(id);
            if file.is_lost {
                let directory = file.known.path.to_path();
                let is_there = directory.parent().is_some_and(|parent| parent.is_dir());
                if now.duration_since(missing) >= grace && is_there && file.is_settled() {
                    done.push(*id);
                }
                continue;
            }
            let is_packed = file.known.is_packed;
            let is_quiet = is_packed || is_binary || now.duration_since(file.grown.max(missing)) >= grace;
            if is_quiet && file.is_over && file.due.is_none() && file.is_settled() {
                done.push(*id);
            } else if is_quiet && !file.is_over {
                file.is_over = true;
                file.wake(now);
            } else if !is_quiet {
                file.is_over = false;
                file.wake(now);
            }
        }
        let awake: Vec<Id> =
            self.files.values().filter(|file| file.due.is_some()).map(|file| file.id).collect();
        for id in awake {
            self.activate(id);
        }
        for id in done {
            self.done(id);
        }
        let seconds = u64::try_from(clock::now().unix_micros() / 1_000_000).unwrap_or(0);
        self.known.retain(|_, known| known.seen + FORGET_SECONDS >= seconds);
    }

    fn done(&mut self, id: Id) {
        let Some(mut file) = self.files.remove(&id) else { return };
        let (listener, path) = (self.intake.stats.name(), file.known.path.to_path());
        let missing = file.size.saturating_sub(file.read_to());
        if file.is_lost && missing > 0 {
            if let Some(stats) = self.stats() {
                stats.gaps.add(1);
                stats.gap_bytes.add(missing);
            }
            let file = path.display();
            tracing::warn!(listener, %file, missing, "the rest of a file is gone: it is nowhere to be found");
        }
        if let Some(name) = self.binary.remove(&id)
            && let Some(stats) = self.stats()
        {
            stats.fine(&name);
        }
        self.by_inode.retain(|_, of| *of != id);
        file.known.is_done = true;
        self.known.insert(id, file.known);
        self.dirty.insert(id);
        self.scanning.heirs.remove(&id);
    }

    /// Closes the files that have been quiet for longest.
    fn close_quiet(&mut self) {
        let mut open: Vec<(Instant, Id)> = self
            .files
            .values()
            .filter(|file| file.content.is_some() && file.missing.is_none() && file.is_settled())
            .map(|file| (file.grown, file.id))
            .collect();
        open.sort_unstable();
        for (_, id) in open.iter().take(open.len().div_ceil(4)) {
            if let Some(file) = self.files.get_mut(id) {
                file.content = None;
            }
        }
    }
}

fn nanos_now() -> u64 {
    u64::try_from(clock::now().unix_micros()).unwrap_or(0).saturating_mul(1000)
}

/// Is a file of the one path called like the other when it is rotated?
pub(super) fn rotates(path: &Path, rotated: &Path) -> bool {
    let name = |path: &'_ Path| path.file_name().map(OsStr::to_owned);
    name(path).zip(name(rotated)).is_some_and(|(name, rotated)| is_rotation(&name, &rotated))
}

/// Does the text go on behind the place as this guard says?
pub(super) fn is_text_of(place: u64, guard: Mark, content: &mut Content) -> bool {
    content.read_before(place).is_ok_and(|before| guard.ends(&before) && before.len() >= guard.len)
}

fn fit(known: &Known, content: &mut Content) -> io::Result<Fit> {
    if !known.inode.may_be(&content.inode) {
        return Ok(Fit::Other);
    }
    let mut head = Vec::new();
    content.read(0, FINGERPRINT_BYTES, &mut head)?;
    let is_same = known.fingerprint.begins(&head) && is_text_of(known.position, known.guard, content);
    Ok(match is_same {
        true => Fit::Same,
        false if known.inode.is(&content.inode) => Fit::Changed,
        false => Fit::Other,
    })
}

fn text_len(content: &mut Content) -> u64 {
    const PIECE_BYTES: usize = 1 << 20;
    let (mut len, mut piece) = (0, Vec::new());
    while content.read(len, PIECE_BYTES, &mut piece).is_ok() && !piece.is_empty() {
        len += piece.len() as u64;
    }
    len
}

fn new_file(path: &Path, inode: Inode) -> Known {
    Known {
        path: path.into(),
        inode,
        fingerprint: Mark::default(),
        position: 0,
        guard: Mark::default(),
        is_packed: false,
        is_done: false,
        seen: 0,
        written: 0,
        ends: std::collections::VecDeque::new(),
        stretches: Vec::new(),
    }
}
