//! `machine NAME`: a queue → filter → the bus.
//!
//! Filtering is work for the processor and has threads of its own. The events of one peer
//! stay with one worker, so that their order is kept. Invariant: the queue is told of an
//! event when what became of it is durable in the next queue, or the rule that dropped it
//! is counted; an event on which the filter fails goes on as it was, with a tag.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use loggr_bus::rescue::RescueStore;
use loggr_bus::{Bus, ConsumerOptions};
use loggr_filter::engines::Environment;
use loggr_filter::lang::{Counters, Fate, Program};
use loggr_flow::{
    BatchBuilder, Delivery, PumpObserver, Reason, Record, Source, Stop, StoreError, channel_source, pump,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::{Config, Machine};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::net::resolver::NameServers;
use crate::source::{Counter, Flag, now};

/// Deliveries that a machine may hold.
const MACHINE_WINDOW: usize = 64;
/// Events that are filtered as one batch.
const MAX_BATCH_EVENTS: usize = 4096;
/// Deliveries between reading, filtering and publishing.
const STEPS_AHEAD: usize = 2;
/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Largest filter or pattern file in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Tag of an event on which the filter failed in a way that is our fault.
const PANIC_TAG: &str = "_filterfailure";

/// What a machine counts since the process started.
#[derive(Debug, Default)]
pub struct MachineStats {
    /// Events that came.
    pub received: Counter,
    /// Events that the next queue holds.
    pub stored: Counter,
    /// Events that a rule dropped.
    pub dropped: Counter,
    /// Events on which the filter panicked.
    pub panics: Counter,
    /// Tries to publish that failed.
    pub failures: Counter,
    /// The next exchange takes nothing at the moment.
    pub failing: Flag,
    /// What is wrong with the filter's file, if it was changed since and is not in use.
    pub filter_error: Mutex<Option<String>>,
}

/// A machine that runs.
#[derive(Debug)]
pub struct Running {
    /// Its part of the configuration.
    pub machine: Machine,
    /// Its counters.
    pub stats: MachineStats,
    filter: RwLock<Arc<Program>>,
    /// By the program that is in use.
    counters: Mutex<Counters>,
    files: Files,
}

/// Where a filter comes from.
#[derive(Clone, Debug)]
struct Files {
    filter: PathBuf,
    directory: PathBuf,
}

impl Running {
    /// The program in use.
    pub fn program(&self) -> Arc<Program> {
        self.filter.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What its rules did.
    pub fn counters(&self) -> Counters {
        lock(&self.counters).clone()
    }

    /// Reads the filter again; a wrong one is not taken, and said.
    pub fn reload(&self) {
        let name = self.machine.name.as_str();
        match compile_files(&self.files) {
            Ok(program) => {
                // Counters belong to rules: with other rules they begin anew.
                let mut program_in_use = self.filter.write().unwrap_or_else(PoisonError::into_inner);
                let mut counters = lock(&self.counters);
                *counters = program.counters();
                *program_in_use = Arc::new(program);
                drop((counters, program_in_use));
                *lock(&self.stats.filter_error) = None;
                tracing::info!(machine = name, filter = %self.files.filter.display(), "the filter was read again");
            }
            Err(error) => {
                let text = format!("{error:#}");
                tracing::error!(
                    machine = name,
                    "the changed filter is wrong, the old one stays in use\n{text}"
                );
                *lock(&self.stats.filter_error) = Some(text);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads and checks the filter of a machine.
pub fn compile(config: &Config, machine: &Machine) -> Result<Program> {
    compile_files(&files(config, machine))
        .with_context(|| format!("cannot use the filter of the machine `{}`", machine.name))
}

fn files(config: &Config, machine: &Machine) -> Files {
    let name = machine.filter.as_deref().unwrap_or_default();
    Files {
        filter: config.directory.join("filters").join(format!("{name}.filter")),
        directory: config.directory.clone(),
    }
}

fn compile_files(files: &Files) -> Result<Program> {
    let text = read(&files.filter)
        .with_context(|| format!("cannot read the filter `{}`", files.filter.display()))
        .hint("filters lie in `filters/NAME.filter` beside the configuration file")
        .usage()?;
    let environment = environment(&files.directory)?;
    Program::compile(&files.filter.display().to_string(), &text, &environment)
        .map_err(|e| anyhow!("{e}"))
        .usage()
}

/// Files below `directory`, with the patterns of `patterns/*.grok`.
pub fn environment(directory: &Path) -> Result<Environment> {
    let mut environment = Environment::new(directory);
    environment.resolvers = Some(Arc::new(NameServers::default()));
    for path in pattern_files(directory) {
        let context = || format!("cannot use the patterns of `{}`", path.display());
        let text = read(&path).with_context(context).usage()?;
        environment.add_patterns(&text).with_context(context).usage()?;
    }
    Ok(environment)
}

/// In order of name: later ones define anew.
fn pattern_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join("patterns")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "grok")).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > MAX_FILE_BYTES {
        return Err(anyhow!("it has {length} bytes, more than {MAX_FILE_BYTES}"));
    }
    Ok(std::fs::read_to_string(path)?)
}

/// What all machines of the process share.
pub struct Machines<'p> {
    /// The configuration.
    pub config: &'p Config,
    /// Where events come from and go to.
    pub bus: &'p Bus,
    /// Where events go that the next exchange will never take.
    pub rescue: &'p RescueStore,
    /// When to stop.
    pub stop: &'p Stop,
}

impl Machines<'_> {
    /// Reads the filter and starts.
    pub fn start(&self, machine: &Machine, tasks: &mut JoinSet<()>) -> Result<Arc<Running>> {
        let program = compile(self.config, machine)?;
        let running = Arc::new(Running {
            machine: machine.clone(),
            stats: MachineStats::default(),
            counters: Mutex::new(program.counters()),
            filter: RwLock::new(Arc::new(program)),
            files: files(self.config, machine),
        });
        let mut workers = Vec::with_capacity(machine.workers);
        for number in 0..machine.workers.max(1) {
            let (to_worker, jobs) = mpsc::channel(STEPS_AHEAD);
            let (filtered, source) = channel_source(STEPS_AHEAD);
            let worker = running.clone();
            std::thread::Builder::new()
                .name(format!("machine {}", machine.name))
                .spawn(move || work(&worker, jobs, &filtered))
                .with_context(|| format!("cannot start a thread of the machine `{}`", machine.name))?;
            let publisher = self.bus.publisher(&machine.destination, &machine.routing_key())?;
            let rescue = self.rescue.rescue_for(&machine.name)?;
            let (stop, watch) = (self.stop.clone(), Watch { running: running.clone() });
            let name = format!("{} {number}", machine.name);
            tasks.spawn(async move {
                if let Err(error) = pump(source, publisher, rescue, stop, watch).await {
                    tracing::error!(machine = name, %error, "publishing ended");
                }
            });
            workers.push(to_worker);
        }
        let options = ConsumerOptions {
            window: MACHINE_WINDOW,
            max_batch_events: MAX_BATCH_EVENTS,
            ..ConsumerOptions::default()
        };
        let consumer = self.bus.consumer(&machine.queue, options, self.stop.clone())?;
        let (stop, name) = (self.stop.clone(), machine.name.clone());
        tasks.spawn(async move {
            if let Err(error) = deal(consumer, workers, stop).await {
                tracing::error!(machine = name, %error, "the queue cannot be read; its events stay in it");
            }
        });
        tasks.spawn(look(running.clone(), self.stop.clone()));
        Ok(running)
    }
}

/// Gives each worker the events of its peers, until the queue ends or everything stops.
async fn deal(mut source: impl Source, workers: Vec<mpsc::Sender<Delivery>>, mut stop: Stop) -> Result<()> {
    let dealing = async {
        while let Some(delivery) = source.next().await? {
            let shares = match workers.len() {
                1 => vec![(0, delivery)],
                n => delivery.partition(|record| share(record, n)),
            };
            for (worker, share) in shares {
                if let Some(worker) = workers.get(worker)
                    && worker.send(share).await.is_err()
                {
                    return Err(anyhow!("a worker has ended"));
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        biased;
        end = dealing => end,
        () = stop.abort() => Ok(()),
    }
}

fn share(record: &Record<'_>, workers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    record.origin.peer_host().hash(&mut hasher);
    (hasher.finish() % workers as u64) as usize
}

/// One worker thread.
fn work(running: &Running, mut jobs: mpsc::Receiver<Delivery>, filtered: &mpsc::Sender<Delivery>) {
    while let Some(delivery) = jobs.blocking_recv() {
        let program = running.program();
        let mut counters = program.counters();
        let delivery = filter(&program, delivery, &mut counters, &running.stats);
        {
            // The same order of locks as in `reload`.
            let in_use = running.filter.read().unwrap_or_else(PoisonError::into_inner);
            // Not those of rules that are not in use any more.
            if Arc::ptr_eq(&program, &in_use) {
                lock(&running.counters).add(&counters);
            }
        }
        if let Some(delivery) = delivery
            && filtered.blocking_send(delivery).is_err()
        {
            return;
        }
    }
}

/// The delivery with its events filtered; `None` where all were dropped, which is settled.
fn filter(
    program: &Program,
    delivery: Delivery,
    counters: &mut Counters,
    stats: &MachineStats,
) -> Option<Delivery> {
    let at = now();
    counters.pass.redelivered = delivery.attempts() > 1;
    let mut kept = BatchBuilder::with_capacity(delivery.batch().byte_len() * 3 / 2);
    let mut keep = Vec::with_capacity(delivery.batch().len());
    for record in delivery.batch().records() {
        let filtered = catch_unwind(AssertUnwindSafe(|| {
            let mut event = record.event();
            let fate = program.run(&mut event, at, counters);
            let keep = !matches!(fate, Fate::Drop(_));
            if keep {
                kept.push_event(&event);
            }
            keep
        }));
        keep.push(filtered.unwrap_or_else(|_| {
            stats.panics.add(1);
            let mut event = record.event();
            event.add_tag(PANIC_TAG);
            kept.push_event(&event);
            true
        }));
    }
    stats.received.add(keep.len() as u64);
    let dropped = keep.iter().filter(|k| !**k).count();
    stats.dropped.add(dropped as u64);
    let delivery = if dropped > 0 {
        let mut keep = keep.into_iter();
        delivery.retain(|_| keep.next().unwrap_or(true))?
    } else {
        delivery
    };
    delivery.pack(|_| kept.finish())
}

/// Takes changed files, until everything stops.
async fn look(running: Arc<Running>, mut stop: Stop) {
    let mut seen = stamps(&running.files);
    loop {
        tokio::select! {
            () = stop.drain() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let worker = running.clone();
        let before = seen.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let now = stamps(&worker.files);
            if now != before {
                worker.reload();
            }
            let (_, errors) = worker.program().refresh();
            for error in errors {
                tracing::warn!(
                    machine = worker.machine.name,
                    error,
                    "a changed file cannot be used, the old one stays in use"
                );
            }
            now
        });
        if let Ok(now) = looked.await {
            seen = now;
        }
    }
}

type Stamp = (PathBuf, Option<(SystemTime, u64)>);

/// Time of change and length of the files that make a filter.
fn stamps(files: &Files) -> Vec<Stamp> {
    let stamp = |path: PathBuf| {
        let meta = std::fs::metadata(&path).ok();
        let stamp = meta.and_then(|m| Some((m.modified().ok()?, m.len())));
        (path, stamp)
    };
    std::iter::once(files.filter.clone()).chain(pattern_files(&files.directory)).map(stamp).collect()
}

/// Counts, and logs once when the next exchange stops taking and once when it takes again.
struct Watch {
    running: Arc<Running>,
}

impl PumpObserver for Watch {
    fn stored(&mut self, events: usize) {
        self.running.stats.stored.add(events as u64);
    }

    fn retrying(&mut self, error: &StoreError, tries: u32) {
        self.running.stats.failures.add(1);
        if self.running.stats.failing.raise() {
            let machine = self.running.machine.name.as_str();
            tracing::error!(machine, tries, %error, "the next exchange takes nothing; events wait in the machine's queue");
        }
    }

    fn recovered(&mut self, tries: u32) {
        if self.running.stats.failing.clear() {
            tracing::info!(
                machine = self.running.machine.name.as_str(),
                tries,
                "the next exchange takes events again"
            );
        }
    }

    fn rescued(&mut self, events: usize, reason: &Reason) {
        let (machine, reason) = (self.running.machine.name.as_str(), reason.text.as_str());
        tracing::warn!(
            machine,
            events,
            reason,
            "the next exchange refuses events for ever; they are in the rescue"
        );
    }
}
