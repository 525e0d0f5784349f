//! The numbers of exchanges and queues.
//!
//! Invariant, per queue: published = waiting + stored + rescued + dropped + damaged.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::log::Log;
use super::queue::Queue;
use super::reading::off_reactor;
use super::segment::SEGMENT_HEADER_BYTES;
use super::shared::Shared;
use super::span::Span;
use super::writer;

/// The numbers of an exchange.
#[derive(Clone, Debug, Default)]
pub struct ExchangeStats {
    /// Its name.
    pub name: String,
    /// Events ever published to it.
    pub published_events: u64,
    /// Bytes of log ever written for them.
    pub published_bytes: u64,
    /// Bytes of its segments on disk, the ones kept for reuse not counted.
    pub disk_bytes: u64,
    /// The limit of the bytes on disk.
    pub limit_bytes: u64,
    /// Segments in use.
    pub segments: usize,
    /// Commits since it was opened; each is one flush.
    pub commits: u64,
    /// Events found damaged since it was opened.
    pub damaged_events: u64,
    /// Why nothing can be published at the moment.
    pub trouble: Option<String>,
    /// Its queues.
    pub queues: Vec<QueueStats>,
}

/// The numbers of a queue.
#[derive(Clone, Debug, Default)]
pub struct QueueStats {
    /// Its name.
    pub name: String,
    /// Its binding key.
    pub binding: String,
    /// False if the configuration does not name it.
    pub configured: bool,
    /// Consumers that are open.
    pub consumers: usize,
    /// Events meant for it since it was bound.
    pub published_events: u64,
    /// Events that are not settled, those in flight included.
    pub waiting_events: u64,
    /// Bytes of the log that these events take.
    pub waiting_bytes: u64,
    /// How long the oldest one has waited.
    pub oldest: Option<Duration>,
    /// Events in flight.
    pub leased_events: u64,
    /// Events that a sink stored.
    pub stored_events: u64,
    /// Events that went to the rescue.
    pub rescued_events: u64,
    /// Events that a rule or a purge dropped.
    pub dropped_events: u64,
    /// Events that were lost to damage.
    pub damaged_events: u64,
    /// Events that were given out again after a nack.
    pub redelivered_events: u64,
    /// How often the process has ended while the event at the head was worked on; if it is worked
    /// on now, this time is counted in advance.
    pub attempts: u32,
    /// Why it cannot be read, or its cursor not be written, at the moment.
    pub trouble: Option<String>,
    /// For a queue on a broker: the messages that are ready there. A broker counts no events, so
    /// the numbers of published and waiting events are unknown, and the others count from the start
    /// of this process.
    pub ready_messages: Option<u64>,
}

pub(super) fn exchange(shared: &Shared) -> ExchangeStats {
    let (mut stats, heads) = {
        let log = shared.log();
        let heads: Vec<_> = log.queues.iter().map(|q| (q.clone(), log.span(&q.state().head()))).collect();
        (of_log(shared, &log), heads)
    };
    // The disk may be slow, so the lock of the log is not held here.
    for (stats, (queue, head)) in stats.queues.iter_mut().zip(heads) {
        stats.oldest = oldest(&queue, head).filter(|_| stats.waiting_events > 0);
    }
    stats
}

fn of_log(shared: &Shared, log: &Log) -> ExchangeStats {
    let live = || log.live.iter().filter(|l| l.end > SEGMENT_HEADER_BYTES);
    ExchangeStats {
        name: shared.name.clone(),
        published_events: log.end.events,
        published_bytes: log.end.bytes,
        disk_bytes: live().map(|l| l.segment.capacity).sum(),
        limit_bytes: shared.options.max_size,
        segments: live().count(),
        commits: log.commits,
        damaged_events: log.damaged,
        trouble: shared.writing.text(),
        queues: log.queues.iter().map(|q| queue(q)).collect(),
    }
}

/// Under the lock of the log, so that the numbers belong together. The time of the oldest event is
/// left out, because it must be read from disk.
pub(super) fn queue(queue: &Queue) -> QueueStats {
    let snapshot = queue.state().snapshot();
    let counts = snapshot.counts;
    // It is unknown for which queue damaged events were.
    let published = queue.published.load(Ordering::Relaxed).max(snapshot.events);
    let waiting = published.saturating_sub(counts.settled());
    QueueStats {
        name: queue.name.clone(),
        binding: queue.bindings.current().to_owned(),
        configured: queue.configured,
        consumers: queue.consumers.load(Ordering::Relaxed),
        published_events: published,
        waiting_events: waiting,
        waiting_bytes: queue.published_bytes.load(Ordering::Relaxed).saturating_sub(snapshot.settled_bytes),
        oldest: None,
        leased_events: snapshot.leased,
        stored_events: counts.stored,
        rescued_events: counts.rescued,
        dropped_events: counts.dropped,
        damaged_events: counts.damaged,
        redelivered_events: counts.redelivered,
        attempts: snapshot.attempts,
        trouble: queue.unreadable.text().or_else(|| queue.keeping.text()),
        ready_messages: None,
    }
}

/// How long the event at the head has waited. The time is read from disk once for each head, and
/// not while the queue cannot be read.
pub(super) fn oldest(queue: &Queue, head: Option<Span>) -> Option<Duration> {
    let head = head?;
    let mut known = queue.head_written.lock().unwrap_or_else(PoisonError::into_inner);
    let written = match *known {
        Some((seq, written)) if seq == head.start.seq => written,
        _ if queue.unreadable.any() => None,
        _ => {
            let written = off_reactor(|| head.written());
            *known = Some((head.start.seq, written));
            written
        }
    };
    let age = writer::now_micros().saturating_sub(written?);
    Some(Duration::from_micros(u64::try_from(age).unwrap_or(0)))
}
