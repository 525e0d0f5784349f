//! The status as JSON: where the events are, and whether the numbers add up.
//!
//! For every queue `received = stored + waiting + rescued + dropped`. The numbers of
//! the queues are durable; those of listeners and shippers count from the start of
//! the process.

use std::sync::PoisonError;

use anyhow::Result;
use loggr_bus::{ExchangeStats, QueueStats, inspect};
use loggr_filter::lang::RuleCount;
use serde_json::{Value, json};

use crate::component::machine::Running;
use crate::component::process::Process;
use crate::config::Config;

/// The status of a running process.
pub fn online(process: &Process) -> Value {
    let stats = process.bus.as_ref().map(|bus| bus.stats()).unwrap_or_default();
    let queues: Vec<(&str, &QueueStats)> =
        stats.iter().flat_map(|e| e.queues.iter().map(|q| (e.name.as_str(), q))).collect();
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
                "refused": s.refused.get(), "protocol_errors": s.protocol_errors.get(),
                "stalled": s.stalled.is_raised(),
            })
        })
        .collect();
    let ships: Vec<Value> = process
        .ships
        .iter()
        .map(|ship| {
            let s = &ship.stats;
            let last = s.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
            json!({
                "name": s.name, "kind": s.kind, "queue": s.queue, "stored": s.stored.get(),
                "rescued": s.rescued.get(), "failures": s.failures.get(),
                "failing": s.failing.is_raised(), "last_error": last,
            })
        })
        .collect();
    let machines: Vec<Value> = process.machines.iter().map(|m| machine(m)).collect();
    json!({
        "running": true,
        "version": env!("CARGO_PKG_VERSION"),
        "host": crate::net::host_name(),
        "pid": std::process::id(),
        "component": process.part.component(),
        "name": process.part.name(),
        "uptime_seconds": process.started.elapsed().as_secs(),
        "data_directory": process.config.data.directory,
        "totals": totals(&queues),
        "listeners": listeners,
        "exchanges": exchanges,
        "queues": queues.iter().map(|(e, q)| queue(e, q)).collect::<Vec<_>>(),
        "machines": machines,
        "ships": ships,
        "rescue": process.rescue.sinks().unwrap_or_default().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    })
}

/// One status of all processes: each part tells whose it is.
pub fn combine(mut all: Vec<Value>) -> Value {
    let processes: Vec<Value> = all.iter().map(process_line).collect();
    for status in &mut all {
        let owner = owner(status);
        for key in PARTS {
            let items = status.get_mut(*key).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
                item.insert("process".to_owned(), owner.clone().into());
            }
        }
    }
    let mut out = all.first().cloned().unwrap_or_default();
    for key in PARTS {
        let items = all.iter().filter_map(|s| s[*key].as_array()).flatten().cloned();
        out[*key] = items.collect();
    }
    let totals: Vec<&Value> = all.iter().map(|s| &s["totals"]).collect();
    out["totals"] = sum(&totals);
    out["processes"] = processes.into();
    out
}

/// The lists of a status.
const PARTS: &[&str] = &["listeners", "exchanges", "queues", "machines", "ships"];

/// Who the process of this status is.
fn process_line(status: &Value) -> Value {
    let keys = ["host", "pid", "component", "name", "version", "uptime_seconds", "data_directory"];
    keys.iter().map(|key| ((*key).to_owned(), status[*key].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// `server`, `ship archive`
fn owner(status: &Value) -> String {
    let word = |key: &str| status[key].as_str();
    [word("component"), word("name")].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The sums of several processes.
fn sum(totals: &[&Value]) -> Value {
    let mut out = serde_json::Map::new();
    for (key, value) in totals.iter().filter_map(|t| t.as_object()).flatten() {
        let known = out.remove(key);
        let joined = match (&known, value) {
            (None, value) => value.clone(),
            (Some(known), Value::Bool(value)) => (known.as_bool().unwrap_or(true) && *value).into(),
            (Some(known), value) => (known.as_u64().unwrap_or(0) + value.as_u64().unwrap_or(0)).into(),
        };
        out.insert(key.clone(), joined);
    }
    out.into()
}

/// The status of a data directory on which nothing runs.
pub fn offline(config: &Config) -> Result<Value> {
    let views = match config.bus.directory.exists() {
        true => inspect(&config.bus.directory)?,
        false => Vec::new(),
    };
    let queues: Vec<(&str, &QueueStats)> =
        views.iter().flat_map(|e| e.queues.iter().map(|q| (e.name.as_str(), q))).collect();
    Ok(json!({
        "running": false,
        "version": env!("CARGO_PKG_VERSION"),
        "data_directory": config.data.directory,
        "totals": totals(&queues),
        "queues": queues.iter().map(|(e, q)| queue(e, q)).collect::<Vec<_>>(),
    }))
}

fn exchange(e: &ExchangeStats) -> Value {
    json!({
        "name": e.name, "published": e.published_events, "disk_bytes": e.disk_bytes,
        "max_bytes": e.limit_bytes, "segments": e.segments, "commits": e.commits,
        "damaged": e.damaged_events,
    })
}

fn machine(running: &Running) -> Value {
    let (machine, stats, program) = (&running.machine, &running.stats, running.program());
    let counters = running.counters();
    let rule = |(number, count): (usize, &RuleCount)| {
        let (line, text) = program.rule(number);
        json!({
            "line": line, "rule": text, "reached": count.reached, "did": count.did, "failed": count.failed,
            "mean_nanos": count.mean_nanos(),
        })
    };
    json!({
        "name": machine.name, "queue": machine.queue, "destination": machine.destination,
        "filter": program.file(), "filter_error": *stats.filter_error.lock().unwrap_or_else(PoisonError::into_inner),
        "received": stats.received.get(), "stored": stats.stored.get(), "dropped": stats.dropped.get(),
        "panics": stats.panics.get(), "failures": stats.failures.get(), "failing": stats.failing.is_raised(),
        "rules": counters.rules.iter().enumerate().map(rule).collect::<Vec<_>>(),
    })
}

fn queue(exchange: &str, q: &QueueStats) -> Value {
    json!({
        "name": q.name, "exchange": exchange, "binding": q.binding, "configured": q.configured,
        "received": q.published_events, "stored": q.stored_events, "waiting": q.waiting_events,
        "rescued": q.rescued_events, "dropped": q.dropped_events, "damaged": q.damaged_events,
        "waiting_bytes": q.waiting_bytes, "leased": q.leased_events,
        "oldest_seconds": q.oldest.map(|age| age.as_secs_f64()),
        "redelivered": q.redelivered_events, "attempts": q.attempts, "balanced": is_balanced(q),
    })
}

/// Damage is on no side of the promise; it is shown, and it is never hidden in the sum.
fn is_balanced(q: &QueueStats) -> bool {
    let settled = q.stored_events + q.rescued_events + q.dropped_events + q.damaged_events;
    q.published_events == settled + q.waiting_events
}

/// Sums over all queues: an event that two queues hold counts twice.
fn totals(queues: &[(&str, &QueueStats)]) -> Value {
    let sum = |f: fn(&QueueStats) -> u64| queues.iter().map(|(_, q)| f(q)).sum::<u64>();
    json!({
        "received": sum(|q| q.published_events), "stored": sum(|q| q.stored_events),
        "waiting": sum(|q| q.waiting_events), "rescued": sum(|q| q.rescued_events),
        "dropped": sum(|q| q.dropped_events), "damaged": sum(|q| q.damaged_events),
        "balanced": queues.iter().all(|(_, q)| is_balanced(q)),
    })
}
