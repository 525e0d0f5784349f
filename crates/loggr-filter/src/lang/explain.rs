//! Says in words what a filter does with which events, in less text than the filter has.
//!
//! `print` writes a filter's text in another layout; the engines are described in the reference.

use super::ast::{
    Argument, ArgumentValue, Call, Comparison, Condition, ConditionKind, Operand, OperandKind, Set,
    Statement, StatementKind,
};
use super::print;
use super::program::Program;
use crate::field::CoreField;

/// Characters of a text that are shown, at most.
const MAX_SHOWN_CHARS: usize = 60;
/// Longest line that takes in what a branch does, in characters.
const MAX_LINE_CHARS: usize = 100;

impl Program {
    /// What the filter does, in words: a line for each branch, what follows it behind the colon
    /// or indented below.
    pub fn explain(&self) -> String {
        let mut out = String::new();
        block(&mut out, &self.statements, 0);
        if out.is_empty() {
            out.push_str("every event goes on as it is\n");
        }
        out
    }
}

fn block(out: &mut String, statements: &[Statement], depth: usize) {
    let mut simple: Vec<String> = Vec::new();
    for statement in statements {
        match &statement.kind {
            StatementKind::If { branches, otherwise } => {
                flush(out, &mut simple, depth);
                for (i, (condition, inner)) in branches.iter().enumerate() {
                    let word = if i == 0 { "if" } else { "else if" };
                    branch(out, &format!("{word} {}", words(condition, false)), inner, depth);
                }
                if let Some(inner) = otherwise {
                    branch(out, "else", inner, depth);
                }
            }
            StatementKind::Include(include) => {
                flush(out, &mut simple, depth);
                let inner = include.read.as_ref().map(|read| read.statements.as_slice()).unwrap_or_default();
                branch(out, &format!("from `{}`", include.name), inner, depth);
            }
            kind => simple.push(does(kind)),
        }
    }
    flush(out, &mut simple, depth);
}

fn flush(out: &mut String, simple: &mut Vec<String>, depth: usize) {
    if !simple.is_empty() {
        line(out, &simple.join("; "), depth);
        simple.clear();
    }
}

fn line(out: &mut String, text: &str, depth: usize) {
    out.push_str(&"  ".repeat(depth));
    out.push_str(text);
    out.push('\n');
}

/// A condition and what follows: on its line if that is short and has no further condition.
fn branch(out: &mut String, head: &str, inner: &[Statement], depth: usize) {
    let all: Option<Vec<String>> = inner
        .iter()
        .map(|s| match &s.kind {
            StatementKind::If { .. } | StatementKind::Include(_) => None,
            kind => Some(does(kind)),
        })
        .collect();
    match all.map(|all| if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }) {
        Some(all) if head.chars().count() + all.chars().count() <= MAX_LINE_CHARS => {
            line(out, &format!("{head}: {all}"), depth);
        }
        _ => {
            line(out, &format!("{head}:"), depth);
            block(out, inner, depth + 1);
        }
    }
}

/// A statement without blocks.
fn does(kind: &StatementKind) -> String {
    match kind {
        StatementKind::If { .. } | StatementKind::Include(_) => String::new(),
        StatementKind::Assign(to, parts) => {
            let parts: Vec<String> = parts.iter().map(value).collect();
            format!("{} becomes {}", print::target(to), parts.join(" + "))
        }
        StatementKind::Tags { add, values } => {
            let values: Vec<String> = values.iter().map(value).collect();
            format!("{} {}", if *add { "tag" } else { "untag" }, values.join(", "))
        }
        StatementKind::Delete(field) => format!("delete {}", print::target(field)),
        StatementKind::Rename(from, to) => {
            format!("rename {} to {}", print::target(from), print::target(to))
        }
        StatementKind::Call(call) => called(call, false),
        StatementKind::Drop => "drop it".to_owned(),
        StatementKind::Stop => "done".to_owned(),
    }
}

