//! Blocks that cannot be read: the bus opens, says which file, and everything else goes on.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::*;
use loggr_bus::embedded::{Bus, Faults};
use loggr_bus::{BusOptions, OpenReport};
use loggr_flow::Source;

const BLOCK: u64 = 4096;

fn options_with(faults: &Faults, patience: Duration) -> BusOptions {
    BusOptions { faults: faults.clone(), patience, ..options() }
}

fn start(dir: &Path, faults: &Faults, patience: Duration) -> (Bus, OpenReport) {
    open_with(dir, &[("q", "#"), ("other", "#")], &options_with(faults, patience))
}

/// Three segments of batches; gives their texts. The queue `other` has read them all.
async fn written(dir: &Path) -> Vec<String> {
    let (bus, _) = start(dir, &Faults::default(), Duration::ZERO);
    let mut p = publisher(&bus);
    let all: Vec<String> = (0..24).map(|i| format!("{i} {}", "x".repeat(3000))).collect();
    for text in &all {
        publish(&mut p, &[text]).await;
    }
    empty(&bus, "other").await;
    bus.close();
    all
}

const SEGMENTS: [&str; 3] = ["0000000000000001.seg", "0000000000000002.seg", "0000000000000003.seg"];

/// Publishing works, and the queue that does not need the block gets it.
async fn goes_on(bus: &Bus) {
    publish(&mut publisher(bus), &["after"]).await;
    assert_eq!(drain(&mut consumer_of(bus, "other")).await, ["after"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_block_anywhere_stops_nobody_and_loses_nothing_once_it_reads_again() {
    let original = tempfile::tempdir().unwrap();
    let all = written(original.path()).await;
    for segment in SEGMENTS {
        // The header, the frames, and the end of the file.
        for block in [0, 1, 2, 4, 7] {
            let dir = tempfile::tempdir().unwrap();
            copy(original.path(), dir.path());
            let faults = Faults::armed();
            faults.spoil(segment, block * BLOCK..block * BLOCK + 1);
            let (bus, report) = start(dir.path(), &faults, Duration::from_secs(3600));
            assert!(!report.is_damaged(), "{segment} {block}: {report}");
            goes_on(&bus).await;
            drop(bus);
            faults.mend();
            let (bus, report) = start(dir.path(), &faults, Duration::ZERO);
            let mut expect = all.clone();
            expect.push("after".to_owned());
            assert_eq!(drain(&mut consumer(&bus)).await, expect, "{segment} {block}: {report}");
            assert_eq!(queue_stats(&bus, "q").damaged_events, 0, "{segment} {block}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_block_is_shown_with_its_file_until_it_reads_again() {
    let dir = tempfile::tempdir().unwrap();
    let all = written(dir.path()).await;
    let faults = Faults::armed();
    faults.spoil(SEGMENTS[1], 3 * BLOCK..3 * BLOCK + 1);
    let (bus, report) = start(dir.path(), &faults, Duration::from_secs(3600));
    assert!(report.to_string().contains(SEGMENTS[1]), "{report}");
    assert_eq!(queue_stats(&bus, "q").trouble, None);
    let mut c = consumer(&bus);
    let before = drain(&mut c).await;
    assert!(all.starts_with(&before) && before.len() < all.len(), "{} come before it", before.len());
    let trouble = queue_stats(&bus, "q").trouble.expect("a trouble");
    assert!(trouble.contains(SEGMENTS[1]) && trouble.contains("os error 5"), "{trouble}");
    assert_eq!(queue_stats(&bus, "other").trouble, None);
    goes_on(&bus).await;
    faults.mend();
    let mut rest = Vec::new();
    while rest.len() < all.len() - before.len() {
        rest.extend(ack(next(&mut c).await));
    }
    assert_eq!(queue_stats(&bus, "q").trouble, None);
    assert_eq!([before, rest].concat()[..all.len()], all);
}

#[tokio::test(start_paused = true)]
async fn after_a_while_a_bad_block_is_damage_and_the_queue_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let all = written(dir.path()).await;
    let faults = Faults::armed();
    faults.spoil(SEGMENTS[1], 3 * BLOCK..3 * BLOCK + 1);
    let (bus, _) = start(dir.path(), &faults, Duration::from_secs(60));
    let mut c = consumer(&bus);
    let mut got = Vec::new();
    while queue_stats(&bus, "q").waiting_events > 0 {
        let next = tokio::time::timeout(Duration::from_secs(600), c.next()).await.expect("it goes on");
        got.extend(ack(next.unwrap().unwrap()));
    }
    let stats = queue_stats(&bus, "q");
    assert_eq!(got.len() as u64 + stats.damaged_events, all.len() as u64);
    assert!((1..=3).contains(&stats.damaged_events), "{stats:?}");
    assert_eq!((stats.trouble, bus.stats()[0].damaged_events), (None, stats.damaged_events));
    // Counted once, also when the block reads again.
    drop(c);
    bus.close();
    faults.mend();
    let (bus, _) = start(dir.path(), &faults, Duration::ZERO);
    assert_eq!(queue_stats(&bus, "q").damaged_events, stats.damaged_events);
    assert_eq!(queue_stats(&bus, "q").waiting_events, 0);
}

/// Header and first frame.
const BEGINNING: std::ops::Range<u64> = 0..2 * BLOCK;

fn number(text: &str) -> usize {
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn without_its_header_a_segment_is_known_by_its_first_frame() {
    let dir = tempfile::tempdir().unwrap();
    let all = written(dir.path()).await;
    let faults = Faults::armed();
    for segment in SEGMENTS {
        faults.spoil(segment, 0..1);
    }
    let (bus, report) = start(dir.path(), &faults, Duration::ZERO);
    assert!(report.to_string().contains("its header cannot be read"), "{report}");
    assert_eq!(drain(&mut consumer(&bus)).await, all);
    goes_on(&bus).await;
    bus.close();
    // Nothing was written to them.
    faults.mend();
    let (bus, report) = start(dir.path(), &faults, Duration::ZERO);
    assert_eq!(drain(&mut consumer(&bus)).await, ["after"], "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_segment_whose_beginning_does_not_read_waits_and_comes_whole_once_it_reads_again() {
    let original = tempfile::tempdir().unwrap();
    let all = written(original.path()).await;
    for segment in SEGMENTS {
        let dir = tempfile::tempdir().unwrap();
        copy(original.path(), dir.path());
        let faults = Faults::armed();
        faults.spoil(segment, BEGINNING);
        let (bus, report) = start(dir.path(), &faults, Duration::from_secs(3600));
        assert!(report.to_string().contains(segment) && !report.is_damaged(), "{report}");
        let mut c = consumer(&bus);
        let mut got = drain(&mut c).await;
        assert!(got.len() < all.len());
        assert!(queue_stats(&bus, "q").trouble.expect("a trouble").contains(segment));
        publish(&mut publisher(&bus), &["after"]).await;
        faults.mend();
        while got.len() <= all.len() {
            got.extend(ack(next(&mut c).await));
        }
        assert_eq!(got, [all.clone(), vec!["after".to_owned()]].concat(), "{segment}");
        let stats = queue_stats(&bus, "q");
        assert_eq!((stats.damaged_events, stats.trouble), (0, None), "{segment}");
        idle(&mut c).await;
        assert_eq!(queue_stats(&bus, "q").waiting_events, 0, "{segment}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_segment_whose_beginning_never_read_is_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let all = written(dir.path()).await;
    let faults = Faults::armed();
    faults.spoil(SEGMENTS[1], BEGINNING);
    let (bus, _) = start(dir.path(), &faults, Duration::from_secs(60));
    let path = dir.path().join("x").join(SEGMENTS[1]);
    let before = std::fs::read(&path).unwrap();
    let mut c = consumer(&bus);
    let mut got = drain(&mut c).await;
    let first = got.len();
    let second = tokio::time::timeout(Duration::from_secs(90), c.next()).await.expect("it goes on");
    got.extend(ack(second.unwrap().unwrap()));
    got.extend(drain(&mut c).await);
    let lost = all.len() - got.len();
    assert_eq!(number(&got[first]), first + lost);
    assert_eq!(queue_stats(&bus, "q").damaged_events, lost as u64);
    empty(&bus, "other").await;
    bus.quiesce();
    drop(c);
    bus.close();
    faults.mend();
    let (bus, _) = start(dir.path(), &faults, Duration::ZERO);
    bus.quiesce();
    assert_eq!(queue_stats(&bus, "q").damaged_events, lost as u64);
    assert_eq!(std::fs::read(path.with_extension("seg.damaged")).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_was_never_written_to_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path()).await;
    let faults = Faults::armed();
    let names = std::fs::read_dir(dir.path().join("x")).unwrap().map(|e| e.unwrap().file_name());
    let mut spares: Vec<_> = names.filter_map(|n| n.into_string().ok()).collect();
    spares.retain(|name| name.ends_with(".seg") && !SEGMENTS.contains(&name.as_str()));
    assert!(!spares.is_empty());
    spares.iter().for_each(|name| faults.spoil(name, 0..1));
    let (bus, _) = start(dir.path(), &faults, Duration::from_secs(3600));
    goes_on(&bus).await;
    assert_eq!(queue_stats(&bus, "other").trouble, None);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_has_read_a_part_of_a_bad_block_waits_for_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let (bus, _) = start(dir.path(), &Faults::default(), Duration::ZERO);
    for text in ["a", "b", "c", &"x".repeat(5000)] {
        publish(&mut publisher(&bus), &[text]).await;
    }
    assert_eq!(ack(next(&mut small_steps(&bus, "other")).await), ["a"]);
    bus.close();
    let faults = Faults::armed();
    faults.spoil(SEGMENTS[0], BLOCK..2 * BLOCK);
    let (bus, _) = start(dir.path(), &faults, Duration::from_secs(3600));
    let mut c = consumer_of(&bus, "other");
    idle(&mut c).await;
    faults.mend();
    let mut got = ack(next(&mut c).await);
    got.extend(drain(&mut c).await);
    assert_eq!((got.len(), &got[..2]), (3, &["b".to_owned(), "c".to_owned()][..]));
    assert_eq!(queue_stats(&bus, "other").damaged_events, 0);
}

#[tokio::test]
async fn a_cursor_with_a_bad_block_holds_nobody_up() {
    for block in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let all = written(dir.path()).await;
        let faults = Faults::armed();
        faults.spoil("other.queue", block * BLOCK..block * BLOCK + 1);
        let (bus, report) = start(dir.path(), &faults, Duration::ZERO);
        assert!(report.to_string().contains("other.queue"), "{report}");
        assert_eq!(drain(&mut consumer(&bus)).await, all);
        goes_on_behind(&bus).await;
        bus.close();
        // Written anew, it is whole.
        faults.mend();
        let (bus, _) = start(dir.path(), &faults, Duration::ZERO);
        assert_eq!(queue_stats(&bus, "other").waiting_events, 0);
    }
}

/// As `goes_on`, for a queue that may get events once more.
async fn goes_on_behind(bus: &Bus) {
    publish(&mut publisher(bus), &["after"]).await;
    assert_eq!(drain(&mut consumer_of(bus, "other")).await.last().map(String::as_str), Some("after"));
}

#[tokio::test]
async fn a_queue_whose_cursor_is_missing_gets_every_event_that_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let all = written(dir.path()).await;
    for known in [true, false] {
        std::fs::remove_file(dir.path().join("x/other.queue")).unwrap();
        if !known {
            // Of a directory that an older version made.
            std::fs::remove_file(dir.path().join("x/queues")).unwrap();
        }
        let (bus, report) = start(dir.path(), &Faults::default(), Duration::ZERO);
        assert!(report.to_string().contains("queue `other`: its cursor is missing"), "{report}");
        assert_eq!(drain(&mut consumer_of(&bus, "other")).await, all);
        bus.close();
    }
    // One that is new gets what comes from now on.
    let queues = [("q", "#"), ("other", "#"), ("third", "#")];
    let (bus, report) = open_with(dir.path(), &queues, &options());
    assert!(report.to_string().contains("queue `third` is new"), "{report}");
    assert_eq!(queue_stats(&bus, "third").waiting_events, 0);
}
