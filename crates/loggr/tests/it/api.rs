//! The API: questions over HTTP to a program that runs, what a role may see of the answers, and the page.

mod audit;
mod document;
mod mcp;
mod sight;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::access::{add_user, browser, logged_in, start};
use crate::support::{Browser, Loggr, until};

/// Sends lines over TCP and waits until they can be found.
pub fn fed(loggr: &Loggr, lines: &[String]) {
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    for line in lines {
        writeln!(stream, "{line}").expect("it reads");
    }
    drop(stream);
    loggr.stored(lines.len() as u64, 60);
}

fn line(severity: u8, host: &str, app: &str, data: &str, text: &str) -> String {
    format!("<{}>1 2026-03-01T00:00:00Z {host} {app} 7 - {data} {text}", 8 + severity)
}

/// Ten failed log-ins on web1, three lines of another program, one of another host.
pub fn some() -> Vec<String> {
    let failed = |n: u64| {
        let data = format!("[x@1 user=\"u{n}\" secret=\"s{n}\"]");
        line(3, "web1", "sshd", &data, &format!("Failed password for u{n} from 10.0.0.{n} port 22"))
    };
    let mut lines: Vec<String> = (1..=10).map(failed).collect();
    lines.extend((1..=3).map(|n| line(6, "web1", "cron", "-", &format!("job {n} done"))));
    lines.push(line(4, "db1", "postgres", "-", "checkpoint complete"));
    lines
}

pub fn get(browser: &Browser, path: &str) -> Value {
    let answer = browser.get(path);
    assert_eq!(answer.code, 200, "{path}: {answer:?}");
    answer.json()
}

