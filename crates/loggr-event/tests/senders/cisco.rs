//! Cisco devices, alone and behind relays.

use super::{check, check_at_eight, check_data, check_defects};

#[test]
fn cisco_ios() {
    check_at_eight(
        "<189>40: 000040: *Nov 29 20:00:00: %SYS-5-CONFIG_I: Configured",
        " | %SYS-5-CONFIG_I |  | Configured",
    );
    check_at_eight("<189>40: 000040: r1: Nov 29 20:00:00.123: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check_at_eight("<189>40: r1: 000040: Nov 29 20:00:00.123: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check_at_eight("<189>40: Nov 29 20:00:00.778 : %SYS-5-A: x", " | %SYS-5-A |  | x");
    check_at_eight("<189>40: Nov 29 21:00:00.778 cet: %SYS-5-A: x", " | %SYS-5-A |  | x");
    check_at_eight("<189>40: Nov 29 21:00:00.778 CET : %SYS-5-A: x", " | %SYS-5-A |  | x");
    check_at_eight("<189>40: Nov 29 20:00:00.778 Berlin: %SYS-5-A: x", " | %SYS-5-A |  | x");
    check_at_eight("<189>40: Nov 29 20:00:00.778 TZ: *%LWAPP-3-B: 1 wcm: x", " | %LWAPP-3-B |  | 1 wcm: x");
    check_at_eight("<189>40: Nov 29 2026 20:00:00 UTC: %SYS-5-A: x", " | %SYS-5-A |  | x");
    check_at_eight("<189>40: Nov 30 2026 01:30:00 +05:30: %SYS-5-A: x", " | %SYS-5-A |  | x");
    check("<189>40: 000040: %SYS-5-A: x", " | %SYS-5-A |  | x");
    check("<189>r1: 40: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check("<189>40: r1: 00:20:10: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check("<189>r1: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check("<189>%SYS-5-A: x", " | %SYS-5-A |  | x");
    check("<190>%LINK-W-Down:  gi1", " | %LINK-W-Down |  |  gi1");
    check_data(
        "<189>40: 000040: *Nov 29 20:00:00: %SYS-5-A: x",
        "timeQuality.isSynced=0 meta.sequenceId=40 meta.sequenceId=40",
    );
    check_data(
        "<189>40: 000040: 00:20:10: %SYS-5-A: x",
        "meta.sequenceId=40 meta.sequenceId=40 meta.sysUpTime=121000",
    );
    check_data("<189>40: 00:20:10.250: %SYS-5-A: x", "meta.sequenceId=40 meta.sysUpTime=121025");
    check_defects("<189>40: Nov 29 20:00:00.778 Berlin: %SYS-5-A: x", "unknown_zone", true);
    check_defects("<189>40: 000040: 00:20:10: %SYS-5-A: x", "no_timestamp", false);
}

#[test]
fn cisco_behind_a_relay() {
    check_at_eight("<189>Nov 29 20:00:01 r1 40: Nov 29 20:00:00.778: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check_at_eight(
        "<189>Nov 29 20:00:00 r1 40: 000041: *Mar  1 00:01:02.778: %SYS-5-A: x",
        "r1 | %SYS-5-A |  | x",
    );
    check_at_eight("<189>Nov 29 20:00:00 10.0.0.1 : %ASA-6-302013: x", "10.0.0.1 | %ASA-6-302013 |  | x");
    check("<189>Nov 29 20:00:00 r1 40 apples", "r1 |  |  | 40 apples");
}

#[test]
fn cisco_ios_xr() {
    check_at_eight(
        "<189>2812: RP/0/RSP0/CPU0:Nov 29 20:00:00.123 UTC: config[65539]: %MGBL-SYS-5-CONFIG_I : by core",
        " | config | 65539 | %MGBL-SYS-5-CONFIG_I : by core",
    );
    check_at_eight(
        "<149>2812: pe1 RP/0/RSP1/CPU0:Nov 29 20:00:00.941 UTC: bgp[1051]: %ROUTING-BGP-5-MAXPFX : x",
        "pe1 | bgp | 1051 | %ROUTING-BGP-5-MAXPFX : x",
    );
    check_at_eight(
        "<189>RP/0/RSP0/CPU0:Nov 29 20:00:00.123 : pim[12]: %ROUTING-PIM-5-N : up",
        " | pim | 12 | %ROUTING-PIM-5-N : up",
    );
    check_at_eight(
        "<189>LC/0/0/CPU0:Nov 29 20:00:00.123 XYZ: ifmgr[12]: %PKT_INFRA-LINK-3-UPDOWN : up",
        " | ifmgr | 12 | %PKT_INFRA-LINK-3-UPDOWN : up",
    );
    check_data("<189>2812: RP/0/RSP0/CPU0:Nov 29 20:00:00.123 UTC: a[1]: %B-5-C : x", "meta.sequenceId=2812");
}

#[test]
fn cisco_others() {
    check_at_eight(
        "<166>:Nov 29 20:00:00 UTC: %ASA-session-6-302015: Built",
        " | %ASA-session-6-302015 |  | Built",
    );
    check("<166>fw1: %ASA-6-302014: Teardown", "fw1 | %ASA-6-302014 |  | Teardown");
    check("<166>fw1 : %ASA-6-302014: Teardown", "fw1 | %ASA-6-302014 |  | Teardown");
    check("<166>fw1 %ASA-6-302014: Teardown", "fw1 | %ASA-6-302014 |  | Teardown");
    check_at_eight("<166>2026-11-29T20:00:00Z ftd1 : %FTD-6-430003: a: b", "ftd1 | %FTD-6-430003 |  | a: b");
    check_at_eight("<166>2026-11-29T20:00:00Z: %FTD-6-430003: a: b", " | %FTD-6-430003 |  | a: b");
    check_at_eight(
        "<187>2026 Nov 29 20:00:00.123 N7K-1 %$ VDC-1 %$ %ETHPORT-3-IF_X: y",
        "N7K-1 | %ETHPORT-3-IF_X |  | y",
    );
    check_at_eight(
        "<187>: 2026 Nov 29 20:00:00 UTC: %$ VDC-1 %$ %ETHPORT-3-IF_X: y",
        " | %ETHPORT-3-IF_X |  | y",
    );
    check_at_eight(
        "<187>Nov 29 20:00:00 apic1 %LOG_LOCAL7-3-SYSTEM_MSG [F0321][raised] x",
        "apic1 | %LOG_LOCAL7-3-SYSTEM_MSG |  | [F0321][raised] x",
    );
    check_at_eight(
        "<132>wlc-01: *spamApTask3: Nov 29 20:00:00.411: %CAPWAP-3-DTLS: a.c:75 closed",
        "wlc-01 | %CAPWAP-3-DTLS | spamApTask3 | a.c:75 closed",
    );
    check_at_eight(
        "<132>wlc-01: *emWeb: Nov 29 20:00:00.411: #AAA-5-AUTH: a.c:75 x",
        "wlc-01 | AAA-5-AUTH | emWeb | a.c:75 x",
    );
    check_at_eight(
        "<189>8103: Nov 29 20:00:00.411 UTC : %UC_AUDITLOG-5-AdministrativeEvent: x",
        " | %UC_AUDITLOG-5-AdministrativeEvent |  | x",
    );
    check_at_eight(
        "<187>34: : ccm: 1: cucm1.lab: Nov 29 2026 08:00:00 PM.123 UTC :  %UC_ALARM-3-Lost: %[a=b]: x",
        "cucm1.lab | %UC_ALARM-3-Lost |  | %[a=b]: x",
    );
    check_at_eight("<134>1 1795982400.774247467 MX84 flows src=10.0.0.1", "MX84 |  |  | flows src=10.0.0.1");
    check_defects("<134>1 1795982400.774 MX84 flows src=10.0.0.1", "", false);
}

#[test]
fn cisco_head_of_its_own_behind_a_relays() {
    check_at_eight(
        "<166>Nov 29 20:00:01 10.0.0.1 Nov 29 2026 20:00:00: %ASA-6-302013: x",
        "10.0.0.1 | %ASA-6-302013 |  | x",
    );
    check_at_eight("<189>Nov 29 20:00:01 r1 Nov 29 20:00:00.778: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check_at_eight("<189>Nov 29 20:00:01 r1 Nov 29 21:00:00.778 CET: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check_at_eight(
        "<189>Nov 29 20:00:01 r1 2026 Nov 29 20:00:00 UTC: %ETHPORT-5-A: x",
        "r1 | %ETHPORT-5-A |  | x",
    );
    check_at_eight(
        "<189>Nov 29 20:00:01 r1 : 2026 Nov 29 20:00:00 UTC: %ETHPORT-5-A: x",
        "r1 | %ETHPORT-5-A |  | x",
    );
    check_at_eight("<166>Nov 29 20:00:00 10.0.0.1 fw1: %ASA-6-302014: x", "10.0.0.1 | %ASA-6-302014 |  | x");
    check_at_eight("<166>Nov 29 20:00:00 10.0.0.1 fw1 : %ASA-6-302014: x", "10.0.0.1 | %ASA-6-302014 |  | x");
    check_at_eight(
        "<166>Nov 29 20:00:00 10.0.0.1 HQFW : %FTD-6-302014: x",
        "10.0.0.1 | %FTD-6-302014 |  | x",
    );
    check_at_eight("<166>Nov 29 20:00:00 10.0.0.1 fw1 %ASA-6-302014: x", "10.0.0.1 | %ASA-6-302014 |  | x");
    check_at_eight(
        "<166>Nov 29 20:00:01 10.0.0.1 Nov 29 2026 20:00:00 fw1 : %ASA-6-302013: x",
        "10.0.0.1 | %ASA-6-302013 |  | x",
    );
    check_at_eight(
        "<132>Nov 29 20:00:01 10.0.0.1 wlc-01: *spamApTask3: Nov 29 20:00:00.411: %CAPWAP-3-X: x",
        "10.0.0.1 | %CAPWAP-3-X | spamApTask3 | x",
    );
    check_at_eight("<189>Nov 29 20:00:00 r1 1d02h: %SYS-5-A: x", "r1 | %SYS-5-A |  | x");
    check_at_eight("<189>Nov 29 20:00:00 10.0.0.1 r1: 3w2d: %SYS-5-A: x", "10.0.0.1 | %SYS-5-A |  | x");
    check_at_eight(
        "<189>Nov 29 20:00:01 10.0.0.1 r1: 000040: Nov 29 20:00:00.778: %SYS-5-A: x",
        "10.0.0.1 | %SYS-5-A |  | x",
    );
    check_at_eight(
        "<189>Nov 29 20:00:01 r1: 000040: Nov 29 20:00:00.778: %SYS-5-A: x",
        "r1 | %SYS-5-A |  | x",
    );
    check_at_eight(
        "<189>Nov 29 20:00:01 pe1 RP/0/RSP0/CPU0:Nov 29 20:00:00.123 UTC: config[65539]: %MGBL-SYS-5-X : x",
        "pe1 | config | 65539 | %MGBL-SYS-5-X : x",
    );
    check_at_eight(
        "<189>Nov 29 20:00:01 10.0.0.1 pe1 RP/0/RSP0/CPU0:Nov 29 20:00:00.123 UTC: config[65539]: %MGBL-SYS-5-X : x",
        "10.0.0.1 | config | 65539 | %MGBL-SYS-5-X : x",
    );
    check_defects("<166>Nov 29 20:00:01 10.0.0.1 Nov 29 2026 20:00:00 fw1 : %ASA-6-302013: x", "", true);
    check_at_eight(
        "<166>Nov 29 20:00:01 10.0.0.1 2026-11-29T20:00:00Z fw1 : %FTD-6-430003: a: b",
        "10.0.0.1 | %FTD-6-430003 |  | a: b",
    );
    check_at_eight(
        "<166>Nov 29 20:00:01 10.0.0.1 :Nov 29 20:00:00 UTC: %ASA-session-6-302015: x",
        "10.0.0.1 | %ASA-session-6-302015 |  | x",
    );
    check_at_eight(
        "<187>Nov 29 20:00:01 10.0.0.1 N7K-1: 2026 Nov 29 20:00:00 UTC: %ETHPORT-5-IF_UP: x",
        "10.0.0.1 | %ETHPORT-5-IF_UP |  | x",
    );
    check_data("<189>Nov 29 20:00:00 r1 1d02h: %SYS-5-A: x", "meta.sysUpTime=9360000");
    check_defects("<189>Nov 29 20:00:00 r1 1d02h: %SYS-5-A: x", "", false);
    check_defects("<166>Nov 29 20:00:00 10.0.0.1 fw1: %ASA-6-302014: x", "", true);
    check_defects("<166>Nov 29 20:00:00 fw1 fw1: %ASA-6-302014: x", "", false);
    check_defects("<166>10.0.0.1 fw1: %ASA-6-302014: x", "no_timestamp", true);
    check_defects("<166>10.0.0.1 Nov 29 2026 20:00:00: %ASA-6-302014: x", "", false);
}

#[test]
fn programs_that_write_mnemonics_stay_programs() {
    check_at_eight(
        "<189>Nov 29 20:00:00 sw1 Ebra: %LINEPROTO-5-UPDOWN: x",
        "sw1 | Ebra |  | %LINEPROTO-5-UPDOWN: x",
    );
    check_at_eight(
        "<189>Nov 29 20:00:00 sw1 Cli: 40: %SYS-5-CONFIG_I: x",
        "sw1 | Cli |  | 40: %SYS-5-CONFIG_I: x",
    );
    check_at_eight("<189>Nov 29 20:00:00 sw1 app[1]: %ASA-6-302014: x", "sw1 | app | 1 | %ASA-6-302014: x");
    check_at_eight("<189>Nov 29 20:00:00 sw1 app: %d of %s", "sw1 | app |  | %d of %s");
    check_at_eight(
        "<189>Nov 29 20:00:00 sw1 app: Mar 1 was: %SYS-5-A: x",
        "sw1 | app |  | Mar 1 was: %SYS-5-A: x",
    );
    check_at_eight("<189>Nov 29 20:00:00 sw1 app: 2 files: %A", "sw1 | app |  | 2 files: %A");
    check_at_eight("<189>Nov 29 20:00:00 sw1 saw %SYS-5-A today", "sw1 |  |  | saw %SYS-5-A today");
    check_at_eight("<189>Nov 29 20:00:00 sw1 @cee: a %SYS-5-A: x", "sw1 |  |  | @cee: a %SYS-5-A: x");
    check_at_eight("<189>Nov 29 20:00:00 sw1 app: #TAG x", "sw1 | app |  | #TAG x");
    check_at_eight("<189>Nov 29 20:00:00 app: #TAG x", " | app |  | #TAG x");
    check_at_eight("<189>Nov 29 20:00:00 app: %Cpu 12", " | app |  | %Cpu 12");
}

#[test]
fn cisco_word_behind_a_stamp_is_zone_or_device() {
    for device in ["HQFW", "ASA", "EDGE", "msk", "ist", "met", "gst", "EST"] {
        for mnemonic in ["%ASA-6-302013", "%FTD-6-302013", "%PIX-6-302013", "%FWSM-6-302013"] {
            for stamp in ["Nov 29 2026 20:00:00", "Nov 29 20:00:00", "2026-11-29T20:00:00Z"] {
                let line = format!("<166>{stamp} {device} : {mnemonic}: x");
                check_at_eight(&line, &format!("{device} | {mnemonic} |  | x"));
                check_defects(&line, "", false);
            }
        }
    }
    check_at_eight("<166>Nov 29 2026 20:00:00 EDGE: %ASA-6-302013: x", "EDGE | %ASA-6-302013 |  | x");
    check_at_eight("<166>Nov 29 2026 20:00:00 UTC : %ASA-6-302013: x", " | %ASA-6-302013 |  | x");
    check_at_eight("<166>:Nov 29 23:00:00 MSK: %ASA-6-302013: x", " | %ASA-6-302013 |  | x");
    for stamp in ["Nov 29 20:00:00.778", "Nov 29 20:00:00", "Nov 29 2026 20:00:00"] {
        for word in ["Berlin", "XYZ", "xyz"] {
            for colon in [":", " :"] {
                let line = format!("<189>{stamp} {word}{colon} %SYS-5-A: x");
                check_at_eight(&line, " | %SYS-5-A |  | x");
                check_defects(&line, "unknown_zone", true);
            }
        }
        check_at_eight(&format!("<189>{stamp} r1: %SYS-5-A: x"), "r1 | %SYS-5-A |  | x");
        check_at_eight(&format!("<189>{stamp} r1 : %SYS-5-A: x"), "r1 | %SYS-5-A |  | x");
    }
    check_at_eight("<189>Nov 29 21:00:00 cet: %SYS-5-A: x", " | %SYS-5-A |  | x");
    check_at_eight("<189>Nov 29 21:00:00 cet : %SYS-5-A: x", " | %SYS-5-A |  | x");
}

#[test]
fn heads_within_heads_end() {
    for part in [
        "r1: 4: Nov 29 20:00:00: ",
        "Message forwarded from a: ",
        "local7.info ",
        "x 0011aabbccdd,v1: ",
        "%$ a %$ ",
    ] {
        let line = format!("<13>Nov 29 20:00:00 h {}%SYS-5-A: x", part.repeat(40_000));
        super::with(&line, |e| assert_eq!(e.facility.to_string(), "user"));
        let line = format!("<13>Nov 29 20:00:00 {}%SYS-5-A: x", part.repeat(40_000));
        super::with(&line, |e| assert_eq!(e.facility.to_string(), "user"));
    }
}
