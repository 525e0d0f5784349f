//! `collector`: the spool → the broker, oldest first.
//!
//! One pump for each route, so that each keeps its order. Runs where the listeners run,
//! or alone when they do not. Not the way into the spool; that is the outlet's.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use futures_util::FutureExt;
use loggr_bus::rabbit::Encoding;
use loggr_bus::rescue::RescueStore;
use loggr_bus::spool::{Route, Spool};
use loggr_bus::{Bus, ConsumerOptions, Publisher};
use loggr_flow::{Phase, PumpObserver, Reason, Stop, StoreError, pump};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::process::meter::{Counter, Flag};

/// What is counted of a route since the process started.
#[derive(Debug)]
pub struct Collecting {
    /// Which one.
    pub route: Arc<Route>,
    /// The way to the broker.
    pub way: Publisher,
    /// Events that the broker has confirmed.
    pub moved: Counter,
    /// Tries that failed.
    pub failures: Counter,
    /// The broker takes nothing at the moment.
    pub failing: Flag,
    /// What it last said.
    pub last_error: Mutex<Option<String>>,
    /// Why it moves nothing any more, if it has ended before its time.
    pub ended: Mutex<Option<String>>,
}

/// Begins to move what every route of the spool holds.
pub fn start(
    config: &Config,
    spool: &Arc<Spool>,
    bus: &Bus,
    rescue: &RescueStore,
    stop: &Stop,
    tasks: &mut JoinSet<()>,
) -> Result<Vec<Arc<Collecting>>> {
    let mut all = Vec::new();
    for route in spool.routes() {
        let publisher = match bus.publisher_as(&route.exchange, &route.key, encoding(config, route)) {
            Ok(publisher) => publisher,
            Err(error) => {
                tracing::error!(%route, %error, "events wait in the spool for what the configuration does not have");
                continue;
            }
        };
        let consumer = spool.consumer(route, ConsumerOptions::default(), stop.clone())?;
        let collecting = Arc::new(Collecting {
            route: route.clone(),
            way: publisher.clone(),
            moved: Counter::default(),
            failures: Counter::default(),
            failing: Flag::default(),
            last_error: Mutex::default(),
            ended: Mutex::default(),
        });
        let (rescue, watch, pump_stop) =
            (rescue.rescue_for(&rescue_name(route))?, Watch { collecting: collecting.clone() }, stop.clone());
        let name = collecting.clone();
        let phase = stop.clone();
        tasks.spawn(async move {
            let pumping = pump(consumer, publisher, rescue, pump_stop, watch);
            let ended = AssertUnwindSafe(pumping).catch_unwind().await;
            name.route.stuck();
            let why = match ended {
                Ok(Ok(())) => "the spool gives nothing any more".to_owned(),
                Ok(Err(error)) => format!("the spool cannot be read: {error}"),
                Err(_) => "moving failed by our fault".to_owned(),
            };
            // Told, since nothing else would be seen of it.
            if phase.phase() == Phase::Run {
                tracing::error!(route = %name.route, why, "what is in the spool stays in it");
                name.failing.raise();
                *lock(&name.last_error) = Some(why.clone());
                *lock(&name.ended) = Some(why);
            }
        });
        let (spool, reopened, reopen_stop) = (spool.clone(), route.clone(), stop.clone());
        tasks.spawn(async move { spool.reopen(&reopened, reopen_stop).await });
        all.push(collecting);
    }
    Ok(all)
}

/// Of one whose holder may have panicked: the text is whole at every moment.
fn lock(text: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rescue's name for what the broker will never take of a route. No shipper has a dot in
/// its name.
pub fn rescue_name(route: &Route) -> String {
    format!("spool.{}", route.queue())
}

/// As the listener wants it whose events they are.
fn encoding(config: &Config, route: &Route) -> Encoding {
    let listener =
        config.listeners.iter().find(|l| l.exchange == route.exchange && l.routing_key() == route.key);
    listener.map(|l| l.encoding).unwrap_or_default()
}

/// Logs once when the broker stops taking and once when it takes again.
struct Watch {
    collecting: Arc<Collecting>,
}

impl PumpObserver for Watch {
    fn stored(&mut self, events: usize) {
        self.collecting.moved.add(events as u64);
        self.collecting.route.moved(events);
    }

    fn retrying(&mut self, error: &StoreError, tries: u32) {
        let collecting = &self.collecting;
        collecting.failures.add(1);
        collecting.route.stuck();
        let text = error.chain();
        let mut last = lock(&collecting.last_error);
        if collecting.failing.raise() {
            tracing::warn!(route = %collecting.route, tries, error = text, "what is in the spool waits for the broker");
        }
        *last = Some(text);
    }

    fn recovered(&mut self, tries: u32) {
        let collecting = &self.collecting;
        if collecting.failing.clear() {
            *lock(&collecting.last_error) = None;
            tracing::info!(route = %collecting.route, tries, "the spool is being emptied");
        }
    }

    fn rescued(&mut self, events: usize, reason: &Reason) {
        let reason = reason.text.as_str();
        tracing::warn!(
            route = %self.collecting.route,
            events,
            reason,
            "the broker refuses events for ever; they are in the rescue, see `loggr rescue list`"
        );
    }
}
