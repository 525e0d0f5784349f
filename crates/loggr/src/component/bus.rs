//! Opening the bus that the configuration wants, and the spool where there is one.

use std::sync::Arc;

use anyhow::{Context, Result};
use loggr_bus::rabbit::{self, BrokerAddress, Encoding, Needs, RabbitOptions};
use loggr_bus::spool::Spool;
use loggr_bus::{Bus, BusOptions, OpenError, OpenErrorKind, Publisher, Topology, embedded};
use loggr_net::NetError;
use loggr_net::bind::host_name;
use loggr_net::tls::{ClientConfig, Identity, Trust};

use crate::config::{Config, RabbitBus, Secret};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::process::descriptors::SPOOL_SEGMENT_BYTES;
use crate::process::part::Part;

/// The hint when another process uses the embedded bus.
const SEVERAL_PROCESSES: &str = "only one process can use queues that are on disk: run everything with \
                                 `loggr run`, or set `kind = \"rabbitmq\"` in `[bus]` to run parts as processes \
                                 of their own";
/// The hint when another process uses the spool.
const SPOOL_IN_USE: &str = "the process that runs the listeners also sends what is in its spool to the broker; run the \
                            collector alone only while the listeners do not run";
/// The default user of RabbitMQ, which is also its password.
const BORN: &str = "guest";
/// Segments of a spool of usual size.
const SPOOL_SEGMENTS: u64 = 8;

/// The bus of a process.
pub struct Opened {
    /// Where events come from and go to.
    pub bus: Arc<Bus>,
    /// The spool, in which events wait while the broker is away.
    pub spool: Option<Arc<Spool>>,
}

impl Opened {
    /// Where a listener's events go: to the spool, while the broker takes none.
    pub fn intake(&self, exchange: &str, key: &str, encoding: Encoding) -> Result<Publisher> {
        Ok(match (&*self.bus, &self.spool) {
            (Bus::Rabbit(rabbit), Some(spool)) => {
                let straight = rabbit.impatient_publisher(exchange, key, encoding)?;
                Publisher::Outlet(spool.outlet(straight)?)
            }
            (bus, _) => bus.publisher_as(exchange, key, encoding)?,
        })
    }
}

/// Reads the secrets of the bus, which only root may be able to; `None` without a broker.
pub fn secrets(config: &Config, part: &Part) -> Result<Option<RabbitOptions>> {
    let name = || format!("loggr {part} on {}", host_name());
    config.bus.rabbit.as_ref().map(|rabbit| options(rabbit, name())).transpose()
}

/// How the brokers are reached.
pub fn options(rabbit: &RabbitBus, connection_name: String) -> Result<RabbitOptions> {
    let password = rabbit.password_file.as_deref().map(Secret::read).transpose();
    let password = password.context("cannot use the `password_file` of the bus").usage()?;
    let brokers = rabbit.urls.iter().map(|url| BrokerAddress {
        host: url.address.host(),
        port: url.address.port(),
        tls: url.scheme == "amqps",
        vhost: if url.path.is_empty() { "/".to_owned() } else { url.path.clone() },
        user: url.user.clone().unwrap_or_else(|| BORN.to_owned()),
        password: match (url.password.as_ref().or(password.as_ref()), &url.user) {
            (Some(password), _) => password.expose().to_owned(),
            (None, None) => BORN.to_owned(),
            (None, Some(_)) => String::new(),
        },
    });
    let brokers = brokers.collect();
    let tls = rabbit.urls.iter().any(|url| url.scheme == "amqps").then(|| tls(rabbit));
    let tls = tls.transpose().context("cannot use TLS for the bus").usage()?;
    Ok(RabbitOptions { brokers, heartbeat: rabbit.heartbeat, tls, connection_name })
}

fn tls(rabbit: &RabbitBus) -> Result<Arc<ClientConfig>, NetError> {
    let identity = rabbit.tls_identity.as_ref().map(|(cert, key)| Identity::read(cert, key)).transpose()?;
    loggr_net::tls::client(&Trust::of(rabbit.tls_ca.as_deref())?, identity.as_ref())
}

