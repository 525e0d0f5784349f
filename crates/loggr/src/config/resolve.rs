//! From a parsed file to a [`Config`]: sections in, plain data out, problems collected.
//!
//! No I/O: the text, the directories and the data directory that stands without the
//! file come in as arguments. What is wrong in one section never hides another's mistakes.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use loggr_bus::rabbit::Encoding;
use loggr_event::InputFormat;
use loggr_filter::engines::Route;
use loggr_net::{Address, Endpoint};
use loggr_store::postgres::{Indexes, Promoted, SslMode, TableName};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Problem, nearest, suggest};
use super::keys::{SECTIONS, Section, Shape, section};
use super::reader::{Places, Reader, check_name};
use super::topology::{self, At};
use super::types::*;
use super::{Config, DEFAULT_TEXT};
use super::{rabbit, registry, searched};

/// Listeners, packers, machines and ships of one file, each at most.
const MAX_OF_A_KIND: usize = 256;

/// What surrounds the file.
pub struct Around<'a> {
    /// The file, if there is one.
    pub file: Option<&'a Path>,
    /// Its directory, absolute.
    pub directory: &'a Path,
    /// Data directory from the command line or the environment: wins over the file.
    pub data_override: Option<&'a Path>,
    /// Data directory when nobody says one.
    pub data_default: &'a Path,
    /// Where the filter of this name sends events; `None` if it cannot be read.
    pub routes: &'a dyn Fn(&str) -> Option<Vec<Route>>,
}

/// Reads the text. Problems: the configuration must not be used.
pub fn resolve(text: &str, around: &Around<'_>) -> (Config, Vec<Problem>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // After a mistake in the writing the values cannot be relied upon.
        let problems =
            errors.iter().map(|e| Problem { span: e.span(), message: syntax(e, text), help: None });
        let problems = problems.collect();
        return (resolve("", around).0, problems);
    }
    let default = DeTable::parse(DEFAULT_TEXT).expect("BUG: the default configuration is not TOML");
    let mut resolver = Resolver {
        table: document.get_ref(),
        default: default.get_ref(),
        problems: Vec::new(),
        places: Vec::new(),
    };
    let config = resolver.config(around);
    (config, resolver.problems)
}

/// What the TOML parser says, with the key that it leaves out.
fn syntax(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().trim().replace('\n', "; ");
    match error.span().and_then(|span| text.get(span)) {
        Some(key) if message == "duplicate key" => format!("`{key}` is given twice"),
        _ => message,
    }
}

struct Resolver<'d> {
    table: &'d DeTable<'d>,
    default: &'d DeTable<'d>,
    problems: Vec<Problem>,
    places: Vec<(At, Places)>,
}

/// One entry of `[[listener]]`, `[machine.NAME]` or `[ship.NAME]`.
struct Entry<'d> {
    /// The word behind the dot.
    name: String,
    table: &'d DeTable<'d>,
    place: Option<Range<usize>>,
    /// It is the built-in default's and stands nowhere in the file.
    implied: bool,
}

impl<'d> Resolver<'d> {
    fn config(&mut self, around: &Around<'_>) -> Config {
        self.check_sections();
        let data = self.once("data", |r| r.path_if_any("directory", around.directory));
        let data = around.data_override.map(Path::to_owned).or(data);
        let data = Data { directory: data.unwrap_or_else(|| around.data_default.to_owned()) };
        let dir = data.directory.as_path();
        let bus = self.once("bus", |r| bus(r, dir, around.directory));
        let spool = self.once("spool", |r| rabbit::spool(r, bus.rabbit.is_some(), dir));
        let listeners = self.entries("listener", At::Listener, |r, _| listener(r, dir));
        let packers = self.entries("packers", At::Packer, packer);
        let machines =
            self.entries("machine", At::Machine, |r, name| Some(machine(r, name, &packers, around.routes)));
        let mut ships = self.entries("ship", At::Ship, |r, name| ship(r, name, dir, around.directory));
        let log = self.once("log", log);
        let process = self.once("process", |r| process(r, dir));
        let registry = self.once("registry", |r| registry::read(r, around.directory));
        ships.extend(searched::built_in(self.table, self.default, (&listeners, &machines, &ships), dir));
        let mut config = Config {
            file: around.file.map(Path::to_owned),
            found_here: false,
            passed_over: None,
            directory: around.directory.to_owned(),
            data,
            bus,
            spool,
            listeners,
            packers,
            machines,
            ships,
            web: None,
            log,
            process,
            registry,
        };
        searched::settle(&mut config, |config| {
            if !self.table.contains_key("machine") {
                imply_machine(config);
            }
        });
        config.web = self.once("web", |r| web(r, &config.ships));
        self.check_names(&config);
        self.check_encodings(&config);
        self.check_addresses(&config);
        self.check_directories(&config);
        // Half a configuration would be blamed for what its broken half says.
        if self.problems.is_empty() {
            self.check_topology(&config);
        }
        config
    }

