//! Real senders: rsyslogd over everything that it speaks, `logger`, and `loggen`.
//!
//! Every line has to arrive once, with every field right, in the file and in the search.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{
    Loggr, RelpSender, Rsyslog, Tool, count_seqs, free_port, loggen, logger, numbered_line, seq_of, until,
};

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// What a template of rsyslog carries beyond priority, host, tag and text.
#[derive(Clone, Copy, PartialEq)]
enum Carries {
    /// RFC 5424: everything.
    All,
    /// RFC 3164 with an RFC 3339 stamp: the time, but no MSGID and no structured data.
    Stamp,
    /// RFC 3164: not even the year.
    Little,
}

/// Sends numbered lines through an rsyslogd with this action and looks at what arrives.
#[track_caller]
fn check(listener: &str, modules: &str, action: &str, carries: Carries, count: u64) {
    let loggr = Loggr::start();
    let action = action.replace("PORT", &loggr.address(listener).port().to_string());
    let Some(rsyslog) = Rsyslog::start(modules, &action) else { return };
    let lines: Vec<String> = (0..count).map(numbered_line).collect();
    rsyslog.feed(lines.iter().map(String::as_str));
    loggr.stored(count, 60);
    let events = loggr.search("");
    assert_eq!(events.len() as u64, count, "events found");
    for event in &events {
        check_fields(event, listener, carries);
    }
    let once: BTreeMap<u64, u32> = (0..count).map(|n| (n, 1)).collect();
    assert_eq!(count_seqs(loggr.lines().iter().map(String::as_str)), once, "lines of the file");
    assert_eq!(count_seqs(events.iter().filter_map(|e| e["message"].as_str())), once, "events of the search");
    rsyslog.stop();
    loggr.assert_balanced();
}

#[track_caller]
fn check_fields(event: &Value, listener: &str, carries: Carries) {
    let message = event["message"].as_str().expect("a message");
    let seq = seq_of(message).expect("its number");
    let line = numbered_line(seq);
    let mut words = line.split(' ').skip(1);
    let mut word = || words.next().expect("numbered lines have eight words").to_owned();
    let (stamp, host, app, procid, msgid) = (word(), word(), word(), word(), word());
    let mut expect = json!({
        "message": line.split("] ").nth(1),
        "facility": FACILITIES[(seq % 192 / 8) as usize],
        "severity": SEVERITIES[(seq % 8) as usize],
        "source": host, "app_name": app, "procid": procid,
    });
    if carries != Carries::Little {
        expect["timereported"] = stamp.into();
    }
    if carries == Carries::All {
        expect["msgid"] = msgid.into();
        expect["structured_data"] = json!({"sd@32473": {"n": [seq.to_string()]}});
    }
    for (key, value) in expect.as_object().expect("an object") {
        assert_eq!(&event[key], value, "`{key}` of {event}");
    }
    assert_eq!(event["origin"]["listener"], listener, "{event}");
    assert!(event["defects"].as_array().is_none_or(Vec::is_empty), "a healthy line has defects: {event}");
}

const OMRELP: &str = "module(load=\"omrelp\")";

#[test]
fn omrelp_with_the_protocol_template() {
    check(
        "relp",
        OMRELP,
        "action(type=\"omrelp\" target=\"127.0.0.1\" port=\"PORT\" template=\"RSYSLOG_SyslogProtocol23Format\")",
        Carries::All,
        5000,
    );
}

#[test]
fn omrelp_as_it_comes() {
    check("relp", OMRELP, "action(type=\"omrelp\" target=\"127.0.0.1\" port=\"PORT\")", Carries::Stamp, 5000);
}

#[test]
fn omfwd_over_tcp_with_lines() {
    check(
        "tcp",
        "",
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"PORT\" protocol=\"tcp\" TCP_Framing=\"traditional\" template=\"RSYSLOG_ForwardFormat\")",
        Carries::Stamp,
        5000,
    );
}

