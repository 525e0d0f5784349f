//! Fault points, at which tests let operations of the disk fail.
//!
//! Each user names its own points, in an enum `P`; nothing here knows what they mean. They are
//! always compiled in, so that crash and fault tests run the same code as production. If no fault
//! was ever set, a check is one load.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;

/// The faults that are set, and the counts of checks. Clones of an [armed](Faults::armed) one share
/// them.
pub struct Faults<P>(OnceLock<Arc<Armed<P>>>);

struct Armed<P> {
    calls: Mutex<Calls<P>>,
    reads: Mutex<Vec<Bad>>,
}

struct Calls<P> {
    seen: Vec<(P, u32)>,
    failing: Vec<Failing<P>>,
    hook: Option<Box<dyn FnMut(P) -> io::Result<usize> + Send>>,
}

struct Failing<P> {
    point: P,
    skip: u32,
    times: u32,
    errno: i32,
}

/// Bytes of files whose path ends with a text, and what happens when they are read.
#[derive(Clone)]
struct Bad {
    file: String,
    bytes: Range<u64>,
    read: Arc<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl<P> Faults<P> {
    /// No faults; a value in a `static` can be armed later.
    pub const fn none() -> Faults<P> {
        Faults(OnceLock::new())
    }

    /// Faults that all clones share.
    pub fn armed() -> Faults<P> {
        let faults = Faults::none();
        faults.arm();
        faults
    }

    fn arm(&self) -> &Armed<P> {
        self.0.get_or_init(|| {
            let calls = Calls { seen: Vec::new(), failing: Vec::new(), hook: None };
            Arc::new(Armed { calls: Mutex::new(calls), reads: Mutex::default() })
        })
    }
}

impl<P: Copy + PartialEq> Faults<P> {
    /// Faults with a `hook` that is called at every [`before`](Faults::before).
    pub fn hooked(hook: impl FnMut(P) -> io::Result<usize> + Send + 'static) -> Faults<P> {
        let faults = Faults::armed();
        locked(&faults.arm().calls).hook = Some(Box::new(hook));
        faults
    }

    /// Lets the next `times` checks of `point` fail with the errno; 0 ends the fault.
    pub fn fail(&self, point: P, errno: i32, times: u32) {
        self.fail_after(0, point, errno, times);
    }

    /// Like [`Faults::fail`], after `skip` checks that succeed.
    pub fn fail_after(&self, skip: u32, point: P, errno: i32, times: u32) {
        let mut calls = locked(&self.arm().calls);
        calls.failing.retain(|failing| failing.point != point);
        calls.failing.push(Failing { point, skip, times, errno });
    }

    /// Ends all faults.
    pub fn succeed(&self) {
        locked(&self.arm().calls).failing.clear();
    }

    /// How often `point` was checked since the faults were armed.
    pub fn seen(&self, point: P) -> u32 {
        let calls = locked(&self.arm().calls);
        calls.seen.iter().find(|(seen, _)| *seen == point).map_or(0, |(_, times)| *times)
    }

    /// Checks a point before an operation.
    ///
    /// # Errors
    /// If a test wants the operation to fail.
    pub fn check(&self, point: P) -> io::Result<()> {
        self.before(point).map(drop)
    }

    /// Checks a point before a write; gives how many bytes the write may write at most.
    ///
    /// # Errors
    /// If a test wants the operation to fail.
    pub fn before(&self, point: P) -> io::Result<usize> {
        let Some(armed) = self.0.get() else { return Ok(usize::MAX) };
        locked(&armed.calls).before(point)
    }

    /// From now on these bytes cannot be read in files whose path ends with `file`. With no bytes
    /// at 0 the files cannot be opened.
    pub fn spoil(&self, file: &str, bytes: Range<u64>) {
        self.on_read(file, bytes, || Err(Errno::IO.into()));
    }

    /// From now on the hook is called whenever these bytes are about to be read.
    pub fn on_read(
        &self,
        file: &str,
        bytes: Range<u64>,
        read: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    ) {
        let bad = Bad { file: file.to_owned(), bytes, read: Arc::new(read) };
        locked(&self.arm().reads).push(bad);
    }

    /// All bytes can be read again.
    pub fn mend(&self) {
        locked(&self.arm().reads).clear();
    }

