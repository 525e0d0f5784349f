//! RFC 3164 and everything that vendors send under its name, read; and the plain form, written.
//!
//! The RFC describes what was seen in the wild and demands nothing, so the lenient
//! reader decides by shape: first a stamp in any form (`stamp`), then a host, then
//! a tag. Every guess leaves what it does not take in the message.
//!
//! | line, after its PRI | source | app_name, procid | message |
//! |---|---|---|---|
//! | `STAMP host app[1]: text` | host | app, 1 | text |
//! | `STAMP app[1]: text` | – | app, 1 | text |
//! | `STAMP host text of no tag` | host | – | text of no tag |
//! | `STAMP: %ASA-6-302013: text` | – | %ASA-6-302013 | text |
//! | `54: rtr: *Mar  1 18:48:50.483 UTC: %SYS-5-X: text` | rtr | %SYS-5-X | text |
//! | `app[1]: text` | – | app, 1 | text |
//! | `text of no tag` | – | – | text of no tag |
//!
//! On unix sockets a line has no host, unless two words stand before the text and
//! the second is a tag (`logger --rfc3164 -u`). Cisco's sequence number becomes
//! `meta sequenceId`, its uptime `meta sysUpTime`, and the mark of a clock that is
//! not synchronised `timeQuality isSynced="0"`: the elements RFC 5424, 7 has for them.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::stamp::{self, Clock, Stamp};
use crate::{Defect, Event, Format, ParseError, SdElement, SdParam, escape, pri};

/// Longest tag that is taken for one. RFC 3164 says 32; systemd units are longer.
pub const MAX_TAG_BYTES: usize = 128;

/// Longest host name.
pub const MAX_HOST_BYTES: usize = 255;

/// Longest procid within `[…]`.
const MAX_PROCID_BYTES: usize = 128;

const BOM: &str = "\u{feff}";

const NAME: u8 = 1;
const HOST: u8 = 2;
const PLAIN_HOST: u8 = 4;

/// What each byte may be part of: a tag's name, a host.
const CLASS: [u8; 256] = {
    let mut class = [0u8; 256];
    let mut b = 0x21;
    while b < 0x7f {
        let c = b as u8;
        if !matches!(c, b'[' | b']' | b':' | b'"' | b'=' | b'<' | b'>' | b'{' | b'}' | b';' | b',') {
            class[b] |= NAME;
        }
        if c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b':' | b'/' | b'@' | b'%' | b'~') {
            class[b] |= HOST;
        }
        if class[b] & HOST != 0 && c != b':' {
            class[b] |= PLAIN_HOST;
        }
        b += 1;
    }
    class
};

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

/// What the lenient reader found out.
pub(crate) struct Reading {
    /// The line has a PRI or a stamp. If not, it is just text, and the event is untouched.
    pub recognised: bool,
    /// The fields do not hold everything that the line had.
    pub lossy: bool,
}

/// Reads a line leniently. `unix`: it came over a unix socket.
pub(crate) fn receive<'a>(text: &'a str, event: &mut Event<'a>, clock: Clock<'_>, unix: bool) -> Reading {
    let bytes = text.as_bytes();
    let mut reading = Reading { recognised: true, lossy: false };
    let (has_pri, at) = match pri::read::<false>(bytes) {
        Ok((value, end)) => {
            pri::set(event, value);
            (true, end)
        }
        Err(_) => match pri::bad_end(bytes) {
            Some(end) => {
                reading.lossy = true;
                event.defects.insert(Defect::NoPriority);
                (true, end)
            }
            None => (false, 0),
        },
    };
    let body = text.get(at..).unwrap_or_default();
    if let Some(stamp) = stamp::plain_bsd(body.as_bytes(), clock) {
        event.timereported = stamp.time;
        host_and_content(body.get(stamp.end + 1..).unwrap_or_default(), event, unix);
    } else {
        other_heads(body, event, clock, unix, has_pri, &mut reading);
    }
    if !has_pri && reading.recognised {
        event.defects.insert(Defect::NoPriority);
    }
    reading
}