    fn check_sections(&mut self) {
        for (name, value) in self.table {
            let written = name.get_ref();
            let known: Vec<&str> = SECTIONS.iter().filter(|s| !s.is_later()).map(|s| s.name).collect();
            match section(written) {
                None => {
                    let help = match (section_of_key(written), value.get_ref()) {
                        (_, DeValue::Table(_) | DeValue::Array(_)) | (None, _) => suggest(written, &known)
                            .or_else(|| Some("see `loggr config` for all sections".to_owned())),
                        (Some(section), _) => Some(format!("it belongs into `{}`", section.header())),
                    };
                    let what = if value.get_ref().is_table() { "section" } else { "key" };
                    self.note(name.span(), format!("unknown {what} `{written}`"), help);
                }
                Some(section) if section.is_later() => {
                    self.note(name.span(), format!("`[{written}]` is not supported by this version"), None);
                }
                Some(_) => {}
            }
        }
    }

    /// Reads a section that stands once or not at all.
    fn once<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader<'_, 'd>) -> T) -> T {
        let section = section(name).expect("BUG: no such section");
        let found = self.table.get_key_value(name);
        let table = found.and_then(|(_, value)| value.get_ref().as_table());
        if let (Some((key, _)), None) = (found, table) {
            self.note(
                key.span(),
                format!("`{name}` is a section"),
                Some(format!("write `{}`", section.header())),
            );
        }
        let place = found.map(|(key, _)| key.span());
        let mut reader = Reader::new(section, section.header(), table, place, &mut self.problems);
        reader.check_keys();
        read(&mut reader)
    }

    /// Reads all entries of a section that may be there several times.
    fn entries<T>(
        &mut self,
        name: &str,
        at: fn(usize) -> At,
        read: impl Fn(&mut Reader<'_, 'd>, &str) -> Option<T>,
    ) -> Vec<T> {
        let section = section(name).expect("BUG: no such section");
        let mut out = Vec::new();
        for entry in self.find_entries(section) {
            let title = match section.shape {
                Shape::Named => format!("[{}.{}]", section.name, entry.name),
                Shape::Once | Shape::List => section.header(),
            };
            let mut reader =
                Reader::new(section, title, Some(entry.table), entry.place.clone(), &mut self.problems);
            reader.check_keys();
            let places = if entry.implied { Places::default() } else { reader.places() };
            if let Some(read) = read(&mut reader, &entry.name) {
                self.places.push((at(out.len()), places));
                out.push(read);
            }
        }
        out
    }

    fn find_entries(&mut self, section: &'static Section) -> Vec<Entry<'d>> {
        let (found, implied) = match self.table.get_key_value(section.name) {
            Some(found) => (found, false),
            // The machine that is implied depends on the ships: see `imply_machine`.
            None if section.name == "machine" => return Vec::new(),
            None => match self.default.get_key_value(section.name) {
                Some(found) => (found, true),
                None => return Vec::new(),
            },
        };
        let (key, value) = found;
        let mut entries = Vec::new();
        match (section.shape, value.get_ref()) {
            (Shape::List, DeValue::Array(items)) => {
                for item in items {
                    self.entry(section, String::new(), item, item.span(), implied, &mut entries);
                }
            }
            (Shape::Named, DeValue::Table(table)) => {
                for (name, item) in table {
                    self.entry(section, name.get_ref().to_string(), item, name.span(), implied, &mut entries);
                }
            }
            _ => self.note(
                key.span(),
                format!("`{}` may be there several times", section.name),
                Some(format!("write `{}`", section.header())),
            ),
        }
        entries.sort_by_key(|e| e.place.as_ref().map(|p| p.start));
        if entries.len() > MAX_OF_A_KIND {
            let message =
                format!("{} are too many `{}`, {MAX_OF_A_KIND} may be", entries.len(), section.header());
            self.note(key.span(), message, None);
            entries.truncate(MAX_OF_A_KIND);
        }
        entries
    }

    fn entry(
        &mut self,
        section: &'static Section,
        name: String,
        item: &'d Spanned<DeValue<'d>>,
        place: Range<usize>,
        implied: bool,
        entries: &mut Vec<Entry<'d>>,
    ) {
        let Some(table) = item.get_ref().as_table() else {
            let message = match section.shape {
                Shape::Named => {
                    format!("`{name}` is in `[{0}]`, which has no keys of its own", section.name)
                }
                _ => format!("an entry of `{}` is no table", section.name),
            };
            return self.note(place, message, Some(format!("write `{}`", section.header())));
        };
        if section.shape == Shape::Named
            && let Err(message) = check_name(&name)
        {
            return self.note(place, message, None);
        }
        entries.push(Entry { name, table, place: Some(place), implied });
    }

    /// Listeners' names and queues are unique.
    fn check_names(&mut self, config: &Config) {
        let names = config.listeners.iter().map(|l| l.name.as_str());
        for index in doubles(names) {
            let name = config.listeners.get(index).map(|l| l.name.clone()).unwrap_or_default();
            let help = "give each its `name`; without one it is the protocol".to_owned();
            self.blame(At::Listener(index), "name", format!("two listeners are called `{name}`"), Some(help));
        }
        let ships = config.ships.iter().enumerate().map(|(i, s)| (At::Ship(i), s.queue.as_str()));
        let hops = config.machines.iter().enumerate().filter(|(_, m)| m.is_hop());
        let takers: Vec<(At, &str)> =
            ships.chain(hops.map(|(i, m)| (At::Machine(i), m.queue.as_str()))).collect();
        for index in doubles(takers.iter().map(|(_, queue)| *queue)) {
            let Some((at, queue)) = takers.get(index) else { continue };
            let who = match at {
                At::Ship(_) => "two shippers take",
                _ => "a machine and another taker take",
            };
            let help = "each needs its own, or they would take events from each other".to_owned();
            self.blame(*at, "queue", format!("{who} from the queue `{queue}`"), Some(help));
        }
    }

    /// The embedded bus has no messages that could be of one kind or another.
    fn check_encodings(&mut self, config: &Config) {
        if config.bus.rabbit.is_some() {
            return;
        }
        let listeners = config.listeners.iter().enumerate().map(|(i, l)| (At::Listener(i), l.encoding));
        let machines = config.machines.iter().enumerate().map(|(i, m)| (At::Machine(i), m.encoding));
        for (at, _) in listeners.chain(machines).filter(|(_, encoding)| *encoding == Encoding::Json) {
            let message = "the embedded bus has nobody else who could read JSON".to_owned();
            let help = "set `[bus] kind = \"rabbitmq\"`, or leave `encoding` out".to_owned();
            self.blame(at, "encoding", message, Some(help));
        }
    }

    /// No address and no socket is listened on twice.
    fn check_addresses(&mut self, config: &Config) {
        let mut taken: Vec<(bool, Endpoint, String)> = Vec::new();
        let listeners = config.listeners.iter().enumerate().flat_map(|(index, l)| {
            let owner = format!("the listener `{}`", l.name);
            l.listen.iter().map(move |e| (Some(index), l.protocol == Protocol::Udp, e.clone(), owner.clone()))
        });
        let web = config.web.iter().flat_map(|web| &web.listen);
        let web = web.map(|a| (None, false, Endpoint::Net(a.clone()), "`[web]`".to_owned()));
        for (index, udp, endpoint, owner) in listeners.chain(web) {
            let Some((_, _, other)) = taken.iter().find(|(u, e, _)| *u == udp && collide(e, &endpoint))
            else {
                taken.push((udp, endpoint, owner));
                continue;
            };
            let other = if *other == owner { "it" } else { other };
            self.blame_address(index, format!("{owner} cannot listen on `{endpoint}`: {other} does already"));
        }
    }

    fn blame_address(&mut self, listener: Option<usize>, message: String) {
        match listener {
            Some(index) => self.blame(At::Listener(index), "listen", message, None),
            None => {
                let web = self.table.get("web").and_then(|web| web.get_ref().as_table());
                let span = web.and_then(|web| web.get("listen")).map(Spanned::span);
                self.problems.push(Problem { span, message, help: None });
            }
        }
    }

    /// A store has one writer, and so has a file.
    fn check_directories(&mut self, config: &Config) {
        let mut taken: Vec<(&Path, Option<&str>, String)> = Vec::new();
        if config.bus.rabbit.is_none() {
            taken.push((&config.bus.directory, None, "the bus".to_owned()));
        }
        if let Some(spool) = &config.spool {
            taken.push((&spool.directory, None, "the spool".to_owned()));
        }
        for (index, ship) in config.ships.iter().enumerate() {
            let (directory, path) = match &ship.kind {
                ShipKind::Files(files) => (files.directory.as_path(), Some(files.path.as_str())),
                ShipKind::Search(search) => (search.directory.as_path(), None),
                ShipKind::Postgres(_) => continue,
            };
            // Ships may share a directory when they name their files differently.
            let clash = taken
                .iter()
                .find(|(d, p, _)| *d == directory && (*p == path || p.is_none() || path.is_none()));
            if let Some((_, _, owner)) = clash {
                let message = format!("`{}` holds the files of {owner} already", directory.display());
                let help = format!("give it a `directory` of its own, such as `\"{}\"`", ship.name);
                self.blame(At::Ship(index), "directory", message, Some(help));
            } else {
                taken.push((directory, path, format!("the shipper `{}`", ship.name)));
            }
        }
    }

    fn check_topology(&mut self, config: &Config) {
        for problem in topology::resolve(config).err().into_iter().flatten() {
            let span = self.place(problem.at, problem.key);
            self.problems.push(Problem { span, message: problem.message, help: problem.help });
        }
    }

    fn place(&self, at: At, key: &str) -> Option<Range<usize>> {
        self.places.iter().find(|(known, _)| *known == at).and_then(|(_, places)| places.of(key))
    }

    fn blame(&mut self, at: At, key: &str, message: String, help: Option<String>) {
        let span = self.place(at, key);
        self.problems.push(Problem { span, message, help });
    }

    fn note(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.problems.push(Problem { span: Some(span), message, help });
    }
}

