//! The configuration: one TOML file, everything optional.
//!
//! [`Config`] is plain data with all defaults applied. It opens no socket and creates no
//! directory; files are read in [`Config::load`] alone. The table of keys in `keys.rs` is
//! the truth for the reader and for `docs/reference/configuration.md`.

mod diagnostics;
mod exposed;
mod keys;
mod quantity;
mod rabbit;
mod reader;
#[cfg(test)]
mod reference;
mod registry;
mod resolve;
mod searched;
mod secret;
mod topology;
mod types;
mod unset;
mod url;

use std::ffi::OsString;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use loggr_filter::engines::Route;

use crate::hint::Advise;
use diagnostics::ConfigError;
use resolve::{Around, resolve};

pub use diagnostics::{list, nearest};
pub use exposed::{exposed, password_in};
pub use rabbit::{RabbitBus, Spool};
pub use registry::{RedisRegistry, Registry};
pub use secret::Secret;
pub use topology::{Exchange, Topology};
pub use types::*;

/// What `loggr run` does without a file, as a file.
const DEFAULT_TEXT: &str = include_str!("default.toml");
/// Where the file is looked for when nobody says where it is.
const SYSTEM_FILE: &str = "/etc/loggr/loggr.toml";
/// The file's name in `$LOGGR_CONFIG_DIR` and in the current directory.
const FILE_NAME: &str = "loggr.toml";
/// Data directory of root.
const SYSTEM_DATA: &str = "/var/lib/loggr";
/// Longer files are refused.
const MAX_FILE_BYTES: u64 = 1 << 20;

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
    /// `[packers.NAME]`, in the file's order.
    pub packers: Vec<Packer>,
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
    /// `[registry]`
    pub registry: Registry,
}

/// A file that is there and is not read: somebody put it there whom this user need not trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    file: PathBuf,
    owner: u32,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, owner) = (self.file.display(), crate::users::user_of(self.owner));
        write!(
            f,
            "`{file}` is ignored, as it belongs to {owner}: a file that nobody names is read only if it belongs to \
             root or to the user who runs loggr"
        )
    }
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
        load(file, data, &Host::this(), &|_, _| None)
    }

    /// The same; also that there is a queue for whatever the filters' routers send away.
    pub fn load_with_filters(file: Option<&Path>, data: Option<&Path>) -> Result<Config> {
        load(file, data, &Host::this(), &crate::filters::routes)
    }

    /// The directory of the file that would be read, and the file that was left alone; what is in
    /// them is not looked at.
    pub fn directory_of(file: Option<&Path>) -> Result<(PathBuf, Option<PassedOver>)> {
        let chosen = Host::this().find(file)?;
        Ok((beside(chosen.file.as_deref()).to_owned(), chosen.passed_over))
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

/// What `load` wants to know of the host.
struct Host<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Whose files may be read without being named; root's may always.
    user: u32,
    root: bool,
    /// The file in the current directory.
    here: &'a Path,
    system_file: &'a Path,
}

