//! What of each file was answered, kept in a file, so that a later `loggr send` goes on behind it.
//!
//! | line of the file | what |
//! |---|---|
//! | the first | [`Head`]: the layout's version, and the receiver |
//! | each other | [`Entry`]: a file, and how far it was answered; a later one of the same file counts |
//!
//! A line stands there only after its answer, so that nothing is left out; what was answered in the last
//! moment before a `kill -9` may be sent twice. Lines that were refused count as answered: they would be
//! refused again.
//!
//! It does not grow for ever: of a file that is no longer in its directory, under no name, the entry goes at the
//! end of a run; of files whose directory cannot be looked into, or is empty (it may be a place where nothing
//! is mounted), [`MAX_AWAY`] are kept; and what is appended is put together after [`MAX_APPENDED_BYTES`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use loggr_disk::{Lock, LockError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::exit::Usage;
use crate::hint::Advise;

/// The layout of the file.
const VERSION: u32 = 1;
/// So much of the beginning of a file tells it from others.
const HEAD_BYTES: u64 = 4096;
/// Largest file of this kind.
const MAX_STATE_BYTES: u64 = 1 << 30;
/// Entries of files that nobody has met for long, at most: the oldest go.
const MAX_AWAY: usize = 65_536;
/// Bytes that are appended until the whole is written anew.
const MAX_APPENDED_BYTES: usize = 16 << 20;
/// What was answered is written down at most so often.
const PAUSE: Duration = Duration::from_millis(20);

/// By what a line is answered: its number.
pub type Ticket = u64;

/// The ticket of a line, if answers are written down.
pub type Mark = Option<Ticket>;

/// The first line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    loggr_send: u32,
    to: String,
}

/// A file, and how far it was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    /// So many bytes of its beginning, and their hash.
    head_bytes: u64,
    head: String,
    #[serde(flatten)]
    place: Place,
}

/// A place in the text of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Bytes of the unpacked text before it.
    pub bytes: u64,
    /// Lines in them.
    pub lines: u64,
    /// The length of the last of these lines, and its hash.
    pub last_bytes: u64,
    pub last: String,
}

/// The file, open.
pub struct Book {
    path: PathBuf,
    to: String,
    inner: Mutex<Inner>,
}

struct Inner {
    file: Lock,
    /// Bytes that were appended to it.
    appended: usize,
    entries: Vec<Entry>,
    /// Entries of earlier times that no file of this time has.
    known: usize,
    /// Entries that are a file of this time.
    met: Vec<bool>,
    /// Lines that are on their way, in order; the number of the first.
    given: VecDeque<Given>,
    first: Ticket,
    /// Entries that have changed since they were written down.
    changed: Vec<usize>,
    written: Option<Instant>,
    failed: Option<std::io::Error>,
}

/// A line on its way.
struct Given {
    entry: usize,
    end: u64,
    last_bytes: u64,
    last: String,
    answered: bool,
}

