//! `ship NAME`: a queue → batcher → files, the search store, PostgreSQL, search servers or other syslog servers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use loggr_bus::rescue::RescueStore;
use loggr_bus::{Bus, ConsumerOptions};
use loggr_event::SealKeys;
use loggr_flow::{Batcher, BatcherLimits, Delivery, Source, SourceError, Stage, Stop, pump_staged};
use loggr_store::ErrorKind;
use loggr_store::embedded::WriterOptions;
use loggr_store::postgres::Database;
use tokio::task::JoinSet;

use super::chosen::chosen;
use super::upkeep::{self, SearchUpkeep};
use crate::config::ship::{Balance, FilesShip, SyslogShip};
use crate::config::{Ship, ShipKind};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::process::certificates::Holder;
use crate::seal::{Sealing, sealed};
use crate::sink::elastic::{Authorization, ElasticSink};
use crate::sink::files::{FilesOptions, FilesSink};
use crate::sink::postgres::PostgresSink;
use crate::sink::search::SearchSink;
use crate::sink::syslog::{ForwardStats, SyslogSink};
use crate::sink::tls::Tls;
use crate::sink::{Destination, ShipStats};

/// Deliveries that a shipper may hold: enough for a batcher to fill a commit.
const SHIP_WINDOW: usize = 256;
/// Bytes of one commit to PostgreSQL, at most: it is held in memory until it is stored.
const MAX_POSTGRES_BYTES: usize = 32 << 20;
/// Bytes of events that are handed on together, at most.
const MAX_FORWARD_BYTES: usize = 8 << 20;

/// A shipper that runs.
#[derive(Clone, Debug)]
pub struct Shipping {
    /// Its counters.
    pub stats: Arc<ShipStats>,
    /// Where it ships to.
    pub destination: Destination,
}

/// What all shippers of the process share.
pub struct Shippers<'p> {
    /// Where events come from.
    pub bus: &'p Bus,
    /// Where events go that a destination will never take.
    pub rescue: &'p RescueStore,
    /// The data directory.
    pub data: &'p Path,
    /// The databases of shippers of kind `postgres`, by the shipper's name.
    pub databases: &'p HashMap<String, Database>,
    /// The settings of TLS of shippers that send to servers, by the shipper's name.
    pub tls: &'p HashMap<String, Tls>,
    /// What shippers of kind `elastic` show to servers, by the shipper's name.
    pub logins: &'p HashMap<String, Authorization>,
    /// The keys of seals.
    pub seal_keys: &'p Arc<SealKeys>,
    /// When to stop.
    pub stop: &'p Stop,
}

