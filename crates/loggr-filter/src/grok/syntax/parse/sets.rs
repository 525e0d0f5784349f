//! Sets of characters: what stands between brackets, and escapes that are a set.

use super::super::class::{Class, Item, Perl, Posix};
use super::{Charset, GrokError, MAX_GROUP_DEPTH, Parser, Result};

impl Parser<'_> {
    /// A set, behind its bracket.
    pub(super) fn class(&mut self) -> Result<Class> {
        self.depth += 1;
        if self.depth > MAX_GROUP_DEPTH {
            return Err(GrokError::TooLarge);
        }
        let negated = self.eat("^");
        let mut operands = vec![Vec::new()];
        let mut first = true;
        loop {
            let Some(c) = self.peek() else { return Err(self.error("a `[` is not closed")) };
            let item = match c {
                ']' if !first => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(Class { negated, operands });
                }
                '&' if self.eat("&&") => {
                    operands.push(Vec::new());
                    continue;
                }
                '[' => match self.posix()? {
                    Some(item) => item,
                    None => {
                        self.at += 1;
                        Item::Class(self.class()?)
                    }
                },
                _ => self.class_member()?,
            };
            first = false;
            if let Some(operand) = operands.last_mut() {
                operand.push(item);
            }
        }
    }

    /// `[:alpha:]`, `[:^alpha:]`; without its end the bracket is one of a set.
    pub(super) fn posix(&mut self) -> Result<Option<Item>> {
        if !self.starts("[:") {
            return Ok(None);
        }
        let inner: String = self.chars.iter().skip(self.at + 2).take_while(|c| **c != ':').take(8).collect();
        let length = inner.chars().count();
        if self.peek_at(length + 2) != Some(':') || self.peek_at(length + 3) != Some(']') {
            return Ok(None);
        }
        let (negated, name) = inner.strip_prefix('^').map_or((false, inner.as_str()), |n| (true, n));
        let Some(posix) = Posix::from_name(name) else {
            return Err(self.error(&format!("there is no set `[:{name}:]`")));
        };
        self.at += length + 4;
        Ok(Some(self.posix_item(posix, negated)))
    }

    /// A POSIX set as the flags have it.
    pub(super) fn posix_item(&self, posix: Posix, negated: bool) -> Item {
        if self.flags.charset != Charset::Ascii {
            return Item::Posix(posix, negated);
        }
        let of_ascii = vec![vec![Item::Posix(posix, false)], vec![Item::Posix(Posix::Ascii, false)]];
        Item::Class(Class { negated, operands: of_ascii })
    }

    /// One character, a range, or an escape that is a set.
    pub(super) fn class_member(&mut self) -> Result<Item> {
        let from = match self.next() {
            Some('\\') => match self.class_escape()? {
                Some(item) => return Ok(item),
                None => self.class_char()?,
            },
            Some(c) => c,
            None => return Err(self.error("a `[` is not closed")),
        };
        // A hyphen is a range only between two characters.
        let range = self.peek() == Some('-') && !matches!(self.peek_at(1), None | Some(']' | '['));
        if !range || self.peek_at(1) == Some('&') && self.peek_at(2) == Some('&') {
            return Ok(Item::Range(from, from));
        }
        let before = self.at;
        self.at += 1;
        let to = match self.next() {
            Some('\\') => match self.class_escape()? {
                Some(_) => {
                    self.at = before;
                    return Ok(Item::Range(from, from));
                }
                None => self.class_char()?,
            },
            Some(c) => c,
            None => return Err(self.error("a `[` is not closed")),
        };
        if to < from {
            return Err(self.error("a range that ends before it begins"));
        }
        Ok(Item::Range(from, to))
    }

    pub(super) fn class_char(&mut self) -> Result<char> {
        if self.eat("b") {
            return Ok('\u{8}');
        }
        self.escaped_char()
    }

    /// An escape that is a set of characters, behind its backslash.
    pub(super) fn class_escape(&mut self) -> Result<Option<Item>> {
        let Some(c) = self.peek() else { return Ok(None) };
        let perl = match c.to_ascii_lowercase() {
            'd' => Perl::Digit,
            'w' => Perl::Word,
            's' => Perl::Space,
            'h' => Perl::Hex,
            'p' if self.peek_at(1) == Some('{') => return self.property().map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        let negated = c.is_ascii_uppercase();
        let posix = match perl {
            Perl::Digit => Some(Posix::Digit),
            Perl::Word => Some(Posix::Word),
            Perl::Space => Some(Posix::Space),
            Perl::Hex => None,
        };
        Ok(Some(match posix.filter(|_| self.flags.charset == Charset::Unicode) {
            Some(posix) => Item::Posix(posix, negated),
            None if negated => Item::NotPerl(perl),
            None => Item::Perl(perl),
        }))
    }

    pub(super) fn property(&mut self) -> Result<Item> {
        let mut negated = self.peek() == Some('P');
        self.at += 2;
        negated ^= self.eat("^");
        let name: String = self.chars.iter().skip(self.at).take_while(|c| **c != '}').collect();
        let clean =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- &".contains(&b));
        if !clean || self.peek_at(name.len()) != Some('}') {
            return Err(self.error("`\\p{` without a name and `}`"));
        }
        self.at += name.len() + 1;
        let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
        Ok(match Posix::from_name(&plain) {
            Some(posix) => self.posix_item(posix, negated),
            None => Item::Property(plain, negated),
        })
    }
}
