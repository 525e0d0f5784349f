//! The embedded bus: an append-only log per exchange on local disk.
//!
//! One stored copy of each batch for all queues of its exchange. One writer thread
//! and one janitor thread per exchange; see `docs/format/bus.md` for the files.

mod consumer;
#[allow(clippy::indexing_slicing, reason = "a slot is looked at for its fixed bytes first")]
mod cursor;
mod entries;
mod fault;
mod frame;
mod inspect;
mod janitor;
mod known;
mod lock;
mod log;
mod options;
mod position;
mod publisher;
mod queue;
mod read_error;
mod reading;
mod recovery;
mod report;
mod scan;
mod segment;
mod shared;
mod span;
mod stats;
mod trouble;
mod unreadable;
mod writer;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use loggr_disk::Lock;
use loggr_event::counted;
use loggr_flow::{Batch, Stop};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::binding::check_routing_key;
use crate::error::OpenError;
use crate::topology::{ConsumerOptions, Topology};

use janitor::Janitor;
use lock::lock;
use recovery::{Recovered, recover};
use shared::{Job, Shared, Spare};
use trouble::Trouble;
use writer::Order;

pub use consumer::Consumer;
pub use entries::Dropped;
pub use fault::{Faults, Op};
pub use inspect::{ExchangeView, inspect};
pub use options::BusOptions;
pub use publisher::Publisher;
pub use report::ExchangeReport;
pub use span::Damage;
pub use stats::{ExchangeStats, QueueStats};

/// The embedded bus. Dropping it closes it.
#[derive(Debug)]
pub struct Bus {
    exchanges: Vec<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    threads: Option<(JoinHandle<()>, JoinHandle<()>)>,
}

/// What was found when the bus was opened.
#[derive(Clone, Debug, Default)]
pub struct OpenReport {
    /// A report for each exchange of the configuration.
    pub exchanges: Vec<ExchangeReport>,
    /// Exchanges on disk that the configuration does not name, and the events that
    /// wait in them. They are left alone and hold space.
    pub unconfigured_exchanges: Vec<(String, u64)>,
}

impl OpenReport {
    /// True if events were lost, so that the operator must be told.
    pub fn is_damaged(&self) -> bool {
        self.exchanges.iter().any(|e| !e.damage.is_empty() || e.missing_events > 0)
    }
}

impl fmt::Display for OpenReport {
    /// One line per finding; nothing if all is well.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for exchange in &self.exchanges {
            let name = &exchange.name;
            for damage in &exchange.damage {
                writeln!(f, "exchange `{name}`: {damage}")?;
            }
            if exchange.missing_events > 0 {
                let missing = counted(exchange.missing_events, "event");
                writeln!(f, "exchange `{name}`: missing with the files that held them: {missing}")?;
            }
            if exchange.torn_bytes > 0 {
                let torn = counted(exchange.torn_bytes, "byte");
                writeln!(f, "exchange `{name}`: half written and never acknowledged: {torn}")?;
            }
            for what in &exchange.unreadable {
                writeln!(f, "exchange `{name}`: cannot read {what}")?;
            }
            for note in &exchange.notes {
                writeln!(f, "exchange `{name}`: {note}")?;
            }
            if !exchange.created {
                for queue in &exchange.new_queues {
                    writeln!(
                        f,
                        "exchange `{name}`: queue `{queue}` is new and gets the events that are published \
                         from now on"
                    )?;
                }
            }
            for (queue, waiting) in &exchange.unconfigured_queues {
                writeln!(
                    f,
                    "exchange `{name}`: queue `{queue}` is not configured and holds {}; it gets no new ones",
                    counted(waiting, "event")
                )?;
            }
        }
        for (name, waiting) in &self.unconfigured_exchanges {
            let waiting = counted(waiting, "event");
            writeln!(f, "exchange `{name}` is not configured and holds {waiting}")?;
        }
        Ok(())
    }
}

