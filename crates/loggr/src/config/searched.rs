//! The built-in search store, and a check for events that no store takes.
//!
//! Nothing is opened here. Invariant: the built-in store never makes a file wrong; if no events can
//! reach it, it is left out.

use std::collections::BTreeSet;
use std::path::Path;

use loggr_bus::Topology;
use loggr_bus::binding::Binding;
use toml::de::DeTable;

use super::Config;
use super::machine::Machine;
use super::reader::Reader;
use super::ship::{self, BUILT_IN, Ship};
use super::topology;

/// The exchange to which machines publish by default.
const EVENTS: &str = "events";
/// The exchange to which listeners publish by default.
const RECEIVED: &str = "received";

/// The search store that is added to a file without one.
pub fn built_in(
    table: &DeTable<'_>,
    default: &DeTable<'_>,
    parts: (&[&str], &[Machine], &[Ship]),
    data: &Path,
) -> Option<Ship> {
    let (published, machines, ships) = parts;
    let named = table.get("ship")?.get_ref().as_table()?;
    // A section that has mistakes, or is switched off, is not replaced.
    if named.contains_key(BUILT_IN) || ships.iter().any(|ship| ship.kind.store().is_some()) {
        return None;
    }
    let exchange = exchange(published, machines, ships, !table.contains_key("machine"))?;
    let default = default.get("ship")?.get_ref().as_table()?.get(BUILT_IN)?.get_ref().as_table();
    let mut problems = Vec::new();
    let mut reader = Reader::new(&ship::SECTION, format!("[ship.{BUILT_IN}]"), default, None, &mut problems);
    let search = ship::read(&mut reader, BUILT_IN, data, data)?;
    Some(Ship { exchange, built_in: true, ..search })
}

/// The exchange from which it takes events: that to which machines publish, or that of the file's
/// other shippers, or that to which listeners and harvests publish (`published`); `None` if there are several.
fn exchange(
    published: &[&str],
    machines: &[Machine],
    ships: &[Ship],
    machine_implied: bool,
) -> Option<String> {
    let listened = |name: &str| published.contains(&name);
    let made = machines.iter().any(|m| m.destination == EVENTS);
    if made || listened(EVENTS) || (machine_implied && listened(RECEIVED)) {
        return Some(EVENTS.to_owned());
    }
    let only = |names: BTreeSet<&str>| match names.len() {
        1 => names.first().map(|name| (*name).to_owned()),
        _ => None,
    };
    only(ships.iter().map(|s| s.exchange.as_str()).collect())
        .or_else(|| only(published.iter().copied().collect()))
}

/// Completes the configuration with `complete`, and leaves the built-in store out if no events
/// could reach it.
pub fn settle(config: &mut Config, complete: impl Fn(&mut Config)) {
    let mut whole = config.clone();
    complete(&mut whole);
    if whole.ships.iter().any(|ship| ship.built_in) && topology::resolve(&whole).is_err() {
        config.ships.retain(|ship| !ship.built_in);
        complete(config);
    } else {
        *config = whole;
    }
}

impl Config {
    /// Sentences about events that cannot be searched: all of them, or those of a listener or of a
    /// machine's router that no store takes.
    pub fn unsearched(&self) -> Vec<String> {
        if !self.ships.iter().any(|ship| ship.kind.store().is_some()) {
            // An agent sends its events to where they can be searched.
            if self.agent {
                return Vec::new();
            }
            return vec![
                "nothing can be searched: no shipper of kind `search` or `postgres` is configured".to_owned(),
            ];
        }
        let Ok(topology) = self.topology() else { return Vec::new() };
        let mut found = Vec::new();
        for listener in &self.listeners {
            let (name, exchange) = (&listener.name, &listener.exchange);
            if !self.searchable(&topology, exchange, &listener.routing_key(), &mut BTreeSet::new()) {
                found.push(format!(
                    "what the listener `{name}` receives cannot be searched: no store takes it from the \
                     exchange `{exchange}`"
                ));
            }
        }
        for harvest in &self.harvests {
            let (name, exchange) = (&harvest.name, &harvest.exchange);
            if !self.searchable(&topology, exchange, &harvest.routing_key(), &mut BTreeSet::new()) {
                found.push(format!(
                    "what the harvest `{name}` takes cannot be searched: no store takes it from the exchange \
                     `{exchange}`"
                ));
            }
        }
        for machine in self.machines.iter().filter(|machine| machine.is_hop()) {
            for (exchange, key) in machine.ways() {
                if !self.searchable(&topology, &exchange, &key, &mut BTreeSet::new()) {
                    found.push(format!(
                        "what the filter of the machine `{}` routes to the exchange `{exchange}` as \
                         `{key}` cannot be searched: no store takes it from there",
                        machine.name
                    ));
                }
            }
        }
        found
    }

