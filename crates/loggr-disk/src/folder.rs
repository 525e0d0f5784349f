//! A directory into which others put files: listed, opened, moved and removed without following a link.
//!
//! Everything goes through the open directory and a plain name in it, so that nobody who may change what is
//! in it can lead us elsewhere, also not between a look and a deed. It knows nothing of what the files hold.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

/// Permission bits of directories that are made in one.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);
/// Permission bits of files that are written into one.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

/// What has a name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of bytes.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device; the word says which.
    Other(&'static str),
}

/// How something looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// What it is.
    pub kind: Kind,
    /// Device and inode: what it is called does not matter.
    pub is: (u64, u64),
    /// Its length in bytes.
    pub size: u64,
    /// When its bytes were last changed, in nanoseconds since 1970.
    pub changed: i128,
}

impl Looks {
    fn of(stat: &Stat) -> Looks {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            FileType::Fifo => Kind::Other("pipe"),
            FileType::Socket => Kind::Other("socket"),
            _ => Kind::Other("device"),
        };
        let changed = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        Looks { kind, is: (stat.st_dev, stat.st_ino), size, changed }
    }

    /// How an open file looks now.
    ///
    /// # Errors
    /// The error of the disk.
    pub fn at(file: &File) -> io::Result<Looks> {
        Ok(Looks::of(&rustix::fs::fstat(file)?))
    }
}

