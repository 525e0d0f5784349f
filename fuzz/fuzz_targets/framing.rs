#![no_main]
//! Syslog framing: every frame is within its limit, and how the stream was cut into reads
//! changes nothing.
//!
//! The first byte chooses the mode, the second the limit, the third the size of the reads.

use libfuzzer_sys::fuzz_target;
use loggr_wire::framing::{Framer, Mode};

fuzz_target!(|data: &[u8]| {
    let [mode, limit, size, stream @ ..] = data else { return };
    let mode = [Mode::Auto, Mode::OctetCounting, Mode::Lf, Mode::Nul][usize::from(*mode) % 4];
    let limit = usize::from(*limit) + 1;
    let whole = cut(mode, limit, stream, stream.len().max(1));
    assert_eq!(
        whole,
        cut(mode, limit, stream, usize::from(*size) + 1),
        "the size of the reads made a difference"
    );
});

fn cut(mode: Mode, limit: usize, stream: &[u8], size: usize) -> Vec<(Vec<u8>, Option<u64>, bool)> {
    let mut framer = Framer::new(mode, limit);
    let mut frames = Vec::new();
    let mut take = |frame: loggr_wire::framing::Frame<'_>| {
        assert!(!frame.bytes.is_empty() && frame.bytes.len() <= limit);
        frames.push((frame.bytes.to_vec(), frame.original_len, frame.incomplete));
    };
    for read in stream.chunks(size) {
        framer.feed(read, &mut take);
        assert!(framer.buffered() <= limit + 64, "{} bytes are held", framer.buffered());
    }
    framer.finish(&mut take);
    frames
}
