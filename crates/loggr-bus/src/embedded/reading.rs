//! Takes entries from a queue: those that were given back, fresh ones, and places that the disk
//! cannot read.
//!
//! Settling is in the queue's state. Invariant: frames count as damaged only when two looks at them
//! fail and, if the disk could not read them, these looks are `patience` apart. A frame that one
//! queue cannot read holds up only what must come after it.

use bytes::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::encoding::Decoder;

use super::entries::{Gathered, Lease};
use super::frame::FrameHeader;
use super::position::Position;
use super::queue::Queue;
use super::read_error::ReadError;
use super::shared::Shared;
use super::span::{Look, Span};

/// How many of the newest segments are read on the caller's thread, because they are in the page
/// cache.
const RECENT_SEGMENTS: u64 = 2;

/// The result of a try to take an entry.
pub(super) enum Taken {
    Lease(Lease, Gathered),
    /// There is nothing now.
    Nothing,
    /// There is only something that cannot be read now; to be tried again soon.
    Later,
}

/// How much of the frames at the beginning of a span is wanted.
#[derive(Clone, Copy)]
struct Wanted {
    /// No frame from this number on.
    until: Option<u64>,
    /// Bytes to read; at least one frame is.
    read: usize,
    /// Bytes and events; at least one frame is taken.
    limits: (usize, usize),
}

/// What an unreadable frame turned out to be.
enum Found {
    /// It can be read now.
    Whole(Bytes),
    /// A gap stands in its place.
    Gap(FrameHeader),
}

impl Shared {
    /// Leases the next entry of the queue: one that was given back, or a fresh one. `tried`:
    /// it is worked on at once.
    ///
    /// # Errors
    /// Only a lasting error: a whole frame that this program cannot decode.
    pub fn take(&self, queue: &Queue, limits: (usize, usize), tried: bool) -> Result<Taken, ReadError> {
        match queue.unreadable.any() {
            true => off_reactor(|| self.take_now(queue, limits, tried)),
            false => self.take_now(queue, limits, tried),
        }
    }

    fn take_now(&self, queue: &Queue, limits: (usize, usize), tried: bool) -> Result<Taken, ReadError> {
        let again = self.take_again(queue, tried)?;
        if let Taken::Lease(..) = again {
            return Ok(again);
        }
        match self.take_fresh(queue, limits, tried)? {
            Taken::Nothing => Ok(again),
            taken => Ok(taken),
        }
    }

    /// Takes an entry that was given back. Events of it that are lost meanwhile are counted.
    fn take_again(&self, queue: &Queue, tried: bool) -> Result<Taken, ReadError> {
        loop {
            let lease = queue.state().lease_again(tried, |start| queue.unreadable.rests(start.place()));
            let Some(lease) = lease else {
                return Ok(if queue.unreadable.any() { Taken::Later } else { Taken::Nothing });
            };
            match self.read_again(queue, &lease) {
                Ok((at, gathered)) => {
                    self.readable(queue, &lease.start);
                    if let Some(lease) = queue.state().leased_again(&lease, at, &gathered) {
                        return Ok(Taken::Lease(lease, gathered));
                    }
                    self.ask_flush(queue);
                }
                Err(error) => {
                    // A purge drops both together.
                    let mut state = queue.state();
                    if state.nacked(lease.id, false) {
                        self.cannot_read(queue, &lease.start, error)?;
                    }
                }
            }
        }
    }

    fn read_again(&self, queue: &Queue, lease: &Lease) -> Result<(Position, Gathered), ReadError> {
        let span = self.log().span(&lease.start).filter(|span| span.start == lease.start);
        let span = span.ok_or_else(|| lease.gone())?;
        let read = usize::try_from(lease.end.offset.saturating_sub(lease.start.offset)).unwrap_or(usize::MAX);
        let wanted = Wanted { until: Some(lease.end.seq), read, limits: (usize::MAX, usize::MAX) };
        self.frames(queue, &span, wanted, &mut Decoder::default())
    }

    fn take_fresh(&self, queue: &Queue, limits: (usize, usize), tried: bool) -> Result<Taken, ReadError> {
        let mut reader = queue.reader();
        let reader = &mut *reader;
        loop {
            let span = {
                let log = self.log();
                let span = log.span(&reader.at);
                if span.is_none() && std::mem::take(&mut reader.off_books) {
                    queue.balance();
                }
                span
            };
            let Some(span) = span else { return Ok(Taken::Nothing) };
            if queue.unreadable.rests(span.start.place()) {
                return Ok(Taken::Later);
            }
            let limits = {
                let state = queue.state();
                // An entry that is only kept is not worked on, so giving the head out alone would
                // be of no use.
                if !tried && state.is_alone() {
                    return Ok(Taken::Nothing);
                }
                if state.isolate() { (0, 0) } else { limits }
            };
            let wanted = Wanted { until: None, read: limits.0, limits };
            let (at, gathered) = match self.frames(queue, &span, wanted, &mut reader.decoder) {
                Ok(read) => read,
                Err(error) => {
                    self.cannot_read(queue, &span.start, error)?;
                    return Ok(Taken::Later);
                }
            };
            self.readable(queue, &span.start);
            let lease = queue.state().lease_fresh(span.start, at, &gathered, tried);
            reader.off_books |= gathered.damaged > 0;
            let crossed = reader.at.segment != at.segment;
            reader.at = at;
            if crossed {
                self.ask_collect();
            }
            match lease {
                Some(lease) => return Ok(Taken::Lease(lease, gathered)),
                None => self.ask_flush(queue),
            }
        }
    }

