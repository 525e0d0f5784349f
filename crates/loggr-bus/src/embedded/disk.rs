//! The few calls by which the log touches the disk, with room for injected faults.
//!
//! Knows nothing of frames. Invariant: every one of them reports its failure, and
//! none is repeated after one.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

/// More pieces than this the kernel does not take in one call.
const MAX_IOV: usize = 1024;

/// Where a fault can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Op {
    /// Writing frames.
    Write = 0,
    /// Flushing frames.
    Sync = 1,
    /// Making a segment.
    Create = 2,
    /// Writing a cursor.
    Cursor = 3,
}

#[derive(Debug, Default)]
struct Fault {
    times: AtomicU32,
    errno: AtomicI32,
    seen: AtomicU32,
}

/// Makes disk operations fail on request, for tests.
#[derive(Clone, Debug, Default)]
#[doc(hidden)]
pub struct Faults(Option<Arc<Armed>>);

#[derive(Debug, Default)]
struct Armed {
    calls: [Fault; 4],
    bad: Mutex<Vec<Bad>>,
}

/// Bytes of files whose path ends so, and what happens when they are read.
#[derive(Clone)]
struct Bad {
    file: String,
    bytes: Range<u64>,
    read: Arc<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl fmt::Debug for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.file, self.bytes)
    }
}

impl Faults {
    /// Faults that can be armed.
    pub fn armed() -> Faults {
        Faults(Some(Arc::default()))
    }

    /// Lets the next `times` calls of `op` fail with the errno.
    pub fn fail(&self, op: Op, errno: i32, times: u32) {
        if let Some(fault) = self.0.as_ref().and_then(|f| f.calls.get(op as usize)) {
            fault.errno.store(errno, Ordering::SeqCst);
            fault.times.store(times, Ordering::SeqCst);
        }
    }

    /// How often `op` was called.
    pub fn seen(&self, op: Op) -> u32 {
        self.0.as_ref().and_then(|f| f.calls.get(op as usize)).map_or(0, |f| f.seen.load(Ordering::SeqCst))
    }

    /// From now on these bytes of files whose path ends so cannot be read.
    pub fn spoil(&self, file: &str, bytes: Range<u64>) {
        self.on_read(file, bytes, || Err(Errno::IO.into()));
    }

    /// From now on this happens whenever these bytes are read, before they are.
    pub fn on_read(
        &self,
        file: &str,
        bytes: Range<u64>,
        read: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    ) {
        if let Some(armed) = &self.0 {
            let bad = Bad { file: file.to_owned(), bytes, read: Arc::new(read) };
            armed.bad.lock().unwrap_or_else(PoisonError::into_inner).push(bad);
        }
    }

    /// All bytes can be read again.
    pub fn mend(&self) {
        if let Some(armed) = &self.0 {
            armed.bad.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    pub(super) fn check_read(&self, path: &Path, offset: u64, len: u64) -> io::Result<()> {
        let Some(armed) = &self.0 else { return Ok(()) };
        let path = path.to_string_lossy();
        let hit = |bad: &&Bad| {
            let Range { start, end } = bad.bytes;
            path.ends_with(&bad.file) && offset < end && start < offset.saturating_add(len)
        };
        let hits: Vec<Bad> = {
            let bad = armed.bad.lock().unwrap_or_else(PoisonError::into_inner);
            bad.iter().filter(hit).cloned().collect()
        };
        hits.iter().try_for_each(|bad| (bad.read)())
    }

    pub(super) fn check(&self, op: Op) -> io::Result<()> {
        let Some(fault) = self.0.as_ref().and_then(|f| f.calls.get(op as usize)) else { return Ok(()) };
        fault.seen.fetch_add(1, Ordering::SeqCst);
        let armed = fault.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match armed {
            Ok(_) => Err(io::Error::from_raw_os_error(fault.errno.load(Ordering::SeqCst))),
            Err(_) => Ok(()),
        }
    }
}

/// Reads up to `len` bytes at `offset`; fewer only at the end of the file.
pub(crate) fn read(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    read_into(file, offset, len, &mut out)?;
    Ok(out)
}

/// The same into a buffer that is used again.
pub(super) fn read_into(file: &File, offset: u64, len: usize, out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    out.reserve_exact(len);
    while out.len() < len {
        let at = offset + out.len() as u64;
        match rustix::io::pread(file, spare_capacity(out), at) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    out.truncate(len);
    Ok(())
}

/// Writes all of `pieces` at `offset`, one after the other.
pub(super) fn write(file: &File, pieces: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    let mut rest = pieces;
    while !rest.is_empty() {
        let now = rest.len().min(MAX_IOV);
        let (some, _) = rest.split_at(now);
        match rustix::io::pwritev(file, some, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                offset += n as u64;
                IoSlice::advance_slices(&mut rest, n);
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Zeros are flushed in steps of this size: a larger flush would hold up the commits
/// of the same disk.
const ZERO_STEP_BYTES: u64 = 4 << 20;

/// Writes zeros from `from` to `to`, so that later writes change no metadata.
pub(super) fn zero(file: &File, mut from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0u8; 256 << 10];
    let mut step = from + ZERO_STEP_BYTES;
    while from < to {
        let now = (to - from).min(zeros.len() as u64);
        let piece = zeros.get(..now as usize).unwrap_or_default();
        write(file, &mut [IoSlice::new(piece)], from)?;
        from += now;
        if from >= step {
            sync(file)?;
            step += ZERO_STEP_BYTES;
        }
    }
    Ok(())
}

/// Flushes the file's data.
pub(super) fn sync(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fdatasync(file)?)
}

/// Flushes the names in a directory.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// An error unless `path` still names `file`: what is written to a file that was
/// deleted or moved away is lost with it.
pub(super) fn in_place(file: &File, path: &Path) -> io::Result<()> {
    let open = rustix::fs::fstat(file)?;
    let named = rustix::fs::stat(path)?;
    if (open.st_dev, open.st_ino) != (named.st_dev, named.st_ino) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "another file has its name"));
    }
    Ok(())
}
