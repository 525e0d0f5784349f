//! The senders that people have: rsyslog with both of its drivers and in each of its modes, and syslog-ng.
//!
//! Every line arrives once, and with the sender's name where it has a certificate.

use std::collections::BTreeMap;

use super::start;
use crate::relay::{blocks, documents};
use crate::support::{Authority, Rsyslog, count_seqs, numbered_line, syslog_ng, until};

const COUNT: u64 = 2000;

/// rsyslog's drivers of TLS.
const DRIVERS: [&str; 2] = ["ossl", "gtls"];
/// What it asks of the server.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Name,
    Certvalid,
    Fingerprint,
}

/// Sends numbered lines by this action of rsyslog and looks at what arrives. In the action, `@PORT`,
/// `@CA`, `@CERT`, `@KEY`, `@SHA1` stand for what they say.
#[track_caller]
fn check(protocol: &str, modules: &str, action: &str) {
    let authority = Authority::new(&["localhost", "sender.example.net"]);
    let tls = format!("{}, client_ca = {:?}", authority.shown("localhost"), authority.path("ca.crt"));
    let (loggr, address) = start(protocol, &tls, "");
    let (sha1, _) = authority.fingerprint("localhost");
    let fill = |text: &str| {
        text.replace("@PORT", &address.port().to_string())
            .replace("@CA", &authority.path("ca.crt").display().to_string())
            .replace("@CERT", &authority.path("sender.example.net.crt").display().to_string())
            .replace("@KEY", &authority.path("sender.example.net.key").display().to_string())
            .replace("@SHA1", &sha1)
    };
    let Some(rsyslog) = Rsyslog::start(&fill(modules), &fill(action)) else { return };
    let lines: Vec<String> = (0..COUNT).map(numbered_line).collect();
    rsyslog.feed(lines.iter().map(String::as_str));
    loggr.stored(COUNT, 60);
    let once: BTreeMap<u64, u32> = (0..COUNT).map(|n| (n, 1)).collect();
    assert_eq!(count_seqs(loggr.lines().iter().map(String::as_str)), once);
    assert_eq!(loggr.ask(&["count", "tls_name:sender.example.net"]).trim(), COUNT.to_string());
    rsyslog.stop();
    loggr.assert_balanced();
}

#[test]
fn omfwd_with_each_driver_in_each_mode() {
    for driver in DRIVERS {
        for mode in [Mode::Name, Mode::Certvalid, Mode::Fingerprint] {
            let (mode, permitted) = match mode {
                Mode::Name => ("x509/name", "StreamDriverPermittedPeers=\"localhost\""),
                Mode::Certvalid => ("x509/certvalid", ""),
                Mode::Fingerprint => ("x509/fingerprint", "StreamDriverPermittedPeers=\"@SHA1\""),
            };
            let modules = format!(
                "global(DefaultNetstreamDriver=\"{driver}\" DefaultNetstreamDriverCAFile=\"@CA\" \
                 DefaultNetstreamDriverCertFile=\"@CERT\" DefaultNetstreamDriverKeyFile=\"@KEY\")"
            );
            let action = format!(
                "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"@PORT\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" \
                 StreamDriver=\"{driver}\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"{mode}\" {permitted} \
                 template=\"RSYSLOG_SyslogProtocol23Format\")"
            );
            check("tcp", &modules, &action);
        }
    }
}

#[test]
fn omrelp_with_each_library_in_each_mode() {
    for library in ["openssl", "gnutls"] {
        for mode in [Mode::Name, Mode::Certvalid, Mode::Fingerprint] {
            let mode = match mode {
                Mode::Name => "tls.authmode=\"name\" tls.permittedpeer=[\"localhost\"]",
                Mode::Certvalid => "tls.authmode=\"certvalid\"",
                Mode::Fingerprint => "tls.authmode=\"fingerprint\" tls.permittedpeer=[\"@SHA1\"]",
            };
            let modules = format!("module(load=\"omrelp\" tls.tlslib=\"{library}\")");
            let action = format!(
                "action(type=\"omrelp\" target=\"127.0.0.1\" port=\"@PORT\" tls=\"on\" tls.caCert=\"@CA\" tls.myCert=\"@CERT\" \
                 tls.myPrivKey=\"@KEY\" {mode} template=\"RSYSLOG_SyslogProtocol23Format\")"
            );
            check("relp", &modules, &action);
        }
    }
}

