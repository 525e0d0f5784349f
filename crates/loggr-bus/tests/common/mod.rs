//! What the tests of the bus share: a small bus in a temporary directory.
#![allow(dead_code, clippy::unwrap_used, reason = "tests; each test binary uses a part")]

use std::path::Path;
use std::time::Duration;

use loggr_bus::embedded::{Bus, Consumer, Publisher};
use loggr_bus::{BusOptions, ConsumerOptions, ExchangeSpec, OpenReport, QueueStats, Topology};
use loggr_flow::contract::lines;
use loggr_flow::{Batch, Delivery, Receipt, Sink, Source, Stop, Stopper};

pub const SEGMENT: u64 = 32 << 10;

pub fn options() -> BusOptions {
    BusOptions { segment_size: SEGMENT, max_size: 1 << 20, ..BusOptions::default() }
}

pub fn topology(queues: &[(&str, &str)]) -> Topology {
    Topology { exchanges: vec![ExchangeSpec::new("x", queues)] }
}

pub fn open(dir: &Path) -> Bus {
    let (bus, report) = open_with(dir, &[("q", "#")], &options());
    assert!(!report.is_damaged(), "{report}");
    bus
}

pub fn open_with(dir: &Path, queues: &[(&str, &str)], options: &BusOptions) -> (Bus, OpenReport) {
    Bus::open(dir, &topology(queues), options).unwrap()
}

pub fn publisher(bus: &Bus) -> Publisher {
    bus.publisher("x", "syslog.tcp").unwrap()
}

pub fn consumer(bus: &Bus) -> Consumer {
    consumer_of(bus, "q")
}

pub fn consumer_of(bus: &Bus, queue: &str) -> Consumer {
    bus.consumer(queue, ConsumerOptions { window: 1000, ..ConsumerOptions::default() }, Stop::never())
        .unwrap()
}

/// One published batch a delivery.
pub fn small_steps(bus: &Bus, queue: &str) -> Consumer {
    let options = ConsumerOptions { window: 1000, max_batch_bytes: 1, max_batch_events: 1, kept: false };
    bus.consumer(queue, options, Stop::never()).unwrap()
}

pub async fn publish(publisher: &mut Publisher, texts: &[&str]) {
    publisher.store(&lines(texts)).await.map(drop).unwrap();
}

pub async fn next(consumer: &mut Consumer) -> Delivery {
    let next = tokio::time::timeout(Duration::from_secs(20), consumer.next()).await;
    next.expect("there is a delivery in time").unwrap().expect("the source goes on")
}

/// Nothing can be had now.
pub async fn idle(consumer: &mut Consumer) {
    let next = tokio::time::timeout(Duration::from_millis(5), consumer.next()).await;
    if let Ok(next) = next {
        panic!("not idle: {:?}", next.unwrap().map(|d| texts(d.batch())));
    }
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

/// Takes and acknowledges everything that is there.
pub async fn drain(consumer: &mut Consumer) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(next) = tokio::time::timeout(Duration::from_millis(30), consumer.next()).await {
        match next.unwrap() {
            Some(delivery) => all.extend(ack(delivery)),
            None => break,
        }
    }
    all
}

/// Acknowledges everything that is in the queue now, without waiting for more.
pub async fn empty(bus: &Bus, queue: &str) {
    let (stopper, stop) = Stopper::new();
    stopper.drain();
    let mut consumer = bus.consumer(queue, ConsumerOptions::default(), stop).unwrap();
    while let Some(delivery) = consumer.next().await.unwrap() {
        ack(delivery);
    }
}

pub fn queue_stats(bus: &Bus, queue: &str) -> QueueStats {
    let all = bus.stats().into_iter().flat_map(|e| e.queues);
    let stats = all.into_iter().find(|q| q.name == queue).unwrap();
    let settled = stats.stored_events + stats.rescued_events + stats.dropped_events + stats.damaged_events;
    assert_eq!(stats.published_events, stats.waiting_events + settled, "the books balance: {stats:?}");
    stats
}

/// What `kill -9` at this moment leaves behind. The bus goes on while this copies: a file
/// that goes away meanwhile (a cursor's new version, which takes the old one's name) makes
/// the copy begin again.
pub fn copy(from: &Path, to: &Path) {
    while let Err(e) = copy_once(from, to) {
        assert_eq!(e.kind(), std::io::ErrorKind::NotFound, "copying {}: {e}", from.display());
        std::fs::remove_dir_all(to).unwrap();
    }
}

fn copy_once(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_once(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
