//! The shipper: what is received lies in the database, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;

use crate::support::{
    Random, RelpSender, count_seqs, eventually, own_postgres, postgres, random_moment, until,
};

use super::start;

/// Waits until the table has so many rows.
#[track_caller]
fn rows(database: &crate::support::Database, count: u64) {
    until(&format!("{count} rows"), 60, || {
        database.try_sql("SELECT count(*) FROM events").as_deref() == Some(&count.to_string())
    });
}

#[test]
fn both_stores_answer_alike() {
    let Some(database) = postgres() else { return };
    let mut loggr = start(&database, "columns = [\"n bigint\"]");
    RelpSender::new(loggr.address("relp"), 2).run(0, 3000);
    loggr.stored(3000, 60);
    let questions: &[&[&str]] = &[
        &["count", ""],
        &["count", "host:web03 severity:>=err"],
        &["search", "--format", "json", "--limit", "50", "host:web07 -app:shop-2"],
        &["search", "--limit", "20", "seq=000000042 OR seq=000002999"],
        &["search", "--format", "csv", "--limit", "3000", ""],
        &["search", "--oldest-first", "--limit", "7", "host:web11"],
        &["top", "host", ""],
        &["top", "sd@32473.n", "msgid:ID3"],
        &["top", "severity", "app:shop-1", "--json"],
        &["histogram", "--bucket", "1m", ""],
        &["histogram", "--bucket", "1s", "order", "--json"],
        &["count", "nosuchfeld:1"],
    ];
    for question in questions {
        let [embedded, postgres] = ["search", "db"].map(|store| {
            let output = loggr.command(&[*question, &["--store", store]].concat());
            (output.status.code(), String::from_utf8(output.stdout), String::from_utf8(output.stderr))
        });
        assert_eq!(embedded.0, Some(0), "{question:?}: {embedded:?}");
        assert_eq!(embedded, postgres, "{question:?}");
    }
    assert_eq!(database.sql("SELECT count(*) || ' ' || count(DISTINCT uid) FROM events"), "3000 3000");
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn nul_and_bytes_that_are_not_utf8_come_back() {
    let Some(database) = postgres() else { return };
    let setup = crate::support::Setup {
        tcp_keys: "framing = \"octet-counting\"".to_owned(),
        ..super::with_database(&database.url(), "indexes = \"text\"")
    };
    let mut loggr = crate::support::Loggr::with(setup);
    let lines: [&[u8]; 6] = [
        b"<13>1 2026-11-22T10:00:00Z web01 app - - - nul \0 in the middle",
        b"<13>1 2026-11-22T10:00:00Z web01 app - - - \0\0\x10 ends \0",
        b"<13>1 2026-11-22T10:00:00Z web01 app - - - latin \xe9\xff end",
        b"\xff\xfe\0\x01\x02 nothing understands this",
        b"<13>1 2026-11-22T10:00:00Z we\0b app - - [x@1 a=\"v\0w\"] sd",
        b"{\"message\":\"json \\u0000 text\",\"user\\u0000name\":\"a\\u0000b\",\"n\":7.0}",
    ];
    let mut socket = TcpStream::connect(loggr.address("tcp")).expect("the listener");
    for line in lines {
        socket.write_all(format!("{} ", line.len()).as_bytes()).expect("sent");
        socket.write_all(line).expect("sent");
    }
    drop(socket);
    loggr.stored(lines.len() as u64, 60);
    let [embedded, postgres] = ["search", "db"]
        .map(|store| loggr.ask(&["search", "--format", "json", "--limit", "100", "--store", store, ""]));
    assert_eq!(embedded.lines().count(), lines.len(), "{embedded}");
    assert_eq!(embedded, postgres);
    assert!(postgres.contains("not_utf8") && postgres.contains("\\u0000"), "{postgres}");
    for (query, count) in
        [("nul", "1"), ("middle", "1"), ("ends", "1"), ("latin end", "1"), ("json text", "1")]
    {
        assert_eq!(loggr.ask(&["count", "--store", "db", query]).trim(), count, "{query}");
    }
    loggr.assert_balanced();
    loggr.stop();
}

/// One event in 10,000 that the server refuses is alone in the rescue, and is stored when the
/// cause is gone.
#[test]
fn a_poisoned_event_goes_to_the_rescue_alone() {
    const EVENTS: u64 = 10_000;
    let Some(database) = postgres() else { return };
    let mut loggr = start(&database, "");
    database.sql("ALTER TABLE events ADD CONSTRAINT no_poison CHECK (message NOT LIKE '%seq=000006543%')");
    RelpSender::new(loggr.address("relp"), 4).run(0, EVENTS);
    let queue = |loggr: &crate::support::Loggr, key: &str| {
        let status = loggr.status();
        let queues = status["queues"].as_array().expect("queues").clone();
        queues.iter().find(|q| q["name"] == "db").expect("its queue")[key].as_u64().expect("a number")
    };
    until("all but one are stored", 120, || {
        queue(&loggr, "stored") == EVENTS - 1 && queue(&loggr, "rescued") == 1
    });
    assert_eq!(database.sql("SELECT count(*) FROM events"), (EVENTS - 1).to_string());
    assert_eq!(database.sql("SELECT sum(events) FROM events_minutes"), (EVENTS - 1).to_string());
    let listed = loggr.ask(&["rescue", "list", "db"]);
    assert!(listed.contains("violates check constraint \"no_poison\" (SQLSTATE 23514)"), "{listed}");
    let id = listed.lines().nth(1).and_then(|l| l.split(' ').next()).expect("an id").to_owned();
    let shown = loggr.ask(&["rescue", "show", "db", &id]);
    assert!(shown.contains("seq=000006543"), "{shown}");
    // Offered again too early it stays where it is.
    let again = loggr.command(&["rescue", "replay", "db"]);
    assert_eq!(String::from_utf8_lossy(&again.stdout).trim(), "`db` took 0 events");
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(1), "{why}");
    assert!(why.contains("refused 1 event again") && why.contains("no_poison"), "{why}");
    database.sql("ALTER TABLE events DROP CONSTRAINT no_poison");
    assert_eq!(loggr.ask(&["rescue", "replay", "db"]).trim(), "`db` took 1 event");
    assert_eq!(database.sql("SELECT count(*) FROM events WHERE message LIKE '%seq=000006543%'"), "1");
    assert_eq!(database.sql("SELECT count(*) || ' ' || count(DISTINCT uid) FROM events"), "10000 10000");
    loggr.assert_balanced();
    loggr.stop();
}

