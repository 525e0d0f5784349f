//! Lines of RFC 3164 and of what calls itself so.

use super::*;
use crate::{Origin, Timestamp, Transport, Uid};
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::parse_rfc3339(b"2026-11-22T10:00:00Z").unwrap()
}

fn show(line: &str, transport: Transport) -> String {
    let origin = Origin { transport, ..Origin::default() };
    let e = Event::receive(line.as_bytes(), &origin, Uid::default(), now());
    let sd: Vec<String> = e
        .structured_data
        .iter()
        .flat_map(|s| s.params.iter().map(move |p| format!(" {}.{}={}", s.id, p.name, p.value)))
        .collect();
    format!("{} | {} | {} | {}{}", e.source, e.app_name, e.procid, e.message, sd.join(""))
}

#[track_caller]
fn check(line: &str, expect: &str) {
    assert_eq!(show(line, Transport::Tcp), expect, "{line}");
}

#[track_caller]
fn check_unix(line: &str, expect: &str) {
    assert_eq!(show(line, Transport::UnixDgram), expect, "{line}");
}

#[track_caller]
fn check_defects(line: &str, expect: &str) {
    let origin = Origin { peer: "10.0.0.9:5000".to_owned(), ..Origin::default() };
    let e = Event::receive(line.as_bytes(), &origin, Uid::default(), now());
    assert_eq!(e.defects.words().collect::<Vec<_>>().join(" "), expect, "{line}");
}

#[test]
fn plain() {
    check("<34>Nov 22 10:00:00 web01 sshd[42]: hi there", "web01 | sshd | 42 | hi there");
    check("<34>Nov 22 10:00:00 web01 sshd: hi", "web01 | sshd |  | hi");
    check("<34>Nov 22 10:00:00 web01 sshd:hi", "web01 | sshd |  | hi");
    check("<34>Nov 22 10:00:00 10.0.0.1 Use the force", "10.0.0.1 |  |  | Use the force");
    check("<34>Nov 22 10:00:00 fe80::1 app: x", "fe80::1 | app |  | x");
    check("<34>Nov 22 10:00:00 2001:db8:: app: x", "2001:db8:: | app |  | x");
    check("<34>Nov 22 10:00:00 [10.0.0.1] app: x", "10.0.0.1 | app |  | x");
    check("<34>Nov 22 10:00:00 web01 postfix/smtpd[7]: x", "web01 | postfix/smtpd | 7 | x");
    check("<34>Nov 22 10:00:00 web01 sshd(pam_unix)[7]: x", "web01 | sshd(pam_unix) | 7 | x");
    check("<34>Nov 22 10:00:00 web01 (cron)[7]: x", "web01 | (cron) | 7 | x");
    check("<34>Nov 22 10:00:00 web01 Foo::Bar: x", "web01 | Foo::Bar |  | x");
    check("<34>Nov 22 10:00:00 web01 Foo::Bar[9]: x", "web01 | Foo::Bar | 9 | x");
    check("<34>Nov 22 10:00:00 web01 kernel: [ 12.5] x", "web01 | kernel |  | [ 12.5] x");
    check("<34>Nov 22 10:00:00 web01 kernel:[12.5] x", "web01 | kernel |  | [12.5] x");
    check("<34>Nov 22 10:00:00 web01 app[1] x", "web01 | app | 1 | x");
    check("<34>Nov 22 10:00:00 web01 app:", "web01 | app |  | ");
    check("<34>Nov 22 10:00:00 web01 app[1]:", "web01 | app | 1 | ");
    check("<34>Nov 22 10:00:00 web01 app:   three", "web01 | app |  |   three");
    check("<34>Nov 22 10:00:00 - app: x", " | app |  | x");
    check("<34>Nov 22 10:00:00 web01 ", "web01 |  |  | ");
}

#[test]
fn missing_host() {
    check("<34>Nov 22 10:00:00 sshd[42]: hi", " | sshd | 42 | hi");
    check("<34>Nov 22 10:00:00 sshd: hi", " | sshd |  | hi");
    check("<34>Nov 22 10:00:00 \"quoted\" text", " |  |  | \"quoted\" text");
    check("<34>Nov 22 10:00:00 key=value text", " |  |  | key=value text");
}

