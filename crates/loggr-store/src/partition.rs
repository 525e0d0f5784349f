//! Partitions: one for each day (UTC) of timegenerated, a directory `day=YYYY-MM-DD`.

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// The day of a moment, counted from 1970-01-01.
pub(crate) fn day_of(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

/// The date of a day, as `YYYY-MM-DD`.
pub(crate) fn date(day: i64) -> String {
    // Howard Hinnant's civil-from-days, over eras of 400 years that begin in March.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The name of the directory of a day.
pub(crate) fn directory(day: i64) -> String {
    format!("day={}", date(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(micros: i64, expect: &str) {
        assert_eq!(directory(day_of(micros)), expect);
    }

    #[test]
    fn days_are_utc_days() {
        check(0, "day=1970-01-01");
        check(-1, "day=1969-12-31");
        check(DAY - 1, "day=1970-01-01");
        check(DAY, "day=1970-01-02");
        check(951_782_400_000_000, "day=2000-02-29");
        check(1_795_305_600_000_000, "day=2026-11-22");
    }
}