fn bus(r: &mut Reader<'_, '_>, data: &Path, beside: &Path) -> Bus {
    let kind = r.choice("kind").unwrap_or("embedded");
    r.check_only("the kind", kind);
    let bus = Bus {
        rabbit: if kind == "rabbitmq" { rabbit::read(r, beside) } else { None },
        directory: r.path_if_any("directory", data).unwrap_or_else(|| data.join("bus")),
        max_size: r.size("max_size"),
        segment_size: r.size("segment_size"),
        compression: match r.choice("compression") {
            Some("lz4") => BusCompression::Lz4,
            _ => BusCompression::None,
        },
    };
    if bus.max_size < bus.segment_size.saturating_mul(2) {
        let message = "`max_size` holds less than two segments".to_owned();
        let key = if r.has("max_size") { "max_size" } else { "segment_size" };
        r.blame(key, message, Some("lower `segment_size` or raise `max_size`".to_owned()));
    }
    bus
}

/// What a broker is given.
fn encoding(r: &mut Reader<'_, '_>) -> Encoding {
    match r.choice("encoding") {
        Some("json") => Encoding::Json,
        _ => Encoding::Batch,
    }
}

fn listener(r: &mut Reader<'_, '_>, data: &Path) -> Option<Listener> {
    let protocol = match r.choice("protocol") {
        Some("tcp") => Some(Protocol::Tcp),
        Some("relp") => Some(Protocol::Relp),
        Some("udp") => Some(Protocol::Udp),
        Some("unix-dgram") => Some(Protocol::UnixDgram),
        Some("unix-stream") => Some(Protocol::UnixStream),
        _ => None,
    };
    match protocol {
        Some(protocol) => r.check_only("the protocol", protocol.keyword()),
        None if !r.failed("protocol") => {
            let help = "one of `tcp`, `relp`, `udp`, `unix-dgram`, `unix-stream`".to_owned();
            r.blame("", "a `[[listener]]` needs its `protocol`".to_owned(), Some(help));
        }
        None => {}
    }
    // The rest is read even so, for the sake of its mistakes.
    let known = protocol.unwrap_or(Protocol::Tcp);
    let name = r.name_if_any("name");
    let localhost_only = r.bool("localhost_only");
    let listener = Listener {
        name: name.unwrap_or_else(|| known.keyword().to_owned()),
        protocol: known,
        listen: if protocol.is_some() { endpoints(r, known, localhost_only, data) } else { Vec::new() },
        exchange: r.bus_name("exchange"),
        encoding: encoding(r),
        localhost_only,
        format: match r.choice("format") {
            Some("rfc5424") => InputFormat::Rfc5424,
            Some("rfc3164") => InputFormat::Rfc3164,
            Some("json") => InputFormat::Json,
            Some("msgpack") => InputFormat::Msgpack,
            _ => InputFormat::Auto,
        },
        framing: match r.choice("framing") {
            Some("octet-counting") => Framing::OctetCounting,
            Some("lf") => Framing::Lf,
            Some("nul") => Framing::Nul,
            _ => Framing::Auto,
        },
        timezone: r.zone("timezone"),
        keep_leading_blank: r.bool("keep_leading_blank"),
        max_message_size: r.size_if_any("max_message_size").map_or_else(|| default_message(known), bytes),
        max_connections: r.count("max_connections"),
        allow: r.networks("allow"),
        deny: r.networks("deny"),
        trust: r.trust("trust"),
        window_size: bytes(r.size("window_size")),
        receive_buffer: bytes(r.size("receive_buffer")),
        socket_mode: r.mode("socket_mode"),
        idle_timeout: r.duration_if_any("idle_timeout"),
    };
    if listener.window_size < listener.max_message_size {
        let message = "`window_size` holds less than one event of `max_message_size`".to_owned();
        let key = if r.has("window_size") { "window_size" } else { "max_message_size" };
        r.blame(key, message, Some("raise `window_size` or lower `max_message_size`".to_owned()));
    }
    if known.is_unix() && matches!(listener.trust, Trust::Networks(_)) {
        let message = "peers of a unix socket have no address".to_owned();
        r.blame("trust", message, Some("`true` or `false`".to_owned()));
    }
    protocol.map(|_| listener)
}

