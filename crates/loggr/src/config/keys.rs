//! The table of all sections and keys: what they take, their default, what they mean.
//!
//! One truth for the reader (which refuses every key that is not here, and takes
//! defaults, ranges and words from here) and for the reference in `docs/`.
//! Not what the values become: that is `types.rs`.

/// A section of the file.
#[derive(Debug)]
pub struct Section {
    /// The word at the top level.
    pub name: &'static str,
    /// How often it may stand.
    pub shape: Shape,
    /// What it is for.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))]
    pub about: &'static str,
    /// Its keys; none for a section that a later version brings.
    pub keys: &'static [Key],
}

/// How often a section may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[name]`
    Once,
    /// `[name.NAME]`
    Named,
    /// `[[name]]`
    List,
}

impl Section {
    /// How its header is written.
    pub fn header(&self) -> String {
        match self.shape {
            Shape::Once => format!("[{}]", self.name),
            Shape::Named => format!("[{}.NAME]", self.name),
            Shape::List => format!("[[{}]]", self.name),
        }
    }

    /// Does this version know the section, but not do what it says?
    pub fn is_later(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// A key of a section.
#[derive(Debug)]
pub struct Key {
    /// The word in the file.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// As it would stand in the file, or nothing.
    pub default: &'static str,
    /// What happens without it, where `default` cannot say it.
    pub without: &'static str,
    /// The protocols or kinds that it belongs to; none means all.
    pub only: &'static [&'static str],
    /// What it means.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))]
    pub meaning: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// The name of an exchange, a queue, …
    Name,
    /// `true` or `false`.
    Bool,
    /// A string with units, in milliseconds from and to.
    Duration(u64, u64),
    /// A number of bytes or a string with a unit, from and to.
    Size(u64, u64),
    /// A number from and to.
    Count(u64, u64),
    /// One of the first words; the second ones come with a later version.
    Choice(&'static [&'static str], &'static [&'static str]),
    /// A path.
    Path,
    /// One URL of a server or a list of them.
    Urls,
    /// `scheme://user@host:port/path`
    Url,
    /// The name of a user or group of this host.
    Account,
    /// Permission bits.
    Mode,
    /// One `host:port` or a list of them.
    Addresses,
    /// One `host:port` or path, or a list of them.
    Endpoints,
    /// A list of networks.
    Networks,
    /// `true`, `false` or a list of networks.
    Trust,
    /// A routing key with wildcards.
    Binding,
    /// IANA name of a time zone.
    Zone,
    /// A template of a path.
    PathTemplate,
    /// A dump format's name or a template of a line.
    LineFormat,
    /// A list of names.
    Names,
    /// One format of a packer's first line, or a list of them.
    StartFormats,
    /// One preset of packers, or a list of them.
    Presets,
    /// A condition of the filter language.
    Condition,
    /// It has no place here: what to do instead.
    Elsewhere(&'static str),
    /// A text of its own rules: what it is.
    Text(
        #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))] &'static str,
    ),
    /// A list of such texts.
    Texts(
        #[cfg_attr(not(test), expect(dead_code, reason = "the reference is written by a test"))] &'static str,
    ),
    /// A later version brings it.
    Later,
}

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const STREAM: &[&str] = &["tcp", "relp", "unix-stream"];
const LINES: &[&str] = &["tcp", "unix-stream"];
const DATAGRAM: &[&str] = &["udp", "unix-dgram"];
const UNIX: &[&str] = &["unix-dgram", "unix-stream"];
const INET: &[&str] = &["tcp", "relp", "udp"];
const FILES: &[&str] = &["files"];
const REDIS: &[&str] = &["redis"];
const TIME: &[&str] = &["time"];
const FORMAT: &[&str] = &["format"];
const PRESET: &[&str] = &["preset"];
const DIRECTORY: &[&str] = &["files", "search"];
const STORES: &[&str] = &["search", "postgres"];
const POSTGRES: &[&str] = &["postgres"];
const EMBEDDED: &[&str] = &["embedded"];
const RABBITMQ: &[&str] = &["rabbitmq"];
const ENCODING: &str = "what RabbitMQ is given: `batch`, many events a message, for loggr alone; `json`, one event a \
                        message, for everybody, at a tenth of the rate";

