//! What one scan tells the next, and the times that all of them count with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::positions::Id;
use crate::process::clock;

/// How long a copy of a file may stand beside it before it counts as a file of its own.
pub(super) const COPY_TIME: Duration = Duration::from_secs(10);

/// The files that are looked for as the successors of one, or as its predecessors that nobody has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heirs {
    /// Until then.
    pub until: Instant,
    /// They were made since, in nanoseconds since 1970; without it: written since the file was.
    pub made_since: Option<u64>,
}

/// What one scan tells the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// Copies of files that are still there: since when they are of this size.
    pub(super) copies: BTreeMap<PathBuf, (Instant, u64)>,
    /// Patterns to which nothing belongs, which was said.
    pub(super) empty: BTreeSet<usize>,
    /// Files whose successors are looked for, until then.
    pub(super) heirs: BTreeMap<Id, Heirs>,
    /// When lost files are searched next.
    pub(super) searched: Option<Instant>,
    /// A file was renamed between its finding and its opening: it has to be found under its new name.
    pub(super) has_missed: bool,
    pub(super) is_later: bool,
}

/// The time in seconds since 1970.
pub(super) fn seconds_now() -> u64 {
    nanos_now() / 1_000_000_000
}

/// The time in nanoseconds since 1970.
pub(super) fn nanos_now() -> u64 {
    u64::try_from(clock::now().unix_micros()).unwrap_or(0).saturating_mul(1000)
}
