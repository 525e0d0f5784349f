//! `loggr run`: everything that is configured, in one process.

use anyhow::{Context, Result};
use clap::Args;

use super::Place;
use crate::component::process;
use crate::config::LogFormat;
use crate::exit::Exit;
use crate::telemetry;

/// Arguments of `loggr run`.
#[derive(Debug, Args)]
pub struct RunArgs {}

/// Runs until a signal.
pub fn run(place: &Place, _args: &RunArgs) -> Result<Exit> {
    let config = place.load()?;
    let format = match config.log.format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    telemetry::start(config.log.level.keyword(), format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("loggr")
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(process::run(config))?;
    runtime.shutdown_background();
    Ok(Exit::Fine)
}
