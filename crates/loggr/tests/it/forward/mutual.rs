//! To another loggr over TLS, with certificates on both sides: who is let in and believed, certificates that
//! are exchanged while events go, and their end.

use std::net::SocketAddr;

use rustix::process::Signal;

use super::{forwarding, number, siem};
use crate::support::{Authority, Loggr, RelpSender, Setup, count_seqs, free_port, numbered_line, until};

/// An authority with a certificate for the receiver, `receiver`, and one for the forwarder.
fn authority() -> Authority {
    let mut authority = Authority::new(&["forwarder.example.net"]);
    authority.sign_for("receiver", &["localhost", "127.0.0.1"], (2020, 2100));
    authority
}

/// A receiver with a listener over TLS that lets in and believes only the peers of these names.
#[track_caller]
fn receiver(authority: &Authority, allowed: &str) -> (Loggr, SocketAddr) {
    let address = format!("127.0.0.1:{}", free_port());
    let tables = format!(
        "\n[[listener]]\nname = \"secure\"\nprotocol = \"relp\"\nlisten = {address:?}\nexchange = \"received\"\n\
         tls = {{ {}, client_ca = {:?}, allowed_peers = [{allowed:?}], trusted_peers = [{allowed:?}] }}\n",
        authority.shown("receiver"),
        authority.path("ca.crt")
    );
    (Loggr::with(Setup { tables, ..Setup::default() }), address.parse().expect("an address"))
}

/// A forwarder that shows the certificate of this authority.
#[track_caller]
fn forwarder(authority: &Authority, target: SocketAddr, keys: &str) -> Loggr {
    let tls = format!(
        "targets = \"{target}\"\ntls = {{ ca = {:?}, {} }}\n{keys}",
        authority.path("ca.crt"),
        authority.shown("forwarder.example.net")
    );
    Loggr::with(forwarding(&tls))
}

#[test]
fn who_is_allowed_hands_on_and_keeps_its_identities() {
    let authority = authority();
    let (mut target, address) = receiver(&authority, "forwarder.example.net");
    let mut loggr = forwarder(&authority, address, "");
    RelpSender::new(loggr.address("relp"), 1).run(0, 1000);
    loggr.stored(1000, 60);
    target.stored(1000, 60);
    let found = target.search("host:web03");
    let name = &found.first().expect("an event")["origin"]["tls_name"];
    assert_eq!(name, "forwarder.example.net");
    let uids = |loggr: &Loggr| {
        let mut uids: Vec<String> = loggr.search("host:web03").iter().map(|e| e["uid"].to_string()).collect();
        uids.sort();
        uids
    };
    assert_eq!(uids(&target), uids(&loggr));
    let seen = siem(&loggr)["forward"]["targets"][0].clone();
    assert_eq!((&seen["state"], &seen["tls"]), (&"in use".into(), &"127.0.0.1 (TLS 1.3)".into()), "{seen}");
    assert!(seen["certificate_days_left"].as_i64() > Some(365), "{seen}");
    let text = loggr.status_text(&[]);
    assert!(text.contains("shipper `siem`") && text.contains("forwarder.example.net"), "{text}");
    loggr.stop();
    target.stop();
}

#[test]
fn who_is_not_allowed_hands_nothing_on_and_both_sides_say_why() {
    let authority = authority();
    let (mut target, address) = receiver(&authority, "other.example.net");
    let mut loggr = forwarder(&authority, address, "[process]\ndrain_timeout = \"1s\"");
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    let mut text = String::new();
    until("the forwarder says it", 60, || {
        text = loggr.status_text(&[]);
        text.contains(&format!("trouble: shipper `siem`: `{address}` has refused the TLS connection"))
    });
    assert!(text.contains("failing") && text.contains("no connection"), "{text}");
    until("the receiver says it", 60, || target.log().contains("refused a connection"));
    assert_eq!(target.search("").len(), 0);
    loggr.stop();
    target.stop();
}

#[test]
fn certificates_are_exchanged_under_load_and_nothing_is_lost() {
    let authority = authority();
    let (mut target, address) = receiver(&authority, "forwarder.example.net");
    let mut loggr = forwarder(&authority, address, "");
    let mut next = self::authority();
    next.sign("forwarder.example.net", (2020, 2099));
    let sender = RelpSender::of(loggr.address("relp"), 1, numbered_line);
    let sent = sender.during(|load| {
        load.goes_on(1000);
        let sent = || siem(&loggr)["forward"]["targets"][0]["sent"].as_u64();
        until("the forwarder has connected", 60, || sent() > Some(0));
        let (log, before) = (loggr.log(), number(&loggr, "reconnects"));
        // A new certificate of the same authority: a connection that stands is not dropped.
        authority_signs_again(&authority, &next);
        loggr.daemon().signal(Signal::HUP);
        let again = "the certificate was read again";
        until("the forwarder has read it", 30, || {
            loggr.log().matches(again).count() > log.matches(again).count()
        });
        load.goes_on(1000);
        assert_eq!(number(&loggr, "reconnects"), before, "the connection goes on");
        // A new connection shows it: the receiver now knows the other authority alone.
        for name in ["ca.crt", "receiver.crt", "receiver.key"] {
            std::fs::copy(next.path(name), authority.path(name)).expect("a copy");
        }
        target.kill9();
        target.up();
        load.goes_on(1000);
        until("events go over the new connection", 60, || {
            siem(&loggr)["failing"] == false && number(&loggr, "reconnects") > before
        });
    });
    loggr.drained(60);
    target.drained(60);
    let found = count_seqs(target.messages().iter().map(String::as_str));
    assert!(found.values().all(|times| *times == 1) && found.len() == sent.len(), "{}", found.len());
    loggr.stop();
    target.stop();
}

/// Both certificates of a forwarder and those that it trusts become those of another authority; the receiver's
/// stay for now.
fn authority_signs_again(old: &Authority, new: &Authority) {
    old.put(&new.path("forwarder.example.net.crt").with_extension("crt"), "forwarder.example.net");
    let both = [old.path("ca.crt"), new.path("ca.crt")]
        .map(|file| std::fs::read_to_string(file).expect("an authority"))
        .concat();
    std::fs::write(old.path("ca.crt"), both).expect("both authorities");
}

#[test]
fn a_certificate_that_cannot_be_used_is_not_taken_and_said() {
    let authority = authority();
    let (mut target, address) = receiver(&authority, "forwarder.example.net");
    let mut loggr = forwarder(&authority, address, "");
    std::fs::copy(
        self::authority().path("forwarder.example.net.crt"),
        authority.path("forwarder.example.net.crt"),
    )
    .expect("a copy");
    loggr.daemon().signal(Signal::HUP);
    until("it is said", 30, || {
        loggr.log().contains("cannot take the files of the certificate again; the old ones are kept")
    });
    let text = loggr.status_text(&[]);
    assert!(text.contains("trouble: shipper `siem`: a new certificate was not taken"), "{text}");
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    target.stored(10, 60);
    loggr.stop();
    target.stop();
}

#[test]
fn an_end_that_is_near_is_said() {
    let mut authority = authority();
    authority.sign("forwarder.example.net", (2001, 2002));
    let (mut target, address) = receiver(&authority, "forwarder.example.net");
    let mut loggr = forwarder(&authority, address, "");
    until("it is said", 30, || loggr.log().contains("the certificate has ended, and targets refuse it"));
    let metrics = loggr.get("/metrics");
    assert!(metrics.contains("loggr_certificate_troubled{place=\"shipper `siem`\"} 1"), "{metrics}");
    loggr.stop();
    target.stop();
}
