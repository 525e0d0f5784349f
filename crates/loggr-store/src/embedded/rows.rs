//! Events to columns and back.
//!
//! Invariant: `Decoder` gives back an event equal to the one that `encode` was given,
//! whatever columns the file has. Not here: which columns a file has (`schema`), files.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Float64Builder, Int16Builder, Int64Builder, StringBuilder,
    StringDictionaryBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt32Builder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int16Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use loggr_event::{Event, Facility, Field, Origin, Severity, Timestamp, Uid};

use super::schema::{FieldColumns, core};
use crate::hash::{FastMap, NameMap};
use crate::looks::{FieldKind, canonical_float, canonical_integer};
use crate::{StoreError, rest};

type Words = StringDictionaryBuilder<Int32Type>;

enum FieldBuilder<'e> {
    Integer(Int64Builder),
    Float(Float64Builder),
    Ip4(UInt32Builder),
    Ip(FixedSizeBinaryBuilder),
    Word(Interned<'e>),
    Text(StringBuilder),
}

impl<'e> FieldBuilder<'e> {
    fn new(kind: FieldKind, rows: usize) -> FieldBuilder<'e> {
        match kind {
            FieldKind::Integer => FieldBuilder::Integer(Int64Builder::with_capacity(rows)),
            FieldKind::Float => FieldBuilder::Float(Float64Builder::with_capacity(rows)),
            FieldKind::Ip4 => FieldBuilder::Ip4(UInt32Builder::with_capacity(rows)),
            FieldKind::Ip => FieldBuilder::Ip(FixedSizeBinaryBuilder::with_capacity(rows, 16)),
            FieldKind::Word => FieldBuilder::Word(Interned::new(rows)),
            FieldKind::Text => FieldBuilder::Text(StringBuilder::new()),
        }
    }

    /// False where the text does not fit the type; nothing was appended then.
    fn append(&mut self, value: &'e str) -> bool {
        match self {
            FieldBuilder::Integer(b) => canonical_integer(value).map(|v| b.append_value(v)).is_some(),
            FieldBuilder::Float(b) => canonical_float(value).map(|v| b.append_value(v)).is_some(),
            FieldBuilder::Ip4(b) => value.parse::<Ipv4Addr>().map(|v| b.append_value(v.into())).is_ok(),
            FieldBuilder::Ip(b) => ip_bytes(value).is_some_and(|v| b.append_value(v).is_ok()),
            FieldBuilder::Word(b) => {
                b.push(value);
                true
            }
            FieldBuilder::Text(b) => {
                b.append_value(value);
                true
            }
        }
    }

    fn append_null(&mut self) {
        match self {
            FieldBuilder::Integer(b) => b.append_null(),
            FieldBuilder::Float(b) => b.append_null(),
            FieldBuilder::Ip4(b) => b.append_null(),
            FieldBuilder::Ip(b) => b.append_null(),
            FieldBuilder::Word(b) => b.keys.push(None),
            FieldBuilder::Text(b) => b.append_null(),
        }
    }

    fn finish(self) -> Result<ArrayRef, arrow_schema::ArrowError> {
        Ok(match self {
            FieldBuilder::Integer(mut b) => Arc::new(b.finish()),
            FieldBuilder::Float(mut b) => Arc::new(b.finish()),
            FieldBuilder::Ip4(mut b) => Arc::new(b.finish()),
            FieldBuilder::Ip(mut b) => Arc::new(b.finish()),
            FieldBuilder::Word(b) => b.finish()?,
            FieldBuilder::Text(mut b) => Arc::new(b.finish()),
        })
    }
}

/// The 16 bytes of an address; IPv4 as `::ffff:a.b.c.d`.
pub(crate) fn ip_bytes(value: &str) -> Option<[u8; 16]> {
    match value.parse().ok()? {
        std::net::IpAddr::V4(v4) => Some(v4.to_ipv6_mapped().octets()),
        std::net::IpAddr::V6(v6) => v6.to_ipv4_mapped().is_none().then(|| v6.octets()),
    }
}

/// The text that [`ip_bytes`] was made of.
pub(crate) fn ip_text(bytes: [u8; 16]) -> String {
    let address = Ipv6Addr::from(bytes);
    match address.to_ipv4_mapped() {
        Some(v4) => v4.to_string(),
        None => address.to_string(),
    }
}

/// A column with a dictionary that interns by hash once per distinct value.
struct Interned<'e> {
    ids: FastMap<&'e str, i32>,
    values: Vec<&'e str>,
    keys: Vec<Option<i32>>,
    last: Option<(&'e str, i32)>,
}

