//! Checksums of data files: CRC-32C of every block of 64 KiB while it is written, and again
//! before a block that was read is believed.

use std::fs::File;
use std::io::Write;

/// Bytes under one checksum.
pub const CHECKSUM_BLOCK_BYTES: usize = 64 * 1024;

/// Writes to a file and keeps the checksums of its blocks.
pub(crate) struct ChecksumWriter {
    file: File,
    written: u64,
    blocks: Vec<u32>,
    block: u32,
    filled: usize,
    region: u32,
}

impl ChecksumWriter {
    pub(crate) fn new(file: File) -> ChecksumWriter {
        ChecksumWriter { file, written: 0, blocks: Vec::new(), block: 0, filled: 0, region: 0 }
    }

    /// Ends a region: the checksums of its blocks, the last of them perhaps short, and that of the whole.
    pub(crate) fn end_region(&mut self) -> (Vec<u32>, u32) {
        if self.filled > 0 {
            self.blocks.push(self.block);
        }
        (self.block, self.filled) = (0, 0);
        (std::mem::take(&mut self.blocks), std::mem::take(&mut self.region))
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Write for ChecksumWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = self.file.write(bytes)?;
        let mut rest = bytes.get(..taken).unwrap_or_default();
        self.written += taken as u64;
        self.region = crc32c::crc32c_append(self.region, rest);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CHECKSUM_BLOCK_BYTES - self.filled));
            self.block = crc32c::crc32c_append(self.block, now);
            self.filled += now.len();
            if self.filled == CHECKSUM_BLOCK_BYTES {
                self.blocks.push(self.block);
                (self.block, self.filled) = (0, 0);
            }
            rest = later;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
