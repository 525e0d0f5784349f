//! `loggr prune` and `loggr purge`: what a store keeps, and what it must not keep any longer.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;

use super::{Place, complain, confirm};
use crate::config::Ship;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::operate::days::{self, Days, retention};
use crate::process::clock::now;
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
        None => config
            .ships
            .iter()
            .filter(|ship| ship.kind.store().is_some() && retention(ship).is_some())
            .collect(),
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
        whole &= report(ship, &days::prune(&config, ship, retention, args.accept_clock)?)?;
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
    let whole = report(ship, &days::drop_before(&config, ship, before)?)?;
    Ok(if whole { Exit::Fine } else { Exit::Failed })
}

/// Says what was dropped; false where something is still there that should be gone.
fn report(ship: &Ship, dropped: &Days) -> Result<bool> {
    let Days { days, busy, events: _, clock } = dropped;
    writeln!(std::io::stdout().lock(), "dropped {} days of `{}`", days.len(), ship.name)?;
    if !busy.is_empty() {
        complain(&format!("warning: {} days are in use and still there: try again\n", busy.len()));
    }
    if let Some(clock) = clock {
        complain(&format!("warning: {clock}\n"));
    }
    Ok(busy.is_empty() && clock.is_none())
}
