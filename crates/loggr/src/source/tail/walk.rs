//! Finds the files of a pattern: walks through the directories that can lead to one.
//!
//! Only names and what the file system says of them; nothing is opened but directories. A link is followed,
//! but not below `**`, where links could lead in circles.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::{Exclusion, Pattern, Step};

/// Names that one scan looks at, at most.
const MAX_NAMES: usize = 2_000_000;

/// What a scan has found.
#[derive(Debug)]
pub struct Walk<'e> {
    exclude: &'e [Exclusion],
    /// The files, each once, in the order of their names within a directory.
    pub files: Vec<(PathBuf, Metadata)>,
    /// What could not be looked at.
    pub errors: Vec<(PathBuf, io::Error)>,
    seen: HashSet<(u64, u64)>,
    names: usize,
    most: usize,
    /// There were more.
    pub is_full: bool,
}

impl<'e> Walk<'e> {
    /// Without these; at most so many files.
    pub fn new(exclude: &'e [Exclusion], most: usize) -> Walk<'e> {
        Walk {
            exclude,
            files: Vec::new(),
            errors: Vec::new(),
            seen: HashSet::new(),
            names: 0,
            most,
            is_full: false,
        }
    }

    /// Looks for the files of a pattern. True if there are any, whether they were found before or not.
    pub fn find(&mut self, pattern: &Pattern) -> bool {
        self.step(pattern.base(), pattern.steps())
    }

    fn step(&mut self, directory: &Path, steps: &[Step]) -> bool {
        let Some((step, rest)) = steps.split_first() else { return false };
        match step {
            Step::Name(name) => self.one(&directory.join(name), rest),
            Step::Names(_) => {
                let names = self.names(directory);
                let found = names.into_iter().filter(|(name, _)| step.matches(&name.to_string_lossy()));
                let found: Vec<_> = found.map(|(name, _)| directory.join(name)).collect();
                found.into_iter().fold(false, |any, path| self.one(&path, rest) | any)
            }
            Step::Any => {
                let mut any = self.step(directory, rest);
                for (name, is_directory) in self.names(directory) {
                    if is_directory && step.matches(&name.to_string_lossy()) {
                        any |= self.step(&directory.join(name), steps);
                    }
                }
                any
            }
        }
    }

    /// One name that fits: a file, or with more steps a directory.
    fn one(&mut self, path: &Path, rest: &[Step]) -> bool {
        if !rest.is_empty() {
            return self.step(path, rest);
        }
        if self.exclude.iter().any(|exclusion| exclusion.covers(path)) {
            return false;
        }
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => {
                if self.files.len() >= self.most {
                    self.is_full = true;
                } else if self.seen.insert((meta.dev(), meta.ino())) {
                    self.files.push((path.to_owned(), meta));
                }
                true
            }
            Ok(_) => false,
            Err(error) => {
                self.failed(path, error);
                false
            }
        }
    }

    /// The names in a directory, in order, and whether each is one of a directory and no link.
    fn names(&mut self, directory: &Path) -> Vec<(OsString, bool)> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                self.failed(directory, error);
                return Vec::new();
            }
        };
        let mut names = Vec::new();
        for entry in entries.flatten() {
            if self.names >= MAX_NAMES {
                self.is_full = true;
                break;
            }
            self.names += 1;
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            names.push((entry.file_name(), is_directory));
        }
        names.sort();
        names
    }

    /// What is not there is waited for, and what is no directory has nothing in it.
    fn failed(&mut self, path: &Path, error: io::Error) {
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            self.errors.push((path.to_owned(), error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dir: &Path, pattern: &str, exclude: &str, expect: &[&str]) {
        let exclude: Vec<_> =
            exclude.split_whitespace().map(|text| Exclusion::parse(text, dir).unwrap()).collect();
        let mut walk = Walk::new(&exclude, 100);
        let any = walk.find(&Pattern::parse(pattern, dir).unwrap());
        let found = walk.files.iter().map(|(path, _)| path.strip_prefix(dir).unwrap().to_str().unwrap());
        assert_eq!((found.collect::<Vec<_>>().as_slice(), any), (expect, !expect.is_empty()), "{pattern}");
    }

    #[test]
    fn the_files_of_a_pattern_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        for path in ["a/x.log", "a/y.log", "a/y.log.gz", "a/.hidden.log", "b/x.log", "b/c/d/x.log", "x.log"] {
            std::fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
            std::fs::write(dir.join(path), "x").unwrap();
        }
        std::os::unix::fs::symlink(dir.join("a/x.log"), dir.join("a/link.log")).unwrap();
        std::fs::hard_link(dir.join("a/y.log"), dir.join("a/z.log")).unwrap();
        std::os::unix::fs::symlink(dir, dir.join("b/up")).unwrap();
        // One file has one name, the first.
        check(dir, "a/*.log", "", &["a/link.log", "a/y.log"]);
        check(dir, "a/*", "*.gz l* z*", &["a/x.log", "a/y.log"]);
        check(dir, "?/x.log", "", &["a/x.log", "b/x.log"]);
        check(dir, "b/**/x.log", "", &["b/x.log", "b/c/d/x.log"]);
        check(dir, "**/x.log", "a/*", &["x.log", "b/x.log", "b/c/d/x.log"]);
        check(dir, "a/.*.log", "", &["a/.hidden.log"]);
        check(dir, "nothing/*.log", "", &[]);
        check(dir, "a", "", &[]);
    }
}
