//! Capped, jittered back-off: how long to wait before the next try.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Doubles from `first` to `cap`; each wait is drawn from its upper half, so that
/// many waiters do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    next: Duration,
    state: u64,
}

impl Backoff {
    /// Waits from `first` up to `cap`. `seed` makes the jitter.
    pub fn new(first: Duration, cap: Duration, seed: u64) -> Backoff {
        Backoff { first, cap, next: first, state: seed | 1 }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.cap);
        // xorshift64: jitter needs no better.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        step / 2 + step.mul_f64((self.state >> 11) as f64 / (1u64 << 53) as f64) / 2
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

impl Default for Backoff {
    /// Waits from 100 ms to 10 s. The seed is random, so that waiters that begin in the same
    /// moment, in one process or in many, come back one by one.
    fn default() -> Backoff {
        // Its keys differ each time, and are random in each process.
        let seed = RandomState::new().hash_one(0u64);
        Backoff::new(Duration::from_millis(100), Duration::from_secs(10), seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_stay_in_their_upper_half() {
        let (first, cap) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, cap, 42);
        let mut step = first;
        for _ in 0..20 {
            let wait = backoff.wait();
            assert!(wait >= step / 2 && wait <= step, "{wait:?} of {step:?}");
            step = (step * 2).min(cap);
        }
        backoff.reset();
        assert!(backoff.wait() <= first);
    }

    #[test]
    fn those_that_fail_together_do_not_come_back_together() {
        let firsts: std::collections::HashSet<_> = (0..100).map(|_| Backoff::default().wait()).collect();
        assert!(firsts.len() > 90, "{} of 100 waits differ", firsts.len());
    }
}
