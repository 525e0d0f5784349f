//! TLS to real receivers, of shippers and of `loggr send`: rsyslog over RELP, OpenSSL's server over TCP.

use std::path::Path;
use std::process::Command;

use super::syslog_ng::start_syslog_ng;
use super::{forwarding, shown, siem};
use crate::support::{Authority, Daemon, Loggr, PROGRAM, RelpSender, Rsyslog, count_seqs, free_port, until};

/// An authority with the certificates of a target, for `localhost` and its address, and of a client that is
/// called `forwarder`.
fn certificates() -> Authority {
    let mut authority = Authority::new(&["forwarder"]);
    authority.sign_for("target", &["localhost", "127.0.0.1"], (2020, 2100));
    authority
}

/// Loads what the guide shows with this text, with these certificates and on this port, in an rsyslogd that
/// writes what it takes to `seen.log`.
#[track_caller]
fn rsyslog(certificates: &Authority, text: &str, port: u16) -> Option<Rsyslog> {
    let file = certificates.path("seen.log");
    let (before, rest) = with(certificates, &shown(text)).split_once("port=\"").map(owned).expect("a port");
    let (_, after) = rest.split_once('"').expect("its end");
    let modules = format!("{before}address=\"127.0.0.1\" port=\"{port}\"{after}");
    // The tests' own input has loaded it.
    let modules = modules.replace("module(load=\"imtcp\")\n", "");
    Rsyslog::start(&modules, &format!("action(type=\"omfile\" file={file:?})"))
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// The configuration with the paths of these certificates.
fn with(certificates: &Authority, text: &str) -> String {
    let mut text = text.replace("forwarder.example.net", "forwarder");
    for directory in ["/etc/rsyslog", "/etc/syslog-ng"] {
        for (shown, name) in [("ca.crt", "ca.crt"), ("siem.crt", "target.crt"), ("siem.key", "target.key")] {
            text =
                text.replace(&format!("{directory}/{shown}"), &certificates.path(name).display().to_string());
        }
    }
    text
}

/// Hands lines on with the certificate of the client, and looks at what is in `seen.log`.
#[track_caller]
fn check_seen(certificates: &Authority, port: u16, keys: &str) {
    let at = |name: &str| certificates.path(name).display().to_string();
    let file = certificates.path("seen.log");
    let keys = format!(
        "targets = \"127.0.0.1:{port}\"\n{keys}\ntls = {{ ca = {:?}, cert = {:?}, key = {:?} }}",
        at("ca.crt"),
        at("forwarder.crt"),
        at("forwarder.key")
    );
    let mut loggr = Loggr::with(forwarding(&keys));
    RelpSender::new(loggr.address("relp"), 1).run(0, 1000);
    loggr.stored(1000, 60);
    let seen = || std::fs::read_to_string(&file).unwrap_or_default();
    until("the receiver has written every line", 60, || seen().lines().count() >= 1000);
    let found = count_seqs(seen().lines());
    assert!(found.len() == 1000 && found.values().all(|times| *times == 1), "{} lines", found.len());
    let peer = siem(&loggr)["forward"]["targets"][0]["tls"].clone();
    assert!(peer.as_str().is_some_and(|peer| peer.starts_with("127.0.0.1 (TLS 1.")), "{peer}");
    loggr.stop();
}

#[test]
fn to_rsyslog_over_relp_with_certificates_on_both_sides() {
    let (certificates, port) = (certificates(), free_port());
    let Some(rsyslog) = rsyslog(&certificates, "tls.authMode=\"name\"", port) else { return };
    check_seen(&certificates, port, "");
    rsyslog.stop();
}

#[test]
fn to_rsyslog_over_tcp_with_certificates_on_both_sides() {
    let (certificates, port) = (certificates(), free_port());
    let Some(rsyslog) = rsyslog(&certificates, "streamDriver.name=", port) else { return };
    check_seen(&certificates, port, "protocol = \"tcp\"");
    rsyslog.stop();
}

#[test]
fn to_syslog_ng_with_certificates_on_both_sides() {
    let (certificates, port) = (certificates(), free_port());
    let file = certificates.path("seen.log");
    let source =
        shown("transport(\"tls\")").replace("0.0.0.0", "127.0.0.1").replace("6514", &port.to_string());
    let source = with(&certificates, &source);
    let destination = format!("destination d_seen {{ file({file:?}); }};");
    let Some(mut receiver) = start_syslog_ng(certificates.path("").as_path(), &source, &destination) else {
        return;
    };
    check_seen(&certificates, port, "protocol = \"tcp\"");
    receiver.stop(30);
}

/// OpenSSL's server, which prints what it hears.
fn s_server(certificates: &Authority, port: u16, log: &Path, arguments: &[&str]) -> Daemon {
    let input = certificates.path("input");
    if !input.exists() {
        let made = Command::new("mkfifo").arg(&input).status().expect("mkfifo starts");
        assert!(made.success(), "mkfifo ends with {made}");
    }
    // Its input never ends: it would close every connection.
    let mut command = Command::new("sh");
    command
        .args(["-c", "input=$1; shift; exec openssl s_server \"$@\" <> \"$input\"", "s_server"])
        .arg(&input);
    command.args(["-quiet", "-accept", &format!("127.0.0.1:{port}")]);
    command
        .arg("-cert")
        .arg(certificates.path("target.crt"))
        .arg("-key")
        .arg(certificates.path("target.key"));
    command.args(arguments);
    Daemon::start("openssl s_server", command, log)
}

#[test]
fn over_tcp_to_a_target_with_another_name() {
    let certificates = certificates();
    let (port, log) = (free_port(), certificates.path("server.log"));
    let mut server = s_server(&certificates, port, &log, &[]);
    let keys = format!(
        "targets = \"127.0.0.1:{port}\"\nprotocol = \"tcp\"\ntls = {{ ca = {:?}, name = \"localhost\" }}",
        certificates.path("ca.crt")
    );
    let mut loggr = Loggr::with(forwarding(&keys));
    RelpSender::new(loggr.address("relp"), 1).run(0, 500);
    loggr.stored(500, 60);
    until("the server has heard every line", 60, || {
        server.log().matches(" order shipped to customer").count() == 500
    });
    assert_eq!(siem(&loggr)["forward"]["targets"][0]["tls"], "localhost (TLS 1.3)");
    loggr.stop();
    server.kill9();
}

/// The status says what is wrong, and what to do.
#[track_caller]
fn check_trouble(tls: &str, arguments: &[&str], expect: &str) {
    let (certificates, others) = (certificates(), certificates());
    let (port, log) = (free_port(), certificates.path("server.log"));
    let authority = certificates.path("ca.crt").display().to_string();
    let arguments: Vec<&str> =
        arguments.iter().map(|word| if *word == "CA" { &authority } else { *word }).collect();
    let mut server = s_server(&certificates, port, &log, &arguments);
    let tls = tls.replace("OTHERS", &others.path("ca.crt").display().to_string()).replace("CA", &authority);
    let mut loggr = Loggr::with(forwarding(&format!(
        "targets = \"127.0.0.1:{port}\"\nprotocol = \"tcp\"\ntls = {{ {tls} }}"
    )));
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    let expect = expect.replace("PORT", &port.to_string());
    let mut text = String::new();
    until(&format!("the status says: {expect}"), 60, || {
        text = loggr.status_text(&[]);
        text.contains(&expect)
    });
    assert!(!server.log().contains("order shipped"), "nothing was told to a stranger");
    loggr.stop();
    server.kill9();
}

#[test]
fn a_target_of_another_authority_is_not_trusted() {
    check_trouble(
        "ca = \"OTHERS\"",
        &[],
        "trouble: shipper `siem`: cannot trust the certificate of `127.0.0.1:PORT`",
    );
}

#[test]
fn a_target_of_another_name_is_not_trusted() {
    check_trouble(
        "ca = \"CA\", name = \"siem.example.net\"",
        &[],
        "write a name that it has into `targets`, or as `name` of `tls`",
    );
}

#[test]
fn a_target_that_wants_to_know_who_connects_gets_nothing() {
    check_trouble(
        "ca = \"CA\"",
        &["-Verify", "1", "-verify_return_error", "-CAfile", "CA"],
        "trouble: shipper `siem`: `127.0.0.1:PORT` has refused the TLS connection",
    );
}

#[test]
fn certificates_that_cannot_be_read_end_the_start() {
    let loggr = Loggr::down(forwarding("targets = \"127.0.0.1:6514\"\ntls = { ca = \"missing.crt\" }"));
    for command in ["run", "check"] {
        let output = loggr.command(&[command]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command}: {errors}");
        assert!(
            errors.contains("cannot start the shipper `siem`") && errors.contains("missing.crt"),
            "{errors}"
        );
        assert!(errors.contains("hint: name a file in PEM form that is there"), "{errors}");
    }
}

/// `loggr send` to this URL with these options; whether it went well, and what it said.
fn send(url: &str, options: &[&str]) -> (bool, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["send", "--to", url, "--count", "300"]).args(options);
    let output = command.env("NO_COLOR", "1").output().expect("loggr starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn send_to_rsyslog_over_relp_with_certificates_on_both_sides() {
    let (certificates, port) = (certificates(), free_port());
    let Some(rsyslog) = rsyslog(&certificates, "tls.authMode=\"name\"", port) else { return };
    let at = |name: &str| certificates.path(name).display().to_string();
    let (authority, certificate, key) = (at("ca.crt"), at("forwarder.crt"), at("forwarder.key"));
    let options = ["--tls-ca", &authority, "--tls-cert", &certificate, "--tls-key", &key];
    let (good, said) = send(&format!("relp+tls://127.0.0.1:{port}"), &options);
    assert!(good && said.contains("sent 300 lines, 300 acknowledged"), "{said}");
    rsyslog.stop();
    let seen = std::fs::read_to_string(certificates.path("seen.log")).expect("its file");
    assert_eq!(count_seqs(seen.lines()).len(), 300);
}

#[test]
fn send_over_tcp_looks_who_the_receiver_is() {
    let (certificates, others) = (certificates(), certificates());
    let (port, log) = (free_port(), certificates.path("server.log"));
    let mut server = s_server(&certificates, port, &log, &[]);
    let at = |of: &Authority| of.path("ca.crt").display().to_string();
    let (own, other) = (at(&certificates), at(&others));
    let url = format!("tcp+tls://127.0.0.1:{port}");
    let (good, said) = send(&url, &["--tls-ca", &own, "--tls-name", "localhost"]);
    assert!(good, "{said}");
    until("the server has heard every line", 60, || server.log().matches("seq=").count() == 300);
    let refused = |options: &[&str], hint: &str| {
        let (good, said) = send(&url, &[options, &["--retry", "0"]].concat());
        assert!(!good && said.contains(&format!("hint: {hint}")), "{said}");
    };
    refused(&["--tls-ca", &other], "`--tls-ca` takes the file of the authority");
    refused(&["--tls-ca", &own, "--tls-name", "siem.example.net"], "`--tls-name` takes the name");
    let (good, said) = send(&format!("tcp://127.0.0.1:{port}"), &["--tls-ca", &own]);
    assert!(!good && said.contains("`--tls-ca` means nothing without TLS"), "{said}");
    server.kill9();
}
