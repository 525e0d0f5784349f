//! Date and time in any order that a device writes, read from the start of some text.
//!
//! The slow reader behind `stamp`, for stamps that are in neither of the two common forms. It does
//! not read the patterns of filters, nor a date in the middle of a text.
//!
//! | date | who |
//! |---|---|
//! | `Nov 29`, `Nov 29 2026`, `Nov 29, 2026`, `Sun Nov 29` | RFC 3164, ASA, asctime |
//! | `2026 Nov 29`, `29 Nov 2026`, `29-Nov-2026`, `29/Nov/2026` | NX-OS, RFC 2822, BIND, Apache |
//! | `2026-11-29`, `2026/11/29`, `2026.11.29`, `2026:11:29`, `20261129` | ISO 8601, NetScaler, Sophos |
//! | `11/29/2026`, `29/11/2026`, `29-11-2026`, `29.11.2026`, `11/29/26` | NetScaler, Windows |
//!
//! Between date and time stand blanks, `T`, `_`, `:`, `-`, a TAB or a comma. The time may lack
//! its seconds, have a fraction, and be in the morning (`AM`); year and zone may follow it.

use crate::calendar::{MONTHS, WEEKDAYS, month_of};
use crate::moment::{self, Clock, Stamp};
use crate::timestamp::MICROS_PER_DAY;
use crate::zone_word;

/// Hours, minutes and seconds of this many digits stand together: `200000`.
const COMPACT_DIGITS: usize = 6;

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The day of reception.
    today: i64,
}

#[derive(Clone, Copy)]
struct Date {
    year: Option<u32>,
    month: u32,
    day: u32,
    /// The date has only numbers, so that almost any character may join the time to it.
    numeric: bool,
}

struct Time {
    second_of_day: u32,
    micros: u32,
    cut: bool,
}

/// Reads a stamp at the start of `bytes`; what follows it is not looked at, but for the zone.
/// `ios`: see [`zone_word::behind_time`].
pub(crate) fn read(bytes: &[u8], clock: Clock<'_>, ios: bool) -> Option<Stamp> {
    let today = clock.now.unix_micros().div_euclid(MICROS_PER_DAY);
    let mut cursor = Cursor { bytes, at: 0, today };
    cursor.weekday();
    let mut date = cursor.date()?;
    cursor.separator(date.numeric)?;
    let time = cursor.time(date.numeric)?;
    let mut offset = None;
    let mut unknown_zone = false;
    let mut has_zone = false;
    // Year and zone come in either order.
    for _ in 0..2 {
        if date.year.is_none()
            && let Some(year) = cursor.year_behind()
        {
            date.year = Some(year);
        } else if !has_zone && let Some(zone) = zone_word::behind_time(cursor.rest(), ios) {
            cursor.at += zone.len;
            offset = zone.offset;
            unknown_zone = zone.offset.is_none();
            has_zone = true;
        }
    }
    let time_of = match date.year {
        Some(year) => moment::in_zone(
            moment::date(year, date.month, date.day)?,
            time.second_of_day,
            time.micros,
            offset,
            clock,
        ),
        None => moment::without_year(date.month, date.day, time.second_of_day, time.micros, offset, clock)?,
    };
    let mut found = Stamp::new(time_of, cursor.at);
    found.cut = time.cut;
    found.unknown_zone = unknown_zone;
    Some(found)
}

