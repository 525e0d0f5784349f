//! Retention: the row that holds the trusted clock, and the days that are too old.
//!
//! The rule is in `retention` and the same as for the embedded store. Its state is kept in
//! `events_retention`, which all processes share, and in `events_days.written`. Invariant: a look
//! at the clock is one transaction, also if other processes look at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::connect::Pool;
use super::decode::{Day, Micros};
use super::error::failed;
use super::names::TableName;
use super::param::{Param, bind};
use super::partitions::{self, Counter, Failed};
use super::tally::MINUTE;
use crate::retention::{self, Clock, Look, Moment, Step};
use crate::{Dropped, Pruned, StoreError, partition};

/// Looks at the clock, and drops the days that are past the retention if there is one and the clock
/// is trusted. `looked`: the monotonic clock at the last look of this process.
pub(super) async fn prune(
    pool: &Arc<Pool>,
    table: &TableName,
    now: Moment,
    looked: Option<Duration>,
    retention: Option<Duration>,
    accept: bool,
) -> Result<Pruned, StoreError> {
    let held = pool.get().await?;
    let client = held.client();
    let ran = looked.map(|then| now.monotonic.saturating_sub(then));
    let (clock, believed) = look(client, table, now.wall, ran, accept).await?;
    let mut dropped = Dropped::default();
    if let Some(retention) = retention.filter(|_| clock.held().is_none()) {
        for day in past(client, table, believed, retention).await? {
            match partitions::drop_day(client, table, day, Counter::Dropped).await {
                // A partition that was made ahead and never used does not count as a day.
                Ok(0) => {}
                Ok(events) => {
                    dropped.days.push(partition::date(day));
                    dropped.events += events;
                }
                Err(Failed::Busy) => dropped.busy.push(partition::date(day)),
                Err(Failed::Other(e)) => return Err(e),
            }
        }
    }
    held.give_back();
    Ok(Pruned { dropped, clock })
}

/// Looks at the clock; gives the result and the trusted time.
async fn look(
    client: &Client,
    table: &TableName,
    wall: i64,
    ran: Option<Duration>,
    accept: bool,
) -> Result<(Look, i64), StoreError> {
    let (kept, days, minutes) = (table.sql("_retention"), table.sql("_days"), table.sql("_minutes"));
    let wrong = |e: tokio_postgres::Error| failed(format!("cannot keep the clock of `{table}`"), &e);
    client.batch_execute("BEGIN").await.map_err(wrong)?;
    let asked = format!(
        "SELECT believed, step_from, step_to, step_held, step_seen, \
         greatest(0, extract(epoch FROM clock_timestamp() - looked) * 1e6)::int8 FROM {kept} LIMIT 1 FOR UPDATE"
    );
    let row = client.query_typed_one(&asked, &[]).await.map_err(wrong)?;
    let micros = |column: usize| row.get::<_, Option<Micros>>(column).map(|time| time.0);
    let step = micros(1).zip(micros(2)).map(|(from, to)| Step {
        from,
        to,
        held: row.get::<_, Option<i64>>(3).unwrap_or(0),
        seen: row.get::<_, Option<bool>>(4).unwrap_or(false),
    });
    let mut clock = Clock::new(micros(0).unwrap_or(0), step);
    // Other processes may have looked since; no more time has passed than the server says.
    let since = row.get::<_, Option<i64>>(5).and_then(|micros| u64::try_from(micros).ok());
    let ran = ran.zip(since).map(|(ran, since)| ran.min(Duration::from_micros(since)));
    if clock.believed == 0 {
        // The first look ever, perhaps of older tables: the clock was right when they were last written.
        let newest = format!("SELECT max(minute) FROM {minutes}");
        let newest: Option<Micros> = client.query_typed_one(&newest, &[]).await.map_err(wrong)?.get(0);
        clock = Clock::new(newest.map_or(wall, |m| m.0.saturating_add(MINUTE - 1)).max(1), None);
        let written = format!(
            "UPDATE {days} AS d SET written = m.last FROM (SELECT (minute AT TIME ZONE 'UTC')::date AS day, \
             max(minute) AS last FROM {minutes} GROUP BY 1) AS m WHERE d.day = m.day AND d.written IS NULL"
        );
        client.batch_execute(&written).await.map_err(wrong)?;
    }
    let (look, shift) = clock.look(wall, ran, accept);
    if let Some((since, by)) = shift.map(|shift| shift.parts()) {
        let moved = format!(
            "UPDATE {days} SET written = written + $1 * interval '1 microsecond' WHERE written >= $2"
        );
        client.execute_typed(&moved, &bind(&[Param::Int8(by), Param::Time(since)])).await.map_err(wrong)?;
    }
    let keep = match clock.step {
        Some(step) => format!(
            "UPDATE {kept} SET believed = $1, step_from = $2, step_to = $3, step_held = $4, step_seen = {}, \
             looked = clock_timestamp()",
            step.seen
        ),
        None => format!(
            "UPDATE {kept} SET believed = $1, step_from = NULL, step_to = NULL, step_held = NULL, \
             step_seen = NULL, looked = clock_timestamp()"
        ),
    };
    let mut params = vec![Param::Time(clock.believed)];
    if let Some(step) = clock.step {
        params.extend([Param::Time(step.from), Param::Time(step.to), Param::Int8(step.held)]);
    }
    client.execute_typed(&keep, &bind(&params)).await.map_err(wrong)?;
    client.batch_execute("COMMIT").await.map_err(wrong)?;
    Ok((look, clock.believed))
}

