//! The store in PostgreSQL: the same events, queries and answers as the embedded store.
//!
//! A row an event, a partition a day, a few small tables beside; `docs/format/postgres.md`
//! describes them for users of the tables. [`Database`] is the way in: it writes (COPY, idempotent
//! by uid), answers questions (queries as SQL with parameters), and manages the partitions.
//!
//! Asynchronous, unlike the rest of the crate: it needs a tokio runtime with timers and I/O.
//! Invariant: what `append` returned is committed, exactly once for each (timegenerated, uid).

mod ask;
mod clock;
mod condition;
mod connect;
mod count;
mod decode;
mod distinct;
mod encode;
mod error;
mod fields_of;
mod histogram_by;
mod init;
mod layout;
mod lookup;
mod meta;
mod migrate;
mod names;
mod param;
mod partitions;
mod patterns;
mod regex;
mod schema;
mod search;
mod sql;
mod tally;
mod terms;
mod text;
mod tls;
mod top;
mod value;
mod values;
mod write;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use loggr_event::{Event, Timestamp, Uid};

use crate::patterns::Ask;
use crate::query::{Field, Query, Span};
use crate::{
    Appended, Counted, Distinct, Dropped, ErrorKind, FieldsOf, Found, Histogram, HistogramBy, KnownField,
    MAX_SERIES, Moment, Partition, Patterns, Pruned, SearchOptions, StoreError, Summary, Top, TopOptions,
    partition,
};
use ask::{Snapshot, Trouble};
use connect::{Address, Pool};
use write::Writer;

pub use connect::Settings;
pub use init::Roles;
pub use migrate::Prepared;
pub use names::{MAX_TABLE_BYTES, TableName};
pub use partitions::DAYS_AHEAD;
pub use schema::{Indexes, Promoted, PromotedKind};
pub use tls::SslMode;

/// Questions that are asked at the same time, at most; others wait.
const MAX_QUESTIONS: usize = 8;
/// How long it may take to make the tables ready; after that the server hangs, and counts as away.
const PREPARE_PATIENCE: Duration = Duration::from_secs(30);

/// A database with the tables of events. Clones share their connections.
#[derive(Clone)]
pub struct Database {
    settings: Arc<Settings>,
    table: Arc<TableName>,
    readers: Arc<Pool>,
    writer: Writer,
    /// The monotonic clock when retention last looked at the wall clock.
    looked: Arc<Mutex<Option<Duration>>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("table", &self.table).finish_non_exhaustive()
    }
}

/// Answers a question on a snapshot; if the server's engine cannot take a regular expression,
/// answers it again without.
macro_rules! ask {
    ($self:ident, $limits:expr, |$snapshot:ident, $without:ident| $question:expr) => {{
        let mut without = false;
        loop {
            let snapshot = Snapshot::begin(&$self.readers, &$self.table, $limits).await?;
            let answer = {
                let ($snapshot, $without) = (&snapshot, without);
                $question.await
            };
            match answer {
                Ok(answer) => {
                    snapshot.end().await;
                    break Ok(answer);
                }
                Err(Trouble::Regex) if !without => {
                    snapshot.end().await;
                    without = true;
                }
                Err(Trouble::Regex) => {
                    break Err(StoreError::new(ErrorKind::Limit, "PostgreSQL cannot use the expression"));
                }
                Err(Trouble::Late) => {
                    break Err(StoreError::new(ErrorKind::Limit, "the time limit was reached"));
                }
                Err(Trouble::Failed(error)) => break Err(error),
            }
        }
    }};
}

impl Database {
    /// Checks the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`]: the url cannot be read, a certificate is missing, …
    pub fn new(settings: Settings) -> Result<Database, StoreError> {
        let address = Address::new(&settings)?;
        let table = Arc::new(settings.table.clone());
        let writer = Writer::new(
            address.clone(),
            Arc::clone(&table),
            &settings.columns,
            settings.indexes,
            settings.connections,
        );
        Ok(Database {
            readers: Pool::new(address, MAX_QUESTIONS),
            writer,
            table,
            looked: Arc::default(),
            settings: Arc::new(settings),
        })
    }

    /// Server and database, for messages. No password in it.
    pub fn shown(&self) -> &str {
        self.readers.address().shown()
    }

    /// The user that connects.
    pub fn user(&self) -> &str {
        self.readers.address().user()
    }

