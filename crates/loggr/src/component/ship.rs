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
use loggr_store::postgres::{Database, Dropped};
use loggr_store::{ErrorKind, Store, StoreOptions};
use tokio::task::JoinSet;

use crate::config::{Compression, FilesShip, SearchShip, Ship, ShipKind};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::news::is_same;
use crate::sink::Destination;
use crate::sink::files::{Compress, FilesOptions, FilesSink};
use crate::sink::postgres::PostgresSink;
use crate::sink::search::SearchSink;
use crate::source::{Counter, Flag};

/// Deliveries that a shipper may hold: enough for a batcher to fill a commit.
const SHIP_WINDOW: usize = 256;
/// Bytes of one commit to PostgreSQL, at most: it is held in memory until it is stored.
const MAX_POSTGRES_BYTES: usize = 32 << 20;
/// How often a store is tidied: retention and, while nothing comes in, compaction.
const UPKEEP: Duration = Duration::from_secs(60);

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
                let store = open_search(search)
                    .with_context(|| format!("cannot open the store of `{}`", ship.name))?;
                let store = Arc::new(Mutex::new(store));
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
                tasks.spawn(upkeep(store.clone(), ship.name.clone(), self.stop.clone()));
                let destination = Destination::Search(SearchSink::new(store));
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
                let upkeep = postgres_upkeep(sink, postgres.retention, ship.name.clone(), self.stop.clone());
                tasks.spawn(upkeep);
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

fn open_search(search: &SearchShip) -> Result<Store> {
    let options = StoreOptions { retention: search.retention, ..StoreOptions::default() };
    Ok(Store::open(&search.directory, options)?)
}

/// What cannot work without somebody changing something ends the start; a server that is away
/// does not: events wait in the queue.
async fn open_postgres(name: &str, database: Database) -> Result<PostgresSink> {
    let context = || format!("cannot start the shipper `{name}`");
    let sink = PostgresSink::new(database, crate::source::now);
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

/// Ends when draining begins, also in the middle of what a server does not answer.
async fn postgres_upkeep(sink: PostgresSink, retention: Option<Duration>, name: String, mut stop: Stop) {
    tokio::select! {
        () = stop.drain() => {}
        () = keep_partitions(sink, retention, name) => {}
    }
}

/// Partitions ahead, and retention; for ever.
async fn keep_partitions(sink: PostgresSink, retention: Option<Duration>, name: String) {
    let mut failing = false;
    loop {
        tokio::time::sleep(UPKEEP).await;
        let kept = async {
            sink.prepare(&name).await?;
            match retention {
                Some(retention) => sink.database().prune(crate::source::now().unix_micros(), retention).await,
                None => Ok(Dropped::default()),
            }
        };
        match kept.await {
            Ok(dropped) => {
                failing = false;
                if !dropped.days.is_empty() {
                    tracing::info!(
                        ship = name,
                        days = dropped.days.len(),
                        "dropped days past their retention"
                    );
                }
                if !dropped.busy.is_empty() {
                    tracing::debug!(
                        ship = name,
                        days = dropped.busy.len(),
                        "days past their retention are in use"
                    );
                }
            }
            // Said once; the pump says it too when events wait.
            Err(error) if !std::mem::replace(&mut failing, true) => {
                tracing::error!(ship = name, %error, "cannot keep the partitions");
            }
            Err(_) => {}
        }
    }
}

/// Retention, and a word about merges in the background that fail.
async fn upkeep(store: Arc<Mutex<Store>>, name: String, mut stop: Stop) {
    loop {
        tokio::select! {
            () = stop.drain() => return,
            () = tokio::time::sleep(UPKEEP) => {}
        }
        let store = store.clone();
        let kept = tokio::task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            (store.prune(crate::source::now().unix_micros()), store.compaction_error())
        });
        let pruned = kept.await.map(|(pruned, unmerged)| {
            if let Some(error) = unmerged {
                tracing::error!(
                    ship = name,
                    %error,
                    "cannot merge the files of the store: events are safe, searching becomes slower"
                );
            }
            pruned
        });
        match pruned {
            Ok(Ok(dropped)) if dropped.is_empty() => {}
            Ok(Ok(dropped)) => {
                tracing::info!(ship = name, days = dropped.len(), "dropped days past their retention")
            }
            Ok(Err(error)) => tracing::error!(ship = name, %error, "cannot drop days past their retention"),
            Err(error) => tracing::error!(ship = name, %error, "the upkeep of a store failed"),
        }
    }
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
