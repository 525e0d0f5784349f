//! The heads of Cisco devices: counters, origin, stamp or uptime, and a colon behind each.
//!
//! | head | who |
//! |---|---|
//! | `54: rtr: 000055: *Mar  1 18:48:50.483 UTC: %SYS-5-X: text` | IOS |
//! | `54: 000055: 1d02h: %SYS-5-X: text` | IOS that has no clock |
//! | `fw1: %ASA-6-302014: text` | ASA without a stamp |
//! | `Nov 29 2026 20:00:00 fw1 : %ASA-6-302014: text` | ASA |
//! | `54: pe1 RP/0/RSP1/CPU0:Nov 29 20:00:00.941 UTC: bgp[1051]: %BGP-5-X : text` | IOS XR |
//! | `wlc: *spamApTask3: Nov 29 20:00:00.411: %CAPWAP-3-X: text` | AireOS |
//! | `34: : ccm: 1: cucm: Nov 29 2026 08:00:00 PM.123 UTC :  %UC_ALARM-3-X: text` | CUCM |
//!
//! A counter becomes `meta sequenceId`, an uptime `meta sysUpTime`, the mark of a clock that is not
//! synchronised `timeQuality isSynced="0"`: the elements RFC 5424, 7 has for them. Parts for which
//! an event has no field (the node of XR, a virtual device) are kept in the raw line.
//!
//! The mnemonic decides what makes a line one of Cisco's: where a head ends ([`read`]), and whether
//! the words behind a relay's host are a head ([`read_behind_host`]). Whether a word between stamp
//! and mnemonic is a zone or the name of the device is decided in `zone_word`.

use std::borrow::Cow;

use super::{Reader, is_host};
use crate::moment::Stamp;
use crate::{Defect, mnemonic, stamp, tag, zone_word};

/// Counters, hosts and other words in a head; real ones have at most five.
const MAX_ITEMS: usize = 8;

/// Counters that one head has at most.
const MAX_COUNTERS: usize = 3;

/// Longest head in front of a mnemonic.
const MAX_HEAD_BYTES: usize = 192;

/// Digits that a counter has at most.
const MAX_COUNTER_DIGITS: usize = 10;

/// The parts of the head that stand before the stamp.
#[derive(Default)]
struct Head<'a> {
    counters: [Option<&'a str>; MAX_COUNTERS],
    host: Option<&'a str>,
    /// The task of AireOS.
    task: Option<&'a str>,
    uptime: Option<u64>,
    /// The head has a part that only devices write in front of a mnemonic.
    certain: bool,
    /// The head has a node, or a word with an unknown meaning, for which an event has no field.
    lossy: bool,
}

/// Where a head stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Behind the PRI.
    First,
    /// Behind the stamp and the host of a relay, where a program may stand as well.
    BehindHost,
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

    /// Does the head say by itself that a device wrote it? `Ebra: %LINEPROTO-5-UPDOWN: text` and
    /// `Cli: 54: %SYS-5-CONFIG_I: text` behind a host are programs of Arista's, which are seen
    /// more often than an IOS with its name and without a stamp. A firewall has no programs.
    fn is_certain(&self, text: &str, mnemonic: &str) -> bool {
        let name_first = self.host.is_some_and(|host| text.starts_with(host));
        !name_first || self.certain || mnemonic::is_firewall(mnemonic.as_bytes())
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
    read_at(Place::First, text, line)
}

