//! Patterns: matching events by the shapes of their messages.
//!
//! The server groups by the column of shapes; a statement each for the counts, the courses of those that
//! are shown, and their newest events. Rows of before the column was there have no shape: they are counted
//! as rest. Where the server cannot decide which events match, they are looked at one by one.

use loggr_event::Uid;

use super::ask::{Snapshot, Trouble};
use super::count::stats;
use super::decode::Micros;
use super::param::Param;
use super::schema::column_names;
use super::search::{resolve, sift};
use super::sql::Sql;
use crate::patterns::{Ask, Example, Pattern, Patterns, Tally};
use crate::query::{Query, Resolved};
use crate::shape::{self, ShapeId};

/// The shapes among the matching events.
pub(super) async fn patterns(
    snapshot: &Snapshot,
    query: &Query,
    ask: &Ask,
    without_regex: bool,
) -> Result<Patterns, Trouble> {
    let resolved = resolve(query, &ask.options);
    let mut patterns = ask.empty();
    if resolved.span.is_empty() {
        return Ok(patterns);
    }
    let question = Question { snapshot, query, resolved: &resolved, ask, without_regex };
    match question.answer(&mut patterns).await {
        Ok(()) => {}
        Err(Trouble::Late) => {
            patterns.partial = true;
            patterns.warnings.push("the time limit was reached".to_owned());
        }
        Err(other) => return Err(other),
    }
    patterns.stats = stats(snapshot, patterns.matched);
    Ok(patterns)
}

struct Question<'q> {
    snapshot: &'q Snapshot,
    query: &'q Query,
    resolved: &'q Resolved,
    ask: &'q Ask,
    without_regex: bool,
}

