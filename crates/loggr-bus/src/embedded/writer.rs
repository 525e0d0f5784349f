//! The writer: one thread per exchange that stores all waiting publishes together, with one flush.
//!
//! It knows nothing about consumers but how to wake them. Invariant: a publisher is answered with
//! success only after the flush of a segment that is still in its place. After a failed write or
//! flush the segment is never written again; the same frames go to a new one, or the publishers get
//! an error.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};

use crate::encoding::Encoded;

use super::fault::Op;
use super::frame::{FRAME_HEADER_BYTES, FrameHeader};
use super::log::LiveSegment;
use super::position::Position;
use super::segment::{SEGMENT_HEADER_BYTES, Segment};
use super::shared::{Job, Shared};

/// Publishes that wait for the writer, at most; further ones wait in their own tasks.
pub(super) const MAX_WAITING_PUBLISHES: usize = 1024;
/// A commit takes no further publish once it has this many bytes.
pub(super) const MAX_COMMIT_BYTES: u64 = 16 << 20;
/// Segments that one commit tries before its publishers get an error.
pub(super) const MAX_SEGMENT_TRIES: u32 = 3;

/// A batch to be made durable, as frames without their place.
#[derive(Debug)]
pub(super) struct Publish {
    pub frames: Vec<NewFrame>,
    pub done: oneshot::Sender<Result<(), PublishError>>,
}

/// An order to the writer.
#[derive(Debug)]
pub(super) enum Order {
    Publish(Publish),
    /// Store everything that came before, then end.
    Close,
}

/// A frame that has no place in the log yet.
#[derive(Debug)]
pub(super) struct NewFrame {
    pub key: Arc<str>,
    pub encoded: Encoded,
    pub events: u32,
    pub body_crc: u32,
}

impl NewFrame {
    fn body_len(&self) -> usize {
        self.key.len() + self.encoded.len()
    }

    fn frame_len(&self) -> u64 {
        FRAME_HEADER_BYTES + self.body_len() as u64
    }

    /// Size of a segment that holds nothing else.
    pub fn segment_len(&self) -> u64 {
        SEGMENT_HEADER_BYTES + self.frame_len()
    }
}

/// Why a batch was not made durable. It may work later.
#[derive(Clone, Debug)]
pub(super) struct PublishError {
    what: String,
    source: Option<Arc<io::Error>>,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|e| &**e as _)
    }
}

/// Makes everything durable that comes through `orders`, until it is told to end.
pub(super) fn run(shared: &Shared, mut orders: mpsc::Receiver<Order>) {
    let mut writer = Writer { shared, end: shared.log().end, active: None, heads: Vec::new() };
    writer.active = shared.log().live.back().map(|l| l.segment.clone());
    let mut group = Vec::new();
    let mut open = true;
    while open {
        let mut bytes = 0;
        let mut next = orders.blocking_recv();
        loop {
            match next {
                Some(Order::Publish(publish)) => {
                    bytes += publish.frames.iter().map(NewFrame::frame_len).sum::<u64>();
                    group.push(publish);
                }
                Some(Order::Close) | None => {
                    open = false;
                    break;
                }
            }
            if bytes >= MAX_COMMIT_BYTES {
                break;
            }
            match orders.try_recv() {
                Ok(order) => next = Some(order),
                Err(_) => break,
            }
        }
        writer.commit(&mut group);
    }
}

struct Writer<'s> {
    shared: &'s Shared,
    /// Behind the last flushed frame.
    end: Position,
    active: Option<Arc<Segment>>,
    /// Headers of the frames of a commit; reused.
    heads: Vec<[u8; FRAME_HEADER_BYTES as usize]>,
}