/// Opens the bus, and the spool where this part has one.
pub async fn open(config: &Config, part: &Part, rabbit: Option<RabbitOptions>) -> Result<Opened> {
    let topology = config.topology()?;
    let Some(options) = rabbit else {
        tell_left_behind(config, part);
        return Ok(Opened { bus: Arc::new(embedded(config, &topology)?), spool: None });
    };
    // The spool is opened first: with it a process can receive events without a broker.
    let spool = if part.has_spool(config) { open_spool(config, part)? } else { None };
    let bus = rabbit::Bus::open(options, &topology, &needs(config, part)).await;
    let bus = bus.or_else(|error| explain(error, "cannot use the broker", SEVERAL_PROCESSES))?;
    if spool.is_none() {
        tell_left_behind(config, part);
    }
    Ok(Opened { bus: Arc::new(bus.into()), spool })
}

fn embedded(config: &Config, topology: &Topology) -> Result<Bus> {
    let options = BusOptions {
        segment_size: config.bus.segment_size,
        max_size: config.bus.max_size,
        codec: config.bus.compression,
        ..BusOptions::default()
    };
    let opened = embedded::Bus::open(&config.bus.directory, topology, &options);
    let (bus, report) = opened.or_else(|error| explain(error, "cannot open the bus", SEVERAL_PROCESSES))?;
    tell(&report, "the bus");
    Ok(bus.into())
}

fn open_spool(config: &Config, part: &Part) -> Result<Option<Arc<Spool>>> {
    let Some(spool) = &config.spool else { return Ok(None) };
    let segment_size = (spool.max_size / SPOOL_SEGMENTS).min(SPOOL_SEGMENT_BYTES);
    let options = BusOptions { segment_size, max_size: spool.max_size, ..BusOptions::default() };
    let routes: Vec<(String, String)> = match part.has_listeners() {
        true => config.listeners.iter().map(|l| (l.exchange.clone(), l.routing_key())).collect(),
        false => Vec::new(),
    };
    let opened = Spool::open(&spool.directory, &routes, &options);
    let (spool, report) = opened.or_else(|error| explain(error, "cannot open the spool", SPOOL_IN_USE))?;
    tell(&report, "the spool");
    Ok(Some(Arc::new(spool)))
}

/// Logs that a spool which this configuration no longer uses still holds events, which are not
/// moved.
fn tell_left_behind(config: &Config, part: &Part) {
    let directory =
        config.spool.as_ref().map_or_else(|| config.data.directory.join("spool"), |s| s.directory.clone());
    if !part.has_listeners() || !directory.exists() {
        return;
    }
    let views = loggr_bus::inspect(&directory).unwrap_or_default();
    let waiting: u64 = views.iter().flat_map(|e| &e.queues).map(|q| q.waiting_events).sum();
    if waiting > 0 {
        let hint = "run `loggr run collector` with the sections `[bus]` and `[spool]` with which the events were received";
        tracing::error!(waiting, directory = %directory.display(), hint, "events wait in a spool that this configuration does not use, so nothing moves them");
    }
}

fn tell(report: &loggr_bus::OpenReport, what: &str) {
    for finding in report.to_string().lines() {
        tracing::warn!(finding, "found when {what} was opened");
    }
}

/// The exchanges and queues that a part uses.
fn needs(config: &Config, part: &Part) -> Needs {
    let mut needs = Needs::default();
    if part.has_listeners() {
        needs.exchanges.extend(config.listeners.iter().map(|l| l.exchange.clone()));
    }
    needs.exchanges.extend(part.harvests(config).map(|h| h.exchange.clone()));
    for machine in part.machines(config) {
        needs.queues.push(machine.queue.clone());
        needs.exchanges.push(machine.destination.clone());
        needs.exchanges.extend(machine.ways().map(|(exchange, _)| exchange));
    }
    needs.queues.extend(part.ships(config).map(|s| s.queue.clone()));
    needs.exchanges.sort();
    needs.exchanges.dedup();
    needs
}

fn explain<T>(error: OpenError, what: &'static str, in_use: &str) -> Result<T> {
    let usage = error.kind() == OpenErrorKind::Config;
    let hint = match error.kind() {
        OpenErrorKind::Locked => Some(in_use.to_owned()),
        _ => error.hint().map(str::to_owned),
    };
    let failed = Err(error).context(what);
    let failed = match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    };
    if usage { failed.usage() } else { failed }
}
