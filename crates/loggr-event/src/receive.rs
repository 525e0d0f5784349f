//! The two ways ("doors") in which a line becomes an event: `receive`, which takes any bytes, and
//! `parse`, which is strict.
//!
//! The formats are read in other files. This one chooses the format, keeps the raw line if the
//! fields do not hold all of it, and fills in what is known of the peer.

use std::borrow::Cow;

use crate::complete::{complete, complete_object, drop_leading_blank, receive_json};
use crate::door::Door;
use crate::moment::Clock;
use crate::{
    Defect, Event, Format, InputFormat, Origin, ParseError, Timestamp, Uid, container, heads, msgpack,
    object, rfc3164, rfc5424,
};

impl<'a> Event<'a> {
    /// Makes an event of any line; cannot fail.
    ///
    /// RFC 5424, RFC 3164 in every shape vendors send, a JSON object and a MessagePack map are
    /// understood; anything else is the message, with [`Defect::Unparsed`]. What was wrong is in
    /// `defects`; `raw` has the line if the fields do not hold all of it. Line ends and NULs behind
    /// the line belong to the framing and are dropped. `now` is the time of reception; it also
    /// supplies the year of stamps without one.
    ///
    /// ```
    /// use loggr_event::{Event, Origin, Timestamp, Uid};
    /// let origin = Origin::default();
    /// let now = Timestamp::from_unix_micros(1_795_341_600_000_000);
    /// let event = Event::receive(b"<34>Nov 22 10:00:00 web01 sshd[42]: hi", &origin, Uid::default(), now);
    /// assert_eq!((event.source.as_ref(), event.app_name.as_ref(), event.message.as_ref()), ("web01", "sshd", "hi"));
    /// ```
    pub fn receive(line: &'a [u8], origin: &'a Origin, uid: Uid, now: Timestamp) -> Event<'a> {
        let mut event = Event::new(origin, uid, now);
        receive_into(&mut event, line, origin, uid, now);
        event
    }

    /// Reads a line strictly as one format; refuses what breaks it, naming the byte.
    ///
    /// `origin` says whether loggr's own data in the line is trusted, and gives the zone of stamps
    /// without one. Missing values stay missing: no peer stands in for a host.
    pub fn parse(
        line: &'a [u8],
        format: Format,
        origin: &'a Origin,
        uid: Uid,
        now: Timestamp,
    ) -> Result<Event<'a>, ParseError> {
        let clock = Clock::of(origin, now);
        let mut event = Event::new(origin, uid, now);
        match format {
            Format::Json => {
                object::from_json(line, &mut event, clock, origin.trusted, object::Door::Strict)?;
            }
            Format::Msgpack => {
                object::from_msgpack(line, &mut event, clock, origin.trusted, object::Door::Strict)?;
            }
            Format::Rfc5424 | Format::Rfc3164 => {
                let text = match std::str::from_utf8(line) {
                    Ok(text) => text,
                    Err(error) => return parse_lossy(line, error.valid_up_to(), format, origin, uid, now),
                };
                parse_text(text, format, &mut event, clock, origin)?;
            }
        }
        Ok(event)
    }
}

/// Reads one of the two text formats; gives where MSG begins.
fn parse_text<'a>(
    text: &'a str,
    format: Format,
    event: &mut Event<'a>,
    clock: Clock<'_>,
    origin: &Origin,
) -> Result<usize, ParseError> {
    if format == Format::Rfc3164 {
        return rfc3164::read(text, event, clock);
    }
    rfc5424::read::<true>(text, event, door(origin, clock)).map(|reading| reading.message_at)
}

fn door<'c>(origin: &Origin, clock: Clock<'c>) -> Door<'c> {
    Door { clock, trusted: origin.trusted, unix: origin.transport.is_unix() }
}

/// A line with bytes that are not UTF-8, which only MSG may have (RFC 5424, 6.4: MSG-ANY).
#[cold]
fn parse_lossy<'a>(
    line: &'a [u8],
    valid_up_to: usize,
    format: Format,
    origin: &'a Origin,
    uid: Uid,
    now: Timestamp,
) -> Result<Event<'a>, ParseError> {
    let text = String::from_utf8_lossy(line);
    let clock = Clock::of(origin, now);
    let mut event = Event::new(origin, uid, now);
    // Up to the first bad byte, offsets in `text` are those of the line.
    match parse_text(&text, format, &mut event, clock, origin) {
        Err(error) if error.offset() <= valid_up_to => Err(error),
        Ok(message_at) if message_at <= valid_up_to => Ok(keep_raw(event, line, origin)),
        _ => Err(ParseError::new(format, valid_up_to, "UTF-8")),
    }
}

