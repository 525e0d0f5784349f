//! One RELP frame: reading it from a stream, writing it.
//!
//! Not here: which frame may follow which. Invariant: a frame that lies whole in the input is given as a
//! slice of it; of an unfinished one at most a header and the session's data limit are held.

use super::error::{Error, Reason};
use super::packed::PACKED_COMMAND;
use crate::{decimal, framing::KEEP_BUFFER_BYTES};
use std::cell::Cell;
use std::fmt;

/// The most digits of a txnr and of a datalen.
pub const MAX_NUMBER_DIGITS: usize = 9;
/// The most letters of a command.
pub const MAX_COMMAND_LETTERS: usize = 32;
/// The last txnr; 1 comes after it.
pub const MAX_TXNR: u32 = 999_999_999;
/// How much data of one frame is kept when nobody says otherwise; librelp's own limit for a frame.
pub const DEFAULT_DATA_BYTES: usize = 128 * 1024;
/// The largest data limit that can be asked for.
pub const MAX_DATA_BYTES: usize = 8 * 1024 * 1024;

/// The txnr that follows.
#[inline]
pub fn next_txnr(txnr: u32) -> u32 {
    if txnr >= MAX_TXNR { 1 } else { txnr + 1 }
}

/// A frame's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begins a session and carries the offers.
    Open,
    /// Carries one message.
    Syslog,
    /// Carries many messages, compressed.
    Packed,
    /// Ends a session.
    Close,
    /// Answers a command.
    Rsp,
    /// The server's hint that it is about to close.
    ServerClose,
    /// Any other letters.
    Other(Name),
}

/// The letters of a command that has no meaning here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    letters: [u8; MAX_COMMAND_LETTERS],
    len: u8,
}

impl Name {
    /// The letters.
    pub fn as_str(&self) -> &str {
        let letters = self.letters.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(letters).unwrap_or_default()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Command {
    /// The command as it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Command::Open => "open",
            Command::Syslog => "syslog",
            Command::Packed => PACKED_COMMAND,
            Command::Close => "close",
            Command::Rsp => "rsp",
            Command::ServerClose => "serverclose",
            Command::Other(name) => name.as_str(),
        }
    }

    /// Reads 1 to 32 ASCII letters.
    #[inline]
    pub fn from_letters(letters: &[u8]) -> Option<Command> {
        match letters {
            b"syslog" => return Some(Command::Syslog),
            b"rsp" => return Some(Command::Rsp),
            b"open" => return Some(Command::Open),
            b"close" => return Some(Command::Close),
            b"serverclose" => return Some(Command::ServerClose),
            _ if letters == PACKED_COMMAND.as_bytes() => return Some(Command::Packed),
            _ => {}
        }
        if letters.is_empty() || !letters.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let mut name = Name { letters: [0; MAX_COMMAND_LETTERS], len: letters.len() as u8 };
        name.letters.get_mut(..letters.len())?.copy_from_slice(letters);
        Some(Command::Other(name))
    }
}

/// One frame of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The transaction number, 0 for a hint.
    pub txnr: u32,
    /// The command.
    pub command: Command,
    /// The data, as much of it as the limit keeps.
    pub data: &'a [u8],
    /// The datalen, when that is more than what was kept.
    pub original_len: Option<u64>,
    /// Where in the stream the frame begins.
    pub offset: u64,
}

impl Frame<'_> {
    /// The error that this frame is, where it stands.
    pub(super) fn error(&self, reason: Reason) -> Error {
        let mut seen = Vec::with_capacity(64);
        write_frame(&mut seen, self.txnr, &self.command, self.data.get(..32).unwrap_or(self.data));
        Error::new(reason, self.offset, &seen)
    }
}

/// Appends a frame. Data beyond 999,999,999 octets has no form in RELP and is cut there.
pub fn write_frame(out: &mut Vec<u8>, txnr: u32, command: &Command, data: &[u8]) {
    let data = data.get(..MAX_TXNR as usize).unwrap_or(data);
    let command = command.as_str().as_bytes();
    out.reserve(data.len() + command.len() + 2 * MAX_NUMBER_DIGITS + 4);
    decimal::push(out, u64::from(txnr));
    out.push(b' ');
    out.extend_from_slice(command);
    out.push(b' ');
    decimal::push(out, data.len() as u64);
    if !data.is_empty() {
        out.push(b' ');
        out.extend_from_slice(data);
    }
    out.push(b'\n');
}

