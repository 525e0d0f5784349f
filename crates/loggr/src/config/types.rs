//! What the configuration means: plain data, every default applied, every path absolute.
//!
//! Not how it is written in the file (that is `keys.rs`) and not who uses it.
//! Nothing here touches the disk or the network; cloning is cheap enough for a reload.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use loggr_bus::rabbit::Encoding;
use loggr_event::{InputFormat, Transport};
use loggr_filter::engines::Route;
use loggr_net::{Address, Endpoint, Network};
use loggr_store::postgres::{Indexes, Promoted, SslMode, TableName};

use super::rabbit::RabbitBus;

/// `[data]`: where everything that loggr keeps lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The data directory, absolute.
    pub directory: PathBuf,
}

/// `[bus]`: the durable queue between the components.
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
    pub compression: BusCompression,
}

/// How the bus compresses its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusCompression {
    /// Stored as they came.
    None,
    /// LZ4: half the disk for a third of a microsecond an event.
    Lz4,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Syslog over TCP.
    Tcp,
    /// RELP over TCP.
    Relp,
    /// Syslog over UDP.
    Udp,
    /// A unix datagram socket.
    UnixDgram,
    /// A unix stream socket.
    UnixStream,
}

impl Protocol {
    /// What the event's origin says.
    pub fn transport(self) -> Transport {
        match self {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Relp => Transport::Relp,
            Protocol::Udp => Transport::Udp,
            Protocol::UnixDgram => Transport::UnixDgram,
            Protocol::UnixStream => Transport::UnixStream,
        }
    }

    /// The word in the file.
    pub fn keyword(self) -> &'static str {
        self.transport().keyword()
    }

    /// True for the two unix sockets.
    pub fn is_unix(self) -> bool {
        self.transport().is_unix()
    }
}

/// How a byte stream is cut into lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Find out frame by frame: a digit begins an octet count, anything else a line.
    Auto,
    /// RFC 6587 octet counting.
    OctetCounting,
    /// Lines ended by LF.
    Lf,
    /// Lines ended by NUL.
    Nul,
}

/// Whose loggr tags, fields and uids are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody's.
    Nobody,
    /// Everybody's who may send.
    Everybody,
    /// Those of peers in one of these networks.
    Networks(Vec<Network>),
}

impl Trust {
    /// Is this peer believed? `None` is a peer without an address (a unix socket).
    pub fn covers(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Trust::Nobody, _) | (Trust::Networks(_), None) => false,
            (Trust::Everybody, _) => true,
            (Trust::Networks(networks), Some(ip)) => networks.iter().any(|n| n.contains(ip)),
        }
    }
}

/// `[[listener]]`: one door for events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Unique; the events' routing key is `syslog.NAME`.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it listens, at least one. `localhost_only` is already applied.
    pub listen: Vec<Endpoint>,
    /// The exchange that its events are published to.
    pub exchange: String,
    /// What RabbitMQ is given.
    pub encoding: Encoding,
    /// Only this host may send.
    pub localhost_only: bool,
    /// What the lines are expected to be.
    pub format: InputFormat,
    /// How a stream is cut into lines (tcp and unix-stream).
    pub framing: Framing,
    /// IANA name of the zone for stamps that carry none.
    pub timezone: String,
    /// A blank in front of a message is part of it, and not a relay's.
    pub keep_leading_blank: bool,
    /// Bytes of one event at most.
    pub max_message_size: usize,
    /// Connections at one time (stream protocols).
    pub max_connections: usize,
    /// Who may send; empty: everybody who is not denied.
    pub allow: Vec<Network>,
    /// Who may not send, whatever `allow` says.
    pub deny: Vec<Network>,
    /// Whose loggr tags, fields and uids are believed.
    pub trust: Trust,
    /// Bytes received and not yet durable, for one connection or datagram socket:
    /// over it the listener stops reading.
    pub window_size: usize,
    /// Bytes asked of the kernel for its receive buffer (datagram protocols).
    pub receive_buffer: usize,
    /// Permission bits of a unix socket.
    pub socket_mode: u32,
    /// A connection that was silent for so long is closed; `None`: never.
    pub idle_timeout: Option<Duration>,
}

impl Listener {
    /// The routing key of everything that it receives.
    pub fn routing_key(&self) -> String {
        format!("syslog.{}", self.name)
    }

    /// May this address send? `deny` wins over `allow`; with `localhost_only` only
    /// loopback addresses may.
    pub fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        (!self.localhost_only || peer.is_loopback())
            && !self.deny.iter().any(|n| n.contains(peer))
            && (self.allow.is_empty() || self.allow.iter().any(|n| n.contains(peer)))
    }
}

/// `[packers.NAME]`: which events become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packer {
    /// Unique; how machines call it.
    pub name: String,
    /// What belongs together.
    pub kind: PackerKind,
    /// Which events it looks at, as a condition of the filter language; `None`: all.
    pub condition: Option<String>,
    /// An event is held at most so long.
    pub max_age: Duration,
    /// Events in one.
    pub max_lines: usize,
    /// Bytes of their messages.
    pub max_size: usize,
}

/// What a packer takes to belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackerKind {
    /// What is reported within a window of time.
    Time {
        /// How long that is.
        window: Duration,
    },
    /// What follows a line of one of these formats.
    Format {
        /// At least one.
        start: Vec<String>,
    },
    /// The stack traces of these languages.
    Preset {
        /// At least one.
        languages: Vec<String>,
    },
}

