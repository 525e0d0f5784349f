//! Events as rows of a binary COPY.
//!
//! Invariant: `decode` makes an equal event of a row; whatever an event holds, the server takes the
//! row (a constraint of the operator's own aside). Nothing here talks to the server: parts that the
//! layout does not know yet are collected, and the caller asks the server for them and encodes
//! again.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use loggr_event::{Event, Field, Origin, Uid};

use super::layout::{Layout, shared, split_peer, storable, to_wire};
use super::schema::{Indexes, PromotedKind};
use super::tally::Tally;
use super::terms::Terms;
use super::text;
use crate::looks::{canonical_float, canonical_integer, canonical_ip6};
use crate::shape::Shaper;
use crate::{partition, rest};

/// Bytes of one message to the server.
const CHUNK_BYTES: usize = 128 << 10;
/// Fields of an event whose order fits into a column; of events with more it stands in `rest`.
const MAX_ORDERED_FIELDS: usize = 256;
/// Digits before and behind the point of a JSON number; others are JSON strings.
const MAX_NUMBER_DIGITS: usize = 18;

/// The head of a binary COPY: signature, flags, no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Its end: a row of -1 columns.
const END: [u8; 2] = [0xff, 0xff];
const OID_INT4: u32 = 23;
const OID_TEXT: u32 = 25;

/// The identity of a row: time (microseconds since 1970, as stored) and uid.
pub(super) type Key = (i64, Uid);

/// Rows ready to be sent.
pub(super) struct Rows {
    /// The COPY's bytes.
    pub(super) chunks: Vec<Bytes>,
    /// The identities of the rows, in order.
    pub(super) keys: Vec<Key>,
    /// The counts that go to the tables beside the events.
    pub(super) tally: Tally,
    /// Events that were left out because they are known.
    pub(super) duplicates: usize,
}

/// What the layout lacks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) days: BTreeSet<i64>,
    pub(super) origins: HashSet<Origin>,
}

/// Takes events, one at a time.
pub(super) struct Encoder<'l> {
    layout: &'l Layout,
    /// Rows that the table has already and rows that were encoded; both are left out. `None` if the
    /// table was not asked.
    known: Option<HashSet<Key>>,
    missing: Missing,
    terms: Terms,
    shaper: Shaper,
    json: Vec<u8>,
    order: Vec<u8>,
    last_origin: Option<(Origin, i32)>,
    out: Vec<u8>,
    rows: Rows,
}

