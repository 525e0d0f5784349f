//! Networks in CIDR notation.

use std::net::IpAddr;

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    address: u128,
    prefix: u32,
    v4: bool,
}

impl Cidr {
    /// `10.0.0.0/8`, `fe80::/10`, or one address.
    pub fn parse(text: &str) -> Option<Cidr> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (address, v4) = bits(address.trim().parse().ok()?);
        let most = if v4 { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        (prefix <= most).then_some(Cidr { address, prefix: prefix + if v4 { 96 } else { 0 }, v4 })
    }

    /// Is the address in it?
    pub fn contains(&self, address: IpAddr) -> bool {
        let (address, v4) = bits(address);
        let shift = 128 - self.prefix;
        v4 == self.v4 && (shift == 128 || address >> shift == self.address >> shift)
    }
}

/// Numbers of both families; an IPv4 address in IPv6 clothes is an IPv4 address.
fn bits(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), true),
        IpAddr::V6(v6) => (u128::from(v6), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, address: &str, expect: bool) {
        let network = Cidr::parse(network).unwrap_or_else(|| panic!("{network}"));
        assert_eq!(network.contains(address.parse().unwrap()), expect);
    }

    #[test]
    fn networks() {
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("0.0.0.0/0", "200.1.1.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("192.168.1.77", "192.168.1.77", true);
        check("192.168.1.77/32", "192.168.1.78", false);
        check("fe80::/10", "fe80::1", true);
        check("::/0", "2001:db8::1", true);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
    }

    #[test]
    fn no_networks() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/x"] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }
}