fn endpoints(r: &mut Reader<'_, '_>, protocol: Protocol, localhost_only: bool, data: &Path) -> Vec<Endpoint> {
    if protocol.is_unix() {
        let found = r.sockets_if_any("listen", data);
        return found.unwrap_or_else(|| vec![Endpoint::Path(data.join("syslog.sock"))]);
    }
    let mut endpoints = r.endpoints_if_any("listen").unwrap_or_else(|| {
        let default = if protocol == Protocol::Relp { "127.0.0.1:2514" } else { "127.0.0.1:1514" };
        Address::parse(default).map(Endpoint::Net).into_iter().collect()
    });
    for endpoint in endpoints.iter_mut().filter(|_| localhost_only) {
        let Some(address) = endpoint.address() else { continue };
        if address.is_wildcard() {
            *endpoint = Endpoint::Net(address.on_loopback());
        } else if !address.is_loopback() {
            let message = format!("`{address}` is not this host alone, but `localhost_only` is `true`");
            r.blame("listen", message, Some("`127.0.0.1` and `[::1]` are".to_owned()));
        }
    }
    endpoints
}

fn default_message(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Relp => loggr_wire::relp::DEFAULT_DATA_BYTES,
        _ => loggr_wire::framing::DEFAULT_FRAME_BYTES,
    }
}

