//! Who is connected to the web address: who is being answered, who is idle, and who gives way.
//!
//! When all places are taken, the connection that is idle for longest ends for a new one. So that nobody
//! takes all of them by asking, one address has a share. Not the places themselves: those are the gate's
//! (`process/gate.rs`). Invariant: a connection whose request is being answered, be it a feed, an export
//! or a query, never ends for another one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loggr_net::Network;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::access::slow::subscriber;

/// All who are connected.
#[derive(Debug)]
pub struct Crowd {
    /// Connections of one address at one time.
    most: usize,
    /// Proxies, whose connections are those of many.
    proxies: Vec<Network>,
    all: Mutex<All>,
    /// Somebody has become idle.
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
    /// It was asked to end.
    leaves: bool,
    leave: Arc<Notify>,
}

/// One who is connected.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
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

    /// Asks the one who is idle for longest to end; false where nobody is idle.
    pub fn give_way(&self) -> bool {
        give_way(&mut self.lock(), |taken| !taken.leaves)
    }

    /// The next time that somebody becomes idle, from now on.
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
        all.seats
            .insert(number, Taken { of, idle: Some(Instant::now()), leaves: false, leave: leave.clone() });
        drop(all);
        Arc::new(Seat { crowd: self.clone(), number, leave })
    }

    fn of(&self, from: Option<IpAddr>) -> Option<Network> {
        let from = from.filter(|from| !self.proxies.iter().any(|proxy| proxy.contains(*from)))?;
        subscriber(from)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_way(all: &mut All, of: impl Fn(&Taken) -> bool) -> bool {
    let idle = all.seats.values_mut().filter(|taken| of(taken) && taken.idle.is_some());
    let Some(idlest) = idle.min_by_key(|taken| taken.idle) else { return false };
    idlest.leaves = true;
    idlest.leave.notify_one();
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

    /// Is nothing answered at the moment?
    pub fn is_idle(&self) -> bool {
        self.crowd.lock().seats.get(&self.number).is_none_or(|taken| taken.idle.is_some())
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
        assert!(!crowd.give_way() && !seats[0].is_idle());
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
