//! RFC 3164 and everything that vendors send under its name, read; and the plain form, written.
//!
//! The RFC describes what was seen in the wild and demands nothing, so the lenient reader decides
//! by shape: first a stamp in any form (`stamp`), then a host, then a tag (`tag`). Every guess
//! leaves what it does not take in the message. The lines of most senders need only the functions
//! that are marked `#[inline]`; lines that look odd there are handed to the others.
//!
//! | line, after its PRI | source | app_name, procid | message |
//! |---|---|---|---|
//! | `STAMP host app[1]: text` | host | app, 1 | text |
//! | `STAMP app[1]: text` | – | app, 1 | text |
//! | `STAMP host text of no tag` | host | – | text of no tag |
//! | `STAMP: %ASA-6-302013: text` | – | %ASA-6-302013 | text |
//! | `54: rtr: *Mar  1 18:48:50.483 UTC: %SYS-5-X: text` | rtr | %SYS-5-X | text |
//! | `STAMP Message forwarded from host: app[1]: text` | host | app, 1 | text |
//! | `STAMP local7.info host app: text` | host | app | text |
//! | `STAMP host info app: text` of that severity | host | app | text |
//! | `STAMP In(166) app[1]: text` | – | app, 1 | text |
//! | `STAMP last message repeated 3 times` | – | – | last message repeated 3 times |
//! | `app[1]: text` | – | app, 1 | text |
//! | `text of no tag` | – | – | text of no tag |
//!
//! Several blanks or a TAB may stand where one blank is usual. On unix sockets a line has no
//! host, unless two words stand before the text and the second is a tag (`logger --rfc3164
//! -u`). Which head a line has is decided in `heads`; those of Cisco devices are in `cisco`.

pub(crate) mod cisco;
mod words;

use std::borrow::Cow;
use std::net::IpAddr;

use crate::calendar::month_of;
use crate::moment::{Clock, Stamp};
use crate::{Defect, Event, Format, ParseError, SdElement, SdParam, escape, fixed, pri, stamp, tag};

/// Longest host name.
pub const MAX_HOST_BYTES: usize = 255;

/// Most heads and words within each other: a relay's, a device's, and a few to spare.
const MAX_DEPTH: u8 = 10;

const BOM: &str = "\u{feff}";

const HOST: u8 = 1;
const PLAIN_HOST: u8 = 2;

/// For each byte, of what it may be a part: of a host.
const CLASS: [u8; 256] = {
    let mut class = [0u8; 256];
    let mut b = 0x21;
    while b < 0x7f {
        let c = b as u8;
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

/// Could the word be a host, an address or a name?
pub(crate) fn is_host(word: &str) -> bool {
    !word.is_empty() && word.len() <= MAX_HOST_BYTES && word.bytes().all(|b| is(b, HOST))
}

/// A line that is being read.
pub(crate) struct Reader<'e, 'a, 'c> {
    pub event: &'e mut Event<'a>,
    pub clock: Clock<'c>,
    /// It came over a unix socket.
    pub unix: bool,
    /// It has a PRI.
    pub has_pri: bool,
    /// The fields do not hold everything that it had.
    pub lossy: bool,
    /// Heads and words that were met within each other.
    depth: u8,
}

/// Reads host, tag and message, which begin at the start of `rest`; says whether something
/// was lost.
pub(crate) fn receive_behind_stamp<'a>(
    rest: &'a str,
    event: &mut Event<'a>,
    clock: Clock<'_>,
    unix: bool,
) -> bool {
    let mut line = Reader::new(event, clock, unix);
    line.after_stamp(rest);
    line.lossy
}

impl<'e, 'a, 'c> Reader<'e, 'a, 'c> {
    /// Behind a PRI.
    pub fn new(event: &'e mut Event<'a>, clock: Clock<'c>, unix: bool) -> Reader<'e, 'a, 'c> {
        Reader { event, clock, unix, has_pri: true, lossy: false, depth: 0 }
    }
}

impl<'a> Reader<'_, 'a, '_> {
    /// Takes over a stamp and what was wrong with it.
    pub fn stamp(&mut self, stamp: Stamp) {
        self.event.timereported = stamp.time;
        if stamp.cut {
            self.event.defects.insert(Defect::TimestampCut);
            self.lossy = true;
        }
        if stamp.unknown_zone {
            self.unknown_zone();
        }
        if stamp.unsynced {
            self.add_element("timeQuality", "isSynced", Cow::Borrowed("0"));
        }
    }

    pub fn unknown_zone(&mut self) {
        self.event.defects.insert(Defect::UnknownZone);
        self.lossy = true;
    }

