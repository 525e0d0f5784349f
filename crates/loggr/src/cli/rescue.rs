//! `loggr rescue list|show|replay|discard`: what a destination refused for ever, of shippers
//! and, as `machine.NAME` and `spool.EXCHANGE..KEY`, of machines and the collector.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use loggr_event::counted;
use serde::Deserialize;
use serde_json::{Value, json};

use super::remote::{Remote, RemoteArgs};
use super::{Place, complain, confirm};
use crate::clean::{self, clean};
use crate::config::Config;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::operate::rescue::{self, Discarded, Entry, Replayed};
use crate::process::place;
use crate::registry::control;

/// Entries of one page of the API.
const PAGE: &str = "1000";

/// Arguments of `loggr rescue`.
#[derive(Debug, Args)]
pub struct RescueArgs {
    #[command(subcommand)]
    command: RescueCommand,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Subcommand)]
enum RescueCommand {
    /// List the rescued events with the reason why each was refused
    List {
        /// List only events of this destination: the name of a shipper, `machine.NAME` or
        /// `spool.EXCHANGE..KEY`
        sink: Option<String>,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Print one rescued event as JSON, with the reason why it was refused
    Show {
        /// The destination, as the column SHIPPER of `loggr rescue list` shows it
        sink: String,
        /// The id of the event, as `loggr rescue list` shows it
        id: String,
    },
    /// Send rescued events to their destination again
    Replay {
        /// The destination, as the column SHIPPER of `loggr rescue list` shows it
        sink: String,
        /// The id of an event, as `loggr rescue list` shows it [default: all events]
        id: Option<String>,
    },
    /// Delete rescued events for ever
    Discard {
        /// The destination, as the column SHIPPER of `loggr rescue list` shows it
        sink: String,
        /// The id of an event, as `loggr rescue list` shows it [default: all events]
        id: Option<String>,
        /// Do not ask for a confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &RescueArgs) -> Result<Exit> {
    let of = match args.remote.open(place)? {
        Some(remote) => Of::There(Box::new(remote)),
        None => Of::Here(Box::new(place.load()?)),
    };
    match &args.command {
        RescueCommand::List { sink, json } => list(&of, sink.as_deref(), *json),
        RescueCommand::Show { sink, id } => show(&of, sink, id),
        RescueCommand::Replay { sink, id } => {
            let answer = of.replay(sink, id.as_deref())?;
            writeln!(std::io::stdout().lock(), "`{sink}` took {}", counted(answer.replayed, "event"))?;
            Ok(refused_again(sink, &answer))
        }
        RescueCommand::Discard { sink, id, yes } => {
            let what = match id {
                Some(id) => format!("delete event {id} of `{sink}` for ever?"),
                None => format!("delete every rescued event of `{sink}` for ever?"),
            };
            if !yes && !confirm(&what)? {
                return Ok(Exit::Failed);
            }
            let answer = of.discard(sink, id.as_deref())?;
            writeln!(std::io::stdout().lock(), "deleted {}", counted(answer.discarded, "event"))?;
            Ok(Exit::Fine)
        }
    }
}

/// Whose rescue it is.
enum Of {
    /// That of this host, where loggr may run or not.
    Here(Box<Config>),
    /// That of a loggr elsewhere, which runs.
    There(Box<Remote>),
}

/// Entries as the API sends them.
#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
    cursor: Option<String>,
}

impl Of {
    /// Goes through all entries, or those of one sink, until it is enough.
    fn each(&self, sink: Option<&str>, mut entry: impl FnMut(Entry) -> Result<Going>) -> Result<()> {
        let remote = match self {
            Of::Here(config) => {
                return rescue::each(&rescue::open(config)?, sink, |one| entry(one.clone()).map(drop));
            }
            Of::There(remote) => remote,
        };
        let mut cursor = None;
        loop {
            let (sink, limit) = (sink.map(str::to_owned), Some(PAGE.to_owned()));
            let page: Page =
                remote.get("/api/rescue", &[("sink", sink), ("limit", limit), ("cursor", cursor)])?;
            for one in page.entries {
                if entry(one)? == Going::Enough {
                    return Ok(());
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// One entry with its event.
    fn get(&self, sink: &str, id: &str) -> Result<Option<Entry>> {
        if let Of::Here(config) = self {
            return rescue::get(&rescue::open(config)?, sink, id);
        }
        rescue::number(id)?;
        let mut found = None;
        self.each(Some(sink), |entry| {
            let is_it = entry.id == id;
            found = is_it.then_some(entry);
            Ok(if is_it { Going::Enough } else { Going::On })
        })?;
        Ok(found)
    }

    fn replay(&self, sink: &str, id: Option<&str>) -> Result<Replayed> {
        let config = match self {
            Of::Here(config) => config,
            Of::There(remote) => return remote.post("/api/rescue/replay", &which(sink, id)?),
        };
        match command(config, "replay", sink, id)? {
            Some(body) => Ok(serde_json::from_slice(&body)?),
            None => {
                let directory = config.data.directory.display();
                Err(anyhow!("no loggr runs with the data directory `{directory}`"))
                    .hint("only a running process can send rescued events again: start one with `loggr run`")
                    .usage()
            }
        }
    }

    fn discard(&self, sink: &str, id: Option<&str>) -> Result<Discarded> {
        let config = match self {
            Of::Here(config) => config,
            Of::There(remote) => return remote.post("/api/rescue/discard", &which(sink, id)?),
        };
        match command(config, "discard", sink, id)? {
            Some(body) => Ok(serde_json::from_slice(&body)?),
            None => rescue::discard(&rescue::open(config)?, sink, id),
        }
    }
}

/// Is another entry wanted?
#[derive(PartialEq)]
enum Going {
    On,
    Enough,
}

/// Which entries are meant, for the API.
fn which(sink: &str, id: Option<&str>) -> Result<Value> {
    let id = id.map(rescue::number).transpose()?.map(|id| id.to_string());
    Ok(match id {
        Some(id) => json!({ "sink": sink, "id": id }),
        None => json!({ "sink": sink }),
    })
}

/// Says what the destination has refused once more.
fn refused_again(sink: &str, answer: &Replayed) -> Exit {
    let refused = answer.refused;
    if refused == 0 {
        return Exit::Fine;
    }
    complain(&format!(
        "error: `{sink}` refused {} again; what was refused stays in the rescue\n  caused by: {}\n\
         hint: remove the cause and repeat the replay, or delete the events with `loggr rescue discard {sink}`\n",
        counted(refused, "event"),
        answer.reason.as_deref().unwrap_or("the destination did not say why")
    ));
    Exit::Failed
}

fn list(of: &Of, sink: Option<&str>, json: bool) -> Result<Exit> {
    if let Of::Here(config) = of
        && !place::exists(&config.data.directory.join("rescue"))?
    {
        complain("hint: no event was ever rescued in this data directory\n");
        return Ok(Exit::Fine);
    }
    let mut out = std::io::stdout().lock();
    let mut has_head = json;
    // The head comes with the first answer: none stands above a refusal.
    let mut head = move |out: &mut std::io::StdoutLock<'_>| match std::mem::replace(&mut has_head, true) {
        true => Ok(()),
        false => writeln!(out, "{:<36} {:<16} {:<28} REASON", "ID", "SHIPPER", "TIME"),
    };
    of.each(sink, |entry| {
        head(&mut out)?;
        if json {
            // One line is enough for a list; `show` has the event.
            let entry = Entry { event: None, ..entry };
            writeln!(out, "{}", clean::value(&serde_json::to_value(entry)?))?;
        } else {
            let (id, time, sink) = (&entry.id, &entry.time, clean(&entry.sink));
            writeln!(out, "{id:<36} {sink:<16} {time:<28} {}", clean(&entry.reason))?;
        }
        Ok(Going::On)
    })?;
    head(&mut out)?;
    Ok(Exit::Fine)
}

fn show(of: &Of, sink: &str, id: &str) -> Result<Exit> {
    let entry = of
        .get(sink, id)?
        .ok_or_else(|| anyhow!("the rescue of `{sink}` has no event {id}"))
        .hint("`loggr rescue list` shows the events that there are")?;
    let shown = serde_json::to_value(entry)?;
    writeln!(std::io::stdout().lock(), "{}", clean::json(&format!("{shown:#}")))?;
    Ok(Exit::Fine)
}

/// Tells the process that runs; `None` where none does.
fn command(config: &Config, what: &str, sink: &str, id: Option<&str>) -> Result<Option<Vec<u8>>> {
    let mut target = format!("/api/rescue/{what}?sink={}", control::escape(sink));
    if let Some(id) = id {
        target.push_str(&format!("&id={}", rescue::number(id)?));
    }
    control::ask(&config.data.directory, "POST", &target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_of_which_nothing_was_taken_is_no_success() {
        let exit = |refused| {
            let reason = Some("it is a fifo".to_owned());
            refused_again("archive", &Replayed { replayed: 0, refused, reason })
        };
        assert_eq!((exit(0), exit(2)), (Exit::Fine, Exit::Failed));
        // A process that is older than this program does not say.
        let silent = serde_json::from_str(r#"{"replayed":0}"#).unwrap();
        assert_eq!(refused_again("archive", &silent), Exit::Fine);
    }
}
