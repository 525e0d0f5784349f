//! The targets of a shipper: which of them gets a batch, and its connection.
//!
//! A batch goes to one target; what that does not answer goes to the next. A target that has failed is left
//! alone for a while, as long as another one works, and is then tried on the side, so that nothing waits for
//! it: when the next batch comes, or by itself while none does. When none works all are tried, and the caller
//! waits.
//!
//! Invariant: a connection is put back only after everything that was sent on it has its verdict. So a
//! caller who gives up takes it along, and no answer is ever taken for that to another line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use loggr_flow::Stop;
use loggr_net::Address;
use tokio::sync::Semaphore;

use super::connect::connect;
use super::pace::Pace;
use super::stats::{ForwardStats, TargetStats};
use super::trouble::Trouble;
use super::work::Work;
use super::{datagram, relp, stream};
use crate::config::ship::{Balance, Carrier, SyslogShip};
use crate::news::is_same;
use crate::sink::tls::Tls;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often it is looked whether a target that has failed is to be tried again.
const LOOK: Duration = Duration::from_secs(1);

/// A connection to a target, with what is spoken on it.
enum Link {
    Relp(Box<relp::Session>),
    Stream(stream::Session),
    Datagram(datagram::Session),
}

impl Link {
    async fn send(&mut self, work: &mut Work, all: &Targets, target: &TargetStats) -> Result<(), Trouble> {
        match self {
            Link::Relp(session) => session.send(work, target, &all.pace).await,
            Link::Stream(session) => session.send(work, &all.pace).await,
            Link::Datagram(session) => session.send(work, &all.pace).await.map(|cut| all.stats.cut.add(cut)),
        }
    }

    async fn close(self) {
        match self {
            Link::Relp(session) => session.close().await,
            Link::Stream(session) => session.close().await,
            Link::Datagram(_) => {}
        }
    }
}

/// One target.
struct Target {
    address: Address,
    /// Who uses it: one batch at a time.
    turn: Semaphore,
    /// The connection, while nobody uses it.
    link: Mutex<Option<Link>>,
    health: Mutex<Health>,
}

/// How a target is doing.
#[derive(Default)]
struct Health {
    /// When it has failed last; `None` while it works.
    failed: Option<Instant>,
    /// Somebody looks whether it works again.
    tried: bool,
    /// The trouble that was logged.
    said: Option<String>,
}

/// All targets of a shipper.
pub struct Targets {
    name: String,
    ship: SyslogShip,
    tls: Option<Tls>,
    targets: Vec<Target>,
    stats: Arc<ForwardStats>,
    turn: AtomicUsize,
    /// What all connections together may send.
    pub(super) pace: Pace,
}

impl Targets {
    /// Nothing is connected yet. `name` is the shipper's.
    pub fn new(
        name: &str,
        ship: SyslogShip,
        tls: Option<Tls>,
        stats: Arc<ForwardStats>,
        stop: Stop,
    ) -> Targets {
        let target = |address: &Address| Target {
            address: address.clone(),
            turn: Semaphore::new(1),
            link: Mutex::default(),
            health: Mutex::default(),
        };
        let targets = ship.targets.iter().map(target).collect();
        let pace = Pace::new(ship.bandwidth, stop);
        Targets { name: name.to_owned(), ship, tls, targets, stats, turn: AtomicUsize::new(0), pace }
    }

    /// Sends the lines that have to go, each to one target. In the end all have a verdict, or no target
    /// works.
    pub async fn send(self: &Arc<Self>, work: &mut Work) -> Result<(), Trouble> {
        let mut troubles = Vec::new();
        for at in self.order() {
            let Err(trouble) = self.through(at, work).await else { return Ok(()) };
            troubles.push(trouble.to_string());
        }
        Err(match <[String; 1]>::try_from(troubles) {
            Ok([only]) => Trouble::new(only),
            Err(all) => Trouble::new(format!("no target takes events: {}", all.join("; "))),
        })
    }

    /// The targets in the order in which they are tried: first those that work.
    fn order(self: &Arc<Self>) -> Vec<usize> {
        let count = self.targets.len();
        let first = match self.ship.balance {
            Balance::Failover => 0,
            Balance::RoundRobin => self.turn.fetch_add(1, Ordering::Relaxed) % count.max(1),
        };
        let turn = (0..count).map(|step| (first + step) % count);
        let (mut good, bad): (Vec<usize>, Vec<usize>) = turn.partition(|at| self.works(*at));
        if !good.is_empty() {
            bad.iter().filter(|at| self.is_due(**at)).for_each(|at| self.try_again(*at));
        }
        if self.ship.balance == Balance::RoundRobin {
            // One that is busy with another batch comes later.
            good.sort_by_key(|at| self.targets.get(*at).is_none_or(Target::is_busy));
        }
        good.into_iter().chain(bad).collect()
    }

    /// Sends the lines to one target.
    async fn through(&self, at: usize, work: &mut Work) -> Result<(), Trouble> {
        let (Some(target), Some(stats)) = (self.targets.get(at), self.stats.targets.get(at)) else {
            return Err(Trouble::new("there is no such target"));
        };
        let Ok(_turn) = target.turn.acquire().await else {
            return Err(Trouble::new("nobody takes turns any more"));
        };
        let (taken, refused, _) = work.counts();
        let sent = self.over(target, stats, work).await;
        stats.sent.add(work.counts().0 - taken);
        stats.refused.add(work.counts().1 - refused);
        match &sent {
            Ok(()) => {
                self.recovered(target, stats);
                self.stats.uses(at);
            }
            Err(trouble) => self.failed(target, stats, trouble),
        }
        sent
    }

