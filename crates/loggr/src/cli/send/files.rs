//! The files of `loggr send`: which they are, how their lines are read, and where to go on.
//!
//! A directory stands for the regular files below it, in the order of their paths; what is packed is
//! unpacked as it is read. What was answered of them `resume.rs` knows.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow};
use loggr_event::counted;

use super::resume::{Book, Mark, Place, digest};
use crate::cli::complain;
use crate::hint::Advise;
use crate::source::content::{self, Content};
use crate::source::upload::Ended;

/// No line of a file is longer.
pub const MAX_LINE_BYTES: u64 = 8 << 20;
/// Bytes that are read of a file at once.
const READ_BYTES: usize = 256 << 10;

/// A file that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub path: PathBuf,
    /// It was found in a directory, and may be something else than a log.
    found: bool,
}

/// The files that are meant, and what could not be looked into.
pub fn gather(named: &[PathBuf], book: Option<&Book>) -> Result<(Vec<Member>, Vec<anyhow::Error>)> {
    let (mut members, mut troubles) = (Vec::new(), Vec::new());
    for path in named {
        let meta = std::fs::metadata(path)
            .with_context(|| format!("cannot open `{}`", path.display()))
            .hint("`--file` takes the paths of readable files and directories; without it stdin is sent")?;
        if meta.is_dir() {
            let mut found = Vec::new();
            below(path, &mut found, &mut troubles);
            // What is written while it is read has no end.
            found.retain(|path| book.is_none_or(|book| !book.is_itself(path)));
            found.sort();
            if found.is_empty() {
                complain(&format!("warning: there is no file below `{}`\n", path.display()));
            }
            members.extend(found.into_iter().map(|path| Member { path, found: true }));
        } else {
            members.push(Member { path: path.clone(), found: false });
        }
    }
    Ok((members, troubles))
}

/// The regular files below a directory. Links are not followed: they may lead anywhere. What cannot be
/// listed, or has gone meanwhile, keeps the others from nothing.
fn below(directory: &Path, files: &mut Vec<PathBuf>, troubles: &mut Vec<anyhow::Error>) {
    let context = || format!("cannot list the directory `{}`", directory.display());
    let entries = match std::fs::read_dir(directory).with_context(context) {
        Ok(entries) => entries,
        Err(error) => return troubles.push(error),
    };
    for entry in entries {
        let looked = entry.and_then(|entry| Ok((entry.file_type()?, entry.path()))).with_context(context);
        match looked {
            Ok((kind, path)) if kind.is_dir() => below(&path, files, troubles),
            Ok((kind, path)) if kind.is_file() => files.push(path),
            Ok(_) => {}
            Err(error) => troubles.push(error),
        }
    }
}

/// The lines of several files, one after the other.
pub struct Files {
    waiting: VecDeque<Member>,
    all: usize,
    open: Option<Open>,
    book: Option<Arc<Book>>,
    /// Bytes read so far, packed as they are.
    read: Arc<AtomicU64>,
    /// Files of which not everything was sent.
    failed: usize,
    why: Option<anyhow::Error>,
}

/// The file that is read now.
struct Open {
    text: BufReader<Box<dyn Read + Send>>,
    path: PathBuf,
    /// Its place in the book.
    entry: usize,
    /// Bytes of its text that were read.
    at: u64,
}

impl Files {
    /// `troubles`: what there is besides, and could not be looked into.
    pub fn new(
        members: Vec<Member>,
        troubles: Vec<anyhow::Error>,
        book: Option<Arc<Book>>,
        read: Arc<AtomicU64>,
    ) -> Files {
        let all = members.len() + troubles.len();
        let mut files = Files { waiting: members.into(), all, open: None, book, read, failed: 0, why: None };
        troubles.into_iter().for_each(|error| files.fail(error));
        files
    }

