//! How far each file was read: one log in the data directory for each listener, synced.
//!
//! Not what is in the files. A commit writes what has changed of all files at once, with one sync, and the
//! log is written anew when most of it is old. It is not LMDB, which takes two syncs for a commit, and which
//! must not be asked at all while one of its pages is damaged: here each line has a sum of its own, so that a
//! damaged one stops its file and no other.
//!
//! | line | what |
//! |---|---|
//! | `F ID INO SUM SUM JSON` | a file: its number here, its inode; the sums are of what stands before the first, and of the JSON |
//! | `S TIME SUM` | when the names of files were looked at last, in nanoseconds since 1970 |
//! | `B TIME SUM` | the listener began, and nobody has looked yet |
//! | `C N SUM` | the end of a commit of N lines, and the sum of them |
//!
//! Numbers and sums (XXH3) are hexadecimal. What stands behind the last whole commit was never promised and
//! is left out. Invariant: a file whose line is damaged is not read until somebody has looked at it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::identity::{Inode, Mark};

/// The largest log that is read.
const MAX_LOG_BYTES: u64 = 1 << 30;
/// A log is written anew when it is longer than this, and than so many times what it must hold.
const LEAST_LOG_BYTES: u64 = 1 << 20;
const SLACK: u64 = 4;

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The name under which it was found first, which its events carry.
    pub path: PathText,
    /// Where it lies.
    pub inode: Inode,
    /// Its first bytes that were read.
    pub fingerprint: Mark,
    /// All lines before this byte are with the bus, on disk.
    pub position: u64,
    /// The bytes before the position.
    pub guard: Mark,
    /// It is a compressed copy; the position is of its text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_packed: bool,
    /// It was renamed or removed, and read to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_done: bool,
    /// When it was last there, in seconds since 1970.
    pub seen: u64,
    /// When somebody wrote into it last, in nanoseconds since 1970.
    #[serde(default)]
    pub written: u64,
    /// The ends of the last stretches and their guards, oldest first: a copy that was made a moment before the
    /// file was truncated is shorter than what was read.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub ends: VecDeque<(u64, Mark)>,
    /// Stretches behind the position that may be with the bus already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stretches: Vec<Stretch>,
}

/// A stretch of a file that is on its way. It is written down before its lines go anywhere: read again, they
/// get the same uids and the same time, as long as the stretch is still what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Where it begins.
    pub start: u64,
    /// Where it ends: behind a line.
    pub end: u64,
    /// So many of its first bytes are hashed: all, unless it is one line that is longer than a block.
    pub hashed: usize,
    /// Their hash.
    pub hash: u64,
    /// When it was read first, in microseconds since 1970.
    pub at: i64,
    /// What its uids are made of: the random number of the process that read it first.
    pub process: u64,
    /// And the first of the counter.
    pub first: u64,
}

/// A path as JSON: text, or bytes where it is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathText {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl From<&Path> for PathText {
    fn from(path: &Path) -> PathText {
        use std::os::unix::ffi::OsStrExt;
        match path.to_str() {
            Some(text) => PathText::Text(text.to_owned()),
            None => PathText::Bytes(path.as_os_str().as_bytes().to_vec()),
        }
    }
}

impl PathText {
    /// The path.
    pub fn to_path(&self) -> PathBuf {
        use std::os::unix::ffi::OsStringExt;
        match self {
            PathText::Text(text) => text.into(),
            PathText::Bytes(bytes) => std::ffi::OsString::from_vec(bytes.clone()).into(),
        }
    }
}

/// The number of a file in a log.
pub type Id = u64;

/// The log of a listener.
#[derive(Debug)]
pub struct Positions {
    path: PathBuf,
    file: File,
    /// The commits in it end here.
    len: u64,
    /// Bytes that it must hold.
    live: u64,
    /// Of each file the length of its line.
    lines: BTreeMap<Id, u64>,
    next: Id,
    /// The listener has looked for files before.
    pub has_run: bool,
    /// When the names of files were looked at last, or the listener began, in nanoseconds since 1970; 0 if that is
    /// not known.
    pub looked: u64,
    /// A write has failed: the log has to be written anew.
    is_doubtful: bool,
}

/// What a log holds.
#[derive(Debug, Default)]
pub struct Found {
    /// What is known of each file.
    pub files: BTreeMap<Id, Known>,
    /// Numbers of inodes of which it is damaged.
    pub damaged: BTreeSet<u64>,
    /// It is damaged in a place that belongs to nobody knows which file.
    pub is_damaged: bool,
    has_run: bool,
    looked: u64,
    next: Id,
    len: u64,
    lines: BTreeMap<Id, u64>,
}

