//! Walks over all segments when an exchange is opened, and finds where its frames end, what is
//! damaged, and what cannot be read now.
//!
//! `recovery` makes the queues. Invariant: a gap is written over damage, but bytes that the disk
//! cannot read at the moment are left as they are and wait.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use loggr_event::counted;

use super::cursor::{Bindings, Cursor};
use super::frame::{FRAME_HEADER_BYTES, Frame, FrameHeader};
use super::log::LiveSegment;
use super::position::Position;
use super::report::ExchangeReport;
use super::segment::{Guess, Holes, SEGMENT_HEADER_BYTES, Segment};
use super::span::{Damage, Look, Span};

/// What a scan finds out for one queue.
pub(super) struct Track {
    head: Option<Position>,
    bindings: Bindings,
    /// The first frame for the queue, or the first one that is kept.
    pub at: Option<Position>,
    /// The number of events in the exchange up to which the queue's are counted.
    seen: Option<u64>,
    pub events: u64,
    pub bytes: u64,
    /// Some frames cannot be read now, so that it is unknown whether they are meant for the queue.
    pub waits: bool,
}

impl Track {
    pub fn new(cursor: Option<&Cursor>) -> Track {
        let bindings =
            cursor.map_or_else(|| Cursor::fresh(Position::default(), "#").bindings, |c| c.bindings.clone());
        let head = cursor.map(|c| c.head);
        Track { head, bindings, at: None, seen: head.map(|h| h.events), events: 0, bytes: 0, waits: false }
    }

    fn visit(&mut self, here: &Position, frame: &Frame<'_>) {
        let header = &frame.header;
        if self.head.is_some_and(|h| header.seq < h.seq) {
            return;
        }
        self.at.get_or_insert(*here);
        let events = u64::from(header.events);
        // Events that are missing, or lost in a gap, may have been meant for this queue.
        self.events += here.events.saturating_sub(self.seen.unwrap_or(here.events));
        if header.gap {
            self.events += events;
        } else if self.bindings.matches(header.seq, frame.key()) {
            self.events += events;
            self.bytes += header.frame_len();
        }
        self.seen = Some(here.events + events);
    }

    /// Counts frames that cannot be read now as waiting, also for a queue that has read some of
    /// them.
    fn wait(&mut self, here: &Position, behind: &Position) {
        let known = behind.seq > here.seq;
        let passed = |h: Position| h.segment > here.segment || (known && h.seq >= behind.seq);
        if self.head.is_some_and(passed) {
            return;
        }
        let from = self.head.filter(|head| head.seq > here.seq).unwrap_or(*here);
        self.at.get_or_insert(from);
        self.events += behind.events.saturating_sub(self.seen.unwrap_or(from.events));
        self.seen = Some(behind.events.max(from.events));
        self.waits = true;
    }
}

pub(super) struct Scan<'r> {
    /// False where one only looks.
    pub write: bool,
    pub report: &'r mut ExchangeReport,
    /// The position behind the last good frame.
    pub at: Option<Position>,
    pub tracks: Vec<Track>,
}

/// The first whole frame of a segment.
#[derive(Clone, Copy)]
struct First {
    header: FrameHeader,
    /// The frame is at the beginning of its segment, so that frames missing before it belong to the
    /// end of the segment before.
    at_start: bool,
}

