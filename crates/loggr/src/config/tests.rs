//! Whole files and what becomes of them: values, rendered mistakes, search order.

use std::time::Duration;

use proptest::prelude::*;

use loggr_bus::rabbit::Encoding;
use loggr_filter::engines::Route;
use loggr_net::{Address, Endpoint, Network};

use super::*;

mod mistakes;
mod together;

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
        compression: BusCompression::Lz4,
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
        framing: Framing::Nul,
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
        idle_timeout: Some(Duration::from_secs(5400)),
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
        binding: "syslog.*".into(),
        destination: "out".into(),
        encoding: Encoding::Batch,
        filter: None,
        routes: Some(Vec::new()),
        packers: Vec::new(),
        queue: "machine.pass".to_owned(),
        workers: 1,
    };
    assert_eq!(config.machines, [pass]);
    let archive = Ship {
        name: "archive".into(),
        queue: "q".into(),
        exchange: "out".into(),
        binding: "#".into(),
        shared: false,
        built_in: false,
        kind: ShipKind::Files(FilesShip {
            directory: "/var/log/remote".into(),
            path: "${source}.log".into(),
            format: "$DATETIME $MESSAGE".into(),
            compress: Compression::Zstd,
            file_mode: 0o600,
            directory_mode: 0o700,
            max_open_files: 9,
            batch: BatchLimits { events: 10, size: 1_000_000 },
        }),
    };
    let find = Ship {
        name: "find".into(),
        queue: "find".into(),
        exchange: "in".into(),
        binding: "#".into(),
        shared: false,
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
    assert_eq!(config.log, Log { level: LogLevel::Debug, format: LogFormat::Json });
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
    assert_eq!(Config { log: config.log, ..default }, config);
    assert_eq!(read("[web]\nenabled = false").web, None);
    assert_eq!(read("[[listener]]\nprotocol = 'relp'").listeners[0].max_message_size, 128 << 10);
    assert!(read("listener = []").listeners.is_empty());
}

#[test]
fn who_may_send_and_who_is_trusted() {
    let config = read(
        "[[listener]]\nprotocol='tcp'\nallow=['10.0.0.0/8']\ndeny=['10.9.0.0/16']\ntrust=['10.0.0.7']\n\
         [[listener]]\nprotocol='udp'\nlisten=':514'\nlocalhost_only=true\n\
         [[listener]]\nprotocol='relp'\nallow=['::ffff:10.0.0.0/104']\ndeny=['::ffff:10.0.0.1']\n\
         trust=['::ffff:10.0.0.7']",
    );
    let [tcp, udp, mapped] = config.listeners.as_slice() else { panic!("three listeners") };
    let ip = |text: &str| text.parse().unwrap();
    assert!(tcp.admits(ip("10.1.1.1")) && tcp.admits(ip("::ffff:10.1.1.1")));
    assert!(
        !tcp.admits(ip("10.9.1.1")) && !tcp.admits(ip("127.0.0.1")) && !tcp.admits(ip("::ffff:10.9.1.1"))
    );
    assert!(udp.admits(ip("127.0.0.2")) && udp.admits(ip("::1")) && !udp.admits(ip("10.1.1.1")));
    assert!(tcp.trust.covers(Some(ip("10.0.0.7"))) && !tcp.trust.covers(Some(ip("10.0.0.8"))));
    assert!(!mapped.admits(ip("10.0.0.1")) && !mapped.admits(ip("::ffff:10.0.0.1")));
    assert!(mapped.admits(ip("10.0.0.2")) && mapped.admits(ip("::ffff:10.0.0.2")));
    assert!(!mapped.admits(ip("11.0.0.1")) && mapped.trust.covers(Some(ip("10.0.0.7"))));
    assert!(!tcp.trust.covers(None) && Trust::Everybody.covers(None));
}

