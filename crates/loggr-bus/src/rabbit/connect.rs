//! Makes one connection: tries the addresses in their order, with TLS, login, and a time limit.
//!
//! `link.rs` keeps the connection.

use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::{Connection, ConnectionProperties};

use super::error::{BrokerError, BrokerErrorKind};
use super::options::{BrokerAddress, RabbitOptions};

/// How long a connection may take, from the first packet to the login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to the first broker that accepts us, with its address.
///
/// If none does, the error of one that refused us, otherwise of the last. It counts as refused for
/// good only if all brokers refused: another one may be back soon.
pub(super) async fn connect(
    options: &RabbitOptions,
    role: &str,
) -> Result<(Connection, BrokerAddress), BrokerError> {
    let (mut refused, mut other) = (None, None);
    for address in &options.brokers {
        match connect_to(address, options, role).await {
            Ok(connection) => return Ok((connection, address.clone())),
            Err(error) if error.kind() == BrokerErrorKind::Refused => {
                refused.get_or_insert(error);
            }
            Err(error) => other = Some(error),
        }
    }
    Err(match (refused, other) {
        (Some(refused), None) => refused,
        (Some(refused), Some(_)) => refused.may_pass(),
        (None, Some(other)) => other,
        (None, None) => BrokerError::refused("there is no address of a broker"),
    })
}

async fn connect_to(
    address: &BrokerAddress,
    options: &RabbitOptions,
    role: &str,
) -> Result<Connection, BrokerError> {
    let places = resolve(address).await?;
    let tls = address.tls.then(|| connector(address, options)).transpose()?;
    let name = format!("{} {role}", options.connection_name);
    let properties = ConnectionProperties::default()
        .with_connection_name(name.into())
        .with_client_property("product".into(), "loggr".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
    let runtime = lapin::runtime::default_runtime().map_err(|e| BrokerError::connecting(address, &e))?;
    let socket: Arc<Mutex<Option<socket2::Socket>>> = Arc::default();
    let (open, host) = (socket.clone(), address.host.clone());
    let connecting = Connection::connector(
        address.uri(options.heartbeat),
        runtime,
        async move |_, runtime| {
            let stream = AsyncTcpStream::connect(&runtime, places.clone()).await?;
            if let AsyncTcpStream::Plain(plain) = &stream {
                let twin = socket2::SockRef::from(plain.get_ref()).try_clone()?;
                twin.set_tcp_nodelay(true)?;
                *open.lock().unwrap_or_else(PoisonError::into_inner) = Some(twin);
            }
            match &tls {
                Some(connector) => Ok(stream.into_rustls(connector, &host).await?),
                None => Ok(stream),
            }
        },
        properties,
    );
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(BrokerError::connecting(address, &error)),
        Err(_) => {
            // A peer that accepts the connection and stays silent would keep lapin's thread for
            // ever.
            if let Some(socket) = socket.lock().unwrap_or_else(PoisonError::into_inner).take() {
                drop(socket.shutdown(Shutdown::Both));
            }
            let what =
                format!("the broker `{address}` does not answer within {} s", CONNECT_TIMEOUT.as_secs());
            Err(BrokerError::new(BrokerErrorKind::Unreachable, what))
        }
    }
}

async fn resolve(address: &BrokerAddress) -> Result<Vec<SocketAddr>, BrokerError> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let error = match found.map(|found| found.collect::<Vec<_>>()) {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => "it has no address".to_owned(),
        Err(error) => error.to_string(),
    };
    // In some environments a name exists only while its host runs, so a broker that is away may
    // have none.
    let what = format!("the host of the broker `{address}` is not known");
    Err(BrokerError::new(BrokerErrorKind::Unreachable, what)
        .because(error)
        .hint("look at the host in `urls`"))
}

fn connector(address: &BrokerAddress, options: &RabbitOptions) -> Result<RustlsConnector, BrokerError> {
    let tls = options.tls.clone().map(RustlsConnector::from);
    tls.ok_or_else(|| BrokerError::refused(format!("TLS is not set up for the broker `{address}`")))
}
