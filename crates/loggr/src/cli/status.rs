//! `loggr status`: what runs, and where the events are.
//!
//! Asks the running processes; where none runs, reads the queues from disk. With `--url` a loggr elsewhere
//! is asked. What is wrong is said
//! in sentences at the end and by the exit code, so that it can be used as a check.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::remote::{Remote, RemoteArgs};
use super::table::{Column, Table, number, words};
use super::{Place, complain};
use crate::clean::{self, clean};
use crate::config::Config;
use crate::exit::Exit;
use crate::process::place;
use crate::registry::Registry;
use crate::status::{
    Broker, Certificate, Forward, Harvest, HarvestedFile, Holdings, Installation, Listener, Machine, Owned,
    Packer, Process, Queue, Rule, Seals, Ship, State, Store, Target, sentences,
};

/// Arguments of `loggr status`.
#[derive(Debug, Args)]
#[command(
    after_help = "The exit code is 0 if all is well, 1 if something is wrong (the last lines say what), 2 if the command \
                  line or the configuration is wrong, and 3 if no loggr runs."
)]
pub struct StatusArgs {
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Also show how many events each rule of the filters changed
    #[arg(long)]
    rules: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Prints the status.
pub fn run(place: &Place, args: &StatusArgs) -> Result<Exit> {
    let (status, mut shown, troubles) = match args.remote.open(place)? {
        Some(remote) => there(&remote)?,
        None => {
            let config = place.load_to_ask()?;
            let status = ask(&config)?;
            let (shown, troubles) = (serde_json::to_value(&status)?, sentences(&config, &status));
            (status, shown, troubles)
        }
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        shown["troubles"] = troubles.clone().into();
        writeln!(out, "{}", clean::json(&format!("{shown:#}")))?;
    } else {
        out.write_all(render(&status, args.rules).as_bytes())?;
        for (at, trouble) in troubles.iter().enumerate() {
            writeln!(out, "{}{}", if at == 0 { "\n" } else { "" }, sentence(trouble))?;
        }
    }
    Ok(match (status.running, troubles.is_empty()) {
        (true, true) => Exit::Fine,
        (true, false) => Exit::Failed,
        (false, _) => Exit::NotRunning,
    })
}

/// What is wrong, for people: of several lines the later ones stand behind blanks, so that none
/// looks like a trouble of its own.
fn sentence(trouble: &str) -> String {
    let mut lines = trouble.lines().map(clean);
    let mut out = format!("trouble: {}", lines.next().unwrap_or_default());
    for line in lines {
        out.push_str("\n    ");
        out.push_str(&line);
    }
    out
}

/// The status of an installation elsewhere, as it came, and what is wrong there.
fn there(remote: &Remote) -> Result<(Installation, Value, Vec<String>)> {
    let shown: Value = remote.get("/api/status", &[])?;
    let read = || -> serde_json::Result<_> {
        let troubles = shown.get("troubles").cloned().unwrap_or_default();
        Ok((serde_json::from_value(shown.clone())?, serde_json::from_value::<Option<Vec<String>>>(troubles)?))
    };
    let (status, troubles) =
        read().context("the server's status cannot be read; it may be of another version")?;
    Ok((status, shown, troubles.unwrap_or_default()))
}

/// The status of the installation; where nothing runs, of what lies on disk.
pub fn ask(config: &Config) -> Result<Installation> {
    let registry = Registry::open(config)?;
    match (place::permitted(&config.data.directory), registry.server()) {
        // Others may be told of all the same.
        (Err(error), Some(_)) => complain(&format!("warning: {error:#}\n")),
        (permitted, _) => permitted?,
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let status = runtime.context("cannot start the runtime")?.block_on(registry.seen_from_outside(config));
    if let Some(problem) = status.registry.as_ref().and_then(|registry| registry.problem.as_ref()) {
        complain(&format!("warning: {problem}\n"));
    }
    Ok(status)
}

const PROCESSES: &[Column<Process>] = &[
    ("PROCESS", |p| words(&p.identity.component)),
    ("NAME", |p| words(&p.identity.name)),
    ("HOST", |p| words(&p.identity.host)),
    ("PID", |p| number(p.identity.pid)),
    ("STATE", |p| p.state.keyword().to_owned()),
    ("SEEN", |p| number(Some(p.seen_seconds))),
    ("VERSION", |p| words(&p.identity.version)),
    ("STARTED", |p| words(&p.identity.started)),
    ("DATA", |p| words(&p.identity.data_directory)),
];
const LISTENERS: &[Column<Listener>] = &[
    ("LISTENER", |l| clean(&l.name).into()),
    ("PROTOCOL", |l| clean(&l.protocol).into()),
    ("ADDRESS", |l| clean(&l.address).into()),
    ("RECEIVED", |l| number(Some(l.received))),
    ("ACCEPTED", |l| number(Some(l.accepted))),
    ("REFUSED", |l| number(Some(l.refused + l.handshakes_refused))),
    ("CONNECTIONS", |l| number(Some(l.connections))),
    ("KERNEL DROPS", |l| number(Some(l.kernel_drops))),
    ("LOST", |l| number(Some(l.lost))),
];
const FILES: &[Column<Listener>] = &[
    ("FILES OF", |l| clean(&l.name).into()),
    ("WATCHED", |l| number(l.files.as_ref().map(|f| f.watched))),
    ("BYTES BEHIND", |l| number(l.files.as_ref().map(|f| f.bytes_behind))),
    ("OLDEST UNREAD", |l| l.files.as_ref().map(|f| format!("{:.0} s", f.oldest_seconds)).unwrap_or_default()),
    ("TRUNCATED", |l| number(l.files.as_ref().map(|f| f.truncated))),
    ("GAPS", |l| number(l.files.as_ref().map(|f| f.gaps))),
    ("BYTES MISSING", |l| number(l.files.as_ref().map(|f| f.gap_bytes))),
    ("IN TROUBLE", |l| number(l.files.as_ref().map(|f| f.troubles.len() as u64))),
];
const CERTIFICATES: &[Column<Certificate>] = &[
    ("CERTIFICATE OF", |c| clean(&c.place).into()),
    ("NAME", |c| clean(&c.name).into()),
    ("ENDS", |c| clean(&c.ends).into()),
    ("DAYS LEFT", |c| number((!c.ends.is_empty()).then_some(c.days_left))),
];
const SEALS: &[Column<Seals>] = &[
    ("SEALS OF", |s| clean(&s.name).into()),
    ("KIND", |s| clean(&s.kind).into()),
    ("SIGNED", |s| number(Some(s.signed))),
    ("GOOD", |s| number(Some(s.good))),
    ("BROKEN", |s| number(Some(s.broken))),
    ("UNSEALED", |s| number(Some(s.unsealed))),
    ("REFUSED", |s| number(Some(s.refused))),
];
const QUEUES: &[Column<Queue>] = &[
    ("QUEUE", |q| clean(&q.name).into()),
    ("EXCHANGE", |q| clean(&q.exchange).into()),
    ("RECEIVED", |q| number(q.disk().map(|d| d.received))),
    ("STORED", |q| number(Some(q.stored))),
    ("WAITING", |q| number(q.disk().map(|d| d.waiting))),
    ("RESCUED", |q| number(Some(q.rescued))),
    ("DROPPED", |q| number(Some(q.dropped))),
    ("DAMAGED", |q| number(q.disk().map(|d| d.damaged))),
];
const QUEUES_OF_THE_BROKER: &[Column<Queue>] = &[
    ("QUEUE OF THE BROKER", |q| clean(&q.name).into()),
    ("EXCHANGE", |q| clean(&q.exchange).into()),
    ("MESSAGES", |q| number(q.broker().map(|(messages, _)| messages))),
    ("CONSUMERS", |q| number(q.broker().map(|(_, consumers)| consumers))),
    ("IN HAND", |q| number(Some(q.leased))),
    ("STORED", |q| number(Some(q.stored))),
    ("RESCUED", |q| number(Some(q.rescued))),
    ("DROPPED", |q| number(Some(q.dropped))),
];
const BROKERS: &[Column<Broker>] = &[
    ("BROKER", |b| words(&b.broker)),
    ("HOST", |b| words(&b.host)),
    ("SPOOLING", |b| b.spooling.to_string()),
    ("WAITING IN SPOOL", |b| number(Some(b.spool_waiting))),
    ("SPOOL BYTES", |b| number(Some(b.spool_bytes))),
    ("TROUBLE", |b| words(&b.trouble)),
];
const MACHINES: &[Column<Machine>] = &[
    ("MACHINE", |m| clean(&m.name).into()),
    ("RECEIVED", |m| number(Some(m.received))),
    ("MERGED", |m| number(Some(m.merged))),
    ("STORED", |m| number(Some(m.stored))),
    ("RESCUED", |m| number(Some(m.rescued))),
    ("DROPPED", |m| number(Some(m.dropped))),
    ("FILTER ERROR", |m| words(&m.filter_error)),
];
const PACKERS: &[Column<Of<Packer>>] = &[
    ("PACKER", |p| clean(&p.part.name).into()),
    ("MACHINE", |of| clean(&of.whole).into()),
    ("HELD", |p| number(Some(p.part.held))),
    ("PACKED", |p| number(Some(p.part.packed))),
    ("MERGED", |p| number(Some(p.part.merged))),
    ("BY AGE", |p| number(Some(p.part.by_age))),
    ("BY LIMIT", |p| number(Some(p.part.by_limit))),
    ("BY FLUSH", |p| number(Some(p.part.by_flush))),
];
const RULES: &[Column<Of<Rule>>] = &[
    ("LINE", |r| number(Some(r.part.line))),
    ("MACHINE", |of| clean(&of.whole).into()),
    ("REACHED", |r| number(Some(r.part.reached))),
    ("DID", |r| number(Some(r.part.did))),
    ("FAILED", |r| number(Some(r.part.failed))),
    ("MEAN NS", |r| number(r.part.mean_nanos)),
    ("RULE", |r| clean(&r.part.rule).into()),
];
const HARVESTS: &[Column<Harvest>] = &[
    ("HARVEST", |h| clean(&h.name).into()),
    ("DIRECTORY", |h| clean(&h.directory).into()),
    ("WAITING", |h| number(Some(h.waiting))),
    ("TEMPORARY", |h| number(Some(h.temporary))),
    ("IN HAND", |h| number(Some(h.in_hand))),
    ("DONE", |h| number(Some(h.done))),
    ("AGAIN", |h| number(Some(h.again))),
    ("FAILED", |h| number(Some(h.failed))),
    ("ACCEPTED", |h| number(Some(h.accepted))),
    ("LAST FILE", |h| last_file(&h.last)),
    ("LAST FAILED", |h| last_file(&h.last_failed)),
    ("TROUBLE", |h| words(&h.trouble)),
];
const SHIPS: &[Column<Ship>] = &[
    ("SHIPPER", |s| clean(&s.name).into()),
    ("KIND", |s| clean(&s.kind).into()),
    ("STORED", |s| number(Some(s.stored))),
    ("NOT CHOSEN", |s| number(Some(s.dropped))),
    ("FAILING", |s| s.failing.to_string()),
    ("LAST ERROR", |s| words(&s.last_error)),
];
const FORWARDING: &[Column<Of<Forward>>] = &[
    ("FORWARDER", |of| clean(&of.whole).into()),
    ("TO", |f| words(&f.part.current)),
    ("REFUSED", |f| number(Some(f.part.refused))),
    ("UNACKNOWLEDGED", |f| number(Some(f.part.unacknowledged))),
    ("RESENT", |f| number(Some(f.part.resent))),
    ("CUT", |f| number(Some(f.part.cut))),
    ("RECONNECTS", |f| number(Some(f.part.reconnects))),
];
const TARGETS: &[Column<Of<Target>>] = &[
    ("TARGET", |t| clean(&t.part.address).into()),
    ("FORWARDER", |of| clean(&of.whole).into()),
    ("STATE", |t| clean(&t.part.state).into()),
    ("SINCE", |t| words(&t.part.since)),
    ("SENT", |t| number(Some(t.part.sent))),
    ("REFUSED", |t| number(Some(t.part.refused))),
    ("TLS", |t| words(&t.part.tls)),
    ("DAYS LEFT", |t| number(t.part.certificate_days_left)),
    ("COMPRESSED", |t| compressed(&t.part)),
    ("TROUBLE", |t| words(&t.part.trouble)),
];
const STORES: &[Column<Of<Holdings>>] = &[
    ("STORE", |of| clean(&of.whole).into()),
    ("EVENTS", |s| number(Some(s.part.events))),
    ("BYTES", |s| number(Some(s.part.bytes))),
    ("OLDEST", |s| words(&s.part.oldest)),
    ("NEWEST", |s| words(&s.part.newest)),
    ("DROPPED BY RETENTION", |s| number(Some(s.part.dropped))),
    ("PURGED", |s| number(Some(s.part.purged))),
    ("DAMAGED FILES", |s| number(Some(s.part.damaged))),
];

/// A file of a harvest, and what is to say of it.
fn last_file(file: &Option<HarvestedFile>) -> String {
    words(&file.as_ref().map(|file| format!("{} ({})", file.path, file.what)))
}

/// What compression gains, or why there is none.
fn compressed(target: &Target) -> String {
    let Target { compression, sent_bytes, plain_bytes, .. } = target;
    match compression.as_deref() {
        Some("zstd") if *sent_bytes > 0 => {
            format!("zstd, {:.1} : 1", *plain_bytes as f64 / *sent_bytes as f64)
        }
        _ => words(compression),
    }
}

/// A part of something that has a name.
#[derive(Clone, Debug)]
struct Of<T> {
    whole: String,
    part: T,
}

fn render(status: &Installation, rules: bool) -> String {
    let running = status.processes.iter().filter(|p| p.state == State::Running).count();
    let several = status.processes.len() > 1 || running != status.processes.len();
    let mut out = head(status, running);
    let one = Table { several: false, status };
    if several {
        let processes = status.processes.iter().cloned();
        let rows = processes.map(|item| Owned { item, process: None, host: None }).collect::<Vec<_>>();
        out += &one.show(PROCESSES, &rows);
    }
    out += &privileges(status, several);
    let all = Table { several, status };
    out += &all.show(LISTENERS, &status.listeners);
    out += &all.said("LISTENER THAT HAS ENDED", &status.listeners, |l| (&l.name, l.ended.as_deref()));
    let reading: Vec<_> = status.listeners.iter().filter(|l| l.item.files.is_some()).cloned().collect();
    out += &all.show(FILES, &reading);
    out += &all.show(HARVESTS, &status.harvests);
    out += &all.said("HARVEST THAT HAS ENDED", &status.harvests, |h| (&h.name, h.ended.as_deref()));
    out += &all.show(CERTIFICATES, &status.certificates);
    let (here, there): (Vec<_>, Vec<_>) = status.queues.iter().cloned().partition(|q| q.disk().is_some());
    out += &all.show(QUEUES, &here);
    out += &all.said("QUEUE IN TROUBLE", &here, |q| (&q.name, q.trouble()));
    out += &all.said("EXCHANGE THAT TAKES NOTHING", &status.exchanges, |e| (&e.name, e.trouble.as_deref()));
    out += &all.show(QUEUES_OF_THE_BROKER, &there);
    out += &all.show(BROKERS, &status.brokers);
    out += &all.show(MACHINES, &status.machines);
    out += &all.said("MACHINE THAT HAS ENDED", &status.machines, |m| (&m.name, m.ended.as_deref()));
    out += &all.show(PACKERS, &parts(&status.machines, |m| &m.packers));
    if rules {
        out += &all.show(RULES, &parts(&status.machines, |m| &m.rules));
    }
    out += &all.show(SHIPS, &status.ships);
    out += &all.said("SHIPPER THAT HAS ENDED", &status.ships, |s| (&s.name, s.ended.as_deref()));
    out += &all.show(FORWARDING, &forwarding(&status.ships));
    out += &all.show(TARGETS, &targets(&status.ships));
    out += &all.show(SEALS, &status.seals);
    out += &all.show(STORES, &holdings(&status.stores));
    out += &all.said("STORE WITH TROUBLE", &status.stores, |s| (&s.name, s.trouble.as_deref()));
    out += &all.said("STORE THAT DROPS NOTHING", &status.stores, |s| (&s.name, s.clock()));
    out
}

/// Who runs, and what is wrong with everything.
fn head(status: &Installation, running: usize) -> String {
    let speaker = &status.speaker;
    let directory = words(&speaker.data_directory);
    let mut out = match (running, status.running) {
        (2.., _) => format!("{running} processes of loggr run\n"),
        (_, true) => format!(
            "loggr {} runs as process {} for {} s in {directory}\n",
            words(&speaker.version),
            number(speaker.pid),
            number(speaker.uptime_seconds),
        ),
        (_, false) => format!(
            "loggr does not run on {directory}; if its data lies elsewhere, name that with `--data-dir` or \
             `LOGGR_DATA_DIR`\n"
        ),
    };
    for (why, what) in [
        (&status.problem, "the queues cannot be read"),
        (&status.rescue_trouble, "the rescue cannot be used"),
    ] {
        if let Some(why) = why {
            out += &format!("{what}: {why}\n");
        }
    }
    out
}

/// What each process that runs may do.
fn privileges(status: &Installation, several: bool) -> String {
    let running = status.processes.iter().filter(|process| process.state == State::Running);
    let lines = running.filter_map(|process| {
        let said = clean(process.identity.privileges.as_deref()?);
        let of = process.identity.part().filter(|_| several).map(|part| format!(" of {}", clean(&part)));
        Some(format!("privileges{}: {said}\n", of.unwrap_or_default()))
    });
    lines.collect()
}

/// The packers or the rules of all machines.
fn parts<T: Clone>(machines: &[Owned<Machine>], of: impl Fn(&Machine) -> &Vec<T>) -> Vec<Owned<Of<T>>> {
    let rows = machines.iter().flat_map(|machine| {
        let parts = of(machine).iter().cloned();
        parts.map(|part| machine.with(Of { whole: machine.name.clone(), part })).collect::<Vec<_>>()
    });
    rows.collect()
}

/// The shippers that hand events on.
fn forwarding(ships: &[Owned<Ship>]) -> Vec<Owned<Of<Forward>>> {
    let those = ships.iter().filter_map(|ship| {
        let part = ship.forward.clone()?;
        Some(ship.with(Of { whole: ship.name.clone(), part }))
    });
    those.collect()
}

/// The targets of all of them.
fn targets(ships: &[Owned<Ship>]) -> Vec<Owned<Of<Target>>> {
    let rows = ships.iter().flat_map(|ship| {
        let targets = ship.targets().iter().cloned();
        targets.map(|part| ship.with(Of { whole: ship.name.clone(), part })).collect::<Vec<_>>()
    });
    rows.collect()
}

/// The stores that are open.
fn holdings(stores: &[Owned<Store>]) -> Vec<Owned<Of<Holdings>>> {
    let open = stores.iter().filter_map(|store| {
        let part = store.holds.clone()?;
        Some(store.with(Of { whole: store.name.clone(), part }))
    });
    open.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Identity;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn process(component: &str, host: &str, name: Option<&str>) -> Process {
        let identity = Identity {
            id: format!("{host}:{component}"),
            component: text(component),
            host: text(host),
            name: name.map(str::to_owned),
            ..Identity::default()
        };
        Process { identity, uptime_seconds: None, state: State::Running, seen_seconds: 0 }
    }

    fn of<T>(process: &Process, item: T) -> Vec<Owned<T>> {
        let (id, host) = (process.identity.id.clone(), process.identity.host.clone());
        vec![Owned { item, process: Some(id), host }]
    }

    #[test]
    fn rows_of_several_processes_say_whose_they_are() {
        let (web, db) = (process("server", "web1", None), process("ship", "db1", Some("archive")));
        let tcp = Listener { name: "tcp".to_owned(), ..Listener::default() };
        let archive = Ship { name: "archive".to_owned(), kind: "files".to_owned(), ..Ship::default() };
        let status = Installation {
            running: true,
            listeners: of(&web, tcp.clone()),
            ships: of(&db, archive),
            processes: vec![web, db],
            ..Installation::default()
        };
        let text = render(&status, false);
        let row =
            |first: &str| text.lines().find(|line| line.starts_with(first)).unwrap_or_default().to_owned();
        assert!(row("LISTENER").ends_with("HOST  PROCESS"), "{text}");
        assert!(row("tcp").ends_with("web1  server"), "{text}");
        assert!(row("archive").ends_with("db1   ship archive"), "{text}");
        // One process needs no such columns.
        let all = process("all", "web1", None);
        let listeners = of(&all, tcp);
        let one = Installation { running: true, listeners, processes: vec![all], ..Installation::default() };
        assert!(!render(&one, false).contains("PROCESS"));
    }

    #[test]
    fn a_mistake_in_a_filter_is_shown_in_lines() {
        let mistake =
            "main.filter:1:4: there is no core field `app_nam`\n 1 | if app_nam == 5 {\u{1b}\ntrouble: x";
        let all = process("all", "web1", None);
        let machine = Machine { name: "main".to_owned(), filter_error: text(mistake), ..Machine::default() };
        let status = Installation { running: true, machines: of(&all, machine), ..Installation::default() };
        let text = render(&status, false);
        assert!(text.lines().any(|row| row.ends_with("there is no core field `app_nam` …")), "{text}");
        assert_eq!(
            sentence(&format!("machine `main`: {mistake}")),
            "trouble: machine `main`: main.filter:1:4: there is no core field `app_nam`\n     \
             1 | if app_nam == 5 {#033\n    trouble: x"
        );
    }

    #[test]
    fn who_was_refused_is_counted_where_people_look() {
        let listener = Listener { name: "udp".to_owned(), refused: 7, ..Listener::default() };
        let listeners = of(&process("all", "web1", None), listener);
        let text = render(&Installation { running: true, listeners, ..Installation::default() }, false);
        assert!(text.contains("REFUSED") && text.lines().any(|row| row.contains(" 7 ")), "{text}");
    }
}
