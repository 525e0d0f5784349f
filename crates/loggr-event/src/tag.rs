//! The tag in front of a message: `name:`, `name[procid]:` and what programs make of it.
//!
//! Where the host ends is decided in `rfc3164`. A word without a colon is not a tag: `last message
//! repeated 3 times` has none. Nor is a text that begins like a date, `http://…`, `C:\…`, or the
//! head of CEF and LEEF, which stays whole for the readers of these formats.

use crate::{date_like, fixed};

/// Longest tag that is taken for one. RFC 3164 says 32; systemd units are longer, and Docker's
/// tags have an image with its digest.
pub const MAX_TAG_BYTES: usize = 512;

/// Longest procid within `[…]`.
const MAX_PROCID_BYTES: usize = 128;

/// Most words of a program's name: `Windows Update Agent[7]:`.
const MAX_NAME_WORDS: usize = 5;

/// For each byte, whether it may be part of a tag's name.
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut b = 0x21;
    while b < 0x7f {
        name[b] =
            !matches!(b as u8, b'[' | b']' | b':' | b'"' | b'=' | b'<' | b'>' | b'{' | b'}' | b';' | b',');
        b += 1;
    }
    name
};

#[inline]
fn is_name(byte: u8) -> bool {
    NAME[usize::from(byte)]
}

/// Where the parts of a tag are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tag {
    pub name_end: usize,
    pub procid: (usize, usize),
    pub message_at: usize,
}

impl Tag {
    pub fn has_procid(&self) -> bool {
        self.procid.1 > self.procid.0
    }
}

/// A tag at the start of `rest`: `name:`, `name[procid]:` or `name[procid] `.
#[inline]
pub(crate) fn find(rest: &str) -> Option<Tag> {
    let bytes = rest.as_bytes();
    if matches!(bytes.first()?, b'@' | b'\'' | b'*' | b'!' | b'?' | b'|' | b'#') {
        return None;
    }
    let mut at = bytes.iter().position(|b| !is_name(*b)).unwrap_or(bytes.len());
    let first_colon = at;
    while at > 0 && at <= MAX_TAG_BYTES {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b':', None) => return plain(bytes, at, at + 1),
            (b':', Some(b' ')) => return plain(bytes, at, at + 2),
            // `Foo::Bar: text`, or `app:text`.
            (b':', Some(_)) => {
                let more = bytes.get(at + 1..)?.iter().position(|b| !is_name(*b)).unwrap_or(bytes.len());
                at += 1 + more;
                if !matches!(bytes.get(at), Some(b':' | b'[')) || (more == 0 && bytes.get(at) == Some(&b'['))
                {
                    return unspaced(bytes, first_colon);
                }
            }
            (b'[', _) => match with_procid(bytes, at) {
                None => return unspaced(bytes, first_colon),
                found => return found,
            },
            _ => return None,
        }
    }
    None
}

#[inline]
fn plain(bytes: &[u8], name_end: usize, message_at: usize) -> Option<Tag> {
    let name = bytes.get(..name_end)?;
    // `10:00:00:` is a time, not a program.
    if !name.iter().any(u8::is_ascii_alphabetic) {
        return None;
    }
    // Few programs begin with a digit.
    if bytes.first()?.is_ascii_digit() && date_like::is_date_like(bytes) {
        return None;
    }
    Some(Tag { name_end, procid: (0, 0), message_at })
}

#[inline]
fn with_procid(bytes: &[u8], open: usize) -> Option<Tag> {
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
            if matches!(bytes.get(message_at), Some(b' ' | b'\t')) {
                message_at += 1;
            }
        }
        Some(b' ') => {
            message_at += 1;
            // `app[1] : text`
            if bytes.get(message_at) == Some(&b':') {
                match bytes.get(message_at + 1) {
                    None => message_at += 1,
                    Some(b' ' | b'\t') => message_at += 2,
                    Some(_) => {}
                }
            }
        }
        Some(b'\t') => message_at += 1,
        None => {}
        Some(_) => return None,
    }
    // `app[]: text` has no procid; `app[] text` is text.
    if len == 0 && bytes.get(close + 1) != Some(&b':') {
        return None;
    }
    Some(Tag { name_end: open, procid: (open + 1, close), message_at })
}

