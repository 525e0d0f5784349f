//! The days of a store: dropping those that are past the retention, and those that must go.
//!
//! The embedded store has one writer: where a process holds it, that one is told over its control
//! socket; else it is opened here. A database takes the order from anybody who may give it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use loggr_store::embedded::{Writer, WriterOptions};
use loggr_store::{Dropped, ErrorKind, Pruned, StoreError};
use serde::{Deserialize, Serialize};

use crate::component::upkeep::moment;
use crate::config::{Config, Ship, StoreShip};
use crate::process::place;
use crate::registry::control;
use crate::status::Live;
use crate::store;

/// What was dropped of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Days {
    /// The days that are gone.
    pub days: Vec<String>,
    /// Days that are in use and still there.
    pub busy: Vec<String>,
    /// Events of those that are gone, where they were counted.
    pub events: u64,
    /// Why nothing was dropped: the clock is not believed.
    pub clock: Option<String>,
}

/// How long the store of a shipper keeps its events; `None` for ever, or it is no store.
pub fn retention(ship: &Ship) -> Option<Duration> {
    ship.kind.store().and_then(StoreShip::retention)
}

/// Drops what is past the retention, if the clock is believed.
pub fn prune(config: &Config, ship: &Ship, retention: Duration, accept: bool) -> Result<Days> {
    match ship.kind.store() {
        Some(StoreShip::Postgres(postgres)) => {
            let database = store::database(postgres)?;
            let pruned = runtime()?.block_on(database.prune(moment(), Some(retention), accept));
            store::told(pruned).map(Days::from)
        }
        Some(StoreShip::Search(search)) => {
            let offline = || {
                let options = WriterOptions {
                    background_compaction: false,
                    retention: Some(retention),
                    ..WriterOptions::default()
                };
                Writer::open(&search.directory, options)?.prune(moment(), accept)
            };
            if !place::exists(&search.directory)? {
                return Ok(Days::default());
            }
            let name = control::escape(&ship.name);
            or_running(config, offline().map(Days::from), || {
                format!("/api/store/prune?ship={name}&accept_clock={accept}")
            })
        }
        None => no_store(ship),
    }
}

impl From<Dropped> for Days {
    fn from(dropped: Dropped) -> Days {
        Days { days: dropped.days, busy: dropped.busy, events: dropped.events, clock: None }
    }
}

impl From<Pruned> for Days {
    fn from(pruned: Pruned) -> Days {
        Days { clock: pruned.clock.held().map(|step| step.to_string()), ..Days::from(pruned.dropped) }
    }
}

/// What was done to a store that nobody has open; else what the process that has it does.
fn or_running(
    config: &Config,
    done: Result<Days, StoreError>,
    target: impl FnOnce() -> String,
) -> Result<Days> {
    match done {
        Err(error) if error.kind() == ErrorKind::Locked => {
            match control::ask(&config.data.directory, "POST", &target())? {
                Some(body) => Ok(serde_json::from_slice(&body)?),
                None => store::told(Err(error)),
            }
        }
        done => store::told(done),
    }
}

/// Drops whole days before a moment, all of them without one.
pub fn drop_before(config: &Config, ship: &Ship, before: Option<i64>) -> Result<Days> {
    match ship.kind.store() {
        Some(StoreShip::Postgres(postgres)) => {
            let database = store::database(postgres)?;
            let dropped = runtime()?.block_on(database.purge(before));
            store::told(dropped).map(Days::from)
        }
        Some(StoreShip::Search(search)) => {
            if !place::exists(&search.directory)? {
                return Ok(Days::default());
            }
            let done = offline(&search.directory, before).map(Days::from);
            or_running(config, done, || {
                let target = format!("/api/store/drop?ship={}", control::escape(&ship.name));
                match before {
                    Some(before) => format!("{target}&before={before}"),
                    None => target,
                }
            })
        }
        None => no_store(ship),
    }
}

fn offline(directory: &Path, before: Option<i64>) -> Result<Dropped, StoreError> {
    let options = WriterOptions { background_compaction: false, ..WriterOptions::default() };
    Writer::open(directory, options)?.purge(before)
}

fn no_store(ship: &Ship) -> Result<Days> {
    let (name, kind) = (&ship.name, ship.kind.keyword());
    bail!("the shipper `{name}` of kind `{kind}` has no store, and loggr deletes nothing elsewhere")
}

/// What the running process drops of its store. `None`: it has no such store.
pub async fn drop_here(live: &Live, ship: &str, before: Option<i64>) -> Option<Result<Days>> {
    let running = live.ships.iter().find(|s| s.stats.name() == ship)?;
    let dropped = running.destination.purge(before).await?;
    Some(store::told(dropped).map(Days::from))
}

/// What the running process drops by the retention of its store. `None`: it has no such store.
pub async fn prune_here(live: &Live, ship: &str, accept: bool) -> Option<Result<Days>> {
    let running = live.ships.iter().find(|s| s.stats.name() == ship)?;
    let retention = live.config.ships.iter().find(|s| s.name == ship).and_then(retention);
    let pruned = running.destination.prune(moment(), retention, accept).await?;
    Some(store::told(pruned).map(Days::from))
}

/// A database is asked from a thread that may wait.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}