impl Cursor<'_> {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// A number of at most `most` digits; the digits that follow are not part of it.
    fn number(&mut self, most: usize) -> Option<(u32, usize)> {
        let digits = self.rest().iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let value = self.rest().iter().take(digits).fold(0, |v, b| v * 10 + u32::from(b - b'0'));
        self.at += digits;
        (digits > 0).then_some((value, digits))
    }

    /// One blank or two.
    fn blanks(&mut self) -> bool {
        let found = self.take(b' ');
        if found {
            self.take(b' ');
        }
        found
    }

    fn letters(&self) -> usize {
        self.rest().iter().take(12).take_while(|b| b.is_ascii_alphabetic()).count()
    }

    /// `Sun `, `Sun, ` or `Sunday, `, in front of a date.
    fn weekday(&mut self) {
        let word = self.rest().get(..self.letters()).unwrap_or_default();
        let is_named = |day: &&str| {
            word.eq_ignore_ascii_case(day.as_bytes())
                || day.as_bytes().get(..3).is_some_and(|short| word.eq_ignore_ascii_case(short))
        };
        if !WEEKDAYS.iter().any(is_named) {
            return;
        }
        self.at += word.len();
        self.take(b',');
        self.blanks();
    }

    fn month(&mut self) -> Option<u32> {
        let month = month_of(*self.rest().first_chunk::<3>()?)?;
        let letters = self.letters();
        let word = self.rest().get(..letters)?;
        let long = MONTHS.get(month as usize - 1)?.as_bytes();
        if letters != 3 && !word.eq_ignore_ascii_case(long) && !word.eq_ignore_ascii_case(b"sept") {
            return None;
        }
        self.at += letters;
        Some(month)
    }

    fn date(&mut self) -> Option<Date> {
        if self.peek()?.is_ascii_alphabetic() {
            let month = self.month()?;
            if !self.blanks() {
                return None;
            }
            let (day, _) = self.number(2)?;
            self.take(b',');
            return Some(Date { year: self.year_between(), month, day, numeric: false });
        }
        let (first, digits) = self.number(8)?;
        match digits {
            4 if (1970..=2099).contains(&first) => self.date_from_year(first),
            8 => {
                let year = Some(first / 10_000);
                Some(Date { year, month: first / 100 % 100, day: first % 100, numeric: true })
            }
            1 | 2 => self.date_from_day(first),
            _ => None,
        }
    }

    /// ` 2026`, before a blank and the time.
    fn year_between(&mut self) -> Option<u32> {
        let &[b' ', rest @ ..] = self.rest().first_chunk::<6>()? else { return None };
        let year = year_word(&rest)?;
        self.at += 5;
        // `Nov 29, 2026, 8:00`
        self.take(b',');
        Some(year)
    }

    fn date_from_year(&mut self, year: u32) -> Option<Date> {
        let separator = self.peek()?;
        self.at += 1;
        if separator == b' ' || self.peek()?.is_ascii_alphabetic() {
            let month = self.month()?;
            if separator == b' ' && !self.blanks() || separator != b' ' && !self.take(separator) {
                return None;
            }
            let (day, _) = self.number(2)?;
            return Some(Date { year: Some(year), month, day, numeric: separator != b' ' });
        }
        if !matches!(separator, b'-' | b'/' | b'.' | b':') {
            return None;
        }
        let (month, _) = self.number(2)?;
        if !self.take(separator) {
            return None;
        }
        let (day, _) = self.number(2)?;
        Some(Date { year: Some(year), month, day, numeric: true })
    }

    fn date_from_day(&mut self, first: u32) -> Option<Date> {
        let separator = self.peek()?;
        self.at += 1;
        if self.peek()?.is_ascii_alphabetic() && matches!(separator, b' ' | b'-' | b'/') {
            let month = self.month()?;
            let year = match separator {
                b' ' => self.year_between(),
                _ if self.take(separator) => Some(self.whole_year()?),
                _ => return None,
            };
            return Some(Date { year, month, day: first, numeric: separator != b' ' });
        }
        if !matches!(separator, b'-' | b'/' | b'.') {
            return None;
        }
        let (second, _) = self.number(2)?;
        if !self.take(separator) {
            return None;
        }
        let year = match self.number(4)? {
            (year, 4) => year,
            (year, 2) if separator == b'/' => 2000 + year,
            _ => return None,
        };
        let (day, month) = self.day_and_month(separator, first, second, year);
        Some(Date { year: Some(year), month, day, numeric: true })
    }

    /// A date with points is European: the day comes before the month. With slashes and hyphens
    /// either may come first; the day that is nearer to reception is meant, since few lines are
    /// months old.
    fn day_and_month(&self, separator: u8, first: u32, second: u32, year: u32) -> (u32, u32) {
        let european = (first, second);
        if separator == b'.' {
            return european;
        }
        let away = |(day, month)| moment::date(year, month, day).map(|days| days.abs_diff(self.today));
        match (away(european), away((second, first))) {
            (Some(european_away), Some(american_away)) if american_away <= european_away => (second, first),
            (None, _) => (second, first),
            _ => european,
        }
    }

    fn whole_year(&mut self) -> Option<u32> {
        match self.number(4)? {
            (year, 4) => Some(year),
            _ => None,
        }
    }

    /// What joins date and time.
    fn separator(&mut self, numeric: bool) -> Option<()> {
        if numeric && matches!(self.peek()?, b'T' | b't' | b'_' | b':' | b'-') {
            self.at += 1;
            return Some(());
        }
        let comma = self.take(b',');
        (self.blanks() || self.take(b'\t') || comma).then_some(())
    }

    fn time(&mut self, numeric: bool) -> Option<Time> {
        let start = self.at;
        let (mut hour, digits) = self.number(2)?;
        let (minute, second) = if self.take(b':') {
            let (minute, 2) = self.number(2)? else { return None };
            let second = match self.rest() {
                [b':', b'0'..=b'9', b'0'..=b'9', ..] => {
                    self.at += 1;
                    self.number(2)?.0
                }
                [b':', b'0'..=b'9', ..] => return None,
                _ => 0,
            };
            (minute, second)
        } else {
            // `20261129T200000`
            self.at = start;
            let (value, COMPACT_DIGITS) = self.number(COMPACT_DIGITS)? else { return None };
            if !numeric || digits != 2 {
                return None;
            }
            hour = value / 10_000;
            (value / 100 % 100, value % 100)
        };
        let mut half = self.half_of_day();
        let (micros, mut cut) = self.fraction();
        if half.is_none() {
            half = self.half_of_day();
        }
        if let Some(afternoon) = half {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        let leap = second == 60 && numeric;
        cut |= leap;
        let second = if leap { 59 } else { second };
        let second_of_day = moment::time_of_day(hour, minute, second)? + u32::from(leap);
        Some(Time { second_of_day, micros, cut })
    }

    /// `AM` or `PM`, with or without a blank before it.
    fn half_of_day(&mut self) -> Option<bool> {
        let blanks = usize::from(self.peek() == Some(b' '));
        let &[half, m] = self.rest().get(blanks..)?.first_chunk::<2>()?;
        let afternoon = match half.to_ascii_uppercase() {
            b'A' => false,
            b'P' => true,
            _ => return None,
        };
        let ended = self.rest().get(blanks + 2).is_none_or(|b| !b.is_ascii_alphanumeric());
        if !m.eq_ignore_ascii_case(&b'm') || !ended {
            return None;
        }
        self.at += blanks + 2;
        Some(afternoon)
    }

    /// Microseconds; and whether there were finer digits. Huawei adds a digit behind
    /// another point.
    fn fraction(&mut self) -> (u32, bool) {
        let Some(moment::Fraction { micros, cut, len }) = moment::fraction_behind(self.rest()) else {
            return (0, false);
        };
        self.at += len;
        if let [b'.', b'0'..=b'9', more, ..] = self.rest()
            && !more.is_ascii_digit()
        {
            self.at += 2;
        }
        (micros, cut)
    }

    /// ` 2026`, behind the time.
    fn year_behind(&mut self) -> Option<u32> {
        let &[b' ', year @ ..] = self.rest().first_chunk::<5>()? else { return None };
        // `2001:db8::1` is a host.
        match self.rest().get(5..).unwrap_or_default() {
            [] | [b' ' | b',' | b'\t', ..] | [b':'] | [b':', b' ', ..] => {}
            _ => return None,
        }
        let year = year_of(year)?;
        self.at += 5;
        Some(year)
    }
}