/// Which file and which data directory, with this on the command line, in the
/// environment, and on the disk; `/T` stands for a fresh directory.
#[track_caller]
fn search(file: Option<&str>, data: Option<&str>, env: &[(&str, &str)], disk: &[(&str, &str)], expect: &str) {
    let root = tempfile::tempdir().unwrap();
    let there = |path: &str| PathBuf::from(path.replace("/T", root.path().to_str().unwrap()));
    for (path, text) in disk {
        std::fs::create_dir_all(there(path).parent().unwrap()).unwrap();
        std::fs::write(there(path), text).unwrap();
    }
    let variable =
        |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| there(value).into_os_string());
    let host = Host {
        variable: &variable,
        user: rustix::process::geteuid().as_raw(),
        root: env.is_empty(),
        here: &there("/T/here/loggr.toml"),
        system_file: &there("/T/etc/loggr.toml"),
    };
    let shown = match load(file.map(there).as_deref(), data.map(there).as_deref(), &host, &|_, _| None) {
        Ok(config) => {
            let file = config.file.map_or("none".to_owned(), |file| file.display().to_string());
            let file = if config.found_here { format!("(found) {file}") } else { file };
            format!("{file} {}", config.data.directory.display())
        }
        Err(error) => crate::hint::render(&error),
    };
    assert_eq!(shown.replace(root.path().to_str().unwrap(), "/T"), expect);
}

#[test]
fn where_the_file_and_the_data_are_looked_for() {
    let home = ("HOME", "/T/h");
    let user = "/T/h/.local/share/loggr";
    search(None, None, &[], &[], "none /var/lib/loggr");
    search(None, None, &[home], &[], &format!("none {user}"));
    search(None, None, &[("XDG_DATA_HOME", "/T/xdg"), home], &[], "none /T/xdg/loggr");
    search(None, None, &[("XDG_DATA_HOME", "rel"), home], &[], &format!("none {user}"));
    search(None, None, &[("LOGGR_DATA_DIR", "/T/env")], &[], "none /T/env");
    let system = ("/T/etc/loggr.toml", "[data]\ndirectory = 'd'");
    search(None, None, &[], &[system], "/T/etc/loggr.toml /T/etc/d");
    search(None, None, &[("LOGGR_DATA_DIR", "/T/env")], &[system], "/T/etc/loggr.toml /T/env");
    search(None, Some("/T/arg"), &[("LOGGR_DATA_DIR", "/T/env")], &[system], "/T/etc/loggr.toml /T/arg");
    let (own, variable) = (("/T/own/loggr.toml", ""), ("LOGGR_CONFIG_DIR", "/T/own"));
    search(None, None, &[variable, home], &[system, own], &format!("/T/own/loggr.toml {user}"));
    search(Some("/T/x"), None, &[variable, home], &[own, ("/T/x", "")], &format!("/T/x {user}"));
}

#[test]
fn a_file_in_the_current_directory_is_found_unless_another_is_named() {
    let (here, home) = (("/T/here/loggr.toml", ""), ("HOME", "/T/h"));
    let user = "/T/h/.local/share/loggr";
    let found = format!("(found) /T/here/loggr.toml {user}");
    search(None, None, &[home], &[here], &found);
    search(None, None, &[home], &[here, ("/T/etc/loggr.toml", "")], &found);
    let (own, variable) = (("/T/own/loggr.toml", ""), ("LOGGR_CONFIG_DIR", "/T/own"));
    search(None, None, &[variable, home], &[own, here], &format!("/T/own/loggr.toml {user}"));
    search(Some("/T/x"), None, &[home], &[here, ("/T/x", "")], &format!("/T/x {user}"));
}

#[test]
fn a_file_of_somebody_else_in_the_current_directory_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().join("loggr.toml");
    std::fs::write(&here, "").unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&here).unwrap());
    let host =
        |user| Host { variable: &|_| None, user, root: false, here: &here, system_file: Path::new("/none") };
    let own = host(owner).find(None).unwrap();
    assert_eq!((own.file.as_deref(), own.found_here, own.passed_over), (Some(here.as_path()), true, None));
    // Root's own is everybody's; here the owner is whoever runs the tests.
    let others = host(owner + 1).find(None).unwrap();
    assert_eq!(others.found_here, owner == 0);
    assert_eq!(others.passed_over.is_none(), owner == 0);
}

