//! `loggr init postgres`: makes roles and gives them their rights, or writes all of it as a script.
//!
//! Two roles that nobody logs in as: the writer owns the tables and makes the partitions, the
//! reader may look. Users become members of them.

use std::sync::Arc;

use tokio_postgres::Client;

use super::connect::{Pool, Settings};
use super::error::failed;
use super::names::{TableName, literal, quote};
use super::param::{Param, bind};
use super::partitions::wanted;
use super::schema::{self, HELPERS};
use crate::{ErrorKind, StoreError};

/// Who may write and who may read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Roles {
    /// Owns the tables. `None`: whoever creates them.
    pub writer: Option<String>,
    /// May read all of them.
    pub reader: Option<String>,
    /// Users that become members of the writer. One that does not exist is an error, after
    /// everything else is done.
    pub members: Vec<String>,
}

/// Makes a role unless it is there.
fn create_role(role: &str) -> String {
    format!(
        "DO $init$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {}) THEN CREATE ROLE {} NOLOGIN; \
         END IF; END $init$",
        literal(role),
        quote(role)
    )
}

/// Makes whoever runs it a member of a role. Only a superuser may give a table to a role that it
/// is no member of.
fn join_role(role: &str) -> String {
    // From 16 on whoever makes a role is a member that may not become it.
    format!(
        "DO $init$ BEGIN IF NOT pg_has_role(current_user, {role}, \
         CASE WHEN current_setting('server_version_num')::int4 >= 160000 THEN 'SET' ELSE 'MEMBER' END) \
         THEN EXECUTE format('GRANT %I TO %I', {role}, current_user); END IF; END $init$",
        role = literal(role)
    )
}

/// The statements that give the tables to the roles.
fn grants(table: &TableName, leaves: &[String], roles: &Roles) -> Vec<String> {
    let mut tables = vec![table.sql("")];
    tables.extend(HELPERS.iter().map(|suffix| table.sql(suffix)));
    let mut statements = Vec::new();
    if let Some(writer) = &roles.writer {
        // What the server asks of the owner of a table comes before the table.
        statements.push(join_role(writer));
        statements.push(match table.schema() {
            Some(schema) => format!("GRANT USAGE, CREATE ON SCHEMA {} TO {}", quote(schema), quote(writer)),
            None => format!(
                "DO $init$ BEGIN EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', current_schema(), {}); \
                 END $init$",
                literal(writer)
            ),
        });
        for name in tables.iter().chain(leaves) {
            statements.push(format!("ALTER TABLE {name} OWNER TO {}", quote(writer)));
        }
    }
    if let Some(reader) = &roles.reader {
        statements.push(format!("GRANT SELECT ON {} TO {}", tables.join(", "), quote(reader)));
        if let Some(schema) = table.schema() {
            statements.push(format!("GRANT USAGE ON SCHEMA {} TO {}", quote(schema), quote(reader)));
        }
    }
    statements
}

/// Makes the roles and gives them the tables, in one transaction. What it changed, in words.
pub(super) async fn grant(
    pool: &Arc<Pool>,
    table: &TableName,
    roles: &Roles,
) -> Result<Vec<String>, StoreError> {
    if roles.writer.is_none() && roles.reader.is_none() {
        return Ok(Vec::new());
    }
    let mut changed = Vec::new();
    let held = pool.get().await?;
    let client = held.client();
    let what = || format!("cannot give the tables of `{table}` to their roles");
    let hinted = |e: tokio_postgres::Error| {
        failed(what(), &e).hinted(
            "roles are made by a user with CREATEROLE who owns the database: name one with `--url`, \
             or do without with `--no-roles`",
        )
    };
    client.batch_execute("BEGIN").await.map_err(|e| failed(what(), &e))?;
    for role in roles.writer.iter().chain(&roles.reader) {
        if !exists(client, role).await? {
            changed.push(format!("role {role} created"));
        }
        client.batch_execute(&create_role(role)).await.map_err(hinted)?;
    }
    let leaves: Vec<String> = super::partitions::known(client, table)
        .await?
        .iter()
        .map(|(day, _)| table.sql(&TableName::partition_suffix(*day)))
        .collect();
    let mut missing = None;
    if let Some(writer) = &roles.writer {
        for member in roles.members.iter().filter(|member| *member != writer) {
            if !exists(client, member).await? {
                missing = Some((member, writer));
            } else if !is_member(client, member, writer).await? {
                let grant = format!("GRANT {} TO {}", quote(writer), quote(member));
                client.batch_execute(&grant).await.map_err(hinted)?;
                changed.push(format!("{member} is a member of {writer}"));
            }
        }
    }
    let (owner, readers) = rights(client, table, roles).await?;
    if let Some(writer) = roles.writer.as_ref().filter(|writer| **writer != owner) {
        changed.push(format!("the tables belong to {writer}, no longer to {owner}"));
    }
    if let Some(reader) = roles.reader.as_ref().filter(|_| !readers) {
        changed.push(format!("{reader} may read the tables"));
    }
    for statement in grants(table, &leaves, roles) {
        client.batch_execute(&statement).await.map_err(hinted)?;
    }
    client.batch_execute("COMMIT").await.map_err(|e| failed(what(), &e))?;
    held.give_back();
    match missing {
        Some((member, writer)) => Err(no_such_user(table, member, writer)),
        None => Ok(changed),
    }
}

