//! What the keys of a JSON object or MessagePack map mean, whether loggr or another program wrote
//! it.
//!
//! loggr's own names (see `json`) win; then the names that other programs use for the
//! same things; all other members become custom fields, nested ones with dots:
//! `{"http": {"status": 500}}` is the field `http.status`. A value that does not fit
//! its name becomes a custom field of that name, leniently, and is refused strictly.
//!
//! Keys that only loggr sets (uid, time of reception, tags, origin, defects, seal) are taken over
//! from trusted peers alone; from others they become custom fields.

mod names;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use self::names::{ALIASES, ONLY_LOGGR, own_name};
use crate::moment::{Clock, is_believable};
use crate::value::{Entry, Value};
use crate::{
    Defect, Defects, Event, Facility, Field, Format, InputFormat, MAX_SD_PARAMS, Origin, ParseError,
    SdElement, SdParam, Severity, Timestamp, Transport, TrustedField, Uid, json, msgpack, stamp,
};

/// An object with more custom fields than this is not taken apart.
pub const MAX_FIELDS: usize = 1024;

/// More tags than this are refused.
pub const MAX_TAGS: usize = 1024;

/// Objects under a longer name are one field, as JSON.
pub(crate) const MAX_NESTED_NAME_BYTES: usize = 256;

/// How values are treated that do not fit their name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// A value that does not fit its name is an error.
    Strict,
    /// Such a value becomes a custom field.
    Lenient,
}

/// What the caller must know about an object that was read.
pub(crate) struct Reading {
    /// The fields do not hold everything that the object had.
    pub lossy: bool,
    /// The object looks as if loggr had written it; whether the peer is trusted is not looked at
    /// here.
    pub own: bool,
}

/// Reads a JSON object into a new event.
pub(crate) fn from_json<'a>(
    bytes: &'a [u8],
    event: &mut Event<'a>,
    clock: Clock<'_>,
    trusted: bool,
    door: Door,
) -> Result<Reading, ParseError> {
    let refuse = |(at, expected)| ParseError::new(Format::Json, at, expected);
    let text = std::str::from_utf8(bytes).map_err(|e| refuse((e.valid_up_to(), "UTF-8")))?;
    let (entries, replaced) = match door {
        Door::Strict => (json::read_object(text).map_err(refuse)?, false),
        Door::Lenient => json::read_object_leniently(text).map_err(refuse)?,
    };
    let mut filler = Filler::new(event, clock, trusted, door, Format::Json);
    filler.fill(entries)?;
    let own = filler.is_own();
    if !filler.seen.contains(&"message") && door == Door::Lenient {
        event.message = Cow::Borrowed(text);
    }
    if replaced {
        event.defects.insert(Defect::NotUtf8);
    }
    Ok(Reading { lossy: replaced, own })
}

/// Reads a MessagePack map into a new event.
pub(crate) fn from_msgpack<'a>(
    bytes: &'a [u8],
    event: &mut Event<'a>,
    clock: Clock<'_>,
    trusted: bool,
    door: Door,
) -> Result<Reading, ParseError> {
    let refuse = |(at, expected)| ParseError::new(Format::Msgpack, at, expected);
    let (entries, replaced) = msgpack::read_object(bytes, door == Door::Strict).map_err(refuse)?;
    let mut filler = Filler::new(event, clock, trusted, door, Format::Msgpack);
    filler.fill(entries)?;
    let own = filler.is_own();
    if replaced {
        event.defects.insert(Defect::NotUtf8);
    }
    Ok(Reading { lossy: replaced, own })
}

struct Filler<'e, 'a, 'c> {
    event: &'e mut Event<'a>,
    clock: Clock<'c>,
    trusted: bool,
    door: Door,
    format: Format,
    /// The keys of loggr that have been met in the object so far.
    seen: Vec<&'static str>,
    defects: Option<Defects>,
    has_uid: bool,
    has_timegenerated: bool,
    has_bad_time: bool,
    /// It is a message of GELF, whose additional fields begin with `_`.
    is_gelf: bool,
    /// Where the object came from, whatever it says itself.
    from: Option<&'a Origin>,
}

/// A value that does not fit its name comes back, with what would have fitted.
type Unfit<'a> = (Value<'a>, &'static str);

