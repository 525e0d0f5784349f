//! What is in the rescue, page by page, and how much there is for each reason.
//!
//! A page begins behind a key, so that it reads no more than it shows and does not mind that the entry of
//! the key has gone. Not what becomes of entries: that is `rescue.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use loggr_bus::rescue::{RescueId, RescueStore, Standing};
use schemars::JsonSchema;
use serde::Serialize;

use super::rescue::{Entry, PAGE};

/// Entries that are read for one page: of a reason that few have a page may be short, and the next one
/// goes on behind it.
const MAX_READ: usize = 20_000;
/// Entries that are read to sum them up; of more only these are summed.
const MAX_SUMMED: usize = 100_000;

/// The place behind an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    sink: String,
    id: RescueId,
}

impl Key {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Key> {
        let (sink, id) = text.rsplit_once('/')?;
        Some(Key { sink: sink.to_owned(), id: RescueId::parse(id)? })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.sink, self.id)
    }
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this sink.
    pub sink: Option<String>,
    /// There for this reason.
    pub reason: Option<String>,
    /// Behind this one.
    pub after: Option<Key>,
    /// So many at most.
    pub limit: usize,
}

/// Some entries, in the order of sinks and of time.
#[derive(Debug, Default)]
pub struct Page {
    /// Each with its first event.
    pub entries: Vec<Entry>,
    /// Behind this one there may be more.
    pub after: Option<Key>,
}

/// A page of entries.
pub fn page(rescue: &RescueStore, wanted: &Wanted) -> Result<Page> {
    let (mut page, mut read, mut last) = (Page::default(), 0, None);
    let is_before = |name: &str| wanted.after.as_ref().is_some_and(|key| name < key.sink.as_str());
    for (name, _) in rescue.sinks()? {
        if is_before(&name) || wanted.sink.as_ref().is_some_and(|sink| *sink != name) {
            continue;
        }
        let mut after = wanted.after.as_ref().filter(|key| key.sink == name).map(|key| key.id);
        loop {
            let room = wanted.limit.saturating_sub(page.entries.len()) + 1;
            let many = if wanted.reason.is_some() { PAGE } else { room.min(PAGE) };
            let found = rescue.list(&name, after, many)?;
            if found.is_empty() {
                break;
            }
            for entry in &found {
                let is_wanted = wanted.reason.as_ref().is_none_or(|reason| *reason == entry.reason);
                if read >= MAX_READ || is_wanted && page.entries.len() >= wanted.limit {
                    page.after = last;
                    return Ok(page);
                }
                if is_wanted {
                    page.entries.push(Entry::with_event(&name, entry));
                }
                read += 1;
                after = Some(entry.id);
                last = Some(Key { sink: name.clone(), id: entry.id });
            }
        }
    }
    Ok(page)
}

/// What is there for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sum {
    /// Whose.
    pub sink: String,
    /// Why.
    pub reason: String,
    /// Entries.
    pub entries: u64,
    /// Their events.
    pub events: u64,
}

/// All reasons.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    /// By sink and reason.
    pub sums: Vec<Sum>,
    /// There are more entries than were summed up.
    pub partial: bool,
}

/// The last sums, which hold as long as nothing comes or goes.
#[derive(Debug, Default)]
pub struct Sums(Mutex<Option<Known>>);

/// The numbers of each sink, and the sums that were made of its entries then.
type Known = (BTreeMap<String, Standing>, Arc<Reasons>);

impl Sums {
    /// The sums of all entries. Reads them only where something has changed.
    pub fn of(&self, rescue: &RescueStore) -> Result<Arc<Reasons>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What came and what went only ever grow: the same numbers are the same entries.
        let standing = rescue.standing()?;
        if let Some((_, reasons)) = known.as_ref().filter(|(then, _)| *then == standing) {
            return Ok(reasons.clone());
        }
        let reasons = Arc::new(sum(rescue, &standing)?);
        *known = Some((standing, reasons.clone()));
        Ok(reasons)
    }
}

