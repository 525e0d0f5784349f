//! The mnemonics of Cisco devices, by which their lines are known: `%SYS-5-CONFIG_I`, and
//! `#CAPWAP-3-DTLS_CLOSED_ERR`, as AireOS once had it.
//!
//! What stands in front of them is read in `rfc3164/cisco.rs`.

use crate::tag;

/// Devices that write their name where others write a zone.
const FIREWALLS: [&[u8]; 4] = [b"%ASA-", b"%FTD-", b"%PIX-", b"%FWSM-"];

/// What stands behind a word, when it is a colon and a mnemonic.
#[derive(Clone, Copy)]
pub(crate) struct Behind {
    pub firewall: bool,
    /// There is a blank in front of the colon.
    pub set_off: bool,
}

/// Does `: %SYS-…` follow? There may be a blank before the colon, and the star of a clock
/// that is not set before the mnemonic. `in_head`: the line has a head that nothing but a device
/// writes; anything in capitals is a mnemonic there.
pub(crate) fn behind(text: &[u8], in_head: bool) -> Option<Behind> {
    let rest = text.strip_prefix(b" ").unwrap_or(text);
    let set_off = rest.len() < text.len();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"*").unwrap_or(rest);
    // The virtual device of NX-OS stands in front of the mnemonic.
    let found = tag::is_mnemonic(rest)
        || is_old(rest)
        || rest.starts_with(b"%$ ")
        || (in_head && matches!(rest, [b'%' | b'#', b'A'..=b'Z', ..]));
    found.then(|| Behind { firewall: is_firewall(rest), set_off })
}

pub(crate) fn is_firewall(mnemonic: &[u8]) -> bool {
    FIREWALLS.iter().any(|name| mnemonic.starts_with(name))
}

/// The mnemonic at the start of a text, without the mark before it.
pub(crate) fn at_start(rest: &str) -> Option<&str> {
    let plain = rest.strip_prefix('*').unwrap_or(rest);
    (tag::is_mnemonic(plain.as_bytes()) || old(plain).is_some()).then_some(plain)
}

fn is_old(rest: &[u8]) -> bool {
    rest.first() == Some(&b'#') && std::str::from_utf8(rest).is_ok_and(|text| old(text).is_some())
}

/// `#CAPWAP-3-DTLS_CLOSED_ERR: text`, as AireOS once had it.
pub(crate) fn old(rest: &str) -> Option<(&str, &str)> {
    let (name, text) = rest.strip_prefix('#')?.split_once(':')?;
    let fits = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    (fits && name.contains('-')).then_some((name, text.strip_prefix(' ').unwrap_or(text)))
}
