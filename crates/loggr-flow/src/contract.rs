//! The contract of every source, sink and stage, as test suites to run against each of them.
//!
//! Only tests use them; they are here so that every new sink is tested against them. The sinks in
//! memory below pass them as well.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use loggr_event::{Origin, Timestamp, Uid, UidGenerator};

use crate::batch::{Batch, BatchBuilder};
use crate::delivery::{Delivery, Fate, Outcome, Receipt};
use crate::traits::{Reason, Rescue, Sink, Source, Stage, StoreError};
use crate::window::window;

/// A batch of lines, each with a uid of its own.
///
/// # Panics
/// If `texts` is empty.
pub fn lines(texts: &[&str]) -> Batch {
    static UIDS: std::sync::OnceLock<UidGenerator> = std::sync::OnceLock::new();
    let uids = UIDS.get_or_init(|| UidGenerator::new([1; 8]));
    let origin = Arc::new(Origin { listener: "test".to_owned(), ..Origin::default() });
    let mut builder = BatchBuilder::default();
    let now = Timestamp::from_unix_micros(1_790_000_000_000_000);
    for text in texts {
        builder.push_line(&origin, uids.next(now), now, text.as_bytes());
    }
    builder.finish().expect("BUG: a contract needs lines")
}

fn texts(batch: &Batch) -> Vec<String> {
    batch.records().map(|r| String::from_utf8_lossy(r.payload.bytes()).into_owned()).collect()
}

/// The contract of a sink. `stored` reads back the texts of all events that the sink
/// holds durably, in any order.
///
/// # Panics
/// When the sink breaks the contract.
pub async fn sink<K: Sink>(mut sink: K, mut stored: impl FnMut(&mut K) -> Vec<String>) {
    let batch = lines(&["contract one", "contract two", "contract three"]);
    let receipt = sink.store(&batch).await.expect("a healthy sink stores");
    assert_eq!(receipt.fate(), Fate::Stored);
    // The receipt is for this batch: acking the delivery accepts it.
    let (window, mut settlements) = window(1);
    let slot = window.reserve().await.expect("BUG: a slot is free");
    Delivery::new(batch.clone(), slot.ack(())).ack(receipt);
    let Some(((), Outcome::Ack(tally))) = settlements.next().await else {
        panic!("the receipt is for another batch");
    };
    assert_eq!((tally.stored, tally.total()), (3, 3));
    let mut got = stored(&mut sink);
    got.sort();
    assert_eq!(got, ["contract one", "contract three", "contract two"], "stored means readable");
    // Called again with the same batch: stored again or recognised, never refused.
    sink.store(&batch).await.map(drop).expect("the same batch may come again");
    let one = lines(&["contract four"]);
    sink.store(&one).await.map(drop).expect("a sink goes on");
    assert!(stored(&mut sink).contains(&"contract four".to_owned()));
}

/// The further contract of a sink that recognises events by uid.
///
/// # Panics
/// When the sink stores an event twice.
pub async fn idempotent_sink<K: Sink>(mut sink: K, mut stored: impl FnMut(&mut K) -> Vec<String>) {
    let batch = lines(&["once one", "once two"]);
    for _ in 0..3 {
        sink.store(&batch).await.map(drop).expect("a healthy sink stores");
    }
    let (first, _) = batch.halve().expect("BUG: two events");
    sink.store(&first).await.map(drop).expect("a part of a batch may come again");
    let mut got = stored(&mut sink);
    got.sort();
    assert_eq!(got, ["once one", "once two"]);
}

/// The contract of a source that can deliver again. `source` must be about to give
/// exactly the events `expect`, in any batches.
///
/// # Panics
/// When the source loses, invents or reorders events.
pub async fn source<S: Source>(mut source: S, expect: &[&str]) {
    // Everything nacked comes again, in order.
    let first = next(&mut source).await;
    let seen = texts(first.batch());
    assert_eq!(seen, expect[..seen.len()], "a source keeps order");
    first.nack();
    let mut got = Vec::new();
    while got.len() < expect.len() {
        let delivery = next(&mut source).await;
        got.extend(texts(delivery.batch()));
        let receipt = Receipt::sign(delivery.batch());
        delivery.ack(receipt);
    }
    assert_eq!(got, expect, "what was nacked comes again, once and in order");
    // Nothing acked comes again.
    let more = tokio::time::timeout(Duration::from_millis(50), source.next()).await;
    match more {
        Err(_) | Ok(Ok(None)) => {}
        Ok(Ok(Some(delivery))) => panic!("came again: {:?}", texts(delivery.batch())),
        Ok(Err(error)) => panic!("an idle source broke: {error}"),
    }
}

