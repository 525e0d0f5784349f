//! Names that a power cut does not take away, and files that are replaced as a whole.
//!
//! A new file is written beside the old one, flushed, given its name, and then the directory is
//! flushed: a reader of the name finds the old file or the new one, never a part. This is not for
//! large files that grow. Functions with `unsynced` in their name are as safe for readers, but a
//! power cut may bring the old file back.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{error, fmt};

/// Makes the names in a directory durable.
///
/// # Errors
/// The error of the disk, or that we may not read the directory.
pub fn sync_directory(dir: &Path) -> io::Result<()> {
    let here = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(here)?.sync_all()
}

/// Makes the name `path` durable: flushes the directory that it is in.
///
/// # Errors
/// The error of the disk.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    sync_directory(path.parent().unwrap_or(path))
}

/// Makes a new file and its name durable.
///
/// # Errors
/// The error of the disk.
pub fn sync_new(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    sync_parent(path)
}

/// Writes a file of these bytes, durably; an existing one is overwritten.
///
/// # Errors
/// The error of the disk.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    sync_new(&file, path)
}

/// Renames, durably; both names are in one directory.
///
/// # Errors
/// The error of the disk.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    rename_unsynced(from, to)?;
    sync_parent(to)
}

/// Renames; durable only after [`sync_directory`].
///
/// # Errors
/// The error of the disk.
pub fn rename_unsynced(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Puts a file of these bytes in the place of the one called `path`, durably. It is written as
/// `path` with `.new` behind it.
///
/// # Errors
/// The error of the disk; [`NotPublished`] says whether the old file is still there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), NotPublished> {
    let fresh = fresh(path);
    let written = written(&fresh, bytes).map_err(NotPublished::Before);
    cleaned(&fresh, written.and_then(|file| publish(&file, &fresh, path)))
}

/// Like [`replace`], but durable only after [`sync_new`].
///
/// # Errors
/// The error of the disk; the old file is still there.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = fresh(path);
    let replaced = written(&fresh, bytes).and_then(|_| rename_unsynced(&fresh, path));
    cleaned(&fresh, replaced)
}

pub(crate) fn fresh(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

fn written(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Removes the new file if it was not finished, because it only takes space.
pub(crate) fn cleaned<E>(fresh: &Path, done: Result<(), E>) -> Result<(), E> {
    if done.is_err() {
        drop(std::fs::remove_file(fresh));
    }
    done
}

/// Gives the file, which is called `from`, the name `to` in the same directory, durably: its bytes
/// are flushed first, so that the name never leads to an incomplete file.
///
/// # Errors
/// The error of the disk, and whether `to` may already name the file.
pub fn publish(file: &File, from: &Path, to: &Path) -> Result<(), NotPublished> {
    publish_with(file, from, to, |_| Ok(()))
}

/// Like [`publish`]; `before` is called before each step, so that tests can let it fail.
///
/// # Errors
/// The error of the disk or of `before`, and whether `to` may already name the file.
pub fn publish_with(
    file: &File,
    from: &Path,
    to: &Path,
    mut before: impl FnMut(Step) -> io::Result<()>,
) -> Result<(), NotPublished> {
    // DURABLE: content before name.
    before(Step::Sync).and_then(|()| file.sync_all()).map_err(NotPublished::Before)?;
    before(Step::Rename).and_then(|()| rename_unsynced(from, to)).map_err(NotPublished::Before)?;
    // DURABLE: the name.
    before(Step::SyncDirectory).and_then(|()| sync_parent(to)).map_err(NotPublished::Unsure)
}

/// A step of [`publish_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The file is flushed.
    Sync,
    /// It gets its name.
    Rename,
    /// The directory is flushed.
    SyncDirectory,
}

/// Why a file does not have its name.
#[derive(Debug)]
pub enum NotPublished {
    /// The old file is still there.
    Before(io::Error),
    /// The new file is there, but a power cut may bring the old one back.
    Unsure(io::Error),
}

impl From<NotPublished> for io::Error {
    fn from(error: NotPublished) -> io::Error {
        match error {
            NotPublished::Before(error) | NotPublished::Unsure(error) => error,
        }
    }
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotPublished::Before(_) => "the file was not replaced",
            NotPublished::Unsure(_) => "the file was replaced, but a power cut may undo it",
        })
    }
}

impl error::Error for NotPublished {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            NotPublished::Before(error) | NotPublished::Unsure(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = std::fs::read_dir(dir).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.b");
        for (bytes, replace) in [
            ("one", &(|p: &Path, b: &[u8]| Ok(replace(p, b)?)) as &dyn Fn(&Path, &[u8]) -> io::Result<()>),
            ("two", &replace_unsynced),
            ("three", &write_new),
        ] {
            std::fs::write(dir.path().join("a.b.new"), "left by one that was killed, and longer").unwrap();
            replace(&path, bytes.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), bytes);
        }
        std::fs::remove_file(dir.path().join("a.b.new")).unwrap();
        std::fs::remove_file(&path).unwrap();
        // A directory is in the way: what was written for nothing is gone.
        std::fs::create_dir_all(path.join("full")).unwrap();
        assert!(matches!(replace(&path, b"four"), Err(NotPublished::Before(_))));
        assert!(replace_unsynced(&path, b"four").is_err());
        assert_eq!(names(dir.path()), ["a.b"]);
    }

    #[track_caller]
    fn check(fails: Step, unsure: bool) {
        let dir = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        std::fs::write(&to, "old").unwrap();
        let file = written(&from, b"new").unwrap();
        let before = |step| if step == fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) };
        let error = publish_with(&file, &from, &to, before).unwrap_err();
        assert_eq!(matches!(error, NotPublished::Unsure(_)), unsure, "{error}");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read_to_string(&to).unwrap(), if unsure { "new" } else { "old" });
    }

    #[test]
    fn a_failure_says_which_file_stands() {
        check(Step::Sync, false);
        check(Step::Rename, false);
        check(Step::SyncDirectory, true);
    }

    #[test]
    fn the_directory_of_a_bare_name_is_the_one_we_are_in() {
        sync_parent(Path::new("x")).unwrap();
        sync_directory(Path::new("")).unwrap();
        sync_parent(Path::new("/")).unwrap();
        assert!(sync_parent(Path::new("/no such directory/x")).is_err());
    }
}
