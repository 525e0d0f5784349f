//! What real senders write, and what an operator expects to find in the fields.
//!
//! One line each, in our own words: a device or program, its line, and source, program,
//! procid and message, with the stamp where it is the point. All were received on
//! 2026-11-29 at 20:00:10 UTC.

mod cisco;

use loggr_event::{Event, Origin, Timestamp, Uid};

fn received() -> Timestamp {
    Timestamp::parse_rfc3339(b"2026-11-29T20:00:10Z").expect("BUG: a stamp")
}

#[track_caller]
fn with<T>(line: &str, look: impl FnOnce(&Event<'_>) -> T) -> T {
    let origin = Origin::default();
    look(&Event::receive(line.as_bytes(), &origin, Uid::default(), received()))
}

/// `source | app_name | procid | message`.
#[track_caller]
fn check(line: &str, expect: &str) {
    let got = with(line, |e| format!("{} | {} | {} | {}", e.source, e.app_name, e.procid, e.message));
    assert_eq!(got, expect, "{line}");
}

/// The same for a line of 20:00:00 UTC, whatever its stamp looks like.
#[track_caller]
fn check_at_eight(line: &str, expect: &str) {
    check(line, expect);
    let time = with(line, |e| e.timereported.to_utc().to_string());
    assert!(time.starts_with("2026-11-29T20:00:00"), "{time}: {line}");
}

/// Defects, but for a missing host; and whether the raw line is kept.
#[track_caller]
fn check_defects(line: &str, expect: &str, raw: bool) {
    let got = with(line, |e| {
        let words = e.defects.words().filter(|w| *w != "no_source").collect::<Vec<_>>().join(" ");
        (words, e.raw.is_some())
    });
    assert_eq!(got, (expect.to_owned(), raw), "{line}");
}

/// The SD-PARAMs, `id.name=value`.
#[track_caller]
fn check_data(line: &str, expect: &str) {
    let got = with(line, |e| {
        let params = e.structured_data.iter().flat_map(|s| s.params.iter().map(move |p| (s, p)));
        params.map(|(s, p)| format!("{}.{}={}", s.id, p.name, p.value)).collect::<Vec<_>>().join(" ")
    });
    assert_eq!(got, expect, "{line}");
}

#[test]
fn other_network_devices() {
    check_at_eight(
        "<30>Nov 29 20:00:00  mx1 mgd[123]: UI_CMDLINE: show",
        "mx1 | mgd | 123 | UI_CMDLINE: show",
    );
    check_at_eight(
        "<28>Nov 29 20:00:00  mx1 (FPC Slot 0, PIC Slot 1) x",
        "mx1 |  |  | (FPC Slot 0, PIC Slot 1) x",
    );
    check_at_eight("<30>Nov 29 20:00:00.123 2026 re0-mx1 rpd[9]: BGP up", "re0-mx1 | rpd | 9 | BGP up");
    check_at_eight(
        "<14>1 2026-11-29T20:00:00.123Z srx RT_FLOW - RT_FLOW_SESSION_DENY [junos@2636.1.1.1.2.129 a=\"b\"] denied",
        "srx | RT_FLOW |  | denied",
    );
    check_at_eight(
        "<14>Nov 29 20:00:00 PA-VM 1,2026/11/29 20:00:00,0011,TRAFFIC",
        "PA-VM |  |  | 1,2026/11/29 20:00:00,0011,TRAFFIC",
    );
    check(
        "<189>date=2026-11-29 time=20:00:00 devname=\"fw\"",
        " |  |  | date=2026-11-29 time=20:00:00 devname=\"fw\"",
    );
    check_at_eight(
        "<134>1 2026-11-29T20:00:00Z gw1 CheckPoint 12 - [action:\"Accept\"; a:\"b\"]",
        "gw1 | CheckPoint | 12 | [action:\"Accept\"; a:\"b\"]",
    );
    check_at_eight(
        "<133>Nov 29 20:00:00 bigip1 notice mcpd[1234]: 01070727:5: Pool",
        "bigip1 | mcpd | 1234 | 01070727:5: Pool",
    );
    check_at_eight(
        "<134>Nov 29 20:00:00 bigip1 info logger: [ssl_acc] x",
        "bigip1 | logger |  | [ssl_acc] x",
    );
    check_at_eight("<133>Nov 29 20:00:00 bigip1 notice kernel: x", "bigip1 | kernel |  | x");
    check_at_eight("<131>Nov 29 20:00:00 bigip1 err tmm: x", "bigip1 | tmm |  | x");
    check_at_eight("<132>Nov 29 20:00:00 bigip1 warning tmm1[1234]: x", "bigip1 | tmm1 | 1234 | x");
    check_at_eight("<131>Nov 29 20:00:00 bigip1 info logger: x", "bigip1 |  |  | info logger: x");
    check_at_eight("<131>Nov 29 20:00:00 h error reading: x", "h |  |  | error reading: x");
    check_defects("<134>Nov 29 20:00:00 bigip1 info logger: [ssl_acc] x", "", false);
    check_at_eight(
        "<134> 11/29/2026:20:00:00 GMT nsvpx 0-PPE-0 : default SSLVPN LOGIN 1 0 : x",
        "nsvpx |  |  | 0-PPE-0 : default SSLVPN LOGIN 1 0 : x",
    );
    check_at_eight(
        "<134> 2026/11/29:20:00:00 GMT  0-PPE-0 : default SSLVPN LOGIN 1 0 : x",
        " |  |  | 0-PPE-0 : default SSLVPN LOGIN 1 0 : x",
    );
    // 5 November and 11 May: the nearer one is meant.
    let stamp_of = |line: &str, now: &str| {
        let origin = Origin::default();
        let now = Timestamp::parse_rfc3339(now.as_bytes()).expect("BUG: a stamp");
        let e = Event::receive(line.as_bytes(), &origin, Uid::default(), now);
        (e.source.into_owned(), e.timereported.to_string()[..10].to_owned())
    };
    for line in [
        "<134> 05/11/2026:20:00:00 GMT ns1 0-PPE-0 : x",
        "<134>05-11-2026 20:00:00 ns1 app: x",
        "<134>05/11/26 20:00:00 ns1 app: x",
    ] {
        for (now, expect) in [
            ("2026-11-05T20:00:10Z", "2026-11-05"),
            ("2026-11-07T20:00:10Z", "2026-11-05"),
            ("2026-05-11T20:00:10Z", "2026-05-11"),
            ("2026-05-12T20:00:10Z", "2026-05-11"),
        ] {
            assert_eq!(stamp_of(line, now), ("ns1".to_owned(), expect.to_owned()), "{line} {now}");
        }
    }
    check_at_eight("<134> 29/11/2026:20:00:00 GMT nsvpx 0-PPE-0 : x", "nsvpx |  |  | 0-PPE-0 : x");
    check_at_eight(
        "<190>Nov 29 20:00:00 2026 HPE %%10SHELL/5/SHELL_LOGIN: admin",
        "HPE | %%10SHELL/5/SHELL_LOGIN |  | admin",
    );
    check_at_eight(
        "<14> Nov 29 20:00:00 10.0.0.1 00076 ports: port 3 is now on-line",
        "10.0.0.1 | ports |  | port 3 is now on-line",
    );
    check_at_eight(
        "<14> Nov 29 20:00:00 10.0.0.1 00077 ports:  ST1-CMDR: port 3 is now off-line",
        "10.0.0.1 | ports |  |  ST1-CMDR: port 3 is now off-line",
    );
    with("<14> Nov 29 20:00:00 10.0.0.1 00076 ports: port 3", |e| assert_eq!(e.msgid, "00076"));
    check_defects("<14> Nov 29 20:00:00 10.0.0.1 00076 ports: port 3", "", false);
    check_at_eight("<14>Nov 29 20:00:00 h 10240 files: x", "h |  |  | 10240 files: x");
    check_at_eight("<14>Nov 29 20:00:00 h 200 files: x", "h |  |  | 200 files: x");
    check_at_eight("<14>Nov 29 20:00:00 h 10240 bytes left", "h |  |  | 10240 bytes left");
    check_at_eight(
        "<189>Nov 29 20:00:00:123 2026 HPE %%10SHELL/5/SHELL_LOGIN: x",
        "HPE | %%10SHELL/5/SHELL_LOGIN |  | x",
    );
    check_at_eight(
        "<190>Nov 29 2026 20:00:00 hw1 %%01SHELL/5/CMDRECORD(s)[12]:Recorded",
        "hw1 | %%01SHELL/5/CMDRECORD(s) | 12 | Recorded",
    );
    check_at_eight(
        "<190>Nov 30 2026 04:00:00+08:00 hw1 %%01SHELL/5/CMD(l):x",
        "hw1 | %%01SHELL/5/CMD(l) |  | x",
    );
    check_at_eight(
        "<190>Nov 29 2026 20:00:00.370.1 hw1 %%01SHELL/5/CMD(l):x",
        "hw1 | %%01SHELL/5/CMD(l) |  | x",
    );
    check_at_eight(
        "<30>2026:11:29-20:00:00 utm ulogd[1234]: id=\"2001\"",
        "utm | ulogd | 1234 | id=\"2001\"",
    );
    check_at_eight(
        "<134>2026-11-29T20:00:00Z  waf-01  ADMIN_M ALER 51001 Account locked",
        "waf-01 |  |  | ADMIN_M ALER 51001 Account locked",
    );
    check_at_eight("<129>2026-11-29 20:00:00.123 +0000  waf-01 TR 1", "waf-01 |  |  | TR 1");
    check_at_eight(
        "<189> Nov 29 20:00:00 10.0.0.1-1 TRAPMGR[123]: t.c(614) 1 %% Link Up",
        "10.0.0.1-1 | TRAPMGR | 123 | t.c(614) 1 %% Link Up",
    );
    check_at_eight(
        "<30>Nov 29 20:00:00 MikroTik system,info user admin",
        "MikroTik |  |  | system,info user admin",
    );
    check_at_eight(
        "<141>Nov 29 20:00:00 2026 Aruba authmgr[12]: <522008> <NOTI> x",
        "Aruba | authmgr | 12 | <522008> <NOTI> x",
    );
    check_at_eight(
        "<190>Nov 29 20:00:00 local7.info sw1 Acl: %ACL-6-IPACCESS: denied",
        "sw1 | Acl |  | %ACL-6-IPACCESS: denied",
    );
    check_at_eight("<30>Nov 29 20:00:00 OpenWrt daemon.info dnsmasq[12]: x", "OpenWrt | dnsmasq | 12 | x");
    check_at_eight("<30>Nov 29 20:00:00 daemon.info dnsmasq[12]: x", " | dnsmasq | 12 | x");
    check_defects("<30>Nov 29 20:00:00 daemon.info dnsmasq[12]: x", "", false);
    check_defects("<30>Nov 29 20:00:00 daemon.err dnsmasq[12]: x", "", true);
}

#[test]
fn access_points() {
    check_at_eight(
        "<30>Nov 29 20:00:00 U7PG2,0011aabbccdd,v4.0.66: logread[54]: x",
        "U7PG2,0011aabbccdd,v4.0.66 | logread | 54 | x",
    );
    check_at_eight(
        "<30>Nov 29 20:00:00 (\"U7PG2,0011aabbccdd,v4.0.66\") logread[54]: x",
        "U7PG2,0011aabbccdd,v4.0.66 | logread | 54 | x",
    );
    check_at_eight(
        "<30>Nov 29 20:00:00 Lobby 0011aabbccdd,UAP-AC-Pro-6.0.21+13: hostapd[12]: x",
        "Lobby | hostapd | 12 | x",
    );
}

#[test]
fn unix_systems() {
    check_at_eight("<13>Nov 29 20:00:00 Message forwarded from aix1: sshd[12]: x", "aix1 | sshd | 12 | x");
    check_at_eight("<38>Nov 29 20:00:00 Forwarded from web01: sshd[12]: x", "web01 | sshd | 12 | x");
    check_at_eight("<38>Nov 29 20:00:00 relay Forwarded from web01: sshd[12]: x", "web01 | sshd | 12 | x");
    check("<38>Forwarded from web01: sshd[12]: x", "web01 | sshd | 12 | x");
    check_at_eight(
        "<38>Nov 29 20:00:00 h Forwarded from one queue to another",
        "h |  |  | Forwarded from one queue to another",
    );
    check_at_eight("<13>Nov 29 20:00:00 From aix1: sshd[12]: x", "aix1 | sshd | 12 | x");
    check_at_eight(
        "<13>Nov 29 20:00:00 relay Message forwarded from aix1: sshd[12]: x",
        "aix1 | sshd | 12 | x",
    );
    check_at_eight(
        "<38>Nov 29 20:00:00 Message forwarded from aix1: auth|security:info sshd[12]: x",
        "aix1 | sshd | 12 | x",
    );
    check_at_eight("<38>Nov 29 20:00:00 aix1 auth|security:info sshd[12]: x", "aix1 | sshd | 12 | x");
    check_at_eight(
        "<13>Nov 29 20:00:00 Message forwarded from aix1: last message repeated 2 times",
        "aix1 |  |  | last message repeated 2 times",
    );
    check_at_eight(
        "<13>Nov 29 20:00:00 last message repeated 5 times",
        " |  |  | last message repeated 5 times",
    );
    check_at_eight(
        "<13>Nov 29 20:00:00 web01 last message repeated 5 times",
        "web01 |  |  | last message repeated 5 times",
    );
    check_at_eight("<13>Nov 29 20:00:00 -- MARK --", " |  |  | -- MARK --");
    check_at_eight("<46>Nov 29 20:00:00 exiting on signal 15", " |  |  | exiting on signal 15");
    check_at_eight(
        "<38>Nov 29 20:00:00 sun1 sshd[12]: [ID 800047 auth.info] Accepted",
        "sun1 | sshd | 12 | [ID 800047 auth.info] Accepted",
    );
    check_at_eight("<6>Nov 29 20:00:00 web01 kernel: [12.5] eth0 up", "web01 | kernel |  | [12.5] eth0 up");
    check_at_eight("<13>Nov 29 20:00:00 mac Google Chrome[12]: x", "mac | Google Chrome | 12 | x");
    check_at_eight("<13>Nov 29 20:00:00 last: x", " | last |  | x");
    check_at_eight("<13>Nov 29 20:00:00 mail001 postfix/smtpd[9]: x", "mail001 | postfix/smtpd | 9 | x");
    check("Nov 29 20:00:00 aix1 auth|security:info sshd[12]: x", "aix1 | sshd | 12 | x");
    let priority = with("Nov 29 20:00:00 aix1 auth|security:info sshd[12]: x", |e| e.priority());
    assert_eq!(priority, 4 * 8 + 6);
}

#[test]
fn windows_agents() {
    check_at_eight(
        "<14>Nov 29 20:00:00 WIN1\tMSWinEventLog\t1\tSecurity",
        "WIN1 |  |  | MSWinEventLog\t1\tSecurity",
    );
    check_at_eight(
        "<14>Nov 29 20:00:00 WIN1 MSWinEventLog\t1\tSecurity",
        "WIN1 |  |  | MSWinEventLog\t1\tSecurity",
    );
    check_at_eight(
        "<30>Nov 29 20:00:00 WIN1 Service Control Manager[7036]: x",
        "WIN1 | Service Control Manager | 7036 | x",
    );
    check_at_eight(
        "<30>Nov 29 20:00:00 WIN1 Microsoft-Windows-Security-Auditing[4]: x",
        "WIN1 | Microsoft-Windows-Security-Auditing | 4 | x",
    );
    check_at_eight("<13>Nov 29 20:00:00 WIN1\tapp[1]:\tx", "WIN1 | app | 1 | x");
}

#[test]
fn virtual_machines() {
    let line = "<166>1 2026-11-29T20:00:00.123Z esx1 Hostd 2099159 - [Originator@6876 sub=Hostd.Vmomi opID=abc user=root] x";
    check_at_eight(line, "esx1 | Hostd | 2099159 | x");
    check_data(line, "Originator@6876.sub=Hostd.Vmomi Originator@6876.opID=abc Originator@6876.user=root");
    check_defects(line, "", false);
    check_at_eight(
        "<166>2026-11-29T20:00:00.123Z esx1 Hostd[2099159]: [Originator@6876 sub=Vimsvc] x",
        "esx1 | Hostd | 2099159 | [Originator@6876 sub=Vimsvc] x",
    );
    check_at_eight(
        "2026-11-29T20:00:00.123Z info hostd[2099159] [Originator@6876 sub=V] x",
        " | hostd | 2099159 | [Originator@6876 sub=V] x",
    );
    check_at_eight("2026-11-29T20:00:00.123Z warning vpxa[2099159] [a] x", " | vpxa | 2099159 | [a] x");
    check_at_eight("2026-11-29T20:00:00.123Z verbose hostd[20991] [a] x", " | hostd | 20991 | [a] x");
    check_at_eight("2026-11-29T20:00:00.123Z In(166) Hostd[2099159]: x", " | Hostd | 2099159 | x");
    check_at_eight(
        "2026-11-29T20:00:00.123Z Wa(180) vmkwarning: cpu4:2097 x",
        " | vmkwarning |  | cpu4:2097 x",
    );
    check_at_eight("<166>2026-11-29T20:00:00.123Z esx1 In(166) Hostd[20]: x", "esx1 | Hostd | 20 | x");
    for (line, priority) in [
        ("2026-11-29T20:00:00.123Z In(166) Hostd[2099159]: x", 166),
        ("2026-11-29T20:00:00.123Z Wa(180) vmkwarning: cpu4:2097 x", 180),
        ("2026-11-29T20:00:00.123Z warning vpxa[2099159] [a] x", 12),
    ] {
        assert_eq!(with(line, |e| e.priority()), priority, "{line}");
    }
    check_defects("2026-11-29T20:00:00.123Z In(166) Hostd[2099159]: x", "", false);
    check_defects("2026-11-29T20:00:00.123Z info hostd[2099159] [a] x", "no_priority", false);
    check_at_eight("2026-11-29T20:00:00.123Z info app: x", "info | app |  | x");
    check_at_eight(
        "<182>1 2026-11-29T20:00:00.123Z nsx NSX 43 - [nsx@6876 comp=\"manager\" level=\"INFO\"] x",
        "nsx | NSX | 43 | x",
    );
    check_at_eight(
        "<14>1 2026-11-29T20:00:00.123+00:00 vc vpxd 54 - -  info vpxd[54] x",
        "vc | vpxd | 54 | info vpxd[54] x",
    );
}

#[test]
fn programs() {
    check_at_eight("<14>2026-11-29T20:00:00Z h app[12]: x\n", "h | app | 12 | x");
    check_at_eight("<134>Nov 29 20:00:00 haproxy[12]: 10.0.0.1:5000", " | haproxy | 12 | 10.0.0.1:5000");
    check("<14>app: x\0", " | app |  | x");
    check("<14>INFO  [main] com.foo.Bar - x", " |  |  | INFO  [main] com.foo.Bar - x");
    check("<134>myapp: 2026-11-29 20:00:00,123 INFO x", " | myapp |  | 2026-11-29 20:00:00,123 INFO x");
    check_at_eight("<14>2026-11-29 20:00:00,123 ERROR com.foo.Bar: x", " |  |  | ERROR com.foo.Bar: x");
    check_at_eight("<14>Nov 29 20:00:00 h {\"a\":1}", "h |  |  | {\"a\":1}");
    check_at_eight("<14>Nov 29 20:00:00 h CEF:0|a|b|1|2|c d|3|e=f", "h |  |  | CEF:0|a|b|1|2|c d|3|e=f");
    check_at_eight("<14>Nov 29 20:00:00 h LEEF:1.0|a|b|1|2|c=d", "h |  |  | LEEF:1.0|a|b|1|2|c=d");
    check_at_eight(
        "<14>2026-11-29 20:00:00,933, rsa1.example, audit.runtime, INFO",
        "rsa1.example |  |  | rsa1.example, audit.runtime, INFO",
    );
}

#[test]
fn long_tags() {
    let digest = "0123456789abcdef".repeat(4);
    let tag = format!("registry.example.com:5000/team/shop:1.2@sha256:{digest}/shop_web.1.x/1234abcd");
    check_at_eight(&format!("<30>Nov 29 20:00:00 {tag}[991]: hello"), &format!(" | {tag} | 991 | hello"));
    check_at_eight(&format!("<30>Nov 29 20:00:00 h {tag}[991]: hello"), &format!("h | {tag} | 991 | hello"));
    let word = "x".repeat(513);
    check_at_eight(&format!("<30>Nov 29 20:00:00 h {word}: hello"), &format!("h |  |  | {word}: hello"));
}

#[test]
fn stamps() {
    for stamp in [
        "2026/11/29 20:00:00",
        "2026-11-29_20:00:00",
        "2026.11.29 20:00:00",
        "29/Nov/2026:20:00:00 +0000",
        "29-Nov-2026 20:00:00.123",
        "29 Nov 2026 20:00:00",
        "29.11.2026 20:00:00",
        "11/29/2026 08:00:00 PM",
        "Sun Nov 29 20:00:00 2026",
        "Sun Nov 29 20:00:00 UTC 2026",
        "Sun, 29 Nov 2026 21:00:00 +0100",
        "Nov 29, 2026 8:00:00 PM",
        "Nov 30 01:30:00 +05:30",
        "Nov 30 01:30:00 GMT+05:30",
        "Nov 29 14:00:00 TZ-6",
        "Nov 29 14:00:00 CST 2026",
        "2026 Nov 29 20:00:00",
        "2026-11-29T20:00Z",
        "20261129T200000Z",
        "2026-11-30 01:30:00.5 +05:30",
        "2026-11-29 20:00:00:123",
        "2026-11-29T20:00:00:123Z",
        "2026/11/29 20:00:00:123",
        "Nov 29 20:00:00:123",
        "Nov 29 20:00:00:123 2026",
        "Nov 29 2026 20:00:00:123",
        "Nov 29 2026 20:00:00:123456",
        "1795982400",
        "1795982400123",
    ] {
        check_at_eight(&format!("<13>{stamp} h app[1]: x"), "h | app | 1 | x");
    }
    check_at_eight("<134>Nov 29 16:30:00 -03:30: app[1]: x", " | app | 1 | x");
    for (time, zone) in [
        ("22:00:00", "CAT"),
        ("23:00:00", "EAT"),
        ("21:00:00", "WAT"),
        ("12:00:00", "AKDT"),
        ("16:30:00", "NST"),
        ("17:30:00", "NDT"),
        ("18:00:00", "BRST"),
        ("17:00:00", "CLST"),
        ("15:00:00", "COT"),
        ("15:00:00", "PET"),
        ("16:00:00", "BOT"),
    ] {
        check_at_eight(&format!("<13>Nov 29 {time} {zone} h app: x"), "h | app |  | x");
        check_at_eight(&format!("<13>Nov 29 {time} {zone}: app: x"), " | app |  | x");
        check_at_eight(&format!("<189>40: Nov 29 {time}.778 {zone}: %SYS-5-A: x"), " | %SYS-5-A |  | x");
    }
    // Words that are names as well: a program behind them says that they are hosts.
    check_at_eight("<13>Nov 29 20:00:00 BOT app[1]: x", "BOT | app | 1 | x");
    check_at_eight("<13>Nov 29 20:00:00 CAT app: x", "CAT | app |  | x");
    check("<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% x", "mymachine | myproc | 10 | %% x");
    check("<0>1990 Oct 22 10:52:01 TZ-6 a.example.org 10.1.2.3 sched[0]: x", "a.example.org | sched | 0 | x");
}

#[test]
fn what_begins_like_a_date_is_neither_host_nor_program() {
    check("<134>2026-11-29T20:00:00ZZ h app[1]: x", "h | app | 1 | x");
    check("<134>Nov 31 20:00:00 h app[1]: x", "h | app | 1 | x");
    check("<134>2026-13-29 20:00:00 h app[1]: x", "h | app | 1 | x");
    check("<134>2026-11-29 backup: done", " |  |  | 2026-11-29 backup: done");
    for text in [
        "29/Nov/2026:20:00:00 +0100 GET /",
        "29-Nov-2026: x",
        "29-Nov-2026 20:00:00: x",
        "9-Oct-26: x",
        "29.Nov.2026: x",
        "2026-Nov-29: x",
        "2026/Nov/29:20:00:00 x",
    ] {
        check_at_eight(&format!("<13>Nov 29 20:00:00 h {text}"), &format!("h |  |  | {text}"));
    }
    check("<134>2026-Oct-29 backup done", " |  |  | 2026-Oct-29 backup done");
    check("<134>31-Nov-2026 20:00:00 h app[1]: x", "h | app | 1 | x");
    check_at_eight("<13>Nov 29 20:00:00 h 2-way-11: x", "h | 2-way-11 |  | x");
    check_at_eight("<13>Nov 29 20:00:00 h 1-mar-host: x", "h | 1-mar-host |  | x");
    check_defects("<134>2026-11-29T20:00:00ZZ h app[1]: x", "no_timestamp", true);
}

#[test]
fn two_blanks_where_one_is_usual() {
    check_at_eight("<13>Nov 29 20:00:00 h  app[1]: x", "h | app | 1 | x");
    check_at_eight("<13>Nov 29 20:00:00   h   app[1]: x", "h | app | 1 | x");
    check_at_eight("<13>Nov 29 20:00:00\th\tapp: x", "h | app |  | x");
    check_at_eight("<13>Nov 29 20:00:00 h app[1] : x", "h | app | 1 | x");
    check_at_eight("<13>Nov 29 20:00:00 h app : x", "h | app |  | x");
    check_at_eight("<13>Nov 29 20:00:00 h app [1]: x", "h | app | 1 | x");
    check_at_eight("<13>Nov 29 20:00:00 h app[]: x", "h | app |  | x");
}

#[test]
fn rfc5424_that_is_none() {
    let cases = [
        (
            "2026-11-29T20:00:00Z h CEF:0|a|b|1|2|c d|3|src=1 dst=2",
            "h |  |  | CEF:0|a|b|1|2|c d|3|src=1 dst=2",
        ),
        ("2026-11-29T20:00:00Z h CEF:0|a|b|1|2|c d e - f", "h |  |  | CEF:0|a|b|1|2|c d e - f"),
        ("2026-11-29T20:00:00Z h LEEF:1.0|a|b|1|2|c=d e=f g=h i", "h |  |  | LEEF:1.0|a|b|1|2|c=d e=f g=h i"),
        ("2026-11-29T20:00:00Z h  app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29T20:00:00Z  h app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29T20:00:00Z h app  - - x", "h | app |  | x"),
        ("2026-11-29 20:00:00 h app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29 21:00:00 +0100 h app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29T21:00:00.123 +01:00 h app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29T21:00:00 +0100 h app 12 - [a b=\"c\"] x", "h | app | 12 | x"),
        ("2026-11-29T20:00:00 UTC h app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29T21:00:00 CET h app 12 ID - x", "h | app | 12 | x"),
        ("2026-11-29T08:00:00 PM h app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29T08:00:00.5 pm h app 12 - - x", "h | app | 12 | x"),
        ("Nov 29 20:00:00 h app[12]: x", "h | app | 12 | x"),
        ("Nov 29 20:00:00 h app 12 - - x", "h | app | 12 | x"),
        ("2026-11-29T20:00:00Z h app[12]: failed log in - user x", "h | app | 12 | failed log in - user x"),
        ("2026-11-29T20:00:00Z h app[12]: a b - c", "h | app | 12 | a b - c"),
        ("2026-11-29T20:00:00Z app[12]: a b c d", " | app | 12 | a b c d"),
        ("2026-11-29T20:00:00Z h Hello world of text", "h |  |  | Hello world of text"),
        ("2026-11-29T20:00:00Z h {\"a\": 1, \"b\": 2, \"c\": 3}", "h |  |  | {\"a\": 1, \"b\": 2, \"c\": 3}"),
    ];
    for (line, expect) in cases {
        let line = format!("<134>1 {line}");
        check_at_eight(&line, expect);
        check_defects(&line, "bad_header", true);
    }
    check_at_eight("<134>1 2026-11-29T20:00:00Z h app 12 text of it", "h | app | 12 | text of it");
    check_at_eight("<134>1 2026-11-29T20:00:00Z h app 12 ID47 text of it", "h | app | 12 | text of it");
    check_at_eight(
        "<134>1 2026-11-29T20:00:00Z h app - CEF:0|a|b|1|2|c d|3|e",
        "h | app |  | CEF:0|a|b|1|2|c d|3|e",
    );
    // A text in brackets is no structured data unless something says so.
    for (line, expect) in [
        ("h app 12 - [main] INFO started", "h | app | 12 | [main] INFO started"),
        ("h app 12 ID47 [main] INFO started", "h | app | 12 | [main] INFO started"),
        ("h app 12 - [main][warn] x", "h | app | 12 | [main][warn] x"),
        ("h app 12 - [main]", "h | app | 12 | [main]"),
        ("h app web.1 - [info] x", "h | app | web.1 | [info] x"),
    ] {
        let line = format!("<14>1 2026-11-29T20:00:00Z {line}");
        check_at_eight(&line, expect);
        check_data(&line, "");
        check_defects(&line, "bad_structured_data", false);
    }
    for (line, ids) in [
        ("[meta][timeQuality] x", 2),
        ("[junos@2636.1.1.1.2.129] x", 1),
        ("[a b=\"c\"][d] x", 2),
        ("[x@1][d] x", 2),
        ("[origin] x", 1),
    ] {
        let line = format!("<14>1 2026-11-29T20:00:00Z h app 12 - {line}");
        check_at_eight(&line, "h | app | 12 | x");
        assert_eq!(with(&line, |e| e.structured_data.len()), ids, "{line}");
        check_defects(&line, "", false);
    }
    // Heroku: no structured data, and a process that is a word.
    check_at_eight(
        "<40>1 2026-11-29T20:00:00+00:00 host app web.3 - State changed",
        "host | app | web.3 | State changed",
    );
    check_at_eight(
        "<158>1 2026-11-29T20:00:00+00:00 host heroku router - at=info method=GET",
        "host | heroku | router | at=info method=GET",
    );
    check_at_eight(
        "<134>1 2026-11-29T20:00:00+00:00 host app heroku-postgres - source=DATABASE sample#x=1",
        "host | app | heroku-postgres | source=DATABASE sample#x=1",
    );
    check_defects(
        "<40>1 2026-11-29T20:00:00+00:00 host app web.3 - State changed",
        "bad_structured_data",
        false,
    );
    check_at_eight(
        "<134>1 2026-11-29T20:00:00Z h app[12] started - user x",
        "h | app | 12 | started - user x",
    );
    check_at_eight("<999>1 2026-11-29T20:00:00Z h app 12 - - x", "h | app | 12 | x");
    check_at_eight("1 2026-11-29T20:00:00Z h app 12 - - x", "h | app | 12 | x");
    // A host may be named like a zone or half a day.
    check_at_eight("<134>1 2026-11-29T20:00:00 EST app 12 ID - x", "EST | app | 12 | x");
    check_at_eight("<134>1 2026-11-29T20:00:00 PM app 12 ID [a b=\"c\"] x", "PM | app | 12 | x");
    check_at_eight("<134>1 2026-11-29T20:00:00 - app 12 ID - x", " | app | 12 | x");
    check_at_eight("<134>1 2026-11-29T20:00:00 h app 12 - - x", "h | app | 12 | x");
    check_defects("<134>1 2026-11-29T20:00:00 h app 12 - - x", "", false);
    check_at_eight("<134> 1 2026-11-29T20:00:00Z h app 12 - - x", "h | app | 12 | x");
    check_defects("1 2026-11-29T20:00:00Z h app 12 - - x", "no_priority", false);
}

#[test]
fn other_versions_of_rfc5424() {
    check_at_eight("<165>2 2026-11-29T20:00:00Z h app 12 ID - x", "h | app | 12 | x");
    check_at_eight("<165>999 2026-11-29T20:00:00Z h app 12 ID [a b=\"c\"] x", "h | app | 12 | x");
    check_defects("<165>2 2026-11-29T20:00:00Z h app 12 ID - x", "unknown_version", true);
    check("<13>2 apples fell - and more", " |  |  | 2 apples fell - and more");
    check("<13>12 2026-11-29T20:00:00Z", " |  |  | 12 2026-11-29T20:00:00Z");
}