    /// Makes what is missing: the tables, promoted columns, the partitions of today and the next
    /// days. `now` is in microseconds since 1970. Gives up after a while, and may then be called again.
    ///
    /// # Errors
    /// [`ErrorKind::Transient`]: the server is away, hangs, or somebody holds a lock on the tables.
    /// [`ErrorKind::Refused`] where somebody has to change something first: a wrong password, no
    /// such database, no right to create tables, tables of another version.
    pub async fn prepare(&self, now: i64) -> Result<Prepared, StoreError> {
        let late = |_| {
            let what = format!(
                "PostgreSQL at {} has not made the tables of `{}` ready within {} s",
                self.shown(),
                self.table,
                PREPARE_PATIENCE.as_secs()
            );
            StoreError::new(ErrorKind::Transient, what)
        };
        tokio::time::timeout(PREPARE_PATIENCE, self.writer.prepare(now)).await.map_err(late)?
    }

    /// Does what [`Database::prepare`] does, however long it takes, and makes the roles that write
    /// and read.
    pub async fn init(&self, now: i64, roles: &Roles) -> Result<Prepared, StoreError> {
        let prepared = self.writer.prepare(now).await?;
        let changed = init::grant(self.writer.pool(), &self.table, roles).await?;
        Ok(Prepared { changed, ..prepared })
    }

    /// What [`Database::init`] does on an empty database, as a script for `psql`.
    pub fn script(&self, now: i64, roles: &Roles) -> String {
        init::script(&self.settings, now, roles)
    }