    /// Whether an event with this key on this exchange reaches a store, perhaps through machines.
    fn searchable(
        &self,
        topology: &Topology,
        exchange: &str,
        key: &str,
        seen: &mut BTreeSet<(String, String)>,
    ) -> bool {
        if !seen.insert((exchange.to_owned(), key.to_owned())) {
            return false;
        }
        let queues = topology.exchanges.iter().filter(|e| e.name == exchange).flat_map(|e| &e.queues);
        let takes = |binding: &str| Binding::parse(binding).is_ok_and(|binding| binding.matches(key));
        let mut names = queues.filter(|queue| takes(&queue.binding)).map(|queue| queue.name.as_str());
        names.any(|queue| {
            if self.ships.iter().any(|ship| ship.queue == queue && ship.kind.store().is_some()) {
                return true;
            }
            let machine = self.machines.iter().find(|m| m.is_hop() && m.queue == queue);
            machine.is_some_and(|m| self.searchable(topology, &m.destination, &m.routing_key(), seen))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, read};

    const FILES: &str = "[ship.a]\nkind='files'\n";

    /// The stores of a file, each with its exchange, and what cannot be searched.
    #[track_caller]
    fn check(text: &str, stores: &str, unsearched: &[&str]) {
        let config = read(text);
        let found: Vec<String> = config
            .ships
            .iter()
            .filter(|ship| ship.kind.store().is_some())
            .map(|ship| format!("{} {}{}", ship.name, ship.exchange, if ship.built_in { " +" } else { "" }))
            .collect();
        assert_eq!(found.join(", "), stores, "{text}");
        assert_eq!(config.unsearched(), unsearched, "{text}");
        let store = config.web.and_then(|web| web.store);
        assert_eq!(store.as_deref(), stores.split(' ').next().filter(|s| !s.is_empty()), "{text}");
    }

    const NOTHING: &str = "nothing can be searched: no shipper of kind `search` or `postgres` is configured";

    #[test]
    fn a_file_with_shippers_can_still_be_searched() {
        check("", "search events", &[]);
        check(FILES, "search events +", &[]);
        check(&format!("{FILES}exchange='received'"), "search events +", &[]);
        check(&format!("[machine.m]\nfilter='f'\n{FILES}"), "search events +", &[]);
        check("[ship.search]\nretention='90d'", "search events", &[]);
        check("[ship.search]\nkind='search'\n[ship.a]\nkind='files'", "search events", &[]);
    }

    #[test]
    fn the_built_in_store_takes_from_where_the_events_are() {
        let elsewhere = "[[listener]]\nprotocol='tcp'\nexchange='logs'\n";
        check(&format!("{elsewhere}{FILES}exchange='logs'"), "search logs +", &[]);
        let machine = "[machine.m]\nfilter='f'\ndestination='clean'\n";
        check(&format!("{machine}{FILES}exchange='clean'"), "search clean +", &[]);
        check(
            &format!(
                "{machine}{FILES}exchange='clean'\n[ship.raw]\nkind='files'\nexchange='received'\ndirectory='raw'"
            ),
            "search received +",
            &[],
        );
    }

    #[test]
    fn a_store_of_ones_own_is_enough() {
        check("[ship.mine]\nkind='search'", "mine events", &[]);
        check("[ship.db]\nkind='postgres'\nurl='postgres://db/logs'", "db events", &[]);
    }

    #[test]
    fn search_is_off_where_the_file_says_so() {
        check("[ship.search]\nenabled=false\n[ship.a]\nkind='files'", "", &[NOTHING]);
        check("[ship.search]\nkind='search'\nenabled=false\n[ship.a]\nkind='files'", "", &[NOTHING]);
        // Another shipper may be switched off as well.
        check("[ship.a]\nkind='files'\nenabled=false", "search events +", &[]);
        assert_eq!(
            problems("[ship.search]\nenabled=false"),
            ["no queue is bound to the exchange `received`: events would go nowhere | a shipper or machine needs \
              `exchange = \"received\"`"; 4]
        );
    }

    #[test]
    fn events_that_no_store_takes_are_named() {
        let two = "[[listener]]\nprotocol='tcp'\n[[listener]]\nprotocol='udp'\nexchange='net'\n\
                   [ship.net]\nkind='files'\nexchange='net'\n";
        check(
            two,
            "search events +",
            &[
                "what the listener `udp` receives cannot be searched: no store takes it from the exchange `net`",
            ],
        );
        let security = "[ship.sec]\nkind='files'\nexchange='security'\n[machine.m]\nfilter='to-security'\n";
        check(
            security,
            "search events +",
            &[
                "what the filter of the machine `m` routes to the exchange `security` as `machine.m` cannot be \
                 searched: no store takes it from there",
            ],
        );
        let both = "[ship.also]\nkind='search'\nexchange='security'\ndirectory='also'\n[ship.search]\n";
        check(&format!("{both}{security}"), "also security, search events", &[]);
    }
}
