//! Notices of changes, from every process of an installation to every process that listens.
//!
//! They have a topic exchange of their own, and their messages are not kept: each listener has a
//! queue that the broker deletes with the connection. Notices are best effort and hold nothing up:
//! one that cannot be sent is dropped. Events never go this way.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, ExchangeKind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::{BrokerError, Object};
use super::link::{Link, Up};
use super::message::JSON_TYPE;
use super::options::RabbitOptions;

/// The exchange of the notices; the routing key is a notice's kind.
pub const NOTICES: &str = "loggr.notifications";
/// Its connection's role.
const ROLE: &str = "notices";
/// Notices that wait for the connection, at most; further ones are dropped.
const MAX_WAITING: usize = 256;
/// The pause after the broker refused us.
const PAUSE: Duration = Duration::from_secs(30);
/// Between the end of a connection and the next look at it.
const BREATH: Duration = Duration::from_millis(200);
/// How long the broker may take to answer; after that the attempt has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// One notice on its way.
struct Word {
    key: String,
    text: String,
}

/// Sends notices, and receives those of all processes.
#[derive(Debug)]
pub struct Bulletin {
    words: mpsc::Sender<Word>,
    task: JoinHandle<()>,
}

impl Bulletin {
    /// Keeps a connection for ever. All notices, also those of this process, go to `heard`, if
    /// there is one. To be called within a runtime.
    pub fn start(options: RabbitOptions, heard: Option<mpsc::Sender<Vec<u8>>>) -> Bulletin {
        let (words, inbox) = mpsc::channel(MAX_WAITING);
        let link = Link::start(Arc::new(options), ROLE, None);
        Bulletin { words, task: tokio::spawn(work(link, inbox, heard)) }
    }

    /// Sends a notice, if there is room; `key` is its kind.
    pub fn tell(&self, key: &str, text: String) {
        drop(self.words.try_send(Word { key: key.to_owned(), text }));
    }

    /// Sends the notices that still wait, for at most `patience`, and ends.
    pub async fn finish(self, patience: Duration) {
        let Bulletin { words, mut task } = self;
        drop(words);
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// How the work over one connection ended.
enum End {
    /// There are no more notices to send.
    Finished,
    /// The connection is gone, or the broker refused us.
    Broken(BrokerError),
}

async fn work(mut link: Link, mut inbox: mpsc::Receiver<Word>, heard: Option<mpsc::Sender<Vec<u8>>>) {
    loop {
        let up = link.up().await;
        let error = match session(&up, &mut link, &mut inbox, heard.as_ref()).await {
            End::Finished => return,
            End::Broken(error) => error,
        };
        if up.connection.status().connected() {
            let hint = error.advice().unwrap_or("notices reach this process alone until it works");
            tracing::warn!(error = error.chain(), hint, "notices do not go over the broker");
            tokio::time::sleep(PAUSE).await;
        } else {
            // A short pause, until the link knows of the end as well.
            tokio::time::sleep(BREATH).await;
        }
    }
}

async fn session(
    up: &Up,
    link: &mut Link,
    inbox: &mut mpsc::Receiver<Word>,
    heard: Option<&mpsc::Sender<Vec<u8>>>,
) -> End {
    let opening = tokio::time::timeout(PATIENCE, open(up, heard.is_some())).await;
    let late = || Err(BrokerError::trouble("the broker does not answer"));
    let (channel, mut messages) = match opening.unwrap_or_else(|_| late()) {
        Ok(opened) => opened,
        Err(error) => return End::Broken(error),
    };
    let gone = || BrokerError::trouble("the broker ended the channel of the notices");
    loop {
        tokio::select! {
            word = inbox.recv() => {
                let Some(Word { key, text }) = word else {
                    // The channel is closed after the last notice.
                    drop(tokio::time::timeout(PATIENCE, channel.close(200, "done".into())).await);
                    return End::Finished;
                };
                let properties = BasicProperties::default().with_content_type(JSON_TYPE.into());
                let options = BasicPublishOptions::default();
                let publishing =
                    channel.basic_publish(NOTICES.into(), (&*key).into(), options, text.as_bytes(), properties);
                match tokio::time::timeout(PATIENCE, publishing).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return End::Broken(BrokerError::working(&Object::Exchange(NOTICES), &error)),
                    Err(_) => return End::Broken(BrokerError::trouble("the broker reads nothing")),
                }
            }
            message = next(&mut messages) => match (message, heard) {
                // A slow listener misses some notices.
                (Some(Ok(message)), Some(heard)) => drop(heard.try_send(message.data)),
                (Some(Err(error)), _) => return End::Broken(BrokerError::working(&Object::Exchange(NOTICES), &error)),
                _ => return End::Broken(gone()),
            },
            () = link.changed() => {
                if !up.connection.status().connected() {
                    return End::Broken(gone());
                }
            }
        }
    }
}

async fn next(messages: &mut Option<lapin::Consumer>) -> Option<lapin::Result<lapin::message::Delivery>> {
    match messages {
        Some(messages) => messages.next().await,
        None => std::future::pending().await,
    }
}

async fn open(up: &Up, hear: bool) -> Result<(Channel, Option<lapin::Consumer>), BrokerError> {
    let object = Object::Exchange(NOTICES);
    let failed = |e: lapin::Error| BrokerError::working(&object, &e);
    let channel = up.connection.create_channel().await.map_err(failed)?;
    let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare(NOTICES.into(), ExchangeKind::Topic, passive, FieldTable::default())
        .await
        .map_err(failed)?;
    if !hear {
        return Ok((channel, None));
    }
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), own, FieldTable::default()).await.map_err(failed)?;
    let name = queue.name().clone();
    let table = FieldTable::default;
    channel
        .queue_bind(name.clone(), NOTICES.into(), "#".into(), QueueBindOptions::default(), table())
        .await
        .map_err(failed)?;
    let consume = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
    let messages = channel.basic_consume(name, "".into(), consume, table()).await.map_err(failed)?;
    Ok((channel, Some(messages)))
}