impl Shippers<'_> {
    /// Opens the destination and starts pumping.
    pub async fn start(&self, ship: &Ship, tasks: &mut JoinSet<()>) -> Result<Shipping> {
        let sealing = Sealing::new(ship.seal, self.seal_keys, "ship", &ship.name);
        let stats = ShipStats::new(ship, sealing);
        match &ship.kind {
            ShipKind::Files(files) => {
                let stats = Arc::new(stats);
                let sink = open_files(&ship.name, files, self.data)?;
                // No batcher: the queue joins what waits, and a lone event goes at once.
                let options = ConsumerOptions {
                    window: SHIP_WINDOW,
                    max_batch_events: files.batch_events,
                    max_batch_bytes: files.batch_bytes,
                    kept: false,
                };
                let destination = Destination::Files(sink);
                self.pump(ship, options, Vec::new(), &destination, &stats, tasks)?;
                Ok(Shipping { stats, destination })
            }
            ShipKind::Search(search) => {
                let stats = Arc::new(stats);
                let kept = WriterOptions { retention: search.retention, ..WriterOptions::default() };
                let sink = SearchSink::new(&search.directory, kept);
                let mut upkeep = SearchUpkeep::new(sink.clone(), search.retention.is_some(), stats.clone());
                // A store that cannot be opened is told and waited for; everything else runs.
                upkeep.once().await;
                let options = ConsumerOptions {
                    window: SHIP_WINDOW,
                    max_batch_events: search.commit_events,
                    kept: true,
                    ..ConsumerOptions::default()
                };
                let limits = BatcherLimits {
                    max_events: search.commit_events,
                    max_bytes: usize::MAX,
                    max_age: search.commit_age,
                };
                let stages: Vec<Box<dyn Stage>> = vec![Box::new(Batcher::new(limits))];
                tasks.spawn(upkeep.run(self.stop.clone()));
                let destination = Destination::Search(sink);
                self.pump(ship, options, stages, &destination, &stats, tasks)?;
                Ok(Shipping { stats, destination })
            }
            ShipKind::Postgres(postgres) => {
                let stats = Arc::new(stats);
                let database =
                    self.databases.get(&ship.name).expect("BUG: each such shipper has its database");
                let sink = open_postgres(&ship.name, database.clone()).await?;
                let destination = Destination::Postgres(sink.clone());
                // As many pumps as connections: one fills a commit while another waits for its own.
                for _ in 0..postgres.database.connections {
                    let options = ConsumerOptions {
                        window: SHIP_WINDOW,
                        max_batch_events: postgres.commit_events,
                        kept: true,
                        ..ConsumerOptions::default()
                    };
                    let limits = BatcherLimits {
                        max_events: postgres.commit_events,
                        max_bytes: MAX_POSTGRES_BYTES,
                        max_age: postgres.commit_age,
                    };
                    let stages: Vec<Box<dyn Stage>> = vec![Box::new(Batcher::new(limits))];
                    self.pump(ship, options, stages, &destination, &stats, tasks)?;
                }
                tasks.spawn(upkeep::postgres(sink, postgres.retention, stats.clone(), self.stop.clone()));
                Ok(Shipping { stats, destination })
            }
            ShipKind::Elastic(elastic) => {
                let forward = Arc::new(ForwardStats::of_servers(elastic));
                let stats = Arc::new(stats.forwarding(forward.clone()));
                let (tls, login) = (self.tls.get(&ship.name).cloned(), self.logins.get(&ship.name).cloned());
                let sink = ElasticSink::new(&ship.name, elastic, tls, login, forward);
                tasks.spawn(sink.clone().watch(self.stop.clone()));
                let destination = Destination::Elastic(sink);
                // As many pumps as requests that are under way; a lone event goes at once.
                for _ in 0..elastic.connections {
                    let options = ConsumerOptions {
                        window: SHIP_WINDOW,
                        max_batch_events: elastic.batch_events,
                        max_batch_bytes: elastic.batch_bytes,
                        kept: false,
                    };
                    self.pump(ship, options, Vec::new(), &destination, &stats, tasks)?;
                }
                Ok(Shipping { stats, destination })
            }
            ShipKind::Syslog(syslog) => {
                let forward = Arc::new(ForwardStats::new(syslog));
                let stats = Arc::new(stats.forwarding(forward.clone()));
                let tls = self.tls.get(&ship.name).cloned();
                let sink = SyslogSink::new(&ship.name, syslog, tls, forward, self.stop.clone());
                tasks.spawn(sink.clone().watch(self.stop.clone()));
                let destination = Destination::Syslog(sink);
                // No batcher: the queue joins what waits, and a lone event goes at once.
                let options = ConsumerOptions {
                    window: SHIP_WINDOW,
                    max_batch_events: syslog.window,
                    max_batch_bytes: forwarded_together(syslog),
                    kept: false,
                };
                // As many pumps as targets that get events at the same time.
                let pumps = match syslog.balance {
                    Balance::Failover => 1,
                    Balance::RoundRobin => syslog.targets.len(),
                };
                for _ in 0..pumps {
                    self.pump(ship, options, Vec::new(), &destination, &stats, tasks)?;
                }
                Ok(Shipping { stats, destination })
            }
        }
    }

    fn pump(
        &self,
        ship: &Ship,
        options: ConsumerOptions,
        mut stages: Vec<Box<dyn Stage>>,
        destination: &Destination,
        stats: &Arc<ShipStats>,
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        let consumer = self.bus.consumer(&ship.queue, options, self.stop.clone())?;
        let consumer = chosen(consumer, ship.condition.clone(), &stats.dropped);
        let consumer = UntilEnough(sealed(consumer, stats.sealing.clone()), destination.clone());
        let rescue = self.rescue.rescue_for(&ship.name)?;
        let progress = stats.progress.clone();
        let (sink, stop) = (destination.clone(), self.stop.clone());
        let parting = destination.clone();
        tasks.spawn(async move {
            let observer = progress.observer();
            let pumping = pump_staged(consumer, &mut stages, sink, rescue, stop.clone(), observer);
            progress
                .watch(stop, "shipping", "its queue ended unexpectedly and hands out no more events", pumping)
                .await;
            parting.close().await;
        });
        Ok(())
    }
}