#[test]
fn every_question_is_answered() {
    let loggr = start("");
    fed(&loggr, &some());
    let here = browser(&loggr);
    let ask = |path: &str| get(&here, path);

    assert_eq!(ask("/api/count?q=failed")["events"], 10);
    assert_eq!(ask("/api/span")["events"], 14);
    let page = ask("/api/search?q=failed&limit=4&highlight=1");
    assert_eq!((page["events"].as_array().map(Vec::len), &page["more"]), (Some(4), &json!(true)));
    assert_eq!(page["matches"][0], json!([[0, 6]]));
    assert_eq!(page["events"][0]["source"], "web1");

    let top = ask("/api/top?field=app&limit=2");
    assert_eq!(top["values"], json!([{ "value": "sshd", "events": 10 }, { "value": "cron", "events": 3 }]));
    assert_eq!((&top["distinct"], &top["with_field"], &top["matched"]), (&json!(3), &json!(14), &json!(14)));
    let values = ask("/api/values?field=host&prefix=WEB");
    assert_eq!(values["values"], json!([{ "value": "web1", "events": 13 }]));

    let bars = ask("/api/histogram?width=1h");
    assert_eq!((&bars["total"], &bars["by"]), (&json!(14), &json!("severity")));
    let bars = ask("/api/histogram?width=1h&by=app&values=1");
    assert_eq!((&bars["series"], &bars["without"]), (&json!(["sshd", null]), &json!(true)));
    let all =
        bars["buckets"].as_array().expect("bars").iter().flat_map(|bar| bar["counts"].as_array().cloned());
    assert_eq!(all.flatten().filter_map(|count| count.as_u64()).sum::<u64>(), 14);

    let fields = ask("/api/fields");
    let of = |name: &str| {
        let all = fields["fields"].as_array().expect("fields");
        all.iter().find(|field| field["name"] == name).map(|field| field["events"].clone())
    };
    assert_eq!((of("x@1.user"), of("source"), of("nothing")), (Some(json!(10)), Some(json!(14)), None));

    let patterns = ask("/api/patterns?limit=1");
    assert_eq!(patterns["patterns"][0]["events"], 10);
    assert_eq!(patterns["patterns"][0]["text"], "Failed password for <*> from <*> port <*>");
    let shape = patterns["patterns"][0]["shape"].as_str().expect("a shape").to_owned();
    assert_eq!(ask(&format!("/api/count?q=shape:{shape}"))["events"], 10);
    let changes = ask("/api/compare?from=now-1h");
    assert_eq!((&changes["now"]["events"], &changes["before"]["events"]), (&json!(14), &json!(0)));
    assert_eq!(changes["changes"][0]["kind"], "new");

    let parsed = ask("/api/parse?q=host:web1%20-x");
    assert_eq!((&parsed["ok"], &parsed["fields"]), (&json!(true), &json!(["source"])));
    assert_eq!(parsed["tokens"][0], json!({ "from": 0, "to": 5, "kind": "field" }));
    let parsed = ask("/api/parse?q=%F0%9F%98%80%20(a");
    assert_eq!(
        (&parsed["ok"], &parsed["error"]["offset"], &parsed["error"]["column"]),
        (&json!(false), &json!(3), &json!(3))
    );

    let why = ask("/api/explain-nothing?q=failed%20app:cron");
    assert_eq!(why["terms"][0], json!({ "text": "failed", "alone": 10, "without": 3 }));
    let why = ask("/api/explain-nothing?q=x%401.usr:a%20failed");
    assert_eq!(why["unknown"][0]["field"], "x@1.usr");
    let why = ask("/api/explain-nothing?q=failed&to=2020-01-01");
    assert!(why["nearest"]["after"].is_string() && why["nearest"]["before"].is_null(), "{why}");

    let uid = page["events"][0]["uid"].as_str().expect("a uid");
    let one = ask(&format!("/api/event/{uid}"));
    assert_eq!((&one["event"]["uid"], &one["shape"]), (&json!(uid), &json!(shape)));
    assert_eq!(one["way"][1]["name"], "tcp");
    let around = ask(&format!("/api/context?uid={uid}&same=host&before=50&after=1"));
    assert_eq!((around["events"].as_array().map(Vec::len), &around["more_after"]), (Some(11), &json!(true)));
    let near = ask(&format!("/api/context?uid={uid}&same=host&before=4&after=0"));
    let cursor = near["cursor_before"].as_str().expect("older ones");
    let further = ask(&format!("/api/context?uid={uid}&same=host&before=50&cursor_before={cursor}"));
    let uids = |page: &Value| -> Vec<String> {
        page["events"].as_array().expect("events").iter().map(|event| event["uid"].to_string()).collect()
    };
    assert!(!uids(&further).contains(&uids(&near)[0]), "the page before ended with it");
    assert_eq!(uids(&near).len() + uids(&further).len(), 10);

    let csv = here.get("/api/export?format=csv&columns=host,msg&q=app:postgres");
    assert_eq!(csv.body, "host,msg\r\ndb1,checkpoint complete\r\n");
    assert!(csv.header("content-disposition").is_some_and(|name| name.contains("loggr-")), "{csv:?}");
    assert_eq!(here.get("/api/export?q=failed").body.lines().count(), 10);
}

#[test]
fn paging_shows_each_event_once_while_new_ones_come() {
    let loggr = start("");
    let lines = |from: u64, to: u64| -> Vec<String> {
        (from..=to).map(|n| line(6, "h", "app", "-", &format!("number {n}"))).collect()
    };
    fed(&loggr, &lines(1, 25));
    let here = browser(&loggr);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&here, &format!("/api/search?from=now-1h&limit=10&cursor={cursor}"));
        let texts = page["events"].as_array().expect("events").iter();
        seen.extend(texts.map(|event| event["message"].as_str().unwrap_or_default().to_owned()));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = next.to_owned();
        if seen.len() == 10 {
            let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
            lines(26, 30).iter().for_each(|line| writeln!(stream, "{line}").expect("it reads"));
            drop(stream);
            loggr.stored(30, 60);
        }
    }
    let expect: Vec<String> = (1..=25).rev().map(|n| format!("number {n}")).collect();
    assert_eq!(seen, expect);
}

