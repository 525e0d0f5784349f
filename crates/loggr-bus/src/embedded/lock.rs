//! One process at a time: an exclusive lock on the directory of the bus.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::OpenError;

/// The lock file; the lock ends with it, also when the process is killed.
#[derive(Debug)]
pub(super) struct DirLock {
    file: File,
}

impl DirLock {
    /// Locks `dir`.
    ///
    /// # Errors
    /// Of kind `Locked` with the process id of the holder.
    pub fn acquire(dir: &Path) -> Result<DirLock, OpenError> {
        let path = dir.join("lock");
        let io = |e| OpenError::io("cannot open the lock", &path, e);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                let holder = match file.read_to_string(&mut pid) {
                    Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
                    _ => "another process".to_owned(),
                };
                return Err(OpenError::locked(format!("`{}` is in use by {holder}", dir.display())));
            }
            Err(e) => return Err(io(e.into())),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(DirLock { file })
    }

    /// Lets go before the last owner does.
    pub fn release(&self) {
        // It ends with the file at the latest.
        flock(&self.file, FlockOperation::Unlock).unwrap_or_default();
    }
}

/// By name: a child process that is being started may hold a copy of the file for a moment longer.
impl Drop for DirLock {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenErrorKind;

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let held = DirLock::acquire(dir.path()).unwrap();
        let error = DirLock::acquire(dir.path()).unwrap_err();
        assert_eq!(error.kind(), OpenErrorKind::Locked);
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.hint().is_some());
        drop(held);
        DirLock::acquire(dir.path()).map(drop).unwrap();
    }
}
