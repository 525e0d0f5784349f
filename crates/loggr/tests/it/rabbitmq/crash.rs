//! `kill -9` of the broker: nothing that it confirmed is lost, and nothing of a lost
//! connection is taken for its successor's.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loggr_bus::rabbit::Bus;
use loggr_flow::contract::lines;
use loggr_flow::{Receipt, Sink, Source};

use super::setting::*;
use crate::support::{Broker, Random, long, random_moment, say};

const PUBLISHERS: u64 = 3;
/// Between two kills at least so many events are confirmed.
const EVENTS_A_ROUND: usize = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_broker_confirmed_is_lost_when_it_is_killed() {
    let Some(mut broker) = Broker::own(&[]) else { return };
    let rounds = if long() { 10 } else { 2 };
    let mut random = Random::new();
    let bus = kept(&broker).await;
    let confirmed = Arc::new(Mutex::new(BTreeSet::new()));
    let enough = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|n| {
            let (mut publisher, confirmed, enough) = (publisher(&bus), confirmed.clone(), enough.clone());
            tokio::spawn(async move {
                let mut first = n;
                while !enough.load(std::sync::atomic::Ordering::Relaxed) {
                    // Small ones share messages, large ones have their own.
                    let count = if first % 7 == 0 { 150 } else { 5 };
                    let numbers: Vec<u64> = (0..count).map(|i| first + i * PUBLISHERS).collect();
                    let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
                    let batch = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
                    while publisher.store(&batch).await.is_err() {
                        tokio::task::yield_now().await;
                    }
                    confirmed.lock().expect("no panic").extend(numbers);
                    first += count * PUBLISHERS;
                }
            })
        })
        .collect();
    // A consumer all the while: what it acknowledged is seen, what it held comes again.
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let consuming = tokio::spawn({
        let (mut consumer, seen) = (consumer(&bus), seen.clone());
        async move {
            while let Some(delivery) = consumer.next().await.expect("it goes on") {
                let numbers = texts(delivery.batch());
                seen.lock()
                    .expect("no panic")
                    .extend(numbers.iter().map(|t| t.parse::<u64>().expect("a number")));
                let receipt = Receipt::sign(delivery.batch());
                delivery.ack(receipt);
            }
        }
    });
    for _ in 0..rounds {
        let goal = confirmed.lock().expect("no panic").len() + EVENTS_A_ROUND;
        comes_true(|| confirmed.lock().expect("no panic").len() >= goal);
        tokio::task::block_in_place(|| {
            random_moment(&mut random, 300);
            broker.kill9();
            broker.up();
        });
    }
    let goal = confirmed.lock().expect("no panic").len() + EVENTS_A_ROUND;
    comes_true(|| confirmed.lock().expect("no panic").len() >= goal);
    enough.store(true, std::sync::atomic::Ordering::Relaxed);
    for publisher in publishers {
        publisher.await.expect("it ends");
    }
    let confirmed = confirmed.lock().expect("no panic").clone();
    comes_true(|| seen.lock().expect("no panic").is_superset(&confirmed));
    say(&format!("{rounds} kills of the broker, {} events confirmed, 0 missing", confirmed.len()));
    consuming.abort();
}

/// Open, with a queue that survives.
async fn kept(broker: &Broker) -> Bus {
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    tokio::task::block_in_place(|| broker.keeps(&vhost.name, QUEUE));
    bus
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_acknowledgement_settles_nothing_on_the_next_connection() {
    let Some(mut broker) = Broker::own(&[]) else { return };
    let bus = kept(&broker).await;
    let mut p = publisher(&bus);
    for text in ["a", "b", "c"] {
        publish(&mut p, &[text]).await;
    }
    let mut c = consumer_with(&bus, 10, 1);
    // Tags 1, 2, 3 of the first channel.
    let (a, b, late) = (next(&mut c).await, next(&mut c).await, next(&mut c).await);
    assert_eq!((texts(a.batch()), texts(b.batch())), (vec!["a".to_owned()], vec!["b".to_owned()]));
    tokio::task::block_in_place(|| {
        broker.kill9();
        broker.up();
    });
    // Tags 1, 2, 3 of the second: all three come again, for nobody settled them.
    let (a2, b2, c2) = (next(&mut c).await, next(&mut c).await, next(&mut c).await);
    assert_eq!((texts(a2.batch()), texts(c2.batch())), (vec!["a".to_owned()], vec!["c".to_owned()]));
    assert_eq!(a2.attempts(), 2);
    // Late, from the first channel: an ack, a nack, and an ack of what the second holds.
    ack(a);
    b.nack();
    ack(late);
    drop(c2);
    assert_eq!(texts(next(&mut c).await.batch()), ["c"], "only its own channel's word counts");
    ack(a2);
    ack(b2);
    drop(c);
    // On a third channel only what was never settled comes.
    let mut third = consumer_with(&bus, 10, 1);
    assert_eq!(take(&mut third, 1).await, ["c"]);
    let nothing = tokio::time::timeout(Duration::from_millis(300), third.next()).await;
    assert!(nothing.is_err(), "everything is settled");
}
