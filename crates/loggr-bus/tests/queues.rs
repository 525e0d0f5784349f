//! Publishing, consuming and reopening, seen from outside.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::*;
use loggr_bus::embedded::{Bus, Dropped};
use loggr_bus::{BusOptions, ConsumerOptions, OpenErrorKind};
use loggr_flow::contract::{self, lines};
use loggr_flow::{Receipt, Sink, Source, Stop, Stopper, StoreError};

#[tokio::test]
async fn the_publisher_keeps_the_contract_of_a_sink() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    contract::sink(publisher(&bus), |_| bus.peek("q", 100).unwrap().map(|b| texts(&b)).unwrap_or_default())
        .await;
}

#[tokio::test]
async fn the_consumer_keeps_the_contract_of_a_source() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    publish(&mut p, &["a", "b"]).await;
    publish(&mut p, &["c"]).await;
    contract::source(small_steps(&bus, "q"), &["a", "b", "c"]).await;
    publish(&mut p, &["d"]).await;
    publish(&mut p, &["e", "f"]).await;
    contract::source(consumer(&bus), &["d", "e", "f"]).await;
}

#[tokio::test]
async fn what_was_published_is_there_after_a_reopen_and_what_was_acked_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    publish(&mut p, &["a"]).await;
    publish(&mut p, &["b"]).await;
    let mut c = small_steps(&bus, "q");
    assert_eq!(ack(next(&mut c).await), ["a"]);
    drop((c, p));
    bus.close();
    let bus = open(dir.path());
    let stats = queue_stats(&bus, "q");
    assert_eq!((stats.published_events, stats.stored_events, stats.waiting_events), (2, 1, 1));
    let mut p = publisher(&bus);
    publish(&mut p, &["c"]).await;
    assert_eq!(drain(&mut consumer(&bus)).await, ["b", "c"]);
}

#[tokio::test]
async fn batches_join_into_one_delivery_up_to_its_limits() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "c", "d", "e"] {
        publish(&mut p, &[text]).await;
    }
    let options = ConsumerOptions { max_batch_events: 2, ..ConsumerOptions::default() };
    let mut c = bus.consumer("q", options, Stop::never()).unwrap();
    assert_eq!(ack(next(&mut c).await), ["a", "b"]);
    assert_eq!(ack(next(&mut c).await), ["c", "d"]);
    assert_eq!(ack(next(&mut c).await), ["e"]);
}

#[tokio::test]
async fn queues_share_one_copy_and_take_what_they_are_bound_to() {
    let dir = tempfile::tempdir().unwrap();
    let (bus, _) =
        open_with(dir.path(), &[("all", "#"), ("tcp", "syslog.tcp"), ("none", "harvest.*")], &options());
    let mut tcp = bus.publisher("x", "syslog.tcp").unwrap();
    let mut udp = bus.publisher("x", "syslog.udp").unwrap();
    publish(&mut tcp, &["a"]).await;
    publish(&mut udp, &["b", "b2"]).await;
    publish(&mut tcp, &["c"]).await;
    assert_eq!(queue_stats(&bus, "tcp").waiting_events, 2);
    assert_eq!(queue_stats(&bus, "none").waiting_events, 0);
    assert_eq!(drain(&mut consumer_of(&bus, "tcp")).await, ["a", "c"]);
    assert_eq!(drain(&mut consumer_of(&bus, "all")).await, ["a", "b", "b2", "c"]);
    assert_eq!(drain(&mut consumer_of(&bus, "none")).await, Vec::<String>::new());
    drop((tcp, udp));
    bus.close();
    let (bus, _) =
        open_with(dir.path(), &[("all", "#"), ("tcp", "syslog.tcp"), ("none", "harvest.*")], &options());
    let stats = queue_stats(&bus, "tcp");
    assert_eq!((stats.published_events, stats.stored_events, stats.waiting_events), (2, 2, 0));
    assert_eq!(queue_stats(&bus, "all").stored_events, 4);
}