#[test]
fn the_configurations_of_the_guide() {
    let documents = documents();
    let (_, text) = documents.iter().find(|(name, _)| name == "tls.md").expect("the guide");
    let blocks = blocks(text);
    assert!(blocks.len() >= 2, "the guide shows {} configurations of rsyslog", blocks.len());
    for block in blocks {
        let protocol = if block.contains("omrelp") { "relp" } else { "tcp" };
        let mut here = block;
        for (there, own) in [
            ("target=\"logs.example.net\"", "target=\"127.0.0.1\""),
            ("logs.example.net", "localhost"),
            ("port=\"6514\"", "port=\"@PORT\""),
            ("/etc/rsyslog.d/ca.crt", "@CA"),
            ("/etc/rsyslog.d/web1.crt", "@CERT"),
            ("/etc/rsyslog.d/web1.key", "@KEY"),
            // What it writes is tested with the guide that shows it.
            ("template=\"loggr\"", "template=\"RSYSLOG_SyslogProtocol23Format\""),
        ] {
            assert!(here.contains(there), "`{there}` is not in {here}");
            here = here.replace(there, own);
        }
        check(protocol, &here, "");
    }
}

#[test]
fn an_anonymous_omrelp_is_told_what_it_lacks() {
    let authority = Authority::new(&["localhost"]);
    let (loggr, address) = start("relp", &authority.shown("localhost"), "");
    let modules = "module(load=\"omrelp\" tls.tlslib=\"gnutls\")";
    let action =
        format!("action(type=\"omrelp\" target=\"127.0.0.1\" port=\"{}\" tls=\"on\")", address.port());
    let Some(rsyslog) = Rsyslog::start(modules, &action) else { return };
    rsyslog.feed(["<13>1 2026-03-01T00:00:00Z h a - - - seq=000000001 hello"]);
    until("it is told", 60, || {
        let log = loggr.log();
        log.contains("refused a connection: the peer offers nothing that loggr can use")
            && log.contains("tls.myCert")
    });
}

#[test]
fn syslog_ng_over_tls() {
    let authority = Authority::new(&["localhost", "sender.example.net"]);
    let tls = format!("{}, client_ca = {:?}", authority.shown("localhost"), authority.path("ca.crt"));
    let (loggr, address) = start("tcp", &tls, "");
    let Some(tool) = syslog_ng() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    let lines: Vec<String> = (0..COUNT).map(numbered_line).collect();
    std::fs::write(at.join("lines"), lines.join("\n") + "\n").expect("a file");
    let config = format!(
        "@version: 3.38\noptions {{ keep-hostname(yes); }};\nsource s {{ file({:?} flags(syslog-protocol) follow-freq(1)); }};\n\
         destination d {{ syslog(\"localhost\" port({}) transport(\"tls\") tls(ca-file({:?}) cert-file({:?}) key-file({:?}) \
         peer-verify(required-trusted))); }};\nlog {{ source(s); destination(d); }};\n",
        at.join("lines"),
        address.port(),
        authority.path("ca.crt"),
        authority.path("sender.example.net.crt"),
        authority.path("sender.example.net.key"),
    );
    std::fs::write(at.join("syslog-ng.conf"), config).expect("its configuration");
    let mut command = tool.command();
    command.args(["-F", "--no-caps", "-f"]).arg(at.join("syslog-ng.conf"));
    for (option, file) in [("-R", "persist"), ("-p", "pid"), ("-c", "control")] {
        command.arg(option).arg(at.join(file));
    }
    let daemon = crate::support::Daemon::start("syslog-ng", command, &at.join("log"));
    loggr.stored(COUNT, 60);
    let once: BTreeMap<u64, u32> = (0..COUNT).map(|n| (n, 1)).collect();
    assert_eq!(count_seqs(loggr.lines().iter().map(String::as_str)), once, "{}", daemon.log());
    assert_eq!(loggr.ask(&["count", "tls_name:sender.example.net"]).trim(), COUNT.to_string());
}
