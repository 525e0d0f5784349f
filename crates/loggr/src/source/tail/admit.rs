//! Which of the known files a file is, or that it is a new one.
//!
//! A file is one that was read before if its inode and its text say so; one of another inode if its text says
//! so, and either its name is that of a rotated file or so much of its text is the same that it can be no
//! other. What cannot be decided yet is left for the next scan.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::content::Content;
use super::file::{Tailed, written};
use super::identity::{FINGERPRINT_BYTES, GUARD_BYTES, Inode, Mark, is_rotation};
use super::memory::COPY_TIME;
use super::positions::{Id, Known};
use super::work::Tail;
use crate::config::Start;

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
pub(super) enum Fit {
    Same,
    /// It is the same file with another text.
    Changed,
    Other,
}

impl Tail {
    /// A file that was read before, by its inode. Gives others back, open.
    pub(super) fn admit_known(
        &mut self,
        path: PathBuf,
        meta: &Metadata,
        now: Instant,
    ) -> Option<(PathBuf, Content, u64)> {
        self.make_room();
        let content = match Content::open(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.scanning.has_missed = true;
                return None;
            }
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
            if content.is_packed() { meta.len() } else { content.metadata().map_or(0, |meta| meta.len()) };
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
                Ok(Fit::Changed) => {
                    if let Some(known) = self.about(id) {
                        self.tell_changed(&known.path.to_path(), known.position, known.position);
                    }
                    self.lose(id, now);
                }
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
            true => match text_len(content) {
                Some(len) => len,
                None => return Copy::None,
            },
            false => content.metadata().map_or(0, |meta| meta.len()),
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
    pub(super) fn lose(&mut self, id: Id, now: Instant) {
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

    /// A file whose inode nobody knows: a copy of one that is known, or a new one.
    pub(super) fn admit(&mut self, path: PathBuf, mut content: Content, size: u64, now: Instant) {
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
        let candidates: Vec<Id> = lost.into_iter().chain(known).collect();
        // Whether one is a copy is seen when it is whole.
        if content.is_packed() && !candidates.is_empty() && text_len(&mut content).is_none() {
            return;
        }
        for id in candidates {
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
            true => match text_len(&mut content) {
                Some(len) => len,
                // It is not whole yet.
                None => return,
            },
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
        self.make_room();
        let Some(file) = self.files.get_mut(&id) else { return false };
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

    /// A file was truncated: how much of it was read, and how much was seen.
    fn tell_changed(&self, file: &Path, read: u64, seen: u64) {
        if let Some(stats) = self.stats() {
            stats.truncated.add(1);
        }
        let (listener, file) = (self.intake.stats.name(), file.display());
        tracing::warn!(
            listener,
            %file,
            read,
            seen,
            "the file was truncated or written anew; what came into it after it was read last is missing if no copy of \
             it is found"
        );
    }

    /// The text of a file that is read was taken from under it: it was truncated. What is there now is new.
    pub(super) fn changed(&mut self, id: Id, now: Instant) {
        let Some(file) = self.files.get_mut(&id) else { return };
        let (name, named) = (file.name.clone(), file.known.path.to_path());
        let (content, read, size) = (file.content.take(), file.read_to(), file.size);
        self.tell_changed(&named, read, size);
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

/// Is the text there what is known of it?
pub(super) fn fit(known: &Known, content: &mut Content) -> io::Result<Fit> {
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

/// The length of a compressed text; `None` while it is not whole.
fn text_len(content: &mut Content) -> Option<u64> {
    const PIECE_BYTES: usize = 1 << 20;
    let (mut len, mut piece) = (0, Vec::new());
    loop {
        content.read(len, PIECE_BYTES, &mut piece).ok()?;
        if piece.is_empty() {
            return Some(len);
        }
        len += piece.len() as u64;
    }
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
