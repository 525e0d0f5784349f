//! A question, ready to be asked: of the store of this host, or of a loggr elsewhere.
//!
//! Both give the same answers; what was left out and why is told at once. Not how answers are printed.

use std::future::Future;

use anyhow::{Result, anyhow};
use clap::Args;
use loggr_store::query::{Field, Query};
use loggr_store::{Bucket, KnownField, MAX_SEARCH_LIMIT, SearchOptions, Store, StoreError, TopValue};
use tokio::runtime::Runtime;

use super::lacking::{Answering, lacking};
use super::print::{Row, warn};
use super::there::There;
use super::time::Span;
use crate::clean::clean;
use crate::cli::remote::RemoteArgs;
use crate::cli::{Place, complain, runtime};
use crate::config::{Config, Ship, ShipKind};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::process::clock::now;
use crate::process::place;
use crate::store;

/// A query of more words than this gets no word about words.
const FEW_WORDS: usize = 3;

/// What all questions share.
#[derive(Debug, Args)]
pub struct Question {
    /// What to look for, such as `failed host:web1` [default: every event]. Several words must all be
    /// found
    query: Vec<String>,
    #[command(flatten)]
    sought: Sought,
}

/// Where is looked, and from when to when.
#[derive(Debug, Args)]
pub(super) struct Sought {
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Which store of this host is asked, and from when to when.
#[derive(Debug, Args)]
pub(super) struct Local {
    #[command(flatten)]
    span: Span,
    /// The name of the shipper whose store is asked [default: the `store` that `[web]` names, or else
    /// the first store of the configuration]
    #[arg(long, value_name = "SHIPPER")]
    store: Option<String>,
}

/// A question that can be asked.
pub(super) struct Asked {
    pub(super) place: Answers,
    /// The query as it was written.
    text: String,
    pub(super) query: Query,
    pub(super) options: SearchOptions,
    /// Nothing was stored yet, which has been said: no other query would find anything.
    pub(super) is_empty: bool,
    pub(super) where_from: Where,
}

/// Which store is asked.
pub(super) struct Where {
    /// The shipper that fills it, or the URL of a loggr elsewhere.
    pub(super) name: String,
    /// The same in words, with its place.
    pub(super) shown: String,
    /// The other stores of this host, where nobody has said which is meant.
    pub(super) others: Vec<String>,
}

impl Where {
    fn here(config: &Config, ship: &Ship, is_named: bool) -> Where {
        let stores = config.ships.iter().filter(|other| other.kind.store().is_some());
        let others = stores.map(|other| other.name.clone()).filter(|other| !is_named && *other != ship.name);
        Where {
            name: ship.name.clone(),
            shown: format!("`{}` ({})", ship.name, ship.kind.shown()),
            others: others.collect(),
        }
    }

    fn there(url: String, store: Option<&str>) -> Where {
        let shown = store.map_or_else(|| url.clone(), |store| format!("`{store}` of {url}"));
        Where { name: url, shown, others: Vec::new() }
    }
}

/// Who answers.
pub(super) enum Answers {
    /// The store of this host.
    Here(Store, Runtime),
    /// A loggr elsewhere.
    There(Box<There>),
}

impl Question {
    pub(super) fn open(&self, place: &Place) -> Result<Asked> {
        let text = self.query.join(" ");
        // A blank stands before what would have been an option, see `arguments`.
        let asked = self.sought.open(place, text.trim_start())?;
        // A loggr elsewhere may refuse a field: that is told alone, and a suggestion with an empty answer.
        if matches!(asked.place, Answers::Here(..)) {
            asked.suggest()?;
        }
        Ok(asked)
    }
}

impl Sought {
    /// A loggr elsewhere is asked.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.remote.is_given()
    }

    pub(super) fn open(&self, place: &Place, text: &str) -> Result<Asked> {
        if let Some(remote) = self.remote.open(place)? {
            let Local { span, store } = &self.local;
            let at = now().unix_micros();
            let mut options = SearchOptions::new(at);
            (options.since, options.until) = span.read(at)?;
            let where_from = Where::there(remote.url(), store.as_deref());
            let there = There::new(remote, text, (options.since, options.until), store.clone());
            let query = match parse(text) {
                Ok(query) => query,
                // The other loggr may know more than this one.
                Err(error) if !there.understands()? => return Err(error),
                Err(_) => Query::all(),
            };
            let place = Answers::There(Box::new(there));
            return Ok(Asked { place, text: text.to_owned(), query, options, is_empty: false, where_from });
        }
        self.local.open(&place.load()?, text)
    }
}

impl Local {
    pub(super) fn open(&self, config: &Config, text: &str) -> Result<Asked> {
        let at = now().unix_micros();
        let mut options = SearchOptions::new(at);
        let ship = store::choose(config, self.store.as_deref())?;
        let query = parse(text)?;
        (options.since, options.until) = self.span.read(at)?;
        let mut is_empty = false;
        if let ShipKind::Search(search) = &ship.kind
            && !place::exists(&search.directory)?
        {
            complain(&format!("hint: nothing was stored in `{}` yet\n", search.directory.display()));
            is_empty = true;
        }
        let place = Answers::Here(store::open(ship)?, runtime()?);
        let where_from = Where::here(config, ship, self.store.is_some());
        Ok(Asked { place, text: text.to_owned(), query, options, is_empty, where_from })
    }
}

/// Reads the query; what is wrong with it is shown with what was probably meant.
fn parse(text: &str) -> Result<Query> {
    let mut read = loggr_store::query::parse(text).map_err(|e| anyhow!("{}", e.render(text)));
    if read.is_err() {
        for hint in loggr_store::query::habits(text) {
            read = read.hint(clean(&hint));
        }
    }
    read.usage()
}

