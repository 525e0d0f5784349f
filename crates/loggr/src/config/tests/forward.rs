//! Shippers of kind `syslog`: what a section says, and the mistakes in it.

use super::*;
use crate::config::ship::{Balance, Carrier, ForwardTls, Framing, SyslogShip};

/// The shipper `siem` of a file.
#[track_caller]
fn ship(keys: &str) -> SyslogShip {
    let config = read(&format!("[ship.siem]\nkind = 'syslog'\n{keys}\n"));
    let ship = config.ships.into_iter().find(|ship| ship.name == "siem").expect("the shipper");
    match ship.kind {
        ShipKind::Syslog(syslog) => *syslog,
        other => panic!("{other:?}"),
    }
}

/// The mistakes of its keys.
#[track_caller]
fn check_mistakes(keys: &str, expect: &[&str]) {
    assert_eq!(problems(&format!("[ship.siem]\nkind = 'syslog'\n{keys}\n")), expect);
}

#[test]
fn a_target_is_enough() {
    let expect = SyslogShip {
        carrier: Carrier::Relp,
        targets: vec![Address::parse("siem1:2514").unwrap()],
        balance: Balance::Failover,
        format: DumpFormat::Rfc5424,
        framing: Framing::OctetCounting,
        window: 4096,
        bandwidth: None,
        timeout: Duration::from_secs(30),
        return_after: Duration::from_secs(60),
        compress: false,
        tls: None,
    };
    assert_eq!(ship("targets = 'siem1:2514'"), expect);
}

#[test]
fn what_a_whole_section_says() {
    let tls = ForwardTls {
        authorities: Some("/etc/loggr/ca.crt".into()),
        identity: Some(("/etc/loggr/a.crt".into(), "/etc/loggr/a.key".into())),
        name: Some("siem.example.net".into()),
        verify: true,
    };
    let expect = SyslogShip {
        carrier: Carrier::Tcp,
        targets: vec![Address::parse("siem1:6514").unwrap(), Address::parse("[::1]:6514").unwrap()],
        balance: Balance::RoundRobin,
        format: DumpFormat::Rfc3164,
        framing: Framing::Lf,
        window: 7,
        bandwidth: Some(10_000_000),
        timeout: Duration::from_secs(5),
        return_after: Duration::from_secs(120),
        compress: false,
        tls: Some(tls),
    };
    let said = ship(
        "protocol = 'tcp'\ntargets = ['siem1:6514', '[::1]:6514']\nbalance = 'round-robin'\nformat = 'RFC3164'\n\
         framing = 'lf'\nwindow = 7\nbandwidth = '10MB/s'\ntimeout = '5s'\nreturn_after = '2m'\n\
         tls = { ca = 'ca.crt', cert = 'a.crt', key = 'a.key', name = 'siem.example.net' }",
    );
    assert_eq!(said, expect);
    assert!(ship("targets = 'a:1'\ncompress = 'zstd'").compress);
    let bare = ForwardTls { authorities: None, identity: None, name: None, verify: true };
    assert_eq!(ship("targets = 'a:1'\n[ship.siem.tls]").tls, Some(bare.clone()));
    let blind = ForwardTls { verify: false, ..bare };
    assert_eq!(ship("targets = 'a:1'\ntls = { verify = false }").tls, Some(blind));
}

#[test]
fn the_private_key_is_a_secret() {
    let config = read("[ship.s]\nkind='syslog'\ntargets='a:1'\ntls={cert='c',key='k'}");
    let ship = config.ships.iter().find(|ship| ship.name == "s").unwrap();
    assert_eq!(ship.kind.private_key(), Some(Path::new("/etc/loggr/k")));
}

#[test]
fn mistakes_of_targets() {
    check_mistakes("", &["`[ship.siem]` needs its `targets` | write `targets = [\"HOST:PORT\"]`"]);
    check_mistakes("targets = []", &["the list is empty"]);
    check_mistakes(
        "targets = 'siem'",
        &["`siem` is not an address such as `127.0.0.1:1514` or `[::1]:1514`"],
    );
    check_mistakes("targets = ':514'", &["`:514` names no host to connect to | write `HOST:PORT`"]);
    check_mistakes("targets = 'siem:0'", &["nothing can listen on the port 0 of `siem:0`"]);
}

#[test]
fn mistakes_of_bandwidth() {
    let check =
        |value: &str, expect| check_mistakes(&format!("targets = 'a:1'\nbandwidth = {value}"), &[expect]);
    check("'10MB'", "`10MB` is not a number of bytes a second such as `10MB/s`");
    check("'1B/s'", "1B/s is not between 1KiB/s and 1TiB/s");
    check("1000", "a number stands where a number of bytes a second such as `\"10MB/s\"` is expected");
}

#[test]
fn keys_that_do_not_go_together() {
    check_mistakes(
        "targets = 'a:1'\nframing = 'lf'",
        &["`framing` means nothing without `protocol = \"tcp\"` | only a stream needs it: write \
           `protocol = \"tcp\"`, or leave it out"],
    );
    check_mistakes(
        "targets = 'a:1'\nprotocol = 'udp'\ntls = {}",
        &["there is no TLS over UDP | write `protocol = \"relp\"` or `\"tcp\"`, or leave it out"],
    );
    check_mistakes(
        "targets = 'a:1'\nprotocol = 'tcp'\ncompress = 'zstd'",
        &[
            "`compress` means nothing without `protocol = \"relp\"` | write `protocol = \"relp\"`, or leave it out",
        ],
    );
    check_mistakes(
        "targets = 'a:1'\ncompress = 'gzip'",
        &["events on their way are not compressed with gzip | write `compress = \"zstd\"`"],
    );
    check_mistakes(
        "targets = 'a:1'\nformat = 'ES'",
        &["`ES` is no format for syslog | it is two lines, which no syslog server understands"],
    );
    check_mistakes(
        "targets = 'a:1'\nprotocol = 'tcp'\nframing = 'lf'\nformat = 'MSGPACK'",
        &["`MSGPACK` may hold line feeds that end nothing | write `framing = \"octet-counting\"`"],
    );
    check_mistakes("targets = 'a:1'\ntls = {cert = 'c'}", &["`cert` is of no use without `key`"]);
    check_mistakes(
        "targets = 'a:1'\ntls = {verify = false, ca = 'x'}",
        &["`ca` means nothing with `verify = false`"],
    );
    check_mistakes(
        "targets = 'a:1'\ntls = true",
        &["`true` or `false` stands where a table is expected | write `[ship.NAME.tls]`"],
    );
    check_mistakes(
        "targets = 'a:1'\npath = 'x'",
        &["`path` is not a key of the kind `syslog` | it belongs to `files`"],
    );
    check_mistakes(
        "targets = 'a:1'\nprotocol = 'rlep'",
        &["`rlep` is not a valid `protocol` | did you mean `relp`?"],
    );
}

#[test]
fn a_name_that_no_certificate_has_is_refused() {
    let found = problems("[ship.siem]\nkind='syslog'\ntargets='a:1'\ntls={name='a b'}");
    assert!(found.len() == 1 && found[0].contains("`a b`"), "{found:?}");
}