impl<'e> Interned<'e> {
    fn new(rows: usize) -> Interned<'e> {
        Interned { ids: FastMap::default(), values: Vec::new(), keys: Vec::with_capacity(rows), last: None }
    }

    fn push(&mut self, value: &'e str) {
        let key = match self.last {
            Some((last, key)) if last == value => key,
            _ => {
                let next = self.values.len() as i32;
                let key = *self.ids.entry(value).or_insert(next);
                if key == next {
                    self.values.push(value);
                }
                self.last = Some((value, key));
                key
            }
        };
        self.keys.push(Some(key));
    }

    fn push_non_empty(&mut self, value: &'e str) {
        if value.is_empty() { self.keys.push(None) } else { self.push(value) }
    }

    fn finish(self) -> Result<ArrayRef, arrow_schema::ArrowError> {
        dictionary(self.keys, self.values)
    }
}

fn dictionary<S: AsRef<str>>(
    keys: Vec<Option<i32>>,
    values: Vec<S>,
) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let values = StringArray::from_iter_values(values);
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys.into_iter().collect(), Arc::new(values))?))
}

/// The JSON texts of a column, made once for each distinct value.
struct Written<'e, K: std::hash::Hash + Eq> {
    ids: FastMap<&'e K, i32>,
    values: Vec<String>,
    keys: Vec<Option<i32>>,
    last: Option<(&'e K, i32)>,
}

impl<'e, K: std::hash::Hash + Eq> Written<'e, K> {
    fn new(rows: usize) -> Written<'e, K> {
        Written { ids: FastMap::default(), values: Vec::new(), keys: Vec::with_capacity(rows), last: None }
    }

    fn push(&mut self, value: Option<&'e K>, write: impl FnOnce(&K) -> String) {
        let Some(value) = value else { return self.keys.push(None) };
        if let Some((last, key)) = self.last
            && last == value
        {
            return self.keys.push(Some(key));
        }
        let next = self.values.len() as i32;
        let key = *self.ids.entry(value).or_insert(next);
        if key == next {
            self.values.push(write(value));
        }
        self.last = Some((value, key));
        self.keys.push(Some(key));
    }
}

/// Events as one record batch of the schema of `columns`.
pub(crate) fn encode(
    events: &[&Event<'_>],
    columns: &FieldColumns,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let rows = events.len();
    let mut time = TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
    let mut reported = TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
    let mut reported_offset = Int16Builder::with_capacity(rows);
    let (mut severity, mut facility) = (UInt8Builder::with_capacity(rows), UInt8Builder::with_capacity(rows));
    let (mut app, mut source, mut msgid) = (Interned::new(rows), Interned::new(rows), Interned::new(rows));
    let text_bytes = events.iter().map(|e| e.message.len()).sum();
    let (mut procid, mut message) = (StringBuilder::new(), StringBuilder::with_capacity(rows, text_bytes));
    let (mut tags, mut origin) = (Written::new(rows), Written::new(rows));
    let mut order = Words::new();
    let mut rest_column = StringBuilder::new();
    let (mut uid_high, mut uid_low) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut builders: Vec<FieldBuilder<'_>> =
        columns.columns.iter().map(|c| FieldBuilder::new(c.kind, rows)).collect();
    let positions: NameMap<usize> =
        columns.columns.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect();
    let mut filled = vec![0u32; builders.len()];

    for (row, event) in events.iter().enumerate() {
        let stamp = row as u32 + 1;
        time.append_value(event.timegenerated.unix_micros());
        if event.timereported.unix_micros() == event.timegenerated.unix_micros() {
            reported.append_null();
        } else {
            reported.append_value(event.timereported.unix_micros());
        }
        match event.timereported.offset_minutes() {
            0 => reported_offset.append_null(),
            offset => reported_offset.append_value(offset),
        }
        severity.append_value(event.severity.code());
        facility.append_value(event.facility.code());
        app.push(&event.app_name);
        source.push(&event.source);
        msgid.push_non_empty(&event.msgid);
        if event.procid.is_empty() {
            procid.append_null()
        } else {
            procid.append_value(&event.procid)
        }
        message.append_value(&event.message);
        tags.push((!event.tags.is_empty()).then_some(&event.tags), json);
        origin.push(event.origin.as_deref(), json);
        let (high, low) = halves(event.uid);
        uid_high.push(high);
        uid_low.push(low);

        let mut in_rest: Vec<&Field<'_>> = Vec::new();
        let (mut in_order, mut last, mut next) = (true, 0, 0);
        for field in &event.fields {
            let column = match &field.values[..] {
                [value] => {
                    // In column order, as a rule: the next column is the likely one.
                    let guess = columns
                        .columns
                        .iter()
                        .skip(next)
                        .position(|c| c.name == field.name)
                        .map(|i| i + next);
                    guess.or_else(|| positions.get(&*field.name).copied()).filter(|c| {
                        let free = filled.get(*c).is_some_and(|f| *f != stamp);
                        free && builders.get_mut(*c).is_some_and(|b| b.append(value))
                    })
                }
                _ => None,
            };
            match column {
                Some(column) => {
                    in_order &= in_rest.is_empty() && column >= last;
                    (filled[column], last, next) = (stamp, column, column + 1);
                }
                None => in_rest.push(field),
            }
        }
        for (builder, filled) in builders.iter_mut().zip(&filled) {
            if *filled != stamp {
                builder.append_null();
            }
        }
        if in_order {
            order.append_null();
        } else {
            order.append_value(json(&event.fields.iter().map(|f| &*f.name).collect::<Vec<_>>()));
        }
        rest_column.append_option(rest::write(event, &in_rest));
    }

    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(time.finish()),
        Arc::new(reported.finish()),
        Arc::new(reported_offset.finish()),
        Arc::new(severity.finish()),
        Arc::new(facility.finish()),
        app.finish()?,
        source.finish()?,
        Arc::new(procid.finish()),
        msgid.finish()?,
        Arc::new(message.finish()),
        dictionary(tags.keys, tags.values)?,
        dictionary(origin.keys, origin.values)?,
        Arc::new(order.finish()),
        Arc::new(rest_column.finish()),
        Arc::new(UInt64Array::from(uid_high)),
        Arc::new(UInt64Array::from(uid_low)),
    ];
    for builder in builders {
        arrays.push(builder.finish()?);
    }
    RecordBatch::try_new(columns.arrow(), arrays)
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("BUG: text always has a JSON form")
}

