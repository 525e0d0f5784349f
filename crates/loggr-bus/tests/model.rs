//! Random histories of a queue against a model: a list and a set.
//!
//! Laws: nothing that was acknowledged to a publisher is missing; nothing that was
//! acknowledged by a consumer returns once its cursor was written; the order of a
//! queue is kept; the books balance.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeSet, VecDeque};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use common::*;
use loggr_bus::embedded::{Bus, Consumer, Dropped, Publisher};
use loggr_flow::{Delivery, Receipt};
use proptest::prelude::*;
use tempfile::TempDir;

#[derive(Clone, Debug)]
enum Step {
    /// Publish so many batches of so many events.
    Publish(u8, u8),
    Lease,
    /// Settle the n-th delivery in flight.
    Ack(u8),
    Rescue(u8),
    Drop(u8),
    Nack(u8),
    Reopen,
    /// Die, and lose some of what was never flushed.
    Crash(Vec<u8>),
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..4, 1u8..5).prop_map(|(b, e)| Step::Publish(b, e)),
        6 => Just(Step::Lease),
        5 => any::<u8>().prop_map(Step::Ack),
        1 => any::<u8>().prop_map(Step::Rescue),
        1 => any::<u8>().prop_map(Step::Drop),
        2 => any::<u8>().prop_map(Step::Nack),
        1 => Just(Step::Reopen),
        1 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Step::Crash),
        1 => Just(Step::Purge),
    ]
}

struct World {
    dir: TempDir,
    bus: Bus,
    publisher: Publisher,
    consumer: Consumer,
    flight: Vec<(Vec<u64>, Delivery)>,
    /// What waits, in order; what is in flight included.
    waiting: VecDeque<u64>,
    settled: BTreeSet<u64>,
    /// In flight at a purge: dropped when it comes back.
    doomed: BTreeSet<u64>,
    /// Dropped by a purge, for ever.
    purged: BTreeSet<u64>,
    next: u64,
    last_fresh: Option<u64>,
}

const QUEUES: &[(&str, &str)] = &[("q", "syslog.*"), ("slow", "#")];

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let (bus, _) = open_with(dir.path(), QUEUES, &options());
        let (publisher, consumer) = (publisher(&bus), steps(&bus));
        World {
            dir,
            bus,
            publisher,
            consumer,
            flight: Vec::new(),
            waiting: VecDeque::new(),
            settled: BTreeSet::new(),
            doomed: BTreeSet::new(),
            purged: BTreeSet::new(),
            next: 0,
            last_fresh: None,
        }
    }

    async fn publish(&mut self, batches: u8, events: u8) {
        for _ in 0..batches {
            // Meant for the other queue alone.
            publish(&mut self.bus.publisher("x", "harvest.y").unwrap(), &["not for q"]).await;
            let ids: Vec<u64> = (self.next..self.next + u64::from(events)).collect();
            self.next += u64::from(events);
            let texts: Vec<String> = ids.iter().map(|i| format!("{i} {}", "x".repeat(300))).collect();
            publish(&mut self.publisher, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
            self.waiting.extend(ids);
        }
    }

    async fn lease(&mut self) {
        let in_flight: BTreeSet<u64> = self.flight.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
        let expect = self.waiting.iter().copied().find(|id| !in_flight.contains(id));
        let Some(expect) = expect else { return idle(&mut self.consumer).await };
        let delivery = next(&mut self.consumer).await;
        let got = ids(&delivery);
        assert_eq!(got[0], expect, "the oldest that is not in flight comes next");
        assert!(got.is_sorted());
        self.last_fresh = self.last_fresh.max(got.last().copied());
        self.flight.push((got, delivery));
    }

    fn take(&mut self, n: u8) -> Option<(Vec<u64>, Delivery)> {
        if self.flight.is_empty() {
            return None;
        }
        Some(self.flight.remove(usize::from(n) % self.flight.len()))
    }

    fn settle(&mut self, n: u8, receipt: impl Fn(Delivery)) {
        if let Some((ids, delivery)) = self.take(n) {
            receipt(delivery);
            self.waiting.retain(|id| !ids.contains(id));
            // Once the purge is over, what was stored after it may come again as any other.
            self.purged.extend(ids.iter().filter(|id| self.doomed.remove(id)));
            self.settled.extend(ids);
        }
    }

    /// What was in flight at a purge is dropped.
    fn give_back(&mut self, ids: &[u64]) {
        for id in ids.iter().filter(|id| self.doomed.remove(id)) {
            self.waiting.retain(|waiting| waiting != id);
            self.settled.insert(*id);
            self.purged.insert(*id);
        }
    }

    /// After a reopen everything that waits must be read again; what was settled out of
    /// order may come again with it.
    async fn reopened(&mut self, dir: &Path, exact: bool) {
        let doomed: Vec<u64> = self.doomed.iter().copied().collect();
        self.give_back(&doomed);
        let (bus, report) = open_with(dir, QUEUES, &options());
        assert!(!report.is_damaged(), "{report}");
        let consumer = steps(&bus);
        let old = std::mem::replace(&mut self.bus, bus);
        self.publisher = publisher(&self.bus);
        self.consumer = consumer;
        self.last_fresh = None;
        old.close();
        let waiting = queue_stats(&self.bus, "q").waiting_events;
        // The head is at the oldest unsettled one, or before it if its cursor was not
        // written yet; both are read off the queue itself.
        let mut seen = Vec::new();
        while seen.len() < waiting as usize {
            let delivery = next(&mut self.consumer).await;
            seen.extend(ids(&delivery));
            self.flight.push((ids(&delivery), delivery));
        }
        assert!(seen.is_sorted(), "in order: {seen:?}");
        let seen_set: BTreeSet<u64> = seen.iter().copied().collect();
        for id in &self.waiting {
            assert!(seen_set.contains(id), "{id} is lost");
        }
        for id in seen.iter().filter(|id| !self.waiting.contains(id)) {
            assert!(self.settled.remove(id), "{id} was invented");
            assert!(!self.purged.contains(id), "{id} was purged and came back");
            // Only behind an unsettled one, or with the last acknowledgements.
            let behind = self.waiting.front().is_some_and(|first| id > first);
            assert!(behind || !exact, "{id} came back though its cursor was written");
        }
        self.waiting = seen.into();
        for (_, delivery) in self.flight.drain(..) {
            delivery.nack();
        }
    }

    fn check(&self) {
        let stats = queue_stats(&self.bus, "q");
        assert_eq!(stats.waiting_events, self.waiting.len() as u64);
        let in_flight: usize = self.flight.iter().map(|(ids, _)| ids.len()).sum();
        assert_eq!(stats.leased_events, in_flight as u64);
        assert_eq!(queue_stats(&self.bus, "slow").leased_events, 0);
    }
}

