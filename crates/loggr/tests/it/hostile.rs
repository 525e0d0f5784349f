//! Hostile and broken peers: they get nothing, break nothing, and disturb nobody.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use crate::support::{Loggr, Random, RelpSender, Setup, numbered_line, say, seq_of, until};

/// Far more than any of this may cost.
const MEMORY_LIMIT_KIB: u64 = 200 << 10;
/// A peer that is no longer read gives up after this.
const PEER_PATIENCE: Duration = Duration::from_secs(5);
/// An answer that has to come may take so long.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// While `trouble` goes on, a well-behaved sender is served, and afterwards as well.
#[track_caller]
fn check(setup: Setup, trouble: impl FnOnce(&Loggr) + Send) {
    let mut loggr = Loggr::with(setup);
    let address = loggr.address("relp");
    std::thread::scope(|scope| {
        let trouble = scope.spawn(|| trouble(&loggr));
        RelpSender::new(address, 2).run(0, 5000);
        trouble.join().expect("the trouble ends by itself");
    });
    RelpSender::new(address, 2).run(5000, 1000);
    loggr.drained(60);
    let events = loggr.search("shipped");
    let mut good: Vec<u64> = events.iter().filter_map(|e| seq_of(e["message"].as_str()?)).collect();
    good.sort_unstable();
    assert_eq!(good, (0..6000).collect::<Vec<_>>(), "the lines of the good sender");
    loggr.assert_balanced();
    let memory = loggr.daemon().peak_memory_kib();
    say(&format!("peak memory {} MiB", memory >> 10));
    assert!(memory < MEMORY_LIMIT_KIB, "{memory} KiB of memory were used");
    assert!(!loggr.log().contains("panicked"), "{}", loggr.log());
    loggr.stop();
}

fn connect(loggr: &Loggr, name: &str) -> TcpStream {
    let stream = TcpStream::connect(loggr.address(name)).expect("it accepts");
    stream.set_write_timeout(Some(PEER_PATIENCE)).expect("a limit");
    stream.set_read_timeout(Some(PEER_PATIENCE)).expect("a limit");
    stream
}

/// Writes until the other side no longer takes it.
fn write_some(mut stream: impl Write, bytes: &[u8]) {
    drop(stream.write_all(bytes));
}

#[test]
fn random_bytes_on_every_listener() {
    check(Setup::default(), |loggr| {
        let mut random = Random::new();
        for round in 0..200 {
            let length = random.below(3000) as usize + 1;
            let mut bytes = random.bytes(length);
            // Half of them begin as if they were in order.
            let begins: [&[u8]; 4] = [b"1 open 5 ", b"<13>1 ", b"99 ", b"{\""];
            if round % 2 == 0 {
                bytes.splice(0..0, begins[round / 2 % 4].iter().copied());
            }
            write_some(connect(loggr, "tcp"), &bytes);
            write_some(connect(loggr, "relp"), &bytes);
            write_some(UnixStream::connect(loggr.socket("stream")).expect("it accepts"), &bytes);
            let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            drop(udp.send_to(&bytes, loggr.address("udp")));
            drop(UnixDatagram::unbound().expect("a socket").send_to(&bytes, loggr.socket("dgram")));
        }
    });
}

#[test]
fn connections_that_say_nothing_or_stop_in_the_middle() {
    check(Setup::default(), |loggr| {
        let mut open = Vec::new();
        for at in 0..150 {
            let beginnings: [(&str, &[u8]); 6] = [
                ("tcp", b""),
                ("tcp", b"<13>1 2026-03-01T00:00:00Z half a"),
                ("tcp", b"500 <13>1 not all of it"),
                ("relp", b""),
                ("relp", b"1 open 5000 relp_ver"),
                ("relp", b"1 op"),
            ];
            let (name, bytes) = beginnings[at % 6];
            let mut stream = connect(loggr, name);
            stream.write_all(bytes).expect("it is read");
            open.push(stream);
        }
    });
}

