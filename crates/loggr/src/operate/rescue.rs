//! The rescue: offering events to their destination again, and deleting them.
//!
//! What is in it, and why, is read from the rescue itself.

use anyhow::{Context, Result, anyhow, bail};
use loggr_bus::rescue::{Leaving, RescueError, RescueId, RescueStore, Rescued};
use loggr_event::Uid;
use loggr_flow::{Batch, Quiet, Reason, Receipt, Rescue, Sink, Stop, StoreError, pump};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events;
use crate::component::collector::rescue_name;
use crate::component::machine::RESCUE_PREFIX;
use crate::config::Config;
use crate::exit::Usage;
use crate::process::place;
use crate::seal::LISTENER_RESCUE_PREFIX;
use crate::status::{Live, MAX_RESCUE_BYTES};

/// Entries read from the rescue at a time.
pub(super) const PAGE: usize = 1000;
/// Entries on their way back at a time.
const REPLAY_WINDOW: usize = 64;

/// What became of events that were offered again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Replayed {
    /// Events that their destination has taken.
    pub replayed: u64,
    /// Events that it refused once more; they stay.
    pub refused: usize,
    /// Why the last of them.
    pub reason: Option<String>,
}

/// What was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Discarded {
    /// Events.
    pub discarded: u64,
}

/// An entry of the rescue.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Whose it is.
    pub sink: String,
    /// Its number.
    pub id: String,
    /// Why it is there.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when, in RFC 3339.
    pub time: String,
    /// How many events it has.
    pub events: usize,
    /// The first of them, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Value>,
}

impl Entry {
    fn of(sink: &str, entry: &Rescued) -> Entry {
        let mut time = Vec::new();
        entry.time.write_rfc3339(&mut time);
        Entry {
            sink: sink.to_owned(),
            id: entry.id.to_string(),
            reason: entry.reason.clone(),
            attempts: entry.attempts,
            time: String::from_utf8_lossy(&time).into_owned(),
            events: entry.batch.len(),
            event: None,
        }
    }

    /// The same with its first event.
    pub fn with_event(sink: &str, entry: &Rescued) -> Entry {
        Entry { event: events::json(Some(&entry.batch), 1).into_iter().next(), ..Entry::of(sink, entry) }
    }
}

/// Opens the rescue of a data directory.
pub fn open(config: &Config) -> Result<RescueStore> {
    let directory = config.data.directory.join("rescue");
    if !place::exists(&directory)? {
        bail!("no event was ever rescued in `{}`", config.data.directory.display());
    }
    place::permitted(&config.data.directory)?;
    RescueStore::open(&directory, MAX_RESCUE_BYTES).context("cannot open the rescue")
}

/// Goes through all entries, or those of one sink.
pub fn each(
    rescue: &RescueStore,
    sink: Option<&str>,
    mut entry: impl FnMut(&Entry) -> Result<()>,
) -> Result<()> {
    for (name, _) in rescue.sinks()?.into_iter().filter(|(name, _)| sink.is_none_or(|sink| sink == name)) {
        let mut after = None;
        loop {
            let page = rescue.list(&name, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            page.iter().try_for_each(|of| entry(&Entry::of(&name, of)))?;
        }
    }
    Ok(())
}

/// One entry with its event.
pub fn get(rescue: &RescueStore, sink: &str, id: &str) -> Result<Option<Entry>> {
    let entry = rescue.get(sink, number(id)?)?;
    Ok(entry.map(|entry| Entry::with_event(sink, &entry)))
}

/// Entries of a sink among which an event is looked for.
const MAX_LOOKED_AT: usize = 2 * PAGE;

/// Is an event in the rescue?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is, and why.
    Here(String),
    /// It is not.
    NotHere,
    /// Nobody looked further than [`MAX_LOOKED_AT`].
    TooMany,
}

/// Looks for an event among those that a sink refused.
pub fn find(rescue: &RescueStore, sink: &str, uid: Uid) -> Result<Found> {
    if rescue.count(sink)? > MAX_LOOKED_AT as u64 {
        return Ok(Found::TooMany);
    }
    let entries = rescue.list(sink, None, MAX_LOOKED_AT)?;
    let entry = entries.into_iter().find(|entry| entry.batch.records().any(|record| record.uid == uid));
    Ok(entry.map_or(Found::NotHere, |entry| Found::Here(entry.reason)))
}

/// The number that an id stands for.
pub fn number(id: &str) -> Result<RescueId> {
    RescueId::parse(id)
        .ok_or_else(|| anyhow!("`{id}` is not the id of a rescued event; `loggr rescue list` shows the ids"))
        .usage()
}

