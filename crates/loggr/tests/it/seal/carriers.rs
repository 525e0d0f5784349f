//! What carries an event, carries its seal: from an agent to a server, in every form, and into both stores.

use std::io::Write;
use std::net::TcpStream;

use super::{Keys, agent, check_store, number, server};
use crate::support::{Loggr, Setup, postgres};

/// Lines of every kind, among them those that tempt a carrier to change something.
const LINES: [&str; 16] = [
    "<34>1 2026-03-01T12:00:00.123456+01:00 web1 shop 7 ID1 [x@32473 a=\"1\" b=\"2\" a=\"3\"][y@32473] order shipped",
    "<34>1 2026-03-01T12:00:00Z web1 shop 7 ID1 [x@32473 a=\"1\"][y@32473][x@32473 a=\"2\"] one id twice",
    "<34>1 2026-03-01T12:00:00Z web1 shop 7 ID1 [pyloggr@45878 tags=\"mine\" hmac=\"bm8=\"] from a stranger",
    "<34>1 2026-03-01T12:00:00Z - - - - - neither host nor program",
    "<13>Mar  1 12:00:00 web1 app[7]: rfc 3164",
    "<13>1 - web1 app - - - no time",
    "no head at all",
    "<0>1 0001-01-01T00:00:00Z web1 app - - - long ago",
    "<191>1 9999-12-31T23:59:59.999999Z web1 app - - - far ahead",
    "<165>1 2026-03-01T12:00:00Z web1 two\u{a0}words 7 - - unusual program",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - -  a blank in front",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - - \u{feff}\u{feff}marks in front",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - [x@32473 q=\"a \\\"quote\\\", a \\\\ and \\]\"] tab\tand \u{1b}[1m and caf\u{e9} \u{1f600}",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - - #012 is no line feed\0 and NUL is none",
    "{\"message\":\"from json\",\"host\":\"web2\",\"severity\":\"err\",\"client\":\"10.0.0.1\",\"n\":5}",
    "<13>1 2026-03-01T12:00:00Z web1 app 7 - - first\nsecond\n",
];

/// Sends all lines, and one that is no UTF-8; gives how many.
fn feed(loggr: &Loggr) -> u64 {
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("loggr listens");
    let bytes = b"<13>1 2026-03-01T12:00:00Z web1 app 7 - - caf\xe9";
    for line in LINES.iter().map(|line| line.as_bytes()).chain([bytes.as_slice()]) {
        stream.write_all(format!("{} ", line.len()).as_bytes()).expect("loggr reads");
        stream.write_all(line).expect("loggr reads");
    }
    LINES.len() as u64 + 1
}

#[track_caller]
fn check(keys: &str, listener: &str) {
    let of = Keys::new(&["a"]);
    let hmac = of.section(&["a"]);
    let server = Loggr::with(server(&hmac, "verify"));
    let mut agent = Loggr::with(agent(&hmac, server.address(listener), keys));
    let count = feed(&agent);
    agent.stored(count, 60);
    server.stored(count, 60);
    check_store(&agent, &[], [count, 0, 0]);
    check_store(&server, &[], [count, 0, 0]);
    assert_eq!(number(&agent, "listener", "tcp", "signed"), count);
    let came = ["good", "broken", "unsealed"].map(|key| number(&server, "listener", listener, key));
    assert_eq!(came, [count, 0, 0]);
    assert!(server.search("defect:bad_hmac").is_empty());
    agent.stop();
}

#[test]
fn a_seal_is_good_behind_rfc_5424_over_relp() {
    check("", "relp");
}

#[test]
fn a_seal_is_good_behind_rfc_5424_over_tcp() {
    check("protocol = \"tcp\"", "tcp");
}

#[test]
fn a_seal_is_good_behind_json() {
    check("format = \"JSON\"", "relp");
}

#[test]
fn a_seal_is_good_in_postgresql_behind_two_hosts_and_a_filter_that_adds_what_is_not_sealed() {
    let Some(database) = postgres() else { return };
    let of = Keys::new(&["a"]);
    let hmac = of.section(&["a"]);
    let url = database.url();
    let server = Loggr::with(Setup {
        filter: Some("[team] := \"a\"\ntags += \"seen\"\nmsgid := \"ID\"\n".to_owned()),
        more: format!(
            "{hmac}[ship.db]\nkind = \"postgres\"\nexchange = \"events\"\nurl = {url:?}\ncommit_age = \"50ms\"\n\
             seal = \"require\"\n"
        ),
        ..server("", "require")
    });
    let middle = Loggr::with(Setup {
        listener_keys: "trust = true\nseal = \"require\"".to_owned(),
        ..agent(&hmac, server.address("relp"), "seal = \"verify\"")
    });
    let mut agent = Loggr::with(agent(&hmac, middle.address("relp"), "seal = \"sign\""));
    let count = feed(&agent);
    agent.stored(count, 60);
    middle.stored(count, 60);
    server.stored(count, 60);
    for store in ["search", "db"] {
        check_store(&server, &["--store", store], [count, 0, 0]);
        check_store(&server, &["--store", store, "msgid:ID"], [count, 0, 0]);
    }
    check_store(&server, &["host:web2"], [1, 0, 0]);
    agent.stop();
}