fn packer(r: &mut Reader<'_, '_>, name: &str) -> Option<Packer> {
    let word = r.choice("kind");
    match word {
        Some(kind) => r.check_only("the kind", kind),
        None if !r.failed("kind") => {
            let message = format!("`[packers.{name}]` needs its `kind`");
            r.blame("", message, Some("one of `time`, `format`, `preset`".to_owned()));
        }
        None => {}
    }
    let (window, start, languages) =
        (r.duration("window"), r.start_formats_if_any("start"), r.presets_if_any("preset"));
    let mut missing = |key: &'static str, help: &str| {
        if !r.failed(key) {
            let message = format!("`[packers.{name}]` needs `{key}`");
            r.blame("", message, Some(help.to_owned()));
        }
    };
    let kind = match word {
        Some("format") => {
            if start.is_none() {
                missing(
                    "start",
                    "how does the first line of an event look? `start = [\"$DATETIME $MESSAGE\"]`",
                );
            }
            Some(PackerKind::Format { start: start.unwrap_or_default() })
        }
        Some("preset") => {
            if languages.is_none() {
                missing("preset", "whose stack traces? `preset = \"java\"`");
            }
            Some(PackerKind::Preset { languages: languages.unwrap_or_default() })
        }
        Some(_) => Some(PackerKind::Time { window }),
        None => None,
    };
    let condition = r.condition_if_any("if");
    let (max_age, max_lines, max_size) =
        (r.duration("max_age"), r.count("max_lines"), bytes(r.size("max_size")));
    if matches!(kind, Some(PackerKind::Time { window }) if window > max_age) {
        let message = "`window` is longer than an event is held".to_owned();
        let key = if r.has("window") { "window" } else { "max_age" };
        r.blame(key, message, Some("raise `max_age` or lower `window`".to_owned()));
    }
    kind.map(|kind| Packer { name: name.to_owned(), kind, condition, max_age, max_lines, max_size })
}

