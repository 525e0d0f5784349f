//! One frame of the log: a published chunk with its sequence number and its place among all events.
//!
//! The chunk itself is encoded in `encoding`. The checksum of the header is seeded with the
//! segment's number and its random salt, so that neither a frame left over in a recycled segment
//! nor one that a sender put into a log line is taken for a real one.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `LGRf` |
//! | 4 | 4 | CRC-32C of segment number, salt, and bytes 8–63 |
//! | 8 | 8 | sequence number within the exchange |
//! | 16 | 8 | sequence number of the first frame of the same commit |
//! | 24 | 8 | events in the exchange before this frame |
//! | 32 | 8 | bytes in the exchange before this frame |
//! | 40 | 8 | when it was written, microseconds since 1970 |
//! | 48 | 4 | events |
//! | 52 | 4 | length of the body |
//! | 56 | 4 | CRC-32C of the body |
//! | 60 | 2 | length of the routing key, at the beginning of the body |
//! | 62 | 2 | flags: 1 a gap (damage was found here; the body means nothing) |
//! | 64 | | routing key, then the encoded chunk |

use super::position::Position;

/// Size of a frame's header in bytes.
pub(super) const FRAME_HEADER_BYTES: u64 = 64;
/// Longest body: a chunk and its key.
pub(super) const MAX_BODY_BYTES: usize = (crate::encoding::HEADER_BYTES
    + crate::encoding::MAX_ORIGINS_BYTES
    + crate::encoding::MAX_RECORDS_BYTES
    + crate::binding::MAX_KEY_BYTES)
    .next_power_of_two();
/// The first bytes of every frame.
pub(super) const MAGIC: [u8; 4] = *b"LGRf";

const FLAG_GAP: u16 = 1;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub seq: u64,
    pub commit: u64,
    pub events_before: u64,
    pub bytes_before: u64,
    pub written_micros: i64,
    pub events: u32,
    pub body_len: u32,
    pub body_crc: u32,
    pub key_len: u16,
    pub gap: bool,
}

impl Position {
    /// The position behind a frame that begins here.
    pub fn after(&self, h: &FrameHeader) -> Position {
        Position {
            segment: self.segment,
            offset: self.offset + h.frame_len(),
            seq: if h.gap { h.commit } else { h.seq + 1 },
            events: h.events_before + u64::from(h.events),
            bytes: h.bytes_before + h.frame_len(),
        }
    }
}

/// The seed of the checksums of a segment's headers.
pub(super) fn seed(segment: u64, salt: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&segment.to_le_bytes()), &salt.to_le_bytes())
}

/// Computes a CRC-32C backwards: the value from which it started, if it is `crc` after these bytes.
fn unwind(crc: u32, bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut state = !crc;
    for byte in bytes.iter().rev() {
        for _ in 0..8 {
            let carry = state >> 31;
            state = (state ^ (POLYNOMIAL * carry)) << 1 | carry;
        }
        state ^= u32::from(*byte);
    }
    !state
}

impl FrameHeader {
    /// The header that may be at the beginning of `bytes`, and the seed of its segment's checksums
    /// that would fit it. Whether it really is a header is shown only by the checksum of the body.
    pub fn guess(bytes: &[u8]) -> Option<(FrameHeader, u32)> {
        let header = bytes.first_chunk::<{ FRAME_HEADER_BYTES as usize }>()?;
        let seed = unwind(u32_at(header, 4), &header[8..]);
        FrameHeader::decode(header, seed).map(|header| (header, seed))
    }

    /// A gap from `start` on, `len` bytes long, in which `lost` events are lost; the frame behind
    /// it has the number `next`, with `total` bytes in the exchange before it.
    pub fn gap(start: &Position, len: u64, next: u64, lost: u64, total: u64) -> FrameHeader {
        let len = len.max(FRAME_HEADER_BYTES);
        FrameHeader {
            seq: start.seq,
            commit: next,
            events_before: start.events,
            bytes_before: total.saturating_sub(len),
            written_micros: 0,
            events: u32::try_from(lost).unwrap_or(u32::MAX),
            body_len: u32::try_from(len - FRAME_HEADER_BYTES).unwrap_or(u32::MAX),
            body_crc: 0,
            key_len: 0,
            gap: true,
        }
    }

    /// Length of header and body.
    pub fn frame_len(&self) -> u64 {
        FRAME_HEADER_BYTES + u64::from(self.body_len)
    }

