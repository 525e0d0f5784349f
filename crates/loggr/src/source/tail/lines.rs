//! Cuts a stretch of a file into lines: where the last whole one ends, and what each of them is.
//!
//! Only bytes: no file, and no position. Invariant: the same bytes are always cut into the same lines, so
//! that what is read again after a crash gives the same events. A line's event is not made here.
//!
//! A line ends with a line feed; a carriage return before it belongs to the end. Text is UTF-8 or any bytes,
//! or UTF-16 if the file begins with its mark; lines of that are handed on as UTF-8. NULs at the beginning of
//! a line are no part of it: they fill what a program has skipped that still writes where it was before its
//! file was truncated.

use std::borrow::Cow;

use memchr::{memchr, memrchr};

/// How characters are written in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Text {
    /// UTF-8, or bytes of which nothing is known.
    #[default]
    Bytes,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the upper byte first.
    Utf16Be,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'b> {
    /// Where it begins in the stretch.
    pub at: usize,
    /// Its bytes, cut to the limit.
    pub bytes: Cow<'b, [u8]>,
    /// How long it was, if it was cut.
    pub original_len: Option<u64>,
    /// It had no line feed.
    pub is_open: bool,
}

impl Text {
    /// What the first bytes of a file say.
    pub fn of(beginning: &[u8]) -> Text {
        match beginning {
            // UTF-32 begins so, too; nobody logs in it.
            [0xff, 0xfe, ..] => Text::Utf16Le,
            [0xfe, 0xff, ..] => Text::Utf16Be,
            _ => Text::Bytes,
        }
    }

    /// Bytes of a unit.
    pub fn unit(self) -> usize {
        if self == Text::Bytes { 1 } else { 2 }
    }

    /// Where the line ends that begins at 0: behind its line feed.
    pub fn line_end(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Text::Bytes => memchr(b'\n', bytes).map(|at| at + 1),
            Text::Utf16Le | Text::Utf16Be => {
                bytes.chunks_exact(2).position(|unit| self.is_line_feed(unit)).map(|at| at * 2 + 2)
            }
        }
    }

    /// Where the last whole line ends; 0 if there is none.
    pub fn lines_end(self, bytes: &[u8]) -> usize {
        match self {
            Text::Bytes => memrchr(b'\n', bytes).map_or(0, |at| at + 1),
            Text::Utf16Le | Text::Utf16Be => {
                bytes.chunks_exact(2).rposition(|unit| self.is_line_feed(unit)).map_or(0, |at| at * 2 + 2)
            }
        }
    }

    fn is_line_feed(self, unit: &[u8]) -> bool {
        unit == if self == Text::Utf16Le { [b'\n', 0] } else { [0, b'\n'] }
    }

    fn decode(self, bytes: &[u8]) -> String {
        let unit = |pair: &[u8]| match (self, pair) {
            (Text::Utf16Be, &[high, low]) => u16::from_be_bytes([high, low]),
            (_, &[low, high]) => u16::from_le_bytes([low, high]),
            _ => 0xfffd,
        };
        let units: Vec<u16> = bytes.chunks(2).map(unit).collect();
        String::from_utf16_lossy(&units)
    }

    /// Gives each line; `limit`: bytes of one at most.
    pub fn cut<'b>(self, bytes: &'b [u8], limit: usize, mut give: impl FnMut(Line<'b>)) {
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let (len, is_open) = match self.line_end(rest) {
                Some(end) => (end, false),
                None => (rest.len(), true),
            };
            let line = rest.get(..len).unwrap_or_default();
            give(self.line(at, line, len as u64, limit, is_open));
            at += len;
        }
    }

    /// The line of these bytes. `len`: with those that are not here, because they are beyond any limit.
    pub fn line(self, at: usize, bytes: &[u8], len: u64, limit: usize, is_open: bool) -> Line<'_> {
        let beyond = usize::try_from(len).unwrap_or(usize::MAX).saturating_sub(bytes.len());
        let text = match self {
            Text::Bytes => {
                let nuls = bytes.iter().take_while(|byte| **byte == 0).count();
                Cow::Borrowed(without_end(bytes.get(nuls..).unwrap_or_default()))
            }
            Text::Utf16Le | Text::Utf16Be => {
                let text = self.decode(bytes).into_bytes();
                let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
                Cow::Owned(without_end(text).to_vec())
            }
        };
        let whole = (text.len() + beyond) as u64;
        let original_len = (whole > limit as u64).then_some(whole);
        let bytes = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(..limit).unwrap_or(text)),
            Cow::Owned(mut text) => {
                text.truncate(limit);
                Cow::Owned(text)
            }
        };
        Line { at, bytes, original_len, is_open }
    }
}

