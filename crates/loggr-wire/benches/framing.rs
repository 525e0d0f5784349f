//! What a line costs on the wire side: framing in 64 KiB reads, and a RELP session that feeds and acknowledges.
//!
//! Not a throughput test of a listener: no sockets, no storing. One iteration is one read's worth of input;
//! divide by the elements for the cost of a line.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loggr_wire::framing::{self, DEFAULT_FRAME_BYTES, Framer, Mode};
use loggr_wire::relp::{self, Client, ClientConfig, Command, Server, ServerConfig};
use std::hint::black_box;

const READ_BYTES: usize = 64 * 1024;
const LINE_BYTES: usize = 200;
/// Five reads' worth: as warm in the cache as what the kernel has just copied.
const LINES: usize = 1_600;

fn line(number: usize) -> Vec<u8> {
    let mut line = format!(
        "<165>1 2026-11-22T10:00:00.{:06}Z web01 app 4711 ID47 - request {number} ",
        number % 1_000_000
    )
    .into_bytes();
    line.resize(LINE_BYTES, b'x');
    line
}

fn bench_framing(c: &mut Criterion) {
    let mut group = c.benchmark_group("framing");
    group.throughput(Throughput::Elements(LINES as u64));
    let streams = [
        ("octet-counted", framing::write_octet_counted as fn(&mut Vec<u8>, &[u8]), Mode::Auto),
        ("lf-auto", framing::write_lf, Mode::Auto),
        ("lf", framing::write_lf, Mode::Lf),
    ];
    for (name, write, mode) in streams {
        let mut stream = Vec::new();
        (0..LINES).for_each(|number| write(&mut stream, &line(number)));
        group.bench_function(name, |b| {
            let mut framer = Framer::new(mode, DEFAULT_FRAME_BYTES);
            b.iter(|| {
                let mut bytes = 0;
                for read in black_box(&stream).chunks(READ_BYTES) {
                    framer.feed(read, |frame| bytes += frame.bytes.len());
                }
                assert_eq!(bytes, LINES * LINE_BYTES);
            });
        });
    }
    group.finish();
}

fn bench_relp(c: &mut Criterion) {
    let mut group = c.benchmark_group("relp");
    group.throughput(Throughput::Elements(LINES as u64));
    let mut stream = Vec::new();
    relp::write_frame(&mut stream, 1, &Command::Open, b"relp_version=0\ncommands=syslog");
    for number in 0..LINES {
        relp::write_frame(&mut stream, number as u32 + 2, &Command::Syslog, &line(number));
    }
    group.bench_function("server-feed-ack", |b| {
        let mut out = Vec::new();
        b.iter_batched_ref(
            || Server::new(ServerConfig::default()),
            |server| {
                let mut bytes = 0;
                for read in black_box(&stream).chunks(READ_BYTES) {
                    server.feed(read, |frame| bytes += frame.data.len()).expect("the stream is RELP");
                    server.ack(server.outstanding());
                    out.clear();
                    server.take_output(&mut out);
                }
                assert_eq!(bytes, LINES * LINE_BYTES);
            },
            BatchSize::LargeInput,
        );
    });
    let lines: Vec<Vec<u8>> = (0..LINES).map(line).collect();
    let mut answers = b"1 rsp 22 200 OK\ncommands=syslog\n".to_vec();
    for number in 0..LINES {
        relp::write_frame(&mut answers, number as u32 + 2, &Command::Rsp, b"200 OK");
    }
    let open_bytes = 32;
    let window = 1024;
    group.bench_function("client-send-answer", |b| {
        let mut out = Vec::new();
        let config = ClientConfig { window_frames: window, ..ClientConfig::default() };
        b.iter_batched_ref(
            || Client::new(config.clone()),
            |client| {
                client.open();
                let (open, mut rest) = answers.split_at(open_bytes);
                client.feed(open, |_| {}).expect("the answer opens the session");
                let mut answered = 0;
                for some in lines.chunks(window) {
                    for line in some {
                        client.send(black_box(line)).expect("the window is empty");
                    }
                    out.clear();
                    client.take_output(&mut out);
                    let length = rest.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(some.len() - 1);
                    let (now, later) = rest.split_at(length.expect("an answer for each").0 + 1);
                    client.feed(now, |answer| answered += usize::from(answer.is_ok())).expect("answers");
                    rest = later;
                }
                assert_eq!(answered, LINES);
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, bench_framing, bench_relp);
criterion_main!(benches);