impl<'l> Encoder<'l> {
    pub(super) fn new(layout: &'l Layout, known: Option<HashSet<Key>>) -> Encoder<'l> {
        Encoder {
            layout,
            known,
            missing: Missing::default(),
            terms: Terms::default(),
            shaper: Shaper::default(),
            json: Vec::new(),
            order: Vec::new(),
            last_origin: None,
            out: HEAD.to_vec(),
            rows: Rows { chunks: Vec::new(), keys: Vec::new(), tally: Tally::default(), duplicates: 0 },
        }
    }

    /// The rows, or what the layout lacks.
    pub(super) fn finish(mut self) -> Result<Rows, Missing> {
        if self.missing != Missing::default() {
            return Err(self.missing);
        }
        self.out.extend_from_slice(&END);
        self.rows.chunks.push(Bytes::from(self.out));
        Ok(self.rows)
    }

    pub(super) fn push(&mut self, event: &Event<'_>) {
        let time = storable(event.timegenerated.unix_micros());
        let day = partition::day_of(time);
        let indexes = self.layout.days.get(&day).copied();
        let origin = event.origin.as_ref().map(|origin| self.origin(origin));
        let Some(indexes) = indexes else {
            self.missing.days.insert(day);
            return;
        };
        if origin == Some(None) {
            return;
        }
        let key = (time, event.uid);
        if let Some(known) = &mut self.known
            && !known.insert(key)
        {
            self.rows.duplicates += 1;
            return;
        }
        self.rows.keys.push(key);
        self.rows.tally.add(event);
        self.row(event, indexes, origin.flatten());
        if self.out.len() >= CHUNK_BYTES {
            let full = std::mem::replace(&mut self.out, Vec::with_capacity(CHUNK_BYTES + (CHUNK_BYTES >> 3)));
            self.rows.chunks.push(Bytes::from(full));
        }
    }

    /// The number of an origin; noted as missing where it has none.
    fn origin(&mut self, origin: &Origin) -> Option<i32> {
        if let Some((last, id)) = &self.last_origin
            && last == origin
        {
            return Some(*id);
        }
        let shared = shared(origin);
        match self.layout.origins.get(&shared) {
            Some(id) => {
                self.last_origin = Some((origin.clone(), *id));
                Some(*id)
            }
            None => {
                self.missing.origins.insert(shared);
                None
            }
        }
    }

    /// One row; the columns in the order of `schema::COLUMNS`.
    fn row(&mut self, event: &Event<'_>, indexes: Indexes, origin: Option<i32>) {
        let columns = super::schema::COLUMNS.len() + self.layout.promoted.len();
        let out = &mut self.out;
        out.extend_from_slice(&(columns as i16).to_be_bytes());
        let (generated, reported) = (event.timegenerated.unix_micros(), event.timereported.unix_micros());
        value(out, &to_wire(generated).to_be_bytes());
        value(out, &to_wire(reported).to_be_bytes());
        value(out, event.uid.as_bytes());
        optional(out, origin.map(i32::to_be_bytes));
        let defects = i32::from(event.defects.bits());
        optional(out, (defects != 0).then(|| defects.to_be_bytes()));
        let split = event.origin.as_deref().map(split_peer);
        let port = split.as_ref().and_then(|s| s.port);
        optional(out, port.map(|p| i32::from(p).to_be_bytes()));
        value(out, &i16::from(event.severity.code()).to_be_bytes());
        value(out, &i16::from(event.facility.code()).to_be_bytes());
        let offset = event.timereported.offset_minutes();
        optional(out, (offset != 0).then(|| offset.to_be_bytes()));
        for name in [&event.source, &event.app_name, &event.procid, &event.msgid] {
            optional(out, (!name.is_empty()).then(|| text::encode(name)).as_ref().map(|t| t.as_bytes()));
        }
        value(out, text::encode(&event.message).as_bytes());
        let peer = split.map(|s| s.peer).unwrap_or_default();
        optional(out, (!peer.is_empty()).then(|| text::encode(peer)).as_ref().map(|t| t.as_bytes()));
        self.tags(event);
        let exact = self.fields(event);
        self.structured_data(event);
        self.trusted(event);
        let order = (!self.order.is_empty()).then_some(&self.order[..]);
        optional(&mut self.out, order);
        let exact_times = (storable(generated) != generated || storable(reported) != reported)
            .then_some((generated, reported));
        let fields: Vec<&Field<'_>> = if exact { event.fields.iter().collect() } else { Vec::new() };
        let rest = rest::write_without_defects(event, &fields, exact_times);
        optional(&mut self.out, rest.as_ref().map(String::as_bytes));
        self.terms(event, indexes);
        let shape = self.shaper.hash(&event.message);
        value(&mut self.out, &shape.0.to_be_bytes());
        for column in &self.layout.promoted {
            let single = if exact { None } else { single_value(event, &column.name) };
            promoted(&mut self.out, column.kind, single);
        }
    }

    fn tags(&mut self, event: &Event<'_>) {
        if event.tags.is_empty() {
            return null(&mut self.out);
        }
        sized(&mut self.out, |out| {
            array_head(out, OID_TEXT, event.tags.len());
            event.tags.iter().for_each(|tag| value(out, text::encode(tag).as_bytes()));
        });
    }

    fn terms(&mut self, event: &Event<'_>, indexes: Indexes) {
        if indexes == Indexes::None {
            return null(&mut self.out);
        }
        let terms = self.terms.of_event(event, indexes == Indexes::Text);
        if terms.is_empty() {
            return null(&mut self.out);
        }
        sized(&mut self.out, |out| {
            array_head(out, OID_INT4, terms.len());
            terms.iter().for_each(|term| value(out, &term.to_be_bytes()));
        });
    }

    /// The custom fields as JSON, and their order into `self.order`. True where the document
    /// cannot say them exactly: then all of them stand in `rest` as well.
    fn fields(&mut self, event: &Event<'_>) -> bool {
        self.order.clear();
        let fields = &event.fields;
        if fields.is_empty() {
            null(&mut self.out);
            return false;
        }
        let exact = fields.len() > MAX_ORDERED_FIELDS
            || fields.iter().any(|f| f.values.is_empty())
            || has_twins(fields);
        self.json.clear();
        if exact {
            // Of a name that stands twice the document holds all values.
            let mut names: Vec<&str> = fields.iter().map(|f| &*f.name).collect();
            names.sort_unstable();
            names.dedup();
            let members = names.into_iter().map(|name| {
                let values = fields.iter().filter(move |f| f.name == name).flat_map(|f| &f.values);
                (name, values.map(|v| &**v).collect::<Vec<&str>>())
            });
            object(&mut self.json, members.filter(|(_, values)| !values.is_empty()), true);
        } else {
            let layout = self.layout;
            let in_column = |field: &Field<'_>| {
                let column = layout.promoted.iter().position(|c| c.name == field.name)?;
                let kind = layout.promoted.get(column)?.kind;
                match &field.values[..] {
                    [only] if fits(kind, only) => Some(column),
                    _ => None,
                }
            };
            let members = fields.iter().filter(|f| in_column(f).is_none());
            object(&mut self.json, members.map(|f| (&*f.name, &f.values[..])), true);
            order(fields, in_column, &mut self.order);
        }
        match self.json.as_slice() {
            b"{}" => null(&mut self.out),
            json => document(&mut self.out, json),
        }
        exact
    }