    /// The bytes of the files that [`spoil`](Faults::spoil) named so can be read again.
    pub fn mend_file(&self, file: &str) {
        locked(&self.arm().reads).retain(|bad| bad.file != file);
    }

    /// Checks before bytes are read, or, with none at 0, before a file is opened.
    ///
    /// # Errors
    /// If a test wants them to be unreadable.
    pub fn check_read(&self, path: &Path, bytes: Range<u64>) -> io::Result<()> {
        let Some(armed) = self.0.get() else { return Ok(()) };
        let path = path.to_string_lossy();
        let hit = |bad: &&Bad| {
            let meet = bad.bytes.start < bytes.end && bytes.start < bad.bytes.end;
            path.ends_with(&bad.file) && (meet || bad.bytes == bytes)
        };
        // The hooks may check other faults, so no lock is held.
        let hits: Vec<Bad> = locked(&armed.reads).iter().filter(hit).cloned().collect();
        hits.iter().try_for_each(|bad| (bad.read)())
    }
}

impl<P: Copy + PartialEq> Calls<P> {
    fn before(&mut self, point: P) -> io::Result<usize> {
        match self.seen.iter_mut().find(|(seen, _)| *seen == point) {
            Some((_, times)) => *times += 1,
            None => self.seen.push((point, 1)),
        }
        if let Some(failing) = self.failing.iter_mut().find(|failing| failing.point == point) {
            if failing.skip > 0 {
                failing.skip -= 1;
            } else if failing.times > 0 {
                failing.times -= 1;
                return Err(io::Error::from_raw_os_error(failing.errno));
            }
        }
        self.hook.as_mut().map_or(Ok(usize::MAX), |hook| hook(point))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P> Default for Faults<P> {
    fn default() -> Faults<P> {
        Faults::none()
    }
}

impl<P> Clone for Faults<P> {
    fn clone(&self) -> Faults<P> {
        Faults(self.0.clone())
    }
}

impl<P> fmt::Debug for Faults<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Faults(armed)" } else { "Faults(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum Op {
        Write,
        Sync,
    }

    #[test]
    fn what_is_asked_to_fail_fails_so_often() {
        let faults = Faults::armed();
        let other = faults.clone();
        faults.fail_after(1, Op::Sync, 5, 2);
        let tried =
            |op| (0..4).map(|_| other.check(op).err().and_then(|e| e.raw_os_error())).collect::<Vec<_>>();
        assert_eq!(tried(Op::Sync), [None, Some(5), Some(5), None]);
        assert_eq!(tried(Op::Write), [None; 4]);
        assert_eq!((faults.seen(Op::Sync), faults.seen(Op::Write)), (4, 4));
        faults.fail(Op::Write, 28, u32::MAX);
        assert_eq!(tried(Op::Write), [Some(28); 4]);
        faults.fail(Op::Write, 28, 0);
        assert_eq!(tried(Op::Write), [None; 4]);
        faults.fail(Op::Write, 28, 1);
        faults.succeed();
        assert_eq!(tried(Op::Write), [None; 4]);
        assert_eq!(Faults::none().before(Op::Write).unwrap(), usize::MAX);
    }

    #[test]
    fn a_hook_decides_how_much_is_written() {
        let faults = Faults::hooked(|op| if op == Op::Write { Ok(3) } else { Err(Errno::IO.into()) });
        assert_eq!(faults.before(Op::Write).unwrap(), 3);
        assert!(faults.before(Op::Sync).is_err());
    }

    #[track_caller]
    fn check(spoilt: Range<u64>, read: Range<u64>, fails: bool) {
        static FAULTS: Faults<Op> = Faults::none();
        FAULTS.spoil("a/b", spoilt);
        let read = |path: &str| FAULTS.check_read(Path::new(path), read.clone()).is_err();
        assert_eq!((read("/x/a/b"), read("/x/a/c")), (fails, false));
        FAULTS.mend_file("a/b");
        assert!(!read("/x/a/b"));
    }

    #[test]
    fn bytes_that_are_spoilt_cannot_be_read() {
        check(4..8, 0..4, false);
        check(4..8, 0..5, true);
        check(4..8, 7..8, true);
        check(4..8, 8..9, false);
        check(0..0, 0..0, true);
        check(0..0, 0..9, false);
    }
}