    /// The next line with its end, if there is one, and by what it is answered.
    pub fn next(&mut self, text: &mut Vec<u8>) -> Option<Mark> {
        loop {
            let Some(open) = &mut self.open else {
                let member = self.waiting.pop_front()?;
                match Open::of(&member, self.book.as_deref(), &self.read) {
                    Ok(open) => self.open = open,
                    Err(error) => self.fail(error),
                }
                continue;
            };
            text.clear();
            match (&mut open.text).take(MAX_LINE_BYTES).read_until(b'\n', text) {
                Ok(0) => self.open = None,
                Ok(n) => {
                    open.at += n as u64;
                    let book = self.book.as_deref();
                    return Some(book.map(|book| book.give(open.entry, open.at, text)));
                }
                Err(error) => {
                    let path = open.path.display().to_string();
                    self.open = None;
                    self.fail(anyhow!("cannot read all of `{path}`: {}", Ended::of(error)));
                }
            }
        }
    }

    /// Says it at once, because others follow; of a single file it is the error of the command.
    fn fail(&mut self, error: anyhow::Error) {
        self.failed += 1;
        if self.all > 1 {
            complain(&format!("warning: {error:#}\n"));
        }
        self.why.get_or_insert(error);
    }

    /// What was not sent, if anything.
    pub fn trouble(&mut self) -> Option<anyhow::Error> {
        let why = self.why.take()?;
        if self.all == 1 {
            return Some(why);
        }
        let (failed, all) = (self.failed, counted(self.all, "file"));
        let told: Result<()> = Err(anyhow!("{failed} of {all} were not sent, or not to their end"));
        told.hint("the warnings say which and why; all others were sent").err()
    }
}

impl Open {
    /// Opens it behind what was answered; `None`: there is nothing to send of it.
    fn of(member: &Member, book: Option<&Book>, read: &Arc<AtomicU64>) -> Result<Option<Open>> {
        let path = &member.path;
        let context = || format!("cannot read `{}`", path.display());
        let mut file = File::open(path).with_context(context)?;
        let place = book.map(|book| book.enter(path, &mut file)).transpose().with_context(context)?;
        let counted = Counted { file: file.try_clone().with_context(context)?, read: read.clone() };
        let Content { text, is_packed, no_log } = content::unpack(Box::new(counted), None)
            .map_err(|why| anyhow!("cannot read `{}`: {why}", path.display()))?;
        if let Some(what) = no_log.filter(|what| member.found || what.is_sure) {
            let path = path.display();
            if member.found {
                complain(&format!("passed over `{path}`: {}\n", what.text));
                return Ok(None);
            }
            return Err(anyhow!("`{path}` is no log: {}", what.text));
        }
        let Some((entry, mut place)) = place else {
            let text = BufReader::with_capacity(READ_BYTES, text);
            return Ok(Some(Open { text, path: path.clone(), entry: 0, at: 0 }));
        };
        let mut text = BufReader::with_capacity(READ_BYTES, text);
        if place.bytes > 0
            && !skip(&mut text, (!is_packed).then_some(&mut file), &place).with_context(context)?
        {
            complain(&format!(
                "warning: `{}` is not what it was when its lines were sent; it is sent from its beginning\n",
                path.display()
            ));
            if let Some(book) = book {
                book.forget(entry);
            }
            place.bytes = 0;
            // Once more, from its first byte.
            file.seek(SeekFrom::Start(0)).with_context(context)?;
            let whole = content::unpack(Box::new(Counted { file, read: read.clone() }), None);
            text = BufReader::with_capacity(
                READ_BYTES,
                whole.map_err(|why| anyhow!("cannot read `{}`: {why}", path.display()))?.text,
            );
        }
        Ok(Some(Open { text, path: path.clone(), entry, at: place.bytes }))
    }
}

