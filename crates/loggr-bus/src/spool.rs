//! The spool: a local queue in which a process stores its events while the broker takes none.
//!
//! An embedded bus of its own with one exchange; each route (an exchange of the broker and
//! a routing key) has a queue in it, so that each keeps its order. A route goes straight to
//! the broker until a publish fails; from then on to the spool, until the spool holds
//! nothing of it any more. Invariant: while anything of a route waits in the spool, nothing
//! of that route is published past it.
//!
//! The way back to the broker has a race in it: between "the spool is empty" and "publish straight"
//! another event might be appended. So for the last few events the gate is held: new publishers
//! wait, running appends are finished, the collector empties the queue, and then, under the gate's
//! lock, while nothing is being appended and nothing waits, the way is changed. To get so far
//! against senders that send as fast as they can, only one event may be appended for each
//! [`MOVED_FOR_ONE`] that the collector has moved.

use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loggr_flow::{Batch, Receipt, Sink, Stop, StoreError};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::embedded::{self, BusOptions, OpenReport, QueueStats};
use crate::error::OpenError;
use crate::rabbit;
use crate::topology::{ConsumerOptions, ExchangeSpec, MAX_NAME_BYTES, QueueSpec, Topology};

/// The spool's one exchange.
const EXCHANGE: &str = "spool";
/// The text between the two names in a queue's name. A name that contains it would be cut in the
/// wrong place, but never be taken for another route, because the whole is unique.
const SEPARATOR: &str = "..";
/// Number of waiting events from which on the gate may be held until the rest is gone.
const LAST_EVENTS: u64 = 20_000;
/// How long a gate is held, at most; after that events go to the spool again.
const MAX_HOLD: Duration = Duration::from_secs(1);
/// While the collector moves events, how many must leave the spool for one that may enter it.
const MOVED_FOR_ONE: u64 = 2;
/// Events that may enter at once after a time in which none came.
const MAX_CREDIT: i64 = 50_000;
/// How long a publisher waits for the collector, at most.
const MAX_PACE: Duration = Duration::from_secs(1);
/// How often it is checked whether the spool is nearly empty.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is checked whether the last events are gone.
const LOOK_CLOSELY: Duration = Duration::from_millis(2);
/// The pause after the gate was held in vain.
const HOLD_PAUSE: Duration = Duration::from_secs(5);

/// The local queues for events that the broker does not take.
#[derive(Debug)]
pub struct Spool {
    bus: Arc<embedded::Bus>,
    routes: Vec<Arc<Route>>,
}

/// An exchange of the broker, a routing key, and the gate that decides which way their events go.
#[derive(Debug)]
pub struct Route {
    /// The broker's exchange.
    pub exchange: String,
    /// The routing key.
    pub key: String,
    queue: String,
    gate: Arc<Gate>,
}

impl Route {
    fn new(exchange: &str, key: &str) -> Arc<Route> {
        Arc::new(Route {
            exchange: exchange.to_owned(),
            key: key.to_owned(),
            queue: format!("{exchange}{SEPARATOR}{key}"),
            gate: Arc::default(),
        })
    }

    /// Name of its queue in the spool.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Its events go to the spool at the moment.
    pub fn is_spooling(&self) -> bool {
        self.gate.lock().way != Way::Straight
    }

    /// Notes that the collector has moved this many events.
    pub fn moved(&self, events: usize) {
        let mut state = self.gate.lock();
        if !state.moving {
            (state.moving, state.credit) = (true, 0);
        }
        let credit = i64::try_from(events as u64 / MOVED_FOR_ONE).unwrap_or(MAX_CREDIT);
        state.credit = state.credit.saturating_add(credit).min(MAX_CREDIT);
        state.moved_at = Some(Instant::now());
        drop(state);
        self.gate.changed.notify_waiters();
    }

    /// Notes that the collector cannot move anything at the moment.
    pub fn stuck(&self) {
        self.gate.lock().moving = false;
        self.gate.changed.notify_waiters();
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.exchange, self.key)
    }
}

