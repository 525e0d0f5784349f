//! The sink's system calls on its files, one door for all, so that tests can break them.
//!
//! Where no test does, these are the plain calls.

use std::fs::File;
use std::io::{self, Write};

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

/// Decides in tests what fails, and how much of a write arrives.
pub(super) type Faults = loggr_disk::Faults<Op>;

/// Writes all of `bytes`; `written` counts what arrived, also when it fails.
pub(super) fn write_all(faults: &Faults, mut file: &File, bytes: &[u8], written: &mut u64) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let limit = faults.before(Op::Write)?.min(rest.len());
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

/// Syncs all files, several at a time. Gives the place of the first that failed.
pub(super) fn sync_files(faults: &Faults, files: &[&File]) -> Result<(), (usize, io::Error)> {
    check_syncs(faults, files)?;
    loggr_disk::sync_many(files)
}

/// The same of directories, for the names in them.
pub(super) fn sync_directories(faults: &Faults, directories: &[&File]) -> Result<(), (usize, io::Error)> {
    check_syncs(faults, directories)?;
    loggr_disk::sync_many_directories(directories)
}

fn check_syncs(faults: &Faults, files: &[&File]) -> Result<(), (usize, io::Error)> {
    (0..files.len()).try_for_each(|i| faults.check(Op::Sync).map_err(|e| (i, e)))
}

/// Cuts the file at `offset`, durably, if it ends between there and `end`. If it is longer,
/// somebody else writes here too: theirs must stay.
pub(super) fn cut(faults: &Faults, file: &File, offset: u64, end: u64) -> io::Result<()> {
    let len = file.metadata()?.len();
    if len <= offset || len > end {
        return Ok(());
    }
    faults.check(Op::Truncate)?;
    file.set_len(offset)?;
    loggr_disk::sync(file)
}
