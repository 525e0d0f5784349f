//! A date and time as it was written, perhaps without a year and a zone. It is for readers of
//! stamps that have patterns of their own, such as the `date` engine of filters.
//!
//! The forms that syslog lines have are read in `stamp`; both fill in a missing year or zone by the
//! rules here.

use crate::Timestamp;
use crate::moment::{Clock, without_year};
use crate::timestamp::{days_from_civil, days_in_month, from_local};
use crate::{stamp, zone, zone_word};

/// A date and time of day as it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Civil {
    /// 0–9999. `None` means the latest year with which the moment is at most seven days after
    /// reception.
    pub year: Option<u16>,
    /// 1–12.
    pub month: u8,
    /// 1–31.
    pub day: u8,
    /// 0–23.
    pub hour: u8,
    /// 0–59; a leap second, 60, is the first moment of the next minute.
    pub minute: u8,
    /// 0–60.
    pub second: u8,
    /// 0–999999.
    pub micros: u32,
    /// Minutes east of UTC; `None` if the zone of the listener decides.
    pub offset: Option<i16>,
}

impl Civil {
    /// The moment that is meant. If no offset was written, the time is in `zone` (see
    /// [`crate::is_timezone`]). If no year was written, it is the latest year with which the moment
    /// is at most seven days after `now`. `None` if there is no such day or time.
    pub fn moment(&self, zone: &str, now: Timestamp) -> Option<Timestamp> {
        let (month, day) = (u32::from(self.month), u32::from(self.day));
        if self.hour > 23
            || self.minute > 59
            || self.second > 60
            || self.micros > 999_999
            || self.offset.is_some_and(|o| o.unsigned_abs() >= 24 * 60)
        {
            return None;
        }
        let second = u32::from(self.hour) * 3600 + u32::from(self.minute) * 60 + u32::from(self.second);
        let Some(year) = self.year else {
            if !(1..=12).contains(&month) {
                return None;
            }
            return without_year(
                month,
                day,
                second,
                self.micros,
                self.offset,
                Clock { now, zone, year: None },
            );
        };
        let year = i64::from(year);
        let valid =
            year <= 9999 && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
        let days = valid.then(|| days_from_civil(year, month, day))?;
        Some(match self.offset {
            Some(offset) => from_local(days, second, self.micros, offset),
            None => zone::resolve(days, second, self.micros, zone, now),
        })
    }

    /// Month and day of the `day`-th day of a year.
    pub fn of_year(year: u16, day: u16) -> Option<(u8, u8)> {
        let mut left = u32::from(day).checked_sub(1)?;
        for month in 1..=12u8 {
            let days = days_in_month(i64::from(year), u32::from(month));
            if left < days {
                return Some((month, u8::try_from(left + 1).ok()?));
            }
            left -= days;
        }
        None
    }
}

impl Timestamp {
    /// Reads a stamp in any shape that syslog lines have, from `Nov 22 10:00:00` to an epoch; the
    /// whole text must be the stamp. A missing zone and year are filled in as by [`Civil::moment`].
    pub fn parse_any(text: &str, zone: &str, now: Timestamp) -> Option<Timestamp> {
        let stamp = stamp::scan(text.as_bytes(), Clock { now, zone, year: None })?;
        (stamp.end == text.len()).then_some(stamp.time)
    }

    /// Reads `2026-11-22T10:00:00` and the variants that programs write: a space for the `T`, a
    /// comma for the point, `+0100`, `CET` or no zone; the whole text must be the stamp.
    pub fn parse_iso8601(text: &str, zone: &str, now: Timestamp) -> Option<Timestamp> {
        let stamp = stamp::iso(text.as_bytes(), Clock { now, zone, year: None })?;
        (stamp.end == text.len()).then_some(stamp.time)
    }
}

