//! Tokens: how text is cut into words, the same way at ingest and in queries.
//!
//! A token is a maximal run of ASCII letters, digits, `_` and bytes from 0x80 on
//! (so that words of any script are searchable), folded to lower case. Folding
//! touches ASCII letters alone: it keeps every byte offset, needs no tables and is
//! the same in every store. `É` and `é` are two letters here.
//!
//! This file only cuts, folds and finds; indexes are elsewhere. [`Finder`] alone decides whether a
//! word, phrase, prefix, suffix, substring or wildcard matches, in the columnar executor as in live
//! tail.
//!
//! Invariant: what [`Finder`] looks for is folded, and so is what it looks in.

use std::ops::Range;

use memchr::memmem;

/// For each byte its folded form if it belongs to a token, else 0.
#[allow(clippy::indexing_slicing, reason = "a byte is below 256")]
const TOKEN: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = match b {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | 0x80..=0xff => b,
            b'A'..=b'Z' => b + 32,
            _ => 0,
        };
        i += 1;
    }
    table
};

/// Does the byte belong to a token?
#[inline]
#[allow(clippy::indexing_slicing, reason = "a byte is below 256")]
pub const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize] != 0
}

/// Folds ASCII letters to lower case, appending to `out`.
#[inline]
pub fn fold_into(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    out.extend_from_slice(text);
    if let Some(new) = out.get_mut(start..) {
        new.make_ascii_lowercase();
    }
}

/// The folded form of a text.
pub fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// The tokens of a text, not folded, in order.
///
/// ```
/// let words: Vec<&[u8]> = loggr_store::tokens::tokens(b"GET /api/v1?a_b=c").collect();
/// assert_eq!(words, [&b"GET"[..], b"api", b"v1", b"a_b", b"c"]);
/// ```
pub fn tokens(text: &[u8]) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

/// Iterator of [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The next token as a range of offsets.
    #[inline]
    pub fn next_range(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..)?;
        let skip = rest.iter().position(|&b| is_token_byte(b))?;
        let start = self.at + skip;
        let len = rest.get(skip..)?.iter().position(|&b| !is_token_byte(b)).unwrap_or(rest.len() - skip);
        self.at = start + len;
        Some(start..start + len)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let range = self.next_range()?;
        self.text.get(range)
    }
}

/// Finds one needle, or several pieces in order, in folded text.
///
/// A *bounded* start means that the needle may not begin in the middle of a token:
/// where its first byte is a token byte, the byte before the hit must not be one.
/// The same holds for a bounded end. A needle that begins with punctuation has
/// nothing to check there.
#[derive(Clone, Debug)]
pub struct Finder {
    first: memmem::Finder<'static>,
    rest: Vec<memmem::Finder<'static>>,
    bounded_start: bool,
    bounded_end: bool,
}

impl Finder {
    /// Looks for `pieces` in this order with anything between them. They must be folded
    /// (`debug_assert`ed). No piece at all finds the empty text everywhere.
    pub fn new<P: AsRef<[u8]>>(pieces: &[P], bounded_start: bool, bounded_end: bool) -> Finder {
        let mut finders = pieces.iter().map(|piece| {
            let piece = piece.as_ref();
            debug_assert!(!piece.iter().any(u8::is_ascii_uppercase), "BUG: a needle must be folded");
            memmem::Finder::new(piece).into_owned()
        });
        let first = finders.next().unwrap_or_else(|| memmem::Finder::new(b"").into_owned());
        let rest = finders.collect();
        let starts =
            |piece: Option<&P>| piece.and_then(|p| p.as_ref().first().copied()).is_some_and(is_token_byte);
        let ends =
            |piece: Option<&P>| piece.and_then(|p| p.as_ref().last().copied()).is_some_and(is_token_byte);
        Finder {
            first,
            rest,
            bounded_start: bounded_start && starts(pieces.first()),
            bounded_end: bounded_end && ends(pieces.last()),
        }
    }

    /// A word or phrase: bounded at both ends.
    pub fn word(needle: &str) -> Finder {
        Finder::new(&[needle], true, true)
    }

    /// The beginning of a word or phrase.
    pub fn prefix(needle: &str) -> Finder {
        Finder::new(&[needle], true, false)
    }

    /// The end of a word or phrase.
    pub fn suffix(needle: &str) -> Finder {
        Finder::new(&[needle], false, true)
    }

    /// Any place.
    pub fn substring(needle: &str) -> Finder {
        Finder::new(&[needle], false, false)
    }

    /// The needle, if there is only one piece. A scan over a buffer of many values may
    /// look for it with `memmem` and ask [`Finder::fits`] about each hit.
    pub fn single(&self) -> Option<&memmem::Finder<'static>> {
        self.rest.is_empty().then_some(&self.first)
    }

    /// Does a hit of a [`Finder::single`] needle at `at` respect the bounds inside `value`?
    #[inline]
    pub fn fits(&self, value: &[u8], at: usize) -> bool {
        self.start_fits(value, at) && self.end_fits(value, at + self.first.needle().len())
    }

    /// Is it in `value` (folded)?
    #[inline]
    pub fn is_match(&self, value: &[u8]) -> bool {
        self.find_from(value, 0).is_some()
    }

    /// The first hit at or after `from`, as a range of offsets in `value` (folded).
    pub fn find_from(&self, value: &[u8], from: usize) -> Option<Range<usize>> {
        if self.rest.is_empty() {
            return find_edge(&self.first, value, from, |at, end| {
                self.start_fits(value, at) && self.end_fits(value, end)
            });
        }
        // The earliest place for each piece leaves the most room for those after it, so
        // that no other choice can find more.
        let head = find_edge(&self.first, value, from, |at, _| self.start_fits(value, at))?;
        let mut end = head.end;
        let (last, middle) = self.rest.split_last()?;
        for piece in middle {
            end += piece.find(value.get(end..)?)? + piece.needle().len();
        }
        let tail = find_edge(last, value, end, |_, end| self.end_fits(value, end))?;
        Some(head.start..tail.end)
    }

    #[inline]
    fn start_fits(&self, value: &[u8], at: usize) -> bool {
        !self.bounded_start || at == 0 || !value.get(at - 1).copied().is_some_and(is_token_byte)
    }

    #[inline]
    fn end_fits(&self, value: &[u8], end: usize) -> bool {
        !self.bounded_end || !value.get(end).copied().is_some_and(is_token_byte)
    }
}

