//! The status as JSON: where the events are, and whether the numbers add up.
//!
//! For every queue `received = stored + waiting + rescued + dropped + damaged`. The numbers of
//! the queues are durable; those of listeners and shippers count from the start of
//! the process.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use loggr_bus::rescue::RescueStore;
use loggr_bus::spool::Route;
use loggr_bus::{Bus, ExchangeStats, QueueStats, inspect};
use loggr_event::Timestamp;
use loggr_filter::lang::RuleCount;
use serde_json::{Map, Value, json};

use super::combine::combine;
use super::rescued::{self, Standings};
use super::{own, stores};
use crate::component::machine::{Packing, Running};
use crate::component::part::Part;
use crate::component::process::{MAX_RESCUE_BYTES, Process};
use crate::config::Config;
use crate::registry::notices::Troubles;
use crate::registry::{Seen, State};
use crate::source::{Client, NO_PLACE};

/// What the spool's queues are called in lists of queues.
const SPOOL: &str = "spool";
/// Clients of one listener that are shown, the latest.
const MAX_CLIENTS: usize = 100;

/// The status of this process alone.
pub fn online(process: &Process) -> Value {
    let mut stats = process.bus.as_ref().map(|bus| bus.stats()).unwrap_or_default();
    let mut spooled = process.spool.as_ref().map(|spool| spool.stats()).unwrap_or_default();
    let rescue = Standings::read(&process.rescue, &process.config);
    for queue in stats.iter_mut().flat_map(|e| &mut e.queues) {
        rescue.settle(queue);
    }
    for (_, queue) in &mut spooled {
        rescue.settle(queue);
    }
    let mut queues: Vec<(&str, &QueueStats)> =
        stats.iter().flat_map(|e| e.queues.iter().map(|q| (e.name.as_str(), q))).collect();
    queues.extend(spooled.iter().map(|(_, q)| (SPOOL, q)));
    let exchanges: Vec<Value> = stats.iter().map(exchange).collect();
    let listeners: Vec<Value> = process
        .listeners
        .iter()
        .map(|bound| {
            let s = &bound.stats;
            json!({
                "name": s.name, "protocol": s.protocol, "address": bound.addresses.join(", "),
                "addresses": bound.addresses, "received": s.received.get(), "accepted": s.accepted.get(),
                "lost": s.lost.get(), "bytes": s.bytes.get(), "truncated": s.truncated.get(),
                "incomplete": s.incomplete.get(), "kernel_drops": s.kernel_drops.get(),
                "connections": s.connections.get(), "connections_total": s.connections_total.get(),
                "refused": s.refused.get(), "protocol_errors": s.protocol_errors.get(), "empty": s.empty.get(),
                "stalled": s.stalled.is_raised(),
                "ended": text(&s.ended),
                "trouble": s.crowded.is_raised().then_some(NO_PLACE),
                "senders": s.senders.last_seen().iter().map(sender).collect::<Vec<_>>(),
                "clients": s.clients.latest(MAX_CLIENTS).iter().map(|c| client(c)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let ships: Vec<Value> = process
        .ships
        .iter()
        .map(|ship| {
            let s = &ship.stats;
            json!({
                "name": s.name, "kind": s.kind, "queue": s.queue, "stored": s.stored.get(),
                "rescued": s.rescued.get(), "failures": s.failures.get(),
                "failing": s.failing.is_raised(), "last_error": text(&s.last_error),
                "ended": text(&s.ended),
            })
        })
        .collect();
    let machines: Vec<Value> = process.machines.iter().map(|m| machine(m)).collect();
    let mut status = process.identity.clone();
    let lists = json!({
        "uptime_seconds": process.started.elapsed().as_secs(),
        "totals": totals(&queues),
        "listeners": listeners,
        "exchanges": exchanges,
        "queues": queues.iter().map(|(e, q)| queue(&process.config, e, q)).collect::<Vec<_>>(),
        "brokers": broker(process, &spooled),
        "disks": own::disks(&process.config),
        "machines": machines,
        "ships": ships,
        "stores": stores::online(process),
        "rescue": rescue.here(), "rescue_trouble": rescue.trouble(),
    });
    status.extend(lists.as_object().cloned().unwrap_or_default());
    status.into()
}

/// Tells the rescue what the queues of this process gave it before it counted. Nobody waits for
/// that: the rescue may have to be read first.
pub fn adopt(process: &Process) {
    let queues = queues(process).into_iter().filter(|queue| queue.ready_messages.is_none());
    let given: Vec<(String, u64)> = queues
        .flat_map(|queue| {
            let sinks = rescued::sinks(&process.config, &queue.name);
            sinks.into_iter().map(move |sink| (sink, queue.rescued_events))
        })
        .collect();
    // Not the process: this may still wait when it ends.
    let rescue = process.rescue.clone();
    drop(tokio::task::spawn_blocking(move || {
        for (sink, rescued) in given {
            // Who cannot use it says so by himself.
            if let Err(error) = rescue.adopt(&sink, rescued) {
                tracing::debug!(sink, "the rescue was not asked: {error}");
            }
        }
    }));
}

/// Who the process is, for its card, its status and its notices.
pub fn identity(config: &Config, part: &Part, now: Timestamp) -> Map<String, Value> {
    let (host, data) = (crate::net::host_name(), config.data.directory.display().to_string());
    let mut started = Vec::new();
    now.write_rfc3339(&mut started);
    let identity = json!({
        "id": format!("{host}:{}:{data}", part.id()),
        "host": host,
        "pid": std::process::id(),
        "component": part.component(),
        "name": part.name(),
        "version": env!("CARGO_PKG_VERSION"),
        "started": String::from_utf8_lossy(&started),
        "data_directory": data,
    });
    match identity {
        Value::Object(identity) => identity,
        _ => Map::new(),
    }
}

/// What troubles the parts of the process. May read from disk.
pub fn troubles(process: &Process) -> Troubles {
    let listeners = process.listeners.iter().map(|l| {
        let stalled = l.stats.stalled.is_raised().then(|| "the queue takes nothing".to_owned());
        let crowded = l.stats.crowded.is_raised().then(|| NO_PLACE.to_owned());
        (("listener", l.stats.name.clone()), text(&l.stats.ended).or(stalled).or(crowded))
    });
    let machines = process.machines.iter().map(|m| {
        let failing = m.stats.failing.is_raised().then(|| "the next exchange takes nothing".to_owned());
        let trouble = text(&m.stats.ended).or_else(|| text(&m.stats.filter_error)).or(failing);
        (("machine", m.machine.name.clone()), trouble)
    });
    let ships = process.ships.iter().map(|s| {
        let failing = s.stats.failing.is_raised().then(|| text(&s.stats.last_error).unwrap_or_default());
        (("ship", s.stats.name.clone()), text(&s.stats.ended).or(failing))
    });
    let broker = match process.bus.as_deref() {
        Some(Bus::Rabbit(bus)) => Some((("broker", "rabbitmq".to_owned()), bus.state().trouble)),
        _ => None,
    };
    let stores = stores::troubles(process).into_iter().map(|(name, trouble)| (("store", name), trouble));
    let queues = queues(process).into_iter().map(|q| (("queue", q.name), q.trouble));
    let rescue = std::iter::once((("rescue", "rescue".to_owned()), process.rescue.trouble()));
    let kept = queues.chain(rescue).chain(stores);
    listeners.chain(machines).chain(ships).chain(kept).chain(broker).collect()
}

/// What has ended before its time, and why: only a new start mends it.
pub fn ended(process: &Process) -> Option<String> {
    let listeners = process.listeners.iter().map(|l| ("listener", l.stats.name.clone(), &l.stats.ended));
    let collectors = process.collectors.iter().map(|c| ("collector of", c.route.to_string(), &c.ended));
    let machines = process.machines.iter().map(|m| ("machine", m.machine.name.clone(), &m.stats.ended));
    let ships = process.ships.iter().map(|s| ("shipper", s.stats.name.clone(), &s.stats.ended));
    let mut all = listeners.chain(collectors).chain(machines).chain(ships);
    all.find_map(|(kind, name, ended)| Some(format!("the {kind} `{name}` has ended: {}", text(ended)?)))
}

/// A queue that cannot be read, of the bus or the spool, and why.
pub fn unreadable(process: &Process) -> Option<String> {
    let trouble = queues(process).into_iter().find_map(|q| Some((q.name, q.trouble?)));
    trouble.map(|(name, why)| format!("the queue `{name}` is in trouble: {why}"))
}

/// The queues of the bus and of the spool.
fn queues(process: &Process) -> Vec<QueueStats> {
    let bus = process.bus.iter().flat_map(|bus| bus.stats()).flat_map(|exchange| exchange.queues);
    let spool = process.spool.iter().flat_map(|spool| spool.stats()).map(|(_, queue)| queue);
    bus.chain(spool).collect()
}

/// How the broker stands, and what waits for it here.
fn broker(process: &Process, spooled: &[(Arc<Route>, QueueStats)]) -> Vec<Value> {
    let Some(Bus::Rabbit(bus)) = process.bus.as_deref() else { return Vec::new() };
    let state = bus.state();
    let (bytes, limit) = process.spool.as_ref().map_or((0, 0), |spool| spool.bytes());
    let failing = process.collectors.iter().find_map(|c| text(&c.last_error));
    vec![json!({
        "name": "rabbitmq", "up": state.broker.is_some() && state.trouble.is_none(),
        "broker": state.broker, "trouble": state.trouble.or(failing),
        "spooling": spooled.iter().any(|(route, _)| route.is_spooling()),
        "spool_waiting": spooled.iter().map(|(_, q)| q.waiting_events).sum::<u64>(),
        "spool_bytes": bytes, "spool_max_bytes": limit,
        "moved": process.collectors.iter().map(|c| c.moved.get()).sum::<u64>(),
    })]
}

fn text(mutex: &Mutex<Option<String>>) -> Option<String> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The status of the whole installation, as this process knows it.
pub async fn installation(process: &Arc<Process>) -> Value {
    let known = process.registry.known(Some(&process.socket)).await;
    let of = process.clone();
    let status = tokio::task::spawn_blocking(move || {
        let seen = std::iter::once(Seen::now(online(&of))).chain(known.seen).collect();
        whole(&of.config, seen)
    });
    let mut status = status.await.unwrap_or_default();
    status["registry"] = process.registry.describe(known.problem.as_deref());
    status
}

/// The status of an installation, with what lies on this disk where no process tells it. May read
/// from disk.
pub fn whole(config: &Config, seen: Vec<Seen>) -> Value {
    let holds =
        |s: &Seen| s.state != State::Lost && s.status["exchanges"].as_array().is_some_and(|e| !e.is_empty());
    let rest = match seen.iter().any(holds) {
        true => None,
        false => Some(offline(config).unwrap_or_else(|error| json!({ "problem": format!("{error:#}") }))),
    };
    combine(seen, rest)
}

/// The status of a data directory on which nothing runs.
pub fn offline(config: &Config) -> Result<Value> {
    // On a broker nothing lies here but the spool.
    let directory = match (&config.bus.rabbit, &config.spool) {
        (None, _) => Some(&config.bus.directory),
        (Some(_), spool) => spool.as_ref().map(|s| &s.directory),
    };
    let mut views = match directory.filter(|d| d.exists()) {
        Some(directory) => inspect(directory)?,
        None => Vec::new(),
    };
    // Looking makes nothing.
    let place = config.data.directory.join("rescue");
    let rescue = place.exists().then(|| RescueStore::attach(&place, MAX_RESCUE_BYTES));
    let rescue = rescue.map(|rescue| Standings::read(&rescue, config)).unwrap_or_default();
    for queue in views.iter_mut().flat_map(|e| &mut e.queues) {
        rescue.settle(queue);
    }
    let queues: Vec<(&str, &QueueStats)> =
        views.iter().flat_map(|e| e.queues.iter().map(|q| (e.name.as_str(), q))).collect();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "data_directory": config.data.directory,
        "totals": totals(&queues),
        "queues": queues.iter().map(|(e, q)| queue(config, e, q)).collect::<Vec<_>>(),
        "stores": stores::offline(config),
        "rescue": rescue.here(), "rescue_trouble": rescue.trouble(),
    }))
}

fn client(client: &Client) -> Value {
    json!({ "peer": client.peer, "seconds": client.since.elapsed().as_secs() })
}

fn sender((address, last): &(String, f64)) -> Value {
    json!({ "name": address, "last_seen": last })
}

fn exchange(e: &ExchangeStats) -> Value {
    json!({
        "name": e.name, "published": e.published_events, "disk_bytes": e.disk_bytes,
        "max_bytes": e.limit_bytes, "segments": e.segments, "commits": e.commits,
        "damaged": e.damaged_events, "trouble": e.trouble,
    })
}

fn machine(running: &Running) -> Value {
    let (machine, stats) = (&running.machine, &running.stats);
    let (program, counters) = running.in_use();
    let rule = |(number, count): (usize, &RuleCount)| {
        let (line, text) = program.rule(number);
        json!({
            "line": line, "rule": text, "reached": count.reached, "did": count.did, "failed": count.failed,
            "timed": count.timed, "nanos": count.nanos, "mean_nanos": count.mean_nanos(),
        })
    };
    json!({
        "name": machine.name, "queue": machine.queue, "destination": machine.destination,
        "filter": machine.filter.is_some().then(|| program.file()), "filter_error": text(&stats.filter_error),
        "received": stats.received.get(), "merged": running.packers.iter().map(Packing::merged).sum::<u64>(),
        "stored": stats.stored.get(), "rescued": stats.rescued.get(), "dropped": stats.dropped.get(),
        "packers": running.packers.iter().map(packer).collect::<Vec<_>>(),
        "panics": stats.panics.get(), "failures": stats.failures.get(), "failing": stats.failing.is_raised(),
        "ended": text(&stats.ended),
        "rules": counters.rules.iter().enumerate().map(rule).collect::<Vec<_>>(),
    })
}

fn packer(packing: &Packing) -> Value {
    json!({
        "name": packing.name, "held": packing.held(), "packed": packing.packed(), "merged": packing.merged(),
        "by_age": packing.aged(), "by_limit": packing.limited(), "by_flush": packing.flushed(),
        "panics": packing.panics(),
    })
}

fn queue(config: &Config, exchange: &str, q: &QueueStats) -> Value {
    let exchange = config.exchange_of(&q.name).unwrap_or(exchange);
    if let Some(messages) = q.ready_messages {
        // The broker counts messages, and this process what went through its own hands.
        return json!({
            "name": q.name, "exchange": exchange, "binding": q.binding, "configured": q.configured,
            "ready_messages": messages, "consumers": q.consumers, "leased": q.leased_events,
            "stored": q.stored_events, "rescued": q.rescued_events, "dropped": q.dropped_events,
            "redelivered": q.redelivered_events,
        });
    }
    json!({
        "name": q.name, "exchange": exchange, "binding": q.binding, "configured": q.configured,
        "received": q.published_events, "stored": q.stored_events, "waiting": q.waiting_events,
        "rescued": q.rescued_events, "dropped": q.dropped_events, "damaged": q.damaged_events,
        "waiting_bytes": q.waiting_bytes, "leased": q.leased_events,
        "oldest_seconds": q.oldest.map(|age| age.as_secs_f64()),
        "redelivered": q.redelivered_events, "attempts": q.attempts, "balanced": is_balanced(q),
        "trouble": q.trouble,
    })
}

/// Every event that came stands in one of the columns; those lost to damage in their own.
fn is_balanced(q: &QueueStats) -> bool {
    let settled = q.stored_events + q.rescued_events + q.dropped_events + q.damaged_events;
    q.published_events == settled + q.waiting_events
}

/// Sums over all queues: an event that two queues hold counts twice. Of a broker's queues
/// only what is in this process's hands is known in events.
fn totals(queues: &[(&str, &QueueStats)]) -> Value {
    let ready: u64 = queues.iter().filter_map(|(_, q)| q.ready_messages).sum();
    let in_hand: u64 =
        queues.iter().filter(|(_, q)| q.ready_messages.is_some()).map(|(_, q)| q.leased_events).sum();
    let queues: Vec<_> = queues.iter().filter(|(_, q)| q.ready_messages.is_none()).collect();
    let sum = |f: fn(&QueueStats) -> u64| queues.iter().map(|(_, q)| f(q)).sum::<u64>();
    json!({
        "ready_messages": ready, "in_hand": in_hand,
        "received": sum(|q| q.published_events), "stored": sum(|q| q.stored_events),
        "waiting": sum(|q| q.waiting_events), "rescued": sum(|q| q.rescued_events),
        "dropped": sum(|q| q.dropped_events), "damaged": sum(|q| q.damaged_events),
        "balanced": queues.iter().all(|(_, q)| is_balanced(q)),
    })
}
