//! The number of slots is the in-flight limit: RELP window, AMQP prefetch, lease count.
//!
//! A slot is reserved before the delivery exists, so settling can never block and
//! never fail for want of room.

use tokio::sync::mpsc;

use crate::delivery::{Ack, Outcome};

/// Hands out slots; waits when all are taken.
#[derive(Debug)]
pub struct Window<T>(mpsc::Sender<(T, Outcome)>);

impl<T> Clone for Window<T> {
    fn clone(&self) -> Window<T> {
        Window(self.0.clone())
    }
}

/// The right to have one delivery in flight.
#[derive(Debug)]
pub struct Slot<T>(mpsc::OwnedPermit<(T, Outcome)>);

/// Outcomes in the order in which they were settled. Taking one frees its slot.
#[derive(Debug)]
pub struct Settlements<T>(mpsc::Receiver<(T, Outcome)>);

/// A window of `n` slots, at least 1.
pub fn window<T: Send + 'static>(n: usize) -> (Window<T>, Settlements<T>) {
    let (tx, rx) = mpsc::channel(n.max(1));
    (Window(tx), Settlements(rx))
}

impl<T: Send + 'static> Window<T> {
    /// Waits for a slot; `None` when nobody listens to the settlements any more.
    pub async fn reserve(&self) -> Option<Slot<T>> {
        self.0.clone().reserve_owned().await.ok().map(Slot)
    }

    /// A slot, if one is free now.
    pub fn try_reserve(&self) -> Option<Slot<T>> {
        self.0.clone().try_reserve_owned().ok().map(Slot)
    }

    /// Slots that are free now.
    pub fn free(&self) -> usize {
        self.0.capacity()
    }
}

impl<T: Send + Sync + 'static> Slot<T> {
    /// An ack that reports `token` and the outcome.
    pub fn ack(self, token: T) -> Ack {
        Ack::new(move |outcome| {
            self.0.send((token, outcome));
        })
    }
}

impl<T> Settlements<T> {
    /// The next outcome; `None` when the window and all its acks are gone.
    pub async fn next(&mut self) -> Option<(T, Outcome)> {
        self.0.recv().await
    }

    /// The next outcome, if there is one now.
    pub fn try_next(&mut self) -> Option<(T, Outcome)> {
        self.0.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_window_gives_no_slot_until_one_is_settled_and_taken() {
        let (window, mut settlements) = window(1);
        let ack = window.try_reserve().unwrap().ack(7);
        assert!(window.try_reserve().is_none());
        drop(ack);
        assert!(window.try_reserve().is_none());
        assert_eq!(settlements.next().await, Some((7, Outcome::Nack)));
        assert!(window.try_reserve().is_some());
    }
}
