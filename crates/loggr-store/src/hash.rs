//! Fast hashing for tables that live in memory only and whose size is bounded.
//!
//! It is not for anything on disk: each process has another seed, and so other hashes. The seed is
//! secret because names and texts come from the network: a sender who knew which of them collide
//! could make every table as slow as a list.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

/// A hasher: folded multiplication over eight bytes at a time, with a secret start.
#[derive(Clone, Copy)]
pub(crate) struct Fold {
    state: u64,
    /// Takes part at the end, so that one number alone does not give the seed away.
    end: u64,
}

/// Makes hashers: all of a process with the same seed.
#[derive(Clone, Copy)]
pub(crate) struct Build {
    start: u64,
    end: u64,
}

impl Default for Build {
    fn default() -> Build {
        static SEED: OnceLock<(u64, u64)> = OnceLock::new();
        // The standard library draws the keys of its own tables from the system.
        let (start, end) = *SEED.get_or_init(|| {
            let drawn = RandomState::new();
            (drawn.hash_one(1), drawn.hash_one(2))
        });
        Build { start, end }
    }
}

impl BuildHasher for Build {
    type Hasher = Fold;

    fn build_hasher(&self) -> Fold {
        Fold { state: self.start, end: self.end }
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fold {
    #[inline]
    fn mix(&mut self, word: u64) {
        let wide = u128::from(self.state ^ word) * u128::from(MULTIPLIER);
        self.state = (wide as u64) ^ ((wide >> 64) as u64) ^ word.rotate_left(23);
    }
}

impl Hasher for Fold {
    #[inline]
    fn finish(&self) -> u64 {
        let wide = u128::from(self.state ^ self.end) * u128::from(MULTIPLIER);
        (wide as u64) ^ ((wide >> 64) as u64)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut word = [0; 8];
            if let Some(start) = word.get_mut(..rest.len()) {
                start.copy_from_slice(rest);
            }
            self.mix(u64::from_le_bytes(word) ^ (rest.len() as u64) << 56);
        }
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    #[inline]
    fn write_u128(&mut self, value: u128) {
        self.mix(value as u64);
        self.mix((value >> 64) as u64);
    }

    #[inline]
    fn write_i64(&mut self, value: i64) {
        self.mix(value as u64);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}

pub(crate) type FastMap<K, V> = HashMap<K, V, Build>;
pub(crate) type FastSet<K> = HashSet<K, Build>;
/// By owned name, asked with a borrowed one.
pub(crate) type NameMap<V> = FastMap<String, V>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_depend_on_the_seed_alone() {
        let seeded = |start| Build { start, end: 7 };
        for key in ["", "a", "app", "a name that is longer than a word"] {
            assert_eq!(seeded(1).hash_one(key), seeded(1).hash_one(key));
            assert_ne!(seeded(1).hash_one(key), seeded(2).hash_one(key), "{key}");
        }
        assert_eq!(Build::default().hash_one("a"), Build::default().hash_one("a"));
        // Short texts, and those that differ in zeros alone, are spread.
        let keys: Vec<Vec<u8>> = (0..40).map(|n| vec![0; n]).collect();
        let distinct: HashSet<u64> = keys.iter().map(|key| Build::default().hash_one(&key[..])).collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
