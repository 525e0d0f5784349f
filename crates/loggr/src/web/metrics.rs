//! `/metrics` in Prometheus' text format, from the same numbers as the status.
//!
//! One table names every metric, the key of its number in the status, and its help, which
//! is the documentation too. Of a process that only serves the web address the numbers of
//! the others are shown as well, with labels that say whose they are.

use std::fmt::Write;

use serde_json::Value;

use super::own;
use crate::registry::{Seen, State};

/// Metrics of one kind of object.
#[derive(Debug)]
struct Family {
    /// The object's word: in the metric's name and as its label.
    object: &'static str,
    /// The list in the status.
    list: &'static str,
    metrics: &'static [Metric],
}

/// One metric of each object.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    /// Where its number stands in the object's status.
    key: &'static str,
    /// So many of these are one of the metric's unit.
    per: f64,
}

const fn metric(name: &'static str, key: &'static str, help: &'static str) -> Metric {
    Metric { name, help, key, per: 1.0 }
}

impl Metric {
    /// What ends in `_total` only grows.
    fn kind(&self) -> &'static str {
        if self.name.ends_with("_total") { "counter" } else { "gauge" }
    }

    /// Its number as it is told.
    fn value(&self, value: &Value) -> String {
        match value.as_f64() {
            Some(number) if self.per != 1.0 => format!("{}", number / self.per),
            _ => number(value),
        }
    }
}

