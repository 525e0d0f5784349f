//! Accepting connections: limits, network rules, one task per connection, draining.
//!
//! Before the session a proxy may have to say who sends, and TLS shakes hands; both keep the place. Who finds no place waits for one; those who have been silent for long make room. Not here: what is
//! spoken on a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use loggr_flow::{Stop, channel_source};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::GetStruct;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinSet;

use super::connection::{CONNECTION_WINDOW, Connection, ReadBuffer, Stream};
use super::intake::Intake;
use super::local::Peer;
use super::tls::{self, Tls};
use super::{Spoken, proxy};
use crate::process::gate::{Gate, Place};

/// How long to wait before accepting again when the system has no descriptor or memory for it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often somebody who waits looks whether one is there who has been silent for long.
const ROOM_CHECK: Duration = Duration::from_millis(500);
/// What a listener says while connections wait.
pub const NO_PLACE: &str = "no more connections are accepted for now, because `max_connections` or the system's limit of open files is reached; new ones wait";

/// What the connections of one listening socket share.
pub struct Accepting {
    /// What is spoken.
    pub spoken: Spoken,
    /// What becomes of the lines.
    pub intake: Intake,
    /// Places for its connections; further ones wait.
    pub gate: Gate,
    /// Bytes of one connection that may wait to become durable.
    pub window_bytes: usize,
    /// A connection silent for so long is closed; `None` is never.
    pub idle_timeout: Option<Duration>,
    /// Whether this address is that of a proxy, whose word on the sender's address is awaited.
    pub is_proxy: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// What is spoken inside TLS, if it is.
    pub tls: Option<Tls>,
    /// The kernel is asked which process is at the other end of a unix socket.
    pub credentials: bool,
}

impl std::fmt::Debug for Accepting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepting")
            .field("spoken", &self.spoken)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
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
    let mut sessions = Sessions::default();
    let listener = shared.intake.stats.name();
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.drain() => break,
            accepted = listening.accept() => accepted,
            Some(_) = sessions.0.join_next(), if !sessions.0.is_empty() => continue,
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
        let via_proxy = peer.is_some_and(|peer| (shared.is_proxy)(peer.ip().to_canonical()));
        if !via_proxy && !shared.admits(peer) {
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
            if let Some(arrived) = shared.arrive(stream, peer, via_proxy, &stop).await {
                session(arrived, &shared, stop).await;
            }
            drop(place);
            shared.tell_room();
        });
    }
    drop(listening);
    while sessions.0.join_next().await.is_some() {}
}

/// The tasks of connections. What is kept of one that has ended goes when it is joined.
#[derive(Debug, Default)]
struct Sessions(JoinSet<()>);

impl Sessions {
    /// One more. Whoever connects without a pause keeps others from waiting for those that end: so they are
    /// joined here.
    fn spawn(&mut self, session: impl Future<Output = ()> + Send + 'static) {
        while self.0.try_join_next().is_some() {}
        self.0.spawn(session);
    }
}

/// A connection on which the session can begin.
struct Arrived {
    stream: Stream,
    /// From where it comes; `None` on a unix socket.
    peer: Option<SocketAddr>,
    tls_name: Option<String>,
    /// The name in its certificate is one that is trusted.
    is_trusted: bool,
}

impl Accepting {
    /// Whether the sender's address is allowed. If not, that is said and counted.
    fn admits(&self, peer: Option<SocketAddr>) -> bool {
        let Some(peer) = peer else { return true };
        let admits = (self.intake.allowed)(peer.ip().to_canonical());
        if !admits {
            self.intake.refuse("connection", &peer, &self.intake.sender_of(Some(peer)));
        }
        admits
    }