    /// Stores the events that are new, in one transaction. Durable when it returns.
    ///
    /// `feed` is called, perhaps several times, on a thread that may block, and hands every event
    /// of the batch to its argument.
    ///
    /// # Errors
    /// [`ErrorKind::Permanent`]: the server refuses a row of the batch. Nothing of it is stored then.
    pub async fn store(
        &self,
        feed: impl Fn(&mut dyn FnMut(&Event<'_>)) + Send + Sync + 'static,
    ) -> Result<Appended, StoreError> {
        self.writer.store(Arc::new(feed)).await
    }

    /// Like [`Database::store`], for events in memory.
    pub async fn append(&self, events: &[Event<'static>]) -> Result<Appended, StoreError> {
        let events = events.to_vec();
        self.store(move |push| events.iter().for_each(&mut *push)).await
    }

    /// The newest (or oldest) events that match.
    pub async fn search(&self, query: &Query, options: &SearchOptions) -> Result<Found, StoreError> {
        ask!(self, &options.limits, |snapshot, without| search::search(snapshot, query, options, without))
    }

    /// How many events match. The limit, page and order of the options do not count.
    pub async fn count(&self, query: &Query, options: &SearchOptions) -> Result<Counted, StoreError> {
        ask!(self, &options.limits, |snapshot, without| count::count(snapshot, query, options, without))
    }

    /// Matching events in buckets of `width` microseconds, by severity.
    pub async fn histogram(
        &self,
        query: &Query,
        width: i64,
        options: &SearchOptions,
    ) -> Result<Histogram, StoreError> {
        ask!(self, &options.limits, |snapshot, without| {
            count::histogram(snapshot, query, width, options, without)
        })
    }

    /// The most frequent values of a field among the matching events.
    pub async fn top(
        &self,
        query: &Query,
        field: &Field,
        values: impl Into<TopOptions>,
        options: &SearchOptions,
    ) -> Result<Top, StoreError> {
        let values = values.into();
        ask!(self, &options.limits, |snapshot, without| {
            top::top(snapshot, query, field, &values, options, without)
        })
    }

    /// The same day by day, the newest first, until the time is over: the days that were counted until
    /// then are the answer.
    pub async fn values(
        &self,
        query: &Query,
        field: &Field,
        values: impl Into<TopOptions>,
        options: &SearchOptions,
    ) -> Result<Top, StoreError> {
        let values = values.into();
        ask!(self, &options.limits, |snapshot, without| {
            top::values(snapshot, query, field, &values, options, without)
        })
    }

    /// The fields that matching events have.
    pub async fn fields_of(&self, query: &Query, options: &SearchOptions) -> Result<FieldsOf, StoreError> {
        ask!(self, &options.limits, |snapshot, without| {
            fields_of::fields_of(snapshot, query, options, without)
        })
    }

    /// How many different values each of these fields has, some fields at a time until the time is over.
    pub async fn distinct(
        &self,
        query: &Query,
        fields: &[Field],
        most: usize,
        options: &SearchOptions,
    ) -> Result<Distinct, StoreError> {
        ask!(self, &options.limits, |snapshot, without| {
            distinct::distinct(snapshot, query, fields, most, options, without)
        })
    }

    /// Matching events in buckets of `width` microseconds, by the `values` most frequent values of a
    /// field; by none where there is no field.
    pub async fn histogram_by(
        &self,
        query: &Query,
        width: i64,
        by: Option<&Field>,
        values: usize,
        options: &SearchOptions,
    ) -> Result<HistogramBy, StoreError> {
        let values = values.min(MAX_SERIES);
        let field = match by {
            None => return Ok(HistogramBy::plain(self.histogram(query, width, options).await?)),
            Some(Field::Severity) => {
                let histogram = self.histogram(query, width, options).await?;
                return Ok(HistogramBy::by_severity(histogram, values));
            }
            Some(field) => field,
        };
        ask!(self, &options.limits, |snapshot, without| {
            histogram_by::histogram_by(snapshot, query, (width, values), field, options, without)
        })
    }

    /// The event of a uid, if it is there and matches. `time`: when it was received, if that is known.
    pub async fn event(
        &self,
        uid: Uid,
        time: Option<Timestamp>,
        filter: &Query,
        options: &SearchOptions,
    ) -> Result<Option<Event<'static>>, StoreError> {
        ask!(self, &options.limits, |snapshot, _without| {
            lookup::event(snapshot, uid, time, filter, options)
        })
    }

    /// The lowest and the highest time of generation, microseconds since 1970.
    pub async fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let limits = crate::Limits::default();
        ask!(self, &limits, |snapshot, _without| lookup::span(snapshot))
    }

    /// The shapes among the matching events. The bounds of the question are known.
    pub(crate) async fn patterns(&self, query: &Query, wanted: &Ask) -> Result<Patterns, StoreError> {
        ask!(self, &wanted.options.limits, |snapshot, without| {
            patterns::patterns(snapshot, query, wanted, without)
        })
    }

    /// The names of custom fields, structured data and trusted fields on the days of a span, most
    /// frequent first. `since` and `until` are microseconds since 1970.
    pub async fn fields(
        &self,
        since: Option<i64>,
        until: Option<i64>,
    ) -> Result<Vec<KnownField>, StoreError> {
        let span = Span { from: since.unwrap_or(i64::MIN), until: until.unwrap_or(i64::MAX) };
        let limits = crate::Limits::default();
        ask!(self, &limits, |snapshot, _without| count::fields(snapshot, span))
    }

    /// The days of the store, oldest first. Their times are those of whole minutes.
    pub async fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let limits = crate::Limits::default();
        ask!(self, &limits, |snapshot, _without| partitions::list(snapshot))
    }

    /// Looks at the clock, and drops the days that are older than the retention if there is one and
    /// the clock is trusted. To be called at the start and about every minute from then on;
    /// `accept`: somebody confirms that the clock is right.
    pub async fn prune(
        &self,
        now: Moment,
        retention: Option<Duration>,
        accept: bool,
    ) -> Result<Pruned, StoreError> {
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let pruned = clock::prune(self.writer.pool(), &self.table, now, looked, retention, accept).await?;
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.monotonic);
        Ok(pruned)
    }

    /// The store in numbers. Its times are those of whole minutes.
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        let days = self.partitions().await?;
        let held = self.writer.pool().get().await?;
        let (dropped, purged, step) = clock::kept(held.client(), &self.table).await?;
        held.give_back();
        let full = days.iter().filter(|day| day.events > 0);
        let times = full.clone().map(|day| day.times).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        Ok(Summary {
            events: full.clone().map(|day| day.events).sum(),
            bytes: days.iter().map(|day| day.bytes).sum(),
            days: full.count() as u64,
            files: 0,
            times,
            dropped,
            purged,
            damaged: Vec::new(),
            step,
        })
    }

    /// Drops every partition, or those all of whose events are older than `before` (microseconds
    /// since 1970).
    pub async fn purge(&self, before: Option<i64>) -> Result<Dropped, StoreError> {
        partitions::drop_before(self.writer.pool(), &self.table, before.map(partition::day_of)).await
    }
}
