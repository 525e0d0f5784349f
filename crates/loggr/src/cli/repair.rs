//! `loggr repair`: what is damaged in the data directory is put aside, and what can be read is kept.
//!
//! Deletes nothing: a damaged file moves to `damaged/` in its store, a rescue that cannot be opened
//! to a name beside it. A store or rescue that a process has open is left alone; one that it could not
//! open is free, and is taken up again by itself.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use loggr_bus::rescue::{Aside, move_aside};
use loggr_event::counted;
use loggr_store::ErrorKind;
use loggr_store::embedded::{Repaired, repair, repair_and_forget};

use super::{Place, complain};
use crate::config::ship::SearchShip;
use crate::config::{Config, Ship, ShipKind};
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::store;

/// Arguments of `loggr repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// The name of the shipper whose store is to be repaired [default: every store of kind `search`, and
    /// the rescue]
    #[arg(long, value_name = "SHIPPER")]
    store: Option<String>,
    /// Strike files that are missing from the store's list, because they will not come back
    #[arg(long)]
    forget_missing: bool,
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &RepairArgs) -> Result<Exit> {
    let config = place.load()?;
    let stores: Vec<(&Ship, &SearchShip)> = config.ships.iter().filter_map(search).collect();
    let chosen: Vec<_> =
        stores.iter().filter(|(ship, _)| args.store.as_ref().is_none_or(|name| *name == ship.name)).collect();
    if let Some(name) = args.store.as_ref().filter(|_| chosen.is_empty()) {
        return Err(anyhow!("no shipper of kind `search` is called `{name}`"))
            .hint("`loggr check` shows what is configured")
            .usage();
    }
    let mut whole = true;
    for (ship, search) in chosen {
        whole &= repair_store(ship, search, args.forget_missing)?;
    }
    if args.store.is_none() {
        whole &= repair_rescue(&config)?;
    }
    Ok(if whole { Exit::Fine } else { Exit::Failed })
}

fn search(ship: &Ship) -> Option<(&Ship, &SearchShip)> {
    let ShipKind::Search(search) = &ship.kind else { return None };
    Some((ship, search))
}

/// False where a process has the store, or files of it are not there.
fn repair_store(ship: &Ship, search: &SearchShip, forget: bool) -> Result<bool> {
    if !search.directory.exists() {
        return Ok(true);
    }
    let repaired = match forget {
        true => repair_and_forget(&search.directory),
        false => repair(&search.directory),
    };
    match repaired {
        Ok(repaired) => report(&ship.name, &repaired),
        Err(error) if error.kind() == ErrorKind::Locked => {
            complain(&format!(
                "error: the store of `{}` is in use, because a running process writes to it\n\
                 hint: stop that process, run `loggr repair`, and start the process again\n",
                ship.name
            ));
            Ok(false)
        }
        failed => {
            let context = || format!("cannot repair the store of `{}`", ship.name);
            store::told(failed).with_context(context).map(|_| true)
        }
    }
}

/// Says what was done; false where files are not there.
fn report(name: &str, repaired: &Repaired) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    if *repaired == Repaired::default() {
        writeln!(out, "the store of `{name}` is undamaged")?;
        return Ok(true);
    }
    if repaired.manifest_rebuilt {
        writeln!(out, "rebuilt the manifest of `{name}` from its data files")?;
    }
    if repaired.taken_up > 0 {
        writeln!(out, "`{name}` has {} again that were missing", counted(repaired.taken_up, "event"))?;
    }
    for file in &repaired.set_aside {
        let path = file.path.display();
        match file.lost {
            Some(0) if file.saved == 0 => writeln!(out, "  {path}: moved aside")?,
            Some(lost) => {
                writeln!(out, "  {path}: moved aside, saved {}, lost {lost}", counted(file.saved, "event"))?
            }
            None => writeln!(out, "  {path}: moved aside, nothing in it can be read")?,
        }
    }
    for day in &repaired.missing {
        let (files, events, directory) = (day.files, day.events, day.directory.display());
        let done = if repaired.forgotten { ", struck from the list" } else { "" };
        let (files, events) = (counted(files, "file"), counted(events, "event"));
        writeln!(out, "  {directory}: missing are {files} with {events} ({}){done}", day.why)?;
    }
    if repaired.missing.is_empty() || repaired.forgotten {
        return Ok(true);
    }
    complain(&format!(
        "error: files of the store of `{name}` are missing\n\
         hint: bring the files back to their directories, or run `loggr repair --forget-missing` if they are gone for ever\n"
    ));
    Ok(false)
}

/// Moves a rescue aside that cannot be opened. False where a process has it.
fn repair_rescue(config: &Config) -> Result<bool> {
    let directory = config.data.directory.join("rescue");
    if !directory.exists() {
        return Ok(true);
    }
    let aside = move_aside(&directory)
        .with_context(|| format!("cannot move the damaged rescue in `{}` aside", directory.display()))?;
    let mut out = std::io::stdout().lock();
    match aside {
        Aside::Moved(path) => {
            writeln!(
                out,
                "the rescue was damaged and could not be opened; its files are now in `{}`",
                path.display()
            )?;
        }
        Aside::Whole => writeln!(out, "the rescue is undamaged")?,
        Aside::InUse(Some(why)) => {
            complain(&format!(
                "error: the rescue cannot be opened, and a running process uses it: {why}\n\
                 hint: stop that process, run `loggr repair`, and start the process again\n"
            ));
            return Ok(false);
        }
        Aside::InUse(None) => writeln!(out, "the rescue was not checked, because a running process uses it")?,
    }
    Ok(true)
}