/// `app:text`, but not `http://…`, `C:\…` or `10:00`.
fn unspaced(bytes: &[u8], colon: usize) -> Option<Tag> {
    let next = *bytes.get(colon + 1)?;
    let word_like = bytes.get(colon) == Some(&b':') && !matches!(next, b'/' | b'\\' | b':') && colon > 1;
    let hexadecimal = bytes.get(..colon)?.iter().all(u8::is_ascii_hexdigit) && next.is_ascii_hexdigit();
    if !word_like || hexadecimal || is_event_format(bytes) {
        return None;
    }
    // `RP/0/RSP0/CPU0:Nov 29 …` is the node of a router.
    if bytes.get(..colon).is_some_and(|name| memchr::memmem::find(name, b"/CPU").is_some()) {
        return None;
    }
    // `auth|security:info sshd[1]: text`, as AIX has it.
    let end = bytes.iter().position(|b| *b == b' ').unwrap_or(bytes.len());
    if std::str::from_utf8(bytes.get(..end)?).is_ok_and(|word| fixed::priority(word).is_some()) {
        return None;
    }
    plain(bytes, colon, colon + 1 + usize::from(next == b'\t'))
}

/// `CEF:0|…` or `LEEF:1.0|…`: the message is the whole of it.
pub(crate) fn is_event_format(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(b"CEF:").or_else(|| bytes.strip_prefix(b"LEEF:"));
    rest.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
}

/// Tags that are seen too seldom to be looked for in each line: `name : text`, `name [7]: text`,
/// `Two Words[7]: text`, `%SYS-5-CONFIG_I : text` and `%LOG-3-MSG text`.
pub(crate) fn find_rare(rest: &str) -> Option<Tag> {
    let bytes = rest.as_bytes();
    let end = bytes.iter().position(|b| !is_name(*b)).unwrap_or(bytes.len());
    if end == 0 || end > MAX_TAG_BYTES || bytes.get(end) != Some(&b' ') {
        return None;
    }
    let after = bytes.get(end + 1..)?;
    let mnemonic = is_mnemonic(bytes);
    // `Temperature : 45` is text.
    if mnemonic || bytes.first()?.is_ascii_lowercase() {
        match after {
            [b':'] => return Some(Tag { name_end: end, procid: (0, 0), message_at: end + 2 }),
            [b':', b' ' | b'\t', ..] => {
                return Some(Tag { name_end: end, procid: (0, 0), message_at: end + 3 });
            }
            _ => {}
        }
    }
    if mnemonic {
        return Some(Tag { name_end: end, procid: (0, 0), message_at: end + 1 });
    }
    if after.first() == Some(&b'[') {
        return numbered(bytes, end + 1).map(|found| Tag { name_end: end, ..found });
    }
    words(bytes)
}

/// `[7]:` with digits alone, for places where brackets may be text.
fn numbered(bytes: &[u8], open: usize) -> Option<Tag> {
    let found = with_procid(bytes, open)?;
    let digits = bytes.get(found.procid.0..found.procid.1)?;
    let colon = bytes.get(found.procid.1 + 1) == Some(&b':');
    (colon && found.has_procid() && digits.iter().all(u8::is_ascii_digit)).then_some(found)
}

/// A name of several words, each with a capital, as Windows and macOS have them.
fn words(bytes: &[u8]) -> Option<Tag> {
    let mut at = 0;
    for _ in 0..MAX_NAME_WORDS {
        let rest = bytes.get(at..)?;
        if !rest.first()?.is_ascii_uppercase() {
            return None;
        }
        let len = rest.iter().position(|b| !is_name(*b))?;
        let word = rest.get(..len)?;
        // `In(166) Hostd[7]: text`, as ESXi has it.
        if word.ends_with(b")") && std::str::from_utf8(word).is_ok_and(|w| fixed::esxi_priority(w).is_some())
        {
            return None;
        }
        at += len;
        match bytes.get(at)? {
            b'[' => return numbered(bytes, at),
            b' ' => at += 1,
            _ => return None,
        }
        if at > MAX_TAG_BYTES {
            return None;
        }
    }
    None
}

