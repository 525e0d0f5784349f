//! Faults that tests put in the way of the disk.
//!
//! In a release build without the hook set this is one load of a number. Not a feature: the
//! crash and fault tests drive the same code that runs in production.

use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

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

/// Something cannot be read: nobody looks further where it never was so.
static ANY_UNREADABLE: AtomicBool = AtomicBool::new(false);
static UNREADABLE: Mutex<Vec<(PathBuf, Range<u64>)>> = Mutex::new(Vec::new());

/// Makes every read of some bytes of a file fail with EIO, in all threads; an empty range at 0 makes
/// opening it fail.
#[doc(hidden)]
pub fn make_unreadable(path: &Path, bytes: Range<u64>) {
    ANY_UNREADABLE.store(true, Ordering::Relaxed);
    UNREADABLE.lock().unwrap_or_else(PoisonError::into_inner).push((path.to_owned(), bytes));
}

/// Undoes it.
#[doc(hidden)]
pub fn make_readable(path: &Path) {
    UNREADABLE.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| of != path);
}

/// Fails if a test wants these bytes to be unreadable.
pub(crate) fn check_read(path: &Path, bytes: Range<u64>) -> io::Result<()> {
    if !ANY_UNREADABLE.load(Ordering::Relaxed) {
        return Ok(());
    }
    let unreadable = UNREADABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let hit = |bad: &Range<u64>| *bad == bytes || (bad.start < bytes.end && bytes.start < bad.end);
    match unreadable.iter().any(|(of, bad)| of == path && hit(bad)) {
        true => Err(rustix::io::Errno::IO.into()),
        false => Ok(()),
    }
}
