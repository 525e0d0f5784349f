//! Which names a certificate gives its holder.
//!
//! Alternative names of the kinds DNS name and address count (RFC 9525, section 2; RFC 5280, section
//! 4.2.1.6). The common name is the last resort of RFC 6125, section 6.4.4: it counts only where there are no
//! alternative names at all, of no kind, and where there is one of it. Invariant: a name that counts is short,
//! can be shown, and is text of an address only where it is an address. A name that does not count is left
//! out and not cut: what is left of it might be the name of somebody else.

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

/// Longest name in bytes: a DNS name has no more.
pub const MAX_NAME_BYTES: usize = 253;

/// The names of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Those that count: DNS names in lower case and addresses, or a common name.
    pub good: Vec<String>,
    /// How many do not, because of what they are made of.
    pub ignored: usize,
}

impl Names {
    /// Those of this certificate.
    pub fn of(certificate: &X509Certificate<'_>) -> Names {
        // An extension that cannot be read, or stands twice, gives no name, and there is one.
        let alternative = match certificate.subject_alternative_name() {
            Ok(found) => found.map(|found| found.value.general_names.as_slice()),
            Err(_) => Some([].as_slice()),
        };
        let common = certificate.subject().iter_common_name().map(|name| name.as_str().ok());
        Names::chosen(alternative, common)
    }

    fn chosen<'c>(
        alternative: Option<&[GeneralName<'_>]>,
        mut common: impl Iterator<Item = Option<&'c str>>,
    ) -> Names {
        let mut names = Names::default();
        match alternative {
            Some(alternative) => alternative.iter().for_each(|name| match name {
                GeneralName::DNSName(name) => names.add(Some(&name.to_ascii_lowercase())),
                GeneralName::IPAddress(bytes) => match address(bytes) {
                    Some(address) => names.good.push(address.to_string()),
                    None => names.ignored += 1,
                },
                GeneralName::Invalid(..) => names.ignored += 1,
                // An e-mail address or a URI names no host.
                _ => {}
            }),
            None => match (common.next(), common.next()) {
                (Some(name), None) => names.add(name),
                // Of several nobody knows which is meant.
                (Some(_), Some(_)) => names.ignored += 2 + common.count(),
                (None, _) => {}
            },
        }
        names
    }

    fn add(&mut self, name: Option<&str>) {
        match name.filter(|name| is_name(name)) {
            Some(name) => self.good.push(name.to_owned()),
            None => self.ignored += 1,
        }
    }
}

/// Can this be the name of somebody?
fn is_name(name: &str) -> bool {
    let is_long = name.is_empty() || name.len() > MAX_NAME_BYTES;
    !is_long && !name.contains(is_unseen) && name.parse::<IpAddr>().is_err()
}

/// Controls, and characters that cannot be seen or turn the direction of a text.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// An address of a certificate: 4 bytes or 16.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use GeneralName::{DNSName as Dns, IPAddress as Ip, RFC822Name as Mail, URI as Uri};

    use super::*;

    /// The names that count, and the number of those that do not.
    #[track_caller]
    fn check(alternative: Option<&[GeneralName<'_>]>, common: &[&str], good: &[&str], ignored: usize) {
        let names = Names::chosen(alternative, common.iter().map(|name| Some(*name)));
        assert_eq!(
            (names.good.iter().map(String::as_str).collect(), names.ignored),
            (good.to_vec(), ignored)
        );
    }

    #[test]
    fn who_a_certificate_names() {
        let long = "a".repeat(MAX_NAME_BYTES + 1);
        let longest = &long[1..];
        check(Some(&[Dns("Web1.example.net")]), &["other"], &["web1.example.net"], 0);
        check(Some(&[Dns("a"), Ip(&[10, 0, 0, 1]), Dns("b")]), &[], &["a", "10.0.0.1", "b"], 0);
        check(Some(&[Ip(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1])]), &[], &["10.0.0.1"], 0);
        check(Some(&[Ip(&[10, 0, 0])]), &["web"], &[], 1);
        // The common name is the last resort: not beside other names of any kind, and not one of several.
        check(None, &["The log host"], &["The log host"], 0);
        check(None, &[], &[], 0);
        check(None, &["web1.example.net", "relay.example.net"], &[], 2);
        check(Some(&[Mail("root@example.net")]), &["relay.example.net"], &[], 0);
        check(Some(&[Uri("https://relay.example.net/")]), &["relay.example.net"], &[], 0);
        check(Some(&[Ip(&[10, 0, 0, 1])]), &["relay.example.net"], &["10.0.0.1"], 0);
        check(Some(&[]), &["relay.example.net"], &[], 0);
        // Text of an address is no address.
        check(Some(&[Dns("10.0.0.1"), Dns("2001:db8::1"), Dns("a")]), &[], &["a"], 2);
        check(None, &["10.0.0.1"], &[], 1);
        // What is long or cannot be seen is nobody's name, and no part of it is.
        check(Some(&[Dns(longest), Dns(&long)]), &[], &[longest], 1);
        check(None, &[&"x".repeat(60_000)], &[], 1);
        check(Some(&[Dns("web1\n.example.net"), Dns("web1\0"), Dns("\u{1b}[31mweb1"), Dns("")]), &[], &[], 4);
        check(None, &["web\u{202e}ten.elpmaxe"], &[], 1);
        check(None, &["der Protokollrechner f\u{fc}r alle"], &["der Protokollrechner f\u{fc}r alle"], 0);
    }
}
