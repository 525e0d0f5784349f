//! `grok`: named patterns found in a text become fields.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::grok::{Grok, GrokError, Limit, Scratch};

/// Tag of an event on which a pattern reached its limit.
pub const TIMEOUT_TAG: &str = "_groktimeout";

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "grok",
    summary: "matches a text against patterns, one after the other, and makes a field of each named part of the \
         first that matches",
    parameters: &[
        required(
            "patterns",
            Kind::Texts,
            "the patterns, tried in this order: each is the `NAME` of a pattern, or a regular expression \
             with named parts `%{NAME:field}` and `(?<field>…)`",
        ),
        optional("on", Kind::Operand, "message", "the text that is matched"),
        optional("prefix", Kind::Text, "", "is put before the name of each field"),
        optional(
            "ecs",
            Kind::Flag,
            "false",
            "with `true` the standard patterns use the field names of the Elastic Common Schema (ECS)",
        ),
        optional(
            "define",
            Kind::Texts,
            "",
            "further patterns for this call alone, each as `NAME expression`; such a pattern replaces one \
             that has the same name",
        ),
        optional(
            "overwrite",
            Kind::Flag,
            "false",
            "with `true` the new values replace those that a field had; with `false` they are added to \
             them, and core fields such as `message` and `app_name` are not set",
        ),
    ],
    adds: &[
        ("(named parts)", "the text of each named part that is not empty, in a field of its name"),
        (
            TIMEOUT_TAG,
            "tag: matching was given up because a pattern needed too many steps; the event goes on \
             unchanged",
        ),
    ],
    build,
};

struct GrokEngine {
    grok: Grok,
    on: usize,
    /// Field name of each capture, with the prefix.
    names: Vec<String>,
    overwrite: bool,
    scratches: Mutex<Vec<Scratch>>,
}

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let mut library =
        if arguments.flag("ecs") { environment.ecs_patterns.clone() } else { environment.patterns.clone() };
    for definition in arguments.texts("define").iter().filter(|d| !d.is_empty()) {
        let library = Arc::make_mut(&mut library);
        library.add(definition).map_err(|message| BuildError::argument("define", message))?;
    }
    let wrong = |e: GrokError| {
        let hint = match &e {
            GrokError::Unknown { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            GrokError::Unknown { .. } => Some("`loggr grok --list` shows all patterns".to_owned()),
            _ => None,
        };
        BuildError { argument: Some("patterns"), message: e.to_string(), hint }
    };
    let patterns = arguments.texts("patterns").iter().map(|p| library.meant(p));
    let patterns = patterns.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let grok = Grok::compile(&library, &patterns).map_err(wrong)?;
    let prefix = arguments.text("prefix");
    let names = grok.fields().iter().map(|f| format!("{prefix}{f}")).collect();
    let on = arguments.operand("on").unwrap_or(0);
    Ok(Box::new(GrokEngine {
        grok,
        on,
        names,
        overwrite: arguments.flag("overwrite"),
        scratches: Mutex::default(),
    }))
}

impl Engine for GrokEngine {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let Some(Some(text)) = call.operands.get(self.on).cloned() else { return Outcome::Nothing };
        let mut scratch = self.pool().pop().unwrap_or_default();
        let found = self.grok.find(&text, &mut scratch);
        let outcome = match found {
            Ok(false) => Outcome::Nothing,
            Err(Limit) => Outcome::Failed(TIMEOUT_TAG),
            Ok(true) => {
                let mut written = Vec::new();
                for (field, kind, range) in scratch.captures() {
                    let Some(name) = self.names.get(field) else { continue };
                    let value = typed(slice(&text, range), kind);
                    if self.overwrite && !written.contains(&field) {
                        if crate::field::CoreField::from_name(name)
                            .is_some_and(|f| f.row().writable && f.write(call.event, value.clone()))
                        {
                            // A core field has one value; further ones go to a custom field.
                            written.push(field);
                            continue;
                        }
                        call.event.set_field(name.as_str(), value);
                        written.push(field);
                    } else {
                        call.event.add_field_value(name.as_str(), value);
                    }
                }
                Outcome::Did
            }
        };
        self.pool().push(scratch);
        outcome
    }

    fn may_change(&self, outcome: Outcome) -> bool {
        outcome != Outcome::Nothing
    }
}

impl GrokEngine {
    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.scratches.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A part of the text, borrowed from the received line where the text is.
fn slice<'e>(text: &Cow<'e, str>, range: std::ops::Range<usize>) -> Cow<'e, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    }
}

