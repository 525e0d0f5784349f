//! What is counted and said of the files of one listener, for status and log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::process::meter::Counter;

/// Troubles that are kept, at most.
const MAX_TROUBLES: usize = 100;

/// A number that is told anew.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// It is so many now.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Numbers of the files of one listener.
#[derive(Debug, Default)]
pub struct FileStats {
    /// Files that are read.
    pub watched: Gauge,
    /// Files that are open.
    pub open: Gauge,
    /// Bytes that were seen in them and are not durable yet.
    pub behind: Gauge,
    /// Milliseconds since the oldest line came that was not read.
    pub oldest_ms: Gauge,
    /// Files that were truncated, or replaced, while they were read: there may be a gap.
    pub truncated: Counter,
    /// Files that are gone though bytes had been seen in them that were not read.
    pub gaps: Counter,
    /// Those bytes.
    pub gap_bytes: Counter,
    troubles: Mutex<BTreeMap<String, String>>,
}

impl FileStats {
    /// Something is wrong with a file, or with a pattern. True if it was not known.
    pub fn trouble(&self, of: &Path, what: &str) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let of = of.display().to_string();
        if troubles.len() >= MAX_TROUBLES && !troubles.contains_key(&of) {
            return false;
        }
        troubles.insert(of, what.to_owned()).is_none_or(|old| old != what)
    }

    /// Nothing is wrong with it any more. True if something was.
    pub fn fine(&self, of: &Path) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        !troubles.is_empty() && troubles.remove(&of.display().to_string()).is_some()
    }

    /// Forgets the troubles of all for which this does not hold.
    pub fn keep(&self, still: impl Fn(&Path) -> bool) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|of, _| still(Path::new(of)));
    }

    /// What is wrong, a sentence for each file.
    pub fn troubles(&self) -> Vec<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(of, what)| format!("`{of}`: {what}")).collect()
    }
}
