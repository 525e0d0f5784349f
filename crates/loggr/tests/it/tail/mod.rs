//! Files that other programs write: found, read on, through every rotation and crash, each line once.

mod basics;
mod odd;
mod rotation;
mod said;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Loggr, Setup, count_seqs, until};

/// How long everything may take to come to rest.
const PATIENCE_SECONDS: u64 = 60;

/// A loggr with a listener of files, and the directory in which they are.
pub struct Watching {
    pub loggr: Loggr,
    directory: TempDir,
}

impl Watching {
    /// It reads what this pattern names in the directory.
    #[track_caller]
    pub fn start(pattern: &str, keys: &str) -> Watching {
        let directory = tempfile::tempdir().expect("a directory");
        let loggr = Loggr::with(setup(directory.path(), pattern, keys));
        Watching { loggr, directory }
    }

    /// The same, not started, with these files.
    pub fn down(pattern: &str, keys: &str, files: &[(&str, &str)]) -> Watching {
        let directory = tempfile::tempdir().expect("a directory");
        let loggr = Loggr::down(setup(directory.path(), pattern, keys));
        let watching = Watching { loggr, directory };
        files.iter().for_each(|(name, text)| watching.write(name, text));
        watching
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file anew.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a file");
    }

    /// Writes something at the end of a file.
    pub fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        use std::io::Write;
        let file = std::fs::OpenOptions::new().append(true).create(true).open(self.path(name));
        file.expect("a file").write_all(bytes.as_ref()).expect("it is written");
    }

    /// Renames a file.
    pub fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).expect("it is renamed");
    }

    /// Waits until the sinks hold the lines with these numbers, each once.
    #[track_caller]
    pub fn holds(&self, numbers: impl IntoIterator<Item = u64>) {
        let expect: BTreeMap<u64, u32> = numbers.into_iter().map(|n| (n, 1)).collect();
        let total = expect.len() as u64;
        let mut found = BTreeMap::new();
        let is_there = || {
            found = count_seqs(self.loggr.lines().iter().map(String::as_str));
            found.len() as u64 >= total
        };
        let what = format!("{total} lines are in the files");
        let patience = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(&what, PATIENCE_SECONDS, is_there)
        }));
        let missing: Vec<_> = expect.keys().filter(|n| !found.contains_key(n)).collect();
        let twice: Vec<_> =
            found.iter().filter(|(n, times)| **times != 1 || !expect.contains_key(n)).collect();
        let few = |all: usize| all.min(20);
        assert!(
            patience.is_ok() && missing.is_empty() && twice.is_empty(),
            "{} missing {:?}, {} too often {:?}; of the files: {}",
            missing.len(),
            &missing[..few(missing.len())],
            twice.len(),
            &twice[..few(twice.len())],
            self.files()
        );
        self.counted(total);
    }

    /// Waits until the store holds so many events.
    #[track_caller]
    pub fn counted(&self, total: u64) {
        let mut counted = String::new();
        let is_counted = || {
            counted = self.loggr.ask(&["count", "listener:files OR NOT listener:files"]);
            counted.trim() == total.to_string()
        };
        until(&format!("{total} events are in the store"), PATIENCE_SECONDS, is_counted);
    }

    /// What the status says of the listener's files.
    #[track_caller]
    pub fn files(&self) -> Value {
        let status = self.loggr.status();
        let listeners = status["listeners"].as_array().expect("listeners");
        listeners.iter().find(|l| l["name"] == "files").map(|l| l["files"].clone()).unwrap_or_default()
    }

    /// Waits for a trouble that says so.
    #[track_caller]
    pub fn says(&self, what: &str) {
        until(&format!("`{what}` is said"), PATIENCE_SECONDS, || {
            self.files()["troubles"].to_string().contains(what)
        });
    }
}

/// A configuration with a listener of files.
pub fn setup(directory: &Path, pattern: &str, keys: &str) -> Setup {
    let paths: Vec<PathBuf> = pattern.split(' ').map(|pattern| directory.join(pattern)).collect();
    let more = format!(
        "[[listener]]\nname = \"files\"\nprotocol = \"file\"\nexchange = \"received\"\npath = {paths:?}\n{keys}\n"
    );
    Setup { more, ..Setup::default() }
}

/// Numbered lines.
pub fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|n| format!("seq={n:09} something has happened\n")).collect()
}
