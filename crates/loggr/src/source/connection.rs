//! Accepting connections: limits, network rules, one task per connection, draining.
//!
//! Who finds no place waits for one; those who have been silent for long make room. Knows neither RELP nor
//! framing; the two session files do.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use loggr_bus::Publisher;
use loggr_event::{Origin, UidGenerator};
use loggr_flow::{ChannelSource, Delivery, PumpObserver, Stop, channel_source, pump};
use loggr_wire::framing::Mode;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::GetStruct;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::clients::Client;
use super::{CONNECTION_WINDOW, ListenerStats, NoRescue, relp, stream};
use crate::process::gate::{Gate, Place};

/// How long to wait before accepting again when the system has no descriptor or memory for it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often somebody who waits looks whether one is there who has been silent for long.
const ROOM_CHECK: Duration = Duration::from_millis(500);
/// What a listener says while connections wait.
pub const NO_PLACE: &str = "no place for another connection: `max_connections`, or what the system allows, is reached; new ones wait";

/// What is spoken on a listener's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// RELP: every line is acknowledged.
    Relp,
    /// Framed syslog (RFC 6587).
    Lines(Mode),
}

/// Everything a listener's connections share.
pub struct Accepting {
    /// What is spoken.
    pub kind: StreamKind,
    /// What all its lines have in common; each peer adds its own name.
    pub origin: Origin,
    /// Longest line kept whole, in bytes.
    pub max_message_size: usize,
    /// Places for its connections; further ones wait.
    pub gate: Gate,
    /// Bytes of one connection that may wait to become durable.
    pub window_bytes: usize,
    /// A connection silent for so long is closed; `None` is never.
    pub idle_timeout: Option<Duration>,
    /// May this address connect?
    pub allowed: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// May this address bring loggr's own tags, fields and uids?
    pub trusted: Box<dyn Fn(Option<IpAddr>) -> bool + Send + Sync>,
    /// Where the lines go.
    pub publisher: Publisher,
    /// Gives uids.
    pub uids: Arc<UidGenerator>,
    /// Counters.
    pub stats: Arc<ListenerStats>,
}

impl std::fmt::Debug for Accepting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepting").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Accepting {
    /// The origin of one peer's lines.
    pub(super) fn origin_of(&self, peer: Option<SocketAddr>) -> Origin {
        let peer = peer.map(|p| SocketAddr::new(p.ip().to_canonical(), p.port()));
        Origin {
            peer: peer.map_or_else(|| self.origin.peer.clone(), |p| p.to_string()),
            trusted: (self.trusted)(peer.map(|p| p.ip())),
            ..self.origin.clone()
        }
    }

    /// The name of one peer among the senders: without its port.
    pub(super) fn sender_of(&self, peer: Option<SocketAddr>) -> String {
        peer.map_or_else(|| self.origin.peer.clone(), |peer| peer.ip().to_canonical().to_string())
    }

    /// Counts what came from an address that is not allowed, and says so once in a while for each.
    pub(super) fn refuse(&self, what: &'static str, peer: &dyn std::fmt::Display, sender: &str) {
        self.stats.refused.add(1);
        if let Some(unsaid) = self.stats.told_refused.tell(sender) {
            let (listener, unsaid) = (self.stats.name(), (unsaid > 0).then_some(unsaid));
            tracing::warn!(listener, %peer, unsaid, "refused a {what}: the address is not allowed");
        }
    }

    /// Watches a pump that publishes what was read.
    pub fn observer(&self) -> impl PumpObserver + 'static + use<> {
        self.stats.progress.observer()
    }

    /// Largest read, so that a window of deliveries stays within its bytes.
    pub(super) fn max_read(&self) -> usize {
        (self.window_bytes / CONNECTION_WINDOW).clamp(super::MIN_READ_BYTES, super::MAX_READ_BYTES)
    }
}

/// Either kind of listening socket.
#[derive(Debug)]
pub enum Listening {
    /// TCP.
    Tcp(TcpListener),
    /// A unix stream socket.
    Unix(UnixListener),
}

impl Listening {
    async fn accept(&self) -> std::io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Listening::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Some(peer)))
            }
            Listening::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }

    /// Connections that wait in the kernel, where it tells.
    fn backlog(&self) -> usize {
        let Listening::Tcp(listener) = self else { return 0 };
        // Of a socket that listens this is the number of connections to accept.
        let waiting = getsockopt(listener, TcpInfo).map_or(0, |info| info.tcpi_unacked);
        usize::try_from(waiting).unwrap_or(usize::MAX)
    }
}

/// What the kernel tells of a TCP socket.
#[derive(Clone, Copy, Debug)]
struct TcpInfo;
nix::getsockopt_impl!(TcpInfo, libc::IPPROTO_TCP, libc::TCP_INFO, libc::tcp_info, GetStruct<libc::tcp_info>);

