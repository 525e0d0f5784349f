//! One process that runs its part of the configuration, from opening to draining.
//!
//! Order of starting: data directory, sockets, another user, bus, rescue, shippers, machines,
//! listeners, web; the order of stopping is the reverse, so that what was received still
//! finds its way. Invariant: what needs root's powers is done while there is one thread.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use loggr_bus::Bus;
use loggr_bus::rabbit::RabbitOptions;
use loggr_bus::rescue::RescueStore;
use loggr_bus::spool::Spool;
use loggr_event::UidGenerator;
use loggr_flow::{Stop, Stopper};
use loggr_store::postgres::Database;
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::alone;
use super::bus;
use super::collector::{self, Collecting};
use super::machine::{Machines, Running};
use super::part::Part;
use super::place::Place;
use super::server::{Bound, Doors, Server};
use super::ship::{Shippers, Shipping};
use super::signals::{Asked, Signals};
use crate::config::{Config, exposed};
use crate::descriptors::{self, Needs, Places};
use crate::privileges::{self, Identity};
use crate::registry::notices::{Notice, Notices, exchange, watch};
use crate::registry::{Registry, beat};
use crate::web::{self, status};
use crate::{store, systemd};

/// Largest the rescue may become; full means that the shipper waits.
pub const MAX_RESCUE_BYTES: usize = 4 << 30;

/// How long machines, then shippers, may take to let go after draining.
const ABORT_GRACE: Duration = Duration::from_secs(2);
/// How long the tasks that tell others may take to end.
const TELLING_GRACE: Duration = Duration::from_secs(3);

/// What everybody may look at while the process runs.
pub struct Process {
    /// The configuration it runs with.
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
    /// Who else runs.
    pub registry: Arc<Registry>,
    /// Where it answers commands.
    pub socket: PathBuf,
    /// Who it is: on its card, in its status and its notices.
    pub identity: Map<String, Value>,
    /// What changes in the installation.
    pub notices: Notices,
    /// When it started.
    pub started: std::time::Instant,
}

/// A process that has what only root may give, and does nothing yet.
pub struct Prepared {
    config: Config,
    part: Part,
    registry: Registry,
    place: Place,
    broker: Option<RabbitOptions>,
    doors: Doors,
    databases: HashMap<String, Database>,
    web: Vec<std::net::TcpListener>,
    places: Places,
    file: ReadAtStart,
}

/// What nobody else may do with files that are made, unless something says another mode.
const UMASK: u32 = 0o027;

/// Reads secrets, claims the data directory, binds the sockets, and becomes the user of the
/// configuration. To be called before any thread is started.
pub fn prepare(config: Config, part: Part) -> Result<Prepared> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(UMASK));
    for sentence in config.unset_fields() {
        tracing::warn!("{sentence}");
    }
    let places = places(&config, &part);
    for (exposed, mend) in exposed(&config) {
        tracing::warn!("{exposed}; `{mend}` mends it");
    }
    let file = ReadAtStart::now(config.file.as_deref());
    let identity = Identity::find(&config)?;
    let registry = Registry::open(&config)?;
    let place = Place::claim(&config, &part, identity.as_ref())?;
    let doors = if part.has_listeners() { Doors::bind(&config.listeners)? } else { Doors::default() };
    let databases = store::databases(part.ships(&config))?;
    let broker = bus::secrets(&config, &part)?;
    let web = web::bind(&config, &part)?;
    if let Some(identity) = &identity {
        identity.assume(&config)?;
        identity.check_data(&config.data.directory)?;
    }
    privileges::forbid_more()?;
    Ok(Prepared { config, part, registry, place, broker, doors, databases, web, places, file })
}

/// Raises the limit of descriptors, and divides what the system allows.
fn places(config: &Config, part: &Part) -> Places {
    let allowed = descriptors::raise();
    let needs = Needs::of(config, part);
    if let Some(shortage) = needs.shortage(allowed) {
        tracing::warn!("{shortage}: the listeners share what is left; {}", descriptors::REMEDY);
    }
    needs.places(allowed)
}

