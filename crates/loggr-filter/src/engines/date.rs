//! `date`: a date in a field becomes the event's time, or a field in RFC 3339.
//!
//! Patterns are read in `date_pattern`. A missing year or zone is filled in as when a line is
//! received.

use loggr_event::{Timestamp, is_timezone, zone_offset};

use super::date_pattern::{Pattern, epoch};
use super::place::Place;
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};
use crate::field::{CoreField, unseal};
use crate::nearest::nearest;

/// Tag of an event whose date has none of the formats.
pub const FAILURE_TAG: &str = "_dateparsefailure";
/// Most formats of one call.
pub const MAX_DATE_FORMATS: usize = 64;

/// Short forms of ISO 8601, beside those with seconds.
const SHORT_ISO: [&str; 7] = [
    "yyyy-MM-dd",
    "yyyy-MM-dd'T'HH:mm",
    "yyyy-MM-dd'T'HH:mmZ",
    "yyyy-MM-dd HH:mm",
    "yyyy-MM-dd HH:mmZ",
    "yyyyMMdd'T'HHmmss",
    "yyyyMMdd'T'HHmmssZ",
];

/// Formats that are no patterns.
const NAMED: [(&str, Named); 7] = [
    ("AUTO", Named::Auto),
    ("ISO8601", Named::Iso),
    ("UNIX", Named::Unix),
    ("UNIX_MS", Named::Parts(1_000)),
    ("UNIX_US", Named::Parts(1_000_000)),
    ("UNIX_NS", Named::Parts(1_000_000_000)),
    ("TAI64N", Named::Tai),
];

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "date",
    summary: "reads a date from a field and sets the event's time, or another field, to it",
    parameters: &[
        required(
            "on",
            Kind::AnyField,
            "the field with the date; if it has several values, the first that can be read counts",
        ),
        optional(
            "formats",
            Kind::Texts,
            "AUTO",
            "the formats that are tried, in this order: `ISO8601`, `UNIX` (seconds since 1970), `UNIX_MS`, \
             `UNIX_US`, `UNIX_NS`, `TAI64N`, `AUTO` (all forms that syslog lines have), or a pattern such \
             as `dd/MMM/yyyy:HH:mm:ss Z` or `%d/%b/%Y:%H:%M:%S %z`",
        ),
        optional(
            "timezone",
            Kind::Text,
            "",
            "the time zone of dates that have none, such as `Europe/Berlin` or `+02:00`; without this \
             argument the `timezone` of the listener",
        ),
        optional(
            "target",
            Kind::AnyField,
            "timereported",
            "the field that is set; a custom field gets the time in RFC 3339",
        ),
    ],
    adds: &[
        (
            "timereported",
            "(or the target) the time that was read; a date without a year counts as the latest one that \
             is at most seven days after the event was received",
        ),
        (FAILURE_TAG, "tag: the event has the field, but its value is in none of the formats"),
    ],
    build,
};

#[derive(Clone, Copy)]
enum Named {
    Auto,
    Iso,
    Unix,
    /// An integer of which this many make a second.
    Parts(i64),
    Tai,
}

enum Format {
    Named(Named),
    Pattern(Pattern),
}

struct DateEngine {
    on: Place,
    formats: Vec<Format>,
    short_iso: Vec<Pattern>,
    timezone: Option<String>,
    target: Place,
}

fn build(arguments: &Arguments, _: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let one = |name| {
        arguments
            .fields(name)
            .first()
            .cloned()
            .ok_or_else(|| BuildError::argument(name, format!("`{name}` must be a field")))
    };
    let target = one("target")?;
    if !target.writable() {
        return Err(BuildError::argument("target", format!("`{}` cannot be changed", target.shown())));
    }
    if matches!(target, Place::Core(CoreField::Severity | CoreField::Facility)) {
        return Err(BuildError::argument("target", format!("`{}` is no time", target.shown())));
    }
    let timezone = arguments.text("timezone");
    if !is_timezone(timezone) {
        return Err(BuildError::argument("timezone", format!("there is no time zone `{timezone}`"))
            .hint("a zone is written like \"Europe/Berlin\" or \"+02:00\""));
    }
    let given = arguments.texts("formats");
    if given.len() > MAX_DATE_FORMATS {
        let message = format!("there are {} formats, more than {MAX_DATE_FORMATS}", given.len());
        return Err(BuildError::argument("formats", message));
    }
    let short = |pattern: &str| Pattern::compile(pattern).map_err(|e| BuildError::argument("formats", e));
    Ok(Box::new(DateEngine {
        on: one("on")?,
        formats: given.iter().map(|f| format(f)).collect::<Result<_, _>>()?,
        short_iso: SHORT_ISO.iter().map(|p| short(p)).collect::<Result<_, _>>()?,
        timezone: (!timezone.is_empty()).then(|| timezone.to_owned()),
        target,
    }))
}

