//! Reports of a process to others: that it started or stopped, its status, and the events that a
//! stop has lost.

use loggr_bus::rabbit::RabbitOptions;
use loggr_flow::Stop;
use tokio::task::JoinSet;

use super::alone;
use crate::process::systemd;
use crate::registry::beat;
use crate::registry::notices::{Notice, exchange, watch};
use crate::status::{self, Live};
use crate::web::Site;

/// Starts the tasks that report the status of the process.
pub fn tellers(site: &Site, broker: Option<RabbitOptions>, stop: &Stop, tasks: &mut JoinSet<()>) {
    let live = &site.live;
    if let Some(broker) = broker {
        // A process without a web address only sends notices.
        let hears = live.part.has_web() && live.config.web.is_some();
        tasks.spawn(exchange(site.notices.clone(), broker, hears, stop.clone()));
    }
    let of = live.clone();
    tasks.spawn(beat(site.registry.clone(), move || status::online(&of), stop.clone()));
    if let Some(bus) = live.bus.clone() {
        tasks.spawn(alone::watch(live.config.clone(), live.part.clone(), bus, stop.clone()));
    }
    let of = live.clone();
    tasks.spawn(watch(site.notices.clone(), move || status::troubled_parts(&of), stop.clone()));
    tasks.spawn(live.certificates.clone().watch(stop.clone()));
    tasks.spawn(systemd::watchdog(stop.clone()));
}

/// The number of events that each listener has lost so far.
pub fn lost_so_far(live: &Live) -> Vec<u64> {
    live.listeners.iter().map(|listener| listener.stats.lost.get()).collect()
}

/// Logs how many events the stop has lost: they were read from senders that do not wait for an
/// answer, and could not be stored. `before`: how many each listener had lost before the stop.
pub fn lost(live: &Live, before: &[u64]) {
    for (listener, before) in live.listeners.iter().zip(before) {
        let stats = &listener.stats;
        let events = stats.lost.get().saturating_sub(*before);
        if events > 0 {
            tracing::error!(
                listener = stats.name(),
                events,
                "events were lost: the queue took nothing, and their senders do not wait for an answer"
            );
        }
    }
}

/// Sends notices that the listeners are up or down, and that the process started or stopped.
pub fn announce(site: &Site, listeners: &str, whole: &str) {
    let time = crate::process::clock::now();
    for listener in &site.live.listeners {
        let (kind, subject) = (format!("listener.{listeners}"), Some(listener.stats.name().to_owned()));
        site.notices.tell(&Notice { time, kind, subject, text: Some(listener.addresses.join(", ")) });
    }
    let kind = format!("process.{whole}");
    site.notices.tell(&Notice { time, kind, subject: None, text: None });
}
