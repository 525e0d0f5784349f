//! What a record of `/dev/kmsg` means: it becomes an event.
//!
//! A record is text: `PRIORITY,NUMBER,STAMP,FLAGS[,NAME=VALUE…];MESSAGE`, then a line ` NAME=VALUE` for each of its
//! fields. A byte that is no printable ASCII character stands there as `\xHH`. The number counts the records since
//! the host has started, the stamp the microseconds.
//!
//! | of the record | of the event |
//! |---|---|
//! | priority | severity and facility |
//! | message | message; of a program (any facility but `kern`) without the `NAME[PID]: ` in front of it |
//! | – | program `kernel`, process none; of a program those in front of its message |
//! | stamp | time that the sender reported, and of the first reception: the kernel is both |
//! | every `NAME=VALUE` | a custom field |

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loggr_event::{Defect, Event, Facility, Origin, Severity, Uid};

use super::place::Place;

/// The program of what the kernel says itself.
const KERNEL: &str = "kernel";
/// Characters of a program's name at most, if it is to be taken for one.
const MAX_NAME_CHARS: usize = 48;

/// A record, its escapes resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Its number.
    pub(super) number: u64,
    /// Microseconds since the host has started.
    pub(super) stamp: u64,
    /// Facility and severity; `None`: it is no record as they are known, and its message is all of it.
    priority: Option<u64>,
    message: Vec<u8>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Record {
    /// Reads a record; `None` if it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Record> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let (head, body) = bytes.split_at_checked(memchr::memchr(b';', bytes)?)?;
        let mut words = std::str::from_utf8(head).ok()?.split(',');
        let mut number = || words.next()?.parse::<u64>().ok();
        let (priority, number, stamp) = (number()?, number()?, number()?);
        let _flags = words.next();
        let mut record = Record { number, stamp, priority: Some(priority), ..Record::default() };
        record.fields.extend(words.filter_map(|word| field(word.as_bytes())));
        let mut lines = body.get(1..).unwrap_or_default().split(|byte| *byte == b'\n');
        record.message = unescaped(lines.next().unwrap_or_default());
        for line in lines {
            match line.strip_prefix(b" ").and_then(field) {
                Some(field) => record.fields.push(field),
                // No kernel writes such a line; it is kept all the same.
                None => {
                    record.message.push(b'\n');
                    record.message.extend(unescaped(line));
                }
            }
        }
        Some(record)
    }

    /// What stands where a record is expected.
    pub(super) fn foreign(bytes: &[u8], number: u64, stamp: u64) -> Record {
        Record { number, stamp, message: bytes.to_owned(), ..Record::default() }
    }

    /// The event, of the boot and with the times of `place`. `max_message` is the longest message in
    /// bytes; a longer one is cut.
    pub(super) fn event<'a>(&'a self, place: &Place, origin: &'a Origin, max_message: usize) -> Event<'a> {
        let at = place.time_of(self.stamp);
        let mut event = Event::new(origin, Uid::of_series(&place.boot.0, self.number, at), at);
        event.timereported = at;
        event.source = Cow::Borrowed(origin.host());
        match self.priority {
            None => event.defects.insert(Defect::Unparsed),
            Some(priority) => {
                event.severity = Severity::from_code((priority & 7) as u8).unwrap_or(event.severity);
                let facility = u8::try_from(priority >> 3).ok().and_then(Facility::from_code);
                event.facility = facility.unwrap_or(Facility::USER);
                if facility.is_none() {
                    event.defects.insert(Defect::NoPriority);
                    event.add_field_value("PRIORITY", priority.to_string());
                }
            }
        }
        let mut message = self.message.as_slice();
        if self.priority.is_some_and(|priority| priority >> 3 == 0) {
            event.app_name = Cow::Borrowed(KERNEL);
        } else if let Some((name, process, rest)) = tag(message) {
            (event.app_name, event.procid, message) = (Cow::Borrowed(name), Cow::Borrowed(process), rest);
        }
        let kept = message.get(..max_message).unwrap_or(message);
        if kept.len() < message.len() {
            event.defects.insert(Defect::Truncated);
            event.original_len = Some(message.len() as u64);
        }
        event.message = String::from_utf8_lossy(kept);
        if std::str::from_utf8(message).is_err() {
            event.defects.insert(Defect::NotUtf8);
            event.add_field_value("MESSAGE_BASE64", STANDARD.encode(message));
        }
        for (name, value) in &self.fields {
            let name = String::from_utf8_lossy(name);
            let readable = String::from_utf8_lossy(value);
            if let Cow::Owned(_) = readable {
                event.defects.insert(Defect::NotUtf8);
                event.add_field_value(format!("{name}_BASE64"), STANDARD.encode(value));
            }
            event.add_field_value(name, readable);
        }
        event
    }
}

