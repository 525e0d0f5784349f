//! `loggr init rabbitmq`: exchanges, queues and bindings on the broker.
//!
//! Makes what is missing and changes nothing that is there: a queue that is another is the
//! operator's to move out of the way.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use loggr_bus::rabbit::{self, BrokerError, BrokerErrorKind};

use crate::component::bus;
use crate::config::Config;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;

/// Declares everything that the configuration names.
pub fn rabbitmq(config: &Config) -> Result<Exit> {
    let Some(rabbit) = &config.bus.rabbit else {
        return Err(anyhow!("this configuration keeps its queues on disk and uses no RabbitMQ broker"))
            .hint("to use a broker, set `kind = \"rabbitmq\"` and `urls` in the section `[bus]`")
            .usage();
    };
    let options = bus::options(rabbit, "loggr init".to_owned())?;
    let topology = config.topology()?;
    let declared = super::runtime()?.block_on(rabbit::declare(&options, &topology)).or_else(explain)?;
    let mut out = std::io::stdout().lock();
    for object in &declared {
        let state = match object.made {
            Some(true) => "created",
            Some(false) => "exists already",
            None => "set",
        };
        writeln!(out, "{} {}: {state}", object.kind, object.name)?;
    }
    Ok(Exit::Fine)
}

fn explain<T>(error: BrokerError) -> Result<T> {
    let (hint, refused) = (error.advice().map(str::to_owned), error.kind() == BrokerErrorKind::Refused);
    let failed = Err(error).context("cannot create on the broker what the configuration names");
    let failed = match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    };
    if refused { failed.usage() } else { failed }
}
