//! Whom a listener lets in by certificate, what is said of the others, and where the name stands then.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{connect, connect_over, send_lines, start};
use crate::support::{Authority, eventually, numbered_line, until};

#[test]
fn the_verified_name_stands_in_the_event_the_status_and_the_query() {
    let authority = Authority::new(&["localhost", "web1.example.net"]);
    let tls = format!("{}, client_ca = {:?}", authority.shown("localhost"), authority.path("ca.crt"));
    let (loggr, address) = start("tcp", &tls, "");
    let mut sender = connect(address, &authority, Some("web1.example.net")).expect("it lets us in");
    sender.write_all((numbered_line(7) + "\n").as_bytes()).expect("it reads");
    sender.flush().expect("it reads");
    loggr.stored(1, 60);
    let found = loggr.search("tls_name:web1.example.net");
    assert_eq!(found.len(), 1, "{}", loggr.log());
    assert_eq!(found[0]["origin"]["tls_name"], "web1.example.net");
    let status = loggr.status();
    let listener = status["listeners"].as_array().expect("listeners").iter().find(|l| l["name"] == "secure");
    let client = &listener.expect("the listener")["clients"][0];
    assert_eq!((&client["tls"], &client["tls_name"]), (&true.into(), &"web1.example.net".into()));
    let certificate = &status["certificates"][0];
    assert_eq!(
        (&certificate["place"], &certificate["name"]),
        (&"listener `secure`".into(), &"localhost".into())
    );
    assert!(certificate["days_left"].as_i64().is_some_and(|days| days > 365 * 50), "{certificate}");
    assert!(
        loggr
            .get("/metrics")
            .contains("loggr_certificate_end_timestamp_seconds{place=\"listener `secure`\"} 41")
    );
    drop(sender);
    loggr.assert_balanced();
}

#[test]
fn who_is_not_let_in_is_told_with_the_reason() {
    let mut authority = Authority::new(&["localhost", "web1.example.net", "mail.example.net"]);
    let strangers = Authority::new(&["web1.example.net"]);
    authority.sign("old.example.net", (2001, 2002));
    authority.sign("early.example.net", (2099, 2100));
    authority.sign("web9.example.net", (2020, 2100));
    authority.revoke_last();
    let tls = format!(
        "{}, client_ca = {:?}, client_crl = {:?}, allowed_peers = ['web*.example.net']",
        authority.shown("localhost"),
        authority.path("ca.crt"),
        authority.path("ca.crl"),
    );
    let (loggr, address) = start("relp", &tls, "");
    let trusts = authority.path("ca.crt");
    let refused = |shows: Option<(&Authority, &str)>, expect: &str| {
        let socket = TcpStream::connect(address).expect("it accepts");
        // With TLS 1.3 a client hears of it behind its handshake.
        if let Ok(mut stream) = connect_over(socket, &trusts, shows) {
            drop(stream.write_all(b"1 open 85 relp_version=0\nrelp_software=test\ncommands=syslog\n"));
            let mut answer = Vec::new();
            drop(stream.read_to_end(&mut answer));
            assert_eq!(answer, b"", "an answer to who is not let in");
        }
        let said = |line: &&str| line.contains("refused a connection: the peer") && line.contains(expect);
        let line = eventually(expect, 30, || loggr.log().lines().rfind(|line| said(line)).map(str::to_owned));
        assert!(line.contains("listener=secure") && line.contains("peer=127.0.0.1:"), "{line}");
    };
    refused(None, "shows no certificate");
    refused(
        Some((&strangers, "web1.example.net")),
        "shows a certificate that no authority of `client_ca` has signed",
    );
    refused(Some((&authority, "old.example.net")), "shows a certificate that has ended");
    refused(Some((&authority, "early.example.net")), "shows a certificate that is not valid yet");
    refused(Some((&authority, "web9.example.net")), "shows a certificate that is revoked");
    refused(Some((&authority, "mail.example.net")), "no allowed peer has the name `mail.example.net`");
    let mut plain = TcpStream::connect(address).expect("it accepts");
    plain.write_all(b"1 open 85 relp_version=0\nrelp_software=test\ncommands=syslog\n").expect("it reads");
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    until("plain text is told", 30, || loggr.log().contains("the peer speaks no TLS"));
    // A probe that says nothing is nobody's trouble.
    drop(TcpStream::connect(address).expect("it accepts"));
    let listener = loggr.status()["listeners"]
        .as_array()
        .expect("listeners")
        .iter()
        .find(|l| l["name"] == "secure")
        .cloned();
    assert_eq!(listener.expect("the listener")["handshakes_refused"], 7);
    assert!(connect(address, &authority, Some("web1.example.net")).is_ok(), "others are unharmed");
}