/// The server is killed and started again under load: nothing that was acknowledged is missing,
/// and no event stands twice.
#[test]
fn a_server_that_dies_and_comes_back_loses_nothing() {
    let Some(database) = own_postgres() else { return };
    let rounds = if crate::support::long() { 12 } else { 3 };
    let mut random = Random::new();
    let mut loggr = start(&database, "connections = 3\ncommit_events = 500");
    let sender = RelpSender::new(loggr.address("relp"), 4);
    let sent = sender.during(|load| {
        for round in 0..rounds {
            load.goes_on(2000);
            random_moment(&mut random, 300);
            if round % 3 == 2 {
                database.server.stop();
            } else {
                database.server.kill9();
            }
            random_moment(&mut random, 500);
            if round % 2 == 1 {
                // Both at once: what was committed and not acknowledged comes again.
                loggr.kill9();
                loggr.up();
            }
            database.server.up();
        }
    });
    loggr.drained(120);
    let stored = database.sql("SELECT message FROM events");
    let counts = count_seqs(stored.lines());
    let missing: Vec<u64> =
        sent.iter().filter(|(seq, s)| s.acked && !counts.contains_key(seq)).map(|(seq, _)| *seq).collect();
    assert!(missing.is_empty(), "{} acknowledged lines are missing: {:?}", missing.len(), missing.first());
    // A line stands twice only where its sender sent it twice.
    let twice: BTreeSet<u64> = counts
        .iter()
        .filter(|(seq, n)| **n > sent.get(seq).map_or(0, |s| s.times))
        .map(|(seq, _)| *seq)
        .collect();
    assert!(twice.is_empty(), "{} lines stand too often: {:?}", twice.len(), twice.first());
    let total = stored.lines().count();
    assert_eq!(database.sql("SELECT count(DISTINCT uid) FROM events"), total.to_string());
    assert_eq!(
        database.sql("SELECT sum(events) FROM events_minutes"),
        total.to_string(),
        "counted once each"
    );
    loggr.assert_balanced();
    loggr.stop();
    let log = loggr.log();
    let said = log.matches("the shipper cannot write").count();
    assert!((1..=rounds * 6).contains(&said), "said {said} times:\n{log}");
}

