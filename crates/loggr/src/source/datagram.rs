//! Datagrams: UDP (RFC 5426) and unix datagram sockets, one event each.
//!
//! A thread of its own takes them in batches (`recvmmsg`), so that one syscall brings
//! many lines and the kernel's buffer is emptied even while the runtime is busy.
//! While the bus syncs, datagrams gather in one growing batch; beyond its limit the
//! thread waits, the kernel's buffer fills, and the kernel counts what it drops.
//!
//! Invariant: descriptors that a peer sends along with a datagram are never taken. A unix socket is read
//! without room for them, and the kernel closes what does not fit: where it is asked who sends, that comes
//! first and fills the room.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use loggr_event::{Origin, Timestamp};
use loggr_flow::{Delivery, Phase, Stop, channel_source};
use loggr_wire::framing::Frame;
use loggr_wire::gelf::{self, Assembler, Fed};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    CmsgIterator, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrLike, SockaddrStorage,
    UnixCredentials, getsockopt, recvmmsg, setsockopt, sockopt,
};
use tokio::sync::{mpsc, oneshot};

use super::clients::Sender;
use super::intake::{Intake, Lines};
use super::local::{Peer, Processes};
use super::packed::unpack;
use crate::process::clock::now;

/// Batches of datagrams that may wait for the bus.
const DATAGRAM_WINDOW: usize = 2;
/// Datagrams taken by one syscall, where their room allows it.
const DATAGRAMS_PER_READ: usize = 256;
/// No UDP datagram is longer (RFC 768). One of a unix socket is as long as its sender's buffer allows.
const MAX_UDP_BYTES: usize = 65_536;
/// Room for the datagrams of one syscall: the longer one may be, the fewer are taken at once.
const MAX_ROOM_BYTES: usize = 16 << 20;
/// The kernel counts at least so many bytes for a datagram beside its text.
const MIN_DATAGRAM_COST: usize = 256;
/// A batch that waits for the bus grows to this, then the thread waits.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// Peers whose origin is remembered; beyond, the memory begins anew.
const MAX_PEERS: usize = 4096;
/// How often the thread looks whether to stop.
const STOP_CHECK_MILLIS: u16 = 200;
/// How long datagrams gather in the kernel after a read found few, where its buffer has
/// room: fewer wake-ups, fewer syncs of the queue, and less work for a sender on the same
/// machine. A smaller buffer gets a shorter time in proportion.
const GATHER: Duration = Duration::from_millis(2);
/// Buffer (as the kernel counts it, with its own overhead) that allows the whole of [`GATHER`]:
/// room for 2 ms of a million datagrams a second.
const GATHER_BUFFER_BYTES: usize = 4 << 20;
/// Less than this to gather for is not worth a timer.
const MIN_GATHER: Duration = Duration::from_micros(100);
/// A read that found at least so many is followed by the next one at once.
const MANY_DATAGRAMS: usize = DATAGRAMS_PER_READ / 4;
/// How often the kernel is asked how many datagrams it has dropped.
const DROPS_LOOK: Duration = Duration::from_millis(100);
/// How soon a batch that found the bus busy is offered again.
const OFFER_MILLIS: u16 = 5;

/// A socket that gives datagrams.
#[derive(Debug)]
pub struct Datagrams {
    /// Bound, blocking or not.
    pub socket: OwnedFd,
    /// What the kernel tells beside the text.
    pub kind: DatagramKind,
}

/// The kinds of datagrams, and what the kernel tells of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramKind {
    /// UDP: its peers have addresses, and the kernel counts what it drops.
    Udp,
    /// Of a unix socket.
    Unix {
        /// The kernel tells which process has sent it.
        credentials: bool,
    },
}

impl DatagramKind {
    fn is_udp(self) -> bool {
        self == DatagramKind::Udp
    }

    /// Has the kernel tell it.
    fn ask(self, socket: &OwnedFd) -> nix::Result<()> {
        match self {
            DatagramKind::Udp => setsockopt(socket, sockopt::RxqOvfl, &1),
            DatagramKind::Unix { credentials: true } => setsockopt(socket, sockopt::PassCred, &true),
            DatagramKind::Unix { credentials: false } => Ok(()),
        }
    }

    /// Room for what it tells and nothing else: more would be room for a descriptor.
    fn control(self) -> Option<Vec<u8>> {
        match self {
            DatagramKind::Udp => Some(nix::cmsg_space!(u32)),
            DatagramKind::Unix { credentials: true } => Some(nix::cmsg_space!(UnixCredentials)),
            DatagramKind::Unix { credentials: false } => None,
        }
    }
}