/// What the sink that writes files relies on: its own record of what it wrote may be
/// dropped once the next delivery is there.
#[tokio::test]
async fn an_acknowledged_delivery_is_in_the_cursor_before_the_next_is_given_out() {
    let (dir, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "c"] {
        publish(&mut p, &[text]).await;
    }
    let mut c = small_steps(&bus, "q");
    assert_eq!(ack(next(&mut c).await), ["a"]);
    let held = next(&mut c).await;
    copy(dir.path(), copied.path());
    assert_eq!(drain(&mut consumer(&open(copied.path()))).await, ["b", "c"]);
    drop(held);
}

#[tokio::test]
async fn acks_out_of_order_wait_for_the_gap_to_close() {
    let (dir, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "c", "d"] {
        publish(&mut p, &[text]).await;
    }
    let mut c = small_steps(&bus, "q");
    let (a, b, cc) = (next(&mut c).await, next(&mut c).await, next(&mut c).await);
    ack(cc);
    ack(b);
    assert_eq!(queue_stats(&bus, "q").stored_events, 2);
    let d = next(&mut c).await;
    copy(dir.path(), copied.path());
    assert_eq!(drain(&mut consumer(&open(copied.path()))).await, ["a", "b", "c", "d"]);
    ack(a);
    d.nack();
    assert_eq!(ack(next(&mut c).await), ["d"]);
    drop((c, p));
    bus.close();
    assert_eq!(drain(&mut consumer(&open(dir.path()))).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_nacked_comes_first_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "c"] {
        publish(&mut p, &[text]).await;
    }
    let mut c = small_steps(&bus, "q");
    let (a, b) = (next(&mut c).await, next(&mut c).await);
    b.nack();
    a.nack();
    let again = next(&mut c).await;
    assert_eq!(again.attempts(), 2);
    assert_eq!(ack(again), ["a"]);
    assert_eq!(drain(&mut c).await, ["b", "c"]);
    assert_eq!(queue_stats(&bus, "q").redelivered_events, 2);
}

#[tokio::test]
async fn a_batch_that_kills_the_process_is_seen_by_its_attempts_and_comes_alone() {
    let first = tempfile::tempdir().unwrap();
    let bus = open(first.path());
    let mut p = publisher(&bus);
    for text in ["poison", "b", "c"] {
        publish(&mut p, &[text]).await;
    }
    drop(p);
    bus.close();
    let mut dir = first;
    for attempt in 1..6 {
        let copied = tempfile::tempdir().unwrap();
        let bus = open(dir.path());
        let mut c = consumer(&bus);
        let delivery = next(&mut c).await;
        assert_eq!(delivery.attempts(), attempt);
        assert_eq!(texts(delivery.batch()).len(), if attempt > 2 { 1 } else { 3 });
        // The process dies here.
        copy(dir.path(), copied.path());
        drop((delivery, c));
        bus.close();
        dir = copied;
    }
    let bus = open(dir.path());
    let mut c = consumer(&bus);
    ack(next(&mut c).await);
    let rest = next(&mut c).await;
    assert_eq!(rest.attempts(), 1);
    assert_eq!(ack(rest), ["b", "c"]);
}

#[tokio::test]
async fn a_batch_that_kills_the_process_behind_one_that_is_only_kept_comes_alone_in_the_end() {
    let mut dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "poison", "c"] {
        publish(&mut p, &[text]).await;
    }
    drop(p);
    bus.close();
    let mut deaths = 0;
    loop {
        let bus = open(dir.path());
        let options = ConsumerOptions { window: 1000, max_batch_bytes: 1, max_batch_events: 1, kept: true };
        let mut c = bus.consumer("q", options, Stop::never()).unwrap();
        let mut kept = Vec::new();
        let (killer, company) = loop {
            let next = tokio::time::timeout(Duration::from_millis(50), c.next()).await;
            let Ok(next) = next else {
                // The only one that is out has to go first.
                assert_eq!(kept.len(), 1);
                ack(kept.remove(0));
                continue;
            };
            let delivery = next.unwrap().unwrap();
            delivery.begin();
            if texts(delivery.batch()) == ["poison"] {
                break (delivery, kept);
            }
            delivery.rest();
            kept.push(delivery);
        };
        deaths += 1;
        assert!(deaths < 20, "it is never found");
        let (attempts, alone) = (killer.attempts(), company.is_empty());
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        drop((killer, company, c));
        bus.close();
        dir = copied;
        if attempts > 3 {
            assert!(alone);
            break;
        }
    }
}