/// Cuts one stream into RELP frames.
#[derive(Debug)]
pub struct Reader {
    max_data: usize,
    /// The same for a compressed frame.
    max_packed: usize,
    /// The header under way, or the data under way as far as it is kept.
    tail: Vec<u8>,
    /// Set while the frame under way is past its header: that header, and how much data has come.
    body: Option<(Head, u64)>,
    /// Stream offset of the frame under way.
    offset: u64,
    /// Stream offset of what comes next.
    position: u64,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    txnr: u32,
    command: Command,
    len: u32,
}

enum Parsed {
    /// A header of so many bytes, the space before the data included.
    Head(Head, usize),
    /// Fine so far.
    More,
}

impl Reader {
    /// A reader at the beginning of a stream. `max_data` is brought into 1 ..= [`MAX_DATA_BYTES`].
    pub fn new(max_data: usize) -> Reader {
        let max_data = max_data.clamp(1, MAX_DATA_BYTES);
        Reader { max_data, max_packed: max_data, tail: Vec::new(), body: None, offset: 0, position: 0 }
    }

    /// The same, which keeps so much of a compressed frame.
    pub fn with_packed(self, max_packed: usize) -> Reader {
        Reader { max_packed: max_packed.clamp(1, MAX_DATA_BYTES), ..self }
    }

    /// How much data of a frame is kept.
    #[inline]
    fn limit(&self, command: Command) -> usize {
        if command == Command::Packed { self.max_packed } else { self.max_data }
    }

    /// How many bytes have come.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes of an unfinished frame are held.
    pub fn buffered(&self) -> usize {
        self.tail.len()
    }

    /// True when the stream stands between two frames.
    pub fn is_between(&self) -> bool {
        self.tail.is_empty() && self.body.is_none()
    }

    /// Calls `sink` for every frame that `input` completes, in order, until it or the stream fails.
    /// After an error there is no way to find the next frame: do not feed the reader again.
    pub fn feed(
        &mut self,
        input: &[u8],
        sink: impl FnMut(Frame<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.feed_until(input, &Cell::new(false), sink).map(drop)
    }

    /// The same, until somebody sets `enough`; gives how much of `input` was used.
    pub(super) fn feed_until(
        &mut self,
        input: &[u8],
        enough: &Cell<bool>,
        mut sink: impl FnMut(Frame<'_>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let base = self.position;
        let mut rest = input;
        while !rest.is_empty() && !enough.get() {
            rest = match self.body {
                None if self.tail.is_empty() => {
                    self.offset = base + (input.len() - rest.len()) as u64;
                    self.begin(rest, &mut sink)?
                }
                None => self.continue_head(rest)?,
                Some((head, seen)) => self.continue_body(rest, head, seen, &mut sink)?,
            };
            self.position = base + (input.len() - rest.len()) as u64;
        }
        Ok(input.len() - rest.len())
    }

    /// A frame begins in `rest`. The hot path.
    #[inline]
    fn begin<'a>(
        &mut self,
        rest: &'a [u8],
        sink: &mut impl FnMut(Frame<'_>) -> Result<(), Error>,
    ) -> Result<&'a [u8], Error> {
        let (head, used) = match parse_head(rest) {
            Ok(Parsed::Head(head, used)) => (head, used),
            Ok(Parsed::More) => {
                self.tail.extend_from_slice(rest);
                return Ok(&[]);
            }
            Err(reason) => return Err(Error::new(reason, self.offset, rest)),
        };
        let body = rest.get(used..).unwrap_or_default();
        let Some((data, after)) = body.split_at_checked(head.len as usize) else {
            self.body = Some((head, 0));
            return Ok(body);
        };
        match after.split_first() {
            Some((b'\n', after)) => {
                let data = data.get(..self.limit(head.command)).unwrap_or(data);
                sink(frame(head, data, self.offset))?;
                Ok(after)
            }
            Some(_) => Err(Error::new(Reason::Trailer { len: u64::from(head.len) }, self.offset, rest)),
            None => {
                self.body = Some((head, 0));
                Ok(body)
            }
        }
    }

    /// `tail` is the beginning of a header: looks at one byte more.
    fn continue_head<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], Error> {
        let Some((&next, after)) = rest.split_first() else { return Ok(rest) };
        self.tail.push(next);
        match parse_head(&self.tail) {
            Ok(Parsed::Head(head, used)) => {
                // The line feed of a frame without data decides it, but belongs to the trailer.
                let took_next = used == self.tail.len();
                self.tail.clear();
                self.body = Some((head, 0));
                Ok(if took_next { after } else { rest })
            }
            Ok(Parsed::More) => Ok(after),
            Err(reason) => Err(Error::new(reason, self.offset, &self.tail)),
        }
    }

