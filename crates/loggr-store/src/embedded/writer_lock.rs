//! The lock of a store's one writer.

use std::fs::File;
use std::path::Path;

use super::manifest::sync_directory;
use crate::{ErrorKind, StoreError};

/// Name of the file that the writer holds locked.
pub const LOCK: &str = "LOCK";

/// The right to write a store. Given back by name when it is dropped: a child process that is
/// being started may hold a copy of the file for a moment longer.
#[derive(Debug)]
pub(crate) struct WriterLock(pub(crate) File);

impl WriterLock {
    /// Is it the lock of what this directory is now?
    pub(crate) fn is_of(&self, dir: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let held = self.0.metadata().map(|m| (m.dev(), m.ino()));
        let named = std::fs::metadata(dir.join(LOCK)).map(|m| (m.dev(), m.ino()));
        matches!((held, named), (Ok(a), Ok(b)) if a == b)
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // It ends with the file at the latest.
        rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock).unwrap_or_default();
    }
}

/// Takes it, where nobody else has it.
pub(crate) fn take_lock(dir: &Path) -> Result<WriterLock, StoreError> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| StoreError::io("open", &path, e))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            let lock = WriterLock(file);
            sync_directory(dir).map_err(|e| StoreError::io("sync", dir, e))?;
            Ok(lock)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let what = format!("the store in `{}` is written by another process", dir.display());
            Err(StoreError::new(ErrorKind::Locked, what)
                .hinted("one process writes a store: `loggr status` shows what runs"))
        }
        Err(e) => Err(StoreError::io("lock", &path, e.into())),
    }
}
