//! A session of framed syslog over TCP or a unix stream socket (RFC 6587).
//!
//! The protocol has no acknowledgement: what was read and cannot be published any
//! more is counted as lost. While the queue takes nothing, nothing is read, and the
//! sender's socket fills.

use std::sync::Arc;
use std::time::Duration;

use loggr_event::Origin;
use loggr_flow::{Ack, BatchBuilder, Delivery, Stop};
use loggr_wire::framing::{Frame, Framer, Mode};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::clients::Client;
use super::connection::{Accepting, Stream};
use super::{ReadBuffer, Uids, is_blank};
use crate::process::clock::now;

/// Runs until the peer closes, the connection idles out, or draining has taken what
/// was there when it began: a peer that goes on sending does not hold it up.
pub(super) async fn session(
    mut stream: Stream,
    origin: Arc<Origin>,
    client: &Client,
    mode: Mode,
    shared: &Accepting,
    mut stop: Stop,
    deliveries: mpsc::Sender<Delivery>,
) {
    let mut framer = Framer::new(mode, shared.max_message_size);
    let mut lines =
        Lines { builder: BatchBuilder::default(), uids: Uids::new(shared.uids.clone()), origin, shared };
    let mut buffer = ReadBuffer::new(shared.max_read());
    let idle = shared.idle_timeout.unwrap_or(Duration::from_secs(u32::MAX.into()));
    let mut empty = 0;
    // Bytes to take still, once draining has begun.
    let mut rest = None;
    loop {
        let read = if let Some(rest) = rest {
            if rest == 0 {
                break;
            }
            match tokio::time::timeout(Duration::ZERO, stream.read(&mut buffer.bytes)).await {
                Ok(read) => read,
                Err(_) => break,
            }
        } else {
            tokio::select! {
                biased;
                () = stop.drain() => {
                    rest = Some(stream.waiting());
                    continue;
                }
                read = tokio::time::timeout(idle, stream.read(&mut buffer.bytes)) => match read {
                    Ok(read) => read,
                    Err(_) => break,
                },
                // Others wait for the place. What has come by now was read before.
                () = client.leave() => break,
            }
        };
        let n = match read {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) => {
                let (listener, peer) = (shared.stats.name(), lines.origin.peer.as_str());
                tracing::debug!(listener, peer, %error, "a connection broke");
                break;
            }
        };
        rest = rest.map(|rest| rest.saturating_sub(n));
        let at = now();
        client.sender.saw(at);
        framer.feed(buffer.bytes.get(..n).unwrap_or_default(), |frame| lines.push(&frame, at));
        buffer.adapt(n);
        let stats = framer.stats();
        shared.stats.empty.add(stats.empty - std::mem::replace(&mut empty, stats.empty));
        if stats.frames > 0 {
            client.prove();
        }
        client.busy();
        if !lines.send(&deliveries).await {
            return;
        }
        client.moved();
    }
    let at = now();
    framer.finish(|frame| lines.push(&frame, at));
    lines.send(&deliveries).await;
}

struct Lines<'s> {
    builder: BatchBuilder,
    uids: Uids,
    origin: Arc<Origin>,
    shared: &'s Accepting,
}

impl Lines<'_> {
    fn push(&mut self, frame: &Frame<'_>, at: loggr_event::Timestamp) {
        let stats = &self.shared.stats;
        if is_blank(frame.bytes) {
            return stats.empty.add(1);
        }
        stats.truncated.add(u64::from(frame.original_len.is_some()));
        stats.incomplete.add(u64::from(frame.incomplete));
        let uid = self.uids.next(at);
        self.builder.push_frame(&self.origin, uid, at, frame.bytes, frame.original_len, frame.incomplete);
    }

    /// False when nobody takes deliveries any more.
    async fn send(&mut self, deliveries: &mpsc::Sender<Delivery>) -> bool {
        let capacity = self.builder.byte_len();
        let Some(batch) = self.builder.finish() else { return true };
        self.builder = BatchBuilder::with_capacity(capacity);
        let stats = self.shared.stats.clone();
        let count = batch.len() as u64;
        stats.received.add(count);
        stats.bytes.add(batch.byte_len() as u64);
        let ack = Ack::unreliable(move || stats.lost.add(count));
        deliveries.send(Delivery::new(batch, ack)).await.is_ok()
    }
}
