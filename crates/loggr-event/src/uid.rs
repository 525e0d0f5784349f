//! The identity of an event: a UUIDv7 (RFC 9562, 5.7), given once, at first receipt.
//!
//! Not a content hash: two equal lines in one second are two events. No random
//! number is drawn per event: a generator holds a random prefix for its process
//! and a counter, so that a block of uids costs one atomic addition.
//!
//! | bits | what |
//! |---|---|
//! | 48 | Unix time in milliseconds |
//! | 4 | version, 7 |
//! | 12 | counter, upper part |
//! | 2 | variant, binary 10 |
//! | 22 | counter, lower part |
//! | 40 | random, of the process; of an event made of several, of all its parts |
//!
//! The counter stands before what is random, so that an event that is made of several sorts where
//! the first of them stood. Uids of older versions have these two parts in the other order, with 24
//! bits and 38 bits; that does no harm, because nothing depends on which part is where.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::Timestamp;

/// A UUIDv7. Sorts by time, then by the counter of its process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Uid([u8; 16]);

impl Uid {
    /// From its 16 bytes, big-endian as in RFC 9562.
    pub const fn from_bytes(bytes: [u8; 16]) -> Uid {
        Uid(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The Unix time in milliseconds that it was made of.
    pub fn millis(&self) -> u64 {
        let mut wide = [0u8; 8];
        wide[2..].copy_from_slice(&self.0[..6]);
        u64::from_be_bytes(wide)
    }

    /// The uid as a number in which the random part stands before the counter, so that the uids
    /// that one process gives within one millisecond are consecutive.
    pub const fn in_row(&self) -> u128 {
        let uid = u128::from_be_bytes(self.0);
        let (time, variant) = (uid >> 76 << 76, uid >> 62 & 0b11);
        let (upper, lower) =
            (uid >> 64 & mask(UPPER_COUNTER_BITS), uid >> PROCESS_BITS & mask(LOWER_COUNTER_BITS));
        let process = uid & mask(PROCESS_BITS);
        time | variant << 74 | process << COUNTER_BITS | upper << LOWER_COUNTER_BITS | lower
    }

    /// The uid of a number that [`Uid::in_row`] gave.
    pub const fn from_row(number: u128) -> Uid {
        let (time, variant) = (number >> 76 << 76, number >> 74 & 0b11);
        let process = number >> COUNTER_BITS & mask(PROCESS_BITS);
        let upper = number >> LOWER_COUNTER_BITS & mask(UPPER_COUNTER_BITS);
        let lower = number & mask(LOWER_COUNTER_BITS);
        let uid = time | upper << 64 | variant << 62 | lower << PROCESS_BITS | process;
        Uid(uid.to_be_bytes())
    }

    /// The uid of an event that was made of several: it sorts where the first of its parts does.
    /// The same parts in the same order always give the same uid, other parts another one.
    pub fn of_several(parts: &[Uid]) -> Uid {
        let [first, _, ..] = parts else { return parts.first().copied().unwrap_or_default() };
        let mut hash = Sha256::new();
        hash.update(b"loggr uid of several 1");
        for part in parts {
            hash.update(part.0);
        }
        let hash = hash.finalize();
        let mut bytes = first.0;
        for (byte, hashed) in bytes.iter_mut().skip(ORDER_BYTES).zip(hash) {
            *byte = hashed;
        }
        Uid(bytes)
    }

    /// The uid of an event that its series has numbered already, so that whoever reads the series again gives
    /// the same one: of its `number` at the time `at`, both as the series has them.
    pub fn of_series(series: &[u8], number: u64, at: Timestamp) -> Uid {
        let hash: [u8; 32] =
            Sha256::new_with_prefix(b"loggr uid of a series 1").chain_update(series).finalize().into();
        let (process, _) = hash.split_first_chunk().expect("BUG: a hash is longer");
        let UidGenerator { process, .. } = UidGenerator::new(*process);
        UidBlock { process, first: number }.at(0, at)
    }

    /// Reads `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in any case; the hyphens may be missing.
    pub fn parse(text: &str) -> Option<Uid> {
        let mut bytes = [0u8; 16];
        let mut digits = 0usize;
        for c in text.bytes() {
            let value = match c {
                b'0'..=b'9' => c - b'0',
                b'a'..=b'f' => c - b'a' + 10,
                b'A'..=b'F' => c - b'A' + 10,
                b'-' => continue,
                _ => return None,
            };
            let slot = bytes.get_mut(digits / 2)?;
            *slot = (*slot << 4) | value;
            digits += 1;
        }
        (digits == 32).then_some(Uid(bytes))
    }

    /// Writes the 36 characters of the usual form.
    pub fn write_hyphenated<'b>(&self, out: &'b mut [u8; 36]) -> &'b str {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut at = 0;
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                out[at] = b'-';
                at += 1;
            }
            out[at] = HEX[usize::from(byte >> 4)];
            out[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        std::str::from_utf8(out).expect("BUG: hexadecimal digits are ASCII")
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write_hyphenated(&mut [0; 36]))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes the uids of one process. Share it; it is lock-free.
#[derive(Debug)]
pub struct UidGenerator {
    process: u64,
    counter: AtomicU64,
}

const COUNTER_BITS: u32 = 34;
/// Lines of one file that have uids of their own.
pub const MAX_FILE_LINES: u64 = 1 << COUNTER_BITS;
const LOWER_COUNTER_BITS: u32 = 22;
const UPPER_COUNTER_BITS: u32 = COUNTER_BITS - LOWER_COUNTER_BITS;
const PROCESS_BITS: u32 = 40;
/// Bytes from the beginning that say where an event stands: time, version, counter, variant.
const ORDER_BYTES: usize = 11;

/// A number whose lowest `bits` bits are 1.
const fn mask(bits: u32) -> u128 {
    (1 << bits) - 1
}

impl UidGenerator {
    /// `seed` is 8 random bytes drawn once for the process.
    pub fn new(seed: [u8; 8]) -> UidGenerator {
        let process = u64::from_le_bytes(seed) & ((1 << PROCESS_BITS) - 1);
        UidGenerator { process, counter: AtomicU64::new(0) }
    }

