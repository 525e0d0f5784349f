//! Making the tables, and bringing those of an older version up to this one.
//!
//! Everything happens in one transaction under an advisory lock: of several processes that start
//! at the same time one makes the tables and the others find them.

use std::sync::Arc;

use tokio_postgres::Client;

use super::connect::Pool;
use super::error::failed;
use super::meta::{Column, exists, lock, other_version, read_meta, usable};
use super::names::TableName;
use super::param::{Param, bind};
use super::partitions;
use super::schema::{self, Indexes, Promoted, VERSION};
use crate::{ErrorKind, StoreError};

/// How long somebody else's lock on the tables is waited for.
const LOCK_PATIENCE: &str = "10s";

/// The steps that bring a version to the next one, by the version that they start from.
const STEPS: &[Step] = &[(1, schema::from_version_1), (2, schema::from_version_2)];

/// A version, and the statements that bring it to the next one.
type Step = (i32, fn(&TableName, &[Promoted]) -> Vec<String>);

/// What was done to the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// They were made.
    pub created: bool,
    /// The version that they had before; they have the current one now.
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
    if let Some(taken) = promoted.iter().find(|column| Promoted::is_taken(&column.name)) {
        return Err(name_is_taken(table, &taken.name));
    }
    let mut statements = Vec::new();
    for version in from..VERSION {
        let Some((_, step)) = steps.iter().find(|(v, _)| *v == version) else {
            return Err(other_version(table, from));
        };
        statements.extend(step(table, promoted));
    }
    if from > VERSION { Err(other_version(table, from)) } else { Ok(statements) }
}

/// A field got a column whose name this version needs for itself.
fn name_is_taken(table: &TableName, name: &str) -> StoreError {
    let (events, view, meta) = (table.sql(""), table.sql("_view"), table.sql("_meta"));
    let what =
        format!("`{table}` has a column `{name}` for a field, and this version needs the name for itself");
    StoreError::new(ErrorKind::Refused, what).hinted(format!(
        "take `{name}` out of `columns`, and give the column and its field another name: DROP VIEW {view}; ALTER \
         TABLE {events} RENAME COLUMN {name} TO {name}_field; UPDATE {meta} SET columns = \
         replace(columns::text, '\"{name}\"', '\"{name}_field\"')::jsonb"
    ))
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
        check(&[], VERSION - 1, Err("the table `events` has the layout 2, this loggr knows 3"));
        check(&[], VERSION + 1, Err("the table `events` has the layout 4, this loggr knows 3"));
    }

    #[test]
    fn a_field_has_the_name_that_a_new_column_needs() {
        let promoted = [Promoted { name: "shape".to_owned(), kind: schema::PromotedKind::Text }];
        let refused = steps(STEPS, &TableName::parse("events").unwrap(), &promoted, 2).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        let what = "`events` has a column `shape` for a field, and this version needs the name for itself";
        assert_eq!(refused.to_string(), what);
        assert!(refused.hint().is_some_and(|hint| hint.contains("RENAME COLUMN shape TO shape_field")));
    }
}
