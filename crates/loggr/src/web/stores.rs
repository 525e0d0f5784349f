//! The stores in the status: how large, how old, what is damaged, and what retention has dropped.
//!
//! Of an embedded store the numbers are those of its manifest, of a database those of some minutes ago.

use loggr_event::Timestamp;
use loggr_store::{Summary, summary};
use serde_json::{Value, json};

use crate::component::process::Process;
use crate::config::{Config, ShipKind};
use crate::sink::Destination;

/// Damaged files of one store that are named; all are counted.
const MAX_DAMAGED: usize = 20;

/// The stores that this process writes.
pub fn online(process: &Process) -> Vec<Value> {
    let retains = |name: &str| retains(&process.config, name);
    let ships = process.ships.iter();
    ships
        .filter_map(|ship| {
            let name = ship.stats.name.as_str();
            let seen = match &ship.destination {
                Destination::Search(sink) => sink.summary(),
                Destination::Postgres(sink) => sink.summary().ok_or(None),
                Destination::Files(_) => return None,
            };
            Some(store(name, ship.stats.kind, retains(name), seen))
        })
        .collect()
}

/// The embedded stores on this disk, which nobody writes.
pub fn offline(config: &Config) -> Vec<Value> {
    let ships = config.ships.iter();
    ships
        .filter_map(|ship| match &ship.kind {
            ShipKind::Search(search) if search.directory.exists() => {
                let seen = summary(&search.directory).map_err(|error| Some(error.to_string()));
                Some(store(&ship.name, ship.kind.keyword(), search.retention.is_some(), seen))
            }
            ShipKind::Search(_) | ShipKind::Files(_) | ShipKind::Postgres(_) => None,
        })
        .collect()
}

fn retains(config: &Config, name: &str) -> bool {
    config.ships.iter().filter(|ship| ship.name == name).any(|ship| match &ship.kind {
        ShipKind::Search(search) => search.retention.is_some(),
        ShipKind::Postgres(postgres) => postgres.retention.is_some(),
        ShipKind::Files(_) => false,
    })
}

/// `seen`: the numbers, or why there are none, where that is known.
fn store(name: &str, kind: &str, retains: bool, seen: Result<Summary, Option<String>>) -> Value {
    let sum = match seen {
        Ok(sum) => sum,
        Err(trouble) => return json!({ "name": name, "kind": kind, "trouble": trouble }),
    };
    let damaged: Vec<Value> = sum
        .damaged
        .iter()
        .take(MAX_DAMAGED)
        .map(|(path, what)| json!({ "store": name, "file": path, "what": what }))
        .collect();
    let first = damaged.first().map(|file| file["what"].clone());
    // Without a retention nobody waits for the clock.
    let clock = sum.step.filter(|_| retains).map(|step| step.to_string());
    json!({
        "name": name, "kind": kind, "events": sum.events, "bytes": sum.bytes, "days": sum.days,
        "files": sum.files, "oldest": sum.times.map(|t| stamp(t.0)), "newest": sum.times.map(|t| stamp(t.1)),
        "oldest_unix": sum.times.map(|t| t.0.div_euclid(1_000_000)),
        "newest_unix": sum.times.map(|t| t.1.div_euclid(1_000_000)),
        "dropped": sum.dropped, "purged": sum.purged, "damaged": sum.damaged.len(),
        "damaged_files": damaged, "clock": clock, "trouble": first.unwrap_or_default(),
    })
}

fn stamp(micros: i64) -> String {
    let mut out = Vec::new();
    Timestamp::from_unix_micros(micros).write_rfc3339(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// What troubles the stores of a process, by shipper.
pub fn troubles(process: &Process) -> Vec<(String, Option<String>)> {
    let stores = online(process).into_iter();
    stores
        .map(|store| {
            let text = |key: &str| store[key].as_str().map(str::to_owned);
            (text("name").unwrap_or_default(), text("trouble").or_else(|| text("clock")))
        })
        .collect()
}

/// A store that somebody must repair before it takes anything.
pub fn unusable(process: &Process) -> Option<String> {
    process.ships.iter().find_map(|ship| {
        let Destination::Search(sink) = &ship.destination else { return None };
        let why = sink.summary().err().flatten()?;
        Some(format!("the store of `{}` cannot be opened: {why}", ship.stats.name))
    })
}
