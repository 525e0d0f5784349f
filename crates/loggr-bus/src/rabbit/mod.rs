//! The bus on RabbitMQ: durable topic exchanges and quorum queues, one AMQP message for each batch.
//!
//! Two connections, one to publish and one to consume, so that a broker that holds back publishers
//! does not hold back acknowledgements. Both are kept for ever. Nothing is declared while running;
//! [`declare`](mod@declare) does that beforehand.
//!
//! The broker must have no policy that limits these queues: one (`max-length`, `message-ttl`,
//! `expires`, `delivery-limit`, a dead-letter exchange) may drop or move messages behind loggr's
//! back, and AMQP does not show policies.

mod bulletin;
mod connect;
mod consumer;
mod declare;
mod error;
mod link;
mod message;
mod options;
mod publisher;
mod reader;
mod stats;
mod tracker;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::QueuePurgeOptions;
use loggr_event::UidGenerator;
use loggr_flow::Stop;
use tokio::task::JoinHandle;

use crate::binding::check_routing_key;
use crate::embedded::{ExchangeStats, QueueStats};
use crate::error::OpenError;
use crate::topology::{ConsumerOptions, Topology};

use link::{CONSUME, Link, LinkState, Links, PUBLISH};
use stats::{ExchangeCounters, QueueCounters};

pub use bulletin::{Bulletin, NOTICES};
pub use consumer::Consumer;
pub use declare::Declared;
pub use error::{BrokerError, BrokerErrorKind};
pub use message::{
    BATCH_TYPE, Encoding, JSON_TYPE, MAX_FOREIGN_BYTES, MAX_MESSAGE_BYTES, MAX_MESSAGE_EVENTS,
};
pub use options::{BrokerAddress, DEFAULT_HEARTBEAT, RabbitOptions};
pub use publisher::Publisher;

/// How often the broker is asked for the numbers of its queues.
const LOOK: Duration = Duration::from_secs(5);
/// How long a question to the broker waits for a connection.
const ASK: Duration = Duration::from_secs(3);
/// How long a publisher without a spool waits for a connection before it gives an error.
const PATIENCE: Duration = Duration::from_secs(2);

/// The parts of the topology that a process uses; they are checked when the bus is opened.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Exchanges that it publishes to.
    pub exchanges: Vec<String>,
    /// Queues that it consumes.
    pub queues: Vec<String>,
}

/// A RabbitMQ cluster. Dropping it closes the connections.
#[derive(Debug)]
pub struct Bus {
    topology: Topology,
    links: Arc<Links>,
    exchanges: BTreeMap<String, Arc<ExchangeCounters>>,
    queues: Arc<BTreeMap<String, Arc<QueueCounters>>>,
    uids: Arc<UidGenerator>,
    looking: JoinHandle<()>,
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

/// The state of the connections.
#[derive(Clone, Debug, Default)]
pub struct BrokerState {
    /// The broker to which messages are published; `None` while there is no connection.
    pub broker: Option<String>,
    /// Why nothing can be published now.
    pub trouble: Option<String>,
}

/// Makes what is missing of the topology, and the exchange of the notices. Safe to repeat.
///
/// # Errors
/// [`BrokerError`], which names an object on the broker that has other properties.
pub async fn declare(options: &RabbitOptions, topology: &Topology) -> Result<Vec<Declared>, BrokerError> {
    let (connection, _) = connect::connect(options, "init").await?;
    let declared = declare::declare(&connection, topology).await;
    // The work is done; an error at the end of the connection does not matter.
    drop(connection.close(200, "done".into()).await);
    declared
}

impl Bus {
    /// Connects, and checks what is needed. A broker that cannot be reached is not an error: it is
    /// tried for ever. Call it within a runtime.
    ///
    /// # Errors
    /// [`OpenError`] for errors that do not pass by waiting: a wrong topology, login, virtual host
    /// or certificate; an exchange or queue that is missing or has other properties.
    pub async fn open(options: RabbitOptions, topology: &Topology, needs: &Needs) -> Result<Bus, OpenError> {
        topology.check()?;
        let options = Arc::new(options);
        let role = if needs.exchanges.is_empty() { CONSUME } else { PUBLISH };
        let first = match connect::connect(&options, role).await {
            Ok((connection, address)) => {
                let objects = needs.exchanges.iter().map(|e| error::Object::Exchange(e));
                for object in objects.chain(needs.queues.iter().map(|q| error::Object::Queue(q))) {
                    declare::check(&connection, object).await.or_else(permanent)?;
                }
                Some((connection, address))
            }
            Err(error) => {
                permanent(error)?;
                None
            }
        };
        let mut seed = [0; 8];
        seed.copy_from_slice(&link::seed().to_le_bytes());
        let exchanges = topology.exchanges.iter().map(|e| (e.name.clone(), Arc::default())).collect();
        let queues = topology.exchanges.iter().flat_map(|e| &e.queues);
        let queues: BTreeMap<_, Arc<QueueCounters>> =
            queues.map(|q| (q.name.clone(), Arc::default())).collect();
        let queues = Arc::new(queues);
        let links = Arc::new(Links::new(options, first));
        Ok(Bus {
            topology: topology.clone(),
            looking: tokio::spawn(look(links.clone(), queues.clone())),
            links,
            exchanges,
            queues,
            uids: Arc::new(UidGenerator::new(seed)),
        })
    }

    /// A publisher to `exchange` under `routing_key`.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such exchange or the key is too long.
    pub fn publisher(
        &self,
        exchange: &str,
        routing_key: &str,
        encoding: Encoding,
    ) -> Result<Publisher, OpenError> {
        self.publisher_with(exchange, routing_key, encoding, PATIENCE)
    }

