//! Looks at queues without taking from them, also when no daemon runs.
//!
//! It only reads. While a daemon runs it sees an earlier state, but never half of a frame.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use loggr_flow::Batch;

use crate::encoding::Decoder;

use super::fault::Faults;
use super::log::Log;
use super::queue::Queue;
use super::read_error::ReadError;
use super::recovery::recover;
use super::segment::Entry;
use super::stats::{self, QueueStats};

/// Bytes read at once when peeking.
const PEEK_BYTES: usize = 1 << 20;

/// An exchange on disk.
#[derive(Debug)]
pub struct ExchangeView {
    /// Its name.
    pub name: String,
    /// Events ever published to it.
    pub published_events: u64,
    /// Events that cannot be read any more.
    pub damaged_events: u64,
    /// Its queues.
    pub queues: Vec<QueueStats>,
    log: Mutex<Log>,
}

impl ExchangeView {
    /// The first events of a queue: at most `max_events`, more only if the first batch
    /// has more. `None` if nothing waits, or there is no such queue.
    ///
    /// # Errors
    /// The error of the disk.
    pub fn peek(&self, queue: &str, max_events: usize) -> io::Result<Option<Batch>> {
        let found = {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.queues.iter().find(|q| q.name == queue).cloned()
        };
        let Some(queue) = found else { return Ok(None) };
        peek(&self.log, &queue, max_events).map_err(io::Error::other)
    }
}

/// All exchanges of the bus in `dir`, in order of name.
///
/// # Errors
/// The error of the disk.
pub fn inspect(dir: &Path) -> io::Result<Vec<ExchangeView>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(view) = exchange(&path) {
            let shown = path.display();
            all.push(view.map_err(|e| io::Error::new(e.kind(), format!("cannot read `{shown}`: {e}")))?);
        }
    }
    all.sort_by(|a: &ExchangeView, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The exchange in `dir`, if it is one.
pub(super) fn exchange(dir: &Path) -> Option<io::Result<ExchangeView>> {
    let name = dir.file_name()?.to_str()?;
    let entries = Entry::list(dir).ok()?;
    if !entries.iter().any(|(e, _)| matches!(e, Entry::Segment(_) | Entry::Cursor(_))) {
        return None;
    }
    let recovered = match recover(dir, name, None, &Faults::default()) {
        Ok(recovered) => recovered,
        Err(error) => return Some(Err(error)),
    };
    let of = |queue: &Arc<Queue>| {
        let stats = stats::queue(queue);
        let head = recovered.log.span(&queue.state().head()).filter(|_| stats.waiting_events > 0);
        QueueStats { oldest: stats::oldest(queue, head), ..stats }
    };
    let queues = recovered.log.queues.iter().map(of).collect();
    Some(Ok(ExchangeView {
        name: name.to_owned(),
        published_events: recovered.log.end.events,
        damaged_events: recovered.log.damaged,
        queues,
        log: Mutex::new(recovered.log),
    }))
}

/// Reads from the head of the queue, also events that are in flight.
pub(super) fn peek(log: &Mutex<Log>, queue: &Queue, max_events: usize) -> Result<Option<Batch>, ReadError> {
    let mut at = queue.state().needed();
    let mut decoder = Decoder::default();
    loop {
        let span = log.lock().unwrap_or_else(PoisonError::into_inner).span(&at);
        let Some(span) = span else { return Ok(None) };
        at = span.start;
        let bytes = span.read(PEEK_BYTES)?;
        let gathered = queue.gather(&span, &bytes, &mut at, None, (PEEK_BYTES, max_events), &mut decoder)?;
        if gathered.broken {
            let what = format!("`{}` is damaged at offset {}", span.segment.path.display(), at.offset);
            return Err(ReadError::Gone(io::Error::other(what)));
        }
        if let Some(batch) = Batch::new(gathered.chunks) {
            return Ok(Some(batch));
        }
    }
}