/// Runs until a signal that stops it; a second one ends the draining.
pub async fn run(prepared: Prepared) -> Result<()> {
    let Prepared { config, part, registry, place, broker, doors, databases, web, places, file } = prepared;
    let starting = Signals::starting()?;
    let data = config.data.directory.clone();
    let opened = match part.needs_bus() {
        true => Some(bus::open(&config, &part, broker.clone()).await?),
        false => None,
    };
    if let Some(opened) = &opened {
        alone::check(&config, &part, &opened.bus, &registry).await?;
    }
    // One that is damaged keeps nobody from receiving: what should go there waits.
    let rescue = RescueStore::attach(&data.join("rescue"), MAX_RESCUE_BYTES);
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("cannot draw a random number")?;
    let uids = Arc::new(UidGenerator::new(seed));

    let (receiving, stop_receiving) = Stopper::new();
    let (filtering, stop_filtering) = Stopper::new();
    let (shipping, stop_shipping) = Stopper::new();
    let mut shippers = JoinSet::new();
    let mut ships = Vec::new();
    let mut machines = Vec::new();
    let mut filters = JoinSet::new();
    let mut server = Server::default();
    let (collecting, stop_collecting) = Stopper::new();
    let mut collectors = Vec::new();
    let mut moving = JoinSet::new();
    if let Some(opened) = &opened {
        let shippers_of = Shippers {
            bus: &opened.bus,
            rescue: &rescue,
            data: &data,
            databases: &databases,
            stop: &stop_shipping,
        };
        for ship in part.ships(&config) {
            ships.push(shippers_of.start(ship, &mut shippers).await?);
        }
    }
    // Until here to end at once loses nothing; from here on events come in.
    let mut signals = Signals::listen()?;
    starting.abort();
    if let Some(opened) = &opened {
        let bus = &opened.bus;
        let machines_of = Machines::new(&config, bus, &rescue, &stop_filtering)?;
        for machine in part.machines(&config) {
            machines.push(machines_of.start(machine, &mut filters)?);
        }
        if part.has_listeners() {
            server = Server::start(&config.listeners, doors, opened, &uids, &places, &stop_receiving)?;
        }
        if let Some(spool) = &opened.spool {
            collectors = collector::start(&config, spool, bus, &rescue, &stop_collecting, &mut moving)?;
        }
    }
    let identity = status::identity(&config, &part, crate::source::now());
    let process = Arc::new(Process {
        part,
        bus: opened.as_ref().map(|o| o.bus.clone()),
        spool: opened.as_ref().and_then(|o| o.spool.clone()),
        collectors,
        rescue,
        listeners: server.listeners.clone(),
        machines,
        ships,
        registry: Arc::new(registry),
        socket: place.socket().to_owned(),
        started: std::time::Instant::now(),
        notices: Notices::new(identity.clone().into()),
        identity,
        config,
    });
    status::adopt(&process);
    let web = web::start(&process, place.socket(), web, &places).await?;
    let (telling, stop_telling) = Stopper::new();
    let mut tellers = tell(&process, broker, &stop_telling);
    let card = web::card(&process, &web.addresses);
    if let Err(error) = place.card().write(&card) {
        // It is for scripts; what has to run runs without it, and may be what gives the disk room.
        let error = format!("{error:#}");
        tracing::warn!(error, "scripts cannot see where this process listens; trying again");
        tellers.spawn(place.card().clone().keep_writing(card, stop_telling));
    }
    let read = process.config.file.as_ref().map_or("none".to_owned(), |file| file.display().to_string());
    tracing::info!(part = %process.part, data = %data.display(), configuration = read, "running");
    if process.part.has_listeners() {
        for what in process.config.unsearched() {
            tracing::warn!(what, "not everything can be searched");
        }
    }
    if privileges::is_root() {
        tracing::warn!("this process is root; `[process] user` names somebody who can do less");
    }
    announce(&process, "up", "started");
    systemd::ready();

    let file = Arc::new(file);
    while signals.next().await == Asked::Reload {
        drop(tokio::spawn(reload(process.clone(), file.clone())));
    }
    let grace = process.config.process.drain_timeout;
    tracing::info!(grace_seconds = grace.as_secs_f64(), "draining");
    systemd::stopping(grace + ABORT_GRACE * 4 + TELLING_GRACE * 2);
    let lost: Vec<u64> = process.listeners.iter().map(|listener| listener.stats.lost.get()).collect();
    let drain = async {
        receiving.drain();
        server.drained().await;
        // What is in the spool is safe there, whether the broker takes it now or later.
        collecting.abort();
        filtering.drain();
        ended(&mut filters).await;
        shipping.drain();
        ended(&mut shippers).await;
    };
    let drained = tokio::select! {
        done = tokio::time::timeout(grace, drain) => done.is_ok(),
        () = signals.stop() => false,
    };
    if !drained {
        // What is dropped is nacked: it stays in the queue or with its sender, if that keeps it.
        tracing::warn!("the time for draining is over; what is in the queues stays there");
        receiving.abort();
        collecting.abort();
        filtering.abort();
        shipping.abort();
        drop(tokio::time::timeout(ABORT_GRACE, server.drained()).await);
        drop(tokio::time::timeout(ABORT_GRACE, ended(&mut filters)).await);
        drop(tokio::time::timeout(ABORT_GRACE, ended(&mut shippers)).await);
        tell_lost(&process, &lost);
    }
    if let Some(opened) = &opened {
        // Whoever still asks the web address may hold the bus longer than we live.
        opened.bus.flush();
    }
    announce(&process, "down", "stopped");
    telling.drain();
    drop(tokio::time::timeout(TELLING_GRACE, ended(&mut tellers)).await);
    web.stop().await;
    drop(tokio::time::timeout(ABORT_GRACE, ended(&mut moving)).await);
    drop((process, tellers));
    // The last owner closes bus and spool: cursors are flushed, directories are let go.
    drop(opened);
    drop(place);
    tracing::info!("stopped");
    Ok(())
}

