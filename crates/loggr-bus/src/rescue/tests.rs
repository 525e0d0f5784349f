//! What is rescued stays, is counted, and goes where it belongs.

use super::*;
use loggr_flow::contract::{MemorySink, lines};
use loggr_flow::{Quiet, Stop, pump};

fn store(dir: &Path) -> RescueStore {
    RescueStore::open(dir, 8 << 20).unwrap()
}

fn reason(text: &str) -> Reason {
    Reason { text: text.to_owned(), attempts: 3 }
}

fn texts(all: &[Rescued]) -> Vec<String> {
    let text =
        |r: &Rescued| String::from_utf8_lossy(r.batch.records().next().unwrap().payload.bytes()).into_owned();
    all.iter().map(text).collect()
}

#[tokio::test]
async fn events_are_kept_per_sink_with_their_reason() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = store(dir.path());
        let mut db = store.rescue_for("db").unwrap();
        let batch = lines(&["a", "b"]);
        let receipt = db.rescue(&batch, &reason("column too short")).await.unwrap();
        assert_eq!(receipt.fate(), loggr_flow::Fate::Rescued);
        let mut files = store.rescue_for("files").unwrap();
        files.rescue(&lines(&["c"]), &reason("never")).await.map(drop).unwrap();
        // The same batch again is the same events.
        db.rescue(&batch, &reason("again")).await.map(drop).unwrap();
    }
    let store = store(dir.path());
    assert_eq!(store.sinks().unwrap(), [("db".to_owned(), 2), ("files".to_owned(), 1)]);
    let all = store.list("db", None, 10).unwrap();
    assert_eq!(texts(&all), ["a", "b"]);
    assert_eq!((all[0].reason.as_str(), all[0].attempts), ("column too short", 3));
    assert_eq!(texts(&store.list("db", Some(all[0].id), 10).unwrap()), ["b"]);
    assert_eq!(texts(&store.list("db", None, 1).unwrap()), ["a"]);
    assert_eq!(RescueId::parse(&all[1].id.to_string()), Some(all[1].id));
    assert_eq!(texts(&[store.get("db", all[1].id).unwrap().unwrap()]), ["b"]);
    assert_eq!(store.remove("db", &[all[0].id, all[0].id], Leaving::Discarded).unwrap(), 1);
    assert_eq!(store.count("db").unwrap(), 1);
    // What was removed can come again.
    assert!(store.get("db", all[0].id).unwrap().is_none());
    assert!(store.rescue_for("").is_err());
}

#[tokio::test]
async fn another_event_with_the_same_uid_is_kept_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut sink = store.rescue_for("db").unwrap();
    let origin = Arc::new(loggr_event::Origin::default());
    for text in ["one", "two", "one"] {
        let mut builder = BatchBuilder::default();
        builder.push_line(&origin, Uid::default(), Timestamp::default(), text.as_bytes());
        sink.rescue(&builder.finish().unwrap(), &reason("x")).await.map(drop).unwrap();
    }
    assert_eq!(texts(&store.list("db", None, 10).unwrap()), ["one", "two"]);
}

#[tokio::test]
async fn a_full_rescue_is_transient_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let store = RescueStore::open(dir.path(), 1 << 20).unwrap();
    let mut sink = store.rescue_for("db").unwrap();
    let large = "x".repeat(100_000);
    let error = loop {
        match sink.rescue(&lines(&[&large]), &reason("x")).await {
            Ok(receipt) => drop(receipt),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Transient(_)));
    assert!(error.to_string().contains("rescue is full: 1 MiB"), "{error}");
    let all = store.list("db", None, 1000).unwrap();
    let ids: Vec<_> = all.iter().map(|r| r.id).collect();
    assert_eq!(store.remove("db", &ids[..2], Leaving::Discarded).unwrap(), 2);
}

