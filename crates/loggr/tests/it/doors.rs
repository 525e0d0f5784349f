//! The ways in under pressure: descriptors that strangers send or hold, frames that are bad, requests that
//! are not finished, names that are not ours.

use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use socket2::{Domain, Socket, Type};

use crate::support::{Loggr, RelpSender, Setup, until};

/// An answer that has to come may take so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Datagrams that bring descriptors along.
const DATAGRAMS: usize = 10_000;
/// Connections that come and say nothing.
const CROWD: usize = 1000;
/// Requests whose head never ends: more than the web address has places.
const HALVES: usize = 300;
/// Frames whose answers nobody reads: more than the buffers on the way hold.
const UNREAD: u32 = 400_000;
/// What a login shell gives.
const SHELL_LIMIT: u32 = 1024;
const OPEN: &str = "1 open 30 relp_version=0\ncommands=syslog\n";

fn open_descriptors(loggr: &mut Loggr) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", loggr.daemon().pid())).expect("its descriptors").count()
}

fn connect(loggr: &Loggr, name: &str) -> TcpStream {
    let stream = TcpStream::connect(loggr.address(name)).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

#[test]
fn descriptors_sent_to_the_unix_sockets_are_not_kept() {
    let mut loggr = Loggr::start();
    let before = open_descriptors(&mut loggr);
    let file = std::fs::File::open("/dev/null").expect("a file");
    let address = UnixAddr::new(&loggr.socket("dgram")).expect("an address");
    let sender = UnixDatagram::unbound().expect("a socket");
    for n in 0..DATAGRAMS {
        // One, some, and as many as a message may have.
        let files = vec![file.as_raw_fd(); [1, 2, 7, 253][n % 4]];
        let text = format!("<13>Mar  1 00:00:00 h fd: datagram {n}");
        let rights = [ControlMessage::ScmRights(&files)];
        let sent = sendmsg(
            sender.as_raw_fd(),
            &[IoSlice::new(text.as_bytes())],
            &rights,
            MsgFlags::empty(),
            Some(&address),
        );
        assert_eq!(sent, Ok(text.len()));
    }
    let stream = UnixStream::connect(loggr.socket("stream")).expect("it accepts");
    for n in 0..DATAGRAMS / 10 {
        let text = format!("<13>Mar  1 00:00:00 h fd: line {n}\n");
        let rights = [ControlMessage::ScmRights(&[file.as_raw_fd(); 5])];
        let sent = sendmsg::<()>(
            stream.as_raw_fd(),
            &[IoSlice::new(text.as_bytes())],
            &rights,
            MsgFlags::empty(),
            None,
        );
        assert_eq!(sent, Ok(text.len()));
    }
    drop(stream);
    loggr.stored((DATAGRAMS + DATAGRAMS / 10) as u64, 120);
    // The stores may have opened a file or two of their own.
    let after = open_descriptors(&mut loggr);
    assert!(after < before + 50, "{before} descriptors before, {after} after");
    loggr.stop();
}

/// So many answers to the good lines, and then the end.
#[track_caller]
fn check_answers(loggr: &Loggr, bad: &[u8]) {
    let mut stream = connect(loggr, "relp");
    let mut session = OPEN.as_bytes().to_vec();
    for txnr in 2..52 {
        session.extend_from_slice(format!("{txnr} syslog 8 <13>good\n").as_bytes());
    }
    session.extend_from_slice(bad);
    // What comes after it must not throw the answers away on their way.
    session.extend_from_slice(&b"more of it that nobody will read\n".repeat(2000));
    // The end may come while this is written.
    drop(stream.write_all(&session));
    let mut answers = Vec::new();
    drop(stream.read_to_end(&mut answers));
    let text = String::from_utf8_lossy(&answers).into_owned();
    let answered = (2..52).filter(|txnr| text.contains(&format!("\n{txnr} rsp 6 200 OK\n"))).count();
    assert_eq!(answered, 50, "{:?}: {text}", String::from_utf8_lossy(bad));
}

#[test]
fn good_frames_before_a_bad_one_are_stored_and_answered() {
    let mut loggr = Loggr::start();
    let bad: [&[u8]; 8] = [
        b"52 syslog 99999999999 x\n",
        b"52 syslog 5 too long for that\n",
        b"99 syslog 1 a\n",
        b"52 syslog 4 <13>53 syslog 1 a\n",
        b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe",
        b"0 syslog 1 a\n",
        b"52 rsp 6 200 OK\n",
        b"52 sys1og 1 a\n",
    ];
    for bad in bad {
        check_answers(&loggr, bad);
    }
    loggr.stored(50 * 8, 60);
    // Cut in the middle of a frame, by who still reads.
    let mut stream = connect(&loggr, "relp");
    write!(stream, "{OPEN}2 syslog 8 <13>good\n3 syslog 8 <13>g").expect("it is read");
    stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    assert!(answers.contains("2 rsp 6 200 OK\n") && !answers.contains("3 rsp"), "{answers}");
    loggr.stored(50 * 8 + 1, 60);
    let breaches = loggr.log().matches("closing a RELP connection").count();
    assert_eq!(breaches, 1, "a peer is told once: {}", loggr.log());
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn what_was_good_before_bad_framing_is_stored_once() {
    let loggr =
        Loggr::with(Setup { tcp_keys: "framing = \"octet-counting\"".to_owned(), ..Setup::default() });
    let mut stream = connect(&loggr, "tcp");
    for n in 0..50 {
        let text = format!("<13>1 2026-03-01T00:00:00Z h good - - - counted {n:02}");
        write!(stream, "{} {text}", text.len()).expect("it is read");
    }
    stream.write_all(b"\x16\x03\x01 no count at all\n9999 <13>its end never comes").expect("it is read");
    drop(stream);
    loggr.stored(52, 60);
    assert_eq!(loggr.search("app:good counted").len(), 50);
    loggr.assert_balanced();
}

/// While a crowd holds its connections, a sender that is in order goes on, and one that comes anew is taken.
#[track_caller]
fn check_crowd(name: &str, says: &[u8], descriptors: (u32, u32)) {
    let mut loggr = Loggr::with(Setup { descriptors: Some(descriptors), ..Setup::default() });
    let address = loggr.address("relp");
    let web = loggr.address("web");
    RelpSender::new(address, 2).run(0, 100);
    let crowd: Vec<TcpStream> = (0..CROWD)
        .filter_map(|_| {
            let mut stream = TcpStream::connect_timeout(&loggr.address(name), Duration::from_secs(5)).ok()?;
            drop(stream.write_all(says));
            Some(stream)
        })
        .collect();
    assert!(crowd.len() > CROWD / 2, "{} came", crowd.len());
    RelpSender::new(address, 2).run(100, 1000);
    loggr.stored(1100, 60);
    let open = open_descriptors(&mut loggr);
    assert!(open < descriptors.1 as usize, "{open} descriptors are open");
    // Whoever asks by the web address is answered.
    let mut stream = TcpStream::connect(web).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.ends_with("ok\n"), "{answer}");
    drop(crowd);
    let log = loggr.log();
    assert!(!log.contains("Too many open files") && !log.contains("too many open files"), "{log}");
    // Once each time that the places have run out, and not for each that has to wait.
    assert!(log.matches("no more connections are accepted for now").count() <= CROWD / 50, "{log}");
    loggr.stop();
}

#[test]
fn silent_tcp_connections_do_not_stop_relp() {
    check_crowd("tcp", b"", (SHELL_LIMIT, SHELL_LIMIT));
}

#[test]
fn silent_relp_connections_do_not_stop_relp() {
    check_crowd("relp", b"1 op", (SHELL_LIMIT, SHELL_LIMIT));
}

#[test]
fn half_requests_do_not_stop_relp() {
    check_crowd("web", b"GET / HTTP/1.1\r\nHost: loc", (SHELL_LIMIT, SHELL_LIMIT));
}

#[test]
fn half_requests_from_many_addresses_keep_nobody_from_the_web_address() {
    let mut loggr = Loggr::start();
    let web = loggr.address("web");
    let half = |n: usize| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let from = SocketAddr::from(([127, 0, 0, 2 + (n % 5) as u8], 0));
        socket.bind(&from.into()).expect("loopback has many addresses");
        socket.connect(&web.into()).expect("it accepts");
        let mut stream = TcpStream::from(socket);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").expect("it is read");
        stream.set_nonblocking(true).expect("a socket");
        stream
    };
    let mut halves: Vec<TcpStream> = (0..HALVES).map(half).collect();
    assert_eq!(loggr.get("/healthz"), "ok\n");
    // Had it waited for time-outs, all of them would have come to an end.
    let is_open = |stream: &mut TcpStream| {
        let read = stream.read(&mut [0; 8]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    let open = halves.iter_mut().filter_map(|half| is_open(half).then_some(())).count();
    assert!(open > HALVES / 2, "{open} of them are left");
    loggr.stop();
}

#[test]
fn the_soft_limit_of_descriptors_is_raised() {
    let mut loggr = Loggr::with(Setup { descriptors: Some((256, 8192)), ..Setup::default() });
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", loggr.daemon().pid())).expect("its limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("the limit");
    assert_eq!(files.split_whitespace().nth(3), Some("8192"), "{files}");
    assert!(!loggr.log().contains("descriptors"), "{}", loggr.log());
    loggr.stop();
}

#[test]
fn limits_that_the_system_does_not_allow_are_told() {
    let mut loggr = Loggr::with(Setup { descriptors: Some((SHELL_LIMIT, SHELL_LIMIT)), ..Setup::default() });
    let log = loggr.log();
    assert!(log.contains("the limits of this configuration add up to"), "{log}");
    assert!(log.contains("but the system allows this process 1024"), "{log}");
    loggr.stop();
}

#[test]
fn a_datagram_without_a_character_is_no_event() {
    let loggr = Loggr::start();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let unix = UnixDatagram::unbound().expect("a socket");
    let blank: [&[u8]; 6] = [b"\n", b"", b"\r\n", b"\0", b"\0\0\r\n", b"\n\n\n"];
    for bytes in blank {
        udp.send_to(bytes, loggr.address("udp")).expect("it is sent");
        unix.send_to(bytes, loggr.socket("dgram")).expect("it is sent");
    }
    udp.send_to(b" ", loggr.address("udp")).expect("it is sent");
    udp.send_to(b"<13>one\n", loggr.address("udp")).expect("it is sent");
    unix.send_to(b"<13>two\n", loggr.socket("dgram")).expect("it is sent");
    let mut stream = connect(&loggr, "tcp");
    stream.write_all(b"\n\r\n\0<13>three\n1 \n2 \r\n").expect("it is read");
    drop(stream);
    loggr.stored(4, 30);
    let empty = |name: &str| {
        let status = loggr.status();
        let listeners = status["listeners"].as_array().expect("listeners").clone();
        listeners.iter().find(|l| l["name"] == name).expect("the listener")["empty"].as_u64()
    };
    assert_eq!((empty("udp"), empty("dgram")), (Some(6), Some(6)));
    assert!(empty("tcp") >= Some(3), "{:?}", empty("tcp"));
    assert!(loggr.get("/metrics").contains("loggr_listener_empty_total{listener=\"udp\"} 6\n"));
    loggr.assert_balanced();
}

#[test]
fn metrics_tell_the_process_its_disks_and_who_sends() {
    let loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.send_to(b"<13>one\n", loggr.address("udp")).expect("it is sent");
    loggr.stored(11, 30);
    let metrics = loggr.get("/metrics");
    let value = |name: &str| -> f64 {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {metrics}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    let seconds = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64()
    };
    let now = seconds(std::time::SystemTime::now());
    for listener in ["relp", "udp"] {
        let name = format!(
            "loggr_sender_last_seen_timestamp_seconds{{listener=\"{listener}\",sender=\"127.0.0.1\"}} "
        );
        assert!((value(&name) - now).abs() < 600.0, "{}", value(&name));
    }
    assert!((value("process_start_time_seconds ") - now).abs() < 600.0);
    assert!(value("process_open_fds ") < value("process_max_fds "));
    for name in
        ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "loggr_disk_free_bytes{disk="]
    {
        assert!(value(name) > 0.0, "{name}");
    }
    assert!(!metrics.contains("nanoseconds"), "seconds are the unit");
    // One type and one help for each name, as Prometheus wants it.
    let mut types: Vec<&str> = metrics.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let all = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), all, "{metrics}");
}