#[test]
fn what_is_wrong_with_a_question_is_said() {
    let loggr = start("");
    let here = browser(&loggr);
    let check = |path: &str, code: u16, word: &str| {
        let answer = here.get(path);
        assert_eq!(answer.problem(), (code, word.to_owned()), "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        answer.json()
    };
    let problem = check("/api/search?q=a%20(b", 400, "query_error");
    assert_eq!((&problem["column"], &problem["detail"]), (&json!(3), &json!("this `(` is not closed")));
    assert_eq!(check("/api/search?limt=5", 400, "bad_parameter")["hint"], "did you mean `limit`?");
    check("/api/search?limit=0", 400, "bad_parameter");
    check("/api/search?from=soon", 400, "bad_parameter");
    check("/api/search?from=now&to=now-1h", 400, "bad_parameter");
    check("/api/search?cursor=x", 400, "bad_parameter");
    check("/api/top", 400, "bad_parameter");
    check("/api/top?field=message", 400, "bad_parameter");
    check("/api/histogram?by=uid", 400, "bad_parameter");
    check("/api/search?store=nowhere", 404, "no_store");
    check("/api/event/01a22bb3-6558-7000-8000-00517dd1084d", 404, "not_found");
    check("/api/event/x", 400, "bad_parameter");
    check("/api/nothing", 404, "not_found");
    check("/api/compare", 400, "bad_parameter");
    // A page of another site could not read the answer, and would still have the host work for it.
    let foreign = here.with("Sec-Fetch-Site", "cross-site");
    assert_eq!(foreign.get("/api/count").problem(), (403, "csrf".to_owned()));
    assert_eq!(foreign.get("/healthz").code, 200);
}

#[test]
fn a_role_sees_what_it_may_and_no_question_gets_round_it() {
    let loggr = start("");
    fed(&loggr, &some());
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let role = json!({ "name": "web", "level": "viewer", "filter": "app:sshd", "hidden": ["x@1.secret"] });
    assert_eq!(anna.ask("POST", "/api/roles", role).code, 201);
    add_user(&loggr, "ben", "web");
    let ben = logged_in(&loggr, "ben");
    let nobody = browser(&loggr);
    let foreign =
        get(&anna, "/api/search?q=app:postgres")["events"][0]["uid"].as_str().expect("a uid").to_owned();
    let own =
        get(&anna, "/api/search?q=app:sshd&limit=1")["events"][0]["uid"].as_str().expect("a uid").to_owned();

    for path in [
        "search",
        "count",
        "histogram?by=app",
        "top?field=app",
        "values?field=app",
        "fields",
        "patterns",
        "compare?from=now-1h",
        "explain-nothing",
        "span",
        "export",
        "parse",
        "saved",
        "tail",
    ] {
        assert_eq!(nobody.get(&format!("/api/{path}")).code, 401, "{path}");
    }
    assert_eq!(get(&ben, "/api/count")["events"], 10);
    assert_eq!(get(&ben, "/api/count?q=app:postgres")["events"], 0);
    assert_eq!(get(&ben, "/api/count?q=*%20OR%20app:postgres")["events"], 10);
    assert_eq!(get(&ben, "/api/search")["events"].as_array().map(Vec::len), Some(10));
    assert_eq!(get(&ben, "/api/top?field=app")["values"], json!([{ "value": "sshd", "events": 10 }]));
    assert_eq!(get(&ben, "/api/values?field=host&prefix=d")["values"], json!([]));
    assert_eq!(get(&ben, "/api/histogram?width=1h")["total"], 10);
    assert_eq!(get(&ben, "/api/patterns")["matched"], 10);
    assert_eq!(get(&ben, "/api/compare?from=now-1h")["now"]["events"], 10);
    assert_eq!(get(&ben, "/api/span")["events"], 10);
    assert_eq!(get(&ben, "/api/explain-nothing?q=nowhere")["in_range"], 10);
    assert_eq!(ben.get("/api/export").body.lines().count(), 10);
    assert_eq!(ben.get(&format!("/api/event/{foreign}")).code, 404);
    assert_eq!(ben.get(&format!("/api/context?uid={foreign}&same=all")).code, 404);
    let around = get(&ben, &format!("/api/context?uid={own}&same=all&before=100&after=100"));
    assert_eq!(around["events"].as_array().map(Vec::len), Some(10));

    // The hidden field is in no answer and cannot be asked for.
    for path in ["search", "search?q=failed", &format!("event/{own}"), "export", "fields"] {
        let body = ben.get(&format!("/api/{path}")).body;
        assert!(!body.contains("secret") && !body.contains("s10"), "{path}: {body}");
    }
    assert!(anna.get("/api/search").body.contains("s10"));
    assert_eq!(get(&ben, "/api/count?q=s10")["events"], 0);
    assert_eq!(get(&anna, "/api/count?q=s10")["events"], 1);
    for path in ["search?q=x%401.secret:*", "top?field=x%401.secret", "histogram?by=x%401.secret"] {
        assert_eq!(ben.get(&format!("/api/{path}")).problem(), (403, "forbidden".to_owned()), "{path}");
    }
    // What shows all of the events is not for somebody who may not see them all.
    for path in ["status", "notifications", "rescue", "queues/search/peek"] {
        assert_eq!(ben.get(&format!("/api/{path}")).code, 403, "{path}");
    }
}

#[test]
fn saved_searches_are_their_owners_and_may_be_shared() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "ben", "viewer");
    let (anna, ben) = (logged_in(&loggr, "anna"), logged_in(&loggr, "ben"));
    let search = |name: &str, shared: bool| json!({ "name": name, "q": "severity:err", "shared": shared });
    assert_eq!(ben.ask("POST", "/api/saved", search("errors", false)).code, 201);
    assert_eq!(ben.ask("POST", "/api/saved", search("errors", false)).json()["parameter"], "name");
    assert_eq!(ben.ask("POST", "/api/saved", json!({ "name": "x", "q": "(" })).json()["parameter"], "q");
    assert_eq!(get(&anna, "/api/saved")["saved"], json!([]));
    assert_eq!(ben.ask("PUT", "/api/saved/errors", search("errors", true)).code, 200);
    let seen = get(&anna, "/api/saved")["saved"][0].clone();
    assert_eq!(
        (&seen["name"], &seen["owner"], &seen["mine"]),
        (&json!("errors"), &json!("ben"), &json!(false))
    );
    assert_eq!(anna.ask("PUT", "/api/saved/errors", search("mine", true)).code, 404);
    assert_eq!(ben.plain("DELETE", "/api/saved/errors", &Value::Null).problem().1, "csrf");
    assert_eq!(ben.ask("DELETE", "/api/saved/errors", Value::Null).code, 204);
    assert_eq!(ben.ask("DELETE", "/api/saved/errors", Value::Null).code, 404);
}

