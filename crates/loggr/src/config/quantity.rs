//! Durations, sizes and rates as people write them: `1h30m`, `500ms`, `20GB`, `64KiB`, `10MB/s`.
//!
//! A duration always has its unit, because seconds and milliseconds are mixed up too
//! easily; a size may be plain bytes. No fractions: `1500ms`, not `1.5s`.

use std::time::Duration;

/// Unit and milliseconds, largest first.
const DURATION_UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Unit and bytes, in both families.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads `500ms`, `10s`, `1h30m`, `90d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let shape = || format!("`{text}` is not a duration such as `500ms`, `10s` or `1h30m`");
    let mut millis: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(shape());
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(shape)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let unit = unit.trim();
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit; the units are `ms`, `s`, `m`, `h`, `d`, `w`"));
        }
        let (_, factor) = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
            format!("`{unit}` is not a unit of time; the units are `ms`, `s`, `m`, `h`, `d`, `w`")
        })?;
        millis = number
            .checked_mul(*factor)
            .and_then(|part| millis.checked_add(part))
            .ok_or_else(|| format!("`{text}` is too long"))?;
        rest = next;
    }
    Ok(Duration::from_millis(millis))
}

/// Reads `65536`, `64KiB`, `20GB`; upper and lower case are the same.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = leading_number(text.trim())
        .ok_or_else(|| format!("`{text}` is not a size such as `64KiB` or `20GB`"))?;
    let unit = unit.trim();
    let factor = match SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => {
            return Err(format!(
                "`{unit}` is not a unit of size; the units are `B`, `KB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, \
                 `GiB`, `TiB`"
            ));
        }
    };
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large"))
}

/// Reads `10MB/s`: bytes a second.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    match text.trim().strip_suffix("/s") {
        Some(size) => parse_size(size),
        None => Err(format!("`{text}` is not a number of bytes a second such as `10MB/s`")),
    }
}

/// How a rate is written, read back by [`parse_rate`].
pub fn show_rate(bytes_a_second: u64) -> String {
    format!("{}/s", show_size(bytes_a_second))
}

/// How a duration is written, read back by [`parse_duration`].
pub fn show_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    // Weeks are read but not shown: `90d` says more than `12w6d`.
    for (unit, factor) in DURATION_UNITS.into_iter().skip(1) {
        if millis >= factor {
            out.push_str(&format!("{}{unit}", millis / factor));
            millis %= factor;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// The shortest exact way to write a size, read back by [`parse_size`].
pub fn show_size(bytes: u64) -> String {
    SIZE_UNITS
        .iter()
        .filter(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .map(|(unit, factor)| format!("{}{unit}", bytes / factor))
        .min_by_key(String::len)
        .unwrap_or_else(|| format!("{bytes}B"))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn duration(text: &str, expect: &str) {
        assert_eq!(parse_duration(text).map_or_else(|e| e, |d| format!("{}ms", d.as_millis())), expect);
    }

    #[test]
    fn durations() {
        duration("500ms", "500ms");
        duration("1s", "1000ms");
        duration("1h30m", "5400000ms");
        duration("1m 5s", "65000ms");
        duration("90d", "7776000000ms");
        duration("2w", "1209600000ms");
        duration("0s", "0ms");
        duration("10", "`10` has no unit; the units are `ms`, `s`, `m`, `h`, `d`, `w`");
        duration("10sec", "`sec` is not a unit of time; the units are `ms`, `s`, `m`, `h`, `d`, `w`");
        duration("1.5s", "`.` is not a unit of time; the units are `ms`, `s`, `m`, `h`, `d`, `w`");
        duration("soon", "`soon` is not a duration such as `500ms`, `10s` or `1h30m`");
        duration("", "`` is not a duration such as `500ms`, `10s` or `1h30m`");
        duration("-1s", "`-1s` is not a duration such as `500ms`, `10s` or `1h30m`");
        duration("99999999999999w", "`99999999999999w` is too long");
    }

    #[track_caller]
    fn size(text: &str, expect: &str) {
        assert_eq!(parse_size(text).map_or_else(|e| e, |b| b.to_string()), expect);
    }

    #[test]
    fn sizes() {
        size("65536", "65536");
        size("64KiB", "65536");
        size("64 kib", "65536");
        size("20GB", "20000000000");
        size("1TiB", "1099511627776");
        size("7B", "7");
        size("0", "0");
        size(
            "1.5GB",
            "`.5GB` is not a unit of size; the units are `B`, `KB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, \
             `TiB`",
        );
        size("big", "`big` is not a size such as `64KiB` or `20GB`");
        size("99999999999TB", "`99999999999TB` is too large");
    }

    #[track_caller]
    fn rate(text: &str, expect: &str) {
        assert_eq!(parse_rate(text).map_or_else(|e| e, |b| b.to_string()), expect);
    }

    #[test]
    fn rates() {
        rate("10MB/s", "10000000");
        rate("64 KiB/s", "65536");
        rate("10MB", "`10MB` is not a number of bytes a second such as `10MB/s`");
        rate(
            "10Mbit/s",
            "`Mbit` is not a unit of size; the units are `B`, `KB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`",
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(number in any::<u64>()) {
            prop_assert_eq!(parse_size(&show_size(number)), Ok(number));
            prop_assert_eq!(parse_rate(&show_rate(number)), Ok(number));
            let duration = Duration::from_millis(number);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            drop(parse_size(&text));
            drop(parse_duration(&text));
        }
    }
}
