//! `[ship.NAME]`: a shipper, which takes events from a queue to the place where they stay. The keys
//! of each kind are in the file of the kind.

mod elastic;
mod files;
mod postgres;
mod search;
mod syslog;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use loggr_bus::binding::Binding;
use loggr_event::{DumpFormat, Template};
use loggr_filter::lang::Predicate;

use super::choice::{Choice, choice};
use super::diagnostics::choose;
use super::hmac::{self, Seal};
use super::keys::{DAY, GIB, HOUR, KIB, Key, SECOND, Section, Shape, Takes, key, one_of};
use super::reach::both;
use super::reader::Reader;

pub use elastic::{ElasticShip, Login, MAX_INDEX_BYTES, is_for_index};
pub use files::{Compress, FilesShip};
pub use postgres::PostgresShip;
pub use search::SearchShip;
pub use syslog::{Balance, Carrier, ForwardTls, Framing, SyslogShip, TLS};

/// The shipper that is there unless the file switches it off.
pub const BUILT_IN: &str = "search";

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "ship",
    shape: Shape::Named,
    about: "A shipper takes events from a queue to the place where they stay: files, the search store, a \
         database, a search server, or another syslog server. The shipper `[ship.search]`, which writes the search store, is built in: loggr adds it \
         to a file that has no shipper of kind `search` or `postgres`, unless the file says `[ship.search]` \
         with `enabled = false`.",
    keys: &[COMMON, files::KEYS, search::KEYS, postgres::KEYS, elastic::KEYS, syslog::KEYS],
};

/// The keys of all kinds, or of more than one.
const COMMON: &[Key] = &[
    key(
        "kind",
        one_of::<Kind>(),
        "",
        "where the shipper stores events: `files`, in text files, which are synced before the events leave \
         the queue; `search`, in the embedded search store; `postgres`, in a PostgreSQL database; `elastic`, in \
         Elasticsearch, OpenSearch, or a server that speaks their bulk interface; `syslog`, at another syslog \
         server, to which it hands them on",
    )
    .without("must be given; `search` for `[ship.search]`"),
    key("enabled", Takes::Bool, "true", "with `false` loggr ignores the whole section"),
    key(
        "queue",
        Takes::Name,
        "",
        "the name of the queue from which the shipper takes events; no other shipper or machine may use it",
    )
    .without("the shipper's name"),
    key(
        "exchange",
        Takes::Name,
        "\"events\"",
        "the exchange to which the queue is bound: the queue gets the events that are published there",
    ),
    key(
        "binding",
        Takes::Binding,
        "\"#\"",
        "which events of the exchange the shipper takes, by their routing key: `*` stands for one word of \
         the key, `#` for any number of words",
    ),
    key(
        "if",
        Takes::Condition,
        "",
        "a condition of the filter language that says which events of its queue the shipper stores, such as \
         `facility == \"mail\" and severity >= \"err\"`; all others leave the queue and count as dropped by a rule. \
         It calls no engine",
    )
    .without("all events"),
    hmac::seal(
        "what is done with [seals](../guide/seals.md) before events are stored: `sign` seals every event that has \
         no seal; `verify` only looks whether seals are good; with `require` an event without a good seal goes to \
         the rescue. With each of them an event whose seal is broken has the defect `bad_hmac`",
    ),
    key(
        "shared",
        Takes::Bool,
        "false",
        "with `true` several processes may take from this RabbitMQ queue, and each stores a part of the \
         events in a directory of its own; with `false` the second process refuses to start",
    )
    .only(DIRECTORY),
    key(
        "directory",
        Takes::Path,
        "",
        "the directory in which the shipper stores events, relative to the data directory; no other \
         shipper may use the directory of a search store",
    )
    .without("`files`; `search` (search)")
    .only(DIRECTORY),
    key(
        "format",
        Takes::LineFormat,
        "",
        "how an event is written: one of the formats `JSON`, `MSGPACK`, `RFC5424`, `RFC3164`, `RSYSLOG` (as \
         rsyslog writes its files, and with the priority in front as it forwards), `ES` (for the bulk interface \
         of Elasticsearch), `MESSAGE` (the message alone) and `RAW` (the received bytes), or a template such as \
         `$DATETIME $SOURCE $MESSAGE`, see `templates.md`",
    )
    .without("`RSYSLOG` (files); `RFC5424` (syslog)")
    .only(LINES),
    key(
        "compress",
        one_of::<Compress>(),
        "",
        "files: how they are compressed; if a file exists already and is compressed otherwise, the events go to a \
         file beside it with `.gz`, `.zst` or `.plain` added to its name. elastic: how requests are compressed. \
         syslog: with `zstd`, events are compressed on their way to a target that is a loggr and offers it, over \
         `relp`; to all others they go as they are, and the status says so",
    )
    .without("`none` (files, syslog); `gzip` (elastic)")
    .only(&["files", "elastic", "syslog"]),
    key(
        "batch_events",
        Takes::Count(1, 1_000_000),
        "10000",
        "the largest number of events that the shipper stores together (files: writes and syncs); it never waits for \
         more events to come: when fewer wait, it stores these at once",
    )
    .only(AT_ONCE),
    key(
        "batch_size",
        Takes::Size(KIB, GIB),
        "\"4MiB\"",
        "the largest number of bytes, as they were received, that the shipper stores together",
    )
    .only(AT_ONCE),
    key(
        "connections",
        Takes::Count(1, 64),
        "2",
        "how many connections store events at the same time; with several, events may arrive in another order",
    )
    .only(&["postgres", "elastic"]),
    key(
        "password_file",
        Takes::Path,
        "",
        "a file that holds the password of the database or of `user`, and nothing else; relative to the directory of \
         the configuration file, and read when loggr starts",
    )
    .without("what `url` says, or none")
    .only(&["postgres", "elastic"]),
    key(
        "timeout",
        Takes::Duration(100, HOUR),
        "\"30s\"",
        "how long a target may take to accept a connection, and how long it may leave everything unanswered, \
         until loggr connects anew or turns to the next target",
    )
    .only(SERVERS),
    key(
        "return_after",
        Takes::Duration(SECOND, DAY),
        "\"1m\"",
        "how often loggr tries whether a target that has failed can be reached again, while another one takes \
         its events; with `failover` they then go to the first of the list again",
    )
    .only(SERVERS),
    key("tls", Takes::Section, "", "TLS to the targets: [`[ship.NAME.tls]`](#shipnametls)")
        .without("syslog: no TLS; elastic: the authorities of this system, where a URL begins with `https://`")
        .only(SERVERS),
];