#[test]
fn missing_tag() {
    check(
        "<34>Nov 22 10:00:00 web01 last message repeated 3 times",
        "web01 |  |  | last message repeated 3 times",
    );
    check(
        "<34>Nov 22 10:00:00 web01 http://example.net/ is down",
        "web01 |  |  | http://example.net/ is down",
    );
    check("<34>Nov 22 10:00:00 web01 C:\\x is full", "web01 |  |  | C:\\x is full");
    check("<34>Nov 22 10:00:00 web01 10:00:00: tick", "web01 |  |  | 10:00:00: tick");
    check("<34>Nov 22 10:00:00 web01 @cee: {\"a\":1}", "web01 |  |  | @cee: {\"a\":1}");
    check("<34>Nov 22 10:00:00 web01 app: @cee:{\"a\":1}", "web01 | app |  | @cee:{\"a\":1}");
    check("<34>Nov 22 10:00:00 web01 aa:bb:cc:dd joined", "web01 |  |  | aa:bb:cc:dd joined");
}

#[test]
fn local_sockets_have_no_host() {
    check_unix("<13>Nov 22 10:00:00 root: hello world", " | root |  | hello world");
    check_unix("<13>Nov 22 10:00:00 root[5]: hello", " | root | 5 | hello");
    check_unix("<13>Nov 22 10:00:00 hello world", " |  |  | hello world");
    check_unix("<13>Nov 22 10:00:00 web01 root: hello", "web01 | root |  | hello");
    check_unix("<13>Nov 22 10:00:00 fw: %ASA-6-1: x", " | fw |  | %ASA-6-1: x");
    check_unix(
        "<13>1 2026-11-22T10:00:00.123456+01:00 web01 root - - [timeQuality tzKnown=\"1\"] hello",
        "web01 | root |  | hello timeQuality.tzKnown=1",
    );
}

#[test]
fn no_stamp() {
    check("<13>app[7]: text", " | app | 7 | text");
    check("<13>app: text", " | app |  | text");
    check("<13>just some text", " |  |  | just some text");
    check("<13> app: text", " | app |  | text");
    check("<13>web01 app[7]: text", "web01 | app | 7 | text");
    check("<13>10.0.0.1 app: text", "10.0.0.1 | app |  | text");
    check("<13>Interface eth0: down", " |  |  | Interface eth0: down");
    check("<13>", " |  |  | ");
    check(
        "<189>date=2026-11-22 time=10:00:00 devname=\"fw\"",
        " |  |  | date=2026-11-22 time=10:00:00 devname=\"fw\"",
    );
}

#[test]
fn cisco_lines() {
    check("<189>54: Nov 22 10:00:00.123: %SYS-5-X: m", " | %SYS-5-X |  | m meta.sequenceId=54");
    check(
        "<189>000054: *Mar  1 18:48:50.483 UTC: %SYS-5-X: m",
        " | %SYS-5-X |  | m timeQuality.isSynced=0 meta.sequenceId=54",
    );
    check("<189>54: rtr1: Nov 22 10:00:00: %SYS-5-X: m", "rtr1 | %SYS-5-X |  | m meta.sequenceId=54");
    check(
        "<189>54: rtr1: 000055: Nov 22 10:00:00: %SYS-5-X: m",
        "rtr1 | %SYS-5-X |  | m meta.sequenceId=54 meta.sequenceId=55",
    );
    check("<189>54: 1d02h: %SYS-5-X: m", " | %SYS-5-X |  | m meta.sequenceId=54 meta.sysUpTime=9360000");
    check("<189>00:00:46: %LINK-3-UP: m", " | %LINK-3-UP |  | m meta.sysUpTime=4600");
    check("<189>54: %SYS-5-X: m", " | %SYS-5-X |  | m meta.sequenceId=54");
    check("<189>: 2026 Nov 22 10:00:00.123 CET: %ETH-5-UP: m", " | %ETH-5-UP |  | m");
    check("<166>Nov 22 2026 10:00:00: %ASA-6-302013: m", " | %ASA-6-302013 |  | m");
    check("<166>Nov 22 2026 10:00:00 fw01 : %ASA-6-302013: m", "fw01 | %ASA-6-302013 |  | m");
    check("<166>Nov 22 2026 10:00:00 fw01: %ASA-6-302013: m", "fw01 | %ASA-6-302013 |  | m");
    check("<166>Nov 22 10:00:00 fw01 %ASA-6-302013: m", "fw01 | %ASA-6-302013 |  | m");
}

