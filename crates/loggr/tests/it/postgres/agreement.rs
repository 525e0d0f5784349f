//! The store in PostgreSQL agrees with the definition of the query language: on the suite for all
//! stores, and on random events.

use loggr_event::{Event, Timestamp};
use loggr_store::conformance::{self, Bucket, Key, Memory, Subject};
use loggr_store::postgres::{Database, Indexes, Promoted, Settings, TableName};
use loggr_store::query::{Field, Query, parse};
use loggr_store::{PatternOptions, SearchOptions, Store, StoreError};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::support;

#[path = "../../../../loggr-store/tests/support/mod.rs"]
mod events;

/// A store on a database of its own.
struct Subjected {
    database: Database,
    runtime: Runtime,
}

/// What a test may want otherwise.
#[derive(Clone, Debug)]
struct Shape {
    indexes: Indexes,
    columns: &'static [&'static str],
}

const PLAIN: Shape = Shape { indexes: Indexes::None, columns: &[] };
const INDEXED: Shape = Shape { indexes: Indexes::Fields, columns: &[] };
const PROMOTED: Shape = Shape {
    indexes: Indexes::Text,
    columns: &[
        "client_ip inet",
        "status bigint",
        "duration double",
        "user text",
        "id bigint",
        "ratio double",
    ],
};

fn settings(url: String, shape: &Shape) -> Settings {
    Settings {
        url,
        password: None,
        sslmode: None,
        sslrootcert: None,
        client_certificate: None,
        table: TableName::parse("events").expect("it goes well"),
        columns: shape.columns.iter().map(|c| Promoted::parse(c).expect("it goes well")).collect(),
        indexes: shape.indexes,
        connections: 2,
    }
}

impl Subjected {
    fn new(database: &support::Database, shape: &Shape) -> Subjected {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("it goes well");
        let store = Database::new(settings(database.url(), shape)).expect("it goes well");
        let prepared = runtime.block_on(store.prepare(conformance::NOW_MICROS)).expect("it goes well");
        assert!(prepared.created, "{prepared:?}");
        Subjected { database: store, runtime }
    }
}

impl Subject for Subjected {
    type Error = StoreError;

