//! A moment in microseconds with the offset it was written in; no clock, no zone rules.
//!
//! Reading and writing of the strict RFC 3339 form is here because every format
//! needs it; the shapes that vendors invented are in `stamp`.

use std::fmt;

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;
pub(crate) const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

/// Longest text that [`Timestamp::write_rfc3339`] writes: `9999-12-31T23:59:59.999999+23:59`.
pub const MAX_RFC3339_BYTES: usize = 32;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z: the years that have four digits.
const FIRST_MICROS: i64 = -62_167_219_200 * MICROS_PER_SECOND;
const LAST_MICROS: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// Microseconds since 1970 (UTC) and the offset from UTC that the sender wrote.
///
/// Two timestamps of one moment written in different offsets are equal in
/// [`Timestamp::unix_micros`] but not by `==`; ordering is by moment first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp {
    micros: i64,
    offset_minutes: i16,
}

/// The parts of a date and time of day, as written in the timestamp's own offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateParts {
    /// 0–9999.
    pub year: u16,
    /// 1–12.
    pub month: u8,
    /// 1–31.
    pub day: u8,
    /// 0–23.
    pub hour: u8,
    /// 0–59.
    pub minute: u8,
    /// 0–59.
    pub second: u8,
    /// 0–999999.
    pub micros: u32,
}

impl Timestamp {
    /// A moment written in UTC.
    pub const fn from_unix_micros(micros: i64) -> Timestamp {
        Timestamp { micros, offset_minutes: 0 }
    }

    /// A moment and the offset, in minutes east of UTC, in which it is written.
    pub const fn with_offset(micros: i64, offset_minutes: i16) -> Timestamp {
        Timestamp { micros, offset_minutes }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn unix_micros(self) -> i64 {
        self.micros
    }

    /// Minutes east of UTC.
    pub const fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }

    /// The same moment, written in UTC.
    pub const fn to_utc(self) -> Timestamp {
        Timestamp { micros: self.micros, offset_minutes: 0 }
    }

    /// The moment that the same date and time of day mean in another offset.
    pub(crate) const fn read_in(self, offset_minutes: i16) -> Timestamp {
        let shift = (self.offset_minutes as i64 - offset_minutes as i64) * 60 * MICROS_PER_SECOND;
        Timestamp { micros: self.micros + shift, offset_minutes }
    }

    /// Reads an RFC 3339 stamp as RFC 5424 narrows it: upper-case `T` and `Z`, 1 to 6
    /// digits of a second's fraction, no leap second. The whole text must be the stamp.
    pub fn parse_rfc3339(text: &[u8]) -> Option<Timestamp> {
        match scan_rfc3339(text) {
            Ok((stamp, end)) if end == text.len() => Some(stamp),
            _ => None,
        }
    }

    /// Date and time of day in the timestamp's own offset. Moments outside the years
    /// 0–9999 give the nearest one inside.
    pub fn parts(self) -> DateParts {
        let local = self
            .micros
            .saturating_add(i64::from(self.offset_minutes) * 60 * MICROS_PER_SECOND)
            .clamp(FIRST_MICROS, LAST_MICROS);
        let days = local.div_euclid(MICROS_PER_DAY);
        let of_day = (local - days * MICROS_PER_DAY) as u64;
        let (year, month, day) = civil_from_days(days);
        let seconds = (of_day / MICROS_PER_SECOND as u64) as u32;
        DateParts {
            year: year as u16,
            month: month as u8,
            day: day as u8,
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            micros: (of_day - u64::from(seconds) * MICROS_PER_SECOND as u64) as u32,
        }
    }

    /// Appends `2026-11-22T10:00:00.000000+01:00`, or with `Z` where the offset is zero.
    pub fn write_rfc3339(self, out: &mut Vec<u8>) {
        let mut buffer = [0u8; MAX_RFC3339_BYTES];
        out.extend_from_slice(self.format_rfc3339(&mut buffer));
    }

