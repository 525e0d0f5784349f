//! PRI, the number in angle brackets at the start of a syslog line (RFC 5424, 6.2.1).

use crate::timestamp::Refusal;
use crate::{Event, Facility, Severity};

/// The highest priority value: facility 23, severity 7.
pub(crate) const MAX_PRIORITY: u8 = 191;

/// Reads `<PRI>`; gives the value and the offset behind it. Leniently, leading zeros
/// are allowed.
pub(crate) fn read<const STRICT: bool>(bytes: &[u8]) -> Result<(u8, usize), Refusal> {
    if bytes.first() != Some(&b'<') {
        return Err((0, "`<`"));
    }
    let mut value = 0u32;
    let mut at = 1;
    while let Some(digit) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d <= 9) {
        if at > 3 {
            return Err((at, "`>` after at most three digits"));
        }
        value = value * 10 + u32::from(digit);
        at += 1;
    }
    if at == 1 {
        return Err((1, "a digit of the priority"));
    }
    if bytes.get(at) != Some(&b'>') {
        return Err((at, "`>`"));
    }
    if STRICT && at > 2 && bytes.get(1) == Some(&b'0') {
        return Err((1, "a priority without leading zeros"));
    }
    match u8::try_from(value) {
        Ok(value) if value <= MAX_PRIORITY => Ok((value, at + 1)),
        _ => Err((1, "a priority between 0 and 191")),
    }
}

/// The end of a `<NUMBER>` that is no priority, e.g. `<999>`.
pub(crate) fn bad_end(bytes: &[u8]) -> Option<usize> {
    let digits = bytes.get(1..)?.iter().take(10).take_while(|b| b.is_ascii_digit()).count();
    (bytes.first() == Some(&b'<') && digits > 0 && bytes.get(digits + 1) == Some(&b'>')).then_some(digits + 2)
}

/// Gives the event the facility and severity of a value up to 191.
#[inline]
pub(crate) fn set(event: &mut Event<'_>, value: u8) {
    if let (Some(facility), Some(severity)) = (Facility::from_code(value / 8), Severity::from_code(value % 8))
    {
        event.facility = facility;
        event.severity = severity;
    }
}

/// Appends `<PRI>`.
pub(crate) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    let value = event.priority();
    out.push(b'<');
    if value >= 100 {
        out.push(b'0' + value / 100);
    }
    if value >= 10 {
        out.push(b'0' + value / 10 % 10);
    }
    out.extend_from_slice(&[b'0' + value % 10, b'>']);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<const STRICT: bool>(line: &str, expect: Result<(u8, usize), usize>) {
        assert_eq!(read::<STRICT>(line.as_bytes()).map_err(|e| e.0), expect, "{line}");
    }

    #[test]
    fn values() {
        check::<true>("<0>x", Ok((0, 3)));
        check::<true>("<191>x", Ok((191, 5)));
        check::<true>("<192>x", Err(1));
        check::<true>("<013>x", Err(1));
        check::<false>("<013>x", Ok((13, 5)));
        check::<true>("<1234>x", Err(4));
        check::<true>("<>x", Err(1));
        check::<true>("<1x", Err(2));
        check::<true>("x", Err(0));
        check::<true>("", Err(0));
    }

    #[test]
    fn all_values_are_written_and_read() {
        for value in 0..=MAX_PRIORITY {
            let mut event = Event::default();
            set(&mut event, value);
            let mut out = Vec::new();
            write(&event, &mut out);
            assert_eq!(read::<true>(&out), Ok((value, out.len())));
        }
    }
}