impl Book {
    /// Opens it, or begins one.
    pub fn open(path: &Path, to: &str) -> Result<Book> {
        let shown = path.display();
        let context = || format!("cannot use the state `{shown}`");
        // Held until the file in its place is held: another process would send the same.
        let old = lock(Lock::take(path)).with_context(context)?;
        let text = match loggr_disk::read_text_at_most(path, MAX_STATE_BYTES) {
            Ok(Some(text)) => text,
            Ok(None) => {
                return Err(anyhow!("it has more than {MAX_STATE_BYTES} bytes"))
                    .with_context(context)
                    .usage();
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(context),
        };
        let entries = read(&text, to)
            .with_context(context)
            .hint("`--resume` takes a file that `loggr send` writes; name another one to begin anew")
            .usage()?;
        let inner = Inner {
            file: anew(path, to, &entries).with_context(context)?,
            appended: 0,
            known: entries.len(),
            met: vec![false; entries.len()],
            entries,
            given: VecDeque::new(),
            first: 0,
            changed: Vec::new(),
            written: None,
            failed: None,
        };
        drop(old);
        Ok(Book { path: path.to_owned(), to: to.to_owned(), inner: Mutex::new(inner) })
    }

    /// Is this the state itself?
    pub fn is_itself(&self, path: &Path) -> bool {
        let is = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
        is(path).is_some_and(|found| is(&self.path) == Some(found))
    }

    /// Finds a file, or notes it; the place behind what was answered of it. The file is at its beginning
    /// afterwards.
    pub fn enter(&self, path: &Path, file: &mut File) -> std::io::Result<(usize, Place)> {
        let meta = file.metadata()?;
        let mut head = Vec::new();
        Read::by_ref(file).take(HEAD_BYTES).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        let is_same = |entry: &Entry| {
            let known = usize::try_from(entry.head_bytes).ok().and_then(|bytes| head.get(..bytes));
            known.is_some_and(|known| digest(known) == entry.head)
        };
        let mut inner = self.lock();
        let (device, inode) = (meta.dev(), meta.ino());
        // A file that was renamed, and one that was copied or lies on a device of another number.
        let ways: [&dyn Fn(&Entry) -> bool; 2] =
            [&|e: &Entry| (e.device, e.inode) == (device, inode), &|e: &Entry| e.path == path];
        let found = ways.iter().find_map(|way| {
            let of_old = inner.entries.iter().zip(&inner.met).take(inner.known);
            let mut free = of_old.enumerate().filter(|(_, (_, met))| !**met);
            free.find(|(_, (entry, _))| way(entry) && is_same(entry)).map(|(at, _)| at)
        });
        let entry = Entry {
            path: path.to_owned(),
            device,
            inode,
            size: meta.len(),
            head_bytes: head.len() as u64,
            head: digest(&head),
            place: Place::default(),
        };
        let at = match found {
            Some(at) => {
                if let Some(known) = inner.entries.get_mut(at) {
                    let place = std::mem::take(&mut known.place);
                    *known = Entry { place, ..entry };
                }
                if let Some(met) = inner.met.get_mut(at) {
                    *met = true;
                }
                at
            }
            None => {
                inner.entries.push(entry);
                inner.met.push(true);
                inner.entries.len() - 1
            }
        };
        let place = inner.entries.get(at).map(|entry| entry.place.clone()).unwrap_or_default();
        Ok((at, place))
    }

    /// The file of this entry is another one.
    pub fn forget(&self, entry: usize) {
        if let Some(entry) = self.lock().entries.get_mut(entry) {
            entry.place = Place::default();
        }
    }

    /// A line leaves, which ends there in its file.
    pub fn give(&self, entry: usize, end: u64, line: &[u8]) -> Ticket {
        let mut inner = self.lock();
        let given = Given { entry, end, last_bytes: line.len() as u64, last: digest(line), answered: false };
        inner.given.push_back(given);
        inner.first + inner.given.len() as u64 - 1
    }

    /// Lines were answered. What is answered without a gap is written down.
    pub fn answered(&self, tickets: impl IntoIterator<Item = Ticket>) {
        let mut inner = self.lock();
        for ticket in tickets {
            let at = usize::try_from(ticket.wrapping_sub(inner.first)).unwrap_or(usize::MAX);
            if let Some(given) = inner.given.get_mut(at) {
                given.answered = true;
            }
        }
        while inner.given.front().is_some_and(|given| given.answered) {
            let Some(given) = inner.given.pop_front() else { break };
            inner.first += 1;
            if let Some(entry) = inner.entries.get_mut(given.entry) {
                let lines = entry.place.lines + 1;
                entry.place =
                    Place { bytes: given.end, lines, last_bytes: given.last_bytes, last: given.last };
            }
            if inner.changed.last() != Some(&given.entry) {
                inner.changed.push(given.entry);
            }
        }
        if !inner.changed.is_empty() && inner.written.is_none_or(|then| then.elapsed() >= PAUSE) {
            inner.write();
            if inner.appended >= MAX_APPENDED_BYTES {
                inner.appended = 0;
                match anew(&self.path, &self.to, &inner.entries) {
                    Ok(file) => inner.file = file,
                    Err(error) => {
                        inner.failed.get_or_insert(std::io::Error::other(format!("{error:#}")));
                    }
                }
            }
        }
    }

    /// Writes everything down, durably.
    pub fn close(&self) -> Result<()> {
        let inner = self.lock();
        let context = || format!("cannot write the state `{}`", self.path.display());
        let lost = || "lines that were sent now will be sent again when you resume";
        if let Some(error) = &inner.failed {
            return Err(anyhow!("{error}")).with_context(context).hint(lost());
        }
        let kept = kept(&inner.entries, &inner.met);
        loggr_disk::replace(&self.path, &written(&self.to, &kept)).with_context(context).hint(lost())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Appends what has changed. A failure is told at the end: the lines themselves are well.
    fn write(&mut self) {
        let mut text = Vec::new();
        for at in std::mem::take(&mut self.changed) {
            text.extend(self.entries.get(at).map(line).unwrap_or_default());
        }
        self.written = Some(Instant::now());
        self.appended += text.len();
        let mut file: &File = &self.file;
        if let Err(error) = file.write_all(&text) {
            self.failed.get_or_insert(error);
        }
    }
}

/// The file with these entries, in the place of the one that was there; locked.
fn anew(path: &Path, to: &str, entries: &[Entry]) -> Result<Lock> {
    loggr_disk::replace(path, &written(to, entries))?;
    lock(Lock::on(OpenOptions::new().append(true).open(path)?))
}

/// The entries that may be of use later: those of this time at the end, before them those of files that are
/// still there, or that may be.
fn kept(entries: &[Entry], met: &[bool]) -> Vec<Entry> {
    let mut directories: HashMap<PathBuf, HashSet<(u64, u64)>> = HashMap::new();
    let mut is_away = |entry: &Entry| {
        let Some(directory) = entry.path.parent() else { return false };
        let files = directories.entry(directory.to_owned()).or_insert_with(|| files_of(directory));
        !files.is_empty() && !files.contains(&(entry.device, entry.inode))
    };
    let (here, mut others): (Vec<_>, Vec<_>) = entries.iter().zip(met).partition(|(_, met)| **met);
    others.retain(|(entry, _)| !is_away(entry));
    let oldest = others.len().saturating_sub(MAX_AWAY);
    others.into_iter().skip(oldest).chain(here).map(|(entry, _)| entry.clone()).collect()
}

/// The files of a directory, by device and inode; nothing where it cannot be looked into.
fn files_of(directory: &Path) -> HashSet<(u64, u64)> {
    // The path of a file that was named without a directory.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files =
        entries.filter_map(|entry| std::fs::metadata(entry.path()).ok()).filter(|meta| meta.is_file());
    files.map(|meta| (meta.dev(), meta.ino())).collect()
}

/// A lock of the file, or who has it.
fn lock(taken: Result<Lock, LockError>) -> Result<Lock> {
    match taken {
        Ok(lock) => Ok(lock),
        Err(LockError::Held(holder)) => Err(anyhow!("it is in use by {holder}")),
        Err(LockError::Io(error)) => Err(error.into()),
    }
}

/// The entries of a file; what a power cut has spoilt at its end is left out.
fn read(text: &str, to: &str) -> Result<Vec<Entry>> {
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return Ok(Vec::new()) };
    let head: Head = serde_json::from_str(first).context("it is no such file")?;
    if head.loggr_send != VERSION {
        return Err(anyhow!("its layout is {}, and this loggr knows {VERSION}", head.loggr_send));
    }
    if head.to != to {
        return Err(anyhow!("it says what `{}` has answered, and not `{to}`", head.to));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for entry in lines.map_while(|line| serde_json::from_str::<Entry>(line).ok()) {
        let is_it = |known: &&mut Entry| {
            (known.device, known.inode, &known.path) == (entry.device, entry.inode, &entry.path)
        };
        match entries.iter_mut().rev().find(is_it) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }
    Ok(entries)
}

fn written(to: &str, entries: &[Entry]) -> Vec<u8> {
    let mut text = serde_json::to_vec(&Head { loggr_send: VERSION, to: to.to_owned() }).unwrap_or_default();
    text.push(b'\n');
    // Of a file of which nothing was answered there is nothing to say.
    text.extend(entries.iter().filter(|entry| entry.place.bytes > 0).flat_map(line));
    text
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut text = serde_json::to_vec(entry).unwrap_or_default();
    text.push(b'\n');
    text
}

/// SHA-256 in hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_answered_without_a_gap_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (state, log) = (directory.path().join("state"), directory.path().join("a.log"));
        std::fs::write(&log, "one\ntwo\nthree\n").unwrap();
        let book = Book::open(&state, "relp://a:1").unwrap();
        let enter = |book: &Book, path: &Path| book.enter(path, &mut File::open(path).unwrap()).unwrap();
        let (entry, place) = enter(&book, &log);
        assert_eq!(place, Place::default());
        let tickets: Vec<Ticket> = [(4, "one\n"), (8, "two\n"), (14, "three\n")]
            .map(|(end, line)| book.give(entry, end, line.as_bytes()))
            .into();
        book.answered([tickets[0], tickets[2]]);
        assert!(Book::open(&state, "relp://a:1").is_err(), "it is in use");
        drop(book);
        // As after `kill -9`: nothing was closed. The file was renamed meanwhile, and has grown.
        let renamed = directory.path().join("a.log.1");
        std::fs::rename(&log, &renamed).unwrap();
        std::fs::write(&log, "other\n").unwrap();
        let book = Book::open(&state, "relp://a:1").unwrap();
        assert_eq!(enter(&book, &log).1.bytes, 0, "another file has its name");
        let (_, place) = enter(&book, &renamed);
        assert_eq!((place.bytes, place.lines, place.last_bytes), (4, 1, 4));
        assert_eq!(place.last, digest(b"one\n"));
        book.close().unwrap();
        drop(book);
        assert!(Book::open(&state, "relp://b:1").is_err(), "another receiver");
        std::fs::write(&state, "x\n").unwrap();
        assert!(Book::open(&state, "relp://a:1").is_err(), "no such file");
    }

