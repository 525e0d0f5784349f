//! The status of queues and exchanges, and whether their numbers add up.
//!
//! For every queue on disk `received = stored + waiting + rescued + dropped + damaged`. For a queue
//! on a broker only the number of messages is known, and what this process did with them.

use loggr_bus::{ExchangeStats, QueueStats};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, metric, said};
use crate::config::Config;

/// A queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Queue {
    /// Its name; of one that is not configured, `EXCHANGE/QUEUE`.
    pub name: String,
    /// The exchange that it is bound to, or `spool`.
    pub exchange: String,
    /// Its binding key.
    pub binding: String,
    /// False if the configuration does not name it.
    pub configured: bool,
    /// Events stored.
    pub stored: u64,
    /// Events that are in the rescue now.
    pub rescued: u64,
    /// Events dropped by a rule.
    pub dropped: u64,
    /// Events handed out and not settled.
    pub leased: u64,
    /// Events handed out again.
    pub redelivered: u64,
    /// Where the queue is, with the numbers that are known there.
    #[serde(flatten)]
    pub place: Place,
}

/// Where a queue is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "PlaceOfAQueue")]
pub enum Place {
    /// On a broker, which counts only messages.
    Broker {
        /// Messages that wait.
        ready_messages: u64,
        /// Consumers of all processes.
        consumers: u64,
    },
    /// On our own disk.
    Disk(Disk),
}

impl Default for Place {
    fn default() -> Place {
        Place::Disk(Disk::default())
    }
}

/// The numbers of a queue on our own disk, which are durable.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "QueueOnDisk")]
pub struct Disk {
    /// Events that it was given, ever.
    pub received: u64,
    /// Events that wait or are being stored.
    pub waiting: u64,
    /// Events lost to damage.
    pub damaged: u64,
    /// Bytes of the waiting events.
    pub waiting_bytes: u64,
    /// How long the oldest has waited.
    pub oldest_seconds: Option<f64>,
    /// How often the process has ended while the event at its head was worked on.
    pub attempts: u32,
    /// Whether its numbers add up.
    pub balanced: bool,
    /// Why it cannot be read.
    pub trouble: Option<String>,
}

impl Queue {
    /// The status of a queue now.
    pub fn of(config: &Config, exchange: &str, stats: &QueueStats) -> Queue {
        let place = match stats.ready_messages {
            Some(ready_messages) => Place::Broker { ready_messages, consumers: stats.consumers as u64 },
            None => Place::Disk(Disk {
                received: stats.published_events,
                waiting: stats.waiting_events,
                damaged: stats.damaged_events,
                waiting_bytes: stats.waiting_bytes,
                oldest_seconds: stats.oldest.map(|age| age.as_secs_f64()),
                attempts: stats.attempts,
                balanced: is_balanced(stats),
                trouble: stats.trouble.clone(),
            }),
        };
        // Another queue of this name may be configured, at another exchange.
        let (name, exchange) = match stats.configured {
            true => (stats.name.clone(), config.exchange_of(&stats.name).unwrap_or(exchange)),
            false => (format!("{exchange}/{}", stats.name), exchange),
        };
        Queue {
            name,
            exchange: exchange.to_owned(),
            binding: stats.binding.clone(),
            configured: stats.configured,
            stored: stats.stored_events,
            rescued: stats.rescued_events,
            dropped: stats.dropped_events,
            leased: stats.leased_events,
            redelivered: stats.redelivered_events,
            place,
        }
    }

    /// Its numbers, if it is on our own disk.
    pub fn disk(&self) -> Option<&Disk> {
        match &self.place {
            Place::Disk(disk) => Some(disk),
            Place::Broker { .. } => None,
        }
    }

    /// Ready messages and consumers, if it is on a broker.
    pub fn broker(&self) -> Option<(u64, u64)> {
        match self.place {
            Place::Broker { ready_messages, consumers } => Some((ready_messages, consumers)),
            Place::Disk(_) => None,
        }
    }

    /// Why it cannot be read.
    pub fn trouble(&self) -> Option<&str> {
        self.disk()?.trouble.as_deref()
    }
}

/// Whether every event that came is counted in exactly one of the numbers.
fn is_balanced(q: &QueueStats) -> bool {
    let settled = q.stored_events + q.rescued_events + q.dropped_events + q.damaged_events;
    q.published_events == settled + q.waiting_events
}

/// Sums over queues, in which an event that goes to two queues counts twice, as it has to be stored twice;
/// and over exchanges, in which it counts once. Of a broker's queues only the events in hand are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Totals {
    /// Messages that wait on the broker.
    pub ready_messages: u64,
    /// Events of the broker's queues that processes have in hand.
    pub in_hand: u64,
    /// Events published to exchanges on our own disk, whichever queues they go to: each counts once in each
    /// exchange that it passes.
    pub events: u64,
    /// Events given to the queues, once for each queue; what the equation begins with.
    pub received: u64,
    /// Events stored.
    pub stored: u64,
    /// Events that wait.
    pub waiting: u64,
    /// Events in the rescue.
    pub rescued: u64,
    /// Events dropped by a rule.
    pub dropped: u64,
    /// Events lost to damage.
    pub damaged: u64,
    /// Whether the numbers of each queue add up.
    pub balanced: bool,
}

impl Default for Totals {
    fn default() -> Totals {
        Totals {
            ready_messages: 0,
            in_hand: 0,
            events: 0,
            received: 0,
            stored: 0,
            waiting: 0,
            rescued: 0,
            dropped: 0,
            damaged: 0,
            balanced: true,
        }
    }
}

