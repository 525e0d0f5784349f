//! Opening an exchange: finds the end of its log, and what happened to it meanwhile.
//!
//! Reads every frame that a queue still needs, once, and believes none without its
//! checksum. Invariant: nothing is passed over silently; what cannot be read is
//! copied aside, counted and reported, and everything else is kept.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cursor::{self, Bindings, Counts, Cursor, CursorFile};
use super::disk::{self, Faults};
use super::frame::{FRAME_HEADER_BYTES, Frame, FrameHeader};
use super::known;
use super::log::{Damage, LiveSegment, Log, Look, Position, Span};
use super::queue::Queue;
use super::segment::{Entry, Found, Holes, SEGMENT_HEADER_BYTES, Segment};
use crate::binding::Binding;
use crate::topology::ExchangeSpec;

/// What was found when one exchange was opened.
#[derive(Clone, Debug, Default)]
pub struct ExchangeReport {
    /// Its name.
    pub name: String,
    /// True if it was not there before.
    pub created: bool,
    /// Bytes behind the end that a crash left half written; they were never acknowledged.
    pub torn_bytes: u64,
    /// Events that cannot be read any more.
    pub damage: Vec<Damage>,
    /// Events that are missing because a file is.
    pub missing_events: u64,
    /// What cannot be read now, in words; what is there waits in its queues.
    pub unreadable: Vec<String>,
    /// What else the operator should know, in words.
    pub notes: Vec<String>,
    /// Queues that were made now; those of an older exchange begin at its end.
    pub new_queues: Vec<String>,
    /// Queues on disk that the configuration does not name, and the events that wait
    /// in them. They are kept and hold space until they are deleted.
    pub unconfigured_queues: Vec<(String, u64)>,
}

/// What recovery makes.
pub(super) struct Recovered {
    pub log: Log,
    pub spare: Option<Segment>,
    pub free: Vec<PathBuf>,
    pub next_id: u64,
    pub report: ExchangeReport,
}

/// What becomes of a queue that does not know where it stands.
const ANEW: &str = "it begins at the oldest event kept and counts anew";