#[test]
fn other_stamps() {
    check("<13>2026-11-22T10:00:00.123456+01:00 web01 app[1]: x", "web01 | app | 1 | x");
    check("<13>2026-11-22T10:00:00Z web01 app x", "web01 |  |  | app x");
    check("<13>1795341600.123 web01 app: x", "web01 | app |  | x");
    check("<134>1 1795341600.774247467 mx84 events type=x", "mx84 |  |  | events type=x");
    check("<13>Nov 22 10:00:00.123 2026 mx mgd[12]: UI: x", "mx | mgd | 12 | UI: x");
    check("<13>Nov 22 10:00:00 CET web01 app: x", "web01 | app |  | x");
    check("<13>  Nov 22 10:00:00 web01 app: x", "web01 | app |  | x");
    check("<13>\u{feff}Nov 22 10:00:00 web01 app: \u{feff}x", "web01 | app |  | x");
}

#[test]
fn no_priority() {
    check("Nov 22 10:00:00 web01 app: x", "web01 | app |  | x");
    check("2026-11-22T10:00:00Z web01 app: x", "web01 | app |  | x");
    check("<999>Nov 22 10:00:00 web01 app: x", "web01 | app |  | x");
    check("app: just text", " |  |  | app: just text");
}

#[test]
fn defects() {
    check_defects("<34>Nov 22 10:00:00 web01 sshd[42]: hi", "");
    check_defects("Nov 22 10:00:00 web01 sshd[42]: hi", "no_priority");
    check_defects("<999>Nov 22 10:00:00 web01 sshd[42]: hi", "no_priority");
    check_defects("<34>web01 sshd[42]: hi", "no_timestamp");
    check_defects("<34>sshd[42]: hi", "no_timestamp no_source");
    check_defects("sshd: hi", "unparsed no_priority no_timestamp no_source");
    check_defects("<34>2026-11-22T10:00:00.123456789Z web01 a: hi", "timestamp_cut");
    check_defects("<34>1: Nov 22 10:00:00 QQQ: %SYS-5-X: hi", "no_source unknown_zone");
}

#[track_caller]
fn check_strict(line: &str, expect: Result<&str, usize>) {
    let origin = Origin::default();
    let got = Event::parse(line.as_bytes(), Format::Rfc3164, &origin, Uid::default(), now());
    let shown = got.map(|e| format!("{} | {} | {} | {}", e.source, e.app_name, e.procid, e.message));
    assert_eq!(shown.as_deref().map_err(ParseError::offset), expect, "{line}");
}

#[test]
fn strictly() {
    check_strict("<34>Nov 22 10:00:00 web01 sshd[42]: hi", Ok("web01 | sshd | 42 | hi"));
    check_strict("<34>Nov  2 10:00:00 web01 text", Ok("web01 |  |  | text"));
    check_strict("<34>Nov 02 10:00:00 web01 text", Err(8));
    check_strict("Nov 22 10:00:00 web01 text", Err(0));
    check_strict("<192>Nov 22 10:00:00 web01 text", Err(1));
    check_strict("<34>Nox 22 10:00:00 web01 text", Err(4));
    check_strict("<34>Nov 31 10:00:00 web01 text", Err(8));
    check_strict("<34>Nov 22 24:00:00 web01 text", Err(11));
    check_strict("<34>Nov 22 10:60:00 web01 text", Err(14));
    check_strict("<34>Nov 22 10:00:60 web01 text", Err(17));
    check_strict("<34>Nov 22 10:00:00", Err(19));
    check_strict("<34>Nov 22 10:00:00 ", Err(20));
    check_strict("<34>Nov 22 10:00:00 web01", Err(25));
    check_strict("<34>2026-11-22T10:00:00Z web01 text", Err(4));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        severity in 0u8..8, facility in 0u8..24, seconds in -100_000i64..100_000,
        source in "[a-z][a-z0-9.-]{0,20}", app_name in "[a-zA-Z][a-zA-Z0-9_./-]{0,20}", procid in "[0-9]{0,7}",
        message in "[a-z][^\u{0}-\u{1f}\u{7f}-\u{9f}]{0,30}",
    ) {
        let mut event = Event { source: source.into(), app_name: app_name.into(), procid: procid.into(), message: message.into(), ..Event::default() };
        pri::set(&mut event, facility * 8 + severity);
        event.timereported = Timestamp::from_unix_micros(now().unix_micros() + seconds * 1_000_000);
        event.timegenerated = now();
        let mut line = Vec::new();
        write(&event, &mut line);
        let origin = Origin::default();
        event.origin = Some(Cow::Borrowed(&origin));
        let strict = Event::parse(&line, Format::Rfc3164, &origin, Uid::default(), now());
        prop_assert_eq!(strict.as_ref(), Ok(&event));
        prop_assert_eq!(Event::receive(&line, &origin, Uid::default(), now()), event);
    }
}
