//! What a reader of README and guide gets: each configuration of rsyslog that they show, run by
//! the real rsyslogd, between every kind of sender and every filter of `examples/filters`.
//!
//! The lines are taken from the documents, so the two cannot differ. An event has to come out of
//! a filter as if it had been given to the filter alone: program, process, text, fields, tags.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Daemon, PROGRAM, Rsyslog, eventually, free_port, stays_root, until};

/// How the rsyslogd of these tests is called; what it hears locally is from this host.
const RELAY: &str = "relay1";
/// What has to come through as it was. `timereported` is not here: a local sender's stamp is
/// rsyslog's own, and one of RFC 3164 has no year.
const COMPARED: [&str; 8] =
    ["source", "app_name", "procid", "message", "severity", "facility", "fields", "tags"];
/// Messages that no filter looks for, and that relays are known to change.
const ODD: [&str; 7] = [
    "<13>Mar  1 12:00:00 web1 app[7]: plain",
    "<13>Mar  1 12:00:00 web1 app: no process",
    "<13>Mar  1 12:00:00 web1 a/path[7]: a program with a slash",
    "<13>Mar  1 12:00:00 web1 a-program-whose-name-is-longer-than-thirty-two[7]: cut by no template",
    "<13>Mar  1 12:00:00 web1 app[7]:   three blanks",
    "<13>Mar  1 12:00:00 web1 a.b-c_d[4711]: a \"quote\", a \\ and 100 %",
    "<13>Mar  1 12:00:00 web1 (snap)[7]: parentheses",
];

/// Who speaks to rsyslog.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sender {
    /// A program on the same host, through what stands for `/dev/log`.
    Local,
    /// Another host with RFC 3164.
    Rfc3164,
    /// Another host with RFC 5424.
    Rfc5424,
}

/// An event of the tests, as its sender knows it.
struct Sample {
    priority: u64,
    host: String,
    program: String,
    process: Option<String>,
    text: String,
}

impl Sample {
    /// The line of a sender.
    fn line(&self, sender: Sender) -> String {
        let Sample { priority, host, program, text, .. } = self;
        let process = self.process.as_deref();
        let tag = process.map_or(program.clone(), |process| format!("{program}[{process}]"));
        match sender {
            Sender::Local => format!("<{priority}>Mar  1 12:00:00 {tag}: {text}"),
            Sender::Rfc3164 => format!("<{priority}>Mar  1 12:00:00 {host} {tag}: {text}"),
            Sender::Rfc5424 => {
                let process = process.unwrap_or("-");
                format!("<{priority}>1 2026-03-01T12:00:00Z {host} {program} {process} - - {text}")
            }
        }
    }

