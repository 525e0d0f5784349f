//! `sample`: true for a share of the events.
//!
//! Without a key, events are counted: the exact share of each block is taken, from a place that
//! changes from block to block, so that lines which come in turns do not spoil the sample. With a
//! key its hash decides, in the same way on every host and after every start.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::keyed::{parts, whole};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// Largest `rate`.
const MAX_RATE: u64 = 1_000_000_000;
/// `percent` is taken in steps of a ten-thousandth.
const PERCENT_STEPS: f64 = 10_000.0;

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "sample",
    summary: "is true for a share of the events: `if not sample(rate=10) { drop }` keeps one of ten",
    parameters: &[
        optional(
            "rate",
            Kind::Number,
            "",
            "it is true for one of this many events; either `rate` or `percent` is needed",
        ),
        optional(
            "percent",
            Kind::Number,
            "",
            "it is true for this many of a hundred events, in steps of 0.0001",
        ),
        optional(
            "key",
            Kind::Operands,
            "",
            "the values that decide: the answer is the same for all events in which they are equal, on \
             every host and at any time; for an event that has none of these values it is as if there were \
             no `key`",
        ),
    ],
    adds: &[],
    build,
};

/// Takes `taken` of every `of` events.
struct Sample {
    taken: u64,
    of: u64,
    key: Vec<usize>,
    seen: AtomicU64,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let rate = whole(arguments, "rate", MAX_RATE)?;
    let (taken, of) = match (rate, arguments.number("percent")) {
        (Some(rate), None) => (1, rate),
        (None, Some(percent)) if percent > 0.0 && percent <= 100.0 => {
            let taken = (percent * PERCENT_STEPS).round() as u64;
            if taken == 0 {
                return Err(BuildError::argument("percent", "`percent` is less than a step of 0.0001"));
            }
            let of = (100.0 * PERCENT_STEPS) as u64;
            let common = common(taken, of);
            (taken / common, of / common)
        }
        (None, Some(_)) => {
            return Err(BuildError::argument("percent", "`percent` must be more than 0 and at most 100"));
        }
        (Some(_), Some(_)) => {
            return Err(BuildError::argument(
                "percent",
                "`rate` and `percent` say the same: give one of them",
            ));
        }
        (None, None) => {
            let error = BuildError {
                argument: None,
                message: "`sample` needs `rate` or `percent`".into(),
                hint: None,
            };
            return Err(
                error.hint("`sample(rate=10)` is true for one event of ten, as is `sample(percent=10)`")
            );
        }
    };
    let key = arguments.operands("key").to_vec();
    Ok(Box::new(Sample { taken, of, key, seen: AtomicU64::new(0) }))
}

impl Engine for Sample {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let taken = match parts(call, &self.key) {
            Some(parts) => {
                let mut hasher = Xxh3::new();
                for part in parts {
                    hasher.update(part.unwrap_or("").as_bytes());
                    hasher.update(&[0xff]);
                }
                // The hash as a fraction of its range.
                (u128::from(hasher.digest()) * u128::from(self.of)) >> 64 < u128::from(self.taken)
            }
            None => self.counted(self.seen.fetch_add(1, Ordering::Relaxed)),
        };
        if taken { Outcome::Did } else { Outcome::Nothing }
    }

    fn may_change(&self, _outcome: Outcome) -> bool {
        false
    }
}

impl Sample {
    /// In each block of `of` events exactly `taken`, evenly, from a place of its own.
    fn counted(&self, n: u64) -> bool {
        let (block, place) = (n / self.of, n % self.of);
        let from = xxh3_64(&block.to_le_bytes()) % self.of;
        (place + from) * self.taken % self.of < self.taken
    }
}

fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Bench, nothing, wrong};
    use super::*;

    /// How many of so many events are taken.
    #[track_caller]
    fn check(call: &str, events: usize, expect: usize) {
        let bench = Bench::new(&format!("if {call} {{ tags += \"in\" }}"));
        let taken = (0..events).filter(|_| {
            let mut event = bench.event(&[]);
            bench.run(&mut event, 0);
            event.has_tag("in")
        });
        assert_eq!(taken.count(), expect, "{call}");
    }

    #[test]
    fn of_each_block_the_exact_share_is_taken() {
        check("sample(rate=10)", 1000, 100);
        check("sample(10)", 10, 1);
        check("sample(rate=1)", 50, 50);
        check("sample(rate=7)", 700, 100);
        check("sample(percent=25)", 400, 100);
        check("sample(percent=33)", 300, 99);
        check("sample(percent=12.5)", 80, 10);
        check("sample(percent=100)", 9, 9);
        check("not sample(percent=99.9)", 3000, 3);
    }

    #[test]
    fn lines_that_come_in_turns_are_no_trap() {
        let bench = Bench::new("if sample(rate=2) { tags += \"in\" }");
        let mut taken = [0, 0];
        for n in 0..2000 {
            let mut event = bench.event(&[]);
            bench.run(&mut event, 0);
            taken[n % 2] += usize::from(event.has_tag("in"));
        }
        assert_eq!(taken[0] + taken[1], 1000);
        assert!(taken[0] > 400 && taken[1] > 400, "{taken:?}");
    }

    #[test]
    fn a_key_is_taken_whole_or_not_at_all() {
        let filter = "if sample(rate=4, key=[id]) { tags += \"in\" }";
        let (here, there) = (Bench::new(filter), Bench::new(filter));
        let mut taken = 0;
        for n in 0..4000 {
            let id = format!("request-{n}");
            let fields = [("id", id.as_str())];
            let seen = [&here, &there, &there].map(|bench| {
                let mut event = bench.event(&fields);
                bench.run(&mut event, 0);
                event.has_tag("in")
            });
            assert!(seen.iter().all(|s| *s == seen[0]), "{id}");
            taken += usize::from(seen[0]);
        }
        assert!((900..1100).contains(&taken), "{taken}");
    }

    #[test]
    fn the_choice_by_key_is_the_same_in_every_version() {
        let bench = Bench::new("if sample(rate=3, key=([a], [b])) { tags += \"in\" }");
        let taken: Vec<bool> = (0..12)
            .map(|n| {
                let value = n.to_string();
                let mut event = bench.event(&[("a", &value), ("b", "x")]);
                bench.run(&mut event, 0);
                event.has_tag("in")
            })
            .collect();
        let pinned = [0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0].map(|n| n == 1);
        assert_eq!(taken, pinned);
    }

    #[test]
    fn an_event_without_the_key_is_counted() {
        check("sample(rate=5, key=[missing])", 100, 20);
    }

    proptest! {
        #[test]
        fn blocks_are_exact(taken in 1u64..200, more in 0u64..1000, blocks in 1u64..5) {
            let sample = Sample { taken, of: taken + more, key: Vec::new(), seen: AtomicU64::new(0) };
            let count = (0..sample.of * blocks).filter(|n| sample.counted(*n)).count();
            prop_assert_eq!(count as u64, taken * blocks);
        }
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "sample()",
            "sample(rate=0)",
            "sample(rate=2.5)",
            "sample(percent=101)",
            "sample(percent=0.00001)",
            "sample(rate=2, percent=50)",
            "sample(rate=\"10\")",
        ];
        wrong("sample", &nothing(), &calls);
    }
}
