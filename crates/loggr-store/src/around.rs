//! The events around one: what was before it and what came after.

use loggr_event::{Event, Timestamp, Uid};

use crate::query::Query;
use crate::{ErrorKind, SearchOptions, Stats, Store, StoreError};

/// The events around a place in time.
#[derive(Debug, Default)]
pub struct Context {
    /// Oldest first.
    pub events: Vec<Event<'static>>,
    /// Which of them is the one that was asked for; `None` where it is gone or does not match.
    pub at: Option<usize>,
    /// There may be older ones before the first: go on with [`Store::search`] after its key.
    pub more_before: bool,
    /// There may be newer ones behind the last: go on after its key, oldest first.
    pub more_after: bool,
    /// Something was left out: the time was over, or a file is damaged.
    pub partial: bool,
    /// What was left out and why.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub stats: Stats,
}

impl Store {
    /// The events around a key: at most `before` that are older, and `after` that are newer; between
    /// them the event of the key itself if it is there and matches. The limit, page and order of the
    /// options do not count. A direction of which nothing is asked for is not looked into, and says
    /// nothing about more.
    pub async fn context(
        &self,
        query: &Query,
        key: (Timestamp, Uid),
        before: usize,
        after: usize,
        options: &SearchOptions,
    ) -> Result<Context, StoreError> {
        let older = SearchOptions { limit: before, after: Some(key), oldest_first: false, ..options.clone() };
        let newer = SearchOptions { limit: after, oldest_first: true, ..older.clone() };
        let mut found = Context::default();
        if before > 0 {
            let older = self.search(query, &older).await?;
            found.events = older.events;
            found.events.reverse();
            (found.more_before, found.partial) = (older.more, older.partial);
            (found.warnings, found.stats) = (older.warnings, older.stats);
        }
        match self.find(key.1, Some(key.0), query, options).await {
            Ok(Some(event)) => {
                found.at = Some(found.events.len());
                found.events.push(event);
            }
            Ok(None) => {}
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                found.partial = true;
                found.warnings.push(e.to_string());
            }
            Err(e) => return Err(e),
        }
        if after > 0 {
            let newer = self.search(query, &newer).await?;
            found.events.extend(newer.events);
            found.more_after = newer.more;
            found.partial |= newer.partial;
            found.warnings.extend(newer.warnings);
            found.warnings.dedup();
            found.stats.groups += newer.stats.groups;
            found.stats.groups_read += newer.stats.groups_read;
            found.stats.matched += newer.stats.matched;
            found.stats.rows += newer.stats.rows;
            found.stats.bytes += newer.stats.bytes;
        }
        Ok(found)
    }
}
