//! What the engines that change texts share: the fields that they read, and where the results go.
//!
//! An engine says what becomes of one text; this file does that with each value of each field, and
//! writes the results in place or to a target. Invariants: no value grows beyond
//! [`MAX_VALUE_BYTES`], no event beyond its limits; what does not fit leaves the old value, and the
//! event gets the tag `_assignfailure`.

use std::borrow::Cow;
use std::ops::Range;

use loggr_event::{Event, Field, MAX_FIELDS};

use super::place::{MAX_EVENT_VALUES, Place, part};
use super::{Arguments, BuildError, Kind, Outcome, Parameter, optional};
use crate::field::{ASSIGN_TAG, CoreField, MAX_VALUE_BYTES};

/// The argument `on` of engines that change texts in place.
pub(super) const ON: Parameter = optional(
    "on",
    Kind::AnyFields,
    "message",
    "the fields whose texts are changed, one or several; if a field has several values, each of them",
);

/// The argument `target` of the same engines.
pub(super) const TARGET: Parameter = optional(
    "target",
    Kind::AnyField,
    "",
    "the field that gets the result, instead of the field in `on`, which then stays as it is",
);

/// The row about the tag that a value without room gives, for the tables of engines.
pub(super) const NO_ROOM: (&str, &str) = (
    "_assignfailure",
    "tag: the result is too long, does not fit the field, or the event has no room for it",
);

/// What becomes of a text.
pub(super) enum New {
    /// Nothing: it stays.
    Same,
    /// A part of it, in bytes.
    Part(Range<usize>),
    /// Another text.
    Text(String),
}

/// The fields of a call.
pub(super) struct Rewrite {
    on: Vec<Place>,
    target: Option<Place>,
}

impl Rewrite {
    /// The fields that the arguments `on` and `target` name.
    pub fn of(arguments: &Arguments) -> Result<Rewrite, BuildError> {
        let on = arguments.fields("on").to_vec();
        let target = arguments.fields("target").first().cloned();
        match &target {
            Some(target) => {
                writable(target, "target")?;
                if on.len() > 1 {
                    let message =
                        format!("`target` takes what becomes of one field, and `on` has {}", on.len());
                    let hint = "call it for each field, or leave `target` out";
                    return Err(BuildError::argument("target", message).hint(hint));
                }
            }
            None => {
                for place in &on {
                    text(place)?;
                }
            }
        }
        Ok(Rewrite { on, target })
    }

    /// Calls `make` with each value and writes what it gives. `Did` if something was written.
    pub fn each<'e>(&'e self, event: &mut Event<'e>, make: impl Fn(&str) -> New) -> Outcome {
        let mut outcome = Outcome::Nothing;
        let mut made = Vec::new();
        for place in &self.on {
            for at in 0..place.count(event) {
                let Some(new) = place.look(event, at, &make) else { continue };
                let value = match new {
                    New::Text(text) if text.len() > MAX_VALUE_BYTES => {
                        outcome = Outcome::Failed(ASSIGN_TAG);
                        continue;
                    }
                    New::Same if self.target.is_none() => continue,
                    New::Same => place.value(event, at),
                    New::Part(range) => place.value(event, at).map(|text| part(&text, range)),
                    New::Text(text) => Some(Cow::Owned(text)),
                };
                match (value, &self.target) {
                    (Some(value), Some(_)) => made.push(value),
                    (Some(value), None) => outcome = and(outcome, place.replace(event, at, value)),
                    (None, _) => {}
                }
            }
        }
        match &self.target {
            Some(target) if !made.is_empty() => and(outcome, write(event, target, made)),
            _ => outcome,
        }
    }

    /// Whether the event may be another one after this outcome.
    pub fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

/// The outcome after one more write.
pub(super) fn and(outcome: Outcome, fits: bool) -> Outcome {
    match (outcome, fits) {
        (Outcome::Failed(tag), _) => Outcome::Failed(tag),
        (_, false) => Outcome::Failed(ASSIGN_TAG),
        (_, true) => Outcome::Did,
    }
}

/// Replaces all values of a field by others, at least one; false, and nothing is changed, if they do not fit or the
/// event has no room for them. A core field gets the first.
pub(super) fn write<'e>(event: &mut Event<'e>, target: &'e Place, values: Vec<Cow<'e, str>>) -> bool {
    let name = match target {
        Place::Core(_) => {
            let first = values.into_iter().next();
            return first.is_some_and(|value| target.replace(event, 0, value));
        }
        Place::Custom(name) => name.as_str(),
    };
    if values.is_empty() {
        return false;
    }
    let others: usize = event.fields.iter().filter(|f| f.name != name).map(|f| f.values.len()).sum();
    if others + values.len() > MAX_EVENT_VALUES {
        return false;
    }
    match event.fields.iter().position(|f| f.name == name) {
        Some(at) => {
            if let Some(field) = event.fields.get_mut(at) {
                field.values = values;
            }
        }
        None if event.fields.len() >= MAX_FIELDS => return false,
        None => event.fields.push(Field { name: name.into(), values }),
    }
    true
}

/// An error where a field cannot be written.
pub(super) fn writable(place: &Place, argument: &'static str) -> Result<(), BuildError> {
    match place.writable() {
        true => Ok(()),
        false => Err(BuildError::argument(argument, format!("`{}` cannot be changed", place.shown()))),
    }
}

