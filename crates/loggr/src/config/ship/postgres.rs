//! `kind = "postgres"`: a shipper that stores events in a PostgreSQL database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_store::postgres::{Indexes, Promoted, Settings, SslMode, TableName};

use super::SearchShip;
use crate::config::choice::choice;
use crate::config::keys::{HOUR, Key, Takes, key, one_of};
use crate::config::reader::Reader;

/// The keys that only shippers of this kind have.
pub const KEYS: &[Key] = &[
    key(
        "url",
        Takes::Text("url"),
        "",
        "the database: `postgres://USER@HOST:PORT/DATABASE`; several hosts are separated by commas, and \
         loggr uses the one that takes writes",
    )
    .without("must be given (postgres)")
    .only(POSTGRES),
    key(
        "sslmode",
        one_of::<SslMode>(),
        "",
        "whether the connection uses TLS: `disable`, never; `prefer`, if the server offers it; `require`, \
         always, but without a check who the server is; `verify-full`, always, and the server must show a \
         certificate for its name, signed by an authority in `sslrootcert`",
    )
    .without("what `url` says, or `prefer`")
    .only(POSTGRES),
    key(
        "sslrootcert",
        Takes::Path,
        "",
        "a PEM file with the certificates of the authorities that loggr trusts; relative to the directory of \
         the configuration file",
    )
    .without("what `url` says, or none")
    .only(POSTGRES),
    key(
        "sslcert",
        Takes::Path,
        "",
        "a PEM file with the certificate that loggr shows to the server; relative to the directory of the \
         configuration file; needs `sslkey`",
    )
    .without("none")
    .only(POSTGRES),
    key("sslkey", Takes::Path, "", "a PEM file with the private key of `sslcert`")
        .without("none")
        .only(POSTGRES),
    key(
        "table",
        Takes::Text("name of a table"),
        "\"events\"",
        "the table that holds the events: `NAME` or `SCHEMA.NAME` in lower case; loggr makes helper tables \
         beside it, called `NAME_minutes` and so on",
    )
    .only(POSTGRES),
    key(
        "columns",
        Takes::Texts("column"),
        "[]",
        "the custom fields that get a column of their own, each as `\"NAME TYPE\"` with the type `inet`, \
         `bigint`, `double` or `text`; the shipper adds the columns when it starts and never removes one",
    )
    .only(POSTGRES),
    key(
        "indexes",
        one_of::<Indexes>(),
        "\"fields\"",
        "which indexes loggr makes: `none`, the primary key alone; `fields`, also indexes of hosts, \
         programs, tags and values of fields; `text`, also an index of the words in messages; a change \
         counts for partitions (days) that are made after it",
    )
    .only(POSTGRES),
    key(
        "query_timeout",
        Takes::Duration(100, HOUR),
        "\"60s\"",
        "how long a search in the database may take; when the time is over the search ends, and the answer \
         holds what was found until then",
    )
    .only(POSTGRES),
    key(
        "writer_role",
        Takes::Text("name of a role"),
        "\"loggr_writer\"",
        "the PostgreSQL role that `loggr init postgres` makes the owner of the tables",
    )
    .only(POSTGRES),
    key(
        "reader_role",
        Takes::Text("name of a role"),
        "\"loggr_reader\"",
        "the PostgreSQL role that `loggr init postgres` allows to read the tables",
    )
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
    /// How long a search may take.
    pub query_timeout: Duration,
    /// The role that owns the tables.
    pub writer_role: String,
    /// The role that may read them.
    pub reader_role: String,
}

/// Reads the keys of the kind. `meant`: the section is of this kind, so that what is missing is an
/// error. `search` holds the keys that both kinds have.
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
