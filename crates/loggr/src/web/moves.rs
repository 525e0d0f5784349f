//! How bytes move on a connection of the web address: when the last one did, whether its peer leaves unread
//! what is sent to it, and whether the rest of a request is still to come.
//!
//! Not how long that may go on (`serve.rs`), nor who gives way because of it (`crowd.rs`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A peer that takes less than this between two looks, while something waits for it, is slow.
const SLOW_BYTES: u64 = 4 << 10;

/// What has moved so far.
#[derive(Debug)]
pub struct Moves {
    begun: Instant,
    /// Microseconds from the beginning to the last byte, either way.
    last: AtomicU64,
    /// Bytes that the peer, or the system for it, has taken.
    sent: AtomicU64,
    /// Something is to be sent that nobody takes at the moment.
    is_stuck: AtomicBool,
    /// Somebody waits for more of the body of a request.
    is_awaited: AtomicBool,
}

impl Default for Moves {
    fn default() -> Moves {
        Moves {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            is_stuck: AtomicBool::new(false),
            is_awaited: AtomicBool::new(false),
        }
    }
}

impl Moves {
    /// How long no byte has moved.
    pub fn still(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_micros(self.last.load(Ordering::Relaxed)))
    }

    /// Is something to be sent that nobody takes at the moment?
    pub fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// Does somebody wait for more of the body of a request?
    pub fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Relaxed)
    }

    /// When the last byte moved, if somebody waits for more of the body of a request, and has for so long.
    pub fn awaited_since(&self, still: Duration) -> Option<Instant> {
        let has_stopped = self.is_awaited() && self.still() >= still;
        has_stopped.then(|| self.begun + Duration::from_micros(self.last.load(Ordering::Relaxed)))
    }

    fn awaits(&self, is_awaited: bool) {
        self.is_awaited.store(is_awaited, Ordering::Relaxed);
    }

    fn moved(&self) {
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(micros, Ordering::Relaxed);
    }
}

/// What was seen at the last look, to tell whether a peer is slow.
#[derive(Debug, Default)]
pub struct Look {
    sent: u64,
    was_stuck: bool,
}

impl Look {
    /// Has the peer taken next to nothing since the last look, while something waited for it?
    pub fn is_slow(&mut self, moves: &Moves) -> bool {
        let now = Look { sent: moves.sent.load(Ordering::Relaxed), was_stuck: moves.is_stuck() };
        let before = std::mem::replace(self, now);
        self.was_stuck && before.was_stuck && self.sent - before.sent < SLOW_BYTES
    }
}

/// A connection that tells how bytes move on it.
pub struct Moving<S> {
    /// What carries them.
    pub stream: S,
    /// Where it is told.
    pub moves: Arc<Moves>,
}

impl<S> Moving<S> {
    fn sent<T>(&self, polled: Poll<io::Result<T>>, bytes: impl FnOnce(&T) -> usize) -> Poll<io::Result<T>> {
        self.moves.is_stuck.store(polled.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(done)) = &polled
            && let bytes @ 1.. = bytes(done)
        {
            self.moves.sent.fetch_add(bytes as u64, Ordering::Relaxed);
            self.moves.moved();
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Moving<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = &polled {
            self.moves.moved();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Moving<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.sent(polled, |bytes| *bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.sent(polled, |bytes| *bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.sent(polled, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The body of a request, which tells while somebody waits for more of it.
pub struct Coming<B> {
    /// What comes.
    pub body: B,
    /// Where it is told.
    pub moves: Arc<Moves>,
}

impl<B: HttpBody + Unpin> HttpBody for Coming<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.moves.awaits(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Coming<B> {
    fn drop(&mut self) {
        self.moves.awaits(false);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_next_to_nothing_of_what_waits_for_them_is_slow() {
        let (ours, mut theirs) = tokio::io::duplex(8 << 10);
        let moves = Arc::new(Moves::default());
        let mut stream = Moving { stream: ours, moves: moves.clone() };
        let mut look = Look::default();
        let sending = tokio::spawn(async move { stream.write_all(&vec![b'x'; 64 << 10]).await });
        let settle = || async {
            while !moves.is_stuck() {
                tokio::task::yield_now().await
            }
        };
        settle().await;
        assert!(!look.is_slow(&moves), "it has just begun to wait");
        theirs.read_exact(&mut [0; 10]).await.unwrap();
        settle().await;
        assert!(look.is_slow(&moves));
        theirs.read_exact(&mut [0; 8 << 10]).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(moves.is_stuck() && !look.is_slow(&moves), "it takes what comes");
        theirs.read_exact(&mut vec![0; (56 << 10) - 10]).await.unwrap();
        sending.await.unwrap().unwrap();
        assert!(!moves.is_stuck() && !look.is_slow(&moves), "nothing waits");
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_a_byte_is_counted() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let moves = Arc::new(Moves::default());
        let mut stream = Moving { stream: ours, moves: moves.clone() };
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(moves.still(), Duration::from_secs(3));
        theirs.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0; 1]).await.unwrap();
        assert_eq!(moves.still(), Duration::ZERO);
    }
}
