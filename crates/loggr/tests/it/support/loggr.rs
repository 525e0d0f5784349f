//! The real program on a directory of its own: start, kill, restart, ask, compare.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::ends;
use super::{Daemon, eventually, free_port, seq_of, stays_root, until};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_loggr");

/// One search answers at most so many events.
const MAX_ANSWER: usize = 10_000;
/// What listens on a port.
const ON_PORTS: [&str; 4] = ["tcp", "relp", "udp", "web"];
/// A `loggr run` that must fail may take so long to.
const FAILS_WITHIN_SECONDS: u64 = 120;
/// A process that is busy may be late for so long.
const LATE_SECONDS: u64 = 60;

/// What a test may want otherwise.
pub struct Setup {
    /// Where the files shipper writes; below the data directory unless said.
    pub output: Option<PathBuf>,
    /// Where the search store lies; below the data directory unless said.
    pub store: Option<PathBuf>,
    /// Where the bus lies; below the data directory unless said.
    pub bus: Option<PathBuf>,
    /// Lines of the configuration's `[bus]` table.
    pub bus_keys: String,
    /// URL of the broker that carries its events; none: the embedded bus.
    pub rabbitmq: Option<String>,
    /// Keys that every listener has.
    pub listener_keys: String,
    /// Keys of the listener `tcp`.
    pub tcp_keys: String,
    /// Filter of a machine between the listeners and the shippers; none: no machine.
    pub filter: Option<String>,
    /// Further keys of that machine, which is then there without a filter too.
    pub machine_keys: String,
    /// Further tables of the configuration.
    pub tables: String,
    /// Its worker threads.
    pub workers: usize,
    /// Format of the output file.
    pub format: String,
    /// Further sections of the configuration.
    pub more: String,
    /// Variables of its environment.
    pub environment: Vec<(&'static str, String)>,
    /// The store that the web address asks unless another is named.
    pub asked: &'static str,
    /// The address that the web address listens on, which a test always asks by loopback; none: loopback.
    pub listen: Option<String>,
    /// Soft and hard limit of its descriptors; none: as the test has them.
    pub descriptors: Option<(u32, u32)>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            output: None,
            store: None,
            bus: None,
            bus_keys: String::new(),
            rabbitmq: None,
            listener_keys: String::new(),
            tcp_keys: String::new(),
            filter: None,
            machine_keys: String::new(),
            tables: String::new(),
            workers: 1,
            // The uid first: a line that stands twice is either resent or a mistake of ours.
            format: "$UUID $SOURCE $APP_NAME $PROCID $FACILITY $SEVERITY $MESSAGE".to_owned(),
            more: String::new(),
            environment: Vec::new(),
            asked: "search",
            listen: None,
            descriptors: None,
        }
    }
}

/// A program on its directory; it may be down.
pub struct Loggr {
    setup: Setup,
    /// Ends before its directory goes: a failing test shows its log.
    daemon: Option<Daemon>,
    directory: TempDir,
    /// Listener's name to its address, the same in every life.
    addresses: BTreeMap<String, String>,
}

impl Loggr {
    /// Starts it with one listener of each kind, the files shipper and the search shipper.
    #[track_caller]
    pub fn start() -> Loggr {
        Loggr::with(Setup::default())
    }

    /// The same, otherwise.
    #[track_caller]
    pub fn with(setup: Setup) -> Loggr {
        let mut loggr = Loggr::new(setup);
        loggr.up();
        loggr
    }

    /// The same, not started: for the parts that a test starts one by one.
    #[track_caller]
    pub fn down(setup: Setup) -> Loggr {
        let loggr = Loggr::new(setup);
        loggr.write_files();
        loggr
    }

    #[track_caller]
    fn new(setup: Setup) -> Loggr {
        let directory = tempfile::tempdir().expect("a directory");
        // Chosen here: one that the kernel chose may be somebody else's when it comes back.
        let address = |name: &str| (name.to_owned(), format!("127.0.0.1:{}", free_port()));
        Loggr { setup, directory, daemon: None, addresses: ON_PORTS.map(address).into() }
    }