impl Scan<'_> {
    /// Walks all segments. Gives those with frames, and those without.
    pub fn segments(
        &mut self,
        segments: &[Arc<Segment>],
        from: Option<Position>,
    ) -> io::Result<(VecDeque<LiveSegment>, Vec<Arc<Segment>>)> {
        let (mut live, mut empty) = (VecDeque::new(), Vec::new());
        let mut bytes = Vec::new();
        let seen = survey(segments, from);
        for (i, (segment, Seen { first, waits })) in segments.iter().zip(seen.iter().copied()).enumerate() {
            // All queues have passed this segment; the janitor will take it.
            let passed = from.is_some_and(|f| segment.id < f.segment);
            let limit = limit(&seen, i);
            // Left alone.
            if segment.is_blind() && (passed || !waits) {
                continue;
            }
            if passed {
                let first =
                    Position { segment: segment.id, offset: SEGMENT_HEADER_BYTES, ..Position::default() };
                live.push_back(LiveSegment { segment: segment.clone(), first, end: segment.capacity });
                continue;
            }
            let start = match from {
                Some(from) if from.segment == segment.id && self.at.is_none() => from,
                _ => {
                    let at = self.at.or(from).unwrap_or_else(|| base(first));
                    Position { segment: segment.id, offset: SEGMENT_HEADER_BYTES, ..at }
                }
            };
            if segment.is_blind() {
                live.extend(self.blind(segment, start, from, limit));
                continue;
            }
            let holes = segment.read_whole(&mut bytes);
            let first = match first {
                Some(first) if first.at_start => {
                    Position { segment: segment.id, offset: SEGMENT_HEADER_BYTES, ..base(Some(first)) }
                }
                _ => start,
            };
            let end = self.segment(segment, (&bytes, &holes), start, limit)?;
            if end <= SEGMENT_HEADER_BYTES {
                empty.push(segment.clone());
            } else {
                live.push_back(LiveSegment { segment: segment.clone(), first, end });
            }
        }
        Ok((live, empty))
    }

    /// A segment whose header cannot be read waits as a whole, unless no frame is missing without
    /// it.
    fn blind(
        &mut self,
        segment: &Arc<Segment>,
        start: Position,
        from: Option<Position>,
        limit: Option<First>,
    ) -> Option<LiveSegment> {
        let start = match (self.at.or(from), limit) {
            // It is unknown where the segment begins and how many events it has.
            (None, Some(limit)) => {
                let seq = limit.header.seq.saturating_sub(numbers(segment.capacity));
                let (id, offset) = (segment.id, SEGMENT_HEADER_BYTES);
                Position { segment: id, offset, seq, ..base(Some(limit)) }
            }
            _ => start,
        };
        if limit.is_some_and(|limit| start.seq >= limit.header.seq) {
            return None;
        }
        self.wait(start, segment.capacity, None, limit);
        Some(LiveSegment { segment: segment.clone(), first: start, end: segment.capacity })
    }

    /// Walks one segment; gives where its frames end.
    fn segment(
        &mut self,
        segment: &Arc<Segment>,
        (bytes, holes): (&[u8], &Holes),
        start: Position,
        limit: Option<First>,
    ) -> io::Result<u64> {
        let limit_seq = limit.map_or(u64::MAX, |l| l.header.seq);
        let mut at = start;
        if start.seq >= limit_seq {
            return Ok(start.offset);
        }
        loop {
            let offset = usize::try_from(at.offset).unwrap_or(usize::MAX);
            if let Some(frame) = Frame::read(bytes, offset, segment.seed())
                && frame.header.seq >= at.seq
            {
                if frame.header.seq >= limit_seq {
                    return Ok(at.offset);
                }
                self.visit(&mut at, &frame);
                continue;
            }
            let later = Frame::find(bytes, offset.saturating_add(64), segment.seed(), |h| {
                h.seq > at.seq && h.seq < limit_seq
            });
            let after = match limit {
                Some(first) => Position { segment: at.segment, offset: at.offset, ..base(Some(first)) },
                None => Position { seq: u64::MAX, ..at },
            };
            let next = later.map(|(next, frame)| (next as u64, frame.header));
            if self.pass_over(segment, (bytes, holes), &mut at, next, limit) {
                match later {
                    Some(_) => continue,
                    None => return Ok(segment.capacity),
                }
            }
            // Sequence numbers may have been skipped when it was unknown how many were in use;
            // events are never skipped.
            let complete =
                |first: First| at.seq >= first.header.seq || at.events >= first.header.events_before;
            if later.is_none() && limit.is_none_or(|first| complete(first) || !first.at_start) {
                if limit.is_none() && self.torn(bytes, offset, segment.seed(), &at) {
                    self.report.torn_bytes +=
                        FrameHeader::decode(bytes.get(offset..).unwrap_or_default(), segment.seed())
                            .map_or(0, |h| h.frame_len());
                }
                return Ok(at.offset);
            }
            if !self.write {
                let end = at.offset;
                self.tell(segment, &mut at, next, &after);
                match next {
                    Some(_) => continue,
                    None => return Ok(end),
                }
            }
            if self.mend(segment, &mut at, &after, limit.is_none())? && next.is_none() {
                return Ok(at.offset);
            }
        }
    }

    /// Reports the damage at `at` without changing it, and goes on behind it. `after` is the
    /// position behind the segment.
    fn tell(
        &mut self,
        segment: &Segment,
        at: &mut Position,
        next: Option<(u64, FrameHeader)>,
        after: &Position,
    ) {
        let (offset, seq, events) = match next {
            Some((offset, header)) => (offset, header.seq, header.events_before),
            None => (segment.capacity, after.seq, after.events),
        };
        self.report.damage.push(Damage {
            file: segment.path.clone(),
            offset: at.offset,
            frames: seq.saturating_sub(at.seq),
            events: events.saturating_sub(at.events),
            last_commit: false,
            set_aside: None,
        });
        *at = Position { offset, seq, ..*at };
        self.at = Some(*at);
    }

    /// Writes a gap over the damage at `at` and goes on behind it; false if a second look has found
    /// a whole frame there. `after` is the position behind the segment; `last`: it is the last
    /// segment.
    fn mend(
        &mut self,
        segment: &Arc<Segment>,
        at: &mut Position,
        after: &Position,
        last: bool,
    ) -> io::Result<bool> {
        let span = Span { segment: segment.clone(), start: *at, end: segment.capacity };
        let mut plan = match span.look(after, last) {
            Look::Damaged(plan) => plan,
            Look::Whole(again) => {
                if let Some(frame) = Frame::read(&again, 0, segment.seed()) {
                    self.visit(at, &frame);
                }
                return Ok(false);
            }
        };
        span.carry_out(&mut plan)?;
        self.report.damage.push(plan.damage);
        let header = loggr_disk::read_at(&segment.file, at.offset, 64)?;
        let Some(gap) = Frame::read(&header, 0, segment.seed()) else {
            return Err(io::Error::other(format!(
                "`{}` does not keep what is written to it",
                segment.path.display()
            )));
        };
        self.visit(at, &gap);
        Ok(true)
    }

    /// Moves `at` over frames that the disk cannot read at the moment; false if the trouble is of
    /// another kind. The frames stay as they are, because the disk may be able to read them later.
    fn pass_over(
        &mut self,
        segment: &Segment,
        (bytes, holes): (&[u8], &Holes),
        at: &mut Position,
        next: Option<(u64, FrameHeader)>,
        limit: Option<First>,
    ) -> bool {
        let reach = next.map_or(segment.capacity, |(next, _)| next);
        let Some(error) = holes.within(at.offset..reach) else { return false };
        let offset = usize::try_from(at.offset).unwrap_or(usize::MAX);
        let begun = FrameHeader::decode(bytes.get(offset..).unwrap_or_default(), segment.seed())
            .filter(|header| header.seq == at.seq);
        let blind = holes.within(at.offset..at.offset + FRAME_HEADER_BYTES).is_some();
        match (next, limit) {
            (Some(_), _) => {}
            (None, Some(first)) if first.at_start && at.seq < first.header.seq => {}
            (None, Some(first)) if first.at_start => return false,
            // The log ends before this place, or the segment does.
            (None, _) if begun.is_none() && !blind => return false,
            (None, _) => {}
        }
        let next = next.map(|(_, header)| First { header, at_start: true });
        let (path, offset) = (segment.path.display(), at.offset);
        let before = at.events;
        *at = self.wait(*at, reach, begun, next.or(limit));
        let events = at.events.saturating_sub(before);
        let many =
            if events == 0 { "an unknown number of events".to_owned() } else { counted(events, "event") };
        self.report.unreadable.push(format!("`{path}` at offset {offset}, {many}: {error}"));
        true
    }

    /// Notes that frames from `at` up to the offset `reach` cannot be read now, although the header
    /// of one can. `next` is the first frame behind them. Gives its position.
    fn wait(
        &mut self,
        at: Position,
        reach: u64,
        begun: Option<FrameHeader>,
        next: Option<First>,
    ) -> Position {
        let behind = match next {
            Some(first) if first.at_start => base(Some(first)),
            // Frames missing before it are found when the walk comes there.
            Some(_) => at,
            // It is unknown what is there: the sequence numbers that it may have used are not given
            // again.
            None => Position {
                seq: at.seq + numbers(reach - at.offset),
                events: at.events + begun.map_or(0, |header| u64::from(header.events)),
                bytes: at.bytes + (reach - at.offset),
                ..at
            },
        };
        let behind = Position { segment: at.segment, offset: reach, ..behind };
        for track in &mut self.tracks {
            track.wait(&at, &behind);
        }
        self.at = Some(behind);
        behind
    }

    /// Whether a frame was begun here whose body did not reach the disk.
    fn torn(&self, bytes: &[u8], offset: usize, seed: u32, at: &Position) -> bool {
        bytes.get(offset..).and_then(|b| FrameHeader::decode(b, seed)).is_some_and(|h| h.seq == at.seq)
    }

    fn visit(&mut self, at: &mut Position, frame: &Frame<'_>) {
        let header = &frame.header;
        self.report.missing_events += header.events_before.saturating_sub(at.events);
        let here = Position {
            segment: at.segment,
            offset: at.offset,
            seq: header.seq,
            events: header.events_before,
            bytes: header.bytes_before,
        };
        for track in &mut self.tracks {
            track.visit(&here, frame);
        }
        *at = at.after(header);
        self.at = Some(*at);
    }
}

