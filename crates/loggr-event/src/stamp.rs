//! The stamp at the start of a syslog line: the two common shapes, and the order in which all
//! shapes are tried.
//!
//! Not the strict stamp of RFC 5424, which is in `timestamp`, and not the shapes that single
//! makers write, which are in `date_time`. Which moment a stamp means is in `moment`.
//!
//! | shape | who |
//! |---|---|
//! | `Nov 22 10:00:00` | RFC 3164 |
//! | `*Nov 22 …`, `.Nov 22 …` | Cisco: clock not set, not synchronised |
//! | `2026-11-22T10:00:00.123456+01:00`, with a space, comma or no zone | rsyslog, syslog-ng, ESXi |
//! | `1795341600`, `1795341600.123`, `1795341600123` | Meraki, Squid |
//! | any other | `date_time` |

use crate::calendar::month_of;
use crate::moment::{
    Clock, Stamp, date, finer_than_micros, fraction_behind, in_zone, time_of_day, without_year,
};
use crate::timestamp::{MICROS_PER_SECOND, fraction};
use crate::{Timestamp, date_time, zone_word};

/// Longest zone word.
const MAX_ZONE_CAPITALS: usize = 5;

/// Seconds in which an epoch stamp is believed: 2001-09-09 to 2100-01-01.
const EPOCH_SECONDS: std::ops::RangeInclusive<i64> = 1_000_000_000..=4_102_444_800;

/// Reads a stamp of any shape at the start of `bytes`. What follows it is a blank, a
/// colon, a comma with a blank, or the end.
pub(crate) fn scan(bytes: &[u8], clock: Clock<'_>) -> Option<Stamp> {
    plain_bsd(bytes, clock).or_else(|| scan_after(bytes, clock, false))
}

/// Like [`scan`], for a line with the head of a Cisco device, in which any word may be a zone.
pub(crate) fn scan_ios(bytes: &[u8], clock: Clock<'_>) -> Option<Stamp> {
    scan_after(bytes, clock, true)
}

fn scan_after(bytes: &[u8], clock: Clock<'_>, ios: bool) -> Option<Stamp> {
    let ends = |stamp: &Stamp| {
        let after = bytes.get(stamp.end..).unwrap_or_default();
        // `20:00:00:12` has not ended yet.
        matches!(after, [] | [b' ' | b':' | b'\t', ..] | [b',', b' ', ..])
            && !matches!(after, [b':', b'0'..=b'9', ..])
    };
    match bytes.first()? {
        // Only Cisco marks a clock.
        b'*' | b'.' => {
            let rest = &bytes[1..];
            let mut stamp = date_time::read(rest, clock, true).or_else(|| iso(rest, clock))?;
            stamp.end += 1;
            stamp.unsynced = true;
            Some(stamp).filter(ends)
        }
        b'0'..=b'9' => iso(bytes, clock)
            .filter(ends)
            .or_else(|| epoch(bytes).filter(ends))
            .or_else(|| date_time::read(bytes, clock, ios).filter(ends)),
        _ => date_time::read(bytes, clock, ios).filter(ends),
    }
}

/// `Nov 22 10:00:00 `, the stamp of most lines: sixteen bytes at fixed places.
#[inline]
pub(crate) fn plain_bsd(bytes: &[u8], clock: Clock<'_>) -> Option<Stamp> {
    let &[a, b, c, b' ', d1, d2, b' ', h1, h2, b':', m1, m2, b':', s1, s2, b' '] =
        bytes.first_chunk::<16>()?
    else {
        return None;
    };
    // `Nov 22 10:00:00 2026 ` has its year behind it.
    if (bytes.get(16..18) == Some(b"20") || bytes.get(16..18) == Some(b"19"))
        && may_be_year(bytes.get(18..).unwrap_or_default())
    {
        return None;
    }
    if may_be_zone(bytes.get(16..).unwrap_or_default()) {
        return None;
    }
    let month = month_of([a, b, c])?;
    let day = two(if d1 == b' ' { b'0' } else { d1 }, d2)?;
    let second = time_of_day(two(h1, h2)?, two(m1, m2)?, two(s1, s2)?)?;
    Some(Stamp::new(without_year(month, day, second, 0, None, clock)?, 15))
}