    /// Starts one part of it in a process of its own, such as `ship files`, and waits for its
    /// card.
    #[track_caller]
    pub fn part(&mut self, words: &str) -> Daemon {
        let id = words.replace(' ', "-");
        let mut command = Command::new(PROGRAM);
        command.arg("run").args(words.split(' ')).arg("--config").arg(self.config());
        command.current_dir(self.directory.path()).env("NO_COLOR", "1").env_remove("RUST_BACKTRACE");
        command.envs(self.setup.environment.iter().cloned());
        let log = self.directory.path().join(format!("{id}.log"));
        let mut daemon = Daemon::start(&format!("loggr {words}"), command, &log);
        let card = self.data().join(format!("run/{id}.json"));
        let run = ready(&mut daemon, &card);
        self.remember(&run);
        daemon
    }

    /// Other further sections of the configuration, from the next start on.
    pub fn change(&mut self, more: String) {
        self.setup.more = more;
    }

    /// Starts it again, on the addresses that it had.
    #[track_caller]
    pub fn up(&mut self) {
        self.launch();
        let daemon = self.daemon.as_mut().expect("just started");
        let run = ready(daemon, &self.directory.path().join("data/run.json"));
        self.remember(&run);
    }

    /// Where a process says that it listens.
    fn remember(&mut self, run: &Value) {
        for listener in run["listeners"].as_array().expect("listeners") {
            let text = |key: &str| listener[key].as_str().unwrap_or_default().to_owned();
            self.addresses.insert(text("name"), text("address"));
        }
        if !run["web"].is_null() {
            self.addresses.insert("web".to_owned(), web_address(&run["web"]).replace("0.0.0.0", "127.0.0.1"));
        }
    }

    /// Starts the process without waiting for it to be ready.
    pub fn launch(&mut self) {
        assert!(self.daemon.is_none(), "it runs already");
        self.write_files();
        let mut command = match self.setup.descriptors {
            None => Command::new(PROGRAM),
            Some((soft, hard)) => {
                let mut shell = Command::new("sh");
                let limits = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
                shell.args(["-c", &limits, PROGRAM]);
                shell
            }
        };
        command.arg("run").arg("--config").arg(self.config()).current_dir(self.directory.path());
        command.env("NO_COLOR", "1").env_remove("RUST_BACKTRACE");
        command.envs(self.setup.environment.iter().cloned());
        self.daemon = Some(Daemon::start("loggr", command, &self.directory.path().join("loggr.log")));
    }

    fn write_files(&self) {
        std::fs::write(self.config(), stays_root(self.config_text())).expect("the configuration");
        if let Some(filter) = &self.setup.filter
            && !self.filter_file().exists()
        {
            self.write_filter(filter);
        }
    }

    fn config_text(&self) -> String {
        let data = self.data();
        let output = self.output_directory();
        let store = self.setup.store.clone().unwrap_or_else(|| data.join("search"));
        let bus = self.setup.bus.clone().unwrap_or_else(|| data.join("bus"));
        let place = match &self.setup.rabbitmq {
            None => format!("directory = {bus:?}"),
            Some(url) => format!("kind = \"rabbitmq\"\nurls = [{url:?}]"),
        };
        let mut text = format!(
            "[data]\ndirectory = {data:?}\n\n[bus]\n{place}\n{}\n\n[log]\nlevel = \"info\"\n",
            self.setup.bus_keys
        );
        for (name, protocol) in [
            ("tcp", "tcp"),
            ("relp", "relp"),
            ("udp", "udp"),
            ("dgram", "unix-dgram"),
            ("stream", "unix-stream"),
        ] {
            let listen = match protocol.starts_with("unix") {
                true => self.socket(name).display().to_string(),
                false => self.addresses[name].clone(),
            };
            text.push_str(&format!(
                "\n[[listener]]\nname = {name:?}\nprotocol = {protocol:?}\nlisten = [{listen:?}]\nexchange = \"received\"\n{}\n{}\n",
                self.setup.listener_keys,
                if name == "tcp" { &self.setup.tcp_keys } else { "" }
            ));
        }
        let filter = self.setup.filter.is_some();
        let machine = filter || !self.setup.machine_keys.is_empty();
        let exchange = if machine { "events" } else { "received" };
        if machine {
            text.push_str(&format!(
                "\n[machine.main]\nfilter = {:?}\nworkers = {}\n{}\n",
                if filter { "main" } else { "" },
                self.setup.workers,
                self.setup.machine_keys
            ));
        }
        text.push_str(&self.setup.tables);
        let web = match &self.setup.listen {
            None => self.addresses["web"].clone(),
            Some(host) => self.addresses["web"].replace("127.0.0.1", host),
        };
        text.push_str(&format!(
            "\n[ship.files]\nkind = \"files\"\nexchange = {exchange:?}\ndirectory = {output:?}\npath = \"all.log\"\n\
             format = {:?}\n\n[ship.search]\nkind = \"search\"\nexchange = {exchange:?}\ndirectory = {store:?}\n\n\
             [web]\nlisten = {web:?}\nstore = {:?}\n\n{}",
            self.setup.format, self.setup.asked, self.setup.more
        ));
        text
    }

