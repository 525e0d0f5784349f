//! The agent on a host, and a server: the network goes, both are killed, and every line arrives once.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{
    Cut, Daemon, JournalTool, Loggr, PROGRAM, Random, Setup, eventually, long, random_moment, stays_root,
    until,
};

/// An agent; it may be down.
struct Agent {
    directory: TempDir,
    daemon: Option<Daemon>,
}

impl Agent {
    /// `keys` are those of `[agent]` beside its destination; `DIR` in them is its directory.
    fn new(to: std::net::SocketAddr, keys: &str, more: &str) -> Agent {
        let directory = tempfile::tempdir().expect("a directory");
        let agent = Agent { directory, daemon: None };
        std::fs::create_dir(agent.at("journal")).expect("a directory");
        let text = format!(
            "[data]\ndirectory = {:?}\n\n[agent]\ndestinations = [\"relp://{to}\"]\n{keys}\n\n{more}\n",
            agent.at("data")
        );
        let text = text.replace("DIR", &agent.directory.path().display().to_string());
        std::fs::write(agent.at("agent.toml"), stays_root(text)).expect("the configuration");
        agent
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    #[track_caller]
    fn up(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.args(["run", "agent", "--config"]).arg(self.at("agent.toml"));
        command.env("NO_COLOR", "1").current_dir(self.directory.path());
        let card = self.at("data/run.json");
        std::fs::remove_file(&card).ok();
        let mut daemon = Daemon::start("loggr agent", command, &self.at("agent.log"));
        until("the agent runs", 60, || {
            assert!(daemon.runs(), "it ended: {}", daemon.log());
            card.exists()
        });
        self.daemon = Some(daemon);
    }

    fn kill9(&mut self) {
        self.daemon.take().expect("it runs").kill9();
    }

    /// Logs as programs do; one that finds nobody tries again.
    #[track_caller]
    fn log(&self, numbers: std::ops::Range<u64>) {
        let socket = UnixDatagram::unbound().expect("a socket");
        for n in numbers {
            let line = format!("<13>Dec  1 12:00:00 app[1]: line {n}");
            eventually("somebody hears it", 60, || socket.send_to(line.as_bytes(), self.at("log")).ok());
        }
    }
}

/// How often each `line N` is on the server.
fn numbers(server: &Loggr) -> BTreeMap<u64, u32> {
    let mut counted = BTreeMap::new();
    for line in server.lines() {
        let Some((_, rest)) = line.split_once("line ") else { continue };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        *counted.entry(digits.parse().expect("a number")).or_default() += 1;
    }
    counted
}

#[test]
fn every_line_arrives_once_though_the_network_goes_and_both_are_killed() {
    let Some(tool) = JournalTool::find() else { return };
    let mut server = Loggr::with(Setup { listener_keys: "trust = true".to_owned(), ..Setup::default() });
    let mut network = Cut::to(server.address("relp"));
    let mut agent = Agent::new(
        network.address(),
        "syslog = [\"DIR/log\"]",
        "[[listener]]\nprotocol = \"journal\"\ndirectories = [\"DIR/journal\"]",
    );
    let mut random = Random::new();
    let journal = agent.at("journal/system.journal");
    // Programs count from 0, the journal from a million.
    let (mut programs, mut entries) = (0, 1_000_000);
    for round in 0..if long() { 12 } else { 4 } {
        agent.up();
        agent.log(programs..programs + 500);
        programs += 500;
        tool.write(&journal, entries..entries + 500, &[]);
        entries += 500;
        match round % 4 {
            0 => network.cut(),
            1 => server.kill9(),
            2 => network.freeze(),
            _ => {}
        }
        agent.log(programs..programs + 500);
        programs += 500;
        random_moment(&mut random, 1000);
        // What a program has said is on the agent's disk when it is not in its socket any more.
        until("the agent has taken what was said", 60, || {
            let said = Command::new(PROGRAM)
                .args(["status", "--json", "--config"])
                .arg(agent.at("agent.toml"))
                .output();
            let status: serde_json::Value =
                serde_json::from_slice(&said.expect("it runs").stdout).unwrap_or_default();
            let listeners = status["listeners"].as_array().cloned().unwrap_or_default();
            let log = listeners.iter().find(|listener| listener["name"] == "log");
            log.is_some_and(|log| log["accepted"] == 1000)
        });
        agent.kill9();
        tool.write(&journal, entries..entries + 200, &[]);
        entries += 200;
        match round % 4 {
            0 => network.mend(),
            1 => server.up(),
            2 => network.thaw(),
            _ => {}
        }
    }
    agent.up();
    let all = programs + entries - 1_000_000;
    until("everything has arrived", 120, || numbers(&server).len() as u64 == all);
    let counted = numbers(&server);
    assert!(counted.keys().copied().eq((0..programs).chain(1_000_000..entries)));
    let twice: Vec<_> = counted.iter().filter(|(_, times)| **times != 1).collect();
    if let [(first, _), ..] = twice.as_slice() {
        let text = format!("line {first}");
        let lines: Vec<_> = server.lines().into_iter().filter(|line| line.ends_with(&text)).collect();
        panic!("{} lines more than once, such as {lines:?}", twice.len());
    }
    // What the kernel and the journal know has arrived with them.
    let me = std::process::id().to_string();
    let found = eventually("it is found", 60, || server.search(&format!("_PID:{me} \"line 7\"")).pop());
    assert_eq!(found["message"], "line 7", "{found}");
    let found =
        eventually("it is found", 60, || server.search("_SYSTEMD_UNIT:app.service \"line 1000007\"").pop());
    assert_eq!(found["message"], "line 1000007", "{found}");
    server.stop();
}

#[test]
fn an_agent_without_its_section_does_not_run() {
    let agent = Agent::new("127.0.0.1:1".parse().expect("an address"), "journal = true", "");
    std::fs::write(agent.at("agent.toml"), "[[listener]]\nprotocol = \"tcp\"\n").expect("the configuration");
    let said = Command::new(PROGRAM).args(["run", "agent", "--config"]).arg(agent.at("agent.toml")).output();
    let said = said.expect("it starts");
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{text}");
    assert!(
        text.contains("is not the configuration of an agent") && text.contains("hint: it has no section"),
        "{text}"
    );
}
