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

    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

    fn receive<'a>(line: &'a [u8], origin: &'a Origin) -> Event<'a> {
        Event::receive(line, origin, Uid::default(), NOW)
    }

    #[track_caller]
    fn check(line: &[u8], is_plain: bool, expect: &str) {
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
        let event = receive(line, &origin);
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
        check(b"<14>Nov 22 10:00:00 a b", true, "16 3|<14>Nov 22 10:00:00 a b|");
        check(b"{\"msg\":1}\r\n", true, "16 3|{\"msg\":1}|");
        check(b" caf\xe9", true, "16 3| caf\u{fffd}|not_utf8");
        check(b"<14>1 - - - - - - text", false, "1 6|text|no_timestamp");
        check(b"text", false, "16 3|text|unparsed no_priority no_timestamp");
        check(b"{\"msg\":\"x\",\"severity\":\"info\"}", false, "1 6|x|no_timestamp");
    }

    #[track_caller]
    fn check_host(line: &[u8], source: &str, app_name: &str, reported: &str) {
        let assumed = Assumed {
            host: "h1".to_owned(),
            app_name: "a1".to_owned(),
            year: Some(2019),
            ..Assumed::default()
        };
        let peer = "anna@192.0.2.7 C:\\app.log".to_owned();
        let assumed = Some(Box::new(assumed));
        let origin = Origin { transport: Transport::Upload, peer, assumed, ..Origin::default() };
        let event = receive(line, &origin);
        let mut stamp = Vec::new();
        event.timereported.write_rfc3339(&mut stamp);
        let got = (event.source.as_ref(), event.app_name.as_ref(), String::from_utf8_lossy(&stamp));
        assert_eq!(got, (source, app_name, reported.into()), "{}", String::from_utf8_lossy(line));
        assert_eq!(origin.peer_host(), origin.peer, "a file's name is no port");
        let without = Origin { assumed: None, ..origin.clone() };
        assert_eq!(receive(b"text", &without).source, "", "who sends a file is not its host");
    }

    #[test]
    fn what_somebody_knows_of_lines_stands_for_what_they_do_not_say() {
        check_host(b"text", "h1", "a1", "2026-11-22T10:00:00.000000Z");
        check_host(b"Dec 31 23:00:00 web1 cron: x", "web1", "cron", "2019-12-31T23:00:00.000000Z");
        check_host(b"<13>Jan  1 00:00:00 web1 cron: x", "web1", "cron", "2019-01-01T00:00:00.000000Z");
        check_host(b"<13>1 2026-03-01T00:00:00Z - - - - - x", "h1", "a1", "2026-03-01T00:00:00.000000Z");
        check_host(b"{\"msg\":\"x\"}", "h1", "a1", "2026-11-22T10:00:00.000000Z");
        // 2019 has no such day.
        check_host(b"<13>Feb 29 00:00:00 web1 cron: x", "web1", "cron", "2024-02-29T00:00:00.000000Z");
    }
}
