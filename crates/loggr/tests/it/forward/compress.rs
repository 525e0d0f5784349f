//! Compressed events between two loggrs, and what others make of the offer.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{forwarding, siem};
use crate::crash::compare;
use crate::support::{
    Cut, Loggr, Random, RelpSender, Rsyslog, Setup, count_seqs, free_port, long, numbered_line,
    random_moment, say, until,
};

const LINES_A_ROUND: u64 = 2000;
const AT_MOST_LATER_MS: u64 = 120;

fn trusting() -> Setup {
    Setup { listener_keys: "trust = true".to_owned(), ..Setup::default() }
}

/// Sends so many lines through a forwarder; bytes on the wire, and the status of the target.
#[track_caller]
fn through(keys: &str, count: u64) -> (u64, serde_json::Value) {
    let mut target = Loggr::with(trusting());
    let way = Cut::to(target.address("relp"));
    let mut loggr = Loggr::with(forwarding(&format!("targets = \"{}\"\n{keys}", way.address())));
    RelpSender::new(loggr.address("relp"), 2).run(0, count);
    loggr.stored(count, 60);
    target.stored(count, 60);
    let found = count_seqs(target.messages().iter().map(String::as_str));
    assert!(found.len() as u64 == count && found.values().all(|times| *times == 1), "{}", found.len());
    let seen = siem(&loggr)["forward"]["targets"][0].clone();
    loggr.stop();
    target.stop();
    (way.passed(), seen)
}

#[test]
fn compressed_events_are_a_fraction_of_the_others_and_the_same() {
    let (plain, seen) = through("", 5000);
    assert!(seen["compression"].is_null(), "{seen}");
    let (packed, seen) = through("compress = \"zstd\"", 5000);
    assert_eq!(seen["compression"], "zstd", "{seen}");
    say(&format!("5000 lines: {plain} bytes, compressed {packed}"));
    assert!(packed * 2 < plain, "{packed} of {plain}");
}

#[test]
fn either_end_is_killed_and_every_line_stands_once() {
    let mut target = Loggr::with(trusting());
    let keys = format!("targets = \"{}\"\ncompress = \"zstd\"", target.address("relp"));
    let mut forwarder = Loggr::with(forwarding(&keys));
    let mut random = Random::new();
    let rounds = if long() { 10 } else { 2 };
    let sender = RelpSender::of(forwarder.address("relp"), 2, numbered_line);
    let sent = sender.during(|load| {
        for _ in 0..rounds {
            for loggr in [&mut forwarder, &mut target] {
                load.goes_on(LINES_A_ROUND + random.below(LINES_A_ROUND));
                random_moment(&mut random, AT_MOST_LATER_MS);
                loggr.kill9();
                loggr.up();
            }
        }
    });
    forwarder.drained(120);
    target.drained(120);
    let stored = |loggr: &Loggr| count_seqs(loggr.messages().iter().map(String::as_str));
    let (here, there) = (stored(&forwarder), stored(&target));
    let twice = compare("search store of the target", &sent, &there);
    assert!(here == there, "the target has other lines, or has them more often");
    assert_eq!(siem(&forwarder)["forward"]["targets"][0]["compression"], "zstd");
    say(&format!("{} kills, {} lines: 0 missing, {twice} twice as at the forwarder", rounds * 2, sent.len()));
    forwarder.stop();
    target.stop();
}

#[test]
fn rsyslog_gets_events_as_they_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, port) = (directory.path().join("seen.log"), free_port());
    let modules =
        format!("module(load=\"imrelp\")\ninput(type=\"imrelp\" address=\"127.0.0.1\" port=\"{port}\")");
    let Some(rsyslog) = Rsyslog::start(&modules, &format!("action(type=\"omfile\" file={file:?})")) else {
        return;
    };
    let keys = format!("targets = \"127.0.0.1:{port}\"\ncompress = \"zstd\"");
    let mut loggr = Loggr::with(forwarding(&keys));
    RelpSender::new(loggr.address("relp"), 1).run(0, 1000);
    loggr.stored(1000, 60);
    let seen = || std::fs::read_to_string(&file).unwrap_or_default();
    until("rsyslogd has written every line", 60, || seen().lines().count() >= 1000);
    let found = count_seqs(seen().lines());
    assert!(found.len() == 1000 && found.values().all(|times| *times == 1));
    assert_eq!(siem(&loggr)["forward"]["targets"][0]["compression"], "not offered by the target");
    assert!(loggr.status_text(&[]).contains("not offered by the target"));
    loggr.stop();
    rsyslog.stop();
}

