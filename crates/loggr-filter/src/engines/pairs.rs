//! Finds `name=value` pairs in a text: where each name and each value begins and ends.
//!
//! `kv` makes fields of the pairs. The text is read from left to right; words that belong to no
//! pair (`DF` in a firewall's line, prose) are skipped, but nothing of a value is: a quote or
//! bracket that is not closed before a separator does not count as one, and the value is the word.
//! A limit on how often a closing quote or bracket is looked for in vain keeps the work in
//! proportion to the text.

use std::ops::Range;

/// How often the end of a quote or bracket is looked for in vain in one text; after that quotes and
/// brackets count as ordinary characters.
const MAX_UNCLOSED: usize = 64;
/// Longest name in bytes that is looked for behind a value, to know that it ended.
const MAX_AHEAD_BYTES: usize = 256;
/// Brackets that values stand in.
const BRACKETS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('<', '>'), ('{', '}')];
/// What may stand between a closing quote and the next pair.
const PUNCTUATION: &[char] = &[',', ';', ')', ']', '}', '>', '/', '.', ':', '|', '!', '?'];
/// Characters behind a value in running text that do not belong to it.
const TRAILING: &[char] = &[',', ';'];
/// Brackets and commas that are removed from the end of one word, at most.
const MAX_TRAILING: usize = 8;
/// How far behind a possible closing quote a better one is looked for, in bytes.
const MAX_DOUBT_BYTES: usize = 4096;

/// A pair in a text.
#[derive(Debug, PartialEq)]
pub(super) struct Pair {
    pub name: Range<usize>,
    pub value: Range<usize>,
    /// What the value was quoted with.
    pub quote: Option<char>,
}

/// The characters that separate pairs, and those that separate a name from its value.
pub(super) struct Pairs {
    /// Empty means white space.
    pub field_split: Vec<char>,
    pub value_split: Vec<char>,
}

impl Pairs {
    /// Whether the character separates pairs. Control characters do as well, even if they are not
    /// white space: the audit daemon uses one.
    pub fn splits(&self, c: char) -> bool {
        match self.in_prose() {
            true => c.is_whitespace() || c.is_control(),
            false => self.field_split.contains(&c),
        }
    }

    fn divides(&self, c: char) -> bool {
        self.value_split.contains(&c)
    }

    /// Pairs stand among words.
    fn in_prose(&self) -> bool {
        self.field_split.is_empty()
    }

    /// May a text have a pair? Most have none.
    pub fn may_have(&self, text: &str) -> bool {
        match self.value_split.as_slice() {
            [one] if one.is_ascii() => memchr::memchr(*one as u8, text.as_bytes()).is_some(),
            several => text.contains(several),
        }
    }

    /// White space that does not separate pairs, and belongs to nothing at either end of a value.
    fn is_padding(&self, c: char) -> bool {
        c.is_whitespace() && !self.splits(c) && !self.divides(c)
    }

    /// A blank that may stand beside the character between name and value, although it may also
    /// separate pairs.
    fn is_blank(&self, c: char) -> bool {
        matches!(c, ' ' | '\t') && (c == ' ' || self.in_prose()) && !self.divides(c) || self.is_padding(c)
    }

    /// Whether a name and the character behind it begin here, so that the value before has ended.
    fn begins_pair(&self, text: &str, at: usize) -> bool {
        let rest = text.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return false };
        if !(first.is_alphabetic() || matches!(first, '_' | '@' | '"' | '\'' | '(' | '[' | '{' | '<')) {
            return false;
        }
        let end =
            rest.char_indices().find(|(i, c)| *i > MAX_AHEAD_BYTES || self.splits(*c) || self.divides(*c));
        match end {
            Some((i, c)) if self.splits(c) => {
                let next = skip(text, at + i, |c| self.is_blank(c));
                let mut behind = text.get(next..).unwrap_or_default().chars();
                behind.next().is_some_and(|c| self.divides(c)) && !behind.next().is_some_and(compares)
            }
            Some((_, c)) => self.divides(c),
            None => false,
        }
    }
}

/// `==`, `=>`, `=~`: no sign between a name and a value.
fn compares(c: char) -> bool {
    matches!(c, '=' | '>' | '~')
}

/// Reads the pairs of a text, one after another.
pub(super) struct Reader<'p, 't> {
    pairs: &'p Pairs,
    text: &'t str,
    at: usize,
    unclosed: usize,
}

impl<'p, 't> Reader<'p, 't> {
    pub fn new(pairs: &'p Pairs, text: &'t str) -> Reader<'p, 't> {
        Reader { pairs, text, at: 0, unclosed: 0 }
    }

