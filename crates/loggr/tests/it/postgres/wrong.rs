//! Wrong configurations: one clear error with a hint, and the process ends or waits as one would
//! expect. What only the operator can mend ends the start with exit code 2.

use std::process::Output;

use crate::support::{Database, Loggr, own_postgres, postgres};

use super::with_database;

fn run(url: &str, keys: &str) -> Output {
    Loggr::down(with_database(url, keys)).command(&["run"])
}

/// `loggr run` ends with code 2 and says exactly this, with the port of the server left out.
#[track_caller]
fn check(database: &Database, url: &str, keys: &str, expect: &str) {
    let output = run(url, keys);
    let errors = String::from_utf8_lossy(&output.stderr).replace(&format!(":{}", database.port()), ":PORT");
    // Log lines may stand before the error.
    let from = errors.find("error: ").unwrap_or(0);
    assert_eq!(&errors[from..], expect);
    assert_eq!(output.status.code(), Some(2), "{errors}");
}

#[test]
fn who_cannot_log_in_is_told_why() {
    let Some(database) = postgres() else { return };
    let name = database.name().to_owned();
    database.sql(&format!("CREATE ROLE {name}_user LOGIN PASSWORD 'right'"));
    let user = format!("{name}_user");
    let url = database.url_of(&user);
    let with_password = url.replace(&format!("{user}@"), &format!("{user}:wrong@"));
    let start = format!(
        "error: cannot start the shipper `db`\n  caused by: cannot connect to PostgreSQL at `127.0.0.1:PORT`, database `{name}`: "
    );
    check(
        &database,
        &with_password,
        "",
        &format!(
            "{start}password authentication failed for user \"{user}\" (SQLSTATE 28P01)\n\
             hint: check the user in `url` and the password in `password_file`\n"
        ),
    );
    check(
        &database,
        &url,
        "",
        &format!(
            "{start}invalid configuration: password missing\n\
             hint: the server wants a password: name a file that holds it in `password_file`\n"
        ),
    );
    database.sql(&format!("DROP ROLE {user}"));
}

#[test]
fn what_is_missing_in_the_database_is_named() {
    let Some(database) = postgres() else { return };
    let name = database.name().to_owned();
    let elsewhere = database.url().replace(&format!("/{name}"), "/nosuch");
    check(
        &database,
        &elsewhere,
        "",
        "error: cannot start the shipper `db`\n  caused by: cannot connect to PostgreSQL at `127.0.0.1:PORT`, database \
         `nosuch`: database \"nosuch\" does not exist (SQLSTATE 3D000)\nhint: create the database (`createdb`), or correct its name in `url`\n",
    );
    check(
        &database,
        &database.url(),
        "table = \"nowhere.events\"",
        "error: cannot start the shipper `db`\n  caused by: cannot create the table `nowhere.events`: schema \"nowhere\" \
         does not exist (SQLSTATE 3F000)\n\
         hint: create the schema, or correct `table`\n",
    );
    database.sql("CREATE TABLE events (a int)");
    check(
        &database,
        &database.url(),
        "",
        "error: cannot start the shipper `db`\n  caused by: there is a table `events` already, and it is not loggr's\n\
         hint: choose another `table`\n",
    );
}

#[test]
fn a_table_of_another_version_is_left_alone() {
    let Some(database) = postgres() else { return };
    let loggr = Loggr::down(with_database(&database.url(), "columns = [\"status bigint\"]"));
    loggr.ask(&["init", "postgres", "--no-roles"]);
    database.sql("UPDATE events_meta SET version = 7");
    let newer = "the table `events` has the layout 7, this loggr knows 3\n\
                 hint: it was made by a newer loggr: use that one, or another `table`\n";
    check(
        &database,
        &database.url(),
        "",
        &format!("error: cannot start the shipper `db`\n  caused by: {newer}"),
    );
    for words in
        [&["search", "--store", "db", "x"][..], &["count", "--store", "db", ""], &["init", "postgres"]]
    {
        let output = loggr.command(words);
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("error: {newer}"), "{words:?}");
        assert_eq!(output.status.code(), Some(2));
    }
    database.sql("UPDATE events_meta SET version = 3");
    check(
        &database,
        &database.url(),
        "columns = [\"status text\"]",
        "error: cannot start the shipper `db`\n  caused by: the column `status` of `events` is `bigint`, the \
         configuration says `text`\nhint: a column keeps its type: correct `columns`\n",
    );
}

#[test]
fn questions_need_tables() {
    let Some(database) = postgres() else { return };
    let loggr = Loggr::down(with_database(&database.url(), ""));
    let output = loggr.command(&["count", "--store", "db", ""]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: there are no tables of `events` in the database\nhint: `loggr init postgres` creates them\n"
    );
    assert_eq!(output.status.code(), Some(2));
    let output = loggr.command(&["count", "--store", "files", ""]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: no shipper of kind `search` or `postgres` is called `files`\nhint: `loggr check` shows what is configured\n"
    );
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let Some(database) = own_postgres() else { return };
    database.server.stop();
    let loggr = Loggr::down(with_database(&database.url(), ""));
    let output = loggr.command(&["count", "--store", "db", ""]);
    let errors = String::from_utf8_lossy(&output.stderr).replace(&format!(":{}", database.port()), ":PORT");
    assert!(
        errors.starts_with(&format!(
            "error: cannot connect to PostgreSQL at `127.0.0.1:PORT`, database `{}`: error connecting to server: ",
            database.name()
        )),
        "{errors}"
    );
    assert!(
        errors.ends_with("hint: is the server running, and does it listen on that host and port?\n"),
        "{errors}"
    );
    assert_eq!(output.status.code(), Some(1));
    let output = loggr.command(&["init", "postgres"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_with_its_place() {
    let check = |keys: &str, expect: &[&str]| {
        let loggr = Loggr::down(with_database("postgres://u@127.0.0.1/d", keys));
        let output = loggr.command(&["check"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        for part in expect {
            assert!(errors.contains(part), "`{part}` is not in:\n{errors}");
        }
    };
    check("table = \"My Table\"", &["`My Table` cannot be the name of a table"]);
    check("columns = [\"status int\"]", &["`int` is no type of a column"]);
    check("columns = [\"a text\", \"a inet\"]", &["`a` is given twice"]);
    check("sslmode = \"maybe\"", &["`maybe` is not a valid `sslmode`"]);
    check("sslcert = \"a.crt\"", &["`sslcert` and `sslkey` belong together"]);
    check("directory = \"x\"", &["`directory` is not a key of the kind `postgres`"]);
    check("password_file = \"nosuch\"", &["cannot read the secret in"]);
    let loggr = Loggr::down(crate::support::Setup {
        more: "[ship.db]\nkind = \"postgres\"\nexchange = \"received\"\n".to_owned(),
        ..crate::support::Setup::default()
    });
    let output = loggr.command(&["check"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("`[ship.db]` needs the `url` of its database"), "{errors}");
    assert!(errors.contains("postgres://USER@HOST:PORT/DATABASE"), "{errors}");
}

/// What is secret is in no message.
#[test]
fn passwords_are_shown_to_nobody() {
    let loggr = Loggr::down(with_database("postgres://u:hush-hush@127.0.0.1:1/d", ""));
    let output = loggr.command(&["check"]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("ship db: queue db to table events at `127.0.0.1:1`, database `d`"), "{text}");
    assert!(!text.contains("hush"), "{text}");
    let output = loggr.command(&["count", "--store", "db", ""]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hush"));
}
