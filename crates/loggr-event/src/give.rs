//! Adds to an event what the events of a file get beside what their lines say ([`Given`]). What a line says
//! itself wins.

use crate::{Defect, Event, Facility, Given, Severity};

/// Adds what the events of a file get beside what their lines say.
#[cold]
pub(crate) fn give<'a>(given: &'a Given, event: &mut Event<'a>) {
    // Nobody expects a priority or a time in a line that is only a text.
    if given.is_plain || event.defects.contains(Defect::NoPriority) {
        let facility = given.facility.and_then(Facility::from_code);
        let severity = given.severity.and_then(Severity::from_code);
        event.facility = facility.unwrap_or(event.facility);
        event.severity = severity.unwrap_or(event.severity);
        if facility.is_some() && severity.is_some() {
            event.defects.remove(Defect::NoPriority);
        }
    }
    for tag in &given.tags {
        event.add_tag(tag.as_str());
    }
    for (name, value) in &given.fields {
        event.set_field(name.as_str(), value.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, Timestamp, Transport, Uid};

    #[track_caller]
    fn check_given(line: &[u8], is_plain: bool, expect: &str) {
        let fields = vec![("fname".to_owned(), "a.log".to_owned())];
        let tags = vec!["harvested".to_owned()];
        let given = Given { is_plain, facility: Some(16), severity: Some(3), tags, fields };
        let given = Some(Box::new(given));
        let origin =
            Origin { transport: Transport::Harvest, peer: "/in/a:1".to_owned(), given, ..Origin::default() };
        let event =
            Event::receive(line, &origin, Uid::default(), Timestamp::from_unix_micros(1_795_341_600_000_000));
        let words = event.defects.words().collect::<Vec<_>>().join(" ");
        let got = format!("{} {}|{}|{words}", event.facility.code(), event.severity.code(), event.message);
        assert_eq!(got, expect, "{}", String::from_utf8_lossy(line));
        assert_eq!((event.has_tag("harvested"), event.field("fname")), (true, ["a.log".into()].as_slice()));
        assert_eq!(
            (event.source.as_ref(), origin.peer_host()),
            ("", "/in/a:1"),
            "a name of a file is no host"
        );
    }

    #[test]
    fn the_events_of_a_file_get_what_is_given_with_it() {
        check_given(b"<14>Nov 22 10:00:00 a b", true, "16 3|<14>Nov 22 10:00:00 a b|");
        check_given(b"{\"msg\":1}\r\n", true, "16 3|{\"msg\":1}|");
        check_given(b" caf\xe9", true, "16 3| caf\u{fffd}|not_utf8");
        check_given(b"<14>1 - - - - - - text", false, "1 6|text|no_timestamp");
        check_given(b"text", false, "16 3|text|unparsed no_timestamp");
        check_given(b"{\"msg\":\"x\",\"severity\":\"info\"}", false, "1 6|x|no_timestamp");
    }
}