/// Two more digits and an end: a year, and not `192.168.0.1` or `2001:db8::1`.
#[cold]
fn may_be_year(behind_century: &[u8]) -> bool {
    match behind_century {
        [a, b] => a.is_ascii_digit() && b.is_ascii_digit(),
        [a, b, c, rest @ ..] => {
            let ends = matches!(c, b' ' | b',' | b'\t') || (*c == b':' && matches!(rest, [] | [b' ', ..]));
            a.is_ascii_digit() && b.is_ascii_digit() && ends
        }
        _ => false,
    }
}

/// Capitals that a space or a colon ends, or an offset: the general reader looks closer.
fn may_be_zone(bytes: &[u8]) -> bool {
    match bytes.first() {
        Some(b'+' | b'-') => true,
        Some(b'A'..=b'Z') => {
            let capitals =
                bytes.iter().take(MAX_ZONE_CAPITALS + 1).take_while(|b| b.is_ascii_uppercase()).count();
            match bytes.get(capitals) {
                None | Some(b' ' | b':') => true,
                // `GMT+05:30`, `TZ-6`.
                Some(b'+' | b'-') => matches!(bytes.get(..capitals), Some(b"GMT" | b"UTC" | b"TZ" | b"Z")),
                _ => false,
            }
        }
        _ => false,
    }
}

fn two(high: u8, low: u8) -> Option<u32> {
    let (high, low) = (high.wrapping_sub(b'0'), low.wrapping_sub(b'0'));
    (high <= 9 && low <= 9).then(|| u32::from(high) * 10 + u32::from(low))
}

