//! How real receivers end a connection of `loggr send` over TCP with TLS: none that has taken everything is
//! called a failure, and none that has let nobody in a success.
//!
//! They differ: rsyslog says the end of TLS with OpenSSL and does not with GnuTLS, and so does syslog-ng.

use std::process::Command;

use super::start;
use crate::support::{Authority, Daemon, PROGRAM, Rsyslog, free_port, syslog_ng, until};

/// Lines that are sent.
const COUNT: usize = 200;
/// How often a refusal is provoked: whether it comes before, while or after the lines are written is chance.
const TIMES: usize = 5;

fn authority() -> Authority {
    Authority::new(&["localhost", "sender.example.net"])
}

/// `loggr send` with the certificate of this authority, or with none; whether it went well, and what it said.
fn send(port: u16, trusts: &Authority, shows: Option<&Authority>) -> (bool, String) {
    let path = |of: &Authority, name: &str| of.path(name).display().to_string();
    let mut command = Command::new(PROGRAM);
    command.args(["send", "--to", &format!("tcp+tls://localhost:{port}"), "--count", &COUNT.to_string()]);
    command.args(["--tls-ca", &path(trusts, "ca.crt")]);
    if let Some(of) = shows {
        command.args(["--tls-cert", &path(of, "sender.example.net.crt")]);
        command.args(["--tls-key", &path(of, "sender.example.net.key")]);
    }
    let output = command.env("NO_COLOR", "1").output().expect("loggr starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Who is let in gets everything through, who is not is told so; `heard`: what the receiver has written.
#[track_caller]
fn check(port: u16, authority: &Authority, heard: impl Fn() -> String) {
    let lines = || heard().matches("seq=").count();
    let (good, said) = send(port, authority, Some(authority));
    assert!(good, "{said}");
    until("everything has arrived", 60, || lines() >= COUNT);
    let strangers = self::authority();
    for _ in 0..TIMES {
        for shown in [None, Some(&strangers)] {
            let (good, said) = send(port, authority, shown);
            assert!(!good && said.contains("error: ") && said.contains("hint: "), "{said}");
        }
    }
    let (good, said) = send(port, authority, Some(authority));
    assert!(good, "{said}");
    until("everything has arrived again", 60, || lines() >= 2 * COUNT);
    assert_eq!(lines(), 2 * COUNT);
}

#[test]
fn rsyslog_with_both_of_its_drivers() {
    for driver in ["ossl", "gtls"] {
        let (authority, port) = (authority(), free_port());
        let at = |name: &str| authority.path(name).display().to_string();
        let file = authority.path("seen.log");
        let modules = format!(
            "global(DefaultNetstreamDriverCAFile=\"{}\" DefaultNetstreamDriverCertFile=\"{}\" \
             DefaultNetstreamDriverKeyFile=\"{}\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" \
             streamDriver.name=\"{driver}\" streamDriver.mode=\"1\" streamDriver.authMode=\"x509/name\" \
             permittedPeer=[\"sender.example.net\"])",
            at("ca.crt"),
            at("localhost.crt"),
            at("localhost.key")
        );
        let Some(rsyslog) = Rsyslog::start(&modules, &format!("action(type=\"omfile\" file={file:?})"))
        else {
            return;
        };
        check(port, &authority, || std::fs::read_to_string(&file).unwrap_or_default());
        rsyslog.stop();
    }
}

#[test]
fn syslog_ng_as_a_receiver() {
    let Some(tool) = syslog_ng() else { return };
    let (authority, port) = (authority(), free_port());
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let file = at("seen.log");
    let config = format!(
        "@version: 3.38\nsource s {{ syslog(ip(\"127.0.0.1\") port({port}) transport(\"tls\") tls(ca-file({:?}) \
         cert-file({:?}) key-file({:?}) peer-verify(required-trusted))); }};\n\
         destination d {{ file({file:?}); }};\nlog {{ source(s); destination(d); }};\n",
        authority.path("ca.crt"),
        authority.path("localhost.crt"),
        authority.path("localhost.key"),
    );
    std::fs::write(at("syslog-ng.conf"), config).expect("its configuration");
    let mut command = tool.command();
    command.args(["-F", "--no-caps", "-f"]).arg(at("syslog-ng.conf")).current_dir(directory.path());
    for (option, name) in [("-R", "persist"), ("-p", "pid"), ("-c", "control")] {
        command.arg(option).arg(at(name));
    }
    if let Some(plugins) = tool.plugins() {
        command.arg("--module-path").arg(plugins);
    }
    let mut receiver = Daemon::start("syslog-ng", command, &at("log"));
    check(port, &authority, || std::fs::read_to_string(&file).unwrap_or_default());
    receiver.stop(30);
}

#[test]
fn another_loggr() {
    let authority = authority();
    let tls = format!("{}, client_ca = {:?}", authority.shown("localhost"), authority.path("ca.crt"));
    let (mut loggr, address) = start("tcp", &tls, "");
    check(address.port(), &authority, || loggr.lines().join("\n"));
    loggr.stop();
}
