//! Texts in JSON, written so that nothing in them ends a line or speaks to a terminal.

/// Bytes that may begin something to be escaped: controls, quote, backslash, DEL, and
/// the lead bytes of the C1 controls and of U+2028 and U+2029, which end lines too.
pub(crate) const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        special[b] = true;
        b += 1;
    }
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special[0x7f] = true;
    special[0xc2] = true;
    special[0xe2] = true;
    special
};

fn find_special(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 16;
    let mut clean = 0;
    // Whole blocks without branches, so that the compiler uses vectors.
    for block in bytes.chunks_exact(BLOCK) {
        let special =
            |b: u8| (b < 0x20) | (b == b'"') | (b == b'\\') | (b == 0x7f) | (b == 0xc2) | (b == 0xe2);
        if block.iter().fold(false, |found, b| found | special(*b)) {
            break;
        }
        clean += BLOCK;
    }
    bytes.get(clean..)?.iter().position(|b| SPECIAL[usize::from(*b)]).map(|at| clean + at)
}

/// Appends a text in quotes. What could end a line or speak to a terminal is escaped.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_within_quotes(text, out);
    out.push(b'"');
}

/// Appends a text as [`write_string`] does, but without the quotes.
pub(crate) fn write_within_quotes(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(find_special) {
        at += found;
        let (escape, len): (&[u8], usize) = match (bytes[at], bytes.get(at + 1), bytes.get(at + 2)) {
            (b'"', ..) => (b"\\\"", 1),
            (b'\\', ..) => (b"\\\\", 1),
            (b'\n', ..) => (b"\\n", 1),
            (b'\r', ..) => (b"\\r", 1),
            (b'\t', ..) => (b"\\t", 1),
            (0xc2, Some(c @ 0x80..=0x9f), _) => {
                (&[b'\\', b'u', b'0', b'0', HEX[usize::from(c >> 4)], HEX[usize::from(c & 15)]], 2)
            }
            (0xe2, Some(0x80), Some(0xa8)) => (b"\\u2028", 3),
            (0xe2, Some(0x80), Some(0xa9)) => (b"\\u2029", 3),
            (0xc2 | 0xe2, ..) => {
                at += 1;
                continue;
            }
            (c, ..) => (&[b'\\', b'u', b'0', b'0', HEX[usize::from(c >> 4)], HEX[usize::from(c & 15)]], 1),
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(escape);
        at += len;
        from = at;
    }
    out.extend_from_slice(&bytes[from..]);
}
