//! Test helpers for engines that look at one event alone: one call, and one line that says what it
//! did.

use loggr_event::{Event, Origin, Timestamp, Uid};

use super::Environment;
use crate::lang::Program;

/// When the events of tests are received.
pub(super) const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

/// Runs one call, as a condition, on an event with a message, `n=42` and two values of `many`.
/// Gives what the call was as a condition, and the event.
#[track_caller]
pub(super) fn run(call: &str, message: &str) -> (bool, Event<'static>) {
    run_in(call, message, &Environment::new("/nonexistent"))
}

/// Like [`run`], in an environment with files.
#[track_caller]
pub(super) fn run_in(call: &str, message: &str, environment: &Environment) -> (bool, Event<'static>) {
    let text = format!("if {call} {{ tags += \"yes\" }}");
    let program = Program::compile("t.filter", &text, environment).unwrap_or_else(|e| panic!("{e}"));
    let origin = Origin { listener: "l".into(), timezone: "Europe/Berlin".into(), ..Origin::default() };
    let mut event = Event::new(&origin, Uid::default(), NOW);
    event.message = message.into();
    event.set_field("n", "42");
    event.add_field_value("many", "p=1");
    event.add_field_value("many", "q=2");
    program.run(&mut event, NOW, &mut program.counters());
    let did = event.remove_tag("yes");
    (did, event.clone().into_owned())
}

/// The fields that the call added or changed, in order, then tags as `#tag`; `nothing` where it
/// was false as a condition and did not fail.
#[track_caller]
pub(super) fn check(call: &str, message: &str, expect: &str) {
    let (did, event) = run(call, message);
    assert_eq!(shown(did, &event), expect.trim_end(), "{call} on {message}");
}

/// What [`check`] compares.
pub(super) fn shown(did: bool, event: &Event<'_>) -> String {
    let old = [("n", "42"), ("many", "p=1|q=2")];
    let fields = event.fields.iter().map(|f| (f.name.as_ref(), f.values.join("|")));
    let new = fields.filter(|(name, values)| !old.contains(&(name, values.as_str())));
    let mut words: Vec<String> = new.map(|(name, values)| format!("{name}={values}")).collect();
    words.extend(event.tags.iter().map(|t| format!("#{t}")));
    if !did && event.tags.is_empty() {
        words.push("nothing".to_owned());
    }
    words.join(" ")
}