    /// Writes the text of [`Timestamp::write_rfc3339`] into a caller's buffer.
    pub fn format_rfc3339(self, buffer: &mut [u8; MAX_RFC3339_BYTES]) -> &[u8] {
        let p = self.parts();
        buffer[..26].copy_from_slice(b"0000-00-00T00:00:00.000000");
        four(buffer, 0, u32::from(p.year));
        two(buffer, 5, u32::from(p.month));
        two(buffer, 8, u32::from(p.day));
        two(buffer, 11, u32::from(p.hour));
        two(buffer, 14, u32::from(p.minute));
        two(buffer, 17, u32::from(p.second));
        two(buffer, 20, p.micros / 10_000);
        two(buffer, 22, p.micros / 100);
        two(buffer, 24, p.micros);
        if self.offset_minutes == 0 {
            buffer[26] = b'Z';
            return &buffer[..27];
        }
        let minutes = u32::from(self.offset_minutes.unsigned_abs()).min(23 * 60 + 59);
        buffer[26] = if self.offset_minutes < 0 { b'-' } else { b'+' };
        two(buffer, 27, minutes / 60);
        buffer[29] = b':';
        two(buffer, 30, minutes % 60);
        &buffer[..32]
    }

    /// Appends the stamp of RFC 3164: `Nov 22 10:00:00`, in the timestamp's own offset.
    pub fn write_rfc3164(self, out: &mut Vec<u8>) {
        let p = self.parts();
        let mut buffer = *b"Jan  0 00:00:00";
        if let Some(name) = MONTHS.get(usize::from(p.month).wrapping_sub(1)) {
            buffer[..3].copy_from_slice(*name);
        }
        two(&mut buffer, 4, u32::from(p.day));
        if p.day < 10 {
            buffer[4] = b' ';
        }
        two(&mut buffer, 7, u32::from(p.hour));
        two(&mut buffer, 10, u32::from(p.minute));
        two(&mut buffer, 13, u32::from(p.second));
        out.extend_from_slice(&buffer);
    }

    /// Appends the date: `2026-11-22`, in the timestamp's own offset.
    pub fn write_date(self, out: &mut Vec<u8>) {
        let mut buffer = [0u8; MAX_RFC3339_BYTES];
        out.extend_from_slice(&self.format_rfc3339(&mut buffer)[..10]);
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; MAX_RFC3339_BYTES];
        let text = self.format_rfc3339(&mut buffer);
        f.write_str(std::str::from_utf8(text).expect("BUG: digits are ASCII"))
    }
}

/// The numbers below 100 with two digits each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

#[inline(always)]
fn two(buffer: &mut [u8], at: usize, value: u32) {
    buffer[at..at + 2].copy_from_slice(&PAIRS[value as usize % 100]);
}

#[inline(always)]
fn four(buffer: &mut [u8], at: usize, value: u32) {
    two(buffer, at, value / 100);
    two(buffer, at + 2, value);
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last day of its year
/// and every 400 of them (an era) have 146,097 days.
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
#[inline]
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = (days - era * 146_097) as u32;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = i64::from(year_of_era) + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// How many days a month has.
pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 31,
    }
}

