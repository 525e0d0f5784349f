//! Times in a query: points, durations, and the half-open ranges that they become.
//!
//! There is no clock here: a time relative to now or today stays so until [`TimeRange::span`] is
//! given the time. Dates without a zone are UTC, and so is `today`. The options of the command line
//! are read here too, so that they take the same words.
//!
//! A written point is the span of its precision: `2026-11-22` is that whole day and
//! `10:00:00` that second. `>=` begins at its start, `>` after its end, `<=` reaches to
//! its end, `<` to its start, and the brackets of `[a TO b]` likewise.
//!
//! Invariant: everything here is in microseconds, and every range is half-open.

use std::fmt;

use jiff::civil;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// The longest duration that a query may name; about a thousand years.
pub const MAX_DURATION_MICROS: i64 = 1000 * 366 * 86_400 * MICROS_PER_SECOND;
/// The first moment that a query may name: 0001-01-01.
pub const MIN_TIME_MICROS: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// The last moment that a query may name: 9999-01-01. Later ends are cut to it.
pub const MAX_TIME_MICROS: i64 = 253_370_764_800 * MICROS_PER_SECOND;

/// Units of durations, longest first, with their length in microseconds.
pub const UNITS: [(&str, i64); 10] = [
    ("y", 365 * 86_400 * MICROS_PER_SECOND),
    ("w", 7 * MICROS_PER_DAY),
    ("d", MICROS_PER_DAY),
    ("h", 3_600 * MICROS_PER_SECOND),
    ("m", 60 * MICROS_PER_SECOND),
    ("min", 60 * MICROS_PER_SECOND),
    ("s", MICROS_PER_SECOND),
    ("ms", 1_000),
    ("us", 1),
    ("µs", 1),
];

/// Which time of an event is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// When loggr received it; stores sort and keep events by this time.
    Generated,
    /// When the sender says that it happened.
    Reported,
}

/// How a time may be written, for hints.
pub const HOW_TO_WRITE_A_TIME: &str = "write how long ago (`15m`, `1h30m`, `7d`), `today`, `yesterday`, a date or a \
     time in UTC (`2026-11-22`, `2026-11-22T10:00`), or a time with its zone (`2026-11-22T10:00:00+01:00`)";

/// A moment, in microseconds since 1970 or relative to the time of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePoint {
    /// Absolute.
    At(i64),
    /// Now and so many microseconds (negative: before now).
    Now(i64),
    /// The beginning of today in UTC and so many microseconds.
    Today(i64),
}

impl TimePoint {
    /// The moment, when it is `now`.
    pub fn micros(self, now: i64) -> i64 {
        match self {
            TimePoint::At(micros) => micros,
            TimePoint::Now(offset) => now.saturating_add(offset),
            TimePoint::Today(offset) => (now - now.rem_euclid(MICROS_PER_DAY)).saturating_add(offset),
        }
    }

    fn plus(self, micros: i64) -> TimePoint {
        match self {
            TimePoint::At(at) => TimePoint::At(at.saturating_add(micros)),
            TimePoint::Now(offset) => TimePoint::Now(offset.saturating_add(micros)),
            TimePoint::Today(offset) => TimePoint::Today(offset.saturating_add(micros)),
        }
    }
}

/// From a moment (inside) until a moment (outside); at least one of them is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First moment inside.
    pub from: Option<TimePoint>,
    /// First moment after it.
    pub until: Option<TimePoint>,
}

impl TimeRange {
    /// In microseconds, when it is `now`.
    pub fn span(&self, now: i64) -> Span {
        Span {
            from: self.from.map_or(i64::MIN, |p| p.micros(now)),
            until: self.until.map_or(i64::MAX, |p| p.micros(now)),
        }
    }

    /// The same with every point absolute.
    pub fn at(&self, now: i64) -> TimeRange {
        let fix = |p: Option<TimePoint>| p.map(|p| TimePoint::At(p.micros(now)));
        TimeRange { from: fix(self.from), until: fix(self.until) }
    }
}

/// A half-open range of microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First moment inside; `i64::MIN` is open.
    pub from: i64,
    /// First moment after it; `i64::MAX` is open.
    pub until: i64,
}

impl Span {
    /// All times.
    pub const ALL: Span = Span { from: i64::MIN, until: i64::MAX };

    /// Is a moment inside?
    pub fn contains(&self, micros: i64) -> bool {
        micros >= self.from && (micros < self.until || self.until == i64::MAX)
    }

