//! One status of a whole installation, from those of its processes.
//!
//! Sums are over running processes; of a lost process only the identity is shown. Each item of a
//! list names its process.

use std::collections::BTreeMap;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Broker, Certificate, Disk, Exchange, Harvest, Identity, Listener, Machine, Queue, QueuePlace, Seals,
    Seen, Ship, State, Status, Store, Totals, offline,
};
use crate::config::Config;

/// The status of an installation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Installation {
    /// Whether a process runs.
    pub running: bool,
    /// The process whose values stand for all where there can be only one: the first that runs.
    #[serde(flatten)]
    pub speaker: Speaker,
    /// All processes, those that run first.
    pub processes: Vec<Process>,
    /// Sums over all queues.
    pub totals: Totals,
    /// The listeners.
    pub listeners: Vec<Owned<Listener>>,
    /// The harvests.
    pub harvests: Vec<Owned<Harvest>>,
    /// The certificates that are shown.
    pub certificates: Vec<Owned<Certificate>>,
    /// The logs of the buses.
    pub exchanges: Vec<Owned<Exchange>>,
    /// The queues.
    pub queues: Vec<Owned<Queue>>,
    /// The broker, as each process sees it.
    pub brokers: Vec<Owned<Broker>>,
    /// The disks that are written to.
    pub disks: Vec<Owned<Disk>>,
    /// The machines.
    pub machines: Vec<Owned<Machine>>,
    /// The shippers.
    pub ships: Vec<Owned<Ship>>,
    /// What listeners, machines and shippers have found of seals.
    pub seals: Vec<Owned<Seals>>,
    /// The stores.
    pub stores: Vec<Owned<Store>>,
    /// Events in the rescue, by the sink that refused them.
    pub rescue: BTreeMap<String, u64>,
    /// Why the queues cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Why the rescue cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescue_trouble: Option<String>,
    /// Roles and users whom nothing is shown until they are changed, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_troubles: Vec<String>,
    /// The registry.
    pub registry: Option<Registry>,
}

/// The process that speaks for an installation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Speaker {
    host: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
    component: Option<String>,
    name: Option<String>,
    /// The program's version.
    pub version: Option<String>,
    started: Option<String>,
    /// Seconds since the start.
    pub uptime_seconds: Option<u64>,
    /// The directory that it works on.
    pub data_directory: Option<String>,
}

/// A process of an installation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProcessStatus")]
pub struct Process {
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Seconds since the start.
    pub uptime_seconds: Option<u64>,
    /// How it is doing.
    pub state: State,
    /// Seconds since it was last heard of.
    pub seen_seconds: u64,
}

/// The registry of an installation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Registry {
    /// `embedded` or `redis`.
    pub kind: String,
    /// The address of the server, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Why others may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An item of one process. Queues of a broker belong to no process, because all share them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Owned{T}")]
pub struct Owned<T> {
    /// What it is.
    #[serde(flatten)]
    pub item: T,
    /// The id of the process.
    pub process: Option<String>,
    /// The host of the process.
    pub host: Option<String>,
}

