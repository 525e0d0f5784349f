#![no_main]
//! The query language: no text makes the parser panic; a query that is written out is read
//! again as the same one, and can be asked of an event.

use libfuzzer_sys::fuzz_target;
use loggr_event::{Event, Origin, Timestamp, Uid};
use loggr_store::query::{Matcher, parse};

const NOW: i64 = 1_795_341_600_000_000;
const LINE: &[u8] =
    br#"<34>1 2026-11-22T10:00:00Z web01 sshd 42 ID47 [a@1 ip="10.0.0.7" n="12"] Failed password for root"#;

fuzz_target!(|text: &str| {
    let query = match parse(text) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = query.to_string();
    let again = parse(&written).unwrap_or_else(|e| panic!("`{written}` cannot be read again: {e}"));
    assert_eq!(again.to_string(), written, "written twice it differs");

    let origin = Origin::default();
    let event = Event::receive(LINE, &origin, Uid::default(), Timestamp::from_unix_micros(NOW));
    let (first, second) = (Matcher::new(&query, NOW), Matcher::new(&again, NOW));
    assert_eq!(first.matches(&event), second.matches(&event), "`{written}` finds something else");
    for range in first.highlight(&event.message) {
        assert!(event.message.get(range).is_some(), "a highlight that cuts a letter");
    }
});
