//! One RELP session, seen from the end that receives.
//!
//! Not here: storing, sockets, time. The caller reads, [feeds](Server::feed), makes durable what came,
//! [acknowledges](Server::ack) as many frames as are durable, and writes the [output](Server::output).
//! To bound what is in flight the caller stops reading while [`outstanding`](Server::outstanding) is high,
//! and while the output has not been written.
//!
//! Invariants: a `syslog` frame is answered 200 after its acknowledgement or not at all, never with an
//! error code, which makes deployed senders forget it; answers keep the order of their commands, so that
//! `close` is answered after all that came before it; an error takes nothing away from what came whole
//! before it, which is answered still, and nothing that comes after it is looked at. Without those answers
//! the client would send the good frames of its window again for ever. The answer to a compressed frame comes
//! when all its messages are acknowledged; one out of which nothing comes is answered 500, for only a loggr
//! sends such frames, and it then sends the messages in another way.

use super::error::{Error, Reason};
use super::frame::{Command, DEFAULT_DATA_BYTES, Frame, MAX_DATA_BYTES, Reader, next_txnr, write_frame};
use super::offers::{MAX_OFFERS_BYTES, Offers, SOFTWARE, write_offers};
use super::output::Output;
use super::packed::{Damage, MAX_PACKED_BYTES, unpack};
use crate::decimal;
use std::cell::Cell;
use std::collections::VecDeque;

/// The most answers other than to `syslog` that may wait behind unacknowledged `syslog` frames.
pub const MAX_OWED_COMMANDS: usize = 256;
/// When so many octets have come out of compressed frames, [`Server::feed_part`] stops.
pub const PART_BYTES: usize = 256 << 10;

/// What a server is told at the beginning of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// How much of one message is kept, 1 ..= [`MAX_DATA_BYTES`].
    pub max_data_bytes: usize,
    /// What we call ourselves, `NAME,VERSION,URL`.
    pub software: String,
    /// Compressed frames are offered to a client that asks for them.
    pub packed: bool,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig { max_data_bytes: DEFAULT_DATA_BYTES, software: SOFTWARE.to_owned(), packed: false }
    }
}

/// Where a server's session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No `open` yet.
    Waiting,
    /// Open for messages.
    Open,
    /// The client has said `close` and waits until all before it is answered. Read no more.
    Closing,
    /// `close` is answered: write the output, then close the connection.
    Closed,
    /// An error has ended the session: read no more, acknowledge what came before it, write the output,
    /// then close the connection.
    Dead,
}

/// One message, given to whoever stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syslog<'a> {
    /// The transaction number; counts within this connection only.
    pub txnr: u32,
    /// The message, as much of it as the limit keeps. May be empty, may hold LF and NUL.
    pub data: &'a [u8],
    /// The message's length, when that is more than what was kept.
    pub original_len: Option<u64>,
}

/// An answer that waits for its turn.
#[derive(Clone, Copy, Debug)]
enum Owed {
    /// To `count` messages from txnr `first` on, without a wrap between them.
    Syslog { first: u32, count: usize },
    /// To the `count` messages of one compressed frame that are not acknowledged yet.
    Packed { txnr: u32, count: usize },
    /// To a compressed frame out of which nothing comes.
    Damaged { txnr: u32, damage: Damage },
    /// To `open`.
    Open { txnr: u32 },
    /// To a command that we do not know.
    Unknown { txnr: u32 },
    /// To `close`.
    Close { txnr: u32 },
}

/// One session.
#[derive(Debug)]
pub struct Server {
    reader: Reader,
    session: Session,
}

/// All of the session but its reader, so that the reader can call it.
#[derive(Debug)]
struct Session {
    state: State,
    max_data: usize,
    software: String,
    /// The txnr that must come next.
    expected: u32,
    owed: VecDeque<Owed>,
    /// How many of them are to no message.
    owed_commands: usize,
    outstanding: usize,
    /// Octets that came out of compressed frames since somebody asked.
    unpacked: usize,
    packed: bool,
    /// What was wrong with a compressed frame, until somebody asks.
    damaged: Option<Damage>,
    offers: Offers,
    said_serverclose: bool,
    output: Output,
}

