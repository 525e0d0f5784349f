//! Looks through the directory of a harvest: which files there are, and which of them nobody should have put
//! there.
//!
//! Nothing is opened but directories, and no link is followed. When a file is complete is `watch`'s.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use loggr_disk::{Folder, Kind};

use super::names::{hostile, is_temporary, with};
use super::watch::Found;

/// Files that are looked at in one go, at most; others have their turn when these are gone.
pub const MAX_FILES: usize = 100_000;
/// Directories within one another that are looked through.
const MAX_DEPTH: usize = 32;

/// Where a harvest looks.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The directory.
    pub directory: PathBuf,
    /// Also in directories below it.
    pub recursive: bool,
    /// Patterns of names of files that are not whole yet.
    pub temporary: Vec<String>,
    /// Ending of markers.
    pub marker: Option<String>,
}

impl Scope {
    /// Everything in it that may be a file for us.
    pub fn look(&self) -> io::Result<Vec<Found>> {
        let root = Folder::open(&self.directory)?;
        let mut found = Vec::new();
        let mut left = vec![PathBuf::new()];
        while let Some(way) = left.pop() {
            let listed = match root.below(&way).and_then(|folder| folder.list(MAX_FILES)) {
                Ok(listed) => listed,
                // The root is the administrator's; one below it may have gone, or be closed to us.
                Err(error) if way.as_os_str().is_empty() => return Err(error),
                Err(_) => continue,
            };
            let names: HashSet<OsString> = match self.marker {
                Some(_) => listed.iter().map(|(name, _)| name.clone()).collect(),
                None => HashSet::new(),
            };
            for (name, looks) in listed {
                let path = way.join(&name);
                if looks.kind == Kind::Directory {
                    let is_hidden = is_temporary(&name, &self.temporary);
                    let is_deep = path.components().count() >= MAX_DEPTH || left.len() >= MAX_FILES;
                    if self.recursive && !is_hidden && !is_deep {
                        left.push(path);
                    }
                    continue;
                }
                if found.len() >= MAX_FILES {
                    return Ok(found);
                }
                let marker = self.marker.as_deref();
                let is_marker = marker.is_some_and(|marker| {
                    name.as_encoded_bytes()
                        .strip_suffix(marker.as_bytes())
                        .is_some_and(|rest| !rest.is_empty())
                });
                if is_marker {
                    continue;
                }
                let is_temporary = is_temporary(&name, &self.temporary);
                // What is no file for us needs no marker.
                let is_file = looks.kind == Kind::File && hostile(&name).is_none();
                let marker = marker.filter(|_| is_file);
                let is_marked = marker.map(|marker| names.contains(&with(&name, marker)));
                found.push(Found { path, looks, is_temporary, is_marked });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(recursive: bool, marker: Option<&str>, expect: &str) {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["sub/deep", ".hidden", "done"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["a", "a.ok", "b.part", "sub/c", "sub/deep/d.ok", ".hidden/e", "done/f", ".ok"] {
            std::fs::write(at(name), "x").unwrap();
        }
        std::os::unix::fs::symlink("/etc", at("sub/link")).unwrap();
        let scope = Scope {
            directory: directory.path().to_owned(),
            recursive,
            temporary: vec!["*.part".to_owned(), ".*".to_owned()],
            marker: marker.map(str::to_owned),
        };
        let mut found: Vec<String> = scope
            .look()
            .unwrap()
            .iter()
            .map(|f| {
                let marked = f.is_marked.map_or("", |is| if is { "+" } else { "-" });
                format!("{}{}{marked}", f.path.display(), if f.is_temporary { "~" } else { "" })
            })
            .collect();
        found.sort();
        assert_eq!(found.join(" "), expect);
    }

    #[test]
    fn what_there_is() {
        check(false, None, ".ok~ a a.ok b.part~");
        check(true, None, ".ok~ a a.ok b.part~ done/f sub/c sub/deep/d.ok sub/link");
        check(true, Some(".ok"), ".ok~- a+ b.part~- done/f- sub/c- sub/link");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let directory = "/no/such/directory".into();
        let scope = Scope { directory, recursive: false, temporary: Vec::new(), marker: None };
        assert_eq!(scope.look().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
