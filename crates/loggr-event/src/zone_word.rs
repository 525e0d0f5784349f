//! The zone that stands behind a time of day: ` CET`, `Z`, ` +05:30`, ` GMT-3`, ` TZ-6`.
//!
//! The rules of named zones are in `zone`. A word that could be a host or a program counts as a
//! zone only if a colon and a mnemonic follow it.

use crate::mnemonic::{self, Behind};
use crate::{tag, zone};

/// Zone words and their minutes east of UTC. Where a word has several meanings
/// (`CST`, `IST`, `BST`), the one that syslog devices are most often set to.
const ZONE_WORDS: [(&str, i16); 61] = [
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("UCT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("MET", 60),
    ("MEZ", 60),
    ("CEST", 120),
    ("MEST", 120),
    ("MESZ", 120),
    ("EET", 120),
    ("WAT", 60),
    ("CAT", 120),
    ("EAT", 180),
    ("EEST", 180),
    ("MSK", 180),
    ("TRT", 180),
    ("GST", 240),
    ("PKT", 300),
    ("IST", 330),
    ("WIB", 420),
    ("ICT", 420),
    ("SGT", 480),
    ("HKT", 480),
    ("PHT", 480),
    ("AWST", 480),
    ("JST", 540),
    ("KST", 540),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("BRT", -180),
    ("BRST", -120),
    ("ART", -180),
    ("CLT", -240),
    ("CLST", -180),
    ("COT", -300),
    ("PET", -300),
    ("BOT", -240),
    ("NST", -210),
    ("NDT", -150),
    ("AST", -240),
    ("ADT", -180),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
    ("SAST", 120),
];

/// Zones that are also English words, and therefore also names of hosts.
const NAMES_AS_WELL: [&str; 6] = ["CAT", "EAT", "WAT", "COT", "PET", "BOT"];

/// Longest word that is taken for a zone: `GMT+05:30` and a little more.
const MAX_WORD_BYTES: usize = 10;

/// Longest word that is taken for a zone although it is in no table of zones.
const MAX_ZONE_BYTES: usize = 10;

/// The largest offset from UTC of any place on earth.
const MAX_OFFSET_MINUTES: i16 = 14 * 60;

/// Minutes east of UTC of a zone word in capitals.
pub(crate) fn minutes(word: &str) -> Option<i16> {
    ZONE_WORDS.iter().find(|(name, _)| *name == word).map(|(_, minutes)| *minutes)
}

/// Minutes east of UTC of `CET`, `+01:00`, `-0730`, `GMT+1` or `UTC-03:30`.
pub(crate) fn offset(word: &str) -> Option<i16> {
    let found = minutes(word).or_else(|| zone::fixed_offset(word)).or_else(|| {
        let rest = ["UTC", "GMT", "TZ", "Z"].iter().find_map(|name| word.strip_prefix(name))?;
        short_offset(rest)
    });
    found.filter(|minutes| minutes.abs() <= MAX_OFFSET_MINUTES)
}

/// `+1`, `-6`, or any other offset.
fn short_offset(text: &str) -> Option<i16> {
    match text.as_bytes() {
        [sign @ (b'+' | b'-'), digit @ b'0'..=b'9'] => {
            let minutes = i16::from(digit - b'0') * 60;
            Some(if *sign == b'-' { -minutes } else { minutes })
        }
        _ => zone::fixed_offset(text),
    }
}

/// A zone that stands behind a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zone {
    /// Minutes east of UTC; `None` where nobody knows the word.
    pub offset: Option<i16>,
    /// Bytes of it and of the blanks in front of it.
    pub len: usize,
}

/// Reads the zone at the start of `bytes`, which begin behind the time. `ios`: the line has
/// the head of a Cisco device, so that any word in front of `: %` is a zone.
pub(crate) fn behind_time(bytes: &[u8], ios: bool) -> Option<Zone> {
    let blanks = bytes.iter().take(2).take_while(|b| **b == b' ').count();
    let rest = bytes.get(blanks..)?;
    if blanks == 0 {
        return attached(rest);
    }
    let word_len = rest.iter().take(MAX_WORD_BYTES + 2).take_while(|b| !ends_word(**b)).count();
    let ended = rest.get(word_len).is_none_or(|b| ends_word(*b));
    let word = std::str::from_utf8(rest.get(..word_len)?).ok()?;
    // `UTC:`, and `UTC:%SYS-5-X`.
    let word = word.find(":%").map_or(word, |at| &word[..at]);
    let word = word.strip_suffix(':').unwrap_or(word);
    if word.is_empty() || word.len() > MAX_WORD_BYTES || !(ended || word.len() < word_len) {
        return None;
    }
    let after = rest.get(word.len()..).unwrap_or_default();
    let found = |offset| Some(Zone { offset, len: blanks + word.len() });
    if let Some(behind) = mnemonic::behind(after, ios) {
        return found(before_mnemonic(word, behind, ios)?);
    }
    // `Z: text` may have a program.
    if let Some(minutes) = minutes(word)
        && (after.first() != Some(&b':') || word.len() > 2)
        && !(NAMES_AS_WELL.contains(&word) && is_tag_next(after))
    {
        return found(Some(minutes));
    }
    if (word.starts_with(['+', '-']) || word.bytes().any(|b| b.is_ascii_digit()))
        && let Some(minutes) = offset(word)
    {
        return found(Some(minutes));
    }
    None
}