    fn append(&mut self, events: &[Event<'static>]) -> Result<(), StoreError> {
        for part in events.chunks(events.len().div_ceil(3).max(1)) {
            self.runtime.block_on(self.database.append(part))?;
        }
        Ok(())
    }

    fn search(
        &mut self,
        query: &Query,
        now: i64,
        before: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        let after = before.map(|k| (Timestamp::from_unix_micros(k.time), k.uid));
        let options = SearchOptions { after, limit, ..SearchOptions::new(now) };
        let found = self.runtime.block_on(self.database.search(query, &options))?;
        Ok(found.events.iter().map(|e| Key { time: e.timegenerated.unix_micros(), uid: e.uid }).collect())
    }

    fn count(&mut self, query: &Query, now: i64) -> Result<u64, StoreError> {
        Ok(self.runtime.block_on(self.database.count(query, &SearchOptions::new(now)))?.events)
    }

    fn histogram(&mut self, query: &Query, now: i64, width: i64) -> Result<Vec<Bucket>, StoreError> {
        let options = SearchOptions::new(now);
        let buckets = self.runtime.block_on(self.database.histogram(query, width, &options))?.buckets;
        Ok(buckets.iter().map(|b| Bucket { start: b.start, counts: b.counts }).collect())
    }

    fn top(
        &mut self,
        query: &Query,
        now: i64,
        field: &Field,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let options = SearchOptions::new(now);
        let top = self.runtime.block_on(self.database.top(query, field, limit, &options))?;
        Ok(top.values.into_iter().map(|v| (v.value, v.events)).collect())
    }

    fn fields(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(self.runtime.block_on(self.database.fields(None, None))?.into_iter().map(|f| f.name).collect())
    }
}

#[track_caller]
fn check_suite(shape: &Shape) {
    let Some(database) = support::postgres() else { return };
    let report = conformance::run(&mut Subjected::new(&database, shape));
    report.expect_clean(&format!("{shape:?}"));
}

#[track_caller]
fn check_questions(shape: &Shape) {
    let Some(database) = support::postgres() else { return };
    let mut subject = Subjected::new(&database, shape);
    subject.append(&conformance::events()).expect("it goes well");
    let store = Store::of_database(subject.database.clone(), std::time::Duration::from_secs(60));
    let report = subject.runtime.block_on(conformance::questions::ask(&store));
    report.expect_clean(&format!("{shape:?}"));
}

#[test]
fn a_page_is_answered_without_indexes() {
    check_questions(&PLAIN);
}

#[test]
fn a_page_is_answered_with_promoted_columns_and_all_indexes() {
    check_questions(&PROMOTED);
}

#[test]
fn the_suite_passes_without_indexes() {
    check_suite(&PLAIN);
}

#[test]
fn the_suite_passes_with_indexes() {
    check_suite(&INDEXED);
}

#[test]
fn the_suite_passes_with_words_and_promoted_columns() {
    check_suite(&PROMOTED);
}

/// Rows of before there was a column of shapes are counted, and are found by no shape.
#[test]
fn patterns_are_those_of_the_suite() {
    for shape in [PLAIN, PROMOTED] {
        let Some(database) = support::postgres() else { return };
        let mut subject = Subjected::new(&database, &shape);
        subject.append(&conformance::events()).expect("it goes well");
        let store = Store::of_database(subject.database.clone(), std::time::Duration::from_secs(60));
        subject.runtime.block_on(conformance::patterns(&store)).expect_clean(&format!("{shape:?}"));
        database.sql("UPDATE events SET shape = NULL WHERE message LIKE 'tie%'");
        let all = SearchOptions::new(conformance::NOW_MICROS);
        let (query, options) = (Query::all(), PatternOptions::default());
        let asked = store.patterns(&query, &all, &options);
        let found = subject.runtime.block_on(asked).expect("it goes well");
        assert_eq!((found.matched, found.rest, found.partial), (200, 3, true));
        assert_eq!(found.warnings, ["3 events were stored before loggr kept the shapes of messages"]);
    }
}

/// Queries for random events: those that the text of the events makes interesting.
const QUERIES: &[&str] = &[
    "",
    "root",
    "failed password",
    "\"password for root\"",
    "passw*",
    "*assw*",
    "*word",
    "pass*root",
    "alice",
    "zähler",
    "10.1.2.3",
    "500 OR 30ms",
    "-root",
    "-(root OR timeout)",
    "nul",
    "\"quote \\\" back \\\\ nul\"",
    "*\\\"*",
    "smith",
    "app:nginx",
    "app:*",
    "-app:*",
    "app:web*",
    "app:(nginx OR web01) -host:web01",
    "host:w*",
    "host:\"\"",
    "severity:>=warning",
    "severity:err OR facility:user",
    "status:200",
    "status:200.0",
    "status:007",
    "status:>5",
    "status:[0 TO 300]",
    "status:<=-1.5",
    "status:*",
    "-status:*",
    "status:*0*",
    "status:\"\"",
    "status:/^-?\\d+$/",
    "client_ip:10.0.0.0/8",
    "client_ip:10.0.0.1",
    "client_ip:192.168.7.9",
    "client_ip:fe80::/16",
    "client_ip:fe80::1",
    "client_ip:[10.0.0.0 TO 10.255.255.255]",
    "client_ip:[fe80::0 TO fe80::ff]",
    "user:alice",
    "user:ALICE",
    "user:al*",
    "user:*smith",
    "user:[a TO m}",
    "user:/^[a-m]/",
    "bytes:<0",
    "bytes:-1.5",
    "bytes:/\\./",
    "a.b:*",
    "a.b:200",
    "x\\ y:alice",
    "_PID:12",
    "_PID:>5",
    "_PID:*",
    "web01.nginx:*",
    "tag:a*",
    "tag:*\\\"*",
    "-tag:*",
    "procid:web01",
    "procid:*30ms",
    "msgid:/ALICE/",
    "peer:10.0.0.1 transport:udp",
    "peer:10.0.0.0/30",
    "listener:listener?",
    "listener:/[12]$/",
    "-transport:relp",
    "tls_name:*",
    "defect:not_utf8",
    "defect:n*",
    "-defect:*",
    "uid:*7000*",
    "msg:/timeout after \\d+ms/",
    "msg:/^$/ OR msg:/admin/",
    "msg:/\\broot\\b/",
    "msg:/nul .? lf/",
    "msg:/nul . lf/",
    "msg:/\\x00/",
    "msg:/[^a-z ]$/",
    "msg:/^(Failed|user).*\\/admin/",
    "msg:/(?m)^user/",
    "msg:/\\p{Lu}/",
    "msg:/(?-i)Z\\w+ler/",
    "msg:/\\S{6,300}/",
    "app:/^(nginx|web01)?$/",
    "msg:\"nul\"",
    "_time:[2026-11-21T23:59:00Z TO 2026-11-22T00:01:00Z] root",
    "timereported:>=2026-11-22 severity:<=err",
    "-_time:2026-11-22",
];

const FIELDS: &[&str] = &[
    "app",
    "host",
    "status",
    "client_ip",
    "user",
    "bytes",
    "severity",
    "facility",
    "tag",
    "peer",
    "defect",
    "_PID",
    "procid",
    "msgid",
    "msg",
    "listener",
    "transport",
    "tls_name",
    "uid",
    "a.b",
    "web01.nginx",
];

/// Rows as random events make them, in each shape of table.
#[track_caller]
fn check_random(shape: &Shape, cases: u32) {
    let Some(database) = support::postgres() else { return };
    let batches = proptest::collection::vec(proptest::collection::vec(events::any_event(), 1..60), 1..4);
    let subject = std::cell::RefCell::new(Subjected::new(&database, shape));
    let mut runner = TestRunner::new(Config { cases, max_shrink_iters: 0, ..Config::default() });
    let now = events::MIDNIGHT;
    let outcome = runner.run(&batches, |batches| {
        let subject = &mut *subject.borrow_mut();
        subject.runtime.block_on(subject.database.purge(None)).expect("it goes well");
        let mut memory = Memory::default();
        for batch in &batches {
            subject.runtime.block_on(subject.database.append(batch)).expect("it goes well");
            memory.append(batch).expect("it goes well");
        }
        let everything = SearchOptions { limit: 10_000, ..SearchOptions::new(now) };
        let found = subject
            .runtime
            .block_on(subject.database.search(&Query::all(), &everything))
            .expect("it goes well");
        let sent = events::sorted(batches.concat());
        prop_assert_eq!(found.events, sent, "what was stored comes back as it was");
        for text in QUERIES {
            let query = parse(text).expect("it goes well");
            let expect = memory.search(&query, now, None, 10_000).expect("it goes well");
            prop_assert_eq!(
                &subject.search(&query, now, None, 10_000).expect("it goes well"),
                &expect,
                "`{}`",
                text
            );
            if let Some(key) = expect.get(2) {
                let rest = subject.search(&query, now, Some(*key), 5).expect("it goes well");
                prop_assert_eq!(&rest[..], &expect[3..expect.len().min(8)], "page of `{}`", text);
            }
            prop_assert_eq!(
                subject.count(&query, now).expect("it goes well"),
                expect.len() as u64,
                "count of `{}`",
                text
            );
        }
        for text in
            ["", "root", "severity:>=err", "app:nginx", "-app:*", "msg:/\\d/", "app:web* -severity:info"]
        {
            let query = parse(text).expect("it goes well");
            for width in [60_000_000, 7_000_000, 86_400_000_000] {
                prop_assert_eq!(
                    subject.histogram(&query, now, width).expect("it goes well"),
                    memory.histogram(&query, now, width).expect("it goes well"),
                    "histogram of `{}` by {}",
                    text,
                    width
                );
            }
            for name in FIELDS {
                let field = Field::from_name(name);
                prop_assert_eq!(
                    subject.top(&query, now, &field, 4).expect("it goes well"),
                    memory.top(&query, now, &field, 4).expect("it goes well"),
                    "top `{}` of `{}`",
                    name,
                    text
                );
            }
        }
        let mut names = subject.fields().expect("it goes well");
        names.sort_unstable();
        prop_assert_eq!(names, memory.fields().expect("it goes well"));
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{shape:?}: {e}"));
}

#[test]
fn random_events_without_indexes() {
    check_random(&PLAIN, if support::long() { 40 } else { 3 });
}

#[test]
fn random_events_with_indexes() {
    check_random(&INDEXED, if support::long() { 40 } else { 3 });
}

#[test]
fn random_events_with_words_and_promoted_columns() {
    let shape =
        Shape { columns: &["client_ip inet", "status bigint", "bytes double", "user text"], ..PROMOTED };
    check_random(&shape, if support::long() { 40 } else { 3 });
}