async fn next<S: Source>(source: &mut S) -> Delivery {
    let next = tokio::time::timeout(Duration::from_secs(30), source.next()).await;
    next.expect("a source with events gives one in time").expect("it does not break").expect("nor end")
}

/// The contract of a stage: whatever goes in comes out or is settled, holding has a
/// finite age, and a dropped stage nacks.
///
/// # Panics
/// When the stage breaks the contract.
pub fn stage(make: impl Fn() -> Box<dyn Stage>) {
    let counted = || {
        let outcome = Arc::new(Mutex::new(None));
        let seen = outcome.clone();
        let ack = crate::delivery::Ack::new(move |o| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(o);
        });
        (Delivery::new(lines(&["stage"]), ack), outcome)
    };
    let read = |outcome: &Mutex<Option<Outcome>>| *outcome.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();

    let mut held = make();
    let (delivery, outcome) = counted();
    held.feed(delivery, now);
    drop(held);
    assert_eq!(read(&outcome), Some(Outcome::Nack), "a dropped stage nacks what it holds");

    let mut aged = make();
    let (delivery, _outcome) = counted();
    aged.feed(delivery, now);
    if aged.ready(now).is_none() {
        let wake = aged.wake_at().expect("a stage that holds something says when to wake it");
        assert!(aged.ready(wake).is_some(), "what is due is ready");
    }
    assert!(aged.wake_at().is_none(), "an empty stage does not wake anybody");

    let mut flushed = make();
    let (delivery, outcome) = counted();
    flushed.feed(delivery, now);
    flushed.flush();
    let out = flushed.ready(Instant::now()).expect("a flushed stage gives everything");
    assert_eq!(read(&outcome), None, "nothing is settled on the way");
    let receipt = Receipt::sign(out.batch());
    out.ack(receipt);
    assert!(matches!(read(&outcome), Some(Outcome::Ack(_))));
}

#[derive(Debug, Default)]
struct Memory {
    events: Vec<(Uid, String)>,
    refuse: Option<String>,
    fail: u32,
}

/// A sink that keeps events in memory, for tests: can refuse and fail on request.
#[derive(Clone, Debug, Default)]
pub struct MemorySink(Arc<Mutex<Memory>>);

impl MemorySink {
    /// Refuses for ever any batch that holds this text.
    pub fn refusing(text: &str) -> MemorySink {
        let memory = Memory { refuse: Some(text.to_owned()), ..Memory::default() };
        MemorySink(Arc::new(Mutex::new(memory)))
    }

    /// Fails the first `n` times.
    pub fn failing_first(n: u32) -> MemorySink {
        MemorySink(Arc::new(Mutex::new(Memory { fail: n, ..Memory::default() })))
    }

    /// The texts of what it holds, in order of arrival.
    pub fn texts(&self) -> Vec<String> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.events.iter().map(|(_, text)| text.clone()).collect()
    }
}

impl Sink for MemorySink {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.fail > 0 {
            memory.fail -= 1;
            return Err(StoreError::transient("not now"));
        }
        if let Some(bad) = &memory.refuse
            && texts(batch).contains(bad)
        {
            return Err(StoreError::permanent("never"));
        }
        for record in batch.records() {
            if !memory.events.iter().any(|(uid, _)| *uid == record.uid) {
                let text = String::from_utf8_lossy(record.payload.bytes()).into_owned();
                memory.events.push((record.uid, text));
            }
        }
        Ok(Receipt::sign(batch))
    }
}

/// A rescue that keeps events in memory, for tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryRescue(MemorySink);

impl MemoryRescue {
    /// The texts of what it holds.
    pub fn texts(&self) -> Vec<String> {
        self.0.texts()
    }
}

impl Rescue for MemoryRescue {
    async fn rescue(&mut self, batch: &Batch, _reason: &Reason) -> Result<Receipt, StoreError> {
        self.0.store(batch).await.map(drop)?;
        Ok(Receipt::sign_rescue(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_sink_keeps_the_contracts() {
        sink(MemorySink::default(), |s| s.texts()).await;
        idempotent_sink(MemorySink::default(), |s| s.texts()).await;
    }
}
