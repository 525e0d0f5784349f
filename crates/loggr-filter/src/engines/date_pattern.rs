//! A pattern of dates, in Joda's letters (`dd/MMM/yyyy:HH:mm:ss Z`) or as strftime writes them
//! (`%d/%b/%Y:%H:%M:%S %z`), compiled once and matched against whole texts.
//!
//! Names of months and days are English, in any case, short or long. White space between the parts
//! stands for any amount of white space. Numbers may come without their leading zero unless another
//! number follows at once. A missing year or zone is filled in by loggr-event.

use loggr_event::{Civil, MONTHS, Timestamp, WEEKDAYS, is_timezone, zone_offset};

/// Longest pattern in bytes.
pub const MAX_PATTERN_BYTES: usize = 256;
/// Longest text in bytes that is looked at.
pub const MAX_DATE_BYTES: usize = 256;

/// Letters of a short name.
const SHORT: usize = 3;
/// Most digits of a second's fraction.
const MAX_FRACTION_DIGITS: usize = 18;
/// Two digits below this are years after 2000, as POSIX has it.
const PIVOT: u32 = 69;

/// The meaning of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Year,
    YearOfCentury,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Hour,
    /// 1–24, where 24 is midnight.
    HourFrom1,
    /// 0–11 or 1–12, with morning or afternoon.
    HalfHour,
    Minute,
    Second,
    /// Digits behind the point.
    Fraction,
    Epoch,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Text(String),
    /// Any amount of white space, at least one.
    Space,
    /// White space that may be missing.
    Padding,
    /// A number with its meaning, and the fewest and the most digits that it may have.
    Number(Number, usize, usize),
    MonthName,
    DayName,
    HalfDay,
    Zone,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    items: Vec<Item>,
}

impl Pattern {
    /// Compiles a pattern; one with a `%` is strftime's.
    ///
    /// # Errors
    /// The part of the pattern that has no meaning, or that the pattern names no day.
    pub fn compile(text: &str) -> Result<Pattern, String> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(format!("the pattern has {} bytes, more than {MAX_PATTERN_BYTES}", text.len()));
        }
        let mut items = if text.contains('%') { strftime(text)? } else { joda(text)? };
        count_digits(&mut items);
        let has = |number| items.iter().any(|i| matches!(i, Item::Number(n, ..) if *n == number));
        let month = has(Number::Month) || items.contains(&Item::MonthName);
        let year = has(Number::Year) || has(Number::YearOfCentury);
        if !(has(Number::Epoch) || month && has(Number::Day) || year && has(Number::DayOfYear)) {
            return Err(
                "it has no day: it needs a month and a day, or a year and a day of the year".to_owned()
            );
        }
        if has(Number::HalfHour) && !items.contains(&Item::HalfDay) {
            return Err("it has an hour from 1 to 12, but no AM or PM".to_owned());
        }
        Ok(Pattern { items })
    }

    /// The moment of a text that is a date of this pattern and nothing else.
    pub fn read(&self, text: &str, zone: &str, now: Timestamp) -> Option<Timestamp> {
        if text.len() > MAX_DATE_BYTES {
            return None;
        }
        let mut found = Found::default();
        let mut rest = text;
        for item in &self.items {
            rest = found.item(item, rest)?;
        }
        if !rest.is_empty() {
            return None;
        }
        found.moment(zone, now)
    }
}

/// What was read from the parts of a text.
#[derive(Default)]
struct Found<'t> {
    civil: Civil,
    day_of_year: Option<u16>,
    half_hour: Option<u8>,
    afternoon: bool,
    epoch: Option<i64>,
    zone: Option<&'t str>,
}

