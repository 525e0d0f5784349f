//! Reads the text of a query into a tree, by recursive descent over the characters, with limits.
//!
//! [`super::operand`] reads what stands after a field's colon.
//!
//! Invariants: recursion only through [`Parser::nested`], which counts; every leaf goes
//! through [`Parser::leaf`], which counts; no input makes it panic.

use super::ast::{Glob, Node, Query, Scope};
use super::error::QueryError;
use super::field::{Field, in_name, starts_name};
use super::paint::{Kind, Part};
use super::{MAX_DEPTH, MAX_QUERY_BYTES, MAX_TERMS};

/// Where in the query a term stands.
#[derive(Clone, Copy)]
pub(super) enum Context<'c> {
    /// The query itself: a term is a word, or names a field.
    Query,
    /// The parentheses after a field's colon: a term is a value of the field.
    Group(&'c Field),
}

/// A word or quoted text with its stars, not folded yet.
pub(super) struct Raw {
    pub pieces: Vec<String>,
    pub open_start: bool,
    pub open_end: bool,
    pub quoted: bool,
    /// Where it begins.
    pub start: usize,
}

impl Raw {
    /// The text, if there is no star.
    pub fn exact(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            _ if self.open_start || self.open_end => None,
            [] => Some(""),
            [one] => Some(one),
            _ => None,
        }
    }
}

pub(super) struct Parser<'t> {
    pub text: &'t str,
    pub at: usize,
    depth: usize,
    terms: usize,
    pub regexes: usize,
    /// What was read so far, for colouring.
    parts: Vec<Part>,
}

enum Keyword {
    And,
    Or,
    Not,
}