#[tokio::test]
async fn what_is_let_go_at_a_stop_is_no_attempt() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        let bus = open(dir.path());
        if queue_stats(&bus, "q").published_events == 0 {
            publish(&mut publisher(&bus), &["a"]).await;
        }
        let (stopper, stop) = Stopper::new();
        let mut c = bus.consumer("q", ConsumerOptions::default(), stop).unwrap();
        let delivery = next(&mut c).await;
        assert_eq!(delivery.attempts(), 1);
        stopper.abort();
        drop(delivery);
        assert!(c.next().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn draining_gives_what_is_left_and_then_ends() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    publish(&mut p, &["a"]).await;
    publish(&mut p, &["b"]).await;
    let (stopper, stop) = Stopper::new();
    let options = ConsumerOptions { max_batch_events: 1, window: 1, ..ConsumerOptions::default() };
    let mut c = bus.consumer("q", options, stop).unwrap();
    let a = next(&mut c).await;
    stopper.drain();
    let waiting = tokio::spawn(async move {
        let b = next(&mut c).await;
        let texts = ack(b);
        (texts, c.next().await.unwrap().is_none())
    });
    tokio::task::yield_now().await;
    ack(a);
    assert_eq!(waiting.await.unwrap(), (vec!["b".to_owned()], true));
}

#[tokio::test]
async fn a_waiting_consumer_is_woken_by_a_publish_and_by_drain() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let (stopper, stop) = Stopper::new();
    let mut c = bus.consumer("q", ConsumerOptions::default(), stop).unwrap();
    let waiting = tokio::spawn(async move {
        let texts = ack(next(&mut c).await);
        (texts, c.next().await.unwrap().is_none())
    });
    tokio::task::yield_now().await;
    publish(&mut publisher(&bus), &["a"]).await;
    stopper.drain();
    assert_eq!(waiting.await.unwrap(), (vec!["a".to_owned()], true));
}

#[tokio::test]
async fn consumers_of_a_queue_share_its_events() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for i in 0..20 {
        publish(&mut p, &[&format!("{i:02}")]).await;
    }
    let (mut one, mut two) = (small_steps(&bus, "q"), small_steps(&bus, "q"));
    let mut got = Vec::new();
    for _ in 0..10 {
        let (a, b) = (next(&mut one).await, next(&mut two).await);
        got.extend(ack(b));
        got.extend(ack(a));
    }
    got.sort();
    assert_eq!(got, (0..20).map(|i| format!("{i:02}")).collect::<Vec<_>>());
    assert_eq!(queue_stats(&bus, "q").consumers, 2);
}

#[tokio::test]
async fn a_window_bounds_what_is_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "c"] {
        publish(&mut p, &[text]).await;
    }
    let options = ConsumerOptions { window: 2, max_batch_events: 1, ..ConsumerOptions::default() };
    let mut c = bus.consumer("q", options, Stop::never()).unwrap();
    let (a, _b) = (next(&mut c).await, next(&mut c).await);
    idle(&mut c).await;
    ack(a);
    assert_eq!(ack(next(&mut c).await), ["c"]);
}

#[tokio::test]
async fn segments_are_given_back_and_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let (mut p, mut c) = (publisher(&bus), consumer(&bus));
    let text = "x".repeat(5000);
    for round in 0..100 {
        publish(&mut p, &[&format!("{round}"), &text]).await;
        assert_eq!(ack(next(&mut c).await)[0], round.to_string());
    }
    drop(c);
    bus.quiesce();
    bus.quiesce();
    let stats = &bus.stats()[0];
    assert!(stats.segments <= 2, "{stats:?}");
    let files = std::fs::read_dir(dir.path().join("x")).unwrap().count();
    assert!(files <= 10, "{files}");
    drop(p);
    bus.close();
    // Old frames in recycled segments are not taken for new ones.
    let bus = open(dir.path());
    assert_eq!(drain(&mut consumer(&bus)).await, Vec::<String>::new());
    publish(&mut publisher(&bus), &["new"]).await;
    assert_eq!(drain(&mut consumer(&bus)).await, ["new"]);
}

