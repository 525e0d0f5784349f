//! One process that runs every configured component, from opening to draining.
//!
//! Order of starting: data directory, bus, rescue, shippers, machines, listeners, web; the
//! order of stopping is the reverse, so that what was received still finds its way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use loggr_bus::rescue::RescueStore;
use loggr_bus::{Bus, BusOptions, Codec, ExchangeSpec, OpenErrorKind, QueueSpec, Topology};
use loggr_event::UidGenerator;
use loggr_flow::Stopper;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::machine::{Machines, Running};
use super::server::{Bound, Server};
use super::ship::{Shippers, Shipping};
use crate::config::{BusCompression, Config};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::web;

/// Largest the rescue may become; full means that the shipper waits.
pub const MAX_RESCUE_BYTES: usize = 4 << 30;

/// What everybody may look at while the process runs.
pub struct Process {
    /// The configuration it runs with.
    pub config: Config,
    /// The bus.
    pub bus: Arc<Bus>,
    /// The rescue.
    pub rescue: RescueStore,
    /// Listeners with their addresses and counters.
    pub listeners: Vec<Bound>,
    /// Machines with their counters.
    pub machines: Vec<Arc<Running>>,
    /// Shippers with their counters.
    pub ships: Vec<Shipping>,
    /// When it started.
    pub started: std::time::Instant,
}

/// Runs until SIGTERM or SIGINT; a second signal ends the draining.
pub async fn run(config: Config) -> Result<()> {
    let data = config.data.directory.clone();
    prepare(&data)?;
    let bus = Arc::new(open_bus(&config)?);
    let rescue =
        RescueStore::open(&data.join("rescue"), MAX_RESCUE_BYTES).context("cannot open the rescue")?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("cannot draw a random number")?;
    let uids = Arc::new(UidGenerator::new(seed));

    let (receiving, stop_receiving) = Stopper::new();
    let (filtering, stop_filtering) = Stopper::new();
    let (shipping, stop_shipping) = Stopper::new();
    let mut shippers = JoinSet::new();
    let mut ships = Vec::new();
    let parts = Shippers { bus: &bus, rescue: &rescue, data: &data, stop: &stop_shipping };
    for ship in &config.ships {
        ships.push(parts.start(ship, &mut shippers)?);
    }
    let mut filters = JoinSet::new();
    let parts = Machines { config: &config, bus: &bus, rescue: &rescue, stop: &stop_filtering };
    let machines = config.machines.iter().filter(|m| m.is_hop()).map(|m| parts.start(m, &mut filters));
    let machines = machines.collect::<Result<Vec<_>>>()?;
    let mut server = Server::start(&config.listeners, &bus, &uids, &stop_receiving)?;
    let process = Arc::new(Process {
        bus: bus.clone(),
        rescue,
        listeners: server.listeners.clone(),
        machines,
        ships,
        started: std::time::Instant::now(),
        config,
    });
    let web = web::start(&process, &data).await?;
    let card = web::card(&process, &web.addresses);
    write_card(&data, &card).with_context(|| format!("cannot write into `{}`", data.display()))?;
    tracing::info!(data = %data.display(), "running");

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => reload(&process),
        }
    }
    let grace = process.config.process.drain_timeout;
    tracing::info!(grace_seconds = grace.as_secs_f64(), "draining");
    let drain = async {
        receiving.drain();
        server.drained().await;
        filtering.drain();
        while filters.join_next().await.is_some() {}
        shipping.drain();
        while shippers.join_next().await.is_some() {}
    };
    let drained = tokio::select! {
        done = tokio::time::timeout(grace, drain) => done.is_ok(),
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    if !drained {
        // What is dropped is nacked: it stays in the queue or with its sender.
        tracing::warn!("the time for draining is over; what waits stays in the queue");
        receiving.abort();
        filtering.abort();
        shipping.abort();
        drop(tokio::time::timeout(Duration::from_secs(2), filters.join_all()).await);
        drop(tokio::time::timeout(Duration::from_secs(2), shippers.join_all()).await);
    }
    drop(std::fs::remove_file(data.join("run.json")));
    web.stop().await;
    drop(process);
    // The last owner closes the bus: cursors are flushed, the directory is let go.
    drop(bus);
    tracing::info!("stopped");
    Ok(())
}

/// Filters are read again; the configuration itself is read at start alone.
fn reload(process: &Process) {
    if process.machines.is_empty() {
        tracing::info!("nothing to reload: no machine has a filter, and the configuration is read at start");
    }
    for machine in process.machines.clone() {
        tokio::task::spawn_blocking(move || machine.reload());
    }
}

fn prepare(data: &Path) -> Result<()> {
    let shown = data.display();
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot create the data directory `{shown}`"))
        .hint("choose another one with `--data-dir`, or make its parent writable")
}

fn open_bus(config: &Config) -> Result<Bus> {
    let topology = config.topology()?;
    let exchanges = topology
        .exchanges
        .iter()
        .map(|exchange| ExchangeSpec {
            name: exchange.name.clone(),
            queues: exchange
                .queues
                .iter()
                .map(|q| QueueSpec { name: q.name.clone(), binding: q.binding.clone() })
                .collect(),
        })
        .collect();
    let options = BusOptions {
        segment_size: config.bus.segment_size,
        max_size: config.bus.max_size,
        codec: match config.bus.compression {
            BusCompression::None => Codec::None,
            BusCompression::Lz4 => Codec::Lz4,
        },
        ..BusOptions::default()
    };
    let opened = Bus::open(&config.bus.directory, &Topology { exchanges }, &options);
    let (bus, report) = opened.or_else(|error| {
        let (hint, usage) = (error.hint(), error.kind() == OpenErrorKind::Config);
        let failed = Err(error).context("cannot open the bus");
        let failed = match hint {
            Some(hint) => failed.hint(hint),
            None => failed,
        };
        if usage { failed.usage() } else { failed }
    })?;
    for finding in report.to_string().lines() {
        tracing::warn!(finding, "found when the bus was opened");
    }
    Ok(bus)
}

/// Tells scripts and tests where everything listens.
fn write_card(data: &Path, card: &serde_json::Value) -> Result<()> {
    let (path, fresh) = (data.join("run.json"), data.join("run.json.new"));
    std::fs::write(&fresh, format!("{card:#}\n"))?;
    Ok(std::fs::rename(fresh, path)?)
}
