//! Which peers are meant, by what their certificates say: names with `*`, addresses, fingerprints.
//!
//! Not who has signed a certificate.

use std::fmt;
use std::net::IpAddr;

use super::Certificate;
use super::names::MAX_NAME_BYTES;

/// A peer that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerPattern {
    /// A name in lower case, in which a `*` stands for any part of one label.
    Name(String),
    /// An address.
    Address(IpAddr),
    /// The SHA-256 of the certificate in hexadecimal digits.
    Sha256(String),
    /// Its SHA-1.
    Sha1(String),
}

impl PeerPattern {
    /// Reads `web*.example.net`, `10.0.0.1`, `SHA256:…` or `SHA1:…`; colons between the digits of a
    /// fingerprint may be left out.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<PeerPattern, String> {
        if let Some((kind, digits)) = text.split_once(':')
            && let Some(bytes) = fingerprint_bytes(kind)
        {
            let digits: String = digits.chars().filter(|c| *c != ':').collect();
            if digits.len() != 2 * bytes || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(format!(
                    "`{text}` is no fingerprint: {} has {} hexadecimal digits, with or without colons",
                    kind.to_ascii_uppercase(),
                    2 * bytes
                ));
            }
            let digits = digits.to_ascii_lowercase();
            return Ok(if bytes == 32 { PeerPattern::Sha256(digits) } else { PeerPattern::Sha1(digits) });
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(PeerPattern::Address(address.to_canonical()));
        }
        if text.contains('*') && bare.replace('*', "1").parse::<IpAddr>().is_ok() {
            return Err(format!("`{text}` names no peer: a `*` stands in names, not in addresses"));
        }
        // A common name may have blanks and other characters that DNS has not.
        let odd = |c: char| c.is_control() || matches!(c, '/' | ':' | '?' | '[' | ']');
        if text.is_empty() || text.len() > MAX_NAME_BYTES || text.contains(odd) {
            return Err(format!(
                "`{text}` names no peer: write a name such as `web*.example.net`, an address, or a fingerprint \
                 such as `SHA256:…`"
            ));
        }
        Ok(PeerPattern::Name(text.to_ascii_lowercase()))
    }

    /// What of this certificate is meant, if anything is.
    pub fn find(&self, certificate: &Certificate) -> Option<String> {
        match self {
            PeerPattern::Name(pattern) => {
                let mut names = certificate.names.iter().filter(|name| name.parse::<IpAddr>().is_err());
                names.find(|name| covers(pattern, &name.to_ascii_lowercase())).cloned()
            }
            PeerPattern::Address(address) => {
                let shown = address.to_string();
                certificate.names.contains(&shown).then_some(shown)
            }
            PeerPattern::Sha256(digits) => (*digits == certificate.sha256).then(|| certificate.name()),
            PeerPattern::Sha1(digits) => (*digits == certificate.sha1).then(|| certificate.name()),
        }
    }

    /// Whether it means one certificate and no other.
    pub fn is_fingerprint(&self) -> bool {
        matches!(self, PeerPattern::Sha256(_) | PeerPattern::Sha1(_))
    }
}

impl fmt::Display for PeerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerPattern::Name(name) => f.write_str(name),
            PeerPattern::Address(address) => address.fmt(f),
            PeerPattern::Sha256(digits) => write!(f, "SHA256:{digits}"),
            PeerPattern::Sha1(digits) => write!(f, "SHA1:{digits}"),
        }
    }
}

/// How many bytes a fingerprint of this kind has.
fn fingerprint_bytes(kind: &str) -> Option<usize> {
    match kind.to_ascii_lowercase().as_str() {
        "sha256" | "sha-256" => Some(32),
        "sha1" | "sha-1" => Some(20),
        _ => None,
    }
}

/// Label by label; a `*` is any number of characters of one label, and no dot.
fn covers(pattern: &str, name: &str) -> bool {
    let (patterns, labels) = (pattern.split('.'), name.split('.'));
    patterns.clone().count() == labels.clone().count()
        && patterns.zip(labels).all(|(pattern, label)| covers_label(pattern, label))
}

fn covers_label(pattern: &str, label: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == label };
    let Some(mut left) = label.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expect: bool) {
        let certificate = Certificate {
            names: vec![name.to_owned()],
            ignored_names: 0,
            sha256: "ab".repeat(32),
            sha1: "cd".repeat(20),
            begins: 0,
            ends: 0,
            is_authority: false,
            is_self_signed: false,
        };
        let pattern = PeerPattern::parse(pattern).unwrap();
        assert_eq!(pattern.find(&certificate).is_some(), expect, "{pattern} {name}");
    }

    #[test]
    fn names_are_compared_label_by_label() {
        check("web.example.net", "web.example.net", true);
        check("WEB.example.net", "web.Example.NET", true);
        check("web.example.net", "web.example.net.evil.org", false);
        check("*.example.net", "web.example.net", true);
        check("*.example.net", "a.b.example.net", false);
        check("*.example.net", "example.net", false);
        check("web*.example.net", "web17.example.net", true);
        check("web*.example.net", "web.example.net", true);
        check("web*.example.net", "mail.example.net", false);
        check("w*b*3.example.net", "webby3.example.net", true);
        check("w*b*3.example.net", "web.example.net", false);
        check("a*a.x", "a.x", false);
        check("*", "anybody", true);
        check("*", "any.body", false);
        check("The log host", "the log host", true);
        // A `*` in a certificate is a character like others.
        check("*.example.net", "*.example.net", true);
        check("web.example.net", "*.example.net", false);
    }

    #[test]
    fn addresses_and_fingerprints() {
        check("10.0.0.1", "10.0.0.1", true);
        check("::ffff:10.0.0.1", "10.0.0.1", true);
        check("[2001:db8::1]", "2001:db8::1", true);
        check("10.0.0.1", "10.0.0.11", false);
        check("*", "2001:db8::1", false);
        check(&format!("SHA256:{}", "AB:".repeat(31) + "AB"), "x", true);
        check(&format!("sha256:{}", "ab".repeat(32)), "x", true);
        check(&format!("SHA256:{}", "ac".repeat(32)), "x", false);
        check(&format!("SHA1:{}", "cd".repeat(20)), "x", true);
    }

    #[test]
    fn what_means_nobody_is_told() {
        let told = |text: &str| PeerPattern::parse(text).unwrap_err();
        assert_eq!(
            told("SHA256:abc"),
            "`SHA256:abc` is no fingerprint: SHA256 has 64 hexadecimal digits, with or without colons"
        );
        assert_eq!(told("10.0.0.*"), "`10.0.0.*` names no peer: a `*` stands in names, not in addresses");
        for odd in ["", "https://web", "web:514", "a\nb"] {
            assert!(told(odd).contains("names no peer"), "{odd}");
        }
    }
}
