//! Measures the bus on RabbitMQ: publishing and consuming at the same time, lines of 200
//! bytes, in batches as a busy listener, a quiet listener and a machine make them.
//!
//! `cargo run --release -p loggr-bus --example rabbitbench HOST PORT VHOST USER PASSWORD
//! [SECONDS]`; the virtual host must be empty. Broker and client share the machine's cores
//! where both run on it.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use loggr_bus::rabbit::{self, BrokerAddress, Bus, Encoding, Needs, RabbitOptions};
use loggr_bus::{ConsumerOptions, ExchangeSpec, Topology};
use loggr_event::{Origin, Timestamp, UidGenerator};
use loggr_flow::{Batch, BatchBuilder, Receipt, Sink, Source, Stop};

const LINE_BYTES: usize = 200;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, vhost, user, password, rest @ ..] = &args[..] else {
        println!("which broker? HOST PORT VHOST USER PASSWORD [SECONDS]");
        return;
    };
    let seconds = rest.first().map_or(5.0, |s| s.parse().unwrap());
    let address = BrokerAddress {
        host: host.clone(),
        port: port.parse().unwrap(),
        tls: false,
        vhost: vhost.clone(),
        user: user.clone(),
        password: password.clone(),
    };
    let options = RabbitOptions {
        brokers: vec![address],
        heartbeat: rabbit::DEFAULT_HEARTBEAT,
        tls: None,
        connection_name: "rabbitbench".to_owned(),
    };
    let topology = Topology { exchanges: vec![ExchangeSpec::new("bench", &[("bench", "#")])] };
    rabbit::declare(&options, &topology).await.map(drop).unwrap();
    let needs = Needs { exchanges: vec!["bench".to_owned()], queues: vec!["bench".to_owned()] };
    let bus = Arc::new(Bus::open(options, &topology, &needs).await.unwrap());
    println!(
        "{:<52} {:>12} {:>12} {:>10} {:>8} {:>8}",
        "", "published/s", "consumed/s", "CPU µs/ev", "p50 ms", "p99 ms"
    );
    let run = Duration::from_secs_f64(seconds);
    for (lines, publishers) in [(4096, 2), (1000, 4), (128, 16), (1, 64)] {
        bench(&bus, run, lines, publishers, Encoding::Batch).await;
    }
    bench(&bus, run, 1000, 4, Encoding::Json).await;
}

/// Lines as a listener makes them: a new uid each, text that compresses like logs do.
fn batch(uids: &UidGenerator, origin: &Arc<Origin>, lines: usize, n: u64) -> Batch {
    let mut builder = BatchBuilder::with_capacity(lines * (LINE_BYTES + 32));
    let now = Timestamp::from_unix_micros(1_790_000_000_000_000 + n as i64);
    let mut line = *b"<134>Nov 22 10:00:00 web01 nginx[4711]: 10.20.30.40 - - GET /static/app/0000000000000000 HTTP/1.1 200 5316 https://example.net/start Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0 ab";
    for i in 0..lines as u64 {
        let mut rest = (n * 4096 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in &mut line[76..92] {
            *byte = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        builder.push_line(origin, uids.next(now), now, &line[..LINE_BYTES]);
    }
    builder.finish().unwrap()
}

async fn bench(bus: &Arc<Bus>, run: Duration, lines: usize, publishers: usize, encoding: Encoding) {
    let over = Arc::new(AtomicBool::new(false));
    let (published, consumed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let options = ConsumerOptions { window: 256, ..ConsumerOptions::default() };
    let mut consumer = bus.consumer("bench", options, Stop::never()).unwrap();
    let counting = consumed.clone();
    let consuming = tokio::spawn(async move {
        while let Some(delivery) = consumer.next().await.unwrap() {
            counting.fetch_add(delivery.batch().len() as u64, Ordering::Relaxed);
            let receipt = Receipt::sign(delivery.batch());
            delivery.ack(receipt);
        }
    });
    let shared = bus.publisher("bench", "syslog.bench", encoding).unwrap();
    let (begin, used) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..publishers)
        .map(|p| {
            let (mut publisher, over, published) = (shared.clone(), over.clone(), published.clone());
            tokio::spawn(async move {
                let uids = UidGenerator::new([p as u8; 8]);
                let origin = Arc::new(Origin { peer: format!("10.0.0.{p}:514"), ..Origin::default() });
                let (mut waits, mut n) = (Vec::new(), 0);
                while !over.load(Ordering::Relaxed) {
                    let batch = batch(&uids, &origin, lines, n);
                    let begin = Instant::now();
                    publisher.store(&batch).await.map(drop).unwrap();
                    waits.push(begin.elapsed());
                    published.fetch_add(lines as u64, Ordering::Relaxed);
                    n += 1;
                }
                waits
            })
        })
        .collect();
    tokio::time::sleep(run).await;
    over.store(true, Ordering::Relaxed);
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    let publishing = begin.elapsed();
    let published = published.load(Ordering::Relaxed);
    while consumed.load(Ordering::Relaxed) < published {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (both, used) = (begin.elapsed(), cpu() - used);
    consuming.abort();
    waits.sort();
    let at = |q: f64| waits[((waits.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    println!(
        "{:<52} {:>12.0} {:>12.0} {:>10.3} {:>8.1} {:>8.1}",
        format!("{lines} a batch, {publishers} publishers, {encoding:?}"),
        published as f64 / publishing.as_secs_f64(),
        published as f64 / both.as_secs_f64(),
        used.as_secs_f64() * 1e6 / published as f64,
        at(0.5),
        at(0.99),
    );
}

/// CPU time of this process, the broker's not included.
fn cpu() -> Duration {
    let usage = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = usage.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