/// All of them, in the order of the reference.
const FAMILIES: &[Family] = &[
    Family {
        object: "listener",
        list: "listeners",
        metrics: &[
            metric("received_events_total", "received", "Lines read from senders."),
            metric("received_bytes_total", "bytes", "Bytes of those lines, envelopes included."),
            metric("accepted_events_total", "accepted", "Lines that the queue holds durably."),
            metric(
                "lost_events_total",
                "lost",
                "Lines that were read and lost, because their protocol cannot ask the sender to send them again.",
            ),
            metric("kernel_drops_total", "kernel_drops", "Datagrams that the kernel dropped."),
            metric("truncated_events_total", "truncated", "Lines cut to the limit."),
            metric("incomplete_events_total", "incomplete", "Lines whose stream ended in their middle."),
            metric("empty_total", "empty", "Frames and datagrams without a character: no events."),
            metric("connections", "connections", "Connections open now."),
            metric("connections_total", "connections_total", "Connections ever accepted."),
            metric(
                "refused_total",
                "refused",
                "Connections or datagrams refused by a rule, and silent connections closed for others that wait.",
            ),
            metric(
                "protocol_errors_total",
                "protocol_errors",
                "Connections ended by a breach of the protocol.",
            ),
            metric("stalled", "stalled", "1 while the queue takes nothing."),
            metric("crowded", "trouble", "1 while it has no place for another connection."),
            metric("ended", "ended", "1 when it receives nothing any more until the next start."),
        ],
    },
    Family {
        object: "queue",
        list: "queues",
        metrics: &[
            metric("received_events_total", "received", "Events that the queue was given."),
            metric("stored_events_total", "stored", "Events that the shipper has stored durably."),
            metric("rescued_events", "rescued", "Events of it that are in the rescue now."),
            metric("dropped_events_total", "dropped", "Events dropped by an explicit rule."),
            metric("damaged_events_total", "damaged", "Events lost to damage on disk."),
            metric("waiting_events", "waiting", "Events that wait or are being stored."),
            metric("waiting_bytes", "waiting_bytes", "Bytes of those events."),
            metric("oldest_seconds", "oldest_seconds", "How long the oldest of them has waited."),
            metric("unreadable", "trouble", "1 while it cannot be read, or its place not be written down."),
            metric("leased_events", "leased", "Events handed out and not yet settled."),
            metric("redelivered_events_total", "redelivered", "Events handed out again after a nack."),
            metric(
                "ready_messages",
                "ready_messages",
                "Messages that wait, where the broker holds the queue.",
            ),
            metric("consumers", "consumers", "Consumers of all processes, where the broker holds the queue."),
        ],
    },
    Family {
        object: "broker",
        list: "brokers",
        metrics: &[
            metric("up", "up", "1 while the broker takes messages."),
            metric("spooling", "spooling", "1 while events go to the spool instead."),
            metric("spool_waiting_events", "spool_waiting", "Events in the spool that wait for the broker."),
            metric("spool_bytes", "spool_bytes", "Bytes of the spool's segments."),
            metric("spool_max_bytes", "spool_max_bytes", "Limit of those bytes."),
            metric("moved_events_total", "moved", "Events of the spool that the broker has confirmed."),
        ],
    },
    Family {
        object: "exchange",
        list: "exchanges",
        metrics: &[
            metric("published_events_total", "published", "Events published."),
            metric("commits_total", "commits", "Synced commits."),
            metric("failing", "trouble", "1 while nothing can be published."),
            metric("disk_bytes", "disk_bytes", "Bytes of its segments."),
            metric("max_bytes", "max_bytes", "Limit of those bytes."),
        ],
    },
    Family {
        object: "disk",
        list: "disks",
        metrics: &[
            metric("free_bytes", "free_bytes", "Bytes that are free for loggr."),
            metric("size_bytes", "size_bytes", "Bytes of the file system."),
            metric("free_files", "free_files", "Files that may be made still (inodes)."),
        ],
    },
    Family {
        object: "machine",
        list: "machines",
        metrics: &[
            metric("received_events_total", "received", "Events that came since the start."),
            metric("stored_events_total", "stored", "Events that the next queue holds."),
            metric("rescued_events_total", "rescued", "Events that the next exchange refused for ever."),
            metric("dropped_events_total", "dropped", "Events dropped by a rule."),
            metric("panics_total", "panics", "Events on which the filter failed by our fault."),
            metric("failures_total", "failures", "Tries to publish that failed."),
            metric("failing", "failing", "1 while the next exchange takes nothing."),
            metric(
                "filter_wrong",
                "filter_error",
                "1 while the filter's file is wrong and an older one is in use.",
            ),
            metric("ended", "ended", "1 when it takes nothing any more until the next start."),
        ],
    },
    Family {
        object: "ship",
        list: "ships",
        metrics: &[
            metric("stored_events_total", "stored", "Events stored since the start."),
            metric("rescued_events_total", "rescued", "Events rescued since the start."),
            metric("failures_total", "failures", "Tries that failed."),
            metric("failing", "failing", "1 while the shipper cannot write."),
            metric("ended", "ended", "1 when it takes nothing any more until the next start."),
        ],
    },
    Family {
        object: "store",
        list: "stores",
        metrics: &[
            metric("events", "events", "Events that it holds."),
            metric("bytes", "bytes", "Bytes on disk."),
            metric("days", "days", "Days that hold events."),
            metric("oldest_timestamp_seconds", "oldest_unix", "When its oldest event was received."),
            metric("newest_timestamp_seconds", "newest_unix", "When its newest event was received."),
            metric("dropped_events_total", "dropped", "Events that its retention has dropped, ever."),
            metric("purged_events_total", "purged", "Events that `loggr purge` has deleted, ever."),
            metric("damaged_files", "damaged", "Data files that were found damaged."),
            metric(
                "clock_held",
                "clock",
                "1 while retention drops nothing because the clock has made a step.",
            ),
            metric("trouble", "trouble", "1 while it is damaged or cannot be opened."),
        ],
    },
];

/// Metrics of a machine's packers; their labels are the machine and the packer.
const PACKERS: &[Metric] = &[
    metric("held_events", "held", "Events that wait for what belongs to them."),
    metric("packed_events_total", "packed", "Events that were made of several."),
    metric(
        "merged_events_total",
        "merged",
        "Events that are gone because they became part of another; a machine's received = merged + stored + rescued \
         + dropped.",
    ),
    metric("aged_total", "by_age", "Events given on because of their age."),
    metric("limited_total", "by_limit", "Events given on because of a limit."),
    metric("flushed_total", "by_flush", "Events given on because the window was full."),
    metric("panics_total", "panics", "Events at which it failed by our fault; they went on alone."),
];

