//! Rows as events.
//!
//! Invariant: the event is equal to the one that `encode` was given, whatever columns have been
//! promoted since.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use loggr_event::{Defects, Event, Facility, Field, Origin, Severity, Timestamp, Uid};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::layout::{from_wire, join_peer};
use super::schema::{COLUMNS, Promoted, PromotedKind};
use super::text;
use crate::{ErrorKind, StoreError, rest};

/// A value as the protocol has it.
struct Raw<'r>(&'r [u8]);

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Raw<'r>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A time in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Micros(pub(super) i64);

impl<'r> FromSql<'r> for Micros {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Micros, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Micros(from_wire(i64::from_be_bytes(raw.try_into()?))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

/// Days since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Day(pub(super) i64);

impl<'r> FromSql<'r> for Day {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Day, Box<dyn std::error::Error + Sync + Send>> {
        // The protocol counts from 2000-01-01.
        Ok(Day(i64::from(i32::from_be_bytes(raw.try_into()?)) + 10_957))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::DATE
    }
}

/// The bytes of a uid.
#[derive(Clone, Copy, Debug)]
pub(super) struct UidValue(pub(super) Uid);

impl<'r> FromSql<'r> for UidValue {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<UidValue, Box<dyn std::error::Error + Sync + Send>> {
        Ok(UidValue(Uid::from_bytes(raw.try_into()?)))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }
}

/// Makes events of the rows of one question.
pub(super) struct Decoder<'q> {
    pub(super) promoted: &'q [Promoted],
    pub(super) origins: &'q HashMap<i32, Origin>,
}

impl Decoder<'_> {
    pub(super) fn event(&self, row: &Row) -> Result<Event<'static>, StoreError> {
        self.read(row).ok_or_else(|| {
            StoreError::new(ErrorKind::Corrupt, "a row of the database is not as loggr writes them")
        })
    }

    fn read(&self, row: &Row) -> Option<Event<'static>> {
        let mut columns = Columns { row, at: 0 };
        let generated = columns.time()?;
        let reported = columns.time()?;
        let uid = Uid::from_bytes(columns.next()??.try_into().ok()?);
        let origin = columns.int4()?;
        let defects = columns.int4()?.unwrap_or(0);
        let port = columns.int4()?.and_then(|port| u16::try_from(port).ok());
        let severity = columns.int2()?.and_then(|code| u8::try_from(code).ok());
        let facility = columns.int2()?.and_then(|code| u8::try_from(code).ok());
        let offset = columns.int2()?.unwrap_or(0);
        let mut event = Event {
            uid,
            timegenerated: Timestamp::from_unix_micros(generated),
            timereported: Timestamp::with_offset(reported, offset),
            severity: severity.and_then(Severity::from_code)?,
            facility: facility.and_then(Facility::from_code)?,
            source: columns.text()?,
            app_name: columns.text()?,
            procid: columns.text()?,
            msgid: columns.text()?,
            message: columns.text()?,
            defects: Defects::from_bits(u16::try_from(defects).ok()?),
            ..Event::default()
        };
        let peer = columns.text()?;
        if let Some(id) = origin {
            // If a failover or a restore has lost an origin, the event lacks only that.
            let mut shared = self.origins.get(&id).cloned().unwrap_or_default();
            if shared.peer.is_empty() {
                shared.peer = join_peer(&peer, port);
            }
            event.origin = Some(Cow::Owned(shared));
        }
        if let Some(tags) = columns.next()? {
            event.tags = texts(tags)?;
        }
        let document = columns.next()?;
        // Structured data and trusted fields are read from `rest`, which keeps their order.
        columns.at += 2;
        let order = columns.next()?;
        let rest = columns.next()?;
        columns.at = COLUMNS.len();
        for column in self.promoted {
            if let Some(bytes) = columns.next()? {
                let value = promoted(column.kind, bytes)?;
                let name = Cow::Owned(column.name.clone());
                event.fields.push(Field { name, values: vec![Cow::Owned(value)] });
            }
        }
        if let Some(document) = document {
            event.fields.extend(fields(json(document)?)?);
        }
        let in_columns = event.fields.len();
        if let Some(rest) = rest {
            rest::read(std::str::from_utf8(rest).ok()?, &mut event).ok()?;
        }
        if event.fields.len() > in_columns {
            event.fields.drain(..in_columns);
        } else if let Some(order) = order {
            event.fields = in_order(std::mem::take(&mut event.fields), order)?;
        }
        Some(event)
    }
}

/// The columns of a row, one after the other.
struct Columns<'r> {
    row: &'r Row,
    at: usize,
}