    fn structured_data(&mut self, event: &Event<'_>) {
        if event.structured_data.is_empty() {
            return null(&mut self.out);
        }
        let mut ids: Vec<&str> = Vec::new();
        for element in &event.structured_data {
            if !ids.contains(&&*element.id) {
                ids.push(&element.id);
            }
        }
        self.json.clear();
        self.json.push(b'{');
        for (at, id) in ids.into_iter().enumerate() {
            if at > 0 {
                self.json.push(b',');
            }
            string(&mut self.json, id);
            self.json.push(b':');
            let params = || event.structured_data.iter().filter(|e| e.id == id).flat_map(|e| &e.params);
            let mut names: Vec<&str> = params().map(|p| &*p.name).collect();
            names.sort_unstable();
            names.dedup();
            let members = names.into_iter().map(|name| {
                (name, params().filter(|p| p.name == name).map(|p| &*p.value).collect::<Vec<&str>>())
            });
            object(&mut self.json, members, false);
        }
        self.json.push(b'}');
        document(&mut self.out, &self.json);
    }

    fn trusted(&mut self, event: &Event<'_>) {
        if event.trusted.is_empty() {
            return null(&mut self.out);
        }
        let mut names: Vec<&str> = event.trusted.iter().map(|t| &*t.name).collect();
        names.sort_unstable();
        names.dedup();
        let members = names.into_iter().map(|name| {
            let values = event.trusted.iter().filter(|t| t.name == name).map(|t| &*t.value);
            (name, values.collect::<Vec<&str>>())
        });
        self.json.clear();
        object(&mut self.json, members, false);
        document(&mut self.out, &self.json);
    }
}

/// The only value of a custom field.
fn single_value<'e>(event: &'e Event<'_>, name: &str) -> Option<&'e str> {
    match event.field(name) {
        [value] => Some(value),
        _ => None,
    }
}

/// Can a column of this type give the text back, and does the server show it alike?
fn fits(kind: PromotedKind, text: &str) -> bool {
    match kind {
        PromotedKind::Text => true,
        PromotedKind::Integer => canonical_integer(text).is_some(),
        PromotedKind::Float => plain_float(text).is_some(),
        PromotedKind::Inet => plain_address(text).is_some(),
    }
}

/// A double that the server writes without an exponent.
fn plain_float(text: &str) -> Option<f64> {
    canonical_float(text).filter(|n| *n == 0.0 || (1e-4..1e15).contains(&n.abs()))
}

