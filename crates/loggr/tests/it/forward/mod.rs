//! Handing events on: to rsyslog and syslog-ng, to another loggr, to receivers that refuse, vanish and come back.

mod chain;
mod compress;
mod crash;
mod loggr;
mod mutual;
mod pace;
mod rsyslog;
mod syslog_ng;
mod targets;
mod tls;

use std::path::Path;

use serde_json::Value;

use crate::support::{Loggr, Setup};

/// A program with a shipper `siem` beside the others; `keys` are its keys but `kind` and `exchange`.
fn forwarding(keys: &str) -> Setup {
    Setup {
        more: format!("[ship.siem]\nkind = \"syslog\"\nexchange = \"received\"\n{keys}\n"),
        ..Setup::default()
    }
}

/// The status of the shipper `siem`.
#[track_caller]
fn siem(loggr: &Loggr) -> Value {
    let status = loggr.status();
    let ships = status["ships"].as_array().expect("ships");
    ships.iter().find(|ship| ship["name"] == "siem").expect("the shipper").clone()
}

/// The configuration of a receiver that the guide shows in a block with this text.
#[track_caller]
fn shown(text: &str) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/forward.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let block = guide.split("```").skip(1).step_by(2).find(|block| block.contains(text));
    block.expect("the guide shows it").trim().to_owned()
}

/// What the receivers that the guide shows have in their configurations, each of another one; a test runs each.
const SHOWN: [&str; 7] = [
    "input(type=\"imrelp\" port=\"2514\")",
    "input(type=\"imtcp\" port=\"1514\")",
    "input(type=\"imudp\"",
    "input(type=\"imrelp\" port=\"2514\" tls=\"on\"",
    "streamDriver.name=",
    "transport(\"tcp\")",
    "transport(\"tls\")",
];

#[test]
fn every_receiver_that_the_guide_shows_is_tried() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/forward.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    for block in guide.split("```").skip(1).step_by(2) {
        let is_receiver = block.contains("input(") || block.contains("source ");
        let of = SHOWN.iter().filter(|text| block.contains(**text)).count();
        assert_eq!(of, usize::from(is_receiver), "{block}");
    }
}

/// A number of its status.
#[track_caller]
fn number(loggr: &Loggr, key: &str) -> u64 {
    siem(loggr)["forward"][key].as_u64().unwrap_or_else(|| panic!("no number `{key}`"))
}
