//! `[machine.NAME]`: a machine takes events from one exchange to another, through packers and a
//! filter. Which queues that needs is in `topology.rs`.

use loggr_bus::binding::Binding;
use loggr_bus::rabbit::Encoding;
use loggr_filter::engines::Route;

use super::diagnostics::nearest;
use super::hmac::{self, Seal};
use super::keys::{Section, Shape, Takes, key};
use super::packers::Packer;
use super::rabbit::ENCODING;
use super::reader::Reader;
use super::ship::Ship;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "machine",
    shape: Shape::Named,
    about: "A machine takes events from one exchange, passes them through packers and a filter, and publishes \
         them to another exchange. A machine with neither packers nor a filter nor `seal` has no queue of its own: \
         loggr binds the queues of its destination to its source exchange directly. When the file has no \
         machine and no listener publishes to `events`, loggr adds such a machine from `received` to \
         `events`.",
    keys: &[&[
        key("exchange", Takes::Name, "\"received\"", "the exchange from which the machine takes events"),
        key(
            "binding",
            Takes::Binding,
            "\"#\"",
            "which events of the exchange the machine takes, by their routing key: `*` stands for one word \
             of the key, `#` for any number of words",
        ),
        key(
            "filter",
            Takes::Name,
            "",
            "the filter: `main` is the file `filters/main.filter` beside the configuration file. loggr reads \
             it again on SIGHUP and when the file changes. Grok patterns come from `patterns/*.grok` beside \
             the configuration file",
        )
        .without("no filter: events go on as they are"),
        key(
            "packers",
            Takes::Names,
            "[]",
            "the names of `[packers.NAME]` sections; events pass through these packers in this order, before \
             the filter",
        ),
        key(
            "destination",
            Takes::Name,
            "\"events\"",
            "the exchange to which the machine publishes, with the routing key `machine.NAME`; `router` in \
             the filter can choose another exchange for an event, and the routing key \
             `machine.NAME.EVENT_TYPE`",
        ),
        ENCODING,
        key(
            "queue",
            Takes::Name,
            "",
            "the name of the queue from which the machine takes events, if it has a filter or packers; no \
             other machine or shipper may use it",
        )
        .without("`machine.` and the machine's name"),
        hmac::seal(
            "what is done with [seals](../guide/seals.md): `sign` seals every event that has no seal when it leaves \
             the machine, and so seals anew what the filter has changed or the packers have joined; `verify` only \
             looks whether seals are good when events come; with `require` an event that comes without a good seal \
             goes to the rescue. With each of them an event whose seal is broken has the defect `bad_hmac`, and is \
             never sealed anew. A machine with `seal` has a queue of its own",
        ),
        key(
            "workers",
            Takes::Count(0, 64),
            "0",
            "how many threads run the filter, at one time on different events, which leave in the order in which they \
             came; `0`: as many as there are processors, at most 8. Where a filter remembers what came before \
             (`dedupe`, `throttle`), and where there are packers, all events of one sender go through the same thread",
        ),
    ]],
};

/// `[machine.NAME]`. A machine with neither a filter nor packers nor seals runs nothing and has no queue: see
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
    /// How events are written into RabbitMQ's messages.
    pub encoding: Encoding,
    /// Name of its filter.
    pub filter: Option<String>,
    /// Where the filter's `router`s send events; `None` where the filter cannot be read.
    pub routes: Option<Vec<Route>>,
    /// Its packers, which come before the filter.
    pub packers: Vec<Packer>,
    /// The queue it takes from, if it is a hop.
    pub queue: String,
    /// What is done with seals.
    pub seal: Option<Seal>,
    /// Threads that filter; 0: by the number of processors.
    pub workers: usize,
}

/// Threads of a machine whose configuration does not say how many, at most.
const MAX_THREADS: usize = 8;

impl Machine {
    /// Is it a hop of its own, with a queue?
    pub fn is_hop(&self) -> bool {
        self.filter.is_some() || !self.packers.is_empty() || self.seal.is_some()
    }

    /// Threads that filter, 1 at least.
    pub fn threads(&self) -> usize {
        match self.workers {
            0 => {
                std::thread::available_parallelism().map_or(1, |processors| processors.get().min(MAX_THREADS))
            }
            workers => workers,
        }
    }

    /// The routing key of the events that leave it, unless a `router` of the filter chooses
    /// another.
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

    /// The exchange and the routing key of each of its routes, as far as they are known.
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
        packers: named_packers(r, packers),
        queue: r.bus_name_if_any("queue").unwrap_or_else(|| format!("machine.{name}")),
        seal: r.choice_if_any("seal"),
        workers: r.count("workers"),
    }
}

/// The packers that a section names.
pub(super) fn named_packers(r: &mut Reader<'_, '_>, packers: &[Packer]) -> Vec<Packer> {
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
pub fn implied(published: &[&str], ships: &[Ship]) -> Option<Machine> {
    let wanted = ships.iter().any(|s| s.exchange == "events");
    (wanted && !published.contains(&"events")).then(|| Machine {
        name: "main".to_owned(),
        exchange: "received".to_owned(),
        binding: Binding::parse("#").expect("BUG: `#` is no binding"),
        destination: "events".to_owned(),
        encoding: Encoding::Batch,
        filter: None,
        routes: Some(Vec::new()),
        packers: Vec::new(),
        queue: "machine.main".to_owned(),
        seal: None,
        workers: 0,
    })
}
