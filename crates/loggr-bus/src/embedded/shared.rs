//! One exchange: what its publishers, consumers, writer and janitor share.
//!
//! Order of locks: a queue's reader, the log, a queue's state. None is held across
//! an `await`, and none across a flush.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::topology::BusOptions;

use super::lock::DirLock;
use super::log::{Damage, Log, Position, ReadError, Span};
use super::queue::{Dropped, Gathered, Lease, Queue};
use super::segment::Segment;
use super::trouble::Trouble;

/// What the janitor is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Have a segment ready that holds at least so many bytes.
    Prepare { capacity: u64, serial: u64 },
    /// Give back the segments that every queue has passed.
    Collect,
    /// Flush the cursors, soon.
    Flush,
    /// Say when everything before this is done.
    Ping(mpsc::SyncSender<()>),
    /// The writer has ended, and the exchange is being closed.
    Quit,
}

/// The segment that is made ahead of need.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub ready: Option<Segment>,
    /// The last request, and the last one that was answered.
    pub asked: u64,
    pub answered: u64,
    pub error: Option<io::Error>,
}

/// An exchange.
#[derive(Debug)]
pub(super) struct Shared {
    pub name: String,
    pub dir: PathBuf,
    pub options: BusOptions,
    pub log: Mutex<Log>,
    pub spare: Mutex<Spare>,
    pub spare_changed: Condvar,
    pub jobs: mpsc::Sender<Job>,
    pub collect_asked: AtomicBool,
    /// Nothing is handed out or written any more.
    pub closed: AtomicBool,
    /// Why nothing can be published at the moment.
    pub writing: Trouble,
    /// Since when a place in a segment cannot be read.
    pub unreadable: Mutex<HashMap<(u64, u64), Instant>>,
    pub lock: Arc<DirLock>,
}

/// What a try to take a delivery gave.
pub(super) enum Taken {
    Lease(Lease, Gathered),
    /// There is nothing now.
    Nothing,
}

impl Shared {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the janitor; after its end there is nothing left to ask for.
    pub fn ask(&self, job: Job) {
        drop(self.jobs.send(job));
    }

    pub fn ask_collect(&self) {
        if !self.collect_asked.swap(true, Ordering::SeqCst) {
            self.ask(Job::Collect);
        }
    }

