//! A source whose deliveries have been looked at for their seals: between what brings events and the
//! pump.
//!
//! The work is done on a thread for blocking work, while the pump waits for it or stores what came
//! before. Order is kept. Cancelling `next` loses nothing: what is being worked on stays here.

use std::collections::VecDeque;
use std::sync::Arc;

use loggr_flow::{Delivery, MAX_ATTEMPTS, Source, SourceError};
use tokio::task::JoinHandle;

use super::Sealing;

/// A source, and what is done with the seals of its events, if anything.
#[derive(Debug)]
pub struct Sealed<S> {
    source: S,
    sealing: Option<Arc<Sealing>>,
    at_work: Option<JoinHandle<Vec<Delivery>>>,
    ready: VecDeque<Delivery>,
}

impl<S: Source> Sealed<S> {
    /// With nothing to be done, it is the source itself.
    pub fn new(source: S, sealing: Option<Arc<Sealing>>) -> Sealed<S> {
        Sealed { source, sealing, at_work: None, ready: VecDeque::new() }
    }
}

impl<S: Source> Source for Sealed<S> {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        let Some(sealing) = &self.sealing else { return self.source.next().await };
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(Some(delivery));
            }
            if let Some(at_work) = &mut self.at_work {
                let done = at_work.await;
                self.at_work = None;
                match done {
                    Ok(parts) => self.ready.extend(parts),
                    // The delivery was dropped, and so is given out again.
                    Err(error) => {
                        tracing::error!(%error, "looking at seals failed because of a bug of loggr");
                    }
                }
                continue;
            }
            let Some(delivery) = self.source.next().await? else { return Ok(None) };
            // One on which the process crashed again and again goes to the rescue as it is.
            if delivery.attempts() > MAX_ATTEMPTS || delivery.unfit_reason().is_some() {
                return Ok(Some(delivery));
            }
            let sealing = sealing.clone();
            self.at_work = Some(tokio::task::spawn_blocking(move || {
                delivery.begin();
                let parts = sealing.work(delivery);
                parts.iter().for_each(Delivery::rest);
                parts
            }));
        }
    }

    fn is_full(&self) -> bool {
        self.ready.is_empty() && self.at_work.is_none() && self.source.is_full()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loggr_event::{SealKeys, Verdict};
    use loggr_flow::contract::{MemoryRescue, MemorySink, lines};
    use loggr_flow::{Outcome, Quiet, Stop, Tally, channel_source, pump, window};

    use super::*;
    use crate::config::Seal;

    fn sealing(mode: Seal) -> Option<Arc<Sealing>> {
        let keys = Arc::new(SealKeys::new([("k", b"key".as_slice())]));
        Sealing::new(Some(mode), &keys, "ship", "s")
    }

    #[tokio::test]
    async fn events_come_sealed_and_in_order_and_a_cancelled_wait_loses_none() {
        let (window, mut settlements) = window(8);
        let (tx, source) = channel_source(8);
        for number in 0..4 {
            let slot = window.reserve().await.unwrap();
            let text = format!("<13>1 - h a - - - {number}");
            tx.send(Delivery::new(lines(&[&text]), slot.ack(number))).await.unwrap();
        }
        drop((tx, window));
        let mut sealed = Sealed::new(source, sealing(Seal::Sign));
        let mut texts = Vec::new();
        loop {
            let next = tokio::time::timeout(Duration::ZERO, sealed.next()).await;
            let Ok(next) = next else {
                tokio::task::yield_now().await;
                continue;
            };
            let Some(delivery) = next.unwrap() else { break };
            let event = delivery.batch().records().next().unwrap().event();
            assert_eq!(event.verify(b"key"), Verdict::Good);
            texts.push(event.message.clone().into_owned());
            drop(event);
            drop(delivery);
        }
        assert_eq!(texts, ["0", "1", "2", "3"]);
        for number in 0..4 {
            assert_eq!(settlements.next().await, Some((number, Outcome::Nack)));
        }
    }

    #[tokio::test]
    async fn what_is_refused_goes_to_the_rescue_and_is_acknowledged() {
        let (window, mut settlements) = window(2);
        let (tx, source) = channel_source(2);
        let slot = window.reserve().await.unwrap();
        tx.send(Delivery::new(lines(&["<13>1 - h a - - - x", "<13>1 - h a - - - y"]), slot.ack(1)))
            .await
            .unwrap();
        drop((tx, window));
        let (sink, rescue) = (MemorySink::default(), MemoryRescue::default());
        let source = Sealed::new(source, sealing(Seal::Require));
        pump(source, sink.clone(), rescue.clone(), Stop::never(), Quiet).await.unwrap();
        let expect = Outcome::Ack(Tally { stored: 0, rescued: 2, dropped: 0 });
        assert_eq!(settlements.next().await, Some((1, expect)));
        assert_eq!((sink.texts().len(), rescue.texts().len()), (0, 2));
    }
}
