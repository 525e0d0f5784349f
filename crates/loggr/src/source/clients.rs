//! Who is connected to a listener, and who was heard of lately.
//!
//! Read by status and metrics; the door asks here whom it may close when others wait. What a session writes
//! here it writes once for each read, never for each line.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use loggr_event::Timestamp;
use tokio::sync::Notify;

/// Senders of one listener that are told, and remembered though nobody holds them; beyond, those that were
/// silent longest are forgotten.
pub const MAX_SENDERS: usize = 1000;

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
    /// Whose connection it is.
    pub sender: Arc<Sender>,
    /// It has shown that it speaks as it should.
    proven: AtomicBool,
    leave: Notify,
}

impl Client {
    /// It has shown that it speaks as it should: it stays, whoever waits.
    pub fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Resolves when the place is for somebody else.
    pub async fn leave(&self) {
        self.leave.notified().await;
    }
}

impl Clients {
    /// Somebody came; the number is unique on the listener.
    pub fn enter(&self, number: u64, peer: &str, sender: Arc<Sender>) -> Arc<Client> {
        let client = Arc::new(Client {
            peer: peer.to_owned(),
            since: Instant::now(),
            sender,
            proven: AtomicBool::new(false),
            leave: Notify::new(),
        });
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

    /// Asks the first who came so long ago and has not said a thing yet to leave. False where
    /// there is none.
    pub fn make_room(&self, silence: Duration) -> bool {
        let clients = self.lock();
        let mut silent = clients.values().filter(|client| !client.proven.load(Ordering::Relaxed));
        let found = silent.find(|client| client.since.elapsed() >= silence);
        if let Some(client) = found {
            // Once is enough: who is asked is not chosen again.
            client.prove();
            client.leave.notify_one();
        }
        found.is_some()
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

    #[test]
    fn room_is_made_by_who_came_first_and_never_said_a_thing() {
        let clients = Clients::default();
        let enter = |number| clients.enter(number, "", Arc::default());
        let (_silent, speaks, _late) = (enter(1), enter(2), enter(3));
        speaks.prove();
        assert!(!clients.make_room(Duration::from_secs(3600)), "nobody is silent for so long");
        let rooms = std::iter::from_fn(|| clients.make_room(Duration::ZERO).then_some(())).count();
        assert_eq!(rooms, 2);
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
