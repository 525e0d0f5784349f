//! What is wrong with the parts of this process, and whether it can do its work. In other words for
//! people, of a whole installation: `troubles.rs`.

use std::collections::BTreeMap;

use loggr_bus::Bus;

use super::live::{Live, text};
use super::store;
use crate::source::NO_PLACE;

/// The parts of a process by kind (such as `ship`) and name, each with its trouble, if it has one.
pub type Troubles = BTreeMap<(&'static str, String), Option<String>>;

/// The troubles of the parts of the process. May read from disk.
pub fn troubled_parts(live: &Live) -> Troubles {
    let listeners = live.listeners.iter().map(|l| {
        let of = &l.stats.progress;
        let stalled = of.failing.is_raised().then(|| "the queue takes nothing".to_owned());
        let crowded = l.stats.crowded.is_raised().then(|| NO_PLACE.to_owned());
        (("listener", of.name.clone()), of.ended().or(stalled).or(crowded))
    });
    let harvests = live.harvests.iter().map(|h| {
        let of = &h.stats.progress;
        let stalled = of.failing.is_raised().then(|| "the queue takes nothing".to_owned());
        (("harvest", of.name.clone()), of.ended().or(stalled).or_else(|| h.stats.worry()))
    });
    let machines = live.machines.iter().map(|m| {
        let of = &m.stats.progress;
        let failing = of.failing.is_raised().then(|| "the next exchange takes nothing".to_owned());
        let trouble = of.ended().or_else(|| text(&m.stats.filter_error)).or(failing);
        (("machine", of.name.clone()), trouble)
    });
    let ships = live.ships.iter().map(|s| {
        let of = &s.stats.progress;
        let failing = of.failing.is_raised().then(|| of.last_error().unwrap_or_default());
        (("ship", of.name.clone()), of.ended().or(failing))
    });
    let broker = match live.bus.as_deref() {
        Some(Bus::Rabbit(bus)) => Some((("broker", "rabbitmq".to_owned()), bus.state().trouble)),
        _ => None,
    };
    let stores = store::online(live).into_iter().map(|store| {
        let trouble = store.trouble.clone().or_else(|| store.clock().map(str::to_owned));
        (("store", store.name), trouble)
    });
    let queues = live.queues().into_iter().map(|q| (("queue", q.name), q.trouble));
    let rescue = std::iter::once((("rescue", "rescue".to_owned()), live.rescue.trouble()));
    let kept = queues.chain(rescue).chain(stores);
    listeners.chain(harvests).chain(machines).chain(ships).chain(kept).chain(broker).collect()
}

/// Why the process cannot do its work at the moment. May read from disk.
pub fn not_ready(live: &Live) -> Option<String> {
    let mut receiving = live.listeners.iter().map(|l| &l.stats.progress);
    let mut harvesting = live.harvests.iter().map(|h| &h.stats.progress);
    let stalled = receiving.any(|of| of.failing.is_raised()) || harvesting.any(|of| of.failing.is_raised());
    ended(live)
        .or_else(|| unreadable(live))
        .or_else(|| store::unusable(live))
        .or_else(|| stalled.then(|| "the queue takes nothing".to_owned()))
}

/// A part that has ended too early, and why: only a new start mends it.
fn ended(live: &Live) -> Option<String> {
    let listeners = live.listeners.iter().map(|l| ("listener", &l.stats.progress));
    let harvests = live.harvests.iter().map(|h| ("harvest", &h.stats.progress));
    let collectors = live.collectors.iter().map(|c| ("collector of", &c.progress));
    let machines = live.machines.iter().map(|m| ("machine", &m.stats.progress));
    let ships = live.ships.iter().map(|s| ("shipper", &s.stats.progress));
    let mut all = listeners.chain(harvests).chain(collectors).chain(machines).chain(ships);
    all.find_map(|(kind, of)| Some(format!("the {kind} `{}` has ended: {}", of.name, of.ended()?)))
}

/// A queue that cannot be read, of the bus or the spool, and why.
fn unreadable(live: &Live) -> Option<String> {
    let trouble = live.queues().into_iter().find_map(|q| Some((q.name, q.trouble?)));
    trouble.map(|(name, why)| format!("the queue `{name}` is in trouble: {why}"))
}
