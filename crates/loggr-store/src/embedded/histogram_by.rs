//! Matching events by time and the most frequent values of a field.
//!
//! Two passes on one view: the first finds the values, the second counts them by time. What the first
//! found of matching rows is kept for the second while there is room. By severity, and by nothing, it
//! is one, and the index answers it where it can.

use std::sync::Mutex;
use std::time::Instant;

use arrow_array::TimestampMicrosecondArray;

use super::exec::group::Group;
use super::exec::plan::Plan;
use super::exec::{self, Target};
use super::lock;
use super::reader::Reader;
use super::rows::column;
use super::schema::core;
use super::top::KeptRows;
use super::values::each_value;
use crate::facets::Course;
use crate::hash::FastMap;
use crate::query::{Field, Query};
use crate::{HistogramBy, Limits, MAX_SERIES, SearchOptions, StoreError, TopOptions};

impl Reader {
    /// Matching events in buckets of `width` microseconds, by the `values` most frequent values of a
    /// field; by none where there is no field.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) where there would be more than
    /// [`MAX_BUCKETS`](crate::MAX_BUCKETS) or [`MAX_HISTOGRAM_CELLS`](crate::MAX_HISTOGRAM_CELLS).
    pub fn histogram_by(
        &self,
        query: &Query,
        width: i64,
        by: Option<&Field>,
        values: usize,
        options: &SearchOptions,
    ) -> Result<HistogramBy, StoreError> {
        let values = values.min(MAX_SERIES);
        let field = match by {
            None => return Ok(HistogramBy::plain(self.histogram(query, width, options)?)),
            Some(Field::Severity) => {
                return Ok(HistogramBy::by_severity(self.histogram(query, width, options)?, values));
            }
            Some(field) => field,
        };
        let plan = Plan::new(query, options);
        let width = width.max(1);
        self.ask(|view| {
            let mut found = HistogramBy::default();
            if plan.span.is_empty() {
                return Ok(found);
            }
            let kept = Mutex::new(KeptRows::default());
            let limits = first_half(&options.limits);
            let top = self.top_in(view, &plan, field, &TopOptions::from(values), &limits, Some(&kept))?;
            (found.partial, found.warnings) = (top.partial, top.warnings);
            found.values = top.values.into_iter().map(|v| v.value).collect();
            let kept = lock(&kept);
            let count = Count { plan: &plan, field, width, values: &found.values, kept: &kept };
            // As many as threads: each takes one, adds to it, and puts it back.
            let pool: Mutex<Vec<Course>> = Mutex::default();
            let (answers, trouble) = self.each_group(view, plan.span, &options.limits, |target| {
                let taken = lock(&pool).pop();
                let mut course = taken.unwrap_or_else(|| Course::new(count.values.len()));
                let matched = count.group(target, &mut course);
                lock(&pool).push(course);
                matched
            })?;
            let mut sum = Course::new(count.values.len());
            for course in lock(&pool).iter() {
                sum.merge(course)?;
            }
            found.buckets = sum.finish();
            found.stats.groups = answers.len() as u64;
            found.stats.groups_read = answers.iter().filter(|n| **n > 0).count() as u64;
            found.stats.matched = answers.iter().sum();
            view.usage.tell(&mut found.stats);
            found.partial |= trouble.partial;
            found.warnings.extend(trouble.warnings);
            found.warnings.dedup();
            Ok(found)
        })
    }
}

/// Half of the time that is left: the second pass needs some.
fn first_half(limits: &Limits) -> Limits {
    let now = Instant::now();
    let deadline = limits.deadline.map(|d| now + d.saturating_duration_since(now) / 2);
    Limits { deadline, ..limits.clone() }
}

/// The second pass.
struct Count<'c> {
    plan: &'c Plan,
    field: &'c Field,
    width: i64,
    values: &'c [String],
    kept: &'c KeptRows,
}

impl Count<'_> {
    /// Counts one row group; its matching events.
    fn group(&self, target: &Target, course: &mut Course) -> Result<u64, StoreError> {
        let group = Group::new(&target.file, target.group)?;
        let rows = match self.kept.of(target) {
            Some(rows) => rows.clone(),
            None => exec::matching_rows(self.plan, &group)?,
        };
        if rows.is_empty() {
            return Ok(0);
        }
        let read = group.column(core::TIME, &rows)?;
        let times = column::<TimestampMicrosecondArray>(&*read.array)?.values();
        // For each row its bucket, and whether it has the field.
        let mut places: Vec<(usize, bool)> = Vec::with_capacity(rows.len());
        let all = course.all();
        for at in rows.positions_in(&read.rows) {
            let time = times.get(at as usize).copied().unwrap_or_default();
            let bucket = course.bucket(time.div_euclid(self.width).saturating_mul(self.width))?;
            course.add(bucket, all, 1);
            places.push((bucket, false));
        }
        let (rest, without) = (course.rest(), course.without());
        let numbers: FastMap<&str, usize> =
            self.values.iter().enumerate().map(|(i, value)| (value.as_str(), i)).collect();
        let mut class = |value: &str| numbers.get(value).copied().unwrap_or(rest);
        each_value(&group, self.field, &rows, &mut class, &mut |place, class| {
            if let Some((bucket, has)) = places.get_mut(place) {
                *has = true;
                course.add(*bucket, class, 1);
            }
        })?;
        places.iter().filter(|(_, has)| !has).for_each(|(bucket, _)| course.add(*bucket, without, 1));
        Ok(rows.len() as u64)
    }
}