/// What is known of a segment before it is walked.
#[derive(Clone, Copy)]
struct Seen {
    first: Option<First>,
    /// Its header cannot be read now, and there may be frames in it.
    waits: bool,
}

fn survey(segments: &[Arc<Segment>], from: Option<Position>) -> Vec<Seen> {
    let mut all = Vec::<Seen>::with_capacity(segments.len());
    for segment in segments {
        let mut guess = Guess::Unknown;
        if segment.is_blind() {
            let before = all.iter().filter_map(|seen| seen.first).map(|first| first.header.seq).max();
            let here = from.filter(|from| from.segment <= segment.id);
            let oldest = before.or(here.map(|h| if h.segment == segment.id { 0 } else { h.seq }));
            guess = oldest.map_or(guess, |oldest| segment.guess(oldest));
        }
        // A guess may have found the seed of its checksums.
        let is_blind = segment.is_blind();
        let first = if is_blind { None } else { first_frame(segment) };
        all.push(Seen { first, waits: is_blind && guess != Guess::Unused });
    }
    all
}

/// Where segment `i` ends at the latest. After a failed flush the same numbers are given again in
/// the next segment, and the frames there count.
fn limit(seen: &[Seen], i: usize) -> Option<First> {
    let later = seen.iter().enumerate().skip(i + 1).filter_map(|(j, seen)| Some((j, seen.first?)));
    let (j, first) = later.min_by_key(|(_, first)| first.header.seq)?;
    // Frames missing before it may be in a segment that cannot be read now.
    let hidden = seen.iter().take(j).skip(i + 1).any(|seen| seen.waits);
    Some(First { at_start: first.at_start && !hidden, ..first })
}

