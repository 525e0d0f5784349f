//! Who is connected to a listener, and who was heard of lately.
//!
//! Read by status and metrics; the door asks here whom it may close when others wait. What a session writes
//! here it writes once for each read, never for each line.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use loggr_event::{Origin, Timestamp};
use tokio::sync::Notify;

/// Senders of one listener that are told, and remembered though nobody holds them; beyond, those that were
/// silent longest are forgotten.
pub const MAX_SENDERS: usize = 1000;
/// A client that has been silent for this long is disconnected when others wait for a place.
const SILENCE: Duration = Duration::from_secs(10);
/// The same for who has spoken as it should.
const PROVEN_SILENCE: Duration = Duration::from_secs(30);
/// In place of the time of the last movement: something that the peer sent is on its way.
const BUSY: u64 = u64::MAX;
/// In place of the time of the last movement: it was asked to leave.
const ASKED: u64 = u64::MAX - 1;

/// Who is connected to a listener, and since when. Bounded by its `max_connections`.
#[derive(Debug, Default)]
pub struct Clients(Mutex<BTreeMap<u64, Arc<Client>>>);

/// Somebody who is connected.
#[derive(Debug)]
pub struct Client {
    /// Address and port; empty on a unix socket.
    pub peer: String,
    /// When it came.
    pub since: Instant,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// The verified name in its certificate.
    pub tls_name: Option<String>,
    /// Whose connection it is.
    pub sender: Arc<Sender>,
    /// Events that came over it.
    events: AtomicU64,
    /// When something came over it last, in microseconds since 1970; 0: never.
    last: AtomicI64,
    /// It has shown that it speaks as it should.
    proven: AtomicBool,
    /// When something moved last, in milliseconds since it came; or [`BUSY`], or [`ASKED`].
    moved: AtomicU64,
    leave: Notify,
}

impl Client {
    fn new(origin: &Origin, is_encrypted: bool, since: Instant, sender: Arc<Sender>) -> Client {
        Client {
            peer: origin.peer.clone(),
            since,
            is_encrypted,
            tls_name: origin.tls_name.clone(),
            sender,
            events: AtomicU64::new(0),
            last: AtomicI64::new(0),
            proven: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            leave: Notify::new(),
        }
    }

    /// Something came over it.
    pub fn saw(&self, at: Timestamp) {
        self.last.store(at.unix_micros(), Ordering::Relaxed);
        self.sender.saw(at);
    }

    /// So many events came over it.
    pub fn brought(&self, events: usize) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// How many events came over it.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// When something came over it last, in seconds since 1970.
    pub fn last_seen(&self) -> Option<f64> {
        let last = self.last.load(Ordering::Relaxed);
        (last != 0).then(|| last as f64 / 1e6)
    }

    /// It has shown that it speaks as it should: it may be silent for longer.
    pub fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Something came or went, and nothing that the peer sent is on its way now. Gives the time.
    pub fn moved(&self) -> Instant {
        let now = Instant::now();
        self.moved_at(now);
        now
    }

    fn moved_at(&self, now: Instant) {
        self.moved.store(self.millis(now), Ordering::Relaxed);
    }

    /// Something that the peer sent is on its way: until it [moves](Self::moved) the silence is ours.
    pub fn busy(&self) {
        self.moved.store(BUSY, Ordering::Relaxed);
    }

    /// Resolves when the place is for somebody else.
    pub async fn leave(&self) {
        while !self.is_asked() {
            self.leave.notified().await;
        }
    }

    fn is_asked(&self) -> bool {
        self.moved.load(Ordering::Relaxed) == ASKED
    }

    /// Asks it to leave, if nothing has moved since.
    fn ask(&self, moved: u64) -> bool {
        let asked = self.moved.compare_exchange(moved, ASKED, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if asked {
            self.leave.notify_one();
        }
        asked
    }

    /// When it moved last and how long ago that is, if it is so long that it has to make room.
    fn silence(&self, now: Instant) -> Option<(u64, Duration)> {
        let moved = self.moved.load(Ordering::Relaxed);
        let limit = if self.proven.load(Ordering::Relaxed) { PROVEN_SILENCE } else { SILENCE };
        let silence = Duration::from_millis(self.millis(now).saturating_sub(moved));
        (moved < ASKED && silence >= limit).then_some((moved, silence))
    }

    fn millis(&self, now: Instant) -> u64 {
        let millis = now.saturating_duration_since(self.since).as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX).min(ASKED - 1)
    }
}

