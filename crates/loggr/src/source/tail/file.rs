//! One file that is read: how far, what of it is on its way, and what comes next.
//!
//! Not which file it is (`scan`, `search`), and not where its lines go (`round`). Invariants: what was read
//! is compared with the bytes before it at each read, so that a truncated file is seen even if it is longer
//! by now; a stretch ends behind a whole line, or at the end of a file to which nothing will come.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use loggr_event::Origin;
use xxhash_rust::xxh3::xxh3_64;

use super::content::Content;
use super::fragments::Runtime;
use super::identity::{FINGERPRINT_BYTES, Mark};
use super::lines::{Line, Text, nuls_at_end};
use super::positions::{Id, Known, Stretch};

/// Ends of stretches that are remembered.
const ENDS: usize = 8;
/// What is looked through at one time for NULs, and for the beginning of a last line.
const PIECE_BYTES: usize = 1 << 20;
/// How soon a file is looked at again that has just grown. It doubles each time when nothing has come.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// A file to which nothing has come for so long is looked at by scans alone.
const LAST_PAUSE: Duration = Duration::from_millis(400);
/// NULs that are looked through at one time, to see whether something stands behind them.
const MAX_NULS: u64 = 256 << 20;

/// How its bytes become lines.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Fragments are joined.
    pub runtime: Option<Runtime>,
    /// Bytes of a line, at most.
    pub limit: usize,
    /// Bytes that are read at one time; a line of the limit fits in.
    pub block: usize,
}

/// What comes next of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, for now.
    Nothing,
    /// The text before the place is not what was read: it was truncated, or replaced.
    Changed,
    /// These bytes, which stand in the buffer from `at` on as far as they fit.
    Stretch {
        /// Where the stretch begins and ends in the file.
        start: u64,
        end: u64,
        /// Where it begins in the buffer.
        at: usize,
        /// What it got when it was read for the first time, if that was before.
        again: Option<Stretch>,
    },
}

/// A stretch that is on its way to the bus.
#[derive(Clone, Copy, Debug)]
struct Flying {
    stretch: Stretch,
    guard: Mark,
}

/// A file that is read.
#[derive(Debug)]
pub struct Tailed {
    /// Its number among the positions.
    pub id: Id,
    /// What is written down of it.
    pub known: Known,
    /// What its lines have in common.
    pub origin: Arc<Origin>,
    /// Where it is now.
    pub name: PathBuf,
    /// It is open.
    pub content: Option<Content>,
    /// Its text is not where it was, and perhaps in a copy.
    pub is_lost: bool,
    /// Since when it has none of the names that are looked for.
    pub missing: Option<Instant>,
    /// When something came into it last, or it was found.
    pub grown: Instant,
    /// When it is looked at again; `None`: when a scan sees that it has changed.
    pub due: Option<Instant>,
    /// Bytes of it, as far as they were seen.
    pub size: u64,
    /// A last line without line feed counts as whole.
    pub is_over: bool,
    /// Since when there are bytes that were not read.
    pub waiting: Option<Instant>,
    text: Text,
    head: Vec<u8>,
    read: u64,
    guard: Mark,
    flying: VecDeque<Flying>,
    again: VecDeque<Stretch>,
    pause: Duration,
    /// Up to here there is no line feed.
    searched: u64,
    /// It is a copy that ends here, before the place up to which it was read.
    short: Option<(u64, Mark)>,
}

impl Tailed {
    /// A file of which this is known.
    pub fn new(id: Id, known: Known, origin: Arc<Origin>, name: PathBuf, now: Instant) -> Tailed {
        Tailed {
            id,
            origin,
            name,
            content: None,
            is_lost: false,
            missing: None,
            grown: now,
            due: Some(now),
            size: known.position,
            is_over: false,
            waiting: None,
            text: Text::Bytes,
            head: Vec::new(),
            read: known.position,
            guard: known.guard,
            flying: VecDeque::new(),
            again: known.stretches.iter().copied().collect(),
            pause: FIRST_PAUSE,
            searched: 0,
            short: None,
            known,
        }
    }

    /// How far it was read, and the guard of that place.
    pub fn place(&self) -> (u64, Mark) {
        (self.read, self.guard)
    }

    /// How far it was read; what is before need not be durable yet.
    pub fn read_to(&self) -> u64 {
        self.read
    }

