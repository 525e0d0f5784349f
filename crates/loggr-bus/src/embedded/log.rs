//! The log of one exchange in memory: its segments, its end, and how to read it.
//!
//! Knows frames, not queues' leases. Invariant: nothing past `end` is ever read, and
//! `end` moves only after the flush.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::disk;
use super::frame::{FRAME_HEADER_BYTES, Frame, FrameHeader, MAX_BODY_BYTES};
use super::queue::Queue;
use super::segment::{SEGMENT_HEADER_BYTES, Segment};

/// A place in the log, and how much lies before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Position {
    pub segment: u64,
    pub offset: u64,
    /// The sequence number that the next frame has.
    pub seq: u64,
    /// Events before it, since the exchange exists.
    pub events: u64,
    /// Bytes before it, since the exchange exists.
    pub bytes: u64,
}

impl Position {
    /// Behind a frame that begins here.
    pub fn after(&self, h: &FrameHeader) -> Position {
        Position {
            segment: self.segment,
            offset: self.offset + h.frame_len(),
            seq: if h.gap { h.commit } else { h.seq + 1 },
            events: h.events_before + u64::from(h.events),
            bytes: h.bytes_before + h.frame_len(),
        }
    }
}

/// A segment with frames in it.
#[derive(Clone, Debug)]
pub(super) struct LiveSegment {
    pub segment: Arc<Segment>,
    /// Its first frame.
    pub first: Position,
    /// Where its flushed frames end.
    pub end: u64,
}

/// The log as everybody sees it.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// In order of their numbers; the last one is written to.
    pub live: VecDeque<LiveSegment>,
    /// Behind the last flushed frame.
    pub end: Position,
    /// Every queue that takes from it, configured or not.
    pub queues: Vec<Arc<Queue>>,
    /// Commits since it was opened.
    pub commits: u64,
    /// Events lost to damage since it was opened.
    pub damaged: u64,
}

/// Bytes of the log that begin with a frame.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub segment: Arc<Segment>,
    pub start: Position,
    /// Where the flushed frames of the segment end.
    pub end: u64,
}

/// Events that cannot be read any more.
#[derive(Clone, Debug)]
pub struct Damage {
    /// The file they were in.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// Frames that are gone.
    pub frames: u64,
    /// Events that are gone.
    pub events: u64,
    /// The damage lies in the last commit: perhaps it was never acknowledged.
    pub last_commit: bool,
    /// Where the damaged bytes were copied to; none if there were none.
    pub set_aside: Option<PathBuf>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { frames, events, offset, .. } = self;
        write!(
            f,
            "{events} events in {frames} batches are damaged in `{}` at offset {offset}",
            self.file.display()
        )?;
        if self.last_commit {
            f.write_str(" (of the last commit, which was perhaps never acknowledged)")?;
        }
        if let Some(path) = &self.set_aside {
            write!(f, "; the bytes were copied to `{}`", path.display())?;
        }
        Ok(())
    }
}

impl Log {
    /// The segment to read from at `at`, and the position in it: the end of one
    /// segment is the beginning of the next. `None` at the end of the log.
    pub fn span(&self, at: &Position) -> Option<Span> {
        if at.seq >= self.end.seq {
            return None;
        }
        let index = self.live.partition_point(|s| s.segment.id < at.segment);
        let mut live = self.live.get(index)?;
        if live.segment.id == at.segment && at.offset < live.end {
            return Some(Span { segment: live.segment.clone(), start: *at, end: live.end });
        }
        if live.segment.id == at.segment {
            live = self.live.get(index + 1)?;
        }
        // What is missing between the two shows in the first frame's numbers.
        let start = Position { segment: live.segment.id, offset: SEGMENT_HEADER_BYTES, ..*at };
        Some(Span { segment: live.segment.clone(), start, end: live.end })
    }

    /// What comes after the segment of `span`, whatever is wrong inside it.
    pub fn after_segment(&self, id: u64) -> Position {
        let index = self.live.partition_point(|s| s.segment.id <= id);
        self.live.get(index).map_or(self.end, |next| next.first)
    }
}

