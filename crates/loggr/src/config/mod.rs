//! The configuration: one TOML file, everything optional.
//!
//! [`Config`] is plain data with all defaults applied. It opens no socket and
//! creates no directory; reading files happens in `load` alone.

mod address;
mod network;
mod types;

use std::path::PathBuf;

pub use address::{Address, Endpoint};
pub use network::Network;
pub use types::*;

/// Everything the file says, and the defaults for what it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from; `None` is the built-in default.
    pub file: Option<PathBuf>,
    /// What is read beside the file (filters, secrets) is named relative to this directory.
    pub directory: PathBuf,
    /// `[data]`
    pub data: Data,
    /// `[bus]`
    pub bus: Bus,
    /// `[[listener]]`, in the file's order.
    pub listeners: Vec<Listener>,
    /// `[machine.NAME]`, in the file's order.
    pub machines: Vec<Machine>,
    /// `[ship.NAME]`, in the file's order.
    pub ships: Vec<Ship>,
    /// `[web]`; `None` when it is switched off.
    pub web: Option<Web>,
    /// `[log]`
    pub log: Log,
    /// `[process]`
    pub process: Process,
}
