//! The seals in a store: how many are good, and which are not.
//!
//! Reads page by page, newest first, and keeps no event. Not here: what a seal is (`loggr-event`), and
//! what is done with seals on their way (the room `seal`).

use std::collections::BTreeMap;

use anyhow::Result;
use loggr_event::{Event, SealKeys, Verdict};
use loggr_store::query::Query;
use loggr_store::{MAX_SEARCH_LIMIT, SearchOptions, Store};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events with a good seal, by the key that fits.
    pub good: BTreeMap<String, u64>,
    /// Events without a seal.
    pub unsealed: u64,
    /// Events with a broken seal.
    pub broken: u64,
    /// Something could not be read.
    pub is_partial: bool,
}

impl Tally {
    /// All events with a good seal.
    pub fn all_good(&self) -> u64 {
        self.good.values().sum()
    }

    /// All events that were looked at.
    pub fn all(&self) -> u64 {
        self.all_good() + self.unsealed + self.broken
    }

    /// Counts an event; true if its seal is broken.
    fn count(&mut self, event: &Event<'_>, keys: &SealKeys) -> bool {
        if let Some(key) = keys.key_of(event) {
            match self.good.get_mut(key) {
                Some(of_key) => *of_key += 1,
                None => {
                    self.good.insert(key.to_owned(), 1);
                }
            }
            return false;
        }
        let is_sealed = keys.verify(event) != Verdict::Unsealed;
        *(if is_sealed { &mut self.broken } else { &mut self.unsealed }) += 1;
        is_sealed
    }
}

/// Looks at every event that the query finds. `broken` is told of each whose seal is broken, `warn` of what
/// was left out.
pub async fn look(
    store: &Store,
    query: &Query,
    options: &SearchOptions,
    keys: &SealKeys,
    mut broken: impl FnMut(&Event<'_>) -> Result<()>,
    warn: impl Fn(&[String]),
) -> Result<Tally> {
    let mut options = SearchOptions { limit: MAX_SEARCH_LIMIT, ..options.clone() };
    let mut tally = Tally::default();
    loop {
        let page = crate::store::told(store.search(query, &options).await)?;
        warn(&page.warnings);
        tally.is_partial |= page.partial;
        for event in &page.events {
            if tally.count(event, keys) {
                broken(event)?;
            }
        }
        match page.events.last().filter(|_| page.more) {
            Some(last) => options.after = Some((last.timegenerated, last.uid)),
            None => return Ok(tally),
        }
    }
}
