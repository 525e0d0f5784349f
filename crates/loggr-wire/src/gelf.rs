//! GELF over UDP: a message that is too long for a datagram comes in chunks, in any order.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 2 | `1e 0f` |
//! | 2 | 8 | which message |
//! | 10 | 1 | which chunk, from 0 |
//! | 11 | 1 | how many there are, at most 128 |
//! | 12 | … | a part of the message |
//!
//! Not here: what the message is packed in, and what it says. Invariants: what is held has a limit in messages,
//! bytes and time; what is given up comes out as far as it came.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Chunks of a message, at most.
pub const MAX_CHUNKS: usize = 128;
/// A message of which a chunk is missing for so long is given up.
pub const MAX_AGE: Duration = Duration::from_secs(5);
/// Messages that may be under way at one time; beyond, the oldest is given up.
pub const MAX_MESSAGES: usize = 1024;
/// Bytes of all of them together, at most.
pub const MAX_HELD_BYTES: usize = 16 << 20;

const HEAD_BYTES: usize = 12;

/// Does a datagram look like a chunk? No line of syslog begins so.
pub fn is_chunk(datagram: &[u8]) -> bool {
    matches!(datagram, [0x1e, 0x0f, ..]) && datagram.len() >= HEAD_BYTES
}

#[derive(Debug)]
struct Message {
    chunks: Vec<Option<Vec<u8>>>,
    missing: usize,
    bytes: usize,
    since: Instant,
}

impl Message {
    /// What has come of it, in order.
    fn parts(self) -> Vec<u8> {
        self.chunks.into_iter().flatten().flatten().collect()
    }
}

/// The messages that are under way, by their sender `P` and number.
#[derive(Debug)]
pub struct Assembler<P> {
    messages: HashMap<(P, [u8; 8]), Message>,
    held: usize,
}

/// What a chunk brings.
#[derive(Debug, PartialEq, Eq)]
pub enum Fed {
    /// The message is whole.
    Whole(Vec<u8>),
    /// Others are missing, or it came twice.
    Waits,
    /// Its head cannot be: it is no chunk.
    NoChunk,
}

impl<P> Default for Assembler<P> {
    fn default() -> Assembler<P> {
        Assembler { messages: HashMap::new(), held: 0 }
    }
}

impl<P: Clone + Eq + Hash> Assembler<P> {
    /// Nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Takes a chunk that came now; `given_up` gets what had to make room for it, with its sender.
    pub fn feed(
        &mut self,
        from: &P,
        datagram: &[u8],
        now: Instant,
        mut given_up: impl FnMut(&P, Vec<u8>),
    ) -> Fed {
        let Some((head, part)) = datagram.split_at_checked(HEAD_BYTES) else { return Fed::NoChunk };
        let [0x1e, 0x0f, id @ .., number, count] = head else { return Fed::NoChunk };
        let (number, count) = (usize::from(*number), usize::from(*count));
        let Ok(id) = <[u8; 8]>::try_from(id) else { return Fed::NoChunk };
        if number >= count || count > MAX_CHUNKS {
            return Fed::NoChunk;
        }
        let key = (from.clone(), id);
        if !self.messages.contains_key(&key) {
            while self.messages.len() >= MAX_MESSAGES || self.held + part.len() > MAX_HELD_BYTES {
                let oldest = self.messages.iter().min_by_key(|(_, message)| message.since);
                let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
                if let Some(message) = self.take(&oldest) {
                    given_up(&oldest.0, message.parts());
                }
            }
        }
        let message = self.messages.entry(key.clone()).or_insert_with(|| Message {
            chunks: vec![None; count],
            missing: count,
            bytes: 0,
            since: now,
        });
        match message.chunks.get_mut(number) {
            Some(place @ None) if self.held + part.len() <= MAX_HELD_BYTES => {
                *place = Some(part.to_vec());
                message.missing -= 1;
                message.bytes += part.len();
                self.held += part.len();
            }
            Some(_) => return Fed::Waits,
            // Another message under the same number.
            None => return Fed::NoChunk,
        }
        if message.missing > 0 {
            return Fed::Waits;
        }
        self.take(&key).map_or(Fed::Waits, |message| Fed::Whole(message.parts()))
    }

    /// Gives up what has waited for too long; all of it at the `end`.
    pub fn expire(&mut self, now: Instant, end: bool, mut given_up: impl FnMut(&P, Vec<u8>)) {
        let is_old = |message: &Message| end || now.saturating_duration_since(message.since) >= MAX_AGE;
        let old: Vec<(P, [u8; 8])> =
            self.messages.iter().filter(|(_, message)| is_old(message)).map(|(key, _)| key.clone()).collect();
        for key in old {
            if let Some(message) = self.take(&key) {
                given_up(&key.0, message.parts());
            }
        }
    }