impl Span {
    /// Reads at least one frame and up to `max` bytes.
    pub fn read(&self, max: usize) -> io::Result<Bytes> {
        let room = usize::try_from(self.end - self.start.offset).unwrap_or(usize::MAX);
        let mut bytes = disk::read(&self.segment.file, self.start.offset, room.min(max.max(4096)))?;
        if let Some(header) = FrameHeader::decode(&bytes, self.segment.seed)
            && !header.gap
            && header.body_len as usize <= MAX_BODY_BYTES
            && header.frame_len() > bytes.len() as u64
            && header.frame_len() <= room as u64
        {
            bytes = disk::read(&self.segment.file, self.start.offset, header.frame_len() as usize)?;
        }
        Ok(bytes.into())
    }

    /// Finds out how far the damage at the beginning of the span goes, copies the
    /// bytes aside, and writes a gap in their place. `after` is what follows the
    /// segment; `last`: nothing does. Gives the damage, and where the flushed frames
    /// of the segment end now.
    pub fn repair(&self, after: &Position, last: bool) -> io::Result<(Damage, u64)> {
        let room = usize::try_from(self.end.saturating_sub(self.start.offset)).unwrap_or(usize::MAX);
        let bytes = disk::read(&self.segment.file, self.start.offset, room)?;
        let (seed, here) = (self.segment.seed, self.start.seq);
        let next =
            Frame::find(&bytes, FRAME_HEADER_BYTES as usize, seed, |h| h.seq > here && h.seq < after.seq);
        let same_commit = next.is_some_and(|(_, frame)| frame.header.commit <= here);
        let last_commit = last && same_commit && Frame::find(&bytes, 1, seed, |h| h.commit > here).is_none();
        let (len, seq, events, total) = match next {
            Some((at, frame)) => {
                (at, frame.header.seq, frame.header.events_before, frame.header.bytes_before)
            }
            None => (bytes.len(), after.seq, after.events, after.bytes),
        };
        let damaged = bytes.get(..len).unwrap_or_default();
        let set_aside = self.set_aside(damaged)?;
        let frame_len = (len as u64).max(FRAME_HEADER_BYTES);
        let lost = events.saturating_sub(self.start.events);
        let gap = FrameHeader {
            seq: self.start.seq,
            commit: seq,
            events_before: self.start.events,
            bytes_before: total.saturating_sub(frame_len),
            written_micros: 0,
            events: u32::try_from(lost).unwrap_or(u32::MAX),
            body_len: (frame_len - FRAME_HEADER_BYTES) as u32,
            body_crc: 0,
            key_len: 0,
            gap: true,
        };
        disk::write(
            &self.segment.file,
            &mut [IoSlice::new(&gap.encode(self.segment.seed))],
            self.start.offset,
        )?;
        disk::sync(&self.segment.file)?;
        let damage = Damage {
            file: self.segment.path.clone(),
            offset: self.start.offset,
            frames: seq.saturating_sub(self.start.seq),
            events: lost,
            last_commit,
            set_aside,
        };
        Ok((damage, self.end.max(self.start.offset + frame_len)))
    }

    fn set_aside(&self, bytes: &[u8]) -> io::Result<Option<PathBuf>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let path = self.segment.path.with_extension(format!("{:x}.damaged", self.start.offset));
        let mut file = std::fs::File::create(&path)?;
        file.write_all(bytes)?;
        // DURABLE: the gap is written over the only other copy.
        file.sync_all()?;
        if let Some(dir) = path.parent() {
            disk::sync_dir(dir)?;
        }
        Ok(Some(path))
    }
}

/// Why a queue cannot be read further.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The disk said no; it may be better later.
    Io(io::Error),
    /// A frame is whole, but this program cannot read what is in it.
    Unreadable { seq: u64, source: crate::encoding::DecodeError },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(_) => f.write_str("cannot read the log"),
            ReadError::Unreadable { seq, .. } => write!(f, "cannot read batch {seq}"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReadError::Io(e) => Some(e),
            ReadError::Unreadable { source, .. } => Some(source),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(e: io::Error) -> ReadError {
        ReadError::Io(e)
    }
}