/// Makes the event independent of the readable copy of `line` from which it was read, and keeps the
/// line itself in `raw`.
fn keep_raw<'a>(event: Event<'_>, line: &'a [u8], origin: &'a Origin) -> Event<'a> {
    let mut event = event.into_owned();
    event.origin = Some(Cow::Borrowed(origin));
    event.raw = Some(Cow::Borrowed(line));
    event.defects.insert(Defect::NotUtf8);
    event
}

#[inline]
fn receive_into<'a>(event: &mut Event<'a>, line: &'a [u8], origin: &'a Origin, uid: Uid, now: Timestamp) {
    if origin.format.is_certain() {
        return container::receive(event, line, origin, uid, now);
    }
    let first = line.first().copied().unwrap_or_default();
    if first != b'<' && (msgpack::looks_like_map(first) || origin.format == InputFormat::Msgpack) {
        let clock = Clock::of(origin, now);
        if let Ok(found) = object::from_msgpack(line, event, clock, origin.trusted, object::Door::Lenient) {
            return complete_object(found, line, event, origin);
        }
        *event = Event::new(origin, uid, now);
    }
    match std::str::from_utf8(line) {
        Ok(text) => receive_text(text, line, event, origin, uid, now),
        Err(_) => receive_lossy(event, line, origin, uid, now),
    }
}

#[cold]
fn receive_lossy<'a>(event: &mut Event<'a>, line: &'a [u8], origin: &'a Origin, uid: Uid, now: Timestamp) {
    let text = String::from_utf8_lossy(line);
    let mut readable = Event::new(origin, uid, now);
    receive_text(&text, &[], &mut readable, origin, uid, now);
    *event = keep_raw(readable, line, origin);
}

#[inline]
fn receive_text<'a>(
    text: &'a str,
    line: &'a [u8],
    event: &mut Event<'a>,
    origin: &'a Origin,
    uid: Uid,
    now: Timestamp,
) {
    let clock = Clock::of(origin, now);
    let body = text.trim_end_matches(['\n', '\r', '\0']);
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let bytes = body.as_bytes();
    if bytes.first() != Some(&b'<') {
        return receive_unusual(body, line, event, origin, uid, now);
    }
    if rfc5424::looks_like(bytes)
        && let Ok(reading) = rfc5424::read::<false>(body, event, door(origin, clock))
    {
        if reading.lossy {
            event.raw = Some(Cow::Borrowed(line));
        }
        if event.message.starts_with(' ') && !origin.keep_leading_blank && !reading.exact {
            drop_leading_blank(event);
        }
        return complete(event, origin);
    }
    if origin.format == InputFormat::Json
        && let Some((_, object)) = body.split_once('>')
        && receive_json(object, line, event, origin, uid, now)
    {
        if let Ok((value, _)) = crate::pri::read::<false>(bytes) {
            crate::pri::set(event, value);
            event.defects.remove(Defect::NoPriority);
        }
        return;
    }
    receive_syslog(body, line, event, origin, clock);
}

/// A line that does not begin with a PRI.
fn receive_unusual<'a>(
    body: &'a str,
    line: &'a [u8],
    event: &mut Event<'a>,
    origin: &'a Origin,
    uid: Uid,
    now: Timestamp,
) {
    let clock = Clock::of(origin, now);
    let trimmed = body.trim_start_matches([' ', '\t', '\n', '\r', '\0']);
    if trimmed.starts_with('{') && receive_json(trimmed, line, event, origin, uid, now) {
        return;
    }
    if trimmed.starts_with('<')
        && trimmed.len() != body.len()
        && crate::pri::read::<false>(trimmed.as_bytes()).is_ok()
    {
        return receive_text(trimmed, line, event, origin, uid, now);
    }
    receive_syslog(body, line, event, origin, clock);
}

