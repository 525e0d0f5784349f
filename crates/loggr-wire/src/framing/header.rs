//! How a frame begins: with an octet count, or not.
//!
//! Not here: buffering. Every answer is a function of the bytes from the frame's beginning alone, which is
//! what makes the framing independent of how the stream was cut.

use super::MAX_COUNT_DIGITS;
use crate::decimal;

/// What the first bytes of a frame say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A line.
    Line,
    /// `header` bytes of count and space, then `len` bytes of content.
    Counted { header: usize, len: u64 },
    /// As `Counted`, if [`judge_text`] agrees.
    Maybe { header: usize, len: u64 },
    /// Too few bytes to say. Never more than a count, a space and a priority.
    More,
}

/// What the content behind a count says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Counted,
    Line,
    More,
}

/// In `Mode::OctetCounting`: digits and a space are a count. Waits for one byte of content, so that a bare
/// count at the end of a stream is not lost.
#[inline]
pub(super) fn counted(bytes: &[u8]) -> Start {
    match count(bytes) {
        Ok((header, len)) if bytes.len() > header => Start::Counted { header, len },
        Ok(_) => Start::More,
        Err(other) => other,
    }
}

/// In `Mode::Auto`: a count, a space, and a priority that the count covers; or perhaps other text.
#[inline]
pub(super) fn auto(bytes: &[u8]) -> Start {
    let (header, len) = match count(bytes) {
        Ok(found) => found,
        Err(other) => return other,
    };
    let body = bytes.get(header..).unwrap_or_default();
    match body.split_first() {
        None => Start::More,
        Some((b'<', priority)) => {
            let (_, digits) = decimal::leading(priority, 3);
            match priority.get(digits) {
                None => Start::More,
                Some(b'>') if digits > 0 && len >= digits as u64 + 2 => Start::Counted { header, len },
                Some(_) => Start::Line,
            }
        }
        Some(_) => Start::Maybe { header, len },
    }
}

/// The length of `MSG-LEN SP` and the count, or what else it is.
#[inline]
fn count(bytes: &[u8]) -> Result<(usize, u64), Start> {
    match bytes.first() {
        None => return Err(Start::More),
        Some(b'1'..=b'9') => {}
        Some(_) => return Err(Start::Line),
    }
    let (len, digits) = decimal::leading(bytes, MAX_COUNT_DIGITS);
    match bytes.get(digits) {
        None => Err(Start::More),
        Some(b' ') => Ok((digits + 1, u64::from(len))),
        Some(_) => Err(Start::Line),
    }
}

/// Content without a priority behind a count of `len`: `held` has been looked at already and has no line
/// end, `next` follows it. Counted is one line of text: no line end before the last byte, which must not be
/// the only one; what begins as JSON must close. Of content beyond `max_frame` only the first part is
/// looked at.
pub(super) fn judge_text(held: &[u8], next: &[u8], len: u64, max_frame: usize) -> Verdict {
    let look = len.min(max_frame as u64 + 1);
    let wanted = look.saturating_sub(held.len() as u64) as usize;
    let window = next.get(..wanted).unwrap_or(next);
    let whole = window.len() == wanted;
    match memchr::memchr2(b'\n', 0, window) {
        Some(at) if at + 1 < wanted => return Verdict::Line,
        Some(_) if look < len || len == 1 => return Verdict::Line,
        Some(_) => {}
        None if !whole => return Verdict::More,
        None if look < len => return Verdict::Counted,
        None => {}
    }
    if held.first().or(window.first()) != Some(&b'{') {
        return Verdict::Counted;
    }
    let closing = window.iter().rev().chain(held.iter().rev()).find(|&&b| b != 0 && !b.is_ascii_whitespace());
    if closing == Some(&b'}') { Verdict::Counted } else { Verdict::Line }
}

#[cfg(test)]
mod tests {
    use super::Start::{Counted, Line, Maybe, More};
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expect: Start) {
        assert_eq!(auto(bytes.as_bytes()), expect, "{bytes:?}");
    }

    #[track_caller]
    fn check_counted(bytes: &str, expect: Start) {
        assert_eq!(counted(bytes.as_bytes()), expect, "{bytes:?}");
    }

    #[test]
    fn auto_wants_a_priority_behind_the_count() {
        check("", More);
        check("3", More);
        check("34 ", More);
        check("34 <", More);
        check("34 <165", More);
        check("34 <165>1 ", Counted { header: 3, len: 34 });
        check("3 <1>", Counted { header: 2, len: 3 });
        check("3 <13>", Line);
        check("34 <1650>", Line);
        check("34 <>", Line);
        check("34 <b>", Line);
        check("34  <13>", Maybe { header: 3, len: 34 });
        check("34\t<13>", Line);
        check("034 <13>", Line);
        check("0 <13>", Line);
        check("-1 <13>", Line);
        check("<13>x", Line);
        check(" 34 <13>", Line);
    }

    #[test]
    fn auto_leaves_text_that_begins_with_digits_alone() {
        check("2026-11-22 10:00:00 x", Line);
        check("10.0.0.1 GET /", Line);
        check("404 not found", Maybe { header: 4, len: 404 });
        check("12:34:56 x", Line);
        check("1764000000 <13>x", Line);
        check("999999999 <13>x", Counted { header: 10, len: 999_999_999 });
        check("999999999", More);
        check("9999999990", Line);
    }

    #[test]
    fn auto_considers_other_text() {
        check("17 {\"a\"", Maybe { header: 3, len: 17 });
        check("17 [1]", Maybe { header: 3, len: 17 });
        check("5 hello", Maybe { header: 2, len: 5 });
    }

    #[test]
    fn octet_counting_wants_a_count_only() {
        check_counted("5 hello", Counted { header: 2, len: 5 });
        check_counted("5 ", More);
        check_counted("5", More);
        check_counted("5 \n", Counted { header: 2, len: 5 });
        check_counted("0 x", Line);
        check_counted("hello", Line);
    }

    #[track_caller]
    fn check_text(held: &str, next: &str, len: u64, expect: Verdict) {
        assert_eq!(judge_text(held.as_bytes(), next.as_bytes(), len, 20), expect);
    }

    #[test]
    fn counted_text_is_one_line_and_json_closes() {
        check_text("", "{\"a\":1}", 7, Verdict::Counted);
        check_text("", "{\"a\":1}9 {", 7, Verdict::Counted);
        check_text("{\"a\"", ":1}", 7, Verdict::Counted);
        check_text("{\"a\":1}", "\n", 8, Verdict::Counted);
        check_text("", "{\"a\":1}\r\n", 9, Verdict::Counted);
        check_text("", "{\"a\":1", 7, Verdict::More);
        check_text("", "{\"a\":1}\n", 404, Verdict::Line);
        check_text("", "{\"a\":1}x", 8, Verdict::Line);
        check_text("", "{\"a\"\n:1}", 8, Verdict::Line);
        check_text("", "{\"a\":1}\n", 21, Verdict::Line);
        check_text("", "{\"a\":\"012345678901234567890\"}", 30, Verdict::Counted);
        check_text("", "{\"a\":\"01234567890\n2345678\"}", 30, Verdict::Line);
        check_text("", "hello", 5, Verdict::Counted);
        check_text("", "hello\n", 6, Verdict::Counted);
        check_text("", "hell", 5, Verdict::More);
        check_text("", "up\n", 7, Verdict::Line);
        check_text("", "\n", 1, Verdict::Line);
    }
}
