//! JSON (RFC 8259): a reader into a borrowed tree, strict or lenient, and the event written as one flat object.
//!
//! What the keys of other programs' objects mean is in `object`. An event's object, always on one
//! line:
//!
//! | key | value |
//! |---|---|
//! | `uid` | text |
//! | `timereported`, `timegenerated` | RFC 3339 with microseconds |
//! | `severity`, `facility` | keyword: `err`, `local0` |
//! | `source`, `app_name`, `procid`, `msgid`, `message` | text; empty where the line had none |
//! | `programname`, `syslogtag` | text, derived from `app_name` and `procid` |
//! | `structured_data` | `{SD-ID: {name: [value, …]}}` |
//! | `tags` | sorted list |
//! | `fields` | `{name: [value, …]}` |
//! | `trusted` | `{"_PID": "12", …}`, if there are any |
//! | `origin` | `{listener, transport, peer, tls_name}`, and `trusted`, `format`, `timezone`, `keep_leading_blank` where they are not the default |
//! | `defects` | list of words, if there are any |
//! | `raw` | base64, if kept |
//! | `original_len` | number, if cut |
//! | `hmac`, `timehmac` | if sealed |

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json_text::{SPECIAL, write_string};
use crate::timestamp::Refusal;
use crate::value::{Entry, MAX_DEPTH, MAX_VALUES, Value};
use crate::{Event, Field, InputFormat, Origin, SdElement};

/// Does the text begin like an object with a key, or an empty one?
pub(crate) fn looks_like_object(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter().filter(|b| !b.is_ascii_whitespace());
    rest.next() == Some(&b'{') && matches!(rest.next(), Some(b'"' | b'}'))
}

/// Reads a document that is one object.
pub(crate) fn read_object(text: &str) -> Result<Vec<Entry<'_>>, Refusal> {
    object(Reader { text, at: 0, values: 0, strict: true, replaced: false }).map(|found| found.0)
}

/// Reads an object as programs write it: one bad character does not lose the others. The flag is
/// true if half of a surrogate pair became U+FFFD; everything else that JSON does not allow is read
/// as it stands.
pub(crate) fn read_object_leniently(text: &str) -> Result<(Vec<Entry<'_>>, bool), Refusal> {
    object(Reader { text, at: 0, values: 0, strict: false, replaced: false })
}

fn object(mut reader: Reader<'_>) -> Result<(Vec<Entry<'_>>, bool), Refusal> {
    reader.spaces();
    if reader.peek() != Some(b'{') {
        return Err((reader.at, "`{`"));
    }
    match reader.document()? {
        Value::Map(entries) => Ok((entries, reader.replaced)),
        _ => Err((0, "`{`")),
    }
}