impl Spool {
    /// Opens or makes the spool in `dir` with these routes, each an exchange and a routing key, and
    /// with those for which something waits. Call it where blocking is allowed.
    ///
    /// # Errors
    /// [`OpenError`], as of an embedded bus.
    pub fn open(
        dir: &Path,
        routes: &[(String, String)],
        options: &BusOptions,
    ) -> Result<(Spool, OpenReport), OpenError> {
        let mut all: Vec<Arc<Route>> =
            routes.iter().map(|(exchange, key)| Route::new(exchange, key)).collect();
        all.extend(left_behind(dir, &all));
        if let Some(route) = all.iter().find(|r| r.queue.len() > MAX_NAME_BYTES) {
            let Route { exchange, key, .. } = &**route;
            let text = format!("the names `{exchange}` and `{key}` are together too long for the spool");
            return Err(OpenError::config(text));
        }
        let queues = all.iter().map(|r| QueueSpec { name: r.queue.clone(), binding: r.queue.clone() });
        let exchange = ExchangeSpec { name: EXCHANGE.to_owned(), queues: queues.collect() };
        let topology = Topology { exchanges: vec![exchange] };
        let (bus, report) = embedded::Bus::open(dir, &topology, options)?;
        let spool = Spool { bus: Arc::new(bus), routes: all };
        for route in &spool.routes {
            if spool.waiting(route) > 0 {
                route.gate.lock().way = Way::Spool;
            }
        }
        Ok((spool, report))
    }

    /// All routes, each of which needs a collector.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// A publisher that goes straight or to the spool.
    ///
    /// # Errors
    /// Of kind `Config` if there is no such route.
    pub fn outlet(&self, straight: rabbit::Publisher) -> Result<Outlet, OpenError> {
        let (exchange, key) = (straight.exchange(), straight.routing_key());
        let route = self.routes.iter().find(|r| r.exchange == exchange && r.key == key);
        let unknown = || OpenError::config(format!("the spool has no route to `{exchange}` as `{key}`"));
        let route = route.ok_or_else(unknown)?.clone();
        let spool = self.bus.publisher(EXCHANGE, &route.queue)?;
        Ok(Outlet { route, straight, spool })
    }

    /// A consumer of the events that wait for a route, oldest first.
    ///
    /// # Errors
    /// As of an embedded bus.
    pub fn consumer(
        &self,
        route: &Route,
        options: ConsumerOptions,
        stop: Stop,
    ) -> Result<embedded::Consumer, OpenError> {
        self.bus.consumer(&route.queue, options, stop)
    }

    /// The numbers of every route's queue.
    pub fn stats(&self) -> Vec<(Arc<Route>, QueueStats)> {
        let queues = self.bus.stats().into_iter().flat_map(|e| e.queues);
        let found = queues.filter_map(|q| Some((self.routes.iter().find(|r| r.queue == q.name)?.clone(), q)));
        found.collect()
    }

    /// Bytes on disk, and their limit.
    pub fn bytes(&self) -> (u64, u64) {
        let exchanges = self.bus.stats();
        exchanges.first().map_or((0, 0), |e| (e.disk_bytes, e.limit_bytes))
    }

    /// Lets a route go straight to the broker again once nothing of it waits; works until `stop`.
    pub async fn reopen(&self, route: &Route, mut stop: Stop) {
        let looking = async {
            loop {
                route.gate.spooling().await;
                // The order matters: an event appended in between is not overlooked.
                let (idle, moving) = route.gate.situation();
                let waiting = self.waiting(route);
                if idle && waiting == 0 || moving && waiting <= LAST_EVENTS {
                    if self.hold(route).await {
                        tracing::info!(%route, "nothing waits in the spool any more: events go to the broker again");
                        continue;
                    }
                    tokio::time::sleep(HOLD_PAUSE).await;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = stop.drain() => {}
            () = looking => {}
        }
    }

    /// Holds the gate until the last events are gone; false if that takes too long.
    async fn hold(&self, route: &Route) -> bool {
        let held = Held::new(&route.gate);
        let emptied = async {
            while held.is_held() {
                if held.go_straight(|| self.waiting(route) == 0) {
                    return true;
                }
                tokio::time::sleep(LOOK_CLOSELY).await;
            }
            false
        };
        tokio::time::timeout(MAX_HOLD, emptied).await.unwrap_or(false)
    }

    fn waiting(&self, route: &Route) -> u64 {
        let queues = self.bus.stats().into_iter().flat_map(|e| e.queues);
        queues.filter(|q| q.name == route.queue).map(|q| q.waiting_events).sum()
    }
}

/// Routes that the configuration no longer has and for which something waits.
fn left_behind(dir: &Path, known: &[Arc<Route>]) -> Vec<Arc<Route>> {
    let views = embedded::inspect(dir).unwrap_or_default();
    let queues = views.into_iter().filter(|e| e.name == EXCHANGE).flat_map(|e| e.queues);
    let unknown = queues.filter(|q| q.waiting_events > 0 && known.iter().all(|r| r.queue != q.name));
    unknown.filter_map(|q| q.name.split_once(SEPARATOR).map(|(e, k)| Route::new(e, k))).collect()
}

/// Publishes to the broker, or to the spool while that is not possible. Clone it for
/// concurrent use.
#[derive(Clone, Debug)]
pub struct Outlet {
    route: Arc<Route>,
    straight: rabbit::Publisher,
    spool: embedded::Publisher,
}

impl Outlet {
    /// Its route.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }
}

impl Sink for Outlet {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let appending = match self.route.gate.enter(batch.len()).await {
            Some(appending) => appending,
            None => match self.straight.store(batch).await {
                Ok(receipt) => return Ok(receipt),
                // Even an event that the broker will never take goes to the spool: the collector
                // has a rescue for it, and senders have none.
                Err(error) => {
                    let (appending, first) = self.route.gate.fall();
                    if first {
                        let route = &self.route;
                        tracing::warn!(%route, %error, "the broker takes no events: they go to the spool");
                    }
                    appending
                }
            },
        };
        // DURABLE: the spool is an embedded bus, and the receipt is its own.
        let stored = self.spool.store(batch).await;
        drop(appending);
        stored
    }
}

/// Which way events take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Way {
    /// To the broker.
    #[default]
    Straight,
    /// To the spool.
    Spool,
    /// Publishers wait: the last events of the spool are being moved.
    Held,
}