/// A line whose stamp is not the plain one at the plain place.
fn other_heads<'a>(
    body: &'a str,
    event: &mut Event<'a>,
    clock: Clock<'_>,
    unix: bool,
    has_pri: bool,
    reading: &mut Reading,
) {
    let head = body.trim_start_matches(' ');
    let head = head.strip_prefix(BOM).unwrap_or(head);
    if let Some(stamp) = stamp::scan(head.as_bytes(), clock) {
        apply(stamp, event, reading);
        after_stamp(head.get(stamp.end..).unwrap_or_default(), event, unix);
        return;
    }
    // Meraki: the version of RFC 5424, an epoch stamp, and RFC 3164 from there on.
    if let Some(rest) = head.strip_prefix("1 ")
        && let Some(stamp) = stamp::epoch(rest.as_bytes())
        && rest.as_bytes().get(stamp.end) == Some(&b' ')
    {
        apply(stamp, event, reading);
        after_stamp(rest.get(stamp.end..).unwrap_or_default(), event, unix);
        return;
    }
    if cisco(head, event, clock, reading) {
        return;
    }
    if !has_pri {
        reading.recognised = false;
        return;
    }
    event.defects.insert(Defect::NoTimestamp);
    without_stamp(body, event);
}

fn apply(stamp: Stamp, event: &mut Event<'_>, reading: &mut Reading) {
    event.timereported = stamp.time;
    if stamp.cut {
        event.defects.insert(Defect::TimestampCut);
        reading.lossy = true;
    }
    if stamp.unknown_zone {
        event.defects.insert(Defect::UnknownZone);
        reading.lossy = true;
    }
    if stamp.unsynced {
        add_element(event, "timeQuality", "isSynced", Cow::Borrowed("0"));
    }
}

fn add_element<'a>(event: &mut Event<'a>, id: &'static str, name: &'static str, value: Cow<'a, str>) {
    let param = SdParam { name: Cow::Borrowed(name), value };
    match event.structured_data.iter_mut().find(|e| e.id == id) {
        Some(element) => element.params.push(param),
        None => event.structured_data.push(SdElement { id: Cow::Borrowed(id), params: vec![param] }),
    }
}

/// What follows a stamp: a colon says that there is no host.
fn after_stamp<'a>(rest: &'a str, event: &mut Event<'a>, unix: bool) {
    match rest.strip_prefix(':') {
        Some(rest) => content(rest.trim_start_matches(' '), event),
        None => host_and_content(rest.get(1..).unwrap_or_default(), event, unix),
    }
}

/// Cisco IOS and NX-OS: sequence number, origin-id, stamp or uptime, and a colon after each.
fn cisco<'a>(head: &'a str, event: &mut Event<'a>, clock: Clock<'_>, reading: &mut Reading) -> bool {
    let mut rest = head;
    let mut sequence = [None, None];
    let mut host = None;
    if let Some(after) = rest.strip_prefix(": ") {
        rest = after;
    }
    // At most a sequence number, an origin-id and another sequence number.
    for _ in 0..4 {
        if let Some(stamp) = stamp::scan(rest.as_bytes(), clock) {
            apply(stamp, event, reading);
            cisco_head(sequence, host, event);
            let after = rest.get(stamp.end..).unwrap_or_default();
            let after = after.strip_prefix(':').unwrap_or(after);
            content(after.trim_start_matches(' '), event);
            return true;
        }
        let Some((word, after)) = rest.split_once(": ") else { break };
        if word.is_empty() || word.len() > MAX_HOST_BYTES || !word.bytes().all(|b| is(b, HOST)) {
            break;
        }
        let mnemonic = after.starts_with('%') && after.as_bytes().get(1).is_some_and(u8::is_ascii_uppercase);
        if mnemonic && is_uptime(word) {
            event.defects.insert(Defect::NoTimestamp);
            cisco_head(sequence, host, event);
            if let Some(hundredths) = uptime_hundredths(word) {
                add_element(event, "meta", "sysUpTime", Cow::Owned(hundredths.to_string()));
            }
            content(after, event);
            return true;
        }
        if word.len() <= 10 && word.bytes().all(|b| b.is_ascii_digit()) {
            match (&mut sequence, host) {
                ([first @ None, _], None) | ([_, first @ None], Some(_)) => *first = Some(word),
                _ => break,
            }
            if mnemonic {
                event.defects.insert(Defect::NoTimestamp);
                cisco_head(sequence, host, event);
                content(after, event);
                return true;
            }
        } else if host.is_none() {
            host = Some(word);
        } else {
            break;
        }
        rest = after.trim_start_matches(' ');
    }
    false
}

