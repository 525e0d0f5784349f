//! `kind = "search"`: a shipper that stores events in the embedded search store. Also the keys that
//! it shares with databases.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::keys::{DAY, Key, SECOND, Takes, key};
use crate::config::reader::Reader;

/// The keys of the shippers whose events can be searched.
pub const KEYS: &[Key] = &[
    key(
        "retention",
        Takes::Duration(DAY, 36_500 * DAY),
        "",
        "how long the store keeps events; a day that is older is removed as a whole",
    )
    .without("kept for ever")
    .only(STORES),
    key(
        "commit_events",
        Takes::Count(1, 1_000_000),
        "20000",
        "the largest number of events that the store takes in one commit; after a commit they are durable \
         and can be found",
    )
    .only(STORES),
    key(
        "commit_age",
        Takes::Duration(10, 60 * SECOND),
        "\"300ms\"",
        "how long an event waits for its commit at most when fewer than `commit_events` have come, and so how late \
         it can be found; a smaller value makes more and smaller commits, each with its syncs",
    )
    .only(STORES),
];

const STORES: &[&str] = &["search", "postgres"];

/// `kind = "search"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchShip {
    /// Where the store's files lie.
    pub directory: PathBuf,
    /// Days older than this are removed; `None`: kept for ever.
    pub retention: Option<Duration>,
    /// Events of one commit at most.
    pub commit_events: usize,
    /// An event waits for its commit at most so long.
    pub commit_age: Duration,
}

/// Reads the keys of the kind.
pub fn read(r: &mut Reader<'_, '_>, directory: PathBuf) -> SearchShip {
    SearchShip {
        directory,
        retention: r.duration_if_any("retention"),
        commit_events: r.count("commit_events"),
        commit_age: r.duration("commit_age"),
    }
}
