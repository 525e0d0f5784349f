//! Users, roles and tokens, by the API and on the command line of a program that runs.

use std::io::Read;

use serde_json::{Value, json};

use super::{PASSWORD, add_user, browser, logged_in, start, typed};
use crate::support::{Browser, Loggr};

#[test]
fn users_are_made_changed_and_removed_while_it_runs() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let body = json!({ "name": "ben", "display": "Ben B.", "role": "viewer", "password": PASSWORD });
    let made = anna.ask("POST", "/api/users", body.clone());
    assert_eq!((made.code, made.json()["display"].as_str()), (201, Some("Ben B.")));
    assert!(!made.body.contains("argon2"), "{made:?}");
    assert_eq!(anna.ask("POST", "/api/users", body).json()["parameter"], "name");
    let short = json!({ "name": "carl", "role": "viewer", "password": "short" });
    assert_eq!(anna.ask("POST", "/api/users", short).json()["parameter"], "password");
    let unknown = json!({ "name": "carl", "rolle": "viewer" });
    assert_eq!(anna.ask("POST", "/api/users", unknown).json()["parameter"], "body");
    assert_eq!(logged_in(&loggr, "ben").get("/api/me").json()["may"], json!(["search"]));
    let narrow = json!({ "filter": "host:web*", "hidden": ["password"] });
    assert_eq!(anna.ask("PATCH", "/api/users/ben", narrow).code, 200);
    let me = logged_in(&loggr, "ben").get("/api/me").json();
    assert_eq!((me["filter"].as_str(), &me["hidden"]), (Some("source:web*"), &json!(["password"])));
    // The last administrator stays, whoever asks.
    for change in [json!({ "role": "viewer" }), json!({ "disabled": true })] {
        assert_eq!(anna.ask("PATCH", "/api/users/anna", change).problem(), (403, "forbidden".to_owned()));
    }
    assert_eq!(anna.ask("DELETE", "/api/users/anna", Value::Null).code, 403);
    let (code, said) = typed(&loggr, &["user", "remove", "anna"], "");
    assert_eq!(
        (code, said.starts_with("error: there would be no administrator left\n")),
        (2, true),
        "{said}"
    );
    assert_eq!(anna.ask("DELETE", "/api/users/ben", Value::Null).code, 204);
    assert_eq!(anna.ask("DELETE", "/api/users/ben", Value::Null).problem(), (404, "not_found".to_owned()));
    let names = anna.get("/api/users").json();
    assert_eq!(names["users"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_command_line_changes_users_while_it_runs() {
    let loggr = start("");
    let (code, said) = typed(&loggr, &["user", "add", "anna", "--password-stdin"], "short\n");
    assert_eq!((code, said.as_str()), (2, "error: the password has fewer than 8 characters\n"));
    let (code, said) = typed(&loggr, &["user", "add", "anna"], "");
    assert_eq!((code, said.starts_with("error: there is no terminal")), (2, true), "{said}");
    let (code, said) = typed(&loggr, &["user", "add", "anna", "--password-stdin"], "correct horse\r\n");
    assert_eq!((code, said.as_str()), (0, "added the user `anna` with the role `admin`\n"));
    add_user(&loggr, "ben", "viewer");
    logged_in(&loggr, "ben");
    let (_, list) = typed(&loggr, &["user", "list"], "");
    assert!(list.starts_with("USER  ROLE    STATE  CREATED"), "{list}");
    let (code, said) = typed(&loggr, &["user", "change", "ben", "--role", "operator"], "");
    assert_eq!((code, said.as_str()), (0, "changed the user `ben`\n"));
    assert_eq!(logged_in(&loggr, "ben").get("/api/me").json()["role"], "operator");
    let (code, _) = typed(&loggr, &["role", "add", "web", "--filter", "host:web*", "--hide", "pin"], "");
    assert_eq!(code, 0);
    let (code, said) = typed(&loggr, &["role", "add", "odd", "--filter", "(a OR"], "");
    assert_eq!((code, said.contains("the filter cannot be read")), (2, true), "{said}");
    assert_eq!(typed(&loggr, &["user", "change", "ben", "--role", "web"], "").0, 0);
    let me = logged_in(&loggr, "ben").get("/api/me").json();
    assert_eq!((me["filter"].as_str(), &me["hidden"]), (Some("source:web*"), &json!(["pin"])));
    assert_eq!(typed(&loggr, &["role", "remove", "web"], "").0, 2, "somebody has it");
    assert_eq!(typed(&loggr, &["user", "passwd", "nobody", "--password-stdin"], PASSWORD).0, 2);
    // Nobody else reads the hashes.
    let modes = ["access", "access/accounts.json", "access/sessions.json"].map(|name| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(loggr.data().join(name)).expect("it is there").permissions().mode() & 0o777
    });
    assert_eq!(modes, [0o700, 0o600, 0o600]);
}

/// A program that shows a token.
fn bearer(loggr: &Loggr, token: &str) -> Browser {
    browser(loggr).with("Authorization", &format!("Bearer {token}"))
}

#[test]
fn a_token_is_shown_once_and_good_until_it_is_removed() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let (code, said) = typed(&loggr, &["token", "add", "grafana", "--role", "viewer"], "");
    assert_eq!(code, 0, "{said}");
    let token = said.lines().find(|line| line.starts_with("loggr_")).expect("the token").to_owned();
    let grafana = bearer(&loggr, &token);
    let me = grafana.get("/api/me").json();
    assert_eq!((me["user"].as_str(), me["via"].as_str()), (Some("token:grafana"), Some("token")));
    assert_eq!((grafana.get("/api/status").code, grafana.get("/api/users").code), (200, 403));
    let id = typed(&loggr, &["token", "list"], "").1.lines().nth(1).expect("a row")[..12].to_owned();
    assert_eq!(typed(&loggr, &["token", "remove", &id], "").0, 0);
    assert_eq!(grafana.get("/api/status").problem(), (401, "not_logged_in".to_owned()));
    // By the API: of one's own, and no more than one has. A program needs no word against foreign pages.
    add_user(&loggr, "ben", "operator");
    let ben = logged_in(&loggr, "ben");
    assert_eq!(ben.ask("POST", "/api/tokens", json!({ "name": "ci", "role": "admin" })).code, 403);
    let made =
        ben.ask("POST", "/api/tokens", json!({ "name": "ci", "expires": "2100-01-01T00:00:00Z" })).json();
    let ci = bearer(&loggr, made["token"].as_str().expect("the token"));
    assert_eq!(ci.get("/api/me").json()["role"], "operator");
    let more = ci.ask("POST", "/api/tokens", json!({ "name": "ci2", "role": "viewer" })).json();
    assert_eq!(more["expires"], made["expires"], "it ends with its maker");
    assert!(made["expires"].as_str().is_some_and(|end| end.starts_with("2100-01-01T00:00:00")), "{made}");
    let longer = json!({ "name": "ci3", "role": "viewer", "expires": "2101-01-01T00:00:00Z" });
    let refused = ci.ask("POST", "/api/tokens", longer).json();
    assert_eq!(refused["parameter"], "expires", "{refused}");
    let viewer = bearer(&loggr, more["token"].as_str().expect("the token"));
    assert_eq!(viewer.ask("POST", "/api/tokens", json!({ "name": "ci3", "role": "operator" })).code, 403);
    let list = ben.get("/api/tokens");
    assert_eq!(list.json()["tokens"].as_array().map(Vec::len), Some(2));
    assert!(list.json()["tokens"][0]["used"].is_string(), "{list:?}");
    assert!(!list.body.contains(made["token"].as_str().expect("the token")), "{list:?}");
    // It may no more than its owner, and ends with them.
    let anna = logged_in(&loggr, "anna");
    assert_eq!(anna.ask("PATCH", "/api/users/ben", json!({ "role": "viewer" })).code, 200);
    assert_eq!((ci.get("/api/me").code, viewer.get("/api/me").code), (401, 200));
    assert_eq!(anna.ask("DELETE", "/api/users/ben", Value::Null).code, 204);
    assert_eq!(viewer.get("/api/me").code, 401);
    let over = json!({ "name": "x", "expires": "2001-01-01T00:00:00Z" });
    assert_eq!(anna.ask("POST", "/api/tokens", over).json()["parameter"], "expires");
    for far in ["2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "12000-01-01T00:00:00Z"] {
        let refused = anna.ask("POST", "/api/tokens", json!({ "name": "x", "expires": far })).json();
        let detail = refused["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("too far ahead") && detail.contains("36500 days"), "{refused}");
    }
    let (code, said) = typed(&loggr, &["token", "add", "x", "--expires", "2000y"], "");
    assert_eq!((code, said.contains("too far ahead")), (2, true), "{said}");
    // What a token has made goes with it.
    let maker = anna.ask("POST", "/api/tokens", json!({ "name": "maker" })).json();
    let made = bearer(&loggr, maker["token"].as_str().expect("the token"));
    let made = made.ask("POST", "/api/tokens", json!({ "name": "made", "role": "viewer" })).json();
    let (code, said) = typed(&loggr, &["token", "remove", maker["id"].as_str().expect("an id")], "");
    let expect = "removed the token `maker`, and what it had made: `made`\n";
    assert_eq!((code, said.as_str()), (0, expect));
    assert_eq!(bearer(&loggr, made["token"].as_str().expect("the token")).get("/api/me").code, 401);
}

/// What each role is answered: 401 nobody, 403 who may not, else something else.
const MATRIX: &[(&str, &str, [bool; 4])] = &[
    // viewer, operator, admin, and a role with a filter
    ("GET", "/api/me", [true, true, true, true]),
    ("GET", "/metrics", [true, true, true, false]),
    ("GET", "/api/status", [true, true, true, false]),
    ("GET", "/api/notifications", [true, true, true, false]),
    ("GET", "/api/tokens", [true, true, true, true]),
    ("GET", "/api/users", [false, false, true, false]),
    ("POST", "/api/users", [false, false, true, false]),
    ("PATCH", "/api/users/nobody", [false, false, true, false]),
    ("DELETE", "/api/users/nobody", [false, false, true, false]),
    ("GET", "/api/roles", [false, false, true, false]),
    ("POST", "/api/roles", [false, false, true, false]),
    ("PUT", "/api/roles/nothing", [false, false, true, false]),
    ("DELETE", "/api/roles/nothing", [false, false, true, false]),
];

#[test]
fn each_role_gets_what_it_may() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let anna = logged_in(&loggr, "anna");
    let role = json!({ "name": "web", "level": "operator", "filter": "host:web*" });
    assert_eq!(anna.ask("POST", "/api/roles", role).code, 201);
    let token = |role: &str| {
        let made = anna.ask("POST", "/api/tokens", json!({ "name": role, "role": role })).json();
        bearer(&loggr, made["token"].as_str().expect("a token"))
    };
    let all = ["viewer", "operator", "admin", "web"].map(token);
    for (method, path, expect) in MATRIX {
        for (who, may) in all.iter().zip(expect) {
            // Of a stream the head is enough.
            let code = head(who, method, path);
            assert_eq!(code != 403, *may, "{method} {path}: {code}");
            assert_ne!(code, 401, "{method} {path}");
        }
        if !["/api/me", "/metrics"].contains(path) {
            assert_eq!(head(&browser(&loggr), method, path), 401, "{method} {path}");
        }
    }
    // What is not in the table is not answered, not even to an administrator.
    for (method, path) in
        [("GET", "/api/process"), ("POST", "/api/store/drop"), ("POST", "/api/me"), ("GET", "/api/x")]
    {
        assert_eq!(head(&anna, method, path), 404, "{method} {path}");
    }
}

/// The status of an answer that may have no end.
#[track_caller]
fn head(who: &Browser, method: &str, path: &str) -> u16 {
    let page = who.clone().with("X-Loggr-Csrf", &who.csrf);
    let mut first = [0; 12];
    page.open(method, path, &json!({})).read_exact(&mut first).expect("a status");
    String::from_utf8_lossy(&first[9..]).parse().expect("a number")
}