/// An address in its usual text. Addresses of the kind `::1.2.3.4` have two.
fn plain_address(text: &str) -> Option<IpAddr> {
    if !text.contains(':') {
        return text.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    }
    let compatible = |ip: &Ipv6Addr| ip.to_bits() >> 32 == 0 && ip.to_bits() >> 16 != 0;
    canonical_ip6(text).filter(|ip| !compatible(ip)).map(IpAddr::V6)
}

fn promoted(out: &mut Vec<u8>, kind: PromotedKind, single: Option<&str>) {
    let Some(single) = single else { return null(out) };
    match kind {
        PromotedKind::Text => value(out, text::encode(single).as_bytes()),
        PromotedKind::Integer => optional(out, canonical_integer(single).map(i64::to_be_bytes)),
        PromotedKind::Float => optional(out, plain_float(single).map(f64::to_be_bytes)),
        // Family, bits, is a network, length, bytes.
        PromotedKind::Inet => match plain_address(single) {
            Some(IpAddr::V4(v4)) => {
                sized(out, |out| out.extend([2, 32, 0, 4].iter().chain(&v4.octets())));
            }
            Some(IpAddr::V6(v6)) => {
                sized(out, |out| out.extend([3, 128, 0, 16].iter().chain(&v6.octets())));
            }
            None => null(out),
        },
    }
}

fn has_twins(fields: &[Field<'_>]) -> bool {
    // Few fields, mostly: comparing each with each is quicker than a table.
    if fields.len() <= 16 {
        return fields.iter().enumerate().any(|(i, f)| fields.iter().take(i).any(|g| g.name == f.name));
    }
    let mut names = HashSet::with_capacity(fields.len());
    !fields.iter().all(|f| names.insert(&*f.name))
}

/// The place that each field of the event has in what is read back: promoted columns first, then
/// the names of the document as `jsonb` orders them, short ones first. Nothing where they are the
/// same.
fn order(fields: &[Field<'_>], in_column: impl Fn(&Field<'_>) -> Option<usize>, out: &mut Vec<u8>) {
    let mut read = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        let name = text::encode(&field.name);
        read.push(match in_column(field) {
            Some(column) => (at, (0, column, Cow::Borrowed(""))),
            None => (at, (1, name.len(), name)),
        });
    }
    read.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
    if read.iter().enumerate().all(|(place, (field, _))| place == *field) {
        return;
    }
    out.resize(read.len(), 0);
    for (place, (field, _)) in read.iter().enumerate() {
        if let Some(slot) = out.get_mut(*field) {
            *slot = place as u8;
        }
    }
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1i32).to_be_bytes());
}

fn value(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn optional(out: &mut Vec<u8>, bytes: Option<impl AsRef<[u8]>>) {
    match bytes {
        Some(bytes) => value(out, bytes.as_ref()),
        None => null(out),
    }
}

/// A value whose length is known when it is written.
fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = ((out.len() - at - 4) as i32).to_be_bytes();
    if let Some(slot) = out.get_mut(at..at + 4) {
        slot.copy_from_slice(&len);
    }
}

/// An array of one dimension without nulls.
fn array_head(out: &mut Vec<u8>, element: u32, count: usize) {
    for part in [1, 0, element, count as u32, 1] {
        out.extend_from_slice(&part.to_be_bytes());
    }
}

/// `jsonb`: a version and the text.
fn document(out: &mut Vec<u8>, json: &[u8]) {
    out.extend_from_slice(&(json.len() as i32 + 1).to_be_bytes());
    out.push(1);
    out.extend_from_slice(json);
}

