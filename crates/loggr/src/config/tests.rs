//! Whole files and what becomes of them. What is wrong with files: the files beside this one.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use loggr_bus::binding::Binding;
use loggr_bus::rabbit::Encoding;
use loggr_event::{DumpFormat, Template};
use loggr_filter::engines::Route;
use loggr_filter::lang::Predicate;
use loggr_net::{Address, Endpoint, Network};

use super::diagnostics::ConfigError;
use super::resolve::{Around, resolve};
use super::ship::{Compress, FilesShip, SearchShip};
use super::trust::Trust;
use super::*;

mod choices;
mod elastic;
mod forward;
mod mistakes;
mod together;
mod values;

fn around(data: Option<&'static str>) -> Around<'static> {
    Around {
        file: Some(Path::new("/etc/loggr/loggr.toml")),
        directory: Path::new("/etc/loggr"),
        data_override: data.map(Path::new),
        data_default: Path::new("/data"),
        routes: &routes,
    }
}

/// A filter `to-x` sends events to the exchange `x`, `to-x-as-y` as `y`, `broken` cannot be read.
fn routes(filter: &str) -> Option<Vec<Route>> {
    let (exchange, kind) = match filter.strip_prefix("to-") {
        None => return (filter != "broken").then(Vec::new),
        Some(route) => {
            route.split_once("-as-").map_or((route, None), |(exchange, kind)| (exchange, Some(kind)))
        }
    };
    Some(vec![Route { exchange: Some(exchange.to_owned()), event_type: kind.map(str::to_owned) }])
}

/// A text without mistakes.
#[track_caller]
pub(crate) fn read(text: &str) -> Config {
    let (config, problems) = resolve(text, &around(None));
    if !problems.is_empty() {
        panic!("{}", ConfigError::new("loggr.toml", text, problems));
    }
    config
}

/// The mistakes of a text: message and help.
pub(super) fn problems(text: &str) -> Vec<String> {
    let line = |p: diagnostics::Problem| match p.help {
        Some(help) => format!("{} | {help}", p.message),
        None => p.message,
    };
    resolve(text, &around(None)).1.into_iter().map(line).collect()
}

/// The whole text that the operator sees, without its first line.
#[track_caller]
fn check(text: &str, expect: &str) {
    let problems = resolve(text, &around(None)).1;
    assert!(!problems.is_empty(), "no mistake is found");
    let shown = ConfigError::new("loggr.toml", text, problems).to_string();
    let shown = shown.split_once("\n\n").map_or("", |(_, rest)| rest);
    assert!(shown == expect.trim_matches('\n'), "got:\n{shown}\n\nexpected:\n{}", expect.trim_matches('\n'));
}

#[test]
fn the_default_text_is_the_built_in_default() {
    assert_eq!(read(DEFAULT_TEXT), read(""));
}

#[test]
fn what_a_whole_file_says() {
    let config = read(
        r#"
        [data]
        directory = "data"
        [bus]
        directory = "/fast/bus"
        max_size = 1_000_000_000
        segment_size = "1MiB"
        compression = "lz4"
        [[listener]]
        name = "net"
        protocol = "tcp"
        listen = [":514", "[::1]:515", "localhost:0"]
        localhost_only = true
        exchange = "in"
        format = "rfc3164"
        framing = "nul"
        timezone = "Europe/Berlin"
        keep_leading_blank = true
        max_message_size = "8KiB"
        max_connections = 7
        allow = ["10.0.0.0/8"]
        deny = ["10.9.0.0/16"]
        trust = ["10.0.0.7"]
        window_size = "1MiB"
        idle_timeout = "1h30m"
        [[listener]]
        protocol = "unix-stream"
        listen = "run/log"
        exchange = "in"
        socket_mode = 0o600
        trust = true
        [machine.pass]
        exchange = "in"
        binding = "syslog.*"
        destination = "out"
        [ship.archive]
        kind = "files"
        queue = "q"
        exchange = "out"
        if = 'severity >= "err"'
        directory = "/var/log/remote"
        path = "${source}.log"
        format = "$DATETIME $MESSAGE"
        compress = "zstd"
        file_mode = "600"
        directory_mode = "0700"
        max_open_files = 9
        batch_events = 10
        batch_size = "1MB"
        [ship.find]
        kind = "search"
        exchange = "in"
        directory = "s"
        retention = "90d"
        commit_events = 5
        commit_age = "2s"
        [web]
        listen = ["localhost:1", "[::1]:2"]
        [log]
        level = "debug"
        format = "json"
        [process]
        drain_timeout = "1m"
        "#,
    );
    assert_eq!(config.data.directory, Path::new("/etc/loggr/data"));
    let bus = Bus {
        rabbit: None,
        directory: "/fast/bus".into(),
        max_size: 1_000_000_000,
        segment_size: 1 << 20,
        compression: loggr_bus::Codec::Lz4,
    };
    assert_eq!(config.bus, bus);
    let [net, unix] = config.listeners.as_slice() else { panic!("two listeners") };
    let places: Vec<String> = net.listen.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["127.0.0.1:514", "[::1]:515", "localhost:0"]);
    let expect = Listener {
        name: "net".into(),
        protocol: Protocol::Tcp,
        listen: net.listen.clone(),
        exchange: "in".into(),
        localhost_only: true,
        format: loggr_event::InputFormat::Rfc3164,
        framing: loggr_wire::framing::Mode::Nul,
        encoding: Encoding::Batch,
        timezone: "Europe/Berlin".into(),
        keep_leading_blank: true,
        max_message_size: 8 << 10,
        max_connections: 7,
        allow: vec![Network::parse("10.0.0.0/8").unwrap()],
        deny: vec![Network::parse("10.9.0.0/16").unwrap()],
        trust: Trust::Networks(vec![Network::parse("10.0.0.7").unwrap()]),
        window_size: 1 << 20,
        receive_buffer: 8 << 20,
        socket_mode: 0o666,
        credentials: false,
        idle_timeout: Some(Duration::from_secs(5400)),
        proxies: Vec::new(),
        seal: None,
        tls: None,
        journal: None,
        kernel: None,
        http: None,
        files: None,
    };
    assert_eq!(*net, expect);
    assert_eq!(
        (unix.name.as_str(), unix.socket_mode, &unix.trust),
        ("unix-stream", 0o600, &Trust::Everybody)
    );
    assert_eq!(unix.listen, [Endpoint::Path("/etc/loggr/data/run/log".into())]);
    let pass = Machine {
        name: "pass".into(),
        exchange: "in".into(),
        binding: Binding::parse("syslog.*").unwrap(),
        destination: "out".into(),
        encoding: Encoding::Batch,
        filter: None,
        routes: Some(Vec::new()),
        packers: Vec::new(),
        queue: "machine.pass".to_owned(),
        seal: None,
        workers: 0,
    };
    assert_eq!(config.machines, [pass]);
    let archive = Ship {
        name: "archive".into(),
        queue: "q".into(),
        exchange: "out".into(),
        binding: Binding::parse("#").unwrap(),
        condition: Some(Arc::new(Predicate::compile("if", "severity >= \"err\"").unwrap())),
        shared: false,
        seal: None,
        built_in: false,
        kind: ShipKind::Files(FilesShip {
            directory: "/var/log/remote".into(),
            path: Template::parse_path("${source}.log").unwrap(),
            format: DumpFormat::parse("$DATETIME $MESSAGE").unwrap(),
            compress: Compress::Zstd,
            file_mode: 0o600,
            directory_mode: 0o700,
            max_open_files: 9,
            batch_events: 10,
            batch_bytes: 1_000_000,
        }),
    };
    let find = Ship {
        name: "find".into(),
        queue: "find".into(),
        exchange: "in".into(),
        binding: Binding::parse("#").unwrap(),
        condition: None,
        shared: false,
        seal: None,
        built_in: false,
        kind: ShipKind::Search(SearchShip {
            directory: "/etc/loggr/data/s".into(),
            retention: Some(Duration::from_secs(90 * 86_400)),
            commit_events: 5,
            commit_age: Duration::from_secs(2),
        }),
    };
    assert_eq!(config.ships, [archive, find]);
    let web = config.web.unwrap();
    assert_eq!((web.listen.len(), web.store.as_deref()), (2, Some("find")));
    assert_eq!(config.log, Log { level: log::LogLevel::Debug, format: LogFormat::Json, security: None });
    assert_eq!(config.process.drain_timeout, Duration::from_secs(60));
}

