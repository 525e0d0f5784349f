//! The search store: the query language, the embedded columnar store, and the same in PostgreSQL.
//!
//! [`Store`] answers questions, whichever engine keeps the events: [`embedded`] in files,
//! [`postgres`] in a database. Both take the same [`query`] and give the same answers, which one
//! suite of tests ([`conformance`]) checks. Each engine has its own way to take events in.
//!
//! The crate knows nothing of syslog, of the bus, of the configuration or of HTTP.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod answer;
mod around;
mod compare;
pub mod conformance;
pub mod embedded;
mod error;
mod facets;
mod hash;
mod looks;
mod partition;
mod patterns;
pub mod postgres;
pub mod query;
mod question;
mod rest;
mod retention;
pub mod shape;
mod store;
pub mod tokens;

pub use answer::{
    Appended, Bucket, Counted, Dropped, Found, Histogram, KnownField, MAX_BUCKETS, MAX_RESULT_BYTES,
    MAX_TOP_BYTES, MAX_TOP_VALUES, Partition, Pruned, Stats, Summary, Top, TopValue,
};
pub use around::Context;
pub use compare::{
    Change, Comparison, MAX_BEFORE, MAX_CHANGES, MAX_COMPARED_FIELDS, MAX_COMPARED_VALUES, MIN_SCORE, Range,
    Subject, Trend,
};
pub use error::{ErrorKind, StoreError};
pub use facets::{
    BucketBy, Distinct, FieldOf, FieldsOf, HistogramBy, MAX_FIELD_NAMES, MAX_HISTOGRAM_CELLS, MAX_SERIES,
    MAX_VALUES_TIME, NumberOf, TopOptions,
};
pub use looks::{FieldKind, MAX_CENSUS_NAMES, MAX_COLUMN_NAME_BYTES};
pub use patterns::{
    Example, MAX_COUNTED_SHAPES, MAX_PATTERN_BUCKETS, MAX_PATTERNS, Pattern, PatternOptions, Patterns,
};
pub use question::{Limits, MAX_SEARCH_LIMIT, SearchOptions};
pub use retention::{CLOCK_HOLD, CLOCK_STEP, Look, Moment, Step};
pub use store::Store;
