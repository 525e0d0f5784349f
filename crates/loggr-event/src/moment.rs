//! What stamps have in common, whatever their shape: what was found, and the moment that is meant.
//!
//! What is missing in a stamp (year, zone) comes from the moment of reception and from the listener.
//! The shapes are in `stamp` and `date_time`.

use std::cell::Cell;

use crate::timestamp::{
    MICROS_PER_DAY, civil_from_days, days_from_civil, days_in_month, fraction, from_local,
};
use crate::{Origin, Timestamp, Transport, zone};

/// What a stamp without year and zone is completed with.
#[derive(Clone, Copy)]
pub(crate) struct Clock<'a> {
    /// Time of reception.
    pub now: Timestamp,
    /// Name of the zone.
    pub zone: &'a str,
    /// The year, where somebody knows it.
    pub year: Option<u16>,
}

impl<'a> Clock<'a> {
    /// What a line of this origin is completed with.
    #[inline]
    pub(crate) fn of(origin: &'a Origin, now: Timestamp) -> Clock<'a> {
        Clock { now, zone: &origin.timezone, year: origin.assumed.as_ref().and_then(|assumed| assumed.year) }
    }
}

/// A stamp that was found at the start of some text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    pub time: Timestamp,
    /// Where it ends.
    pub end: usize,
    /// Digits finer than a microsecond, or a leap second, were cut.
    pub cut: bool,
    /// Marked by the device as coming from a clock that is not synchronised.
    pub unsynced: bool,
    /// It names a zone that is not in the table.
    pub unknown_zone: bool,
}

impl Stamp {
    pub(crate) fn new(time: Timestamp, end: usize) -> Stamp {
        Stamp { time, end, cut: false, unsynced: false, unknown_zone: false }
    }
}

/// A date already completed: valid while reception stays within one day.
#[derive(Clone, Copy)]
struct DayCache {
    received_day: i64,
    month: u32,
    day: u32,
    days: i64,
}

thread_local! {
    static DAY: Cell<DayCache> = const { Cell::new(DayCache { received_day: i64::MIN, month: 0, day: 0, days: 0 }) };
}

/// How far a sender's clock may be ahead of ours; a stamp that would lie further in the future is
/// of the year before.
pub(crate) const MAX_AHEAD_DAYS: i64 = 7;

/// How long ago another loggr may have received what it hands on only now.
pub(crate) const MAX_BEHIND_DAYS: i64 = 366;

/// Whether another loggr may have received something then. One whose clock is far ahead is not believed: a
/// store would keep its events in a day that is still to come. Nor is one that hands something on after more
/// than a year: a store would drop it at the next turn of its retention. What this host reads from its own
/// files may be as old as it is.
pub(crate) fn is_believable(received: Timestamp, now: Timestamp, origin: Option<&Origin>) -> bool {
    let (received, now) = (received.unix_micros(), now.unix_micros());
    let is_own = origin.is_some_and(|origin| origin.transport == Transport::File);
    let earliest = now.saturating_sub(MAX_BEHIND_DAYS * MICROS_PER_DAY);
    received <= now.saturating_add(MAX_AHEAD_DAYS * MICROS_PER_DAY) && (is_own || received >= earliest)
}

/// The moment of a stamp without a year: the latest with which it is at most seven days
/// after reception, unless somebody knows the year. A line is late much more often than a clock is early: the buffer of
/// a device that was away, or an old file. Without `offset` it is in the listener's zone.
#[inline]
pub(crate) fn without_year(
    month: u32,
    day: u32,
    second: u32,
    micros: u32,
    offset: Option<i16>,
    clock: Clock<'_>,
) -> Option<Timestamp> {
    if let Some(year) = clock.year {
        // The 29th of February of another year is one of the year that has it.
        if let Some(days) = date(u32::from(year), month, day) {
            return Some(in_zone(days, second, micros, offset, clock));
        }
    }
    let received_day = clock.now.unix_micros().div_euclid(MICROS_PER_DAY);
    let cached = DAY.get();
    let days = if cached.received_day == received_day && cached.month == month && cached.day == day {
        cached.days
    } else {
        // A zone moves a moment by less than a day.
        let days = latest_year(month, day, received_day + MAX_AHEAD_DAYS + 1)?;
        DAY.set(DayCache { received_day, month, day, days });
        days
    };
    let time = in_zone(days, second, micros, offset, clock);
    let latest = clock.now.unix_micros() + MAX_AHEAD_DAYS * MICROS_PER_DAY;
    if time.unix_micros() <= latest {
        return Some(time);
    }
    Some(in_zone(latest_year(month, day, days - 1)?, second, micros, offset, clock))
}

/// The last such day that is not after `last`. Leap years are at most eight years apart.
fn latest_year(month: u32, day: u32, last: i64) -> Option<i64> {
    let (year, _, _) = civil_from_days(last);
    let reach = if month == 2 && day == 29 { 8 } else { 1 };
    (year - reach..=year)
        .rev()
        .filter(|y| day >= 1 && day <= days_in_month(*y, month))
        .map(|y| days_from_civil(y, month, day))
        .find(|days| *days <= last)
}

/// A local time in the zone that the line names, or else in the listener's.
pub(crate) fn in_zone(
    days: i64,
    second: u32,
    micros: u32,
    offset: Option<i16>,
    clock: Clock<'_>,
) -> Timestamp {
    match offset {
        Some(offset) => from_local(days, second, micros, offset),
        None => zone::resolve(days, second, micros, clock.zone, clock.now),
    }
}

pub(crate) fn date(year: u32, month: u32, day: u32) -> Option<i64> {
    let valid = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(i64::from(year), month);
    valid.then(|| days_from_civil(i64::from(year), month, day))
}

pub(crate) fn finer_than_micros(digits: &[u8]) -> bool {
    digits.get(6..).is_some_and(|rest| rest.iter().any(|b| *b != b'0'))
}

pub(crate) fn time_of_day(hour: u32, minute: u32, second: u32) -> Option<u32> {
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// The fraction behind the seconds.
pub(crate) struct Fraction {
    pub micros: u32,
    /// There were digits finer than microseconds.
    pub cut: bool,
    /// Bytes of the fraction with the character before it.
    pub len: usize,
}

/// `.123456`, `,250`, or `:123`, which H3C and others write with three or six digits.
#[inline]
pub(crate) fn fraction_behind(bytes: &[u8]) -> Option<Fraction> {
    let (mark @ (b'.' | b',' | b':'), rest) = bytes.split_first()? else { return None };
    let (micros, digits) = fraction(rest);
    if digits == 0 || (*mark == b':' && !matches!(digits, 3 | 6)) {
        return None;
    }
    let cut = rest.get(..digits).is_some_and(finer_than_micros);
    Some(Fraction { micros, cut, len: 1 + digits })
}
