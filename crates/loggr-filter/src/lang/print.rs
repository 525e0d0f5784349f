//! Prints statements as text, in the one canonical layout.
//!
//! Invariant: the printed text is read as the same statements, apart from their places.

use super::ast::{
    Argument, ArgumentValue, Call, Condition, ConditionKind, Operand, OperandKind, Set, Statement,
    StatementKind, Target, TargetName,
};
use super::lexer::quoted;
use crate::field::{CUSTOM_PREFIX, is_taken};

/// The text of a whole filter.
pub(super) fn print(statements: &[Statement]) -> String {
    let mut out = String::new();
    block(&mut out, statements, 0);
    out
}

fn block(out: &mut String, statements: &[Statement], depth: usize) {
    for statement in statements {
        let indent = "    ".repeat(depth);
        out.push_str(&indent);
        match &statement.kind {
            StatementKind::If { branches, otherwise } => {
                for (i, (condition, inner)) in branches.iter().enumerate() {
                    out.push_str(if i == 0 { "if " } else { " else if " });
                    out.push_str(&condition_text(condition));
                    braces(out, inner, depth, &indent);
                }
                if let Some(inner) = otherwise {
                    out.push_str(" else");
                    braces(out, inner, depth, &indent);
                }
            }
            other => out.push_str(&simple(other)),
        }
        out.push('\n');
    }
}

fn braces(out: &mut String, inner: &[Statement], depth: usize, indent: &str) {
    out.push_str(" {\n");
    block(out, inner, depth + 1);
    out.push_str(indent);
    out.push('}');
}

/// A statement without blocks, on one line.
pub(super) fn simple(kind: &StatementKind) -> String {
    match kind {
        StatementKind::If { branches, .. } => {
            format!("if {}", branches.first().map(|(c, _)| condition_text(c)).unwrap_or_default())
        }
        StatementKind::Assign(to, parts) => format!("{} := {}", target(to), join(parts, " + ")),
        StatementKind::Tags { add, values } => {
            format!("tags {} {}", if *add { "+=" } else { "-=" }, join(values, ", "))
        }
        StatementKind::Delete(field) => format!("delete {}", target(field)),
        StatementKind::Rename(from, to) => format!("rename {} -> {}", target(from), target(to)),
        StatementKind::Call(c) => call(c),
        StatementKind::Drop => "drop".to_owned(),
        StatementKind::Stop => "stop".to_owned(),
        StatementKind::Include(include) => format!("include {}", quoted(&include.name)),
    }
}

pub(super) fn target(target: &Target) -> String {
    match &target.name {
        TargetName::Core(field) => field.row().name.to_owned(),
        TargetName::Custom(name) => custom(name),
    }
}

pub(super) fn operand(operand: &Operand) -> String {
    match &operand.kind {
        OperandKind::Core(field) => field.row().name.to_owned(),
        OperandKind::Custom(name) => custom(name),
        OperandKind::Text(text) => quoted(text),
        OperandKind::Number(number) => number.clone(),
    }
}

/// A custom field, also one that has the name of a core field.
fn custom(name: &str) -> String {
    match is_taken(name) {
        true => format!("[{CUSTOM_PREFIX}{name}]"),
        false => format!("[{name}]"),
    }
}

fn join(operands: &[Operand], with: &str) -> String {
    operands.iter().map(operand).collect::<Vec<_>>().join(with)
}

/// A condition on one line.
pub(super) fn condition_text(condition: &Condition) -> String {
    match &condition.kind {
        ConditionKind::Any(all) => all.iter().map(|c| inside(c, false)).collect::<Vec<_>>().join(" or "),
        ConditionKind::All(all) => all.iter().map(|c| inside(c, true)).collect::<Vec<_>>().join(" and "),
        ConditionKind::Not(inner) => format!("not {}", inside(inner, true)),
        ConditionKind::Compare(left, comparison, right) => {
            format!("{} {} {}", operand(left), comparison.sign(), operand(right))
        }
        ConditionKind::In(left, set, negated) => {
            let word = if *negated { "notin" } else { "in" };
            let set = match set {
                Set::Tags => "tags".to_owned(),
                Set::CustomFields => "custom_fields".to_owned(),
                Set::Cidr(networks) => {
                    let networks: Vec<String> = networks.iter().map(|(n, _)| quoted(n)).collect();
                    format!("cidr({})", networks.join(", "))
                }
                Set::List(list) => match list.as_slice() {
                    [one] if matches!(one.kind, OperandKind::Custom(_) | OperandKind::Core(_)) => {
                        operand(one)
                    }
                    list => format!("({})", join(list, ", ")),
                },
            };
            format!("{} {word} {set}", operand(left))
        }
        ConditionKind::Present(field) => operand(field),
        ConditionKind::Call(c) => call(c),
    }
}

/// A condition within another, in parentheses if it would otherwise be read differently.
fn inside(condition: &Condition, of_all: bool) -> String {
    let text = condition_text(condition);
    match (&condition.kind, of_all) {
        (ConditionKind::Any(_), _) | (ConditionKind::All(_), true) => format!("({text})"),
        _ => text,
    }
}

/// An engine with its arguments.
pub(super) fn call(call: &Call) -> String {
    let mut out = format!("{}(", call.engine);
    for (i, Argument { name, value, .. }) in call.arguments.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        if let Some(name) = name {
            out.push_str(&format!("{name}="));
        }
        match value {
            ArgumentValue::One(one) => out.push_str(&operand(one)),
            ArgumentValue::List(list) => {
                out.push('(');
                out.push_str(&join(list, ", "));
                out.push(')');
            }
            ArgumentValue::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        }
    }
    out.push(')');
    out
}