#[test]
fn a_sender_of_one_byte_at_a_time() {
    check(Setup::default(), |loggr| {
        let mut stream = connect(loggr, "tcp");
        stream.set_nodelay(true).expect("no delay");
        for byte in b"<13>1 2026-03-01T00:00:00Z h slow - - - a byte at a time\n" {
            stream.write_all(&[*byte]).expect("it is read");
        }
        let mut stream = connect(loggr, "relp");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(ANSWER_PATIENCE)).expect("a limit");
        let offers = "relp_version=0\ncommands=syslog";
        let line = "<13>1 2026-03-01T00:00:00Z h slow - - - a byte at a time";
        let session =
            format!("1 open {} {offers}\n2 syslog {} {line}\n3 close 0\n", offers.len(), line.len());
        for byte in session.bytes() {
            stream.write_all(&[byte]).expect("it is read");
        }
        let mut answers = String::new();
        drop(stream.read_to_string(&mut answers));
        assert!(answers.contains("2 rsp 6 200 OK"), "{answers}");
    });
}

#[test]
fn a_relp_peer_that_never_reads_its_answers() {
    check(Setup::default(), |loggr| {
        let mut stream = connect(loggr, "relp");
        let offers = "relp_version=0\ncommands=syslog";
        drop(stream.write_all(format!("1 open {} {offers}\n", offers.len()).as_bytes()));
        let frames: String = (2..200_000).map(|txnr| format!("{txnr} syslog 14 <13>not reading\n")).collect();
        write_some(&stream, frames.as_bytes());
    });
}

#[test]
fn enormous_frames() {
    check(Setup::default(), |loggr| {
        let block = vec![b'x'; 1 << 20];
        for begin in ["999999999 <13>", "<13>no end of line "] {
            let mut stream = connect(loggr, "tcp");
            drop(stream.write_all(begin.as_bytes()));
            for _ in 0..64 {
                if stream.write_all(&block).is_err() {
                    break;
                }
            }
        }
        for begin in ["1 open 999999999 ", "1 open 30 relp_version=0\ncommands=syslog\n2 syslog 999999999 "] {
            let mut stream = connect(loggr, "relp");
            drop(stream.write_all(begin.as_bytes()));
            for _ in 0..64 {
                if stream.write_all(&block).is_err() {
                    break;
                }
            }
        }
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        udp.send_to(&block[..65_000], loggr.address("udp")).expect("it fits a datagram");
    });
}

#[test]
fn a_crowd_of_silent_connections_comes_and_goes() {
    check(Setup::default(), |loggr| {
        let crowd: Vec<TcpStream> = (0..300).map(|_| connect(loggr, "tcp")).collect();
        drop(crowd);
        let line = b"<13>1 2026-03-01T00:00:00Z h late - - - after the crowd\n";
        connect(loggr, "tcp").write_all(line).expect("it is read");
        until("the late line is found", 30, || loggr.search("\"after the crowd\"").len() == 1);
    });
}

#[test]
fn more_connections_than_allowed_wait_and_those_within_are_served() {
    let loggr = Loggr::with(Setup { tcp_keys: "max_connections = 2".to_owned(), ..Setup::default() });
    let line = |text: &str| format!("<13>1 2026-03-01T00:00:00Z h limit - - - {text}\n");
    let mut first = connect(&loggr, "tcp");
    first.write_all(line("one").as_bytes()).expect("it is read");
    let mut second = connect(&loggr, "tcp");
    second.write_all(line("two").as_bytes()).expect("it is read");
    loggr.stored(2, 30);
    let mut third = connect(&loggr, "tcp");
    third.write_all(line("waits").as_bytes()).expect("the kernel holds it");
    until("it is told", 30, || loggr.log().contains("no more connections are accepted for now"));
    first.write_all(line("three").as_bytes()).expect("it is still read");
    loggr.stored(3, 30);
    assert!(loggr.search("waits").is_empty(), "the third has no place yet");
    drop(second);
    loggr.stored(4, 30);
    assert_eq!(loggr.search("waits").len(), 1);
    drop((first, third));
    connect(&loggr, "tcp").write_all(line("five").as_bytes()).expect("it is read");
    loggr.stored(5, 30);
    assert_eq!(loggr.log().matches("no more connections are accepted for now").count(), 1, "{}", loggr.log());
    loggr.assert_balanced();
}