fn sum(rescue: &RescueStore, standing: &BTreeMap<String, Standing>) -> Result<Reasons> {
    let (mut sums, mut read) = (BTreeMap::<(&str, String), (u64, u64)>::new(), 0);
    for name in standing.iter().filter(|(_, standing)| standing.here > 0).map(|(name, _)| name) {
        let mut after = None;
        while read < MAX_SUMMED {
            let found = rescue.list(name, after, PAGE)?;
            let Some(last) = found.last() else { break };
            (after, read) = (Some(last.id), read + found.len());
            for entry in found {
                let sum = sums.entry((name, entry.reason)).or_default();
                *sum = (sum.0 + 1, sum.1 + entry.batch.len() as u64);
            }
        }
    }
    let here: u64 = standing.values().map(|standing| standing.here).sum();
    let sum = |((sink, reason), (entries, events))| Sum { sink: String::from(sink), reason, entries, events };
    Ok(Reasons { sums: sums.into_iter().map(sum).collect(), partial: here > read as u64 })
}

#[cfg(test)]
mod tests {
    use loggr_bus::rescue::Leaving;
    use loggr_flow::contract::lines;
    use loggr_flow::{Reason, Rescue};

    use super::*;

    async fn filled(directory: &std::path::Path) -> RescueStore {
        let rescue = RescueStore::open(directory, 8 << 20).unwrap();
        for (sink, reason, count) in [("b", "full", 2), ("a", "full", 3), ("a", "odd", 2), ("c", "odd", 1)] {
            let reason = Reason { text: reason.to_owned(), attempts: 1 };
            let mut of = rescue.rescue_for(sink).unwrap();
            for n in 0..count {
                let line = format!("{sink} {} {n}", reason.text);
                of.rescue(&lines(&[&line]), &reason).await.map(drop).unwrap();
            }
        }
        rescue
    }

    fn wanted(reason: &str, after: Option<Key>) -> Wanted {
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        Wanted { sink: None, reason, after, limit: 2 }
    }

    /// All pages, each as its sinks and reasons; `each` may change something between them.
    fn pages(rescue: &RescueStore, reason: &str, each: impl Fn(&Key)) -> Vec<String> {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = page(rescue, &wanted(reason, after)).unwrap();
            pages.push(
                page.entries
                    .iter()
                    .map(|e| format!("{} {}", e.sink, e.reason))
                    .collect::<Vec<_>>()
                    .join(", "),
            );
            let Some(key) = page.after else { return pages };
            assert_eq!(Key::parse(&key.to_string()).as_ref(), Some(&key));
            each(&key);
            after = Some(key);
        }
    }

    #[tokio::test]
    async fn pages_go_on_behind_a_key_also_when_its_entry_has_gone() {
        let directory = tempfile::tempdir().unwrap();
        let rescue = filled(directory.path()).await;
        let all = ["a full, a full", "a full, a odd", "a odd, b full", "b full, c odd"];
        assert_eq!(pages(&rescue, "", |_| {}), all);
        assert_eq!(pages(&rescue, "odd", |_| {}), ["a odd, a odd", "c odd"]);
        let gone = |key: &Key| {
            rescue.remove(&key.sink, &[key.id], Leaving::Discarded).unwrap();
        };
        assert_eq!(pages(&rescue, "", gone), all);
    }

    #[tokio::test]
    async fn sums_are_read_again_only_after_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let (rescue, sums) = (filled(directory.path()).await, Sums::default());
        let first = sums.of(&rescue).unwrap();
        let told: Vec<_> =
            first.sums.iter().map(|s| (s.sink.as_str(), s.reason.as_str(), s.entries, s.events)).collect();
        assert_eq!(told, [("a", "full", 3, 3), ("a", "odd", 2, 2), ("b", "full", 2, 2), ("c", "odd", 1, 1)]);
        assert!(!first.partial && Arc::ptr_eq(&first, &sums.of(&rescue).unwrap()));
        let id = rescue.list("b", None, 1).unwrap()[0].id;
        rescue.remove("b", &[id], Leaving::Discarded).unwrap();
        assert_eq!(sums.of(&rescue).unwrap().sums[2].entries, 1);
    }
}
