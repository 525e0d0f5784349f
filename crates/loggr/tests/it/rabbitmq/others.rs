//! Other people on the same broker: JSON for them, their lines for us, and what nobody can read.

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use loggr_bus::{ConsumerOptions, rabbit};
use loggr_flow::contract::{MemoryRescue, MemorySink, lines};
use loggr_flow::{Quiet, Receipt, Sink, Source, Stopper, pump};

use super::setting::*;
use crate::support::{Broker, numbered_line};

/// Publishes as anybody would.
async fn put(channel: &Channel, body: &[u8], content_type: Option<&str>) {
    let properties = match content_type {
        Some(kind) => BasicProperties::default().with_content_type(kind.into()),
        None => BasicProperties::default(),
    };
    let options = BasicPublishOptions::default();
    let publishing = channel.basic_publish(EXCHANGE.into(), "theirs".into(), options, body, properties);
    publishing.await.expect("published").await.expect("sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_one_event_a_message_for_others_and_the_same_event_for_us() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    let texts: Vec<String> = (0..300).map(numbered_line).collect();
    let batch = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut publisher = bus.publisher(EXCHANGE, KEY, rabbit::Encoding::Json).expect("a publisher");
    publisher.store(&batch).await.map(drop).expect("it is taken");

    let mut ours = consumer_with(&bus, 400, 10_000);
    let (mut sent, mut held) = (batch.records().peekable(), Vec::new());
    while sent.peek().is_some() {
        let delivery = next(&mut ours).await;
        for record in delivery.batch().records() {
            let before = sent.next().expect("no more than were sent");
            assert_eq!(record.uid, before.uid);
            let (before, after) = (before.event(), record.event());
            assert_eq!(
                (&before.message, &before.source, before.uid),
                (&after.message, &after.source, after.uid)
            );
            assert_eq!(before.structured_data, after.structured_data);
        }
        held.push(delivery);
    }
    // Given back to the broker: the others are to see it too.
    drop(ours);
    drop(held);

    let (_connection, channel) = stranger(&vhost).await;
    let no_ack = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let consuming = channel.basic_consume(QUEUE.into(), "".into(), no_ack, FieldTable::default());
    let mut theirs = consuming.await.expect("a consumer");
    let message = theirs.next().await.expect("a message").expect("no error");
    let object: serde_json::Value = serde_json::from_slice(&message.data).expect("JSON");
    assert!(object["message"].as_str().is_some_and(|m| m.starts_with("seq=")), "{object}");
    assert_eq!(message.properties.content_type().as_ref().map(|t| t.as_str()), Some("application/json"));
    assert_eq!(message.properties.message_id().as_ref().map(|t| t.as_str()), object["uid"].as_str());
    assert_eq!(*message.properties.delivery_mode(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_and_objects_that_others_publish_are_events() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    let (_connection, channel) = stranger(&vhost).await;
    put(&channel, b"<13>Mar  4 05:06:07 router ppp[1]: link up\n", Some("text/plain; charset=utf-8")).await;
    put(&channel, br#"{"message":"from json","host":"web07","app_name":"shop"}"#, Some("application/json"))
        .await;
    put(&channel, b"no header at all", None).await;
    put(&channel, b"\xff\xfe\x00", Some("application/octet-stream")).await;
    let mut ours = consumer(&bus);
    let mut events = Vec::new();
    while events.len() < 4 {
        let delivery = next(&mut ours).await;
        events.extend(delivery.batch().records().map(|r| {
            let event = r.event();
            (event.source.to_string(), event.app_name.to_string(), event.message.to_string())
        }));
        let receipt = Receipt::sign(delivery.batch());
        delivery.ack(receipt);
    }
    let event = |at: usize| (events[at].0.as_str(), events[at].1.as_str(), events[at].2.as_str());
    assert_eq!(event(0), ("router", "ppp", "link up"));
    assert_eq!(event(1), ("web07", "shop", "from json"));
    assert_eq!(event(2).2, "no header at all");
    assert!(!event(3).2.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_read_goes_to_the_rescue_as_it_is_and_the_queue_goes_on() {
    let Some(broker) = Broker::shared() else { return };
    let vhost = broker.vhost();
    let bus = open(&vhost).await;
    let (_connection, channel) = stranger(&vhost).await;
    let mut p = publisher(&bus);
    publish(&mut p, &["before"]).await;
    put(&channel, b"LGRB\x63 of a later version", Some(rabbit::BATCH_TYPE)).await;
    publish(&mut p, &["after"]).await;
    let (stopper, stop) = Stopper::new();
    let (sink, rescue) = (MemorySink::default(), MemoryRescue::default());
    let source = bus.consumer(QUEUE, ConsumerOptions::default(), stop.clone()).expect("a consumer");
    let pumping = tokio::spawn(pump(source, sink.clone(), rescue.clone(), stop, Quiet));
    comes_true(|| sink.texts().len() == 2 && !rescue.texts().is_empty());
    stopper.drain();
    pumping.await.expect("the pump").expect("ends well");
    assert_eq!(sink.texts(), ["before", "after"]);
    assert_eq!(rescue.texts(), ["LGRB\x63 of a later version"]);
    // Acknowledged: nobody gets it again.
    let mut rest = consumer(&bus);
    publish(&mut p, &["the last"]).await;
    assert_eq!(take(&mut rest, 1).await, ["the last"]);
    assert!(!rest.is_full());
}
