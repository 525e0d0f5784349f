//! Text as PostgreSQL can hold it: everything but the character NUL.
//!
//! NUL is written as DLE SOH (`\x10\x01`), and DLE itself, which logs hardly ever hold, as DLE
//! DLE. No character of the pairs belongs to a token, so words end where they ended. Needles of
//! queries are written the same way.
//!
//! Invariant: `decode(encode(text)) == text`, and `encode` leaves a text without the two
//! characters as it is.

use std::borrow::Cow;

/// What announces a pair.
pub(super) const ESCAPE: char = '\u{10}';
/// What stands behind [`ESCAPE`] for NUL.
pub(super) const FOR_NUL: char = '\u{1}';

/// The text as it is stored.
pub(super) fn encode(text: &str) -> Cow<'_, str> {
    if memchr::memchr2(0, ESCAPE as u8, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => out.extend([ESCAPE, FOR_NUL]),
            ESCAPE => out.extend([ESCAPE, ESCAPE]),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The text that was stored. A lone [`ESCAPE`], which only somebody else can have written,
/// stands for itself.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if memchr::memchr(ESCAPE as u8, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let pair = (c == ESCAPE).then(|| chars.peek().copied()).flatten();
        match pair {
            Some(FOR_NUL) => out.push('\0'),
            Some(ESCAPE) => out.push(ESCAPE),
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, stored: &str) {
        assert_eq!(encode(text), stored);
        assert_eq!(decode(stored), text);
    }

    #[test]
    fn nul_and_its_escape_are_written_as_pairs() {
        check("", "");
        check("plain ü", "plain ü");
        check("a\0b", "a\u{10}\u{1}b");
        check("\0\0", "\u{10}\u{1}\u{10}\u{1}");
        check("\u{10}\0\u{1}", "\u{10}\u{10}\u{10}\u{1}\u{1}");
        assert_eq!(decode("a\u{10}b\u{10}"), "a\u{10}b\u{10}");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "[a\0\u{10}\u{1}ü]{0,12}") {
            let stored = encode(&text);
            prop_assert!(!stored.contains('\0'));
            prop_assert_eq!(&*decode(&stored), &*text);
        }
    }
}