impl Bus {
    /// Opens or makes the bus in `dir`. Reads everything that waits, once: call it
    /// where blocking is allowed.
    ///
    /// # Errors
    /// [`OpenError`]: a wrong configuration, another process, or the disk.
    pub fn open(
        dir: &Path,
        topology: &Topology,
        options: &BusOptions,
    ) -> Result<(Bus, OpenReport), OpenError> {
        topology.check()?;
        options.check()?;
        loggr_disk::make_directory(dir).map_err(|e| OpenError::io("cannot make the directory", dir, e))?;
        let lock = Arc::new(lock(dir)?);
        let mut report = OpenReport::default();
        let mut bus = Bus { exchanges: Vec::new() };
        for spec in &topology.exchanges {
            let path = dir.join(&spec.name);
            let open = |e| OpenError::io("cannot open the exchange in", &path, e);
            let recovered = recover(&path, &spec.name, Some(spec), &options.faults).map_err(open)?;
            report.exchanges.push(recovered.report.clone());
            let exchange =
                Exchange::start(&spec.name, path.clone(), recovered, options, lock.clone()).map_err(open)?;
            bus.exchanges.push(exchange);
        }
        report.unconfigured_exchanges = unconfigured(dir, topology);
        Ok((bus, report))
    }

    /// A publisher to `exchange` under `routing_key`.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such exchange or the key is too long.
    pub fn publisher(&self, exchange: &str, routing_key: &str) -> Result<Publisher, OpenError> {
        check_routing_key(routing_key).map_err(|e| OpenError::key("bad routing key", e))?;
        let found = self.exchange(exchange)?;
        Ok(Publisher::new(found.shared.clone(), found.orders.clone(), routing_key))
    }

    /// A consumer of `queue`, which must be configured. Several may share it. Here and below, a queue that is
    /// not configured any more may be named `EXCHANGE/QUEUE`.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such queue.
    pub fn consumer(&self, queue: &str, options: ConsumerOptions, stop: Stop) -> Result<Consumer, OpenError> {
        let (shared, queue) = self.queue(queue)?;
        Ok(Consumer::new(shared.clone(), queue, options, stop))
    }

    /// Events of the queue's head without taking them: at most `max_events`, more only
    /// if the first batch has more. `None` if nothing waits.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such queue, `Io` if it cannot be read.
    pub fn peek(&self, queue: &str, max_events: usize) -> Result<Option<Batch>, OpenError> {
        let (shared, queue) = self.queue(queue)?;
        let io =
            |e: read_error::ReadError| OpenError::io("cannot read", &queue.path, io::Error::other(e.chain()));
        inspect::peek(&shared.log, &queue, max_events).map_err(io)
    }

    /// Drops everything that waits in the queue, also for the next process; events in flight are
    /// dropped if they are given back. Counted as dropped.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such queue, `Io` if the cursor cannot be written.
    pub fn purge(&self, queue: &str) -> Result<Dropped, OpenError> {
        let (shared, queue) = self.queue(queue)?;
        let dropped = shared.purge(&queue);
        queue.flush().map_err(|e| OpenError::io("cannot write", &queue.path, e))?;
        shared.ask_collect();
        Ok(dropped)
    }

    /// Deletes a queue that the configuration does not name any more; gives the number
    /// of events that waited in it.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such queue or it is configured, `Io` if its
    /// cursor cannot be removed.
    pub fn delete_queue(&self, queue: &str) -> Result<u64, OpenError> {
        let (shared, queue) = self.queue(queue)?;
        if queue.configured {
            let name = &queue.name;
            return Err(OpenError::config(format!(
                "queue `{name}` is in the configuration: remove it there first"
            )));
        }
        std::fs::remove_file(&queue.path).map_err(|e| OpenError::io("cannot remove", &queue.path, e))?;
        loggr_disk::sync_directory(&shared.dir).map_err(|e| OpenError::io("cannot flush", &shared.dir, e))?;
        let waiting = {
            let _log = shared.log();
            stats::queue(&queue).waiting_events
        };
        let names = {
            let mut log = shared.log();
            log.queues.retain(|q| q.name != queue.name);
            log.queues.iter().map(|q| q.name.clone()).collect()
        };
        known::write(&shared.dir, &names).map_err(|e| OpenError::io("cannot write", &shared.dir, e))?;
        shared.ask_collect();
        Ok(waiting)
    }

    /// How every exchange and queue stands.
    pub fn stats(&self) -> Vec<ExchangeStats> {
        self.exchanges.iter().map(|e| stats::exchange(&e.shared)).collect()
    }

    /// Waits until the janitors have done their jobs.
    #[doc(hidden)]
    pub fn quiesce(&self) {
        for exchange in &self.exchanges {
            // One collection may request another.
            for _ in 0..2 {
                let (answer, done) = std_mpsc::sync_channel(1);
                exchange.shared.ask(Job::Ping(answer));
                done.recv().unwrap_or_default();
            }
        }
    }

