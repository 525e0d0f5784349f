//! `throttle`: true for each event that exceeds the rate of its key.
//!
//! A window begins with the first event of its key and lasts `per`; the first `rate` events in it
//! are within the rate. The time is that of the batch. An event is never over the rate if its key
//! was forgotten, if it has no key, or if its batch has been delivered before.

use super::keyed::{Keyed, MAX_KEYS, max_keys, micros, parts, whole};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};

/// Largest `rate`.
const MAX_RATE: u64 = 1_000_000_000;

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "throttle",
    summary: "is true for events that are too many: `if throttle(source, rate=100, per=\"1m\") { drop }` keeps \
         the first 100 events of each host in a minute and drops the others",
    parameters: &[
        optional(
            "key",
            Kind::Operands,
            "",
            "the values by which events are counted: events in which they are equal are counted together; \
             without this argument all events are. An event that has none of these values is never too \
             many",
        ),
        required("rate", Kind::Number, "how many events are allowed within `per`"),
        required(
            "per",
            Kind::Duration,
            "how long a window of counting lasts; it begins with an event, and the first event after its \
             end begins the next one",
        ),
        optional(
            "missed",
            Kind::Field,
            "",
            "a field that the first event of a window gets: how many events were too many in the window \
             before, if any",
        ),
        MAX_KEYS,
    ],
    adds: &[("(field of missed)", "the number of events that were too many in the window before")],
    build,
};

struct Throttle {
    rate: u64,
    per: i64,
    key: Vec<usize>,
    missed: String,
    windows: Keyed<Window>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    start: i64,
    events: u64,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    Ok(Box::new(Throttle {
        rate: whole(arguments, "rate", MAX_RATE)?.unwrap_or(1),
        per: micros(arguments, "per"),
        key: arguments.operands("key").to_vec(),
        missed: arguments.text("missed").to_owned(),
        windows: Keyed::new(max_keys(arguments)?),
    }))
}