const DIRECTORY: &[&str] = &["files", "search"];
const LINES: &[&str] = &["files", "syslog"];
const AT_ONCE: &[&str] = &["files", "elastic"];
const SERVERS: &[&str] = &["elastic", "syslog"];

choice!(Kind {
    Files = "files",
    Search = "search",
    Postgres = "postgres",
    Elastic = "elastic",
    Syslog = "syslog"
});

/// The kind of a shipper.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Files,
    Search,
    Postgres,
    Elastic,
    Syslog,
}

/// `[ship.NAME]`: takes events from a queue to a place where they stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ship {
    /// Its name, unique.
    pub name: String,
    /// The queue, unique; the ship's name unless the file says otherwise.
    pub queue: String,
    /// The exchange it takes from.
    pub exchange: String,
    /// Which routing keys it takes.
    pub binding: Binding,
    /// Which events of its queue it stores.
    pub condition: Option<Arc<Predicate>>,
    /// Several hosts take from its queue, each into a store or files of its own.
    pub shared: bool,
    /// What is done with seals.
    pub seal: Option<Seal>,
    /// The file does not have it: loggr has added it.
    pub built_in: bool,
    /// Where it stores events.
    pub kind: ShipKind,
}

impl Ship {
    /// Has it to be the only one that takes from its queue? It stores on this host's disk, and others
    /// would store a part of the events elsewhere.
    pub fn is_lonely(&self) -> bool {
        !self.shared && self.kind.directory().is_some()
    }
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
    /// Into a search server, as documents.
    Elastic(Box<ElasticShip>),
    /// To other syslog servers.
    Syslog(Box<SyslogShip>),
}

