//! Faults that tests put in the way of the disk.
//!
//! In a release build without the hook set this is one load of a number. Not a feature: the
//! crash and fault tests drive the same code that runs in production.

use std::cell::Cell;
use std::io;

thread_local! {
    static NEXT: Cell<Option<(&'static str, u32)>> = const { Cell::new(None) };
}

/// Makes the operation called `place` of this thread fail once, after `skip` times that it works.
#[doc(hidden)]
pub fn arm(place: &'static str, skip: u32) {
    NEXT.set(Some((place, skip)));
}

/// Fails if a test wants this place to fail now.
pub(crate) fn check(place: &str) -> io::Result<()> {
    match NEXT.get() {
        Some((armed, 0)) if armed == place => {
            NEXT.set(None);
            Err(io::Error::other(format!("injected fault at {place}")))
        }
        Some((armed, skip)) if armed == place => {
            NEXT.set(Some((armed, skip - 1)));
            Ok(())
        }
        _ => Ok(()),
    }
}
