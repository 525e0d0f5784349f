//! What is wrong with a part of the bus at the moment, for whoever asks.
//!
//! Not a log: a trouble is told once when it comes, and is gone when the part works again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A trouble that may be there.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    raised: AtomicBool,
    text: Mutex<Option<String>>,
}

impl Trouble {
    /// It is there. True if it was not before.
    pub fn raise(&self, text: impl Into<String>) -> bool {
        *self.lock() = Some(text.into());
        !self.raised.swap(true, Ordering::SeqCst)
    }

    /// It is over. True if it was there. Costs next to nothing while nothing is wrong.
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
