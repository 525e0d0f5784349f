//! Which ways the events of a listener can take: through which machines, to which shippers.
//!
//! Not which way one of them took: filters decide that event by event.

use loggr_bus::Topology;
use loggr_bus::binding::Binding;

use super::{Config, Machine, Ship};

/// Ways that are told at most.
const MAX_WAYS: usize = 64;

/// The binding of a queue that takes every event of its exchange.
const EVERYTHING: &str = "#";

/// A way to a shipper.
#[derive(Clone, Debug)]
pub struct Way<'c> {
    /// The machines that it leads through, in order.
    pub machines: Vec<&'c Machine>,
    /// Where it ends.
    pub ship: &'c Ship,
    /// The exchange from which the shipper takes.
    exchange: String,
    /// Does the shipper take every event of that exchange?
    takes_all: bool,
}

impl Way<'_> {
    /// Does every event take it? A filter may drop events or send them elsewhere.
    pub fn is_certain(&self) -> bool {
        self.machines.iter().all(|machine| machine.filter.is_none())
    }

    /// Does every event at the end of the other way take this one, too?
    pub fn is_beside(&self, other: &Way<'_>) -> bool {
        self.takes_all && self.exchange == other.exchange
    }
}

/// The first way to each shipper that events with this routing key can reach from this exchange.
pub fn ways<'c>(config: &'c Config, topology: &Topology, exchange: &str, key: &str) -> Vec<Way<'c>> {
    let mut search = Search { config, topology, found: Vec::new(), machines: Vec::new() };
    search.follow(exchange, key);
    search.found
}

struct Search<'c, 't> {
    config: &'c Config,
    topology: &'t Topology,
    found: Vec<Way<'c>>,
    machines: Vec<&'c Machine>,
}

impl Search<'_, '_> {
    fn follow(&mut self, exchange: &str, key: &str) {
        let topology = self.topology;
        let Some(exchange) = topology.exchanges.iter().find(|e| e.name == exchange) else { return };
        let takes = |binding: &str| Binding::parse(binding).is_ok_and(|binding| binding.matches(key));
        for queue in exchange.queues.iter().filter(|queue| takes(&queue.binding)) {
            if let Some(ship) = self.config.ships.iter().find(|ship| ship.queue == queue.name) {
                let is_new = self.found.iter().all(|way| way.ship.name != ship.name);
                if is_new && self.found.len() < MAX_WAYS {
                    self.found.push(Way {
                        machines: self.machines.clone(),
                        ship,
                        exchange: exchange.name.clone(),
                        takes_all: queue.binding == EVERYTHING,
                    });
                }
            }
            let machine = self.config.machines.iter().find(|m| m.is_hop() && m.queue == queue.name);
            if let Some(machine) = machine.filter(|_| self.machines.len() < self.config.machines.len()) {
                self.machines.push(machine);
                self.follow(&machine.destination, &machine.routing_key());
                for (exchange, key) in machine.ways() {
                    self.follow(&exchange, &key);
                }
                self.machines.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[track_caller]
    fn check(text: &str, key: &str, expect: &[&str]) {
        let config = read(text);
        let topology = config.topology().unwrap();
        let ways: Vec<String> = ways(&config, &topology, "received", key)
            .iter()
            .map(|way| {
                let names = way.machines.iter().map(|machine| machine.name.as_str());
                names.chain([way.ship.name.as_str()]).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(ways, expect);
    }

    const SHIPS: &str = "[ship.a]\nkind='files'\nexchange='received'\n[ship.b]\nkind='search'\nexchange='packed'\n\
                         [ship.c]\nkind='files'\nexchange='received'\nbinding='syslog.udp'\ndirectory='c'\n\
                         [machine.m]\nexchange='received'\ndestination='packed'\npackers=['p']\n\
                         [packers.p]\nkind='preset'\npreset='java'\n";

    #[test]
    fn events_reach_shippers_straight_and_through_machines() {
        check(SHIPS, "syslog.tcp", &["a", "m b"]);
        check(SHIPS, "syslog.udp", &["a", "c", "m b"]);
    }

    #[test]
    fn what_one_shipper_has_others_of_its_exchange_have_unless_they_choose() {
        let config = read(SHIPS);
        let topology = config.topology().unwrap();
        let all = ways(&config, &topology, "received", "syslog.udp");
        let beside = |one: usize, other: usize| all[one].is_beside(&all[other]);
        let (a, c, b) = (0, 1, 2);
        assert_eq!((beside(a, c), beside(c, a)), (true, false));
        assert_eq!((beside(a, b), beside(b, a)), (false, false));
    }
}
