//! The one place that publishes to an exchange under a routing key: gathers small batches,
//! keeps many messages unconfirmed at a time, and tells each publisher when all of its
//! own are confirmed.
//!
//! A small batch is sent at once while few messages are in flight; under load it waits for others
//! to share a message, at most until something is confirmed. So a single event is fast, and a
//! thousand senders make large messages. Order is kept. Invariant: a publisher hears "confirmed"
//! only when the broker has confirmed every message that holds something of its batch, and none of
//! them came back.
//!
//! The library does not know which message came back: it attaches a return to the next confirm. So
//! a message counts as confirmed when all that were on their way with it are answered too, and one
//! that came back ends the channel for all of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, PublisherConfirm};
use loggr_flow::{Batch, BatchBuilder};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::encoding::Encoder;

use super::declare;
use super::error::{BrokerError, BrokerErrorKind, Object};
use super::link::Link;
use super::message::{self, Encoding, MAX_MESSAGE_BYTES, MAX_MESSAGE_EVENTS, Outgoing};

/// Publishes that may wait for the writer.
pub(super) const MAX_WAITING_PUBLISHES: usize = 1024;
/// Batch messages that may be unconfirmed at one time.
const MAX_UNCONFIRMED_BATCHES: usize = 50;
/// Messages of one event that may be unconfirmed at one time.
const MAX_UNCONFIRMED_EVENTS: usize = 1000;
/// While fewer messages are unconfirmed a small one is sent at once.
const QUICK_MESSAGES: usize = 4;
/// How long a small batch waits for others, at most.
const MAX_GATHER: Duration = Duration::from_millis(50);
/// How long a publisher waits for the first connection of the process, at least.
const NEW_CONNECTION: Duration = Duration::from_secs(2);
/// A broker that does not confirm within this time counts as away: a queue may have lost its
/// majority, or a disk may hang.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// An order of a publisher.
#[derive(Debug)]
pub(super) struct Order {
    pub what: What,
    pub done: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
pub(super) enum What {
    /// Messages as they are.
    Messages(Vec<Outgoing>),
    /// A small batch that may share a message with others.
    Gather(Batch),
}

/// Whether the broker has confirmed.
pub(super) type Outcome = Result<(), Arc<BrokerError>>;

/// Writes for one exchange and routing key.
pub(super) struct Writer {
    pub link: Link,
    pub exchange: Arc<str>,
    pub key: Arc<str>,
    pub encoding: Encoding,
    pub encoder: Encoder,
    pub orders: mpsc::Receiver<Order>,
    /// How long a publisher waits for a connection before it hears that there is none.
    pub patience: Duration,
}

impl Writer {
    /// Works until the last publisher is gone.
    pub async fn run(mut self) {
        while let Some(order) = self.orders.recv().await {
            let error = match self.channel().await {
                Ok(channel) => match Session::new(&mut self, channel).run(order).await {
                    Some(error) => error,
                    None => return,
                },
                Err(error) => {
                    drop(order.done.send(Err(error.clone())));
                    error
                }
            };
            // The publishers that wait behind would only get the same error.
            while let Ok(order) = self.orders.try_recv() {
                drop(order.done.send(Err(error.clone())));
            }
        }
    }

    async fn channel(&mut self) -> Result<Channel, Arc<BrokerError>> {
        // The first connection of the process gets more time.
        let patience = if self.link.is_new() { NEW_CONNECTION } else { self.patience };
        let up = match tokio::time::timeout(patience, self.link.open()).await {
            Ok(up) => up,
            Err(_) => {
                let trouble = self.link.state().trouble();
                return Err(
                    trouble.unwrap_or_else(|| Arc::new(BrokerError::trouble("no connection to the broker")))
                );
            }
        };
        let exchange = Object::Exchange(&self.exchange);
        let failed = |e: lapin::Error| Arc::new(BrokerError::working(&exchange, &e));
        let opening = async {
            declare::check(&up.connection, exchange).await.map_err(Arc::new)?;
            let channel = up.connection.create_channel().await.map_err(failed)?;
            channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)?;
            Ok(channel)
        };
        let late = || Arc::new(BrokerError::trouble(format!("the broker does not open {exchange} for us")));
        tokio::time::timeout(CONFIRM_TIMEOUT, opening).await.unwrap_or_else(|_| Err(late()))
    }

    fn max_unconfirmed(&self) -> usize {
        match self.encoding {
            Encoding::Batch => MAX_UNCONFIRMED_BATCHES,
            Encoding::Json => MAX_UNCONFIRMED_EVENTS,
        }
    }
}

/// A publish whose publisher waits for the answer.
struct Job {
    /// Its messages that are not confirmed.
    left: usize,
    /// Bytes of the largest of them.
    largest: usize,
    done: oneshot::Sender<Outcome>,
}

