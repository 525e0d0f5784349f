//! `lowercase` and `uppercase`: texts in small or in capital letters, by the rules of Unicode.

use super::rewrite::{NO_ROOM, New, ON, Rewrite, TARGET};
use super::{Arguments, BuildError, Call, Engine, Environment, Outcome, Spec};

/// The row of `lowercase`.
pub(super) const LOWERCASE: Spec = Spec {
    name: "lowercase",
    summary: "writes texts in small letters; to compare in any case, `~*` is enough",
    parameters: &[ON, TARGET],
    adds: &[("(the same fields, or the target)", "the text in small letters"), NO_ROOM],
    build: |arguments, environment| build(lower, arguments, environment),
};

/// The row of `uppercase`.
pub(super) const UPPERCASE: Spec = Spec {
    name: "uppercase",
    summary: "writes texts in capital letters",
    parameters: &[ON, TARGET],
    adds: &[("(the same fields, or the target)", "the text in capital letters"), NO_ROOM],
    build: |arguments, environment| build(upper, arguments, environment),
};

struct Case {
    texts: Rewrite,
    make: fn(&str) -> New,
}

fn build(
    make: fn(&str) -> New,
    arguments: &Arguments,
    _: &Environment,
) -> Result<Box<dyn Engine>, BuildError> {
    Ok(Box::new(Case { texts: Rewrite::of(arguments)?, make }))
}

impl Engine for Case {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        self.texts.each(call.event, self.make)
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        self.texts.may_change(outcome)
    }
}

fn lower(text: &str) -> New {
    if text.is_ascii() {
        return match text.bytes().any(|b| b.is_ascii_uppercase()) {
            true => New::Text(text.to_ascii_lowercase()),
            false => New::Same,
        };
    }
    other(text, text.to_lowercase())
}

fn upper(text: &str) -> New {
    if text.is_ascii() {
        return match text.bytes().any(|b| b.is_ascii_lowercase()) {
            true => New::Text(text.to_ascii_uppercase()),
            false => New::Same,
        };
    }
    other(text, text.to_uppercase())
}

fn other(text: &str, new: String) -> New {
    if new == text { New::Same } else { New::Text(new) }
}

#[cfg(test)]
mod tests {
    use super::super::one_call::{check, run};

    #[test]
    fn small_and_capital_letters() {
        check("lowercase(message, target=[t])", "GET /Index.HTML", "t=get /index.html");
        check("uppercase(message, target=[t])", "get", "t=GET");
        check("lowercase(message, target=[t])", "ÀÉÎ ΟΔΟΣ Ж", "t=àéî οδος ж");
        check("uppercase(message, target=[t])", "straße ǆ", "t=STRASSE Ǆ");
        check("lowercase()", "already", "nothing");
        check("lowercase()", "schön", "nothing");
    }

    #[test]
    fn core_fields() {
        let (did, event) = run("lowercase()", "LOUD");
        assert_eq!((did, event.message.as_ref()), (true, "loud"));
        let (did, event) = run("uppercase(app_name, message)", "a");
        assert_eq!((did, event.message.as_ref()), (true, "A"));
    }
}
