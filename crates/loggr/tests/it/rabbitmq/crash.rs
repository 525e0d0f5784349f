//! `kill -9` of the broker: nothing that it confirmed is lost, and nothing of a lost
//! connection is taken for its successor's.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lapin::options::QueueBindOptions;
use lapin::types::FieldTable;
use loggr_bus::rabbit::{Bus, Publisher};
use loggr_flow::contract::lines;
use loggr_flow::{Sink, Source};
use tokio::task::JoinHandle;

use super::setting::*;
use crate::support::{Broker, Random, long, random_moment, say};

const PUBLISHERS: u64 = 3;
/// For a round, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(170);
/// Between two kills at least so many events are confirmed.
const EVENTS_A_ROUND: usize = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_broker_confirmed_is_lost_when_it_is_killed() {
    let Some(mut broker) = Broker::own(&[]) else { return };
    let rounds = if long() { 10 } else { 2 };
    let mut random = Random::new();
    let bus = kept(&broker).await;
    let load = Load::start(&bus, (0..PUBLISHERS).map(|_| publisher(&bus)).collect());
    for _ in 0..rounds {
        load.goes_on();
        tokio::task::block_in_place(|| {
            random_moment(&mut random, 300);
            broker.kill9();
            broker.up();
        });
    }
    load.goes_on();
    let confirmed = load.finish().await;
    say(&format!("{rounds} kills of the broker, {confirmed} events confirmed, 0 missing"));
}

/// A message that no queue takes comes back among many that are on their way, and it is not
/// said which it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_confirmed_is_lost_when_a_binding_comes_and_goes() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    // Clones share a channel: what comes back may be anybody's.
    let load = Load::start(&bus, vec![publisher(&bus); 16]);
    let (_connection, channel) = stranger(&vhost).await;
    let rounds = if long() { 200 } else { 20 };
    for _ in 0..rounds {
        load.goes_on();
        let table = FieldTable::default;
        channel.queue_unbind(QUEUE.into(), EXCHANGE.into(), "#".into(), table()).await.expect("unbound");
        let bind = QueueBindOptions::default();
        channel.queue_bind(QUEUE.into(), EXCHANGE.into(), "#".into(), bind, table()).await.expect("bound");
    }
    let (came_back, confirmed) = (load.came_back.load(Ordering::Relaxed), load.finish().await);
    say(&format!(
        "{rounds} times without a binding, {came_back} came back, {confirmed} confirmed, 0 missing"
    ));
}

/// Publishers that try each batch until it is confirmed, and a consumer all the while: what
/// it acknowledged is seen, what it held comes again.
struct Load {
    confirmed: Arc<Mutex<BTreeSet<u64>>>,
    seen: Arc<Mutex<BTreeSet<u64>>>,
    /// Batches that were not taken, and why the last was not.
    came_back: Arc<AtomicU64>,
    why: Arc<Mutex<String>>,
    enough: Arc<AtomicBool>,
    publishing: Vec<JoinHandle<()>>,
    consuming: JoinHandle<()>,
}

impl Load {
    fn start(bus: &Bus, publishers: Vec<Publisher>) -> Load {
        let (confirmed, seen) =
            (Arc::<Mutex<BTreeSet<u64>>>::default(), Arc::<Mutex<BTreeSet<u64>>>::default());
        let (came_back, enough) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let why = Arc::<Mutex<String>>::default();
        let all = publishers.len() as u64;
        let publish = |(n, mut publisher): (usize, Publisher)| {
            let (confirmed, enough, came_back) = (confirmed.clone(), enough.clone(), came_back.clone());
            let why = why.clone();
            tokio::spawn(async move {
                let mut first = n as u64;
                while !enough.load(Ordering::Relaxed) {
                    // Small ones share messages, large ones have their own.
                    let count = if first.is_multiple_of(7) { 150 } else { 5 };
                    let numbers: Vec<u64> = (0..count).map(|i| first + i * all).collect();
                    let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
                    let batch = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
                    while let Err(error) = publisher.store(&batch).await {
                        came_back.fetch_add(1, Ordering::Relaxed);
                        *why.lock().expect("no panic") = error.chain();
                        tokio::task::yield_now().await;
                    }
                    confirmed.lock().expect("no panic").extend(numbers);
                    first += count * all;
                }
            })
        };
        let publishing = publishers.into_iter().enumerate().map(publish).collect();
        let consuming = tokio::spawn({
            let (mut consumer, seen) = (consumer(bus), seen.clone());
            async move {
                while let Some(delivery) = consumer.next().await.expect("it goes on") {
                    let numbers = ack(delivery);
                    seen.lock()
                        .expect("no panic")
                        .extend(numbers.iter().map(|t| t.parse::<u64>().expect("a number")));
                }
            }
        });
        Load { confirmed, seen, came_back, why, enough, publishing, consuming }
    }

    /// Waits until some more are confirmed.
    #[track_caller]
    fn goes_on(&self) {
        let confirmed = || self.confirmed.lock().expect("no panic").len();
        let goal = confirmed() + EVENTS_A_ROUND;
        let begun = Instant::now();
        comes_true(|| {
            let (now, came_back) = (confirmed(), self.came_back.load(Ordering::Relaxed));
            let why = || self.why.lock().expect("no panic").clone();
            assert!(
                begun.elapsed() < PATIENCE,
                "{now} of {goal} are confirmed; {came_back} batches came back, the last because: {}",
                why()
            );
            now >= goal
        });
    }

    /// Ends it, and waits until everything that was confirmed has come; how many that were.
    async fn finish(self) -> usize {
        self.enough.store(true, Ordering::Relaxed);
        for publisher in self.publishing {
            publisher.await.expect("it ends");
        }
        let confirmed = self.confirmed.lock().expect("no panic").clone();
        comes_true(|| self.seen.lock().expect("no panic").is_superset(&confirmed));
        self.consuming.abort();
        confirmed.len()
    }
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
    assert_eq!(a2.attempts(), 1, "a channel whose end we have survived is no attempt");
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
