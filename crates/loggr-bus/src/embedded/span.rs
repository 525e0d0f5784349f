//! A piece of the log, read: whole frames, or how far the damage goes and what is put in its place.
//!
//! Not which piece that is (`log.rs`), nor who reads it.

use std::fmt;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use loggr_event::counted;

use super::frame::{FRAME_HEADER_BYTES, Frame, FrameHeader, MAX_BODY_BYTES};
use super::position::Position;
use super::read_error::ReadError;
use super::segment::{Guess, Segment};

/// A range of the log that begins with a frame.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub segment: Arc<Segment>,
    pub start: Position,
    /// Where the flushed frames of the segment end.
    pub end: u64,
}

/// The result of a second look at frames that could not be read.
pub(super) enum Look {
    /// The first frame can be read now: these bytes begin with it.
    Whole(Bytes),
    Damaged(Plan),
}

/// What has to be written in the place of frames that cannot be read.
pub(super) struct Plan {
    pub gap: FrameHeader,
    pub damage: Damage,
    /// The damaged bytes, as far as they can be read.
    bytes: Vec<u8>,
}

/// Events that cannot be read any more.
#[derive(Clone, Debug)]
pub struct Damage {
    /// The file they were in.
    pub file: PathBuf,
    /// The offset in the file.
    pub offset: u64,
    /// Frames that are gone.
    pub frames: u64,
    /// Events that are gone.
    pub events: u64,
    /// The damage lies in the last commit: perhaps it was never acknowledged.
    pub last_commit: bool,
    /// Where the damaged bytes are now; none if there were none.
    pub set_aside: Option<PathBuf>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { frames, events, offset, .. } = self;
        match events {
            // There is no readable frame behind the damage whose numbers would tell.
            0 => f.write_str("an unknown number of events")?,
            _ => write!(f, "{} in {}", counted(events, "event"), counted(frames, "batch"))?,
        }
        write!(f, ": damaged in `{}` at offset {offset}", self.file.display())?;
        if self.last_commit {
            f.write_str(" (of the last commit, which was perhaps never acknowledged)")?;
        }
        if let Some(path) = &self.set_aside {
            write!(f, "; the bytes were set aside as `{}`", path.display())?;
        }
        Ok(())
    }
}

impl Span {
    /// Reads at least one frame and up to `max` bytes; fewer if a block cannot be read, and an
    /// error if that block is in the first frame.
    pub fn read(&self, max: usize) -> Result<Bytes, ReadError> {
        self.segment.see().map_err(|source| self.block(source))?;
        let room = usize::try_from(self.end - self.start.offset).unwrap_or(usize::MAX);
        let mut bytes = match self.segment.read(self.start.offset, room.min(max.max(4096))) {
            Ok(bytes) => bytes,
            Err(source) => return self.read_one(room, source),
        };
        if let Some(header) = FrameHeader::decode(&bytes, self.segment.seed())
            && !header.gap
            && header.body_len as usize <= MAX_BODY_BYTES
            && header.frame_len() > bytes.len() as u64
            && header.frame_len() <= room as u64
        {
            let one = self.segment.read(self.start.offset, header.frame_len() as usize);
            bytes = one.map_err(|source| self.block(source))?;
        }
        Ok(bytes.into())
    }

    /// When the first frame was written, in microseconds since 1970.
    pub fn written(&self) -> Option<i64> {
        let head = self.segment.read(self.start.offset, FRAME_HEADER_BYTES as usize).ok()?;
        FrameHeader::decode(&head, self.segment.seed()).map(|header| header.written_micros)
    }

    /// The first frame alone.
    fn read_one(&self, room: usize, source: io::Error) -> Result<Bytes, ReadError> {
        let head = self.segment.read(self.start.offset, room.min(FRAME_HEADER_BYTES as usize));
        let head = head.map_err(|source| self.block(source))?;
        let len = FrameHeader::decode(&head, self.segment.seed()).map(|header| header.frame_len());
        let Some(len) = len.filter(|len| *len <= room as u64) else { return Err(self.block(source)) };
        let one = self.segment.read(self.start.offset, len as usize);
        one.map(Bytes::from).map_err(|source| self.block(source))
    }

    fn block(&self, source: io::Error) -> ReadError {
        ReadError::Block { file: self.segment.path.clone(), offset: self.start.offset, source }
    }

    /// Looks once more, and finds out how far the damage at the beginning of the span reaches.
    /// `after` is the position behind the segment; `last`: it is the last segment. Changes nothing.
    pub fn look(&self, after: &Position, last: bool) -> Look {
        let room = usize::try_from(self.end.saturating_sub(self.start.offset)).unwrap_or(usize::MAX);
        let seen = self.segment.see().is_ok() || self.segment.guess(self.start.seq) == Guess::Seen;
        let (mut bytes, _) = self.segment.read_around(self.start.offset, if seen { room } else { 0 });
        let (seed, here) = (self.segment.seed(), self.start.seq);
        if Frame::read(&bytes, 0, seed).is_some_and(|f| f.header.seq >= here && f.header.seq < after.seq) {
            return Look::Whole(bytes.into());
        }
        let next =
            Frame::find(&bytes, FRAME_HEADER_BYTES as usize, seed, |h| h.seq > here && h.seq < after.seq);
        let same_commit = next.is_some_and(|(_, frame)| frame.header.commit <= here);
        let last_commit = last && same_commit && Frame::find(&bytes, 1, seed, |h| h.commit > here).is_none();
        let (len, seq, events, total) = match next {
            Some((at, frame)) => {
                (at, frame.header.seq, frame.header.events_before, frame.header.bytes_before)
            }
            None => (room, after.seq, after.events, after.bytes),
        };
        let lost = events.saturating_sub(self.start.events);
        let gap = FrameHeader::gap(&self.start, len as u64, seq, lost, total);
        bytes.truncate(len);
        let damage = Damage {
            file: self.segment.path.clone(),
            offset: self.start.offset,
            frames: seq.saturating_sub(self.start.seq),
            events: lost,
            last_commit,
            set_aside: None,
        };
        Look::Damaged(Plan { gap, damage, bytes })
    }

    /// Copies the damaged bytes aside and writes the gap over them. A segment in which no frame can
    /// be recognised is set aside as it is, so that it may be examined one day.
    pub fn carry_out(&self, plan: &mut Plan) -> io::Result<()> {
        if self.segment.is_blind() {
            plan.damage.set_aside = Some(self.segment.set_aside()?);
            return Ok(());
        }
        // If no event is missing, only sequence numbers are: nothing is lost.
        if plan.damage.events > 0 {
            plan.damage.set_aside = self.set_aside(&plan.bytes)?;
        }
        let gap = plan.gap.encode(self.segment.seed());
        loggr_disk::write_at(&self.segment.file, &mut [IoSlice::new(&gap)], self.start.offset)?;
        loggr_disk::sync(&self.segment.file)
    }

    fn set_aside(&self, bytes: &[u8]) -> io::Result<Option<PathBuf>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let path = self.segment.path.with_extension(format!("{:x}.damaged", self.start.offset));
        // DURABLE: the gap is written over the only other copy.
        loggr_disk::write_new(&path, bytes)?;
        Ok(Some(path))
    }
}