/// A mnemonic of a Cisco device: `%SYS-5-CONFIG_I`, `%ASA-session-6-302015`, `%LINK-W-Down`.
pub(crate) fn is_mnemonic(bytes: &[u8]) -> bool {
    let [b'%', b'A'..=b'Z', rest @ ..] = bytes else { return false };
    let end = rest.iter().position(|b| !is_name(*b)).unwrap_or(rest.len());
    let name = rest.get(..end).unwrap_or_default();
    // A severity stands between two hyphens.
    name.windows(3).any(|w| {
        let [b'-', severity, b'-'] = w else { return false };
        matches!(severity, b'0'..=b'7' | b'A'..=b'Z')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(rest: &str, tag: Option<Tag>) -> String {
        match tag {
            None => "-".to_owned(),
            Some(t) => format!(
                "{}|{}|{}",
                &rest[..t.name_end],
                &rest[t.procid.0..t.procid.1],
                &rest[t.message_at.min(rest.len())..]
            ),
        }
    }

    #[track_caller]
    fn check(rest: &str, expect: &str) {
        assert_eq!(show(rest, find(rest)), expect, "{rest}");
    }

    #[track_caller]
    fn check_rare(rest: &str, expect: &str) {
        assert_eq!(show(rest, find(rest).or_else(|| find_rare(rest))), expect, "{rest}");
    }

    #[test]
    fn tags() {
        check("app: text", "app||text");
        check("app[1]: text", "app|1|text");
        check("app[1] : text", "app|1|text");
        check("app[1] :text", "app|1|:text");
        check("app[1]:\ttext", "app|1|text");
        check("app:\ttext", "app||text");
        check("app[]: text", "app||text");
        check("app[] text", "-");
        check("com.apple.xpc.launchd[1] (com.x[2]): text", "com.apple.xpc.launchd|1|(com.x[2]): text");
        check("%%01SHELL/5/CMDRECORD(s)[12]:Recorded", "%%01SHELL/5/CMDRECORD(s)|12|Recorded");
        check("7zip: text", "7zip||text");
    }

    #[test]
    fn what_is_no_tag() {
        check("2026-11-29T20:00Z host app[1]: text", "-");
        check("2026-11-29T20:00:00ZZ: text", "-");
        check("29.11.2026x: text", "-");
        check("20:00:00x: text", "-");
        check("CEF:0|a|b|1|2|c d|3|e=f", "-");
        check("LEEF:1.0|a|b|1|2|c=d", "-");
        check("http://example.net/ is down", "-");
    }

    #[test]
    fn rare_tags() {
        check_rare("app : text", "app||text");
        check_rare("app :", "app||");
        check_rare("app [12]: text", "app|12|text");
        check_rare("app [a b]: text", "-");
        check_rare("%SYS-5-CONFIG_I : text", "%SYS-5-CONFIG_I||text");
        check_rare("%LOG_LOCAL7-3-SYSTEM_MSG [F0321] x", "%LOG_LOCAL7-3-SYSTEM_MSG||[F0321] x");
        check_rare("Service Control Manager[7036]: text", "Service Control Manager|7036|text");
        check_rare("Accepted key from a[1]: text", "-");
        check_rare("0-PPE-0 : default SSLVPN", "-");
        check_rare("Temperature : 45", "-");
        check_rare("last message repeated 3 times", "-");
        check_rare("% of disk", "-");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[ -~\u{e4}\t]{0,40}") {
            for tag in [find(&text), find_rare(&text)].into_iter().flatten() {
                prop_assert!(tag.name_end <= tag.message_at && tag.message_at <= text.len());
                prop_assert!(text.is_char_boundary(tag.message_at) && text.is_char_boundary(tag.name_end));
            }
        }
    }
}