/// `:int` and `:float` write a number in its usual form; a text that is not a number stays as it
/// is.
fn typed(value: Cow<'_, str>, kind: crate::grok::Kind) -> Cow<'_, str> {
    match kind.number(&value).map(|n| n.to_string()) {
        Some(number) if number != value => Cow::Owned(number),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::{Event, Origin, Uid};

    use super::super::Environment;
    use super::super::one_call::{self, NOW};
    use super::TIMEOUT_TAG;
    use crate::lang::{Fate, Program};

    #[track_caller]
    fn check(call: &str, message: &str, expect: &str) {
        one_call::check(call, message, expect);
    }

    #[test]
    fn named_parts_become_fields() {
        check("grok(\"%{WORD:a}=%{INT:b}\")", "x=7", "a=x b=7");
        check("grok(\"%{WORD:a}=%{INT:b}\")", "x=", "nothing");
        check("grok(\"%{WORD:a} %{WORD:a}\")", "x y", "a=x|y");
        check("grok(\"(?<a>x*)%{INT:b}\")", "7", "b=7");
        check("grok(\"^%{INT:n}$\")", "7", "n=42|7");
        check("grok(\"^%{INT:n}$\", overwrite=true)", "7", "n=7");
        check("grok(\"%{WORD:a}\", prefix=\"p_\")", "grün und blau", "p_a=und");
        check("grok(\"%{WORD:msgid} %{WORD:msgid}\", overwrite=true)", "x y", "msgid=y");
        check("grok(\"%{WORD:msgid} %{WORD:msgid} %{WORD:msgid}\", overwrite=true)", "x y z", "msgid=y|z");
        check("grok(\"a %{INT:a}\", \"b %{INT:b}\", \"%{WORD:c}\")", "b 7", "b=7");
    }

    #[test]
    fn numbers_are_written_in_one_way() {
        check("grok(\"%{NOTSPACE:a:int}\")", "+007", "a=7");
        check("grok(\"%{NOTSPACE:a:int}\")", "7.9", "a=7");
        check("grok(\"%{NOTSPACE:a:float}\")", "1.50", "a=1.5");
        check("grok(\"%{NOTSPACE:a:int}\")", "many", "a=many");
    }

    #[test]
    fn both_libraries_and_own_patterns() {
        check("grok(\"SYSLOGPROG\")", "cron[7]", "program=cron pid=7");
        check("grok(\"SYSLOGPROG\", ecs=true)", "cron[7]", "process.name=cron process.pid=7");
        check("grok(\"%{PAIR}\", define=\"PAIR %{WORD:k}:%{WORD:v}\")", "a:b", "k=a v=b");
        check("grok(\"%{WORD:w}\", define=\"WORD [0-9]+\")", "a1", "w=1");
        let mut environment = Environment::new("/nonexistent");
        environment.add_patterns("# mine\nPROG [a-z]+\n").expect("a pattern");
        for call in ["grok(\"SYSLOGPROG\")", "grok(\"SYSLOGPROG\", ecs=true)"] {
            let (_, event) = one_call::run_in(call, "/cron7", &environment);
            assert!(event.fields.iter().any(|f| f.values == ["cron"]), "{call}: {:?}", event.fields);
        }
    }

    /// A pattern at its limit is a tag and a count; neither the event nor the next one is lost.
    #[test]
    fn a_pattern_at_its_limit() {
        // What is referred to is anything to the guard, so that these come to PCRE2.
        let calls = [
            "grok(\"^(?<x>(?:a+)+)\\\\k<x>!$\")",
            "grok(\"^%{DATA:a}x%{DATA:b}x%{DATA:c}x%{DATA:d}x%{DATA:e}\\\\k<a>!!$\", overwrite=true)",
        ];
        for call in calls {
            let text = format!("if {call} {{ tags += \"found\" }}\n[after] := \"here\"");
            let program = Program::compile("t.filter", &text, &Environment::new("/nonexistent"))
                .unwrap_or_else(|e| panic!("{e}"));
            let mut counters = program.counters();
            let origin = Origin::default();
            let hostile = format!("{}y", "axxa".repeat(16 << 10));
            let mut event = Event::new(&origin, Uid::default(), NOW);
            event.message =
                if call.contains("DATA") { format!("{hostile}!!") } else { "a".repeat(65_535) + "!" }.into();
            assert_eq!(program.run(&mut event, NOW, &mut counters), Fate::Keep);
            assert!(event.has_tag(TIMEOUT_TAG) && !event.has_tag("found"), "{call}: {:?}", event.tags);
            assert_eq!(event.fields.len(), 1, "{call}: {:?}", event.fields);
            assert_eq!((counters.rules[0].reached, counters.rules[0].failed), (1, 1), "{call}");
            let mut next = Event::new(&origin, Uid::default(), NOW);
            next.message = if call.contains("DATA") { "axbxcxdxea!!" } else { "aa!" }.into();
            program.run(&mut next, NOW, &mut counters);
            assert!(next.has_tag("found"), "{call}");
            assert_eq!((counters.rules[0].reached, counters.rules[0].did), (2, 1), "{call}");
        }
    }
}
