//! An installation of many processes under load, while everything in it is killed in turn.
//!
//! RELP senders → server → RabbitMQ → two machines → PostgreSQL and files, Redis as the registry.
//! Whatever dies, what was acknowledged arrives; in PostgreSQL no event stands twice, and a line
//! stands twice only where its sender resent it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::crash::compare;
use crate::support::{
    Broker, Daemon, Database, PROGRAM, Random, Redis, RelpSender, Sent, SmallDisk, count_seqs, free_port,
    long, numbered_line, own_postgres, random_moment, say, stays_root, until,
};

/// Listeners, each with a machine of its own.
const WAYS: [&str; 2] = ["odd", "even"];
/// Connections to each listener, with a window of 128 frames.
const CONNECTIONS: u64 = 2;
/// Between two blows at least so many lines are acknowledged, and at most twice as many.
const LINES_BETWEEN: u64 = 1000;
/// A blow comes at most so long after that.
const AT_MOST_LATER_MS: u64 = 200;
/// The processes, each alone. The server has the spool, and moves what is in it.
const PARTS: [&str; 5] = ["server", "machine odd", "machine even", "ship db", "ship archive"];
/// What must survive on the broker.
const QUEUES: [&str; 4] = ["machine.odd", "machine.even", "db", "archive"];
/// The load stands still after so many seconds without enough answers, and the status says why.
const STANDSTILL: u64 = 120;
/// A sender waits longer for an answer, in seconds.
const PATIENCE: u64 = STANDSTILL + 60;
/// Answers stop for so many looks (up to 200 ms apart): the senders are held up.
const STALLED_LOOKS: u32 = 10;

/// What happens to the installation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Blow {
    /// `kill -9` of the part of this number.
    Part(usize),
    /// `kill -9` of RabbitMQ; it is away for a while.
    Broker,
    /// `kill -9` of PostgreSQL; it is away for a while.
    Database,
    /// `kill -9` of Redis; it is away for a while.
    Registry,
    /// RabbitMQ is away and the disk of the spool is full.
    Spool,
}

#[test]
fn nothing_acknowledged_is_lost_whatever_dies() {
    let Some(mut installation) = Installation::start() else { return };
    let rounds = if long() { 10 } else { 1 };
    let mut random = Random::new();
    let [odd_address, even_address] = installation.addresses;
    let odd = RelpSender::of(odd_address, CONNECTIONS, |n| numbered_line(2 * n + 1)).patient(PATIENCE);
    let even = RelpSender::of(even_address, CONNECTIONS, |n| numbered_line(2 * n)).patient(PATIENCE);
    let acked = || odd.acked() + even.acked();
    let mut evens = BTreeMap::new();
    let mut torment = || {
        for round in 1..=rounds {
            let mut blows: Vec<Blow> = (0..PARTS.len()).map(Blow::Part).collect();
            blows.extend([Blow::Broker, Blow::Database, Blow::Registry, Blow::Spool]);
            while !blows.is_empty() {
                let blow = blows.swap_remove(random.below(blows.len() as u64) as usize);
                installation.advance(&acked, LINES_BETWEEN + random.below(LINES_BETWEEN));
                random_moment(&mut random, AT_MOST_LATER_MS);
                installation.suffer(blow, &acked);
            }
            say(&format!("round {round} of {rounds}: {} lines acknowledged", acked()));
        }
    };
    let odds = odd.during(|_| evens = even.during(|_| torment()));
    let numbered = |all: BTreeMap<u64, Sent>, odd: u64| all.into_iter().map(move |(n, s)| (2 * n + odd, s));
    let sent: BTreeMap<u64, Sent> = numbered(odds, 1).chain(numbered(evens, 0)).collect();
    installation.settle(&sent);
    let resent = sent.values().filter(|s| s.times > 1).count();
    let rows = installation.rows();
    let places = [("database", count_seqs(rows.iter().map(String::as_str))), ("file", installation.lines())];
    for (place, found) in &places {
        let twice = compare(place, &sent, found);
        say(&format!(
            "{rounds} rounds, {} lines acknowledged, {resent} resent; in the {place}: 0 missing, {twice} twice",
            sent.len()
        ));
    }
    let doubles = installation.database.sql("SELECT count(*) - count(DISTINCT uid) FROM events");
    assert_eq!(doubles, "0", "uids stand twice in PostgreSQL");
    installation.stop();
}

