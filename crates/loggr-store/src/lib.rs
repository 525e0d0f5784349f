//! The search store: the query language, the embedded columnar store, and the same in PostgreSQL.
//!
//! The embedded store is synchronous: the program calls it on its blocking pool. The crate knows
//! nothing of syslog, of the bus or of HTTP.
//!
//! [`Store`] is the one writer of a directory, [`Reader`] reads it, in any process, while it is
//! written. The files are plain Parquet; `docs/format/store.md` describes them.
#![deny(missing_docs)]

mod blocks;
mod checksum;
mod compaction;
mod conform;
mod datafile;
mod dedupe;
mod error;
mod exec;
#[doc(hidden)]
pub mod fault;
mod hash;
mod histogram;
mod index;
mod manifest;
mod orphans;
mod pages;
mod partition;
pub mod postgres;
mod reader;
mod rest;
mod retention;
mod rows;
mod schema;
mod search;
mod selection;
mod store;
mod top;
mod upkeep;
mod verify;
mod writer;

pub mod conformance;
pub mod query;
pub mod tokens;

pub use compaction::Compactor;
pub use error::{ErrorKind, StoreError};
pub use exec::{Limits, Stats, THREADS_PER_QUERY};
pub use histogram::{Bucket, Histogram, MAX_BUCKETS};
pub use reader::{Partition, Reader};
pub use retention::{CLOCK_HOLD, CLOCK_STEP, Look, Moment, Step};
pub use schema::{FieldKind, MAX_CENSUS_NAMES, MAX_COLUMN_NAME_BYTES, MAX_FIELD_COLUMNS};
pub use search::{Counted, Found, MAX_RESULT_BYTES, MAX_SEARCH_LIMIT, SearchOptions};
pub use store::{Appended, Store, StoreOptions};
pub use top::{KnownField, MAX_TOP_VALUES, Top, TopValue};
pub use upkeep::{Pruned, Summary, Watch, summary};
pub use verify::{DAMAGED, Damage, Missing, Repaired, SetAside, Verified, repair, repair_and_forget};
