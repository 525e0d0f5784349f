//! Merging changes no answer, keeps every event whole, and is bounded by named limits.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use loggr_event::Event;
use loggr_store::SearchOptions;
use loggr_store::embedded::{MAX_FIELD_COLUMNS, Reader, Writer, WriterOptions};
use loggr_store::query::{Query, parse};
use proptest::prelude::*;
use support::{MIDNIGHT, any_event, event, everything, sorted, with_field};

fn quiet() -> WriterOptions {
    WriterOptions { background_compaction: false, ..WriterOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn merged_events_are_whole(batches in proptest::collection::vec(proptest::collection::vec(any_event(), 1..25), 2..5)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Writer::open(dir.path(), quiet()).unwrap();
        for batch in &batches {
            store.append(batch).unwrap();
            // A new process has learned another order of the fields.
            drop(store);
            store = Writer::open(dir.path(), quiet()).unwrap();
        }
        let compactor = store.compactor();
        while compactor.step_forced().unwrap() {}
        let reader = Reader::open(dir.path()).unwrap();
        prop_assert!(reader.partitions().unwrap().iter().all(|p| p.files == 1));
        let mut all: Vec<Event<'static>> = Vec::new();
        for event in batches.concat() {
            if !all.iter().any(|e| e.uid == event.uid) {
                all.push(event);
            }
        }
        prop_assert_eq!(everything(&reader), sorted(all.clone()));
        // What was merged is still known.
        prop_assert_eq!(store.append(&all).unwrap().stored, 0);
        prop_assert_eq!(reader.verify().unwrap().damaged, []);
    }
}

#[test]
fn more_field_names_than_columns() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let mut all = Vec::new();
    for round in 0..3u64 {
        let batch: Vec<_> = (0..200u64)
            .map(|i| {
                let n = round * 200 + i;
                let mut e = event(n, MIDNIGHT + n as i64, "app", "x");
                for f in 0..3 {
                    e = with_field(e, &format!("f{}", (i * 3 + f + round) % 90), &[&i.to_string()]);
                }
                e
            })
            .collect();
        store.append(&batch).unwrap();
        all.extend(batch);
    }
    let reader = Reader::open(dir.path()).unwrap();
    let check = |reader: &Reader| {
        assert_eq!(everything(reader), sorted(all.clone()));
        for f in 0..90 {
            let query = parse(&format!("f{f}:>100")).unwrap();
            let naive = all.iter().filter(|e| query.matches(e, 0)).count() as u64;
            assert_eq!(reader.count(&query, &SearchOptions::new(0)).unwrap().events, naive, "f{f}");
        }
    };
    assert!(reader.fields(None, None).unwrap().len() > MAX_FIELD_COLUMNS);
    check(&reader);
    while store.compactor().step_forced().unwrap() {}
    check(&reader);
}

#[test]
fn a_reader_goes_on_while_files_are_merged_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    for n in 0..40u64 {
        store.append(&[event(n, MIDNIGHT + n as i64, "app", "x")]).unwrap();
        if n % 5 == 4 {
            assert!(store.compactor().step_forced().unwrap());
        }
        assert_eq!(reader.count(&Query::all(), &SearchOptions::new(0)).unwrap().events, n + 1);
        assert_eq!(everything(&reader).len() as u64, n + 1);
    }
}

#[test]
fn the_background_thread_merges_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), WriterOptions::default()).unwrap();
    for n in 0..64u64 {
        store.append(&[event(n, MIDNIGHT + n as i64, "app", "x")]).unwrap();
    }
    // Takes its turn behind the thread: what is due is done then, by one of the two.
    while store.compactor().step().unwrap() {}
    assert!(store.files() < 16, "{} files", store.files());
    assert!(store.compaction_error().is_none());
    drop(store);
    assert_eq!(everything(&Reader::open(dir.path()).unwrap()).len(), 64);
}

#[test]
fn a_noisy_log_stays_searchable_and_its_index_small() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let mut seed = 7u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut word =
        |n: usize| -> String { (0..n).map(|_| char::from(b'a' + (random() >> 20) as u8 % 26)).collect() };
    let batch: Vec<_> = (0..6000u64)
        .map(|n| {
            let mut e = event(
                n,
                MIDNIGHT + n as i64 * 1000,
                "app",
                &format!("{} {} id={}x{n}", word(9), word(11), word(4)),
            );
            e.source = word(12).into();
            with_field(e, "trace", &[&word(20)])
        })
        .collect();
    store.append(&batch).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    for e in batch.iter().step_by(517) {
        let first = e.message.split(' ').next().unwrap();
        for text in [
            first.to_owned(),
            format!("host:{}", e.source),
            format!("trace:{}", e.fields[0].values[0]),
            format!("*{}*", &first[2..7]),
        ] {
            let found = reader.search(&parse(&text).unwrap(), &SearchOptions::new(0)).unwrap();
            assert!(found.events.contains(e), "`{text}`");
            assert!(found.events.len() < 5, "`{text}`");
        }
    }
}