/// A field, unescaped; `None` if it has no name.
fn field(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = memchr::memchr(b'=', text).filter(|at| *at > 0)?;
    let (name, value) = text.split_at_checked(at)?;
    Some((unescaped(name), unescaped(value.get(1..).unwrap_or_default())))
}

/// The bytes for which `\xHH` stands; any other backslash is one.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit =
        |at: usize| char::from(*text.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escape =
            (*byte == b'\\' && text.get(at + 1) == Some(&b'x')).then(|| digit(at + 2).zip(digit(at + 3)));
        match escape.flatten() {
            Some((high, low)) => {
                out.push((high << 4) | low);
                at += 4;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

/// The `NAME[PID]: ` or `NAME: ` with which programs begin: name, process and what follows.
fn tag(message: &[u8]) -> Option<(&str, &str, &[u8])> {
    let end = message.windows(2).take(MAX_NAME_CHARS + 24).position(|two| two == b": ")?;
    let (head, rest) = (message.get(..end)?, message.get(end + 2..)?);
    let head = std::str::from_utf8(head).ok()?;
    let (name, process) = match head.strip_suffix(']') {
        Some(head) => head.split_once('[')?,
        None => (head, ""),
    };
    let is_name = |c: char| c.is_ascii_graphic() && !matches!(c, '[' | ']' | ':' | '=');
    let is_tag = (1..=MAX_NAME_CHARS).contains(&name.len())
        && name.chars().all(is_name)
        && process.chars().all(|c| c.is_ascii_digit())
        && process.is_empty() != head.ends_with(']');
    is_tag.then_some((name, process, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::kernel::place::{Base, Boot};

    const BASE: i64 = 1_795_341_600_000_000;

    fn place() -> Place {
        Place { boot: Boot([1; 16]), next: 0, base: Base { zero: BASE, start: BASE } }
    }

    #[track_caller]
    fn check(record: &[u8], expect: &str) {
        let origin = Origin { peer: "here".to_owned(), ..Origin::default() };
        let record = Record::parse(record).unwrap_or_else(|| Record::foreign(record, 7, 7));
        let event = record.event(&place(), &origin, 30);
        let fields: Vec<_> =
            event.fields.iter().map(|f| format!("{}={}", f.name, f.values.join("|"))).collect();
        let got = format!(
            "{} {} {} {}[{}] {}: {};{};{}",
            record.number,
            event.severity.keyword(),
            event.facility.keyword(),
            event.app_name,
            event.procid,
            event.timereported.unix_micros() - BASE,
            event.message,
            fields.join(","),
            event.defects.words().collect::<Vec<_>>().join(","),
        );
        assert_eq!(got, expect);
    }

    #[test]
    fn records_become_events() {
        check(
            b"6,339,5140900,-;NET: Registered protocol\n",
            "339 info kern kernel[] 5140900: NET: Registered protocol;;",
        );
        check(
            b"4,1,2,-,caller=T1;usb 1-1: new\n SUBSYSTEM=usb\n DEVICE=c189:1\n",
            "1 warning kern kernel[] 2: usb 1-1: new;caller=T1,SUBSYSTEM=usb,DEVICE=c189:1;",
        );
        check(b"3,4,0,c;", "4 err kern kernel[] 0: ;;");
        check(b"0,18446744073709551615,9,-;down", "18446744073709551615 emerg kern kernel[] 9: down;;");
    }

    #[test]
    fn what_programs_write_keeps_its_facility_and_its_name() {
        check(b"13,5,6,-;loggr-test seq=1", "5 notice user [] 6: loggr-test seq=1;;");
        check(b"30,5,6,-;systemd[1]: Started a.", "5 info daemon systemd[1] 6: Started a.;;");
        check(b"30,5,6,-;(udev-worker)[12]: x", "5 info daemon (udev-worker)[12] 6: x;;");
        check(b"12,5,6,-;app: up", "5 warning user app[] 6: up;;");
        check(b"12,5,6,-;app[]: up", "5 warning user [] 6: app[]: up;;");
        check(b"12,5,6,-;two words: up", "5 warning user [] 6: two words: up;;");
        check(b"12,5,6,-;: up", "5 warning user [] 6: : up;;");
        check(b"1000,5,6,-;far", "5 emerg user [] 6: far;PRIORITY=1000;no_priority");
    }

    #[test]
    fn escapes_stand_for_bytes() {
        check(br"6,1,2,-;a\x09b\x5cx41\xc3\xa4\", "1 info kern kernel[] 2: a\tb\\x41ä\\;;");
        check(br"6,1,2,-;a\xg1\x4", "1 info kern kernel[] 2: a\\xg1\\x4;;");
        check(br"6,1,2,-;one\x0atwo", "1 info kern kernel[] 2: one\ntwo;;");
        check(b"6,1,2,-;a\n DEVICE=+usb\\x3a1", "1 info kern kernel[] 2: a;DEVICE=+usb:1;");
        check(br"6,1,2,-;a\xff", "1 info kern kernel[] 2: a\u{fffd};MESSAGE_BASE64=Yf8=;not_utf8");
    }

    #[test]
    fn what_is_odd_is_kept() {
        check(b"6,1,2,-;a\nb\n =c\n d", "1 info kern kernel[] 2: a\nb\n =c\n d;;");
        check(b"no record", "7 notice user [] 7: no record;;unparsed");
        check(b"6,x,2,-;a", "7 notice user [] 7: 6,x,2,-;a;;unparsed");
        check(b"", "7 notice user [] 7: ;;unparsed");
        check(
            b"6,1,2,-;0123456789012345678901234567890123456789",
            "1 info kern kernel[] 2: 012345678901234567890123456789;;truncated",
        );
    }

    #[test]
    fn a_record_that_is_read_again_is_the_same_event() {
        let origin = Origin::default();
        let event = |number| Record { number, stamp: 5, ..Record::default() }.event(&place(), &origin, 9).uid;
        assert_eq!(event(3), event(3));
        assert!(event(3) < event(4));
        assert_eq!(event(3), Uid::of_series(&[1; 16], 3, place().time_of(5)));
    }

    /// As the kernel writes it.
    fn escaped(bytes: &[u8]) -> String {
        let one = |byte: &u8| match byte {
            b' '..127 if *byte != b'\\' => char::from(*byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        };
        bytes.iter().map(one).collect()
    }

    proptest! {
        #[test]
        fn what_the_kernel_writes_is_read(
            head in (any::<u64>(), any::<u64>(), any::<u64>()),
            message: Vec<u8>,
            values in prop::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            let fields: String = values.iter().map(|value| format!(" SUBSYSTEM={}\n", escaped(value))).collect();
            let (priority, number, stamp) = head;
            let text = format!("{priority},{number},{stamp},-;{}\n{fields}", escaped(&message));
            let fields = values.into_iter().map(|value| (b"SUBSYSTEM".to_vec(), value)).collect();
            let expect = Record { number, stamp, priority: Some(priority), message, fields };
            prop_assert_eq!(Record::parse(text.as_bytes()), Some(expect));
        }

        #[test]
        fn any_bytes_become_an_event(bytes: Vec<u8>, max in 0usize..50) {
            let record = Record::parse(&bytes).unwrap_or_else(|| Record::foreign(&bytes, 1, 2));
            let origin = Origin::default();
            prop_assert!(record.event(&place(), &origin, max).message.len() <= max * 3);
        }
    }
}
