//! What a crash, a bad disk or a careless hand does to the log, case by case.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use common::*;
use loggr_bus::embedded::{Bus, Faults, Op};
use loggr_bus::{BusOptions, ExchangeSpec, OpenErrorKind, OpenReport, Topology};
use loggr_flow::contract::lines;
use loggr_flow::{Sink, StoreError};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const HEADER: u64 = 4096;

/// A closed bus whose log holds these batches, each in a commit of its own.
async fn written(dir: &Path, texts: &[&str]) {
    let bus = open(dir);
    let mut p = publisher(&bus);
    for text in texts {
        publish(&mut p, &[text]).await;
    }
    drop(p);
    bus.close();
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir.join("x")).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = all.filter(|p| p.extension().is_some_and(|e| e == "seg")).collect();
    all.sort();
    all
}

fn poke(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

/// Where the frames of a segment begin.
fn frames(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap();
    let (mut at, mut all) = (HEADER as usize, Vec::new());
    while bytes.get(at..at + 4) == Some(b"LGRf") {
        all.push(at as u64);
        at += 64 + u32::from_le_bytes(bytes[at + 52..at + 56].try_into().unwrap()) as usize;
    }
    all.push(at as u64);
    all
}

fn reopen(dir: &Path) -> (loggr_bus::embedded::Bus, OpenReport) {
    open_with(dir, &[("q", "#")], &options())
}

async fn check_kept(dir: &Path, expect: &[&str]) -> OpenReport {
    let (bus, report) = reopen(dir);
    let waiting = queue_stats(&bus, "q").waiting_events;
    let mut p = publisher(&bus);
    publish(&mut p, &["after"]).await;
    let mut got = drain(&mut consumer(&bus)).await;
    assert_eq!(got.pop().as_deref(), Some("after"), "the log goes on");
    assert_eq!(got, expect);
    let stats = queue_stats(&bus, "q");
    assert_eq!(stats.waiting_events, 0, "{stats:?}");
    assert_eq!(waiting, got.len() as u64 + stats.damaged_events);
    drop(p);
    bus.close();
    // The next open finds nothing new.
    let (bus, again) = reopen(dir);
    assert_eq!(again.to_string(), "");
    assert_eq!(queue_stats(&bus, "q").waiting_events, 0);
    report
}

#[tokio::test]
async fn a_tail_cut_anywhere_keeps_every_whole_batch() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &["a", "b", "c"]).await;
    let starts = frames(&segments(dir.path())[0]);
    for cut in [0, 1, 3, 4, 8, 60, 64, 65, 100, starts[3] - starts[2] - 1] {
        for garbage in [0u8, 0xff, b'L'] {
            let copied = tempfile::tempdir().unwrap();
            copy(dir.path(), copied.path());
            let fill = vec![garbage; (SEGMENT - starts[2] - cut) as usize];
            poke(&segments(copied.path())[0], starts[2] + cut, &fill);
            let report = check_kept(copied.path(), &["a", "b"]).await;
            assert!(!report.is_damaged(), "{report}");
            assert_eq!(report.exchanges[0].torn_bytes > 0, cut >= 64, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn restarts_take_no_more_space_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &["a"]).await;
    let before = segments(dir.path());
    assert_eq!(before.len(), 2, "one is written to, the next one is ready");
    for _ in 0..3 {
        reopen(dir.path()).0.close();
        assert_eq!(segments(dir.path()), before);
    }
    // With an event in each life, too.
    for _ in 0..3 {
        let (bus, _) = reopen(dir.path());
        publish(&mut publisher(&bus), &["b"]).await;
        bus.close();
        assert_eq!(segments(dir.path()), before);
    }
    check_kept(dir.path(), &["a", "b", "b", "b"]).await;
    // Nor where nothing was ever written.
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        reopen(dir.path()).0.close();
        assert_eq!(segments(dir.path()).len(), 1);
    }
}

