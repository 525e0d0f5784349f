//! The conditions of a statement while they are written, with its parameters and what is known of
//! the rows.
//!
//! The conditions themselves are written in `condition` and `value`.

use std::collections::HashMap;

use loggr_event::Origin;

use super::param::Param;
use super::schema::{Indexes, Promoted};
use super::text;
use crate::query::Span;

/// What is known of the rows to which the conditions apply.
#[derive(Clone, Copy)]
pub(super) struct Context<'q> {
    pub(super) promoted: &'q [Promoted],
    pub(super) origins: &'q HashMap<i32, Origin>,
    /// The indexes that all rows in question have.
    pub(super) indexes: Indexes,
    /// The server's engine could not take an expression of this query: do without it.
    pub(super) without_regex: bool,
}

impl Context<'_> {
    /// The same for rows that have no indexes.
    pub(super) fn plain(self) -> Self {
        Context { indexes: Indexes::None, ..self }
    }
}

/// Conditions, and their parameters.
pub(super) struct Sql<'q> {
    pub(super) context: Context<'q>,
    pub(super) params: Vec<Param>,
    /// Are the conditions so far exact?
    pub(super) exact: bool,
}

impl<'q> Sql<'q> {
    pub(super) fn new(context: Context<'q>) -> Sql<'q> {
        Sql { context, params: Vec::new(), exact: true }
    }

    /// A parameter's place.
    pub(super) fn param(&mut self, param: Param) -> String {
        self.params.push(param);
        format!("${}", self.params.len())
    }

    /// A text as it is stored.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.param(Param::Text(text::encode(text).into_owned()))
    }

    /// A span of a column of times.
    pub(super) fn span(&mut self, column: &str, span: Span) -> String {
        let mut parts = Vec::new();
        if span.from > i64::MIN {
            parts.push(format!("{column} >= {}", self.param(Param::Time(span.from))));
        }
        if span.until < i64::MAX {
            parts.push(format!("{column} < {}", self.param(Param::Time(span.until))));
        }
        if parts.is_empty() { "true".to_owned() } else { parts.join(" AND ") }
    }
}