    /// `seen` octets of data have come; when that is all, the trailer is next.
    fn continue_body<'a>(
        &mut self,
        rest: &'a [u8],
        head: Head,
        seen: u64,
        sink: &mut impl FnMut(Frame<'_>) -> Result<(), Error>,
    ) -> Result<&'a [u8], Error> {
        let wanted = (u64::from(head.len) - seen) as usize;
        let (part, after) = rest.split_at_checked(wanted).unwrap_or((rest, &[]));
        let room = self.limit(head.command).saturating_sub(self.tail.len());
        self.tail.extend_from_slice(part.get(..room).unwrap_or(part));
        match after.split_first() {
            None => {
                self.body = Some((head, seen + part.len() as u64));
                Ok(&[])
            }
            Some((b'\n', after)) => {
                self.body = None;
                let result = sink(frame(head, &self.tail, self.offset));
                self.tail.clear();
                self.tail.shrink_to(KEEP_BUFFER_BYTES);
                result.map(|()| after)
            }
            Some(_) => {
                let shown = frame(head, &self.tail, self.offset);
                Err(shown.error(Reason::Trailer { len: u64::from(head.len) }))
            }
        }
    }
}

#[inline]
fn frame(head: Head, data: &[u8], offset: u64) -> Frame<'_> {
    let original_len = (head.len as usize > data.len()).then_some(u64::from(head.len));
    Frame { txnr: head.txnr, command: head.command, data, original_len, offset }
}

/// Reads `TXNR SP COMMAND SP DATALEN` and what decides its end: the space before the data (part of the
/// header) or the line feed of a frame without data (not part of it).
#[inline]
fn parse_head(bytes: &[u8]) -> Result<Parsed, Reason> {
    let (txnr, digits) = decimal::leading(bytes, MAX_NUMBER_DIGITS);
    match bytes.get(digits) {
        None => return Ok(Parsed::More),
        Some(b' ') if digits > 0 => {}
        Some(_) => return Err(Reason::Txnr),
    }
    let start = digits + 1;
    let rest = bytes.get(start..).unwrap_or_default();
    let (command, letters) = match rest {
        [b's', b'y', b's', b'l', b'o', b'g', b' ', ..] => (Command::Syslog, 6),
        [b'r', b's', b'p', b' ', ..] => (Command::Rsp, 3),
        _ => match parse_command(rest)? {
            Some(found) => found,
            None => return Ok(Parsed::More),
        },
    };
    let start = start + letters + 1;
    let rest = bytes.get(start..).unwrap_or_default();
    let (len, digits) = decimal::leading(rest, MAX_NUMBER_DIGITS);
    let used = match (rest.get(digits), digits, len) {
        (None, _, _) => return Ok(Parsed::More),
        (Some(b'\n'), 1.., 0) => start + digits,
        (Some(b' '), 1.., 1..) => start + digits + 1,
        _ => return Err(Reason::DataLen),
    };
    Ok(Parsed::Head(Head { txnr, command, len }, used))
}