    /// The next pair.
    pub fn next(&mut self) -> Option<Pair> {
        let (pairs, text) = (self.pairs, self.text);
        loop {
            self.at = skip(text, self.at, |c| pairs.splits(c) || pairs.is_padding(c));
            if self.at >= text.len() {
                return None;
            }
            let (name, end) = self.name();
            let sign = skip(text, end, |c| pairs.is_blank(c));
            let Some(c) = self.char_at(sign).filter(|c| pairs.divides(*c)) else {
                // A word alone; the next turn skips the character that ended it.
                self.at = end.max(self.at + self.char_at(self.at).map_or(1, char::len_utf8));
                continue;
            };
            self.at = sign + c.len_utf8();
            let apart = sign > end;
            let named = text.get(name.clone()).is_some_and(|n| n.contains(char::is_alphanumeric));
            if apart && (!named || self.char_at(self.at).is_some_and(compares)) {
                // `a == b`, `- = -`
                continue;
            }
            let (value, quote) = self.value(apart, named);
            return Some(Pair { name, value, quote });
        }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    /// The name that begins here, and where it ends with its quotes.
    fn name(&self) -> (Range<usize>, usize) {
        let (pairs, text, at) = (self.pairs, self.text, self.at);
        if let Some(quote @ ('"' | '\'')) = self.char_at(at)
            && let Some(end) = closing(text, at + 1, quote)
            && (self.ends(end + 1) || self.char_at(end + 1).is_some_and(|c| pairs.divides(c)))
        {
            return (at + 1..end, skip(text, end + 1, |c| pairs.is_padding(c)));
        }
        let end = until(text, at, |c| pairs.splits(c) || pairs.divides(c));
        let word = text.get(at..end).unwrap_or_default().trim_end_matches(|c| pairs.is_padding(c));
        // Of `login(user=ann)` the name is `user`, that of `a[0]=x` has its brackets.
        let open = word.rfind(|c| BRACKETS.iter().any(|(o, _)| *o == c)).filter(|open| {
            pairs.in_prose() && !word.get(*open..).unwrap_or_default().contains([')', ']', '>', '}'])
        });
        (at + open.map_or(0, |open| open + 1)..at + word.len(), end)
    }

    /// The value behind the sign. `apart`: blanks stand before the sign too; `named`: there is a
    /// name before it, so that blanks may follow it.
    fn value(&mut self, apart: bool, named: bool) -> (Range<usize>, Option<char>) {
        let (pairs, text, sign) = (self.pairs, self.text, self.at);
        let at = skip(text, sign, |c| pairs.is_blank(c) && (named || pairs.is_padding(c)));
        let crossed = text.get(sign..at).is_some_and(|gap| gap.contains(|c| pairs.splits(c)));
        // `OUT= MAC=aa:bb`: the word behind an empty value is the next name.
        let next = crossed
            && match apart {
                true => self.is_set_off(at),
                false => pairs.begins_pair(text, at),
            };
        if next || self.char_at(at).is_none_or(|c| pairs.splits(c)) {
            self.at = if next { sign } else { at };
            return (sign..sign, None);
        }
        let first = self.char_at(at);
        if let Some(quote @ ('"' | '\'')) = first
            && let Some(end) = self.quoted(at + 1, quote)
        {
            self.pass(end + 1);
            return (at + 1..end, Some(quote));
        }
        if let Some((open, close)) = BRACKETS.into_iter().find(|(open, _)| first == Some(*open))
            && let Some(end) = self.bracketed(at, open, close)
        {
            self.pass(end + 1);
            // A value in braces is JSON, or what another program can read as well.
            return if open == '{' { (at..end + 1, None) } else { (at + 1..end, None) };
        }
        self.at = until(text, at, |c| pairs.splits(c));
        let word = text.get(at..self.at).unwrap_or_default().trim_end_matches(|c| pairs.is_padding(c));
        (at..at + if pairs.in_prose() { bare(word) } else { word }.len(), None)
    }

    /// Is this `b = c` of `a = b = c`?
    fn is_set_off(&self, at: usize) -> bool {
        let end = until(self.text, at, |c| self.pairs.splits(c) || self.pairs.divides(c));
        let sign = skip(self.text, end, |c| self.pairs.is_blank(c));
        sign > end && self.pairs.begins_pair(self.text, at)
    }

    /// Passes over the punctuation behind a closing quote or bracket.
    fn pass(&mut self, at: usize) {
        let (pairs, text) = (self.pairs, self.text);
        self.at = skip(text, at, |c| pairs.is_padding(c) || pairs.in_prose() && PUNCTUATION.contains(&c));
    }

    /// Where the quote is closed; `None` if it is not, and then it is an ordinary character.
    fn quoted(&mut self, from: usize, quote: char) -> Option<usize> {
        if self.unclosed >= MAX_UNCLOSED {
            return None;
        }
        // A path may end with a backslash: `path="C:\temp\" user=ann`.
        let end = self.outer(from, quote, true).or_else(|| self.outer(from, quote, false));
        self.unclosed += usize::from(end.is_none());
        end
    }

    /// Where the quote is closed if other quotes of the kind may stand within: `msg="User "bob"
    /// logged in" n=1`.
    fn outer(&self, from: usize, quote: char, escapes: bool) -> Option<usize> {
        let text = self.text;
        let (mut depth, mut escaped) = (0usize, false);
        // The first quote behind which a value can end, but no pair follows; and the first that
        // ends the value if another one was opened and never closed.
        let (mut doubtful, mut unbalanced) = (None, None);
        let mut of_a_pair = false;
        for (i, b) in text.as_bytes().get(from..)?.iter().enumerate() {
            let at = from + i;
            if doubtful.is_some_and(|d| at - d > MAX_DOUBT_BYTES) {
                break;
            }
            match b {
                _ if escaped => escaped = false,
                b'\\' if escapes => escaped = true,
                b if u32::from(*b) == u32::from(quote) => {
                    let value = self.before(at).is_some_and(|c| self.pairs.divides(c));
                    let opens = self.opens(from, at, quote);
                    let doubled = self.char_at(at + 1) == Some(quote);
                    if doubtful.is_some() && (opens || value) {
                        break;
                    }
                    match depth {
                        _ if opens => {
                            depth += 1;
                            of_a_pair |= value;
                        }
                        0 if doubled || !self.ends(at + 1) => {}
                        0 if self.is_over(at + 1) => return Some(at),
                        0 => doubtful = doubtful.or(Some(at)),
                        _ if doubled => depth -= 1,
                        _ if self.ends(at + 1) => {
                            depth -= 1;
                            if unbalanced.is_none() && !of_a_pair && self.is_over(at + 1) {
                                unbalanced = Some(at);
                            }
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        doubtful.or(unbalanced)
    }

    fn before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }

    /// Does a quote at this place look like an opening one? Something stands behind it, and
    /// nothing that it could close before it.
    fn opens(&self, from: usize, at: usize, quote: char) -> bool {
        let behind = self.char_at(at + 1).is_some_and(|c| c != quote && !self.ends(at + 1) && c != '\\');
        let before = match self.before(at) {
            Some(c) if c == quote => at == from,
            Some(c) => {
                c.is_whitespace()
                    || self.pairs.splits(c)
                    || self.pairs.divides(c)
                    || BRACKETS.iter().any(|(open, _)| *open == c)
            }
            None => true,
        };
        behind && before
    }

    /// Can a value end before this place?
    fn ends(&self, at: usize) -> bool {
        let pairs = self.pairs;
        if pairs.in_prose() {
            return self.char_at(at).is_none_or(|c| pairs.splits(c) || PUNCTUATION.contains(&c));
        }
        let next = skip(self.text, at, |c| pairs.is_padding(c));
        self.char_at(next).is_none_or(|c| pairs.splits(c))
    }

    /// Do the end of the text or a pair follow?
    fn is_over(&self, at: usize) -> bool {
        let pairs = self.pairs;
        let next = skip(self.text, at, |c| {
            pairs.splits(c) || pairs.is_padding(c) || pairs.in_prose() && PUNCTUATION.contains(&c)
        });
        next >= self.text.len() || pairs.begins_pair(self.text, next)
    }

    /// Where the bracket is closed, if a separator follows.
    fn bracketed(&mut self, open_at: usize, open: char, close: char) -> Option<usize> {
        if self.unclosed >= MAX_UNCLOSED {
            return None;
        }
        let mut depth = 0usize;
        let rest = self.text.get(open_at..).unwrap_or_default();
        let end = rest.char_indices().find_map(|(i, c)| {
            depth += usize::from(c == open);
            depth -= usize::from(c == close);
            (depth == 0).then_some(open_at + i)
        });
        let follows =
            |at: usize| self.ends(at) && !self.char_at(at).is_some_and(|c| matches!(c, ':' | '/' | '.'));
        let end = end.filter(|end| follows(end + 1));
        self.unclosed += usize::from(end.is_none());
        end
    }
}

/// A word of running text without the comma behind it, and without a bracket that closes one
/// before its name.
fn bare(word: &str) -> &str {
    let mut rest = word;
    for _ in 0..MAX_TRAILING {
        let mut shorter = rest.strip_suffix(TRAILING).unwrap_or(rest);
        if let Some((open, close)) = BRACKETS.into_iter().find(|(_, close)| shorter.ends_with(*close))
            && shorter.matches(close).count() > shorter.matches(open).count()
        {
            shorter = shorter.strip_suffix(close).unwrap_or(shorter);
        }
        if shorter.is_empty() || shorter.len() == rest.len() {
            break;
        }
        rest = shorter;
    }
    rest
}

/// The first place from `at` on where a character is not `over`.
fn skip(text: &str, at: usize, over: impl Fn(char) -> bool) -> usize {
    until(text, at, |c| !over(c))
}

/// The first place from `at` on where a character `ends`, or the end of the text.
fn until(text: &str, at: usize, ends: impl Fn(char) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.find(ends).unwrap_or(rest.len())
}

/// Where the quote of a name is closed; `None` where it is not, and then it was no quote.
fn closing(text: &str, at: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (i, b) in text.as_bytes().get(at..)?.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b if u32::from(*b) == u32::from(quote) => return Some(at + i),
            _ => {}
        }
    }
    None
}
