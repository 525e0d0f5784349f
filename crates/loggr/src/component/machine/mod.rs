//! `machine NAME`: a queue → packers → filter → the bus, by route.
//!
//! Packing and filtering are work for the processor and have threads of their own. What comes is dealt to
//! them in turn, and leaves in the order in which it came; where it counts which events were seen before, for
//! packers and for filters that remember, the events of one peer stay with one worker. Invariants: the queue is
//! told of an event when what became of it is durable in the next queue, or the rule that
//! dropped it is counted; an event on which the filter fails goes on as it was, with a tag; a
//! filter whose routes nobody takes is not used.

mod deal;
mod packing;
mod turn;
mod ways;
mod worker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use loggr_bus::rescue::RescueStore;
use loggr_bus::{Bus, ConsumerOptions, Publisher, Topology};
use loggr_event::SealKeys;
use loggr_filter::lang::{Counters, Program};
use loggr_flow::{Stop, pump};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::config::{Config, Machine};
use crate::filters::{FilterFiles, Stamp, stamps};
use crate::process::confine;
use crate::process::meter::Counter;
use crate::process::progress::{Progress, Words};
use crate::seal::Sealing;

use deal::deal;
pub use packing::Packing;
use ways::{NewPump, Ways};
use worker::{Job, Worker};

/// The prefix of a machine's name in the rescue. No shipper has a dot in its name.
pub const RESCUE_PREFIX: &str = "machine.";
/// The word that stands for a wildcard of a binding; it has one letter, so that no routing key
/// becomes too long.
const ANY_WORD: &str = "r";
/// Deliveries that a machine may hold.
const MACHINE_WINDOW: usize = 64;
/// Deliveries that a machine with packers may hold, because packers keep parts of events. A full
/// window flushes them.
const PACKING_WINDOW: usize = 4096;
/// Deliveries that a machine with packers may hold if they are a broker's messages, of up to 500
/// events each.
const PACKING_WINDOW_MESSAGES: usize = 512;
/// Events that are filtered as one batch.
const MAX_BATCH_EVENTS: usize = 4096;
/// Deliveries between reading, filtering and publishing.
const STEPS_AHEAD: usize = 2;
/// Pumps that wait to be started.
const PUMPS_AHEAD: usize = 16;
/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often packers are asked for what is due.
const TICK: Duration = Duration::from_millis(20);

/// What a machine counts since the process started.
#[derive(Debug)]
pub struct MachineStats {
    /// Events that came.
    pub received: Counter,
    /// Events that a rule dropped.
    pub dropped: Counter,
    /// Events on which the filter panicked.
    pub panics: Counter,
    /// What is wrong with the filter's file, if it was changed since and is not in use.
    pub filter_error: Mutex<Option<String>>,
    /// Its name, and what the next queue has taken.
    pub progress: Arc<Progress>,
}

const WORDS: Words = Words {
    kind: "machine",
    stuck: "the next exchange takes nothing; events wait in the machine's queue",
    again: "the next exchange takes events again",
    rescued: "the next exchange refuses these events for good",
};

impl MachineStats {
    fn new(name: &str) -> MachineStats {
        MachineStats {
            received: Counter::default(),
            dropped: Counter::default(),
            panics: Counter::default(),
            filter_error: Mutex::default(),
            progress: Arc::new(Progress::new(name, &WORDS)),
        }
    }
}

/// A machine that runs.
pub struct Running {
    /// Its part of the configuration.
    pub machine: Machine,
    /// Its counters.
    pub stats: MachineStats,
    /// Its packers, in their order.
    pub packers: Vec<Packing>,
    /// What it does with seals.
    pub sealing: Option<Arc<Sealing>>,
    loaded: RwLock<Arc<Loaded>>,
    /// By the program that is in use.
    counters: Mutex<Counters>,
    files: Option<FilterFiles>,
    /// The marks of the files when the filter in use was made; locked while they are read again.
    read: Mutex<Read>,
    shared: Arc<Shared>,
}

/// The marks by which a change of files is noticed.
struct Read {
    /// The filter and its patterns.
    filter: Vec<Stamp>,
    /// What its engines read when they were made.
    engines: Vec<Stamp>,
}

/// A filter in use, and where its events go.
struct Loaded {
    program: Arc<Program>,
    /// First the destination, then the program's routes.
    outlets: Vec<Outlet>,
}

