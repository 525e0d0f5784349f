//! A queue: what is handed out and not yet settled, and where the next event lies.
//!
//! Not a copy of any event: those lie in the log, once for all queues. Invariant: the
//! head moves only over entries that are settled, in the order of the log; and what
//! it moved over is on disk before another delivery is handed out.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::encoding::Decoder;

use super::cursor::{Bindings, Cursor, CursorFile};
use super::entries::{Gathered, State};
use super::frame::Frame;
use super::position::Position;
use super::read_error::ReadError;
use super::span::Span;
use super::trouble::Trouble;
use super::unreadable::Unreadable;

/// A queue of one exchange, shared by its consumers.
#[derive(Debug)]
pub(super) struct Queue {
    pub name: String,
    pub path: PathBuf,
    /// False if the configuration does not name it any more: it is kept all the same.
    pub configured: bool,
    pub bindings: Bindings,
    /// Events meant for it, since it was bound. Moves under the lock of the log.
    pub published: AtomicU64,
    /// Bytes of the frames meant for it, since the exchange was opened, and those that
    /// waited then.
    pub published_bytes: AtomicU64,
    /// Something changed: new frames, or a settlement.
    pub changed: Notify,
    /// The janitor was told that the cursor is to be flushed.
    pub flush_asked: AtomicBool,
    /// Consumers that are open.
    pub consumers: AtomicUsize,
    /// Number of the head that was last asked for the time of its writing, and the answer in
    /// microseconds since 1970, if there was one.
    pub head_written: Mutex<Option<(u64, Option<i64>)>>,
    /// Where it cannot be read at the moment.
    pub unreadable: Unreadable,
    /// Why its cursor cannot be written at the moment.
    pub keeping: Trouble,
    /// Serialises fresh reads; taken before `state`, never after it.
    pub reader: Mutex<Reader>,
    pub state: Mutex<State>,
}

/// Where the next fresh read begins.
#[derive(Debug)]
pub(super) struct Reader {
    pub at: Position,
    pub decoder: Decoder,
    /// What was read perhaps differs from what was counted when it was published: damage does
    /// not say for whom it was.
    pub off_books: bool,
}

impl Queue {
    pub fn new(name: &str, path: PathBuf, configured: bool, file: CursorFile, cursor: &Cursor) -> Queue {
        Queue {
            name: name.to_owned(),
            path,
            configured,
            bindings: cursor.bindings.clone(),
            published: AtomicU64::new(cursor.counts.settled()),
            published_bytes: AtomicU64::new(0),
            changed: Notify::new(),
            flush_asked: AtomicBool::new(false),
            consumers: AtomicUsize::new(0),
            head_written: Mutex::default(),
            unreadable: Unreadable::default(),
            keeping: Trouble::default(),
            reader: Mutex::new(Reader { at: cursor.head, decoder: Decoder::default(), off_books: false }),
            state: Mutex::new(State::new(file, cursor)),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything published was read or passed: what was published is what was found. Under the
    /// lock of the log.
    pub fn balance(&self) {
        let found = self.state().snapshot();
        self.published.store(found.events, Ordering::Relaxed);
        self.published_bytes.store(found.bytes, Ordering::Relaxed);
    }

    /// Writes the cursor if it is old, and flushes it. Gives the position that is durable
    /// now: nothing before it is needed any more.
    pub fn flush(&self) -> io::Result<Position> {
        self.flush_asked.store(false, Ordering::SeqCst);
        let flushed = self.try_flush();
        match &flushed {
            Ok(_) => self.kept(),
            Err(error) => self.not_kept(error),
        }
        flushed
    }

    fn try_flush(&self) -> io::Result<Position> {
        let (needed, file) = {
            let mut state = self.state();
            state.write()?;
            (state.needed(), state.file())
        };
        if loggr_disk::sync(&file).is_err() {
            // What a failed flush has lost a second one does not bring back.
            let mut state = self.state();
            state.replace()?;
            return Ok(state.needed());
        }
        Ok(needed)
    }

    /// The cursor was written.
    pub fn kept(&self) {
        if self.keeping.clear() {
            tracing::info!(queue = %self.name, "the cursor is written again");
        }
    }

    /// The cursor was not written.
    pub fn not_kept(&self, error: &io::Error) {
        let path = self.path.display();
        if self.keeping.raise(format!("cannot write `{path}`: {error}")) {
            tracing::error!(queue = %self.name, "cannot write the cursor `{path}`, no space is given back: {error}");
        }
    }

    /// Takes the frames at the beginning of `bytes` that are meant for the queue, and
    /// moves `at` behind the last one it looked at. Ends before `until`.
    pub fn gather(
        &self,
        span: &Span,
        bytes: &bytes::Bytes,
        at: &mut Position,
        until: Option<u64>,
        limits: (usize, usize),
        decoder: &mut Decoder,
    ) -> Result<Gathered, ReadError> {
        let (max_bytes, max_events) = limits;
        let mut out = Gathered::default();
        let mut offset = 0usize;
        while until.is_none_or(|seq| at.seq < seq) && at.offset < span.end {
            let Some(frame) =
                Frame::read(bytes, offset, span.segment.seed()).filter(|f| f.header.seq >= at.seq)
            else {
                // Cut off by the end of what was read, unless it is the first one.
                out.broken = offset == 0;
                break;
            };
            let len = frame.header.frame_len();
            let wanted = !frame.header.gap && self.bindings.matches(frame.header.seq, frame.key());
            if wanted {
                let more = out.bytes + len > max_bytes as u64
                    || out.events + u64::from(frame.header.events) > max_events as u64;
                if more && !out.chunks.is_empty() {
                    break;
                }
                let body = offset + super::frame::FRAME_HEADER_BYTES as usize;
                let chunk = bytes.slice(body + usize::from(frame.header.key_len)..body + frame.body.len());
                match decoder.decode(&chunk) {
                    Ok(chunk) => out.chunks.push(chunk),
                    Err(_) if !out.chunks.is_empty() => break,
                    Err(source) => return Err(ReadError::Unreadable { seq: frame.header.seq, source }),
                }
                out.events += u64::from(frame.header.events);
                out.bytes += len;
            }
            // Events that the numbers say were there, and are not.
            out.damaged += frame.header.events_before.saturating_sub(at.events);
            if frame.header.gap {
                out.damaged += u64::from(frame.header.events);
            }
            *at = at.after(&frame.header);
            offset += len as usize;
        }
        Ok(out)
    }
}
