//! `anonymize`: what leads to a person is hidden, by a keyed hash or by a mask.
//!
//! `personal` finds addresses and card numbers; the filter may have expressions of its own.
//! Invariant: afterwards the detectors find nothing more in the text, and the event does not keep
//! the received bytes. The hash of an address is the same, however the address is written, as long
//! as the key is the same.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use hmac::{Hmac, Mac};
use loggr_event::Event;
use regex::{Regex, RegexBuilder};
use sha2::Sha256;

use super::personal::{self, Find};
use super::place::Place;
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, key, optional};
use crate::field::{CoreField, unseal};
use crate::nearest::nearest;

/// Bytes of a hash that are written, as two letters each.
pub const HASH_BYTES: usize = 8;
/// Most finds of the expressions in one text; the rest of a text that has more is hidden whole.
pub const MAX_REGEX_FINDS: usize = 1000;
/// Largest compiled expression in bytes.
const MAX_REGEX_BYTES: usize = 4 << 20;
/// How often the result is looked through again: next to a hash something new may be found.
const MAX_PASSES: usize = 4;

/// Letters of hashes. None is a digit or a hexadecimal one: a hash is never taken for an
/// address or a number.
const LETTERS: &[u8; 16] = b"ghjkmnpqrstvwxyz";
/// The character that replaces a letter or digit.
const MASK: char = '*';

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "anonymize",
    summary: "hides IP addresses, e-mail addresses and credit card numbers in texts, and everything that your \
         own regular expressions find",
    parameters: &[
        optional("on", Kind::AnyFields, "message", "the fields in which it looks for what is to be hidden"),
        optional(
            "what",
            Kind::Texts,
            "",
            "what it hides: `ip`, `email`, `credit_card`; without this argument all three, or none of them \
             if there is a `regex`",
        ),
        optional(
            "regex",
            Kind::Texts,
            "",
            "regular expressions for other things to hide; if an expression has groups in parentheses only \
             these are hidden, else the whole match",
        ),
        optional(
            "method",
            Kind::Text,
            "mask",
            "how it hides: `mask` replaces each letter and digit by `*`; `hash` replaces a value by \
             sixteen letters, which are the same whenever the value is the same",
        ),
        optional("key", Kind::Text, "", "the secret key for `hash`, at least 16 bytes"),
        optional(
            "key_file",
            Kind::Text,
            "",
            "a file that holds the secret key for `hash`, relative to the directory of the configuration \
             file; it is read when the filter is read",
        ),
        optional(
            "keep_ipv4_bits",
            Kind::Number,
            "0",
            "how many of the first bits of an IPv4 address `mask` keeps: with 24, `10.1.2.3` becomes \
             `10.1.2.0`",
        ),
        optional(
            "keep_ipv6_bits",
            Kind::Number,
            "0",
            "how many of the first bits of an IPv6 address `mask` keeps",
        ),
        optional(
            "everywhere",
            Kind::Flag,
            "false",
            "with `true` it also looks in all custom fields, in structured data, and in what the kernel \
             told about a local sender",
        ),
    ],
    adds: &[(
        "(the same fields)",
        "what was found is hidden in them; the event also loses its HMAC and the bytes that were received",
    )],
    build,
};

struct Anonymize {
    on: Vec<Place>,
    everywhere: bool,
    what: Vec<What>,
    regexes: Vec<Regex>,
    method: Method,
    /// The file of the key, if there is one.
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Ip,
    Email,
    Card,
}

