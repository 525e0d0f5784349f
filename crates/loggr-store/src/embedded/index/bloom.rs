//! A split-block Bloom filter: one cache line a question, about one wrong yes in a hundred.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | number of blocks of 32 bytes |
//! | 32 each | eight words of 32 bits, one bit set in each for every key of the block |

use super::bytes::{put_u32, u32_at};

/// Bits for each key.
pub const BLOOM_BITS_PER_KEY: usize = 10;

const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

fn place(hash: u64, blocks: usize) -> (usize, [u32; 8]) {
    let block = (((hash >> 32) * blocks as u64) >> 32) as usize;
    (block, SALT.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27)))
}

/// Writes a filter of the hashes.
pub(crate) fn write(out: &mut Vec<u8>, hashes: &[u64]) {
    let blocks = if hashes.is_empty() { 0 } else { (hashes.len() * BLOOM_BITS_PER_KEY).div_ceil(256) };
    let mut words = vec![0u32; blocks * 8];
    for hash in hashes {
        let (block, mask) = place(*hash, blocks);
        for (word, bit) in words.iter_mut().skip(block * 8).zip(mask) {
            *word |= bit;
        }
    }
    put_u32(out, blocks as u32);
    for word in words {
        put_u32(out, word);
    }
}

/// May the hash be among those written? `bytes` begin with the number of blocks.
pub(crate) fn may_hold(bytes: &[u8], hash: u64) -> bool {
    let blocks = u32_at(bytes, 0) as usize;
    if blocks == 0 {
        return false;
    }
    let (block, mask) = place(hash, blocks);
    mask.iter().enumerate().all(|(i, bit)| u32_at(bytes, 4 + (block * 8 + i) * 4) & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_keys_and_few_others() {
        let hash = |i: u64| xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes());
        let hashes: Vec<u64> = (0..10_000).map(hash).collect();
        let mut bytes = Vec::new();
        write(&mut bytes, &hashes);
        assert!(hashes.iter().all(|h| may_hold(&bytes, *h)));
        let wrong = (10_000..110_000).filter(|i| may_hold(&bytes, hash(*i))).count();
        assert!(wrong < 2_500, "{wrong} of 100000");
    }

    #[test]
    fn nothing_holds_nothing() {
        let mut bytes = Vec::new();
        write(&mut bytes, &[]);
        assert!(!may_hold(&bytes, 7));
        assert!(!may_hold(&[], 7));
    }
}
