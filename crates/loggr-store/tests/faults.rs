//! Failing disks, vanished directories, and `kill -9`: what was acknowledged is there, exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use loggr_store::embedded::fault::{self, Op};
use loggr_store::embedded::{Reader, Writer, WriterOptions};
use support::{MIDNIGHT, event, everything};

fn quiet() -> WriterOptions {
    WriterOptions { background_compaction: false, ..WriterOptions::default() }
}

#[track_caller]
fn check_fault(op: Op) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    store.append(&[event(1, MIDNIGHT, "app", "first")]).unwrap();
    let batch = [event(2, MIDNIGHT - 1, "app", "before midnight"), event(3, MIDNIGHT + 1, "app", "after")];
    for skip in 0..2 {
        fault::arm(op, skip);
        if let Err(e) = store.append(&batch) {
            assert!(e.is_transient(), "{op:?}: {e}");
            assert!(e.to_string().contains("(os error 5)"), "{e}");
            assert_eq!(everything(&reader).len(), 1, "{op:?}: a failed append is not visible");
        } else {
            assert_eq!(skip, 1, "{op:?} did not fail");
        }
        fault::disarm();
    }
    store.append(&batch).unwrap();
    assert_eq!(everything(&reader).len(), 3, "{op:?}");
    drop(store);
    let store = Writer::open(dir.path(), quiet()).unwrap();
    assert_eq!(store.files(), 3);
    assert_eq!(everything(&reader).len(), 3, "{op:?}: after a restart");
}

#[test]
fn a_failed_operation_makes_nothing_visible_and_can_be_repeated() {
    for op in [
        Op::DataCreate,
        Op::DataWrite,
        Op::DataSync,
        Op::DirectorySync,
        Op::ManifestSync,
        Op::ManifestDirectorySync,
    ] {
        check_fault(op);
    }
}

#[test]
fn a_directory_that_vanished_is_a_transient_error_until_it_is_back() {
    let root = tempfile::tempdir().unwrap();
    let (dir, away) = (root.path().join("store"), root.path().join("away"));
    let mut store = Writer::open(&dir, quiet()).unwrap();
    store.append(&[event(1, MIDNIGHT, "app", "x")]).unwrap();
    std::fs::rename(&dir, &away).unwrap();
    let gone = store.append(&[event(2, MIDNIGHT, "app", "y")]).unwrap_err();
    assert!(gone.is_transient() && gone.to_string().contains("is gone"), "{gone}");
    assert!(!dir.exists(), "a store is not made anew silently");
    // Somebody made the directory again, but empty: still not our store.
    std::fs::create_dir(&dir).unwrap();
    assert!(store.append(&[event(2, MIDNIGHT, "app", "y")]).unwrap_err().is_transient());
    std::fs::remove_dir(&dir).unwrap();
    std::fs::rename(&away, &dir).unwrap();
    store.append(&[event(1, MIDNIGHT, "app", "x"), event(2, MIDNIGHT, "app", "y")]).unwrap();
    assert_eq!(everything(&Reader::open(&dir).unwrap()).len(), 2);
}

#[test]
fn orphans_are_collected_and_strangers_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Writer::open(dir.path(), quiet()).unwrap();
    store.append(&[event(1, MIDNIGHT, "app", "x")]).unwrap();
    drop(store);
    let day = dir.path().join("day=2026-11-22");
    std::fs::write(day.join("000000000099.parquet"), "half a file").unwrap();
    std::fs::write(day.join("notes.txt"), "mine").unwrap();
    let store = Writer::open(dir.path(), quiet()).unwrap();
    assert_eq!(store.files(), 1);
    assert!(!day.join("000000000099.parquet").exists());
    assert!(day.join("notes.txt").exists());
}

const BATCH: u64 = 20;

fn numbered(batch: u64) -> Vec<loggr_event::Event<'static>> {
    (0..BATCH)
        .map(|i| {
            let n = batch * BATCH + i;
            // Each tenth batch lies over midnight.
            let time = MIDNIGHT + if batch.is_multiple_of(10) { i as i64 - 10 } else { n as i64 };
            event(n, time, "app", &format!("event {n}"))
        })
        .collect()
}

/// Not a test by itself: the child that `kill_nine` kills.
#[test]
fn child() {
    let Ok(dir) = std::env::var("LOGGR_STORE_CHILD") else { return };
    let from: u64 = std::env::var("LOGGR_STORE_FROM").unwrap().parse().unwrap();
    let mut store = Writer::open(Path::new(&dir), WriterOptions::default()).unwrap();
    for batch in from.. {
        store.append(&numbered(batch)).unwrap();
        use std::io::Write;
        let mut out = std::io::stderr();
        writeln!(out, "acknowledged {batch}").unwrap();
    }
}

#[test]
fn kill_nine_at_any_moment_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..8u64 {
        // The batch that may have been cut off is given again, as a queue would.
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env("LOGGR_STORE_CHILD", dir.path())
            .env("LOGGR_STORE_FROM", acknowledged.to_string())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let target = acknowledged + 7 + round * 3;
        let mut last = acknowledged;
        while last < target {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, n)) = line.split_once("acknowledged ") {
                last = n.trim().parse::<u64>().unwrap() + 1;
            }
        }
        // The child is somewhere in its next append or in a merge.
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some((_, n)) = line.split_once("acknowledged ") {
                last = n.trim().parse::<u64>().unwrap() + 1;
            }
        }
        acknowledged = last;
        let reader = Reader::open(dir.path()).unwrap();
        let mut found: Vec<String> = everything(&reader).iter().map(|e| e.message.to_string()).collect();
        let total = found.len();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), total, "an event stands twice");
        for n in 0..acknowledged * BATCH {
            assert!(
                found.binary_search(&format!("event {n}")).is_ok(),
                "event {n} of {acknowledged} batches is lost"
            );
        }
        assert_eq!(reader.verify().unwrap().damaged, []);
    }
}
