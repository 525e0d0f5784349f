//! The language, case by case: what a text is read as, what is refused and where.

use super::*;
use proptest::prelude::*;

/// The canonical text, which must read as the same tree.
#[track_caller]
fn check(text: &str, canonical: &str) {
    let query = parse(text).unwrap_or_else(|e| panic!("`{text}`\n{}", e.render(text)));
    assert_eq!(query.to_string(), canonical, "`{text}` is {query:?}");
    let again = parse(canonical).unwrap_or_else(|e| panic!("{}", e.render(canonical)));
    assert_eq!(again, query, "`{canonical}`");
}

#[track_caller]
fn check_same(text: &str) {
    check(text, text);
}

#[track_caller]
fn check_error(text: &str, column: usize, message: &str) {
    match parse(text) {
        Ok(query) => panic!("`{text}` is read as `{query}`"),
        Err(error) => assert_eq!((error.column(), error.message()), (column, message), "`{text}`"),
    }
}

#[test]
fn words_and_operators() {
    check("", "*");
    check("  \t\n ", "*");
    check("*", "*");
    check("\"\"", "*");
    check_same("failed password");
    check("Failed AND Password", "failed password");
    check("a and b && c", "a b c");
    check("a or b || c Or d", "a OR b OR c OR d");
    check("a b OR c d", "a b OR c d");
    check("(a b) OR (c d)", "a b OR c d");
    check_same("(a OR b) c");
    check("(a OR b) -c", "(a OR b) -c");
    check("NOT a", "-a");
    check("not not a", "a");
    check("!a -b ! c", "-a -b -c");
    check("--a", "a");
    check("-(a OR b)", "-(a OR b)");
    check("-(a b)", "-(a b)");
    check("((((a))))", "a");
    check("(a)(b)", "a b");
    check("a \u{a0} b", "a b");
    check("a OR *", "*");
    check("a *", "a");
    check("-*", "-*");
    check("a (b (c OR (d OR e)))", "a b (c OR d OR e)");
    check("not a b or c", "-a b OR c");
}

