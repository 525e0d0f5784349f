//! The heads of Cisco devices: counters, origin, stamp or uptime, and a colon behind each.
//!
//! | head | who |
//! |---|---|
//! | `54: rtr: 000055: *Mar  1 18:48:50.483 UTC: %SYS-5-X: text` | IOS |
//! | `54: 000055: 1d02h: %SYS-5-X: text` | IOS that has no clock |
//! | `fw1: %ASA-6-302014: text` | ASA without a stamp |
//! | `54: pe1 RP/0/RSP1/CPU0:Nov 29 20:00:00.941 UTC: bgp[1051]: %BGP-5-X : text` | IOS XR |
//! | `wlc: *spamApTask3: Nov 29 20:00:00.411: %CAPWAP-3-X: text` | AireOS |
//! | `34: : ccm: 1: cucm: Nov 29 2026 08:00:00 PM.123 UTC :  %UC_ALARM-3-X: text` | CUCM |
//!
//! A counter becomes `meta sequenceId`, an uptime `meta sysUpTime`, the mark of a clock that is
//! not synchronised `timeQuality isSynced="0"`: the elements RFC 5424, 7 has for them.
//! What has no place in an event (the node of XR, a virtual device) is kept in the raw line.

use std::borrow::Cow;

use crate::rfc3164::{Reader, is_host};
use crate::stamp::{self, Stamp};
use crate::{Defect, tag};

/// Counters, hosts and other words in a head; real ones have at most five.
const MAX_ITEMS: usize = 8;

/// Counters of one head.
const MAX_COUNTERS: usize = 3;

/// Digits of a counter.
const MAX_COUNTER_DIGITS: usize = 10;

/// What stands before the stamp.
#[derive(Default)]
struct Head<'a> {
    counters: [Option<&'a str>; MAX_COUNTERS],
    host: Option<&'a str>,
    /// The task of AireOS.
    task: Option<&'a str>,
    uptime: Option<u64>,
    /// There is a node, or a word that is not known.
    lossy: bool,
}

impl<'a> Head<'a> {
    fn has_counter(&self) -> bool {
        self.counters.iter().any(Option::is_some)
    }

    fn count(&mut self, word: &'a str) -> bool {
        match self.counters.iter_mut().find(|c| c.is_none()) {
            Some(slot) => {
                *slot = Some(word);
                true
            }
            None => false,
        }
    }

    fn host(&mut self, word: &'a str) {
        self.lossy |= self.host.is_some();
        self.host = Some(word);
    }

    fn apply(self, line: &mut Reader<'_, 'a, '_>) {
        for counter in self.counters.into_iter().flatten() {
            let digits = counter.trim_start_matches('0');
            let digits = if digits.is_empty() { "0" } else { digits };
            line.add_element("meta", "sequenceId", Cow::Borrowed(digits));
        }
        if let Some(hundredths) = self.uptime {
            line.add_element("meta", "sysUpTime", Cow::Owned(hundredths.to_string()));
        }
        if let Some(host) = self.host {
            line.event.source = Cow::Borrowed(host);
        }
        line.lossy |= self.lossy;
    }
}

/// Reads a head and what follows it. False, and nothing is changed, where there is none.
pub(crate) fn read<'a>(text: &'a str, line: &mut Reader<'_, 'a, '_>) -> bool {
    let mut head = Head::default();
    let mut rest = text;
    for item in 0..MAX_ITEMS {
        // `: : ccm:` has items of nothing.
        rest = rest.trim_start_matches([' ', '\t']);
        while let Some(after) = rest.strip_prefix(':') {
            rest = after.trim_start_matches(' ');
        }
        if let Some(stamp) = stamp::scan_ios(rest.as_bytes(), line.clock) {
            return with_stamp(stamp, rest, head, line);
        }
        if mnemonic(rest).is_some() {
            // A bare mnemonic is a tag like any other.
            if item == 0 {
                return false;
            }
            line.event.defects.insert(Defect::NoTimestamp);
            let task = head.task;
            head.apply(line);
            content(rest, task, line);
            return true;
        }
        let Some((word, after)) = next_item(rest) else { return false };
        if !take_item(word, after, &mut head) {
            return false;
        }
        rest = after;
    }
    false
}

/// A head behind the stamp and the host of a relay: `STAMP rtr 54: *Mar  1 18:48:50: %SYS-5-X: text`,
/// and the virtual device of NX-OS, `%$ VDC-1 %$ %ETHPORT-3-X: text`.
pub(crate) fn read_behind_host<'a>(rest: &'a str, line: &mut Reader<'_, 'a, '_>) -> bool {
    if let Some((_, after)) = rest.strip_prefix("%$ ").and_then(|r| r.split_once(" %$ ")) {
        line.lossy = true;
        line.content(after.trim_start_matches([':', ' ']));
        return true;
    }
    let first = rest.as_bytes().first().copied().unwrap_or_default();
    if !(first.is_ascii_digit() || matches!(first, b':' | b'*' | b'.')) || !has_mnemonic(rest) {
        return false;
    }
    let (source, reported) = (line.event.source.clone(), line.event.timereported);
    if !read(rest, line) {
        return false;
    }
    if !source.is_empty() {
        line.lossy |= line.event.source != source;
        line.event.source = source;
    }
    // The relay's clock is the better one where the device says that its own is wrong.
    if line.event.sd_param("timeQuality", "isSynced") == Some("0") {
        line.event.timereported = reported;
        line.lossy = true;
    }
    line.event.defects.remove(Defect::NoTimestamp);
    true
}

fn has_mnemonic(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), b": %")
        .is_some_and(|at| text.as_bytes().get(at + 2..).is_some_and(tag::is_mnemonic))
}

