//! RFC 5424: `<PRI>1 STAMP HOST APP PROCID MSGID SD MSG`, read strictly or leniently, and written.
//!
//! Leniently, fields may be longer than the RFC allows and hold any character but a
//! space, the stamp may have any ISO shape, and structured data that breaks the
//! grammar stays in the message; heads that break it are in `odd`. The strict reader accepts none
//! of this.

pub(crate) mod odd;

use std::borrow::Cow;

use memchr::memchr;

use crate::door::{Door, Reading};
use crate::timestamp::scan_rfc3339;
use crate::{Defect, Event, Format, ParseError, escape, own, pri, sd, stamp, tag};

/// Longest HOSTNAME, APP-NAME, PROCID and MSGID (RFC 5424, 6).
const MAX_BYTES: [usize; 4] = [255, 48, 128, 32];

const EXPECTED: [&str; 4] = ["a host name or `-`", "an app-name or `-`", "a procid or `-`", "a msgid or `-`"];
const TOO_LONG: [&str; 4] = [
    "a host name of at most 255 characters",
    "an app-name of at most 48 characters",
    "a procid of at most 128 characters",
    "a msgid of at most 32 characters",
];

const BOM: char = '\u{feff}';

fn refuse(offset: usize, expected: &'static str) -> ParseError {
    ParseError::new(Format::Rfc5424, offset, expected)
}

/// Does the line begin like RFC 5424: `<PRI>1 `?
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let close = bytes.iter().take(5).position(|b| *b == b'>');
    close.is_some_and(|at| matches!(bytes.get(at + 1..at + 3), Some(b"1 ")))
}

/// Reads a line. Leniently it fails only where the line is not RFC 5424 at all; the
/// event is then as it was, but for its priority.
pub(crate) fn read<'a, const STRICT: bool>(
    text: &'a str,
    event: &mut Event<'a>,
    door: Door<'_>,
) -> Result<Reading, ParseError> {
    let bytes = text.as_bytes();
    let (priority, mut at) = pri::read::<STRICT>(bytes).map_err(|(at, expected)| refuse(at, expected))?;
    if bytes.get(at) != Some(&b'1') {
        return Err(refuse(at, "version `1`"));
    }
    if bytes.get(at + 1) != Some(&b' ') {
        return Err(refuse(at + 1, "a space"));
    }
    at += 2;
    let mut reading = Reading { message_at: 0, lossy: false, exact: false };
    let Some(host_at) = read_stamp::<STRICT>(text, at, event, door, &mut reading)? else {
        let Some(reading) = odd::read(text, at, event, door) else {
            return Err(refuse(at, "a stamp or `-`"));
        };
        pri::set(event, priority);
        return Ok(reading);
    };
    at = host_at;
    pri::set(event, priority);
    let mut gap = false;
    let mut ends = [(0, 0); 4];
    for (i, slot) in ends.iter_mut().enumerate() {
        let rest = bytes.get(at..).unwrap_or_default();
        let len = memchr(b' ', rest).unwrap_or(rest.len());
        if STRICT {
            check_token(rest, at, len, i)?;
        }
        gap |= len == 0;
        *slot = (at, at + len);
        at = (at + len + 1).min(bytes.len() + 1);
    }
    if !STRICT && (gap || is_odd(bytes, at, ends[1])) {
        let mut odd = odd::fields(text, host_at - 1, false, event, door);
        odd.lossy |= reading.lossy;
        return Ok(odd);
    }
    let [source, app_name, procid, msgid] = ends.map(|(from, to)| match text.get(from..to) {
        Some("-") | None => Cow::Borrowed(""),
        Some(token) => Cow::Borrowed(token),
    });
    event.source = source;
    event.app_name = app_name;
    event.procid = procid;
    event.msgid = msgid;
    read_rest::<STRICT>(text, at, event, &mut reading)?;
    if door.trusted && !event.structured_data.is_empty() {
        reading.exact = own::absorb(event);
    }
    Ok(reading)
}