/// Starts a thread that receives until draining has begun and what the kernel's buffer held then was
/// taken: a peer that goes on sending does not hold it up. What it gives pumps what was received, and
/// resolves when all of it is with the bus.
pub fn receive(
    datagrams: Datagrams,
    intake: Intake,
    stop: Stop,
) -> std::io::Result<impl Future<Output = ()> + use<>> {
    let (deliveries, source) = channel_source(DATAGRAM_WINDOW);
    let pumping = intake.pump(source, stop.clone());
    let (done, joined) = oneshot::channel::<()>();
    std::thread::Builder::new().name(format!("loggr-{}", intake.stats.protocol)).spawn(move || {
        receive_here(&datagrams, &intake, &stop, &deliveries);
        drop((deliveries, done));
    })?;
    Ok(async move {
        pumping.await;
        // The thread drops its end when it is done.
        drop(joined.await);
    })
}

fn receive_here(datagrams: &Datagrams, intake: &Intake, stop: &Stop, deliveries: &mpsc::Sender<Delivery>) {
    if let Err(error) = datagrams.kind.ask(&datagrams.socket) {
        let listener = intake.stats.name();
        tracing::warn!(listener, %error, "the kernel does not tell who sends, or what it drops");
    }
    let mut receiver = Receiver {
        intake,
        deliveries,
        lines: Lines::new(intake),
        peers: HashMap::new(),
        local: (Arc::new(intake.origin_of(None)), intake.stats.senders.of(&intake.sender_of(None))),
        processes: Processes::default(),
        drops: DropCounter::default(),
        chunks: Assembler::default(),
        failing: false,
    };
    let gather = gathering_time(datagrams);
    let Room { count, bytes } = Room::of(datagrams.kind.is_udp(), intake.max_message_size);
    // The system gives memory for it only where datagrams have been.
    let mut space = vec![0u8; count * bytes];
    let mut headers = Headers::new(count, datagrams.kind);
    // Bytes to take at most, once draining has begun: the kernel never holds more.
    let mut rest = buffer_bytes(datagrams);
    loop {
        let waiting = !receiver.lines.is_empty();
        let draining = stop.phase() >= Phase::Drain;
        if draining && rest == 0 {
            break;
        }
        let patience = match (draining, waiting) {
            (true, _) => PollTimeout::ZERO,
            (false, true) => OFFER_MILLIS.into(),
            (false, false) => STOP_CHECK_MILLIS.into(),
        };
        let mut ready = [PollFd::new(datagrams.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, patience) {
            Ok(0) if draining => break,
            Ok(0) => {}
            Ok(_) => match receiver.read(datagrams, headers.ready(), &mut space, bytes) {
                Ok(got) if draining => rest = rest.saturating_sub(got.bytes),
                Ok(got) if got.datagrams < MANY_DATAGRAMS && gather >= MIN_GATHER => {
                    if !receiver.offer() {
                        break;
                    }
                    std::thread::sleep(gather);
                }
                Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
                // ECONNREFUSED and the like speak of other sockets; go on.
                Err(error) => {
                    if !std::mem::replace(&mut receiver.failing, true) {
                        let listener = intake.stats.name();
                        tracing::warn!(listener, %error, "cannot receive a datagram; trying again");
                    }
                    std::thread::sleep(Duration::from_millis(OFFER_MILLIS.into()));
                }
            },
            Err(Errno::EINTR) => {}
            Err(error) => {
                let listener = intake.stats.name();
                tracing::error!(listener, %error, "cannot wait for datagrams; the listener ends");
                break;
            }
        }
        receiver.give_up(false);
        if !receiver.offer() {
            break;
        }
    }
    receiver.give_up(true);
    // Where nobody takes it any more, it is counted as lost.
    receiver.hand_over();
}

/// Where the datagrams of one syscall go.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    /// So many at most.
    count: usize,
    /// For each; what is beyond is cut by the kernel, which tells how long it was.
    bytes: usize,
}

impl Room {
    fn of(udp: bool, max_message_size: usize) -> Room {
        let longest = if udp { MAX_UDP_BYTES } else { MAX_ROOM_BYTES };
        let bytes = max_message_size.clamp(1, longest);
        Room { count: (MAX_ROOM_BYTES / bytes).clamp(1, DATAGRAMS_PER_READ), bytes }
    }
}

/// Bytes that the kernel may hold for the socket.
fn buffer_bytes(datagrams: &Datagrams) -> usize {
    getsockopt(&datagrams.socket, sockopt::RcvBuf).unwrap_or(0)
}

/// How long datagrams may gather in the kernel's buffer. Not at all for unix sockets: their
/// senders would wait.
fn gathering_time(datagrams: &Datagrams) -> Duration {
    if !datagrams.kind.is_udp() {
        return Duration::ZERO;
    }
    let room = buffer_bytes(datagrams).min(GATHER_BUFFER_BYTES);
    GATHER.mul_f64(room as f64 / GATHER_BUFFER_BYTES as f64)
}

