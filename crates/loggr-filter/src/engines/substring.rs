//! `substring`: a part of a text, counted in characters.

use std::ops::Range;

use super::rewrite::{NO_ROOM, New, ON, Rewrite, TARGET, integer};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};
use crate::field::MAX_VALUE_BYTES;

/// Largest `start` and `length`: no text has more characters.
const MAX_CHARS: i64 = MAX_VALUE_BYTES as i64;

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "substring",
    summary: "takes a part of a text, counted in characters: `substring(message, 0, 200)` keeps the first 200, \
         `substring([card], -4)` the last four",
    parameters: &[
        ON,
        optional(
            "start",
            Kind::Number,
            "0",
            "how many characters in front of the part are left out; less than 0: the part begins so many \
             characters before the end",
        ),
        optional(
            "length",
            Kind::Number,
            "",
            "how many characters the part has at most; without this argument it goes to the end",
        ),
        TARGET,
    ],
    adds: &[("(the same fields, or the target)", "the part, empty if the text is too short"), NO_ROOM],
    build,
};

struct Substring {
    texts: Rewrite,
    start: i64,
    length: Option<usize>,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let length = integer(arguments, "length", 0..=MAX_CHARS)?;
    Ok(Box::new(Substring {
        texts: Rewrite::of(arguments)?,
        start: integer(arguments, "start", -MAX_CHARS..=MAX_CHARS)?.unwrap_or(0),
        length: length.and_then(|length| usize::try_from(length).ok()),
    }))
}

impl Engine for Substring {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        self.texts.each(call.event, |text| {
            let range = self.range(text);
            if range == (0..text.len()) { New::Same } else { New::Part(range) }
        })
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        self.texts.may_change(outcome)
    }
}

impl Substring {
    fn range(&self, text: &str) -> Range<usize> {
        let count = usize::try_from(self.start.unsigned_abs()).unwrap_or(usize::MAX);
        let start = match (self.start < 0, count.checked_sub(1)) {
            (true, Some(nth)) => text.char_indices().rev().nth(nth).map_or(0, |(at, _)| at),
            _ => text.char_indices().nth(count).map_or(text.len(), |(at, _)| at),
        };
        let rest = text.get(start..).unwrap_or_default();
        let end = self.length.and_then(|length| rest.char_indices().nth(length));
        start..end.map_or(text.len(), |(at, _)| start + at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::one_call::check;

    #[test]
    fn parts() {
        check("substring(message, 2, target=[t])", "äöüß", "t=üß");
        check("substring(message, 1, 2, target=[t])", "äöüß", "t=öü");
        check("substring(message, -2, target=[t])", "äöüß", "t=üß");
        check("substring(message, -3, 1, target=[t])", "äöüß", "t=ö");
        check("substring(message, -9, 2, target=[t])", "äöüß", "t=äö");
        check("substring(message, 4, target=[t])", "äöüß", "t=");
        check("substring(message, length=1, target=[t])", "äöüß", "t=ä");
        check("substring(message, 0, 0, target=[t])", "ab", "t=");
        check("substring(message, 0, 9)", "ab", "nothing");
        check("substring([many], 2)", "", "many=1|2");
    }
}