impl Server {
    /// A session at the beginning of a connection.
    pub fn new(config: ServerConfig) -> Server {
        Server {
            // Offers have a limit of their own, and must fit whatever the limit for messages is.
            reader: match config.packed {
                false => Reader::new(config.max_data_bytes.max(MAX_OFFERS_BYTES)),
                true => {
                    Reader::new(config.max_data_bytes.max(MAX_OFFERS_BYTES)).with_packed(MAX_PACKED_BYTES)
                }
            },
            session: Session {
                state: State::Waiting,
                max_data: config.max_data_bytes.clamp(1, MAX_DATA_BYTES),
                software: config.software,
                expected: 1,
                owed: VecDeque::new(),
                owed_commands: 0,
                outstanding: 0,
                unpacked: 0,
                packed: config.packed,
                damaged: None,
                offers: Offers::default(),
                said_serverclose: false,
                output: Output::default(),
            },
        }
    }

    /// Takes what was read. `sink` gets every message that `input` completes, in order, as a slice of
    /// `input` where it lies whole in it; everything else is handled here and answered in the output.
    ///
    /// # Errors
    /// The session is [`Dead`](State::Dead). Messages given to `sink` before stay given and wait for
    /// [`ack`](Server::ack) as ever.
    pub fn feed(&mut self, input: &[u8], mut sink: impl FnMut(Syslog<'_>)) -> Result<(), Error> {
        let mut rest = input;
        loop {
            let used = self.feed_part(rest, &mut sink)?;
            rest = rest.get(used..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// The same, and gives how much of `input` was used: not all where more than [`PART_BYTES`] came out of
    /// compressed frames. So the caller can hand on what there is before more comes, however small the input.
    ///
    /// # Errors
    /// As of [`feed`](Server::feed).
    pub fn feed_part(&mut self, input: &[u8], mut sink: impl FnMut(Syslog<'_>)) -> Result<usize, Error> {
        if self.session.state == State::Dead {
            return Err(Error::new(Reason::AfterError, self.reader.position(), input));
        }
        let Server { reader, session } = self;
        session.unpacked = 0;
        let enough = Cell::new(false);
        let result = reader.feed_until(input, &enough, |frame| {
            let taken = session.take(frame, &mut sink);
            enough.set(session.unpacked >= PART_BYTES);
            taken
        });
        if result.is_err() {
            session.state = State::Dead;
        }
        result
    }

    /// What was wrong with the last compressed frame out of which nothing came, if there was one since this
    /// was asked. Its sender is told, and sends its messages again.
    pub fn take_damage(&mut self) -> Option<Damage> {
        self.session.damaged.take()
    }

    /// The next `count` unanswered messages, in the order they came, are durable: writes their answers,
    /// and those of other commands that waited behind them. Returns how many were answered: fewer than
    /// `count` if fewer were outstanding.
    pub fn ack(&mut self, count: usize) -> usize {
        self.session.ack(count)
    }

    /// How many messages wait for [`ack`](Server::ack).
    pub fn outstanding(&self) -> usize {
        self.session.outstanding
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.session.state
    }

    /// What waits for the socket.
    pub fn output(&self) -> &[u8] {
        self.session.output.unsent()
    }

    /// The first `count` bytes of [`output`](Server::output) have been written.
    pub fn consume_output(&mut self, count: usize) {
        self.session.output.consume(count);
    }

    /// Moves the output to the end of `into`, by swapping buffers when `into` is empty.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        self.session.output.take(into);
    }

    /// Tells the client that we are about to close, `0 serverclose 0`, once. For a server that stops:
    /// read no more, acknowledge what is durable, call this, write the output, close.
    pub fn serverclose(&mut self) {
        if matches!(self.session.state, State::Open | State::Closing) {
            self.session.serverclose();
        }
    }

    /// True while not one byte has come: a connection that ends so was a load balancer's probe.
    pub fn is_probe(&self) -> bool {
        self.reader.position() == 0
    }

    /// How many bytes have come.
    pub fn received_bytes(&self) -> u64 {
        self.reader.position()
    }

    /// How many bytes of an unfinished frame are held. The peer sends such a frame again.
    pub fn buffered(&self) -> usize {
        self.reader.buffered()
    }

    /// True when the stream stands between two frames, so that its end now would cut nothing.
    pub fn is_between(&self) -> bool {
        self.reader.is_between()
    }

    /// What the peer offered at its last `open`.
    pub fn offers(&self) -> &Offers {
        &self.session.offers
    }
}

impl Session {
    #[inline]
    fn take(&mut self, frame: Frame<'_>, sink: &mut impl FnMut(Syslog<'_>)) -> Result<(), Error> {
        if self.state == State::Open && frame.txnr == self.expected && frame.command == Command::Syslog {
            self.expected = next_txnr(frame.txnr);
            self.owe_syslog(frame.txnr);
            let whole = frame.original_len.unwrap_or(frame.data.len() as u64);
            let data = frame.data.get(..self.max_data).unwrap_or(frame.data);
            let original_len = (whole > data.len() as u64).then_some(whole);
            sink(Syslog { txnr: frame.txnr, data, original_len });
            return Ok(());
        }
        self.take_command(frame, sink)
    }

    /// Everything but a message where a message may stand.
    fn take_command(&mut self, frame: Frame<'_>, sink: &mut impl FnMut(Syslog<'_>)) -> Result<(), Error> {
        if frame.txnr == 0 && frame.command == Command::Syslog {
            return Err(frame.error(Reason::HintedSyslog));
        }
        if frame.txnr == 0 {
            return Ok(());
        }
        if frame.txnr == self.expected && frame.command == Command::Packed && self.takes_packed() {
            return self.take_packed(&frame, sink);
        }
        match self.state {
            State::Waiting if frame.command != Command::Open => return Err(frame.error(Reason::BeforeOpen)),
            State::Closing | State::Closed | State::Dead => return Err(frame.error(Reason::AfterClose)),
            State::Waiting | State::Open => {}
        }
        // A proxy may put a second client, which counts from 1, behind the first on one connection.
        let again = frame.command == Command::Open && frame.txnr == 1;
        if frame.txnr != self.expected && !again {
            let expected = self.expected;
            return Err(frame.error(Reason::WrongTxnr { expected, found: frame.txnr }));
        }
        let owed = match frame.command {
            Command::Open => self.open(&frame)?,
            Command::Close => {
                self.state = State::Closing;
                Owed::Close { txnr: frame.txnr }
            }
            Command::Rsp => return Err(frame.error(Reason::Unasked)),
            Command::Syslog | Command::Packed | Command::ServerClose | Command::Other(_) => {
                Owed::Unknown { txnr: frame.txnr }
            }
        };
        self.expected = next_txnr(frame.txnr);
        self.owe(owed, &frame)
    }

    /// An answer to no message waits for its turn.
    fn owe(&mut self, owed: Owed, frame: &Frame<'_>) -> Result<(), Error> {
        if self.owed_commands >= MAX_OWED_COMMANDS {
            return Err(frame.error(Reason::TooManyOwed { limit: MAX_OWED_COMMANDS }));
        }
        self.owed.push_back(owed);
        self.owed_commands += 1;
        self.answer_commands();
        Ok(())
    }

    /// Both ends have offered compressed frames.
    fn takes_packed(&self) -> bool {
        self.state == State::Open && self.packed && self.offers.packed
    }

    /// A compressed frame: its messages, or what is wrong with it.
    fn take_packed(&mut self, frame: &Frame<'_>, sink: &mut impl FnMut(Syslog<'_>)) -> Result<(), Error> {
        let txnr = frame.txnr;
        self.expected = next_txnr(txnr);
        let unpacked = match frame.original_len {
            None => unpack(frame.data),
            Some(_) => Err(Damage::Length),
        };
        match unpacked {
            Ok(unpacked) => {
                self.unpacked += unpacked.byte_len();
                self.outstanding += unpacked.count();
                self.owed.push_back(Owed::Packed { txnr, count: unpacked.count() });
                for message in unpacked.iter() {
                    let data = message.get(..self.max_data).unwrap_or(message);
                    let original_len = (message.len() > data.len()).then_some(message.len() as u64);
                    sink(Syslog { txnr, data, original_len });
                }
                Ok(())
            }
            Err(damage) => {
                self.damaged = Some(damage);
                self.owe(Owed::Damaged { txnr, damage }, frame)
            }
        }
    }

    fn open(&mut self, frame: &Frame<'_>) -> Result<Owed, Error> {
        if frame.original_len.is_some() || frame.data.len() > MAX_OFFERS_BYTES {
            return Err(frame.error(Reason::OffersTooLong { limit: MAX_OFFERS_BYTES }));
        }
        self.offers = Offers::parse(frame.data);
        if !self.offers.syslog {
            if self.owed.is_empty() {
                let text = b"500 the offers lack commands=syslog";
                write_frame(self.output.end(), frame.txnr, &Command::Rsp, text);
                self.serverclose();
            }
            return Err(frame.error(Reason::NoSyslog));
        }
        self.state = State::Open;
        Ok(Owed::Open { txnr: frame.txnr })
    }

    #[inline]
    fn owe_syslog(&mut self, txnr: u32) {
        self.outstanding += 1;
        match self.owed.back_mut() {
            // After the wrap, txnr 1 begins a new run.
            Some(Owed::Syslog { count, .. }) if txnr != 1 => *count += 1,
            _ => self.owed.push_back(Owed::Syslog { first: txnr, count: 1 }),
        }
    }

    fn ack(&mut self, count: usize) -> usize {
        let mut left = count;
        while left > 0 {
            let (now, is_done) = match self.owed.front_mut() {
                Some(Owed::Syslog { first, count }) => {
                    let now = left.min(*count);
                    write_acks(self.output.end(), *first, now);
                    *first += now as u32;
                    *count -= now;
                    (now, *count == 0)
                }
                Some(Owed::Packed { txnr, count }) => {
                    let now = left.min(*count);
                    *count -= now;
                    if *count == 0 {
                        write_acks(self.output.end(), *txnr, 1);
                    }
                    (now, *count == 0)
                }
                _ => break,
            };
            left -= now;
            self.outstanding -= now;
            if is_done {
                self.owed.pop_front();
                self.answer_commands();
            }
        }
        count - left
    }

    /// Writes the answers that no message stands before.
    fn answer_commands(&mut self) {
        loop {
            match self.owed.front() {
                None | Some(Owed::Syslog { .. } | Owed::Packed { .. }) => return,
                Some(&Owed::Open { txnr }) => {
                    let mut answer = b"200 OK\n".to_vec();
                    write_offers(&mut answer, &self.software, self.packed && self.offers.packed);
                    write_frame(self.output.end(), txnr, &Command::Rsp, &answer);
                }
                Some(&Owed::Damaged { txnr, damage }) => {
                    let text = format!("500 {damage}");
                    write_frame(self.output.end(), txnr, &Command::Rsp, text.as_bytes());
                }
                Some(&Owed::Unknown { txnr }) => {
                    write_frame(self.output.end(), txnr, &Command::Rsp, b"500 unknown command");
                }
                Some(&Owed::Close { txnr }) => {
                    write_frame(self.output.end(), txnr, &Command::Rsp, b"");
                    self.serverclose();
                    if self.state == State::Closing {
                        self.state = State::Closed;
                    }
                }
            }
            self.owed.pop_front();
            self.owed_commands -= 1;
        }
    }

    fn serverclose(&mut self) {
        if !self.said_serverclose {
            self.said_serverclose = true;
            write_frame(self.output.end(), 0, &Command::ServerClose, b"");
        }
    }
}

/// What follows the txnr in the everyday answer.
const ACK_TEXT: &[u8; 14] = b" rsp 6 200 OK\n";
/// Room for a txnr and that text, and a little more: a copy of this fixed length is two moves.
const ACK_ROOM: usize = 24;

/// Appends `TXNR rsp 6 200 OK` for `count` txnrs from `first` on; there is no wrap between them.
///
/// One answer is kept as text and its number counted up in place, as on an odometer. It is rewritten only
/// where the number grows by a digit.
fn write_acks(out: &mut Vec<u8>, first: u32, count: usize) {
    out.reserve(count.saturating_mul(ACK_ROOM));
    let mut number = u64::from(first);
    let mut left = count as u64;
    let mut text = Vec::with_capacity(ACK_ROOM);
    while left > 0 {
        text.clear();
        decimal::push(&mut text, number);
        let digits = text.len();
        text.extend_from_slice(ACK_TEXT);
        let mut line = [0u8; ACK_ROOM];
        line.iter_mut().zip(&text).for_each(|(slot, byte)| *slot = *byte);
        let spare = ACK_ROOM.saturating_sub(text.len());
        let now = left.min(10u64.pow(digits as u32).saturating_sub(number)).max(1);
        for _ in 0..now {
            out.extend_from_slice(&line);
            out.truncate(out.len() - spare);
            for slot in line.iter_mut().take(digits).rev() {
                if *slot != b'9' {
                    *slot += 1;
                    break;
                }
                *slot = b'0';
            }
        }
        number += now;
        left -= now;
    }
}

#[cfg(test)]
mod tests;
