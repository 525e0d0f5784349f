//! Gathers the status of a running process, or of a data directory on which no process runs.
//!
//! The numbers of the queues are durable; those of listeners, machines and shippers count from the
//! start of the process.

use anyhow::Result;
use loggr_bus::inspect;
use loggr_bus::rescue::RescueStore;

use super::rescue::{self, MAX_RESCUE_BYTES, Standings};
use super::{
    Broker, Certificate, Exchange, Harvest, Identity, Listener, Live, Machine, Queue, Seals, Ship, Status,
    Totals, disk, store,
};
use crate::config::Config;

/// The name of the spool in lists of queues.
const SPOOL: &str = "spool";

/// The status of this process alone.
pub fn online(live: &Live) -> Status {
    let mut stats = live.bus.as_ref().map(|bus| bus.stats()).unwrap_or_default();
    let mut spooled = live.spool.as_ref().map(|spool| spool.stats()).unwrap_or_default();
    let rescue = Standings::read(&live.rescue, &live.config);
    for queue in stats.iter_mut().flat_map(|e| &mut e.queues) {
        rescue.settle(queue);
    }
    for (_, queue) in &mut spooled {
        rescue.settle(queue);
    }
    let of_bus = stats.iter().flat_map(|e| e.queues.iter().map(|q| Queue::of(&live.config, &e.name, q)));
    let of_spool = spooled.iter().map(|(_, q)| Queue::of(&live.config, SPOOL, q));
    let queues: Vec<Queue> = of_bus.chain(of_spool).collect();
    let events = stats.iter().map(|exchange| exchange.published_events).sum();
    Status {
        identity: live.identity.clone(),
        uptime_seconds: Some(live.started.elapsed().as_secs()),
        totals: Totals::of(&queues, events),
        listeners: live.sources().map(|bound| Listener::of(&bound)).collect(),
        harvests: live.harvests.iter().map(|h| Harvest::of(h)).collect(),
        certificates: live.certificates.iter().filter_map(Certificate::of).collect(),
        exchanges: stats.iter().map(Exchange::of).collect(),
        queues,
        brokers: Broker::of(live, &spooled).into_iter().collect(),
        disks: disk::of(&live.config),
        machines: live.machines.iter().map(|m| Machine::of(m)).collect(),
        ships: live.ships.iter().map(|s| Ship::of(&s.stats)).collect(),
        seals: live.sealing().map(Seals::of).collect(),
        stores: store::online(live),
        rescue: rescue.here(),
        rescue_trouble: rescue.trouble().map(str::to_owned),
        access_troubles: live.worries.get().map(|worries| worries()).unwrap_or_default(),
        problem: None,
    }
}

/// The status of a data directory on which nothing runs.
pub fn offline(config: &Config) -> Result<Status> {
    // With a broker only the spool is on this disk.
    let directory = match (&config.bus.rabbit, &config.spool) {
        (None, _) => Some(&config.bus.directory),
        (Some(_), spool) => spool.as_ref().map(|s| &s.directory),
    };
    let mut views = match directory.filter(|d| d.exists()) {
        Some(directory) => inspect(directory)?,
        None => Vec::new(),
    };
    // The rescue is not made by looking at it.
    let place = config.data.directory.join("rescue");
    let rescue = place.exists().then(|| RescueStore::attach(&place, MAX_RESCUE_BYTES));
    let rescue = rescue.map(|rescue| Standings::read(&rescue, config)).unwrap_or_default();
    for queue in views.iter_mut().flat_map(|e| &mut e.queues) {
        rescue.settle(queue);
    }
    let queues = views.iter().flat_map(|e| e.queues.iter().map(|q| Queue::of(config, &e.name, q)));
    let queues: Vec<Queue> = queues.collect();
    Ok(Status {
        identity: Identity {
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            data_directory: Some(config.data.directory.display().to_string()),
            ..Identity::default()
        },
        totals: Totals::of(&queues, views.iter().map(|exchange| exchange.published_events).sum()),
        queues,
        stores: store::offline(config),
        rescue: rescue.here(),
        rescue_trouble: rescue.trouble().map(str::to_owned),
        ..Status::default()
    })
}

/// Tells the rescue how many events the queues of this process gave it before it counted. Nothing
/// waits for that, because the rescue may have to be read first.
pub fn adopt(live: &Live) {
    let queues = live.queues().into_iter().filter(|queue| queue.ready_messages.is_none());
    let given: Vec<(String, u64)> = queues
        .flat_map(|queue| {
            let sinks = rescue::sinks(&live.config, &queue.name);
            sinks.into_iter().map(move |sink| (sink, queue.rescued_events))
        })
        .collect();
    // Only the rescue is moved into the task, because the task may outlive the process's other
    // parts.
    let rescue = live.rescue.clone();
    drop(tokio::task::spawn_blocking(move || {
        for (sink, rescued) in given {
            // A rescue that cannot be used is reported elsewhere.
            if let Err(error) = rescue.adopt(&sink, rescued) {
                tracing::debug!(sink, "the rescue was not asked: {error}");
            }
        }
    }));
}
