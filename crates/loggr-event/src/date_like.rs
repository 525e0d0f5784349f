//! What begins like a date and is none. It is neither a host nor a program.

use crate::calendar::month_of;

/// The end of a text that looks like a stamp but is not valid: a day that no month has, `…ZZ`, an
/// hour 25. A text that begins like a date is neither a host nor a program.
pub(crate) fn unreadable(bytes: &[u8]) -> Option<usize> {
    let word = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(rest.len())
    };
    let time_at = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        let digits = rest.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
        matches!(digits, 1 | 2)
            && rest.get(digits) == Some(&b':')
            && rest.get(digits + 1).is_some_and(u8::is_ascii_digit)
    };
    if let Some(date_end) = date_like(bytes) {
        let end = word(0);
        let joined = bytes.get(date_end..end).unwrap_or_default();
        if joined.iter().any(|b| matches!(b, b'T' | b't' | b':' | b'_')) {
            return Some(end);
        }
        return time_at(end + 1).then(|| word(end + 1));
    }
    let month = bytes.first_chunk::<3>().and_then(|m| month_of(*m)).is_some();
    if !month || bytes.get(3) != Some(&b' ') {
        return None;
    }
    let day = if bytes.get(4) == Some(&b' ') { 5 } else { 4 };
    let digits = bytes.get(day..)?.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    let time = day + digits + 1;
    (matches!(digits, 1 | 2) && bytes.get(day + digits) == Some(&b' ') && time_at(time)).then(|| word(time))
}

/// Does a text begin like a date or a time of day, `2026-11-29…`, `29.11.2026…`, `29/Nov/2026…`,
/// `20:00:00…`? An address does not.
pub(crate) fn is_date_like(bytes: &[u8]) -> bool {
    date_like(bytes).is_some()
}

/// Where the date or time of day ends that a text begins with.
fn date_like(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes.get(from..).unwrap_or_default().iter().take(9).take_while(|b| b.is_ascii_digit()).count()
    };
    let first = digits(0);
    if first == 8 {
        let joined = matches!(bytes.get(8), Some(b'T' | b't' | b'-' | b'_')) && digits(9) >= 2;
        return joined.then_some(8);
    }
    let separator @ (b'-' | b'/' | b'.' | b':') = bytes.get(first)? else { return None };
    let name = bytes.get(first + 1..)?.first_chunk::<3>().is_some_and(|m| month_of(*m).is_some());
    let second = if name { 3 } else { digits(first + 1) };
    let third_at = first + second + 2;
    if !(name || matches!(second, 1 | 2)) || bytes.get(third_at - 1) != Some(separator) {
        return None;
    }
    let third = digits(third_at);
    let end = third_at + third;
    let fits = match first {
        4 => matches!(bytes, [b'1', b'9', ..] | [b'2', b'0', ..]) && matches!(third, 1 | 2),
        1 | 2 => matches!(third, 2 | 4) && bytes.get(end) != Some(&b'.'),
        _ => false,
    };
    fits.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, rest: Option<&str>) {
        assert_eq!(unreadable(line.as_bytes()).map(|end| &line[end..]), rest, "{line}");
    }

    #[test]
    fn what_looks_like_a_stamp_is_no_host_and_no_program() {
        check("2026-11-29T20:00:00ZZ host app: x", Some(" host app: x"));
        check("2026-13-29 20:00:00 host app: x", Some(" host app: x"));
        check("Nov 31 20:00:00 host app: x", Some(" host app: x"));
        check("Nov  9 25:00:00 host app: x", Some(" host app: x"));
        check("2026-11-29 backup done", None);
        check("10.0.0.1 app: x", None);
        check("10.0.20.1:514 app: x", None);
        check("Nov rain", None);
        check("app: x", None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[ A-z0-9:/.,+-]{0,40}") {
            if let Some(end) = unreadable(text.as_bytes()) {
                prop_assert!(end <= text.len());
            }
        }
    }
}
