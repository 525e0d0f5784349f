//! Adds to an event what is known of all lines of its origin ([`Assumed`]), as far as the line does not say it
//! itself.

use crate::{Assumed, Defect, Event, Facility, Severity};

/// Fills in what is known of all lines of a file. `lacks_priority`: a line of this format has none, and that is
/// no defect.
#[cold]
pub(crate) fn assume<'a>(event: &mut Event<'a>, assumed: &'a Assumed, lacks_priority: bool) {
    if lacks_priority || event.defects.contains(Defect::NoPriority) {
        event.facility = assumed.facility.and_then(Facility::from_code).unwrap_or(event.facility);
        event.severity = assumed.severity.and_then(Severity::from_code).unwrap_or(event.severity);
    }
    for (name, value) in &assumed.fields {
        if event.field(name).is_empty() {
            event.set_field(name.as_str(), value.as_str());
        }
    }
    for tag in &assumed.tags {
        event.add_tag(tag.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InputFormat, Origin, Timestamp, Transport, Uid};

    #[track_caller]
    fn check_assumed(line: &[u8], is_plain: bool, expect: &str) {
        let fields = vec![("fname".to_owned(), "a.log".to_owned())];
        let tags = vec!["harvested".to_owned()];
        let given = Assumed { facility: Some(16), severity: Some(3), tags, fields, ..Assumed::default() };
        let format = if is_plain { InputFormat::Raw } else { InputFormat::Auto };
        let assumed = Some(Box::new(given));
        let origin = Origin {
            transport: Transport::Harvest,
            peer: "/in/a:1".to_owned(),
            format,
            assumed,
            ..Origin::default()
        };
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
    fn the_events_of_a_file_get_what_is_known_of_it() {
        check_assumed(b"<14>Nov 22 10:00:00 a b", true, "16 3|<14>Nov 22 10:00:00 a b|");
        check_assumed(b"{\"msg\":1}\r\n", true, "16 3|{\"msg\":1}|");
        check_assumed(b" caf\xe9", true, "16 3| caf\u{fffd}|not_utf8");
        check_assumed(b"<14>1 - - - - - - text", false, "1 6|text|no_timestamp");
        check_assumed(b"text", false, "16 3|text|unparsed no_timestamp");
        check_assumed(b"{\"msg\":\"x\",\"severity\":\"info\"}", false, "1 6|x|no_timestamp");
    }
}
