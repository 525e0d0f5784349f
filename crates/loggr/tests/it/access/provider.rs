//! Log-in through a provider of OpenID Connect: a real one over HTTP, with everything that can go wrong.

use serde_json::{Value, json};

use super::{add_user, browser, start};
use crate::support::{Answer, Browser, Loggr, Provider};

const ROLES: &str = "name='Company'\nroles={ log-admins='admin', staff='viewer' }";

/// A program that has this provider, with these keys; and an administrator `root`.
#[track_caller]
fn with(provider: &Provider, keys: &str) -> Loggr {
    let issuer = provider.issuer();
    let secret = provider.secret_key();
    let loggr = start(&format!("[web.oidc]\nissuer='{issuer}'\nclient_id='loggr'\n{secret}{keys}"));
    add_user(&loggr, "root", "admin");
    loggr
}

fn person(name: &str, groups: &[&str]) -> Value {
    json!({ "preferred_username": name, "groups": groups, "name": format!("The {name}") })
}

/// Begins a log-in: where the browser is sent, with the cookie in the browser.
#[track_caller]
fn begin(browser: &mut Browser) -> String {
    let answer = browser.get("/api/login/oidc");
    assert_eq!(answer.code, 303, "{answer:?}");
    browser.cookie = cookie(&answer);
    answer.header("location").expect("a location").to_owned()
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap_or_default().to_owned()
}

/// Comes back with what the provider sent along, to the page.
#[track_caller]
fn end(browser: &mut Browser, address: &str) {
    let target = address.strip_prefix("http://localhost").unwrap_or_else(|| panic!("elsewhere: {address}"));
    let answer = browser.get(target);
    assert_eq!((answer.code, answer.header("location")), (303, Some("../../../")), "{answer:?}");
    browser.cookie = cookie(&answer);
}

/// The whole way; what `/api/me` says in the end.
#[track_caller]
fn log_in(provider: &Provider, browser: &mut Browser, subject: &str) -> Value {
    let address = begin(browser);
    end(browser, &provider.consent(&address, subject));
    browser.get("/api/me").json()
}

