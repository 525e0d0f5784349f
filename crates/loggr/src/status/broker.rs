//! The status of the broker, and of the spool.

use std::sync::Arc;

use loggr_bus::spool::Route;
use loggr_bus::{Bus, QueueStats};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::live::Live;
use super::metric::{Metric, count, flag, metric};

/// The broker as a process sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Broker {
    /// The kind of broker.
    pub name: String,
    /// It takes messages.
    pub up: bool,
    /// The broker of the configuration to which the process is connected.
    pub broker: Option<String>,
    /// Why it takes nothing.
    pub trouble: Option<String>,
    /// Events go to the spool instead.
    pub spooling: bool,
    /// Events that wait in the spool.
    pub spool_waiting: u64,
    /// Bytes of the spool.
    pub spool_bytes: u64,
    /// The limit of the spool's bytes.
    pub spool_max_bytes: u64,
    /// Events of the spool that the broker has confirmed.
    pub moved: u64,
}

impl Broker {
    /// The status of the process's broker, if it has one.
    pub fn of(live: &Live, spooled: &[(Arc<Route>, QueueStats)]) -> Option<Broker> {
        let Some(Bus::Rabbit(bus)) = live.bus.as_deref() else { return None };
        let state = bus.state();
        let (spool_bytes, spool_max_bytes) = live.spool.as_ref().map_or((0, 0), |spool| spool.bytes());
        let failing =
            live.collectors.iter().find_map(|c| c.progress.ended().or_else(|| c.progress.last_error()));
        Some(Broker {
            name: "rabbitmq".to_owned(),
            up: state.broker.is_some() && state.trouble.is_none(),
            broker: state.broker,
            trouble: state.trouble.or(failing),
            spooling: spooled.iter().any(|(route, _)| route.is_spooling()),
            spool_waiting: spooled.iter().map(|(_, q)| q.waiting_events).sum(),
            spool_bytes,
            spool_max_bytes,
            moved: live.collectors.iter().map(|c| c.progress.stored.get()).sum(),
        })
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Broker>] = &[
    metric(
        "up",
        |b| flag(b.up),
        "1 while the process is connected to the broker and the broker takes messages.",
    ),
    metric(
        "spooling",
        |b| flag(b.spooling),
        "1 while received events go to the spool because the broker is away.",
    ),
    metric(
        "spool_waiting_events",
        |b| count(b.spool_waiting),
        "Events that wait in the spool until the broker is back.",
    ),
    metric("spool_bytes", |b| count(b.spool_bytes), "Bytes of disk that the spool takes."),
    metric(
        "spool_max_bytes",
        |b| count(b.spool_max_bytes),
        "Limit of the spool's bytes (`max_size` of `[spool]`); at the limit the listeners stop reading.",
    ),
    metric(
        "moved_events_total",
        |b| count(b.moved),
        "Events that the collector has moved from the spool to the broker since the start of the process; \
         the broker has confirmed them.",
    ),
];
