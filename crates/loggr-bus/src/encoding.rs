//! A chunk as bytes, as it is stored in the embedded log and in an AMQP message.
//!
//! The frame around it, with sequence numbers and checksums, belongs to the log or the message. The
//! records lie as they are in memory, so decoding an uncompressed chunk copies nothing. All numbers
//! little-endian.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `LGRB` |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | codec of the records: 0 none, 1 LZ4 block |
//! | 6 | 2 | 0 |
//! | 8 | 4 | number of records |
//! | 12 | 4 | length of the origins, at most [`MAX_ORIGINS_BYTES`] |
//! | 16 | 4 | length of the records as stored |
//! | 20 | 4 | length of the records decompressed, at most [`MAX_RECORDS_BYTES`] |
//! | 24 | | origins: a MessagePack array of maps |
//! | … | | records, see `loggr_flow::Record` |

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use loggr_event::Origin;
use loggr_flow::{BadRecords, Chunk};

/// Size of the header in bytes.
pub const HEADER_BYTES: usize = 24;
/// The records of one chunk, decompressed, are at most this long.
pub const MAX_RECORDS_BYTES: usize = 256 << 20;
/// The origins of one chunk, as MessagePack, are at most this long.
pub const MAX_ORIGINS_BYTES: usize = 16 << 20;
/// LZ4 cannot compress better than this; a greater ratio means that the declared length is wrong.
const MAX_LZ4_RATIO: usize = 255;

const MAGIC: [u8; 4] = *b"LGRB";
const VERSION: u8 = 1;

/// How the records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Codec {
    /// Not at all: decoding copies nothing.
    #[default]
    None,
    /// LZ4 blocks: about half the space for 0.3 µs an event.
    Lz4,
}

/// A chunk ready to be written: two pieces, so that raw records are not copied.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Header and origins.
    pub head: Vec<u8>,
    /// The records, compressed or as they are.
    pub records: Bytes,
}

impl Encoded {
    /// Length of both pieces.
    #[expect(clippy::len_without_is_empty, reason = "there is always a header")]
    pub fn len(&self) -> usize {
        self.head.len() + self.records.len()
    }

    /// Both pieces in one buffer.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.len());
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&self.records);
        out.into()
    }
}

/// The error of a chunk that is larger than the format allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge {
    what: &'static str,
    len: usize,
    limit: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} are {} bytes, more than {}", self.what, self.len, self.limit)
    }
}

impl Error for TooLarge {}

/// Encodes chunks; remembers the last table of origins, which rarely changes.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    codec: Codec,
    table: Vec<Arc<Origin>>,
    packed: Vec<u8>,
}

impl Encoder {
    /// An encoder that compresses with `codec` where that makes the records smaller.
    pub fn new(codec: Codec) -> Encoder {
        Encoder { codec, ..Encoder::default() }
    }

    /// The chunk as bytes.
    ///
    /// # Errors
    /// [`TooLarge`] if the records or the origins are over their limit.
    pub fn encode(&mut self, chunk: &Chunk) -> Result<Encoded, TooLarge> {
        let raw = chunk.record_bytes();
        if raw.len() > MAX_RECORDS_BYTES {
            return Err(TooLarge { what: "the records", len: raw.len(), limit: MAX_RECORDS_BYTES });
        }
        self.pack_origins(chunk.origins());
        if self.packed.len() > MAX_ORIGINS_BYTES {
            let len = self.packed.len();
            return Err(TooLarge { what: "the origins", len, limit: MAX_ORIGINS_BYTES });
        }
        let (codec, records) = match self.codec {
            Codec::None => (0, raw.clone()),
            Codec::Lz4 => {
                let packed = lz4_flex::block::compress(raw);
                if packed.len() < raw.len() { (1, packed.into()) } else { (0, raw.clone()) }
            }
        };
        let mut head = Vec::with_capacity(HEADER_BYTES + self.packed.len());
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&[VERSION, codec, 0, 0]);
        for n in [chunk.len(), self.packed.len(), records.len(), raw.len()] {
            head.extend_from_slice(&(n as u32).to_le_bytes());
        }
        head.extend_from_slice(&self.packed);
        Ok(Encoded { head, records })
    }

    fn pack_origins(&mut self, origins: &[Arc<Origin>]) {
        let same = self.table.len() == origins.len()
            && self.table.iter().zip(origins).all(|(a, b)| Arc::ptr_eq(a, b));
        if same && !self.packed.is_empty() {
            return;
        }
        self.table.clear();
        self.table.extend_from_slice(origins);
        let plain: Vec<&Origin> = origins.iter().map(|o| &**o).collect();
        self.packed =
            rmp_serde::to_vec_named(&plain).expect("BUG: an origin has nothing that cannot be packed");
    }
}