#[derive(Debug, Default)]
struct GateState {
    way: Way,
    /// How many publishers are appending to the spool.
    appending: usize,
    /// Whether the collector's last try succeeded.
    moving: bool,
    /// When the collector last moved something.
    moved_at: Option<Instant>,
    /// Events that may be appended while the collector moves events.
    credit: i64,
}

/// Decides which way the events of one route go.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Notify,
}

/// The right to append to the spool.
#[derive(Debug)]
struct Appending(Arc<Gate>);

impl Drop for Appending {
    fn drop(&mut self) {
        self.0.lock().appending -= 1;
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is being appended, and whether the collector moves events.
    fn situation(&self) -> (bool, bool) {
        let state = self.lock();
        (state.appending == 0, state.moving)
    }

    /// The way for this many events: `None` is straight. Waits while the gate is held, and for a
    /// limited time while the collector moves events.
    async fn enter(self: &Arc<Gate>, events: usize) -> Option<Appending> {
        // The usual case, which needs no clock.
        if self.lock().way == Way::Straight {
            return None;
        }
        let mut late = pin!(tokio::time::sleep(MAX_PACE));
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                // A collector that does not move anything any more is not waited for.
                if late.is_elapsed() && state.moved_at.is_none_or(|at| at.elapsed() >= MAX_PACE) {
                    state.moving = false;
                }
                match state.way {
                    Way::Straight => return None,
                    Way::Spool if !state.moving || state.credit > 0 || late.is_elapsed() => {
                        state.credit -= i64::try_from(events).unwrap_or(MAX_CREDIT);
                        state.appending += 1;
                        return Some(Appending(self.clone()));
                    }
                    Way::Spool | Way::Held => {}
                }
            }
            tokio::select! {
                () = changed => {}
                () = &mut late, if !late.is_elapsed() => {}
            }
        }
    }

    /// Publishing straight has failed: this event and all behind it go to the spool. True for the
    /// first.
    fn fall(self: &Arc<Gate>) -> (Appending, bool) {
        let mut state = self.lock();
        let first = state.way == Way::Straight;
        if first {
            // The collector has nothing to move yet, so no publisher waits for it.
            state.moving = false;
        }
        state.way = Way::Spool;
        state.appending += 1;
        drop(state);
        self.changed.notify_waiters();
        (Appending(self.clone()), first)
    }

    /// Waits until events go to the spool.
    async fn spooling(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.lock().way == Way::Spool {
                return;
            }
            changed.await;
        }
    }
}

/// A gate that is held; when it is dropped events go to the spool again, unless the way was
/// changed.
struct Held<'g> {
    gate: &'g Gate,
}

