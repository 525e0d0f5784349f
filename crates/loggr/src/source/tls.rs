//! TLS on the connections of a listener: the handshake with its limits, who the peer is by its
//! certificate, and why one is refused.
//!
//! Not what is read from the certificates' files, nor whom they let in: that is `loggr_net::tls`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use loggr_net::tls::{Certificate, PeerPattern, Reason, Server};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::stats::ListenerStats;
use crate::process::telemetry::SECURITY;

/// How long a handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes of one listener at one time; further ones wait.
pub const MAX_HANDSHAKES: usize = 256;
/// Handshakes of one address at one time; further ones wait, and take no place of others.
pub const MAX_HANDSHAKES_OF_ONE: usize = 64;
/// Bytes that are read from the socket at once: several records of 16 KiB.
const SOCKET_BUFFER_BYTES: usize = 64 << 10;

/// What is encrypted.
pub(super) type Encrypted = TlsStream<BufReader<TcpStream>>;

/// TLS of a listener.
#[derive(Debug)]
pub struct Tls {
    /// The certificate that is shown, and whom it lets in.
    pub server: Arc<Server>,
    /// Peers from which tags, fields and uids are taken over.
    pub trusted: Vec<PeerPattern>,
    handshakes: Handshakes,
}

/// A peer behind a handshake.
pub(super) struct Shaken {
    pub(super) stream: Box<Encrypted>,
    /// The name in its certificate, which was verified.
    pub(super) name: Option<String>,
    /// Whether its word about tags, fields and uids counts.
    pub(super) is_trusted: bool,
}

impl Tls {
    /// TLS with this certificate.
    pub fn new(server: Arc<Server>, trusted: Vec<PeerPattern>) -> Tls {
        Tls { server, trusted, handshakes: Handshakes::new() }
    }

    /// Shakes hands. `None` where the peer is refused, which is said and counted.
    pub(super) async fn shake(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        stats: &ListenerStats,
    ) -> Option<Shaken> {
        let _turn = self.handshakes.enter(peer.ip()).await;
        let buffered = BufReader::with_capacity(SOCKET_BUFFER_BYTES, tcp);
        let shaking = TlsAcceptor::from(self.server.config()).accept(buffered);
        let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, shaking).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                refuse(stats, peer, &Reason::of(&error));
                return None;
            }
            Err(_) => {
                let text = format!("does not end its handshake within {} s", HANDSHAKE_TIMEOUT.as_secs());
                refuse(stats, peer, &Reason { text, hint: None, is_quiet: false });
                return None;
            }
        };
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        // The library has read it, too.
        let certificate = shown.and_then(|der| Certificate::read(der).ok());
        let name = certificate.as_ref().map(|shown| self.server.files().clients.name_of(shown));
        let is_trusted =
            certificate.is_some_and(|shown| self.trusted.iter().any(|peer| peer.find(&shown).is_some()));
        Some(Shaken { stream: Box::new(stream), name, is_trusted })
    }
}

/// Counts a peer that is refused, and says why: once in a while for each address and reason.
pub(super) fn refuse(stats: &ListenerStats, peer: SocketAddr, reason: &Reason) {
    let (listener, address) = (stats.name(), peer.ip().to_canonical());
    if reason.is_quiet {
        tracing::debug!(listener, %peer, "the peer {}", reason.text);
        return;
    }
    stats.handshakes_refused.add(1);
    if let Some(unsaid) = stats.told_handshake.tell(&format!("{address} {}", reason.text)) {
        let (hint, unsaid) = (reason.hint, (unsaid > 0).then_some(unsaid));
        let (peer, reason) = (peer.to_string(), reason.text.as_str());
        tracing::warn!(
            target: SECURITY,
            security = "refused",
            listener,
            peer,
            hint,
            unsaid,
            "refused a connection: the peer {reason}"
        );
    }
}

/// The turns of handshakes.
#[derive(Debug)]
struct Handshakes {
    all: Arc<Semaphore>,
    of: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// A turn; it ends when this is dropped.
struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_one: OwnedSemaphorePermit,
}

impl Handshakes {
    fn new() -> Handshakes {
        Handshakes { all: Arc::new(Semaphore::new(MAX_HANDSHAKES)), of: Mutex::default() }
    }

    /// Waits for a turn, first among those of the same address.
    async fn enter(&self, ip: IpAddr) -> Turn {
        const OPEN: &str = "BUG: a turn's semaphore is never closed";
        let of_one = self.of(ip.to_canonical()).acquire_owned().await.expect(OPEN);
        let of_all = self.all.clone().acquire_owned().await.expect(OPEN);
        Turn { _of_all: of_all, _of_one: of_one }
    }

    fn of(&self, ip: IpAddr) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = of.get(&ip).and_then(Weak::upgrade) {
            return known;
        }
        // Those whom nobody holds are forgotten, so that there are as many as connections at most.
        if of.len() >= MAX_HANDSHAKES {
            of.retain(|_, one| one.strong_count() > 0);
        }
        let new = Arc::new(Semaphore::new(MAX_HANDSHAKES_OF_ONE));
        of.insert(ip, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crowd_of_one_address_leaves_others_their_turns() {
        let handshakes = Handshakes::new();
        let (crowd, honest) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut turns = Vec::new();
        for _ in 0..MAX_HANDSHAKES_OF_ONE {
            turns.push(handshakes.enter(crowd).await);
        }
        let mut waiting = std::pin::pin!(handshakes.enter(crowd));
        let pending =
            std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending()));
        assert!(pending.await, "one more of the crowd waits");
        let mapped = "::ffff:10.0.0.2".parse().expect("an address");
        drop((handshakes.enter(honest).await, handshakes.enter(mapped).await));
        turns.pop();
        waiting.await;
    }

    #[tokio::test]
    async fn addresses_without_a_turn_are_forgotten() {
        let handshakes = Handshakes::new();
        for n in 0..4 * u32::try_from(MAX_HANDSHAKES).expect("small") {
            drop(handshakes.enter(IpAddr::from(n.to_be_bytes())).await);
        }
        let known = handshakes.of.lock().expect("nobody panicked").len();
        assert!(known <= MAX_HANDSHAKES, "{known} are remembered");
    }
}