/// RFC 3339 and ISO 8601 with the variants that programs write: space for `T`, comma for point, any
/// number of digits, `+0100`, no zone, a leap second.
pub(crate) fn iso(bytes: &[u8], clock: Clock<'_>) -> Option<Stamp> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] =
        bytes.first_chunk::<19>()?
    else {
        return None;
    };
    let days = date(two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?)?;
    let second = two(s1, s2)?;
    let leap = second == 60;
    let second_of_day =
        time_of_day(two(h1, h2)?, two(n1, n2)?, if leap { 59 } else { second })? + u32::from(leap);
    let mut at = 19;
    let mut micros = 0;
    let mut cut = leap;
    if let Some(found) = fraction_behind(bytes.get(at..).unwrap_or_default()) {
        micros = found.micros;
        cut |= found.cut;
        at += found.len;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    // `08:00:00 PM` is for the general reader.
    if let [b' ', b'A' | b'a' | b'P' | b'p', b'M' | b'm', after @ ..] = rest
        && after.first().is_none_or(|b| !b.is_ascii_alphanumeric())
    {
        return None;
    }
    let zone = zone_word::behind_time(rest, false).filter(|zone| zone.offset.is_some());
    let (offset, len) = zone.map_or((None, 0), |zone| (zone.offset, zone.len));
    let time = in_zone(days, second_of_day, micros, offset, clock);
    let mut stamp = Stamp::new(time, at + len);
    stamp.cut = cut;
    Some(stamp)
}

/// Seconds, milli-, micro- or nanoseconds since 1970, told apart by the number of digits.
pub(crate) fn epoch(bytes: &[u8]) -> Option<Stamp> {
    let digits = bytes.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    let value =
        bytes[..digits].iter().try_fold(0i64, |v, b| v.checked_mul(10)?.checked_add(i64::from(b - b'0')))?;
    let (seconds, micros, mut cut) = match digits {
        10 => (value, 0, false),
        13 => (value / 1000, value % 1000 * 1000, false),
        16 => (value / 1_000_000, value % 1_000_000, false),
        19 => (value / 1_000_000_000, value % 1_000_000_000 / 1000, value % 1000 != 0),
        _ => return None,
    };
    if !EPOCH_SECONDS.contains(&seconds) {
        return None;
    }
    let mut micros = seconds * MICROS_PER_SECOND + micros;
    let mut end = digits;
    if digits == 10 && bytes.get(end) == Some(&b'.') {
        let (value, more) = fraction(&bytes[end + 1..]);
        if more > 0 {
            cut = finer_than_micros(&bytes[end + 1..end + 1 + more]);
            micros += i64::from(value);
            end += 1 + more;
        }
    }
    let mut stamp = Stamp::new(Timestamp::from_unix_micros(micros), end);
    stamp.cut = cut;
    Some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn check_in(line: &str, zone: &str, now: &str, expect: &str, rest: &str) {
        let stamp = scan(line.as_bytes(), Clock { now: at(now), zone, year: None }).expect(line);
        assert_eq!(stamp.time.to_string(), at(expect).to_string(), "{line}");
        assert_eq!(&line[stamp.end..], rest, "{line}");
    }

    #[track_caller]
    fn check(line: &str, expect: &str, rest: &str) {
        check_in(line, "", NOW, expect, rest);
    }

    #[track_caller]
    fn check_none(line: &str) {
        assert_eq!(scan(line.as_bytes(), Clock { now: at(NOW), zone: "", year: None }), None, "{line}");
    }

    #[test]
    fn rfc3164() {
        check("Nov 22 10:00:00 host", "2026-11-22T10:00:00Z", " host");
        check("Nov  2 10:00:00 host", "2026-11-02T10:00:00Z", " host");
        check("Nov 2 10:00:00 host", "2026-11-02T10:00:00Z", " host");
        check("nov 02 10:00:00 host", "2026-11-02T10:00:00Z", " host");
        check("Nov 22 10:00:00", "2026-11-22T10:00:00Z", "");
        check_none("Nov 31 10:00:00 host");
        check_none("Nov 22 24:00:00 host");
        check_none("November rain");
        check_none("Nov 22 10:00:00x host");
    }

    #[test]
    fn the_year_is_the_latest_that_is_at_most_seven_days_ahead() {
        check_in("Dec 31 23:59:59 h", "", "2027-01-01T00:00:05Z", "2026-12-31T23:59:59Z", " h");
        check_in("Jan  1 00:00:01 h", "", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01Z", " h");
        check_in("Aug  1 00:00:01 h", "", "2026-12-31T23:59:59Z", "2026-08-01T00:00:01Z", " h");
        check_in("Mar  1 00:20:10 h", "", "2026-11-29T20:00:00Z", "2026-03-01T00:20:10Z", " h");
        check_in("Dec  6 20:00:00 h", "", "2026-11-29T20:00:00Z", "2026-12-06T20:00:00Z", " h");
        check_in("Dec  6 20:00:01 h", "", "2026-11-29T20:00:00Z", "2025-12-06T20:00:01Z", " h");
        check_in("Dec  7 00:00:00 h", "", "2026-11-29T20:00:00Z", "2025-12-07T00:00:00Z", " h");
        check_in("Jan  7 23:00:00 h", "", "2026-12-31T23:59:59Z", "2027-01-07T23:00:00Z", " h");
        check_in("Jan  8 00:00:00 h", "", "2026-12-31T23:59:59Z", "2026-01-08T00:00:00Z", " h");
        check_in("Dec  7 00:30:00 h", "+05:00", "2026-11-29T20:00:00Z", "2026-12-07T00:30:00+05:00", " h");
        check_in("Dec  7 00:30:00 IST h", "", "2026-11-29T20:00:00Z", "2026-12-07T00:30:00+05:30", " h");
        check_in("Dec  6 20:00:00 PST h", "", "2026-11-29T20:00:00Z", "2025-12-06T20:00:00-08:00", " h");
        check_in("Feb 29 00:00:01 h", "", "2028-02-21T23:59:59Z", "2024-02-29T00:00:01Z", " h");
        check_in("Feb 29 00:00:01 h", "", "2026-02-28T23:59:59Z", "2024-02-29T00:00:01Z", " h");
        check_in("Feb 29 00:00:01 h", "", "2028-02-28T23:59:59Z", "2028-02-29T00:00:01Z", " h");
    }

    #[test]
    fn the_zone_is_the_listeners() {
        check_in("Nov 22 10:00:00 h", "Europe/Berlin", NOW, "2026-11-22T10:00:00+01:00", " h");
        check_in("Jul 22 10:00:00 h", "Europe/Berlin", NOW, "2026-07-22T10:00:00+02:00", " h");
        check_in("2026-11-22T10:00:00 h", "Europe/Berlin", NOW, "2026-11-22T10:00:00+01:00", " h");
        check_in("Nov 22 2026 10:00:00: x", "Europe/Berlin", NOW, "2026-11-22T10:00:00+01:00", ": x");
    }

    #[test]
    fn years_in_the_stamp() {
        check("Nov 22 2025 10:00:00: %ASA", "2025-11-22T10:00:00Z", ": %ASA");
        check("2025 Nov 22 10:00:00 h", "2025-11-22T10:00:00Z", " h");
        check("Nov 22 10:00:00 2025 h", "2025-11-22T10:00:00Z", " h");
        check("Nov 22 10:00:00.250 2025 h", "2025-11-22T10:00:00.25Z", " h");
        check("2025 Nov  2 10:00:00.123 CET: %ETH", "2025-11-02T10:00:00.123+01:00", ": %ETH");
        let plain =
            |line: &str| plain_bsd(line.as_bytes(), Clock { now: at(NOW), zone: "", year: None }).is_some();
        assert!(plain("Nov 22 10:00:00 192.168.0.1 h") && plain("Nov 22 10:00:00 2001:db8::1 h"));
        assert!(
            !plain("Nov 22 10:00:00 2026 h")
                && !plain("Nov 22 10:00:00 2026: %X")
                && !plain("Nov 22 10:00:00 2026")
        );
        check("Nov 22 10:00:00 20xx h", "2026-11-22T10:00:00Z", " 20xx h");
    }

    #[test]
    fn cisco() {
        check("*Mar  1 18:48:50.483 UTC: %SYS", "2026-03-01T18:48:50.483Z", ": %SYS");
        check(".Nov 22 10:00:00.001: %SYS", "2026-11-22T10:00:00.001Z", ": %SYS");
        check("Nov 22 10:00:00.123 CET: %SYS", "2026-11-22T10:00:00.123+01:00", ": %SYS");
        check("*Mar  1 1993 00:00:00 UTC: %SYS", "1993-03-01T00:00:00Z", ": %SYS");
        check("Nov 22 10:00:00 XYZ: %SYS-5-A: b", "2026-11-22T10:00:00Z", ": %SYS-5-A: b");
        check("Nov 22 10:00:00 CRON: hello", "2026-11-22T10:00:00Z", " CRON: hello");
        let marked =
            scan(b"*Mar  1 18:48:50.483 XYZ: %SYS", Clock { now: at(NOW), zone: "", year: None }).unwrap();
        assert!(marked.unsynced && marked.unknown_zone);
    }

    #[test]
    fn iso_8601() {
        check("2026-11-22T10:00:00.123456+01:00 h", "2026-11-22T10:00:00.123456+01:00", " h");
        check("2026-11-22T10:00:00Z h", "2026-11-22T10:00:00Z", " h");
        check("2026-11-22T10:00:00+0100 h", "2026-11-22T10:00:00+01:00", " h");
        check("2026-11-22T10:00:00-03: h", "2026-11-22T10:00:00-03:00", ": h");
        check("2026-11-22 10:00:00,123 h", "2026-11-22T10:00:00.123Z", " h");
        check("2026-11-22 10:00:00 UTC h", "2026-11-22T10:00:00Z", " h");
        check("2026-11-22T10:00:60Z h", "2026-11-22T10:01:00Z", " h");
        check_none("2026-02-30T10:00:00Z h");
        check_none("2026-11-22T10:00:00Q h");
    }

    #[test]
    fn a_leap_second_before_midnight_in_a_zone_with_rules_is_survived() {
        check_in("2026-12-31T23:59:60 h", "Europe/Berlin", NOW, "2027-01-01T00:00:00+01:00", " h");
    }

    #[test]
    fn finer_digits_are_noted() {
        let clock = Clock { now: at(NOW), zone: "", year: None };
        assert!(scan(b"2026-11-22T10:00:00.123456789Z h", clock).unwrap().cut);
        assert!(!scan(b"2026-11-22T10:00:00.123456000Z h", clock).unwrap().cut);
        assert!(scan(b"1795341600123456789 h", clock).unwrap().cut);
    }

    #[test]
    fn epochs() {
        check("1795341600 h", "2026-11-22T10:00:00Z", " h");
        check("1795341600.25 h", "2026-11-22T10:00:00.25Z", " h");
        check("1795341600123 h", "2026-11-22T10:00:00.123Z", " h");
        check("1795341600123456: h", "2026-11-22T10:00:00.123456Z", ": h");
        check_none("179534160 h");
        check_none("0000000001 h");
        check_none("99999999999999999999 h");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60), zone in "[A-Z+0-9:]{0,6}") {
            if let Some(stamp) = scan(&bytes, Clock { now: at(NOW), zone: &zone, year: None }) {
                prop_assert!(stamp.end <= bytes.len());
            }
        }

        #[test]
        fn near_stamps_are_survived(line in "[*.]?(2026 )?(Nov|Feb) [ 0-9]{1,2} (20[0-9]{2} )?[0-2][0-9]:[0-9]{2}:[0-9]{2}([.,][0-9]{0,9})?( [A-Z]{1,6})?[: ]?.{0,4}") {
            if let Some(stamp) = scan(line.as_bytes(), Clock { now: at(NOW), zone: "Europe/Berlin", year: None }) {
                prop_assert!(line.is_char_boundary(stamp.end));
            }
        }
    }
}