#[tokio::test]
async fn a_replay_removes_what_was_stored_and_keeps_what_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut sink = store.rescue_for("db").unwrap();
    sink.rescue(&lines(&["good", "bad", "fine"]), &reason("x")).await.map(drop).unwrap();
    let target = MemorySink::refusing("bad");
    let replay = store.replay("db", None, 2).unwrap();
    pump(replay, target.clone(), sink.clone(), Stop::never(), Quiet).await.unwrap();
    assert_eq!(target.texts(), ["good", "fine"]);
    assert_eq!(texts(&store.list("db", None, 10).unwrap()), ["bad"]);
    let target = MemorySink::default();
    let ids = store.list("db", None, 10).unwrap().iter().map(|r| r.id).collect();
    pump(store.replay("db", Some(ids), 2).unwrap(), target.clone(), sink, Stop::never(), Quiet)
        .await
        .unwrap();
    assert_eq!((target.texts(), store.count("db").unwrap()), (vec!["bad".to_owned()], 0));
}

/// Of the sink `db`: here, replayed, discarded, lost.
#[track_caller]
fn check(store: &RescueStore, expect: [u64; 4]) {
    let all = store.standing().unwrap();
    let s = all.get("db").copied().unwrap_or_default();
    assert_eq!([s.here, s.replayed, s.discarded, s.lost], expect);
}

#[tokio::test]
async fn what_leaves_is_counted_by_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut sink = store.rescue_for("db").unwrap();
    sink.rescue(&lines(&["a", "b", "c", "d"]), &reason("x")).await.map(drop).unwrap();
    check(&store, [4, 0, 0, 0]);
    let first = store.list("db", None, 1).unwrap()[0].id;
    pump(
        store.replay("db", Some(vec![first]), 2).unwrap(),
        MemorySink::default(),
        sink,
        Stop::never(),
        Quiet,
    )
    .await
    .unwrap();
    check(&store, [3, 1, 0, 0]);
    let ids: Vec<_> = store.list("db", None, 2).unwrap().iter().map(|r| r.id).collect();
    store.remove("db", &ids, Leaving::Discarded).unwrap();
    check(&store, [1, 1, 2, 0]);
    store.adopt("db", 4).unwrap();
    check(&store, [1, 1, 2, 0]);
}

#[tokio::test]
async fn a_damaged_rescue_waits_until_it_is_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = store(dir.path()).rescue_for("db").unwrap();
    sink.rescue(&lines(&["a"]), &reason("x")).await.map(drop).unwrap();
    let good = std::fs::read(dir.path().join("data.mdb")).unwrap();
    for bad in [&b"nonsense"[..], &good[..good.len() / 2], &vec![0x5a; good.len()]] {
        std::fs::write(dir.path().join("data.mdb"), bad).unwrap();
        // Also in the process that has it open.
        for store in [RescueStore::attach(dir.path(), 8 << 20), sink.store.clone()] {
            let trouble = store.trouble().unwrap();
            assert!(trouble.contains("data.mdb"), "{trouble}");
            let error = store.rescue_for("db").unwrap().rescue(&lines(&["b"]), &reason("x")).await;
            assert!(matches!(error, Err(StoreError::Transient(_))));
        }
        assert!(RescueStore::open(dir.path(), 8 << 20).is_err());
    }
    drop(sink);
    let aside = move_aside(dir.path()).unwrap().unwrap();
    assert!(aside.exists() && move_aside(dir.path()).unwrap().is_none());
    let store = store(dir.path());
    store.rescue_for("db").unwrap().rescue(&lines(&["c"]), &reason("x")).await.map(drop).unwrap();
    store.adopt("db", 2).unwrap();
    check(&store, [1, 0, 0, 1]);
}

#[test]
fn any_bytes_are_an_entry_or_an_error() {
    let id = RescueId::new(1, 2);
    for len in 0..40 {
        assert!(decode(id, &vec![1; len]).is_err());
    }
    assert!(decode(id, &[9; 60]).is_err());
    assert_eq!(RescueId::parse("x"), None);
}