#[test]
fn a_server_that_is_away_at_the_start_is_waited_for() {
    let Some(database) = own_postgres() else { return };
    database.server.stop();
    let mut loggr = start(&database, "");
    RelpSender::new(loggr.address("relp"), 1).run(0, 200);
    let log = loggr.log();
    assert!(log.contains("the database cannot be reached; events wait in the queue"), "{log}");
    assert!(log.contains("connection refused") || log.contains("Connection refused"), "{log}");
    until("the shipper has tried", 60, || {
        let ships = loggr.status()["ships"].clone();
        ships.as_array().expect("ships").iter().any(|s| s["name"] == "db" && s["failing"] == true)
    });
    database.server.up();
    rows(&database, 200);
    eventually("it says that it works again", 60, || {
        loggr.log().contains("the shipper can write again").then_some(())
    });
    loggr.stop();
}

/// A table that is gone is an operator's mistake, no event's: they wait, and it is said once.
#[test]
fn a_table_that_is_gone_is_waited_for() {
    let Some(database) = postgres() else { return };
    let mut loggr = start(&database, "connections = 1");
    RelpSender::new(loggr.address("relp"), 1).run(0, 50);
    rows(&database, 50);
    database.sql("ALTER TABLE events RENAME TO hidden");
    RelpSender::new(loggr.address("relp"), 1).run(50, 50);
    eventually("it is said", 60, || {
        loggr.log().contains(r#"relation \"events\" does not exist"#).then_some(())
    });
    until("several tries", 60, || {
        let failures = loggr.status()["ships"].as_array().expect("ships").clone();
        failures.iter().any(|s| s["name"] == "db" && s["failing"] == true)
    });
    database.sql("ALTER TABLE hidden RENAME TO events");
    rows(&database, 100);
    loggr.stop();
    assert_eq!(loggr.log().matches("the shipper cannot write").count(), 1, "{}", loggr.log());
    assert!(!loggr.log().contains("in the rescue"), "{}", loggr.log());
}

/// Partitions that somebody drops are made again when events of their day come.
#[test]
fn a_partition_that_was_dropped_is_made_again() {
    let Some(database) = postgres() else { return };
    let mut loggr = start(&database, "");
    RelpSender::new(loggr.address("relp"), 1).run(0, 20);
    rows(&database, 20);
    let output = loggr.command(&["purge", "--store", "db"]);
    assert_eq!(output.status.code(), Some(1), "nobody has answered");
    rows(&database, 20);
    let said = loggr.ask(&["purge", "--store", "db", "--yes"]);
    assert_eq!(said.trim(), "deleted 3 days of `db`");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "0");
    assert_eq!(database.sql("SELECT count(*) FROM events_minutes"), "0");
    RelpSender::new(loggr.address("relp"), 1).run(20, 20);
    rows(&database, 20);
    // Dropped by hand, behind loggr's back.
    let leaf = database.sql("SELECT 'events_p' || to_char(min(day), 'YYYYMMDD') FROM events_days");
    database.sql(&format!("DROP TABLE {leaf}"));
    RelpSender::new(loggr.address("relp"), 1).run(40, 20);
    rows(&database, 20);
    loggr.stop();
}

#[test]
fn new_events_are_followed() {
    let Some(database) = postgres() else { return };
    let mut loggr = start(&database, "");
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    rows(&database, 10);
    let output = loggr.data().join("followed");
    let mut command = std::process::Command::new(crate::support::PROGRAM);
    command.args(["search", "-f", "--store", "db", "--limit", "5", "host:web03 OR host:web05"]);
    command.arg("--config").arg(loggr.config());
    let mut follower = crate::support::Daemon::start("loggr search -f", command, &output);
    let seen = |follower: &crate::support::Daemon| count_seqs(follower.log().lines());
    until("what is there is printed", 60, || seen(&follower).len() == 2);
    RelpSender::new(loggr.address("relp"), 1).run(10, 90);
    until("what is new is printed", 60, || seen(&follower).len() == 10);
    assert!(seen(&follower).values().all(|n| *n == 1), "{}", follower.log());
    follower.kill9();
    loggr.stop();
}
