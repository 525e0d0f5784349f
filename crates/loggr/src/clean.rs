//! Cleans text of other people before it is shown on a terminal or in a log: nothing in it may move
//! the cursor, change the order of the text, end a line, or be invisible.
//!
//! | what | why |
//! | --- | --- |
//! | C0 controls but the tab, DEL, C1 controls | they steer the terminal, and end lines |
//! | U+2028, U+2029 | they end lines for some |
//! | format characters (`Cf`): bidi marks, embeddings, overrides and isolates, zero-width characters, tags | the text is shown in another order than it stands, or two texts look alike |
//!
//! In text each of their bytes is written as rsyslog writes control characters, `#` and three octal
//! digits, and as the files have it; in JSON as `\u` and four hexadecimal digits, which is the same
//! value. Stored text is never cleaned: it stays as it came.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text that is safe to show, on one line.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    push(text, &mut out);
    Cow::Owned(out)
}

/// Text of several lines that is safe to show: line feeds stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    if text.split('\n').all(is_clean) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        push(line, &mut out);
    }
    Cow::Owned(out)
}

/// JSON text that is safe to show. White space between its parts stays; escaped characters can only
/// stand in strings.
pub fn json(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('\x7f') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !c.is_ascii_whitespace() && is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("BUG: a string takes everything");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A JSON value on one line that is safe to show.
pub fn value(value: &serde_json::Value) -> String {
    json(&value.to_string()).into_owned()
}

fn push(text: &str, out: &mut String) {
    for c in text.chars() {
        if is_hidden(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                write!(out, "#{byte:03o}").expect("BUG: a string takes everything");
            }
        } else {
            out.push(c);
        }
    }
}

fn is_clean(text: &str) -> bool {
    let plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    text.as_bytes().iter().all(plain) || !text.chars().any(is_hidden)
}

/// Whether the character must not be shown as it is.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\t' => false,
        c if c.is_ascii() => c.is_ascii_control(),
        // C1, the soft hyphen; Arabic, Syriac and other marks; Mongolian.
        '\u{80}'..='\u{9f}' | '\u{ad}' => true,
        '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' => true,
        '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{180e}' => true,
        // Zero width, direction, separators, embeddings, isolates, invisible operators.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        // Kaithi, hieroglyphs, shorthand, music; tags.
        '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(clean(text), expect);
    }

    #[test]
    fn nothing_from_an_event_moves_the_cursor() {
        check("a\u{1b}[31mb\nc\td", "a#033[31mb#012c\td");
        check("\r\u{8}\u{7f}\0", "#015#010#177#000");
        check("a\u{85}b\u{9b}31m", "a#302#205b#302#23331m");
    }

    #[test]
    fn nothing_from_an_event_changes_the_order_or_hides() {
        check("a\u{202e}b\u{202c}", "a#342#200#256b#342#200#254");
        check("\u{2066}x\u{2069}", "#342#201#246x#342#201#251");
        check("a\u{2028}b\u{2029}", "a#342#200#250b#342#200#251");
        check("we\u{200b}b\u{200d}01\u{feff}", "we#342#200#213b#342#200#21501#357#273#277");
        check("\u{e0041}", "#363#240#201#201");
        check("\u{61c}\u{200e}\u{200f}\u{ad}", "#330#234#342#200#216#342#200#217#302#255");
    }

    #[test]
    fn what_people_write_stays() {
        for text in
            ["plain text", "tab\tand blank", "Grüße, 東京, Ελλάδα, עברית, عربي", "\u{1f600} \u{a0}\u{2026}"]
        {
            check(text, text);
        }
        assert_eq!(lines("a\nb\u{1b}\n"), "a\nb#033\n");
    }

    #[test]
    fn json_that_is_shown_is_the_same_value() {
        let text = "a\u{202e}b\u{9b}\u{7f}\u{e0041}\u{1b} ä\n";
        let value = serde_json::json!({ "k\u{2028}": text });
        for written in [format!("{value}"), format!("{value:#}")] {
            let shown = json(&written);
            assert!(shown.chars().all(|c| c == '\n' || !is_hidden(c)), "{shown:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
