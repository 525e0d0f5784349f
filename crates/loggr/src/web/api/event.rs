//! An event as the API shows it: the JSON of `loggr search --format json`, cut where it is too long.
//!
//! Not what may be seen of it: that is the role's, and [`Hidden::strip`] takes the rest out.

use std::borrow::Cow;

use loggr_event::{DumpFormat, Event};
use loggr_store::query::Hidden;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

/// Characters of a message that are sent if nothing is said.
pub const MESSAGE_CHARACTERS: usize = 16_384;
/// Most characters of a message that may be asked for.
pub const MAX_MESSAGE_CHARACTERS: usize = 1 << 20;

/// An event in an answer.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Shown(Box<RawValue>);

impl Shown {
    /// Of an event, without the fields that must not be seen, and with so many characters of its message.
    pub fn of(event: Event<'static>, hidden: &Hidden, characters: usize) -> Shown {
        let mut event = hidden.strip(event);
        let cut = cut(&mut event, characters);
        let mut text = Vec::new();
        event.dump(&DumpFormat::Json, &mut text);
        if let Some(length) = cut
            && text.pop() == Some(b'}')
        {
            text.extend_from_slice(format!(",\"message_cut\":{length}}}").as_bytes());
        }
        let text = String::from_utf8(text).unwrap_or_default();
        // What we write is JSON; an event that is not shown whole is better than no answer.
        let value = RawValue::from_string(text);
        Shown(value.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

/// Cuts the message and leaves out the received bytes of a long one. Gives the characters that it had.
fn cut(event: &mut Event<'static>, characters: usize) -> Option<usize> {
    if event.message.len() <= characters {
        return None;
    }
    let (end, _) = event.message.char_indices().nth(characters)?;
    let length = event.message.chars().count();
    let kept = event.message.get(..end).unwrap_or_default().to_owned();
    event.message = Cow::Owned(kept);
    event.raw = None;
    Some(length)
}

impl JsonSchema for Shown {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Event")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string" });
        let texts = json_schema!({ "type": "array", "items": { "type": "string" } });
        let flag = json_schema!({ "type": "boolean" });
        json_schema!({
            "type": "object",
            "description": "An event. Fields that it does not have are left out.",
            "required": ["uid", "timereported", "timegenerated", "severity", "facility", "source", "app_name",
                         "message", "tags", "fields"],
            "properties": {
                "uid": text, "timereported": text, "timegenerated": text, "severity": text, "facility": text,
                "source": text, "app_name": text, "procid": text, "msgid": text, "programname": text,
                "syslogtag": text, "message": text, "raw": text, "hmac": text, "timehmac": text,
                "tags": texts, "defects": texts,
                "fields": { "type": "object", "additionalProperties": texts },
                "structured_data": {
                    "type": "object",
                    "additionalProperties": { "type": "object", "additionalProperties": texts },
                },
                "trusted": {
                    "type": "object",
                    "description": "What the system itself says of the sender.",
                    "additionalProperties": text,
                },
                "origin": {
                    "type": "object",
                    "description": "Where it came from.",
                    "required": ["listener", "transport", "peer"],
                    "properties": {
                        "listener": text, "transport": text, "peer": text, "tls_name": text, "format": text,
                        "timezone": text, "trusted": flag, "keep_leading_blank": flag,
                    },
                },
                "original_len": {
                    "type": "integer",
                    "description": "How many bytes the line had, where it was too long to be received whole.",
                },
                "message_cut": {
                    "type": "integer",
                    "description": "How many characters the message has, where not all of them are sent.",
                },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str, characters: usize) -> serde_json::Value {
        let event = Event { message: Cow::Owned(message.to_owned()), ..Event::default() };
        serde_json::from_str(Shown::of(event, &Hidden::default(), characters).0.get()).expect("JSON")
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(shown("häß", 3)["message"], "häß");
        assert_eq!(shown("häß", 3).get("message_cut"), None);
        assert_eq!(
            (&shown("häßlich", 3)["message"], &shown("häßlich", 3)["message_cut"]),
            (&"häß".into(), &7.into())
        );
    }
}
