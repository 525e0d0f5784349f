//! Random events and small helpers for the store's tests.
#![allow(dead_code)]

use std::borrow::Cow;

use loggr_event::{
    Defect, Event, Facility, Field, InputFormat, Origin, SdElement, SdParam, Severity, Timestamp, Transport,
    TrustedField, Uid,
};
use loggr_store::SearchOptions;
use loggr_store::embedded::Reader;
use loggr_store::query::Query;
use proptest::prelude::*;

/// 2026-11-22T00:00:00Z.
pub const MIDNIGHT: i64 = 1_795_305_600_000_000;

/// Uid number `n`, made at `time`.
pub fn uid(time: i64, n: u64) -> Uid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(((time / 1000) as u64) << 16 | 0x7000).to_be_bytes());
    bytes[8..].copy_from_slice(&(1 << 63 | n).to_be_bytes());
    Uid::from_bytes(bytes)
}

/// A plain event.
pub fn event(n: u64, time: i64, app: &str, message: &str) -> Event<'static> {
    Event {
        uid: uid(time, n),
        timereported: Timestamp::from_unix_micros(time),
        timegenerated: Timestamp::from_unix_micros(time),
        source: Cow::Owned("web01".into()),
        app_name: Cow::Owned(app.to_owned()),
        message: Cow::Owned(message.to_owned()),
        ..Event::default()
    }
}

pub fn with_field(mut event: Event<'static>, name: &str, values: &[&str]) -> Event<'static> {
    event.fields.push(Field {
        name: Cow::Owned(name.to_owned()),
        values: values.iter().map(|v| Cow::Owned((*v).to_owned())).collect(),
    });
    event
}

fn text() -> impl Strategy<Value = Cow<'static, str>> {
    prop_oneof![
        Just(""),
        Just("web01"),
        Just("nginx"),
        Just("Failed password for root from 10.1.2.3"),
        Just("user=alice status=500 /admin/x"),
        Just("Zähler über 3 ☃"),
        Just("quote \" back \\ nul \0 lf \n"),
        Just("timeout after 30ms"),
    ]
    .prop_map(Cow::Borrowed)
}

fn value() -> impl Strategy<Value = Cow<'static, str>> {
    prop_oneof![
        Just("200".to_owned()),
        Just("007".to_owned()),
        Just("".to_owned()),
        Just("-1.5".to_owned()),
        Just("10.0.0.1".to_owned()),
        Just("192.168.7.9".to_owned()),
        Just("fe80::1".to_owned()),
        Just("FE80::1".to_owned()),
        Just("alice".to_owned()),
        Just("Alice Smith".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f32>().prop_map(|n| n.to_string()),
        "[a-z]{0,6}",
    ]
    .prop_map(Cow::Owned)
}

fn fields() -> impl Strategy<Value = Vec<Field<'static>>> {
    let name = prop_oneof![
        Just("status"),
        Just("client_ip"),
        Just("user"),
        Just("bytes"),
        Just("a.b"),
        Just("x y"),
        Just("_PID"),
    ];
    let values = prop_oneof![4 => proptest::collection::vec(value(), 1..2), 1 => proptest::collection::vec(value(), 2..4)];
    proptest::collection::vec((name, values), 0..5).prop_map(|list| {
        let mut fields: Vec<Field<'static>> = Vec::new();
        for (name, values) in list {
            if fields.iter().all(|f| f.name != name) {
                fields.push(Field { name: Cow::Borrowed(name), values });
            }
        }
        fields
    })
}

fn defects() -> impl Strategy<Value = loggr_event::Defects> {
    any::<u16>().prop_map(|bits| {
        let mut defects = loggr_event::Defects::default();
        for (i, (defect, _)) in Defect::ALL.into_iter().enumerate() {
            if bits & 0x1111 >> i != 0 && bits % 3 == 0 {
                defects.insert(defect);
            }
        }
        defects
    })
}

