//! Machines: filters between the listeners and the shippers, in the real program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Loggr, PROGRAM, RelpSender, Setup, until};

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

/// What `/metrics` says.
fn metrics(loggr: &Loggr) -> String {
    let mut stream = TcpStream::connect(loggr.address("web")).expect("it accepts");
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
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
fn a_machine_looks_at_the_filters_that_its_filter_includes() {
    let mut loggr = Loggr::with(with_filter("tags += \"one\"\n"));
    let common = |text: &str| loggr.write_filter_named("common", text);
    loggr.write_filter("include \"common\"\n");
    until("the mistake is known", 30, || machine(&loggr)["filter_error"].is_string());
    let error = machine(&loggr)["filter_error"].as_str().expect("text").to_owned();
    assert!(error.contains("main.filter:1:9: cannot read"), "{error}");
    common("tags += \"two\"\n");
    until("it is there now", 30, || machine(&loggr)["filter_error"].is_null());
    send(&loggr, &["a"]);
    assert_eq!(lines(&loggr, 1), ["sshd  two a"]);
    common("tags = \"three\"\n");
    until("the mistake is known", 30, || machine(&loggr)["filter_error"].is_string());
    let error = machine(&loggr)["filter_error"].as_str().expect("text").to_owned();
    assert!(error.contains("common.filter:1:6: expected `+=` or `-=` after `tags`"), "{error}");
    common("tags += \"four\"\n");
    until("it is well again", 30, || machine(&loggr)["filter_error"].is_null());
    send(&loggr, &["b"]);
    assert_eq!(lines(&loggr, 2)[1], "sshd  four b");
    assert_eq!(machine(&loggr)["rules"][0]["rule"], "common:1: tags += \"four\"");
    loggr.stop();
}

#[test]
fn a_reload_of_what_has_not_changed_forgets_nothing() {
    let mut loggr = Loggr::with(with_filter("if dedupe(message, window=\"1h\") { drop }\n"));
    send(&loggr, &["a"]);
    lines(&loggr, 1);
    loggr.daemon().signal(Signal::HUP);
    until("the filter was looked at", 30, || {
        loggr.log().contains("the filter was not read again because its files are unchanged")
    });
    send(&loggr, &["a", "b"]);
    assert_eq!(lines(&loggr, 2), ["sshd   a", "sshd   b"]);
    assert_eq!(machine(&loggr)["rules"][0]["reached"], 3);
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

/// What one connection sends stays in its order, however many work on it, and however long each takes.
#[test]
fn several_workers_keep_the_order_of_a_sender() {
    let mut loggr = Loggr::with(Setup {
        filter: Some(
            "if message ~ \"7$\" { grok(\"(?<all>(.*a)*.*)seq=%{INT:seq}\") }\nif message ~ \"13$\" { drop }\n".to_owned(),
        ),
        format: "$MESSAGE".to_owned(),
        workers: 4,
        ..Setup::default()
    });
    let expect: Vec<String> = (0..30_000).map(|n| format!("{}seq={n}", "a ".repeat(n % 40))).collect();
    send(&loggr, &expect.iter().map(String::as_str).collect::<Vec<_>>());
    let expect: Vec<&String> = expect.iter().filter(|line| !line.ends_with("13")).collect();
    let found = lines(&loggr, expect.len());
    let wrong = found.iter().zip(&expect).position(|(found, expect)| found != *expect);
    assert_eq!((found.len(), wrong), (expect.len(), None));
    loggr.drained(30);
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn a_pattern_at_its_limit_tags_the_event_and_holds_nobody_up() {
    let mut loggr = Loggr::with(with_filter("grok(\"^(?<x>(a|aa)+)b\\\\k<x>z$\")\n"));
    // The linear guard knows no back-reference and lets it through.
    let hostile = format!("{}bz", "a".repeat(20_000));
    send(&loggr, &[&hostile, "abaz"]);
    let lines = lines(&loggr, 2);
    assert!(lines[0].starts_with("sshd  _groktimeout aaa"), "{}", &lines[0][..60]);
    assert_eq!(lines[1], "sshd   abaz");
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
        assert!(errors.contains("main.filter:1:13: this is not a comparison, found `=`"), "{errors}");
        assert!(errors.contains("hint: write `==` to compare"), "{errors}");
    }
}

const TRACE: [&str; 3] =
    ["java.lang.IllegalStateException: no", "\tat a.B.c(B.java:1)", "Caused by: java.lang.Error: why"];

/// A machine with packers, and a filter or none.
fn with_packers(packers: &str, tables: &str, filter: Option<&str>) -> Setup {
    Setup {
        filter: filter.map(str::to_owned),
        machine_keys: format!("packers = [{packers}]"),
        tables: tables.to_owned(),
        format: "$TAGS $MESSAGE".to_owned(),
        ..Setup::default()
    }
}

const TRACES: &str = "[packers.traces]\nkind = \"preset\"\npreset = [\"java\", \"python\"]\n";

#[test]
fn a_stack_trace_is_one_event_to_the_filter_and_in_the_store() {
    let filter = "if message ~ \"Caused by\" { tags += \"trace\" }\nif message == \"nothing\" { drop }\n";
    let mut loggr = Loggr::with(with_packers("\"traces\"", TRACES, Some(filter)));
    send(&loggr, &["before", TRACE[0], TRACE[1], TRACE[2], "nothing", "after"]);
    assert_eq!(
        lines(&loggr, 3),
        [" before".to_owned(), format!("trace {}", TRACE.join("#012")), " after".to_owned()]
    );
    until("the trace is found", 30, || loggr.search("tag:trace").len() == 1);
    assert_eq!(loggr.search("tag:trace")[0]["message"], TRACE.join("\n"));
    // A trace of which nothing more comes is given on when it is old enough.
    send(&loggr, &[TRACE[0], TRACE[1]]);
    assert_eq!(lines(&loggr, 4)[3], format!(" {}", TRACE[..2].join("#012")));
    loggr.drained(30);
    loggr.assert_balanced();
    let status = machine(&loggr);
    let numbers =
        ["received", "merged", "stored", "dropped"].map(|key| status[key].as_u64().expect("a number"));
    assert_eq!(numbers, [8, 3, 4, 1]);
    let packer = &status["packers"][0];
    let numbers =
        ["held", "packed", "merged", "by_age", "by_limit"].map(|key| packer[key].as_u64().expect("a number"));
    // Behind a cause without frames the lines might be more of its message.
    assert_eq!(numbers, [0, 2, 3, 2, 0]);
    let shown = loggr.status_text(&["--rules"]);
    let row = |name: &str| {
        let row =
            shown.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name} in {shown}"));
        row.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("traces")[..8], ["traces", "main", "0", "2", "3", "2", "0", "0"]);
    assert_eq!(row("nothing")[..5], ["2", "main", "5", "1", "0"]);
    let metrics = metrics(&loggr);
    for metric in [
        "loggr_packer_merged_events_total{machine=\"main\",packer=\"traces\"} 3",
        "loggr_packer_held_events{machine=\"main\",packer=\"traces\"} 0",
        "loggr_machine_received_events_total{machine=\"main\"} 8",
        "loggr_rule_did_total{machine=\"main\",rule=\"0\",line=\"1\"} 1",
    ] {
        assert!(metrics.lines().any(|line| line == metric), "no {metric} in {metrics}");
    }
    assert!(metrics.contains("loggr_rule_timed_seconds_total{machine=\"main\",rule=\"0\""), "{metrics}");
    // The machine's queue counts the lines that it gave out.
    let queues = loggr.status()["queues"].clone();
    let queue =
        queues.as_array().unwrap().iter().find(|q| q["name"] == "machine.main").expect("the queue").clone();
    assert_eq!((&queue["received"], &queue["stored"], &queue["dropped"]), (&8.into(), &7.into(), &1.into()));
    loggr.stop();
}

#[test]
fn packers_need_no_filter_and_look_at_what_they_are_told() {
    let tables = "[packers.burst]\nkind = \"time\"\nif = 'app_name == \"vpn\"'\n\
                  [packers.blocks]\nkind = \"format\"\nstart = \"[$INT]\"\n";
    let mut loggr = Loggr::with(with_packers("\"burst\", \"blocks\"", tables, None));
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    let line = |second: u32, app: &str, text: &str| {
        format!("<38>1 2026-03-01T12:00:{second:02}Z web1 {app} 7 - - {text}\n")
    };
    let text = [
        line(1, "vpn", "a"),
        line(1, "sshd", "plain"),
        line(1, "vpn", "b"),
        line(9, "vpn", "c"),
        line(1, "sshd", "[7] x"),
        line(1, "sshd", "y"),
    ];
    stream.write_all(text.concat().as_bytes()).expect("it is read");
    let mut seen = lines(&loggr, 4);
    seen.sort();
    assert_eq!(seen, [" [7] x#012y", " a#012b", " c", " plain"]);
    loggr.drained(30);
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn what_is_held_outlives_a_stop_and_a_crash() {
    let tables = "[packers.slow]\nkind = \"preset\"\npreset = \"java\"\nmax_age = \"10m\"\n";
    let mut loggr = Loggr::with(with_packers("\"slow\"", tables, None));
    send(&loggr, &[TRACE[0], TRACE[1]]);
    until("they are held", 30, || machine(&loggr)["packers"][0]["held"] == 2);
    loggr.kill9();
    loggr.up();
    until("they are held again", 30, || machine(&loggr)["packers"][0]["held"] == 2);
    // Draining does not wait for ten minutes.
    loggr.stop();
    assert_eq!(loggr.lines(), [format!(" {}", TRACE[..2].join("#012"))]);
    loggr.up();
    loggr.assert_balanced();
    assert_eq!(machine(&loggr)["received"], 0);
    loggr.stop();
}

#[test]
fn workers_pack_what_their_peers_send() {
    let mut loggr =
        Loggr::with(Setup { workers: 3, ..with_packers("\"traces\"", TRACES, Some("tags += \"seen\"\n")) });
    RelpSender::new(loggr.address("relp"), 4).run(0, 20_000);
    loggr.drained(60);
    assert_eq!(loggr.lines().len(), 20_000);
    loggr.assert_balanced();
    loggr.stop();
}

/// A second shipper, on the exchange `security`.
fn with_route(filter: &str) -> Setup {
    Setup {
        tables:
            "\n[ship.security]\nkind = \"files\"\nexchange = \"security\"\nbinding = \"machine.*.login\"\n\
                 path = \"security.log\"\nformat = \"$MESSAGE\"\n"
                .to_owned(),
        ..with_filter(filter)
    }
}

#[test]
fn a_router_sends_events_elsewhere() {
    let filter = "if message ~ \"^Accepted\" and router(\"security\", \"login\") { tags += \"login\" }\n";
    let mut loggr = Loggr::with(with_route(filter));
    let security = |loggr: &Loggr| {
        let file = loggr.data().join("files/security.log");
        std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    send(&loggr, &["Accepted a", "other b", "Accepted c", "other d"]);
    assert_eq!(lines(&loggr, 2), ["sshd   other b", "sshd   other d"]);
    until("two logins", 30, || security(&loggr).len() == 2);
    assert_eq!(security(&loggr), ["Accepted a", "Accepted c"]);
    loggr.drained(30);
    loggr.assert_balanced();
    assert_eq!(machine(&loggr)["stored"], 4);
    // A route that no queue takes is refused, and the old filter stays in use.
    loggr.write_filter("router(\"security\", \"logout\")\n");
    until("the mistake is known", 30, || machine(&loggr)["filter_error"].is_string());
    let error = machine(&loggr)["filter_error"].as_str().expect("text").to_owned();
    let said = "no queue on the exchange `security` takes the routing key `machine.main.logout`";
    assert!(error.contains(said), "{error}");
    send(&loggr, &["Accepted e"]);
    until("three logins", 30, || security(&loggr).len() == 3);
    // One back to where events come from would go in a circle.
    loggr.write_filter("router(\"received\")\n");
    until("the circle is seen", 30, || {
        machine(&loggr)["filter_error"].as_str().is_some_and(|e| e.contains("events would go in a circle"))
    });
    // Another route that has a queue is taken at once.
    loggr.write_filter("if message ~ \"^other\" { router(\"security\", \"login\") }\n");
    until("the filter is in use", 30, || machine(&loggr)["filter_error"].is_null());
    send(&loggr, &["other f"]);
    until("four in the file", 30, || security(&loggr).len() == 4);
    loggr.drained(30);
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn a_route_without_a_queue_stops_the_start_and_the_check() {
    let mut loggr = Loggr::with(with_route("router(\"security\", \"login\")\n"));
    loggr.stop();
    loggr.write_filter("router(\"nowhere\")\n");
    for command in ["check", "run"] {
        let output = loggr.command(&[command]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        let said = "no queue is bound to the exchange `nowhere`: events would go nowhere";
        assert!(errors.contains(said), "{errors}");
    }
}

#[test]
fn the_packed_example_is_right_and_packs() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let text = |name: &str| std::fs::read_to_string(examples.join(name)).expect("the example");
    let config = text("openvpn.toml");
    let (packers, machine_table) = config.split_once("[machine.main]").expect("its machine");
    assert!(machine_table.contains("packers = [\"openvpn\"]\nfilter = \"openvpn\""), "{machine_table}");
    let mut loggr = Loggr::with(with_packers("\"openvpn\"", packers, Some(&text("filters/openvpn.filter"))));
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    let says =
        |text: &str| format!("<29>1 2026-03-01T12:00:00.1Z vpn openvpn 9 - - 198.51.100.4:41194 {text}\n");
    let lines_of_one =
        ["peer info: IV_PLAT=linux", "[alice] Peer Connection Initiated with [AF_INET]198.51.100.4:41194"];
    stream.write_all(lines_of_one.map(says).concat().as_bytes()).expect("it is read");
    assert_eq!(
        lines(&loggr, 1),
        ["login,peer_info,vpn 198.51.100.4:41194 peer info: IV_PLAT=linux#012198.51.100.4:41194 [alice] \
          Peer Connection Initiated with [AF_INET]198.51.100.4:41194"]
    );
    let check = Command::new(PROGRAM)
        .args(["check", "--data-dir"])
        .arg(loggr.data())
        .arg("--config")
        .arg(examples.join("openvpn.toml"))
        .output()
        .expect("loggr starts");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(said.contains("through packers.openvpn, "), "{said}");
    loggr.stop();
}

/// The longest frame of an exchange's log.
fn longest_frame(loggr: &Loggr, exchange: &str) -> usize {
    let segments = std::fs::read_dir(loggr.data().join("bus").join(exchange)).expect("the exchange");
    let paths = segments.map(|entry| entry.expect("an entry").path());
    let mut longest = 0;
    for path in paths.filter(|path| path.extension().is_some_and(|e| e == "seg")) {
        let bytes = std::fs::read(path).expect("the segment");
        let mut at = 4096;
        while bytes.get(at..at + 4) == Some(b"LGRf") {
            let len = bytes[at + 52..at + 56].try_into().expect("four bytes");
            longest = longest.max(u32::from_le_bytes(len) as usize);
            at += 64 + u32::from_le_bytes(len) as usize;
        }
    }
    longest
}

#[test]
fn a_filter_that_makes_events_larger_makes_no_batch_without_a_limit() {
    // Each event becomes thirty times as large.
    let copies = vec!["message"; 30].join(" + ");
    let loggr = Loggr::with(Setup { filter: Some(format!("[copies] := {copies}\n")), ..Setup::default() });
    let text = "x".repeat(7000);
    let mut tcp = TcpStream::connect(loggr.address("tcp")).expect("tcp");
    let lines: String = (0..300).map(|n| format!("<13>1 - web app - - - {n} {text}\n")).collect();
    tcp.write_all(lines.as_bytes()).expect("it takes them");
    until("everything is stored", 120, || loggr.ask(&["count", ""]).trim() == "300");
    let longest = longest_frame(&loggr, "events");
    // 8 MiB and the event that went beyond them.
    assert!(longest > 0 && longest < 9 << 20, "a batch of {longest} bytes");
    loggr.assert_balanced();
}
