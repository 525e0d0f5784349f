//! Waiting for a condition with a deadline: the one place of the tests where time passes.

use std::time::{Duration, Instant};

/// Asks until there is an answer; panics with `what` after `seconds`.
#[track_caller]
pub fn eventually<T>(what: &str, seconds: u64, mut probe: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(seconds), "waited {seconds} s in vain: {what}");
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(200));
    }
}

/// Asks until it is so.
#[track_caller]
pub fn until(what: &str, seconds: u64, mut probe: impl FnMut() -> bool) {
    eventually(what, seconds, || probe().then_some(()));
}

/// Lets a random time of at most `milliseconds` pass: a crash has no favourite moment.
pub fn random_moment(random: &mut Random, milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(random.below(milliseconds + 1)));
}

/// Random numbers good enough to vary a test (xorshift64*).
pub struct Random(u64);

impl Random {
    /// The seed is the clock's, unless `LOGGR_TEST_SEED` gives one; it is printed.
    pub fn new() -> Random {
        let clock = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |d| d.as_nanos() as u64);
        let seed = std::env::var("LOGGR_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(clock) | 1;
        super::say(&format!("LOGGR_TEST_SEED={seed}"));
        Random(seed)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) % limit
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}
