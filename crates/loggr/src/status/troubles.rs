//! Finds the troubles in a status, and gives a sentence for each.
//!
//! Only the status is read: a new kind of trouble must be put there first.

use super::{Installation, Owned, Queue, State};
use crate::config::Config;

/// The sentences; none if all is well.
pub fn sentences(config: &Config, status: &Installation) -> Vec<String> {
    let mut found = Found(Vec::new());
    for process in &status.processes {
        let name = process.identity.part().unwrap_or_default();
        let host = process.identity.host.as_deref().unwrap_or("?");
        match process.state {
            State::Running => {}
            State::Late => found.0.push(format!("the process `{name}` on `{host}` does not answer in time")),
            State::Lost => {
                found.0.push(format!("the process `{name}` on `{host}` ended without stopping in order"));
            }
        }
    }
    for Owned { item: l, .. } in &status.listeners {
        found.of("listener", &l.name, l.ended.as_deref());
        found.of("listener", &l.name, l.trouble.as_deref());
        for trouble in l.files.iter().flat_map(|files| &files.troubles) {
            found.of("listener", &l.name, Some(trouble));
        }
        let why = "has stopped reading: the queue is full or cannot be written";
        if l.stalled {
            found.0.push(format!("listener `{}` {why}", l.name));
        }
    }
    for Owned { item: h, .. } in &status.harvests {
        found.of("harvest", &h.name, h.ended.as_deref());
        found.of("harvest", &h.name, h.trouble.as_deref());
        found.of("harvest", &h.name, h.stalled.then_some("the queue takes nothing, and files wait"));
    }
    for Owned { item: c, .. } in &status.certificates {
        found.0.extend(c.trouble.as_ref().map(|why| format!("{}: {why}", c.place)));
    }
    for Owned { item: e, .. } in &status.exchanges {
        found.of("exchange", &e.name, e.trouble.as_deref());
    }
    for Owned { item: q, .. } in &status.queues {
        found.of("queue", &q.name, q.trouble());
        found.of("queue", &q.name, left_behind(q).as_deref());
        let unbalanced = q.disk().is_some_and(|disk| !disk.balanced);
        found.of("queue", &q.name, unbalanced.then_some("its numbers do not add up"));
        let shared = q.broker().is_some_and(|(_, consumers)| consumers > 1) && is_lonely(config, &q.name);
        let why = "several processes take from it, and each stores a part";
        found.of("queue", &q.name, shared.then_some(why));
    }
    for Owned { item: m, .. } in &status.machines {
        found.of("machine", &m.name, m.ended.as_deref());
        found.of("machine", &m.name, m.filter_error.as_deref());
        found.of("machine", &m.name, m.failing.then_some(PASSES_NOTHING_ON));
    }
    for Owned { item: s, .. } in &status.ships {
        found.of("shipper", &s.name, s.ended.as_deref());
        found.of("shipper", &s.name, s.failing.then(|| s.last_error.as_deref().unwrap_or(PASSES_NOTHING_ON)));
        // Where all fail the shipper does, and says why.
        for why in s.targets().iter().filter(|_| !s.failing).filter_map(|target| target.trouble.as_deref()) {
            found.of("shipper", &s.name, Some(why));
        }
    }
    for Owned { item: s, .. } in &status.stores {
        found.of("store", &s.name, s.trouble.as_deref());
        found.of("store", &s.name, s.clock());
    }
    for Owned { item: b, .. } in &status.brokers {
        found.of("broker", &b.name, b.trouble.as_deref());
    }
    for (name, events) in status.rescue.iter().filter(|(_, events)| **events > 0) {
        let events = loggr_event::counted(events, "event");
        found.0.push(format!("the rescue holds {events} of `{name}`: see `loggr rescue list`"));
    }
    found.0.extend(status.registry.as_ref().and_then(|registry| registry.problem.clone()));
    found.0.extend(status.problem.clone());
    found.0.extend(status.rescue_trouble.as_ref().map(|why| format!("the rescue: {why}")));
    found.0.extend(status.access_troubles.iter().cloned());
    found.0
}

const PASSES_NOTHING_ON: &str = "it cannot pass its events on";

struct Found(Vec<String>);

impl Found {
    fn of(&mut self, kind: &str, name: &str, why: Option<&str>) {
        let why = why.filter(|why| !why.is_empty());
        self.0.extend(why.map(|why| format!("{kind} `{name}`: {why}")));
    }
}

/// Whether a shipper that stores on its own disk takes from this queue.
fn is_lonely(config: &Config, queue: &str) -> bool {
    config.ships.iter().any(|ship| ship.queue == queue && ship.is_lonely())
}

