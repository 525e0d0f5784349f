//! Where a good seal is required, everything else goes to the rescue: acknowledged, with its reason, and
//! nothing is lost. What is wrong with keys is said.

use serde_json::Value;

use super::{Keys, agent, check_store, number, send, server};
use crate::support::{Loggr, Setup, until};

/// The entries of the rescue: whose, and why.
#[track_caller]
fn rescued(loggr: &Loggr) -> Vec<(String, String)> {
    let text = loggr.ask(&["rescue", "list", "--json"]);
    let entries: Vec<Value> = match serde_json::from_str(&text) {
        Ok(Value::Array(entries)) => entries,
        _ => text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(),
    };
    let word = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = entries.iter().map(|entry| (word(entry, "sink"), word(entry, "reason"))).collect();
    all.sort();
    all
}

const BROKEN: &str = "the seal is broken, and `seal = \"require\"` demands a good one";
const MISSING: &str = "the event has no seal, and `seal = \"require\"` demands a good one";

#[test]
fn a_listener_that_requires_seals_acknowledges_and_rescues_the_rest() {
    let of = Keys::new(&["a", "b"]);
    let mut server = Loggr::with(server(&of.section(&["a"]), "require"));
    let good = Loggr::with(agent(&of.section(&["a"]), server.address("relp"), ""));
    let bad = Loggr::with(agent(&of.section(&["b"]), server.address("relp"), ""));
    send(&good, &["good"]);
    send(&bad, &["bad"]);
    // `loggr send` ends well only when it is answered.
    send(&server, &["bare"]);
    good.stored(1, 60);
    bad.stored(1, 60);
    until("two are in the rescue", 60, || number(&server, "listener", "relp", "refused") == 2);
    server.stored(1, 60);
    let sink = "listener.relp".to_owned();
    assert_eq!(rescued(&server), [(sink.clone(), MISSING.to_owned()), (sink, BROKEN.to_owned())]);
    check_store(&server, &[], [1, 0, 0]);
    server.assert_balanced();
    // An operator who wants them all the same takes them.
    server.ask(&["rescue", "replay", "listener.relp"]);
    server.stored(3, 60);
    check_store(&server, &[], [1, 1, 1]);
    assert_eq!(server.search("defect:bad_hmac").len(), 1);
    server.stop();
}

#[test]
fn a_machine_and_a_shipper_that_require_seals_rescue_the_rest() {
    let of = Keys::new(&["a"]);
    let mut loggr = Loggr::with(Setup {
        machine_keys: "seal = \"require\"".to_owned(),
        more: of.section(&["a"]),
        ..Setup::default()
    });
    send(&loggr, &["bare"]);
    until("it is in the rescue", 60, || number(&loggr, "machine", "main", "refused") == 1);
    until("the rescue says why", 60, || rescued(&loggr) == [("machine.main".to_owned(), MISSING.to_owned())]);
    loggr.assert_balanced();
    loggr.stop();

    let mut loggr = Loggr::with(Setup {
        more: format!(
            "{}[ship.strict]\nkind = \"files\"\ndirectory = \"strict\"\nexchange = \"received\"\nseal = \"require\"\n",
            of.section(&["a"])
        ),
        ..Setup::default()
    });
    send(&loggr, &["bare"]);
    until("the rescue says why", 60, || rescued(&loggr) == [("strict".to_owned(), MISSING.to_owned())]);
    // The others have it.
    until("it is in the store", 60, || loggr.search("bare").len() == 1);
    loggr.assert_balanced();
    loggr.stop();
}

#[track_caller]
fn check_key(content: Option<&str>, expect: &str) {
    let of = Keys::new(&[]);
    if let Some(content) = content {
        std::fs::write(of.file("x"), content).expect("a file");
    }
    let loggr = Loggr::down(Setup { more: of.section(&["x"]), ..Setup::default() });
    for arguments in [&["check"][..], &["run"], &["verify"]] {
        let output = loggr.command(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains("cannot take the key `kx` of `[hmac]`"), "{errors}");
        assert!(errors.contains(expect), "{errors}");
        assert!(errors.contains("hint: `openssl rand -hex 32 >"), "{errors}");
        assert!(!errors.contains("5ec4e7"), "a key is never shown: {errors}");
    }
}

#[test]
fn a_key_that_is_none_is_refused_with_a_way_to_make_one() {
    check_key(None, "No such file or directory");
    check_key(Some(""), "is empty");
    check_key(Some("5ec4e7"), "has a key of 3 bytes, not one of 32 to 64 (64 to 128 digits)");
    check_key(Some("5ec4e7!"), "has something that is no pair of hexadecimal digits");
}

#[test]
fn without_a_key_nothing_can_be_verified() {
    let loggr = Loggr::down(Setup::default());
    let output = loggr.command(&["verify"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("there is no key to verify seals with"), "{errors}");
}
