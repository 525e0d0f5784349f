//! The configuration: one TOML file, everything optional.
//!
//! [`Config`] is plain data with all defaults applied. It opens no socket and creates no
//! directory; files are read in `file.rs` alone. Each section has a file, with its table of
//! keys, its types and what is made of them; the tables are the truth for the reader and for
//! `docs/reference/configuration.md`. A text that has a language of its own (a template, a
//! condition, a network) is kept as what it means.

mod bus;
mod choice;
mod data;
mod diagnostics;
mod exposed;
mod file;
mod keys;
mod listener;
mod log;
mod machine;
mod packers;
mod process;
mod quantity;
mod rabbit;
mod reader;
#[cfg(test)]
mod reference;
mod registry;
mod resolve;
mod searched;
mod secret;
mod sections;
pub mod ship;
mod spool;
mod together;
mod topology;
mod trust;
mod unset;
mod url;
mod web;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use loggr_bus::Topology;

use file::Host;

pub use bus::Bus;
pub use data::Data;
pub use diagnostics::{list, nearest};
pub use exposed::{exposed, password_in};
pub use file::PassedOver;
pub use listener::{Listener, Protocol};
pub use log::{Log, LogFormat};
pub use machine::Machine;
pub use packers::Packer;
pub use process::Process;
pub use rabbit::RabbitBus;
pub use registry::{RedisRegistry, Registry};
pub use secret::Secret;
pub use ship::{Ship, ShipKind, StoreShip};
pub use spool::Spool;
pub use web::Web;

/// What `loggr run` does without a file, as a file.
const DEFAULT_TEXT: &str = include_str!("default.toml");
/// Everything the file says, and the defaults for what it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from; `None` is the built-in default.
    pub file: Option<PathBuf>,
    /// Nobody named the file: it was found in the current directory.
    pub found_here: bool,
    /// The file in the current directory that was left alone because of its owner.
    pub passed_over: Option<PassedOver>,
    /// What is read beside the file (filters, secrets) is named relative to this directory.
    pub directory: PathBuf,
    /// `[data]`
    pub data: Data,
    /// `[bus]`
    pub bus: Bus,
    /// `[spool]`; `None` where there is none.
    pub spool: Option<Spool>,
    /// `[[listener]]`, in the file's order.
    pub listeners: Vec<Listener>,
    /// `[machine.NAME]`, in the file's order; each has its `[packers.NAME]`.
    pub machines: Vec<Machine>,
    /// `[ship.NAME]`, in the file's order.
    pub ships: Vec<Ship>,
    /// `[web]`; `None` when it is switched off.
    pub web: Option<Web>,
    /// `[log]`
    pub log: Log,
    /// `[process]`
    pub process: Process,
    /// `[registry]`
    pub registry: Registry,
}

impl Config {
    /// Reads the file, or takes the built-in default where there is none.
    ///
    /// The file: `file`, else `$LOGGR_CONFIG_DIR/loggr.toml`, else `loggr.toml` in the current
    /// directory or `/etc/loggr/loggr.toml` if it exists. The data directory: `data`, else `$LOGGR_DATA_DIR`, else the file's,
    /// else the user's or the system's.
    ///
    /// Filters are not looked at, so that a mistake in one stops nobody who only wants to
    /// search: for running and checking there is [`Config::load_with_filters`].
    pub fn load(file: Option<&Path>, data: Option<&Path>) -> Result<Config> {
        file::load(file, data, &Host::this(), &|_, _| None)
    }

    /// The same; also that there is a queue for whatever the filters' routers send away.
    pub fn load_with_filters(file: Option<&Path>, data: Option<&Path>) -> Result<Config> {
        file::load(file, data, &Host::this(), &crate::filters::routes)
    }

    /// The directory of the file that would be read, and the file that was left alone; what is in
    /// them is not looked at.
    pub fn directory_of(file: Option<&Path>) -> Result<(PathBuf, Option<PassedOver>)> {
        let chosen = Host::this().find(file)?;
        Ok((file::beside(chosen.file.as_deref()).to_owned(), chosen.passed_over))
    }

    /// The default configuration, commented: what `loggr config` prints.
    pub fn default_text() -> String {
        DEFAULT_TEXT.to_owned()
    }

    /// The exchange that the file gives for a queue. The queue may hang on another one: a machine
    /// that only passes events on is no stop on their way.
    pub fn exchange_of(&self, queue: &str) -> Option<&str> {
        let ships = self.ships.iter().map(|ship| (&ship.queue, &ship.exchange));
        let machines = self.machines.iter().filter(|m| m.is_hop()).map(|m| (&m.queue, &m.exchange));
        ships.chain(machines).find(|(known, _)| *known == queue).map(|(_, exchange)| exchange.as_str())
    }

    /// The exchanges and queues that the bus must have. A loaded configuration has been
    /// checked already; one that was changed since may be wrong.
    pub fn topology(&self) -> Result<Topology> {
        topology::resolve(self).map_err(|problems| {
            let texts: Vec<String> = problems.into_iter().map(|p| p.message).collect();
            anyhow!("{}", texts.join("; "))
        })
    }
}

#[cfg(test)]
pub mod tests;
