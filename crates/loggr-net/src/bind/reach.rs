//! Unix sockets whose path is longer than the kernel takes in an address.
//!
//! `sun_path` has 108 bytes, and a data directory may well be longer. The socket is then named
//! below `/proc/self/fd`, by its opened directory. The kernel checks the same rights as for the
//! long path.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Longest path of a socket in an address, its final NUL left out.
pub const MAX_SOCKET_PATH_BYTES: usize = 107;

/// A path of the socket that is short enough, valid as long as this value lives.
#[derive(Debug)]
pub struct Reach {
    path: PathBuf,
    _directory: Option<OwnedFd>,
}

impl Reach {
    /// Finds such a path.
    ///
    /// # Errors
    /// The path is long and its directory does not exist or may not be opened by us.
    pub fn new(socket: &Path) -> io::Result<Reach> {
        let whole = || Reach { path: socket.to_owned(), _directory: None };
        if socket.as_os_str().as_bytes().len() <= MAX_SOCKET_PATH_BYTES {
            return Ok(whole());
        }
        let (Some(parent), Some(name)) = (socket.parent(), socket.file_name()) else { return Ok(whole()) };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(parent, flags, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
        Ok(Reach { path, _directory: Some(directory) })
    }

    /// The path to give to the kernel.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_socket_below_a_long_directory_is_bound_and_reached() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("d".repeat(120)).join("e".repeat(90));
        std::fs::create_dir_all(&long).unwrap();
        let socket = long.join("control.sock");
        assert!(UnixListener::bind(&socket).is_err(), "it is too long for an address");
        let listener = UnixListener::bind(Reach::new(&socket).unwrap().path()).unwrap();
        assert!(socket.exists());
        let mut client = UnixStream::connect(Reach::new(&socket).unwrap().path()).unwrap();
        drop(listener.accept().unwrap());
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        assert!(Reach::new(&directory.path().join("x".repeat(120)).join("s")).is_err());
    }
}
