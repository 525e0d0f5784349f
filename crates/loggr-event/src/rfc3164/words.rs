//! Handles words that stand in the place of a host or a program and are neither.
//!
//! `fixed` recognises the words; the heads of Cisco devices are in `cisco`.

use std::borrow::Cow;

use super::{MAX_HOST_BYTES, Reader, cisco, is_ip};
use crate::{fixed, pri, tag};

impl<'a> Reader<'_, 'a, '_> {
    /// Takes words that stand in the place of a host and are none. True if it found some.
    pub(super) fn odd_words(&mut self, rest: &'a str) -> bool {
        if fixed::is_text_of_a_daemon(rest) {
            self.event.message = Cow::Borrowed(rest);
            return true;
        }
        if let Some((host, after)) = fixed::forwarded(rest) {
            self.event.source = Cow::Borrowed(host);
            self.content(after.trim_start_matches(' '));
            return true;
        }
        let Some((word, after)) = rest.split_once([' ', '\t']) else { return false };
        if fixed::is_level(word) {
            self.content(rest);
            return true;
        }
        if self.priority_word(word) {
            self.host_and_content(after.trim_start_matches([' ', '\t']));
            return true;
        }
        if self.esxi(word, after) {
            return true;
        }
        // `("U7PG2,0011aabbccdd,v4.0.66")`, or without the quotes.
        let name = word.trim_start_matches("(\"").trim_end_matches(':').trim_end_matches("\")");
        if is_unifi(name) {
            self.event.source = Cow::Borrowed(name);
            self.content(after.trim_start_matches(' '));
            return true;
        }
        false
    }

    /// Takes `local7.info`, which repeats the priority or stands for it.
    pub(super) fn priority_word(&mut self, word: &str) -> bool {
        let Some((facility, severity)) = fixed::priority(word) else { return false };
        if self.has_pri {
            self.lossy |= (self.event.facility, self.event.severity) != (facility, severity);
        } else {
            self.event.facility = facility;
            self.event.severity = severity;
            self.has_pri = true;
        }
        true
    }

    /// Takes the `In(166)` of ESXi 8, which does the same by number, and what follows it.
    fn esxi(&mut self, word: &str, after: &'a str) -> bool {
        let Some(value) = Some(word).filter(|w| w.ends_with(')')).and_then(fixed::esxi_priority) else {
            return false;
        };
        if self.has_pri {
            self.lossy |= self.event.priority() != value;
        } else {
            pri::set(self.event, value);
            self.has_pri = true;
        }
        self.content(after);
        true
    }

    /// `info hostd[2099159] text` behind the stamp of ESXi's own files, which name no host. Where
    /// there is a PRI, somebody has put a head in front, and a host.
    pub(super) fn level_of_esxi(&mut self, rest: &'a str) -> bool {
        if self.has_pri || self.unix {
            return false;
        }
        if let Some((word, after)) = rest.split_once(' ')
            && let Some(severity) = fixed::esxi_level(word)
            && let Some(found) = tag::find(after)
            && found.has_procid()
        {
            self.event.severity = severity;
            self.tagged(after, found);
            return true;
        }
        false
    }

    /// Takes words that relays and devices put between host and tag. True if it found some.
    pub(super) fn words_behind_host(&mut self, rest: &'a str) -> bool {
        if let Some((host, after)) = fixed::forwarded_behind_host(rest) {
            // The host that the relay names takes the place of the relay's own name.
            self.lossy |= !self.event.source.is_empty() && self.event.source != host;
            self.event.source = Cow::Borrowed(host);
            self.content(after);
            return true;
        }
        if cisco::read_behind_host(rest, self) {
            return true;
        }
        let Some((word, after)) = rest.split_once(' ') else { return false };
        let after = after.trim_start_matches(' ');
        // `Living-Room 0011aabbccdd,UAP-AC-Pro-6.0.21: hostapd[1]: text`
        if let Some(name) = word.strip_suffix(':')
            && is_unifi(name)
        {
            self.lossy = true;
            self.content(after);
            return true;
        }
        if self.esxi(word, after) {
            return true;
        }
        let Some(found) = tag::find(after) else { return false };
        if self.priority_word(word) {
            self.tagged(after, found);
            return true;
        }
        // `00076 ports: text`: ArubaOS-Switch numbers its kinds of events. Few counts of anything
        // begin with a zero.
        let numbered = word.len() == 5 && word.starts_with('0') && word.bytes().all(|b| b.is_ascii_digit());
        if numbered && !found.has_procid() {
            self.event.msgid = Cow::Borrowed(word);
            self.tagged(after, found);
            return true;
        }
        // F5 repeats the severity in front of a program that has no pid, too. In front of
        // another tag the word could be the first of a text, unless it is the PRI's own.
        if !found.has_procid() {
            let own = self.has_pri && word == self.event.severity.keyword();
            if own {
                self.tagged(after, found);
            }
            return own;
        }
        if let Some(severity) = fixed::severity_of(word) {
            self.lossy |= self.event.severity != severity;
            self.tagged(after, found);
            return true;
        }
        // RFC 3164, 5.4, example 4: name and address.
        if is_ip(word) {
            self.lossy = true;
            self.tagged(after, found);
            return true;
        }
        false
    }
}

/// Could the first word, which ends at `len`, be one of `fixed`? Most hosts differ in the
/// first byte or the length.
#[inline]
pub(super) fn may_be_no_host(bytes: &[u8], len: usize) -> bool {
    let (Some(first), Some(second)) = (bytes.first(), bytes.get(1)) else { return true };
    match (first, len) {
        // A second blank behind the stamp.
        (_, 0) => return true,
        // `last`, `From`; `above`; `message`, `Message`, `exiting`, `logging`; `previous`; `Forwarded`.
        (b'l' | b'F', 4) | (b'a', 5) | (b'm' | b'M' | b'e' | b'l', 7) | (b'p', 8) | (b'F', 9) => return true,
        (b'-', 2..) => return true,
        // `ERROR`, and not `WIN1`
        (b'A'..=b'Z', 3..=8)
            if second.is_ascii_uppercase() && bytes.get(len - 1).is_some_and(u8::is_ascii_uppercase) =>
        {
            return true;
        }
        _ => {}
    }
    // `local7.info`
    let behind = |back: usize, letters: &[u8]| {
        len > back
            && bytes.get(len - back) == Some(&b'.')
            && bytes.get(len - back + 1).is_some_and(|b| letters.contains(&(b | 0x20)))
    };
    behind(4, b"e")
        || behind(5, b"icw")
        || behind(6, b"adep")
        || behind(7, b"n")
        || behind(8, b"w")
        || behind(9, b"c")
        || behind(14, b"i")
}

/// `U7PG2,0011aabbccdd,v4.0.66.10832`: model, hardware address and version, which stand for the
/// name of an access point.
fn is_unifi(word: &str) -> bool {
    let address = |part: &str| part.len() == 12 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = word.split(',').count();
    (2..=3).contains(&parts) && word.len() <= MAX_HOST_BYTES && word.split(',').any(address)
}