fn read_at<'a>(place: Place, text: &'a str, line: &mut Reader<'_, 'a, '_>) -> bool {
    let mut head = Head::default();
    let mut rest = text;
    for item in 0..MAX_ITEMS {
        // `: : ccm:` has items that are empty.
        rest = rest.trim_start_matches([' ', '\t']);
        while let Some(after) = rest.strip_prefix(':') {
            rest = after.trim_start_matches(' ');
        }
        if let Some(stamp) = stamp::scan_ios(rest.as_bytes(), line.clock) {
            return with_stamp(stamp, rest, place, head, line);
        }
        if let Some(plain) = mnemonic::at_start(rest) {
            // A bare mnemonic is a tag like any other.
            if item == 0 || (place == Place::BehindHost && !head.is_certain(text, plain)) {
                return false;
            }
            line.event.defects.insert(Defect::NoTimestamp);
            let task = head.task;
            head.apply(line);
            content(rest, task, line);
            return true;
        }
        if item == 0
            && place == Place::BehindHost
            && let Some(found) = device_and_mnemonic(rest)
        {
            head.host(found.0);
            head.certain = true;
            rest = found.1;
            continue;
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
    if !has_mnemonic(rest) {
        return false;
    }
    let (source, reported) = (line.event.source.clone(), line.event.timereported);
    let had_stamp = !line.event.defects.contains(Defect::NoTimestamp);
    line.event.defects.remove(Defect::NoTimestamp);
    let found = read_at(Place::BehindHost, rest, line);
    if had_stamp {
        line.event.defects.remove(Defect::NoTimestamp);
    } else if !found {
        line.event.defects.insert(Defect::NoTimestamp);
    }
    if !found {
        return false;
    }
    if !source.is_empty() {
        line.lossy |= line.event.source != source;
        line.event.source = source;
    }
    // The relay's clock is the better one where the device says that its own is wrong.
    if had_stamp && line.event.sd_param("timeQuality", "isSynced") == Some("0") {
        line.event.timereported = reported;
        line.lossy = true;
    }
    true
}

/// Could a head go on with this behind `word: `? A cheap test in front of [`read_behind_host`].
#[inline]
pub(crate) fn may_go_on(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| MAY_GO_ON[usize::from(*first)]) && goes_on(bytes)
}

/// First bytes of what [`goes_on`] looks closer at: marks, digits, months and nodes.
const MAY_GO_ON: [bool; 256] = {
    const FIRST: &[u8] = b"%*.:#0123456789JFMASONDRL";
    let mut may = [false; 256];
    let mut at = 0;
    while at < FIRST.len() {
        may[FIRST[at] as usize] = true;
        at += 1;
    }
    may
};

fn goes_on(bytes: &[u8]) -> bool {
    match bytes {
        // `Nov 29`; `RP/0/…`.
        [b'A'..=b'S', _, _, b' ', b' ' | b'0'..=b'3', ..] | [b'R' | b'L', _, b'/', ..] => true,
        [b'A'..=b'S', ..] => false,
        // `54: `, `1d02h: `, `00:20:10: `, `2026 Nov 29`, `2026-11-29T…`.
        [b'0'..=b'9', ..] => {
            let digits = bytes.iter().take(MAX_COUNTER_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
            match bytes.get(digits) {
                Some(b':' | b'y' | b'w' | b'd') => true,
                Some(b' ' | b'-') => digits == 4,
                _ => false,
            }
        }
        // A mnemonic, a task, the mark of a clock, or a colon.
        _ => true,
    }
}

/// Does a mnemonic stand behind a colon or a blank, not too far in?
fn has_mnemonic(text: &str) -> bool {
    let bytes = text.as_bytes();
    let head = bytes.get(..MAX_HEAD_BYTES).unwrap_or(bytes);
    memchr::memchr2_iter(b'%', b'#', head).any(|at| {
        let before = bytes.get(..at).unwrap_or_default();
        let before = before.strip_suffix(b"*").unwrap_or(before);
        matches!(before.last(), Some(b':' | b' '))
            && text.get(at..).is_some_and(|rest| mnemonic::at_start(rest).is_some())
    })
}

/// Reads `fw01: %ASA-…` or `Berlin: %SYS-…` behind a stamp; `word_end` is where the word ends.
/// False, and nothing is changed, where no mnemonic follows.
pub(crate) fn read_word<'a>(text: &'a str, word_end: usize, line: &mut Reader<'_, 'a, '_>) -> bool {
    let (Some(word), Some(rest)) = (text.get(..word_end), text.get(word_end..)) else { return false };
    if line.unix || matches!(word, "" | "-" | "*") {
        return false;
    }
    let Some(behind) = mnemonic::behind(rest.as_bytes(), false) else { return false };
    match zone_word::before_mnemonic(word, behind, false) {
        None => line.event.source = Cow::Borrowed(word),
        Some(offset) => {
            line.event.source = Cow::Borrowed("");
            match offset {
                Some(minutes) => line.event.timereported = line.event.timereported.read_in(minutes),
                None => line.unknown_zone(),
            }
        }
    }
    content(rest.trim_start_matches([' ', ':']), None, line);
    true
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

/// `fw1 %ASA-…: text` behind a relay's host: a name without a colon.
fn device_and_mnemonic(rest: &str) -> Option<(&str, &str)> {
    let (word, after) = rest.split_once(' ')?;
    let fits = is_host(word)
        && !word.ends_with(':')
        && mnemonic::at_start(after).is_some()
        && tag::find(after).is_some();
    fits.then_some((word, after))
}

fn take_item<'a>(word: &'a str, after: &str, head: &mut Head<'a>) -> bool {
    if word.is_empty() {
        return true;
    }
    if word.len() <= MAX_COUNTER_DIGITS && word.bytes().all(|b| b.is_ascii_digit()) {
        return head.count(word);
    }
    if let Some(hundredths) = uptime(word)
        && mnemonic::at_start(after).is_some()
    {
        head.uptime = Some(hundredths);
        head.certain = true;
        return true;
    }
    if let Some(task) = word.strip_prefix('*') {
        head.task = Some(task);
        head.certain = true;
        return is_host(task);
    }
    let (host, node) = word.split_once(' ').map_or((word, ""), |(host, node)| (host, node.trim_start()));
    if node.is_empty() && host.contains("/CPU") {
        head.lossy = true;
        head.certain = true;
        return is_host(host);
    }
    if !node.is_empty() {
        if !node.contains("/CPU") || !is_host(node) {
            return false;
        }
        head.lossy = true;
        head.certain = true;
    }
    // `@cee: ` is no host.
    if !is_host(host) || host.starts_with('@') {
        return false;
    }
    head.host(host);
    true
}

