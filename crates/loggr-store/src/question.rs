//! The options of a question to a store beside the query: the page, the span of time, when to give
//! up.
//!
//! Both engines take the same options. What is searched for is in `query`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use loggr_event::{Timestamp, Uid};

use crate::query::Span;
use crate::{ErrorKind, StoreError};

/// Most events of one page.
pub const MAX_SEARCH_LIMIT: usize = 10_000;

/// What to search for beside the query.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// Earliest time of generation, microseconds since 1970.
    pub since: Option<i64>,
    /// Before this time of generation.
    pub until: Option<i64>,
    /// Events at most; at most [`MAX_SEARCH_LIMIT`].
    pub limit: usize,
    /// Only events behind this one in the order asked for.
    pub after: Option<(Timestamp, Uid)>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
    /// The time of asking, for relative times in the query; microseconds since 1970.
    pub now: i64,
    /// When to give up.
    pub limits: Limits,
}

impl SearchOptions {
    /// Newest 100, asked at `now` (microseconds since 1970).
    pub fn new(now: i64) -> SearchOptions {
        SearchOptions {
            since: None,
            until: None,
            limit: 100,
            after: None,
            oldest_first: false,
            now,
            limits: Limits::default(),
        }
    }

    /// The part of a span that lies within `since` and `until`.
    pub(crate) fn within(&self, span: Span) -> Span {
        Span {
            from: span.from.max(self.since.unwrap_or(i64::MIN)),
            until: span.until.min(self.until.unwrap_or(i64::MAX)),
        }
    }
}

/// When a query must end before it is done.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// The time at which the query ends; what was found until then is the answer, marked as
    /// partial.
    pub deadline: Option<Instant>,
    /// Set it to true to end the query with an error of [`ErrorKind::Limit`].
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Limits {
    /// Whether the time is over; an error if the query was cancelled.
    pub(crate) fn is_over(&self) -> Result<bool, StoreError> {
        if self.cancel.as_ref().is_some_and(|c| c.load(Ordering::Relaxed)) {
            return Err(StoreError::new(ErrorKind::Limit, "the query was cancelled"));
        }
        Ok(self.deadline.is_some_and(|deadline| Instant::now() >= deadline))
    }
}
