//! The query language: text to tree and back, what it means, and its reference.
//!
//! Everything that takes queries uses this one parser. [`parse`] gives a [`Query`];
//! [`Query::resolve`] fixes the time; [`Matcher`] is the definition of what a query means, event by
//! event. Executors (columnar, SQL) must agree with it; the suite in [`crate::conformance`] checks
//! that.
//!
//! Nothing here reads a store.

mod ast;
mod build;
mod display;
mod error;
mod field;
mod habits;
mod hidden;
mod hiding;
mod matcher;
mod no_time;
mod operand;
mod paint;
mod parser;
mod pattern;
mod reference;
mod suggest;
mod time;
mod value;

pub use ast::{
    FacilitySet, Glob, Node, Query, Resolved, Scope, SeveritySet, Shape, Test, TokenNeed, literal_needs,
};
pub use error::QueryError;
pub use field::{FIELDS, Field, FieldInfo};
pub use habits::habits;
pub use hidden::Hidden;
pub use matcher::{Matcher, field_values};
pub use no_time::no_time;
pub use paint::{Kind, Part};
pub use parser::{paint, parse, parse_painted};
pub use pattern::{MAX_REGEX_CACHE_BYTES, MAX_REGEX_COMPILED_BYTES, MAX_REGEX_DEPTH, Pattern};
pub use reference::reference;
pub use suggest::suggest;
pub use time::{
    Clock, HOW_TO_WRITE_A_TIME, MAX_DURATION_MICROS, MAX_TIME_MICROS, MIN_TIME_MICROS, Span, TimePoint,
    TimeRange, UNITS, parse_duration, parse_moment,
};
pub use value::{Number, Range, RangeKind, Value, parse_ip};

/// Limit of a query text.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;
/// How deep parentheses may be nested.
pub const MAX_DEPTH: usize = 100;
/// How many words and field tests a query may have.
pub const MAX_TERMS: usize = 1024;
/// How many regular expressions a query may have.
pub const MAX_REGEXES: usize = 16;
/// Limit of one regular expression as written.
pub const MAX_REGEX_BYTES: usize = 4 * 1024;

impl std::str::FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Query, QueryError> {
        parse(text)
    }
}

#[cfg(test)]
mod tests;
