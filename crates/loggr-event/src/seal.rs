//! The seal of an event: HMAC-SHA256 over the fields that must not change unnoticed.
//!
//! Each field goes in with its length before it, so that text cannot move from one
//! field into the next. The order, after the version byte:
//!
//! severity code · facility code · app_name · source · message · timereported ·
//! timehmac · number of SD-ELEMENTs, then of each: SD-ID, number of SD-PARAMs, names
//! and values.
//!
//! Lengths and numbers are 64 bits, big-endian; times are microseconds since 1970, so
//! that the same moment in another offset keeps its seal. Tags, custom fields and the
//! uid are not sealed: they are loggr's own and change on the way.
//!
//! Structured data goes in as RFC 5424 and JSON can carry it, so that a seal survives both: the
//! elements of one id count as one element and the values of one name stand together, each where the
//! first of them stands; ids and names are those that `rfc5424` writes.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Event, SdElement, Timestamp, rfc5424, sd};

/// First byte of what is sealed. It changes when the list of fields does.
pub const SEAL_VERSION: u8 = 1;

/// Length of a seal in bytes, before base64.
const SEAL_BYTES: usize = 32;

/// The result of checking a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The seal fits the event.
    Good,
    /// The seal does not fit: the event was changed, or it was sealed with another key.
    Bad,
    /// The event has no seal.
    Unsealed,
}

impl Event<'_> {
    /// Seals the event with a key of any length, anew if it has a seal.
    pub fn seal(&mut self, key: &[u8], now: Timestamp) {
        self.seal_with(&keyed(key), now);
    }

    /// Does the seal fit? Takes the same time wherever it differs.
    pub fn verify(&self, key: &[u8]) -> Verdict {
        self.verify_with(|time, tag| fits(self, time, &keyed(key), tag))
    }

    fn seal_with(&mut self, key: &Hmac<Sha256>, now: Timestamp) {
        self.timehmac = Some(now);
        let tag = digest(self, now, key).finalize().into_bytes();
        self.hmac = Some(Cow::Owned(STANDARD.encode(tag)));
    }

    /// The verdict if `fits` says of the time of sealing and the seal whether they fit.
    fn verify_with(&self, fits: impl FnOnce(Timestamp, &[u8]) -> bool) -> Verdict {
        let Some(hmac) = &self.hmac else {
            return if self.timehmac.is_some() { Verdict::Bad } else { Verdict::Unsealed };
        };
        let Some(time) = self.timehmac else { return Verdict::Bad };
        match STANDARD.decode(hmac.as_bytes()) {
            Ok(tag) if tag.len() == SEAL_BYTES && fits(time, &tag) => Verdict::Good,
            _ => Verdict::Bad,
        }
    }
}

/// The keys of an installation: the first one seals, and a seal of any of them is good.
///
/// A seal does not say with which key it was made, so that each key is tried.
#[derive(Clone, Default)]
pub struct SealKeys(Vec<SealKey>);

#[derive(Clone)]
struct SealKey {
    id: String,
    /// HMAC that has taken the key and nothing else.
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| key.id.as_str())).finish()
    }
}

impl SealKeys {
    /// Keys with their names, the one that seals first.
    pub fn new<'k>(keys: impl IntoIterator<Item = (&'k str, &'k [u8])>) -> SealKeys {
        let key = |(id, key): (&str, &[u8])| SealKey { id: id.to_owned(), keyed: keyed(key) };
        SealKeys(keys.into_iter().map(key).collect())
    }

    /// Is there no key?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seals the event with the first key, anew if it has a seal. False, and nothing is changed, if
    /// there is no key.
    pub fn seal(&self, event: &mut Event<'_>, now: Timestamp) -> bool {
        let Some(key) = self.0.first() else { return false };
        event.seal_with(&key.keyed, now);
        true
    }

    /// Does the seal fit with one of the keys?
    pub fn verify(&self, event: &Event<'_>) -> Verdict {
        event.verify_with(|time, tag| self.0.iter().any(|key| fits(event, time, &key.keyed, tag)))
    }

    /// The name of the key with which the seal fits.
    pub fn key_of(&self, event: &Event<'_>) -> Option<&str> {
        let mut found = None;
        let verdict = event.verify_with(|time, tag| {
            found = self.0.iter().find(|key| fits(event, time, &key.keyed, tag));
            found.is_some()
        });
        found.filter(|_| verdict == Verdict::Good).map(|key| key.id.as_str())
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("BUG: HMAC takes keys of any length")
}