impl What {
    const ALL: [(What, &'static str); 3] =
        [(What::Ip, "ip"), (What::Email, "email"), (What::Card, "credit_card")];
}

enum Method {
    /// Bits of addresses that are kept.
    Mask {
        v4: u32,
        v6: u32,
    },
    Hash(Hmac<Sha256>),
}

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let on = arguments.fields("on").to_vec();
    for place in &on {
        let fixed = [CoreField::Severity, CoreField::Facility, CoreField::TimeReported];
        if !place.writable() {
            return Err(BuildError::argument("on", format!("`{}` cannot be changed", place.shown())));
        }
        if matches!(place, Place::Core(field) if fixed.contains(field)) {
            return Err(BuildError::argument("on", format!("`{}` is no text", place.shown())));
        }
    }
    let what = arguments.texts("what").iter().map(|w| what(w)).collect::<Result<Vec<_>, _>>()?;
    let regexes = arguments.texts("regex").iter().map(|r| regex(r)).collect::<Result<Vec<_>, _>>()?;
    let what = match what.is_empty() && regexes.is_empty() {
        true => What::ALL.map(|(what, _)| what).to_vec(),
        false => what,
    };
    let bits = [bits(arguments, "keep_ipv4_bits", 32)?, bits(arguments, "keep_ipv6_bits", 128)?];
    let method = match arguments.text("method") {
        "mask" => {
            if let Some(given) = ["key", "key_file"].into_iter().find(|k| !arguments.text(k).is_empty()) {
                return Err(BuildError::argument(
                    given,
                    format!("`{given}` is for hashes, and the method is `mask`"),
                )
                .hint("write `method=\"hash\"`"));
            }
            Method::Mask { v4: bits[0], v6: bits[1] }
        }
        "hash" if bits != [0, 0] => {
            let given = if bits[0] > 0 { "keep_ipv4_bits" } else { "keep_ipv6_bits" };
            return Err(BuildError::argument(given, "a hash keeps no part of an address")
                .hint("write `method=\"mask\"`"));
        }
        "hash" => {
            let message = "`hash` needs `key` or `key_file`: without a key anybody could find the values by trying \
                 all addresses";
            let key = key::of(arguments, &environment.directory)?;
            Method::Hash(key.ok_or_else(|| BuildError::argument("method", message))?)
        }
        other => {
            return Err(BuildError::argument("method", format!("`{other}` is no method"))
                .hint("it is `mask` or `hash`"));
        }
    };
    let files = key::files(arguments, &environment.directory);
    Ok(Box::new(Anonymize { on, everywhere: arguments.flag("everywhere"), what, regexes, method, files }))
}

fn what(word: &str) -> Result<What, BuildError> {
    What::ALL.iter().find(|(_, w)| *w == word).map(|(what, _)| *what).ok_or_else(|| {
        let error = BuildError::argument("what", format!("`anonymize` cannot look for `{word}`"));
        match nearest(word, What::ALL.iter().map(|(_, w)| *w)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("it looks for `ip`, `email` and `credit_card`; for all else there is `regex`"),
        }
    })
}

fn regex(pattern: &str) -> Result<Regex, BuildError> {
    RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).build().map_err(|e| {
        let text = e.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        BuildError::argument("regex", format!("`{pattern}` cannot be used: {reason}"))
    })
}

fn bits(arguments: &Arguments, name: &'static str, most: u32) -> Result<u32, BuildError> {
    let number = arguments.number(name).unwrap_or(0.0);
    if number.fract() != 0.0 || !(0.0..=f64::from(most)).contains(&number) {
        return Err(BuildError::argument(name, format!("`{name}` must be a whole number up to {most}")));
    }
    Ok(number as u32)
}

impl Engine for Anonymize {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let (mut did, mut core) = (false, false);
        for place in &self.on {
            for at in 0..place.count(call.event) {
                if let Some(hidden) = place.look(call.event, at, |text| self.hide(text)).flatten() {
                    place.replace(call.event, at, Cow::Owned(hidden));
                    did = true;
                    core |= matches!(place, Place::Core(_));
                }
            }
        }
        if self.everywhere {
            let fields = call.event.fields.iter_mut().flat_map(|f| &mut f.values);
            did |= self.hide_all(fields);
            did |= self.hide_all(call.event.trusted.iter_mut().map(|t| &mut t.value));
            let params = call.event.structured_data.iter_mut().flat_map(|e| &mut e.params);
            core |= self.hide_all(params.map(|p| &mut p.value));
            did |= core;
        }
        if did {
            forget(call.event, core);
        }
        if did { Outcome::Did } else { Outcome::Nothing }
    }

    fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

/// Removes the received bytes, in which everything still stands in clear, and the seal, which does
/// not fit any more.
fn forget(event: &mut Event<'_>, core: bool) {
    event.raw = None;
    if core {
        unseal(event);
    }
}

