//! The lock of a store's one writer.

use std::path::Path;

use loggr_disk::{Lock, LockError, in_place, sync_directory};

use crate::{ErrorKind, StoreError};

/// Name of the file that the writer holds locked.
const LOCK: &str = "LOCK";

/// The right to write a store, until it is dropped.
#[derive(Debug)]
pub(crate) struct WriterLock(Lock);

impl WriterLock {
    /// Takes the lock, unless another process has it.
    pub(crate) fn take(dir: &Path) -> Result<WriterLock, StoreError> {
        let path = dir.join(LOCK);
        match Lock::take(&path) {
            Ok(lock) => {
                sync_directory(dir).map_err(|e| StoreError::io("sync", dir, e))?;
                Ok(WriterLock(lock))
            }
            Err(LockError::Held(holder)) => {
                let what = format!("the store in `{}` is written by {holder}", dir.display());
                Err(StoreError::new(ErrorKind::Locked, what)
                    .hinted("one process writes a store: `loggr status` shows which processes run"))
            }
            Err(LockError::Io(e)) => Err(StoreError::io("lock", &path, e)),
        }
    }

    /// Is it the lock of what this directory is now?
    pub(crate) fn is_of(&self, dir: &Path) -> bool {
        in_place(&self.0, &dir.join(LOCK)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_can_be_taken_again_while_a_child_still_has_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let lock = WriterLock::take(dir.path()).unwrap();
        assert!(lock.is_of(dir.path()));
        assert_eq!(WriterLock::take(dir.path()).unwrap_err().kind(), ErrorKind::Locked);
        // As a process has it between its making and its program.
        let _copy = lock.0.try_clone().unwrap();
        drop(lock);
        WriterLock::take(dir.path()).unwrap();
    }
}