#[test]
fn what_was_saved_without_users_is_everybodys_once_there_are_some() {
    let loggr = start("");
    let here = browser(&loggr);
    let made = here.ask("POST", "/api/saved", json!({ "name": "errors", "q": "severity:err" })).json();
    assert_eq!((&made["owner"], &made["shared"], &made["mine"]), (&json!(null), &json!(true), &json!(true)));
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "ben", "viewer");
    let (anna, ben) = (logged_in(&loggr, "anna"), logged_in(&loggr, "ben"));
    for (who, removable) in [(&ben, false), (&anna, true)] {
        let seen = get(who, "/api/saved")["saved"][0].clone();
        assert_eq!((&seen["mine"], &seen["removable"]), (&json!(false), &json!(removable)), "{seen}");
    }
    assert_eq!(ben.ask("DELETE", "/api/saved/errors", Value::Null).code, 404);
    assert_eq!(anna.ask("DELETE", "/api/saved/errors", Value::Null).code, 204);
}

#[test]
fn a_search_that_is_saved_takes_a_turn_as_one_that_is_asked() {
    let loggr = start("");
    let here = browser(&loggr);
    let search = |name: &str| json!({ "name": name, "q": "message:/a{1,9}/" });
    let mut tails = Vec::new();
    for _ in 0..24 {
        let mut tail = here.open("GET", "/api/tail?q=x", &Value::Null);
        let mut head = [0; 12];
        tail.read_exact(&mut head).expect("a status");
        assert_eq!(&head, b"HTTP/1.0 200");
        tails.push(tail);
    }
    assert_eq!(here.ask("POST", "/api/saved", search("a")).problem(), (429, "too_many".to_owned()));
    assert_eq!(here.ask("PUT", "/api/saved/a", search("a")).problem(), (429, "too_many".to_owned()));
    drop(tails);
    until("turns come back", 60, || here.ask("POST", "/api/saved", search("a")).code == 201);
}

