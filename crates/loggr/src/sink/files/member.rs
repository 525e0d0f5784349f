//! Compressed output: each batch of a file is one complete gzip member or zstd frame.
//!
//! Both formats allow members one after another, and every reader takes them as one
//! stream. Nothing is carried over between batches, so a file is readable to its end
//! at any time; small batches compress worse.

use std::io::{self, Write};

use crate::config::ship::Compress;

/// So many bytes tell what a file holds.
pub(super) const HEAD_BYTES: usize = 4;

const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

impl Compress {
    /// Does a file that begins so hold something else? `head` is never empty, and has less than
    /// [`HEAD_BYTES`] only where the file has no more.
    pub(super) fn differs_from(self, head: &[u8]) -> bool {
        let gzip = head.starts_with(&[0x1f, 0x8b, 8]);
        let zstd = head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        match self {
            Compress::None => gzip || zstd,
            Compress::Gzip => !gzip,
            Compress::Zstd => !zstd,
        }
    }

    /// What the name of a file ends in that stands beside one that holds something else.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Compress::None => ".plain",
            Compress::Gzip => ".gz",
            Compress::Zstd => ".zst",
        }
    }
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