/// Waits for an answer of a store.
pub(super) fn wait<T>(runtime: &Runtime, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T> {
    store::told(runtime.block_on(answer))
}

impl Asked {
    /// The next page of events, at most so many, and whether there are more behind it.
    pub(super) fn page(&mut self, most: usize) -> Result<(Vec<Row>, bool)> {
        let (store, runtime) = match &mut self.place {
            Answers::Here(store, runtime) => (store, runtime),
            Answers::There(there) => return there.page(most, self.options.oldest_first),
        };
        self.options.limit = most.min(MAX_SEARCH_LIMIT);
        let found = wait(runtime, store.search(&self.query, &self.options))?;
        warn(&found.warnings);
        self.options.after = found.events.last().map(|last| (last.timegenerated, last.uid));
        let rows = found.events.into_iter().map(|event| Row::Event(Box::new(event))).collect();
        Ok((rows, found.more))
    }

    /// How many events match.
    pub(super) fn count(&self) -> Result<u64> {
        match &self.place {
            Answers::Here(store, runtime) => {
                let counted = wait(runtime, store.count(&self.query, &self.options))?;
                warn(&counted.warnings);
                Ok(counted.events)
            }
            Answers::There(there) => there.count(),
        }
    }

    /// The most frequent values of a field.
    pub(super) fn top(&self, field: &Field, most: usize) -> Result<Vec<TopValue>> {
        match &self.place {
            Answers::Here(store, runtime) => {
                let top = wait(runtime, store.top(&self.query, field, most, &self.options))?;
                warn(&top.warnings);
                Ok(top.values)
            }
            Answers::There(there) => there.top(field, most),
        }
    }

    /// Matching events by time, `width` in microseconds.
    pub(super) fn histogram(&self, width: i64) -> Result<Vec<Bucket>> {
        match &self.place {
            Answers::Here(store, runtime) => {
                let histogram = wait(runtime, store.histogram(&self.query, width, &self.options))?;
                warn(&histogram.warnings);
                Ok(histogram.buckets)
            }
            Answers::There(there) => there.histogram(width),
        }
    }

    /// From when to when there are events, in microseconds.
    pub(super) fn span(&self) -> Result<Option<(i64, i64)>> {
        match &self.place {
            Answers::Here(store, runtime) => wait(runtime, store.span()),
            Answers::There(there) => there.span(),
        }
    }

    /// The custom fields that events have.
    pub(super) fn known(&self) -> Result<Vec<KnownField>> {
        match &self.place {
            Answers::Here(store, runtime) => {
                wait(runtime, store.fields(self.options.since, self.options.until))
            }
            Answers::There(there) => there.known(),
        }
    }

    /// What may have been meant by a query that found nothing.
    pub(super) fn advise(&self) {
        if self.is_empty {
            return;
        }
        if let Answers::There(_) = &self.place {
            // What it would say is a hint, nothing that can fail the answer.
            self.suggest().unwrap_or_default();
        }
        let mut hints = loggr_store::query::habits(&self.text);
        if hints.is_empty() {
            let is_bounded = self.options.since.is_some() || self.options.until.is_some();
            hints = lacking(self, &self.text, is_bounded);
        }
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let plain = |word: &&&str| word.chars().all(char::is_alphanumeric);
        if let (true, Some(word)) = (hints.is_empty() && words.len() <= FEW_WORDS, words.iter().find(plain)) {
            hints.push(format!(
                "`{word}` is looked for as a whole word in the text of the events; `{word}*` also finds words that \
                 begin with it, `app:{word}` finds events of that program, `host:{word}` events of that host"
            ));
        }
        for hint in hints {
            complain(&format!("hint: {}\n", clean(&hint)));
        }
    }

    /// A field that no event has finds nothing; say so, and what it might have been.
    pub(super) fn suggest(&self) -> Result<()> {
        if self.query.fields().iter().all(|field| !matches!(field, Field::Custom(_))) {
            return Ok(());
        }
        let known = self.known()?;
        let names: Vec<&str> = known.iter().map(|f| f.name.as_str()).collect();
        for (unknown, near) in self.query.unknown_fields(&names) {
            self.tell_unknown(&unknown, near);
        }
        Ok(())
    }

    /// The same of the field whose values are asked for.
    pub(super) fn suggest_for(&self, field: &Field) -> Result<()> {
        let Field::Custom(name) = field else { return Ok(()) };
        let known = self.known()?;
        if known.iter().all(|field| field.name != *name) {
            let names = known.iter().map(|field| field.name.as_str());
            self.tell_unknown(name, loggr_store::query::suggest(name, names));
        }
        Ok(())
    }

    fn tell_unknown(&self, field: &str, near: Option<&str>) {
        if self.is_empty {
            return;
        }
        let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        complain(&format!("hint: no event has the field `{}`{near}\n", clean(field)));
    }
}

impl Answering for Asked {
    fn count_of(&self, query: &str) -> Result<u64> {
        match &self.place {
            Answers::Here(store, runtime) => {
                Ok(wait(runtime, store.count(&parse(query)?, &self.options))?.events)
            }
            Answers::There(there) => there.count_of(query),
        }
    }

    fn top_of(&self, query: &str, field: &Field, most: usize) -> Result<Vec<TopValue>> {
        match &self.place {
            Answers::Here(store, runtime) => {
                Ok(wait(runtime, store.top(&parse(query)?, field, most, &self.options))?.values)
            }
            Answers::There(there) => there.top_of(query, field, most),
        }
    }
}