/// The mnemonic at the start of a text, without the mark before it.
fn mnemonic(rest: &str) -> Option<&str> {
    let plain = rest.strip_prefix('*').unwrap_or(rest);
    (tag::is_mnemonic(plain.as_bytes()) || old_mnemonic(plain).is_some()).then_some(plain)
}

/// `#CAPWAP-3-DTLS_CLOSED_ERR: text`, as AireOS once had it.
fn old_mnemonic(rest: &str) -> Option<(&str, &str)> {
    let (name, text) = rest.strip_prefix('#')?.split_once(':')?;
    let fits = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    (fits && name.contains('-')).then_some((name, text.strip_prefix(' ').unwrap_or(text)))
}

/// The next item and what stands behind its colon.
fn next_item(rest: &str) -> Option<(&str, &str)> {
    // `RP/0/RSP0/CPU0:Nov 29 …` has no blank there.
    if let Some((word, after)) = rest.split_once(':')
        && word.contains("/CPU")
        && !after.starts_with(' ')
    {
        return Some((word, after));
    }
    let (word, after) = rest.split_once(": ")?;
    Some((word.trim_end_matches(' '), after.trim_start_matches(' ')))
}

fn take_item<'a>(word: &'a str, after: &str, head: &mut Head<'a>) -> bool {
    if word.is_empty() {
        return true;
    }
    if word.len() <= MAX_COUNTER_DIGITS && word.bytes().all(|b| b.is_ascii_digit()) {
        return head.count(word);
    }
    if let Some(hundredths) = uptime(word)
        && mnemonic(after).is_some()
    {
        head.uptime = Some(hundredths);
        return true;
    }
    if let Some(task) = word.strip_prefix('*') {
        head.task = Some(task);
        return is_host(task);
    }
    let (host, node) = word.split_once(' ').map_or((word, ""), |(host, node)| (host, node.trim_start()));
    if node.is_empty() && host.contains("/CPU") {
        head.lossy = true;
        return is_host(host);
    }
    if !node.is_empty() {
        if !node.contains("/CPU") || !is_host(node) {
            return false;
        }
        head.lossy = true;
    }
    if !is_host(host) {
        return false;
    }
    head.host(host);
    true
}

fn with_stamp<'a>(stamp: Stamp, rest: &'a str, head: Head<'a>, line: &mut Reader<'_, 'a, '_>) -> bool {
    let after = rest.get(stamp.end..).unwrap_or_default();
    let text = after.trim_start_matches([' ', ':']);
    let (text, unknown_zone) = behind_unknown_zone(text);
    let known = head.has_counter() || head.lossy || head.task.is_some() || mnemonic(text).is_some();
    // `myapp: 2026-11-29 20:00:00 text` is a program that writes its own stamp.
    if !known && head.host.is_some() {
        return false;
    }
    line.stamp(stamp);
    if unknown_zone {
        line.unknown_zone();
    }
    let task = head.task;
    head.apply(line);
    content(text, task, line);
    true
}

/// `XYZ: config[65539]: %MGBL-SYS-5-X : text` has a word for a zone, and nothing but that
/// place says so.
fn behind_unknown_zone(text: &str) -> (&str, bool) {
    if let Some((word, after)) = text.split_once(": ")
        && word.bytes().all(|b| b.is_ascii_alphabetic())
        && let Some(found) = tag::find(after)
        && found.has_procid()
        && after.as_bytes().get(found.message_at..).is_some_and(tag::is_mnemonic)
    {
        return (after, true);
    }
    (text, false)
}

fn content<'a>(text: &'a str, task: Option<&'a str>, line: &mut Reader<'_, 'a, '_>) {
    let plain = mnemonic(text).unwrap_or(text);
    line.lossy |= plain.len() != text.len();
    match old_mnemonic(plain) {
        Some((name, message)) => {
            line.event.app_name = Cow::Borrowed(name);
            line.event.message = Cow::Borrowed(message);
        }
        None => line.content(plain),
    }
    if let Some(task) = task
        && line.event.procid.is_empty()
    {
        line.event.procid = Cow::Borrowed(task);
    }
}

/// `00:00:46`, `1d02h`, `3w2d`, `1y5w` in hundredths of a second (RFC 5424, 7.3.3).
fn uptime(word: &str) -> Option<u64> {
    let number = |text: &str| -> Option<u64> {
        (text.len() <= 4 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then_some(text)?
            .parse()
            .ok()
    };
    if let [hours, minutes, seconds] = *word.split(':').collect::<Vec<_>>().as_slice() {
        // With `service timestamps log uptime msec`.
        let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let hundredths = match fraction.as_bytes() {
            [] => 0,
            [a, b, ..] if fraction.bytes().all(|b| b.is_ascii_digit()) => {
                u64::from(a - b'0') * 10 + u64::from(b - b'0')
            }
            _ => return None,
        };
        let seconds = number(hours)? * 3600 + number(minutes)? * 60 + number(seconds)?;
        return Some(seconds * 100 + hundredths);
    }
    const UNITS: [(char, u64); 5] =
        [('y', 31_536_000), ('w', 604_800), ('d', 86_400), ('h', 3600), ('m', 60)];
    let mut total = 0;
    let mut rest = word;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let at = rest.find(|c: char| !c.is_ascii_digit())?;
        let letter = rest[at..].chars().next()?;
        let (_, seconds) = units.find(|(u, _)| *u == letter)?;
        total += number(&rest[..at])? * seconds;
        rest = rest.get(at + 1..)?;
    }
    (!word.is_empty()).then_some(total * 100)
}
