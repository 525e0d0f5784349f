//! The name of the index, or data stream, that gets an event: the template with every value made fit.
//!
//! Logs are hostile text. Invariant: whatever the values are, the result is a name that an index may have, and the
//! same for an event whenever it is asked for.

use loggr_event::{Event, Template};

use crate::config::ship::{MAX_INDEX_BYTES, is_for_index};

/// A value is cut to this many bytes.
const MAX_VALUE_BYTES: usize = 100;
/// Stands for an empty value.
const UNKNOWN: &str = "unknown";

/// The index of an event.
pub fn index(template: &Template, event: &Event<'_>) -> String {
    let mut out = Vec::with_capacity(32);
    template.render_with(event, &mut out, push);
    let mut name = String::from_utf8_lossy(&out).into_owned();
    if name.starts_with(['-', '_', '+', '.']) {
        name.insert(0, 'x');
    }
    name.truncate(name.floor_char_boundary(MAX_INDEX_BYTES));
    name
}

fn push(value: &str, out: &mut Vec<u8>) {
    let start = out.len();
    let mut utf8 = [0; 4];
    for c in value.chars().flat_map(char::to_lowercase) {
        let fit = if is_for_index(c) { c } else { '_' };
        let fit = fit.encode_utf8(&mut utf8).as_bytes();
        if out.len() - start + fit.len() > MAX_VALUE_BYTES {
            break;
        }
        out.extend_from_slice(fit);
    }
    if out.len() == start {
        out.extend_from_slice(UNKNOWN.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn named(template: &str, source: &str) -> String {
        let timegenerated = Timestamp::from_unix_micros(1_795_428_000_000_000);
        let event = Event { timegenerated, source: source.into(), ..Event::default() };
        index(&Template::parse_path(template).unwrap(), &event)
    }

    #[track_caller]
    fn check(template: &str, source: &str, expect: &str) {
        assert_eq!(named(template, source), expect);
    }

    #[test]
    fn names() {
        check("logs-${year}.${month}.${day}", "", "logs-2026.11.23");
        check("logs-loggr-default", "", "logs-loggr-default");
        check("l-${source}", "Web01.Example.NET", "l-web01.example.net");
        check("l-${source}", "a/b c*\"#:,|?<>\\\n", "l-a_b_c___________");
        check("l-${source}", "", "l-unknown");
        check("${source}", "-x", "x-x");
        check("${source}", "..", "x..");
        check("${source}", "ÄÖ", "äö");
        check("l-${source}", &"a".repeat(300), &format!("l-{}", "a".repeat(100)));
        check("${source}-${source}-${source}", &"ä".repeat(300), &{
            let value = "ä".repeat(50);
            format!("{value}-{value}-{}", "ä".repeat(26))
        });
    }

    proptest! {
        #[test]
        fn no_value_makes_a_name_that_an_index_cannot_have(source in "\\PC{0,40}|[ -~]{0,8}") {
            let name = named("${source}", &source);
            prop_assert!(name.chars().all(is_for_index), "{name}");
            prop_assert!(!name.starts_with(['-', '_', '+', '.']) && !name.is_empty(), "{name}");
        }
    }
}
