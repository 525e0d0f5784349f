//! Writes regular expressions of the query language for PostgreSQL's engine.
//!
//! The parsed form is written anew, so that classes, anchors and cases mean the same there: every
//! character that could mean something is written as a number, every set as its ranges. Only
//! whether there is a match is asked; greed and captures do not matter.
//!
//! Invariant: the written expression matches the stored form of a text ([`super::text::encode`])
//! exactly when the original matches the text. `None` if that is not possible.

use std::fmt::Write;

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look, Repetition};

use super::text;

/// Repetitions that the server's engine takes as a number.
const MAX_BOUND: u32 = 255;
/// Longest expression that is sent.
const MAX_WRITTEN_BYTES: usize = 64 * 1024;
/// Characters of ASCII that belong to no token, in the text as stored and folded.
const NO_TOKEN: &str = "\\u0001-\\u002f\\u003a-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u007f";

/// The expression for the server.
pub(super) fn write(hir: &Hir) -> Option<String> {
    let mut out = String::new();
    Writer { out: &mut out }.node(hir)?;
    Some(out)
}

/// Pieces in a fixed order with anything between them; with bounds, not from the middle of a
/// token, nor into one. The pieces are folded; so must be what is searched.
pub(super) fn pieces<S: AsRef<str>>(pieces: &[S], bounded_start: bool, bounded_end: bool) -> String {
    let mut out = String::new();
    if bounded_start {
        write!(out, "(?:^|[{NO_TOKEN}])").expect("BUG: a string takes all");
    }
    for (at, piece) in pieces.iter().enumerate() {
        if at > 0 {
            out.push_str(".*");
        }
        text::encode(piece.as_ref()).chars().for_each(|c| character(&mut out, c));
    }
    if bounded_end {
        write!(out, "(?:$|[{NO_TOKEN}])").expect("BUG: a string takes all");
    }
    out
}

/// A character that stands for itself.
fn character(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        return out.push(c);
    }
    number(out, u32::from(c));
}

fn number(out: &mut String, c: u32) {
    let written = if c <= 0xffff { write!(out, "\\u{c:04x}") } else { write!(out, "\\U{c:08x}") };
    written.expect("BUG: a string takes all");
}

struct Writer<'o> {
    out: &'o mut String,
}

impl Writer<'_> {
    fn node(&mut self, hir: &Hir) -> Option<()> {
        if self.out.len() > MAX_WRITTEN_BYTES {
            return None;
        }
        match hir.kind() {
            HirKind::Empty => self.out.push_str("(?:)"),
            HirKind::Literal(literal) => {
                let literal = std::str::from_utf8(&literal.0).ok()?;
                self.out.push_str("(?:");
                text::encode(literal).chars().for_each(|c| character(self.out, c));
                self.out.push(')');
            }
            HirKind::Class(class) => self.class(class)?,
            HirKind::Look(look) => self.look(*look),
            HirKind::Repetition(repetition) => self.repetition(repetition)?,
            HirKind::Capture(capture) => self.node(&capture.sub)?,
            HirKind::Concat(parts) => {
                self.out.push_str("(?:");
                parts.iter().try_for_each(|part| self.node(part))?;
                self.out.push(')');
            }
            HirKind::Alternation(parts) => {
                self.out.push_str("(?:");
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        self.out.push('|');
                    }
                    self.node(part)?;
                }
                self.out.push(')');
            }
        }
        Some(())
    }

    fn class(&mut self, class: &Class) -> Option<()> {
        let class = match class {
            Class::Unicode(class) => class.clone(),
            Class::Bytes(class) => class.to_unicode_class()?,
        };
        if class.ranges().is_empty() {
            // Nothing fits; the server has no such set.
            return None;
        }
        self.out.push_str("(?:");
        let mut alone = !self.bracket(&class);
        for (c, pair) in [('\0', [text::ESCAPE, text::FOR_NUL]), (text::ESCAPE, [text::ESCAPE; 2])] {
            if class.ranges().iter().any(|r| r.start() <= c && c <= r.end()) {
                if !std::mem::take(&mut alone) {
                    self.out.push('|');
                }
                pair.iter().for_each(|c| character(self.out, *c));
            }
        }
        self.out.push(')');
        Some(())
    }

    /// The set without the two characters that are stored as pairs; false where nothing is left.
    fn bracket(&mut self, class: &ClassUnicode) -> bool {
        let mut parts = Vec::new();
        for range in class.ranges() {
            let (mut from, to) = (u32::from(range.start()), u32::from(range.end()));
            for hole in [0, u32::from(text::ESCAPE)] {
                if from <= hole && hole <= to {
                    if from < hole {
                        parts.push((from, hole - 1));
                    }
                    from = hole + 1;
                }
            }
            if from <= to {
                parts.push((from, to));
            }
        }
        if parts.is_empty() {
            return false;
        }
        self.out.push('[');
        for (from, to) in &parts {
            number(self.out, *from);
            if from < to {
                self.out.push('-');
                number(self.out, *to);
            }
        }
        self.out.push(']');
        true
    }

    fn look(&mut self, look: Look) {
        let plain_word = "[\\u0030-\\u0039\\u0041-\\u005a\\u005f\\u0061-\\u007a]";
        let text = match look {
            Look::Start => "\\A".to_owned(),
            Look::End => "\\Z".to_owned(),
            Look::StartLF => "(?:\\A|(?<=\\u000a))".to_owned(),
            Look::EndLF => "(?:\\Z|(?=\\u000a))".to_owned(),
            Look::StartCRLF => "(?:\\A|(?<=\\u000a)|(?<=\\u000d)(?!\\u000a))".to_owned(),
            Look::EndCRLF => "(?:\\Z|(?=\\u000d)|(?<!\\u000d)(?=\\u000a))".to_owned(),
            Look::WordAscii => boundary(plain_word),
            Look::WordAsciiNegate => no_boundary(plain_word),
            Look::WordStartAscii => format!("(?<!{plain_word})(?={plain_word})"),
            Look::WordEndAscii => format!("(?<={plain_word})(?!{plain_word})"),
            Look::WordStartHalfAscii => format!("(?<!{plain_word})"),
            Look::WordEndHalfAscii => format!("(?!{plain_word})"),
            Look::WordUnicode => boundary(&unicode_word()),
            Look::WordUnicodeNegate => no_boundary(&unicode_word()),
            Look::WordStartUnicode => {
                let word = unicode_word();
                format!("(?<!{word})(?={word})")
            }
            Look::WordEndUnicode => {
                let word = unicode_word();
                format!("(?<={word})(?!{word})")
            }
            Look::WordStartHalfUnicode => format!("(?<!{})", unicode_word()),
            Look::WordEndHalfUnicode => format!("(?!{})", unicode_word()),
        };
        self.out.push_str(&text);
    }

    fn repetition(&mut self, repetition: &Repetition) -> Option<()> {
        let (sub, min, max) = (&repetition.sub, repetition.min, repetition.max);
        if sub.properties().maximum_len() == Some(0) {
            // The server repeats nothing that has no length, and once is as good as often.
            return if min > 0 { self.node(sub) } else { Some(()) };
        }
        if max == Some(0) {
            return Some(());
        }
        let mut inner = String::new();
        Writer { out: &mut inner }.node(sub)?;
        let mut times = |quantifier: &str| {
            self.out.push_str("(?:");
            self.out.push_str(&inner);
            self.out.push(')');
            self.out.push_str(quantifier);
        };
        let mut must = min;
        while must > MAX_BOUND {
            times(&format!("{{{MAX_BOUND}}}"));
            must -= MAX_BOUND;
        }
        match max {
            None => match must {
                0 => times("*"),
                1 => times("+"),
                must => times(&format!("{{{must},}}")),
            },
            Some(max) => {
                if must > 0 {
                    times(&format!("{{{must}}}"));
                }
                let mut may = max.saturating_sub(min);
                while may > 0 {
                    let part = may.min(MAX_BOUND);
                    times(&format!("{{0,{part}}}"));
                    may -= part;
                }
            }
        }
        (self.out.len() <= MAX_WRITTEN_BYTES).then_some(())
    }
}

