//! The values of one field, row by row: each distinct value is shown once, where a column has a
//! dictionary or the index knows it.
//!
//! Not how often they occur (`top`), which has quicker ways where nothing but the sum is asked for.
//! Invariant: the values of a row are those of [`crate::query::field_values`] for its event.

use std::net::Ipv4Addr;

use arrow_array::{Array, Int64Array, UInt8Array, UInt32Array, UInt64Array};
use loggr_event::{Facility, Origin, Severity};

use super::exec::group::{Column, Group};
use super::rows::{TextColumn, column, field_text};
use super::schema::core;
use super::selection::Selection;
use super::top::places;
use crate::hash::FastMap;
use crate::looks::FieldKind;
use crate::query::Field;
use crate::shape::ShapeId;
use crate::{StoreError, rest};

/// What stands for a value; whoever asks decides.
pub(super) type Class = usize;

/// Calls `class` for values and `seen` for each row that has one: its place among `rows`, and the
/// class. A row of several values is seen for each of them.
pub(super) fn each_value(
    group: &Group<'_>,
    field: &Field,
    rows: &Selection,
    class: &mut dyn FnMut(&str) -> Class,
    seen: &mut dyn FnMut(usize, Class),
) -> Result<(), StoreError> {
    let mut one = |text: &str, classes: &mut Vec<Class>| {
        if !text.is_empty() {
            classes.push(class(text));
        }
    };
    let position = match field {
        Field::Time | Field::Timereported => return Ok(()),
        Field::Source | Field::AppName => {
            if let Some(runs) = group.runs() {
                let by_app = *field == Field::AppName;
                let texts = runs.iter().map(|(app, source, n)| (if by_app { app } else { source }, n));
                each_run(rows, texts, class, seen);
                return Ok(());
            }
            if *field == Field::AppName { core::APP_NAME } else { core::SOURCE }
        }
        Field::Severity => {
            return each_code(group, core::SEVERITY, rows, seen, &mut |code| {
                Severity::from_code(code).map(|s| class(s.keyword()))
            });
        }
        Field::Facility => {
            return each_code(group, core::FACILITY, rows, seen, &mut |code| {
                Facility::from_code(code).map(|f| class(f.keyword()))
            });
        }
        Field::Uid => {
            for (place, uid) in group.uids(rows)?.into_iter().enumerate() {
                seen(place, class(uid.write_hyphenated(&mut [0; 36])));
            }
            return Ok(());
        }
        Field::Shape => {
            let read = group.shapes(rows)?;
            let shapes = column::<UInt64Array>(&*read.array)?.values();
            for (place, at) in places(rows, &read).enumerate() {
                let shape = shapes.get(at).copied().unwrap_or_default();
                seen(place, class(&ShapeId(shape).to_string()));
            }
            return Ok(());
        }
        Field::Custom(name) => return each_custom(group, name, rows, class, seen),
        Field::Procid => core::PROCID,
        Field::Msgid => core::MSGID,
        Field::Message => core::MESSAGE,
        Field::Tag => core::TAGS,
        Field::Listener | Field::Transport | Field::Peer | Field::TlsName => core::ORIGIN,
        Field::Defect => core::REST,
    };
    if !group.index.has_values(position) {
        return Ok(());
    }
    let read = group.column(position, rows)?;
    each_text(rows, &read, seen, &mut |text, classes| match field {
        Field::Tag => {
            let tags: Vec<std::borrow::Cow<'_, str>> = serde_json::from_str(text).unwrap_or_default();
            tags.iter().for_each(|tag| one(tag, classes));
        }
        Field::Defect => rest::parse(text).defects().for_each(|word| one(word, classes)),
        Field::Listener | Field::Transport | Field::Peer | Field::TlsName => {
            let Ok(origin) = serde_json::from_str::<Origin>(text) else { return };
            match field {
                Field::Listener => one(&origin.listener, classes),
                Field::Transport => one(origin.transport.keyword(), classes),
                Field::Peer => one(origin.peer_host(), classes),
                _ => one(origin.tls_name.as_deref().unwrap_or_default(), classes),
            }
        }
        _ => one(text, classes),
    })
}

/// Runs of rows with one text each, from the first row on.
fn each_run<'t>(
    rows: &Selection,
    runs: impl Iterator<Item = (&'t str, u32)>,
    class: &mut dyn FnMut(&str) -> Class,
    seen: &mut dyn FnMut(usize, Class),
) {
    let (mut at, mut place) = (0, 0);
    let mut ranges = rows.ranges().iter().copied().peekable();
    for (text, length) in runs {
        let end = at + length;
        let class = (!text.is_empty()).then(|| class(text));
        while let Some((from, until)) = ranges.peek_mut().filter(|(from, _)| *from < end) {
            let here = (*until).min(end) - *from;
            if let Some(class) = class {
                (place..place + here as usize).for_each(|place| seen(place, class));
            }
            place += here as usize;
            *from += here;
            if *from < *until {
                break;
            }
            ranges.next();
        }
        at = end;
    }
}