#[test]
fn without_a_file_everything_is_loopback() {
    let config = read("");
    let shown: Vec<String> = config
        .listeners
        .iter()
        .map(|l| format!("{} {} {}", l.name, l.protocol.keyword(), l.listen[0]))
        .collect();
    let expect = [
        "tcp tcp 127.0.0.1:1514",
        "udp udp 127.0.0.1:1514",
        "relp relp 127.0.0.1:2514",
        "unix unix-dgram /data/syslog.sock",
    ];
    assert_eq!(shown, expect);
    assert!(config.listeners.iter().filter_map(|l| l.listen[0].address()).all(Address::is_loopback));
    assert_eq!(config.web.unwrap().listen[0].to_string(), "127.0.0.1:8080");
    assert_eq!(config.ships[0].kind.keyword(), "search");
}

#[test]
fn what_a_file_does_not_mention_stays_the_default() {
    let (default, config) = (read(""), read("[log]\nlevel = 'warn'"));
    assert_eq!(Config { log: config.log.clone(), ..default }, config);
    assert_eq!(read("[web]\nenabled = false").web, None);
    assert_eq!(read("[[listener]]\nprotocol = 'relp'").listeners[0].max_message_size, 128 << 10);
    assert!(read("listener = []").listeners.is_empty());
}

/// Pieces that, put together, are often nearly right.
const PIECES: &[&str] = &[
    "[",
    "]",
    "[[listener]]\n",
    "[ship.a]\n",
    "[machine.b]\n",
    "[web]\n",
    "[bus]\n",
    "[data]\n",
    "kind=",
    "protocol=",
    "listen=",
    "directory=",
    "exchange=",
    "destination=",
    "max_size=",
    "retention=",
    "trust=",
    "=",
    "\n",
    "'files'\n",
    "'search'\n",
    "'tcp'\n",
    "'unix-dgram'\n",
    "'127.0.0.1:1'\n",
    "'events'\n",
    "'received'\n",
    "true\n",
    "-1\n",
    "0o7\n",
    "1e9\n",
    "[]\n",
    "{}\n",
    "''\n",
    "'é'\n",
    ".",
    ",",
    "#",
    "'''",
];

proptest! {
    #[test]
    fn any_text_is_answered(text in "(?s).{0,200}") {
        answered(&text);
    }

    #[test]
    fn any_pieces_are_answered(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..30)) {
        answered(&pieces.concat());
    }
}

/// No panic, and what is accepted has a topology.
fn answered(text: &str) {
    let (config, problems) = resolve(text, &around(None));
    if problems.is_empty() {
        config.topology().unwrap();
    }
    drop(ConfigError::new("f", text, problems).to_string());
}