    /// Does a text that begins so begin as this one, as far as both go?
    pub fn begins_like(&self, beginning: &[u8]) -> bool {
        let len = self.head.len().min(beginning.len());
        match self.head.get(..len) {
            // A file that was not opened yet has only its fingerprint.
            _ if self.head.is_empty() => {
                self.known.fingerprint.len > 0 && self.known.fingerprint.begins(beginning)
            }
            own => len > 0 && own == beginning.get(..len),
        }
    }

    /// Is nothing of it on its way?
    pub fn is_settled(&self) -> bool {
        self.flying.is_empty()
    }

    /// Takes up its text where it was left, in an open file that holds it.
    ///
    /// # Errors
    /// What the system says.
    pub fn adopt(&mut self, mut content: Content, name: &Path, now: Instant) -> io::Result<()> {
        let mut head = Vec::new();
        content.read(0, FINGERPRINT_BYTES, &mut head)?;
        self.text = Text::of(&head);
        let read = usize::try_from(self.read).unwrap_or(usize::MAX);
        head.truncate(read.min(FINGERPRINT_BYTES).max(self.known.fingerprint.len));
        self.head = head;
        self.known.inode = content.inode;
        self.known.is_packed = content.is_packed();
        self.content = Some(content);
        self.name = name.to_owned();
        (self.is_lost, self.known.is_done) = (false, false);
        (self.due, self.pause, self.searched) = (Some(now), FIRST_PAUSE, 0);
        Ok(())
    }