#[tokio::test]
async fn a_truncated_file_keeps_every_whole_batch() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &["a", "b", "c"]).await;
    let path = segments(dir.path())[0].clone();
    let starts = frames(&path);
    OpenOptions::new().write(true).open(&path).unwrap().set_len(starts[2] + 10).unwrap();
    assert!(!check_kept(dir.path(), &["a", "b"]).await.is_damaged());
}

#[tokio::test]
async fn a_damaged_batch_in_the_middle_is_reported_and_the_rest_is_kept() {
    for (offset_in_frame, frame) in [(70, 1), (0, 1), (52, 1), (70, 0)] {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), &["a", "b", "c", "d"]).await;
        let path = segments(dir.path())[0].clone();
        let at = frames(&path)[frame];
        poke(&path, at + offset_in_frame, b"\xde\xad");
        let expect = if frame == 1 { ["a", "c", "d"] } else { ["b", "c", "d"] };
        let report = check_kept(dir.path(), &expect).await;
        let damage = &report.exchanges[0].damage;
        assert_eq!((damage.len(), damage[0].offset, damage[0].frames, damage[0].events), (1, at, 1, 1));
        assert!(!damage[0].last_commit);
        let aside = std::fs::read(damage[0].set_aside.as_ref().unwrap()).unwrap();
        assert_eq!(aside.len() as u64, frames(&path)[frame + 1] - at);
        assert!(report.to_string().contains("1 event in 1 batch: damaged"), "{report}");
    }
}

#[tokio::test]
async fn several_damaged_places_are_several_reports() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &["a", "b", "c", "d", "e", "f"]).await;
    let path = segments(dir.path())[0].clone();
    let starts = frames(&path);
    for frame in [1, 2, 4] {
        poke(&path, starts[frame] + 66, b"\xff\xff\xff");
    }
    let report = check_kept(dir.path(), &["a", "d", "f"]).await;
    let lost: Vec<_> = report.exchanges[0].damage.iter().map(|d| (d.frames, d.events)).collect();
    assert_eq!(lost, [(2, 2), (1, 1)]);
}

/// Enough batches for three segments.
fn many() -> Vec<String> {
    (0..60).map(|i| format!("{i:02} {}", "x".repeat(1200))).collect()
}

async fn written_many(dir: &Path) -> Vec<String> {
    let all = many();
    written(dir, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(segments(dir).len() >= 3);
    all
}

async fn check_many(dir: &Path, all: &[String], lost: std::ops::Range<usize>) -> OpenReport {
    let expect: Vec<_> = all[..lost.start].iter().chain(&all[lost.end..]).map(String::as_str).collect();
    let report = check_kept(dir, &expect).await;
    let found = &report.exchanges[0];
    let events: u64 = found.damage.iter().map(|d| d.events).sum();
    assert_eq!(events + found.missing_events, lost.len() as u64);
    report
}

#[tokio::test]
async fn damage_at_the_end_of_a_full_segment() {
    let dir = tempfile::tempdir().unwrap();
    let all = written_many(dir.path()).await;
    let path = segments(dir.path())[0].clone();
    let n = frames(&path).len() - 1;
    poke(&path, frames(&path)[n - 1] + 80, b"\0\0\0");
    check_many(dir.path(), &all, n - 1..n).await;
}

#[tokio::test]
async fn damage_at_the_beginning_of_a_later_segment() {
    let dir = tempfile::tempdir().unwrap();
    let all = written_many(dir.path()).await;
    let (first, second) = (segments(dir.path())[0].clone(), segments(dir.path())[1].clone());
    let n = frames(&first).len() - 1;
    poke(&second, HEADER + 80, b"\0\0\0");
    check_many(dir.path(), &all, n..n + 1).await;
}

#[tokio::test]
async fn a_segment_whose_header_is_gone_is_missing_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let all = written_many(dir.path()).await;
    let (first, second) = (segments(dir.path())[0].clone(), segments(dir.path())[1].clone());
    let (n, m) = (frames(&first).len() - 1, frames(&second).len() - 1);
    poke(&second, 0, &[0; 32]);
    let (bus, report) = reopen(dir.path());
    assert!(report.to_string().contains("is not a segment and was left alone"), "{report}");
    let got = drain(&mut consumer(&bus)).await;
    assert_eq!(got.len(), all.len() - m);
    assert_eq!(got[n], all[n + m]);
    assert_eq!(queue_stats(&bus, "q").damaged_events, m as u64);
    assert!(second.exists());
}