impl Totals {
    /// Of these queues, to whose exchanges so many events were published.
    pub fn of(queues: &[Queue], events: u64) -> Totals {
        let mut sum = Totals { events, ..Totals::default() };
        for queue in queues {
            match &queue.place {
                Place::Broker { ready_messages, .. } => {
                    sum.ready_messages += ready_messages;
                    sum.in_hand += queue.leased;
                }
                Place::Disk(disk) => {
                    sum.received += disk.received;
                    sum.stored += queue.stored;
                    sum.waiting += disk.waiting;
                    sum.rescued += queue.rescued;
                    sum.dropped += queue.dropped;
                    sum.damaged += disk.damaged;
                    sum.balanced &= disk.balanced;
                }
            }
        }
        sum
    }

    /// Adds the sums of another process, which sees the same broker.
    pub fn add(&mut self, other: &Totals) {
        let Totals {
            ready_messages,
            in_hand,
            events,
            received,
            stored,
            waiting,
            rescued,
            dropped,
            damaged,
            balanced,
        } = other;
        self.ready_messages = self.ready_messages.max(*ready_messages);
        self.in_hand += in_hand;
        self.events += events;
        self.received += received;
        self.stored += stored;
        self.waiting += waiting;
        self.rescued += rescued;
        self.dropped += dropped;
        self.damaged += damaged;
        self.balanced &= balanced;
    }
}

/// An exchange of the embedded bus.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// Events ever published to it.
    pub published: u64,
    /// Bytes of its segments.
    pub disk_bytes: u64,
    /// The limit of the bytes on disk.
    pub max_bytes: u64,
    /// Segments in use.
    pub segments: usize,
    /// Commits since it was opened.
    pub commits: u64,
    /// Events found damaged since it was opened.
    pub damaged: u64,
    /// Why nothing can be published.
    pub trouble: Option<String>,
}

impl Exchange {
    /// The status of an exchange now.
    pub fn of(stats: &ExchangeStats) -> Exchange {
        Exchange {
            name: stats.name.clone(),
            published: stats.published_events,
            disk_bytes: stats.disk_bytes,
            max_bytes: stats.limit_bytes,
            segments: stats.segments,
            commits: stats.commits,
            damaged: stats.damaged_events,
            trouble: stats.trouble.clone(),
        }
    }
}

/// Metrics of queues.
pub const METRICS: &[Metric<Queue>] = &[
    metric(
        "received_events_total",
        |q| count(q.disk()?.received),
        "Events that were published to the queue since it was made. For each queue on disk received = stored \
         + waiting + rescued + dropped + damaged.",
    ),
    metric(
        "stored_events_total",
        |q| count(q.stored),
        "Events that left the queue because a shipper or a machine had stored them durably at the next \
         place.",
    ),
    metric(
        "rescued_events",
        |q| count(q.rescued),
        "Events of the queue that are in the rescue now, because their destination refused them for good.",
    ),
    metric(
        "dropped_events_total",
        |q| count(q.dropped),
        "Events of the queue that a filter rule dropped or that somebody discarded by a command.",
    ),
    metric(
        "damaged_events_total",
        |q| count(q.disk()?.damaged),
        "Events of the queue that were lost because their file on disk was damaged.",
    ),
    metric(
        "waiting_events",
        |q| count(q.disk()?.waiting),
        "Events that are in the queue: those that wait and those that are being stored at this moment.",
    ),
    metric("waiting_bytes", |q| count(q.disk()?.waiting_bytes), "Bytes of the events that are in the queue."),
    metric(
        "oldest_seconds",
        |q| Some(q.disk()?.oldest_seconds.unwrap_or(0.0)),
        "How long the oldest event in the queue has waited, in seconds; 0 if the queue is empty.",
    ),
    metric(
        "unreadable",
        |q| said(&q.disk()?.trouble),
        "1 while loggr cannot read the queue, or cannot write down how far it has been read.",
    ),
    metric(
        "leased_events",
        |q| count(q.leased),
        "Events that the queue has handed to a shipper or a machine and that are not yet stored.",
    ),
    metric(
        "redelivered_events_total",
        |q| count(q.redelivered),
        "Events that the queue handed out again because they could not be stored the first time.",
    ),
    metric(
        "ready_messages",
        |q| count(q.broker()?.0),
        "Messages (each holds one event or many) that wait in the queue on the RabbitMQ broker.",
    ),
    metric(
        "consumers",
        |q| count(q.broker()?.1),
        "Consumers of all processes that take from the queue on the RabbitMQ broker.",
    ),
];

/// Metrics of exchanges.
pub const EXCHANGES: &[Metric<Exchange>] = &[
    metric(
        "published_events_total",
        |e| count(e.published),
        "Events that were published to the exchange since it was made.",
    ),
    metric(
        "commits_total",
        |e| count(e.commits),
        "Commits of the exchange's log since the start of the process; each was synced to disk.",
    ),
    metric(
        "failing",
        |e| said(&e.trouble),
        "1 while the exchange takes no events: its log is full or cannot be written.",
    ),
    metric("disk_bytes", |e| count(e.disk_bytes), "Bytes of disk that the log of the exchange takes."),
    metric(
        "max_bytes",
        |e| count(e.max_bytes),
        "Limit of the bytes on disk (`max_size`); at the limit the listeners stop reading.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_a_broker_and_one_on_disk_stay_what_they_are() {
        let broker = Queue { place: Place::Broker { ready_messages: 3, consumers: 1 }, ..Queue::default() };
        let disk = Queue {
            place: Place::Disk(Disk { received: 7, trouble: Some("bad".into()), ..Disk::default() }),
            ..Queue::default()
        };
        for queue in [broker, disk] {
            let text = serde_json::to_string(&queue).unwrap();
            let read: Queue = serde_json::from_str(&text).unwrap();
            assert_eq!((read.broker(), read.trouble()), (queue.broker(), queue.trouble()), "{text}");
        }
    }
}
