//! Seals, from the agent to the store: what was changed on the way or in the store is found and named, and
//! what was not is good everywhere.

mod carriers;
mod crash;
mod found;
mod refused;
mod rotation;

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Loggr, Setup};

/// A directory with files of keys.
struct Keys(TempDir);

impl Keys {
    /// One key of each of these digits, in a file of this name.
    fn new(digits: &[&str]) -> Keys {
        let keys = Keys(tempfile::tempdir().expect("a directory"));
        digits.iter().for_each(|digit| keys.write(digit, digit));
        keys
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.key"))
    }

    /// Puts the key of this digit into the file of that name.
    fn write(&self, name: &str, digit: &str) {
        std::fs::write(self.file(name), format!("{}\n", digit.repeat(64))).expect("a key");
    }

    /// The section that names these keys, the one that seals first.
    fn section(&self, names: &[&str]) -> String {
        let key = |name: &&str| format!("{{ id = \"k{name}\", file = {:?} }}", self.file(name));
        format!("[hmac]\nkeys = [{}]\n", names.iter().map(key).collect::<Vec<_>>().join(", "))
    }
}

/// A program that hands everything on to a listener of another; `keys` are further keys of the shipper.
fn agent(hmac: &str, target: impl std::fmt::Display, keys: &str) -> Setup {
    Setup {
        listener_keys: "seal = \"sign\"".to_owned(),
        more: format!(
            "{hmac}[ship.siem]\nkind = \"syslog\"\nexchange = \"received\"\ntargets = \"{target}\"\n{keys}\n"
        ),
        ..Setup::default()
    }
}

/// A program that believes what comes; `seal` is what it does with seals.
fn server(hmac: &str, seal: &str) -> Setup {
    Setup {
        listener_keys: format!("trust = true\nseal = {seal:?}"),
        more: hmac.to_owned(),
        ..Setup::default()
    }
}

/// Sends these messages over RELP, each with its number.
#[track_caller]
fn send(loggr: &Loggr, messages: &[&str]) {
    for message in messages {
        loggr.ask(&["send", "--to", &format!("relp://{}", loggr.address("relp")), "--message", message]);
    }
}

/// What `loggr verify` says: its code, the events with a broken seal, and the numbers.
#[track_caller]
fn verify(loggr: &Loggr, arguments: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
    let output = loggr.command(&[&["verify", "--json"], arguments].concat());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = lines.pop().unwrap_or_else(|| panic!("no answer: {errors}"));
    (output.status.code(), lines, numbers)
}

/// The numbers of `loggr verify`: good, unsealed, broken. It ends with 1 if one is broken.
#[track_caller]
fn check_store(loggr: &Loggr, arguments: &[&str], expect: [u64; 3]) {
    let (code, broken, numbers) = verify(loggr, arguments);
    let got = ["good", "unsealed", "broken"].map(|key| numbers[key].as_u64().expect("a number"));
    assert_eq!(got, expect, "{numbers} {broken:?}");
    assert_eq!((code, broken.len() as u64), (Some(i32::from(expect[2] > 0)), expect[2]));
}

/// A number of the seals of a listener, a machine or a shipper.
#[track_caller]
fn number(loggr: &Loggr, kind: &str, name: &str, key: &str) -> u64 {
    let status = loggr.status();
    let seals = status["seals"].as_array().expect("seals");
    let of = seals.iter().find(|of| of["kind"] == kind && of["name"] == name);
    of.unwrap_or_else(|| panic!("no {kind} `{name}` in {seals:?}"))[key].as_u64().expect("a number")
}