/// Reads a query.
///
/// # Errors
/// What is wrong with the text, and where.
///
/// ```
/// let query = loggr_store::query::parse("host:web01 (timeout OR \"connection refused\")")?;
/// assert_eq!(query.to_string(), "source:web01 (timeout OR \"connection refused\")");
/// # Ok::<(), loggr_store::query::QueryError>(())
/// ```
pub fn parse(text: &str) -> Result<Query, QueryError> {
    if text.len() > MAX_QUERY_BYTES {
        let end = (0..=MAX_QUERY_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let message = format!("the query has {} bytes, more than {MAX_QUERY_BYTES}", text.len());
        return Err(QueryError::new(text, end, message));
    }
    read(text).0
}

/// The parts of a query in their order, none upon another; what lies between them is space. From a
/// mistake to the end of its word all is a mistake, and what is behind it is not told.
///
/// ```
/// use loggr_store::query::paint;
/// let told: Vec<_> = paint("host:web1 -x").iter().map(|p| (p.place.clone(), p.kind.word())).collect();
/// assert_eq!(told, [(0..5, "field"), (5..9, "word"), (10..11, "not"), (11..12, "word")]);
/// ```
pub fn paint(text: &str) -> Vec<Part> {
    parse_painted(text).1
}

/// What [`parse`] and [`paint`] give, read once.
pub fn parse_painted(text: &str) -> (Result<Query, QueryError>, Vec<Part>) {
    if text.len() > MAX_QUERY_BYTES {
        return (parse(text), Vec::new());
    }
    let (query, mut parts) = read(text);
    if let Err(error) = &query {
        let start = error.offset();
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(char::is_whitespace).filter(|end| *end > 0).unwrap_or(rest.len());
        parts.retain(|part| part.place.end <= start);
        if end > 0 {
            parts.push(Part { place: start..start + end, kind: Kind::Mistake });
        }
    }
    parts.retain(|part| !part.place.is_empty());
    (query, parts)
}

/// Reads a query that is not too long; with the parts that were read, up to the first mistake.
fn read(text: &str) -> (Result<Query, QueryError>, Vec<Part>) {
    let mut parser = Parser { text, at: 0, depth: 0, terms: 0, regexes: 0, parts: Vec::new() };
    let query = parser.query();
    (query, parser.parts)
}

impl<'t> Parser<'t> {
    fn query(&mut self) -> Result<Query, QueryError> {
        self.skip_space();
        if self.peek().is_none() {
            return Ok(Query::all());
        }
        let root = self.either(Context::Query)?;
        match self.peek() {
            None => Ok(Query { root }),
            Some(_) => Err(self
                .error(self.at, "this `)` closes nothing")
                .hint("to search for it, write \")\" in quotes")),
        }
    }

    /// `a OR b OR c`
    fn either(&mut self, context: Context<'_>) -> Result<Node, QueryError> {
        let mut parts = vec![self.all_of(context)?];
        while let Some((Keyword::Or, len)) = self.keyword() {
            let word = self.at;
            self.at += len;
            self.paint(word, Kind::Operator);
            self.skip_space();
            if self.at_end_of_group() {
                return Err(self.one_sided(word, len, self.at, "right"));
            }
            parts.push(self.all_of(context)?);
        }
        Ok(Node::or(parts))
    }

    /// `a b AND c`
    fn all_of(&mut self, context: Context<'_>) -> Result<Node, QueryError> {
        let mut parts = Vec::new();
        loop {
            self.skip_space();
            if self.at_end_of_group() {
                break;
            }
            match self.keyword() {
                Some((Keyword::Or, _)) if !parts.is_empty() => break,
                Some((Keyword::Or | Keyword::And, len)) if parts.is_empty() => {
                    return Err(self.one_sided(self.at, len, self.at, "left"));
                }
                Some((Keyword::And, len)) => {
                    let word = self.at;
                    self.at += len;
                    self.paint(word, Kind::Operator);
                    self.skip_space();
                    if self.at_end_of_group() {
                        return Err(self.one_sided(word, len, self.at, "right"));
                    }
                    if let Some((Keyword::And | Keyword::Or, _)) = self.keyword() {
                        return Err(self.one_sided(word, len, self.at, "right"));
                    }
                }
                _ => {}
            }
            parts.push(self.not(context)?);
        }
        if parts.is_empty() {
            return Err(self.error(self.at, "something to search for is missing here"));
        }
        Ok(Node::and(parts))
    }

    /// `NOT a`, `-a`, `!a`
    fn not(&mut self, context: Context<'_>) -> Result<Node, QueryError> {
        let mut negated = false;
        loop {
            let word = self.at;
            if let Some((Keyword::Not, len)) = self.keyword() {
                self.at += len;
                self.paint(word, Kind::Not);
                self.skip_space();
                match self.keyword() {
                    Some((Keyword::And | Keyword::Or, _)) => {
                        return Err(self.one_sided(word, len, self.at, "right"));
                    }
                    _ if self.at_end_of_group() => return Err(self.one_sided(word, len, self.at, "right")),
                    _ => {}
                }
            } else if matches!(self.peek(), Some('-' | '!')) {
                let sign = self.peek().unwrap_or('-');
                self.at += 1;
                self.paint(word, Kind::Not);
                if sign == '!' {
                    self.skip_space();
                }
                if self.at_end_of_group() || self.peek().is_some_and(char::is_whitespace) {
                    return Err(self
                        .error(word, format!("`{sign}` must stand directly before what it excludes"))
                        .hint(format!("to search for it, write \"{sign}\" in quotes")));
                }
            } else {
                break;
            }
            negated = !negated;
        }
        let node = self.primary(context)?;
        Ok(if negated { Node::negate(node) } else { node })
    }

    fn primary(&mut self, context: Context<'_>) -> Result<Node, QueryError> {
        match (self.peek(), context) {
            (Some('('), _) => self.nested(context),
            (_, Context::Query) => self.term(),
            (_, Context::Group(field)) => self.value(field, false),
        }
    }

    /// `( … )`, from its opening parenthesis.
    pub fn nested(&mut self, context: Context<'_>) -> Result<Node, QueryError> {
        let open = self.at;
        if self.depth == MAX_DEPTH {
            return Err(self.error(open, format!("parentheses are nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        self.at += 1;
        self.paint(open, Kind::Operator);
        self.skip_space();
        if self.peek() == Some(')') {
            return Err(self
                .error(open, "the parentheses are empty")
                .hint("to search for them, write \"()\" in quotes"));
        }
        let node = if self.peek().is_none() { None } else { Some(self.either(context)?) };
        match (node, self.peek()) {
            (Some(node), Some(')')) => {
                let close = self.at;
                self.at += 1;
                self.paint(close, Kind::Operator);
                self.depth -= 1;
                Ok(node)
            }
            _ => Err(self.error(open, "this `(` is not closed")),
        }
    }

    /// A word, a quoted text, or `name:value`.
    fn term(&mut self) -> Result<Node, QueryError> {
        let start = self.at;
        if let Some((name, after)) = self.field_name() {
            self.at = after;
            self.paint(start, Kind::Field);
            if self.at_end_of_group() || self.peek().is_some_and(char::is_whitespace) {
                let written = self.text.get(start..after).unwrap_or_default();
                return Err(self
                    .error(after, format!("`{written}` needs a value directly after the colon"))
                    .hint(format!("to search for the text, write \"{written}\" in quotes")));
            }
            return self.value(&Field::from_name(&name), true);
        }
        let raw = self.raw()?;
        self.leaf(start)?;
        let node = match Glob::new(&raw.pieces, raw.open_start, raw.open_end) {
            Some(glob) => Node::Text(Scope::Anywhere, glob),
            None => Node::All,
        };
        Ok(node)
    }

    /// The name before the next colon and the place after it, if what comes is a field.
    /// `10:30`, `std::io` and `http://x` are text.
    fn field_name(&self) -> Option<(String, usize)> {
        let rest = self.text.get(self.at..)?;
        let mut name = String::new();
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                ':' => {
                    let after = rest.get(at + 1..)?;
                    let path = after.starts_with(':') && !after.starts_with("::");
                    let url = after.starts_with("//");
                    return (!name.is_empty() && !path && !url).then_some((name, self.at + at + 1));
                }
                '\\' => match chars.next_if(|(_, c)| !c.is_alphanumeric()) {
                    Some((_, escaped)) => name.push(escaped),
                    None => return None,
                },
                c if name.is_empty() && !starts_name(c) => return None,
                c if in_name(c) => name.push(c),
                _ => return None,
            }
        }
        None
    }

    /// A word or a quoted text, with stars. The place must not be the end of a group.
    pub fn raw(&mut self) -> Result<Raw, QueryError> {
        let start = self.at;
        let mut raw = Raw { pieces: Vec::new(), open_start: false, open_end: false, quoted: false, start };
        while self.peek() == Some('*') {
            raw.open_start = true;
            self.at += 1;
        }
        if self.peek() == Some('"') {
            raw.quoted = true;
            let text = self.quoted()?;
            if !text.is_empty() {
                raw.pieces.push(text);
            }
            while self.peek() == Some('*') {
                raw.open_end = true;
                self.at += 1;
            }
            self.paint(start, Kind::Quoted);
            return Ok(raw);
        }
        let mut piece = String::new();
        while let Some(c) = self.peek() {
            match c {
                '"' | '(' | ')' => break,
                c if c.is_whitespace() => break,
                '*' => {
                    raw.open_end = true;
                    if !piece.is_empty() {
                        raw.pieces.push(std::mem::take(&mut piece));
                    }
                    self.at += 1;
                }
                _ => {
                    raw.open_end = false;
                    piece.push(self.character(c));
                }
            }
        }
        if !piece.is_empty() {
            raw.pieces.push(piece);
        }
        // Only stars: what was taken for the start is all there is.
        raw.open_end |= raw.pieces.is_empty() && raw.open_start;
        self.paint(start, Kind::of_word(self.text.get(start..self.at).unwrap_or_default()));
        Ok(raw)
    }

    /// One character of a word, or the one that a backslash protects. Before a letter
    /// or digit a backslash is itself, so that `CORP\john` needs no care.
    fn character(&mut self, c: char) -> char {
        self.at += c.len_utf8();
        if c == '\\'
            && let Some(next) = self.peek().filter(|next| !next.is_alphanumeric())
        {
            self.at += next.len_utf8();
            return next;
        }
        c
    }

    /// The text between quotes, from the opening one.
    pub fn quoted(&mut self) -> Result<String, QueryError> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            if c == '"' {
                self.at += 1;
                return Ok(text);
            }
            self.at += c.len_utf8();
            match self.peek() {
                Some(next @ ('"' | '\\')) if c == '\\' => {
                    self.at += 1;
                    text.push(next);
                }
                _ => text.push(c),
            }
        }
        Err(self.error(open, "this `\"` is not closed").hint("to search for a quote, write `\\\"`"))
    }

    /// `AND`, `OR`, `NOT` in any case, or `&&`, `||`, standing alone; with its length.
    fn keyword(&self) -> Option<(Keyword, usize)> {
        let rest = self.text.get(self.at..)?;
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"')).unwrap_or(rest.len());
        let word = rest.get(..end)?;
        let keyword = match word {
            _ if word.len() > 3 => return None,
            "&&" => Keyword::And,
            "||" => Keyword::Or,
            _ if word.eq_ignore_ascii_case("and") => Keyword::And,
            _ if word.eq_ignore_ascii_case("or") => Keyword::Or,
            _ if word.eq_ignore_ascii_case("not") => Keyword::Not,
            _ => return None,
        };
        Some((keyword, end))
    }

    fn one_sided(&self, word: usize, len: usize, at: usize, side: &str) -> QueryError {
        let written = self.text.get(word..word + len).unwrap_or_default();
        self.error(at, format!("`{written}` needs something on its {side}"))
            .hint(format!("to search for the word, write \"{written}\" in quotes"))
    }

    /// Notes what was read since `start`.
    pub fn paint(&mut self, start: usize, kind: Kind) {
        self.parts.push(Part { place: start..self.at, kind });
    }

    /// Counts a leaf of the tree.
    pub fn leaf(&mut self, start: usize) -> Result<(), QueryError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.error(start, format!("the query has more than {MAX_TERMS} terms")));
        }
        Ok(())
    }

    pub fn error(&self, at: usize, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, at, message)
    }

    pub fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn at_end_of_group(&self) -> bool {
        matches!(self.peek(), None | Some(')'))
    }

    pub fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }
}