/// Is there no structured data at `sd_at`, or an APP-NAME that is more than a name?
#[inline(always)]
fn is_odd(bytes: &[u8], sd_at: usize, app_name: (usize, usize)) -> bool {
    match bytes.get(sd_at) {
        Some(b'-') if matches!(bytes.get(sd_at + 1), None | Some(b' ')) => {}
        Some(b'[') => {}
        _ => return true,
    }
    let name = bytes.get(app_name.0..app_name.1).unwrap_or_default();
    match (name.first(), name.last()) {
        (_, Some(b':')) => true,
        (Some(b'C' | b'L'), _) => tag::is_event_format(name),
        _ => false,
    }
}

fn check_token(rest: &[u8], at: usize, len: usize, which: usize) -> Result<(), ParseError> {
    let token = rest.get(..len).unwrap_or_default();
    if let Some(bad) = token.iter().position(|b| !b.is_ascii_graphic()) {
        return Err(refuse(at + bad, "a printable ASCII character"));
    }
    if len == 0 {
        return Err(refuse(at, EXPECTED.get(which).copied().unwrap_or_default()));
    }
    let most = MAX_BYTES.get(which).copied().unwrap_or_default();
    if len > most {
        return Err(refuse(at + most, TOO_LONG.get(which).copied().unwrap_or_default()));
    }
    if rest.get(len) != Some(&b' ') {
        return Err(refuse(at + len, "a space"));
    }
    Ok(())
}

/// Reads TIMESTAMP and the space behind it; gives where HOSTNAME begins; the lenient reader gives
/// nothing if the stamp is in no form of RFC 5424 or ISO 8601.
fn read_stamp<const STRICT: bool>(
    text: &str,
    at: usize,
    event: &mut Event<'_>,
    door: Door<'_>,
    reading: &mut Reading,
) -> Result<Option<usize>, ParseError> {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    if rest.starts_with(b"- ") {
        event.defects.insert(Defect::NoTimestamp);
        return Ok(Some(at + 2));
    }
    match scan_rfc3339(rest) {
        Ok((time, end)) if rest.get(end) == Some(&b' ') => {
            event.timereported = time;
            return Ok(Some(at + end + 1));
        }
        Ok((_, end)) if STRICT => return Err(refuse(at + end, "a space")),
        Err((offset, expected)) if STRICT => return Err(refuse(at + offset, expected)),
        _ => {}
    }
    let len = memchr(b' ', rest).unwrap_or(rest.len());
    if let Some(stamp) = stamp::iso(rest.get(..len).unwrap_or_default(), door.clock)
        && stamp.end == len
        && !goes_on(text, at, len, door)
    {
        event.timereported = stamp.time;
        if stamp.cut {
            event.defects.insert(Defect::TimestampCut);
            reading.lossy = true;
        }
        return Ok(Some(at + len + 1));
    }
    Ok(None)
}

/// Does a zone or `PM` stand behind the blank at `at + len`? Then the reader of odd heads has
/// the line. A word could be a host, unless a whole head follows it.
fn goes_on(text: &str, at: usize, len: usize, door: Door<'_>) -> bool {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    if stamp::iso(rest, door.clock).is_some_and(|stamp| stamp.end == len) {
        return false;
    }
    let word = rest.get(len + 1..).unwrap_or_default();
    word.starts_with(b"+") || word.starts_with(b"-") || odd::has_certain_head(text, at, door.clock)
}

