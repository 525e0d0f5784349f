//! The files of a journal: which there are, and their entries in the order in which the journal wrote them.
//!
//! A file that has entries to read, or that the journal still writes, stays open: if it is deleted meanwhile
//! (`journalctl --vacuum-size`), what is in it is read all the same. Not here: what becomes of an entry.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::file::{Entry, JournalFile};
use super::layout::Id;
use super::places::{Place, Places};
use super::trouble::Trouble;

/// Files of one journal at most.
pub(super) const MAX_FILES: usize = 4096;
/// Files that are open at one time. Of more, the oldest are read first.
const MAX_OPEN: usize = 16;

/// The files.
#[derive(Debug)]
pub(super) struct Files {
    directories: Vec<PathBuf>,
    /// What was seen under each path.
    seen: HashMap<PathBuf, Seen>,
    open: HashMap<Id, Open>,
    places: Places,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// Which file it is; `None` where that cannot be read.
    file: Option<Id>,
}

/// What changes when the journal writes: it touches the file behind each write.
type Stamp = (u64, i64, i64);

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

#[derive(Debug)]
struct Open {
    file: JournalFile,
    /// The next entry, where it was looked at.
    ahead: Option<Entry>,
}

/// Something that a reader of the journal has to be told.
#[derive(Debug)]
pub(super) enum Notice {
    /// A file cannot be read.
    Unreadable(PathBuf, Trouble),
    /// An entry of this file is damaged and was left out.
    Damaged(PathBuf, String),
    /// Behind this place nothing of this file can be read: so many entries are lost.
    Broken(PathBuf, String, u64),
    /// A file is gone that was not read whole, as far as is known: so many entries at most, if that is known.
    Gone(String, Option<u64>),
    /// No file is there, though so many were read in an earlier life.
    Away(usize),
    /// A directory cannot be read.
    Directory(PathBuf, io::Error),
    /// There are more files than are read.
    TooMany(usize),
}

/// An entry and the series of its number.
pub(super) struct Read {
    pub(super) entry: Entry,
    pub(super) series: Id,
}

impl Files {
    /// The files below these directories, read up to these places.
    pub(super) fn new(directories: Vec<PathBuf>, places: Places) -> Files {
        Files { directories, seen: HashMap::new(), open: HashMap::new(), places }
    }

    /// How far each file was read.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Goes back: what was read behind these places is read again.
    pub(super) fn go_back(&mut self, places: Places) {
        for (id, open) in &mut self.open {
            open.ahead = None;
            open.file.go_to(places.get(id).map_or(0, |place| place.read));
        }
        // Files that were read whole meanwhile are closed: they are opened again.
        self.seen.values_mut().for_each(|seen| seen.stamp = Stamp::default());
        self.places = places;
    }

    /// Looks which files there are; the first time, also which are gone.
    pub(super) fn scan(&mut self, tell: &mut impl FnMut(Notice)) {
        let mut found = Vec::new();
        for directory in &self.directories {
            list(directory, &mut found, tell);
        }
        if found.len() > MAX_FILES {
            tell(Notice::TooMany(found.len()));
            found.truncate(MAX_FILES);
        }
        let mut fresh = Vec::new();
        for (path, metadata) in found {
            let stamp = stamp(&metadata);
            match self.seen.get_mut(&path) {
                Some(seen) if seen.stamp == stamp => {}
                // A file that is open is looked at anyway.
                Some(Seen { stamp: old, file: Some(id) }) if self.open.contains_key(id) => *old = stamp,
                _ => fresh.push((path, stamp)),
            }
        }
        self.seen.retain(|path, _| path.exists());
        let mut opened = Vec::new();
        for (path, stamp) in fresh {
            match JournalFile::open(&path) {
                Ok(file) => {
                    self.seen.insert(path, Seen { stamp, file: Some(file.header().file) });
                    opened.push(file);
                }
                Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(trouble) => {
                    // What the system refuses now it may allow later; another file has to change first.
                    let stamp = if matches!(trouble, Trouble::Io(_)) { Stamp::default() } else { stamp };
                    self.seen.insert(path.clone(), Seen { stamp, file: None });
                    tell(Notice::Unreadable(path, trouble));
                }
            }
        }
        opened.sort_by_key(|file: &JournalFile| (file.header().first_realtime, file.header().first_seqnum));
        for mut file in opened {
            let header = file.header().clone();
            let known = self.open.contains_key(&header.file);
            let read = self.places.get(&header.file).map_or(0, |place| place.read);
            if known || (read >= header.entries && !file.may_grow()) {
                continue;
            }
            if self.open.len() >= MAX_OPEN && !self.close_one() {
                // It comes in a later look.
                self.seen.remove(file.path());
                continue;
            }
            file.go_to(read);
            self.open.insert(header.file, Open { file, ahead: None });
        }
    }

    /// Whether files may be there and not be seen: nothing is, or one of them cannot be read. Then no place is
    /// given up.
    fn is_away(&self) -> bool {
        self.seen.is_empty()
            || self.seen.values().any(|seen| seen.file.is_none() && seen.stamp == Stamp::default())
    }

    /// Closes a file of which everything was read; it is opened again when it changes.
    fn close_one(&mut self) -> bool {
        let read = self.open.iter().find(|(_, open)| open.ahead.is_none() && open.file.is_read());
        let read = read.map(|(id, _)| *id);
        read.is_some_and(|id| self.open.remove(&id).is_some())
    }

