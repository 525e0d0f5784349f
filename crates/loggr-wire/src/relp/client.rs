//! One RELP session, seen from the end that sends.
//!
//! Not here: sockets, time, and the messages themselves: whoever sends keeps each message until its
//! [`Answer`] has come, and sends it again, under a new txnr, on the next connection if none has
//! (`sender.rs` does).
//!
//! The way of a session: [`open`](Client::open), write the output, feed what is read until the state is
//! [`Ready`](ClientState::Ready); then [`send`](Client::send) while [`room`](Client::room) is left; in the
//! end [`close`](Client::close) and feed until [`Closed`](ClientState::Closed).
//!
//! Invariants: never more unanswered messages than the window; an answer is reported once and only for
//! a message that waits for it; the txnr never wraps, since deployed servers break there.

use super::error::{Error, Reason};
use super::frame::{Command, Frame, MAX_DATA_BYTES, MAX_TXNR, Reader, write_frame};
use super::offers::{MAX_OFFERS_BYTES, Offers, SOFTWARE, write_offers};
use super::output::Output;
use super::packed::MAX_PACKED_BYTES;
use crate::decimal;
use std::{collections::VecDeque, fmt};

/// The window when nobody says otherwise; librelp's.
pub const DEFAULT_WINDOW_FRAMES: usize = 128;
/// From this txnr on [`Client::needs_reconnect`] says so. The last number is kept for `close`.
pub const RECONNECT_TXNR: u32 = 999_000_000;
/// The most octets of an answer's text that are reported.
const MAX_TEXT_BYTES: usize = 80;

/// What a client is told at the beginning of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// How many messages may be unanswered, at least 1.
    pub window_frames: usize,
    /// The longest message that is sent. Servers differ in what they do beyond their own limit; librelp
    /// takes 128 KiB.
    pub max_data_bytes: usize,
    /// What we call ourselves, `NAME,VERSION,URL`.
    pub software: String,
    /// Compressed frames are asked for.
    pub packed: bool,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            window_frames: DEFAULT_WINDOW_FRAMES,
            max_data_bytes: super::frame::DEFAULT_DATA_BYTES,
            software: SOFTWARE.to_owned(),
            packed: false,
        }
    }
}

/// Where a client's session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientState {
    /// Nothing was sent.
    New,
    /// `open` is under way.
    Opening,
    /// Open for messages.
    Ready,
    /// `close` is under way; answers to messages may still come.
    Closing,
    /// The server has answered `close`, or has said that it is about to close. No answer can be relied
    /// on any more, though what still comes is reported: send what is unanswered on another connection.
    Closed,
    /// An error has ended the session. Send what is unanswered on another connection.
    Dead,
}

/// The server's word on one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The message's txnr, as [`Client::send`] gave it.
    pub txnr: u32,
    /// 200 when the server has taken the message. Anything else: it has refused it, and sending it again
    /// will not help.
    pub code: u16,
    /// The server's text, at most 80 octets. A stranger's: escape before showing.
    pub text: &'a [u8],
}

impl Answer<'_> {
    /// The server has taken the message.
    pub fn is_ok(&self) -> bool {
        self.code == 200
    }
}

/// Why a message was not sent now. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The session is not open.
    NotReady {
        /// Where it stands.
        state: ClientState,
    },
    /// As many messages as the window holds are unanswered.
    WindowFull {
        /// The window.
        frames: usize,
    },
    /// The txnrs of this session are used up: close and connect again.
    OutOfTxnrs,
    /// The message is longer than the limit. It would never pass: cut it or rescue it.
    TooLong {
        /// Its length.
        len: usize,
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::NotReady { state } => {
                let state = match state {
                    ClientState::New => "not opened",
                    ClientState::Opening => "waiting for the answer to `open`",
                    ClientState::Ready => "ready",
                    ClientState::Closing => "waiting for the answer to `close`",
                    ClientState::Closed => "closed",
                    ClientState::Dead => "ended by an error",
                };
                write!(f, "the RELP session is {state}")
            }
            SendError::WindowFull { frames } => write!(f, "all {frames} frames of the window are unanswered"),
            SendError::OutOfTxnrs => write!(f, "the txnrs of this session are used up at {MAX_TXNR}"),
            SendError::TooLong { len, limit } => {
                write!(f, "a message of {len} octets is longer than the limit of {limit}")
            }
        }
    }
}

impl std::error::Error for SendError {}

/// One session.
#[derive(Debug)]
pub struct Client {
    reader: Reader,
    session: Session,
}

