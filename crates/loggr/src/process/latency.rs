//! How long something takes, over the last minutes: the time that half of all tries stayed below, and that
//! 99 of 100 stayed below.
//!
//! Not a log of tries: they are counted in classes of time, each a fifth wider than the one before, so
//! that an answer is at most so much too great. Memory is the same however many there are.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After so long the numbers of before are forgotten; they are kept for another such time.
const WINDOW: Duration = Duration::from_secs(60);
/// Classes of time for each doubling.
const STEPS: f64 = 4.0;
/// Classes; the last one is of all that takes longer than half a day.
const CLASSES: usize = 144;

/// Times that were measured lately.
#[derive(Debug)]
pub struct Latency(Mutex<Windows>);

#[derive(Debug)]
struct Windows {
    began: Instant,
    now: [u32; CLASSES],
    before: [u32; CLASSES],
}

/// What is told of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// Half of them took no longer.
    pub half: Duration,
    /// Of a hundred, 99 took no longer.
    pub most: Duration,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency(Mutex::new(Windows { began: Instant::now(), now: [0; CLASSES], before: [0; CLASSES] }))
    }
}

impl Latency {
    /// Something took so long.
    pub fn add(&self, took: Duration) {
        self.add_at(took, Instant::now());
    }

    fn add_at(&self, took: Duration, at: Instant) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(at);
        if let Some(count) = windows.now.get_mut(class(took)) {
            *count = count.saturating_add(1);
        }
    }

    /// What took how long lately; nothing where nothing was done.
    pub fn quantiles(&self) -> Option<Quantiles> {
        self.quantiles_at(Instant::now())
    }

    fn quantiles_at(&self, at: Instant) -> Option<Quantiles> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(at);
        let counts: Vec<u64> = windows
            .now
            .iter()
            .zip(windows.before)
            .map(|(now, before)| u64::from(*now) + u64::from(before))
            .collect();
        drop(windows);
        let all: u64 = counts.iter().sum();
        let below = |percent: u64| {
            let mut left = (all * percent).div_ceil(100);
            let class = counts.iter().position(|count| {
                left = left.saturating_sub(*count);
                left == 0
            });
            longest(class.unwrap_or(CLASSES))
        };
        (all > 0).then(|| Quantiles { half: below(50), most: below(99) })
    }
}

impl Windows {
    fn turn(&mut self, at: Instant) {
        let age = at.saturating_duration_since(self.began);
        if age < WINDOW {
            return;
        }
        // A window that nobody has looked at for so long is over, too.
        self.before = if age < WINDOW * 2 { self.now } else { [0; CLASSES] };
        self.now = [0; CLASSES];
        self.began = at;
    }
}

/// The class of a time.
fn class(took: Duration) -> usize {
    let micros = took.as_secs_f64() * 1e6;
    if micros <= 1.0 {
        return 0;
    }
    ((micros.log2() * STEPS).ceil() as usize).min(CLASSES - 1)
}

/// The longest time of a class.
fn longest(class: usize) -> Duration {
    Duration::from_secs_f64((class as f64 / STEPS).exp2() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[track_caller]
    fn check(of: &Latency, at: Instant, expect: Option<(f64, f64)>) {
        let near = |told: Duration, expect: f64| {
            let told = told.as_secs_f64();
            told >= expect && told <= expect * 1.2
        };
        match (of.quantiles_at(at), expect) {
            (Some(told), Some((half, most))) => {
                assert!(near(told.half, half) && near(told.most, most), "{told:?}");
            }
            (told, expect) => assert_eq!(told.is_some(), expect.is_some(), "{told:?}"),
        }
    }

    #[test]
    fn half_and_nearly_all_are_told_of_the_last_minutes() {
        let (of, start) = (Latency::default(), Instant::now());
        check(&of, start, None);
        for n in 0..100 {
            of.add_at(Duration::from_millis(if n < 97 { 2 } else { 300 }), start);
        }
        check(&of, start, Some((0.002, 0.3)));
        // They are told for another window, and then no longer.
        check(&of, start + 61 * SECOND, Some((0.002, 0.3)));
        of.add_at(Duration::from_millis(50), start + 62 * SECOND);
        check(&of, start + 125 * SECOND, Some((0.05, 0.05)));
        check(&of, start + 600 * SECOND, None);
    }

    #[test]
    fn the_shortest_and_the_longest_have_a_class() {
        assert_eq!((class(Duration::ZERO), class(Duration::from_nanos(1))), (0, 0));
        assert_eq!(class(Duration::from_secs(1 << 40)), CLASSES - 1);
    }
}