/// The days that are older than the retention. A partition without events is no day of the store:
/// it neither keeps another, nor is it kept.
async fn past(
    client: &Client,
    table: &TableName,
    believed: i64,
    retention: Duration,
) -> Result<Vec<i64>, StoreError> {
    let wrong = |e: tokio_postgres::Error| failed(format!("cannot read `{table}_days`"), &e);
    let asked = format!("SELECT day, written FROM {}", table.sql("_days"));
    let rows = client.query_typed(&asked, &[]).await.map_err(wrong)?;
    let written = |row: &tokio_postgres::Row| row.get::<_, Option<Micros>>(1).map_or(0, |time| time.0);
    let mut days: HashMap<i64, i64> = rows.iter().map(|row| (row.get::<_, Day>(0).0, written(row))).collect();
    let all: Vec<(i64, i64)> = days.iter().map(|(day, written)| (*day, *written)).collect();
    // Each alone: none of them is the last.
    let old: Vec<i64> = all
        .into_iter()
        .map(|day| day.0)
        .filter(|day| {
            let day = (*day, days.get(day).copied().unwrap_or(0));
            retention::past(&[day, (i64::MAX, believed)], believed, retention).contains(&day.0)
        })
        .collect();
    if old.is_empty() {
        return Ok(old);
    }
    // Which days hold events is more costly to find out.
    let asked = format!("SELECT DISTINCT (minute AT TIME ZONE 'UTC')::date FROM {}", table.sql("_minutes"));
    let rows = client.query_typed(&asked, &[]).await.map_err(wrong)?;
    let full: Vec<i64> = rows.iter().map(|row| row.get::<_, Day>(0).0).collect();
    days.retain(|day, _| full.contains(day));
    let held: Vec<(i64, i64)> = days.into_iter().collect();
    let mut gone = retention::past(&held, believed, retention);
    gone.extend(old.into_iter().filter(|day| !full.contains(day)));
    gone.sort_unstable();
    Ok(gone)
}

/// How many events were dropped and purged, and a step that is not accepted yet.
pub(super) async fn kept(client: &Client, table: &TableName) -> Result<(u64, u64, Option<Step>), StoreError> {
    let asked = format!(
        "SELECT dropped, purged, step_from, step_to, step_held FROM {} LIMIT 1",
        table.sql("_retention")
    );
    let row = client.query_typed_one(&asked, &[]).await;
    let row = row.map_err(|e| failed(format!("cannot read `{table}_retention`"), &e))?;
    let count = |column: usize| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    let micros = |column: usize| row.get::<_, Option<Micros>>(column).map(|time| time.0);
    let held = row.get::<_, Option<i64>>(4).unwrap_or(0);
    let step = micros(2).zip(micros(3)).map(|(from, to)| Step { from, to, held, seen: false });
    Ok((count(0), count(1), step))
}
