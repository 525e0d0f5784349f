//! `calc`: arithmetic on the numbers in fields.
//!
//! The formula is read once (`formula`). Whole numbers stay whole and exact as long as they can; what
//! has no result (a field that is no number, a division by zero, too large a number) is a tag, never
//! another number.

mod formula;

use std::borrow::Cow;

use loggr_event::Event;

use self::formula::{Formula, Step};
use super::place::Place;
use super::rewrite::{NO_ROOM, and, integer, writable, write};
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};

/// Tag of an event for which the formula has no result.
pub const FAILURE_TAG: &str = "_calcfailure";
/// Most digits behind the point that `digits` asks for.
const MAX_DIGITS: i64 = 15;

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "calc",
    summary: "computes a number from those in fields: `calc(\"[bytes] * 8 / [ms]\", [rate])`",
    parameters: &[
        required(
            "formula",
            Kind::Text,
            "numbers, fields like `[bytes]`, `+`, `-`, `*`, `/`, `%` (what a division leaves), parentheses and \
             `round(x)`, `floor(x)`, `ceil(x)`, `abs(x)`, `min(x, y)`, `max(x, y)`; of a field the first value counts",
        ),
        required("target", Kind::AnyField, "the field that gets the result"),
        optional("digits", Kind::Number, "", "rounds the result to so many digits behind the point, 0 to 15"),
    ],
    adds: &[
        (
            "(the target)",
            "the result; if the event does not have one of the fields nothing changes. Whole numbers are exact up to \
             38 digits, others to about 16",
        ),
        (
            FAILURE_TAG,
            "tag: there is no result, because a field is no number, by zero is divided, or the number would be too \
             large",
        ),
        NO_ROOM,
    ],
    build,
};

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i128),
    /// Finite.
    Real(f64),
}

/// Why there is no result.
enum NoResult {
    /// A field is not there.
    Missing,
    Failed,
}

struct Calc {
    formula: Formula,
    target: Place,
    digits: Option<i64>,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let formula = Formula::parse(arguments.text("formula"))
        .map_err(|error| BuildError::argument("formula", error.message).hint(error.hint))?;
    let missing = || BuildError::argument("target", "`target` must be a field");
    let target = arguments.fields("target").first().cloned().ok_or_else(missing)?;
    writable(&target, "target")?;
    Ok(Box::new(Calc { formula, target, digits: integer(arguments, "digits", 0..=MAX_DIGITS)? }))
}

impl Number {
    /// The number that a text is, decimal, perhaps with an exponent.
    pub(super) fn read(text: &str) -> Option<Number> {
        let text = text.trim();
        let is_decimal = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
        if !text.bytes().all(is_decimal) {
            return None;
        }
        if let Ok(whole) = text.parse() {
            return Some(Number::Whole(whole));
        }
        Number::real(text.parse().ok()?)
    }

    fn real(value: f64) -> Option<Number> {
        value.is_finite().then_some(Number::Real(value))
    }

    fn as_real(self) -> f64 {
        match self {
            Number::Whole(whole) => whole as f64,
            Number::Real(real) => real,
        }
    }

    /// A whole one where it fits.
    fn rounded(self, round: fn(f64) -> f64) -> Option<Number> {
        let Number::Real(real) = self else { return Some(self) };
        let real = round(real);
        match real.abs() < 1e38 {
            true => Some(Number::Whole(real as i128)),
            false => Number::real(real),
        }
    }

    /// With so many digits behind the point, without zeros at the end.
    fn text(self, digits: Option<i64>) -> String {
        let real = match self {
            Number::Whole(whole) => return whole.to_string(),
            Number::Real(real) => real,
        };
        let text = match digits {
            None => return format!("{real}"),
            Some(digits) => format!("{real:.*}", usize::try_from(digits).unwrap_or_default()),
        };
        let text = match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => &text,
        };
        if text == "-0" { "0".to_owned() } else { text.to_owned() }
    }
}