/// All of the session but its reader, so that the reader can call it.
#[derive(Debug)]
struct Session {
    state: ClientState,
    config: ClientConfig,
    next: u32,
    /// The txnr of the first of `waiting`.
    first: u32,
    /// The messages from `first` on: whether each still waits for its answer. The first always does.
    waiting: VecDeque<bool>,
    unanswered: usize,
    open_txnr: u32,
    close_txnr: Option<u32>,
    offers: Offers,
    output: Output,
}

impl Client {
    /// A session at the beginning of a connection.
    pub fn new(config: ClientConfig) -> Client {
        let config = ClientConfig {
            window_frames: config.window_frames.max(1),
            max_data_bytes: config.max_data_bytes.clamp(1, MAX_DATA_BYTES),
            ..config
        };
        Client {
            // Answers are short; offers are the longest.
            reader: Reader::new(MAX_OFFERS_BYTES),
            session: Session {
                state: ClientState::New,
                config,
                next: 1,
                first: 0,
                waiting: VecDeque::new(),
                unanswered: 0,
                open_txnr: 0,
                close_txnr: None,
                offers: Offers::default(),
                output: Output::default(),
            },
        }
    }

    /// Writes `open` with our offers. Does nothing in a session that was opened before.
    pub fn open(&mut self) {
        let session = &mut self.session;
        if session.state != ClientState::New {
            return;
        }
        let mut offers = Vec::new();
        write_offers(&mut offers, &session.config.software, session.config.packed);
        session.open_txnr = session.command(&Command::Open, &offers);
        session.state = ClientState::Opening;
    }

    /// Writes one message and returns its txnr, by which its answer will come.
    ///
    /// # Errors
    /// Nothing was written; [`room`](Client::room) tells beforehand, but for a message that is too long.
    pub fn send(&mut self, data: &[u8]) -> Result<u32, SendError> {
        self.session.send(&Command::Syslog, data)
    }

    /// Writes a compressed frame, which a [`Packer`](super::Packer) has made: one answer will come for all its
    /// messages. Only where [`takes_packed`](Client::takes_packed).
    ///
    /// # Errors
    /// As of [`send`](Client::send).
    pub fn send_packed(&mut self, data: &[u8]) -> Result<u32, SendError> {
        self.session.send(&Command::Packed, data)
    }

    /// Both ends have offered compressed frames.
    pub fn takes_packed(&self) -> bool {
        self.session.config.packed && self.session.offers.packed
    }

    /// How many messages can be sent now.
    pub fn room(&self) -> usize {
        let session = &self.session;
        if session.state != ClientState::Ready {
            return 0;
        }
        let numbers = MAX_TXNR.saturating_sub(session.next) as usize;
        session.config.window_frames.saturating_sub(session.waiting.len()).min(numbers)
    }

    /// At least one message can be sent now.
    pub fn can_send(&self) -> bool {
        self.room() > 0
    }

    /// Takes what was read. `sink` gets the answer to each message, in the order they come.
    ///
    /// # Errors
    /// The session is [`Dead`](ClientState::Dead). Answers given to `sink` before stay valid.
    pub fn feed(&mut self, input: &[u8], mut sink: impl FnMut(Answer<'_>)) -> Result<(), Error> {
        if self.session.state == ClientState::Dead {
            return Err(Error::new(Reason::AfterError, self.reader.position(), input));
        }
        let Client { reader, session } = self;
        let result = reader.feed(input, |frame| session.take(frame, &mut sink));
        if result.is_err() {
            session.state = ClientState::Dead;
        }
        result
    }

    /// Writes `close`. A session that was never opened is closed at once.
    pub fn close(&mut self) {
        let session = &mut self.session;
        match session.state {
            ClientState::New => session.state = ClientState::Closed,
            ClientState::Opening | ClientState::Ready => {
                session.close_txnr = Some(session.command(&Command::Close, b""));
                session.state = ClientState::Closing;
            }
            ClientState::Closing | ClientState::Closed | ClientState::Dead => {}
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> ClientState {
        self.session.state
    }

    /// How many messages are unanswered.
    pub fn unanswered(&self) -> usize {
        self.session.unanswered
    }

    /// The txnrs of the unanswered messages, in the order they were sent.
    pub fn unanswered_txnrs(&self) -> impl Iterator<Item = u32> + '_ {
        (self.session.first..).zip(&self.session.waiting).filter(|(_, waits)| **waits).map(|(txnr, _)| txnr)
    }

    /// The txnrs come to their end: stop sending, close, and connect again.
    pub fn needs_reconnect(&self) -> bool {
        self.session.next >= RECONNECT_TXNR
    }

    /// What the server offered.
    pub fn offers(&self) -> &Offers {
        &self.session.offers
    }

    /// What waits for the socket.
    pub fn output(&self) -> &[u8] {
        self.session.output.unsent()
    }

    /// The first `count` bytes of [`output`](Client::output) have been written.
    pub fn consume_output(&mut self, count: usize) {
        self.session.output.consume(count);
    }

    /// Moves the output to the end of `into`, by swapping buffers when `into` is empty.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        self.session.output.take(into);
    }
}

impl Session {
    fn command(&mut self, command: &Command, data: &[u8]) -> u32 {
        let txnr = self.next;
        write_frame(self.output.end(), txnr, command, data);
        self.next += 1;
        txnr
    }

