//! Where the values of a field stand in the tables, and which of them are wanted.
//!
//! Not what is done with them (`top`, `histogram_by`).

use loggr_event::{Defects, Facility, Severity};

use super::ask::Snapshot;
use super::condition::{cuts, like};
use super::param::Param;
use super::sql::Sql;
use crate::facets::Wanted;
use crate::query::Field;

/// Where the values of a field come from.
pub(super) enum Values {
    /// A column of text, null where the event has none.
    Column(&'static str),
    /// A subquery with one column, for each row.
    Each(String),
    /// A column of numbers that stand for words.
    Coded(&'static str),
    /// The server cannot tell.
    Unknown,
}

impl Values {
    /// Matching rows, one for each value: other columns (each with a comma behind it), the value, and
    /// the how manieth of its event it is. An event without any has one row with a null.
    pub(super) fn rows(&self, snapshot: &Snapshot, columns: &str, condition: &str) -> String {
        let table = snapshot.table.sql("");
        match self {
            Values::Column(column) | Values::Coded(column) => {
                format!("SELECT {columns}{column}, 1 FROM {table} WHERE {condition}")
            }
            Values::Each(values) => format!(
                "SELECT {columns}found.v, coalesce(found.nth, 1) FROM {table} LEFT JOIN LATERAL \
                 (SELECT each.v, row_number() OVER () AS nth FROM ({values}) AS each(v)) AS found ON true \
                 WHERE {condition}"
            ),
            Values::Unknown => format!("SELECT {columns}NULL::text, 1 FROM {table} WHERE {condition}"),
        }
    }
}

/// Where those of a field come from. Names travel as parameters of `sql`.
pub(super) fn values_of(snapshot: &Snapshot, field: &Field, sql: &mut Sql<'_>) -> Values {
    match field {
        Field::Source => Values::Column("source"),
        Field::AppName => Values::Column("app_name"),
        Field::Procid => Values::Column("procid"),
        Field::Msgid => Values::Column("msgid"),
        Field::Message => Values::Column("NULLIF(message, '')"),
        Field::Peer => Values::Column("peer"),
        Field::Uid => Values::Column("(uid::text COLLATE \"C\")"),
        Field::Tag => Values::Each("SELECT t.v FROM unnest(tags) AS t(v) WHERE t.v <> ''".to_owned()),
        Field::Severity => Values::Coded("severity"),
        Field::Facility => Values::Coded("facility"),
        Field::Listener | Field::Transport | Field::TlsName => Values::Coded("origin"),
        Field::Defect => Values::Coded("defects"),
        Field::Shape => Values::Column("(lpad(to_hex(shape), 16, '0') COLLATE \"C\")"),
        Field::Custom(name) => custom(snapshot, name, sql),
        Field::Time | Field::Timereported => Values::Unknown,
    }
}

fn custom(snapshot: &Snapshot, name: &str, sql: &mut Sql<'_>) -> Values {
    let Some(cuts) = cuts(name) else { return Values::Unknown };
    let mut parts = Vec::new();
    for column in snapshot.promoted().iter().filter(|c| c.name == name) {
        parts.push(format!("SELECT {} WHERE {} IS NOT NULL", column.shown(), column.sql_name()));
    }
    let mut member = |path: String| {
        parts.push(format!(
            "SELECT (j #>> '{{}}') COLLATE \"C\" FROM jsonb_path_query({path}, '$[*]') AS member(j)"
        ));
    };
    let key = sql.text(name);
    member(format!("fields -> {key}"));
    member(format!("trusted -> {key}"));
    for (id, param) in cuts {
        let (id, param) = (sql.text(id), sql.text(param));
        member(format!("structured_data -> {id} -> {param}"));
    }
    Values::Each(parts.join(" UNION ALL "))
}

/// The words that a number stands for.
pub(super) fn each_word(snapshot: &Snapshot, field: &Field, number: Option<i32>, mut seen: impl FnMut(&str)) {
    let Some(number) = number else { return };
    let code = u8::try_from(number).ok();
    let mut add = |word: &str| {
        if !word.is_empty() {
            seen(word);
        }
    };
    match field {
        Field::Severity => add(code.and_then(Severity::from_code).map_or("", Severity::keyword)),
        Field::Facility => add(code.and_then(Facility::from_code).map_or("", Facility::keyword)),
        Field::Defect => Defects::from_bits(u16::try_from(number).unwrap_or(0)).words().for_each(add),
        field => {
            let Some(origin) = snapshot.origins.get(&number) else { return };
            match field {
                Field::Listener => add(&origin.listener),
                Field::Transport => add(origin.transport.keyword()),
                _ => add(origin.tls_name.as_deref().unwrap_or_default()),
            }
        }
    }
}

/// That the value `v` is one of those asked for.
pub(super) fn wanted(wanted: &Wanted, sql: &mut Sql<'_>) -> String {
    let mut parts = Vec::new();
    for (text, open_start) in [(&wanted.prefix, false), (&wanted.contains, true)] {
        if !text.is_empty() {
            let pattern = sql.param(Param::Text(like(&[text], open_start, true)));
            parts.push(format!("lower(v) LIKE {pattern}"));
        }
    }
    if parts.is_empty() { "true".to_owned() } else { parts.join(" AND ") }
}
