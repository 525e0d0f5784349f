#![no_main]
//! The bus's encoding: bytes that are no chunk are refused, a chunk gives its events and is
//! written again as the same chunk.

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use loggr_bus::encoding::{Codec, Decoder, Encoder};
use loggr_event::Origin;
use loggr_flow::Chunk;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(chunk) = Decoder::default().decode(&bytes) {
        check(&chunk);
    }
    // The records without the header around them: most inputs would not get that far.
    let origins: Arc<[Arc<Origin>]> = vec![Arc::new(Origin::default()); 3].into();
    match Chunk::from_parts(origins, bytes) {
        Ok(chunk) => check(&chunk),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn check(chunk: &Chunk) {
    assert_eq!(chunk.records().count(), chunk.len());
    for record in chunk.records() {
        drop(record.event());
    }
    for codec in [Codec::None, Codec::Lz4] {
        let Ok(encoded) = Encoder::new(codec).encode(chunk) else { continue };
        let again = Decoder::default().decode(&encoded.to_bytes()).expect("we read what we write");
        assert_eq!(again.record_bytes(), chunk.record_bytes());
        assert_eq!(again.origins(), chunk.origins());
    }
}
