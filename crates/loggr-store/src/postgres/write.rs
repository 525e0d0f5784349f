//! Writing: a batch of events becomes durable in one transaction.
//!
//! Redelivery is rare, so the rows go straight into the table by COPY; only when one of them turns
//! out to be there already is the transaction undone, the table asked which they are, and the
//! rest sent again. Counts beside the events are of what is new, and commit with it.
//!
//! Invariant: when `store` returns, the server has said COMMIT with a `synchronous_commit` of at
//! least `on`; of a `store` that failed either nothing is in the table or, where the connection
//! broke during the COMMIT, all of it, and the next try finds that out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::SinkExt;
use loggr_event::{Event, Origin};
use tokio_postgres::{Client, CopyInSink};

use super::connect::{Address, Held, Pool};
use super::decode::{Micros, UidValue};
use super::encode::{Encoder, Key, Missing, Rows};
use super::error::{failed, is_duplicate, is_missing_partition};
use super::layout::{Layout, origin_of, origin_row};
use super::names::TableName;
use super::param::{Param, bind};
use super::partitions;
use super::schema::{self, Indexes, Promoted};
use super::tally::Tally;
use super::{meta, migrate};
use crate::{Appended, ErrorKind, StoreError};

/// How long storing a batch may take; after that it has failed, because the server hangs.
const STORE_TIMEOUT: Duration = Duration::from_secs(300);
/// How often rows are sent again because some of them were in the table meanwhile. After that the
/// reason must be a constraint that is not loggr's.
const MAX_ROUNDS: usize = 4;
/// How often it is noted that a day is being written to; retention counts from the last note.
const NOTE_EVERY: Duration = Duration::from_secs(3600);
/// How often the layout is read again for one batch because it lacks something.
const MAX_LOOKS: usize = 4;

/// A function that hands the events of the batch to an encoder, each time it is called.
pub(super) type Feed<'f> = dyn Fn(&mut dyn FnMut(&Event<'_>)) + Send + Sync + 'f;

/// Writes events; its clones share connections.
#[derive(Clone)]
pub(super) struct Writer {
    pool: Arc<Pool>,
    table: Arc<TableName>,
    columns: Arc<[Promoted]>,
    indexes: Indexes,
    layout: Arc<Mutex<Arc<Layout>>>,
    /// The days that were noted as written to, and when.
    noted: Arc<Mutex<HashMap<i64, Instant>>>,
}

/// How one try ended without being stored.
enum Failed {
    /// A row is there already.
    Duplicate(StoreError),
    /// A partition is gone.
    Partition,
    Other(StoreError),
}

