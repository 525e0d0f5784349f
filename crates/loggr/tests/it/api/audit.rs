//! What is asked leaves a line, changes go on without their client, and long answers end with the rights
//! of their reader.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{add_user, browser, logged_in, start, typed};
use crate::api::{fed, get, line, some};
use crate::support::{Browser, Loggr, until};

/// Waits until the log has a line of the security log that begins and ends so.
#[track_caller]
fn told(loggr: &Loggr, begins: &str, ends: &str) {
    until(&format!("the log has a line `{begins} … {ends}`"), 60, || is_told(loggr, begins, ends));
}

fn is_told(loggr: &Loggr, begins: &str, ends: &str) -> bool {
    loggr.log().lines().any(|line| {
        line.split_once(begins).is_some_and(|(before, behind)| before.ends_with(' ') && behind.contains(ends))
    })
}

/// Asks for a change and hangs up at once, until one was made: a request whose client has gone before it
/// was read is none.
#[track_caller]
fn made_without_a_client(loggr: &Loggr, (path, body): (&str, Value), begins: &str, ends: &str) {
    let here = browser(loggr);
    until(&format!("the log has a line `{begins} … {ends}`"), 60, || {
        drop(here.open("POST", path, &body));
        is_told(loggr, begins, ends)
    });
}

#[test]
fn who_looks_at_events_is_in_the_security_log() {
    let loggr = start("");
    fed(&loggr, &some());
    let here = browser(&loggr);
    let uid =
        get(&here, "/api/search?q=failed&limit=1")["events"][0]["uid"].as_str().expect("a uid").to_owned();
    for (path, about) in [
        ("search?q=failed&limit=4", "GET /api/search q=\\\"failed\\\" limit=\\\"4\\\" rows=4"),
        ("count", "GET /api/count rows=14"),
        ("top?field=app", "GET /api/top field=\\\"app\\\" rows=3"),
        ("values?field=app&prefix=ss", "GET /api/values field=\\\"app\\\" prefix=\\\"ss\\\" rows=1"),
        ("fields", "GET /api/fields rows="),
        ("histogram?width=1h", "GET /api/histogram width=\\\"1h\\\" rows="),
        ("patterns", "GET /api/patterns rows=3"),
        ("compare?from=now-1h", "GET /api/compare from=\\\"now-1h\\\" rows="),
        (&format!("context?uid={uid}&same=host"), &format!("GET /api/context uid=\\\"{uid}\\\" same=")),
        (&format!("event/{uid}"), &format!("GET /api/event/{{uid}} uid=\\\"{uid}\\\" rows=1")),
        ("explain-nothing?q=nowhere", "GET /api/explain-nothing q=\\\"nowhere\\\" rows=14"),
        ("search?store=search&q=-", ""),
    ] {
        here.get(&format!("/api/{path}"));
        if !about.is_empty() {
            told(&loggr, "searched security=searched who=loopback via=loopback", about);
        }
    }
    here.get("/api/queues/search/peek?limit=2");
    told(&loggr, "looked into a queue security=\"looked into a queue\"", "queue=\\\"search\\\" rows=0");
    here.get("/api/rescue?sink=search");
    told(&loggr, "looked into the rescue security=\"looked into the rescue\"", "sink=\\\"search\\\" rows=0");
    assert_eq!(here.get("/api/export?q=failed").body.lines().count(), 10);
    told(&loggr, "exports security=exports", "GET /api/export q=\\\"failed\\\"");
    told(&loggr, "exported security=exported", "rows=10 ended=\\\"to its end\\\"");
}

#[test]
fn who_follows_is_in_the_security_log_at_the_beginning_and_at_the_end() {
    let loggr = start("");
    let here = browser(&loggr);
    let tail = here.open("GET", "/api/tail?q=number", &Value::Null);
    told(&loggr, "follows security=follows", "q=\\\"number\\\"");
    assert!(!loggr.log().contains("followed security"), "it goes on");
    drop(tail);
    told(&loggr, "followed security=followed", "rows=0 ended=\\\"its client went\\\"");
}

#[test]
fn a_change_goes_on_when_its_client_hangs_up_and_the_log_says_how_it_ended() {
    let loggr = start("");
    fed(&loggr, &some());
    let here = browser(&loggr);
    let (purge, all) = (("/api/queues/search/purge", Value::Null), json!({ "sink": "search" }));
    made_without_a_client(&loggr, purge, "purges security=purges", "queue=\\\"search\\\" dropped=0");
    let discard = ("/api/rescue/discard", all.clone());
    made_without_a_client(&loggr, discard, "discards security=discards", "discarded=0");
    made_without_a_client(
        &loggr,
        ("/api/rescue/replay", all),
        "replays security=replays",
        "replayed=0 refused=0",
    );
    let none = here.ask("POST", "/api/rescue/replay", json!({ "sink": "nobody" }));
    assert_eq!(none.problem(), (404, "not_found".to_owned()));
    told(&loggr, "replays security=replays", "sink=\\\"nobody\\\" id=None reason=None ended=");
}

/// Reads what is left of an answer, which may break off.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    // However it ends: what came before is looked at.
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn export(browser: &Browser, format: &str) -> TcpStream {
    let mut stream = browser.open("GET", &format!("/api/export?format={format}"), &Value::Null);
    // It has begun, and nobody reads on.
    let mut begin = [0; 16];
    stream.read_exact(&mut begin).expect("it begins");
    assert!(begin.starts_with(b"HTTP/1.0 200 OK"), "{}", String::from_utf8_lossy(&begin));
    stream
}

