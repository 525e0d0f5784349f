//! The fields that matching events have, each with the number of events that have it.
//!
//! Two statements: one counts the columns, the other the names in the documents. What the server
//! cannot decide is counted event by event, here.

use std::collections::HashMap;

use loggr_event::Event;

use super::ask::{Snapshot, Trouble};
use super::count::{LATE, fields, stats};
use super::param::Param;
use super::search::{resolve, sift};
use super::sql::Sql;
use super::text;
use super::top::number;
use super::values::each_word;
use crate::facets::COUNTED_FIELDS;
use crate::hash::NameMap;
use crate::looks::FieldKind;
use crate::query::{Field, Query, Resolved, field_values};
use crate::{FieldsOf, MAX_FIELD_NAMES, SearchOptions};

/// Hits by field.
#[derive(Default)]
struct Counts {
    matched: u64,
    /// In the order of [`COUNTED_FIELDS`].
    core: [u64; COUNTED_FIELDS.len()],
    custom: NameMap<u64>,
    overflow: bool,
}

impl Counts {
    fn add_core(&mut self, field: &Field, events: u64) {
        if let Some((_, count)) = COUNTED_FIELDS.iter().zip(&mut self.core).find(|(f, _)| *f == field) {
            *count += events;
        }
    }

    fn add_custom(&mut self, name: &str, events: u64) {
        let full = self.custom.len() >= MAX_FIELD_NAMES;
        match self.custom.get_mut(name) {
            Some(count) => *count += events,
            None if full => self.overflow = true,
            None => {
                self.custom.insert(name.to_owned(), events);
            }
        }
    }

    fn add_event(&mut self, event: &Event<'_>) {
        self.matched += 1;
        for (field, count) in COUNTED_FIELDS.iter().zip(&mut self.core) {
            *count += u64::from(field_values(event, field, &mut |_| true));
        }
        let params = event.structured_data.iter().flat_map(|element| {
            element.params.iter().map(move |param| format!("{}.{}", element.id, param.name))
        });
        let fields = event.fields.iter().map(|f| f.name.to_string());
        let mut names: Vec<String> =
            fields.chain(params).chain(event.trusted.iter().map(|t| t.name.to_string())).collect();
        names.sort_unstable();
        names.dedup();
        names.iter().for_each(|name| self.add_custom(name, 1));
    }
}

/// The fields of the hits.
pub(super) async fn fields_of(
    snapshot: &Snapshot,
    query: &Query,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<FieldsOf, Trouble> {
    let resolved = resolve(query, options);
    let mut found = FieldsOf::default();
    if resolved.span.is_empty() {
        return Ok(found);
    }
    let mut counts = Counts::default();
    let mut kinds: HashMap<String, FieldKind> = HashMap::new();
    let done = async {
        kinds.extend(fields(snapshot, resolved.span).await?.into_iter().map(|f| (f.name, f.kind)));
        let mut sql = Sql::new(snapshot.context(snapshot.common_indexes(resolved.span), without_regex));
        sql.node(&resolved.filter);
        if !sql.exact {
            return sift(snapshot, query, options, without_regex, |event| counts.add_event(event)).await;
        }
        columns(snapshot, &resolved, without_regex, &mut counts).await?;
        names(snapshot, &resolved, without_regex, &mut counts).await
    };
    match done.await {
        Ok(()) => {}
        Err(Trouble::Late) => {
            found.partial = true;
            found.warnings.push(LATE.to_owned());
        }
        Err(other) => return Err(other),
    }
    found.matched = counts.matched;
    found.stats = stats(snapshot, counts.matched);
    for (field, events) in COUNTED_FIELDS.iter().zip(counts.core) {
        found.add_core(field.clone(), events);
    }
    if counts.overflow {
        found.too_many();
    }
    let kind = |name: &str| kinds.get(name).copied().unwrap_or(FieldKind::Text);
    found.add_custom(counts.custom.into_iter().map(|(name, events)| {
        let kind = kind(&name);
        (name, kind, events)
    }));
    Ok(found)
}

/// The fields that have columns.
async fn columns(
    snapshot: &Snapshot,
    resolved: &Resolved,
    without_regex: bool,
    counts: &mut Counts,
) -> Result<(), Trouble> {
    let mut sql = Sql::new(snapshot.context(snapshot.common_indexes(resolved.span), without_regex));
    let span = sql.span("timegenerated", resolved.span);
    let condition = sql.node(&resolved.filter);
    let text = format!(
        "SELECT origin, coalesce(defects, 0), count(*), count(source), count(app_name), count(procid), \
         count(msgid), count(peer), count(*) FILTER (WHERE cardinality(array_remove(tags, '')) > 0) \
         FROM {} WHERE {span} AND {condition} GROUP BY 1, 2",
        snapshot.table.sql("")
    );
    for row in snapshot.all(&text, &sql.params).await? {
        let count = |at| number(row.get(at));
        counts.matched += count(2);
        for (field, at) in [
            (Field::Severity, 2),
            (Field::Facility, 2),
            (Field::Source, 3),
            (Field::AppName, 4),
            (Field::Procid, 5),
            (Field::Msgid, 6),
            (Field::Peer, 7),
            (Field::Tag, 8),
        ] {
            counts.add_core(&field, count(at));
        }
        let (origin, defects): (Option<i32>, i32) = (row.get(0), row.get(1));
        for (field, code) in [
            (Field::Listener, origin),
            (Field::Transport, origin),
            (Field::TlsName, origin),
            (Field::Defect, Some(defects)),
        ] {
            let mut any = false;
            each_word(snapshot, &field, code, |_| any = true);
            counts.add_core(&field, if any { count(2) } else { 0 });
        }
    }
    Ok(())
}

/// Custom fields, structured data and trusted fields; a name once for each event.
async fn names(
    snapshot: &Snapshot,
    resolved: &Resolved,
    without_regex: bool,
    counts: &mut Counts,
) -> Result<(), Trouble> {
    let mut sql = Sql::new(snapshot.context(snapshot.common_indexes(resolved.span), without_regex));
    let span = sql.span("timegenerated", resolved.span);
    let condition = sql.node(&resolved.filter);
    let mut own = vec!["SELECT jsonb_object_keys(fields) COLLATE \"C\"".to_owned()];
    let mut known = vec!["coalesce(fields ? o.name, false)".to_owned()];
    for column in snapshot.promoted() {
        let name = sql.text(&column.name);
        own.push(format!("SELECT {name} WHERE {} IS NOT NULL", column.sql_name()));
        known.push(format!("({} IS NOT NULL AND o.name = {name})", column.sql_name()));
    }
    // One more than wanted tells that there are more.
    let limit = sql.param(Param::Int8(MAX_FIELD_NAMES as i64 + 1));
    let text = format!(
        "SELECT k.name, count(*) FROM {} CROSS JOIN LATERAL ({} UNION ALL SELECT o.name FROM \
         (SELECT jsonb_object_keys(trusted) COLLATE \"C\" UNION SELECT (s.key || '.' || \
         jsonb_object_keys(s.value)) COLLATE \"C\" FROM jsonb_each(structured_data) AS s) AS o(name) \
         WHERE NOT ({})) AS k(name) WHERE {span} AND {condition} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {limit}",
        snapshot.table.sql(""),
        own.join(" UNION ALL "),
        known.join(" OR "),
    );
    for row in snapshot.all(&text, &sql.params).await? {
        counts.add_custom(&text::decode(row.get(0)), number(row.get(1)));
    }
    Ok(())
}
