//! Flushes many files at the same time: the file system commits for all of them together, so that a
//! hundred files cost little more than one.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Flushes that wait for the disk at the same time, at most.
const SYNC_THREADS: usize = 16;

/// Flushes what was written to all of them, and their lengths; all are tried.
///
/// # Errors
/// The index of the first that failed, and the error of the disk.
pub fn sync_many(files: &[&File]) -> Result<(), (usize, io::Error)> {
    each(files, File::sync_data)
}

/// Makes the names in all of these directories durable; all are tried.
///
/// # Errors
/// The index of the first that failed, and the error of the disk.
pub fn sync_many_directories(directories: &[&File]) -> Result<(), (usize, io::Error)> {
    // Names need a full sync, not one of the data alone.
    each(directories, File::sync_all)
}

fn each(files: &[&File], sync: impl Fn(&File) -> io::Result<()> + Sync) -> Result<(), (usize, io::Error)> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let work = || {
        let take = || next.fetch_add(1, Ordering::Relaxed);
        while let Some((i, file)) = Some(take()).and_then(|i| Some((i, files.get(i)?))) {
            if let Err(error) = sync(file) {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((i, error));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..files.len().min(SYNC_THREADS) {
            // Without more threads it only takes longer.
            if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(count: usize, bad: Option<usize>) {
        let dir = tempfile::tempdir().unwrap();
        let open = |i| File::create(dir.path().join(format!("{i}"))).unwrap();
        let files: Vec<File> = (0..count).map(open).collect();
        let all: Vec<&File> = files.iter().collect();
        let tried = AtomicUsize::new(0);
        let synced = each(&all, |file| {
            tried.fetch_add(1, Ordering::Relaxed);
            match bad.is_some_and(|bad| std::ptr::eq(file, all[bad])) {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => file.sync_data(),
            }
        });
        assert_eq!(synced.err().map(|(i, _)| i), bad);
        assert_eq!(tried.into_inner(), count);
    }

    #[test]
    fn all_are_tried_and_the_one_that_failed_is_told() {
        check(0, None);
        check(1, None);
        check(1, Some(0));
        check(40, Some(17));
    }
}