/// What an engine does or, if it is a condition (`asked`), when it is true.
fn called(call: &Call, asked: bool) -> String {
    let mut positional = Vec::new();
    let mut named = Vec::new();
    for Argument { name, value, .. } in &call.arguments {
        let shown = match value {
            ArgumentValue::One(one) => self::value(one),
            ArgumentValue::List(list) => list.iter().map(self::value).collect::<Vec<_>>().join(", "),
            ArgumentValue::Flag(flag) => flag.to_string(),
        };
        match name {
            Some(name) => named.push((name.as_str(), shown)),
            None => positional.push(shown),
        }
    }
    let mut take = |name: &str| {
        let at = named.iter().position(|(n, _)| *n == name);
        at.map(|at| named.remove(at).1)
    };
    let mut first = positional.into_iter();
    let mut head = match (call.engine.as_str(), asked) {
        ("grok", true) => {
            let on = take("on").unwrap_or_else(|| "message".to_owned());
            format!("{on} fits {}", joined(&mut first, " or "))
        }
        ("router", _) => {
            let exchange = first.next().or_else(|| take("exchange"));
            let kind = first.next().or_else(|| take("event_type"));
            let to = exchange.map(|e| format!(" to {e}")).unwrap_or_default();
            let under = kind.map(|k| format!(" as {k}")).unwrap_or_default();
            format!("send it{to}{under}")
        }
        ("throttle", _) => "there are too many".to_owned(),
        ("dedupe", _) => "it is a repeat".to_owned(),
        ("sample", _) => "it is in the sample".to_owned(),
        (engine, true) => format!("{engine} finds something"),
        (engine, false) => engine.to_owned(),
    };
    let rest = joined(&mut first, ", ");
    let options: Vec<String> = named.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    for more in [rest, options.join(", ")] {
        match head.contains(' ') {
            _ if more.is_empty() => {}
            true => head.push_str(&format!(" ({more})")),
            false => head.push_str(&format!(" {more}")),
        }
    }
    head
}

fn joined(values: &mut dyn Iterator<Item = String>, with: &str) -> String {
    values.collect::<Vec<_>>().join(with)
}

/// A condition in words; `within` another one it gets parentheses if it would otherwise be read
/// differently.
fn words(condition: &Condition, within: bool) -> String {
    let many = |all: &[Condition], with: &str| {
        let text = all.iter().map(|c| words(c, true)).collect::<Vec<_>>().join(with);
        if within { format!("({text})") } else { text }
    };
    match &condition.kind {
        ConditionKind::Any(all) => many(all, " or "),
        ConditionKind::All(all) => many(all, " and "),
        ConditionKind::Not(inner) => match &inner.kind {
            ConditionKind::Present(field) => format!("no {}", value(field)),
            _ => format!("not {}", words(inner, true)),
        },
        ConditionKind::Present(field) => format!("there is {}", value(field)),
        ConditionKind::Call(call) => called(call, true),
        ConditionKind::Compare(left, comparison, right) => compared(left, *comparison, right),
        ConditionKind::In(left, set, negated) => member(left, set, *negated),
    }
}

fn compared(left: &Operand, comparison: Comparison, right: &Operand) -> String {
    let severity = [left, right].iter().any(|o| o.kind == OperandKind::Core(CoreField::Severity));
    // The name of a severity comes last in the sentence, on whichever side of the sign it stands.
    let (left, comparison, right) = match (&left.kind, severity) {
        (OperandKind::Text(_) | OperandKind::Number(_), true) => (right, comparison.flipped(), left),
        _ => (left, comparison, right),
    };
    let sign = match (comparison, severity) {
        (Comparison::Equal, _) => "is",
        (Comparison::NotEqual, _) => "is not",
        (Comparison::Matches, _) => "matches",
        (Comparison::AnyCase, _) => "matches, in any case,",
        (Comparison::Less, false) => "below",
        (Comparison::AtMost, false) => "at most",
        (Comparison::Greater, false) => "over",
        (Comparison::AtLeast, false) => "at least",
        (Comparison::Less, true) => "milder than",
        (Comparison::AtMost, true) => "at most",
        (Comparison::Greater, true) => "graver than",
        (Comparison::AtLeast, true) => "at least",
    };
    format!("{} {sign} {}", value(left), value(right))
}

