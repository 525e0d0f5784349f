//! Sources that face the senders: one file per kind of listener.
//!
//! Each turns received bytes into deliveries and hands them to a pump whose sink is
//! the bus. None of them knows what becomes of an event.

mod clients;
mod connection;
mod datagram;
mod relp;
mod stats;
mod stream;

use std::sync::Arc;

use loggr_event::{Timestamp, Uid, UidGenerator};
use loggr_flow::{Batch, Reason, Receipt, Rescue, StoreError};

pub use connection::{Accepting, Listening, NO_PLACE, StreamKind, accept};
pub use datagram::{Datagrams, receive};
pub use stats::ListenerStats;

/// Deliveries that one connection may have in flight. Reading goes on while the bus
/// syncs; more would only hold more memory.
pub const CONNECTION_WINDOW: usize = 4;

/// Smallest and largest read of a stream connection, in bytes: a quiet connection
/// stays small, a busy one makes large batches.
const MIN_READ_BYTES: usize = 16 << 10;
const MAX_READ_BYTES: usize = 256 << 10;

/// Hands out uids in runs, so that connections do not fight over one counter.
#[derive(Debug)]
struct Uids {
    generator: Arc<UidGenerator>,
    block: loggr_event::UidBlock,
    used: usize,
}

/// Uids reserved at a time.
const UID_RUN: usize = 1024;

impl Uids {
    fn new(generator: Arc<UidGenerator>) -> Uids {
        let block = generator.block(UID_RUN);
        Uids { generator, block, used: 0 }
    }

    fn next(&mut self, now: Timestamp) -> Uid {
        if self.used == UID_RUN {
            self.block = self.generator.block(UID_RUN);
            self.used = 0;
        }
        self.used += 1;
        self.block.at(self.used - 1, now)
    }
}

/// Nothing but line ends and NULs: a probe, a keep-alive, a stray line feed. It is no event.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\n' | b'\r' | 0))
}

/// A read buffer that follows the traffic.
#[derive(Debug)]
struct ReadBuffer {
    bytes: Vec<u8>,
    max: usize,
}

impl ReadBuffer {
    fn new(max: usize) -> ReadBuffer {
        ReadBuffer { bytes: vec![0; MIN_READ_BYTES], max }
    }

    /// After a read of `n` bytes.
    fn adapt(&mut self, n: usize) {
        let len = self.bytes.len();
        if n == len && len < self.max {
            self.bytes.resize((len * 2).min(self.max), 0);
        } else if n < len / 8 && len > MIN_READ_BYTES {
            self.bytes.truncate((len / 2).max(MIN_READ_BYTES));
            self.bytes.shrink_to_fit();
        }
    }
}

/// The bus has no permanent refusals, so a listener's pump needs no rescue: what
/// comes here all the same is held and tried again, never thrown away.
#[derive(Clone, Copy, Debug)]
pub struct NoRescue;

impl Rescue for NoRescue {
    async fn rescue(&mut self, _batch: &Batch, reason: &Reason) -> Result<Receipt, StoreError> {
        Err(StoreError::transient(format!("the bus refused a batch: {}", reason.text)))
    }
}
