//! What `loggr send` says of a receiver that it does not come to terms with over TLS.

use std::process::Command;

use super::start;
use crate::support::{Authority, PROGRAM};

/// How often a refusal is provoked.
const TIMES: usize = 8;

/// `loggr send` fails at once, and says all of this.
#[track_caller]
fn refused(url: &str, options: &[&str], expect: &[&str]) {
    let mut command = Command::new(PROGRAM);
    let output = command.args(["send", "--to", url, "-m", "x"]).args(options).output().expect("loggr starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in expect {
        assert!(said.contains(words), "`{words}` is not in\n{said}");
    }
    for words in ["can be reached again", "does not answer", "trying again", "UNIX", "\u{15}"] {
        assert!(!said.contains(words), "{said}");
    }
}

#[test]
fn an_alert_is_told_in_words_and_with_what_to_do() {
    let mut authority = Authority::new(&["localhost", "web1.example.net", "mail.example.net"]);
    authority.sign("old.example.net", (2001, 2002));
    let strangers = Authority::new(&["web1.example.net"]);
    let tls = format!(
        "{}, client_ca = {:?}, allowed_peers = ['web*.example.net']",
        authority.shown("localhost"),
        authority.path("ca.crt")
    );
    for protocol in ["relp", "tcp"] {
        told(protocol, &tls, &authority, &strangers);
    }
}

/// What `loggr send` says of a listener of this protocol that does not let it in, however often it is asked:
/// over TCP, which has no answers, it comes before, while or after the line is written.
fn told(protocol: &str, tls: &str, authority: &Authority, strangers: &Authority) {
    let (mut loggr, address) = start(protocol, tls, "");
    let url = format!("{protocol}+tls://localhost:{}", address.port());
    let path = |of: &Authority, name: &str| of.path(name).display().to_string();
    let ca = path(authority, "ca.crt");
    let shows = |of: &Authority, name: &str| {
        [
            "--tls-cert".to_owned(),
            path(of, &format!("{name}.crt")),
            "--tls-key".to_owned(),
            path(of, &format!("{name}.key")),
        ]
    };
    let check = |shown: &[String], expect: &[&str]| {
        let mut options = vec!["--tls-ca", &ca];
        options.extend(shown.iter().map(String::as_str));
        for _ in 0..TIMES {
            refused(&url, &options, expect);
        }
    };
    check(
        &[],
        &["wants to see a certificate (alert `certificate required`)", "hint: `--tls-cert` and `--tls-key`"],
    );
    check(
        &shows(authority, "old.example.net"),
        &["was shown a certificate that has ended (alert `certificate expired`)", "hint: `--tls-cert` needs"],
    );
    check(&shows(authority, "mail.example.net"), &["does not let in the certificate", "`allowed_peers`"]);
    check(&shows(strangers, "web1.example.net"), &["hint: the receiver must know who has signed"]);
    refused(
        &url,
        &["--tls-ca", &path(strangers, "ca.crt")],
        &["is signed by no authority", "hint: `--tls-ca` takes"],
    );
    // Without TLS, on the same port.
    let plain = url.replace("+tls", "");
    refused(&plain, &[], &["speaks TLS", "hint: write relp+tls://HOST:PORT or tcp+tls://HOST:PORT"]);
    assert_eq!(loggr.ask(&["count", ""]).trim(), "0");
    loggr.stop();
}

#[test]
fn a_certificate_that_has_ended_is_told_with_its_day() {
    let mut authority = Authority::new(&[]);
    authority.sign("localhost", (2001, 2002));
    let (mut loggr, address) = start("relp", &authority.shown("localhost"), "");
    let ca = authority.path("ca.crt").display().to_string();
    refused(
        &format!("relp+tls://localhost:{}", address.port()),
        &["--tls-ca", &ca],
        &["has ended (2002-01-01 00:00:00 UTC)", "hint: the receiver needs a newer one"],
    );
    loggr.stop();
}