/// Why bytes are not a chunk.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The header is cut off, or not of this format.
    Header(&'static str),
    /// A version of a later program.
    Version(u8),
    /// A length over its limit, or one that does not fit the bytes.
    Length(&'static str, usize),
    /// The origins are no MessagePack array of origins.
    Origins(rmp_serde::decode::Error),
    /// The compressed records are damaged.
    Lz4(lz4_flex::block::DecompressError),
    /// The records break their layout.
    Records(BadRecords),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Header(what) => write!(f, "this is not a batch of loggr: {what}"),
            DecodeError::Version(v) => write!(f, "batch version {v} is not known, this is version {VERSION}"),
            DecodeError::Length(what, n) => write!(f, "damaged batch: {what}, {n} bytes"),
            DecodeError::Origins(_) => f.write_str("damaged batch: the origins cannot be read"),
            DecodeError::Lz4(_) => f.write_str("damaged batch: the records cannot be decompressed"),
            DecodeError::Records(_) => f.write_str("damaged batch"),
        }
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            DecodeError::Origins(e) => Some(e),
            DecodeError::Lz4(e) => Some(e),
            DecodeError::Records(e) => Some(e),
            _ => None,
        }
    }
}

/// Decodes chunks; remembers the last table of origins, which rarely changes.
#[derive(Debug, Default)]
pub struct Decoder {
    packed: Vec<u8>,
    table: Arc<[Arc<Origin>]>,
}

