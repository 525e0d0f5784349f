//! The configuration: one TOML file, everything optional.
//!
//! [`Config`] is plain data with all defaults applied. It opens no socket and creates no directory;
//! files are read in `file.rs` alone. Each section has a file, with its table of keys, its types
//! and their reading; the reader and `docs/reference/configuration.md` both use the tables. A text
//! in a language of its own (a template, a condition, a network) is parsed once and kept parsed.

mod agent;
mod bus;
mod choice;
mod data;
mod diagnostics;
mod exposed;
mod file;
mod harvest;
mod hmac;
mod keys;
mod listener;
mod log;
mod loops;
mod machine;
mod oidc;
mod packers;
mod process;
mod quantity;
mod rabbit;
mod reach;
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
mod tls;
mod together;
mod topology;
mod trust;
mod unset;
mod url;
mod ways;
mod web;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use loggr_bus::Topology;

use crate::hint::Advise;
use file::Host;

pub use bus::Bus;
pub use data::Data;
pub use diagnostics::{list, nearest};
pub use exposed::{exposed, password_in};
pub use file::PassedOver;
pub use harvest::{After, Harvest, KnownBy};
pub use hmac::{Seal, SealKeyFile};
pub use listener::files::Files;
pub use listener::pattern::{Exclusion, Pattern, Step};
pub use listener::start::Start;
pub use listener::{Listener, Protocol, UPLOAD};
pub use log::{Log, LogFormat};
pub use machine::Machine;
pub use oidc::Oidc;
pub use packers::Packer;
pub use process::Process;
pub use rabbit::RabbitBus;
pub use registry::{RedisRegistry, Registry};
pub use secret::Secret;
pub use ship::{Ship, ShipKind, StoreShip};
pub use spool::Spool;
pub use ways::{Way, ways};
pub use web::Web;

/// The configuration that `loggr run` uses without a file.
const DEFAULT_TEXT: &str = include_str!("default.toml");
/// The configuration of the file, with the defaults for everything that it does not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from; `None` is the built-in default.
    pub file: Option<PathBuf>,
    /// Whether the file was found in the current directory, without being named.
    pub found_here: bool,
    /// The file in the current directory that was ignored because of its owner.
    pub passed_over: Option<PassedOver>,
    /// The directory of the file; filters and secrets are relative to it.
    pub directory: PathBuf,
    /// `[data]`
    pub data: Data,
    /// `[bus]`
    pub bus: Bus,
    /// `[spool]`; `None` where there is none.
    pub spool: Option<Spool>,
    /// `[[listener]]`, in the file's order.
    pub listeners: Vec<Listener>,
    /// `[harvest.NAME]`, in the file's order.
    pub harvests: Vec<Harvest>,
    /// `[machine.NAME]`, in the file's order; each has its `[packers.NAME]`.
    pub machines: Vec<Machine>,
    /// `[ship.NAME]`, in the file's order.
    pub ships: Vec<Ship>,
    /// The keys of `[hmac]`, the one that seals first.
    pub seal_keys: Vec<SealKeyFile>,
    /// `[web]`; `None` when it is switched off.
    pub web: Option<Web>,
    /// `[log]`
    pub log: Log,
    /// `[process]`
    pub process: Process,
    /// `[registry]`
    pub registry: Registry,
    /// Whether it is that of an agent: `[agent]` is listeners, a shipper and limits by now.
    pub agent: bool,
}

impl Config {
    /// Reads the file, or takes the built-in default where there is none.
    ///
    /// The file: `file`, else `$LOGGR_CONFIG_DIR/loggr.toml`, else `loggr.toml` in the current
    /// directory or `/etc/loggr/loggr.toml` if it exists. The data directory: `data`, else `$LOGGR_DATA_DIR`, else the file's,
    /// else the user's or the system's.
    ///
    /// Filters are not read, so that a mistake in one does not prevent a search; running and
    /// checking use [`Config::load_with_filters`].
    pub fn load(file: Option<&Path>, data: Option<&Path>) -> Result<Config> {
        file::load(file, data, &Host::this(), &|_, _| None)
    }

    /// Like [`Config::load`], and checks that there is a queue for all events that routers of
    /// filters send to other exchanges.
    pub fn load_with_filters(file: Option<&Path>, data: Option<&Path>) -> Result<Config> {
        file::load(file, data, &Host::this(), &crate::filters::routes)
    }