    /// What is in both.
    pub fn intersect(&self, other: Span) -> Span {
        Span { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// True when no moment is inside.
    pub fn is_empty(&self) -> bool {
        self.from >= self.until
    }
}

/// A written point: from its start until the end of its precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub start: TimePoint,
    pub end: TimePoint,
}

/// A time as a person writes it where one is asked for.
pub(super) enum When {
    /// A duration: so many microseconds ago, and everything since.
    Ago(i64),
    /// A point, which lasts as long as it is exact.
    Point(Written),
}

/// Reads a duration or a point.
pub(super) fn parse_when(text: &str) -> Option<When> {
    match parse_duration(text) {
        Some(micros) => Some(When::Ago(micros)),
        None => parse_point(text).map(When::Point),
    }
}

/// Reads the moment at which something begins or ends: a duration is that long ago, and a
/// date stands for its first moment. `_time:` in a query takes the same words.
///
/// ```
/// use loggr_store::query::{TimePoint, parse_moment};
/// assert_eq!(parse_moment("1h30m"), Some(TimePoint::Now(-5_400_000_000)));
/// assert_eq!(parse_moment("1970-01-02"), Some(TimePoint::At(86_400_000_000)));
/// assert_eq!(parse_moment("soon"), None);
/// ```
pub fn parse_moment(text: &str) -> Option<TimePoint> {
    Some(match parse_when(text)? {
        When::Ago(micros) => TimePoint::Now(-micros),
        When::Point(written) => written.start,
    })
}

/// Reads `5m`, `1h30m`, `1.5d`, `250ms`. `None` if it is not a duration or too long.
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number_len = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, after) = rest.split_at(number_len);
        let unit_len = after.bytes().take_while(|b| !b.is_ascii_digit() && *b != b'.').count();
        let (unit, next) = after.split_at(unit_len);
        let unit = unit.to_ascii_lowercase();
        let (_, micros) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scale(number, micros)?)?;
        if total > MAX_DURATION_MICROS {
            return None;
        }
        rest = next;
    }
    Some(total)
}

/// `number` times `micros`, truncated to whole microseconds.
fn scale(number: &str, micros: i64) -> Option<i64> {
    let (int, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = int.parse::<i64>().ok()?.checked_mul(micros)?;
    if fraction.is_empty() {
        return (!number.contains('.')).then_some(whole);
    }
    if fraction.len() > 9 {
        return None;
    }
    let part = i128::from(fraction.parse::<u64>().ok()?) * i128::from(micros);
    let part = part / 10i128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_add(i64::try_from(part).ok()?)
}

/// Reads a point: `now`, `now-5m`, `today`, `yesterday`, `today-2d`, a date with or without a
/// time of day, or an epoch number of seconds, milliseconds or microseconds.
pub(super) fn parse_point(text: &str) -> Option<Written> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if let Some(offset) = lower.strip_prefix("now") {
        return Some(lasting(TimePoint::Now(parse_offset(offset)?), 1));
    }
    if lower == "yesterday" {
        return Some(lasting(TimePoint::Today(-MICROS_PER_DAY), MICROS_PER_DAY));
    }
    if let Some(offset) = lower.strip_prefix("today") {
        let offset = parse_offset(offset)?;
        let is_day = offset % MICROS_PER_DAY == 0;
        return Some(lasting(TimePoint::Today(offset), if is_day { MICROS_PER_DAY } else { 1 }));
    }
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        let unit = match text.len() {
            9..=11 => MICROS_PER_SECOND,
            12..=14 => 1_000,
            15..=17 => 1,
            _ => return None,
        };
        return Some(lasting(TimePoint::At(text.parse::<i64>().ok()?.checked_mul(unit)?), unit));
    }
    parse_date(&lower)
}

fn lasting(start: TimePoint, micros: i64) -> Written {
    Written { start, end: start.plus(micros) }
}

/// Reads `-5m` or `+1h` behind `now` or `today`; nothing is no offset.
fn parse_offset(text: &str) -> Option<i64> {
    match text.split_at_checked(1) {
        Some(("-", duration)) => parse_duration(duration).map(|micros| -micros),
        Some(("+", duration)) => parse_duration(duration),
        _ => text.is_empty().then_some(0),
    }
}

/// Takes `n` digits.
fn digits(text: &mut &str, n: usize) -> Option<i16> {
    let (head, tail) = text.split_at_checked(n)?;
    if !head.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    *text = tail;
    head.parse().ok()
}

fn take(text: &mut &str, prefix: char) -> bool {
    match text.strip_prefix(prefix) {
        Some(tail) => {
            *text = tail;
            true
        }
        None => false,
    }
}

