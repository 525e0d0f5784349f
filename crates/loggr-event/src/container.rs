//! Lines whose format is certain because the listener says it: text as it stands, and the lines that
//! container runtimes write into files.
//!
//! Not fragments: whoever reads the file has joined those of one line (`message`, in whole). Nothing is
//! guessed here: a line that is not of the format becomes the message, with a defect.
//!
//! | format | a line |
//! |---|---|
//! | `raw` | the message |
//! | `docker` | `{"log":"text\n","stream":"stdout","time":"2026-11-22T10:00:00.123456789Z"}` |
//! | `cri` | `2026-11-22T10:00:00.123456789Z stdout F text` |

use std::borrow::Cow;

use crate::complete::{complete, receive_json};
use crate::moment::Clock;
use crate::{Defect, Event, InputFormat, Origin, Timestamp, Uid, stamp};

/// A line of the container runtime interface, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cri<'a> {
    /// When the container wrote it, RFC 3339 with nanoseconds.
    pub time: &'a [u8],
    /// `stdout` or `stderr`.
    pub stream: &'a [u8],
    /// The text goes on in the next line of this stream.
    pub is_partial: bool,
    /// The text.
    pub text: &'a [u8],
}

impl<'a> Cri<'a> {
    /// Takes a line apart, without its line feed; `None` if it is not such a line.
    ///
    /// ```
    /// let line = loggr_event::Cri::parse(b"2026-11-22T10:00:00.5Z stderr P half").unwrap();
    /// assert_eq!((line.stream, line.is_partial, line.text), (&b"stderr"[..], true, &b"half"[..]));
    /// ```
    pub fn parse(line: &'a [u8]) -> Option<Cri<'a>> {
        let mut parts = line.splitn(4, |byte| *byte == b' ');
        let (time, stream, tags) = (parts.next()?, parts.next()?, parts.next()?);
        let text = parts.next().unwrap_or_default();
        if !time.first()?.is_ascii_digit() || !matches!(stream, b"stdout" | b"stderr") {
            return None;
        }
        // More tags may stand behind the first one.
        let is_partial = match tags.split(|byte| *byte == b':').next()? {
            b"P" => true,
            b"F" => false,
            _ => return None,
        };
        Some(Cri { time, stream, is_partial, text })
    }
}

/// Makes an event of a line whose format is of this file.
pub(crate) fn receive<'a>(
    event: &mut Event<'a>,
    line: &'a [u8],
    origin: &'a Origin,
    uid: Uid,
    now: Timestamp,
) {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |last| last + 1);
    let body = line.get(..end).unwrap_or_default();
    let is_of_the_format = match origin.format {
        InputFormat::Docker => docker(event, body, line, origin, uid, now),
        InputFormat::Cri => cri(event, body, line, origin, now),
        _ => {
            event.message = text(event, body, line);
            true
        }
    };
    if !is_of_the_format {
        event.message = text(event, body, line);
        event.defects.insert(Defect::Unparsed);
        event.defects.insert(Defect::NoTimestamp);
        event.raw = Some(Cow::Borrowed(line));
    }
    // A message has no priority here, so that it lacks none.
    event.defects.remove(Defect::NoPriority);
    complete(event, origin);
}

/// Text of a line; where it is not UTF-8 the line itself is kept.
fn text<'a>(event: &mut Event<'a>, bytes: &'a [u8], line: &'a [u8]) -> Cow<'a, str> {
    let text = String::from_utf8_lossy(bytes);
    if matches!(text, Cow::Owned(_)) {
        event.raw = Some(Cow::Borrowed(line));
        event.defects.insert(Defect::NotUtf8);
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        owned => owned,
    }
}

fn docker<'a>(
    event: &mut Event<'a>,
    body: &'a [u8],
    line: &'a [u8],
    origin: &'a Origin,
    uid: Uid,
    now: Timestamp,
) -> bool {
    let Ok(body) = std::str::from_utf8(body) else { return false };
    if !receive_json(body, line, event, origin, uid, now) {
        return false;
    }
    let end = event.message.trim_end_matches(['\n', '\r']).len();
    match &mut event.message {
        Cow::Borrowed(message) => *message = message.get(..end).unwrap_or_default(),
        Cow::Owned(message) => message.truncate(end),
    }
    true
}

