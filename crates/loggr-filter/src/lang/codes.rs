//! Comparisons with severity and facility, which are compared as such and not as text.
//!
//! They are written to an event in `field`. Invariant: no comparison of a severity is ambiguous.
//! The numbers of severities count down from `debug` (7) to `emerg` (0), while `severity >= "err"`
//! means at least as grave; so `<`, `<=`, `>` and `>=` take names alone, and a number can be used
//! with `==`, `!=` and in lists only.

use loggr_event::{Facility, Severity};
use regex::Regex;

use super::ast::{Comparison, Operand, OperandKind};
use super::error::FilterError;
use super::node::{Check, Test, Values};
use crate::field::CoreField;
use crate::nearest::nearest;

/// Which of the two fields an operand is, if it is one of them.
fn coded(operand: &Operand) -> Option<CoreField> {
    match operand.kind {
        OperandKind::Core(field @ (CoreField::Severity | CoreField::Facility)) => Some(field),
        _ => None,
    }
}

fn keywords(field: CoreField) -> Vec<&'static str> {
    match field {
        CoreField::Severity => Severity::ALL.map(Severity::keyword).to_vec(),
        _ => (0..=Facility::MAX_CODE).filter_map(Facility::from_code).map(Facility::keyword).collect(),
    }
}

/// A comparison in which severity or facility stands; `None` where neither does.
pub(super) fn compare(
    left: &Operand,
    comparison: Comparison,
    right: &Operand,
) -> Option<Result<Check, FilterError>> {
    let (field, at, other, comparison) = match (coded(left), coded(right)) {
        (Some(field), _) => (field, left, right, comparison),
        (None, Some(field)) => (field, right, left, comparison.flipped()),
        (None, None) => return None,
    };
    Some(against(field, at, other, comparison))
}

/// A regular expression on severity or facility has to match one of their names.
pub(super) fn matches_a_name(left: &Operand, right: &Operand, regex: &Regex) -> Result<(), FilterError> {
    let Some(field) = coded(left) else { return Ok(()) };
    let names = keywords(field);
    if names.iter().any(|name| regex.is_match(name)) {
        return Ok(());
    }
    let what = field.row().name;
    let error = FilterError::new(right.span, format!("no {what} is called so"));
    Err(match field {
        CoreField::Severity => {
            error.hint(format!("they are {}; write e.g. `severity >= \"err\"`", names.join(", ")))
        }
        _ => error.hint(format!("they are {}", names.join(", "))),
    })
}

fn against(
    field: CoreField,
    at: &Operand,
    other: &Operand,
    comparison: Comparison,
) -> Result<Check, FilterError> {
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let name = field.row().name;
    let text = match &other.kind {
        OperandKind::Text(text) | OperandKind::Number(text) => text,
        // It is not known yet whether the values of a field are names or numbers.
        OperandKind::Core(_) | OperandKind::Custom(_) if !equality => {
            let example = match field {
                CoreField::Severity => "severity >= \"warning\"",
                _ => "facility >= \"local0\"",
            };
            return Err(FilterError::new(
                at.span.through(other.span),
                format!("`{name}` can only be compared in order with a name, not with the value of a field"),
            )
            .hint(format!("write e.g. `{example}`")));
        }
        OperandKind::Core(_) | OperandKind::Custom(_) => {
            let same = Check::Test(Values::of(other), Test::IsCode(field));
            return Ok(if comparison == Comparison::Equal { same } else { Check::Not(Box::new(same)) });
        }
    };
    let Some(code) = field.code(text) else {
        let names = keywords(field);
        let error = FilterError::new(other.span, format!("`{text}` is no {name}"));
        return Err(match nearest(text, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("they are {}", names.join(", "))),
        });
    };
    let number = text.trim().bytes().all(|b| b.is_ascii_digit());
    match (field, Severity::from_code(code)) {
        (CoreField::Severity, Some(severity)) if number && !equality => {
            Err(both_ways(at, other, comparison, severity))
        }
        _ => Ok(Check::Code(field, comparison, code)),
    }
}

/// The error for `severity <= 3`: by the numbers it means the severe ones, by its words the others.
fn both_ways(at: &Operand, other: &Operand, comparison: Comparison, bound: Severity) -> FilterError {
    let by_number = comparison.flipped();
    let spelled = |comparison: Comparison| {
        let meant = Severity::span(|s| comparison.holds(s.cmp(&bound)));
        format!("`severity {} \"{bound}\"` for {meant}", comparison.sign())
    };
    FilterError::new(
        at.span.through(other.span),
        "a comparison of a severity with a number is ambiguous, because a smaller number is more severe",
    )
    .hint(format!("write {}, or {}", spelled(by_number), spelled(comparison)))
}