fn cisco_head<'a>(sequence: [Option<&'a str>; 2], host: Option<&'a str>, event: &mut Event<'a>) {
    for sequence in sequence.into_iter().flatten() {
        let digits = sequence.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        add_element(event, "meta", "sequenceId", Cow::Borrowed(digits));
    }
    if let Some(host) = host {
        event.source = Cow::Borrowed(host);
    }
}

fn is_uptime(word: &str) -> bool {
    uptime_hundredths(word).is_some()
}

/// `00:00:46`, `1d02h`, `3w2d`, `1y5w` in hundredths of a second (RFC 5424, 7.3.3).
fn uptime_hundredths(word: &str) -> Option<u64> {
    let number = |text: &str| -> Option<u64> {
        (text.len() <= 4 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then_some(text)?
            .parse()
            .ok()
    };
    if let [hours, minutes, seconds] = *word.split(':').collect::<Vec<_>>().as_slice() {
        let seconds = number(hours)? * 3600 + number(minutes)? * 60 + number(seconds)?;
        return Some(seconds * 100);
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
    (total > 0 || !word.is_empty()).then_some(total * 100)
}

/// Host, tag and text behind a stamp.
#[inline]
fn host_and_content<'a>(rest: &'a str, event: &mut Event<'a>, unix: bool) {
    let bytes = rest.as_bytes();
    let len = bytes.iter().position(|b| !is(*b, PLAIN_HOST)).unwrap_or(bytes.len());
    if bytes.get(len) != Some(&b' ') || unix || len > MAX_HOST_BYTES {
        return unusual_host(rest, event, unix);
    }
    let word = rest.get(..len).unwrap_or_default();
    if word != "-" {
        event.source = Cow::Borrowed(word);
    }
    let after = rest.get(len + 1..).unwrap_or_default();
    // `fw01 : %ASA-…` has a colon of its own.
    content(after.strip_prefix(": ").unwrap_or(after), event);
}

/// A host that is not just letters, digits and points in front of a space, or none.
fn unusual_host<'a>(rest: &'a str, event: &mut Event<'a>, unix: bool) {
    let bytes = rest.as_bytes();
    let len = bytes.iter().position(|b| !is(*b, HOST)).unwrap_or(bytes.len());
    let ends_word = bytes.get(len) == Some(&b' ');
    let word = rest.get(..len).unwrap_or_default();
    if !ends_word || len == 0 || len > MAX_HOST_BYTES {
        return no_plain_host(rest, event);
    }
    let after = rest.get(len + 1..).unwrap_or_default();
    if word.ends_with(':') {
        // `fw01: %ASA-…` names the host; any other word with a colon is a tag.
        let mnemonic = matches!(after.as_bytes(), [b'%', b'A'..=b'Z', ..]);
        if mnemonic && !unix {
            event.source = Cow::Borrowed(word.trim_end_matches(':'));
            return content(after, event);
        }
        // An IPv6 address may end with a colon, like `fe80::`.
        if !is_ip(word) {
            return content(rest, event);
        }
    } else if bytes.iter().take(len).any(|b| *b == b':') && !is_ip(word) && tag(rest).is_some() {
        return content(rest, event);
    }
    if unix && tag(after).is_none() {
        return content(rest, event);
    }
    if word != "-" {
        event.source = Cow::Borrowed(word);
    }
    content(after, event);
}

/// The first word is no host, unless it is an address in brackets.
fn no_plain_host<'a>(rest: &'a str, event: &mut Event<'a>) {
    if let Some(inner) = rest.strip_prefix('[')
        && let Some((address, after)) = inner.split_once("] ")
        && is_ip(address)
    {
        event.source = Cow::Borrowed(address);
        return content(after, event);
    }
    content(rest, event);
}

fn is_ip(word: &str) -> bool {
    word.parse::<IpAddr>().is_ok()
}

/// A line with a PRI and no stamp. Its first word is a host only where that is certain:
/// it is an address, or a tag with a procid follows.
fn without_stamp<'a>(body: &'a str, event: &mut Event<'a>) {
    let trimmed = body.strip_prefix(' ').unwrap_or(body);
    if let Some((word, after)) = trimmed.split_once(' ')
        && !word.is_empty()
        && word.len() <= MAX_HOST_BYTES
        && word.bytes().all(|b| is(b, HOST))
        && (!word.ends_with(':') || is_ip(word))
        && let Some(found) = tag(after)
        && (found.procid.1 > found.procid.0 || is_ip(word))
    {
        event.source = Cow::Borrowed(word);
        return content(after, event);
    }
    content(if tag(trimmed).is_some() { trimmed } else { body }, event);
}

