//! Where to listen: a host and a port, or the path of a unix socket.
//!
//! No name is looked up here: `localhost:1514` stays a name until somebody binds it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::NetError;

/// Longest host name (RFC 1035).
const MAX_HOST_BYTES: usize = 253;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

impl Address {
    /// Reads `127.0.0.1:1514`, `[::1]:1514`, `localhost:1514`, and `:1514` or `*:1514`
    /// for all addresses of the host. Port 0 lets the system choose.
    ///
    /// # Errors
    /// Says what is missing or wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, NetError> {
        read(text).map_err(NetError::new)
    }

    /// The port; 0 lets the system choose.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address and port, unless the host is a name that somebody has to look up.
    pub fn socket(&self) -> Option<SocketAddr> {
        match &self.host {
            Host::Ip(ip) => Some(SocketAddr::new(*ip, self.port)),
            Host::Name(_) => None,
        }
    }

    /// The host: an address without brackets, or a name.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Ip(ip) => ip.to_string(),
            Host::Name(name) => name.clone(),
        }
    }

    /// Whether it stands for all addresses of the host.
    pub fn is_wildcard(&self) -> bool {
        matches!(&self.host, Host::Ip(ip) if ip.is_unspecified())
    }

    /// Whether only this host can reach it. The only name that counts as such is `localhost`.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Ip(ip) => ip.to_canonical().is_loopback(),
            Host::Name(name) => name == "localhost",
        }
    }

    /// The same port on this host alone.
    pub fn on_loopback(&self) -> Address {
        Address { host: Host::Ip(Ipv4Addr::LOCALHOST.into()), port: self.port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A host and a port (tcp, relp, udp).
    Net(Address),
    /// The absolute path of a socket (unix-dgram, unix-stream).
    Path(PathBuf),
}

impl Endpoint {
    /// The host and port, unless it is a path.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Endpoint::Net(address) => Some(address),
            Endpoint::Path(_) => None,
        }
    }

    /// The path, unless it is a host and a port.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Endpoint::Net(_) => None,
            Endpoint::Path(path) => Some(path),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Net(address) => address.fmt(f),
            Endpoint::Path(path) => path.display().fmt(f),
        }
    }
}

fn read(text: &str) -> Result<Address, String> {
    let shape = || format!("`{text}` is not an address such as `127.0.0.1:1514` or `[::1]:1514`");
    let (host, port) = text.rsplit_once(':').ok_or_else(|| match text.parse::<IpAddr>() {
        Ok(_) => format!("`{text}` has no port, write `{text}:PORT`"),
        Err(_) if text.parse::<u16>().is_ok() => {
            format!("`{text}` has no host, write `127.0.0.1:{text}`, or `:{text}` for all addresses")
        }
        Err(_) => shape(),
    })?;
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("`{text}` has no port, write `[{text}]:PORT`"));
    }
    let host = match host.strip_prefix('[').map(|h| h.strip_suffix(']')) {
        Some(inner) => Host::Ip(inner.and_then(|h| h.parse::<Ipv6Addr>().ok()).ok_or_else(shape)?.into()),
        None => match host.parse::<Ipv4Addr>() {
            Ok(v4) => Host::Ip(v4.into()),
            Err(_) if host.is_empty() || host == "*" => Host::Ip(Ipv6Addr::UNSPECIFIED.into()),
            Err(_) if is_host_name(host) => Host::Name(host.to_ascii_lowercase()),
            Err(_) => return Err(shape()),
        },
    };
    let port = port
        .parse()
        .ok()
        .filter(|_| port.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| format!("the port of `{text}` is not a number from 0 to 65535"))?;
    Ok(Address { host, port })
}

fn is_host_name(text: &str) -> bool {
    text.len() <= MAX_HOST_BYTES
        && text.bytes().any(|b| b.is_ascii_alphabetic())
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let shown = match Address::parse(text) {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn addresses() {
        check("127.0.0.1:1514", "127.0.0.1:1514");
        check("[::1]:0", "[::1]:0");
        check(":514", "[::]:514");
        check("*:514", "[::]:514");
        check("LOCALHOST:514", "localhost:514");
        check("mq1.example.net:65535", "mq1.example.net:65535");
    }

    #[test]
    fn refusals() {
        check("1514", "`1514` has no host, write `127.0.0.1:1514`, or `:1514` for all addresses");
        check("10.0.0.1", "`10.0.0.1` has no port, write `10.0.0.1:PORT`");
        check("::1", "`::1` has no port, write `[::1]:PORT`");
        check("2001:db8::1:514", "`2001:db8::1:514` has no port, write `[2001:db8::1:514]:PORT`");
        check("host:65536", "the port of `host:65536` is not a number from 0 to 65535");
        check("host:+5", "the port of `host:+5` is not a number from 0 to 65535");
        check("host:", "the port of `host:` is not a number from 0 to 65535");
        check("[::1:5", "`[::1:5` is not an address such as `127.0.0.1:1514` or `[::1]:1514`");
        check("a b:5", "`a b:5` is not an address such as `127.0.0.1:1514` or `[::1]:1514`");
        check("300.1.1.1:5", "`300.1.1.1:5` is not an address such as `127.0.0.1:1514` or `[::1]:1514`");
        check("/run/x.sock", "`/run/x.sock` is not an address such as `127.0.0.1:1514` or `[::1]:1514`");
    }

    #[test]
    fn kinds_of_hosts() {
        let parse = |text| Address::parse(text).unwrap();
        assert!(parse("localhost:1").is_loopback() && parse("[::1]:1").is_loopback());
        assert!(!parse("example.net:1").is_loopback() && !parse(":1").is_loopback());
        assert!(parse("0.0.0.0:1").is_wildcard() && parse(":1").is_wildcard());
        assert_eq!(parse(":1").on_loopback().to_string(), "127.0.0.1:1");
    }
}
