//! `loggr prune` and `loggr purge`: what a store keeps, and what it must not keep any longer.
//!
//! The embedded store has one writer: where a process holds it, that one is told over its control
//! socket; else it is opened here. A database takes the order from anybody who may give it.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use loggr_store::postgres::Dropped;
use loggr_store::{ErrorKind, Look, Pruned, Store, StoreError, StoreOptions};
use serde_json::{Value, json};

use super::{Place, complain, confirm};
use crate::component::place;
use crate::component::process::Process;
use crate::component::upkeep::moment;
use crate::config::{Config, Ship, ShipKind};
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::registry::control;
use crate::sink::Destination;
use crate::source::now;
use crate::store;

/// Arguments of `loggr prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Name of the shipper whose store is meant [default: every one that has a retention]
    #[arg(long, value_name = "SHIPPER")]
    store: Option<String>,
    /// The clock is right: retention need not wait until its last step has held for hours
    #[arg(long)]
    accept_clock: bool,
}

/// Arguments of `loggr purge`.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Name of the shipper whose store is meant [default: `store` of `[web]`, or the first one]
    #[arg(long, value_name = "SHIPPER")]
    store: Option<String>,
    /// Only whole days that ended before: `30d` ago, or a stamp [default: everything]
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// `loggr prune`.
pub fn prune(place: &Place, args: &PruneArgs) -> Result<Exit> {
    let config = place.load()?;
    let ships: Vec<&Ship> = match &args.store {
        Some(name) => vec![store::choose(&config, Some(name))?],
        None => {
            config.ships.iter().filter(|ship| ship.kind.is_store() && retention(ship).is_some()).collect()
        }
    };
    if ships.is_empty() {
        return Err(anyhow!("no store has a `retention`"))
            .hint("set `retention = \"90d\"` on a shipper of kind `search` or `postgres`")
            .usage();
    }
    let mut whole = true;
    for ship in ships {
        let Some(retention) = retention(ship) else {
            return Err(anyhow!("the store of `{}` has no `retention`: it keeps everything", ship.name))
                .usage();
        };
        whole &= report(ship, &prune_days(&config, ship, retention, args.accept_clock)?)?;
    }
    Ok(if whole { Exit::Fine } else { Exit::Failed })
}

/// `loggr purge`.
pub fn purge(place: &Place, args: &PurgeArgs) -> Result<Exit> {
    let config = place.load()?;
    let ship = store::choose(&config, args.store.as_deref())?;
    let at = now().unix_micros();
    let before = args.before.as_deref().map(|text| super::search::time(text, at)).transpose()?;
    let question = match &args.before {
        Some(before) => format!("delete every day of `{}` that ended before {before}, for ever?", ship.name),
        None => format!("delete every event in the store of `{}` for ever?", ship.name),
    };
    if !args.yes && !confirm(&question)? {
        return Ok(Exit::Failed);
    }
    let whole = report(ship, &drop_days(&config, ship, before)?)?;
    Ok(if whole { Exit::Fine } else { Exit::Failed })
}

fn retention(ship: &Ship) -> Option<Duration> {
    match &ship.kind {
        ShipKind::Search(search) => search.retention,
        ShipKind::Postgres(postgres) => postgres.retention,
        ShipKind::Files(_) => None,
    }
}

/// Says what was dropped; false where something is still there that should be gone.
fn report(ship: &Ship, dropped: &Value) -> Result<bool> {
    let days = |key: &str| dropped[key].as_array().map_or(0, Vec::len);
    writeln!(std::io::stdout().lock(), "dropped {} days of `{}`", days("days"), ship.name)?;
    if days("busy") > 0 {
        complain(&format!("warning: {} days are in use and still there: try again\n", days("busy")));
    }
    if let Some(clock) = dropped["clock"].as_str() {
        complain(&format!("warning: {clock}\n"));
    }
    Ok(days("busy") == 0 && dropped["clock"].is_null())
}

