//! How long one event takes: received, parsed beside `syslog_loose`, and dumped.
//!
//! Not a test of correctness. Lines are about 200 bytes, single thread, no allocation
//! beyond what the event itself needs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use loggr_event::{DumpFormat, Event, Format, Origin, SealKeys, Timestamp, Uid, Verdict};

const NOW: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

const RFC5424: &str = "<165>1 2026-11-22T10:00:00.003123Z web01.example.net nginx 4711 ACCESS - GET /api/v1/orders/81723 \
     HTTP/1.1 status 200 bytes 5120 from 192.0.2.44 in 0.0134 s upstream backend-3 cache MISS agent probe/2";

const RFC5424_SD: &str = "<165>1 2026-11-22T10:00:00.003123Z web01.example.net nginx 4711 ACCESS \
     [request@32473 id=\"81723\" method=\"GET\"][client@32473 ip=\"192.0.2.44\" zone=\"dmz\"] GET /api/v1/orders HTTP/1.1 \
     status 200 bytes 5120";

const RFC3164: &str = "<165>Nov 22 10:00:00 web01 nginx[4711]: GET /api/v1/orders/81723 HTTP/1.1 status 200 bytes 5120 \
     from 192.0.2.44 in 0.0134 s upstream backend-3 cache MISS agent probe/2 tls 1.3 keepalive yes";

const RFC3164_ISO: &str = "<165>2026-11-22T10:00:00.003123+01:00 web01 nginx[4711]: GET /api/v1/orders/81723 HTTP/1.1 \
     status 200 bytes 5120 from 192.0.2.44 in 0.0134 s upstream backend-3 cache MISS agent probe/2";

const CISCO: &str =
    "<189>000054: *Nov 22 10:00:00.483 UTC: %SYS-5-CONFIG_I: Configured from console by admin on vty0";

fn origin() -> Origin {
    Origin { listener: "tcp".to_owned(), peer: "192.0.2.1:50000".to_owned(), ..Origin::default() }
}

fn receive(c: &mut Criterion) {
    let utc = origin();
    let berlin = Origin { timezone: "Europe/Berlin".to_owned(), ..origin() };
    let cases = [
        ("rfc5424", RFC5424, &utc),
        ("rfc5424_sd", RFC5424_SD, &utc),
        ("rfc3164", RFC3164, &utc),
        ("rfc3164_zone", RFC3164, &berlin),
        ("rfc3164_iso", RFC3164_ISO, &utc),
        ("cisco", CISCO, &utc),
        ("text", "just a line that nothing understands, about as long as many", &utc),
    ];
    let mut group = c.benchmark_group("receive");
    for (name, line, origin) in cases {
        group.bench_function(name, |b| {
            b.iter(|| Event::receive(black_box(line.as_bytes()), origin, Uid::default(), NOW));
        });
    }
    group.finish();
}

fn strict(c: &mut Criterion) {
    let origin = origin();
    c.bench_function("parse/rfc5424", |b| {
        b.iter(|| {
            Event::parse(black_box(RFC5424.as_bytes()), Format::Rfc5424, &origin, Uid::default(), NOW).is_ok()
        });
    });
}

fn yardstick(c: &mut Criterion) {
    let mut group = c.benchmark_group("syslog_loose");
    for (name, line) in [("rfc5424", RFC5424), ("rfc5424_sd", RFC5424_SD), ("rfc3164", RFC3164)] {
        group.bench_function(name, |b| {
            b.iter(|| syslog_loose::parse_message(black_box(line), syslog_loose::Variant::Either));
        });
    }
    group.finish();
}

fn dump(c: &mut Criterion) {
    let origin = origin();
    let mut event = Event::receive(RFC5424.as_bytes(), &origin, Uid::from_bytes([0x17; 16]), NOW);
    event.set_field("http_status", "200");
    let mut group = c.benchmark_group("dump");
    let mut out = Vec::with_capacity(4096);
    for name in
        ["RSYSLOG", "JSON", "MSGPACK", "RFC5424", "RFC3164", "ES", "$DATETIME $SOURCE $APP_NAME: $MESSAGE"]
    {
        let format = DumpFormat::parse(name).expect("BUG: a known format");
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                black_box(&event).dump(&format, &mut out);
                out.len()
            });
        });
    }
    group.finish();
}

fn stored(c: &mut Criterion) {
    let origin = origin();
    let event = Event::receive(RFC5424.as_bytes(), &origin, Uid::from_bytes([0x17; 16]), NOW);
    let mut encoded = Vec::new();
    event.to_msgpack(&mut encoded);
    c.bench_function("from_msgpack", |b| b.iter(|| Event::from_msgpack(black_box(&encoded)).is_ok()));
    let mut json = Vec::new();
    event.dump(&DumpFormat::Json, &mut json);
    c.bench_function("receive/json", |b| {
        b.iter(|| Event::receive(black_box(&json), &origin, Uid::default(), NOW));
    });
    let mut sealed = event.into_owned();
    let keys = SealKeys::new([("a", [0x17; 32].as_slice())]);
    c.bench_function("seal", |b| b.iter(|| keys.seal(black_box(&mut sealed), NOW)));
    c.bench_function("verify", |b| b.iter(|| keys.verify(black_box(&sealed)) == Verdict::Good));
    c.bench_function("timestamp/parse", |b| {
        b.iter(|| Timestamp::parse_rfc3339(black_box(b"2026-11-22T10:00:00.003123+01:00")));
    });
    let mut buffer = [0; loggr_event::MAX_RFC3339_BYTES];
    c.bench_function("timestamp/format", |b| b.iter(|| black_box(NOW).format_rfc3339(&mut buffer).len()));
    c.bench_function("empty_event", |b| b.iter(|| Event::new(black_box(&origin), Uid::default(), NOW)));
}

criterion_group!(benches, receive, strict, yardstick, dump, stored);
criterion_main!(benches);
