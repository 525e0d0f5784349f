//! The start of `loggr send`: its connections wait for each other, so that the first line leaves when all of
//! them stand, and the time of connecting is no part of the time of sending.
//!
//! Invariant: nobody waits for ever. A connection that is dropped before it stood ends the waiting of all
//! others, and then no line is sent.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where all connections begin at the same time.
#[derive(Debug)]
pub struct Start {
    connections: usize,
    called: Instant,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// Connections that stand.
    standing: usize,
    /// All of them stood.
    begun: Option<Instant>,
    /// One of them will never stand.
    is_off: bool,
}

/// The place of one connection.
#[derive(Debug)]
pub struct Place {
    start: Arc<Start>,
    number: usize,
    stood: Cell<bool>,
}

/// How long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Until all connections stood.
    pub connecting: Duration,
    /// From then on; nothing where they never did.
    pub sending: Duration,
}

impl Start {
    /// For so many connections, which begin to connect now.
    pub fn new(connections: usize) -> Arc<Start> {
        Arc::new(Start {
            connections,
            called: Instant::now(),
            inner: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// The places of all connections.
    pub fn places(self: &Arc<Start>) -> impl Iterator<Item = Place> + use<> {
        let start = self.clone();
        (0..self.connections).map(move |number| Place {
            start: start.clone(),
            number,
            stood: Cell::new(false),
        })
    }

    /// How long it took until now.
    pub fn times(&self) -> Times {
        let (now, begun) = (Instant::now(), self.lock().begun);
        Times {
            connecting: begun.unwrap_or(now).saturating_duration_since(self.called),
            sending: begun.map_or(Duration::ZERO, |begun| now.saturating_duration_since(begun)),
        }
    }

    /// How many connections stood, if they did not all: then nothing was sent.
    pub fn failed(&self) -> Option<usize> {
        let inner = self.lock();
        inner.begun.is_none().then_some(inner.standing)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// This connection stands: waits for the others. Gives the moment when all of them did, or `None` where
    /// one of them never will.
    pub fn stands(&self) -> Option<Instant> {
        let mut inner = self.start.lock();
        if !self.stood.replace(true) {
            inner.standing += 1;
            if inner.standing == self.start.connections && !inner.is_off {
                inner.begun = Some(Instant::now());
                self.start.changed.notify_all();
            }
        }
        while inner.begun.is_none() && !inner.is_off {
            inner = self.start.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.begun
    }

    /// One of the connections will never stand, so that no line is sent.
    pub fn is_off(&self) -> bool {
        self.start.lock().is_off
    }

    /// When its first line leaves, if each connection sends one in this time: not all at once.
    pub fn first(&self, begun: Instant, pace: Option<Duration>) -> Instant {
        let share = self.number as f64 / self.start.connections.max(1) as f64;
        pace.map_or(begun, |pace| begun + pace.mul_f64(share))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.stood.get() {
            self.start.lock().is_off = true;
            self.start.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_begin_when_the_last_one_stands() {
        let start = Start::new(3);
        let mut places: Vec<Place> = start.places().collect();
        let last = places.pop().unwrap();
        let waiting: Vec<_> =
            places.into_iter().map(|place| std::thread::spawn(move || place.stands())).collect();
        while start.failed() != Some(2) {
            std::thread::yield_now();
        }
        let begun = last.stands();
        assert!(begun.is_some() && start.failed().is_none());
        for waiter in waiting {
            assert_eq!(waiter.join().unwrap(), begun);
        }
        assert_eq!(last.stands(), begun, "who connects again waits for nobody");
    }

    #[test]
    fn one_that_never_stands_ends_the_waiting_of_all() {
        let start = Start::new(2);
        let mut places = start.places();
        let (one, other) = (places.next().unwrap(), places.next().unwrap());
        let waiter = std::thread::spawn(move || (one.stands(), one.is_off()));
        while start.failed() != Some(1) {
            std::thread::yield_now();
        }
        drop(other);
        assert_eq!(waiter.join().unwrap(), (None, true));
        assert_eq!((start.failed(), start.times().sending), (Some(1), Duration::ZERO));
    }

    #[test]
    fn connections_take_turns() {
        let start = Start::new(4);
        let (now, pace) = (Instant::now(), Duration::from_millis(400));
        let first: Vec<u128> =
            start.places().map(|place| (place.first(now, Some(pace)) - now).as_millis()).collect();
        assert_eq!(first, [0, 100, 200, 300]);
        assert!(start.places().all(|place| place.first(now, None) == now));
    }
}
