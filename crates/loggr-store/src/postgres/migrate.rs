//! Making the tables, and bringing those of an older version up to this one.
//!
//! Everything happens in one transaction under an advisory lock: of several processes that start
//! at the same time one makes the tables and the others find them.

use std::sync::Arc;

use tokio_postgres::Client;

use super::connect::Pool;
use super::error::failed;
use super::names::TableName;
use super::partitions;
use super::schema::{self, Indexes, Promoted, PromotedKind, VERSION};
use super::sql::{Param, bind};
use crate::{ErrorKind, StoreError};

/// How long somebody else's lock on the tables is waited for.
const LOCK_PATIENCE: &str = "10s";

/// What brings a version to the next one, by the version that it starts from.
const STEPS: &[Step] = &[(1, schema::from_version_1)];

/// A version, and the statements that bring it to the next one.
type Step = (i32, fn(&TableName, &[Promoted]) -> Vec<String>);

/// What `events_meta` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) version: i32,
    /// Promoted columns in the order of the table.
    pub(super) promoted: Vec<Promoted>,
    /// Some programs are not counted under their own names.
    pub(super) long_names: bool,
}

/// What was done to the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// They were made.
    pub created: bool,
    /// They were of this version and are not any more.
    pub migrated_from: Option<i32>,
    /// Columns that were added.
    pub columns: Vec<String>,
    /// Partitions that were made, as dates.
    pub days: Vec<String>,
    /// What else was changed, in words: roles, and who owns and reads the tables.
    pub changed: Vec<String>,
}

impl Prepared {
    /// Was everything there already?
    pub fn is_nothing(&self) -> bool {
        *self == Prepared::default()
    }
}

/// One promoted column in `events_meta`.
#[derive(serde::Serialize, serde::Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Reads `events_meta`. `None`: there is no such table.
pub(super) async fn read_meta(client: &Client, table: &TableName) -> Result<Option<Meta>, StoreError> {
    let asked = format!("SELECT version, columns::text, long_names FROM {} LIMIT 1", table.sql("_meta"));
    let what = || format!("cannot read `{table}_meta`");
    let row = match client.query_typed_opt(&asked, &[]).await {
        Ok(Some(row)) => row,
        Ok(None) => return Err(StoreError::new(ErrorKind::Refused, format!("`{table}_meta` is empty"))),
        Err(e) if e.code() == Some(&tokio_postgres::error::SqlState::UNDEFINED_TABLE) => return Ok(None),
        Err(e) => return Err(failed(what(), &e)),
    };
    let version = row.get(0);
    let columns: Vec<Column> =
        serde_json::from_str(row.get(1)).map_err(|e| StoreError::with(ErrorKind::Refused, what(), e))?;
    let promoted = columns
        .into_iter()
        // Of a type that only a newer version knows nothing can be read; its version says so.
        .filter_map(|c| Some(Promoted { kind: PromotedKind::of_word(&c.kind)?, name: c.name }))
        .collect();
    Ok(Some(Meta { version, promoted, long_names: row.get(2) }))
}

/// The meta data, if this program can use the tables.
pub(super) fn usable(meta: Option<Meta>, table: &TableName) -> Result<Meta, StoreError> {
    match meta {
        Some(meta) if meta.version == VERSION => Ok(meta),
        Some(meta) => Err(other_version(table, meta.version)),
        None => Err(StoreError::new(
            ErrorKind::Refused,
            format!("there are no tables of `{table}` in the database"),
        )
        .hinted("`loggr init postgres` creates them")),
    }
}

fn other_version(table: &TableName, version: i32) -> StoreError {
    let what = format!("the table `{table}` has the layout {version}, this loggr knows {VERSION}");
    let error = StoreError::new(ErrorKind::Refused, what);
    match version > VERSION {
        true => error.hinted("it was made by a newer loggr: use that one, or another `table`"),
        false => error.hinted("`loggr init postgres` brings it up to date"),
    }
}

/// Makes what is missing: tables, promoted columns, the partitions of `days`.
pub(super) async fn prepare(
    pool: &Arc<Pool>,
    table: &TableName,
    columns: &[Promoted],
    indexes: Indexes,
    days: &[i64],
) -> Result<Prepared, StoreError> {
    let held = pool.get().await?;
    let client = held.client();
    let what = || format!("cannot prepare the table `{table}`");
    let begin = format!("BEGIN; SET LOCAL lock_timeout = '{LOCK_PATIENCE}'");
    client.batch_execute(&begin).await.map_err(|e| failed(what(), &e))?;
    let prepared = prepare_in(client, table, columns, indexes, days).await?;
    client.batch_execute("COMMIT").await.map_err(|e| failed(what(), &e))?;
    held.give_back();
    Ok(prepared)
}

