//! Several targets, and targets in trouble.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use loggr_wire::relp::{Command, Reader, write_frame};
use serde_json::Value;

use super::{forwarding, number, siem};
use crate::support::{Loggr, RelpSender, Setup, free_port, seq_of, until};

#[test]
fn the_next_target_takes_over_and_the_first_gets_events_when_it_is_back() {
    let mut first = Loggr::down(Setup::default());
    let second = Loggr::with(Setup::default());
    let (one, other) = (first.address("relp"), second.address("relp"));
    let keys = format!("targets = [\"{one}\", \"{other}\"]\nreturn_after = \"1s\"");
    let mut sender = Loggr::with(forwarding(&keys));
    let load = RelpSender::new(sender.address("relp"), 1);
    load.run(0, 100);
    sender.stored(100, 60);
    second.stored(100, 60);
    let seen = siem(&sender);
    assert_eq!(seen["failing"], false, "{seen}");
    assert_eq!(seen["forward"]["current"], other.to_string());
    let trouble = format!("cannot connect to `{one}`: Connection refused");
    let text = sender.status_text(&[]);
    assert!(text.contains(&format!("trouble: shipper `siem`: {trouble}")), "{text}");
    first.up();
    let mut next = 100;
    until("the first target gets events", 60, || {
        load.run(next, 10);
        next += 10;
        sender.stored(next, 60);
        first.status()["listeners"]
            .as_array()
            .expect("listeners")
            .iter()
            .any(|l| l["received"].as_u64() > Some(0))
    });
    assert_eq!(siem(&sender)["forward"]["current"], one.to_string());
    let all = || first.search("").len() as u64 + second.search("").len() as u64;
    until("every event is at one of them", 60, || all() == next);
    assert!(!sender.status_text(&[]).contains("trouble: shipper `siem`"), "all is well again");
    let log = sender.log();
    assert_eq!(log.matches("a target takes no events").count(), 1, "{log}");
    assert_eq!(log.matches("the target takes events again").count(), 1, "{log}");
    sender.stop();
}

#[test]
fn each_target_gets_a_part_and_all_get_everything() {
    let targets = [Loggr::with(Setup::default()), Loggr::with(Setup::default())];
    let [one, other] = targets.each_ref().map(|target| target.address("relp"));
    let keys = format!("targets = [\"{one}\", \"{other}\"]\nbalance = \"round-robin\"\nwindow = 50");
    let mut sender = Loggr::with(forwarding(&keys));
    RelpSender::new(sender.address("relp"), 1).run(0, 2000);
    sender.stored(2000, 60);
    let [here, there] = targets.each_ref().map(|target| {
        target.drained(60);
        target.messages()
    });
    assert!(here.len() >= 200 && there.len() >= 200, "{} and {}", here.len(), there.len());
    let mut numbers: Vec<u64> = here.iter().chain(&there).filter_map(|text| seq_of(text)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
    sender.stop();
}

#[test]
fn while_nobody_is_there_events_wait_and_the_status_says_why() {
    let port = free_port();
    // Who stops while events wait does not wait for long.
    let keys = format!("targets = \"127.0.0.1:{port}\"\n[process]\ndrain_timeout = \"1s\"");
    let mut sender = Loggr::with(forwarding(&keys));
    RelpSender::new(sender.address("relp"), 1).run(0, 100);
    let trouble = format!(
        "trouble: shipper `siem`: cannot connect to `127.0.0.1:{port}`: Connection refused (os error 111); does the \
         receiver run, and does it listen on this port?"
    );
    let says_why = |sender: &Loggr| {
        until("the status says why", 60, || sender.status_text(&[]).contains(&trouble));
    };
    says_why(&sender);
    let waiting = |sender: &Loggr| {
        let status = sender.status();
        let queues = status["queues"].as_array().expect("queues");
        queues.iter().find(|queue| queue["name"] == "siem").expect("its queue")["waiting"].as_u64()
    };
    assert_eq!(waiting(&sender), Some(100));
    // They wait also over a new start.
    sender.stop();
    sender.up();
    says_why(&sender);
    let receiver = Mock::listen(port, |_| (200, "OK"));
    sender.stored(100, 60);
    assert_eq!((waiting(&sender), receiver.lines().len()), (Some(0), 100));
    assert!(!sender.status_text(&[]).contains("trouble: shipper"));
    let log = sender.log();
    assert_eq!(log.matches("the shipper can write again").count(), 1, "{log}");
    sender.assert_balanced();
    sender.stop();
}

#[test]
fn what_a_target_refuses_is_in_the_rescue_with_its_words() {
    let receiver = Mock::listen(free_port(), |line| match seq_of(line) {
        Some(n) if n % 10 == 3 => (500, "we do not like threes"),
        _ => (200, "OK"),
    });
    let mut sender = Loggr::with(forwarding(&format!("targets = \"{}\"", receiver.address)));
    RelpSender::new(sender.address("relp"), 1).run(0, 200);
    sender.drained(60);
    until("the rescue has them", 60, || sender.status()["rescue"]["siem"] == 20);
    assert_eq!(number(&sender, "refused"), 20);
    assert_eq!(receiver.lines().len(), 200, "each was sent once");
    let list = sender.ask(&["rescue", "list"]);
    assert!(list.contains("has refused it: 500 we do not like threes"), "{list}");
    sender.assert_balanced();
    sender.stop();
}

/// A receiver that refuses: no real one can be told to.
struct Mock {
    address: SocketAddr,
    lines: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Mock {
    /// It listens until the test ends.
    fn listen(port: u16, answer: fn(&str) -> (u16, &'static str)) -> Mock {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let mock = Mock { address: listener.local_addr().expect("its address"), lines: Default::default() };
        let lines = mock.lines.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, lines) = (stream.expect("a connection"), lines.clone());
                std::thread::spawn(move || {
                    let (mut reader, mut buffer) = (Reader::new(1 << 20), vec![0; 1 << 16]);
                    while let Ok(n @ 1..) = stream.read(&mut buffer) {
                        let mut out = Vec::new();
                        let fed = reader.feed(&buffer[..n], |frame| {
                            let said = match frame.command {
                                Command::Open => "200 OK\nrelp_version=0\ncommands=syslog".to_owned(),
                                Command::Syslog => {
                                    let line = String::from_utf8_lossy(frame.data).into_owned();
                                    let (code, text) = answer(&line);
                                    lines.lock().expect("no panic").push(line);
                                    format!("{code} {text}")
                                }
                                _ => String::new(),
                            };
                            write_frame(&mut out, frame.txnr, &Command::Rsp, said.as_bytes());
                            Ok(())
                        });
                        if fed.is_err() || stream.write_all(&out).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        mock
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic").clone()
    }
}

#[test]
fn the_numbers_of_a_forwarder_are_where_people_look() {
    let receiver = Loggr::with(Setup::default());
    let mut sender = Loggr::with(forwarding(&format!("targets = \"{}\"", receiver.address("relp"))));
    RelpSender::new(sender.address("relp"), 1).run(0, 10);
    sender.stored(10, 60);
    let text = sender.status_text(&[]);
    assert!(
        text.contains("FORWARDER") && text.contains("UNACKNOWLEDGED") && text.contains("TARGET"),
        "{text}"
    );
    let seen: Value = siem(&sender)["forward"].clone();
    assert_eq!(seen["targets"][0]["sent"], 10, "{seen}");
    assert_eq!(seen["targets"][0]["address"], receiver.address("relp").to_string());
    sender.stop();
}
