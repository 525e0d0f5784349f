//! What every listener hands its lines to: lines become a batch, a batch becomes a delivery, and a pump
//! takes deliveries to the bus. Also who may send, and whose word is believed.
//!
//! Not here: sockets, connections, protocols. A batch ends in [`Lines::end`] and nowhere else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use loggr_bus::Publisher;
use loggr_bus::rescue::SinkRescue;
use loggr_event::{Origin, Timestamp, Uid, UidBlock, UidGenerator};
use loggr_flow::{
    Ack, Batch, BatchBuilder, ChannelSource, Delivery, Reason, Receipt, Rescue, Stop, StoreError, pump,
};
use loggr_wire::framing::Frame;

use super::stats::ListenerStats;
use crate::seal::sealed;

/// What a listener makes of the lines that it reads.
pub struct Intake {
    /// What all its lines have in common; each peer adds its own name.
    pub origin: Origin,
    /// Longest line kept whole, in bytes.
    pub max_message_size: usize,
    /// May this address send?
    pub allowed: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// May this address bring loggr's own tags, fields and uids?
    pub trusted: Box<dyn Fn(Option<IpAddr>) -> bool + Send + Sync>,
    /// Where the lines go.
    pub publisher: Publisher,
    /// Gives uids.
    pub uids: Arc<UidGenerator>,
    /// Counters.
    pub stats: Arc<ListenerStats>,
    /// Where events go that have no good seal, if one is required; who seals or looks at seals has it.
    pub rescue: Option<SinkRescue>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Intake {
    /// The origin of one peer's lines.
    pub(super) fn origin_of(&self, peer: Option<SocketAddr>) -> Origin {
        let peer = peer.map(|p| SocketAddr::new(p.ip().to_canonical(), p.port()));
        Origin {
            peer: peer.map_or_else(|| self.origin.peer.clone(), |p| p.to_string()),
            trusted: (self.trusted)(peer.map(|p| p.ip())),
            ..self.origin.clone()
        }
    }

    /// The name of one peer among the senders: without its port.
    pub(super) fn sender_of(&self, peer: Option<SocketAddr>) -> String {
        peer.map_or_else(|| self.origin.peer.clone(), |peer| peer.ip().to_canonical().to_string())
    }

    /// Counts what came from an address that is not allowed, and says so once in a while for each.
    pub(super) fn refuse(&self, what: &'static str, peer: &dyn std::fmt::Display, sender: &str) {
        self.stats.refused.add(1);
        if let Some(unsaid) = self.stats.told_refused.tell(sender) {
            let (listener, unsaid) = (self.stats.name(), (unsaid > 0).then_some(unsaid));
            tracing::warn!(listener, %peer, unsaid, "refused a {what}: the address is not allowed");
        }
    }

    /// Takes deliveries to the bus, until nobody makes them any more.
    pub(super) fn pump(&self, deliveries: ChannelSource, stop: Stop) -> impl Future<Output = ()> + use<> {
        let (publisher, observer) = (self.publisher.clone(), self.stats.progress.observer());
        let (sealing, rescue) = (self.stats.sealing.clone(), self.rescue.clone());
        async move {
            let deliveries = sealed(deliveries, sealing);
            // A channel does not break; the pump ends with it.
            let ended = match rescue {
                Some(rescue) => pump(deliveries, publisher, rescue, stop, observer).await,
                None => pump(deliveries, publisher, NoRescue, stop, observer).await,
            };
            debug_assert!(ended.is_ok());
        }
    }
}

/// The lines that become the next batch of one connection or socket.
pub(super) struct Lines<'i> {
    builder: BatchBuilder,
    uids: Uids,
    intake: &'i Intake,
}

impl<'i> Lines<'i> {
    pub(super) fn new(intake: &'i Intake) -> Lines<'i> {
        Lines { builder: BatchBuilder::default(), uids: Uids::new(intake.uids.clone()), intake }
    }

    /// One more.
    pub(super) fn push(&mut self, origin: &Arc<Origin>, at: Timestamp, line: &Frame<'_>) {
        let stats = &self.intake.stats;
        // Rare: an atomic for each line would cost more than a look.
        if line.original_len.is_some() {
            stats.truncated.add(1);
        }
        if line.incomplete {
            stats.incomplete.add(1);
        }
        let uid = self.uids.next(at);
        self.builder.push_frame(origin, uid, at, line.bytes, line.original_len, line.incomplete);
    }

    /// The same, but line ends and NULs alone are no event: a probe, a keep-alive, a stray line feed.
    pub(super) fn push_if_any(&mut self, origin: &Arc<Origin>, at: Timestamp, line: &Frame<'_>) {
        if is_blank(line) {
            return self.intake.stats.empty.add(1);
        }
        self.push(origin, at, line);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.builder.len()
    }

    pub(super) fn byte_len(&self) -> usize {
        self.builder.byte_len()
    }

    /// The end of a batch: what there is counts as received. `None` where there is nothing.
    pub(super) fn end(&mut self) -> Option<Batch> {
        let capacity = self.builder.byte_len();
        let batch = self.builder.finish()?;
        self.builder = BatchBuilder::with_capacity(capacity);
        self.intake.stats.received.add(batch.len() as u64);
        self.intake.stats.bytes.add(batch.byte_len() as u64);
        Some(batch)
    }

    /// The same for a protocol that has no way to tell the sender: what is not taken counts as lost.
    pub(super) fn end_unanswered(&mut self) -> Option<Delivery> {
        let batch = self.end()?;
        let (stats, count) = (self.intake.stats.clone(), batch.len() as u64);
        Some(Delivery::new(batch, Ack::unreliable(move || stats.lost.add(count))))
    }
}

/// Are these line ends and NULs alone?
pub(super) fn is_blank(line: &Frame<'_>) -> bool {
    line.bytes.iter().all(|byte| matches!(byte, b'\n' | b'\r' | 0))
}

/// Hands out uids in runs, so that connections do not fight over one counter.
#[derive(Debug)]
struct Uids {
    generator: Arc<UidGenerator>,
    block: UidBlock,
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

/// The bus has no permanent refusals, so the pump of a listener or of a file needs no rescue: what
/// comes here all the same is held and tried again, never thrown away.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRescue;

impl Rescue for NoRescue {
    async fn rescue(&mut self, _batch: &Batch, reason: &Reason) -> Result<Receipt, StoreError> {
        Err(StoreError::transient(format!("the bus refused a batch: {}", reason.text)))
    }
}
