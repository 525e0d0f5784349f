//! The pump: brings deliveries to a sink and settles them with its receipts.
//!
//! Nothing else settles deliveries. After a transient error the same batch is tried again while the
//! delivery is held, so that the senders are held up as well. A batch that is refused for good is
//! halved until the event that causes it is alone, and that event goes to the rescue; if the sink
//! names the events, they go there together. Nothing is thrown away to make progress.

use std::pin::pin;
use std::time::{Duration, Instant};

use crate::delivery::Delivery;
use crate::retry::Backoff;
use crate::stop::Stop;
use crate::traits::{Reason, Rescue, Sink, Source, SourceError, Stage, StoreError};

/// A delivery that was given out more often than this without being settled goes to the rescue: the
/// process has crashed on it again and again.
pub const MAX_ATTEMPTS: u32 = 16;
/// A sink's call that takes longer than this is waiting for its destination: an event that crashes
/// a process does so sooner.
pub const LONGEST_TRIAL: Duration = Duration::from_secs(2);

/// Told what happens in the pump, to count and log it; it decides nothing.
pub trait PumpObserver: Send {
    /// A batch was stored.
    fn stored(&mut self, _events: usize) {}
    /// That batch had been with us for so long when it was acknowledged.
    fn took(&mut self, _age: Duration) {}
    /// A try failed and will be repeated; called for each try.
    fn retrying(&mut self, _error: &StoreError, _tries: u32) {}
    /// The sink works again after `tries` failures.
    fn recovered(&mut self, _tries: u32) {}
    /// Events went to the rescue.
    fn rescued(&mut self, _events: usize, _reason: &Reason) {}
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;
impl PumpObserver for Quiet {}

/// Delivers until the source ends (`Ok`), breaks (`Err`), or `stop` says abort (`Ok`; deliveries in
/// hand are nacked).
///
/// # Errors
/// The error of the source when it cannot go on.
pub async fn pump(
    source: impl Source,
    sink: impl Sink,
    rescue: impl Rescue,
    stop: Stop,
    observer: impl PumpObserver,
) -> Result<(), SourceError> {
    pump_staged(source, &mut [], sink, rescue, stop, observer).await
}

/// Like [`pump`], with stages in between, applied in order. It never waits for the source alone
/// while a stage holds something.
///
/// # Errors
/// The error of the source when it cannot go on.
pub async fn pump_staged(
    mut source: impl Source,
    stages: &mut [Box<dyn Stage>],
    sink: impl Sink,
    rescue: impl Rescue,
    mut stop: Stop,
    observer: impl PumpObserver,
) -> Result<(), SourceError> {
    let mut tail = Tail { sink, rescue, observer, backoff: Backoff::default() };
    let run = async {
        loop {
            while let Some(delivery) = advance(stages, Instant::now()) {
                tail.deliver(delivery).await;
            }
            let wake = stages.iter().filter_map(|s| s.wake_at()).min();
            if wake.is_some() && source.is_full() {
                flush(stages, &mut tail).await;
                continue;
            }
            tokio::select! {
                biased;
                next = source.next() => match next {
                    // No stage can read it.
                    Ok(Some(delivery)) if delivery.unfit_reason().is_some() => tail.deliver(delivery).await,
                    Ok(Some(delivery)) => match stages.first_mut() {
                        Some(first) => first.feed(delivery, Instant::now()),
                        None => tail.deliver(delivery).await,
                    },
                    end => {
                        flush(stages, &mut tail).await;
                        return end.map(|_| ());
                    }
                },
                () = sleep_until(wake) => {}
            }
        }
    };
    tokio::select! {
        biased;
        end = run => end,
        () = stop.abort() => Ok(()),
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Moves deliveries that are ready through the stages; gives one that leaves the last stage.
fn advance(stages: &mut [Box<dyn Stage>], now: Instant) -> Option<Delivery> {
    let last = stages.len().checked_sub(1)?;
    for i in 0..last {
        let (head, rest) = stages.split_at_mut(i + 1);
        if let (Some(stage), Some(next)) = (head.last_mut(), rest.first_mut()) {
            while let Some(delivery) = stage.ready(now) {
                next.feed(delivery, now);
            }
        }
    }
    stages.last_mut()?.ready(now)
}

async fn flush<K: Sink, R: Rescue, O: PumpObserver>(stages: &mut [Box<dyn Stage>], tail: &mut Tail<K, R, O>) {
    for i in 0..stages.len() {
        if let Some(stage) = stages.get_mut(i) {
            stage.flush();
        }
        while let Some(delivery) = advance(stages, Instant::now()) {
            tail.deliver(delivery).await;
        }
    }
}

struct Tail<K, R, O> {
    sink: K,
    rescue: R,
    observer: O,
    backoff: Backoff,
}

/// The events to which a permanent refusal applies, and the sink's words.
enum Culprits {
    /// It is not known which events.
    Unknown(String),
    /// The marked events.
    Known(Vec<bool>, String),
}

impl<K: Sink, R: Rescue, O: PumpObserver> Tail<K, R, O> {
    /// Delivers until every part of the delivery is settled.
    async fn deliver(&mut self, delivery: Delivery) {
        if delivery.attempts() > MAX_ATTEMPTS {
            let text = "given out too often without being settled".to_owned();
            let reason = Reason { text, attempts: delivery.attempts() };
            return self.rescue(delivery, reason).await;
        }
        if let Some(why) = delivery.unfit_reason() {
            let reason = Reason { text: why.to_owned(), attempts: delivery.attempts() };
            return self.rescue(delivery, reason).await;
        }
        let mut todo = vec![(delivery, None)];
        while let Some((delivery, refused)) = todo.pop() {
            let attempts = delivery.attempts();
            if let Some(text) = refused {
                self.rescue(delivery, Reason { text, attempts }).await;
                continue;
            }
            match self.store(&delivery).await {
                Ok(receipt) => {
                    self.observer.stored(delivery.batch().len());
                    self.observer.took(delivery.age());
                    delivery.ack(receipt);
                }
                Err(Culprits::Known(events, text)) if events.contains(&true) => {
                    let mut refused = events.into_iter();
                    let parts = delivery.partition(|_| refused.next().unwrap_or(false));
                    // The accepted events come first, so that the others do not hold them up.
                    let parts = parts.into_iter().rev();
                    todo.extend(parts.map(|(refused, part)| (part, refused.then(|| text.clone()))));
                }
                Err(Culprits::Known(_, text) | Culprits::Unknown(text)) => match delivery.halve() {
                    // The second half waits below the first: order is kept.
                    Ok((first, second)) => todo.extend([(second, None), (first, None)]),
                    Err(single) => self.rescue(single, Reason { text, attempts }).await,
                },
            }
        }
    }

    /// Stores the batch; gives a receipt or a permanent refusal, and repeats after transient
    /// errors.
    async fn store(&mut self, delivery: &Delivery) -> Result<crate::Receipt, Culprits> {
        let mut tries = 0;
        loop {
            match self.call(delivery).await {
                Ok(receipt) => {
                    self.calm(&mut tries);
                    return Ok(receipt);
                }
                Err(StoreError::Permanent(cause)) => {
                    self.calm(&mut tries);
                    return Err(Culprits::Unknown(StoreError::Permanent(cause).chain()));
                }
                Err(StoreError::Refused { events, cause }) => {
                    self.calm(&mut tries);
                    return Err(Culprits::Known(events, StoreError::Permanent(cause).chain()));
                }
                Err(error) => {
                    delivery.rest();
                    self.wait(error, &mut tries).await;
                }
            }
        }
    }

    /// One call of the sink, of which the source of the delivery is told.
    async fn call(&mut self, delivery: &Delivery) -> Result<crate::Receipt, StoreError> {
        if !delivery.is_watched() {
            return self.sink.store(delivery.batch()).await;
        }
        delivery.begin();
        let mut call = pin!(self.sink.store(delivery.batch()));
        tokio::select! {
            biased;
            done = &mut call => return done,
            () = tokio::time::sleep(LONGEST_TRIAL) => delivery.rest(),
        }
        call.await
    }

    /// Puts the events into the rescue, and repeats after any error, because the rescue is the last
    /// durable place.
    async fn rescue(&mut self, delivery: Delivery, reason: Reason) {
        let mut tries = 0;
        loop {
            match self.rescue.rescue(delivery.batch(), &reason).await {
                Ok(receipt) => {
                    self.calm(&mut tries);
                    self.observer.rescued(delivery.batch().len(), &reason);
                    return delivery.ack(receipt);
                }
                Err(error) => {
                    delivery.rest();
                    self.wait(error, &mut tries).await;
                }
            }
        }
    }

    async fn wait(&mut self, error: StoreError, tries: &mut u32) {
        *tries = tries.saturating_add(1);
        self.observer.retrying(&error, *tries);
        tokio::time::sleep(self.backoff.wait()).await;
    }

    fn calm(&mut self, tries: &mut u32) {
        if *tries > 0 {
            self.backoff.reset();
            self.observer.recovered(*tries);
            *tries = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::batcher::{Batcher, BatcherLimits};
    use crate::contract::{MemoryRescue, MemorySink, lines};
    use crate::delivery::{Outcome, Tally};
    use crate::stop::Stopper;
    use crate::traits::channel_source;
    use crate::window::window;

    #[tokio::test]
    async fn poison_goes_to_rescue_in_order_and_everything_is_acked() {
        let (window, mut settlements) = window(2);
        let (sink, rescue) = (MemorySink::refusing("bad"), MemoryRescue::default());
        let (tx, source) = channel_source(2);
        for token in [1, 2] {
            let slot = window.reserve().await.unwrap();
            tx.send(Delivery::new(lines(&["a", "bad", "c", "d"]), slot.ack(token))).await.unwrap();
        }
        drop((tx, window));
        pump(source, sink.clone(), rescue.clone(), Stop::never(), Quiet).await.unwrap();
        let expect = Outcome::Ack(Tally { stored: 3, rescued: 1, dropped: 0 });
        assert_eq!(settlements.next().await, Some((1, expect)));
        assert_eq!(settlements.next().await, Some((2, expect)));
        assert_eq!(sink.texts(), ["a", "c", "d", "a", "c", "d"]);
        assert_eq!(rescue.texts(), ["bad", "bad"]);
    }

    /// Refuses all events of a bad path at once, as the files sink does.
    #[derive(Clone)]
    struct Naming(MemorySink, std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl Sink for Naming {
        async fn store(&mut self, batch: &crate::Batch) -> Result<crate::Receipt, StoreError> {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let bad: Vec<bool> = batch.records().map(|r| r.payload.bytes().starts_with(b"bad")).collect();
            match bad.contains(&true) {
                true => Err(StoreError::refused(bad, "no such place")),
                false => self.0.store(batch).await,
            }
        }
    }

    #[tokio::test]
    async fn events_that_the_sink_names_go_to_the_rescue_together() {
        let (window, mut settlements) = window(2);
        let (sink, rescue) = (Naming(MemorySink::default(), Default::default()), MemoryRescue::default());
        let (tx, source) = channel_source(2);
        for (token, texts) in [(1, ["bad1", "a", "bad2", "b"]), (2, ["bad3", "bad4", "bad5", "bad6"])] {
            let slot = window.reserve().await.unwrap();
            tx.send(Delivery::new(lines(&texts), slot.ack(token))).await.unwrap();
        }
        drop((tx, window));
        pump(source, sink.clone(), rescue.clone(), Stop::never(), Quiet).await.unwrap();
        let expect = |stored, rescued| Outcome::Ack(Tally { stored, rescued, dropped: 0 });
        assert_eq!(settlements.next().await, Some((1, expect(2, 2))));
        assert_eq!(settlements.next().await, Some((2, expect(0, 4))));
        assert_eq!(sink.0.texts(), ["a", "b"]);
        assert_eq!(rescue.texts(), ["bad1", "bad2", "bad3", "bad4", "bad5", "bad6"]);
        assert_eq!(sink.1.load(std::sync::atomic::Ordering::Relaxed), 3, "no halving");
    }

    #[tokio::test(start_paused = true)]
    async fn transient_trouble_is_retried_in_place() {
        let (window, mut settlements) = window(1);
        let sink = MemorySink::failing_first(5);
        let (tx, source) = channel_source(1);
        let slot = window.reserve().await.unwrap();
        tx.send(Delivery::new(lines(&["a"]), slot.ack(1))).await.unwrap();
        drop(tx);
        pump(source, sink.clone(), MemoryRescue::default(), Stop::never(), Quiet).await.unwrap();
        assert_eq!(sink.texts(), ["a"]);
        assert!(matches!(settlements.next().await, Some((1, Outcome::Ack(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn abort_nacks_what_is_in_hand() {
        let (window, mut settlements) = window(1);
        let (stopper, stop) = Stopper::new();
        let (tx, source) = channel_source(1);
        let slot = window.reserve().await.unwrap();
        tx.send(Delivery::new(lines(&["a"]), slot.ack(1))).await.unwrap();
        let sink = MemorySink::failing_first(u32::MAX);
        let task = tokio::spawn(pump(source, sink, MemoryRescue::default(), stop, Quiet));
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        stopper.abort();
        task.await.unwrap().unwrap();
        assert_eq!(settlements.next().await, Some((1, Outcome::Nack)));
    }

    #[tokio::test]
    async fn what_its_source_cannot_read_goes_to_rescue_past_the_stages() {
        let (window, mut settlements) = window(1);
        let (sink, rescue) = (MemorySink::default(), MemoryRescue::default());
        let (tx, source) = channel_source(1);
        let slot = window.reserve().await.unwrap();
        tx.send(Delivery::new(lines(&["\u{0}raw"]), slot.ack(1)).unfit("not ours")).await.unwrap();
        drop(tx);
        let limits = BatcherLimits { max_events: 9, max_bytes: 999, max_age: Duration::from_secs(9) };
        let mut stages: Vec<Box<dyn Stage>> = vec![Box::new(Batcher::new(limits))];
        pump_staged(source, &mut stages, sink.clone(), rescue.clone(), Stop::never(), Quiet).await.unwrap();
        assert_eq!((sink.texts().len(), rescue.texts()), (0, vec!["\u{0}raw".to_owned()]));
        assert!(matches!(settlements.next().await, Some((1, Outcome::Ack(_)))));
    }

    /// A source that gives one delivery more only when the last one is settled.
    struct OneSlot(crate::Window<u8>, u8);

    impl Source for OneSlot {
        async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
            if self.1 == 3 {
                return Ok(None);
            }
            let slot = self.0.reserve().await.unwrap();
            self.1 += 1;
            Ok(Some(Delivery::new(lines(&["a"]), slot.ack(self.1))))
        }

        fn is_full(&self) -> bool {
            self.0.free() == 0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_window_empties_the_stages_long_before_their_age() {
        let (window, mut settlements) = window(1);
        let limits = BatcherLimits { max_events: 9, max_bytes: 999, max_age: Duration::from_secs(9) };
        let begun = tokio::time::Instant::now();
        let pumping = tokio::spawn(async move {
            let mut stages: Vec<Box<dyn Stage>> = vec![Box::new(Batcher::new(limits))];
            let (sink, rescue) = (MemorySink::default(), MemoryRescue::default());
            pump_staged(OneSlot(window, 0), &mut stages, sink, rescue, Stop::never(), Quiet).await
        });
        for n in 1..=3 {
            assert!(matches!(settlements.next().await, Some((m, Outcome::Ack(_))) if m == n));
        }
        pumping.await.unwrap().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }

    /// Remembers what it was told.
    #[derive(Debug, Default)]
    struct Told(std::sync::Mutex<Vec<&'static str>>);

    impl crate::Trial for Told {
        fn begin(&self) {
            self.0.lock().unwrap().push("begin");
        }

        fn rest(&self) {
            self.0.lock().unwrap().push("rest");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_hears_when_its_events_are_tried_and_when_they_only_wait() {
        let (window, _settlements) = window(2);
        let (tx, source) = channel_source(2);
        let told = std::sync::Arc::new(Told::default());
        for n in 1..=2 {
            let slot = window.reserve().await.unwrap();
            tx.send(Delivery::new(lines(&["a"]), slot.ack(n)).with_trial(told.clone())).await.unwrap();
        }
        drop(tx);
        let limits = BatcherLimits { max_events: 2, max_bytes: 999, max_age: Duration::from_secs(9) };
        let mut stages: Vec<Box<dyn Stage>> = vec![Box::new(Batcher::new(limits))];
        let sink = MemorySink::failing_first(2);
        pump_staged(source, &mut stages, sink, MemoryRescue::default(), Stop::never(), Quiet).await.unwrap();
        // Two deliveries in one batch, and two tries that fail.
        let each = ["begin", "begin", "rest", "rest"];
        let expect: Vec<_> = each.iter().cycle().take(8).copied().chain(["begin", "begin"]).collect();
        assert_eq!(*told.0.lock().unwrap(), expect);
    }

    #[tokio::test]
    async fn what_keeps_killing_the_process_is_rescued() {
        let (window, mut settlements) = window(1);
        let rescue = MemoryRescue::default();
        let (tx, source) = channel_source(1);
        let slot = window.reserve().await.unwrap();
        let delivery = Delivery::new(lines(&["a"]), slot.ack(1)).with_attempts(MAX_ATTEMPTS + 1);
        tx.send(delivery).await.unwrap();
        drop(tx);
        pump(source, MemorySink::default(), rescue.clone(), Stop::never(), Quiet).await.unwrap();
        assert_eq!(rescue.texts(), ["a"]);
        let expect = Outcome::Ack(Tally { rescued: 1, ..Tally::default() });
        assert_eq!(settlements.next().await, Some((1, expect)));
    }
}
