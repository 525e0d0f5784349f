//! `loggr queue list|peek|purge`: the durable queues, running or not.

use std::io::Write;

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use loggr_bus::{ExchangeView, inspect};
use loggr_event::counted;
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
    /// Show the queues, and how many events wait in each
    List {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Print the oldest events that wait in a queue as JSON, one a line; they stay in the queue
    Peek {
        /// The name of the queue
        queue: String,
        /// Print at most this many events
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: usize,
    },
    /// Delete all events that wait in a queue; the metrics count them as dropped
    Purge {
        /// The name of the queue
        queue: String,
        /// Do not ask for a confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &QueueArgs) -> Result<Exit> {
    let config = place.load_to_ask()?;
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
        QueuePlace::Broker { ready_messages, .. } => (counted(ready_messages, "message"), "-".to_owned()),
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
    if !yes && !confirm(&format!("delete every event that waits in `{queue}`, for ever?"))? {
        return Ok(Exit::Failed);
    }
    let target = format!("/api/queue/purge?queue={}", control::escape(queue));
    let Some(body) = control::ask(&config.data.directory, "POST", &target)? else {
        return Err(anyhow!("no loggr runs with the data directory `{}`", config.data.directory.display()))
            .hint("only a running process can empty a queue: start one with `loggr run`")
            .usage();
    };
    let answer: Dropped = serde_json::from_slice(&body)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "deleted {} of `{queue}`", counted(answer.dropped, answer.unit.noun()))?;
    if answer.in_hand > 0 {
        let then = match answer.in_hand_is {
            InHand::Doomed => "deleted when it comes back",
            InHand::Kept => "put back into the queue",
        };
        let given = counted(answer.in_hand, "event");
        writeln!(out, "handed out at this moment: {given}; each is stored by its receiver, or {then}")?;
    }
    Ok(Exit::Fine)
}

fn offline(config: &Config) -> Result<Vec<ExchangeView>> {
    if config.bus.rabbit.is_some() {
        return Err(anyhow!(
            "no loggr runs with the data directory `{}`, and its queues are on the broker",
            config.data.directory.display()
        ))
        .hint("`rabbitmqctl list_queues` shows the queues of the broker");
    }
    if !place::exists(&config.bus.directory)? {
        bail!("no queue exists in `{}` yet", config.bus.directory.display());
    }
    Ok(inspect(&config.bus.directory)?)
}
