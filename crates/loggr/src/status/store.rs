//! The status of stores: size, age, damage, and what retention has dropped.
//!
//! The numbers of an embedded store come from its manifest; those of a database may be some minutes
//! old.

use std::path::Path;

use loggr_event::Timestamp;
use loggr_store::Summary;
use loggr_store::embedded::summary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::live::Live;
use super::metric::{Metric, count, metric, said};
use super::stamp;
use crate::config::{Config, ShipKind};
use crate::sink::Destination;

/// Damaged files of one store that are named; all are counted.
const MAX_DAMAGED: usize = 20;

/// A store.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Store {
    /// The shipper that writes it.
    pub name: String,
    /// Its kind's word.
    pub kind: String,
    /// Its content; `None` if it cannot be opened.
    #[serde(flatten)]
    pub holds: Option<Holdings>,
    /// What is wrong with it.
    pub trouble: Option<String>,
}

/// What a store holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Holdings {
    /// Events.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Days that hold events.
    pub days: u64,
    /// Data files.
    pub files: u64,
    /// When its oldest event was received, in RFC 3339.
    pub oldest: Option<String>,
    /// When its newest event was received.
    pub newest: Option<String>,
    /// The same in seconds since 1970.
    pub oldest_unix: Option<i64>,
    /// The same in seconds since 1970.
    pub newest_unix: Option<i64>,
    /// Events that retention has dropped, ever.
    pub dropped: u64,
    /// Events that were purged, ever.
    pub purged: u64,
    /// Damaged files.
    pub damaged: usize,
    /// The first of them.
    pub damaged_files: Vec<DamagedFile>,
    /// Why retention drops nothing.
    pub clock: Option<String>,
}

/// A file that was found damaged.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DamagedFile {
    /// The store to which it belongs.
    pub store: String,
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

impl Store {
    /// Why retention drops nothing.
    pub fn clock(&self) -> Option<&str> {
        self.holds.as_ref()?.clock.as_deref()
    }

    /// The status of a store. `seen`: its numbers, or why there are none, if that is known.
    fn of(name: &str, kind: &str, retains: bool, seen: Result<Summary, Option<String>>) -> Store {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        let sum = match seen {
            Ok(sum) => sum,
            Err(trouble) => return Store { name, kind, holds: None, trouble },
        };
        let trouble = sum.damaged.first().map(|(_, what)| what.clone());
        let holds = Some(Holdings::of(&name, retains, sum));
        Store { name, kind, holds, trouble }
    }
}

impl Holdings {
    fn of(store: &str, retains: bool, sum: Summary) -> Holdings {
        let file = |(path, what): &(_, String)| {
            let path: &Path = AsRef::<Path>::as_ref(path);
            DamagedFile { store: store.to_owned(), file: path.display().to_string(), what: what.clone() }
        };
        let time = |micros: i64| stamp(Timestamp::from_unix_micros(micros));
        Holdings {
            events: sum.events,
            bytes: sum.bytes,
            days: sum.days,
            files: sum.files,
            oldest: sum.times.map(|t| time(t.0)),
            newest: sum.times.map(|t| time(t.1)),
            oldest_unix: sum.times.map(|t| t.0.div_euclid(1_000_000)),
            newest_unix: sum.times.map(|t| t.1.div_euclid(1_000_000)),
            dropped: sum.dropped,
            purged: sum.purged,
            damaged: sum.damaged.len(),
            damaged_files: sum.damaged.iter().take(MAX_DAMAGED).map(file).collect(),
            // Without a retention the clock does not matter.
            clock: sum.step.filter(|_| retains).map(|step| step.to_string()),
        }
    }
}

/// The stores that this process writes.
pub fn online(live: &Live) -> Vec<Store> {
    let ships = live.ships.iter();
    ships
        .filter_map(|ship| {
            let name = ship.stats.name();
            let seen = ship.destination.summary()?;
            Some(Store::of(name, ship.stats.kind, retains(&live.config, name), seen))
        })
        .collect()
}

/// The embedded stores on this disk, when no process runs.
pub fn offline(config: &Config) -> Vec<Store> {
    let ships = config.ships.iter();
    ships
        .filter_map(|ship| {
            let ShipKind::Search(search) = &ship.kind else { return None };
            search.directory.exists().then(|| {
                let seen = summary(&search.directory).map_err(|error| Some(error.to_string()));
                Store::of(&ship.name, ship.kind.keyword(), search.retention.is_some(), seen)
            })
        })
        .collect()
}

fn retains(config: &Config, name: &str) -> bool {
    let mut stores =
        config.ships.iter().filter(|ship| ship.name == name).filter_map(|ship| ship.kind.store());
    stores.any(|store| store.retention().is_some())
}

/// A store that must be repaired before it can be used, in a sentence.
pub fn unusable(live: &Live) -> Option<String> {
    live.ships.iter().find_map(|ship| {
        let Destination::Search(sink) = &ship.destination else { return None };
        let why = sink.summary().err().flatten()?;
        Some(format!("the store of `{}` cannot be opened: {why}", ship.stats.name()))
    })
}

/// Its metrics.
pub const METRICS: &[Metric<Store>] = &[
    metric("events", |s| count(s.holds.as_ref()?.events), "Events that the store holds."),
    metric("bytes", |s| count(s.holds.as_ref()?.bytes), "Bytes that the store takes on disk."),
    metric("days", |s| count(s.holds.as_ref()?.days), "Number of days of which the store holds events."),
    metric(
        "oldest_timestamp_seconds",
        |s| Some(s.holds.as_ref()?.oldest_unix.unwrap_or(0) as f64),
        "When the oldest event of the store was received, in seconds since 1970; 0 if the store is empty.",
    ),
    metric(
        "newest_timestamp_seconds",
        |s| Some(s.holds.as_ref()?.newest_unix.unwrap_or(0) as f64),
        "When the newest event of the store was received, in seconds since 1970; 0 if the store is empty.",
    ),
    metric(
        "dropped_events_total",
        |s| count(s.holds.as_ref()?.dropped),
        "Events that `retention` has removed since the store was made.",
    ),
    metric(
        "purged_events_total",
        |s| count(s.holds.as_ref()?.purged),
        "Events that `loggr purge` has deleted since the store was made.",
    ),
    metric(
        "damaged_files",
        |s| count(s.holds.as_ref()?.damaged as u64),
        "Data files of the store that are known to be damaged.",
    ),
    metric(
        "clock_held",
        |s| said(&s.holds.as_ref()?.clock),
        "1 while `retention` removes nothing because the host's clock has jumped and cannot be trusted.",
    ),
    metric("trouble", |s| said(&s.trouble), "1 while the store is damaged or cannot be opened."),
];