impl<'t> Found<'t> {
    /// Reads one item from the text and gives the text behind it.
    fn item(&mut self, item: &Item, text: &'t str) -> Option<&'t str> {
        match item {
            Item::Text(expected) => text.strip_prefix(expected.as_str()),
            Item::Padding => Some(text.trim_start()),
            Item::Space => {
                let rest = text.trim_start();
                (rest.len() < text.len()).then_some(rest)
            }
            Item::Number(number, fewest, most) => {
                let digits = text.bytes().take(*most).take_while(u8::is_ascii_digit).count();
                if digits < *fewest {
                    return None;
                }
                let (number_text, rest) = text.split_at_checked(digits)?;
                self.number(*number, number_text)?;
                Some(rest)
            }
            Item::MonthName => {
                let (at, rest) = name(text, &MONTHS)?;
                self.civil.month = u8::try_from(at + 1).ok()?;
                Some(rest)
            }
            Item::DayName => name(text, &WEEKDAYS).map(|(_, rest)| rest),
            Item::HalfDay => {
                let (word, rest) = text.split_at_checked(2)?;
                self.afternoon = word.eq_ignore_ascii_case("pm");
                (self.afternoon || word.eq_ignore_ascii_case("am")).then_some(rest)
            }
            Item::Zone => self.zone(text),
        }
    }

    fn number(&mut self, number: Number, text: &str) -> Option<()> {
        if number == Number::Fraction {
            let digits = text.get(..6).unwrap_or(text);
            let scale = 10u32.pow(u32::try_from(6 - digits.len()).ok()?);
            self.civil.micros = digits.parse::<u32>().ok()? * scale;
            return Some(());
        }
        if number == Number::Epoch {
            self.epoch = Some(text.parse().ok()?);
            return Some(());
        }
        let value: u16 = text.parse().ok()?;
        let small = u8::try_from(value);
        match number {
            Number::Year => self.civil.year = Some(value),
            Number::YearOfCentury => {
                self.civil.year = Some(if u32::from(value) < PIVOT { 2000 + value } else { 1900 + value });
            }
            Number::Month => self.civil.month = small.ok()?,
            Number::Day => self.civil.day = small.ok()?,
            Number::DayOfYear => self.day_of_year = Some(value),
            Number::Weekday => {}
            Number::Hour => self.civil.hour = small.ok()?,
            Number::HourFrom1 if (1..=24).contains(&value) => self.civil.hour = small.ok()? % 24,
            Number::HalfHour if value <= 12 => self.half_hour = Some(small.ok()? % 12),
            Number::Minute => self.civil.minute = small.ok()?,
            Number::Second => self.civil.second = small.ok()?,
            Number::HourFrom1 | Number::HalfHour | Number::Fraction | Number::Epoch => return None,
        }
        Some(())
    }

    /// An offset, a word like `CET`, the two together (`GMT+0100`, `UTC +05:30`), or
    /// `Europe/Berlin`; it may stand apart from what is before it.
    fn zone(&mut self, text: &'t str) -> Option<&'t str> {
        let text = text.trim_start();
        if let Some((offset, rest)) = offset(text) {
            self.civil.offset = Some(offset);
            return Some(rest);
        }
        let utc = ["UTC", "GMT"].iter().find_map(|word| text.strip_prefix(word));
        if let Some((offset, rest)) = utc.and_then(|behind| offset(behind.trim_start())) {
            self.civil.offset = Some(offset);
            return Some(rest);
        }
        let end =
            text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '/' | ':' | '_')));
        let word = text.get(..end.unwrap_or(text.len()))?.trim_end_matches(':');
        match word {
            "z" => self.civil.offset = Some(0),
            word if zone_offset(word).is_some() => self.civil.offset = zone_offset(word),
            word if !word.is_empty() && is_timezone(word) => self.zone = Some(word),
            _ => return None,
        }
        text.get(word.len()..)
    }

    fn moment(mut self, zone: &str, now: Timestamp) -> Option<Timestamp> {
        if let Some(seconds) = self.epoch {
            return epoch(seconds, self.civil.micros);
        }
        if let Some(hour) = self.half_hour {
            self.civil.hour = hour + if self.afternoon { 12 } else { 0 };
        }
        if let (Some(day), Some(year)) = (self.day_of_year, self.civil.year) {
            (self.civil.month, self.civil.day) = Civil::of_year(year, day)?;
        }
        self.civil.moment(self.zone.unwrap_or(zone), now)
    }
}

/// Minutes east of UTC of `+05:30`, `+0530`, `+05`, `+5:30` or `+5`, and what follows, which is
/// not always set off.
fn offset(text: &str) -> Option<(i16, &str)> {
    let east: i16 = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let part = |from: usize, to: usize| -> Option<i16> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let colon = |at: usize| text.as_bytes().get(at) == Some(&b':');
    let shapes = [
        (part(1, 3).filter(|_| colon(3)), part(4, 6), 6),
        (part(1, 2).filter(|_| colon(2)), part(3, 5), 5),
        (part(1, 3), part(3, 5), 5),
        (part(1, 3), Some(0), 3),
        (part(1, 2), Some(0), 2),
    ];
    shapes.into_iter().find_map(|(hours, minutes, len)| {
        let (hours, minutes) = (hours.filter(|h| *h < 24)?, minutes.filter(|m| *m < 60)?);
        Some((east * (hours * 60 + minutes), text.get(len..)?))
    })
}

