//! Which tokens the texts of a row group hold, and in which blocks of its rows.
//!
//! A row group is cut into 64 blocks. Tokens without digits stand in a sorted dictionary,
//! each with a mask of the blocks in which it occurs. Tokens with digits, very long ones, and
//! those that a messy log has beyond [`MAX_DICTIONARY_WORDS`] stand in a Bloom filter, and
//! their trigrams in a bitmap, so that prefixes and substrings of them prune too.
//!
//! Invariant: an answer names every block that holds the text; it may name others.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | number of dictionary words |
//! | 4 | flags: 1 words were moved to the filter, 2 the trigram bitmap is present |
//! | 4 each, and one more | where each word begins in the text below, and its end |
//! | 8 each | mask of each word |
//! | … | the words' text, sorted |
//! | 6,336 | bitmap of trigrams over `a-z`, `0-9`, anything else |
//! | … | the filter (see `bloom`) |

use super::bloom;
use super::bytes::{put_u32, put_u64, u32_at, u64_at};
use crate::tokens::{is_token_byte, tokens};

/// Words in the dictionary of one row group; the others go to the Bloom filter.
pub const MAX_DICTIONARY_WORDS: usize = 12_288;
/// Words held while a row group's index is made, before the rare ones are moved to the filter.
pub const MAX_WORDS_WHILE_BUILDING: usize = 65_536;
/// Longest word of the dictionary, in bytes.
pub const MAX_WORD_BYTES: usize = 40;
/// Rows below which a row group has no trigram bitmap: it would be larger than they are.
const MIN_ROWS_FOR_TRIGRAMS: usize = 2048;

const LETTERS: usize = 37;
const TRIGRAM_WORDS: usize = (LETTERS * LETTERS * LETTERS).div_ceil(64);
const MOVED: u32 = 1;
const HAS_TRIGRAMS: u32 = 2;
/// Hashes of tokens seen lately, so that the same one is not collected again and again.
const RECENT: usize = 8192;

fn letter(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a'),
        b'0'..=b'9' => usize::from(byte - b'0') + 26,
        _ => 36,
    }
}

fn trigram(window: &[u8]) -> usize {
    window.iter().fold(0, |all, byte| all * LETTERS + letter(*byte))
}

pub(crate) fn token_hash(token: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(token)
}