impl Writer {
    pub(super) fn new(
        address: Address,
        table: Arc<TableName>,
        columns: &[Promoted],
        indexes: Indexes,
        connections: usize,
    ) -> Writer {
        Writer {
            pool: Pool::new(address.for_writing(), connections),
            table,
            columns: columns.into(),
            indexes,
            layout: Arc::default(),
            noted: Arc::default(),
        }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Makes what is missing: tables, columns, partitions from today on.
    pub(super) async fn prepare(&self, now: i64) -> Result<migrate::Prepared, StoreError> {
        let days = partitions::wanted(now);
        migrate::prepare(&self.pool, &self.table, &self.columns, self.indexes, &days).await
    }

    /// Stores the events that are new.
    pub(super) async fn store(&self, feed: Arc<Feed<'static>>) -> Result<Appended, StoreError> {
        let late = |_| {
            let what = format!(
                "PostgreSQL at {} has not stored a batch within {} s",
                self.pool.address().shown(),
                STORE_TIMEOUT.as_secs()
            );
            StoreError::new(ErrorKind::Transient, what)
        };
        tokio::time::timeout(STORE_TIMEOUT, self.try_store(feed)).await.map_err(late)?
    }

    async fn try_store(&self, feed: Arc<Feed<'static>>) -> Result<Appended, StoreError> {
        let held = self.pool.get().await?;
        if held.is_fresh() {
            // After a failover the server may lack what was made last: origins, partitions.
            self.forget();
        }
        // Rows that the table has, from all rounds; `None` if the table was not asked.
        let mut seen: Option<HashSet<Key>> = None;
        let (mut layout, mut rows) = self.encode(&held, &feed, None).await?;
        let mut last = None;
        for _ in 0..MAX_ROUNDS {
            if rows.keys.is_empty() {
                held.give_back();
                return Ok(Appended { stored: 0, duplicates: rows.duplicates });
            }
            let appended = Appended { stored: rows.keys.len(), duplicates: rows.duplicates };
            match self.send(&held, &layout, &rows).await {
                Ok(()) => {
                    held.give_back();
                    return Ok(appended);
                }
                Err(Failed::Other(e)) => {
                    // A refusal by the server does not spoil the session.
                    self.undo(&held).await.ok();
                    match e.kind() {
                        ErrorKind::Permanent => held.give_back(),
                        // The tables are not as they were, such as without a column.
                        ErrorKind::Refused => self.forget(),
                        _ => {}
                    }
                    return Err(e);
                }
                Err(Failed::Partition) => {
                    self.undo(&held).await?;
                    self.forget();
                    (layout, rows) = self.encode(&held, &feed, seen.as_ref()).await?;
                }
                Err(Failed::Duplicate(e)) => {
                    self.undo(&held).await?;
                    let found = self.known(held.client(), &rows.keys).await?;
                    seen.get_or_insert_default().extend(found);
                    (layout, rows) = self.encode(&held, &feed, seen.as_ref()).await?;
                    last = Some(e);
                }
            }
        }
        held.give_back();
        Err(last.unwrap_or_else(|| {
            let what = format!("the partitions of `{}` are dropped as soon as they are made", self.table);
            StoreError::new(ErrorKind::Transient, what)
        }))
    }

    fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn forget(&self) {
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// The rows of the events, and the layout that they have; what it lacks is made or looked up
    /// first.
    async fn encode(
        &self,
        held: &Held,
        feed: &Arc<Feed<'static>>,
        known: Option<&HashSet<Key>>,
    ) -> Result<(Arc<Layout>, Rows), StoreError> {
        let mut layout = self.layout();
        for _ in 0..MAX_LOOKS {
            let (used, feed, known) = (Arc::clone(&layout), Arc::clone(feed), known.cloned());
            // Parsing and encoding are no work for the reactor.
            let encoded = tokio::task::spawn_blocking(move || {
                let mut encoder = Encoder::new(&used, known);
                feed(&mut |event| encoder.push(event));
                encoder.finish()
            });
            let encoded = encoded
                .await
                .map_err(|e| StoreError::with(ErrorKind::Permanent, "cannot make rows of the events", e))?;
            match encoded {
                Ok(rows) => return Ok((layout, rows)),
                // The layout of this try is used, not one that other tasks have changed meanwhile.
                Err(missing) => layout = self.learn(held, missing).await?,
            }
        }
        let what = format!("the tables of `{}` change faster than they can be read", self.table);
        Err(StoreError::new(ErrorKind::Transient, what))
    }

    /// Reads the layout anew, and makes what rows need: partitions and origins.
    async fn learn(&self, held: &Held, missing: Missing) -> Result<Arc<Layout>, StoreError> {
        let client = held.client();
        let what = || format!("cannot make ready for rows in `{}`", self.table);
        let meta = meta::usable(meta::read_meta(client, &self.table).await?, &self.table)?;
        let mut layout = Layout {
            // A column that the configuration does not name is filled all the same: it is there.
            promoted: meta.promoted,
            long_names: meta.long_names,
            ..Layout::default()
        };
        let days: BTreeSet<i64> = {
            let known = partitions::known(client, &self.table).await?;
            layout.days = known.into_iter().collect();
            missing.days.iter().copied().filter(|day| !layout.days.contains_key(day)).collect()
        };
        // A partition that somebody dropped by hand leaves its row behind.
        let days: Vec<i64> =
            if days.is_empty() { missing.days.into_iter().collect() } else { days.into_iter().collect() };
        if !days.is_empty() {
            client.batch_execute("BEGIN").await.map_err(|e| failed(what(), &e))?;
            meta::lock(client, &self.table).await?;
            partitions::ensure(client, &self.table, self.indexes, &days).await?;
            client.batch_execute("COMMIT").await.map_err(|e| failed(what(), &e))?;
            layout.days = partitions::known(client, &self.table).await?.into_iter().collect();
        }
        let new = missing.origins;
        self.add_origins(client, &new).await?;
        let origins = self.table.sql("_origins");
        let asked = format!("SELECT id, origin::text FROM {origins}");
        let rows = client.query_typed(&asked, &[]).await.map_err(|e| failed(what(), &e))?;
        layout.origins = rows
            .iter()
            .filter_map(|row| Some((origin_of(row.get::<_, &str>(1))?, row.get::<_, i32>(0))))
            .collect();
        let layout = Arc::new(layout);
        *self.layout.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&layout);
        Ok(layout)
    }

    async fn add_origins(&self, client: &Client, new: &HashSet<Origin>) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let (json, keys): (Vec<String>, Vec<[u8; 16]>) =
            new.iter().map(origin_row).map(|(json, key)| (json, key.to_be_bytes())).unzip();
        let insert = format!(
            "INSERT INTO {} (key, origin) SELECT key, origin::jsonb FROM unnest($1, $2) AS new(key, origin) \
             ORDER BY key ON CONFLICT (key) DO NOTHING",
            self.table.sql("_origins")
        );
        let params = [Param::Uids(keys), Param::Texts(json)];
        let inserted = client.execute_typed(&insert, &bind(&params)).await;
        inserted.map(drop).map_err(|e| failed(format!("cannot write `{}_origins`", self.table), &e))
    }