/// Goes behind what was answered, if the last line of that still stands there. A file that is not packed
/// is read from there on; of one that is, everything before is unpacked.
fn skip(
    text: &mut BufReader<Box<dyn Read + Send>>,
    plain: Option<&mut File>,
    place: &Place,
) -> std::io::Result<bool> {
    let before = place.bytes.saturating_sub(place.last_bytes);
    let passed = match plain {
        Some(file) => {
            // The reader has looked at its beginning; the descriptor is shared, the buffer is new.
            let shared = file.try_clone()?;
            file.seek(SeekFrom::Start(before))?;
            *text = BufReader::with_capacity(READ_BYTES, Box::new(shared));
            before
        }
        None => std::io::copy(&mut text.by_ref().take(before), &mut std::io::sink())?,
    };
    let mut last = Vec::new();
    text.by_ref().take(place.last_bytes).read_to_end(&mut last)?;
    Ok(passed == before && digest(&last) == place.last)
}

/// Counts what is read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines((members, troubles): (Vec<Member>, Vec<anyhow::Error>)) -> (Vec<String>, Option<String>) {
        let mut files = Files::new(members, troubles, None, Arc::default());
        let (mut found, mut text) = (Vec::new(), Vec::new());
        while files.next(&mut text).is_some() {
            found.push(String::from_utf8_lossy(&text).trim_end().to_owned());
        }
        (found, files.trouble().map(|error| error.to_string()))
    }

    #[test]
    fn a_directory_is_its_files_in_order_and_packed_ones_are_unpacked() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("b")).unwrap();
        std::fs::write(path("a.log"), "one\ntwo").unwrap();
        std::fs::write(path("b/x.log.zst"), zstd::encode_all(&b"three\n"[..], 1).unwrap()).unwrap();
        std::fs::write(path("c.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        std::fs::write(path("d.bin"), b"a\0b\n").unwrap();
        std::fs::write(path("e.log"), "").unwrap();
        std::os::unix::fs::symlink(path("a.log"), path("f.log")).unwrap();
        let members = gather(&[directory.path().to_owned(), path("a.log"), path("d.bin")], None).unwrap();
        let (found, trouble) = lines(members);
        assert_eq!(found, ["one", "two", "three", "one", "two", "a\0b"]);
        assert_eq!(trouble, None);
        let (found, trouble) = lines(gather(&[path("c.png")], None).unwrap());
        assert_eq!(found.len(), 0);
        assert_eq!(trouble, Some(format!("`{}` is no log: it is a picture", path("c.png").display())));
        assert!(gather(&[path("none")], None).is_err());
    }

    #[test]
    fn what_is_damaged_does_not_keep_others_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let packed = zstd::encode_all(&b"a line that is long enough\n".repeat(9000)[..], 1).unwrap();
        std::fs::write(path("a.zst"), &packed[..packed.len() / 2]).unwrap();
        std::fs::write(path("b.log"), "last\n").unwrap();
        let (found, trouble) = lines(gather(&[directory.path().to_owned()], None).unwrap());
        assert_eq!(found.last().map(String::as_str), Some("last"));
        assert_eq!(trouble.as_deref(), Some("1 of 2 files were not sent, or not to their end"));
    }

    #[test]
    fn the_state_is_no_file_to_send_and_what_has_gone_keeps_nobody_back() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.log"), "one\n").unwrap();
        let book = Book::open(&directory.path().join("state"), "relp://a:1").unwrap();
        let (members, _) = gather(&[directory.path().to_owned()], Some(&book)).unwrap();
        assert_eq!(members.iter().map(|m| m.path.file_name().unwrap()).collect::<Vec<_>>(), ["a.log"]);
        let (mut found, mut troubles) = (Vec::new(), Vec::new());
        below(&directory.path().join("gone"), &mut found, &mut troubles);
        assert_eq!((found.len(), troubles.len()), (0, 1));
        let (found, trouble) = lines((members, troubles));
        assert_eq!(found, ["one"]);
        assert_eq!(trouble.as_deref(), Some("1 of 2 files were not sent, or not to their end"));
    }
}
