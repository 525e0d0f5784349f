//! Compressed output: each batch of a file is one complete gzip member or zstd frame.
//!
//! Both formats allow members one after another, and every reader takes them as one
//! stream. Nothing is carried over between batches, so a file is readable to its end
//! at any time; small batches compress worse.

use std::io::{self, Write};

const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// How the files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compress {
    /// Not at all.
    #[default]
    None,
    /// One gzip member per batch (RFC 1952).
    Gzip,
    /// One zstd frame per batch, with checksum (RFC 8878).
    Zstd,
}

/// Compresses `lines` into one member; uncompressed lines stay as they are.
pub(super) fn compress(how: Compress, lines: Vec<u8>) -> io::Result<Vec<u8>> {
    match how {
        Compress::None => Ok(lines),
        Compress::Gzip => {
            let out = Vec::with_capacity(lines.len() / 4);
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(&lines)?;
            encoder.finish()
        }
        Compress::Zstd => {
            let mut encoder = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            encoder.compress(&lines)
        }
    }
}
