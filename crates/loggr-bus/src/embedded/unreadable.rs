//! The places from which a queue cannot be read at the moment: since when, and why.
//!
//! The log turns such a place into damage after a while. Invariant: a place is tried again after a
//! fixed time, however many consumers ask, and leaves the list only when it was read or skipped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::position::Place;

/// How long a place that could not be read is left alone, because each try may take the disk
/// seconds.
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
    /// Whether there is such a place. Costs next to nothing.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Notes that the place could not be read. True if there was no such place before.
    pub fn failed(&self, place: Place, error: String) -> bool {
        let mut places = self.places();
        let now = Instant::now();
        let news = places.is_empty();
        let since = places.get(&place).map_or(now, |failed| failed.since);
        places.insert(place, Failed { since, again: now + READ_AGAIN, error });
        self.any.store(true, Ordering::Relaxed);
        news
    }

    /// Notes that the place was read or skipped. True if it was the last such place.
    pub fn read(&self, place: Place) -> bool {
        if !self.any() {
            return false;
        }
        let mut places = self.places();
        let known = places.remove(&place).is_some();
        self.any.store(!places.is_empty(), Ordering::Relaxed);
        known && places.is_empty()
    }

    /// Forgets all places. True if there was one.
    pub fn clear(&self) -> bool {
        let mut places = self.places();
        let any = !places.is_empty();
        places.clear();
        self.any.store(false, Ordering::Relaxed);
        any
    }

    /// Whether the place should not be tried now.
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
