//! Following a query: what becomes visible in a store, as it comes.
//!
//! Events that were received before others may become visible after them, so each look goes back a
//! little and leaves out what was told already. What another loggr received ahead of our clock holds up
//! nothing; what it received longer ago than that is no news. Not who is told. Invariant: with the defaults an event
//! waits less than a second for who follows, whichever store it is.

use std::collections::HashMap;
use std::time::Duration;

use loggr_event::{Event, Uid};
use loggr_store::query::Query;
use loggr_store::{Limits, SearchOptions, Store, StoreError};

use crate::process::clock::now;

/// How often a store is looked at whether there is something new.
pub const PACE: Duration = Duration::from_millis(250);
/// How often a store that has to be asked for that is asked.
pub const ASKING_PACE: Duration = Duration::from_millis(500);
/// How far back each look goes again, in microseconds.
const OVERLAP_MICROS: i64 = 10_000_000;
/// Events of one page, where every event is wanted.
const PAGE: usize = 10_000;
/// Events of one page, where only the newest are wanted.
const GLANCE: usize = 2_000;

/// What is known already of a query that is followed.
#[derive(Debug)]
pub struct Follow {
    store: Store,
    query: Query,
    until: Option<i64>,
    /// Matching events that were visible, as far back as is looked again, with their times: a uid
    /// that another host gave says nothing about when an event came here.
    known: HashMap<Uid, i64>,
    /// What is older was not new when it began, in microseconds.
    begin: i64,
    /// Up to where everything was looked at.
    from: i64,
    generation: Option<u64>,
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Look {
    /// New events, the oldest first.
    pub events: Vec<Event<'static>>,
    /// New events that were left out, because there were more than were wanted: the older ones.
    pub left_out: u64,
    /// What could not be looked at, and why.
    pub warnings: Vec<String>,
}

impl Follow {
    /// From now on: everything that is visible is no news. `until`: nothing that was received later.
    pub async fn new(
        store: Store,
        query: Query,
        until: Option<i64>,
        limits: &Limits,
    ) -> Result<Follow, StoreError> {
        let started = now().unix_micros();
        let newest = SearchOptions { limit: 1, limits: limits.clone(), ..SearchOptions::new(started) };
        let newest = store.search(&query, &newest).await?.events;
        let from = newest.first().map_or(started, |event| event.timegenerated.unix_micros().min(started));
        let begin = from - OVERLAP_MICROS;
        Ok(Follow { store, query, until, known: HashMap::new(), begin, from, generation: None })
    }

    /// These are no news.
    pub fn know<'e, 'a: 'e>(&mut self, events: impl IntoIterator<Item = &'e Event<'a>>) {
        self.known.extend(events.into_iter().map(|event| (event.uid, event.timegenerated.unix_micros())));
    }

    /// May there be something new? `None`: only a look tells.
    pub async fn has_changed(&mut self) -> Result<Option<bool>, StoreError> {
        Ok(match self.store.generation().await? {
            Some(now) => Some(self.generation.replace(now) != Some(now)),
            None => None,
        })
    }

    /// Everything that has become visible since the last look.
    pub async fn look(&mut self) -> Result<Look, StoreError> {
        // What is newer than everything that can be found now was not looked at yet.
        let newest = self.newest().await?;
        let mut look = Look::default();
        let mut options = SearchOptions { limit: PAGE, oldest_first: true, ..self.since() };
        loop {
            let page = self.store.search(&self.query, &options).await?;
            look.warnings.extend(page.warnings);
            options.after = page.events.last().filter(|_| page.more).map(|e| (e.timegenerated, e.uid));
            look.events.extend(page.events.into_iter().filter(|event| self.is_new(event)));
            if options.after.is_none() {
                break;
            }
        }
        self.looked_until(newest);
        Ok(look)
    }

    /// The newest `most` of what has become visible since the last look, and how much else. Costs
    /// little however much comes; of what comes in masses, what becomes visible late is counted alone.
    pub async fn glance(&mut self, most: usize, limits: &Limits) -> Result<Look, StoreError> {
        let newest = self.newest().await?;
        let options = SearchOptions { limit: GLANCE, limits: limits.clone(), ..self.since() };
        let page = self.store.search(&self.query, &options).await?;
        let mut look = Look { warnings: page.warnings, ..Look::default() };
        let (latest, before) = (page.events.first().map(|e| e.timegenerated), self.known.len());
        look.events.extend(page.events.into_iter().filter(|event| self.is_new(event)));
        let mut new = look.events.len() as u64;
        look.events.truncate(most);
        if let (true, Some(latest)) = (page.more, latest) {
            let all = self.store.count(&self.query, &options).await?.events;
            new = new.max(all.saturating_sub(before as u64));
            let begin = past(latest.unix_micros()).saturating_add(1);
            self.known.retain(|_, at| *at >= begin);
            self.begin = begin;
        }
        look.left_out = new.saturating_sub(look.events.len() as u64);
        look.events.reverse();
        self.looked_until(newest);
        Ok(look)
    }

    fn since(&self) -> SearchOptions {
        let mut options = SearchOptions::new(now().unix_micros());
        options.since = Some(self.begin.max(self.from.saturating_sub(OVERLAP_MICROS)));
        options.until = self.until;
        options
    }

    fn is_new(&mut self, event: &Event<'_>) -> bool {
        let at = event.timegenerated.unix_micros();
        self.from = self.from.max(past(at));
        self.known.insert(event.uid, at).is_none()
    }

    fn looked_until(&mut self, newest: Option<i64>) {
        self.from = self.from.max(newest.map_or(self.from, past));
        let horizon = self.from - 2 * OVERLAP_MICROS;
        self.known.retain(|_, at| *at >= horizon);
    }

    /// The time of the newest event, whether it matches or not.
    async fn newest(&self) -> Result<Option<i64>, StoreError> {
        let options = SearchOptions { limit: 1, ..SearchOptions::new(now().unix_micros()) };
        let found = self.store.search(&Query::all(), &options).await?;
        Ok(found.events.first().map(|event| event.timegenerated.unix_micros()))
    }
}

/// A time, or now where that comes first: of a host whose clock is ahead, an event is there before its time.
fn past(micros: i64) -> i64 {
    micros.min(now().unix_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ShipKind;
    use crate::config::tests::read;

    /// An event is seen by who follows so long after it was received.
    const SEEN_WITHIN: Duration = Duration::from_secs(1);
    /// What of it is left for receiving, committing and asking.
    const LEFT: Duration = Duration::from_millis(200);

    #[track_caller]
    fn check(config: &str) {
        for ship in &read(config).ships {
            let waits = match &ship.kind {
                ShipKind::Search(search) => search.commit_age + PACE,
                ShipKind::Postgres(postgres) => postgres.commit_age + ASKING_PACE,
                ShipKind::Files(_) | ShipKind::Elastic(_) | ShipKind::Syslog(_) => panic!("{config}"),
            };
            assert!(waits + LEFT <= SEEN_WITHIN, "{}: {waits:?}", ship.name);
        }
    }

    #[test]
    fn a_line_waits_less_than_a_second_for_who_follows() {
        check("[ship.search]\nkind = 'search'\nexchange = 'events'\n");
        check("[ship.db]\nkind = 'postgres'\nexchange = 'events'\nurl = 'postgres://loggr@db/logs'\n");
    }
}