#[test]
fn omfwd_over_tcp_with_octet_counts() {
    check(
        "tcp",
        "",
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"PORT\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\")",
        Carries::All,
        5000,
    );
}

#[test]
fn omfwd_over_udp() {
    // Few enough that no kernel has to drop one.
    check(
        "udp",
        "",
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"PORT\" protocol=\"udp\")",
        Carries::Little,
        200,
    );
}

#[test]
fn a_message_of_several_lines_comes_through_relp_as_it_is() {
    let loggr = Loggr::start();
    let action = format!(
        "action(type=\"omrelp\" target=\"127.0.0.1\" port=\"{}\" template=\"RSYSLOG_SyslogProtocol23Format\")",
        loggr.address("relp").port()
    );
    let modules = format!("{OMRELP}\nglobal(parser.escapeControlCharactersOnReceive=\"off\")");
    let Some(rsyslog) = Rsyslog::start(&modules, &action) else { return };
    let long = "tail ".repeat(6000);
    let messages = ["first\n\tsecond\nthird \u{1f980} ümläut", "a \"quote\" \\ and %s", long.trim_end()];
    let lines: Vec<String> =
        messages.iter().map(|m| format!("<13>1 2026-03-01T00:00:00Z h app - - - {m}")).collect();
    rsyslog.feed(lines.iter().map(String::as_str));
    loggr.stored(3, 60);
    let mut found: Vec<String> =
        loggr.search("").iter().map(|e| e["message"].as_str().expect("text").to_owned()).collect();
    let mut expect = messages.map(str::to_owned).to_vec();
    found.sort();
    expect.sort();
    assert_eq!(found, expect);
    // In the file each event is one line all the same.
    assert_eq!(loggr.lines().len(), 3);
    loggr.assert_balanced();
    rsyslog.stop();
}

#[test]
fn rsyslog_waits_while_loggr_is_away_and_then_sends_everything() {
    let mut loggr = Loggr::start();
    let action = format!(
        "action(type=\"omrelp\" target=\"127.0.0.1\" port=\"{}\" template=\"RSYSLOG_SyslogProtocol23Format\" \
         queue.type=\"LinkedList\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\")",
        loggr.address("relp").port()
    );
    let Some(rsyslog) = Rsyslog::start(OMRELP, &action) else { return };
    let lines: Vec<String> = (0..2000).map(numbered_line).collect();
    rsyslog.feed(lines[..1000].iter().map(String::as_str));
    loggr.stored(1000, 60);
    loggr.kill9();
    rsyslog.feed(lines[1000..].iter().map(String::as_str));
    loggr.up();
    // Some may be there twice.
    until("every line is found", 90, || {
        let found = loggr.search("");
        let counts = count_seqs(found.iter().map(|e| e["message"].as_str().expect("text")));
        (0..2000).all(|n| counts.contains_key(&n))
    });
    loggr.assert_balanced();
    rsyslog.stop();
}

#[test]
fn the_relp_sender_of_these_tests_is_understood_by_rsyslog() {
    let port = free_port();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("out.log");
    let input =
        format!("module(load=\"imrelp\")\ninput(type=\"imrelp\" address=\"127.0.0.1\" port=\"{port}\")");
    let action = format!("action(type=\"omfile\" file={file:?})");
    let Some(rsyslog) = Rsyslog::start(&input, &action) else { return };
    let sent = RelpSender::new(([127, 0, 0, 1], port).into(), 4).run(0, 5000);
    assert!(sent.values().all(|s| s.acked && s.times == 1));
    // It acknowledges what is only in its queue, and a stop does not wait for that for ever.
    until("the lines are in the file", 60, || {
        std::fs::read_to_string(&file).unwrap_or_default().matches('\n').count() >= 5000
    });
    rsyslog.stop();
    let text = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(count_seqs(text.lines()), (0..5000).map(|n| (n, 1)).collect());
}

