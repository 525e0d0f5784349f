//! Control characters in line-oriented output, written as rsyslog writes them: `#` and three octal digits.
//!
//! The tab stays. The C1 controls (U+0080–U+009F) are escaped too, because U+0085
//! ends a line and U+009B begins a terminal sequence.

/// How many of the bytes that begin here must be escaped; 0 if none.
fn control(byte: u8, next: Option<&u8>) -> usize {
    match byte {
        b'\t' => 0,
        0..=0x1f | 0x7f => 1,
        0xc2 if next.is_some_and(|n| (0x80..=0x9f).contains(n)) => 2,
        _ => 0,
    }
}

fn suspicious(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f || byte == 0xc2
}

/// Does the text have a control character other than the tab?
pub(crate) fn needs_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Branch-free per block, so that it runs at the speed of the memory.
    if !bytes.chunks(64).any(|c| c.iter().fold(false, |found, b| found | suspicious(*b))) {
        return false;
    }
    bytes.iter().enumerate().any(|(i, b)| control(*b, bytes.get(i + 1)) > 0)
}

fn octal(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'#', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
}

/// Appends the text with its control characters escaped.
pub(crate) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if !needs_escape(text) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match control(*byte, rest.as_slice().first()) {
            0 => out.push(*byte),
            1 => octal(*byte, out),
            _ => {
                octal(*byte, out);
                if let Some(second) = rest.next() {
                    octal(*second, out);
                }
            }
        }
    }
}

/// Like [`write_escaped`], but reversible: a `#` before three octal digits is escaped as well.
pub(crate) fn write_reversible(text: &str, out: &mut Vec<u8>) {
    let mut from = 0;
    for at in memchr::memchr_iter(b'#', text.as_bytes()) {
        if is_octal(text.as_bytes().get(at + 1..).unwrap_or_default()).is_some() {
            write_escaped(text.get(from..at).unwrap_or_default(), out);
            octal(b'#', out);
            from = at + 1;
        }
    }
    write_escaped(text.get(from..).unwrap_or_default(), out);
}

fn is_octal(digits: &[u8]) -> Option<u8> {
    let &[a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] = digits.first_chunk::<3>()? else {
        return None;
    };
    Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
}

/// Takes the escapes of [`write_reversible`] away.
pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in memchr::memchr_iter(b'#', bytes) {
        if at >= from
            && let Some(byte) = is_octal(bytes.get(at + 1..).unwrap_or_default())
        {
            out.extend_from_slice(&bytes[from..at]);
            out.push(byte);
            from = at + 4;
        }
    }
    out.extend_from_slice(&bytes[from..]);
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let mut out = Vec::new();
        write_escaped(text, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn escapes() {
        check("plain\ttext \u{e4}\u{a0}", "plain\ttext \u{e4}\u{a0}");
        check("a\nb\r\n\0", "a#012b#015#012#000");
        check("\u{1b}[31m\u{7f}", "#033[31m#177");
        check("a\u{85}b\u{9b}c", "a#302#205b#302#233c");
        check("#012", "#012");
    }

    proptest! {
        #[test]
        fn reversible(text in "([#0-7\n\u{1}\u{85}\u{b5}]|.){0,30}") {
            let mut out = Vec::new();
            write_reversible(&text, &mut out);
            let written = String::from_utf8(out).unwrap();
            prop_assert!(!needs_escape(&written));
            prop_assert_eq!(unescape(&written), text);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,30}") {
            prop_assert!(unescape(&text).len() <= text.len());
        }
    }
}