#[test]
fn phrases_and_escapes() {
    check_same("\"failed password\"");
    check("\"Failed\"", "failed");
    check("\"and\" \"or\" \"-x\"", "\"and\" \"or\" \"-x\"");
    check(r#""say \"hi\" \\ \d""#, r#""say \"hi\" \\ \\d""#);
    check(r"a\ b", "\"a b\"");
    check(r"\-x", "\"-x\"");
    check(r"a\*b", "\"a*b\"");
    check(r"CORP\john", r#""corp\\john""#);
    check(r"trailing\", r#""trailing\\""#);
    check("foo.bar", "foo.bar");
    check("user=\"john doe\"", "user= \"john doe\"");
    check("a\"b\"c", "a b c");
    check("Ärger", "Ärger");
    check("\"two\nlines\"", "\"two\nlines\"");
    check("[error] {x} a,b;c <d>", "[error] {x} a,b;c <d>");
    check("/var/log/syslog", "/var/log/syslog");
    check("a | b = c", "a | b = c");
    check("+49", "+49");
}

#[test]
fn words_with_stars() {
    check_same("unreach*");
    check_same("*imeou*");
    check_same("*fused");
    check_same("conn*fused");
    check("**a**b**", "*a*b*");
    check("Conn*Fused*", "conn*fused*");
    check("\"foo bar\"*", "\"foo bar\"*");
    check("*\"foo bar\"*", "*\"foo bar\"*");
    check("*\"foo\"", "*foo");
    check(r"foo\ bar*", "\"foo bar\"*");
    check(r"a\ b*c\(d", r"a\ b*c\(d");
    check("/api/*/users", r"\/api/*/users");
    check("-a*", "-a*");
    check(r"\-a*", "\"-a\"*");
}

#[test]
fn only_the_first_colon_splits() {
    check("url:http://x", "url:http://x");
    check("url:a:b:c", "url:a:b:c");
    check("10:30", "\"10:30\"");
    check("10.0.0.1:8080", "\"10.0.0.1:8080\"");
    check("std::io::Error", "\"std::io::error\"");
    check("http://example.net/a", "\"http://example.net/a\"");
    check(":x", "\":x\"");
    check("::1", "\"::1\"");
    check("client_ip:::1", "client_ip:\"::1\"");
    check("client_ip:fe80::1", "client_ip:fe80::1");
    check("a=b:c", "\"a=b:c\"");
    check(r"user\ name:x", r"user\ name:x");
    check(r"a\:b", "\"a:b\"");
    check(r"a\:b:c", r"a\:b:c");
    check("\"a:b\"", "\"a:b\"");
    check("not:x", "not:x");
    check("feld_ä:x", "feld_ä:x");
    check("exampleSDID@32473.iut:3", "exampleSDID@32473.iut:3");
    check("@timestamp:x", "@timestamp:x");
}

#[test]
fn fields_and_their_names() {
    check("host:web01 app:sshd -user:root", "source:web01 app_name:sshd -user:root");
    check("hostname:a source:b HOST:c", "source:a source:b source:c");
    check("programname:a app_name:b", "app_name:a app_name:b");
    check("pid:1 procid:2 msgid:x", "procid:1 procid:2 msgid:x");
    check("tags:a tag:b", "tag:a tag:b");
    check(
        "listener:l transport:udp peer:10.0.0.1 defect:no_source tls_name:x",
        "listener:l transport:udp peer:10.0.0.1 defect:no_source tls_name:x",
    );
    check("fields.host:x", "fields.host:x");
    check("fields.status:x", "status:x");
    check("Status:x", "Status:x");
    check("user:\"John Doe\"", "user:\"john doe\"");
    check("user:\"\"", "user:\"\"");
    check("procid:\"\"", "-procid:*");
    check("-procid:\"\"", "procid:*");
    check("geo_country:*", "geo_country:*");
    check("host:* severity:* _time:*", "source:*");
    check("a:[* TO *]", "a:*");
    check("uid:0192F000A0007000800000000000000A", "uid:0192f000-a000-7000-8000-00000000000a");
    check("uid:nonsense", "uid:nonsense");
    check("bytes:-5", "bytes:-5");
    check("user:and", "user:and");
    check("x:a(b)", "x:a b");
}

#[test]
fn message_is_text() {
    check("msg:timeout", "message:timeout");
    check("message:\"Connection refused\"", "message:\"connection refused\"");
    check("msg:(failed password)", "message:failed message:password");
    check("msg:time*", "message:time*");
    check("msg:*", "message:*");
    check("msg:\"\"", "-message:*");
    check("msg:10.0.0.0/8", "message:10.0.0.0/8");
    check(r"msg:/timeout after \d+ms/", r"message:/timeout after \d+ms/");
    check("msg:10:30", "message:10:30");
}

#[test]
fn shapes() {
    check("shape:7d3c0a91e2f4b865", "shape:7d3c0a91e2f4b865");
    check("SHAPE:\"7D3C0A91E2F4B865\"", "shape:7d3c0a91e2f4b865");
    check(
        "-shape:(0000000000000001 OR 1e00000000000000)",
        "-(shape:0000000000000001 OR shape:1e00000000000000)",
    );
    check("shape:*", "*");
    check("fields.shape:round", "fields.shape:round");
    check_error("shape:round", 7, "`round` is not the shape of a message");
    check_error("a shape:7d3c", 9, "`7d3c` is not the shape of a message");
    check_error("shape:7d3c*", 7, "a shape has no `*` in it");
    check_error("shape:>7d3c0a91e2f4b865", 7, "a shape has no order");
    check_error("shape:/7d3c/", 7, "a shape cannot be searched by an expression");
    check_hint(
        "shape:round",
        7,
        "hint: a shape is 16 hexadecimal digits, as answers print them: `shape:7d3c0a91e2f4b865`; for a custom field of this name write `fields.shape`",
    );
}

#[test]
fn groups_of_values() {
    check("app:(nginx OR haproxy)", "app_name:nginx OR app_name:haproxy");
    check("app:(nginx OR haproxy) x", "(app_name:nginx OR app_name:haproxy) x");
    check("-app:(nginx OR haproxy)", "-(app_name:nginx OR app_name:haproxy)");
    check("app:(-nginx NOT haproxy)", "-app_name:nginx -app_name:haproxy");
    check("status:(200 OR [500 TO 599] OR >=700)", "status:200 OR status:[500 TO 599] OR status:>=700");
    check("client_ip:(::1 OR 10.0.0.0/8)", "client_ip:\"::1\" OR client_ip:10.0.0.0/8");
    check("user:(a:b)", "user:a:b");
    check("x:((a OR b) -c)", "(x:a OR x:b) -x:c");
    check("path:(/a.c/ OR /var/log)", "path:/a.c/ OR path:\"/var/log\"");
    check("path:( a )", "path:a");
}

#[test]
fn ranges_and_comparisons() {
    check_same("status:[500 TO 599]");
    check_same("status:{500 TO 599]");
    check_same("status:[500 TO 599}");
    check("status:{ 500  to 599 }", "status:{500 TO 599}");
    check("user:[\"\" TO *]", "user:>=\"\"");
    check("status:[500 TO *]", "status:>=500");
    check("status:{500 TO *]", "status:>500");
    check("status:[* TO 5]", "status:<=5");
    check("status:{* TO 5}", "status:<5");
    check("bytes:>1024", "bytes:>1024");
    check("bytes:<= -5", "bytes:<=-5");
    check("bytes:>\"a b\"", "bytes:>\"a b\"");
    check("v:[\"a b\" TO \"*\"]", "v:[\"a b\" TO \"*\"]");
    check("v:[\"\" TO \"to\"]", "v:[\"\" TO \"to\"]");
    check("client_ip:[10.0.0.1 TO 10.0.0.9]", "client_ip:[10.0.0.1 TO 10.0.0.9]");
    check("when:[2026-11-22T10:00:00Z TO 2027]", "when:[2026-11-22t10:00:00z TO 2027]");
}

#[test]
fn severities_and_facilities() {
    check("severity:>=warning", "severity:>=warning");
    check("severity:>warning", "severity:>=err");
    check("level:ERROR", "severity:err");
    check("severity:3", "severity:err");
    check("severity:<=notice", "severity:(notice OR info OR debug)");
    check("severity:<notice", "severity:(info OR debug)");
    check("severity:[err TO warning]", "severity:(err OR warning)");
    check("severity:[warning TO err]", "severity:(err OR warning)");
    check("severity:{warning TO crit}", "severity:err");
    check("severity:{err TO err}", "severity:{err TO err}");
    check("severity:(err OR crit)", "severity:(crit OR err)");
    check("severity:err OR a OR severity:crit", "severity:(crit OR err) OR a");
    check("severity:>=err a severity:<=crit", "severity:(crit OR err) a");
    check("severity:err severity:crit", "severity:{err TO err}");
    check("-severity:>=info", "severity:debug");
    check(
        "-facility:(kern OR local*)",
        "facility:(user OR mail OR daemon OR auth OR syslog OR lpr OR news OR uucp OR cron OR authpriv OR ftp OR ntp OR audit OR alert OR clock)",
    );
    check("severity:<=err OR severity:>=err", "*");
    check("-severity:*", "-*");
    check("severity:*r*", "severity:>=warning");
    check("severity:emerg", "severity:emerg");
    check("severity:>=debug", "*");
    check("severity:/^(err|crit)$/", "severity:(crit OR err)");
    check("facility:auth*", "facility:(auth OR authpriv)");
    check("facility:4", "facility:auth");
    check("facility:[local0 TO local2]", "facility:(local0 OR local1 OR local2)");
    check("facility:/zz/", "facility:{kern TO kern}");
}

/// The column, and what is to be written instead.
#[track_caller]
fn check_hint(text: &str, column: usize, hint: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!((error.column(), error.render(text).lines().last()), (column, Some(hint)), "`{text}`");
}

#[test]
fn a_severity_by_number_has_no_order() {
    check("severity:(0 OR 1 OR err)", "severity:(emerg OR alert OR err)");
    check("-level:7", "severity:>=info");
    check_error(
        "a severity:<=3",
        12,
        "a comparison of a severity with a number is ambiguous, because a smaller number is more severe",
    );
    check_hint(
        "severity:<=3",
        10,
        "hint: write `severity:>=err` for emerg to err (0 to 3), or `severity:<=err` for err to debug (3 to 7)",
    );
    check_hint(
        "level:>4",
        7,
        "hint: write `severity:<warning` for notice to debug (5 to 7), or `severity:>warning` for emerg to err (0 to 3)",
    );
    check_hint(
        "severity:(err OR >=\"6\")",
        18,
        "hint: write `severity:<=info` for info to debug (6 to 7), or `severity:>=info` for emerg to info (0 to 6)",
    );
    check_hint(
        "severity:[* TO 3}",
        10,
        "hint: write `severity:>err` for emerg to crit (0 to 2), or `severity:<err` for warning to debug (4 to 7)",
    );
    check_hint("severity:[0 TO 4]", 10, "hint: write names: `severity:[emerg TO warning]`");
    check_hint("severity:{err TO 7]", 10, "hint: write names: `severity:[err TO debug]`");
    check("facility:>=16 facility:<=17", "facility:(local0 OR local1)");
}

#[test]
fn networks_wildcards_expressions() {
    check_same("client_ip:10.0.0.0/8");
    check("client_ip:10.1.2.3/8", "client_ip:10.0.0.0/8");
    check("client_ip:2001:DB8::/32", "client_ip:2001:db8::/32");
    check("client_ip:\"10.0.0.0/8\"", "client_ip:\"10.0.0.0/8\"");
    check("client_ip:::/0", "client_ip:::/0");
    check("path:*/admin*", "path:*/admin*");
    check("path:/api/*", "path:\"/api/\"*");
    check("path:/api/*/users", r"path:\/api/*/users");
    check("path:/admin", "path:\"/admin\"");
    check("path:/", "path:\"/\"");
    check("path://", "\"path://\"");
    check("path:/a status:/5../", "path:\"/a\" status:/5../");
    check("path:/a\\/b/", "path:/a\\/b/");
    check(r"x:/a\\/", r"x:/a\\/");
    check(r"x:/[\/]\//", r"x:/[\/]\//");
    check("10.0.*", "10.0.*");
    check("client_ip:10.0.*", "client_ip:10.0.*");
    check("path:a/8", "path:a/8");
}

#[test]
fn times() {
    check("_time:5m", "_time:>=now-5m");
    check("_time:1h30m", "_time:>=now-90m");
    check("_time:2026-11-22", "_time:[2026-11-22T00:00:00Z TO 2026-11-23T00:00:00Z}");
    check(
        "_time:[2026-11-22 TO 2026-11-23T10:00:00Z]",
        "_time:[2026-11-22T00:00:00Z TO 2026-11-23T10:00:01Z}",
    );
    check("_time:>=2026-11-22T10:00:00+01:00", "_time:>=2026-11-22T09:00:00Z");
    check("_time:>2026-11-22", "_time:>=2026-11-23T00:00:00Z");
    check("_time:<2026-11-22", "_time:<2026-11-22T00:00:00Z");
    check("_time:<=2026-11", "_time:<2026-12-01T00:00:00Z");
    check("_time:[now-1h TO now-5m}", "_time:[now-1h TO now-5m}");
    check("_time:\"2026-11-22 10:00\"", "_time:[2026-11-22T10:00:00Z TO 2026-11-22T10:01:00Z}");
    check("timereported:2026", "timereported:[2026-01-01T00:00:00Z TO 2027-01-01T00:00:00Z}");
    check("timegenerated:5m", "_time:>=now-5m");
    check("_time:(1h OR 2026)", "_time:>=now-1h OR _time:[2026-01-01T00:00:00Z TO 2027-01-01T00:00:00Z}");
}

#[track_caller]
fn check_resolved(text: &str, span: (i64, i64), filter: &str) {
    let resolved = parse(text).unwrap().resolve(1_000_000_000_000);
    assert_eq!((resolved.span.from, resolved.span.until), span, "`{text}`");
    assert_eq!(resolved.filter.to_string(), filter, "`{text}`");
}

#[test]
fn bounds_on_the_whole_query_leave_the_tree() {
    check_resolved("", (i64::MIN, i64::MAX), "*");
    check_resolved("_time:5m", (999_700_000_000, i64::MAX), "*");
    check_resolved("a _time:5m _time:<now", (999_700_000_000, 1_000_000_000_000), "a");
    check_resolved("a (b _time:1s)", (999_999_000_000, i64::MAX), "a b");
    check_resolved("a OR _time:<now", (i64::MIN, i64::MAX), "a OR _time:<1970-01-12T13:46:40Z");
    check_resolved("-_time:>=now", (i64::MIN, i64::MAX), "-_time:>=1970-01-12T13:46:40Z");
    check_resolved("timereported:>=now", (i64::MIN, i64::MAX), "timereported:>=1970-01-12T13:46:40Z");
}

#[test]
fn errors_have_a_column() {
    check_error("app:(nginx OR", 14, "`OR` needs something on its right");
    check_error("app:(nginx", 5, "this `(` is not closed");
    check_error("a b)", 4, "this `)` closes nothing");
    check_error("(", 1, "this `(` is not closed");
    check_error("a ()", 3, "the parentheses are empty");
    check_error("OR a", 1, "`OR` needs something on its left");
    check_error("a AND", 6, "`AND` needs something on its right");
    check_error("a and or b", 7, "`and` needs something on its right");
    check_error("a OR and b", 6, "`and` needs something on its left");
    check_error("a or or b", 6, "`or` needs something on its left");
    check_error("not", 4, "`not` needs something on its right");
    check_error("not or a", 5, "`not` needs something on its right");
    check_error("a - b", 3, "`-` must stand directly before what it excludes");
    check_error("a !", 3, "`!` must stand directly before what it excludes");
    check_error("\"abc", 1, "this `\"` is not closed");
    check_error("ü \"abc", 3, "this `\"` is not closed");
    check_error("a\nbb host:\"abc", 9, "this `\"` is not closed");
    check_error("host:", 6, "`host:` needs a value directly after the colon");
    check_error("error: foo", 7, "`error:` needs a value directly after the colon");
    check_error("(host:)", 7, "`host:` needs a value directly after the colon");
    check_error("x:=5", 3, "`=` is not needed: the colon compares");
    check_error("x:!=5", 3, "`!` cannot stand before a value");
    check_error("x:>", 3, "`>` needs a value to compare with");
    check_error("x:>=5*", 3, "`>=` needs a value to compare with");
    check_error("x:[5]", 5, "`TO` is missing in the range");
    check_error("x:[5 6]", 6, "`TO` is missing in the range");
    check_error("x:[", 3, "the range lacks a bound");
    check_error("x:[ TO 6]", 5, "the range lacks a bound");
    check_error("x:[5 TO ]", 9, "the range lacks a bound");
    check_error("x:[5 TO 6", 10, "the range is not closed: `]` or `}` is missing");
    check_error("x:[5 TOO 6]", 6, "`TO` is missing in the range");
    check_error("msg:>5", 5, "the message is text and has no order");
    check_error("msg:[error]", 11, "`TO` is missing in the range");
    check_error("severity:wrning", 10, "`wrning` is not a severity");
    check_error("facility:[kern TO x]", 19, "`x` is not a facility");
    check_error("client_ip:10.0.0.0/33", 19, "the prefix of `10.0.0.0/33` is not a number from 0 to 32");
    check_error("client_ip:::1/999", 14, "the prefix of `::1/999` is not a number from 0 to 128");
    check_error(
        "client_ip:::ffff:10.0.0.0/8",
        26,
        "`::ffff:10.0.0.0/8` is an IPv4 address with a prefix of IPv6",
    );
    check_error("msg:/(/", 5, "cannot use the expression `/(/`: unclosed group");
    check_error("_time:/5/", 7, "a time cannot be searched by an expression");
    check_error("_time:soon", 7, "`soon` is not a time");
    check_error("_time:2026*", 7, "a time has no `*` in it");
    check_error("_time:>5m", 8, "`5m` is not a point in time");
    check_error("_time:[2026-13 TO *]", 8, "`2026-13` is not a point in time");
}

#[test]
fn a_rendered_error_has_the_line_a_caret_and_a_hint() {
    let text = "host:a\nseverity:\x1bwarnin b";
    let error = parse("host:a\nseverity:warnin b").unwrap_err();
    assert_eq!(
        error.render(text),
        "column 10: `warnin` is not a severity\n  severity: warnin b\n           ^\nhint: did you mean `warning`?"
    );
    let long = format!("{} host:", "x".repeat(300));
    let error = parse(&long).unwrap_err();
    let rendered = error.render(&long);
    assert!(rendered.lines().all(|line| line.len() < 120), "{rendered}");
    // A text that is not the one that was read must do no harm.
    error.render("é");
}

#[test]
fn limits_have_names() {
    let text = |n: usize| "a ".repeat(n);
    assert!(parse(&text(MAX_TERMS)).is_ok());
    check_error(&text(MAX_TERMS + 1), 2 * MAX_TERMS + 1, "the query has more than 1024 terms");
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&deep(MAX_DEPTH)).is_ok());
    check_error(&deep(MAX_DEPTH + 1), MAX_DEPTH + 1, "parentheses are nested more than 100 deep");
    check_error(&"(".repeat(60_000), MAX_DEPTH + 1, "parentheses are nested more than 100 deep");
    check_error(&"x".repeat(65_537), 65_537, "the query has 65537 bytes, more than 65536");
    check_error(&"-".repeat(60_000), 60_000, "`-` must stand directly before what it excludes");
    check_error(&format!("{}b", "not ".repeat(3)).replace('b', ""), 13, "`not` needs something on its right");
    let regexes = "m:/a/ ".repeat(17);
    check_error(&regexes, 99, "the query has more than 16 regular expressions");
    check_error(&format!("m:/{}/", "a".repeat(5000)), 3, "the expression has 5000 bytes, more than 4096");
    check_error(
        "m:/(a{999}){999}/",
        3,
        "cannot use the expression `/(a{999}){999}/`: it compiles to more than 1048576 bytes",
    );
}

#[test]
fn deep_trees_print_and_read_back() {
    let text = "a OR b (".repeat(MAX_DEPTH) + "c" + &")".repeat(MAX_DEPTH);
    let query = parse(&text).unwrap();
    assert_eq!(parse(&query.to_string()).unwrap(), query);
    let text = "-(a ".repeat(MAX_DEPTH) + "c" + &")".repeat(MAX_DEPTH);
    let query = parse(&text).unwrap();
    assert_eq!(parse(&query.to_string()).unwrap(), query);
}

/// Texts that are mostly well-formed.
fn query_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Z0-9_.é-]{1,6}",
        "\\*?[a-z/:]{1,4}\\*?[a-z]{0,3}\\*?",
        "\"[a-z \\\\*:()/-]{0,6}\"",
        "\\\\[-*:\"() ][a-z*]{0,3}",
    ];
    let name = prop_oneof![
        Just("host".to_owned()),
        Just("msg".to_owned()),
        Just("fields.host".to_owned()),
        Just("client_ip".to_owned()),
        "[a-zA-Z_@][a-zA-Z0-9_.@-]{0,5}",
    ];
    let value = prop_oneof![
        word.clone(),
        "[<>]=?[0-9.-]{1,4}",
        "[\\[{][0-9a-z*.\"]{1,4} TO [0-9a-z*]{1,4}[\\]}]",
        "/[a-c.\\\\/*+]{1,5}/",
        "10\\.[0-9]\\.0\\.0/[0-9]{1,2}",
        "\\([a-z]{1,3} OR [a-z*]{1,3}\\)",
    ];
    let special = prop_oneof![
        "severity:(>=|<|>)?(err|warning|info)",
        "facility:(auth|kern|l*)",
        "_time:[0-9]{1,3}[smhdw]",
        "_time:(>=|<)20[0-9]{2}-0[1-9]",
        "timereported:\\[now-[0-9]h TO now\\]",
    ];
    let leaf = prop_oneof![word, (name, value).prop_map(|(n, v)| format!("{n}:{v}")), special];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("NOT {a}")),
            inner.prop_map(|a| format!("({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn text_to_tree_to_text_is_the_same_tree(text in query_text()) {
        if let Ok(query) = parse(&text) {
            let canonical = query.to_string();
            let again = parse(&canonical);
            prop_assert_eq!(again.as_ref().ok(), Some(&query), "`{}` printed as `{}`: {:?}", text, canonical, again);
            prop_assert_eq!(again.unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", soup in "[a:\"*()\\[\\]{}<>=!/\\\\ TO0-9.|&\n-]{0,40}") {
        for text in [text, soup] {
            match parse(&text) {
                Ok(query) => {
                    prop_assert_eq!(parse(&query.to_string()).ok(), Some(query));
                }
                Err(error) => {
                    prop_assert!(error.offset() <= text.len());
                    error.render(&text);
                }
            }
        }
    }
}