/// Where events leave a machine.
#[derive(Clone)]
struct Outlet {
    exchange: String,
    key: String,
    publisher: Publisher,
}

/// What the machines of a process share.
struct Shared {
    /// With the routes of the filters in use.
    config: Mutex<Config>,
    /// What the bus was opened with.
    topology: Topology,
    bus: Arc<Bus>,
    rescue: RescueStore,
    stop: Stop,
}

impl Shared {
    /// Opens the outlets of a program, if there are queues for all of them.
    fn load(&self, machine: &Machine, program: Program) -> Result<Loaded> {
        let mut config = lock(&self.config);
        let mut with_routes = config.clone();
        for known in with_routes.machines.iter_mut().filter(|m| m.name == machine.name) {
            known.routes = Some(program.routes().to_vec());
        }
        if with_routes != *config {
            let topology = with_routes.topology().with_context(|| {
                format!("cannot use the routes of the filter of the machine `{}`", machine.name)
            })?;
            if topology != self.topology {
                bail!(
                    "the filter now routes to other exchanges or queues than at the start: restart loggr to use it"
                );
            }
        }
        let mut outlets = Vec::with_capacity(1 + program.routes().len());
        let ways = program.routes().iter().map(|route| machine.way(route));
        for (exchange, key) in
            std::iter::once((machine.destination.clone(), machine.routing_key())).chain(ways)
        {
            let publisher = self.bus.publisher_as(&exchange, &key, machine.encoding)?;
            outlets.push(Outlet { exchange, key, publisher });
        }
        *config = with_routes;
        Ok(Loaded { program: Arc::new(program), outlets })
    }
}

impl Running {
    /// The program in use, and what its rules did.
    pub fn in_use(&self) -> (Arc<Program>, Counters) {
        // The same order of locks as in `reload`.
        let in_use = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let counters = lock(&self.counters).clone();
        (in_use.program.clone(), counters)
    }

    /// Its name in the rescue.
    pub fn rescue_name(&self) -> String {
        format!("{RESCUE_PREFIX}{}", self.machine.name)
    }

    /// Publishes to where its events come from, under a routing key that its queue takes. So
    /// does any other queue there that takes this key.
    pub fn input(&self) -> Result<Publisher> {
        let mut exchanges = self.shared.topology.exchanges.iter();
        let taken = exchanges.find_map(|exchange| {
            let queue = exchange.queues.iter().find(|queue| queue.name == self.machine.queue)?;
            Some((exchange, queue))
        });
        let (exchange, queue) =
            taken.with_context(|| format!("the machine `{}` has no queue", self.machine.name))?;
        Ok(self.shared.bus.publisher(&exchange.name, &key_for(&queue.binding))?)
    }

    fn loaded(&self) -> Arc<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what a worker counted, unless it was with rules that are not in use any more.
    fn count(&self, loaded: &Arc<Loaded>, counters: &Counters) {
        // The same order of locks as in `reload`.
        let in_use = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(loaded, &in_use) {
            lock(&self.counters).add(counters);
        }
    }

    /// The marks of all files whose change asks for another try. Of a filter that is wrong it is not known what
    /// it includes.
    fn marks(&self) -> Vec<Stamp> {
        let Some(files) = &self.files else { return Vec::new() };
        let mut marks = files.stamps();
        marks.extend(stamps(self.loaded().program.files()));
        if lock(&self.stats.filter_error).is_some() {
            marks.extend(files.neighbours());
        }
        marks
    }

    /// Reads the filter again if one of its files has changed; a wrong one is not taken, and
    /// said. What its rules count and its engines remember begins anew with another filter
    /// alone.
    pub fn reload(&self) {
        let Some(files) = &self.files else { return };
        let name = self.machine.name.as_str();
        // One after the other, so that what was read last is in use.
        let mut read = lock(&self.read);
        let filter = files.stamps();
        let engines = stamps(self.loaded().program.files());
        let is_well = lock(&self.stats.filter_error).is_none();
        if is_well && filter == read.filter && engines == read.engines {
            self.refresh();
            tracing::info!(machine = name, filter = %files.path().display(), "the filter was not read again because its files are unchanged");
            return;
        }
        match files.compile().and_then(|program| self.shared.load(&self.machine, program)) {
            Ok(loaded) => {
                *read = Read { filter, engines: stamps(loaded.program.files()) };
                // Counters belong to rules: with other rules they begin anew.
                let mut in_use = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                let mut counters = lock(&self.counters);
                *counters = loaded.program.counters();
                *in_use = Arc::new(loaded);
                drop((counters, in_use));
                *lock(&self.stats.filter_error) = None;
                tracing::info!(machine = name, filter = %files.path().display(), "the filter was read again");
            }
            Err(error) => {
                let text = format!("{error:#}");
                let before = lock(&self.stats.filter_error).replace(text.clone());
                if before.as_ref() == Some(&text) {
                    tracing::info!(
                        machine = name,
                        "the filter has the same mistakes as before, so the old one stays in use"
                    );
                } else {
                    tracing::error!(
                        machine = name,
                        hint = confine::advice_on(&text),
                        "the changed filter has mistakes, so the old one stays in use\n{text}"
                    );
                }
            }
        }
    }