/// It says that it cannot connect, and sends when it can.
#[track_caller]
fn check_send(to: impl Fn(&Loggr) -> String) {
    let mut loggr = Loggr::down(Setup::default());
    let mut command = std::process::Command::new(crate::support::PROGRAM);
    command.args(["send", "--to", &to(&loggr), "--message", "patience", "--retry", "120"]);
    let mut sender = command.stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let mut errors = std::io::BufReader::new(sender.stderr.take().expect("its errors"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut errors, &mut line).expect("a line");
    assert!(line.starts_with("warning: cannot ") && line.contains("; trying again for 1"), "{line}");
    loggr.up();
    assert!(sender.wait().expect("it ends").success());
    loggr.stored(1, 30);
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("its errors");
    assert_eq!(rest, "the receiver can be reached again\n");
    loggr.stop();
}

#[test]
fn send_says_at_once_that_it_cannot_connect_and_tries_again() {
    check_send(|loggr| format!("relp://{}", loggr.address("relp")));
    check_send(|loggr| format!("tcp://{}", loggr.address("tcp")));
    check_send(|loggr| format!("unix:{}", loggr.socket("dgram").display()));
}

#[test]
fn a_request_for_another_name_is_refused() {
    let loggr = Loggr::start();
    let code = |host: &str| {
        let mut stream = connect(&loggr, "web");
        write!(stream, "GET /api/status HTTP/1.1\r\n{host}Connection: close\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let port = loggr.address("web").port();
    for ours in ["localhost".to_owned(), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(code(&format!("Host: {ours}\r\n")), "200", "{ours}");
    }
    for theirs in ["rebind.example", "127.0.0.1.rebind.example:8080", "localhost.rebind.example"] {
        assert_eq!(code(&format!("Host: {theirs}\r\n")), "403", "{theirs}");
    }
    assert_eq!(code("Host: localhost\r\nHost: rebind.example\r\n"), "403");
    // The control socket has no name: the command line asks there.
    until("the command line is answered", 30, || loggr.status()["running"] == true);
}

/// What the status says of a listener.
fn listener(loggr: &Loggr, name: &str) -> serde_json::Value {
    let status = loggr.status();
    let listeners = status["listeners"].as_array().expect("listeners");
    listeners.iter().find(|l| l["name"] == name).expect("the listener").clone()
}

#[track_caller]
fn check_long_datagrams(keys: &str, limit: usize, lens: &[usize]) {
    let loggr = Loggr::with(Setup { listener_keys: keys.to_owned(), ..Setup::default() });
    let unix = UnixDatagram::unbound().expect("a socket");
    for len in lens {
        let mut datagram = b"<13>Mar  1 00:00:00 h long: ".to_vec();
        datagram.resize(len - 3, b'x');
        datagram.extend_from_slice(b"end");
        assert_eq!(unix.send_to(&datagram, loggr.socket("dgram")).expect("it is sent"), *len);
    }
    loggr.stored(lens.len() as u64, 60);
    let longer = lens.iter().filter(|len| **len > limit).count();
    assert_eq!(listener(&loggr, "dgram")["truncated"].as_u64(), Some(longer as u64));
    let whole = loggr.lines().iter().filter(|line| line.ends_with("xend")).count();
    assert_eq!(whole, lens.len() - longer);
    loggr.assert_balanced();
}

#[test]
fn a_unix_datagram_longer_than_the_limit_is_noted_as_cut() {
    check_long_datagrams("", 65_536, &[65_535, 65_536, 65_537, 70_000, 100_033]);
}

#[test]
fn a_unix_datagram_within_a_greater_limit_is_whole() {
    check_long_datagrams("max_message_size = \"128KiB\"", 128 << 10, &[65_537, 100_033, 131_072, 131_073]);
}

/// A listener `small` of its own.
fn small(keys: &str) -> String {
    format!(
        "\n[[listener]]\nname = \"small\"\nprotocol = \"relp\"\nlisten = [\"127.0.0.1:0\"]\n\
         exchange = \"received\"\n{keys}\n"
    )
}

#[test]
fn a_crowd_that_said_one_word_gives_way_and_is_told() {
    let loggr = Loggr::with(Setup {
        tcp_keys: "max_connections = 3".to_owned(),
        tables: small("max_connections = 5"),
        ..Setup::default()
    });
    let word = |name: &str, word: &str| {
        let mut stream = connect(&loggr, name);
        stream.write_all(word.as_bytes()).expect("it is read");
        stream
    };
    let line = "<13>1 2026-03-01T00:00:00Z h word - - - one word\n";
    let lines: Vec<TcpStream> = (0..3).map(|_| word("tcp", line)).collect();
    let mut opened: Vec<TcpStream> = (0..5).map(|_| word("small", OPEN)).collect();
    for stream in &mut opened {
        stream.read_exact(&mut [0]).expect("an answer");
    }
    loggr.stored(3, 30);
    let late = word("tcp", line);
    std::thread::scope(|scope| {
        let honest = scope.spawn(|| RelpSender::new(loggr.address("small"), 2).run(0, 100));
        for name in ["tcp", "small"] {
            until("it is told", 30, || {
                let trouble = listener(&loggr, name)["trouble"].as_str().map(str::to_owned);
                trouble.is_some_and(|trouble| trouble.starts_with("no more connections are accepted for now"))
            });
        }
        let crowded = "loggr_listener_crowded{listener=\"small\"} 1\n";
        assert!(loggr.get("/metrics").contains(crowded));
        let status = loggr.command(&["status"]);
        let text =
            String::from_utf8_lossy(&status.stdout).into_owned() + &String::from_utf8_lossy(&status.stderr);
        assert_eq!(status.status.code(), Some(1), "{text}");
        assert!(text.contains("listener `small`: no more connections are accepted for now"), "{text}");
        honest.join().expect("it is served");
    });
    loggr.stored(3 + 1 + 100, 60);
    for (name, gave_way) in [("tcp", 1), ("small", 2)] {
        assert_eq!(listener(&loggr, name)["refused"].as_u64(), Some(gave_way), "{name}");
    }
    drop((lines, opened, late));
    for name in ["tcp", "small"] {
        until("there is room again", 30, || listener(&loggr, name)["trouble"].is_null());
    }
    loggr.assert_balanced();
}

#[test]
fn who_reads_no_answers_is_idle() {
    let loggr = Loggr::with(Setup { tables: small("idle_timeout = \"2s\""), ..Setup::default() });
    let mut stream = connect(&loggr, "small");
    stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a limit");
    let mut frames = OPEN.to_owned();
    for txnr in 2..=UNREAD {
        frames.push_str(&format!("{txnr} syslog 8 <13>mute\n"));
    }
    // The rest of it finds no reader once the answers wait.
    drop(stream.write_all(frames.as_bytes()));
    until("it is closed", 60, || listener(&loggr, "small")["connections"] == 0);
    drop(stream);
}

#[test]
fn a_sender_is_seen_behind_a_crowd_of_others() {
    let loggr = Loggr::start();
    let from = |n: u32| {
        let address = std::net::Ipv4Addr::from_bits(0x7f01_0000 + n);
        let udp = UdpSocket::bind((address, 0)).expect("a socket");
        udp.send_to(b"<13>crowd\n", loggr.address("udp")).expect("it is sent");
        udp
    };
    let honest = from(1);
    loggr.stored(1, 30);
    for n in (2..=1300).step_by(100) {
        let last = (n + 99).min(1300);
        (n..=last).for_each(|n| drop(from(n)));
        loggr.stored(last.into(), 60);
    }
    for n in 1301..=1303 {
        honest.send_to(b"<13>honest\n", loggr.address("udp")).expect("it is sent");
        loggr.stored(n, 30);
    }
    let seen = "loggr_sender_last_seen_timestamp_seconds{listener=\"udp\",sender=\"127.1.0.1\"} ";
    assert!(loggr.get("/metrics").contains(seen));
}

/// Drops of the socket on this port of loopback, as the kernel tells them.
fn drops_of(port: u16) -> u64 {
    let sockets = std::fs::read_to_string("/proc/net/udp").expect("a table of sockets");
    let local = format!(":{port:04X}");
    let row =
        sockets.lines().find(|row| row.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&local)));
    let drops = row.and_then(|row| row.split_whitespace().next_back()).expect("the socket's row");
    drops.parse().expect("a number")
}

#[test]
fn what_the_kernel_drops_is_counted_also_after_the_first_datagrams() {
    let mut loggr = Loggr::start();
    let address = loggr.address("udp");
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let send = |text: &[u8]| {
        let sent = sender.send_to(text, address).expect("loopback takes it");
        assert_eq!(sent, text.len());
    };
    let udp = |loggr: &Loggr| {
        let status = loggr.status();
        let listeners = status["listeners"].as_array().expect("listeners");
        listeners.iter().find(|listener| listener["name"] == "udp").expect("the listener").clone()
    };
    // Headers of the kernel's answers are used once before anything is dropped.
    for _ in 0..1000 {
        send(b"<13>Mar  1 00:00:00 h flood: before");
    }
    until("the first datagrams", 60, || udp(&loggr)["received"] == 1000);
    loggr.daemon().signal(rustix::process::Signal::STOP);
    let long = [&b"<13>Mar  1 00:00:00 h flood: "[..], &[b'x'; 1000]].concat();
    while drops_of(address.port()) < 500 {
        send(&long);
    }
    loggr.daemon().signal(rustix::process::Signal::CONT);
    until("the count of drops", 60, || {
        send(b"<13>Mar  1 00:00:00 h flood: after");
        udp(&loggr)["kernel_drops"] == drops_of(address.port())
    });
}
