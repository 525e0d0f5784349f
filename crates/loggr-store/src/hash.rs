//! Fast hashing for tables that live in memory only and whose size is bounded.
//!
//! Not for anything on disk: the numbers may change from one release to the next.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Folded multiplication over eight bytes at a time.
#[derive(Default, Clone, Copy)]
pub(crate) struct Fold(u64);

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fold {
    fn mix(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word) * u128::from(MULTIPLIER);
        self.0 = (wide as u64) ^ ((wide >> 64) as u64) ^ word.rotate_left(23);
    }
}

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        let wide = u128::from(self.0) * u128::from(MULTIPLIER);
        (wide as u64) ^ ((wide >> 64) as u64)
    }

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
            word[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(word) ^ (rest.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_i64(&mut self, value: i64) {
        self.mix(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}

pub(crate) type Build = BuildHasherDefault<Fold>;
pub(crate) type FastMap<K, V> = HashMap<K, V, Build>;
pub(crate) type FastSet<K> = HashSet<K, Build>;
/// By owned name, asked with a borrowed one.
pub(crate) type NameMap<V> = FastMap<String, V>;
