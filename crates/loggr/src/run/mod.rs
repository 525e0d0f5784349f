//! One process that runs its part of the configuration, from opening to draining.
//!
//! Order of starting: data directory, sockets, another user (all of that while there is one
//! thread); then bus, rescue, shippers, machines, listeners, harvests, collectors, web, and the tasks that
//! report to others. `stop` is the mirror image, so that received events are still passed on.

mod alone;
mod crew;
mod reload;
pub mod signals;
mod tell;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use loggr_bus::rabbit::RabbitOptions;
use loggr_bus::rescue::RescueStore;
use loggr_event::{SealKeys, UidGenerator};
use loggr_store::postgres::Database;

use crate::component::bus::{self, Opened};
use crate::component::collector;
use crate::component::harvest;
use crate::component::machine::Machines;
use crate::component::server::{Doors, Receiving, Server};
use crate::component::ship::{self, Shippers};
use crate::config::{Config, exposed};
use crate::operate::stores::Stores;
use crate::process::certificates::Certificates;
use crate::process::descriptors::{self, Needs, Places};
use crate::process::part::Part;
use crate::process::place::{self, Place};
use crate::process::privileges::{self, Identity, Privileges};
use crate::process::{systemd, telemetry};
use crate::registry::Registry;
use crate::registry::notices::Notices;
use crate::seal;
use crate::sink::elastic::Authorization;
use crate::sink::tls::Tls;
use crate::status::{self, Card, Live, MAX_RESCUE_BYTES};
use crate::store;
use crate::web::{self, Site, Web};
use crew::Crew;
use reload::{ReadAtStart, Reloads};
use signals::{Asked, Signals};

/// How long machines, then shippers, may take to stop after draining.
const ABORT_GRACE: Duration = Duration::from_secs(2);
/// How long the tasks that report to others may take to end.
const TELLING_GRACE: Duration = Duration::from_secs(3);

/// A process that has everything for which root is needed, and does nothing yet.
pub struct Prepared {
    config: Config,
    part: Part,
    registry: Registry,
    place: Place,
    broker: Option<RabbitOptions>,
    doors: Doors,
    databases: HashMap<String, Database>,
    tls: HashMap<String, Tls>,
    logins: HashMap<String, Authorization>,
    web: web::Bound,
    certificates: Arc<Certificates>,
    seal_keys: Arc<SealKeys>,
    stores: Stores,
    places: Places,
    file: ReadAtStart,
    privileges: Privileges,
}

/// The umask: rights that others do not get to new files, unless another mode is set.
const UMASK: u32 = 0o027;

/// Reads secrets, claims the data directory, binds the sockets, becomes the user of the
/// configuration and gives up what it does not need. To be called before any thread is started.
pub fn prepare(config: Config, part: Part) -> Result<Prepared> {
    privileges::refuse_root(&config)?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(UMASK));
    for sentence in config.unset_fields() {
        tracing::warn!("{sentence}");
    }
    let places = places(&config, &part);
    for (exposed, mend) in exposed(&config) {
        tracing::warn!("{exposed}; `{mend}` mends it");
    }
    for sentence in config.lost_seals() {
        tracing::warn!("{sentence}");
    }
    let file = ReadAtStart::now(config.file.as_deref());
    harvest::look(part.harvests(&config))?;
    let identity = Identity::find(&config)?;
    let registry = Registry::open(&config)?;
    let place = Place::claim(&config, &part, identity.as_ref())?;
    if let Some(owner) = &identity {
        place::make_of_ships(part.ships(&config), owner)?;
    }
    let doors = if part.has_listeners() { Doors::bind(&config)? } else { Doors::default() };
    let databases = store::databases(part.ships(&config))?;
    let tls = Tls::of(part.ships(&config))?;
    let logins = ship::logins(part.ships(&config))?;
    let broker = bus::secrets(&config, &part)?;
    let web = web::bind(&config, &part)?;
    let certificates = doors.shown(&config.listeners).into_iter().chain(web.shown()).chain(ship::shown(&tls));
    let certificates = Arc::new(Certificates::new(certificates));
    let seal_keys = Arc::new(seal::read(&config)?);
    let stores = Stores::new(&config);
    let privileges = Privileges::settle(&config, identity.as_ref())?;
    if let Some(file) = &config.log.security {
        telemetry::try_security(file)?;
    }
    Ok(Prepared {
        config,
        part,
        registry,
        place,
        broker,
        doors,
        databases,
        tls,
        logins,
        web,
        certificates,
        seal_keys,
        stores,
        places,
        file,
        privileges,
    })
}

