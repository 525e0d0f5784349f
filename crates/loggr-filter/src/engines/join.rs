//! `join`: all values of one or several fields become one text.
//!
//! The other way is `split`; two values are joined by `+` in an assignment.

use std::borrow::Cow;

use super::place::Place;
use super::rewrite::{NO_ROOM, and, text, writable, write};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::field::{ASSIGN_TAG, MAX_VALUE_BYTES};

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "join",
    summary: "makes one text of all values of a field, or of several fields: `join([path], \"/\")`",
    parameters: &[
        required("on", Kind::AnyFields, "the fields, one or several, in the order of the result"),
        optional("separator", Kind::Text, ",", "the text between the values"),
        optional(
            "target",
            Kind::AnyField,
            "",
            "the field that gets the result, instead of the field in `on`",
        ),
    ],
    adds: &[
        (
            "(the same field, or the target)",
            "the joined text; a field that the event does not have, and a core field that is empty, adds \
             nothing",
        ),
        NO_ROOM,
    ],
    build,
};

struct Join {
    on: Vec<Place>,
    separator: String,
    target: Option<Place>,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let on = arguments.fields("on").to_vec();
    let target = arguments.fields("target").first().cloned();
    match (&target, on.as_slice()) {
        (Some(target), _) => writable(target, "target")?,
        (None, [only]) => text(only)?,
        (None, _) => {
            let error = BuildError::argument("on", "several fields are joined into another one");
            return Err(error.hint("give it as `target`: target=[name]"));
        }
    }
    // Without the argument the default counts; an empty text is a separator too.
    Ok(Box::new(Join { on, separator: arguments.text("separator").to_owned(), target }))
}

impl Engine for Join {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let mut values = Vec::new();
        for place in &self.on {
            let is_core = matches!(place, Place::Core(_));
            let all = (0..place.count(call.event)).filter_map(|at| place.value(call.event, at));
            values.extend(all.filter(|value| !is_core || !value.is_empty()));
        }
        let target = match (&self.target, self.on.first(), values.len()) {
            (_, _, 0) | (None, _, 1) | (None, None, _) => return Outcome::Nothing,
            (Some(target), _, _) | (None, Some(target), _) => target,
        };
        let separators = self.separator.len().saturating_mul(values.len() - 1);
        if values.iter().map(|v| v.len()).sum::<usize>().saturating_add(separators) > MAX_VALUE_BYTES {
            return Outcome::Failed(ASSIGN_TAG);
        }
        let joined = match values.len() {
            1 => values,
            _ => vec![Cow::Owned(values.join(self.separator.as_str()))],
        };
        and(Outcome::Nothing, write(call.event, target, joined))
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::super::one_call::{check, run};

    #[test]
    fn values() {
        check("join([many])", "", "many=p=1,q=2");
        check("join([many], \"&\", [t])", "", "t=p=1&q=2");
        check("join([many], \"\", [t])", "", "t=p=1q=2");
        check("join([n], [many], \" \", [t])", "", "t=42 p=1 q=2");
        check("join(message, [n], \": \", [t])", "m", "t=m: 42");
        check("join(message, [n], procid, \": \", [t])", "", "t=42");
        check("join([n])", "", "nothing");
        check("join([missing], target=[t])", "", "nothing");
        let (did, event) = run("join(message, [n], separator=\" n=\", target=message)", "x");
        assert_eq!((did, event.message.as_ref()), (true, "x n=42"));
    }
}
