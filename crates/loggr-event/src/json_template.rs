//! Templates that give JSON: where in it each value stands, and how it is written there.
//!
//! Whether a template gives JSON is decided from its text alone, by filling in a value for each
//! variable. The object with all of an event's fields is written by `json`, not here.

use crate::{json, json_text};

/// Where in the JSON text a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between quotes, perhaps beside other text.
    Quoted,
    /// In the place of a whole JSON value, without quotes.
    Value,
}

/// The place of each variable (`None` among the parts) if the whole is a JSON object.
pub(crate) fn places<'t>(parts: impl Iterator<Item = Option<&'t str>>) -> Option<Vec<Place>> {
    let mut sample = String::new();
    let mut places = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for part in parts {
        let Some(text) = part else {
            places.push(if quoted { Place::Quoted } else { Place::Value });
            sample.push_str(if quoted { "x" } else { "0" });
            continue;
        };
        if sample.is_empty() && !text.trim_start().starts_with('{') {
            return None;
        }
        for c in text.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = quoted,
                '"' => quoted = !quoted,
                _ => {}
            }
        }
        sample.push_str(text);
    }
    json::read_object(sample.trim()).ok().map(|_| places)
}

/// Appends a value. In the place of a whole JSON value a number stays a number, and any other text
/// becomes a string.
pub(crate) fn write(value: &str, place: Place, out: &mut Vec<u8>) {
    match place {
        Place::Quoted => json_text::write_within_quotes(value, out),
        Place::Value if is_number(value) => out.extend_from_slice(value.as_bytes()),
        Place::Value => json_text::write_string(value, out),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}