/// An open directory.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens the directory of this path; links on the way are followed, because whoever names it made them.
    ///
    /// # Errors
    /// The error of the disk; of kind `NotADirectory` if it is something else.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
    }

    /// Opens a directory below, on a way of plain names that follows no link.
    ///
    /// # Errors
    /// The error of the disk; of kind `InvalidInput` if the way leads out.
    pub fn below(&self, way: &Path) -> io::Result<Folder> {
        self.walk(way, false)
    }

    /// Opens a directory below, and makes what is missing of it, durably.
    ///
    /// # Errors
    /// The error of the disk; of kind `InvalidInput` if the way leads out.
    pub fn make_below(&self, way: &Path) -> io::Result<Folder> {
        self.walk(way, true)
    }

    fn walk(&self, way: &Path, makes: bool) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut here = Folder(self.0.try_clone()?);
        for part in way.components() {
            let Component::Normal(name) = part else {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the way leads out of the directory",
                ));
            };
            if makes {
                match rustix::fs::mkdirat(&here.0, name, DIRECTORY_MODE) {
                    Ok(()) => here.sync()?,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            here = Folder(rustix::fs::openat(&here.0, name, flags, Mode::empty())?);
        }
        Ok(here)
    }

    /// How the directory itself looks.
    ///
    /// # Errors
    /// The error of the disk.
    pub fn looks(&self) -> io::Result<Looks> {
        Ok(Looks::of(&rustix::fs::fstat(&self.0)?))
    }

    /// What is in it, at most so many names, in no order. What goes while it is listed is left out.
    ///
    /// # Errors
    /// The error of the disk.
    pub fn list(&self, most: usize) -> io::Result<Vec<(OsString, Looks)>> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if found.len() >= most {
                break;
            }
            let name = OsString::from_vec(name.to_vec());
            if let Some(looks) = self.look(&name)? {
                found.push((name, looks));
            }
        }
        Ok(found)
    }

    /// How what has this name looks; a link is not followed. `None` if nothing has it.
    ///
    /// # Errors
    /// The error of the disk.
    pub fn look(&self, name: &OsStr) -> io::Result<Option<Looks>> {
        match rustix::fs::statat(&self.0, plain(name)?, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Looks::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for reading. A pipe that nobody writes to does not hold it up; whether it is a file
    /// [`Looks::at`] says.
    ///
    /// # Errors
    /// The error of the disk, also if it is a link.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, plain(name)?, flags, Mode::empty())?.into())
    }

    /// Removes a file, durably. It is no error if it has gone.
    ///
    /// # Errors
    /// The error of the disk.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, plain(name)?, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        // DURABLE: a file that came back would be read again.
        self.sync()
    }

    /// Moves what has this name into another directory of the same file system, durably.
    ///
    /// # Errors
    /// Of kind `AlreadyExists` if something has the new name; otherwise the error of the disk.
    pub fn move_to(&self, name: &OsStr, to: &Folder, new: &OsStr) -> io::Result<()> {
        let (name, new) = (plain(name)?, plain(new)?);
        match rustix::fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            // A file system that cannot do both at once.
            Err(Errno::INVAL | Errno::NOSYS) => {
                if to.look(new)?.is_some() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                rustix::fs::renameat(&self.0, name, &to.0, new)?;
            }
            Err(error) => return Err(error.into()),
        }
        // DURABLE: first that it is there, then that it is no longer here.
        to.sync()?;
        self.sync()
    }

    /// Writes a new file of these bytes, durably.
    ///
    /// # Errors
    /// Of kind `AlreadyExists` if something has the name; otherwise the error of the disk.
    pub fn write_new(&self, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.0, plain(name)?, flags, FILE_MODE)?);
        file.write_all(bytes)?;
        file.sync_all()?;
        self.sync()
    }

    /// Whether this process may make, move and remove names in it.
    ///
    /// # Errors
    /// Of kind `PermissionDenied` or `ReadOnlyFilesystem` if not; otherwise the error of the disk.
    pub fn may_change(&self) -> io::Result<()> {
        let all = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        Ok(rustix::fs::accessat(&self.0, ".", all, AtFlags::EACCESS)?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

/// A name that stays in its directory.
fn plain(name: &OsStr) -> io::Result<&OsStr> {
    match name.as_bytes() {
        b"" | b"." | b".." => Err(io::ErrorKind::InvalidInput.into()),
        bytes if bytes.contains(&b'/') => Err(io::ErrorKind::InvalidInput.into()),
        _ => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn nothing_leads_out_of_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("in");
        std::fs::create_dir_all(inside.join("a/b")).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        symlink("../secret", inside.join("link")).unwrap();
        symlink("..", inside.join("up")).unwrap();
        let folder = Folder::open(&inside).unwrap();
        assert!(folder.open_file(name("link")).is_err());
        assert_eq!(folder.look(name("link")).unwrap().unwrap().kind, Kind::Link);
        for way in ["up", "..", "a/../..", "/etc", "a/b/c"] {
            assert!(folder.below(Path::new(way)).is_err(), "{way}");
        }
        for bad in ["", ".", "..", "a/b", "../secret"] {
            assert!(folder.open_file(name(bad)).is_err() && folder.remove(name(bad)).is_err(), "{bad}");
        }
        assert!(folder.below(Path::new("a/b")).is_ok() && folder.below(Path::new("")).is_ok());
        assert!(folder.make_below(Path::new("up/x")).is_err());
        assert!(dir.path().join("secret").exists());
    }

    #[test]
    fn what_is_moved_takes_no_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let to = folder.make_below(Path::new("done/sub")).unwrap();
        for text in ["one", "two"] {
            std::fs::write(dir.path().join("a"), text).unwrap();
            match text {
                "one" => folder.move_to(name("a"), &to, name("a")).unwrap(),
                _ => {
                    let moved = folder.move_to(name("a"), &to, name("a"));
                    assert_eq!(moved.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
                }
            }
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("done/sub/a")).unwrap(), "one");
        symlink("nowhere", dir.path().join("link")).unwrap();
        folder.move_to(name("link"), &to, name("link")).unwrap();
        assert_eq!(to.look(name("link")).unwrap().unwrap().kind, Kind::Link);
        folder.remove(name("a")).unwrap();
        folder.remove(name("a")).unwrap();
        assert!(to.write_new(name("a"), b"x").is_err());
        to.write_new(name("b"), b"x").unwrap();
        let mut listed: Vec<_> = to.list(10).unwrap().into_iter().map(|(name, _)| name).collect();
        listed.sort();
        assert_eq!(listed, ["a", "b", "link"]);
        assert_eq!(to.list(2).unwrap().len(), 2);
    }

    #[test]
    fn a_pipe_holds_nobody_up_and_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, FILE_MODE, 0).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let opened = folder.open_file(name("pipe")).unwrap();
        assert_eq!(Looks::at(&opened).unwrap().kind, Kind::Other("pipe"));
        assert_eq!(folder.list(9).unwrap()[0].1.kind, Kind::Other("pipe"));
        folder.may_change().unwrap();
    }
}
