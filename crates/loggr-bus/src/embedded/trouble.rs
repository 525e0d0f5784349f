//! A trouble of a part of the bus that lasts, such as a disk that cannot be written.
//!
//! It is logged once when it comes, shown in the status while it lasts, and gone when the part
//! works again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A trouble, or none.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    raised: AtomicBool,
    text: Mutex<Option<String>>,
}

impl Trouble {
    /// Notes the trouble. True if there was none before.
    pub fn raise(&self, text: impl Into<String>) -> bool {
        *self.lock() = Some(text.into());
        !self.raised.swap(true, Ordering::SeqCst)
    }

    /// Notes that the trouble is over. True if there was one. Costs next to nothing while nothing
    /// is wrong.
    pub fn clear(&self) -> bool {
        if !self.raised.load(Ordering::Relaxed) {
            return false;
        }
        *self.lock() = None;
        self.raised.swap(false, Ordering::SeqCst)
    }

    /// In words.
    pub fn text(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_news_once() {
        let trouble = Trouble::default();
        assert!(!trouble.clear());
        assert!(trouble.raise("a") && !trouble.raise("b"));
        assert_eq!(trouble.text().as_deref(), Some("b"));
        assert!(trouble.clear() && trouble.text().is_none() && trouble.raise("c"));
    }
}
