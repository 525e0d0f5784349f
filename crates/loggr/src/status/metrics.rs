//! `/metrics` in Prometheus' text format, from the same numbers as the status.
//!
//! The table of metrics of each kind of object is in the file of that kind. Here are the writer of
//! the format and the metrics of the rescue and of the whole process. A process that only serves
//! the web address also shows the numbers of all other processes, with labels that name the
//! process.

use std::fmt::Write;

use super::metric::{Metric, count, metric, said};
use super::{
    Seen, State, Status, broker, certificate, disk, harvest, kernel, listener, machine, queue, seal, ship,
    store,
};

/// Metrics of the rescue, one line for each sink.
const RESCUED: &[Metric<u64>] = &[metric(
    "events",
    |events| count(*events),
    "Events that are in the rescue now, refused by the destination that the label names.",
)];
/// Metrics of the rescue as a whole.
const UNUSABLE: &[Metric<Status>] = &[metric(
    "unusable",
    |s| said(&s.rescue_trouble),
    "1 while loggr cannot read or write the rescue; events that should go there wait in their queues.",
)];
/// Metrics of the whole process.
const UPTIME: &[Metric<Status>] =
    &[metric("uptime_seconds", |s| count(s.uptime_seconds?), "Seconds since the process started.")];
const BUILD: &[Metric<Status>] =
    &[metric("build_info", |_| count(1), "Always 1; the label `version` is the version of loggr.")];
const RUNNING: &[Metric<Seen>] = &[metric(
    "process_running",
    |seen| count(u64::from(seen.state == State::Running)),
    "1 for a process that reports to the registry in time, 0 for one that is late or lost. Only a process \
     that serves the web address alone has this metric.",
)];

