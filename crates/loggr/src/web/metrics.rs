//! `/metrics` in Prometheus' text format, from the same counters as the status.
//!
//! One table names every metric; its help text is the documentation.

use std::fmt::Write;

use crate::component::machine::{MachineStats, Packing};
use crate::component::process::Process;
use crate::component::ship::ShipStats;
use crate::source::ListenerStats;
use loggr_bus::{ExchangeStats, QueueStats};
use loggr_filter::lang::RuleCount;

type Read<T> = fn(&T) -> u64;

/// Metrics of a listener: name, kind, help, value.
pub const LISTENER: &[(&str, &str, &str, Read<ListenerStats>)] = &[
    ("received_events_total", "counter", "Lines read from senders.", |s| s.received.get()),
    ("received_bytes_total", "counter", "Bytes of those lines, envelopes included.", |s| s.bytes.get()),
    ("accepted_events_total", "counter", "Lines that the queue holds durably.", |s| s.accepted.get()),
    ("lost_events_total", "counter", "Lines read whose sender cannot be told to send again.", |s| {
        s.lost.get()
    }),
    ("kernel_drops_total", "counter", "Datagrams that the kernel dropped.", |s| s.kernel_drops.get()),
    ("truncated_events_total", "counter", "Lines cut to the limit.", |s| s.truncated.get()),
    ("incomplete_events_total", "counter", "Lines whose stream ended in their middle.", |s| {
        s.incomplete.get()
    }),
    ("connections", "gauge", "Connections open now.", |s| s.connections.get()),
    ("connections_total", "counter", "Connections ever accepted.", |s| s.connections_total.get()),
    ("refused_total", "counter", "Connections or datagrams refused by a rule or limit.", |s| s.refused.get()),
    ("protocol_errors_total", "counter", "Connections ended by a breach of the protocol.", |s| {
        s.protocol_errors.get()
    }),
    ("stalled", "gauge", "1 while the queue takes nothing.", |s| u64::from(s.stalled.is_raised())),
];

/// Metrics of a queue.
pub const QUEUE: &[(&str, &str, &str, Read<QueueStats>)] = &[
    ("received_events_total", "counter", "Events that the queue was given.", |q| q.published_events),
    ("stored_events_total", "counter", "Events that the destination holds durably.", |q| q.stored_events),
    ("rescued_events_total", "counter", "Events that went to the rescue.", |q| q.rescued_events),
    ("dropped_events_total", "counter", "Events dropped by an explicit rule.", |q| q.dropped_events),
    ("damaged_events_total", "counter", "Events lost to damage on disk.", |q| q.damaged_events),
    ("waiting_events", "gauge", "Events that wait or are being stored.", |q| q.waiting_events),
    ("waiting_bytes", "gauge", "Bytes of those events.", |q| q.waiting_bytes),
    ("leased_events", "gauge", "Events handed out and not yet settled.", |q| q.leased_events),
    ("redelivered_events_total", "counter", "Events handed out again after a nack.", |q| {
        q.redelivered_events
    }),
];

/// Metrics of an exchange.
pub const EXCHANGE: &[(&str, &str, &str, Read<ExchangeStats>)] = &[
    ("published_events_total", "counter", "Events published.", |e| e.published_events),
    ("commits_total", "counter", "Synced commits.", |e| e.commits),
    ("disk_bytes", "gauge", "Bytes of its segments.", |e| e.disk_bytes),
    ("max_bytes", "gauge", "Limit of those bytes.", |e| e.limit_bytes),
];

/// Metrics of a shipper.
pub const SHIP: &[(&str, &str, &str, Read<ShipStats>)] = &[
    ("stored_events_total", "counter", "Events stored since the start.", |s| s.stored.get()),
    ("rescued_events_total", "counter", "Events rescued since the start.", |s| s.rescued.get()),
    ("failures_total", "counter", "Tries that failed.", |s| s.failures.get()),
    ("failing", "gauge", "1 while the destination takes nothing.", |s| u64::from(s.failing.is_raised())),
];

/// Metrics of a machine.
pub const MACHINE: &[(&str, &str, &str, Read<MachineStats>)] = &[
    ("received_events_total", "counter", "Events that came since the start.", |s| s.received.get()),
    ("stored_events_total", "counter", "Events that the next queue holds.", |s| s.stored.get()),
    ("rescued_events_total", "counter", "Events that the next exchange refused for ever.", |s| {
        s.rescued.get()
    }),
    ("dropped_events_total", "counter", "Events dropped by a rule.", |s| s.dropped.get()),
    ("panics_total", "counter", "Events on which the filter failed by our fault.", |s| s.panics.get()),
    ("failures_total", "counter", "Tries to publish that failed.", |s| s.failures.get()),
    ("filter_wrong", "gauge", "1 while the filter's file is wrong and an older one is in use.", |s| {
        u64::from(s.filter_error.lock().is_ok_and(|e| e.is_some()))
    }),
];

