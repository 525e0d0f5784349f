//! Events to columns.
//!
//! `rows` makes events of columns again, and `schema` decides which custom fields have columns.
//! Everything without a column goes to the column `rest`.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Float64Builder, Int16Builder, Int64Builder, StringBuilder,
    StringDictionaryBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt32Builder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, RecordBatch, StringArray, UInt64Array};
use arrow_schema::ArrowError;
use loggr_event::{Event, Field, Origin, Uid};

use super::rows::ip_bytes;
use super::schema::{FieldColumn, FieldColumns};
use crate::hash::{FastMap, NameMap};
use crate::looks::{FieldKind, canonical_float, canonical_integer};
use crate::rest;

/// Events as one record batch of the schema of `columns`.
pub(crate) fn encode(events: &[&Event<'_>], columns: &FieldColumns) -> Result<RecordBatch, ArrowError> {
    let text_bytes = events.iter().map(|e| e.message.len()).sum();
    let mut core = CoreBuilders::new(events.len(), text_bytes);
    let mut fields = FieldBuilders::new(&columns.columns, events.len());
    let mut in_rest: Vec<&Field<'_>> = Vec::new();
    for event in events {
        core.push(event);
        in_rest.clear();
        let in_order = fields.push(event, &mut in_rest);
        core.push_rest(event, in_order, &in_rest);
    }
    let mut arrays = core.finish()?;
    for builder in fields.builders {
        arrays.push(builder.finish()?);
    }
    RecordBatch::try_new(columns.arrow(), arrays)
}

/// The columns that every file has.
struct CoreBuilders<'e> {
    time: TimestampMicrosecondBuilder,
    reported: TimestampMicrosecondBuilder,
    reported_offset: Int16Builder,
    severity: UInt8Builder,
    facility: UInt8Builder,
    app: Interned<'e>,
    source: Interned<'e>,
    procid: StringBuilder,
    msgid: Interned<'e>,
    message: StringBuilder,
    tags: Written<'e, Vec<Cow<'e, str>>>,
    origin: Written<'e, Origin>,
    order: StringDictionaryBuilder<Int32Type>,
    rest: StringBuilder,
    uid_high: Vec<u64>,
    uid_low: Vec<u64>,
}

impl<'e> CoreBuilders<'e> {
    fn new(rows: usize, text_bytes: usize) -> CoreBuilders<'e> {
        CoreBuilders {
            time: TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            reported: TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            reported_offset: Int16Builder::with_capacity(rows),
            severity: UInt8Builder::with_capacity(rows),
            facility: UInt8Builder::with_capacity(rows),
            app: Interned::new(rows),
            source: Interned::new(rows),
            procid: StringBuilder::new(),
            msgid: Interned::new(rows),
            message: StringBuilder::with_capacity(rows, text_bytes),
            tags: Written::new(rows),
            origin: Written::new(rows),
            order: StringDictionaryBuilder::new(),
            rest: StringBuilder::new(),
            uid_high: Vec::with_capacity(rows),
            uid_low: Vec::with_capacity(rows),
        }
    }

    #[inline]
    fn push(&mut self, event: &'e Event<'e>) {
        let (generated, reported) = (event.timegenerated.unix_micros(), event.timereported.unix_micros());
        self.time.append_value(generated);
        self.reported.append_option((reported != generated).then_some(reported));
        let offset = event.timereported.offset_minutes();
        self.reported_offset.append_option((offset != 0).then_some(offset));
        self.severity.append_value(event.severity.code());
        self.facility.append_value(event.facility.code());
        self.app.push(&event.app_name);
        self.source.push(&event.source);
        self.msgid.push_non_empty(&event.msgid);
        self.procid.append_option((!event.procid.is_empty()).then_some(&*event.procid));
        self.message.append_value(&event.message);
        self.tags.push((!event.tags.is_empty()).then_some(&event.tags), json);
        self.origin.push(event.origin.as_deref(), json);
        let (high, low) = halves(event.uid);
        self.uid_high.push(high);
        self.uid_low.push(low);
    }

    /// What has no column. `in_order`: the fields are read back in their order without it being said.
    #[inline]
    fn push_rest(&mut self, event: &Event<'_>, in_order: bool, in_rest: &[&Field<'_>]) {
        if in_order {
            self.order.append_null();
        } else {
            self.order.append_value(json(&event.fields.iter().map(|f| &*f.name).collect::<Vec<_>>()));
        }
        self.rest.append_option(rest::write(event, in_rest));
    }

    /// In the order of `schema::core`.
    fn finish(mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            Arc::new(self.time.finish()),
            Arc::new(self.reported.finish()),
            Arc::new(self.reported_offset.finish()),
            Arc::new(self.severity.finish()),
            Arc::new(self.facility.finish()),
            self.app.finish()?,
            self.source.finish()?,
            Arc::new(self.procid.finish()),
            self.msgid.finish()?,
            Arc::new(self.message.finish()),
            dictionary(self.tags.keys, self.tags.values)?,
            dictionary(self.origin.keys, self.origin.values)?,
            Arc::new(self.order.finish()),
            Arc::new(self.rest.finish()),
            Arc::new(UInt64Array::from(self.uid_high)),
            Arc::new(UInt64Array::from(self.uid_low)),
        ])
    }
}

