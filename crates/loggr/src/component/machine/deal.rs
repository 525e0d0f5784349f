//! Which worker of a machine gets what comes. It does not look into events, and does not wait for what becomes
//! of them: in which order they leave is decided in `turn`.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use anyhow::{Result, anyhow};
use loggr_flow::{Record, Source, Stop};
use tokio::sync::mpsc;

use super::turn::Turns;
use super::worker::Job;

/// Deals what comes to the workers, until the queue ends or everything stops: each delivery to one of them, or,
/// `by_peer`, to each the events of its peers. Workers that pack hold some back, and have to give them on when
/// nothing else would come.
pub async fn deal(
    mut source: impl Source,
    workers: Vec<mpsc::Sender<Job>>,
    packs: bool,
    by_peer: &(impl Fn() -> bool + Sync),
    mut stop: Stop,
) -> Result<()> {
    let ended = || anyhow!("a thread of this machine has ended unexpectedly");
    let mut turns = Turns::default();
    let mut next = (0..workers.len()).cycle();
    let dealing = async {
        while let Some(delivery) = source.next().await? {
            let shares = match workers.len() {
                1 => vec![(0, delivery)],
                n if by_peer() => delivery.partition(|record| share(record, n)),
                _ => vec![(next.next().unwrap_or(0), delivery)],
            };
            for (worker, share) in shares {
                // What packers hold goes when it is whole.
                let turn = (!packs).then(|| turns.deal());
                if let Some(worker) = workers.get(worker)
                    && worker.send(Job::Work(share, turn)).await.is_err()
                {
                    return Err(ended());
                }
            }
            // The next delivery comes when one is settled: nobody may wait for it holding one.
            if packs && source.is_full() {
                for worker in &workers {
                    worker.send(Job::Flush).await.map_err(|_| ended())?;
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        biased;
        end = dealing => end,
        () = stop.abort() => Ok(()),
    }
}

fn share(record: &Record<'_>, workers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    record.origin.peer_host().hash(&mut hasher);
    (hasher.finish() % workers as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loggr_flow::contract::lines;
    use loggr_flow::{Delivery, Receipt, SourceError, Window, window};

    use super::*;
    use crate::component::machine::STEPS_AHEAD;

    /// Gives so many deliveries, as many at a time as its window has slots.
    struct Windowed(Window<u32>, u32);

    impl Source for Windowed {
        async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
            if self.1 == 0 {
                return Ok(None);
            }
            self.1 -= 1;
            let slot = self.0.reserve().await.expect("somebody listens");
            Ok(Some(Delivery::new(lines(&["x"]), slot.ack(self.1))))
        }

        fn is_full(&self) -> bool {
            self.0.free() == 0
        }
    }

    #[tokio::test]
    async fn a_full_window_makes_workers_give_on_what_they_hold() {
        let (window, mut settlements) = window(2);
        let (to_worker, mut jobs) = mpsc::channel(STEPS_AHEAD);
        let worker = tokio::spawn(async move {
            let (mut held, mut flushes) = (Vec::new(), 0);
            while let Some(job) = jobs.recv().await {
                match job {
                    Job::Work(delivery, _) => held.push(delivery),
                    Job::Look => {}
                    Job::Flush => {
                        flushes += 1;
                        for delivery in held.drain(..) {
                            let receipt = Receipt::sign(delivery.batch());
                            delivery.ack(receipt);
                        }
                    }
                }
            }
            (flushes, held.len())
        });
        let settled = tokio::spawn(async move { while settlements.next().await.is_some() {} });
        let dealing = deal(Windowed(window, 5), vec![to_worker], true, &|| true, Stop::never());
        // Without the flush nobody would ever go on.
        tokio::time::timeout(Duration::from_secs(30), dealing)
            .await
            .expect("no dead-lock")
            .expect("it ends well");
        assert_eq!(worker.await.expect("it ends well"), (2, 1));
        settled.await.expect("it ends well");
    }
}