/// Runs `logger` with these arguments (`SOCKET` and `PORT` are filled in) and compares some
/// fields of the one event that comes out of it.
#[track_caller]
fn check_logger(listener: &str, arguments: &str, expect: Value) {
    let Some(tool) = logger() else { return };
    let loggr = Loggr::start();
    let mut command = tool.command();
    for word in arguments.split(' ') {
        let socket = loggr.socket(listener).display().to_string();
        let word = word.replace("SOCKET", &socket);
        command.arg(if word == "PORT" { loggr.address(listener).port().to_string() } else { word });
    }
    run(command.arg("the").arg("text"));
    loggr.stored(1, 30);
    let events = loggr.search("");
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    assert_eq!(event["message"], "the text", "{event}");
    for (key, value) in expect.as_object().expect("an object") {
        assert_eq!(&event[key], value, "`{key}` of {event}");
    }
    assert!(event["defects"].as_array().is_none_or(Vec::is_empty), "{event}");
    loggr.assert_balanced();
}

fn run(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn logger_over_a_unix_datagram_socket() {
    check_logger(
        "dgram",
        "-u SOCKET -d -t shop --id=77 -p local3.warning",
        json!({"app_name": "shop", "procid": "77", "facility": "local3", "severity": "warning"}),
    );
}

#[test]
fn logger_over_a_unix_stream_socket() {
    check_logger(
        "stream",
        "-u SOCKET -T -t shop -p daemon.err",
        json!({"app_name": "shop", "facility": "daemon", "severity": "err"}),
    );
}

#[test]
fn logger_with_rfc5424_over_tcp() {
    check_logger(
        "tcp",
        "-n 127.0.0.1 -P PORT -T --rfc5424 -t shop --id=5 --msgid ID47 --sd-id order@32473 --sd-param n=\"1\" -p mail.crit",
        json!({
            "app_name": "shop", "procid": "5", "msgid": "ID47", "facility": "mail", "severity": "crit",
        }),
    );
}

#[test]
fn logger_with_octet_counts_over_tcp() {
    check_logger(
        "tcp",
        "-n 127.0.0.1 -P PORT -T --octet-count --rfc5424 -t shop -p user.notice",
        json!({"app_name": "shop", "facility": "user", "severity": "notice"}),
    );
}

#[test]
fn logger_with_rfc3164_over_udp() {
    check_logger(
        "udp",
        "-n 127.0.0.1 -P PORT -d --rfc3164 -t shop -p cron.debug",
        json!({"app_name": "shop", "facility": "cron", "severity": "debug"}),
    );
}

/// `loggen` numbers its lines from 0: each has to arrive once.
#[track_caller]
fn check_loggen(listener: &str, arguments: &str, count: u64) {
    let Some(tool) = loggen() else { return };
    let loggr = Loggr::start();
    let mut command: Command = Tool::command(&tool);
    command.args(["--number", &count.to_string(), "--rate", "20000", "--size", "300", "--quiet"]);
    command.args(arguments.split(' ').filter(|word| !word.is_empty()));
    if listener == "tcp" {
        command.arg("127.0.0.1").arg(loggr.address(listener).port().to_string());
    } else {
        command.arg(loggr.socket(listener));
    }
    run(&mut command);
    loggr.stored(count, 60);
    let number = |event: &Value| -> u64 {
        let message = event["message"].as_str().expect("text");
        let digits = message.split("seq: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or(message);
        digits.trim().parse().unwrap_or_else(|_| panic!("no number: {event}"))
    };
    let mut numbers: Vec<u64> = loggr.search("").iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    assert_eq!(loggr.lines().len() as u64, count);
    loggr.assert_balanced();
}

#[test]
fn loggen_over_tcp_with_lines() {
    check_loggen("tcp", "--stream --inet", 5000);
}

#[test]
fn loggen_over_tcp_with_rfc5424_frames() {
    check_loggen("tcp", "--stream --inet --syslog-proto", 5000);
}

#[test]
fn loggen_over_a_unix_stream_socket() {
    check_loggen("stream", "--stream --unix", 5000);
}

#[test]
fn loggen_over_a_unix_datagram_socket() {
    check_loggen("dgram", "--dgram --unix", 2000);
}
