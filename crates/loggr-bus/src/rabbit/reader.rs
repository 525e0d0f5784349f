//! The task behind a consumer: it keeps a channel to its queue, hands over the messages that come,
//! and acknowledges those that are settled.
//!
//! It ends when the consumer is gone or draining, but not before the messages in hand are settled;
//! aborting ends it at once. The broker delivers all messages again that are not settled when their
//! channel closes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use loggr_flow::{Backoff, Phase, Stop};
use tokio::sync::{Notify, mpsc};

use super::declare;
use super::error::{BrokerError, Object};
use super::link::{Link, Up, seed};
use super::tracker::{AckUpTo, Tracker};

/// How long opening a channel may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A message that has arrived and that no delivery has taken over yet.
#[derive(Debug)]
pub(super) struct Arrived {
    pub message: Delivery,
    pub hold: Hold,
}

/// Gives a message back to the broker when it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    session: Arc<Session>,
    tag: u64,
    kept: bool,
}

impl Hold {
    /// Leaves the settling to the caller; gives the channel on which the message came.
    pub fn keep(mut self) -> Arc<Session> {
        self.kept = true;
        self.session.clone()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.kept {
            self.session.settle(|tracker| tracker.returned(&[self.tag]));
        }
    }
}

/// One channel, from its opening to its end.
#[derive(Debug)]
pub(super) struct Session {
    tracker: Mutex<Tracker>,
    settled: Notify,
    dead: AtomicBool,
    /// How many channels before this one have ended.
    pub lost: u32,
}

impl Session {
    fn new(prefetch: u16, lost: u32) -> Session {
        let tracker = Mutex::new(Tracker::new(usize::from(prefetch)));
        Session { tracker, settled: Notify::new(), dead: AtomicBool::new(false), lost }
    }