/// Reads a command and the space behind it: the command and its length, or nothing yet.
fn parse_command(bytes: &[u8]) -> Result<Option<(Command, usize)>, Reason> {
    let window = bytes.get(..=MAX_COMMAND_LETTERS).unwrap_or(bytes);
    let letters = window.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    match window.get(letters) {
        None if letters <= MAX_COMMAND_LETTERS => return Ok(None),
        Some(b' ') => {}
        _ => return Err(Reason::Command),
    }
    let command = window.get(..letters).and_then(Command::from_letters).ok_or(Reason::Command)?;
    Ok(Some((command, letters)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 12;

    /// Frames as `TXNR COMMAND DATA`, with `~LEN` when data was cut; then what ended the stream, if anything.
    fn run<'a>(reads: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<(Reason, u64)>) {
        let mut reader = Reader::new(LIMIT);
        let mut frames = Vec::new();
        for read in reads {
            let result = reader.feed(read, |frame| {
                assert!(frame.data.len() <= LIMIT);
                let data = frame.data.escape_ascii();
                let cut = frame.original_len.map(|len| format!("~{len}")).unwrap_or_default();
                frames.push(format!(
                    "{} {} {data}{cut} @{}",
                    frame.txnr,
                    frame.command.as_str(),
                    frame.offset
                ));
                Ok(())
            });
            if let Err(error) = result {
                let offset = error.offset();
                return (frames, Some((error.into_reason(), offset)));
            }
            assert!(reader.buffered() <= LIMIT.max(53));
        }
        if !reader.is_between() {
            frames.push("…".to_owned());
        }
        (frames, None)
    }

    #[track_caller]
    fn check_end(input: &[u8], frames: &[&str], end: Option<(Reason, u64)>) {
        let whole = run(std::iter::once(input));
        assert_eq!((&whole.0, &whole.1), (&frames.iter().map(|f| (*f).to_owned()).collect(), &end));
        for size in 1..input.len() {
            assert_eq!(run(input.chunks(size)), whole, "in reads of {size}");
        }
    }

    #[track_caller]
    fn check(input: &str, frames: &[&str]) {
        check_end(input.as_bytes(), frames, None);
    }

    #[track_caller]
    fn check_bad(input: &str, reason: Reason) {
        check_end(input.as_bytes(), &[], Some((reason, 0)));
    }

    #[test]
    fn frames_are_read() {
        check("", &[]);
        check("1 open 5 a=b\nc\n", &["1 open a=b\\nc @0"]);
        check("7 close 0\n", &["7 close  @0"]);
        check(
            "2 syslog 1 a\n3 syslog 0\n4 syslog 3 \n\0\n\n",
            &["2 syslog a @0", "3 syslog  @13", "4 syslog \\n\\x00\\n @24"],
        );
        check("0 serverclose 0\n", &["0 serverclose  @0"]);
        check("999999999 rsp 6 200 OK\n", &["999999999 rsp 200 OK @0"]);
        check("007 SysLog 01 a\n", &["7 SysLog a @0"]);
        check("1 syslog 000000000\n", &["1 syslog  @0"]);
        check(&format!("1 {} 0\n", "x".repeat(32)), &[&format!("1 {}  @0", "x".repeat(32))]);
    }

    #[test]
    fn an_unfinished_frame_is_held() {
        for input in [
            "1",
            "1 ",
            "1 s",
            "1 syslog ",
            "1 syslog 5",
            "1 syslog 5 ",
            "1 syslog 5 hell",
            "1 syslog 5 hello",
            "1 syslog 0",
        ] {
            check(input, &["…"]);
        }
    }

    #[test]
    fn data_beyond_the_limit_is_cut_and_counted() {
        check("1 syslog 12 0123456789ab\n", &["1 syslog 0123456789ab @0"]);
        check(
            "1 syslog 13 0123456789abc\n2 syslog 1 a\n",
            &["1 syslog 0123456789ab~13 @0", "2 syslog a @26"],
        );
        check("1 syslog 999999999 0123456789abcdef", &["…"]);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        check_bad("\n", Reason::Txnr);
        check_bad(" 1 syslog 0\n", Reason::Txnr);
        check_bad("x", Reason::Txnr);
        check_bad("-1 syslog 0\n", Reason::Txnr);
        check_bad("1234567890 syslog 0\n", Reason::Txnr);
        check_bad("1  syslog 0\n", Reason::Command);
        check_bad("1 sys1og 0\n", Reason::Command);
        check_bad("1 sys-log 0\n", Reason::Command);
        check_bad("1 syslog\n", Reason::Command);
        check_bad(&format!("1 {}", "x".repeat(33)), Reason::Command);
        check_bad("1 syslog x", Reason::DataLen);
        check_bad("1 syslog  1 a\n", Reason::DataLen);
        check_bad("1 syslog -1 a\n", Reason::DataLen);
        check_bad("1 syslog 1234567890 a\n", Reason::DataLen);
        check_bad("1 syslog \n", Reason::DataLen);
        check_bad("1 syslog 5\n", Reason::DataLen);
        check_bad("7 close 0 \n", Reason::DataLen);
        check_bad("1 syslog 5 hello2 syslog", Reason::Trailer { len: 5 });
        check_bad("1 syslog 5 hello\r\n", Reason::Trailer { len: 5 });
        check_end(
            b"1 syslog 1 a\n2 syslog 1 ab\n",
            &["1 syslog a @0"],
            Some((Reason::Trailer { len: 1 }, 13)),
        );
    }

    #[test]
    fn frames_are_written_without_leading_zeros() {
        let check = |txnr, command: &[u8], data: &[u8], expect: &str| {
            let mut out = Vec::new();
            write_frame(&mut out, txnr, &Command::from_letters(command).expect("letters"), data);
            assert_eq!(out, expect.as_bytes());
        };
        check(1, b"open", b"a\nb", "1 open 3 a\nb\n");
        check(7, b"close", b"", "7 close 0\n");
        check(0, b"serverclose", b"", "0 serverclose 0\n");
        check(999_999_999, b"rsp", b"200 OK", "999999999 rsp 6 200 OK\n");
        check(10, b"Whatever", b"x", "10 Whatever 1 x\n");
    }

    #[test]
    fn commands_are_letters() {
        assert_eq!(Command::from_letters(b""), None);
        assert_eq!(Command::from_letters(b"a1"), None);
        assert_eq!(Command::from_letters("é".as_bytes()), None);
        assert_eq!(Command::from_letters(&[b'x'; 33]), None);
        assert_eq!(Command::from_letters(b"syslog"), Some(Command::Syslog));
    }

    #[test]
    fn txnrs_wrap_to_one() {
        assert_eq!([next_txnr(1), next_txnr(999_999_998), next_txnr(999_999_999)], [2, 999_999_999, 1]);
    }

    #[test]
    fn whole_frames_are_slices_of_the_input() {
        let input = b"1 syslog 1 a\n2 syslog 20 01234567890123456789\n3 syslog 1";
        let range = input.as_ptr_range();
        let check = |frame: Frame<'_>| {
            assert!(range.contains(&frame.data.as_ptr()));
            Ok(())
        };
        Reader::new(LIMIT).feed(input, check).expect("frames");
    }

    #[test]
    fn a_claimed_length_reserves_nothing() {
        let mut reader = Reader::new(MAX_DATA_BYTES);
        reader.feed(b"1 syslog 999999999 a", |_| Ok(())).expect("a frame so far");
        assert!(reader.tail.capacity() < 1024);
    }

    /// Streams of frames, some of them damaged.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let data = || prop::collection::vec(any::<u8>(), 0..20);
        let piece = prop_oneof![
            8 => (0u32..=MAX_TXNR, "[a-z]{1,32}", data()).prop_map(|(txnr, command, data)| {
                let mut out = Vec::new();
                write_frame(&mut out, txnr, &Command::from_letters(command.as_bytes()).expect("letters"), &data);
                out
            }),
            1 => data(),
            1 => prop::sample::select(vec!["\n", " ", "1 ", "1 syslog ", "0", "syslog"]).prop_map(|s| s.as_bytes().to_vec()),
        ];
        prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn any_cutting_gives_the_same_frames(stream in stream(), at: prop::sample::Index, size in 1usize..30) {
            let whole = run(std::iter::once(&stream[..]));
            let (front, back) = stream.split_at(at.index(stream.len() + 1));
            prop_assert_eq!(&run([front, back].into_iter()), &whole);
            prop_assert_eq!(&run(stream.chunks(size)), &whole);
            prop_assert_eq!(&run(stream.chunks(1)), &whole);
        }

        #[test]
        fn what_is_written_is_read(txnr in 0..=MAX_TXNR, command in "[a-zA-Z]{1,32}", data in prop::collection::vec(any::<u8>(), 0..LIMIT)) {
            let command = Command::from_letters(command.as_bytes()).expect("letters");
            let mut out = Vec::new();
            write_frame(&mut out, txnr, &command, &data);
            let expect = Frame { txnr, command, data: &data, original_len: None, offset: 0 };
            let mut seen = 0;
            Reader::new(LIMIT).feed(&out, |frame| { assert_eq!(frame, expect); seen += 1; Ok(()) }).expect("a frame");
            prop_assert_eq!(seen, 1);
        }
    }
}