fn machine(
    r: &mut Reader<'_, '_>,
    name: &str,
    packers: &[Packer],
    routes: &dyn Fn(&str) -> Option<Vec<Route>>,
) -> Machine {
    let filter = r.name_unless_empty("filter");
    let named = r.names("packers");
    let known: Vec<&str> = packers.iter().map(|p| p.name.as_str()).collect();
    for (at, packer) in named.iter().enumerate() {
        if named.iter().take(at).any(|other| other == packer) {
            r.blame("packers", format!("the packer `{packer}` is named twice"), None);
        } else if !known.contains(&packer.as_str()) {
            let help = match nearest(packer, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write `[packers.{packer}]`"),
            };
            r.blame("packers", format!("there is no packer `{packer}`"), Some(help));
        }
    }
    Machine {
        name: name.to_owned(),
        exchange: r.bus_name("exchange"),
        binding: r.binding("binding"),
        destination: r.bus_name("destination"),
        encoding: encoding(r),
        routes: match &filter {
            Some(filter) => routes(filter),
            None => Some(Vec::new()),
        },
        filter,
        packers: named,
        queue: r.bus_name_if_any("queue").unwrap_or_else(|| format!("machine.{name}")),
        workers: r.count("workers"),
    }
}

/// The machine of a file that has none: without it the ships would get nothing.
fn imply_machine(config: &mut Config) {
    let wanted = config.ships.iter().any(|s| s.exchange == "events");
    if wanted && !config.listeners.iter().any(|l| l.exchange == "events") {
        config.machines.push(Machine {
            name: "main".to_owned(),
            exchange: "received".to_owned(),
            binding: "#".to_owned(),
            destination: "events".to_owned(),
            encoding: Encoding::Batch,
            filter: None,
            routes: Some(Vec::new()),
            packers: Vec::new(),
            queue: "machine.main".to_owned(),
            workers: 1,
        });
    }
}

