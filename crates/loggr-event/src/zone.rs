//! The offset of a stamp that carries none: zone rules, cached per thread.
//!
//! The rules are the bundled time zone database: no file is read, so that every
//! host of an installation decides alike. A thread remembers the zone it used
//! last and the offset of the quarter of an hour it saw last, because the lines
//! of one listener come from one zone and from the same minutes.

use std::cell::RefCell;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::Timestamp;
use crate::timestamp::{MICROS_PER_SECOND, civil_from_days, from_local};

/// Zone transitions fall on multiples of this; within it an offset is constant.
const QUARTER_SECONDS: u32 = 900;

struct Cached {
    name: String,
    zone: TimeZone,
    quarter: (i64, u32),
    offset_minutes: Option<i16>,
}

thread_local! {
    static LAST: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

/// Is this a zone that [`Origin::timezone`](crate::Origin) may name: empty, an IANA
/// name like `Europe/Berlin`, or a fixed offset like `+02:00`?
pub fn is_timezone(name: &str) -> bool {
    is_utc(name) || find(name).is_some()
}

fn is_utc(name: &str) -> bool {
    matches!(name, "" | "UTC" | "Z")
}

fn find(name: &str) -> Option<TimeZone> {
    if let Some(minutes) = fixed_offset(name) {
        return Offset::from_seconds(i32::from(minutes) * 60).ok().map(TimeZone::fixed);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Minutes of `+02:00`, `-0730` or `+02`.
pub(crate) fn fixed_offset(text: &str) -> Option<i16> {
    let (sign, digits) = match text.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let number = |a: &u8, b: &u8| -> Option<i16> {
        (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i16::from(a - b'0') * 10 + i16::from(b - b'0'))
    };
    let (hours, minutes) = match digits {
        [a, b] => (number(a, b)?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (number(a, b)?, number(c, d)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// The moment of a local date and second of day in a named zone. An unknown zone is UTC. Where the
/// clocks go back and a local time stands for two moments, the one nearer to `now` is meant. A
/// local time that the clocks skip is read with the offset before the change.
#[inline]
pub(crate) fn resolve(days: i64, second_of_day: u32, micros: u32, zone: &str, now: Timestamp) -> Timestamp {
    // A leap second has the offset of the second before it.
    let last = crate::timestamp::SECONDS_PER_DAY as u32 - 1;
    let offset = if is_utc(zone) { 0 } else { offset_minutes(days, second_of_day.min(last), zone, now) };
    from_local(days, second_of_day, micros, offset)
}

fn offset_minutes(days: i64, second_of_day: u32, name: &str, now: Timestamp) -> i16 {
    LAST.with(|last| {
        let mut last = last.borrow_mut();
        if last.as_ref().is_none_or(|c| c.name != name) {
            let zone = find(name).unwrap_or(TimeZone::UTC);
            *last = Some(Cached { name: name.to_owned(), zone, quarter: (0, 0), offset_minutes: None });
        }
        let Some(cached) = last.as_mut() else { return 0 };
        let quarter = (days, second_of_day / QUARTER_SECONDS);
        if let Some(offset) = cached.offset_minutes
            && cached.quarter == quarter
        {
            return offset;
        }
        let (offset, constant) = look_up(&cached.zone, days, second_of_day, now);
        cached.quarter = quarter;
        cached.offset_minutes = constant.then_some(offset);
        offset
    })
}

/// The offset, and whether it holds for the whole quarter.
fn look_up(zone: &TimeZone, days: i64, second_of_day: u32, now: Timestamp) -> (i16, bool) {
    let Some(local) = civil(days, second_of_day) else { return (0, false) };
    let minutes = |offset: Offset| (offset.seconds() / 60) as i16;
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => (minutes(offset), true),
        AmbiguousOffset::Gap { before, .. } => (minutes(before), true),
        AmbiguousOffset::Fold { before, after } => {
            let distance = |offset: Offset| {
                let moment = from_local(days, second_of_day, 0, minutes(offset)).unix_micros();
                moment.saturating_sub(now.unix_micros()).unsigned_abs() / MICROS_PER_SECOND.unsigned_abs()
            };
            let nearer = if distance(after) < distance(before) { after } else { before };
            (minutes(nearer), false)
        }
    }
}

fn civil(days: i64, second_of_day: u32) -> Option<DateTime> {
    let (year, month, day) = civil_from_days(days);
    let date = Date::new(i16::try_from(year).ok()?, month as i8, day as i8).ok()?;
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    Some(date.at(hour as i8, minute as i8, second as i8, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn check(local: &str, zone: &str, now: &str, expect: &str) {
        let local = micros(&format!("{local}Z"));
        let seconds = local.unix_micros() / MICROS_PER_SECOND;
        let got = resolve(seconds / 86_400, (seconds % 86_400) as u32, 0, zone, micros(now));
        assert_eq!(got, micros(expect), "{local} in {zone}");
    }

    #[test]
    fn zones() {
        let now = "2026-11-22T10:00:00Z";
        check("2026-07-01T12:00:00", "Europe/Berlin", now, "2026-07-01T12:00:00+02:00");
        check("2026-12-01T12:00:00", "Europe/Berlin", now, "2026-12-01T12:00:00+01:00");
        check("2026-12-01T12:00:00", "Asia/Kolkata", now, "2026-12-01T12:00:00+05:30");
        check("2026-12-01T12:00:00", "", now, "2026-12-01T12:00:00Z");
        check("2026-12-01T12:00:00", "-03:30", now, "2026-12-01T12:00:00-03:30");
        check("2026-12-01T12:00:00", "Nowhere/Land", now, "2026-12-01T12:00:00Z");
    }

    #[test]
    fn a_repeated_hour_is_the_one_nearer_to_reception() {
        check("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:01Z", "2026-10-25T02:30:00+02:00");
        check("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T01:30:01Z", "2026-10-25T02:30:00+01:00");
    }

    #[test]
    fn a_skipped_hour_is_read_with_the_offset_before() {
        check("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00+01:00");
        check("2026-03-29T03:00:00", "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-29T03:00:00+02:00");
    }

    #[test]
    fn names() {
        assert!(
            is_timezone("Europe/Paris") && is_timezone("") && is_timezone("+02:00") && is_timezone("UTC")
        );
        assert!(!is_timezone("Europe/Pari") && !is_timezone("+25:00"));
    }
}