    /// Takes the files of engines that have changed.
    fn refresh(&self) {
        let (_, errors) = self.loaded().program.refresh();
        for error in errors {
            tracing::warn!(
                machine = self.machine.name,
                hint = confine::advice_on(&error),
                error,
                "a changed file cannot be used, so its old content stays in use"
            );
        }
    }
}

/// A routing key that the binding takes.
fn key_for(binding: &str) -> String {
    if binding == "#" {
        return ANY_WORD.to_owned();
    }
    let words = binding.split('.').filter(|word| *word != "#");
    words.map(|word| if word == "*" { ANY_WORD } else { word }).collect::<Vec<_>>().join(".")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads and checks the filter of a machine; an empty one where it has none.
pub fn compile(config: &Config, machine: &Machine) -> Result<Program> {
    match files(config, machine) {
        Some(files) => files
            .compile()
            .with_context(|| format!("cannot use the filter of the machine `{}`", machine.name)),
        None => {
            let environment = loggr_filter::engines::Environment::new(&config.directory);
            Ok(Program::compile("no filter", "", &environment)?)
        }
    }
}

fn files(config: &Config, machine: &Machine) -> Option<FilterFiles> {
    machine.filter.as_deref().map(|name| FilterFiles::named(&config.directory, name))
}

/// What starts the machines of the process.
pub struct Machines {
    shared: Arc<Shared>,
    config: Config,
    seal_keys: Arc<SealKeys>,
}

impl Machines {
    /// With the bus that was opened for this configuration.
    pub fn new(
        config: &Config,
        bus: &Arc<Bus>,
        rescue: &RescueStore,
        seal_keys: &Arc<SealKeys>,
        stop: &Stop,
    ) -> Result<Machines> {
        let shared = Shared {
            config: Mutex::new(config.clone()),
            topology: config.topology()?,
            bus: bus.clone(),
            rescue: rescue.clone(),
            stop: stop.clone(),
        };
        Ok(Machines { shared: Arc::new(shared), config: config.clone(), seal_keys: seal_keys.clone() })
    }

    /// Reads the filter and starts.
    pub fn start(&self, machine: &Machine, tasks: &mut JoinSet<()>) -> Result<Arc<Running>> {
        let files = files(&self.config, machine);
        // The marks are taken before the files are read, so that a change in between is seen later.
        let filter = files.as_ref().map(FilterFiles::stamps).unwrap_or_default();
        let program = compile(&self.config, machine)?;
        let read = Mutex::new(Read { filter, engines: stamps(program.files()) });
        let counters = Mutex::new(program.counters());
        let loaded = self.shared.load(machine, program)?;
        let running = Arc::new(Running {
            machine: machine.clone(),
            stats: MachineStats::new(&machine.name),
            packers: machine.packers.iter().map(Packing::new).collect(),
            sealing: Sealing::new(machine.seal, &self.seal_keys, "machine", &machine.name),
            counters,
            loaded: RwLock::new(Arc::new(loaded)),
            files,
            read,
            shared: self.shared.clone(),
        });
        let stop = &self.shared.stop;
        let (pumps, new_pumps) = mpsc::channel(PUMPS_AHEAD);
        tasks.spawn(run_pumps(running.clone(), new_pumps));
        let ways = Arc::new(Ways::new(pumps));
        let mut workers = Vec::with_capacity(machine.threads());
        for _ in 0..machine.threads() {
            let (to_worker, jobs) = mpsc::channel(STEPS_AHEAD);
            let worker = Worker::new(running.clone(), ways.clone());
            std::thread::Builder::new()
                .name(format!("machine {}", machine.name))
                .spawn(move || worker.work(jobs))
                .with_context(|| format!("cannot start a thread of the machine `{}`", machine.name))?;
            workers.push(to_worker);
        }
        let packs = !running.packers.is_empty();
        let window = match (packs, &*self.shared.bus) {
            (false, _) => MACHINE_WINDOW,
            (true, Bus::Embedded(_)) => PACKING_WINDOW,
            (true, Bus::Rabbit(_)) => PACKING_WINDOW_MESSAGES,
        };
        let options = ConsumerOptions {
            window,
            max_batch_events: MAX_BATCH_EVENTS,
            kept: packs,
            ..ConsumerOptions::default()
        };
        let consumer = self.shared.bus.consumer(&machine.queue, options, stop.clone())?;
        if packs {
            tasks.spawn(tick(running.clone(), workers.iter().map(mpsc::Sender::downgrade).collect()));
        }
        let (stop, progress, dealt) = (stop.clone(), running.stats.progress.clone(), running.clone());
        tasks.spawn(async move {
            let by_peer = || packs || dealt.loaded().program.remembers();
            let dealing = deal(consumer, workers, packs, &by_peer, stop.clone());
            progress
                .watch(
                    stop,
                    "reading its queue",
                    "its queue ended unexpectedly and hands out no more events",
                    dealing,
                )
                .await;
        });
        if running.files.is_some() {
            tasks.spawn(look(running.clone(), self.shared.stop.clone()));
        }
        Ok(running)
    }
}

/// Asks the workers to look at what they hold, until they end.
async fn tick(running: Arc<Running>, workers: Vec<mpsc::WeakSender<Job>>) {
    loop {
        tokio::time::sleep(TICK).await;
        let holds = running.packers.iter().any(Packing::holds);
        for worker in &workers {
            let Some(worker) = worker.upgrade() else { return };
            if holds {
                // A worker that is busy looks after its work anyway.
                drop(worker.try_send(Job::Look));
            }
        }
    }
}

/// Runs the pumps that the workers open, until all workers have ended and their pumps too.
async fn run_pumps(running: Arc<Running>, mut new_pumps: mpsc::Receiver<NewPump>) {
    let mut pumps = JoinSet::new();
    loop {
        let new_pump = tokio::select! {
            new_pump = new_pumps.recv() => new_pump,
            Some(ended) = pumps.join_next() => {
                see(&running, ended);
                continue;
            }
        };
        let Some(NewPump { source, publisher }) = new_pump else { break };
        let machine = running.machine.name.clone();
        let rescue = match running.shared.rescue.rescue_for(&running.rescue_name()) {
            Ok(rescue) => rescue,
            Err(error) => {
                tracing::error!(machine, %error, "the rescue cannot be opened; events wait in the machine's queue");
                continue;
            }
        };
        let (stop, observer) = (running.shared.stop.clone(), running.stats.progress.observer());
        pumps.spawn(async move {
            if let Err(error) = pump(source, publisher, rescue, stop, observer).await {
                tracing::error!(machine, %error, "publishing ended");
            }
        });
    }
    while let Some(ended) = pumps.join_next().await {
        see(&running, ended);
    }
}

/// Ends the machine if a pump panicked, because its events would not be published any more.
fn see(running: &Running, ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        running.stats.progress.end(&running.shared.stop, "publishing failed because of a bug of loggr");
    }
}

/// Takes changed files, until everything stops.
async fn look(running: Arc<Running>, mut stop: Stop) {
    // A change is looked at once, also if what it makes is wrong.
    let mut seen = running.marks();
    loop {
        tokio::select! {
            () = stop.drain() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let worker = running.clone();
        let before = seen.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let now = worker.marks();
            if now != before {
                worker.reload();
            }
            worker.refresh();
            worker.marks()
        });
        if let Ok(now) = looked.await {
            seen = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use loggr_bus::binding::Binding;

    use super::*;

    #[test]
    fn what_is_replayed_comes_to_the_queue() {
        for binding in ["#", "*", "", "syslog.tcp", "syslog.*", "#.b", "a.#", "a.#.*.b", "#.#", "*.*"] {
            let key = key_for(binding);
            let takes = Binding::parse(binding).expect("a binding");
            assert!(takes.matches(&key) && key.len() <= binding.len().max(1), "`{binding}`: `{key}`");
        }
    }
}
