//! Reads the text of an expression into the tree.
//!
//! Everything that Ruby's Oniguruma takes is read, except the absence operator `(?~…)`, which no
//! other engine has. A text that cannot be read gives an error that says why; an unknown escape
//! stands for the character itself, as in Ruby.

use super::class::Class;
use super::{Assert, Expression, Greed, Group, MAX_GROUP_DEPTH, Name, Node, Reference};
use crate::grok::expand::{MARK, Semantic};
use crate::grok::{GrokError, Kind};

mod sets;

type Result<T> = std::result::Result<T, GrokError>;

/// Reads an expression in which all names are replaced.
pub(crate) fn parse(text: &str, semantics: &[Semantic]) -> Result<Expression> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
        semantics,
        groups: Vec::new(),
        depth: 0,
        flags: Flags { dot_line_end: true, extended: false, charset: Charset::Mixed },
        numbered: false,
        referred: Vec::new(),
    };
    let root = parser.alternatives()?;
    if parser.peek().is_some() {
        return Err(parser.error("a `)` has no `(`"));
    }
    let expression = Expression { root, groups: parser.groups, plain_groups_capture: parser.numbered };
    for reference in &parser.referred {
        if expression.referred(reference).is_empty() {
            return Err(GrokError::Syntax(match reference {
                Reference::Name(name) => format!("no group is called `{name}`"),
                Reference::Number(number) => format!("there is no group number {number}"),
            }));
        }
    }
    Ok(expression)
}

/// Whether classes such as `\w` are those of ASCII or of Unicode.
#[derive(Clone, Copy, PartialEq)]
enum Charset {
    /// `\w` of ASCII, `[:alpha:]` of Unicode: Ruby's default.
    Mixed,
    /// `(?a)`
    Ascii,
    /// `(?u)`
    Unicode,
}

#[derive(Clone, Copy)]
struct Flags {
    dot_line_end: bool,
    extended: bool,
    charset: Charset,
}

