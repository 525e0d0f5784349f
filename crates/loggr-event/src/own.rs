//! loggr's own SD-ELEMENT, `pyloggr@45878`: how tags, fields and the uid travel in RFC 5424.
//!
//! If a line has this element, its message is exact: no relay has put a blank in front of it. The
//! content of the element is taken over only from a peer that the configuration trusts; from others
//! it is ordinary structured data, and is written on under the id `untrusted-pyloggr@45878`, so
//! that a third host does not believe it either.
//!
//! | SD-PARAM | meaning |
//! |---|---|
//! | `uid` | the event's identity |
//! | `timegenerated` | when the loggr that gave the identity received it: both stay together, so that a store which keeps events by time knows one that comes again |
//! | `tags` | a tag; one SD-PARAM per tag |
//! | `hmac`, `timehmac` | the seal, and when it was made |
//! | `source`, `app_name`, `procid`, `msgid` | the whole value, where the header cannot hold it |
//! | `trusted` | `NAME=VALUE`: what the kernel of the first host said of the sender |
//! | `escaped` | `1`: control characters of MSG and of all values are written as `#012` |
//! | `field` | `NAME=VALUE` for a custom field whose name is one of these, or no SD-NAME; in NAME, `%25` and `%3D` stand for `%` and `=` |
//! | any other | a value of the custom field of that name; one SD-PARAM per value |

use std::borrow::Cow;

use crate::moment::is_believable;
use crate::sd::{is_name, write_param};
use crate::{Defect, Event, SdElement, Timestamp, TrustedField, Uid, escape};

/// SD-ID of loggr's own element.
pub const OWN_SD_ID: &str = "pyloggr@45878";

/// The id that an element from a peer that is not trusted gets when it is passed on.
pub(crate) const UNTRUSTED_SD_ID: &str = "untrusted-pyloggr@45878";

const RESERVED: [&str; 12] = [
    "uid",
    "timegenerated",
    "tags",
    "trusted",
    "hmac",
    "timehmac",
    "source",
    "app_name",
    "procid",
    "msgid",
    "escaped",
    "field",
];

/// Whether the line has loggr's element; whether the peer is trusted is not looked at.
pub(crate) fn is_in(event: &Event<'_>) -> bool {
    event.structured_data.iter().any(|e| e.id == OWN_SD_ID)
}

/// Moves the content of loggr's own elements into the event. Called for trusted peers alone. False
/// if there are none.
pub(crate) fn absorb(event: &mut Event<'_>) -> bool {
    if !is_in(event) {
        return false;
    }
    let elements = std::mem::take(&mut event.structured_data);
    let (own, others): (Vec<_>, Vec<_>) = elements.into_iter().partition(|e| e.id == OWN_SD_ID);
    event.structured_data = others;
    let escaped = own.iter().flat_map(|e| &e.params).any(|p| p.name == "escaped" && p.value == "1");
    if escaped {
        unescape(&mut event.message);
        event.structured_data.iter_mut().flat_map(|e| &mut e.params).for_each(|p| unescape(&mut p.value));
    }
    let (now, mut received, mut has_uid) = (event.timegenerated, None, false);
    let mut left = Vec::new();
    for SdElement { params, .. } in own {
        for param in params {
            let mut value = param.value;
            if escaped {
                unescape(&mut value);
            }
            match param.name.as_ref() {
                "uid" => match Uid::parse(&value) {
                    // The element of an event without an identity says that loggr wrote it.
                    Some(uid) if uid == Uid::default() => {}
                    Some(uid) => (event.uid, has_uid) = (uid, true),
                    None => left.push((param.name, value)),
                },
                "timegenerated" => match Timestamp::parse_rfc3339(value.as_bytes()) {
                    Some(time) if is_believable(time, now, event.origin.as_deref()) => received = Some(time),
                    _ => {
                        event.defects.insert(Defect::BadTimegenerated);
                        left.push((param.name, value));
                    }
                },
                "timehmac" => match Timestamp::parse_rfc3339(value.as_bytes()) {
                    Some(time) => event.timehmac = Some(time),
                    None => left.push((param.name, value)),
                },
                "tags" => event.tags.push(value),
                "trusted" => match value.split_once('=') {
                    Some((name, of)) if name.starts_with('_') => event.trusted.push(TrustedField {
                        name: Cow::Owned(name.to_owned()),
                        value: Cow::Owned(of.to_owned()),
                    }),
                    _ => left.push((param.name, value)),
                },
                "hmac" => event.hmac = Some(value),
                "source" => event.source = value,
                "app_name" => event.app_name = value,
                "procid" => event.procid = value,
                "msgid" => event.msgid = value,
                "escaped" if escaped => {}
                "field" => match value.split_once('=') {
                    Some((name, value)) => {
                        let name = name.replace("%3D", "=").replace("%25", "%");
                        event.add_field_value(name, value.to_owned());
                    }
                    None => left.push((param.name, value)),
                },
                _ => event.add_field_value(param.name, value),
            }
        }
    }
    // Without the identity the time is nobody's.
    if let Some(received) = received.filter(|_| has_uid) {
        event.timegenerated = received;
    }
    event.tags.sort_unstable();
    event.tags.dedup();
    for (name, value) in left {
        event.add_field_value(name, value);
    }
    true
}

fn unescape(text: &mut Cow<'_, str>) {
    if text.contains('#') {
        *text = Cow::Owned(escape::unescape(text));
    }
}

