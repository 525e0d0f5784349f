//! `loggr rescue list|show|replay|discard`: what a destination refused for ever, of shippers
//! and, as `machine.NAME` and `spool.EXCHANGE..KEY`, of machines and the collector.

use std::io::Write;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use loggr_bus::rescue::{Leaving, RescueError, RescueId, RescueStore, Rescued};
use loggr_flow::{Batch, Quiet, Reason, Receipt, Rescue, Sink, Stop, StoreError, pump};
use serde_json::{Value, json};

use super::{Place, complain, confirm};
use crate::clean::{self, clean};
use crate::component::place;
use crate::component::process::MAX_RESCUE_BYTES;
use crate::config::Config;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::registry::control;

/// Entries read from the rescue at a time.
const PAGE: usize = 1000;
/// Entries on their way back at a time.
const REPLAY_WINDOW: usize = 64;

/// Arguments of `loggr rescue`.
#[derive(Debug, Args)]
pub struct RescueArgs {
    #[command(subcommand)]
    command: RescueCommand,
}

#[derive(Debug, Subcommand)]
enum RescueCommand {
    /// Show how many events are in the rescue, and why
    List {
        /// Of this shipper alone
        sink: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print one event as JSON, with its reason
    Show {
        /// The shipper, `machine.NAME`, or `spool.EXCHANGE..KEY`
        sink: String,
        /// Id from `rescue list`
        id: String,
    },
    /// Offer events to their destination again
    Replay {
        /// The shipper, `machine.NAME`, or `spool.EXCHANGE..KEY`
        sink: String,
        /// Id from `rescue list` [default: all]
        id: Option<String>,
    },
    /// Delete events for ever
    Discard {
        /// The shipper, `machine.NAME`, or `spool.EXCHANGE..KEY`
        sink: String,
        /// Id from `rescue list` [default: all]
        id: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &RescueArgs) -> Result<Exit> {
    let config = place.load()?;
    match &args.command {
        RescueCommand::List { sink, json } => list(&config, sink.as_deref(), *json),
        RescueCommand::Show { sink, id } => show(&config, sink, id),
        RescueCommand::Replay { sink, id } => {
            let answer = command(&config, "replay", sink, id.as_deref())?;
            writeln!(std::io::stdout().lock(), "`{sink}` took {} events", answer["replayed"])?;
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
            let answer = command(&config, "discard", sink, id.as_deref())?;
            writeln!(std::io::stdout().lock(), "deleted {} events", answer["discarded"])?;
            Ok(Exit::Fine)
        }
    }
}

/// Says what the destination has refused once more.
fn refused_again(sink: &str, answer: &Value) -> Exit {
    let Some(refused) = answer["refused"].as_u64().filter(|refused| *refused > 0) else { return Exit::Fine };
    complain(&format!(
        "error: `{sink}` refused {refused} events again, which stay in the rescue\n  caused by: {}\n\
         hint: remove the cause, and replay them once more; `loggr rescue discard {sink}` deletes them\n",
        answer["reason"].as_str().unwrap_or("it did not say why")
    ));
    Exit::Failed
}

fn open(config: &Config) -> Result<RescueStore> {
    let directory = config.data.directory.join("rescue");
    if !place::exists(&directory)? {
        bail!("there is no rescue in `{}` yet", config.data.directory.display());
    }
    place::permitted(&config.data.directory)?;
    RescueStore::open(&directory, MAX_RESCUE_BYTES).context("cannot open the rescue")
}

fn list(config: &Config, sink: Option<&str>, json: bool) -> Result<Exit> {
    if !place::exists(&config.data.directory.join("rescue"))? {
        complain("hint: nothing was ever rescued here\n");
        return Ok(Exit::Fine);
    }
    let rescue = open(config)?;
    let mut out = std::io::stdout().lock();
    let sinks = rescue.sinks()?.into_iter().filter(|(name, _)| sink.is_none_or(|s| s == name));
    if !json {
        writeln!(out, "{:<36} {:<16} {:<28} REASON", "ID", "SHIPPER", "TIME")?;
    }
    for (sink, _) in sinks {
        let mut after = None;
        loop {
            let page = rescue.list(&sink, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for entry in &page {
                if json {
                    writeln!(out, "{}", clean::value(&describe(&sink, entry)))?;
                } else {
                    let (id, time) = (entry.id.to_string(), super::stamp(entry.time));
                    writeln!(out, "{id:<36} {:<16} {time:<28} {}", clean(&sink), clean(&entry.reason))?;
                }
            }
        }
    }
    Ok(Exit::Fine)
}

fn show(config: &Config, sink: &str, id: &str) -> Result<Exit> {
    let rescue = open(config)?;
    let entry = rescue
        .get(sink, number(id)?)?
        .ok_or_else(|| anyhow!("the rescue of `{sink}` has no event {id}"))
        .hint("`loggr rescue list` shows what there is")?;
    let mut shown = describe(sink, &entry);
    let events = super::events_json(Some(&entry.batch), 1);
    if let Some(object) = shown.as_object_mut() {
        object.insert("event".to_owned(), events[0].clone());
    }
    writeln!(std::io::stdout().lock(), "{}", clean::json(&format!("{shown:#}")))?;
    Ok(Exit::Fine)
}

fn describe(sink: &str, entry: &Rescued) -> Value {
    json!({
        "sink": sink, "id": entry.id.to_string(), "reason": entry.reason, "attempts": entry.attempts,
        "time": super::stamp(entry.time), "events": entry.batch.len(),
    })
}

fn number(id: &str) -> Result<RescueId> {
    RescueId::parse(id).ok_or_else(|| anyhow!("`{id}` is no id from `loggr rescue list`")).usage()
}

fn command(config: &Config, what: &str, sink: &str, id: Option<&str>) -> Result<Value> {
    let mut target = format!("/api/rescue/{what}?sink={}", control::escape(sink));
    if let Some(id) = id {
        target.push_str(&format!("&id={}", number(id)?));
    }
    match control::ask(&config.data.directory, "POST", &target)? {
        Some(body) => Ok(serde_json::from_slice(&body)?),
        None if what == "discard" => discard(&open(config)?, sink, id),
        None => Err(anyhow!("loggr does not run on `{}`", config.data.directory.display()))
            .hint("the running process puts events back: start it with `loggr run`")
            .usage(),
    }
}

/// Offers entries to their destination again; each leaves the rescue only when the
/// destination holds it durably. What it still refuses stays.
pub async fn replay(
    rescue: &RescueStore,
    sink: &str,
    destination: impl Sink,
    id: Option<&str>,
) -> Result<Value> {
    let ids = id.map(|id| number(id).map(|id| vec![id])).transpose()?;
    let begin = move |rescue: &RescueStore, sink: &str| {
        Ok((rescue.count(sink)?, rescue.replay(sink, ids, REPLAY_WINDOW)?))
    };
    let (before, source) = ask(rescue, sink, begin).await?;
    let mut again = Again::default();
    pump(source, destination, &mut again, Stop::never(), Quiet).await?;
    let after = ask(rescue, sink, RescueStore::count).await?;
    let replayed = before.saturating_sub(after);
    Ok(json!({ "replayed": replayed, "refused": again.refused, "reason": again.reason }))
}

/// Asks the rescue off the reactor: it reads from disk.
async fn ask<T: Send + 'static>(
    rescue: &RescueStore,
    sink: &str,
    question: impl FnOnce(&RescueStore, &str) -> Result<T, RescueError> + Send + 'static,
) -> Result<T> {
    let (rescue, sink) = (rescue.clone(), sink.to_owned());
    Ok(tokio::task::spawn_blocking(move || question(&rescue, &sink)).await??)
}

/// What is refused again is in the rescue already: it stays there.
#[derive(Default)]
struct Again {
    refused: usize,
    /// Why the last of them.
    reason: Option<String>,
}

impl Rescue for &mut Again {
    async fn rescue(&mut self, batch: &Batch, reason: &Reason) -> Result<Receipt, StoreError> {
        self.refused += batch.len();
        self.reason = Some(reason.text.clone());
        Ok(Receipt::sign_rescue(batch))
    }
}

/// Deletes entries for ever.
pub fn discard(rescue: &RescueStore, sink: &str, id: Option<&str>) -> Result<Value> {
    if let Some(id) = id {
        return Ok(json!({ "discarded": rescue.remove(sink, &[number(id)?], Leaving::Discarded)? }));
    }
    let mut discarded = 0;
    loop {
        let ids: Vec<RescueId> = rescue.list(sink, None, PAGE)?.iter().map(|entry| entry.id).collect();
        if ids.is_empty() {
            return Ok(json!({ "discarded": discarded }));
        }
        discarded += rescue.remove(sink, &ids, Leaving::Discarded)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggr_flow::contract::{MemorySink, lines};

    #[test]
    fn a_replay_of_which_nothing_was_taken_is_no_success() {
        let exit =
            |refused: u64| refused_again("archive", &json!({ "refused": refused, "reason": "it is a fifo" }));
        assert_eq!((exit(0), exit(2)), (Exit::Fine, Exit::Failed));
        // A process that is older than this program does not say.
        assert_eq!(refused_again("archive", &json!({ "replayed": 0 })), Exit::Fine);
    }

    #[tokio::test]
    async fn what_is_refused_again_stays_in_the_rescue() {
        let directory = tempfile::tempdir().unwrap();
        let rescue = RescueStore::open(directory.path(), 8 << 20).unwrap();
        let reason = Reason { text: "no queue".to_owned(), attempts: 1 };
        let mut machine = rescue.rescue_for("machine.main").unwrap();
        machine.rescue(&lines(&["a", "bad", "c"]), &reason).await.map(drop).unwrap();
        let input = MemorySink::refusing("bad");
        let answer = replay(&rescue, "machine.main", input.clone(), None).await.unwrap();
        assert_eq!((&answer["replayed"], &answer["refused"]), (&json!(2), &json!(1)));
        assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("never")), "{answer}");
        assert_eq!((input.texts(), rescue.count("machine.main").unwrap()), (vec!["a".into(), "c".into()], 1));
        let answer = replay(&rescue, "main", input, None).await.unwrap();
        assert_eq!(
            answer,
            json!({ "replayed": 0, "refused": 0, "reason": null }),
            "a shipper of the machine's name is somebody else"
        );
    }
}