/// The columns of custom fields.
struct FieldBuilders<'e> {
    columns: &'e [FieldColumn],
    builders: Vec<FieldBuilder<'e>>,
    positions: NameMap<usize>,
    /// By column the number of the row, from 1, that was written last.
    filled: Vec<u32>,
    row: u32,
}

impl<'e> FieldBuilders<'e> {
    fn new(columns: &'e [FieldColumn], rows: usize) -> FieldBuilders<'e> {
        FieldBuilders {
            columns,
            builders: columns.iter().map(|c| FieldBuilder::new(c.kind, rows)).collect(),
            positions: columns.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect(),
            filled: vec![0; columns.len()],
            row: 0,
        }
    }

    /// One row. What fits no column goes to `in_rest`; true where the rest is read back behind the
    /// columns in the order of the event.
    #[inline]
    fn push(&mut self, event: &'e Event<'e>, in_rest: &mut Vec<&'e Field<'e>>) -> bool {
        self.row += 1;
        let (mut in_order, mut last, mut next) = (true, 0, 0);
        for field in &event.fields {
            match self.place(field, next) {
                Some(column) => {
                    in_order &= in_rest.is_empty() && column >= last;
                    (last, next) = (column, column + 1);
                }
                None => in_rest.push(field),
            }
        }
        for (builder, filled) in self.builders.iter_mut().zip(&self.filled) {
            if *filled != self.row {
                builder.append_null();
            }
        }
        in_order
    }

    /// Appends the value of a field to its column; which one, if it has one and that takes it.
    #[inline]
    fn place(&mut self, field: &'e Field<'e>, next: usize) -> Option<usize> {
        let [value] = &field.values[..] else { return None };
        // In column order, as a rule: the next column is the likely one.
        let guess = self.columns.iter().skip(next).position(|c| c.name == field.name).map(|i| i + next);
        let column = guess.or_else(|| self.positions.get(&*field.name).copied())?;
        let (filled, builder) = (self.filled.get_mut(column)?, self.builders.get_mut(column)?);
        if *filled == self.row || !builder.append(value) {
            return None;
        }
        *filled = self.row;
        Some(column)
    }
}

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

    fn finish(self) -> Result<ArrayRef, ArrowError> {
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

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        dictionary(self.keys, self.values)
    }
}

fn dictionary<S: AsRef<str>>(keys: Vec<Option<i32>>, values: Vec<S>) -> Result<ArrayRef, ArrowError> {
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

/// The two numbers that a uid is stored as: big-endian, so that their order is the uid's.
fn halves(uid: Uid) -> (u64, u64) {
    let wide = u128::from_be_bytes(*uid.as_bytes());
    ((wide >> 64) as u64, wide as u64)
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("BUG: text always has a JSON form")
}
