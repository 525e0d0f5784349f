//! Packers of a harvest: what belongs together is a matter of the file alone, also after a crash.

use std::collections::BTreeMap;

use super::Yard;
use crate::support::{Random, Setup, random_moment, until};

/// Stack traces in the file.
const TRACES: u64 = 12_000;

/// A trace of several lines, and a line that belongs to none.
fn trace(n: u64) -> String {
    let frames: String = (0..1 + n % 9).map(|frame| format!("\tat a.B.c{frame}(B.java:{n})\n")).collect();
    format!("java.lang.IllegalStateException: seq={n:09}\n{frames}nothing happens here, {n}\n")
}

#[test]
fn traces_of_a_file_are_whole_and_stand_once_after_crashes() {
    let tables = "[packers.traces]\nkind = \"preset\"\npreset = \"java\"\n".to_owned();
    let keys = "stable = \"300ms\"\nformat = \"lines\"\napp_name = \"shop\"\npackers = [\"traces\"]";
    let mut yard = Yard::with(keys, Setup { tables, ..Setup::default() });
    let text: String = (0..TRACES).map(trace).collect();
    yard.upload("app.log", text.as_bytes());
    let mut random = Random::new();
    for _ in 0..4 {
        until("it is being taken", 60, || {
            let status = yard.status();
            status["accepted"].as_u64() > Some(0) || status["done"] == 1 || yard.left().is_empty()
        });
        random_moment(&mut random, 200);
        yard.loggr.kill9();
        yard.loggr.up();
    }
    until("no file is left", 120, || yard.left().is_empty());
    yard.loggr.drained(120);
    assert_eq!(yard.loggr.ask(&["count", ""]).trim(), (2 * TRACES).to_string());
    assert_eq!(yard.loggr.ask(&["count", "nothing"]).trim(), TRACES.to_string());
    // In the file a line feed in a message is escaped, so that each event is a line.
    let mut found: BTreeMap<u64, u32> = BTreeMap::new();
    for line in yard.loggr.lines().iter().filter(|line| line.contains("IllegalState")) {
        let n = crate::support::seq_of(line).expect("a number");
        let frames = line.matches("B.java").count() as u64;
        assert_eq!(frames, 1 + n % 9, "half a trace: {line}");
        *found.entry(n).or_default() += 1;
    }
    assert_eq!(found.len() as u64, TRACES);
    assert!(found.values().all(|times| *times == 1), "some traces stand twice");
    yard.loggr.stop();
}