/// Opens the exchange in `dir`. `spec` is `None` for one that is only looked at;
/// then nothing is written.
pub(super) fn recover(
    dir: &Path,
    name: &str,
    spec: Option<&ExchangeSpec>,
    faults: &Faults,
) -> io::Result<Recovered> {
    let mut report = ExchangeReport { name: name.to_owned(), ..ExchangeReport::default() };
    let write = spec.is_some();
    if write && !dir.exists() {
        std::fs::create_dir_all(dir)?;
        if let Some(parent) = dir.parent() {
            disk::sync_dir(parent)?;
        }
    }
    let (mut segments, mut free, mut queues, mut next_id) = (Vec::new(), Vec::new(), Vec::new(), 1);
    // Segments of which nothing can be read: their numbers, and the frames they may hold.
    let mut blind = Vec::new();
    for (entry, path) in Entry::list(dir)? {
        match entry {
            Entry::Segment(id) => {
                next_id = next_id.max(id + 1);
                let shown = path.display();
                match Segment::open(&path, id, write, faults)? {
                    Found::Segment(segment) => segments.push(Arc::new(segment)),
                    Found::Foreign => {
                        report.notes.push(format!("`{shown}` is not a segment and was left alone"))
                    }
                    Found::Unreadable { capacity, error } => {
                        blind.push((id, capacity / FRAME_HEADER_BYTES + 1));
                        let what = "its beginning cannot be read, so nothing of it can; it was left alone";
                        report.unreadable.push(format!("`{shown}`: {what}: {error}"));
                    }
                }
            }
            Entry::Free => free.push(path),
            Entry::Unfinished if write => std::fs::remove_file(&path)?,
            Entry::Cursor(queue) => queues.push((queue, path)),
            _ => {}
        }
    }
    segments.sort_by_key(|s| s.id);
    report.created = segments.is_empty() && queues.is_empty();

    let mut cursors = Vec::new();
    for (queue, path) in queues {
        let cursor::Opened { file, cursor, error } = CursorFile::open(&path, write, faults.clone())?;
        if let Some(error) = error {
            report.unreadable.push(format!("`{}`: {error}", path.display()));
        }
        if cursor.is_none() {
            report.notes.push(format!("queue `{queue}`: its position is lost: {ANEW}"));
        }
        cursors.push((queue, path, Some(file), cursor));
    }
    // One without a cursor is new only where nobody has known it before.
    let known = known::read(dir);
    for spec in spec.iter().flat_map(|s| &s.queues) {
        let is_lost = known.as_ref().is_none_or(|known| known.contains(&spec.name));
        if !report.created && is_lost && cursors.iter().all(|(name, ..)| *name != spec.name) {
            report.notes.push(format!("queue `{}`: its cursor is missing: {ANEW}", spec.name));
            cursors.push((spec.name.clone(), dir.join(format!("{}.queue", spec.name)), None, None));
        }
    }
    // A queue that does not know where it stands needs everything.
    let heads = || cursors.iter().map(|(_, _, _, cursor)| cursor.as_ref().map(|c| c.head));
    let from = if heads().any(|h| h.is_none()) { None } else { heads().flatten().min_by_key(|h| h.seq) };
    let newest_head = heads().flatten().map(|h| h.segment).max().unwrap_or(0);
    next_id = next_id.max(newest_head + 1);
    let tracks = cursors.iter().map(|(_, _, _, cursor)| Track::new(cursor.as_ref())).collect();
    let mut scan = Scan { write, report: &mut report, at: None, tracks };
    let (live, spares) = scan.segments(&segments, from)?;
    // Those that nobody else holds are spare.
    drop(segments);
    let mut end = scan.at.or(from).unwrap_or_default();
    let tracks = scan.tracks;
    // Frames that the last process wrote and perhaps did not flush become durable now,
    // before anybody can acknowledge them.
    if write
        && let Some(last) = live.back()
        && let Err(error) = disk::sync(&last.segment.file)
    {
        // Nothing more is written there.
        last.segment.poison();
        report.unreadable.push(format!("`{}` cannot be flushed: {error}", last.segment.path.display()));
    }
    if let Some(last) = live.back() {
        end.segment = last.segment.id;
        end.offset = last.end;
    }
    // Their numbers are not given again: perhaps they can be read another time.
    let later = blind.iter().filter(|(id, _)| *id > end.segment).map(|(_, frames)| frames).sum::<u64>();
    if later > 0 {
        end.seq += later;
        // What comes now stands behind them.
        live.back().inspect(|last| last.segment.poison());
    }
    let mut log = Log { end, live, ..Log::default() };

    for ((queue, path, file, cursor), track) in cursors.into_iter().zip(tracks) {
        let wanted = spec.and_then(|s| s.queues.iter().find(|q| q.name == queue));
        let mut cursor =
            cursor.unwrap_or_else(|| fresh(track.at.unwrap_or(end), wanted.map_or("#", |q| &q.binding)));
        if cursor.head.seq > end.seq {
            let behind = cursor.head.seq - end.seq;
            report
                .notes
                .push(format!("queue `{queue}` had read {behind} batches that are not in the log any more"));
            cursor.head = end;
        } else if let Some(at) = track.at {
            cursor.head = Position { seq: cursor.head.seq, events: cursor.head.events, ..at };
        }
        let mut file = match file {
            Some(file) => file,
            None => CursorFile::create(&path, &cursor, faults.clone())?,
        };
        if let Some(spec) = wanted
            && spec.binding != cursor.bindings.current()
        {
            rebind(&mut cursor, &queue, &spec.binding, end.seq, &mut report)?;
            file.write(&cursor)?;
            disk::sync(&file.file())?;
        }
        let made = Queue::new(&queue, path, wanted.is_some(), file, &cursor);
        made.published.fetch_add(track.events, Ordering::Relaxed);
        made.published_bytes.fetch_add(track.bytes, Ordering::Relaxed);
        if write && wanted.is_none() {
            report.unconfigured_queues.push((queue, track.events));
        }
        log.queues.push(Arc::new(made));
    }
    for spec in spec.iter().flat_map(|s| &s.queues) {
        if log.queues.iter().any(|q| q.name == spec.name) {
            continue;
        }
        // As in AMQP, a queue gets what is published after it was bound.
        let cursor = fresh(end, &spec.binding);
        let path = dir.join(format!("{}.queue", spec.name));
        let file = CursorFile::create(&path, &cursor, faults.clone())?;
        log.queues.push(Arc::new(Queue::new(&spec.name, path, true, file, &cursor)));
        report.new_queues.push(spec.name.clone());
    }
    let names = log.queues.iter().map(|q| q.name.clone()).collect();
    if write
        && known.as_ref() != Some(&names)
        && let Err(error) = known::write(dir, &names)
    {
        // A full disk, say: then a cursor that is lost later is taken for lost all the same.
        report.notes.push(format!("the names of its queues cannot be written down: {error}"));
    }

    let newest_live = log.live.back().map_or(0, |l| l.segment.id);
    let mut spare = None;
    for segment in spares {
        let Ok(segment) = Arc::try_unwrap(segment) else { continue };
        // Numbers are used in turn.
        if segment.id > newest_live && segment.id >= newest_head && spare.is_none() {
            spare = Some(segment);
        } else if write {
            std::fs::remove_file(&segment.path)?;
        }
    }
    log.damaged = report.missing_events + report.damage.iter().map(|d| d.events).sum::<u64>();
    Ok(Recovered { log, spare, free, next_id, report })
}

