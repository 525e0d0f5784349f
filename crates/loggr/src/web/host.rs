//! The `Host` of a request: an address, `localhost` or a name of the configuration, or the request is refused.
//!
//! A page of a stranger can make its own name lead to 127.0.0.1 and then reads, in the browser of whoever
//! opened it, what this address answers (DNS rebinding). It cannot make the browser say another name than
//! its own. Not a log-in.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::{StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What is said to whoever is refused.
const REFUSED: &str = "refused: the header `Host` is neither an address nor `localhost` nor one of `hosts` of `[web]`; \
                       write the name there, or let a proxy in front of loggr set the header, as nginx does with \
                       `proxy_set_header Host localhost`\n";

/// Lets through what was asked of an address, of `localhost`, or of one of these names.
pub async fn check(State(names): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    match is_admitted(&request, &names) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, REFUSED).into_response(),
    }
}

fn is_admitted<B>(request: &axum::http::Request<B>, names: &[String]) -> bool {
    let is_ours = |host: &str| is_ours(host, names);
    // The target of the request may have a name too, and where it has one that is the one that counts.
    let target = request.uri().authority().is_none_or(|authority| is_ours(authority.as_str()));
    let mut hosts = request.headers().get_all(HOST).iter().peekable();
    // A client that sends HTTP/1.0 without this header is not a browser.
    let said = hosts.peek().is_some() || request.version() == Version::HTTP_10;
    target && said && hosts.all(|host| host.to_str().is_ok_and(is_ours))
}

/// An address, `localhost` or one of the names, with a port or without.
fn is_ours(host: &str, names: &[String]) -> bool {
    let (is_ours, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((v6, port)) => (v6.parse::<Ipv6Addr>().is_ok(), port),
            None => return false,
        },
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            let is_known = names.iter().any(|known| known.eq_ignore_ascii_case(name));
            (is_known || name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok(), port)
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit()),
        None => port.is_empty(),
    };
    is_ours && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, expect: bool) {
        assert_eq!(is_ours(host, &names()), expect, "{host}");
    }

    fn names() -> Vec<String> {
        vec!["logs.example.net".to_owned()]
    }

    #[test]
    fn addresses_and_localhost_are_ours_and_names_are_not() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1",
            "127.0.0.1:8080",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:8080",
            "logs.example.net",
            "Logs.example.net:8443",
        ] {
            check(host, true);
        }
        for host in [
            "",
            "example.com",
            "example.com:8080",
            "example.net",
            "logs.example.net.",
            "a.logs.example.net",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "127.0.0.1.nip.io:8080",
            "notlocalhost",
            "localhost@example.com",
            "localhost:80@example.com",
            "localhost:x",
            "localhost:123456",
            "127.0.0.1:8080:8080",
            "::1",
            "[::1",
            "[example.com]",
            "[::1].example.com",
            " localhost",
            "2130706433",
            "0x7f.1",
            "127.1",
        ] {
            check(host, false);
        }
    }

    #[track_caller]
    fn check_request(version: Version, uri: &str, hosts: &[&str], expect: bool) {
        let mut request = axum::http::Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        assert_eq!(is_admitted(&request.body(()).unwrap(), &names()), expect, "{uri} {hosts:?}");
    }

    #[test]
    fn every_name_of_a_request_counts() {
        check_request(Version::HTTP_11, "/", &["localhost"], true);
        check_request(Version::HTTP_11, "/", &["evil.example"], false);
        check_request(Version::HTTP_11, "/", &["localhost", "evil.example"], false);
        check_request(Version::HTTP_11, "/", &[], false);
        check_request(Version::HTTP_10, "/", &[], true);
        check_request(Version::HTTP_10, "/", &["evil.example"], false);
        check_request(Version::HTTP_11, "http://evil.example/", &["localhost"], false);
        check_request(Version::HTTP_11, "http://127.0.0.1:8080/", &["localhost"], true);
    }
}
