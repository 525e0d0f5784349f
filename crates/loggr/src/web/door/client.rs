//! From where a request comes: the peer of the connection, or whom a trusted proxy speaks for.
//!
//! Only what a proxy in one of the trusted networks says is believed, and of a list of addresses only
//! what stands behind the last one that is not a proxy itself.

use std::net::IpAddr;

use axum::http::HeaderMap;
use loggr_net::Network;

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address; none on a unix socket.
    pub ip: Option<IpAddr>,
    /// Does it speak TLS with us?
    pub tls: bool,
}

/// Who asks, as far as the network knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Is what it sends protected on the whole way?
    pub tls: bool,
    /// Does a trusted proxy speak for it?
    pub proxied: bool,
}

impl Client {
    /// Finds it out.
    pub fn of(peer: Peer, headers: &HeaderMap, proxies: &[Network]) -> Client {
        let is_proxy = |ip: IpAddr| proxies.iter().any(|network| network.contains(ip));
        if !peer.ip.is_some_and(is_proxy) {
            return Client { ip: peer.ip, tls: peer.tls, proxied: false };
        }
        let said = |name: &str| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> =
            said("x-forwarded-for").flat_map(|list| list.split(',')).map(str::trim).collect();
        let hops = hops.iter().rev().map_while(|hop| hop.parse::<IpAddr>().ok());
        let mut ip = peer.ip;
        for hop in hops {
            ip = Some(hop.to_canonical());
            if !is_proxy(hop) {
                break;
            }
        }
        let scheme = said("x-forwarded-proto").next_back().and_then(|list| list.rsplit(',').next());
        let tls = scheme.map_or(peer.tls, |scheme| scheme.trim().eq_ignore_ascii_case("https"));
        Client { ip, tls, proxied: true }
    }

    /// Is it somebody on this host, for whom no proxy speaks?
    pub fn is_here(&self) -> bool {
        !self.proxied && self.ip.is_some_and(|ip| ip.to_canonical().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, headers: &[(&'static str, &str)], expect: (&str, bool, bool)) {
        let proxies = ["10.0.0.0/8", "127.0.0.1"].map(|text| Network::parse(text).unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let client = Client::of(Peer { ip: peer.parse().ok(), tls: false }, &map, &proxies);
        let ip = client.ip.map(|ip| ip.to_string()).unwrap_or_default();
        assert_eq!((ip.as_str(), client.tls, client.proxied), expect, "{peer} {headers:?}");
    }

    #[test]
    fn only_proxies_speak_for_others() {
        let of = |list: &'static str| [("x-forwarded-for", list), ("x-forwarded-proto", "https")];
        check("192.0.2.1", &[], ("192.0.2.1", false, false));
        check("192.0.2.1", &of("192.0.2.7"), ("192.0.2.1", false, false));
        check("10.0.0.1", &[], ("10.0.0.1", false, true));
        check("10.0.0.1", &of("192.0.2.7"), ("192.0.2.7", true, true));
        check("::ffff:10.0.0.1", &of("192.0.2.7"), ("192.0.2.7", true, true));
        // What a client invents stands in front.
        check("10.0.0.1", &of("1.1.1.1, 192.0.2.7, 10.0.0.2"), ("192.0.2.7", true, true));
        check("10.0.0.1", &of("192.0.2.7, unknown"), ("10.0.0.1", true, true));
        check("10.0.0.1", &of(""), ("10.0.0.1", true, true));
        check("", &of("192.0.2.7"), ("", false, false));
    }

    #[test]
    fn who_is_on_this_host() {
        let of = |ip: &str, proxied| Client { ip: ip.parse().ok(), tls: false, proxied }.is_here();
        assert!(of("127.0.0.1", false) && of("::1", false) && of("::ffff:127.0.0.1", false));
        assert!(!of("127.0.0.1", true) && !of("192.0.2.1", false) && !of("", false));
    }
}