    /// What loggr has to see in the end, as a line that nothing stood between.
    fn straight(&self, sender: Sender) -> String {
        let host = if sender == Sender::Local { RELAY } else { &self.host };
        let process = self.process.as_deref().unwrap_or("-");
        let Sample { priority, program, text, .. } = self;
        // One blank in front of the text is no part of it.
        let text = match sender {
            Sender::Rfc5424 => text.strip_prefix(' ').unwrap_or(text),
            _ => text,
        };
        let kept = if text.starts_with(' ') { " " } else { "" };
        format!("<{priority}>1 2026-03-01T12:00:00Z {host} {program} {process} - - {kept}{text}")
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// README and the guide, each with its name.
pub fn documents() -> Vec<(String, String)> {
    let mut paths = vec![repository().join("README.md")];
    let guide = std::fs::read_dir(repository().join("docs/guide")).expect("the guide");
    paths.extend(guide.map(|entry| entry.expect("a file").path()));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a document");
        (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// The fenced blocks of a document that configure rsyslog.
pub fn blocks(text: &str) -> Vec<String> {
    let fenced = text.split("```").skip(1).step_by(2);
    let body = |block: &str| block.split_once('\n').map(|(_, body)| body.to_owned());
    fenced.filter_map(body).filter(|body| body.contains("action(")).collect()
}

/// What stands between the quotes behind `key=` in a statement.
fn parameter<'t>(statement: &'t str, key: &str) -> Option<&'t str> {
    statement.split_once(&format!("{key}=\""))?.1.split('"').next()
}

/// A program on a directory of its own, with one listener for each action of rsyslog and one
/// machine for each filter, which writes what is left to a file.
struct Receiver {
    daemon: Daemon,
    directory: tempfile::TempDir,
}

impl Receiver {
    fn start(listeners: &[(String, &str, u16)], filters: &[String]) -> Receiver {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        let mut text = format!(
            "[data]\ndirectory = {:?}\n[web]\nenabled = false\n[ship.search]\nenabled = false\n",
            at.join("data")
        );
        for (name, protocol, port) in listeners {
            text.push_str(&format!(
                "[[listener]]\nname = {name:?}\nprotocol = {protocol:?}\nlisten = \"127.0.0.1:{port}\"\n"
            ));
        }
        std::fs::create_dir(at.join("filters")).expect("the directory of filters");
        for filter in filters {
            let from = repository().join(format!("examples/filters/{filter}.filter"));
            std::fs::copy(from, at.join(format!("filters/{filter}.filter"))).expect("a filter");
            text.push_str(&format!(
                "[machine.{filter}]\nfilter = {filter:?}\ndestination = \"{filter}\"\n\
                 [ship.{filter}]\nkind = \"files\"\nexchange = {filter:?}\ndirectory = {:?}\n\
                 path = \"{filter}.json\"\nformat = \"JSON\"\n",
                at.join("out")
            ));
        }
        let config = at.join("loggr.toml");
        std::fs::write(&config, stays_root(text)).expect("the configuration");
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(&config).current_dir(at).env("NO_COLOR", "1");
        let mut daemon = Daemon::start("loggr", command, &at.join("loggr.log"));
        until("loggr runs", 60, || {
            assert!(daemon.runs(), "loggr ended at its start: {}", daemon.log());
            at.join("data/run.json").exists()
        });
        Receiver { daemon, directory }
    }

    /// What a filter has let through of what a listener received, in order.
    fn events(&self, filter: &str, listener: &str) -> Vec<Value> {
        let file = self.directory.path().join(format!("out/{filter}.json"));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        let events = whole.lines().map(|line| serde_json::from_str(line).expect("an event"));
        events.filter(|event: &Value| event["origin"]["listener"] == listener).collect()
    }
}

/// Names of the example filters, and all their samples.
fn examples() -> (Vec<String>, Vec<Sample>) {
    let mut filters = Vec::new();
    let mut lines: Vec<String> = ODD.map(str::to_owned).to_vec();
    let directory = repository().join("examples/filters");
    for entry in std::fs::read_dir(&directory).expect("the examples") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|e| e == "filter") {
            filters.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    filters.sort();
    for filter in &filters {
        let tests = std::fs::read_to_string(directory.join(format!("{filter}.tests"))).expect("its tests");
        // A line without a priority is a program's output, and no relay's.
        lines.extend(
            tests
                .lines()
                .filter_map(|l| l.strip_prefix("< "))
                .filter(|l| l.starts_with('<'))
                .map(str::to_owned),
        );
    }
    let parsed = through(&["parse"], &lines);
    assert_eq!(parsed.len(), lines.len(), "every sample is an event");
    let samples = lines.iter().zip(&parsed).map(|(line, event)| {
        let word = |key: &str| event[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Sample {
            priority: line[1..].split('>').next().and_then(|n| n.parse().ok()).expect("a priority"),
            host: word("source").expect("a host"),
            program: word("app_name").expect("a program"),
            process: word("procid"),
            text: word("message").expect("a text"),
        }
    });
    (filters, samples.collect())
}

/// The events that a subcommand prints for these lines.
#[track_caller]
fn through(arguments: &[&str], lines: &[String]) -> Vec<Value> {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("loggr starts");
    let mut input = child.stdin.take().expect("a pipe");
    let text = lines.join("\n");
    let feeding = std::thread::spawn(move || std::io::Write::write_all(&mut input, text.as_bytes()));
    let output = child.wait_with_output().expect("loggr ends");
    feeding.join().expect("the lines are written").expect("loggr reads");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "loggr {arguments:?}: {errors}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

/// Of an event what has to come through.
fn compared(event: &Value) -> Value {
    let empty = |value: &Value| value.is_null() || *value == json!([]) || *value == json!({}) || *value == "";
    let parts = COMPARED.iter().filter(|key| !empty(&event[**key]));
    parts.map(|key| ((*key).to_owned(), event[*key].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// Sends every sample in every sender's way through this configuration of rsyslog.
#[track_caller]
fn check(document: &str, block: &str) {
    let (filters, samples) = examples();
    let mut listeners: Vec<(String, &str, u16)> = Vec::new();
    let mut config = String::new();
    for (number, statement) in block.split("action(").enumerate() {
        if number == 0 {
            config.push_str(statement);
            continue;
        }
        let protocol = match (parameter(statement, "type"), parameter(statement, "protocol")) {
            (Some("omrelp"), _) => "relp",
            (Some("omfwd"), Some("tcp")) => "tcp",
            (Some("omfwd"), _) => "udp",
            other => panic!("{document} shows an action that this test does not know: {other:?}"),
        };
        let port = free_port();
        let written = parameter(statement, "port").expect("an action names its port");
        let here = statement.replace(&format!("port=\"{written}\""), &format!("port=\"{port}\""));
        assert_eq!(parameter(statement, "target"), Some("127.0.0.1"), "{document}: {statement}");
        config.push_str(&format!("action({here}"));
        listeners.push((format!("{protocol}{number}"), protocol, port));
    }
    let receiver = Receiver::start(&listeners, &filters);
    let socket = receiver.directory.path().join("dev-log");
    let modules = format!(
        "global(localHostname=\"{RELAY}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket={socket:?})"
    );
    let Some(rsyslog) = Rsyslog::start(&modules, &config) else { return };
    let expected = |filter: &String, upto: &[Sender]| -> Vec<Value> {
        let lines = upto.iter().flat_map(|sender| samples.iter().map(|s| s.straight(*sender)));
        let file = repository().join(format!("examples/filters/{filter}.filter")).display().to_string();
        through(&["filter", &file], &lines.collect::<Vec<_>>()).iter().map(compared).collect()
    };
    let senders = [Sender::Local, Sender::Rfc3164, Sender::Rfc5424];
    for (at, sender) in senders.iter().enumerate() {
        let lines = samples.iter().map(|sample| sample.line(*sender));
        match sender {
            Sender::Local => {
                let local = eventually("rsyslogd has its socket", 20, || {
                    let local = UnixDatagram::unbound().expect("a socket");
                    local.connect(&socket).is_ok().then_some(local)
                });
                for line in lines {
                    local.send(line.as_bytes()).expect("rsyslogd reads");
                }
            }
            _ => {
                let lines: Vec<String> = lines.collect();
                rsyslog.feed(lines.iter().map(String::as_str));
            }
        }
        // All of one sender before the next: the order is what tells which event is which.
        for filter in &filters {
            let expect = expected(filter, &senders[..=at]);
            for (listener, _, _) in &listeners {
                let mut found = Vec::new();
                until(&format!("{filter} has had {sender:?} through {listener} of {document}"), 60, || {
                    found = receiver.events(filter, listener);
                    found.len() >= expect.len()
                });
                let found: Vec<Value> = found.iter().map(compared).collect();
                for (found, expect) in found.iter().zip(&expect) {
                    assert_eq!(found, expect, "{document}: {listener}, filter {filter}, sender {sender:?}");
                }
                assert_eq!(found.len(), expect.len(), "{document}: {listener}, filter {filter}");
            }
        }
    }
    rsyslog.stop();
    let mut receiver = receiver;
    receiver.daemon.stop(60);
}

/// Every configuration of rsyslog in one document; fewer than `least`, and the test has lost them.
#[track_caller]
fn check_document(name: &str, least: usize) {
    let documents = documents();
    let (_, text) = documents.iter().find(|(known, _)| known == name).expect("the document");
    let blocks = blocks(text);
    assert!(blocks.len() >= least, "{name} shows {} configurations of rsyslog", blocks.len());
    for block in &blocks {
        check(name, block);
    }
}

#[test]
fn through_the_rsyslog_of_the_readme_every_filter_sees_what_the_senders_wrote() {
    check_document("README.md", 1);
}

#[test]
fn through_the_rsyslog_of_the_guide_every_filter_sees_what_the_senders_wrote() {
    check_document("receive.md", 2);
}

#[test]
fn no_other_document_shows_a_configuration_of_rsyslog() {
    // That of TLS is tested where there are certificates.
    let tested = ["README.md", "receive.md", "tls.md"];
    for (name, text) in documents() {
        assert!(
            tested.contains(&name.as_str()) || blocks(&text).is_empty(),
            "nobody tests what {name} shows"
        );
    }
}
