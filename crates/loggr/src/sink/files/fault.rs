//! The sink's system calls on its files, one door for all, so that tests can break them.
//!
//! Outside of tests these are the plain calls.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Syncs that wait for the disk at a time.
const SYNC_THREADS: usize = 16;

/// What is about to be done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Open,
    /// Opens what was written before, in place.
    Find,
    /// Reads the beginning or the end of an open file.
    Read,
    Intent,
    Write,
    Sync,
    Truncate,
    Done,
}

/// Decides in tests what fails; `Ok(n)`: go on, a write with `n` bytes at most.
#[cfg(test)]
pub(super) type Hook = Box<dyn FnMut(Op) -> io::Result<usize> + Send>;

#[derive(Default)]
pub(super) struct Faults {
    #[cfg(test)]
    pub hook: Option<Hook>,
}

impl Faults {
    /// Asked before each operation.
    #[cfg(test)]
    pub fn before(&mut self, op: Op) -> io::Result<usize> {
        match &mut self.hook {
            Some(hook) => hook(op),
            None => Ok(usize::MAX),
        }
    }

    /// Asked before each operation.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests break it")]
    pub fn before(&mut self, _op: Op) -> io::Result<usize> {
        Ok(usize::MAX)
    }

    /// Writes all of `bytes`; `written` counts what arrived, also when it fails.
    pub fn write_all(&mut self, mut file: &File, bytes: &[u8], written: &mut u64) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let limit = self.before(Op::Write)?.min(rest.len());
            match file.write(rest.get(..limit).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    *written += n as u64;
                    rest = rest.get(n..).unwrap_or_default();
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Syncs all files, several at a time: the file system commits for all who wait, so
    /// a hundred files cost little more than one. Gives the place of the first that failed.
    pub fn sync_many(
        &mut self,
        files: &[&File],
        sync: impl Fn(&File) -> io::Result<()> + Sync,
    ) -> Result<(), (usize, io::Error)> {
        for i in 0..files.len() {
            self.before(Op::Sync).map_err(|e| (i, e))?;
        }
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
                // Without helpers it only takes longer.
                if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Cuts the file at `offset`, durably, if it ends between there and `end`. If it is
    /// longer, somebody else writes here too: theirs must stay.
    pub fn cut(&mut self, file: &File, offset: u64, end: u64) -> io::Result<()> {
        let len = file.metadata()?.len();
        if len <= offset || len > end {
            return Ok(());
        }
        self.before(Op::Truncate)?;
        file.set_len(offset)?;
        file.sync_data()
    }
}