impl ShipKind {
    /// The word in the file.
    pub fn keyword(&self) -> &'static str {
        match self {
            ShipKind::Files(_) => Kind::Files.word(),
            ShipKind::Search(_) => Kind::Search.word(),
            ShipKind::Postgres(_) => Kind::Postgres.word(),
            ShipKind::Elastic(_) => Kind::Elastic.word(),
            ShipKind::Syslog(_) => Kind::Syslog.word(),
        }
    }

    /// Where it ships to, for people.
    pub fn shown(&self) -> String {
        match self {
            ShipKind::Files(files) => format!("files in {}", files.directory.display()),
            ShipKind::Search(search) => format!("search store in {}", search.directory.display()),
            ShipKind::Postgres(postgres) => format!("table {}", postgres.database.table),
            ShipKind::Elastic(elastic) => {
                let urls: Vec<String> = elastic.urls.iter().map(ToString::to_string).collect();
                format!("index {} at {}", elastic.index_text, urls.join(", "))
            }
            ShipKind::Syslog(syslog) => {
                let targets: Vec<String> = syslog.targets.iter().map(ToString::to_string).collect();
                format!("syslog at {}", targets.join(", "))
            }
        }
    }

    /// The store that it fills, where what it ships can be searched.
    pub fn store(&self) -> Option<StoreShip<'_>> {
        match self {
            ShipKind::Files(_) | ShipKind::Elastic(_) | ShipKind::Syslog(_) => None,
            ShipKind::Search(search) => Some(StoreShip::Search(search)),
            ShipKind::Postgres(postgres) => Some(StoreShip::Postgres(postgres)),
        }
    }

    /// Does it hand events on to other servers, instead of storing them?
    pub fn forwards(&self) -> bool {
        matches!(self, ShipKind::Syslog(_))
    }

    /// Where on this host its files lie, if that is where it ships to.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            ShipKind::Files(files) => Some(&files.directory),
            ShipKind::Search(search) => Some(&search.directory),
            ShipKind::Postgres(_) | ShipKind::Elastic(_) | ShipKind::Syslog(_) => None,
        }
    }

    /// How the files below its directory are called; `None`: the directory is its own.
    pub fn path(&self) -> Option<&Template> {
        match self {
            ShipKind::Files(files) => Some(&files.path),
            ShipKind::Search(_) | ShipKind::Postgres(_) | ShipKind::Elastic(_) | ShipKind::Syslog(_) => None,
        }
    }

    /// How an event is written, where it becomes a line.
    pub fn line_format(&self) -> Option<&DumpFormat> {
        match self {
            ShipKind::Files(files) => Some(&files.format),
            ShipKind::Syslog(syslog) => Some(&syslog.format),
            ShipKind::Search(_) | ShipKind::Postgres(_) | ShipKind::Elastic(_) => None,
        }
    }

    /// Has what it stores events as a place for their seals?
    pub fn carries_seals(&self) -> bool {
        match self.line_format() {
            None | Some(DumpFormat::Json | DumpFormat::Msgpack | DumpFormat::Rfc5424 | DumpFormat::Es) => {
                true
            }
            Some(
                DumpFormat::Rfc3164
                | DumpFormat::Rsyslog
                | DumpFormat::Message
                | DumpFormat::Raw
                | DumpFormat::Template(_),
            ) => false,
        }
    }

    /// TLS to the servers that it sends to.
    pub fn tls(&self) -> Option<&ForwardTls> {
        match self {
            ShipKind::Elastic(elastic) => elastic.tls.as_ref(),
            ShipKind::Syslog(syslog) => syslog.tls.as_ref(),
            ShipKind::Files(_) | ShipKind::Search(_) | ShipKind::Postgres(_) => None,
        }
    }

    /// The file of our certificate and that of its key.
    fn identity(&self) -> Option<&(PathBuf, PathBuf)> {
        match self {
            ShipKind::Postgres(postgres) => postgres.database.client_certificate.as_ref(),
            ShipKind::Elastic(_) | ShipKind::Syslog(_) => self.tls().and_then(|tls| tls.identity.as_ref()),
            ShipKind::Files(_) | ShipKind::Search(_) => None,
        }
    }

    /// The file of the private key that it shows a certificate with.
    pub fn private_key(&self) -> Option<&Path> {
        self.identity().map(|(_, key)| key.as_path())
    }

    /// The file of the password, key or token that it shows.
    pub fn secret(&self) -> Option<&Path> {
        match self {
            ShipKind::Postgres(postgres) => postgres.password_file.as_deref(),
            ShipKind::Elastic(elastic) => elastic.login.as_ref().map(Login::file),
            ShipKind::Files(_) | ShipKind::Search(_) | ShipKind::Syslog(_) => None,
        }
    }

    /// The files that it reads: certificates, keys and passwords.
    pub fn files(&self) -> Vec<PathBuf> {
        let authorities = match self {
            ShipKind::Postgres(postgres) => postgres.database.sslrootcert.as_ref(),
            ShipKind::Elastic(_) | ShipKind::Syslog(_) => self.tls().and_then(|tls| tls.authorities.as_ref()),
            ShipKind::Files(_) | ShipKind::Search(_) => None,
        };
        let alone = authorities.cloned().into_iter().chain(self.secret().map(Path::to_owned));
        alone.chain(self.identity().into_iter().flat_map(both)).collect()
    }

    /// The permission bits of its directory, where the file says them.
    pub fn directory_mode(&self) -> Option<u32> {
        match self {
            ShipKind::Files(files) => Some(files.directory_mode),
            ShipKind::Search(_) | ShipKind::Postgres(_) | ShipKind::Elastic(_) | ShipKind::Syslog(_) => None,
        }
    }

    /// Descriptors that it has at one time, at most.
    pub fn descriptors(&self) -> u64 {
        match self {
            ShipKind::Files(files) => BESIDE_OPEN_FILES + files.max_open_files as u64,
            ShipKind::Search(_) => OF_A_STORE,
            ShipKind::Postgres(postgres) => postgres.database.connections as u64 + 1,
            ShipKind::Elastic(elastic) => {
                elastic.connections as u64 + OF_A_TARGET * elastic.urls.len() as u64
            }
            ShipKind::Syslog(syslog) => OF_A_TARGET * syslog.targets.len() as u64,
        }
    }
}

