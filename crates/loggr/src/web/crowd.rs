//! Who is connected to the web address: who is being answered, who is idle, and who gives way.
//!
//! When all places are taken, the connection that is idle for longest ends for a new one: one on which
//! nothing was asked yet, half a request stands, or nothing is asked any more. After those comes one whose
//! peer does not send the rest of a body, and then one whose peer does not read its answer. So that nobody takes all places by asking, one address has a share. Not the
//! places themselves: those are the gate's (`process/gate.rs`). Invariant: a connection whose request is
//! being answered, be it a feed, an export, a query or an upload, never ends for another one while its peer
//! reads and sends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loggr_net::Network;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::moves::Moves;
use crate::access::slow::subscriber;

/// One who is asked to end may still take what is to be sent, as long as bytes move within this time.
const LEAVE_STILL: Duration = Duration::from_secs(1);
/// And no longer than this after the answer was made.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A peer keeps its place when it sends nothing of the rest of a body for less than this.
pub const BODY_STILL: Duration = Duration::from_secs(1);

/// All who are connected.
#[derive(Debug)]
pub struct Crowd {
    /// Connections of one address at one time.
    most: usize,
    /// Proxies, whose connections are those of many.
    proxies: Vec<Network>,
    all: Mutex<All>,
    /// Somebody has become idle, or is found not to read.
    idled: Notify,
}

#[derive(Debug, Default)]
struct All {
    next: u64,
    /// In the order in which they came.
    seats: BTreeMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    /// Whose it is; none: it does not count.
    of: Option<Network>,
    /// Since when nothing of it is answered.
    idle: Option<Instant>,
    /// How bytes move.
    moves: Arc<Moves>,
    /// Its peer does not read what is sent.
    is_slow: bool,
    /// It was asked to end.
    leaves: bool,
    leave: Arc<Notify>,
}

/// One who is connected.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
    moves: Arc<Moves>,
    leave: Arc<Notify>,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub struct Answering(Arc<Seat>);

impl Crowd {
    /// Nobody yet; `most` of one address, and any number of these proxies.
    pub fn new(most: usize, proxies: Vec<Network>) -> Arc<Crowd> {
        Arc::new(Crowd { most, proxies, all: Mutex::default(), idled: Notify::new() })
    }

    /// May another connection of this address come? For one too many the idlest of the same address ends.
    pub fn lets_in(&self, from: Option<IpAddr>) -> bool {
        let Some(of) = self.of(from) else { return true };
        let mut all = self.lock();
        let same = |taken: &Taken| taken.of == Some(of) && !taken.leaves;
        all.seats.values().filter(|taken| same(taken)).count() < self.most || give_way(&mut all, same)
    }

    /// Asks the one who is idle for longest to end, or else one who does not read; false where nobody is so.
    pub fn give_way(&self) -> bool {
        give_way(&mut self.lock(), |taken| !taken.leaves)
    }

