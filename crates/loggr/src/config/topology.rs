//! Decides which queue is bound to which exchange, once the machines that only pass events on are
//! taken out.
//!
//! A machine with a filter or packers has a queue of its own and publishes to its destination, and
//! to where the `router`s of its filter send events. Any other machine has no queue: a queue on its
//! destination is bound to its source instead, with the machine's binding. The queues of an
//! exchange share one stored copy, so the second hop would only cost a second copy. The result are
//! plain names; the bus is opened elsewhere.
//!
//! Invariant: whatever a listener, a harvest or a machine publishes, at least one queue takes it.

use loggr_bus::binding::Binding;
use loggr_bus::{ExchangeSpec, QueueSpec, Topology};

use super::diagnostics::nearest;
use super::{Config, Listener, Machine};

/// The section that has a problem, by its index in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// `[[listener]]`
    Listener(usize),
    /// `[harvest.NAME]`
    Harvest(usize),
    /// `[packers.NAME]`
    Packer(usize),
    /// `[machine.NAME]`
    Machine(usize),
    /// `[ship.NAME]`
    Ship(usize),
}

/// A problem of the topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyProblem {
    /// The section.
    pub at: At,
    /// The key.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Resolves the exchanges, or gives all their problems.
pub fn resolve(config: &Config) -> Result<Topology, Vec<TopologyProblem>> {
    let mut problems = cycles(config);
    if !problems.is_empty() {
        return Err(problems);
    }
    unbound(config, &mut problems);
    let misnamed = !problems.is_empty();
    let mut topology = Topology::default();
    for taker in takers(config) {
        let fault = |message, help| TopologyProblem { at: taker.at, key: "exchange", message, help };
        let sources = simplest(sources(config, taker.exchange, taker.binding));
        match sources.as_slice() {
            [] => problems.push(fault(
                format!(
                    "no events can reach the {} `{}` through the exchange `{}`",
                    taker.kind, taker.name, taker.exchange
                ),
                Some(format!(
                    "its `binding` `{}` matches none of the routing keys with which machines publish \
                     there",
                    taker.binding
                )),
            )),
            // A misspelt exchange of a listener has been reported at the listener.
            [(exchange, _)] if !published(config, exchange) && misnamed => {}
            [(exchange, _)] if !published(config, exchange) => problems.push(unfed(config, &taker, exchange)),
            [(exchange, binding)] => {
                let queue = QueueSpec { name: taker.queue.to_owned(), binding: binding.to_string() };
                match topology.exchanges.iter_mut().find(|e| e.name == *exchange) {
                    Some(known) => known.queues.push(queue),
                    None => {
                        topology
                            .exchanges
                            .push(ExchangeSpec { name: (*exchange).to_owned(), queues: vec![queue] });
                    }
                }
            }
            several => {
                let ways: Vec<String> = several.iter().map(|(e, b)| format!("`{b}` on `{e}`")).collect();
                problems.push(fault(
                    format!(
                        "the queue of `{}` would be bound {} times: {}",
                        taker.name,
                        ways.len(),
                        ways.join(", ")
                    ),
                    Some(
                        "this version binds a queue only once: write a shipper of its own for each of \
                         these"
                            .to_owned(),
                    ),
                ));
            }
        }
    }
    if problems.is_empty() {
        unrouted(config, &topology, &mut problems);
    }
    problems.dedup();
    if problems.is_empty() { Ok(topology) } else { Err(problems) }
}

/// A section that takes from a queue.
struct Taker<'c> {
    at: At,
    kind: &'static str,
    name: &'c str,
    queue: &'c str,
    exchange: &'c str,
    binding: &'c Binding,
}

/// The shippers, and the machines that have a queue.
fn takers(config: &Config) -> impl Iterator<Item = Taker<'_>> {
    let ships = config.ships.iter().enumerate().map(|(index, s)| Taker {
        at: At::Ship(index),
        kind: "shipper",
        name: &s.name,
        queue: &s.queue,
        exchange: &s.exchange,
        binding: &s.binding,
    });
    let machines = config.machines.iter().enumerate().filter(|(_, m)| m.is_hop());
    let machines = machines.map(|(index, m)| Taker {
        at: At::Machine(index),
        kind: "machine",
        name: &m.name,
        queue: &m.queue,
        exchange: &m.exchange,
        binding: &m.binding,
    });
    ships.chain(machines)
}

