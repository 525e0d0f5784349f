//! `received = stored + waiting + rescued + dropped`, at every moment and over every restart.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::support::{Loggr, RelpSender, Setup, numbered_line, until};

#[test]
fn the_numbers_add_up_before_the_first_event() {
    let loggr = Loggr::start();
    loggr.assert_balanced();
    assert_eq!(loggr.status()["totals"]["received"], 0);
}

#[test]
fn the_numbers_add_up_while_events_come_in() {
    let loggr = Loggr::start();
    let sender = RelpSender::new(loggr.address("relp"), 2);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| sender.run(0, 30_000));
        while !load.is_finished() {
            loggr.assert_balanced();
        }
    });
    loggr.stored(30_000, 60);
    loggr.assert_balanced();
}

#[test]
fn every_door_counts_what_it_takes() {
    let loggr = Loggr::start();
    let line = |n: u64| numbered_line(n);
    let mut tcp = TcpStream::connect(loggr.address("tcp")).expect("tcp");
    tcp.write_all(format!("{}\n{}\n", line(0), line(1)).as_bytes()).expect("tcp");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("udp");
    udp.send_to(line(2).as_bytes(), loggr.address("udp")).expect("udp");
    let dgram = UnixDatagram::unbound().expect("dgram");
    dgram.send_to(line(3).as_bytes(), loggr.socket("dgram")).expect("dgram");
    let mut stream = UnixStream::connect(loggr.socket("stream")).expect("stream");
    stream.write_all(format!("{}\n", line(4)).as_bytes()).expect("stream");
    RelpSender::new(loggr.address("relp"), 1).run(5, 3);
    loggr.stored(8, 30);
    let status = loggr.status();
    for (name, expect) in [("tcp", 2), ("udp", 1), ("dgram", 1), ("stream", 1), ("relp", 3)] {
        let listeners = status["listeners"].as_array().expect("listeners");
        let listener = listeners.iter().find(|l| l["name"] == name).expect("the listener");
        assert_eq!(listener["received"], expect, "{listener}");
        assert_eq!(listener["accepted"], expect, "{listener}");
        assert_eq!(listener["lost"], 0, "{listener}");
    }
    loggr.assert_balanced();
}

#[test]
fn the_numbers_survive_a_restart_and_a_crash() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 2).run(0, 2000);
    loggr.stored(2000, 60);
    loggr.stop();
    loggr.up();
    loggr.assert_balanced();
    assert_eq!(loggr.status()["queues"][0]["received"], 2000);
    let sender = RelpSender::new(loggr.address("relp"), 2);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| sender.run(2000, 20_000));
        until("half of the load is in", 60, || sender.acked() > 10_000 || load.is_finished());
        loggr.kill9();
        // Nothing runs: the numbers are read from disk.
        loggr.assert_balanced();
        loggr.up();
    });
    loggr.drained(60);
    loggr.assert_balanced();
    let received = loggr.status()["queues"][0]["received"].as_u64().expect("a number");
    assert!(received >= 22_000, "{received} were received");
}

#[test]
fn a_sender_that_never_stops_does_not_hold_up_the_end() {
    // Much longer than it takes; without a bound no time is enough.
    let more = "[process]\ndrain_timeout = \"40s\"\n".to_owned();
    let mut loggr = Loggr::with(Setup { more, ..Setup::default() });
    let (tcp, udp) = (loggr.address("tcp"), loggr.address("udp"));
    let lines: String = (0..1000).map(|n| numbered_line(n) + "\n").collect();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = TcpStream::connect(tcp).expect("tcp");
            while stream.write_all(lines.as_bytes()).is_ok() {}
        });
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("udp");
            let line = numbered_line(0);
            // An error says that nobody has the port any more.
            while !ended.load(Relaxed) {
                drop(socket.send_to(line.as_bytes(), udp));
            }
        });
        let received = || loggr.status()["totals"]["received"].as_u64().expect("a number");
        until("both are at work", 60, || received() > 50_000);
        loggr.stop();
        ended.store(true, Relaxed);
    });
    assert!(!loggr.log().contains("the time for an orderly stop"), "{}", loggr.log());
    loggr.assert_balanced();
}
