//! `loggr verify`: the seals of the events in a store.
//!
//! The store of this host is looked at here, with the keys of this host; that of a loggr elsewhere there, with
//! its own: no key travels.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use loggr_event::SealKeys;
use loggr_store::query::Hidden;
use serde_json::json;

use super::Place;
use super::asked::{Answers, Sought, wait};
use super::print::warn;
use crate::clean::{self, clean};
use crate::cli::complain;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::operate::seals::{self, Broken, Tally};
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
    sought: Sought,
    /// Print JSON, one object a line: each event whose seal is broken, and then the numbers
    #[arg(long)]
    json: bool,
}

/// `loggr verify`.
pub fn verify(place: &Place, args: &VerifyArgs) -> Result<Exit> {
    let keys = if args.sought.is_elsewhere() { SealKeys::default() } else { keys(place)? };
    let text = args.query.join(" ");
    let mut asked = args.sought.open(place, text.trim_start())?;
    if matches!(asked.place, Answers::Here(..)) {
        asked.suggest()?;
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut named, mut written): (Vec<String>, Result<()>) = (Vec::new(), Ok(()));
    let mut tell = |event: Broken| {
        if args.json {
            written = shown(&event).and_then(|shown| Ok(writeln!(out, "{shown}")?));
        } else if named.len() < MAX_NAMED {
            named.push(line(&event));
        }
        written.is_ok()
    };
    let tally = match &mut asked.place {
        Answers::Here(store, runtime) => {
            let mut broken = |event: &loggr_event::Event<'_>| tell(Broken::of(event, &Hidden::default()));
            let looking =
                seals::look(store, &asked.query, &asked.options, &keys, usize::MAX, &mut broken, warn);
            wait(runtime, looking)?.tally
        }
        Answers::There(there) => there.verify(&mut tell)?,
    };
    written?;
    if args.json {
        writeln!(out, "{}", clean::value(&numbers(&asked.where_from.name, &tally)))?;
    } else {
        writeln!(out, "seals in the store {}:", clean(&asked.where_from.shown))?;
        out.write_all(report(&tally, &named).as_bytes())?;
    }
    out.flush()?;
    if !asked.where_from.others.is_empty() {
        let others = asked.where_from.others.join("`, `");
        complain(&format!("hint: this is one store of several; `--store` names another one: `{others}`\n"));
    }
    if tally.is_partial {
        complain("error: not all events could be read, so that this is not the whole\n");
    }
    Ok(if tally.broken > 0 || tally.is_partial { Exit::Failed } else { Exit::Fine })
}

/// The keys of this host.
fn keys(place: &Place) -> Result<SealKeys> {
    let keys = seal::read(&place.load()?)?;
    if keys.is_empty() {
        return Err(anyhow!("there is no key to verify seals with: the configuration has no `[hmac]`"))
            .hint("write `keys = [{ id = \"2026a\", file = \"seal.key\" }]` in `[hmac]`")
            .usage();
    }
    Ok(keys)
}

fn shown(event: &Broken) -> Result<String> {
    Ok(clean::value(&serde_json::to_value(event)?))
}

fn line(event: &Broken) -> String {
    let name = |name: &Option<String>| match name.as_deref() {
        None | Some("") => "-".to_owned(),
        Some(name) => clean(name).into_owned(),
    };
    let (uid, time) = (clean(&event.uid), clean(&event.timegenerated));
    format!("  {uid}  {time}  {}  {}\n", name(&event.source), name(&event.app_name))
}

fn numbers(store: &str, tally: &Tally) -> serde_json::Value {
    json!({
        "store": store, "events": tally.all(), "good": tally.all_good(), "unsealed": tally.unsealed, "broken": tally.broken,
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
        let tally = Tally { good, unsealed, broken, ..Tally::default() };
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
