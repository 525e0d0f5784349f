//! `loggr prune` and `loggr purge`: what a store keeps, and what it must not keep any longer.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use loggr_event::counted;

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
    /// The name of the shipper whose store is meant [default: every store that has a retention]
    #[arg(long, value_name = "SHIPPER")]
    store: Option<String>,
    /// Delete at once although the clock of this host has jumped: its present time is right
    #[arg(long)]
    accept_clock: bool,
}

/// Arguments of `loggr purge`.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// The name of the shipper whose store is meant [default: the `store` that `[web]` names, or
    /// else the first store of the configuration]
    #[arg(long, value_name = "SHIPPER")]
    store: Option<String>,
    /// Delete only days that ended before this time, such as `30d` (30 days ago) or `2026-11-30`
    /// (UTC) [default: delete everything]
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Do not ask for a confirmation
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
        return Err(anyhow!("no store of this configuration has a `retention`, so nothing is ever too old"))
            .hint("set `retention = \"90d\"` on a shipper of kind `search` or `postgres`")
            .usage();
    }
    let mut whole = true;
    for ship in ships {
        let Some(retention) = retention(ship) else {
            return Err(anyhow!("the store of `{}` has no `retention`, so it keeps everything", ship.name))
                .hint("`loggr purge --before TIME` deletes days that ended before a time")
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
    let before = args.before.as_deref().map(|text| super::search::time("--before", text, at)).transpose()?;
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
    writeln!(std::io::stdout().lock(), "deleted {} of `{}`", counted(days.len(), "day"), ship.name)?;
    if !busy.is_empty() {
        let busy = counted(busy.len(), "day");
        complain(&format!(
            "warning: {busy} could not be deleted because something reads the files\nhint: try again later\n"
        ));
    }
    if let Some(clock) = clock {
        complain(&format!("warning: {clock}\n"));
    }
    Ok(busy.is_empty() && clock.is_none())
}
