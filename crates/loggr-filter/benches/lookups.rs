//! Engines on one event: what a lookup costs in the way of events.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use loggr_event::{Event, Origin, Timestamp, UidGenerator};
use loggr_filter::engines::Environment;
use loggr_filter::lang::Program;

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1";

fn engines(criterion: &mut Criterion) {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let filters = [
        ("none", "if [missing] { drop }"),
        ("useragent", "useragent([agent])"),
        ("geoip", "geoip([ip], database=\"GeoLite2-City-Test.mmdb\")"),
        (
            "geoip two fields",
            "geoip([ip], database=\"GeoLite2-City-Test.mmdb\", fields=(\"country\", \"city\"))",
        ),
        ("throttle", "if throttle([ip], rate=1000000, per=\"1m\") { drop }"),
        ("dedupe", "if dedupe([agent], [ip]) { tags += \"repeat\" }"),
        ("sample", "if sample(rate=10) { tags += \"in\" }"),
    ];
    let origin = Origin::default();
    let uids = UidGenerator::new([1; 8]);
    let now = Timestamp::from_unix_micros(1_800_000_000_000_000);
    let mut group = criterion.benchmark_group("engine");
    for (name, filter) in filters {
        // The databases lie beside the repository or not.
        let Ok(program) = Program::compile("bench", filter, &Environment::new(shared)) else { continue };
        let mut counters = program.counters();
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                let mut event = Event::new(&origin, uids.next(now), now);
                event.set_field("ip", "81.2.69.142");
                event.set_field("agent", PHONE);
                black_box(program.run(&mut event, now, &mut counters));
            });
        });
    }
    // Each one new: found in no memory.
    let program =
        Program::compile("bench", "useragent([agent])", &Environment::new(shared)).expect("it compiles");
    let mut counters = program.counters();
    let mut n = 0u64;
    group.bench_function(BenchmarkId::from_parameter("useragent not seen before"), |bencher| {
        bencher.iter(|| {
            n += 1;
            let mut event = Event::new(&origin, uids.next(now), now);
            event.set_field("agent", PHONE.replace("15E148", &n.to_string()));
            black_box(program.run(&mut event, now, &mut counters));
        });
    });
    group.finish();
}

criterion_group!(benches, engines);
criterion_main!(benches);
