//! The body of a request: read as a whole within limits of bytes and time, and unpacked.
//!
//! What all bodies of a listener have in memory is bounded: where there is no room for one more, its sender is told
//! to come again.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use loggr_flow::Stop;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long the next piece of a body may take.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// Room is counted in pieces of this many bytes.
const PIECE_BYTES: usize = 4 << 10;

/// Why there is no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has more bytes than a request may have.
    TooLarge,
    /// There is no room for it now.
    NoRoom,
    /// Nothing came for too long.
    Slow,
    /// The connection broke.
    Broken,
    /// loggr stops.
    Stops,
    /// It is packed in a way that nobody here knows.
    Packing(String),
    /// What it is packed in is damaged.
    Damaged(String),
}

/// The room for bodies of a listener.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

/// A part of the room; it is given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    room: Room,
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Room {
    /// For so many bytes.
    pub fn new(bytes: usize) -> Room {
        Room(Arc::new(Semaphore::new(bytes / PIECE_BYTES)))
    }

    /// None of it yet.
    pub fn hold(&self) -> Held {
        Held { room: self.clone(), permit: None, bytes: 0 }
    }
}

impl Held {
    /// Holds room for so many bytes in all.
    fn grow(&mut self, bytes: usize) -> Result<(), Unread> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let pieces = (bytes - self.bytes).div_ceil(PIECE_BYTES);
        let wanted = u32::try_from(pieces).map_err(|_| Unread::TooLarge)?;
        let more = self.room.0.clone().try_acquire_many_owned(wanted).map_err(|_| Unread::NoRoom)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        self.bytes += pieces * PIECE_BYTES;
        Ok(())
    }
}

/// Reads a body of at most `most` bytes as it comes.
pub async fn read(
    mut body: Incoming,
    most: usize,
    held: &mut Held,
    stop: &mut Stop,
) -> Result<Vec<u8>, Unread> {
    let mut whole = Vec::new();
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.drain() => return Err(Unread::Stops),
            frame = tokio::time::timeout(PIECE_TIMEOUT, body.frame()) => frame,
        };
        let piece: Bytes = match frame {
            Err(_) => return Err(Unread::Slow),
            Ok(None) => return Ok(whole),
            Ok(Some(Err(_))) => return Err(Unread::Broken),
            // What is no data stands behind the body: trailers.
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        if whole.len() + piece.len() > most {
            return Err(Unread::TooLarge);
        }
        held.grow(whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
    }
}

/// Unpacks a body as `Content-Encoding` says, to at most `most` bytes.
pub fn unpack(packed: Vec<u8>, encoding: &str, most: usize, held: &mut Held) -> Result<Vec<u8>, Unread> {
    let damaged = |error: std::io::Error| Unread::Damaged(error.to_string());
    let mut reader: Box<dyn Read + '_> = match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => return Ok(packed),
        "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(&packed[..])),
        "deflate" => Box::new(ZlibDecoder::new(&packed[..])),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(&packed[..]).map_err(damaged)?),
        other => return Err(Unread::Packing(other.to_owned())),
    };
    let (mut whole, mut piece) = (Vec::new(), vec![0; 16 * PIECE_BYTES]);
    loop {
        let n = reader.read(&mut piece).map_err(damaged)?;
        if n == 0 {
            return Ok(whole);
        }
        if whole.len() + n > most {
            return Err(Unread::TooLarge);
        }
        held.grow(packed.len() + whole.len() + n)?;
        whole.extend_from_slice(piece.get(..n).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[track_caller]
    fn check(packed: Vec<u8>, encoding: &str, expect: Result<&[u8], Unread>) {
        let mut held = Room::new(1 << 20).hold();
        let told = unpack(packed, encoding, 100_000, &mut held);
        assert_eq!(told.as_deref().map_err(Clone::clone), expect);
    }

    #[test]
    fn bodies_are_unpacked() {
        check(b"plain".to_vec(), "", Ok(b"plain"));
        check(gzip(b"text"), "gzip", Ok(b"text"));
        check(zstd::encode_all(&b"text"[..], 1).unwrap(), "ZSTD", Ok(b"text"));
        check(b"x".to_vec(), "br", Err(Unread::Packing("br".to_owned())));
        check(gzip(&[b'a'; 100_001]), "gzip", Err(Unread::TooLarge));
        let told = unpack(b"no gzip".to_vec(), "gzip", 100, &mut Room::new(1 << 20).hold());
        assert!(matches!(told, Err(Unread::Damaged(_))), "{told:?}");
    }

    #[test]
    fn where_there_is_no_room_the_body_is_not_unpacked() {
        let room = Room::new(8 * PIECE_BYTES);
        let mut first = room.hold();
        first.grow(6 * PIECE_BYTES).unwrap();
        let mut second = room.hold();
        assert_eq!(unpack(gzip(&[b'a'; 50_000]), "gzip", 100_000, &mut second), Err(Unread::NoRoom));
        drop((first, second));
        assert!(unpack(gzip(&[b'a'; 20_000]), "gzip", 100_000, &mut room.hold()).is_ok());
    }
}
