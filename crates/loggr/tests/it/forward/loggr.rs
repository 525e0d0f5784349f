//! From one loggr to another: what arrives is the same event.

use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

use super::forwarding;
use crate::support::{Loggr, Setup, until};

/// A receiver that believes what the other says of its events.
fn trusting() -> Setup {
    Setup { listener_keys: "trust = true".to_owned(), ..Setup::default() }
}

/// Lines of every kind.
const LINES: [&str; 10] = [
    "<34>1 2026-03-01T12:00:00.123456+01:00 web1 shop 7 ID1 [x@32473 a=\"1\" a=\"2\"][y@32473] order shipped",
    "<13>Mar  1 12:00:00 web1 app[7]: rfc 3164",
    "<13>1 - web1 app - - - no time",
    "no head at all",
    "<165>1 2026-03-01T12:00:00Z web1 two\u{a0}words 7 - - unusual program",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - -  a blank in front",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - [x@32473 q=\"a \\\"quote\\\", a \\\\ and \\]\"] tab\tand \u{1b}[1m and caf\u{e9} \u{1f600}",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - - #012 is no line feed",
    "{\"message\":\"from json\",\"host\":\"web2\",\"severity\":\"err\",\"client\":\"10.0.0.1\",\"n\":5}",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - - first\nsecond",
];

/// Of an event what must not change on the way: not when and where it was received, and what was odd about
/// its line.
fn travels(mut event: Value) -> Value {
    let parts = event.as_object_mut().expect("an event");
    for own in ["origin", "timegenerated", "defects", "raw"] {
        parts.remove(own);
    }
    event
}

#[track_caller]
fn check(keys: &str, listener: &str) {
    let receiver = Loggr::with(trusting());
    let filter = "[twice] := app_name + \"=\" + app_name\ntags += \"seen\"\nif message ~ \"json\" { [fields.uid] := \"mine\" }\n";
    let target = receiver.address(listener);
    let setup = forwarding(&format!("targets = \"{target}\"\n{keys}"));
    let more = setup.more.replace("\"received\"", "\"events\"");
    let mut sender = Loggr::with(Setup { filter: Some(filter.to_owned()), more, ..setup });
    let mut stream = TcpStream::connect(sender.address("tcp")).expect("loggr listens");
    let long = format!("<13>1 2026-03-01T12:00:00Z web1 app 7 - - {}", "long ".repeat(10_000));
    let lines: Vec<&str> = LINES.into_iter().chain([long.as_str()]).collect();
    for line in &lines {
        stream.write_all(format!("{} {line}", line.len()).as_bytes()).expect("loggr reads");
    }
    drop(stream);
    let count = lines.len() as u64;
    sender.stored(count, 60);
    receiver.stored(count, 60);
    let sorted = |loggr: &Loggr| {
        let mut events: Vec<Value> = loggr.search("").into_iter().map(travels).collect();
        events.sort_by_key(|event| event["uid"].as_str().map(str::to_owned));
        events
    };
    let (sent, received) = (sorted(&sender), sorted(&receiver));
    assert_eq!(sent.len(), lines.len());
    for (sent, received) in sent.iter().zip(&received) {
        assert_eq!(received, sent);
    }
    assert_eq!(received.len(), sent.len());
    sender.stop();
}

#[test]
fn over_relp_an_event_is_the_same_at_both_ends() {
    check("", "relp");
}

#[test]
fn over_tcp_an_event_is_the_same_at_both_ends() {
    check("protocol = \"tcp\"", "tcp");
}

#[test]
fn as_json_an_event_is_the_same_at_both_ends() {
    check("format = \"JSON\"", "relp");
}

/// Over UDP the long line is cut at neither end: it has less than a datagram holds.
#[test]
fn over_udp_an_event_is_the_same_at_both_ends() {
    check("protocol = \"udp\"", "udp");
}

#[test]
fn a_receiver_that_was_started_again_gets_what_comes_later() {
    let mut receiver = Loggr::with(trusting());
    let mut sender = Loggr::with(forwarding(&format!("targets = \"{}\"", receiver.address("relp"))));
    sender.ask(&["send", "--to", &format!("relp://{}", sender.address("relp")), "--message", "first"]);
    until("the first event is there", 60, || receiver.search("first").len() == 1);
    receiver.stop();
    receiver.up();
    sender.ask(&["send", "--to", &format!("relp://{}", sender.address("relp")), "--message", "second"]);
    until("the second event is there", 60, || receiver.search("second").len() == 1);
    assert!(!sender.log().contains("cannot write"), "a new connection is no trouble: {}", sender.log());
    sender.stop();
}
