//! How many bytes a second a shipper may send, over all its connections together.
//!
//! What was not used is saved up to a limit, so that a burst goes at once. Whoever has to wait for its bytes
//! waits behind those who wait already, and has paid nothing if it gives up. Not here: what is sent, and time
//! limits; waiting here is no fault of a target.
//!
//! A process that stops waits for no bandwidth: the batch in hand goes at once, and no other one is asked for.

use std::time::Duration;

use futures_util::FutureExt;
use loggr_flow::{Phase, Stop};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::process::meter::Flag;

/// Bytes of a burst at most, of one second at most.
const MAX_BURST_BYTES: u64 = 256 << 10;
/// A burst has at least so many parts of a second: timers are no finer, and more would be lost between them.
const LEAST_BURST_PARTS: u64 = 200;

/// A limit that connections share.
#[derive(Debug)]
pub struct Pace {
    limit: Option<Limit>,
    stop: Stop,
    /// The process stops, and there is more to send than there is room for.
    enough: Flag,
}

#[derive(Debug)]
struct Limit {
    bytes_a_second: u64,
    /// How long it takes to save a burst.
    burst: Duration,
    /// When all of it is saved again. Who waits holds it, so that the others come later.
    full: Mutex<Instant>,
}

impl Pace {
    /// A limit in bytes a second; none without it. Nobody waits once `stop` drains.
    pub fn new(bytes_a_second: Option<u64>, stop: Stop) -> Pace {
        let limit = bytes_a_second.map(|rate| {
            let bytes_a_second = rate.max(1);
            let burst = bytes_a_second.min(MAX_BURST_BYTES).max(bytes_a_second / LEAST_BURST_PARTS);
            let burst = time_of(burst, bytes_a_second);
            Limit { bytes_a_second, burst, full: Mutex::new(Instant::now()) }
        });
        Pace { limit, stop, enough: Flag::default() }
    }

    /// Takes the room for so many bytes, if it is there and nobody else waits for room.
    pub fn try_take(&self, bytes: usize) -> bool {
        let Some(limit) = &self.limit else { return true };
        let Some(mut full) = limit.full.lock().now_or_never() else { return false };
        let (now, cost) = (Instant::now(), limit.cost(bytes));
        let has_room = limit.early(*full, cost, now).is_none();
        if has_room {
            *full = now.max(*full) + cost;
        }
        has_room
    }

