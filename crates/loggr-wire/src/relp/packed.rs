//! Many messages in one frame, compressed: an extension between two loggrs.
//!
//! RELP knows nothing of it. A client asks for it by the command `zsyslog` in its offers, and uses it only
//! where the server offers it as well. One answer stands for all messages of a frame.
//!
//! | octets | what | limit |
//! | --- | --- | --- |
//! | 4 | how many messages, big-endian | 1 to [`MAX_PACKED_MESSAGES`] |
//! | 4 | how many octets come out, big-endian | [`MAX_UNPACKED_BYTES`] |
//! | rest | a frame of zstd (RFC 8878) | [`MAX_PACKED_BYTES`] with what stands before it |
//!
//! What comes out is, for each message, its length in 4 octets, big-endian, and the message, which is not
//! empty.
//!
//! Invariants: nothing is allocated for a claim beyond the limit, and never more than the claim; of a frame
//! that is damaged no message comes out.

use std::fmt;

use zstd::bulk::{Compressor, Decompressor};

/// The command of such a frame.
pub const PACKED_COMMAND: &str = "zsyslog";
/// The most octets of data of such a frame.
pub const MAX_PACKED_BYTES: usize = 512 << 10;
/// The most octets that may come out of one.
pub const MAX_UNPACKED_BYTES: usize = 1 << 20;
/// The most messages in one: short ones need much more memory than octets, as they come out.
pub const MAX_PACKED_MESSAGES: usize = 1 << 12;

/// Octets before the frame of zstd.
const HEAD_BYTES: usize = 8;
/// Octets before each message.
const LENGTH_BYTES: usize = 4;
/// How much is tried to make it smaller: beyond it a little is gained, and much is paid.
const LEVEL: i32 = 3;

/// Why no messages come out of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is shorter than what stands before the frame of zstd, or longer than it may be.
    Length,
    /// It claims no message, or more than there may be.
    Count,
    /// It claims that more comes out than may.
    TooLarge,
    /// Something else comes out than it claims, or nothing, or an empty message.
    Content,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Length => write!(f, "a compressed frame has {HEAD_BYTES} to {MAX_PACKED_BYTES} octets"),
            Damage::Count => write!(f, "a compressed frame holds 1 to {MAX_PACKED_MESSAGES} messages"),
            Damage::TooLarge => {
                write!(f, "a compressed frame holds at most {MAX_UNPACKED_BYTES} octets of messages")
            }
            Damage::Content => write!(f, "a compressed frame does not hold what it says"),
        }
    }
}

/// Makes frames out of messages.
pub struct Packer {
    compressor: Compressor<'static>,
    plain: Vec<u8>,
    messages: usize,
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("messages", &self.messages).finish_non_exhaustive()
    }
}

impl Packer {
    /// One that holds no message. `None` where the library has no memory for it.
    pub fn new() -> Option<Packer> {
        let mut compressor = Compressor::new(LEVEL).ok()?;
        // Without it a changed octet may come out as another text.
        compressor.include_checksum(true).ok()?;
        Some(Packer { compressor, plain: Vec::new(), messages: 0 })
    }

    /// How many octets come out of the frame so far.
    pub fn len(&self) -> usize {
        self.plain.len()
    }

    /// It holds no message.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Adds a message, which is not empty. False if it has no room: the frame is full.
    pub fn push(&mut self, message: &[u8]) -> bool {
        let len = self.plain.len().saturating_add(LENGTH_BYTES).saturating_add(message.len());
        if len > MAX_UNPACKED_BYTES || self.messages >= MAX_PACKED_MESSAGES {
            return false;
        }
        self.plain.extend_from_slice(&(message.len() as u32).to_be_bytes());
        self.plain.extend_from_slice(message);
        self.messages += 1;
        true
    }