    async fn over(&self, target: &Target, stats: &TargetStats, work: &mut Work) -> Result<(), Trouble> {
        let rested = target.link().take();
        if let Some(mut link) = rested {
            match link.send(work, self, stats).await {
                Ok(()) => {
                    *target.link() = Some(link);
                    return Ok(());
                }
                Err(trouble) if trouble.is_late() => return Err(trouble),
                // It may have ended while it rested, or the target was started again: that is no trouble
                // where a new connection works.
                Err(trouble) => {
                    tracing::debug!(ship = self.name, target = stats.address, %trouble, "connecting anew");
                }
            }
        }
        let mut link = self.link(&target.address, stats).await?;
        link.send(work, self, stats).await?;
        *target.link() = Some(link);
        Ok(())
    }

    /// A new connection.
    async fn link(&self, address: &Address, stats: &TargetStats) -> Result<Link, Trouble> {
        let SyslogShip { carrier, framing, window, timeout, compress, .. } = self.ship;
        let link = match carrier {
            Carrier::Udp => Link::Datagram(datagram::Session::open(address).await?),
            Carrier::Relp | Carrier::Tcp => {
                let connected = connect(address, self.tls.as_ref(), timeout).await?;
                stats.connected(connected.peer);
                let (wire, shown) = (connected.wire, &stats.address);
                match carrier {
                    Carrier::Relp => {
                        let session = relp::Session::open(shown, wire, window, timeout, compress).await?;
                        stats.set_compression(compress.then(|| session.compression()));
                        Link::Relp(Box::new(session))
                    }
                    _ => Link::Stream(stream::Session::open(shown, wire, framing, timeout).await?),
                }
            }
        };
        if !stats.known.raise() {
            self.stats.reconnects.add(1);
        }
        Ok(link)
    }

    fn works(&self, at: usize) -> bool {
        self.targets.get(at).is_some_and(|target| target.health().failed.is_none())
    }

    /// It has failed so long ago that it may work again, and nobody looks.
    fn is_due(&self, at: usize) -> bool {
        let Some(target) = self.targets.get(at) else { return false };
        let mut health = target.health();
        let due = health.failed.is_some_and(|failed| failed.elapsed() >= self.ship.return_after);
        due && !std::mem::replace(&mut health.tried, true)
    }

    /// Tries targets that have failed while nothing is sent: who looks at the status learns that they are back.
    /// Over UDP a connection says nothing.
    pub async fn watch(self: Arc<Self>, mut stop: Stop) {
        if self.ship.carrier == Carrier::Udp {
            return;
        }
        let mut look = tokio::time::interval(LOOK.min(self.ship.return_after));
        loop {
            tokio::select! {
                () = stop.drain() => return,
                _ = look.tick() => {}
            }
            // Who sends tries them himself.
            let idle = !self.targets.iter().any(Target::is_busy);
            let due = (0..self.targets.len()).filter(|at| idle && self.is_due(*at));
            due.for_each(|at| self.try_again(at));
        }
    }

    /// Connects to it on the side: where that works it gets events again.
    fn try_again(self: &Arc<Self>, at: usize) {
        let all = self.clone();
        // It ends by itself: nothing in it takes longer than its time limits.
        drop(tokio::spawn(async move {
            let (Some(target), Some(stats)) = (all.targets.get(at), all.stats.targets.get(at)) else {
                return;
            };
            let linked = all.link(&target.address, stats).await;
            match linked {
                Ok(link) => {
                    target.link().get_or_insert(link);
                    all.recovered(target, stats);
                }
                Err(trouble) => all.failed(target, stats, &trouble),
            }
            target.health().tried = false;
        }));
    }

    fn failed(&self, target: &Target, stats: &TargetStats, trouble: &Trouble) {
        let text = trouble.to_string();
        let mut health = target.health();
        health.failed = Some(Instant::now());
        stats.fails(text.clone());
        // The only target's trouble is the shipper's, which says it itself.
        if self.targets.len() > 1 && !health.said.as_deref().is_some_and(|last| is_same(last, &text)) {
            let (ship, target) = (self.name.as_str(), stats.address.as_str());
            tracing::warn!(ship, target, error = text, "a target takes no events; the others are asked");
            health.said = Some(text);
        }
    }

    fn recovered(&self, target: &Target, stats: &TargetStats) {
        let mut health = target.health();
        if health.failed.take().is_some() {
            stats.recovers();
        }
        if health.said.take().is_some() {
            tracing::info!(ship = self.name, target = stats.address, "the target takes events again");
        }
    }

    /// Ends all connections in order. Who uses one at the moment ends it himself.
    pub async fn close(&self) {
        for target in &self.targets {
            let link = target.link().take();
            if let Some(link) = link {
                drop(tokio::time::timeout(FAREWELL, link.close()).await);
            }
        }
    }
}

impl Target {
    fn is_busy(&self) -> bool {
        self.turn.available_permits() == 0
    }

    fn link(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
