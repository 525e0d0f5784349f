//! Times on a command line: read as the query language reads them, so that both take the same words.

use anyhow::{Result, anyhow};
use clap::Args;
use loggr_store::query::{no_time, parse_duration, parse_moment};

use crate::access::token::is_beyond_years;
use crate::exit::Usage;
use crate::hint::Advise;

/// From when to when.
#[derive(Debug, Args)]
pub struct Span {
    /// Only events that loggr received at this time or later. TIME is how long ago (`15m`, `1h30m`,
    /// `7d`), `today`, `yesterday`, a date or a time (`2026-11-30`, `2026-11-30T10:00`), or a time with
    /// its zone (`2026-11-30T10:00:00+01:00`). Without a zone, and for `today`, it is UTC
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events that loggr received before this time, which is written as for `--since`
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Span {
    /// Both ends in microseconds; `at` is now.
    pub(super) fn read(&self, at: i64) -> Result<(Option<i64>, Option<i64>)> {
        let read = |option: &str, text: &Option<String>| {
            text.as_deref().map(|text| time(option, text, at)).transpose()
        };
        let ends = (read("--since", &self.since)?, read("--until", &self.until)?);
        if let ((Some(since), Some(until)), Some(from), Some(to)) = (ends, &self.since, &self.until)
            && until <= since
        {
            return Err(anyhow!("nothing can be found: `--until {to}` is not later than `--since {from}`"))
                .hint("`--since` is the earlier end; of two durations it is the longer one")
                .usage();
        }
        Ok(ends)
    }
}

/// A duration ago or a point in time behind an option, in microseconds; `at` is now.
pub fn time(option: &str, text: &str, at: i64) -> Result<i64> {
    let text = text.trim();
    if let Some(moment) = parse_moment(text) {
        return Ok(moment.micros(at));
    }
    let (detail, hint) = no_time(text);
    Err(anyhow!("`{option}` cannot be read: {detail}")).hint(hint).usage()
}

/// When something ends, in microseconds: after `90d`, or at a stamp. None: too far ahead to be counted.
pub fn expiry(text: &str, at: i64) -> Result<Option<i64>> {
    let text = text.trim();
    if let Some(micros) = parse_duration(text) {
        return Ok(Some(at.saturating_add(micros)));
    }
    if let Some(moment) = parse_moment(text) {
        return Ok(Some(moment.micros(at)));
    }
    // One of each unit is a duration: then it was too many.
    let ones: String = text
        .split(|c: char| c.is_ascii_digit())
        .filter(|unit| !unit.is_empty())
        .fold(String::new(), |ones, unit| ones + "1" + unit);
    if parse_duration(&ones).is_some() || is_beyond_years(text) {
        return Ok(None);
    }
    Err(anyhow!("`--expires` cannot be read: `{text}` is neither a duration nor a time"))
        .hint("write after how long (`90d`, `1y`) or when (`2027-01-31`, `2027-01-31T10:00:00+01:00`)")
        .usage()
}

/// `90s`, `15m`, `1h30m`, `7d` in microseconds, and more than nothing.
pub(super) fn duration(text: &str) -> Result<i64> {
    parse_duration(text)
        .filter(|micros| *micros > 0)
        .ok_or_else(|| anyhow!("`{text}` is not a duration"))
        .hint("write a number and a unit, such as `90s`, `15m`, `1h30m`, `7d` or `1w`")
        .usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_341_600_000_000;

    #[track_caller]
    fn check(text: &str, ago_seconds: Option<i64>) {
        assert_eq!(time("--since", text, NOW).ok(), ago_seconds.map(|ago| NOW - ago * 1_000_000), "`{text}`");
    }

    #[test]
    fn times() {
        check("15m", Some(900));
        check("1h30m", Some(5400));
        check("now-15m", Some(900));
        check("yesterday", Some(34 * 3600));
        check("2026-11-22", Some(10 * 3600));
        check("2026-11-22T09:00", Some(3600));
        check("2026-11-22T10:00:00+01:00", Some(3600));
        check("tomorrowish", None);
        check("", None);
    }

    #[test]
    fn an_end_that_is_too_far_ahead_is_known_from_one_that_is_none() {
        let check =
            |text: &str, expect: Option<Option<i64>>| assert_eq!(expiry(text, NOW).ok(), expect, "{text}");
        check("90d", Some(Some(NOW + 90 * 86_400_000_000)));
        check("1970-01-02", Some(Some(86_400_000_000)));
        check("2000y", Some(None));
        check("99999999999999999999d", Some(None));
        check("12000-01-01", Some(None));
        check("9999-12-31T23:59:59Z", Some(None));
        check("soon", None);
        check("5x", None);
    }

    #[track_caller]
    fn span(since: &str, until: &str, is_some: bool) {
        let span = Span { since: Some(since.to_owned()), until: Some(until.to_owned()) };
        assert_eq!(span.read(NOW).is_ok(), is_some, "{since} {until}");
    }

    #[test]
    fn an_end_before_the_beginning_is_an_error() {
        span("2h", "1h", true);
        span("1h", "2h", false);
        span("1h", "1h", false);
        span("2026-11-22", "2026-11-21", false);
    }
}