/// From the end of the log on, another binding key is valid.
fn rebind(
    cursor: &mut Cursor,
    queue: &str,
    binding: &str,
    end: u64,
    report: &mut ExchangeReport,
) -> io::Result<()> {
    let before = cursor.bindings.current();
    report.notes.push(format!("queue `{queue}` is bound with `{binding}` now, before with `{before}`"));
    let binding = Binding::parse(binding).map_err(io::Error::other)?;
    if cursor.bindings.change(end, cursor.head.seq, binding) {
        return Ok(());
    }
    let what = "was changed too often while its events wait: put the old one back until it is empty";
    Err(io::Error::other(format!("the binding of queue `{queue}` {what}")))
}

fn fresh(head: Position, binding: &str) -> Cursor {
    let binding = Binding::parse(binding).unwrap_or_else(|_| Binding::parse("#").expect("BUG: `#` is a key"));
    let counts = Counts::default();
    let bindings = Bindings::new(binding);
    Cursor { head, purged: None, counts, attempts: 0, bound_at: head.seq, bindings }
}

/// What a scan finds out for one queue.
struct Track {
    head: Option<Position>,
    bindings: Bindings,
    /// Its first frame, or the first one kept.
    at: Option<Position>,
    /// Events up to which it is counted.
    seen: Option<u64>,
    events: u64,
    bytes: u64,
}

impl Track {
    fn new(cursor: Option<&Cursor>) -> Track {
        let bindings =
            cursor.map_or_else(|| fresh(Position::default(), "#").bindings, |c| c.bindings.clone());
        let head = cursor.map(|c| c.head);
        Track { head, bindings, at: None, seen: head.map(|h| h.events), events: 0, bytes: 0 }
    }

