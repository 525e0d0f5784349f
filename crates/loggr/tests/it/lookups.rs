//! Engines that look things up or remember, in the real program: files that change, name
//! servers that are silent, events that repeat.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};

use crate::support::{Loggr, RelpSender, Setup, until};

const LINE: &str = "<38>1 2026-03-01T12:00:00Z web1 shop 7 - - ";

fn send(loggr: &Loggr, message: &str) {
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    stream.write_all(format!("{LINE}{message}\n").as_bytes()).expect("it is read");
}

/// Sends a line until the last line in the file is what it should become.
#[track_caller]
fn becomes(loggr: &Loggr, message: &str, expect: &str) {
    until(&format!("`{message}` becomes `{expect}`"), 60, || {
        let before = loggr.lines().len();
        send(loggr, message);
        until("the line is in the file", 30, || loggr.lines().len() > before);
        loggr.lines().last().is_some_and(|line| line == expect)
    });
}

/// The data of user agents, with one program of our own.
fn data(browser: &str) -> String {
    format!(
        "user_agent_parsers:\n  - regex: 'Shop/(\\d+)'\n    family_replacement: '{browser}'\n    v1_replacement: '$1'\n\
         os_parsers:\n  - regex: 'ShopOS'\n    os_replacement: 'ShopOS'\n\
         device_parsers:\n  - regex: 'Till'\n    device_replacement: 'Till'\n"
    )
}

#[test]
fn a_changed_file_is_taken_while_events_pass_and_a_wrong_one_is_not() {
    let mut loggr = Loggr::down(Setup {
        filter: Some("useragent(message, data=\"own.yaml\")\n".to_owned()),
        format: "${ua_browser}|${ua_os}|$MESSAGE".to_owned(),
        ..Setup::default()
    });
    let file = loggr.config().with_file_name("own.yaml");
    std::fs::write(&file, data("Shop")).expect("the data");
    loggr.up();
    becomes(&loggr, "Shop/7 (ShopOS)", "Shop|ShopOS|Shop/7 (ShopOS)");
    std::fs::write(&file, data("Store")).expect("the data");
    becomes(&loggr, "Shop/7 (ShopOS)", "Store|ShopOS|Shop/7 (ShopOS)");
    std::fs::write(&file, data("Wrong").replace("(\\d+)", "(\\d+")).expect("the data");
    until("the mistake is in the log", 30, || loggr.log().contains("line 2: this expression cannot be used"));
    becomes(&loggr, "Shop/8 (ShopOS)", "Store|ShopOS|Shop/8 (ShopOS)");
    assert_eq!(loggr.log().matches("this expression cannot be used").count(), 1, "it is said once");
    loggr.drained(30);
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn silent_name_servers_lose_nothing_and_hold_nothing_up_for_long() {
    // It takes questions and never answers.
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address");
    let mut loggr = Loggr::with(Setup {
        filter: Some(format!(
            "if grok(\"seq=0*(?<seq>[0-9]+)\") {{\n    [ip] := \"10.0.0.\" + [seq]\n    resolve([ip], timeout=\"50ms\", batch_limit=\"100ms\", nameservers=\"{address}\")\n}}\n"
        )),
        workers: 2,
        ..Setup::default()
    });
    RelpSender::new(loggr.address("relp"), 4).run(0, 5_000);
    until("all are in the file", 60, || loggr.lines().len() >= 5_000);
    loggr.drained(30);
    assert_eq!(loggr.lines().len(), 5_000);
    // Only 10.0.0.0 to 10.0.0.255 are addresses.
    assert_eq!(loggr.ask(&["count", "tag:_resolvetimeout OR tag:_resolvefailure"]).trim(), "256");
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn repeats_are_dropped_and_counted() {
    let mut loggr = Loggr::with(Setup {
        filter: Some("if dedupe(message, window=\"1h\") { drop }\n".to_owned()),
        ..Setup::default()
    });
    let sender = RelpSender::new(loggr.address("relp"), 2);
    sender.run(0, 2_000);
    until("they are in the file", 60, || loggr.lines().len() >= 2_000);
    sender.run(0, 2_000);
    loggr.drained(60);
    assert_eq!(loggr.lines().len(), 2_000);
    let machine = loggr.status()["machines"][0].clone();
    assert_eq!((&machine["received"], &machine["dropped"]), (&4_000.into(), &2_000.into()));
    loggr.assert_balanced();
    loggr.stop();
}