    /// The file of the machine's filter.
    pub fn filter_file(&self) -> PathBuf {
        self.directory.path().join("filters/main.filter")
    }

    /// Changes the filter of the machine, at once: half of one is never seen.
    pub fn write_filter(&self, text: &str) {
        self.write_filter_named("main", text);
    }

    /// A filter beside it.
    pub fn write_filter_named(&self, name: &str, text: &str) {
        let file = self.filter_file().with_file_name(format!("{name}.filter"));
        std::fs::create_dir_all(file.parent().expect("it has one")).expect("the directory of filters");
        let fresh = file.with_extension("new");
        std::fs::write(&fresh, text).expect("the filter");
        std::fs::rename(&fresh, file).expect("the filter");
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("loggr.toml")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Where the output file lies.
    pub fn output_directory(&self) -> PathBuf {
        self.setup.output.clone().unwrap_or_else(|| self.directory.path().join("output"))
    }

    /// The process.
    pub fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("loggr runs")
    }

    /// Everything that it logged, over all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("loggr.log")).unwrap_or_default()
    }

    /// Where a listener on TCP or UDP listens: `tcp`, `relp`, `udp`, `web`.
    #[track_caller]
    pub fn address(&self, name: &str) -> SocketAddr {
        let address = self.addresses.get(name).unwrap_or_else(|| panic!("no listener `{name}`"));
        address.parse().unwrap_or_else(|_| panic!("`{address}` is no address"))
    }

    /// The socket of `dgram` or `stream`.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// As power loss would end it.
    pub fn kill9(&mut self) {
        let mut daemon = self.daemon.take().expect("loggr runs");
        daemon.kill9();
    }

    /// Stops it in order.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut daemon = self.daemon.take().expect("loggr runs");
        let status = daemon.stop(60);
        assert!(status.success(), "loggr ended with {status}: {}", daemon.log());
        let output = self.output();
        let whole = output.is_empty() || output.ends_with(b"\n");
        // Who is told to hurry may leave a line to the next life, which mends it.
        let hurried = || daemon.log().contains("the time for an orderly stop");
        assert!(whole || hurried(), "the output file ends in the middle of a line");
    }

    /// Runs a subcommand on this configuration. A `run` is one that must fail: it has to end by
    /// itself.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--config").arg(self.config()).env("NO_COLOR", "1");
        command.current_dir(self.directory.path());
        match arguments.first() {
            Some(&"run") => ends(&format!("loggr {}", arguments.join(" ")), command, FAILS_WITHIN_SECONDS),
            _ => command.output().expect("loggr starts"),
        }
    }

    /// The standard output of a subcommand that has to go well.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "loggr {arguments:?}: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// `loggr status --json`, once no process is late: of one that is, the numbers are missing.
    #[track_caller]
    pub fn status(&self) -> Value {
        eventually("no process is late", LATE_SECONDS, || {
            let status = self.status_now();
            let processes = status["processes"].as_array().expect("processes");
            processes.iter().all(|p| p["state"] != "late").then_some(status)
        })
    }

    /// The same as it is now, for who looks at the processes themselves.
    #[track_caller]
    pub fn status_now(&self) -> Value {
        serde_json::from_str(&self.status_text(&["--json"])).expect("the status is JSON")
    }

    /// What `loggr status` prints, whether all is well or not.
    #[track_caller]
    pub fn status_text(&self, arguments: &[&str]) -> String {
        let output = self.command(&[&["status"], arguments].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "loggr status {arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The events that a query finds; fewer than one question may answer.
    #[track_caller]
    pub fn search(&self, query: &str) -> Vec<Value> {
        let events: Vec<Value> = self
            .ask(&["search", "--format", "json", "--limit", &MAX_ANSWER.to_string(), query])
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect();
        assert!(events.len() < MAX_ANSWER, "more events than one question answers: ask with `messages`");
        events
    }

    /// The messages of all numbered lines, however many: asked host by host and MSGID by
    /// MSGID, and compared with the count.
    #[track_caller]
    pub fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        for (host, id) in (0..20).flat_map(|host| (0..7).map(move |id| (host, id))) {
            let events = self.search(&format!("host:web{host:02} msgid:ID{id}"));
            messages.extend(events.into_iter().map(|e| e["message"].as_str().expect("text").to_owned()));
        }
        let count = self.ask(&["count", ""]);
        assert_eq!(count.trim(), messages.len().to_string(), "what is counted and what is found differ");
        messages
    }

    /// The output file's lines. One that is being written is none yet.
    pub fn lines(&self) -> Vec<String> {
        let mut bytes = self.output();
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(end);
        String::from_utf8(bytes).expect("UTF-8").lines().map(str::to_owned).collect()
    }

    /// The bytes of the output file.
    fn output(&self) -> Vec<u8> {
        std::fs::read(self.output_directory().join("all.log")).unwrap_or_default()
    }

    /// What the web address answers.
    #[track_caller]
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address("web")).expect("the web address accepts");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(" 200 "), "{head}");
        body.to_owned()
    }

    /// Waits until nothing waits in any queue.
    #[track_caller]
    pub fn drained(&self, seconds: u64) {
        until("every queue is empty", seconds, || self.status()["totals"]["waiting"] == 0);
    }

    /// Waits until each queue has received so many events, and they are stored.
    #[track_caller]
    pub fn stored(&self, events: u64, seconds: u64) {
        let mut last = Value::Null;
        let done = || {
            last = self.status()["queues"].clone();
            let queues = last.as_array().expect("queues");
            queues.iter().all(|q| q["stored"].as_u64() >= Some(events) && q["waiting"] == 0)
        };
        until(&format!("{events} events are stored"), seconds, done);
    }

    /// `received = stored + waiting + rescued + dropped + damaged`, in each queue.
    #[track_caller]
    pub fn assert_balanced(&self) {
        let status = self.status();
        let queues = status["queues"].as_array().expect("queues");
        assert!(!queues.is_empty(), "no queue in {status:#}");
        for queue in queues {
            let number = |key: &str| queue[key].as_u64().unwrap_or_else(|| panic!("no `{key}` in {queue}"));
            let kept = number("stored") + number("waiting") + number("rescued") + number("dropped");
            let sum = kept + number("damaged");
            assert_eq!(number("received"), sum, "the numbers of a queue do not add up: {queue}");
        }
    }
}

/// Waits until a process has written its card, and reads it.
#[track_caller]
fn ready(daemon: &mut Daemon, card: &Path) -> Value {
    let pid = u64::from(daemon.pid());
    eventually("loggr says that it runs", 60, || {
        assert!(daemon.runs(), "loggr ended at its start: {}", daemon.log());
        let run: Value = serde_json::from_slice(&std::fs::read(card).ok()?).ok()?;
        (run["pid"].as_u64() == Some(pid)).then_some(run)
    })
}

/// How often each numbered line is there.
pub fn count_seqs<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    for text in texts {
        let seq = seq_of(text).unwrap_or_else(|| panic!("a line without its number: {text}"));
        *counts.entry(seq).or_default() += 1;
    }
    counts
}

/// `web` is a text or a list of them, with or without `http://`.
fn web_address(value: &Value) -> String {
    let text = value.as_str().or_else(|| value.as_array()?.first()?.as_str()).unwrap_or_default();
    text.trim_start_matches("http://").trim_end_matches('/').to_owned()
}
