//! Which uids a row group may hold: the spans of time they were made in, and a filter.
//!
//! A UUIDv7 begins with its time, so that a new uid falls into the spans of few row groups and
//! is usually known to be new without asking any filter. A yes is only a *perhaps*; `dedupe`
//! reads the column then.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | number of spans |
//! | 8 + 8 each | first and last span number (milliseconds divided by 2^14, about 16 s) |
//! | … | the filter (see `bloom`) |

use loggr_event::Uid;

use super::bloom;
use super::bytes::{put_u32, put_u64, u32_at, u64_at};

/// Spans of one row group; the nearest are joined beyond it.
pub const MAX_UID_SPANS: usize = 32;
const SPAN_BITS: u32 = 14;

fn span(uid: &[u8; 16]) -> u64 {
    u64::from_be_bytes([0, 0, uid[0], uid[1], uid[2], uid[3], uid[4], uid[5]]) >> SPAN_BITS
}

/// The hash that the filter holds.
pub(crate) fn hash(uid: &[u8; 16]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(uid)
}

/// Writes the filter of the uids.
pub(crate) fn write(out: &mut Vec<u8>, uids: impl Iterator<Item = Uid>) {
    let (mut hashes, mut numbers) = (Vec::new(), Vec::new());
    for uid in uids {
        hashes.push(hash(uid.as_bytes()));
        let number = span(uid.as_bytes());
        if numbers.last() != Some(&number) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match spans.last_mut() {
            Some(last) if last.1 + 1 >= number => last.1 = number,
            _ => spans.push((number, number)),
        }
    }
    if spans.len() > MAX_UID_SPANS {
        let mut gaps: Vec<u64> = spans.iter().zip(spans.iter().skip(1)).map(|(a, b)| b.0 - a.1).collect();
        gaps.sort_unstable_by(|a, b| b.cmp(a));
        let widest = gaps.get(MAX_UID_SPANS - 1).copied().unwrap_or(0);
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (start, end) in spans {
            match joined.last_mut() {
                Some(last) if start - last.1 <= widest => last.1 = end,
                _ => joined.push((start, end)),
            }
        }
        spans = joined;
    }
    put_u32(out, spans.len() as u32);
    for (start, end) in spans {
        put_u64(out, start);
        put_u64(out, end);
    }
    bloom::write(out, &hashes);
}

/// The filter of one row group.
#[derive(Clone, Copy)]
pub(crate) struct UidFilter<'b> {
    bytes: &'b [u8],
    spans: usize,
    filter: &'b [u8],
}

impl<'b> UidFilter<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Option<UidFilter<'b>> {
        let spans = u32_at(bytes, 0) as usize;
        Some(UidFilter { bytes, spans, filter: bytes.get(4 + spans * 16..)? })
    }

    /// False is certain.
    pub(crate) fn may_hold(&self, uid: &[u8; 16], hash: u64) -> bool {
        let number = span(uid);
        let inside = (0..self.spans)
            .any(|i| (u64_at(self.bytes, 4 + i * 16)..=u64_at(self.bytes, 12 + i * 16)).contains(&number));
        inside && bloom::may_hold(self.filter, hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_all_that_were_written_however_scattered() {
        let uids: Vec<[u8; 16]> = (0..2000u64)
            .map(|i| {
                let scattered = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut uid = [0; 16];
                uid[..8].copy_from_slice(&scattered.to_be_bytes());
                uid[8..].copy_from_slice(&i.to_be_bytes());
                uid
            })
            .collect();
        let mut out = Vec::new();
        write(&mut out, uids.iter().map(|u| Uid::from_bytes(*u)));
        let filter = UidFilter::new(&out).unwrap();
        assert!(filter.spans <= MAX_UID_SPANS);
        assert!(uids.iter().all(|u| filter.may_hold(u, hash(u))));
        let mut other = uids[7];
        other[15] ^= 1;
        other[14] ^= 1;
        assert!(!filter.may_hold(&other, hash(&other)) || filter.may_hold(&uids[7], hash(&uids[7])));
    }
}