    /// What was not read whole in an earlier life, and is not there any more. To be called behind each look
    /// until it is true: as long as the files may only be away, nobody can say.
    pub(super) fn missing(&mut self, tell: &mut impl FnMut(Notice)) -> bool {
        if self.is_away() {
            if self.seen.is_empty() && !self.places.is_empty() {
                tell(Notice::Away(self.places.len()));
            }
            return false;
        }
        let present: Vec<Id> = self.seen.values().filter_map(|seen| seen.file).collect();
        let gone: Vec<Id> = self.places.keys().filter(|id| !present.contains(id)).copied().collect();
        let mut firsts = Vec::new();
        for path in self.seen.keys() {
            if let Ok(file) = JournalFile::open(path) {
                let header = file.header();
                firsts.push((header.series, header.first_seqnum, header.last_seqnum));
            }
        }
        for id in gone {
            let Some(place) = self.places.remove(&id) else { continue };
            let same = firsts.iter().filter(|(series, ..)| *series == place.series);
            let next = place.seqnum + 1;
            // Another file has gone on where it ended.
            if same.clone().any(|(_, first, last)| (*first..=*last).contains(&next)) {
                continue;
            }
            let behind = same.map(|(_, first, _)| *first).filter(|first| *first > place.seqnum).min();
            tell(Notice::Gone(place.name, behind.map(|first| first - next)));
        }
        true
    }

    /// The next entry; of several files, that which was written first.
    pub(super) fn next(&mut self, tell: &mut impl FnMut(Notice)) -> Option<Read> {
        let mut first: Option<(Id, (u64, u64))> = None;
        let ids: Vec<Id> = self.open.keys().copied().collect();
        for id in ids {
            self.look_ahead(id, tell);
            let Some(entry) = self.open.get(&id).and_then(|open| open.ahead.as_ref()) else { continue };
            let key = (entry.realtime, entry.seqnum);
            if first.is_none_or(|(_, least)| key < least) {
                first = Some((id, key));
            }
        }
        let (id, _) = first?;
        let open = self.open.get_mut(&id)?;
        let entry = open.ahead.take()?;
        let series = open.file.header().series;
        let place =
            Place { series, read: open.file.place(), seqnum: entry.seqnum, name: name(open.file.path()) };
        self.places.insert(id, place);
        Some(Read { entry, series })
    }

    /// Reads the next entry of a file, if that is not done; closes a file to which nothing will come any more.
    fn look_ahead(&mut self, id: Id, tell: &mut impl FnMut(Notice)) {
        let Some(open) = self.open.get_mut(&id) else { return };
        while open.ahead.is_none() {
            let next = open.file.next();
            let path = || open.file.path().to_owned();
            match next {
                Ok(Some(entry)) => open.ahead = Some(entry),
                Ok(None) if open.file.may_grow() => return,
                Ok(None) => {
                    self.open.remove(&id);
                    return;
                }
                Err(Trouble::Entry(what)) => tell(Notice::Damaged(path(), what)),
                Err(trouble @ (Trouble::Io(_) | Trouble::Foreign(_))) => {
                    let path = path();
                    // It is opened again at the next look.
                    if let Some(seen) = self.seen.get_mut(&path) {
                        seen.stamp = Stamp::default();
                    }
                    tell(Notice::Unreadable(path, trouble));
                    self.open.remove(&id);
                    return;
                }
                Err(Trouble::End(what)) => {
                    let header = open.file.header();
                    let (lost, series, seqnum) =
                        (header.entries - open.file.place(), header.series, header.last_seqnum);
                    let place = Place { series, read: header.entries, seqnum, name: name(open.file.path()) };
                    tell(Notice::Broken(path(), what, lost));
                    self.places.insert(id, place);
                    self.open.remove(&id);
                    return;
                }
            }
        }
    }

    /// Forgets the places of files that are gone and were read whole.
    pub(super) fn forget_gone(&mut self) {
        if self.is_away() {
            return;
        }
        let present: Vec<Id> = self.seen.values().filter_map(|seen| seen.file).collect();
        let open = &self.open;
        self.places.retain(|id, _| present.contains(id) || open.contains_key(id));
    }

    /// Takes the entries that are there now for read.
    pub(super) fn skip_all(&mut self, tell: &mut impl FnMut(Notice)) {
        let paths: Vec<PathBuf> = self.seen.keys().cloned().collect();
        for path in paths {
            match JournalFile::open(&path) {
                Ok(file) => {
                    let header = file.header();
                    let (series, read, seqnum) = (header.series, header.entries, header.last_seqnum);
                    self.places.insert(header.file, Place { series, read, seqnum, name: name(&path) });
                }
                Err(trouble) => tell(Notice::Unreadable(path, trouble)),
            }
        }
        self.go_back(self.places.clone());
    }
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Files in a directory and in those directly below it, which have the id of a machine as their name. Also
/// those that the journal has set aside because the machine was not shut down (`*.journal~`).
fn list(directory: &Path, found: &mut Vec<(PathBuf, Metadata)>, tell: &mut impl FnMut(Notice)) {
    let mut left = vec![(directory.to_owned(), 0)];
    while let Some((directory, depth)) = left.pop() {
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                tell(Notice::Directory(directory, error));
                continue;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let Ok(metadata) = path.metadata() else { continue };
            let is_journal = path.extension().is_some_and(|end| end == "journal" || end == "journal~");
            match (metadata.is_dir(), metadata.is_file()) {
                (true, _) if depth == 0 => left.push((path, depth + 1)),
                (_, true) if is_journal => found.push((path, metadata)),
                _ => {}
            }
        }
    }
}
