//! One question: a transaction that sees one state of the tables, and its limits.
//!
//! Read-only, on one snapshot, so that the counts beside the events agree with the events. The
//! server ends statements when the time is over, and they are cancelled when the caller has gone.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use loggr_event::Origin;
use tokio_postgres::{Client, Row};

use super::connect::{Held, Pool};
use super::decode::{Day, Decoder};
use super::error::{failed, is_bad_regex};
use super::layout::origin_of;
use super::meta::{self, Meta};
use super::names::TableName;
use super::param::{Param, bind};
use super::schema::{Indexes, Promoted};
use super::sql::Context;
use crate::query::Span;
use crate::question::Limits;
use crate::{ErrorKind, StoreError, partition};

/// The longest time of a question that has no deadline of its own.
pub(super) const MAX_QUESTION: Duration = Duration::from_secs(600);
/// How often a running question checks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(50);
/// How long a session may take to end its transaction; after that it is not used again.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Why a statement gave no answer.
pub(super) enum Trouble {
    /// The time is over: what was found so far is the answer.
    Late,
    /// The server's engine cannot take an expression: ask without it.
    Regex,
    /// Anything else.
    Failed(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Failed(error)
    }
}

/// A stretch of time within which all rows have the same indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) span: Span,
    pub(super) indexes: Indexes,
}

/// The tables at one moment.
pub(super) struct Snapshot {
    held: Held,
    pub(super) table: Arc<TableName>,
    pub(super) meta: Meta,
    pub(super) origins: HashMap<i32, Origin>,
    /// The partitions, oldest first.
    pub(super) days: Vec<(i64, Indexes)>,
    deadline: Instant,
    limits: Limits,
    /// Statements that were sent.
    statements: AtomicU64,
    /// A statement was given up before its end: the connection is not used again.
    abandoned: AtomicBool,
}

impl Snapshot {
    /// Takes a session and begins, within the time of the question.
    pub(super) async fn begin(
        pool: &Arc<Pool>,
        table: &Arc<TableName>,
        limits: &Limits,
    ) -> Result<Snapshot, StoreError> {
        let deadline = limits.deadline.unwrap_or_else(|| Instant::now() + MAX_QUESTION);
        let late = |_| {
            let shown = pool.address().shown();
            let what = format!("the time limit was reached before PostgreSQL at {shown} answered");
            StoreError::new(ErrorKind::Limit, what)
        };
        let begun = Snapshot::begin_until(pool, table, limits, deadline);
        tokio::time::timeout(left(deadline), begun).await.map_err(late)?
    }

    async fn begin_until(
        pool: &Arc<Pool>,
        table: &Arc<TableName>,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<Snapshot, StoreError> {
        let held = pool.get().await?;
        let client = held.client();
        let what = || format!("cannot ask PostgreSQL at {}", pool.address().shown());
        // A pause between two statements must not leave a transaction behind for ever.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL jit = off; \
             SET LOCAL statement_timeout = {}",
            left(deadline).as_millis().max(1)
        );
        client.batch_execute(&begin).await.map_err(|e| failed(what(), &e))?;
        let meta = meta::read_meta(client, table).await?;
        let meta = meta::usable(meta, table)?;
        let (days, origins) = (table.sql("_days"), table.sql("_origins"));
        let (days, origins) = (
            format!("SELECT day, indexes FROM {days} ORDER BY day"),
            format!("SELECT id, origin::text FROM {origins}"),
        );
        let (days, origins) =
            tokio::try_join!(client.query_typed(&days, &[]), client.query_typed(&origins, &[]))
                .map_err(|e| failed(what(), &e))?;
        let days = days.iter().map(|row| (row.get::<_, Day>(0).0, Indexes::of_code(row.get(1)))).collect();
        let origins = origins
            .iter()
            .filter_map(|row| Some((row.get::<_, i32>(0), origin_of(row.get::<_, &str>(1))?)))
            .collect();
        Ok(Snapshot {
            table: Arc::clone(table),
            meta,
            origins,
            days,
            deadline,
            limits: limits.clone(),
            statements: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
            held,
        })
    }

