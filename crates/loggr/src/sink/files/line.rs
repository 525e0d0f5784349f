//! One event as one line of a file.
//!
//! The dumps escape line feeds, but the one that gives the received bytes back cannot;
//! here they are escaped as in the others, so that a file has as many lines as events
//! (the two lines of `ES` and the maps of `MSGPACK` excepted, which belong together so).
//! A line feed that ends the received bytes is the line's end, and no part of it.

use loggr_event::{DumpFormat, Event};
use loggr_flow::{Payload, Record};

/// Appends the line of a record, whose event is given.
pub(super) fn append(record: &Record<'_>, event: &Event<'_>, format: &DumpFormat, out: &mut Vec<u8>) {
    let start = out.len();
    match (format, record.payload) {
        (DumpFormat::Raw, Payload::Line(received)) => out.extend_from_slice(received),
        _ => event.dump(format, out),
    }
    if !ends_in_newline(format) {
        return;
    }
    if matches!(format, DumpFormat::Raw) {
        if out.len() > start && out.last() == Some(&b'\n') {
            out.pop();
        }
        escape_newlines(start, out);
    }
    out.push(b'\n');
}

/// MessagePack maps follow each other without a separator.
pub(super) fn ends_in_newline(format: &DumpFormat) -> bool {
    !matches!(format, DumpFormat::Msgpack)
}

fn escape_newlines(start: usize, out: &mut Vec<u8>) {
    if memchr::memchr(b'\n', out.get(start..).unwrap_or_default()).is_none() {
        return;
    }
    for byte in out.split_off(start) {
        match byte {
            b'\n' => out.extend_from_slice(b"#012"),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loggr_event::{Origin, Timestamp, Uid};
    use loggr_flow::BatchBuilder;

    use super::*;

    fn line(push: impl FnOnce(&mut BatchBuilder), format: &str) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        push(&mut builder);
        let batch = builder.finish().unwrap();
        let record = batch.records().next().unwrap();
        let mut out = b"before\n".to_vec();
        append(&record, &record.event(), &DumpFormat::parse(format).unwrap(), &mut out);
        out.split_off(7)
    }

    #[track_caller]
    fn check(format: &str, expect: &[u8]) {
        let raw: &[u8] = b"\xff\nb";
        let event = Event { message: "a\nb".into(), raw: Some(raw.into()), ..Event::default() };
        assert_eq!(line(|b| b.push_event(&event), format), expect);
    }

    #[test]
    fn an_event_is_one_line() {
        check("message", b"a#012b\n");
        check("raw", b"\xff#012b\n");
        check("$MESSAGE!", b"a#012b!\n");
    }

    #[track_caller]
    fn check_raw(received: &[u8], expect: &[u8]) {
        let (origin, uid, now) = (Arc::new(Origin::default()), Uid::default(), Timestamp::default());
        assert_eq!(line(|b| b.push_line(&origin, uid, now, received), "RAW"), expect);
    }

    #[test]
    fn raw_gives_the_received_bytes() {
        for whole in [
            &b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed"[..],
            b"<165>1 2003-10-11T22:14:15.003Z h app - ID47 [x@32473 a=\"b\"]  two  blanks ",
            b"{\"host\":\"h\",  \"message\":\"m\"}",
            b"\tno syslog at all\0\r",
            b"<13>caf\xe9",
        ] {
            check_raw(whole, &[whole, b"\n"].concat());
            check_raw(&[whole, b"\n"].concat(), &[whole, b"\n"].concat());
        }
        check_raw(b"<13>one\ntwo\n\n", b"<13>one#012two#012\n");
    }

    #[test]
    fn messagepack_has_no_separator() {
        let (event, mut packed) = (Event::default(), Vec::new());
        event.to_msgpack(&mut packed);
        assert_eq!(line(|b| b.push_event(&event), "msgpack"), packed);
    }
}
