//! What these tests share: a bus in a virtual host of its own, and small steps on it.

use std::time::Duration;

use lapin::{Channel, Connection, ConnectionProperties};
use loggr_bus::rabbit::{self, BrokerAddress, Bus, Consumer, Needs, Publisher, RabbitOptions};
use loggr_bus::{ConsumerOptions, ExchangeSpec, Topology};
use loggr_flow::contract::lines;
use loggr_flow::{Batch, Delivery, Receipt, Sink, Source, Stop, StoreError};

use crate::support::{Vhost, until};

pub const EXCHANGE: &str = "received";
pub const QUEUE: &str = "q";
pub const KEY: &str = "syslog.relp";
/// A broker under load may take so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// One exchange, one queue that takes everything.
pub fn topology() -> Topology {
    Topology { exchanges: vec![ExchangeSpec::new(EXCHANGE, &[(QUEUE, "#")])] }
}

/// Of `amqp[s]://USER:PASSWORD@HOST:PORT/VHOST`, as the tests write it.
pub fn address(url: &str) -> BrokerAddress {
    let part = |text: &str, at: &str| {
        let (a, b) = text.split_once(at).unwrap_or_else(|| panic!("no `{at}` in {text}"));
        (a.to_owned(), b.to_owned())
    };
    let (scheme, rest) = part(url, "://");
    let (login, rest) = part(&rest, "@");
    let ((user, password), (place, vhost)) = (part(&login, ":"), part(&rest, "/"));
    let (host, port) = part(&place, ":");
    BrokerAddress { host, port: port.parse().expect("a port"), tls: scheme == "amqps", vhost, user, password }
}

pub fn options(url: &str) -> RabbitOptions {
    RabbitOptions {
        brokers: vec![address(url)],
        heartbeat: Duration::from_secs(5),
        tls: None,
        connection_name: "loggr test".to_owned(),
    }
}

/// What a process needs that publishes and consumes.
pub fn needs() -> Needs {
    Needs { exchanges: vec![EXCHANGE.to_owned()], queues: vec![QUEUE.to_owned()] }
}

/// Everything is declared.
pub async fn declared(vhost: &Vhost<'_>) -> RabbitOptions {
    let options = options(&vhost.url());
    rabbit::declare(&options, &topology()).await.map(drop).expect("it can be declared");
    options
}

/// Declared and open.
pub async fn open(vhost: &Vhost<'_>) -> Bus {
    let options = declared(vhost).await;
    Bus::open(options, &topology(), &needs()).await.expect("it opens")
}

pub fn publisher(bus: &Bus) -> Publisher {
    bus.publisher(EXCHANGE, KEY, rabbit::Encoding::Batch).expect("a publisher")
}

pub fn consumer(bus: &Bus) -> Consumer {
    consumer_with(bus, 100, 10_000)
}

pub fn consumer_with(bus: &Bus, window: usize, max_batch_events: usize) -> Consumer {
    let options = ConsumerOptions { window, max_batch_events, ..ConsumerOptions::default() };
    bus.consumer(QUEUE, options, Stop::never()).expect("a consumer")
}

pub async fn publish(publisher: &mut Publisher, texts: &[&str]) {
    publisher.store(&lines(texts)).await.map(drop).expect("the broker takes it");
}

/// The error of a publish that must fail.
pub async fn refusal(publisher: &mut Publisher, texts: &[&str]) -> StoreError {
    match publisher.store(&lines(texts)).await {
        Ok(_) => panic!("{texts:?} was taken"),
        Err(error) => error,
    }
}

pub async fn next(consumer: &mut Consumer) -> Delivery {
    let next = tokio::time::timeout(PATIENCE, consumer.next()).await;
    next.expect("a delivery comes in time").expect("the source goes on").expect("and does not end")
}

pub fn ack(delivery: Delivery) -> Vec<String> {
    let texts = texts(delivery.batch());
    let receipt = Receipt::sign(delivery.batch());
    delivery.ack(receipt);
    texts
}

pub fn texts(batch: &Batch) -> Vec<String> {
    batch.records().map(|r| String::from_utf8_lossy(r.payload.bytes()).into_owned()).collect()
}

/// Takes and acknowledges until there are so many.
pub async fn take(consumer: &mut Consumer, events: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < events {
        all.extend(ack(next(consumer).await));
    }
    all
}

/// Waits for it. The test's other tasks go on.
#[track_caller]
pub fn comes_true(condition: impl FnMut() -> bool) {
    tokio::task::block_in_place(|| until("it comes true", 180, condition));
}

/// Somebody else's channel.
pub async fn stranger(vhost: &Vhost<'_>) -> (Connection, Channel) {
    let connection =
        Connection::connect(&vhost.url(), ConnectionProperties::default()).await.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}
