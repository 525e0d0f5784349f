//! Errors of PostgreSQL: how to react to them, and words for the operator.
//!
//! The first two characters of an SQLSTATE are its class. Which reaction follows from a kind is up
//! to the caller.

use tokio_postgres::error::SqlState;

use crate::{ErrorKind, StoreError};

/// Longest text of an error that is passed on, in bytes: it can quote what it refuses.
const MAX_MESSAGE_BYTES: usize = 500;

/// An error of the server or of the connection to it. `what` says what was attempted.
pub(super) fn failed(what: impl std::fmt::Display, error: &tokio_postgres::Error) -> StoreError {
    let (kind, text, hint) = match error.as_db_error() {
        Some(said) => {
            let code = said.code().code();
            let message = short(said.message());
            (kind_of(code), format!("{message} (SQLSTATE {code})"), hint_of(code, said.message()))
        }
        None => {
            let (kind, hint) = kind_of_local(error);
            (kind, local_text(error), hint)
        }
    };
    let failed = StoreError::with(kind, what.to_string(), text);
    match hint {
        Some(hint) => failed.hinted(hint),
        None => failed,
    }
}

/// How to react to an SQLSTATE.
fn kind_of(code: &str) -> ErrorKind {
    match code {
        // The time for a statement is over, or somebody cancelled it.
        "57014" => ErrorKind::Limit,
        // Too deep, too many columns: of a query. Of a row it is the row's own fault.
        "54001" => ErrorKind::Limit,
        _ => match code.get(..2).unwrap_or_default() {
            // Data, constraints, program limits, what a trigger raises: the rows themselves.
            "21" | "22" | "23" | "44" | "54" | "P0" => ErrorKind::Permanent,
            // Who we are, which database, which schema, what is missing or not allowed.
            "28" | "3D" | "3F" | "42" | "0A" | "0L" | "0P" => ErrorKind::Refused,
            // Connections, resources, conflicts, operators, the disk, the server's own trouble.
            _ => ErrorKind::Transient,
        },
    }
}

fn hint_of(code: &str, message: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" => "check the user in `url` and the password in `password_file`",
        "28000" if message.contains("pg_hba.conf") => {
            "the server's pg_hba.conf has no line for this user, database, address and kind of connection"
        }
        "28000" => "check the user in `url`; `loggr init postgres --print` shows the roles to create",
        "3D000" => "create the database (`createdb`), or correct its name in `url`",
        "3F000" => "create the schema, or correct `table`",
        "42501" => "`loggr init postgres`, run as a role that may, creates tables and roles",
        "42P01" | "42703" => "`loggr init postgres` creates what is missing",
        "55P03" => "another session holds a lock on the tables: `pg_locks` shows which",
        "53300" => "raise the server's `max_connections`, or lower `connections`",
        "53100" => "free space on the database server; events wait in the queue meanwhile",
        "25006" => "this server takes no writes: name the primary in `url`",
        _ => return None,
    })
}

/// An error that the server has not sent.
fn kind_of_local(error: &tokio_postgres::Error) -> (ErrorKind, Option<&'static str>) {
    let text = local_text(error);
    // The crate does not export its kinds, so its text has to be looked at.
    if text.starts_with("error performing TLS handshake") {
        return (
            ErrorKind::Refused,
            Some(
                "check `sslmode`, `sslrootcert` and the name of the host in `url` against the server's certificate",
            ),
        );
    }
    if text.starts_with("authentication error") || text.contains("password missing") {
        return (
            ErrorKind::Refused,
            Some("the server wants a password: name a file that holds it in `password_file`"),
        );
    }
    if text.starts_with("invalid c") {
        return (ErrorKind::Refused, Some("write `url` as `postgres://USER@HOST:PORT/DATABASE`"));
    }
    if text.contains("does not allow writes") {
        return (ErrorKind::Transient, Some("this server takes no writes: name the primary in `url`"));
    }
    let unreachable = text.starts_with("error connecting to server");
    (
        ErrorKind::Transient,
        unreachable.then_some("is the server running, and does it listen on that host and port?"),
    )
}

/// The error with its causes; the crate's own text leaves them out.
fn local_text(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    short(&text)
}

/// On one line, and not endless.
fn short(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    match line.char_indices().find(|(at, _)| *at >= MAX_MESSAGE_BYTES) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// A key stands twice.
pub(super) fn is_duplicate(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

/// There is no partition for a row.
pub(super) fn is_missing_partition(error: &tokio_postgres::Error) -> bool {
    // The server has no code of its own for it, but names no constraint.
    error.as_db_error().is_some_and(|said| {
        *said.code() == SqlState::CHECK_VIOLATION
            && said.constraint().is_none()
            && said.routine().is_some_and(|r| r == "ExecFindPartition")
    })
}

/// A lock was not to be had in time.
pub(super) fn is_lock_timeout(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// The server cannot use an expression.
pub(super) fn is_bad_regex(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INVALID_REGULAR_EXPRESSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expect: ErrorKind) {
        assert_eq!(kind_of(code), expect, "{code}");
    }

    #[test]
    fn reactions() {
        check("23514", ErrorKind::Permanent);
        check("22021", ErrorKind::Permanent);
        check("54000", ErrorKind::Permanent);
        check("P0001", ErrorKind::Permanent);
        check("28P01", ErrorKind::Refused);
        check("3D000", ErrorKind::Refused);
        check("42P01", ErrorKind::Refused);
        check("53100", ErrorKind::Transient);
        check("55P03", ErrorKind::Transient);
        check("57P01", ErrorKind::Transient);
        check("40001", ErrorKind::Transient);
        check("58030", ErrorKind::Transient);
        check("XX000", ErrorKind::Transient);
        check("57014", ErrorKind::Limit);
    }

    #[test]
    fn long_errors_are_cut() {
        assert_eq!(short("a\nb"), "a b");
        assert_eq!(short(&"ü".repeat(400)).chars().count(), 251);
    }
}