/// An error where the texts of a field in `on` cannot be changed in place.
pub(super) fn text(place: &Place) -> Result<(), BuildError> {
    let fixed = [CoreField::Severity, CoreField::Facility, CoreField::TimeReported];
    if matches!(place, Place::Core(field) if fixed.contains(field)) {
        let error = BuildError::argument("on", format!("`{}` is no text", place.shown()));
        return Err(error.hint("give a `target`: target=[name]"));
    }
    writable(place, "on").map_err(|error| error.hint("give a `target`: target=[name]"))
}

/// A whole number within limits; `None` where it was left out.
pub(super) fn integer(
    arguments: &Arguments,
    name: &'static str,
    within: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, BuildError> {
    match arguments.number(name) {
        None => Ok(None),
        // Limits are small enough to be exact.
        Some(n) if n.fract() == 0.0 && n >= *within.start() as f64 && n <= *within.end() as f64 => {
            Ok(Some(n as i64))
        }
        Some(_) => {
            let message =
                format!("`{name}` must be a whole number from {} to {}", within.start(), within.end());
            Err(BuildError::argument(name, message))
        }
    }
}

/// One of the words that an argument takes.
pub(super) fn choice<T: Copy>(
    arguments: &Arguments,
    name: &'static str,
    all: &[(T, &'static str)],
) -> Result<T, BuildError> {
    let word = arguments.text(name);
    match all.iter().find(|(_, known)| *known == word) {
        Some((value, _)) => Ok(*value),
        None => {
            let known: Vec<String> = all.iter().map(|(_, word)| format!("`{word}`")).collect();
            let error = BuildError::argument(name, format!("`{name}` cannot be `{word}`"));
            Err(error.hint(format!("it is one of {}", known.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::one_call::{check, run};
    use super::super::testing::{nothing, wrong};
    use super::*;

    /// The values of the field `t` after a call.
    fn made(call: &str, text: &str) -> Vec<String> {
        run(call, text).1.field("t").iter().map(|value| value.to_string()).collect()
    }

    proptest! {
        #[test]
        fn texts_are_changed_as_the_standard_library_does(text in any::<String>(), at in 0usize..20) {
            prop_assert_eq!(made("lowercase(message, target=[t])", &text), [text.to_lowercase()]);
            prop_assert_eq!(made("uppercase(message, target=[t])", &text), [text.to_uppercase()]);
            prop_assert_eq!(made("trim(message, target=[t])", &text), [text.trim()]);
            prop_assert_eq!(made("length(message, [t])", &text), [text.chars().count().to_string()]);
            prop_assert_eq!(made("length(message, [t], unit=\"bytes\")", &text), [text.len().to_string()]);
            let parts = format!("substring(message, 0, {at}, target=[t]) and substring(message, {at}, target=[u])");
            let (_, event) = run(&parts, &text);
            let whole = [event.field("t"), event.field("u")].concat().concat();
            prop_assert_eq!(whole, text);
        }

        #[test]
        fn what_is_split_is_joined_again(text in "[a-c, \u{e4}]{0,30}") {
            let call = "split(message, \",\", [s]) and join([s], \",\", [t])";
            let joined = made(call, &text);
            // Of one value there is nothing to join.
            prop_assert_eq!(joined.concat(), text);
        }

        #[test]
        fn urldecode_undoes_an_encoding_and_takes_any_text(text in "[a-z\u{e4}\u{20ac} %&+]{0,20}", any in any::<String>()) {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(made("urldecode(message, target=[t])", &encoded), [text]);
            made("urldecode(message, target=[t])", &any);
        }
    }

    #[test]
    fn every_value_is_changed_in_place_or_written_to_the_target() {
        check("uppercase([many])", "", "many=P=1|Q=2");
        check("uppercase([many], [n])", "", "many=P=1|Q=2");
        check("uppercase([many], target=[t])", "", "t=P=1|Q=2");
        check("uppercase([n], target=[t])", "", "t=42");
        check("uppercase([n])", "", "nothing");
        check("uppercase([missing])", "", "nothing");
        check("uppercase([missing], target=[t])", "", "nothing");
        check("uppercase([many], target=severity)", "", "#_assignfailure");
    }

    #[test]
    fn an_event_without_room_says_so() {
        let mut event = Event::default();
        for n in 0..MAX_FIELDS {
            event.set_field(n.to_string(), "x");
        }
        let place = Place::Custom("new".to_owned());
        assert!(!write(&mut event, &place, vec!["x".into()]));
        let place = Place::Custom("7".to_owned());
        assert!(write(&mut event, &place, vec!["y".into(), "z".into()]));
        let many = vec![Cow::Borrowed("x"); MAX_EVENT_VALUES];
        assert!(!write(&mut event, &place, many));
        assert_eq!(event.field("7"), ["y", "z"]);
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "lowercase(uid)",
            "lowercase(severity)",
            "lowercase([a], target=uid)",
            "lowercase([a], [b], target=[c])",
            "lowercase(\"A\")",
            "uppercase([a], [b], c)",
            "trim([a], side=\"left\")",
            "trim([a], 3)",
            "substring([a], 1.5)",
            "substring([a], 0, -1)",
            "length([a])",
            "length([a], [b], unit=\"words\")",
            "split([a])",
            "split([a], \"\")",
            "split(message, \",\")",
            "split([a], \",\", limit=0)",
            "split([a], \",\", part=0)",
            "join([a], [b], \",\")",
            "urldecode(peer)",
        ];
        wrong("texts", &nothing(), &calls);
    }
}
