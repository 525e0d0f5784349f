//! What is rescued stays, is counted, and goes where it belongs.

use super::*;
use loggr_flow::contract::{MemorySink, lines};
use loggr_flow::{BatchBuilder, Quiet, Stop, pump};

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

/// Small events, which lie on many pages together.
async fn fill(store: &RescueStore) {
    let mut sink = store.rescue_for("db").unwrap();
    for round in 0.. {
        let texts: Vec<String> = (0..50).map(|i| format!("{round} {i}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        if let Err(error) = sink.rescue(&lines(&texts), &reason("x")).await {
            assert!(error.to_string().contains("full"), "{error}");
            return;
        }
    }
}

#[tokio::test]
async fn a_full_rescue_is_emptied_by_what_its_message_advises() {
    let dir = tempfile::tempdir().unwrap();
    let store = RescueStore::open(dir.path(), 1 << 20).unwrap();
    for _ in 0..3 {
        fill(&store).await;
        let mut left = store.count("db").unwrap();
        assert!(left > 2000, "{left}");
        while left > 0 {
            // As the command line does.
            let ids: Vec<_> = store.list("db", None, 1000).unwrap().iter().map(|r| r.id).collect();
            left -= store.remove("db", &ids, Leaving::Discarded).unwrap();
        }
    }
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
    // Also in the process that has it open.
    for is_open in [false, true] {
        for spoil in [
            |_: &[u8]| b"nonsense".to_vec(),
            |b: &[u8]| b[..b.len() / 2].to_vec(),
            |b: &[u8]| vec![0x5a; b.len()],
        ] {
            let dir = tempfile::tempdir().unwrap();
            let sink = store(dir.path()).rescue_for("db").unwrap();
            sink.clone().rescue(&lines(&["a"]), &reason("x")).await.map(drop).unwrap();
            let sink = is_open.then_some(sink);
            let good = std::fs::read(dir.path().join("data.mdb")).unwrap();
            std::fs::write(dir.path().join("data.mdb"), spoil(&good)).unwrap();
            let damaged = RescueStore::attach(dir.path(), 8 << 20);
            let error = damaged.rescue_for("db").unwrap().rescue(&lines(&["b"]), &reason("x")).await;
            assert!(matches!(error, Err(StoreError::Transient(_))));
            let trouble = damaged.trouble().unwrap();
            assert!(trouble.contains("data.mdb"), "{trouble}");
            assert!(RescueStore::open(dir.path(), 8 << 20).is_err());
            drop((damaged, sink));
            let Aside::Moved(aside) = move_aside(dir.path()).unwrap() else { panic!("it is damaged") };
            assert!(aside.exists() && move_aside(dir.path()).unwrap() == Aside::Whole);
            let store = store(dir.path());
            store.rescue_for("db").unwrap().rescue(&lines(&["c"]), &reason("x")).await.map(drop).unwrap();
            store.adopt("db", 2).unwrap();
            check(&store, [1, 0, 0, 1]);
        }
    }
}

/// Whether another process would say that the rescue is open.
fn is_open_for_others(dir: &Path) -> bool {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "rescue::tests::child"]).env("LOGGR_RESCUE_CHILD", dir);
    child.output().unwrap().status.success()
}

/// Not a test by itself: the other process.
#[test]
fn child() {
    let Ok(dir) = std::env::var("LOGGR_RESCUE_CHILD") else { return };
    assert!(room::is_open(Path::new(&dir)).unwrap());
}

#[tokio::test]
async fn other_processes_see_that_a_rescue_is_open_until_it_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut sink = store.rescue_for("db").unwrap();
    for text in ["a", "b", "c"] {
        // Each changes the file, so that it is looked at again.
        sink.rescue(&lines(&[text]), &reason("x")).await.map(drop).unwrap();
        assert!(RescueStore::attach(dir.path(), 8 << 20).count("db").unwrap() > 0);
    }
    assert!(is_open_for_others(dir.path()));
    let path = dir.path().join("data.mdb");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert!(store.count("db").is_err());
    assert!(!is_open_for_others(dir.path()));
}

#[tokio::test]
async fn who_asks_for_trouble_and_who_uses_a_large_rescue_waits_for_no_look() {
    let dir = tempfile::tempdir().unwrap();
    let store = RescueStore::open(dir.path(), 16 << 20).unwrap();
    let mut sink = store.rescue_for("db").unwrap();
    let large = "x".repeat(6 << 20);
    sink.rescue(&lines(&[&large]), &reason("x")).await.map(drop).unwrap();
    let looking = store.room.begin_look();
    assert_eq!(store.trouble(), None);
    assert_eq!(store.count("db").unwrap(), 1);
    // One that nobody has looked at yet is not used.
    drop(looking);
    drop((store, sink));
    let store = RescueStore::attach(dir.path(), 16 << 20);
    let looking = store.room.begin_look();
    assert_eq!(store.trouble(), None);
    let asked = store.clone();
    let waits = std::thread::spawn(move || asked.room.enter_at_last().map(drop));
    let error = store.room.enter_within(Some(std::time::Duration::ZERO)).map(drop).unwrap_err();
    assert!(error.to_string().contains("loggr is still checking"), "{error}");
    drop(looking);
    waits.join().unwrap().unwrap();
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

/// A change shows in the file some time before readers see it. Who counted in between kept the old number.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_were_asked_for_during_a_change_are_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut sink = store.rescue_for("db").unwrap();
    let (asked, done) = (store.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let enough = done.clone();
    let asking = std::thread::spawn(move || {
        while !enough.load(std::sync::atomic::Ordering::Relaxed) {
            asked.standing().unwrap();
        }
    });
    let mut told = Vec::new();
    for text in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        sink.rescue(&lines(&[text]), &reason("no")).await.map(drop).unwrap();
        told.push(store.standing().unwrap()["db"].here);
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    asking.join().unwrap();
    assert_eq!(told, [1, 2, 3, 4, 5, 6, 7, 8]);
}