    /// Like [`Config::load_with_filters`], for an agent: where no file is named, it is `agent.toml` that is
    /// looked for, and there has to be one.
    pub fn load_agent(file: Option<&Path>, data: Option<&Path>) -> Result<Config> {
        let config = file::load(file, data, &Host::of_agent(), &crate::filters::routes)?;
        if config.agent {
            return Ok(config);
        }
        let (what, help) = match &config.file {
            Some(file) => (
                format!("`{}` is not the configuration of an agent", file.display()),
                "it has no section `[agent]`",
            ),
            None => (
                "there is no configuration of an agent".to_owned(),
                "write `[agent]` into `/etc/loggr/agent.toml`, or name the file with `--config`",
            ),
        };
        Err(anyhow!("{what}")).hint(help)
    }

    /// What a file with mistakes says as far as it can be read. It must not be run: only what runs already may
    /// be asked with it. `None` where not even the data directory is known.
    pub fn load_past_mistakes(file: Option<&Path>, data: Option<&Path>) -> Option<Config> {
        file::load_past_mistakes(file, data, &Host::this())
    }

    /// The directory of the file that would be read, and the file that was ignored; neither is
    /// read.
    pub fn directory_of(file: Option<&Path>) -> Result<(PathBuf, Option<PassedOver>)> {
        let chosen = Host::this().find(file)?;
        Ok((file::beside(chosen.file.as_deref()).to_owned(), chosen.passed_over))
    }

    /// What fails when the files of a listener's TLS cannot be used: the listener, and where the file says so.
    pub fn no_tls_of(&self, listener: &Listener) -> String {
        let at = self.listeners.iter().position(|known| known.name == listener.name);
        let place = self.file.as_deref().zip(at).and_then(|(file, at)| file::place_of_tls(file, at));
        let what = format!("the listener `{}` cannot speak TLS", listener.name);
        place.map_or(what.clone(), |place| format!("{place}: {what}"))
    }

    /// The default configuration with comments, as `loggr config` prints it.
    pub fn default_text() -> String {
        DEFAULT_TEXT.to_owned()
    }

    /// A sentence for each machine that may take good seals away.
    pub fn lost_seals(&self) -> Vec<String> {
        let loses = |m: &&Machine| {
            (m.filter.is_some() || !m.packers.is_empty())
                && m.seal != Some(Seal::Sign)
                && !self.seal_keys.is_empty()
        };
        let tell = |m: &Machine| {
            format!(
                "the machine `{0}` drops the seal of every event in which its filter changes what is sealed, or that \
                 its packers join with others: set `seal = \"sign\"` in `[machine.{0}]` to have it sealed anew",
                m.name
            )
        };
        self.machines.iter().filter(loses).map(tell).collect()
    }

    /// The exchange that the file names for a queue. The queue may be bound to another one, because
    /// a machine that only passes events on has no queue.
    pub fn exchange_of(&self, queue: &str) -> Option<&str> {
        let ships = self.ships.iter().map(|ship| (&ship.queue, &ship.exchange));
        let machines = self.machines.iter().filter(|m| m.is_hop()).map(|m| (&m.queue, &m.exchange));
        ships.chain(machines).find(|(known, _)| *known == queue).map(|(_, exchange)| exchange.as_str())
    }

    /// The exchanges to which listeners and harvests publish.
    fn published(&self) -> Vec<&str> {
        let listeners = self.listeners.iter().map(|listener| listener.exchange.as_str());
        listeners.chain(self.harvests.iter().map(|harvest| harvest.exchange.as_str())).collect()
    }

    /// The exchanges to which uploaded files can go, each as a listener that publishes there, the usual
    /// one first, and their routing key.
    pub fn upload_ways(&self) -> Result<(Vec<&Listener>, String)> {
        let key = format!("syslog.{UPLOAD}");
        Ok((topology::open_to(&self.listeners, &self.topology()?, &key), key))
    }

    /// The exchanges and queues that the bus must have. They are right for a loaded configuration,
    /// which has been checked; one that was changed since may be wrong.
    pub fn topology(&self) -> Result<Topology> {
        topology::resolve(self).map_err(|problems| {
            let texts: Vec<String> = problems.into_iter().map(|p| p.message).collect();
            anyhow!("{}", texts.join("; "))
        })
    }
}

#[cfg(test)]
pub mod tests;
