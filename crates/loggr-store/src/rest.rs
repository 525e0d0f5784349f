//! The JSON of the column `rest`: everything of an event that has no column.
//!
//! Invariant: `read(write(event))` gives back every part that `write` was given.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use loggr_event::{Defect, Event, Field, SdElement, SdParam, Timestamp, TrustedField};
use serde::{Deserialize, Serialize};

use crate::query::Hidden;

type Text<'a> = Cow<'a, str>;
type Pair<'a> = (Text<'a>, Text<'a>);

/// The document; every part is left out when it is empty.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Rest<'a> {
    /// SD-ELEMENTs: id and its parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    structured_data: Vec<(Text<'a>, Vec<Pair<'a>>)>,
    /// Custom fields that have no column in this file, or several values in this event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(Text<'a>, Vec<Text<'a>>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trusted: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    defects: Vec<Text<'a>>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hmac: Option<Text<'a>>,
    /// Microseconds and minutes of offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    timehmac: Option<(i64, i16)>,
    /// Minutes of offset of timegenerated.
    #[serde(skip_serializing_if = "is_zero")]
    timegenerated_offset: i16,
    /// Microseconds of timegenerated and timereported, where a column cannot hold them.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact_times: Option<(i64, i64)>,
}

fn is_zero(value: &i16) -> bool {
    *value == 0
}

/// Whether the event needs nothing in this column, apart from its fields and defects.
fn is_plain(event: &Event<'_>) -> bool {
    event.structured_data.is_empty()
        && event.trusted.is_empty()
        && event.raw.is_none()
        && event.original_len.is_none()
        && event.hmac.is_none()
        && event.timehmac.is_none()
        && event.timegenerated.offset_minutes() == 0
}

/// The document of an event, or `None` where nothing is left for it. `fields` are those without a column.
pub(crate) fn write(event: &Event<'_>, fields: &[&Field<'_>]) -> Option<String> {
    if fields.is_empty() && event.defects.is_empty() && is_plain(event) {
        return None;
    }
    write_with(event, fields, event.defects.words().map(Cow::Borrowed).collect(), None)
}