/// Tag and message.
#[inline]
fn content<'a>(rest: &'a str, event: &mut Event<'a>) {
    let message = match tag(rest) {
        Some(found) => {
            event.app_name = Cow::Borrowed(rest.get(..found.name_end).unwrap_or_default());
            event.procid = Cow::Borrowed(rest.get(found.procid.0..found.procid.1).unwrap_or_default());
            rest.get(found.message_at..).unwrap_or_default()
        }
        None => rest,
    };
    event.message = Cow::Borrowed(message.strip_prefix(BOM).unwrap_or(message));
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Tag {
    name_end: usize,
    procid: (usize, usize),
    message_at: usize,
}

/// A tag at the start of `rest`: `name:`, `name[procid]:` or `name[procid] `. Just a
/// word is no tag: `last message repeated 3 times` has none.
#[inline]
fn tag(rest: &str) -> Option<Tag> {
    let bytes = rest.as_bytes();
    if matches!(bytes.first()?, b'@' | b'\'' | b'*' | b'!' | b'?' | b'|' | b'#') {
        return None;
    }
    let mut at = bytes.iter().position(|b| !is(*b, NAME)).unwrap_or(bytes.len());
    let first_colon = at;
    while at > 0 && at <= MAX_TAG_BYTES {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b':', None) => return plain_tag(bytes, at, at + 1),
            (b':', Some(b' ')) => return plain_tag(bytes, at, at + 2),
            // `Foo::Bar: text`, or `app:text`.
            (b':', Some(_)) => {
                let more = bytes.get(at + 1..)?.iter().position(|b| !is(*b, NAME)).unwrap_or(bytes.len());
                at += 1 + more;
                if !matches!(bytes.get(at), Some(b':' | b'[')) || (more == 0 && bytes.get(at) == Some(&b'['))
                {
                    return unspaced_tag(bytes, first_colon);
                }
            }
            (b'[', _) => match tag_with_procid(bytes, at) {
                None => return unspaced_tag(bytes, first_colon),
                found => return found,
            },
            _ => return None,
        }
    }
    None
}

fn plain_tag(bytes: &[u8], name_end: usize, message_at: usize) -> Option<Tag> {
    let name = bytes.get(..name_end)?;
    // `10:00:00:` is a time, not a program.
    name.iter().any(u8::is_ascii_alphabetic).then_some(Tag { name_end, procid: (0, 0), message_at })
}

#[inline]
fn tag_with_procid(bytes: &[u8], open: usize) -> Option<Tag> {
    let inner = bytes.get(open + 1..)?;
    let len = inner.iter().take(MAX_PROCID_BYTES + 1).position(|b| *b == b']' || *b <= b' ' || *b >= 0x7f)?;
    if inner.get(len) != Some(&b']') || len > MAX_PROCID_BYTES {
        return None;
    }
    let close = open + 1 + len;
    let mut message_at = close + 1;
    match bytes.get(message_at) {
        Some(b':') => {
            message_at += 1;
            if bytes.get(message_at) == Some(&b' ') {
                message_at += 1;
            }
        }
        Some(b' ') => message_at += 1,
        None => {}
        Some(_) => return None,
    }
    (len > 0).then_some(Tag { name_end: open, procid: (open + 1, close), message_at })
}

/// `app:text`, but not `http://…`, `C:\…` or `10:00`.
fn unspaced_tag(bytes: &[u8], colon: usize) -> Option<Tag> {
    let next = *bytes.get(colon + 1)?;
    let word_like = bytes.get(colon) == Some(&b':') && !matches!(next, b'/' | b'\\' | b':') && colon > 1;
    let hexadecimal = bytes.get(..colon)?.iter().all(u8::is_ascii_hexdigit) && next.is_ascii_hexdigit();
    if !word_like || hexadecimal {
        return None;
    }
    plain_tag(bytes, colon, colon + 1)
}

fn refuse(offset: usize, expected: &'static str) -> ParseError {
    ParseError::new(Format::Rfc3164, offset, expected)
}

