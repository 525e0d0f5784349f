//! The intent journal: what is about to be appended where, written before it is appended.
//!
//! Not a copy of the lines. Invariants: an intent is on the disk before the first byte that
//! it speaks of is written, so that after a power cut no file holds lines that nobody knows
//! of; records are only ever appended, so a torn one hides nothing that was whole; one
//! process holds the lock. What a batch costs is one sync of a few hundred bytes into space
//! that was filled with zeros before, so that the file system has nothing of its own to
//! write down with it.
//!
//! Numbers are little-endian. A record is a header and a body of at most
//! [`MAX_BODY_BYTES`]:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `LGIJ` |
//! | 4 | 4 | kind: 2 done (durable), 3 undone (rolled back), 5 intent; 1 and 4 are older intents |
//! | 8 | 8 | number of the intent, rising |
//! | 16 | 4 | length of the body, 0 unless an intent |
//! | 20 | 4 | CRC-32 of bytes 0–19 and the body |
//!
//! When the journal is written anew it begins with an intent without extents that is done:
//! the uids remembered from older ones.
//!
//! The body of an intent: the number of extents (4), then each as length of path (2),
//! path, device (8), inode (8), when the file was made (8, nanoseconds since 1970, 0 if the file
//! system does not tell), offset (8), length (8), CRC-32 of its bytes (4); the
//! number of runs (4), then each as first uid (16), count (4), index of its extent (4). The
//! uids of a run are consecutive in the row ([`Uid::in_row`]), of which the number is written.
//!
//! Older intents are read. Neither kind says when a file was made: their files are recognised by
//! inode and checksum, and cut only under their own name, as where the file system does not tell.
//! In kind 1 it is the uid itself, read as one number, that is counted on. An older version takes
//! the first record of a newer kind for the end of the journal: it recognises no event that
//! comes again, and cuts nothing.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_disk::{Lock, LockError, NotPublished};
use loggr_event::Uid;
use rustix::fs::OFlags;

use super::error::OpenError;
use super::identity::Identity;
use super::uids::{self, Recent, Run};

/// How many intents are kept whole, with where their lines lie. Two would do (a batch is settled
/// before the next is stored); more, because after a crash the parts may come regrouped, and
/// because a file system that fails takes the last batches with it that it had called synced.
pub(super) const GENERATIONS: usize = 8;

/// Longest body of a record.
pub(super) const MAX_BODY_BYTES: usize = 256 << 20;
/// The journal is written anew when it is longer than this and than eight times what it must keep
/// of the last intents, and four times what it must remember of the others.
const MAX_JOURNAL_BYTES: u64 = 1 << 20;
/// How long `open` waits for a predecessor in this process that is about to finish.
const LOCK_WAIT: Duration = Duration::from_secs(2);

const MAGIC: [u8; 4] = *b"LGIJ";
/// The journal is filled with zeros so far ahead of what is written.
const ZEROS_AHEAD_BYTES: usize = 256 << 10;
const HEADER_BYTES: usize = 24;
/// A run in the body of an intent.
const RUN_BYTES: usize = 24;
/// Its runs count on the uids themselves.
const OLD_INTENT: u32 = 1;
const DONE: u32 = 2;
const UNDONE: u32 = 3;
/// Its extents do not say when their files were made.
const UNBORN_INTENT: u32 = 4;
const INTENT: u32 = 5;
/// Uids of one run of an older intent that are believed; none had so many.
const MAX_OLD_RUN: u32 = 1 << 20;

/// A region of one file that a batch fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Relative to the directory.
    pub path: String,
    pub file: Identity,
    pub offset: u64,
    pub len: u64,
    pub crc: u32,
}

impl Extent {
    /// Where it ends in the file.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// What one batch appends, and which events that are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Intent {
    pub extents: Vec<Extent>,
    pub runs: Vec<Run>,
}

/// An intent that was found in the journal.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub intent: Intent,
    /// Its bytes were durable.
    pub done: bool,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    record: Vec<u8>,
    done: bool,
}

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Lock,
    len: u64,
    /// Up to here the file has its blocks.
    filled: u64,
    number: u64,
    kept: VecDeque<Kept>,
    spare: Vec<u8>,
    /// A sync failed: what the disk has of the file is not known any more.
    doubtful: bool,
}