    /// The frames at the beginning of the span, or the gap that stands for lost ones, and where
    /// they end.
    fn frames(
        &self,
        queue: &Queue,
        span: &Span,
        wanted: Wanted,
        decoder: &mut Decoder,
    ) -> Result<(Position, Gathered), ReadError> {
        let mut gather = |bytes: &Bytes| {
            let mut at = span.start;
            let gathered = queue.gather(span, bytes, &mut at, wanted.until, wanted.limits, decoder)?;
            Ok((at, gathered))
        };
        let error = match self.read(span, wanted.read) {
            Ok(bytes) => match gather(&bytes)? {
                (_, Gathered { broken: true, .. }) => None,
                read => return Ok(read),
            },
            Err(error) => Some(error),
        };
        match off_reactor(|| self.examine(queue, span, error))? {
            Found::Whole(bytes) => gather(&bytes),
            Found::Gap(gap) => {
                let damaged = gap.events_before.saturating_sub(span.start.events) + u64::from(gap.events);
                Ok((span.start.after(&gap), Gathered { damaged, ..Gathered::default() }))
            }
        }
    }

    /// Examines a frame at the beginning of the span that cannot be read: either the disk gave an
    /// `error`, or its bytes are wrong. An error of the disk may pass; after a while the events
    /// count as damaged in this case too.
    fn examine(&self, queue: &Queue, span: &Span, error: Option<ReadError>) -> Result<Found, ReadError> {
        let place = span.start.place();
        if let Some(gap) = self.log().gaps.get(&place) {
            return Ok(Found::Gap(*gap));
        }
        let refused = error.is_some();
        if let Some(error) = error
            && queue.unreadable.lasts(place) < self.options.patience
        {
            return Err(error);
        }
        let (span, after, last) = self.log().around(span);
        let mut plan = match span.look(&after, last) {
            Look::Whole(bytes) => return Ok(Found::Whole(bytes)),
            Look::Damaged(plan) => plan,
        };
        // A disk may replace a bad block when it is written to. If it does not, the queue goes on
        // all the same.
        match span.carry_out(&mut plan) {
            Err(error) if refused || plan.damage.events == 0 => {
                tracing::warn!(exchange = %self.name, "cannot mark the damage on disk: {error}");
            }
            carried_out => carried_out.map_err(ReadError::Gone)?,
        }
        let mut log = self.log();
        if log.gaps.insert(place, plan.gap).is_none() && (refused || plan.damage.events > 0) {
            log.damaged += plan.damage.events;
            drop(log);
            tracing::error!(exchange = %self.name, "{}", plan.damage);
        }
        Ok(Found::Gap(plan.gap))
    }

    /// Reads recent segments on this thread. For older ones the runtime is told that the thread may
    /// block.
    fn read(&self, span: &Span, max: usize) -> Result<Bytes, ReadError> {
        let newest = self.log().end.segment;
        match newest.saturating_sub(span.segment.id) < RECENT_SEGMENTS {
            true => span.read(max),
            false => off_reactor(|| span.read(max)),
        }
    }

    /// Notes that the queue was read at `at`, or goes on behind it.
    fn readable(&self, queue: &Queue, at: &Position) {
        if queue.unreadable.read(at.place()) {
            tracing::info!(exchange = %self.name, queue = %queue.name, "the queue can be read again");
        }
    }

    /// Notes and reports that the queue cannot be read at `at`; it is tried again if that may help.
    fn cannot_read(&self, queue: &Queue, at: &Position, error: ReadError) -> Result<(), ReadError> {
        let text = error.chain();
        let passes = !matches!(error, ReadError::Unreadable { .. });
        if queue.unreadable.failed(at.place(), text.clone()) && passes {
            tracing::error!(exchange = %self.name, queue = %queue.name, error = text, "cannot read the queue, trying again");
        }
        if passes { Ok(()) } else { Err(error) }
    }
}

/// Does work that may have to wait for the disk; the runtime, if there is one, is told so.
pub(super) fn off_reactor<T>(work: impl FnOnce() -> T) -> T {
    let threaded = Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if threaded { tokio::task::block_in_place(work) } else { work() }
}