/// Reads a document of any kind as [`read_object_leniently`] reads an object.
pub(crate) fn read_document_leniently(text: &str) -> Result<(Value<'_>, bool), Refusal> {
    let mut reader = Reader { text, at: 0, values: 0, strict: false, replaced: false };
    Ok((reader.document()?, reader.replaced))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
    /// Refuses what RFC 8259 does not allow.
    strict: bool,
    /// Half of a surrogate pair became U+FFFD.
    replaced: bool,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Refusal> {
        if self.peek() != Some(byte) {
            return Err((self.at, expected));
        }
        self.at += 1;
        Ok(())
    }

    fn document(&mut self) -> Result<Value<'a>, Refusal> {
        self.spaces();
        let value = self.value(0)?;
        self.spaces();
        if self.at != self.text.len() {
            return Err((self.at, "the end of the document"));
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        if depth > MAX_DEPTH {
            return Err((self.at, "at most 32 levels"));
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err((self.at, "at most 65536 values"));
        }
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            // Python and Java write `NaN` and `Infinity`.
            Some(b'N' | b'I') if !self.strict => self.no_number(),
            _ => Err((self.at, "a value")),
        }
    }

    fn word(&mut self, word: &'static str, value: Value<'a>) -> Result<Value<'a>, Refusal> {
        if !self.text.as_bytes().get(self.at..).unwrap_or_default().starts_with(word.as_bytes()) {
            return Err((self.at, "`true`, `false` or `null`"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Reads `NaN` and `Infinity`, which are not numbers in JSON, as texts.
    fn no_number(&mut self) -> Result<Value<'a>, Refusal> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(word) = ["NaN", "Infinity", "-Infinity"].into_iter().find(|w| rest.starts_with(w)) else {
            return Err((self.at, "a value"));
        };
        self.at += word.len();
        Ok(Value::Text(Cow::Borrowed(word)))
    }

    fn map(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        self.at += 1;
        let mut entries = Vec::new();
        self.spaces();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(entries));
        }
        loop {
            self.spaces();
            if self.peek() != Some(b'"') {
                return Err((self.at, "a key in quotes"));
            }
            let key = self.string()?;
            self.spaces();
            self.expect(b':', "`:`")?;
            self.spaces();
            let at = self.at;
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, value, at });
            self.spaces();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(entries));
                }
                _ => return Err((self.at, "`,` or `}`")),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        self.at += 1;
        let mut values = Vec::new();
        self.spaces();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(values));
        }
        loop {
            self.spaces();
            values.push(self.value(depth + 1)?);
            self.spaces();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(values));
                }
                _ => return Err((self.at, "`,` or `]`")),
            }
        }
    }

    fn digits(&mut self) -> Result<(), Refusal> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == from { Err((from, "a digit")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Value<'a>, Refusal> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            if !self.strict && self.text.as_bytes().get(self.at + 1) == Some(&b'I') {
                return self.no_number();
            }
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Value::Number(Cow::Borrowed(self.text.get(from..self.at).unwrap_or_default())))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Refusal> {
        self.at += 1;
        let bytes = self.text.as_bytes();
        let mut from = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            match bytes.get(self.at) {
                None => return Err((self.at, "`\"` at the end of the text")),
                Some(b'"') => {
                    let last = self.text.get(from..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(last),
                        Some(mut text) => {
                            text.push_str(last);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let text = unescaped.get_or_insert_default();
                    text.push_str(self.text.get(from..self.at).unwrap_or_default());
                    let c = self.escape()?;
                    unescaped.get_or_insert_default().push(c);
                    from = self.at;
                }
                Some(0..=0x1f) if self.strict => {
                    return Err((self.at, "an escape for a control character"));
                }
                Some(0..=0x1f) => {
                    self.at += 1;
                }
                Some(_) => {
                    let rest = bytes.get(self.at + 1..).unwrap_or_default();
                    self.at += 1 + rest.iter().position(|b| ENDS_RUN[usize::from(*b)]).unwrap_or(rest.len());
                }
            }
        }
    }

    /// Reads an escape; the reader stands on its backslash.
    fn escape(&mut self) -> Result<char, Refusal> {
        let start = self.at;
        self.at += 2;
        Ok(match self.text.as_bytes().get(start + 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(*c),
            Some(b'u') => match self.unicode_escape(start) {
                Ok(c) => c,
                Err(refusal) if self.strict => return Err(refusal),
                Err(_) => self.mend_escape(start),
            },
            _ if self.strict => return Err((start + 1, "one of `\"\\/bfnrtu`")),
            _ => self.mend_escape(start),
        })
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, Refusal> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or((start, "a character, not half of a pair"));
        }
        if self.peek() != Some(b'\\') || self.text.as_bytes().get(self.at + 1) != Some(&b'u') {
            return Err((self.at, "the second half of a pair"));
        }
        self.at += 2;
        let low = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err((self.at - 6, "the second half of a pair"));
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or((start, "a character"))
    }

    /// Reads a wrong escape. Half of a surrogate pair becomes U+FFFD, and what follows is read on
    /// its own; a backslash that begins no escape, as in `C:\Program Files`, stands for itself.
    fn mend_escape(&mut self, start: usize) -> char {
        self.at = start + 2;
        if self.text.as_bytes().get(start + 1) == Some(&b'u') && self.four_digits().is_ok() {
            self.replaced = true;
            return char::REPLACEMENT_CHARACTER;
        }
        self.at = start + 1;
        '\\'
    }

    fn four_digits(&mut self) -> Result<u32, Refusal> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            value = value * 16 + digit.ok_or((self.at, "four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(value)
    }
}

/// For each byte, whether it ends a run of plain bytes in a text in quotes.
const ENDS_RUN: [bool; 256] = {
    let mut ends = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        ends[b] = true;
        b += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

/// Appends the event as one JSON object on one line.
pub(crate) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    write_members(event, out);
    out.push(b'}');
}