    fn take(&mut self, key: &(P, [u8; 8])) -> Option<Message> {
        let message = self.messages.remove(key)?;
        self.held = self.held.saturating_sub(message.bytes);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(id: u8, number: u8, count: u8, part: &[u8]) -> Vec<u8> {
        [&[0x1e, 0x0f], &[id; 8][..], &[number, count], part].concat()
    }

    struct Trial {
        assembler: Assembler<u8>,
        begun: Instant,
        lost: Vec<(u8, Vec<u8>)>,
    }

    impl Trial {
        fn new() -> Trial {
            Trial { assembler: Assembler::default(), begun: Instant::now(), lost: Vec::new() }
        }

        fn feed(&mut self, from: u8, datagram: &[u8], after: u64) -> Fed {
            let lost = &mut self.lost;
            let now = self.begun + Duration::from_secs(after);
            self.assembler.feed(&from, datagram, now, |from, part| lost.push((*from, part)))
        }

        fn expire(&mut self, after: u64, end: bool) {
            let lost = &mut self.lost;
            let now = self.begun + Duration::from_secs(after);
            self.assembler.expire(now, end, |from, part| lost.push((*from, part)));
        }
    }

    #[test]
    fn chunks_come_in_any_order_and_twice() {
        let mut trial = Trial::new();
        assert_eq!(trial.feed(1, &chunk(7, 2, 3, b"c"), 0), Fed::Waits);
        assert_eq!(trial.feed(1, &chunk(7, 0, 3, b"a"), 0), Fed::Waits);
        assert_eq!(trial.feed(1, &chunk(7, 0, 3, b"x"), 0), Fed::Waits);
        // The same number of another sender is another message.
        assert_eq!(trial.feed(2, &chunk(7, 1, 3, b"z"), 0), Fed::Waits);
        assert_eq!(trial.feed(1, &chunk(7, 1, 3, b"b"), 0), Fed::Whole(b"abc".to_vec()));
        assert_eq!(trial.feed(1, &chunk(8, 0, 1, b"one"), 0), Fed::Whole(b"one".to_vec()));
        assert!(trial.lost.is_empty() && !trial.assembler.is_empty());
    }

    #[test]
    fn what_is_no_chunk_is_told() {
        let mut trial = Trial::new();
        for wrong in [chunk(1, 3, 3, b""), chunk(1, 0, 0, b""), chunk(1, 0, 129, b""), b"\x1e\x0f".to_vec()] {
            assert_eq!(trial.feed(1, &wrong, 0), Fed::NoChunk);
        }
        assert_eq!(trial.feed(1, &chunk(1, 0, 2, b"a"), 0), Fed::Waits);
        assert_eq!(trial.feed(1, &chunk(1, 3, 4, b"a"), 0), Fed::NoChunk);
        assert!(is_chunk(&chunk(1, 0, 1, b"")) && !is_chunk(b"\x1e\x0f") && !is_chunk(b"<13>1 - - - - - -"));
    }

    #[test]
    fn what_misses_a_chunk_for_long_comes_out_as_far_as_it_came() {
        let mut trial = Trial::new();
        trial.feed(1, &chunk(1, 0, 3, b"a"), 0);
        trial.feed(1, &chunk(1, 2, 3, b"c"), 1);
        trial.feed(1, &chunk(2, 0, 2, b"later"), 3);
        trial.expire(4, false);
        assert!(trial.lost.is_empty());
        trial.expire(5, false);
        assert_eq!(trial.lost, [(1, b"ac".to_vec())]);
        trial.expire(5, true);
        assert_eq!(trial.lost.len(), 2);
        assert!(trial.assembler.is_empty() && trial.assembler.held == 0);
    }

    #[test]
    fn messages_and_bytes_have_a_limit() {
        let mut trial = Trial::new();
        for n in 0..=u16::try_from(MAX_MESSAGES).unwrap() {
            let [high, low] = n.to_be_bytes();
            let head = [&[0x1e, 0x0f, high, low], &[0; 6][..], &[0, 2]].concat();
            trial.feed(1, &[&head[..], &[high, low]].concat(), u64::from(n > 0));
        }
        assert_eq!(trial.lost, [(1, vec![0, 0])], "the oldest makes room");
        let mut trial = Trial::new();
        let large = vec![b'x'; 1 << 20];
        for id in 0..20 {
            trial.feed(1, &chunk(id, 0, 2, &large), u64::from(id));
            assert!(trial.assembler.held <= MAX_HELD_BYTES);
        }
        assert_eq!(trial.lost.len(), 4);
    }

    proptest! {
        #[test]
        fn any_datagrams_are_taken(datagrams in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..20), 0..40,
        )) {
            let mut trial = Trial::new();
            for datagram in datagrams {
                trial.feed(1, &[&[0x1e, 0x0f], &datagram[..]].concat(), 0);
            }
            trial.expire(0, true);
            prop_assert!(trial.assembler.held == 0);
        }
    }
}
