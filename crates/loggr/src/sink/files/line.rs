//! One event as one line of a file.
//!
//! The dumps escape line feeds, but the one that gives the received bytes back cannot;
//! here they are escaped as in the others, so that a file has as many lines as events
//! (the two lines of `ES` and the maps of `MSGPACK` excepted, which belong together so).

use loggr_event::{DumpFormat, Event};

/// Appends the line of an event.
pub(super) fn append(event: &Event<'_>, format: &DumpFormat, out: &mut Vec<u8>) {
    let start = out.len();
    event.dump(format, out);
    if !ends_in_newline(format) {
        return;
    }
    if matches!(format, DumpFormat::Raw) {
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
    use super::*;

    #[track_caller]
    fn check(format: &str, expect: &[u8]) {
        let raw: &[u8] = b"\xff\nb";
        let event = Event { message: "a\nb".into(), raw: Some(raw.into()), ..Event::default() };
        let mut out = b"before\n".to_vec();
        append(&event, &DumpFormat::parse(format).unwrap(), &mut out);
        assert_eq!(out.strip_prefix(b"before\n"), Some(expect));
    }

    #[test]
    fn an_event_is_one_line() {
        check("message", b"a#012b\n");
        check("raw", b"\xff#012b\n");
        check("$MESSAGE!", b"a#012b!\n");
    }

    #[test]
    fn messagepack_has_no_separator() {
        let (event, mut out, mut packed) = (Event::default(), Vec::new(), Vec::new());
        append(&event, &DumpFormat::Msgpack, &mut out);
        event.to_msgpack(&mut packed);
        assert_eq!(out, packed);
    }
}
