//! One worker thread of a machine: packers, filter, and where each event goes then.
//!
//! A worker blocks its thread. A fault in loggr costs a redelivery, never an event: a panic drops
//! everything in hand, which gives it back to the queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use loggr_filter::lang::Fate;
use loggr_flow::{BatchBuilder, Delivery, MAX_ATTEMPTS, Record, Stage};
use tokio::sync::mpsc;

use super::turn::Turn;
use super::ways::{Stopped, Ways};
use super::{Loaded, Packing, Running};
use crate::process::clock::now;
use crate::seal::Seen;

/// Tag of an event on which the filter failed in a way that is our fault.
const PANIC_TAG: &str = "_filterfailure";

/// Bytes of a batch that a filter has made, at most, and one event more: a filter that makes
/// each event larger must not make a batch that nobody takes.
const MAX_FILTERED_BYTES: usize = 8 << 20;

/// What a worker is asked to do.
pub(super) enum Job {
    /// Events, and when what becomes of them may leave; without a turn, at any time.
    Work(Delivery, Option<Turn>),
    /// Something that it holds may be due.
    Look,
    /// The window is full: what it holds has to go.
    Flush,
}

pub(super) struct Worker {
    running: Arc<Running>,
    packers: Vec<Box<dyn Stage>>,
    ways: Arc<Ways>,
}

impl Worker {
    pub fn new(running: Arc<Running>, ways: Arc<Ways>) -> Worker {
        let packers = running.packers.iter().map(Packing::stage).collect();
        Worker { running, packers, ways }
    }