#[test]
fn a_fingerprint_lets_its_certificate_in_whoever_signed_it() {
    let (authority, strangers) =
        (Authority::new(&["localhost"]), Authority::new(&["web1.example.net", "web2.example.net"]));
    let (_, pin) = strangers.fingerprint("web1.example.net");
    let (loggr, address) =
        start("tcp", &format!("{}, allowed_peers = [{pin:?}]", authority.shown("localhost")), "");
    let trusts = authority.path("ca.crt");
    let come = |name| {
        connect_over(TcpStream::connect(address).expect("it accepts"), &trusts, Some((&strangers, name)))
    };
    send_lines(&mut come("web1.example.net").expect("it lets us in"), &[numbered_line(1)]).expect("it reads");
    if let Ok(mut other) = come("web2.example.net") {
        drop(send_lines(&mut other, &[numbered_line(2)]));
    }
    until("the other is refused", 30, || {
        loggr.log().contains("no allowed peer has the name `web2.example.net`")
    });
    loggr.stored(1, 60);
    assert_eq!(loggr.ask(&["count", "tls_name:*"]).trim(), "1");
}

#[test]
fn a_peer_is_trusted_by_its_name() {
    let authority = Authority::new(&["localhost", "relay.example.net", "web1.example.net"]);
    let tls = format!(
        "{}, client_ca = {:?}, trusted_peers = ['relay.example.net']",
        authority.shown("localhost"),
        authority.path("ca.crt"),
    );
    let (loggr, address) = start("tcp", &tls, "");
    let line = |name: &str| {
        format!("<13>1 2026-03-01T00:00:00Z {name} a - - [pyloggr@45878 tags=\"x\"] seq=000000001 hello")
    };
    for name in ["relay.example.net", "web1.example.net"] {
        let mut sender = connect(address, &authority, Some(name)).expect("it lets us in");
        send_lines(&mut sender, &[line(name)]).expect("it reads");
    }
    loggr.stored(2, 60);
    let tagged = loggr.search("tag:x");
    assert_eq!(tagged.len(), 1, "{:?}", loggr.search(""));
    assert_eq!(tagged[0]["source"], "relay.example.net");
}

#[test]
fn tls_on_a_plain_port_is_told_by_name() {
    let authority = Authority::new(&["localhost"]);
    let (loggr, _) = start("tcp", &authority.shown("localhost"), "");
    for listener in ["tcp", "relp"] {
        assert!(connect(loggr.address(listener), &authority, None).is_err());
    }
    until("both are told", 30, || {
        let log = loggr.log();
        ["listener=tcp", "listener=relp"].iter().all(|listener| {
            log.lines().any(|line| {
                line.contains(listener) && line.contains("the peer speaks TLS and this listener does not")
            })
        })
    });
    assert_eq!(loggr.ask(&["count", ""]).trim(), "0", "no event is made of a handshake");
}

#[test]
fn what_cannot_be_shown_prevents_the_start() {
    let (authority, other) = (Authority::new(&["localhost"]), Authority::new(&["localhost"]));
    let loggr = crate::support::Loggr::down(crate::support::Setup {
        tables: format!(
            "\n[[listener]]\nname = \"secure\"\nprotocol = \"relp\"\nlisten = \"127.0.0.1:0\"\ntls = {{ cert = {:?}, key = {:?} }}\n",
            authority.path("localhost.crt"),
            other.path("localhost.key"),
        ),
        ..Default::default()
    });
    for words in [&["run"][..], &["check"]] {
        let said = loggr.command(words);
        assert!(!said.status.success(), "{words:?}");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            said.contains("listener `secure`") && said.contains("is not that of the certificate in"),
            "{said}"
        );
        assert!(said.contains("hint: name the key that was made for this certificate"), "{said}");
        let text = std::fs::read_to_string(loggr.config()).expect("the configuration");
        let line = text.lines().position(|line| line.starts_with("tls = ")).expect("its line") + 1;
        assert!(said.contains(&format!("loggr.toml:{line}: the listener")), "{said}");
    }
}
