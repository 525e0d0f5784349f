//! Execution of queries over row groups: newest first with an early stop, or all of them.
//!
//! Not here: what a query means (`query`), what is done with the matching rows (`search`,
//! `histogram`, `top`). Two threads at most work for one query, and `lanes` says when.

pub(crate) mod eval;
pub(crate) mod group;
pub(crate) mod lanes;
pub(crate) mod plan;
pub(crate) mod scan;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::StoreError;
use crate::embedded::datafile::DataFile;
use crate::embedded::lock;
use crate::embedded::selection::Selection;
use crate::query::{Clock, Span};
use group::Group;
use plan::{Bound, Plan, Step};

/// Threads that work for one query.
pub const THREADS_PER_QUERY: usize = 2;

/// One row group of an open file.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) file: Arc<DataFile>,
    pub(crate) group: usize,
    pub(crate) rows: u32,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
}

impl Target {
    /// The row groups of a file that overlap the span.
    pub(crate) fn of(file: &Arc<DataFile>, span: Span) -> Result<Vec<Target>, StoreError> {
        let mut out = Vec::with_capacity(file.entry.groups as usize);
        for group in 0..file.entry.groups as usize {
            let index = file.index(group)?;
            if overlaps(span, index.min_time, index.max_time) {
                out.push(Target {
                    file: Arc::clone(file),
                    group,
                    rows: index.rows,
                    min_time: index.min_time,
                    max_time: index.max_time,
                });
            }
        }
        Ok(out)
    }
}

/// May a moment between the two lie in the span?
pub(crate) fn overlaps(span: Span, min_time: i64, max_time: i64) -> bool {
    max_time >= span.from && (min_time < span.until || span.until == i64::MAX)
}

/// The rows of a row group that match a plan and lie in its span.
pub(crate) fn matching_rows(plan: &Plan, group: &Group<'_>) -> Result<Selection, StoreError> {
    let bound = Bound::new(&plan.root, group);
    let mut rows = bound.maybe.clone();
    if !(plan.span.contains(group.index.min_time) && plan.span.contains(group.index.max_time)) {
        let time = Step::Time(Clock::Generated, plan.span);
        rows = eval::eval(&Bound::new(&time, group), group, &rows)?;
    }
    eval::eval(&bound, group, &rows)
}

/// Does the plan ask for nothing but a time?
pub(crate) fn is_everything(plan: &Plan) -> bool {
    matches!(plan.root, Step::All)
}

/// Calls `work` for each number below `count`, on two threads; the answers in order.
pub(crate) fn parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if count <= 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let answers = std::sync::Mutex::new(Vec::with_capacity(count));
    let run = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return;
            }
            let answer = work(i);
            lock(&answers).push((i, answer));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS_PER_QUERY {
            scope.spawn(run);
        }
        run();
    });
    let mut answers = answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    answers.sort_by_key(|(i, _)| *i);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
