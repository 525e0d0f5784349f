//! The classes of bytes, and the tables of words that the rule of shapes knows.
//!
//! Not how a message is walked (`walk`). Whoever changes a table changes shapes: a new
//! [`super::VERSION`].

/// Ends a word, and counts as nothing: blanks and control characters.
pub(super) const SPACE: u8 = 1;
/// Letters, `_`, and every byte from 0x80 on.
pub(super) const LETTER: u8 = 2;
pub(super) const DIGIT: u8 = 4;
/// Punctuation that stands alone: brackets, quotes, `,;|=&?`.
pub(super) const ALONE: u8 = 8;
/// Cannot be a part of an IPv6 or MAC address.
pub(super) const NOT_HEX: u8 = 16;
pub(super) const COLON: u8 = 32;
pub(super) const AT: u8 = 64;
pub(super) const UPPER: u8 = 128;

#[allow(clippy::indexing_slicing, reason = "a byte is below 256")]
const CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match i as u8 {
            0..=b' ' | 0x7f => SPACE,
            b'a'..=b'f' => LETTER,
            b'A'..=b'F' => LETTER | UPPER,
            b'G'..=b'Z' => LETTER | UPPER | NOT_HEX,
            b'g'..=b'z' | b'_' | 0x80..=0xff => LETTER | NOT_HEX,
            b'0'..=b'9' => DIGIT,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' => ALONE,
            b'"' | b'\'' | b'`' | b',' | b';' | b'|' | b'=' | b'&' | b'?' => ALONE,
            b':' => COLON,
            b'.' => 0,
            b'@' => AT | NOT_HEX,
            _ => NOT_HEX,
        };
        i += 1;
    }
    table
};

#[inline]
#[allow(clippy::indexing_slicing, reason = "a byte is below 256")]
pub(super) fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

/// A letter or digit of a word?
#[inline]
pub(super) fn in_word(byte: u8) -> bool {
    class(byte) & (LETTER | DIGIT) != 0
}

/// Names whose values are variable, whatever they look like: by their ends, in lower case.
const VARIABLE_NAMES: [&str; 21] = [
    "user", "username", "logname", "login", "account", "host", "hostname", "client", "peer", "server",
    "addr", "address", "id", "key", "token", "session", "path", "file", "url", "uri", "agent",
];
/// Names whose quoted values are text with words of its own.
const TEXT_NAMES: [&str; 22] = [
    "msg",
    "message",
    "text",
    "level",
    "lvl",
    "severity",
    "logger",
    "event",
    "error",
    "err",
    "reason",
    "type",
    "kind",
    "action",
    "method",
    "component",
    "module",
    "op",
    "operation",
    "state",
    "status",
    "result",
];
/// Words with digits that are names.
const KNOWN: [&str; 25] = [
    "ssh2", "http2", "ipv4", "ipv6", "utf8", "md5", "sha1", "sha256", "sha512", "base64", "x86_64", "oauth2",
    "log4j", "ed25519", "s3", "k8s", "i18n", "ext4", "ext3", "mp4", "e2e", "http3", "x11", "amd64", "arm64",
];
/// Words that cannot be the name of a user.
const NO_USERS: [&str; 20] = [
    "not", "is", "was", "has", "had", "have", "does", "did", "can", "cannot", "will", "and", "or", "with",
    "for", "from", "name", "names", "to", "by",
];
const CALENDAR: [&str; 19] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(word))
}

pub(super) fn is_known(word: &[u8]) -> bool {
    word.len() <= 7 && is_one_of(word, &KNOWN)
}

pub(super) fn is_text_name(name: &[u8]) -> bool {
    name.len() <= 9 && is_one_of(name, &TEXT_NAMES)
}

pub(super) fn is_no_user(word: &[u8]) -> bool {
    word.len() <= 6 && is_one_of(word, &NO_USERS)
}

/// Does the name say that its value varies?
pub(super) fn is_variable_name(name: &[u8]) -> bool {
    let Some(last) = name.last().map(u8::to_ascii_lowercase) else { return false };
    VARIABLE_NAMES.iter().map(|end| end.as_bytes()).filter(|end| end.last() == Some(&last)).any(|end| {
        let at = name.len().checked_sub(end.len());
        at.and_then(|at| name.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    })
}

/// A month or a day of the week, whole or as three letters.
pub(super) fn is_calendar(word: &[u8]) -> bool {
    matches!(word.first(), Some(b'J' | b'F' | b'M' | b'A' | b'S' | b'O' | b'N' | b'D' | b'T' | b'W'))
        && (3..=9).contains(&word.len())
        && CALENDAR
            .iter()
            .any(|name| name.as_bytes() == word || (word.len() == 3 && name.as_bytes().starts_with(word)))
}

/// Is it an address of IPv6 or hardware: hexadecimal digits with at least two colons?
pub(super) fn is_colon_address(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|b| *b == b'%').unwrap_or(bytes.len());
    let address = bytes.get(..end).unwrap_or_default();
    address.iter().all(|b| class(*b) & (NOT_HEX | ALONE | SPACE) == 0)
        && address.iter().filter(|b| **b == b':').count() >= 2
}

/// Does a UUID begin here: 8, 4, 4, 4 and 12 hexadecimal digits?
pub(super) fn begins_uuid(bytes: &[u8]) -> bool {
    bytes.get(..UUID).is_some_and(|uuid| {
        uuid.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
    }) && !bytes.get(UUID).is_some_and(|b| in_word(*b))
}

/// Bytes of a UUID.
pub(super) const UUID: usize = 36;

/// Letters from `a` to `f` that make a hexadecimal number without a digit: no word has so many.
pub(super) const HEX_WORD: usize = 8;

/// Where the variable part of a word begins; its length where it has none.
pub(super) fn variable_from(word: &[u8]) -> usize {
    const HEX_ID: usize = 6;
    const LONG: usize = 20;
    let all_hex = || word.iter().all(u8::is_ascii_hexdigit);
    let Some(digit) = word.iter().position(u8::is_ascii_digit) else {
        return if word.len() >= HEX_WORD && all_hex() { 0 } else { word.len() };
    };
    if is_known(word) {
        return word.len();
    }
    let letters_behind = word.get(digit..).unwrap_or_default().iter().any(|b| class(*b) & LETTER != 0);
    let hex = word.len() >= HEX_ID && all_hex();
    if letters_behind || hex || word.len() >= LONG { 0 } else { digit }
}