impl Positions {
    /// Opens the log of a listener, and makes it if there is none.
    ///
    /// # Errors
    /// What the disk says; also a log that is larger than any.
    pub fn open(directory: &Path, listener: &str) -> io::Result<(Positions, Found)> {
        loggr_disk::make_private_directory(directory)?;
        let path = directory.join(format!("{listener}.positions"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let is_new = !path.exists();
        let file = options.open(&path)?;
        if is_new {
            // DURABLE: the name must not be gone when what is written into it counts.
            loggr_disk::sync_new(&file, &path)?;
        }
        let bytes = loggr_disk::read_at_most(&path, MAX_LOG_BYTES)?;
        let bytes = bytes.ok_or_else(|| io::Error::other("it is larger than it can be"))?;
        let mut found = Found::default();
        found.read(&bytes);
        let lines = std::mem::take(&mut found.lines);
        let positions = Positions {
            path,
            file,
            len: found.len,
            live: lines.values().sum(),
            lines,
            next: found.next,
            has_run: found.has_run,
            looked: found.looked,
            is_doubtful: false,
        };
        Ok((positions, found))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number for one more file.
    pub fn new_id(&mut self) -> Id {
        self.next += 1;
        self.next - 1
    }

    /// Writes down that the listener begins now, in nanoseconds since 1970: what is made later is new, also if it
    /// ends before it has looked.
    ///
    /// # Errors
    /// It is not written down, and counts until the listener ends.
    pub fn begin(&mut self, now: u64) -> io::Result<()> {
        self.looked = now;
        let mut text = String::new();
        write_time('B', now, &mut text);
        end_commit(&mut text, 1);
        self.append(&text)
    }

    /// Writes behind the last commit.
    fn append(&mut self, text: &str) -> io::Result<()> {
        // DURABLE: what is published afterwards counts on it.
        let written = loggr_disk::write_at(&self.file, &mut [IoSlice::new(text.as_bytes())], self.len);
        if let Err(error) = written.and_then(|()| loggr_disk::sync(&self.file)) {
            self.is_doubtful = true;
            return Err(error);
        }
        self.len += text.len() as u64;
        Ok(())
    }

    /// Writes down what has changed; `all` gives everything, for a log that is written anew. Files that are in
    /// neither are forgotten then.
    ///
    /// # Errors
    /// Nothing of it counts; the same can be tried again.
    pub fn commit<'k>(
        &mut self,
        changed: impl Iterator<Item = (Id, &'k Known)>,
        all: impl Iterator<Item = (Id, &'k Known)>,
    ) -> io::Result<()> {
        let mut text = String::new();
        let mut lines = Vec::new();
        let mut count = 0;
        for (id, known) in changed {
            let begin = text.len();
            write_line(id, known, &mut text)?;
            lines.push((id, (text.len() - begin) as u64));
            count += 1;
        }
        if count == 0 && self.has_run {
            return Ok(());
        }
        self.has_run = true;
        write_time('S', self.looked, &mut text);
        count += 1;
        end_commit(&mut text, count);
        let is_full = self.len + text.len() as u64 > LEAST_LOG_BYTES.max(self.live * SLACK);
        if self.is_doubtful || is_full {
            return self.renew(all);
        }
        self.append(&text)?;
        for (id, len) in lines {
            self.live = self.live + len - self.lines.insert(id, len).unwrap_or(0);
        }
        Ok(())
    }

    fn renew<'k>(&mut self, all: impl Iterator<Item = (Id, &'k Known)>) -> io::Result<()> {
        let mut text = String::new();
        write_time('S', self.looked, &mut text);
        let (mut lines, mut count) = (BTreeMap::new(), 1);
        for (id, known) in all {
            let begin = text.len();
            write_line(id, known, &mut text)?;
            lines.insert(id, (text.len() - begin) as u64);
            count += 1;
        }
        end_commit(&mut text, count);
        self.is_doubtful = true;
        loggr_disk::replace_private(&self.path, text.as_bytes()).map_err(io::Error::from)?;
        self.file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        self.len = text.len() as u64;
        self.live = lines.values().sum();
        self.lines = lines;
        self.is_doubtful = false;
        Ok(())
    }
}

fn write_time(kind: char, nanos: u64, text: &mut String) {
    let line = format!("{kind} {nanos:x}");
    text.push_str(&format!("{line} {:016x}\n", xxh3_64(line.as_bytes())));
}

fn write_line(id: Id, known: &Known, text: &mut String) -> io::Result<()> {
    let json = serde_json::to_string(known).map_err(io::Error::other)?;
    let head = format!("F {id:x} {:x}", known.inode.ino);
    let (of_head, of_json) = (xxh3_64(head.as_bytes()), xxh3_64(json.as_bytes()));
    writeln!(text, "{head} {of_head:016x} {of_json:016x} {json}").map_err(io::Error::other)
}

fn end_commit(text: &mut String, count: usize) {
    let sum = xxh3_64(text.as_bytes());
    text.push_str(&format!("C {count:x} {sum:016x}\n"));
}

impl Found {
    fn read(&mut self, bytes: &[u8]) {
        // Everything up to the last whole commit was promised.
        let (mut at, mut ends) = (0, 0);
        let mut lines = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let begin = at;
            at += line.len();
            lines.push((begin, line));
            if line.starts_with(b"C ") && commit_sum(line).is_some() {
                ends = at;
            }
        }
        self.len = ends as u64;
        let mut commit_begins = 0;
        for (begin, line) in lines.into_iter().filter(|(begin, _)| *begin < ends) {
            match line.first() {
                Some(b'C') => {
                    let sum = xxh3_64(bytes.get(commit_begins..begin).unwrap_or_default());
                    commit_begins = begin + line.len();
                    // Which line is wrong says its own sum; a line that is missing, nothing says.
                    if commit_sum(line).is_none_or(|(_, own)| own != sum) && self.damaged.is_empty() {
                        self.is_damaged = true;
                    }
                }
                // A wrong one does no harm: the sum of its commit is wrong, too.
                Some(kind @ (b'S' | b'B')) => {
                    self.has_run |= *kind == b'S';
                    let time = line.get(2..).and_then(|rest| rest.split(|byte| *byte == b' ').next());
                    let time = time.and_then(|time| std::str::from_utf8(time).ok());
                    self.looked = time.and_then(|time| u64::from_str_radix(time, 16).ok()).unwrap_or(0);
                }
                _ => self.read_file(line),
            }
        }
        self.next = self.files.keys().last().map_or(0, |last| last + 1).max(self.next);
    }

    fn read_file(&mut self, line: &[u8]) {
        let Some((id, ino, sum, json)) = head(line) else {
            self.is_damaged = true;
            return;
        };
        self.next = self.next.max(id + 1);
        let known =
            Some(json).filter(|json| xxh3_64(json) == sum).and_then(|json| serde_json::from_slice(json).ok());
        match known {
            Some(known) => {
                // What is damaged is of the past.
                self.damaged.remove(&ino);
                self.lines.insert(id, line.len() as u64);
                self.files.insert(id, known);
            }
            None => {
                self.damaged.insert(ino);
                self.files.remove(&id);
            }
        }
    }
}

/// Number, inode, sum and JSON of a file's line, if the sum of the first two is right.
fn head(line: &[u8]) -> Option<(Id, u64, u64, &[u8])> {
    let line = line.strip_suffix(b"\n")?;
    let mut parts = line.splitn(6, |byte| *byte == b' ');
    let word = |part: Option<&[u8]>| u64::from_str_radix(std::str::from_utf8(part?).ok()?, 16).ok();
    let (kind, id, ino) = (parts.next()?, word(parts.next())?, word(parts.next())?);
    let (of_head, of_json, json) = (word(parts.next())?, word(parts.next())?, parts.next()?);
    let head = format!("F {id:x} {ino:x}");
    (kind == b"F" && xxh3_64(head.as_bytes()) == of_head).then_some((id, ino, of_json, json))
}

/// How many lines a commit has, and their sum.
fn commit_sum(line: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("C ")?.strip_suffix('\n')?;
    let (count, sum) = text.split_once(' ')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    (sum.len() == 16).then(|| Some((number(count)?, number(sum)?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(n: u64) -> Known {
        let stretch = Stretch { start: n, end: n + 9, hashed: 9, hash: n, at: 7, process: 1, first: n };
        Known {
            path: Path::new("/var/log/a").into(),
            inode: Inode { dev: 1, ino: 100 + n, born: Some(n) },
            fingerprint: Mark::over(b"a"),
            position: n,
            guard: Mark::over(b"b"),
            is_packed: false,
            is_done: n % 2 == 1,
            seen: n,
            written: n,
            ends: VecDeque::from([(n, Mark::over(b"b"))]),
            stretches: vec![stretch],
        }
    }

    fn commit(positions: &mut Positions, files: &[(Id, Known)]) {
        positions.commit(files.iter().map(|(id, known)| (*id, known)), std::iter::empty()).unwrap();
    }

    fn written(files: &[u64]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (mut positions, found) = Positions::open(dir.path(), "f").unwrap();
        assert!(found.files.is_empty() && !positions.has_run);
        for n in files {
            commit(&mut positions, &[(*n % 4, known(*n))]);
        }
        let path = positions.path().to_owned();
        (dir, path)
    }

    #[test]
    fn what_was_committed_last_is_known() {
        let (dir, _) = written(&[0, 1, 2, 5]);
        let (mut positions, found) = Positions::open(dir.path(), "f").unwrap();
        assert_eq!(
            found.files.into_iter().collect::<Vec<_>>(),
            [(0, known(0)), (1, known(5)), (2, known(2))]
        );
        assert!(positions.has_run && !found.is_damaged && found.damaged.is_empty());
        assert_eq!(positions.new_id(), 3);
    }

    #[test]
    fn a_listener_that_began_has_not_looked_yet() {
        let dir = tempfile::tempdir().unwrap();
        let (mut positions, _) = Positions::open(dir.path(), "f").unwrap();
        positions.begin(7).unwrap();
        let (mut positions, found) = Positions::open(dir.path(), "f").unwrap();
        assert_eq!((positions.has_run, positions.looked, found.is_damaged), (false, 7, false));
        commit(&mut positions, &[(0, known(0))]);
        let (positions, found) = Positions::open(dir.path(), "f").unwrap();
        assert_eq!((positions.has_run, positions.looked, found.is_damaged), (true, 7, false));
        assert_eq!(found.files.len(), 1);
    }

    #[test]
    fn what_was_not_committed_whole_is_left_out() {
        let (dir, path) = written(&[0, 1]);
        let whole = std::fs::read(&path).unwrap();
        let begins = whole.iter().position(|b| *b == b'C').unwrap();
        let first = begins + whole[begins..].iter().position(|b| *b == b'\n').unwrap() + 1;
        for cut in first..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut positions, found) = Positions::open(dir.path(), "f").unwrap();
            assert_eq!(found.files.len(), 1, "cut at {cut}");
            assert!(!found.is_damaged && found.damaged.is_empty(), "cut at {cut}");
            commit(&mut positions, &[(2, known(2))]);
            let (_, found) = Positions::open(dir.path(), "f").unwrap();
            assert_eq!(found.files.keys().copied().collect::<Vec<_>>(), [0, 2], "cut at {cut}");
            assert!(!found.is_damaged, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_stops_its_file_and_no_other() {
        let (dir, path) = written(&[0, 1, 2]);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"position\":1,", "\"position\":9,")).unwrap();
        let (_, found) = Positions::open(dir.path(), "f").unwrap();
        assert_eq!(found.damaged.iter().copied().collect::<Vec<_>>(), [101]);
        assert_eq!(found.files.keys().copied().collect::<Vec<_>>(), [0, 2]);
        assert!(!found.is_damaged);
    }

    #[test]
    fn damage_that_belongs_to_nobody_is_seen() {
        let (dir, path) = written(&[0, 1, 2]);
        let text = std::fs::read_to_string(&path).unwrap();
        let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("F 1 ")).collect();
        for wrong in [text.replace("F 1 65", "F 1 64"), without.join("\n") + "\n"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(Positions::open(dir.path(), "f").unwrap().1.is_damaged);
        }
    }

    #[test]
    fn a_log_that_has_grown_is_written_anew() {
        let (dir, path) = written(&[0]);
        let (mut positions, _) = Positions::open(dir.path(), "f").unwrap();
        let all: Vec<(Id, Known)> = (0..20).map(|n| (n, known(n))).collect();
        let mut longest = 0;
        for _ in 0..300 {
            let files = || all.iter().map(|(id, known)| (*id, known));
            positions.commit(files(), files()).unwrap();
            longest = longest.max(std::fs::metadata(&path).unwrap().len());
        }
        assert!(longest <= LEAST_LOG_BYTES, "{longest}");
        assert_eq!(Positions::open(dir.path(), "f").unwrap().1.files.len(), 20);
    }

    #[test]
    fn a_path_that_is_no_text_is_kept() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/a\xff"));
        let json = serde_json::to_string(&PathText::from(path)).unwrap();
        assert_eq!(serde_json::from_str::<PathText>(&json).unwrap().to_path(), path);
    }
}
