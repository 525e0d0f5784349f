//! From Oniguruma's dialect to PCRE2's, and the fields of the named groups.
//!
//! What differs: `\h` is a hexadecimal digit, `(?m)` lets the dot match a line end (here it
//! always does), names of groups may hold anything, and beside named groups the plain ones
//! capture nothing. Everything else is passed on; PCRE2 says what it does not understand.

use super::expand::{MARK, Semantic};
use super::{GrokError, Kind};

/// An expression for PCRE2.
#[derive(Clone, Debug)]
pub(super) struct Translated {
    pub pattern: String,
    /// Group number, number of the field, type; in the order of the groups.
    pub groups: Vec<(usize, usize, Kind)>,
    /// Names of fields.
    pub fields: Vec<String>,
    /// There are references to groups: the guard cannot be used.
    pub refers: bool,
}

pub(super) fn translate(text: &str, semantics: &[Semantic]) -> Result<Translated, GrokError> {
    let refers_by_number = refers_by_number(text);
    let mut state = Translator {
        chars: text.chars().collect(),
        at: 0,
        semantics,
        keep_plain: refers_by_number,
        out: Translated {
            pattern: String::with_capacity(text.len()),
            groups: Vec::new(),
            fields: Vec::new(),
            refers: refers_by_number,
        },
        count: 0,
        names: Vec::new(),
        later: Vec::new(),
    };
    state.run()?;
    state.finish()
}

/// `\1` … `\9` outside of classes, as far as a quick look can tell.
fn refers_by_number(text: &str) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        if escaped && ('1'..='9').contains(&c) {
            return true;
        }
        escaped = c == '\\' && !escaped;
    }
    false
}

struct Translator<'s> {
    chars: Vec<char>,
    at: usize,
    semantics: &'s [Semantic],
    keep_plain: bool,
    out: Translated,
    /// Capturing groups so far.
    count: usize,
    /// Name as it is written, and its group.
    names: Vec<(String, usize)>,
    /// Places in the output where the number of a named group goes.
    later: Vec<(usize, String)>,
}