/// The exchanges and bindings to which a queue is really bound: its exchange may be the destination
/// of machines that only pass events on.
fn sources<'c>(config: &'c Config, exchange: &'c str, binding: &'c Binding) -> Vec<(&'c str, &'c Binding)> {
    let mut found = Vec::new();
    let fed = config.machines.iter().any(|m| m.destination == exchange);
    if !fed || published(config, exchange) {
        found.push((exchange, binding));
    }
    for machine in config.machines.iter().filter(|m| m.destination == exchange && !m.is_hop()) {
        if binding.matches(&machine.routing_key()) {
            found.extend(sources(config, &machine.exchange, &machine.binding));
        }
    }
    found
}

/// Leaves out a binding if another one on the same exchange takes all its events.
fn simplest<'c>(mut found: Vec<(&'c str, &'c Binding)>) -> Vec<(&'c str, &'c Binding)> {
    let takes_all = |binding: &Binding| binding.as_str() == "#";
    found.sort_unstable_by_key(|(exchange, binding)| (*exchange, binding.as_str()));
    found.dedup();
    let whole: Vec<&str> =
        found.iter().filter(|(_, binding)| takes_all(binding)).map(|(exchange, _)| *exchange).collect();
    found.retain(|(exchange, binding)| takes_all(binding) || !whole.contains(exchange));
    found
}

/// Whether a listener, or a machine with a queue, publishes to the exchange. Without any listener
/// this is taken for true, because events may still be in the queues.
fn published(config: &Config, exchange: &str) -> bool {
    let gives = |m: &Machine| {
        // It is unknown where a filter that cannot be read sends events.
        m.destination == exchange || m.routes.is_none() || m.ways().any(|(to, _)| to == exchange)
    };
    if config.machines.iter().any(|m| m.is_hop() && gives(m)) {
        return true;
    }
    if config.listeners.is_empty() && config.harvests.is_empty() {
        return !config.machines.iter().any(|m| m.destination == exchange);
    }
    config.published().contains(&exchange)
}

/// Finds listeners and machines that publish to an exchange without a queue.
fn unbound(config: &Config, problems: &mut Vec<TopologyProblem>) {
    let machines = config.machines.iter().enumerate();
    let routes =
        machines.clone().flat_map(|(i, m)| m.ways().map(move |(to, _)| (At::Machine(i), "filter", to)));
    let machines = machines.map(|(i, m)| (At::Machine(i), "destination", m.destination.clone()));
    let listeners = config.listeners.iter().enumerate();
    let listeners = listeners.map(|(i, l)| (At::Listener(i), "exchange", l.exchange.clone()));
    let harvests = config.harvests.iter().enumerate();
    let harvests = harvests.map(|(i, h)| (At::Harvest(i), "exchange", h.exchange.clone()));
    for (at, key, name) in machines.chain(listeners).chain(harvests).chain(routes) {
        if !consumers(config).any(|exchange| *exchange == name) {
            let message = format!("no queue is bound to the exchange `{name}`: events would go nowhere");
            problems.push(TopologyProblem { at, key, message, help: Some(bind_hint(config, &name)) });
        }
    }
}

/// The problem of a shipper whose exchange gets no events.
fn unfed(config: &Config, taker: &Taker<'_>, exchange: &str) -> TopologyProblem {
    let help = match nearest(exchange, publishers(config).filter(|known| *known != exchange)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("events are published to {}", published_names(config)),
    };
    let own = taker.exchange == exchange;
    let machine = config.machines.iter().position(|m| m.exchange == exchange).filter(|_| !own);
    TopologyProblem {
        at: machine.map_or(taker.at, At::Machine),
        key: "exchange",
        message: format!("nothing is published to the exchange `{exchange}`"),
        help: Some(help),
    }
}