    /// The next uid.
    pub fn next(&self, now: Timestamp) -> Uid {
        self.block(1).at(0, now)
    }

    /// Reserves `n` uids with one atomic addition.
    pub fn block(&self, n: usize) -> UidBlock {
        UidBlock { process: self.process, first: self.counter.fetch_add(n as u64, Ordering::Relaxed) }
    }
}

/// A reserved run of uids of one generator.
#[derive(Clone, Copy, Debug)]
pub struct UidBlock {
    process: u64,
    first: u64,
}

impl UidBlock {
    /// What the uids of the block are made of, beside the time: the random number of the process, and
    /// the first of the counter.
    pub const fn parts(&self) -> (u64, u64) {
        (self.process, self.first)
    }

    /// The block of which [`UidBlock::parts`] gave this: the same uids again, for who has to give a line
    /// the uid that it had before.
    pub const fn of_parts((process, first): (u64, u64)) -> UidBlock {
        UidBlock { process: process & ((1 << PROCESS_BITS) - 1), first }
    }

    /// The uids of the lines of a file, by their numbers: `seed` is made of what the file is, so that the
    /// same line read again, with the same time of reception, has the same uid. Up to [`MAX_FILE_LINES`].
    pub fn of_file(seed: u64) -> UidBlock {
        UidBlock { process: seed & ((1 << PROCESS_BITS) - 1), first: 0 }
    }