impl Clients {
    /// Somebody came; the number is unique on the listener.
    pub fn enter(
        &self,
        number: u64,
        origin: &Origin,
        is_encrypted: bool,
        sender: Arc<Sender>,
    ) -> Arc<Client> {
        let client = Arc::new(Client::new(origin, is_encrypted, Instant::now(), sender));
        self.lock().insert(number, client.clone());
        client
    }

    /// They went.
    pub fn leave(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// The `most` who came last, the last one first.
    pub fn latest(&self, most: usize) -> Vec<Arc<Client>> {
        self.lock().values().rev().take(most).cloned().collect()
    }

    /// Asks so many to leave, those included who are about to: first who has not said a thing yet, then who
    /// was silent longest. Gives how many were asked now.
    pub fn make_room(&self, wanted: usize) -> usize {
        self.make_room_at(wanted, Instant::now())
    }

    fn make_room_at(&self, wanted: usize, now: Instant) -> usize {
        let clients = self.lock();
        let leaving = clients.values().filter(|client| client.is_asked()).count();
        let mut silent: Vec<(bool, Reverse<Duration>, u64, &Client)> = clients
            .values()
            .filter_map(|client| {
                let (moved, silence) = client.silence(now)?;
                Some((client.proven.load(Ordering::Relaxed), Reverse(silence), moved, client.as_ref()))
            })
            .collect();
        silent.sort_by_key(|(proven, silence, ..)| (*proven, *silence));
        let asked = silent.into_iter().filter(|(.., moved, client)| client.ask(*moved));
        asked.take(wanted.saturating_sub(leaving)).count()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address that sends.
#[derive(Debug, Default)]
pub struct Sender {
    /// When something came from there last, in microseconds; 0: never.
    last: AtomicI64,
}

impl Sender {
    /// Something came.
    pub fn saw(&self, at: Timestamp) {
        self.last.store(at.unix_micros(), Ordering::Relaxed);
    }

    fn last(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }
}

/// Who has sent something lately.
///
/// Whom a connection or a memory of peers holds is never forgotten here: it would go on noting that
/// something came where nobody looks. Those have limits of their own.
#[derive(Debug, Default)]
pub struct Senders(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    senders: HashMap<String, Arc<Sender>>,
    /// When there are so many, some are forgotten. Twice those that had to stay the last time, so that a
    /// crowd of addresses costs little each.
    limit: usize,
}

impl Known {
    /// Half of those that nobody holds go, the silent ones.
    fn forget(&mut self) {
        let mut times: Vec<i64> = self.senders.values().map(|sender| sender.last()).collect();
        let middle = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(middle);
        let middle = *middle;
        self.senders.retain(|_, sender| Arc::strong_count(sender) > 1 || sender.last() > middle);
        self.limit = self.senders.len() * 2;
    }
}

impl Senders {
    /// The one of this address.
    pub fn of(&self, address: &str) -> Arc<Sender> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = known.senders.get(address) {
            return sender.clone();
        }
        if known.senders.len() >= known.limit.max(MAX_SENDERS) {
            known.forget();
        }
        known.senders.entry(address.to_owned()).or_default().clone()
    }

    /// Addresses and when something came from there, in seconds since 1970, the latest first and
    /// [`MAX_SENDERS`] at most.
    pub fn last_seen(&self) -> Vec<(String, f64)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen: Vec<(String, i64)> =
            known.senders.iter().map(|(address, sender)| (address.clone(), sender.last())).collect();
        drop(known);
        seen.retain(|(_, last)| *last != 0);
        seen.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        seen.truncate(MAX_SENDERS);
        seen.into_iter().map(|(address, micros)| (address, micros as f64 / 1e6)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// One that came at `start`, among others.
    fn enter(clients: &Clients, number: u64, start: Instant) -> Arc<Client> {
        let client = Arc::new(Client::new(&Origin::default(), false, start, Arc::default()));
        clients.lock().insert(number, client.clone());
        client
    }

    #[test]
    fn who_said_one_word_and_then_nothing_makes_room_too() {
        let (clients, start) = (Clients::default(), Instant::now());
        let (word, speaks) = (enter(&clients, 1, start), enter(&clients, 2, start));
        for client in [&word, &speaks] {
            client.prove();
            client.moved_at(start + SECOND);
        }
        speaks.moved_at(start + 20 * SECOND);
        assert_eq!(clients.make_room_at(9, start + SILENCE * 2), 0, "nobody is silent for so long");
        assert_eq!(clients.make_room_at(9, start + SECOND + PROVEN_SILENCE), 1);
        assert_eq!((word.is_asked(), speaks.is_asked()), (true, false));
    }

    #[test]
    fn as_many_make_room_as_wait_and_who_never_spoke_comes_first() {
        let (clients, start) = (Clients::default(), Instant::now());
        let spoke: Vec<_> = (0..4).map(|number| enter(&clients, number, start)).collect();
        for (client, second) in spoke.iter().zip([4, 3, 2, 1]) {
            client.prove();
            client.moved_at(start + second * SECOND);
        }
        let mute = enter(&clients, 9, start + 20 * SECOND);
        let now = start + 60 * SECOND;
        assert_eq!(clients.make_room_at(1, now), 1);
        assert!(mute.is_asked());
        assert_eq!(clients.make_room_at(3, now), 2, "one is about to leave");
        let asked: Vec<bool> = spoke.iter().map(|client| client.is_asked()).collect();
        assert_eq!(asked, [false, false, true, true]);
        clients.leave(9);
        assert_eq!(clients.make_room_at(2, now), 0);
        assert_eq!(clients.make_room_at(100, now), 2);
    }

    #[test]
    fn who_waits_for_us_does_not_make_room() {
        let (clients, start) = (Clients::default(), Instant::now());
        let client = enter(&clients, 1, start);
        client.busy();
        assert_eq!(clients.make_room_at(1, start + 3600 * SECOND), 0);
        client.moved_at(start + 3600 * SECOND);
        assert_eq!(clients.make_room_at(1, start + 3600 * SECOND), 0);
        assert_eq!(clients.make_room_at(1, start + 3600 * SECOND + SILENCE), 1);
    }

    #[tokio::test]
    async fn who_was_asked_and_spoke_before_it_heard_of_it_stays() {
        let (clients, start) = (Clients::default(), Instant::now());
        let client = enter(&clients, 1, start);
        assert_eq!(clients.make_room_at(1, start + SILENCE), 1);
        client.moved_at(start + SILENCE);
        let mut leaving = std::pin::pin!(client.leave());
        let none = std::future::poll_fn(|cx| std::task::Poll::Ready(leaving.as_mut().poll(cx).is_pending()));
        assert!(none.await);
        assert_eq!(clients.make_room_at(1, start + SILENCE * 2), 1);
        leaving.await;
    }

    #[test]
    fn a_sender_whom_a_connection_holds_is_seen_behind_a_crowd() {
        let senders = Senders::default();
        let honest = senders.of("honest");
        honest.saw(Timestamp::from_unix_micros(1));
        let crowd: Vec<Arc<Sender>> = (2..=1300).map(|n| senders.of(&n.to_string())).collect();
        for (n, sender) in (2..).zip(&crowd) {
            sender.saw(Timestamp::from_unix_micros(n));
        }
        honest.saw(Timestamp::from_unix_micros(2000));
        let seen = senders.last_seen();
        assert_eq!((seen[0].0.as_str(), seen.len()), ("honest", MAX_SENDERS));
        drop(crowd);
        for n in 3000..9000 {
            senders.of(&n.to_string()).saw(Timestamp::from_unix_micros(n));
            honest.saw(Timestamp::from_unix_micros(n));
        }
        assert!(senders.last_seen().iter().any(|(address, _)| address == "honest"));
        let known = senders.0.lock().expect("nobody panicked").senders.len();
        assert!(known <= 3 * MAX_SENDERS, "{known} are remembered");
    }

    #[test]
    fn a_crowd_of_senders_pushes_the_silent_ones_out() {
        let senders = Senders::default();
        for n in 1..=5000 {
            senders.of(&n.to_string()).saw(Timestamp::from_unix_micros(n));
        }
        let seen = senders.last_seen();
        assert!(seen.len() <= MAX_SENDERS, "{}", seen.len());
        assert_eq!(seen[0], ("5000".to_owned(), 0.005));
        assert!(seen.iter().all(|(_, last)| *last > 0.003_9), "{:?}", seen.last());
    }

    #[test]
    fn who_is_connected_and_silent_was_not_seen() {
        let senders = Senders::default();
        senders.of("a");
        assert_eq!(senders.last_seen(), []);
    }
}