impl Journal {
    /// Opens or creates it and takes the lock; gives the last intents that were not
    /// rolled back, oldest first, and the uids of older ones.
    pub fn open(path: &Path) -> Result<(Journal, Vec<Found>, Recent), OpenError> {
        let failed = |e| OpenError::io(format!("cannot open the journal `{}`", path.display()), e);
        let is_new = !path.exists();
        if let Some(parent) = path.parent() {
            loggr_disk::make_directory(parent).map_err(failed)?;
        }
        let file = Lock::wait(path, &options(), LOCK_WAIT).map_err(|error| match error {
            LockError::Held(_) => OpenError::busy(path),
            LockError::Io(error) => failed(error),
        })?;
        let mut bytes = Vec::new();
        (&*file).read_to_end(&mut bytes).map_err(failed)?;
        if is_new {
            // DURABLE: a journal without its name is none.
            loggr_disk::sync_parent(path).map_err(failed)?;
            path.parent().map_or(Ok(()), loggr_disk::sync_parent).map_err(failed)?;
        }
        let mut journal = Journal {
            path: path.to_owned(),
            file,
            len: 0,
            filled: 0,
            number: 0,
            kept: VecDeque::new(),
            spare: Vec::new(),
            doubtful: false,
        };
        let mut found = VecDeque::<Found>::new();
        let mut recent = Recent::default();
        let mut rest = bytes.as_slice();
        while let Some((kind, number, record, after)) = next_record(rest) {
            // What a shorter life left behind the end has lower numbers.
            if number < journal.number || (is_intent(kind) && number == journal.number) {
                break;
            }
            journal.number = number;
            journal.len += record.len() as u64;
            rest = after;
            match kind {
                kind if is_intent(kind) => {
                    let body = record.get(HEADER_BYTES..).unwrap_or_default();
                    if let Some(intent) = decode(kind, body) {
                        found.push_back(Found { intent, done: false });
                        journal.kept.push_back(Kept { number, record: record.to_vec(), done: false });
                    }
                }
                DONE => {
                    if let (Some(found), Some(kept)) = (found.back_mut(), journal.kept.back_mut())
                        && kept.number == number
                    {
                        found.done = true;
                        kept.done = true;
                    }
                }
                _ => {
                    if journal.kept.back().is_some_and(|k| k.number == number) {
                        journal.kept.pop_back();
                        found.pop_back();
                    }
                }
            }
            if found.len() > GENERATIONS {
                journal.kept.pop_front();
                // Of one that is not marked nobody knows any more where its lines were to be.
                let old = found.pop_front().filter(|old| old.done);
                recent.remember(old.into_iter().flat_map(|old| old.intent.runs));
            }
        }
        journal.file.set_len(journal.len).map_err(failed)?;
        journal.filled = journal.len;
        Ok((journal, found.into(), recent))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an intent down, durably. `recent` is what is known of older ones.
    pub fn begin(&mut self, intent: &Intent, recent: &Recent) -> io::Result<()> {
        let kept: usize = self.kept.iter().map(|k| k.record.len()).sum();
        let worth = (8 * kept).max(4 * recent.len() * RUN_BYTES) as u64;
        if self.doubtful || self.len > MAX_JOURNAL_BYTES.max(worth) {
            self.rewrite(recent)?;
        }
        let mut record = std::mem::take(&mut self.spare);
        encode(self.number + 1, intent, &mut record)?;
        let begins = self.len;
        // DURABLE: before the first byte that it speaks of. A torn member hides all that follows
        // it, and lines that no intent speaks of stand twice when their events come again.
        if let Err(error) = self.append(&record).and_then(|()| loggr_disk::sync(&self.file)) {
            // The next one is written over it, into a file that did not fail.
            self.len = begins;
            self.doubtful = true;
            return Err(error);
        }
        self.number += 1;
        self.kept.push_back(Kept { number: self.number, record, done: false });
        if self.kept.len() > GENERATIONS {
            self.spare = self.kept.pop_front().map(|k| k.record).unwrap_or_default();
        }
        Ok(())
    }

    /// The last intent's bytes are durable.
    pub fn done(&mut self) -> io::Result<()> {
        self.append(&header(DONE, self.number, &[]))?;
        if let Some(last) = self.kept.back_mut() {
            last.done = true;
        }
        Ok(())
    }

    /// The last intent was rolled back.
    pub fn undone(&mut self) -> io::Result<()> {
        self.append(&header(UNDONE, self.number, &[]))?;
        self.kept.pop_back();
        Ok(())
    }

    /// At the known end, so that what a failed write left there is overwritten.
    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        let end = self.len + record.len() as u64;
        while self.filled < end {
            self.file.write_all_at(&[0; ZEROS_AHEAD_BYTES], self.filled)?;
            self.filled += ZEROS_AHEAD_BYTES as u64;
        }
        self.file.write_all_at(record, self.len)?;
        self.len = end;
        Ok(())
    }

