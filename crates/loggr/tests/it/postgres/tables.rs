//! The tables themselves: what is written twice, around midnight, by several writers, and what is
//! counted beside it; partitions, retention, roles, the script.

use loggr_event::{Event, Origin, Timestamp, Uid};
use loggr_store::postgres::{DAYS_AHEAD, Database, Indexes, Promoted, Settings, TableName};
use loggr_store::query::{Field, parse};
use loggr_store::{ErrorKind, Limits, SearchOptions};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::support::{self, Loggr, postgres};

use super::with_database;

/// 2026-11-22T00:00:00Z.
pub(super) const MIDNIGHT: i64 = 1_795_305_600_000_000;
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

fn settings(database: &support::Database, indexes: Indexes) -> Settings {
    Settings {
        url: database.url(),
        password: None,
        sslmode: None,
        sslrootcert: None,
        client_certificate: None,
        table: TableName::parse("events").expect("a name"),
        columns: Vec::new(),
        indexes,
        connections: 4,
    }
}

pub(super) fn open(database: &support::Database, indexes: Indexes) -> Database {
    Database::new(settings(database, indexes)).expect("settings")
}

pub(super) async fn made(database: &support::Database) -> Database {
    let store = open(database, Indexes::Fields);
    store.prepare(MIDNIGHT).await.expect("tables");
    store
}

pub(super) fn event(number: u64, time: i64) -> Event<'static> {
    let mut uid = [0; 16];
    uid[8..].copy_from_slice(&number.to_be_bytes());
    Event {
        uid: Uid::from_bytes(uid),
        timegenerated: Timestamp::from_unix_micros(time),
        timereported: Timestamp::from_unix_micros(time),
        app_name: "app".into(),
        source: "web01".into(),
        message: format!("event {number}").into(),
        ..Event::default()
    }
}

pub(super) fn events(numbers: std::ops::Range<u64>, time: i64) -> Vec<Event<'static>> {
    numbers.map(|n| event(n, time + n as i64)).collect()
}

