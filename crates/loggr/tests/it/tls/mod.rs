//! Syslog over TLS: the senders that people have, whom a listener lets in, what it does with those who
//! mean no good, and certificates that are exchanged under load.

mod clients;
mod exchange;
mod hostile;
mod proxy;
mod receivers;
mod send;
mod senders;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use loggr_net::tls::{Identity, Trust, client, server_name};
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use crate::support::{Authority, Loggr, Setup, free_port};

/// A loggr with a listener `secure` of this protocol; `tls` is what stands in the table of its TLS.
#[track_caller]
fn start(protocol: &str, tls: &str, keys: &str) -> (Loggr, SocketAddr) {
    let address = format!("127.0.0.1:{}", free_port());
    let tables = format!(
        "\n[[listener]]\nname = \"secure\"\nprotocol = {protocol:?}\nlisten = {address:?}\ntls = {{ {tls} }}\n{keys}\n"
    );
    let loggr = Loggr::with(Setup { tables, ..Setup::default() });
    (loggr, address.parse().expect("an address"))
}

/// A connection with TLS to a listener that is `localhost`.
fn connect(
    address: SocketAddr,
    authority: &Authority,
    shows: Option<&str>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    connect_over(TcpStream::connect(address)?, &authority.path("ca.crt"), shows.map(|name| (authority, name)))
}

fn connect_over(
    socket: TcpStream,
    trusts: &Path,
    shows: Option<(&Authority, &str)>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let identity = shows.map(|(of, name)| {
        Identity::read(&of.path(&format!("{name}.crt")), &of.path(&format!("{name}.key")))
            .expect("an identity")
    });
    let trust = Trust::of(Some(trusts)).expect("an authority");
    let config = client(&trust, identity.as_ref()).expect("TLS");
    let connection = ClientConnection::new(config, server_name("localhost").expect("a name")).expect("TLS");
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut stream = StreamOwned::new(connection, socket);
    stream.flush()?;
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Sends lines to a listener that cuts at line ends, and closes in order.
fn send_lines(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    lines: &[String],
) -> std::io::Result<()> {
    stream.write_all((lines.join("\n") + "\n").as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(std::net::Shutdown::Write)?;
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    Ok(())
}