    /// One transaction, up to its COMMIT. `layout`: that of the rows.
    async fn send(&self, held: &Held, layout: &Layout, rows: &Rows) -> Result<(), Failed> {
        let client = held.client();
        let what = || format!("cannot store events in `{}`", self.table);
        let other = |e: tokio_postgres::Error| Failed::Other(failed(what(), &e));
        client.batch_execute("BEGIN").await.map_err(other)?;
        self.copy(client, layout, &rows.chunks).await.map_err(|e| {
            if is_duplicate(&e) {
                Failed::Duplicate(failed(what(), &e))
            } else if is_missing_partition(&e) {
                Failed::Partition
            } else {
                other(e)
            }
        })?;
        self.count(client, layout, &rows.tally).await.map_err(|e| {
            Failed::Other(failed(format!("cannot count events in `{}_minutes`", self.table), &e))
        })?;
        let noted = self.note(client, &rows.tally).await.map_err(|e| {
            Failed::Other(failed(format!("cannot note in `{}_days` what is written", self.table), &e))
        })?;
        client.batch_execute("COMMIT").await.map_err(other)?;
        let now = Instant::now();
        let mut known = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, then| then.elapsed() < NOTE_EVERY);
        known.extend(noted.into_iter().map(|day| (day, now)));
        Ok(())
    }

    /// Notes for retention that days are written to, where that was not done lately. Which.
    async fn note(&self, client: &Client, tally: &Tally) -> Result<Vec<i64>, tokio_postgres::Error> {
        let days: BTreeSet<i64> =
            tally.minutes().iter().map(|m| crate::partition::day_of(m.minute)).collect();
        let due: Vec<i64> = {
            let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = |day: &i64| noted.get(day).is_none_or(|then| then.elapsed() >= NOTE_EVERY);
            days.into_iter().filter(is_due).collect()
        };
        if !due.is_empty() {
            let update = format!(
                "UPDATE {} AS d SET written = r.believed FROM {} AS r \
                 WHERE d.day = ANY ($1) AND (d.written IS NULL OR d.written < r.believed)",
                self.table.sql("_days"),
                self.table.sql("_retention")
            );
            client.execute_typed(&update, &bind(&[Param::Days(due.clone())])).await?;
        }
        Ok(due)
    }

    async fn copy(
        &self,
        client: &Client,
        layout: &Layout,
        chunks: &[Bytes],
    ) -> Result<(), tokio_postgres::Error> {
        let copy = format!(
            "COPY {} ({}) FROM STDIN WITH (FORMAT binary)",
            self.table.sql(""),
            schema::column_names(&layout.promoted)
        );
        let sink: CopyInSink<Bytes> = client.copy_in(&copy).await?;
        let mut sink = pin!(sink);
        for chunk in chunks {
            sink.feed(chunk.clone()).await?;
        }
        sink.finish().await.map(drop)
    }

    async fn count(
        &self,
        client: &Client,
        layout: &Layout,
        tally: &Tally,
    ) -> Result<(), tokio_postgres::Error> {
        let minutes = tally.minutes();
        let (table, add) = (self.table.sql("_minutes"), "events = t.events + EXCLUDED.events");
        let insert = format!(
            "INSERT INTO {table} AS t SELECT * FROM unnest($1, $2, $3, $4) \
             ON CONFLICT (minute, severity, app_name) DO UPDATE SET {add}"
        );
        let params = [
            Param::Times(minutes.iter().map(|m| m.minute).collect()),
            Param::Int2s(minutes.iter().map(|m| i16::from(m.severity)).collect()),
            Param::Texts(minutes.iter().map(|m| m.app_name.clone()).collect()),
            Param::Int8s(minutes.iter().map(|m| to_i64(m.events)).collect()),
        ];
        client.execute_typed(&insert, &bind(&params)).await?;
        let names = tally.names();
        if !names.is_empty() {
            let insert = format!(
                "INSERT INTO {} AS t SELECT * FROM unnest($1, $2, $3, $4) \
                 ON CONFLICT (day, name) DO UPDATE SET {add}, looks = t.looks | EXCLUDED.looks",
                self.table.sql("_fields")
            );
            let stored = |name: &str| super::text::encode(name).into_owned();
            let params = [
                Param::Days(names.iter().map(|(day, _)| *day).collect()),
                Param::Texts(names.iter().map(|(_, n)| stored(&n.name)).collect()),
                Param::Int2s(names.iter().map(|(_, n)| i16::from(n.looks)).collect()),
                Param::Int8s(names.iter().map(|(_, n)| to_i64(n.events)).collect()),
            ];
            client.execute_typed(&insert, &bind(&params)).await?;
        }
        if tally.long_names && !layout.long_names {
            let note =
                format!("UPDATE {} SET long_names = true WHERE NOT long_names", self.table.sql("_meta"));
            client.batch_execute(&note).await?;
        }
        Ok(())
    }

    async fn undo(&self, held: &Held) -> Result<(), StoreError> {
        let undone = held.client().batch_execute("ROLLBACK").await;
        undone.map_err(|e| failed(format!("cannot store events in `{}`", self.table), &e))
    }

    /// Which of the rows are there.
    async fn known(&self, client: &Client, keys: &[Key]) -> Result<HashSet<Key>, StoreError> {
        let (first, last) =
            keys.iter().fold((i64::MAX, i64::MIN), |(a, b), (time, _)| (a.min(*time), b.max(*time)));
        let asked = format!(
            "SELECT e.timegenerated, e.uid FROM unnest($1, $2) AS sent(time, uid) JOIN {} AS e \
             ON e.timegenerated = sent.time AND e.uid = sent.uid \
             WHERE e.timegenerated BETWEEN $3 AND $4",
            self.table.sql("")
        );
        let params = [
            Param::Times(keys.iter().map(|(time, _)| *time).collect()),
            Param::Uids(keys.iter().map(|(_, uid)| *uid.as_bytes()).collect()),
            Param::Time(first),
            Param::Time(last),
        ];
        let rows = client.query_typed(&asked, &bind(&params)).await;
        let rows = rows.map_err(|e| failed(format!("cannot look for events in `{}`", self.table), &e))?;
        Ok(rows.iter().map(|row| (row.get::<_, Micros>(0).0, row.get::<_, UidValue>(1).0)).collect())
    }
}

fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