/// For each byte its folded form if it belongs to a token, else 0.
#[allow(clippy::indexing_slicing, reason = "a byte is below 256")]
const FOLDED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if is_token_byte(byte as u8) {
            table[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// The first eight bytes as a number; no token holds a 0, so that short ones are unambiguous.
#[inline]
fn prefix(token: &[u8]) -> u64 {
    match token.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => token.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

#[inline]
fn mix(number: u64) -> u64 {
    let wide = u128::from(number ^ 0x2545_f491_4f6c_dd1d) * u128::from(0x9e37_79b9_7f4a_7c15u64);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[derive(Clone, Copy, Default)]
struct Word {
    hash: u64,
    /// The first eight bytes.
    prefix: u64,
    mask: u64,
    start: u32,
    length: u32,
    count: u32,
}

/// Collects the tokens of a row group.
pub(crate) struct WordsBuilder {
    /// Open addressing; `count` 0 is a free place.
    table: Vec<Word>,
    used: usize,
    text: Vec<u8>,
    moved: bool,
    hashes: Vec<u64>,
    recent: Vec<u64>,
    /// Number of hashes at which equal ones are thrown out.
    sort_at: usize,
    trigrams: Vec<u64>,
}

#[allow(
    clippy::indexing_slicing,
    reason = "its table, and places that it gave itself: none is read from a file"
)]
impl WordsBuilder {
    pub(crate) fn new() -> WordsBuilder {
        WordsBuilder {
            table: vec![Word::default(); 4096],
            used: 0,
            text: Vec::new(),
            moved: false,
            hashes: Vec::new(),
            // No hash can be equal to what stands at its own place at first.
            recent: (1..=RECENT as u64).map(|i| i % RECENT as u64).collect(),
            sort_at: 1 << 20,
            trigrams: vec![0; TRIGRAM_WORDS],
        }
    }

    /// Adds the tokens of a text of the block with number `block`.
    pub(crate) fn add(&mut self, text: &[u8], block: u32) {
        let bit = 1u64 << (block & 63);
        let mut token = [0u8; MAX_WORD_BYTES];
        let (mut length, mut digit) = (0, false);
        for (at, byte) in text.iter().enumerate() {
            let folded = FOLDED[usize::from(*byte)];
            if folded != 0 {
                if length < MAX_WORD_BYTES {
                    token[length] = folded;
                }
                length += 1;
                digit |= folded.is_ascii_digit();
            } else if length > 0 {
                self.add_token(&token, length, digit, bit, || &text[at - length..at]);
                (length, digit) = (0, false);
            }
        }
        if length > 0 {
            self.add_token(&token, length, digit, bit, || &text[text.len() - length..]);
        }
    }

    #[inline]
    fn add_token<'t>(
        &mut self,
        token: &[u8; MAX_WORD_BYTES],
        length: usize,
        digit: bool,
        bit: u64,
        whole: impl FnOnce() -> &'t [u8],
    ) {
        match token.get(..length) {
            Some(token) if digit => self.add_hashed(token),
            Some(token) => self.add_word(token, bit),
            None => self.add_hashed(&whole().to_ascii_lowercase()),
        }
    }

    /// A folded token for the filter.
    pub(crate) fn add_hashed(&mut self, token: &[u8]) {
        let hash = token_hash(token);
        let recent = &mut self.recent[hash as usize % RECENT];
        if *recent == hash {
            return;
        }
        *recent = hash;
        self.hashes.push(hash);
        for window in token.windows(3) {
            let bit = trigram(window);
            self.trigrams[bit / 64] |= 1 << (bit % 64);
        }
        if self.hashes.len() >= self.sort_at {
            self.hashes.sort_unstable();
            self.hashes.dedup();
            self.sort_at = (self.hashes.len() * 2).max(self.sort_at);
        }
    }

    fn add_word(&mut self, token: &[u8], bit: u64) {
        let prefix = prefix(token);
        let hash = match token.get(8..) {
            Some([]) | None => mix(prefix),
            Some(rest) => rest
                .chunks(8)
                .fold(mix(prefix), |hash, chunk| mix(hash.rotate_left(23) ^ self::prefix(chunk))),
        };
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let word = &self.table[at];
            if word.count == 0 {
                break;
            }
            // Most words fit into the prefix, and need no look at the text.
            if word.prefix == prefix
                && word.length as usize == token.len()
                && (token.len() <= 8 || self.text_of(word) == token)
            {
                let word = &mut self.table[at];
                word.mask |= bit;
                word.count = word.count.saturating_add(1);
                return;
            }
            at = (at + 1) & mask;
        }
        let start = self.text.len() as u32;
        self.text.extend_from_slice(token);
        self.table[at] = Word { hash, prefix, mask: bit, start, length: token.len() as u32, count: 1 };
        self.used += 1;
        if self.used >= MAX_WORDS_WHILE_BUILDING {
            self.shrink();
        } else if self.used * 2 > self.table.len() {
            let words: Vec<Word> = self.words().collect();
            self.rebuild(&words, self.table.len() * 2);
        }
    }

    fn words(&self) -> impl Iterator<Item = Word> + '_ {
        self.table.iter().copied().filter(|w| w.count > 0)
    }

    fn text_of(&self, word: &Word) -> &[u8] {
        &self.text[word.start as usize..(word.start + word.length) as usize]
    }

    fn rebuild(&mut self, words: &[Word], size: usize) {
        self.table.clear();
        self.table.resize(size, Word::default());
        for word in words {
            let mut at = word.hash as usize & (size - 1);
            while self.table[at].count > 0 {
                at = (at + 1) & (size - 1);
            }
            self.table[at] = *word;
        }
        self.used = words.len();
    }

    /// Moves the rarest words to the filter. One that comes again later stands in both: the
    /// flag `MOVED` makes the reader ask both.
    fn shrink(&mut self) {
        self.moved = true;
        let mut words: Vec<Word> = self.words().collect();
        words.sort_unstable_by_key(|w| std::cmp::Reverse(w.count));
        for word in words.iter().skip(MAX_DICTIONARY_WORDS) {
            let token = self.text_of(word).to_vec();
            self.add_hashed(&token);
        }
        words.truncate(MAX_DICTIONARY_WORDS);
        let old = std::mem::take(&mut self.text);
        for word in &mut words {
            let text = &old[word.start as usize..(word.start + word.length) as usize];
            word.start = self.text.len() as u32;
            self.text.extend_from_slice(text);
        }
        self.rebuild(&words, self.table.len());
    }

    /// Writes the index of a row group of `rows` rows.
    pub(crate) fn write(mut self, out: &mut Vec<u8>, rows: usize) {
        if self.used > MAX_DICTIONARY_WORDS {
            self.shrink();
        }
        let mut words: Vec<Word> = self.words().collect();
        words.sort_unstable_by(|a, b| self.text_of(a).cmp(self.text_of(b)));
        self.hashes.sort_unstable();
        self.hashes.dedup();
        let trigrams = rows >= MIN_ROWS_FOR_TRIGRAMS && !self.hashes.is_empty();
        put_u32(out, words.len() as u32);
        put_u32(out, (u32::from(self.moved) * MOVED) | (u32::from(trigrams) * HAS_TRIGRAMS));
        let mut end = 0;
        put_u32(out, end);
        for word in &words {
            end += word.length;
            put_u32(out, end);
        }
        for word in &words {
            put_u64(out, word.mask);
        }
        for word in &words {
            out.extend_from_slice(self.text_of(word));
        }
        if trigrams {
            for word in &self.trigrams {
                put_u64(out, *word);
            }
        }
        bloom::write(out, &self.hashes);
    }
}

