//! Nobody gets round the filter, the hidden fields or the level of a role: every endpoint that the OpenAPI
//! document names has a row here, and one without a row fails the test.
//!
//! Each row says how to ask so that everybody's events would be told, and the administrator's answer shows
//! that the question would tell them. Log-in, users, roles and tokens, which tell nothing of events, are
//! the door's own test (`web/door/tests.rs`), with all that stands in its table.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{PASSWORD, add_user, browser, logged_in, start, typed};
use crate::api::{fed, get, line};
use crate::support::{Browser, Loggr};

/// It stands in all parts of the events that must not be seen.
const FOREIGN: &str = "zebra";
/// It stands in the field that is hidden.
const HIDDEN: &str = "s3cr3t";
/// Events that may be seen; and all events.
const OWN: u64 = 4;
const ALL: u64 = 16;

/// A question and how it is noticed that it tells too much.
#[derive(Clone, Copy)]
enum Probe {
    /// The answer names parts of foreign events.
    Names(&'static str),
    /// The answer has the number of events in this place.
    Number(&'static str, &'static str),
}
use Probe::{Names, Number};

#[derive(Clone, Copy)]
enum Row {
    /// It tells of events what the asker may see. `OWN` and `FOREIGN` in a question are uids.
    Tells(&'static [Probe]),
    /// It goes on telling: looked at below, one by one.
    Follows,
    /// It shows or takes events whatever a filter says, and is refused to who has one.
    Whole(&'static str),
    /// It takes events in, for operators, and tells none.
    Takes,
    /// Nothing of events is in it.
    Else,
    /// It says who may, and nothing of events; each has demands of its own, which the tests of the door hold.
    Door,
}
use Row::{Door, Else, Follows, Takes, Tells, Whole};

/// Method, path, and what to look at. `Whole` names the least level.
const ROWS: &[(&str, &str, Row)] = &[
    (
        "GET",
        "/api/search",
        Tells(&[
            Names("?limit=1000"),
            Names("?q=-app:sshd"),
            Names("?q=*%20OR%20-app:sshd"),
            Names("?order=oldest&highlight=1&q=*"),
            Names("?from=now-1h&to=now"),
        ]),
    ),
    ("GET", "/api/count", Tells(&[Number("", "/events"), Number("?q=*%20OR%20-app:sshd", "/events")])),
    (
        "GET",
        "/api/context",
        Tells(&[Names("?uid=FOREIGN&same=all"), Names("?uid=OWN&same=all&before=100&after=100")]),
    ),
    ("GET", "/api/event/{uid}", Tells(&[Names("/FOREIGN")])),
    ("GET", "/api/span", Tells(&[Number("", "/events")])),
    (
        "GET",
        "/api/histogram",
        Tells(&[Names("?by=app"), Names("?by=host&width=1h"), Number("?width=1h", "/total")]),
    ),
    (
        "GET",
        "/api/top",
        Tells(&[
            Names("?field=app"),
            Names("?field=host&prefix=z"),
            Names("?field=procid&contains=e"),
            Number("?field=severity", "/matched"),
        ]),
    ),
    ("GET", "/api/values", Tells(&[Names("?field=app"), Names("?field=host&prefix=z")])),
    ("GET", "/api/fields", Tells(&[Names(""), Number("", "/matched")])),
    ("GET", "/api/patterns", Tells(&[Names(""), Number("", "/matched")])),
    ("GET", "/api/compare", Tells(&[Names("?from=now-1h"), Number("?from=now-1h", "/now/events")])),
    ("GET", "/api/verify", Tells(&[Number("", "/unsealed"), Number("?q=*%20OR%20-app:sshd", "/events")])),
    // A field that was nearly typed is suggested.
    ("GET", "/api/parse", Tells(&[Names("?q=zebr%401.zebrfield:x")])),
    (
        "GET",
        "/api/explain-nothing",
        Tells(&[Names("?q=zebr%401.zebrfield:x"), Number("?q=nowhere", "/in_range")]),
    ),
    (
        "GET",
        "/api/export",
        Tells(&[
            Names(""),
            Names("?format=text&q=-app:sshd"),
            Names("?format=csv&columns=host,app,procid,x%401.secret"),
        ]),
    ),
    ("GET", "/api/tail", Follows),
    ("GET", "/api/saved", Else),
    ("POST", "/api/saved", Else),
    ("PUT", "/api/saved/{name}", Else),
    ("DELETE", "/api/saved/{name}", Else),
    ("GET", "/api/status", Whole("viewer")),
    ("GET", "/api/status/feed", Whole("viewer")),
    ("GET", "/api/notifications", Whole("viewer")),
    ("GET", "/api/queues/{name}/peek", Whole("operator")),
    ("POST", "/api/queues/{name}/purge", Whole("operator")),
    ("GET", "/api/rescue", Whole("operator")),
    ("POST", "/api/rescue/replay", Whole("operator")),
    ("POST", "/api/rescue/discard", Whole("operator")),
    ("POST", "/api/upload", Takes),
    ("GET", "/api/openapi.json", Else),
    ("GET", "/api/me", Door),
    ("POST", "/api/login", Door),
    ("POST", "/api/login/link", Door),
    ("GET", "/api/login/oidc", Door),
    ("GET", "/api/login/oidc/return", Door),
    ("POST", "/api/logout", Door),
    ("POST", "/api/logout/all", Door),
    ("POST", "/api/me/password", Door),
    ("GET", "/api/users", Door),
    ("POST", "/api/users", Door),
    ("PATCH", "/api/users/{name}", Door),
    ("DELETE", "/api/users/{name}", Door),
    ("POST", "/api/users/{name}/logout", Door),
    ("GET", "/api/roles", Door),
    ("POST", "/api/roles", Door),
    ("PUT", "/api/roles/{name}", Door),
    ("DELETE", "/api/roles/{name}", Door),
    ("GET", "/api/tokens", Door),
    ("POST", "/api/tokens", Door),
    ("DELETE", "/api/tokens/{id}", Door),
];

fn events() -> Vec<String> {
    let own = |n: u64| {
        let data = format!("[x@1 user=\"u{n}\" secret=\"{HIDDEN}{n}\"]");
        line(3, "web1", "sshd", &data, &format!("Failed password for u{n}"))
    };
    let foreign = |n: u64| {
        let data = format!("[{FOREIGN}@1 {FOREIGN}field=\"{FOREIGN}{n}\"]");
        let text = format!("{FOREIGN} number {n}");
        let line = line(4, &format!("{FOREIGN}-host"), &format!("{FOREIGN}-app"), &data, &text);
        line.replace(" 7 - ", &format!(" {FOREIGN}{n} - "))
    };
    (1..=OWN).map(own).chain((1..=ALL - OWN).map(foreign)).collect()
}

/// A program with these events; anna administers, ben has the role `part`.
fn house() -> (Loggr, Browser, Browser) {
    house_with("")
}

/// The same with further sections.
fn house_with(sections: &str) -> (Loggr, Browser, Browser) {
    let loggr = start(sections);
    fed(&loggr, &events());
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let role = json!({ "name": "part", "level": "operator", "filter": "app:sshd", "hidden": ["x@1.secret"] });
    assert_eq!(anna.ask("POST", "/api/roles", role).code, 201);
    add_user(&loggr, "ben", "part");
    let ben = logged_in(&loggr, "ben");
    (loggr, anna, ben)
}

#[test]
fn every_endpoint_has_a_row() {
    let loggr = start("");
    let document = get(&browser(&loggr), "/api/openapi.json");
    let named = document["paths"].as_object().expect("paths").iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations").keys();
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    let named: BTreeSet<(String, String)> = named.collect();
    let rows: BTreeSet<(String, String)> =
        ROWS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    let without: Vec<_> = named.symmetric_difference(&rows).collect();
    assert!(without.is_empty(), "say in ROWS what these tell of events: {without:?}");
}

#[test]
fn no_endpoint_tells_what_a_role_must_not_see() {
    // Only who has a key can say something of seals.
    let directory = tempfile::tempdir().expect("a directory");
    let key = directory.path().join("seal.key");
    std::fs::write(&key, "a".repeat(64)).expect("a key");
    let (loggr, anna, ben) = house_with(&format!("[hmac]\nkeys = [{{ id = \"k\", file = {key:?} }}]\n"));
    let uid = |query: &str| {
        let found = get(&anna, &format!("/api/search?limit=1&q={query}"));
        found["events"][0]["uid"].as_str().expect("a uid").to_owned()
    };
    let (own, foreign) = (uid("app:sshd"), uid("-app:sshd"));
    for (method, path, row) in ROWS {
        let Tells(probes) = row else { continue };
        assert_eq!(*method, "GET", "{path}");
        for probe in *probes {
            let (Names(question) | Number(question, _)) = probe;
            let question = question.replace("FOREIGN", &foreign).replace("OWN", &own);
            let path = format!("{}{question}", path.replace("/{uid}", ""));
            let (told, shown) = (anna.get(&path), ben.get(&path));
            assert_eq!(told.code, 200, "{path}: {told:?}");
            assert!(matches!(shown.code, 200 | 403 | 404), "{path}: {shown:?}");
            for word in [FOREIGN, HIDDEN] {
                assert!(!shown.body.contains(word), "{path} tells `{word}`: {}", shown.body);
            }
            match probe {
                Names(_) => assert!(told.body.contains(FOREIGN), "{path} proves nothing: {}", told.body),
                Number(_, place) => {
                    let number = |answer: Value| answer.pointer(place).and_then(Value::as_u64);
                    assert_eq!((number(told.json()), number(shown.json())), (Some(ALL), Some(OWN)), "{path}");
                }
            }
            // Whoever asked, the security log says so, with how much they were told.
            let pattern = format!("about=\"GET {}", path.split('?').next().unwrap_or_default());
            let pattern = if path.contains("/event/") { "about=\"GET /api/event/{uid}" } else { &pattern };
            let log = loggr.log();
            let lines = log.lines().filter(|line| line.contains(pattern) && line.contains("who=ben"));
            assert!(path.contains("/api/parse") || lines.count() > 0, "{path} leaves no line in the log");
        }
    }
    // Hidden fields cannot be asked for.
    for path in [
        "search?q=x%401.secret:*",
        "count?q=-x%401.secret:*",
        "top?field=x%401.secret",
        "values?field=x%401.secret",
        "histogram?by=x%401.secret",
        "export?q=x%401.secret:*",
        "verify?q=x%401.secret:*",
        "tail?q=x%401.secret:*",
    ] {
        assert_eq!(ben.get(&format!("/api/{path}")).problem(), (403, "forbidden".to_owned()), "{path}");
    }
    assert!(anna.get("/api/search").body.contains(HIDDEN));
}

#[test]
fn who_follows_is_told_only_what_their_role_may_see() {
    let (loggr, _anna, ben) = house();
    let mut tail = ben.open("GET", "/api/tail?q=*%20OR%20-app:sshd", &Value::Null);
    tail.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let (mut heard, mut piece) = (String::new(), [0; 65536]);
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    let mut told = events();
    told.reverse();
    // The own ones come last, so that the foreign ones would have been told before.
    while !heard.contains("password for u1\"") {
        let read = tail.read(&mut piece).expect("it speaks");
        assert!(read > 0, "it ended: {heard}");
        heard.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap_or_default()));
        if heard.contains("event: hello") {
            for line in std::mem::take(&mut told) {
                writeln!(stream, "{line}").expect("it reads");
            }
        }
    }
    assert!(!heard.contains(FOREIGN) && !heard.contains(HIDDEN), "{heard}");
}

#[test]
fn who_follows_is_told_nothing_more_once_their_role_is_another() {
    let (loggr, anna, ben) = house();
    let mut tail = ben.open("GET", "/api/tail?q=app:sshd", &Value::Null);
    tail.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let mut stream = TcpStream::connect(loggr.address("tcp")).expect("it accepts");
    let mut say = |text: &str| writeln!(stream, "{}", line(3, "web1", "sshd", "-", text)).expect("it reads");
    let (mut heard, mut piece, mut said) = (String::new(), [0; 65536], false);
    while !heard.contains("told before") {
        let read = tail.read(&mut piece).expect("it speaks");
        assert!(read > 0, "it ended: {heard}");
        heard.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap_or_default()));
        if heard.contains("event: hello") && !std::mem::replace(&mut said, true) {
            say("told before");
        }
    }
    // The new role hides what ben follows. He is told why it ends, and not a row more.
    let role = json!({ "level": "operator", "filter": "app:cron", "hidden": [] });
    assert_eq!(anna.ask("PUT", "/api/roles/part", role).code, 200);
    say("told after");
    heard.clear();
    tail.read_to_string(&mut heard).expect("it ends");
    assert!(!heard.contains("told after"), "{heard}");
    assert!(heard.contains("event: end"), "{heard}");
    loggr.stored(ALL + 2, 60);
}

