//! `-f`: what becomes visible, as it comes.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use loggr_event::{Event, Uid};
use loggr_store::SearchOptions;
use loggr_store::query::Query;

use super::print::Printer;
use super::{Asked, ask};
use crate::process::clock::now;

/// How often `-f` looks whether there is something new.
const FOLLOW: Duration = Duration::from_millis(250);
/// How often it asks a store that has to be asked for that.
const FOLLOW_ASKING: Duration = Duration::from_secs(1);
/// Events that `-f` takes at a time.
const FOLLOW_PAGE: usize = 10_000;
/// How far back `-f` looks again, in microseconds: events that were received before
/// others may become visible after them.
const FOLLOW_OVERLAP_MICROS: i64 = 10_000_000;

/// What `-f` knows already.
pub(super) struct Known {
    /// Matching events that were visible, as far back as `-f` looks again, with their times: a
    /// uid that another host gave says nothing about when an event came here.
    pub(super) events: HashMap<Uid, i64>,
    /// What is older was not new when it began, in microseconds.
    begin: i64,
    /// Up to where everything was looked at.
    from: i64,
}

impl Known {
    /// Everything that is visible now is no news.
    pub(super) fn look(asked: &Asked) -> Result<Known> {
        let started = now().unix_micros();
        let newest = SearchOptions { limit: 1, ..SearchOptions::new(started) };
        let newest = asked.wait(asked.store.search(&asked.query, &newest))?.events;
        let from = newest.first().map_or(started, |e| e.timegenerated.unix_micros());
        let begin = started.min(from) - FOLLOW_OVERLAP_MICROS;
        let mut known = Known { events: HashMap::new(), begin, from };
        known.pages(asked, |_| Ok(()))?;
        Ok(known)
    }

    /// Goes through what is visible and was not known, the oldest first.
    fn pages(&mut self, asked: &Asked, mut new: impl FnMut(&Event<'_>) -> Result<()>) -> Result<()> {
        let mut options = SearchOptions::new(now().unix_micros());
        options.since = Some(self.begin.max(self.from - FOLLOW_OVERLAP_MICROS));
        options.until = asked.options.until;
        options.limit = FOLLOW_PAGE;
        options.oldest_first = true;
        loop {
            let page = ask(asked, &options)?;
            for event in &page.events {
                let at = event.timegenerated.unix_micros();
                if self.events.insert(event.uid, at).is_none() {
                    new(event)?;
                }
                self.from = self.from.max(at);
            }
            match page.events.last().filter(|_| page.more) {
                Some(last) => options.after = Some((last.timegenerated, last.uid)),
                None => return Ok(()),
            }
        }
    }
}

/// Prints what becomes visible, until interrupted or until nobody reads.
pub(super) fn follow(asked: &Asked, mut known: Known, out: &mut Printer) -> Result<()> {
    let mut generation = None;
    loop {
        match asked.wait(asked.store.generation())? {
            Some(now) if generation.replace(now) == Some(now) => {
                std::thread::sleep(FOLLOW);
                continue;
            }
            Some(_) => {}
            None => std::thread::sleep(FOLLOW_ASKING),
        }
        // What is newer than everything that can be found now was not looked at yet.
        let newest = newest(asked)?;
        known.pages(asked, |event| out.print(event))?;
        out.flush()?;
        known.from = known.from.max(newest.unwrap_or(known.from));
        let horizon = known.from - 2 * FOLLOW_OVERLAP_MICROS;
        known.events.retain(|_, at| *at >= horizon);
    }
}

/// The time of the newest event, whether it matches or not.
fn newest(asked: &Asked) -> Result<Option<i64>> {
    let options = SearchOptions { limit: 1, ..SearchOptions::new(now().unix_micros()) };
    let found = asked.wait(asked.store.search(&Query::all(), &options))?;
    Ok(found.events.first().map(|e| e.timegenerated.unix_micros()))
}