impl<'e, 'a, 'c> Filler<'e, 'a, 'c> {
    fn new(event: &'e mut Event<'a>, clock: Clock<'c>, trusted: bool, door: Door, format: Format) -> Self {
        let from = match event.origin {
            Some(Cow::Borrowed(origin)) => Some(origin),
            _ => None,
        };
        Filler {
            event,
            clock,
            trusted,
            door,
            format,
            seen: Vec::new(),
            defects: None,
            has_uid: false,
            has_timegenerated: false,
            has_bad_time: false,
            is_gelf: false,
            from,
        }
    }

    /// Whether loggr wrote the object: other programs use `uid` for a number and have no time of
    /// reception.
    fn is_own(&self) -> bool {
        self.has_uid && self.has_timegenerated
    }

    fn fill(&mut self, mut entries: Vec<Entry<'a>>) -> Result<(), ParseError> {
        let mut others = Vec::new();
        self.is_gelf = is_gelf(&entries);
        if self.is_gelf {
            entries.retain(|entry| entry.key != "version");
        }
        for entry in entries {
            match own_name(&entry.key) {
                Some(name) => self.own(name, entry)?,
                None => flatten(entry, &mut others),
            }
        }
        // Which alias is nearest to the top of the table decides, not which came first.
        let mut chosen: Vec<(usize, usize)> = Vec::new();
        for (i, entry) in others.iter().enumerate() {
            if let Some(rank) = ALIASES.iter().position(|(alias, _)| *alias == entry.key) {
                chosen.push((rank, i));
            }
        }
        chosen.sort_unstable();
        let mut taken: Vec<Option<Entry<'a>>> = others.into_iter().map(Some).collect();
        for (rank, i) in chosen {
            let Some((_, name)) = ALIASES.get(rank) else { continue };
            if self.seen.contains(name) {
                continue;
            }
            if let Some(slot) = taken.get_mut(i)
                && let Some(entry) = slot.take()
            {
                match self.core(name, entry.value) {
                    Ok(()) => self.seen.push(name),
                    // An alias is a guess; it is never refused.
                    Err((value, _)) => *slot = Some(Entry { value, ..entry }),
                }
            }
        }
        for entry in taken.into_iter().flatten() {
            self.field(entry)?;
        }
        self.finish();
        Ok(())
    }

    /// An entry under one of loggr's own names.
    fn own(&mut self, name: &'static str, entry: Entry<'a>) -> Result<(), ParseError> {
        let Entry { key, value, at } = entry;
        if matches!(value, Value::Null) {
            return Ok(());
        }
        let result = if self.seen.contains(&name) {
            Err((value, "each name once"))
        } else if ONLY_LOGGR.contains(&name) {
            self.has_uid |= name == "uid" && is_uid(&value);
            self.has_timegenerated |= name == "timegenerated";
            if !self.trusted {
                return self.flat_field(Entry { key, value, at });
            }
            self.loggrs(name, value)
        } else {
            self.core(name, value)
        };
        match result {
            Ok(()) => {
                self.seen.push(name);
                Ok(())
            }
            Err((_, expected)) if self.door == Door::Strict => {
                Err(ParseError::new(self.format, at, expected))
            }
            Err((value, _)) => self.flat_field(Entry { key, value, at }),
        }
    }

