//! Counts matching events, by time and severity or all together.
//!
//! Questions about severities and programs alone are answered from the table of minutes, for whole
//! minutes. The rest of the span, and all other questions, are counted in the events.

use std::collections::BTreeMap;

use super::ask::{Snapshot, Trouble};
use super::decode::Micros;
use super::param::Param;
use super::search::{resolve, sift};
use super::sql::Sql;
use super::tally::MINUTE;
use crate::looks::{FieldKind, Looks};
use crate::query::{Field, Node, Query, Span};
use crate::{Bucket, Counted, Histogram, KnownField, MAX_BUCKETS, SearchOptions, Stats, StoreError};

/// The warning that not everything could be counted in time.
pub(super) const LATE: &str = "the time limit was reached";

/// Can the table of minutes say which events match?
fn is_counted(node: &Node, long_names: bool) -> bool {
    match node {
        Node::All | Node::Severity(_) => true,
        Node::And(parts) | Node::Or(parts) => parts.iter().all(|p| is_counted(p, long_names)),
        Node::Not(inner) => is_counted(inner, long_names),
        Node::Field(Field::AppName, _) => !long_names,
        _ => false,
    }
}

/// The whole minutes of a span, and what is left of it on both sides.
fn cut(span: Span) -> (Span, [Span; 2]) {
    let from = match span.from {
        i64::MIN => i64::MIN,
        from => from.saturating_add(MINUTE - 1).div_euclid(MINUTE).saturating_mul(MINUTE),
    };
    let until = match span.until {
        i64::MAX => i64::MAX,
        until => until.div_euclid(MINUTE).saturating_mul(MINUTE),
    };
    if from >= until {
        let nothing = Span { from: span.from, until: span.from };
        return (nothing, [span, nothing]);
    }
    (Span { from, until }, [Span { from: span.from, until: from }, Span { from: until, until: span.until }])
}

/// Where the events of a question are counted.
pub(super) struct Plan {
    /// In the table of minutes.
    pub(super) minutes: Span,
    /// In the events.
    pub(super) events: Vec<Span>,
}

/// `width`: the buckets; 1 where there are none.
pub(super) fn plan(snapshot: &Snapshot, filter: &Node, span: Span, whole_minutes: bool) -> Plan {
    let nothing = Span { from: 0, until: 0 };
    if !whole_minutes || !is_counted(filter, snapshot.meta.long_names) {
        return Plan { minutes: nothing, events: vec![span] };
    }
    let (minutes, edges) = cut(span);
    Plan { minutes, events: edges.into_iter().filter(|edge| !edge.is_empty()).collect() }
}

/// The rows of the table of minutes that match, as something to select from.
pub(super) fn counted_rows(snapshot: &Snapshot, sql: &mut Sql<'_>, filter: &Node, span: Span) -> String {
    let span = sql.span("minute", span);
    let condition = sql.node(filter);
    format!(
        "(SELECT minute, severity, app_name, events FROM (SELECT minute, severity, NULLIF(app_name, '') AS \
         app_name, events FROM {} WHERE {span}) AS counted WHERE {condition}) AS matching",
        snapshot.table.sql("_minutes")
    )
}

