//! `[bus]`: the durable queue between the components. What it has of a broker is in `rabbit.rs`.

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
    about: "The durable queue between reception and shippers.",
    keys: &[OWN, rabbit::KEYS],
};

/// All but those of RabbitMQ.
const OWN: &[Key] = &[
    key(
        "kind",
        one_of::<Kind>(),
        "\"embedded\"",
        "`embedded`: a log on local disk, for one process; `rabbitmq`: quorum queues of a broker, for many \
         processes and hosts",
    ),
    key("directory", Takes::Path, "\"bus\"", "where its segments lie; relative to the data directory")
        .only(EMBEDDED),
    key(
        "max_size",
        Takes::Size(2 * MIB, 1024 * TIB),
        "\"20GB\"",
        "size limit of each exchange; a full one stops reading from senders and loses nothing; \
         at least two segments",
    )
    .only(EMBEDDED),
    key("segment_size", Takes::Size(MIB, GIB), "\"64MiB\"", "size of one segment file").only(EMBEDDED),
    key(
        "compression",
        one_of::<Codec>(),
        "\"none\"",
        "`lz4` halves the disk and costs about a third of a microsecond of CPU per event",
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
    /// RabbitMQ instead of the embedded one, of which all that follows is.
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