/// Minutes east of UTC of a zone word that syslog devices write (`CET`, `UTC`), of an offset
/// (`+01:00`, `-0730`, `Z`) or of both (`GMT+05:30`).
pub fn zone_offset(word: &str) -> Option<i16> {
    zone_word::offset(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text.as_bytes()).unwrap()
    }

    const WRITTEN: Civil = Civil {
        year: Some(2026),
        month: 11,
        day: 22,
        hour: 10,
        minute: 0,
        second: 5,
        micros: 250_000,
        offset: None,
    };

    #[track_caller]
    fn check(civil: Civil, zone: &str, expect: Option<&str>) {
        let got = civil.moment(zone, at("2027-01-01T00:00:05Z"));
        assert_eq!(got, expect.map(at), "{civil:?}");
    }

    #[test]
    fn moments() {
        check(WRITTEN, "", Some("2026-11-22T10:00:05.25Z"));
        check(WRITTEN, "Europe/Berlin", Some("2026-11-22T10:00:05.25+01:00"));
        check(Civil { offset: Some(120), ..WRITTEN }, "Europe/Berlin", Some("2026-11-22T10:00:05.25+02:00"));
        check(Civil { second: 60, ..WRITTEN }, "", Some("2026-11-22T10:01:00.25Z"));
        check(Civil { year: None, month: 12, day: 31, ..WRITTEN }, "", Some("2026-12-31T10:00:05.25Z"));
        check(Civil { year: None, month: 3, day: 1, ..WRITTEN }, "", Some("2026-03-01T10:00:05.25Z"));
        check(Civil { year: None, month: 1, day: 7, ..WRITTEN }, "", Some("2027-01-07T10:00:05.25Z"));
        check(Civil { year: None, month: 1, day: 9, ..WRITTEN }, "", Some("2026-01-09T10:00:05.25Z"));
        check(
            Civil { year: None, month: 12, day: 31, offset: Some(60), ..WRITTEN },
            "",
            Some("2026-12-31T10:00:05.25+01:00"),
        );
    }

    #[test]
    fn what_is_no_moment() {
        check(Civil { day: 31, ..WRITTEN }, "", None);
        check(Civil { month: 13, ..WRITTEN }, "", None);
        check(Civil { month: 0, year: None, ..WRITTEN }, "", None);
        check(Civil { hour: 24, ..WRITTEN }, "", None);
        check(Civil { minute: 60, ..WRITTEN }, "", None);
        check(Civil { second: 61, ..WRITTEN }, "", None);
        check(Civil { year: Some(2026), month: 2, day: 29, ..WRITTEN }, "", None);
        check(Civil { offset: Some(24 * 60), ..WRITTEN }, "", None);
    }

    #[test]
    fn days_of_the_year() {
        assert_eq!(Civil::of_year(2026, 1), Some((1, 1)));
        assert_eq!(Civil::of_year(2026, 60), Some((3, 1)));
        assert_eq!(Civil::of_year(2024, 60), Some((2, 29)));
        assert_eq!(Civil::of_year(2024, 366), Some((12, 31)));
        assert_eq!(Civil::of_year(2026, 366), None);
        assert_eq!(Civil::of_year(2026, 0), None);
    }

    #[test]
    fn zone_words() {
        assert_eq!(zone_offset("CET"), Some(60));
        assert_eq!(zone_offset("Z"), Some(0));
        assert_eq!(zone_offset("-07:30"), Some(-450));
        assert_eq!(zone_offset("GMT+05:30"), Some(330));
        assert_eq!(zone_offset("UTC-3"), Some(-180));
        assert_eq!(zone_offset("XYZ"), None);
        assert_eq!(zone_offset(""), None);
    }

    #[test]
    fn whole_texts() {
        let now = at("2026-11-22T10:00:00Z");
        assert_eq!(
            Timestamp::parse_any("Nov 22 09:00:00", "", now).map(|t| t.to_string()),
            Some("2026-11-22T09:00:00.000000Z".to_owned())
        );
        assert_eq!(Timestamp::parse_any("Nov 22 09:00:00 host", "", now), None);
        let india = Some(at("2026-11-29T20:00:00.123+05:30"));
        assert_eq!(Timestamp::parse_any("2026-11-29 20:00:00.123 +05:30", "", now), india);
        assert_eq!(Timestamp::parse_iso8601("2026-11-29 20:00:00.123 GMT+05:30", "", now), india);
        assert_eq!(
            Timestamp::parse_iso8601("2026-11-22 09:00:00,5", "", now).map(|t| t.to_string()),
            Some("2026-11-22T09:00:00.500000Z".to_owned())
        );
        assert_eq!(Timestamp::parse_iso8601("1795341600", "", now), None);
    }

    proptest! {
        #[test]
        fn any_numbers_are_survived(
            year in proptest::option::of(any::<u16>()),
            parts in any::<(u8, u8, u8, u8, u8)>(),
            micros in any::<u32>(),
            offset in proptest::option::of(any::<i16>()),
            zone in "(Europe/Berlin|\\+02:00|x|)",
        ) {
            let (month, day, hour, minute, second) = parts;
            let civil = Civil { year, month, day, hour, minute, second, micros, offset };
            if let Some(time) = civil.moment(&zone, at("2026-11-22T10:00:00Z")) {
                prop_assert_eq!(time.parts().minute, (minute + second / 60) % 60);
            }
        }
    }
}