/// An object; one value stands as it is, several as a list. With `numbers`, what is written as a
/// number that comes back as the same text becomes one.
fn object<'e, V, T>(json: &mut Vec<u8>, members: impl Iterator<Item = (&'e str, V)>, numbers: bool)
where
    V: AsRef<[T]>,
    T: AsRef<str>,
{
    let one = |json: &mut Vec<u8>, text: &str| match numbers && is_plain_number(text) {
        true => json.extend_from_slice(text.as_bytes()),
        false => string(json, text),
    };
    json.push(b'{');
    for (at, (name, values)) in members.enumerate() {
        if at > 0 {
            json.push(b',');
        }
        string(json, name);
        json.push(b':');
        match values.as_ref() {
            [only] => one(json, only.as_ref()),
            several => {
                json.push(b'[');
                for (at, text) in several.iter().enumerate() {
                    if at > 0 {
                        json.push(b',');
                    }
                    one(json, text.as_ref());
                }
                json.push(b']');
            }
        }
    }
    json.push(b'}');
}

fn string(json: &mut Vec<u8>, text: &str) {
    let stored = text::encode(text);
    serde_json::to_writer(&mut *json, &*stored).expect("BUG: text always has a JSON form");
}

/// A decimal number that `jsonb` gives back as the same text.
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = match digits.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (digits, None),
    };
    let all_digits =
        |t: &str| !t.is_empty() && t.len() <= MAX_NUMBER_DIGITS && t.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && part.is_none_or(all_digits)
        // There is no negative zero.
        && (digits.len() == text.len() || digits.bytes().any(|b| matches!(b, b'1'..=b'9')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: bool) {
        assert_eq!(is_plain_number(text), expect, "`{text}`");
    }

    #[test]
    fn numbers_that_come_back_as_the_same_text() {
        for text in ["0", "200", "-1", "7.0", "0.50", "-0.5", "123456789012345678"] {
            check(text, true);
        }
        for text in ["", "-", "007", "+1", "1.", ".5", "1e5", "-0", "-0.0", "1234567890123456789", "0x1", "½"]
        {
            check(text, false);
        }
    }

    fn names(names: &[&'static str]) -> Vec<Field<'static>> {
        names.iter().map(|n| Field { name: (*n).into(), values: vec!["x".into()] }).collect()
    }

    #[track_caller]
    fn check_order(fields: &[&'static str], columns: &[&str], expect: &[u8]) {
        let mut out = Vec::new();
        order(&names(fields), |f| columns.iter().position(|c| *c == f.name), &mut out);
        assert_eq!(out, expect, "{fields:?}");
    }

    #[test]
    fn the_order_of_fields_is_kept_where_it_would_be_lost() {
        check_order(&["a", "bb", "ccc"], &[], &[]);
        check_order(&["b", "a"], &[], &[1, 0]);
        check_order(&["ccc", "a", "bb"], &[], &[2, 0, 1]);
        check_order(&["a", "status"], &["status"], &[1, 0]);
        check_order(&["y", "x", "a"], &["x", "y"], &[1, 0, 2]);
    }

    #[test]
    fn what_the_layout_lacks_is_collected() {
        let layout = Layout { days: [(0, Indexes::None)].into(), ..Layout::default() };
        let mut encoder = Encoder::new(&layout, None);
        let mut event = Event::default();
        encoder.push(&event);
        event.timegenerated = loggr_event::Timestamp::from_unix_micros(partition::DAY);
        encoder.push(&event);
        event.origin = Some(std::borrow::Cow::Owned(Origin { peer: "a:1".into(), ..Origin::default() }));
        encoder.push(&event);
        let missing = encoder.finish().map(|_| ()).unwrap_err();
        assert_eq!(missing.days, [1].into());
        assert_eq!(missing.origins, [Origin::default()].into());
    }

    #[test]
    fn known_rows_are_left_out_and_so_are_twins() {
        let layout = Layout { days: [(0, Indexes::Text)].into(), ..Layout::default() };
        let event = |n: u8| Event { uid: Uid::from_bytes([n; 16]), ..Event::default() };
        let mut encoder = Encoder::new(&layout, Some([(0, Uid::from_bytes([1; 16]))].into()));
        [1, 2, 2, 3].iter().for_each(|n| encoder.push(&event(*n)));
        let rows = encoder.finish().ok().unwrap();
        assert_eq!((rows.keys.len(), rows.duplicates), (2, 2));
        assert_eq!(rows.tally.minutes().iter().map(|m| m.events).sum::<u64>(), 2);
    }
}