fn format(text: &str) -> Result<Format, BuildError> {
    if let Some((_, named)) = NAMED.iter().find(|(name, _)| *name == text) {
        return Ok(Format::Named(*named));
    }
    Pattern::compile(text).map(Format::Pattern).map_err(|message| {
        let error = BuildError::argument("formats", format!("`{text}` is no format: {message}"));
        let upper = text.to_ascii_uppercase();
        match nearest(&upper, NAMED.iter().map(|(name, _)| *name)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if message.contains("means nothing") && !text.contains('%') => error
                .hint("letters that stand for themselves are written in single quotes: yyyy-MM-dd'T'HH:mm"),
            None => error,
        }
    })
}

impl Engine for DateEngine {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let listeners = call.event.origin.as_ref().map_or("", |o| o.timezone.as_str());
        let zone = self.timezone.as_deref().unwrap_or(listeners);
        let mut failed = false;
        let mut found = None;
        for at in 0..self.on.count(call.event) {
            let read = self.on.look(call.event, at, |text| {
                let text = text.trim();
                (!text.is_empty()).then(|| self.read(text, zone, call.event.timegenerated))
            });
            match read.flatten() {
                Some(None) => failed = true,
                Some(Some(time)) => {
                    found = Some(time);
                    break;
                }
                None => {}
            }
        }
        let Some(time) = found else {
            return if failed { Outcome::Failed(FAILURE_TAG) } else { Outcome::Nothing };
        };
        match &self.target {
            Place::Core(CoreField::TimeReported) => {
                call.event.timereported = time;
                unseal(call.event);
            }
            Place::Core(field) => {
                field.write(call.event, time.to_string().into());
            }
            Place::Custom(name) => call.event.set_field(name.as_str(), time.to_string()),
        }
        Outcome::Did
    }
}

impl DateEngine {
    fn read(&self, text: &str, zone: &str, now: Timestamp) -> Option<Timestamp> {
        self.formats.iter().find_map(|format| match format {
            Format::Pattern(pattern) => pattern.read(text, zone, now),
            Format::Named(Named::Auto) => zoned(text, zone, |text, zone| {
                Timestamp::parse_any(text, zone, now).or_else(|| self.short_iso(text, zone, now))
            }),
            Format::Named(Named::Iso) => zoned(text, zone, |text, zone| {
                Timestamp::parse_iso8601(text, zone, now).or_else(|| self.short_iso(text, zone, now))
            }),
            Format::Named(Named::Unix) => unix(text),
            Format::Named(Named::Parts(parts)) => parts_of_seconds(text, *parts),
            Format::Named(Named::Tai) => tai64n(text),
        })
    }

    fn short_iso(&self, text: &str, zone: &str, now: Timestamp) -> Option<Timestamp> {
        self.short_iso.iter().find_map(|pattern| pattern.read(text, zone, now))
    }
}

/// Reads a text as it is, or otherwise without an offset at its end that is set off by a blank:
/// `+05:30`, `GMT+05:30`, `UTC +0530`.
fn zoned<'t>(
    text: &'t str,
    zone: &'t str,
    read: impl Fn(&'t str, &'t str) -> Option<Timestamp>,
) -> Option<Timestamp> {
    read(text, zone).or_else(|| {
        let utc = ["UTC", "GMT"];
        let (head, last) = text.trim_end_matches(':').rsplit_once(char::is_whitespace)?;
        let offset = utc.iter().find_map(|word| last.strip_prefix(word)).unwrap_or(last);
        if !offset.starts_with(['+', '-']) || zone_offset(offset).is_none() {
            return None;
        }
        let head = head.trim_end();
        let head = utc.iter().find_map(|word| head.strip_suffix(word)).unwrap_or(head).trim_end();
        read(head, offset)
    })
}

/// Seconds since 1970, with a fraction perhaps.
fn unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.get(..6).unwrap_or(fraction);
    let micros = digits.parse::<u32>().ok()? * 10u32.pow(u32::try_from(6 - digits.len()).ok()?);
    let whole = whole(seconds)?;
    if seconds.starts_with('-') && micros > 0 {
        // A quarter before -5 is three quarters behind -6.
        return epoch(whole.checked_sub(1)?, 1_000_000 - micros);
    }
    epoch(whole, micros)
}