impl Translator<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c))
    }

    fn take(&mut self, n: usize) {
        for _ in 0..n {
            if let Some(c) = self.peek(0) {
                self.out.pattern.push(c);
                self.at += 1;
            }
        }
    }

    fn run(&mut self) -> Result<(), GrokError> {
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.escape(),
                '[' => self.class(),
                '(' => self.group()?,
                c if !c.is_ascii() => {
                    // Its bytes, so that the whole can be matched as bytes, which is faster.
                    self.out.pattern.push_str("(?:");
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        self.out.pattern.push_str(&format!("\\x{byte:02X}"));
                    }
                    self.out.pattern.push(')');
                    self.at += 1;
                }
                _ => self.take(1),
            }
        }
        Ok(())
    }

    fn escape(&mut self) {
        match self.peek(1) {
            Some('h') => {
                self.out.pattern.push_str("[0-9A-Fa-f]");
                self.at += 2;
            }
            Some('H') => {
                self.out.pattern.push_str("[^0-9A-Fa-f]");
                self.at += 2;
            }
            Some(kind @ ('k' | 'g')) if self.peek(2) == Some('<') => {
                let name: String = self.chars.iter().skip(self.at + 3).take_while(|c| **c != '>').collect();
                self.at += 4 + name.chars().count();
                self.out.refers = true;
                self.out.pattern.push_str(if kind == 'k' { "\\g{" } else { "(?" });
                self.later.push((self.out.pattern.len(), name));
                self.out.pattern.push(if kind == 'k' { '}' } else { ')' });
            }
            _ => self.take(2),
        }
    }

    fn class(&mut self) {
        self.take(1);
        if self.peek(0) == Some('^') {
            self.take(1);
        }
        // The first bracket is meant.
        if self.peek(0) == Some(']') {
            self.out.pattern.push_str("\\]");
            self.at += 1;
        }
        while let Some(c) = self.peek(0) {
            match c {
                ']' => return self.take(1),
                '[' if self.peek(1) == Some(':') => {
                    let length = self.chars.iter().skip(self.at + 2).position(|c| *c == ']').unwrap_or(0) + 3;
                    self.take(length);
                }
                '[' => {
                    self.out.pattern.push_str("\\[");
                    self.at += 1;
                }
                '\\' if self.peek(1) == Some('h') => {
                    self.out.pattern.push_str("0-9A-Fa-f");
                    self.at += 2;
                }
                '\\' => self.take(2),
                _ => self.take(1),
            }
        }
    }

    fn group(&mut self) -> Result<(), GrokError> {
        if self.starts("(?#") {
            while let Some(c) = self.peek(0) {
                self.at += 1;
                if c == ')' {
                    break;
                }
            }
            return Ok(());
        }
        let named = (self.starts("(?<") || self.starts("(?'")) && !matches!(self.peek(3), Some('=' | '!'));
        let named = named || self.starts("(?P<");
        if named {
            self.at += if self.starts("(?P<") { 4 } else { 3 };
            let name: String = self
                .chars
                .iter()
                .skip(self.at)
                .take_while(|c| !matches!(c, '>' | '\'' | '(' | ')'))
                .collect();
            self.at += name.chars().count() + 1;
            if name.is_empty() {
                return Err(GrokError::Syntax("a group has an empty name".to_owned()));
            }
            self.count += 1;
            let (field, kind) =
                match name.strip_prefix(MARK).and_then(|n| self.semantics.get(n.parse::<usize>().ok()?)) {
                    Some(semantic) => (semantic.field.clone(), semantic.kind),
                    None => {
                        self.names.push((name.clone(), self.count));
                        (name, Kind::Text)
                    }
                };
            let field = field_name(&field);
            let index = self.out.fields.iter().position(|f| *f == field).unwrap_or_else(|| {
                self.out.fields.push(field);
                self.out.fields.len() - 1
            });
            self.out.groups.push((self.count, index, kind));
            self.out.pattern.push('(');
            return Ok(());
        }
        if self.peek(1) == Some('?') || self.peek(1) == Some('*') {
            // Ruby's `m` is the dot that matches line ends: that is always on.
            let flags: String = self
                .chars
                .iter()
                .skip(self.at + 2)
                .take_while(|c| matches!(c, 'i' | 'm' | 'x' | '-'))
                .collect();
            let end = self.peek(2 + flags.chars().count());
            if !flags.is_empty() && matches!(end, Some(')' | ':')) {
                let flags: String = flags.chars().filter(|c| *c != 'm').collect();
                let flags = flags.trim_end_matches('-');
                self.at = self.at
                    + 2
                    + self.chars.iter().skip(self.at + 2).position(|c| matches!(c, ')' | ':')).unwrap_or(0)
                    + 1;
                match (flags.is_empty(), end) {
                    (true, Some(':')) => self.out.pattern.push_str("(?:"),
                    (true, _) => {}
                    (false, end) => self.out.pattern.push_str(&format!("(?{flags}{}", end.unwrap_or(')'))),
                }
                return Ok(());
            }
            self.take(2);
            return Ok(());
        }
        self.at += 1;
        if self.keep_plain {
            self.count += 1;
            self.out.pattern.push('(');
        } else {
            self.out.pattern.push_str("(?:");
        }
        Ok(())
    }

    /// Puts in the numbers of groups that were referred to.
    fn finish(mut self) -> Result<Translated, GrokError> {
        for (at, name) in self.later.into_iter().rev() {
            let number = self.names.iter().find(|(n, _)| *n == name).map(|(_, number)| *number);
            let Some(number) = number else {
                return Err(GrokError::Syntax(format!("no group is called `{name}`")));
            };
            self.out.pattern.insert_str(at, &number.to_string());
        }
        Ok(self.out)
    }
}

/// `[source][ip]` is `source.ip`.
fn field_name(written: &str) -> String {
    if !written.contains('[') {
        return written.to_owned();
    }
    let parts: Vec<&str> = written.split(['[', ']']).filter(|p| !p.is_empty()).collect();
    parts.join(".")
}