fn each_code(
    group: &Group<'_>,
    position: usize,
    rows: &Selection,
    seen: &mut dyn FnMut(usize, Class),
    class: &mut dyn FnMut(u8) -> Option<Class>,
) -> Result<(), StoreError> {
    let read = group.column(position, rows)?;
    let codes = column::<UInt8Array>(&*read.array)?.values();
    let classes: Vec<Option<Class>> = (0..=31).map(&mut *class).collect();
    for (place, at) in places(rows, &read).enumerate() {
        let code = codes.get(at).copied().unwrap_or_default();
        if let Some(Some(class)) = classes.get(usize::from(code)) {
            seen(place, *class);
        }
    }
    Ok(())
}

/// A column of text; `classes` is asked once for each distinct text where there is a dictionary.
fn each_text(
    rows: &Selection,
    read: &Column,
    seen: &mut dyn FnMut(usize, Class),
    classes: &mut dyn FnMut(&str, &mut Vec<Class>),
) -> Result<(), StoreError> {
    match TextColumn::new(&*read.array)? {
        TextColumn::Dictionary(keys, values) => {
            let mut known: Vec<Option<Vec<Class>>> = vec![None; values.len()];
            for (place, at) in places(rows, read).enumerate() {
                let Some((key, slot)) = keys.key(at).and_then(|key| Some((key, known.get_mut(key)?))) else {
                    continue;
                };
                let known = slot.get_or_insert_with(|| {
                    let mut found = Vec::new();
                    classes(values.value(key), &mut found);
                    found
                });
                known.iter().for_each(|class| seen(place, *class));
            }
        }
        texts => {
            let mut found = Vec::new();
            for (place, at) in places(rows, read).enumerate() {
                if let Some(text) = texts.get(at) {
                    found.clear();
                    classes(text, &mut found);
                    found.iter().for_each(|class| seen(place, *class));
                }
            }
        }
    }
    Ok(())
}

fn each_custom(
    group: &Group<'_>,
    name: &str,
    rows: &Selection,
    class: &mut dyn FnMut(&str) -> Class,
    seen: &mut dyn FnMut(usize, Class),
) -> Result<(), StoreError> {
    if group.census().is_some_and(|c| !c.incomplete) && group.field(name).is_none() {
        return Ok(());
    }
    if let Some(i) = group.head.columns.position(name)
        && let Some(field) = group.head.columns.columns.get(i)
        && group.index.has_values(core::FIELDS + i)
    {
        let read = group.column(core::FIELDS + i, rows)?;
        let array = &*read.array;
        let valid = |(_, at): &(usize, usize)| array.is_valid(*at);
        match field.kind {
            FieldKind::Integer => {
                let numbers: &Int64Array = column(array)?;
                let mut known: FastMap<i64, Class> = FastMap::default();
                for (place, at) in places(rows, &read).enumerate().filter(valid) {
                    let number = numbers.value(at);
                    seen(place, *known.entry(number).or_insert_with(|| class(&number.to_string())));
                }
            }
            FieldKind::Ip4 => {
                let numbers: &UInt32Array = column(array)?;
                let mut known: FastMap<u32, Class> = FastMap::default();
                for (place, at) in places(rows, &read).enumerate().filter(valid) {
                    let number = numbers.value(at);
                    let text = || Ipv4Addr::from(number).to_string();
                    seen(place, *known.entry(number).or_insert_with(|| class(&text())));
                }
            }
            FieldKind::Float | FieldKind::Ip => {
                for (place, at) in places(rows, &read).enumerate() {
                    if let Some(text) = field_text(array, field.kind, at)? {
                        seen(place, class(&text));
                    }
                }
            }
            FieldKind::Word | FieldKind::Text => {
                each_text(rows, &read, seen, &mut |text, classes| classes.push(class(text)))?;
            }
        }
    }
    if group.may_be_in_rest(name) {
        let read = group.column(core::REST, rows)?;
        each_text(rows, &read, seen, &mut |json, classes| {
            rest::parse(json).any_named(name, &mut |value| {
                classes.push(class(value));
                false
            });
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: &[u32], runs: &[(&str, u32)], expect: &[(usize, Class)]) {
        let mut found = Vec::new();
        each_run(
            &Selection::from_rows(rows.iter().copied()),
            runs.iter().copied(),
            &mut str::len,
            &mut |place, class| found.push((place, class)),
        );
        assert_eq!(found, expect);
    }

    #[test]
    fn rows_of_runs() {
        check(&[0, 1, 2], &[("a", 1), ("bb", 2)], &[(0, 1), (1, 2), (2, 2)]);
        check(&[1, 4], &[("a", 2), ("", 1), ("bb", 9)], &[(0, 1), (1, 2)]);
        check(&[0, 1, 2, 3], &[("", 1), ("a", 2), ("", 1)], &[(1, 1), (2, 1)]);
        check(&[5, 6, 8], &[("a", 2), ("bb", 4), ("c", 1), ("dddd", 5)], &[(0, 2), (1, 1), (2, 4)]);
        check(&[], &[("a", 2)], &[]);
    }
}
