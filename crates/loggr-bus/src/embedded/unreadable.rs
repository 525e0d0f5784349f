//! The places from which a queue cannot be read at the moment: since when, and why.
//!
//! Not the damage that such a place becomes after a while: that is the log's. Invariant: a
//! place is tried again by the clock, however many consumers ask, and leaves the list when
//! it was read or passed, by nothing else.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::position::Place;

/// A place that could not be read is left alone for so long: each try may take the disk seconds.
const READ_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Failed {
    since: Instant,
    again: Instant,
    error: String,
}

/// The places of one queue, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Unreadable {
    any: AtomicBool,
    places: Mutex<BTreeMap<Place, Failed>>,
}

impl Unreadable {
    /// Is there one? Costs next to nothing.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// The place could not be read. True if all could be before.
    pub fn failed(&self, place: Place, error: String) -> bool {
        let mut places = self.places();
        let now = Instant::now();
        let news = places.is_empty();
        let since = places.get(&place).map_or(now, |failed| failed.since);
        places.insert(place, Failed { since, again: now + READ_AGAIN, error });
        self.any.store(true, Ordering::Relaxed);
        news
    }

    /// The place was read, or is passed. True if it was the last one.
    pub fn read(&self, place: Place) -> bool {
        if !self.any() {
            return false;
        }
        let mut places = self.places();
        let known = places.remove(&place).is_some();
        self.any.store(!places.is_empty(), Ordering::Relaxed);
        known && places.is_empty()
    }

    /// Nothing of it is needed any more. True if there was any.
    pub fn clear(&self) -> bool {
        let mut places = self.places();
        let any = !places.is_empty();
        places.clear();
        self.any.store(false, Ordering::Relaxed);
        any
    }

    /// The place is not to be tried now.
    pub fn rests(&self, place: Place) -> bool {
        self.any() && self.places().get(&place).is_some_and(|failed| Instant::now() < failed.again)
    }

    /// For how long the place could not be read.
    pub fn lasts(&self, place: Place) -> Duration {
        self.places().get(&place).map_or(Duration::ZERO, |failed| failed.since.elapsed())
    }

    /// Why the first one cannot be read.
    pub fn text(&self) -> Option<String> {
        self.places().values().next().map(|failed| failed.error.clone())
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<Place, Failed>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_place_has_its_own_time_and_goes_by_itself() {
        let (a, b) = ((1, 4096), (2, 4096));
        let unreadable = Unreadable::default();
        assert!(!unreadable.any() && !unreadable.read(a) && !unreadable.rests(a));
        assert!(unreadable.failed(a, "a".to_owned()));
        tokio::time::advance(READ_AGAIN * 3).await;
        assert!(!unreadable.failed(b, "b".to_owned()));
        assert!(!unreadable.rests(a) && unreadable.rests(b));
        assert_eq!((unreadable.lasts(a), unreadable.lasts(b)), (READ_AGAIN * 3, Duration::ZERO));
        assert!(!unreadable.failed(a, "again".to_owned()) && unreadable.rests(a));
        assert_eq!(unreadable.text().as_deref(), Some("again"));
        assert!(!unreadable.read((3, 0)) && !unreadable.read(b) && unreadable.any());
        assert!(unreadable.read(a) && !unreadable.any() && unreadable.text().is_none());
    }
}
