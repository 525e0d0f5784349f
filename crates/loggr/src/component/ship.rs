//! `ship NAME`: a queue → batcher → files, the search store or PostgreSQL.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::FutureExt;
use loggr_bus::rescue::RescueStore;
use loggr_bus::{Bus, ConsumerOptions};
use loggr_event::{DumpFormat, Template};
use loggr_flow::{Batcher, BatcherLimits, Phase, PumpObserver, Reason, Stage, Stop, StoreError, pump_staged};
use loggr_store::postgres::Database;
use loggr_store::{ErrorKind, StoreOptions};
use tokio::task::JoinSet;

use super::upkeep::{self, SearchUpkeep};
use crate::config::{Compression, FilesShip, Ship, ShipKind};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::news::is_same;
use crate::process::meter::{Counter, Flag};
use crate::sink::Destination;
use crate::sink::files::{Compress, FilesOptions, FilesSink};
use crate::sink::postgres::PostgresSink;
use crate::sink::search::SearchSink;

/// Deliveries that a shipper may hold: enough for a batcher to fill a commit.
const SHIP_WINDOW: usize = 256;
/// Bytes of one commit to PostgreSQL, at most: it is held in memory until it is stored.
const MAX_POSTGRES_BYTES: usize = 32 << 20;

/// Counters of one shipper since the process started.
#[derive(Debug, Default)]
pub struct ShipStats {
    /// Name in the configuration.
    pub name: String,
    /// Kind's word in the configuration.
    pub kind: &'static str,
    /// The queue it takes from.
    pub queue: String,
    /// Events that its destination holds durably.
    pub stored: Counter,
    /// Events that went to the rescue.
    pub rescued: Counter,
    /// Tries that failed.
    pub failures: Counter,
    /// The destination takes nothing at the moment.
    pub failing: Flag,
    /// What it last said when it refused.
    pub last_error: Mutex<Option<String>>,
    /// Why it takes nothing any more, if it has ended before its time.
    pub ended: Mutex<Option<String>>,
}

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
    /// When to stop.
    pub stop: &'p Stop,
}

impl Shippers<'_> {
    /// Opens the destination and starts pumping.
    pub async fn start(&self, ship: &Ship, tasks: &mut JoinSet<()>) -> Result<Shipping> {
        let stats = Arc::new(ShipStats {
            name: ship.name.clone(),
            kind: ship.kind.keyword(),
            queue: ship.queue.clone(),
            ..ShipStats::default()
        });
        match &ship.kind {
            ShipKind::Files(files) => {
                let sink = open_files(&ship.name, files, self.data)?;
                // No batcher: the queue joins what waits, and a lone event goes at once.
                let options = ConsumerOptions {
                    window: SHIP_WINDOW,
                    max_batch_events: files.batch.events,
                    max_batch_bytes: files.batch.size,
                    kept: false,
                };
                let destination = Destination::Files(sink);
                self.pump(ship, options, Vec::new(), &destination, &stats, tasks)?;
                Ok(Shipping { stats, destination })
            }
            ShipKind::Search(search) => {
                let kept = StoreOptions { retention: search.retention, ..StoreOptions::default() };
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
                let database =
                    self.databases.get(&ship.name).expect("BUG: each such shipper has its database");
                let sink = open_postgres(&ship.name, database.clone()).await?;
                let destination = Destination::Postgres(sink.clone());
                // As many pumps as connections: one fills a commit while another waits for its own.
                for _ in 0..postgres.connections {
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
        let rescue = self.rescue.rescue_for(&ship.name)?;
        let observer = Watch { stats: stats.clone(), told: None };
        let sink = destination.clone();
        let (stop, stats) = (self.stop.clone(), stats.clone());
        tasks.spawn(async move {
            let pumping = pump_staged(consumer, &mut stages, sink, rescue, stop.clone(), observer);
            let ship = stats.name.as_str();
            let why = match AssertUnwindSafe(pumping).catch_unwind().await {
                Ok(Ok(())) => "its queue gives nothing any more".to_owned(),
                Ok(Err(error)) => {
                    tracing::error!(ship, %error, "the queue cannot be read; its events stay in it");
                    format!("its queue cannot be read: {error}")
                }
                Err(_) => {
                    tracing::error!(ship, "shipping failed by our fault; events stay in the queue");
                    "shipping failed by our fault".to_owned()
                }
            };
            // Told, since nothing else would be seen of it.
            if stop.phase() == Phase::Run {
                stats.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
            }
        });
        Ok(())
    }
}

fn open_files(name: &str, files: &FilesShip, data: &Path) -> Result<FilesSink> {
    let context = || format!("cannot start the shipper `{name}`");
    let options = FilesOptions {
        name: name.to_owned(),
        directory: files.directory.clone(),
        path: Template::parse_path(&files.path).usage().with_context(context)?,
        format: DumpFormat::parse(&files.format).usage().with_context(context)?,
        compress: match files.compress {
            Compression::None => Compress::None,
            Compression::Gzip => Compress::Gzip,
            Compression::Zstd => Compress::Zstd,
        },
        file_mode: files.file_mode,
        dir_mode: files.directory_mode,
        max_open_files: files.max_open_files,
        state: data.join("ship").join(format!("{name}.intent")),
    };
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
            tracing::error!(ship = name, %error, "the database is away; events wait in the queue");
        }
    }
    Ok(sink)
}

/// What goes to the rescue is said so often for the same reason, at most.
const RESCUE_TOLD_EVERY: Duration = Duration::from_secs(60);

/// Logs once when the destination stops taking and once when it takes again.
struct Watch {
    stats: Arc<ShipStats>,
    /// The reason that was told last, when, and events that went to the rescue for it since.
    told: Option<(String, Instant, usize)>,
}

impl PumpObserver for Watch {
    fn stored(&mut self, events: usize) {
        self.stats.stored.add(events as u64);
    }

    fn retrying(&mut self, error: &StoreError, tries: u32) {
        self.stats.failures.add(1);
        let text = error.chain();
        let mut last = self.stats.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        let news = self.stats.failing.raise() || !last.as_deref().is_some_and(|last| is_same(last, &text));
        *last = Some(text);
        drop(last);
        if news {
            let ship = self.stats.name.as_str();
            tracing::error!(ship, tries, %error, "the shipper cannot write; its events wait in the queue");
        }
    }

    fn recovered(&mut self, tries: u32) {
        if self.stats.failing.clear() {
            *self.stats.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::info!(ship = self.stats.name.as_str(), tries, "the shipper can write again");
        }
    }

    fn rescued(&mut self, events: usize, reason: &Reason) {
        self.stats.rescued.add(events as u64);
        let (ship, reason) = (self.stats.name.as_str(), reason.text.as_str());
        if let Some((told, at, untold)) = &mut self.told
            && told == reason
        {
            *untold += events;
            if at.elapsed() < RESCUE_TOLD_EVERY {
                return;
            }
        }
        let untold = self.told.take().filter(|(told, ..)| told == reason).map_or(0, |(_, _, untold)| untold);
        let events = events.max(untold);
        self.told = Some((reason.to_owned(), Instant::now(), 0));
        tracing::warn!(
            ship,
            events,
            reason,
            "the store refuses events for ever; they are in the rescue, see `loggr rescue list`"
        );
    }
}
