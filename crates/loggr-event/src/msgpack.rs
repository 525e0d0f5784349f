//! MessagePack: an event as a map, written and read; and any foreign map, read.
//!
//! Events travel in this form between loggr's own processes, after the first machine. A map with
//! names, because a batch that an older loggr wrote must stay readable: an unknown key is skipped,
//! a missing one is the default, empty ones are not written.
//!
//! | key | value |
//! |---|---|
//! | `uid` | binary, 16 bytes |
//! | `timereported`, `timegenerated`, `timehmac` | `[microseconds, offset in minutes]` |
//! | `severity`, `facility` | code |
//! | `source`, `app_name`, `procid`, `msgid`, `message`, `hmac` | text |
//! | `structured_data` | `[[SD-ID, [[name, value], …]], …]` |
//! | `tags` | list of text |
//! | `fields` | `{name: [value, …]}` |
//! | `trusted` | `{name: value}` |
//! | `origin` | `{listener, transport, peer, tls_name, trusted, format, timezone, keep_leading_blank}` |
//! | `defects` | bits |
//! | `raw` | binary |
//! | `original_len` | number |

mod write;

use std::borrow::Cow;

use crate::timestamp::Refusal;
use crate::value::{Entry, MAX_DEPTH, MAX_VALUES, Value};
use crate::{
    Defects, Event, Facility, Field, Format, InputFormat, Origin, ParseError, SdElement, SdParam, Severity,
    Timestamp, Transport, TrustedField, Uid,
};

impl<'a> Event<'a> {
    /// Appends the event as a MessagePack map; everything that it carries is in it.
    pub fn to_msgpack(&self, out: &mut Vec<u8>) {
        write::event(self, out);
    }

    /// Reads what [`Event::to_msgpack`] wrote, believing all of it. Texts are borrowed.
    pub fn from_msgpack(bytes: &'a [u8]) -> Result<Event<'a>, ParseError> {
        let (event, end) = Event::from_msgpack_prefix(bytes)?;
        if end == bytes.len() { Ok(event) } else { Err(refuse((end, "the end of the map"))) }
    }

    /// Like [`Event::from_msgpack`], but other bytes may follow; also gives where the event ends.
    pub fn from_msgpack_prefix(bytes: &'a [u8]) -> Result<(Event<'a>, usize), ParseError> {
        let mut reader = Reader { bytes, at: 0, values: 0, strict: true, replaced: false };
        let event = read(&mut reader).map_err(refuse)?;
        Ok((event, reader.at))
    }
}

fn refuse((offset, expected): Refusal) -> ParseError {
    ParseError::new(Format::Msgpack, offset, expected)
}

/// Is it the first byte of a map?
pub(crate) fn looks_like_map(byte: u8) -> bool {
    matches!(byte, 0x80..=0x8f | 0xde | 0xdf)
}

/// Reads a document that is one map; and whether a text in it was not UTF-8, which is
/// an error if `strict` and U+FFFD else.
pub(crate) fn read_object(bytes: &[u8], strict: bool) -> Result<(Vec<Entry<'_>>, bool), Refusal> {
    let mut reader = Reader { bytes, at: 0, values: 0, strict, replaced: false };
    match bytes.first() {
        Some(byte) if looks_like_map(*byte) => {}
        _ => return Err((0, "a map")),
    }
    let value = reader.value(0)?;
    match value {
        Value::Map(entries) if reader.at == bytes.len() || !strict && is_line_end(&bytes[reader.at..]) => {
            Ok((entries, reader.replaced))
        }
        _ => Err((reader.at, "the end of the map")),
    }
}

/// Whether these are only the line ends that a framing left behind the map.
fn is_line_end(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\n' | b'\r' | 0))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many values a tree has so far.
    values: usize,
    /// A text that is not UTF-8 is an error.
    strict: bool,
    /// A text that is not UTF-8 was met and repaired.
    replaced: bool,
}

type Read<T> = Result<T, Refusal>;

impl<'a> Reader<'a> {
    fn peek(&self) -> Read<u8> {
        self.bytes.get(self.at).copied().ok_or((self.at, "a value"))
    }

    fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(len);
        let taken =
            end.and_then(|end| self.bytes.get(self.at..end)).ok_or((self.bytes.len(), "more bytes"))?;
        self.at += len;
        Ok(taken)
    }

    /// A big-endian number of `len` bytes.
    fn unsigned(&mut self, len: usize) -> Read<u64> {
        Ok(self.take(len)?.iter().fold(0, |v, b| v << 8 | u64::from(*b)))
    }

