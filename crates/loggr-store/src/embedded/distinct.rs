//! How many different values fields have among matching events, up to a limit.
//!
//! A field that has shown more than that is not looked at any further, so that fields with a value of
//! their own in each event cost no more than the first row groups.

use std::sync::{Mutex, OnceLock};

use super::exec::group::Group;
use super::exec::plan::Plan;
use super::lock;
use super::reader::Reader;
use super::top::{Tally, count, normalise};
use super::{exec, presence};
use crate::query::{Field, Query};
use crate::{Distinct, NumberOf, SearchOptions, StoreError};

/// Bytes of the values of one field that are kept; of a field with more it is told how many there were.
const MAX_VALUE_BYTES: usize = 8 << 20;

/// The values of one field that were seen.
#[derive(Default)]
struct Seen {
    tally: Mutex<Tally>,
    /// There are more than so many; nobody looks any further.
    more_than: OnceLock<u64>,
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
                        if rows.is_empty() || seen.more_than.get().is_some() {
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
        let is_cut = here.is_cut();
        tally.merge(here);
        // The same value may have had different types in different files, of which there are three.
        let is_over = tally.len() > most.saturating_mul(3);
        if is_over || is_cut || tally.text_bytes() > MAX_VALUE_BYTES {
            normalise(&mut tally);
            // Who was first has said it.
            self.more_than.get_or_init(|| tally.len().saturating_sub(1).min(most) as u64);
            *tally = Tally::default();
        }
    }

    fn number(self, most: usize) -> NumberOf {
        let mut tally = self.tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        normalise(&mut tally);
        match self.more_than.get() {
            Some(more_than) => NumberOf::MoreThan(*more_than),
            None => NumberOf::of(tally.len() as u64, most),
        }
    }
}
