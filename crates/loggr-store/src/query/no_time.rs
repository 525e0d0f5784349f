//! What a text was probably meant to be that is no time, in words for who wrote it.
//!
//! Not how times are read: that is `time.rs`, which also decides whether a guess is one.

use super::suggest::nearest;
use super::time::{HOW_TO_WRITE_A_TIME, UNITS, parse_duration, parse_moment};

/// Words for a moment.
const WORDS: [&str; 3] = ["now", "today", "yesterday"];
/// How units are written elsewhere begins so; and the unit that is meant.
const LONG_UNITS: [(&str, &str); 9] = [
    ("sec", "s"),
    ("min", "m"),
    ("hour", "h"),
    ("hr", "h"),
    ("day", "d"),
    ("week", "w"),
    ("wk", "w"),
    ("year", "y"),
    ("yr", "y"),
];
/// A hint with something foreign in it stays readable.
const MAX_GUESS_BYTES: usize = 64;

/// What is wrong with a text that is no time, and what to write instead.
///
/// ```
/// use loggr_store::query::no_time;
/// let (detail, hint) = no_time("yesterdey");
/// assert_eq!(detail, "`yesterdey` is not a time");
/// assert_eq!(hint, "did you mean `yesterday`?");
/// ```
pub fn no_time(text: &str) -> (String, String) {
    let mut detail = format!("`{text}` is not a time");
    let lower = text.trim().to_ascii_lowercase();
    let word = WORDS.iter().find(|word| lower.starts_with(**word));
    if let Some((word, rest)) = word.and_then(|word| Some((word, lower.strip_prefix(word)?)))
        && !rest.is_empty()
    {
        detail = format!("{detail}: `{word}` was understood, and not `{rest}` behind it");
    }
    let hint = match guess(&lower) {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => HOW_TO_WRITE_A_TIME.to_owned(),
    };
    (detail, hint)
}

/// A time that looks like this.
fn guess(lower: &str) -> Option<String> {
    let close: String = lower.chars().filter(|c| !c.is_whitespace()).collect();
    if close.is_empty() || close.len() > MAX_GUESS_BYTES {
        return None;
    }
    let offset = close.find(|c: char| !c.is_alphabetic()).unwrap_or(close.len());
    let (word, rest) = close.split_at(offset);
    let word = nearest(word, WORDS).or_else(|| WORDS.into_iter().find(|known| *known == word));
    let by_word = word.map(|word| format!("{word}{}", signed(rest).unwrap_or_else(|| rest.to_owned())));
    let ago = close.trim_start_matches(['-', '+']).trim_start_matches("last").trim_end_matches("ago");
    let by_units = duration(ago);
    let by_date = date(lower);
    let mut guesses = [by_word, by_units, by_date, Some(close.clone())].into_iter().flatten();
    guesses.find(|guess| guess != lower && parse_moment(guess).is_some())
}

/// `-15min` as the language has it.
fn signed(text: &str) -> Option<String> {
    let (sign, rest) = text.split_at_checked(1).filter(|(sign, _)| matches!(*sign, "-" | "+"))?;
    Some(format!("{sign}{}", duration(rest)?))
}

/// `2hours` and `15minutes` with the units of the language.
fn duration(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let (unit, next) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let ours = UNITS.iter().map(|(name, _)| *name).find(|name| *name == unit);
        let long = || LONG_UNITS.iter().find(|(long, _)| unit.starts_with(long)).map(|(_, short)| *short);
        out.push_str(number);
        out.push_str(ours.or_else(long)?);
        rest = next;
    }
    parse_duration(&out).map(|_| out)
}

/// `2026/11/2` and `22.11.2026`, also with a time of day, as the language has them.
fn date(text: &str) -> Option<String> {
    let (date, rest) = text.split_at(text.find(['t', ' ']).unwrap_or(text.len()));
    let parts: Vec<&str> = date.split(['.', '/', '-']).collect();
    let [first, second, third] = *parts.as_slice() else { return None };
    if !parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    match (first.len(), third.len()) {
        (4, 1..=2) => Some(format!("{first}-{second:0>2}-{third:0>2}{rest}")),
        // With slashes the month may stand first.
        (1..=2, 4) if date.contains('.') => Some(format!("{third}-{second:0>2}-{first:0>2}{rest}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, guess: &str) {
        let (detail, hint) = no_time(text);
        assert!(detail.starts_with(&format!("`{text}` is not a time")), "{detail}");
        assert_eq!(hint, format!("did you mean `{guess}`?"), "`{text}`");
    }

    #[test]
    fn what_was_probably_meant_is_suggested() {
        check("yesterdey", "yesterday");
        check("nwo-15m", "now-15m");
        check("now -15m", "now-15m");
        check("now-15minutes", "now-15m");
        check("toady", "today");
        check("-15m", "15m");
        check("2 hours ago", "2h");
        check("last 3days", "3d");
        check("1hour30mins", "1h30m");
        check("2026/11/2", "2026-11-02");
        check("22.11.2026 10:00", "2026-11-22 10:00");
    }

    #[test]
    fn what_is_like_nothing_gets_examples() {
        for text in ["soon", "", "11/22/2026", "5", "x".repeat(1000).as_str(), "now-5x", "\u{e9}"] {
            assert_eq!(no_time(text).1, HOW_TO_WRITE_A_TIME, "{text}");
        }
        assert_eq!(
            no_time("now-5x").0,
            "`now-5x` is not a time: `now` was understood, and not `-5x` behind it"
        );
    }
}