#[inline]
fn find_edge(
    finder: &memmem::Finder<'_>,
    value: &[u8],
    mut from: usize,
    fits: impl Fn(usize, usize) -> bool,
) -> Option<Range<usize>> {
    loop {
        let at = from + finder.find(value.get(from..)?)?;
        let end = at + finder.needle().len();
        if fits(at, end) {
            return Some(at..end);
        }
        from = at + 1;
    }
}

/// Is the folded `word` in the folded `text`, not as part of a longer token?
pub fn contains_word(text: &[u8], word: &str) -> bool {
    Finder::word(word).is_match(text)
}

/// Is the folded `phrase`, byte for byte, in the folded `text`, on token bounds?
pub fn contains_phrase(text: &[u8], phrase: &str) -> bool {
    Finder::word(phrase).is_match(text)
}

/// Does a token of the folded `text` begin with the folded `prefix`?
pub fn contains_prefix(text: &[u8], prefix: &str) -> bool {
    Finder::prefix(prefix).is_match(text)
}

/// Is the folded `needle` anywhere in the folded `text`?
pub fn contains_substring(text: &[u8], needle: &str) -> bool {
    Finder::substring(needle).is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let got: Vec<String> = tokens(text.as_bytes()).map(|t| String::from_utf8_lossy(t).into()).collect();
        assert_eq!(got, expect);
    }

    #[track_caller]
    fn check_word(text: &str, word: &str, expect: bool) {
        assert_eq!(contains_word(fold(text).as_bytes(), word), expect, "`{word}` in `{text}`");
    }

    #[test]
    fn text_is_cut_at_everything_but_letters_digits_and_underscore() {
        check("", &[]);
        check("  ", &[]);
        check("one", &["one"]);
        check("a.b-c_d", &["a", "b", "c_d"]);
        check("10.0.0.1:80", &["10", "0", "0", "1", "80"]);
        check("Zähler über 3", &["Zähler", "über", "3"]);
        check("日本語 ok", &["日本語", "ok"]);
    }

    #[test]
    fn a_word_is_not_a_part_of_a_longer_one() {
        check_word("User admin", "user", true);
        check_word("superuser", "user", false);
        check_word("users user", "user", true);
        check_word("user_id", "user", false);
        check_word("user", "user", true);
        check_word("(user)", "user", true);
        check_word("öuser", "user", false);
        check_word("at foo.bar now", "foo.bar", true);
        check_word("at xfoo.bar now", "foo.bar", false);
        check_word("at foo.bars now", "foo.bar", false);
        check_word("path /admin/x", "/admin", true);
        check_word("path x/admin", "/admin", true);
        check_word("path /administrator", "/admin", false);
    }

    #[track_caller]
    fn check_pieces(text: &str, pieces: &[&str], start: bool, end: bool, expect: Option<Range<usize>>) {
        assert_eq!(Finder::new(pieces, start, end).find_from(text.as_bytes(), 0), expect);
    }

    #[test]
    fn pieces_come_in_order() {
        check_pieces("connection refused", &["conn", "fused"], true, true, Some(0..18));
        check_pieces("refused connection", &["conn", "fused"], true, true, None);
        check_pieces("reconnect refused", &["conn", "fused"], true, true, None);
        check_pieces("reconn conn fused_x fused", &["conn", "fused"], true, true, Some(7..25));
        check_pieces("abc", &["a", "b", "c"], true, true, Some(0..3));
        check_pieces("abab", &["ab", "ab"], false, false, Some(0..4));
        check_pieces("aba", &["ab", "ab"], false, false, None);
        check_pieces("", &["a"], true, true, None);
        check_pieces("x", &[], true, true, Some(0..0));
    }

    #[test]
    fn prefix_and_substring() {
        assert!(contains_prefix(b"host unreachable", "unreach"));
        assert!(!contains_prefix(b"host sunreachable", "unreach"));
        assert!(contains_substring(b"a timeout", "imeou"));
        assert!(contains_phrase(b"failed password for root", "failed password"));
        assert!(!contains_phrase(b"failed  password for root", "failed password"));
    }

    proptest! {
        #[test]
        fn a_word_is_found_exactly_when_it_is_a_token(text in "[aA_é .b]{0,20}", word in "[a_b]{1,3}") {
            let folded = fold(&text);
            let is_token = tokens(folded.as_bytes()).any(|t| t == word.as_bytes());
            prop_assert_eq!(contains_word(folded.as_bytes(), &word), is_token);
            let is_prefix = tokens(folded.as_bytes()).any(|t| t.starts_with(word.as_bytes()));
            prop_assert_eq!(contains_prefix(folded.as_bytes(), &word), is_prefix);
        }

        #[test]
        fn tokens_never_panic_and_never_overlap(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut iter = tokens(&text);
            let mut last = 0;
            while let Some(range) = iter.next_range() {
                prop_assert!(range.start >= last && range.end > range.start && range.end <= text.len());
                last = range.end;
            }
        }
    }
}