    #[test]
    fn half_a_line_at_the_end_is_left_out() {
        let entry = Entry { place: Place { bytes: 5, ..Place::default() }, ..Entry::default() };
        let mut text = String::from_utf8(written("t", std::slice::from_ref(&entry))).unwrap();
        text.push_str("{\"path\":\"/x");
        assert_eq!(read(&text, "t").unwrap(), [entry]);
    }

    #[test]
    fn files_that_are_gone_are_forgotten_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("logs")).unwrap();
        std::fs::create_dir(path("unmounted")).unwrap();
        let run = |names: &[&str]| {
            let book = Book::open(&path("state"), "relp://a:1").unwrap();
            for name in names {
                let (entry, _) = book.enter(&path(name), &mut File::open(path(name)).unwrap()).unwrap();
                let ticket = book.give(entry, 4, b"one\n");
                book.answered([ticket]);
            }
            book.close().unwrap();
            let text = std::fs::read_to_string(path("state")).unwrap();
            let names = read(&text, "relp://a:1")
                .unwrap()
                .into_iter()
                .map(|entry| entry.path.strip_prefix(directory.path()).unwrap().display().to_string());
            names.collect::<Vec<_>>()
        };
        let all = ["logs/a", "logs/b", "logs/c", "unmounted/d"];
        all.iter().for_each(|name| std::fs::write(path(name), "one\n").unwrap());
        assert_eq!(run(&all), all);
        std::fs::remove_file(path("logs/a")).unwrap();
        std::fs::rename(path("logs/b"), path("logs/b.1")).unwrap();
        std::fs::remove_file(path("unmounted/d")).unwrap();
        // `b` is there under another name, and of `d` nobody knows.
        assert_eq!(run(&["logs/c"]), ["logs/b", "unmounted/d", "logs/c"]);
    }
}