#[tokio::test]
async fn a_batch_larger_than_a_segment_gets_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    let large = "y".repeat(SEGMENT as usize * 3);
    publish(&mut p, &["a"]).await;
    publish(&mut p, &[&large]).await;
    publish(&mut p, &["b"]).await;
    let mut c = consumer(&bus);
    let expect = ["a".to_owned(), large.clone(), "b".to_owned()];
    let mut got = Vec::new();
    while got.len() < 3 {
        let delivery = next(&mut c).await;
        got.extend(texts(delivery.batch()));
        delivery.nack();
        ack(next(&mut c).await);
    }
    assert_eq!(got, expect);
    let too_large = "z".repeat(2 << 20);
    let error = p.store(&lines(&[&too_large])).await.unwrap_err();
    assert!(matches!(error, StoreError::Permanent(_)), "{error}");
    drop((p, c));
    bus.close();
    assert_eq!(drain(&mut consumer(&open(dir.path()))).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_full_exchange_says_so_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let options = BusOptions { segment_size: SEGMENT, max_size: 3 * SEGMENT, ..BusOptions::default() };
    let (bus, _) = open_with(dir.path(), &[("q", "#"), ("quick", "#")], &options);
    let mut p = publisher(&bus);
    let batch = lines(&[&"x".repeat(10_000)]);
    let mut stored = 0;
    let error = loop {
        match p.store(&batch).await {
            Ok(receipt) => {
                stored += 1;
                drop(receipt);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(stored, 6);
    drain(&mut consumer_of(&bus, "quick")).await;
    let error2 = p.store(&batch).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)));
    assert_eq!(error2.to_string(), "queue `q` is full: 96 KiB of 96 KiB waiting");
    assert_eq!(drain(&mut consumer(&bus)).await.len(), stored);
    bus.quiesce();
    p.store(&batch).await.map(drop).unwrap();
}

#[tokio::test]
async fn purge_drops_what_waits_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    for text in ["a", "b", "c", "d"] {
        publish(&mut p, &[text]).await;
    }
    let mut c = small_steps(&bus, "q");
    let (a, b) = (next(&mut c).await, next(&mut c).await);
    b.nack();
    assert_eq!(bus.purge("q").unwrap(), Dropped { events: 3, in_hand: 1 });
    idle(&mut c).await;
    let stats = queue_stats(&bus, "q");
    assert_eq!((stats.dropped_events, stats.waiting_events, stats.leased_events), (3, 1, 1));
    ack(a);
    publish(&mut p, &["e"]).await;
    assert_eq!(drain(&mut c).await, ["e"]);
    drop((c, p));
    bus.close();
    let stats = queue_stats(&open(dir.path()), "q");
    assert_eq!((stats.stored_events, stats.dropped_events, stats.waiting_events), (2, 3, 0));
}

#[tokio::test]
async fn a_changed_binding_holds_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let (bus, _) = open_with(dir.path(), &[("q", "a.*")], &options());
    let publish_both = async |bus: &Bus, n: u32| {
        for key in ["a.x", "b.x"] {
            publish(&mut bus.publisher("x", key).unwrap(), &[&format!("{key} {n}")]).await;
        }
    };
    publish_both(&bus, 1).await;
    bus.close();
    let (bus, report) = open_with(dir.path(), &[("q", "b.*")], &options());
    assert!(report.to_string().contains("bound with `b.*` now, before with `a.*`"));
    publish_both(&bus, 2).await;
    assert_eq!(queue_stats(&bus, "q").waiting_events, 2);
    bus.close();
    let (bus, _) = open_with(dir.path(), &[("q", "b.*")], &options());
    assert_eq!(drain(&mut consumer(&bus)).await, ["a.x 1", "b.x 2"]);
}

