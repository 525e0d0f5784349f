//! Log-in and log-out, foreign pages, and what ends a session.

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};

use super::{PASSWORD, add_user, browser, logged_in, start, typed};
use crate::support::{Loggr, eventually, until};

#[test]
fn a_log_in_needs_the_password_and_is_kept_in_a_cookie_that_scripts_do_not_see() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let wrong = browser(&loggr).try_log_in("anna", "wrong horse");
    let unknown = browser(&loggr).try_log_in("nobody", PASSWORD);
    assert_eq!(wrong.problem(), (401, "not_logged_in".to_owned()));
    // Whether there is such a user is not told.
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.header("set-cookie"), None);
    let right = browser(&loggr).try_log_in("anna", PASSWORD);
    let cookie = right.header("set-cookie").expect("a cookie");
    assert!(
        cookie.starts_with("loggr=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let anna = logged_in(&loggr, "anna");
    assert_eq!(anna.ask("POST", "/api/logout", json!({})).code, 204);
    assert_eq!(anna.get("/api/me").code, 401);
    let mut forged = browser(&loggr);
    forged.cookie = format!("loggr={}", "0".repeat(64));
    assert_eq!(forged.get("/api/me").code, 401);
    // What is no JSON of a log-in is not taken for one, as from a form of a foreign page.
    let form = browser(&loggr).plain("POST", "/api/login", &Value::Null);
    assert_eq!(form.problem(), (400, "bad_parameter".to_owned()));
}

#[test]
fn a_foreign_page_cannot_use_a_log_in() {
    let loggr = start("hosts = ['logs.example.net']");
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let body = json!({ "name": "ben", "role": "viewer", "password": PASSWORD });
    let csrf = (403, "csrf".to_owned());
    // The cookie alone.
    assert_eq!(anna.plain("POST", "/api/users", &body).problem(), csrf);
    let mut guessed = anna.clone();
    guessed.csrf = "0".repeat(64);
    assert_eq!(guessed.ask("POST", "/api/users", body.clone()).problem(), csrf);
    // The right word, but from elsewhere.
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:1"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let foreign = anna.clone().with(name, value);
        assert_eq!(foreign.ask("POST", "/api/users", body.clone()).problem(), csrf, "{name}: {value}");
    }
    let login = browser(&loggr).with("Origin", "http://evil.example").try_log_in("anna", PASSWORD);
    assert_eq!(login.problem(), csrf);
    // A name that leads here and is not ours.
    assert_eq!(anna.clone().with("Host", "evil.example").get("/api/me").code, 403);
    // Our own page, also under its name.
    let own = anna.clone().with("Host", "logs.example.net").with("Origin", "http://logs.example.net");
    assert_eq!(own.ask("POST", "/api/users", body).code, 201);
}

#[test]
fn an_administrator_ends_all_sessions_of_another_user() {
    let mut loggr = start("");
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "otto", "operator");
    let (anna, here, there) =
        (logged_in(&loggr, "anna"), logged_in(&loggr, "otto"), logged_in(&loggr, "otto"));
    let users = anna.get("/api/users").json();
    assert_eq!((&users["users"][0]["sessions"], &users["users"][1]["sessions"]), (&json!(1), &json!(2)));
    let end = |who: &crate::support::Browser, name: &str| {
        who.ask("POST", &format!("/api/users/{name}/logout"), json!({}))
    };
    assert_eq!(end(&here, "anna").problem(), (403, "forbidden".to_owned()));
    assert_eq!(end(&anna, "nobody").problem(), (404, "not_found".to_owned()));
    assert_eq!(end(&anna, "otto").json(), json!({ "ended": 2 }));
    assert_eq!(
        (here.get("/api/me").code, there.get("/api/me").code, anna.get("/api/me").code),
        (401, 401, 200)
    );
    // A restart brings none of them back.
    loggr.kill9();
    loggr.up();
    assert_eq!((here.get("/api/me").code, anna.get("/api/me").code), (401, 200));
    logged_in(&loggr, "otto");
}

#[test]
fn sessions_survive_a_crash() {
    let mut loggr = start("");
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let gone = logged_in(&loggr, "anna");
    assert_eq!(gone.ask("POST", "/api/logout", json!({})).code, 204);
    loggr.kill9();
    loggr.up();
    assert_eq!(anna.get("/api/me").json()["user"], "anna");
    assert_eq!(anna.ask("POST", "/api/tokens", json!({ "name": "ci" })).code, 201);
    assert_eq!(gone.get("/api/me").code, 401);
}

/// Lets so much time pass for the sessions of a program that is down.
fn age(loggr: &Loggr, seconds: i64) {
    let file = loggr.data().join("access/sessions.json");
    let mut all: Value = serde_json::from_slice(&std::fs::read(&file).expect("sessions")).expect("JSON");
    for session in all["sessions"].as_object_mut().expect("sessions").values_mut() {
        for key in ["began", "used"] {
            session[key] = json!(session[key].as_i64().expect("a time") - seconds * 1_000_000);
        }
    }
    std::fs::write(&file, all.to_string()).expect("sessions");
}

#[test]
fn a_session_that_is_not_used_ends() {
    let mut loggr = start("session_timeout = '2m'");
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    for (seconds, expect) in [(60, 200), (121, 401)] {
        loggr.stop();
        age(&loggr, seconds);
        loggr.up();
        assert_eq!(anna.get("/api/me").code, expect, "{seconds}");
    }
}

