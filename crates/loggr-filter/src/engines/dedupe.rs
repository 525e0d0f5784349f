//! `dedupe`: true for an event if an equal one came shortly before it.
//!
//! Events are equal if their key has the same values. The first one goes through and begins a
//! window; those after it are repeats until the window is over, so that a text that repeats for
//! ever is seen once in each window. The time is that of the batch. If the key was forgotten, or an
//! event has none, the event is not a repeat. An event that is delivered again because its batch
//! was not settled is not a repeat of itself.

use loggr_event::Uid;

use super::keyed::{Keyed, MAX_KEYS, max_keys, micros, parts};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "dedupe",
    summary: "is true for an event that repeats another one: `if dedupe(source, message) { drop }` keeps the \
         first of equal events and drops the others that come within `window` after it",
    parameters: &[
        optional(
            "key",
            Kind::Operands,
            "source, app_name, message",
            "the values that are compared: events in which they are equal are repeats; an event that has \
             none of these values is never a repeat",
        ),
        optional(
            "window",
            Kind::Duration,
            "10s",
            "how long after the first event equal ones count as repeats; the first one after that time \
             begins a new window",
        ),
        optional(
            "repeats",
            Kind::Field,
            "",
            "a field that the first event of a window gets: how many repeats the window before had, if any",
        ),
        MAX_KEYS,
    ],
    adds: &[("(field of repeats)", "the number of repeats in the window before")],
    build,
};

struct Dedupe {
    key: Vec<usize>,
    window: i64,
    repeats: String,
    firsts: Keyed<First>,
}

/// The event that began a window.
#[derive(Clone, Copy)]
struct First {
    uid: Uid,
    start: i64,
    repeats: u64,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    Ok(Box::new(Dedupe {
        key: arguments.operands("key").to_vec(),
        window: micros(arguments, "window"),
        repeats: arguments.text("repeats").to_owned(),
        firsts: Keyed::new(max_keys(arguments)?),
    }))
}

impl Engine for Dedupe {
    fn remembers(&self) -> bool {
        true
    }

    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let Some(parts) = parts(call, &self.key) else { return Outcome::Nothing };
        let key = self.firsts.key(parts);
        let now = call.now.unix_micros();
        let new = || First { uid: call.event.uid, start: now, repeats: 0 };
        let (repeat, before) = self.firsts.with(key, new, |first| {
            if first.uid == call.event.uid {
                return (false, 0);
            }
            // A clock that was set back by more than a window begins a new one too.
            if now.abs_diff(first.start) >= self.window.unsigned_abs() {
                let before = first.repeats;
                *first = new();
                return (false, before);
            }
            first.repeats += 1;
            (true, 0)
        });
        if before > 0 && !self.repeats.is_empty() {
            call.event.set_field(self.repeats.as_str(), before.to_string());
        }
        if repeat { Outcome::Did } else { Outcome::Nothing }
    }

    fn may_change(&self, _outcome: Outcome) -> bool {
        !self.repeats.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::testing::{Bench, at, nothing, wrong};

    fn bench(call: &str) -> Bench {
        Bench::new(&format!("if {call} {{ tags += \"repeat\" }}"))
    }

    fn repeats(bench: &Bench, text: &str, ms: i64) -> bool {
        let mut event = bench.event(&[("message", text), ("k", text)]);
        bench.run(&mut event, ms);
        event.has_tag("repeat")
    }

    /// Events as moment and text; `x` where one is a repeat.
    #[track_caller]
    fn check(call: &str, events: &[(i64, &str)], expect: &str) {
        let bench = bench(call);
        let got: String =
            events.iter().map(|(ms, text)| if repeats(&bench, text, *ms) { 'x' } else { '.' }).collect();
        assert_eq!(got, expect, "{call}");
    }

    #[test]
    fn windows() {
        let events =
            [(0, "a"), (1, "b"), (2, "a"), (9_999, "a"), (10_000, "a"), (10_001, "b"), (10_002, "b")];
        check("dedupe()", &events, "..xx..x");
        check("dedupe([k])", &events, "..xx..x");
        check("dedupe(message, [k], window=\"5s\")", &events, "..x.x.x");
        check("dedupe(key=(\"same\"))", &events, ".xxx.xx");
        check("dedupe([missing])", &events, ".......");
        check("dedupe(message, window=\"1ms\")", &events, ".......");
    }

    #[test]
    fn what_repeats_for_ever_is_seen_once_per_window() {
        let beats: Vec<(i64, &str)> = (0..8).map(|n| (n * 5_000, "alive")).collect();
        check("dedupe(window=\"10s\")", &beats, ".x.x.x.x");
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_hold_a_window_open() {
        check("dedupe()", &[(0, "a"), (-5_000, "a"), (-20_000, "a"), (-19_000, "a")], ".x.x");
    }

    #[test]
    fn an_event_that_comes_again_is_no_repeat_of_itself() {
        let bench = bench("dedupe(message)");
        let first = bench.event(&[("message", "x")]);
        let second = bench.event(&[("message", "x")]);
        for (event, expect) in [(&first, false), (&second, true), (&first, false), (&second, true)] {
            let mut event = event.clone();
            bench.run(&mut event, 0);
            assert_eq!(event.has_tag("repeat"), expect);
        }
    }

    #[test]
    fn each_line_of_an_operators_tests_is_an_event_of_its_own() {
        let bench = Bench::new("if dedupe(message) { drop }");
        let text = "test \"first\"\n< <13>x\n> kept\ntest \"second\"\n< <13>x\n> dropped\n";
        let cases = crate::lang::Cases::parse("t", text).unwrap();
        assert_eq!(cases.run(bench.program(), at(0)), []);
    }

    #[test]
    fn repeats_are_told_by_the_next_window() {
        let bench = Bench::new("if dedupe(message, repeats=[n]) { tags += \"repeat\" }");
        let told = |ms| {
            let mut event = bench.event(&[("message", "x")]);
            bench.run(&mut event, ms);
            event.field("n").first().map(|v| v.to_string())
        };
        assert_eq!([0, 1, 2, 10_000, 30_000].map(told), [None, None, None, Some("2".into()), None]);
    }

    #[test]
    fn forgotten_keys_are_let_through() {
        let bench = bench("dedupe(message, max_keys=10)");
        for n in (0..100).chain(0..100) {
            assert!(!repeats(&bench, &n.to_string(), n));
        }
    }

    proptest! {
        /// The model: the moment of the last event that was let through, by text.
        #[test]
        fn as_a_map_of_what_was_let_through(steps in proptest::collection::vec((0i64..4_000, "[ab]{1,2}"), 1..300)) {
            let bench = bench("dedupe(message)");
            let mut model: HashMap<String, i64> = HashMap::new();
            let mut now = 0;
            for (step, text) in steps {
                now += step;
                let repeat = model.get(&text).is_some_and(|start| now - start < 10_000);
                if !repeat {
                    model.insert(text.clone(), now);
                }
                prop_assert_eq!(repeats(&bench, &text, now), repeat);
            }
        }
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "dedupe(message, window=10)",
            "dedupe(message, repeats=\"n\")",
            "dedupe(message, max_keys=0)",
            "dedupe(mesage)",
            "dedup(message)",
        ];
        wrong("dedupe", &nothing(), &calls);
    }
}
