//! `loggr queue list|peek|purge`: the durable queues, running or not.

use std::io::Write;

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use loggr_bus::{ExchangeView, inspect};
use serde_json::Value;

use super::{Place, confirm, status};
use crate::clean::{self, clean};
use crate::config::Config;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::operate::events;
use crate::operate::queues::{Dropped, InHand};
use crate::process::place;
use crate::registry::control;
use crate::status::{Owned, Queue, QueuePlace};

/// Arguments of `loggr queue`.
#[derive(Debug, Args)]
pub struct QueueArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// Show the queues and how much each holds
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the oldest waiting events of a queue as JSON lines; they stay in the queue
    Peek {
        /// The queue
        queue: String,
        /// How many events
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: usize,
    },
    /// Drop everything that waits in a queue; counted as dropped
    Purge {
        /// The queue
        queue: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &QueueArgs) -> Result<Exit> {
    let config = place.load()?;
    match &args.command {
        QueueCommand::List { json } => list(&config, *json),
        QueueCommand::Peek { queue, limit } => peek(&config, queue, *limit),
        QueueCommand::Purge { queue, yes } => purge(&config, queue, *yes),
    }
}

fn list(config: &Config, json: bool) -> Result<Exit> {
    let status = status::ask(config)?;
    let mut out = std::io::stdout().lock();
    if json {
        let part = |queue: &Owned<Queue>| {
            let mut shown = serde_json::to_value(queue)?;
            if let (Some(part), Some(row)) = (status.part_of(queue.process.as_deref()), shown.as_object_mut())
            {
                row.insert("part".to_owned(), part.into());
            }
            Ok(shown)
        };
        let queues = status.queues.iter().map(part).collect::<Result<Value>>()?;
        writeln!(out, "{}", clean::json(&format!("{queues:#}")))?;
        return Ok(Exit::Fine);
    }
    let waiting = |q: &Queue| match q.place {
        QueuePlace::Broker { ready_messages, .. } => (format!("{ready_messages} messages"), "-".to_owned()),
        QueuePlace::Disk(ref disk) => (disk.waiting.to_string(), disk.waiting_bytes.to_string()),
    };
    // Of several processes each row says whose it is.
    let several = status.queues.windows(2).any(|pair| matches!(pair, [a, b] if a.process != b.process));
    let place = |host: &str, process: &str| match several {
        true => format!("  {host} {process}").trim_end().to_owned(),
        false => String::new(),
    };
    writeln!(
        out,
        "{:<20} {:<16} {:>12} {:>14} {:>12}{}",
        "QUEUE",
        "EXCHANGE",
        "WAITING",
        "WAITING BYTES",
        "STORED",
        place("HOST", "PROCESS")
    )?;
    for owned in &status.queues {
        let queue = &owned.item;
        let (events, bytes) = waiting(queue);
        let part = status.part_of(owned.process.as_deref());
        writeln!(
            out,
            "{:<20} {:<16} {events:>12} {bytes:>14} {:>12}{}",
            clean(&queue.name),
            clean(&queue.exchange),
            queue.stored,
            place(owned.host.as_deref().unwrap_or("-"), part.as_deref().unwrap_or("-")),
        )?;
    }
    Ok(Exit::Fine)
}

fn peek(config: &Config, queue: &str, limit: usize) -> Result<Exit> {
    let target = format!("/api/queue/peek?queue={}&limit={limit}", control::escape(queue));
    let events: Vec<Value> = match control::ask(&config.data.directory, "GET", &target)? {
        Some(body) => serde_json::from_slice(&body)?,
        None => {
            let views = offline(config)?;
            let view = views
                .iter()
                .find(|v| v.queues.iter().any(|q| q.name == queue))
                .ok_or_else(|| anyhow!("there is no queue `{queue}`"))
                .hint("`loggr queue list` shows the queues")?;
            events::json(view.peek(queue, limit)?.as_ref(), limit)
        }
    };
    let mut out = std::io::stdout().lock();
    for event in &events {
        writeln!(out, "{}", clean::value(event))?;
    }
    Ok(Exit::Fine)
}

fn purge(config: &Config, queue: &str, yes: bool) -> Result<Exit> {
    if !yes && !confirm(&format!("drop every event that waits in `{queue}`?"))? {
        return Ok(Exit::Failed);
    }
    let target = format!("/api/queue/purge?queue={}", control::escape(queue));
    let Some(body) = control::ask(&config.data.directory, "POST", &target)? else {
        return Err(anyhow!("loggr does not run on `{}`", config.data.directory.display()))
            .hint("a queue is purged by the running process: start it with `loggr run`")
            .usage();
    };
    let answer: Dropped = serde_json::from_slice(&body)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "dropped {} {} of `{queue}`", answer.dropped, answer.unit.keyword())?;
    if answer.in_hand > 0 {
        let then = match answer.in_hand_is {
            InHand::Doomed => "they are stored, or dropped as soon as they come back",
            InHand::Kept => "they are stored, or wait in the queue again",
        };
        writeln!(out, "{} events of it are in the hands of who takes from it: {then}", answer.in_hand)?;
    }
    Ok(Exit::Fine)
}

fn offline(config: &Config) -> Result<Vec<ExchangeView>> {
    if config.bus.rabbit.is_some() {
        return Err(anyhow!(
            "loggr does not run on `{}`, and its queues are on the broker",
            config.data.directory.display()
        ))
        .hint("`rabbitmqctl list_queues` shows them");
    }
    if !place::exists(&config.bus.directory)? {
        bail!("there is no queue in `{}` yet", config.bus.directory.display());
    }
    Ok(inspect(&config.bus.directory)?)
}
