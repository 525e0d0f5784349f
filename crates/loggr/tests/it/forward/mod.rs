//! Handing events on: to rsyslog, to another loggr, to receivers that refuse, vanish and come back.

mod crash;
mod loggr;
mod rsyslog;
mod targets;
mod tls;

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

/// A number of its status.
#[track_caller]
fn number(loggr: &Loggr, key: &str) -> u64 {
    siem(loggr)["forward"][key].as_u64().unwrap_or_else(|| panic!("no number `{key}`"))
}
