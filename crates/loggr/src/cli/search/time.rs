//! Times as people write them on a command line.

use anyhow::{Result, anyhow};

use crate::exit::Usage;
use crate::hint::Advise;

/// `15m` ago or a stamp, in microseconds.
pub fn time(text: &str, at: i64) -> Result<i64> {
    if let Ok(ago) = duration(text) {
        return Ok(at.saturating_sub(ago));
    }
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Ok(stamp.as_microsecond());
    }
    if let Ok(date) = text.parse::<jiff::civil::DateTime>() {
        let zoned = date.to_zoned(jiff::tz::TimeZone::system())?;
        return Ok(zoned.timestamp().as_microsecond());
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let zoned = date.to_zoned(jiff::tz::TimeZone::system())?;
        return Ok(zoned.timestamp().as_microsecond());
    }
    Err(anyhow!("`{text}` is no time"))
        .hint("write how long ago (`15m`, `2h`, `7d`) or a stamp (`2026-11-22T10:00:00Z`, `2026-11-22`)")
        .usage()
}

/// `90s`, `15m`, `2h`, `7d`, `1w` in microseconds.
pub(super) fn duration(text: &str) -> Result<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => 0,
    };
    let number: i64 = number.parse().unwrap_or(0);
    let micros = number.checked_mul(seconds).and_then(|s| s.checked_mul(1_000_000)).filter(|m| *m > 0);
    micros
        .ok_or_else(|| anyhow!("`{text}` is no duration"))
        .hint("write a number and a unit: `90s`, `15m`, `2h`, `7d`, `1w`")
        .usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(time(text, 1_000_000_000_000_000).ok(), expect);
    }

    #[test]
    fn times() {
        check("15m", Some(1_000_000_000_000_000 - 900 * 1_000_000));
        check("2026-11-22T10:00:00Z", Some(1_795_341_600_000_000));
        check("2026-11-22T10:00:00+01:00", Some(1_795_338_000_000_000));
        check("yesterday", None);
        check("0m", None);
        check("", None);
    }
}