fn fits(event: &Event<'_>, sealed: Timestamp, key: &Hmac<Sha256>, tag: &[u8]) -> bool {
    digest(event, sealed, key).verify_slice(tag).is_ok()
}

fn digest(event: &Event<'_>, sealed: Timestamp, key: &Hmac<Sha256>) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(&[SEAL_VERSION]);
    field(&mut mac, &[event.severity.code()]);
    field(&mut mac, &[event.facility.code()]);
    field(&mut mac, event.app_name.as_bytes());
    field(&mut mac, event.source.as_bytes());
    field(&mut mac, event.message.as_bytes());
    field(&mut mac, &event.timereported.unix_micros().to_be_bytes());
    field(&mut mac, &sealed.unix_micros().to_be_bytes());
    structured_data(&mut mac, &event.structured_data);
    mac
}

fn structured_data(mac: &mut Hmac<Sha256>, elements: &[SdElement<'_>]) {
    let written = |element: &SdElement<'_>| rfc5424::written_id(&element.id);
    let by_id = grouped(elements.iter().map(|element| (written(element), element)));
    count(mac, by_id.len());
    for (id, same) in by_id {
        field(mac, &id);
        count(mac, same.iter().map(|element| element.params.len()).sum());
        let params = same.into_iter().flat_map(|element| &element.params);
        for (name, same) in grouped(params.map(|param| (sd::written_name(&param.name), param))) {
            for param in same {
                field(mac, &name);
                field(mac, param.value.as_bytes());
            }
        }
    }
}

/// What has the same name together, where the first of it stands.
fn grouped<T>(named: impl Iterator<Item = (Vec<u8>, T)>) -> Vec<(Vec<u8>, Vec<T>)> {
    let (mut groups, mut places) = (Vec::<(Vec<u8>, Vec<T>)>::new(), HashMap::new());
    for (name, item) in named {
        let at = *places.entry(name.clone()).or_insert(groups.len());
        match groups.get_mut(at) {
            Some((_, group)) => group.push(item),
            None => groups.push((name, vec![item])),
        }
    }
    groups
}

fn count(mac: &mut Hmac<Sha256>, n: usize) {
    mac.update(&(n as u64).to_be_bytes());
}

fn field(mac: &mut Hmac<Sha256>, bytes: &[u8]) {
    count(mac, bytes.len());
    mac.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facility, SdParam, Severity};

    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

    fn sealed() -> Event<'static> {
        let mut event = Event {
            source: "web01".into(),
            app_name: "app".into(),
            message: "hello".into(),
            structured_data: vec![SdElement {
                id: "a@1".into(),
                params: vec![SdParam { name: "n".into(), value: "v".into() }],
            }],
            ..Event::default()
        };
        event.seal(b"key", NOW);
        event
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Event<'static>), expect: Verdict) {
        let mut event = sealed();
        change(&mut event);
        assert_eq!(event.verify(b"key"), expect);
    }

    #[test]
    fn changes_break_the_seal() {
        check(|_| {}, Verdict::Good);
        check(|e| e.severity = Severity::Debug, Verdict::Bad);
        check(|e| e.facility = Facility::KERN, Verdict::Bad);
        check(|e| e.message = "hellp".into(), Verdict::Bad);
        check(|e| e.timereported = NOW, Verdict::Bad);
        check(|e| e.timehmac = Some(Timestamp::from_unix_micros(1)), Verdict::Bad);
        check(|e| e.timehmac = None, Verdict::Bad);
        check(|e| e.structured_data.clear(), Verdict::Bad);
        check(|e| e.hmac = Some("x".into()), Verdict::Bad);
        check(|e| e.hmac = Some("".into()), Verdict::Bad);
        check(|e| e.hmac = None, Verdict::Bad);
        check(|e| (e.hmac, e.timehmac) = (None, None), Verdict::Unsealed);
    }

    #[test]
    fn text_cannot_move_between_fields() {
        check(|e| (e.app_name, e.source) = ("appweb".into(), "01".into()), Verdict::Bad);
    }

    #[test]
    fn what_loggr_adds_on_the_way_is_free() {
        check(|e| assert!(e.add_tag("t")), Verdict::Good);
        check(|e| e.set_field("f", "v"), Verdict::Good);
    }

    #[test]
    fn another_key_does_not_fit() {
        assert_eq!(sealed().verify(b"other"), Verdict::Bad);
        assert_eq!(sealed().verify(b""), Verdict::Bad);
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_verify() {
        let keys = |all: &[(&'static str, &'static str)]| {
            SealKeys::new(all.iter().map(|(id, key)| (*id, key.as_bytes())))
        };
        let both = keys(&[("new", "b"), ("old", "a")]);
        let mut event = sealed();
        assert!(keys(&[("old", "a")]).seal(&mut event, NOW));
        assert_eq!((both.verify(&event), both.key_of(&event)), (Verdict::Good, Some("old")));
        assert!(both.seal(&mut event, NOW));
        assert_eq!((both.verify(&event), both.key_of(&event)), (Verdict::Good, Some("new")));
        assert_eq!(event.verify(b"b"), Verdict::Good);
        let old = keys(&[("old", "a")]);
        assert_eq!((old.verify(&event), old.key_of(&event)), (Verdict::Bad, None));
        assert_eq!(SealKeys::default().verify(&event), Verdict::Bad);
        (event.hmac, event.timehmac) = (None, None);
        assert_eq!((both.verify(&event), both.key_of(&event)), (Verdict::Unsealed, None));
        assert!(!SealKeys::default().seal(&mut event, NOW));
        assert_eq!(event.hmac, None);
        assert_eq!(format!("{both:?}"), "[\"new\", \"old\"]", "no key is ever shown");
    }

    /// The same seal, whichever way the structured data is written.
    #[track_caller]
    fn check_alike(one: &str, other: &str, expect: Verdict) {
        let read = |data: &str| {
            let elements = sd::elements::<false>(data, 0).map(|(elements, _)| elements);
            let owned = Event { structured_data: elements.unwrap_or_default(), ..Event::default() };
            owned.into_owned()
        };
        let mut event = read(one);
        event.seal(b"key", NOW);
        event.structured_data = read(other).structured_data;
        assert_eq!(event.verify(b"key"), expect, "{one} {other}");
    }

    #[test]
    fn structured_data_is_sealed_as_it_can_be_carried() {
        check_alike("[a x=\"1\" y=\"2\" x=\"3\"]", "[a x=\"1\" x=\"3\" y=\"2\"]", Verdict::Good);
        check_alike("[a x=\"1\"][b][a x=\"2\"]", "[a x=\"1\" x=\"2\"][b]", Verdict::Good);
        check_alike("[pyloggr@45878 x=\"1\"]", "[untrusted-pyloggr@45878 x=\"1\"]", Verdict::Good);
        check_alike("[a x=\"1\" x=\"2\"]", "[a x=\"2\" x=\"1\"]", Verdict::Bad);
        check_alike("[a x=\"1\"][b]", "[b][a x=\"1\"]", Verdict::Bad);
        check_alike("[a x=\"1\"][b x=\"1\"]", "[a x=\"1\" x=\"1\"]", Verdict::Bad);
        check_alike("[a x=\"1\"]", "[a]", Verdict::Bad);
    }

    #[test]
    fn the_seal_is_the_documented_one() {
        // Recomputed here from the words of the header, not with the code above.
        let event = sealed();
        let mut bytes = vec![1u8];
        let mut put = |field: &[u8]| {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        };
        put(&[5]);
        put(&[1]);
        put(b"app");
        put(b"web01");
        put(b"hello");
        put(&0i64.to_be_bytes());
        put(&1_795_341_600_000_000i64.to_be_bytes());
        bytes.extend_from_slice(&1u64.to_be_bytes());
        let mut put = |field: &[u8]| {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        };
        put(b"a@1");
        bytes.extend_from_slice(&1u64.to_be_bytes());
        for field in [b"n", b"v"] {
            bytes.extend_from_slice(&1u64.to_be_bytes());
            bytes.extend_from_slice(field);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        mac.update(&bytes);
        assert_eq!(event.hmac.unwrap(), STANDARD.encode(mac.finalize().into_bytes()));
    }
}
