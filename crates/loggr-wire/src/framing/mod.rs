//! Syslog frames in a byte stream (RFC 6587): octet counting and non-transparent framing,
//! told apart frame by frame.
//!
//! Not here: what a frame means. A frame is the bytes between two boundaries.
//!
//! | form | on the wire | ends |
//! | --- | --- | --- |
//! | octet counting | `MSG-LEN SP SYSLOG-MSG`, MSG-LEN 1 to 9 digits without a leading zero | after MSG-LEN bytes |
//! | non-transparent | `SYSLOG-MSG` | before LF or NUL; one CR before that LF belongs to the line end |
//!
//! In [`Mode::Auto`] a frame is counted when it begins with
//! - a count, a space and a priority (`34 <165>1 …`), and the count covers the priority; or
//! - a count, a space and other text, when the counted bytes hold no line end before their last byte, and
//!   close with `}` if they begin with `{`.
//!
//! Everything else is a line, so that `2026-11-22 …`, `404 not found` and `404 {"error":1}` stay whole: their
//! line ends before the count does. What Auto cannot know: a line that begins with a number, a space and at
//! least so many bytes is taken at its word (`2 apples` gives `ap`, then `ples`). Senders of plain lines
//! that begin so need [`Mode::Lf`]; senders of counted text of several lines need [`Mode::OctetCounting`].
//!
//! Invariants: any cutting of the stream into reads gives the same frames. Every byte comes out in a frame,
//! except counts, line ends, and what a frame has beyond the limit, which [`Frame::original_len`] tells.
//! At most the frame limit (and one count) is held back.

mod header;
mod write;

use header::{Start, Verdict};
pub use write::{write_lf, write_octet_counted};

/// The frame limit when nobody says otherwise.
pub const DEFAULT_FRAME_BYTES: usize = 64 * 1024;
/// The largest frame limit that can be asked for.
pub const MAX_FRAME_BYTES: usize = 8 * 1024 * 1024;
/// The most digits of an octet count; a longer run of digits (an epoch stamp) is text.
pub const MAX_COUNT_DIGITS: usize = 9;
/// Line ends, as many as are stepped over at once.
const CRLF: [u8; 64] = *b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\
    \r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
/// A buffer that one long frame has grown beyond this is given back after that frame.
pub(crate) const KEEP_BUFFER_BYTES: usize = 64 * 1024;

/// How the frames of a stream are delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Octet counting or a line ended by LF or NUL, decided for each frame.
    #[default]
    Auto,
    /// A count before each frame, whatever the frame holds. A frame without one is taken as a line that
    /// LF or NUL ends, and counted in [`Stats::unframed`]; an LF between two frames is skipped.
    OctetCounting,
    /// Lines ended by LF. NUL is content.
    Lf,
    /// Frames ended by NUL. LF and CR are content.
    Nul,
}

/// One frame of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The content, without count and line end. Never empty. A counted frame comes as it was counted:
    /// a line end inside the count is part of it.
    pub bytes: &'a [u8],
    /// Set when `bytes` is not the whole content: the length the frame had, or claimed by its count.
    /// Of an unfinished line beyond the limit, what was seen of it.
    pub original_len: Option<u64>,
    /// The stream ended inside this frame.
    pub incomplete: bool,
}

impl Frame<'_> {
    /// True when the frame was longer than the limit and its end is gone.
    pub fn is_truncated(&self) -> bool {
        self.original_len.is_some() && !self.incomplete
    }
}

/// What a [`Framer`] has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames given out, of all kinds.
    pub frames: u64,
    /// Of these, octet-counted ones.
    pub counted: u64,
    /// Of these, longer than the limit.
    pub truncated: u64,
    /// Of these, cut by the end of the stream.
    pub incomplete: u64,
    /// Of these, lines where [`Mode::OctetCounting`] wants a count.
    pub unframed: u64,
    /// Frames without content (a bare LF, CRLF or NUL), skipped.
    pub empty: u64,
    /// Bytes of content beyond the limit, discarded.
    pub discarded_bytes: u64,
}

/// Cuts one stream into frames.
#[derive(Debug)]
pub struct Framer {
    mode: Mode,
    max_frame: usize,
    /// The frame under way, as far as it is kept; empty between frames.
    tail: Vec<u8>,
    state: State,
    stats: Stats,
}

