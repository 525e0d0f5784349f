//! The fields that matching events have, each with the number of events that have it.
//!
//! Messages are not read, unless the query looks at them. Where the index knows the number, no column
//! is read at all; so for everything, only of names with values outside of their columns.

use super::exec;
use super::exec::group::Group;
use super::exec::plan::Plan;
use super::presence;
use super::reader::Reader;
use super::rows::TextColumn;
use super::schema::core;
use super::selection::Selection;
use crate::facets::COUNTED_FIELDS;
use crate::hash::NameMap;
use crate::looks::Looks;
use crate::query::{Field, Query};
use crate::{FieldsOf, MAX_FIELD_NAMES, SearchOptions, StoreError, rest};

/// What one row group has.
#[derive(Default)]
struct OfGroup {
    matched: u64,
    /// In the order of [`COUNTED_FIELDS`].
    core: [u64; COUNTED_FIELDS.len()],
    custom: Vec<(String, Looks, u64)>,
    overflow: bool,
}

impl Reader {
    /// The fields that matching events have.
    pub fn fields_of(&self, query: &Query, options: &SearchOptions) -> Result<FieldsOf, StoreError> {
        let plan = Plan::new(query, options);
        self.ask(|view| {
            let mut fields = FieldsOf::default();
            if plan.span.is_empty() {
                return Ok(fields);
            }
            let (answers, trouble) = self.each_group(view, plan.span, &options.limits, |target| {
                count_group(&plan, &Group::new(&target.file, target.group)?)
            })?;
            (fields.partial, fields.warnings) = (trouble.partial, trouble.warnings);
            let mut core = [0; COUNTED_FIELDS.len()];
            let mut custom: NameMap<(Looks, u64)> = NameMap::default();
            let mut overflow = false;
            for answer in answers {
                fields.stats.groups += 1;
                fields.stats.groups_read += u64::from(answer.matched > 0);
                fields.matched += answer.matched;
                overflow |= answer.overflow;
                core.iter_mut().zip(answer.core).for_each(|(sum, more)| *sum += more);
                for (name, looks, events) in answer.custom {
                    let full = custom.len() >= MAX_FIELD_NAMES;
                    match custom.get_mut(&name) {
                        Some(sum) => *sum = (Looks(sum.0.0 | looks.0), sum.1 + events),
                        None if full => overflow = true,
                        None => {
                            custom.insert(name, (looks, events));
                        }
                    }
                }
            }
            fields.stats.matched = fields.matched;
            view.usage.tell(&mut fields.stats);
            for (field, events) in COUNTED_FIELDS.iter().zip(core) {
                fields.add_core(field.clone(), events);
            }
            if overflow {
                fields.too_many();
            }
            fields.add_custom(custom.into_iter().map(|(name, (looks, n))| (name, looks.kind(), n)));
            Ok(fields)
        })
    }
}

fn count_group(plan: &Plan, group: &Group<'_>) -> Result<OfGroup, StoreError> {
    let rows = exec::matching_rows(plan, group)?;
    let mut found = OfGroup { matched: rows.len() as u64, ..OfGroup::default() };
    if rows.is_empty() {
        return Ok(found);
    }
    for (field, count) in COUNTED_FIELDS.iter().zip(&mut found.core) {
        *count = presence::rows_with(group, field, &rows)?.len() as u64;
    }
    let census = group.census();
    let known = census.map(|c| c.fields.as_slice()).unwrap_or_default();
    let incomplete = census.is_none_or(|c| c.incomplete);
    let everything = rows.len() == group.index.rows as usize;
    for field in known.iter().filter(|f| f.in_rest == 0) {
        let events = match everything {
            true => u64::from(field.single),
            false => {
                let custom = Field::Custom(field.name.clone());
                presence::rows_with(group, &custom, &rows)?.len() as u64
            }
        };
        if events > 0 {
            found.custom.push((field.name.clone(), field.looks, events));
        }
    }
    if !incomplete && known.iter().all(|f| f.in_rest == 0) {
        return Ok(found);
    }
    let looks_of = |name: &str| known.iter().find(|f| f.name == name).map_or(Looks(Looks::TEXT), |f| f.looks);
    // Where the census is whole, it says where to look.
    let blocks = known.iter().filter(|f| f.in_rest > 0).fold(0, |mask, f| mask | f.blocks);
    let there = if incomplete { rows.clone() } else { rows.intersect(&group.index.rows_of_blocks(blocks)) };
    let mut in_rest: NameMap<Selection> = NameMap::default();
    if !there.is_empty() {
        names_in_rest(group, &there, &mut in_rest, &mut found.overflow)?;
    }
    // A name can have both: a column for the custom field, and an SD-PARAM elsewhere.
    for column in &group.head.columns.columns {
        let also = known.iter().any(|f| f.name == column.name && f.in_rest > 0)
            || known.iter().all(|f| f.name != column.name);
        if also {
            let with = presence::in_column(group, &column.name, &rows)?;
            let sum = in_rest.entry(column.name.clone()).or_default();
            *sum = sum.union(&with);
        }
    }
    for (name, rows) in in_rest {
        if known.iter().any(|f| f.name == name && f.in_rest == 0) {
            continue;
        }
        let looks = looks_of(&name);
        found.custom.push((name, looks, rows.len() as u64));
    }
    Ok(found)
}

/// The rows that have each name in the JSON column.
fn names_in_rest(
    group: &Group<'_>,
    rows: &Selection,
    names: &mut NameMap<Selection>,
    overflow: &mut bool,
) -> Result<(), StoreError> {
    let read = group.column(core::REST, rows)?;
    let texts = TextColumn::new(&*read.array)?;
    rows.each_range_in(&read.rows, |place, first, length| {
        for i in 0..length {
            let Some(json) = texts.get((place + i) as usize) else { continue };
            let row = first + i;
            rest::parse(json).each_named(|name, _, _| {
                if let Some(rows) = names.get_mut(name) {
                    rows.push(row, row + 1);
                } else if names.len() < MAX_FIELD_NAMES {
                    names.insert(name.to_owned(), Selection::from_rows([row]));
                } else {
                    *overflow = true;
                }
            });
        }
    });
    Ok(())
}