async fn prepare_in(
    client: &Client,
    table: &TableName,
    columns: &[Promoted],
    indexes: Indexes,
    days: &[i64],
) -> Result<Prepared, StoreError> {
    let mut prepared = Prepared::default();
    let what = || format!("cannot prepare the table `{table}`");
    lock(client, table).await?;
    match (exists(client, &table.sql("")).await?, exists(client, &table.sql("_meta")).await?) {
        (false, false) => {
            for statement in schema::create(table) {
                client
                    .batch_execute(&statement)
                    .await
                    .map_err(|e| failed(format!("cannot create the table `{table}`"), &e))?;
            }
            prepared.created = true;
        }
        (true, false) => {
            let what = format!("there is a table `{table}` already, and it is not loggr's");
            return Err(StoreError::new(ErrorKind::Refused, what).hinted("choose another `table`"));
        }
        (false, true) => {
            let what = format!("the table `{table}` is gone, but `{table}_meta` is there");
            return Err(StoreError::new(ErrorKind::Refused, what)
                .hinted("drop what is left of it, or restore the database"));
        }
        (true, true) => {
            let meta = read_meta(client, table).await?;
            let (version, promoted) = meta.map_or((0, Vec::new()), |m| (m.version, m.promoted));
            if version != VERSION {
                for statement in steps(STEPS, table, &promoted, version)? {
                    client.batch_execute(&statement).await.map_err(|e| failed(what(), &e))?;
                }
                let done = format!("UPDATE {} SET version = {VERSION}", table.sql("_meta"));
                client.batch_execute(&done).await.map_err(|e| failed(what(), &e))?;
                prepared.migrated_from = Some(version);
            }
        }
    }
    prepared.columns = add_columns(client, table, columns).await?;
    if !exists(client, &table.sql("_view")).await? {
        // Somebody dropped it, perhaps with a column that it showed.
        let promoted = read_meta(client, table).await?.map(|meta| meta.promoted).unwrap_or_default();
        for statement in [schema::create_view(table, &promoted), schema::as_the_events(table, "_view")] {
            let made = client.batch_execute(&statement).await;
            made.map_err(|e| failed(format!("cannot make `{table}_view`"), &e))?;
        }
    }
    let made = partitions::ensure(client, table, indexes, days).await?;
    prepared.days = made.into_iter().map(crate::partition::date).collect();
    Ok(prepared)
}

/// The statements from a version to this one.
fn steps(
    steps: &[Step],
    table: &TableName,
    promoted: &[Promoted],
    from: i32,
) -> Result<Vec<String>, StoreError> {
    let mut statements = Vec::new();
    for version in from..VERSION {
        let Some((_, step)) = steps.iter().find(|(v, _)| *v == version) else {
            return Err(other_version(table, from));
        };
        statements.extend(step(table, promoted));
    }
    if from > VERSION { Err(other_version(table, from)) } else { Ok(statements) }
}

/// One at a time makes, changes and drops tables; until the end of the transaction.
pub(super) async fn lock(client: &Client, table: &TableName) -> Result<(), StoreError> {
    let key = Param::Int8(table.lock_key());
    let locked = client.query_typed("SELECT pg_advisory_xact_lock($1)", &bind(&[key])).await;
    locked.map(drop).map_err(|e| failed(format!("cannot lock the table `{table}`"), &e))
}

/// Is there a table of this name?
pub(super) async fn exists(client: &Client, sql_name: &str) -> Result<bool, StoreError> {
    let name = Param::Text(sql_name.to_owned());
    let row = client.query_typed_one("SELECT to_regclass($1) IS NOT NULL", &bind(&[name])).await;
    Ok(row.map_err(|e| failed(format!("cannot look for {sql_name}"), &e))?.get(0))
}

/// Adds the promoted columns that are missing. Columns that nobody wants any more stay: rows have
/// their values there.
async fn add_columns(
    client: &Client,
    table: &TableName,
    wanted: &[Promoted],
) -> Result<Vec<String>, StoreError> {
    let mut meta = usable(read_meta(client, table).await?, table)?;
    let mut added = Vec::new();
    for column in wanted {
        match meta.promoted.iter().find(|c| c.name == column.name) {
            Some(known) if known.kind == column.kind => {}
            Some(known) => {
                let what = format!(
                    "the column `{}` of `{table}` is `{}`, the configuration says `{}`",
                    column.name,
                    known.kind.word(),
                    column.kind.word()
                );
                return Err(StoreError::new(ErrorKind::Refused, what)
                    .hinted("a column keeps its type: correct `columns`"));
            }
            None => {
                client.batch_execute(&schema::add_column(table, column)).await.map_err(|e| {
                    failed(format!("cannot add the column `{}` to `{table}`", column.name), &e)
                })?;
                meta.promoted.push(column.clone());
                added.push(column.name.clone());
            }
        }
    }
    if !added.is_empty() {
        let view = schema::create_view(table, &meta.promoted);
        client.batch_execute(&view).await.map_err(|e| failed(format!("cannot change `{table}_view`"), &e))?;
        let columns: Vec<Column> = meta
            .promoted
            .iter()
            .map(|c| Column { name: c.name.clone(), kind: c.kind.word().to_owned() })
            .collect();
        let json = serde_json::to_string(&columns).expect("BUG: names always have a JSON form");
        let update = format!("UPDATE {} SET columns = $1::jsonb", table.sql("_meta"));
        client
            .execute_typed(&update, &bind(&[Param::Text(json)]))
            .await
            .map_err(|e| failed(format!("cannot write `{table}_meta`"), &e))?;
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(known: &[Step], from: i32, expect: Result<&[&str], &str>) {
        let table = TableName::parse("events").unwrap();
        let got = steps(known, &table, &[], from).map_err(|e| e.to_string());
        assert_eq!(got, expect.map(|s| s.iter().map(|s| (*s).to_owned()).collect()).map_err(str::to_owned));
    }

    #[test]
    fn steps_from_an_older_version() {
        let one: fn(&TableName, &[Promoted]) -> Vec<String> = |_, _| vec!["one".to_owned()];
        check(&[], VERSION, Ok(&[]));
        check(&[(VERSION - 1, one)], VERSION - 1, Ok(&["one"]));
        check(&[(VERSION - 2, one), (VERSION - 1, one)], VERSION - 2, Ok(&["one", "one"]));
        check(&[], VERSION - 1, Err("the table `events` has the layout 1, this loggr knows 2"));
        check(&[], VERSION + 1, Err("the table `events` has the layout 3, this loggr knows 2"));
    }
}