/// Why a scan stopped: the offset of the byte that is wrong, and what should have stood there.
pub(crate) type Refusal = (usize, &'static str);

fn digit(byte: u8, bad: &mut u8) -> u32 {
    let value = byte.wrapping_sub(b'0');
    *bad |= u8::from(value > 9);
    u32::from(value)
}

/// Reads an RFC 5424 stamp (RFC 5424, 6.2.3) at the start of `bytes`; gives it and its end.
pub(crate) fn scan_rfc3339(bytes: &[u8]) -> Result<(Timestamp, usize), Refusal> {
    let Some(&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2]) =
        bytes.first_chunk::<19>()
    else {
        return Err(refuse_rfc3339(bytes));
    };
    let mut bad = 0;
    let year = digit(y1, &mut bad) * 1000
        + digit(y2, &mut bad) * 100
        + digit(y3, &mut bad) * 10
        + digit(y4, &mut bad);
    let month = digit(m1, &mut bad) * 10 + digit(m2, &mut bad);
    let day = digit(d1, &mut bad) * 10 + digit(d2, &mut bad);
    let hour = digit(h1, &mut bad) * 10 + digit(h2, &mut bad);
    let minute = digit(n1, &mut bad) * 10 + digit(n2, &mut bad);
    let second = digit(s1, &mut bad) * 10 + digit(s2, &mut bad);
    if bad != 0 {
        return Err(refuse_rfc3339(bytes));
    }
    check_civil(year, month, day, hour, minute, second)?;
    let mut at = 19;
    let mut micros = 0;
    if bytes.get(at) == Some(&b'.') {
        let (value, digits) = fraction(&bytes[at + 1..]);
        if digits == 0 {
            return Err((at + 1, "a digit of the second's fraction"));
        }
        if digits > 6 {
            return Err((at + 7, "at most 6 digits of a second's fraction"));
        }
        micros = value;
        at += 1 + digits;
    }
    let offset = match bytes.get(at) {
        Some(b'Z') => {
            at += 1;
            0
        }
        Some(sign @ (b'+' | b'-')) => {
            let Some(&[h1, h2, b':', m1, m2]) = bytes[at + 1..].first_chunk::<5>() else {
                return Err((at + 1, "an offset like `01:00`"));
            };
            let mut bad = 0;
            let hours = digit(h1, &mut bad) * 10 + digit(h2, &mut bad);
            let minutes = digit(m1, &mut bad) * 10 + digit(m2, &mut bad);
            if bad != 0 || hours > 23 || minutes > 59 {
                return Err((at + 1, "an offset between 00:00 and 23:59"));
            }
            at += 6;
            let total = (hours * 60 + minutes) as i16;
            if *sign == b'-' { -total } else { total }
        }
        _ => return Err((at, "`Z` or an offset like `+01:00`")),
    };
    let days = days_from_civil(i64::from(year), month, day);
    Ok((from_local(days, hour * 3600 + minute * 60 + second, micros, offset), at))
}

/// A moment from a date and second of day that are written in `offset` minutes.
pub(crate) fn from_local(days: i64, second_of_day: u32, micros: u32, offset: i16) -> Timestamp {
    let seconds = days * SECONDS_PER_DAY + i64::from(second_of_day) - i64::from(offset) * 60;
    Timestamp::with_offset(seconds * MICROS_PER_SECOND + i64::from(micros), offset)
}

/// Reads the digits of a second's fraction: microseconds, and how many digits there were.
pub(crate) fn fraction(bytes: &[u8]) -> (u32, usize) {
    let mut value = 0;
    let mut digits = 0;
    for byte in bytes {
        let v = byte.wrapping_sub(b'0');
        if v > 9 {
            break;
        }
        if digits < 6 {
            value = value * 10 + u32::from(v);
        }
        digits += 1;
    }
    const SCALE: [u32; 7] = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1];
    (value * SCALE[digits.min(6)], digits)
}

