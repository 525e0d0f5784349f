//! Why a RELP session is dead.
//!
//! Not here: faults of the socket or the disk. After any of these errors the session takes nothing any more;
//! the caller answers what came before it and closes the connection, and the peer sends the rest again.

use std::fmt;

/// What kind of end it is, for whoever reacts differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Bytes that are no RELP frame: the peer speaks something else, or a frame was damaged.
    Frame,
    /// A frame that must not stand where it stands: a wrong txnr, `syslog` before `open`.
    Order,
    /// The two ends do not agree at `open`. A server has put the answer that says so in its output.
    Refused,
}

/// The end of a session, with what was seen and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    reason: Reason,
    offset: u64,
    seen: Box<[u8]>,
}

/// How many bytes of the offending frame an error shows.
const SEEN_BYTES: usize = 40;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Txnr,
    Command,
    DataLen,
    Trailer { len: u64 },
    WrongTxnr { expected: u32, found: u32 },
    BeforeOpen,
    AfterClose,
    HintedSyslog,
    Unasked,
    TooManyOwed { limit: usize },
    OffersTooLong { limit: usize },
    NoSyslog,
    Version { version: u32 },
    AnswerForm,
    UnknownAnswer { txnr: u32 },
    OpenRefused { code: u16 },
    AfterError,
}

impl Error {
    pub(super) fn new(reason: Reason, offset: u64, seen: &[u8]) -> Error {
        let seen = seen.get(..SEEN_BYTES).unwrap_or(seen).into();
        Error { reason, offset, seen }
    }

    #[cfg(test)]
    pub(super) fn into_reason(self) -> Reason {
        self.reason
    }

    /// What kind of end it is.
    pub fn kind(&self) -> ErrorKind {
        match self.reason {
            Reason::Txnr | Reason::Command | Reason::DataLen | Reason::Trailer { .. } => ErrorKind::Frame,
            Reason::NoSyslog | Reason::Version { .. } | Reason::OpenRefused { .. } => ErrorKind::Refused,
            _ => ErrorKind::Order,
        }
    }

    /// Where in the stream the offending frame begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The first bytes of what was seen there, as they came: hostile, escape before showing
    /// (`Display` does).
    pub fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// What the peer seems to speak instead, when its first bytes show it.
    pub fn hint(&self) -> Option<&'static str> {
        if self.offset != 0 || self.kind() != ErrorKind::Frame {
            return None;
        }
        let octets = self.seen.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let counted = octets > 0 && self.seen.get(octets..).is_some_and(|rest| rest.starts_with(b" <"));
        match self.seen.first()? {
            _ if counted => Some(PLAIN),
            0x16 => Some("the peer seems to speak TLS"),
            b'<' => Some(PLAIN),
            b'A'..=b'Z' => Some("the peer seems to speak another protocol, HTTP perhaps"),
            _ => None,
        }
    }
}

/// What is said of plain syslog (RFC 6587), in either framing.
const PLAIN: &str = "the peer seems to send plain syslog without RELP: send it to a listener with `protocol = \"tcp\"`, \
                     or switch RELP on at the sender";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Txnr => write!(f, "no RELP frame: expected a txnr of 1 to 9 digits and a space")?,
            Reason::Command => write!(f, "no RELP frame: expected a command of 1 to 32 letters and a space")?,
            Reason::DataLen => write!(
                f,
                "no RELP frame: expected a datalen of 1 to 9 digits, then a space and data, or a line feed after 0"
            )?,
            Reason::Trailer { len } => {
                write!(f, "no RELP frame: expected a line feed after {len} octets of data")?
            }
            Reason::WrongTxnr { expected, found } => write!(f, "expected txnr {expected}, found {found}")?,
            Reason::BeforeOpen => write!(f, "expected `open` as the first command")?,
            Reason::AfterClose => write!(f, "a frame after `close`")?,
            Reason::HintedSyslog => write!(f, "`syslog` with txnr 0 can never be answered")?,
            Reason::Unasked => write!(f, "a command that this end does not take")?,
            Reason::TooManyOwed { limit } => {
                write!(f, "more than {limit} commands between `syslog` frames that wait for their answers")?
            }
            Reason::OffersTooLong { limit } => write!(f, "offers of more than {limit} octets")?,
            Reason::NoSyslog => write!(f, "the peer's offers do not contain `commands=syslog`")?,
            Reason::Version { version } => write!(f, "the peer insists on RELP version {version}, not 0")?,
            Reason::AnswerForm => write!(f, "expected an answer of three digits and a space")?,
            Reason::UnknownAnswer { txnr } => {
                write!(f, "an answer to txnr {txnr}, which does not wait for one")?
            }
            Reason::OpenRefused { code } => write!(f, "the peer refused the session with code {code}")?,
            Reason::AfterError => write!(f, "bytes after the end of a failed session")?,
        }
        write!(f, ", in `{}` at octet {}", self.seen.escape_ascii(), self.offset)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reason: Reason, offset: u64, seen: &[u8], text: &str, hint: Option<&str>) {
        let error = Error::new(reason, offset, seen);
        assert_eq!(error.to_string(), text);
        assert_eq!(error.hint(), hint);
    }

    #[test]
    fn an_error_says_what_was_seen_and_where() {
        check(
            Reason::Txnr,
            0,
            b"GET / HTTP/1.1\r\n",
            "no RELP frame: expected a txnr of 1 to 9 digits and a space, in `GET / HTTP/1.1\\r\\n` at octet 0",
            Some("the peer seems to speak another protocol, HTTP perhaps"),
        );
        for plain in ["<13>1 - - - - - - hello", "24 <13>1 - - - - - - hello"] {
            assert_eq!(Error::new(Reason::Txnr, 0, plain.as_bytes()).hint(), Some(PLAIN), "{plain}");
        }
        check(
            Reason::WrongTxnr { expected: 3, found: 5 },
            40,
            b"5 syslog 1 a\n",
            "expected txnr 3, found 5, in `5 syslog 1 a\\n` at octet 40",
            None,
        );
    }

    #[test]
    fn what_is_shown_is_bounded_and_escaped() {
        let error = Error::new(Reason::Txnr, 0, &[0x1b; 500]);
        assert_eq!(error.seen().len(), SEEN_BYTES);
        assert!(error.to_string().is_ascii() && !error.to_string().contains('\x1b'));
    }
}