/// The frame under way.
#[derive(Clone, Copy, Debug)]
enum State {
    /// None; `tail` is empty.
    Between,
    /// `tail` is the beginning of what may be a count; nothing else is known.
    Undecided,
    /// `tail` is a count's header and content that may be counted JSON.
    Maybe { header: usize, len: u64 },
    /// `tail` is the content as far as it fits; `seen` of `len` bytes have come.
    Counted { len: u64, seen: u64 },
    /// `tail` is the line as far as it fits; `seen` bytes have come, the last of them `last`.
    Line { seen: u64, last: u8 },
}

impl Framer {
    /// A framer at the beginning of a stream. `max_frame` is brought into 1 ..= [`MAX_FRAME_BYTES`].
    pub fn new(mode: Mode, max_frame: usize) -> Framer {
        Framer {
            mode,
            max_frame: max_frame.clamp(1, MAX_FRAME_BYTES),
            tail: Vec::new(),
            state: State::Between,
            stats: Stats::default(),
        }
    }

    /// Calls `sink` for every frame that `input` completes, in order. A frame that lies whole in `input`
    /// is a slice of it; only the unfinished tail is copied.
    pub fn feed(&mut self, input: &[u8], mut sink: impl FnMut(Frame<'_>)) {
        let mut rest = input;
        while !rest.is_empty() {
            rest = match self.state {
                State::Between => self.begin(rest, &mut sink),
                State::Undecided => self.decide(rest),
                State::Maybe { header, len } => self.judge(rest, header, len),
                State::Counted { len, seen } => self.continue_counted(rest, len, seen, &mut sink),
                State::Line { seen, last } => self.continue_line(rest, seen, last, &mut sink),
            };
        }
    }

    /// The stream has ended: gives what is left of it, marked `incomplete`. The framer is then as new,
    /// but keeps its [`stats`](Framer::stats).
    pub fn finish(&mut self, mut sink: impl FnMut(Frame<'_>)) {
        let original_len = match self.state {
            State::Between => return,
            State::Undecided | State::Maybe { .. } => {
                // What might have been a count is content now, and has its limit.
                let seen = self.tail.len() as u64;
                self.tail.truncate(self.max_frame);
                self.stats.discarded_bytes += seen - self.tail.len() as u64;
                longer(seen, self.tail.len())
            }
            State::Counted { len, .. } => Some(len),
            State::Line { seen, .. } => longer(seen, self.tail.len()),
        };
        match self.state {
            State::Counted { seen, .. } => {
                self.stats.counted += 1;
                self.stats.discarded_bytes += seen - self.tail.len() as u64;
            }
            State::Line { seen, .. } => {
                self.stats.unframed += u64::from(self.mode == Mode::OctetCounting);
                self.stats.discarded_bytes += seen - self.tail.len() as u64;
            }
            _ => {}
        }
        self.stats.frames += 1;
        self.stats.incomplete += 1;
        sink(Frame { bytes: &self.tail, original_len, incomplete: true });
        self.reset();
    }

    /// How many bytes of an unfinished frame are held; at most the limit and one count.
    pub fn buffered(&self) -> usize {
        self.tail.len()
    }

    /// True when the stream stands between two frames, so that its end now would cut nothing.
    pub fn is_between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// The counters so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The frame limit in force.
    pub fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Nothing is under way: the frame begins in `rest`. The hot path.
    #[inline]
    fn begin<'a>(&mut self, rest: &'a [u8], sink: &mut impl FnMut(Frame<'_>)) -> &'a [u8] {
        if let Some(after) = self.skip_empty(rest) {
            return after;
        }
        match self.start(rest) {
            Start::Line => match self.find_end(rest) {
                Some((line, end, after)) => {
                    let last = line.last().copied().unwrap_or_default();
                    self.emit_line(line, line.len() as u64, last, end, sink);
                    after
                }
                None => {
                    let kept = rest.get(..self.max_frame).unwrap_or(rest);
                    self.tail.extend_from_slice(kept);
                    let last = rest.last().copied().unwrap_or_default();
                    self.state = State::Line { seen: rest.len() as u64, last };
                    &[]
                }
            },
            Start::Counted { header, len } => {
                let body = rest.get(header..).unwrap_or_default();
                match body.split_at_checked(len as usize) {
                    Some((frame, after)) => {
                        self.emit_counted(frame.get(..self.max_frame).unwrap_or(frame), len, sink);
                        after
                    }
                    None => {
                        self.tail.extend_from_slice(body.get(..self.max_frame).unwrap_or(body));
                        self.state = State::Counted { len, seen: body.len() as u64 };
                        &[]
                    }
                }
            }
            Start::Maybe { header, len } => {
                let (head, body) = rest.split_at_checked(header).unwrap_or((rest, &[]));
                self.tail.extend_from_slice(head);
                self.state = State::Maybe { header, len };
                body
            }
            Start::More => {
                self.tail.extend_from_slice(rest);
                self.state = State::Undecided;
                &[]
            }
        }
    }

    /// Steps over a run of frames without content, many at once: a file of line ends alone costs nothing.
    #[inline]
    fn skip_empty<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        const AT_ONCE: usize = CRLF.len();
        let end: &[u8; AT_ONCE] = match (self.mode, rest.first()) {
            (Mode::Nul | Mode::Auto | Mode::OctetCounting, Some(0)) => &[0; AT_ONCE],
            (Mode::Lf | Mode::Auto | Mode::OctetCounting, Some(b'\n')) => &[b'\n'; AT_ONCE],
            (Mode::Lf | Mode::Auto | Mode::OctetCounting, Some(b'\r')) => &CRLF,
            _ => return None,
        };
        let mut after = rest;
        while let Some(more) = after.strip_prefix(end.as_slice()) {
            after = more;
        }
        let skipped = rest.len() - after.len();
        let of_one = if end == &CRLF { 2 } else { 1 };
        self.stats.empty += (skipped / of_one) as u64;
        (skipped > 0).then_some(after)
    }

    /// How the frame that begins with `rest` is delimited, counted text that lies whole in `rest` included.
    #[inline]
    fn start(&self, rest: &[u8]) -> Start {
        if !matches!(rest.first(), Some(b'1'..=b'9')) {
            return Start::Line;
        }
        let start = match self.mode {
            Mode::Lf | Mode::Nul => Start::Line,
            Mode::OctetCounting => header::counted(rest),
            Mode::Auto => header::auto(rest),
        };
        if let Start::Maybe { header, len } = start {
            let body = rest.get(header..).unwrap_or_default();
            return match header::judge_text(&[], body, len, self.max_frame) {
                Verdict::Counted => Start::Counted { header, len },
                Verdict::Line => Start::Line,
                Verdict::More => start,
            };
        }
        start
    }

    /// A few bytes of what may be a count are held: looks at one byte more.
    fn decide<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let Some((&next, after)) = rest.split_first() else { return rest };
        self.tail.push(next);
        let start = match self.mode {
            Mode::OctetCounting => header::counted(&self.tail),
            _ => header::auto(&self.tail),
        };
        if matches!(start, Start::More) {
            return after;
        }
        // Decided by `next`, which is content in every case: it stays in `rest`, so that each state finds
        // at least one byte of its own there.
        self.tail.pop();
        match start {
            Start::Counted { header, len } => {
                self.resume_counted(header, len);
            }
            Start::Maybe { header, len } => self.state = State::Maybe { header, len },
            Start::Line | Start::More => self.resume_line(),
        }
        rest
    }

    /// A count and the beginning of what may be counted text are held.
    fn judge<'a>(&mut self, rest: &'a [u8], header: usize, len: u64) -> &'a [u8] {
        let held = self.tail.get(header..).unwrap_or_default();
        match header::judge_text(held, rest, len, self.max_frame) {
            Verdict::Counted => {
                self.resume_counted(header, len);
                rest
            }
            Verdict::Line => {
                self.resume_line();
                rest
            }
            Verdict::More => {
                self.tail.extend_from_slice(rest);
                &[]
            }
        }
    }

    /// What is held has turned out to be a count and the beginning of its content.
    fn resume_counted(&mut self, header: usize, len: u64) {
        self.tail.drain(..header.min(self.tail.len()));
        self.state = State::Counted { len, seen: self.tail.len() as u64 };
        self.tail.truncate(self.max_frame);
    }

    /// What is held has turned out to be the beginning of a line.
    fn resume_line(&mut self) {
        let last = self.tail.last().copied().unwrap_or_default();
        self.state = State::Line { seen: self.tail.len() as u64, last };
        self.tail.truncate(self.max_frame);
    }

    fn continue_counted<'a>(
        &mut self,
        rest: &'a [u8],
        len: u64,
        seen: u64,
        sink: &mut impl FnMut(Frame<'_>),
    ) -> &'a [u8] {
        match rest.split_at_checked((len - seen) as usize) {
            Some((part, after)) => {
                self.keep(part);
                let tail = std::mem::take(&mut self.tail);
                self.emit_counted(&tail, len, sink);
                self.tail = tail;
                self.reset();
                after
            }
            None => {
                self.keep(rest);
                self.state = State::Counted { len, seen: seen + rest.len() as u64 };
                &[]
            }
        }
    }

    fn continue_line<'a>(
        &mut self,
        rest: &'a [u8],
        seen: u64,
        last: u8,
        sink: &mut impl FnMut(Frame<'_>),
    ) -> &'a [u8] {
        let (part, end) = match self.find_end(rest) {
            Some((part, end, after)) => (part, Some((end, after))),
            None => (rest, None),
        };
        self.keep(part);
        let seen = seen + part.len() as u64;
        let last = part.last().copied().unwrap_or(last);
        match end {
            Some((end, after)) => {
                let tail = std::mem::take(&mut self.tail);
                self.emit_line(&tail, seen, last, end, sink);
                self.tail = tail;
                self.reset();
                after
            }
            None => {
                self.state = State::Line { seen, last };
                &[]
            }
        }
    }

    /// Splits at the first line end of this mode: the line, its end, what follows.
    #[inline]
    fn find_end<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], u8, &'a [u8])> {
        let at = match self.mode {
            Mode::Lf => memchr::memchr(b'\n', bytes),
            Mode::Nul => memchr::memchr(0, bytes),
            Mode::Auto | Mode::OctetCounting => memchr::memchr2(b'\n', 0, bytes),
        }?;
        let (line, after) = bytes.split_at_checked(at)?;
        let (&end, after) = after.split_first()?;
        Some((line, end, after))
    }

    /// Adds to the tail what still fits.
    fn keep(&mut self, part: &[u8]) {
        let room = self.max_frame.saturating_sub(self.tail.len());
        self.tail.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    /// `kept` is the front of a line of `seen` bytes that `end` has ended.
    #[inline]
    fn emit_line(&mut self, kept: &[u8], seen: u64, last: u8, end: u8, sink: &mut impl FnMut(Frame<'_>)) {
        let total = seen - u64::from(end == b'\n' && last == b'\r' && seen > 0);
        if total == 0 {
            self.stats.empty += 1;
            return;
        }
        self.stats.unframed += u64::from(self.mode == Mode::OctetCounting);
        let content = self.max_frame.min(total as usize);
        let bytes = kept.get(..content).unwrap_or(kept);
        self.emit(bytes, total, sink);
    }

    #[inline]
    fn emit_counted(&mut self, kept: &[u8], len: u64, sink: &mut impl FnMut(Frame<'_>)) {
        self.stats.counted += 1;
        self.emit(kept, len, sink);
    }

    #[inline]
    fn emit(&mut self, bytes: &[u8], total: u64, sink: &mut impl FnMut(Frame<'_>)) {
        let original_len = longer(total, bytes.len());
        self.stats.frames += 1;
        if original_len.is_some() {
            self.stats.truncated += 1;
            self.stats.discarded_bytes += total - bytes.len() as u64;
        }
        sink(Frame { bytes, original_len, incomplete: false });
    }

    fn reset(&mut self) {
        self.state = State::Between;
        self.tail.clear();
        self.tail.shrink_to(KEEP_BUFFER_BYTES);
    }
}

/// The true length, if it is more than what is kept.
#[inline]
fn longer(total: u64, kept: usize) -> Option<u64> {
    (total > kept as u64).then_some(total)
}

#[cfg(test)]
mod tests;