    /// What comes before the session: the proxy's head, the handshake. `None` where the peer is refused, or
    /// draining began.
    async fn arrive(
        &self,
        stream: Stream,
        peer: Option<SocketAddr>,
        via_proxy: bool,
        stop: &Stop,
    ) -> Option<Arrived> {
        let stats = &self.intake.stats;
        let (mut tcp, mut address) = match (stream, peer) {
            (Stream::Tcp(tcp), Some(address)) => (tcp, address),
            (stream, peer) => return Some(Arrived { stream, peer, tls_name: None, is_trusted: false }),
        };
        prepare(&tcp);
        if !via_proxy && self.tls.is_none() {
            let stream = Stream::Tcp(tcp);
            return Some(Arrived { stream, peer, tls_name: None, is_trusted: false });
        }
        let mut stop = stop.clone();
        let arriving = async {
            if via_proxy {
                match proxy::sender(&mut tcp, address).await {
                    Ok(sender) => address = sender,
                    Err(reason) => {
                        tls::refuse(stats, address, &reason);
                        return None;
                    }
                }
                if !self.admits(Some(address)) {
                    return None;
                }
            }
            let peer = Some(address);
            let Some(tls) = &self.tls else {
                return Some(Arrived { stream: Stream::Tcp(tcp), peer, tls_name: None, is_trusted: false });
            };
            let shaken = tls.shake(tcp, address, stats).await?;
            let (stream, is_trusted) = (Stream::Tls(shaken.stream), shaken.is_trusted);
            Some(Arrived { stream, peer, tls_name: shaken.name, is_trusted })
        };
        tokio::select! {
            arrived = arriving => arrived,
            () = stop.drain() => None,
        }
    }

    /// Waits in turn for a place. Clients that have been silent for long are disconnected to make
    /// room.
    async fn wait_for_place(&self, listening: &Listening) -> Place {
        if self.intake.stats.crowded.raise() {
            let (listener, limit) = (self.intake.stats.name(), self.gate.limit());
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
        self.intake.stats.refused.add(self.intake.stats.clients.make_room(waiting) as u64);
    }

    /// Says it if there is room again.
    fn tell_room(&self) {
        if self.gate.has_room() && self.intake.stats.crowded.clear() {
            let listener = self.intake.stats.name();
            tracing::info!(listener, "connections are accepted again because others have ended");
        }
    }
}

async fn session(arrived: Arrived, shared: &Accepting, stop: Stop) {
    let Arrived { stream, peer, tls_name, is_trusted } = arrived;
    let intake = &shared.intake;
    let stats = &intake.stats;
    stats.connections.add(1);
    let number = stats.connections_total.next();
    let mut origin = intake.origin_of(peer);
    origin.trusted |= is_trusted;
    origin.tls_name = tls_name;
    if let (true, Stream::Unix(socket)) = (shared.credentials, &stream) {
        origin.process = Peer::connected(socket).map(Peer::fields).unwrap_or_default();
    }
    let origin = Arc::new(origin);
    let sender = stats.senders.of(&intake.sender_of(peer));
    let client = stats.clients.enter(number, &origin, stream.is_encrypted(), sender);
    let (deliveries, source) = channel_source(CONNECTION_WINDOW);
    // Two tasks: reading and parsing go on while the bus syncs.
    let pump = tokio::spawn(intake.pump(source, stop.clone()));
    let connection = Connection {
        stream,
        buffer: ReadBuffer::within(shared.window_bytes),
        origin,
        client: &client,
        intake,
        deliveries,
        idle_timeout: shared.idle_timeout,
        stop,
    };
    shared.spoken.session(connection).await;
    if pump.await.is_err() {
        tracing::error!(
            listener = stats.name(),
            "the task of a connection ended unexpectedly, which is a bug of loggr"
        );
    }
    stats.clients.leave(number);
    stats.connections.sub(1);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_connections_that_end_nothing_is_kept_while_others_come_without_a_pause() {
        let (mut sessions, mut most) = (Sessions::default(), 0);
        sessions.spawn(std::future::pending());
        for _ in 0..1000 {
            sessions.spawn(async {});
            most = most.max(sessions.0.len());
            tokio::task::yield_now().await;
        }
        assert!(most <= 3, "{most} are kept");
    }
}
