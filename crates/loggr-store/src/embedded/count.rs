//! Counting matching events.

use super::exec;
use super::exec::group::Group;
use super::exec::plan::Plan;
use super::reader::Reader;
use crate::query::Query;
use crate::{Counted, SearchOptions, StoreError};

impl Reader {
    /// How many events match. The limit, page and order of the options do not count.
    pub fn count(&self, query: &Query, options: &SearchOptions) -> Result<Counted, StoreError> {
        let plan = Plan::new(query, options);
        self.ask(|view| {
            let mut counted = Counted::default();
            if plan.span.is_empty() {
                return Ok(counted);
            }
            let (answers, trouble) = self.each_group(view, plan.span, &options.limits, |target| {
                let group = Group::new(&target.file, target.group)?;
                Ok(exec::matching_rows(&plan, &group)?.len() as u64)
            })?;
            counted.stats.groups = answers.len() as u64;
            counted.events = answers.iter().sum();
            counted.stats.matched = counted.events;
            counted.stats.groups_read = answers.iter().filter(|n| **n > 0).count() as u64;
            view.usage.tell(&mut counted.stats);
            (counted.partial, counted.warnings) = (trouble.partial, trouble.warnings);
            Ok(counted)
        })
    }
}