/// Events that wait for nobody: the configuration has no queue any more in which they lie.
fn left_behind(queue: &Queue) -> Option<String> {
    let disk = queue.disk().filter(|disk| !queue.configured && disk.waiting > 0)?;
    let (waiting, name) = (disk.waiting, &queue.name);
    Some(format!(
        "the configuration does not name it any more, and {waiting} {} in it: put back what took them, or drop \
         them with `loggr queue purge {name} --yes`",
        if waiting == 1 { "event waits" } else { "events wait" }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;
    use crate::status::queue::Disk;
    use crate::status::*;

    #[track_caller]
    fn check(tell: impl FnOnce(&mut Installation), expect: &[&str]) {
        let mut status = Installation::default();
        tell(&mut status);
        assert_eq!(sentences(&read("[ship.a]\nkind='files'"), &status), expect);
    }

    fn one<T>(item: T) -> Vec<Owned<T>> {
        vec![Owned { item, process: None, host: None }]
    }

    fn said(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn name() -> String {
        "a".to_owned()
    }

    fn left(waiting: u64) -> Queue {
        let place = QueuePlace::Disk(Disk { balanced: true, waiting, ..Disk::default() });
        Queue { name: "x/a".to_owned(), place, ..Queue::default() }
    }

    fn disk(balanced: bool, trouble: Option<String>) -> Queue {
        let place = QueuePlace::Disk(Disk { balanced, trouble, ..Disk::default() });
        Queue { name: name(), place, ..Queue::default() }
    }

    fn broker(name: &str, consumers: u64) -> Queue {
        let place = QueuePlace::Broker { ready_messages: 0, consumers };
        Queue { name: name.to_owned(), place, ..Queue::default() }
    }

    fn process(state: State) -> Vec<installation::Process> {
        let identity =
            Identity { component: said("ship"), name: said("a"), host: said("h"), ..Identity::default() };
        vec![installation::Process { identity, uptime_seconds: None, state, seen_seconds: 0 }]
    }

    #[test]
    fn where_all_is_well_nothing_is_said() {
        check(|_| {}, &[]);
        check(
            |s| {
                s.processes = process(State::Running);
                s.listeners = one(Listener::default());
                s.queues = one(disk(true, None));
                s.queues.extend(one(broker("a", 1)));
                s.machines = one(Machine::default());
                s.ships = one(Ship::default());
                s.stores = one(Store::default());
                s.rescue.insert(name(), 0);
                s.registry = Some(Registry { kind: "embedded".to_owned(), server: None, problem: None });
            },
            &[],
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        check(
            |s| s.processes = process(State::Late),
            &["the process `ship a` on `h` does not answer in time"],
        );
        check(
            |s| s.listeners = one(Listener { name: name(), stalled: true, ..Listener::default() }),
            &["listener `a` has stopped reading: the queue is full or cannot be written"],
        );
        check(
            |s| {
                s.harvests = one(Harvest { name: name(), trouble: said("cannot list"), ..Harvest::default() })
            },
            &["harvest `a`: cannot list"],
        );
        let failing = |last_error| Ship { name: name(), failing: true, last_error, ..Ship::default() };
        check(|s| s.ships = one(failing(said("no space left"))), &["shipper `a`: no space left"]);
        check(|s| s.ships = one(failing(None)), &["shipper `a`: it cannot pass its events on"]);
        let target = |trouble| Target { address: "b:1".to_owned(), trouble, ..Target::default() };
        let targets = vec![target(said("`b:1` is away")), target(None)];
        let forward = Some(Forward { targets, ..Forward::default() });
        let forwarding = Ship { name: name(), forward, ..Ship::default() };
        let failing_too = Ship { failing: true, last_error: said("all are away"), ..forwarding.clone() };
        check(|s| s.ships = one(forwarding), &["shipper `a`: `b:1` is away"]);
        check(|s| s.ships = one(failing_too), &["shipper `a`: all are away"]);
        check(
            |s| s.machines = one(Machine { name: name(), filter_error: said("x"), ..Machine::default() }),
            &["machine `a`: x"],
        );
        check(|s| s.queues = one(disk(false, None)), &["queue `a`: its numbers do not add up"]);
        check(|s| s.queues = one(left(0)), &[]);
        check(
            |s| s.queues = one(left(3)),
            &[
                "queue `x/a`: the configuration does not name it any more, and 3 events wait in it: put back what \
               took them, or drop them with `loggr queue purge x/a --yes`",
            ],
        );
        check(|s| s.queues = one(disk(true, said("bad"))), &["queue `a`: bad"]);
        check(
            |s| s.queues = [one(broker("a", 2)), one(broker("machine.m", 2))].concat(),
            &["queue `a`: several processes take from it, and each stores a part"],
        );
        check(
            |s| s.rescue.extend([(name(), 3)]),
            &["the rescue holds 3 events of `a`: see `loggr rescue list`"],
        );
        check(
            |s| s.brokers = one(Broker { name: name(), trouble: said("away"), ..Broker::default() }),
            &["broker `a`: away"],
        );
        let held = |clock| Some(Holdings { clock, ..Holdings::default() });
        check(
            |s| s.stores = one(Store { name: name(), trouble: said("bad block"), ..Store::default() }),
            &["store `a`: bad block"],
        );
        check(
            |s| s.stores = one(Store { name: name(), holds: held(said("it jumped")), ..Store::default() }),
            &["store `a`: it jumped"],
        );
        check(
            |s| {
                s.exchanges =
                    one(Exchange { name: name(), trouble: said("cannot write"), ..Exchange::default() })
            },
            &["exchange `a`: cannot write"],
        );
        let away = Registry { kind: "redis".to_owned(), server: None, problem: said("no Redis") };
        check(|s| s.registry = Some(away), &["no Redis"]);
        check(|s| s.rescue_trouble = said("damaged"), &["the rescue: damaged"]);
        check(|s| s.access_troubles = said("role `a`: x").into_iter().collect(), &["role `a`: x"]);
    }
}
