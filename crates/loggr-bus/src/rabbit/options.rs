//! The addresses of the brokers, and the options of connections.
//!
//! These are plain data; nothing here opens a socket or reads a file.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};
use loggr_net::tls::ClientConfig;

/// The default heartbeat.
pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(10);

/// How the brokers of one cluster are reached.
#[derive(Clone)]
pub struct RabbitOptions {
    /// At least one; they are tried in this order.
    pub brokers: Vec<BrokerAddress>,
    /// A connection that is silent for twice this time is given up.
    pub heartbeat: Duration,
    /// For addresses that begin with `amqps`; without it there is no connection to them.
    pub tls: Option<Arc<ClientConfig>>,
    /// The name under which the broker shows the connection.
    pub connection_name: String,
}

impl fmt::Debug for RabbitOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitOptions").field("brokers", &self.brokers).finish_non_exhaustive()
    }
}

/// The address of one broker, and the user there.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS is spoken.
    pub tls: bool,
    /// Name of the virtual host.
    pub vhost: String,
    /// User.
    pub user: String,
    /// Its password, never shown.
    pub password: String,
}

impl BrokerAddress {
    /// The address in the form of lapin.
    pub(super) fn uri(&self, heartbeat: Duration) -> AMQPUri {
        let mut uri = AMQPUri { vhost: self.vhost.clone(), ..AMQPUri::default() };
        uri.scheme = if self.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP };
        uri.authority.host.clone_from(&self.host);
        uri.authority.port = self.port;
        uri.authority.userinfo.username.clone_from(&self.user);
        uri.authority.userinfo.password.clone_from(&self.password);
        uri.query.heartbeat = Some(u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX).max(1));
        uri
    }
}

impl fmt::Display for BrokerAddress {
    /// Host and port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "amqps" } else { "amqp" };
        write!(f, "{scheme}://{}:…@{self}/{}", self.user, self.vhost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let address = BrokerAddress {
            host: "::1".to_owned(),
            port: 5671,
            tls: true,
            vhost: "logs".to_owned(),
            user: "loggr".to_owned(),
            password: "secret".to_owned(),
        };
        assert_eq!(format!("{address} {address:?}"), "[::1]:5671 amqps://loggr:…@[::1]:5671/logs");
        let uri = address.uri(Duration::from_secs(7));
        assert_eq!((uri.authority.userinfo.password.as_str(), uri.query.heartbeat), ("secret", Some(7)));
    }
}