/// Like [`write()`], for a store that has a column for defects and whose columns cannot hold all
/// times.
pub(crate) fn write_without_defects(
    event: &Event<'_>,
    fields: &[&Field<'_>],
    exact_times: Option<(i64, i64)>,
) -> Option<String> {
    if fields.is_empty() && exact_times.is_none() && is_plain(event) {
        return None;
    }
    write_with(event, fields, Vec::new(), exact_times)
}

fn write_with(
    event: &Event<'_>,
    fields: &[&Field<'_>],
    defects: Vec<Text<'_>>,
    exact_times: Option<(i64, i64)>,
) -> Option<String> {
    let rest = Rest {
        structured_data: event
            .structured_data
            .iter()
            .map(|e| (borrow(&e.id), e.params.iter().map(|p| (borrow(&p.name), borrow(&p.value))).collect()))
            .collect(),
        fields: fields.iter().map(|f| (borrow(&f.name), f.values.iter().map(borrow).collect())).collect(),
        trusted: event.trusted.iter().map(|t| (borrow(&t.name), borrow(&t.value))).collect(),
        defects,
        raw: event.raw.as_deref().map(|raw| BASE64.encode(raw)),
        original_len: event.original_len,
        hmac: event.hmac.as_ref().map(borrow),
        timehmac: event.timehmac.map(|t| (t.unix_micros(), t.offset_minutes())),
        timegenerated_offset: event.timegenerated.offset_minutes(),
        exact_times,
    };
    Some(serde_json::to_string(&rest).expect("BUG: text and numbers always have a JSON form"))
}

#[expect(clippy::ptr_arg, reason = "maps over what an event holds")]
fn borrow<'s>(text: &'s Cow<'_, str>) -> Text<'s> {
    Cow::Borrowed(&**text)
}

/// Reads the document; it is empty if loggr did not write it.
pub(crate) fn parse(json: &str) -> Rest<'_> {
    serde_json::from_str(json).unwrap_or_default()
}

impl<'a> Rest<'a> {
    /// Calls `seen` with every text that running-text queries look at: the values of custom fields
    /// and of structured data that are not hidden.
    pub(crate) fn each_searched(&self, hidden: Option<&Hidden>, mut seen: impl FnMut(&str)) {
        let shown = |name: &str| !hidden.is_some_and(|hidden| hidden.hides_name(name));
        self.fields.iter().filter(|(n, _)| shown(n)).flat_map(|(_, values)| values).for_each(|v| seen(v));
        for (id, params) in &self.structured_data {
            let shown = |name: &str| !hidden.is_some_and(|hidden| hidden.hides_param(id, name));
            params.iter().filter(|(n, _)| shown(n)).for_each(|(_, v)| seen(v));
        }
    }

    /// Calls `seen` with every value that a query for running text or by name can look at.
    pub(crate) fn each_text(&self, mut seen: impl FnMut(&str)) {
        self.each_searched(None, &mut seen);
        self.trusted.iter().for_each(|(_, v)| seen(v));
    }

    /// Calls `seen` with each name by which a query can ask for something here, and its value:
    /// custom fields, `SD-ID.PARAM-NAME`, trusted fields. The flag says that it is a custom field
    /// of one value.
    pub(crate) fn each_named(&self, mut seen: impl FnMut(&str, &str, bool)) {
        for (name, values) in &self.fields {
            values.iter().for_each(|v| seen(name, v, values.len() == 1));
        }
        for (id, params) in &self.structured_data {
            for (name, value) in params {
                seen(&format!("{id}.{name}"), value, false);
            }
        }
        self.trusted.iter().for_each(|(name, value)| seen(name, value, false));
    }

    /// Whether there is a value of this name for which `is_match` is true.
    pub(crate) fn any_named(&self, wanted: &str, is_match: &mut dyn FnMut(&str) -> bool) -> bool {
        let by_name = |(name, _): &&Pair<'a>| *name == wanted;
        self.fields.iter().filter(|(n, _)| n == wanted).flat_map(|(_, v)| v).any(|v| is_match(v))
            || self.structured_data.iter().any(|(id, params)| {
                wanted
                    .strip_prefix(&**id)
                    .and_then(|w| w.strip_prefix('.'))
                    .is_some_and(|param| params.iter().filter(|(n, _)| n == param).any(|(_, v)| is_match(v)))
            })
            || self.trusted.iter().filter(by_name).any(|(_, v)| is_match(v))
    }

    /// The words of the defects.
    pub(crate) fn defects(&self) -> impl Iterator<Item = &str> {
        self.defects.iter().map(|d| &**d)
    }
}

/// Puts the parts of a document into the event; its fields are appended to those that are there.
pub(crate) fn read(json: &str, event: &mut Event<'static>) -> Result<(), serde_json::Error> {
    let rest: Rest<'_> = serde_json::from_str(json)?;
    event.structured_data = rest
        .structured_data
        .into_iter()
        .map(|(id, params)| SdElement {
            id: own(id),
            params: params
                .into_iter()
                .map(|(name, value)| SdParam { name: own(name), value: own(value) })
                .collect(),
        })
        .collect();
    event.fields.extend(
        rest.fields
            .into_iter()
            .map(|(name, values)| Field { name: own(name), values: values.into_iter().map(own).collect() }),
    );
    event.trusted = rest
        .trusted
        .into_iter()
        .map(|(name, value)| TrustedField { name: own(name), value: own(value) })
        .collect();
    for word in &rest.defects {
        if let Some((defect, _)) = Defect::ALL.iter().find(|(_, w)| w == word) {
            event.defects.insert(*defect);
        }
    }
    event.raw = match rest.raw {
        Some(text) => Some(Cow::Owned(BASE64.decode(text).map_err(serde::de::Error::custom)?)),
        None => None,
    };
    event.original_len = rest.original_len;
    event.hmac = rest.hmac.map(own);
    event.timehmac = rest.timehmac.map(|(micros, offset)| Timestamp::with_offset(micros, offset));
    let (generated, reported) =
        rest.exact_times.unwrap_or((event.timegenerated.unix_micros(), event.timereported.unix_micros()));
    event.timegenerated = Timestamp::with_offset(generated, rest.timegenerated_offset);
    event.timereported = Timestamp::with_offset(reported, event.timereported.offset_minutes());
    Ok(())
}

fn own(text: Text<'_>) -> Text<'static> {
    Cow::Owned(text.into_owned())
}