impl Decoder {
    /// The chunk in `bytes`, which must be nothing else. Uncompressed records are a
    /// slice of `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Encoder::encode`] does not make.
    pub fn decode(&mut self, bytes: &Bytes) -> Result<Chunk, DecodeError> {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(DecodeError::Header("shorter than its header"));
        };
        let [m1, m2, m3, m4, version, codec, z1, z2, ..] = *header;
        if [m1, m2, m3, m4] != MAGIC {
            return Err(DecodeError::Header("the magic is missing"));
        }
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        if [z1, z2] != [0, 0] {
            return Err(DecodeError::Header("reserved bytes are set"));
        }
        let number = |at: usize| {
            let bytes =
                header.get(at..at + 4).and_then(|b| b.first_chunk::<4>()).copied().unwrap_or_default();
            u32::from_le_bytes(bytes) as usize
        };
        let (count, origins_len, stored_len, raw_len) = (number(8), number(12), number(16), number(20));
        if origins_len > MAX_ORIGINS_BYTES {
            return Err(DecodeError::Length("the origins are over their limit", origins_len));
        }
        if raw_len > MAX_RECORDS_BYTES {
            return Err(DecodeError::Length("the records are over their limit", raw_len));
        }
        let records_at = HEADER_BYTES + origins_len;
        if records_at + stored_len != bytes.len() {
            return Err(DecodeError::Length("the lengths do not add up", bytes.len()));
        }
        self.unpack_origins(bytes.get(HEADER_BYTES..records_at).unwrap_or_default())?;
        let stored = bytes.slice(records_at..);
        let records = match codec {
            0 if raw_len == stored_len => stored,
            1 if raw_len <= stored_len.saturating_mul(MAX_LZ4_RATIO) => {
                lz4_flex::block::decompress(&stored, raw_len).map_err(DecodeError::Lz4)?.into()
            }
            0 | 1 => return Err(DecodeError::Length("the declared length cannot be true", raw_len)),
            _ => return Err(DecodeError::Header("unknown codec")),
        };
        if records.len() != raw_len {
            return Err(DecodeError::Length("the declared length is not true", raw_len));
        }
        let chunk = Chunk::from_parts(self.table.clone(), records).map_err(DecodeError::Records)?;
        if chunk.len() != count {
            return Err(DecodeError::Length("the number of records is not true", count));
        }
        Ok(chunk)
    }

    fn unpack_origins(&mut self, packed: &[u8]) -> Result<(), DecodeError> {
        if self.packed == packed && !packed.is_empty() {
            return Ok(());
        }
        self.packed.clear();
        let origins: Vec<Origin> = rmp_serde::from_slice(packed).map_err(DecodeError::Origins)?;
        self.table = origins.into_iter().map(Arc::new).collect();
        self.packed.extend_from_slice(packed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggr_event::{Timestamp, Uid};
    use loggr_flow::{Batch, BatchBuilder, contract::lines};
    use proptest::prelude::*;

    fn texts(chunk: &Chunk) -> Vec<(String, String)> {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        chunk.records().map(|r| (r.origin.peer.clone(), text(r.payload.bytes()))).collect()
    }

    fn batch(lines: &[(u8, Vec<u8>)]) -> Batch {
        let mut builder = BatchBuilder::default();
        for (peer, line) in lines {
            let origin = Arc::new(Origin { peer: format!("10.0.0.{peer}:1"), ..Origin::default() });
            builder.push_line(&origin, Uid::default(), Timestamp::default(), line);
        }
        builder.finish().unwrap()
    }

    #[test]
    fn uncompressed_records_are_a_slice_of_the_input() {
        let batch = lines(&["one", "two"]);
        let bytes = Encoder::new(Codec::None).encode(&batch.chunks()[0]).unwrap().to_bytes();
        let chunk = Decoder::default().decode(&bytes).unwrap();
        let range = bytes.as_ptr_range();
        assert!(range.contains(&chunk.record_bytes().as_ptr()));
    }

    #[test]
    fn what_does_not_compress_is_stored_as_it_is() {
        let uid = Uid::from_bytes(std::array::from_fn(|i| i as u8 + 100));
        let now = Timestamp::from_unix_micros(0x0102_0304_0506_0708);
        let mut builder = BatchBuilder::default();
        builder.push_line(&Arc::new(Origin::default()), uid, now, b"x");
        let batch = builder.finish().unwrap();
        let bytes = Encoder::new(Codec::Lz4).encode(&batch.chunks()[0]).unwrap().to_bytes();
        assert_eq!(bytes[5], 0);
        let batch = lines(&[&"again and ".repeat(50)]);
        let bytes = Encoder::new(Codec::Lz4).encode(&batch.chunks()[0]).unwrap().to_bytes();
        assert_eq!(bytes[5], 1);
    }

    /// What an older and a newer program write: fields missing, fields unknown.
    #[test]
    fn origins_of_other_versions_stay_readable() {
        #[derive(serde::Serialize)]
        struct Other {
            peer: &'static str,
            colour: u32,
        }
        let batch = lines(&["one"]);
        let encoded = Encoder::new(Codec::None).encode(&batch.chunks()[0]).unwrap();
        let origins = rmp_serde::to_vec_named(&[Other { peer: "[::1]:9", colour: 3 }]).unwrap();
        let mut bytes = encoded.head[..HEADER_BYTES].to_vec();
        bytes[12..16].copy_from_slice(&(origins.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&origins);
        bytes.extend_from_slice(&encoded.records);
        let chunk = Decoder::default().decode(&bytes.into()).unwrap();
        assert_eq!(texts(&chunk), [("[::1]:9".to_owned(), "one".to_owned())]);
    }

    #[track_caller]
    fn check_refused(at: usize, with: &[u8], expect: &str) {
        let batch = lines(&["one"]);
        let mut bytes = Encoder::new(Codec::None).encode(&batch.chunks()[0]).unwrap().to_bytes().to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        let error = Decoder::default().decode(&bytes.into()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn lies_are_refused_before_anything_is_allocated() {
        check_refused(0, b"X", "magic");
        check_refused(4, &[9], "version 9");
        check_refused(5, &[7], "codec");
        check_refused(6, &[1], "reserved");
        check_refused(8, &[2], "number of records");
        check_refused(12, &[255; 4], "origins are over");
        check_refused(16, &[9], "add up");
        check_refused(20, &[255; 4], "records are over");
        check_refused(20, &[0, 0, 0, 1], "cannot be true");
        check_refused(HEADER_BYTES, &[0xc1], "origins cannot be read");
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio() {
        let batch = lines(&["one"]);
        let mut bytes = Encoder::new(Codec::None).encode(&batch.chunks()[0]).unwrap().to_bytes().to_vec();
        bytes[5] = 1;
        bytes[20..24].copy_from_slice(&(200u32 << 20).to_le_bytes());
        let error = Decoder::default().decode(&bytes.into()).unwrap_err();
        assert!(matches!(error, DecodeError::Length("the declared length cannot be true", _)));
    }

    proptest! {
        #[test]
        fn every_chunk_comes_back(
            lines in proptest::collection::vec((0u8..4, proptest::collection::vec(any::<u8>(), 0..80)), 1..40),
            lz4 in any::<bool>(),
        ) {
            let batch = batch(&lines);
            let mut encoder = Encoder::new(if lz4 { Codec::Lz4 } else { Codec::None });
            let mut decoder = Decoder::default();
            for _ in 0..2 {
                let bytes = encoder.encode(&batch.chunks()[0]).unwrap().to_bytes();
                let chunk = decoder.decode(&bytes).unwrap();
                prop_assert_eq!(texts(&chunk), texts(&batch.chunks()[0]));
                prop_assert_eq!(chunk.record_bytes(), batch.chunks()[0].record_bytes());
            }
        }

        #[test]
        fn any_bytes_are_a_chunk_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), magic in any::<bool>()) {
            if magic && bytes.len() >= 8 {
                bytes[..8].copy_from_slice(b"LGRB\x01\x01\0\0");
            }
            drop(Decoder::default().decode(&bytes.into()));
        }

        #[test]
        fn a_flipped_byte_never_panics(at in 0usize..200, with in any::<u8>(), lz4 in any::<bool>()) {
            let batch = lines(&["one one one one one one", "two two two two two"]);
            let codec = if lz4 { Codec::Lz4 } else { Codec::None };
            let mut bytes = Encoder::new(codec).encode(&batch.chunks()[0]).unwrap().to_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = with;
            drop(Decoder::default().decode(&bytes.into()));
        }
    }
}