/// Reads STRUCTURED-DATA and MSG, which begin at `at`.
#[inline(always)]
fn read_rest<'a, const STRICT: bool>(
    text: &'a str,
    at: usize,
    event: &mut Event<'a>,
    reading: &mut Reading,
) -> Result<(), ParseError> {
    let bytes = text.as_bytes();
    let end = match bytes.get(at) {
        Some(b'-') => Ok(at + 1),
        Some(b'[') => match sd::elements::<STRICT>(text, at) {
            Ok((elements, _)) if !STRICT && sd::are_text(&elements) => Err((at, "structured data or `-`")),
            Ok((elements, end)) => {
                event.structured_data = elements;
                Ok(end)
            }
            Err(refusal) => Err(refusal),
        },
        _ => Err((at.min(bytes.len()), "structured data or `-`")),
    };
    let refusal = match end {
        Ok(end) => match bytes.get(end) {
            None => {
                reading.message_at = end;
                return Ok(());
            }
            Some(b' ') => {
                reading.message_at = end + 1;
                event.message = message(text, end + 1);
                return Ok(());
            }
            Some(_) => (end, "a space"),
        },
        Err(refusal) => refusal,
    };
    if STRICT {
        return Err(refuse(refusal.0, refusal.1));
    }
    event.structured_data = Vec::new();
    event.defects.insert(Defect::BadStructuredData);
    reading.message_at = at.min(bytes.len());
    event.message = message(text, reading.message_at);
    Ok(())
}

/// MSG without the byte order mark that only says that it is UTF-8 (RFC 5424, 6.4).
pub(crate) fn message(text: &str, at: usize) -> Cow<'_, str> {
    let message = text.get(at..).unwrap_or_default();
    Cow::Borrowed(message.strip_prefix(BOM).unwrap_or(message))
}

/// Appends the event as RFC 5424, on one line: control characters of MSG and of
/// values are written as `#012`, which a trusting loggr takes back. Tags, custom fields and the uid go
/// into the SD-ELEMENT `pyloggr@45878`.
pub(crate) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    pri::write(event, out);
    out.extend_from_slice(b"1 ");
    event.timereported.write_rfc3339(out);
    let misfits = [
        write_token(0, "source", &event.source, out).or(sealed_without_source(event)),
        write_token(1, "app_name", &event.app_name, out),
        write_token(2, "procid", &event.procid, out),
        write_token(3, "msgid", &event.msgid, out),
    ];
    out.push(b' ');
    let escaped = needs_escape(event);
    let start = out.len();
    own::write(event, escaped, misfits, out);
    for (i, element) in event.structured_data.iter().enumerate() {
        // An id may stand only once (RFC 5424, 6.3.2): its first element writes the params of all.
        if event.structured_data[..i].iter().any(|e| e.id == element.id) {
            continue;
        }
        out.push(b'[');
        write_id(&element.id, out);
        for same in event.structured_data[i..].iter().filter(|e| e.id == element.id) {
            for param in &same.params {
                sd::write_param(&param.name, &param.value, escaped, out);
            }
        }
        out.push(b']');
    }
    if out.len() == start {
        out.push(b'-');
    }
    if event.message.is_empty() {
        return;
    }
    out.push(b' ');
    if event.message.starts_with(BOM) {
        out.extend_from_slice(BOM.encode_utf8(&mut [0; 3]).as_bytes());
    }
    if escaped {
        escape::write_reversible(&event.message, out);
    } else {
        out.extend_from_slice(event.message.as_bytes());
    }
}

/// Appends an SD-ID as it is passed on.
fn write_id(id: &str, out: &mut Vec<u8>) {
    sd::write_name(if id == own::OWN_SD_ID { own::UNTRUSTED_SD_ID } else { id }, out);
}

/// An SD-ID as it is passed on.
pub(crate) fn written_id(id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(id.len());
    write_id(id, &mut out);
    out
}

/// Is there a control character in anything that is written as MSG or as a value?
fn needs_escape(event: &Event<'_>) -> bool {
    let params = event.structured_data.iter().flat_map(|e| &e.params).map(|p| &p.value);
    let fields = event.fields.iter().flat_map(|f| f.values.iter().chain([&f.name]));
    let trusted = event.trusted.iter().flat_map(|f| [&f.name, &f.value]);
    [&event.message, &event.source, &event.app_name, &event.procid, &event.msgid]
        .into_iter()
        .chain(&event.hmac)
        .chain(&event.tags)
        .chain(params)
        .chain(fields)
        .chain(trusted)
        .any(|text| escape::needs_escape(text))
}