/// Metrics of a packer.
pub const PACKER: &[(&str, &str, &str, Read<Packing>)] = &[
    ("held_events", "gauge", "Events that wait for what belongs to them.", Packing::held),
    ("packed_events_total", "counter", "Events that were made of several.", Packing::packed),
    (
        "merged_events_total",
        "counter",
        "Events that are gone because they became part of another; a machine's received = merged + stored + rescued + dropped.",
        Packing::merged,
    ),
    ("aged_total", "counter", "Events given on because of their age.", Packing::aged),
    ("limited_total", "counter", "Events given on because of a limit.", Packing::limited),
    ("flushed_total", "counter", "Events given on because the window was full.", Packing::flushed),
];

/// Metrics of a filter's rules: name, help, value.
const RULE: &[(&str, &str, Read<RuleCount>)] = &[
    ("reached_total", "Events that came to the rule.", |r| r.reached),
    ("did_total", "Events with which it did something; of a condition: for which it holds.", |r| r.did),
    ("failed_total", "Events with which it failed.", |r| r.failed),
    ("timed_total", "Events for which the rule's time was taken.", |r| r.timed),
    ("timed_nanoseconds_total", "The time that those took.", |r| r.nanos),
];

/// All metrics of the process.
pub fn render(process: &Process) -> String {
    let mut out = String::with_capacity(8192);
    let stats = process.bus.as_ref().map(|bus| bus.stats()).unwrap_or_default();
    let listeners: Vec<_> = process.listeners.iter().map(|l| (l.stats.name.as_str(), &*l.stats)).collect();
    family(&mut out, "listener", LISTENER, &listeners);
    let queues: Vec<_> = stats.iter().flat_map(|e| &e.queues).map(|q| (q.name.as_str(), q)).collect();
    family(&mut out, "queue", QUEUE, &queues);
    let exchanges: Vec<_> = stats.iter().map(|e| (e.name.as_str(), e)).collect();
    family(&mut out, "exchange", EXCHANGE, &exchanges);
    let machines: Vec<_> = process.machines.iter().map(|m| (m.machine.name.as_str(), &m.stats)).collect();
    family(&mut out, "machine", MACHINE, &machines);
    packers(&mut out, process);
    rules(&mut out, process);
    let ships: Vec<_> = process.ships.iter().map(|s| (s.stats.name.as_str(), &*s.stats)).collect();
    family(&mut out, "ship", SHIP, &ships);
    line(&mut out, "loggr_uptime_seconds", "gauge", "Seconds since the start.");
    push(&mut out, &format!("loggr_uptime_seconds {}\n", process.started.elapsed().as_secs()));
    line(&mut out, "loggr_build_info", "gauge", "Always 1; the label is the version.");
    push(&mut out, &format!("loggr_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION")));
    out
}

fn family<T>(out: &mut String, object: &str, table: &[(&str, &str, &str, Read<T>)], of: &[(&str, &T)]) {
    for (name, kind, help, read) in table {
        let metric = format!("loggr_{object}_{name}");
        line(out, &metric, kind, help);
        for (label, value) in of {
            let label = label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            push(out, &format!("{metric}{{{object}=\"{label}\"}} {}\n", read(value)));
        }
    }
}

fn packers(out: &mut String, process: &Process) {
    for (name, kind, help, read) in PACKER {
        let metric = format!("loggr_packer_{name}");
        line(out, &metric, kind, help);
        for running in &process.machines {
            for packing in &running.packers {
                let (machine, packer) = (&running.machine.name, &packing.name);
                push(
                    out,
                    &format!("{metric}{{machine=\"{machine}\",packer=\"{packer}\"}} {}\n", read(packing)),
                );
            }
        }
    }
}

fn rules(out: &mut String, process: &Process) {
    let machines: Vec<_> =
        process.machines.iter().map(|m| (&m.machine.name, m.program(), m.counters())).collect();
    for (name, help, read) in RULE {
        let metric = format!("loggr_rule_{name}");
        line(out, &metric, "counter", help);
        for (machine, program, counters) in &machines {
            for (number, count) in counters.rules.iter().enumerate() {
                let at = program.rule(number).0;
                push(
                    out,
                    &format!(
                        "{metric}{{machine=\"{machine}\",rule=\"{number}\",line=\"{at}\"}} {}\n",
                        read(count)
                    ),
                );
            }
        }
    }
}

fn line(out: &mut String, metric: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {metric} {help}\n# TYPE {metric} {kind}").expect("BUG: a string takes everything");
}

fn push(out: &mut String, text: &str) {
    out.push_str(text);
}
