//! A network in CIDR notation, as in the rules of listeners, in filters and in queries.
//!
//! It only answers whether an address lies inside. Invariants: no bit behind the prefix is set; a
//! network of IPv4-mapped addresses (`::ffff:10.0.0.0/104`) is the IPv4 one (`10.0.0.0/8`), so
//! `::/0` is all of IPv6 and nothing of IPv4.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

use crate::NetError;

/// Bits in front of an IPv4 address that is written as IPv6.
const MAPPED_BITS: u8 = 96;
/// A range is shown as networks in an error if it needs at most this many.
const MAX_SHOWN_NETWORKS: usize = 4;

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address; blanks around it do not count.
    ///
    /// # Errors
    /// Says what the text is instead, and what to write. Bits set behind the prefix are refused:
    /// somebody who writes `10.1.2.3/8` in a rule probably means something else.
    pub fn parse(text: &str) -> Result<Network, NetError> {
        let (address, network) = read(text)?;
        if address == network.first() {
            return Ok(network);
        }
        Err(NetError::new(format!("`{}` has bits behind its prefix", text.trim()))
            .hinted(format!("write `{network}` for the network, `{address}` for the address")))
    }

    /// Like [`Network::parse`], but takes any address in the network: `10.1.2.3/8` is `10.0.0.0/8`.
    /// For searches, where an address of the network may be all that is known.
    ///
    /// # Errors
    /// Says what the text is instead, and what to write.
    pub fn parse_around(text: &str) -> Result<Network, NetError> {
        read(text).map(|(_, network)| network)
    }

    /// The network with this prefix that holds an address; `None` if the address has fewer bits. An
    /// IPv4-mapped address has the 32 bits of the IPv4 one.
    pub fn around(address: IpAddr, prefix: u8) -> Option<Network> {
        IpNet::new(address.to_canonical(), prefix).ok().map(|net| Network(net.trunc()))
    }

    /// Whether the address lies inside. An IPv4-mapped address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        self.0.network()
    }

    /// Its last address.
    pub fn last(&self) -> IpAddr {
        self.0.broadcast()
    }

    /// How many bits its addresses have in common.
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address that was written, and the network around it.
fn read(text: &str) -> Result<(IpAddr, Network), NetError> {
    let text = text.trim();
    let (host, prefix) = match text.split_once('/') {
        Some((host, prefix)) => (host.trim(), Some(prefix.trim())),
        None => (text, None),
    };
    let written: IpAddr = host.parse().map_err(|_| no_address(text, host, prefix))?;
    let meant = written.to_canonical();
    let width = |ip: IpAddr| if ip.is_ipv4() { 32 } else { 128 };
    let bits = match prefix {
        None => width(meant),
        Some(prefix) => {
            let bits = number(prefix).filter(|bits| *bits <= width(written));
            let bits = bits.ok_or_else(|| no_prefix(text, written, width(written), prefix))?;
            if width(written) == width(meant) {
                bits
            } else {
                bits.checked_sub(MAPPED_BITS).ok_or_else(|| mixed(text, meant, bits))?
            }
        }
    };
    match Network::around(meant, bits) {
        Some(network) => Ok((meant, network)),
        None => Err(no_prefix(text, written, width(written), prefix.unwrap_or_default())),
    }
}

/// Digits without a zero in front, which some take for octal.
fn number(digits: &str) -> Option<u8> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}

/// The error of an IPv4 address written as IPv6 with a prefix that is too short for that.
fn mixed(text: &str, meant: IpAddr, bits: u8) -> NetError {
    let error = NetError::new(format!("`{text}` is an IPv4 address with a prefix of IPv6"));
    match bits {
        0..=32 => error.hinted(format!("write `{meant}/{bits}`")),
        _ => error.hinted(format!("write `{meant}` and a prefix from 0 to 32")),
    }
}

fn no_prefix(text: &str, address: IpAddr, width: u8, prefix: &str) -> NetError {
    let error = NetError::new(format!("the prefix of `{text}` is not a number from 0 to {width}"));
    let mask = prefix.parse().ok().and_then(|mask| ipnet::ip_mask_to_prefix(mask).ok());
    match mask.or(octet(prefix)).filter(|bits| *bits <= width) {
        Some(bits) => error.hinted(format!("write `{address}/{bits}`")),
        None => error,
    }
}

/// The error of a text that is not an address, with the most likely reason.
fn no_address(text: &str, host: &str, prefix: Option<&str>) -> NetError {
    let behind = prefix.map(|prefix| format!("/{prefix}")).unwrap_or_default();
    if let Some(error) = range(text) {
        return error;
    }
    if let Some((address, _)) = host.split_once('%') {
        return NetError::new(format!(
            "`{text}` names an interface, and the networks of all interfaces are one"
        ))
        .hinted(format!("write `{address}{behind}`"));
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port = host.parse::<SocketAddr>().map(|socket| socket.ip());
    if let Some(address) = port.ok().or_else(|| bare?.parse().ok()) {
        return NetError::new(format!("`{text}` is written like a socket, and a network has no port"))
            .hinted(format!("write `{address}{behind}`"));
    }
    let numbers: Option<Vec<u8>> = host.split('.').map(octet).collect();
    match numbers.as_deref() {
        Some([a, b, c, d]) => {
            NetError::new(format!("`{text}` has a number with a zero in front, which some take for octal"))
                .hinted(format!("write `{}{behind}`", Ipv4Addr::new(*a, *b, *c, *d)))
        }
        Some(few @ ([_] | [_, _] | [_, _, _])) if prefix.is_some() => {
            let mut all = [0; 4];
            all.iter_mut().zip(few).for_each(|(to, from)| *to = *from);
            NetError::new(format!("`{text}` has {} of the four numbers of an IPv4 address", few.len()))
                .hinted(format!("write `{}{behind}`", Ipv4Addr::from(all)))
        }
        _ => NetError::new(format!("`{text}` is not a network such as `10.0.0.0/8` or `::1`")),
    }
}

/// A number up to 255, with or without leading zeros.
fn octet(digits: &str) -> Option<u8> {
    digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The error of a range, `10.0.0.0-10.0.0.255`, with the networks that it consists of, if they are
/// few.
fn range(text: &str) -> Option<NetError> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let (first, last) = (first.to_canonical(), last.to_canonical());
    let networks = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some(IpSubnets::V4(Ipv4Subnets::new(first, last, 0))),
        (IpAddr::V6(first), IpAddr::V6(last)) => Some(IpSubnets::V6(Ipv6Subnets::new(first, last, 0))),
        _ => None,
    };
    let networks = networks.into_iter().flatten().take(MAX_SHOWN_NETWORKS + 1);
    let shown: Vec<String> = networks.map(|net| format!("`{net}`")).collect();
    let error = NetError::new(format!("`{text}` is a range of addresses"));
    Some(match shown.len() {
        1..=MAX_SHOWN_NETWORKS => error.hinted(format!("write {}", shown.join(", "))),
        _ => error.hinted("write it as networks such as `10.0.0.0/8`"),
    })
}

#[cfg(test)]
mod tests;