/// Raises the limit of descriptors, and divides what the system allows.
fn places(config: &Config, part: &Part) -> Places {
    let allowed = descriptors::raise();
    let needs = Needs::of(config, part);
    if let Some(shortage) = needs.shortage(allowed) {
        tracing::warn!(
            "{shortage}; the listeners share the descriptors that are left: {}",
            descriptors::REMEDY
        );
    }
    needs.places(allowed)
}

/// Runs until a signal that stops it; a second one ends the draining.
pub async fn run(prepared: Prepared) -> Result<()> {
    let (running, mut signals) = Running::start(prepared).await?;
    let reloads = Reloads::of(running.site.live.clone(), running.file.clone());
    while signals.next().await == Asked::Reload {
        reloads.ask();
    }
    running.stop(&mut signals).await;
    Ok(())
}

/// Everything of a process that runs, in the order in which it was started.
struct Running {
    file: Arc<ReadAtStart>,
    place: Place,
    opened: Option<Opened>,
    shipping: Crew,
    filtering: Crew,
    receiving: Crew,
    server: Server,
    collecting: Crew,
    site: Site,
    web: Web,
    telling: Crew,
}

impl Running {
    async fn start(prepared: Prepared) -> Result<(Running, Signals)> {
        let Prepared {
            config,
            part,
            registry,
            place,
            broker,
            doors,
            databases,
            tls,
            logins,
            web,
            certificates,
            seal_keys,
            stores,
            places,
            file,
            privileges,
        } = prepared;
        privileges.tell();
        let starting = Signals::starting()?;
        let opened = match part.needs_bus() {
            true => Some(bus::open(&config, &part, broker.clone()).await?),
            false => None,
        };
        if let Some(opened) = &opened {
            alone::check(&config, &part, &opened.bus, &registry).await?;
        }
        let data = config.data.directory.clone();
        // A damaged rescue does not stop the process from receiving: events that should go there
        // wait.
        let rescue = RescueStore::attach(&data.join("rescue"), MAX_RESCUE_BYTES);

        let mut shipping = Crew::new();
        let mut ships = Vec::new();
        if let Some(Opened { bus, .. }) = &opened {
            let stop = &shipping.stop.clone();
            let shippers = Shippers {
                bus,
                rescue: &rescue,
                data: &data,
                databases: &databases,
                tls: &tls,
                logins: &logins,
                seal_keys: &seal_keys,
                stop,
            };
            for ship in part.ships(&config) {
                ships.push(shippers.start(ship, &mut shipping.tasks).await?);
            }
        }
        // Up to here the process can end at once without loss; from here on events come in.
        let signals = Signals::listen()?;
        starting.abort();

        let (mut filtering, mut receiving, mut collecting) = (Crew::new(), Crew::new(), Crew::new());
        let (mut machines, mut server, mut collectors) = (Vec::new(), Server::default(), Vec::new());
        let mut harvests = Vec::new();
        if let Some(opened) = &opened {
            let of = Machines::new(&config, &opened.bus, &rescue, &seal_keys, &filtering.stop)?;
            for machine in part.machines(&config) {
                machines.push(of.start(machine, &mut filtering.tasks)?);
            }
            for section in part.harvests(&config) {
                let Crew { stop, tasks, .. } = &mut receiving;
                harvests.push(harvest::start(section, &opened.bus, &data, stop, tasks)?);
            }
            if part.has_listeners() {
                let uids = Arc::new(uids()?);
                let receiving = Receiving {
                    bus: opened,
                    rescue: &rescue,
                    seal_keys: &seal_keys,
                    uids: &uids,
                    places: &places,
                    stop: &receiving.stop,
                };
                server = Server::start(&config, doors, &receiving)?;
            }
            if let Some(spool) = &opened.spool {
                let Crew { stop, tasks, .. } = &mut collecting;
                collectors = collector::start(&config, spool, &opened.bus, &rescue, stop, tasks)?;
            }
        }

        let identity = status::Identity::new(&config, &part, &privileges, crate::process::clock::now());
        let notices = Notices::new(&identity);
        let live = Arc::new(Live {
            part,
            bus: opened.as_ref().map(|o| o.bus.clone()),
            spool: opened.as_ref().and_then(|o| o.spool.clone()),
            collectors,
            rescue,
            listeners: server.listeners.clone(),
            certificates,
            seal_keys,
            uploads: server.uploads.clone(),
            harvests,
            machines,
            ships,
            worries: OnceLock::new(),
            started: Instant::now(),
            identity,
            config,
        });
        status::adopt(&live);
        let (registry, socket) = (Arc::new(registry), place.socket().to_owned());
        let site = Site { live, registry, notices, socket };
        let web = web::start(&site, web, stores, &places).await?;
        let mut telling = Crew::new();
        tell::tellers(&site, broker, &telling.stop, &mut telling.tasks);
        write_card(&site, &place, &web, &mut telling)?;
        say_running(&site.live);
        tell::announce(&site, "up", "started");
        systemd::ready();
        let running = Running {
            file: Arc::new(file),
            place,
            opened,
            shipping,
            filtering,
            receiving,
            server,
            collecting,
            site,
            web,
            telling,
        };
        Ok((running, signals))
    }

