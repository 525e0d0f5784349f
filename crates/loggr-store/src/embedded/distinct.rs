//! How many different values fields have among matching events, up to a limit.
//!
//! A field that has shown more than that is not looked at any further, so that fields with a value of
//! their own in each event cost no more than the first row groups.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exec::group::Group;
use super::exec::plan::Plan;
use super::lock;
use super::reader::Reader;
use super::top::{Tally, count, normalise};
use super::{exec, presence};
use crate::query::{Field, Query};
use crate::{Distinct, NumberOf, SearchOptions, StoreError};

/// The values of one field that were seen.
#[derive(Default)]
struct Seen {
    tally: Mutex<Tally>,
    is_over: AtomicBool,
}

impl Reader {
    /// The number of different values of each of these fields, exactly if it is at most `most`.
    pub fn distinct(
        &self,
        query: &Query,
        fields: &[Field],
        most: usize,
        options: &SearchOptions,
    ) -> Result<Distinct, StoreError> {
        let plan = Plan::new(query, options);
        self.ask(|view| {
            let mut distinct = Distinct::default();
            let mut all: Vec<Seen> = Vec::new();
            all.resize_with(fields.len(), Seen::default);
            if !plan.span.is_empty() {
                let (answers, trouble) = self.each_group(view, plan.span, &options.limits, |target| {
                    let group = Group::new(&target.file, target.group)?;
                    let rows = exec::matching_rows(&plan, &group)?;
                    for (field, seen) in fields.iter().zip(&all) {
                        if rows.is_empty() || seen.is_over.load(Ordering::Relaxed) {
                            continue;
                        }
                        if presence::rows_with(&group, field, &rows)?.is_empty() {
                            continue;
                        }
                        let mut here = Tally::default();
                        count(&group, field, &rows, &mut here)?;
                        seen.add(here, most);
                    }
                    Ok(rows.len() as u64)
                })?;
                (distinct.partial, distinct.warnings) = (trouble.partial, trouble.warnings);
                distinct.stats.groups = answers.len() as u64;
                distinct.stats.groups_read = answers.iter().filter(|matched| **matched > 0).count() as u64;
                distinct.stats.matched = answers.iter().sum();
                view.usage.tell(&mut distinct.stats);
            }
            distinct.numbers = all.into_iter().map(|seen| seen.number(most)).collect();
            Ok(distinct)
        })
    }
}

impl Seen {
    fn add(&self, here: Tally, most: usize) {
        let mut tally = lock(&self.tally);
        tally.merge(here);
        // The same value may have had different types in different files, of which there are three.
        if tally.len() > most.saturating_mul(3) {
            self.is_over.store(true, Ordering::Relaxed);
            *tally = Tally::default();
        }
    }

    fn number(self, most: usize) -> NumberOf {
        let mut tally = self.tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        normalise(&mut tally);
        match self.is_over.into_inner() {
            true => NumberOf::MoreThan(most as u64),
            false => NumberOf::of(tally.len() as u64, most),
        }
    }
}
