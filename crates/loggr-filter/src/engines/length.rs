//! `length`: how long texts are, in characters or bytes, or how many values a field has.

use std::borrow::Cow;

use super::place::Place;
use super::rewrite::{NO_ROOM, and, choice, writable, write};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "length",
    summary: "writes how long a text is: `length(message, [chars])`",
    parameters: &[
        required("on", Kind::AnyField, "the field; if it has several values, each of them is measured"),
        required("target", Kind::AnyField, "the field that gets the number"),
        optional(
            "unit",
            Kind::Text,
            "characters",
            "what is counted: `characters`, `bytes` (of UTF-8), or `values`, which gives one number, that \
             of the field's values",
        ),
    ],
    adds: &[("(the target)", "the number; if the event does not have the field nothing changes"), NO_ROOM],
    build,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Characters,
    Bytes,
    Values,
}

struct Length {
    on: Place,
    target: Place,
    unit: Unit,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let field = |name: &'static str| {
        let field = arguments.fields(name).first().cloned();
        field.ok_or_else(|| BuildError::argument(name, format!("`{name}` must be a field")))
    };
    let (on, target) = (field("on")?, field("target")?);
    writable(&target, "target")?;
    let units = [(Unit::Characters, "characters"), (Unit::Bytes, "bytes"), (Unit::Values, "values")];
    Ok(Box::new(Length { on, target, unit: choice(arguments, "unit", &units)? }))
}

impl Engine for Length {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let count = self.on.count(call.event);
        let measured = |at: usize| {
            self.on.look(call.event, at, |text| match self.unit {
                Unit::Bytes => text.len(),
                Unit::Characters | Unit::Values => text.chars().count(),
            })
        };
        let numbers: Vec<Cow<'e, str>> = match self.unit {
            _ if count == 0 => return Outcome::Nothing,
            Unit::Values => vec![Cow::Owned(count.to_string())],
            Unit::Characters | Unit::Bytes => {
                (0..count).filter_map(measured).map(|n| Cow::Owned(n.to_string())).collect()
            }
        };
        and(Outcome::Nothing, write(call.event, &self.target, numbers))
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::super::one_call::check;

    #[test]
    fn lengths() {
        check("length(message, [t])", "äöü €", "t=5");
        check("length(message, [t], unit=\"bytes\")", "äöü €", "t=10");
        check("length(message, [t])", "", "t=0");
        check("length([many], [t])", "", "t=3|3");
        check("length([many], [t], unit=\"values\")", "", "t=2");
        check("length([missing], [t])", "", "nothing");
        check("length([n], severity)", "", "");
        check("length(message, severity)", "123456789", "#_assignfailure");
    }
}