#[test]
fn a_file_that_is_left_alone_is_named_with_its_owner() {
    let check = |owner, words: &str| {
        let passed = PassedOver { file: PathBuf::from("/tmp/loggr.toml"), owner }.to_string();
        assert!(
            passed.starts_with(&format!("`/tmp/loggr.toml` is ignored, as it belongs to {words}: ")),
            "{passed}"
        );
    };
    check(0, "the user `root`");
    check(4_000_000_000, "the user with the number 4000000000");
}

#[test]
fn what_cannot_be_read_is_not_taken_for_nothing() {
    search(
        Some("/T/no.toml"),
        None,
        &[],
        &[],
        "error: cannot read the configuration `/T/no.toml`\n  caused by: No such file or directory (os error 2)\n\
         hint: `loggr config` prints the default one\n",
    );
    search(
        None,
        None,
        &[("LOGGR_CONFIG_DIR", "/T/own")],
        &[],
        "error: cannot read the configuration `/T/own/loggr.toml`\n  \
         caused by: No such file or directory (os error 2)\nhint: `loggr config` prints the default one\n",
    );
    search(
        None,
        None,
        &[("LOGGR_CONFIG_DIR", "")],
        &[],
        "error: there is no place for the data directory: `HOME` is not set\n\
         hint: name one with `--data-dir` or `LOGGR_DATA_DIR`\n",
    );
    search(
        Some("/T/x"),
        None,
        &[],
        &[("/T/x", "[web]\nlisten = '80'")],
        "error: 1 mistake in `/T/x`\n\n\
         /T/x:2:10: `80` has no host, write `127.0.0.1:80`, or `:80` for all addresses\n  \
         |\n2 | listen = '80'\n  |          ^^^^\n",
    );
}

#[test]
fn packers_and_who_names_them() {
    let config = read(
        r#"
        [packers.openvpn]
        kind = "time"
        if = 'app_name == "openvpn"'
        window = "200ms"
        max_age = "2s"
        [packers.app]
        kind = "format"
        start = ["$DATETIME $MESSAGE", "[$INT]"]
        max_lines = 50
        max_size = "64KiB"
        [packers.traces]
        kind = "preset"
        preset = ["java", "python"]
        [machine.main]
        packers = ["openvpn", "traces"]
        "#,
    );
    let [openvpn, app, traces] = config.packers.as_slice() else { panic!("three packers") };
    let expect = Packer {
        name: "openvpn".into(),
        kind: PackerKind::Time { window: Duration::from_millis(200) },
        condition: Some("app_name == \"openvpn\"".into()),
        max_age: Duration::from_secs(2),
        max_lines: 1000,
        max_size: 256 << 10,
    };
    assert_eq!(*openvpn, expect);
    assert_eq!(app.kind, PackerKind::Format { start: vec!["$DATETIME $MESSAGE".into(), "[$INT]".into()] });
    assert_eq!(
        (app.condition.as_ref(), app.max_age, app.max_lines, app.max_size),
        (None, Duration::from_secs(1), 50, 64 << 10)
    );
    assert_eq!(traces.kind, PackerKind::Preset { languages: vec!["java".into(), "python".into()] });
    assert_eq!(config.machines[0].packers, ["openvpn", "traces"]);
    assert!(config.machines[0].is_hop());
    assert_eq!(
        read("[packers.x]\nkind='preset'\npreset='go'").packers[0].kind,
        PackerKind::Preset { languages: vec!["go".into()] }
    );
}