#[cfg(test)]
mod tests {
    use loggr_event::{Event, Facility, Severity};

    use crate::engines::Environment;
    use crate::lang::{Predicate, Program};

    /// The severities for which the condition holds, by code.
    #[track_caller]
    fn check(condition: &str, expect: &[u8]) {
        let predicate = Predicate::compile("if", condition).unwrap_or_else(|e| panic!("{e}"));
        let held = |severity: Severity| {
            let mut event = Event { severity, ..Event::default() };
            event.facility = Facility::from_name("local0").unwrap();
            event.set_field("level", "Error");
            event.set_field("n", "3");
            predicate.holds(&event)
        };
        let held: Vec<u8> = Severity::ALL.into_iter().filter(|s| held(*s)).map(Severity::code).collect();
        assert_eq!(held, expect, "{condition}");
    }

    #[test]
    fn the_order_is_that_of_names() {
        check("severity >= \"err\"", &[0, 1, 2, 3]);
        check("severity > \"error\"", &[0, 1, 2]);
        check("severity <= \"WARN\"", &[4, 5, 6, 7]);
        check("\"warning\" > severity", &[5, 6, 7]);
        check("not severity >= \"notice\"", &[6, 7]);
    }

    #[test]
    fn a_number_is_one_severity() {
        check("severity == 3", &[3]);
        check("3 == severity", &[3]);
        check("severity == \"3\"", &[3]);
        check("severity != 3", &[0, 1, 2, 4, 5, 6, 7]);
        check("severity in (0, \"1\", \"crit\", 3)", &[0, 1, 2, 3]);
        check("severity notin (6, 7)", &[0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_a_field_holds_is_a_name_or_a_number_too() {
        check("severity == [level]", &[3]);
        check("[level] != severity", &[0, 1, 2, 4, 5, 6, 7]);
        check("severity == [n]", &[3]);
        check("severity in ([n], \"debug\")", &[3, 7]);
        check("severity == [missing]", &[]);
    }

    #[test]
    fn facilities_count_up_and_may_be_numbers() {
        check("facility >= 16 and severity == 0", &[0]);
        check("facility < \"local0\" or severity == 0", &[0]);
        check("facility <= \"local0\" and facility == 16 and severity == 1", &[1]);
    }

    #[track_caller]
    fn refused(condition: &str, expect: &str) {
        let text = format!("if {condition} {{ drop }}");
        let error = Program::compile("x", &text, &Environment::new("/nonexistent")).expect_err(condition);
        let said = error.errors().first().map(|e| {
            let marked = &text[e.span.start..e.span.end];
            format!("{marked} | {} | {}", e.message, e.hint.clone().unwrap_or_default())
        });
        assert_eq!(said.as_deref(), Some(expect));
    }

    #[test]
    fn a_number_has_no_order_and_the_error_says_both_spellings() {
        const BOTH: &str =
            "a comparison of a severity with a number is ambiguous, because a smaller number is more severe";
        let refused = |condition: &str, hint: &str| {
            refused(condition, &format!("{condition} | {BOTH} | {hint}"));
        };
        refused(
            "severity <= 3",
            "write `severity >= \"err\"` for emerg to err (0 to 3), or `severity <= \"err\"` for err to debug (3 to 7)",
        );
        refused(
            "severity > 4",
            "write `severity < \"warning\"` for notice to debug (5 to 7), or `severity > \"warning\"` for emerg to err (0 to 3)",
        );
        refused(
            "4 >= severity",
            "write `severity >= \"warning\"` for emerg to warning (0 to 4), or `severity <= \"warning\"` for warning to debug (4 to 7)",
        );
        refused(
            "severity < \"1\"",
            "write `severity > \"alert\"` for emerg (0), or `severity < \"alert\"` for crit to debug (2 to 7)",
        );
        refused(
            "severity < 0",
            "write `severity > \"emerg\"` for none, or `severity < \"emerg\"` for alert to debug (1 to 7)",
        );
    }

    #[test]
    fn what_compares_nothing_is_refused() {
        const NAMES: &str = "they are emerg, alert, crit, err, warning, notice, info, debug";
        refused("severity <= 8", &format!("8 | `8` is no severity | {NAMES}"));
        refused("severity == \"eror\"", "\"eror\" | `eror` is no severity | did you mean `err`?");
        refused(
            "severity ~ \"^[0-3]$\"",
            &format!("\"^[0-3]$\" | no severity is called so | {NAMES}; write e.g. `severity >= \"err\"`"),
        );
        refused(
            "[level] <= severity",
            "[level] <= severity | `severity` can only be compared in order with a name, not with the value of a field | write e.g. `severity >= \"warning\"`",
        );
        check("severity ~ \"^e\"", &[0, 3]);
    }
}
