//! Columns to events, and the values of single columns.
//!
//! Invariant: `Decoder` gives back an event equal to the one that `encode` was given, whatever
//! columns the file has. Not here: which columns a file has (`schema`), files.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int16Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use loggr_event::{Event, Facility, Field, Origin, Severity, Timestamp, Uid};

use super::schema::{FieldColumns, core};
use crate::hash::NameMap;
use crate::looks::FieldKind;
use crate::{StoreError, rest};

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
        if batch.num_columns() != core::FIELDS + columns.columns.len() {
            return Err(StoreError::new(
                crate::ErrorKind::Corrupt,
                "a file has other columns than its index says",
            ));
        }
        let core = CoreColumns::of(batch)?;
        let fields = batch.columns().get(core::FIELDS..).unwrap_or_default();
        let mut events = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let mut event = core.event(row);
            for (array, field) in fields.iter().zip(&columns.columns) {
                if let Some(value) = field_text(&**array, field.kind, row)? {
                    event.fields.push(Field {
                        name: Cow::Owned(field.name.clone()),
                        values: vec![Cow::Owned(value.into_owned())],
                    });
                }
            }
            self.complete(&core, row, &mut event)
                .map_err(|e| StoreError::with(crate::ErrorKind::Corrupt, "a JSON column has no JSON", e))?;
            events.push(event);
        }
        Ok(events)
    }

    /// What stands in columns of JSON.
    fn complete(
        &mut self,
        core: &CoreColumns<'_>,
        row: usize,
        event: &mut Event<'static>,
    ) -> Result<(), serde_json::Error> {
        if let Some(json) = core.rest.get(row) {
            rest::read(json, event)?;
        }
        if let Some(json) = core.order.get(row) {
            let names: Vec<Cow<'_, str>> = serde_json::from_str(json)?;
            event.fields.sort_by_key(|f| names.iter().position(|n| *n == f.name));
        }
        if let Some(json) = core.tags.get(row) {
            event.tags = serde_json::from_str(json)?;
        }
        if let Some(json) = core.origin.get(row) {
            let origin = match self.origins.get(json) {
                Some(origin) => origin.clone(),
                None => {
                    let origin: Origin = serde_json::from_str(json)?;
                    self.origins.insert(json.to_owned(), origin.clone());
                    origin
                }
            };
            event.origin = Some(Cow::Owned(origin));
        }
        Ok(())
    }
}

/// The columns that every file has.
struct CoreColumns<'b> {
    time: &'b TimestampMicrosecondArray,
    reported: &'b TimestampMicrosecondArray,
    offset: &'b Int16Array,
    severity: &'b UInt8Array,
    facility: &'b UInt8Array,
    app: TextColumn<'b>,
    source: TextColumn<'b>,
    procid: TextColumn<'b>,
    msgid: TextColumn<'b>,
    message: TextColumn<'b>,
    tags: TextColumn<'b>,
    origin: TextColumn<'b>,
    order: TextColumn<'b>,
    rest: TextColumn<'b>,
    uids: Uids<'b>,
}

impl<'b> CoreColumns<'b> {
    /// Of a batch with all columns.
    fn of(batch: &'b RecordBatch) -> Result<CoreColumns<'b>, StoreError> {
        let get = |i: usize| -> &'b dyn Array { &**batch.column(i) };
        Ok(CoreColumns {
            time: column(get(core::TIME))?,
            reported: column(get(core::TIMEREPORTED))?,
            offset: column(get(core::REPORTED_OFFSET))?,
            severity: column(get(core::SEVERITY))?,
            facility: column(get(core::FACILITY))?,
            app: TextColumn::new(get(core::APP_NAME))?,
            source: TextColumn::new(get(core::SOURCE))?,
            procid: TextColumn::new(get(core::PROCID))?,
            msgid: TextColumn::new(get(core::MSGID))?,
            message: TextColumn::new(get(core::MESSAGE))?,
            tags: TextColumn::new(get(core::TAGS))?,
            origin: TextColumn::new(get(core::ORIGIN))?,
            order: TextColumn::new(get(core::FIELD_ORDER))?,
            rest: TextColumn::new(get(core::REST))?,
            uids: Uids::of(batch)?,
        })
    }

    /// The event of a row, as far as its columns alone say it.
    #[inline]
    fn event(&self, row: usize) -> Event<'static> {
        let text = |texts: &TextColumn<'_>| Cow::Owned(texts.get(row).unwrap_or_default().to_owned());
        let generated = self.time.value(row);
        Event {
            uid: self.uids.get(row),
            timegenerated: Timestamp::from_unix_micros(generated),
            timereported: Timestamp::with_offset(
                if self.reported.is_valid(row) { self.reported.value(row) } else { generated },
                if self.offset.is_valid(row) { self.offset.value(row) } else { 0 },
            ),
            severity: Severity::from_code(self.severity.value(row)).unwrap_or_default(),
            facility: Facility::from_code(self.facility.value(row)).unwrap_or_default(),
            source: text(&self.source),
            app_name: text(&self.app),
            procid: text(&self.procid),
            msgid: text(&self.msgid),
            message: text(&self.message),
            ..Event::default()
        }
    }
}
