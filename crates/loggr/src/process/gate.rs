//! Places for connections: how many a door (a listener or web address) may have, and how many of
//! them are reserved for it.
//!
//! Every connection takes a descriptor, whose number is limited. If the limits of all doors fit,
//! each door has its own places. If they do not, each has some of its own, and the rest goes to the
//! doors that need them first, so that many connections at one door never close another. A
//! connection without a place waits; the door sees to that.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one door.
#[derive(Clone, Debug)]
pub struct Gate {
    limit: usize,
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    common: Arc<Semaphore>,
}

/// One place. It is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_these: OwnedSemaphorePermit,
}

impl Gate {
    /// At most `limit` places: `own` reserved ones, and those of the `common` ones that are free.
    pub fn new(limit: usize, own: usize, common: &Arc<Semaphore>) -> Gate {
        Gate {
            limit,
            all: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            own: Arc::new(Semaphore::new(own.min(Semaphore::MAX_PERMITS))),
            common: common.clone(),
        }
    }

    /// Connections at one time.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A place, if one is free.
    pub fn try_enter(&self) -> Option<Place> {
        let all = self.all.clone().try_acquire_owned().ok()?;
        let of_these =
            self.own.clone().try_acquire_owned().or_else(|_| self.common.clone().try_acquire_owned());
        Some(Place { _of_all: all, _of_these: of_these.ok()? })
    }

    /// The next place that becomes free.
    pub async fn enter(&self) -> Place {
        const OPEN: &str = "BUG: a gate is never closed";
        let all = self.all.clone().acquire_owned().await.expect(OPEN);
        let of_these = tokio::select! {
            biased;
            own = self.own.clone().acquire_owned() => own,
            common = self.common.clone().acquire_owned() => common,
        };
        Place { _of_all: all, _of_these: of_these.expect(OPEN) }
    }

    /// Whether there is more than one free place again.
    pub fn has_room(&self) -> bool {
        let free = self
            .all
            .available_permits()
            .min(self.own.available_permits().saturating_add(self.common.available_permits()));
        free > self.limit / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_at_one_door_leaves_the_other_its_own_places() {
        let common = Arc::new(Semaphore::new(10));
        let (first, second) = (Gate::new(100, 5, &common), Gate::new(100, 5, &common));
        let crowd: Vec<Place> = std::iter::from_fn(|| first.try_enter()).collect();
        assert_eq!(crowd.len(), 15);
        let honest: Vec<Place> = std::iter::from_fn(|| second.try_enter()).collect();
        assert_eq!(honest.len(), 5);
        drop(crowd);
        let more: Vec<Place> = std::iter::from_fn(|| second.try_enter()).collect();
        assert_eq!(more.len(), 10);
    }

    #[test]
    fn a_limit_holds_whatever_is_free() {
        let common = Arc::new(Semaphore::new(10));
        let gate = Gate::new(3, 2, &common);
        assert!(gate.has_room());
        let places: Vec<Place> = std::iter::from_fn(|| gate.try_enter()).collect();
        assert_eq!((places.len(), gate.has_room(), common.available_permits()), (3, false, 9));
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_place_of_either_kind() {
        let common = Arc::new(Semaphore::new(1));
        let gate = Gate::new(2, 1, &common);
        let (own, other) = (gate.enter().await, gate.enter().await);
        assert!(gate.try_enter().is_none());
        drop(other);
        let again = gate.enter().await;
        drop(own);
        gate.enter().await;
        drop(again);
    }
}