#[test]
fn an_export_has_a_place_and_ends_with_the_rights_of_its_reader() {
    let loggr = start("");
    // More than connections hold of themselves, in three pages of the store.
    let long = "x".repeat(2500);
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    for n in 0..12_000 {
        writeln!(stream, "{}", line(6, "h", "app", "-", &format!("{n} {long}"))).expect("it reads");
    }
    drop(stream);
    loggr.stored(12_000, 120);
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "ben", "viewer");
    let (anna, ben) = (logged_in(&loggr, "anna"), logged_in(&loggr, "ben"));
    let open = ["ndjson", "csv", "text", "ndjson"].map(|format| export(&ben, format));
    let fifth = ben.get("/api/export");
    assert_eq!(fifth.problem(), (429, "too_many".to_owned()));
    assert!(
        fifth.json()["detail"].as_str().is_some_and(|why| why.starts_with("4 exports of `ben`")),
        "{fifth:?}"
    );
    assert_eq!(anna.get("/api/export?limit=1").body.lines().count(), 1);
    assert_eq!(anna.ask("DELETE", "/api/users/ben", Value::Null).code, 204);
    for (stream, begins) in open.into_iter().zip([
        "{\"error\":\"who asked",
        "\"error: who asked",
        "error: who asked",
        "{\"error\"",
    ]) {
        let body = rest(stream);
        let lines = body.lines().count();
        let last = body.lines().last().unwrap_or_default();
        assert!(lines < 12_000 && last.starts_with(begins), "{lines} lines, the last: {last:.200}");
    }
    told(&loggr, "exported security=exported who=ben", "may no longer do this\\\"");
}

#[test]
fn a_token_that_is_nobodys_is_not_the_user_of_its_name() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "ben", "admin");
    let ben = logged_in(&loggr, "ben");
    let search = json!({ "name": "mine", "q": "severity:err", "shared": false });
    assert_eq!(ben.ask("POST", "/api/saved", search.clone()).code, 201);
    assert_eq!(ben.ask("POST", "/api/tokens", json!({ "name": "bens", "role": "viewer" })).code, 201);
    let (code, said) = typed(&loggr, &["token", "add", "ben", "--role", "viewer"], "");
    let secret = said.lines().find(|line| line.starts_with("loggr_")).expect("a secret");
    assert_eq!(code, 0, "{said}");
    let token = browser(&loggr).with("Authorization", &format!("Bearer {secret}"));
    assert_eq!(get(&token, "/api/me")["display"], "ben");
    assert_eq!(get(&token, "/api/saved")["saved"], json!([]));
    assert_eq!(token.ask("DELETE", "/api/saved/mine", Value::Null).code, 404);
    assert_eq!(get(&token, "/api/tokens")["tokens"], json!([]));
    let more = token.ask("POST", "/api/tokens", json!({ "name": "more", "role": "viewer" }));
    assert_eq!(more.problem(), (403, "forbidden".to_owned()));
    let password = json!({ "old": crate::access::PASSWORD, "new": "another horse 7" });
    assert!(token.ask("POST", "/api/me/password", password).code >= 400);
    assert_eq!(get(&ben, "/api/saved")["saved"][0]["name"], "mine");
}

#[test]
fn of_a_damaged_store_answers_say_what_is_missing_and_where_only_to_administrators() {
    let mut loggr = start("");
    fed(&loggr, &some());
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "ben", "viewer");
    let role = ["role", "add", "part", "--filter", "app:sshd"];
    assert_eq!(typed(&loggr, &role, "").0, 0);
    add_user(&loggr, "cora", "part");
    loggr.stop();
    let store = loggr.data().join("search");
    let damaged = files(&store).into_iter().find(|file| file.extension().is_some_and(|e| e == "parquet"));
    let damaged = damaged.expect("a data file");
    let length = std::fs::metadata(&damaged).expect("it is there").len();
    std::fs::write(&damaged, vec![0; usize::try_from(length).expect("small")]).expect("it can be damaged");
    loggr.up();
    let warnings = |browser: &Browser| get(browser, "/api/search")["warnings"].to_string();
    let (anna, ben) = (logged_in(&loggr, "anna"), logged_in(&loggr, "ben"));
    let (whole, shown) = (warnings(&anna), warnings(&ben));
    let path = damaged.display().to_string();
    let name = damaged.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(whole.contains(&path), "{whole}");
    assert!(shown.contains(name) && !shown.contains('/'), "{shown}");
    told(&loggr, "an answer is not whole", &path);
    let cora = logged_in(&loggr, "cora");
    for (who, path) in [(&ben, "explain-nothing?q=nowhere"), (&cora, "span"), (&cora, "count")] {
        assert_eq!(get(who, &format!("/api/{path}"))["partial"], true, "{path}");
    }
}

fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_events_around_one_without_a_host_are_found() {
    let loggr = start("");
    fed(
        &loggr,
        &[
            line(6, "web1", "app", "-", "with"),
            line(6, "-", "-", "-", "without one"),
            line(6, "-", "-", "-", "without two"),
        ],
    );
    let here = browser(&loggr);
    let of = get(&here, "/api/search?q=%22without%20one%22")["events"][0].clone();
    let uid = of["uid"].as_str().expect("a uid");
    for (same, expect) in
        [("host", &["without one", "without two"][..]), ("app", &["without one", "without two"])]
    {
        let around = get(&here, &format!("/api/context?uid={uid}&same={same}"));
        let texts: Vec<&str> = around["events"]
            .as_array()
            .expect("events")
            .iter()
            .filter_map(|e| e["message"].as_str())
            .collect();
        assert_eq!(texts, expect, "{same}: the event is {of}");
    }
}