#[test]
fn what_ends_the_sessions_of_a_user() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "ben", "operator");
    let anna = logged_in(&loggr, "anna");
    let ends = |what: &str, end: &mut dyn FnMut()| {
        let (one, two) = (logged_in(&loggr, "ben"), logged_in(&loggr, "ben"));
        assert_eq!((one.get("/api/me").code, two.get("/api/me").code), (200, 200), "{what}");
        end();
        assert_eq!((one.get("/api/me").code, two.get("/api/me").code), (401, 401), "{what}");
        assert_eq!(anna.get("/api/me").code, 200, "{what}");
    };
    ends("a password of the command line", &mut || {
        typed(&loggr, &["user", "passwd", "ben", "--password-stdin"], PASSWORD);
    });
    ends("another role", &mut || {
        assert_eq!(anna.ask("PATCH", "/api/users/ben", json!({ "role": "viewer" })).code, 200);
    });
    ends("disabled", &mut || {
        assert_eq!(typed(&loggr, &["user", "disable", "ben"], "").0, 0);
        assert_eq!(browser(&loggr).try_log_in("ben", PASSWORD).code, 401);
        assert_eq!(anna.ask("PATCH", "/api/users/ben", json!({ "disabled": false })).code, 200);
    });
    ends("log-out everywhere", &mut || {
        assert_eq!(logged_in(&loggr, "ben").ask("POST", "/api/logout/all", json!({})).code, 204);
    });
    ends("removed", &mut || {
        assert_eq!(anna.ask("DELETE", "/api/users/ben", Value::Null).code, 204);
    });
}

#[test]
fn a_new_password_of_ones_own_ends_all_sessions_but_this() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let (mut anna, other) = (logged_in(&loggr, "anna"), logged_in(&loggr, "anna"));
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    let wrong = anna.ask("POST", "/api/me/password", change("wrong horse", "new password"));
    assert_eq!((wrong.code, wrong.json()["parameter"].as_str()), (400, Some("old")));
    let short = anna.ask("POST", "/api/me/password", change(PASSWORD, "short"));
    assert_eq!((short.code, short.json()["parameter"].as_str()), (400, Some("new")));
    let done = anna.ask("POST", "/api/me/password", change(PASSWORD, "new password"));
    assert_eq!(done.code, 204);
    anna.keep(&done);
    assert_eq!((anna.get("/api/me").code, other.get("/api/me").code), (200, 401));
    assert_eq!(browser(&loggr).try_log_in("anna", PASSWORD).code, 401);
    browser(&loggr).log_in("anna", "new password");
}

#[test]
fn somebody_who_may_no_longer_is_told_nothing_more() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    add_user(&loggr, "ben", "viewer");
    let ben = logged_in(&loggr, "ben");
    let mut stream = ben.open("GET", "/api/notifications", &Value::Null);
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("a status");
    assert_eq!(&head, b"HTTP/1.0 200");
    let anna = logged_in(&loggr, "anna");
    assert_eq!(anna.ask("PATCH", "/api/users/ben", json!({ "disabled": true })).code, 200);
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    stream.read_to_end(&mut Vec::new()).expect("the stream ends");
}

#[test]
fn failures_of_others_keep_nobody_out_who_has_logged_in_there_before() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let first = browser(&loggr).try_log_in("anna", PASSWORD);
    let cookies = first.head.lines().filter_map(|line| line.split_once(": "));
    let mut cookies = cookies.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let (_, kept) = cookies.find(|(_, cookie)| cookie.starts_with("loggr-browser=")).expect("a cookie");
    assert!(kept.contains("; HttpOnly; SameSite=Strict; Max-Age=15552000"), "{kept}");
    let mut anna = browser(&loggr);
    anna.cookie = kept.split(';').next().expect("a pair").to_owned();
    assert_eq!(anna.get("/api/me").code, 401, "it lets nobody in");
    eventually("tries are slowed", 60, || {
        (browser(&loggr).try_log_in("anna", "wrong horse").code == 429).then_some(())
    });
    // A neighbour of this host can put a cookie before the one that is known.
    let mut planted = anna.clone();
    planted.cookie = format!("loggr-browser=forged; {}", anna.cookie);
    let answer = planted.try_log_in("anna", PASSWORD);
    assert_eq!(answer.code, 200, "{answer:?}");
    planted.keep(&answer);
    planted.cookie = format!("loggr=forged; {}", planted.cookie);
    assert_eq!(planted.get("/api/me").code, 200, "it is still logged in");
    assert_eq!(anna.try_log_in("anna", PASSWORD).code, 200);
    // It guesses no faster than others do.
    eventually("tries in a known browser are slowed", 60, || {
        (anna.try_log_in("anna", "wrong horse").code == 429).then_some(())
    });
}

#[test]
fn tries_are_slowed_and_nobody_is_locked_out() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let mut wrong = 0;
    let slowed = eventually("tries are slowed", 60, || {
        let answer = browser(&loggr).try_log_in("anna", "wrong horse");
        wrong += u32::from(answer.code == 401);
        (answer.code == 429).then_some(answer)
    });
    assert!(wrong >= 5, "slowed after {wrong} tries");
    assert_eq!(slowed.problem(), (429, "too_many".to_owned()));
    let seconds = slowed.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{slowed:?}");
    until("the next try is allowed", 120, || browser(&loggr).try_log_in("anna", PASSWORD).code == 200);
}