    /// The cursor of the queue is to be written and flushed within the second.
    pub fn ask_flush(&self, queue: &Queue) {
        if !queue.flush_asked.swap(true, Ordering::SeqCst) {
            self.ask(Job::Flush);
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub fn queue(&self, name: &str) -> Option<Arc<Queue>> {
        self.log().queues.iter().find(|q| q.name == name).cloned()
    }

    /// Leases the next entry of the queue: one that was given back, or a fresh one. `tried`:
    /// it is worked on at once.
    pub fn take(&self, queue: &Queue, limits: (usize, usize), tried: bool) -> Result<Taken, ReadError> {
        let again = queue.state().lease_again(tried);
        if let Some(lease) = again {
            return match self.read_again(queue, &lease) {
                Ok(gathered) => Ok(Taken::Lease(lease, gathered)),
                Err(error) => {
                    queue.state().nacked(lease.id, false);
                    Err(error)
                }
            };
        }
        let mut reader = queue.reader();
        let reader = &mut *reader;
        let mut repaired = None;
        loop {
            let Some(span) = self.log().span(&reader.at) else { return Ok(Taken::Nothing) };
            let isolate = queue.state().isolate();
            let mut at = span.start;
            let limits = if isolate { (0, 0) } else { limits };
            let gathered = match self.read(&span, limits.0) {
                Ok(bytes) => queue.gather(&span, &bytes, &mut at, None, limits, &mut reader.decoder)?,
                Err(error) => self.pass_over(&span, &mut at, error)?,
            };
            if gathered.broken && repaired != Some(span.start) {
                self.repair(&span)?;
                repaired = Some(span.start);
                continue;
            }
            if at == span.start {
                let what =
                    format!("`{}` cannot be read at offset {}", span.segment.path.display(), at.offset);
                return Err(ReadError::Gone(io::Error::other(what)));
            }
            let lease = queue.state().lease_fresh(span.start, at, &gathered, tried);
            let crossed = reader.at.segment != at.segment;
            reader.at = at;
            if crossed {
                self.ask_collect();
            }
            match lease {
                Some(lease) => return Ok(Taken::Lease(lease, gathered)),
                None => self.ask_flush(queue),
            }
        }
    }

    /// Drops what waits; what is in flight is dropped should it come back.
    pub fn purge(&self, queue: &Queue) -> Dropped {
        let mut reader = queue.reader();
        let (end, published, bytes) = {
            let log = self.log();
            (log.end, queue.published.load(Ordering::Relaxed), queue.published_bytes.load(Ordering::Relaxed))
        };
        let mut state = queue.state();
        let dropped = state.purge(reader.at, end, published, bytes);
        reader.at = end;
        drop(state);
        queue.changed.notify_waiters();
        dropped
    }

    /// The queue can be read.
    pub fn readable(&self, queue: &Queue) {
        if queue.reading.clear() {
            tracing::info!(queue = %queue.name, "the queue can be read again");
            self.unreadable().clear();
        }
    }

    fn unreadable(&self) -> MutexGuard<'_, HashMap<(u64, u64), Instant>> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The frame at the beginning of the span cannot be read. That may pass; after a while its
    /// events count as damaged, and the queue goes on behind them.
    fn pass_over(&self, span: &Span, at: &mut Position, error: ReadError) -> Result<Gathered, ReadError> {
        let place = (span.segment.id, span.start.offset);
        let known = self.log().gaps.get(&place).copied();
        let gap = match known {
            Some(gap) => gap,
            None => {
                let now = Instant::now();
                let first = *self.unreadable().entry(place).or_insert(now);
                if now.duration_since(first) < self.options.patience {
                    return Err(error);
                }
                self.unreadable().remove(&place);
                let (after, last) = self.after(span);
                let mut plan = span.plan(&after, last);
                // A disk may take another block for a bad one that is written to. Where it does
                // not, the queue goes on all the same.
                if let Err(error) = span.carry_out(&mut plan) {
                    tracing::warn!(exchange = %self.name, "cannot mark the damage on disk: {error}");
                }
                self.tell_damage(&plan.damage);
                self.log().gaps.insert(place, plan.gap);
                plan.gap
            }
        };
        *at = at.after(&gap);
        let events = gap.events_before.saturating_sub(span.start.events) + u64::from(gap.events);
        Ok(Gathered { damaged: events, ..Gathered::default() })
    }

    fn read_again(&self, queue: &Queue, lease: &Lease) -> Result<Gathered, ReadError> {
        let span = self.log().span(&lease.start).ok_or_else(|| ReadError::Gone(gone(lease)))?;
        if span.segment.id != lease.start.segment {
            return Err(ReadError::Gone(gone(lease)));
        }
        let len = usize::try_from(lease.end.offset.saturating_sub(lease.start.offset)).unwrap_or(usize::MAX);
        let bytes = self.read(&span, len)?;
        let mut at = span.start;
        let all = (usize::MAX, usize::MAX);
        let mut decoder = crate::encoding::Decoder::default();
        let gathered = queue.gather(&span, &bytes, &mut at, Some(lease.end.seq), all, &mut decoder)?;
        if at.seq != lease.end.seq {
            return Err(ReadError::Gone(gone(lease)));
        }
        Ok(gathered)
    }

    /// Reads inline what was written lately: the page cache has it. For a backlog the
    /// runtime is told that this thread may block.
    fn read(&self, span: &Span, max: usize) -> Result<bytes::Bytes, ReadError> {
        const RECENT_SEGMENTS: u64 = 2;
        let newest = self.log().end.segment;
        let recent = newest.saturating_sub(span.segment.id) < RECENT_SEGMENTS;
        let threaded = tokio::runtime::Handle::try_current()
            .is_ok_and(|h| h.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
        if recent || !threaded { span.read(max) } else { tokio::task::block_in_place(|| span.read(max)) }
    }

    /// What follows the segment of the span, and whether nothing does.
    fn after(&self, span: &Span) -> (Position, bool) {
        let log = self.log();
        let last = log.live.back().is_some_and(|l| l.segment.id == span.segment.id);
        (log.after_segment(span.segment.id), last)
    }

    /// The frame at the beginning of the span was good once.
    fn repair(&self, span: &Span) -> Result<(), ReadError> {
        let (after, last) = self.after(span);
        let (damage, end) = span.repair(&after, last).map_err(ReadError::Gone)?;
        if damage.events > 0 {
            self.tell_damage(&damage);
        }
        let mut log = self.log();
        if let Some(live) = log.live.iter_mut().find(|l| l.segment.id == span.segment.id) {
            live.end = end;
        }
        Ok(())
    }

    fn tell_damage(&self, damage: &Damage) {
        tracing::error!(exchange = %self.name, "{damage}");
        self.log().damaged += damage.events;
    }

    /// The segment that must be kept for a queue whose head is at `head`.
    pub fn needed_from(log: &Log, head: &Position) -> u64 {
        let index = log.live.partition_point(|l| l.segment.id < head.segment);
        match (log.live.get(index), log.live.get(index + 1)) {
            (Some(live), Some(next)) if live.segment.id == head.segment && head.offset >= live.end => {
                next.segment.id
            }
            _ => head.segment,
        }
    }
}

fn gone(lease: &Lease) -> io::Error {
    let at = lease.start;
    io::Error::other(format!(
        "batches from {} to {} are not in their segment any more",
        at.seq, lease.end.seq
    ))
}
