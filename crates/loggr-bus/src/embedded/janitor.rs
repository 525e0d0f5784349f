//! The janitor: one thread per exchange for all work that publishers and consumers should not wait
//! for.
//!
//! Makes segments ahead of need, gives back those that every queue has passed, and flushes cursors.
//! No acknowledgement waits for it. Invariant: a segment is given back only when the cursors that
//! passed it are flushed, and the segment after it has a frame.

use std::path::PathBuf;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::segment::{SEGMENT_HEADER_BYTES, Segment};
use super::shared::{Job, Shared};

/// Files kept to be used again; more are removed.
pub(super) const MAX_FREE_SEGMENTS: usize = 4;
/// A cursor is flushed at most this often.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The state that only the janitor uses.
pub(super) struct Janitor {
    /// Number of the next segment.
    pub next_id: u64,
    /// Files to be used again.
    pub free: Vec<PathBuf>,
}

impl Janitor {
    /// Works until it is told to quit, or the exchange is dropped.
    pub fn run(mut self, shared: &Weak<Shared>, jobs: &Receiver<Job>) {
        let mut flush_at: Option<Instant> = None;
        loop {
            let job = match flush_at {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => jobs.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let Some(shared) = shared.upgrade() else { return };
            match job {
                Ok(Job::Prepare { capacity, serial }) => self.prepare(&shared, capacity, serial),
                Ok(Job::Collect) => self.collect(&shared),
                Ok(Job::Flush) => {
                    flush_at.get_or_insert_with(|| Instant::now() + FLUSH_INTERVAL);
                }
                Ok(Job::Ping(answer)) => drop(answer.send(())),
                Ok(Job::Quit) => return,
                Err(RecvTimeoutError::Timeout) => {
                    flush_at = None;
                    flush(&shared);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn prepare(&mut self, shared: &Shared, capacity: u64, serial: u64) {
        let usual = shared.options.segment_size;
        let old = {
            let mut spare = shared.spare();
            match &spare.ready {
                Some(ready)
                    if ready.capacity == capacity
                        && loggr_disk::in_place(&ready.file, &ready.path).is_ok() =>
                {
                    spare.answered = serial;
                    shared.spare_changed.notify_all();
                    return;
                }
                _ => spare.ready.take(),
            }
        };
        if let Some(old) = old {
            // The segment's number would be out of order.
            self.retire(&old);
        }
        let made = loop {
            let id = self.next_id;
            self.next_id += 1;
            if capacity != usual {
                break Segment::create(&shared.dir, id, capacity, false, &shared.options.faults);
            }
            let Some(free) = self.free.pop() else {
                break Segment::create(&shared.dir, id, capacity, true, &shared.options.faults);
            };
            match Segment::recycle(&shared.dir, &free, id, &shared.options.faults) {
                Ok(segment) if segment.capacity == capacity => break Ok(segment),
                Ok(segment) => self.retire(&segment),
                // The file is gone; making a new one shows whether the disk works.
                Err(_) => {}
            }
        };
        let mut spare = shared.spare();
        match made {
            Ok(segment) => {
                spare.ready = Some(segment);
                spare.error = None;
            }
            Err(error) => spare.error = Some(error),
        }
        spare.answered = serial;
        shared.spare_changed.notify_all();
    }

    fn collect(&mut self, shared: &Shared) {
        shared.collect_asked.store(false, Ordering::SeqCst);
        let queues = shared.log().queues.clone();
        let mut heads = Vec::with_capacity(queues.len());
        for queue in &queues {
            // DURABLE: a cursor must not come back older than what it still needs.
            match queue.flush() {
                Ok(head) => heads.push(head),
                // The queue has reported the error already.
                Err(_) => return,
            }
        }
        let mut passed = Vec::new();
        {
            let mut log = shared.log();
            let needed = heads.iter().map(|h| Shared::needed_from(&log, h)).min().unwrap_or(0);
            while log.live.get(1).is_some_and(|next| next.end > SEGMENT_HEADER_BYTES)
                && let Some(first) = log.live.pop_front_if(|l| l.segment.id < needed)
            {
                passed.push(first.segment);
            }
        }
        if passed.is_empty() {
            return;
        }
        // Segments that could never be read are not used again.
        for segment in passed.iter().filter(|segment| !segment.is_blind()) {
            let usual = segment.capacity == shared.options.segment_size && !segment.is_poisoned();
            if usual && self.free.len() < MAX_FREE_SEGMENTS {
                let free = segment.path.with_extension("free");
                if loggr_disk::rename_unsynced(&segment.path, &free).is_ok() {
                    self.free.push(free);
                }
            } else {
                self.retire(segment);
            }
        }
        if let Err(error) = loggr_disk::sync_directory(&shared.dir) {
            tracing::warn!(exchange = %shared.name, "cannot flush the directory: {error}");
        }
    }

    /// Removes a file; if that fails, the next open finds it again.
    fn retire(&self, segment: &Segment) {
        drop(std::fs::remove_file(&segment.path));
    }
}

fn flush(shared: &Shared) {
    let queues = shared.log().queues.clone();
    for queue in queues.iter().filter(|q| q.flush_asked.load(Ordering::SeqCst)) {
        if queue.flush().is_err() {
            // The queue has reported the error already; the flush is tried again within a second.
            shared.ask_flush(queue);
        }
    }
}
