//! The running parts of this process, for everybody who wants to look at them.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use loggr_bus::rescue::RescueStore;
use loggr_bus::spool::Spool;
use loggr_bus::{Bus, QueueStats};
use loggr_event::SealKeys;

use super::Identity;
use crate::component::collector::Collecting;
use crate::component::machine::Running;
use crate::component::server::Bound;
use crate::component::ship::Shipping;
use crate::config::Config;
use crate::process::certificates::Certificates;
use crate::process::part::Part;
use crate::seal::Sealing;
use crate::source::harvest::Harvest;
use crate::source::upload::Uploads;

/// Tells what is wrong at the moment, a sentence each. May read from disk.
pub type Worries = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// The parts of a running process.
pub struct Live {
    /// The configuration that it runs with.
    pub config: Config,
    /// The part of the configuration that it runs.
    pub part: Part,
    /// The bus; a process that only shows things opens none.
    pub bus: Option<Arc<Bus>>,
    /// The spool, in which events wait while the broker is away.
    pub spool: Option<Arc<Spool>>,
    /// The collectors, which take events out of the spool.
    pub collectors: Vec<Arc<Collecting>>,
    /// The rescue.
    pub rescue: RescueStore,
    /// Listeners with their addresses and counters.
    pub listeners: Vec<Bound>,
    /// The certificates that are shown.
    pub certificates: Arc<Certificates>,
    /// The keys of seals.
    pub seal_keys: Arc<SealKeys>,
    /// What takes uploaded files.
    pub uploads: Option<Arc<Uploads>>,
    /// Harvests with their counters.
    pub harvests: Vec<Arc<Harvest>>,
    /// Machines with their counters.
    pub machines: Vec<Arc<Running>>,
    /// Shippers with their counters.
    pub ships: Vec<Shipping>,
    /// What is wrong with users and roles, where the process knows them.
    pub worries: OnceLock<Worries>,
    /// Its identity, for its card, its status and its notices.
    pub identity: Identity,
    /// When it started.
    pub started: Instant,
}

impl Live {
    /// The listeners, and what takes uploaded files, once something was uploaded.
    pub(super) fn sources(&self) -> impl Iterator<Item = Bound> + use<'_> {
        let uploads = self.uploads.iter().filter(|uploads| uploads.stats.connections_total.get() > 0);
        let uploads = uploads.map(|uploads| Bound { stats: uploads.stats.clone(), addresses: Vec::new() });
        self.listeners.iter().cloned().chain(uploads)
    }

    /// What listeners, machines and shippers do with seals.
    pub(super) fn sealing(&self) -> impl Iterator<Item = &Sealing> {
        let uploads = self.uploads.iter().map(|uploads| &uploads.stats.sealing);
        let listeners = self.listeners.iter().map(|bound| &bound.stats.sealing).chain(uploads);
        let machines = self.machines.iter().map(|running| &running.sealing);
        let ships = self.ships.iter().map(|ship| &ship.stats.sealing);
        listeners.chain(machines).chain(ships).flatten().map(|sealing| &**sealing)
    }

    /// The queues of the bus and of the spool.
    pub(super) fn queues(&self) -> Vec<QueueStats> {
        let bus = self.bus.iter().flat_map(|bus| bus.stats()).flat_map(|exchange| exchange.queues);
        let spool = self.spool.iter().flat_map(|spool| spool.stats()).map(|(_, queue)| queue);
        bus.chain(spool).collect()
    }
}

/// The text in a mutex, also after a panic, because a text is never half written.
pub(super) fn text(mutex: &Mutex<Option<String>>) -> Option<String> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
