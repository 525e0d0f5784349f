//! What an entry of the journal means: it becomes an event.
//!
//! | of the journal | of the event |
//! |---|---|
//! | `MESSAGE` | message |
//! | `PRIORITY`, `SYSLOG_FACILITY` | severity (without it `info`, as the journal takes it), facility (of the kernel's `kern`) |
//! | `SYSLOG_IDENTIFIER`, else `_COMM`; `SYSLOG_PID`, else `_PID` | program, process |
//! | `_HOSTNAME` | host |
//! | `_SOURCE_REALTIME_TIMESTAMP`, else the time of reception | time that the sender reported |
//! | the time at which the journal received it | time of the first reception |
//! | every name that begins with `_` | a trusted field: the journal has it from the kernel or from systemd, and no program can set it |
//! | every other name | a custom field |
//!
//! A value that is not UTF-8 is readable text in its place, and stands whole in the custom field `NAME_BASE64`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggr_event::{Defect, Event, Facility, Origin, Severity, Timestamp, TrustedField, Uid};

use super::file::Entry;
use super::layout::Id;

/// The names whose value the event has under a name of its own.
const OWN: [&str; 7] = [
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_FACILITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_PID",
    "_HOSTNAME",
    "_SOURCE_REALTIME_TIMESTAMP",
];

/// The event. `max_message` is the longest message in bytes; a longer one is cut.
pub(super) fn event<'a>(entry: &'a Entry, series: Id, origin: &'a Origin, max_message: usize) -> Event<'a> {
    let received = micros(entry.realtime);
    let mut event = Event::new(origin, Uid::of_series(&series.0, entry.seqnum, received), received);
    let text = |name: &str| entry.get(name).map(String::from_utf8_lossy);
    let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok());
    let code = |name: &str| number(name).and_then(|code| u8::try_from(code).ok());
    event.severity = code("PRIORITY").and_then(Severity::from_code).unwrap_or(Severity::Informational);
    let is_kernel = entry.get("_TRANSPORT") == Some(b"kernel");
    let usual = if is_kernel { Facility::KERN } else { Facility::USER };
    event.facility = code("SYSLOG_FACILITY").and_then(Facility::from_code).unwrap_or(usual);
    event.source = text("_HOSTNAME").unwrap_or(Cow::Borrowed(origin.host()));
    let program = text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM"));
    event.app_name = program.unwrap_or(Cow::Borrowed(if is_kernel { "kernel" } else { "" }));
    event.procid = text("SYSLOG_PID").or_else(|| text("_PID")).unwrap_or_default();
    event.timereported = number("_SOURCE_REALTIME_TIMESTAMP").map_or(received, micros);
    let message = entry.get("MESSAGE").unwrap_or_default();
    let kept = message.get(..max_message).unwrap_or(message);
    event.message = String::from_utf8_lossy(kept);
    if kept.len() < message.len() || entry.left_out > 0 {
        event.defects.insert(Defect::Truncated);
        event.original_len = Some(message.len() as u64 + entry.left_out);
    }
    for field in &entry.fields {
        let Some(at) = memchr::memchr(b'=', field) else { continue };
        let (name, value) = (String::from_utf8_lossy(&field[..at]), &field[at + 1..]);
        let readable = String::from_utf8_lossy(value);
        if let Cow::Owned(_) = readable {
            event.defects.insert(Defect::NotUtf8);
            event.add_field_value(format!("{name}_BASE64"), STANDARD.encode(value));
        }
        if OWN.contains(&name.as_ref()) {
            continue;
        }
        match name.starts_with('_') {
            true => event.trusted.push(TrustedField { name, value: readable }),
            false => event.add_field_value(name, readable),
        }
    }
    event
}

fn micros(realtime: u64) -> Timestamp {
    Timestamp::from_unix_micros(i64::try_from(realtime).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: u64 = 1_795_341_600_000_000;

    #[track_caller]
    fn check(fields: &[&[u8]], expect: &str) {
        let fields = fields.iter().map(|field| (*field).into()).collect();
        let entry = Entry { seqnum: 7, realtime: RECEIVED, fields, ..Entry::default() };
        let origin = Origin { peer: "here".to_owned(), ..Origin::default() };
        let event = event(&entry, Id([1; 16]), &origin, 12);
        let trusted = event.trusted.iter().map(|f| format!("{}={}", f.name, f.value));
        let fields = event.fields.iter().map(|f| format!("{}={}", f.name, f.values.join("|")));
        let got = [
            format!(
                "{} {} {} {}[{}]: {}",
                event.severity.keyword(),
                event.facility.keyword(),
                event.source,
                event.app_name,
                event.procid,
                event.message
            ),
            trusted.collect::<Vec<_>>().join(","),
            fields.collect::<Vec<_>>().join(","),
            event.defects.words().collect::<Vec<_>>().join(","),
        ];
        assert_eq!(got.join(";"), expect);
    }

    #[test]
    fn entries_become_events() {
        check(
            &[
                b"MESSAGE=hello",
                b"PRIORITY=3",
                b"SYSLOG_FACILITY=4",
                b"SYSLOG_IDENTIFIER=sshd",
                b"_PID=7",
                b"_COMM=x",
                b"_HOSTNAME=web1",
            ],
            "err auth web1 sshd[7]: hello;_PID=7,_COMM=x;;",
        );
        check(&[b"MESSAGE=up", b"_TRANSPORT=kernel"], "info kern here kernel[]: up;_TRANSPORT=kernel;;");
        check(&[b"_COMM=cron", b"SYSLOG_PID=9", b"_PID=8"], "info user here cron[9]: ;_COMM=cron,_PID=8;;");
        check(&[b"PRIORITY=99", b"MESSAGE=a=b", b"MESSAGE=c"], "info user here []: a=b;;;");
    }

    #[test]
    fn what_is_too_long_or_not_readable_is_told() {
        check(&[b"MESSAGE=0123456789abcdef"], "info user here []: 0123456789ab;;;truncated");
        check(&[b"MESSAGE=a\xffb"], "info user here []: a\u{fffd}b;;MESSAGE_BASE64=Yf9i;not_utf8");
        check(&[b"X=1", b"X=2", b"no value"], "info user here []: ;;X=1|2;");
    }

    #[test]
    fn times_are_those_of_the_sender_and_of_the_journal() {
        let fields = vec![b"_SOURCE_REALTIME_TIMESTAMP=1795341599999999"[..].into()];
        let entry = Entry { seqnum: 7, realtime: RECEIVED, fields, ..Entry::default() };
        let origin = Origin::default();
        let event = event(&entry, Id([1; 16]), &origin, 12);
        assert_eq!(event.timereported.unix_micros(), 1_795_341_599_999_999);
        assert_eq!(event.timegenerated.unix_micros(), 1_795_341_600_000_000);
        assert_eq!(event.uid, Uid::of_series(&[1; 16], 7, event.timegenerated));
    }
}