/// Metrics of a filter's rules; their labels are the machine, the rule's number and its line.
const RULES: &[Metric] = &[
    metric("reached_total", "reached", "Events that came to the rule."),
    metric("did_total", "did", "Events with which it did something; of a condition: for which it holds."),
    metric("failed_total", "failed", "Events with which it failed."),
    metric("timed_total", "timed", "Events for which the rule's time was taken."),
    Metric {
        name: "timed_seconds_total",
        help: "The time that those took, in seconds.",
        key: "nanos",
        per: 1e9,
    },
];

/// Metrics of the rescue.
const RESCUED: Metric =
    metric("events", "rescue", "Events that are in the rescue now; its label is whose they are.");
const UNUSABLE: Metric =
    metric("unusable", "rescue_trouble", "1 while it cannot be used, and what should go there waits.");

/// Metrics of whoever sends to a listener, the latest thousand; their labels are the listener and the
/// sender's address.
const SENDERS: &[Metric] = &[metric(
    "last_seen_timestamp_seconds",
    "last_seen",
    "When something came from there last, in seconds since 1970.",
)];

/// Metrics of a whole process.
const UPTIME: Metric = metric("uptime_seconds", "uptime_seconds", "Seconds since the start.");
const BUILD: Metric = metric("build_info", "", "Always 1; the label is the version.");
const RUNNING: Metric = metric(
    "process_running",
    "",
    "1 for a process that was heard of in time, 0 for one that is late or lost. On a process that serves the web \
     address alone.",
);

