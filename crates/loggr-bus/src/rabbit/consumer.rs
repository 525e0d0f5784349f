//! The source that takes deliveries from a queue of the broker.
//!
//! Messages that have arrived are joined into one delivery; it does not wait for more. A delivery
//! that is given back while the consumer lives is given out again from here, first and in order,
//! without the broker. Invariant: a settlement reaches the broker only over the channel its message
//! came on; when that channel is gone the settlement has no effect, and the broker delivers the
//! message again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use loggr_event::{Timestamp, UidGenerator};
use loggr_flow::{Ack, Batch, Delivery, Outcome, Phase, Source, SourceError, Stop};
use tokio::sync::{Notify, mpsc};

use crate::topology::ConsumerOptions;

use super::link::Link;
use super::message::{Incoming, MessageReader};
use super::reader::{Arrived, Reader, Session};
use super::stats::QueueCounters;

/// From this number of deliveries on a message is given out alone, so that, if it makes the process
/// crash, no other messages go to the rescue with it.
const ISOLATE_ATTEMPTS: u32 = 4;

/// Takes deliveries from one queue. Several consumers of a queue share its messages; then
/// order is kept only within a message.
#[derive(Debug)]
pub struct Consumer {
    queue: Arc<str>,
    options: ConsumerOptions,
    stop: Stop,
    shared: Arc<Shared>,
    arrived: mpsc::Receiver<Arrived>,
    /// Messages that were read and not given out yet.
    next: Option<Held>,
    /// The channel of the last message.
    session: Option<Arc<Session>>,
    reader: MessageReader,
}

/// What a consumer shares with its deliveries.
#[derive(Debug)]
pub(super) struct Shared {
    again: Mutex<VecDeque<Held>>,
    /// Signals that a delivery was given back.
    returned: Notify,
    /// The consumer is gone.
    closed: AtomicBool,
    pub counters: Arc<QueueCounters>,
}

/// Events of one or more messages that are in flight.
#[derive(Debug)]
struct Held {
    session: Arc<Session>,
    /// The delivery tags of its messages, in rising order.
    tags: Vec<u64>,
    batch: Batch,
    attempts: u32,
    unfit: Option<Arc<str>>,
}

impl Shared {
    fn again(&self) -> MutexGuard<'_, VecDeque<Held>> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer {
    pub(super) fn start(
        link: Link,
        queue: &str,
        options: ConsumerOptions,
        stop: Stop,
        counters: Arc<QueueCounters>,
        uids: Arc<UidGenerator>,
    ) -> Consumer {
        let prefetch = u16::try_from(options.window.max(1)).unwrap_or(u16::MAX);
        let (sender, arrived) = mpsc::channel(usize::from(prefetch));
        let shared = Arc::new(Shared {
            again: Mutex::default(),
            returned: Notify::new(),
            closed: AtomicBool::new(false),
            counters,
        });
        let queue = Arc::<str>::from(queue);
        let reader = Reader { link, queue: queue.clone(), prefetch, stop: stop.clone(), arrived: sender };
        tokio::spawn(reader.run());
        let reader = MessageReader::new(&queue, uids);
        Consumer { queue, options, stop, shared, arrived, next: None, session: None, reader }
    }