/// Finds listeners and machines whose routing key no queue takes.
fn unrouted(config: &Config, topology: &Topology, problems: &mut Vec<TopologyProblem>) {
    let listeners = config.listeners.iter().enumerate();
    let listeners =
        listeners.map(|(i, l)| (At::Listener(i), "exchange", l.exchange.clone(), l.routing_key()));
    let machines = config.machines.iter().enumerate().filter(|(_, m)| m.is_hop());
    let routes = machines.clone();
    let routes = routes.flat_map(|(i, m)| m.ways().map(move |(to, key)| (At::Machine(i), "filter", to, key)));
    let machines =
        machines.map(|(i, m)| (At::Machine(i), "destination", m.destination.clone(), m.routing_key()));
    let harvests = config.harvests.iter().enumerate();
    let harvests = harvests.map(|(i, h)| (At::Harvest(i), "exchange", h.exchange.clone(), h.routing_key()));
    for (at, place, name, key) in listeners.chain(harvests).chain(machines).chain(routes) {
        let exchange = topology.exchanges.iter().find(|e| e.name == name);
        if !exchange.is_some_and(|e| e.queues.iter().any(|q| takes(&q.binding, &key))) {
            problems.push(TopologyProblem {
                at,
                key: place,
                message: format!("no queue on the exchange `{name}` takes the routing key `{key}`"),
                help: Some(
                    "a shipper or machine there needs a `binding` that matches it; `#` takes everything"
                        .into(),
                ),
            });
        }
    }
}

fn consumers(config: &Config) -> impl Iterator<Item = &String> {
    config.machines.iter().map(|m| &m.exchange).chain(config.ships.iter().map(|s| &s.exchange))
}

fn bind_hint(config: &Config, exchange: &str) -> String {
    match nearest(exchange, consumers(config).map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("a shipper or machine needs `exchange = \"{exchange}\"`"),
    }
}

fn publishers(config: &Config) -> impl Iterator<Item = &str> {
    let received = config.published().into_iter();
    let routes = config.machines.iter().flat_map(|m| m.routes.iter().flatten());
    let routes = routes.filter_map(|route| route.exchange.as_deref());
    received.chain(config.machines.iter().map(|m| m.destination.as_str())).chain(routes)
}

fn published_names(config: &Config) -> String {
    let mut names: Vec<&str> = publishers(config).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => super::diagnostics::list(names),
    }
}

/// The listeners, one for each exchange, to whose exchange events with this routing key can be published:
/// a queue takes them there.
pub fn open_to<'c>(listeners: &'c [Listener], topology: &Topology, key: &str) -> Vec<&'c Listener> {
    let mut open: Vec<&Listener> = Vec::new();
    for listener in listeners {
        let exchange = topology.exchanges.iter().find(|e| e.name == listener.exchange);
        let is_taken = exchange.is_some_and(|e| e.queues.iter().any(|q| takes(&q.binding, key)));
        if is_taken && open.iter().all(|known| known.exchange != listener.exchange) {
            open.push(listener);
        }
    }
    open
}

fn takes(binding: &str, key: &str) -> bool {
    Binding::parse(binding).is_ok_and(|binding| binding.matches(key))
}

/// Finds machines that publish to an exchange from which their events came.
fn cycles(config: &Config) -> Vec<TopologyProblem> {
    let mut problems = Vec::new();
    for (index, machine) in config.machines.iter().enumerate() {
        let Some(way) = way_back(config, index) else { continue };
        // A circle is reported once, at its first machine.
        if way.iter().min() == Some(&index) {
            let mut names: Vec<&str> =
                way.iter().filter_map(|at| config.machines.get(*at)).map(|m| m.exchange.as_str()).collect();
            names.push(&machine.exchange);
            problems.push(TopologyProblem {
                at: At::Machine(index),
                key: if machine.destination == machine.exchange || way.len() > 1 {
                    "destination"
                } else {
                    "filter"
                },
                message: format!("events would go in a circle: `{}`", names.join("` → `")),
                help: Some(
                    "a machine must not publish to an exchange from which its own events come".to_owned(),
                ),
            });
        }
    }
    problems
}

