//! Where a file is now that was written to before.
//!
//! It is looked for under its name, in its directory, and in the directories around, and taken for
//! the same by its identity (`identity`). Invariant: what may be another file is never said to be
//! that one for sure, since what is sure may be cut.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::super::error::WriteError;
use super::super::fault::Op;
use super::super::identity::{Identity, Likeness};
use super::Targets;

/// Names that are looked at for a file that was moved away in the moment of a crash.
const MAX_SEARCHED_NAMES: usize = 100_000;
/// Directories that are searched for it lie at most so deep below the first.
const MAX_SEARCHED_LEVELS: usize = 16;

/// A file that was found again, opened in place.
#[derive(Debug)]
pub(in super::super) struct Place {
    pub file: File,
    pub absolute: PathBuf,
    /// It may be changed, and not only read.
    pub writable: bool,
    /// It has the name that it had; no other program makes files of our names.
    pub at_home: bool,
    /// It is that file, and not only one with its inode number.
    pub sure: bool,
}

impl Targets {
    /// The file that was `path`, also if it was renamed within its directory since; `None` if it
    /// is not there.
    pub fn find(&mut self, path: &str, id: &Identity) -> Result<Option<Place>, WriteError> {
        std::fs::metadata(&self.base).map_err(|e| WriteError::new("find the directory", &self.base, e))?;
        let absolute = self.base.join(path);
        if let Some(place) = self.open_if(&absolute, id)? {
            return Ok(Some(Place { at_home: true, ..place }));
        }
        let beside = absolute.parent().unwrap_or(&self.base);
        for entry in std::fs::read_dir(beside).into_iter().flatten().flatten().filter(|e| e.ino() == id.ino) {
            if let Some(place) = self.open_if(&entry.path(), id)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The same, also if it is where `search_around` has found it.
    pub fn find_moved(
        &mut self,
        path: &str,
        id: &Identity,
        moved: &HashMap<u64, PathBuf>,
    ) -> Result<Option<Place>, WriteError> {
        match (self.find(path, id)?, moved.get(&id.ino)) {
            (None, Some(there)) => self.open_if(there, id),
            (found, _) => Ok(found),
        }
    }

    /// Looks for files that rotation may have moved to another directory: in all directories
    /// around, by their inodes.
    pub fn search_around(&self, wanted: &HashSet<u64>) -> HashMap<u64, PathBuf> {
        let mut found = HashMap::new();
        let mut left = MAX_SEARCHED_NAMES;
        let Ok(dev) = std::fs::metadata(&self.base).map(|m| m.dev()) else { return found };
        let around = [Some(self.base.as_path()), self.base.parent()];
        let mut todo: VecDeque<(PathBuf, usize)> =
            around.into_iter().flatten().map(|d| (d.to_owned(), MAX_SEARCHED_LEVELS)).collect();
        while let Some((dir, levels)) = todo.pop_front().filter(|_| found.len() < wanted.len()) {
            if std::fs::metadata(&dir).map_or(0, |m| m.dev()) != dev {
                continue;
            }
            // What we may not look into, or what is gone, does not hold it.
            for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
                left = left.saturating_sub(1);
                if left == 0 {
                    return found;
                }
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_file() && wanted.contains(&entry.ino()) {
                    found.insert(entry.ino(), entry.path());
                }
                if kind.is_dir() && levels > 0 && entry.path() != self.base {
                    todo.push_back((entry.path(), levels - 1));
                }
            }
        }
        found
    }

    /// Opens what has this name, if it is that file.
    fn open_if(&mut self, absolute: &Path, id: &Identity) -> Result<Option<Place>, WriteError> {
        let failed = |verb, e| WriteError::of_the_file(verb, absolute, e);
        match std::fs::symlink_metadata(absolute) {
            Ok(meta) if meta.is_file() && meta.ino() == id.ino => {}
            Ok(_) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                let error = failed("look at", e);
                // Something else stands on the way to it.
                let is_away = error.blames_the_path() && self.base_is_well();
                return if is_away { Ok(None) } else { Err(error) };
            }
        }
        let (file, writable) = match self.open_in_place(absolute) {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("open", e)),
        };
        // The name may have gone to another one since.
        let meta = file.metadata().map_err(|e| failed("look at", e))?;
        let likeness = Identity::of(&file, &meta).compare(id);
        if !meta.is_file() || likeness == Likeness::Other {
            return Ok(None);
        }
        let (absolute, sure) = (absolute.to_owned(), likeness == Likeness::Same);
        Ok(Some(Place { file, absolute, writable, at_home: false, sure }))
    }

    /// Read-write, or else read-only: rotation may have given it to another user.
    fn open_in_place(&mut self, absolute: &Path) -> io::Result<(File, bool)> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
        let opened = self.faults.check(Op::Find).and_then(|()| options.clone().write(true).open(absolute));
        match opened {
            Err(e)
                if matches!(Errno::from_io_error(&e), Some(Errno::ACCESS | Errno::PERM | Errno::TXTBSY)) =>
            {
                Ok((options.open(absolute)?, false))
            }
            opened => Ok((opened?, true)),
        }
    }
}