    /// Like [`Bus::publisher`], but gives an error at once if there is no connection, for callers
    /// that have a spool.
    ///
    /// # Errors
    /// As [`Bus::publisher`].
    pub fn impatient_publisher(
        &self,
        exchange: &str,
        routing_key: &str,
        encoding: Encoding,
    ) -> Result<Publisher, OpenError> {
        self.publisher_with(exchange, routing_key, encoding, Duration::ZERO)
    }

    fn publisher_with(
        &self,
        exchange: &str,
        key: &str,
        encoding: Encoding,
        patience: Duration,
    ) -> Result<Publisher, OpenError> {
        check_routing_key(key).map_err(|e| OpenError::key("bad routing key", e))?;
        let unknown = || OpenError::config(format!("there is no exchange `{exchange}`"));
        let counters = self.exchanges.get(exchange).ok_or_else(unknown)?.clone();
        Ok(Publisher::start(self.links.publishing().clone(), exchange, key, encoding, patience, counters))
    }

    /// A consumer of `queue`, which must be configured. Its window is the number of
    /// messages in flight.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such queue.
    pub fn consumer(&self, queue: &str, options: ConsumerOptions, stop: Stop) -> Result<Consumer, OpenError> {
        let unknown = || OpenError::config(format!("there is no queue `{queue}`"));
        let counters = self.queues.get(queue).ok_or_else(unknown)?.clone();
        Ok(Consumer::start(self.links.consuming().clone(), queue, options, stop, counters, self.uids.clone()))
    }

    /// How many consumers a queue has, of all processes; `None` if no broker answers within a
    /// moment.
    pub async fn consumers(&self, queue: &str) -> Option<u32> {
        let mut link = self.links.consuming().clone();
        let up = tokio::time::timeout(ASK, link.open()).await.ok()?;
        let channel = declare::channel(&up.connection, error::Object::Queue(queue)).await.ok()?;
        let (_, consumers) = declare::look(&channel, queue).await.ok()?;
        Some(consumers)
    }

    /// Drops every message that is ready in the queue; gives their number.
    ///
    /// # Errors
    /// [`BrokerError`].
    pub async fn purge(&self, queue: &str) -> Result<u64, BrokerError> {
        let object = error::Object::Queue(queue);
        if !self.queues.contains_key(queue) {
            return Err(BrokerError::refused(format!("there is no queue `{queue}`")));
        }
        let nothing = || BrokerError::trouble("there is no connection to the broker");
        let up = self.links.working().ok_or_else(nothing)?;
        let channel = declare::channel(&up.connection, object).await?;
        let purged = channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await;
        purged.map(u64::from).map_err(|e| BrokerError::working(&object, &e))
    }

    /// The state of the connection for publishing, or of the other one if there is none.
    pub fn state(&self) -> BrokerState {
        let Some(state) = self.links.in_use().next().map(Link::state) else { return BrokerState::default() };
        let trouble = state.trouble().map(|error| error.advised());
        let broker = match state {
            LinkState::Up(up) => Some(up.address.to_string()),
            LinkState::Down(_) => None,
        };
        BrokerState { broker, trouble }
    }

    /// Resolves when messages can be published.
    pub async fn ready(&self) {
        self.links.publishing().clone().open().await;
    }

    /// The numbers of every exchange and queue, as far as this process knows them.
    pub fn stats(&self) -> Vec<ExchangeStats> {
        let stats = |exchange: &crate::topology::ExchangeSpec| ExchangeStats {
            name: exchange.name.clone(),
            published_events: self.exchanges.get(&exchange.name).map_or(0, |c| c.published.get()),
            queues: exchange
                .queues
                .iter()
                .filter_map(|queue| {
                    let counters = self.queues.get(&queue.name)?;
                    Some(QueueStats {
                        name: queue.name.clone(),
                        binding: queue.binding.clone(),
                        configured: true,
                        consumers: usize::try_from(counters.consumers.get()).unwrap_or(usize::MAX),
                        ready_messages: Some(counters.ready_messages.get()),
                        leased_events: counters.in_hand.get(),
                        stored_events: counters.stored.get(),
                        rescued_events: counters.rescued.get(),
                        dropped_events: counters.dropped.get(),
                        redelivered_events: counters.redelivered.get(),
                        ..QueueStats::default()
                    })
                })
                .collect(),
            ..ExchangeStats::default()
        };
        self.topology.exchanges.iter().map(stats).collect()
    }
}

/// An error that may pass by waiting does not prevent a start.
fn permanent(error: BrokerError) -> Result<(), OpenError> {
    match error.kind() {
        BrokerErrorKind::Refused | BrokerErrorKind::TooLarge => Err(error.into()),
        BrokerErrorKind::Unreachable | BrokerErrorKind::Trouble => Ok(()),
    }
}

/// Asks the broker for the numbers of its queues, again and again.
async fn look(links: Arc<Links>, queues: Arc<BTreeMap<String, Arc<QueueCounters>>>) {
    loop {
        if let Some(up) = links.working() {
            for (name, counters) in &*queues {
                let object = error::Object::Queue(name);
                let Ok(channel) = declare::channel(&up.connection, object).await else { break };
                // Troubles of a queue are reported by its consumer.
                if let Ok((ready, consumers)) = declare::look(&channel, name).await {
                    counters.ready_messages.set(u64::from(ready));
                    counters.consumers.set(u64::from(consumers));
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