pub(super) fn ship(r: &mut Reader<'_, '_>, name: &str, data: &Path, beside: &Path) -> Option<Ship> {
    let enabled = r.bool("enabled");
    let word = r.choice("kind");
    let unsaid = word.is_none() && !r.failed("kind");
    // Everybody knows what this one is.
    let word = word.or((unsaid && name == searched::BUILT_IN).then_some("search"));
    match word {
        Some(kind) => r.check_only("the kind", kind),
        None if unsaid && enabled => {
            let message = format!("`[ship.{name}]` needs its `kind`");
            r.blame("", message, Some("one of `files`, `search`, `postgres`".to_owned()));
        }
        None => {}
    }
    let files = FilesShip {
        directory: r.path_if_any("directory", data).unwrap_or_else(|| data.join("files")),
        path: r.path_template("path"),
        format: r.line_format("format"),
        compress: match r.choice("compress") {
            Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            _ => Compression::None,
        },
        file_mode: r.mode("file_mode"),
        directory_mode: r.mode("directory_mode"),
        max_open_files: r.count("max_open_files"),
        batch: BatchLimits { events: r.count("batch_events"), size: bytes(r.size("batch_size")) },
    };
    let search = SearchShip {
        directory: if r.has("directory") { files.directory.clone() } else { data.join("search") },
        retention: r.duration_if_any("retention"),
        commit_events: r.count("commit_events"),
        commit_age: r.duration("commit_age"),
    };
    let database = postgres(r, name, word == Some("postgres"), beside);
    let ship = Ship {
        name: name.to_owned(),
        queue: r.bus_name_if_any("queue").unwrap_or_else(|| name.to_owned()),
        exchange: r.bus_name("exchange"),
        binding: r.binding("binding"),
        shared: r.bool("shared"),
        built_in: false,
        kind: match word {
            Some("search") => ShipKind::Search(search),
            Some("postgres") => ShipKind::Postgres(Box::new(database)),
            _ => ShipKind::Files(files),
        },
    };
    word.filter(|_| enabled).map(|_| ship)
}

fn postgres(r: &mut Reader<'_, '_>, name: &str, meant: bool, beside: &Path) -> PostgresShip {
    let url = r.parsed_if_any("url", |text| match text.trim() {
        "" => Err("the url is empty".to_owned()),
        text => Ok(text.to_owned()),
    });
    if meant && url.is_none() && !r.failed("url") {
        let message = format!("`[ship.{name}]` needs the `url` of its database");
        r.blame("", message, Some("write `postgres://USER@HOST:PORT/DATABASE`".to_owned()));
    }
    let (certificate, key) = (r.path_if_any("sslcert", beside), r.path_if_any("sslkey", beside));
    if certificate.is_some() != key.is_some() {
        let there = if certificate.is_some() { "sslcert" } else { "sslkey" };
        r.blame(there, "`sslcert` and `sslkey` belong together".to_owned(), None);
    }
    let role = |text: &str| match text {
        "" => Err("a role has a name".to_owned()),
        text if text.len() > 63 || text.contains('\0') => {
            Err(format!("`{text}` cannot be the name of a role"))
        }
        text => Ok(text.to_owned()),
    };
    let database = PostgresShip {
        url: url.unwrap_or_default(),
        password_file: r.path_if_any("password_file", beside),
        sslmode: r.choice("sslmode").and_then(SslMode::parse),
        sslrootcert: r.path_if_any("sslrootcert", beside),
        client_certificate: certificate.zip(key),
        table: r.parsed("table", TableName::parse),
        columns: r.all_parsed("columns", Promoted::parse),
        indexes: r.choice("indexes").and_then(Indexes::parse).unwrap_or_default(),
        connections: r.count("connections"),
        retention: r.duration_if_any("retention"),
        commit_events: r.count("commit_events"),
        commit_age: r.duration("commit_age"),
        query_timeout: r.duration("query_timeout"),
        writer_role: r.parsed("writer_role", role),
        reader_role: r.parsed("reader_role", role),
    };
    for at in doubles(database.columns.iter().map(|c| c.name.as_str())) {
        let twice = database.columns.get(at).map(|c| c.name.clone()).unwrap_or_default();
        r.blame("columns", format!("`{twice}` is given twice"), None);
    }
    database
}

