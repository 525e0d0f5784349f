//! A queue: its entries that are not settled, and the position of its next event.
//!
//! Events lie in the log, once for all queues. Invariant: the head moves only over settled entries,
//! in the order of the log; and its move is on disk before another delivery is handed out.

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
    /// False if the configuration no longer names it; it is kept all the same.
    pub configured: bool,
    pub bindings: Bindings,
    /// Events meant for it, since it was bound. Changed under the lock of the log.
    pub published: AtomicU64,
    /// Bytes of the frames meant for it, since the exchange was opened, and those that
    /// waited then.
    pub published_bytes: AtomicU64,
    /// Something changed: new frames, or a settlement.
    pub changed: Notify,
    /// The janitor was asked to flush the cursor.
    pub flush_asked: AtomicBool,
    /// Consumers that are open.
    pub consumers: AtomicUsize,
    /// The sequence number of the head whose time of writing was last read, and that time in
    /// microseconds since 1970, if it could be read.
    pub head_written: Mutex<Option<(u64, Option<i64>)>>,
    /// The places where it cannot be read at the moment.
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
    /// The numbers may differ from those counted at publishing, because it is unknown for which
    /// queue damaged events were.
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

    /// Sets the count of published events to what was found, once everything published was read or
    /// skipped. To be called under the lock of the log.
    pub fn balance(&self) {
        let found = self.state().snapshot();
        self.published.store(found.events, Ordering::Relaxed);
        self.published_bytes.store(found.bytes, Ordering::Relaxed);
    }

    /// Writes the cursor if it is out of date, and flushes it. Gives the position that is durable
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
            // A second flush does not bring back what a failed one has lost.
            let mut state = self.state();
            state.replace()?;
            return Ok(state.needed());
        }
        Ok(needed)
    }

    /// Notes that the cursor was written.
    pub fn kept(&self) {
        if self.keeping.clear() {
            tracing::info!(queue = %self.name, "the cursor is written again");
        }
    }

    /// Notes that the cursor could not be written.
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
                // The frame is cut off by the end of the bytes that were read; if it is the first
                // one, it is damaged.
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
            // Events that are missing according to the numbers of the frames.
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