impl Step {
    /// Takes what it needs from the stack and puts its result there; `None` if there is none.
    fn apply(self, stack: &mut Vec<Number>) -> Option<Number> {
        use Number::{Real, Whole};
        let right = stack.pop()?;
        let reals = |left: Number, operation: fn(f64, f64) -> f64| {
            Number::real(operation(left.as_real(), right.as_real()))
        };
        Some(match self {
            Step::Negate => match right {
                Whole(n) => Whole(n.checked_neg()?),
                Real(n) => Real(-n),
            },
            Step::Abs => match right {
                Whole(n) => Whole(n.checked_abs()?),
                Real(n) => Real(n.abs()),
            },
            Step::Round => right.rounded(f64::round)?,
            Step::Floor => right.rounded(f64::floor)?,
            Step::Ceil => right.rounded(f64::ceil)?,
            binary => {
                let left = stack.pop()?;
                let is_zero = matches!(right, Whole(0)) || right.as_real() == 0.0;
                match (binary, left, right) {
                    (Step::Add, Whole(a), Whole(b)) => Whole(a.checked_add(b)?),
                    (Step::Subtract, Whole(a), Whole(b)) => Whole(a.checked_sub(b)?),
                    (Step::Multiply, Whole(a), Whole(b)) => Whole(a.checked_mul(b)?),
                    (Step::Divide | Step::Remainder, ..) if is_zero => return None,
                    (Step::Divide, Whole(a), Whole(b)) if a.checked_rem(b) == Some(0) => {
                        Whole(a.checked_div(b)?)
                    }
                    (Step::Remainder, Whole(a), Whole(b)) => Whole(a.checked_rem(b)?),
                    (Step::Min, Whole(a), Whole(b)) => Whole(a.min(b)),
                    (Step::Max, Whole(a), Whole(b)) => Whole(a.max(b)),
                    (Step::Add, ..) => reals(left, |a, b| a + b)?,
                    (Step::Subtract, ..) => reals(left, |a, b| a - b)?,
                    (Step::Multiply, ..) => reals(left, |a, b| a * b)?,
                    (Step::Divide, ..) => reals(left, |a, b| a / b)?,
                    (Step::Remainder, ..) => reals(left, |a, b| a % b)?,
                    (Step::Min, ..) => reals(left, f64::min)?,
                    (Step::Max, ..) => reals(left, f64::max)?,
                    (Step::Negate | Step::Abs | Step::Round | Step::Floor | Step::Ceil, ..) => return None,
                }
            }
        })
    }
}

impl Calc {
    fn compute(&self, event: &Event<'_>) -> Result<Number, NoResult> {
        let mut stack = Vec::with_capacity(self.formula.depth);
        for item in &self.formula.items {
            let number = match item {
                formula::Item::Number(number) => *number,
                formula::Item::Field(place) => {
                    let read = place.look(event, 0, Number::read).ok_or(NoResult::Missing)?;
                    read.ok_or(NoResult::Failed)?
                }
                formula::Item::Step(step) => step.apply(&mut stack).ok_or(NoResult::Failed)?,
            };
            stack.push(number);
        }
        stack.pop().ok_or(NoResult::Failed)
    }
}

impl Engine for Calc {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        match self.compute(call.event) {
            Ok(number) => {
                let text = Cow::Owned(number.text(self.digits));
                and(Outcome::Nothing, write(call.event, &self.target, vec![text]))
            }
            Err(NoResult::Missing) => Outcome::Nothing,
            Err(NoResult::Failed) => Outcome::Failed(FAILURE_TAG),
        }
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::one_call::{check as check_call, run};
    use super::super::testing::{nothing, wrong};

    #[track_caller]
    fn check(formula: &str, message: &str, expect: &str) {
        check_call(&format!("calc(\"{formula}\", [t])"), message, expect);
    }

