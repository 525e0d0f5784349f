//! One record of a batch: an envelope of fixed size and a payload, read in place.
//!
//! The bytes in memory are the bytes on disk, so the pass-through path copies a
//! received line once and never takes it apart. All numbers little-endian.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | payload: 1 a received line, 2 an event as MessagePack map |
//! | 1 | 1 | flags: 1 truncated, 2 incomplete, 4 from a file |
//! | 2 | 2 | index into the chunk's origins |
//! | 4 | 4 | length of the payload |
//! | 8 | 8 | timegenerated, microseconds since 1970 |
//! | 16 | 16 | uid |
//! | 32 | 8 | only if truncated: the length before the cut |
//! | … | 8 | only if from a file: where in the file the line begins |
//! | … | | payload |

use std::fmt;
use std::sync::Arc;

use loggr_event::{Defect, Event, Origin, Timestamp, Uid};

/// Size of a record's envelope in bytes, without the length of a truncated line and the place in a file.
pub const RECORD_HEADER_BYTES: usize = 32;

pub(crate) const FLAG_TRUNCATED: u8 = 1;
pub(crate) const FLAG_INCOMPLETE: u8 = 2;
pub(crate) const FLAG_OFFSET: u8 = 4;
const FLAGS: u8 = FLAG_TRUNCATED | FLAG_INCOMPLETE | FLAG_OFFSET;
const KIND_LINE: u8 = 1;
const KIND_EVENT: u8 = 2;

/// What the payload of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The bytes of a line as they were received.
    Line(&'a [u8]),
    /// An event as MessagePack map.
    Event(&'a [u8]),
}

impl<'a> Payload<'a> {
    /// The bytes, whatever they are.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Payload::Line(bytes) | Payload::Event(bytes) => bytes,
        }
    }
}

/// A view of one record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Identity, given at first receipt.
    pub uid: Uid,
    /// When loggr received it.
    pub timegenerated: Timestamp,
    /// Where it came from.
    pub origin: &'a Arc<Origin>,
    /// The line, or the event.
    pub payload: Payload<'a>,
    /// Length before the line was cut to its limit.
    pub original_len: Option<u64>,
    /// The stream ended in the middle of the line.
    pub incomplete: bool,
    /// Where the line begins in the file from which it was read.
    pub offset: Option<u64>,
}

/// The custom field that says where a line begins in its file.
const OFFSET_FIELD: &str = "offset";

impl<'a> Record<'a> {
    /// Reads the event. Cannot fail: a line in no known format becomes the message.
    pub fn event(&self) -> Event<'a> {
        let mut event = match self.payload {
            Payload::Line(line) => Event::receive(line, self.origin, self.uid, self.timegenerated),
            Payload::Event(packed) => match Event::from_msgpack(packed) {
                Ok(event) => return event,
                Err(_) => Event::receive(packed, self.origin, self.uid, self.timegenerated),
            },
        };
        if let Some(len) = self.original_len {
            event.original_len = Some(len);
            event.defects.insert(Defect::Truncated);
        }
        if self.incomplete {
            event.defects.insert(Defect::Incomplete);
        }
        if let Some(offset) = self.offset
            && event.field(OFFSET_FIELD).is_empty()
        {
            event.set_field(OFFSET_FIELD, offset.to_string());
        }
        event
    }

    /// Appends this record to `out`, with `origin` as index into the origins there.
    pub(crate) fn write(&self, origin: u16, out: &mut Vec<u8>) {
        let kind = match self.payload {
            Payload::Line(_) => KIND_LINE,
            Payload::Event(_) => KIND_EVENT,
        };
        let mut flags = 0;
        if self.original_len.is_some() {
            flags |= FLAG_TRUNCATED;
        }
        if self.incomplete {
            flags |= FLAG_INCOMPLETE;
        }
        if self.offset.is_some() {
            flags |= FLAG_OFFSET;
        }
        let payload = self.payload.bytes();
        let len = u32::try_from(payload.len()).expect("BUG: a payload is bounded far below 4 GiB");
        let mut header = [0u8; RECORD_HEADER_BYTES];
        header[0] = kind;
        header[1] = flags;
        header[2..4].copy_from_slice(&origin.to_le_bytes());
        header[4..8].copy_from_slice(&len.to_le_bytes());
        header[8..16].copy_from_slice(&self.timegenerated.unix_micros().to_le_bytes());
        header[16..32].copy_from_slice(self.uid.as_bytes());
        out.reserve(header.len() + 16 + payload.len());
        out.extend_from_slice(&header);
        if let Some(len) = self.original_len {
            out.extend_from_slice(&len.to_le_bytes());
        }
        if let Some(offset) = self.offset {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.extend_from_slice(payload);
    }
}