fn boundary(word: &str) -> String {
    format!("(?:(?<!{word})(?={word})|(?<={word})(?!{word}))")
}

fn no_boundary(word: &str) -> String {
    format!("(?:(?<!{word})(?!{word})|(?<={word})(?={word}))")
}

/// What `\w` means: letters, marks, digits and connectors of all scripts. The server's own set
/// depends on the database's locale.
fn unicode_word() -> String {
    let mut out = String::new();
    let word = regex_syntax::parse("\\w").expect("BUG: the set of word characters has a name");
    if let HirKind::Class(Class::Unicode(class)) = word.kind() {
        Writer { out: &mut out }.bracket(class);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Node, Test, parse};

    #[track_caller]
    fn check(source: &str, expect: &str) {
        let query = parse(&format!("f:/{source}/")).unwrap();
        let Node::Field(_, Test::Regex(pattern)) = query.root() else { panic!("no expression") };
        assert_eq!(write(pattern.hir()).as_deref(), Some(expect), "{source}");
    }

    #[test]
    fn expressions_are_written_in_numbers() {
        check("(?-i)abc", "(?:abc)");
        check("a", "(?:[\\u0041\\u0061])");
        check("(?-i)a|b", "(?:[\\u0061-\\u0062])");
        check("^1\\.2$", "(?:\\A(?:1\\u002e2)\\Z)");
        check("(?-i)x{3}", "(?:(?:x)){3}");
        check("(?-i)x{2,300}", "(?:(?:x)){2}(?:(?:x)){0,255}(?:(?:x)){0,43}");
        check("(?-i)x*?y+", "(?:(?:(?:x))*(?:(?:y))+)");
        check(
            "(?-i)[^x]",
            "(?:[\\u0001-\\u000f\\u0011-\\u0077\\u0079-\\U0010ffff]|\\u0010\\u0001|\\u0010\\u0010)",
        );
        check("\\x00", "(?:\\u0010\\u0001)");
        check("\\x10", "(?:\\u0010\\u0010)");
        check("日本", "(?:日本)");
        check("(?-i)(?:\\b)*a", "(?:(?:a))");
    }

    #[test]
    fn pieces_on_token_bounds() {
        assert_eq!(pieces(&["a b"], false, false), "a\\u0020b");
        let bounded = pieces(&["conn", "fused"], true, true);
        assert_eq!(bounded, format!("(?:^|[{NO_TOKEN}])conn.*fused(?:$|[{NO_TOKEN}])"));
    }
}