    /// The same in a copy that ends before the place up to which it was read: nothing is to be read of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn adopt_short(
        &mut self,
        mut content: Content,
        name: &Path,
        end: u64,
        now: Instant,
    ) -> io::Result<()> {
        let guard = Mark::guard(&content.read_before(end)?);
        self.adopt(content, name, now)?;
        (self.short, self.read, self.guard) = (Some((end, guard)), end, guard);
        // What is on its way is in no file any more.
        self.known.stretches.clear();
        self.again.clear();
        self.known.ends.retain(|(at, _)| *at <= end);
        if self.flying.is_empty() {
            (self.known.position, self.known.guard) = (end, guard);
        }
        Ok(())
    }

    /// It is to be looked at soon.
    pub fn wake(&mut self, now: Instant) {
        (self.due, self.pause) = (Some(now), FIRST_PAUSE);
    }

    /// Begins again behind what is durable, because something was not taken.
    pub fn rewind(&mut self, now: Instant) {
        self.read = self.known.position;
        self.guard = self.known.guard;
        self.flying.clear();
        self.again = self.known.stretches.iter().copied().collect();
        self.searched = 0;
        self.wake(now);
    }

    /// What comes next; the buffer holds it.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn next(&mut self, shape: Shape, now: Instant, buffer: &mut Vec<u8>) -> io::Result<Next> {
        let found = self.look(shape, now, buffer)?;
        match &found {
            Next::Stretch { .. } => {
                (self.grown, self.pause) = (now, FIRST_PAUSE);
                self.due = Some(now);
            }
            _ => {
                self.pause = (self.pause * 2).min(LAST_PAUSE);
                self.due = (self.pause < LAST_PAUSE).then(|| now + self.pause);
            }
        }
        Ok(found)
    }

    fn look(&mut self, shape: Shape, now: Instant, buffer: &mut Vec<u8>) -> io::Result<Next> {
        let Some(content) = &mut self.content else { return Ok(Next::Nothing) };
        let is_packed = content.is_packed();
        if !is_packed {
            let meta = content.metadata()?;
            let grows = meta.size() > self.size;
            (self.size, self.known.written) = (meta.size(), written(&meta));
            if grows {
                (self.grown, self.is_over) = (now, false);
            }
            if meta.size() < self.read {
                return Ok(Next::Changed);
            }
        }
        if let Some(again) = self.again.front().filter(|again| again.start > self.read) {
            // Between them are NULs that were skipped.
            self.guard = Mark::guard(&content.read_before(again.start)?);
            self.read = again.start;
        }
        let guard = self.guard.len;
        let from = self.read - guard as u64;
        let most = match self.again.front() {
            Some(again) => again.hashed,
            None if is_packed => shape.block,
            None => usize::try_from(self.size - self.read).unwrap_or(usize::MAX).min(shape.block),
        };
        content.read(from, guard + most, buffer)?;
        let Some((before, text)) = buffer.split_at_checked(guard) else { return Ok(Next::Changed) };
        if !self.guard.ends(before) {
            return Ok(Next::Changed);
        }
        if let Some(again) = self.again.front().copied() {
            return Ok(self.repeat(again, guard, text));
        }
        self.waiting = match (text.is_empty(), self.waiting) {
            (true, _) => None,
            (false, since) => since.or(Some(now)),
        };
        let is_end = text.len() < shape.block;
        let mut usable = text.len();
        if self.text == Text::Bytes {
            usable -= nuls_at_end(text);
            if usable == 0 && !text.is_empty() {
                let end = self.read + text.len() as u64;
                return self.skip_nuls(end, buffer);
            }
            if !is_end {
                usable = text.len();
            }
        }
        let text = text.get(..usable).unwrap_or_default();
        let whole = match shape.runtime {
            Some(runtime) => runtime.lines_end(text),
            None => self.text.lines_end(text),
        };
        // In a block of fragments one line may go on all the time.
        let is_cut = self.is_over || (shape.runtime.is_some() && !is_end);
        let len = match whole {
            0 if is_cut => match self.text.lines_end(text) {
                0 if self.is_over && is_end => text.len(),
                lines => lines,
            },
            whole => whole,
        };
        if len > 0 {
            let end = self.read + len as u64;
            return Ok(Next::Stretch { start: self.read, end, at: guard, again: None });
        }
        match is_end {
            true => Ok(Next::Nothing),
            false => self.long_line(shape, guard, buffer),
        }
    }

    /// A stretch that may be with the bus already: the same bytes give the same events.
    fn repeat(&mut self, again: Stretch, at: usize, text: &[u8]) -> Next {
        let hashed = text.get(..again.hashed);
        if again.start != self.read || hashed.is_none_or(|bytes| xxh3_64(bytes) != again.hash) {
            // What is there instead is new, although the bytes before it are the same.
            self.again.clear();
            self.known.stretches.clear();
            return Next::Nothing;
        }
        Next::Stretch { start: again.start, end: again.end, at, again: Some(again) }
    }

    /// Only NULs up to `end`: a program will write where they are, or has skipped them.
    fn skip_nuls(&mut self, end: u64, buffer: &mut Vec<u8>) -> io::Result<Next> {
        let Some(content) = &mut self.content else { return Ok(Next::Nothing) };
        let Some(mut at) = content.data_behind(end) else { return Ok(Next::Nothing) };
        let last = at + MAX_NULS;
        while at < last {
            content.read(at, PIECE_BYTES, buffer)?;
            if buffer.is_empty() {
                return Ok(Next::Nothing);
            }
            if let Some(found) = buffer.iter().position(|byte| *byte != 0) {
                at += found as u64;
                let before = content.read_before(at)?;
                (self.read, self.guard) = (at, Mark::guard(&before));
                self.due = None;
                return Ok(Next::Nothing);
            }
            at += buffer.len() as u64;
        }
        Ok(Next::Nothing)
    }

    /// A line that is longer than a block: it is read over up to its end, and its beginning is kept.
    fn long_line(&mut self, shape: Shape, guard: usize, buffer: &mut Vec<u8>) -> io::Result<Next> {
        let Some(content) = &mut self.content else { return Ok(Next::Nothing) };
        let unit = self.text.unit() as u64;
        let mut at = self.searched.max(self.read + shape.block as u64);
        at -= (at - self.read) % unit;
        let mut piece = Vec::new();
        let end = loop {
            content.read(at, shape.block, &mut piece)?;
            if let Some(end) = self.text.line_end(&piece) {
                break at + end as u64;
            }
            let whole = piece.len() as u64 / unit * unit;
            at += whole;
            self.searched = at;
            if piece.len() < shape.block {
                match self.is_over && at > self.read {
                    true => break at,
                    false => return Ok(Next::Nothing),
                }
            }
        };
        content.read(self.read - guard as u64, guard + shape.block, buffer)?;
        self.searched = 0;
        Ok(Next::Stretch { start: self.read, end, at: guard, again: None })
    }

    /// Cuts a stretch into lines; `bytes`: the buffer from its beginning.
    pub fn cut<'b>(
        &self,
        shape: Shape,
        (start, end): (u64, u64),
        bytes: &'b [u8],
        give: impl FnMut(Line<'b>),
    ) {
        let mut give = give;
        let len = usize::try_from(end - start).unwrap_or(usize::MAX);
        match (bytes.get(..len), shape.runtime) {
            (Some(bytes), Some(runtime)) => runtime.cut(bytes, shape.limit, give),
            (Some(bytes), None) => self.text.cut(bytes, shape.limit, give),
            // It is one line, of which the end is not here.
            (None, _) => give(self.text.line(0, bytes, end - start, shape.limit, false)),
        }
    }

    /// The stretch is on its way. `buffer` holds it, from `at` on; with the bytes before it.
    pub fn depart(&mut self, mut stretch: Stretch, at: usize, buffer: &[u8]) {
        self.waiting = None;
        let bytes = buffer.get(at..).unwrap_or_default();
        let len = usize::try_from(stretch.end - stretch.start).unwrap_or(usize::MAX);
        let hashed = bytes.get(..len).unwrap_or(bytes);
        (stretch.hashed, stretch.hash) = (hashed.len(), xxh3_64(hashed));
        if self.head.len() < FINGERPRINT_BYTES {
            let new = bytes.get(..len).unwrap_or(bytes);
            let new = new.get(..FINGERPRINT_BYTES - self.head.len()).unwrap_or(new);
            let had = usize::try_from(stretch.start).unwrap_or(usize::MAX);
            // What was skipped is not in the head, and nothing behind it can be.
            if had == self.head.len() {
                self.head.extend_from_slice(new);
            }
            self.known.fingerprint = Mark::fingerprint(&self.head);
        }
        self.guard = match (buffer.get(..at + len), &mut self.content) {
            (Some(before), _) => Mark::guard(before),
            // Without its bytes it has no guard, and anything may stand before it.
            (None, Some(content)) => {
                content.read_before(stretch.end).map_or_else(|_| Mark::default(), |b| Mark::guard(&b))
            }
            (None, None) => Mark::default(),
        };
        match self.again.front() {
            Some(again) if again.start == stretch.start => drop(self.again.pop_front()),
            _ => self.known.stretches.push(stretch),
        }
        self.read = stretch.end;
        self.searched = 0;
        if self.known.ends.len() >= ENDS {
            self.known.ends.pop_front();
        }
        self.known.ends.push_back((stretch.end, self.guard));
        self.flying.push_back(Flying { stretch, guard: self.guard });
    }

    /// Everything up to this place is durable.
    pub fn arrived(&mut self, end: u64) {
        while let Some(flying) = self.flying.front().copied().filter(|flying| flying.stretch.end <= end) {
            self.flying.pop_front();
            (self.known.position, self.known.guard) = match self.short {
                Some((end, guard)) if end < flying.stretch.end => (end, guard),
                _ => (flying.stretch.end, flying.guard),
            };
            self.known.stretches.retain(|stretch| stretch.end > flying.stretch.end);
        }
    }

    /// It begins at its end: what it holds is left out. A line that is being written is taken whole.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn begin_at_end(&mut self) -> io::Result<()> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let size = content.metadata()?.size();
        let mut tail = Vec::new();
        let from = size.saturating_sub(PIECE_BYTES as u64) / 2 * 2;
        content.read(from, PIECE_BYTES + 1, &mut tail)?;
        self.begin_at(from + self.text.lines_end(&tail) as u64)
    }

    /// It begins at this place.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn begin_at(&mut self, end: u64) -> io::Result<()> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let mut head = Vec::new();
        content.read(0, FINGERPRINT_BYTES, &mut head)?;
        head.truncate(usize::try_from(end).unwrap_or(usize::MAX));
        self.known.fingerprint = Mark::fingerprint(&head);
        self.head = head;
        self.guard = Mark::guard(&content.read_before(end)?);
        self.read = end;
        (self.known.position, self.known.guard) = (end, self.guard);
        Ok(())
    }

    /// Bytes that were seen and are not durable.
    pub fn behind(&self) -> u64 {
        self.size.saturating_sub(self.known.position)
    }
}

/// When somebody wrote into a file last, in nanoseconds since 1970.
pub fn written(meta: &std::fs::Metadata) -> u64 {
    let seconds = u64::try_from(meta.mtime()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(meta.mtime_nsec()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