/// Appends an event as a record, encoded in its place.
pub(crate) fn write_event(origin: u16, event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut header = [0u8; RECORD_HEADER_BYTES];
    header[0] = KIND_EVENT;
    header[2..4].copy_from_slice(&origin.to_le_bytes());
    header[8..16].copy_from_slice(&event.timegenerated.unix_micros().to_le_bytes());
    header[16..32].copy_from_slice(event.uid.as_bytes());
    out.extend_from_slice(&header);
    event.to_msgpack(out);
    let len = u32::try_from(out.len() - start - RECORD_HEADER_BYTES);
    let len = len.expect("BUG: a payload is bounded far below 4 GiB");
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}

/// The error of bytes that are not a sequence of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecords {
    /// Where in the bytes the first bad record begins.
    pub offset: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for BadRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad record at offset {}: {}", self.offset, self.what)
    }
}

impl std::error::Error for BadRecords {}

/// The envelope and the extent of the record at the beginning of `bytes`.
pub(crate) struct Extent {
    pub origin: u16,
    pub len: usize,
    payload_at: usize,
}

pub(crate) fn extent(bytes: &[u8]) -> Result<Extent, &'static str> {
    let Some(header) = bytes.first_chunk::<RECORD_HEADER_BYTES>() else {
        return Err("the envelope is cut off");
    };
    if !matches!(header[0], KIND_LINE | KIND_EVENT) {
        return Err("unknown kind of payload");
    }
    if header[1] & !FLAGS != 0 {
        return Err("unknown flag");
    }
    let origin = u16::from_le_bytes([header[2], header[3]]);
    let payload = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    let numbers = (header[1] & (FLAG_TRUNCATED | FLAG_OFFSET)).count_ones() as usize;
    let payload_at = RECORD_HEADER_BYTES + 8 * numbers;
    let len = payload_at + payload;
    if len > bytes.len() {
        return Err("the payload is cut off");
    }
    Ok(Extent { origin, len, payload_at })
}

/// Walks the records of one chunk. The bytes were checked when the chunk was made.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) origins: &'a [Arc<Origin>],
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let extent = extent(self.bytes).ok()?;
        let (record, rest) = self.bytes.split_at_checked(extent.len)?;
        self.bytes = rest;
        let header = record.first_chunk::<RECORD_HEADER_BYTES>()?;
        let payload = record.get(extent.payload_at..)?;
        let micros = i64::from_le_bytes(*header[8..16].first_chunk::<8>()?);
        let mut numbers = record.get(RECORD_HEADER_BYTES..extent.payload_at)?.as_chunks::<8>().0.iter();
        let mut number = |flag: u8| match header[1] & flag {
            0 => None,
            _ => numbers.next().map(|number| u64::from_le_bytes(*number)),
        };
        let (original_len, offset) = (number(FLAG_TRUNCATED), number(FLAG_OFFSET));
        Some(Record {
            uid: Uid::from_bytes(*header[16..32].first_chunk::<16>()?),
            timegenerated: Timestamp::from_unix_micros(micros),
            origin: self.origins.get(usize::from(extent.origin))?,
            payload: if header[0] == KIND_LINE { Payload::Line(payload) } else { Payload::Event(payload) },
            original_len,
            incomplete: header[1] & FLAG_INCOMPLETE != 0,
            offset,
        })
    }
}