    /// The next time that somebody becomes one who gives way, from now on.
    pub fn idled(&self) -> Notified<'_> {
        self.idled.notified()
    }

    /// Somebody who has a place.
    pub fn join(self: &Arc<Self>, from: Option<IpAddr>) -> Arc<Seat> {
        let leave = Arc::new(Notify::new());
        let mut all = self.lock();
        let number = all.next;
        all.next += 1;
        let of = self.of(from);
        let moves = Arc::new(Moves::default());
        let taken = Taken {
            of,
            idle: Some(Instant::now()),
            moves: moves.clone(),
            is_slow: false,
            leaves: false,
            leave: leave.clone(),
        };
        all.seats.insert(number, taken);
        drop(all);
        Arc::new(Seat { crowd: self.clone(), number, moves, leave })
    }

    fn of(&self, from: Option<IpAddr>) -> Option<Network> {
        let from = from.filter(|from| !self.proxies.iter().any(|proxy| proxy.contains(*from)))?;
        subscriber(from)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who gives way, the first of them first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Gives {
    /// Nothing is answered and nothing is to be sent, since then.
    Idle(Instant),
    /// Nothing is answered any more, since then, but the peer has not taken all of it yet.
    Taking(Instant),
    /// The rest of a body does not come, since then.
    Halting(Instant),
    /// The peer does not read what is sent.
    Slow,
}

impl Taken {
    fn gives(&self) -> Option<Gives> {
        match self.idle {
            Some(since) if self.moves.is_stuck() => Some(Gives::Taking(since)),
            Some(since) => Some(Gives::Idle(since)),
            None => {
                let halting = self.moves.awaited_since(BODY_STILL).map(Gives::Halting);
                halting.or(self.is_slow.then_some(Gives::Slow))
            }
        }
    }

    /// Has one who was asked to end a reason to stay?
    fn lingers(&self) -> bool {
        match self.gives() {
            Some(Gives::Idle(_) | Gives::Halting(_) | Gives::Slow) => false,
            Some(Gives::Taking(since)) => self.moves.still() < LEAVE_STILL && since.elapsed() < LEAVE_TIMEOUT,
            None => true,
        }
    }
}

fn give_way(all: &mut All, of: impl Fn(&Taken) -> bool) -> bool {
    let seats = all.seats.values_mut().filter(|taken| of(taken));
    let ready = seats.filter_map(|taken| taken.gives().map(|gives| (gives, taken)));
    let Some((_, first)) = ready.min_by(|(one, _), (other, _)| one.cmp(other)) else { return false };
    first.leaves = true;
    first.leave.notify_one();
    true
}

impl Seat {
    /// Resolves when somebody else is to have the place.
    pub async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// A request is being answered from now on.
    pub fn answers(self: &Arc<Self>) -> Answering {
        self.set(None);
        Answering(self.clone())
    }

    /// Is a request of it being answered?
    pub fn is_answering(&self) -> bool {
        self.crowd.lock().seats.get(&self.number).is_some_and(|taken| taken.idle.is_none())
    }

    /// How bytes move on it.
    pub fn moves(&self) -> &Arc<Moves> {
        &self.moves
    }

    /// Has one who was asked to end a reason to stay for a while? A request that is being answered is one,
    /// and so is the rest of an answer that is being taken.
    pub fn lingers(&self) -> bool {
        self.crowd.lock().seats.get(&self.number).is_some_and(Taken::lingers)
    }

    /// Does the peer read what is sent? One who does not gives way.
    pub fn reads(&self, reads: bool) {
        let mut all = self.crowd.lock();
        let Some(taken) = all.seats.get_mut(&self.number) else { return };
        let is_new = !std::mem::replace(&mut taken.is_slow, !reads) && !reads;
        drop(all);
        if is_new {
            self.crowd.idled.notify_waiters();
        }
    }

    fn set(&self, idle: Option<Instant>) {
        if let Some(taken) = self.crowd.lock().seats.get_mut(&self.number) {
            taken.idle = idle;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.lock().seats.remove(&self.number);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set(Some(Instant::now()));
        self.0.crowd.idled.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Which of them were asked to end.
    fn left(crowd: &Crowd, seats: &[Arc<Seat>]) -> Vec<usize> {
        let all = crowd.lock();
        (0..seats.len()).filter(|at| all.seats[&seats[*at].number].leaves).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_idlest_gives_way_and_who_is_answered_does_not() {
        let crowd = Crowd::new(10, Vec::new());
        let mut seats = Vec::new();
        for _ in 0..4 {
            seats.push(crowd.join(ip("10.0.0.1")));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let _answered = seats[0].answers();
        drop(seats[1].answers());
        assert!(crowd.give_way());
        assert_eq!(left(&crowd, &seats), [2]);
        assert!(crowd.give_way() && crowd.give_way());
        assert_eq!(left(&crowd, &seats), [1, 2, 3]);
        assert!(!crowd.give_way() && seats[0].lingers());
        // Who does not read is not answered for ever.
        seats[0].reads(false);
        assert!(crowd.give_way() && !seats[0].lingers());
    }

    #[tokio::test]
    async fn one_address_has_a_share_and_a_proxy_has_none() {
        let crowd = Crowd::new(2, vec![Network::parse("10.9.0.0/16").unwrap()]);
        let seats = ["2001:db8::1", "2001:db8::2", "10.0.0.1", "10.9.0.1", "10.9.0.1", "10.9.0.1"];
        let seats = seats.map(|text| crowd.join(ip(text)));
        let answered = seats.each_ref().map(Seat::answers);
        let lets = |text: &str| crowd.lets_in(ip(text));
        assert!(!lets("2001:db8::3") && lets("2001:db8:0:1::3") && lets("10.0.0.1") && lets("10.9.0.1"));
        drop(answered);
        // Of the same address one is idle now and ends.
        assert!(lets("2001:db8::3") && crowd.lets_in(None));
        assert_eq!(left(&crowd, &seats).len(), 1);
    }
}