/// Whose entries these are, in words.
pub fn whose(sink: &str) -> String {
    match (sink.strip_prefix(RESCUE_PREFIX), sink.strip_prefix(LISTENER_RESCUE_PREFIX)) {
        (Some(name), _) => format!("a machine `{name}`"),
        (None, Some(name)) => format!("a listener `{name}`"),
        (None, None) => format!("a shipper `{sink}`"),
    }
}

/// Offers entries of a running process to their destination again. `None`: it has no such sink.
pub async fn replay_here(live: &Live, sink: &str, id: Option<&str>) -> Option<Result<Replayed>> {
    if let Some(name) = sink.strip_prefix(RESCUE_PREFIX) {
        let machine = live.machines.iter().find(|m| m.machine.name == name)?;
        return Some(match machine.input() {
            Ok(input) => replay(&live.rescue, sink, input, id).await,
            Err(error) => Err(error),
        });
    }
    if let Some(name) = sink.strip_prefix(LISTENER_RESCUE_PREFIX) {
        // A listener on another process has its rescue there.
        live.listeners.iter().find(|bound| bound.stats.name() == name)?;
        let listener = live.config.listeners.iter().find(|listener| listener.name == name)?;
        let bus = live.bus.as_ref()?;
        return Some(
            match bus.publisher_as(&listener.exchange, &listener.routing_key(), listener.encoding) {
                Ok(publisher) => replay(&live.rescue, sink, publisher, id).await,
                Err(error) => Err(error.into()),
            },
        );
    }
    if let Some(route) = live.collectors.iter().find(|c| rescue_name(&c.route) == sink) {
        return Some(replay(&live.rescue, sink, route.way.clone(), id).await);
    }
    let ship = live.ships.iter().find(|s| s.stats.name() == sink)?;
    Some(replay(&live.rescue, sink, ship.destination.clone(), id).await)
}

/// Offers entries to their destination again; each leaves the rescue only when the
/// destination holds it durably. What it still refuses stays.
async fn replay(
    rescue: &RescueStore,
    sink: &str,
    destination: impl Sink,
    id: Option<&str>,
) -> Result<Replayed> {
    let ids = id.map(|id| number(id).map(|id| vec![id])).transpose()?;
    let begin = move |rescue: &RescueStore, sink: &str| {
        Ok((rescue.count(sink)?, rescue.replay(sink, ids, REPLAY_WINDOW)?))
    };
    let (before, source) = ask(rescue, sink, begin).await?;
    let mut again = Again::default();
    pump(source, destination, &mut again, Stop::never(), Quiet).await?;
    let after = ask(rescue, sink, RescueStore::count).await?;
    let replayed = before.saturating_sub(after);
    Ok(Replayed { replayed, refused: again.refused, reason: again.reason })
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
pub fn discard(rescue: &RescueStore, sink: &str, id: Option<&str>) -> Result<Discarded> {
    if let Some(id) = id {
        return Ok(Discarded { discarded: rescue.remove(sink, &[number(id)?], Leaving::Discarded)? });
    }
    let mut discarded = 0;
    loop {
        let ids: Vec<RescueId> = rescue.list(sink, None, PAGE)?.iter().map(|entry| entry.id).collect();
        if ids.is_empty() {
            return Ok(Discarded { discarded });
        }
        discarded += rescue.remove(sink, &ids, Leaving::Discarded)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggr_flow::contract::{MemorySink, lines};

    #[tokio::test]
    async fn what_is_refused_again_stays_in_the_rescue() {
        let directory = tempfile::tempdir().unwrap();
        let rescue = RescueStore::open(directory.path(), 8 << 20).unwrap();
        let reason = Reason { text: "no queue".to_owned(), attempts: 1 };
        let mut machine = rescue.rescue_for("machine.main").unwrap();
        machine.rescue(&lines(&["a", "bad", "c"]), &reason).await.map(drop).unwrap();
        let uid =
            |at: usize| rescue.list("machine.main", None, 9).unwrap()[at].batch.records().next().unwrap().uid;
        let bad = uid(1);
        assert_eq!(find(&rescue, "machine.main", bad).unwrap(), Found::Here("no queue".to_owned()));
        assert_eq!(find(&rescue, "main", bad).unwrap(), Found::NotHere);
        let input = MemorySink::refusing("bad");
        let answer = replay(&rescue, "machine.main", input.clone(), None).await.unwrap();
        assert_eq!((answer.replayed, answer.refused), (2, 1));
        assert!(answer.reason.as_deref().is_some_and(|reason| reason.contains("never")), "{answer:?}");
        assert_eq!((input.texts(), rescue.count("machine.main").unwrap()), (vec!["a".into(), "c".into()], 1));
        let answer = replay(&rescue, "main", input, None).await.unwrap();
        assert_eq!(answer, Replayed::default(), "a shipper of the machine's name is somebody else");
    }
}