/// The zone that a word between stamp and mnemonic is, with `None` for the offset of an unknown
/// zone. The outer `None` says that the word is the name of the device.
///
/// The mnemonic decides: firewalls write `STAMP NAME : %ASA-…`, all others `STAMP ZONE: %SYS-…`.
/// A firewall's zone stands in EMBLEM alone, `:STAMP UTC: %ASA-…`, without a blank. `in_head`: the
/// line has a head that nothing but a device writes, so that the word can be no host.
pub(crate) fn before_mnemonic(word: &str, behind: Behind, in_head: bool) -> Option<Option<i16>> {
    let letters = word.bytes().all(|b| b.is_ascii_alphabetic());
    let known = matches!(word, "UTC" | "GMT") || (!behind.set_off && minutes(word).is_some());
    if behind.firewall && letters && !known {
        return None;
    }
    if let Some(minutes) = offset(word).or_else(|| offset(&word.to_ascii_uppercase())) {
        return Some(Some(minutes));
    }
    let wordlike = word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_' | b'/'));
    // Names of devices that relays put here have digits or hyphens, zones hardly ever.
    let unknown = !behind.firewall && if in_head { wordlike } else { letters };
    (unknown && (2..=MAX_ZONE_BYTES).contains(&word.len())).then_some(None)
}

/// Does a blank and a tag follow? `BOT app[1]: text` has a host, `BOT web01 app[1]: text` a zone.
fn is_tag_next(after: &[u8]) -> bool {
    after.starts_with(b" ")
        && std::str::from_utf8(after.trim_ascii_start()).is_ok_and(|text| tag::find(text).is_some())
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b',')
}

/// `Z`, `+01:00` or `-0300` that nothing sets off from the time.
fn attached(rest: &[u8]) -> Option<Zone> {
    let (offset, len) = match rest.first()? {
        b'Z' | b'z' => (0, 1),
        b'+' | b'-' => [6, 5, 3].into_iter().find_map(|n| {
            let text = std::str::from_utf8(rest.get(..n)?).ok()?;
            Some((zone::fixed_offset(text)?, n))
        })?,
        _ => return None,
    };
    rest.get(len).is_none_or(|b| ends_word(*b) || *b == b':').then_some(Zone { offset: Some(offset), len })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, ios: bool, expect: Option<(Option<i16>, &str)>) {
        let got = behind_time(text.as_bytes(), ios).map(|z| (z.offset, &text[z.len..]));
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn zones_behind_a_time() {
        check(" CET host", false, Some((Some(60), " host")));
        check(" UTC: text", false, Some((Some(0), ": text")));
        check(" CET: config[1]: %X", false, Some((Some(60), ": config[1]: %X")));
        check(" +05:30 host", false, Some((Some(330), " host")));
        check(" -03:30: text", false, Some((Some(-210), ": text")));
        check(" GMT+05:30 host", false, Some((Some(330), " host")));
        check(" UTC+1 host", false, Some((Some(60), " host")));
        check(" TZ-6 host", false, Some((Some(-360), " host")));
        check(" +0100", false, Some((Some(60), "")));
        check("  +0000  host", false, Some((Some(0), "  host")));
        check("Z host", false, Some((Some(0), " host")));
        check("+08:00 host", false, Some((Some(480), " host")));
        check(" UTC :  %UC_ALARM-3-X", false, Some((Some(0), " :  %UC_ALARM-3-X")));
        check(" UTC:%SYS-5-X", false, Some((Some(0), ":%SYS-5-X")));
        check(" cet: %SYS-5-X", false, Some((Some(60), ": %SYS-5-X")));
        check(" XYZ: %SYS-5-X", false, Some((None, ": %SYS-5-X")));
        check(" TZ: *%LWAPP-3-X", false, Some((None, ": *%LWAPP-3-X")));
        check(" Berlin: %SYS-5-X", true, Some((None, ": %SYS-5-X")));
        check(" Berlin: %SYS-5-X", false, Some((None, ": %SYS-5-X")));
        check(" MSK: %ASA-6-302013", true, Some((Some(180), ": %ASA-6-302013")));
    }

    #[test]
    fn words_that_are_no_zones() {
        check(" host app: x", false, None);
        check(" CRON: x", false, None);
        check(" Z: x", false, None);
        check(" cet app: x", false, None);
        check(" fw01: %ASA-6-1", false, None);
        check(" fw: %ASA-6-302013", false, None);
        check(" HQFW : %ASA-6-302013", false, None);
        check(" rtr.example.net: %SYS-5-X", true, None);
        check(" +99:00 x", false, None);
        check(" - app: x", false, None);
        check("Zulu", false, None);
        check("", false, None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[ Z+A-z0-9:%-]{0,14}", ios: bool) {
            if let Some(zone) = behind_time(text.as_bytes(), ios) {
                prop_assert!(text.is_char_boundary(zone.len));
            }
        }
    }
}