    /// The data of the frame; afterwards it holds no message. `None` if it would be longer than it may be, or
    /// no shorter than the messages are.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let mut data = Vec::with_capacity(HEAD_BYTES + self.plain.len() / 2);
        data.extend_from_slice(&(self.messages as u32).to_be_bytes());
        data.extend_from_slice(&(self.plain.len() as u32).to_be_bytes());
        let packed = self.compressor.compress(&self.plain).ok();
        let plain = self.plain.len();
        self.plain.clear();
        self.messages = 0;
        data.extend_from_slice(&packed?);
        (data.len() < plain && data.len() <= MAX_PACKED_BYTES).then_some(data)
    }
}

/// What is in the data of a frame: its messages, in their order.
///
/// # Errors
/// The frame is damaged. None of its messages can be used.
pub fn unpack(data: &[u8]) -> Result<Unpacked, Damage> {
    if data.len() > MAX_PACKED_BYTES {
        return Err(Damage::Length);
    }
    let (messages, rest) = number(data).ok_or(Damage::Length)?;
    let (len, packed) = number(rest).ok_or(Damage::Length)?;
    if !(1..=MAX_PACKED_MESSAGES).contains(&messages) {
        return Err(Damage::Count);
    }
    if len > MAX_UNPACKED_BYTES {
        return Err(Damage::TooLarge);
    }
    // Never more than is claimed: what comes out beyond it is an error of the library.
    let plain = Decompressor::new().and_then(|mut decompressor| decompressor.decompress(packed, len));
    let plain = plain.map_err(|_| Damage::Content)?;
    if plain.len() != len {
        return Err(Damage::Content);
    }
    let mut rest = plain.as_slice();
    for _ in 0..messages {
        let (_, after) = message(rest).ok_or(Damage::Content)?;
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Damage::Content);
    }
    Ok(Unpacked { plain, messages })
}

/// The messages of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    plain: Vec<u8>,
    messages: usize,
}

impl Unpacked {
    /// How many messages, at least one.
    pub fn count(&self) -> usize {
        self.messages
    }

    /// How many octets, with the lengths.
    pub fn byte_len(&self) -> usize {
        self.plain.len()
    }

    /// Each message.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.plain.as_slice();
        std::iter::from_fn(move || {
            let (found, after) = message(rest)?;
            rest = after;
            Some(found)
        })
    }
}

/// A number of 4 octets, and what comes after it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    Some((u32::from_be_bytes(*number) as usize, rest))
}

/// A message, and what comes after it.
fn message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = number(bytes)?;
    rest.split_at_checked(len).filter(|(message, _)| !message.is_empty())
}

