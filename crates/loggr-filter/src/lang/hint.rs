//! Errors about a name or a word, with hints what to write instead.
//!
//! The parser finds the errors of the grammar. The words of other languages are in `foreign`.

use super::ast::{Operand, OperandKind};
use super::error::{FilterError, Span};
use super::foreign::{self, Infix};
use super::lexer::quoted;
use super::print;
use crate::engines;
use crate::field::{CORE_FIELDS, CUSTOM_PREFIX, is_taken};
use crate::nearest::nearest;

/// The words that begin a statement.
const STATEMENTS: [&str; 6] = ["if", "drop", "stop", "delete", "rename", "tags"];

/// The error for an unknown word in the place of a statement; `after` is the sign behind it, if
/// there is one.
pub(super) fn unknown_statement(word: &str, after: &str, span: Span) -> FilterError {
    let unknown = || FilterError::new(span, format!("`{word}` is neither a statement nor a core field"));
    let core = foreign::field(word).map(|field| field.row().name);
    if let Some(core) = core
        && matches!(after, "=" | ":=")
    {
        return unknown().hint(format!("the core field is `{core}`, a custom one `[{word}]`: `{core} := …`"));
    }
    if let Some(core) = core
        && after == "+="
    {
        let hint = format!("`+=` is for `tags`; the core field is `{core}`, a custom one `[{word}]`");
        return unknown().hint(hint);
    }
    if let Some(hint) = foreign::statement(word).or_else(|| foreign::engine(word)) {
        return FilterError::new(span, format!("`{word}` is no statement")).hint(hint);
    }
    if engines::find(word).is_some() {
        let message = format!("the arguments of `{word}` stand in parentheses");
        return FilterError::new(span, message).hint(format!("write `{word}(…)`"));
    }
    let known = STATEMENTS.into_iter().chain(CORE_FIELDS.iter().map(|r| r.name));
    match (core, nearest(word, known)) {
        (Some(core), _) => unknown().hint(format!("the core field is `{core}`, a custom one `[{word}]`")),
        (None, Some(near)) => {
            unknown().hint(format!("did you mean `{near}`? a custom field is written `[{word}]`"))
        }
        (None, None) => unknown().hint(format!("a custom field is written `[{word}]`")),
    }
}

/// `message contains "x"`.
pub(super) fn infix(
    word: &str,
    infix: Infix,
    left: &Operand,
    behind: Option<&str>,
    span: Span,
) -> FilterError {
    let left = print::operand(left);
    let written = match (infix, behind) {
        (Infix::Around(before, end), Some(text)) => {
            format!("{left} ~ {}", quoted(&format!("{before}{}{end}", regex::escape(text))))
        }
        (Infix::Around(before, end), None) => format!("{left} ~ \"{before}…{end}\""),
        (Infix::Sign(sign), Some(text)) => format!("{left} {sign} {}", quoted(text)),
        (Infix::Sign(sign), None) => format!("{left} {sign} …"),
    };
    FilterError::new(span, format!("`{word}` is not a comparison")).hint(format!("write `{written}`"))
}

/// The name of a custom field in brackets. The name of a core field is an error there: hardly
/// anybody who writes `[message]` means a custom field of this name, which is written with a
/// prefix.
pub(super) fn custom(name: String, span: Span) -> Result<String, FilterError> {
    if let Some(bare) = name.strip_prefix(CUSTOM_PREFIX).filter(|bare| is_taken(bare)) {
        return Ok(bare.to_owned());
    }
    if !is_taken(&name) {
        return Ok(name);
    }
    let error = FilterError::new(span, format!("`[{name}]` is no custom field"));
    Err(match name.as_str() {
        "tags" => error.hint(format!(
            "write `\"name\" in tags`, `tags += \"name\"`; a custom field of this name is `[{CUSTOM_PREFIX}tags]`"
        )),
        _ => error.hint(format!(
            "the core field is written `{name}`, a custom field of this name `[{CUSTOM_PREFIX}{name}]`"
        )),
    })
}

/// `"text" in message`: a core field has one value, and no parts.
pub(super) fn part_of(left: &Operand, whole: &Operand) -> FilterError {
    let (name, part) = (print::operand(whole), print::operand(left));
    let error = FilterError::new(left.span.to(whole.span), format!("`{name}` has one value and is no list"));
    match &left.kind {
        OperandKind::Text(text) => {
            let pattern = quoted(&regex::escape(text));
            error.hint(format!(
                "write `{name} ~ {pattern}` for a part of it, `{name} == {part}` for all of it"
            ))
        }
        _ => error.hint(format!("write `{part} == {name}`, or a list: `{part} in (\"a\", \"b\")`")),
    }
}

pub(super) fn unknown_field(word: &str, span: Span) -> FilterError {
    let error = FilterError::new(span, format!("there is no core field `{word}`"));
    if let Some(field) = foreign::field(word) {
        let name = field.row().name;
        return error.hint(format!("the core field is `{name}`, a custom one `[{word}]`"));
    }
    if matches!(word, "null" | "nil" | "none" | "None" | "undefined" | "NULL") {
        return error.hint("a field alone says that it is there: `if [field] { … }`, `if not [field] { … }`");
    }
    match nearest(word, CORE_FIELDS.iter().map(|r| r.name)) {
        Some(near) => error.hint(format!("did you mean `{near}`? a custom field is written `[{word}]`")),
        None => error.hint(format!("a custom field is written `[{word}]`, a text in quotes")),
    }
}