    fn size(&mut self, len: usize) -> Read<usize> {
        let at = self.at;
        usize::try_from(self.unsigned(len)?).map_err(|_| (at, "a length that fits the memory"))
    }

    fn map_len(&mut self) -> Read<usize> {
        let at = self.at;
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            0x80..=0x8f => Ok(usize::from(byte & 15)),
            0xde => self.size(2),
            0xdf => self.size(4),
            _ => Err((at, "a map")),
        }
    }

    fn list_len(&mut self) -> Read<usize> {
        let at = self.at;
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            0x90..=0x9f => Ok(usize::from(byte & 15)),
            0xdc => self.size(2),
            0xdd => self.size(4),
            _ => Err((at, "a list")),
        }
    }

    fn pair(&mut self) -> Read<()> {
        let at = self.at;
        if self.list_len()? == 2 { Ok(()) } else { Err((at, "a list of two")) }
    }

    #[inline]
    fn text(&mut self) -> Read<&'a str> {
        let text = self.key()?;
        let start = self.at - text.len();
        std::str::from_utf8(text).map_err(|e| (start + e.valid_up_to(), "UTF-8"))
    }

    /// Reads a text whose bytes are only compared, so that it need not be checked for UTF-8.
    #[inline]
    fn key(&mut self) -> Read<&'a [u8]> {
        let at = self.at;
        let byte = self.peek()?;
        self.at += 1;
        let len = match byte {
            0xa0..=0xbf => usize::from(byte & 31),
            0xd9 => self.size(1)?,
            0xda => self.size(2)?,
            0xdb => self.size(4)?,
            _ => return Err((at, "a text")),
        };
        self.take(len)
    }

    fn cow(&mut self) -> Read<Cow<'a, str>> {
        self.text().map(Cow::Borrowed)
    }

    fn string(&mut self) -> Read<String> {
        self.text().map(str::to_owned)
    }

    fn binary(&mut self) -> Read<&'a [u8]> {
        let at = self.at;
        let byte = self.peek()?;
        self.at += 1;
        let len = match byte {
            0xc4 => self.size(1)?,
            0xc5 => self.size(2)?,
            0xc6 => self.size(4)?,
            _ => return Err((at, "binary")),
        };
        self.take(len)
    }

    fn integer(&mut self) -> Read<i64> {
        let at = self.at;
        let byte = self.peek()?;
        self.at += 1;
        let wide = |value: u64| i64::try_from(value).map_err(|_| (at, "a number of 63 bits"));
        Ok(match byte {
            0..=0x7f => i64::from(byte),
            0xe0..=0xff => i64::from(byte.cast_signed()),
            0xcc => wide(self.unsigned(1)?)?,
            0xcd => wide(self.unsigned(2)?)?,
            0xce => wide(self.unsigned(4)?)?,
            0xcf => wide(self.unsigned(8)?)?,
            0xd0 => i64::from((self.unsigned(1)? as u8).cast_signed()),
            0xd1 => i64::from((self.unsigned(2)? as u16).cast_signed()),
            0xd2 => i64::from((self.unsigned(4)? as u32).cast_signed()),
            0xd3 => self.unsigned(8)?.cast_signed(),
            _ => return Err((at, "a number")),
        })
    }

    fn small<T: TryFrom<i64>>(&mut self, expected: &'static str) -> Read<T> {
        let at = self.at;
        T::try_from(self.integer()?).map_err(|_| (at, expected))
    }

    fn flag(&mut self) -> Read<bool> {
        let at = self.at;
        match self.take(1)? {
            [0xc2] => Ok(false),
            [0xc3] => Ok(true),
            _ => Err((at, "true or false")),
        }
    }

    fn stamp(&mut self) -> Read<Timestamp> {
        self.pair()?;
        let micros = self.integer()?;
        Ok(Timestamp::with_offset(micros, self.small("an offset in minutes")?))
    }

    /// Skips a value of any kind.
    fn skip(&mut self) -> Read<()> {
        // Values still to come. Every one has at least a byte, so that this ends.
        let mut pending = 1usize;
        while pending > 0 {
            pending -= 1;
            let byte = self.peek()?;
            match byte {
                0x80..=0x8f | 0xde | 0xdf => {
                    pending = pending.saturating_add(self.map_len()?.saturating_mul(2))
                }
                0x90..=0x9f | 0xdc | 0xdd => pending = pending.saturating_add(self.list_len()?),
                _ => self.skip_scalar(byte)?,
            }
        }
        Ok(())
    }

    fn skip_scalar(&mut self, byte: u8) -> Read<()> {
        let at = self.at;
        self.at += 1;
        let len = match byte {
            0..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => 0,
            0xa0..=0xbf => usize::from(byte & 31),
            0xc4 | 0xd9 => self.size(1)?,
            0xc5 | 0xda => self.size(2)?,
            0xc6 | 0xdb => self.size(4)?,
            0xc7 => self.size(1)?.saturating_add(1),
            0xc8 => self.size(2)?.saturating_add(1),
            0xc9 => self.size(4)?.saturating_add(1),
            0xcc | 0xd0 => 1,
            0xcd | 0xd1 | 0xd4 => 2,
            0xd5 => 3,
            0xca | 0xce | 0xd2 => 4,
            0xd6 => 5,
            0xcb | 0xcf | 0xd3 => 8,
            0xd7 => 9,
            0xd8 => 17,
            _ => return Err((at, "a value")),
        };
        self.take(len).map(|_| ())
    }

    fn value(&mut self, depth: usize) -> Read<Value<'a>> {
        let at = self.at;
        if depth > MAX_DEPTH {
            return Err((at, "at most 32 levels"));
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err((at, "at most 65536 values"));
        }
        let byte = self.peek()?;
        Ok(match byte {
            0xc0 => {
                self.at += 1;
                Value::Null
            }
            0xc2 | 0xc3 => Value::Bool(self.flag()?),
            0xa0..=0xbf | 0xd9..=0xdb if self.strict => Value::Text(self.cow()?),
            0xa0..=0xbf | 0xd9..=0xdb => {
                let text = String::from_utf8_lossy(self.key()?);
                self.replaced |= matches!(text, Cow::Owned(_));
                Value::Text(text)
            }
            0xc4..=0xc6 => Value::Bytes(self.binary()?),
            0x80..=0x8f | 0xde | 0xdf => {
                let mut entries = Vec::new();
                for _ in 0..self.map_len()? {
                    let key = match self.value(depth + 1)?.into_text() {
                        Ok(key) => key,
                        Err(_) if self.strict => return Err((self.at, "a text as key")),
                        Err(other) => other.into_field_text(),
                    };
                    let at = self.at;
                    entries.push(Entry { key, value: self.value(depth + 1)?, at });
                }
                Value::Map(entries)
            }
            0x90..=0x9f | 0xdc | 0xdd => {
                let mut values = Vec::new();
                for _ in 0..self.list_len()? {
                    values.push(self.value(depth + 1)?);
                }
                Value::List(values)
            }
            0xca => {
                self.at += 1;
                number(f32::from_bits(self.unsigned(4)? as u32))
            }
            0xcb => {
                self.at += 1;
                number(f64::from_bits(self.unsigned(8)?))
            }
            0xcf => {
                self.at += 1;
                number(self.unsigned(8)?)
            }
            0xc7..=0xc9 | 0xd4..=0xd8 => self.extension()?,
            _ => number(self.integer()?),
        })
    }

    /// An extension: type -1 is a stamp, type 0 the event time of fluentd, others are bytes.
    fn extension(&mut self) -> Read<Value<'a>> {
        let at = self.at;
        self.skip_scalar(self.peek()?)?;
        let whole = self.bytes.get(at..self.at).unwrap_or_default();
        let header = match whole.first() {
            Some(0xc7) => 2,
            Some(0xc8) => 3,
            Some(0xc9) => 5,
            _ => 1,
        };
        let (kind, data) = match whole.get(header..) {
            Some([kind, data @ ..]) => (*kind, data),
            _ => return Err((at, "an extension")),
        };
        let big = |bytes: &[u8]| bytes.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        let (seconds, nanos) = match (kind, data.len()) {
            (0xff, 4) => (big(data), 0),
            (0xff, 8) => (big(data) & 0x3_ffff_ffff, big(data) >> 34),
            (0xff, 12) => (big(&data[4..]), big(&data[..4])),
            (0, 8) => (big(&data[..4]), big(&data[4..])),
            _ => return Ok(Value::Bytes(data)),
        };
        // A time that does not fit into microseconds is passed on as it is.
        let micros = i64::try_from(seconds).ok().and_then(|s| s.checked_mul(1_000_000));
        match micros {
            Some(micros) if nanos % 1000 == 0 && nanos < 1_000_000_000 => {
                let stamp = Timestamp::from_unix_micros(micros.saturating_add((nanos / 1000) as i64));
                Ok(Value::Text(Cow::Owned(stamp.to_string())))
            }
            Some(_) if nanos < 1_000_000_000 => {
                Ok(Value::Number(Cow::Owned(format!("{seconds}.{nanos:09}"))))
            }
            _ => Ok(Value::Bytes(data)),
        }
    }
}

