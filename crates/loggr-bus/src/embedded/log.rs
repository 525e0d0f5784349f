//! The log of one exchange in memory: its segments and its end.
//!
//! How it is read: `span.rs`. It does not know what the queues have leased. Invariant: nothing past
//! `end` is ever read, and `end` moves only after the flush.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::frame::FrameHeader;
use super::position::{Place, Position};
use super::queue::Queue;
use super::segment::{SEGMENT_HEADER_BYTES, Segment};
use super::span::Span;

/// A segment with frames in it.
#[derive(Clone, Debug)]
pub(super) struct LiveSegment {
    pub segment: Arc<Segment>,
    /// Its first frame.
    pub first: Position,
    /// Where its flushed frames end.
    pub end: u64,
}

/// The part of the log that readers may see.
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
    /// Gaps that stand in for frames that could not be read for too long, by segment and offset.
    /// They are kept here because the disk may not keep a gap that is written over the frames.
    pub gaps: HashMap<Place, FrameHeader>,
}

impl Log {
    /// The segment that holds the position `at`, and the position in it: the end of one segment is
    /// the beginning of the next. `None` at the end of the log.
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
        // Frames that are missing between the two segments show in the numbers of the first frame.
        let start = Position { segment: live.segment.id, offset: SEGMENT_HEADER_BYTES, ..*at };
        Some(Span { segment: live.segment.clone(), start, end: live.end })
    }

    /// The span as it is now, the position after its segment (whatever is damaged inside), and
    /// whether the segment is the last. The three are read together because the log grows
    /// meanwhile.
    pub fn around(&self, span: &Span) -> (Span, Position, bool) {
        let index = self.live.partition_point(|s| s.segment.id < span.segment.id);
        let end =
            self.live.get(index).filter(|l| l.segment.id == span.segment.id).map_or(span.end, |l| l.end);
        let next = self.live.get(index + 1);
        (Span { end, ..span.clone() }, next.map_or(self.end, |next| next.first), next.is_none())
    }
}
