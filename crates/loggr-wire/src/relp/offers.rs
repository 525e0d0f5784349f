//! What the two ends say of themselves at `open`.
//!
//! Not here: the decision to go on. Unknown offers are ignored, order does not matter, and a value is
//! taken as it comes: it is a stranger's text.

use super::packed::PACKED_COMMAND;

/// The most octets of offers that are looked at; more is an error.
pub const MAX_OFFERS_BYTES: usize = 4096;
/// The most characters kept of a peer's `relp_software`.
pub const MAX_SOFTWARE_BYTES: usize = 200;
/// What both ends send as `relp_software` when nobody says otherwise.
pub const SOFTWARE: &str = concat!("loggr,", env!("CARGO_PKG_VERSION"));

/// One end's offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// `relp_version`, when it is there and a number.
    pub version: Option<u32>,
    /// `relp_software`: printable ASCII, anything else replaced by `?`, cut at [`MAX_SOFTWARE_BYTES`].
    pub software: Option<String>,
    /// `commands` contains `syslog`.
    pub syslog: bool,
    /// `commands` contains `zsyslog`: compressed frames are understood.
    pub packed: bool,
}

impl Offers {
    /// Reads LF-joined `name=value` lines.
    pub fn parse(data: &[u8]) -> Offers {
        let mut offers = Offers::default();
        data.split(|&byte| byte == b'\n').for_each(|line| offers.take(line));
        offers
    }

    /// Reads one `name=value`; anything else is ignored.
    pub(super) fn take(&mut self, line: &[u8]) {
        let Some((name, value)) = line.iter().position(|&byte| byte == b'=').and_then(|at| {
            let (name, value) = line.split_at_checked(at)?;
            Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
        }) else {
            return;
        };
        match name {
            b"relp_version" => {
                self.version = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            }
            b"relp_software" => {
                let printable =
                    |&byte: &u8| if byte == b' ' || byte.is_ascii_graphic() { byte } else { b'?' };
                let value = value.iter().take(MAX_SOFTWARE_BYTES).map(printable).map(char::from);
                self.software = Some(value.collect());
            }
            b"commands" => {
                let has = |name: &str| value.split(|&b| b == b',').any(|c| c.trim_ascii() == name.as_bytes());
                self.syslog |= has("syslog");
                self.packed |= has(PACKED_COMMAND);
            }
            _ => {}
        }
    }
}

/// Appends our offers: version 0, the software, the one command; `packed`: and that of compressed frames.
pub(super) fn write_offers(out: &mut Vec<u8>, software: &str, packed: bool) {
    out.extend_from_slice(b"relp_version=0\nrelp_software=");
    out.extend(software.bytes().filter(|byte| !byte.is_ascii_control()).take(MAX_SOFTWARE_BYTES));
    out.extend_from_slice(b"\ncommands=syslog");
    if packed {
        out.push(b',');
        out.extend_from_slice(PACKED_COMMAND.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &str, version: Option<u32>, software: Option<&str>, syslog: bool) {
        let expect = Offers { version, software: software.map(str::to_owned), syslog, packed: false };
        assert_eq!(Offers::parse(data.as_bytes()), expect, "{data:?}");
    }

    #[test]
    fn offers_come_in_any_order_and_company() {
        check("", None, None, false);
        check("commands=syslog", None, None, true);
        check(
            "relp_version=0\nrelp_software=x,1,http://x\ncommands=syslog",
            Some(0),
            Some("x,1,http://x"),
            true,
        );
        check("commands=eventlog,syslog\nfoo=bar\nrelp_version=1\n", Some(1), None, true);
        check("commands=eventlog, syslog\r\nrelp_version=0\r\n", Some(0), None, true);
        check("commands=syslogx", None, None, false);
        check("commands=", None, None, false);
        check("commands", None, None, false);
        check("relp_version=abc\nrelp_version", None, None, false);
        check("relp_version=-1", None, None, false);
        check("relp_software=a\x1b[2J=b", None, Some("a?[2J=b"), false);
        check(&format!("relp_software={}", "x".repeat(900)), None, Some(&"x".repeat(200)), false);
    }

    #[test]
    fn what_is_written_is_read() {
        for packed in [false, true] {
            let mut out = Vec::new();
            write_offers(&mut out, "me\n,1", packed);
            let expect = Offers { version: Some(0), software: Some("me,1".into()), syslog: true, packed };
            assert_eq!(Offers::parse(&out), expect);
        }
    }
}