#[test]
fn what_an_event_says_reaches_no_terminal_and_leaves_no_directory() {
    let loggr = Loggr::start();
    let mut stream = connect(&loggr, "tcp");
    let line = "<13>1 2026-03-01T00:00:00Z ../../../etc app\u{1b}[31m - - - \u{1b}]0;owned\u{7} text \u{202e}\u{2028}\u{9b}\u{200b}";
    stream.write_all(format!("{}\n", line).as_bytes()).expect("it is read");
    loggr.stored(1, 30);
    for format in ["text", "csv", "json"] {
        let text = loggr.ask(&["search", "--format", format, "text"]);
        assert!(text.contains("text"), "{text:?}");
        let hidden = ['\u{1b}', '\u{7}', '\u{202e}', '\u{2028}', '\u{9b}', '\u{200b}'];
        assert!(!text.contains(hidden), "{format}: {text:?}");
    }
    loggr.assert_balanced();
}

#[test]
fn loggr_send_says_what_was_not_taken_and_sends_the_rest() {
    let loggr = Loggr::start();
    let file = loggr.data().with_extension("lines");
    let long = "x".repeat(200_000);
    std::fs::write(&file, format!("{}\n{long}\n{}\n", numbered_line(0), numbered_line(1))).expect("a file");
    let to = format!("relp://{}", loggr.address("relp"));
    let output = loggr.command(&["send", "--to", &to, "--file", file.to_str().expect("a name")]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("error: the receiver refused 1 line for good\n"), "{error}");
    assert!(error.contains("a message of 200000 octets is longer than the limit of 131072"), "{error}");
    loggr.stored(2, 30);
}

/// RELP on a port of plain syslog, and plain syslog on one of RELP: both are told with what to do.
#[test]
fn the_wrong_protocol_is_told_by_name_and_costs_no_line() {
    let mut loggr = Loggr::start();
    let line = numbered_line(1);
    let offers = "relp_version=0\nrelp_software=x\ncommands=syslog";
    for _ in 0..3 {
        // One that does not wait for an answer.
        let text = format!("1 open {} {offers}\n2 syslog {} {line}\n", offers.len(), line.len());
        connect(&loggr, "tcp").write_all(text.as_bytes()).expect("it is read");
    }
    for plain in [format!("{line}\n"), format!("{} {line}", line.len())] {
        connect(&loggr, "relp").write_all(plain.as_bytes()).expect("it is read");
    }
    // Of each the three lines of the offer, and what came in it: a line stays whole.
    loggr.stored(3 * 4, 60);
    let lines = loggr.lines();
    assert_eq!(lines.iter().filter(|stored| seq_of(stored) == Some(1)).count(), 3, "{lines:?}");
    assert_eq!(lines.iter().filter(|stored| stored.ends_with("commands=syslog")).count(), 3, "{lines:?}");
    let log = loggr.log();
    assert_eq!(log.matches("the peer speaks RELP and this listener does not").count(), 1, "{log}");
    assert!(log.contains("protocol = \\\"relp\\\"") || log.contains("protocol = \"relp\""), "{log}");
    until("plain syslog is told", 30, || {
        loggr.log().contains("the peer seems to send plain syslog without RELP")
    });
    let status = loggr.status();
    let errors = |name: &str| {
        let listeners = status["listeners"].as_array().expect("listeners");
        listeners.iter().find(|of| of["name"] == name).and_then(|of| of["protocol_errors"].as_u64())
    };
    assert_eq!((errors("tcp"), errors("relp")), (Some(3), Some(2)));
    loggr.stop();
}