    pub fn add_element(&mut self, id: &'static str, name: &'static str, value: Cow<'a, str>) {
        let param = SdParam { name: Cow::Borrowed(name), value };
        match self.event.structured_data.iter_mut().find(|e| e.id == id) {
            Some(element) => element.params.push(param),
            None => self.event.structured_data.push(SdElement { id: Cow::Borrowed(id), params: vec![param] }),
        }
    }

    /// What follows a stamp: a colon says that there is no host.
    pub fn after_stamp(&mut self, rest: &'a str) {
        let trimmed = rest.trim_start_matches([' ', '\t']);
        if let Some(rest) = trimmed.strip_prefix(':') {
            return self.content(rest.trim_start_matches(' '));
        }
        if let Some(rest) = trimmed.strip_prefix(", ") {
            return self.comma_separated(rest.trim_start());
        }
        let rest = rest.get(1..).unwrap_or_default();
        if self.level_of_esxi(rest) {
            return;
        }
        self.host_and_content(rest);
    }

    /// `STAMP, host, …`: the columns belong together, so that they stay the message.
    fn comma_separated(&mut self, rest: &'a str) {
        if let Some((word, _)) = rest.split_once(',')
            && is_host(word)
            && (word.contains('.') || is_ip(word))
            && word.bytes().any(|b| b.is_ascii_alphanumeric())
        {
            self.event.source = Cow::Borrowed(word);
        }
        self.event.message = Cow::Borrowed(rest);
    }

    /// Host, tag and text behind a stamp and a blank.
    #[inline]
    pub fn host_and_content(&mut self, rest: &'a str) {
        let bytes = rest.as_bytes();
        let len = bytes.iter().position(|b| !is(*b, PLAIN_HOST)).unwrap_or(bytes.len());
        if bytes.get(len) != Some(&b' ')
            || self.unix
            || len > MAX_HOST_BYTES
            || words::may_be_no_host(bytes, len)
        {
            return self.unusual_host(rest);
        }
        let word = rest.get(..len).unwrap_or_default();
        if word != "-" {
            self.event.source = Cow::Borrowed(word);
        }
        let after = rest.get(len + 1..).unwrap_or_default();
        if matches!(after.as_bytes().first(), Some(b' ' | b'\t' | b':')) {
            return self.behind_host(rest, len);
        }
        self.content(after);
    }

    /// Two blanks, a TAB or a colon stand behind the host, which ends at `len`.
    #[cold]
    fn behind_host(&mut self, rest: &'a str, len: usize) {
        if cisco::read_word(rest, len, self) {
            return;
        }
        let after = rest.get(len + 1..).unwrap_or_default();
        // A colon that stands alone.
        if let Some(rest) = after.strip_prefix(':') {
            let rest = rest.trim_start_matches(' ');
            return self.content(if rest.len() + 1 < after.len() { rest } else { after });
        }
        let trimmed = after.trim_start_matches([' ', '\t']);
        if tag::find(trimmed).is_some() || tag::find_rare(trimmed).is_some() {
            return self.content(trimmed);
        }
        // Several blanks in front of a text belong to it, except the first.
        self.content(after.strip_prefix('\t').unwrap_or(after));
    }

    /// Reads a host that has other characters than letters, digits and points, or finds that there
    /// is none.
    fn unusual_host(&mut self, rest: &'a str) {
        let trimmed = rest.trim_start_matches([' ', '\t']);
        if trimmed.len() < rest.len() && !self.unix {
            // Two blanks behind the stamp. A text that is set in has no host.
            let lone = trimmed.split_once([' ', '\t']).is_some_and(|(_, after)| after.starts_with(": "));
            return if lone && !trimmed.contains(": %") {
                self.content(trimmed)
            } else {
                self.host_and_content(trimmed)
            };
        }
        if self.enter() && self.odd_words(rest) {
            return;
        }
        let bytes = rest.as_bytes();
        let len = bytes.iter().position(|b| !is(*b, HOST)).unwrap_or(bytes.len());
        let ends_word = matches!(bytes.get(len), Some(b' ' | b'\t'));
        let word = rest.get(..len).unwrap_or_default();
        if !ends_word || len == 0 || len > MAX_HOST_BYTES {
            return self.no_plain_host(rest);
        }
        let after = rest.get(len + 1..).unwrap_or_default();
        if let Some(name) = word.strip_suffix(':') {
            if cisco::read_word(rest, name.len(), self) {
                return;
            }
            // Any other word with a colon is a tag.
            // An IPv6 address may end with a colon, like `fe80::`.
            if !is_ip(word) {
                return self.content(rest);
            }
        } else if word.contains(':') && !is_ip(word) && tag::find(rest).is_some() {
            return self.content(rest);
        }
        if self.unix && tag::find(after).is_none() {
            return self.content(rest);
        }
        if word != "-" {
            self.event.source = Cow::Borrowed(word);
        }
        if matches!(after.as_bytes().first(), Some(b' ' | b'\t' | b':')) {
            return self.behind_host(rest, len);
        }
        self.content(after);
    }

