//! `[spool]`: the place on local disk where events wait while no broker can be reached. The
//! embedded bus needs none.

use std::path::{Path, PathBuf};

use super::keys::{MIB, Section, Shape, TIB, Takes, key};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "spool",
    shape: Shape::Once,
    about: "The spool is used with RabbitMQ only. While the broker cannot be reached, listeners store their \
         events in the spool on the local disk, and senders notice nothing. When the broker is back, the \
         collector publishes the events there in their order.",
    keys: &[&[
        key(
            "enabled",
            Takes::Bool,
            "true",
            "with `false` there is no spool: listeners stop reading, and senders wait, while the broker is \
             away",
        ),
        key(
            "directory",
            Takes::Path,
            "\"spool\"",
            "the directory of the spool's files, relative to the data directory",
        ),
        key(
            "max_size",
            Takes::Size(8 * MIB, 1024 * TIB),
            "\"20GB\"",
            "how much disk the spool may take; when it is full, listeners stop reading from their senders, \
             and nothing is lost",
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