impl Anonymize {
    fn hide_all<'v, 'e: 'v>(&self, texts: impl Iterator<Item = &'v mut Cow<'e, str>>) -> bool {
        let mut did = false;
        for text in texts {
            if let Some(hidden) = self.hide(text) {
                *text = Cow::Owned(hidden);
                did = true;
            }
        }
        did
    }

    /// The text with what was found hidden; `None` where that is the text as it is.
    fn hide(&self, text: &str) -> Option<String> {
        let mut finds = Vec::new();
        self.expressions(text, &mut finds);
        self.detect(text, &mut finds);
        if finds.is_empty() {
            return None;
        }
        let mut hidden = self.replaced(text, finds);
        for _ in 1..MAX_PASSES {
            let mut finds = Vec::new();
            self.detect(&hidden, &mut finds);
            if finds.is_empty() {
                break;
            }
            let again = self.replaced(&hidden, finds);
            if again == hidden {
                break;
            }
            hidden = again;
        }
        (hidden != text).then_some(hidden)
    }

    fn detect(&self, text: &str, finds: &mut Vec<Find>) {
        for what in &self.what {
            match what {
                What::Ip => personal::addresses(text, finds),
                What::Email => personal::emails(text, finds),
                What::Card => personal::cards(text, finds),
            }
        }
    }

    fn expressions(&self, text: &str, finds: &mut Vec<Find>) {
        let mut push = |range: std::ops::Range<usize>| {
            if !range.is_empty() {
                finds.push(Find { range, kind: personal::Kind::Other });
            }
        };
        for regex in &self.regexes {
            // Nothing is allocated for captures where there is no match.
            if !regex.is_match(text) {
                continue;
            }
            for (i, captures) in regex.captures_iter(text).enumerate() {
                let Some(whole) = captures.get(0) else { continue };
                if i >= MAX_REGEX_FINDS {
                    push(whole.start()..text.len());
                    break;
                }
                match captures.len() {
                    1 => push(whole.range()),
                    _ => captures.iter().skip(1).flatten().for_each(|group| push(group.range())),
                }
            }
        }
    }

    fn replaced(&self, text: &str, mut finds: Vec<Find>) -> String {
        finds.sort_by_key(|f| (f.range.start, std::cmp::Reverse(f.range.end)));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        let mut finds = finds.into_iter().peekable();
        while let Some(mut find) = finds.next() {
            // Finds that overlap become one. It has the kind of the larger one, unless neither
            // holds all of it.
            while let Some(next) = finds.next_if(|n| n.range.start < find.range.end) {
                if next.range.end > find.range.end {
                    find = Find { range: find.range.start..next.range.end, kind: personal::Kind::Other };
                }
            }
            out.push_str(text.get(at..find.range.start).unwrap_or_default());
            let part = text.get(find.range.clone()).unwrap_or_default();
            match &self.method {
                Method::Mask { v4, v6 } => {
                    let rest = text.as_bytes().get(find.range.end..).unwrap_or_default();
                    let port = matches!(rest, [b':', digit, ..] if digit.is_ascii_digit());
                    mask(part, find.kind, (*v4, *v6), port, &mut out);
                }
                Method::Hash(key) => hash(part, find.kind, key.clone(), &mut out),
            }
            at = find.range.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }
}

/// `port`: a colon and a number follow.
fn mask(part: &str, kind: personal::Kind, (v4, v6): (u32, u32), port: bool, out: &mut String) {
    let kept = match kind {
        personal::Kind::Ip(Some(IpAddr::V4(ip))) if v4 > 0 => {
            let keep = u32::MAX.checked_shl(32 - v4).unwrap_or(0);
            Some(IpAddr::from(Ipv4Addr::from(u32::from(ip) & keep)))
        }
        personal::Kind::Ip(Some(IpAddr::V6(ip))) if v6 > 0 => {
            let keep = u128::MAX.checked_shl(128 - v6).unwrap_or(0);
            Some(IpAddr::from(Ipv6Addr::from(u128::from(ip) & keep)))
        }
        _ => None,
    };
    match kept {
        // The port must not become the end of the address.
        Some(ip @ IpAddr::V6(_)) if port => drop(write!(out, "[{ip}]")),
        Some(ip) => drop(write!(out, "{ip}")),
        None => out.extend(part.chars().map(|c| if c.is_alphanumeric() { MASK } else { c })),
    }
}

/// The hash of the value that is meant, however it is written.
fn hash(part: &str, kind: personal::Kind, mut key: Hmac<Sha256>, out: &mut String) {
    match kind {
        personal::Kind::Ip(Some(ip)) => match ip.to_canonical() {
            IpAddr::V4(ip) => key.update(&ip.octets()),
            IpAddr::V6(ip) => key.update(&ip.octets()),
        },
        personal::Kind::Email => key.update(part.to_lowercase().replace("%40", "@").as_bytes()),
        personal::Kind::Card => {
            part.bytes().filter(u8::is_ascii_digit).for_each(|digit| key.update(&[digit]));
        }
        personal::Kind::Ip(None) | personal::Kind::Other => key.update(part.as_bytes()),
    }
    for byte in key.finalize().into_bytes().iter().take(HASH_BYTES) {
        for half in [byte >> 4, byte & 15] {
            out.push(LETTERS.get(usize::from(half)).map_or(MASK, |b| char::from(*b)));
        }
    }
}

#[cfg(test)]
mod tests;
