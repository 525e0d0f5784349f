//! `loggr run`: everything that is configured in one process, or one part of it.

use anyhow::{Context, Result};
use clap::Args;

use super::Place;
use crate::exit::Exit;
use crate::process::part::{Component, Part};
use crate::process::telemetry;
use crate::run::{self, signals};

/// Arguments of `loggr run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Run this part alone [default: everything that the configuration has]
    #[arg(value_enum)]
    component: Option<Component>,
    /// The name of the machine or shipper to run
    name: Option<String>,
}

/// Runs until a signal.
pub fn run(place: &Place, args: &RunArgs) -> Result<Exit> {
    signals::hold()?;
    let config = place.load_with_filters()?;
    let part = Part::choose(&config, args.component, args.name.as_deref())?;
    telemetry::start(&config.log);
    let prepared = run::prepare(config, part)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("loggr")
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run::run(prepared))?;
    runtime.shutdown_background();
    Ok(Exit::Fine)
}