impl Writer<'_> {
    /// Answers every publish of the group.
    fn commit(&mut self, group: &mut Vec<Publish>) {
        let result = self.commit_frames(group);
        match &result {
            Ok(()) => {
                if self.shared.writing.clear() {
                    tracing::info!(exchange = %self.shared.name, "publishing works again");
                }
            }
            Err((_, error)) => {
                let cause = error.source().map(|e| format!(": {e}")).unwrap_or_default();
                let text = format!("{error}{cause}");
                if self.shared.writing.raise(&*text) {
                    tracing::error!(exchange = %self.shared.name, "{text}");
                }
            }
        }
        let durable = result.as_ref().map_or_else(|(durable, _)| *durable, |()| usize::MAX);
        let mut frames = 0;
        for publish in group.drain(..) {
            frames += publish.frames.len();
            let answer = match &result {
                Err((_, error)) if frames > durable => Err(error.clone()),
                _ => Ok(()),
            };
            // A publisher that has gone away does not get the answer, although its batch is stored.
            drop(publish.done.send(answer));
        }
    }

    /// Makes all frames of the group durable; on an error gives how many are, and the trouble.
    fn commit_frames(&mut self, group: &[Publish]) -> Result<(), (usize, PublishError)> {
        let frames: Vec<&NewFrame> = group.iter().flat_map(|p| &p.frames).collect();
        let (mut durable, mut tries) = (0, 0);
        while let Some(rest) = frames.get(durable..).filter(|r| !r.is_empty()) {
            let first = rest.first().map_or(0, |f| f.frame_len());
            let segment = match &self.active {
                Some(active) if self.end.offset + first <= active.capacity && !active.is_poisoned() => {
                    active.clone()
                }
                _ => self.next_segment(first).map_err(|e| (durable, e))?,
            };
            let mut room = segment.capacity - self.end.offset;
            let fitting = rest.iter().take_while(|f| {
                let fits = f.frame_len() <= room;
                room = room.saturating_sub(f.frame_len());
                fits
            });
            let run = rest.get(..fitting.count()).unwrap_or_default();
            match self.write(&segment, run) {
                Ok(end) => {
                    self.publish(run, end);
                    durable += run.len();
                }
                Err(error) => {
                    segment.poison();
                    tries += 1;
                    if tries >= MAX_SEGMENT_TRIES {
                        let what = format!("cannot write to `{}`", segment.path.display());
                        return Err((durable, PublishError { what, source: Some(Arc::new(error)) }));
                    }
                    // Reported once: while the trouble lasts each try fails in another segment.
                    if self.shared.writing.text().is_none() {
                        tracing::warn!(
                            exchange = %self.shared.name,
                            segment = %segment.path.display(),
                            "a write failed, going on in another segment: {error}"
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the frames behind the end and flushes them. Gives the new end.
    fn write(&mut self, segment: &Segment, run: &[&NewFrame]) -> io::Result<Position> {
        let faults = &self.shared.options.faults;
        let written_micros = now_micros();
        let mut end = self.end;
        self.heads.clear();
        for frame in run {
            let header = FrameHeader {
                seq: end.seq,
                commit: self.end.seq,
                events_before: end.events,
                bytes_before: end.bytes,
                written_micros,
                events: frame.events,
                body_len: frame.body_len() as u32,
                body_crc: frame.body_crc,
                key_len: frame.key.len() as u16,
                gap: false,
            };
            self.heads.push(header.encode(segment.seed()));
            end = end.after(&header);
        }
        let mut pieces = Vec::with_capacity(run.len() * 4);
        for (head, frame) in self.heads.iter().zip(run) {
            for piece in [&head[..], frame.key.as_bytes(), &frame.encoded.head, &frame.encoded.records] {
                if !piece.is_empty() {
                    pieces.push(IoSlice::new(piece));
                }
            }
        }
        faults.check(Op::Write)?;
        loggr_disk::write_at(&segment.file, &mut pieces, self.end.offset)?;
        faults.check(Op::Sync)?;
        // DURABLE: the one flush that every publisher of this commit waits for.
        loggr_disk::sync(&segment.file)?;
        // DURABLE: data in a file that was deleted or moved away is not.
        loggr_disk::in_place(&segment.file, &segment.path)?;
        Ok(end)
    }

    /// Lets the consumers see the frames that are durable now.
    fn publish(&mut self, run: &[&NewFrame], end: Position) {
        let mut log = self.shared.log();
        for (seq, frame) in (self.end.seq..).zip(run) {
            for queue in &log.queues {
                if queue.bindings.matches(seq, &frame.key) {
                    queue.published.fetch_add(u64::from(frame.events), Ordering::Relaxed);
                    queue.published_bytes.fetch_add(frame.frame_len(), Ordering::Relaxed);
                }
            }
        }
        if let Some(live) = log.live.back_mut() {
            live.end = end.offset;
        }
        log.end = end;
        log.commits += 1;
        for queue in &log.queues {
            queue.changed.notify_waiters();
        }
        drop(log);
        self.end = end;
    }

    /// Goes on in another segment that has room for a frame of `first` bytes.
    fn next_segment(&mut self, first: u64) -> Result<Arc<Segment>, PublishError> {
        let capacity = self.shared.options.segment_size.max(SEGMENT_HEADER_BYTES + first);
        self.check_size(capacity)?;
        let segment = Arc::new(self.spare(capacity)?);
        let at = Position { segment: segment.id, offset: SEGMENT_HEADER_BYTES, ..self.end };
        let mut log = self.shared.log();
        // A segment that never got a frame is of no use.
        let empty = log.live.pop_back_if(|l| l.end <= SEGMENT_HEADER_BYTES);
        log.live.push_back(LiveSegment { segment: segment.clone(), first: at, end: at.offset });
        log.end = at;
        drop(log);
        if let Some(empty) = empty {
            // The janitor's next collection, or the next open, would find it as well.
            drop(std::fs::remove_file(&empty.segment.path));
        }
        self.end = at;
        self.active = Some(segment.clone());
        self.shared.ask_collect();
        Ok(segment)
    }

    fn check_size(&self, capacity: u64) -> Result<(), PublishError> {
        let limit = self.shared.options.max_size;
        let log = self.shared.log();
        let held: u64 =
            log.live.iter().filter(|l| l.end > SEGMENT_HEADER_BYTES).map(|l| l.segment.capacity).sum();
        if held + capacity <= limit {
            return Ok(());
        }
        let last = log.queues.iter().min_by_key(|q| q.state().head().seq);
        let (kind, name) = match last {
            Some(queue) => ("queue", &queue.name),
            None => ("exchange", &self.shared.name),
        };
        let what = format!("{kind} `{name}` is full: {} of {} waiting", Bytes(held), Bytes(limit));
        drop(log);
        self.shared.ask_collect();
        Err(PublishError { what, source: None })
    }

    /// Takes the segment that the janitor has ready, or waits for one.
    fn spare(&self, capacity: u64) -> Result<Segment, PublishError> {
        let mut spare = self.shared.spare();
        if spare.ready.as_ref().is_none_or(|s| s.capacity < capacity || !fits(s, capacity, self.shared)) {
            spare.asked += 1;
            let serial = spare.asked;
            self.shared.ask(Job::Prepare { capacity, serial });
            while spare.answered < serial {
                spare =
                    self.shared.spare_changed.wait(spare).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
        }
        let ready = spare.ready.take();
        let error = spare.error.take();
        if ready.is_some() {
            // The next segment is made while this one is filled.
            spare.asked += 1;
            let serial = spare.asked;
            self.shared.ask(Job::Prepare { capacity: self.shared.options.segment_size, serial });
        }
        ready.ok_or_else(|| {
            let what = format!("cannot make a segment in `{}`", self.shared.dir.display());
            PublishError { what, source: error.map(Arc::new) }
        })
    }
}

/// Whether a spare segment is large enough and still in its directory.
fn fits(segment: &Segment, capacity: u64, shared: &Shared) -> bool {
    let usual = capacity > shared.options.segment_size || segment.capacity == shared.options.segment_size;
    usual && loggr_disk::in_place(&segment.file, &segment.path).is_ok()
}

pub(super) fn now_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// A size in the largest unit that keeps it above 1.
pub(super) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if self.0 >= 1 << shift {
                let tenths = (self.0 >> (shift - 10)) * 10 / 1024;
                return match tenths % 10 {
                    0 => write!(f, "{} {unit}", tenths / 10),
                    rest => write!(f, "{}.{rest} {unit}", tenths / 10),
                };
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: u64, expect: &str) {
        assert_eq!(Bytes(bytes).to_string(), expect);
    }

    #[test]
    fn sizes() {
        check(20 << 30, "20 GiB");
        check((20 << 30) + (512 << 20), "20.5 GiB");
        check(1536, "1.5 KiB");
        check(17, "17 bytes");
    }
}
