//! What a machine's hot path costs per event: putting events into the next batch, and packing.
//!
//! `cargo bench -p loggr-flow --bench machine`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loggr_event::{Origin, Timestamp, Transport, UidGenerator};
use loggr_flow::packer::{PRESETS, Packer, PackerLimits, Rule, StartFormat, preset};
use loggr_flow::{Ack, Batch, BatchBuilder, Delivery, Payload, Record, Stage};

/// Events in one batch.
const EVENTS: usize = 1024;

/// Lines as a web server and a program on the JVM write them: ordinary ones, or every tenth
/// the beginning of a stack trace of eight lines.
fn batch(traces: bool) -> Batch {
    let origin = Arc::new(Origin {
        listener: "relp".into(),
        transport: Transport::Relp,
        peer: "192.0.2.1:40000".into(),
        timezone: "Europe/Berlin".into(),
        ..Origin::default()
    });
    let uids = UidGenerator::new([1; 8]);
    let now = Timestamp::from_unix_micros(1_790_000_000_000_000);
    let mut builder = BatchBuilder::default();
    for i in 0..EVENTS {
        let text = match (traces, i % 80) {
            (true, 0) => "java.lang.IllegalStateException: cart 17 is closed".to_owned(),
            (true, 1..8) => format!("\tat com.example.shop.Cart.add{i}(Cart.java:{i})"),
            _ => format!(
                "192.0.2.{} - - [01/Mar/2026:12:00:00 +0000] \"GET /cart/{i} HTTP/1.1\" 200 {i} \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
                i % 250
            ),
        };
        let line =
            format!("<134>1 2026-03-01T12:00:00.123456Z web{} shop {} ID1 - {text}", i % 4, 1000 + i % 4);
        builder.push_line(&origin, uids.next(now), now, line.as_bytes());
    }
    builder.finish().expect("lines")
}

fn pushing(c: &mut Criterion) {
    let batch = batch(false);
    let mut group = c.benchmark_group("push");
    group.throughput(Throughput::Elements(EVENTS as u64));
    // Parsing is part of all, as in the machine; alone it is the floor.
    group.bench_function("parse alone", |b| {
        b.iter(|| batch.records().for_each(|record| drop(black_box(record.event()))));
    });
    group.bench_function("a buffer and an origin for each event", |b| {
        b.iter(|| {
            let mut out = BatchBuilder::with_capacity(batch.byte_len() * 3 / 2);
            for record in batch.records() {
                let event = record.event();
                let mut packed = Vec::with_capacity(512);
                event.to_msgpack(&mut packed);
                let origin = Arc::new(event.origin.as_deref().cloned().unwrap_or_default());
                out.push_record(&Record { origin: &origin, payload: Payload::Event(&packed), ..record });
            }
            out.finish()
        });
    });
    group.bench_function("changed", |b| {
        b.iter(|| {
            let mut out = BatchBuilder::with_capacity(batch.byte_len() * 3 / 2);
            for record in batch.records() {
                out.push_changed(&record, &record.event());
            }
            out.finish()
        });
    });
    group.bench_function("unchanged", |b| {
        b.iter(|| {
            let mut out = BatchBuilder::with_capacity(batch.byte_len() * 3 / 2);
            for record in batch.records() {
                drop(black_box(record.event()));
                out.push_record(&record);
            }
            out.finish()
        });
    });
    group.finish();
}

fn packing(c: &mut Criterion) {
    let format = StartFormat::parse("$DATETIME $SEVERITY $MESSAGE").expect("a format");
    let java = preset("java").expect("a preset");
    let rules = [
        ("java", Rule::traces(&[java])),
        ("all languages", Rule::traces(&PRESETS)),
        ("format", Rule::by_format(vec![format])),
    ];
    for (what, traces) in [("ordinary lines", false), ("a tenth in traces", true)] {
        let batch = batch(traces);
        let mut group = c.benchmark_group(format!("pack {what}"));
        group.throughput(Throughput::Elements(EVENTS as u64));
        for (name, rule) in &rules {
            group.bench_function(*name, |b| {
                let mut packer = Packer::new(rule.clone(), PackerLimits::default(), Arc::default());
                let now = Instant::now();
                b.iter_batched(
                    || Delivery::new(batch.clone(), Ack::unreliable(|| ())),
                    |delivery| {
                        packer.feed(delivery, now);
                        while let Some(out) = packer.ready(now) {
                            drop(black_box(out));
                        }
                    },
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, pushing, packing);
criterion_main!(benches);