fn cri<'a>(
    event: &mut Event<'a>,
    body: &'a [u8],
    line: &'a [u8],
    origin: &'a Origin,
    now: Timestamp,
) -> bool {
    let Some(found) = Cri::parse(body) else { return false };
    match stamp::iso(found.time, Clock::of(origin, now)) {
        Some(stamp) if stamp.end == found.time.len() => event.timereported = stamp.time,
        _ => event.defects.insert(Defect::NoTimestamp),
    }
    event.message = text(event, found.text, line);
    event.set_field("stream", if found.stream == b"stdout" { "stdout" } else { "stderr" });
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assumed, Transport};

    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

    #[track_caller]
    fn check(format: InputFormat, line: &str, expect: &str) {
        let fields = vec![("file".to_owned(), "/l".to_owned())];
        let assumed = Assumed {
            host: "h".to_owned(),
            app_name: "a".to_owned(),
            facility: Some(16),
            severity: Some(6),
            fields,
            ..Assumed::default()
        };
        let origin = Origin {
            format,
            transport: Transport::File,
            peer: "/l".to_owned(),
            assumed: Some(Box::new(assumed)),
            ..Origin::default()
        };
        let event = Event::receive(line.as_bytes(), &origin, Uid::default(), NOW);
        let fields: Vec<_> =
            event.fields.iter().map(|f| format!("{}={}", f.name, f.values.join(","))).collect();
        let defects: Vec<_> = event.defects.words().collect();
        let got = format!(
            "{} {} {} {} {} [{}] {} {:?}",
            event.timereported,
            event.source,
            event.app_name,
            event.facility.keyword(),
            event.severity.keyword(),
            fields.join(" "),
            defects.join(" "),
            event.message
        );
        assert_eq!(got, expect);
    }

    #[test]
    fn what_a_listener_says_is_believed() {
        let now = "2026-11-22T10:00:00.000000Z h a local0 info";
        check(InputFormat::Raw, "<13>no head\r\n", &format!("{now} [file=/l]  \"<13>no head\""));
        check(InputFormat::Raw, "{\"a\":1}", &format!("{now} [file=/l]  \"{{\\\"a\\\":1}}\""));
        check(
            InputFormat::Cri,
            "2026-11-22T09:00:00.123456789+01:00 stderr F  two words",
            "2026-11-22T09:00:00.123456+01:00 h a local0 info [stream=stderr file=/l]  \" two words\"",
        );
        check(InputFormat::Cri, "torn", &format!("{now} [file=/l] unparsed no_timestamp \"torn\""));
        check(
            InputFormat::Docker,
            r#"{"log":"caf\u00e9\r\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-11-22T09:00:00.1Z"}"#,
            "2026-11-22T09:00:00.100000Z h a local0 info [stream=stdout attrs.tag=x file=/l]  \"caf\u{e9}\"",
        );
        check(
            InputFormat::Docker,
            "{\"log\":\"x",
            &format!("{now} [file=/l] unparsed no_timestamp \"{{\\\"log\\\":\\\"x\""),
        );
    }

    #[test]
    fn a_line_of_the_runtime_interface_is_taken_apart() {
        let parse = |line: &'static str| Cri::parse(line.as_bytes()).map(|l| (l.is_partial, l.text));
        assert_eq!(parse("2026-11-22T10:00:00Z stdout P half "), Some((true, &b"half "[..])));
        assert_eq!(parse("2026-11-22T10:00:00Z stdout F:x "), Some((false, &b""[..])));
        assert_eq!(parse("2026-11-22T10:00:00Z stdout F"), Some((false, &b""[..])));
        assert_eq!(parse("2026-11-22T10:00:00Z stdin F x"), None);
        assert_eq!(parse("x stdout F x"), None);
        assert_eq!(parse(""), None);
    }
}
