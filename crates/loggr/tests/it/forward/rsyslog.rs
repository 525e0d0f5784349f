//! A real rsyslogd at the other end, over everything that it takes.

use std::collections::BTreeMap;

use super::{forwarding, number, shown};
use crate::support::{Loggr, RelpSender, Rsyslog, count_seqs, free_port, numbered_line, until};

/// How the receiving rsyslogd writes what it has understood.
const TEMPLATE: &str = "template(name=\"seen\" type=\"string\" string=\"%pri%|%timereported:::date-rfc3339%|%hostname%|\
                        %app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n\")";

/// What it has to understand of a numbered line in RFC 5424.
fn understood(line: &str) -> String {
    let (head, text) = line.split_once("] ").expect("structured data");
    let (head, data) = head.split_once(" [").expect("structured data");
    let mut words = head.split(' ');
    let priority =
        words.next().and_then(|word| word.strip_prefix('<')?.strip_suffix(">1")).expect("a priority");
    let words: Vec<&str> = words.collect();
    format!("{priority}|{}|[{data}]|{text}", words.join("|"))
}

/// Hands `count` numbered lines on to an rsyslogd, and gives what it has understood.
#[track_caller]
fn through(keys: &str, input: &str, count: u64) -> Option<Vec<String>> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("seen.log");
    let port = free_port();
    let modules = format!("{TEMPLATE}\n{}", input.replace("PORT", &port.to_string()));
    let rsyslog =
        Rsyslog::start(&modules, &format!("action(type=\"omfile\" file={file:?} template=\"seen\")"))?;
    // Its input over TCP is always there.
    let target = if input.is_empty() { rsyslog.port() } else { port };
    let mut loggr = Loggr::with(forwarding(&format!("targets = \"127.0.0.1:{target}\"\n{keys}")));
    RelpSender::new(loggr.address("relp"), 1).run(0, count);
    loggr.stored(count, 60);
    let seen = || std::fs::read_to_string(&file).unwrap_or_default();
    until("rsyslogd has written every line", 60, || seen().lines().count() as u64 >= count);
    loggr.assert_balanced();
    rsyslog.stop();
    loggr.stop();
    Some(seen().lines().map(str::to_owned).collect())
}

/// Every line once, with everything that RFC 5424 can carry.
#[track_caller]
fn check_rfc5424(keys: &str, input: &str, count: u64) {
    let Some(lines) = through(keys, input, count) else { return };
    let once: BTreeMap<u64, u32> = (0..count).map(|n| (n, 1)).collect();
    assert_eq!(count_seqs(lines.iter().map(String::as_str)), once);
    for (n, line) in lines.iter().enumerate() {
        // What loggr adds is in an element of its own.
        let (before, rest) = line.split_once("[pyloggr@45878 ").expect("loggr's element");
        let (own, after) = rest.split_once(']').expect("its end");
        assert!(own.starts_with("uid=\""), "{line}");
        let bare = format!("{before}{after}").replace("| ", "|");
        assert_eq!(bare, understood(&numbered_line(n as u64)));
    }
}

/// The configuration that the guide shows for an input of rsyslog, on loopback and another port.
#[track_caller]
fn input(name: &str) -> String {
    let block = shown(&format!("input(type=\"{name}\""));
    let (before, rest) = block.split_once("port=\"").expect("a port");
    let (_, after) = rest.split_once('"').expect("its end");
    format!("{before}address=\"127.0.0.1\" port=\"PORT\"{after}")
}

#[test]
fn over_relp() {
    check_rfc5424("", &input("imrelp"), 3000);
}

#[test]
fn over_tcp_with_octet_counts() {
    // The tests' own input, which is that of the guide.
    assert!(input("imtcp").contains("module(load=\"imtcp\")"));
    check_rfc5424("protocol = \"tcp\"", "", 3000);
}

#[test]
fn over_tcp_with_line_feeds() {
    check_rfc5424("protocol = \"tcp\"\nframing = \"lf\"", "", 3000);
}

#[test]
fn over_udp() {
    // As many as a socket holds that is read late.
    check_rfc5424("protocol = \"udp\"", &input("imudp"), 100);
}

#[test]
fn in_rsyslogs_own_format() {
    let Some(lines) = through("format = \"RSYSLOG\"", &input("imrelp"), 50) else { return };
    for (n, line) in lines.iter().enumerate() {
        let line = line.split('|').collect::<Vec<_>>();
        let whole = understood(&numbered_line(n as u64));
        let expect: Vec<&str> = whole.split('|').collect();
        for at in [0, 1, 2, 3, 4, 7] {
            assert_eq!(line[at].trim_start(), expect[at], "{line:?}");
        }
    }
}

#[test]
fn what_nobody_answers_is_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("seen.log");
    let Some(rsyslog) = Rsyslog::start("", &format!("action(type=\"omfile\" file={file:?})")) else { return };
    let keys = format!("targets = \"127.0.0.1:{}\"\nprotocol = \"tcp\"", rsyslog.port());
    let mut loggr = Loggr::with(forwarding(&keys));
    RelpSender::new(loggr.address("relp"), 1).run(0, 20);
    loggr.stored(20, 60);
    assert_eq!((number(&loggr, "unacknowledged"), number(&loggr, "refused")), (20, 0));
    let metrics = loggr.get("/metrics");
    assert!(metrics.contains("loggr_ship_unacknowledged_events_total{ship=\"siem\"} 20"), "{metrics}");
    assert!(metrics.contains(&format!("target=\"127.0.0.1:{}\"}} 20", rsyslog.port())), "{metrics}");
    loggr.stop();
    rsyslog.stop();
}
