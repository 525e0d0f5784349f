//! A foreign document as a tree: what JSON objects and MessagePack maps have in common.
//!
//! It borrows from the document, remembers where each entry stood, and is bounded
//! in depth by its readers.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json_text;

/// Documents nested deeper than this are refused.
pub const MAX_DEPTH: usize = 32;

/// Documents with more values than this are refused: a tree takes thirty times the
/// memory of the bytes it was read from.
pub const MAX_VALUES: usize = 65_536;

/// Any value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// As written.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Map(Vec<Entry<'a>>),
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    pub key: Cow<'a, str>,
    pub value: Value<'a>,
    /// Offset of the value in the document.
    pub at: usize,
}

impl<'a> Value<'a> {
    /// The text of a scalar; binary that is not UTF-8 becomes base64. `None` for null, lists and maps.
    pub fn into_text(self) -> Result<Cow<'a, str>, Value<'a>> {
        match self {
            Value::Bool(true) => Ok(Cow::Borrowed("true")),
            Value::Bool(false) => Ok(Cow::Borrowed("false")),
            Value::Number(text) | Value::Text(text) => Ok(text),
            Value::Bytes(bytes) => Ok(match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(STANDARD.encode(bytes)),
            }),
            other => Err(other),
        }
    }

    /// Any value as the text of one field: scalars as they are, the rest as JSON.
    pub fn into_field_text(self) -> Cow<'a, str> {
        self.into_text().unwrap_or_else(|value| {
            let mut out = Vec::new();
            value.write_json(&mut out);
            Cow::Owned(String::from_utf8_lossy(&out).into_owned())
        })
    }

    /// A number that fits 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Value::Number(text) => out.extend_from_slice(text.as_bytes()),
            Value::Text(text) => json_text::write_string(text, out),
            Value::Bytes(bytes) => json_text::write_string(&STANDARD.encode(bytes), out),
            Value::List(values) => {
                out.push(b'[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    value.write_json(out);
                }
                out.push(b']');
            }
            Value::Map(entries) => {
                out.push(b'{');
                for (i, entry) in entries.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    json_text::write_string(&entry.key, out);
                    out.push(b':');
                    entry.value.write_json(out);
                }
                out.push(b'}');
            }
        }
    }
}
