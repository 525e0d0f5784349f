//! What a harvest counts, and what it says of its files. Read by status and metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loggr_event::Timestamp;

use crate::process::meter::Counter;
use crate::process::progress::{Progress, Words};

const WORDS: Words = Words {
    kind: "harvest",
    stuck: "the queue takes nothing; files have to wait",
    again: "the queue takes events again",
    rescued: "these events are not accepted",
};

/// Troubles of files that are shown, at most.
const MAX_TROUBLES: usize = 10;

/// A file of which the last is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its path below the directory.
    pub path: String,
    /// When.
    pub at: Timestamp,
    /// Its lines, or what was wrong with it.
    pub what: String,
}

/// Counters of one harvest since the process started.
#[derive(Debug)]
pub struct HarvestStats {
    /// Its name, and what the bus holds durably of what it read.
    pub progress: Arc<Progress>,
    /// Lines read, again after a crash included.
    pub lines: Counter,
    /// Bytes of those lines.
    pub bytes: Counter,
    /// Lines cut to the limit.
    pub truncated: Counter,
    /// Files all of whose lines were taken.
    pub done: Counter,
    /// Files that were known, and gave no events.
    pub again: Counter,
    /// Files that went to `failed`.
    pub failed: Counter,
    /// Files that are being read.
    pub in_hand: Counter,
    /// Tries with a file, or looks at the directory, that failed.
    pub troubles_total: Counter,
    /// Files that are there and were not begun.
    waiting: AtomicU64,
    /// Files with temporary names.
    temporary: AtomicU64,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    last: Option<Told>,
    last_failed: Option<Told>,
    /// Why the directory cannot be looked at.
    directory: Option<String>,
    /// Files that cannot be taken at the moment, the latest last.
    files: Vec<(String, String)>,
}

impl HarvestStats {
    /// All zero.
    pub fn new(name: &str) -> HarvestStats {
        HarvestStats {
            progress: Arc::new(Progress::new(name, &WORDS)),
            lines: Counter::default(),
            bytes: Counter::default(),
            truncated: Counter::default(),
            done: Counter::default(),
            again: Counter::default(),
            failed: Counter::default(),
            in_hand: Counter::default(),
            troubles_total: Counter::default(),
            waiting: AtomicU64::new(0),
            temporary: AtomicU64::new(0),
            said: Mutex::default(),
        }
    }

    /// Notes what is in the directory.
    pub fn saw(&self, waiting: usize, temporary: usize) {
        self.waiting.store(waiting as u64, Ordering::Relaxed);
        self.temporary.store(temporary as u64, Ordering::Relaxed);
    }

    /// Files that are there and were not begun, and files with temporary names.
    pub fn seen(&self) -> (u64, u64) {
        (self.waiting.load(Ordering::Relaxed), self.temporary.load(Ordering::Relaxed))
    }

    /// A file was taken.
    pub fn took(&self, told: Told) {
        let mut said = self.said();
        said.files.retain(|(path, _)| *path != told.path);
        said.last = Some(told);
    }

    /// A file went to `failed`.
    pub fn refused(&self, told: Told) {
        let mut said = self.said();
        said.files.retain(|(path, _)| *path != told.path);
        said.last_failed = Some(told);
    }

    /// The last file that was taken, and the last that was refused.
    pub fn last(&self) -> (Option<Told>, Option<Told>) {
        let said = self.said();
        (said.last.clone(), said.last_failed.clone())
    }

    /// The directory cannot be looked at, or can again. True if that is news.
    pub fn directory(&self, trouble: Option<String>) -> bool {
        self.troubles_total.add(u64::from(trouble.is_some()));
        let mut said = self.said();
        let is_news = said.directory != trouble;
        said.directory = trouble;
        is_news
    }

    /// A file cannot be taken at the moment. True if that is news.
    pub fn trouble(&self, path: &str, why: &str) -> bool {
        self.troubles_total.add(1);
        let mut said = self.said();
        if said.files.iter().any(|known| known == &(path.to_owned(), why.to_owned())) {
            return false;
        }
        said.files.retain(|(known, _)| known != path);
        if said.files.len() >= MAX_TROUBLES {
            said.files.remove(0);
        }
        said.files.push((path.to_owned(), why.to_owned()));
        true
    }

    /// Only these files are there: the troubles of others are over.
    pub fn keep_troubles(&self, is_there: impl Fn(&str) -> bool) {
        self.said().files.retain(|(path, _)| is_there(path));
    }

    /// What is wrong at the moment: first the directory, then the latest file.
    pub fn worry(&self) -> Option<String> {
        let said = self.said();
        let file = said.files.last().map(|(path, why)| format!("`{path}`: {why}"));
        said.directory.clone().or(file)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_news_once_and_ends_with_its_file() {
        let stats = HarvestStats::new("a");
        assert!(stats.trouble("x", "no") && !stats.trouble("x", "no") && stats.trouble("x", "never"));
        assert_eq!(stats.worry().as_deref(), Some("`x`: never"));
        let told = |path: &str| Told { path: path.to_owned(), at: Timestamp::default(), what: String::new() };
        stats.took(told("x"));
        assert_eq!(stats.worry(), None);
        for n in 0..2 * MAX_TROUBLES {
            assert!(stats.trouble(&n.to_string(), "no"));
        }
        stats.keep_troubles(|path| path == "15");
        assert_eq!(stats.worry().as_deref(), Some("`15`: no"));
        assert!(stats.directory(Some("gone".to_owned())));
        assert_eq!(stats.worry().as_deref(), Some("gone"));
        assert!(stats.directory(None) && !stats.directory(None));
        assert_eq!(stats.troubles_total.get(), 3 + 2 * MAX_TROUBLES as u64 + 1);
    }
}