/// Seconds since 1970 and microseconds more, within the years 0–9999.
pub(super) fn epoch(seconds: i64, micros: u32) -> Option<Timestamp> {
    const YEARS: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;
    YEARS.contains(&seconds).then(|| Timestamp::from_unix_micros(seconds * 1_000_000 + i64::from(micros)))
}

/// Reads one of the names, long or short, at the beginning, and gives the text behind it.
fn name<'t>(text: &'t str, names: &[&str]) -> Option<(usize, &'t str)> {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let at = names.iter().position(|n| {
        let is = |len: usize| {
            let parts = (n.get(..len), text.get(..len));
            matches!(parts, (Some(name), Some(word)) if word.eq_ignore_ascii_case(name))
        };
        letters == n.len() && is(n.len()) || letters >= SHORT && letters != n.len() && is(SHORT)
    })?;
    let whole = names.get(at).is_some_and(|n| n.len() == letters);
    // Some write `Sept` for `Sep`; the text behind a short name is not always set off from it.
    let long = names.get(at).map_or(0, |n| n.len());
    let len = match () {
        () if whole => long,
        () if letters == 4 && text.get(..4).is_some_and(|w| w.eq_ignore_ascii_case("sept")) => 4,
        () => SHORT,
    };
    Some((at, text.get(len..)?))
}

/// Adds a letter of fixed text.
fn push_text(items: &mut Vec<Item>, c: char) {
    if c.is_whitespace() {
        if items.last() != Some(&Item::Space) {
            items.push(Item::Space);
        }
    } else if let Some(Item::Text(text)) = items.last_mut() {
        text.push(c);
    } else {
        items.push(Item::Text(c.to_string()));
    }
}

/// Joda's letters, as Logstash takes them.
fn joda(pattern: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            let mut quoted = false;
            loop {
                match chars.next() {
                    // Two quotes stand for one, within quotes and outside.
                    Some('\'') if chars.peek() == Some(&'\'') && quoted => {
                        chars.next();
                        push_text(&mut items, '\'');
                    }
                    Some('\'') if !quoted => {
                        push_text(&mut items, '\'');
                        break;
                    }
                    Some('\'') => break,
                    Some(c) => push_text(&mut items, c),
                    None => return Err("a single quote is never closed".to_owned()),
                }
                quoted = true;
            }
            continue;
        }
        if !c.is_ascii_alphabetic() {
            push_text(&mut items, c);
            continue;
        }
        let mut count = 1;
        while chars.next_if_eq(&c).is_some() {
            count += 1;
        }
        items.push(match (c, count) {
            ('y' | 'Y' | 'u', 2) => Item::Number(Number::YearOfCentury, 2, 2),
            ('y' | 'Y' | 'u', 1 | 4) => Item::Number(Number::Year, count, 4),
            ('M' | 'L', 1 | 2) => Item::Number(Number::Month, count, 2),
            ('M' | 'L', 3..) => Item::MonthName,
            ('d', 1 | 2) => Item::Number(Number::Day, count, 2),
            ('D', 1..=3) => Item::Number(Number::DayOfYear, count, 3),
            ('E', 1..) => Item::DayName,
            ('e', 1) => Item::Number(Number::Weekday, 1, 1),
            ('H', 1 | 2) => Item::Number(Number::Hour, count, 2),
            ('k', 1 | 2) => Item::Number(Number::HourFrom1, count, 2),
            ('K' | 'h', 1 | 2) => Item::Number(Number::HalfHour, count, 2),
            ('m', 1 | 2) => Item::Number(Number::Minute, count, 2),
            ('s', 1 | 2) => Item::Number(Number::Second, count, 2),
            ('S', 1..=9) => Item::Number(Number::Fraction, count, count),
            ('a', 1) => Item::HalfDay,
            ('Z' | 'z' | 'X' | 'x', 1..) => Item::Zone,
            _ => {
                let letters = c.to_string().repeat(count);
                return Err(format!("`{letters}` means nothing in a pattern"));
            }
        });
    }
    Ok(items)
}