/// Appends the members of the object, without its braces.
pub(crate) fn write_members(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"uid\":\"");
    out.extend_from_slice(event.uid.write_hyphenated(&mut [0; 36]).as_bytes());
    out.extend_from_slice(b"\",\"timereported\":\"");
    event.timereported.write_rfc3339(out);
    out.extend_from_slice(b"\",\"timegenerated\":\"");
    event.timegenerated.write_rfc3339(out);
    out.extend_from_slice(b"\",\"severity\":\"");
    out.extend_from_slice(event.severity.keyword().as_bytes());
    out.extend_from_slice(b"\",\"facility\":\"");
    out.extend_from_slice(event.facility.keyword().as_bytes());
    out.push(b'"');
    member("source", &event.source, out);
    member("app_name", &event.app_name, out);
    member("procid", &event.procid, out);
    member("msgid", &event.msgid, out);
    member("programname", event.programname(), out);
    write_tag(event, out);
    member("message", &event.message, out);
    out.extend_from_slice(b",\"structured_data\":");
    write_structured_data(&event.structured_data, out);
    out.extend_from_slice(b",\"tags\":");
    write_list(event.tags.iter().map(AsRef::as_ref), out);
    out.extend_from_slice(b",\"fields\":{");
    for (i, field) in event.fields.iter().enumerate() {
        separate(i, out);
        write_string(&field.name, out);
        out.push(b':');
        write_list(field.values.iter().map(AsRef::as_ref), out);
    }
    out.push(b'}');
    if !event.trusted.is_empty() {
        out.extend_from_slice(b",\"trusted\":{");
        for (i, field) in event.trusted.iter().enumerate() {
            separate(i, out);
            write_string(&field.name, out);
            out.push(b':');
            write_string(&field.value, out);
        }
        out.push(b'}');
    }
    write_rare(event, out);
}

fn write_rare(event: &Event<'_>, out: &mut Vec<u8>) {
    if let Some(origin) = &event.origin {
        write_origin(origin, out);
    }
    if !event.defects.is_empty() {
        out.extend_from_slice(b",\"defects\":");
        write_list(event.defects.words(), out);
    }
    if let Some(raw) = &event.raw {
        member("raw", &STANDARD.encode(raw), out);
    }
    if let Some(len) = event.original_len {
        out.extend_from_slice(b",\"original_len\":");
        out.extend_from_slice(len.to_string().as_bytes());
    }
    if let Some(hmac) = &event.hmac {
        member("hmac", hmac, out);
    }
    if let Some(time) = event.timehmac {
        out.extend_from_slice(b",\"timehmac\":\"");
        time.write_rfc3339(out);
        out.push(b'"');
    }
}

fn separate(i: usize, out: &mut Vec<u8>) {
    if i > 0 {
        out.push(b',');
    }
}

fn member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_string(value, out);
}

/// The tag is made of texts that need no second look if none of them is escaped.
fn write_tag(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"syslogtag\":");
    let start = out.len();
    out.push(b'"');
    event.write_syslogtag(out);
    if out[start + 1..].iter().any(|b| SPECIAL[usize::from(*b)]) {
        out.truncate(start);
        write_string(&event.syslogtag(), out);
    } else {
        out.push(b'"');
    }
}

pub(crate) fn write_list<'v>(values: impl Iterator<Item = &'v str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, value) in values.enumerate() {
        separate(i, out);
        write_string(value, out);
    }
    out.push(b']');
}

/// Elements of one id are written as one, and values of one name as one list.
pub(crate) fn write_structured_data(elements: &[SdElement<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    for (i, element) in elements.iter().enumerate() {
        if elements[..i].iter().any(|e| e.id == element.id) {
            continue;
        }
        separate(usize::from(!first), out);
        first = false;
        write_string(&element.id, out);
        out.extend_from_slice(b":{");
        let params = || elements[i..].iter().filter(|e| e.id == element.id).flat_map(|e| &e.params);
        let mut first_name = true;
        for (j, param) in params().enumerate() {
            if params().take(j).any(|p| p.name == param.name) {
                continue;
            }
            separate(usize::from(!first_name), out);
            first_name = false;
            write_string(&param.name, out);
            out.push(b':');
            write_list(params().filter(|p| p.name == param.name).map(|p| p.value.as_ref()), out);
        }
        out.push(b'}');
    }
    out.push(b'}');
}

/// Appends custom fields as an object: one value as a text, several as a list.
pub(crate) fn write_fields(fields: &[Field<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, field) in fields.iter().enumerate() {
        separate(i, out);
        write_string(&field.name, out);
        out.push(b':');
        match field.values.as_slice() {
            [one] => write_string(one, out),
            several => write_list(several.iter().map(AsRef::as_ref), out),
        }
    }
    out.push(b'}');
}

fn write_origin(origin: &Origin, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"origin\":{\"listener\":");
    write_string(&origin.listener, out);
    member("transport", origin.transport.keyword(), out);
    member("peer", &origin.peer, out);
    if let Some(name) = &origin.tls_name {
        member("tls_name", name, out);
    }
    if origin.trusted {
        out.extend_from_slice(b",\"trusted\":true");
    }
    if origin.format != InputFormat::Auto {
        member("format", origin.format.keyword(), out);
    }
    if !origin.timezone.is_empty() {
        member("timezone", &origin.timezone, out);
    }
    if origin.keep_leading_blank {
        out.extend_from_slice(b",\"keep_leading_blank\":true");
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests;