fn parts_of_seconds(text: &str, parts: i64) -> Option<Timestamp> {
    let value = whole(text)?;
    let micros = i128::from(value.rem_euclid(parts)) * 1_000_000 / i128::from(parts);
    epoch(value.div_euclid(parts), u32::try_from(micros).ok()?)
}

/// A number as programs write it: no plus sign.
fn whole(text: &str) -> Option<i64> {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `@` and 24 hexadecimal digits: seconds from 2⁶² on in atomic time, which was ten seconds
/// ahead in 1970, and nanoseconds. Leap seconds since are not known to those who write it.
fn tai64n(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix('@').unwrap_or(text);
    let (seconds, nanos) = (digits.get(..16)?, digits.get(16..24)?);
    if digits.len() != 24 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let seconds = i64::from_str_radix(seconds, 16).ok()?.checked_sub((1 << 62) + 10)?;
    let nanos = u32::from_str_radix(nanos, 16).ok().filter(|n| *n < 1_000_000_000)?;
    epoch(seconds, nanos / 1000)
}

#[cfg(test)]
mod tests {
    use loggr_event::Timestamp;
    use proptest::prelude::*;

    use super::super::{one_call, testing};

    /// `timereported` where the message is the date, or the tag.
    #[track_caller]
    fn check(formats: &str, message: &str, expect: &str) {
        let formats = if formats.is_empty() { String::new() } else { format!(", {formats}") };
        let (did, event) = one_call::run(&format!("date(message{formats})"), message);
        let got = match event.tags.first() {
            Some(tag) => tag.to_string(),
            None if did => event.timereported.to_string().replace(".000000", ""),
            None => "nothing".to_owned(),
        };
        assert_eq!(got, expect, "{message}");
    }

    #[test]
    fn named_formats() {
        check("\"ISO8601\"", "2026-11-22T10:00:00.25+02:00", "2026-11-22T10:00:00.250000+02:00");
        check("\"ISO8601\"", " 2026-11-22 10:00:00 ", "2026-11-22T10:00:00+01:00");
        check("\"ISO8601\"", "2026-11-22", "2026-11-22T00:00:00+01:00");
        check("\"ISO8601\"", "20261122T100000Z", "2026-11-22T10:00:00Z");
        check("\"UNIX\"", "1795341600", "2026-11-22T10:00:00Z");
        check("\"UNIX\"", "1795341600.1234567", "2026-11-22T10:00:00.123456Z");
        check("\"UNIX\"", "-0.25", "1969-12-31T23:59:59.750000Z");
        check("\"UNIX_MS\"", "1795341600250", "2026-11-22T10:00:00.250000Z");
        check("\"UNIX_MS\"", "-1", "1969-12-31T23:59:59.999000Z");
        check("\"UNIX_NS\"", "1795341600250000001", "2026-11-22T10:00:00.250000Z");
        check("\"TAI64N\"", "@400000006b02bd2a0ee6b280", "2026-11-22T10:00:00.250000Z");
        check("", "Nov 22 10:00:00", "2026-11-22T10:00:00+01:00");
        check("", "1795341600", "2026-11-22T10:00:00Z");
        check("", "2026-11-22", "2026-11-22T00:00:00+01:00");
    }

    #[test]
    fn what_is_no_date() {
        check("\"ISO8601\"", "yesterday", "_dateparsefailure");
        check("\"UNIX\"", "1e9", "_dateparsefailure");
        check("\"UNIX\"", "+5", "_dateparsefailure");
        check("\"UNIX\"", "5.", "_dateparsefailure");
        check("\"UNIX\"", "-", "_dateparsefailure");
        check("\"UNIX\"", "999999999999999", "_dateparsefailure");
        check("\"UNIX_MS\"", "9223372036854775807", "_dateparsefailure");
        check("\"TAI64N\"", "@400000006b02bb", "_dateparsefailure");
        check("\"TAI64N\"", "@4000000000000000ffffffff", "_dateparsefailure");
        check("\"TAI64N\"", "+00000006b02bd2a0ee6b2800", "_dateparsefailure");
        check("", "  ", "nothing");
    }

    #[test]
    fn formats_are_tried_in_their_order() {
        let formats = "\"UNIX\", \"dd/MMM/yyyy:HH:mm:ss Z\", \"%d.%m.%Y\"";
        check(formats, "5", "1970-01-01T00:00:05Z");
        check(formats, "22/Nov/2026:10:00:00 +0000", "2026-11-22T10:00:00Z");
        check(formats, "2.1.2026", "2026-01-02T00:00:00+01:00");
        check(&format!("formats=({formats})"), "2/1/2026", "_dateparsefailure");
    }

    #[test]
    fn a_year_that_is_not_written_is_not_in_the_future() {
        // It is the 22nd of November in the tests.
        check("\"MMM d HH:mm:ss\"", "Mar  1 00:20:10", "2026-03-01T00:20:10+01:00");
        check("", "Mar  1 00:20:10", "2026-03-01T00:20:10+01:00");
        check("\"%b %d %H:%M\"", "Nov 29 00:00", "2026-11-29T00:00:00+01:00");
        check("\"MMM d HH:mm\"", "Nov 30 00:00", "2025-11-30T00:00:00+01:00");
        check("\"d/M\"", "31/12", "2025-12-31T00:00:00+01:00");
    }

    #[test]
    fn zones() {
        check("\"ISO8601\"", "2026-11-29 20:00:00.123 +05:30", "2026-11-29T20:00:00.123000+05:30");
        check("", "2026-11-29 20:00:00.123 +05:30", "2026-11-29T20:00:00.123000+05:30");
        check("", "2026-11-29 20:00:00 GMT+05:30", "2026-11-29T20:00:00+05:30");
        check("", "2026-11-29T20:00:00 UTC -0330", "2026-11-29T20:00:00-03:30");
        check("", "Nov 22 09:00:00 +05:30:", "2026-11-22T09:00:00+05:30");
        check("", "2026-11-29 20:00:00 +05:75", "_dateparsefailure");
        check("", "2026-11-29 20:00:00 x+05:30", "_dateparsefailure");
        check("\"ISO8601\"", "2026-11-29 20:00 -03:30", "2026-11-29T20:00:00-03:30");
        check(
            "\"ISO8601\", timezone=\"America/New_York\"",
            "2026-07-01T10:00:00",
            "2026-07-01T10:00:00-04:00",
        );
        check("\"ISO8601\", timezone=\"+02:00\"", "2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z");
    }

    #[test]
    fn targets_and_several_values() {
        one_call::check("date([n], \"UNIX\", target=[t])", "", "t=1970-01-01T00:00:42.000000Z");
        one_call::check("date([many], target=[t])", "", "#_dateparsefailure");
        one_call::check("date([missing])", "", "nothing");
        let filter = "[d] := \"x\"\nrename [d] -> [e]\nif date([e]) { [never] := \"1\" }";
        let bench = testing::Bench::new(filter);
        let mut event = bench.event(&[("e", "no")]);
        bench.run(&mut event, 0);
        assert!(event.has_tag("_dateparsefailure") && event.field("never").is_empty());
        let bench = testing::Bench::new("date([e], \"UNIX\")");
        let mut event = bench.event(&[("e", "no"), ("e", "5")]);
        bench.run(&mut event, 0);
        assert_eq!(event.timereported.unix_micros(), 5_000_000);
    }

    #[test]
    fn a_seal_does_not_survive_another_time() {
        let bench = testing::Bench::new("date([e], \"UNIX\")");
        for (value, sealed) in [("5", false), ("x", true)] {
            let mut event = bench.event(&[("e", value)]);
            event.seal(b"key", Timestamp::from_unix_micros(1));
            bench.run(&mut event, 0);
            assert_eq!((event.hmac.is_some(), event.timehmac.is_some()), (sealed, sealed));
        }
    }

    #[test]
    fn wrong_calls() {
        testing::wrong(
            "date",
            &testing::nothing(),
            &[
                "date()",
                "date(\"2026-01-01\")",
                "date([t], \"iso8601\")",
                "date([t], \"UNIXMS\")",
                "date([t], \"yyyy-MM-ddTHH:mm\")",
                "date([t], \"HH:mm:ss\")",
                "date([t], \"%Y-%Q\")",
                "date([t], timezone=\"Europe/Atlantis\")",
                "date([t], target=uid)",
                "date([t], target=severity)",
            ],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "@?-?[0-9a-f.T:-]{0,30}") {
            one_call::run("date(message, \"UNIX\", \"UNIX_MS\", \"UNIX_NS\", \"TAI64N\", \"ISO8601\", \"AUTO\")", &text);
        }
    }
}
