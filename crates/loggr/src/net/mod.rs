//! Sockets: binding them with errors that help, and naming peers. Reads no line.

pub mod reach;
pub mod resolver;

use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use socket2::{Domain, Protocol, Socket, Type};

use crate::hint::Advise;
use crate::process::place::make_directory;

/// Connections that the kernel may hold before they are accepted.
const LISTEN_BACKLOG: i32 = 1024;

/// The name of this host.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Resolves `host:port`; a bare port listens on loopback.
pub fn resolve(listen: &str) -> Result<SocketAddr> {
    let text = if listen.parse::<u16>().is_ok() { format!("127.0.0.1:{listen}") } else { listen.to_owned() };
    let found = text.to_socket_addrs().with_context(|| format!("cannot resolve `{listen}`"));
    found
        .hint("write an address and a port, as in `127.0.0.1:1514` or `[::]:1514`")?
        .next()
        .ok_or_else(|| anyhow!("`{listen}` has no address"))
}

/// A listening TCP socket, not blocking.
pub fn tcp(address: SocketAddr) -> Result<std::net::TcpListener> {
    let bound = || -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // `[::]` takes IPv4 as well, as operators expect of it.
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(LISTEN_BACKLOG)?;
        Ok(socket)
    };
    listening(bound(), &address.to_string()).map(Into::into)
}

/// A UDP socket that blocks, with a receive buffer of `buffer` bytes if the kernel
/// grants it, counting what the kernel drops. Gives the buffer's granted size too.
pub fn udp(address: SocketAddr, buffer: usize) -> Result<(std::net::UdpSocket, usize)> {
    let bound = || -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        Ok(socket)
    };
    let socket = listening(bound(), &address.to_string())?;
    let granted = receive_buffer(&socket, buffer);
    Ok((socket.into(), granted))
}

/// A unix datagram socket that blocks.
pub fn unix_dgram(path: &Path, mode: u32, buffer: usize) -> Result<(OwnedFd, UnixPath)> {
    let (socket, path) = unix(path, mode, Type::DGRAM)?;
    receive_buffer(&socket, buffer);
    Ok((socket.into(), path))
}

/// A listening unix stream socket, not blocking.
pub fn unix_stream(path: &Path, mode: u32) -> Result<(std::os::unix::net::UnixListener, UnixPath)> {
    let (socket, path) = unix(path, mode, Type::STREAM)?;
    socket.set_nonblocking(true).context("cannot make the socket non-blocking")?;
    Ok((OwnedFd::from(socket).into(), path))
}

/// The path of a unix socket; removes it when dropped.
#[derive(Debug)]
pub struct UnixPath(PathBuf);

impl Drop for UnixPath {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to do.
        drop(std::fs::remove_file(&self.0));
    }
}

fn unix(path: &Path, mode: u32, kind: Type) -> Result<(Socket, UnixPath)> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let shown = path.display().to_string();
    match std::fs::symlink_metadata(path) {
        // A socket that nobody listens on is what a killed process leaves behind.
        Ok(meta) if meta.file_type().is_socket() => {
            if unix_is_alive(path, kind) {
                return Err(anyhow!("cannot listen on `{shown}`: another process listens there"))
                    .hint("stop that process, or choose another path with `listen`");
            }
            std::fs::remove_file(path).with_context(|| format!("cannot replace the old socket `{shown}`"))?;
        }
        Ok(_) => {
            return Err(anyhow!("cannot listen on `{shown}`: a file of that name is no socket"))
                .hint("choose another path with `listen`; loggr does not delete files");
        }
        Err(_) => {}
    }
    if let Some(parent) = path.parent() {
        // Whoever may use the socket has to get there.
        let parent_mode = if mode & 0o007 == 0 { 0o750 } else { 0o755 };
        make_directory(parent, parent_mode)
            .with_context(|| format!("cannot create `{}`", parent.display()))?;
    }
    let bound = || -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        socket.bind(&socket2::SockAddr::unix(reach::Reach::new(path)?.path())?)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        if kind == Type::STREAM {
            socket.listen(LISTEN_BACKLOG)?;
        }
        Ok(socket)
    };
    let bound = bound();
    let is_long = path.as_os_str().len() > reach::MAX_SOCKET_PATH_BYTES;
    let socket = match listening(bound, &shown) {
        Err(error) if is_long => {
            let most = reach::MAX_SOCKET_PATH_BYTES;
            return Err(error).hint(format!(
                "its path has more than {most} bytes, for which `/proc` is needed: choose a shorter one, as with `--data-dir`"
            ));
        }
        socket => socket?,
    };
    Ok((socket, UnixPath(path.to_owned())))
}

fn unix_is_alive(path: &Path, kind: Type) -> bool {
    let probe = || -> std::io::Result<()> {
        let reach = reach::Reach::new(path)?;
        Socket::new(Domain::UNIX, kind, None)?.connect(&socket2::SockAddr::unix(reach.path())?)
    };
    probe().is_ok()
}

/// Asks for a receive buffer, past the kernel's limit where we may; gives what it became.
fn receive_buffer(socket: &Socket, wanted: usize) -> usize {
    if nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::RcvBufForce, &wanted).is_err()
        && let Err(error) = socket.set_recv_buffer_size(wanted)
    {
        tracing::warn!(%error, wanted, "cannot set the receive buffer");
    }
    // The kernel doubles the number for its own needs.
    socket.recv_buffer_size().unwrap_or(0) / 2
}

fn listening(bound: std::io::Result<Socket>, object: &str) -> Result<Socket> {
    use std::io::ErrorKind;
    let error = match bound {
        Ok(socket) => return Ok(socket),
        Err(error) => error,
    };
    let hint = match error.kind() {
        ErrorKind::AddrInUse => Some("another process listens there; `ss -lntup` shows which"),
        ErrorKind::PermissionDenied => {
            Some("ports below 1024 need `CAP_NET_BIND_SERVICE`; a socket needs a writable directory")
        }
        ErrorKind::AddrNotAvailable => Some("this machine has no such address; `ip address` lists them"),
        _ => None,
    };
    let failed = Err(error).with_context(|| format!("cannot listen on `{object}`"));
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, expect: &str) {
        assert_eq!(resolve(listen).unwrap().to_string(), expect);
    }

    #[test]
    fn addresses() {
        check("127.0.0.1:1514", "127.0.0.1:1514");
        check("[::1]:1514", "[::1]:1514");
        check("1514", "127.0.0.1:1514");
    }

    #[test]
    fn a_port_in_use_is_named_with_a_hint() {
        let taken = tcp(resolve("127.0.0.1:0").unwrap()).unwrap();
        let address = taken.local_addr().unwrap();
        let text = crate::hint::render(&tcp(address).unwrap_err());
        assert!(text.starts_with(&format!("error: cannot listen on `{address}`\n")), "{text}");
        assert!(text.contains("hint: another process listens there"), "{text}");
    }

    #[test]
    fn a_dead_unix_socket_is_replaced_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/log.sock");
        let (first, guard) = unix_stream(&path, 0o600).unwrap();
        assert!(unix_stream(&path, 0o600).unwrap_err().to_string().contains("another process"));
        drop(first);
        let (_second, _guard) = unix_stream(&path, 0o600).unwrap();
        drop(guard);
        std::fs::write(&path, "precious").unwrap();
        assert!(unix_stream(&path, 0o600).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