pub(super) fn all() -> SearchOptions {
    SearchOptions { limit: 10_000, ..SearchOptions::new(MIDNIGHT) }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_is_stored_and_counted_once() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    let first = events(0..1000, MIDNIGHT);
    let appended = store.append(&first).await.expect("stored");
    assert_eq!((appended.stored, appended.duplicates), (1000, 0));
    let appended = store.append(&first).await.expect("stored");
    assert_eq!((appended.stored, appended.duplicates), (0, 1000));
    let appended = store.append(&events(900..1100, MIDNIGHT)).await.expect("stored");
    assert_eq!((appended.stored, appended.duplicates), (100, 100));
    // Twice in one batch.
    let twins = [events(2000..2010, MIDNIGHT), events(2005..2015, MIDNIGHT)].concat();
    let appended = store.append(&twins).await.expect("stored");
    assert_eq!((appended.stored, appended.duplicates), (15, 5));
    assert_eq!(database.sql("SELECT count(*) FROM events"), "1115");
    // More than the server has read when it finds the first one that it knows.
    let many = events(0..40_000, MIDNIGHT);
    let appended = store.append(&many).await.expect("stored");
    assert_eq!((appended.stored, appended.duplicates), (38_885, 1115));
    assert_eq!(database.sql("SELECT sum(events) FROM events_minutes"), "40000");
    let count = store.count(&parse("").expect("it goes well"), &all()).await.expect("counted");
    assert_eq!(count.events, 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_around_midnight_lies_in_two_partitions() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    let batch: Vec<Event<'static>> = (0..10).map(|n| event(n, MIDNIGHT + (n as i64 - 5) * SECOND)).collect();
    store.append(&batch).await.expect("stored");
    assert_eq!(
        database.sql("SELECT tableoid::regclass::text AS t, count(*) FROM events GROUP BY 1 ORDER BY 1"),
        "events_p20261121|5\nevents_p20261122|5"
    );
    let found = store.search(&parse("").expect("it goes well"), &all()).await.expect("found");
    assert_eq!(found.events, batch.into_iter().rev().collect::<Vec<_>>());
    // What was ahead is there, and the day before was made on demand.
    assert_eq!(database.sql("SELECT count(*) FROM events_days"), (DAYS_AHEAD + 2).to_string());
}

/// Several writers of several processes, at once: the same events, new ones, new days.
#[tokio::test(flavor = "multi_thread")]
async fn writers_that_meet_store_everything_once() {
    let Some(database) = postgres() else { return };
    let writers: Vec<Database> = (0..3).map(|_| open(&database, Indexes::Fields)).collect();
    let tasks: Vec<_> = writers
        .iter()
        .cycle()
        .take(9)
        .enumerate()
        .map(|(n, store)| {
            let store = store.clone();
            let n = n as u64;
            tokio::spawn(async move {
                store.prepare(MIDNIGHT).await.expect("tables");
                for round in 0..5 {
                    let mut batch = events(round * 100..round * 100 + 150, MIDNIGHT - round as i64 * DAY);
                    batch.extend(events(
                        10_000 * (n + 1) + round * 10..10_000 * (n + 1) + round * 10 + 10,
                        MIDNIGHT,
                    ));
                    let origin = Origin { listener: format!("listener{}", n % 4), ..Origin::default() };
                    batch.iter_mut().for_each(|e| e.origin = Some(Cow::Owned(origin.clone())));
                    store.append(&batch).await.expect("stored");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    // In each round 150 that all have, and in all 50 of each writer's own.
    let expect = 5 * 150 + 9 * 50;
    assert_eq!(database.sql("SELECT count(*) FROM events"), expect.to_string());
    assert_eq!(database.sql("SELECT count(DISTINCT (timegenerated, uid)) FROM events"), expect.to_string());
    assert_eq!(database.sql("SELECT sum(events) FROM events_minutes"), expect.to_string());
    assert_eq!(database.sql("SELECT count(*) FROM events_origins"), "4");
}

/// What the server refuses of a batch leaves nothing of it behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_leaves_nothing() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    database.sql("ALTER TABLE events ADD CONSTRAINT no_seven CHECK (message <> 'event 7')");
    let error = store.append(&events(0..50, MIDNIGHT)).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Permanent);
    assert!(error.to_string().contains("violates check constraint \"no_seven\" (SQLSTATE 23514)"), "{error}");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "0");
    assert_eq!(database.sql("SELECT count(*) FROM events_minutes"), "0");
    // A unique index of the operator's own is no duplicate of ours.
    database.sql("ALTER TABLE events DROP CONSTRAINT no_seven");
    database.sql("CREATE UNIQUE INDEX ON events_p20261122 (message)");
    store.append(&events(0..50, MIDNIGHT)).await.expect("stored");
    let mut other = event(99, MIDNIGHT);
    other.message = "event 3".into();
    let error = store.append(&[other]).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Permanent);
    assert_eq!(database.sql("SELECT count(*) FROM events"), "50");
}

/// Rows that turn up while a batch is stored add to those that were known before.
#[tokio::test(flavor = "multi_thread")]
async fn what_each_look_finds_is_remembered() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    store.append(&events(0..9, MIDNIGHT)).await.expect("stored");
    // Each look finds another third of what is there.
    database.sql(
        "ALTER TABLE events RENAME TO real_events; CREATE SEQUENCE looks; \
         CREATE VIEW events AS SELECT r.* FROM real_events r \
         WHERE ('x' || right(r.uid::text, 2))::bit(8)::int % 3 = (SELECT nextval('looks') % 3); \
         CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO real_events VALUES (NEW.*); RETURN NEW; END $$; \
         CREATE TRIGGER put INSTEAD OF INSERT ON events FOR EACH ROW EXECUTE FUNCTION put()",
    );
    let appended = store.append(&events(0..12, MIDNIGHT)).await.expect("stored");
    assert_eq!((appended.stored, appended.duplicates), (3, 9));
    assert_eq!(database.sql("SELECT count(*) FROM real_events"), "12");
    assert_eq!(database.sql("SELECT last_value FROM looks"), "3");
}

/// A server that took over may lack the last of what the other had committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_relies_on_nothing_that_was_learnt_before() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    let received = |number: u64, listener: &str| {
        let origin =
            Origin { listener: listener.to_owned(), peer: "10.0.0.1:514".to_owned(), ..Origin::default() };
        Event { origin: Some(Cow::Owned(origin)), ..event(number, MIDNIGHT) }
    };
    store.append(&[received(1, "relp")]).await.expect("stored");
    let connected = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'loggr'";
    database.sql(&format!("DELETE FROM events_origins; SELECT pg_terminate_backend(pid) {connected}"));
    support::until("its connections have ended", 30, || {
        database.sql(&format!("SELECT count(*) {connected}")) == "0"
    });
    let stored = match store.append(&[received(2, "relp")]).await {
        // The pool has not heard of it yet.
        Err(error) if error.is_transient() => store.append(&[received(2, "relp")]).await,
        stored => stored,
    };
    assert_eq!(stored.expect("stored").stored, 1);
    let named = "SELECT count(*) FROM events e JOIN events_origins o ON o.id = e.origin";
    assert_eq!(database.sql(named), "1");
    // The origin that is lost costs what it said, and not the answer.
    let mut found = store.search(&parse("").expect("it goes well"), &all()).await.expect("found").events;
    found.sort_by_key(|e| e.uid);
    assert_eq!(found, [received(1, ""), received(2, "relp")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_gone_is_not_asked_for_for_ever() {
    let Some(database) = postgres() else { return };
    let columns = vec![Promoted::parse("status bigint").expect("a column")];
    let store =
        Database::new(Settings { columns, ..settings(&database, Indexes::Fields) }).expect("settings");
    store.prepare(MIDNIGHT).await.expect("tables");
    store.append(&events(0..10, MIDNIGHT)).await.expect("stored");
    database.sql("ALTER TABLE events DROP COLUMN status CASCADE; UPDATE events_meta SET columns = '[]'");
    let error = store.append(&events(10..20, MIDNIGHT)).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("(SQLSTATE 42703)"), "{error}");
    store.append(&events(10..20, MIDNIGHT)).await.expect("stored");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_events_are_stored_whole() {
    let Some(database) = postgres() else { return };
    let store = open(&database, Indexes::Text);
    store.prepare(MIDNIGHT).await.expect("tables");
    let mut batch = Vec::new();
    for (n, name) in ["x".repeat(5000), "y".repeat(300), String::new()].into_iter().enumerate() {
        let mut odd = event(n as u64, MIDNIGHT);
        odd.app_name = name.clone().into();
        odd.source = name.clone().into();
        odd.message = name.repeat(50).into();
        odd.set_field("many", "v");
        for i in 0..400 {
            odd.set_field(format!("field{i}"), i.to_string());
        }
        odd.set_field("long", "z".repeat(9000));
        batch.push(odd);
    }
    let mut early = event(50, -62_200_000_000_000_000);
    early.timereported = Timestamp::with_offset(i64::MAX, 60);
    batch.push(early);
    let mut late = event(51, MIDNIGHT);
    late.timereported = Timestamp::from_unix_micros(i64::MIN);
    batch.push(late);
    store.append(&batch).await.expect("stored");
    let mut found = store.search(&parse("").expect("it goes well"), &all()).await.expect("found").events;
    found.sort_by_key(|e| e.uid);
    assert_eq!(found, batch);
    for (query, expect) in [
        (format!("app:{}", "x".repeat(5000)), 1),
        (format!("host:{}", "Y".repeat(300)), 1),
        (format!("host:{}*", "y".repeat(250)), 1),
        (format!("app:{}", "x".repeat(4999)), 0),
        (format!("long:{}", "z".repeat(9000)), 3),
        ("field399:399".to_owned(), 3),
    ] {
        let count = store.count(&parse(&query).expect("it goes well"), &all()).await.expect("counted").events;
        assert_eq!(count, expect, "{}", &query[..20]);
    }
    // Names too long to be counted by: the events are counted themselves.
    let long = "x".repeat(5000);
    let top = store.top(&parse("").expect("it goes well"), &Field::AppName, 10, &all()).await.expect("top");
    assert!(top.values.iter().any(|v| v.value == long && v.events == 1));
}

/// The table of minutes answers what it can, and agrees with the events to the microsecond.
#[tokio::test(flavor = "multi_thread")]
async fn minutes_and_their_edges_agree() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    let batch: Vec<Event<'static>> =
        (0..600).map(|n| event(n, MIDNIGHT + n as i64 * 7 * SECOND + 3)).collect();
    store.append(&batch).await.expect("stored");
    for (since, until) in [(0, 4200), (1, 59), (30, 95), (60, 120), (61, 3599), (3, 3), (-100, 9000)] {
        let (since, until) = (MIDNIGHT + since * SECOND, MIDNIGHT + until * SECOND);
        let options = SearchOptions { since: Some(since), until: Some(until), ..all() };
        let expect =
            batch.iter().filter(|e| (since..until).contains(&e.timegenerated.unix_micros())).count() as u64;
        for query in ["", "app:app", "-severity:debug"] {
            let query = parse(query).expect("it goes well");
            let counted = store.count(&query, &options).await.expect("counted");
            assert_eq!(counted.events, expect, "{since} to {until}");
            let bars = store.histogram(&query, 60 * SECOND, &options).await.expect("bars");
            assert_eq!(bars.buckets.iter().map(|b| b.total()).sum::<u64>(), expect);
            let top = store.top(&query, &Field::AppName, 5, &options).await.expect("top");
            assert_eq!(top.values.iter().map(|v| v.events).sum::<u64>(), expect);
        }
    }
    // Rows that only the table of minutes has show that it is what was asked.
    database.sql("UPDATE events_minutes SET events = events + 1000 WHERE minute = '2026-11-22 00:10:00+00'");
    let inside = SearchOptions { since: Some(MIDNIGHT), until: Some(MIDNIGHT + 3600 * SECOND), ..all() };
    let counted = store.count(&parse("app:app").expect("it goes well"), &inside).await.expect("counted");
    assert_eq!(counted.events, 515 + 1000);
    let counted = store.count(&parse("event").expect("it goes well"), &inside).await.expect("counted");
    assert_eq!(counted.events, 515);
}

/// An expression that the server's engine cannot take is evaluated here.
#[tokio::test(flavor = "multi_thread")]
async fn expressions_beyond_the_server_are_answered_all_the_same() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    let mut batch = events(0..3000, MIDNIGHT);
    batch[7].message = "ab".repeat(900).into();
    batch[8].message = format!("{} end", "ab".repeat(900)).into();
    store.append(&batch).await.expect("stored");
    let names = format!("{}x", "a.".repeat(40));
    for (query, expect) in [
        ("msg:/(?:ab){900}$/".to_owned(), 1),
        ("msg:/(?:(?:ab|ba){0,250}[a-c]){2,6}/ -msg:/end$/".to_owned(), 1),
        ("-msg:/(?:ab){900}/".to_owned(), 2998),
        ("msg:/[[:alpha:]&&[^a-y]]/".to_owned(), 0),
        ("msg:/event [a&&b]/".to_owned(), 0),
        (format!("{names}:1"), 0),
        (format!("-{names}:1"), 3000),
    ] {
        let parsed = parse(&query).expect("it goes well");
        let counted = store.count(&parsed, &all()).await.expect("counted").events;
        assert_eq!(counted, expect, "{query}");
        let found = store.search(&parsed, &all()).await.expect("found").events.len() as u64;
        assert_eq!(found, expect, "{query}");
        let bars = store.histogram(&parsed, DAY, &all()).await.expect("bars").buckets;
        assert_eq!(bars.iter().map(|b| b.total()).sum::<u64>(), expect, "{query}");
        let top = store.top(&parsed, &Field::Source, 3, &all()).await.expect("top").values;
        assert_eq!(top.iter().map(|v| v.events).sum::<u64>(), expect, "{query}");
    }
}

