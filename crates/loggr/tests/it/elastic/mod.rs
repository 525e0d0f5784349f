//! Shippers of kind `elastic`: against two programs that speak the bulk interface and can be searched, and against a
//! double of the test, which is strict about the interface and fails as it is told. None is the original.

mod crash;
mod double;
mod failing;
mod searched;
mod tls;

use serde_json::Value;

use crate::support::{Loggr, Setup};

/// A program with a shipper `es` beside the others; `keys` are its keys but `kind` and `exchange`.
fn shipping(keys: &str) -> Setup {
    Setup {
        more: format!("[ship.es]\nkind = \"elastic\"\nexchange = \"received\"\n{keys}\n"),
        ..Setup::default()
    }
}

/// The status of the shipper `es`.
#[track_caller]
fn es(loggr: &Loggr) -> Value {
    let status = loggr.status();
    let ships = status["ships"].as_array().expect("ships");
    ships.iter().find(|ship| ship["name"] == "es").expect("the shipper").clone()
}