/// Appends the element, if there is anything to say. `escaped`: values and message are
/// written with their control characters escaped. `misfits` are header fields that the
/// header cannot hold.
pub(crate) fn write(event: &Event<'_>, escaped: bool, misfits: [Option<(&str, &str)>; 4], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(b'[');
    out.extend_from_slice(OWN_SD_ID.as_bytes());
    let empty = out.len();
    // A blank in front of the message is believed where this element stands.
    if event.uid != Uid::default() || event.message.starts_with(' ') {
        write_param("uid", event.uid.write_hyphenated(&mut [0; 36]), false, out);
    }
    if event.uid != Uid::default() {
        out.extend_from_slice(b" timegenerated=\"");
        event.timegenerated.write_rfc3339(out);
        out.push(b'"');
    }
    for tag in &event.tags {
        write_param("tags", tag, escaped, out);
    }
    for TrustedField { name, value } in &event.trusted {
        write_param("trusted", &format!("{name}={value}"), escaped, out);
    }
    if let Some(hmac) = &event.hmac {
        write_param("hmac", hmac, escaped, out);
    }
    if let Some(time) = event.timehmac {
        out.extend_from_slice(b" timehmac=\"");
        time.write_rfc3339(out);
        out.push(b'"');
    }
    for (name, value) in misfits.into_iter().flatten() {
        write_param(name, value, escaped, out);
    }
    if escaped {
        write_param("escaped", "1", false, out);
    }
    for field in &event.fields {
        let plain = is_name(&field.name) && !RESERVED.contains(&field.name.as_ref());
        for value in &field.values {
            if plain {
                write_param(&field.name, value, escaped, out);
            } else {
                let name = field.name.replace('%', "%25").replace('=', "%3D");
                write_param("field", &format!("{name}={value}"), escaped, out);
            }
        }
    }
    if out.len() == empty {
        out.truncate(start);
    } else {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OWN_SD_ID, Origin};

    const HERE: i64 = 1_795_341_600_000_000;
    const THERE: i64 = 1_795_341_590_000_001;
    const UID: &str = "01a22b1f-26a0-7000-8008-080c2049e445";

    /// What a trusted peer says: whether its identity is taken over, the time of the event, and the fields.
    #[track_caller]
    fn check(params: &str, is_taken: bool, time: i64, fields: &[(&str, &str)]) {
        let line = format!("<13>1 - web - - - [{OWN_SD_ID} {params}] m");
        let origin = Origin { trusted: true, ..Origin::default() };
        let event =
            Event::receive(line.as_bytes(), &origin, Uid::default(), Timestamp::from_unix_micros(HERE));
        assert_eq!(event.uid == Uid::parse(UID).unwrap(), is_taken, "{params}");
        assert_eq!(event.timegenerated.unix_micros(), time, "{params}");
        let found: Vec<(&str, &str)> =
            event.fields.iter().map(|field| (field.name.as_ref(), field.values[0].as_ref())).collect();
        assert_eq!(found, fields, "{params}");
        let is_bad = fields.iter().any(|(name, _)| *name == "timegenerated");
        assert_eq!(event.defects.contains(Defect::BadTimegenerated), is_bad, "{params}");
    }

    #[test]
    fn identity_and_time_of_reception_stay_together() {
        let uid = format!("uid=\"{UID}\"");
        let time = "timegenerated=\"2026-11-22T09:59:50.000001Z\"";
        check(&format!("{uid} {time}"), true, THERE, &[]);
        check(&format!("{time} {uid}"), true, THERE, &[]);
        check(&uid, true, HERE, &[]);
        check(time, false, HERE, &[]);
        check(&format!("uid=\"no\" {time}"), false, HERE, &[("uid", "no")]);
    }

    #[test]
    fn a_time_that_cannot_be_is_an_ordinary_field() {
        let uid = format!("uid=\"{UID}\"");
        let far = "2027-11-22T09:59:50.000001Z";
        check(&format!("{uid} timegenerated=\"{far}\""), true, HERE, &[("timegenerated", far)]);
        check(&format!("{uid} timegenerated=\"soon\""), true, HERE, &[("timegenerated", "soon")]);
        let old = "1999-12-31T23:59:59Z";
        check(&format!("{uid} timegenerated=\"{old}\""), true, HERE, &[("timegenerated", old)]);
        // A queue may have waited for long.
        let late = "2025-12-01T00:00:00Z";
        check(&format!("{uid} timegenerated=\"{late}\""), true, 1_764_547_200_000_000, &[]);
    }

    #[test]
    fn so_it_is_in_an_object() {
        let line =
            format!(r#"{{"uid":"{UID}","timegenerated":"1999-12-31T23:59:59Z","defects":[],"message":"m"}}"#);
        let origin = Origin { trusted: true, ..Origin::default() };
        let event =
            Event::receive(line.as_bytes(), &origin, Uid::default(), Timestamp::from_unix_micros(HERE));
        assert_eq!((event.uid, event.timegenerated.unix_micros()), (Uid::parse(UID).unwrap(), HERE));
        assert_eq!(event.field("timegenerated"), ["1999-12-31T23:59:59Z"]);
        assert!(event.defects.contains(Defect::BadTimegenerated));
    }

    #[test]
    fn what_this_host_reads_from_its_own_files_may_be_old() {
        let old = "timegenerated=\"1999-12-31T23:59:59Z\"";
        let line = format!("<13>1 - web - - - [{OWN_SD_ID} uid=\"{UID}\" {old}] m");
        let origin = Origin { trusted: true, transport: crate::Transport::File, ..Origin::default() };
        let event =
            Event::receive(line.as_bytes(), &origin, Uid::default(), Timestamp::from_unix_micros(HERE));
        assert_eq!((event.timegenerated.unix_micros(), event.fields.len()), (946_684_799_000_000, 0));
    }
}