impl Question<'_> {
    /// The beginning of a statement, and which rows match; not exact: the server cannot tell.
    fn matching(&self) -> (Sql<'_>, String) {
        let indexes = self.snapshot.common_indexes(self.resolved.span);
        let mut sql = Sql::new(self.snapshot.context(indexes, self.without_regex));
        let span = sql.span("timegenerated", self.resolved.span);
        let condition = sql.node(&self.resolved.filter);
        let rows = format!("{} WHERE {span} AND {condition}", self.snapshot.table.sql(""));
        (sql, rows)
    }

    async fn answer(&self, patterns: &mut Patterns) -> Result<(), Trouble> {
        if !self.matching().0.exact {
            return self.sift(patterns).await;
        }
        self.counts(patterns).await?;
        if !self.ask.starts.is_empty() {
            self.courses(patterns).await?;
        }
        if self.ask.examples {
            self.examples(patterns).await?;
        }
        Ok(())
    }

    async fn counts(&self, patterns: &mut Patterns) -> Result<(), Trouble> {
        let (mut sql, rows) = self.matching();
        let limit = sql.param(Param::Int8(self.ask.limit as i64));
        let by_severity: Vec<String> =
            (0..8).map(|code| format!("count(*) FILTER (WHERE severity = {code})")).collect();
        // The numbers are those of the hash, without a sign.
        let text = format!(
            "WITH counted AS MATERIALIZED (SELECT shape, count(*) AS n, min(timegenerated) AS first, \
             max(timegenerated) AS last, ARRAY[{}] AS severities FROM {rows} GROUP BY shape), \
             sums AS (SELECT count(shape) AS shapes, coalesce(sum(n), 0)::int8 AS events, \
             coalesce(sum(n) FILTER (WHERE shape IS NULL), 0)::int8 AS rest FROM counted) \
             SELECT shapes, events, rest, shape, n, first, last, severities FROM sums LEFT JOIN \
             (SELECT * FROM counted WHERE shape IS NOT NULL ORDER BY n DESC, shape < 0, shape LIMIT {limit}) \
             AS best ON true ORDER BY n DESC, shape < 0, shape",
            by_severity.join(", ")
        );
        for row in self.snapshot.all(&text, &sql.params).await? {
            patterns.distinct = number(row.get(0));
            patterns.matched = number(row.get(1));
            patterns.rest = number(row.get(2));
            let Some(id) = row.get::<_, Option<i64>>(3) else { continue };
            let mut severities = [0; 8];
            let counts: Vec<i64> = row.get(7);
            severities.iter_mut().zip(counts).for_each(|(slot, n)| *slot = number(n));
            patterns.patterns.push(Pattern {
                id: ShapeId(id.cast_unsigned()),
                events: number(row.get(4)),
                times: (row.get::<_, Micros>(5).0, row.get::<_, Micros>(6).0),
                severities,
                course: vec![0; self.ask.starts.len()],
                example: None,
            });
        }
        if patterns.rest > 0 {
            patterns.partial = true;
            let what = "events were stored before loggr kept the shapes of messages";
            patterns.warnings.push(format!("{} {what}", patterns.rest));
        }
        Ok(())
    }

    fn shown(&self, patterns: &Patterns) -> Param {
        Param::Int8s(patterns.patterns.iter().map(|p| p.id.0.cast_signed()).collect())
    }

    async fn courses(&self, patterns: &mut Patterns) -> Result<(), Trouble> {
        let (mut sql, rows) = self.matching();
        let (shown, starts) = (self.shown(patterns), Param::Times(self.ask.starts.clone()));
        let (shown, starts) = (sql.param(shown), sql.param(starts));
        let text = format!(
            "SELECT shape, width_bucket(timegenerated, {starts}), count(*) FROM {rows} AND shape = ANY ({shown}) \
             GROUP BY 1, 2"
        );
        for row in self.snapshot.all(&text, &sql.params).await? {
            let (id, bucket) = (row.get::<_, i64>(0).cast_unsigned(), row.get::<_, i32>(1));
            let pattern = patterns.patterns.iter_mut().find(|p| p.id.0 == id);
            let place = usize::try_from(bucket - 1).unwrap_or(usize::MAX);
            if let Some(slot) = pattern.and_then(|p| p.course.get_mut(place)) {
                *slot += number(row.get(2));
            }
        }
        Ok(())
    }

    async fn examples(&self, patterns: &mut Patterns) -> Result<(), Trouble> {
        if patterns.patterns.is_empty() {
            return Ok(());
        }
        let (mut sql, rows) = self.matching();
        let times = Param::Times(patterns.patterns.iter().map(|p| p.times.1).collect());
        let (shown, times) = (sql.param(self.shown(patterns)), sql.param(times));
        // The key finds the rows of a moment; which of them is the newest, the uid decides.
        let names = column_names(self.snapshot.promoted());
        let text = format!(
            "SELECT {names} FROM {rows} AND timegenerated = ANY ({times}) AND \
             (shape, timegenerated) IN (SELECT * FROM unnest({shown}, {times})) ORDER BY timegenerated, uid"
        );
        let decoder = self.snapshot.decoder();
        let mut shaper = shape::Shaper::default();
        let mut seen = |row: &tokio_postgres::Row| {
            let event = decoder.event(row)?;
            let id = shaper.hash(&event.message);
            let time = event.timegenerated.unix_micros();
            let pattern = patterns.patterns.iter_mut().find(|p| p.id == id && p.times.1 == time);
            if let Some(pattern) = pattern {
                pattern.example = Some(Example::of(&event));
            }
            Ok(true)
        };
        self.snapshot.each(&text, &sql.params, &mut seen).await
    }

    /// Event by event, here.
    async fn sift(&self, patterns: &mut Patterns) -> Result<(), Trouble> {
        let mut tally: Tally<Uid> = Tally::new(&self.ask.starts);
        let mut shaper = shape::Shaper::default();
        let seen = |event: &loggr_event::Event<'_>| {
            let id = shaper.hash(&event.message);
            let (time, severity) = (event.timegenerated.unix_micros(), event.severity.code());
            tally.add(id.0, time, severity, || event.uid);
        };
        let done = sift(self.snapshot, self.query, &self.ask.options, self.without_regex, seen).await;
        let newest: Vec<Option<Uid>> =
            tally.finish(self.ask.limit, patterns).into_iter().map(|tied| tied.into_iter().max()).collect();
        done?;
        if self.ask.examples {
            self.examples_by_key(patterns, &newest).await?;
        }
        Ok(())
    }

    async fn examples_by_key(&self, patterns: &mut Patterns, newest: &[Option<Uid>]) -> Result<(), Trouble> {
        let params = [
            Param::Times(patterns.patterns.iter().map(|p| p.times.1).collect()),
            Param::Uids(newest.iter().map(|uid| *uid.unwrap_or_default().as_bytes()).collect()),
        ];
        let text = format!(
            "SELECT {} FROM {} WHERE timegenerated = ANY ($1) AND uid = ANY ($2)",
            column_names(self.snapshot.promoted()),
            self.snapshot.table.sql("")
        );
        let decoder = self.snapshot.decoder();
        let mut seen = |row: &tokio_postgres::Row| {
            let event = decoder.event(row)?;
            for (pattern, uid) in patterns.patterns.iter_mut().zip(newest) {
                if *uid == Some(event.uid) {
                    pattern.example = Some(Example::of(&event));
                }
            }
            Ok(true)
        };
        self.snapshot.each(&text, &params, &mut seen).await
    }
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
