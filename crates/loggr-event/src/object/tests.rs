//! Cases of objects of other programs, and of those that do not fit.

use super::*;

#[track_caller]
fn check(json: &str, expect: &str) {
    let origin = Origin::default();
    let now = Timestamp::from_unix_micros(1_795_341_600_000_000);
    let e = Event::receive(json.as_bytes(), &origin, Uid::default(), now);
    let fields: Vec<String> = e.fields.iter().map(|f| format!("{}={}", f.name, f.values.join("|"))).collect();
    let head =
        format!("{}.{} {} {} {}: {}", e.facility, e.severity, e.source, e.app_name, e.procid, e.message);
    assert_eq!(format!("{head}; {}", fields.join(" ")), expect, "{json}");
}

#[test]
fn other_programs() {
    check(
        r#"{"version":"1.1","host":"h","short_message":"m","level":3,"timestamp":1795341600.25,"_user":7}"#,
        "user.err h  : m; user=7",
    );
    check(
        r#"{"version":"1.1","host":"h","short_message":"m","_facility":"shop","_message":"x","_":"y"}"#,
        "user.notice h  : m; facility=shop message=x _=y",
    );
    check(
        r#"{"version":"2","host":"h","short_message":"m","_user":7}"#,
        "user.notice h  : m; version=2 _user=7",
    );
    check(
        r#"{"MESSAGE":"m","PRIORITY":"6","SYSLOG_FACILITY":"10","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"sshd","_PID":"9","_COMM":"x"}"#,
        "authpriv.info h sshd 9: m; _COMM=x",
    );
    check(r#"{"level":50,"time":1795341600123,"pid":4,"hostname":"h","msg":"m"}"#, "user.err h  4: m; ");
    check(
        r#"{"log":{"level":"error"},"host":{"name":"h","ip":["1","2"]},"message":"m","service":{"name":"s"}}"#,
        "user.err h s : m; host.ip=1|2",
    );
}

#[test]
fn a_document_of_ours_says_its_time_twice_and_has_it_once() {
    let twice =
        r#"{"@timestamp":"2026-11-22T10:00:00Z","timereported":"2026-11-22T10:00:00.000000Z","message":"m"}"#;
    check(twice, "user.notice   : m; ");
    let other =
        r#"{"@timestamp":"2026-11-22T11:00:00Z","timereported":"2026-11-22T10:00:00Z","message":"m"}"#;
    check(other, "user.notice   : m; @timestamp=2026-11-22T11:00:00Z");
}

#[test]
fn what_does_not_fit_becomes_a_field() {
    check(
        r#"{"severity":"loud","source":{"ip":"1"},"message":"m"}"#,
        "user.notice   : m; severity=loud source.ip=1",
    );
    check(
        r#"{"message":"a","msg":"b","text":["x",{"y":1}],"no":null,"none":[]}"#,
        r#"user.notice   : a; msg=b text=x|{"y":1}"#,
    );
    check(
        r#"{"message":"m","fields":{"a":1,"b":[true,"x"]},"structured_data":"-"}"#,
        "user.notice   : m; a=1 b=true|x structured_data=-",
    );
}

#[test]
fn an_object_with_too_many_members_is_kept_whole() {
    let members: Vec<String> = (0..=MAX_FIELDS).map(|i| format!("\"k{i}\":1")).collect();
    let json = format!("{{\"message\":\"m\",{}}}", members.join(","));
    check(&json, &format!("user.notice   : {json}; "));
}

#[test]
fn a_long_name_is_not_repeated_for_each_member() {
    let name = "n".repeat(MAX_NESTED_NAME_BYTES + 1);
    let json = format!("{{\"message\":\"m\",\"{name}\":{{\"a\":1}}}}");
    check(&json, &format!("user.notice   : m; {name}={{\"a\":1}}"));
}