    /// Ends the question; its session can be used again.
    pub(super) async fn end(self) {
        // Otherwise the session is dropped: it is closed, and its statement is cancelled.
        if self.abandoned.load(Ordering::Relaxed) {
            return;
        }
        // The answer is complete; it does not wait for a server that hangs.
        let ended = tokio::time::timeout(END_PATIENCE, self.held.client().batch_execute("ROLLBACK")).await;
        if matches!(ended, Ok(Ok(()))) {
            self.held.give_back();
        }
    }

    /// Statements that were sent so far.
    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    pub(super) fn decoder(&self) -> Decoder<'_> {
        Decoder { promoted: &self.meta.promoted, origins: &self.origins }
    }

    pub(super) fn context(&self, indexes: Indexes, without_regex: bool) -> Context<'_> {
        Context { promoted: &self.meta.promoted, origins: &self.origins, indexes, without_regex }
    }

    pub(super) fn promoted(&self) -> &[Promoted] {
        &self.meta.promoted
    }

    /// The span cut at the partitions, oldest first: the planner would sort all days where one is
    /// enough, and each may have its own indexes. Parts of the span without a partition are
    /// included.
    pub(super) fn stretches(&self, span: Span) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::with_capacity(self.days.len());
        for (at, (day, indexes)) in self.days.iter().enumerate() {
            let from = if at == 0 { i64::MIN } else { day.saturating_mul(partition::DAY) };
            let until = match self.days.get(at + 1) {
                Some((next, _)) => next.saturating_mul(partition::DAY),
                None => i64::MAX,
            };
            let span = Span { from: span.from.max(from), until: span.until.min(until) };
            if !span.is_empty() {
                stretches.push(Stretch { span, indexes: *indexes });
            }
        }
        stretches
    }

    /// The indexes that all partitions of the span have.
    pub(super) fn common_indexes(&self, span: Span) -> Indexes {
        self.stretches(span).iter().map(|s| s.indexes).min().unwrap_or_default()
    }

    /// The rows of a statement, handed on one by one.
    pub(super) async fn each(
        &self,
        sql: &str,
        params: &[Param],
        mut seen: impl FnMut(&Row) -> Result<bool, StoreError>,
    ) -> Result<(), Trouble> {
        self.limited(run(self.held.client(), sql, params, &mut seen)).await
    }

    /// All rows of a statement that has few.
    pub(super) async fn all(&self, sql: &str, params: &[Param]) -> Result<Vec<Row>, Trouble> {
        let client = self.held.client();
        self.limited(async { client.query_typed(sql, &bind(params)).await.map_err(trouble) }).await
    }

    /// One statement, until the time is over or the question is cancelled.
    async fn limited<T>(&self, answer: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        let left = left(self.deadline);
        if self.limits.is_over()? || left.is_zero() {
            return Err(Trouble::Late);
        }
        self.statements.fetch_add(1, Ordering::Relaxed);
        let cancelled = async {
            match &self.limits.cancel {
                None => std::future::pending().await,
                Some(cancel) => {
                    while !cancel.load(Ordering::Relaxed) {
                        tokio::time::sleep(CANCEL_POLL).await;
                    }
                }
            }
        };
        tokio::select! {
            done = answer => done,
            () = cancelled => {
                self.abandoned.store(true, Ordering::Relaxed);
                Err(Trouble::Failed(StoreError::new(ErrorKind::Limit, "the query was cancelled")))
            }
            // The server's own limit is that of the whole question.
            () = tokio::time::sleep(left) => {
                self.abandoned.store(true, Ordering::Relaxed);
                Err(Trouble::Late)
            }
        }
    }
}

async fn run(
    client: &Client,
    sql: &str,
    params: &[Param],
    seen: &mut impl FnMut(&Row) -> Result<bool, StoreError>,
) -> Result<(), Trouble> {
    let rows = client.query_typed_raw(sql, bind(params)).await.map_err(trouble)?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(trouble)? {
        if !seen(&row)? {
            // The rest is read and dropped; the statement has a limit of its own.
            break;
        }
    }
    Ok(())
}

fn trouble(error: tokio_postgres::Error) -> Trouble {
    if is_bad_regex(&error) {
        return Trouble::Regex;
    }
    let error = failed("PostgreSQL cannot answer", &error);
    if error.kind() == ErrorKind::Limit && error.to_string().contains("57014") {
        return Trouble::Late;
    }
    Trouble::Failed(error)
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