#[test]
fn a_role_of_an_earlier_loggr_that_cannot_hold_any_more_is_told_and_shows_nothing() {
    let (mut loggr, anna, mut ben) = house();
    loggr.stop();
    let file = loggr.data().join("access/accounts.json");
    let text = std::fs::read_to_string(&file).expect("the accounts");
    assert!(text.contains("x@1.secret"), "{text}");
    std::fs::write(&file, text.replace("x@1.secret", "structured_data")).expect("the accounts");
    loggr.up();
    let told =
        "role `part`: it cannot be used any more, and who has it sees nothing: `structured_data` is no field";
    assert!(loggr.log().contains(told), "{}", loggr.log());
    assert!(loggr.status_text(&[]).contains(told), "{}", loggr.status_text(&[]));
    let (code, listed) = typed(&loggr, &["role", "list"], "");
    assert!(code == 0 && listed.contains(told) && listed.contains("`loggr role set part`"), "{listed}");
    for path in ["/api/me", "/api/search", "/api/tail"] {
        let answer = ben.get(path);
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()), "{path}");
        let hint = answer.json()["hint"].as_str().unwrap_or_default().to_owned();
        assert!(hint.contains("an administrator has to change the role"), "{path}: {hint}");
    }
    let roles = get(&anna, "/api/roles");
    let part = roles["roles"].as_array().expect("roles").iter().find(|role| role["name"] == "part").cloned();
    assert!(part.expect("the role")["trouble"].is_string(), "{roles}");
    assert_eq!(typed(&loggr, &["role", "set", "part", "--hide", "x@1.secret"], "").0, 0);
    ben.log_in("ben", PASSWORD);
    assert_eq!(ben.get("/api/search").code, 200);
    assert!(!loggr.status_text(&[]).contains("cannot be used any more"), "{}", loggr.status_text(&[]));
}

