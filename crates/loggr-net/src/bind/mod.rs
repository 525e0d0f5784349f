//! Sockets to listen on, bound with errors that help, and the name of this host.
//!
//! Unix sockets are in `unix.rs`. Reading from sockets, and who may send, is the caller's business.

mod reach;
mod unix;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

pub use reach::{MAX_SOCKET_PATH_BYTES, Reach};
pub use unix::{UnixPath, unix_dgram, unix_stream};

use crate::{Address, NetError};

/// Connections that the kernel may hold before they are accepted.
const LISTEN_BACKLOG: i32 = 1024;

/// The name of this host.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Where to listen: a name is looked up, which may block, and its first address is taken.
///
/// # Errors
/// The name has no address.
pub fn resolve(address: &Address) -> Result<SocketAddr, NetError> {
    if let Some(socket) = address.socket() {
        return Ok(socket);
    }
    let failed = || {
        NetError::new(format!("cannot resolve `{address}`")).hinted(
            "`getent hosts NAME` shows what this host knows; or write an address, as in `127.0.0.1:1514`",
        )
    };
    let mut found =
        (address.host().as_str(), address.port()).to_socket_addrs().map_err(|e| failed().because(e))?;
    found.next().ok_or_else(failed)
}

/// A listening TCP socket, not blocking.
///
/// # Errors
/// The address is taken, not ours, or not for us.
pub fn tcp(address: SocketAddr) -> Result<std::net::TcpListener, NetError> {
    let bound = || -> io::Result<Socket> {
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
    bound().map(Into::into).map_err(|error| cannot_listen(&address.to_string(), error))
}

/// A UDP socket that blocks, with a receive buffer of `buffer` bytes if the kernel
/// grants it. Gives the buffer's granted size too.
///
/// # Errors
/// The address is taken, not ours, or not for us.
pub fn udp(address: SocketAddr, buffer: usize) -> Result<(std::net::UdpSocket, usize), NetError> {
    let bound = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        Ok(socket)
    };
    let socket = bound().map_err(|error| cannot_listen(&address.to_string(), error))?;
    let granted = receive_buffer(&socket, buffer);
    Ok((socket.into(), granted))
}

/// Asks for a receive buffer, beyond the kernel's limit if we have the right; gives the size that
/// was granted.
fn receive_buffer(socket: &Socket, wanted: usize) -> usize {
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, wanted).is_err()
        && let Err(error) = socket.set_recv_buffer_size(wanted)
    {
        tracing::warn!(%error, wanted, "cannot set the receive buffer");
    }
    // The kernel doubles the number for its own needs.
    socket.recv_buffer_size().unwrap_or(0) / 2
}

fn cannot_listen(object: &str, error: io::Error) -> NetError {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there; `ss -lntup` shows which",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need `CAP_NET_BIND_SERVICE`; a socket needs a writable directory"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; `ip address` lists them",
        _ => "",
    };
    let failed = NetError::new(format!("cannot listen on `{object}`")).because(error);
    if hint.is_empty() { failed } else { failed.hinted(hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, expect: &str) {
        let found = resolve(&Address::parse(listen).unwrap());
        assert_eq!(found.map_or_else(|e| e.to_string(), |a| a.to_string()), expect);
    }

    #[test]
    fn addresses() {
        check("127.0.0.1:1514", "127.0.0.1:1514");
        check("[::1]:1514", "[::1]:1514");
        check(":1514", "[::]:1514");
        check("no-such-host.invalid:1514", "cannot resolve `no-such-host.invalid:1514`");
    }

    #[test]
    fn a_port_in_use_is_named_with_a_hint() {
        let taken = tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = taken.local_addr().unwrap();
        let error = tcp(address).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on `{address}`"));
        assert!(error.in_one_line().contains("; another process listens there"), "{}", error.in_one_line());
    }
}