/// The index of one row group, as it lies in the file.
#[derive(Clone, Copy)]
pub(crate) struct Words<'b> {
    bytes: &'b [u8],
    count: usize,
    masks: usize,
    text: usize,
    trigrams: Option<usize>,
    filter: &'b [u8],
    moved: bool,
}

impl<'b> Words<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Option<Words<'b>> {
        let count = u32_at(bytes, 0) as usize;
        let flags = u32_at(bytes, 4);
        let masks = 8 + (count + 1) * 4;
        let text = masks + count * 8;
        let mut end = text + u32_at(bytes, 8 + count * 4) as usize;
        let trigrams = (flags & HAS_TRIGRAMS != 0).then_some(end);
        if trigrams.is_some() {
            end += TRIGRAM_WORDS * 8;
        }
        Some(Words {
            bytes,
            count,
            masks,
            text,
            trigrams,
            filter: bytes.get(end..)?,
            moved: flags & MOVED != 0,
        })
    }

    fn word(&self, i: usize) -> &'b [u8] {
        let start = self.text + u32_at(self.bytes, 8 + i * 4) as usize;
        let end = self.text + u32_at(self.bytes, 12 + i * 4) as usize;
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn mask(&self, i: usize) -> u64 {
        u64_at(self.bytes, self.masks + i * 8)
    }

    /// The first word not below `token`.
    fn lower_bound(&self, token: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = (low + high) / 2;
            if self.word(middle) < token { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// True when it holds no token at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0 && u32_at(self.filter, 0) == 0
    }

    fn whole(&self, token: &[u8]) -> u64 {
        let digit = token.len() > MAX_WORD_BYTES || token.iter().any(u8::is_ascii_digit);
        if (digit || self.moved) && bloom::may_hold(self.filter, token_hash(token)) {
            return !0;
        }
        if digit {
            return 0;
        }
        let at = self.lower_bound(token);
        if at < self.count && self.word(at) == token { self.mask(at) } else { 0 }
    }

    fn partial(&self, token: &[u8], bounded_start: bool, bounded_end: bool) -> u64 {
        let hashed = u32_at(self.filter, 0) > 0
            && (token.len() < 3
                || self.trigrams.is_none_or(|bitmap| {
                    token.windows(3).all(|window| {
                        let bit = trigram(window);
                        u64_at(self.bytes, bitmap + bit / 64 * 8) >> (bit % 64) & 1 == 1
                    })
                }));
        if hashed {
            return !0;
        }
        if token.iter().any(u8::is_ascii_digit) {
            return 0;
        }
        let mut mask = 0;
        if bounded_start {
            let mut at = self.lower_bound(token);
            while at < self.count && self.word(at).starts_with(token) {
                mask |= self.mask(at);
                at += 1;
            }
            return mask;
        }
        // One pass over the text of all words; a hit across two of them is none.
        let finder = memchr::memmem::Finder::new(token);
        let text = self.words_text();
        let (mut at, mut word) = (0, 0);
        while let Some(found) = text.get(at..).and_then(|rest| finder.find(rest)) {
            let (start, end) = (at + found, at + found + token.len());
            word = self.word_at(word, start);
            let word_end = self.offset(word + 1);
            if if bounded_end { end == word_end } else { end <= word_end } {
                mask |= self.mask(word);
            }
            at = start + 1;
        }
        mask
    }

    fn offset(&self, i: usize) -> usize {
        u32_at(self.bytes, 8 + i * 4) as usize
    }

    fn words_text(&self) -> &'b [u8] {
        self.bytes.get(self.text..self.text + self.offset(self.count)).unwrap_or_default()
    }

    /// The word, not before `from`, that holds the byte at `place` of the text.
    fn word_at(&self, from: usize, place: usize) -> usize {
        let (mut low, mut high) = (from, self.count);
        while low + 1 < high {
            let middle = (low + high) / 2;
            if self.offset(middle) <= place { low = middle } else { high = middle }
        }
        low
    }

    /// The blocks that may hold the folded `needle`, whose ends are bounded by tokens or not.
    pub(crate) fn blocks(&self, needle: &[u8], bounded_start: bool, bounded_end: bool) -> u64 {
        let mut mask = !0;
        let mut parts = tokens(needle);
        while let Some(range) = parts.next_range() {
            let start = bounded_start || range.start > 0;
            let end = bounded_end || range.end < needle.len();
            let Some(token) = needle.get(range) else { break };
            debug_assert!(token.iter().all(|b| is_token_byte(*b)));
            mask &= if start && end { self.whole(token) } else { self.partial(token, start, end) };
            if mask == 0 {
                break;
            }
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Finder, fold};
    use proptest::prelude::*;

    fn build(texts: &[String]) -> Vec<u8> {
        let mut builder = WordsBuilder::new();
        for (i, text) in texts.iter().enumerate() {
            builder.add(text.as_bytes(), i as u32);
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, MIN_ROWS_FOR_TRIGRAMS);
        bytes
    }

    #[track_caller]
    fn check(text: &str, needle: &str, bounds: (bool, bool), expect: bool) {
        let bytes = build(&[text.to_owned()]);
        assert_eq!(
            Words::new(&bytes).unwrap().blocks(needle.as_bytes(), bounds.0, bounds.1) & 1 == 1,
            expect
        );
    }

    #[test]
    fn words_prefixes_and_substrings() {
        check("Failed password for root", "failed", (true, true), true);
        check("Failed password for root", "fail", (true, true), false);
        check("Failed password for root", "fail", (true, false), true);
        check("Failed password for root", "ail", (true, false), false);
        check("Failed password for root", "sswor", (false, false), true);
        check("Failed password for root", "word", (false, true), true);
        check("Failed password for root", "password for", (true, true), true);
        check("Failed password for root", "d pass", (false, false), true);
        check("trace 81bac566 x", "81bac566", (true, true), true);
        check("trace 81bac566 x", "81bac567", (true, true), false);
        check("trace 81bac566 x", "1bac", (false, false), true);
        check("trace 81bac566 x", "1bzc", (false, false), false);
    }

    #[test]
    fn noise_is_capped_and_still_found() {
        let mut seed = 1u64;
        let mut noise = || {
            let mut word = String::new();
            for _ in 0..10 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                word.push(char::from(b'a' + ((seed >> 40) % 26) as u8));
            }
            word
        };
        let texts: Vec<String> =
            (0..100_000).map(|i| if i % 100 == 0 { "common".into() } else { noise() }).collect();
        let mut builder = WordsBuilder::new();
        for (i, text) in texts.iter().enumerate() {
            builder.add(text.as_bytes(), (i * 64 / texts.len()) as u32);
        }
        assert!(builder.used <= MAX_WORDS_WHILE_BUILDING);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, texts.len());
        assert!(bytes.len() < 500_000, "{}", bytes.len());
        let words = Words::new(&bytes).unwrap();
        for (i, text) in texts.iter().enumerate() {
            let block = i * 64 / texts.len();
            assert!(words.blocks(text.as_bytes(), true, true) >> block & 1 == 1, "{text}");
        }
        let wrong = (0..1000).filter(|_| words.blocks(noise().as_bytes(), true, true) != 0).count();
        assert!(wrong < 50, "{wrong}");
    }

    proptest! {
        #[test]
        fn never_misses_what_the_finder_finds(
            texts in proptest::collection::vec("[abAé1_ .-]{0,14}", 1..5),
            needle in "[abé1_ .]{1,5}",
            start: bool,
            end: bool,
        ) {
            let bytes = build(&texts);
            let mask = Words::new(&bytes).unwrap().blocks(needle.as_bytes(), start, end);
            let finder = Finder::new(&[&needle], start, end);
            for (i, text) in texts.iter().enumerate() {
                if finder.is_match(fold(text).as_bytes()) {
                    prop_assert!(mask >> i & 1 == 1, "`{}` in `{}`", needle, text);
                }
            }
        }
    }
}