impl Host<'_> {
    fn this() -> Host<'static> {
        Host {
            variable: &|name| std::env::var_os(name),
            user: rustix::process::geteuid().as_raw(),
            root: rustix::process::geteuid().is_root(),
            here: Path::new(FILE_NAME),
            system_file: Path::new(SYSTEM_FILE),
        }
    }

    /// A path in a variable; an empty one is as good as none.
    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// The file that is to be read.
    fn find(&self, file: Option<&Path>) -> Result<Chosen> {
        if let Some(file) = file {
            return Ok(Chosen::named(absolute(file)?));
        }
        if let Some(directory) = self.path("LOGGR_CONFIG_DIR") {
            return Ok(Chosen::named(absolute(&directory.join(FILE_NAME))?));
        }
        let stranger = self.stranger();
        if stranger.is_none() && self.here.is_file() {
            return Ok(Chosen { found_here: true, ..Chosen::named(absolute(self.here)?) });
        }
        let passed_over = match stranger {
            Some(owner) => Some(PassedOver { file: absolute(self.here)?, owner }),
            None => None,
        };
        let file = match self.system_file.try_exists() {
            Ok(false) => None,
            // What is there and cannot be read must not be taken for nothing.
            Ok(true) | Err(_) => Some(self.system_file.to_owned()),
        };
        Ok(Chosen { file, found_here: false, passed_over })
    }

    /// Whose the file in the current directory is, if this user need not trust them: in a
    /// directory like `/tmp` anybody may have put one.
    fn stranger(&self) -> Option<u32> {
        let meta = std::fs::metadata(self.here).ok().filter(std::fs::Metadata::is_file)?;
        Some(meta.uid()).filter(|owner| *owner != self.user && *owner != 0)
    }

    fn default_data(&self) -> Option<PathBuf> {
        if self.root {
            return Some(PathBuf::from(SYSTEM_DATA));
        }
        // The XDG specification: a relative path is to be ignored.
        let xdg = self.path("XDG_DATA_HOME").filter(|path| path.is_absolute());
        let home =
            || self.path("HOME").filter(|path| path.is_absolute()).map(|home| home.join(".local/share"));
        xdg.or_else(home).map(|data| data.join("loggr"))
    }
}

/// The file that is to be read, and why this one.
#[derive(Debug)]
struct Chosen {
    /// `None` is the built-in default.
    file: Option<PathBuf>,
    /// Nobody named it.
    found_here: bool,
    /// One that was there and was left alone.
    passed_over: Option<PassedOver>,
}

impl Chosen {
    fn named(file: PathBuf) -> Chosen {
        Chosen { file: Some(file), found_here: false, passed_over: None }
    }
}

/// Where the filter of a name sends events, beside the configuration in a directory; `None` if
/// that is not known.
type Routes<'r> = &'r dyn Fn(&Path, &str) -> Option<Vec<Route>>;

fn load(file: Option<&Path>, data: Option<&Path>, host: &Host<'_>, routes: Routes<'_>) -> Result<Config> {
    let Chosen { file, found_here, passed_over } = host.find(file)?;
    let text = match &file {
        Some(file) => read(file)?,
        None => String::new(),
    };
    let directory = beside(file.as_deref());
    let wanted = data.map(Path::to_owned).or_else(|| host.path("LOGGR_DATA_DIR"));
    let wanted = wanted.as_deref().map(absolute).transpose()?;
    let default = host.default_data();
    let around = Around {
        file: file.as_deref(),
        directory,
        data_override: wanted.as_deref(),
        data_default: default.as_deref().unwrap_or(Path::new("")),
        routes: &|filter| routes(directory, filter),
    };
    let (mut config, problems) = resolve(&text, &around);
    (config.found_here, config.passed_over) = (found_here, passed_over);
    if !problems.is_empty() {
        let shown = file.as_deref().map_or_else(|| "the default".to_owned(), |f| f.display().to_string());
        return Err(ConfigError::new(&shown, &text, problems).into());
    }
    if config.data.directory.as_os_str().is_empty() {
        return Err(anyhow!("there is no place for the data directory: `HOME` is not set"))
            .hint("name one with `--data-dir` or `LOGGR_DATA_DIR`");
    }
    Ok(config)
}

/// Where what belongs to the configuration lies.
fn beside(file: Option<&Path>) -> &Path {
    file.and_then(Path::parent).unwrap_or(Path::new("/etc/loggr"))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot tell where `{}` is", path.display()))
}

fn read(file: &Path) -> Result<String> {
    let shown = file.display();
    let bytes = loggr_disk::read_at_most(file, MAX_FILE_BYTES)
        .with_context(|| format!("cannot read the configuration `{shown}`"))
        .hint("`loggr config` prints the default one")?;
    let Some(bytes) = bytes else {
        bail!("the configuration `{shown}` is longer than {MAX_FILE_BYTES} bytes");
    };
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        anyhow!("the configuration `{shown}` is not UTF-8 in line {line}")
    })
}

#[cfg(test)]
pub mod tests;