/// Reads the plain form strictly: `<PRI>Mmm dd hh:mm:ss HOST [TAG: ]text` (RFC 3164, 4.1),
/// with a space before a day of one digit. The tag may be missing. Gives where the
/// text behind the host begins.
pub(crate) fn read<'a>(text: &'a str, event: &mut Event<'a>, clock: Clock<'_>) -> Result<usize, ParseError> {
    let bytes = text.as_bytes();
    let (priority, at) = pri::read::<true>(bytes).map_err(|(at, expected)| refuse(at, expected))?;
    pri::set(event, priority);
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(stamp) = stamp::plain_bsd(rest, clock).filter(|_| rest.get(4) != Some(&b'0')) else {
        return Err(refuse_stamp(rest, at));
    };
    event.timereported = stamp.time;
    let at = at + stamp.end + 1;
    let rest = text.get(at..).unwrap_or_default();
    let len = rest.bytes().position(|b| !b.is_ascii_graphic()).unwrap_or(rest.len());
    if len == 0 {
        return Err(refuse(at, "a host name"));
    }
    if len > MAX_HOST_BYTES {
        return Err(refuse(at + MAX_HOST_BYTES, "a host name of at most 255 characters"));
    }
    if rest.as_bytes().get(len) != Some(&b' ') {
        return Err(refuse(at + len, "a space"));
    }
    let host = rest.get(..len).unwrap_or_default();
    event.source = Cow::Borrowed(if host == "-" { "" } else { host });
    content(rest.get(len + 1..).unwrap_or_default(), event);
    Ok(at + len + 1)
}

/// Finds what is wrong with a plain stamp.
#[cold]
fn refuse_stamp(rest: &[u8], at: usize) -> ParseError {
    if rest.first_chunk::<3>().is_none_or(|m| stamp::month_of(*m).is_none()) {
        return refuse(at, "a month like `Nov`");
    }
    for (i, shape) in b"Mmm _0 00:00:00 ".iter().enumerate().skip(3) {
        let found = rest.get(i).copied().unwrap_or_default();
        let (fits, expected) = match shape {
            b'0' => (found.is_ascii_digit(), "a digit of the stamp"),
            b'_' => (found == b' ' || matches!(found, b'1'..=b'3'), "a day of two characters"),
            b':' => (found == b':', "`:`"),
            _ => (found == b' ', "a space"),
        };
        if !fits {
            return refuse(at + i, expected);
        }
    }
    match rest.get(7..9).map(|h| h > b"23".as_slice()) {
        Some(true) => refuse(at + 7, "an hour between 00 and 23"),
        _ if rest.get(10..12) > Some(b"59".as_slice()) => refuse(at + 10, "a minute between 00 and 59"),
        _ if rest.get(13..15) > Some(b"59".as_slice()) => refuse(at + 13, "a second between 00 and 59"),
        _ => refuse(at + 4, "a day that the month has"),
    }
}

/// Appends the event as RFC 3164, on one line: control characters are escaped.
pub(crate) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    pri::write(event, out);
    event.timereported.write_rfc3164(out);
    out.push(b' ');
    write_host_tag_message(event, out);
}

/// Appends `HOST TAG: MSG`, the part that RFC 3164 and rsyslog's file format share.
pub(crate) fn write_host_tag_message(event: &Event<'_>, out: &mut Vec<u8>) {
    write_word(&event.source, out);
    out.push(b' ');
    if !event.app_name.is_empty() || !event.procid.is_empty() {
        write_word(&event.app_name, out);
        if !event.procid.is_empty() {
            out.push(b'[');
            write_word(&event.procid, out);
            out.push(b']');
        }
        out.extend_from_slice(b": ");
    }
    escape::write_escaped(&event.message, out);
}

