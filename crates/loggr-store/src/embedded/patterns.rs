//! Patterns: matching events by the shapes of their messages.
//!
//! Three small columns are read of the matching rows: shape, time, severity; and the newest event of each
//! pattern that is shown. Not here: what is counted, and how (`crate::patterns`).

use std::sync::Mutex;

use arrow_array::{TimestampMicrosecondArray, UInt8Array, UInt64Array};

use super::exec::group::{Column, Group};
use super::exec::plan::Plan;
use super::exec::{self, Target};
use super::lock;
use super::reader::{Reader, Trouble};
use super::rows::{Decoder, column};
use super::schema::core;
use super::selection::Selection;
use crate::hash::FastMap;
use crate::patterns::{Ask, Example, Patterns, Tally};
use crate::query::Query;
use crate::{ErrorKind, StoreError};

/// Where a row is: its row group's place in the list of those that were looked at, and its number.
type Place = (u32, u32);

/// What all threads add to.
#[derive(Default)]
struct Sum {
    /// As many as threads: each takes one, adds to it, and puts it back.
    tallies: Mutex<Vec<Tally<Place>>>,
    /// The row groups in which something matched.
    targets: Mutex<Vec<Target>>,
}

impl Reader {
    /// The shapes among the matching events. The bounds of the question are known.
    pub(crate) fn patterns(&self, query: &Query, ask: &Ask) -> Result<Patterns, StoreError> {
        let plan = Plan::new(query, &ask.options);
        self.ask(|view| {
            let mut patterns = ask.empty();
            if plan.span.is_empty() {
                return Ok(patterns);
            }
            let sum = Sum::default();
            let (answers, mut trouble) = self.each_group(view, plan.span, &ask.options.limits, |target| {
                let group = Group::new(&target.file, target.group)?;
                let rows = exec::matching_rows(&plan, &group)?;
                if !rows.is_empty() {
                    count(&group, target, &rows, &sum, &ask.starts)?;
                }
                Ok(!rows.is_empty())
            })?;
            patterns.stats.groups = answers.len() as u64;
            patterns.stats.groups_read = answers.iter().filter(|read| **read).count() as u64;
            let mut tallies = std::mem::take(&mut *lock(&sum.tallies)).into_iter();
            let targets = std::mem::take(&mut *lock(&sum.targets));
            let mut all = tallies.next().unwrap_or_else(|| Tally::new(&ask.starts));
            tallies.for_each(|tally| all.merge(tally));
            let newest = all.finish(ask.limit, &mut patterns);
            patterns.stats.matched = patterns.matched;
            if ask.examples {
                add_examples(&mut patterns, &newest, &targets, ask, &mut trouble)?;
            }
            patterns.partial |= trouble.partial;
            patterns.warnings.extend(trouble.warnings);
            view.usage.tell(&mut patterns.stats);
            Ok(patterns)
        })
    }
}

/// Adds the rows of one row group.
fn count(
    group: &Group<'_>,
    target: &Target,
    rows: &Selection,
    sum: &Sum,
    starts: &[i64],
) -> Result<(), StoreError> {
    let (shapes, times, severities) =
        (group.shapes(rows)?, group.column(core::TIME, rows)?, group.column(core::SEVERITY, rows)?);
    let shape = column::<UInt64Array>(&*shapes.array)?.values();
    let time = column::<TimestampMicrosecondArray>(&*times.array)?.values();
    let severity = column::<UInt8Array>(&*severities.array)?.values();
    let number = {
        let mut targets = lock(&sum.targets);
        targets.push(target.clone());
        (targets.len() - 1) as u32
    };
    let mut tally = lock(&sum.tallies).pop().unwrap_or_else(|| Tally::new(starts));
    let mut add = |row: u32, shape_at: usize, time_at: usize, severity_at: usize| {
        if let (Some(shape), Some(time), Some(severity)) =
            (shape.get(shape_at), time.get(time_at), severity.get(severity_at))
        {
            tally.add(*shape, *time, *severity, || (number, row));
        }
    };
    let same = |a: &Column, b: &Column| a.rows == b.rows;
    if same(&shapes, &times) && same(&times, &severities) {
        rows.each_range_in(&times.rows, |place, first, length| {
            for i in 0..length {
                let at = (place + i) as usize;
                add(first + i, at, at, at);
            }
        });
    } else {
        let places = rows.positions_in(&shapes.rows).into_iter().zip(rows.positions_in(&times.rows));
        let places = places.zip(rows.positions_in(&severities.rows));
        for (row, ((a, b), c)) in rows.rows().zip(places) {
            add(row, a as usize, b as usize, c as usize);
        }
    }
    lock(&sum.tallies).push(tally);
    Ok(())
}

/// Fetches the newest event of each pattern, row group by row group.
fn add_examples(
    patterns: &mut Patterns,
    newest: &[Vec<Place>],
    targets: &[Target],
    ask: &Ask,
    trouble: &mut Trouble,
) -> Result<(), StoreError> {
    let mut wanted: FastMap<u32, Vec<(u32, usize)>> = FastMap::default();
    for (pattern, places) in newest.iter().enumerate() {
        for (target, row) in places {
            wanted.entry(*target).or_default().push((*row, pattern));
        }
    }
    let mut wanted: Vec<(u32, Vec<(u32, usize)>)> = wanted.into_iter().collect();
    wanted.sort_unstable();
    wanted.iter_mut().for_each(|(_, rows)| rows.sort_unstable());
    let fetched = exec::parallel(wanted.len(), |i| {
        let Some((target, rows)) = wanted.get(i) else { return Ok(Vec::new()) };
        match (targets.get(*target as usize), ask.options.limits.is_over()?) {
            (Some(target), false) => fetch(target, rows),
            _ => Err(StoreError::new(ErrorKind::Limit, "")),
        }
    });
    for (found, (_, rows)) in fetched.into_iter().zip(&wanted) {
        match found {
            Ok(examples) => {
                for (example, (_, pattern)) in examples.into_iter().zip(rows) {
                    let Some(slot) = patterns.patterns.get_mut(*pattern) else { continue };
                    if slot.example.as_ref().is_none_or(|known| known.uid < example.uid) {
                        slot.example = Some(example);
                    }
                }
            }
            // Without its example a pattern is still told. An error for the cancelled question remains.
            Err(e) if e.kind() == ErrorKind::Limit => {
                ask.options.limits.is_over()?;
                trouble.partial = true;
            }
            Err(e) => trouble.note(e)?,
        }
    }
    Ok(())
}

/// The events of some rows, in their order.
fn fetch(target: &Target, rows: &[(u32, usize)]) -> Result<Vec<Example>, StoreError> {
    let rows = Selection::from_rows(rows.iter().map(|(row, _)| *row));
    let batch = target.file.read_all(target.group, &rows)?;
    let events = Decoder::new().decode(&batch, &target.file.head()?.columns)?;
    Ok(events.iter().map(Example::of).collect())
}