impl<T> Owned<T> {
    /// Another item of the same owner.
    pub fn with<U>(&self, item: U) -> Owned<U> {
        Owned { item, process: self.process.clone(), host: self.host.clone() }
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl Installation {
    /// Component and name of a process.
    pub fn part_of(&self, process: Option<&str>) -> Option<String> {
        let process = process?;
        self.processes.iter().find(|p| p.identity.id == process)?.identity.part()
    }
}

/// The status of an installation. If no running process tells about the queues on this disk, they
/// are read. May read from disk.
pub fn whole(config: &Config, seen: Vec<Seen>) -> Installation {
    let holds = |s: &Seen| s.state != State::Lost && !s.status.exchanges.is_empty();
    let rest = match seen.iter().any(holds) {
        true => None,
        false => Some(
            offline(config)
                .unwrap_or_else(|error| Status { problem: Some(format!("{error:#}")), ..Status::default() }),
        ),
    };
    combine(seen, rest)
}

/// Combines the status of one process or many. `rest` is what is known without any process.
pub fn combine(mut seen: Vec<Seen>, rest: Option<Status>) -> Installation {
    seen.sort_by_key(|s| s.state != State::Running);
    let mut out = Installation {
        processes: seen.iter().map(process).collect(),
        running: seen.iter().any(|s| s.state != State::Lost),
        ..Installation::default()
    };
    let running = seen.into_iter().filter(|s| s.state != State::Lost).map(|s| s.status);
    let mut counted: Vec<(Option<String>, Option<String>)> = Vec::new();
    for status in running.chain(rest) {
        let id = Some(status.identity.id.clone()).filter(|id| !id.is_empty());
        let (process, host) = (id, status.identity.host.clone());
        out.totals.add(&status.totals);
        speak(&mut out.speaker, &status);
        out.problem = out.problem.take().or(status.problem);
        out.rescue_trouble = out.rescue_trouble.take().or(status.rescue_trouble);
        out.access_troubles.extend(status.access_troubles);
        // Processes that share a data directory share its rescue.
        let place = (host.clone(), status.identity.data_directory.clone());
        if !counted.contains(&place) {
            counted.push(place);
            for (sink, events) in status.rescue {
                *out.rescue.entry(sink).or_default() += events;
            }
        }
        let owner = Owned { item: (), process, host };
        owner.own(status.listeners, &mut out.listeners);
        owner.own(status.harvests, &mut out.harvests);
        owner.own(status.certificates, &mut out.certificates);
        owner.own(status.seals, &mut out.seals);
        owner.own(status.exchanges, &mut out.exchanges);
        owner.own(status.queues, &mut out.queues);
        owner.own(status.brokers, &mut out.brokers);
        owner.own(status.disks, &mut out.disks);
        owner.own(status.machines, &mut out.machines);
        owner.own(status.ships, &mut out.ships);
        owner.own(status.stores, &mut out.stores);
    }
    out.queues = share(out.queues);
    out
}

impl Owned<()> {
    /// Adds items that are of this owner.
    fn own<T>(&self, items: Vec<T>, to: &mut Vec<Owned<T>>) {
        to.extend(items.into_iter().map(|item| self.with(item)));
    }
}

/// Fills in values of the speaker that are not known yet.
fn speak(speaker: &mut Speaker, status: &Status) {
    fn next<T: Clone>(known: &mut Option<T>, of: &Option<T>) {
        if known.is_none() {
            known.clone_from(of);
        }
    }
    let Identity { id: _, host, pid, component, name, version, started, data_directory, privileges: _ } =
        &status.identity;
    next(&mut speaker.host, host);
    next(&mut speaker.pid, pid);
    next(&mut speaker.component, component);
    next(&mut speaker.name, name);
    next(&mut speaker.version, version);
    next(&mut speaker.started, started);
    next(&mut speaker.uptime_seconds, &status.uptime_seconds);
    next(&mut speaker.data_directory, data_directory);
}

fn process(seen: &Seen) -> Process {
    Process {
        identity: seen.status.identity.clone(),
        uptime_seconds: seen.status.uptime_seconds,
        state: seen.state,
        seen_seconds: seen.age.as_secs(),
    }
}

/// Joins the entries of a broker's queue, which each process has, into one: the numbers of the
/// processes are added up.
fn share(queues: Vec<Owned<Queue>>) -> Vec<Owned<Queue>> {
    let mut whole: Vec<Owned<Queue>> = Vec::with_capacity(queues.len());
    for queue in queues {
        let of = &queue.item;
        let same = |known: &&mut Owned<Queue>| known.item.broker().is_some() && known.item.name == of.name;
        let known = of.broker().and_then(|now| Some((now, whole.iter_mut().find(same)?)));
        let Some(((ready, users), known)) = known else {
            whole.push(queue);
            continue;
        };
        known.item.leased += of.leased;
        known.item.stored += of.stored;
        known.item.rescued += of.rescued;
        known.item.dropped += of.dropped;
        known.item.redelivered += of.redelivered;
        if let QueuePlace::Broker { ready_messages, consumers } = &mut known.item.place {
            *ready_messages = ready.max(*ready_messages);
            *consumers = users.max(*consumers);
        }
        (known.process, known.host) = (None, None);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn seen(state: State, status: Status) -> Seen {
        Seen { status, state, age: Duration::from_secs(3) }
    }

    fn status(id: &str, stored: u64, balanced: bool) -> Status {
        Status {
            identity: Identity {
                id: id.to_owned(),
                host: Some("h".to_owned()),
                data_directory: Some("/d".to_owned()),
                ..Identity::default()
            },
            ships: vec![Ship { name: id.to_owned(), ..Ship::default() }],
            totals: Totals { stored, balanced, ..Totals::default() },
            rescue: BTreeMap::from([("db".to_owned(), 2)]),
            ..Status::default()
        }
    }

    #[test]
    fn numbers_are_added_and_items_say_whose_they_are() {
        let all = vec![
            seen(State::Lost, status("c", 9, true)),
            seen(State::Running, status("a", 2, true)),
            seen(State::Late, status("b", 3, false)),
        ];
        let out = combine(all, None);
        assert_eq!((out.totals.stored, out.totals.balanced), (5, false));
        assert_eq!(out.rescue, BTreeMap::from([("db".to_owned(), 2)]), "one directory has one rescue");
        assert!(out.running);
        let ships: Vec<_> =
            out.ships.iter().map(|s| (&*s.item.name, s.process.as_deref(), s.host.as_deref())).collect();
        assert_eq!(ships, [("a", Some("a"), Some("h")), ("b", Some("b"), Some("h"))]);
        let states: Vec<_> = out.processes.iter().map(|p| (&*p.identity.id, p.state)).collect();
        assert_eq!(states, [("a", State::Running), ("c", State::Lost), ("b", State::Late)]);
    }

    #[test]
    fn a_queue_of_the_broker_is_told_once() {
        let queue = |ready_messages: u64, stored: u64| {
            let place = QueuePlace::Broker { ready_messages, consumers: 1 };
            Queue { name: "q".to_owned(), stored, place, ..Queue::default() }
        };
        let of = |id: &str, queue: Queue| {
            let spool = Queue { name: "spool".to_owned(), ..Queue::default() };
            let queues = vec![queue, spool];
            seen(State::Running, Status { totals: Totals::of(&queues, 0), queues, ..status(id, 0, true) })
        };
        let out = combine(vec![of("a", queue(4, 1)), of("b", queue(3, 2))], None);
        assert_eq!(out.totals.ready_messages, 4);
        assert_eq!(out.queues.len(), 3, "each spool is its own");
        let shared = &out.queues[0];
        assert_eq!((shared.item.broker(), shared.item.stored), (Some((4, 1)), 3));
        assert_eq!(shared.process, None);
    }

    #[test]
    fn without_a_process_the_rest_is_told() {
        let rest = Status {
            totals: Totals { waiting: 4, ..Totals::default() },
            queues: vec![Queue::default()],
            ..status("", 0, true)
        };
        let out = combine(vec![seen(State::Lost, status("c", 1, true))], Some(rest));
        assert_eq!((out.running, out.speaker.data_directory.as_deref()), (false, Some("/d")));
        assert_eq!((out.totals.waiting, out.queues.len()), (4, 1));
    }
}