/// Drops what is past the retention, if the clock is believed.
fn prune_days(config: &Config, ship: &Ship, retention: Duration, accept: bool) -> Result<Value> {
    match &ship.kind {
        ShipKind::Postgres(postgres) => {
            let database = store::database(postgres)?;
            let pruned = super::runtime()?.block_on(database.prune(moment(), Some(retention), accept));
            Ok(pruned_postgres(store::told(pruned)?))
        }
        ShipKind::Search(search) => {
            let offline = || {
                let options = StoreOptions {
                    background_compaction: false,
                    retention: Some(retention),
                    ..StoreOptions::default()
                };
                Store::open(&search.directory, options)?.prune(moment(), accept)
            };
            if !place::exists(&search.directory)? {
                return Ok(json!({ "days": [] }));
            }
            let name = control::escape(&ship.name);
            or_running(config, offline().map(pruned_search), || {
                format!("/api/store/prune?ship={name}&accept_clock={accept}")
            })
        }
        ShipKind::Files(_) => bail!("the shipper `{}` writes files, which loggr does not delete", ship.name),
    }
}

fn pruned_search(pruned: Pruned) -> Value {
    let clock = pruned.clock.held().map(|step| step.to_string());
    json!({ "days": pruned.days, "events": pruned.events, "clock": clock })
}

fn pruned_postgres((dropped, look): (Dropped, Look)) -> Value {
    let clock = look.held().map(|step| step.to_string());
    json!({ "days": dropped.days, "busy": dropped.busy, "events": dropped.events, "clock": clock })
}

/// What was done to a store that nobody has open; else what the process that has it does.
fn or_running(
    config: &Config,
    done: Result<Value, StoreError>,
    target: impl FnOnce() -> String,
) -> Result<Value> {
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
fn drop_days(config: &Config, ship: &Ship, before: Option<i64>) -> Result<Value> {
    match &ship.kind {
        ShipKind::Postgres(postgres) => {
            let database = store::database(postgres)?;
            let dropped = super::runtime()?.block_on(database.purge(before));
            let dropped = store::told(dropped)?;
            Ok(json!({ "days": dropped.days, "busy": dropped.busy }))
        }
        ShipKind::Search(search) => {
            if !place::exists(&search.directory)? {
                return Ok(json!({ "days": [] }));
            }
            let done = offline(&search.directory, before).map(|days| json!({ "days": days }));
            or_running(config, done, || {
                let target = format!("/api/store/drop?ship={}", control::escape(&ship.name));
                match before {
                    Some(before) => format!("{target}&before={before}"),
                    None => target,
                }
            })
        }
        ShipKind::Files(_) => bail!("the shipper `{}` writes files, which loggr does not delete", ship.name),
    }
}

fn offline(directory: &Path, before: Option<i64>) -> Result<Vec<String>, StoreError> {
    let options = StoreOptions { background_compaction: false, ..StoreOptions::default() };
    Store::open(directory, options)?.purge(before)
}

/// What the running process drops of its store. `None`: it has no such store.
pub async fn drop_here(process: &Process, ship: &str, before: Option<i64>) -> Option<Result<Value>> {
    let running = process.ships.iter().find(|s| s.stats.name == ship)?;
    match &running.destination {
        Destination::Search(sink) => {
            let days = sink.purge(before).await;
            Some(store::told(days).map(|days| json!({ "days": days })))
        }
        Destination::Postgres(sink) => {
            let dropped = sink.database().purge(before).await;
            Some(store::told(dropped).map(|d| json!({ "days": d.days, "busy": d.busy })))
        }
        Destination::Files(_) => None,
    }
}

/// What the running process drops by the retention of its store. `None`: it has no such store.
pub async fn prune_here(process: &Process, ship: &str, accept: bool) -> Option<Result<Value>> {
    let running = process.ships.iter().find(|s| s.stats.name == ship)?;
    match &running.destination {
        Destination::Search(sink) => Some(store::told(sink.prune(moment(), accept).await).map(pruned_search)),
        Destination::Postgres(sink) => {
            let configured = process.config.ships.iter().find(|s| s.name == ship);
            let retention = configured.and_then(retention);
            let pruned = sink.database().prune(moment(), retention, accept).await;
            Some(store::told(pruned).map(pruned_postgres))
        }
        Destination::Files(_) => None,
    }
}
