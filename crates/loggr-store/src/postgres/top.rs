//! The most frequent values of a field among matching events.

use std::collections::HashMap;

use loggr_event::{Defects, Facility, Severity};

use super::ask::{Snapshot, Trouble};
use super::condition::cuts;
use super::count::{counted_rows, plan, stats};
use super::param::Param;
use super::search::{resolve, sift};
use super::sql::Sql;
use super::text;
use crate::query::{Field, Query, Resolved, field_values};
use crate::{MAX_TOP_VALUES, SearchOptions, Top, TopValue};

/// Where the values of a field come from.
enum Values {
    /// A column of text, null where the event has none.
    Column(&'static str),
    /// A subquery with one column `v`, for each row.
    Each(String),
    /// A column of numbers that stand for words.
    Coded(&'static str),
    /// The server cannot tell.
    Unknown,
}

/// The `n` most frequent values.
pub(super) async fn top(
    snapshot: &Snapshot,
    query: &Query,
    field: &Field,
    n: usize,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<Top, Trouble> {
    let resolved = resolve(query, options);
    let mut top = Top::default();
    if resolved.span.is_empty() || matches!(field, Field::Time | Field::Timereported) {
        return Ok(top);
    }
    let question = Question { snapshot, query, resolved: &resolved, field, n, options, without_regex };
    let done = question.answer(&mut top).await;
    match done {
        Ok(()) => {}
        Err(Trouble::Late) => {
            top.partial = true;
            top.warnings.push("the time limit was reached".to_owned());
        }
        Err(other) => return Err(other),
    }
    top.values.truncate(n);
    top.stats = stats(snapshot, top.stats.matched);
    Ok(top)
}

struct Question<'q> {
    snapshot: &'q Snapshot,
    query: &'q Query,
    resolved: &'q Resolved,
    field: &'q Field,
    n: usize,
    options: &'q SearchOptions,
    without_regex: bool,
}

impl Question<'_> {
    async fn answer(&self, top: &mut Top) -> Result<(), Trouble> {
        let indexes = self.snapshot.common_indexes(self.resolved.span);
        let mut sql = Sql::new(self.snapshot.context(indexes, self.without_regex));
        let span = sql.span("timegenerated", self.resolved.span);
        let condition = sql.node(&self.resolved.filter);
        if !sql.exact {
            return self.sift(top).await;
        }
        let table = self.snapshot.table.sql("");
        match self.values(&mut sql) {
            Values::Unknown => self.sift(top).await,
            Values::Coded(column) => self.coded(column, top).await,
            Values::Column("app_name") if self.is_counted() => self.counted("app_name", top).await,
            Values::Column(column) => {
                let rows = format!("SELECT {column} AS v FROM {table} WHERE {span} AND {condition}");
                self.ranked(sql, &rows, top).await
            }
            Values::Each(values) => {
                let rows = format!(
                    "SELECT found.v FROM {table} CROSS JOIN LATERAL ({values}) AS found(v) WHERE {span} AND {condition}"
                );
                self.ranked(sql, &rows, top).await
            }
        }
    }

    fn values(&self, sql: &mut Sql<'_>) -> Values {
        match self.field {
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
            Field::Custom(name) => self.custom(sql, name),
            Field::Time | Field::Timereported => Values::Unknown,
        }
    }

    fn custom(&self, sql: &mut Sql<'_>, name: &str) -> Values {
        let Some(cuts) = cuts(name) else { return Values::Unknown };
        let mut parts = Vec::new();
        for column in self.snapshot.promoted().iter().filter(|c| c.name == name) {
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

    /// Texts: the server counts and sorts them, and sends the first.
    async fn ranked(&self, mut sql: Sql<'_>, rows: &str, top: &mut Top) -> Result<(), Trouble> {
        let limit = sql.param(Param::Int8(self.n.clamp(1, MAX_TOP_VALUES) as i64));
        let text = format!(
            "SELECT v, count(*) AS n, count(*) OVER (), sum(count(*)) OVER ()::int8 FROM ({rows}) AS matching(v) \
             WHERE v IS NOT NULL GROUP BY v ORDER BY n DESC, v COLLATE \"C\" LIMIT {limit}"
        );
        for row in self.snapshot.all(&text, &sql.params).await? {
            top.distinct = number(row.get(2));
            top.stats.matched = number(row.get(3));
            let value = text::decode(row.get(0)).into_owned();
            top.values.push(TopValue { value, events: number(row.get(1)) });
        }
        Ok(())
    }

    fn is_counted(&self) -> bool {
        let plan = plan(self.snapshot, &self.resolved.filter, self.resolved.span, true);
        !plan.minutes.is_empty() && !self.snapshot.meta.long_names
    }

    /// Programs and severities, of which the table of minutes knows the numbers; what stands
    /// outside whole minutes is counted in the events.
    async fn counted(&self, column: &str, top: &mut Top) -> Result<(), Trouble> {
        let plan = plan(self.snapshot, &self.resolved.filter, self.resolved.span, true);
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut sql = Sql::new(self.snapshot.context(Default::default(), self.without_regex).plain());
        let mut parts = vec![format!(
            "SELECT {column}::text AS v, sum(events)::int8 FROM {} GROUP BY 1",
            counted_rows(self.snapshot, &mut sql, &self.resolved.filter, plan.minutes)
        )];
        for span in plan.events {
            let span = sql.span("timegenerated", span);
            let condition = sql.node(&self.resolved.filter);
            parts.push(format!(
                "SELECT {column}::text, count(*) FROM {} WHERE {span} AND {condition} GROUP BY 1",
                self.snapshot.table.sql("")
            ));
        }
        if !sql.exact {
            return self.sift(top).await;
        }
        let text = parts.join(" UNION ALL ");
        let mut seen = |row: &tokio_postgres::Row| {
            if let Some(value) = row.get::<_, Option<&str>>(0) {
                *counts.entry(text::decode(value).into_owned()).or_default() += number(row.get(1));
            }
            Ok(true)
        };
        self.snapshot.each(&text, &sql.params, &mut seen).await?;
        if column == "severity" {
            counts = self.words(counts.iter().map(|(code, n)| (code.parse().ok(), *n)));
        }
        rank(counts, self.n, top);
        Ok(())
    }

    /// Numbers: few of them, each with its words.
    async fn coded(&self, column: &str, top: &mut Top) -> Result<(), Trouble> {
        if column == "severity" && self.is_counted() {
            return self.counted(column, top).await;
        }
        let indexes = self.snapshot.common_indexes(self.resolved.span);
        let mut sql = Sql::new(self.snapshot.context(indexes, self.without_regex));
        let span = sql.span("timegenerated", self.resolved.span);
        let condition = sql.node(&self.resolved.filter);
        let text = format!(
            "SELECT {column}::int4, count(*) FROM {} WHERE {span} AND {condition} GROUP BY 1",
            self.snapshot.table.sql("")
        );
        let rows = self.snapshot.all(&text, &sql.params).await?;
        let counts = self.words(rows.iter().map(|row| (row.get::<_, Option<i32>>(0), number(row.get(1)))));
        rank(counts, self.n, top);
        Ok(())
    }

    /// The words that a number stands for, with the events that have it.
    fn words(&self, numbers: impl Iterator<Item = (Option<i32>, u64)>) -> HashMap<String, u64> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for (number, events) in numbers {
            let Some(number) = number else { continue };
            let code = u8::try_from(number).ok();
            let mut add = |word: &str| {
                if !word.is_empty() {
                    *counts.entry(word.to_owned()).or_default() += events;
                }
            };
            match self.field {
                Field::Severity => add(code.and_then(Severity::from_code).map_or("", Severity::keyword)),
                Field::Facility => add(code.and_then(Facility::from_code).map_or("", Facility::keyword)),
                Field::Defect => {
                    Defects::from_bits(u16::try_from(number).unwrap_or(0)).words().for_each(add);
                }
                field => {
                    let Some(origin) = self.snapshot.origins.get(&number) else { continue };
                    match field {
                        Field::Listener => add(&origin.listener),
                        Field::Transport => add(origin.transport.keyword()),
                        _ => add(origin.tls_name.as_deref().unwrap_or_default()),
                    }
                }
            }
        }
        counts
    }

    /// Event by event, here.
    async fn sift(&self, top: &mut Top) -> Result<(), Trouble> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut overflow = false;
        let seen = |event: &loggr_event::Event<'_>| {
            field_values(event, self.field, &mut |value| {
                if let Some(count) = counts.get_mut(value) {
                    *count += 1;
                } else if counts.len() < MAX_TOP_VALUES {
                    counts.insert(value.to_owned(), 1);
                } else {
                    overflow = true;
                }
                false
            });
        };
        let done = sift(self.snapshot, self.query, self.options, self.without_regex, seen).await;
        if overflow {
            top.partial = true;
            top.warnings
                .push(format!("`{}` has more than {MAX_TOP_VALUES} distinct values", self.field.name()));
        }
        rank(counts, self.n, top);
        done
    }
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// The `n` largest; equals by their bytes.
fn rank(counts: HashMap<String, u64>, n: usize, top: &mut Top) {
    top.distinct = counts.len() as u64;
    top.stats.matched = counts.values().sum();
    let mut values: Vec<TopValue> =
        counts.into_iter().map(|(value, events)| TopValue { value, events }).collect();
    values.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    values.truncate(n);
    top.values = values;
}