#[tokio::test]
async fn a_segment_that_somebody_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let all = written_many(dir.path()).await;
    let (first, second) = (segments(dir.path())[0].clone(), segments(dir.path())[1].clone());
    let (n, m) = (frames(&first).len() - 1, frames(&second).len() - 1);
    std::fs::remove_file(second).unwrap();
    check_many(dir.path(), &all, n..n + m).await;
}

#[tokio::test]
async fn all_segments_deleted_under_a_cursor_that_is_far_on() {
    let dir = tempfile::tempdir().unwrap();
    written_many(dir.path()).await;
    drain(&mut consumer(&open(dir.path()))).await;
    for path in segments(dir.path()) {
        std::fs::remove_file(path).unwrap();
    }
    check_kept(dir.path(), &[]).await;
}

#[tokio::test]
async fn a_queue_without_its_cursor_begins_at_the_oldest_event() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &["a", "b"]).await;
    let bus = open(dir.path());
    ack(next(&mut small_steps(&bus, "q")).await);
    bus.close();
    poke(&dir.path().join("x/q.queue"), 0, &[0; 8192]);
    let (bus, report) = reopen(dir.path());
    assert!(report.to_string().contains("its position is lost"), "{report}");
    assert_eq!(drain(&mut consumer(&bus)).await, ["a", "b"]);
}

#[tokio::test]
async fn damage_that_comes_while_it_runs_is_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "c"] {
        publish(&mut p, &[text]).await;
    }
    let path = segments(dir.path())[0].clone();
    poke(&path, frames(&path)[1] + 70, b"\xde\xad");
    assert_eq!(drain(&mut consumer(&bus)).await, ["a", "c"]);
    let stats = queue_stats(&bus, "q");
    assert_eq!((stats.damaged_events, stats.stored_events, stats.waiting_events), (1, 2, 0));
    assert_eq!(bus.stats()[0].damaged_events, 1);
    // The last batch of the log as well.
    publish(&mut p, &["d"]).await;
    let last = frames(&path).len() - 2;
    poke(&path, frames(&path)[last] + 70, b"\xde\xad");
    assert_eq!(drain(&mut consumer(&bus)).await, Vec::<String>::new());
    publish(&mut p, &["e"]).await;
    assert_eq!(drain(&mut consumer(&bus)).await, ["e"]);
    assert_eq!(queue_stats(&bus, "q").damaged_events, 2);
}

fn faulty() -> (Faults, BusOptions) {
    let faults = Faults::armed();
    (faults.clone(), BusOptions { faults, ..options() })
}