/// What the kernel fills in for each datagram beside its text.
///
/// A header that was used once has no room for the kernel's count of drops any more: the kernel
/// writes down how much room it has used, and nobody else puts that right. The count is of all
/// drops so far, so that it is enough to have fresh headers from time to time.
struct Headers {
    headers: MultiHeaders<SockaddrStorage>,
    count: usize,
    kind: DatagramKind,
    made: Instant,
}

impl Headers {
    fn new(count: usize, kind: DatagramKind) -> Headers {
        let headers = MultiHeaders::preallocate(count, kind.control());
        Headers { headers, count, kind, made: Instant::now() }
    }

    fn ready(&mut self) -> &mut MultiHeaders<SockaddrStorage> {
        let is_used_up = match self.kind {
            DatagramKind::Udp => self.made.elapsed() >= DROPS_LOOK,
            // What it tells fills the room every time, and leaves it as it was.
            DatagramKind::Unix { .. } => false,
        };
        if is_used_up {
            *self = Headers::new(self.count, self.kind);
        }
        &mut self.headers
    }
}

/// What one read brought.
struct Got {
    datagrams: usize,
    /// At most what the kernel counted for them.
    bytes: usize,
}

struct Receiver<'s> {
    intake: &'s Intake,
    deliveries: &'s mpsc::Sender<Delivery>,
    lines: Lines<'s>,
    /// Those that are not allowed are known by their name among the senders alone.
    peers: HashMap<SocketAddr, Result<Known, String>>,
    local: Known,
    processes: Processes,
    drops: DropCounter,
    /// Messages of GELF that come in several datagrams.
    chunks: Assembler<SocketAddr>,
    /// The last read failed.
    failing: bool,
}

/// The origin of a peer's datagrams, and where it is noted that one came.
type Known = (Arc<Origin>, Arc<Sender>);

impl Receiver<'_> {
    fn read(
        &mut self,
        datagrams: &Datagrams,
        headers: &mut MultiHeaders<SockaddrStorage>,
        space: &mut [u8],
        room: usize,
    ) -> Result<Got, Errno> {
        let at = now();
        let mut read = Vec::with_capacity(space.len() / room);
        {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                space.chunks_mut(room).map(|c| [IoSliceMut::new(c)]).collect();
            let fd = datagrams.socket.as_raw_fd();
            // With MSG_TRUNC the length is that of the datagram, though it may not have fitted.
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let got = recvmmsg(fd, headers, slices.iter_mut(), flags, None)?;
            for message in got {
                let told = message.cmsgs().ok().map(Told::of).unwrap_or_default();
                read.push((message.address.as_ref().and_then(address), message.bytes, told));
            }
        }
        self.failing = false;
        let got = Got {
            datagrams: read.len(),
            bytes: read.iter().map(|(_, len, _)| len + MIN_DATAGRAM_COST).sum(),
        };
        for ((peer, len, told), bytes) in read.into_iter().zip(space.chunks(room)) {
            if let Some(drops) = told.drops {
                self.intake.stats.kernel_drops.add(self.drops.grown(drops));
            }
            self.push(peer, told.process, bytes.get(..len).unwrap_or(bytes), len, at);
        }
        Ok(got)
    }

    /// A datagram of `len` bytes: as many of them as found room.
    fn push(
        &mut self,
        peer: Option<SocketAddr>,
        process: Option<Peer>,
        datagram: &[u8],
        len: usize,
        at: Timestamp,
    ) {
        let (origin, sender) = match peer {
            None => match process {
                None => (&self.local.0, &self.local.1),
                Some(process) => (self.processes.origin_of(process, &self.local.0), &self.local.1),
            },
            Some(peer) => {
                if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&peer) {
                    self.peers.clear();
                }
                let intake = self.intake;
                let known = self.peers.entry(peer).or_insert_with(|| {
                    let name = intake.sender_of(Some(peer));
                    match (intake.allowed)(peer.ip()) {
                        true => Ok((Arc::new(intake.origin_of(Some(peer))), intake.stats.senders.of(&name))),
                        false => Err(name),
                    }
                });
                match known {
                    Ok((origin, sender)) => (&*origin, &*sender),
                    Err(name) => return intake.refuse("datagram", &peer, name),
                }
            }
        };
        sender.saw(at);
        let most = self.intake.max_message_size;
        let (mut lost, mut len, mut whole, mut packed) = (Vec::new(), len, Vec::new(), None);
        let mut bytes = datagram;
        if let Some(peer) = peer {
            if gelf::is_chunk(bytes) {
                let lose = |peer: &SocketAddr, part| lost.push((*peer, part));
                match self.chunks.feed(&peer, bytes, Instant::now(), lose) {
                    Fed::Whole(message) => whole = message,
                    Fed::NoChunk => whole = bytes.to_vec(),
                    Fed::Waits => {}
                }
                (bytes, len) = (&whole, whole.len());
            }
            packed = unpack(bytes, most + 1);
        }
        if let Some(text) = &packed {
            (bytes, len) = (text, text.len());
        }
        if !bytes.is_empty() || !gelf::is_chunk(datagram) {
            let bytes = bytes.get(..most).unwrap_or(bytes);
            let original_len = (len > bytes.len()).then_some(len as u64);
            self.lines.push_if_any(origin, at, &Frame { bytes, original_len, incomplete: false });
        }
        self.push_lost(lost, at);
    }

    /// Messages of which chunks are missing are kept as far as they came.
    fn push_lost(&mut self, lost: Vec<(SocketAddr, Vec<u8>)>, at: Timestamp) {
        for (peer, part) in lost {
            let origin = Arc::new(self.intake.origin_of(Some(peer)));
            let bytes = part.get(..self.intake.max_message_size).unwrap_or(&part);
            let original_len = (part.len() > bytes.len()).then_some(part.len() as u64);
            self.lines.push_if_any(&origin, at, &Frame { bytes, original_len, incomplete: true });
        }
    }

    /// Waits no longer for chunks that are missing.
    fn give_up(&mut self, end: bool) {
        if self.chunks.is_empty() {
            return;
        }
        let mut lost = Vec::new();
        self.chunks.expire(Instant::now(), end, |peer, part| lost.push((*peer, part)));
        self.push_lost(lost, now());
    }

    /// Hands over what was gathered if the bus has room, or must if it is too much.
    /// False when nobody takes deliveries any more.
    fn offer(&mut self) -> bool {
        if self.lines.is_empty() {
            return !self.deliveries.is_closed();
        }
        if self.lines.byte_len() >= MAX_WAITING_BYTES {
            return self.hand_over();
        }
        match self.deliveries.try_reserve() {
            Ok(permit) => {
                if let Some(delivery) = self.lines.end_unanswered() {
                    permit.send(delivery);
                }
                true
            }
            Err(mpsc::error::TrySendError::Full(())) => true,
            Err(mpsc::error::TrySendError::Closed(())) => false,
        }
    }

    fn hand_over(&mut self) -> bool {
        match self.lines.end_unanswered() {
            Some(delivery) => self.deliveries.blocking_send(delivery).is_ok(),
            None => true,
        }
    }
}