#[test]
fn wrong_packers() {
    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        assert_eq!(problems(text), expect);
    }
    check("[packers.x]", &["`[packers.x]` needs its `kind` | one of `time`, `format`, `preset`"]);
    check("[packers.x]\nkind='tme'", &["`tme` is no `kind` | did you mean `time`?"]);
    check(
        "[packers.x]\nkind='format'",
        &[
            "`[packers.x]` needs `start` | how does the first line of an event look? `start = [\"$DATETIME $MESSAGE\"]`",
        ],
    );
    check(
        "[packers.x]\nkind='preset'",
        &["`[packers.x]` needs `preset` | whose stack traces? `preset = \"java\"`"],
    );
    check("[packers.x]\nkind='preset'\npreset='jav'", &["there is no preset `jav` | did you mean `java`?"]);
    check(
        "[packers.x]\nkind='preset'\npreset=['cobol']",
        &[
            "there is no preset `cobol` | one of `java`, `python`, `go`, `ruby`, `javascript`, `php`, `dotnet`, `dart`",
        ],
    );
    check("[packers.x]\nkind='preset'\npreset=[]", &["the list is empty"]);
    check(
        "[packers.x]\nkind='format'\nstart='$MESSAGE'",
        &["this format fits every line | say how the first line of an event differs: `$DATETIME $MESSAGE`"],
    );
    check(
        "[packers.x]\nkind='time'\nif='app_nam == \"x\"'",
        &[
            "there is no core field `app_nam` | did you mean `app_name`? a custom field is written `[app_nam]`",
        ],
    );
    check(
        "[packers.x]\nkind='time'\nif='grok(\"SSHD\")'",
        &[
            "this condition looks at the event alone and calls no engine | a machine's filter can call engines",
        ],
    );
    check(
        "[packers.x]\nkind='time'\nwindow='2s'",
        &["`window` is longer than an event is held | raise `max_age` or lower `window`"],
    );
    check(
        "[packers.x]\nkind='time'\nstart='x'",
        &["`start` means nothing for the kind `time` | it belongs to `format`"],
    );
    check(
        "[packers.x]\nkind='time'\n[machine.m]\npackers=['xx']",
        &["there is no packer `xx` | did you mean `x`?"],
    );
    check("[machine.m]\npackers=['java']", &["there is no packer `java` | write `[packers.java]`"]);
    check("[packers.x]\nkind='time'\n[machine.m]\npackers=['x', 'x']", &["the packer `x` is named twice"]);
    check(
        "[machine.m]\npackers='x'",
        &["a string where a list of names belongs | put it between `[` and `]`"],
    );
    check(
        "[packers.x]\nkind='time'\n[[listener]]\nprotocol='tcp'\npackers=['x']",
        &[
            "`packers` has no place in `[[listener]]` | packers belong to a machine, where they delay no sender: \
           set `packers` in the `[machine.NAME]` that takes from this exchange",
        ],
    );
}

#[test]
fn a_file_that_is_not_text() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("x.toml");
    std::fs::write(&file, b"[log]\n# \xff\n").unwrap();
    let error = Config::load(Some(&file), None).unwrap_err().to_string();
    assert!(error.ends_with("x.toml` is not UTF-8 in line 2"), "{error}");
    std::fs::write(&file, vec![b'#'; MAX_FILE_BYTES as usize + 1]).unwrap();
    let error = Config::load(Some(&file), None).unwrap_err().to_string();
    assert!(error.ends_with("x.toml` is longer than 1048576 bytes"), "{error}");
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

#[test]
fn who_the_process_becomes() {
    let config = read("[process]\nuser='log_gr'\ngroup='adm'\npid_file='a.pid'");
    assert_eq!(
        (config.process.user.as_deref(), config.process.group.as_deref()),
        (Some("log_gr"), Some("adm"))
    );
    assert_eq!(config.process.pid_file.as_deref(), Some(Path::new("/data/a.pid")));
    assert_eq!(problems("[process]\nuser='-x'"), ["`-x` is not the name of a user or group"]);
    assert_eq!(problems("[process]\nuser='a:b'"), ["`a:b` is not the name of a user or group"]);
    assert_eq!(
        problems("[process]\ngroup='x'"),
        ["`group` is of no use without `user` | name the user as well"]
    );
}
