//! Which rows of a row group match: exact, reading as few columns as can be.
//!
//! Invariant: the answer for a row is that of [`crate::query::Matcher`] for its event.

use std::net::{IpAddr, Ipv4Addr};

use arrow_array::{
    Array, FixedSizeBinaryArray, Int64Array, TimestampMicrosecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use loggr_event::{Origin, Uid};

use super::group::{Column, Group};
use super::plan::{Bound, Step, TextStep};
use super::scan;
use crate::embedded::rows::{TextColumn, column, field_text, ip_text, sixteen};
use crate::embedded::schema::core;
use crate::embedded::selection::Selection;
use crate::hash::FastMap;
use crate::looks::FieldKind;
use crate::query::{Clock, Field, Hidden, RangeKind, Span, Test};
use crate::shape::ShapeId;
use crate::{StoreError, rest};

/// The rows among `rows` that match.
pub(crate) fn eval(bound: &Bound<'_>, group: &Group<'_>, rows: &Selection) -> Result<Selection, StoreError> {
    let rows = rows.intersect(&bound.maybe);
    if bound.exact || rows.is_empty() {
        return Ok(rows);
    }
    match bound.step {
        Step::All => Ok(rows),
        Step::And(_) => {
            let mut left = rows;
            for part in &bound.parts {
                left = eval(part, group, &left)?;
            }
            Ok(left)
        }
        Step::Or(_) => {
            let mut hits = Selection::none();
            let mut left = rows;
            for part in &bound.parts {
                let more = eval(part, group, &left)?;
                left = left.minus(&more);
                hits = hits.union(&more);
            }
            Ok(hits)
        }
        Step::Not(_) => match bound.parts.first() {
            Some(inner) => Ok(rows.minus(&eval(inner, group, &rows)?)),
            None => Ok(rows),
        },
        Step::Text(scope, text) => {
            let in_message = rows.intersect(&bound.in_message);
            let hits = if in_message.is_empty() {
                Selection::none()
            } else {
                scan::text(group, core::MESSAGE, &in_message, &text.finder)?
            };
            if !scope.has_fields() {
                return Ok(hits);
            }
            let left = rows.minus(&hits).intersect(&bound.in_fields);
            Ok(hits.union(&text_in_fields(group, &left, text, scope.hidden())?))
        }
        Step::Severity(set) => {
            small_numbers(group, core::SEVERITY, &rows, |code| set.bits() >> (code & 7) & 1 == 1)
        }
        Step::Facility(set) => {
            small_numbers(group, core::FACILITY, &rows, |code| set.bits() >> (code & 31) & 1 == 1)
        }
        Step::Time(clock, span) => times(group, *clock, &rows, *span),
        Step::Field(field, test) => field_test(group, field, test, &rows),
        Step::MessageTest(test) => scan::message_test(group, &rows, test),
    }
}

/// Keeps the rows for which `hit` holds; it gets the place in the column's array.
pub(crate) fn keep(rows: &Selection, column: &Column, mut hit: impl FnMut(usize) -> bool) -> Selection {
    let mut out = Selection::none();
    rows.each_range_in(&column.rows, |place, first, length| {
        for i in 0..length {
            if hit((place + i) as usize) {
                out.push(first + i, first + i + 1);
            }
        }
    });
    out
}

/// Keeps the rows whose value `hit` takes and is there; the value under a null is asked, too.
fn keep_values<T: Copy>(
    rows: &Selection,
    column: &Column,
    values: &[T],
    hit: impl Fn(T) -> bool,
) -> Selection {
    let nulls = column.array.nulls();
    keep(rows, column, |at| {
        values.get(at).is_some_and(|v| hit(*v)) && nulls.is_none_or(|nulls| nulls.is_valid(at))
    })
}

fn small_numbers(
    group: &Group<'_>,
    position: usize,
    rows: &Selection,
    hit: impl Fn(u8) -> bool,
) -> Result<Selection, StoreError> {
    let read = group.column(position, rows)?;
    let codes = column::<UInt8Array>(&*read.array)?.values();
    Ok(keep(rows, &read, |at| codes.get(at).is_some_and(|code| hit(*code))))
}

fn times(group: &Group<'_>, clock: Clock, rows: &Selection, span: Span) -> Result<Selection, StoreError> {
    let generated = group.column(core::TIME, rows)?;
    let time: &TimestampMicrosecondArray = column(&*generated.array)?;
    if clock == Clock::Generated {
        let values = time.values();
        return Ok(keep(rows, &generated, |at| values.get(at).is_some_and(|t| span.contains(*t))));
    }
    // Where the two are the same moment, only one of them is stored.
    let reported = group.column(core::TIMEREPORTED, rows)?;
    let values: &TimestampMicrosecondArray = column(&*reported.array)?;
    let own = keep(rows, &reported, |at| values.is_valid(at));
    let same = rows.minus(&own);
    let own = keep(&own, &reported, |at| span.contains(values.value(at)));
    let same = keep(&same, &generated, |at| span.contains(time.value(at)));
    Ok(own.union(&same))
}

/// Keeps the rows whose text passes; asks once for each distinct value where there is a dictionary.
pub(crate) fn texts(
    rows: &Selection,
    read: &Column,
    mut passes: impl FnMut(&str) -> bool,
) -> Result<Selection, StoreError> {
    Ok(match TextColumn::new(&*read.array)? {
        TextColumn::Plain(texts) => keep(rows, read, |at| texts.is_valid(at) && passes(texts.value(at))),
        TextColumn::Dictionary(keys, values) => {
            let mut verdicts: Vec<Option<bool>> = vec![None; values.len()];
            keep(rows, read, |at| {
                let Some(key) = keys.key(at) else { return false };
                match verdicts.get_mut(key) {
                    Some(verdict) => *verdict.get_or_insert_with(|| passes(values.value(key))),
                    None => false,
                }
            })
        }
    })
}

/// Keeps the rows of which a value of the field passes.
pub(crate) fn field_test(
    group: &Group<'_>,
    field: &Field,
    test: &Test,
    rows: &Selection,
) -> Result<Selection, StoreError> {
    let by_text = |position: usize, passes: &mut dyn FnMut(&str) -> bool| {
        let read = group.column(position, rows)?;
        texts(rows, &read, passes)
    };
    let mut core_text = |text: &str| !text.is_empty() && test.passes(text);
    match field {
        // Neither stands in a field test; see `Node::Field`.
        Field::Time | Field::Timereported => Ok(Selection::none()),
        Field::Severity => small_numbers(group, core::SEVERITY, rows, |code| {
            loggr_event::Severity::from_code(code).is_some_and(|s| test.passes(s.keyword()))
        }),
        Field::Facility => small_numbers(group, core::FACILITY, rows, |code| {
            loggr_event::Facility::from_code(code).is_some_and(|f| test.passes(f.keyword()))
        }),
        Field::Source => by_text(core::SOURCE, &mut core_text),
        Field::AppName => by_text(core::APP_NAME, &mut core_text),
        Field::Procid => by_text(core::PROCID, &mut core_text),
        Field::Msgid => by_text(core::MSGID, &mut core_text),
        Field::Message => by_text(core::MESSAGE, &mut core_text),
        Field::Tag => by_text(core::TAGS, &mut |json| {
            let tags: Vec<std::borrow::Cow<'_, str>> = serde_json::from_str(json).unwrap_or_default();
            tags.iter().any(|tag| core_text(tag))
        }),
        Field::Uid => uids(group, rows, test),
        Field::Listener | Field::Transport | Field::Peer | Field::TlsName => {
            by_text(core::ORIGIN, &mut |json| {
                let Ok(origin) = serde_json::from_str::<Origin>(json) else { return false };
                match field {
                    Field::Listener => core_text(&origin.listener),
                    Field::Transport => core_text(origin.transport.keyword()),
                    Field::Peer => core_text(origin.peer_host()),
                    _ => origin.tls_name.as_deref().is_some_and(core_text),
                }
            })
        }
        Field::Defect => by_text(core::REST, &mut |json| {
            json.contains("\"defects\"") && rest::parse(json).defects().any(core_text)
        }),
        Field::Shape => shapes(group, rows, test),
        Field::Custom(name) => custom(group, name, test, rows),
    }
}

fn uids(group: &Group<'_>, rows: &Selection, test: &Test) -> Result<Selection, StoreError> {
    // A uid is neither number nor address: to be equal is to have the same text.
    let wanted = match test {
        Test::Equals(value) => match Uid::parse(value.text()).filter(|uid| uid.to_string() == value.text()) {
            Some(uid) => Some(uid),
            None => return Ok(Selection::none()),
        },
        _ => None,
    };
    if let (Some(uid), Some(filter)) = (wanted, group.index.uids())
        && !filter.may_hold(uid.as_bytes(), crate::embedded::index::uids::hash(uid.as_bytes()))
    {
        return Ok(Selection::none());
    }
    let uids = group.uids(rows)?;
    let hit = |uid: &Uid| match wanted {
        Some(wanted) => *uid == wanted,
        None => test.passes(uid.write_hyphenated(&mut [0; 36])),
    };
    Ok(Selection::from_rows(rows.rows().zip(&uids).filter(|(_, uid)| hit(uid)).map(|(row, _)| row)))
}

fn shapes(group: &Group<'_>, rows: &Selection, test: &Test) -> Result<Selection, StoreError> {
    let Test::Equals(value) = test else { return Ok(Selection::none()) };
    let Ok(ShapeId(wanted)) = value.text().parse() else { return Ok(Selection::none()) };
    let read = group.shapes(rows)?;
    let shapes = column::<UInt64Array>(&*read.array)?.values();
    Ok(keep(rows, &read, |at| shapes.get(at) == Some(&wanted)))
}

/// A custom field: its column, where the file has one, and what stands in `rest`.
fn custom(group: &Group<'_>, name: &str, test: &Test, rows: &Selection) -> Result<Selection, StoreError> {
    let mut hits = Selection::none();
    if let Some(i) = group.head.columns.position(name)
        && let Some(field) = group.head.columns.columns.get(i)
        && group.field(name).is_none_or(|f| f.single > 0)
    {
        let read = group.column(core::FIELDS + i, rows)?;
        hits = in_column(rows, &read, field.kind, test)?;
    }
    if !group.may_be_in_rest(name) {
        return Ok(hits);
    }
    let left = rows.minus(&hits);
    if left.is_empty() {
        return Ok(hits);
    }
    let read = group.column(core::REST, &left)?;
    // The JSON holds the last part of the name as it is, unless it needs an escape there.
    let part = name.rsplit('.').next().unwrap_or_default();
    let plain =
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let finder = memchr::memmem::Finder::new(part);
    let more = texts(&left, &read, |json| {
        (!plain || finder.find(json.as_bytes()).is_some())
            && rest::parse(json).any_named(name, &mut |value| test.passes(value))
    })?;
    Ok(hits.union(&more))
}

/// A test on the column of a custom field.
fn in_column(rows: &Selection, read: &Column, kind: FieldKind, test: &Test) -> Result<Selection, StoreError> {
    let array = &*read.array;
    if matches!(test, Test::Exists) {
        return Ok(keep(rows, read, |at| array.is_valid(at)));
    }
    match (kind, test) {
        (FieldKind::Word | FieldKind::Text, _) => texts(rows, read, |text| test.passes(text)),
        // A canonical integer equals no text but that of its number.
        (FieldKind::Integer, Test::Equals(value)) => match value.number().and_then(|n| n.as_i64()) {
            Some(wanted) => integers(rows, read, (wanted, wanted)),
            None => Ok(Selection::none()),
        },
        (FieldKind::Integer, Test::Range(range)) if range.kind() == RangeKind::Number => {
            match range.integers() {
                Some(bounds) => integers(rows, read, bounds),
                None => Ok(Selection::none()),
            }
        }
        (FieldKind::Ip4, Test::Equals(value)) => match value.ip() {
            Some(IpAddr::V4(ip)) => addresses(rows, read, (ip.into(), ip.into())),
            _ => Ok(Selection::none()),
        },
        (FieldKind::Ip4, Test::Network(network)) => match (network.first(), network.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => addresses(rows, read, (first.into(), last.into())),
            _ => Ok(Selection::none()),
        },
        (
            FieldKind::Integer | FieldKind::Ip4 | FieldKind::Ip,
            Test::Network(_) | Test::Range(_) | Test::Equals(_),
        )
        | (_, Test::Glob(_) | Test::Regex(_)) => distinct(rows, read, kind, &mut |value| test.passes(value)),
        _ => {
            let mut failed = None;
            let hits = keep(rows, read, |at| match field_text(array, kind, at) {
                Ok(text) => text.is_some_and(|t| test.passes(&t)),
                Err(e) => {
                    failed = Some(e);
                    false
                }
            });
            failed.map_or(Ok(hits), Err)
        }
    }
}

fn integers(rows: &Selection, read: &Column, (low, high): (i64, i64)) -> Result<Selection, StoreError> {
    let numbers: &Int64Array = column(&*read.array)?;
    Ok(keep_values(rows, read, numbers.values(), |n| (low..=high).contains(&n)))
}

fn addresses(rows: &Selection, read: &Column, (low, high): (u32, u32)) -> Result<Selection, StoreError> {
    let addresses: &UInt32Array = column(&*read.array)?;
    Ok(keep_values(rows, read, addresses.values(), |a| (low..=high).contains(&a)))
}

/// Writes out each distinct value once and asks `passes`.
fn distinct(
    rows: &Selection,
    read: &Column,
    kind: FieldKind,
    passes: &mut dyn FnMut(&str) -> bool,
) -> Result<Selection, StoreError> {
    fn by_key<K: Eq + std::hash::Hash + Copy>(
        rows: &Selection,
        read: &Column,
        passes: &mut dyn FnMut(&str) -> bool,
        key: impl Fn(usize) -> K,
        text: impl Fn(K) -> String,
    ) -> Selection {
        let mut verdicts: FastMap<K, bool> = FastMap::default();
        keep(rows, read, |at| {
            read.array.is_valid(at) && *verdicts.entry(key(at)).or_insert_with(|| passes(&text(key(at))))
        })
    }
    let array = &*read.array;
    Ok(match kind {
        FieldKind::Integer => {
            let numbers: &Int64Array = column(array)?;
            by_key(rows, read, passes, |at| numbers.value(at), |n| n.to_string())
        }
        FieldKind::Ip4 => {
            let numbers: &UInt32Array = column(array)?;
            by_key(rows, read, passes, |at| numbers.value(at), |n| Ipv4Addr::from(n).to_string())
        }
        FieldKind::Ip => {
            let bytes: &FixedSizeBinaryArray = column(array)?;
            by_key(rows, read, passes, |at| sixteen(bytes.value(at)), ip_text)
        }
        FieldKind::Float => {
            let numbers: &arrow_array::Float64Array = column(array)?;
            by_key(rows, read, passes, |at| numbers.value(at).to_bits(), |n| f64::from_bits(n).to_string())
        }
        FieldKind::Word | FieldKind::Text => texts(rows, read, passes)?,
    })
}

/// Running text in the values of custom fields and structured data that are not hidden.
fn text_in_fields(
    group: &Group<'_>,
    rows: &Selection,
    text: &TextStep,
    hidden: Option<&Hidden>,
) -> Result<Selection, StoreError> {
    let mut hits = Selection::none();
    let mut left = rows.clone();
    let mut folded = Vec::new();
    let mut found = |value: &str| {
        folded.clear();
        crate::tokens::fold_into(&mut folded, value.as_bytes());
        text.finder.is_match(&folded)
    };
    for (i, field) in group.head.columns.columns.iter().enumerate() {
        if left.is_empty() {
            return Ok(hits);
        }
        let is_hidden = hidden.is_some_and(|hidden| hidden.hides_name(&field.name));
        let is_empty = group.field(&field.name).is_some_and(|f| f.single == 0);
        if is_hidden || is_empty || !text.fits_kind(field.kind) {
            continue;
        }
        let more = match field.kind {
            FieldKind::Text => scan::text(group, core::FIELDS + i, &left, &text.finder)?,
            FieldKind::Word => texts(&left, &*group.column(core::FIELDS + i, &left)?, &mut found)?,
            kind => distinct(&left, &*group.column(core::FIELDS + i, &left)?, kind, &mut found)?,
        };
        left = left.minus(&more);
        hits = hits.union(&more);
    }
    let in_rest = group.census().is_none_or(|c| c.incomplete || c.fields.iter().any(|f| f.in_rest > 0));
    if in_rest && !left.is_empty() {
        let read = group.column(core::REST, &left)?;
        let more = texts(&left, &read, |json| {
            let mut hit = false;
            rest::parse(json).each_searched(hidden, |value| hit = hit || found(value));
            hit
        })?;
        hits = hits.union(&more);
    }
    Ok(hits)
}
