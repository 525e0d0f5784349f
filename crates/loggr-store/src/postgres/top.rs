//! The most frequent values of a field among matching events.

use std::collections::HashMap;

use super::ask::{Snapshot, Trouble};
use super::count::{count, counted_rows, plan, stats};
use super::param::Param;
use super::search::{resolve, sift};
use super::sql::Sql;
use super::text;
use super::values::{Values, each_word, values_of, wanted};
use crate::facets::Wanted;
use crate::query::{Field, Query, Resolved, field_values};
use crate::{MAX_TOP_BYTES, MAX_TOP_VALUES, SearchOptions, Top, TopOptions, TopValue};

/// The most frequent values.
pub(super) async fn top(
    snapshot: &Snapshot,
    query: &Query,
    field: &Field,
    values: &TopOptions,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<Top, Trouble> {
    let resolved = resolve(query, options);
    let mut top = Top::default();
    if resolved.span.is_empty() {
        return Ok(top);
    }
    if matches!(field, Field::Time | Field::Timereported) {
        // All events have them, and nobody counts their values.
        let counted = count(snapshot, query, options, without_regex).await?;
        (top.matched, top.with_field, top.stats) = (counted.events, counted.events, counted.stats);
        (top.partial, top.warnings) = (counted.partial, counted.warnings);
        return Ok(top);
    }
    let (n, wanted) = (values.limit, Wanted::new(values));
    let question =
        Question { snapshot, query, resolved: &resolved, field, n, wanted, options, without_regex };
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
    top.stats = stats(snapshot, top.matched);
    Ok(top)
}

/// The same day by day, the newest first, until the time is over: the days that were counted until
/// then are the answer.
pub(super) async fn values(
    snapshot: &Snapshot,
    query: &Query,
    field: &Field,
    values: &TopOptions,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<Top, Trouble> {
    let wanted = TopOptions { limit: MAX_VALUES_OF_A_DAY, ..values.clone() };
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut sum = Top::default();
    for stretch in snapshot.stretches(resolve(query, options).span).into_iter().rev() {
        let (since, until) = (Some(stretch.span.from), Some(stretch.span.until));
        let day = SearchOptions { since, until, ..options.clone() };
        let found = top(snapshot, query, field, &wanted, &day, without_regex).await?;
        sum.matched += found.matched;
        sum.with_field += found.with_field;
        let late = found.partial;
        let too_many = found.distinct > found.values.len() as u64;
        sum.partial |= late || too_many;
        for value in found.values {
            *counts.entry(value.value).or_default() += value.events;
        }
        for warning in found.warnings {
            if !sum.warnings.contains(&warning) {
                sum.warnings.push(warning);
            }
        }
        if late {
            break;
        }
    }
    rank(counts.into_iter(), values.limit, &mut sum);
    sum.stats = stats(snapshot, sum.matched);
    Ok(sum)
}

/// Values of one day that are looked at to complete what somebody types.
const MAX_VALUES_OF_A_DAY: usize = 10_000;

/// Does the table of minutes know the programs and severities of this query?
pub(super) fn is_counted(snapshot: &Snapshot, resolved: &Resolved) -> bool {
    let plan = plan(snapshot, &resolved.filter, resolved.span, true);
    !plan.minutes.is_empty() && !snapshot.meta.long_names
}

struct Question<'q> {
    snapshot: &'q Snapshot,
    query: &'q Query,
    resolved: &'q Resolved,
    field: &'q Field,
    n: usize,
    wanted: Wanted,
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
        let values = values_of(self.snapshot, self.field, &mut sql);
        match values {
            Values::Unknown => self.sift(top).await,
            Values::Coded(column) => self.coded(column, top).await,
            Values::Column("app_name") if self.is_counted() => self.counted("app_name", top).await,
            values => {
                let rows = values.rows(self.snapshot, "", &format!("{span} AND {condition}"));
                self.ranked(sql, &rows, top).await
            }
        }
    }

    /// Texts: the server counts and sorts them, and sends the first.
    async fn ranked(&self, mut sql: Sql<'_>, rows: &str, top: &mut Top) -> Result<(), Trouble> {
        let limit = sql.param(Param::Int8(self.n.min(MAX_TOP_VALUES) as i64));
        let wanted = wanted(&self.wanted, &mut sql);
        let text = format!(
            "WITH counted AS MATERIALIZED (SELECT v, count(*) AS n, count(*) FILTER (WHERE nth = 1) AS events \
             FROM ({rows}) AS matching(v, nth) GROUP BY v) \
             SELECT sums.*, best.v, best.n FROM (SELECT coalesce(sum(events), 0)::int8, \
             coalesce(sum(events) FILTER (WHERE v IS NOT NULL), 0)::int8, \
             count(*) FILTER (WHERE v IS NOT NULL AND {wanted}) FROM counted) AS sums LEFT JOIN \
             (SELECT v, n FROM counted WHERE v IS NOT NULL AND {wanted} \
             ORDER BY n DESC, v COLLATE \"C\" LIMIT {limit}) AS best ON true \
             ORDER BY best.n DESC, best.v COLLATE \"C\""
        );
        for row in self.snapshot.all(&text, &sql.params).await? {
            top.matched = number(row.get(0));
            top.with_field = number(row.get(1));
            top.distinct = number(row.get(2));
            if let Some(value) = row.get::<_, Option<&str>>(3) {
                let value = text::decode(value).into_owned();
                top.values.push(TopValue { value, events: number(row.get(4)) });
            }
        }
        Ok(())
    }

    fn is_counted(&self) -> bool {
        is_counted(self.snapshot, self.resolved)
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
            top.matched += number(row.get(1));
            if let Some(value) = row.get::<_, Option<&str>>(0) {
                top.with_field += number(row.get(1));
                *counts.entry(text::decode(value).into_owned()).or_default() += number(row.get(1));
            }
            Ok(true)
        };
        self.snapshot.each(&text, &sql.params, &mut seen).await?;
        if column == "severity" {
            let numbers = counts.iter().map(|(code, n)| (code.parse().ok(), *n));
            counts = self.words(numbers).0;
        }
        self.rank(counts, top);
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
        top.matched = rows.iter().map(|row| number(row.get(1))).sum();
        let numbers = rows.iter().map(|row| (row.get::<_, Option<i32>>(0), number(row.get(1))));
        let (counts, with_field) = self.words(numbers);
        top.with_field = with_field;
        self.rank(counts, top);
        Ok(())
    }

    /// The words that numbers stand for, with the events that have them, and the events that have any.
    fn words(&self, numbers: impl Iterator<Item = (Option<i32>, u64)>) -> (HashMap<String, u64>, u64) {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut with_field = 0;
        for (number, events) in numbers {
            let mut any = false;
            each_word(self.snapshot, self.field, number, |word| {
                any = true;
                *counts.entry(word.to_owned()).or_default() += events;
            });
            with_field += if any { events } else { 0 };
        }
        (counts, with_field)
    }

    /// Event by event, here.
    async fn sift(&self, top: &mut Top) -> Result<(), Trouble> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let (mut overflow, mut bytes) = (false, 0);
        let seen = |event: &loggr_event::Event<'_>| {
            top.matched += 1;
            let mut any = false;
            field_values(event, self.field, &mut |value| {
                any = true;
                let full = counts.len() >= MAX_TOP_VALUES || bytes + value.len() > MAX_TOP_BYTES;
                match counts.get_mut(value) {
                    Some(count) => *count += 1,
                    None if !self.wanted.takes(value) => {}
                    None if full => overflow = true,
                    None => {
                        bytes += value.len();
                        counts.insert(value.to_owned(), 1);
                    }
                }
                false
            });
            top.with_field += u64::from(any);
        };
        let done = sift(self.snapshot, self.query, self.options, self.without_regex, seen).await;
        if overflow {
            top.partial = true;
            top.warnings.push(format!(
                "`{}` has more than {MAX_TOP_VALUES} distinct values, or more than {MAX_TOP_BYTES} bytes of them",
                self.field.name()
            ));
        }
        self.rank(counts, top);
        done
    }

    /// The largest counts of the values that are wanted.
    fn rank(&self, counts: HashMap<String, u64>, top: &mut Top) {
        rank(counts.into_iter().filter(|(value, _)| self.wanted.takes(value)), self.n, top);
    }
}

/// The `n` largest counts; equals by their bytes.
fn rank(counts: impl Iterator<Item = (String, u64)>, n: usize, top: &mut Top) {
    let mut values: Vec<TopValue> = counts.map(|(value, events)| TopValue { value, events }).collect();
    top.distinct = values.len() as u64;
    values.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    values.truncate(n);
    top.values = values;
}

pub(super) fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