/// RFC 3164, or just text.
#[inline]
fn receive_syslog<'a>(
    body: &'a str,
    line: &'a [u8],
    event: &mut Event<'a>,
    origin: &'a Origin,
    clock: Clock<'_>,
) {
    let reading = heads::receive(body, event, door(origin, clock));
    if !reading.recognised {
        event.message = Cow::Borrowed(body);
        event.defects.insert(Defect::Unparsed);
        event.defects.insert(Defect::NoPriority);
        event.defects.insert(Defect::NoTimestamp);
        event.raw = Some(Cow::Borrowed(line));
    } else {
        if reading.lossy {
            event.raw = Some(Cow::Borrowed(line));
        }
        // Behind a tag one blank was taken already.
        if event.message.starts_with(' ')
            && !origin.keep_leading_blank
            && !reading.exact.unwrap_or(!event.app_name.is_empty())
        {
            drop_leading_blank(event);
        }
    }
    complete(event, origin);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

    fn receive<'a>(line: &'a [u8], origin: &'a Origin) -> Event<'a> {
        Event::receive(line, origin, Uid::default(), NOW)
    }

    #[track_caller]
    fn check(line: &[u8], source: &str, app_name: &str, message: &str, defects: &str) {
        let origin = Origin { peer: "192.0.2.7:5140".to_owned(), ..Origin::default() };
        let event = receive(line, &origin);
        let words = event.defects.words().collect::<Vec<_>>().join(" ");
        let got = (event.source.as_ref(), event.app_name.as_ref(), event.message.as_ref(), words.as_str());
        assert_eq!(got, (source, app_name, message, defects), "{}", String::from_utf8_lossy(line));
    }

    #[test]
    fn anything() {
        check(b"", "192.0.2.7", "", "", "unparsed no_priority no_timestamp no_source");
        check(b"\n", "192.0.2.7", "", "", "unparsed no_priority no_timestamp no_source");
        check(
            b"hello world\r\n",
            "192.0.2.7",
            "",
            "hello world",
            "unparsed no_priority no_timestamp no_source",
        );
        check(b"{not json", "192.0.2.7", "", "{not json", "unparsed no_priority no_timestamp no_source");
        check(b"<34>Nov 22 10:00:00 web app: a\0b\0\n", "web", "app", "a\0b", "");
        check(b" <34>Nov 22 10:00:00 web app: x", "web", "app", "x", "");
        check(b"\xef\xbb\xbf<34>Nov 22 10:00:00 web app: x", "web", "app", "x", "");
        check(b"<34>Nov 22 10:00:00 web app: caf\xe9", "web", "app", "caf\u{fffd}", "not_utf8");
        check(b"<34>1 - web app - - - caf\xe9", "web", "app", "caf\u{fffd}", "no_timestamp not_utf8");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept() {
        let origin = Origin::default();
        let line = b"<34>Nov 22 10:00:00 web app: caf\xe9\n";
        assert_eq!(receive(line, &origin).raw.as_deref(), Some(line.as_slice()));
    }

    #[test]
    fn what_nothing_understands_is_kept_raw() {
        let origin = Origin::default();
        assert_eq!(receive(b"hello\n", &origin).raw.as_deref(), Some(b"hello\n".as_slice()));
        assert_eq!(receive(b"<13>hello\n", &origin).raw, None);
    }

    #[test]
    fn clean_lines_borrow_everything() {
        let origin = Origin::default();
        let event = receive(b"<34>1 2026-11-22T10:00:00Z web app 1 ID - text", &origin);
        assert!(matches!((&event.source, &event.message), (Cow::Borrowed(_), Cow::Borrowed(_))));
    }

    #[test]
    fn annotations_are_believed_from_unix_sockets_alone() {
        let line = b"<13>Nov 22 10:00:00 app[1]: x @[_PID=1 _UID=2 _GID=3]";
        let unix = Origin { transport: Transport::UnixDgram, ..Origin::default() };
        let event = receive(line, &unix);
        assert_eq!((event.message.as_ref(), event.trusted.len()), ("x", 3));
        let tcp = Origin::default();
        let event = receive(line, &tcp);
        assert_eq!((event.message.as_ref(), event.trusted.len()), ("x @[_PID=1 _UID=2 _GID=3]", 0));
    }

    #[test]
    fn json_objects() {
        let json = br#"{"msg":"hi","host":"web","level":"warn","app":"shop","@timestamp":"2026-11-22T09:59:59Z","http":{"status":500},"ids":[1,2],"none":null}"#;
        check(json, "web", "shop", "hi", "");
        let origin = Origin::default();
        let event = receive(json, &origin);
        assert_eq!(event.severity.keyword(), "warning");
        assert_eq!(event.timereported.to_string(), "2026-11-22T09:59:59.000000Z");
        assert_eq!(event.field("http.status"), ["500"]);
        assert_eq!(event.field("ids"), ["1", "2"]);
        check(br#"{"a":1}"#, "192.0.2.7", "", r#"{"a":1}"#, "no_priority no_timestamp no_source");
    }

    #[test]
    fn loggrs_own_words_are_believed_from_trusted_peers_alone() {
        let json = br#"{"uid":"01020304-0506-7708-890a-0b0c0d0e0f10","tags":["t"],"message":"m","host":"h"}"#;
        let stranger = Origin::default();
        let event = receive(json, &stranger);
        assert_eq!((event.uid, event.tags.len()), (Uid::default(), 0));
        assert_eq!(event.field("tags"), ["t"]);
        let friend = Origin { trusted: true, ..Origin::default() };
        let event = receive(json, &friend);
        assert_eq!((event.uid.as_bytes()[0], event.has_tag("t")), (1, true));
    }

    #[test]
    fn msgpack_maps() {
        check(b"\x83\xa3msg\xa2hi\xa4host\xa3web\xa5level\xa3err", "web", "", "hi", "no_timestamp");
    }

    #[track_caller]
    fn check_blank(line: &str, expect: &str, kept: &str) {
        let origin = Origin::default();
        assert_eq!(receive(line.as_bytes(), &origin).message, expect, "{line}");
        let keeping = Origin { keep_leading_blank: true, ..Origin::default() };
        assert_eq!(receive(line.as_bytes(), &keeping).message, kept, "{line}");
    }

    #[test]
    fn a_relays_template_puts_a_blank_before_every_message_and_no_pattern_begins_with_one() {
        check_blank("<34>1 - web app 1 - - text", "text", "text");
        check_blank("<34>1 - web app 1 - -  text", "text", " text");
        check_blank("<34>1 - web app 1 - -   text", " text", "  text");
        check_blank("<34>1 - web app 1 - -  \u{feff}text", "text", " \u{feff}text");
        check_blank("<34>1 - web app 1 - - \u{feff} text", "text", " text");
        check_blank("<34>1 - web app 1 - [a b=\"c\"]  text", "text", " text");
        check_blank("<34>1 - web app 1 - [a b=\"c\"]  ", "", " ");
        check_blank("<34>1 - web app 1 - - \ttext", "\ttext", "\ttext");
        check_blank("<34>Nov 22 10:00:00 web app[1]: text", "text", "text");
        check_blank("<34>Nov 22 10:00:00 web app[1]:  text", " text", " text");
        check_blank("<34>Nov 22 10:00:00 web app[1]:   text", "  text", "  text");
        check_blank("<34>Nov 22 10:00:00 web  text of no tag", "text of no tag", " text of no tag");
        check_blank("<34>Nov 22 10:00:00 web   text of no tag", " text of no tag", "  text of no tag");
        check_blank("<34> text of no tag", "text of no tag", " text of no tag");
    }

    #[test]
    fn a_relays_template_puts_it_into_objects_and_odd_heads_as_well() {
        check_blank(r#"{"message":" Failed","host":"web1","severity":"err"}"#, "Failed", " Failed");
        check_blank(r#"{"message":"  Failed","host":"web1"}"#, " Failed", "  Failed");
        check_blank(r#"{"msg":" say \"hi\"","host":"web1"}"#, "say \"hi\"", " say \"hi\"");
        check_blank(r#"{"message":" Failed","host":"web1","uid":1000}"#, "Failed", " Failed");
        check_blank(r#"<34>{"message":" x"}"#, r#"{"message":" x"}"#, r#"{"message":" x"}"#);
        check_blank("1 2026-11-22T10:00:00Z h sshd 12 - -  Failed", "Failed", " Failed");
        check_blank("<165>2 2026-11-22T10:00:00Z h sshd 12 - -  Failed", "Failed", " Failed");
        check_blank("<999>1 2026-11-22T10:00:00Z h sshd 12 - -  Failed", "Failed", " Failed");
        check_blank("<34>1 2026-11-22T10:00:00Z h sshd[12]:  Failed x", " Failed x", " Failed x");
        check_blank("1 2026-11-22T10:00:00Z h sshd[12]:  Failed x", " Failed x", " Failed x");
        let origin = Origin::default();
        let map = b"\x82\xa3msg\xa3 hi\xa4host\xa3web";
        assert_eq!(receive(map, &origin).message, "hi");
        let keeping = Origin { keep_leading_blank: true, ..Origin::default() };
        assert_eq!(receive(map, &keeping).message, " hi");
    }

    #[test]
    fn a_blank_in_an_object_that_loggr_wrote_is_the_messages() {
        let uid = Uid::from_bytes([7; 16]);
        let written = Event { message: " indented".into(), source: "web".into(), uid, ..Event::default() };
        for format in [crate::DumpFormat::Json, crate::DumpFormat::Msgpack] {
            for trusted in [true, false] {
                let mut line = Vec::new();
                written.dump(&format, &mut line);
                assert_eq!(receive(&line, &Origin { trusted, ..Origin::default() }).message, " indented");
            }
        }
    }

    #[test]
    fn a_blank_that_loggr_wrote_comes_through_every_hop() {
        let written = Event { message: " indented".into(), source: "web".into(), ..Event::default() };
        for trusted in [true, false] {
            let origin = Origin { trusted, ..Origin::default() };
            let mut line = Vec::new();
            written.dump(&crate::DumpFormat::Rfc5424, &mut line);
            let received = receive(&line, &origin);
            let mut again = Vec::new();
            received.dump(&crate::DumpFormat::Rfc5424, &mut again);
            assert_eq!(receive(&again, &origin).message, " indented");
        }
    }

    #[track_caller]
    fn check_mended(line: &[u8], message: &str, user: &str) {
        let origin = Origin::default();
        let event = receive(line, &origin);
        let head = (event.source.as_ref(), event.severity.keyword(), event.message.as_ref());
        assert_eq!(head, ("h1", "err", message), "{}", String::from_utf8_lossy(line));
        assert_eq!(event.field("user"), [user]);
        assert!(event.defects.contains(Defect::NotUtf8));
        assert_eq!(event.raw.as_deref(), Some(line));
    }

    #[test]
    fn one_bad_character_in_an_object_loses_nothing_else() {
        check_mended(
            br#"{"message":"cut \ud83d","host":"h1","level":"error","user":"u"}"#,
            "cut \u{fffd}",
            "u",
        );
        check_mended(
            b"\x84\xa7message\xa2hi\xa4host\xa2h1\xa8severity\xa3err\xa4user\xa5caf\xe9!",
            "hi",
            "caf\u{fffd}!",
        );
        check_mended(
            b"{\"message\":\"hi\",\"host\":\"h1\",\"level\":\"error\",\"user\":\"caf\xe9!\"}",
            "hi",
            "caf\u{fffd}!",
        );
    }

    #[test]
    fn a_json_listener_takes_the_object_behind_a_priority() {
        let origin = Origin { format: InputFormat::Json, ..Origin::default() };
        let event = receive(b"<11>{\"msg\":\"hi\",\"host\":\"web\"}", &origin);
        assert_eq!((event.message.as_ref(), event.priority()), ("hi", 11));
    }

    #[test]
    fn a_hint_is_only_a_hint() {
        for format in [InputFormat::Auto, InputFormat::Rfc3164, InputFormat::Json, InputFormat::Msgpack] {
            let origin = Origin { format, ..Origin::default() };
            assert_eq!(receive(b"<34>1 2026-11-22T10:00:00Z web app 1 ID - text", &origin).msgid, "ID");
            assert_eq!(receive(b"<34>Nov 22 10:00:00 web app[1]: text", &origin).procid, "1");
        }
    }

    #[track_caller]
    fn check_strict(line: &[u8], format: Format, offset: usize) {
        let origin = Origin::default();
        let got = Event::parse(line, format, &origin, Uid::default(), NOW).map_err(|e| e.offset());
        assert_eq!(got.err(), Some(offset), "{}", String::from_utf8_lossy(line));
    }

    #[test]
    fn strict_refusals() {
        check_strict(b"<34>1 - w\xe9b - - - - x", Format::Rfc5424, 9);
        check_strict(b"<34>1 - web - - - [a b=\"\xe9\"] x", Format::Rfc5424, 24);
        check_strict(b"<34>Nov 22 10:00:00 w\xe9b x", Format::Rfc3164, 21);
        check_strict(br#"{"severity":"loud"}"#, Format::Json, 12);
        check_strict(br#"{"message":{}}"#, Format::Json, 11);
        check_strict(br#"{"message":"a","message":"b"}"#, Format::Json, 25);
        check_strict(b"{\"message\":\"\xe9\"}", Format::Json, 12);
        check_strict(b"\x81\xa8severity\xa4loud", Format::Msgpack, 10);
    }

    #[test]
    fn a_message_of_any_octets_is_rfc5424() {
        let origin = Origin::default();
        let line = b"<34>1 - web - - - - caf\xe9";
        let event = Event::parse(line, Format::Rfc5424, &origin, Uid::default(), NOW).unwrap();
        assert_eq!((event.message.as_ref(), event.raw.as_deref()), ("caf\u{fffd}", Some(line.as_slice())));
    }
}
