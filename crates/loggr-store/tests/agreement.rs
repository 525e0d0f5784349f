//! The store agrees with the definition of the query language: on the suite for all stores, and
//! on random events.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use loggr_event::Event;
use loggr_store::conformance::{self, Bucket, Key, Memory, Subject};
use loggr_store::embedded::{Reader, Writer, WriterOptions};
use loggr_store::query::{Field, Query, parse};
use loggr_store::{PatternOptions, SearchOptions, Store, StoreError};
use proptest::prelude::*;
use support::{MIDNIGHT, any_event};

/// What happens to the store after each append.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    SmallFiles,
    OneEventAFile,
    Merged,
    Reopened,
}

struct Embedded {
    dir: tempfile::TempDir,
    store: Option<Writer>,
    reader: Reader,
    mode: Mode,
}

fn open(dir: &std::path::Path) -> Writer {
    Writer::open(dir, WriterOptions { background_compaction: false, ..WriterOptions::default() }).unwrap()
}

impl Embedded {
    fn new(mode: Mode) -> Embedded {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(open(dir.path()));
        let reader = Reader::open(dir.path()).unwrap();
        Embedded { dir, store, reader, mode }
    }

    fn options(&self, now: i64) -> SearchOptions {
        SearchOptions::new(now)
    }
}

impl Subject for Embedded {
    type Error = StoreError;