/// The array of a column as the type that the schema gives it.
pub(crate) fn column<T: Array + 'static>(array: &dyn Array) -> Result<&T, StoreError> {
    array.as_any().downcast_ref().ok_or_else(|| {
        StoreError::new(crate::ErrorKind::Corrupt, "a column has another type than the file's schema")
    })
}

/// A text column, with a dictionary or without.
pub(crate) enum TextColumn<'b> {
    Plain(&'b StringArray),
    Dictionary(&'b DictionaryArray<Int32Type>, &'b StringArray),
}

impl<'b> TextColumn<'b> {
    pub(crate) fn new(array: &'b dyn Array) -> Result<TextColumn<'b>, StoreError> {
        match array.as_any().downcast_ref::<DictionaryArray<Int32Type>>() {
            Some(words) => Ok(TextColumn::Dictionary(words, column(&**words.values())?)),
            None => Ok(TextColumn::Plain(column(array)?)),
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<&'b str> {
        match self {
            TextColumn::Plain(texts) => texts.is_valid(row).then(|| texts.value(row)),
            TextColumn::Dictionary(words, values) => words.key(row).map(|key| values.value(key)),
        }
    }
}

/// The text of one value of the column of a custom field, as it was received.
pub(crate) fn field_text<'b>(
    array: &'b dyn Array,
    kind: FieldKind,
    row: usize,
) -> Result<Option<Cow<'b, str>>, StoreError> {
    if array.is_null(row) {
        return Ok(None);
    }
    Ok(Some(match kind {
        FieldKind::Integer => Cow::Owned(column::<Int64Array>(array)?.value(row).to_string()),
        FieldKind::Float => Cow::Owned(column::<Float64Array>(array)?.value(row).to_string()),
        FieldKind::Ip4 => Cow::Owned(Ipv4Addr::from(column::<UInt32Array>(array)?.value(row)).to_string()),
        FieldKind::Ip => Cow::Owned(ip_text(sixteen(column::<FixedSizeBinaryArray>(array)?.value(row)))),
        FieldKind::Word | FieldKind::Text => match TextColumn::new(array)?.get(row) {
            Some(text) => Cow::Borrowed(text),
            None => return Ok(None),
        },
    }))
}

/// The two numbers that a uid is stored as: big-endian, so that their order is the uid's.
fn halves(uid: Uid) -> (u64, u64) {
    let wide = u128::from_be_bytes(*uid.as_bytes());
    ((wide >> 64) as u64, wide as u64)
}

/// The two columns of uids.
pub(crate) struct Uids<'b> {
    high: &'b [u64],
    low: &'b [u64],
}

