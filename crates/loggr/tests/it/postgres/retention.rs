//! Days of the tables past their retention, also with a clock that jumps.

use std::time::Duration;

use loggr_store::postgres::{Database, Indexes};
use loggr_store::{Dropped, Look, Moment, Pruned};

use super::tables::{DAY, MIDNIGHT, SECOND, event, events, made, open};
use super::with_database;
use crate::support::{self, Loggr, postgres};

#[tokio::test(flavor = "multi_thread")]
async fn days_past_their_retention_are_dropped() {
    let Some(database) = postgres() else { return };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_micros()
        as i64;
    // With the partitions of today, not of the day that the other tests play on.
    let store = open(&database, Indexes::Fields);
    store.prepare(now).await.expect("tables");
    // Noon, so that no batch begins on one day and ends on the next.
    let noon = now - now.rem_euclid(DAY) + DAY / 2;
    // Midnight may come meanwhile: none is within a day of the 9 days and the 3 days below.
    for days in [0, 5, 7, 12, 40] {
        let mut batch = events(days * 10..days * 10 + 10, noon - days as i64 * DAY);
        batch.iter_mut().for_each(|e| e.set_field("status", "200"));
        store.append(&batch).await.expect("stored");
    }
    database.sql("DELETE FROM events_days WHERE day > current_date + 1; SELECT 1");
    let loggr = Loggr::down(with_database(&database.url(), "retention = \"9d\""));
    let before = database.sql("SELECT count(*) FROM events_days");
    // A question that goes on holds it up, and is not disturbed: it goes on until it is told that it
    // is enough, and for 100 s at most.
    database.sql("CREATE TABLE enough (told bool)");
    let question = "BEGIN; SELECT count(*) FROM events; \
                    DO $$ BEGIN FOR look IN 1..1000 LOOP EXIT WHEN EXISTS (SELECT FROM enough); \
                    PERFORM pg_sleep(0.1); END LOOP; END $$; COMMIT";
    let holder = std::thread::scope(|scope| {
        let held = scope.spawn(|| database.sql(question));
        support::until("the question runs", 30, || {
            database.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %(SELECT FROM enough)%' \
                 AND state = 'active' AND pid <> pg_backend_pid()",
            ) != "0"
        });
        let output = loggr.command(&["prune"]);
        database.sql("INSERT INTO enough VALUES (true)");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("could not be deleted because something reads the files"), "{errors}");
        held.join().expect("no panic")
    });
    assert_eq!(holder, "50");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "50");
    assert_eq!(loggr.ask(&["prune"]).trim(), "deleted 2 days of `db`");
    assert_eq!(loggr.ask(&["prune", "--store", "db"]).trim(), "deleted 0 days of `db`");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "30");
    assert_eq!(database.sql("SELECT sum(events) FROM events_minutes"), "30");
    assert_eq!(database.sql("SELECT sum(events) FROM events_fields"), "30");
    let after = database.sql("SELECT count(*) FROM events_days");
    assert_eq!(before.parse::<u32>().expect("it goes well") - after.parse::<u32>().expect("it goes well"), 2);
    let answer = loggr.ask(&["purge", "--store", "db", "--before", "3d", "--yes"]);
    assert_eq!(answer.trim(), "deleted 2 days of `db`");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "10");
}

/// Noon of the day after [`MIDNIGHT`], so many days and hours later; `ran`: on the clock that nobody sets.
fn at(days: i64, hours: i64, ran: u64) -> Moment {
    let wall = MIDNIGHT + DAY / 2 + days * DAY + hours * 3600 * SECOND;
    Moment { wall, monotonic: Duration::from_secs(ran * 3600) }
}

/// A store that a process filled for nine days, an event a day, and how many hours it ran.
async fn nine_days(database: &support::Database) -> (Database, u64) {
    let store = made(database).await;
    for day in 0..9 {
        let looked =
            store.prune(at(day - 8, 0, 24 * day as u64), Some(TEN_DAYS), false).await.expect("looked");
        assert_eq!(looked, Pruned { dropped: Dropped::default(), clock: Look::Steady }, "{day}");
        store.append(&[event(day as u64, at(day - 8, 0, 0).wall)]).await.expect("stored");
    }
    (store, 8 * 24)
}

/// As if the server's clock had gone on too: it says how much time has passed at most.
fn later(database: &support::Database) {
    database.sql("UPDATE events_retention SET looked = looked - interval '1000 days'");
}

const TEN_DAYS: Duration = Duration::from_secs(10 * 86_400);

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_drops_no_day_that_is_young() {
    let Some(database) = postgres() else { return };
    let (store, ran) = nine_days(&database).await;
    let count = || database.sql("SELECT count(*) FROM events");
    // To 2099: held, and when it has held no day is older than before.
    let far = 73 * 365;
    for (hours, held) in [(0, true), (3, true), (6, false)] {
        later(&database);
        let Pruned { dropped, clock: look } =
            store.prune(at(far, hours, ran + hours as u64), Some(TEN_DAYS), false).await.expect("looked");
        assert_eq!((dropped.days.len(), look.held().is_some()), (0, held), "{hours}");
        store.append(&[event(100 + hours as u64, at(far, hours, 0).wall)]).await.expect("stored");
    }
    assert_eq!(count(), "12");
    // Back, in another process; then in order.
    let store = open(&database, Indexes::Fields);
    for (hours, ran) in [(7, 0), (10, 3), (13, 6)] {
        later(&database);
        let Pruned { dropped, .. } =
            store.prune(at(0, hours, ran), Some(TEN_DAYS), false).await.expect("looked");
        assert_eq!(dropped.days, Vec::<String>::new());
    }
    assert_eq!(store.summary().await.expect("numbers").step, None);
    later(&database);
    let Pruned { dropped, .. } = store.prune(at(3, 0, 64), Some(TEN_DAYS), false).await.expect("looked");
    assert_eq!((dropped.days, dropped.events), (vec!["2026-11-14".to_owned()], 1));
    // The day of 2099 goes when its events are old.
    for day in 4..14 {
        later(&database);
        store.prune(at(day, 0, day as u64 * 24 - 8), Some(TEN_DAYS), false).await.expect("looked");
    }
    let sum = store.summary().await.expect("numbers");
    assert_eq!((sum.events, sum.dropped, sum.purged), (1, 11, 0), "the last day stays");
    assert_eq!(count(), "1");
    store.purge(None).await.expect("purged");
    assert_eq!(store.summary().await.expect("numbers").purged, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_off_for_weeks_drops_nothing_until_somebody_says_so() {
    let Some(database) = postgres() else { return };
    nine_days(&database).await;
    let store = open(&database, Indexes::Fields);
    let Pruned { dropped, clock: look } =
        store.prune(at(40, 0, 0), Some(TEN_DAYS), false).await.expect("looked");
    assert!(dropped.days.is_empty() && look.held().is_some(), "{look:?}");
    assert!(store.summary().await.expect("numbers").step.is_some());
    let Pruned { dropped, clock: look } =
        store.prune(at(40, 0, 0), Some(TEN_DAYS), true).await.expect("looked");
    assert_eq!((dropped.days.len(), dropped.events, look.held()), (8, 8, None), "never all of them");
    assert_eq!(database.sql("SELECT count(*) FROM events"), "1");
}