/// The data of a frame with these messages, longer or shorter than they are.
#[cfg(test)]
pub(super) fn packed_of(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut plain = Vec::new();
    for message in messages {
        plain.extend_from_slice(&(message.len() as u32).to_be_bytes());
        plain.extend_from_slice(message);
    }
    let packed = zstd::bulk::compress(&plain, LEVEL).expect("memory");
    [&(messages.len() as u32).to_be_bytes()[..], &(plain.len() as u32).to_be_bytes(), &packed].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed<'m>(messages: impl IntoIterator<Item = &'m [u8]>) -> Option<Vec<u8>> {
        let mut packer = Packer::new().expect("memory");
        messages.into_iter().for_each(|message| assert!(packer.push(message), "room"));
        packer.finish()
    }

    /// A frame with these numbers before what comes out.
    fn frame(messages: u32, len: u32, plain: &[u8]) -> Vec<u8> {
        let packed = zstd::bulk::compress(plain, LEVEL).expect("memory");
        [&messages.to_be_bytes()[..], &len.to_be_bytes(), &packed].concat()
    }

    #[track_caller]
    fn check(data: &[u8], expect: Result<&[&[u8]], Damage>) {
        match (unpack(data), expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found.iter().collect::<Vec<_>>(), expect),
            (found, expect) => assert_eq!(found.map(drop), expect.map(drop)),
        }
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let long = "x".repeat(500);
        let messages: Vec<&[u8]> = vec![long.as_bytes(), b"a\nb\0", b"last"];
        let data = packed(messages.iter().copied()).expect("it is shorter");
        assert!(data.len() < 100);
        check(&data, Ok(&messages));
    }

    #[test]
    fn what_gets_no_shorter_is_not_packed() {
        assert_eq!(packed([&b"abc"[..]]), None);
        assert_eq!(packed([]), None);
    }

    #[test]
    fn a_full_frame_takes_no_more() {
        let mut packer = Packer::new().expect("memory");
        let message = vec![b'x'; MAX_UNPACKED_BYTES / 2 - LENGTH_BYTES];
        assert!(packer.push(&message) && packer.push(&message) && !packer.push(b"x"));
        assert_eq!(packer.len(), MAX_UNPACKED_BYTES);
        let data = packer.finish().expect("it is shorter");
        assert_eq!(unpack(&data).map(|found| (found.count(), found.byte_len())), Ok((2, MAX_UNPACKED_BYTES)));
        let many = (0..MAX_PACKED_MESSAGES).all(|_| packer.push(b"x"));
        assert!(many && !packer.push(b"x"));
        assert!(packer.finish().is_some() && packer.is_empty());
    }

    #[test]
    fn damage_is_found_before_anything_comes_out() {
        let plain = [&[0, 0, 0, 1, b'a'][..], &[0, 0, 0, 2, b'b', b'c']].concat();
        check(&frame(2, 11, &plain), Ok(&[b"a", b"bc"]));
        check(b"", Err(Damage::Length));
        check(&[0; 7], Err(Damage::Length));
        check(&vec![0; MAX_PACKED_BYTES + 1], Err(Damage::Length));
        check(&frame(0, 11, &plain), Err(Damage::Count));
        check(&frame(MAX_PACKED_MESSAGES as u32 + 1, 11, &plain), Err(Damage::Count));
        // Fewer or more messages than there are.
        check(&frame(1, 11, &plain), Err(Damage::Content));
        check(&frame(3, 11, &plain), Err(Damage::Content));
        // A wrong length of all, and of one.
        check(&frame(2, 10, &plain), Err(Damage::Content));
        check(&frame(2, 12, &plain), Err(Damage::Content));
        check(&frame(1, 6, &[0, 0, 0, 9, b'a', b'b']), Err(Damage::Content));
        // A message of nothing, of which a few octets could bring any number.
        check(&frame(2, 9, &[0, 0, 0, 1, b'a', 0, 0, 0, 0]), Err(Damage::Content));
        // No zstd, half of it, and a byte that is another.
        check(&[&[0, 0, 0, 1, 0, 0, 0, 5][..], b"hello"].concat(), Err(Damage::Content));
        let whole = frame(2, 11, &plain);
        check(&whole[..whole.len() - 3], Err(Damage::Content));
    }

    #[test]
    fn a_bomb_goes_off_in_no_more_than_it_claims() {
        let zeros = vec![0; 64 << 20];
        let bomb = frame(1, 16, &zeros);
        assert!(bomb.len() < 10_000);
        check(&bomb, Err(Damage::Content));
        check(&frame(1, zeros.len() as u32, &zeros), Err(Damage::TooLarge));
        check(&frame(1, u32::MAX, b""), Err(Damage::TooLarge));
    }

    proptest! {
        #[test]
        fn packed_and_unpacked_is_the_same(messages in prop::collection::vec(prop::collection::vec(0u8..4, 1..200), 1..50)) {
            let Some(data) = packed(messages.iter().map(Vec::as_slice)) else { return Ok(()) };
            let found = unpack(&data).expect("what we have packed");
            prop_assert_eq!(found.count(), messages.len());
            prop_assert!(found.iter().eq(messages.iter().map(Vec::as_slice)));
        }

        #[test]
        fn a_changed_byte_does_no_harm(messages in prop::collection::vec(prop::collection::vec(0u8..4, 30..200), 1..10), at: prop::sample::Index, to: u8) {
            let Some(mut data) = packed(messages.iter().map(Vec::as_slice)) else { return Ok(()) };
            let at = at.index(data.len());
            data[at] = to;
            if let Ok(found) = unpack(&data) {
                prop_assert!(found.iter().eq(messages.iter().map(Vec::as_slice)));
            }
        }

        #[test]
        fn any_bytes_do_no_harm(data in prop::collection::vec(any::<u8>(), 0..100)) {
            drop(unpack(&data));
        }
    }
}