    /// Takes an entry that any sender may set.
    fn core(&mut self, name: &str, value: Value<'a>) -> Result<(), Unfit<'a>> {
        match name {
            "timereported" => {
                let (stamp, cut) = match self.stamp(&value) {
                    Some(found) => found,
                    None => return Err((value, "a stamp")),
                };
                // A field keeps the digits that a timestamp cannot.
                if cut && let Ok(text) = value.into_text() {
                    self.event.add_field_value("timereported", text);
                    self.event.defects.insert(Defect::TimestampCut);
                }
                self.event.timereported = stamp;
            }
            "severity" => match severity(&value) {
                Some(severity) => self.event.severity = severity,
                None => return Err((value, "a severity")),
            },
            "facility" => match facility(&value) {
                Some(facility) => self.event.facility = facility,
                None => return Err((value, "a facility")),
            },
            "structured_data" => self.event.structured_data = structured_data(value)?,
            "fields" => return self.fields(value),
            _ => {
                let text = value.into_text().map_err(|value| (value, "a text"))?;
                match name {
                    "source" => self.event.source = text,
                    "app_name" => self.event.app_name = text,
                    "procid" => self.event.procid = text,
                    "msgid" => self.event.msgid = text,
                    "message" => self.event.message = text,
                    _ => return Err((Value::Text(text), "a known name")),
                }
            }
        }
        Ok(())
    }

    /// Takes an entry that only a trusted loggr may set.
    fn loggrs(&mut self, name: &str, value: Value<'a>) -> Result<(), Unfit<'a>> {
        let event = &mut *self.event;
        match name {
            "uid" => match &value {
                Value::Text(text) => event.uid = Uid::parse(text).ok_or((value, "a uid"))?,
                Value::Bytes(bytes) => match <[u8; 16]>::try_from(*bytes) {
                    Ok(bytes) => event.uid = Uid::from_bytes(bytes),
                    Err(_) => return Err((value, "a uid")),
                },
                _ => return Err((value, "a uid")),
            },
            "timegenerated" | "timehmac" => match self.stamp(&value) {
                Some((stamp, _)) if name == "timehmac" => self.event.timehmac = Some(stamp),
                Some((stamp, _)) if is_believable(stamp, self.clock.now, self.from) => {
                    self.event.timegenerated = stamp;
                }
                Some(_) => {
                    self.has_bad_time = true;
                    return Err((value, "a time of reception that is neither far ahead nor long ago"));
                }
                None => {
                    self.has_bad_time |= name == "timegenerated";
                    return Err((value, "a stamp"));
                }
            },
            "tags" => match value {
                Value::List(tags) if tags.len() <= MAX_TAGS => {
                    for tag in tags {
                        event.tags.push(tag.into_field_text());
                    }
                    event.tags.sort_unstable();
                    event.tags.dedup();
                }
                other => return Err((other, "a list of at most 1024 tags")),
            },
            "trusted" => match value {
                Value::Map(entries) if entries.len() <= MAX_FIELDS => {
                    event.trusted.extend(
                        entries
                            .into_iter()
                            .map(|e| TrustedField { name: e.key, value: e.value.into_field_text() }),
                    );
                }
                other => return Err((other, "an object")),
            },
            "origin" => event.origin = Some(Cow::Owned(origin(value)?)),
            "defects" => self.defects = Some(defects(&value).ok_or((value, "a list of defects"))?),
            "raw" => match &value {
                Value::Bytes(bytes) => event.raw = Some(Cow::Borrowed(bytes)),
                Value::Text(text) => match STANDARD.decode(text.as_bytes()) {
                    Ok(raw) => event.raw = Some(Cow::Owned(raw)),
                    Err(_) => return Err((value, "base64")),
                },
                _ => return Err((value, "base64")),
            },
            "original_len" => match value.as_i64().and_then(|n| u64::try_from(n).ok()) {
                Some(len) => event.original_len = Some(len),
                None => return Err((value, "a length")),
            },
            _ => event.hmac = Some(value.into_text().map_err(|value| (value, "a text"))?),
        }
        Ok(())
    }

    /// A stamp as text, as a number of seconds or finer, or as `[micros, offset]`; and
    /// whether digits were cut.
    fn stamp(&self, value: &Value<'_>) -> Option<(Timestamp, bool)> {
        match value {
            Value::Text(text) | Value::Number(text) => {
                if let Some(stamp) = Timestamp::parse_rfc3339(text.as_bytes()) {
                    return Some((stamp, false));
                }
                let found = stamp::scan(text.as_bytes(), self.clock)?;
                (found.end == text.len()).then_some((found.time, found.cut))
            }
            Value::List(parts) => match parts.as_slice() {
                [micros, offset] => {
                    let offset = i16::try_from(offset.as_i64()?).ok()?;
                    Some((Timestamp::with_offset(micros.as_i64()?, offset), false))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn fields(&mut self, value: Value<'a>) -> Result<(), Unfit<'a>> {
        let Value::Map(entries) = value else { return Err((value, "an object")) };
        if entries.len() > MAX_FIELDS {
            return Err((Value::Map(entries), "at most 1024 fields"));
        }
        for Entry { key, value, .. } in entries {
            match value {
                Value::Null => {}
                Value::List(values) => extend_field(self.event, key, values),
                other => self.event.add_field_value(key, other.into_field_text()),
            }
        }
        Ok(())
    }

    fn flat_field(&mut self, entry: Entry<'a>) -> Result<(), ParseError> {
        let mut flat = Vec::new();
        flatten(entry, &mut flat);
        flat.into_iter().try_for_each(|entry| self.field(entry))
    }

    fn field(&mut self, entry: Entry<'a>) -> Result<(), ParseError> {
        let Entry { mut key, value, at } = entry;
        if self.is_gelf && key.len() > 1 && key.starts_with('_') {
            key = match key {
                Cow::Borrowed(key) => Cow::Borrowed(key.get(1..).unwrap_or(key)),
                Cow::Owned(key) => Cow::Owned(key.get(1..).unwrap_or(&key).to_owned()),
            };
        }
        let known = self.event.fields.iter().any(|f: &Field<'_>| f.name == key);
        if !known && self.event.fields.len() >= MAX_FIELDS {
            return Err(ParseError::new(self.format, at, "at most 1024 fields"));
        }
        match value {
            Value::Null => {}
            Value::List(values) => extend_field(self.event, key, values),
            value => self.event.add_field_value(key, value.into_field_text()),
        }
        Ok(())
    }

    /// Drops what loggr derives anyway, and notes what was missing.
    fn finish(&mut self) {
        if matches!(self.event.field("programname"), [value] if value == self.event.programname()) {
            self.event.remove_field("programname");
        }
        if matches!(self.event.field("syslogtag"), [value] if *value == self.event.syslogtag()) {
            self.event.remove_field("syslogtag");
        }
        // Documents of search servers say it twice.
        if let [value] = self.event.field("@timestamp")
            && Timestamp::parse_rfc3339(value.as_bytes()) == Some(self.event.timereported)
        {
            self.event.remove_field("@timestamp");
        }
        if let Some(defects) = self.defects {
            self.event.defects = defects;
        }
        if self.has_bad_time {
            self.event.defects.insert(Defect::BadTimegenerated);
        }
        if self.defects.is_some() {
            return;
        }
        if !self.seen.contains(&"timereported") {
            self.event.defects.insert(Defect::NoTimestamp);
        }
        if !self.seen.contains(&"severity") && !self.seen.contains(&"facility") {
            self.event.defects.insert(Defect::NoPriority);
        }
    }
}

/// Is it a message of GELF?
fn is_gelf(entries: &[Entry<'_>]) -> bool {
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    let is_version = |entry: &Entry<'_>| {
        entry.key == "version"
            && matches!(&entry.value, Value::Text(text) if matches!(text.as_ref(), "1.0" | "1.1"))
    };
    entries.iter().any(is_version) && has("host") && has("short_message")
}

fn is_uid(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => Uid::parse(text).is_some(),
        Value::Bytes(bytes) => bytes.len() == 16,
        _ => false,
    }
}

/// Adds values to a field; none, where the list is empty.
fn extend_field<'a>(event: &mut Event<'a>, name: Cow<'a, str>, values: Vec<Value<'a>>) {
    let mut values = values.into_iter().map(Value::into_field_text);
    let Some(first) = values.next() else { return };
    event.add_field_value(name.clone(), first);
    if let Some(field) = event.fields.iter_mut().find(|f| f.name == name) {
        field.values.extend(values);
    }
}

/// Takes nested objects apart; names are joined by dots. Lists stay, and so does what
/// stands under a name that is too long to be repeated.
fn flatten<'a>(entry: Entry<'a>, out: &mut Vec<Entry<'a>>) {
    match entry.value {
        Value::Map(entries) if !entries.is_empty() && entry.key.len() <= MAX_NESTED_NAME_BYTES => {
            for Entry { key, value, at } in entries {
                flatten(Entry { key: Cow::Owned(format!("{}.{key}", entry.key)), value, at }, out);
            }
        }
        value => out.push(Entry { value, ..entry }),
    }
}

/// A keyword, a code, or a level of bunyan and pino (10 trace … 60 fatal).
fn severity(value: &Value<'_>) -> Option<Severity> {
    match value {
        Value::Number(text) => Some(match text.parse::<u8>().ok()? {
            code @ 0..=7 => Severity::from_code(code)?,
            10 | 20 => Severity::Debug,
            30 => Severity::Informational,
            40 => Severity::Warning,
            50 => Severity::Error,
            60 => Severity::Critical,
            _ => return None,
        }),
        Value::Text(text) => Severity::from_name(text),
        _ => None,
    }
}

fn facility(value: &Value<'_>) -> Option<Facility> {
    match value {
        Value::Number(text) | Value::Text(text) => Facility::from_name(text),
        _ => None,
    }
}

/// `{id: {name: value or [value, …]}}`, or `[[id, [[name, value], …]], …]`.
fn structured_data<'a>(value: Value<'a>) -> Result<Vec<SdElement<'a>>, Unfit<'a>> {
    const EXPECTED: &str = "structured data";
    let fits = match &value {
        Value::Map(elements) => elements.iter().all(|e| matches!(e.value, Value::Map(_))),
        Value::List(elements) => elements.iter().all(|e| match e {
            Value::List(pair) => matches!(pair.as_slice(), [Value::Text(_), Value::List(params)]
                if params.iter().all(|p| matches!(p, Value::List(pair) if pair.len() == 2))),
            _ => false,
        }),
        _ => false,
    };
    if !fits || count_params(&value) > 4 * MAX_SD_PARAMS {
        return Err((value, EXPECTED));
    }
    Ok(match value {
        Value::Map(elements) => elements
            .into_iter()
            .map(|Entry { key: id, value, .. }| {
                let mut params = Vec::new();
                if let Value::Map(entries) = value {
                    for Entry { key: name, value, .. } in entries {
                        let values = if let Value::List(values) = value { values } else { vec![value] };
                        for value in values {
                            params.push(SdParam { name: name.clone(), value: value.into_field_text() });
                        }
                    }
                }
                SdElement { id, params }
            })
            .collect(),
        Value::List(elements) => elements
            .into_iter()
            .filter_map(|element| {
                let Value::List(pair) = element else { return None };
                let [id, params] = <[Value<'a>; 2]>::try_from(pair).ok()?;
                let Value::List(params) = params else { return None };
                let param = |param| {
                    let Value::List(pair) = param else { return None };
                    let [name, value] = <[Value<'a>; 2]>::try_from(pair).ok()?;
                    Some(SdParam { name: name.into_field_text(), value: value.into_field_text() })
                };
                Some(SdElement {
                    id: id.into_field_text(),
                    params: params.into_iter().filter_map(param).collect(),
                })
            })
            .collect(),
        _ => Vec::new(),
    })
}

/// How many ids, names and values structured data has.
fn count_params(value: &Value<'_>) -> usize {
    match value {
        Value::Map(entries) => entries.iter().map(|e| 1 + count_params(&e.value)).sum(),
        Value::List(values) => values.iter().map(|v| 1 + count_params(v)).sum(),
        _ => 0,
    }
}

fn defects(value: &Value<'_>) -> Option<Defects> {
    match value {
        Value::Number(_) => Some(Defects::from_bits(u16::try_from(value.as_i64()?).ok()?)),
        Value::List(words) => {
            let mut defects = Defects::default();
            // Words that this version does not know are skipped.
            words.iter().filter_map(|w| Defect::from_word(w.as_str()?)).for_each(|d| defects.insert(d));
            Some(defects)
        }
        _ => None,
    }
}

fn origin<'a>(value: Value<'a>) -> Result<Origin, Unfit<'a>> {
    let Value::Map(entries) = &value else { return Err((value, "an object")) };
    let mut origin = Origin::default();
    for Entry { key, value, .. } in entries {
        let text = || value.as_str().unwrap_or_default();
        match key.as_ref() {
            "listener" => origin.listener = text().to_owned(),
            "transport" => origin.transport = Transport::from_keyword(text()).unwrap_or_default(),
            "peer" => origin.peer = text().to_owned(),
            "tls_name" => origin.tls_name = value.as_str().map(str::to_owned),
            "trusted" => origin.trusted = *value == Value::Bool(true),
            "format" => origin.format = InputFormat::from_keyword(text()).unwrap_or_default(),
            "timezone" => origin.timezone = text().to_owned(),
            "keep_leading_blank" => origin.keep_leading_blank = *value == Value::Bool(true),
            _ => {}
        }
    }
    Ok(origin)
}

#[cfg(test)]
mod tests;