    fn visit(&mut self, here: &Position, frame: &Frame<'_>) {
        let header = &frame.header;
        if self.head.is_some_and(|h| header.seq < h.seq) {
            return;
        }
        self.at.get_or_insert(*here);
        let events = u64::from(header.events);
        // What is missing, or gone in a gap, was perhaps meant for this queue.
        self.events += here.events.saturating_sub(self.seen.unwrap_or(here.events));
        if header.gap {
            self.events += events;
        } else if self.bindings.matches(header.seq, frame.key()) {
            self.events += events;
            self.bytes += header.frame_len();
        }
        self.seen = Some(here.events + events);
    }
}

struct Scan<'r> {
    write: bool,
    report: &'r mut ExchangeReport,
    /// Behind the last good frame.
    at: Option<Position>,
    tracks: Vec<Track>,
}

/// The first frame of a segment that is whole.
#[derive(Clone, Copy)]
struct First {
    header: FrameHeader,
    /// It stands at the beginning: nothing before it is damaged.
    at_start: bool,
}

impl Scan<'_> {
    /// Walks all segments. Gives those with frames, and those without.
    fn segments(
        &mut self,
        segments: &[Arc<Segment>],
        from: Option<Position>,
    ) -> io::Result<(VecDeque<LiveSegment>, Vec<Arc<Segment>>)> {
        let (mut live, mut empty) = (VecDeque::new(), Vec::new());
        let mut bytes = Vec::new();
        let mut firsts = Vec::new();
        for segment in segments {
            firsts.push(first_frame(segment));
        }
        for (i, segment) in segments.iter().enumerate() {
            // Every queue has passed it; the janitor takes it.
            let passed = from.is_some_and(|f| segment.id < f.segment);
            let later = firsts.get(i + 1..).unwrap_or_default().iter().flatten();
            // After a failed flush the same numbers were given again in the next
            // segment: those are the ones that count.
            let limit = later.copied().min_by_key(|f| f.header.seq);
            if passed {
                let first =
                    Position { segment: segment.id, offset: SEGMENT_HEADER_BYTES, ..Position::default() };
                live.push_back(LiveSegment { segment: segment.clone(), first, end: segment.capacity });
                continue;
            }
            let start = match from {
                Some(from) if from.segment == segment.id && self.at.is_none() => from,
                _ => {
                    let at = self.at.or(from).unwrap_or_else(|| base(firsts.get(i).copied().flatten()));
                    Position { segment: segment.id, offset: SEGMENT_HEADER_BYTES, ..at }
                }
            };
            let holes = segment.read_whole(&mut bytes);
            let first = match firsts.get(i).copied().flatten() {
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
            if let Some(frame) = Frame::read(bytes, offset, segment.seed)
                && frame.header.seq >= at.seq
            {
                if frame.header.seq >= limit_seq {
                    return Ok(at.offset);
                }
                self.visit(&mut at, &frame);
                continue;
            }
            let later = Frame::find(bytes, offset.saturating_add(64), segment.seed, |h| {
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
            // Numbers may be left out where nobody knew what there was; events are not.
            let complete =
                |first: First| at.seq >= first.header.seq || at.events >= first.header.events_before;
            if later.is_none() && limit.is_none_or(|first| complete(first) || !first.at_start) {
                if limit.is_none() && self.torn(bytes, offset, segment.seed, &at) {
                    self.report.torn_bytes +=
                        FrameHeader::decode(bytes.get(offset..).unwrap_or_default(), segment.seed)
                            .map_or(0, |h| h.frame_len());
                }
                return Ok(at.offset);
            }
            if !self.write {
                // Only looking: tell, and go on behind it.
                let (next, header) = match later {
                    Some((next, frame)) => (next as u64, Some(frame.header)),
                    None => (segment.capacity, None),
                };
                let (seq, events) = header.map_or((after.seq, after.events), |h| (h.seq, h.events_before));
                self.report.damage.push(Damage {
                    file: segment.path.clone(),
                    offset: at.offset,
                    frames: seq.saturating_sub(at.seq),
                    events: events.saturating_sub(at.events),
                    last_commit: false,
                    set_aside: None,
                });
                let end = at.offset;
                at = Position { offset: next, seq, ..at };
                self.at = Some(at);
                if header.is_none() {
                    return Ok(end);
                }
                continue;
            }
            let span = Span { segment: segment.clone(), start: at, end: segment.capacity };
            let mut plan = match span.look(&after, limit.is_none()) {
                Look::Damaged(plan) => plan,
                Look::Whole(again) => {
                    if let Some(frame) = Frame::read(&again, 0, segment.seed) {
                        self.visit(&mut at, &frame);
                    }
                    continue;
                }
            };
            span.carry_out(&mut plan)?;
            self.report.damage.push(plan.damage);
            let header = disk::read(&segment.file, at.offset, 64)?;
            let Some(gap) = Frame::read(&header, 0, segment.seed) else {
                return Err(io::Error::other(format!(
                    "`{}` does not keep what is written to it",
                    segment.path.display()
                )));
            };
            self.visit(&mut at, &gap);
            if later.is_none() {
                return Ok(at.offset);
            }
        }
    }

    /// Moves `at` over frames that the disk does not give at the moment; false if it is
    /// something else. They stay as they are: perhaps the disk gives them later.
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
        let begun = FrameHeader::decode(bytes.get(offset..).unwrap_or_default(), segment.seed)
            .filter(|header| header.seq == at.seq);
        let blind = holes.within(at.offset..at.offset + FRAME_HEADER_BYTES).is_some();
        let behind = match (next, limit) {
            (Some((_, header)), _) => base(Some(First { header, at_start: true })),
            (None, Some(first)) if first.at_start && at.seq < first.header.seq => base(Some(first)),
            (None, Some(_)) => return false,
            // The log ends before it.
            (None, None) if begun.is_none() && !blind => return false,
            // Nobody knows what there is: numbers that it may have had are not given again.
            (None, None) => Position {
                seq: at.seq + (reach - at.offset) / FRAME_HEADER_BYTES + 1,
                events: at.events + begun.map_or(0, |header| u64::from(header.events)),
                bytes: at.bytes + (reach - at.offset),
                ..*at
            },
        };
        let events = behind.events.saturating_sub(at.events);
        let (path, offset) = (segment.path.display(), at.offset);
        let many = if events == 0 { "an unknown number of".to_owned() } else { events.to_string() };
        self.report.unreadable.push(format!("`{path}` at offset {offset}, {many} events: {error}"));
        let header = FrameHeader::gap(at, reach - at.offset, behind.seq, events, behind.bytes);
        self.visit(at, &Frame { header, body: &[] });
        true
    }

    /// A frame was begun here whose body did not reach the disk.
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

fn base(first: Option<First>) -> Position {
    first.map_or_else(Position::default, |First { header, .. }| Position {
        seq: header.seq,
        events: header.events_before,
        bytes: header.bytes_before,
        ..Position::default()
    })
}

/// The first frame of a segment that is whole; the search is long only where the
/// beginning is damaged, or where there is none.
fn first_frame(segment: &Segment) -> Option<First> {
    let start = SEGMENT_HEADER_BYTES;
    let (head, _) = segment.read_around(start, 64);
    if let Some(header) = FrameHeader::decode(&head, segment.seed) {
        let len = if header.gap { 64 } else { header.frame_len().min(segment.capacity) };
        let (bytes, _) = segment.read_around(start, usize::try_from(len).unwrap_or(usize::MAX));
        if Frame::read(&bytes, 0, segment.seed).is_some() {
            return Some(First { header, at_start: true });
        }
    }
    let rest = usize::try_from(segment.capacity.saturating_sub(start)).unwrap_or(usize::MAX);
    let (bytes, _) = segment.read_around(start, rest);
    let found = Frame::find(&bytes, 0, segment.seed, |_| true);
    found.map(|(_, frame)| First { header: frame.header, at_start: false })
}
