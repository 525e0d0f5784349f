//! One process at a time: an exclusive lock on a file.
//!
//! The kernel holds it (`flock`), so it ends with the process, however that ends. When a [`Lock`]
//! is dropped it is unlocked explicitly, because a child process that is just being started may
//! hold a copy of the open file for a moment longer. Invariant: a locked file is the one that has
//! the name, so that two processes never hold two files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{error, fmt};

use crate::file::is_named;

/// Pause between two tries of a caller that waits.
const PAUSE: Duration = Duration::from_millis(5);
/// A file that loses its name this often while it is being locked is given up.
const MAX_LOST_NAMES: usize = 1000;
/// A process id in a lock file has at most this many bytes.
const MAX_PID_BYTES: u64 = 32;

/// A locked file; it can be read and written.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Makes the file if it is missing, and locks it.
    ///
    /// # Errors
    /// [`LockError::Held`] where somebody else holds it.
    pub fn take(path: &Path) -> Result<Lock, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Lock::wait(path, &options, Duration::ZERO)
    }

    /// Like [`Lock::take`], with options for opening, and with a time to wait for a holder that is
    /// about to unlock. If the holder replaces the file meanwhile, the new one is locked.
    ///
    /// # Errors
    /// [`LockError::Held`] where somebody else still holds it after `patience`.
    pub fn wait(path: &Path, options: &OpenOptions, patience: Duration) -> Result<Lock, LockError> {
        let deadline = Instant::now() + patience;
        let mut lost = 0;
        loop {
            let file = options.open(path)?;
            match Lock::on(file) {
                Ok(lock) if is_named(&lock, path)? => return Ok(lock),
                Ok(_) if lost == MAX_LOST_NAMES => {
                    return Err(io::Error::other("another file takes its name again and again").into());
                }
                Ok(_) => lost += 1,
                Err(LockError::Held(_)) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
    }

    /// Locks an open file, such as one that will replace a locked file.
    ///
    /// # Errors
    /// [`LockError::Held`] where somebody else holds it.
    pub fn on(file: File) -> Result<Lock, LockError> {
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(Holder::of(&file))),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Writes the id of this process into the file, so that others can name the holder.
    ///
    /// # Errors
    /// The error of the disk.
    pub fn write_process_id(&self) -> io::Result<()> {
        // It is written over the old text without truncating first: if the disk is full, a freed
        // block would be lost.
        let pid = format!("{}\n", std::process::id());
        self.file.write_all_at(pid.as_bytes(), 0)?;
        self.file.set_len(pid.len() as u64)
    }

    /// Unlocks before the file is closed.
    pub fn release(&self) {
        // At the latest the lock ends when the file is closed.
        self.file.unlock().unwrap_or_default();
    }
}

impl Deref for Lock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

/// Why a file is not locked.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else holds it.
    Held(Holder),
    /// The error of the disk.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> LockError {
        LockError::Io(error)
    }
}

/// The text names the holder, for callers that have no better words.
impl From<LockError> for io::Error {
    fn from(error: LockError) -> io::Error {
        match error {
            LockError::Held(_) => io::Error::new(io::ErrorKind::WouldBlock, error),
            LockError::Io(error) => error,
        }
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Held(holder) => write!(f, "{holder} holds the lock"),
            LockError::Io(_) => f.write_str("cannot lock"),
        }
    }
}

impl error::Error for LockError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            LockError::Held(_) => None,
            LockError::Io(error) => Some(error),
        }
    }
}

/// The holder of a lock: `process 4711`, or `another process` if the file does not name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl Holder {
    fn of(file: &File) -> Holder {
        let mut pid = String::new();
        // If the id cannot be read, the text is `another process`, which is still true.
        let read = file.take(MAX_PID_BYTES).read_to_string(&mut pid);
        Holder(read.ok().and_then(|_| pid.trim().parse().ok()))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[track_caller]
    fn held(taken: Result<Lock, LockError>) -> String {
        match taken {
            Err(LockError::Held(holder)) => holder.to_string(),
            other => panic!("not held: {other:?}"),
        }
    }

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        assert_eq!(held(Lock::take(&path)), "another process");
        lock.write_process_id().unwrap();
        assert_eq!(held(Lock::take(&path)), format!("process {}", std::process::id()));
        std::fs::write(&path, "\x1b[31m").unwrap();
        assert_eq!(held(Lock::take(&path)), "another process");
        drop(lock);
        Lock::take(&path).map(drop).unwrap();
    }

    #[test]
    fn the_number_of_a_predecessor_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "99999999999999999999\n").unwrap();
        Lock::take(&path).unwrap().write_process_id().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_child_with_a_copy_of_the_file_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        let copy = lock.try_clone().unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::from(copy)).spawn().unwrap();
        drop(lock);
        Lock::take(&path).map(drop).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_file_that_lost_its_name_is_not_the_one() {
        let dir = tempfile::tempdir().unwrap();
        let (path, fresh) = (dir.path().join("journal"), dir.path().join("journal.new"));
        let old = Lock::take(&path).unwrap();
        // The holder puts another file in its place, with its lock.
        let new = Lock::on(File::create(&fresh).unwrap()).unwrap();
        crate::rename(&fresh, &path).unwrap();
        drop(old);
        assert_eq!(held(Lock::take(&path)), "another process");
        std::fs::remove_file(&path).unwrap();
        let third = Lock::take(&path).unwrap();
        assert!(is_named(&third, &path).unwrap() && !is_named(&new, &path).unwrap());
    }

    #[test]
    fn one_who_waits_gets_it_when_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        let mut options = OpenOptions::new();
        options.write(true);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::wait(&path, &options, Duration::from_secs(60)));
            lock.release();
            waiting.join().unwrap().map(drop).unwrap();
        });
        assert!(matches!(Lock::take(&dir.path().join("no/lock")), Err(LockError::Io(_))));
    }
}