fn web(r: &mut Reader<'_, '_>, ships: &[Ship]) -> Option<Web> {
    let enabled = r.bool("enabled");
    let listen = r.addresses("listen");
    for address in listen.iter().filter(|a| !a.is_loopback()) {
        let message = format!("`{address}` can be reached from other hosts, and this version has no log-in");
        let help = "listen on `127.0.0.1` and put a proxy with a log-in in front".to_owned();
        r.blame("listen", message, Some(help));
    }
    let stores: Vec<&str> = ships.iter().filter(|s| s.kind.is_store()).map(|s| s.name.as_str()).collect();
    let store = r.name_if_any("store");
    if let Some(name) = store.as_deref().filter(|name| !stores.contains(name)) {
        let help = match (nearest(name, stores.iter().copied()), ships.iter().any(|s| s.name == *name)) {
            (_, true) => "its kind is neither `search` nor `postgres`".to_owned(),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, _) => format!("write `[ship.{name}]` with `kind = \"search\"`"),
        };
        r.blame("store", format!("there is no store `{name}`"), Some(help));
    }
    enabled.then(|| Web { listen, store: store.or_else(|| stores.first().map(|s| (*s).to_owned())) })
}

fn process(r: &mut Reader<'_, '_>, data: &Path) -> Process {
    let process = Process {
        drain_timeout: r.duration("drain_timeout"),
        user: r.account_if_any("user"),
        group: r.account_if_any("group"),
        pid_file: r.path_if_any("pid_file", data),
    };
    if process.group.is_some() && process.user.is_none() && !r.failed("user") {
        let message = "`group` is of no use without `user`".to_owned();
        r.blame("group", message, Some("name the user as well".to_owned()));
    }
    process
}

fn log(r: &mut Reader<'_, '_>) -> Log {
    Log {
        level: match r.choice("level") {
            Some("error") => LogLevel::Error,
            Some("warn") => LogLevel::Warn,
            Some("debug") => LogLevel::Debug,
            Some("trace") => LogLevel::Trace,
            _ => LogLevel::Info,
        },
        format: match r.choice("format") {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        },
    }
}

/// The section that has a key of this name, if only one has.
fn section_of_key(key: &str) -> Option<&'static Section> {
    let mut having = SECTIONS.iter().filter(|s| s.key(key).is_some());
    having.next().filter(|_| having.next().is_none())
}

/// The index of each value that stood before.
fn doubles<'v>(values: impl Iterator<Item = &'v str>) -> Vec<usize> {
    let mut seen = HashSet::new();
    values.enumerate().filter(|(_, value)| !seen.insert(*value)).map(|(at, _)| at).collect()
}

/// Would the kernel refuse the second one?
fn collide(a: &Endpoint, b: &Endpoint) -> bool {
    match (a, b) {
        (Endpoint::Path(a), Endpoint::Path(b)) => a == b,
        (Endpoint::Net(a), Endpoint::Net(b)) => {
            a.port() == b.port()
                && a.port() != 0
                && (a.host() == b.host() || a.is_wildcard() || b.is_wildcard())
        }
        _ => false,
    }
}

/// A size that the table of keys keeps below what memory can hold.
fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
