//! `[ship.NAME]`: from a queue to the place where events stay. What one kind alone has is in the
//! file of the kind.

mod files;
mod postgres;
mod search;

use std::path::Path;

use loggr_bus::binding::Binding;

use super::choice::{Choice, choice};
use super::diagnostics::choose;
use super::keys::{Key, Section, Shape, Takes, key, one_of};
use super::reader::Reader;

pub use files::{Compress, FilesShip};
pub use postgres::PostgresShip;
pub use search::SearchShip;

/// The shipper that is there unless the file switches it off.
pub const BUILT_IN: &str = "search";

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "ship",
    shape: Shape::Named,
    about: "A shipper takes events from a queue to the place where they stay: files, the search store, \
            or a database. The search store `[ship.search]` is built in: a file that configures no \
            shipper of kind `search` or `postgres` has it too, unless it says `[ship.search]` with \
            `enabled = false`.",
    keys: &[COMMON, files::KEYS, search::KEYS, postgres::KEYS],
};

/// What is not of one kind alone.
const COMMON: &[Key] = &[
    key(
        "kind",
        one_of::<Kind>(),
        "",
        "`files`: into files, synced before the queue is told; `search`: into the embedded search store; \
         `postgres`: into a PostgreSQL database",
    )
    .without("must be given; `search` for `[ship.search]`"),
    key(
        "enabled",
        Takes::Bool,
        "true",
        "`false`: there is no such shipper, as if the section were not there",
    ),
    key("queue", Takes::Name, "", "the queue it takes from, its own").without("the shipper's name"),
    key("exchange", Takes::Name, "\"events\"", "the exchange that the queue is bound to"),
    key("binding", Takes::Binding, "\"#\"", "the routing keys it takes: `*` is one word, `#` any number"),
    key(
        "shared",
        Takes::Bool,
        "false",
        "`true`: several processes with directories of their own may take from this queue, and each stores \
         a part of the events; without it the second one refuses to start",
    )
    .only(DIRECTORY),
    key(
        "directory",
        Takes::Path,
        "",
        "where its files lie, relative to the data directory; two shippers cannot share one store",
    )
    .without("`files`; `search` (search)")
    .only(DIRECTORY),
];

const DIRECTORY: &[&str] = &["files", "search"];

choice!(Kind { Files = "files", Search = "search", Postgres = "postgres" } later "syslog", "elastic");

/// What `kind` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Files,
    Search,
    Postgres,
}

/// `[ship.NAME]`: takes events from a queue to a place where they stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ship {
    /// Unique.
    pub name: String,
    /// The queue, unique; the ship's name unless the file says otherwise.
    pub queue: String,
    /// The exchange it takes from.
    pub exchange: String,
    /// Which routing keys it takes.
    pub binding: Binding,
    /// Several hosts take from its queue, each into a store or files of its own.
    pub shared: bool,
    /// The file does not have it: it is the search store that every configuration has.
    pub built_in: bool,
    /// Where to.
    pub kind: ShipKind,
}

/// Where a ship takes its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShipKind {
    /// Into files.
    Files(FilesShip),
    /// Into the embedded search store.
    Search(SearchShip),
    /// Into a PostgreSQL database.
    Postgres(Box<PostgresShip>),
}

impl ShipKind {
    /// The word in the file.
    pub fn keyword(&self) -> &'static str {
        match self {
            ShipKind::Files(_) => Kind::Files.word(),
            ShipKind::Search(_) => Kind::Search.word(),
            ShipKind::Postgres(_) => Kind::Postgres.word(),
        }
    }

    /// Can what it stored be searched?
    pub fn is_store(&self) -> bool {
        matches!(self, ShipKind::Search(_) | ShipKind::Postgres(_))
    }
}

/// Reads a section; `None` where it is switched off or nobody can tell what it is. `beside` is the
/// directory of the file.
pub fn read(r: &mut Reader<'_, '_>, name: &str, data: &Path, beside: &Path) -> Option<Ship> {
    let enabled = r.bool("enabled");
    let kind = match r.choice_if_any("kind") {
        // Everybody knows what this one is.
        None if name == BUILT_IN && !r.failed("kind") => Some(Kind::Search),
        kind => kind,
    };
    match kind {
        Some(kind) => r.check_only("kind", kind),
        None if enabled => r.needs("kind", format!("`[ship.{name}]` needs its `kind`"), choose(Kind::WORDS)),
        None => {}
    }
    // All of them are read even so, for the sake of their mistakes.
    let directory = r.path_if_any("directory", data);
    let files = files::read(r, directory.clone().unwrap_or_else(|| data.join("files")));
    let search = search::read(r, directory.unwrap_or_else(|| data.join("search")));
    let postgres = postgres::read(r, name, kind == Some(Kind::Postgres), &search, beside);
    let ship = Ship {
        name: name.to_owned(),
        queue: r.bus_name_if_any("queue").unwrap_or_else(|| name.to_owned()),
        exchange: r.bus_name("exchange"),
        binding: r.binding("binding"),
        shared: r.bool("shared"),
        built_in: false,
        kind: match kind? {
            Kind::Files => ShipKind::Files(files),
            Kind::Search => ShipKind::Search(search),
            Kind::Postgres => ShipKind::Postgres(Box::new(postgres)),
        },
    };
    enabled.then_some(ship)
}