    pub fn encode(&self, seed: u32) -> [u8; FRAME_HEADER_BYTES as usize] {
        let mut out = [0; FRAME_HEADER_BYTES as usize];
        out[0..4].copy_from_slice(&MAGIC);
        out[8..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..24].copy_from_slice(&self.commit.to_le_bytes());
        out[24..32].copy_from_slice(&self.events_before.to_le_bytes());
        out[32..40].copy_from_slice(&self.bytes_before.to_le_bytes());
        out[40..48].copy_from_slice(&self.written_micros.to_le_bytes());
        out[48..52].copy_from_slice(&self.events.to_le_bytes());
        out[52..56].copy_from_slice(&self.body_len.to_le_bytes());
        out[56..60].copy_from_slice(&self.body_crc.to_le_bytes());
        out[60..62].copy_from_slice(&self.key_len.to_le_bytes());
        out[62..64].copy_from_slice(&if self.gap { FLAG_GAP } else { 0 }.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, &out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header at the beginning of `bytes`, if there is one of this segment.
    pub fn decode(bytes: &[u8], seed: u32) -> Option<FrameHeader> {
        let header = bytes.first_chunk::<{ FRAME_HEADER_BYTES as usize }>()?;
        if header[0..4] != MAGIC || crc32c::crc32c_append(seed, &header[8..]) != u32_at(header, 4) {
            return None;
        }
        let frame = FrameHeader {
            seq: u64_at(header, 8),
            commit: u64_at(header, 16),
            events_before: u64_at(header, 24),
            bytes_before: u64_at(header, 32),
            written_micros: u64_at(header, 40).cast_signed(),
            events: u32_at(header, 48),
            body_len: u32_at(header, 52),
            body_crc: u32_at(header, 56),
            key_len: u16::from_le_bytes([header[60], header[61]]),
            gap: header[62] & 1 == 1,
        };
        (frame.gap || u32::from(frame.key_len) <= frame.body_len).then_some(frame)
    }
}

/// A whole frame in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub header: FrameHeader,
    /// Routing key and chunk; empty for a gap.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at `at`, if it is whole and its checksums are right.
    pub fn read(bytes: &'a [u8], at: usize, seed: u32) -> Option<Frame<'a>> {
        let rest = bytes.get(at..)?;
        let header = FrameHeader::decode(rest, seed)?;
        if header.gap {
            return Some(Frame { header, body: &[] });
        }
        let start = FRAME_HEADER_BYTES as usize;
        let body = rest.get(start..start + header.body_len as usize)?;
        (crc32c::crc32c(body) == header.body_crc).then_some(Frame { header, body })
    }

    /// The first whole frame at or after `at` for which `good` holds.
    pub fn find(
        bytes: &'a [u8],
        at: usize,
        seed: u32,
        good: impl Fn(&FrameHeader) -> bool,
    ) -> Option<(usize, Frame<'a>)> {
        let rest = bytes.get(at..)?;
        memchr::memmem::find_iter(rest, &MAGIC).map(|i| at + i).find_map(|i| {
            let header = FrameHeader::decode(bytes.get(i..)?, seed)?;
            if !good(&header) {
                return None;
            }
            Some((i, Frame::read(bytes, i, seed)?))
        })
    }

    /// The routing key; empty if it is not UTF-8, because then no publisher wrote it.
    pub fn key(&self) -> &'a str {
        let key = self.body.get(..usize::from(self.header.key_len)).unwrap_or_default();
        std::str::from_utf8(key).unwrap_or_default()
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes.get(at..at + 4).and_then(|b| b.first_chunk()).copied().unwrap_or_default())
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes.get(at..at + 8).and_then(|b| b.first_chunk()).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(seq: u64, body: &[u8], seed: u32) -> Vec<u8> {
        let header = FrameHeader {
            seq,
            commit: seq,
            events_before: 7,
            bytes_before: 9,
            written_micros: -5,
            events: 2,
            body_len: body.len() as u32,
            body_crc: crc32c::crc32c(body),
            key_len: 1,
            gap: false,
        };
        let mut out = header.encode(seed).to_vec();
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn a_frame_belongs_to_its_segment() {
        let bytes = frame(3, b"kbody", seed(1, 2));
        let read = Frame::read(&bytes, 0, seed(1, 2)).unwrap();
        assert_eq!((read.header.seq, read.key(), read.header.written_micros), (3, "k", -5));
        assert!(Frame::read(&bytes, 0, seed(2, 2)).is_none());
        assert!(Frame::read(&bytes, 0, seed(1, 3)).is_none());
    }

    #[test]
    fn a_frame_says_what_the_checksums_of_its_segment_begin_with() {
        for seed in [0, 1, seed(7, 8), u32::MAX] {
            let bytes = frame(3, b"kbody", seed);
            assert_eq!(FrameHeader::guess(&bytes).map(|(header, seed)| (header.seq, seed)), Some((3, seed)));
        }
    }

    #[test]
    fn find_passes_over_what_only_looks_like_a_frame() {
        let seed = seed(1, 1);
        let mut bytes = b"xxLGRfLGRf".to_vec();
        bytes.extend(frame(4, b"kold", seed));
        let at = bytes.len();
        bytes.extend(frame(9, b"knew", seed));
        assert_eq!(Frame::find(&bytes, 0, seed, |h| h.seq > 4).map(|(i, _)| i), Some(at));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(at in 0usize..80, with in 1u8..) {
            let mut bytes = frame(3, b"k234567890123456", 7);
            bytes[at] ^= with;
            prop_assert!(Frame::read(&bytes, 0, 7).is_none());
        }
    }
}
