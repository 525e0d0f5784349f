//! Machines: filters between the listeners and the shippers, in the real program.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Loggr, RelpSender, Setup, until};

const SSHD: &str = "<38>1 2026-03-01T12:00:00Z web1 sshd 7 - - ";

fn with_filter(filter: &str) -> Setup {
    Setup {
        filter: Some(filter.to_owned()),
        format: "$APP_NAME ${user} $TAGS $MESSAGE".to_owned(),
        ..Setup::default()
    }
}

fn send(loggr: &Loggr, lines: &[&str]) {
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    let text: String = lines.iter().map(|l| format!("{SSHD}{l}\n")).collect();
    stream.write_all(text.as_bytes()).expect("it is read");
}

fn machine(loggr: &Loggr) -> Value {
    loggr.status()["machines"][0].clone()
}

/// Waits until the output file has so many lines, and gives them.
#[track_caller]
fn lines(loggr: &Loggr, count: usize) -> Vec<String> {
    until(&format!("{count} lines are in the file"), 30, || loggr.lines().len() >= count);
    loggr.lines()
}

#[test]
fn a_filter_gives_fields_and_tags_and_drops() {
    let mut loggr = Loggr::with(with_filter(
        "if app_name == \"sshd\" and grok(\"SSHD\") {\n    tags += \"ssh\"\n    if [user] == \"nobody\" { drop }\n}\n",
    ));
    send(
        &loggr,
        &[
            "Accepted password for root from 10.0.0.1 port 22 ssh2",
            "Failed password for nobody from 10.0.0.2 port 22 ssh2",
            "Server listening on 0.0.0.0 port 22.",
        ],
    );
    assert_eq!(
        lines(&loggr, 2),
        [
            "sshd root ssh Accepted password for root from 10.0.0.1 port 22 ssh2",
            "sshd   Server listening on 0.0.0.0 port 22.",
        ]
    );
    loggr.drained(30);
    until("both are found", 30, || loggr.search("").len() == 2);
    assert_eq!(loggr.search("src_ip:10.0.0.1 tag:ssh").len(), 1);
    loggr.assert_balanced();
    let status = machine(&loggr);
    assert_eq!(
        (&status["received"], &status["stored"], &status["dropped"]),
        (&3.into(), &2.into(), &1.into())
    );
    let rules: Vec<(u64, u64, u64)> = status["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), r["reached"].as_u64().unwrap(), r["did"].as_u64().unwrap()))
        .collect();
    assert_eq!(rules, [(1, 3, 2), (2, 2, 2), (3, 2, 1), (3, 1, 1)]);
    let queues = loggr.status()["queues"].clone();
    let queue = queues
        .as_array()
        .unwrap()
        .iter()
        .find(|q| q["name"] == "machine.main")
        .expect("the machine's queue")
        .clone();
    assert_eq!((&queue["received"], &queue["stored"], &queue["dropped"]), (&3.into(), &2.into(), &1.into()));
    loggr.stop();
}

#[test]
fn a_changed_filter_is_taken_and_a_wrong_one_is_not() {
    let mut loggr = Loggr::with(with_filter("tags += \"one\"\n"));
    send(&loggr, &["a"]);
    lines(&loggr, 1);
    loggr.write_filter("tags += \"two\"\n");
    loggr.daemon().signal(Signal::HUP);
    until("the new filter is in use", 30, || loggr.log().contains("the filter was read again"));
    send(&loggr, &["b"]);
    lines(&loggr, 2);
    // Nobody tells: it looks by itself.
    loggr.write_filter("tags = \"three\"\n");
    until("the mistake is known", 30, || machine(&loggr)["filter_error"].is_string());
    let error = machine(&loggr)["filter_error"].as_str().expect("text").to_owned();
    assert!(error.contains("main.filter:1:6: expected `+=` or `-=` after `tags`"), "{error}");
    send(&loggr, &["c"]);
    assert_eq!(lines(&loggr, 3), ["sshd  one a", "sshd  two b", "sshd  two c"]);
    loggr.write_filter("tags += \"four\"\n");
    until("it is well again", 30, || machine(&loggr)["filter_error"].is_null());
    send(&loggr, &["d"]);
    assert_eq!(lines(&loggr, 4)[3], "sshd  four d");
    loggr.stop();
}

#[test]
fn several_workers_lose_nothing() {
    let mut loggr = Loggr::with(Setup {
        filter: Some("if grok(\"seq=%{INT:seq}\") { tags += \"seen\" }".to_owned()),
        workers: 3,
        ..Setup::default()
    });
    RelpSender::new(loggr.address("relp"), 4).run(0, 20_000);
    until("all are in the file", 60, || loggr.lines().len() >= 20_000);
    loggr.drained(30);
    assert_eq!(loggr.lines().len(), 20_000);
    assert_eq!(loggr.ask(&["count", "tag:seen"]).trim(), "20000");
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn a_pattern_at_its_limit_tags_the_event_and_holds_nobody_up() {
    let mut loggr = Loggr::with(with_filter("grok(\"^(?<x>(a|aa)+)\\\\k<x>z$\")\n"));
    let hostile = format!("{}zy", "a".repeat(20_000));
    send(&loggr, &[&hostile, "aaz"]);
    let lines = lines(&loggr, 2);
    assert!(lines[0].starts_with("sshd  _groktimeout aaa"), "{}", &lines[0][..60]);
    assert_eq!(lines[1], "sshd   aaz");
    assert_eq!(machine(&loggr)["rules"][0]["failed"], 1);
    loggr.stop();
}

#[test]
fn a_wrong_filter_stops_the_start_and_the_check() {
    let mut loggr = Loggr::with(with_filter("tags += \"one\"\n"));
    loggr.stop();
    loggr.write_filter("if app_name = \"x\" { drop }\n");
    for command in ["check", "run"] {
        let output = loggr.command(&[command]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("main.filter:1:13: this compares nothing, found `=`"), "{errors}");
        assert!(errors.contains("hint: write `==` to compare"), "{errors}");
    }
}
