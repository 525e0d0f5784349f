//! What is appended is found again: whole, once, in order, also after a restart.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use loggr_event::Timestamp;
use loggr_store::embedded::{Reader, Writer, WriterOptions};
use loggr_store::query::{Query, parse};
use loggr_store::{Appended, SearchOptions};
use proptest::prelude::*;
use support::{MIDNIGHT, SEAL_KEY, any_event, event, everything, sorted};

fn quiet() -> WriterOptions {
    WriterOptions { background_compaction: false, ..WriterOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_event_comes_back_as_it_was(batches in proptest::collection::vec(proptest::collection::vec(any_event(), 0..30), 1..4)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Writer::open(dir.path(), quiet()).unwrap();
        let mut all = Vec::new();
        for batch in &batches {
            store.append(batch).unwrap();
            for event in batch {
                if !all.iter().any(|e: &loggr_event::Event<'_>| e.uid == event.uid) {
                    all.push(event.clone());
                }
            }
        }
        let reader = Reader::open(dir.path()).unwrap();
        let (found, sent) = (everything(&reader), sorted(all));
        for (found, sent) in found.iter().zip(&sent) {
            prop_assert_eq!(found.verify(SEAL_KEY), sent.verify(SEAL_KEY));
        }
        prop_assert_eq!(found, sent);
    }
}

#[test]
fn the_same_batch_twice_is_stored_once_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let batch: Vec<_> = (0..500).map(|i| event(i, MIDNIGHT - 250 + i as i64, "app", "hello")).collect();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    assert_eq!(store.append(&batch).unwrap(), Appended { stored: 500, duplicates: 0 });
    assert_eq!(store.append(&batch[100..200]).unwrap(), Appended { stored: 0, duplicates: 100 });
    drop(store);
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let mut more = batch.clone();
    more.push(event(900, MIDNIGHT, "app", "new"));
    more.push(event(900, MIDNIGHT, "app", "new"));
    assert_eq!(store.append(&more).unwrap(), Appended { stored: 1, duplicates: 501 });
    assert_eq!(everything(&Reader::open(dir.path()).unwrap()).len(), 501);
}

#[test]
fn a_batch_over_midnight_touches_two_partitions_in_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let before = reader.generation();
    store.append(&[event(1, MIDNIGHT - 1, "a", "late"), event(2, MIDNIGHT, "a", "early")]).unwrap();
    reader.refresh().unwrap();
    assert_eq!(reader.generation(), before + 1);
    let days: Vec<(String, u64)> =
        reader.partitions().unwrap().into_iter().map(|p| (p.date, p.events)).collect();
    assert_eq!(days, [("2026-11-21".to_owned(), 1), ("2026-11-22".to_owned(), 1)]);
}

#[test]
fn one_writer_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = Writer::open(dir.path(), quiet()).unwrap();
    let second = Writer::open(dir.path(), quiet());
    assert_eq!(second.unwrap_err().kind(), loggr_store::ErrorKind::Locked);
    drop(store);
    Writer::open(dir.path(), quiet()).unwrap();
}

#[test]
fn pages_neither_repeat_nor_skip_while_events_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    // Many events of one moment: the uid decides.
    let batch: Vec<_> = (0..1000).map(|i| event(i, MIDNIGHT + i as i64 / 300, "app", "x")).collect();
    store.append(&batch).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    for oldest_first in [false, true] {
        let mut options = SearchOptions { limit: 70, oldest_first, ..SearchOptions::new(MIDNIGHT) };
        let mut seen = Vec::new();
        loop {
            let page = reader.search(&Query::all(), &options).unwrap();
            let Some(last) = page.events.last() else { break };
            options.after = Some((last.timegenerated, last.uid));
            seen.extend(page.events.iter().map(|e| e.uid));
            let n = 5000 + seen.len() as u64;
            store
                .append(&[event(n, if oldest_first { 0 } else { MIDNIGHT + 1_000_000 }, "app", "new")])
                .unwrap();
        }
        let mut expect: Vec<_> = batch.iter().map(|e| e.uid).collect();
        if !oldest_first {
            expect.reverse();
        }
        seen.retain(|uid| expect.contains(uid));
        assert_eq!(seen, expect);
    }
}

#[test]
fn context_surrounds_an_event() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let batch: Vec<_> = (0..100).map(|i| event(i, MIDNIGHT + i as i64, "app", "x")).collect();
    store.append(&batch).unwrap();
    let reader = loggr_store::Store::open(dir.path()).unwrap();
    let key = (Timestamp::from_unix_micros(MIDNIGHT + 50), batch[50].uid);
    let options = SearchOptions::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(reader.context(&Query::all(), key, 2, 3, &options)).unwrap();
    assert_eq!(found.events, batch[48..54]);
    assert_eq!((found.at, found.more_before, found.more_after), (Some(2), true, true));
}

#[track_caller]
fn check(query: &str, expect: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let mut batch: Vec<_> = (0..300)
        .map(|i| event(i, MIDNIGHT + i as i64 * 1_000_000, "sshd", "Failed password for root"))
        .collect();
    batch.extend((300..400).map(|i| {
        let e = event(i, MIDNIGHT + i as i64 * 1_000_000, "nginx", "GET /admin timeout after 30ms");
        support::with_field(
            support::with_field(e, "client_ip", &["10.1.2.3"]),
            "status",
            &[&(400 + i).to_string()],
        )
    }));
    store.append(&batch).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let options = SearchOptions { limit: 1000, ..SearchOptions::new(MIDNIGHT) };
    let query = parse(query).unwrap();
    let naive = batch.iter().filter(|e| query.matches(e, MIDNIGHT)).count();
    assert_eq!(naive as u64, expect, "the definition");
    assert_eq!(reader.count(&query, &options).unwrap().events, expect);
    assert_eq!(reader.search(&query, &options).unwrap().events.len() as u64, expect);
}

#[test]
fn queries() {
    check("", 400);
    check("password failed", 300);
    check("\"failed password\"", 300);
    check("passw", 0);
    check("passw*", 300);
    check("app:nginx", 100);
    check("app:nginx status:>=750", 50);
    check("client_ip:10.0.0.0/8", 100);
    check("msg:/timeout after \\d+ms/", 100);
    check("nosuch:*", 0);
    check("app:(nginx OR sshd) -status:*", 300);
}