impl<'r> Columns<'r> {
    /// `None`: there is no such column. `Some(None)`: it is null.
    fn next(&mut self) -> Option<Option<&'r [u8]>> {
        let value: Option<Raw<'r>> = self.row.try_get(self.at).ok()?;
        self.at += 1;
        Some(value.map(|raw| raw.0))
    }

    fn time(&mut self) -> Option<i64> {
        Some(from_wire(i64::from_be_bytes(self.next()??.try_into().ok()?)))
    }

    fn int4(&mut self) -> Option<Option<i32>> {
        match self.next()? {
            Some(bytes) => Some(Some(i32::from_be_bytes(bytes.try_into().ok()?))),
            None => Some(None),
        }
    }

    fn int2(&mut self) -> Option<Option<i16>> {
        match self.next()? {
            Some(bytes) => Some(Some(i16::from_be_bytes(bytes.try_into().ok()?))),
            None => Some(None),
        }
    }

    fn text(&mut self) -> Option<Cow<'static, str>> {
        match self.next()? {
            Some(bytes) => Some(own(std::str::from_utf8(bytes).ok()?)),
            None => Some(Cow::Borrowed("")),
        }
    }
}

fn own(stored: &str) -> Cow<'static, str> {
    Cow::Owned(text::decode(stored).into_owned())
}

fn json(document: &[u8]) -> Option<&str> {
    let (version, json) = document.split_first()?;
    (*version == 1).then(|| std::str::from_utf8(json).ok()).flatten()
}

/// The texts of an array.
fn texts(mut array: &[u8]) -> Option<Vec<Cow<'static, str>>> {
    let mut word = || {
        let (head, rest) = array.split_first_chunk::<4>()?;
        array = rest;
        Some(i32::from_be_bytes(*head))
    };
    let dimensions = word()?;
    word()?;
    word()?;
    if dimensions == 0 {
        return Some(Vec::new());
    }
    let count = usize::try_from(word()?).ok()?;
    word()?;
    let mut texts = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        let (head, rest) = array.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(i32::from_be_bytes(*head)).ok()?)?;
        texts.push(own(std::str::from_utf8(bytes).ok()?));
        array = rest;
    }
    Some(texts)
}

fn promoted(kind: PromotedKind, bytes: &[u8]) -> Option<String> {
    Some(match kind {
        PromotedKind::Text => text::decode(std::str::from_utf8(bytes).ok()?).into_owned(),
        PromotedKind::Integer => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        PromotedKind::Float => f64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        PromotedKind::Inet => match bytes {
            [2, _, _, 4, rest @ ..] => IpAddr::from(<[u8; 4]>::try_from(rest).ok()?).to_string(),
            [_, _, _, 16, rest @ ..] => IpAddr::from(<[u8; 16]>::try_from(rest).ok()?).to_string(),
            _ => return None,
        },
    })
}

/// The members of the document, in its order; numbers with the text that they have there.
fn fields(json: &str) -> Option<Vec<Field<'static>>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<Field<'static>>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                let values = match value.get().as_bytes().first() {
                    Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(value.get())
                        .map_err(serde::de::Error::custom)?
                        .into_iter()
                        .map(scalar)
                        .collect::<Result<_, _>>()
                        .map_err(serde::de::Error::custom)?,
                    _ => vec![scalar(value).map_err(serde::de::Error::custom)?],
                };
                fields.push(Field { name: own(&name), values });
            }
            Ok(fields)
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_map(Members).ok()
}

fn scalar(value: &RawValue) -> Result<Cow<'static, str>, serde_json::Error> {
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Cow<'_, str>>(value.get()).map(|text| own(&text)),
        _ => Ok(Cow::Owned(value.get().to_owned())),
    }
}

/// The fields in the order that the event had them: `order` says the place of each.
fn in_order(fields: Vec<Field<'static>>, order: &[u8]) -> Option<Vec<Field<'static>>> {
    let mut places: Vec<Option<Field<'static>>> = fields.into_iter().map(Some).collect();
    if places.len() != order.len() {
        // A value was moved or removed by hand: what is there is given as it is.
        return Some(places.into_iter().flatten().collect());
    }
    order.iter().map(|place| places.get_mut(usize::from(*place))?.take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: &[(&str, &[&str])]) {
        let fields = fields(json).unwrap();
        let got: Vec<(&str, Vec<&str>)> =
            fields.iter().map(|f| (&*f.name, f.values.iter().map(|v| &**v).collect())).collect();
        let expect: Vec<(&str, Vec<&str>)> = expect.iter().map(|(n, v)| (*n, v.to_vec())).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn the_document_of_fields() {
        check("{}", &[]);
        check(
            r#"{"a": 7.0, "b": "x\ny", "c": ["1", 0.50, "\u0010\u0001"]}"#,
            &[("a", &["7.0"]), ("b", &["x\ny"]), ("c", &["1", "0.50", "\0"])],
        );
        assert!(fields("[]").is_none());
    }

    #[test]
    fn order_is_restored() {
        let field = |name: &'static str| Field { name: name.into(), values: vec!["".into()] };
        let ordered = in_order(vec![field("a"), field("b"), field("c")], &[2, 0, 1]).unwrap();
        assert_eq!(ordered.iter().map(|f| &*f.name).collect::<Vec<_>>(), ["c", "a", "b"]);
        assert_eq!(in_order(vec![field("a")], &[0, 1]).unwrap().len(), 1);
        assert!(in_order(vec![field("a"), field("b")], &[0, 0]).is_none());
    }
}
