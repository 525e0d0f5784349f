//! The sink's system calls on its files, one door for all, so that tests can break them.
//!
//! Outside of tests these are the plain calls.

use std::fs::File;
use std::io::{self, Write};

/// What is about to be done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
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

    pub fn sync(&mut self, file: &File) -> io::Result<()> {
        self.before(Op::Sync)?;
        file.sync_data()
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