    /// The first word is no host, unless it is an address in brackets.
    fn no_plain_host(&mut self, rest: &'a str) {
        if let Some(inner) = rest.strip_prefix('[')
            && let Some((address, after)) = inner.split_once("] ")
            && is_ip(address)
        {
            self.event.source = Cow::Borrowed(address);
            return self.content(after);
        }
        self.content(rest);
    }

    /// A line with a PRI and no stamp. Its first word is a host only where that is certain:
    /// it is an address, or a tag with a procid follows.
    pub fn without_stamp(&mut self, body: &'a str) {
        let trimmed = body.strip_prefix(' ').unwrap_or(body);
        if fixed::forwarded_behind_host(trimmed).is_some() && self.odd_words(trimmed) {
            return;
        }
        if let Some((word, after)) = trimmed.split_once(' ')
            && is_host(word)
            && (!word.ends_with(':') || is_ip(word))
            && let Some(found) = tag::find(after)
            && (found.has_procid() || is_ip(word) || tag::is_mnemonic(after.as_bytes()))
            && !fixed::is_level(word)
        {
            if !self.priority_word(word) {
                self.event.source = Cow::Borrowed(word);
            }
            return self.content(after);
        }
        // `10.0.0.1 Nov 29 2026 20:00:00: %ASA-…`
        if let Some((word, after)) = trimmed.split_once(' ')
            && is_ip(word)
        {
            self.event.source = Cow::Borrowed(word);
            if cisco::read_behind_host(after, self) {
                return;
            }
            self.event.source = Cow::Borrowed("");
        }
        self.content(if tag::find(trimmed).is_some() { trimmed } else { body });
    }

    /// Tag and message.
    #[inline]
    pub fn content(&mut self, rest: &'a str) {
        match tag::find(rest) {
            Some(found) => {
                if !found.has_procid()
                    && cisco::may_go_on(rest.as_bytes().get(found.message_at..).unwrap_or_default())
                    && self.head_of_device(rest)
                {
                    return;
                }
                self.tagged(rest, found);
            }
            None => self.untagged(rest),
        }
    }

    /// A head of Cisco's that looks like a tag: `fw1: %ASA-…`, `wlc: *emWeb: Nov 29 …`.
    #[cold]
    fn head_of_device(&mut self, rest: &'a str) -> bool {
        !self.unix && self.enter() && cisco::read_behind_host(rest, self)
    }

    /// Counts how deep heads are nested, so that no line makes the stack too deep. At the limit the
    /// rest of the line is the message.
    fn enter(&mut self) -> bool {
        self.depth = self.depth.saturating_add(1);
        self.depth <= MAX_DEPTH
    }

    #[inline]
    fn tagged(&mut self, rest: &'a str, found: tag::Tag) {
        self.event.app_name = Cow::Borrowed(rest.get(..found.name_end).unwrap_or_default());
        self.event.procid = Cow::Borrowed(rest.get(found.procid.0..found.procid.1).unwrap_or_default());
        let message = rest.get(found.message_at..).unwrap_or_default();
        self.event.message = Cow::Borrowed(message.strip_prefix(BOM).unwrap_or(message));
    }

    /// A text that does not begin with a plain tag.
    #[inline(never)]
    fn untagged(&mut self, rest: &'a str) {
        if let Some(found) = tag::find_rare(rest) {
            // `fw1 : %ASA-…` looks like a tag.
            if !found.has_procid() && self.head_of_device(rest) {
                return;
            }
            return self.tagged(rest, found);
        }
        if !self.unix && self.enter() && self.words_behind_host(rest) {
            return;
        }
        self.event.message = Cow::Borrowed(rest.strip_prefix(BOM).unwrap_or(rest));
    }
}

fn is_ip(word: &str) -> bool {
    word.parse::<IpAddr>().is_ok()
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
    plain_content(rest.get(len + 1..).unwrap_or_default(), event);
    Ok(at + len + 1)
}

/// Tag and message, and nothing that is only guessed.
fn plain_content<'a>(rest: &'a str, event: &mut Event<'a>) {
    let message_at = tag::find(rest).map_or(0, |found| {
        event.app_name = Cow::Borrowed(rest.get(..found.name_end).unwrap_or_default());
        event.procid = Cow::Borrowed(rest.get(found.procid.0..found.procid.1).unwrap_or_default());
        found.message_at
    });
    let message = rest.get(message_at..).unwrap_or_default();
    event.message = Cow::Borrowed(message.strip_prefix(BOM).unwrap_or(message));
}

/// Finds what is wrong with a plain stamp.
#[cold]
fn refuse_stamp(rest: &[u8], at: usize) -> ParseError {
    if rest.first_chunk::<3>().is_none_or(|m| month_of(*m).is_none()) {
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
mod tests;