#[test]
fn a_tail_brings_what_comes_and_says_what_it_leaves_out() {
    let loggr = start("");
    let here = browser(&loggr);
    let mut tail = here.open("GET", "/api/tail?q=number&rate=20", &Value::Null);
    tail.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a time-out");
    let (mut heard, mut piece) = (String::new(), [0; 65536]);
    let mut until_heard = |what: &str| {
        while !heard.contains(what) {
            let read = tail.read(&mut piece).expect("it speaks");
            assert!(read > 0, "it ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap_or_default()));
        }
    };
    until_heard("event: hello");
    let lines = |from: u64, to: u64| -> Vec<String> {
        (from..=to).map(|n| line(6, "h", "app", "-", &format!("number {n}."))).collect()
    };
    // Somebody who is told at once that there is nothing new looks again before these come.
    fed(&loggr, &lines(1, 1));
    until_heard("number 1.");
    let many = lines(2, 3001);
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    many.iter().for_each(|line| writeln!(stream, "{line}").expect("it reads"));
    drop(stream);
    until_heard("event: skipped");
    until_heard("number 3001.");
}

#[test]
fn the_document_of_the_api_names_what_is_answered() {
    let loggr = start("");
    let here = browser(&loggr);
    let document = get(&here, "/api/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 20, "{}", paths.len());
    for (path, operations) in paths {
        if path.contains('{') || operations.get("get").is_none() || is_stream(path) {
            continue;
        }
        let needed = operations["get"]["parameters"]
            .as_array()
            .is_some_and(|all| all.iter().any(|parameter| parameter["required"] == true));
        let code = here.get(path).code;
        // There is no provider here to log in through.
        let no_provider = path.starts_with("/api/login/oidc");
        // Nor a key of seals.
        let expect: &[u16] = if no_provider || path == "/api/verify" {
            &[404]
        } else if needed || path == "/api/compare" {
            &[400]
        } else {
            &[200]
        };
        assert!(expect.contains(&code), "{path}: {code}");
    }
}

fn is_stream(path: &str) -> bool {
    ["/api/tail", "/api/status/feed", "/api/notifications"].contains(&path)
}

#[test]
fn the_page_is_there_with_all_that_it_loads() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    // It is the same for everybody, so that somebody can log in.
    let here = browser(&loggr);
    let page = here.get("/");
    assert_eq!((page.code, page.header("content-type")), (200, Some("text/html")), "{page:?}");
    let named = page
        .body
        .split(['"', '\''])
        .filter(|part| part.starts_with("/assets/") || part.starts_with("./assets/"));
    let named: Vec<&str> = named.map(|part| part.trim_start_matches('.')).collect();
    assert!(named.len() >= 2, "{}", page.body);
    for path in named {
        let asset = here.get(path);
        assert_eq!(asset.code, 200, "{path}");
        assert!(asset.header("cache-control").is_some_and(|kept| kept.contains("immutable")), "{asset:?}");
    }
    assert_eq!(here.get("/assets/nothing.js").code, 404);
}

#[test]
fn a_query_ends_with_its_client_and_the_next_is_answered() {
    let loggr = start("");
    fed(&loggr, &some());
    let here = browser(&loggr);
    for _ in 0..50 {
        drop(here.open("GET", "/api/search?q=failed", &Value::Null));
    }
    until("turns come back", 60, || here.get("/api/count?q=failed").code == 200);
}
