//! `loggr run`: everything that is configured in one process, or one part of it.

use anyhow::{Context, Result};
use clap::Args;

use super::Place;
use crate::exit::{Exit, Usage, is_usage};
use crate::hint::Advise;
use crate::process::confine;
use crate::process::descriptors::MAX_WEB_CONNECTIONS;
use crate::process::part::{Component, Part};
use crate::process::telemetry;
use crate::run::{self, signals};

/// Threads for blocking work. An answer of the web address has one while it is made, and may need a second
/// one for the store: what receives and stores events never waits for one of theirs.
const MAX_BLOCKING_THREADS: usize = 2 * MAX_WEB_CONNECTIONS + 512;

/// Arguments of `loggr run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Run this part alone [default: everything that the configuration has]
    #[arg(value_enum)]
    component: Option<Component>,
    /// The name of the machine, shipper or harvest to run
    name: Option<String>,
    /// When root starts loggr, become this user, whatever `[process] user` says; `root` stays root
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Runs until a signal.
pub fn run(place: &Place, args: &RunArgs) -> Result<Exit> {
    signals::hold()?;
    let mut config = match args.component {
        Some(Component::Agent) => place.load_agent()?,
        _ => place.load_with_filters()?,
    };
    if let Some(user) = &args.user {
        // A group of the file belongs to the user of the file.
        if config.process.user.as_ref() != Some(user) {
            config.process.group = None;
        }
        config.process.user = Some(user.clone());
    }
    let part = Part::choose(&config, args.component, args.name.as_deref())?;
    telemetry::start(&config.log);
    let prepared = run::prepare(config, part)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("loggr")
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
        .context("cannot start the runtime")?;
    confined(runtime.block_on(run::run(prepared)))?;
    runtime.shutdown_background();
    Ok(Exit::Fine)
}

/// What ends because it may not reach a place says so.
fn confined(ended: Result<()>) -> Result<()> {
    let Err(error) = ended else { return Ok(()) };
    match confine::advice_on(&format!("{error:#}")) {
        Some(advice) if is_usage(&error) => Err(error).hint(advice).usage(),
        Some(advice) => Err(error).hint(advice),
        None => Err(error),
    }
}
