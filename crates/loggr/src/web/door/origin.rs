//! The page that sent a request: ours, or a foreign one that wants to use somebody's log-in.
//!
//! Browsers say it in `Origin` and `Sec-Fetch-Site` with every request that changes something; programs
//! say nothing, and are asked for more by `enter.rs`.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Does nothing say that a foreign page sent this? `hosts` are the names that are ours, `tls` whether
/// the client speaks TLS.
pub fn is_ours(headers: &HeaderMap, hosts: &[String], tls: bool) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return false;
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let ours = origin.to_str().is_ok_and(|origin| is_one(origin, host, hosts, tls));
    ours && origins.next().is_none()
}

/// Does a browser say that a page of another site asks?
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    matches!(site, Some(b"cross-site" | b"same-site"))
}

fn is_one(origin: &str, host: &str, hosts: &[String], tls: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    if !matches!((scheme, tls), ("https", _) | ("http", false)) {
        return false;
    }
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name).to_ascii_lowercase();
    // A proxy may have put another `Host` into the request; then the name has to be one of ours.
    (!host.is_empty() && authority.eq_ignore_ascii_case(host)) || hosts.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, origins: &[&str], site: Option<&str>, tls: bool, expect: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        for origin in origins {
            headers.append(ORIGIN, origin.parse().unwrap());
        }
        if let Some(site) = site {
            headers.insert("sec-fetch-site", site.parse().unwrap());
        }
        let hosts = ["logs.example.net".to_owned()];
        assert_eq!(is_ours(&headers, &hosts, tls), expect, "{host} {origins:?} {site:?}");
    }

    #[test]
    fn a_foreign_page_is_known_by_its_origin() {
        check("10.0.0.1:8080", &[], None, false, true);
        check("10.0.0.1:8080", &["http://10.0.0.1:8080"], Some("same-origin"), false, true);
        check("10.0.0.1:8080", &["http://10.0.0.1:8081"], None, false, false);
        check("10.0.0.1:8080", &["http://evil.example"], None, false, false);
        check("10.0.0.1:8080", &["null"], None, false, false);
        check("10.0.0.1:8080", &[""], None, false, false);
        check("10.0.0.1:8080", &["http://10.0.0.1:8080", "http://evil.example"], None, false, false);
        check("10.0.0.1:8080", &[], Some("cross-site"), false, false);
        check("10.0.0.1:8080", &[], Some("same-site"), false, false);
        check("10.0.0.1:8080", &[], Some("none"), false, true);
        // Behind a proxy that changes `Host`.
        check("localhost", &["https://logs.example.net"], None, false, true);
        check("localhost", &["https://Logs.example.net:8443"], None, true, true);
        check("localhost", &["https://logs.example.net.evil.example"], None, true, false);
        // What came over TLS was not sent by a page that did not.
        check("logs.example.net", &["http://logs.example.net"], None, true, false);
    }
}
