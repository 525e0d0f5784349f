//! The status of one process and of a whole installation as typed values, and the metrics made of
//! them.
//!
//! There is one file for each kind of object, with its values, where each comes from, and the
//! metrics. `/api/status`, `loggr status --json` and the registry carry the values as JSON; a value
//! that an older or newer process does not have gets its default. Looking at the status changes
//! nothing. The command line and the web page show it.

mod broker;
mod certificate;
mod disk;
mod gather;
mod harvest;
mod installation;
mod kernel;
mod listener;
mod live;
mod machine;
mod metric;
mod metrics;
mod parts;
mod queue;
mod rescue;
mod seal;
mod seen;
mod ship;
mod store;
mod troubles;

use std::collections::BTreeMap;

use loggr_event::Timestamp;
use loggr_net::bind::host_name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use broker::Broker;
pub use certificate::Certificate;
pub use disk::Disk;
pub use gather::{adopt, offline, online};
pub use harvest::{File as HarvestedFile, Harvest};
pub use installation::{Installation, Owned, Process, Registry, whole};
pub use listener::Listener;
pub use live::Live;
pub use machine::{Machine, Packer, Rule};
pub use metrics::render as metrics;
pub use parts::{Troubles, not_ready, troubled_parts};
pub use queue::{Exchange, Place as QueuePlace, Queue, Totals};
pub use rescue::MAX_RESCUE_BYTES;
pub use seal::Seals;
pub use seen::{Seen, State};
pub use ship::{Forward, Ship, Target};
pub use store::{Holdings, Store};
pub use troubles::sentences;

use crate::config::Config;
use crate::process::part::Part;
use crate::process::privileges::Privileges;

/// The identity of a process. Only a part of it is known of a lost one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Identity {
    /// `HOST:PART:DIRECTORY`, so that a process that starts again takes its own place.
    pub id: String,
    /// The host's name.
    pub host: Option<String>,
    /// Its process id on that host.
    pub pid: Option<u32>,
    /// The word behind `loggr run`, or `all`.
    pub component: Option<String>,
    /// The name behind that word.
    pub name: Option<String>,
    /// The program's version.
    pub version: Option<String>,
    /// When it started, in RFC 3339.
    pub started: Option<String>,
    /// The directory that it works on.
    pub data_directory: Option<String>,
    /// Its user, the capabilities that it has kept, and where it is confined to.
    pub privileges: Option<String>,
}

impl Identity {
    /// The identity of this process.
    pub fn new(config: &Config, part: &Part, privileges: &Privileges, now: Timestamp) -> Identity {
        let (host, data) = (host_name(), config.data.directory.display().to_string());
        Identity {
            id: format!("{host}:{}:{data}", part.id()),
            host: Some(host),
            pid: Some(std::process::id()),
            component: Some(part.component().to_owned()),
            name: part.name().map(str::to_owned),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            started: Some(stamp(now)),
            data_directory: Some(data),
            privileges: Some(privileges.to_string()),
        }
    }

    /// Component and name, as on the command line: `ship archive`.
    pub fn part(&self) -> Option<String> {
        let component = self.component.as_deref()?;
        Some(match &self.name {
            Some(name) => format!("{component} {name}"),
            None => component.to_owned(),
        })
    }
}

/// The status of one process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Seconds since the start.
    pub uptime_seconds: Option<u64>,
    /// Sums over its queues.
    pub totals: Totals,
    /// Its listeners.
    pub listeners: Vec<Listener>,
    /// Its harvests.
    pub harvests: Vec<Harvest>,
    /// The certificates that it shows.
    pub certificates: Vec<Certificate>,
    /// The logs of its bus.
    pub exchanges: Vec<Exchange>,
    /// The queues of its bus and its spool.
    pub queues: Vec<Queue>,
    /// The broker, if it has one.
    pub brokers: Vec<Broker>,
    /// The disks that it writes to.
    pub disks: Vec<Disk>,
    /// Its machines.
    pub machines: Vec<Machine>,
    /// Its shippers.
    pub ships: Vec<Ship>,
    /// What its parts have found of seals.
    pub seals: Vec<Seals>,
    /// The stores that it writes.
    pub stores: Vec<Store>,
    /// Events in the rescue, by the sink that refused them.
    pub rescue: BTreeMap<String, u64>,
    /// Why the rescue cannot be used.
    pub rescue_trouble: Option<String>,
    /// Roles and users whom nothing is shown until they are changed, each with the reason.
    pub access_troubles: Vec<String>,
    /// Why the queues cannot be read, if no process runs that could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The card of a running process, its file `run.json`, which tells scripts where it listens.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Every address of every listener.
    pub listeners: Vec<Door>,
    /// The web address, if it has one.
    pub web: Option<String>,
}

/// An address of a listener.
#[derive(Clone, Debug, Serialize)]
pub struct Door {
    /// The listener's name.
    pub name: String,
    /// Its protocol.
    pub protocol: &'static str,
    /// An address or a path.
    pub address: String,
}

impl Card {
    /// The card of the process; `web` are its web addresses.
    pub fn new(live: &Live, web: &[String]) -> Card {
        let doors = live.listeners.iter().flat_map(|bound| {
            bound.addresses.iter().map(|address| Door {
                name: bound.stats.name().to_owned(),
                protocol: bound.stats.protocol,
                address: address.clone(),
            })
        });
        Card { identity: live.identity.clone(), listeners: doors.collect(), web: web.first().cloned() }
    }
}

/// A time in RFC 3339.
pub fn stamp(time: Timestamp) -> String {
    let mut out = Vec::new();
    time.write_rfc3339(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
