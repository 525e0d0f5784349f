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

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Event, Timestamp};

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
        self.timehmac = Some(now);
        let tag = digest(self, now, key).finalize().into_bytes();
        self.hmac = Some(Cow::Owned(STANDARD.encode(tag)));
    }

    /// Does the seal fit? Takes the same time wherever it differs.
    pub fn verify(&self, key: &[u8]) -> Verdict {
        let Some(hmac) = &self.hmac else {
            return if self.timehmac.is_some() { Verdict::Bad } else { Verdict::Unsealed };
        };
        let Some(time) = self.timehmac else { return Verdict::Bad };
        match STANDARD.decode(hmac.as_bytes()) {
            Ok(tag) if tag.len() == SEAL_BYTES && digest(self, time, key).verify_slice(&tag).is_ok() => {
                Verdict::Good
            }
            _ => Verdict::Bad,
        }
    }
}

fn digest(event: &Event<'_>, sealed: Timestamp, key: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("BUG: HMAC takes keys of any length");
    mac.update(&[SEAL_VERSION]);
    field(&mut mac, &[event.severity.code()]);
    field(&mut mac, &[event.facility.code()]);
    field(&mut mac, event.app_name.as_bytes());
    field(&mut mac, event.source.as_bytes());
    field(&mut mac, event.message.as_bytes());
    field(&mut mac, &event.timereported.unix_micros().to_be_bytes());
    field(&mut mac, &sealed.unix_micros().to_be_bytes());
    count(&mut mac, event.structured_data.len());
    for element in &event.structured_data {
        field(&mut mac, element.id.as_bytes());
        count(&mut mac, element.params.len());
        for param in &element.params {
            field(&mut mac, param.name.as_bytes());
            field(&mut mac, param.value.as_bytes());
        }
    }
    mac
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
    use crate::{Facility, SdElement, SdParam, Severity};

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
