//! Queries as people type them who know another tool, and what each is told.

use super::*;
use crate::query::parse;

/// The spellings that are given, all of which have to be queries.
#[track_caller]
fn check(text: &str, expect: &str) {
    let found = habits(text);
    assert!(found.iter().any(|hint| hint.contains(&format!("`{expect}`"))), "`{text}`: {found:?}");
    if !expect.starts_with("loggr ") && !expect.starts_with("--") {
        parse(expect).unwrap_or_else(|e| panic!("`{expect}` is no query: {e}"));
    }
}

#[track_caller]
fn silent(text: &str) {
    assert_eq!(habits(text), Vec::<String>::new(), "`{text}`");
}

#[test]
fn of_a_huge_text_nothing_is_said() {
    let text = "status >= 500 \"*a\" ".repeat(3000);
    silent(text.get(..crate::query::MAX_QUERY_BYTES.min(text.len())).unwrap_or_default());
    assert!(!habits(text.get(..MAX_TEXT_BYTES).unwrap_or_default()).is_empty());
}

#[test]
fn comparisons_with_signs() {
    check("status >= 500", "status:>=500");
    check("status>=500", "status:>=500");
    check("status = 500", "status:500");
    check("app=sshd", "app:sshd");
    check("app==sshd", "app:sshd");
    check("app=\"sshd\" failed", "app:sshd");
    check("user='john doe'", "user:\"john doe\"");
    check("app != cron", "-app:cron");
    check("app <> 'cron'", "-app:cron");
    check("host=web*", "host:web*");
    check("app=\"ng*\"", "app:ng*");
    check("user =~ \"adm.*\"", "user:/adm.*/");
    check("user !~ /adm.*/", "-user:/adm.*/");
    check("(status>499)", "status:>499");
    check("program=cron", "app:cron");
    check("host.name=\"web1\"", "host:web1");
    check("sourcetype=sshd", "app:sshd");
    check("user in (root, admin)", "user:(root OR admin)");
    check("user IN ('root','john doe')", "user:(root OR \"john doe\")");
    check("user LIKE '%oot%'", "user:*oot*");
    check("msg contains \"timed out\"", "msg:\"timed out\"");
}

/// All that is said, in order.
#[track_caller]
fn only(text: &str, expect: &[&str]) {
    assert_eq!(habits(text), expect, "`{text}`");
}

#[test]
fn a_place_is_told_once() {
    only("msg=~\"time.*out\"", &["`msg=~\"time.*out\"` is written `msg:/time.*out/`"]);
    only("msg =~ \"adm*\"", &["`msg =~ \"adm*\"` is written `msg:/adm*/`"]);
    only("status in (500, 502)", &["`status in (500, 502)` is written `status:(500 OR 502)`"]);
    only("status in (500,502) x", &["`status in (500,502)` is written `status:(500 OR 502)`"]);
    only("app=\"ng*\"", &["`app=\"ng*\"` is written `app:ng*`"]);
    only("ip=\"10.0.0.0/8\"", &["`ip=\"10.0.0.0/8\"` is written `ip:10.0.0.0/8`"]);
    only("_exists_:user", &["`_exists_:user` is written `user:*`"]);
    only("_exists_:host.name", &["`_exists_:host.name` is written `host:*`"]);
    only("NOT _exists_:user", &["`_exists_:user` is written `user:*`"]);
    only("user like 'a,'", &["`user like 'a,'` is written `user:a,`"]);
}

#[test]
fn severities_and_times() {
    check("severity > 3", "severity:>=err");
    check("severity <= 4", "severity:<=warning");
    check("level >= 'warning'", "level:>=warning");
    check("level=error", "level:error");
    check("log.level=error", "severity:error");
    check("earliest=-15m", "--since 15m");
}

#[test]
fn fields_with_blanks() {
    check("host : x", "host:x");
    check("host: x", "host:x");
    check("host :x", "host:x");
    check("user : \"john doe\"", "user:\"john doe\"");
    check("program: sshd", "app:sshd");
}