    /// Waits for the room, and takes it. Who gives up has taken nothing.
    pub async fn take(&self, bytes: usize) {
        let Some(limit) = &self.limit else { return };
        let mut full = limit.full.lock().await;
        let cost = limit.cost(bytes);
        if let Some(wait) = limit.early(*full, cost, Instant::now()) {
            let mut stop = self.stop.clone();
            tokio::select! {
                biased;
                () = stop.drain() => {
                    self.enough.raise();
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
        *full = Instant::now().max(*full) + cost;
    }

    /// Nothing more is to be sent: the process stops, and what waits needs more room than there is.
    pub fn is_enough(&self) -> bool {
        self.enough.is_raised() && self.stop.phase() >= Phase::Drain
    }
}

impl Limit {
    fn cost(&self, bytes: usize) -> Duration {
        time_of(bytes as u64, self.bytes_a_second)
    }

    /// How long it is too early for what costs so much. What is longer than a burst needs all that can be
    /// saved, and those behind it wait the longer.
    fn early(&self, full: Instant, cost: Duration, now: Instant) -> Option<Duration> {
        let missing = full.saturating_duration_since(now);
        let wait = (missing + cost.min(self.burst)).saturating_sub(self.burst);
        (!wait.is_zero()).then_some(wait)
    }
}

fn time_of(bytes: u64, bytes_a_second: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / bytes_a_second as f64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loggr_flow::Stopper;
    use proptest::prelude::*;

    use super::*;

    fn pace(rate: u64) -> Pace {
        Pace::new(Some(rate), Stop::never())
    }

    /// Sends so many pieces of so many bytes; gives the milliseconds at which each left.
    async fn leave(pace: &Pace, pieces: &[usize]) -> Vec<u128> {
        let (begun, mut left) = (Instant::now(), Vec::new());
        for bytes in pieces {
            if !pace.try_take(*bytes) {
                pace.take(*bytes).await;
            }
            left.push(begun.elapsed().as_millis());
        }
        left
    }

    fn paused<T>(work: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(work)
    }

    #[track_caller]
    fn check(rate: Option<u64>, pieces: &[usize], expect: &[u128]) {
        let left = paused(async { leave(&Pace::new(rate, Stop::never()), pieces).await });
        // A timer ends with the millisecond behind its time.
        let close = left.iter().zip(expect).all(|(left, expect)| (*expect..=expect + 2).contains(left));
        assert!(close && left.len() == expect.len(), "{left:?}, expected {expect:?}");
    }

    #[test]
    fn bytes_leave_at_the_rate_behind_a_burst() {
        check(None, &[usize::MAX, usize::MAX], &[0, 0]);
        check(Some(1000), &[500, 500, 100, 100], &[0, 0, 100, 200]);
        // What is longer than a burst goes, and the next pays for it.
        check(Some(1000), &[3000, 100], &[0, 2100]);
        check(Some(1000), &[1000, 3000, 100], &[0, 1000, 3100]);
        // No burst is larger than this, but where timers are not fine enough.
        check(Some(1 << 20), &[256 << 10, 256 << 10, 1], &[0, 250, 250]);
        check(Some(1 << 30), &[5 << 20, 5 << 20], &[0, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_saved_up_to_a_burst() {
        let pace = pace(1000);
        assert_eq!(leave(&pace, &[1000]).await, [0]);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(leave(&pace, &[1000, 1000]).await, [0, 1000]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_not_overtaken_and_who_gives_up_pays_nothing() {
        let pace = Arc::new(pace(1000));
        let begun = Instant::now();
        assert!(pace.try_take(1000));
        let long = tokio::spawn({
            let pace = pace.clone();
            async move { pace.take(1000).await }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!pace.try_take(1), "the other one waits for all of it");
        assert!(tokio::time::timeout(Duration::from_millis(100), pace.take(1)).await.is_err());
        long.await.unwrap();
        assert!((1000..=1002).contains(&begun.elapsed().as_millis()));
        pace.take(10).await;
        assert!((1010..=1013).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waits_for_no_room() {
        let (stopper, stop) = Stopper::new();
        let pace = Arc::new(Pace::new(Some(1000), stop));
        let begun = Instant::now();
        pace.take(1_000_000).await;
        let waiting = tokio::spawn({
            let pace = pace.clone();
            async move { pace.take(1000).await }
        });
        tokio::task::yield_now().await;
        assert!(!pace.is_enough());
        stopper.drain();
        waiting.await.unwrap();
        pace.take(1000).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(pace.is_enough());
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_with_room_sends_on() {
        let (stopper, stop) = Stopper::new();
        let pace = Pace::new(Some(1000), stop);
        stopper.drain();
        pace.take(900).await;
        assert!(!pace.is_enough(), "there was room for it");
    }

    proptest! {
        /// However the pieces are: no time has more bytes than the rate and a burst, and one piece that is
        /// longer.
        #[test]
        fn no_time_has_more_bytes(rate in 1024u64..10_000_000, pieces in prop::collection::vec(1usize..200_000, 1..40)) {
            let left = paused(async { leave(&pace(rate), &pieces).await });
            let burst = rate.min(MAX_BURST_BYTES) as f64;
            for from in 0..left.len() {
                for to in from..left.len() {
                    let sent: usize = pieces[from..=to].iter().sum();
                    let longest = pieces[from..=to].iter().max().copied().unwrap_or_default();
                    let seconds = (left[to] - left[from] + 2) as f64 / 1000.0;
                    let allowed = seconds * rate as f64 + burst.max(longest as f64);
                    prop_assert!(sent as f64 <= allowed + 1.0, "{sent} bytes in {seconds} s");
                }
            }
        }
    }
}
