//! `collector`: the spool → the broker, oldest first.
//!
//! One pump for each route, so that each keeps its order. Runs where the listeners run,
//! or alone when they do not. Not the way into the spool; that is the outlet's.

use std::sync::Arc;

use anyhow::Result;
use loggr_bus::rabbit::Encoding;
use loggr_bus::rescue::RescueStore;
use loggr_bus::spool::{Route, Spool};
use loggr_bus::{Bus, ConsumerOptions, Publisher};
use loggr_flow::{PumpObserver, Reason, Stop, StoreError, pump};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::process::progress::{Observer, Progress, Words};

/// A route of the spool with its collector's progress.
#[derive(Debug)]
pub struct Collecting {
    /// Which one.
    pub route: Arc<Route>,
    /// The way to the broker.
    pub way: Publisher,
    /// Its name, and what the broker has confirmed.
    pub progress: Arc<Progress>,
}

const WORDS: Words = Words {
    kind: "collector",
    stuck: "the broker takes nothing; events wait in the spool",
    again: "the broker takes events again, and the spool is being emptied",
    rescued: "the broker refuses these events for good",
};

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
                tracing::error!(%route, %error, "events wait in the spool for an exchange that the configuration does not have");
                continue;
            }
        };
        let consumer = spool.consumer(route, ConsumerOptions::default(), stop.clone())?;
        let progress = Arc::new(Progress::new(&route.to_string(), &WORDS));
        let rescue = rescue.rescue_for(&rescue_name(route))?;
        let observer = Watch { route: route.clone(), progress: progress.observer() };
        let collecting =
            Collecting { route: route.clone(), way: publisher.clone(), progress: progress.clone() };
        all.push(Arc::new(collecting));
        let (of, stop_of) = (route.clone(), stop.clone());
        tasks.spawn(async move {
            let pumping = pump(consumer, publisher, rescue, stop_of.clone(), observer);
            progress
                .watch(
                    stop_of,
                    "moving",
                    "the spool ended unexpectedly and hands out no more events",
                    pumping,
                )
                .await;
            of.stuck();
        });
        let (spool, reopened, reopen_stop) = (spool.clone(), route.clone(), stop.clone());
        tasks.spawn(async move { spool.reopen(&reopened, reopen_stop).await });
    }
    Ok(all)
}

/// The name in the rescue for events of a route that the broker will never take. No shipper has a
/// dot in its name.
pub fn rescue_name(route: &Route) -> String {
    format!("spool.{}", route.queue())
}

/// The encoding of the listener from which the events came.
fn encoding(config: &Config, route: &Route) -> Encoding {
    let listener =
        config.listeners.iter().find(|l| l.exchange == route.exchange && l.routing_key() == route.key);
    listener.map(|l| l.encoding).unwrap_or_default()
}

/// An observer that also tells the route what becomes of its events.
struct Watch {
    route: Arc<Route>,
    progress: Observer,
}

impl PumpObserver for Watch {
    fn stored(&mut self, events: usize) {
        self.progress.stored(events);
        self.route.moved(events);
    }

    fn retrying(&mut self, error: &StoreError, tries: u32) {
        self.route.stuck();
        self.progress.retrying(error, tries);
    }

    fn recovered(&mut self, tries: u32) {
        self.progress.recovered(tries);
    }

    fn rescued(&mut self, events: usize, reason: &Reason) {
        self.progress.rescued(events, reason);
    }
}