/// Writes the metrics of this process, and those of `others` with labels that name their process.
pub fn render(own: &Status, others: &[Seen]) -> String {
    let alive = others.iter().filter(|seen| seen.state != State::Lost);
    let mut told = vec![(own, String::new())];
    told.extend(alive.map(|seen| (&seen.status, owner(&seen.status))));
    let mut page = Page { out: String::with_capacity(8192), told };
    page.of_each("listener_", listener::METRICS, |s| {
        s.listeners.iter().map(|l| (label("listener", &l.name), l)).collect()
    });
    page.of_each("sender_", listener::SENDERS, |s| {
        let all = s.listeners.iter().flat_map(|l| l.senders.iter().map(move |sender| (l, sender)));
        all.map(|(l, s)| (join(&label("listener", &l.name), &label("sender", &s.name)), s)).collect()
    });
    page.of_each("harvest_", harvest::METRICS, |s| {
        s.harvests.iter().map(|h| (label("harvest", &h.name), h)).collect()
    });
    page.of_each("certificate_", certificate::METRICS, |s| {
        s.certificates.iter().map(|c| (label("place", &c.place), c)).collect()
    });
    page.of_each("queue_", queue::METRICS, |s| {
        s.queues.iter().map(|q| (label("queue", &q.name), q)).collect()
    });
    page.of_each("broker_", broker::METRICS, |s| {
        s.brokers.iter().map(|b| (label("broker", &b.name), b)).collect()
    });
    page.of_each("exchange_", queue::EXCHANGES, |s| {
        s.exchanges.iter().map(|e| (label("exchange", &e.name), e)).collect()
    });
    page.of_each("disk_", disk::METRICS, |s| s.disks.iter().map(|d| (label("disk", &d.name), d)).collect());
    page.of_each("machine_", machine::METRICS, |s| {
        s.machines.iter().map(|m| (label("machine", &m.name), m)).collect()
    });
    page.of_each("packer_", machine::PACKERS, |s| {
        let all = s.machines.iter().flat_map(|m| m.packers.iter().map(move |packer| (m, packer)));
        all.map(|(m, p)| (join(&label("machine", &m.name), &label("packer", &p.name)), p)).collect()
    });
    page.of_each("rule_", machine::RULES, |s| {
        let all = s.machines.iter().flat_map(|m| m.rules.iter().enumerate().map(move |rule| (m, rule)));
        let labels = |at: usize, line: u64| format!("rule=\"{at}\",line=\"{line}\"");
        all.map(|(m, (at, r))| (join(&label("machine", &m.name), &labels(at, r.line)), r)).collect()
    });
    page.of_each("ship_", ship::METRICS, |s| s.ships.iter().map(|s| (label("ship", &s.name), s)).collect());
    page.of_each("target_", ship::TARGETS, |s| {
        let all = s.ships.iter().flat_map(|s| s.targets().iter().map(move |target| (s, target)));
        all.map(|(s, t)| (join(&label("ship", &s.name), &label("target", &t.address)), t)).collect()
    });
    page.of_each("seal_", seal::METRICS, |s| {
        s.seals.iter().map(|of| (join(&label("kind", &of.kind), &label("name", &of.name)), of)).collect()
    });
    page.of_each("store_", store::METRICS, |s| {
        s.stores.iter().map(|s| (label("store", &s.name), s)).collect()
    });
    page.of_each("rescue_", RESCUED, |s| {
        s.rescue.iter().map(|(sink, events)| (label("sink", sink), events)).collect()
    });
    page.of_each("rescue_", UNUSABLE, |s| vec![(String::new(), s)]);
    page.of_each("", UPTIME, |s| vec![(String::new(), s)]);
    page.of_each("", BUILD, |s| {
        vec![(label("version", s.identity.version.as_deref().unwrap_or_default()), s)]
    });
    for (name, kind, help, value) in kernel::process() {
        let Some(value) = value else { continue };
        page.line(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"));
    }
    if !others.is_empty() {
        page.write("", RUNNING, &others.iter().map(|seen| (owner(&seen.status), seen)).collect::<Vec<_>>());
    }
    page.out
}

/// The page that is being written.
struct Page<'s> {
    out: String,
    /// The processes whose numbers are written, each with the labels that name it.
    told: Vec<(&'s Status, String)>,
}

impl<'s> Page<'s> {
    /// Writes the metrics of one kind of object; `of` lists the objects of a process with their
    /// labels.
    fn of_each<T>(
        &mut self,
        object: &str,
        metrics: &[Metric<T>],
        of: impl Fn(&'s Status) -> Vec<(String, &'s T)>,
    ) {
        let mut rows = Vec::new();
        for (status, owner) in &self.told {
            rows.extend(of(status).into_iter().map(|(labels, item)| (join(&labels, owner), item)));
        }
        self.write(object, metrics, &rows);
    }

    /// Writes one metric after the other, each with the values of all objects.
    fn write<T>(&mut self, object: &str, metrics: &[Metric<T>], rows: &[(String, &T)]) {
        for metric in metrics {
            let name = format!("loggr_{object}{}", metric.name);
            self.line(&format!("# HELP {name} {}\n# TYPE {name} {}", metric.help, metric.kind()));
            for (labels, item) in rows {
                // Not every object has every metric: a queue on a broker and a queue on disk have
                // different numbers.
                let Some(value) = (metric.value)(item) else { continue };
                match labels.is_empty() {
                    true => self.line(&format!("{name} {value}")),
                    false => self.line(&format!("{name}{{{labels}}} {value}")),
                }
            }
        }
    }

    fn line(&mut self, text: &str) {
        writeln!(self.out, "{text}").expect("BUG: a string takes everything");
    }
}

/// The labels that name the process to which the numbers belong.
fn owner(status: &Status) -> String {
    let of = &status.identity;
    let text = |value: &Option<String>| escape(value.as_deref().unwrap_or_default());
    let part = match &of.name {
        Some(name) => format!("{}-{}", text(&of.component), escape(name)),
        None => text(&of.component),
    };
    format!("host=\"{}\",part=\"{part}\",directory=\"{}\"", text(&of.host), text(&of.data_directory))
}

fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", escape(value))
}

