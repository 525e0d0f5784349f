//! How long a database may keep others waiting: one that hangs, one that somebody has locked, one
//! whose own limits are too short.

use std::time::{Duration, Instant};

use loggr_store::postgres::Indexes;
use loggr_store::query::parse;
use loggr_store::{ErrorKind, Limits, SearchOptions};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{self, Loggr, RelpSender, own_postgres, postgres, until};

use super::tables::{MIDNIGHT, all, events, made, open};
use super::{start, with_database};

/// The server's sides of loggr's connections, standing still until this is dropped.
struct Frozen(Vec<Pid>);

impl Frozen {
    #[track_caller]
    fn all(database: &support::Database) -> Frozen {
        let pids = database.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'loggr'");
        let pids: Vec<Pid> = pids
            .lines()
            .map(|line| Pid::from_raw(line.parse().expect("a number")).expect("a process"))
            .collect();
        assert!(!pids.is_empty(), "nobody is connected");
        let frozen = Frozen(pids);
        frozen.0.iter().for_each(|pid| kill_process(*pid, Signal::STOP).expect("it stands still"));
        frozen
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            // It may have ended meanwhile.
            kill_process(*pid, Signal::CONT).ok();
        }
    }
}

/// A server of its own: others would wait for the processes that stand still.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up() {
    let Some(database) = own_postgres() else { return };
    let store = made(&database).await;
    let everything = parse("").expect("it goes well");
    store.count(&everything, &all()).await.expect("counted");
    let frozen = Frozen::all(&database);
    let limits = Limits { deadline: Some(Instant::now() + Duration::from_millis(300)), cancel: None };
    let options = SearchOptions { limits, ..all() };
    let begun = Instant::now();
    let error = store.count(&everything, &options).await.expect_err("it hangs");
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().starts_with("the time limit was reached before PostgreSQL at"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let error = store.prepare(MIDNIGHT).await.expect_err("it hangs");
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().ends_with("has not made the tables of `events` ready within 30 s"), "{error}");
    drop(frozen);
    // What hung is used by nobody any more.
    store.prepare(MIDNIGHT).await.expect("tables");
    store.append(&events(0..10, MIDNIGHT)).await.expect("stored");
    assert_eq!(store.count(&everything, &all()).await.expect("counted").events, 10);
}

/// Somebody holds a lock on a table: the start goes on, and the events wait.
#[test]
fn a_locked_table_does_not_hold_up_the_start() {
    let Some(database) = postgres() else { return };
    Loggr::down(with_database(&database.url(), "")).ask(&["init", "postgres", "--no-roles"]);
    let held = "FROM pg_locks WHERE relation = 'events_meta'::regclass AND mode = 'AccessExclusiveLock' \
                AND granted";
    let mut loggr = std::thread::scope(|scope| {
        scope.spawn(|| database.try_sql("BEGIN; LOCK TABLE events_meta; SELECT pg_sleep(100)"));
        until("the lock is held", 30, || database.sql(&format!("SELECT count(*) {held}")) == "1");
        let loggr = start(&database, "");
        assert_eq!(database.sql(&format!("SELECT pg_terminate_backend(pid) {held}")), "t", "it is held");
        loggr
    });
    let log = loggr.log();
    assert_eq!(log.matches("the database cannot be reached; events wait in the queue").count(), 1, "{log}");
    assert!(log.contains("(SQLSTATE 55P03)"), "{log}");
    RelpSender::new(loggr.address("relp"), 1).run(0, 100);
    until("100 rows", 60, || database.sql("SELECT count(*) FROM events") == "100");
    loggr.stop();
}

/// What is meant for the questions of people must not keep events in the queue for ever.
#[tokio::test(flavor = "multi_thread")]
async fn limits_of_the_database_itself_hold_up_no_event() {
    let Some(database) = postgres() else { return };
    made(&database).await;
    let name = database.name();
    database.sql(&format!(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$; \
         CREATE TRIGGER slow BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION slow(); \
         ALTER DATABASE {name} SET statement_timeout = '1s'; \
         ALTER DATABASE {name} SET lock_timeout = '1ms'; \
         ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1ms'"
    ));
    // Its connections are made now.
    let store = open(&database, Indexes::Fields);
    let appended = store.append(&events(0..100, MIDNIGHT)).await.expect("stored");
    assert_eq!(appended.stored, 100);
    assert_eq!(database.sql("SELECT count(*) FROM events"), "100");
}