fn number(value: impl std::fmt::Display) -> Value<'static> {
    Value::Number(Cow::Owned(value.to_string()))
}

fn read<'a>(r: &mut Reader<'a>) -> Read<Event<'a>> {
    let mut event = Event::default();
    for _ in 0..r.map_len()? {
        let key = r.key()?;
        let at = r.at;
        match key {
            b"uid" => {
                let bytes = r.binary()?;
                event.uid = Uid::from_bytes(bytes.try_into().map_err(|_| (at, "16 bytes"))?);
            }
            b"timereported" => event.timereported = r.stamp()?,
            b"timegenerated" => event.timegenerated = r.stamp()?,
            b"timehmac" => event.timehmac = Some(r.stamp()?),
            b"severity" => {
                let code = r.small("a severity between 0 and 7")?;
                event.severity = Severity::from_code(code).ok_or((at, "a severity between 0 and 7"))?;
            }
            b"facility" => {
                let code = r.small("a facility between 0 and 23")?;
                event.facility = Facility::from_code(code).ok_or((at, "a facility between 0 and 23"))?;
            }
            b"source" => event.source = r.cow()?,
            b"app_name" => event.app_name = r.cow()?,
            b"procid" => event.procid = r.cow()?,
            b"msgid" => event.msgid = r.cow()?,
            b"message" => event.message = r.cow()?,
            b"hmac" => event.hmac = Some(r.cow()?),
            b"structured_data" => read_structured_data(r, &mut event.structured_data)?,
            b"tags" => {
                for _ in 0..r.list_len()? {
                    event.tags.push(r.cow()?);
                }
                event.tags.sort_unstable();
                event.tags.dedup();
            }
            b"fields" => read_fields(r, &mut event.fields)?,
            b"trusted" => {
                for _ in 0..r.map_len()? {
                    event.trusted.push(TrustedField { name: r.cow()?, value: r.cow()? });
                }
            }
            b"origin" => event.origin = Some(Cow::Owned(read_origin(r)?)),
            b"defects" => event.defects = Defects::from_bits(r.small("the bits of defects")?),
            b"raw" => event.raw = Some(Cow::Borrowed(r.binary()?)),
            b"original_len" => event.original_len = Some(r.small("a length")?),
            _ => r.skip()?,
        }
    }
    Ok(event)
}