/// The source of a sealed event that has none: nothing may stand in for it at the other end.
fn sealed_without_source<'v>(event: &Event<'v>) -> Option<(&'static str, &'v str)> {
    (event.hmac.is_some() && event.source.is_empty()).then_some(("source", ""))
}

/// Appends a space and a header field; gives it back if the header cannot hold it.
fn write_token<'v>(
    which: usize,
    name: &'static str,
    value: &'v str,
    out: &mut Vec<u8>,
) -> Option<(&'static str, &'v str)> {
    out.push(b' ');
    if value.is_empty() {
        out.push(b'-');
        return None;
    }
    let most = MAX_BYTES.get(which).copied().unwrap_or_default();
    let fits = value.len() <= most && value != "-" && value.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        out.extend_from_slice(value.as_bytes());
        return None;
    }
    out.extend(value.bytes().take(most).map(|b| if b.is_ascii_graphic() { b } else { b'_' }));
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, Timestamp, Uid};

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339(b"2026-11-22T10:00:00Z").unwrap()
    }

    fn show(e: &Event<'_>) -> String {
        let sd: Vec<&str> = e.structured_data.iter().map(|s| s.id.as_ref()).collect();
        format!("{}|{}|{}|{}|{}|{}", e.source, e.app_name, e.procid, e.msgid, sd.join(","), e.message)
    }

    #[track_caller]
    fn check(line: &str, expect: Result<&str, usize>) {
        let origin = Origin::default();
        let got = Event::parse(line.as_bytes(), Format::Rfc5424, &origin, Uid::default(), now());
        assert_eq!(got.as_ref().map(show).as_deref().map_err(|e| e.offset()), expect, "{line}");
    }

    #[track_caller]
    fn check_lenient(line: &str, expect: &str, defects: &str) {
        let origin = Origin::default();
        let e = Event::receive(line.as_bytes(), &origin, Uid::default(), now());
        let found = e.defects.words().collect::<Vec<_>>().join(" ");
        assert_eq!((show(&e).as_str(), found.as_str()), (expect, defects), "{line}");
    }

    const HEAD: &str = "<34>1 2026-11-22T10:00:00.123456Z";

    #[test]
    fn strictly() {
        check(&format!("{HEAD} web app 1 ID - text"), Ok("web|app|1|ID||text"));
        check(&format!("{HEAD} web app 1 ID - \u{feff}text"), Ok("web|app|1|ID||text"));
        check(&format!("{HEAD} - - - - -"), Ok("|||||"));
        check(&format!("{HEAD} - - - - - "), Ok("|||||"));
        check(&format!("{HEAD} - - - - [a b=\"c\"][d] [e] f"), Ok("||||a,d|[e] f"));
        check("<34>1 - - - - - -", Ok("|||||"));
        check("<0>1 - - - - - - x", Ok("|||||x"));
        check("<192>1 - - - - - - x", Err(1));
        check("<034>1 - - - - - - x", Err(1));
        check("<34>2 - - - - - - x", Err(4));
        check("<34>11 - - - - - - x", Err(5));
        check("<34>1  - - - - - x", Err(6));
        check("<34>1 2026-11-31T10:00:00Z - - - - - x", Err(14));
        check("<34>1 2026-11-22T10:00:60Z - - - - - x", Err(23));
        check("<34>1 2026-11-22T10:00:00.1234567Z - - - - - x", Err(32));
        check("<34>1 2026-11-22T10:00:00Zx - - - - - x", Err(26));
        check("<34>1 - a\u{e4} - - - - x", Err(9));
        check("<34>1 -  - - - - x", Err(8));
        check(&format!("<34>1 - {} - - - - x", "h".repeat(255)), Ok(&format!("{}|||||x", "h".repeat(255))));
        check(&format!("<34>1 - {} - - - - x", "h".repeat(256)), Err(8 + 255));
        check(&format!("<34>1 - - {} - - - x", "h".repeat(49)), Err(10 + 48));
        check(&format!("<34>1 - - - {} - - x", "h".repeat(129)), Err(12 + 128));
        check(&format!("<34>1 - - - - {} - x", "h".repeat(33)), Err(14 + 32));
        check("<34>1 - - - - - x", Err(16));
        check("<34>1 - - - - - -x", Err(17));
        check("<34>1 - - - - -", Err(15));
        check("<34>1 - - -", Err(11));
        check("<34>1 - - - - - [a b=\"c\"]x", Err(25));
    }

    #[test]
    fn leniently() {
        check_lenient("<34>1 2026-11-22t10:00:00.123z web app 1 ID - x", "web|app|1|ID||x", "");
        check_lenient(
            "<34>1 2026-11-22T10:00:00.123456789Z web app - - - x",
            "web|app||||x",
            "timestamp_cut",
        );
        check_lenient("<34>1 2026-11-22T10:00:00+0100 web app - - - x", "web|app||||x", "");
        check_lenient("<34>1 yesterday web app - - - x", "web|app||||x", "no_timestamp");
        check_lenient("<34>1 - web app - - - x", "web|app||||x", "no_timestamp");
        check_lenient(&format!("{HEAD} web app - - [bad x"), "web|app||||[bad x", "bad_structured_data");
        check_lenient(
            &format!("{HEAD} web app - - no sd at all"),
            "web|app||||no sd at all",
            "bad_structured_data",
        );
        check_lenient(&format!("{HEAD} web app"), "web|app||||", "bad_structured_data");
        check_lenient(&format!("{HEAD} web a\u{e4}p - - - x"), "web|a\u{e4}p||||x", "");
        check_lenient(&format!("{HEAD} web app - - [a b=\"c]d\"] x"), "web|app|||a|x", "");
        check_lenient(&format!("\u{feff}{HEAD} web app - - - x\n"), "web|app||||x", "");
        check_lenient(&format!("{HEAD} web app - - - x\0y\0\n"), "web|app||||x\0y", "");
    }

    #[track_caller]
    fn check_written(event: &Event<'_>, expect: &str) {
        let mut out = Vec::new();
        write(event, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn writing() {
        let mut event = Event { source: "web".into(), message: "a\nb".into(), ..Event::default() };
        check_written(
            &event,
            "<13>1 1970-01-01T00:00:00.000000Z web - - - [pyloggr@45878 escaped=\"1\"] a#012b",
        );
        event.message = "m".into();
        event.app_name = "two words".into();
        assert!(event.add_tag("t"));
        event.add_field_value("f", "1\"");
        event.add_field_value("f", "2");
        event.add_field_value("uid", "x");
        check_written(
            &event,
            "<13>1 1970-01-01T00:00:00.000000Z web two_words - - [pyloggr@45878 tags=\"t\" app_name=\"two words\" \
             f=\"1\\\"\" f=\"2\" field=\"uid=x\"] m",
        );
    }

    #[test]
    fn an_untrusted_peers_claims_stay_structured_data_and_are_not_passed_on_as_ours() {
        let line = b"<13>1 - web - - - [pyloggr@45878 tags=\"admin\"] m";
        let origin = Origin::default();
        let event = Event::receive(line, &origin, Uid::default(), now());
        assert!(event.tags.is_empty());
        assert_eq!(event.sd_param("pyloggr@45878", "tags"), Some("admin"));
        let mut out = Vec::new();
        write(&event, &mut out);
        let trusting = Origin { trusted: true, ..Origin::default() };
        let passed_on = Event::receive(&out, &trusting, Uid::default(), now());
        assert!(passed_on.tags.is_empty());
    }
}
