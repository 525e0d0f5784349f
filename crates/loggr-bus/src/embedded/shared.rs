//! One exchange: the state that its publishers, consumers, writer and janitor share.
//!
//! Order of locks: a queue's reader, the log, a queue's state. None is held across
//! an `await`, and none across a flush.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use loggr_disk::Lock;

use super::entries::Dropped;
use super::log::Log;
use super::options::BusOptions;
use super::position::Position;
use super::queue::Queue;
use super::segment::Segment;
use super::trouble::Trouble;

/// A job for the janitor.
#[derive(Debug)]
pub(super) enum Job {
    /// Have a segment ready that holds at least `capacity` bytes.
    Prepare { capacity: u64, serial: u64 },
    /// Give back the segments that every queue has passed.
    Collect,
    /// Flush the cursors, soon.
    Flush,
    /// Answer when everything before this is done.
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
    pub lock: Arc<Lock>,
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

    /// Asks for the cursor of the queue to be written and flushed within a second.
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

    /// Drops the events that wait; events in flight are dropped if they are given back.
    pub fn purge(&self, queue: &Queue) -> Dropped {
        let mut reader = queue.reader();
        let (end, published, bytes) = {
            let log = self.log();
            (log.end, queue.published.load(Ordering::Relaxed), queue.published_bytes.load(Ordering::Relaxed))
        };
        let mut state = queue.state();
        let dropped = state.purge(reader.at, end, published, bytes);
        reader.at = end;
        // Done under the same lock, so that an event given back now is dropped.
        queue.unreadable.clear();
        drop(state);
        queue.changed.notify_waiters();
        dropped
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