/// The line without line feed and carriage return.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// So many NULs are at the end. A program may have reserved them, and will write there.
pub fn nuls_at_end(bytes: &[u8]) -> usize {
    bytes.iter().rev().take_while(|byte| **byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(bytes: &[u8], limit: usize, expect: &[(usize, &str, Option<u64>, bool)]) {
        let mut found = Vec::new();
        Text::of(bytes).cut(bytes, limit, |line| {
            let text = String::from_utf8_lossy(&line.bytes).into_owned();
            found.push((line.at, text, line.original_len, line.is_open));
        });
        let found: Vec<_> =
            found.iter().map(|(at, text, len, open)| (*at, text.as_str(), *len, *open)).collect();
        assert_eq!(found, expect, "{}", String::from_utf8_lossy(bytes));
    }

    fn utf16(text: &str, le: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(|unit| if le { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    #[test]
    fn lines_are_cut_at_line_feeds() {
        check(b"", 9, &[]);
        check(
            b"one\ntwo\r\n\nthr",
            9,
            &[
                (0, "one", None, false),
                (4, "two", None, false),
                (9, "", None, false),
                (10, "thr", None, true),
            ],
        );
        check(b"a long line\nb\n", 4, &[(0, "a lo", Some(11), false), (12, "b", None, false)]);
        check(b"\0\0\0one\na\0b\n", 9, &[(0, "one", None, false), (7, "a\0b", None, false)]);
    }

    #[test]
    fn utf16_becomes_utf8() {
        for le in [true, false] {
            let bytes = utf16("\u{feff}h\u{e4}\u{df}\r\n\u{10a0a}\n", le);
            check(&bytes, 9, &[(0, "h\u{e4}\u{df}", None, false), (12, "\u{10a0a}", None, false)]);
            assert_eq!(Text::of(&bytes).lines_end(&bytes), bytes.len());
            assert_eq!(Text::of(&bytes).lines_end(&bytes[..bytes.len() - 1]), 12);
        }
    }

    #[test]
    fn a_line_that_is_not_here_whole_says_how_long_it_is() {
        let line = Text::Bytes.line(7, b"abcdef", 1000, 4, false);
        assert_eq!((line.bytes.as_ref(), line.original_len, line.at), (&b"abcd"[..], Some(1000), 7));
    }

    proptest! {
        #[test]
        fn any_two_stretches_that_end_with_a_line_give_the_lines_of_the_whole(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(0u8), any::<u8>()], 0..80),
            limit in 1usize..20,
        ) {
            let mut whole = Vec::new();
            Text::Bytes.cut(&bytes, limit, |line| whole.push((line.at, line.bytes.into_owned())));
            let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| at + 1).collect();
            for end in ends {
                let mut parts = Vec::new();
                Text::Bytes.cut(&bytes[..end], limit, |line| parts.push((line.at, line.bytes.into_owned())));
                Text::Bytes.cut(&bytes[end..], limit, |line| parts.push((line.at + end, line.bytes.into_owned())));
                prop_assert_eq!(&parts, &whole);
            }
        }
    }
}