/// Reads `2026[-11[-22[T10[:00[:00[.123456]]]]]][Z|+01:00]`, in lower case.
fn parse_date(text: &str) -> Option<Written> {
    let mut rest = text;
    let year = digits(&mut rest, 4)?;
    let (mut month, mut day, mut hour, mut minute, mut second, mut micros) = (1, 1, 0, 0, 0, 0i64);
    // How long the written precision is; months and years are counted by the calendar.
    let mut precision = Precision::Year;
    if take(&mut rest, '-') {
        month = digits(&mut rest, 2)?;
        precision = Precision::Month;
        if take(&mut rest, '-') {
            day = digits(&mut rest, 2)?;
            precision = Precision::Micros(86_400 * MICROS_PER_SECOND);
            if take(&mut rest, 't') || take(&mut rest, ' ') {
                hour = digits(&mut rest, 2)?;
                precision = Precision::Micros(3_600 * MICROS_PER_SECOND);
                if take(&mut rest, ':') {
                    minute = digits(&mut rest, 2)?;
                    precision = Precision::Micros(60 * MICROS_PER_SECOND);
                    if take(&mut rest, ':') {
                        second = digits(&mut rest, 2)?;
                        precision = Precision::Micros(MICROS_PER_SECOND);
                        if take(&mut rest, '.') {
                            let unit;
                            (micros, unit) = fraction(&mut rest)?;
                            precision = Precision::Micros(unit);
                        }
                    }
                }
            }
        }
    }
    let offset_seconds = zone(rest)?;
    let date = civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let start = midnight(date)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let shift = (i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second) - offset_seconds)
        * MICROS_PER_SECOND
        + micros;
    let end = match precision {
        Precision::Year => midnight(civil::Date::new(year + 1, 1, 1).ok()?)? + shift,
        Precision::Month => {
            let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            midnight(civil::Date::new(year, i8::try_from(month).ok()?, 1).ok()?)? + shift
        }
        Precision::Micros(micros) => start + shift + micros,
    };
    let start = start + shift;
    if !(MIN_TIME_MICROS..=MAX_TIME_MICROS).contains(&start) {
        return None;
    }
    Some(Written { start: TimePoint::At(start), end: TimePoint::At(end.min(MAX_TIME_MICROS)) })
}

enum Precision {
    Year,
    Month,
    Micros(i64),
}

fn midnight(date: civil::Date) -> Option<i64> {
    let stamp = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(stamp.as_microsecond())
}

/// Digits after the point as microseconds, and the length of the last of them.
fn fraction(rest: &mut &str) -> Option<(i64, i64)> {
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (all, tail) = rest.split_at(len);
    if len == 0 || len > 9 {
        return None;
    }
    *rest = tail;
    let kept = all.get(..len.min(6))?;
    let unit = 10i64.pow(u32::try_from(6 - kept.len()).ok()?);
    Some((kept.parse::<i64>().ok()? * unit, unit))
}

/// Seconds east of UTC; no zone is UTC.
fn zone(mut rest: &str) -> Option<i64> {
    if rest.is_empty() || rest == "z" {
        return Some(0);
    }
    let sign = if take(&mut rest, '+') {
        1
    } else if take(&mut rest, '-') {
        -1
    } else {
        return None;
    };
    let hours = digits(&mut rest, 2)?;
    let colon = take(&mut rest, ':');
    let minutes = if rest.is_empty() && !colon { 0 } else { digits(&mut rest, 2)? };
    if !rest.is_empty() || hours > 23 || minutes > 59 {
        return None;
    }
    Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

impl fmt::Display for TimePoint {
    /// As [`parse_point`] reads it; absolute ones to the microsecond where they have any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TimePoint::Now(offset) => write_offset(f, "now", offset),
            TimePoint::Today(offset) => write_offset(f, "today", offset),
            TimePoint::At(micros) => match jiff::Timestamp::from_microsecond(micros) {
                Ok(stamp) => write!(f, "{stamp}"),
                Err(_) => write!(f, "{micros}"),
            },
        }
    }
}

