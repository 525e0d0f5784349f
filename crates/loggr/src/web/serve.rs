//! HTTP connections: how many, how long a handshake and a head may take, how long nobody may say anything.
//!
//! Not what is answered. Who finds no place waits until one is free, which the time-outs see to: half a
//! request, a connection kept open for nothing, and an answer that nobody reads end by themselves.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use loggr_net::tls::Server;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::door::Peer;
use crate::process::gate::Gate;
use crate::process::told::Told;

/// A TLS handshake takes so long at most; it has a place like a connection.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// From one answer, or the beginning, to the end of the next request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection of the web address on which no byte moves for so long ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait before accepting again when the system has no descriptor or memory for it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where HTTP is served, and within which limits.
pub struct Door<L> {
    /// What it is called in the log.
    pub name: &'static str,
    /// Bound and listening.
    pub listener: L,
    /// Its places.
    pub gate: Gate,
    /// Strangers come here: on the control socket an answer may take its time.
    pub is_public: bool,
    /// What TLS is spoken with, if it is.
    pub tls: Option<Arc<Server>>,
}

/// Either kind of listening socket.
pub trait Listener {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next one, and from where it comes.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Option<IpAddr>)>> + Send;
}

impl Listener for TcpListener {
    type Io = tokio::net::TcpStream;
    async fn accept(&self) -> io::Result<(Self::Io, Option<IpAddr>)> {
        TcpListener::accept(self).await.map(|(stream, from)| (stream, Some(from.ip().to_canonical())))
    }
}

impl Listener for UnixListener {
    type Io = tokio::net::UnixStream;
    async fn accept(&self) -> io::Result<(Self::Io, Option<IpAddr>)> {
        UnixListener::accept(self).await.map(|(stream, _)| (stream, None))
    }
}

/// Serves until the stop, then waits for the requests that are being answered.
pub async fn serve<L: Listener>(door: Door<L>, app: Router, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut failing = false;
    // Half requests come and go in waves: each wave is no news.
    let crowded = Told::default();
    let address = door.name;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = door.listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let (stream, ip) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(address, %error, "cannot accept connections; trying again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        failing = false;
        let place = match door.gate.try_enter() {
            Some(place) => place,
            None => {
                if crowded.tell(address).is_some() {
                    let limit = door.gate.limit();
                    tracing::warn!(
                        address,
                        limit,
                        "no more connections are accepted for now, because all places are taken; new ones wait"
                    );
                }
                tokio::select! {
                    biased;
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                    place = door.gate.enter() => place,
                }
            }
        };
        let idle = door.is_public.then_some(IDLE_TIMEOUT);
        let (tls, app, stopped) = (door.tls.clone(), app.clone(), stopped.clone());
        let peer = Peer { ip, tls: tls.is_some() };
        connections.spawn(async move {
            match tls {
                None => connection(stream, peer, app, idle, stopped).await,
                Some(tls) => {
                    let tls = TlsAcceptor::from(tls.config());
                    if let Some(stream) = handshake(&tls, stream, stopped.clone()).await {
                        connection(stream, peer, app, idle, stopped).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(door);
    while connections.join_next().await.is_some() {}
}

/// The stream inside TLS. What can be wrong with a handshake is the peer's matter.
async fn handshake<S>(
    tls: &TlsAcceptor,
    stream: S,
    mut stopped: watch::Receiver<bool>,
) -> Option<tokio_rustls::server::TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => shaken.ok()?.ok(),
        _ = stopped.wait_for(|stopped| *stopped) => None,
    }
}

async fn connection<S>(
    stream: S,
    peer: Peer,
    app: Router,
    idle: Option<Duration>,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let moves = Arc::new(AtomicU64::new(0));
    let io = TokioIo::new(Moving { stream, moves: moves.clone() });
    let app = TowerToHyperService::new(app);
    let answer = service_fn(move |mut request: axum::http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        app.call(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(io, answer);
    let mut serving = std::pin::pin!(serving);
    let (mut stopping, mut seen) = (false, 0);
    loop {
        tokio::select! {
            // However it ended: what can be wrong with a connection is the peer's matter.
            ended = serving.as_mut() => return drop(ended),
            _ = stopped.wait_for(|stopped| *stopped), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(idle.unwrap_or(IDLE_TIMEOUT)) => {
                let now = moves.load(Ordering::Relaxed);
                if idle.is_some() && std::mem::replace(&mut seen, now) == now {
                    return;
                }
            }
        }
    }
}

/// A connection that counts how often bytes moved.
struct Moving<S> {
    stream: S,
    moves: Arc<AtomicU64>,
}

impl<S> Moving<S> {
    fn moved<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Ok(_)) = &polled {
            self.moves.fetch_add(1, Ordering::Relaxed);
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
        self.moved(polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Moving<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.moved(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const NOBODY: Peer = Peer { ip: None, tls: false };

    /// What comes back when this is sent and nothing more.
    async fn answer(sent: &str) -> String {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let app = Router::new().route("/", get(|| async { "hello" }));
        let (_stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(connection(ours, NOBODY, app, Some(IDLE_TIMEOUT), stopped));
        theirs.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).await.unwrap();
        serving.await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_request_ends_by_itself() {
        for half in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n"] {
            let answer = answer(half).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_kept_open_for_nothing_ends_by_itself() {
        let answer = answer("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_by_itself() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let app = Router::new().route("/", get(|| async { "x".repeat(100_000) }));
        let (_stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(connection(ours, NOBODY, app, Some(IDLE_TIMEOUT), stopped));
        theirs.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        serving.await.unwrap();
    }
}