/// Accepts until draining begins, then waits for the connections to finish what they
/// have read.
pub async fn accept(listening: Listening, shared: Arc<Accepting>, mut stop: Stop) {
    let mut sessions = JoinSet::new();
    let listener = shared.stats.name();
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.drain() => break,
            accepted = listening.accept() => accepted,
            Some(_) = sessions.join_next(), if !sessions.is_empty() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(listener, %error, "cannot accept connections; trying again");
                }
                shared.make_room(&listening);
                tokio::select! {
                    () = stop.drain() => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                }
            }
        };
        if std::mem::take(&mut failing) {
            tracing::info!(listener, "connections are accepted again");
        }
        if let Some(peer) = peer
            && !(shared.allowed)(peer.ip().to_canonical())
        {
            shared.refuse("connection", &peer, &shared.sender_of(Some(peer)));
            continue;
        }
        let place = match shared.gate.try_enter() {
            Some(place) => place,
            None => tokio::select! {
                biased;
                () = stop.drain() => break,
                place = shared.wait_for_place(&listening) => place,
            },
        };
        shared.tell_room();
        let (shared, stop) = (shared.clone(), stop.clone());
        sessions.spawn(async move {
            session(stream, peer, &shared, stop).await;
            drop(place);
            shared.tell_room();
        });
    }
    drop(listening);
    while sessions.join_next().await.is_some() {}
}

impl Accepting {
    /// Waits behind everybody who came before. Whoever holds a place and is silent for long gives it up.
    async fn wait_for_place(&self, listening: &Listening) -> Place {
        if self.stats.crowded.raise() {
            let (listener, limit) = (self.stats.name(), self.gate.limit());
            tracing::warn!(listener, limit, "{NO_PLACE}");
        }
        let mut check = tokio::time::interval(ROOM_CHECK);
        let mut waiting = std::pin::pin!(self.gate.enter());
        loop {
            tokio::select! {
                biased;
                place = &mut waiting => return place,
                // The first tick is at once.
                _ = check.tick() => self.make_room(listening),
            }
        }
    }

    /// As many silent connections less as wait, if there are so many.
    fn make_room(&self, listening: &Listening) {
        let waiting = listening.backlog().saturating_add(1);
        self.stats.refused.add(self.stats.clients.make_room(waiting) as u64);
    }

    /// Says it if there is room again.
    fn tell_room(&self) {
        if self.gate.has_room() && self.stats.crowded.clear() {
            let listener = self.stats.name();
            tracing::info!(listener, "there are places for connections again");
        }
    }
}

async fn session(stream: Stream, peer: Option<SocketAddr>, shared: &Accepting, stop: Stop) {
    shared.stats.connections.add(1);
    let number = shared.stats.connections_total.next();
    let origin = Arc::new(shared.origin_of(peer));
    let sender = shared.stats.senders.of(&shared.sender_of(peer));
    let client = shared.stats.clients.enter(number, &origin.peer, sender);
    if let Stream::Tcp(tcp) = &stream {
        prepare(tcp);
    }
    let (deliveries, source) = channel_source(CONNECTION_WINDOW);
    let pumping = publish(source, shared, stop.clone());
    let reading = read(stream, origin, &client, shared, stop, deliveries);
    // Two tasks: reading and parsing go on while the bus syncs.
    let pump = tokio::spawn(pumping);
    reading.await;
    if pump.await.is_err() {
        tracing::error!(listener = shared.stats.name(), "the pump of a connection panicked");
    }
    shared.stats.clients.leave(number);
    shared.stats.connections.sub(1);
}

async fn read(
    stream: Stream,
    origin: Arc<Origin>,
    client: &Client,
    shared: &Accepting,
    stop: Stop,
    deliveries: mpsc::Sender<Delivery>,
) {
    match shared.kind {
        StreamKind::Relp => relp::session(stream, origin, client, shared, stop, deliveries).await,
        StreamKind::Lines(mode) => {
            stream::session(stream, origin, client, mode, shared, stop, deliveries).await;
        }
    }
}

fn publish(
    source: ChannelSource,
    shared: &Accepting,
    stop: Stop,
) -> impl Future<Output = ()> + Send + 'static {
    let publisher = shared.publisher.clone();
    let observer = shared.observer();
    async move {
        // A channel does not break; the pump ends with it.
        let ended = pump(source, publisher, NoRescue, stop, observer).await;
        debug_assert!(ended.is_ok());
    }
}

/// Answers are small and awaited; silence of a dead peer is noticed by the kernel.
fn prepare(tcp: &TcpStream) {
    let socket = socket2::SockRef::from(tcp);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    if let Err(error) = tcp.set_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive)) {
        tracing::debug!(%error, "cannot set socket options");
    }
}

/// Either kind of connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Bytes that the kernel holds for us.
    pub(super) fn waiting(&self) -> usize {
        let waiting = match self {
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
            Stream::Unix(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(s) => Pin::new(s).poll_flush(cx),
            Stream::Unix(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Unix(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
