//! Which rows have a field at all.
//!
//! Invariant: the answer for a row is that of `field:*`. Where the index knows it, nothing is read.

use super::exec::eval;
use super::exec::group::Group;
use super::schema::core;
use super::selection::Selection;
use crate::StoreError;
use crate::query::{Field, Test};

/// The rows among `rows` that have the field.
pub(super) fn rows_with(group: &Group<'_>, field: &Field, rows: &Selection) -> Result<Selection, StoreError> {
    let column = match field {
        Field::Time | Field::Timereported | Field::Severity | Field::Facility | Field::Uid | Field::Shape => {
            return Ok(rows.clone());
        }
        Field::Source | Field::AppName => {
            if let Some(runs) = group.runs() {
                let with = runs.select(*field == Field::AppName, |text| !text.is_empty());
                return Ok(with.intersect(rows));
            }
            None
        }
        Field::Procid => Some(core::PROCID),
        Field::Msgid => Some(core::MSGID),
        Field::Message => None,
        Field::Tag => Some(core::TAGS),
        Field::Listener | Field::Transport | Field::Peer | Field::TlsName => Some(core::ORIGIN),
        Field::Defect => Some(core::REST),
        Field::Custom(name) => return custom(group, name, rows),
    };
    if column.is_some_and(|column| !group.index.has_values(column)) {
        return Ok(Selection::none());
    }
    eval::field_test(group, field, &Test::Exists, rows)
}

fn custom(group: &Group<'_>, name: &str, rows: &Selection) -> Result<Selection, StoreError> {
    let mut rows = rows.clone();
    if let Some(census) = group.census().filter(|census| !census.incomplete) {
        let Some(known) = census.fields.iter().find(|f| f.name == name) else {
            return Ok(Selection::none());
        };
        if known.in_rest == 0 && known.single == group.index.rows {
            return Ok(rows);
        }
        rows = rows.intersect(&group.index.rows_of_blocks(known.blocks));
    }
    if rows.is_empty() {
        return Ok(rows);
    }
    eval::field_test(group, &Field::Custom(name.to_owned()), &Test::Exists, &rows)
}

/// The rows whose value of a custom field stands in its column, if it has one in this file.
pub(super) fn in_column(group: &Group<'_>, name: &str, rows: &Selection) -> Result<Selection, StoreError> {
    let Some(position) = group.head.columns.position(name).map(|i| core::FIELDS + i) else {
        return Ok(Selection::none());
    };
    if !group.index.has_values(position) || group.field(name).is_some_and(|f| f.single == 0) {
        return Ok(Selection::none());
    }
    let read = group.column(position, rows)?;
    Ok(eval::keep(rows, &read, |at| read.array.is_valid(at)))
}