impl<'g> Held<'g> {
    fn new(gate: &'g Gate) -> Held<'g> {
        let mut state = gate.lock();
        if state.way == Way::Spool {
            state.way = Way::Held;
        }
        Held { gate }
    }

    fn is_held(&self) -> bool {
        self.gate.lock().way == Way::Held
    }

    /// Changes the way to straight if nothing is being appended and the spool is empty.
    fn go_straight(&self, empty: impl FnOnce() -> bool) -> bool {
        let mut state = self.gate.lock();
        let now = state.way == Way::Held && state.appending == 0 && empty();
        if now {
            state.way = Way::Straight;
            self.gate.changed.notify_waiters();
        }
        now
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        if state.way == Way::Held {
            state.way = Way::Spool;
        }
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn spool_way(gate: &Arc<Gate>) -> Appending {
        gate.enter(1).await.expect("to the spool")
    }

    /// Resolves at once or not at all.
    async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::ZERO, future).await.ok()
    }

    #[tokio::test]
    async fn the_way_changes_only_when_nobody_appends_and_nothing_waits() {
        let gate = Arc::<Gate>::default();
        assert!(gate.enter(1).await.is_none(), "straight at first");
        assert!(now(gate.spooling()).await.is_none());
        let (first, news) = gate.fall();
        assert!(news && !gate.fall().1, "said once");
        gate.spooling().await;
        let second = spool_way(&gate).await;
        drop(first);
        let held = Held::new(&gate);
        assert!(!held.go_straight(|| true), "somebody appends");
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(1).await.is_none() }
        });
        drop(second);
        assert!(!held.go_straight(|| false), "something waits");
        assert!(now(gate.enter(1)).await.is_none(), "who comes waits");
        assert!(held.go_straight(|| true));
        assert!(waiting.await.unwrap(), "and goes straight");
        drop(held);
        assert!(gate.enter(1).await.is_none());
    }

    #[tokio::test]
    async fn a_hold_that_ends_in_vain_sends_everybody_to_the_spool() {
        let gate = Arc::<Gate>::default();
        drop(gate.fall());
        let held = Held::new(&gate);
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(1).await.is_some() }
        });
        drop(held);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn who_fails_late_ends_a_hold() {
        let gate = Arc::<Gate>::default();
        drop(gate.fall());
        let held = Held::new(&gate);
        let (late, news) = gate.fall();
        assert!(!news && !held.is_held() && !held.go_straight(|| true));
        drop((held, late));
        drop(spool_way(&gate).await);
    }

    #[tokio::test(start_paused = true)]
    async fn less_enters_than_leaves_while_the_collector_gets_on() {
        let route = Route::new("e", "k");
        let gate = &route.gate;
        drop(gate.fall());
        assert!(now(gate.enter(1000)).await.is_some(), "nothing moves: nobody waits");
        route.moved(10);
        assert!(now(gate.enter(5)).await.is_some());
        assert!(now(gate.enter(1)).await.is_none(), "five for ten");
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(1).await.is_some() }
        });
        tokio::task::yield_now().await;
        let begun = tokio::time::Instant::now();
        route.moved(2);
        assert!(waiting.await.unwrap() && begun.elapsed() < MAX_PACE);
        assert!(gate.enter(1).await.is_some() && begun.elapsed() >= MAX_PACE, "but not for ever");
        route.stuck();
        assert!(now(gate.enter(1000)).await.is_some(), "nothing moves any more");
    }

    #[test]
    fn what_a_route_left_behind_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let options = BusOptions { segment_size: 32 << 10, max_size: 1 << 20, ..BusOptions::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let route = |listener: &str| ("received".to_owned(), format!("syslog.{listener}"));
        let (spool, _) = Spool::open(dir.path(), &[route("a"), route("b.c")], &options).unwrap();
        let mut publisher = spool.bus.publisher(EXCHANGE, "received..syslog.b.c").unwrap();
        runtime.block_on(async {
            publisher.store(&loggr_flow::contract::lines(&["x"])).await.map(drop).unwrap()
        });
        drop((publisher, spool));
        let (spool, _) = Spool::open(dir.path(), &[route("a")], &options).unwrap();
        let routes: Vec<(String, bool)> =
            spool.routes().iter().map(|r| (r.to_string(), r.is_spooling())).collect();
        assert_eq!(
            routes,
            [("received as syslog.a".to_owned(), false), ("received as syslog.b.c".to_owned(), true)]
        );
        let long = ("e".repeat(100), "k".repeat(50));
        let error = Spool::open(&dir.path().join("other"), &[long], &options).unwrap_err();
        assert!(error.to_string().contains("together too long"), "{error}");
    }
}