    async fn stop(mut self, signals: &mut Signals) {
        let grace = self.site.live.config.process.drain_timeout;
        tracing::info!(grace_seconds = grace.as_secs_f64(), "draining");
        systemd::stopping(grace + ABORT_GRACE * 4 + TELLING_GRACE * 2);
        let lost = tell::lost_so_far(&self.site.live);
        let drained = tokio::select! {
            done = tokio::time::timeout(grace, self.drain()) => done.is_ok(),
            () = signals.stop() => false,
        };
        if !drained {
            // Dropped deliveries are nacked: they stay in the queue, or with their sender if it
            // keeps them.
            tracing::warn!(
                "the time for an orderly stop (`drain_timeout`) is over; events that are still in the queues stay there"
            );
            self.abort().await;
            tell::lost(&self.site.live, &lost);
        }
        if let Some(opened) = &self.opened {
            // A request to the web address may keep the bus open until the end of the process, so
            // it is flushed now.
            opened.bus.flush();
        }
        tell::announce(&self.site, "down", "stopped");
        self.telling.drain();
        self.telling.ended_within(TELLING_GRACE).await;
        self.web.stop().await;
        self.collecting.ended_within(ABORT_GRACE).await;
        drop((self.site, self.telling));
        // The last owner closes bus and spool: cursors are flushed, and directories are unlocked.
        drop(self.opened);
        drop(self.place);
        tracing::info!("stopped");
    }

    /// Takes nothing new, and passes on what was received.
    async fn drain(&mut self) {
        self.receiving.drain();
        self.server.drained().await;
        self.receiving.ended().await;
        // Events in the spool are safe there, whether the broker takes them now or later.
        self.collecting.abort();
        self.filtering.drain();
        self.filtering.ended().await;
        self.shipping.drain();
        self.shipping.ended().await;
    }

    async fn abort(&mut self) {
        self.receiving.abort();
        self.collecting.abort();
        self.filtering.abort();
        self.shipping.abort();
        drop(tokio::time::timeout(ABORT_GRACE, self.server.drained()).await);
        self.receiving.ended_within(ABORT_GRACE).await;
        self.filtering.ended_within(ABORT_GRACE).await;
        self.shipping.ended_within(ABORT_GRACE).await;
    }
}

fn uids() -> Result<UidGenerator> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("cannot draw a random number")?;
    Ok(UidGenerator::new(seed))
}

/// Writes the card, which says where the process listens. Only scripts need it: if it cannot be
/// written the process runs without, and may be the one that makes room on the disk.
fn write_card(site: &Site, place: &Place, web: &Web, telling: &mut Crew) -> Result<()> {
    let card = serde_json::to_value(Card::new(&site.live, &web.addresses))?;
    if let Err(error) = place.card().write(&card) {
        let error = format!("{error:#}");
        tracing::warn!(
            error,
            "cannot write the file in which scripts find the addresses of this process; trying again"
        );
        telling.tasks.spawn(place.card().clone().keep_writing(card, telling.stop.clone()));
    }
    Ok(())
}

fn say_running(live: &Live) {
    let read = live.config.file.as_ref().map_or("none".to_owned(), |file| file.display().to_string());
    let data = &live.config.data.directory;
    tracing::info!(part = %live.part, data = %data.display(), configuration = read, "running");
    if live.part.has_listeners() {
        for what in live.config.unsearched() {
            tracing::warn!(what, "not all events can be searched");
        }
        for what in live.config.loops() {
            tracing::warn!(what, "events go round");
        }
    }
}
