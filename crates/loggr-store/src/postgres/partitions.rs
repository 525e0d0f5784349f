//! Partitions: one for each day (UTC) of timegenerated, made ahead, made on demand, dropped.
//!
//! Making a partition takes no lock that readers or writers wait for. Dropping one does, and is
//! given up quickly if a long question is in the way, so that nothing queues behind it. Invariant:
//! a partition, its row in `events_days`, and what the helpers count for its day come and go in one
//! transaction.

use std::sync::Arc;

use tokio_postgres::Client;

use super::ask::{Snapshot, Trouble};
use super::connect::Pool;
use super::decode::{Day, Micros};
use super::error::{failed, is_lock_timeout};
use super::meta::{exists, lock};
use super::names::TableName;
use super::param::Param;
use super::schema::{self, Indexes};
use super::tally::MINUTE;
use crate::{Dropped, ErrorKind, Partition, StoreError, partition};

/// Days ahead of today that have their partition.
pub const DAYS_AHEAD: i64 = 2;
/// How long dropping a partition may hold up questions that come after it.
const DROP_PATIENCE: &str = "2s";

/// The days that must have a partition at `now` (microseconds since 1970).
pub(super) fn wanted(now: i64) -> Vec<i64> {
    let today = partition::day_of(now);
    (today..=today + DAYS_AHEAD).collect()
}

/// Makes the partitions that are missing, within the transaction and under the lock of the
/// caller. The days made.
pub(super) async fn ensure(
    client: &Client,
    table: &TableName,
    indexes: Indexes,
    days: &[i64],
) -> Result<Vec<i64>, StoreError> {
    let known = known(client, table).await?;
    let mut made = Vec::new();
    for day in days {
        let leaf = table.sql(&TableName::partition_suffix(*day));
        let there = exists(client, &leaf).await?;
        if there && known.iter().any(|(d, _)| d == day) {
            continue;
        }
        let what = || format!("cannot make the partition {} of `{table}`", partition::date(*day));
        if there {
            let what = format!("there is a table {leaf} that `{table}_days` does not know");
            return Err(StoreError::new(ErrorKind::Refused, what)
                .hinted("drop or rename it: loggr makes the partitions itself"));
        }
        for statement in make(table, *day, indexes) {
            client.batch_execute(&statement).await.map_err(|e| failed(what(), &e))?;
        }
        // Whoever owns the table owns its partitions, whichever member of a role made them.
        let owner = format!(
            "SELECT pg_get_userbyid(relowner), pg_get_userbyid(relowner) = current_user \
             FROM pg_class WHERE oid = to_regclass({})",
            super::names::literal(&table.sql(""))
        );
        let row = client.query_typed_one(&owner, &[]).await.map_err(|e| failed(what(), &e))?;
        let (owner, ours): (&str, bool) = (row.get(0), row.get(1));
        if !ours {
            let hand_over = format!("ALTER TABLE {leaf} OWNER TO {}", super::names::quote(owner));
            client.batch_execute(&hand_over).await.map_err(|e| failed(what(), &e))?;
        }
        made.push(*day);
    }
    Ok(made)
}

/// The statements that make a partition: filled with indexes first, attached last.
pub(super) fn make(table: &TableName, day: i64, indexes: Indexes) -> Vec<String> {
    let (parent, leaf) = (table.sql(""), table.sql(&TableName::partition_suffix(day)));
    let mut statements = vec![format!("CREATE TABLE {leaf} (LIKE {parent} INCLUDING ALL EXCLUDING INDEXES)")];
    statements.extend(schema::create_indexes(table, day, indexes));
    statements.push(format!("ALTER TABLE {parent} ATTACH PARTITION {leaf} {}", schema::bounds(day)));
    statements.push(format!(
        "INSERT INTO {} (day, indexes) VALUES ('{}', {}) ON CONFLICT (day) DO UPDATE SET indexes = EXCLUDED.indexes",
        table.sql("_days"),
        partition::date(day),
        indexes as i16
    ));
    statements
}

/// The partitions, oldest first.
pub(super) async fn known(client: &Client, table: &TableName) -> Result<Vec<(i64, Indexes)>, StoreError> {
    let asked = format!("SELECT day, indexes FROM {} ORDER BY day", table.sql("_days"));
    let rows = client.query_typed(&asked, &[]).await;
    let rows = rows.map_err(|e| failed(format!("cannot read `{table}_days`"), &e))?;
    Ok(rows.iter().map(|row| (row.get::<_, Day>(0).0, Indexes::of_code(row.get(1)))).collect())
}

/// The counter to which dropped events are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    /// Events that retention dropped.
    Dropped,
    /// Events that somebody purged.
    Purged,
}

impl Counter {
    fn column(self) -> &'static str {
        match self {
            Counter::Dropped => "dropped",
            Counter::Purged => "purged",
        }
    }
}

/// Drops the partitions before a day, each in a transaction of its own. `None`: all of them.
pub(super) async fn drop_before(
    pool: &Arc<Pool>,
    table: &TableName,
    before: Option<i64>,
) -> Result<Dropped, StoreError> {
    let mut dropped = Dropped::default();
    let held = pool.get().await?;
    let days = known(held.client(), table).await?;
    for (day, _) in days.into_iter().filter(|(day, _)| before.is_none_or(|before| *day < before)) {
        match drop_day(held.client(), table, day, Counter::Purged).await {
            Ok(events) => {
                dropped.days.push(partition::date(day));
                dropped.events += events;
            }
            Err(Failed::Busy) => dropped.busy.push(partition::date(day)),
            Err(Failed::Other(e)) => return Err(e),
        }
    }
    held.give_back();
    Ok(dropped)
}

