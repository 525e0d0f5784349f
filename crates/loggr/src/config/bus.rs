//! `[bus]`: the durable queues between the components. The keys of a RabbitMQ broker are in
//! `rabbit.rs`.

use std::path::{Path, PathBuf};

use loggr_bus::Codec;

use super::choice::choice;
use super::keys::{GIB, Key, MIB, Section, Shape, TIB, Takes, key, one_of};
use super::rabbit::{self, RabbitBus};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "bus",
    shape: Shape::Once,
    about: "The bus keeps events in durable queues between the listeners, the machines and the shippers.",
    keys: &[OWN, rabbit::KEYS],
};

/// All keys but those of RabbitMQ.
const OWN: &[Key] = &[
    key(
        "kind",
        one_of::<Kind>(),
        "\"embedded\"",
        "`embedded`: loggr keeps the queues in files on the local disk, for one process; `rabbitmq`: a \
         RabbitMQ broker keeps them in quorum queues, for many processes and hosts",
    ),
    key(
        "directory",
        Takes::Path,
        "\"bus\"",
        "the directory of the bus's files, relative to the data directory",
    )
    .only(EMBEDDED),
    key(
        "max_size",
        Takes::Size(2 * MIB, 1024 * TIB),
        "\"20GB\"",
        "how much disk each exchange may take; when one is full, listeners stop reading from their senders, \
         and nothing is lost; at least twice `segment_size`",
    )
    .only(EMBEDDED),
    key(
        "segment_size",
        Takes::Size(MIB, GIB),
        "\"64MiB\"",
        "the size of one file of the log; the files are made and given back one at a time",
    )
    .only(EMBEDDED),
    key(
        "compression",
        one_of::<Codec>(),
        "\"none\"",
        "how events are compressed on disk; `lz4` takes about half the space of `none` and costs about a \
         third of a microsecond of processor time for each event",
    )
    .only(EMBEDDED),
];

const EMBEDDED: &[&str] = &["embedded"];

choice!(Kind { Embedded = "embedded", Rabbitmq = "rabbitmq" });
choice!(Codec { None = "none", Lz4 = "lz4" });

/// Which bus it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Embedded,
    Rabbitmq,
}

/// `[bus]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bus {
    /// RabbitMQ, if the bus is that; all other fields are about the embedded bus.
    pub rabbit: Option<Box<RabbitBus>>,
    /// Where the segments lie.
    pub directory: PathBuf,
    /// Bytes of segments kept at most; a full bus stops reading from senders.
    pub max_size: u64,
    /// Bytes of one segment.
    pub segment_size: u64,
    /// How batches are compressed.
    pub compression: Codec,
}

/// Reads the section; `beside` is the directory of the file.
pub fn read(r: &mut Reader<'_, '_>, data: &Path, beside: &Path) -> Bus {
    let kind = r.choice("kind");
    r.check_only("kind", kind);
    let bus = Bus {
        rabbit: match kind {
            Kind::Embedded => None,
            Kind::Rabbitmq => rabbit::read(r, beside),
        },
        directory: r.path_if_any("directory", data).unwrap_or_else(|| data.join("bus")),
        max_size: r.size("max_size"),
        segment_size: r.size("segment_size"),
        compression: r.choice("compression"),
    };
    if bus.max_size < bus.segment_size.saturating_mul(2) {
        let message = "`max_size` holds less than two segments".to_owned();
        let key = if r.has("max_size") { "max_size" } else { "segment_size" };
        r.blame(key, message, Some("lower `segment_size` or raise `max_size`".to_owned()));
    }
    bus
}