fn with_stamp<'a>(
    stamp: Stamp,
    rest: &'a str,
    place: Place,
    mut head: Head<'a>,
    line: &mut Reader<'_, 'a, '_>,
) -> bool {
    let after = rest.get(stamp.end..).unwrap_or_default();
    let text = after.trim_start_matches([' ', ':']);
    let (text, between) = if mnemonic::at_start(text).is_some() {
        (text, Between::Nothing)
    } else {
        between_stamp_and_mnemonic(text)
    };
    let known = head.has_counter()
        || head.lossy
        || head.task.is_some()
        || mnemonic::at_start(text).is_some()
        || is_process(text);
    // `myapp: 2026-11-29 20:00:00 text` is a program that writes its own stamp.
    if !known && (head.host.is_some() || place == Place::BehindHost) {
        return false;
    }
    line.stamp(stamp);
    match between {
        Between::Nothing => {}
        Between::Device(name) => head.host(name),
        Between::UnknownZone => line.unknown_zone(),
    }
    let task = head.task;
    head.apply(line);
    content(text, task, line);
    true
}

/// What stands between the stamp and the mnemonic, but for the zones that `zone_word` takes.
enum Between<'a> {
    Nothing,
    Device(&'a str),
    UnknownZone,
}

fn between_stamp_and_mnemonic(text: &str) -> (&str, Between<'_>) {
    // `XYZ: config[65539]: %MGBL-SYS-5-X : text` has a word for a zone, and nothing but that
    // place says so.
    if let Some((word, after)) = text.split_once(": ")
        && word.bytes().all(|b| b.is_ascii_alphabetic())
        && is_process(after)
    {
        return (after, Between::UnknownZone);
    }
    // `fw01 : %ASA-…` behind the stamp of a firewall.
    if let Some((word, _)) = text.split_once([' ', ':'])
        && let Some(rest) = text.get(word.len()..)
        && is_host(word)
        && mnemonic::behind(rest.as_bytes(), false).is_some_and(|behind| behind.firewall)
    {
        return (rest.trim_start_matches([' ', ':']), Between::Device(word));
    }
    (text, Between::Nothing)
}

/// `config[65539]: %MGBL-SYS-5-X : text`, as XR has it.
fn is_process(text: &str) -> bool {
    tag::find(text).is_some_and(|found| {
        found.has_procid() && text.as_bytes().get(found.message_at..).is_some_and(tag::is_mnemonic)
    })
}

fn content<'a>(text: &'a str, task: Option<&'a str>, line: &mut Reader<'_, 'a, '_>) {
    let plain = mnemonic::at_start(text).unwrap_or(text);
    line.lossy |= plain.len() != text.len();
    match mnemonic::old(plain) {
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