fn origin() -> impl Strategy<Value = Option<Cow<'static, Origin>>> {
    proptest::option::of((0..4u8, any::<bool>())).prop_map(|o| {
        o.map(|(n, tls)| {
            Cow::Owned(Origin {
                listener: format!("listener{n}"),
                transport: if tls { Transport::Relp } else { Transport::Udp },
                peer: format!("10.0.0.{n}:514"),
                tls_name: tls.then(|| "web.example.net".to_owned()),
                trusted: tls,
                format: InputFormat::Rfc5424,
                timezone: String::new(),
                keep_leading_blank: tls,
                ..Origin::default()
            })
        })
    })
}

/// The key of seals that fit.
pub const SEAL_KEY: &[u8] = b"key";

/// Any event at all, near `MIDNIGHT`; its number makes it unique. Some are sealed with `SEAL_KEY`.
pub fn any_event() -> impl Strategy<Value = Event<'static>> {
    let head = (-200i64..200, any::<bool>(), 0u8..8, 0u8..24, -300i16..300, any::<u64>());
    let texts = (text(), text(), text(), text(), text());
    let extra = (
        fields(),
        proptest::collection::vec((text(), proptest::collection::vec((text(), text()), 0..3)), 0..3),
        proptest::collection::btree_set("[a-z\",]{1,4}", 0..3),
        defects(),
        origin(),
    );
    let rare = (
        proptest::option::weighted(0.2, proptest::collection::vec(any::<u8>(), 0..9)),
        proptest::option::weighted(0.2, any::<u64>()),
        proptest::option::weighted(0.2, any::<i32>()),
        proptest::option::weighted(0.2, "[A-Za-z]{3}"),
    );
    (head, texts, extra, rare).prop_map(|(head, texts, extra, rare)| {
        let time = MIDNIGHT + head.0 * 1_000_000 + i64::from(head.2) * 7;
        let reported = if head.1 { time } else { time - 12_345 };
        let sealed = rare.2.filter(|_| rare.3.is_none());
        let mut event = Event {
            uid: uid(time, head.5 >> 2),
            timegenerated: Timestamp::with_offset(time, if head.4 % 5 == 0 { head.4 } else { 0 }),
            timereported: Timestamp::with_offset(reported, if head.4 % 2 == 0 { head.4 } else { 0 }),
            severity: Severity::from_code(head.2).expect("it goes well"),
            facility: Facility::from_code(head.3).expect("it goes well"),
            source: texts.0,
            app_name: texts.1,
            procid: texts.2,
            msgid: texts.3,
            message: texts.4,
            fields: extra.0,
            structured_data: extra
                .1
                .into_iter()
                .map(|(id, params)| SdElement {
                    id,
                    params: params.into_iter().map(|(name, value)| SdParam { name, value }).collect(),
                })
                .collect(),
            tags: extra.2.into_iter().map(Cow::Owned).collect(),
            trusted: if head.4 % 7 == 0 {
                vec![TrustedField { name: Cow::Borrowed("_PID"), value: Cow::Borrowed("12") }]
            } else {
                Vec::new()
            },
            defects: extra.3,
            origin: extra.4,
            raw: rare.0.map(Cow::Owned),
            original_len: rare.1,
            timehmac: rare.2.map(|t| Timestamp::with_offset(i64::from(t), 60)),
            hmac: rare.3.map(Cow::Owned),
        };
        if let Some(time) = sealed {
            event.seal(SEAL_KEY, Timestamp::with_offset(i64::from(time), 60));
        }
        event
    })
}

/// Everything in the store, newest first.
pub fn everything(reader: &Reader) -> Vec<Event<'static>> {
    let options = SearchOptions { limit: 10_000, ..SearchOptions::new(MIDNIGHT) };
    let found = reader.search(&Query::all(), &options).expect("it goes well");
    assert_eq!(found.warnings, Vec::<String>::new());
    found.events
}

/// Newest first, as a search gives them.
pub fn sorted(mut events: Vec<Event<'static>>) -> Vec<Event<'static>> {
    events.sort_by_key(|e| std::cmp::Reverse((e.timegenerated.unix_micros(), e.uid)));
    events.dedup_by_key(|e| e.uid);
    events
}
