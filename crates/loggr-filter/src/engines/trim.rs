//! `trim`: takes characters away at the beginning and the end of texts.

use super::rewrite::{NO_ROOM, New, ON, Rewrite, TARGET, choice};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional};

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "trim",
    summary: "takes characters away at the beginning and the end of texts: `trim([user], \"\\\"'\")`",
    parameters: &[
        ON,
        optional(
            "characters",
            Kind::Text,
            "",
            "the characters that are taken away, in any order; without this argument blanks, tabs, line \
             ends and all other white space of Unicode",
        ),
        TARGET,
        optional("side", Kind::Text, "both", "where: `both`, `start` or `end`"),
    ],
    adds: &[("(the same fields, or the target)", "the text without these characters at its ends"), NO_ROOM],
    build,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Start,
    End,
}

struct Trim {
    texts: Rewrite,
    /// None is white space.
    characters: Vec<char>,
    side: Side,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let sides = [(Side::Both, "both"), (Side::Start, "start"), (Side::End, "end")];
    Ok(Box::new(Trim {
        texts: Rewrite::of(arguments)?,
        characters: arguments.text("characters").chars().collect(),
        side: choice(arguments, "side", &sides)?,
    }))
}

impl Engine for Trim {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        self.texts.each(call.event, |text| self.trimmed(text))
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        self.texts.may_change(outcome)
    }
}

impl Trim {
    fn trimmed(&self, text: &str) -> New {
        let goes = |c: char| match self.characters.is_empty() {
            true => c.is_whitespace(),
            false => self.characters.contains(&c),
        };
        let tail = if self.side == Side::End { text } else { text.trim_start_matches(goes) };
        let kept = if self.side == Side::Start { tail } else { tail.trim_end_matches(goes) };
        let from = text.len() - tail.len();
        match kept.len() == text.len() {
            true => New::Same,
            false => New::Part(from..from + kept.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::one_call::check;

    #[test]
    fn ends() {
        check("trim(message, target=[t])", " \t a b\u{a0}\n", "t=a b");
        check("trim(message, \"\\\"'\", target=[t])", "\"'it's\"", "t=it's");
        check("trim(message, \"ä.\", side=\"start\", target=[t])", "ää.xä", "t=xä");
        check("trim(message, \".\", side=\"end\", target=[t])", "..x..", "t=..x");
        check("trim(message, target=[t])", "   ", "t=");
        check("trim()", "x y", "nothing");
        check("trim([many], \"p=1\")", "", "many=|q=2");
    }
}
