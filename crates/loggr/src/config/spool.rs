//! `[spool]`: where events wait while the brokers are away. The embedded bus needs none.

use std::path::{Path, PathBuf};

use super::keys::{MIB, Section, Shape, TIB, Takes, key};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "spool",
    shape: Shape::Once,
    about: "With RabbitMQ: where listeners put their events while the broker is away. Senders notice \
            nothing; the collector brings the events to the broker when it is back, in order.",
    keys: &[&[
        key("enabled", Takes::Bool, "true", "`false`: senders wait while the broker is away"),
        key("directory", Takes::Path, "\"spool\"", "where it lies; relative to the data directory"),
        key(
            "max_size",
            Takes::Size(8 * MIB, 1024 * TIB),
            "\"20GB\"",
            "size limit; a full one stops reading from senders and loses nothing",
        ),
    ]],
};

/// `[spool]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Where it lies.
    pub directory: PathBuf,
    /// Bytes kept at most; a full spool stops reading from senders.
    pub max_size: u64,
}

/// Reads the section; `rabbit`: the bus is RabbitMQ, which alone needs one.
pub fn read(r: &mut Reader<'_, '_>, rabbit: bool, data: &Path) -> Option<Spool> {
    let enabled = r.bool("enabled");
    let spool = Spool {
        directory: r.path_if_any("directory", data).unwrap_or_else(|| data.join("spool")),
        max_size: r.size("max_size"),
    };
    if !rabbit && ["directory", "max_size"].into_iter().any(|key| r.has(key)) {
        let message = "the embedded bus needs no spool: it is on this host".to_owned();
        r.blame("", message, Some("leave `[spool]` out, or set `[bus] kind = \"rabbitmq\"`".to_owned()));
    }
    (enabled && rabbit).then_some(spool)
}
