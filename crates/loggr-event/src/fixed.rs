//! Words in front of a message that are neither host nor program: `last message repeated 3 times`,
//! `Message forwarded from aix1:`, `local7.info`, `In(166)`, `ERROR`.
//!
//! This file only recognises the words; `rfc3164` decides what to do with them.

use crate::{Facility, Severity};

/// Beginnings of texts that syslog daemons write without a host.
const TEXTS: [&str; 11] = [
    "last message repeated ",
    "last message buffered ",
    "message repeated ",
    "previous message repeated ",
    "above message repeated ",
    "above message repeats ",
    "--- last message repeated ",
    "-- MARK --",
    "--MARK--",
    "exiting on signal ",
    "logging restarted",
];

/// Levels that programs write behind the stamp. Only words in capitals count, because `error` may
/// be a host.
const LEVELS: [&str; 15] = [
    "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "CRIT", "CRITICAL", "FATAL",
    "SEVERE", "FINE", "ALERT", "EMERG",
];

/// Does the text begin with words whose first is no host?
pub(crate) fn is_text_of_a_daemon(text: &str) -> bool {
    TEXTS.iter().any(|t| text.starts_with(t))
}

/// Whether the word is a level and not a host.
pub(crate) fn is_level(word: &str) -> bool {
    LEVELS.contains(&word)
}

/// What a relay writes in front of the host that it has a line from: AIX, BSD.
const FORWARDED: [&str; 2] = ["Message forwarded from ", "Forwarded from "];

/// The host and the rest of `Message forwarded from HOST: …`, and `From HOST: …`.
pub(crate) fn forwarded(text: &str) -> Option<(&str, &str)> {
    forwarded_behind_host(text).or_else(|| host_and_rest(text.strip_prefix("From ")?))
}

/// Like [`forwarded`], but without `From HOST: …`, which may be the text behind a host.
pub(crate) fn forwarded_behind_host(text: &str) -> Option<(&str, &str)> {
    FORWARDED.iter().find_map(|words| host_and_rest(text.strip_prefix(words)?))
}

fn host_and_rest(rest: &str) -> Option<(&str, &str)> {
    let (host, rest) = rest.split_once(' ')?;
    let host = host.strip_suffix(':')?;
    let hostlike = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
    (!host.is_empty() && host.bytes().all(hostlike)).then_some((host, rest))
}

/// Facility and severity of `local7.info`, `Daemon.Notice`, `auth|security:info` or `err|error`.
pub(crate) fn priority(word: &str) -> Option<(Facility, Severity)> {
    let (facility, severity) = word.split_once(['.', ':'])?;
    let facility = facility.split('|').map(facility_of).next()??;
    let severity = severity.split('|').map(severity_of).next()??;
    Some((facility, severity))
}

/// The priority of `In(166)`, as ESXi 8 writes it into its files.
pub(crate) fn esxi_priority(word: &str) -> Option<u8> {
    const NAMES: [&str; 8] = ["Em", "Al", "Cr", "Er", "Wa", "No", "In", "Db"];
    let (name, digits) = word.strip_suffix(')')?.split_once('(')?;
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u8 = digits.parse().ok().filter(|value| *value < 192)?;
    (NAMES.get(usize::from(value % 8)) == Some(&name)).then_some(value)
}

/// The level that ESXi before 8 writes behind the stamps of its files.
pub(crate) fn esxi_level(word: &str) -> Option<Severity> {
    match word {
        "panic" => Some(Severity::Emergency),
        "verbose" | "trivia" => Some(Severity::Debug),
        _ => severity_of(word).filter(|_| word.bytes().all(|b| b.is_ascii_lowercase())),
    }
}

/// A severity by itself, `notice` in front of a tag.
pub(crate) fn severity_of(word: &str) -> Option<Severity> {
    if word.len() > 13 || !word.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    Severity::from_name(word).filter(|_| !word.eq_ignore_ascii_case("trace"))
}

/// Kiwi Syslog has other names for some facilities.
fn facility_of(word: &str) -> Option<Facility> {
    let code = match word.to_ascii_lowercase().as_str() {
        "kernel" => Some(0),
        "system" | "system0" | "system1" => Some(3),
        "security" | "auth" => Some(4),
        "console" => Some(14),
        "printer" => Some(6),
        "caa" | "aso" => Some(3),
        _ => None,
    };
    match code {
        Some(code) => Facility::from_code(code),
        None if word.bytes().all(|b| b.is_ascii_digit()) => None,
        None => Facility::from_name(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expect: Option<&str>) {
        let got = priority(word).map(|(f, s)| format!("{f}.{s}"));
        assert_eq!(got.as_deref(), expect, "{word}");
    }

    #[test]
    fn priorities_in_words() {
        check("local7.info", Some("local7.info"));
        check("Local7.Info", Some("local7.info"));
        check("Kernel.Critical", Some("kern.crit"));
        check("auth|security:info", Some("auth.info"));
        check("daemon:err|error", Some("daemon.err"));
        check("user.warn", Some("user.warning"));
        check("mail.example.net", None);
        check("mail.info.example", None);
        check("web01.debug", None);
        check("1.2", None);
        check("info", None);
    }

    #[test]
    fn hosts_that_others_name() {
        assert_eq!(forwarded("Message forwarded from a: x y"), Some(("a", "x y")));
        assert_eq!(forwarded("From a.b: x"), Some(("a.b", "x")));
        assert_eq!(forwarded("From here on"), None);
        assert_eq!(forwarded("Message forwarded"), None);
    }

    #[test]
    fn daemons_and_levels() {
        assert!(is_text_of_a_daemon("last message repeated 5 times"));
        assert!(!is_text_of_a_daemon("last login: today"));
        assert!(is_level("ERROR") && !is_level("error") && !is_level("WEB01"));
    }
}