/// Bytes of events that are handed on together. Where the bandwidth is limited a batch is what goes in about a
/// second: when loggr stops, the one in hand goes without waiting.
fn forwarded_together(syslog: &SyslogShip) -> usize {
    let of_a_second = syslog.bandwidth.and_then(|bytes| usize::try_from(bytes).ok());
    of_a_second.unwrap_or(usize::MAX).min(MAX_FORWARD_BYTES)
}

/// A queue until its destination has had enough of it; the rest comes in the next life.
struct UntilEnough<S>(S, Destination);

impl<S: Source> Source for UntilEnough<S> {
    async fn next(&mut self) -> Result<Option<Delivery>, SourceError> {
        match self.1.has_enough() {
            true => Ok(None),
            false => self.0.next().await,
        }
    }

    fn is_full(&self) -> bool {
        self.0.is_full()
    }
}

/// Reads what shippers show to servers, which perhaps only root may read.
pub fn logins<'c>(ships: impl Iterator<Item = &'c Ship>) -> Result<HashMap<String, Authorization>> {
    let mut found = HashMap::new();
    for ship in ships {
        if let ShipKind::Elastic(elastic) = &ship.kind
            && let Some(login) = &elastic.login
        {
            let read = Authorization::read(login);
            let read = read.with_context(|| format!("cannot start the shipper `{}`", ship.name)).usage()?;
            found.insert(ship.name.clone(), read);
        }
    }
    Ok(found)
}

/// The certificates that they show, and where.
pub fn shown(tls: &HashMap<String, Tls>) -> Vec<(String, Holder)> {
    let mut shown: Vec<(String, Holder)> = tls
        .iter()
        .map(|(name, tls)| (format!("shipper `{name}`"), Holder::Connector(tls.connector.clone())))
        .collect();
    shown.sort_by(|(one, _), (other, _)| one.cmp(other));
    shown
}

fn open_files(name: &str, files: &FilesShip, data: &Path) -> Result<FilesSink> {
    let context = || format!("cannot start the shipper `{name}`");
    let state = data.join("ship").join(format!("{name}.intent"));
    let options = FilesOptions { name: name.to_owned(), files: files.clone(), state };
    FilesSink::open(options).or_else(|error| {
        let (hint, usage) = (error.hint().map(str::to_owned), error.is_configuration());
        let failed = Err(error).with_context(context);
        let failed = match hint {
            Some(hint) => failed.hint(hint),
            None => failed,
        };
        if usage { failed.usage() } else { failed }
    })
}

/// What cannot work without somebody changing something ends the start; a server that is away
/// does not: events wait in the queue.
async fn open_postgres(name: &str, database: Database) -> Result<PostgresSink> {
    let context = || format!("cannot start the shipper `{name}`");
    let sink = PostgresSink::new(database, crate::process::clock::now);
    match sink.prepare(name).await {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::Refused => {
            return crate::store::told(Err(error)).with_context(context);
        }
        Err(error) => {
            tracing::error!(ship = name, %error, "the database cannot be reached; events wait in the queue");
        }
    }
    Ok(sink)
}
