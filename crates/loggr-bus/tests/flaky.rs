//! Disks that fail for a moment, slowly, or while others go on: no whole frame is ever taken
//! for damaged, and who waits for a bad block waits alone.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::*;
use loggr_bus::embedded::{Bus, Consumer, Faults, Publisher};
use loggr_bus::{BusOptions, ConsumerOptions};
use loggr_flow::{Source, Stop};

const FIRST: &str = "0000000000000001.seg";
/// A byte of the first frame of a segment, and its block.
const BEGINNING: std::ops::Range<u64> = 4096..4097;
/// Of the frame behind one of `long(5)`, and its block, if it is `long(10)` itself.
const BEHIND: std::ops::Range<u64> = 12_288..12_289;

fn start(dir: &Path, faults: &Faults, patience: Duration, queues: &[(&str, &str)]) -> Bus {
    let options = BusOptions { faults: faults.clone(), patience, ..options() };
    open_with(dir, queues, &options).0
}

/// A text of so many thousand bytes.
fn long(what: &str, thousands: usize) -> String {
    format!("{what} {}", "x".repeat(thousands * 1000))
}

fn bad_block() -> io::Error {
    io::Error::from_raw_os_error(5)
}

/// Publishes from a thread of its own.
fn publish_now(mut publisher: Publisher, text: &'static str) {
    let published = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(publish(&mut publisher, &[text]));
    });
    published.join().unwrap();
}

#[tokio::test]
async fn what_is_committed_while_a_bad_block_is_read_is_not_damaged_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let bus = start(dir.path(), &faults, Duration::ZERO, &[("q", "#")]);
    publish(&mut publisher(&bus), &[&long("bad", 5)]).await;
    // The disk takes its time to say no.
    let meanwhile = Mutex::new(Some(publisher(&bus)));
    faults.on_read(FIRST, BEGINNING, move || {
        if let Some(publisher) = meanwhile.lock().unwrap().take() {
            publish_now(publisher, "meanwhile");
        }
        Err(bad_block())
    });
    let mut c = consumer(&bus);
    assert_eq!(drain(&mut c).await, ["meanwhile"]);
    publish(&mut publisher(&bus), &["later"]).await;
    assert_eq!(drain(&mut c).await, ["later"]);
    assert_eq!((queue_stats(&bus, "q").damaged_events, bus.stats()[0].damaged_events), (1, 1));
}

#[tokio::test]
async fn a_block_that_reads_at_the_second_look_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let bus = start(dir.path(), &faults, Duration::ZERO, &[("q", "#")]);
    publish(&mut publisher(&bus), &["a"]).await;
    publish(&mut publisher(&bus), &["b"]).await;
    // The first frame, and then its head alone.
    let fails = AtomicU32::new(2);
    faults.on_read(FIRST, BEGINNING, move || {
        match fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
            Ok(_) => Err(bad_block()),
            Err(_) => Ok(()),
        }
    });
    assert_eq!(drain(&mut consumer(&bus)).await, ["a", "b"]);
    assert_eq!(queue_stats(&bus, "q").damaged_events, 0);
}

/// Three batches were given out as one delivery, and given back; then the second one was on a bad
/// block, and the first one alone came again.
async fn given_back(dir: &Path, faults: &Faults, patience: Duration) -> (Bus, Consumer) {
    let bus = start(dir, faults, patience, &[("q", "#")]);
    let mut p = publisher(&bus);
    for text in [long("a", 5), long("b", 10), long("c", 5)] {
        publish(&mut p, &[&text]).await;
    }
    assert_eq!(next(&mut consumer(&bus)).await.batch().len(), 3);
    faults.spoil(FIRST, BEHIND);
    let mut c = consumer(&bus);
    assert_eq!(first_letters(&ack(next(&mut c).await)), "a");
    (bus, c)
}

