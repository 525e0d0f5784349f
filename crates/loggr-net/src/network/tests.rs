//! The one table of networks: what is read, what lies inside, and what is refused with which words.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How a text reads, in a rule and for who looks for something: the network, or what is wrong.
#[track_caller]
fn check(text: &str, rule: &str, around: &str) {
    let shown = |read: Result<Network, NetError>| match read {
        Ok(network) => network.to_string(),
        Err(error) => error.in_one_line(),
    };
    assert_eq!(shown(Network::parse(text)), rule, "in a rule");
    assert_eq!(shown(Network::parse_around(text)), around, "around");
}

#[track_caller]
fn reads(text: &str, expect: &str) {
    check(text, expect, expect);
}

#[test]
fn networks_are_read() {
    reads("10.0.0.0/8", "10.0.0.0/8");
    reads("0.0.0.0/0", "0.0.0.0/0");
    reads("192.0.2.7", "192.0.2.7/32");
    reads("2001:DB8::/32", "2001:db8::/32");
    reads("::/0", "::/0");
    reads("::1", "::1/128");
    reads(" 10.0.0.0/8\t", "10.0.0.0/8");
    reads("10.0.0.0 / 8", "10.0.0.0/8");
}

#[test]
fn an_ipv4_address_in_the_clothes_of_ipv6_is_the_ipv4_one() {
    reads("::ffff:10.0.0.1", "10.0.0.1/32");
    reads("::FFFF:a00:1", "10.0.0.1/32");
    reads("::ffff:10.0.0.0/104", "10.0.0.0/8");
    reads("::ffff:10.0.0.1/128", "10.0.0.1/32");
    reads("::ffff:0.0.0.0/96", "0.0.0.0/0");
    // Not mapped, whatever it looks like: IPv4-compatible, NAT64, translated.
    reads("::10.0.0.1", "::a00:1/128");
    reads("64:ff9b::10.0.0.0/104", "64:ff9b::a00:0/104");
    reads("::ffff:0:10.0.0.0/120", "::ffff:0:a00:0/120");
    let prefix = "is an IPv4 address with a prefix of IPv6; write";
    reads("::ffff:10.0.0.0/8", &format!("`::ffff:10.0.0.0/8` {prefix} `10.0.0.0/8`"));
    reads("::ffff:0:0/95", &format!("`::ffff:0:0/95` {prefix} `0.0.0.0` and a prefix from 0 to 32"));
    reads("::ffff:10.0.0.0/129", "the prefix of `::ffff:10.0.0.0/129` is not a number from 0 to 128");
}

#[test]
fn bits_behind_the_prefix_are_no_rule_but_can_be_looked_for() {
    let bits = |text: &str, network: &str, address: &str| {
        let refused = format!(
            "`{text}` has bits behind its prefix; write `{network}` for the network, `{address}` for the address"
        );
        check(text, &refused, network);
    };
    bits("10.1.2.3/8", "10.0.0.0/8", "10.1.2.3");
    bits("2001:db8::1/32", "2001:db8::/32", "2001:db8::1");
    bits("::ffff:10.1.2.3/104", "10.0.0.0/8", "10.1.2.3");
}

#[test]
fn what_is_no_network_is_refused_with_what_to_write() {
    let prefix = |text: &str, most: u8, hint: &str| {
        reads(text, &format!("the prefix of `{text}` is not a number from 0 to {most}{hint}"));
    };
    prefix("10.0.0.0/33", 32, "");
    prefix("::/129", 128, "");
    prefix("10.0.0.0/256", 32, "");
    prefix("10.0.0.0/", 32, "");
    prefix("10.0.0.0/x", 32, "");
    prefix("10.0.0.0/+8", 32, "");
    prefix("10.0.0.0/8/8", 32, "");
    prefix("10.0.0.0/08", 32, "; write `10.0.0.0/8`");
    prefix("10.0.0.0/255.0.0.0", 32, "; write `10.0.0.0/8`");
    prefix("10.0.0.0/255.0.255.0", 32, "");

    let range =
        |text: &str, hint: &str| reads(text, &format!("`{text}` is a range of addresses; write {hint}"));
    range("10.0.0.0-10.0.0.255", "`10.0.0.0/24`");
    range("10.0.0.0 - 10.0.0.2", "`10.0.0.0/31`, `10.0.0.2/32`");
    range("::ffff:10.0.0.0-10.0.0.1", "`10.0.0.0/31`");
    range("2001:db8::-2001:db8::ffff", "`2001:db8::/112`");
    range("0.0.0.0-255.255.255.255", "`0.0.0.0/0`");
    range("10.0.0.1-10.0.0.254", "it as networks such as `10.0.0.0/8`");
    range("10.0.0.9-10.0.0.1", "it as networks such as `10.0.0.0/8`");
    range("10.0.0.9-::1", "it as networks such as `10.0.0.0/8`");

    let interface = "names an interface, and the networks of all interfaces are one; write";
    reads("fe80::1%eth0", &format!("`fe80::1%eth0` {interface} `fe80::1`"));
    reads("fe80::%2/64", &format!("`fe80::%2/64` {interface} `fe80::/64`"));

    let socket = "is written like a socket, and a network has no port; write";
    reads("10.0.0.1:514", &format!("`10.0.0.1:514` {socket} `10.0.0.1`"));
    reads("[::1]:514", &format!("`[::1]:514` {socket} `::1`"));
    reads("[fe80::]/64", &format!("`[fe80::]/64` {socket} `fe80::/64`"));

    let octal = "has a number with a zero in front, which some take for octal; write";
    reads("010.0.0.1", &format!("`010.0.0.1` {octal} `10.0.0.1`"));
    reads("10.000.0.0/8", &format!("`10.000.0.0/8` {octal} `10.0.0.0/8`"));

    reads("10.0.0/8", "`10.0.0/8` has 3 of the four numbers of an IPv4 address; write `10.0.0.0/8`");
    reads("10/8", "`10/8` has 1 of the four numbers of an IPv4 address; write `10.0.0.0/8`");

    for text in
        ["", " ", "/8", "10", "10.0.0", "10.0.0.256", "host", "web-1", "example.net/8", "10.*", "1.2.3.4.5/8"]
    {
        let shown = text.trim();
        reads(text, &format!("`{shown}` is not a network such as `10.0.0.0/8` or `::1`"));
    }
}