    /// Writes and flushes the cursors of all queues.
    pub fn flush(&self) {
        self.exchanges.iter().for_each(Exchange::flush);
    }

    /// Stops the writers once everything published before is stored, flushes every cursor, and
    /// unlocks the directory. Blocks for a flush or two.
    pub fn close(self) {
        drop(self);
    }

    fn exchange(&self, name: &str) -> Result<&Exchange, OpenError> {
        let found = self.exchanges.iter().find(|e| e.shared.name == name);
        found.ok_or_else(|| OpenError::config(format!("there is no exchange `{name}`")))
    }

    fn queue(&self, name: &str) -> Result<(&Arc<Shared>, Arc<queue::Queue>), OpenError> {
        let all = || self.exchanges.iter().filter_map(|e| Some((&e.shared, e.shared.queue(name)?)));
        // One that was bound to another exchange before may still be there, under its old exchange.
        let named = || {
            let (exchange, queue) = name.split_once('/')?;
            let exchange = self.exchanges.iter().find(|e| e.shared.name == exchange)?;
            Some((&exchange.shared, exchange.shared.queue(queue)?))
        };
        let found = all().find(|(_, queue)| queue.configured).or_else(|| all().next()).or_else(named);
        found.ok_or_else(|| OpenError::config(format!("there is no queue `{name}`")))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        for exchange in &mut self.exchanges {
            exchange.stop();
        }
    }
}

impl Exchange {
    fn start(
        name: &str,
        dir: PathBuf,
        recovered: Recovered,
        options: &BusOptions,
        lock: Arc<Lock>,
    ) -> io::Result<Exchange> {
        let Recovered { log, spare, free, next_id, report: _ } = recovered;
        let spare = spare.filter(|s| s.capacity == options.segment_size);
        let (jobs, todo) = std_mpsc::channel();
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            dir,
            options: options.clone(),
            log: Mutex::new(log),
            spare: Mutex::new(Spare { ready: spare, ..Spare::default() }),
            spare_changed: Condvar::new(),
            jobs,
            collect_asked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            writing: Trouble::default(),
            lock,
        });
        shared.ask_collect();
        // The first publish finds its segment ready, or nearly so.
        let serial = 1;
        shared.spare().asked = serial;
        shared.ask(Job::Prepare { capacity: options.segment_size, serial });
        let (orders, inbox) = mpsc::channel(writer::MAX_WAITING_PUBLISHES);
        let janitor = Janitor { next_id, free };
        let weak = Arc::downgrade(&shared);
        let thread = |what: &str| std::thread::Builder::new().name(format!("{what} {name}"));
        let janitor = thread("janitor").spawn(move || janitor.run(&weak, &todo))?;
        let writer = {
            let shared = shared.clone();
            thread("writer").spawn(move || writer::run(&shared, inbox))?
        };
        Ok(Exchange { shared, orders, threads: Some((writer, janitor)) })
    }

    fn stop(&mut self) {
        let Some((writer, janitor)) = self.threads.take() else { return };
        // The order comes after everything that was published before.
        let mut order = Order::Close;
        while let Err(TrySendError::Full(back)) = self.orders.try_send(order) {
            order = back;
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if writer.join().is_err() {
            tracing::error!(exchange = %self.shared.name, "the writer panicked; what it had not acknowledged is lost");
        }
        self.shared.ask(Job::Quit);
        if janitor.join().is_err() {
            tracing::error!(exchange = %self.shared.name, "the janitor panicked");
        }
        self.flush();
        self.shared.closed.store(true, Ordering::SeqCst);
        let queues = self.shared.log().queues.clone();
        for queue in &queues {
            queue.changed.notify_waiters();
        }
        self.shared.lock.release();
    }

    fn flush(&self) {
        let queues = self.shared.log().queues.clone();
        for queue in &queues {
            // The queue has said so.
            drop(queue.flush());
        }
    }
}

/// Directories that look like an exchange and are not configured.
fn unconfigured(dir: &Path, topology: &Topology) -> Vec<(String, u64)> {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let others = names.filter(|name| topology.exchanges.iter().all(|e| e.name != *name));
    let mut found: Vec<_> =
        others.filter_map(|name| Some((name.clone(), waiting(&dir.join(name))?))).collect();
    found.sort();
    found
}

fn waiting(dir: &Path) -> Option<u64> {
    let view = inspect::exchange(dir)?.ok()?;
    Some(view.queues.iter().map(|q| q.waiting_events).max().unwrap_or(0))
}
