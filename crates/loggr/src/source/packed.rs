//! A datagram that is packed, as senders of GELF do: gzip or zlib, told by how it begins.
//!
//! No line of syslog begins so. What cannot be unpacked is taken as it stands.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};

/// What is packed in a datagram, at most `most` bytes of it; `None`: it is not packed.
pub(super) fn unpack(datagram: &[u8], most: usize) -> Option<Vec<u8>> {
    let reader: Box<dyn Read + '_> = match datagram {
        [0x1f, 0x8b, 8, ..] => Box::new(GzDecoder::new(datagram)),
        // Deflate with a window of 32 KiB, and a sum of the head that is right (RFC 1950, section 2.2). A text that
        // begins with `x^` does, too, and does not go on so.
        [0x78, flags, ..] if (0x7800 + u16::from(*flags)).is_multiple_of(31) => {
            Box::new(ZlibDecoder::new(datagram))
        }
        _ => return None,
    };
    let mut text = Vec::new();
    reader.take(most as u64).read_to_end(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_nothing_else_is() {
        let text = b"{\"short_message\":\"hi\"}";
        for level in 0..=9 {
            let mut packed = ZlibEncoder::new(Vec::new(), Compression::new(level));
            packed.write_all(text).unwrap();
            let packed = packed.finish().unwrap();
            assert_eq!(unpack(&packed, 1000).as_deref(), Some(&text[..]), "{level}: {:02x?}", &packed[..2]);
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&[b'a'; 5000]).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(unpack(&packed, 100).map(|text| text.len()), Some(100));
        assert_eq!(unpack(&packed[..10], 100), None);
        for plain in [&b"<13>x"[..], b"x marks it", b"x^2", b"\x1f\x8b", b"", b"x\x9cno zlib"] {
            assert_eq!(unpack(plain, 100), None, "{plain:?}");
        }
    }
}
