//! `loggr verify`: the seals of the events in a store.
//!
//! Asks a store of this host alone: the keys are here.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use loggr_event::Event;
use serde_json::json;

use super::Place;
use super::asked::{Answers, Local};
use super::print::warn;
use crate::clean::{self, clean};
use crate::cli::{complain, stamp};
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::operate::seals::{self, Tally};
use crate::seal;

/// Broken seals that are named; of more only the number is told.
const MAX_NAMED: usize = 100;

/// Arguments of `loggr verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 1 if a seal is broken or not all events could be read. A seal is broken if the \
                        event was changed after it was sealed, or if it was sealed with a key that is not in \
                        `[hmac]`."
)]
pub struct VerifyArgs {
    /// Which events are looked at, such as `host:web1` [default: every event]
    query: Vec<String>,
    #[command(flatten)]
    local: Local,
    /// Print JSON, one object a line: each event whose seal is broken, and then the numbers
    #[arg(long)]
    json: bool,
}

/// `loggr verify`.
pub fn verify(place: &Place, args: &VerifyArgs) -> Result<Exit> {
    let config = place.load()?;
    let keys = seal::read(&config)?;
    if keys.is_empty() {
        return Err(anyhow!("there is no key to verify seals with: the configuration has no `[hmac]`"))
            .hint("write `keys = [{ id = \"2026a\", file = \"seal.key\" }]` in `[hmac]`")
            .usage();
    }
    let text = args.query.join(" ");
    let asked = args.local.open(&config, text.trim_start())?;
    asked.suggest()?;
    let Answers::Here(store, runtime) = &asked.place else { return Ok(Exit::Fine) };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut named: Vec<String> = Vec::new();
    let mut tell = |event: &Event<'_>| {
        if args.json {
            writeln!(out, "{}", clean::value(&shown(event)))?;
        } else if named.len() < MAX_NAMED {
            named.push(line(event));
        }
        Ok(())
    };
    let looking = seals::look(store, &asked.query, &asked.options, &keys, &mut tell, warn);
    let tally = runtime.block_on(looking)?;
    if args.json {
        writeln!(out, "{}", clean::value(&numbers(&tally)))?;
    } else {
        out.write_all(report(&tally, &named).as_bytes())?;
    }
    out.flush()?;
    if tally.is_partial {
        complain("error: not all events could be read, so that this is not the whole\n");
    }
    Ok(if tally.broken > 0 || tally.is_partial { Exit::Failed } else { Exit::Fine })
}

fn shown(event: &Event<'_>) -> serde_json::Value {
    json!({
        "uid": event.uid.to_string(), "timegenerated": stamp(event.timegenerated), "source": event.source,
        "app_name": event.app_name, "timehmac": event.timehmac.map(stamp),
    })
}

fn line(event: &Event<'_>) -> String {
    let name = |name: &str| if name.is_empty() { "-".to_owned() } else { clean(name).into_owned() };
    let (uid, time) = (event.uid, stamp(event.timegenerated));
    format!("  {uid}  {time}  {}  {}\n", name(&event.source), name(&event.app_name))
}

fn numbers(tally: &Tally) -> serde_json::Value {
    json!({
        "events": tally.all(), "good": tally.all_good(), "unsealed": tally.unsealed, "broken": tally.broken,
        "keys": tally.good, "partial": tally.is_partial,
    })
}

fn report(tally: &Tally, named: &[String]) -> String {
    let row = |number: u64, what: &str| format!("{number:>12}  {what}\n");
    let mut out = row(tally.all_good(), "good");
    // With one key there is nothing to tell apart.
    for (key, events) in tally.good.iter().filter(|_| tally.good.len() > 1) {
        out += &row(*events, &format!("  sealed with the key `{key}`"));
    }
    out += &row(tally.unsealed, "unsealed");
    out += &row(tally.broken, "broken");
    if !named.is_empty() {
        out += "\nchanged after they were sealed, or sealed with a key that is not here:\n";
        named.iter().for_each(|line| out += line);
    }
    let more = tally.broken.saturating_sub(named.len() as u64);
    if more > 0 {
        out += &format!("  and {more} more; `--json` names all\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(good: &[(&str, u64)], unsealed: u64, broken: u64, expect: &str) {
        let good: BTreeMap<String, u64> =
            good.iter().map(|(key, events)| ((*key).to_owned(), *events)).collect();
        let tally = Tally { good, unsealed, broken, is_partial: false };
        let named = if broken > 0 { vec!["  UID\n".to_owned()] } else { Vec::new() };
        assert_eq!(report(&tally, &named), expect);
    }

    #[test]
    fn what_people_are_told() {
        check(&[("a", 12)], 3, 0, "          12  good\n           3  unsealed\n           0  broken\n");
        check(
            &[("a", 12), ("b", 1)],
            0,
            2,
            "          13  good\n          12    sealed with the key `a`\n           1    sealed with the key `b`\n           \
             0  unsealed\n           2  broken\n\nchanged after they were sealed, or sealed with a key that is not \
             here:\n  UID\n  and 1 more; `--json` names all\n",
        );
    }
}