#[tokio::test]
async fn peeking_takes_nothing_and_works_without_a_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    publish(&mut publisher(&bus), &["a"]).await;
    publish(&mut publisher(&bus), &["b"]).await;
    assert_eq!(texts(&bus.peek("q", 1).unwrap().unwrap()), ["a"]);
    for view in loggr_bus::inspect(dir.path()).unwrap() {
        assert_eq!((view.name.as_str(), view.queues[0].waiting_events), ("x", 2));
        assert_eq!(texts(&view.peek("q", 10).unwrap().unwrap()), ["a", "b"]);
    }
    assert_eq!(drain(&mut consumer(&bus)).await, ["a", "b"]);
    assert!(bus.peek("q", 1).unwrap().is_none());
}

#[tokio::test]
async fn publishers_at_the_same_time_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let mut p = publisher(&bus);
            tokio::spawn(async move {
                for i in 0..20 {
                    publish(&mut p, &[&format!("{n} {i:02}")]).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let got = drain(&mut consumer(&bus)).await;
    for n in 0..8 {
        let mine: Vec<_> = got.iter().filter(|t| t.starts_with(&format!("{n} "))).collect();
        assert_eq!(mine.len(), 20);
        assert!(mine.is_sorted(), "the order of one publisher is kept");
    }
    assert!(bus.stats()[0].commits <= 160);
}

#[tokio::test]
async fn after_close_publishers_and_consumers_hear_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let bus = open(dir.path());
    let (mut p, mut c) = (publisher(&bus), consumer(&bus));
    publish(&mut p, &["a"]).await;
    let held = next(&mut c).await;
    bus.close();
    assert!(matches!(p.store(&lines(&["b"])).await, Err(StoreError::Transient(_))));
    assert!(c.next().await.unwrap().is_none());
    // Acknowledged too late to be written: it comes again.
    let receipt = Receipt::sign(held.batch());
    held.ack(receipt);
    drop(c);
    assert_eq!(drain(&mut consumer(&open(dir.path()))).await, ["a"]);
}

#[tokio::test]
async fn two_processes_do_not_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let _bus = open(dir.path());
    let error = Bus::open(dir.path(), &topology(&[("q", "#")]), &options()).unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::Locked);
}

#[tokio::test]
async fn compressed_batches_come_back_and_take_less_space() {
    let dir = tempfile::tempdir().unwrap();
    let codec = loggr_bus::Codec::Lz4;
    let (bus, _) = open_with(dir.path(), &[("q", "#")], &BusOptions { codec, ..options() });
    let text = "again and again ".repeat(500);
    publish(&mut publisher(&bus), &[&text, &text]).await;
    assert!(queue_stats(&bus, "q").waiting_bytes < text.len() as u64);
    bus.close();
    // The codec is in the batch: another setting reads it as well.
    let bus = open(dir.path());
    assert_eq!(drain(&mut consumer(&bus)).await, [text.clone(), text]);
}

/// A delivery that is never settled must not let the queue's memory grow.
#[tokio::test]
async fn a_stuck_delivery_holds_the_head_and_the_books_balance() {
    let (dir, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bus = open(dir.path());
    let mut p = publisher(&bus);
    let mut c = small_steps(&bus, "q");
    publish(&mut p, &["stuck"]).await;
    let stuck = next(&mut c).await;
    let mut expect = vec!["stuck".to_owned()];
    for i in 0..50 {
        publish(&mut p, &[&i.to_string()]).await;
        let delivery = next(&mut c).await;
        if i % 3 == 0 {
            delivery.nack();
            ack(next(&mut c).await);
        } else {
            ack(delivery);
        }
        expect.push(i.to_string());
        let stats = queue_stats(&bus, "q");
        assert_eq!((stats.stored_events, stats.leased_events), (i + 1, 1));
    }
    copy(dir.path(), copied.path());
    assert_eq!(drain(&mut consumer(&open(copied.path()))).await, expect);
    ack(stuck);
    assert_eq!(queue_stats(&bus, "q").waiting_events, 0);
    drop((p, c));
    bus.close();
    assert_eq!(drain(&mut consumer(&open(dir.path()))).await, Vec::<String>::new());
}
