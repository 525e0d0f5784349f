//! `/dev/kmsg`: the ring in which the kernel keeps its last messages. Bytes of records only; what they mean,
//! `record.rs` knows.
//!
//! It is opened before the powers of root are given up: the kernel asks who reads when it is opened, and never
//! again.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};

use crate::hint::Advise;

/// Where the ring is read.
pub const DEVICE: &str = "/dev/kmsg";
/// Bytes of a record at most; the kernel writes fewer.
const MAX_RECORD_BYTES: usize = 16 << 10;

/// What a look at the ring has found.
#[derive(Debug)]
pub(super) enum Found<'b> {
    /// The next record.
    Record(&'b [u8]),
    /// The next one was overwritten before it was read; the one behind it comes next.
    Overwritten,
    /// Nothing, until the kernel says something.
    Nothing,
}

/// What is read as the device is.
pub(super) trait Ring: Send + 'static {
    /// The next record.
    fn next(&mut self) -> io::Result<Found<'_>>;
    /// Goes back to the oldest record.
    fn rewind(&mut self) -> io::Result<()>;
}

/// The open device.
#[derive(Debug)]
pub struct Device {
    file: File,
    buffer: Vec<u8>,
}

impl Device {
    /// Opens it.
    ///
    /// # Errors
    /// It is not there, or this process may not read it.
    pub fn open() -> Result<Device> {
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(DEVICE);
        let hint = opened.as_ref().err().map(hint);
        let opened = opened.with_context(|| format!("cannot read `{DEVICE}`"));
        let file = match hint {
            Some(hint) => opened.hint(hint)?,
            None => opened?,
        };
        Ok(Device { file, buffer: vec![0; MAX_RECORD_BYTES] })
    }

    /// Another handle, which tells when there is something to read.
    pub(super) fn watched(&self) -> io::Result<OwnedFd> {
        self.file.try_clone().map(OwnedFd::from)
    }
}

/// What to do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => {
            "while `kernel.dmesg_restrict` is 1 only root and who has `CAP_SYSLOG` may read what the kernel says: start \
             loggr as root with `user` in `[process]`, or give the capability to its unit (`AmbientCapabilities=`)"
        }
        Some(libc::EACCES) => {
            "its permission bits keep others out: start loggr as root with `user` in `[process]`, so that it opens the \
             device and then becomes that user"
        }
        _ => {
            "containers and units with `PrivateDevices=yes` do not have it; the kernel's messages are read on the host"
        }
    }
}

impl Ring for Device {
    fn next(&mut self) -> io::Result<Found<'_>> {
        loop {
            match self.file.read(&mut self.buffer) {
                Ok(0) => return Ok(Found::Nothing),
                Ok(n) => return Ok(Found::Record(self.buffer.get(..n).unwrap_or_default())),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EPIPE) => return Ok(Found::Overwritten),
                    _ if error.kind() == ErrorKind::WouldBlock => return Ok(Found::Nothing),
                    _ => return Err(error),
                },
            }
        }
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(errno: i32, expect: &str) {
        let said = hint(&io::Error::from_raw_os_error(errno));
        assert!(said.contains(expect), "{said}");
    }

    #[test]
    fn who_may_not_read_it_learns_what_to_do() {
        check(libc::EPERM, "`kernel.dmesg_restrict` is 1");
        check(libc::EACCES, "permission bits");
        check(libc::ENOENT, "containers");
    }
}