pub(super) enum Failed {
    Busy,
    Other(StoreError),
}

/// Drops a day, and counts its events in the same transaction; how many they were.
pub(super) async fn drop_day(
    client: &Client,
    table: &TableName,
    day: i64,
    counter: Counter,
) -> Result<u64, Failed> {
    let what = || format!("cannot drop the partition {} of `{table}`", partition::date(day));
    let (parent, leaf) = (table.sql(""), table.sql(&TableName::partition_suffix(day)));
    let (date, next) = (partition::date(day), partition::date(day + 1));
    let begin = format!("BEGIN; SET LOCAL lock_timeout = '{DROP_PATIENCE}'");
    let other = |e| Failed::Other(failed(what(), &e));
    client.batch_execute(&begin).await.map_err(other)?;
    let work = async {
        lock(client, table).await.map_err(Failed::Other)?;
        let mut statements = Vec::new();
        if exists(client, &leaf).await.map_err(Failed::Other)? {
            let attached = format!(
                "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass({}))",
                super::names::literal(&leaf)
            );
            let attached: bool = client.query_typed_one(&attached, &[]).await.map_err(other)?.get(0);
            if attached {
                statements.push(format!("ALTER TABLE {parent} DETACH PARTITION {leaf}"));
            }
            statements.push(format!("DROP TABLE {leaf}"));
        }
        let minutes = table.sql("_minutes");
        let its = format!("minute >= '{date} 00:00:00+00' AND minute < '{next} 00:00:00+00'");
        let count = format!("SELECT coalesce(sum(events), 0)::int8 FROM {minutes} WHERE {its}");
        let events: i64 = client.query_typed_one(&count, &[]).await.map_err(other)?.get(0);
        if events > 0 {
            let column = counter.column();
            statements.push(format!("UPDATE {} SET {column} = {column} + {events}", table.sql("_retention")));
        }
        statements.push(format!("DELETE FROM {minutes} WHERE {its}"));
        statements.push(format!("DELETE FROM {} WHERE day = '{date}'", table.sql("_fields")));
        statements.push(format!("DELETE FROM {} WHERE day = '{date}'", table.sql("_days")));
        for statement in statements {
            client.batch_execute(&statement).await.map_err(|e| match is_lock_timeout(&e) {
                true => Failed::Busy,
                false => other(e),
            })?;
        }
        Ok(u64::try_from(events).unwrap_or(0))
    };
    match work.await {
        Ok(events) => client.batch_execute("COMMIT").await.map(|()| events).map_err(other),
        Err(failure) => {
            client.batch_execute("ROLLBACK").await.map_err(other)?;
            Err(failure)
        }
    }
}

/// The days with what they hold.
pub(super) async fn list(snapshot: &Snapshot) -> Result<Vec<Partition>, Trouble> {
    let table = &snapshot.table;
    let leaves: Vec<String> =
        snapshot.days.iter().map(|(day, _)| table.sql(&TableName::partition_suffix(*day))).collect();
    let sizes = snapshot
        .all(
            "SELECT coalesce(pg_total_relation_size(to_regclass(name)), 0) FROM unnest($1) \
             WITH ORDINALITY AS leaf(name, at) ORDER BY at",
            &[Param::Texts(leaves)],
        )
        .await?;
    let counts = snapshot
        .all(
            &format!(
                "SELECT (minute AT TIME ZONE 'UTC')::date, sum(events)::int8, min(minute), max(minute) FROM {} \
                 GROUP BY 1",
                table.sql("_minutes")
            ),
            &[],
        )
        .await?;
    let mut days = Vec::with_capacity(snapshot.days.len());
    for (at, (day, _)) in snapshot.days.iter().enumerate() {
        let count = counts.iter().find(|row| row.get::<_, Day>(0).0 == *day);
        let (first, last) = count.map_or((i64::MAX, i64::MIN), |row| {
            (row.get::<_, Micros>(2).0, row.get::<_, Micros>(3).0 + MINUTE - 1)
        });
        days.push(Partition {
            date: partition::date(*day),
            events: count.map_or(0, |row| u64::try_from(row.get::<_, i64>(1)).unwrap_or(0)),
            bytes: sizes.get(at).map_or(0, |row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)),
            files: 1,
            times: (first, last),
        });
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_attached_when_it_is_complete() {
        let table = TableName::parse("events").unwrap();
        let statements = make(&table, 20_779, Indexes::Fields);
        assert_eq!(statements.len(), 6);
        assert!(statements[0].starts_with("CREATE TABLE \"events_p20261122\" (LIKE \"events\""));
        assert!(statements[4].contains("ATTACH PARTITION \"events_p20261122\" FOR VALUES FROM ('2026-11-22"));
        assert_eq!(make(&table, 20_779, Indexes::None).len(), 3);
        assert_eq!(wanted(crate::partition::DAY * 3 + 5), [3, 4, 5]);
    }
}