/// `[machine.NAME]`. Without a filter and packers it is no process and no queue: see
/// `Config::topology`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Unique; what leaves it has the routing key `machine.NAME`.
    pub name: String,
    /// The exchange it takes from.
    pub exchange: String,
    /// Which routing keys it takes.
    pub binding: String,
    /// The exchange it gives to.
    pub destination: String,
    /// What RabbitMQ is given.
    pub encoding: Encoding,
    /// Name of its filter.
    pub filter: Option<String>,
    /// Where the filter's `router`s send events; `None` where the filter cannot be read.
    pub routes: Option<Vec<Route>>,
    /// Names of its packers, which come before the filter.
    pub packers: Vec<String>,
    /// The queue it takes from, if it is a hop.
    pub queue: String,
    /// Threads that filter.
    pub workers: usize,
}

impl Machine {
    /// Is it a hop of its own, with a queue?
    pub fn is_hop(&self) -> bool {
        self.filter.is_some() || !self.packers.is_empty()
    }

    /// The routing key of what leaves it, unless a `router` says another.
    pub fn routing_key(&self) -> String {
        format!("machine.{}", self.name)
    }

    /// The exchange and the routing key of a route.
    pub fn way(&self, route: &Route) -> (String, String) {
        let exchange = route.exchange.as_ref().unwrap_or(&self.destination).clone();
        match &route.event_type {
            Some(kind) => (exchange, format!("{}.{kind}", self.routing_key())),
            None => (exchange, self.routing_key()),
        }
    }

    /// The ways of its routes, as far as they are known.
    pub fn ways(&self) -> impl Iterator<Item = (String, String)> {
        self.routes.iter().flatten().map(|route| self.way(route))
    }
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
    pub binding: String,
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
            ShipKind::Files(_) => "files",
            ShipKind::Search(_) => "search",
            ShipKind::Postgres(_) => "postgres",
        }
    }

    /// Can what it stored be searched?
    pub fn is_store(&self) -> bool {
        matches!(self, ShipKind::Search(_) | ShipKind::Postgres(_))
    }
}

/// `kind = "files"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesShip {
    /// Every file lies below it.
    pub directory: PathBuf,
    /// Template of the file's path below `directory`.
    pub path: String,
    /// A dump format's name or a template with `$`.
    pub format: String,
    /// How the files are compressed.
    pub compress: Compression,
    /// Permission bits of new files.
    pub file_mode: u32,
    /// Permission bits of new directories.
    pub directory_mode: u32,
    /// Files held open at one time.
    pub max_open_files: usize,
    /// How much is written and synced at once; what waits is never kept waiting for more.
    pub batch: BatchLimits,
}

/// How files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// When a batch is full: whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events.
    pub events: usize,
    /// Bytes.
    pub size: usize,
}

/// `kind = "search"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchShip {
    /// Where the store's files lie.
    pub directory: PathBuf,
    /// Days older than this are removed; `None`: kept for ever.
    pub retention: Option<Duration>,
    /// Events of one commit at most.
    pub commit_events: usize,
    /// An event waits for its commit at most so long.
    pub commit_age: Duration,
}

/// `kind = "postgres"`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresShip {
    /// Where the database is; may hold a password.
    pub url: String,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// Whether connections are encrypted; `None`: as the url says.
    pub sslmode: Option<SslMode>,
    /// Certificates of the authorities.
    pub sslrootcert: Option<PathBuf>,
    /// Certificate and key that are shown to the server.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The table of events.
    pub table: TableName,
    /// Custom fields with a column of their own.
    pub columns: Vec<Promoted>,
    /// The indexes of new partitions.
    pub indexes: Indexes,
    /// Connections that store at the same time.
    pub connections: usize,
    /// Days older than this are dropped; `None`: kept for ever.
    pub retention: Option<Duration>,
    /// Events of one commit at most.
    pub commit_events: usize,
    /// An event waits for its commit at most so long.
    pub commit_age: Duration,
    /// A question ends after so long.
    pub query_timeout: Duration,
    /// The role that owns the tables.
    pub writer_role: String,
    /// The role that may read them.
    pub reader_role: String,
}

impl std::fmt::Debug for PostgresShip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The url may hold a password.
        f.debug_struct("PostgresShip").field("table", &self.table).finish_non_exhaustive()
    }
}

/// `[web]`: status and metrics over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where it listens, at least one; loopback only in this version.
    pub listen: Vec<Address>,
    /// Name of the ship whose store it shows, and that the command line asks; `None` when there is none.
    pub store: Option<String>,
}

/// `[log]`: what loggr says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something was not done.
    Error,
    /// Something will go wrong.
    Warn,
    /// Changes of state.
    Info,
    /// Decisions.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    /// The word in the file, which is also the word of the logging library.
    pub fn keyword(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For eyes.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[process]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// How long a stop waits for the events that were received to be stored.
    pub drain_timeout: Duration,
    /// Whom it becomes once its sockets are bound.
    pub user: Option<String>,
    /// The group; the user's own without it.
    pub group: Option<String>,
    /// Where its process id is written.
    pub pid_file: Option<PathBuf>,
}
