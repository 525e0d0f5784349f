//! Matching events by time and the most frequent values of a field.
//!
//! One statement finds the values, a second counts them by time on the same snapshot.

use std::collections::HashMap;

use super::ask::{Snapshot, Trouble};
use super::count::{LATE, stats};
use super::decode::Micros;
use super::param::Param;
use super::search::{resolve, sift};
use super::sql::Sql;
use super::text;
use super::top::{number, top};
use super::values::{Values, each_word, values_of};
use crate::facets::Course;
use crate::query::{Field, Query, Resolved, field_values};
use crate::{HistogramBy, SearchOptions, StoreError, TopOptions};

/// By a field that is not the severity. `shape`: the width of a bucket, and how many values.
pub(super) async fn histogram_by(
    snapshot: &Snapshot,
    query: &Query,
    (width, values): (i64, usize),
    field: &Field,
    options: &SearchOptions,
    without_regex: bool,
) -> Result<HistogramBy, Trouble> {
    let resolved = resolve(query, options);
    let mut found = HistogramBy::default();
    if resolved.span.is_empty() {
        return Ok(found);
    }
    let best = top(snapshot, query, field, &TopOptions::from(values), options, without_regex).await?;
    (found.partial, found.warnings) = (best.partial, best.warnings);
    found.values = best.values.into_iter().map(|v| v.value).collect();
    let mut course = Course::new(found.values.len());
    if !found.partial {
        let (width, values) = (width.max(1), &found.values);
        let question = Question { snapshot, query, resolved: &resolved, field, width, values, options };
        match question.answer(&mut course, without_regex).await {
            Ok(()) => {}
            Err(Trouble::Late) => {
                found.partial = true;
                found.warnings.push(LATE.to_owned());
            }
            Err(other) => return Err(other),
        }
    }
    found.buckets = course.finish();
    found.stats = stats(snapshot, found.buckets.iter().map(|b| b.events).sum());
    Ok(found)
}

/// The second statement.
struct Question<'q> {
    snapshot: &'q Snapshot,
    query: &'q Query,
    resolved: &'q Resolved,
    field: &'q Field,
    width: i64,
    values: &'q [String],
    options: &'q SearchOptions,
}

impl Question<'_> {
    fn start_of(&self, time: i64) -> i64 {
        time.div_euclid(self.width).saturating_mul(self.width)
    }

    fn numbers(&self) -> HashMap<&str, usize> {
        self.values.iter().enumerate().map(|(at, value)| (value.as_str(), at)).collect()
    }

    async fn answer(&self, course: &mut Course, without_regex: bool) -> Result<(), Trouble> {
        let indexes = self.snapshot.common_indexes(self.resolved.span);
        let mut sql = Sql::new(self.snapshot.context(indexes, without_regex));
        let span = sql.span("timegenerated", self.resolved.span);
        let condition = sql.node(&self.resolved.filter);
        let values = values_of(self.snapshot, self.field, &mut sql);
        let always_there = matches!(self.field, Field::Time | Field::Timereported);
        if !sql.exact || (matches!(values, Values::Unknown) && !always_there) {
            return self.sift(course, without_regex).await;
        }
        let width = sql.param(Param::Int8(self.width));
        let start = format!(
            "date_bin(interval '1 microsecond' * {width}::float8, timegenerated, '1970-01-01 00:00:00+00'), "
        );
        let rows = values.rows(self.snapshot, &start, &format!("{span} AND {condition}"));
        let coded = matches!(values, Values::Coded(_));
        // -1 stands for no value, 0 for another one.
        let class = match coded {
            true => "v::int4".to_owned(),
            false => {
                let known = self.values.iter().map(|value| text::encode(value).into_owned()).collect();
                let known = sql.param(Param::Texts(known));
                format!("CASE WHEN v IS NULL THEN -1 ELSE coalesce(array_position({known}, v), 0) END")
            }
        };
        let text = format!(
            "SELECT start, {class}, count(*), count(*) FILTER (WHERE nth = 1) \
             FROM ({rows}) AS matching(start, v, nth) GROUP BY 1, 2"
        );
        let numbers = self.numbers();
        let mut seen = |row: &tokio_postgres::Row| -> Result<bool, StoreError> {
            let bucket = course.bucket(self.start_of(row.get::<_, Micros>(0).0))?;
            let (code, events): (Option<i32>, u64) = (row.get(1), number(row.get(2)));
            let all = course.all();
            course.add(bucket, all, number(row.get(3)));
            let (rest, without) = (course.rest(), course.without());
            if coded {
                let mut any = false;
                each_word(self.snapshot, self.field, code, |word| {
                    any = true;
                    course.add(bucket, numbers.get(word).copied().unwrap_or(rest), events);
                });
                if !any {
                    course.add(bucket, without, events);
                }
                return Ok(true);
            }
            let class = match usize::try_from(code.unwrap_or(-1)) {
                Ok(0) => rest,
                Ok(place) => place - 1,
                // All events have a time, and none has a value of it.
                Err(_) if always_there => return Ok(true),
                Err(_) => without,
            };
            course.add(bucket, class, events);
            Ok(true)
        };
        self.snapshot.each(&text, &sql.params, &mut seen).await
    }

    /// Event by event, here.
    async fn sift(&self, course: &mut Course, without_regex: bool) -> Result<(), Trouble> {
        let numbers = self.numbers();
        let mut failed = Ok(());
        let seen = |event: &loggr_event::Event<'_>| {
            if failed.is_err() {
                return;
            }
            let bucket = match course.bucket(self.start_of(event.timegenerated.unix_micros())) {
                Ok(bucket) => bucket,
                Err(e) => {
                    failed = Err(e);
                    return;
                }
            };
            let (rest, without, all) = (course.rest(), course.without(), course.all());
            course.add(bucket, all, 1);
            let mut any = false;
            field_values(event, self.field, &mut |value| {
                any = true;
                course.add(bucket, numbers.get(value).copied().unwrap_or(rest), 1);
                false
            });
            if !any {
                course.add(bucket, without, 1);
            }
        };
        sift(self.snapshot, self.query, self.options, without_regex, seen).await?;
        Ok(failed?)
    }
}
