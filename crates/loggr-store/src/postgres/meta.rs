//! Whether the tables exist, what `events_meta` says about them, and the lock under which they are
//! made, changed and dropped.

use tokio_postgres::Client;

use super::error::failed;
use super::names::TableName;
use super::param::{Param, bind};
use super::schema::{Promoted, PromotedKind, VERSION};
use crate::{ErrorKind, StoreError};

/// What `events_meta` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) version: i32,
    /// Promoted columns in the order of the table.
    pub(super) promoted: Vec<Promoted>,
    /// Some programs are not counted under their own names.
    pub(super) long_names: bool,
}

/// One promoted column in `events_meta`.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
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
        // A column of a type that only a newer version knows is skipped; the version of the tables
        // is checked elsewhere.
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

/// The error of tables of a version that this program cannot use.
pub(super) fn other_version(table: &TableName, version: i32) -> StoreError {
    let what = format!("the table `{table}` has the layout {version}, this loggr knows {VERSION}");
    let error = StoreError::new(ErrorKind::Refused, what);
    match version > VERSION {
        true => error.hinted("it was made by a newer loggr: use that one, or another `table`"),
        false => error.hinted("`loggr init postgres` brings it up to date"),
    }
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