impl Engine for Throttle {
    fn remembers(&self) -> bool {
        true
    }

    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        if call.pass.redelivered {
            return Outcome::Nothing;
        }
        let key = match parts(call, &self.key) {
            Some(parts) => self.windows.key(parts),
            None if self.key.is_empty() => self.windows.key(std::iter::empty()),
            None => return Outcome::Nothing,
        };
        let now = call.now.unix_micros();
        let new = || Window { start: now, events: 0 };
        let (events, missed) = self.windows.with(key, new, |window| {
            let mut missed = 0;
            // A clock that was set back by more than a window begins a new one too.
            if now.abs_diff(window.start) >= self.per.unsigned_abs() {
                missed = window.events.saturating_sub(self.rate);
                *window = new();
            }
            window.events += 1;
            (window.events, missed)
        });
        if missed > 0 && !self.missed.is_empty() {
            call.event.set_field(self.missed.as_str(), missed.to_string());
        }
        if events > self.rate { Outcome::Did } else { Outcome::Nothing }
    }

    fn may_change(&self, _outcome: Outcome) -> bool {
        !self.missed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::testing::{Bench, nothing, wrong};

    fn over(bench: &Bench, key: &str, ms: i64) -> bool {
        let mut event = bench.event(&[("k", key)]);
        bench.run(&mut event, ms);
        event.has_tag("over")
    }

    fn bench(call: &str) -> Bench {
        Bench::new(&format!("if {call} {{ tags += \"over\" }}"))
    }

    /// Events as moment and key; `x` where one is over.
    #[track_caller]
    fn check(call: &str, events: &[(i64, &str)], expect: &str) {
        let bench = bench(call);
        let got: String =
            events.iter().map(|(ms, key)| if over(&bench, key, *ms) { 'x' } else { '.' }).collect();
        assert_eq!(got, expect, "{call}");
    }

    #[test]
    fn windows() {
        let second = [(0, "a"), (100, "a"), (999, "a"), (1000, "a"), (1001, "a"), (1002, "a"), (5000, "a")];
        check("throttle([k], rate=2, per=\"1s\")", &second, "..x..x.");
        check("throttle([k], rate=9, per=\"1s\")", &second, ".......");
        let two = [(0, "a"), (1, "b"), (2, "a"), (3, "b"), (4, "")];
        check("throttle([k], rate=1, per=\"1s\")", &two, "..xx.");
        check("throttle(rate=1, per=\"1s\")", &two, ".xxxx");
        check("throttle([missing], rate=1, per=\"1s\")", &two, ".....");
        check("throttle([missing], [k], rate=1, per=\"1s\")", &two, "..xx.");
        check("throttle(key=([k], \"x\"), rate=1, per=\"1s\")", &two, "..xx.");
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_hold_a_window_open() {
        let back = [(0, "a"), (-10, "a"), (-3_600_000, "a"), (-3_600_000, "a")];
        check("throttle([k], rate=1, per=\"1s\")", &back, ".x.x");
    }

    #[test]
    fn what_was_over_is_told_by_the_next_window() {
        let bench = Bench::new("if throttle([k], rate=1, per=\"1s\", missed=[missed]) { tags += \"over\" }");
        let missed = |ms| {
            let mut event = bench.event(&[("k", "a")]);
            bench.run(&mut event, ms);
            event.field("missed").first().map(|v| v.to_string())
        };
        assert_eq!([0, 1, 2, 3].map(missed), [None, None, None, None]);
        assert_eq!([1000, 1001].map(missed), [Some("3".into()), None]);
        assert_eq!([9000, 20_000].map(missed), [Some("1".into()), None]);
    }

    #[test]
    fn a_batch_that_came_before_is_never_over() {
        let bench = bench("throttle(rate=1, per=\"1m\")");
        let mut counters = bench.program().counters();
        counters.pass.redelivered = true;
        let run = |counters: &mut _| {
            let mut event = bench.event(&[]);
            bench.run_as(&mut event, 0, counters);
            event.has_tag("over")
        };
        assert!(!run(&mut counters) && !run(&mut counters));
        counters.pass.redelivered = false;
        assert!(!run(&mut counters) && run(&mut counters));
    }

    #[test]
    fn forgotten_keys_begin_anew() {
        let bench = bench("throttle([k], rate=1, per=\"1h\", max_keys=10)");
        for n in 0..1000 {
            assert!(!over(&bench, &n.to_string(), n));
        }
    }

    proptest! {
        /// Per window of a key no more than the rate gets through, and no fewer either.
        #[test]
        fn never_more_than_the_rate_gets_through(
            steps in proptest::collection::vec((0i64..400, 0u8..3), 1..300),
            rate in 1usize..5,
        ) {
            let bench = bench(&format!("throttle([k], rate={rate}, per=\"1s\")"));
            let mut through: HashMap<u8, Vec<Vec<i64>>> = HashMap::new();
            let mut now = 0;
            for (step, key) in steps {
                now += step;
                let passed = !over(&bench, &key.to_string(), now);
                let windows = through.entry(key).or_default();
                match windows.last_mut() {
                    Some(window) if now - window[0] < 1000 => {
                        prop_assert_eq!(passed, window.len() < rate);
                        if passed {
                            window.push(now);
                        }
                    }
                    _ => {
                        prop_assert!(passed);
                        windows.push(vec![now]);
                    }
                }
            }
            prop_assert!(through.values().flatten().all(|window| window.len() <= rate));
        }
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "throttle(source)",
            "throttle(source, rate=0, per=\"1m\")",
            "throttle(source, rate=10, per=\"1 minute\")",
            "throttle(source, rate=10, per=\"1m\", missed=\"m\")",
            "throttle(source, rate=10, per=\"1m\", max_keys=100000000)",
            "throttle(source, rate=10, for=\"1m\")",
        ];
        wrong("throttle", &nothing(), &calls);
    }
}
