//! A store that can be asked: the embedded one or PostgreSQL, behind one set of questions.
//!
//! Not how events get in: that is each engine's own. Not which store is meant: that is the
//! program's. Every question stands here once, and in both engines.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loggr_event::{Timestamp, Uid};

use crate::embedded::Reader;
use crate::patterns::{self, Ask};
use crate::postgres::Database;
use crate::query::{Field, Query, Span};
use crate::{
    Counted, ErrorKind, Found, Histogram, KnownField, MAX_SEARCH_LIMIT, Partition, PatternOptions, Patterns,
    SearchOptions, StoreError, Top,
};

/// A store to ask. Clones ask the same one.
#[derive(Clone, Debug)]
pub enum Store {
    /// Files in a directory.
    Embedded(Arc<Reader>),
    /// A database, and how long it may take to answer.
    Postgres(Box<Database>, Duration),
}

impl Store {
    /// The store in a directory. One without a manifest is an empty store until it has one.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where the manifest is damaged, or missing beside data files.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        Ok(Store::Embedded(Arc::new(Reader::open(directory)?)))
    }

    /// The store in a database, which is not connected to yet. `timeout`: a question ends then, with
    /// what was found.
    pub fn of_database(database: Database, timeout: Duration) -> Store {
        Store::Postgres(Box::new(database), timeout)
    }

    /// Matching events, a page of them.
    pub async fn search(&self, query: &Query, options: &SearchOptions) -> Result<Found, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let (query, options) = (query.clone(), options.clone());
                blocking(reader, move |reader| reader.search(&query, &options)).await
            }
            Store::Postgres(database, timeout) => database.search(query, &limited(options, *timeout)).await,
        }
    }

    /// How many events match. The limit, page and order of the options do not count.
    pub async fn count(&self, query: &Query, options: &SearchOptions) -> Result<Counted, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let (query, options) = (query.clone(), options.clone());
                blocking(reader, move |reader| reader.count(&query, &options)).await
            }
            Store::Postgres(database, timeout) => database.count(query, &limited(options, *timeout)).await,
        }
    }

    /// Matching events in buckets of `width` microseconds, by severity.
    pub async fn histogram(
        &self,
        query: &Query,
        width: i64,
        options: &SearchOptions,
    ) -> Result<Histogram, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let (query, options) = (query.clone(), options.clone());
                blocking(reader, move |reader| reader.histogram(&query, width, &options)).await
            }
            Store::Postgres(database, timeout) => {
                database.histogram(query, width, &limited(options, *timeout)).await
            }
        }
    }

    /// The `n` most frequent values of a field among matching events.
    pub async fn top(
        &self,
        query: &Query,
        field: &Field,
        n: usize,
        options: &SearchOptions,
    ) -> Result<Top, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let (query, field, options) = (query.clone(), field.clone(), options.clone());
                blocking(reader, move |reader| reader.top(&query, &field, n, &options)).await
            }
            Store::Postgres(database, timeout) => {
                database.top(query, field, n, &limited(options, *timeout)).await
            }
        }
    }

    /// The shapes of the messages among matching events, most frequent first.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] where more is wanted than [`crate::MAX_PATTERNS`] and
    /// [`crate::MAX_PATTERN_BUCKETS`] allow.
    pub async fn patterns(
        &self,
        query: &Query,
        options: &SearchOptions,
        wanted: &PatternOptions,
    ) -> Result<Patterns, StoreError> {
        patterns::check(*wanted)?;
        let mut looked = Found::default();
        let span = self.span_of_hits(query, options, &mut looked).await?;
        let mut patterns = self.ask_patterns(query, Ask::new(options, *wanted, span)).await?;
        patterns.partial |= looked.partial;
        looked.warnings.retain(|warning| !patterns.warnings.contains(warning));
        patterns.warnings.extend(looked.warnings);
        Ok(patterns)
    }

    /// The same, its bounds known.
    pub(crate) async fn ask_patterns(&self, query: &Query, ask: Ask) -> Result<Patterns, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let query = query.clone();
                blocking(reader, move |reader| reader.patterns(&query, &ask)).await
            }
            Store::Postgres(database, timeout) => {
                let options = limited(&ask.options, *timeout);
                database.patterns(query, &Ask { options, ..ask }).await
            }
        }
    }

    /// The bounds of the question; where it has none, those of the hits. `looked`: what was wrong
    /// while they were looked for.
    async fn span_of_hits(
        &self,
        query: &Query,
        options: &SearchOptions,
        looked: &mut Found,
    ) -> Result<Span, StoreError> {
        let mut span = options.within(query.resolve(options.now).span);
        for (open, oldest_first) in [(span.from == i64::MIN, true), (span.until == i64::MAX, false)] {
            if !open {
                continue;
            }
            let one = SearchOptions { limit: 1, after: None, oldest_first, ..options.clone() };
            let found = self.search(query, &one).await?;
            looked.partial |= found.partial;
            looked.warnings = found.warnings;
            let Some(event) = found.events.first() else { return Ok(Span { from: 0, until: 0 }) };
            let time = event.timegenerated.unix_micros();
            match oldest_first {
                true => span.from = time,
                false => span.until = time.saturating_add(1),
            }
        }
        Ok(span)
    }

    /// The names of custom fields in a span of time.
    pub async fn fields(
        &self,
        since: Option<i64>,
        until: Option<i64>,
    ) -> Result<Vec<KnownField>, StoreError> {
        match self {
            Store::Embedded(reader) => blocking(reader, move |reader| reader.fields(since, until)).await,
            Store::Postgres(database, _) => database.fields(since, until).await,
        }
    }

    /// The events around a moment: at most `before` that are older than the key, and `after` newer
    /// ones; oldest first, with the event of the key itself if it is there and matches.
    pub async fn context(
        &self,
        query: &Query,
        key: (Timestamp, Uid),
        before: usize,
        after: usize,
        options: &SearchOptions,
    ) -> Result<Found, StoreError> {
        let older = SearchOptions { limit: before, after: Some(key), oldest_first: false, ..options.clone() };
        let newer = SearchOptions { limit: after, oldest_first: true, ..older.clone() };
        let moment = key.0.unix_micros();
        let here = SearchOptions {
            since: Some(moment),
            until: Some(moment.saturating_add(1)),
            limit: MAX_SEARCH_LIMIT,
            ..options.clone()
        };
        let mut found = self.search(query, &older).await?;
        found.events.reverse();
        let here = self.search(query, &here).await?;
        found.events.extend(here.events.into_iter().find(|e| e.uid == key.1));
        let newer = self.search(query, &newer).await?;
        found.events.extend(newer.events);
        found.partial |= newer.partial;
        found.warnings.extend(newer.warnings);
        Ok(found)
    }

    /// The days of the store, oldest first.
    pub async fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        match self {
            Store::Embedded(reader) => blocking(reader, Reader::partitions).await,
            Store::Postgres(database, _) => database.partitions().await,
        }
    }

    /// A number that changes when something new can be found. `None`: only asking tells.
    pub async fn generation(&self) -> Result<Option<u64>, StoreError> {
        match self {
            Store::Embedded(reader) => {
                blocking(reader, |reader| {
                    reader.refresh()?;
                    Ok(Some(reader.generation()))
                })
                .await
            }
            Store::Postgres(..) => Ok(None),
        }
    }
}

/// The options with a deadline no later than in `timeout`.
fn limited(options: &SearchOptions, timeout: Duration) -> SearchOptions {
    let mut options = options.clone();
    let end = Instant::now() + timeout;
    options.limits.deadline = Some(options.limits.deadline.map_or(end, |d| d.min(end)));
    options
}

/// Files are read where nobody else waits.
async fn blocking<T: Send + 'static>(
    reader: &Arc<Reader>,
    question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let reader = Arc::clone(reader);
    tokio::task::spawn_blocking(move || question(&reader)).await.unwrap_or_else(|e| {
        Err(StoreError::with(
            ErrorKind::Transient,
            "BUG: reading the store panicked; see the standard error",
            e,
        ))
    })
}