/// How many frames `bytes` may hold at most, and one more.
fn numbers(bytes: u64) -> u64 {
    bytes / FRAME_HEADER_BYTES + 1
}

fn base(first: Option<First>) -> Position {
    first.map_or_else(Position::default, |First { header, .. }| Position {
        seq: header.seq,
        events: header.events_before,
        bytes: header.bytes_before,
        ..Position::default()
    })
}

/// Finds the first whole frame of a segment; the search is long only if the beginning is damaged,
/// or if there is no frame.
fn first_frame(segment: &Segment) -> Option<First> {
    let start = SEGMENT_HEADER_BYTES;
    let (head, _) = segment.read_around(start, 64);
    if let Some(header) = FrameHeader::decode(&head, segment.seed()) {
        let len = if header.gap { 64 } else { header.frame_len().min(segment.capacity) };
        let (bytes, _) = segment.read_around(start, usize::try_from(len).unwrap_or(usize::MAX));
        if Frame::read(&bytes, 0, segment.seed()).is_some() {
            return Some(First { header, at_start: true });
        }
    }
    let rest = usize::try_from(segment.capacity.saturating_sub(start)).unwrap_or(usize::MAX);
    let (bytes, _) = segment.read_around(start, rest);
    let found = Frame::find(&bytes, 0, segment.seed(), |_| true);
    found.map(|(_, frame)| First { header: frame.header, at_start: false })
}
