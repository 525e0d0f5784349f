//! The first start elsewhere than on loopback, proxies in front, TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use loggr_net::tls::{Trust, client, server_name};
use serde_json::json;
use tokio_rustls::rustls::{ClientConnection, Stream};

use super::{PASSWORD, add_user, browser, start};
use crate::support::{Answer, Loggr, Setup, read};

/// What the log says behind `link=`.
pub fn link(loggr: &Loggr) -> Option<String> {
    let log = loggr.log();
    let line = log.lines().rev().find(|line| line.contains("there is no user yet"))?;
    line.split("link=").nth(1)?.split([' ', '"']).find(|word| !word.is_empty()).map(str::to_owned)
}

#[test]
fn other_hosts_get_nothing_until_the_link_has_made_a_user() {
    // Everything that comes through the proxy comes from elsewhere.
    let mut loggr = start("trusted_proxies = ['127.0.0.1']");
    let far = browser(&loggr).with("X-Forwarded-For", "192.0.2.7");
    assert_eq!(far.get("/api/me").json()["login"]["first"], true);
    for (path, code) in [("/api/status", 401), ("/metrics", 401), ("/api/users", 401), ("/healthz", 200)] {
        assert_eq!(far.get(path).code, code, "{path}");
    }
    let try_link = |code: &str, password: &str| {
        far.ask("POST", "/api/login/link", json!({ "code": code, "user": "anna", "password": password }))
    };
    assert_eq!(try_link("guessed", PASSWORD).problem(), (403, "forbidden".to_owned()));
    loggr.stop();
    let loggr = Loggr::with(Setup { listen: Some("0.0.0.0".to_owned()), ..Setup::default() });
    assert!(loggr.log().contains("passwords and events go over the network as they are"));
    let link = link(&loggr).expect("a link");
    let (address, code) = link.split_once("/#/first?code=").expect("a code");
    assert!(address.starts_with("http://") && code.len() == 64, "{link}");
    let far = browser(&loggr);
    let use_it = |password: &str, code: &str| {
        far.ask("POST", "/api/login/link", json!({ "code": code, "user": "anna", "password": password }))
    };
    assert_eq!(use_it("short", code).json()["parameter"], "password");
    let made = use_it(PASSWORD, code);
    assert_eq!((made.code, made.json()["role"].as_str()), (200, Some("admin")), "{made:?}");
    assert_eq!(use_it(PASSWORD, code).code, 403, "it works once");
    assert_eq!(far.get("/api/status").code, 401);
    let kept = std::fs::read_to_string(loggr.data().join("access/accounts.json")).expect("the accounts");
    assert!(!kept.contains(code) && !kept.contains(PASSWORD));
}

#[test]
fn a_trusted_proxy_names_the_user_and_nobody_else_does() {
    let loggr =
        start("trusted_proxies = ['127.0.0.1']\nproxy_header = 'X-Remote-User'\nproxy_role = 'viewer'");
    add_user(&loggr, "anna", "admin");
    let named = |name: &str| browser(&loggr).with("X-Remote-User", name);
    let me = named("anna").get("/api/me").json();
    assert_eq!((me["via"].as_str(), me["role"].as_str()), (Some("proxy"), Some("admin")));
    let me = named("stranger").get("/api/me").json();
    assert_eq!((me["user"].as_str(), me["role"].as_str()), (Some("stranger"), Some("viewer")));
    assert_eq!(named("a b").get("/api/me").code, 401);
    assert_eq!(named("anna").with("X-Remote-User", "ben").get("/api/me").code, 401);
    assert_eq!(browser(&loggr).get("/api/me").code, 401);
    // What the browser sends along by itself is not enough to change something.
    let body = json!({ "name": "ci", "role": "viewer" });
    assert_eq!(named("anna").plain("POST", "/api/tokens", &body).problem(), (403, "csrf".to_owned()));
    assert_eq!(named("anna").with("X-Loggr-Csrf", "none").plain("POST", "/api/tokens", &body).code, 201);

    let loggr = start("trusted_proxies = ['192.0.2.0/24']\nproxy_header = 'X-Remote-User'");
    add_user(&loggr, "anna", "admin");
    let pretender = browser(&loggr).with("X-Remote-User", "anna");
    assert_eq!((pretender.get("/api/me").code, pretender.get("/api/me").code), (401, 401));
    let told = loggr.log().matches("that does not come from a trusted proxy is ignored").count();
    assert_eq!(told, 1);
}

/// What is answered inside TLS.
fn ask(loggr: &Loggr, trust: &Trust, request: &str) -> std::io::Result<Answer> {
    let config = client(trust, None).expect("TLS");
    let mut tls = ClientConnection::new(config, server_name("localhost").expect("a name")).expect("TLS");
    let mut stream = TcpStream::connect(loggr.address("web"))?;
    let mut stream = Stream::new(&mut tls, &mut stream);
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(read(&String::from_utf8(answer).expect("UTF-8")))
}

#[test]
fn tls_protects_the_password_and_marks_the_cookie() {
    let directory = tempfile::tempdir().expect("a directory");
    let [certificate, key] = ["web.crt", "web.key"].map(|name| directory.path().join(name));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let loggr = start(&format!("tls_cert = {certificate:?}\ntls_key = {key:?}"));
    add_user(&loggr, "anna", "admin");
    let trust = Trust::of(Some(&certificate)).expect("a certificate");
    let body = json!({ "user": "anna", "password": PASSWORD });
    let answer =
        ask(&loggr, &trust, &browser(&loggr).request("POST", "/api/login", &body)).expect("an answer");
    assert_eq!(answer.code, 200, "{answer:?}");
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-loggr=") && cookie.ends_with("; SameSite=Strict; Secure"), "{cookie}");
    let mut anna = browser(&loggr);
    anna.keep(&answer);
    let me = ask(&loggr, &trust, &anna.request("GET", "/api/me", &json!(null))).expect("an answer");
    assert_eq!(me.json()["user"], "anna");
    assert!(ask(&loggr, &Trust::System, &anna.request("GET", "/api/me", &json!(null))).is_err());
    // Who speaks no TLS is not answered, and keeps nobody out.
    let mut plain = TcpStream::connect(loggr.address("web")).expect("it accepts");
    plain.write_all(b"GET /api/me HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("it reads");
    let mut said = Vec::new();
    plain.read_to_end(&mut said).unwrap_or_default();
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
}