impl<'b> Uids<'b> {
    pub(crate) fn new(high: &'b dyn Array, low: &'b dyn Array) -> Result<Uids<'b>, StoreError> {
        Ok(Uids { high: column::<UInt64Array>(high)?.values(), low: column::<UInt64Array>(low)?.values() })
    }

    /// Of a batch with all columns.
    pub(crate) fn of(batch: &'b RecordBatch) -> Result<Uids<'b>, StoreError> {
        Uids::new(&**batch.column(core::UID_HIGH), &**batch.column(core::UID_LOW))
    }

    pub(crate) fn get(&self, row: usize) -> Uid {
        let half = |half: &[u64]| u128::from(half.get(row).copied().unwrap_or_default());
        Uid::from_bytes((half(self.high) << 64 | half(self.low)).to_be_bytes())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        (0..self.high.len()).map(|row| self.get(row))
    }
}

/// 16 bytes of a column of that width.
pub(crate) fn sixteen(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().unwrap_or_default()
}

/// Events of record batches that hold all columns.
pub(crate) struct Decoder {
    origins: NameMap<Origin>,
}

impl Decoder {
    pub(crate) fn new() -> Decoder {
        Decoder { origins: NameMap::default() }
    }

    /// The events of all rows.
    pub(crate) fn decode(
        &mut self,
        batch: &RecordBatch,
        columns: &FieldColumns,
    ) -> Result<Vec<Event<'static>>, StoreError> {
        let get = |i: usize| -> &dyn Array { &**batch.column(i) };
        if batch.num_columns() != core::FIELDS + columns.columns.len() {
            return Err(StoreError::new(
                crate::ErrorKind::Corrupt,
                "a file has other columns than its index says",
            ));
        }
        let time: &TimestampMicrosecondArray = column(get(core::TIME))?;
        let reported: &TimestampMicrosecondArray = column(get(core::TIMEREPORTED))?;
        let offset: &Int16Array = column(get(core::REPORTED_OFFSET))?;
        let severity: &UInt8Array = column(get(core::SEVERITY))?;
        let facility: &UInt8Array = column(get(core::FACILITY))?;
        let app = TextColumn::new(get(core::APP_NAME))?;
        let source = TextColumn::new(get(core::SOURCE))?;
        let procid = TextColumn::new(get(core::PROCID))?;
        let msgid = TextColumn::new(get(core::MSGID))?;
        let message = TextColumn::new(get(core::MESSAGE))?;
        let tags = TextColumn::new(get(core::TAGS))?;
        let origin = TextColumn::new(get(core::ORIGIN))?;
        let order = TextColumn::new(get(core::FIELD_ORDER))?;
        let rest_column = TextColumn::new(get(core::REST))?;
        let uids = Uids::new(get(core::UID_HIGH), get(core::UID_LOW))?;
        let text = |value: Option<&str>| Cow::Owned(value.unwrap_or_default().to_owned());
        let bad = |e: serde_json::Error| {
            StoreError::with(crate::ErrorKind::Corrupt, "a JSON column has no JSON", e)
        };

        let mut events = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let generated = time.value(row);
            let mut event = Event {
                uid: uids.get(row),
                timegenerated: Timestamp::from_unix_micros(generated),
                timereported: Timestamp::with_offset(
                    if reported.is_valid(row) { reported.value(row) } else { generated },
                    if offset.is_valid(row) { offset.value(row) } else { 0 },
                ),
                severity: Severity::from_code(severity.value(row)).unwrap_or_default(),
                facility: Facility::from_code(facility.value(row)).unwrap_or_default(),
                source: text(source.get(row)),
                app_name: text(app.get(row)),
                procid: text(procid.get(row)),
                msgid: text(msgid.get(row)),
                message: text(message.get(row)),
                ..Event::default()
            };
            for (i, field) in columns.columns.iter().enumerate() {
                if let Some(value) = field_text(get(core::FIELDS + i), field.kind, row)? {
                    event.fields.push(Field {
                        name: Cow::Owned(field.name.clone()),
                        values: vec![Cow::Owned(value.into_owned())],
                    });
                }
            }
            if let Some(json) = rest_column.get(row) {
                rest::read(json, &mut event).map_err(bad)?;
            }
            if let Some(json) = order.get(row) {
                let names: Vec<Cow<'_, str>> = serde_json::from_str(json).map_err(bad)?;
                event.fields.sort_by_key(|f| names.iter().position(|n| *n == f.name));
            }
            if let Some(json) = tags.get(row) {
                event.tags = serde_json::from_str(json).map_err(bad)?;
            }
            if let Some(json) = origin.get(row) {
                let origin = match self.origins.get(json) {
                    Some(origin) => origin.clone(),
                    None => {
                        let origin: Origin = serde_json::from_str(json).map_err(bad)?;
                        self.origins.insert(json.to_owned(), origin.clone());
                        origin
                    }
                };
                event.origin = Some(Cow::Owned(origin));
            }
            events.push(event);
        }
        Ok(events)
    }
}
