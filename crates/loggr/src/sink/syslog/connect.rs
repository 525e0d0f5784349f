//! Makes connections to targets, with TLS or without. What is spoken on them is not known here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use loggr_net::Address;
use loggr_net::tls::{Certificate, server_name};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ProtocolVersion;

use super::stats::Peer;
use super::trouble::Trouble;
use crate::sink::tls::Tls;

/// A connection on which nothing has moved for so long is asked whether it still stands.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A connection, encrypted or not.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
    /// The target can no longer refuse us as strangers. With TLS 1.3 it looks at our certificate only after we
    /// believe that all is well, and may go on by sending what other connections can use later.
    fn is_let_in(&self) -> bool;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn is_let_in(&self) -> bool {
        true
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }

    fn is_let_in(&self) -> bool {
        let session = self.get_ref().1;
        session.protocol_version() == Some(ProtocolVersion::TLSv1_2) || session.tls13_tickets_received() > 0
    }
}

/// A connection that stands.
pub struct Connected {
    /// The connection.
    pub wire: Box<dyn Wire>,
    /// Who the target is by its certificate; `None` without TLS.
    pub peer: Option<Peer>,
}

/// Connects.
pub async fn connect(target: &Address, tls: Option<&Tls>, timeout: Duration) -> Result<Connected, Trouble> {
    let late =
        |what: &str| Trouble::late(format!("`{target}` does not {what} within {} s", timeout.as_secs_f64()));
    let shown = target.to_string();
    let host = target.host();
    let found = tokio::time::timeout(timeout, lookup_host((host.as_str(), target.port()))).await;
    let found = found
        .map_err(|_| late("have an address that name servers tell"))?
        .map_err(|error| Trouble::unreachable(&shown, &error))?;
    let connected = first_to_accept(&found.collect::<Vec<_>>(), timeout).await;
    let stream = connected
        .ok_or_else(|| late("accept the connection"))?
        .map_err(|error| Trouble::unreachable(&shown, &error))?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    stream
        .set_nodelay(true)
        .and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&keepalive))
        .map_err(|error| Trouble::broken(&shown, &error))?;
    let Some(tls) = tls else { return Ok(Connected { wire: Box::new(stream), peer: None }) };
    let name = tls.name.as_deref().unwrap_or(&host);
    let expected = server_name(name).map_err(|error| Trouble::new(error.in_one_line()))?;
    let connector = TlsConnector::from(tls.connector.config());
    let encrypted = tokio::time::timeout(timeout, connector.connect(expected, stream)).await;
    let encrypted =
        encrypted.map_err(|_| late("answer to TLS"))?.map_err(|error| Trouble::no_tls(&shown, &error))?;
    let session = encrypted.get_ref().1;
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    let who = if tls.verify { name } else { "not verified" };
    let certificate = session.peer_certificates().and_then(|chain| chain.first());
    let ends = certificate.and_then(|der| Certificate::read(der).ok()).map(|certificate| certificate.ends);
    let peer = Peer { shown: format!("{who} ({version})"), ends };
    Ok(Connected { wire: Box::new(encrypted), peer: Some(peer) })
}

/// A connection to the first of a host's addresses that accepts one; `None` if none of them says anything.
/// Each has its share of the time: one that is silent does not keep the others from their turn.
async fn first_to_accept(addresses: &[SocketAddr], timeout: Duration) -> Option<io::Result<TcpStream>> {
    let share = timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut trouble = None;
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Some(Ok(stream)),
            Ok(Err(error)) => trouble = Some(Err(error)),
            Err(_) => {}
        }
    }
    trouble
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// A socket whose queue of connections is full: the kernel drops what else comes.
    fn silent() -> (Socket, SocketAddr, Vec<std::net::TcpStream>) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let brief = Duration::from_millis(200);
        let full =
            std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&address, brief).ok()).collect();
        (socket, address, full)
    }

    #[tokio::test]
    async fn an_address_that_is_silent_leaves_the_next_its_turn() {
        let (_socket, silent, _full) = silent();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let good = listener.local_addr().unwrap();
        let timeout = Duration::from_millis(400);
        let connected = first_to_accept(&[silent, good], timeout).await.unwrap().unwrap();
        assert_eq!(connected.peer_addr().unwrap(), good);
        assert!(first_to_accept(&[silent], timeout).await.is_none());
        drop(listener);
        assert!(first_to_accept(&[silent, good], timeout).await.unwrap().is_err());
    }
}