    /// Drops what is settled: a new file takes the place of the old one, with its lock.
    fn rewrite(&mut self, recent: &Recent) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let fresh = Lock::on(options().truncate(true).open(&name)?)?;
        let mut bytes = Vec::new();
        // Below the numbers of those that follow.
        let number = self.kept.front().map_or(self.number, |k| k.number.saturating_sub(1));
        if recent.len() > 0 && number > 0 {
            let remembered = Intent { extents: Vec::new(), runs: recent.runs().collect() };
            encode(number, &remembered, &mut bytes)?;
            bytes.extend_from_slice(&header(DONE, number, &[]));
        }
        for kept in &self.kept {
            bytes.extend_from_slice(&kept.record);
            if kept.done {
                bytes.extend_from_slice(&header(DONE, kept.number, &[]));
            }
        }
        fresh.write_all_at(&bytes, 0)?;
        // DURABLE: the whole of it and then its name, before anything is written that it speaks of.
        let published = loggr_disk::publish(&fresh, Path::new(&name), &self.path);
        if let Err(NotPublished::Before(error)) = published {
            return Err(error);
        }
        self.file = fresh;
        self.len = bytes.len() as u64;
        self.filled = self.len;
        // Until the name is durable too, another try writes it anew.
        self.doubtful = published.is_err();
        Ok(published?)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    options
}

fn header(kind: u32, number: u64, body: &[u8]) -> [u8; HEADER_BYTES] {
    let mut head = [0; HEADER_BYTES];
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&kind.to_le_bytes());
    head[8..16].copy_from_slice(&number.to_le_bytes());
    head[16..20].copy_from_slice(&(body.len() as u32).to_le_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&head[..20]);
    crc.update(body);
    head[20..].copy_from_slice(&crc.sum().to_le_bytes());
    head
}

fn encode(number: u64, intent: &Intent, out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    out.resize(HEADER_BYTES, 0);
    out.extend_from_slice(&(intent.extents.len() as u32).to_le_bytes());
    for e in &intent.extents {
        let len = u16::try_from(e.path.len()).map_err(|_| io::Error::other("the path is too long"))?;
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(e.path.as_bytes());
        let born = e.file.born.map_or(0, NonZeroU64::get);
        for wide in [e.file.dev, e.file.ino, born, e.offset, e.len] {
            out.extend_from_slice(&wide.to_le_bytes());
        }
        out.extend_from_slice(&e.crc.to_le_bytes());
    }
    out.extend_from_slice(&(intent.runs.len() as u32).to_le_bytes());
    for r in &intent.runs {
        out.extend_from_slice(&r.first.to_le_bytes());
        out.extend_from_slice(&r.count.to_le_bytes());
        out.extend_from_slice(&r.extent.to_le_bytes());
    }
    let body = out.get(HEADER_BYTES..).unwrap_or_default();
    if body.len() > MAX_BODY_BYTES {
        return Err(io::Error::other("the batch goes to more files than one entry of the journal can hold"));
    }
    let head = header(INTENT, number, body);
    if let Some(place) = out.first_chunk_mut::<HEADER_BYTES>() {
        *place = head;
    }
    Ok(())
}

fn is_intent(kind: u32) -> bool {
    matches!(kind, INTENT | UNBORN_INTENT | OLD_INTENT)
}

/// Kind, number, the whole record, what follows it; `None` where no whole record is.
fn next_record(bytes: &[u8]) -> Option<(u32, u64, &[u8], &[u8])> {
    let mut reader = Reader(bytes);
    if reader.array::<4>()? != MAGIC {
        return None;
    }
    let (kind, number, len) = (reader.u32()?, reader.u64()?, reader.u32()? as usize);
    if !(is_intent(kind) || matches!(kind, DONE | UNDONE)) || len > MAX_BODY_BYTES {
        return None;
    }
    let (record, after) = bytes.split_at_checked(HEADER_BYTES + len)?;
    let (head, body) = record.split_first_chunk::<HEADER_BYTES>()?;
    (*head == header(kind, number, body)).then_some((kind, number, record, after))
}

fn decode(kind: u32, body: &[u8]) -> Option<Intent> {
    let mut r = Reader(body);
    let mut intent = Intent::default();
    for _ in 0..r.u32()? {
        let len = usize::from(u16::from_le_bytes(r.array()?));
        let path = std::str::from_utf8(r.bytes(len)?).ok()?.to_owned();
        let (dev, ino) = (r.u64()?, r.u64()?);
        let born = if kind == INTENT { NonZeroU64::new(r.u64()?) } else { None };
        let (offset, len, crc) = (r.u64()?, r.u64()?, r.u32()?);
        intent.extents.push(Extent { path, file: Identity { dev, ino, born }, offset, len, crc });
    }
    for _ in 0..r.u32()? {
        let first = u128::from_le_bytes(r.array()?);
        let run = Run { first, count: r.u32()?, extent: r.u32()? };
        match kind {
            OLD_INTENT => run.extend_as_old(&mut intent.runs),
            _ => intent.runs.push(run),
        }
    }
    r.0.is_empty().then_some(intent)
}

impl Run {
    /// Adds the uids of a run that counts on as older intents do.
    fn extend_as_old(self, runs: &mut Vec<Run>) {
        for n in 0..self.count.min(MAX_OLD_RUN) {
            let uid = Uid::from_bytes(self.first.saturating_add(u128::from(n)).to_be_bytes());
            uids::push(runs, uids::number(uid), self.extent);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.first_chunk::<N>().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests;
