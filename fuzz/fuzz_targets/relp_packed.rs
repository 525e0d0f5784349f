#![no_main]
//! Compressed frames of RELP: no bytes make the decoder panic, or give more than the limit; what comes out of
//! a frame can be packed again and comes out the same.

use libfuzzer_sys::fuzz_target;
use loggr_wire::relp::{MAX_PACKED_MESSAGES, MAX_UNPACKED_BYTES, Packer, unpack};

fuzz_target!(|data: &[u8]| {
    let Ok(found) = unpack(data) else { return };
    assert!(found.byte_len() <= MAX_UNPACKED_BYTES && (1..=MAX_PACKED_MESSAGES).contains(&found.count()));
    let messages: Vec<&[u8]> = found.iter().collect();
    assert_eq!(messages.len(), found.count());
    let mut packer = Packer::new().expect("memory");
    assert!(messages.iter().all(|message| packer.push(message)));
    if let Some(again) = packer.finish() {
        assert_eq!(unpack(&again).as_ref(), Ok(&found));
    }
});
