//! A condition of the filter language by itself, which selects events.
//!
//! A packer's `if` is one. It changes nothing and calls no engine.

use std::fmt;
use std::path::Path;

use loggr_event::Event;

use super::ast::{Condition, ConditionKind};
use super::compile::Compiler;
use super::error::{FilterError, FilterErrors, Span};
use super::evaluate::holds_still;
use super::node::Check;
use super::parser::parse_condition;
use crate::engines::Environment;

/// A checked condition.
pub struct Predicate {
    text: String,
    check: Check,
}

impl Predicate {
    /// Reads and checks a condition. Errors name the text as `file`.
    ///
    /// # Errors
    /// All mistakes in it; a call of an engine is one.
    pub fn compile(file: &str, text: &str) -> Result<Predicate, FilterErrors> {
        let condition = parse_condition(text).map_err(|errors| FilterErrors::new(file, text, errors))?;
        let mut errors = Vec::new();
        calls(&condition, &mut |span| {
            let error = FilterError::new(span, "this condition looks at the event alone and calls no engine");
            errors.push(error.hint("a machine's filter can call engines"));
        });
        let environment = Environment::new(Path::new("."));
        let mut compiler = Compiler::new(&environment, text);
        let check = if errors.is_empty() { compiler.condition(&condition) } else { None };
        errors.append(&mut compiler.errors);
        match check {
            Some(check) if errors.is_empty() => Ok(Predicate { text: text.to_owned(), check }),
            _ => Err(FilterErrors::new(file, text, errors)),
        }
    }

    /// Whether the condition is true for the event.
    pub fn holds(&self, event: &Event<'_>) -> bool {
        holds_still(&self.check, event)
    }
}

/// Two predicates are equal if they were read from the same text.
impl PartialEq for Predicate {
    fn eq(&self, other: &Predicate) -> bool {
        self.text == other.text
    }
}

impl Eq for Predicate {}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn calls(condition: &Condition, found: &mut dyn FnMut(Span)) {
    match &condition.kind {
        ConditionKind::Any(all) | ConditionKind::All(all) => all.iter().for_each(|c| calls(c, found)),
        ConditionKind::Not(inner) => calls(inner, found),
        ConditionKind::Call(call) => found(call.span),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_events_are_meant() {
        #[track_caller]
        fn check(text: &str, expect: bool) {
            let event = Event { app_name: "openvpn".into(), message: "TLS Error".into(), ..Event::default() };
            assert_eq!(Predicate::compile("if", text).unwrap().holds(&event), expect, "{text}");
        }
        check("app_name == \"openvpn\"", true);
        check("app_name == \"sshd\" or not (severity >= \"err\") and message ~* \"tls\"", true);
        check("facility == \"mail\" or [user]", false);
    }

    #[test]
    fn what_cannot_be_a_condition_is_told() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            assert_eq!(Predicate::compile("if", text).unwrap_err().to_string(), expect);
        }
        check(
            "app_name == \"x\" and not grok(\"SSHD\")",
            "if:1:25: this condition looks at the event alone and calls no engine\n\
             1 | app_name == \"x\" and not grok(\"SSHD\")\n  |                         ^^^^\n\
             hint: a machine's filter can call engines",
        );
        check(
            "app_nam == \"x\"",
            "if:1:1: there is no core field `app_nam`\n1 | app_nam == \"x\"\n  | ^^^^^^^\nhint: did you mean `app_name`? a custom field is written `[app_nam]`",
        );
        assert!(Predicate::compile("if", "").is_err());
    }
}