/// Everything, running.
struct Installation {
    // The processes end before what they talk to.
    parts: Vec<Option<Daemon>>,
    addresses: [SocketAddr; 2],
    database: Database,
    broker: Broker,
    vhost: String,
    url: String,
    redis: Redis,
    spool: SmallDisk,
    directory: TempDir,
}

impl Installation {
    /// `None`, with a word about it, where something is not here.
    #[track_caller]
    fn start() -> Option<Installation> {
        let (broker, database) = (Broker::own(&[])?, own_postgres()?);
        let (redis, spool) = (Redis::start()?, SmallDisk::mount("64m")?);
        let directory = tempfile::tempdir().expect("a directory");
        let addresses = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let parts = PARTS.map(|_| None).into();
        let vhost = broker.vhost();
        let (url, vhost) = (vhost.url(), vhost.name.clone());
        let mut installation =
            Installation { parts, addresses, database, broker, vhost, url, redis, spool, directory };
        installation.configure();
        installation.ask(&["init", "rabbitmq"]);
        installation.ask(&["init", "postgres", "--no-roles"]);
        for queue in QUEUES {
            installation.broker.keeps(&installation.vhost, queue);
        }
        for part in 0..PARTS.len() {
            installation.launch(part);
        }
        installation.ready();
        Some(installation)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn configure(&self) {
        let (data, output) = (self.path("data"), self.path("output"));
        let mut text = format!(
            "[data]\ndirectory = {data:?}\n[bus]\nkind = \"rabbitmq\"\nurls = [{:?}]\n\
             [spool]\ndirectory = {:?}\nmax_size = \"48MiB\"\n\
             [registry]\nkind = \"redis\"\nurl = {:?}\n\
             [ship.db]\nkind = \"postgres\"\nexchange = \"events\"\nurl = {:?}\ntable = \"events\"\n\
             [ship.archive]\nkind = \"files\"\nexchange = \"events\"\ndirectory = {output:?}\npath = \"all.log\"\n\
             format = \"$UUID $MESSAGE\"\n[web]\nlisten = \"127.0.0.1:0\"\n",
            self.url,
            self.spool.path().join("spool"),
            self.redis.url(),
            self.database.url(),
        );
        for (way, address) in WAYS.iter().zip(self.addresses) {
            text.push_str(&format!(
                "[[listener]]\nname = {way:?}\nprotocol = \"relp\"\nlisten = [\"{address}\"]\nexchange = \"received\"\n\
                 [machine.{way}]\nexchange = \"received\"\nbinding = \"syslog.{way}\"\nfilter = \"main\"\n\
                 destination = \"events\"\n"
            ));
        }
        std::fs::create_dir_all(self.path("filters")).expect("a directory");
        let filter = "if grok(\"seq=%{INT:seq} %{WORD:what}\") { tags += \"seen\" }\n";
        std::fs::write(self.path("filters/main.filter"), filter).expect("the filter");
        std::fs::write(self.path("loggr.toml"), stays_root(text)).expect("the configuration");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--config").arg(self.path("loggr.toml"));
        command.current_dir(self.directory.path()).env("NO_COLOR", "1").env_remove("RUST_BACKTRACE");
        command
    }

    #[track_caller]
    fn ask(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("loggr starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "loggr {words:?}: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    #[track_caller]
    fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.status_text(&["--json"])).expect("JSON")
    }

    /// What `loggr status` prints, whether all is well or not.
    #[track_caller]
    fn status_text(&self, words: &[&str]) -> String {
        let output = self.command(&[&["status"], words].concat()).output().expect("loggr starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "loggr status {words:?}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Starts a part; it may find its neighbours away.
    fn launch(&mut self, part: usize) {
        let words: Vec<&str> = std::iter::once("run").chain(PARTS[part].split(' ')).collect();
        let log = self.path(&format!("{}.log", PARTS[part].replace(' ', "-")));
        let daemon = Daemon::start(&format!("loggr {}", PARTS[part]), self.command(&words), &log);
        self.parts[part] = Some(daemon);
    }

    #[track_caller]
    fn ready(&mut self) {
        for (part, words) in PARTS.iter().enumerate() {
            let card = self.path("data/run").join(format!("{}.json", words.replace(' ', "-")));
            let daemon = self.parts[part].as_mut().expect("it was started");
            until(&format!("{words} is ready"), 60, || {
                assert!(daemon.runs(), "{words} ended: {}", daemon.log());
                card.exists()
            });
        }
    }

    /// Waits until so many more lines are acknowledged.
    #[track_caller]
    fn advance(&self, acked: &impl Fn() -> u64, lines: u64) {
        let (goal, begun) = (acked() + lines, Instant::now());
        until("the load goes on", STANDSTILL + 30, || {
            let patient = begun.elapsed() < Duration::from_secs(STANDSTILL);
            assert!(patient, "the load stands still:\n{}", self.status_text(&[]));
            acked() >= goal
        });
    }

    /// Waits until the spool is empty. What an earlier blow left there may fill it up to its own
    /// limit on a slow machine, and then nothing but the broker helps the senders.
    #[track_caller]
    fn empties(&self) {
        until("the spool is empty", 300, || {
            let status = self.status();
            let brokers = status["brokers"].as_array().expect("brokers");
            // Of a process that is late nothing is known.
            let mut spools = brokers.iter().filter(|b| b["spool_max_bytes"].as_u64() > Some(0)).peekable();
            spools.peek().is_some() && spools.all(|b| b["spooling"] == false && b["spool_waiting"] == 0)
        });
    }

    /// One blow, and what was killed is started again.
    fn suffer(&mut self, blow: Blow, acked: &impl Fn() -> u64) {
        match blow {
            Blow::Part(part) => {
                self.parts[part].as_mut().expect("it runs").kill9();
                self.launch(part);
            }
            Blow::Broker => {
                self.empties();
                self.broker.kill9();
                // The spool takes what comes; the senders notice nothing.
                self.advance(acked, LINES_BETWEEN);
                self.broker.up();
            }
            Blow::Database => {
                self.database.server.kill9();
                self.advance(acked, LINES_BETWEEN);
                self.database.server.up();
            }
            Blow::Registry => {
                self.redis.kill9();
                self.advance(acked, LINES_BETWEEN);
                self.redis.up();
            }
            Blow::Spool => {
                self.empties();
                self.broker.kill9();
                self.spool.fill("ballast");
                let mut last = (u64::MAX, 0);
                until("a full spool holds up the senders", 120, || {
                    last = (acked(), if acked() == last.0 { last.1 + 1 } else { 0 });
                    last.1 > STALLED_LOOKS
                });
                std::fs::remove_file(self.spool.path().join("ballast")).expect("the ballast");
                self.advance(acked, LINES_BETWEEN);
                self.broker.up();
            }
        }
        for (part, words) in PARTS.iter().enumerate() {
            let daemon = self.parts[part].as_mut().expect("it was started");
            assert!(daemon.runs(), "{words} ended by itself after {blow:?}: {}", daemon.log());
        }
    }

    /// Waits until every acknowledged line has come everywhere, and nothing is under way.
    fn settle(&self, sent: &BTreeMap<u64, Sent>) {
        let acked: Vec<u64> = sent.iter().filter(|(_, s)| s.acked).map(|(n, _)| *n).collect();
        let enough = |rows: String| rows.parse::<usize>().is_ok_and(|n| n >= acked.len());
        let all_in = |found: &BTreeMap<u64, u32>| acked.iter().all(|n| found.contains_key(n));
        until("PostgreSQL has as many rows as lines were acknowledged", 300, || {
            self.database.try_sql("SELECT count(*) FROM events").is_some_and(&enough)
        });
        // Some may stand there twice, and others are still to come.
        until("PostgreSQL has every acknowledged line", 300, || {
            all_in(&count_seqs(self.rows().iter().map(String::as_str)))
        });
        until("nothing waits anywhere", 300, || {
            let status = self.status();
            // Of one that is late the numbers are missing.
            let processes = status["processes"].as_array().expect("processes");
            status["totals"]["waiting"] == 0 && processes.iter().all(|p| p["state"] != "late")
        });
        until("the file has every acknowledged line", 60, || all_in(&self.lines()));
    }

    fn rows(&self) -> Vec<String> {
        self.database.sql("SELECT message FROM events").lines().map(str::to_owned).collect()
    }

    fn lines(&self) -> BTreeMap<u64, u32> {
        let text = std::fs::read_to_string(self.path("output/all.log")).unwrap_or_default();
        // What has no end yet is being written.
        count_seqs(text.split_inclusive('\n').filter(|line| line.ends_with('\n')))
    }

    fn stop(mut self) {
        for (part, words) in PARTS.iter().enumerate() {
            let status = self.parts[part].as_mut().expect("it runs").stop(60);
            assert!(status.success(), "{words} ended with {status}");
        }
    }
}