/// The machines on a way from the machine's destination back to its source, itself first.
fn way_back(config: &Config, from: usize) -> Option<Vec<usize>> {
    let start = config.machines.get(from)?;
    let mut ways = vec![vec![from]];
    let mut seen = vec![false; config.machines.len()];
    while let Some(way) = ways.pop() {
        let last = way.last().and_then(|at| config.machines.get(*at))?;
        let gives = |to: &str| last.destination == to || last.ways().any(|(exchange, _)| exchange == to);
        if gives(&start.exchange) {
            return Some(way);
        }
        for (next, machine) in config.machines.iter().enumerate() {
            if gives(&machine.exchange) && !std::mem::replace(&mut seen[next], true) {
                ways.push(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, read};

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let listener = "[[listener]]\nprotocol = \"tcp\"\n";
        let text = if text.contains("listener") { text.to_owned() } else { format!("{listener}{text}") };
        let topology = read(&text).topology().unwrap();
        let shown: Vec<String> = topology
            .exchanges
            .iter()
            .map(|e| {
                let queues: Vec<String> =
                    e.queues.iter().map(|q| format!("{}({})", q.name, q.binding)).collect();
                format!("{}: {}", e.name, queues.join(" "))
            })
            .collect();
        assert_eq!(shown.join("; "), expect);
    }

    #[test]
    fn machines_that_only_pass_on_are_taken_out() {
        check("", "received: search(#)");
        check("[machine.m]\nbinding='syslog.*'", "received: search(syslog.*)");
        check("[ship.a]\nkind='files'\nexchange='received'", "received: a(#) search(#)");
        check("[ship.a]\nkind='files'\nqueue='q.1'", "received: q.1(#) search(#)");
        check("[ship.a]\nkind='files'\n[ship.b]\nkind='search'\nexchange='received'", "received: a(#) b(#)");
        check("[machine.a]\ndestination='x'\n[machine.b]\nexchange='x'", "received: search(#)");
        check("[machine.a]\n[machine.b]\nbinding='syslog.tcp'", "received: search(#)");
        check("[machine.a]\n[ship.s]\nkind='files'\nbinding='machine.a'", "received: s(#) search(#)");
        check("[[listener]]\nprotocol='tcp'\nexchange='events'", "events: search(#)");
        check("listener = []", "received: search(#)");
        check(
            "[[listener]]\nprotocol='tcp'\nexchange='a'\n[[listener]]\nprotocol='udp'\nexchange='b'\n\
             [machine.m]\nexchange='a'\n[ship.one]\nkind='files'\n[ship.two]\nkind='search'\nexchange='b'",
            "a: one(#); b: two(#)",
        );
    }

    #[test]
    fn a_machine_with_a_filter_is_a_hop() {
        check("[machine.m]\nfilter='f'", "events: search(#); received: machine.m(#)");
        check(
            "[machine.m]\nfilter='f'\nbinding='syslog.*'\nqueue='q'\n[ship.a]\nkind='files'\nbinding='machine.m'\n\
             [ship.raw]\nkind='search'\nexchange='received'",
            "events: a(machine.m); received: raw(#) q(syslog.*)",
        );
        check(
            "[machine.a]\ndestination='x'\n[machine.b]\nexchange='x'\nfilter='f'",
            "events: search(#); received: machine.b(#)",
        );
        refused(
            "[machine.m]\nfilter='f'\n[ship.search]\nenabled=false\n[ship.s]\nkind='files'\nbinding='syslog.*'",
            &["no queue on the exchange `events` takes the routing key `machine.m` | \
               a shipper or machine there needs a `binding` that matches it; `#` takes everything"],
        );
    }

    #[test]
    fn a_machine_with_packers_is_a_hop() {
        check(
            "[packers.p]\nkind='time'\n[machine.m]\npackers=['p']",
            "events: search(#); received: machine.m(#)",
        );
    }

    #[test]
    fn routes_are_ways_out() {
        let security = "[ship.all]\nkind='search'\n[ship.sec]\nkind='files'\nexchange='security'\n";
        check(
            &format!("{security}[machine.m]\nfilter='to-security'"),
            "events: all(#); security: sec(#); received: machine.m(#)",
        );
        check(
            &format!("{security}binding='machine.*.login'\n[machine.m]\nfilter='to-security-as-login'"),
            "events: all(#); security: sec(machine.*.login); received: machine.m(#)",
        );
        // Where the filter cannot be read, what it does is somebody else's trouble.
        check(
            &format!("{security}[machine.m]\nfilter='broken'"),
            "events: all(#); security: sec(#); received: machine.m(#)",
        );
        refused(
            &format!("{security}[machine.m]\nfilter='f'"),
            &[
                "nothing is published to the exchange `security` | events are published to `events`, `received`",
            ],
        );
        refused(
            "[machine.m]\nfilter='to-secrity'\n[ship.sec]\nkind='files'\nexchange='security'\n[ship.s]\nkind='search'",
            &[
                "no queue is bound to the exchange `secrity`: events would go nowhere | did you mean `security`?",
            ],
        );
        refused(
            &format!("{security}binding='machine.*.login'\n[machine.m]\nfilter='to-security-as-logout'"),
            &["no queue on the exchange `security` takes the routing key `machine.m.logout` | \
               a shipper or machine there needs a `binding` that matches it; `#` takes everything"],
        );
        refused(
            "[machine.m]\nfilter='to-received'",
            &["events would go in a circle: `received` → `received` | a machine must not publish to an \
                 exchange from which its own events come"],
        );
        refused(
            &format!(
                "{security}[machine.a]\nfilter='to-x'\n[machine.b]\nexchange='x'\nfilter='to-received'\ndestination='security'"
            ),
            &["events would go in a circle: `received` → `x` → `received` | a machine must not publish \
                 to an exchange from which its own events come"],
        );
    }

    #[track_caller]
    fn refused(text: &str, expect: &[&str]) {
        assert_eq!(problems(&format!("[[listener]]\nprotocol = 'tcp'\n{text}")), expect);
    }

    #[test]
    fn nothing_is_published_into_the_void() {
        refused(
            "exchange='recieved'",
            &[
                "no queue is bound to the exchange `recieved`: events would go nowhere | did you mean `received`?",
            ],
        );
        refused(
            "[machine.m]\ndestination='void'\n[ship.s]\nkind='files'\nexchange='received'",
            &["no queue is bound to the exchange `void`: events would go nowhere | \
               a shipper or machine needs `exchange = \"void\"`"],
        );
        refused(
            "[ship.search]\nenabled=false\n[ship.s]\nkind='files'\nexchange='received'\nbinding='syslog.udp'",
            &["no queue on the exchange `received` takes the routing key `syslog.tcp` | \
               a shipper or machine there needs a `binding` that matches it; `#` takes everything"],
        );
    }

    #[test]
    fn nobody_waits_for_what_cannot_come() {
        refused(
            "[ship.s]\nkind='files'\nexchange='receive'\n[ship.t]\nkind='search'",
            &["nothing is published to the exchange `receive` | did you mean `received`?"],
        );
        refused(
            "[machine.m]\nexchange='a.b'\n[ship.s]\nkind='files'\nexchange='received'\n[ship.t]\nkind='search'",
            &["nothing is published to the exchange `a.b` | events are published to `events`, `received`"],
        );
        refused(
            "[machine.m]\n[ship.s]\nkind='files'\nbinding='syslog.*'\n",
            &["no events can reach the shipper `s` through the exchange `events` | \
               its `binding` `syslog.*` matches none of the routing keys with which machines publish there"],
        );
    }

    #[test]
    fn circles() {
        refused(
            "[machine.m]\ndestination='received'",
            &["events would go in a circle: `received` → `received` | a machine must not publish to an \
                 exchange from which its own events come"],
        );
        refused(
            "[machine.a]\n[machine.b]\nexchange='events'\ndestination='x'\n[machine.c]\nexchange='x'\n\
             destination='received'",
            &["events would go in a circle: `received` → `events` → `x` → `received` | a machine must \
                 not publish to an exchange from which its own events come"],
        );
    }

    #[test]
    fn a_queue_is_bound_once() {
        refused(
            "[machine.a]\nbinding='syslog.tcp'\n[machine.b]\nbinding='syslog.u*'",
            &["key `syslog.u*`: `*` and `#` stand for whole words between dots"],
        );
        refused(
            "[machine.a]\nbinding='syslog.tcp'\n[machine.b]\nbinding='syslog.udp'",
            &["the queue of `search` would be bound 2 times: `syslog.tcp` on `received`, `syslog.udp` on \
                 `received` | this version binds a queue only once: write a shipper of its own for each of \
                 these"],
        );
    }
}