#[tokio::test]
async fn after_a_failed_flush_the_segment_is_left_and_the_batch_is_written_again() {
    for op in [Op::Sync, Op::Write] {
        let dir = tempfile::tempdir().unwrap();
        let (faults, options) = faulty();
        let (bus, _) = open_with(dir.path(), &[("q", "#")], &options);
        let mut p = publisher(&bus);
        publish(&mut p, &["a"]).await;
        let flushes = faults.seen(Op::Sync);
        faults.fail(op, EIO, 1);
        publish(&mut p, &["b"]).await;
        assert!(faults.seen(Op::Sync) <= flushes + 2, "no flush is repeated on the same segment");
        assert_eq!(bus.stats()[0].segments, 2);
        publish(&mut p, &["c"]).await;
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        assert_eq!(drain(&mut consumer(&bus)).await, ["a", "b", "c"]);
        // The copy that the failed flush left in the first segment is not read twice.
        assert_eq!(drain(&mut consumer(&open(copied.path()))).await, ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn a_disk_that_goes_on_failing_is_a_transient_error_until_it_is_well() {
    let dir = tempfile::tempdir().unwrap();
    let (faults, options) = faulty();
    let (bus, _) = open_with(dir.path(), &[("q", "#")], &options);
    let mut p = publisher(&bus);
    publish(&mut p, &["a"]).await;
    faults.fail(Op::Sync, EIO, 3);
    let error = p.store(&lines(&["never acknowledged"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)));
    assert!(
        error.to_string().contains("cannot write to `") && error.to_string().contains("os error 5"),
        "{error}"
    );
    publish(&mut p, &["b"]).await;
    let copied = tempfile::tempdir().unwrap();
    copy(dir.path(), copied.path());
    assert_eq!(drain(&mut consumer(&bus)).await, ["a", "b"]);
    assert_eq!(drain(&mut consumer(&open(copied.path()))).await, ["a", "b"]);
    assert_eq!(queue_stats(&bus, "q").published_events, 2);
}

#[tokio::test]
async fn a_full_disk_is_a_transient_error_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let (faults, options) = faulty();
    let (bus, _) = open_with(dir.path(), &[("q", "#")], &options);
    let mut p = publisher(&bus);
    let batch = lines(&[&"x".repeat(10_000)]);
    p.store(&batch).await.map(drop).unwrap();
    bus.quiesce();
    faults.fail(Op::Create, ENOSPC, u32::MAX);
    let mut stored = 1;
    let error = loop {
        match p.store(&batch).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Transient(_)));
    assert!(error.to_string().contains("cannot make a segment in `"), "{error}");
    assert!(error.to_string().contains("No space left"), "{error}");
    faults.fail(Op::Create, ENOSPC, 0);
    p.store(&batch).await.map(drop).unwrap();
    assert_eq!(drain(&mut consumer(&bus)).await.len(), stored + 1);
}

#[tokio::test]
async fn a_directory_that_disappeared_is_noticed_and_its_return_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    publish(&mut p, &["a"]).await;
    let (here, away) = (dir.path().join("x"), dir.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let error = p.store(&lines(&["into the void"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    assert!(p.store(&lines(&["into the void"])).await.is_err());
    std::fs::rename(&away, &here).unwrap();
    publish(&mut p, &["b"]).await;
    assert_eq!(drain(&mut consumer(&bus)).await, ["a", "b"]);
    drop(p);
    bus.close();
    assert_eq!(drain(&mut consumer(&open(dir.path()))).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_segment_is_not_written_to_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    publish(&mut p, &["a"]).await;
    bus.quiesce();
    for path in segments(dir.path()) {
        std::fs::remove_file(path).unwrap();
    }
    publish(&mut p, &["b"]).await;
    drop(p);
    bus.close();
    let (bus, report) = reopen(dir.path());
    assert!(report.is_damaged(), "{report}");
    assert_eq!(drain(&mut consumer(&bus)).await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_cannot_be_written_holds_the_delivery_back() {
    let dir = tempfile::tempdir().unwrap();
    let (faults, options) = faulty();
    let (bus, _) = open_with(dir.path(), &[("q", "#")], &options);
    publish(&mut publisher(&bus), &["a"]).await;
    bus.quiesce();
    // Not EIO, for which the cursor gets other blocks.
    faults.fail(Op::Cursor, ENOSPC, 3);
    let mut c = consumer(&bus);
    let delivery = next(&mut c).await;
    assert_eq!(faults.seen(Op::Cursor), 5, "one for the new queue, three that failed, one that did not");
    assert_eq!(delivery.attempts(), 1, "what nobody was given was not tried");
    assert_eq!(ack(delivery), ["a"]);
}

#[tokio::test]
async fn frames_in_a_recycled_segment_are_not_taken_for_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let (mut p, mut c) = (publisher(&bus), consumer(&bus));
    let text = "x".repeat(1000);
    for _ in 0..200 {
        publish(&mut p, &[&text]).await;
        ack(next(&mut c).await);
    }
    bus.quiesce();
    let copied = tempfile::tempdir().unwrap();
    copy(dir.path(), copied.path());
    let used = segments(copied.path());
    assert!(used.len() <= 3, "{used:?}");
    let (bus, report) = reopen(copied.path());
    assert_eq!(report.to_string(), "");
    // The last acknowledgement was perhaps not written yet.
    assert!(drain(&mut consumer(&bus)).await.len() <= 1);
}

#[tokio::test]
async fn a_queue_added_later_begins_at_the_end_and_a_removed_one_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (bus, report) = open_with(dir.path(), &[("old", "#")], &options());
    assert_eq!(report.to_string(), "");
    publish(&mut publisher(&bus), &["a"]).await;
    bus.close();
    let (bus, report) = open_with(dir.path(), &[("new", "#")], &options());
    let text = report.to_string();
    assert!(
        text.contains("queue `new` is new")
            && text.contains("queue `old` is not configured and holds 1 event"),
        "{text}"
    );
    publish(&mut publisher(&bus), &["b"]).await;
    assert_eq!(drain(&mut consumer_of(&bus, "new")).await, ["b"]);
    assert_eq!(queue_stats(&bus, "old").waiting_events, 1, "it gets no new ones");
    assert_eq!(bus.delete_queue("new").unwrap_err().kind(), OpenErrorKind::Config);
    assert_eq!(bus.delete_queue("x/old").unwrap(), 1);
    bus.close();
    let (_bus, report) = open_with(dir.path(), &[("new", "#")], &options());
    assert_eq!(report.to_string(), "");
}

#[tokio::test]
async fn a_queue_that_is_configured_again_has_what_waited_and_misses_what_came_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    for (n, queues) in [&[("q", "#"), ("other", "#")][..], &[("other", "#")], &[("q", "#"), ("other", "#")]]
        .into_iter()
        .enumerate()
    {
        let (bus, report) = open_with(dir.path(), queues, &options());
        assert_eq!(report.to_string().contains("queue `q` is configured again"), n == 2, "{report}");
        publish(&mut publisher(&bus), &[&n.to_string()]).await;
        bus.close();
    }
    let (bus, _) = open_with(dir.path(), &[("q", "#"), ("other", "#")], &options());
    assert_eq!(drain(&mut consumer(&bus)).await, ["0", "2"]);
    assert_eq!(drain(&mut consumer_of(&bus, "other")).await, ["0", "1", "2"]);
}

#[tokio::test]
async fn an_empty_queue_that_is_not_configured_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (bus, _) = open_with(dir.path(), &[("q", "#")], &options());
    publish(&mut publisher(&bus), &["a"]).await;
    assert_eq!(drain(&mut consumer(&bus)).await, ["a"]);
    bus.close();
    let (bus, report) = open_with(dir.path(), &[("other", "#")], &options());
    assert!(
        report.to_string().contains("queue `q` is not configured and was empty: it is removed"),
        "{report}"
    );
    bus.close();
    let (bus, report) = open_with(dir.path(), &[("q", "#"), ("other", "#")], &options());
    assert!(report.to_string().contains("queue `q` is new"), "{report}");
    assert_eq!(queue_stats(&bus, "q").waiting_events, 0);
}

#[tokio::test]
async fn an_exchange_that_is_not_configured_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    publish(&mut publisher(&bus), &["a"]).await;
    bus.close();
    let other = Topology { exchanges: vec![ExchangeSpec::new("y", &[("q", "#")])] };
    let (_bus, report) = Bus::open(dir.path(), &other, &options()).unwrap();
    assert_eq!(report.to_string(), "exchange `x` is not configured and holds 1 event\n");
}