    /// The uid number `i` of the block, received at `now`.
    pub fn at(&self, i: usize, now: Timestamp) -> Uid {
        let counter = self.first.wrapping_add(i as u64) & ((1 << COUNTER_BITS) - 1);
        let millis = u64::try_from(now.unix_micros().div_euclid(1000)).unwrap_or(0);
        let lower = counter & ((1 << LOWER_COUNTER_BITS) - 1);
        let high = (millis << 16) | 0x7000 | (counter >> LOWER_COUNTER_BITS);
        let low = (0b10 << 62) | (lower << PROCESS_BITS) | self.process;
        let mut bytes = [0u8; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        Uid(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_of_a_series_always_has_the_same_uid() {
        let at = Timestamp::from_unix_micros(1_795_341_600_000_000);
        let uid = |series: &str, number| Uid::of_series(series.as_bytes(), number, at);
        assert_eq!(uid("a", 7), uid("a", 7));
        assert!(uid("a", 7) < uid("a", 8) && uid("a", 7) != uid("b", 7));
        assert_eq!(uid("a", 7).millis(), 1_795_341_600_000);
    }

    #[test]
    fn uids_are_version_7_unique_and_ordered() {
        let generator = UidGenerator::new([0xff; 8]);
        let now = Timestamp::from_unix_micros(1_790_000_000_123_456);
        let uids: Vec<Uid> = (0..5000).map(|_| generator.next(now)).collect();
        assert!(uids.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(uids[0].as_bytes()[6] >> 4, 7);
        assert_eq!(uids[0].as_bytes()[8] >> 6, 2);
        assert_eq!(uids[0].millis(), 1_790_000_000_123);
    }

    proptest! {
        #[test]
        fn a_number_in_the_row_is_of_one_uid(bytes in any::<[u8; 16]>()) {
            let uid = Uid::from_bytes(bytes);
            prop_assert_eq!(Uid::from_row(uid.in_row()), uid);
            prop_assert_eq!(Uid::from_row(u128::from_be_bytes(bytes)).in_row(), u128::from_be_bytes(bytes));
        }

        #[test]
        fn uids_of_one_process_and_millisecond_follow_one_another(seed in any::<[u8; 8]>(), before in any::<u64>()) {
            let generator = UidGenerator { counter: AtomicU64::new(before >> 1), ..UidGenerator::new(seed) };
            let now = Timestamp::from_unix_micros(1_790_000_000_123_456);
            let block = generator.block(300);
            let first = block.at(0, now).in_row();
            for i in 0..300 {
                let wraps = (before >> 1) % (1 << COUNTER_BITS) + 300 > 1 << COUNTER_BITS;
                prop_assert!(wraps || block.at(i, now).in_row() == first + i as u128);
            }
            let later = Timestamp::from_unix_micros(1_790_000_000_124_000);
            prop_assert!(block.at(0, later).in_row() > block.at(299, now).in_row());
        }
    }

    #[test]
    fn a_block_is_made_again_of_its_parts() {
        let (generator, now) =
            (UidGenerator::new([7; 8]), Timestamp::from_unix_micros(1_790_000_000_123_456));
        let block = generator.block(9);
        let again = UidBlock::of_parts(block.parts());
        assert!((0..9).all(|i| again.at(i, now) == block.at(i, now)));
    }

    #[test]
    fn a_line_of_a_file_that_is_read_again_has_the_same_uid() {
        let now = Timestamp::from_unix_micros(1_790_000_000_123_456);
        let (one, other) = (UidBlock::of_file(u64::MAX), UidBlock::of_file(7));
        assert_eq!(one.at(5, now), UidBlock::of_file(u64::MAX).at(5, now));
        assert_ne!(one.at(5, now), other.at(5, now));
        assert_eq!(one.at(6, now).in_row(), one.at(5, now).in_row() + 1);
        assert_eq!(one.at(0, now).as_bytes()[6] >> 4, 7);
    }

    #[test]
    fn the_uid_of_several_is_of_all_of_them() {
        let generator = UidGenerator::new([7; 8]);
        let now = Timestamp::from_unix_micros(1_790_000_000_123_456);
        let [a, b, c] = [(); 3].map(|()| generator.next(now));
        let one = Uid::of_several(&[a, b]);
        assert_eq!(one, Uid::of_several(&[a, b]));
        assert_eq!((one.as_bytes()[6] >> 4, one.as_bytes()[8] >> 6, one.millis()), (7, 2, a.millis()));
        for other in [a, b, Uid::of_several(&[a, b, c]), Uid::of_several(&[a, c]), Uid::of_several(&[b, a])] {
            assert_ne!(one, other);
        }
        assert_eq!((Uid::of_several(&[a]), Uid::of_several(&[])), (a, Uid::default()));
    }

    #[test]
    fn the_uid_of_several_sorts_where_the_first_of_them_stood() {
        for seed in [[0; 8], [7; 8], [0xff; 8]] {
            let generator = UidGenerator::new(seed);
            let now = Timestamp::from_unix_micros(1_790_000_000_123_456);
            let uids: Vec<Uid> = (0..1000).map(|_| generator.next(now)).collect();
            for around in uids.windows(4) {
                let [before, first, second, behind] = around else { continue };
                let one = Uid::of_several(&[*first, *behind]);
                assert!(before < &one && &one < second, "{before} {one} {second}");
            }
        }
    }

    #[test]
    fn text_and_back() {
        let uid = UidGenerator::new([7; 8]).next(Timestamp::from_unix_micros(1_790_000_000_000_000));
        assert_eq!(Uid::parse(&uid.to_string()), Some(uid));
        assert_eq!(Uid::parse("nonsense"), None);
        assert_eq!(Uid::parse("00"), None);
    }
}
