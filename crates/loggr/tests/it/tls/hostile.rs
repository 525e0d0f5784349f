//! Peers that mean no good, or are broken: each is bounded and said once, and others are unharmed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use super::{connect, send_lines, start};
use crate::support::{Authority, numbered_line, until};

/// A connection from another address of this host.
fn connect_from(ip: &str, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let from: SocketAddr = format!("{ip}:0").parse().expect("an address");
    socket.bind(&from.into()).expect("an address of this host");
    socket.connect(&to.into()).expect("it accepts");
    socket.into()
}

#[test]
fn slow_handshakes_hold_nobody_up_and_end_by_themselves() {
    const CROWD: usize = 100;
    let authority = Authority::new(&["localhost"]);
    let (loggr, address) = start("tcp", &authority.shown("localhost"), "");
    // Half a ClientHello each, and then silence.
    let mut crowd: Vec<TcpStream> = (0..CROWD).map(|_| connect_from("127.0.0.2", address)).collect();
    for peer in &mut crowd {
        peer.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1]).expect("it reads");
    }
    let mut sender = connect(address, &authority, None).expect("others get in");
    send_lines(&mut sender, &[numbered_line(1)]).expect("it reads");
    loggr.stored(1, 60);
    for peer in &mut crowd {
        peer.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a socket");
        let mut rest = Vec::new();
        drop(peer.read_to_end(&mut rest));
    }
    let said = "does not end its handshake within 10 s";
    until("it is said", 30, || loggr.log().contains(said));
    assert_eq!(loggr.log().matches(said).count(), 1, "once for all of one address");
    let refused = || {
        let status = loggr.status();
        let listeners = status["listeners"].as_array().expect("listeners").clone();
        listeners.iter().find(|l| l["name"] == "secure").and_then(|l| l["handshakes_refused"].as_u64())
    };
    until("each is counted", 30, || refused() == Some(CROWD as u64));
}

#[test]
fn a_line_without_an_end_is_cut_and_its_sender_goes_on() {
    const MANY: usize = 64 << 20;
    let authority = Authority::new(&["localhost"]);
    let (mut loggr, address) = start("tcp", &authority.shown("localhost"), "framing = \"lf\"");
    let mut sender = connect(address, &authority, None).expect("it lets us in");
    let piece = vec![b'x'; 1 << 20];
    sender.write_all(b"<13>seq=000000001 ").expect("it reads");
    for _ in 0..MANY / piece.len() {
        sender.write_all(&piece).expect("it reads");
    }
    sender.write_all(b"\n").expect("it reads");
    send_lines(&mut sender, &[numbered_line(2)]).expect("it reads");
    loggr.stored(2, 60);
    let peak = loggr.daemon().peak_memory_kib();
    assert!(peak < 400 << 10, "{peak} KiB");
    let found = loggr.search("defect:truncated");
    assert_eq!(found.len(), 1, "{:?}", loggr.search("").iter().map(|e| &e["defects"]).collect::<Vec<_>>());
}

#[test]
fn openssl_may_ask_for_a_new_handshake_and_is_refused_it() {
    let authority = Authority::new(&["localhost"]);
    let (loggr, address) = start("tcp", &authority.shown("localhost"), "");
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address.to_string(), "-servername", "localhost", "-CAfile"]);
        command.arg(authority.path("ca.crt")).arg("-verify_return_error").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let Ok(mut renegotiating) = openssl(&["-tls1_2"]) else { return crate::support::skipped("openssl") };
    // A line with `R` asks for a new handshake, for which the client then waits.
    renegotiating.stdin.as_mut().expect("its input").write_all(b"R\n").expect("it reads");
    let mut plain = openssl(&["-quiet", "-tls1_3"]).expect("openssl");
    plain.stdin.take().expect("its input").write_all((numbered_line(3) + "\n").as_bytes()).expect("it reads");
    loggr.stored(1, 60);
    for mut client in [plain, renegotiating] {
        drop((client.kill(), client.wait()));
    }
    assert_eq!(loggr.search("seq=000000003").len(), 1);
}
