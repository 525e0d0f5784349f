//! One process at a time: the lock on the directory of the bus.

use std::path::Path;

use loggr_disk::{Lock, LockError};

use crate::error::OpenError;

/// The lock file of a directory.
const NAME: &str = "lock";

/// Locks `dir`.
///
/// # Errors
/// Of kind `Locked` with the process id of the holder.
pub(super) fn lock(dir: &Path) -> Result<Lock, OpenError> {
    let path = dir.join(NAME);
    let io = |e| OpenError::io("cannot open the lock", &path, e);
    let lock = Lock::take(&path).map_err(|error| match error {
        LockError::Held(holder) => OpenError::locked(format!("`{}` is in use by {holder}", dir.display())),
        LockError::Io(error) => io(error),
    })?;
    lock.write_process_id().map_err(io)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenErrorKind;

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        let error = lock(dir.path()).unwrap_err();
        assert_eq!(error.kind(), OpenErrorKind::Locked);
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.hint().is_some());
        drop(held);
        lock(dir.path()).map(drop).unwrap();
    }
}
