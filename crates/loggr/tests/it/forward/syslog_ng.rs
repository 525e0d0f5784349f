//! A real syslog-ng at the other end.

use std::collections::BTreeMap;
use std::path::Path;

use super::{forwarding, shown};
use crate::support::{Daemon, Loggr, RelpSender, count_seqs, free_port, numbered_line, syslog_ng, until};

/// A syslog-ng with the source `s_loggr` and the destination `d_seen`; its files are in this directory.
#[track_caller]
pub fn start_syslog_ng(at: &Path, source: &str, destination: &str) -> Option<Daemon> {
    let tool = syslog_ng()?;
    let config = format!(
        "@version: 3.35\n{source}\n{destination}\nlog {{ source(s_loggr); destination(d_seen); }};\n"
    );
    std::fs::write(at.join("syslog-ng.conf"), config).expect("its configuration");
    let mut command = tool.command();
    command.args(["-F", "--no-caps", "-f"]).arg(at.join("syslog-ng.conf")).current_dir(at);
    for (option, name) in [("--persist-file", "persist"), ("--control", "control"), ("--pidfile", "pid")] {
        command.arg(option).arg(at.join(name));
    }
    if let Some(plugins) = tool.plugins() {
        command.arg("--module-path").arg(plugins);
    }
    Some(Daemon::start("syslog-ng", command, &at.join("syslog-ng.log")))
}

#[test]
fn over_tcp_with_the_configuration_of_the_guide() {
    let directory = tempfile::tempdir().expect("a directory");
    let (port, file) = (free_port(), directory.path().join("seen.log"));
    let source = shown("source s_loggr").replace("0.0.0.0", "127.0.0.1").replace("601", &port.to_string());
    let template = "$PRI|$HOST|$PROGRAM|$PID|$MSGID|$MSG\\n";
    let destination = format!("destination d_seen {{ file({file:?} template(\"{template}\")); }};");
    let Some(mut receiver) = start_syslog_ng(directory.path(), &source, &destination) else { return };
    let keys = format!("targets = \"127.0.0.1:{port}\"\nprotocol = \"tcp\"");
    let mut loggr = Loggr::with(forwarding(&keys));
    let count = 1000;
    RelpSender::new(loggr.address("relp"), 1).run(0, count);
    loggr.stored(count, 60);
    let seen = || std::fs::read_to_string(&file).unwrap_or_default();
    until("syslog-ng has written every line", 60, || {
        assert!(receiver.runs(), "syslog-ng ended: {}", receiver.log());
        seen().lines().count() as u64 >= count
    });
    let lines = seen();
    let once: BTreeMap<u64, u32> = (0..count).map(|n| (n, 1)).collect();
    assert_eq!(count_seqs(lines.lines()), once);
    for (n, line) in (0..).zip(lines.lines()) {
        let sent = numbered_line(n);
        let words: Vec<&str> = sent.split(' ').collect();
        let text = sent.split_once("] ").expect("a text").1;
        let priority = words[0].trim_start_matches('<').trim_end_matches(">1");
        assert_eq!(line, [priority, words[2], words[3], words[4], words[5], text].join("|"));
    }
    loggr.stop();
    receiver.stop(30);
}