/// The numbers of this process, and of others with labels that say whose they are.
pub fn render(own: &Value, others: &[Seen]) -> String {
    let mut out = String::with_capacity(8192);
    let mut told = vec![(own, String::new())];
    let alive = others.iter().filter(|seen| seen.state != State::Lost);
    told.extend(alive.map(|seen| (&seen.status, format!(",{}", owner(&seen.status)))));
    for family in FAMILIES {
        for metric in family.metrics {
            let name = head(&mut out, &format!("{}_", family.object), metric);
            for (status, labels) in &told {
                for item in status[family.list].as_array().into_iter().flatten() {
                    // A broker's queue has other numbers than one on disk.
                    let Some(value) = item.get(metric.key).map(|value| metric.value(value)) else { continue };
                    let label = escape(item["name"].as_str().unwrap_or_default());
                    line(&mut out, &format!("{name}{{{}=\"{label}\"{labels}}} {value}", family.object));
                }
            }
        }
        if family.object == "listener" {
            parts(&mut out, family, "sender_", "senders", SENDERS, &told, |_, sender| {
                named("sender", sender)
            });
        }
        if family.object == "machine" {
            parts(&mut out, family, "packer_", "packers", PACKERS, &told, |_, packer| {
                named("packer", packer)
            });
            parts(&mut out, family, "rule_", "rules", RULES, &told, |at, rule| {
                format!("rule=\"{at}\",line=\"{}\"", number(&rule["line"]))
            });
        }
    }
    let name = head(&mut out, "rescue_", &RESCUED);
    for (status, labels) in &told {
        for (sink, count) in status["rescue"].as_object().into_iter().flatten() {
            line(&mut out, &format!("{name}{{sink=\"{}\"{labels}}} {}", escape(sink), number(count)));
        }
    }
    let name = head(&mut out, "rescue_", &UNUSABLE);
    for (status, labels) in &told {
        // Who has none to tell of says nothing.
        let Some(trouble) = status.get(UNUSABLE.key) else { continue };
        line(&mut out, &format!("{name}{} {}", only(labels), number(trouble)));
    }
    let name = head(&mut out, "", &UPTIME);
    for (status, labels) in &told {
        line(&mut out, &format!("{name}{} {}", only(labels), number(&status[UPTIME.key])));
    }
    let name = head(&mut out, "", &BUILD);
    for (status, labels) in &told {
        let version = escape(status["version"].as_str().unwrap_or_default());
        line(&mut out, &format!("{name}{{version=\"{version}\"{labels}}} 1"));
    }
    for (name, kind, help, value) in own::process() {
        let Some(value) = value else { continue };
        line(&mut out, &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"));
    }
    if !others.is_empty() {
        let name = head(&mut out, "", &RUNNING);
        for seen in others {
            let running = u8::from(seen.state == State::Running);
            line(&mut out, &format!("{name}{{{}}} {running}", owner(&seen.status)));
        }
    }
    out
}

/// Labels where there are no others before them.
fn only(labels: &str) -> String {
    labels.strip_prefix(',').map_or_else(String::new, |labels| format!("{{{labels}}}"))
}

/// What each object of a family has several of; `labels_of` makes a part's own labels.
fn parts(
    out: &mut String,
    family: &Family,
    object: &str,
    list: &str,
    metrics: &[Metric],
    told: &[(&Value, String)],
    labels_of: impl Fn(usize, &Value) -> String,
) {
    for metric in metrics {
        let name = head(out, object, metric);
        for (status, labels) in told {
            for whole in status[family.list].as_array().into_iter().flatten() {
                let of = named(family.object, whole);
                for (at, item) in whole[list].as_array().into_iter().flatten().enumerate() {
                    let (own, value) = (labels_of(at, item), metric.value(&item[metric.key]));
                    line(out, &format!("{name}{{{of},{own}{labels}}} {value}"));
                }
            }
        }
    }
}

/// An object's name as its label.
fn named(object: &str, item: &Value) -> String {
    format!("{object}=\"{}\"", escape(item["name"].as_str().unwrap_or_default()))
}

/// Whose numbers these are.
fn owner(status: &Value) -> String {
    let text = |key: &str| escape(status[key].as_str().unwrap_or_default());
    let part = match status["name"].as_str() {
        Some(name) => format!("{}-{}", text("component"), escape(name)),
        None => text("component"),
    };
    format!("host=\"{}\",part=\"{part}\",directory=\"{}\"", text("host"), text("data_directory"))
}

/// What is so is 1; so is what has something to say.
fn number(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Bool(true) | Value::String(_) => "1".to_owned(),
        _ => "0".to_owned(),
    }
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn head(out: &mut String, object: &str, metric: &Metric) -> String {
    let name = format!("loggr_{object}{}", metric.name);
    line(out, &format!("# HELP {name} {}", metric.help));
    line(out, &format!("# TYPE {name} {}", metric.kind()));
    name
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("BUG: a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn numbers_of_others_have_labels() {
        let own = json!({ "version": "1", "uptime_seconds": 5 });
        let other = json!({
            "version": "1", "uptime_seconds": 9, "host": "web1", "component": "machine", "name": "main",
            "data_directory": "/d",
            "machines": [{
                "name": "ma\"in", "received": 7, "failing": true, "filter_error": null,
                "ended": "its queue gives nothing any more",
                "packers": [{ "name": "java", "held": 4 }],
                "rules": [{ "line": 3, "reached": 2, "did": 1, "failed": 0, "nanos": 1_500_000_000u64 }],
            }],
        });
        let late = Seen { status: other, state: State::Late, age: Duration::ZERO };
        let lost = Seen {
            status: json!({ "host": "db", "component": "server", "data_directory": "/e" }),
            state: State::Lost,
            age: Duration::ZERO,
        };
        let text = render(&own, &[late, lost]);
        let ours = |l: &&str| l.starts_with("loggr_") && !l.ends_with(" 0");
        let lines: Vec<&str> = text.lines().filter(ours).collect();
        let of = "host=\"web1\",part=\"machine-main\",directory=\"/d\"";
        assert_eq!(
            lines,
            [
                format!("loggr_machine_received_events_total{{machine=\"ma\\\"in\",{of}}} 7"),
                format!("loggr_machine_failing{{machine=\"ma\\\"in\",{of}}} 1"),
                format!("loggr_machine_ended{{machine=\"ma\\\"in\",{of}}} 1"),
                format!("loggr_packer_held_events{{machine=\"ma\\\"in\",packer=\"java\",{of}}} 4"),
                format!("loggr_rule_reached_total{{machine=\"ma\\\"in\",rule=\"0\",line=\"3\",{of}}} 2"),
                format!("loggr_rule_did_total{{machine=\"ma\\\"in\",rule=\"0\",line=\"3\",{of}}} 1"),
                format!(
                    "loggr_rule_timed_seconds_total{{machine=\"ma\\\"in\",rule=\"0\",line=\"3\",{of}}} 1.5"
                ),
                "loggr_uptime_seconds 5".to_owned(),
                format!("loggr_uptime_seconds{{{of}}} 9"),
                "loggr_build_info{version=\"1\"} 1".to_owned(),
                format!("loggr_build_info{{version=\"1\",{of}}} 1"),
            ]
        );
        assert!(text.contains(&format!("loggr_process_running{{{of}}} 0\n")), "{text}");
        assert!(
            text.contains("loggr_process_running{host=\"db\",part=\"server\",directory=\"/e\"} 0\n"),
            "{text}"
        );
        assert!(!render(&own, &[]).contains("process_running"));
        for name in ["process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes"] {
            assert_eq!(text.lines().filter(|l| l.starts_with(&format!("{name} "))).count(), 1, "{name}");
        }
    }

    #[test]
    fn the_reference_is_current() {
        let mut text = "# Metrics\n\nThe numbers that `/metrics` on the web address has for Prometheus. A process that serves the \
                        web address alone (`loggr run web`) has the numbers of all other processes, too, with the labels \
                        `host`, `part` and `directory`.\n\n*Made from the table in \
                        `crates/loggr/src/web/metrics.rs`.*\n"
            .to_owned();
        let row = |object: &str, m: &Metric| {
            format!("| `loggr_{object}{}` | {} | {} |\n", m.name, m.kind(), m.help)
        };
        let title = "\n| metric | type | meaning |\n| --- | --- | --- |\n";
        for family in FAMILIES {
            text.push_str(&format!("\n## Of each {0}\n\nLabel `{0}`: its name.\n{title}", family.object));
            text.extend(family.metrics.iter().map(|m| row(&format!("{}_", family.object), m)));
            if family.object == "listener" {
                text.push_str(&format!(
                    "\n## Of each sender of a listener\n\nLabels `listener`, `sender`: its address. The latest thousand of \
                     each listener.\n{title}"
                ));
                text.extend(SENDERS.iter().map(|m| row("sender_", m)));
            }
        }
        text.push_str(&format!("\n## Of each packer of a machine\n\nLabels `machine`, `packer`.\n{title}"));
        text.extend(PACKERS.iter().map(|m| row("packer_", m)));
        text.push_str(&format!(
            "\n## Of each rule of a filter\n\nLabels `machine`, `rule`, `line`.\n{title}"
        ));
        text.extend(RULES.iter().map(|m| row("rule_", m)));
        text.push_str(&format!(
            "\n## Of the rescue\n\nLabel `sink`: the shipper, `machine.NAME`, or \
                                `spool.EXCHANGE..KEY`.\n{title}"
        ));
        text.extend([RESCUED, UNUSABLE].iter().map(|m| row("rescue_", m)));
        text.push_str(&format!("\n## Of each process\n{title}"));
        text.extend([UPTIME, BUILD, RUNNING].iter().map(|m| row("", m)));
        text.push_str(&format!(
            "\nOf the process that answers, with the names that all programs use:\n{title}"
        ));
        text.extend(
            own::process().iter().map(|(name, kind, help, _)| format!("| `{name}` | {kind} | {help} |\n")),
        );
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == text,
            "`docs/reference/metrics.md` is old: run `UPDATE=1 cargo test -p loggr metrics`"
        );
    }
}
