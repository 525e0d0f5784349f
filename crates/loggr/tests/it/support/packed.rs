//! Texts packed as the programs `xz` and `bzip2` pack them.

use std::io::Write;

/// With `xz`.
pub fn xz(text: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut packed = lzma_rust2::XzWriter::new(Vec::new(), options).expect("memory");
    packed.write_all(text).expect("memory");
    packed.finish().expect("memory")
}

/// With `bzip2`.
pub fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packed.write_all(text).expect("memory");
    packed.finish().expect("memory")
}
