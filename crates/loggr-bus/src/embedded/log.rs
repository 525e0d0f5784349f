//! The log of one exchange in memory: its segments and its end.
//!
//! How it is read: `span.rs`. Knows no queue's leases. Invariant: nothing past `end` is ever read, and
//! `end` moves only after the flush.

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
    /// What stands in the place of frames that could not be read for too long, by segment and
    /// offset, where the disk perhaps does not keep what is written over them.
    pub gaps: HashMap<Place, FrameHeader>,
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

    /// The span as it is now, what comes after its segment whatever is wrong inside it, and
    /// whether nothing does. These three belong together: the log goes on meanwhile.
    pub fn around(&self, span: &Span) -> (Span, Position, bool) {
        let index = self.live.partition_point(|s| s.segment.id < span.segment.id);
        let end =
            self.live.get(index).filter(|l| l.segment.id == span.segment.id).map_or(span.end, |l| l.end);
        let next = self.live.get(index + 1);
        (Span { end, ..span.clone() }, next.map_or(self.end, |next| next.first), next.is_none())
    }
}
