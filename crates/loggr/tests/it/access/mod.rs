//! Who may: first users, log-in, sessions, foreign pages, tokens, roles, proxies, TLS, on the real program.

mod doors;
mod people;
mod provider;
mod sessions;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

pub use self::doors::link;
use crate::support::{Browser, Loggr, PROGRAM, Setup};

pub const PASSWORD: &str = "correct horse";

/// A program whose `[web]` has these keys, and further sections.
#[track_caller]
pub fn start(keys: &str) -> Loggr {
    Loggr::with(Setup { more: keys.to_owned(), ..Setup::default() })
}

pub fn browser(loggr: &Loggr) -> Browser {
    Browser::new(loggr.address("web"))
}

/// `loggr ARGUMENTS`, with this on standard input: exit code, and what it said.
#[track_caller]
pub fn typed(loggr: &Loggr, arguments: &[&str], stdin: &str) -> (i32, String) {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--config").arg(loggr.config()).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("loggr starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).unwrap_or_default();
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(said).expect("UTF-8"))
}

/// Adds a user on the command line.
#[track_caller]
pub fn add_user(loggr: &Loggr, name: &str, role: &str) {
    let added = typed(loggr, &["user", "add", name, "--role", role, "--password-stdin"], PASSWORD);
    assert_eq!(added, (0, format!("added the user `{name}` with the role `{role}`\n")));
}

/// Somebody with this name who has logged in.
#[track_caller]
pub fn logged_in(loggr: &Loggr, name: &str) -> Browser {
    let mut browser = browser(loggr);
    browser.log_in(name, PASSWORD);
    browser
}

#[test]
fn without_users_this_host_may_everything_and_with_one_it_logs_in() {
    let loggr = start("");
    let here = browser(&loggr);
    let me = here.get("/api/me").json();
    assert_eq!((me["via"].as_str(), me["role"].as_str()), (Some("loopback"), Some("admin")), "{me}");
    assert_eq!(me["may"], json!(["search", "operate", "administer"]));
    assert_eq!(here.get("/api/status").code, 200);
    // The first one administers, or nobody would.
    let user = |role| json!({ "name": "anna", "role": role, "password": PASSWORD });
    assert_eq!(here.ask("POST", "/api/users", user("viewer")).problem(), (403, "forbidden".to_owned()));
    assert_eq!(here.ask("POST", "/api/users", user("admin")).code, 201);
    let me = here.get("/api/me");
    assert_eq!(me.problem(), (401, "not_logged_in".to_owned()));
    assert_eq!(me.json()["login"], json!({ "form": true, "oidc": null, "first": false }));
    assert_eq!(here.get("/api/status").code, 401);
    assert_eq!(here.get("/api/notifications").code, 401);
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(here.get(open).code, 200, "{open}");
    }
    let anna = logged_in(&loggr, "anna");
    assert_eq!(anna.get("/api/status").code, 200);
    let me = anna.get("/api/me").json();
    assert_eq!((me["user"].as_str(), me["via"].as_str()), (Some("anna"), Some("session")));
    assert_eq!(me["stores"], json!(["search"]));
    // What the command line asks of the process needs no log-in.
    assert_eq!(loggr.status()["running"], true);
}

#[test]
fn every_answer_says_what_browsers_may_do_with_it() {
    let loggr = start("");
    add_user(&loggr, "anna", "admin");
    let (nobody, anna) = (browser(&loggr), logged_in(&loggr, "anna"));
    let foreign = browser(&loggr).with("Host", "evil.example");
    for (answer, no_store) in [
        (nobody.get("/healthz"), false),
        (nobody.get("/"), false),
        (nobody.get("/api/me"), true),
        (nobody.get("/api/nothing"), true),
        (anna.get("/api/users"), true),
        (anna.get("/metrics"), true),
        (foreign.get("/api/me"), true),
    ] {
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control").is_some_and(|c| c == "no-store"), no_store, "{answer:?}");
    }
}

#[test]
fn what_somebody_did_is_in_the_security_log() {
    // Whatever the level of the other lines.
    let quiet = vec![("LOGGR_LOG", "error".to_owned())];
    let loggr = Loggr::with(Setup { environment: quiet, ..Setup::default() });
    add_user(&loggr, "anna", "admin");
    assert_eq!(browser(&loggr).try_log_in("anna", "wrong password").code, 401);
    let anna = logged_in(&loggr, "anna");
    anna.ask("POST", "/api/users", json!({ "name": "ben", "role": "viewer", "password": PASSWORD }));
    logged_in(&loggr, "ben").get("/api/users");
    anna.ask("POST", "/api/logout", json!({}));
    let log = loggr.log();
    for line in [
        "WARN a log-in failed security=\"a log-in failed\" who=anna from=127.0.0.1",
        "INFO logged in security=\"logged in\" who=anna via=session from=127.0.0.1",
        "INFO added a user security=\"added a user\" who=anna via=session from=127.0.0.1 about=\"user=ben role=viewer\"",
        "INFO was refused security=\"was refused\" who=ben via=session from=127.0.0.1 about=\"GET /api/users\"",
        "INFO logged out security=\"logged out\" who=anna",
    ] {
        assert!(log.contains(line), "`{line}` is not in:\n{log}");
    }
    assert!(!log.contains(PASSWORD) && !log.contains("wrong password"), "{log}");
}