    fn send(&mut self, command: &Command, data: &[u8]) -> Result<u32, SendError> {
        if self.state != ClientState::Ready {
            return Err(SendError::NotReady { state: self.state });
        }
        let limit = match command {
            Command::Packed => MAX_PACKED_BYTES,
            _ => self.config.max_data_bytes,
        };
        if data.len() > limit {
            return Err(SendError::TooLong { len: data.len(), limit });
        }
        let frames = self.config.window_frames;
        if self.waiting.len() >= frames {
            return Err(SendError::WindowFull { frames });
        }
        if self.next >= MAX_TXNR {
            return Err(SendError::OutOfTxnrs);
        }
        let txnr = self.command(command, data);
        if self.waiting.is_empty() {
            self.first = txnr;
        }
        self.waiting.push_back(true);
        self.unanswered += 1;
        Ok(txnr)
    }

    #[inline]
    fn take(&mut self, frame: Frame<'_>, sink: &mut impl FnMut(Answer<'_>)) -> Result<(), Error> {
        match frame.command {
            Command::Rsp if frame.txnr > 0 => {}
            // The only hint that matters; a server that numbers it means the same.
            Command::ServerClose => {
                self.state = ClientState::Closed;
                return Ok(());
            }
            _ if frame.txnr == 0 => return Ok(()),
            _ => return Err(frame.error(Reason::Unasked)),
        }
        if let Some(at) = self.waiting_at(frame.txnr) {
            let (code, text) = answer(&frame)?;
            self.settle(at);
            let text = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let text = text.get(..MAX_TEXT_BYTES).unwrap_or(text);
            sink(Answer { txnr: frame.txnr, code, text });
            return Ok(());
        }
        if self.open_txnr == frame.txnr {
            self.open_txnr = 0;
            return self.opened(&frame);
        }
        if self.close_txnr == Some(frame.txnr) {
            // Empty, or 200, or whatever: there is nothing left to disagree about.
            self.close_txnr = None;
            self.state = ClientState::Closed;
            return Ok(());
        }
        Err(frame.error(Reason::UnknownAnswer { txnr: frame.txnr }))
    }

    /// The place of a message among those that wait.
    #[inline]
    fn waiting_at(&self, txnr: u32) -> Option<usize> {
        let at = txnr.checked_sub(self.first)? as usize;
        self.waiting.get(at)?.then_some(at)
    }

    /// Takes a message off those that wait.
    #[inline]
    fn settle(&mut self, at: usize) {
        if let Some(waits) = self.waiting.get_mut(at) {
            *waits = false;
            self.unanswered -= 1;
        }
        while self.waiting.front() == Some(&false) {
            self.waiting.pop_front();
            self.first += 1;
        }
    }

    fn opened(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        if frame.original_len.is_some() {
            return Err(frame.error(Reason::OffersTooLong { limit: MAX_OFFERS_BYTES }));
        }
        let (code, rest) = answer(frame)?;
        if code != 200 {
            return Err(frame.error(Reason::OpenRefused { code }));
        }
        // Logstash writes its first offer on the line of the code.
        let mut lines = rest.splitn(2, |&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        self.offers = Offers::parse(lines.next().unwrap_or_default());
        first.split(|&byte| byte == b' ').for_each(|word| self.offers.take(word));
        if let Some(version @ 1..) = self.offers.version {
            return Err(frame.error(Reason::Version { version }));
        }
        if !self.offers.syslog {
            return Err(frame.error(Reason::NoSyslog));
        }
        if self.state == ClientState::Opening {
            self.state = ClientState::Ready;
        }
        Ok(())
    }
}

/// An answer's code, and what follows the space behind it.
#[inline]
fn answer<'a>(frame: &Frame<'a>) -> Result<(u16, &'a [u8]), Error> {
    let (code, digits) = decimal::leading(frame.data, 4);
    match frame.data.get(digits..).and_then(<[u8]>::split_first) {
        Some((b' ', text)) if digits == 3 => Ok((code as u16, text)),
        _ => Err(frame.error(Reason::AnswerForm)),
    }
}

#[cfg(test)]
mod tests;
