//! Publisher and consumer on RabbitMQ: the same contracts as on every other bus.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use loggr_bus::rabbit::{self, Bus};
use loggr_bus::{ConsumerOptions, ExchangeSpec, Topology};
use loggr_flow::contract::{self, MemoryRescue, MemorySink, lines};
use loggr_flow::{Batcher, BatcherLimits, Quiet, Sink, Source, Stage, Stop, Stopper, pump_staged};

use super::setting::*;
use crate::support::Broker;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_publisher_keeps_the_contract_of_a_sink() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    let mut consumer = consumer(&bus);
    let mut all = Vec::new();
    contract::sink(publisher(&bus), |_| {
        // Everything that was confirmed is there; a last event of our own comes behind it.
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                publish(&mut publisher(&bus), &["the last"]).await;
                loop {
                    let texts = ack(next(&mut consumer).await);
                    let last = texts.last().is_some_and(|t| t == "the last");
                    all.extend(texts.into_iter().filter(|t| t != "the last"));
                    if last {
                        break;
                    }
                }
            });
        });
        all.clone()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_consumer_keeps_the_contract_of_a_source() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    let mut p = publisher(&bus);
    publish(&mut p, &["a", "b"]).await;
    publish(&mut p, &["c"]).await;
    contract::source(consumer_with(&bus, 10, 1), &["a", "b", "c"]).await;
    publish(&mut p, &["d"]).await;
    publish(&mut p, &["e", "f"]).await;
    contract::source(consumer(&bus), &["d", "e", "f"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_batch_is_many_messages_and_comes_back_in_order() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    let all: Vec<String> = (0..20_000).map(|n| format!("line {n}")).collect();
    let batch = lines(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let mut consumer = consumer(&bus);
    publisher(&bus).store(&batch).await.map(drop).expect("it is taken");
    assert!(take(&mut consumer, all.len()).await == all, "in order, each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_batches_of_many_publishers_share_messages_and_keep_their_order() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    let shared = publisher(&bus);
    let tasks: Vec<_> = (0..50)
        .map(|p| {
            let mut publisher = shared.clone();
            tokio::spawn(async move {
                for n in 0..40 {
                    publish(&mut publisher, &[&format!("{p} {n}")]).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it publishes");
    }
    let (_connection, channel) = stranger(&vhost).await;
    let passive = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = channel.queue_declare(QUEUE.into(), passive, Default::default()).await.expect("the queue");
    assert!(queue.message_count() < 2000, "{} messages for 2000 events", queue.message_count());
    let mut seen = [0; 50];
    for text in take(&mut consumer(&bus), 2000).await {
        let (p, n) = text.split_once(' ').expect("two numbers");
        let (p, n): (usize, i32) = (p.parse().expect("a number"), n.parse().expect("a number"));
        assert_eq!(n, seen[p], "of publisher {p}");
        seen[p] += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_is_the_number_of_messages_in_flight() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    let mut p = publisher(&bus);
    for n in 0..10 {
        publish(&mut p, &[&n.to_string()]).await;
    }
    let mut c = consumer_with(&bus, 3, 1);
    let held = [next(&mut c).await, next(&mut c).await, next(&mut c).await];
    assert!(c.is_full());
    assert!(tokio::time::timeout(Duration::from_millis(100), c.next()).await.is_err(), "the window is full");
    let [first, second, third] = held;
    // The one in the middle: a gap does not stop the queue.
    ack(second);
    assert_eq!(texts(next(&mut c).await.batch()), ["3"]);
    drop((first, third));
    // What was let go comes first, in order.
    assert_eq!(take(&mut c, 9).await, ["0", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batcher_does_not_stop_on_a_full_window() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    let mut p = publisher(&bus);
    for n in 0..20 {
        publish(&mut p, &[&n.to_string()]).await;
    }
    let (stopper, stop) = Stopper::new();
    let options = ConsumerOptions { window: 4, max_batch_events: 1, ..ConsumerOptions::default() };
    let consumer = bus.consumer(QUEUE, options, stop.clone()).expect("a consumer");
    let limits =
        BatcherLimits { max_events: 1000, max_bytes: usize::MAX, max_age: Duration::from_secs(3600) };
    let (sink, rescue) = (MemorySink::default(), MemoryRescue::default());
    let (stored, pumped) = (sink.clone(), async move {
        let mut stages: Vec<Box<dyn Stage>> = vec![Box::new(Batcher::new(limits))];
        pump_staged(consumer, &mut stages, sink, rescue, stop, Quiet).await
    });
    let pumping = tokio::spawn(pumped);
    comes_true(|| stored.texts().len() == 20);
    stopper.drain();
    pumping.await.expect("the pump").expect("ends well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_back_counts_and_returns_to_the_broker_with_the_consumer() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    publish(&mut publisher(&bus), &["a"]).await;
    let mut first = consumer(&bus);
    let delivery = next(&mut first).await;
    assert_eq!(delivery.attempts(), 1);
    delivery.nack();
    let delivery = next(&mut first).await;
    assert_eq!(delivery.attempts(), 2);
    // Nobody is left to give it out again here.
    drop(first);
    delivery.nack();
    let again = next(&mut consumer(&bus)).await;
    assert_eq!((texts(again.batch()), again.attempts()), (vec!["a".to_owned()], 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consumer_was_sent_and_did_not_take_returns_to_the_broker_with_it() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    let mut p = publisher(&bus);
    for text in ["a", "b", "c"] {
        publish(&mut p, &[text]).await;
    }
    let mut first = consumer_with(&bus, 10, 1);
    let held = next(&mut first).await;
    let (_connection, channel) = stranger(&vhost).await;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    while channel
        .queue_declare(QUEUE.into(), passive, FieldTable::default())
        .await
        .expect("the queue")
        .message_count()
        > 0
    {}
    drop(first);
    assert_eq!(ack(held), ["a"]);
    assert_eq!(take(&mut consumer(&bus), 2).await, ["b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_consumer_ends_and_leaves_what_waits() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    let mut p = publisher(&bus);
    for n in 0..5 {
        publish(&mut p, &[&n.to_string()]).await;
    }
    let (stopper, stop) = Stopper::new();
    let options = ConsumerOptions { window: 2, max_batch_events: 1, ..ConsumerOptions::default() };
    let mut draining = bus.consumer(QUEUE, options, stop).expect("a consumer");
    let held = next(&mut draining).await;
    stopper.drain();
    let mut got = Vec::new();
    while let Some(delivery) = draining.next().await.expect("it goes on") {
        got.extend(ack(delivery));
    }
    // Settled after the end of the source: it counts all the same.
    got.extend(ack(held));
    drop(draining);
    let rest = take(&mut consumer(&bus), 5 - got.len()).await;
    let mut all: Vec<String> = got.into_iter().chain(rest).collect();
    all.sort();
    assert_eq!(all, ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_queue_takes_is_an_error_and_not_lost() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let topology = Topology { exchanges: vec![ExchangeSpec::new(EXCHANGE, &[(QUEUE, "harvest.*")])] };
    let options = options(&vhost.url());
    rabbit::declare(&options, &topology).await.map(drop).expect("declared");
    let bus = Bus::open(options, &topology, &needs()).await.expect("it opens");
    let error = refusal(&mut publisher(&bus), &["a"]).await.to_string();
    assert!(
        error.contains("no queue on the exchange `received` takes the routing key `syslog.relp`"),
        "{error}"
    );
    // The channel goes on, and so does who publishes what is taken.
    let mut other = bus.publisher(EXCHANGE, "harvest.x", rabbit::Encoding::Batch).expect("a publisher");
    publish(&mut other, &["b"]).await;
    assert_eq!(take(&mut consumer(&bus), 1).await, ["b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purging_drops_what_is_ready() {
    let Some(broker) = Broker::shared() else { return };
    let bus = open(&broker.vhost()).await;
    let mut p = publisher(&bus);
    publish(&mut p, &["a"]).await;
    publish(&mut p, &["b"]).await;
    // The connection for consumers may still be on its way.
    let mut c = consumer_with(&bus, 1, 1);
    let held = next(&mut c).await;
    assert_eq!(bus.purge(QUEUE).await.expect("purged"), 1);
    ack(held);
    publish(&mut p, &["c"]).await;
    assert_eq!(take(&mut c, 1).await, ["c"]);
    let error = bus.purge("nothing").await.expect_err("no such queue");
    assert_eq!(error.to_string(), "there is no queue `nothing`");
    assert!(bus.consumer("nothing", ConsumerOptions::default(), Stop::never()).is_err());
}