/// What the kernel tells beside the text of a datagram.
#[derive(Debug, Default)]
struct Told {
    /// Its count of drops.
    drops: Option<u32>,
    /// Who has sent it.
    process: Option<Peer>,
}

impl Told {
    fn of(messages: CmsgIterator<'_>) -> Told {
        let mut told = Told::default();
        for message in messages {
            match message {
                ControlMessageOwned::RxqOvfl(drops) => told.drops = Some(drops),
                ControlMessageOwned::ScmCredentials(process) => told.process = Peer::of(process),
                _ => {}
            }
        }
        told
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if storage.family()? == nix::sys::socket::AddressFamily::Inet {
        let v4 = storage.as_sockaddr_in()?;
        return Some(SocketAddr::new(IpAddr::V4(v4.ip()), v4.port()));
    }
    let v6 = storage.as_sockaddr_in6()?;
    Some(SocketAddr::new(IpAddr::V6(v6.ip()).to_canonical(), v6.port()))
}

/// The kernel tells the number of its drops so far as a wrapping 32-bit number.
#[derive(Debug, Default)]
struct DropCounter(u32);

impl DropCounter {
    fn grown(&mut self, now: u32) -> u64 {
        let grown = now.wrapping_sub(self.0);
        self.0 = now;
        u64::from(grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_datagrams_follows_the_limit_of_a_message_and_stays_bounded() {
        let room = |udp, limit| {
            let Room { count, bytes } = Room::of(udp, limit);
            (count, bytes)
        };
        assert_eq!(room(true, 480), (256, 480));
        assert_eq!(room(true, 64 << 10), (256, 64 << 10));
        assert_eq!(room(true, 1 << 20), (256, 64 << 10));
        assert_eq!(room(false, 64 << 10), (256, 64 << 10));
        assert_eq!(room(false, 1 << 20), (16, 1 << 20));
        assert_eq!(room(false, 9 << 20), (1, 9 << 20));
        assert_eq!(room(false, 1 << 30), (1, 16 << 20));
    }

    #[test]
    fn the_kernels_drop_counter_wraps() {
        let mut drops = DropCounter::default();
        assert_eq!(drops.grown(5), 5);
        assert_eq!(drops.grown(5), 0);
        assert_eq!(drops.grown(u32::MAX), u64::from(u32::MAX) - 5);
        assert_eq!(drops.grown(3), 4);
    }
}