#[test]
fn pipes() {
    check("failed | head", "loggr search --limit 10 'failed'");
    check("failed | head -n 5", "loggr search --limit 5 'failed'");
    check("app:sshd | grep root", "app:sshd root");
    check("app:sshd | grep -v root", "app:sshd -root");
    check("app:sshd | stats count by user", "loggr top user 'app:sshd'");
    check("app:sshd | stats count", "loggr count 'app:sshd'");
    check("app:sshd | top host", "loggr top host 'app:sshd'");
    check("app:sshd | where status >= 500", "app:sshd status:>=500");
    check("app:sshd | wc -l", "loggr count 'app:sshd'");
    check("app:sshd | timechart", "loggr histogram 'app:sshd'");
    check("{app=\"x\"} |= \"err\"", "app:x err");
    check("{app=\"x\"}", "app:x");
    check("{app=\"x\", host=~\"web.*\"}", "host:/web.*/");
    check("failed|invalid", "failed OR invalid");
}

#[test]
fn expressions_and_wildcards() {
    check("/fail.*root/", "msg:/fail.*root/");
    check("fail.*root", "msg:/fail.*root/");
    check("^Failed", "msg:/^Failed/");
    check("user:^adm", "user:/^adm/");
    check("ssh?", "ssh*");
    check("host:web?", "host:/web./");
    check("\"fail*\"", "fail*");
    check("\"connection re*\"", "\"connection re\"*");
    check("app:\"ng*\"", "app:ng*");
    check("\"*imeou*\"", "*imeou*");
    check("user:root~1", "user:root*");
    check("root~", "root*");
    check("root^2", "root");
    check("user:root^2", "user:root");
    check("*:*", "*");
    check("_exists_:user", "user:*");
    check("_missing_:user", "-user:*");
    check("+failed +root", "failed");
    check("app:-cron", "-app:cron");
}

#[test]
fn values_and_groups() {
    check("app:(a b)", "app:(a OR b)");
    check("app:(a, b)", "app:(a OR b)");
    check("app:(a AND b)", "app:(a OR b)");
    check("app:a,b", "app:(a OR b)");
    check("ip:\"10.0.0.0/8\"", "ip:10.0.0.0/8");
    check("ip=\"10.0.0.0/8\"", "ip:10.0.0.0/8");
    check("status:500..599", "status:[500 TO 599]");
    check("status:5xx", "status:[500 TO 599]");
    check("index=main error", "--store NAME");
    check("index:main", "--store NAME");
}

#[test]
fn sql() {
    check("SELECT * FROM logs WHERE app='x' AND status >= 500", "status:>=500");
    check("SELECT * FROM logs WHERE app='x' ORDER BY time LIMIT 5", "app:x");
    check("select count(*) from logs where host = 'web1'", "loggr count");
}

#[test]
fn queries_as_they_are_meant_here_get_no_hint() {
    for text in [
        "",
        "*",
        "failed password",
        "\"a = b | c\"",
        "app:sshd severity:>=warning -host:test*",
        "status:[500 TO 599] (failed OR invalid)",
        "app:(nginx OR haproxy)",
        "tag:(a b)",
        "client_ip:10.0.0.0/8",
        "client_ip:2001:db8::1",
        "msg:/timeout after \\d+ms/",
        "path:/admin",
        "url:http://x/?a=b",
        "_time:>=now-1h",
        "NOT root",
        "a && b || c",
        "\"connection re\"*",
        "status:(>=500 <600)",
    ] {
        silent(text);
    }
}

#[test]
fn what_other_tools_call_our_fields() {
    assert_eq!(ours("@timestamp"), Some("_time"));
    assert_eq!(ours("SYSLOG_IDENTIFIER"), Some("app"));
    assert_eq!(ours("status"), None);
    for (name, theirs) in NAMES {
        assert!(!matches!(Field::from_name(name), Field::Custom(_)), "`{name}`");
        for name in *theirs {
            assert!(matches!(Field::from_name(name), Field::Custom(_)), "`{name}` is ours");
        }
    }
}
