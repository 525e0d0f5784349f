//! A network in CIDR notation, as `allow`, `deny` and `trust` list them.
//!
//! Not a firewall: it only answers whether an address lies inside.

use std::fmt;
use std::net::IpAddr;

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. Bits set behind the
    /// prefix are refused: whoever writes `10.1.2.3/8` meant something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("`{text}` is not a network such as `10.0.0.0/8` or `::1`"))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|bits| *bits <= width && digits.bytes().all(|b| b.is_ascii_digit()))
                .ok_or_else(|| format!("the prefix of `{text}` is not a number from 0 to {width}"))?,
        };
        let network = Network { address, prefix };
        match network.masked() {
            masked if masked == address => Ok(network),
            masked => Err(format!("`{text}` has bits behind its prefix, the network is `{masked}/{prefix}`")),
        }
    }

    /// Does the address lie inside? An IPv4 address in IPv6 clothes counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.address.is_ipv4()
            && Network { address: ip, prefix: self.prefix }.masked() == self.address
    }

    fn masked(&self) -> IpAddr {
        let prefix = u32::from(self.prefix);
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                IpAddr::from((v4.to_bits() & mask).to_be_bytes())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                IpAddr::from((v6.to_bits() & mask).to_be_bytes())
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, ip: &str, expect: bool) {
        assert_eq!(Network::parse(network).unwrap().contains(ip.parse().unwrap()), expect);
    }

    #[test]
    fn contains() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check("10.0.0.0/8", "::1", false);
        check("0.0.0.0/0", "255.255.255.255", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "2001:db8::1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.6", false);
        check("2001:db8::/33", "2001:db8:7fff::1", true);
        check("2001:db8::/33", "2001:db8:8000::1", false);
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        assert_eq!(Network::parse(text).unwrap_err(), expect);
    }

    #[test]
    fn refusals() {
        refused("10.0.0/8", "`10.0.0/8` is not a network such as `10.0.0.0/8` or `::1`");
        refused("10.0.0.0/33", "the prefix of `10.0.0.0/33` is not a number from 0 to 32");
        refused("10.0.0.0/+8", "the prefix of `10.0.0.0/+8` is not a number from 0 to 32");
        refused("10.0.0.0/", "the prefix of `10.0.0.0/` is not a number from 0 to 32");
        refused("10.1.0.0/8", "`10.1.0.0/8` has bits behind its prefix, the network is `10.0.0.0/8`");
        refused("", "`` is not a network such as `10.0.0.0/8` or `::1`");
    }
}
