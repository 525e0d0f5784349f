//! A connection, as the protocols that are spoken on it get it. Not how it was accepted, and nothing of
//! what is spoken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use loggr_event::Origin;
use loggr_flow::{Delivery, Stop};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;

use super::clients::Client;
use super::intake::Intake;
use super::tls::Encrypted;

/// Deliveries that one connection may have in flight. Reading goes on while the bus
/// syncs; more would only hold more memory.
pub(super) const CONNECTION_WINDOW: usize = 4;

/// Smallest and largest read, in bytes: a quiet connection stays small, a busy one makes large batches.
const MIN_READ_BYTES: usize = 16 << 10;
const MAX_READ_BYTES: usize = 256 << 10;
/// Bytes of a connection with TLS that may be read from its socket and not by its session.
const MAX_DECRYPTED_BYTES: u64 = 256 << 10;

/// What a session has.
pub(super) struct Connection<'s> {
    pub(super) stream: Stream,
    pub(super) buffer: ReadBuffer,
    /// The origin of what comes over it.
    pub(super) origin: Arc<Origin>,
    /// Notes what moves; asks the session to leave.
    pub(super) client: &'s Client,
    pub(super) intake: &'s Intake,
    /// Where batches go.
    pub(super) deliveries: mpsc::Sender<Delivery>,
    /// Silent for so long it is closed; `None` is never.
    pub(super) idle_timeout: Option<Duration>,
    pub(super) stop: Stop,
}

/// A read buffer that follows the traffic.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    pub(super) bytes: Vec<u8>,
    /// So much may be read and not yet be durable.
    pub(super) window_bytes: usize,
    max: usize,
}

impl ReadBuffer {
    /// So that all the deliveries in flight hold no more than `window_bytes`.
    pub(super) fn within(window_bytes: usize) -> ReadBuffer {
        let max = (window_bytes / CONNECTION_WINDOW).clamp(MIN_READ_BYTES, MAX_READ_BYTES);
        ReadBuffer { bytes: vec![0; MIN_READ_BYTES], window_bytes, max }
    }

    /// After a read of `n` bytes.
    pub(super) fn adapt(&mut self, n: usize) {
        let len = self.bytes.len();
        if n == len && len < self.max {
            self.bytes.resize((len * 2).min(self.max), 0);
        } else if n < len / 8 && len > MIN_READ_BYTES {
            self.bytes.truncate((len / 2).max(MIN_READ_BYTES));
            self.bytes.shrink_to_fit();
        }
    }
}

/// Each kind of connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<Encrypted>),
    Unix(UnixStream),
}

impl Stream {
    /// Whether nobody on the way can read it.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    /// Bytes that have come and were not read, at most.
    pub(super) fn waiting(&self) -> usize {
        let waiting = match self {
            // What is decrypted, or about to be, is here already.
            Stream::Tls(s) => {
                let (buffered, _) = s.get_ref();
                rustix::io::ioctl_fionread(buffered.get_ref()).map(|n| n + MAX_DECRYPTED_BYTES)
            }
            Stream::Tcp(s) => rustix::io::ioctl_fionread(s),
            Stream::Unix(s) => rustix::io::ioctl_fionread(s),
        };
        waiting.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(s) => Pin::new(s).poll_read(cx, buf),
            // The library gives one record at a time: what else has come is taken with it.
            Stream::Tls(s) => {
                let before = buf.filled().len();
                while buf.remaining() > 0 {
                    let filled = buf.filled().len();
                    match Pin::new(s.as_mut()).poll_read(cx, buf) {
                        Poll::Ready(Ok(())) if buf.filled().len() > filled => {}
                        // The end, or an error: both come again when what was read is used.
                        _ if filled > before => break,
                        end => return end,
                    }
                }
                Poll::Ready(Ok(()))
            }
            // A read ends where descriptors were sent along, so a short one does not mean that nothing
            // more is there. Until the kernel says so it is asked again.
            Stream::Unix(s) => loop {
                ready!(s.poll_read_ready(cx))?;
                match s.try_read(buf.initialize_unfilled()) {
                    Ok(n) => {
                        buf.advance(n);
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            },
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Tls(s) => Pin::new(s.as_mut()).poll_write(cx, buf),
            Stream::Unix(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(s) => Pin::new(s).poll_flush(cx),
            Stream::Tls(s) => Pin::new(s.as_mut()).poll_flush(cx),
            Stream::Unix(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Tls(s) => Pin::new(s.as_mut()).poll_shutdown(cx),
            Stream::Unix(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

/// Do these first bytes of a connection begin a handshake of TLS (RFC 8446, section 5.1)?
pub(super) fn is_handshake(bytes: &[u8]) -> bool {
    matches!(bytes, [0x16, 3, 0..=4, ..])
}

/// What is said of who speaks TLS where it is not spoken.
pub(super) const SPEAKS_TLS: &str =
    "the peer speaks TLS and this listener does not: give it `tls`, or switch TLS off at the sender";

/// Do these first bytes of a connection begin a session of RELP, `TXNR open DATALEN OFFERS`?
pub(super) fn is_relp(bytes: &[u8]) -> bool {
    let mut words = bytes.splitn(4, |byte| *byte == b' ');
    let is_number = |word: &[u8]| (1..=9).contains(&word.len()) && word.iter().all(u8::is_ascii_digit);
    words.next().is_some_and(is_number)
        && words.next() == Some(b"open")
        && words.next().is_some_and(is_number)
        && words.next().is_some()
}

/// What is said of who speaks RELP where it is not spoken.
pub(super) const SPEAKS_RELP: &str = "the peer speaks RELP and this listener does not: send to one with `protocol = \"relp\"`, or switch RELP off \
     at the sender";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_is_known_by_its_first_bytes() {
        let check = |bytes: &[u8], relp, tls| assert_eq!((is_relp(bytes), is_handshake(bytes)), (relp, tls));
        check(b"1 open 85 relp_version=0\nrelp_software=x", true, false);
        check(b"1 open 85 ", true, false);
        check(b"1 open sesame, he said", false, false);
        check(b"1 open", false, false);
        check(b"85 <13>1 open 85 x", false, false);
        check(b"<13>1 open 85 x", false, false);
        check(b"1234567890 open 85 x", false, false);
        check(&[0x16, 3, 1, 2, 0], false, true);
        check(b"", false, false);
    }
}