    /// Works until there are no more jobs, or nobody publishes any more.
    pub fn work(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            if !self.survive(|worker| worker.take(job)) {
                self.running.stats.progress.end(
                    &self.running.shared.stop,
                    "a thread of this machine has ended: nothing publishes its events any more",
                );
                return;
            }
        }
        self.survive(Worker::flush);
    }

    /// False when it has to end.
    fn survive(&mut self, step: impl FnOnce(&mut Worker) -> Result<(), Stopped>) -> bool {
        match catch_unwind(AssertUnwindSafe(|| step(self))) {
            Ok(done) => done.is_ok(),
            Err(_) => {
                self.running.stats.panics.add(1);
                let machine = self.running.machine.name.as_str();
                tracing::error!(
                    machine,
                    "a thread of this machine failed because of a bug of loggr; its events are taken from the queue again"
                );
                // The old ones nack what they hold.
                self.packers = self.running.packers.iter().map(Packing::stage).collect();
                true
            }
        }
    }

    fn take(&mut self, job: Job) -> Result<(), Stopped> {
        match job {
            Job::Look => {}
            Job::Flush => return self.flush(),
            Job::Work(delivery, turn) => {
                let turn = turn.as_ref();
                self.running.stats.received.add(delivery.batch().len() as u64);
                // A delivery on which the process crashed again and again, or that the queue could
                // not read, goes to the pump, which puts it into the rescue.
                if delivery.attempts() > MAX_ATTEMPTS || delivery.unfit_reason().is_some() {
                    let loaded = self.running.loaded();
                    return self.send(&loaded, 0, delivery, turn);
                }
                for delivery in self.look_at_seals(delivery) {
                    if delivery.unfit_reason().is_some() {
                        let loaded = self.running.loaded();
                        self.send(&loaded, 0, delivery, turn)?;
                        continue;
                    }
                    match self.packers.first_mut() {
                        Some(first) => feed(first, delivery),
                        None => self.filter(delivery, turn)?,
                    }
                }
            }
        }
        self.advance()
    }

    /// Events without a good seal are marked, or become a delivery of their own, which goes to the rescue.
    fn look_at_seals(&self, delivery: Delivery) -> Vec<Delivery> {
        let Some(sealing) = &self.running.sealing else { return vec![delivery] };
        delivery.begin();
        let looked_at = sealing.look(delivery);
        looked_at.iter().for_each(Delivery::rest);
        looked_at
    }

    /// Passes deliveries that are ready from one packer to the next.
    fn advance(&mut self) -> Result<(), Stopped> {
        let last = self.packers.len();
        for at in 0..last {
            while let Some(delivery) =
                self.packers.get_mut(at).and_then(|packer| packer.ready(Instant::now()))
            {
                match self.packers.get_mut(at + 1) {
                    Some(next) => feed(next, delivery),
                    None => self.filter(delivery, None)?,
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        for at in 0..self.packers.len() {
            if let Some(packer) = self.packers.get_mut(at) {
                packer.flush();
            }
            self.advance()?;
        }
        Ok(())
    }

    /// Runs the filter on each event; what is kept goes its way. What has grown too large for
    /// one batch goes in several.
    fn filter(&self, delivery: Delivery, turn: Option<&Turn>) -> Result<(), Stopped> {
        let loaded = self.running.loaded();
        let signs = self.running.sealing.as_ref().is_some_and(|sealing| sealing.signs());
        if loaded.program.is_empty() && !signs {
            return self.send(&loaded, 0, delivery, turn);
        }
        delivery.begin();
        let mut rest = Some(delivery);
        while let Some(delivery) = rest.take() {
            let sieve = self.sieve(&loaded, &delivery);
            let delivery = match delivery.split(sieve.keep.len()) {
                Ok((seen, later)) => {
                    rest = Some(later);
                    seen
                }
                Err(whole) => whole,
            };
            self.give_on(&loaded, delivery, sieve, turn)?;
        }
        Ok(())
    }

    /// What becomes of the first events of a delivery: of all, unless they grow too large.
    fn sieve(&self, loaded: &Arc<Loaded>, delivery: &Delivery) -> Sieve {
        let program = &loaded.program;
        let at = now();
        let stats = &self.running.stats;
        let mut counters = program.counters();
        counters.pass.redelivered = delivery.attempts() > 1;
        let mut sieve = Sieve::default();
        for record in delivery.batch().records() {
            if sieve.kept.byte_len() >= MAX_FILTERED_BYTES {
                break;
            }
            let filtered = catch_unwind(AssertUnwindSafe(|| {
                let mut event = record.event();
                let seen = Seen::of(&event);
                let (fate, mut changed) = match program.is_empty() {
                    true => (Fate::Keep, false),
                    false => program.run_marked(&mut event, at, &mut counters),
                };
                let way = match fate {
                    Fate::Keep => 0,
                    Fate::Route(number) => number + 1,
                    Fate::Drop(_) => return sieve.drop(),
                };
                if let Some(sealing) = &self.running.sealing {
                    changed |= sealing.finish(&seen, &mut event);
                }
                match changed {
                    true => sieve.keep(way, |kept| kept.push_changed(&record, &event)),
                    false => sieve.keep(way, |kept| kept.push_record(&record)),
                }
                sieve.changed |= changed;
            }));
            if filtered.is_err() {
                stats.panics.add(1);
                sieve.failed(&record);
            }
        }
        self.running.count(loaded, &counters);
        sieve
    }

    fn give_on(
        &self,
        loaded: &Arc<Loaded>,
        delivery: Delivery,
        sieve: Sieve,
        turn: Option<&Turn>,
    ) -> Result<(), Stopped> {
        let Sieve { mut kept, ways, changed, keep } = sieve;
        let dropped = keep.len() - ways.len();
        self.running.stats.dropped.add(dropped as u64);
        let sifted = match changed || dropped > 0 {
            true => delivery.sift(&keep, kept.finish()),
            false => Some(delivery),
        };
        let Some(sifted) = sifted else { return Ok(()) };
        match ways.first() {
            Some(first) if ways.iter().all(|way| way == first) => self.send(loaded, *first, sifted, turn),
            _ => {
                let mut ways = ways.into_iter();
                for (way, share) in sifted.partition(|_| ways.next().unwrap_or(0)) {
                    self.send(loaded, way, share, turn)?;
                }
                Ok(())
            }
        }
    }

    /// Hands a delivery to the pump of its way, when its turn has come.
    fn send(
        &self,
        loaded: &Arc<Loaded>,
        way: usize,
        delivery: Delivery,
        turn: Option<&Turn>,
    ) -> Result<(), Stopped> {
        if let Some(turn) = turn {
            turn.wait();
        }
        self.ways.send(loaded, way, delivery)
    }
}

/// A packer looks at each event, which may bring the process down as a filter may: an attempt.
/// What it only holds afterwards is none.
fn feed(packer: &mut Box<dyn Stage>, delivery: Delivery) {
    let trial = delivery.trial();
    delivery.begin();
    packer.feed(delivery, Instant::now());
    if let Some(trial) = trial {
        trial.rest();
    }
}

/// What becomes of the events of one delivery.
#[derive(Default)]
struct Sieve {
    /// Those that are kept, as they are now.
    kept: BatchBuilder,
    /// Where each of those goes.
    ways: Vec<usize>,
    /// One of them is another than it was.
    changed: bool,
    /// For each event, whether it is kept.
    keep: Vec<bool>,
}

impl Sieve {
    fn keep(&mut self, way: usize, push: impl FnOnce(&mut BatchBuilder)) {
        push(&mut self.kept);
        self.ways.push(way);
        self.keep.push(true);
    }

    fn drop(&mut self) {
        self.keep.push(false);
    }

    /// The filter panicked: the event goes on as it was, with a tag.
    fn failed(&mut self, record: &Record<'_>) {
        let mut event = record.event();
        event.add_tag(PANIC_TAG);
        self.keep(0, |kept| kept.push_changed(record, &event));
        self.changed = true;
    }
}