/// Descriptors of a files shipper beside its open files.
const BESIDE_OPEN_FILES: u64 = 8;
/// Descriptors for each target: the connection, another one while it is made again, a look-up.
const OF_A_TARGET: u64 = 3;
/// Descriptors of a search store while it answers, writes and merges.
const OF_A_STORE: u64 = 256;

/// A shipper whose events can be searched.
#[derive(Clone, Copy, Debug)]
pub enum StoreShip<'c> {
    /// In the embedded search store.
    Search(&'c SearchShip),
    /// In a PostgreSQL database.
    Postgres(&'c PostgresShip),
}

impl StoreShip<'_> {
    /// Days older than this are removed; `None`: kept for ever.
    pub fn retention(self) -> Option<Duration> {
        match self {
            StoreShip::Search(search) => search.retention,
            StoreShip::Postgres(postgres) => postgres.retention,
        }
    }
}

/// Reads a section; `None` if it is switched off, or if its `kind` is missing or wrong. `beside` is
/// the directory of the file.
pub fn read(r: &mut Reader<'_, '_>, name: &str, data: &Path, beside: &Path) -> Option<Ship> {
    let enabled = r.bool("enabled");
    let kind = match r.choice_if_any("kind") {
        // The built-in shipper needs no `kind`.
        None if name == BUILT_IN && !r.failed("kind") => Some(Kind::Search),
        kind => kind,
    };
    match kind {
        Some(kind) => r.check_only("kind", kind),
        None if enabled => r.needs("kind", format!("`[ship.{name}]` needs its `kind`"), choose(Kind::WORDS)),
        None => {}
    }
    // The keys of all kinds are read, so that all mistakes are reported.
    let directory = r.path_if_any("directory", data);
    let format = r.line_format_if_any("format");
    let compress = r.choice_if_any("compress");
    let files =
        files::read(r, directory.clone().unwrap_or_else(|| data.join("files")), format.clone(), compress);
    let search = search::read(r, directory.unwrap_or_else(|| data.join("search")));
    let postgres = postgres::read(r, name, kind == Some(Kind::Postgres), &search, beside);
    let syslog = syslog::read(r, name, kind == Some(Kind::Syslog), format, compress, beside);
    let shared = elastic::Shared {
        compress,
        connections: postgres.database.connections,
        batch_events: files.batch_events,
        batch_bytes: files.batch_bytes,
        timeout: syslog.timeout,
        return_after: syslog.return_after,
        password_file: postgres.password_file.clone(),
        tls: syslog.tls.clone(),
    };
    let elastic = elastic::read(r, name, kind == Some(Kind::Elastic), shared, beside);
    let ship = Ship {
        name: name.to_owned(),
        queue: r.bus_name_if_any("queue").unwrap_or_else(|| name.to_owned()),
        exchange: r.bus_name("exchange"),
        binding: r.binding("binding"),
        condition: r.condition_if_any("if").map(Arc::new),
        shared: r.bool("shared"),
        seal: r.choice_if_any("seal"),
        built_in: false,
        kind: match kind? {
            Kind::Files => ShipKind::Files(files),
            Kind::Search => ShipKind::Search(search),
            Kind::Postgres => ShipKind::Postgres(Box::new(postgres)),
            Kind::Elastic => ShipKind::Elastic(Box::new(elastic)),
            Kind::Syslog => ShipKind::Syslog(Box::new(syslog)),
        },
    };
    enabled.then_some(ship)
}
