//! The fault points of the embedded store: where tests put a fault in the way of the disk.
//!
//! Steps fail in the thread that armed them, so that tests do not meet; bytes are unreadable in all
//! threads, as they are known by their path.

use std::io;
use std::ops::Range;
use std::path::Path;

use loggr_disk::Faults;
use rustix::io::Errno;

/// A step that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A data file is made.
    DataCreate,
    /// A row group is written.
    DataWrite,
    /// A data file is flushed.
    DataSync,
    /// The directory of its day is flushed.
    DirectorySync,
    /// The new manifest is flushed.
    ManifestSync,
    /// The directory of the store is flushed.
    ManifestDirectorySync,
}

thread_local! {
    static STEPS: Faults<Op> = const { Faults::none() };
}
static READS: Faults<Op> = Faults::none();

/// Makes a step of this thread fail once with EIO, after `skip` times that it works.
pub fn arm(op: Op, skip: u32) {
    STEPS.with(|steps| steps.fail_after(skip, op, Errno::IO.raw_os_error(), 1));
}

/// Nothing fails any more in this thread.
pub fn disarm() {
    STEPS.with(Faults::succeed);
}

/// Makes every read of some bytes of a file fail with EIO; an empty range at 0 makes opening it fail.
pub fn make_unreadable(path: &Path, bytes: Range<u64>) {
    READS.spoil(&path.to_string_lossy(), bytes);
}

/// Undoes it.
pub fn make_readable(path: &Path) {
    READS.mend_file(&path.to_string_lossy());
}

/// Fails if a test wants this step to fail now.
pub(crate) fn check(op: Op) -> io::Result<()> {
    STEPS.with(|steps| steps.check(op))
}

/// Fails if a test wants these bytes to be unreadable.
pub(crate) fn check_read(path: &Path, bytes: Range<u64>) -> io::Result<()> {
    READS.check_read(path, bytes)
}
