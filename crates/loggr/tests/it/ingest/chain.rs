//! Two loggrs, one a shipper of documents and the other a listener for them: events keep their identity, whoever of
//! them is killed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::listening;
use crate::crash::compare;
use crate::support::{
    Loggr, Random, RelpSender, Setup, count_seqs, free_port, numbered_line, random_moment, say,
};

const LINES_A_ROUND: u64 = 1000;
const AT_MOST_LATER_MS: u64 = 150;

fn shipping(port: u16) -> Setup {
    Setup {
        more: format!(
            "[ship.es]\nkind = \"elastic\"\nexchange = \"received\"\nurls = \"http://127.0.0.1:{port}\"\nfields = \"plain\"\n"
        ),
        ..Setup::default()
    }
}

#[test]
fn an_event_is_the_same_at_the_next_loggr() {
    let port = free_port();
    let mut target = Loggr::with(listening(port, "trust = true"));
    let mut sender = Loggr::with(shipping(port));
    RelpSender::new(sender.address("relp"), 1).run(0, 100);
    sender.stored(100, 60);
    target.drained(60);
    let by_uid = |loggr: &Loggr| -> BTreeMap<String, Value> {
        let events = loggr.search("").into_iter();
        events.map(|event| (event["uid"].as_str().expect("a uid").to_owned(), event)).collect()
    };
    assert_eq!(by_uid(&sender), by_uid(&target));
    sender.stop();
    target.stop();
}

#[test]
fn nothing_is_lost_or_doubled_when_either_end_is_killed() {
    let port = free_port();
    let mut target = Loggr::with(listening(port, "trust = true"));
    let mut shipper = Loggr::with(shipping(port));
    let mut random = Random::new();
    let sender = RelpSender::of(shipper.address("relp"), 2, numbered_line);
    let sent = sender.during(|load| {
        for _ in 0..2 {
            load.goes_on(LINES_A_ROUND);
            random_moment(&mut random, AT_MOST_LATER_MS);
            shipper.kill9();
            shipper.up();
            load.goes_on(LINES_A_ROUND);
            random_moment(&mut random, AT_MOST_LATER_MS);
            target.kill9();
            target.up();
        }
    });
    shipper.drained(120);
    target.drained(120);
    let stored = |loggr: &Loggr| count_seqs(loggr.messages().iter().map(String::as_str));
    let (here, there) = (stored(&shipper), stored(&target));
    let twice = compare("search store of the target", &sent, &there);
    assert_eq!(here, there);
    say(&format!("4 crashes, {} lines acknowledged, 0 missing, {twice} sent twice", sent.len()));
    for loggr in [&mut shipper, &mut target] {
        loggr.assert_balanced();
        loggr.stop();
    }
}
