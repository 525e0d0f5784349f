//! A store that can be asked: the embedded one or PostgreSQL, behind one set of questions.
//!
//! Each engine has its own way to take events in, and the program chooses the store. Every question
//! has one method here, and one in each engine.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loggr_event::{Event, Timestamp, Uid};

use crate::embedded::Reader;
use crate::facets;
use crate::patterns::{self, Ask};
use crate::postgres::Database;
use crate::query::{Field, Query, Span};
use crate::{
    Counted, Distinct, ErrorKind, FieldsOf, Found, Histogram, HistogramBy, KnownField, MAX_VALUES_TIME,
    Partition, PatternOptions, Patterns, SearchOptions, StoreError, Top, TopOptions,
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

    /// The store in a database; it is not connected to yet. `timeout`: how long a question may
    /// take; what was found until then is the answer.
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

    /// The most frequent values of a field among matching events. `values`: which, or how many.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for the message and the uid, of which nearly each event has another one.
    pub async fn top(
        &self,
        query: &Query,
        field: &Field,
        values: impl Into<TopOptions>,
        options: &SearchOptions,
    ) -> Result<Top, StoreError> {
        let values = values.into();
        facets::countable(field)?;
        match self {
            Store::Embedded(reader) => {
                let (query, field, options) = (query.clone(), field.clone(), options.clone());
                blocking(reader, move |reader| reader.top(&query, &field, values, &options)).await
            }
            Store::Postgres(database, timeout) => {
                database.top(query, field, values, &limited(options, *timeout)).await
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

    /// The fields that the hits have, each with the number of hits that have it: of all hits. The
    /// limit, page and order of the options do not count.
    pub async fn fields_of(&self, query: &Query, options: &SearchOptions) -> Result<FieldsOf, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let (query, options) = (query.clone(), options.clone());
                blocking(reader, move |reader| reader.fields_of(&query, &options)).await
            }
            Store::Postgres(database, timeout) => {
                database.fields_of(query, &limited(options, *timeout)).await
            }
        }
    }

    /// How many different values each of these fields has among the hits, exactly if there are at most
    /// `most`.
    pub async fn distinct(
        &self,
        query: &Query,
        fields: &[Field],
        most: usize,
        options: &SearchOptions,
    ) -> Result<Distinct, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let (query, fields, options) = (query.clone(), fields.to_vec(), options.clone());
                blocking(reader, move |reader| reader.distinct(&query, &fields, most, &options)).await
            }
            Store::Postgres(database, timeout) => {
                database.distinct(query, fields, most, &limited(options, *timeout)).await
            }
        }
    }

    /// Matching events in buckets of `width` microseconds, by the `values` most frequent values of a
    /// field (at most [`MAX_SERIES`](crate::MAX_SERIES)), the rest, and those without it.
    ///
    /// # Errors
    /// As [`Store::top`].
    pub async fn histogram_by(
        &self,
        query: &Query,
        width: i64,
        by: Option<&Field>,
        values: usize,
        options: &SearchOptions,
    ) -> Result<HistogramBy, StoreError> {
        by.map_or(Ok(()), facets::countable)?;
        match self {
            Store::Embedded(reader) => {
                let (query, by, options) = (query.clone(), by.cloned(), options.clone());
                blocking(reader, move |reader| {
                    reader.histogram_by(&query, width, by.as_ref(), values, &options)
                })
                .await
            }
            Store::Postgres(database, timeout) => {
                database.histogram_by(query, width, by, values, &limited(options, *timeout)).await
            }
        }
    }

    /// Values of a field that begin with `prefix`, the most frequent first, to complete what somebody
    /// types: [`Store::top`] that ends after [`MAX_VALUES_TIME`] with what it has. `query`: of these
    /// events; [`Query::all`] where everything may be seen.
    pub async fn values(
        &self,
        query: &Query,
        field: &Field,
        prefix: &str,
        limit: usize,
        options: &SearchOptions,
    ) -> Result<Top, StoreError> {
        let values = TopOptions { limit, prefix: prefix.to_owned(), ..TopOptions::default() };
        let options = limited(options, MAX_VALUES_TIME);
        facets::countable(field)?;
        match self {
            Store::Embedded(_) => self.top(query, field, values, &options).await,
            Store::Postgres(database, timeout) => {
                database.values(query, field, values, &limited(&options, *timeout)).await
            }
        }
    }

    /// The event of a uid, if it is there, lies within the bounds of the options, and matches.
    pub async fn event(
        &self,
        uid: Uid,
        filter: &Query,
        options: &SearchOptions,
    ) -> Result<Option<Event<'static>>, StoreError> {
        self.find(uid, None, filter, options).await
    }

    /// The same; `time`: when it was received, if that is known.
    pub(crate) async fn find(
        &self,
        uid: Uid,
        time: Option<Timestamp>,
        filter: &Query,
        options: &SearchOptions,
    ) -> Result<Option<Event<'static>>, StoreError> {
        match self {
            Store::Embedded(reader) => {
                let (filter, options) = (filter.clone(), options.clone());
                blocking(reader, move |reader| reader.event(uid, &filter, &options)).await
            }
            Store::Postgres(database, timeout) => {
                database.event(uid, time, filter, &limited(options, *timeout)).await
            }
        }
    }

    /// The newest event that matches, within the bounds of the options: where to look when a page is
    /// empty.
    pub async fn newest(&self, query: &Query, options: &SearchOptions) -> Result<Found, StoreError> {
        let options = SearchOptions { limit: 1, after: None, oldest_first: false, ..options.clone() };
        self.search(query, &options).await
    }

    /// The lowest and the highest time of generation in the store, microseconds since 1970.
    pub async fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        match self {
            Store::Embedded(reader) => blocking(reader, Reader::span).await,
            Store::Postgres(database, _) => database.span().await,
        }
    }

    /// The days of the store, oldest first.
    pub async fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        match self {
            Store::Embedded(reader) => blocking(reader, Reader::partitions).await,
            Store::Postgres(database, _) => database.partitions().await,
        }
    }

    /// A number that changes when new events can be found. `None` if only a question can tell.
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

/// Files are read on a thread for blocking work.
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
