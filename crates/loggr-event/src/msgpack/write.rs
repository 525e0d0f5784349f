//! The writing side: an event as a map of what it has.

use crate::{Event, InputFormat, Origin, Timestamp};

/// Entries of a map whose number is known at its end: a header of three bytes that is
/// patched. An event has less than 65,536 entries.
struct MapWriter {
    header: usize,
    len: u16,
}

impl MapWriter {
    fn begin(out: &mut Vec<u8>) -> MapWriter {
        let header = out.len();
        out.extend_from_slice(&[0xde, 0, 0]);
        MapWriter { header, len: 0 }
    }

    fn key(&mut self, key: &str, out: &mut Vec<u8>) {
        self.len += 1;
        write_text(key, out);
    }

    fn text(&mut self, key: &str, value: &str, out: &mut Vec<u8>) {
        if !value.is_empty() {
            self.key(key, out);
            write_text(value, out);
        }
    }

    fn end(self, out: &mut [u8]) {
        let [high, low] = self.len.to_be_bytes();
        if let Some([_, a, b, ..]) = out.get_mut(self.header..) {
            (*a, *b) = (high, low);
        }
    }
}

pub(super) fn event(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut map = MapWriter::begin(out);
    map.key("uid", out);
    write_binary(event.uid.as_bytes(), out);
    map.key("timereported", out);
    write_stamp(event.timereported, out);
    map.key("timegenerated", out);
    write_stamp(event.timegenerated, out);
    map.key("severity", out);
    out.push(event.severity.code());
    map.key("facility", out);
    out.push(event.facility.code());
    map.text("source", &event.source, out);
    map.text("app_name", &event.app_name, out);
    map.text("procid", &event.procid, out);
    map.text("msgid", &event.msgid, out);
    map.text("message", &event.message, out);
    if !event.structured_data.is_empty() {
        map.key("structured_data", out);
        write_list(event.structured_data.len(), out);
        for element in &event.structured_data {
            out.push(0x92);
            write_text(&element.id, out);
            write_list(element.params.len(), out);
            for param in &element.params {
                out.push(0x92);
                write_text(&param.name, out);
                write_text(&param.value, out);
            }
        }
    }
    if !event.tags.is_empty() {
        map.key("tags", out);
        write_list(event.tags.len(), out);
        event.tags.iter().for_each(|t| write_text(t, out));
    }
    if !event.fields.is_empty() {
        map.key("fields", out);
        write_map(event.fields.len(), out);
        for field in &event.fields {
            write_text(&field.name, out);
            write_list(field.values.len(), out);
            field.values.iter().for_each(|v| write_text(v, out));
        }
    }
    if !event.trusted.is_empty() {
        map.key("trusted", out);
        write_map(event.trusted.len(), out);
        for field in &event.trusted {
            write_text(&field.name, out);
            write_text(&field.value, out);
        }
    }
    if let Some(origin) = &event.origin {
        map.key("origin", out);
        write_origin(origin, out);
    }
    if !event.defects.is_empty() {
        map.key("defects", out);
        write_integer(i64::from(event.defects.bits()), out);
    }
    if let Some(raw) = &event.raw {
        map.key("raw", out);
        write_binary(raw, out);
    }
    if let Some(len) = event.original_len {
        map.key("original_len", out);
        write_integer(i64::try_from(len).unwrap_or(i64::MAX), out);
    }
    if let Some(hmac) = &event.hmac {
        map.key("hmac", out);
        write_text(hmac, out);
    }
    if let Some(time) = event.timehmac {
        map.key("timehmac", out);
        write_stamp(time, out);
    }
    map.end(out);
}

fn write_origin(origin: &Origin, out: &mut Vec<u8>) {
    let mut map = MapWriter::begin(out);
    map.text("listener", &origin.listener, out);
    map.text("transport", origin.transport.keyword(), out);
    map.text("peer", &origin.peer, out);
    if let Some(name) = &origin.tls_name {
        map.key("tls_name", out);
        write_text(name, out);
    }
    if origin.trusted {
        map.key("trusted", out);
        out.push(0xc3);
    }
    if origin.format != InputFormat::Auto {
        map.text("format", origin.format.keyword(), out);
    }
    map.text("timezone", &origin.timezone, out);
    if origin.keep_leading_blank {
        map.key("keep_leading_blank", out);
        out.push(0xc3);
    }
    map.end(out);
}

fn write_stamp(stamp: Timestamp, out: &mut Vec<u8>) {
    out.push(0x92);
    write_integer(stamp.unix_micros(), out);
    write_integer(i64::from(stamp.offset_minutes()), out);
}

pub(super) fn write_integer(value: i64, out: &mut Vec<u8>) {
    if let Ok(small) = i8::try_from(value) {
        if small >= -32 {
            out.push(small.cast_unsigned());
        } else {
            out.extend_from_slice(&[0xd0, small.cast_unsigned()]);
        }
    } else if let Ok(short) = i16::try_from(value) {
        out.push(0xd1);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends a header: the short form below `fixed`, else one of the long ones.
fn write_header(len: usize, short: u8, fixed: usize, [one, two, four]: [u8; 3], out: &mut Vec<u8>) {
    if len < fixed {
        out.push(short | len as u8);
    } else if one != 0 && len < 0x100 {
        out.extend_from_slice(&[one, len as u8]);
    } else if len < 0x1_0000 {
        out.push(two);
        out.extend_from_slice(&(len as u16).to_be_bytes());
    } else {
        out.push(four);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
}

#[inline]
fn write_text(text: &str, out: &mut Vec<u8>) {
    write_header(text.len(), 0xa0, 32, [0xd9, 0xda, 0xdb], out);
    out.extend_from_slice(text.as_bytes());
}

fn write_binary(bytes: &[u8], out: &mut Vec<u8>) {
    write_header(bytes.len(), 0, 0, [0xc4, 0xc5, 0xc6], out);
    out.extend_from_slice(bytes);
}

fn write_list(len: usize, out: &mut Vec<u8>) {
    write_header(len, 0x90, 16, [0, 0xdc, 0xdd], out);
}

fn write_map(len: usize, out: &mut Vec<u8>) {
    write_header(len, 0x80, 16, [0, 0xde, 0xdf], out);
}
