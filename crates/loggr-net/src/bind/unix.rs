//! Unix sockets to listen on, and who owns their path.
//!
//! The caller makes the directory. Invariants: only a socket on which nobody listens is replaced,
//! never a file; a path is removed at the end only if it is still the socket that was bound.

use std::fs::Metadata;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use socket2::{Domain, SockAddr, Socket, Type};

use super::reach::{MAX_SOCKET_PATH_BYTES, Reach};
use super::{LISTEN_BACKLOG, cannot_listen, receive_buffer};
use crate::NetError;

/// The path of a unix socket; removes it when dropped, if nobody else has bound it since.
#[derive(Debug)]
pub struct UnixPath {
    path: PathBuf,
    bound: Option<Made>,
}

/// What identifies a socket file: the number of an inode is soon used again, but not with the same
/// time of birth.
type Made = (u64, u64, Option<SystemTime>);

fn made(meta: &Metadata) -> Made {
    (meta.dev(), meta.ino(), meta.created().ok())
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        let now = std::fs::symlink_metadata(&self.path).ok().as_ref().map(made);
        if now.is_some() && now == self.bound {
            // It may vanish meanwhile; then there is nothing to do.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// A unix datagram socket that blocks. Its directory must be there.
///
/// # Errors
/// Somebody listens there, it is a file, or we may not.
pub fn unix_dgram(path: &Path, mode: u32, buffer: usize) -> Result<(OwnedFd, UnixPath), NetError> {
    let (socket, path) = bind(path, mode, Type::DGRAM)?;
    receive_buffer(&socket, buffer);
    Ok((socket.into(), path))
}

/// A listening unix stream socket, not blocking. Its directory must be there.
///
/// # Errors
/// Somebody listens there, it is a file, or we may not.
pub fn unix_stream(path: &Path, mode: u32) -> Result<(UnixListener, UnixPath), NetError> {
    let (socket, path) = bind(path, mode, Type::STREAM)?;
    Ok((OwnedFd::from(socket).into(), path))
}

fn bind(path: &Path, mode: u32, kind: Type) -> Result<(Socket, UnixPath), NetError> {
    let shown = path.display().to_string();
    match std::fs::symlink_metadata(path) {
        // A socket that nobody listens on is what a killed process leaves behind.
        Ok(meta) if meta.file_type().is_socket() => {
            if is_alive(path, kind) {
                return Err(NetError::new(format!(
                    "cannot listen on `{shown}`: another process listens there"
                ))
                .hinted("stop that process, or choose another path with `listen`"));
            }
            std::fs::remove_file(path)
                .map_err(|e| NetError::new(format!("cannot replace the old socket `{shown}`")).because(e))?;
        }
        Ok(_) => {
            let what = format!("cannot listen on `{shown}`: a file of that name is no socket");
            return Err(
                NetError::new(what).hinted("choose another path with `listen`; loggr does not delete files")
            );
        }
        Err(_) => {}
    }
    let bound = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        socket.bind(&SockAddr::unix(Reach::new(path)?.path())?)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        if kind == Type::STREAM {
            socket.listen(LISTEN_BACKLOG)?;
            socket.set_nonblocking(true)?;
        }
        Ok(socket)
    };
    let socket = bound().map_err(|error| match path.as_os_str().len() {
        0..=MAX_SOCKET_PATH_BYTES => cannot_listen(&shown, error),
        _ => cannot_listen(&shown, error).hinted(format!(
            "its path has more than {MAX_SOCKET_PATH_BYTES} bytes, for which `/proc` is needed: choose a shorter one, as with `--data-dir`"
        )),
    })?;
    let bound = std::fs::symlink_metadata(path).ok().as_ref().map(made);
    Ok((socket, UnixPath { path: path.to_owned(), bound }))
}

fn is_alive(path: &Path, kind: Type) -> bool {
    let probe = || -> io::Result<()> {
        let reach = Reach::new(path)?;
        Socket::new(Domain::UNIX, kind, None)?.connect(&SockAddr::unix(reach.path())?)
    };
    probe().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sock");
        let (first, old) = unix_stream(&path, 0o600).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert!(unix_stream(&path, 0o600).unwrap_err().to_string().contains("another process"));
        drop(first);
        let (_second, new) = unix_stream(&path, 0o600).unwrap();
        drop(old);
        assert!(path.exists(), "it is another's now");
        drop(new);
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        assert!(unix_stream(&path, 0o600).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn datagrams_come_through_and_the_path_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d".repeat(120));
        std::fs::create_dir(&path).unwrap();
        let path = path.join("log.sock");
        let (socket, guard) = unix_dgram(&path, 0o666, 1 << 16).unwrap();
        let socket = std::os::unix::net::UnixDatagram::from(socket);
        let sender = std::os::unix::net::UnixDatagram::unbound().unwrap();
        sender.send_to(b"<13>hello", Reach::new(&path).unwrap().path()).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(socket.recv(&mut buffer).unwrap(), 9);
        drop(guard);
        assert!(!path.exists());
    }
}
