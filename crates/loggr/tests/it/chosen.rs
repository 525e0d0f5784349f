//! Shippers that choose their events with `if`, without a machine.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

use crate::support::{Loggr, Setup, until};

/// `auth.*`, `*.err` and what is neither, each in a file of its own.
const SHIPS: [(&str, &str); 3] = [
    ("auth", "facility in (\"auth\", \"authpriv\")"),
    ("errors", "severity >= \"err\""),
    ("rest", "facility notin (\"auth\", \"authpriv\") and severity < \"err\""),
];
const FACILITIES: u64 = 24;

fn setup() -> Setup {
    let section = |(name, condition): &(&str, &str)| {
        format!(
            "[ship.{name}]\nkind = \"files\"\nif = '{condition}'\ndirectory = \"{name}\"\npath = \"all.log\"\nformat = \"$MESSAGE\"\n"
        )
    };
    Setup { more: SHIPS.iter().map(section).collect(), ..Setup::default() }
}

/// Sends messages `n=N`, each with the priority N modulo all.
fn send(loggr: &Loggr, numbers: std::ops::Range<u64>) {
    let line = |n: u64| format!("<{}>1 - web1 app - - - n={n}\n", n % (8 * FACILITIES));
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    stream.write_all(numbers.map(line).collect::<String>().as_bytes()).expect("it is read");
}

/// Does the event of this number belong there? By RFC 5424's codes and not by our names.
fn belongs(ship: &str, number: u64) -> bool {
    let (facility, severity) = (number % (8 * FACILITIES) / 8, number % 8);
    let is_auth = facility == 4 || facility == 10;
    match ship {
        "auth" => is_auth,
        "errors" => severity <= 3,
        _ => !is_auth && severity > 3,
    }
}

/// How often each number stands in the file of a shipper.
fn numbers(loggr: &Loggr, ship: &str) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    let text = std::fs::read_to_string(loggr.data().join(ship).join("all.log")).unwrap_or_default();
    for line in text.lines() {
        let number = line.strip_prefix("n=").and_then(|n| n.parse().ok()).expect("a whole line");
        *found.entry(number).or_default() += 1;
    }
    found
}

fn of<'s>(status: &'s Value, list: &str, name: &str) -> &'s Value {
    let all = status[list].as_array().expect("a list");
    all.iter().find(|one| one["name"] == name).expect("it is there")
}

#[test]
fn each_event_goes_where_it_belongs_once_also_through_kills() {
    let mut loggr = Loggr::with(setup());
    let mut sent = 0;
    for _ in 0..4 {
        send(&loggr, sent..sent + 5_000);
        sent += 5_000;
        let received = |loggr: &Loggr| of(&loggr.status(), "queues", "rest")["received"].as_u64();
        until("they are received", 30, || received(&loggr) == Some(sent));
        loggr.kill9();
        loggr.up();
    }
    loggr.drained(60);
    loggr.assert_balanced();
    for (ship, _) in SHIPS {
        let expect: BTreeMap<u64, u32> = (0..sent).filter(|n| belongs(ship, *n)).map(|n| (n, 1)).collect();
        until("its file is whole", 30, || numbers(&loggr, ship).len() == expect.len());
        assert_eq!(numbers(&loggr, ship), expect, "{ship}");
        let status = loggr.status();
        let queue = of(&status, "queues", ship);
        let stored = expect.len() as u64;
        assert_eq!(
            (&queue["stored"], &queue["dropped"]),
            (&stored.into(), &(sent - stored).into()),
            "{ship}"
        );
    }
    loggr.stop();
}

#[test]
fn it_counts_what_it_does_not_choose() {
    let mut loggr = Loggr::with(setup());
    send(&loggr, 0..192);
    loggr.drained(30);
    let status = loggr.status();
    let counted = |ship: &str| {
        (of(&status, "ships", ship)["stored"].clone(), of(&status, "ships", ship)["dropped"].clone())
    };
    assert_eq!(counted("auth"), (16.into(), 176.into()));
    assert_eq!(counted("errors"), (96.into(), 96.into()));
    assert_eq!(counted("rest"), (88.into(), 104.into()));
    assert!(loggr.status_text(&[]).contains("NOT CHOSEN"));
    loggr.stop();
}