/// How many events match.
pub(super) async fn count(
    snapshot: &Snapshot,
    query: &Query,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<Counted, Trouble> {
    let resolved = resolve(query, options);
    let mut counted = Counted::default();
    if resolved.span.is_empty() {
        return Ok(counted);
    }
    let plan = plan(snapshot, &resolved.filter, resolved.span, true);
    let done = async {
        if !plan.minutes.is_empty() {
            let mut sql = Sql::new(snapshot.context(Default::default(), without_regex).plain());
            let rows = counted_rows(snapshot, &mut sql, &resolved.filter, plan.minutes);
            if !sql.exact {
                return sift(snapshot, query, options, without_regex, |_| counted.events += 1).await;
            }
            let text = format!("SELECT coalesce(sum(events), 0)::int8 FROM {rows}");
            counted.events += first_number(&snapshot.all(&text, &sql.params).await?);
        }
        for stretch in plan.events.iter().flat_map(|span| snapshot.stretches(*span)).rev() {
            let mut sql = Sql::new(snapshot.context(stretch.indexes, without_regex));
            let span = sql.span("timegenerated", stretch.span);
            let condition = sql.node(&resolved.filter);
            if !sql.exact {
                counted.events = 0;
                return sift(snapshot, query, options, without_regex, |_| counted.events += 1).await;
            }
            let text =
                format!("SELECT count(*) FROM {} WHERE {span} AND {condition}", snapshot.table.sql(""));
            counted.events += first_number(&snapshot.all(&text, &sql.params).await?);
        }
        Ok(())
    };
    match done.await {
        Ok(()) => {}
        Err(Trouble::Late) => {
            counted.partial = true;
            counted.warnings.push(LATE.to_owned());
        }
        Err(other) => return Err(other),
    }
    counted.stats = stats(snapshot, counted.events);
    Ok(counted)
}

pub(super) fn stats(snapshot: &Snapshot, matched: u64) -> Stats {
    Stats {
        groups: snapshot.days.len() as u64,
        groups_read: snapshot.statements(),
        matched,
        ..Stats::default()
    }
}

fn first_number(rows: &[tokio_postgres::Row]) -> u64 {
    rows.first().map_or(0, |row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
}

type Counts = BTreeMap<i64, [u64; 8]>;

fn add(counts: &mut Counts, start: i64, severity: i16, events: u64) -> Result<(), StoreError> {
    let slot = counts.entry(start).or_default().get_mut(usize::try_from(severity).unwrap_or(usize::MAX));
    if let Some(slot) = slot {
        *slot += events;
    }
    if counts.len() > MAX_BUCKETS { Err(Histogram::too_large()) } else { Ok(()) }
}

/// Matching events in buckets of `width` microseconds.
pub(super) async fn histogram(
    snapshot: &Snapshot,
    query: &Query,
    width: i64,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<Histogram, Trouble> {
    let resolved = resolve(query, options);
    let mut histogram = Histogram::default();
    let width = width.max(1);
    if resolved.span.is_empty() {
        return Ok(histogram);
    }
    let start_of = |time: i64| time.div_euclid(width).saturating_mul(width);
    let plan = plan(snapshot, &resolved.filter, resolved.span, width % MINUTE == 0);
    let mut counts = Counts::new();
    let done = async {
        let mut parts = Vec::new();
        if !plan.minutes.is_empty() {
            let mut sql = Sql::new(snapshot.context(Default::default(), without_regex).plain());
            let rows = counted_rows(snapshot, &mut sql, &resolved.filter, plan.minutes);
            parts.push((sql, rows, "minute", "sum(events)::int8"));
        }
        for stretch in plan.events.iter().flat_map(|span| snapshot.stretches(*span)).rev() {
            let mut sql = Sql::new(snapshot.context(stretch.indexes, without_regex));
            let span = sql.span("timegenerated", stretch.span);
            let condition = sql.node(&resolved.filter);
            let rows = format!(
                "(SELECT timegenerated, severity FROM {} WHERE {span} AND {condition}) AS matching",
                snapshot.table.sql("")
            );
            parts.push((sql, rows, "timegenerated", "count(*)"));
        }
        if parts.iter().any(|(sql, ..)| !sql.exact) {
            let mut failed = Ok(());
            let seen = |event: &loggr_event::Event<'_>| {
                let start = start_of(event.timegenerated.unix_micros());
                if failed.is_ok() {
                    failed = add(&mut counts, start, i16::from(event.severity.code()), 1);
                }
            };
            sift(snapshot, query, options, without_regex, seen).await?;
            return Ok(failed?);
        }
        for (mut sql, rows, column, number) in parts {
            let width = sql.param(Param::Int8(width));
            let text = format!(
                "SELECT date_bin(interval '1 microsecond' * {width}::float8, {column}, \
                 '1970-01-01 00:00:00+00') AS start, severity, {number} FROM {rows} GROUP BY 1, 2"
            );
            let mut seen = |row: &tokio_postgres::Row| {
                let events = u64::try_from(row.get::<_, i64>(2)).unwrap_or(0);
                add(&mut counts, start_of(row.get::<_, Micros>(0).0), row.get(1), events).map(|()| true)
            };
            snapshot.each(&text, &sql.params, &mut seen).await?;
        }
        Ok(())
    };
    match done.await {
        Ok(()) => {}
        Err(Trouble::Late) => {
            histogram.partial = true;
            histogram.warnings.push(LATE.to_owned());
        }
        Err(other) => return Err(other),
    }
    histogram.buckets = counts.into_iter().map(|(start, counts)| Bucket { start, counts }).collect();
    histogram.stats = stats(snapshot, histogram.buckets.iter().map(Bucket::total).sum());
    Ok(histogram)
}

/// The names of custom fields of the days of a span, most frequent first.
pub(super) async fn fields(snapshot: &Snapshot, span: Span) -> Result<Vec<KnownField>, Trouble> {
    let mut sql = Sql::new(snapshot.context(Default::default(), false));
    let mut bounds = Vec::new();
    let day = |time: i64| crate::partition::day_of(super::layout::storable(time));
    if span.from > i64::MIN {
        bounds.push(format!("day >= ({}::date[])[1]", sql.param(Param::Days(vec![day(span.from)]))));
    }
    if span.until < i64::MAX {
        bounds.push(format!("day <= ({}::date[])[1]", sql.param(Param::Days(vec![day(span.until)]))));
    }
    bounds.push("true".to_owned());
    let text = format!(
        "SELECT name, bit_or(looks), sum(events)::int8 AS n FROM {} WHERE {} GROUP BY name ORDER BY n DESC, name",
        snapshot.table.sql("_fields"),
        bounds.join(" AND ")
    );
    let rows = snapshot.all(&text, &sql.params).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let looks = u8::try_from(row.get::<_, i16>(1)).unwrap_or(u8::MAX);
            KnownField {
                name: super::text::decode(row.get(0)).into_owned(),
                kind: match looks {
                    u8::MAX => FieldKind::Text,
                    looks => Looks(looks).kind(),
                },
                events: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::parse;

    #[track_caller]
    fn check(query: &str, expect: bool, with_long_names: bool) {
        let filter = parse(query).unwrap().resolve(0).filter;
        assert_eq!(
            (is_counted(&filter, false), is_counted(&filter, true)),
            (expect, with_long_names),
            "{query}"
        );
    }

    #[test]
    fn what_the_table_of_minutes_can_say() {
        check("", true, true);
        check("severity:>=err OR -severity:info", true, true);
        check("app:nginx _time:5m", true, false);
        check("app:/x/ -app:y*", true, false);
        check("failed", false, false);
        check("app:nginx host:web01", false, false);
    }

    #[track_caller]
    fn check_cut(from: i64, until: i64, expect: (i64, i64), edges: [(i64, i64); 2]) {
        let (inner, [a, b]) = cut(Span { from, until });
        assert_eq!((inner.from, inner.until), expect);
        assert_eq!([(a.from, a.until), (b.from, b.until)], edges);
    }

    #[test]
    fn whole_minutes_and_what_is_left() {
        let m = MINUTE;
        check_cut(5, 2 * m + 7, (m, 2 * m), [(5, m), (2 * m, 2 * m + 7)]);
        check_cut(m, 3 * m, (m, 3 * m), [(m, m), (3 * m, 3 * m)]);
        check_cut(5, m - 5, (5, 5), [(5, m - 5), (5, 5)]);
        check_cut(i64::MIN, i64::MAX, (i64::MIN, i64::MAX), [(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]);
    }
}