fn write_offset(f: &mut fmt::Formatter<'_>, from: &str, offset: i64) -> fmt::Result {
    if offset == 0 {
        return f.write_str(from);
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let size = offset.unsigned_abs();
    // The year is left out: nobody reads `1y` as 365 days.
    let units = UNITS.into_iter().skip(1).map(|(name, micros)| (name, micros.unsigned_abs()));
    let (name, unit) = units.into_iter().find(|(_, u)| size.is_multiple_of(*u)).unwrap_or(("us", 1));
    write!(f, "{from}{sign}{}{name}", size / unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, start: &str, end: &str) {
        let point = parse_point(text).unwrap_or_else(|| panic!("`{text}` is a point"));
        assert_eq!((point.start.to_string().as_str(), point.end.to_string().as_str()), (start, end));
    }

    #[test]
    fn a_point_lasts_as_long_as_its_precision() {
        check("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        check("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
        check("2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
        check("2026-11-22", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
        check("2026-11-22T10", "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z");
        check("2026-11-22t10:30z", "2026-11-22T10:30:00Z", "2026-11-22T10:31:00Z");
        check("2026-11-22 10:30:05", "2026-11-22T10:30:05Z", "2026-11-22T10:30:06Z");
        check("2026-11-22T10:30:05.5Z", "2026-11-22T10:30:05.5Z", "2026-11-22T10:30:05.6Z");
        check("2026-11-22T10:30:05.123456789Z", "2026-11-22T10:30:05.123456Z", "2026-11-22T10:30:05.123457Z");
        check("2026-11-22T10:30:05+01:00", "2026-11-22T09:30:05Z", "2026-11-22T09:30:06Z");
        check("2026-11-22T10:30-0130", "2026-11-22T12:00:00Z", "2026-11-22T12:01:00Z");
        check("1790000000", "2026-09-21T14:13:20Z", "2026-09-21T14:13:21Z");
        check("1790000000123", "2026-09-21T14:13:20.123Z", "2026-09-21T14:13:20.124Z");
        check("1790000000123456", "2026-09-21T14:13:20.123456Z", "2026-09-21T14:13:20.123457Z");
        check("now", "now", "now+1us");
        check("NOW-5m", "now-5m", "now-299999999us");
        check("now+90s", "now+90s", "now+90000001us");
        check("today", "today", "today+1d");
        check("Yesterday", "today-1d", "today");
        check("today-1w", "today-1w", "today-6d");
        check("today+8h", "today+8h", "today+28800000001us");
    }

    #[track_caller]
    fn check_moment(text: &str, expect: &str) {
        let now = 1_795_341_600_000_000;
        let shown = parse_moment(text).map(|point| TimePoint::At(point.micros(now)).to_string());
        assert_eq!(shown.as_deref().unwrap_or("none"), expect, "`{text}`");
    }

    #[test]
    fn options_take_the_words_of_the_query() {
        check_moment("now", "2026-11-22T10:00:00Z");
        check_moment("15m", "2026-11-22T09:45:00Z");
        check_moment("15min", "2026-11-22T09:45:00Z");
        check_moment("1h30m", "2026-11-22T08:30:00Z");
        check_moment("now-15m", "2026-11-22T09:45:00Z");
        check_moment("today", "2026-11-22T00:00:00Z");
        check_moment("yesterday", "2026-11-21T00:00:00Z");
        check_moment("2026-11-20", "2026-11-20T00:00:00Z");
        check_moment("2026-11-20T10:30", "2026-11-20T10:30:00Z");
        check_moment("2026-11-20 10:30:05", "2026-11-20T10:30:05Z");
        check_moment("2026-11-20T10:30:05+01:00", "2026-11-20T09:30:05Z");
        check_moment("1790000000", "2026-09-21T14:13:20Z");
        check_moment("soon", "none");
        check_moment("", "none");
    }

    #[test]
    fn what_is_no_point() {
        for text in [
            "",
            "x",
            "26",
            "0000",
            "9999",
            "2026-13",
            "2026-02-30",
            "2026-11-22T24",
            "2026-11-22T10:60",
            "2026-11-22T",
            "2026-11-22T10:30:05.",
            "2026-11-22T10:30+1",
            "2026-11-22T10:30+25:00",
            "now-",
            "now5m",
            "now*2",
            "todays",
            "today-",
            "yesterday-1d",
            "2026-1-1",
            "123456789012345678",
            "2026-11-22T10:30:05.1234567890",
            "2026-11-22é",
            "nowé",
        ] {
            assert_eq!(parse_point(text), None, "`{text}`");
        }
    }

    #[track_caller]
    fn check_duration(text: &str, expect: Option<i64>) {
        assert_eq!(parse_duration(text), expect, "`{text}`");
    }

    #[test]
    fn durations() {
        check_duration("5m", Some(300_000_000));
        check_duration("1h30m", Some(5_400_000_000));
        check_duration("1.5h", Some(5_400_000_000));
        check_duration("250ms", Some(250_000));
        check_duration("2D", Some(172_800_000_000));
        check_duration("1w", Some(604_800_000_000));
        check_duration("10µs", Some(10));
        for text in ["", "5", "m", "5 m", "-5m", "5x", "1.m", ".5m", "1.2.3m", "99999999y", "5mé"] {
            check_duration(text, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(micros in -60_000_000_000_000_000i64..250_000_000_000_000_000, offset in -10_000_000_000i64..10_000_000_000) {
            let at = TimePoint::At(micros);
            prop_assert_eq!(parse_point(&at.to_string()).map(|w| w.start), Some(at));
            let now = TimePoint::Now(offset);
            prop_assert_eq!(parse_point(&now.to_string()).map(|w| w.start), Some(now));
            let today = TimePoint::Today(offset);
            prop_assert_eq!(parse_point(&today.to_string()).map(|w| w.start), Some(today));
        }

        #[test]
        fn any_text_is_safe(text in "\\PC{0,40}", dates in "[-0-9tzT:.+ nowms]{0,40}") {
            parse_point(&text);
            parse_duration(&text);
            parse_point(&dates);
            parse_duration(&dates);
        }
    }
}