    #[test]
    fn numbers() {
        check("1 + 2 * 3", "", "t=7");
        check("(1 + 2) * 3", "", "t=9");
        check("10 - 2 - 3", "", "t=5");
        check("7 / 2", "", "t=3.5");
        check("6 / 2", "", "t=3");
        check("7 % 4", "", "t=3");
        check("-7 % 4", "", "t=-3");
        check("2 * -3", "", "t=-6");
        check("--3", "", "t=3");
        check("1.5 + 1.5", "", "t=3");
        check("1e3 * 2", "", "t=2000");
        check("0.1 + 0.2", "", "t=0.30000000000000004");
        check("170141183460469231731687303715884105727 - 1", "", "t=170141183460469231731687303715884105726");
        check("round(2.5) + floor(-1.5) + ceil(1.2)", "", "t=3");
        check("min(3, 2) + max(1, 1.5) + abs(-4)", "", "t=7.5");
    }

    #[test]
    fn fields() {
        check("[n] * 2", "", "t=84");
        check("message / [n]", "21", "t=0.5");
        check("message + 1", " 1.5 ", "t=2.5");
        check("[missing] + 1", "", "nothing");
        check("[n] + [missing]", "", "nothing");
        check_call("calc(\"[n] + 1\", [n])", "", "n=43");
        check_call("calc(\"1\", severity)", "", "");
        check_call("calc(\"10 / 3\", [t], digits=2)", "", "t=3.33");
        check_call("calc(\"10 / 4\", [t], digits=9)", "", "t=2.5");
        check_call("calc(\"0 - 0.001\", [t], digits=1)", "", "t=0");
        check_call("calc(\"20 / 2.0\", [t], digits=0)", "", "t=10");
    }

    #[test]
    fn what_has_no_result() {
        for (formula, message) in [
            ("1 / 0", ""),
            ("1 % 0", ""),
            ("1 / 0.0", ""),
            ("message + 1", "ten"),
            ("message + 1", ""),
            ("message + 1", "0x10"),
            ("message + 1", "inf"),
            ("message + 1", "NaN"),
            ("[many] + 1", ""),
            ("1e308 * 10", ""),
            ("170141183460469231731687303715884105727 + 1", ""),
        ] {
            check(formula, message, "#_calcfailure");
        }
    }

    #[test]
    fn wrong_calls() {
        let deep = format!("calc(\"{}1{}\", [t])", "(".repeat(200), ")".repeat(200));
        let calls = [
            "calc(\"1\")",
            "calc(\"\", [t])",
            "calc(\"1 +\", [t])",
            "calc(\"1 2\", [t])",
            "calc(\"(1\", [t])",
            "calc(\"1)\", [t])",
            "calc(\"[n\", [t])",
            "calc(\"n + 1\", [t])",
            "calc(\"sqrt(2)\", [t])",
            "calc(\"min(1)\", [t])",
            "calc(\"2 ^ 3\", [t])",
            "calc(\"1..2\", [t])",
            "calc(\"1\", uid)",
            "calc(\"1\", [t], digits=99)",
            &deep,
            "[t] := [a] * 8",
        ];
        wrong("calc", &nothing(), &calls);
    }

    proptest! {
        #[test]
        fn whole_numbers_are_exact(a in any::<i64>(), b in any::<i64>(), c in 1..i64::MAX) {
            let (a, b, c) = (i128::from(a), i128::from(b), i128::from(c));
            let (_, event) = run(&format!("calc(\"({a} + {b}) * {c} - ({b} % {c})\", [t])"), "");
            let expect = (a + b).checked_mul(c).and_then(|n| n.checked_sub(b % c));
            match expect {
                Some(expect) => prop_assert_eq!(event.field("t")[0].as_ref(), expect.to_string()),
                None => prop_assert!(event.has_tag(super::FAILURE_TAG)),
            }
        }

        #[test]
        fn any_formula_is_read_or_refused(formula in "[-+*/%()0-9.e\\[\\]a-z, ]{0,40}") {
            drop(super::Formula::parse(&formula));
        }
    }
}