fn first_letters(texts: &[String]) -> String {
    texts.iter().filter_map(|text| text.chars().next()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_given_back_and_lies_on_a_bad_block_waits_alone_and_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let (bus, mut c) = given_back(dir.path(), &faults, Duration::from_secs(60)).await;
    publish(&mut publisher(&bus), &["d"]).await;
    assert_eq!(ack(next(&mut c).await), ["d"]);
    let trouble = queue_stats(&bus, "q").trouble.expect("a trouble");
    assert!(trouble.contains(FIRST) && trouble.contains("os error 5"), "{trouble}");
    let rest = tokio::time::timeout(Duration::from_secs(90), c.next()).await.expect("it goes on");
    assert_eq!(first_letters(&ack(rest.unwrap().unwrap())), "c");
    let stats = queue_stats(&bus, "q");
    assert_eq!((stats.damaged_events, stats.stored_events, stats.waiting_events), (1, 3, 0));
    assert_eq!((stats.redelivered_events, stats.waiting_bytes, stats.trouble), (2, 0, None));
    // Counted once.
    drop(c);
    bus.close();
    let bus = start(dir.path(), &Faults::default(), Duration::ZERO, &[("q", "#")]);
    let stats = queue_stats(&bus, "q");
    assert_eq!((stats.damaged_events, stats.stored_events, stats.waiting_events), (1, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_given_back_comes_whole_once_its_block_reads_again() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let (bus, mut c) = given_back(dir.path(), &faults, Duration::from_secs(60)).await;
    idle(&mut c).await;
    faults.mend();
    assert_eq!(first_letters(&ack(next(&mut c).await)), "bc");
    let stats = queue_stats(&bus, "q");
    assert_eq!((stats.damaged_events, stats.stored_events, stats.trouble), (0, 3, None));
}

#[tokio::test(start_paused = true)]
async fn a_purge_ends_the_waiting_for_a_bad_block() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let (bus, mut c) = given_back(dir.path(), &faults, Duration::from_secs(3600)).await;
    idle(&mut c).await;
    assert_eq!(bus.purge("q").unwrap().events, 2);
    let stats = queue_stats(&bus, "q");
    assert_eq!((stats.dropped_events, stats.waiting_events, stats.trouble), (2, 0, None));
    publish(&mut publisher(&bus), &["d"]).await;
    assert_eq!(ack(next(&mut c).await), ["d"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_window_does_not_say_that_the_queue_can_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let bus = start(dir.path(), &faults, Duration::from_secs(60), &[("q", "#")]);
    let mut p = publisher(&bus);
    publish(&mut p, &[&long("a", 5)]).await;
    publish(&mut p, &[&long("b", 10)]).await;
    faults.spoil(FIRST, BEHIND);
    let options = ConsumerOptions { window: 1, ..ConsumerOptions::default() };
    let mut full = bus.consumer("q", options, Stop::never()).unwrap();
    let _held = next(&mut full).await;
    let mut other = consumer(&bus);
    let begun = tokio::time::Instant::now();
    while queue_stats(&bus, "q").damaged_events == 0 {
        idle(&mut other).await;
        if queue_stats(&bus, "q").damaged_events == 0 {
            idle(&mut full).await;
            assert!(queue_stats(&bus, "q").trouble.is_some());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(begun.elapsed() < Duration::from_secs(70), "the minute begins anew");
    }
    assert_eq!(queue_stats(&bus, "q").trouble, None);
}

#[tokio::test(start_paused = true)]
async fn the_books_of_a_queue_balance_that_passes_damage_meant_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let queues = [("q", "#"), ("udp", "syslog.udp")];
    let bus = start(dir.path(), &faults, Duration::ZERO, &queues);
    let mut udp = bus.publisher("x", "syslog.udp").unwrap();
    publish(&mut udp, &[&long("a", 5)]).await;
    publish(&mut publisher(&bus), &[&long("b", 10)]).await;
    publish(&mut udp, &["c"]).await;
    faults.spoil(FIRST, BEHIND);
    let mut c = consumer_of(&bus, "udp");
    assert_eq!(first_letters(&drain(&mut c).await), "ac");
    // It was perhaps for this queue.
    let stats = queue_stats(&bus, "udp");
    assert_eq!((stats.published_events, stats.damaged_events, stats.waiting_events), (3, 1, 0));
    publish(&mut udp, &["d"]).await;
    assert_eq!(queue_stats(&bus, "udp").waiting_events, 1);
    assert_eq!(first_letters(&drain(&mut c).await), "d");
    assert_eq!(first_letters(&drain(&mut consumer(&bus)).await), "acd");
    for (queue, damaged) in [("udp", 1), ("q", 1)] {
        let stats = queue_stats(&bus, queue);
        assert_eq!(
            (stats.damaged_events, stats.waiting_events, stats.waiting_bytes),
            (damaged, 0, 0),
            "{queue}"
        );
    }
    assert_eq!(bus.stats()[0].damaged_events, 1);
}

#[test]
fn a_slow_block_at_the_head_holds_up_no_publisher_and_is_asked_once() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed();
    let bus = start(dir.path(), &faults, Duration::ZERO, &[("q", "#")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut p = publisher(&bus);
    runtime.block_on(publish(&mut p, &["a"]));
    let (reads, begun) = mpsc::channel();
    let (go_on, wait) = mpsc::channel();
    let wait = Arc::new(Mutex::new(wait));
    faults.on_read(FIRST, BEGINNING, move || {
        reads.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        Err(bad_block())
    });
    std::thread::scope(|scope| {
        let stats = scope.spawn(|| bus.stats());
        begun.recv().unwrap();
        let published = publish(&mut p, &["b"]);
        let timely =
            runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), published).await });
        go_on.send(()).unwrap();
        assert!(timely.is_ok(), "publishing waits for the block");
        assert_eq!(stats.join().unwrap()[0].queues[0].oldest, None);
    });
    assert_eq!(queue_stats(&bus, "q").waiting_events, 2);
    assert!(begun.try_recv().is_err(), "the disk is asked again");
}
