//! `[machine.NAME]`: from one exchange to another, through packers and a filter. Not which queues
//! come of it: that is `topology.rs`.

use loggr_bus::binding::Binding;
use loggr_bus::rabbit::Encoding;
use loggr_filter::engines::Route;

use super::diagnostics::nearest;
use super::keys::{Section, Shape, Takes, key};
use super::listener::Listener;
use super::packers::Packer;
use super::rabbit::ENCODING;
use super::reader::Reader;
use super::ship::Ship;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "machine",
    shape: Shape::Named,
    about: "Takes events from one exchange to another, through packers and a filter. Without both a \
            machine is no second durable hop: what listens to its destination is bound to its source. \
            When the file has no machine and nothing is published to `events`, one from `received` to \
            `events` is implied.",
    keys: &[&[
        key("exchange", Takes::Name, "\"received\"", "the exchange it takes from"),
        key("binding", Takes::Binding, "\"#\"", "the routing keys it takes: `*` is one word, `#` any number"),
        key(
            "filter",
            Takes::Name,
            "",
            "`main` is `filters/main.filter` beside the configuration file; read again on SIGHUP and \
             when it changes; pattern files are `patterns/*.grok`",
        )
        .without("events go on as they are"),
        key(
            "packers",
            Takes::Names,
            "[]",
            "`[packers.NAME]` before the filter, in this order: events that belong together become one",
        ),
        key(
            "destination",
            Takes::Name,
            "\"events\"",
            "the exchange it gives to, with the routing key `machine.NAME`; a `router` in the filter may \
             say another, and `machine.NAME.EVENT_TYPE`",
        ),
        ENCODING,
        key("queue", Takes::Name, "", "the queue it takes from, its own, where it has a filter or packers")
            .without("`machine.` and the machine's name"),
        key(
            "workers",
            Takes::Count(1, 64),
            "1",
            "threads that filter; the events of one peer stay with one of them, in order",
        ),
    ]],
};

/// `[machine.NAME]`. Without a filter and packers it is no process and no queue: see
/// `Config::topology`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Unique; what leaves it has the routing key `machine.NAME`.
    pub name: String,
    /// The exchange it takes from.
    pub exchange: String,
    /// Which routing keys it takes.
    pub binding: Binding,
    /// The exchange it gives to.
    pub destination: String,
    /// What RabbitMQ is given.
    pub encoding: Encoding,
    /// Name of its filter.
    pub filter: Option<String>,
    /// Where the filter's `router`s send events; `None` where the filter cannot be read.
    pub routes: Option<Vec<Route>>,
    /// Its packers, which come before the filter.
    pub packers: Vec<Packer>,
    /// The queue it takes from, if it is a hop.
    pub queue: String,
    /// Threads that filter.
    pub workers: usize,
}

impl Machine {
    /// Is it a hop of its own, with a queue?
    pub fn is_hop(&self) -> bool {
        self.filter.is_some() || !self.packers.is_empty()
    }

    /// The routing key of what leaves it, unless a `router` says another.
    pub fn routing_key(&self) -> String {
        format!("machine.{}", self.name)
    }

    /// The exchange and the routing key of a route.
    pub fn way(&self, route: &Route) -> (String, String) {
        let exchange = route.exchange.as_ref().unwrap_or(&self.destination).clone();
        match &route.event_type {
            Some(kind) => (exchange, format!("{}.{kind}", self.routing_key())),
            None => (exchange, self.routing_key()),
        }
    }

    /// The ways of its routes, as far as they are known.
    pub fn ways(&self) -> impl Iterator<Item = (String, String)> {
        self.routes.iter().flatten().map(|route| self.way(route))
    }
}

/// Reads a section; `packers` are those of the file, `routes` says where a filter sends events.
pub fn read(
    r: &mut Reader<'_, '_>,
    name: &str,
    packers: &[Packer],
    routes: &dyn Fn(&str) -> Option<Vec<Route>>,
) -> Machine {
    let filter = r.name_unless_empty("filter");
    Machine {
        name: name.to_owned(),
        exchange: r.bus_name("exchange"),
        binding: r.binding("binding"),
        destination: r.bus_name("destination"),
        encoding: r.choice("encoding"),
        routes: match &filter {
            Some(filter) => routes(filter),
            None => Some(Vec::new()),
        },
        filter,
        packers: named(r, packers),
        queue: r.bus_name_if_any("queue").unwrap_or_else(|| format!("machine.{name}")),
        workers: r.count("workers"),
    }
}

/// The packers that it names.
fn named(r: &mut Reader<'_, '_>, packers: &[Packer]) -> Vec<Packer> {
    let mut found: Vec<Packer> = Vec::new();
    for name in r.names("packers") {
        let known = packers.iter().find(|packer| packer.name == name);
        if found.iter().any(|other| other.name == name) {
            r.blame("packers", format!("the packer `{name}` is named twice"), None);
        } else if let Some(known) = known {
            found.push(known.clone());
        } else {
            let help = match nearest(&name, packers.iter().map(|packer| packer.name.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write `[packers.{name}]`"),
            };
            r.blame("packers", format!("there is no packer `{name}`"), Some(help));
        }
    }
    found
}

/// The machine of a file that has none: without it the ships would get nothing.
pub fn implied(listeners: &[Listener], ships: &[Ship]) -> Option<Machine> {
    let wanted = ships.iter().any(|s| s.exchange == "events");
    (wanted && !listeners.iter().any(|l| l.exchange == "events")).then(|| Machine {
        name: "main".to_owned(),
        exchange: "received".to_owned(),
        binding: Binding::parse("#").expect("BUG: `#` is no binding"),
        destination: "events".to_owned(),
        encoding: Encoding::Batch,
        filter: None,
        routes: Some(Vec::new()),
        packers: Vec::new(),
        queue: "machine.main".to_owned(),
        workers: 1,
    })
}
