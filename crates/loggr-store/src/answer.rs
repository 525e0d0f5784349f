//! The answers of stores: events, counts, values, days, and the results of changes.
//!
//! Both engines give the same answers; each finds them in its own way.

use std::path::PathBuf;

use loggr_event::Event;

use crate::looks::FieldKind;
use crate::retention::{Look, Step};
use crate::{ErrorKind, StoreError};

/// Bytes of text after which a page ends early; the next page goes on behind it.
pub const MAX_RESULT_BYTES: usize = 64 << 20;
/// Buckets of one histogram.
pub const MAX_BUCKETS: usize = 100_000;
/// Distinct values that are counted at the same time; those beyond it are left out and the answer
/// is marked as partial.
pub const MAX_TOP_VALUES: usize = 1_000_000;
/// Bytes of distinct texts that are counted at the same time; what is beyond it is left out in the same
/// way. A value may have many bytes.
pub const MAX_TOP_BYTES: usize = 64 << 20;

/// What a query had to look at to find its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Row groups whose index was asked.
    pub groups: u64,
    /// Row groups of which columns were read.
    pub groups_read: u64,
    /// Events that matched in what was looked at.
    pub matched: u64,
    /// Rows of the row groups whose index was asked. 0 of PostgreSQL, which does not tell.
    pub rows: u64,
    /// Bytes of data files that were read, as they lie on disk; what the store still knew from an
    /// earlier question is not read again. 0 of PostgreSQL, which does not tell.
    pub bytes: u64,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The events, in the order asked for.
    pub events: Vec<Event<'static>>,
    /// There may be more behind the last of them.
    pub more: bool,
    /// Something was left out: the time was over, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

/// How many events match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Matching events.
    pub events: u64,
    /// Something was left out: the time was over, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

/// The events of a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Where it begins, microseconds since 1970; a multiple of the width.
    pub start: i64,
    /// Events by severity code, 0 to 7.
    pub counts: [u64; 8],
}

impl Bucket {
    /// Events of any severity.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Events by time and severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Buckets that hold something, oldest first.
    pub buckets: Vec<Bucket>,
    /// Something was left out: the time was over, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

impl Histogram {
    /// The error of a histogram with more than [`MAX_BUCKETS`] buckets.
    pub(crate) fn too_large() -> StoreError {
        StoreError::new(ErrorKind::Limit, format!("the histogram would have more than {MAX_BUCKETS} buckets"))
    }
}

/// One value and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopValue {
    /// The value as it was received.
    pub value: String,
    /// Events that have it.
    pub events: u64,
}

/// The most frequent values of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// Most frequent first; equals by value.
    pub values: Vec<TopValue>,
    /// Distinct values in all, of those asked for.
    pub distinct: u64,
    /// Matching events that have the field at all, whichever values were asked for.
    pub with_field: u64,
    /// Matching events.
    pub matched: u64,
    /// Something was left out: the time was over, there were too many values, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

/// A custom field that the store has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownField {
    /// Its name: of a custom field, `SD-ID.PARAM-NAME`, or of a trusted field.
    pub name: String,
    /// What its single values look like, taken together.
    pub kind: FieldKind,
    /// Events that carry it, roughly: each of several values of an event counts.
    pub events: u64,
}

/// One day of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// `YYYY-MM-DD`, UTC.
    pub date: String,
    /// Events.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Data files.
    pub files: usize,
    /// Lowest and highest time of generation, microseconds since 1970.
    pub times: (i64, i64),
}

/// What an `append` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Appended {
    /// Events that are new in the store.
    pub stored: usize,
    /// Events that it held already, or that stood twice in the batch.
    pub duplicates: usize,
}

/// A store in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events that it holds.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Days that hold events.
    pub days: u64,
    /// Data files.
    pub files: u64,
    /// Lowest and highest time of generation, microseconds since 1970.
    pub times: Option<(i64, i64)>,
    /// Events that retention has dropped, ever.
    pub dropped: u64,
    /// Events that were purged, ever.
    pub purged: u64,
    /// What is damaged: the file and what is wrong with it.
    pub damaged: Vec<(PathBuf, String)>,
    /// A jump of the clock that retention does not accept yet.
    pub step: Option<Step>,
}

/// The result of dropping days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The dates of the days dropped, oldest first.
    pub days: Vec<String>,
    /// Dates that are still there because questions are being asked of them: try again.
    pub busy: Vec<String>,
    /// The events that were dropped.
    pub events: u64,
}

/// What retention did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The days that were older than the retention.
    pub dropped: Dropped,
    /// The result of the look at the clock.
    pub clock: Look,
}
