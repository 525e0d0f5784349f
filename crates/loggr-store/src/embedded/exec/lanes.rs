//! Two lanes, so that a question that reads little never waits behind those that read much.
//!
//! Every question begins in the quick lane, where nothing is in its way. One that has used
//! [`QUICK_BUDGET`] of CPU goes on in the slow lane: each of its row groups needs a permit, of which
//! there is one less than processors (at least one), and which are given in the order of asking. So
//! the dear ones leave a processor to the quick ones, and share the rest evenly.
//!
//! Not limits of a question as a whole: those are [`Limits`]. Invariant: no thread asks for a permit
//! while it holds one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::embedded::blocks::bytes_read_by_thread;
use crate::embedded::lock;
use crate::{Limits, Stats, StoreError};

/// CPU time, over all its threads, after which a question is a dear one. A rare word in five million
/// rows takes a third of it; a word that most row groups hold takes ten times as much.
pub(crate) const QUICK_BUDGET: Duration = Duration::from_millis(100);
/// How often a question that waits looks whether it was cancelled or its time is over.
const LIMITS_POLL: Duration = Duration::from_millis(20);

/// The permits of the slow lane.
pub(crate) struct Lanes {
    slow: Mutex<Slow>,
    freed: Condvar,
}

/// Who holds a permit, and who waits for one.
#[derive(Debug, Default)]
struct Slow {
    free: usize,
    waiting: VecDeque<u64>,
    next: u64,
}

impl Slow {
    /// Gets in line.
    fn queue(&mut self) -> u64 {
        self.next += 1;
        self.waiting.push_back(self.next);
        self.next
    }

    /// Takes a permit, if one is free and it is the turn of this ticket.
    fn take(&mut self, ticket: u64) -> bool {
        let turn = self.free > 0 && self.waiting.front() == Some(&ticket);
        if turn {
            self.waiting.pop_front();
            self.free -= 1;
        }
        turn
    }

    /// Leaves the line.
    fn give_up(&mut self, ticket: u64) {
        self.waiting.retain(|waiting| *waiting != ticket);
    }
}

impl Lanes {
    fn new(permits: usize) -> Lanes {
        let slow = Slow { free: permits, ..Slow::default() };
        Lanes { slow: Mutex::new(slow), freed: Condvar::new() }
    }

    /// Those of this process: its questions share the processors, whichever store they ask.
    pub(crate) fn of_process() -> Arc<Lanes> {
        static LANES: OnceLock<Arc<Lanes>> = OnceLock::new();
        let permits = || std::thread::available_parallelism().map_or(1, |n| n.get() - 1).max(1);
        Arc::clone(LANES.get_or_init(|| Arc::new(Lanes::new(permits()))))
    }

    /// Waits for a permit; `None` when the time is over.
    fn permit(&self, limits: &Limits) -> Result<Option<Permit<'_>>, StoreError> {
        let mut slow = lock(&self.slow);
        let ticket = slow.queue();
        loop {
            if slow.take(ticket) {
                // Another one may be free for whoever is next.
                self.freed.notify_all();
                return Ok(Some(Permit { lanes: self }));
            }
            match limits.is_over() {
                Ok(false) => {}
                ended => {
                    slow.give_up(ticket);
                    self.freed.notify_all();
                    return ended.map(|_| None);
                }
            }
            let woken = self.freed.wait_timeout(slow, LIMITS_POLL);
            slow = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The right to look at one row group; goes back when it is dropped.
struct Permit<'l> {
    lanes: &'l Lanes,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        lock(&self.lanes.slow).free += 1;
        self.lanes.freed.notify_all();
    }
}

/// What one question has used so far. Its threads share it.
pub(crate) struct Usage {
    lanes: Arc<Lanes>,
    budget: Duration,
    cpu_nanos: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Usage {
    /// Of a question that begins.
    pub(crate) fn new(lanes: Arc<Lanes>) -> Usage {
        Usage {
            lanes,
            budget: QUICK_BUDGET,
            cpu_nanos: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Notes that a row group was looked at.
    pub(crate) fn looked_at(&self, rows: u32) {
        self.rows.fetch_add(u64::from(rows), Ordering::Relaxed);
    }

    /// Tells how much was looked at so far.
    pub(crate) fn tell(&self, stats: &mut Stats) {
        stats.rows = self.rows.load(Ordering::Relaxed);
        stats.bytes = self.bytes.load(Ordering::Relaxed);
    }

    fn is_dear(&self) -> bool {
        u128::from(self.cpu_nanos.load(Ordering::Relaxed)) >= self.budget.as_nanos()
    }

    /// Does a piece of work, such as one row group, in the lane of the question; `None` when the time
    /// was over before it could begin.
    pub(crate) fn run<T>(
        &self,
        limits: &Limits,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if limits.is_over()? {
            return Ok(None);
        }
        let _permit = match self.is_dear() {
            false => None,
            true => match self.lanes.permit(limits)? {
                Some(permit) => Some(permit),
                None => return Ok(None),
            },
        };
        let _used = Used::begin(self);
        work().map(Some)
    }

    /// The same for work that is done even when the time is over: what was found is still fetched.
    pub(crate) fn run_anyway<T>(
        &self,
        limits: &Limits,
        work: impl Fn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.run(limits, &work)? {
            Some(done) => Ok(done),
            None => {
                let _used = Used::begin(self);
                work()
            }
        }
    }
}

/// Adds what a thread has used, whether its work ends well or not.
struct Used<'u> {
    usage: &'u Usage,
    cpu_before: u64,
    bytes_before: u64,
}

impl Used<'_> {
    fn begin(usage: &Usage) -> Used<'_> {
        Used { usage, cpu_before: thread_cpu(), bytes_before: bytes_read_by_thread() }
    }
}