/// Appends a word that must not hold a space.
fn write_word(word: &str, out: &mut Vec<u8>) {
    if word.is_empty() {
        out.push(b'-');
    } else if word.bytes().all(|b| b.is_ascii_graphic()) {
        out.extend_from_slice(word.as_bytes());
    } else {
        let plain = |c: char| if c.is_control() || c.is_whitespace() { '_' } else { c };
        out.extend(word.chars().map(plain).collect::<String>().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, Timestamp, Transport, Uid};
    use proptest::prelude::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339(b"2026-11-22T10:00:00Z").unwrap()
    }

    fn show(line: &str, transport: Transport) -> String {
        let origin = Origin { transport, ..Origin::default() };
        let e = Event::receive(line.as_bytes(), &origin, Uid::default(), now());
        let sd: Vec<String> = e
            .structured_data
            .iter()
            .flat_map(|s| s.params.iter().map(move |p| format!(" {}.{}={}", s.id, p.name, p.value)))
            .collect();
        format!("{} | {} | {} | {}{}", e.source, e.app_name, e.procid, e.message, sd.join(""))
    }

    #[track_caller]
    fn check(line: &str, expect: &str) {
        assert_eq!(show(line, Transport::Tcp), expect, "{line}");
    }

    #[track_caller]
    fn check_unix(line: &str, expect: &str) {
        assert_eq!(show(line, Transport::UnixDgram), expect, "{line}");
    }

    #[track_caller]
    fn check_defects(line: &str, expect: &str) {
        let origin = Origin { peer: "10.0.0.9:5000".to_owned(), ..Origin::default() };
        let e = Event::receive(line.as_bytes(), &origin, Uid::default(), now());
        assert_eq!(e.defects.words().collect::<Vec<_>>().join(" "), expect, "{line}");
    }

    #[test]
    fn plain() {
        check("<34>Nov 22 10:00:00 web01 sshd[42]: hi there", "web01 | sshd | 42 | hi there");
        check("<34>Nov 22 10:00:00 web01 sshd: hi", "web01 | sshd |  | hi");
        check("<34>Nov 22 10:00:00 web01 sshd:hi", "web01 | sshd |  | hi");
        check("<34>Nov 22 10:00:00 10.0.0.1 Use the force", "10.0.0.1 |  |  | Use the force");
        check("<34>Nov 22 10:00:00 fe80::1 app: x", "fe80::1 | app |  | x");
        check("<34>Nov 22 10:00:00 2001:db8:: app: x", "2001:db8:: | app |  | x");
        check("<34>Nov 22 10:00:00 [10.0.0.1] app: x", "10.0.0.1 | app |  | x");
        check("<34>Nov 22 10:00:00 web01 postfix/smtpd[7]: x", "web01 | postfix/smtpd | 7 | x");
        check("<34>Nov 22 10:00:00 web01 sshd(pam_unix)[7]: x", "web01 | sshd(pam_unix) | 7 | x");
        check("<34>Nov 22 10:00:00 web01 (cron)[7]: x", "web01 | (cron) | 7 | x");
        check("<34>Nov 22 10:00:00 web01 Foo::Bar: x", "web01 | Foo::Bar |  | x");
        check("<34>Nov 22 10:00:00 web01 Foo::Bar[9]: x", "web01 | Foo::Bar | 9 | x");
        check("<34>Nov 22 10:00:00 web01 kernel: [ 12.5] x", "web01 | kernel |  | [ 12.5] x");
        check("<34>Nov 22 10:00:00 web01 kernel:[12.5] x", "web01 | kernel |  | [12.5] x");
        check("<34>Nov 22 10:00:00 web01 app[1] x", "web01 | app | 1 | x");
        check("<34>Nov 22 10:00:00 web01 app:", "web01 | app |  | ");
        check("<34>Nov 22 10:00:00 web01 app[1]:", "web01 | app | 1 | ");
        check("<34>Nov 22 10:00:00 web01 app:   three", "web01 | app |  |   three");
        check("<34>Nov 22 10:00:00 - app: x", " | app |  | x");
        check("<34>Nov 22 10:00:00 web01 ", "web01 |  |  | ");
    }

    #[test]
    fn missing_host() {
        check("<34>Nov 22 10:00:00 sshd[42]: hi", " | sshd | 42 | hi");
        check("<34>Nov 22 10:00:00 sshd: hi", " | sshd |  | hi");
        check("<34>Nov 22 10:00:00 \"quoted\" text", " |  |  | \"quoted\" text");
        check("<34>Nov 22 10:00:00 key=value text", " |  |  | key=value text");
    }

    #[test]
    fn missing_tag() {
        check(
            "<34>Nov 22 10:00:00 web01 last message repeated 3 times",
            "web01 |  |  | last message repeated 3 times",
        );
        check(
            "<34>Nov 22 10:00:00 web01 http://example.net/ is down",
            "web01 |  |  | http://example.net/ is down",
        );
        check("<34>Nov 22 10:00:00 web01 C:\\x is full", "web01 |  |  | C:\\x is full");
        check("<34>Nov 22 10:00:00 web01 10:00:00: tick", "web01 |  |  | 10:00:00: tick");
        check("<34>Nov 22 10:00:00 web01 @cee: {\"a\":1}", "web01 |  |  | @cee: {\"a\":1}");
        check("<34>Nov 22 10:00:00 web01 app: @cee:{\"a\":1}", "web01 | app |  | @cee:{\"a\":1}");
        check("<34>Nov 22 10:00:00 web01 aa:bb:cc:dd joined", "web01 |  |  | aa:bb:cc:dd joined");
    }

    #[test]
    fn local_sockets_have_no_host() {
        check_unix("<13>Nov 22 10:00:00 root: hello world", " | root |  | hello world");
        check_unix("<13>Nov 22 10:00:00 root[5]: hello", " | root | 5 | hello");
        check_unix("<13>Nov 22 10:00:00 hello world", " |  |  | hello world");
        check_unix("<13>Nov 22 10:00:00 web01 root: hello", "web01 | root |  | hello");
        check_unix("<13>Nov 22 10:00:00 fw: %ASA-6-1: x", " | fw |  | %ASA-6-1: x");
        check_unix(
            "<13>1 2026-11-22T10:00:00.123456+01:00 web01 root - - [timeQuality tzKnown=\"1\"] hello",
            "web01 | root |  | hello timeQuality.tzKnown=1",
        );
    }

    #[test]
    fn no_stamp() {
        check("<13>app[7]: text", " | app | 7 | text");
        check("<13>app: text", " | app |  | text");
        check("<13>just some text", " |  |  | just some text");
        check("<13> app: text", " | app |  | text");
        check("<13>web01 app[7]: text", "web01 | app | 7 | text");
        check("<13>10.0.0.1 app: text", "10.0.0.1 | app |  | text");
        check("<13>Interface eth0: down", " |  |  | Interface eth0: down");
        check("<13>", " |  |  | ");
        check(
            "<189>date=2026-11-22 time=10:00:00 devname=\"fw\"",
            " |  |  | date=2026-11-22 time=10:00:00 devname=\"fw\"",
        );
    }

    #[test]
    fn cisco_lines() {
        check("<189>54: Nov 22 10:00:00.123: %SYS-5-X: m", " | %SYS-5-X |  | m meta.sequenceId=54");
        check(
            "<189>000054: *Mar  1 18:48:50.483 UTC: %SYS-5-X: m",
            " | %SYS-5-X |  | m timeQuality.isSynced=0 meta.sequenceId=54",
        );
        check("<189>54: rtr1: Nov 22 10:00:00: %SYS-5-X: m", "rtr1 | %SYS-5-X |  | m meta.sequenceId=54");
        check(
            "<189>54: rtr1: 000055: Nov 22 10:00:00: %SYS-5-X: m",
            "rtr1 | %SYS-5-X |  | m meta.sequenceId=54 meta.sequenceId=55",
        );
        check("<189>54: 1d02h: %SYS-5-X: m", " | %SYS-5-X |  | m meta.sequenceId=54 meta.sysUpTime=9360000");
        check("<189>00:00:46: %LINK-3-UP: m", " | %LINK-3-UP |  | m meta.sysUpTime=4600");
        check("<189>54: %SYS-5-X: m", " | %SYS-5-X |  | m meta.sequenceId=54");
        check("<189>: 2026 Nov 22 10:00:00.123 CET: %ETH-5-UP: m", " | %ETH-5-UP |  | m");
        check("<166>Nov 22 2026 10:00:00: %ASA-6-302013: m", " | %ASA-6-302013 |  | m");
        check("<166>Nov 22 2026 10:00:00 fw01 : %ASA-6-302013: m", "fw01 | %ASA-6-302013 |  | m");
        check("<166>Nov 22 2026 10:00:00 fw01: %ASA-6-302013: m", "fw01 | %ASA-6-302013 |  | m");
        check("<166>Nov 22 10:00:00 fw01 %ASA-6-302013: m", "fw01 | %ASA-6-302013 |  | m");
    }

    #[test]
    fn other_stamps() {
        check("<13>2026-11-22T10:00:00.123456+01:00 web01 app[1]: x", "web01 | app | 1 | x");
        check("<13>2026-11-22T10:00:00Z web01 app x", "web01 |  |  | app x");
        check("<13>1795341600.123 web01 app: x", "web01 | app |  | x");
        check("<134>1 1795341600.774247467 mx84 events type=x", "mx84 |  |  | events type=x");
        check("<13>Nov 22 10:00:00.123 2026 mx mgd[12]: UI: x", "mx | mgd | 12 | UI: x");
        check("<13>Nov 22 10:00:00 CET web01 app: x", "web01 | app |  | x");
        check("<13>  Nov 22 10:00:00 web01 app: x", "web01 | app |  | x");
        check("<13>\u{feff}Nov 22 10:00:00 web01 app: \u{feff}x", "web01 | app |  | x");
    }

    #[test]
    fn no_priority() {
        check("Nov 22 10:00:00 web01 app: x", "web01 | app |  | x");
        check("2026-11-22T10:00:00Z web01 app: x", "web01 | app |  | x");
        check("<999>Nov 22 10:00:00 web01 app: x", "web01 | app |  | x");
        check("app: just text", " |  |  | app: just text");
    }

    #[test]
    fn defects() {
        check_defects("<34>Nov 22 10:00:00 web01 sshd[42]: hi", "");
        check_defects("Nov 22 10:00:00 web01 sshd[42]: hi", "no_priority");
        check_defects("<999>Nov 22 10:00:00 web01 sshd[42]: hi", "no_priority");
        check_defects("<34>web01 sshd[42]: hi", "no_timestamp");
        check_defects("<34>sshd[42]: hi", "no_timestamp no_source");
        check_defects("sshd: hi", "unparsed no_priority no_timestamp no_source");
        check_defects("<34>2026-11-22T10:00:00.123456789Z web01 a: hi", "timestamp_cut");
        check_defects("<34>1: Nov 22 10:00:00 QQQ: %SYS-5-X: hi", "no_source unknown_zone");
    }

    #[track_caller]
    fn check_strict(line: &str, expect: Result<&str, usize>) {
        let origin = Origin::default();
        let got = Event::parse(line.as_bytes(), Format::Rfc3164, &origin, Uid::default(), now());
        let shown = got.map(|e| format!("{} | {} | {} | {}", e.source, e.app_name, e.procid, e.message));
        assert_eq!(shown.as_deref().map_err(ParseError::offset), expect, "{line}");
    }

    #[test]
    fn strictly() {
        check_strict("<34>Nov 22 10:00:00 web01 sshd[42]: hi", Ok("web01 | sshd | 42 | hi"));
        check_strict("<34>Nov  2 10:00:00 web01 text", Ok("web01 |  |  | text"));
        check_strict("<34>Nov 02 10:00:00 web01 text", Err(8));
        check_strict("Nov 22 10:00:00 web01 text", Err(0));
        check_strict("<192>Nov 22 10:00:00 web01 text", Err(1));
        check_strict("<34>Nox 22 10:00:00 web01 text", Err(4));
        check_strict("<34>Nov 31 10:00:00 web01 text", Err(8));
        check_strict("<34>Nov 22 24:00:00 web01 text", Err(11));
        check_strict("<34>Nov 22 10:60:00 web01 text", Err(14));
        check_strict("<34>Nov 22 10:00:60 web01 text", Err(17));
        check_strict("<34>Nov 22 10:00:00", Err(19));
        check_strict("<34>Nov 22 10:00:00 ", Err(20));
        check_strict("<34>Nov 22 10:00:00 web01", Err(25));
        check_strict("<34>2026-11-22T10:00:00Z web01 text", Err(4));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            severity in 0u8..8, facility in 0u8..24, seconds in -100_000i64..100_000,
            source in "[a-z][a-z0-9.-]{0,20}", app_name in "[a-zA-Z][a-zA-Z0-9_./-]{0,20}", procid in "[0-9]{0,7}",
            message in "[a-z][^\u{0}-\u{1f}\u{7f}-\u{9f}]{0,30}",
        ) {
            let mut event = Event { source: source.into(), app_name: app_name.into(), procid: procid.into(), message: message.into(), ..Event::default() };
            pri::set(&mut event, facility * 8 + severity);
            event.timereported = Timestamp::from_unix_micros(now().unix_micros() + seconds * 1_000_000);
            event.timegenerated = now();
            let mut line = Vec::new();
            write(&event, &mut line);
            let origin = Origin::default();
            event.origin = Some(Cow::Borrowed(&origin));
            let strict = Event::parse(&line, Format::Rfc3164, &origin, Uid::default(), now());
            prop_assert_eq!(strict.as_ref(), Ok(&event));
            prop_assert_eq!(Event::receive(&line, &origin, Uid::default(), now()), event);
        }
    }
}