/// Waits for all of them. One that panicked has said so itself, and is no reason to stop in
/// another order.
async fn ended(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task failed");
        }
    }
}

/// The tasks that tell others how the process is.
fn tell(process: &Arc<Process>, broker: Option<RabbitOptions>, stop: &Stop) -> JoinSet<()> {
    let mut tellers = JoinSet::new();
    if let Some(broker) = broker {
        // Who has no web address tells only.
        let hears = process.part.has_web() && process.config.web.is_some();
        tellers.spawn(exchange(process.notices.clone(), broker, hears, stop.clone()));
    }
    let of = process.clone();
    tellers.spawn(beat(process.registry.clone(), move || status::online(&of), stop.clone()));
    if let Some(bus) = process.bus.clone() {
        tellers.spawn(alone::watch(process.config.clone(), process.part.clone(), bus, stop.clone()));
    }
    let of = process.clone();
    tellers.spawn(watch(process.notices.clone(), move || status::troubles(&of), stop.clone()));
    tellers.spawn(systemd::watchdog(stop.clone()));
    tellers
}

/// Tells what had been read from senders who do not wait for an answer, and found no place in the
/// queue. `before`: what each listener had lost before the stop.
fn tell_lost(process: &Process, before: &[u64]) {
    for (listener, before) in process.listeners.iter().zip(before) {
        let stats = &listener.stats;
        let events = stats.lost.get().saturating_sub(*before);
        if events > 0 {
            tracing::error!(
                listener = stats.name,
                events,
                "the queue took nothing, and events of senders who do not wait for an answer are lost"
            );
        }
    }
}

/// Tells that the listeners are up or down, and the process started or stopped.
fn announce(process: &Process, listeners: &str, whole: &str) {
    let time = crate::source::now();
    for listener in &process.listeners {
        let (kind, subject) = (format!("listener.{listeners}"), Some(listener.stats.name.clone()));
        process.notices.tell(&Notice { time, kind, subject, text: Some(listener.addresses.join(", ")) });
    }
    let kind = format!("process.{whole}");
    process.notices.tell(&Notice { time, kind, subject: None, text: None });
}

/// Filters are read again. The configuration is read at the start alone: what was changed in it is told.
async fn reload(process: Arc<Process>, file: Arc<ReadAtStart>) {
    systemd::reloading();
    drop(tokio::task::spawn_blocking(move || file.tell_changes()).await);
    if process.machines.is_empty() {
        tracing::info!("nothing to reload: no machine has a filter, and the configuration is read at start");
    }
    for machine in process.machines.clone() {
        drop(tokio::task::spawn_blocking(move || machine.reload()).await);
    }
    systemd::ready();
}

/// The configuration file as it was when the process started.
#[derive(Debug)]
struct ReadAtStart {
    file: Option<PathBuf>,
    text: Option<Vec<u8>>,
}

impl ReadAtStart {
    fn now(file: Option<&Path>) -> ReadAtStart {
        // What the process runs with has just been read from it.
        ReadAtStart { file: file.map(Path::to_owned), text: file.and_then(|file| std::fs::read(file).ok()) }
    }

    /// Says whether the file is another one now, and whether the process would start with it.
    fn tell_changes(&self) {
        let Some(path) = &self.file else { return };
        let file = path.display().to_string();
        match std::fs::read(path) {
            Ok(text) if Some(&text) == self.text.as_ref() => {}
            Ok(_) => match Config::load_with_filters(Some(path), None) {
                Ok(_) => tracing::warn!(file, "the configuration has changed; it is read at the next start"),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        file,
                        error,
                        "the configuration has changed and is wrong: the next start would fail; `loggr check` shows it"
                    );
                }
            },
            Err(error) => {
                tracing::warn!(file, %error, "cannot read the configuration; the next start needs it");
            }
        }
    }
}
