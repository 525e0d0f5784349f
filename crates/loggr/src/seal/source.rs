//! A source whose deliveries have been looked at for their seals.

use std::sync::Arc;

use loggr_flow::{Delivery, Source};

use super::Sealing;
use crate::process::aside::{Aside, Work};

/// A source, and what is done with the seals of its events; if that is nothing, the source itself.
pub fn sealed<S: Source>(source: S, sealing: Option<Arc<Sealing>>) -> Aside<S> {
    let work =
        |sealing: Arc<Sealing>| -> Arc<Work> { Arc::new(move |delivery: Delivery| sealing.work(delivery)) };
    Aside::new(source, sealing.map(work))
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
        let mut looked_at = sealed(source, sealing(Seal::Sign));
        let mut texts = Vec::new();
        loop {
            let next = tokio::time::timeout(Duration::ZERO, looked_at.next()).await;
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
        let source = sealed(source, sealing(Seal::Require));
        pump(source, sink.clone(), rescue.clone(), Stop::never(), Quiet).await.unwrap();
        let expect = Outcome::Ack(Tally { stored: 0, rescued: 2, dropped: 0 });
        assert_eq!(settlements.next().await, Some((1, expect)));
        assert_eq!((sink.texts().len(), rescue.texts().len()), (0, 2));
    }
}