#[track_caller]
fn inside(network: &str, address: &str, expect: bool) {
    assert_eq!(Network::parse(network).unwrap().contains(ip(address)), expect, "{address} in {network}");
}

#[test]
fn addresses_lie_inside_or_not() {
    inside("10.0.0.0/8", "10.0.0.0", true);
    inside("10.0.0.0/8", "10.255.255.255", true);
    inside("10.0.0.0/8", "11.0.0.0", false);
    inside("10.0.0.0/8", "9.255.255.255", false);
    inside("10.0.0.0/8", "::ffff:10.1.1.1", true);
    inside("10.0.0.0/8", "::ffff:11.1.1.1", false);
    inside("10.0.0.0/8", "::10.1.1.1", false);
    inside("10.0.0.0/8", "::1", false);
    inside("::ffff:10.0.0.1", "10.0.0.1", true);
    inside("::ffff:10.0.0.1", "::ffff:10.0.0.1", true);
    inside("::ffff:10.0.0.1", "10.0.0.2", false);
    inside("::ffff:10.0.0.0/104", "10.9.9.9", true);
    inside("::ffff:10.0.0.0/104", "::ffff:10.9.9.9", true);
    inside("::ffff:10.0.0.0/104", "11.0.0.0", false);
    inside("::ffff:0:0/96", "203.0.113.9", true);
    inside("0.0.0.0/0", "255.255.255.255", true);
    inside("0.0.0.0/0", "::1", false);
    inside("::/0", "2001:db8::1", true);
    inside("::/0", "10.0.0.1", false);
    inside("::/0", "::ffff:10.0.0.1", false);
    inside("192.0.2.7", "192.0.2.7", true);
    inside("192.0.2.7", "192.0.2.6", false);
    inside("2001:db8::/33", "2001:db8:7fff::1", true);
    inside("2001:db8::/33", "2001:db8:8000::1", false);
    inside("fe80::/10", "fe80::1", true);
}

#[track_caller]
fn around(address: &str, prefix: u8, expect: Option<(&str, &str)>) {
    let network = Network::around(ip(address), prefix);
    assert_eq!(network.map(|n| (n.first(), n.last())), expect.map(|(first, last)| (ip(first), ip(last))));
    assert!(network.is_none_or(|n| n.prefix() == prefix));
}

#[test]
fn the_network_around_an_address() {
    around("10.1.2.3", 8, Some(("10.0.0.0", "10.255.255.255")));
    around("::ffff:10.1.2.3", 8, Some(("10.0.0.0", "10.255.255.255")));
    around("10.1.2.3", 0, Some(("0.0.0.0", "255.255.255.255")));
    around("10.1.2.3", 32, Some(("10.1.2.3", "10.1.2.3")));
    around("10.1.2.3", 33, None);
    around("2001:db8::1", 64, Some(("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff")));
    around("::1", 129, None);
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).into()),
        any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_ipv6_mapped().into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).into()),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_is_read_again(address in addresses(), prefix in 0u8..=128) {
        if let Some(network) = Network::around(address, prefix) {
            prop_assert_eq!(Network::parse(&network.to_string()).unwrap(), network);
            prop_assert!(network.contains(address));
        }
    }

    #[test]
    fn a_mapped_network_holds_what_the_ipv4_one_holds(bits: u32, prefix in 0u8..=32, other in addresses()) {
        let address = Ipv4Addr::from(bits);
        let mapped = format!("{}/{}", address.to_ipv6_mapped(), prefix + MAPPED_BITS);
        let mapped = Network::parse_around(&mapped).unwrap();
        prop_assert_eq!(Network::around(address.into(), prefix), Some(mapped));
        let clothes = match other {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
            v6 => v6,
        };
        prop_assert_eq!(mapped.contains(other), mapped.contains(clothes));
    }

    #[test]
    fn no_text_is_a_panic(text in "[0-9a-f:./%\\[\\] -]{0,40}") {
        drop(Network::parse(&text));
    }
}