impl Drop for Used<'_> {
    fn drop(&mut self) {
        let cpu = thread_cpu().saturating_sub(self.cpu_before);
        self.usage.cpu_nanos.fetch_add(cpu, Ordering::Relaxed);
        let bytes = bytes_read_by_thread().saturating_sub(self.bytes_before);
        self.usage.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// CPU time of this thread in nanoseconds.
fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn permits_are_given_in_the_order_of_asking() {
        let mut slow = Slow { free: 1, ..Slow::default() };
        let tickets: Vec<u64> = (0..3).map(|_| slow.queue()).collect();
        assert!(!slow.take(tickets[1]), "it is the turn of the first");
        assert!(slow.take(tickets[0]));
        assert!(!slow.take(tickets[1]), "none is free");
        slow.free += 1;
        slow.give_up(tickets[1]);
        assert!(slow.take(tickets[2]));
        assert_eq!((slow.free, slow.waiting.len()), (0, 0));
    }

    fn usage(lanes: &Arc<Lanes>, used: Duration) -> Usage {
        let usage = Usage::new(Arc::clone(lanes));
        usage.cpu_nanos.store(used.as_nanos() as u64, Ordering::Relaxed);
        usage
    }

    fn free(lanes: &Lanes) -> usize {
        lock(&lanes.slow).free
    }

    #[test]
    fn only_what_is_dear_needs_a_permit() {
        let lanes = Arc::new(Lanes::new(1));
        let quick = || usage(&lanes, QUICK_BUDGET - Duration::from_nanos(1));
        let dear = usage(&lanes, QUICK_BUDGET);
        let limits = Limits::default();
        assert_eq!(quick().run(&limits, || Ok(free(&lanes))).unwrap(), Some(1));
        assert_eq!(dear.run(&limits, || Ok(free(&lanes))).unwrap(), Some(0));
        assert_eq!(free(&lanes), 1);
        // While a dear one is at work, a quick one is not in its way, nor the other way round.
        let inner = dear.run(&limits, || quick().run(&limits, || Ok(7)));
        assert_eq!(inner.unwrap(), Some(Some(7)));
    }

    #[test]
    fn who_waits_can_be_cancelled_or_run_out_of_time() {
        let lanes = Arc::new(Lanes::new(0));
        let dear = usage(&lanes, QUICK_BUDGET);
        let soon = std::time::Instant::now() + Duration::from_millis(5);
        let late = Limits { deadline: Some(soon), ..Limits::default() };
        assert_eq!(dear.run(&late, || Ok(1)).unwrap(), None);
        let cancel = Arc::new(AtomicBool::new(true));
        let cancelled = Limits { cancel: Some(cancel), ..Limits::default() };
        assert_eq!(dear.run(&cancelled, || Ok(1)).unwrap_err().kind(), crate::ErrorKind::Limit);
        assert!(lock(&lanes.slow).waiting.is_empty());
    }

    #[test]
    fn a_permit_comes_back_from_work_that_fails() {
        let lanes = Arc::new(Lanes::new(1));
        let dear = usage(&lanes, QUICK_BUDGET);
        let failed = || Err::<(), _>(StoreError::new(crate::ErrorKind::Corrupt, "x"));
        assert!(dear.run(&Limits::default(), failed).is_err());
        assert_eq!(free(&lanes), 1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            dear.run(&Limits::default(), || -> Result<(), StoreError> { panic!("work") })
        }));
        assert!(panicked.is_err());
        assert_eq!(free(&lanes), 1);
    }

    #[test]
    fn work_counts() {
        let lanes = Arc::new(Lanes::new(1));
        let usage = usage(&lanes, Duration::ZERO);
        let work = || Ok((0..2_000_000u64).fold(0, |sum, n| std::hint::black_box(sum ^ n)));
        let done = (0..1_000_000).find(|_| usage.run(&Limits::default(), work).is_err() || usage.is_dear());
        assert!(done.is_some());
    }
}
