//! Makes the exchanges, queues and bindings that must be on the broker, and checks whether they
//! exist.
//!
//! Durable topic exchanges, quorum queues without any limit by which the broker could drop or move
//! a message, and their bindings. Nothing that exists is changed.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

use crate::topology::Topology;

use super::bulletin::NOTICES;
use super::error::{BrokerError, Object};

/// RabbitMQ 4 drops a message after 20 deliveries unless told otherwise, and 3.x knows no
/// word for "never". loggr's own rescue decides long before this many.
const NO_DELIVERY_LIMIT: i32 = i32::MAX;

/// An object that was found or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// `exchange`, `queue` or `binding`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// True if it was not there before; the broker does not say that of bindings.
    pub made: Option<bool>,
}

/// Makes what is missing.
pub(super) async fn declare(
    connection: &Connection,
    topology: &Topology,
) -> Result<Vec<Declared>, BrokerError> {
    let mut all = Vec::new();
    for name in topology.exchanges.iter().map(|e| &*e.name).chain([NOTICES]) {
        let object = Object::Exchange(name);
        let there = is_there(connection, object).await?;
        declare_exchange(&channel(connection, object).await?, name)
            .await
            .map_err(|e| BrokerError::working(&object, &e))?;
        all.push(Declared { kind: "exchange", name: name.to_owned(), made: Some(!there) });
    }
    for exchange in &topology.exchanges {
        for queue in &exchange.queues {
            let object = Object::Queue(&queue.name);
            let there = is_there(connection, object).await?;
            let channel = channel(connection, object).await?;
            let failed = |e: lapin::Error| BrokerError::working(&object, &e);
            declare_queue(&channel, &queue.name).await.map_err(failed)?;
            all.push(Declared { kind: "queue", name: queue.name.clone(), made: Some(!there) });
            let (name, from, key) = (&*queue.name, &*exchange.name, &*queue.binding);
            channel
                .queue_bind(
                    name.into(),
                    from.into(),
                    key.into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await
                .map_err(failed)?;
            all.push(Declared { kind: "binding", name: format!("{name} takes {key} of {from}"), made: None });
        }
    }
    Ok(all)
}

/// Checks whether the object exists with the properties that loggr needs. The broker shows the
/// properties only to users that may declare objects; for others it is enough that the object
/// exists.
pub(super) async fn check(connection: &Connection, object: Object<'_>) -> Result<(), BrokerError> {
    if !is_there(connection, object).await? {
        return Err(BrokerError::working(&object, &not_found()));
    }
    let channel = channel(connection, object).await?;
    let same = match object {
        Object::Exchange(name) => declare_exchange(&channel, name).await,
        Object::Queue(name) => declare_queue(&channel, name).await,
    };
    match same {
        Err(error) if !is(&error, AMQPSoftError::ACCESSREFUSED) => Err(BrokerError::working(&object, &error)),
        _ => Ok(()),
    }
}

/// How many messages are ready in a queue, and how many consumers it has.
pub(super) async fn look(channel: &Channel, queue: &str) -> Result<(u32, u32), BrokerError> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let found = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
    let found = found.map_err(|e| BrokerError::working(&Object::Queue(queue), &e))?;
    Ok((found.message_count(), found.consumer_count()))
}

/// A refusal ends its channel, so each question has a channel of its own.
pub(super) async fn channel(connection: &Connection, object: Object<'_>) -> Result<Channel, BrokerError> {
    connection.create_channel().await.map_err(|e| BrokerError::working(&object, &e))
}

async fn is_there(connection: &Connection, object: Object<'_>) -> Result<bool, BrokerError> {
    let channel = channel(connection, object).await?;
    let found = match object {
        Object::Exchange(name) => {
            let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            channel.exchange_declare(name.into(), ExchangeKind::Topic, passive, FieldTable::default()).await
        }
        Object::Queue(name) => {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name.into(), passive, FieldTable::default()).await.map(drop)
        }
    };
    match found {
        Ok(()) => Ok(true),
        Err(error) if is(&error, AMQPSoftError::NOTFOUND) => Ok(false),
        Err(error) => Err(BrokerError::working(&object, &error)),
    }
}

async fn declare_exchange(channel: &Channel, name: &str) -> Result<(), lapin::Error> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.into(), ExchangeKind::Topic, durable, FieldTable::default()).await
}

async fn declare_queue(channel: &Channel, name: &str) -> Result<(), lapin::Error> {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(NO_DELIVERY_LIMIT));
    channel.queue_declare(name.into(), durable, arguments).await.map(drop)
}

fn is(error: &lapin::Error, kind: AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(e) if *e.kind() == AMQPErrorKind::Soft(kind))
}

fn not_found() -> lapin::Error {
    let error = lapin::protocol::AMQPError::new(AMQPSoftError::NOTFOUND.into(), "".into());
    ErrorKind::ProtocolError(error).into()
}
