//! What a purge has dropped stays dropped, and what only waits is no attempt.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;

use common::*;
use loggr_bus::embedded::{Bus, Dropped};
use loggr_bus::{ConsumerOptions, QueueStats};
use loggr_flow::{Delivery, Receipt, Stop, Stopper};
use tempfile::TempDir;

async fn filled(dir: &Path, texts: &[&str]) -> Bus {
    let bus = open(dir);
    let mut p = publisher(&bus);
    for text in texts {
        publish(&mut p, &[text]).await;
    }
    bus
}

/// Stored, dropped, waiting.
fn numbers(stats: &QueueStats) -> (u64, u64, u64) {
    (stats.stored_events, stats.dropped_events, stats.waiting_events)
}

/// The data directory as `kill -9` leaves it now.
fn killed(dir: &Path) -> TempDir {
    let copied = tempfile::tempdir().unwrap();
    copy(dir, copied.path());
    copied
}

/// What is there after the next start.
#[track_caller]
fn check(dir: &Path, expect: (u64, u64, u64)) {
    let bus = open(dir);
    assert_eq!(numbers(&queue_stats(&bus, "q")), expect);
    assert_eq!(bus.peek("q", 9).unwrap().map_or(0, |b| b.len() as u64), expect.2);
}

#[tokio::test]
async fn what_was_purged_does_not_come_back_when_the_destination_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let bus = filled(dir.path(), &["held", "b", "c", "d"]).await;
    let (stopper, stop) = Stopper::new();
    let options = ConsumerOptions { max_batch_events: 1, ..ConsumerOptions::default() };
    let mut c = bus.consumer("q", options, stop).unwrap();
    let held = next(&mut c).await;
    assert_eq!(bus.purge("q").unwrap(), Dropped { events: 3, in_hand: 1 });
    assert_eq!(numbers(&queue_stats(&bus, "q")), (0, 3, 1));
    check(killed(dir.path()).path(), (0, 4, 0));
    // The next purge finds what came since.
    publish(&mut publisher(&bus), &["e"]).await;
    check(killed(dir.path()).path(), (0, 4, 1));
    assert_eq!(bus.purge("q").unwrap(), Dropped { events: 1, in_hand: 1 });
    check(killed(dir.path()).path(), (0, 5, 0));
    // A stop lets go of what is held.
    stopper.abort();
    drop((held, c));
    bus.close();
    check(dir.path(), (0, 5, 0));
}

#[tokio::test]
async fn what_was_in_hand_at_a_purge_may_still_be_stored() {
    let dir = tempfile::tempdir().unwrap();
    let bus = filled(dir.path(), &["a", "b", "c", "d", "e"]).await;
    let mut c = small_steps(&bus, "q");
    let (a, b, d) = (next(&mut c).await, next(&mut c).await, next(&mut c).await);
    assert_eq!(bus.purge("q").unwrap(), Dropped { events: 2, in_hand: 3 });
    // Out of order, so that the head stays where it is.
    ack(b);
    d.nack();
    publish(&mut publisher(&bus), &["f"]).await;
    let f = next(&mut c).await;
    assert_eq!(texts(f.batch()), ["f"], "what was given back is dropped, not given out again");
    assert_eq!(numbers(&queue_stats(&bus, "q")), (1, 3, 2));
    // Written before anything else is given out.
    check(killed(dir.path()).path(), (1, 4, 1));
    ack(f);
    ack(a);
    assert_eq!(numbers(&queue_stats(&bus, "q")), (3, 3, 0));
    drop(c);
    bus.close();
    check(dir.path(), (3, 3, 0));
}

#[tokio::test]
async fn a_purge_gives_space_back_though_the_head_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let bus = filled(dir.path(), &["held"]).await;
    let mut c = small_steps(&bus, "q");
    let held = next(&mut c).await;
    let large = "x".repeat(10_000);
    for _ in 0..20 {
        publish(&mut publisher(&bus), &[&large]).await;
    }
    let before = bus.stats()[0].disk_bytes;
    bus.purge("q").unwrap();
    publish(&mut publisher(&bus), &["new"]).await;
    bus.quiesce();
    let after = bus.stats()[0].disk_bytes;
    assert!(after <= 2 * SEGMENT && before > after, "{before} bytes before, {after} after");
    held.nack();
    assert_eq!(drain(&mut c).await, ["new"]);
}

/// Starts, lets `fate` have the first delivery, and is killed; how often it was tried.
async fn die_with(dir: &Path, kept: bool, fate: impl FnOnce(&Delivery)) -> (u32, TempDir) {
    let bus = open(dir);
    let options = ConsumerOptions { window: 1000, kept, ..ConsumerOptions::default() };
    let mut c = bus.consumer("q", options, Stop::never()).unwrap();
    let delivery = next(&mut c).await;
    fate(&delivery);
    let copied = killed(dir);
    (delivery.attempts(), copied)
}

#[tokio::test]
async fn kill_9_while_the_destination_is_away_is_no_attempt() {
    // A sink that was called and failed, and a stage that waits for more.
    for (kept, tries) in [(false, true), (true, true), (true, false)] {
        let first = tempfile::tempdir().unwrap();
        filled(first.path(), &["a", "b"]).await.close();
        let mut dir = first;
        for _ in 0..20 {
            let died = die_with(dir.path(), kept, |delivery| {
                if tries {
                    delivery.begin();
                    delivery.rest();
                }
            });
            let (attempts, copied) = died.await;
            assert_eq!(attempts, 1);
            dir = copied;
        }
    }
}

#[tokio::test]
async fn the_end_in_the_middle_of_a_call_is_an_attempt() {
    let first = tempfile::tempdir().unwrap();
    filled(first.path(), &["poison"]).await.close();
    let mut dir = first;
    for attempt in 1..5 {
        let (attempts, copied) = die_with(dir.path(), true, Delivery::begin).await;
        assert_eq!(attempts, attempt);
        dir = copied;
    }
    // Once it is stored, the next one has none.
    let bus = open(dir.path());
    publish(&mut publisher(&bus), &["next"]).await;
    let mut c = small_steps(&bus, "q");
    let delivery = next(&mut c).await;
    let receipt = Receipt::sign(delivery.batch());
    delivery.ack(receipt);
    assert_eq!(next(&mut c).await.attempts(), 1);
}