struct Parser<'s> {
    chars: Vec<char>,
    at: usize,
    semantics: &'s [Semantic],
    groups: Vec<Group>,
    depth: usize,
    flags: Flags,
    numbered: bool,
    referred: Vec<Reference>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.peek_at(i) == Some(c))
    }

    /// Steps over `text` if it stands here.
    fn eat(&mut self, text: &str) -> bool {
        let there = self.starts(text);
        if there {
            self.at += text.chars().count();
        }
        there
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    /// An error that says what is wrong and shows the text around the place.
    fn error(&self, what: &str) -> GrokError {
        const AROUND: usize = 24;
        let from = self.at.saturating_sub(AROUND);
        let near: String = self.chars.iter().skip(from).take(self.at - from + 1).collect();
        let near = near.replace(MARK, "");
        GrokError::Syntax(format!("this expression cannot be used: {what}, near `{near}`"))
    }

    /// Reads alternatives up to the end of the group that is open.
    fn alternatives(&mut self) -> Result<Node> {
        let flags = self.flags;
        let mut all = vec![self.sequence()?];
        while self.eat("|") {
            all.push(self.sequence()?);
        }
        self.flags = flags;
        Ok(if all.len() == 1 { all.pop().unwrap_or(Node::Empty) } else { Node::Alternate(all) })
    }

    fn sequence(&mut self) -> Result<Node> {
        let mut all = Vec::new();
        loop {
            self.skip_white();
            match self.peek() {
                None | Some('|' | ')') => break,
                Some(_) => {}
            }
            let node = self.atom()?;
            let node = self.quantified(node)?;
            if node != Node::Empty {
                all.push(node);
            }
        }
        Ok(match all.len() {
            0 => Node::Empty,
            1 => all.pop().unwrap_or(Node::Empty),
            _ => Node::Concat(all),
        })
    }

    /// Skips white space and comments, which mean nothing in `(?x)`.
    fn skip_white(&mut self) {
        while self.flags.extended {
            match self.peek() {
                Some(c) if c.is_ascii_whitespace() => self.at += 1,
                Some('#') => while self.next().is_some_and(|c| c != '\n') {},
                _ => break,
            }
        }
    }

    fn quantified(&mut self, mut node: Node) -> Result<Node> {
        loop {
            self.skip_white();
            let (min, max, counted) = match self.peek() {
                Some('*') => (0, None, false),
                Some('+') => (1, None, false),
                Some('?') => (0, Some(1), false),
                Some('{') => match self.interval()? {
                    Some((min, max)) => (min, max, true),
                    None => return Ok(node),
                },
                _ => return Ok(node),
            };
            self.at += usize::from(!counted);
            // Behind a count, `+` repeats again, and `?` behind a single number makes optional.
            let exact = counted && max == Some(min);
            let greed = match self.peek() {
                Some('?') if !exact => Greed::Lazy,
                Some('+') if !counted => Greed::Possessive,
                _ => Greed::Greedy,
            };
            self.at += usize::from(greed != Greed::Greedy);
            node = Node::Repeat { node: Box::new(node), min, max, greed };
        }
    }

    /// `{2}`, `{2,}`, `{,3}`, `{2,3}`; anything else is a brace.
    fn interval(&mut self) -> Result<Option<(u32, Option<u32>)>> {
        let inner: String = self.chars.iter().skip(self.at + 1).take_while(|c| **c != '}').take(16).collect();
        let end = self.at + 1 + inner.chars().count();
        if self.chars.get(end) != Some(&'}') {
            return Ok(None);
        }
        let (from, to) = inner.split_once(',').map_or((inner.as_str(), None), |(a, b)| (a, Some(b)));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !digits(from) || !to.is_none_or(digits) || from.is_empty() && to.is_none_or(str::is_empty) {
            return Ok(None);
        }
        let number = |text: &str| match text.parse::<u32>() {
            Ok(number) if number <= u32::from(u16::MAX) => Ok(number),
            _ => Err(self.error(&format!("more than {} repetitions", u16::MAX))),
        };
        let min = if from.is_empty() { 0 } else { number(from)? };
        let max = match to {
            None => Some(min),
            Some("") => None,
            Some(to) => Some(number(to)?),
        };
        if max.is_some_and(|max| max < min) {
            return Err(self.error("a count that ends before it begins"));
        }
        self.at = end + 1;
        Ok(Some((min, max)))
    }

    fn atom(&mut self) -> Result<Node> {
        match self.next() {
            Some('.') if self.flags.dot_line_end => Ok(Node::Any),
            Some('.') => Ok(Node::NotLineEnd),
            Some('^') => Ok(Node::Assert(Assert::LineStart)),
            Some('$') => Ok(Node::Assert(Assert::LineEnd)),
            Some('[') => Ok(Node::Class(self.class()?)),
            Some('(') => self.group(),
            Some('\\') => self.escape(),
            Some('*' | '+' | '?') => {
                self.at -= 1;
                Err(self.error("there is nothing to repeat"))
            }
            Some(c) => Ok(Node::Char(c)),
            None => Ok(Node::Empty),
        }
    }

    fn escape(&mut self) -> Result<Node> {
        let Some(c) = self.peek() else { return Err(self.error("a backslash at the end")) };
        let assert = match c {
            'A' => Some(Assert::TextStart),
            'z' => Some(Assert::TextEnd),
            'Z' => Some(Assert::TextEndLine),
            'b' => Some(Assert::Word),
            'B' => Some(Assert::NotWord),
            'G' => Some(Assert::SearchStart),
            _ => None,
        };
        if let Some(assert) = assert {
            self.at += 1;
            return Ok(Node::Assert(assert));
        }
        let simple = match c {
            'R' => Some(Node::LineBreak),
            'X' => Some(Node::Grapheme),
            'K' => Some(Node::Keep),
            _ => None,
        };
        if let Some(node) = simple {
            self.at += 1;
            return Ok(node);
        }
        if let Some(item) = self.class_escape()? {
            return Ok(Node::Class(Class::one(item)));
        }
        if matches!(c, 'k' | 'g') && matches!(self.peek_at(1), Some('<' | '\'')) {
            self.at += 1;
            let close = if self.next() == Some('<') { '>' } else { '\'' };
            let name = self.name(close)?;
            if c == 'g' && name == "0" {
                return Ok(Node::Call(None));
            }
            let reference = self.reference(&name);
            return Ok(if c == 'k' { Node::Back(reference) } else { Node::Call(Some(reference)) });
        }
        if let Some(number) = self.back_number() {
            let reference = self.reference(&number.to_string());
            return Ok(Node::Back(reference));
        }
        Ok(Node::Char(self.escaped_char()?))
    }

    /// `\1`, and `\12` where there are so many groups; otherwise it is a character in octal.
    fn back_number(&mut self) -> Option<usize> {
        let digits: String =
            self.chars.iter().skip(self.at).take_while(|c| c.is_ascii_digit()).take(3).collect();
        if digits.is_empty() || digits.starts_with('0') {
            return None;
        }
        let number: usize = digits.parse().ok()?;
        if digits.len() > 1 && number > self.groups.len() {
            if digits.bytes().all(|b| b < b'8') {
                return None;
            }
            let first = digits.chars().next()?;
            self.at += 1;
            return first.to_digit(10).map(|d| d as usize);
        }
        self.at += digits.len();
        Some(number)
    }

    fn reference(&mut self, name: &str) -> Reference {
        let number = match name.strip_prefix('-').map(str::parse::<usize>) {
            Some(Ok(back)) => (self.groups.len() + 1).checked_sub(back).filter(|n| *n > 0),
            _ => name.parse().ok(),
        };
        self.numbered |= number.is_some();
        let reference = number.map_or_else(|| Reference::Name(name.to_owned()), Reference::Number);
        self.referred.push(reference.clone());
        reference
    }

    /// The name of a group up to its end, which is stepped over.
    fn name(&mut self, close: char) -> Result<String> {
        let name: String =
            self.chars.iter().skip(self.at).take_while(|c| **c != close && **c != ')').collect();
        self.at += name.chars().count();
        if name.is_empty() {
            return Err(self.error("a group has an empty name"));
        }
        if self.next() != Some(close) {
            return Err(self.error(&format!("the name of a group does not end with `{close}`")));
        }
        Ok(name)
    }

    fn group(&mut self) -> Result<Node> {
        if self.eat("?#") {
            while let Some(c) = self.next() {
                match c {
                    ')' => return Ok(Node::Empty),
                    '\\' => self.at += 1,
                    _ => {}
                }
            }
            return Err(self.error("a comment is not closed"));
        }
        for (start, ahead, negated) in
            [("?=", true, false), ("?!", true, true), ("?<=", false, false), ("?<!", false, true)]
        {
            if self.eat(start) {
                let node = Box::new(self.inside()?);
                return Ok(Node::Look { ahead, negated, node });
            }
        }
        if self.eat("?:") {
            return self.inside();
        }
        if self.eat("?>") {
            return Ok(Node::Atomic(Box::new(self.inside()?)));
        }
        if self.eat("?~") {
            return Err(self.error("the absence operator `(?~…)` is not known here"));
        }
        if self.eat("?(") {
            return self.conditional();
        }
        for (start, close) in [("?<", '>'), ("?P<", '>'), ("?'", '\'')] {
            if self.eat(start) {
                let name = self.name(close)?;
                return self.captured(Some(self.named(name)));
            }
        }
        if self.eat("?") {
            return self.flagged();
        }
        if self.starts("*") {
            return Err(self.error("there is nothing to repeat"));
        }
        self.captured(None)
    }

    fn captured(&mut self, name: Option<Name>) -> Result<Node> {
        let number = self.groups.len();
        self.groups.push(Group { name });
        let node = Box::new(self.inside()?);
        Ok(Node::Group(number, node))
    }

    /// What a written name means: one of `%{…:field}`, or its own.
    fn named(&self, written: String) -> Name {
        let number = written.strip_prefix(MARK).and_then(|n| n.parse::<usize>().ok());
        if let Some(semantic) = number.and_then(|n| self.semantics.get(n)) {
            return Name::Field(field_name(&semantic.field), semantic.kind);
        }
        match written.rsplit_once(':') {
            Some((field, kind)) if matches!(kind, "int" | "float") && !field.is_empty() => {
                Name::Inline(written.clone(), field_name(field), Kind::from_word(kind))
            }
            _ => Name::Inline(written.clone(), field_name(&written), Kind::Text),
        }
    }

    /// Reads the content of a group and its closing parenthesis.
    fn inside(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > MAX_GROUP_DEPTH {
            return Err(GrokError::TooLarge);
        }
        let node = self.alternatives()?;
        self.depth -= 1;
        if self.next() != Some(')') {
            return Err(self.error("a `(` is not closed"));
        }
        Ok(node)
    }

    fn conditional(&mut self) -> Result<Node> {
        let close = match self.peek() {
            Some('<') => '>',
            Some('\'') => '\'',
            _ => ')',
        };
        self.at += usize::from(close != ')');
        let name = self.name(close)?;
        if close != ')' && !self.eat(")") {
            return Err(self.error("a condition does not end with `)`"));
        }
        let group = self.reference(&name);
        let (yes, no) = match self.inside()? {
            Node::Alternate(mut parts) if parts.len() == 2 => {
                let no = parts.pop().unwrap_or(Node::Empty);
                (parts.pop().unwrap_or(Node::Empty), no)
            }
            Node::Alternate(_) => return Err(self.error("a condition has more than two branches")),
            yes => (yes, Node::Empty),
        };
        Ok(Node::If { group, yes: Box::new(yes), no: Box::new(no) })
    }

    /// `(?i-m:…)`, or `(?i)` for the rest of the group: its alternatives too.
    fn flagged(&mut self) -> Result<Node> {
        let before = self.flags;
        let (mut on, mut case) = (true, None);
        loop {
            match self.next() {
                Some('-') => on = false,
                Some('i') => case = Some(on),
                Some('m') => self.flags.dot_line_end = on,
                Some('x') => self.flags.extended = on,
                Some('a') if on => self.flags.charset = Charset::Ascii,
                Some('d') if on => self.flags.charset = Charset::Mixed,
                Some('u') if on => self.flags.charset = Charset::Unicode,
                Some(c @ (':' | ')')) => {
                    let node = if c == ':' { self.inside()? } else { self.alternatives()? };
                    self.flags = before;
                    return Ok(match case {
                        Some(ignore) => Node::IgnoreCase(ignore, Box::new(node)),
                        None => node,
                    });
                }
                _ => {
                    self.at -= 1;
                    return Err(self.error("an unknown kind of group"));
                }
            }
        }
    }

    /// A single character, behind its backslash.
    fn escaped_char(&mut self) -> Result<char> {
        let Some(c) = self.next() else { return Err(self.error("a backslash at the end")) };
        Ok(match c {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'x' if self.eat("{") => self.braced(8)?,
            'x' => self.number(2, 16).unwrap_or('x'),
            'u' if self.eat("{") => self.braced(8)?,
            'u' => self.number(4, 16).ok_or_else(|| self.error("`\\u` without four hexadecimal digits"))?,
            'c' => self.control()?,
            'C' if self.eat("-") => self.control()?,
            '0'..='7' => {
                self.at -= 1;
                self.number(3, 8).unwrap_or('\0')
            }
            c => c,
        })
    }

    fn control(&mut self) -> Result<char> {
        match self.next() {
            Some('?') => Ok('\u{7f}'),
            Some(c) if c.is_ascii() => Ok(char::from(c as u8 & 0x1f)),
            _ => Err(self.error("a control character without its letter")),
        }
    }

    fn braced(&mut self, most: usize) -> Result<char> {
        let c = self.number(most, 16);
        match c {
            Some(c) if self.eat("}") => Ok(c),
            _ => Err(self.error("a character's number does not end with `}`")),
        }
    }

    /// A character that is given by its number, of at most `most` digits.
    fn number(&mut self, most: usize, base: u32) -> Option<char> {
        let digits: String =
            self.chars.iter().skip(self.at).take(most).take_while(|c| c.is_digit(base)).collect();
        let c = u32::from_str_radix(&digits, base).ok().and_then(char::from_u32)?;
        self.at += digits.len();
        Some(c)
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