/// Why nobody is logged in, as the page is told.
fn problem(browser: &Browser) -> String {
    browser.get("/api/me").json()["login"]["problem"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn logged(loggr: &Loggr, line: &str) {
    let log = loggr.log();
    assert!(log.contains(line), "`{line}` is not in:\n{log}");
}

#[test]
fn whom_the_provider_names_is_logged_in_with_the_role_of_the_configuration() {
    let Some(provider) = Provider::start() else { return };
    provider.user("7", &person("anna", &["other", "log-admins"]));
    let loggr = with(&provider, ROLES);
    let ways = browser(&loggr).get("/api/me").json();
    assert_eq!(ways["login"], json!({ "form": true, "oidc": "Company", "first": false }));
    let mut anna = browser(&loggr);
    let address = begin(&mut anna);
    assert!(anna.cookie.starts_with("loggr-begun="), "{}", anna.cookie);
    for part in [
        "response_type=code",
        "client_id=loggr",
        "scope=openid+profile+email",
        "code_challenge_method=S256",
        "state=",
        "nonce=",
    ] {
        assert!(address.contains(part), "{part}: {address}");
    }
    end(&mut anna, &provider.consent(&address, "7"));
    let me = anna.get("/api/me").json();
    let told = (me["user"].as_str(), me["display"].as_str(), me["role"].as_str(), me["via"].as_str());
    assert_eq!(told, (Some("anna"), Some("The anna"), Some("admin"), Some("session")), "{me}");
    logged(
        &loggr,
        "INFO logged in security=\"logged in\" who=anna via=session from=127.0.0.1 about=\"provider=\\\"Company\\\"\"",
    );
    // The role follows the provider, and sessions with another one are over.
    provider.user("7", &person("anna", &["staff"]));
    let mut again = browser(&loggr);
    assert_eq!(log_in(&provider, &mut again, "7")["role"], "viewer");
    assert_eq!(anna.get("/api/me").code, 401);
    provider.user("7", &person("anna", &[]));
    log_in(&provider, &mut browser(&loggr), "7");
    assert_eq!(again.get("/api/me").code, 401);
}

#[test]
fn who_has_no_role_is_not_let_in_and_is_told_why() {
    let Some(provider) = Provider::start() else { return };
    provider.user("8", &person("ben", &["guests"]));
    provider.user("9", &person("root", &["log-admins"]));
    provider.user("10", &person("not a name", &["staff"]));
    let loggr = with(&provider, ROLES);
    for (subject, expect) in [
        ("8", "`Company` knows you, but you have no role in loggr; ask an administrator for one"),
        (
            "9",
            "loggr does not let you in under this name; ask an administrator, whom the log of loggr tells why",
        ),
        (
            "10",
            "`Company` has not logged you in, or what it says cannot be believed; the log of loggr says more",
        ),
    ] {
        let mut nobody = browser(&loggr);
        let me = log_in(&provider, &mut nobody, subject);
        assert_eq!((me["code"].as_str(), problem(&nobody).as_str()), (Some("not_logged_in"), expect));
    }
    logged(&loggr, "WARN a log-in failed security=\"a log-in failed\" who=ben from=127.0.0.1");
    logged(&loggr, "the user `root` logs in by password");
    let users = super::logged_in(&loggr, "root").get("/api/users").json();
    assert_eq!(users.as_array().or_else(|| users["users"].as_array()).map(Vec::len), Some(1), "{users}");
}

#[test]
fn what_did_not_begin_here_does_not_end_here() {
    let Some(provider) = Provider::start() else { return };
    provider.user("7", &person("anna", &["staff"]));
    let loggr = with(&provider, ROLES);
    const LATE: &str = "the log-in took too long, or began in another window; try again";
    const REFUSED: &str =
        "`Company` has not logged you in, or what it says cannot be believed; the log of loggr says more";
    let nobody = |change: &dyn Fn(&mut Browser, String) -> String, expect: &str| {
        let mut browser = browser(&loggr);
        let address = begin(&mut browser);
        let back = change(&mut browser, address);
        end(&mut browser, &back);
        assert_eq!(problem(&browser), expect, "{back}");
    };
    let consent = |address: &str| provider.consent(address, "7");
    // Another state, another browser, no cookie, none of ours.
    nobody(&|_, address| consent(&address).replace("state=", "state=0"), LATE);
    nobody(&|browser, address| (browser.cookie = begun(&loggr), consent(&address)).1, LATE);
    nobody(&|browser, address| (browser.cookie.clear(), consent(&address)).1, LATE);
    // The provider signs what belongs to another log-in, or refuses.
    nobody(&|_, address| consent(&address.replace("nonce=", "nonce=0")), REFUSED);
    logged(&loggr, "the provider's token is not good");
    let mut late = browser(&loggr);
    let back = consent(&begin(&mut late));
    let mut denied = browser(&loggr);
    begin(&mut denied);
    end(&mut denied, "http://localhost/api/login/oidc/return?error=access_denied&state=x");
    assert_eq!(problem(&denied), LATE);
    // After five failures an address waits.
    end(&mut late, &back);
    assert_eq!(problem(&late), "too many log-ins failed; try again in a while");
}

/// The cookie of another log-in.
fn begun(loggr: &Loggr) -> String {
    let mut other = browser(loggr);
    begin(&mut other);
    other.cookie
}

#[test]
fn a_log_in_comes_back_once() {
    let Some(provider) = Provider::start() else { return };
    provider.user("7", &person("anna", &["staff"]));
    let loggr = with(&provider, ROLES);
    let mut anna = browser(&loggr);
    let back = provider.consent(&begin(&mut anna), "7");
    let mut thief = anna.clone();
    end(&mut anna, &back);
    assert_eq!(anna.get("/api/me").json()["user"], "anna");
    end(&mut thief, &back);
    assert_eq!(thief.get("/api/me").code, 401);
    logged(&loggr, "came back before");
}

#[test]
fn a_provider_that_is_away_is_told_once_and_its_new_keys_are_taken() {
    let Some(mut provider) = Provider::start() else { return };
    provider.user("7", &person("anna", &["staff"]));
    let loggr = with(&provider, ROLES);
    assert_eq!(log_in(&provider, &mut browser(&loggr), "7")["user"], "anna");
    // Log-ins that begin go to where the provider was; what comes back cannot be asked about.
    let mut late = browser(&loggr);
    let back = provider.consent(&begin(&mut late), "7");
    provider.kill9();
    end(&mut late, &back);
    assert_eq!(problem(&late), "`Company` cannot be asked at the moment; try again in a while");
    // Back with other keys, which nobody told loggr.
    provider.up(&[]);
    provider.user("7", &person("anna", &["staff"]));
    let logs_in = || log_in(&provider, &mut browser(&loggr), "7")["user"] == "anna";
    crate::support::until("the new keys are known", 30, logs_in);
    let log = loggr.log();
    assert_eq!(log.matches("the provider of log-ins cannot be asked").count(), 1, "{log}");
    assert!(log.contains("the provider of log-ins answers again"), "{log}");
}

#[test]
fn a_provider_that_was_never_there_or_is_another_keeps_nobody_from_the_form() {
    let Some(mut provider) = Provider::start() else { return };
    let loggr = with(&provider, ROLES);
    provider.kill9();
    for _ in 0..3 {
        let mut nobody = browser(&loggr);
        let answer = nobody.get("/api/login/oidc");
        assert_eq!((answer.code, answer.header("location")), (303, Some("../../")), "{answer:?}");
        nobody.cookie = cookie(&answer);
        assert_eq!(problem(&nobody), "`Company` cannot be asked at the moment; try again in a while");
    }
    super::logged_in(&loggr, "root");
    assert_eq!(loggr.log().matches("the provider of log-ins cannot be asked").count(), 1, "{}", loggr.log());
    // It calls itself otherwise.
    provider.up(&[]);
    let other = format!("[web.oidc]\nissuer='{}/'\nclient_id='loggr'\n{ROLES}", provider.issuer());
    let loggr = start(&other);
    assert_eq!(browser(&loggr).get("/api/login/oidc").header("location"), Some("../../"));
    logged(&loggr, "unexpected issuer URI");
}
