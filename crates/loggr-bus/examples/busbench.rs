//! Measures the embedded bus: publishing with commits of 64 and 1,024 lines of 200
//! bytes, and publishing and consuming at the same time.
//!
//! `cargo run --release -p loggr-bus --example busbench [DIRECTORY] [SECONDS]`; the
//! directory must be on the disk in question.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use loggr_bus::embedded::Bus;
use loggr_bus::{BusOptions, Codec, ConsumerOptions, ExchangeSpec, Topology};
use loggr_event::{Origin, Timestamp, UidGenerator};
use loggr_flow::{Batch, BatchBuilder, Receipt, Sink, Source, Stopper};

const LINE_BYTES: usize = 200;

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("busbench"), PathBuf::from);
    let seconds = args.next().map_or(3.0, |s| s.parse().unwrap());
    let run = Duration::from_secs_f64(seconds);
    println!(
        "{:<44} {:>11} {:>9} {:>8} {:>8} {:>8}",
        "", "events/s", "CPU µs/ev", "p50 µs", "p99 µs", "commits"
    );
    for codec in [Codec::None, Codec::Lz4] {
        for lines in [64, 1024] {
            for publishers in [1, 4] {
                bench(&dir, run, codec, lines, publishers, false);
            }
        }
    }
    bench(&dir, run, Codec::None, 64, 1, true);
    bench(&dir, run, Codec::None, 1024, 1, true);
    bench(&dir, run, Codec::None, 1024, 4, true);
    bench(&dir, run, Codec::Lz4, 1024, 4, true);
    backlog(&dir, 5_000_000);
}

fn open(dir: &Path, codec: Codec) -> Bus {
    drop(std::fs::remove_dir_all(dir));
    reopen(dir, codec)
}

fn reopen(dir: &Path, codec: Codec) -> Bus {
    let topology = Topology { exchanges: vec![ExchangeSpec::new("x", &[("q", "#")])] };
    let options = BusOptions { codec, max_size: 60 << 30, ..BusOptions::default() };
    Bus::open(dir, &topology, &options).unwrap().0
}

/// Lines as a listener makes them: a new uid each, text that compresses like logs do.
fn batch(uids: &UidGenerator, origin: &Arc<Origin>, lines: usize, n: u64) -> Batch {
    let mut builder = BatchBuilder::with_capacity(lines * (LINE_BYTES + 32));
    let now = Timestamp::from_unix_micros(1_790_000_000_000_000 + n as i64);
    let mut line = *b"<134>Nov 22 10:00:00 web01 nginx[4711]: 10.20.30.40 - - GET /static/app/0000000000000000 HTTP/1.1 200 5316 https://example.net/start Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0 ab";
    for i in 0..lines as u64 {
        let mut rest = (n * 1024 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in &mut line[76..92] {
            *byte = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        builder.push_line(origin, uids.next(now), now, &line[..LINE_BYTES]);
    }
    builder.finish().unwrap()
}

fn bench(dir: &Path, run: Duration, codec: Codec, lines: usize, publishers: usize, consume: bool) {
    let bus = open(dir, codec);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // The first segments are made before the clock runs.
    runtime.block_on(async {
        let (uids, origin) = (UidGenerator::new([8; 8]), Arc::new(Origin::default()));
        let mut publisher = bus.publisher("x", "syslog.bench").unwrap();
        publisher.store(&batch(&uids, &origin, 1, 0)).await.map(drop).unwrap();
    });
    bus.quiesce();
    bus.purge("q").unwrap();
    let (events, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (stopper, stop) = Stopper::new();
    let (cpu, begin) = (cpu(), Instant::now());
    let mut waits = runtime.block_on(async {
        let consumer = consume.then(|| {
            let mut consumer = bus.consumer("q", ConsumerOptions::default(), stop).unwrap();
            tokio::spawn(async move {
                let mut n = 0;
                while let Some(delivery) = consumer.next().await.unwrap() {
                    n += delivery.batch().len() as u64;
                    let receipt = Receipt::sign(delivery.batch());
                    delivery.ack(receipt);
                }
                n
            })
        });
        let tasks: Vec<_> = (0..publishers)
            .map(|p| {
                let (events, over) = (events.clone(), over.clone());
                let mut publisher = bus.publisher("x", "syslog.bench").unwrap();
                tokio::spawn(async move {
                    let uids = UidGenerator::new([p as u8; 8]);
                    let origin = Arc::new(Origin { peer: format!("10.0.0.{p}:514"), ..Origin::default() });
                    let (mut waits, mut n) = (Vec::new(), 0);
                    while !over.load(Ordering::Relaxed) {
                        let batch = batch(&uids, &origin, lines, n);
                        let begin = Instant::now();
                        publisher.store(&batch).await.map(drop).unwrap();
                        waits.push(begin.elapsed());
                        events.fetch_add(lines as u64, Ordering::Relaxed);
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
        stopper.drain();
        if let Some(consumer) = consumer {
            assert_eq!(consumer.await.unwrap(), events.load(Ordering::Relaxed));
        }
        waits
    });
    let (elapsed, cpu) = (begin.elapsed(), self::cpu() - cpu);
    waits.sort();
    let events = events.load(Ordering::Relaxed);
    let at = |q: f64| waits[((waits.len() - 1) as f64 * q) as usize].as_micros();
    let name = format!(
        "{codec:?}, {lines} a batch, {publishers} publisher(s){}",
        if consume { ", consumed" } else { "" }
    );
    println!(
        "{name:<44} {:>11.0} {:>9.3} {:>8} {:>8} {:>8}",
        events as f64 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / events as f64,
        at(0.5),
        at(0.99),
        bus.stats()[0].commits,
    );
}

/// Fills a backlog, opens it again, drains it, and looks at what is left on disk.
fn backlog(dir: &Path, events: u64) {
    let bus = open(dir, Codec::None);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let uids = UidGenerator::new([9; 8]);
        let origin = Arc::new(Origin::default());
        let mut publisher = bus.publisher("x", "syslog.bench").unwrap();
        for n in 0..events / 1024 {
            publisher.store(&batch(&uids, &origin, 1024, n)).await.map(drop).unwrap();
        }
    });
    let full = bus.stats()[0].disk_bytes;
    bus.close();
    let begin = Instant::now();
    let bus = reopen(dir, Codec::None);
    let opened = begin.elapsed();
    let begin = Instant::now();
    let mut n = 0;
    runtime.block_on(async {
        let (stopper, stop) = Stopper::new();
        stopper.drain();
        let mut consumer = bus.consumer("q", ConsumerOptions::default(), stop).unwrap();
        while let Some(delivery) = consumer.next().await.unwrap() {
            n += delivery.batch().len();
            let receipt = Receipt::sign(delivery.batch());
            delivery.ack(receipt);
        }
    });
    let drained = begin.elapsed();
    bus.quiesce();
    let left: u64 =
        std::fs::read_dir(dir.join("x")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    println!(
        "backlog of {n}: {} MB, opened in {opened:.2?}, drained at {:.0} events/s, {} MB left on disk",
        full >> 20,
        n as f64 / drained.as_secs_f64(),
        left >> 20,
    );
    drop(bus);
    drop(std::fs::remove_dir_all(dir));
}

fn cpu() -> Duration {
    let usage = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = usage.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
