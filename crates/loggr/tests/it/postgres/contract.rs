//! The real sink keeps the contract of sinks, and that of sinks that know events by their uid.

use loggr::sink::postgres::PostgresSink;
use loggr_event::Timestamp;
use loggr_flow::{Sink, contract};
use loggr_store::postgres::{Database, Indexes, Settings, TableName};
use loggr_store::query::Query;
use loggr_store::{SearchOptions, StoreError};

use crate::stores::no_event_is_to_blame;
use crate::support;

/// The time of the contract's events.
fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_790_000_000_000_000)
}

fn make(database: &support::Database) -> PostgresSink {
    let settings = Settings {
        url: database.url(),
        password: None,
        sslmode: None,
        sslrootcert: None,
        client_certificate: None,
        table: TableName::parse("events").expect("a name"),
        columns: Vec::new(),
        indexes: Indexes::Fields,
        connections: 2,
    };
    PostgresSink::new(Database::new(settings).expect("settings"), now)
}

/// The messages of all events, asked for on a thread of its own: the contract asks without waiting.
fn messages(sink: &mut PostgresSink) -> Vec<String> {
    let database = sink.database().clone();
    let asked = std::thread::spawn(move || -> Result<Vec<String>, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // Connections belong to the runtime that made them.
        let found = runtime.block_on(async {
            let options = SearchOptions { limit: 1000, ..SearchOptions::new(now().unix_micros()) };
            database.search(&Query::all(), &options).await
        })?;
        Ok(found.events.into_iter().map(|e| e.message.into_owned()).collect())
    });
    asked.join().expect("no panic").expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_keeps_the_contracts() {
    let (Some(one), Some(other)) = (support::postgres(), support::postgres()) else { return };
    contract::sink(make(&one), messages).await;
    contract::idempotent_sink(make(&other), messages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_trouble_lets_events_wait() {
    let Some(database) = support::postgres() else { return };
    let mut sink = make(&database);
    sink.store(&contract::lines(&["first"])).await.map(drop).expect("a healthy sink stores");
    database.sql("UPDATE events_meta SET version = 99; ALTER TABLE events DROP COLUMN tags CASCADE");
    no_event_is_to_blame(sink, "events").await;
    no_event_is_to_blame(make(&database), "99").await;
}