/// Numbers beside each other have the digits that are written for them. Others may come
/// without their leading zero, and a fraction with more digits than `SSS` says or fewer.
fn count_digits(items: &mut [Item]) {
    let number = |item: Option<&Item>| matches!(item, Some(Item::Number(..)));
    for at in 0..items.len() {
        let before = at.checked_sub(1).is_some_and(|b| number(items.get(b)));
        let follows = number(items.get(at + 1));
        match items.get_mut(at) {
            Some(Item::Number(_, fewest, most)) if follows => *fewest = *most,
            Some(Item::Number(Number::Fraction, fewest, most)) if !before => {
                (*fewest, *most) = (1, MAX_FRACTION_DIGITS);
            }
            Some(Item::Number(Number::Year | Number::YearOfCentury, ..)) => {}
            Some(Item::Number(_, fewest, _)) if !before => *fewest = 1,
            _ => {}
        }
    }
}

/// strftime's letters.
fn strftime(pattern: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            push_text(&mut items, c);
            continue;
        }
        // How numbers are padded matters to those who write them.
        while chars.next_if(|c| matches!(c, '-' | '_' | '0' | '^' | '#' | ':' | '.')).is_some() {}
        let width = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10));
        let Some(letter) = chars.next() else {
            return Err("a `%` stands at the end".to_owned());
        };
        match letter {
            'Y' => items.push(Item::Number(Number::Year, 4, 4)),
            'y' => items.push(Item::Number(Number::YearOfCentury, 2, 2)),
            'm' => items.push(Item::Number(Number::Month, 2, 2)),
            'b' | 'B' | 'h' => items.push(Item::MonthName),
            'd' => items.push(Item::Number(Number::Day, 2, 2)),
            'e' => items.extend([Item::Padding, Item::Number(Number::Day, 1, 2)]),
            'j' => items.push(Item::Number(Number::DayOfYear, 3, 3)),
            'a' | 'A' => items.push(Item::DayName),
            'u' | 'w' => items.push(Item::Number(Number::Weekday, 1, 1)),
            'H' => items.push(Item::Number(Number::Hour, 2, 2)),
            'k' => items.extend([Item::Padding, Item::Number(Number::Hour, 1, 2)]),
            'I' => items.push(Item::Number(Number::HalfHour, 2, 2)),
            'l' => items.extend([Item::Padding, Item::Number(Number::HalfHour, 1, 2)]),
            'M' => items.push(Item::Number(Number::Minute, 2, 2)),
            'S' => items.push(Item::Number(Number::Second, 2, 2)),
            'f' | 'N' | 'L' => items.push(match width.and_then(|w| usize::try_from(w).ok()) {
                Some(width @ 1..) => Item::Number(Number::Fraction, width, width),
                _ => Item::Number(Number::Fraction, 1, MAX_FRACTION_DIGITS),
            }),
            'p' | 'P' => items.push(Item::HalfDay),
            'z' | 'Z' => items.push(Item::Zone),
            's' => items.push(Item::Number(Number::Epoch, 1, 12)),
            'F' => items.extend(joda("yyyy-MM-dd")?),
            'T' => items.extend(joda("HH:mm:ss")?),
            'R' => items.extend(joda("HH:mm")?),
            'D' => items.extend(joda("MM/dd/yy")?),
            'n' | 't' => items.push(Item::Space),
            '%' => push_text(&mut items, '%'),
            other => return Err(format!("`%{}` means nothing in a pattern", other.escape_debug())),
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

    #[track_caller]
    fn check(pattern: &str, text: &str, expect: &str) {
        let pattern = Pattern::compile(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        let got = pattern.read(text, "Europe/Berlin", NOW).map(|t| t.to_string().replace(".000000", ""));
        assert_eq!(got.as_deref().unwrap_or("none"), expect, "{text}");
    }

    #[test]
    fn patterns_of_joda() {
        check("dd/MMM/yyyy:HH:mm:ss Z", "22/Nov/2026:10:00:01 -0700", "2026-11-22T10:00:01-07:00");
        check("MMM  d HH:mm:ss", "Nov  2 10:00:01", "2026-11-02T10:00:01+01:00");
        check("MMM d HH:mm:ss", "Nov  2 10:00:01", "2026-11-02T10:00:01+01:00");
        check("MMM dd HH:mm:ss", "Jul 2 10:00:01", "2026-07-02T10:00:01+02:00");
        check("yyyy-MM-dd HH:mm:ss,SSS", "2026-11-22 10:00:01,25", "2026-11-22T10:00:01.250000+01:00");
        check(
            "yyyy-MM-dd'T'HH:mm:ss.SSSZZ",
            "2026-11-22T10:00:01.123456789+02:00",
            "2026-11-22T10:00:01.123456+02:00",
        );
        check("yyyyMMddHHmmssSSS", "20261122100001250", "2026-11-22T10:00:01.250000+01:00");
        check("yyMMdd HH:mm:ss", "261122  1:02:03", "2026-11-22T01:02:03+01:00");
        check("yy/M/d", "69/1/2", "1969-01-02T00:00:00+01:00");
        check("EEE MMM dd HH:mm:ss yyyy", "Sun Nov 22 10:00:01 2026", "2026-11-22T10:00:01+01:00");
        check("EEEE, d MMMM yyyy h:mm a", "Sunday, 22 November 2026 12:05 am", "2026-11-22T00:05:00+01:00");
        check("d MMM yyyy hh:mm:ss a", "22 SEPT 2026 01:05:00 PM", "2026-09-22T13:05:00+02:00");
        check("d MMM yyyy", "1 may 2026", "2026-05-01T00:00:00+02:00");
        check("yyyy DDD kk:mm", "2024 366 24:01", "2024-12-31T00:01:00+01:00");
        check("MM/dd/yyyy 'at' HH''mm", "11/22/2026 at 10'05", "2026-11-22T10:05:00+01:00");
        check("yyyy.MM.dd HH:mm z", "2026.11.22 10:00 CET", "2026-11-22T10:00:00+01:00");
        check("yyyy.MM.dd HH:mm ZZZ", "2026.11.22 10:00 America/New_York", "2026-11-22T10:00:00-05:00");
        check("EEE MMM dd yyyy HH:mm:ss z", "Sun Nov 22 2026 10:00:00 GMT+0100", "2026-11-22T10:00:00+01:00");
    }

    #[test]
    fn zones_that_stand_apart_and_have_a_colon() {
        let apart = |zone: &str, expect: &str| {
            check("yyyy-MM-dd HH:mm:ss.SSS Z", &format!("2026-11-29 20:00:00.5 {zone}"), expect);
            check("%Y-%m-%d %H:%M:%S.%f%z", &format!("2026-11-29 20:00:00.5 {zone}"), expect);
        };
        apart("+05:30", "2026-11-29T20:00:00.500000+05:30");
        apart("-03:30", "2026-11-29T20:00:00.500000-03:30");
        apart("+0545", "2026-11-29T20:00:00.500000+05:45");
        apart("GMT+05:30", "2026-11-29T20:00:00.500000+05:30");
        apart("UTC +05:30", "2026-11-29T20:00:00.500000+05:30");
        apart("GMT -0330", "2026-11-29T20:00:00.500000-03:30");
        apart("UTC+5", "2026-11-29T20:00:00.500000+05:00");
        apart("UTC", "2026-11-29T20:00:00.500000Z");
        apart("+05:75", "none");
        apart("+25:00", "none");
        check("MMM d HH:mm:ss Z yyyy:", "Nov 29 20:00:00 +05:30 2026:", "2026-11-29T20:00:00+05:30");
        check("d MMM yyyy HH:mm:ss z':'", "29 Nov 2026 20:00:00 GMT+05:30:", "2026-11-29T20:00:00+05:30");
        check("d MMM yyyy HH:mm:ss z':'", "29 Nov 2026 20:00:00 CET:", "2026-11-29T20:00:00+01:00");
    }

    #[test]
    fn patterns_of_strftime() {
        check("%d/%b/%Y:%H:%M:%S %z", "22/Nov/2026:10:00:01 +0000", "2026-11-22T10:00:01Z");
        check("%b %e %H:%M:%S", "Nov  2 10:00:01", "2026-11-02T10:00:01+01:00");
        check("%F %T.%f", "2026-11-22 10:00:01.5", "2026-11-22T10:00:01.500000+01:00");
        check("%Y%m%d%H%M%S%3f", "20261122100001250", "2026-11-22T10:00:01.250000+01:00");
        check("%a, %d %b %y %I:%M:%S %p %Z", "Sun, 22 Nov 26 01:00:00 PM UTC", "2026-11-22T13:00:00Z");
        check("%s.%f", "1795341600.25", "2026-11-22T10:00:00.250000Z");
        check("%D %R 100%%", "11/22/26 10:05 100%", "2026-11-22T10:05:00+01:00");
        check("%Y-%j", "2026-060", "2026-03-01T00:00:00+01:00");
        check("%-d.%-m.%Y %k:%M", "2.1.2026 9:05", "2026-01-02T09:05:00+01:00");
        check("%FT%T%:z", "2026-11-22T10:00:01+02:00", "2026-11-22T10:00:01+02:00");
    }

    #[test]
    fn what_is_no_date_of_the_pattern() {
        check("yyyy-MM-dd", "2026-11-22 ", "none");
        check("yyyy-MM-dd", "2026-02-30", "none");
        check("yyyy-MM-dd", "26-11-22", "none");
        check("yy-MM-dd", "6-11-22", "none");
        check("yyyy-MM-dd HH:mm", "2026-11-22 24:00", "none");
        check("yyyyMMdd", "2026112", "none");
        check("d MMM yyyy", "22 Now 2026", "none");
        check("d MMM yyyy", "22 Novx 2026", "none");
        check("d MMM yyyy hh a", "22 Nov 2026 13 PM", "none");
        check("yyyy-MM-dd HH z", "2026-11-22 10 Nowhere/Land", "none");
        check("yyyy-MM-dd HH:mmZ", "2026-11-22 10:00", "none");
        check("yyyy-MM-dd", &format!("2026-11-22{}", "0".repeat(MAX_DATE_BYTES)), "none");
    }

    #[track_caller]
    fn check_wrong(pattern: &str, expect: &str) {
        assert_eq!(Pattern::compile(pattern).expect_err(pattern), expect);
    }

    #[test]
    fn wrong_patterns() {
        check_wrong("yyyy-MM-ddTHH:mm", "`T` means nothing in a pattern");
        check_wrong("yyyyy-MM-dd", "`yyyyy` means nothing in a pattern");
        check_wrong("yyyy-MM-dd 'at", "a single quote is never closed");
        check_wrong("HH:mm", "it has no day: it needs a month and a day, or a year and a day of the year");
        check_wrong("DDD", "it has no day: it needs a month and a day, or a year and a day of the year");
        check_wrong("yyyy-MM-dd hh:mm", "it has an hour from 1 to 12, but no AM or PM");
        check_wrong("%Y-%Q", "`%Q` means nothing in a pattern");
        check_wrong("%Y-%", "a `%` stands at the end");
        check_wrong(&"d".repeat(MAX_PATTERN_BYTES + 1), "the pattern has 257 bytes, more than 256");
    }

    proptest! {
        #[test]
        fn any_pattern_and_any_text_are_survived(pattern in "([yMdHmsSZahkDEe':/ .-]|%[a-zA-Z]|.){0,12}", text in ".{0,20}") {
            if let Ok(pattern) = Pattern::compile(&pattern) {
                pattern.read(&text, "", NOW);
            }
        }

        #[test]
        fn texts_near_a_date_are_survived(text in "[0-9]{1,4}[-/ ](Nov|[0-9]{1,2})[-/ ][0-9]{1,2}.?[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[-+A-Z][0-9:A-Za-z/]{0,6})?") {
            for pattern in ["yyyy-MM-dd HH:mm:ssZ", "yyyy/MMM/d HH:mm z", "yyyy M d HH:mm:ss ZZZ"] {
                Pattern::compile(pattern).unwrap().read(&text, "Europe/Berlin", NOW);
            }
        }

        #[test]
        fn what_is_written_is_read(micros in 0i64..4_000_000_000_000_000, east in -720i16..=720) {
            let time = Timestamp::with_offset(micros, east);
            let sign = if east < 0 { '-' } else { '+' };
            let p = time.parts();
            let zone = format!("{sign}{:02}{:02}", east.abs() / 60, east.abs() % 60);
            let text = format!("{:02}/{:02}/{:04} {:02}:{:02}:{:02}.{:06} {zone}", p.day, p.month, p.year, p.hour, p.minute, p.second, p.micros);
            for pattern in ["dd/MM/yyyy HH:mm:ss.SSSSSS Z", "%d/%m/%Y %H:%M:%S.%f %z"] {
                prop_assert_eq!(Pattern::compile(pattern).unwrap().read(&text, "", NOW), Some(time));
            }
        }
    }
}