/// Few octets would become many events.
#[test]
fn who_is_not_trusted_is_not_offered_compression() {
    let mut target = Loggr::with(Setup::default());
    let keys = format!("targets = \"{}\"\ncompress = \"zstd\"", target.address("relp"));
    let mut loggr = Loggr::with(forwarding(&keys));
    RelpSender::new(loggr.address("relp"), 1).run(0, 1000);
    target.stored(1000, 60);
    assert_eq!(siem(&loggr)["forward"]["targets"][0]["compression"], "not offered by the target");
    let mut stream = TcpStream::connect(target.address("relp")).expect("loggr listens");
    let frame = [
        &b"1 open 23 commands=syslog,zsyslog\n2 zsyslog 9 "[..],
        &[0, 0, 0, 1, 0, 0, 0, 1, 0],
        b"\n3 close 0\n",
    ];
    stream.write_all(&frame.concat()).expect("it is read");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    assert!(
        !answers.contains("zsyslog\n") && answers.contains("2 rsp ") && !answers.contains("2 rsp 6 200 OK"),
        "{answers}"
    );
    loggr.stop();
    target.stop();
}

/// A frame that claims little and holds much, one that claims much, and one that is no zstd: each is answered,
/// nothing of it is stored, and others do not notice.
#[test]
fn bombs_and_damage_are_refused_said_and_harm_nobody() {
    let mut loggr = Loggr::with(trusting());
    let mut stream = TcpStream::connect(loggr.address("relp")).expect("loggr listens");
    let zeros = zstd_of_zeros(64 << 20);
    let frames: [(u32, u32, &[u8]); 4] =
        [(1, 1000, &zeros), (1, 64 << 20, &zeros), (1, u32::MAX, b"x"), (2, 10, b"hello")];
    let mut session = b"1 open 23 commands=syslog,zsyslog\n".to_vec();
    for (txnr, (count, len, packed)) in (2..).zip(frames) {
        let data = [&count.to_be_bytes()[..], &len.to_be_bytes(), packed].concat();
        session.extend_from_slice(format!("{txnr} zsyslog {} ", data.len()).as_bytes());
        session.extend_from_slice(&data);
        session.push(b'\n');
    }
    session.extend_from_slice(b"6 syslog 30 <14>1 - web01 app - - - seq=42\n7 close 0\n");
    let sender = RelpSender::new(loggr.address("relp"), 1);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| sender.run(0, 1000));
        stream.write_all(&session).expect("it is read");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).expect("answers");
        assert_eq!(answers.matches(" 500 a compressed frame ").count(), 4, "{answers}");
        assert!(answers.contains("6 rsp 6 200 OK"), "the session goes on: {answers}");
        others.join().expect("others do not notice");
    });
    loggr.stored(1001, 60);
    let log = loggr.log();
    assert_eq!(log.matches("refused compressed events").count(), 1, "{log}");
    let peak = loggr.daemon().peak_memory_kib();
    assert!(peak < 400 << 10, "{peak} KiB");
    loggr.stop();
}

/// Zeros as a frame of zstd: it is written by hand, so that the test needs no library. Blocks of one repeated
/// byte (RFC 8878, section 3.1.1.2), each of 128 KiB.
fn zstd_of_zeros(bytes: usize) -> Vec<u8> {
    const BLOCK: usize = 128 << 10;
    // A window of 128 KiB, and nothing said of the length.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let blocks = bytes / BLOCK;
    for at in 0..blocks {
        let is_last = u32::from(at + 1 == blocks);
        let head = is_last | 1 << 1 | (BLOCK as u32) << 3;
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.push(0);
    }
    out
}