/// A message that is not confirmed.
struct Flight {
    confirm: PublisherConfirm,
    jobs: Vec<u64>,
    since: Instant,
}

/// One channel, from its opening to its end.
struct Session<'w> {
    writer: &'w mut Writer,
    channel: Channel,
    jobs: HashMap<u64, Job>,
    next_job: u64,
    /// Messages to be published, with the jobs that wait for each.
    ready: VecDeque<(Outgoing, Vec<u64>)>,
    gathered: BatchBuilder,
    gathered_jobs: Vec<u64>,
    gathered_since: Option<Instant>,
    flights: VecDeque<Flight>,
    /// Messages published, and answered.
    published: u64,
    answered: u64,
    /// Confirmed messages, each with the number of answers after which the confirmation can be
    /// trusted.
    kept: VecDeque<(u64, Vec<u64>)>,
}

/// The broker's answer to a message.
enum Answer {
    /// The broker has the message.
    Kept,
    /// No queue takes it.
    CameBack,
    /// The broker could not keep it.
    NotKept,
    /// Nothing: the channel does not confirm.
    Nothing,
}

/// The next thing to do.
enum Step {
    Order(Option<Order>),
    Answer(Result<Answer, lapin::Error>),
    Link,
    Late,
    Gathered,
}

impl Session<'_> {
    fn new(writer: &mut Writer, channel: Channel) -> Session<'_> {
        Session {
            writer,
            channel,
            jobs: HashMap::new(),
            next_job: 0,
            ready: VecDeque::new(),
            gathered: BatchBuilder::default(),
            gathered_jobs: Vec::new(),
            gathered_since: None,
            flights: VecDeque::new(),
            published: 0,
            answered: 0,
            kept: VecDeque::new(),
        }
    }

    /// Works until the channel breaks, or the last publisher is gone (`None`).
    async fn run(mut self, first: Order) -> Option<Arc<BrokerError>> {
        self.take(first);
        let mut open = true;
        let error = loop {
            if let Err(error) = self.send().await {
                break error;
            }
            if !open && self.jobs.is_empty() {
                return None;
            }
            match self.step(open).await {
                Step::Order(Some(order)) => self.take(order),
                Step::Order(None) => open = false,
                Step::Answer(Ok(answer)) => {
                    if let Err(error) = self.answered(&answer) {
                        break error;
                    }
                }
                Step::Answer(Err(error)) => {
                    break Arc::new(BrokerError::working(&Object::Exchange(&self.writer.exchange), &error));
                }
                Step::Link => {
                    if let Some(trouble) = self.writer.link.state().trouble() {
                        break trouble;
                    }
                }
                Step::Late => {
                    let (exchange, seconds) = (&self.writer.exchange, CONFIRM_TIMEOUT.as_secs());
                    let what = format!(
                        "the broker has not confirmed a message to the exchange `{exchange}` for {seconds} s"
                    );
                    break Arc::new(BrokerError::trouble(what));
                }
                Step::Gathered => self.close_gathered(),
            }
        };
        Some(self.fail_all(error))
    }

    /// The channel is gone. A message that is too large ends the channel for all that are
    /// unconfirmed; the largest is taken for the cause, and the others may be tried again.
    fn fail_all(self, error: Arc<BrokerError>) -> Arc<BrokerError> {
        if error.kind() != BrokerErrorKind::TooLarge {
            self.jobs.into_values().for_each(|job| drop(job.done.send(Err(error.clone()))));
            return error;
        }
        let largest = self.jobs.values().map(|job| job.largest).max().unwrap_or(0);
        let innocent = Arc::new(BrokerError::trouble("the channel ended because of another message"));
        for job in self.jobs.into_values() {
            let error = if job.largest == largest { &error } else { &innocent };
            drop(job.done.send(Err(error.clone())));
        }
        innocent
    }

    /// Waits for the next thing to do.
    async fn step(&mut self, open: bool) -> Step {
        let late = self.flights.front().map(|f| f.since + CONFIRM_TIMEOUT);
        let gathered = self.gathered_since.map(|s| s + MAX_GATHER);
        // An order is taken only if there is room for it; otherwise the publishers wait.
        let room = self.ready.is_empty() && self.gathered_bytes_left();
        let front = self.flights.front_mut();
        tokio::select! {
            biased;
            answer = answer(front) => Step::Answer(answer),
            order = self.writer.orders.recv(), if open && room => Step::Order(order),
            () = self.writer.link.changed() => Step::Link,
            () = until(gathered) => Step::Gathered,
            () = until(late) => Step::Late,
        }
    }

    fn gathered_bytes_left(&self) -> bool {
        self.gathered.len() < MAX_MESSAGE_EVENTS && self.gathered.byte_len() < MAX_MESSAGE_BYTES
    }

    fn take(&mut self, order: Order) {
        let id = self.next_job;
        self.next_job += 1;
        match order.what {
            What::Messages(messages) => {
                // The gathered batches came before.
                self.close_gathered();
                let largest = messages.iter().map(|m| m.body.len()).max().unwrap_or(0);
                self.jobs.insert(id, Job { left: messages.len(), largest, done: order.done });
                self.ready.extend(messages.into_iter().map(|m| (m, vec![id])));
            }
            What::Gather(batch) => {
                self.jobs.insert(id, Job { left: 1, largest: batch.byte_len(), done: order.done });
                batch.records().for_each(|record| self.gathered.push_record(&record));
                self.gathered_jobs.push(id);
                self.gathered_since.get_or_insert_with(Instant::now);
            }
        }
    }

    /// Makes messages of the gathered batches.
    fn close_gathered(&mut self) {
        self.gathered_since = None;
        let jobs = std::mem::take(&mut self.gathered_jobs);
        let Some(batch) = self.gathered.finish() else { return };
        match message::encode(&batch, self.writer.encoding, &mut self.writer.encoder) {
            Ok(messages) => {
                for id in &jobs {
                    if let Some(job) = self.jobs.get_mut(id) {
                        job.left = messages.len();
                    }
                }
                self.ready.extend(messages.into_iter().map(|m| (m, jobs.clone())));
            }
            Err(error) => {
                let error = Arc::new(BrokerError::trouble("a batch cannot be encoded").because(error));
                jobs.iter().for_each(|id| self.fail(*id, &error));
            }
        }
    }

    /// Publishes the messages that may be sent now.
    async fn send(&mut self) -> Outcome {
        loop {
            if self.flights.len() >= self.writer.max_unconfirmed() {
                return Ok(());
            }
            if self.ready.is_empty()
                && self.gathered_since.is_some()
                && (self.flights.len() < QUICK_MESSAGES || !self.gathered_bytes_left())
            {
                self.close_gathered();
            }
            let Some((message, jobs)) = self.ready.pop_front() else { return Ok(()) };
            let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let (exchange, key) = (&*self.writer.exchange, &*self.writer.key);
            let publishing = self.channel.basic_publish(
                exchange.into(),
                key.into(),
                mandatory,
                &message.body,
                message.properties,
            );
            let object = Object::Exchange(exchange);
            match tokio::time::timeout(CONFIRM_TIMEOUT, publishing).await {
                Ok(Ok(confirm)) => {
                    self.published += 1;
                    self.flights.push_back(Flight { confirm, jobs, since: Instant::now() });
                }
                Ok(Err(error)) => return Err(Arc::new(BrokerError::working(&object, &error))),
                Err(_) => {
                    let what = format!("the broker reads nothing for {} s", CONFIRM_TIMEOUT.as_secs());
                    return Err(Arc::new(BrokerError::trouble(what)));
                }
            }
        }
    }

    /// The oldest message was answered. An error is the end of the channel.
    fn answered(&mut self, answer: &Answer) -> Outcome {
        let Some(flight) = self.flights.pop_front() else { return Ok(()) };
        self.answered += 1;
        let (exchange, key) = (&*self.writer.exchange, &*self.writer.key);
        let fault = match answer {
            Answer::Kept => {
                self.kept.push_back((self.published, flight.jobs));
                None
            }
            Answer::CameBack => return Err(Arc::new(BrokerError::unroutable(exchange, key))),
            Answer::NotKept => {
                let what = format!("the broker could not keep a message to the exchange `{exchange}`");
                Some((BrokerError::trouble(what), flight.jobs))
            }
            Answer::Nothing => {
                Some((BrokerError::trouble("the broker confirms nothing on this channel"), flight.jobs))
            }
        };
        if let Some((error, jobs)) = fault {
            let error = Arc::new(error);
            jobs.iter().for_each(|id| self.fail(*id, &error));
        }
        while self.kept.front().is_some_and(|(until, _)| *until <= self.answered) {
            let (_, jobs) = self.kept.pop_front().unwrap_or_default();
            jobs.into_iter().for_each(|id| self.confirm(id));
        }
        Ok(())
    }

    fn confirm(&mut self, id: u64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.left -= 1;
        if job.left == 0
            && let Some(job) = self.jobs.remove(&id)
        {
            // A publisher that has gone away will publish its batch again.
            drop(job.done.send(Ok(())));
        }
    }

    fn fail(&mut self, id: u64, error: &Arc<BrokerError>) {
        if let Some(job) = self.jobs.remove(&id) {
            drop(job.done.send(Err(error.clone())));
        }
    }
}

async fn answer(flight: Option<&mut Flight>) -> Result<Answer, lapin::Error> {
    let Some(flight) = flight else { return std::future::pending().await };
    Ok(match (&mut flight.confirm).await? {
        Confirmation::Ack(None) => Answer::Kept,
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => Answer::CameBack,
        Confirmation::Nack(None) => Answer::NotKept,
        Confirmation::NotRequested => Answer::Nothing,
    })
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