    fn append(&mut self, events: &[Event<'static>]) -> Result<(), StoreError> {
        if self.mode == Mode::Reopened {
            self.store = None;
            self.store = Some(open(self.dir.path()));
            self.reader = Reader::open(self.dir.path())?;
        }
        let store = self.store.as_mut().unwrap();
        if self.mode == Mode::OneEventAFile {
            for event in events {
                store.append(std::slice::from_ref(event))?;
            }
        } else {
            for part in events.chunks(events.len().div_ceil(3).max(1)) {
                store.append(part)?;
            }
        }
        if self.mode == Mode::Merged {
            while store.compactor().step_forced()? {}
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
        let after = before.map(|k| (loggr_event::Timestamp::from_unix_micros(k.time), k.uid));
        let found = self.reader.search(query, &SearchOptions { after, limit, ..self.options(now) })?;
        Ok(found.events.iter().map(|e| Key { time: e.timegenerated.unix_micros(), uid: e.uid }).collect())
    }

    fn count(&mut self, query: &Query, now: i64) -> Result<u64, StoreError> {
        Ok(self.reader.count(query, &self.options(now))?.events)
    }

    fn histogram(&mut self, query: &Query, now: i64, width: i64) -> Result<Vec<Bucket>, StoreError> {
        let histogram = self.reader.histogram(query, width, &self.options(now))?;
        Ok(histogram.buckets.iter().map(|b| Bucket { start: b.start, counts: b.counts }).collect())
    }

    fn top(
        &mut self,
        query: &Query,
        now: i64,
        field: &Field,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let top = self.reader.top(query, field, limit, &self.options(now))?;
        Ok(top.values.into_iter().map(|v| (v.value, v.events)).collect())
    }

    fn fields(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(self.reader.fields(None, None)?.into_iter().map(|f| f.name).collect())
    }
}

#[track_caller]
fn check_suite(mode: Mode) {
    let report = conformance::run(&mut Embedded::new(mode));
    report.expect_clean(&format!("{mode:?}"));
}

#[test]
fn the_suite_passes_on_small_files() {
    check_suite(Mode::SmallFiles);
}

#[test]
fn the_suite_passes_on_files_of_one_event() {
    check_suite(Mode::OneEventAFile);
}

#[test]
fn the_suite_passes_on_merged_files() {
    check_suite(Mode::Merged);
}

#[test]
fn the_suite_passes_on_a_store_that_was_opened_again() {
    check_suite(Mode::Reopened);
}

#[track_caller]
fn check_questions(mode: Mode) {
    let mut embedded = Embedded::new(mode);
    embedded.append(&conformance::events()).unwrap();
    let store = loggr_store::Store::open(embedded.dir.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = runtime.block_on(conformance::questions::ask(&store));
    report.expect_clean(&format!("{mode:?}"));
}

#[test]
fn a_page_is_answered_from_small_files() {
    check_questions(Mode::SmallFiles);
}

#[test]
fn a_page_is_answered_from_files_of_one_event() {
    check_questions(Mode::OneEventAFile);
}

#[test]
fn a_page_is_answered_from_merged_files() {
    check_questions(Mode::Merged);
}

#[track_caller]
fn check_patterns(mode: Mode) {
    let mut embedded = Embedded::new(mode);
    let events = conformance::events();
    embedded.append(&events).unwrap();
    let store = Store::open(embedded.dir.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(conformance::patterns(&store)).expect_clean(&format!("{mode:?}"));
}

#[test]
fn patterns_are_those_of_the_suite() {
    check_patterns(Mode::SmallFiles);
    check_patterns(Mode::OneEventAFile);
    check_patterns(Mode::Merged);
}

/// `tests/version1` was written before there were shapes: three files of twenty events.
#[test]
fn files_of_before_there_were_shapes_are_read_and_merged() {
    let (dir, options) = (tempfile::tempdir().unwrap(), SearchOptions::new(MIDNIGHT));
    let old = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/version1");
    std::fs::copy(old.join("MANIFEST"), dir.path().join("MANIFEST")).unwrap();
    let day = std::fs::read_dir(&old).unwrap().map(|e| e.unwrap().path()).find(|p| p.is_dir()).unwrap();
    let copy = dir.path().join(day.file_name().unwrap());
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(&day).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let reader = Reader::open(dir.path()).unwrap();
    let events = reader.search(&Query::all(), &options).unwrap().events;
    assert_eq!(events.len(), 60);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let wanted = PatternOptions { limit: 100, buckets: 5 };
    let ask = || runtime.block_on(store.patterns(&Query::all(), &options, &wanted)).unwrap();
    let (before, shape) = (ask(), loggr_store::shape::hash(&events[0].message));
    assert_eq!((before.matched, before.partial), (60, false));
    let query = Query::of_shape(shape);
    let expect = events.iter().filter(|e| loggr_store::shape::hash(&e.message) == shape).count() as u64;
    assert_eq!(reader.count(&query, &options).unwrap().events, expect);
    let mut writer = open(dir.path());
    while writer.compactor().step_forced().unwrap() {}
    assert_eq!((writer.files(), writer.append(&events).unwrap().stored), (1, 0));
    let after = ask();
    assert_eq!((after.patterns, after.distinct), (before.patterns, before.distinct));
    assert_eq!(reader.count(&query, &options).unwrap().events, expect);
    assert_eq!(reader.search(&Query::all(), &options).unwrap().events, events);
}

const QUERIES: [&str; 44] = [
    "",
    "root",
    "failed password",
    "\"password for root\"",
    "passw*",
    "*assw*",
    "*word",
    "alice",
    "zähler",
    "10.1.2.3",
    "500 OR 30ms",
    "-root",
    "-(root OR timeout)",
    "app:nginx",
    "app:*",
    "-app:*",
    "app:(nginx OR web01) -host:web01",
    "host:w*",
    "severity:>=warning",
    "severity:err OR facility:user",
    "status:200",
    "status:>5",
    "status:[0 TO 300]",
    "status:*",
    "-status:*",
    "client_ip:10.0.0.0/8",
    "client_ip:192.168.7.9",
    "client_ip:fe80::/16",
    "client_ip:fe80::1",
    "user:alice",
    "user:al*",
    "bytes:<0",
    "bytes:-1.5",
    "a.b:*",
    "_PID:12",
    "_PID:>5",
    "tag:a*",
    "procid:web01",
    "peer:10.0.0.1 transport:udp",
    "tls_name:*",
    "defect:not_utf8",
    "msg:/timeout after \\d+ms/",
    "msg:/^$/ OR msg:/root/",
    "_time:[2026-11-21T23:59:00Z TO 2026-11-22T00:01:00Z] root",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_events_give_the_answers_of_the_definition(
        batches in proptest::collection::vec(proptest::collection::vec(any_event(), 1..40), 1..3),
        mode in prop_oneof![Just(Mode::SmallFiles), Just(Mode::Merged), Just(Mode::Reopened)],
    ) {
        let mut embedded = Embedded::new(mode);
        let mut memory = Memory::default();
        for batch in &batches {
            embedded.append(batch).unwrap();
            memory.append(batch).unwrap();
        }
        let now = MIDNIGHT;
        for text in QUERIES {
            let query = parse(text).unwrap();
            let expect = memory.search(&query, now, None, 10_000).unwrap();
            prop_assert_eq!(&embedded.search(&query, now, None, 10_000).unwrap(), &expect, "`{}`", text);
            prop_assert_eq!(&embedded.search(&query, now, None, 3).unwrap()[..], &expect[..expect.len().min(3)], "`{}`", text);
            if let Some(key) = expect.get(2) {
                let rest = embedded.search(&query, now, Some(*key), 5).unwrap();
                prop_assert_eq!(&rest[..], &expect[3..expect.len().min(8)], "page of `{}`", text);
            }
            prop_assert_eq!(embedded.count(&query, now).unwrap(), expect.len() as u64, "count of `{}`", text);
            let width = 60_000_000;
            prop_assert_eq!(
                embedded.histogram(&query, now, width).unwrap(),
                memory.histogram(&query, now, width).unwrap(),
                "histogram of `{}`", text
            );
        }
        let all = Query::all();
        for name in ["app", "host", "status", "client_ip", "user", "bytes", "severity", "facility", "tag", "peer", "defect", "_PID", "procid"] {
            let field = Field::from_name(name);
            prop_assert_eq!(
                embedded.top(&all, now, &field, 4).unwrap(),
                memory.top(&all, now, &field, 4).unwrap(),
                "top of `{}`", name
            );
        }
        let mut names = embedded.fields().unwrap();
        names.sort_unstable();
        prop_assert_eq!(names, memory.fields().unwrap());
    }
}
