//! The seals in a store: how many are good, and which are not.
//!
//! Reads page by page, newest first, and keeps no event. Not here: what a seal is (`loggr-event`), and
//! what is done with seals on their way (the room `seal`).

use std::collections::BTreeMap;

use loggr_event::{Event, SealKeys, Timestamp, Uid, Verdict};
use loggr_store::query::{Field, Hidden, Query};
use loggr_store::{SearchOptions, Stats, Store, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::stamp;

/// Events that are read of the store at one time.
const PAGE: usize = 5_000;

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
    /// What the store has looked at.
    pub stats: Stats,
}

/// What was found, and where it goes on.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The numbers.
    pub tally: Tally,
    /// The last event that was looked at, if there are more behind it.
    pub last: Option<(Timestamp, Uid)>,
}

/// An event whose seal is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Broken {
    /// Its identity.
    pub uid: String,
    /// When it was received.
    pub timegenerated: String,
    /// Its host; left out where that is hidden from who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its program; left out where that is hidden from who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_name: Option<String>,
    /// When it was sealed, as it says itself.
    pub timehmac: Option<String>,
}

impl Broken {
    /// Of an event, without what must not be seen.
    pub fn of(event: &Event<'_>, hidden: &Hidden) -> Broken {
        let shown = |field: Field, value: &str| (!hidden.hides(&field)).then(|| value.to_owned());
        Broken {
            uid: event.uid.to_string(),
            timegenerated: stamp(event.timegenerated),
            source: shown(Field::Source, &event.source),
            app_name: shown(Field::AppName, &event.app_name),
            timehmac: event.timehmac.map(stamp),
        }
    }
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

/// Looks at the events that the query finds, `most` of them at most. `broken` is told of each whose seal is
/// broken, until it says that it wants no more; `warn` of what was left out.
pub async fn look(
    store: &Store,
    query: &Query,
    options: &SearchOptions,
    keys: &SealKeys,
    most: usize,
    mut broken: impl FnMut(&Event<'_>) -> bool,
    mut warn: impl FnMut(&[String]),
) -> Result<Looked, StoreError> {
    let (mut options, mut left) = (options.clone(), most);
    let mut tally = Tally::default();
    loop {
        options.limit = left.min(PAGE);
        let page = store.search(query, &options).await?;
        warn(&page.warnings);
        tally.is_partial |= page.partial;
        tally.stats = page.stats;
        for event in &page.events {
            if tally.count(event, keys) && !broken(event) {
                return Ok(Looked { tally, last: None });
            }
        }
        left = left.saturating_sub(page.events.len());
        let last = page.events.last().filter(|_| page.more);
        let last = last.map(|last| (last.timegenerated, last.uid));
        if last.is_none() || left == 0 {
            return Ok(Looked { tally, last });
        }
        options.after = last;
    }
}
