//! Networks in CIDR notation.

use std::net::IpAddr;

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
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

    /// What all its addresses have in common: the bits of the network, how many they are
    /// (an IPv4 network has 96 more), and the family. Two networks are one if these are equal.
    pub fn key(&self) -> (u128, u32, bool) {
        (masked(self.address, self.prefix), self.prefix, self.v4)
    }

    /// The key of the network of that many bits that an address is in.
    pub fn key_of(address: IpAddr, prefix: u32) -> (u128, u32, bool) {
        let (address, v4) = bits(address);
        (masked(address, prefix), prefix, v4)
    }

    /// Is the address in it?
    pub fn contains(&self, address: IpAddr) -> bool {
        Cidr::key_of(address, self.prefix) == self.key()
    }
}

fn masked(address: u128, prefix: u32) -> u128 {
    let shift = 128u32.saturating_sub(prefix);
    address.checked_shr(shift).unwrap_or(0).checked_shl(shift).unwrap_or(0)
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
    fn keys() {
        let key = |text: &str| Cidr::parse(text).unwrap().key();
        assert_eq!(key("10.1.2.3/8"), key("10.0.0.0/8"));
        assert_ne!(key("10.0.0.0/8"), key("10.0.0.0/9"));
        assert_ne!(key("0.0.0.0/0"), key("::/96"));
        assert_eq!(Cidr::key_of("10.9.9.9".parse().unwrap(), 96 + 8), key("10.0.0.0/8"));
        assert_eq!(Cidr::key_of("fe80::1".parse().unwrap(), 10), key("fe80::/10"));
    }

    #[test]
    fn no_networks() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/x"] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }
}
