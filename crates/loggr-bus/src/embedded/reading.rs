//! Taking from a queue: what was given back, what is fresh, and what the disk does not give.
//!
//! Not the settling; that is the queue's state. Invariant: frames count as damaged only when
//! two looks at them fail and, where the disk said no, these lie `patience` apart; and one
//! queue's unreadable frame holds up nothing but what must come after it.

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

/// So many of the newest segments are read inline: the page cache has them.
const RECENT_SEGMENTS: u64 = 2;

/// What a try to take a delivery gave.
pub(super) enum Taken {
    Lease(Lease, Gathered),
    /// There is nothing now.
    Nothing,
    /// There is nothing now but what could not be read; to be tried again soon.
    Later,
}

/// What is wanted of the frames that a span begins with.
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
    /// It reads now.
    Whole(Bytes),
    /// This stands in its place.
    Gap(FrameHeader),
}

impl Shared {
    /// Leases the next entry of the queue: one that was given back, or a fresh one. `tried`:
    /// it is worked on at once.
    ///
    /// # Errors
    /// Only what does not pass: a whole frame that this program does not understand.
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

    /// One that was given back. What of it is lost meanwhile is counted.
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
                // Of what is only kept, the head would not be the one that is worked on.
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

    /// The frames at the beginning of the span, or what is told in the place of lost ones; and
    /// where that ends.
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

    /// The frame at the beginning of the span cannot be read: the disk said so in `error`, or it
    /// is not what was written. The one may pass; after a while its events count as damaged too.
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
        // A disk may take another block for a bad one that is written to. Where it does not, the
        // queue goes on all the same.
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

    /// Reads inline what was written lately. For a backlog the runtime is told that this thread
    /// may block.
    fn read(&self, span: &Span, max: usize) -> Result<Bytes, ReadError> {
        let newest = self.log().end.segment;
        match newest.saturating_sub(span.segment.id) < RECENT_SEGMENTS {
            true => span.read(max),
            false => off_reactor(|| span.read(max)),
        }
    }

    /// The queue was read at `at`, or goes on behind it.
    fn readable(&self, queue: &Queue, at: &Position) {
        if queue.unreadable.read(at.place()) {
            tracing::info!(exchange = %self.name, queue = %queue.name, "the queue can be read again");
        }
    }

    /// The queue cannot be read at `at`: told, and tried again where that may help.
    fn cannot_read(&self, queue: &Queue, at: &Position, error: ReadError) -> Result<(), ReadError> {
        let text = error.chain();
        let passes = !matches!(error, ReadError::Unreadable { .. });
        if queue.unreadable.failed(at.place(), text.clone()) && passes {
            tracing::error!(exchange = %self.name, queue = %queue.name, error = text, "cannot read the queue, trying again");
        }
        if passes { Ok(()) } else { Err(error) }
    }
}

/// Does what may take the disk a while; the runtime, if there is one, is told so.
pub(super) fn off_reactor<T>(work: impl FnOnce() -> T) -> T {
    let threaded = Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if threaded { tokio::task::block_in_place(work) } else { work() }
}
