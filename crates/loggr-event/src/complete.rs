//! Completes an event that was read from a line with what is known of its peer or its file, and reads objects.
//!
//! Not the choice of the format: that is `receive`, and `container` where the listener has made it.

use std::borrow::Cow;

use crate::assume::assume;
use crate::moment::Clock;
use crate::{Defect, Event, Origin, Timestamp, TrustedField, Uid, annotation, json, object, own};

/// Takes away the blank that a relay's template put in front of the message, and no second one.
/// rsyslog does so wherever it writes a line of RFC 3164 as RFC 5424 or as an object.
#[cold]
pub(crate) fn drop_leading_blank(event: &mut Event<'_>) {
    if own::is_in(event) {
        return;
    }
    let rest = |message: &str| -> Option<usize> {
        let text = message.strip_prefix(' ')?;
        Some(message.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len())
    };
    let Some(at) = rest(&event.message) else { return };
    match &mut event.message {
        Cow::Borrowed(message) => *message = message.get(at..).unwrap_or_default(),
        Cow::Owned(message) => drop(message.drain(..at)),
    }
}

pub(crate) fn receive_json<'a>(
    text: &'a str,
    line: &'a [u8],
    event: &mut Event<'a>,
    origin: &'a Origin,
    uid: Uid,
    now: Timestamp,
) -> bool {
    let clock = Clock::of(origin, now);
    if !json::looks_like_object(text.as_bytes()) {
        return false;
    }
    match object::from_json(text.as_bytes(), event, clock, origin.trusted, object::Door::Lenient) {
        Err(_) => {
            *event = Event::new(origin, uid, now);
            return false;
        }
        Ok(found) => complete_object(found, line, event, origin),
    }
    true
}

/// Completes an event that was read from an object, as is done for one from a line.
pub(crate) fn complete_object<'a>(
    found: object::Reading,
    line: &'a [u8],
    event: &mut Event<'a>,
    origin: &'a Origin,
) {
    if found.lossy && event.raw.is_none() {
        event.raw = Some(Cow::Borrowed(line));
    }
    if event.message.starts_with(' ') && !origin.keep_leading_blank && !found.own {
        drop_leading_blank(event);
    }
    complete(event, origin);
}

/// Fills in what is known of the peer: its address if the line names no host, its program if that is
/// known, and what the kernel says about it.
#[inline]
pub(crate) fn complete<'a>(event: &mut Event<'a>, origin: &'a Origin) {
    // What a loggr that is trusted tells of the first sender counts for more.
    if !origin.process.is_empty() && event.trusted.is_empty() {
        let fields = origin
            .process
            .iter()
            .map(|(name, value)| TrustedField { name: Cow::Borrowed(name), value: Cow::Borrowed(value) });
        event.trusted = fields.collect();
    }
    if event.hmac.is_some() {
        // It was complete when it was sealed.
        return;
    }
    if event.source.is_empty() {
        event.source = Cow::Borrowed(origin.host());
        // Nobody expects a host in a line that never left the machine.
        if origin.transport.is_network() {
            event.defects.insert(Defect::NoSource);
        }
    }
    if event.app_name.is_empty() {
        event.app_name = Cow::Borrowed(origin.app_name());
    }
    if let Some(assumed) = &origin.assumed {
        assume(event, assumed, origin.format.is_certain());
    }
    // Who is asked directly needs no annotation, which the sender could have written.
    if origin.transport.is_unix() && origin.process.is_empty() {
        annotation::absorb(event);
    }
}
