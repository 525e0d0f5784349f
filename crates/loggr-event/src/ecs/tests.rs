//! Documents, and what the names of custom fields do to them.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Origin, SdElement, SdParam, Severity, Transport, TrustedField, Uid};

fn event() -> Event<'static> {
    Event {
        uid: Uid::from_bytes([0x11; 16]),
        timereported: Timestamp::with_offset(1_795_341_600_000_000, 60),
        timegenerated: Timestamp::from_unix_micros(1_795_428_000_000_000),
        severity: Severity::Error,
        source: "web01".into(),
        app_name: "postfix/smtpd".into(),
        procid: "42".into(),
        message: "no \"queue\"\nhere".into(),
        ..Event::default()
    }
}

fn document(event: &Event<'_>) -> String {
    let mut out = Vec::new();
    write(event, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_plain_event() {
    let expect = concat!(
        r#"{"@timestamp":"2026-11-22T11:00:00.000000+01:00","message":"no \"queue\"\nhere","host":{"name":"web01"},"#,
        r#""process":{"name":"postfix","pid":42},"log":{"syslog":{"priority":11,"facility":{"code":1,"name":"user"},"#,
        r#""severity":{"code":3,"name":"err"},"appname":"postfix/smtpd","procid":"42"},"level":"err"},"#,
        r#""event":{"id":"11111111-1111-1111-1111-111111111111","created":"2026-11-23T10:00:00.000000Z"}}"#,
    );
    assert_eq!(document(&event()), expect);
}

#[test]
fn an_event_with_everything() {
    let param = |name: &'static str, value: &'static str| SdParam { name: name.into(), value: value.into() };
    let mut event = Event {
        procid: "worker-1".into(),
        msgid: "ID7".into(),
        structured_data: vec![
            SdElement { id: "a@1.2".into(), params: vec![param("x.y", "1"), param("x.y", "2")] },
            SdElement { id: "a@1.2".into(), params: vec![param("z", "3")] },
        ],
        trusted: vec![TrustedField { name: "_UID".into(), value: "0".into() }],
        origin: Some(Cow::Owned(Origin {
            listener: "relp".into(),
            transport: Transport::Relp,
            peer: "10.0.0.1:514".into(),
            tls_name: Some("web01.example.net".into()),
            ..Origin::default()
        })),
        raw: Some(Cow::Borrowed(b"caf\xe9")),
        original_len: Some(70_000),
        hmac: Some("abc=".into()),
        timehmac: Some(Timestamp::from_unix_micros(1_795_428_000_000_000)),
        ..event()
    };
    event.add_tag("b");
    event.add_tag("a");
    event.defects.insert(crate::Defect::NotUtf8);
    let told = document(&event);
    for part in [
        r#""process":{"name":"postfix"},"#,
        r#""procid":"worker-1","msgid":"ID7","structured_data":{"a@1_2":{"x_y":["1","2"],"z":"3"}}},"#,
        r#""level":"err"},"#,
        r#""source":{"address":"10.0.0.1:514"}"#,
        r#""tags":["a","b"]"#,
        "\"original\":\"caf\u{fffd}\"",
        r#""loggr":{"listener":"relp","transport":"relp","tls_name":"web01.example.net","trusted":{"_UID":"0"},"defects":"not_utf8","raw":"Y2Fm6Q==","original_len":70000,"hmac":"abc=","timehmac":"2026-11-23T10:00:00.000000Z"}"#,
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

/// What the custom fields add to the document of an event that has nothing else.
#[track_caller]
fn check(fields: &[(&'static str, &'static str)], expect: &str) {
    let bare = document(&Event::default());
    let mut event = Event::default();
    for (name, value) in fields {
        event.add_field_value(*name, *value);
    }
    let told = document(&event);
    let tail = "\"event\":{\"id\":\"00000000-0000-0000-0000-000000000000\",\"created\":\"1970-01-01T00:00:00.000000Z\"}";
    assert!(bare.ends_with(&format!("{tail}}}")), "{bare}");
    let at = told.find(tail).expect("the event's part");
    assert_eq!(told[at + tail.len()..told.len() - 1].trim_start_matches(','), expect, "{told}");
}

#[test]
fn custom_fields_keep_their_names() {
    check(&[], "");
    check(&[("status", "404")], r#""status":"404""#);
    check(&[("ip", "1.1.1.1"), ("ip", "2.2.2.2")], r#""ip":["1.1.1.1","2.2.2.2"]"#);
    check(&[("source.ip", "::1"), ("source.port", "1")], r#""source":{"ip":"::1","port":"1"}"#);
    check(&[("a\"b", "\u{1b}")], r#""a\"b":"\u001b""#);
}

#[test]
fn a_custom_field_whose_name_is_taken_is_a_label() {
    check(&[("host", "x")], r#""labels":{"host":"x"}"#);
    check(&[("message", "x")], r#""message":"x""#);
    check(&[("message.x", "y")], r#""labels":{"message_x":"y"}"#);
    check(&[("log.syslog", "y")], r#""labels":{"log_syslog":"y"}"#);
    check(&[("log.syslog.priority", "y")], r#""labels":{"log_syslog_priority":"y"}"#);
    check(&[("@timestamp", "y")], r#""labels":{"@timestamp":"y"}"#);
    check(&[("a", "1"), ("a.b", "2")], r#""a":"1","labels":{"a_b":"2"}"#);
    check(&[("a.b", "1"), ("a", "2")], r#""a":{"b":"1"},"labels":{"a":"2"}"#);
    check(&[("labels.x", "1"), ("labels", "2")], r#""labels":{"x":"1","labels":"2"}"#);
    check(&[("labels.host.x", "1"), ("host", "2")], r#""labels":{"labels_host_x":"1","host":"2"}"#);
    check(
        &[("loggr.x", "1"), ("loggr_x", "2"), ("_id", "3")],
        r#""labels":{"loggr_x":"1","_id":"3"},"loggr_x":"2""#,
    );
}

#[test]
fn names_that_no_server_takes_are_labels() {
    check(&[("", "1"), (" ", "2")], r#""labels":{"_":["1","2"]}"#);
    check(
        &[("a.", "1"), (".b", "2"), ("c..d", "3"), ("e. .f", "4")],
        r#""labels":{"a_":"1","_b":"2","c__d":"3","e_ _f":"4"}"#,
    );
    check(&[("a.b.c.d.e.f.g.h.i.j.k", "1")], r#""labels":{"a_b_c_d_e_f_g_h_i_j_k":"1"}"#);
}

#[test]
fn a_filter_may_know_the_level_and_the_process_better() {
    let mut event = event();
    event.set_field("log.level", "TRACE");
    event.set_field("process.command_line", "smtpd -v");
    let told = document(&event);
    assert!(told.contains("\"level\":\"TRACE\"") && !told.contains("\"level\":\"err\""), "{told}");
    assert!(told.contains(r#""process":{"name":"postfix","pid":42,"command_line":"smtpd -v"}"#), "{told}");
}

/// Checks that no name stands twice in an object, and that all is JSON.
fn is_sound(text: &str) {
    let entries = crate::json::read_object(text).unwrap_or_else(|refusal| panic!("{refusal:?}: {text}"));
    sound(&entries, text);
}

fn sound(entries: &[crate::value::Entry<'_>], text: &str) {
    for (i, entry) in entries.iter().enumerate() {
        assert!(entries[..i].iter().all(|other| other.key != entry.key), "`{}` twice: {text}", entry.key);
        if let crate::value::Value::Map(below) = &entry.value {
            sound(below, text);
        }
    }
}

proptest! {
    #[test]
    fn whatever_fields_are_called_the_document_is_sound(
        names in vec("(host|log|message|tags|labels|event|process|a|b|_id|loggr|)(\\.(syslog|name|a|b|id|)){0,3}", 0..8),
        elements in vec(("[a.]{0,3}", vec("[a.]{0,3}", 0..3)), 0..3),
    ) {
        let mut event = event();
        for name in names {
            event.add_field_value(name, "v");
        }
        for (id, params) in elements {
            let params = params.into_iter().map(|name| SdParam { name: name.into(), value: "v".into() });
            event.structured_data.push(SdElement { id: id.into(), params: params.collect() });
        }
        is_sound(&document(&event));
    }
}
