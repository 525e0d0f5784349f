#![no_main]
//! RELP, both ends: no bytes make a session panic or hold more than its limit, and how the
//! stream was cut into reads changes nothing.
//!
//! The first byte is the size of the reads.

use libfuzzer_sys::fuzz_target;
use loggr_wire::relp::{Client, ClientConfig, Server, ServerConfig};

/// Small, so that the limit is met often.
const LIMIT: usize = 600;

fuzz_target!(|data: &[u8]| {
    let Some((&size, stream)) = data.split_first() else { return };
    let whole = serve(stream, stream.len().max(1));
    assert_eq!(whole, serve(stream, usize::from(size) + 1), "the size of the reads made a difference");

    let mut client = Client::new(ClientConfig::default());
    client.open();
    for read in stream.chunks(usize::from(size) + 1) {
        if client.feed(read, |_| {}).is_err() {
            break;
        }
        if client.can_send() {
            client.send(b"<13>hello").ok();
        }
    }
});

/// What a server session makes of it: the messages, the answers, whether it ended in an error.
fn serve(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Vec<u8>, bool) {
    let config = ServerConfig { max_data_bytes: LIMIT, packed: true, ..ServerConfig::default() };
    let mut server = Server::new(config);
    let (mut messages, mut answers) = (Vec::new(), Vec::new());
    let mut failed = false;
    for read in stream.chunks(size) {
        failed |= server
            .feed(read, |message| {
                assert!(message.data.len() <= LIMIT);
                messages.push(message.data.to_vec());
            })
            .is_err();
        assert!(server.buffered() <= 1 << 20, "the session holds {} bytes", server.buffered());
    }
    // Answered at the end alone: when answers are earned must not depend on the reads.
    server.ack(messages.len());
    server.take_output(&mut answers);
    (messages, answers, failed)
}