fn member(left: &Operand, set: &Set, negated: bool) -> String {
    let left = value(left);
    let not = if negated { "not " } else { "" };
    match set {
        Set::Tags => format!("{not}tagged {left}"),
        Set::CustomFields => format!("{} field {left}", if negated { "no" } else { "there is a" }),
        Set::Cidr(networks) => {
            let all: Vec<&str> = networks.iter().map(|(text, _)| text.as_str()).collect();
            format!("{left} {not}in {}", all.join(" or "))
        }
        Set::List(list) => {
            let all: Vec<String> = list.iter().map(value).collect();
            format!("{left} is {not}{}", all.join(" or "))
        }
    }
}

/// A field as it is written, a text without quotes where it needs none.
fn value(operand: &Operand) -> String {
    let OperandKind::Text(text) = &operand.kind else { return print::operand(operand) };
    let shown: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    let cut = shown.len() < text.len();
    let plain = !shown.is_empty()
        && shown.trim() == shown
        && shown.chars().all(|c| !c.is_control() && !matches!(c, '"' | ';' | ','));
    let mut shown = if plain { shown } else { super::lexer::quoted(&shown) };
    if cut {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::Program;
    use crate::engines::Environment;

    #[track_caller]
    fn check(filter: &str, expect: &str) {
        let program = Program::compile("t", filter, &Environment::new("/nonexistent"));
        let explained = program.unwrap_or_else(|e| panic!("{e}")).explain();
        assert_eq!(explained, expect);
    }

    #[test]
    fn branches_and_what_follows() {
        check(
            "if app_name ~ \"^sshd$\" and grok(\"SSHD\") {\n    tags += \"ssh\"\n    if message ~ \"^Accepted \" {\n        \
             tags += \"login\"\n    } else if severity >= \"warning\" {\n        severity := \"err\"\n        \
             router(\"security\", \"login\")\n    } else {\n        drop\n    }\n}\n",
            "if app_name matches ^sshd$ and message fits SSHD:\n  tag ssh\n  if message matches \"^Accepted \": tag login\n  \
             else if severity at least warning: severity becomes err; send it to security as login\n  else: drop it\n",
        );
    }

    #[test]
    fn conditions() {
        check(
            "if not [user] and (\"x\" in tags or [ip] notin cidr(\"10.0.0.0/8\")) { stop }",
            "if no [user] and (tagged x or [ip] not in 10.0.0.0/8): done\n",
        );
        check(
            "if app_name in (\"a\", \"b\") or [n] > 5 or not (source == \"h\") { drop }",
            "if app_name is a or b or [n] over 5 or not source is h: drop it\n",
        );
        check("if \"err\" > severity { stop }", "if severity milder than err: done\n");
        check(
            "if throttle(source, rate=100, per=\"1m\") { drop }",
            "if there are too many (source) (rate 100, per 1m): drop it\n",
        );
    }

    #[test]
    fn statements() {
        check(
            "[a] := \"x\" + source\ntags -= \"b\"\ndelete [c]\nrename [d] -> [e]\njson(prefix=\"j.\")\ndate([t], \"UNIX\")",
            "[a] becomes x + source; untag b; delete [c]; rename [d] to [e]; json prefix j.; date [t], UNIX\n",
        );
        check("", "every event goes on as it is\n");
        check(
            &format!("[a] := \"{}\"", "x".repeat(100)),
            &format!("[a] becomes {}…\n", "x".repeat(super::MAX_SHOWN_CHARS)),
        );
    }
}