    /// Name of the queue.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    fn read(&mut self, arrived: Arrived) -> Held {
        let Arrived { message, hold } = arrived;
        let tag = message.delivery_tag;
        let Incoming { batch, attempts, unfit } = self.reader.read(message, now());
        let session = hold.keep();
        self.session = Some(session.clone());
        if attempts > 1 {
            self.shared.counters.redelivered.add(batch.len() as u64);
        }
        // The end of a channel that this process has survived does not count as a failed attempt.
        let attempts = attempts.saturating_sub(session.lost).max(1);
        Held { session, tags: vec![tag], batch, attempts, unfit }
    }

    /// A delivery that was given back or has arrived and can be given out now. It has no `await`,
    /// so that a dropped future cannot lose it.
    fn try_next(&mut self) -> Option<Delivery> {
        if let Some(held) = self.take_again() {
            return Some(self.delivery(held));
        }
        let mut held = loop {
            let held = match self.next.take() {
                Some(held) => held,
                None => {
                    let arrived = self.arrived.try_recv().ok()?;
                    self.read(arrived)
                }
            };
            if held.session.is_alive() {
                break held;
            }
        };
        let mut chunks = held.batch.chunks().to_vec();
        let (mut events, mut bytes) = (held.batch.len(), held.batch.byte_len());
        while alone(&held).is_none()
            && let Ok(arrived) = self.arrived.try_recv()
        {
            let more = self.read(arrived);
            if !more.session.is_alive() {
                continue;
            }
            events += more.batch.len();
            bytes += more.batch.byte_len();
            let fits = events <= self.options.max_batch_events && bytes <= self.options.max_batch_bytes;
            if !fits || alone(&more).is_some() || !Arc::ptr_eq(&more.session, &held.session) {
                self.next = Some(more);
                break;
            }
            held.tags.extend(&more.tags);
            held.attempts = held.attempts.max(more.attempts);
            chunks.extend_from_slice(more.batch.chunks());
        }
        if held.tags.len() > 1 {
            held.batch = Batch::new(chunks)?;
        }
        Some(self.delivery(held))
    }

    /// The oldest that was given back. The broker delivers messages of a channel that is gone
    /// again.
    fn take_again(&self) -> Option<Held> {
        let mut again = self.shared.again();
        again.retain(|held| held.session.is_alive());
        let mut held = again.pop_front()?;
        drop(again);
        held.attempts = held.attempts.saturating_add(1);
        // It needs a new batch, because receipts of the old one must not fit it.
        held.batch = Batch::new(held.batch.chunks().to_vec())?;
        self.shared.counters.redelivered.add(held.batch.len() as u64);
        Some(held)
    }

    fn delivery(&self, held: Held) -> Delivery {
        let (batch, attempts, unfit) = (held.batch.clone(), held.attempts, held.unfit.clone());
        let events = batch.len() as u64;
        self.shared.counters.in_hand.add(events);
        let (shared, stop) = (self.shared.clone(), self.stop.clone());
        let ack = Ack::new(move |outcome| {
            let counters = &shared.counters;
            counters.in_hand.sub(events);
            match outcome {
                Outcome::Ack(tally) => {
                    counters.stored.add(tally.stored);
                    counters.rescued.add(tally.rescued);
                    counters.dropped.add(tally.dropped);
                    held.session.settle(|tracker| tracker.done(&held.tags));
                }
                Outcome::Nack => {
                    let mut again = shared.again();
                    if shared.closed.load(Ordering::SeqCst) || stop.phase() == Phase::Abort {
                        drop(again);
                        return held.session.settle(|tracker| tracker.returned(&held.tags));
                    }
                    let at = again.partition_point(|other| other.tags.first() < held.tags.first());
                    again.insert(at, held);
                    drop(again);
                    shared.returned.notify_one();
                }
            }
        });
        let delivery = Delivery::new(batch, ack).with_attempts(attempts);
        match unfit {
            Some(why) => delivery.unfit(why),
            None => delivery,
        }
    }
}

/// `Some` if it must not be joined with others.
fn alone(held: &Held) -> Option<()> {
    (held.unfit.is_some() || held.attempts >= ISOLATE_ATTEMPTS).then_some(())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Source for Consumer {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        let shared = self.shared.clone();
        let mut stop = self.stop.clone();
        loop {
            if stop.phase() == Phase::Abort {
                return Ok(None);
            }
            if let Some(delivery) = self.try_next() {
                return Ok(Some(delivery));
            }
            tokio::select! {
                biased;
                () = stop.abort() => {}
                () = shared.returned.notified() => {}
                arrived = self.arrived.recv() => match arrived {
                    Some(arrived) => self.next = Some(self.read(arrived)),
                    // The reader has ended: nothing more comes, except deliveries that are given
                    // back.
                    None if shared.again().is_empty() => return Ok(None),
                    None => {}
                },
            }
        }
    }

    fn is_full(&self) -> bool {
        let waits = self.session.as_ref().is_some_and(|session| session.is_full());
        waits && self.next.is_none() && self.arrived.is_empty() && self.shared.again().is_empty()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut again = self.shared.again();
        self.shared.closed.store(true, Ordering::SeqCst);
        // These will not be given out any more: the broker gets them back.
        for held in again.drain(..).chain(self.next.take()) {
            held.session.settle(|tracker| tracker.returned(&held.tags));
        }
    }
}
