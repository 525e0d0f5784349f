//! `kind = "postgres"`: into a PostgreSQL database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_store::postgres::{Indexes, Promoted, Settings, SslMode, TableName};

use super::SearchShip;
use crate::config::choice::choice;
use crate::config::keys::{HOUR, Key, Takes, key, one_of};
use crate::config::reader::Reader;

/// What shippers of this kind alone have.
pub const KEYS: &[Key] = &[
    key(
        "url",
        Takes::Text("url"),
        "",
        "`postgres://USER@HOST:PORT/DATABASE`; several hosts stand between commas, and the one that takes \
         writes is used",
    )
    .without("must be given (postgres)")
    .only(POSTGRES),
    key(
        "password_file",
        Takes::Path,
        "",
        "a file that holds the password and nothing else; relative to the configuration file's directory",
    )
    .without("the url's, or none")
    .only(POSTGRES),
    key(
        "sslmode",
        one_of::<SslMode>(),
        "",
        "`prefer`: TLS where the server offers it; `require`: always, whoever the server is; `verify-full`: \
         the server must show a certificate for its name, signed by an authority in `sslrootcert`",
    )
    .without("the url's, or `prefer`")
    .only(POSTGRES),
    key(
        "sslrootcert",
        Takes::Path,
        "",
        "certificates of the authorities in PEM form; relative to the configuration file's directory",
    )
    .without("the url's, or none")
    .only(POSTGRES),
    key(
        "sslcert",
        Takes::Path,
        "",
        "certificate that loggr shows to the server; relative to the configuration file's directory",
    )
    .without("none")
    .only(POSTGRES),
    key("sslkey", Takes::Path, "", "its private key").without("none").only(POSTGRES),
    key(
        "table",
        Takes::Text("name of a table"),
        "\"events\"",
        "`NAME` or `SCHEMA.NAME`, lower case; its helpers are called `NAME_minutes` and so on",
    )
    .only(POSTGRES),
    key(
        "columns",
        Takes::Texts("column"),
        "[]",
        "custom fields that get a column of their own, `\"NAME TYPE\"` with the type `inet`, `bigint`, \
         `double` or `text`; added when the shipper starts, never removed",
    )
    .only(POSTGRES),
    key(
        "indexes",
        one_of::<Indexes>(),
        "\"fields\"",
        "`none`: the primary key alone; `fields`: hosts, programs, tags and values of fields; `text`: also \
         the words of the text; counts for partitions that are made from then on",
    )
    .only(POSTGRES),
    key("connections", Takes::Count(1, 64), "2", "connections that store events at the same time")
        .only(POSTGRES),
    key(
        "query_timeout",
        Takes::Duration(100, HOUR),
        "\"60s\"",
        "a question ends after so long; what was found until then is the answer",
    )
    .only(POSTGRES),
    key(
        "writer_role",
        Takes::Text("name of a role"),
        "\"loggr_writer\"",
        "the role that `loggr init postgres` makes the owner of the tables",
    )
    .only(POSTGRES),
    key("reader_role", Takes::Text("name of a role"), "\"loggr_reader\"", "the role that may read them")
        .only(POSTGRES),
];

const POSTGRES: &[&str] = &["postgres"];
/// Longest name of a role (PostgreSQL's `NAMEDATALEN`).
const MAX_ROLE_BYTES: usize = 63;

choice!(SslMode { Disable = "disable", Prefer = "prefer", Require = "require", VerifyFull = "verify-full" });
choice!(Indexes { None = "none", Fields = "fields", Text = "text" });

/// `kind = "postgres"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresShip {
    /// Where the database is and what lies in it. The password is in its file.
    pub database: Settings,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// Days older than this are dropped; `None`: kept for ever.
    pub retention: Option<Duration>,
    /// Events of one commit at most.
    pub commit_events: usize,
    /// An event waits for its commit at most so long.
    pub commit_age: Duration,
    /// A question ends after so long.
    pub query_timeout: Duration,
    /// The role that owns the tables.
    pub writer_role: String,
    /// The role that may read them.
    pub reader_role: String,
}

/// Reads the keys of the kind; `meant` says that it is this one, and `search` has read those that
/// both have.
pub fn read(
    r: &mut Reader<'_, '_>,
    name: &str,
    meant: bool,
    search: &SearchShip,
    beside: &Path,
) -> PostgresShip {
    let url = r.parsed_if_any("url", |text| match text.trim() {
        "" => Err("the url is empty".to_owned()),
        text => Ok(text.to_owned()),
    });
    if meant && url.is_none() {
        let message = format!("`[ship.{name}]` needs the `url` of its database");
        r.needs("url", message, "write `postgres://USER@HOST:PORT/DATABASE`".to_owned());
    }
    let (certificate, key) = (r.path_if_any("sslcert", beside), r.path_if_any("sslkey", beside));
    if certificate.is_some() != key.is_some() {
        let there = if certificate.is_some() { "sslcert" } else { "sslkey" };
        r.blame(there, "`sslcert` and `sslkey` belong together".to_owned(), None);
    }
    let role = |text: &str| match text {
        "" => Err("a role has a name".to_owned()),
        text if text.len() > MAX_ROLE_BYTES || text.contains('\0') => {
            Err(format!("`{text}` cannot be the name of a role"))
        }
        text => Ok(text.to_owned()),
    };
    let password_file = r.path_if_any("password_file", beside);
    let database = Settings {
        url: url.unwrap_or_default(),
        password: None,
        sslmode: r.choice_if_any("sslmode"),
        sslrootcert: r.path_if_any("sslrootcert", beside),
        client_certificate: certificate.zip(key),
        table: r.parsed("table", TableName::parse),
        columns: r.all_parsed("columns", Promoted::parse),
        indexes: r.choice("indexes"),
        connections: r.count("connections"),
    };
    for (at, column) in database.columns.iter().enumerate() {
        if database.columns.iter().take(at).any(|other| other.name == column.name) {
            r.blame("columns", format!("`{}` is given twice", column.name), None);
        }
    }
    PostgresShip {
        database,
        password_file,
        retention: search.retention,
        commit_events: search.commit_events,
        commit_age: search.commit_age,
        query_timeout: r.duration("query_timeout"),
        writer_role: r.parsed("writer_role", role),
        reader_role: r.parsed("reader_role", role),
    }
}
