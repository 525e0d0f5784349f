//! Prints a tree as canonical text. Reading the text gives the same tree again.
//!
//! Parentheses stand only where precedence needs them. A severity or facility set comes
//! out by its names; other values in quotes unless they are plain.

use std::fmt::{self, Write as _};
use std::ops::Bound;

use loggr_event::{Facility, Severity};

use super::ast::{FacilitySet, Glob, Node, Query, Scope, SeveritySet, Test};
use super::field::Field;
use super::time::{Clock, TimeRange};
use super::value::{Range, Value, parse_ip};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(f, &self.root, Level::Or)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(f, self, Level::Or)
    }
}

fn write_node(f: &mut fmt::Formatter<'_>, node: &Node, around: Level) -> fmt::Result {
    let (own, parts, between) = match node {
        Node::Or(parts) => (Level::Or, parts, " OR "),
        Node::And(parts) => (Level::And, parts, " "),
        leaf => return write_leaf(f, leaf),
    };
    if own < around {
        f.write_char('(')?;
    }
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        write_node(f, part, own)?;
    }
    if own < around {
        f.write_char(')')?;
    }
    Ok(())
}

fn write_leaf(f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::All | Node::And(_) | Node::Or(_) => f.write_char('*'),
        Node::Not(inner) => {
            f.write_char('-')?;
            write_node(f, inner, Level::Not)
        }
        Node::Text(Scope::Anywhere | Scope::Shown(_), glob) => write_text(f, glob, is_plain_word),
        Node::Text(Scope::Message, glob) => {
            f.write_str("message:")?;
            write_text(f, glob, is_plain_value)
        }
        Node::Severity(set) => write_severities(f, *set),
        Node::Facility(set) => write_facilities(f, *set),
        Node::Time(clock, range) => write_time(f, *clock, range),
        Node::Field(field, test) => write_test(f, field, test),
    }
}

fn write_test(f: &mut fmt::Formatter<'_>, field: &Field, test: &Test) -> fmt::Result {
    write!(f, "{field}:")?;
    match test {
        Test::Equals(value) => write_value(f, value.text()),
        Test::Range(range) => write_range(f, range),
        Test::Network(network) => write!(f, "{network}"),
        Test::Glob(glob) => write_text(f, glob, is_plain_value),
        Test::Regex(pattern) => {
            f.write_char('/')?;
            write_regex(f, pattern.source())?;
            f.write_char('/')
        }
        Test::Exists => f.write_char('*'),
    }
}