/// Who owns the tables, and whether the reader may read all of them.
async fn rights(client: &Client, table: &TableName, roles: &Roles) -> Result<(String, bool), StoreError> {
    let mut names = vec![table.sql("")];
    names.extend(HELPERS.iter().map(|suffix| table.sql(suffix)));
    let asked = "SELECT (SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = to_regclass($1)), \
                 (SELECT bool_and(has_table_privilege($2, to_regclass(name)::oid, 'SELECT')) FROM unnest($3) AS t(name))";
    let reader = roles.reader.clone().or_else(|| roles.writer.clone()).unwrap_or_default();
    let params = [Param::Text(table.sql("")), Param::Text(reader), Param::Texts(names)];
    let row = client.query_typed_one(asked, &bind(&params)).await;
    let row = row.map_err(|e| failed(format!("cannot see who owns `{table}`"), &e))?;
    Ok((row.get(0), row.get::<_, Option<bool>>(1).unwrap_or(false)))
}

/// The error that a user does not exist, after everything else was done.
fn no_such_user(table: &TableName, member: &str, writer: &str) -> StoreError {
    let what = format!(
        "the tables of `{table}` are ready, but there is no user `{member}` to become a member of `{writer}`"
    );
    StoreError::new(ErrorKind::Refused, what)
        .hinted(format!("`createuser {member} --pwprompt`, then `loggr init postgres` again"))
}

async fn exists(client: &Client, role: &str) -> Result<bool, StoreError> {
    let asked = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)";
    let row = client.query_typed_one(asked, &bind(&[Param::Text(role.to_owned())])).await;
    Ok(row.map_err(|e| failed("cannot look for a role", &e))?.get(0))
}

async fn is_member(client: &Client, role: &str, of: &str) -> Result<bool, StoreError> {
    let asked = "SELECT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid \
                 JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = $1 AND r.rolname = $2)";
    let params = [Param::Text(role.to_owned()), Param::Text(of.to_owned())];
    let row = client.query_typed_one(asked, &bind(&params)).await;
    Ok(row.map_err(|e| failed("cannot look for a role", &e))?.get(0))
}

/// All of it for an empty database.
pub(super) fn script(settings: &Settings, now: i64, roles: &Roles) -> String {
    let table = &settings.table;
    let mut statements = Vec::new();
    for role in roles.writer.iter().chain(&roles.reader) {
        statements.push(create_role(role));
    }
    if let Some(schema) = table.schema() {
        statements.push(format!("CREATE SCHEMA IF NOT EXISTS {}", quote(schema)));
    }
    statements.push("BEGIN".to_owned());
    statements.extend(schema::create(table));
    statements.extend(settings.columns.iter().map(|column| schema::add_column(table, column)));
    if !settings.columns.is_empty() {
        let columns: Vec<serde_json::Value> = settings
            .columns
            .iter()
            .map(|c| serde_json::json!({ "name": c.name, "type": c.kind.word() }))
            .collect();
        let json = serde_json::Value::Array(columns).to_string();
        statements.push(format!("UPDATE {} SET columns = {}", table.sql("_meta"), literal(&json)));
        statements.push(schema::create_view(table, &settings.columns));
    }
    let days = wanted(now);
    let mut leaves = Vec::new();
    for day in &days {
        statements.extend(super::partitions::make(table, *day, settings.indexes));
        leaves.push(table.sql(&TableName::partition_suffix(*day)));
    }
    statements.extend(grants(table, &leaves, roles));
    if let Some(writer) = &roles.writer {
        for member in roles.members.iter().filter(|member| *member != writer) {
            statements.push(format!(
                "DO $init$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = {}) THEN GRANT {} TO {}; \
                 ELSE RAISE WARNING '%', {}; END IF; END $init$",
                literal(member),
                quote(writer),
                quote(member),
                literal(&format!(
                    "the user {member} does not exist: create it, then GRANT {} TO {}",
                    quote(writer),
                    quote(member)
                ))
            ));
        }
    }
    statements.push("COMMIT".to_owned());
    let mut script = String::from("-- The tables of loggr, for a database in which they are not yet.\n");
    for statement in statements {
        script.push_str(&statement);
        script.push_str(";\n");
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_owner_may_own_before_it_owns() {
        let table = TableName::parse("events").unwrap();
        let roles = Roles { writer: Some("w".to_owned()), reader: None, members: Vec::new() };
        let statements = grants(&table, &["\"events_p20261122\"".to_owned()], &roles);
        assert!(statements[0].contains("format('GRANT %I TO %I', E'w', current_user)"), "{}", statements[0]);
        assert!(statements[1].contains("GRANT USAGE, CREATE ON SCHEMA %I TO %I"), "{}", statements[1]);
        assert!(statements[2..].iter().all(|s| s.starts_with("ALTER TABLE ")), "{statements:?}");
        // The table, its helpers, one partition.
        assert_eq!(statements.len(), 2 + 1 + HELPERS.len() + 1);
    }
}