fn steps(bus: &Bus) -> Consumer {
    small_steps(bus, "q")
}

fn ids(delivery: &Delivery) -> Vec<u64> {
    texts(delivery.batch()).iter().map(|t| t.split_once(' ').unwrap().0.parse().unwrap()).collect()
}

/// Writes `garbage` behind the last frame of the log, as a commit that was cut off.
fn tear(dir: &Path, garbage: &[u8]) {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(dir.join("x"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    segments.sort();
    let end = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let mut at = 4096;
        // A frame of this segment: not the one left over in a recycled file.
        let mut seq = None;
        while bytes.get(at..at + 4) == Some(b"LGRf") {
            let this = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap());
            if seq.is_some_and(|s: u64| this != s + 1) {
                break;
            }
            seq = Some(this);
            at += 64 + u32::from_le_bytes(bytes[at + 52..at + 56].try_into().unwrap()) as usize;
        }
        (seq, at)
    };
    let last = segments.iter().map(|p| (end(p), p)).max_by_key(|((seq, _), _)| *seq);
    if let Some(((Some(_), at), path)) = last {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let room = (SEGMENT as usize).saturating_sub(at);
        file.write_all_at(&garbage[..garbage.len().min(room)], at as u64).unwrap();
    }
}

async fn run(history: Vec<Step>) {
    let mut world = World::new();
    for step in history {
        match step {
            Step::Publish(batches, events) => {
                // The slow queue must not fill the exchange: it keeps up, unchecked.
                world.publish(batches, events).await;
                empty(&world.bus, "slow").await;
            }
            Step::Lease => world.lease().await,
            Step::Ack(n) => world.settle(n, |d| {
                let receipt = Receipt::sign(d.batch());
                d.ack(receipt);
            }),
            Step::Rescue(n) => world.settle(n, |d| {
                let receipt = Receipt::sign_rescue(d.batch());
                d.ack(receipt);
            }),
            Step::Drop(n) => world.settle(n, |d| drop(d.retain(|_| false))),
            Step::Nack(n) => {
                if let Some((ids, delivery)) = world.take(n) {
                    delivery.nack();
                    world.give_back(&ids);
                }
            }
            Step::Purge => {
                let in_flight: BTreeSet<u64> = world.flight.iter().flat_map(|(ids, _)| ids.clone()).collect();
                let before = world.waiting.len();
                let purged: Vec<u64> =
                    world.waiting.iter().copied().filter(|id| !in_flight.contains(id)).collect();
                world.waiting.retain(|id| in_flight.contains(id));
                world.purged.extend(&purged);
                world.settled.extend(purged);
                let expect = Dropped {
                    events: (before - world.waiting.len()) as u64,
                    in_hand: world.waiting.len() as u64,
                };
                world.doomed = in_flight;
                assert_eq!(world.bus.purge("q").unwrap(), expect);
            }
            Step::Reopen => {
                world.flight.clear();
                let path = world.dir.path().to_owned();
                // Closed by replacing it with one elsewhere: the directory has one owner.
                let elsewhere = tempfile::tempdir().unwrap();
                let (bus, _) = open_with(elsewhere.path(), QUEUES, &options());
                world.consumer = steps(&bus);
                world.publisher = publisher(&bus);
                std::mem::replace(&mut world.bus, bus).close();
                world.reopened(&path, true).await;
            }
            Step::Crash(garbage) => {
                world.bus.quiesce();
                let copied = tempfile::tempdir().unwrap();
                copy(world.dir.path(), copied.path());
                tear(copied.path(), &garbage);
                world.flight.clear();
                world.reopened(copied.path(), false).await;
                world.dir = copied;
            }
        }
        world.check();
    }
}

/// 60 histories, or `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    ProptestConfig { cases, max_shrink_iters: 200, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_history_agrees_with_the_model(history in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(history));
    }
}