fn join(labels: &str, more: &str) -> String {
    let comma = if labels.is_empty() || more.is_empty() { "" } else { "," };
    format!("{labels}{comma}{more}")
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Identity, Machine, Packer, Rule};
    use std::time::Duration;

    fn of(host: &str, component: &str, name: Option<&str>, directory: &str) -> Identity {
        Identity {
            host: Some(host.to_owned()),
            component: Some(component.to_owned()),
            name: name.map(str::to_owned),
            version: Some("1".to_owned()),
            data_directory: Some(directory.to_owned()),
            ..Identity::default()
        }
    }

    #[test]
    fn numbers_of_others_have_labels() {
        let version = Identity { version: Some("1".to_owned()), ..Identity::default() };
        let own = Status { identity: version, uptime_seconds: Some(5), ..Status::default() };
        let machine = Machine {
            name: "ma\"in".to_owned(),
            received: 7,
            failing: true,
            ended: Some("its queue ended unexpectedly and hands out no more events".to_owned()),
            packers: vec![Packer { name: "java".to_owned(), held: 4, ..Packer::default() }],
            rules: vec![Rule { line: 3, reached: 2, did: 1, nanos: 1_500_000_000, ..Rule::default() }],
            ..Machine::default()
        };
        let other = Status {
            identity: of("web1", "machine", Some("main"), "/d"),
            uptime_seconds: Some(9),
            machines: vec![machine],
            ..Status::default()
        };
        let late = Seen { status: other, state: State::Late, age: Duration::ZERO };
        let gone = Status { identity: of("db", "server", None, "/e"), ..Status::default() };
        let lost = Seen { status: gone, state: State::Lost, age: Duration::ZERO };
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
        let mut text = "# Metrics\n\nThese are the metrics that loggr serves to Prometheus under `/metrics` of the \
                        web address. A process that serves the web address alone (`loggr run web`) also serves the \
                        metrics of all other processes, with the labels `host`, `part` (what the process runs) and \
                        `directory` (its data directory).\n\nThe numbers of queues and stores are kept on disk. All \
                        other counters begin at 0 when the process starts. A gauge of 1 or 0 says whether something \
                        is the case.\n\n*Made from the tables in `crates/loggr/src/status/`.*\n"
            .to_owned();
        fn rows<T>(object: &str, metrics: &[Metric<T>]) -> String {
            let row = |m: &Metric<T>| format!("| `loggr_{object}{}` | {} | {} |\n", m.name, m.kind(), m.help);
            metrics.iter().map(row).collect()
        }
        let title = "\n| metric | type | meaning |\n| --- | --- | --- |\n";
        let mut family = |heading: &str, labels: &str, table: String| {
            text.push_str(&format!("\n## {heading}\n\n{labels}\n{title}{table}"));
        };
        family(
            "Listeners",
            "The label `listener` is the listener's name.",
            rows("listener_", listener::METRICS),
        );
        family(
            "Senders of listeners",
            "The labels are `listener`, the listener's name, and `sender`, the sender's address. Each listener \
             remembers the latest thousand senders.",
            rows("sender_", listener::SENDERS),
        );
        family("Harvests", "The label `harvest` is the harvest's name.", rows("harvest_", harvest::METRICS));
        family(
            "Queues",
            "The label `queue` is the queue's name. A queue on disk and a queue on a RabbitMQ broker do not have \
             all of these metrics: the broker counts messages, not events.",
            rows("queue_", queue::METRICS),
        );
        family(
            "The broker and the spool",
            "With RabbitMQ only. The label `broker` is `rabbitmq`.",
            rows("broker_", broker::METRICS),
        );
        family(
            "Exchanges",
            "With the embedded bus. The label `exchange` is the exchange's name.",
            rows("exchange_", queue::EXCHANGES),
        );
        family(
            "Disks",
            "One for each file system that loggr writes to. The label `disk` is the first directory on it that \
             loggr uses.",
            rows("disk_", disk::METRICS),
        );
        family("Machines", "The label `machine` is the machine's name.", rows("machine_", machine::METRICS));
        family("Shippers", "The label `ship` is the shipper's name.", rows("ship_", ship::METRICS));
        family(
            "Targets of shippers",
            "Of shippers of kind `syslog`. The labels are `ship` and `target`, the target's host and port.",
            rows("target_", ship::TARGETS),
        );
        family(
            "Seals",
            "Of listeners, machines and shippers with `seal`. The labels are `kind`, which is `listener`, `machine` \
             or `ship`, and `name`.",
            rows("seal_", seal::METRICS),
        );
        family(
            "Stores",
            "The label `store` is the name of the shipper that writes the store. The numbers of a PostgreSQL \
             store may be some minutes old.",
            rows("store_", store::METRICS),
        );
        family(
            "Packers of machines",
            "The labels are `machine` and `packer`, the names of both.",
            rows("packer_", machine::PACKERS),
        );
        family(
            "Rules of filters",
            "The labels are `machine`, the machine that runs the filter, `rule`, the rule's number in it, and \
             `line`, its line in the file.",
            rows("rule_", machine::RULES),
        );
        family(
            "The rescue",
            "The label `sink` says where the events could not go: it is the name of a shipper, `machine.NAME`, \
             `listener.NAME`, or `spool.EXCHANGE..KEY`.",
            rows("rescue_", RESCUED) + &rows("rescue_", UNUSABLE),
        );
        family(
            "Processes",
            "These metrics are about the whole process.",
            rows("", UPTIME) + &rows("", BUILD) + &rows("", RUNNING),
        );
        text.push_str(&format!(
            "\nThese describe the process that answers; programs of all kinds call them so:\n{title}"
        ));
        text.extend(
            kernel::process().iter().map(|(name, kind, help, _)| format!("| `{name}` | {kind} | {help} |\n")),
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