/// A year from 1970 to 2099 and the blank behind it.
fn year_word(bytes: &[u8; 5]) -> Option<u32> {
    let &[a, b, c, d, b' ' | b','] = bytes else { return None };
    year_of([a, b, c, d])
}

fn year_of(digits: [u8; 4]) -> Option<u32> {
    let all = digits.iter().all(u8::is_ascii_digit);
    let year = digits.iter().fold(0, |v, b| v * 10 + u32::from(b.wrapping_sub(b'0')));
    (all && (1970..=2099).contains(&year)).then_some(year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text.as_bytes()).unwrap()
    }

    fn clock() -> Clock<'static> {
        Clock { now: at("2026-11-29T20:00:00Z"), zone: "", year: None }
    }

    #[track_caller]
    fn check(line: &str, expect: &str, rest: &str) {
        let found = read(line.as_bytes(), clock(), false).expect(line);
        assert_eq!((found.time.to_string(), &line[found.end..]), (at(expect).to_string(), rest), "{line}");
    }

    #[track_caller]
    fn check_none(line: &str) {
        assert_eq!(read(line.as_bytes(), clock(), false), None, "{line}");
    }

    const THEN: &str = "2026-11-29T20:05:03Z";

    #[test]
    fn months_by_name() {
        check("Nov 29 20:05:03 h", THEN, " h");
        check("Nov 29 2026 20:05:03: x", THEN, ": x");
        check("Nov 29, 2026 8:05:03 PM h", THEN, " h");
        check("Nov 29, 2026, 8:05:03 PM h", THEN, " h");
        check("November 29 20:05:03 h", THEN, " h");
        check("Sun Nov 29 20:05:03 2026 h", THEN, " h");
        check("Sun Nov 29 20:05:03 2026", THEN, "");
        check("Sun Nov 29 20:05:03 UTC 2026 h", THEN, " h");
        check("Sun, 29 Nov 2026 20:05:03 +0000 h", THEN, " h");
        check("Sunday, 29 November 2026 20:05:03 h", THEN, " h");
        check("2026 Nov 29 20:05:03 h", THEN, " h");
        check("29 Nov 2026 20:05:03 h", THEN, " h");
        check("29 Nov 20:05:03 h", THEN, " h");
        check("29-Nov-2026 20:05:03.000 h", THEN, " h");
        check("29/Nov/2026:20:05:03 +0000 h", THEN, " h");
        check("2026-Nov-29 20:05:03 h", THEN, " h");
        check("Nov 29 20:05:03 CST 1987 h", "1987-11-29T20:05:03-06:00", " h");
        check("Nov 29 20:05:03 2026 CET: %X", "2026-11-29T20:05:03+01:00", ": %X");
        check("Nov 29 2026 20:05:03+08:00 h", "2026-11-29T20:05:03+08:00", " h");
        check("Nov 29 20:05:03Z h", THEN, " h");
        check("Nov 29 20:05:03 +05:30 h", "2026-11-29T20:05:03+05:30", " h");
        check("Nov 29  8:05:03 h", "2026-11-29T08:05:03Z", " h");
        check("Nov 29 20:05 h", "2026-11-29T20:05:00Z", " h");
        check("Nov 29 2026 08:05:03 PM.123 UTC :", "2026-11-29T20:05:03.123Z", " :");
        check("Nov 29 2026 12:05:03 AM h", "2026-11-29T00:05:03Z", " h");
        check("Nov 29 2026 20:05:03.370.1 h", "2026-11-29T20:05:03.37Z", " h");
    }

    #[test]
    fn months_by_number() {
        check("2026/11/29 20:05:03 h", THEN, " h");
        check("2026/11/29:20:05:03 GMT h", THEN, " h");
        check("2026/11/29-20:05:03 h", THEN, " h");
        check("2026.11.29 20:05:03 h", THEN, " h");
        check("2026:11:29-20:05:03 h", THEN, " h");
        check("2026-11-29_20:05:03 h", THEN, " h");
        check("2026-11-29T20:05Z h", "2026-11-29T20:05:00Z", " h");
        check("2026-11-29, 20:05:03 h", THEN, " h");
        check("2026-11-29\t20:05:03\th", THEN, "\th");
        check("2026-11-29 8:05:03 PM h", THEN, " h");
        check("20261129T200503Z h", THEN, " h");
        check("20261129 20:05:03 h", THEN, " h");
        check("11/29/2026:20:05:03 GMT h", THEN, " h");
        check("11/29/2026 8:05:03 PM h", THEN, " h");
        check("29/11/2026 20:05:03 h", THEN, " h");
        check("11/29/26 20:05:03 h", THEN, " h");
        check("29.11.2026 20:05:03,250 h", "2026-11-29T20:05:03.25Z", " h");
        check("2026-11-29 13:38:39,933, x", "2026-11-29T13:38:39.933Z", ", x");
    }

    #[test]
    fn what_is_no_stamp() {
        check_none("Nov 31 20:05:03 h");
        check_none("Nov 29 24:00:00 h");
        check_none("Nov 29 13:00:00 PM h");
        check_none("November rain");
        check_none("Marching on");
        check_none("10.0.0.1 app: x");
        check_none("1.2.3 is out");
        check_none("2026 was good");
        check_none("2026-13-01 20:00:00 h");
        check_none("20261129 files");
        check_none("Nov 29 20:05:3 h");
        check_none("Sun is up");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[ A-z0-9:/.,+-]{0,40}", ios: bool) {
            if let Some(found) = read(text.as_bytes(), clock(), ios) {
                prop_assert!(found.end <= text.len());
            }
        }

        #[test]
        fn near_stamps_are_survived(text in "(Sun,? )?(Nov|29|2026|11)[ /.:-](29|Nov|11)[ ,/.:-](2026[ T:])?[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?([.,][0-9]{0,9})?( ?[AP]M)?( 2026| [A-Z]{1,4})?.{0,4}") {
            if let Some(found) = read(text.as_bytes(), clock(), true) {
                prop_assert!(text.is_char_boundary(found.end));
            }
        }
    }
}