    fn tracker(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its messages can still be settled.
    pub fn is_alive(&self) -> bool {
        !self.dead.load(Ordering::SeqCst)
    }

    /// The broker sends nothing more until something is settled.
    pub fn is_full(&self) -> bool {
        self.is_alive() && self.tracker().is_full()
    }

    /// Notes what became of messages; the reader tells the broker. Without effect once the
    /// channel is gone.
    pub fn settle(&self, note: impl FnOnce(&mut Tracker)) {
        note(&mut self.tracker());
        self.settled.notify_one();
    }
}

/// Reads one queue.
pub(super) struct Reader {
    pub link: Link,
    pub queue: Arc<str>,
    pub prefetch: u16,
    pub stop: Stop,
    pub arrived: mpsc::Sender<Arrived>,
}

/// Why a channel ended.
enum End {
    /// No other channel is needed.
    Finished,
    /// It broke.
    Broken(BrokerError),
}

impl Reader {
    /// Until the consumer is gone or stopped.
    pub async fn run(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10), seed());
        let mut trouble: Option<String> = None;
        let mut stop = self.stop.clone();
        let mut lost = 0_u32;
        loop {
            let consumer = self.arrived.clone();
            let up = tokio::select! {
                biased;
                () = stop.drain() => return,
                () = consumer.closed() => return,
                up = self.link.up() => up,
            };
            let connection = up.connection.clone();
            let opened = tokio::select! {
                biased;
                () = stop.drain() => return,
                () = consumer.closed() => return,
                opened = self.open(&up) => opened,
            };
            // The consumer sees the end when the last sender is dropped.
            drop(consumer);
            let error = match opened {
                Ok((channel, messages)) => {
                    if trouble.take().is_some() {
                        tracing::info!(queue = &*self.queue, "the queue can be read again");
                    }
                    let session = Arc::new(Session::new(self.prefetch, lost));
                    let end = self.work(&channel, messages, &session).await;
                    session.dead.store(true, Ordering::SeqCst);
                    match end {
                        End::Finished => return,
                        End::Broken(error) => {
                            lost = lost.saturating_add(1);
                            backoff.reset();
                            error
                        }
                    }
                }
                Err(error) => error,
            };
            // The link reports a lost connection; only troubles of the queue are reported here.
            let told = error.advised();
            if connection.status().connected() && trouble.as_ref() != Some(&told) {
                tracing::error!(
                    queue = &*self.queue,
                    error = told,
                    "the queue cannot be read; it is tried again"
                );
                trouble = Some(told);
            }
            tokio::select! {
                () = stop.drain() => return,
                () = self.arrived.closed() => return,
                () = tokio::time::sleep(backoff.wait()) => {}
            }
        }
    }

    async fn open(&self, up: &Up) -> Result<(Channel, lapin::Consumer), BrokerError> {
        let object = Object::Queue(&self.queue);
        let failed = |e: lapin::Error| BrokerError::working(&object, &e);
        let opening = async {
            declare::check(&up.connection, object).await?;
            let channel = declare::channel(&up.connection, object).await?;
            channel.basic_qos(self.prefetch, BasicQosOptions::default()).await.map_err(failed)?;
            // Deliveries are held as long as their destination is away. Brokers from 3.12 on
            // let a consumer say so; older ones end the channel after their own time.
            let mut arguments = FieldTable::default();
            arguments.insert("x-consumer-timeout".into(), AMQPValue::LongInt(i32::MAX));
            let consume = channel.basic_consume(
                (&*self.queue).into(),
                "".into(),
                BasicConsumeOptions::default(),
                arguments,
            );
            let messages = consume.await.map_err(failed)?;
            Ok((channel, messages))
        };
        let late = || BrokerError::trouble(format!("the broker does not open {object} for us"));
        tokio::time::timeout(OPEN_TIMEOUT, opening).await.unwrap_or_else(|_| Err(late()))
    }

    async fn work(
        &mut self,
        channel: &Channel,
        mut messages: lapin::Consumer,
        session: &Arc<Session>,
    ) -> End {
        let (sender, mut stop) = (self.arrived.clone(), self.stop.clone());
        let mut waiting: Option<Arrived> = None;
        let finishing = loop {
            tokio::select! {
                biased;
                () = session.settled.notified() => {
                    if let Err(error) = self.acknowledge(channel, session).await {
                        break Some(error);
                    }
                }
                () = stop.drain() => break None,
                () = sender.closed() => break None,
                permit = sender.reserve(), if waiting.is_some() => {
                    // No permit means that the consumer is gone, which the next turn of the loop
                    // sees.
                    if let Ok(permit) = permit
                        && let Some(arrived) = waiting.take()
                    {
                        permit.send(arrived);
                    }
                }
                next = messages.next(), if waiting.is_none() => match next {
                    Some(Ok(message)) => waiting = Some(arrive(session, message)),
                    Some(Err(error)) => break Some(BrokerError::working(&Object::Queue(&self.queue), &error)),
                    None => {
                        let what = format!("the broker closed the reader of the queue `{}`", self.queue);
                        break Some(BrokerError::trouble(what).hint("was it deleted, or its broker stopped?"));
                    }
                },
            }
        };
        drop(sender);
        match finishing {
            Some(error) => End::Broken(error),
            None => {
                self.finish(channel, messages, session, waiting).await;
                End::Finished
            }
        }
    }

    async fn acknowledge(&self, channel: &Channel, session: &Session) -> Result<(), BrokerError> {
        let acks = session.tracker().acks();
        self.tell(channel, acks).await
    }

    async fn tell(&self, channel: &Channel, acks: Vec<AckUpTo>) -> Result<(), BrokerError> {
        for ack in acks {
            let told = channel.basic_ack(ack.tag, BasicAckOptions { multiple: ack.multiple }).await;
            told.map_err(|e| BrokerError::working(&Object::Queue(&self.queue), &e))?;
        }
        Ok(())
    }

    /// Takes no new messages, hands over those that have arrived, and waits until they are settled.
    async fn finish(
        &mut self,
        channel: &Channel,
        mut messages: lapin::Consumer,
        session: &Arc<Session>,
        waiting: Option<Arrived>,
    ) {
        let mut stop = self.stop.clone();
        let cancelled = channel.basic_cancel(messages.tag(), BasicCancelOptions::default()).await;
        let mut left: Vec<Arrived> = waiting.into_iter().collect();
        if cancelled.is_ok() {
            // The end of the stream comes after the last message.
            while let Ok(Some(Ok(message))) = tokio::time::timeout(OPEN_TIMEOUT, messages.next()).await {
                left.push(arrive(session, message));
            }
        }
        for arrived in left {
            tokio::select! {
                // A message that is not taken gives itself back when it is dropped.
                handed = self.arrived.send(arrived) => drop(handed),
                () = stop.abort() => break,
            }
        }
        // The consumer sees that nothing more comes.
        let (closed, _) = mpsc::channel(1);
        self.arrived = closed;
        loop {
            if self.acknowledge(channel, session).await.is_err() {
                return;
            }
            if session.tracker().in_hand() == 0 {
                break;
            }
            tokio::select! {
                () = session.settled.notified() => {}
                () = stop.abort() => break,
            }
            if stop.phase() == Phase::Abort {
                break;
            }
        }
        // Messages settled in the last moment are still acknowledged, also those behind a gap.
        let last = session.tracker().all_acks();
        drop(self.tell(channel, last).await);
        // Messages that are not settled go back into the queue.
        drop(channel.close(200, "done".into()).await);
    }
}

fn arrive(session: &Arc<Session>, message: Delivery) -> Arrived {
    let tag = message.delivery_tag;
    session.tracker().arrived(tag);
    Arrived { message, hold: Hold { session: session.clone(), tag, kept: false } }
}