/// The status alone: some answers have no end.
fn code(browser: &Browser, method: &str, path: &str) -> u16 {
    let body = if method == "GET" { Value::Null } else { json!({}) };
    let mut head = String::new();
    let stream = browser.open(method, path, &body);
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    BufReader::new(stream).read_line(&mut head).expect("it answers");
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"))
}

#[test]
fn each_role_at_each_endpoint_of_the_real_program() {
    const ROLES: [&str; 4] = ["viewer", "operator", "admin", "part"];
    let (loggr, anna, _ben) = house();
    let tokens = ROLES.map(|role| {
        let made = anna.ask("POST", "/api/tokens", json!({ "name": role, "role": role })).json();
        browser(&loggr).with("Authorization", &format!("Bearer {}", made["token"].as_str().expect("a token")))
    });
    for (method, path, row) in ROWS.iter().filter(|(.., row)| !matches!(row, Door)) {
        let asked = path.replace("{uid}", "x").replace("{name}", "nothing");
        for (role, token) in ROLES.iter().zip(&tokens) {
            let may = match row {
                Tells(_) | Follows | Else | Door => true,
                Takes => *role != "viewer",
                Whole("viewer") => *role != "part",
                Whole(_) => matches!(*role, "operator" | "admin"),
            };
            let code = code(token, method, &asked);
            assert_eq!(!matches!(code, 401 | 403), may, "{role} {method} {path}: {code}");
        }
        let expect = if path.ends_with("openapi.json") { 200 } else { 401 };
        assert_eq!(code(&browser(&loggr), method, &asked), expect, "nobody {method} {path}");
    }
}