/// The time limit gives what was found, a cancelled question an error; both at once.
#[tokio::test(flavor = "multi_thread")]
async fn questions_end_when_they_must() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    store.append(&events(0..100, MIDNIGHT)).await.expect("stored");
    // Connecting counts too, and is not what is tried here.
    store.count(&parse("event").expect("it goes well"), &all()).await.expect("counted");
    // Every row takes a while.
    database.sql(
        "ALTER TABLE events RENAME TO real_events; CREATE VIEW events AS SELECT r.* FROM real_events r \
         WHERE pg_sleep(0.2) IS NOT NULL",
    );
    // All of them take 20 s.
    let limits = Limits { deadline: Some(Instant::now() + Duration::from_secs(3)), cancel: None };
    let options = SearchOptions { limits, ..all() };
    let begun = Instant::now();
    let counted = store.count(&parse("event").expect("it goes well"), &options).await.expect("an answer");
    assert!(counted.partial && counted.warnings == ["the time limit was reached"], "{counted:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "the server was not told to stop");
    let cancel = Arc::new(AtomicBool::new(true));
    let limits = Limits { deadline: None, cancel: Some(cancel) };
    let options = SearchOptions { limits, ..all() };
    let error = store.search(&parse("event").expect("it goes well"), &options).await.expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_layout_1_are_brought_up_to_date() {
    let Some(database) = postgres() else { return };
    let store = made(&database).await;
    store.append(&events(0..10, MIDNIGHT)).await.expect("stored");
    let reader = format!("{}_old", database.name());
    database.sql(&format!(
        "DROP VIEW events_view; DROP TABLE events_retention; ALTER TABLE events_days DROP COLUMN written; \
         ALTER TABLE events DROP COLUMN shape; \
         UPDATE events_meta SET version = 1; CREATE ROLE {reader}; GRANT SELECT ON events TO {reader}"
    ));
    let columns = vec![Promoted::parse("status bigint").expect("a column")];
    let store =
        Database::new(Settings { columns, ..settings(&database, Indexes::Fields) }).expect("settings");
    let prepared = store.prepare(MIDNIGHT).await.expect("tables");
    assert_eq!((prepared.migrated_from, prepared.columns.len()), (Some(1), 1));
    store.append(&events(10..20, MIDNIGHT)).await.expect("stored");
    assert_eq!(store.summary().await.expect("numbers").events, 20);
    let with = database.sql("SELECT count(shape), count(*) FROM events");
    assert_eq!(with, "10|20");
    let words = format!(
        "SET ROLE {reader}; SELECT DISTINCT severity, facility, source, status IS NULL FROM events_view"
    );
    assert_eq!(database.sql(&words).lines().last(), Some("notice|user|web01|t"));
    database.sql(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"));
}

#[test]
fn init_is_repeatable_and_gives_each_role_what_it_needs() {
    let Some(database) = postgres() else { return };
    let name = database.name().to_owned();
    let keys = format!("writer_role = \"{name}_w\"\nreader_role = \"{name}_r\"\npassword_file = \"pass\"");
    database.sql(&format!(
        "CREATE ROLE {name}_app LOGIN PASSWORD 'one'; CREATE ROLE {name}_page LOGIN PASSWORD 'one'"
    ));
    let mut loggr = Loggr::down(with_database(&database.url_of(&format!("{name}_app")), &keys));
    std::fs::write(loggr.config().with_file_name("pass"), "one\n").expect("the password");
    // The shipper's own user may do nothing yet.
    let output = loggr.command(&["init", "postgres"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("permission denied for schema public (SQLSTATE 42501)"), "{errors}");
    assert!(errors.contains("hint: `loggr init postgres`, run as a role that may"), "{errors}");
    let said = loggr.ask(&["init", "postgres", "--url", &database.url()]);
    assert!(
        said.starts_with("shipper `db` at `127.0.0.1:") && said.contains(": created the tables\n"),
        "{said}"
    );
    assert_eq!(said.matches("  partition 2").count(), 3, "{said}");
    for change in [
        format!("  role {name}_w created"),
        format!("  role {name}_r created"),
        format!("  {name}_app is a member of {name}_w"),
        format!("  the tables belong to {name}_w, no longer to "),
        format!("  {name}_r may read the tables"),
    ] {
        assert!(said.contains(&change), "{change}: {said}");
    }
    let said = loggr.ask(&["init", "postgres", "db", "--url", &database.url()]);
    assert!(
        said.starts_with("shipper `db` at ")
            && said.contains("changed nothing, everything is there already\n"),
        "{said}"
    );
    database.sql(&format!("GRANT {name}_r TO {name}_page"));
    // Now the shipper works, makes partitions, and drops them.
    loggr.up();
    support::RelpSender::new(loggr.address("relp"), 1).run(0, 100);
    loggr.stored(100, 60);
    assert_eq!(loggr.ask(&["count", "--store", "db", ""]).trim(), "100");
    assert_eq!(loggr.ask(&["purge", "--store", "db", "--yes"]).trim(), "deleted 3 days of `db`");
    support::RelpSender::new(loggr.address("relp"), 1).run(100, 100);
    support::until("what came later is stored", 60, || database.sql("SELECT count(*) FROM events") == "100");
    loggr.stop();
    // Whoever reads may read, and nothing else.
    let page =
        Loggr::down(with_database(&database.url_of(&format!("{name}_page")), "password_file = \"pass\""));
    std::fs::write(page.config().with_file_name("pass"), "one\n").expect("the password");
    assert_eq!(page.ask(&["count", "--store", "db", "order"]).trim(), "100");
    assert!(page.ask(&["top", "host", "--store", "db", ""]).contains("web"));
    let output = page.command(&["purge", "--store", "db", "--yes"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("(SQLSTATE 42501)"), "{errors}");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "100");
    database.sql(&format!(
        "DROP OWNED BY {name}_w, {name}_r, {name}_app, {name}_page CASCADE; \
                           DROP ROLE {name}_w, {name}_r, {name}_app, {name}_page"
    ));
}

/// Whoever may create roles and owns the database is enough, by hand and as a script.
#[test]
fn init_needs_no_superuser() {
    let (Some(database), Some(printed)) = (postgres(), postgres()) else { return };
    let (name, other) = (database.name().to_owned(), printed.name().to_owned());
    let (dba, app) = (format!("{name}_dba"), format!("{name}_app"));
    database.sql(&format!(
        "CREATE ROLE {dba} LOGIN CREATEROLE PASSWORD 'one'; CREATE ROLE {app} LOGIN PASSWORD 'one'; \
         ALTER DATABASE {name} OWNER TO {dba}; ALTER DATABASE {other} OWNER TO {dba}"
    ));
    let configured = |database: &support::Database| {
        let name = database.name();
        let keys =
            format!("writer_role = \"{name}_w\"\nreader_role = \"{name}_r\"\npassword_file = \"pass\"");
        let loggr = Loggr::down(with_database(&database.url_of(&app), &keys));
        std::fs::write(loggr.config().with_file_name("pass"), "one\n").expect("the password");
        loggr
    };
    let owned_by_others = |database: &support::Database| {
        database.sql(&format!(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             AND relkind IN ('r', 'p', 'v') AND pg_get_userbyid(relowner) <> '{}_w'",
            database.name()
        ))
    };
    let mut loggr = configured(&database);
    // The password stands in a file.
    let url = database.url_of(&dba);
    let file = loggr.config().with_file_name("pass").display().to_string();
    let said = loggr.ask(&["init", "postgres", "--url", &url, "--password-file", &file]);
    assert!(said.starts_with("shipper `db` at ") && said.contains(": created the tables\n"), "{said}");
    assert_eq!(owned_by_others(&database), "0");
    let said = loggr.ask(&["init", "postgres", "--url", &url, "--password-file", &file]);
    assert!(
        said.starts_with("shipper `db` at ")
            && said.contains("changed nothing, everything is there already\n"),
        "{said}"
    );
    loggr.up();
    support::RelpSender::new(loggr.address("relp"), 1).run(0, 100);
    loggr.stored(100, 60);
    loggr.stop();
    // The script, run as the same user.
    let script = configured(&printed).ask(&["init", "postgres", "--print"]);
    printed.sql(&format!("SET ROLE {dba};\n{script}"));
    assert_eq!(owned_by_others(&printed), "0");
    let members = "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid \
                   JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = ";
    assert_eq!(printed.sql(&format!("{members}'{app}' AND r.rolname = '{other}_w'")), "1");
}

#[test]
fn a_user_that_does_not_exist_is_named() {
    let Some(database) = postgres() else { return };
    let name = database.name().to_owned();
    let keys = format!("writer_role = \"{name}_w\"\nreader_role = \"{name}_r\"");
    let loggr = Loggr::down(with_database(&database.url_of(&format!("{name}_late")), &keys));
    let output = loggr.command(&["init", "postgres", "--url", &database.url()]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "error: the tables of `events` are ready, but there is no user `{name}_late` to become a member of \
             `{name}_w`\nhint: `createuser {name}_late --pwprompt`, then `loggr init postgres` again\n"
        )
    );
    assert_eq!(output.status.code(), Some(2));
    database.sql(&format!("CREATE ROLE {name}_late LOGIN"));
    let said = loggr.ask(&["init", "postgres", "--url", &database.url()]);
    assert!(said.starts_with("shipper `db` at ") && said.contains(": added what was missing\n"), "{said}");
    assert!(said.contains(&format!("  {name}_late is a member of {name}_w")), "{said}");
    let said = loggr.ask(&["init", "postgres", "--url", &database.url()]);
    assert!(
        said.starts_with("shipper `db` at ")
            && said.contains("changed nothing, everything is there already\n"),
        "{said}"
    );
    assert_eq!(database.sql(&format!("SELECT pg_has_role('{name}_late', '{name}_w', 'MEMBER')")), "t");
}

#[test]
fn the_printed_script_makes_the_same_tables() {
    let (Some(made), Some(printed)) = (postgres(), postgres()) else { return };
    let keys = "columns = [\"client_ip inet\", \"it's text\"]\nindexes = \"text\"\nwriter_role = \"postgres\"\n\
                reader_role = \"pg_monitor\"";
    Loggr::down(with_database(&made.url(), keys)).ask(&["init", "postgres"]);
    let script = Loggr::down(with_database(&printed.url(), keys)).ask(&["init", "postgres", "--print"]);
    printed.sql(&script);
    let columns = "SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
                   coll.collname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
                   LEFT JOIN pg_collation coll ON coll.oid = a.attcollation \
                   WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY 1, 2";
    assert_eq!(printed.sql(columns), made.sql(columns));
    let indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1";
    assert_eq!(printed.sql(indexes), made.sql(indexes));
    for table in ["events_days", "events_meta"] {
        let rows = format!("SELECT * FROM {table} ORDER BY 1");
        assert_eq!(printed.sql(&rows), made.sql(&rows));
    }
    assert!(made.sql(indexes).contains("gin (terms)"), "{}", made.sql(indexes));
    let again = Loggr::down(with_database(&printed.url(), keys)).ask(&["init", "postgres"]);
    assert!(again.contains("changed nothing, everything is there already\n"), "{again}");
}

/// Which indexes a partition has is said when it is made; questions know it day by day.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_with_different_indexes_are_asked_together() {
    let Some(database) = postgres() else { return };
    let days = [Indexes::None, Indexes::Fields, Indexes::Text];
    for (day, indexes) in days.into_iter().enumerate() {
        let store = open(&database, indexes);
        let at = MIDNIGHT - (10 - day as i64) * DAY;
        store.prepare(MIDNIGHT).await.expect("tables");
        let mut batch = events(day as u64 * 10..day as u64 * 10 + 10, at);
        batch.iter_mut().for_each(|e| e.set_field("status", "404"));
        store.append(&batch).await.expect("stored");
    }
    assert_eq!(
        database.sql("SELECT indexes FROM events_days WHERE day < '2026-11-20' ORDER BY day"),
        "0\n1\n2"
    );
    let store = open(&database, Indexes::Text);
    for (query, expect) in
        [("status:404", 30), ("host:web01", 30), ("event", 30), ("\"event 13\"", 1), ("-event", 0)]
    {
        let query = parse(query).expect("it goes well");
        assert_eq!(store.count(&query, &all()).await.expect("counted").events, expect);
        assert_eq!(store.search(&query, &all()).await.expect("found").events.len() as u64, expect);
        let top = store.top(&query, &Field::Source, 5, &all()).await.expect("top");
        assert_eq!(top.values.iter().map(|v| v.events).sum::<u64>(), expect);
    }
}