/// Shorthand for the table below.
const fn key(name: &'static str, takes: Takes, default: &'static str, meaning: &'static str) -> Key {
    Key { name, takes, default, without: "", only: &[], meaning }
}

const fn later(name: &'static str) -> Key {
    key(name, Takes::Later, "", "")
}

impl Key {
    const fn without(mut self, without: &'static str) -> Key {
        self.without = without;
        self
    }

    const fn only(mut self, only: &'static [&'static str]) -> Key {
        self.only = only;
        self
    }
}

/// Every section, in the order of the reference.
pub static SECTIONS: &[Section] = &[
    Section {
        name: "data",
        shape: Shape::Once,
        about: "Where everything that loggr keeps lies.",
        keys: &[key("directory", Takes::Path, "", "the data directory; relative to the file's directory").without(
            "`$XDG_DATA_HOME/loggr` or `~/.local/share/loggr`; `/var/lib/loggr` for root",
        )],
    },
    Section {
        name: "bus",
        shape: Shape::Once,
        about: "The durable queue between reception and shippers.",
        keys: &[
            key(
                "kind",
                Takes::Choice(&["embedded", "rabbitmq"], &[]),
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
                Takes::Choice(&["none", "lz4"], &[]),
                "\"none\"",
                "`lz4` halves the disk and costs about a third of a microsecond of CPU per event",
            )
            .only(EMBEDDED),
            key(
                "urls",
                Takes::Urls,
                "",
                "the brokers of one cluster, tried in this order: `amqp://USER@HOST:PORT/VHOST`, or `amqps://` with TLS",
            )
            .without("must be given (rabbitmq)")
            .only(RABBITMQ),
            key("password_file", Takes::Path, "", "a file that holds the password; relative to the file's directory")
                .without("the password of `urls`")
                .only(RABBITMQ),
            key("tls_ca", Takes::Path, "", "certificates (PEM) that the brokers' must lead to")
                .without("those that the system trusts")
                .only(RABBITMQ),
            key("tls_cert", Takes::Path, "", "our own certificate (PEM), with `tls_key`")
                .without("none")
                .only(RABBITMQ),
            key("tls_key", Takes::Path, "", "its key (PEM)").without("none").only(RABBITMQ),
            key(
                "heartbeat",
                Takes::Duration(SECOND, 10 * 60 * SECOND),
                "\"10s\"",
                "a broker that is silent for twice as long is given up",
            )
            .only(RABBITMQ),
        ],
    },
    Section {
        name: "listener",
        shape: Shape::List,
        about: "A door for events. When the file has no `[[listener]]` at all, the four of the built-in default \
                listen; `listener = []` switches them off.",
        keys: &[
            key("name", Takes::Name, "", "unique; its events have the routing key `syslog.NAME`")
                .without("the protocol"),
            key(
                "protocol",
                Takes::Choice(&["tcp", "relp", "udp", "unix-dgram", "unix-stream"], &[]),
                "",
                "what it speaks; RELP alone lets the sender know what is stored",
            )
            .without("must be given"),
            key(
                "listen",
                Takes::Endpoints,
                "",
                "where it listens: `host:port`, `:port` for all addresses, or the path of a socket, relative to \
                 the data directory; port 0 lets the system choose",
            )
            .without("`127.0.0.1:1514` (tcp, udp), `127.0.0.1:2514` (relp), `syslog.sock` (unix)"),
            key("exchange", Takes::Name, "\"received\"", "the exchange that its events are published to"),
            key("encoding", Takes::Choice(&["batch", "json"], &[]), "\"batch\"", ENCODING),
            key(
                "localhost_only",
                Takes::Bool,
                "false",
                "`true`: `:port`, `0.0.0.0` and `[::]` mean `127.0.0.1`, and only this host may send",
            )
            .only(INET),
            key(
                "format",
                Takes::Choice(&["auto", "rfc5424", "rfc3164", "json", "msgpack"], &[]),
                "\"auto\"",
                "what the lines are expected to be; what is something else is kept all the same",
            ),
            key(
                "framing",
                Takes::Choice(&["auto", "octet-counting", "lf", "nul"], &[]),
                "\"auto\"",
                "how the stream is cut into lines; `auto`: a frame that begins with a digit is octet-counted, \
                 any other ends at LF",
            )
            .only(LINES),
            key(
                "timezone",
                Takes::Zone,
                "\"local\"",
                "the zone of stamps that carry none: an IANA name, an offset such as `+02:00`, or `local`, \
                 this host's",
            ),
            key(
                "keep_leading_blank",
                Takes::Bool,
                "false",
                "`true`: a blank in front of a message is part of it; else one is taken away, as the \
                 templates of relays put one there",
            ),
            key(
                "max_message_size",
                Takes::Size(480, loggr_wire::framing::MAX_FRAME_BYTES as u64),
                "",
                "bytes of one event; a longer one is cut, or refused where the protocol can say so",
            )
            .without("`64KiB`; `128KiB` (relp)"),
            key(
                "max_connections",
                Takes::Count(1, 1_000_000),
                "1000",
                "connections at one time; further ones wait, and silent ones make room for them",
            )
            .only(STREAM),
            key("allow", Takes::Networks, "[]", "who may send; none listed: everybody").only(INET),
            key("deny", Takes::Networks, "[]", "who may not send, whatever `allow` says").only(INET),
            key(
                "trust",
                Takes::Trust,
                "false",
                "whose tags, fields and uids (`pyloggr@45878`) are believed: other loggr hosts'; on unix sockets \
                 `true` or `false`",
            ),
            key(
                "window_size",
                Takes::Size(64 * KIB, GIB),
                "\"4MiB\"",
                "bytes received and not yet durable, for one connection or datagram socket; then the listener \
                 stops reading; at least `max_message_size`",
            ),
            key(
                "receive_buffer",
                Takes::Size(4 * KIB, GIB),
                "\"8MiB\"",
                "receive buffer asked of the kernel, which may grant less (`net.core.rmem_max`)",
            )
            .only(DATAGRAM),
            key("socket_mode", Takes::Mode, "\"0666\"", "permission bits of the socket").only(UNIX),
            key(
                "idle_timeout",
                Takes::Duration(SECOND, 365 * DAY),
                "",
                "a connection that was silent for so long is closed; a plain TCP sender may lose the next event then",
            )
            .without("never")
            .only(STREAM),
            later("tls"),
            key(
                "packers",
                Takes::Elsewhere(
                    "packers belong to a machine, where they delay no sender: set `packers` in the `[machine.NAME]` that takes from this exchange",
                ),
                "",
                "",
            ),
            later("compress"),
        ],
    },
    Section {
        name: "packers",
        shape: Shape::Named,
        about: "Makes one event of several that belong together; a machine names it in `packers`. What is held is \
                acknowledged with the event that it became part of. Events of different senders, hosts, facilities or \
                programs are never mixed; those of different processes only by `time`. The merged event has the \
                earliest times, the most severe severity, all tags, fields and structured data, and the messages joined \
                by line feeds.",
        keys: &[
            key(
                "kind",
                Takes::Choice(&["time", "format", "preset"], &[]),
                "",
                "what belongs together: what is reported within a window of time; what follows a line of a format; \
                 a stack trace",
            )
            .without("must be given"),
            key(
                "window",
                Takes::Duration(1, 60 * SECOND),
                "\"500ms\"",
                "events whose `timereported` are all within this time are one",
            )
            .only(TIME),
            key(
                "start",
                Takes::StartFormats,
                "",
                "how the first line of an event looks: text with `$DATETIME`, `$SEVERITY`, `$FACILITY`, `$APP_NAME`, \
                 `$WORD`, `$INT` and `$MESSAGE`; the lines after it are appended",
            )
            .without("must be given (format)")
            .only(FORMAT),
            key(
                "preset",
                Takes::Presets,
                "",
                "the language whose stack traces are one event: `java`, `python`, `go`, `ruby`, `javascript`, `php`, \
                 `dotnet`, `dart`; other lines pass at once",
            )
            .without("must be given (preset)")
            .only(PRESET),
            key(
                "if",
                Takes::Condition,
                "",
                "which events it looks at, as a filter says it: `app_name == \"openvpn\"`; the others pass at once",
            )
            .without("all events"),
            key(
                "max_age",
                Takes::Duration(10, 600 * SECOND),
                "\"1s\"",
                "an event is held at most so long; after a crash what was held comes again from the queue",
            ),
            key("max_lines", Takes::Count(2, 100_000), "1000", "events in one, at most"),
            key("max_size", Takes::Size(KIB, 16 * MIB), "\"256KiB\"", "bytes of the messages in one event, at most"),
        ],
    },
    Section {
        name: "machine",
        shape: Shape::Named,
        about: "Takes events from one exchange to another, through packers and a filter. \
                Without both a machine is no second durable hop: what listens to its destination is bound to its source. \
                When the file has no machine and nothing is published to `events`, one from `received` to \
                `events` is implied.",
        keys: &[
            key("exchange", Takes::Name, "\"received\"", "the exchange it takes from"),
            key("binding", Takes::Binding, "\"#\"", "the routing keys it takes: `*` is one word, `#` any number"),
            key(
                "filter",
                Takes::Name,
                "",
                "`main` is `filters/main.filter` beside the configuration file; read again on SIGHUP and when it \
                 changes; pattern files are `patterns/*.grok`",
            )
            .without("events go on as they are"),
            key(
                "packers",
                Takes::Names,
                "[]",
                "`[packers.NAME]` before the filter, in this order: events that belong together become one",
            ),
            key(
                "destination",
                Takes::Name,
                "\"events\"",
                "the exchange it gives to, with the routing key `machine.NAME`; a `router` in the filter may say another, \
                 and `machine.NAME.EVENT_TYPE`",
            ),
            key("encoding", Takes::Choice(&["batch", "json"], &[]), "\"batch\"", ENCODING),
            key("queue", Takes::Name, "", "the queue it takes from, its own, where it has a filter or packers")
                .without("`machine.` and the machine's name"),
            key(
                "workers",
                Takes::Count(1, 64),
                "1",
                "threads that filter; the events of one peer stay with one of them, in order",
            ),
        ],
    },
    Section {
        name: "ship",
        shape: Shape::Named,
        about: "A shipper takes events from a queue to the place where they stay: files, the search store, or a \
                database. The search store `[ship.search]` is built in: a file that configures no shipper of kind \
                `search` or `postgres` has it too, unless it says `[ship.search]` with `enabled = false`.",
        keys: &[
            key(
                "kind",
                Takes::Choice(&["files", "search", "postgres"], &["syslog", "elastic"]),
                "",
                "`files`: into files, synced before the queue is told; `search`: into the embedded search store; \
                 `postgres`: into a PostgreSQL database",
            )
            .without("must be given; `search` for `[ship.search]`"),
            key("enabled", Takes::Bool, "true", "`false`: there is no such shipper, as if the section were not there"),
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
            key(
                "path",
                Takes::PathTemplate,
                "\"${source}/${app_name}/${date}.log\"",
                "template of the path below `directory`, see `templates.md`; values cannot leave it",
            )
            .only(FILES),
            key(
                "format",
                Takes::LineFormat,
                "\"RSYSLOG\"",
                "`JSON`, `MSGPACK`, `RFC5424`, `RFC3164`, `RSYSLOG`, `ES`, `MESSAGE`, `RAW`, or a template such as \
                 `$DATETIME $SOURCE $MESSAGE`, see `templates.md`",
            )
            .only(FILES),
            key("compress", Takes::Choice(&["none", "gzip", "zstd"], &[]), "\"none\"", "how the files are compressed; where a file holds something else the lines go to one beside it, with `.gz`, `.zst` or `.plain` added")
                .only(FILES),
            key("file_mode", Takes::Mode, "\"0640\"", "permission bits of new files").only(FILES),
            key("directory_mode", Takes::Mode, "\"0750\"", "permission bits of new directories").only(FILES),
            key("max_open_files", Takes::Count(1, 100_000), "256", "files held open at one time").only(FILES),
            key(
                "batch_events",
                Takes::Count(1, 1_000_000),
                "10000",
                "events written and synced at once, at most; what waits is written at once, never kept for more",
            )
            .only(FILES),
            key("batch_size", Takes::Size(KIB, GIB), "\"4MiB\"", "bytes written and synced at once, at most")
                .only(FILES),
            key(
                "retention",
                Takes::Duration(DAY, 36_500 * DAY),
                "",
                "days older than this are removed from the store",
            )
            .without("kept for ever")
            .only(STORES),
            key("commit_events", Takes::Count(1, 1_000_000), "20000", "events of one commit, at most").only(STORES),
            key(
                "commit_age",
                Takes::Duration(10, 60 * SECOND),
                "\"1s\"",
                "an event waits for its commit at most so long, and can be found then",
            )
            .only(STORES),
            key(
                "url",
                Takes::Text("url"),
                "",
                "`postgres://USER@HOST:PORT/DATABASE`; several hosts stand between commas, and the one that takes \
                 writes is used",
            )
            .without("must be given (postgres)")
            .only(POSTGRES),
            key(
                "password_file",
                Takes::Path,
                "",
                "a file that holds the password and nothing else; relative to the configuration file's directory",
            )
            .without("the url's, or none")
            .only(POSTGRES),
            key(
                "sslmode",
                Takes::Choice(&["disable", "prefer", "require", "verify-full"], &[]),
                "",
                "`prefer`: TLS where the server offers it; `require`: always, whoever the server is; `verify-full`: \
                 the server must show a certificate for its name, signed by an authority in `sslrootcert`",
            )
            .without("the url's, or `prefer`")
            .only(POSTGRES),
            key(
                "sslrootcert",
                Takes::Path,
                "",
                "certificates of the authorities in PEM form; relative to the configuration file's directory",
            )
            .without("the url's, or none")
            .only(POSTGRES),
            key(
                "sslcert",
                Takes::Path,
                "",
                "certificate that loggr shows to the server; relative to the configuration file's directory",
            )
            .without("none")
            .only(POSTGRES),
            key("sslkey", Takes::Path, "", "its private key").without("none").only(POSTGRES),
            key(
                "table",
                Takes::Text("name of a table"),
                "\"events\"",
                "`NAME` or `SCHEMA.NAME`, lower case; its helpers are called `NAME_minutes` and so on",
            )
            .only(POSTGRES),
            key(
                "columns",
                Takes::Texts("column"),
                "[]",
                "custom fields that get a column of their own, `\"NAME TYPE\"` with the type `inet`, `bigint`, \
                 `double` or `text`; added when the shipper starts, never removed",
            )
            .only(POSTGRES),
            key(
                "indexes",
                Takes::Choice(&["none", "fields", "text"], &[]),
                "\"fields\"",
                "`none`: the primary key alone; `fields`: hosts, programs, tags and values of fields; `text`: also \
                 the words of the text; counts for partitions that are made from then on",
            )
            .only(POSTGRES),
            key("connections", Takes::Count(1, 64), "2", "connections that store events at the same time").only(POSTGRES),
            key(
                "query_timeout",
                Takes::Duration(100, HOUR),
                "\"60s\"",
                "a question ends after so long; what was found until then is the answer",
            )
            .only(POSTGRES),
            key(
                "writer_role",
                Takes::Text("name of a role"),
                "\"loggr_writer\"",
                "the role that `loggr init postgres` makes the owner of the tables",
            )
            .only(POSTGRES),
            key(
                "reader_role",
                Takes::Text("name of a role"),
                "\"loggr_reader\"",
                "the role that may read them",
            )
            .only(POSTGRES),
        ],
    },
    Section {
        name: "web",
        shape: Shape::Once,
        about: "The web address: status and metrics over HTTP.",
        keys: &[
            key("enabled", Takes::Bool, "true", "`false` switches it off"),
            key(
                "listen",
                Takes::Addresses,
                "\"127.0.0.1:8080\"",
                "where it listens; loopback addresses only, because this version has no log-in",
            ),
            key("store", Takes::Name, "", "the shipper of kind `search` or `postgres` whose store is shown and asked").without("the first one"),
            later("tls"),
        ],
    },
    Section {
        name: "log",
        shape: Shape::Once,
        about: "What loggr says about itself, on standard error.",
        keys: &[
            key(
                "level",
                Takes::Choice(&["error", "warn", "info", "debug", "trace"], &[]),
                "\"info\"",
                "the least important level that is written",
            ),
            key("format", Takes::Choice(&["text", "json"], &[]), "\"text\"", "for eyes, or one JSON object a line"),
        ],
    },
    Section {
        name: "process",
        shape: Shape::Once,
        about: "How the process behaves.",
        keys: &[
            key(
                "drain_timeout",
                Takes::Duration(0, HOUR),
                "\"10s\"",
                "how long a stop waits for what was received to be stored; what is in the queue then waits there",
            ),
            key(
                "user",
                Takes::Account,
                "",
                "whom a process that is started as root becomes once its sockets are bound; of root's powers it \
                 keeps `CAP_NET_BIND_SERVICE`, and only where a port needs it",
            )
            .without("it stays who it is"),
            key("group", Takes::Account, "", "the group, with `user`").without("the user's own"),
            key(
                "pid_file",
                Takes::Path,
                "",
                "where its process id is written, relative to the data directory; a process that runs one part \
                 puts the part before the ending: `loggr-server.pid`",
            )
            .without("nowhere"),
        ],
    },
    Section {
        name: "registry",
        shape: Shape::Once,
        about: "Where processes tell each other that they are there: what `loggr status` shows. No event depends \
                on it.",
        keys: &[
            key(
                "kind",
                Takes::Choice(&["embedded", "redis"], &[]),
                "\"embedded\"",
                "`embedded`: the processes of one data directory know each other; `redis`: those of all hosts",
            ),
            key("url", Takes::Url, "", "the server: `redis://USER@HOST:PORT/DATABASE`, or `rediss://` with TLS")
                .without("must be given (redis)")
                .only(REDIS),
            key("password_file", Takes::Path, "", "a file that holds the password; relative to the file's directory")
                .without("no password")
                .only(REDIS),
            key("tls_ca", Takes::Path, "", "certificates (PEM) that the server's must lead to")
                .without("those that the system trusts")
                .only(REDIS),
            key("tls_cert", Takes::Path, "", "our own certificate (PEM), with `tls_key`").without("none").only(REDIS),
            key("tls_key", Takes::Path, "", "its key (PEM)").without("none").only(REDIS),
            key(
                "prefix",
                Takes::Name,
                "\"loggr\"",
                "first word of every key; installations that share a server need different ones",
            )
            .only(REDIS),
            key(
                "ttl",
                Takes::Duration(3 * SECOND, HOUR),
                "\"15s\"",
                "a process that is silent for so long counts as lost; it speaks three times as often",
            )
            .only(REDIS),
        ],
    },
    Section {
        name: "spool",
        shape: Shape::Once,
        about: "With RabbitMQ: where listeners put their events while the broker is away. Senders notice nothing; the \
                collector brings the events to the broker when it is back, in order.",
        keys: &[
            key("enabled", Takes::Bool, "true", "`false`: senders wait while the broker is away"),
            key("directory", Takes::Path, "\"spool\"", "where it lies; relative to the data directory"),
            key(
                "max_size",
                Takes::Size(8 * MIB, 1024 * TIB),
                "\"20GB\"",
                "size limit; a full one stops reading from senders and loses nothing",
            ),
        ],
    },
    Section { name: "harvest", shape: Shape::Named, about: "", keys: &[] },
    Section { name: "agent", shape: Shape::Once, about: "", keys: &[] },
    Section { name: "hmac", shape: Shape::Once, about: "", keys: &[] },
];

/// The section of this name.
pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_key_says_what_happens_without_it() {
        for (at, section) in SECTIONS.iter().enumerate() {
            assert!(SECTIONS[..at].iter().all(|other| other.name != section.name), "{}", section.name);
            for (at, key) in section.keys.iter().enumerate() {
                let place = format!("{}.{}", section.name, key.name);
                assert!(
                    section.keys[..at].iter().all(|other| other.name != key.name),
                    "{place} stands twice"
                );
                let later = matches!(key.takes, Takes::Later | Takes::Elsewhere(_));
                assert!(later || !key.meaning.is_empty(), "{place} has no meaning");
                assert!(
                    later || key.default.is_empty() != key.without.is_empty(),
                    "{place}: default or without"
                );
            }
        }
    }
}