/// With its slashes escaped again. A slash after a backslash has its escape already
/// (`\\` is two characters of the expression and protects nothing).
fn write_regex(f: &mut fmt::Formatter<'_>, source: &str) -> fmt::Result {
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '/' => f.write_str("\\/")?,
            '\\' => {
                f.write_char('\\')?;
                match chars.next() {
                    Some(next) => f.write_char(next)?,
                    None => break,
                }
            }
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

/// Words and phrases in quotes unless `plain`; with stars, piece by piece with escapes.
fn write_text(f: &mut fmt::Formatter<'_>, glob: &Glob, plain: fn(&str) -> bool) -> fmt::Result {
    let (open_start, open_end) = (glob.open_start(), glob.open_end());
    if let [one] = glob.pieces() {
        let bare = if open_start { is_plain_piece(one) } else { plain(one) };
        if open_start {
            f.write_char('*')?;
        }
        if bare {
            f.write_str(one)?
        } else {
            write_quoted(f, one)?
        }
        if open_end {
            f.write_char('*')?;
        }
        return Ok(());
    }
    for (i, piece) in glob.pieces().iter().enumerate() {
        if i > 0 || open_start {
            f.write_char('*')?;
        }
        for (at, c) in piece.char_indices() {
            let first = i == 0 && at == 0 && !open_start;
            let safe =
                c.is_alphanumeric() || c == '_' || (!first && matches!(c, '.' | ',' | '-' | '/' | '='));
            if !safe {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
    }
    if open_end {
        f.write_char('*')?;
    }
    Ok(())
}

fn write_value(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let network = text.split_once('/').is_some_and(|(address, _)| parse_ip(address).is_some());
    if is_plain_value(text) && !network { f.write_str(text) } else { write_quoted(f, text) }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// No character that ends a word, is a star or an escape.
fn is_plain_piece(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '(' | ')' | '*' | '\\'))
}

/// A word that is read as this word and nothing else.
fn is_plain_word(text: &str) -> bool {
    is_plain_piece(text)
        && !text.starts_with(['-', '!'])
        && !text.contains(':')
        && !matches!(text, "and" | "or" | "not" | "&&" | "||")
}

/// A value after a colon that is read as this value and nothing else.
fn is_plain_value(text: &str) -> bool {
    is_plain_piece(text) && !text.starts_with(['[', '{', '<', '>', '=', '!', '/', ':'])
}

fn write_range(f: &mut fmt::Formatter<'_>, range: &Range) -> fmt::Result {
    match (&range.low, &range.high) {
        (Bound::Included(v), Bound::Unbounded) => write_compared(f, ">=", v),
        (Bound::Excluded(v), Bound::Unbounded) => write_compared(f, ">", v),
        (Bound::Unbounded, Bound::Included(v)) => write_compared(f, "<=", v),
        (Bound::Unbounded, Bound::Excluded(v)) => write_compared(f, "<", v),
        (low, high) => {
            f.write_char(if matches!(low, Bound::Excluded(_)) { '{' } else { '[' })?;
            write_bound(f, low)?;
            f.write_str(" TO ")?;
            write_bound(f, high)?;
            f.write_char(if matches!(high, Bound::Excluded(_)) { '}' } else { ']' })
        }
    }
}

fn write_bound(f: &mut fmt::Formatter<'_>, bound: &Bound<Value>) -> fmt::Result {
    match bound {
        Bound::Unbounded => f.write_char('*'),
        Bound::Included(v) | Bound::Excluded(v) => write_limit(f, v.text()),
    }
}

fn write_compared(f: &mut fmt::Formatter<'_>, sign: &str, value: &Value) -> fmt::Result {
    f.write_str(sign)?;
    write_limit(f, value.text())
}

fn write_limit(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let safe = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '+');
    let plain = !text.is_empty() && text.chars().all(safe) && text != "to";
    if plain { f.write_str(text) } else { write_quoted(f, text) }
}

fn write_time(f: &mut fmt::Formatter<'_>, clock: Clock, range: &TimeRange) -> fmt::Result {
    f.write_str(match clock {
        Clock::Generated => "_time:",
        Clock::Reported => "timereported:",
    })?;
    match (range.from, range.until) {
        (Some(from), Some(until)) => write!(f, "[{from} TO {until}}}"),
        (Some(from), None) => write!(f, ">={from}"),
        (None, Some(until)) => write!(f, "<{until}"),
        (None, None) => f.write_char('*'),
    }
}

fn write_severities(f: &mut fmt::Formatter<'_>, set: SeveritySet) -> fmt::Result {
    let bits = set.bits();
    f.write_str("severity:")?;
    // From the gravest down without a gap.
    if bits != 1 && bits & bits.wrapping_add(1) == 0 && bits != 0 {
        let least = Severity::ALL.into_iter().rfind(|s| set.contains(*s)).unwrap_or_default();
        return write!(f, ">={least}");
    }
    write_names(
        f,
        Severity::ALL.into_iter().filter(|s| set.contains(*s)).map(Severity::keyword),
        "{err TO err}",
    )
}

fn write_facilities(f: &mut fmt::Formatter<'_>, set: FacilitySet) -> fmt::Result {
    f.write_str("facility:")?;
    let all = (0..=Facility::MAX_CODE).filter_map(Facility::from_code);
    write_names(f, all.filter(|f| set.contains(*f)).map(Facility::keyword), "{kern TO kern}")
}

/// One name, or several in parentheses, or `none`.
fn write_names(
    f: &mut fmt::Formatter<'_>,
    names: impl Iterator<Item = &'static str>,
    none: &str,
) -> fmt::Result {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [] => f.write_str(none),
        [one] => f.write_str(one),
        several => write!(f, "({})", several.join(" OR ")),
    }
}