fn check_civil(year: u32, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Result<(), Refusal> {
    if month.wrapping_sub(1) > 11 {
        return Err((5, "a month between 01 and 12"));
    }
    if day == 0 || (day > 28 && day > days_in_month(i64::from(year), month)) {
        return Err((8, "a day that the month has"));
    }
    if hour > 23 {
        return Err((11, "an hour between 00 and 23"));
    }
    if minute > 59 {
        return Err((14, "a minute between 00 and 59"));
    }
    if second > 59 {
        return Err((17, "a second between 00 and 59"));
    }
    Ok(())
}

/// Finds the first byte that breaks the fixed part `0000-00-00T00:00:00`.
#[cold]
fn refuse_rfc3339(bytes: &[u8]) -> Refusal {
    for (i, shape) in b"0000-00-00T00:00:00".iter().enumerate() {
        let found = bytes.get(i).copied();
        let expected = match shape {
            b'0' if found.is_some_and(|c| c.is_ascii_digit()) => continue,
            b'0' => "a digit of the date and time",
            b'-' => "`-`",
            b'T' => "`T`",
            _ => "`:`",
        };
        if *shape == b'0' || found != Some(*shape) {
            return (i, expected);
        }
    }
    (0, "an RFC 3339 stamp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(i64, i16)>) {
        let got = Timestamp::parse_rfc3339(text.as_bytes());
        assert_eq!(got, expect.map(|(micros, offset)| Timestamp::with_offset(micros, offset)), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, offset: usize) {
        assert_eq!(scan_rfc3339(text.as_bytes()).map_err(|e| e.0), Err(offset), "{text}");
    }

    #[test]
    fn reading() {
        check("1970-01-01T00:00:00Z", Some((0, 0)));
        check("2026-11-22T10:00:00Z", Some((1_795_341_600_000_000, 0)));
        check("2026-11-22T11:00:00.5+01:00", Some((1_795_341_600_500_000, 60)));
        check("2026-11-22T02:30:00.000001-07:30", Some((1_795_341_600_000_001, -450)));
        check("2024-02-29T00:00:00Z", Some((1_709_164_800_000_000, 0)));
        check("2026-11-22T10:00:00-00:00", Some((1_795_341_600_000_000, 0)));
        check("2023-02-29T00:00:00Z", None);
        check("2026-11-22T10:00:00Zx", None);
        check("2026-11-22t10:00:00Z", None);
        check("2026-11-22T10:00:00", None);
        check("", None);
    }

    #[test]
    fn refusals_name_the_offset() {
        check_refused("2026-13-22T10:00:00Z", 5);
        check_refused("2026-11-31T10:00:00Z", 8);
        check_refused("2026-11-22T24:00:00Z", 11);
        check_refused("2026-11-22T10:60:00Z", 14);
        check_refused("2026-11-22T10:00:60Z", 17);
        check_refused("2026-11-22T10:00:00.Z", 20);
        check_refused("2026-11-22T10:00:00.1234567Z", 26);
        check_refused("2026-11-22T10:00:00+24:00", 20);
        check_refused("2026/11-22T10:00:00Z", 4);
        check_refused("2026-1a-22T10:00:00Z", 6);
        check_refused("2026-11-22", 10);
    }

    #[track_caller]
    fn check_written(micros: i64, offset: i16, expect: &str) {
        assert_eq!(Timestamp::with_offset(micros, offset).to_string(), expect);
    }

    #[test]
    fn writing() {
        check_written(0, 0, "1970-01-01T00:00:00.000000Z");
        check_written(1_795_341_600_123_456, 60, "2026-11-22T11:00:00.123456+01:00");
        check_written(-1, 0, "1969-12-31T23:59:59.999999Z");
        check_written(i64::MAX, 0, "9999-12-31T23:59:59.999999Z");
        check_written(i64::MIN, i16::MIN, "0000-01-01T00:00:00.000000-23:59");
    }

    #[test]
    fn bsd_stamp_pads_the_day() {
        let mut out = Vec::new();
        Timestamp::from_unix_micros(1_795_341_600_000_000 - 20 * MICROS_PER_DAY).write_rfc3164(&mut out);
        assert_eq!(out, b"Nov  2 10:00:00");
    }

    proptest! {
           #[test]
           fn written_stamps_are_read_back(micros in FIRST_MICROS + MICROS_PER_DAY..LAST_MICROS - MICROS_PER_DAY, offset in -1439i16..=1439) {
               let stamp = Timestamp::with_offset(micros, offset);
               prop_assert_eq!(Timestamp::parse_rfc3339(stamp.to_string().as_bytes()), Some(stamp));
           }

           #[test]
           fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
               match scan_rfc3339(&bytes) {
    Ok((_, at)) | Err((at, _)) => prop_assert!(at <= bytes.len()),
    }
           }

           #[test]
           fn days_and_dates_agree(days in -3_000_000i64..3_000_000) {
               let (y, m, d) = civil_from_days(days);
               prop_assert_eq!(days_from_civil(y, m, d), days);
               prop_assert!(d <= days_in_month(y, m));
           }
       }
}
