//! The parts that run in this process, to be looked at while they run, and what is wrong with them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use loggr_bus::rescue::RescueStore;
use loggr_bus::spool::Spool;
use loggr_bus::{Bus, QueueStats};

use super::Identity;
use super::store;
use super::troubles::Troubles;
use crate::component::collector::Collecting;
use crate::component::machine::Running;
use crate::component::server::Bound;
use crate::component::ship::Shipping;
use crate::config::Config;
use crate::process::part::Part;
use crate::source::NO_PLACE;

/// What everybody may look at while the process runs.
pub struct Live {
    /// The configuration that it runs with.
    pub config: Config,
    /// What it runs of it.
    pub part: Part,
    /// The bus; a process that only shows things opens none.
    pub bus: Option<Arc<Bus>>,
    /// Where events wait while the broker is away.
    pub spool: Option<Arc<Spool>>,
    /// What takes them out of there.
    pub collectors: Vec<Arc<Collecting>>,
    /// The rescue.
    pub rescue: RescueStore,
    /// Listeners with their addresses and counters.
    pub listeners: Vec<Bound>,
    /// Machines with their counters.
    pub machines: Vec<Arc<Running>>,
    /// Shippers with their counters.
    pub ships: Vec<Shipping>,
    /// Who it is: on its card, in its status and its notices.
    pub identity: Identity,
    /// When it started.
    pub started: Instant,
}

impl Live {
    /// The queues of the bus and of the spool.
    pub(super) fn queues(&self) -> Vec<QueueStats> {
        let bus = self.bus.iter().flat_map(|bus| bus.stats()).flat_map(|exchange| exchange.queues);
        let spool = self.spool.iter().flat_map(|spool| spool.stats()).map(|(_, queue)| queue);
        bus.chain(spool).collect()
    }
}

/// What troubles the parts of the process. May read from disk.
pub fn troubled_parts(live: &Live) -> Troubles {
    let listeners = live.listeners.iter().map(|l| {
        let of = &l.stats.progress;
        let stalled = of.failing.is_raised().then(|| "the queue takes nothing".to_owned());
        let crowded = l.stats.crowded.is_raised().then(|| NO_PLACE.to_owned());
        (("listener", of.name.clone()), of.ended().or(stalled).or(crowded))
    });
    let machines = live.machines.iter().map(|m| {
        let of = &m.stats.progress;
        let failing = of.failing.is_raised().then(|| "the next exchange takes nothing".to_owned());
        let trouble = of.ended().or_else(|| text(&m.stats.filter_error)).or(failing);
        (("machine", of.name.clone()), trouble)
    });
    let ships = live.ships.iter().map(|s| {
        let of = &s.stats.progress;
        let failing = of.failing.is_raised().then(|| of.last_error().unwrap_or_default());
        (("ship", of.name.clone()), of.ended().or(failing))
    });
    let broker = match live.bus.as_deref() {
        Some(Bus::Rabbit(bus)) => Some((("broker", "rabbitmq".to_owned()), bus.state().trouble)),
        _ => None,
    };
    let stores = store::online(live).into_iter().map(|store| {
        let trouble = store.trouble.clone().or_else(|| store.clock().map(str::to_owned));
        (("store", store.name), trouble)
    });
    let queues = live.queues().into_iter().map(|q| (("queue", q.name), q.trouble));
    let rescue = std::iter::once((("rescue", "rescue".to_owned()), live.rescue.trouble()));
    let kept = queues.chain(rescue).chain(stores);
    listeners.chain(machines).chain(ships).chain(kept).chain(broker).collect()
}

/// Why the process cannot do its work at the moment. May read from disk.
pub fn not_ready(live: &Live) -> Option<String> {
    let stalled = live.listeners.iter().any(|l| l.stats.progress.failing.is_raised());
    ended(live)
        .or_else(|| unreadable(live))
        .or_else(|| store::unusable(live))
        .or_else(|| stalled.then(|| "the queue takes nothing".to_owned()))
}

/// What has ended before its time, and why: only a new start mends it.
fn ended(live: &Live) -> Option<String> {
    let listeners = live.listeners.iter().map(|l| ("listener", &l.stats.progress));
    let collectors = live.collectors.iter().map(|c| ("collector of", &c.progress));
    let machines = live.machines.iter().map(|m| ("machine", &m.stats.progress));
    let ships = live.ships.iter().map(|s| ("shipper", &s.stats.progress));
    let mut all = listeners.chain(collectors).chain(machines).chain(ships);
    all.find_map(|(kind, of)| Some(format!("the {kind} `{}` has ended: {}", of.name, of.ended()?)))
}

/// A queue that cannot be read, of the bus or the spool, and why.
fn unreadable(live: &Live) -> Option<String> {
    let trouble = live.queues().into_iter().find_map(|q| Some((q.name, q.trouble?)));
    trouble.map(|(name, why)| format!("the queue `{name}` is in trouble: {why}"))
}

/// What a mutex holds, also when somebody panicked with it: a text is whole at every moment.
pub(super) fn text(mutex: &Mutex<Option<String>>) -> Option<String> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
