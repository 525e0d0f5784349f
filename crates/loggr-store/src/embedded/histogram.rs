//! Matching events by time and severity.

use std::collections::BTreeMap;

use arrow_array::{TimestampMicrosecondArray, UInt8Array};

use super::exec::group::Group;
use super::exec::plan::Plan;
use super::exec::{self, Target};
use super::index::histogram::MINUTE;
use super::reader::Reader;
use super::rows::column;
use super::schema::core;
use crate::query::Query;
use crate::{Bucket, Histogram, MAX_BUCKETS, SearchOptions, StoreError};

type Counts = BTreeMap<i64, [u64; 8]>;

impl Reader {
    /// Matching events in buckets of `width` microseconds, by severity.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) where there would be more than [`MAX_BUCKETS`].
    pub fn histogram(
        &self,
        query: &Query,
        width: i64,
        options: &SearchOptions,
    ) -> Result<Histogram, StoreError> {
        let plan = Plan::new(query, options);
        let width = width.max(1);
        self.ask(|view| {
            let mut histogram = Histogram::default();
            if plan.span.is_empty() {
                return Ok(histogram);
            }
            let (answers, trouble) = self
                .each_group(view, plan.span, &options.limits, |target| count_group(target, &plan, width))?;
            let mut sum = Counts::new();
            for (counts, read) in &answers {
                histogram.stats.groups += 1;
                histogram.stats.groups_read += u64::from(*read);
                for (start, more) in counts {
                    let bucket = sum.entry(*start).or_insert([0; 8]);
                    bucket.iter_mut().zip(more).for_each(|(a, b)| *a += b);
                }
            }
            if sum.len() > MAX_BUCKETS {
                return Err(Histogram::too_large());
            }
            histogram.buckets = sum.into_iter().map(|(start, counts)| Bucket { start, counts }).collect();
            histogram.stats.matched = histogram.buckets.iter().map(Bucket::total).sum();
            view.usage.tell(&mut histogram.stats);
            (histogram.partial, histogram.warnings) = (trouble.partial, trouble.warnings);
            Ok(histogram)
        })
    }
}

/// Starts of buckets with their counts by severity, of one row group.
type GroupCounts = Vec<(i64, [u64; 8])>;

fn count_group(target: &Target, plan: &Plan, width: i64) -> Result<(GroupCounts, bool), StoreError> {
    let group = Group::new(&target.file, target.group)?;
    let start_of = |time: i64| time.div_euclid(width).saturating_mul(width);
    let mut counts = Tally::default();
    let inside = plan.span.contains(target.min_time) && plan.span.contains(target.max_time);
    if exec::is_everything(plan)
        && inside
        && width % MINUTE == 0
        && let Some(minutes) = group.index.histogram()
    {
        for (minute, severity, count) in minutes {
            counts.add(start_of(minute), severity, u64::from(count))?;
        }
        return Ok((counts.finish(), false));
    }
    let rows = exec::matching_rows(plan, &group)?;
    if rows.is_empty() {
        return Ok((Vec::new(), false));
    }
    let times = group.column(core::TIME, &rows)?;
    let severities = group.column(core::SEVERITY, &rows)?;
    let time = column::<TimestampMicrosecondArray>(&*times.array)?.values();
    let severity = column::<UInt8Array>(&*severities.array)?.values();
    let mut add = |time_at: usize, severity_at: usize| match (time.get(time_at), severity.get(severity_at)) {
        (Some(time), Some(severity)) => counts.add(start_of(*time), *severity, 1),
        _ => Ok(()),
    };
    if times.rows == severities.rows {
        let mut failed = None;
        rows.each_range_in(&times.rows, |place, _, length| {
            for at in place..place + length {
                if let Err(e) = add(at as usize, at as usize) {
                    failed = Some(e);
                    return;
                }
            }
        });
        failed.map_or(Ok(()), Err)?;
    } else {
        let places = rows.positions_in(&times.rows).into_iter().zip(rows.positions_in(&severities.rows));
        places.into_iter().try_for_each(|(a, b)| add(a as usize, b as usize))?;
    }
    Ok((counts.finish(), true))
}

/// Counts with the last bucket at hand: rows come in runs of near times.
#[derive(Default)]
struct Tally {
    counts: crate::hash::FastMap<i64, usize>,
    buckets: Vec<(i64, [u64; 8])>,
    last: usize,
}

impl Tally {
    fn add(&mut self, start: i64, severity: u8, count: u64) -> Result<(), StoreError> {
        if self.buckets.get(self.last).is_none_or(|b| b.0 != start) {
            self.last = match self.counts.get(&start) {
                Some(place) => *place,
                None if self.buckets.len() >= MAX_BUCKETS => return Err(Histogram::too_large()),
                None => {
                    self.counts.insert(start, self.buckets.len());
                    self.buckets.push((start, [0; 8]));
                    self.buckets.len() - 1
                }
            };
        }
        if let Some(slot) =
            self.buckets.get_mut(self.last).and_then(|b| b.1.get_mut(usize::from(severity & 7)))
        {
            *slot += count;
        }
        Ok(())
    }

    fn finish(self) -> Vec<(i64, [u64; 8])> {
        self.buckets
    }
}