fn read_structured_data<'a>(r: &mut Reader<'a>, elements: &mut Vec<SdElement<'a>>) -> Read<()> {
    for _ in 0..r.list_len()? {
        r.pair()?;
        let id = r.cow()?;
        let mut params = Vec::new();
        for _ in 0..r.list_len()? {
            r.pair()?;
            params.push(SdParam { name: r.cow()?, value: r.cow()? });
        }
        elements.push(SdElement { id, params });
    }
    Ok(())
}

fn read_fields<'a>(r: &mut Reader<'a>, fields: &mut Vec<Field<'a>>) -> Read<()> {
    for _ in 0..r.map_len()? {
        let name = r.cow()?;
        let mut values = Vec::new();
        for _ in 0..r.list_len()? {
            values.push(r.cow()?);
        }
        fields.push(Field { name, values });
    }
    Ok(())
}

fn read_origin(r: &mut Reader<'_>) -> Read<Origin> {
    let mut origin = Origin::default();
    for _ in 0..r.map_len()? {
        let key = r.key()?;
        let at = r.at;
        match key {
            b"listener" => origin.listener = r.string()?,
            b"transport" => {
                origin.transport =
                    Transport::from_keyword(r.text()?).ok_or((at, "the word of a transport"))?;
            }
            b"peer" => origin.peer = r.string()?,
            b"tls_name" => origin.tls_name = Some(r.string()?),
            b"trusted" => origin.trusted = r.flag()?,
            b"format" => {
                origin.format = InputFormat::from_keyword(r.text()?).ok_or((at, "the word of a format"))?
            }
            b"timezone" => origin.timezone = r.string()?,
            b"keep_leading_blank" => origin.keep_leading_blank = r.flag()?,
            _ => r.skip()?,
        }
    }
    Ok(origin)
}

#[cfg(test)]
mod tests;
