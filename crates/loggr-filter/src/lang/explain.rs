//! A filter in words: each statement with what it does and what it adds.

use super::ast::{Call, Condition, ConditionKind, Statement, StatementKind};
use super::print;
use super::program::Program;
use crate::engines;

impl Program {
    /// The filter in its canonical layout; above each call of an engine what the engine does
    /// and adds.
    pub fn explain(&self) -> String {
        let mut out = String::new();
        block(&mut out, &self.statements, 0);
        if out.is_empty() {
            out.push_str("# no statement: every event goes on as it is\n");
        }
        out
    }
}

fn block(out: &mut String, statements: &[Statement], depth: usize) {
    let indent = "    ".repeat(depth);
    for statement in statements {
        match &statement.kind {
            StatementKind::If { branches, otherwise } => {
                for (i, (condition, inner)) in branches.iter().enumerate() {
                    let mut calls = Vec::new();
                    collect(condition, &mut calls);
                    calls.iter().for_each(|c| engine(out, c, &indent));
                    let word = if i == 0 { "if" } else { "} else if" };
                    line(out, &indent, &format!("{word} {} {{", print::condition_text(condition)));
                    block(out, inner, depth + 1);
                }
                if let Some(inner) = otherwise {
                    line(out, &indent, "} else {");
                    block(out, inner, depth + 1);
                }
                line(out, &indent, "}");
            }
            kind => {
                match kind {
                    StatementKind::Call(call) => engine(out, call, &indent),
                    StatementKind::Drop => {
                        line(out, &indent, "# the event ends here; it is counted as dropped by this rule")
                    }
                    StatementKind::Stop => {
                        line(out, &indent, "# the rest of the filter is not for this event; it goes on")
                    }
                    _ => {}
                }
                line(out, &indent, &print::simple(kind));
            }
        }
    }
}

fn line(out: &mut String, indent: &str, text: &str) {
    out.push_str(&format!("{indent}{text}\n"));
}

fn engine(out: &mut String, call: &Call, indent: &str) {
    let Some(spec) = engines::find(&call.engine) else { return };
    line(out, indent, &format!("# {}: {}", spec.name, spec.summary));
    for (what, doc) in spec.adds {
        line(out, indent, &format!("#   adds {what}: {doc}"));
    }
}

fn collect<'c>(condition: &'c Condition, calls: &mut Vec<&'c Call>) {
    match &condition.kind {
        ConditionKind::Any(all) | ConditionKind::All(all) => all.iter().for_each(|c| collect(c, calls)),
        ConditionKind::Not(inner) => collect(inner, calls),
        ConditionKind::Call(call) => calls.push(call),
        _ => {}
    }
}
