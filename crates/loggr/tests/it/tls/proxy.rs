//! Load balancers in front of a listener, which say with the PROXY protocol who sends.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{connect_over, send_lines, start};
use crate::support::{Authority, Loggr, Setup, numbered_line, until};

fn plain(keys: &str) -> Loggr {
    Loggr::with(Setup { tcp_keys: keys.to_owned(), ..Setup::default() })
}

#[test]
fn the_sender_is_whom_the_proxy_names() {
    let loggr = plain("proxy_from = ['127.0.0.1']\ndeny = ['192.0.2.66']");
    let send = |head: &[u8], seq: u64| {
        let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
        stream.write_all(&[head, numbered_line(seq).as_bytes(), b"\n"].concat()).expect("it reads");
    };
    send(b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 6514\r\n", 1);
    let binary =
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[192, 0, 2, 8, 192, 0, 2, 1, 0x13, 0x88, 0, 1]]
            .concat();
    send(&binary, 2);
    send(b"PROXY TCP4 192.0.2.66 192.0.2.1 5000 6514\r\n", 3);
    loggr.stored(2, 60);
    for (peer, seq) in [("192.0.2.7:5000", 1), ("192.0.2.8:5000", 2)] {
        let found = loggr.search(&format!("seq={seq:09}"));
        assert_eq!(found[0]["origin"]["peer"], peer);
    }
    until("who is denied is told by its own address", 30, || {
        loggr
            .log()
            .lines()
            .any(|line| line.contains("the address is not allowed") && line.contains("192.0.2.66:5000"))
    });
    // Who sends no head is not believed to be a proxy, and nothing of what it says is taken.
    send(b"", 4);
    until("it is told", 30, || loggr.log().contains("the peer sends no head of the PROXY protocol"));
    assert_eq!(loggr.ask(&["count", ""]).trim(), "2");
}

#[test]
fn a_head_of_somebody_else_is_a_line() {
    let loggr = plain("proxy_from = ['192.0.2.1']");
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    stream.write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 6514\r\n").expect("it reads");
    drop(stream);
    loggr.stored(1, 60);
    assert!(
        loggr.search("")[0]["origin"]["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:"))
    );
}

#[test]
fn a_head_stands_before_the_handshake() {
    let authority = Authority::new(&["localhost"]);
    let (loggr, address) = start("tcp", &authority.shown("localhost"), "proxy_from = ['127.0.0.0/8']");
    let mut socket = TcpStream::connect(address).expect("it accepts");
    socket.write_all(b"PROXY TCP6 2001:db8::7 2001:db8::1 5000 6514\r\n").expect("it reads");
    let mut sender = connect_over(socket, &authority.path("ca.crt"), None).expect("it lets us in");
    send_lines(&mut sender, &[numbered_line(1)]).expect("it reads");
    loggr.stored(1, 60);
    assert_eq!(loggr.search("")[0]["origin"]["peer"], "[2001:db8::7]:5000");
    // A proxy that closes at once, to see whether we live.
    let mut probe = TcpStream::connect(address).expect("it accepts");
    probe.write_all(b"PROXY UNKNOWN\r\n").expect("it reads");
    probe.shutdown(std::net::Shutdown::Write).expect("a socket");
    let mut rest = Vec::new();
    drop(probe.read_to_end(&mut rest));
    assert!(!loggr.log().contains("refused a connection"), "{}", loggr.log());
}
