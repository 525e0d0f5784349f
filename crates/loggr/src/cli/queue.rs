//! `loggr queue list|peek|purge`: the durable queues, running or not.

use std::io::Write;

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use loggr_bus::{ExchangeView, inspect};
use loggr_event::DumpFormat;
use loggr_flow::Batch;
use serde_json::{Value, json};

use super::{Place, confirm, status};
use crate::clean::{self, clean};
use crate::component::place;
use crate::config::Config;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::registry::control;

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
    let mut status = status::ask(config)?;
    status::part_names(&mut status);
    let queues = status["queues"].as_array().cloned().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", clean::json(&format!("{:#}", Value::Array(queues))))?;
        return Ok(Exit::Fine);
    }
    let number = |q: &Value, key: &str| q[key].as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
    let waiting = |q: &Value| match q["ready_messages"].as_u64() {
        Some(messages) => format!("{messages} messages"),
        None => number(q, "waiting"),
    };
    // Of several processes each row says whose it is.
    let several = queues.windows(2).any(|pair| matches!(pair, [a, b] if a["process"] != b["process"]));
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
    for q in &queues {
        writeln!(
            out,
            "{:<20} {:<16} {:>12} {:>14} {:>12}{}",
            clean(q["name"].as_str().unwrap_or("?")),
            clean(q["exchange"].as_str().unwrap_or("?")),
            waiting(q),
            number(q, "waiting_bytes"),
            number(q, "stored"),
            place(q["host"].as_str().unwrap_or("-"), q["part"].as_str().unwrap_or("-")),
        )?;
    }
    Ok(Exit::Fine)
}

fn peek(config: &Config, queue: &str, limit: usize) -> Result<Exit> {
    let target = format!("/api/queue/peek?queue={}&limit={limit}", control::escape(queue));
    let events = match control::ask(&config.data.directory, "GET", &target)? {
        Some(body) => serde_json::from_slice(&body)?,
        None => {
            let views = offline(config)?;
            let view = views
                .iter()
                .find(|v| v.queues.iter().any(|q| q.name == queue))
                .ok_or_else(|| anyhow!("there is no queue `{queue}`"))
                .hint("`loggr queue list` shows the queues")?;
            events_json(view.peek(queue, limit)?.as_ref(), limit)
        }
    };
    let mut out = std::io::stdout().lock();
    for event in events.as_array().into_iter().flatten() {
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
    let answer: Value = serde_json::from_slice(&body)?;
    let unit = answer["unit"].as_str().unwrap_or("events");
    let mut out = std::io::stdout().lock();
    writeln!(out, "dropped {} {unit} of `{queue}`", answer["dropped"])?;
    let in_hand = answer["in_hand"].as_u64().unwrap_or(0);
    if in_hand > 0 {
        let then = match answer["in_hand_is"].as_str() {
            Some("doomed") => "they are stored, or dropped as soon as they come back",
            _ => "they are stored, or wait in the queue again",
        };
        writeln!(out, "{in_hand} events of it are in the hands of who takes from it: {then}")?;
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

/// The first `limit` events of a batch as JSON.
pub fn events_json(batch: Option<&Batch>, limit: usize) -> Value {
    let mut text = Vec::new();
    let events = batch.into_iter().flat_map(Batch::records).take(limit).map(|record| {
        text.clear();
        record.event().dump(&DumpFormat::Json, &mut text);
        serde_json::from_slice(&text).unwrap_or_else(|_| json!({ "uid": record.uid.to_string() }))
    });
    Value::Array(events.collect())
}
